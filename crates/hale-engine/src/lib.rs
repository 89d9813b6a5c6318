//! The running agent: one event loop that observes, orients, decides, acts, verifies and remembers.
//!
//! Deliberately absent: opinions (they are in hale-brain), SQL (hale-store), anything that changes a
//! host (hale-act), screens (hale, hale-serve). A turn of the loop takes no input but the world and
//! what is stored, so that a restart, a lost event and a timer are one path, and the next turn is
//! the retry.

mod adviser;
mod agent;
mod cases;
mod commands;
pub mod companion;
mod consult;
mod core;
mod desk;
mod doctor;
mod doubt;
mod events;
mod files;
pub mod filters;
mod flow;
mod inbox;
pub mod investigate;
pub mod log_health;
mod masks;
mod meaning;
mod news;
mod offline;
mod panels;
pub mod playbooks;
mod recent;
mod recover;
mod refusals;
mod runbook;
mod services;
pub mod sign_in;
mod telemetry;
mod tokens;

use std::path::{Path, PathBuf};

use hale_model::config::Config;

pub use adviser::Adviser;
pub use agent::{Agent, OnceReport, run_once};
pub use doctor::probe_models;
pub use investigate::{advice_prompt, advise};
pub use masks::mask_credentials;
pub use offline::offline;
pub use telemetry::telemetry_worker;

/// Everything that is fixed for the life of an agent or a command.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The configuration, checked.
    pub config: Config,
    /// Where it came from (it may not exist: then it is the defaults).
    pub config_path: PathBuf,
    /// Where hale keeps its files.
    pub data_dir: PathBuf,
    /// Users' own rule files: path and text.
    pub user_rules: Vec<(String, String)>,
    /// Users' own playbooks: path and text.
    pub user_playbooks: Vec<(String, String)>,
    /// The `hale` program, which a running agent starts again as its telemetry worker. None: the
    /// same work is done in this process.
    pub program: Option<PathBuf>,
}

impl Settings {
    /// What is wrong with a person's own rules and playbooks, a sentence each; the others work.
    pub fn problems_of_files(&self) -> Vec<String> {
        core::problems_of_files(self).into_values().collect()
    }

    /// The real machine, read as configured.
    pub(crate) fn observed_roots(&self) -> hale_observe::Roots {
        hale_observe::Roots {
            engine: hale_observe::EngineAccess::configured(&self.config.containers.engine),
            kubernetes: hale_observe::KubeAccess::configured(&self.config.kubernetes),
            ..hale_observe::Roots::default()
        }
    }

    /// The real machine, to be changed as configured.
    pub(crate) fn act_roots(&self) -> hale_act::ActRoots {
        hale_act::ActRoots {
            engine: hale_act::EngineAccess::configured(&self.config.containers.engine),
            kubernetes: hale_act::KubeAccess::configured(&self.config.kubernetes),
            declared: self.config.services.clone(),
            ..hale_act::ActRoots::new(&self.data_dir)
        }
    }

    /// The machine's configured name, if it has one.
    pub(crate) fn machine_id(&self) -> Option<hale_model::MachineId> {
        let configured = self.config.general.machine_id.trim();
        (!configured.is_empty()).then(|| configured.into())
    }
}

/// The pid of the agent that holds this data directory, if one does.
pub fn agent_pid(data_dir: &Path) -> Option<i32> {
    files::Lock::holder(&files::Files::new(data_dir))
}

/// The socket that a running agent of this data directory answers on.
pub fn agent_socket(data_dir: &Path) -> PathBuf {
    data_dir.join("hale.sock")
}
