//! CPU: `/proc/stat`, `/proc/loadavg`, `/proc/pressure/cpu`, cpufreq, hwmon and thermal zones.

use std::path::{Path, PathBuf};

use hale_model::sample::{CpuSample, CpuTicks, Temperature};

use super::pressure;
use super::read::{ReadError, Scratch, decimal, lines, names, parse, words};
use super::worker::{Collect, Moment, Reading};

/// Most of this is the interrupt line of machines with many CPUs.
const STAT_LIMIT_BYTES: usize = 4 * 1024 * 1024;
const SMALL_LIMIT_BYTES: usize = 4096;
const CPUINFO_LIMIT_BYTES: usize = 4 * 1024 * 1024;
const CORES_MAX: usize = 4096;
const SENSORS_MAX: usize = 256;
const CHIPS_MAX: usize = 256;
/// Asking a core for its frequency interrupts it: not every time.
const FREQUENCY_AGE_MAX_SECS: u64 = 15;
/// Sensors come and go with drivers, rarely.
const SENSOR_LIST_AGE_MAX_SECS: u64 = 300;
/// What no sensor of a running computer shows: it is not connected.
const PLAUSIBLE_CELSIUS: std::ops::RangeInclusive<f64> = -40.0..=150.0;
/// Chips that belong to GPUs, which tell their temperature themselves.
const GPU_CHIPS: &[&str] = &["amdgpu", "radeon", "nouveau", "nvidia", "i915", "xe"];

const NANOS_PER_SEC: u64 = 1_000_000_000;

pub(crate) struct CpuCollector {
    proc: PathBuf,
    sys: PathBuf,
    scratch: Scratch,
    frequency_mhz: Vec<u32>,
    frequency_due_ns: u64,
    sensors: Vec<Sensor>,
    sensors_due_ns: u64,
}

/// A place where the kernel shows a temperature.
struct Sensor {
    label: String,
    input: PathBuf,
    critical_celsius: Option<f64>,
}

impl CpuCollector {
    pub(crate) fn new(proc: PathBuf, sys: PathBuf) -> Self {
        CpuCollector {
            proc,
            sys,
            scratch: Scratch::default(),
            frequency_mhz: Vec::new(),
            frequency_due_ns: 0,
            sensors: Vec::new(),
            sensors_due_ns: 0,
        }
    }

    fn stat(&mut self) -> Result<CpuSample, ReadError> {
        let path = self.proc.join("stat");
        let text = self.scratch.read(&path, STAT_LIMIT_BYTES)?;
        parse_stat(text).ok_or_else(|| ReadError::content(&path, "no line for all CPUs"))
    }

    fn load(&mut self) -> Result<[f64; 3], ReadError> {
        let path = self.proc.join("loadavg");
        let text = self.scratch.read(&path, SMALL_LIMIT_BYTES)?;
        parse_loadavg(text).ok_or_else(|| ReadError::content(&path, "not three averages"))
    }

    fn frequencies(&mut self, now_ns: u64) -> Vec<u32> {
        if now_ns >= self.frequency_due_ns {
            self.frequency_due_ns = now_ns.saturating_add(FREQUENCY_AGE_MAX_SECS * NANOS_PER_SEC);
            self.frequency_mhz = self.read_frequencies();
        }
        self.frequency_mhz.clone()
    }

    fn read_frequencies(&mut self) -> Vec<u32> {
        let cpus = self.sys.join("devices/system/cpu");
        let mut cores: Vec<u32> = names(&cpus, CORES_MAX)
            .iter()
            .filter_map(|name| name.strip_prefix("cpu")?.parse().ok())
            .collect();
        cores.sort_unstable();
        let of_core = |core: &u32| {
            let file = cpus.join(format!("cpu{core}/cpufreq/scaling_cur_freq"));
            self.scratch.number::<u32>(&file).map(|khz| khz / 1000)
        };
        let told: Vec<u32> = cores.iter().filter_map(of_core).collect();
        if !told.is_empty() {
            return told;
        }
        match self.scratch.read(&self.proc.join("cpuinfo"), CPUINFO_LIMIT_BYTES) {
            Ok(text) => parse_cpuinfo(text),
            Err(_) => Vec::new(),
        }
    }

    fn temperatures(&mut self, now_ns: u64) -> Vec<Temperature> {
        if now_ns >= self.sensors_due_ns {
            self.sensors_due_ns = now_ns.saturating_add(SENSOR_LIST_AGE_MAX_SECS * NANOS_PER_SEC);
            self.sensors = find_sensors(&mut self.scratch, &self.sys);
        }
        let scratch = &mut self.scratch;
        let read = |sensor: &Sensor| {
            // A sensor that does not answer (a disk asleep, a chip switched off) is left out.
            let celsius = celsius(scratch, &sensor.input)?;
            let critical_celsius = sensor.critical_celsius;
            Some(Temperature { label: sensor.label.clone(), celsius, critical_celsius })
        };
        self.sensors.iter().filter_map(read).collect()
    }
}

impl Collect for CpuCollector {
    type Out = CpuSample;

    fn collect(&mut self, moment: Moment) -> Reading<CpuSample> {
        let mut sample = match self.stat() {
            Ok(sample) => sample,
            Err(error) => return Reading::failed(error),
        };
        let mut reading = Reading::of(CpuSample::default());
        let load = self.load();
        sample.load = reading.part(load).unwrap_or_default();
        let pressure = pressure::read(&mut self.scratch, &self.proc, "cpu");
        sample.pressure = reading.part(pressure).flatten();
        sample.frequency_mhz = self.frequencies(moment.boottime_ns);
        sample.temperatures = self.temperatures(moment.boottime_ns);
        Reading { value: Ok(sample), ..reading }
    }
}

pub(super) fn parse_stat(text: &[u8]) -> Option<CpuSample> {
    let mut sample = CpuSample::default();
    let mut found = false;
    for line in lines(text) {
        let mut words = words(line);
        let Some(key) = words.next() else { continue };
        if key == b"cpu" {
            sample.total = parse_ticks(words);
            found = true;
        } else if key.strip_prefix(b"cpu").and_then(decimal).is_some() {
            if sample.cores.len() < CORES_MAX {
                sample.cores.push(parse_ticks(words));
            }
        } else if key == b"procs_running" {
            sample.runnable = words.next().and_then(parse).unwrap_or(0);
        }
    }
    found.then_some(sample)
}

/// user nice system idle iowait irq softirq steal; guest time is part of user time already.
fn parse_ticks<'a>(words: impl Iterator<Item = &'a [u8]>) -> CpuTicks {
    // So small that a sum of all cannot overflow.
    const TICKS_MAX: u64 = u64::MAX / 16;
    let mut field = [0u64; 8];
    for (slot, word) in field.iter_mut().zip(words) {
        *slot = decimal(word).unwrap_or(0).min(TICKS_MAX);
    }
    let [user, nice, system, idle, iowait, irq, softirq, steal] = field;
    CpuTicks { user: user + nice, system, idle, iowait, irq: irq + softirq, steal }
}

pub(super) fn parse_loadavg(text: &[u8]) -> Option<[f64; 3]> {
    let mut words = words(text);
    let mut next = || words.next().and_then(parse::<f64>).filter(|l| l.is_finite() && *l >= 0.0);
    Some([next()?, next()?, next()?])
}

pub(super) fn parse_cpuinfo(text: &[u8]) -> Vec<u32> {
    lines(text)
        .filter_map(|line| {
            let value = line.strip_prefix(b"cpu MHz")?;
            let at = value.iter().position(|b| *b == b':')?;
            parse::<f64>(value.get(at + 1..)?.trim_ascii())
        })
        .filter(|mhz| (1.0..100_000.0).contains(mhz))
        .map(|mhz| mhz as u32)
        .take(CORES_MAX)
        .collect()
}

/// A temperature in degrees; the kernel writes thousandths.
pub(crate) fn celsius(scratch: &mut Scratch, path: &Path) -> Option<f64> {
    let celsius = scratch.number::<i64>(path)? as f64 / 1000.0;
    PLAUSIBLE_CELSIUS.contains(&celsius).then_some(celsius)
}

fn find_sensors(scratch: &mut Scratch, sys: &Path) -> Vec<Sensor> {
    let mut sensors = Vec::new();
    let mut chips = Vec::new();
    let hwmon = sys.join("class/hwmon");
    for entry in names(&hwmon, CHIPS_MAX) {
        let chip_dir = hwmon.join(&entry);
        let chip = scratch.text(&chip_dir.join("name")).unwrap_or(entry);
        if !GPU_CHIPS.contains(&chip.as_str()) {
            chip_sensors(scratch, &chip_dir, &chip, &mut sensors);
        }
        chips.push(chip);
    }
    let zones = sys.join("class/thermal");
    for entry in names(&zones, CHIPS_MAX) {
        if !entry.starts_with("thermal_zone") {
            continue;
        }
        let zone = zones.join(&entry);
        let kind = scratch.text(&zone.join("type")).unwrap_or(entry);
        // The kernel shows most zones a second time, as a chip of the same name.
        if !chips.contains(&kind.replace('-', "_")) {
            sensors.push(Sensor {
                label: format!("thermal/{kind}"),
                input: zone.join("temp"),
                critical_celsius: critical_trip(scratch, &zone),
            });
        }
    }
    sensors.truncate(SENSORS_MAX);
    sensors
}

fn chip_sensors(scratch: &mut Scratch, dir: &Path, chip: &str, sensors: &mut Vec<Sensor>) {
    const FILES_MAX: usize = 1024;
    for file in names(dir, FILES_MAX) {
        let Some(sensor) = file.strip_suffix("_input").filter(|f| f.starts_with("temp")) else {
            continue;
        };
        let label = scratch.text(&dir.join(format!("{sensor}_label")));
        let label = label.filter(|l| !l.is_empty()).unwrap_or_else(|| sensor.to_owned());
        sensors.push(Sensor {
            label: format!("{chip}/{label}"),
            input: dir.join(&file),
            critical_celsius: celsius(scratch, &dir.join(format!("{sensor}_crit")))
                .filter(|c| *c > 0.0),
        });
    }
}

fn critical_trip(scratch: &mut Scratch, zone: &Path) -> Option<f64> {
    const TRIPS_MAX: u32 = 16;
    (0..TRIPS_MAX)
        .map_while(|n| Some((n, scratch.text(&zone.join(format!("trip_point_{n}_type")))?)))
        .find(|(_, kind)| kind == "critical")
        .map(|(n, _)| zone.join(format!("trip_point_{n}_temp")))
        .and_then(|path| celsius(&mut Scratch::default(), &path))
        .filter(|c| *c > 0.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ticks_of_all_and_each() {
        let text =
            b"cpu  10 1 20 300 5 2 3 4 9 9\ncpu0 6 0 10 150 2 1 1 2 0 0\ncpu1 4 1 10 150 3 1\n\
            intr 9 9 9\nctxt 5\nprocs_running 3\nprocs_blocked 0\n";
        let sample = parse_stat(text).unwrap();
        let total = CpuTicks { user: 11, system: 20, idle: 300, iowait: 5, irq: 5, steal: 4 };
        assert_eq!(sample.total, total);
        assert_eq!(sample.cores.len(), 2);
        assert_eq!(sample.cores[1].steal, 0);
        assert_eq!(sample.runnable, 3);
        assert_eq!(parse_stat(b"intr 1\n"), None);
        assert!(
            parse_stat(b"cpu 99999999999999999999 18446744073709551615 18446744073709551615")
                .is_some()
        );
    }

    #[test]
    fn load_and_frequencies() {
        assert_eq!(parse_loadavg(b"0.50 1.25 2.00 3/456 789\n"), Some([0.5, 1.25, 2.0]));
        assert_eq!(parse_loadavg(b"0.50 nan 2.00\n"), None);
        assert_eq!(parse_cpuinfo(b"processor\t: 0\ncpu MHz\t\t: 2400.123\ncpu MHz : x\n"), [2400]);
    }

    proptest! {
        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            if let Some(sample) = parse_stat(&bytes) {
                sample.total.total();
            }
            parse_loadavg(&bytes);
            parse_cpuinfo(&bytes);
        }

        #[test]
        fn any_numbers(fields: Vec<u64>) {
            let line = fields.iter().fold("cpu".to_owned(), |l, f| format!("{l} {f}"));
            parse_stat(line.as_bytes()).unwrap().total.total();
        }
    }
}
