//! The services, one file each.

mod catalog;
mod gateway;
mod policy;
mod quote;

pub use catalog::Catalog;
pub use gateway::Gateway;
pub use policy::Policies;
pub use quote::QuoteDesk;

use std::time::Duration;

use serde_json::json;

use crate::Role;
use crate::notice::Trouble;
use crate::server::Common;

/// Of late: the time over which a service judges its own requests.
const OF_LATE: Duration = Duration::from_secs(3);
/// The same for failures, which need no average.
const JUST_NOW: Duration = Duration::from_secs(1);
/// Fewer requests say nothing.
const REQUESTS_MIN: usize = 3;
/// A service that needs longer by itself is slow.
const SLOW: Duration = Duration::from_millis(600);
/// Share of requests that may fail, in percent.
const FAILED_PERCENT_MAX: usize = 20;
/// A thread whose CPU is above this, in percent of one core, computes for nobody.
const CPU_PERCENT_MAX: f64 = 85.0;

/// Slow by itself.
fn slow(common: &Common, role: Role, kind: &'static str, because: &str) -> Option<Trouble> {
    let recent = common.stats.within(OF_LATE);
    (recent.count >= REQUESTS_MIN && recent.median >= SLOW).then(|| Trouble {
        role,
        kind,
        message: format!(
            "{} is slow: half of its last {} requests took {} ms or more by itself{because}",
            role.as_str(),
            recent.count,
            recent.median.as_millis(),
        ),
        metrics: json!({ "median_ms": recent.median.as_millis() as u64, "requests": recent.count }),
    })
}

/// Fails by itself.
fn failing(common: &Common, role: Role, kind: &'static str, because: &str) -> Option<Trouble> {
    let recent = common.stats.within(JUST_NOW);
    let share_percent = recent.failed * 100 / recent.count.max(1);
    (recent.failed >= REQUESTS_MIN && share_percent >= FAILED_PERCENT_MAX).then(|| Trouble {
        role,
        kind,
        message: format!(
            "{} fails: {} of its last {} requests{because}",
            role.as_str(),
            recent.failed,
            recent.count
        ),
        metrics: json!({ "error_percent": share_percent, "requests": recent.count }),
    })
}

/// Computes for nobody.
fn hot(common: &Common, role: Role) -> Option<Trouble> {
    let cpu_percent = common.cpu_percent();
    (cpu_percent > CPU_PERCENT_MAX).then(|| Trouble {
        role,
        kind: "cpu",
        message: format!(
            "a thread of {} uses {cpu_percent:.0} % of a core, far more than its requests need",
            role.as_str()
        ),
        metrics: json!({ "cpu_percent": cpu_percent }),
    })
}
