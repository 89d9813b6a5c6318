//! Whether there is memory for a model call: an answer, its JSON and TLS take some MiB, and a watchman
//! that is killed for memory watches nothing.

use std::path::{Path, PathBuf};

/// When no call is made.
#[derive(Clone, Debug, PartialEq)]
pub struct Governor {
    /// hale's own resident memory, in bytes, from which on no call is made.
    pub rss_bytes_max: u64,
    /// Share of a control group's limit, in percent, from which on no call is made. Page cache that
    /// can be dropped does not count.
    pub cgroup_percent_max: f64,
    /// The root of the file system: `/`.
    pub root: PathBuf,
}

impl Default for Governor {
    fn default() -> Self {
        Governor { rss_bytes_max: 512 << 20, cgroup_percent_max: 90.0, root: PathBuf::from("/") }
    }
}

/// Control groups above hale's that are looked at.
const CGROUP_DEPTH_MAX: usize = 32;

impl Governor {
    /// Whether a call may be made. What cannot be read refuses nothing.
    ///
    /// # Errors
    /// What is short, with both numbers.
    pub fn check(&self) -> Result<(), String> {
        let rss = self.read("proc/self/status").and_then(|text| rss_bytes(&text));
        if let Some(rss) = rss.filter(|rss| *rss >= self.rss_bytes_max) {
            return Err(format!(
                "hale itself holds {}; no call is made from {} on",
                hale_model::text::bytes(rss),
                hale_model::text::bytes(self.rss_bytes_max)
            ));
        }
        let Some(own) = self.read("proc/self/cgroup").and_then(|text| cgroup_v2(&text)) else {
            return Ok(());
        };
        let own = PathBuf::from(own.trim_start_matches('/'));
        for group in own.ancestors().take(CGROUP_DEPTH_MAX) {
            self.check_group(group)?;
        }
        Ok(())
    }

    fn check_group(&self, group: &Path) -> Result<(), String> {
        let folder = Path::new("sys/fs/cgroup").join(group);
        let number = |name: &str| self.read(folder.join(name))?.trim().parse::<u64>().ok();
        let (Some(max), Some(current)) = (number("memory.max"), number("memory.current")) else {
            return Ok(());
        };
        let stat = self.read(folder.join("memory.stat")).unwrap_or_default();
        let cache = stat
            .lines()
            .find_map(|line| line.strip_prefix("inactive_file ")?.trim().parse::<u64>().ok())
            .unwrap_or(0);
        let used = current.saturating_sub(cache);
        if max == 0 || used as f64 * 100.0 / (max as f64) < self.cgroup_percent_max {
            return Ok(());
        }
        Err(format!(
            "the control group /{} holds {} of its {}",
            group.display(),
            hale_model::text::bytes(used),
            hale_model::text::bytes(max)
        ))
    }

    fn read(&self, path: impl AsRef<Path>) -> Option<String> {
        std::fs::read_to_string(self.root.join(path)).ok()
    }
}

/// `VmRSS:    12345 kB` in `/proc/PID/status`.
fn rss_bytes(status: &str) -> Option<u64> {
    let rest = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    rest.split_ascii_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// `0::/system.slice/hale.service`
fn cgroup_v2(text: &str) -> Option<String> {
    text.lines().find_map(|line| line.strip_prefix("0::")).map(str::to_owned)
}
