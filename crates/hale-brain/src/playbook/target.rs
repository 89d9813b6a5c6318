//! What a step is aimed at, as a playbook names it: by its place in the story (the alert's subject,
//! what that belongs to, what explains it), or by a name.

use hale_model::action::ActionKind;

/// What a step is aimed at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// What the alert is about.
    Subject,
    /// The unit, container or workload that it belongs to.
    Owner,
    /// The one process that explains a shortage of the machine.
    Culprit,
    /// This unit.
    Unit(String),
    /// The container of this name.
    Container(String),
    /// This file system.
    Mount(String),
    /// This workload.
    Workload {
        /// Its namespace.
        namespace: String,
        /// `deployment`, `statefulset` or `daemonset`.
        kind: String,
        /// Its name.
        name: String,
    },
}

impl Target {
    /// Reads a target.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(crate) fn parse(text: &str) -> Result<Target, String> {
        let plain = |name: &str| {
            !name.is_empty() && name.len() <= 253 && !name.contains(|c: char| c.is_whitespace())
        };
        match (text, text.split_once(':')) {
            ("subject", _) => Ok(Target::Subject),
            ("owner", _) => Ok(Target::Owner),
            ("culprit", _) => Ok(Target::Culprit),
            (_, Some(("unit", unit))) if plain(unit) && unit.contains('.') => {
                Ok(Target::Unit(unit.to_owned()))
            }
            (_, Some(("unit", _))) => Err("a unit is named in full: unit:nginx.service".to_owned()),
            (_, Some(("container", name))) if plain(name) => Ok(Target::Container(name.to_owned())),
            (_, Some(("mount", path))) if path.starts_with('/') => {
                Ok(Target::Mount(path.to_owned()))
            }
            (_, Some(("mount", _))) => Err("a mount is named in full: mount:/var".to_owned()),
            (_, Some(("workload", name))) => Target::workload(name),
            _ => Err(
                "a target is `subject`, `owner`, `culprit`, or `unit:`, `container:`, `mount:` or \
                 `workload:` with a name"
                    .to_owned(),
            ),
        }
    }

    fn workload(name: &str) -> Result<Target, String> {
        let right = |part: &str| {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
            !part.is_empty() && part.len() <= 253 && part.chars().all(plain)
        };
        let mut parts = name.split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(namespace), Some(kind), Some(name), None)
                if right(namespace)
                    && right(name)
                    && matches!(kind, "deployment" | "statefulset" | "daemonset") =>
            {
                Ok(Target::Workload {
                    namespace: namespace.to_owned(),
                    kind: kind.to_owned(),
                    name: name.to_owned(),
                })
            }
            _ => Err("a workload is named workload:NAMESPACE/deployment/NAME".to_owned()),
        }
    }

    /// Whether this action can be aimed at it at all.
    ///
    /// # Errors
    /// Why not, in words.
    pub(crate) fn fits(&self, action: ActionKind) -> Result<(), String> {
        let right = match action {
            ActionKind::ProcessKill | ActionKind::ProcessPause | ActionKind::ProcessRenice => {
                matches!(self, Target::Subject | Target::Culprit)
            }
            ActionKind::ServiceRestart | ActionKind::ServiceStart | ActionKind::ServiceStop => {
                matches!(self, Target::Subject | Target::Owner | Target::Culprit | Target::Unit(_))
            }
            ActionKind::ContainerRestart
            | ActionKind::ContainerStart
            | ActionKind::ContainerStop
            | ActionKind::ContainerSetMemory => {
                matches!(
                    self,
                    Target::Subject | Target::Owner | Target::Culprit | Target::Container(_)
                )
            }
            ActionKind::K8sRolloutRestart | ActionKind::K8sRollback | ActionKind::K8sScale => {
                matches!(self, Target::Subject | Target::Owner | Target::Workload { .. })
            }
            ActionKind::DiskClean => matches!(self, Target::Subject | Target::Mount(_)),
            ActionKind::MemoryDropCaches | ActionKind::CommandRun | ActionKind::Notify => {
                matches!(self, Target::Subject)
            }
        };
        if right { Ok(()) } else { Err(format!("`{action}` cannot be aimed at that")) }
    }
}
