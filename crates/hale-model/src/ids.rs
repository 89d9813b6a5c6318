//! Names of things: typed ids, derived from what they name and never random, so that the same
//! input always gives the same output and a replay gives the same ids.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

id_type!(
    /// A machine: `[general] machine_id`, else the host name.
    MachineId
);
id_type!(
    /// An alert: `al-` and ten hex digits, from its fingerprint and when it was first seen.
    AlertId
);
id_type!(
    /// What makes two findings the same alert: sixteen hex digits over machine, kind and subject.
    Fingerprint
);
id_type!(
    /// An incident: `in-` and ten hex digits.
    IncidentId
);
id_type!(
    /// A plan: `pl-` and ten hex digits.
    PlanId
);
id_type!(
    /// An action: `ac-` and ten hex digits.
    ActionId
);
id_type!(
    /// A command that was run for a person: `ru-` and ten hex digits.
    RunId
);
id_type!(
    /// An approval: `ap-` and ten hex digits.
    ApprovalId
);
id_type!(
    /// A lesson: `le-` and ten hex digits.
    LessonId
);
id_type!(
    /// One observation that a claim may cite: `ob-` and ten hex digits.
    EvidenceId
);

impl MachineId {
    /// The id of the machine hale runs on when nothing else is configured.
    pub fn local(hostname: &str) -> Self {
        Self(if hostname.is_empty() { "localhost".to_owned() } else { hostname.to_owned() })
    }
}

impl Fingerprint {
    /// Same machine, kind and subject key: the same fingerprint.
    pub fn of(machine: &MachineId, kind: &str, subject_key: &str) -> Self {
        Self(hex_digest(&[machine.as_str(), kind, subject_key], 16))
    }
}

impl AlertId {
    /// The alert with this fingerprint that opened at this moment.
    pub fn of(fingerprint: &Fingerprint, first_seen_at: Timestamp) -> Self {
        Self(format!("al-{}", hex_digest(&[fingerprint.as_str(), &first_seen_at.to_string()], 10)))
    }
}

impl IncidentId {
    /// The incident that this alert opened.
    pub fn of(first_alert: &AlertId) -> Self {
        Self(format!("in-{}", hex_digest(&[first_alert.as_str()], 10)))
    }

    /// The incident that this alert opened when it came back for the n-th time after its earlier one was over.
    pub fn of_return(first_alert: &AlertId, times: u32) -> Self {
        Self(format!("in-{}", hex_digest(&[first_alert.as_str(), &times.to_string()], 10)))
    }
}

impl PlanId {
    /// The plan made for this incident at this moment.
    pub fn of(incident: &IncidentId, created_at: Timestamp) -> Self {
        Self(format!("pl-{}", hex_digest(&[incident.as_str(), &created_at.to_string()], 10)))
    }

    /// The plan made for what a person said at this moment.
    pub fn of_sentence(sentence: &str, created_at: Timestamp) -> Self {
        Self(format!("pl-{}", hex_digest(&["sentence", sentence, &created_at.to_string()], 10)))
    }
}

impl ActionId {
    /// The step with this index of a plan. An action that a person asked for directly has no plan:
    /// give its origin (`"cli"`, …) and the moment as the first argument.
    pub fn of(plan_or_origin: &str, index: usize) -> Self {
        Self(format!("ac-{}", hex_digest(&[plan_or_origin, &index.to_string()], 10)))
    }
}

impl RunId {
    /// The run of this action.
    pub fn of(action: &ActionId) -> Self {
        Self(format!("ru-{}", hex_digest(&[action.as_str()], 10)))
    }
}

impl ApprovalId {
    /// The approval that this action waits for.
    pub fn of(action: &ActionId, created_at: Timestamp) -> Self {
        Self(format!("ap-{}", hex_digest(&[action.as_str(), &created_at.to_string()], 10)))
    }
}

impl LessonId {
    /// The lesson about this symptom, action and class of target.
    pub fn of(alert_kind: &str, action_kind: &str, target_class: &str) -> Self {
        Self(format!("le-{}", hex_digest(&[alert_kind, action_kind, target_class], 10)))
    }
}

impl EvidenceId {
    /// What was observed: where, of what, which metric, when.
    pub fn of(machine: &MachineId, subject_key: &str, metric: &str, at: Timestamp) -> Self {
        let digest = hex_digest(&[machine.as_str(), subject_key, metric, &at.to_string()], 10);
        Self(format!("ob-{digest}"))
    }
}

/// First `digits` hex digits of a BLAKE3 hash over the parts, each with its length in front so
/// that `["ab","c"]` and `["a","bc"]` differ.
pub fn hex_digest(parts: &[&str], digits: usize) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let mut text = hasher.finalize().to_hex().to_string();
    text.truncate(digits);
    text
}

/// One process and no other: the kernel reuses a pid, but never together with its start time.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub struct ProcRef {
    /// Process id in hale's own pid namespace.
    pub pid: i32,
    /// Field 22 of `/proc/PID/stat`: clock ticks between boot and the start of the process.
    pub start_ticks: u64,
    /// The kernel's name of the process (`comm`), for people; not part of its identity.
    pub name: String,
}

impl ProcRef {
    /// `PID@START`, the identity as text.
    pub fn key(&self) -> String {
        format!("{}@{}", self.pid, self.start_ticks)
    }

    /// Whether both name the same process (the name is not compared).
    pub fn same_process(&self, other: &ProcRef) -> bool {
        self.pid == other.pid && self.start_ticks == other.start_ticks
    }
}

impl fmt::Display for ProcRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.pid, self.name)
    }
}
