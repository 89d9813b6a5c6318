//! The parsers of what other programs wrote, each as a function of bytes, for the targets in `fuzz/`.
//! Not for use: names and meaning may change at any time.
//!
//! # Panics
//! Where a parser does, and where its answer breaks a promise of its own.

use std::collections::HashSet;

use hale_model::Timestamp;
use hale_model::sample::MemorySample;
use hale_model::scrape::SERIES_PER_TARGET_MAX;

use super::host::Units;
use super::journal::{MESSAGE_LIMIT_BYTES, NAME_LIMIT_BYTES, entry, kmsg};
use super::network::Sockets;
use super::process::{cgroup, lineage, stat, users};
use super::read::{lines, lossy};
use super::scrape::Exposition;
use super::worker::Moment;
use super::{cpu, disk, host, memory, network, pressure, process};

/// Lines of `journalctl -o json`.
pub fn journal(text: &[u8]) {
    for parsed in lines(text).filter_map(entry::parse_entry) {
        assert!(parsed.entry.priority <= 7);
        assert!(parsed.entry.message.len() <= MESSAGE_LIMIT_BYTES);
        assert!(parsed.entry.identifier.len() <= NAME_LIMIT_BYTES);
        assert!(parsed.entry.unit.is_none_or(|unit| unit.len() <= NAME_LIMIT_BYTES));
        assert!(parsed.cursor.is_none_or(|cursor| cursor.len() <= NAME_LIMIT_BYTES));
    }
}

/// Records of `/dev/kmsg`, and a cursor of it.
pub fn kmsg(text: &[u8]) {
    let now = Timestamp::UNIX_EPOCH;
    let moment = Moment { boottime_ns: 100_000_000_000 };
    for entry in lines(text).filter_map(kmsg::parse_record).filter_map(|r| r.entry(now, moment)) {
        assert!(entry.priority <= 7);
        assert!(entry.message.len() <= MESSAGE_LIMIT_BYTES);
        assert!(entry.identifier.len() <= NAME_LIMIT_BYTES);
    }
    kmsg::parse_cursor(&String::from_utf8_lossy(text), "boot");
}

/// `/proc/PID/{stat,status,io,cgroup,cmdline,environ}` and `/etc/passwd`.
pub fn process(text: &[u8]) {
    stat::parse_stat(text);
    stat::parse_io(text);
    stat::parse_real_uid(text);
    process::command_line(text);
    lineage::environment_trace(text);
    users::parse_passwd(text);
    // The first line as pid 1's, the rest as another's.
    let (init, other) = text.split_at(text.iter().position(|b| *b == b'\n').unwrap_or(0));
    let owned = cgroup::ownership(other, &cgroup::root_prefix(init));
    if let Some(path) = &owned.path {
        lineage::cgroup_trace(path);
    }
    assert!(owned.unit.is_none() || owned.container.is_none());
}

/// `/proc/{stat,loadavg,cpuinfo,meminfo,vmstat,pressure/*}`, the auxiliary vector and `os-release`.
pub fn system(text: &[u8]) {
    cpu::parse_stat(text);
    if let Some(load) = cpu::parse_loadavg(text) {
        assert!(load.iter().all(|l| l.is_finite() && *l >= 0.0));
    }
    cpu::parse_cpuinfo(text);
    memory::parse_meminfo(text);
    memory::parse_vmstat(text, &mut MemorySample::default());
    let told = pressure::parse_pressure(text);
    for percent in [told.some_avg10, told.some_avg60, told.full_avg10, told.full_avg60] {
        assert!((0.0..=100.0).contains(&percent));
    }
    let units = host::parse_auxv(text, Units { ticks_per_sec: 100, page_bytes: 4096 });
    units.ticks_to_ns(u64::MAX);
    host::pretty_name(&String::from_utf8_lossy(text));
}

/// `/proc/diskstats`, `/proc/self/mountinfo` and what the recorder writes of `statvfs`.
pub fn disk(text: &[u8]) {
    for line in lines(text) {
        disk::parse_diskstats_line(line);
        disk::usage::parse_line(line);
    }
    disk::mounts::real_mounts(lines(text).filter_map(disk::mounts::parse_mountinfo_line));
}

/// The Prometheus text format, whole and cut in two: the same series come of it.
pub fn exposition(text: &[u8]) {
    let read = |pieces: [&[u8]; 2]| {
        let mut exposition = Exposition::new(Vec::new(), Vec::new());
        pieces.iter().for_each(|piece| exposition.feed(piece));
        exposition.finish();
        exposition
    };
    let whole = read([text, b""]);
    let cut = read([&text[..text.len() / 2], &text[text.len() / 2..]]);
    assert_eq!((&whole.series, whole.lost), (&cut.series, cut.lost));
    assert!(whole.series.len() <= SERIES_PER_TARGET_MAX);
    for series in &whole.series {
        assert!(series.value.is_finite());
        // What is written as it is shown is the same series again.
        let again = read([format!("{} 1", series.name()).as_bytes(), b""]);
        let same = again.series.first().map(|s| (&s.metric, &s.labels));
        assert_eq!(same, Some((&series.metric, &series.labels)));
    }
}

/// `/proc/net/dev` and the socket tables.
pub fn network(text: &[u8]) {
    lines(text).for_each(|line| {
        network::parse_dev_line(line);
    });
    for table in ["tcp", "tcp6", "udp"] {
        network::add_table(table, text, &mut Sockets::default(), &mut HashSet::new());
    }
    // What every text of all these readers goes through.
    for limit_bytes in [0, 1, 7, 64] {
        assert!(lossy(text, limit_bytes).len() <= limit_bytes);
    }
}
