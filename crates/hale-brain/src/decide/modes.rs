//! What each mode thinks of each action of the loop. One function a mode, each matching every kind
//! without `_`: a new action does not compile until somebody has decided about it in every mode.

use hale_model::action::ActionKind;
use hale_model::config::Mode;

/// What a mode thinks of a kind of action that nothing else forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stance {
    /// Done always: it only tells a person.
    Always,
    /// Never done in this mode.
    Never {
        /// Stable id of the rule.
        rule: &'static str,
        /// In words, with the next step.
        text: &'static str,
    },
    /// Done when a person has approved it.
    WhenApproved,
    /// Done alone where the pair is safe, granted or earned; else when approved.
    WhenEntitled,
}

/// The stance of this mode on this kind.
pub fn stance(mode: Mode, kind: ActionKind) -> Stance {
    match mode {
        Mode::Observe => observe(kind),
        Mode::Suggest => suggest(kind),
        Mode::Approve => approve(kind),
        Mode::Auto => auto(kind),
    }
}

const ONLY_WATCHES: Stance = Stance::Never {
    rule: "guard.mode.observe",
    text: "observe mode only watches; `[general] mode = \"approve\"` would ask",
};

const ONLY_SUGGESTS: Stance = Stance::Never {
    rule: "guard.mode.suggest",
    text: "suggest mode shows the command for a person to run; `mode = \"approve\"` would ask",
};

fn observe(kind: ActionKind) -> Stance {
    match kind {
        ActionKind::ProcessKill
        | ActionKind::ProcessPause
        | ActionKind::ProcessRenice
        | ActionKind::ServiceRestart
        | ActionKind::ServiceStart
        | ActionKind::ServiceStop
        | ActionKind::MemoryDropCaches
        | ActionKind::DiskClean
        | ActionKind::CommandRun
        | ActionKind::ContainerRestart
        | ActionKind::ContainerStart
        | ActionKind::ContainerStop
        | ActionKind::ContainerSetMemory
        | ActionKind::K8sRolloutRestart
        | ActionKind::K8sRollback
        | ActionKind::K8sScale => ONLY_WATCHES,
        ActionKind::Notify => Stance::Always,
    }
}

fn suggest(kind: ActionKind) -> Stance {
    match kind {
        ActionKind::ProcessKill
        | ActionKind::ProcessPause
        | ActionKind::ProcessRenice
        | ActionKind::ServiceRestart
        | ActionKind::ServiceStart
        | ActionKind::ServiceStop
        | ActionKind::MemoryDropCaches
        | ActionKind::DiskClean
        | ActionKind::CommandRun
        | ActionKind::ContainerRestart
        | ActionKind::ContainerStart
        | ActionKind::ContainerStop
        | ActionKind::ContainerSetMemory
        | ActionKind::K8sRolloutRestart
        | ActionKind::K8sRollback
        | ActionKind::K8sScale => ONLY_SUGGESTS,
        ActionKind::Notify => Stance::Always,
    }
}

fn approve(kind: ActionKind) -> Stance {
    match kind {
        ActionKind::ProcessKill
        | ActionKind::ProcessPause
        | ActionKind::ProcessRenice
        | ActionKind::ServiceRestart
        | ActionKind::ServiceStart
        | ActionKind::ServiceStop
        | ActionKind::MemoryDropCaches
        | ActionKind::DiskClean
        | ActionKind::CommandRun
        | ActionKind::ContainerRestart
        | ActionKind::ContainerStart
        | ActionKind::ContainerStop
        | ActionKind::ContainerSetMemory
        | ActionKind::K8sRolloutRestart
        | ActionKind::K8sRollback
        | ActionKind::K8sScale => Stance::WhenApproved,
        ActionKind::Notify => Stance::Always,
    }
}

fn auto(kind: ActionKind) -> Stance {
    match kind {
        ActionKind::ProcessKill
        | ActionKind::ProcessPause
        | ActionKind::ProcessRenice
        | ActionKind::ServiceRestart
        | ActionKind::ServiceStart
        | ActionKind::MemoryDropCaches
        | ActionKind::DiskClean
        | ActionKind::ContainerRestart
        | ActionKind::ContainerStart
        | ActionKind::ContainerSetMemory
        | ActionKind::K8sRolloutRestart
        | ActionKind::K8sRollback
        | ActionKind::K8sScale => Stance::WhenEntitled,
        // Taking a service away is critical by its nature, and a command can be anything: no grant
        // and no record makes them routine.
        ActionKind::ServiceStop | ActionKind::CommandRun | ActionKind::ContainerStop => {
            Stance::WhenApproved
        }
        ActionKind::Notify => Stance::Always,
    }
}
