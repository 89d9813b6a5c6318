//! A small insurance marketplace: four services in one program, by [`Role`]. It sells real (made-up)
//! policies over HTTP, keeps them in a database file, tells OpenTelemetry about everything it does, and
//! fails on request. Every fault has a real cause that only the right cure ends; `docs/demo.md` has the table.
//!
//! Deliberately absent: anything that knows hale. The marketplace speaks OTLP and posts a webhook, as
//! any application of a user would, and its cures come from outside.

mod calls;
mod customer;
mod faults;
mod market;
mod notice;
mod pages;
mod proc;
mod roles;
mod server;
mod stats;
mod store;
mod telemetry;

use std::net::SocketAddr;
use std::path::PathBuf;

pub use customer::{Customer, Visit};
pub use faults::Fault;
pub use market::{Facts, Policy, Product, Quote};
pub use server::{RoleError, run};

/// Which of the services a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// The pages and the API that customers see.
    Gateway,
    /// What can be bought.
    Catalog,
    /// What it costs.
    Quote,
    /// Payments and policies; owns the database file and the spool of receipts.
    Policy,
}

impl Role {
    /// Every role, in the order in which they are started: whoever is asked first.
    pub const ALL: [Role; 4] = [Role::Catalog, Role::Quote, Role::Policy, Role::Gateway];

    /// The name on the command line, in telemetry and in webhooks.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Gateway => "gateway",
            Role::Catalog => "catalog",
            Role::Quote => "quote",
            Role::Policy => "policy",
        }
    }

    /// The role with this name.
    pub fn parse(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

/// How whoever heals the marketplace knows its services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// As containers.
    Container,
    /// As units of a service manager.
    Unit,
}

/// Where the services listen, all on loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Of [`Role::Gateway`].
    pub gateway: SocketAddr,
    /// Of [`Role::Catalog`].
    pub catalog: SocketAddr,
    /// Of [`Role::Quote`].
    pub quote: SocketAddr,
    /// Of [`Role::Policy`].
    pub policy: SocketAddr,
}

impl Addresses {
    /// Where this one listens.
    pub fn of(&self, role: Role) -> SocketAddr {
        match role {
            Role::Gateway => self.gateway,
            Role::Catalog => self.catalog,
            Role::Quote => self.quote,
            Role::Policy => self.policy,
        }
    }
}

/// Everything a service is told when it starts.
#[derive(Clone, Debug)]
pub struct RoleSettings {
    /// Which one it is.
    pub role: Role,
    /// Where all of them listen.
    pub addresses: Addresses,
    /// Where the policy service keeps `marketplace.db` and `spool/`.
    pub data_dir: PathBuf,
    /// Where telemetry goes: the base address of an OTLP/HTTP receiver. None: nowhere.
    pub otlp: Option<String>,
    /// Where a service that notices trouble posts it. None: nowhere.
    pub webhook: Option<String>,
    /// What the webhook's receiver wants to be shown, if anything.
    pub webhook_token: Option<String>,
    /// What `webhook` names as the thing in trouble: this before the role's name.
    pub target_prefix: String,
    /// What such a name is.
    pub target_kind: TargetKind,
    /// Anonymous memory beyond which the quote service turns customers away, in MiB. A leak ends at
    /// twice this.
    pub memory_budget_mib: u64,
    /// Bytes that the spool of receipts may hold, in MiB.
    pub spool_mib: u64,
    /// End when standard input does: whoever started this is gone.
    pub until_stdin_ends: bool,
}

impl RoleSettings {
    /// How a service is known outside.
    pub fn target_of(&self, role: Role) -> String {
        format!("{}{}", self.target_prefix, role.as_str())
    }
}
