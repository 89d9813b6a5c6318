//! Disks and file systems: `/proc/diskstats`, `/proc/self/mountinfo`, statvfs, `/proc/pressure/io`.

pub(super) mod mounts;
pub(super) mod usage;

use std::collections::HashSet;
use std::path::PathBuf;

use hale_model::sample::{DeviceCounters, DiskSample};

use self::usage::{Recorded, UsageReader};
use super::pressure;
use super::read::{self, ReadError, Scratch, decimal, lines, lossy, names, words};
use super::worker::{Collect, Moment, Reading};

const DISKSTATS_LIMIT_BYTES: usize = 1024 * 1024;
const MOUNTINFO_LIMIT_BYTES: usize = 4 * 1024 * 1024;
const DEVICES_MAX: usize = 1024;
const MOUNTS_MAX: usize = 512;
const DEVICE_LIST_AGE_MAX_SECS: u64 = 30;
const NANOS_PER_SEC: u64 = 1_000_000_000;
/// The kernel counts in these, whatever the device's own sectors are.
const SECTOR_BYTES: u64 = 512;
/// Not disks: files, memory, optical and floppy drives.
const NOT_DISKS: &[&str] = &["loop", "ram", "zram", "sr", "fd"];

pub(crate) struct DiskCollector {
    proc: PathBuf,
    sys: PathBuf,
    scratch: Scratch,
    live: bool,
    whole_devices: HashSet<String>,
    whole_devices_due_ns: u64,
    usage: UsageReader,
}

impl DiskCollector {
    pub(crate) fn new(proc: PathBuf, sys: PathBuf) -> Self {
        let live = read::is_procfs(&proc);
        DiskCollector {
            proc,
            sys,
            scratch: Scratch::default(),
            live,
            whole_devices: HashSet::new(),
            whole_devices_due_ns: 0,
            usage: UsageReader::default(),
        }
    }

    /// Whole devices with a size that do not stand on others: with the layers above (LVM, RAID,
    /// encryption) every byte would count twice.
    fn refresh_whole_devices(&mut self, now_ns: u64) {
        if now_ns < self.whole_devices_due_ns {
            return;
        }
        self.whole_devices_due_ns = now_ns.saturating_add(DEVICE_LIST_AGE_MAX_SECS * NANOS_PER_SEC);
        let block = self.sys.join("block");
        let devices = names(&block, 4 * DEVICES_MAX).into_iter().filter(|name| {
            let dir = block.join(name);
            is_disk(name)
                && self.scratch.number::<u64>(&dir.join("size")) != Some(0)
                && names(&dir.join("slaves"), 1).is_empty()
        });
        self.whole_devices = devices.map(|name| name.replace('!', "/")).collect();
    }

    fn devices(&mut self, now_ns: u64) -> Result<Vec<DeviceCounters>, ReadError> {
        self.refresh_whole_devices(now_ns);
        let path = self.proc.join("diskstats");
        let text = self.scratch.read(&path, DISKSTATS_LIMIT_BYTES)?;
        let whole = &self.whole_devices;
        let is_whole = |name: &str| {
            if whole.is_empty() { looks_whole(name) } else { whole.contains(name) }
        };
        Ok(lines(text)
            .filter_map(parse_diskstats_line)
            .filter(|device| is_whole(&device.device))
            .take(DEVICES_MAX)
            .collect())
    }

    fn mount_table(&mut self) -> Result<Vec<mounts::MountEntry>, ReadError> {
        let live = self.live;
        let text = self.scratch.read(&self.proc.join("self/mountinfo"), MOUNTINFO_LIMIT_BYTES)?;
        let entries = lines(text).filter_map(mounts::parse_mountinfo_line);
        Ok(mounts::real_mounts(entries.filter(|entry| !(live && entry.is_bound_file()))))
    }
}

impl Collect for DiskCollector {
    type Out = DiskSample;

    fn collect(&mut self, moment: Moment) -> Reading<DiskSample> {
        let mut reading = Reading::of(DiskSample::default());
        let mut sample = DiskSample::default();
        let devices = self.devices(moment.boottime_ns);
        // A container without a disk has no diskstats.
        let devices = reading.optional_part(devices);
        let table = match self.mount_table() {
            Ok(table) => table,
            Err(error) => match devices {
                Some(_) => {
                    reading.note(error.to_string());
                    Vec::new()
                }
                None => return Reading::failed(error),
            },
        };
        sample.devices = devices.unwrap_or_default();
        reading.lost += table.len().saturating_sub(MOUNTS_MAX) as u64;
        let table = table.into_iter().take(MOUNTS_MAX);
        if self.live {
            for entry in table {
                match self.usage.usage(&entry) {
                    Ok(usage) => sample.mounts.extend(usage),
                    Err(text) => {
                        reading.lost += 1;
                        reading.note(text);
                    }
                }
            }
        } else {
            let recorded = Recorded::read(&mut self.scratch, &self.proc);
            sample.mounts = table.filter_map(|entry| recorded.usage(&entry)).collect();
        }
        let pressure = pressure::read(&mut self.scratch, &self.proc, "io");
        sample.pressure = reading.part(pressure).flatten();
        Reading { value: Ok(sample), ..reading }
    }
}

fn is_disk(name: &str) -> bool {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    !NOT_DISKS.contains(&stem)
}

/// Without sysfs: whole devices by their names, as the kernel has given them so far.
fn looks_whole(name: &str) -> bool {
    let ends_in_digit = name.ends_with(|c: char| c.is_ascii_digit());
    if name.starts_with("nvme") || name.starts_with("mmcblk") {
        let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
        return is_disk(name) && !(stem.ends_with('p') && stem.len() > 4);
    }
    is_disk(name) && (!ends_in_digit || name.starts_with("md"))
}

pub(super) fn parse_diskstats_line(line: &[u8]) -> Option<DeviceCounters> {
    let mut words = words(line).skip(2);
    let device = lossy(words.next()?, 64);
    let mut next = || words.next().and_then(decimal);
    let (reads, _merged, read_sectors, read_ms) = (next()?, next()?, next()?, next()?);
    let (writes, _merged, write_sectors, write_ms) = (next()?, next()?, next()?, next()?);
    let (_in_flight, busy_ms) = (next()?, next()?);
    Some(DeviceCounters {
        device,
        reads,
        read_bytes: read_sectors.saturating_mul(SECTOR_BYTES),
        read_ms,
        writes,
        write_bytes: write_sectors.saturating_mul(SECTOR_BYTES),
        write_ms,
        busy_ms,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn diskstats_lines_of_new_and_old_kernels() {
        let new = b" 259 0 nvme0n1 10 1 80 5 20 2 160 9 0 12 14 1 2 3 4 5 6";
        let expected = DeviceCounters {
            device: "nvme0n1".into(),
            reads: 10,
            read_bytes: 80 * 512,
            read_ms: 5,
            writes: 20,
            write_bytes: 160 * 512,
            write_ms: 9,
            busy_ms: 12,
        };
        assert_eq!(parse_diskstats_line(new), Some(expected.clone()));
        assert_eq!(parse_diskstats_line(&new[..new.len() - 12]), Some(expected));
        assert_eq!(parse_diskstats_line(b"8 1 sda1 1 2 3 4"), None);
    }

    #[test]
    fn whole_devices_by_name() {
        for (name, expected) in [
            ("sda", true),
            ("sda1", false),
            ("vda", true),
            ("nvme0n1", true),
            ("nvme0n1p2", false),
            ("mmcblk0", true),
            ("mmcblk0p1", false),
            ("md0", true),
            ("loop3", false),
            ("zram0", false),
            ("ram15", false),
            ("sr0", false),
        ] {
            assert_eq!(looks_whole(name), expected, "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes(bytes: Vec<u8>, name: String) {
            parse_diskstats_line(&bytes);
            looks_whole(&name);
        }
    }
}
