//! From alerts to a cause and a cure.

use hale_brain::decide::{GuardInput, judge};
use hale_brain::diagnose::{CAUSES, Correlation, DiagnoseInput, Diagnosed, correlate, diagnose};
use hale_model::action::{ActionKind, Actor, Decision};
use hale_model::alert::{Alert, AlertKind, AlertState, Subject};
use hale_model::config::{Config, Mode};
use hale_model::incident::{DiagnosisSource, Incident};
use hale_model::lesson::Lesson;
use hale_model::sample::{JournalEntry, Source};
use hale_model::snapshot::{MountWriters, Snapshot};
use insta::assert_snapshot;
use proptest::prelude::*;

use crate::decide_world::*;

pub fn incident(alerts: &[Alert]) -> Incident {
    let first = match correlate(at(0), &alerts[..1], &[], &world()).remove(0) {
        Correlation::New(incident) => incident,
        Correlation::Join { .. } => panic!("there is nothing to join"),
    };
    Incident { alerts: alerts.iter().map(|a| a.id.clone()).collect(), ..first }
}

fn ask(alerts: &[Alert], snapshot: &Snapshot, config: &Config, lessons: &[Lesson]) -> Diagnosed {
    let incident = incident(alerts);
    diagnose(&DiagnoseInput {
        plays: None,
        tried: &[],
        now: at(5),
        incident: &incident,
        alerts,
        snapshot,
        config,
        lessons,
    })
}

fn writers(mount_point: &str, snapshot: &Snapshot, pids: &[i32]) -> MountWriters {
    let processes = pids.iter().map(|pid| the(snapshot, *pid)).collect();
    MountWriters { mount_point: mount_point.to_owned(), processes, all_seen: true }
}

#[test]
fn only_who_has_a_file_open_there_is_said_to_fill_a_disk() {
    let cause = |change: &dyn Fn(&mut Snapshot)| {
        let mut snapshot = world();
        // It writes most, but to somewhere else.
        of_pid(&mut snapshot, 750).write_bytes_per_sec = Some(5e6);
        of_pid(&mut snapshot, 700).write_bytes_per_sec = Some(1e6);
        change(&mut snapshot);
        let alerts = [about_mount(AlertKind::DiskSpace, "/data")];
        let diagnosis = ask(&alerts, &snapshot, &Config::default(), &[]).diagnosis;
        format!("{:.2} {}", diagnosis.confidence, diagnosis.cause)
    };
    let looked =
        |pids: &'static [i32]| move |s: &mut Snapshot| s.writers = vec![writers("/data", s, pids)];
    let told = [
        ("not looked", cause(&|_| {})),
        ("another mount", cause(&|s| s.writers = vec![writers("/", s, &[750])])),
        ("nobody", cause(&looked(&[]))),
        ("hale alone", cause(&looked(&[600]))),
        ("one", cause(&looked(&[700]))),
        ("two", cause(&looked(&[700, 750]))),
        (
            "not all seen",
            cause(&|s| {
                s.writers = vec![MountWriters { all_seen: false, ..writers("/data", s, &[]) }];
            }),
        ),
        (
            "a pid used anew",
            cause(&|s| {
                let mut open = writers("/data", s, &[750]);
                open.processes[0].start_ticks += 1;
                s.writers = vec![open];
            }),
        ),
        (
            "in memory",
            cause(&|s| {
                s.mounts[1].fs_type = "tmpfs".to_owned();
                s.writers = vec![writers("/data", s, &[700, 750])];
            }),
        ),
    ];
    let told: String = told.iter().map(|(case, cause)| format!("{case}: {cause}\n")).collect();
    assert_snapshot!(told, @r#"
not looked: 0.90 disk.space of /data.
another mount: 0.90 disk.space of /data.
nobody: 0.90 disk.space of /data. No running process has a file open for writing there now.
hale alone: 0.90 disk.space of /data. No running process but hale has a file open for writing there now.
one: 0.90 disk.space of /data. Most is written by 700 (python3 mcp_ser), which has a file open there: 977 KiB/s now.
two: 0.72 disk.space of /data. Most is written by 750 (python3 train.p), which has a file open there: 4.8 MiB/s now.
not all seen: 0.90 disk.space of /data. No process that hale can look into has a file open for writing there now.
a pid used anew: 0.90 disk.space of /data. No running process has a file open for writing there now.
in memory: 0.72 disk.space of /data. 700 (python3 mcp_ser), 750 (python3 train.p) have files open for writing there now.
"#);
}

fn told(diagnosed: &Diagnosed) -> String {
    let diagnosis = &diagnosed.diagnosis;
    let mut text =
        format!("{} {:.2}: {}\n", diagnosis.cause_kind, diagnosis.confidence, diagnosis.cause);
    if let Some(plan) = &diagnosed.plan {
        for step in &plan.steps {
            let expected: Vec<String> =
                step.expectation.conditions.iter().map(|c| format!("{c:?}")).collect();
            let names: Vec<&str> =
                expected.iter().filter_map(|c| c.split([' ', '{']).next()).collect();
            text += &format!(
                "  {}@{} `{}`\n  because: {}\n  proof: {} for {} s within {} s\n",
                step.action.kind(),
                plan.alert_kind,
                step.command,
                step.why,
                names.join(", "),
                step.expectation.hold_secs,
                step.expectation.within_secs
            );
        }
    }
    if let Some(why) = &diagnosed.no_plan_because {
        text += &format!("  no cure: {why}\n");
    }
    text
}

fn story(cases: Vec<(&str, Vec<Alert>, Snapshot)>, config: &Config) -> String {
    cases
        .into_iter()
        .map(|(name, alerts, snapshot)| {
            format!("# {name}\n{}\n", told(&ask(&alerts, &snapshot, config, &[])))
        })
        .collect()
}

fn changed(change: impl FnOnce(&mut Snapshot)) -> Snapshot {
    let mut snapshot = world();
    change(&mut snapshot);
    snapshot
}

pub fn of_pid(snapshot: &mut Snapshot, pid: i32) -> &mut hale_model::snapshot::Process {
    snapshot.processes.iter_mut().find(|p| p.pid == pid).unwrap()
}

fn zombies_of(snapshot: &mut Snapshot, parent: i32) -> Alert {
    of_pid(snapshot, 760).ppid = parent;
    let members = vec![the(snapshot, 760)];
    let subject = Subject::ProcessGroup {
        group_key: parent.to_string(),
        label: format!("1 zombie of {parent}"),
        members,
        pgids: vec![],
        cgroup: None,
    };
    alert(AlertKind::ProcessZombie, subject, "1 dead child is not collected")
}

#[test]
fn processes_that_make_trouble() {
    let w = world();
    let zombie = |parent| {
        let mut snapshot = world();
        let alert = zombies_of(&mut snapshot, parent);
        (vec![alert], snapshot)
    };
    let mut cases = vec![
        ("a ghost storm", vec![storm(&w, &[700, 701])], world()),
        (
            "a ghost storm of which one is gone and one is protected",
            vec![storm(&w, &[700, 701, 750])],
            changed(|s| {
                s.processes.retain(|p| p.pid != 701);
                info(of_pid(s, 750)).name = "sshd".to_owned();
            }),
        ),
        ("a leak", vec![about_process(AlertKind::ProcessLeak, &w, 750)], world()),
        ("a leak in a service", vec![about_process(AlertKind::ProcessLeak, &w, 201)], world()),
        (
            "a leak of a process that is gone",
            vec![about_process(AlertKind::ProcessLeak, &w, 750)],
            changed(|s| s.processes.retain(|p| p.pid != 750)),
        ),
        ("files never closed", vec![about_process(AlertKind::ProcessFdLeak, &w, 201)], world()),
        ("an orphan that spins", vec![about_process(AlertKind::ProcessOrphan, &w, 700)], world()),
        ("a hot process", vec![about_process(AlertKind::CpuHotProcess, &w, 750)], world()),
        (
            "a hot process that gives way already",
            vec![about_process(AlertKind::CpuHotProcess, &w, 750)],
            changed(|s| of_pid(s, 750).nice = 10),
        ),
        ("hale is hot", vec![about_process(AlertKind::CpuHotProcess, &w, 600)], world()),
        ("duplicates", vec![about_process(AlertKind::ProcessDuplicates, &w, 750)], world()),
    ];
    let parents = [
        ("a service", 200),
        ("one's own program", 750),
        ("a shell", 650),
        ("pid 1", 1),
        ("somebody else's", 100),
    ];
    let (names, nests): (Vec<String>, Vec<_>) =
        parents.map(|(name, pid)| (format!("zombies of {name}"), zombie(pid))).into_iter().unzip();
    cases.extend(
        names.iter().zip(nests).map(|(name, (alerts, snapshot))| (name.as_str(), alerts, snapshot)),
    );
    assert_snapshot!(story(cases, &Config::default()), @r#"
# a ghost storm
ghost_storm 0.90: 2 × python3 mcp_server.py. 2 processes live on with 20 MiB: they were started by claude, which is gone and never told them to end.
  process.kill@process.ghost_storm `kill 700 701`
  because: Nobody uses these 2 processes any more; ending them frees 20 MiB.
  proof: ProcessesGone, FindingGone for 10 s within 60 s

# a ghost storm of which one is gone and one is protected
ghost_storm 0.90: 3 × python3 mcp_server.py. 2 processes live on with 20 MiB: they were started by claude, which is gone and never told them to end.
  process.kill@process.ghost_storm `kill 700`
  because: Nobody uses this process any more; ending it frees 10 MiB.
  proof: ProcessesGone, FindingGone for 10 s within 60 s

# a leak
memory_leak 0.80: process.leak of 750 (python3 train.p). Memory that only grows is not being given back.
  process.kill@process.leak `kill 750`
  because: 750 (python3 train.p) belongs to no service that could be restarted; ending it gives back what it kept; the leak itself is in the program and will return.
  proof: ProcessesGone, FindingGone for 10 s within 60 s

# a leak in a service
memory_leak 0.80: process.leak of 201 (nginx). Memory that only grows is not being given back; it belongs to nginx.service.
  service.restart@process.leak `systemctl restart nginx.service`
  because: 201 (nginx) belongs to nginx.service; a restart gives back what it kept; the leak itself is in the program and will return.
  proof: UnitActive, UnitSteady, ProcessesGone, FindingGone for 15 s within 120 s

# a leak of a process that is gone
memory_leak 0.60: process.leak of 750 (python3 train.p). Memory that only grows is not being given back.
  no cure: 750 (python3 train.p) is gone by now

# files never closed
fd_leak 0.80: process.fd_leak of 201 (nginx). It opens files or sockets and does not close them; it belongs to nginx.service.
  service.restart@process.fd_leak `systemctl restart nginx.service`
  because: 201 (nginx) belongs to nginx.service; a restart gives back what it kept; the leak itself is in the program and will return.
  proof: UnitActive, UnitSteady, ProcessesGone, FindingGone for 15 s within 120 s

# an orphan that spins
orphan_spinning 0.85: process.orphan of 700 (python3 mcp_ser). Whoever started it is gone, so nobody waits for what it computes.
  process.kill@process.orphan `kill 700`
  because: Nobody waits for its result any more; ending it frees the CPU.
  proof: ProcessesGone, FindingGone for 10 s within 60 s

# a hot process
cpu_spinner 0.85: cpu.hot_process of 750 (python3 train.p). It has kept the CPU busy for longer than work usually takes.
  process.renice@cpu.hot_process `renice -n 10 -p 750`
  because: 750 (python3 train.p) then gives way to everything else. This eases the effect; it does not mend the cause.
  proof: ProcessNice for 5 s within 30 s

# a hot process that gives way already
cpu_spinner 0.85: cpu.hot_process of 750 (python3 train.p). It has kept the CPU busy for longer than work usually takes.
  process.kill@cpu.hot_process `kill 750`
  because: 750 (python3 train.p) belongs to no service that could be restarted; ending it frees the CPU; what it computes is lost.
  proof: ProcessesGone, FindingGone for 10 s within 60 s

# hale is hot
cpu_spinner 0.85: cpu.hot_process of 600 (hale). It has kept the CPU busy for longer than work usually takes.
  no cure: 600 (hale) is hale itself, or what hale runs in

# duplicates
duplicates 0.60: process.duplicates of 750 (python3 train.p). They still belong to somebody, so this may be meant.
  no cure: they still have their parents and may be meant: a person knows

# zombies of a service
zombie_parent 0.90: 1 dead child is not collected. Dead processes cannot be killed: their parent, 200 (nginx), has to collect them and does not.
  service.restart@process.zombie `systemctl restart nginx.service`
  because: 200 (nginx) does not collect its dead children; with its end they are collected.
  proof: UnitActive, UnitSteady, ProcessesGone, FindingGone for 15 s within 120 s

# zombies of one's own program
zombie_parent 0.90: 1 dead child is not collected. Dead processes cannot be killed: their parent, 750 (python3 train.p), has to collect them and does not.
  process.kill@process.zombie `kill 750`
  because: 750 (python3 train.p) does not collect its dead children and cannot be made to; when it ends, they are collected. It does lose its work.
  proof: ProcessesGone, FindingGone for 10 s within 60 s

# zombies of a shell
zombie_parent 0.90: 1 dead child is not collected. Dead processes cannot be killed: their parent, 650 (-bash), has to collect them and does not.
  no cure: only 650 (-bash) can collect its dead children: mend it, or end it by hand; zombies hold nothing but their pids

# zombies of pid 1
zombie_parent 0.90: 1 dead child is not collected. Dead processes cannot be killed: their parent, 1 (systemd), has to collect them and does not.
  no cure: pid 1 itself does not collect them: start the container with an init (`docker run --init`)

# zombies of somebody else's
zombie_parent 0.90: 1 dead child is not collected. Dead processes cannot be killed: their parent, 100 (sshd), has to collect them and does not.
  no cure: 100 (sshd) is hale itself, or what hale runs in
"#);
}

#[test]
fn a_machine_that_is_short_of_something() {
    let hog = |age: f64, percent: f64| {
        changed(|s| {
            s.system.mem_used_percent = Some(91.0);
            let p = of_pid(s, 750);
            p.age_secs = age;
            p.mem_percent = Some(percent);
            p.rss_bytes = (percent / 100.0 * (8_u64 << 30) as f64) as u64;
        })
    };
    let spinner = |pid: i32| changed(|s| of_pid(s, pid).cpu_percent = Some(150.0));
    let memory = || vec![about_machine(AlertKind::MemoryHigh)];
    let load = || vec![about_machine(AlertKind::LoadHigh)];
    let cases = vec![
        ("a hog that came lately", memory(), hog(120.0, 40.0)),
        ("a big process that was always there", memory(), hog(90_000.0, 40.0)),
        ("one that came lately but does not matter", memory(), hog(120.0, 6.0)),
        ("pressure, with a hog", vec![about_machine(AlertKind::MemoryPressure)], hog(120.0, 40.0)),
        ("swap, with a hog", vec![about_machine(AlertKind::SwapHigh)], hog(120.0, 40.0)),
        ("load by one process", load(), spinner(750)),
        ("load by a service", load(), spinner(201)),
        ("load by nobody", load(), world()),
        ("load by waiting", load(), changed(|s| s.system.cpu_iowait = Some(60.0))),
        ("heat", vec![about_machine(AlertKind::TemperatureHigh)], world()),
        ("unusual", vec![about_machine(AlertKind::MetricAnomaly)], world()),
        ("somebody's own rule", vec![about_machine(AlertKind::Rule("mine".to_owned()))], world()),
    ];
    assert_snapshot!(story(cases, &Config::default()), @r#"
# a hog that came lately
memory_hog 0.70: memory.high. 750 (python3 train.p) came 2m ago and holds 3.2 GiB; without it 51 % would be in use.
  process.kill@memory.high `kill 750`
  because: 750 (python3 train.p) belongs to no service that could be restarted; ending it gives back 3.2 GiB.
  proof: ProcessesGone, FindingGone for 10 s within 60 s

# a big process that was always there
memory_pressure 0.40: memory.high. No single process that came lately explains it.
  no cure: no single process explains it, and dropping caches would not help: what is in use is not cache. A person decides what may go

# one that came lately but does not matter
memory_pressure 0.40: memory.high. No single process that came lately explains it.
  no cure: no single process explains it, and dropping caches would not help: what is in use is not cache. A person decides what may go

# pressure, with a hog
memory_hog 0.70: memory.pressure. 750 (python3 train.p) came 2m ago and holds 3.2 GiB; without it 51 % would be in use.
  process.kill@memory.pressure `kill 750`
  because: 750 (python3 train.p) belongs to no service that could be restarted; ending it gives back 3.2 GiB.
  proof: ProcessesGone, FindingGone for 10 s within 60 s

# swap, with a hog
memory_hog 0.70: swap.high. 750 (python3 train.p) came 2m ago and holds 3.2 GiB; without it 51 % would be in use.
  process.kill@swap.high `kill 750`
  because: 750 (python3 train.p) belongs to no service that could be restarted; ending it gives back 3.2 GiB.
  proof: ProcessesGone, FindingGone for 10 s within 60 s

# load by one process
cpu_spinner 0.65: load.high. Most of it is 750 (python3 train.p) with 150 % of one core.
  process.renice@load.high `renice -n 10 -p 750`
  because: 750 (python3 train.p) then gives way to everything else. This eases the effect; it does not mend the cause.
  proof: ProcessNice for 5 s within 30 s

# load by a service
cpu_spinner 0.65: load.high. Most of it is 201 (nginx) with 150 % of one core.
  process.renice@load.high `renice -n 10 -p 201`
  because: 201 (nginx) then gives way to everything else. This eases the effect; it does not mend the cause.
  proof: ProcessNice for 5 s within 30 s

# load by nobody
cpu_overload 0.40: load.high. No single process explains it.
  no cure: no single process explains the load: a person decides what may wait

# load by waiting
io_overload 0.60: load.high. The CPUs wait for storage 60 % of the time, 0 processes are stuck in it.
  no cure: no single process explains the load: a person decides what may wait

# heat
overheating 0.60: temperature.high.
  no cure: heat has no cure in software: check the cooling

# unusual
anomaly 0.30: metric.anomaly.
  no cure: unusual is not wrong: a person knows what changed

# somebody's own rule
own_rule 0.50: mine.
  no cure: the rule `mine` names no cure
"#);
}

#[test]
fn disks_and_units() {
    let failed = |result: &str| {
        changed(|s| {
            s.units[2].result = result.to_owned();
            s.journal = (0..5)
                .map(|n| JournalEntry {
                    logged_at: at(n),
                    priority: 3,
                    unit: Some("report.service".to_owned()),
                    identifier: "report".to_owned(),
                    pid: None,
                    kernel: false,
                    message: format!("cannot open report {n}\x1b[2J"),
                })
                .collect();
        })
    };
    let failure = || vec![about_unit(AlertKind::ServiceFailed, "report.service")];
    let space = |mount| vec![about_mount(AlertKind::DiskSpace, mount)];
    let mut config = Config::default();
    config.allowlist.cleanable_paths =
        ["/data/tmp", "/var/lib/x", "/data/../etc"].map(ToOwned::to_owned).to_vec();
    let cases = vec![
        ("the root is full", space("/"), world()),
        ("the data is full", space("/data"), world()),
        (
            "full and still filling",
            space("/data"),
            changed(|s| s.mounts[1].filling_bytes_per_sec = Some(16e6)),
        ),
        (
            "full after one great burst",
            space("/data"),
            changed(|s| s.mounts[1].filling_bytes_per_sec = Some(5e9)),
        ),
        (
            "nothing may be cleaned there",
            space("/srv"),
            changed(|s| s.mounts.push(mount("/srv", 1.0))),
        ),
        ("read-only", space("/"), changed(|s| s.mounts[0].read_only = true)),
        (
            "filling, but not yet full",
            vec![about_mount(AlertKind::DiskFilling, "/data")],
            changed(|s| {
                s.mounts[1].free_percent = 40.0;
                of_pid(s, 750).write_bytes_per_sec = Some(5e6);
                s.writers = vec![writers("/data", s, &[750])];
            }),
        ),
        ("no inodes", vec![about_mount(AlertKind::DiskInodes, "/data")], world()),
        ("a unit failed", failure(), failed("exit-code")),
        ("a unit that was killed for memory", failure(), failed("oom-kill")),
        ("a unit that systemd gave up on", failure(), failed("start-limit-hit")),
        (
            "a unit that fails over and over",
            vec![
                about_unit(AlertKind::ServiceFailed, "report.service"),
                about_unit(AlertKind::ServiceFlapping, "report.service"),
            ],
            failed("exit-code"),
        ),
        (
            "a unit that is up again",
            vec![about_unit(AlertKind::ServiceFailed, "nginx.service")],
            world(),
        ),
        (
            "a protected unit",
            vec![about_unit(AlertKind::ServiceFailed, "ssh.service")],
            changed(|s| s.units[0].active_state = "failed".to_owned()),
        ),
        (
            "an OOM kill that took its unit along",
            vec![about_unit(AlertKind::KernelOom, "report.service")],
            failed("oom-kill"),
        ),
        (
            "a service at its memory limit",
            vec![{
                let mut alert = about_unit(AlertKind::MemoryPressure, "nginx.service");
                alert.vars.insert("limit".to_owned(), (64_u64 << 20).into());
                alert
            }],
            world(),
        ),
        (
            "a service that waits for memory without a limit",
            vec![about_unit(AlertKind::MemoryPressure, "nginx.service")],
            world(),
        ),
        (
            "a protected service at its memory limit",
            vec![about_unit(AlertKind::MemoryPressure, "ssh.service")],
            world(),
        ),
        ("an OOM kill that did not", vec![about_machine(AlertKind::KernelOom)], world()),
        (
            "a flood in the journal",
            vec![alert(
                AlertKind::JournalBurst,
                Subject::Journal { origin: "app".to_owned(), template: "no route".to_owned() },
                "app logs 900 like messages a minute",
            )],
            world(),
        ),
        (
            "a blind spot",
            vec![alert(
                AlertKind::SourceStale,
                Subject::Source { source: Source::Unit },
                "units are not seen",
            )],
            world(),
        ),
    ];
    assert_snapshot!(story(cases, &config), @r#"
# the root is full
disk_full 0.90: disk.space of /.
  disk.clean@disk.space `apt-get clean && journalctl --vacuum-size=512M`
  because: What can be fetched or is old goes first; / then has 15 % free if there is enough of it.
  proof: MountFree, FindingGone for 10 s within 120 s

# the data is full
disk_full 0.90: disk.space of /data.
  disk.clean@disk.space `find /data/tmp -xdev -type f -mmin +1440 -print`
  because: What can be fetched or is old goes first; /data then has 15 % free if there is enough of it.
  proof: MountFree, FindingGone for 10 s within 120 s

# full and still filling
disk_full 0.90: disk.space of /data.
  disk.clean@disk.space `find /data/tmp -xdev -type f -mmin +1440 -print`
  because: What can be fetched or is old goes first; /data then has 24 % free if there is enough of it.
  proof: MountFree, FindingGone for 10 s within 120 s

# full after one great burst
disk_full 0.90: disk.space of /data.
  disk.clean@disk.space `find /data/tmp -xdev -type f -mmin +1440 -print`
  because: What can be fetched or is old goes first; /data then has 40 % free if there is enough of it.
  proof: MountFree, FindingGone for 10 s within 120 s

# nothing may be cleaned there
disk_full 0.90: disk.space of /srv.
  no cure: nothing on /srv may be cleaned: list directories with old files in [allowlist] cleanable_paths, or look with `du -xh --max-depth=2 /srv | sort -h | tail`

# read-only
disk_full 0.90: disk.space of /.
  no cure: / is mounted read-only

# filling, but not yet full
disk_full 0.75: disk.filling of /data. Most is written by 750 (python3 train.p), which has a file open there: 4.8 MiB/s now.
  disk.clean@disk.filling `find /data/tmp -xdev -type f -mmin +1440 -print`
  because: What can be fetched or is old goes first; /data then has 45 % free if there is enough of it.
  proof: MountFree for 10 s within 120 s

# no inodes
inodes_exhausted 0.90: disk.inodes of /data. Too many small files: no new file can be made however much space is free.
  disk.clean@disk.inodes `find /data/tmp -xdev -type f -mmin +1440 -print`
  because: Files that nobody needs any more hold the inodes of /data.
  proof: FindingGone for 10 s within 120 s

# a unit failed
unit_failed 0.85: service.failed of report.service. Last time, its main process ended with exit code 1. Its log says: “cannot open report 2�[2J” “cannot open report 3�[2J” “cannot open report 4�[2J”.
  service.restart@service.failed `systemctl restart report.service`
  because: What made it fail may be over. report.service is down until it is started again.
  proof: UnitActive, UnitSteady, FindingGone for 15 s within 120 s

# a unit that was killed for memory
oom_kill 0.85: service.failed of report.service. Last time, the kernel ended it for want of memory. Its log says: “cannot open report 2�[2J” “cannot open report 3�[2J” “cannot open report 4�[2J”.
  service.restart@service.failed `systemctl restart report.service`
  because: What made it fail may be over. report.service is down until it is started again.
  proof: UnitActive, UnitSteady, FindingGone for 15 s within 120 s

# a unit that systemd gave up on
unit_crash_loop 0.85: service.failed of report.service. Last time, systemd gave up after too many starts in a row. Its log says: “cannot open report 2�[2J” “cannot open report 3�[2J” “cannot open report 4�[2J”.
  no cure: report.service has failed at every start until systemd gave up: a person has to mend it (`journalctl -u report.service`)

# a unit that fails over and over
unit_crash_loop 0.88: service.flapping of report.service. Last time, its main process ended with exit code 1. Its log says: “cannot open report 2�[2J” “cannot open report 3�[2J” “cannot open report 4�[2J”. It fails on the same thing at every start, so one more start does not help.
  no cure: starting it once more repeats what fails at every start: a person has to mend it (`journalctl -u UNIT`), or stop it

# a unit that is up again
unit_failed 0.85: service.failed of nginx.service. Last time, systemd says `success`.
  no cure: nginx.service is active by now

# a protected unit
unit_failed 0.85: service.failed of ssh.service. Last time, systemd says `success`.
  no cure: ssh.service is protected (`ssh.service` in [allowlist] protected_units): a person decides

# an OOM kill that took its unit along
oom_kill 0.90: kernel.oom of report.service. The kernel ended it because its memory limit, or the machine's, was reached.
  service.restart@kernel.oom `systemctl restart report.service`
  because: The kernel ended it for want of memory. report.service is down until it is started again.
  proof: UnitActive, UnitSteady for 15 s within 120 s

# a service at its memory limit
memory_limit 0.85: memory.pressure of nginx.service. It has reached what it may hold: the kernel takes back what it has just read, and it waits for that again.
  service.restart@memory.pressure `systemctl restart nginx.service`
  because: nginx.service hardly works for want of memory; a restart gives back what it holds. If it needs that much, it will be so again.
  proof: UnitActive, UnitSteady, FindingGone for 15 s within 120 s

# a service that waits for memory without a limit
memory_pressure 0.50: memory.pressure of nginx.service.
  service.restart@memory.pressure `systemctl restart nginx.service`
  because: nginx.service hardly works for want of memory; a restart gives back what it holds. If it needs that much, it will be so again.
  proof: UnitActive, UnitSteady, FindingGone for 15 s within 120 s

# a protected service at its memory limit
memory_pressure 0.50: memory.pressure of ssh.service.
  no cure: ssh.service is protected (`ssh.service` in [allowlist] protected_units): a person decides

# an OOM kill that did not
oom_kill 0.90: kernel.oom. The kernel ended it because its memory limit, or the machine's, was reached.
  no cure: the kernel has freed the memory already, and no unit is left failed by it

# a flood in the journal
journal_flood 0.80: app logs 900 like messages a minute. The same complaint over and over: its cause is in what it says.
  no cure: silencing a complaint does not mend it: read it, and mend its cause

# a blind spot
source_unreadable 0.80: units are not seen.
  no cure: `hale doctor` says what keeps the source from being read
"#);
}

#[test]
fn the_cause_is_treated_and_not_its_effects() {
    let w = world();
    let leak = about_process(AlertKind::ProcessLeak, &w, 201);
    let alerts = [
        about_machine(AlertKind::MemoryHigh),
        about_unit(AlertKind::ServiceFailed, "nginx.service"),
        leak.clone(),
    ];
    let diagnosed = ask(&alerts, &w, &Config::default(), &[]);
    assert_eq!(diagnosed.diagnosis.cause_kind, "memory_leak");
    assert_eq!(diagnosed.diagnosis.evidence[0], leak.evidence[0].id);
    assert_eq!(diagnosed.plan.unwrap().alert_id, leak.id);
    let alone = ask(&alerts[2..], &w, &Config::default(), &[]);
    assert!(diagnosed.diagnosis.confidence > alone.diagnosis.confidence);
}

#[test]
fn what_was_the_cause_stays_it_when_only_effects_are_left() {
    let mut w = world();
    let leak = about_process(AlertKind::ProcessLeak, &w, 201);
    let failed = about_unit(AlertKind::ServiceFailed, "report.service");
    let mut known = incident(std::slice::from_ref(&leak));
    known.diagnosis = Some(ask(std::slice::from_ref(&leak), &w, &Config::default(), &[]).diagnosis);
    w.processes.retain(|p| p.pid != 201);
    let mut over = leak;
    over.state = AlertState::Closed;
    let diagnosed = diagnose(&DiagnoseInput {
        plays: None,
        tried: &[],
        now: at(60),
        incident: &known,
        alerts: &[over, failed],
        snapshot: &w,
        config: &Config::default(),
        lessons: &[],
    });
    assert_eq!(diagnosed.diagnosis.cause_kind, "memory_leak");
    assert_eq!(diagnosed.plan.unwrap().steps[0].command, "systemctl restart report.service");
}

#[test]
fn experience_reorders_cures_and_rules_them_out() {
    let w = world();
    let hot = [about_process(AlertKind::CpuHotProcess, &w, 750)];
    let lesson = |action, successes, failures: u32| Lesson {
        successes,
        approved_successes: successes,
        failures,
        withdrawn: (failures > 0).then(|| "it failed".to_owned()),
        ..Lesson::new(AlertKind::CpuHotProcess, action, "python3 train.py", at(-1))
    };
    let renice = ActionKind::ProcessRenice;
    let kill = ActionKind::ProcessKill;
    for (name, lessons, expected, source) in [
        ("nothing is known", vec![], Some(renice), DiagnosisSource::Local),
        ("the other has worked", vec![lesson(kill, 2, 0)], Some(kill), DiagnosisSource::Runbook),
        (
            "both have worked",
            vec![lesson(kill, 2, 0), lesson(renice, 1, 0)],
            Some(renice),
            DiagnosisSource::Runbook,
        ),
        ("it failed once", vec![lesson(renice, 0, 1)], Some(kill), DiagnosisSource::Local),
        ("it failed twice", vec![lesson(renice, 1, 2)], Some(kill), DiagnosisSource::Local),
        (
            "both failed once",
            vec![lesson(renice, 0, 1), lesson(kill, 0, 1)],
            Some(renice),
            DiagnosisSource::Local,
        ),
        (
            "both failed twice",
            vec![lesson(renice, 0, 2), lesson(kill, 0, 2)],
            None,
            DiagnosisSource::Local,
        ),
    ] {
        let diagnosed = ask(&hot, &w, &Config::default(), &lessons);
        let chosen = diagnosed.plan.as_ref().map(|p| p.steps[0].action.kind());
        assert_eq!((chosen, diagnosed.diagnosis.source), (expected, source), "{name}");
        assert_eq!(diagnosed.no_plan_because.is_some(), expected.is_none(), "{name}");
    }
}

#[test]
fn what_gives_way_already_is_not_told_to_give_way_again() {
    let w = changed(|s| s.processes.iter_mut().find(|p| p.pid == 750).unwrap().nice = 10);
    let hot = [about_process(AlertKind::CpuHotProcess, &w, 750)];
    let eased = Lesson {
        successes: 2,
        ..Lesson::new(
            AlertKind::CpuHotProcess,
            ActionKind::ProcessRenice,
            "python3 train.py",
            at(-1),
        )
    };
    for lessons in [vec![], vec![eased]] {
        let steps = ask(&hot, &w, &Config::default(), &lessons).plan.unwrap().steps;
        let kinds: Vec<ActionKind> = steps.iter().map(|step| step.action.kind()).collect();
        assert_eq!(kinds, [ActionKind::ProcessKill]);
    }
}

#[test]
fn doubt_grows_where_nothing_can_be_seen() {
    let w = world();
    let leak = [about_process(AlertKind::ProcessLeak, &w, 750)];
    let sure =
        |snapshot: &Snapshot| ask(&leak, snapshot, &Config::default(), &[]).diagnosis.confidence;
    let blind = changed(|s| stale(s, Source::Process));
    let gone = changed(|s| s.processes.retain(|p| p.pid != 750));
    assert_eq!((sure(&w), sure(&blind), sure(&gone)), (0.8, 0.7, 0.6));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Whatever the alerts: one diagnosis, from the table, that cites only what they hold; and a
    /// cure or a reason; and no cure that reaches what the guard keeps from everyone.
    #[test]
    fn every_incident_gets_a_grounded_answer(
        picks in prop::collection::vec((0..AlertKind::BUILT_IN.len(), 0..9_usize), 1..6),
        used in prop::option::of(0.0..100.0_f64),
    ) {
        let mut w = world();
        w.system.mem_used_percent = used;
        let alerts: Vec<Alert> = picks
            .into_iter()
            .map(|(kind, what)| {
                let kind = AlertKind::BUILT_IN[kind].clone();
                match what {
                    0 => about_machine(kind),
                    1 => about_mount(kind, "/data"),
                    2 => about_unit(kind, "report.service"),
                    3 => storm(&w, &[1, 2, 100, 500, 600, 700]),
                    pid => about_process(kind, &w, [750, 201, 100, 2, 760][pid - 4]),
                }
            })
            .collect();
        let diagnosed = ask(&alerts, &w, &Config::default(), &[]);
        prop_assert_eq!(&diagnosed, &ask(&alerts, &w, &Config::default(), &[]));
        let diagnosis = &diagnosed.diagnosis;
        prop_assert!(CAUSES.iter().any(|c| c.slug == diagnosis.cause_kind));
        prop_assert!((0.0..=1.0).contains(&diagnosis.confidence));
        prop_assert!(!diagnosis.evidence.is_empty());
        for id in &diagnosis.evidence {
            prop_assert!(alerts.iter().any(|a| a.evidence.iter().any(|e| e.id == *id)));
        }
        prop_assert_eq!(diagnosed.plan.is_none(), diagnosed.no_plan_because.is_some());
        for step in diagnosed.plan.iter().flat_map(|p| &p.steps) {
            for process in step.action.processes() {
                prop_assert!(w.living(process).is_some() && !w.own_pids.contains(&process.pid));
            }
            let verdict = judge(&GuardInput {
                now: at(5),
                mode: Mode::Approve,
                action: &step.action,
                alert_kind: diagnosed.plan.as_ref().map(|p| &p.alert_kind),
                actor: &Actor::Hale,
                own_uid: 0,
                snapshot: &w,
                config: &Config {
                    allowlist: hale_model::config::Allowlist {
                        granted_users: vec!["ada".to_owned(), "bob".to_owned()],
                        ..Default::default()
                    },
                    ..Config::default()
                },
                paused_until: None,
                recent: &[],
                in_flight: &[],
                lessons: &[],
                approved: false,
                confirmed_critical: false,
            });
            prop_assert_eq!(verdict.decision, Decision::Ask, "{:?} {:?}", step, verdict.reasons);
        }
    }
}
