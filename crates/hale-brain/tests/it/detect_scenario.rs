//! A simulated machine: hours pass in milliseconds, and what its alerts do is written down.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use hale_brain::detect::{AlertBook, AlertChange, BrainMemory, Orient, Orientation, Rules};
use hale_model::config::Config;
use hale_model::ids::{MachineId, ProcRef};
use hale_model::sample::{
    HostFacts, JournalEntry, OriginalParent, ParentKnownBy, Pressure, ProcessInfo, Source,
    SourceState, SourceStatus, UnitStat,
};
use hale_model::snapshot::{Mount, Process, Snapshot, System};
use hale_model::{Timestamp, text};

pub const MIB: u64 = 1024 * 1024;
pub const GIB: u64 = 1024 * MIB;
pub const MEMORY: u64 = 16 * GIB;
/// hale's own process.
pub const OWN_PID: i32 = 900;

pub struct World {
    pub now: Snapshot,
    pub config: Config,
    pub orient: Orient,
    pub book: AlertBook,
    pub last: Option<Orientation>,
    pub secs: u64,
    pub step_secs: u64,
    pub log: String,
    /// Findings seen, by kind.
    pub kinds: BTreeMap<String, u32>,
    seed: u64,
}

impl World {
    /// A machine at rest: 4 cores, 16 GiB, init, a shell, hale, a database with its workers.
    pub fn new() -> Self {
        World::with(Config::default(), Rules::built_in())
    }

    pub fn with(config: Config, rules: Rules) -> Self {
        let mut world = World {
            now: at_rest(),
            step_secs: config.general.interval_secs,
            config,
            orient: Orient::new(rules, BrainMemory::default()),
            book: AlertBook::new(Vec::new()),
            last: None,
            secs: 0,
            log: String::new(),
            kinds: BTreeMap::new(),
            seed: 42,
        };
        world.add(process(1, 0, "/sbin/init"));
        world.process(1).info = info(|i| {
            i.name = "systemd".into();
            i.cmdline = "/sbin/init".into();
        });
        world.add(process(700, 1, "sshd: /usr/sbin/sshd -D"));
        world.in_unit(700, "ssh.service");
        world.add(process(OWN_PID, 1, "hale up"));
        world.in_unit(OWN_PID, "hale.service");
        world.add(process(800, 1, "/usr/lib/postgresql/bin/postgres -D /data"));
        world.in_unit(800, "postgresql.service");
        world
    }

    /// One of 0..1, always the same row.
    pub fn random(&mut self) -> f64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.seed >> 33) as f64 / f64::from(1_u32 << 31)
    }

    pub fn add(&mut self, p: Process) {
        self.now.processes.push(p);
        self.now.processes.sort_by_key(|p| p.pid);
    }

    pub fn process(&mut self, pid: i32) -> &mut Process {
        self.now.processes.iter_mut().find(|p| p.pid == pid).expect("there is such a process")
    }

    pub fn remove(&mut self, pid: i32) {
        self.now.processes.retain(|p| p.pid != pid);
    }

    pub fn in_unit(&mut self, pid: i32, unit: &str) {
        let p = self.process(pid);
        let mut changed = (*p.info).clone();
        changed.unit = Some(unit.to_owned());
        changed.cgroup = Some(format!("/system.slice/{unit}"));
        p.info = Arc::new(changed);
    }

    /// The parent ended: init has it now, and hale saw it.
    pub fn orphan(&mut self, pid: i32, parent: &str) {
        let p = self.process(pid);
        p.ppid = 1;
        p.original_parent = Some(Arc::new(OriginalParent {
            process: Some(ProcRef { pid: 400, start_ticks: 40, name: parent.to_owned() }),
            name: parent.to_owned(),
            cmdline: parent.to_owned(),
            known_by: ParentKnownBy::Observed,
        }));
    }

    pub fn source(&mut self, source: Source, state: SourceState) {
        let status = self.now.sources.iter_mut().find(|s| s.source == source).expect("known");
        status.state = state;
        status.note = (state == SourceState::Stale).then(|| "permission denied".to_owned());
    }

    pub fn set_memory(&mut self, used: u64) {
        let system = &mut self.now.system;
        system.mem_used_bytes = Some(used);
        system.mem_available_bytes = Some(MEMORY - used);
        system.mem_used_percent = Some(100.0 * used as f64 / MEMORY as f64);
    }

    pub fn kernel_says(&mut self, message: &str) {
        let logged_at = self.now.collected_at;
        self.now.journal.push(JournalEntry {
            logged_at,
            priority: 3,
            unit: None,
            identifier: "kernel".into(),
            pid: None,
            kernel: true,
            message: message.into(),
        });
    }

    pub fn logs(&mut self, unit: &str, message: &str) {
        let logged_at = self.now.collected_at;
        self.now.journal.push(JournalEntry {
            logged_at,
            priority: 4,
            unit: Some(unit.into()),
            identifier: unit.trim_end_matches(".service").into(),
            pid: Some(1),
            kernel: false,
            message: message.into(),
        });
    }

    pub fn unit(&mut self, name: &str) -> &mut UnitStat {
        self.now.units.iter_mut().find(|u| u.unit == name).expect("there is such a unit")
    }

    pub fn mount(&mut self, point: &str) -> &mut Mount {
        self.now.mounts.iter_mut().find(|m| m.mount_point == point).expect("such a mount")
    }

    /// Lets so many seconds pass; before each turn `change` may change the world.
    pub fn run(&mut self, secs: u64, mut change: impl FnMut(&mut World)) -> &mut Self {
        let end = self.secs + secs;
        while self.secs < end {
            self.secs += self.step_secs;
            self.now.boottime_ns += self.step_secs * 1_000_000_000;
            self.now.collected_at += jiff::SignedDuration::from_secs(self.step_secs as i64);
            for p in &mut self.now.processes {
                p.age_secs += self.step_secs as f64;
            }
            self.now.journal.clear();
            self.now.system.oom_kills = Some(0);
            change(self);
            self.turn();
        }
        self
    }

    pub fn rest(&mut self, secs: u64) -> &mut Self {
        self.run(secs, |_| {})
    }

    fn turn(&mut self) {
        self.now.system.process_count = Some(self.now.processes.len() as u64);
        let orientation = self.orient.turn(&self.now, &self.config);
        for finding in &orientation.findings {
            assert!(!finding.evidence.is_empty(), "{finding:?}");
            assert!(!finding.summary.contains('{'), "{}", finding.summary);
            *self.kinds.entry(finding.kind.to_string()).or_default() += 1;
        }
        for change in self.book.step(&self.now, &orientation.findings, &self.config) {
            self.write(&change);
        }
        self.now.elapsed_secs = Some(self.step_secs as f64);
        self.last = Some(orientation);
    }

    pub fn write(&mut self, change: &AlertChange) {
        let (what, tail) = match change {
            AlertChange::Opened(a) => ("opened", a.summary.clone()),
            AlertChange::Escalated(a) => ("escalated", a.summary.clone()),
            AlertChange::Reopened(a) => ("reopened", format!("flaps {}", a.flaps)),
            AlertChange::Updated(_) => return,
            AlertChange::Closed(a) => ("closed", a.close_reason.clone().unwrap_or_default()),
        };
        let alert = change.alert();
        let at = text::duration(self.secs);
        let _ = writeln!(
            self.log,
            "{at}: {what} {} {} [{}] {tail}",
            alert.severity, alert.kind, alert.subject
        );
    }

    /// The story so far, and a clean page.
    pub fn story(&mut self) -> String {
        std::mem::take(&mut self.log)
    }
}

fn at_rest() -> Snapshot {
    let collected_at: Timestamp = "2026-01-27T00:00:00Z".parse().expect("a time");
    let pressure = Some(Pressure::default());
    let sources = Source::ALL.map(|source| SourceStatus {
        source,
        state: if source == Source::Gpu { SourceState::Absent } else { SourceState::Fresh },
        last_fresh_at: Some(collected_at),
        took_us: 100,
        note: None,
        lost: 0,
    });
    Snapshot {
        machine_id: MachineId("box".into()),
        collected_at,
        boottime_ns: 3_600_000_000_000,
        elapsed_secs: None,
        host: Arc::new(HostFacts {
            hostname: "box".into(),
            os: "Debian".into(),
            kernel: "6.1".into(),
            boot_id: "boot-1".into(),
            ticks_per_sec: 100,
            cores: 4,
        }),
        sources: sources.to_vec(),
        system: System {
            cpu_total: Some(5.0),
            cpu_iowait: Some(0.0),
            load1: Some(0.2),
            load5: Some(0.2),
            load15: Some(0.2),
            mem_total_bytes: Some(MEMORY),
            mem_used_bytes: Some(4 * GIB),
            mem_available_bytes: Some(12 * GIB),
            mem_used_percent: Some(25.0),
            swap_total_bytes: Some(2 * GIB),
            swap_used_bytes: Some(0),
            swap_used_percent: Some(0.0),
            swap_in_pages_per_sec: Some(0.0),
            cpu_pressure: pressure,
            memory_pressure: pressure,
            io_pressure: pressure,
            disk_read_mbps: Some(0.0),
            disk_write_mbps: Some(0.1),
            net_rx_mbps: Some(0.0),
            net_tx_mbps: Some(0.0),
            ..System::default()
        },
        processes: Vec::new(),
        own_pids: vec![OWN_PID, 1],
        mounts: vec![mount("/", 100 * GIB, 40 * GIB), mount("/tmp", GIB, 10 * MIB)],
        devices: Vec::new(),
        interfaces: Vec::new(),
        tcp_states: BTreeMap::new(),
        listeners: Vec::new(),
        gpus: Vec::new(),
        temperatures: Vec::new(),
        units: ["cron.service", "nginx.service"].map(running).to_vec(),
        journal: Vec::new(),
        containers: Vec::new(),
        probes: Vec::new(),
        scraped: Vec::new(),
        reports: Vec::new(),
        writers: Vec::new(),
        stalled: Vec::new(),
        workloads: Vec::new(),
        traffic: None,
    }
}

pub fn running(unit: &str) -> UnitStat {
    UnitStat {
        unit: unit.into(),
        active_state: "active".into(),
        sub_state: "running".into(),
        result: "success".into(),
        main_pid: 50,
        ..UnitStat::default()
    }
}

pub fn mount(point: &str, total: u64, used: u64) -> Mount {
    let mut mount = Mount {
        mount_point: point.into(),
        device: format!("/dev/{}", point.len()),
        fs_type: "ext4".into(),
        total_bytes: total,
        inode_free_percent: Some(90.0),
        ..Mount::default()
    };
    fill(&mut mount, used);
    mount
}

pub fn fill(mount: &mut Mount, used: u64) {
    mount.used_bytes = used.min(mount.total_bytes);
    mount.available_bytes = mount.total_bytes - mount.used_bytes;
    mount.free_percent = 100.0 * mount.available_bytes as f64 / mount.total_bytes as f64;
}

pub fn info(change: impl FnOnce(&mut ProcessInfo)) -> Arc<ProcessInfo> {
    let mut info = ProcessInfo { uid: 1000, user: "ada".into(), ..ProcessInfo::default() };
    change(&mut info);
    Arc::new(info)
}

/// A process of a person, 10 minutes old, in a login session.
pub fn process(pid: i32, ppid: i32, cmdline: &str) -> Process {
    let program = cmdline.split([' ', ':']).next().unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default();
    Process {
        pid,
        start_ticks: 1000_u64.wrapping_add_signed(i64::from(pid)),
        age_secs: 600.0,
        ppid,
        original_parent: None,
        pgid: pid,
        sid: ppid,
        state: 'S',
        cpu_percent: Some(0.0),
        rss_bytes: 20 * MIB,
        mem_percent: Some(100.0 * (20 * MIB) as f64 / MEMORY as f64),
        threads: 1,
        nice: 0,
        open_fds: Some(10),
        read_bytes_per_sec: Some(0.0),
        write_bytes_per_sec: Some(0.0),
        info: info(|i| {
            i.name = name.chars().take(15).collect();
            i.cmdline = cmdline.into();
            i.exe = Some(format!("/usr/bin/{name}"));
            i.cgroup = Some("/user.slice/user-1000.slice/session-2.scope".into());
        }),
    }
}
