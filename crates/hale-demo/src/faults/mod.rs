//! What can go wrong on request. Each fault is a real one of its kind, in the service that owns what it
//! breaks, bounded in bytes and in time, and ended by the right cure alone.

mod cpu;
mod crash;
mod disk;
mod latency;
mod lock;
mod memory;

use std::time::Duration;

pub use cpu::RunawayThread;
pub use crash::crash_soon;
pub use disk::{Spool, SpoolError};
pub use latency::Slots;
pub use lock::HeldTransaction;
pub use memory::Leak;

use crate::Role;

/// A fault that nobody cures ends by itself after this time, where its cause is a thread or memory.
pub const FAULT_TIME_MAX: Duration = Duration::from_secs(600);

/// A way to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// The quote service keeps everything it ever computed, until it has to turn customers away.
    Memory,
    /// A thread of the catalog service computes without end.
    Cpu,
    /// Workers of the catalog service are never given back: whoever comes waits.
    Latency,
    /// A job of the policy service holds a write transaction on the database nearly all the time.
    DbLatency,
    /// A price revision panicked with the lock in its hand: no price can be computed any more.
    Errors,
    /// The policy service aborts.
    Crash,
    /// Old dumps fill the spool of the policy service: no receipt can be written, so nothing be sold.
    Disk,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Fault; 7] = [
        Fault::Memory,
        Fault::Cpu,
        Fault::Latency,
        Fault::DbLatency,
        Fault::Errors,
        Fault::Crash,
        Fault::Disk,
    ];

    /// The name on the command line, and in addresses after `/trigger_`.
    pub fn as_str(self) -> &'static str {
        match self {
            Fault::Memory => "memory",
            Fault::Cpu => "cpu",
            Fault::Latency => "latency",
            Fault::DbLatency => "db_latency",
            Fault::Errors => "errors",
            Fault::Crash => "crash",
            Fault::Disk => "disk",
        }
    }

    /// The fault of this name.
    pub fn parse(name: &str) -> Option<Fault> {
        Fault::ALL.into_iter().find(|fault| fault.as_str() == name)
    }

    /// The service in which its cause lies.
    pub fn owner(self) -> Role {
        match self {
            Fault::Memory | Fault::Errors => Role::Quote,
            Fault::Cpu | Fault::Latency => Role::Catalog,
            Fault::DbLatency | Fault::Crash | Fault::Disk => Role::Policy,
        }
    }
}
