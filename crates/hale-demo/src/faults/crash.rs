//! The end of a process without any order.

use std::time::Duration;

/// The answer to whoever asked for it gets out first.
const PAUSE: Duration = Duration::from_millis(50);

/// Aborts this process in a moment, without a core file.
pub fn crash_soon() {
    let no_core = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    // Where it cannot be lowered, a core file is written as the machine has it.
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, no_core);
    std::thread::spawn(|| {
        std::thread::sleep(PAUSE);
        std::process::abort();
    });
}
