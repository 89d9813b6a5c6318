//! Facts that do not change while a machine is up, and its clocks.

use std::path::Path;

use hale_model::sample::HostFacts;
use rustix::time::{ClockId, clock_gettime};

use super::read::{self, Scratch, lines, words};
use super::worker::Moment;

const NANOS_PER_SEC: u64 = 1_000_000_000;
const STAT_LIMIT_BYTES: usize = 4 * 1024 * 1024;

/// The kernel's units: what a tick and a page are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Units {
    pub(crate) ticks_per_sec: u64,
    pub(crate) page_bytes: u64,
}

impl Units {
    /// From the auxiliary vector that the kernel gave to a process of that machine, so that a
    /// recording carries its own units; else the usual ones.
    pub(crate) fn of(scratch: &mut Scratch, proc: &Path) -> Units {
        const LIMIT_BYTES: usize = 4096;
        let usual = Units { ticks_per_sec: 100, page_bytes: 4096 };
        match scratch.read(&proc.join("self/auxv"), LIMIT_BYTES) {
            Ok(auxv) => parse_auxv(auxv, usual),
            Err(_) => usual,
        }
    }

    pub(crate) fn ticks_to_ns(self, ticks: u64) -> u64 {
        ticks.saturating_mul(NANOS_PER_SEC / self.ticks_per_sec.clamp(1, NANOS_PER_SEC))
    }
}

pub(super) fn parse_auxv(auxv: &[u8], usual: Units) -> Units {
    const AT_PAGESZ: u64 = 6;
    const AT_CLKTCK: u64 = 17;
    let mut units = usual;
    let (pairs, _) = auxv.as_chunks::<16>();
    for pair in pairs {
        let (halves, _) = pair.as_chunks::<8>();
        let [key, value] = [halves[0], halves[1]].map(u64::from_ne_bytes);
        match key {
            AT_PAGESZ if value.is_power_of_two() && value <= 1 << 20 => units.page_bytes = value,
            AT_CLKTCK if (1..=100_000).contains(&value) => units.ticks_per_sec = value,
            _ => {}
        }
    }
    units
}

/// The machine's facts; what cannot be read stays empty.
pub(crate) fn facts(scratch: &mut Scratch, proc: &Path, etc: &Path, units: Units) -> HostFacts {
    let kernel = proc.join("sys/kernel");
    let os = ["os-release", "../usr/lib/os-release"]
        .iter()
        .find_map(|name| scratch.text(&etc.join(name)))
        .and_then(|text| pretty_name(&text));
    HostFacts {
        hostname: scratch.text(&kernel.join("hostname")).unwrap_or_default(),
        os: os.unwrap_or_default(),
        kernel: scratch.text(&kernel.join("osrelease")).unwrap_or_default(),
        boot_id: scratch.text(&kernel.join("random/boot_id")).unwrap_or_default(),
        ticks_per_sec: units.ticks_per_sec,
        cores: scratch
            .read(&proc.join("stat"), STAT_LIMIT_BYTES)
            .map(|text| lines(text).filter(|line| is_core_line(line)).count() as u32)
            .unwrap_or(0),
    }
}

fn is_core_line(line: &[u8]) -> bool {
    line.strip_prefix(b"cpu").and_then(|rest| rest.first()).is_some_and(u8::is_ascii_digit)
}

pub(super) fn pretty_name(os_release: &str) -> Option<String> {
    let value = os_release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(value.trim().trim_matches(['"', '\'']).to_owned())
}

/// The instant: the kernel's clock for this machine, the recorded uptime for a recording.
pub(crate) fn moment(scratch: &mut Scratch, proc: &Path, live: bool) -> Moment {
    if !live {
        let uptime = scratch.text(&proc.join("uptime"));
        let secs =
            uptime.and_then(|text| words(text.as_bytes()).next().and_then(read::parse::<f64>));
        let secs = secs.filter(|s| s.is_finite() && *s >= 0.0).unwrap_or(0.0);
        return Moment { boottime_ns: (secs * NANOS_PER_SEC as f64) as u64 };
    }
    let now = clock_gettime(ClockId::Boottime);
    let nanos = u64::try_from(now.tv_sec).unwrap_or(0).saturating_mul(NANOS_PER_SEC);
    Moment { boottime_ns: nanos.saturating_add(u64::try_from(now.tv_nsec).unwrap_or(0)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_of_another_machine() {
        let mut auxv = Vec::new();
        for (key, value) in [(6u64, 65_536u64), (17, 250), (0, 0)] {
            auxv.extend(key.to_ne_bytes());
            auxv.extend(value.to_ne_bytes());
        }
        let usual = Units { ticks_per_sec: 100, page_bytes: 4096 };
        assert_eq!(parse_auxv(&auxv, usual), Units { ticks_per_sec: 250, page_bytes: 65_536 });
        assert_eq!(parse_auxv(b"short", usual), usual);
    }

    #[test]
    fn names_of_systems() {
        let text = "NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";
        assert_eq!(pretty_name(text).as_deref(), Some("Debian GNU/Linux 12 (bookworm)"));
        assert_eq!(pretty_name("PRETTY_NAME=Void\n").as_deref(), Some("Void"));
        assert_eq!(pretty_name(""), None);
    }

    proptest! {
        #[test]
        fn any_bytes(bytes: Vec<u8>, text: String) {
            parse_auxv(&bytes, Units { ticks_per_sec: 100, page_bytes: 4096 });
            pretty_name(&text);
        }
    }
}
