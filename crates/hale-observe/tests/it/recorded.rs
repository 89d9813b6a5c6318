//! Recorded machines, from `fixtures/hosts`: the whole derived view of each, as text.
//!
//! `later/` in a recording holds the files that had changed ten seconds later.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use hale_model::snapshot::{Process, Snapshot};
use hale_model::text::{bytes, duration};
use hale_observe::{BusAccess, EngineAccess, JournalAccess, LocalObserver, Roots};

fn recording(name: &str) -> PathBuf {
    Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap())
        .join("../../fixtures/hosts")
        .join(name)
}

fn copy_over(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            copy_over(&source, &target);
        } else if kind.is_symlink() {
            symlink(fs::read_link(&source).unwrap(), &target).unwrap();
        } else {
            fs::copy(&source, &target).unwrap();
        }
    }
}

/// The view of a recording, and of ten seconds later where that was recorded too.
async fn view(name: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    copy_over(&recording(name), dir.path());
    let roots = Roots {
        proc: dir.path().join("proc"),
        sys: dir.path().join("sys"),
        etc: dir.path().join("etc"),
        kmsg: dir.path().join("kmsg"),
        journal: JournalAccess::Disabled,
        system_bus: BusAccess::Disabled,
        engine: EngineAccess::Disabled,
        kubernetes: hale_observe::KubeAccess::Disabled,
    };
    let mut observer = LocalObserver::new(roots, None);
    let first = observer.collect().await;
    let later = dir.path().join("later");
    if !later.exists() {
        return render(&Snapshot::derive(&first, None));
    }
    copy_over(&later, dir.path());
    let second = observer.collect().await;
    render(&Snapshot::derive(&second, Some(&first)))
}

fn number(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |v| format!("{v:.1}"))
}

fn render(s: &Snapshot) -> String {
    let mut text = String::new();
    let out = &mut text;
    let up = duration(s.boottime_ns / 1_000_000_000);
    writeln!(
        out,
        "{} | {} | Linux {} | {} cores | up {up}",
        s.machine_id, s.host.os, s.host.kernel, s.host.cores
    )
    .unwrap();
    for source in &s.sources {
        let note = source.note.as_deref().map(|n| format!(": {n}")).unwrap_or_default();
        let lost = if source.lost > 0 { format!(" lost {}", source.lost) } else { String::new() };
        writeln!(out, "source {} {:?}{lost}{note}", source.source, source.state).unwrap();
    }
    let y = &s.system;
    writeln!(
        out,
        "cpu {} % iowait {} steal {} cores {:.1?} at {} MHz load {} {} {}",
        number(y.cpu_total),
        number(y.cpu_iowait),
        number(y.cpu_steal),
        y.cpu_cores,
        number(y.frequency_mhz),
        number(y.load1),
        number(y.load5),
        number(y.load15)
    )
    .unwrap();
    let size = |value: Option<u64>| value.map_or("-".to_owned(), bytes);
    writeln!(
        out,
        "memory {} of {} ({} %) cached {} swap {} of {} ({} %) in {}/s out {}/s oom kills {:?}",
        size(y.mem_used_bytes),
        size(y.mem_total_bytes),
        number(y.mem_used_percent),
        size(y.mem_cached_bytes),
        size(y.swap_used_bytes),
        size(y.swap_total_bytes),
        number(y.swap_used_percent),
        number(y.swap_in_pages_per_sec),
        number(y.swap_out_pages_per_sec),
        y.oom_kills
    )
    .unwrap();
    for (name, pressure) in
        [("cpu", y.cpu_pressure), ("memory", y.memory_pressure), ("io", y.io_pressure)]
    {
        let Some(p) = pressure else { continue };
        writeln!(out, "pressure {name} some {} full {}", p.some_avg10, p.full_avg10).unwrap();
    }
    for sensor in &s.temperatures {
        let limit = number(sensor.critical_celsius);
        writeln!(out, "sensor {} {} °C of {limit}", sensor.label, sensor.celsius).unwrap();
    }
    for gpu in &s.gpus {
        writeln!(
            out,
            "gpu {} {} {}: busy {} % memory {} of {} at {} °C {} W",
            gpu.index,
            gpu.vendor,
            gpu.name,
            number(gpu.busy_percent),
            bytes(gpu.memory_used_bytes),
            bytes(gpu.memory_total_bytes),
            number(gpu.celsius),
            number(gpu.power_watts)
        )
        .unwrap();
    }
    for d in &s.devices {
        writeln!(
            out,
            "device {} read {} write {} MiB/s iops {} latency {} ms busy {} %",
            d.device,
            number(d.read_mbps),
            number(d.write_mbps),
            number(d.iops),
            number(d.latency_ms),
            number(d.busy_percent)
        )
        .unwrap();
    }
    for m in &s.mounts {
        let access = if m.read_only { " read-only" } else { "" };
        writeln!(
            out,
            "mount {} {} {} size {} free {:.1} % inodes free {} %{access}",
            m.mount_point,
            m.fs_type,
            m.device,
            bytes(m.total_bytes),
            m.free_percent,
            number(m.inode_free_percent)
        )
        .unwrap();
    }
    for i in &s.interfaces {
        writeln!(
            out,
            "interface {} rx {} tx {} MiB/s errors {}/s",
            i.interface,
            number(i.rx_mbps),
            number(i.tx_mbps),
            number(i.errors_per_sec)
        )
        .unwrap();
    }
    if !s.tcp_states.is_empty() {
        writeln!(out, "tcp {:?}", s.tcp_states).unwrap();
    }
    for l in &s.listeners {
        writeln!(out, "listener {} {} {} uid {}", l.protocol, l.address, l.port, l.uid).unwrap();
    }
    for process in &s.processes {
        render_process(out, process);
    }
    text
}

fn render_process(out: &mut String, p: &Process) {
    let mut line = format!(
        "{} <{} {} {} cpu {} rss {} fds {:?} nice {} age {}",
        p.pid,
        p.ppid,
        p.state,
        p.info.user,
        number(p.cpu_percent),
        bytes(p.rss_bytes),
        p.open_fds,
        p.nice,
        duration(p.age_secs as u64)
    );
    if p.write_bytes_per_sec.is_some_and(|w| w > 0.0) {
        write!(line, " writes {}/s", number(p.write_bytes_per_sec)).unwrap();
    }
    for (label, value) in
        [("unit", &p.info.unit), ("container", &p.info.container), ("exe", &p.info.exe)]
    {
        if let Some(value) = value {
            let short: String = value.chars().take(32).collect();
            write!(line, " {label} {short}").unwrap();
        }
    }
    if let Some(parent) = &p.original_parent {
        write!(line, " parent was {} ({:?})", parent.name, parent.known_by).unwrap();
    }
    let command: String = p.command().chars().take(60).collect();
    writeln!(out, "{line} | {command}").unwrap();
}

#[tokio::test]
async fn a_small_board_with_the_old_cgroups() {
    insta::assert_snapshot!("board-arm64-v1", view("board-arm64-v1").await);
}

#[tokio::test]
async fn a_workstation_with_an_amd_gpu() {
    insta::assert_snapshot!("workstation-amdgpu", view("workstation-amdgpu").await);
}

#[tokio::test]
async fn a_recorded_virtual_machine() {
    insta::assert_snapshot!("vm-x86-64", view("vm-x86-64").await);
}
