//! Memory, load, disks, journal, services, temperatures, baselines, forecasts, health.

use hale_brain::detect::{BrainMemory, Orient, Rules, health_of};
use hale_model::config::Language;
use hale_model::sample::{Pressure, Source, SourceState, StalledCgroup, Temperature};

use crate::detect_scenario::{GIB, MEMORY, MIB, World, fill, mount, process, running};

#[test]
fn memory_is_high_after_30_seconds_then_critical_then_recovers_below_the_margin() {
    let mut w = World::new();
    w.add(process(1001, 700, "./hog"));
    w.run(300, |w| {
        let percent = match w.secs {
            0..=60 => 85,
            61..=120 => 93,
            121..=180 => 79,
            _ => 60,
        };
        w.set_memory(MEMORY * percent / 100);
        w.process(1001).rss_bytes = MEMORY * (percent - 20) / 100;
    });
    insta::assert_snapshot!(w.story(), @r#"
    35s: opened high memory.high [machine] RAM 85 % in use, 2.4 GiB of 16 GiB left; most of it: hog (1001) 10 GiB, systemd (1) 20 MiB, sshd (700) 20 MiB
    1m 5s: escalated critical memory.high [machine] RAM 93 % in use, 1.1 GiB of 16 GiB left; most of it: hog (1001) 12 GiB, systemd (1) 20 MiB, sshd (700) 20 MiB
    3m 15s: closed high memory.high [machine] recovered
    "#);
}

#[test]
fn a_peak_shorter_than_the_duration_is_no_alert() {
    let mut w = World::new();
    w.run(600, |w| {
        let high = w.secs % 60 < 25;
        w.set_memory(if high { MEMORY * 9 / 10 } else { MEMORY / 2 });
    });
    assert_eq!(w.story(), "");
}

#[test]
fn memory_pressure_names_the_service_at_its_limit_else_the_machine() {
    let stalled = |unit: &str, full: f64| StalledCgroup {
        cgroup: format!("/system.slice/{unit}"),
        unit: Some(unit.to_owned()),
        pressure: Pressure { some_avg10: full + 10.0, full_avg10: full, ..Pressure::default() },
        used_bytes: Some(63 * MIB),
        limit_bytes: Some(64 * MIB),
        ..StalledCgroup::default()
    };
    let mut w = World::new();
    w.run(600, |w| {
        let full = match w.secs {
            0..=20 => 0.0,
            21..=100 => 45.0,
            101..=160 => 75.0,
            161..=220 => 12.0, // within the margin
            _ => 2.0,
        };
        w.now.stalled = if full > 5.0 {
            // The second is a unit that systemd does not know here: no subject of anything.
            vec![stalled("nginx.service", full), stalled("elsewhere.service", full)]
        } else {
            Vec::new()
        };
        let machine = if (300..400).contains(&w.secs) { 30.0 } else { full / 2.0 };
        let pressure = Pressure { full_avg10: machine, some_avg10: 50.0, ..Pressure::default() };
        w.now.system.memory_pressure = Some(pressure);
    });
    insta::assert_snapshot!(w.story(), @r#"
    55s: opened high memory.pressure [nginx.service] nginx.service waits for memory 45 % of the time (63 MiB / 64 MiB)
    1m 45s: escalated critical memory.pressure [nginx.service] nginx.service waits for memory 75 % of the time (63 MiB / 64 MiB)
    3m 55s: closed high memory.pressure [nginx.service] recovered
    5m 30s: opened high memory.pressure [machine] machine waits for memory 30 % of the time (4.0 GiB / 16 GiB)
    6m 50s: closed high memory.pressure [machine] recovered
    "#);
}

#[test]
fn messages_come_in_the_configured_language() {
    for (language, expected) in [
        (Language::En, "RAM 85 % in use, 2.4 GiB of 16 GiB left"),
        (Language::Fr, "RAM utilisée à 85 %, il reste 2.4 GiB sur 16 GiB"),
        (Language::Ko, "RAM 사용률 85 %, 16 GiB 중 2.4 GiB 남음"),
    ] {
        let mut w = World::new();
        w.config.general.language = language;
        w.run(60, |w| w.set_memory(MEMORY * 85 / 100));
        assert!(w.story().contains(expected), "{expected}");
    }
}

#[test]
fn load_names_the_processes_that_cause_it() {
    let mut w = World::new();
    w.add(process(1001, 700, "stress --cpu 8"));
    w.run(400, |w| {
        w.now.system.load5 = Some(9.5);
        w.process(1001).cpu_percent = Some(80.0);
    });
    insta::assert_snapshot!(w.story(), @r#"
    5m 5s: opened high load.high [machine] Load 9.5 on 4 cores; most CPU: stress (1001) 80 %
    "#);
}

#[test]
fn swap_temperature_and_inodes() {
    let mut w = World::new();
    w.run(60, |w| {
        w.now.system.swap_used_percent = Some(55.0);
        w.now.system.swap_used_bytes = Some(GIB);
        w.now.temperatures = vec![
            Temperature {
                label: "coretemp/Package id 0".into(),
                celsius: 91.0,
                critical_celsius: Some(100.0),
            },
            // A disk may be hotter than a CPU may; this one is well.
            Temperature { label: "nvme/Composite".into(), celsius: 60.0, critical_celsius: None },
            Temperature { label: "broken".into(), celsius: 255.0, critical_celsius: Some(100.0) },
        ];
        w.mount("/tmp").inode_free_percent = Some(0.5);
    });
    insta::assert_snapshot!(w.story(), @r#"
    5s: opened critical disk.inodes [/tmp] /tmp has 0.5 % of its inodes free
    20s: opened high temperature.high [coretemp/Package id 0] coretemp/Package id 0 is at 91 °C, the limit is 85 °C; most CPU: -
    35s: opened high swap.high [machine] Swap 55 % in use (1.0 GiB of 2.0 GiB); most memory: systemd (1) 20 MiB, sshd (700) 20 MiB, postgres (800) 20 MiB
    "#);
}

#[test]
fn full_disk_is_reported_at_once_and_a_read_only_image_never() {
    let mut w = World::new();
    let mut image = mount("/snap/core", 100 * MIB, 100 * MIB);
    image.read_only = true;
    w.now.mounts.push(image);
    w.run(5, |w| fill(w.mount("/tmp"), GIB * 97 / 100));
    w.run(15, |w| fill(w.mount("/tmp"), GIB / 2));
    insta::assert_snapshot!(w.story(), @r#"
5s: opened critical disk.space [/tmp] /tmp has 3.0 % free (31 MiB of 1.0 GiB)
20s: closed critical disk.space [/tmp] recovered
"#);
}

#[test]
fn disk_that_fills_steadily_is_forecast_and_one_that_rests_is_not() {
    let mut w = World::new();
    w.run(1200, |w| {
        let used = 40 * GIB + w.secs * 20 * MIB;
        fill(w.mount("/"), used);
    });
    let predictions = w.last.take().map(|o| o.predictions).unwrap_or_default();
    let soonest = predictions.first().expect("a prediction");
    // 60 GiB less 23.4 GiB at 20 MiB a second.
    assert!((1700..1950).contains(&soonest.eta_secs), "{soonest:?}");
    assert!(soonest.confidence > 0.9, "{soonest:?}");
    assert_eq!(soonest.kind, "disk.full");
    insta::assert_snapshot!(w.story(), @r#"
7m 45s: opened high disk.filling [/] / will be full in 43m 27s: 51 GiB left, 70 GiB more each hour (confidence 0.71)
"#);
}

#[test]
fn a_short_download_is_no_forecast() {
    let mut w = World::new();
    w.run(3600, |w| {
        // 2 GiB within a minute, then nothing.
        let used = 40 * GIB + w.secs.min(60) * 34 * MIB;
        fill(w.mount("/"), used);
    });
    assert_eq!(w.story(), "");
}

#[test]
fn oom_kill_names_the_victim_once_although_the_counter_rises_too() {
    let mut w = World::new();
    w.rest(10);
    w.run(5, |w| {
        w.now.system.oom_kills = Some(1);
        w.kernel_says("oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/lab,task_memcg=/lab/hog,task=hog,pid=4242,uid=0");
        w.kernel_says("Memory cgroup out of memory: Killed process 4242 (hog) total-vm:900kB, anon-rss:512000kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:60kB oom_score_adj:0");
    });
    w.rest(700);
    insta::assert_snapshot!(w.story(), @r#"
    15s: opened critical kernel.oom [machine] The kernel killed 4242 (hog) for want of memory (cgroup /lab/hog)
    10m 30s: closed critical kernel.oom [machine] recovered
    "#);
}

#[test]
fn oom_kill_is_told_by_the_counter_where_the_journal_cannot_be_read() {
    let mut w = World::new();
    w.source(Source::Journal, SourceState::Absent);
    w.rest(10);
    w.run(5, |w| w.now.system.oom_kills = Some(2));
    w.rest(10);
    insta::assert_snapshot!(w.story(), @r#"
    15s: opened critical kernel.oom [machine] The kernel killed 2 × ? for want of memory (machine)
    "#);
}

#[test]
fn failed_unit_is_reported_and_one_that_was_told_to_stop_is_not() {
    let mut w = World::new();
    w.now.units.push(running("app.service"));
    w.rest(10);
    w.unit("nginx.service").active_state = "failed".into();
    w.unit("nginx.service").result = "exit-code".into();
    w.unit("nginx.service").exit_status = 3;
    w.unit("app.service").active_state = "failed".into();
    w.unit("app.service").result = "exit-code".into();
    w.unit("app.service").exit_status = 143;
    w.unit("cron.service").active_state = "inactive".into();
    w.rest(10);
    *w.unit("nginx.service") = running("nginx.service");
    w.rest(20);
    insta::assert_snapshot!(w.story(), @r#"
15s: opened high service.failed [nginx.service] nginx.service failed: exit-code, exit status 3
35s: closed high service.failed [nginx.service] recovered
"#);
}

#[test]
fn crash_looping_unit_flaps_and_old_restarts_do_not_count() {
    let mut w = World::new();
    w.unit("cron.service").restarts = 50;
    w.rest(10);
    w.run(40, |w| {
        let times = (w.secs / 10) as u32;
        let unit = w.unit("nginx.service");
        unit.restarts = times;
        unit.active_state = "activating".into();
        unit.sub_state = "auto-restart".into();
        unit.result = "exit-code".into();
    });
    *w.unit("nginx.service") = running("nginx.service");
    w.rest(1000);
    insta::assert_snapshot!(w.story(), @r#"
30s: opened high service.flapping [nginx.service] nginx.service restarted 3 times within 10m: exit-code
1m 10s: closed high service.flapping [nginx.service] recovered
"#);
}

#[test]
fn unit_that_appears_after_it_hit_its_start_limit_flaps() {
    let mut w = World::new();
    w.rest(10);
    let mut unit = running("crash.service");
    unit.active_state = "failed".into();
    unit.sub_state = "failed".into();
    unit.result = "start-limit-hit".into();
    unit.exit_status = 1;
    unit.restarts = 2;
    w.now.units.push(unit);
    w.rest(5);
    insta::assert_snapshot!(w.story(), @r#"
    15s: opened high service.failed [crash.service] crash.service failed: start-limit-hit, exit status 1
    15s: opened high service.flapping [crash.service] crash.service restarted 2 times within 10m: start-limit-hit
    "#);
}

#[test]
fn journal_flood_is_one_alert_a_template_and_a_backlog_is_none() {
    let mut w = World::new();
    w.run(5, |w| {
        for n in 0..5000 {
            w.logs("old.service", &format!("backlog {n}"));
        }
    });
    w.run(60, |w| {
        for n in 0..40 {
            w.logs("nginx.service", &format!("upstream 10.0.0.{n} timed out after {}ms", n * 7));
        }
        w.logs("cron.service", "something else");
    });
    w.rest(120);
    insta::assert_snapshot!(w.story(), @r#"
    20s: opened medium journal.burst [nginx.service: upstream <*> timed out after <*>] nginx.service logs 120 like messages a minute: upstream <*> timed out after <*>
    2m 10s: closed medium journal.burst [nginx.service: upstream <*> timed out after <*>] recovered
    "#);
}

#[test]
fn source_that_cannot_be_read_is_stale_after_three_intervals_and_an_absent_one_is_not() {
    let mut w = World::new();
    w.source(Source::Unit, SourceState::Absent);
    w.rest(60);
    w.source(Source::Journal, SourceState::Stale);
    w.rest(30);
    w.source(Source::Journal, SourceState::Fresh);
    w.rest(30);
    insta::assert_snapshot!(w.story(), @r#"
    1m 20s: opened medium source.stale [source journal] The source journal can no longer be read: permission denied
    1m 45s: closed medium source.stale [source journal] recovered
    "#);
}

/// A day with the noise that machines have: load by the hour, a cron job, logs, caches.
fn a_day(w: &mut World, from: u64) {
    w.run(86_400, |w| {
        let hour = ((w.secs - from) / 3600 % 24) as f64;
        let day = (hour / 24.0 * std::f64::consts::TAU).sin().max(0.0);
        let (a, b, c) = (w.random(), w.random(), w.random());
        let job = w.secs % 3600 < 180;
        let s = &mut w.now.system;
        s.cpu_total = Some(5.0 + 30.0 * day + 10.0 * a + if job { 30.0 } else { 0.0 });
        s.load1 = Some(0.3 + 2.0 * day + a + if job { 1.5 } else { 0.0 });
        s.load5 = Some(0.3 + 2.0 * day + 0.5 * a);
        s.disk_write_mbps = Some(if b > 0.97 { 60.0 } else { 2.0 * b });
        s.net_rx_mbps = Some(if c > 0.98 { 30.0 } else { 0.5 * c });
        let used = (4.0 * GIB as f64 * (1.0 + 0.5 * day + 0.1 * a)) as u64;
        w.set_memory(used);
        let logs = (w.secs * 2000) % (3 * GIB);
        fill(w.mount("/"), 40 * GIB + logs);
        w.process(1001).rss_bytes = 2 * GIB + (b * 200.0) as u64 * MIB;
        w.process(1001).cpu_percent = Some(40.0 + 50.0 * day * a);
        w.process(1002).rss_bytes = (300 + w.secs % 700 / 2) * MIB;
        w.process(1002).open_fds = Some(200 + (c * 100.0) as u32);
        if a > 0.9 {
            w.logs("nginx.service", "client closed connection");
        }
    });
}

fn at_work() -> World {
    let mut w = World::new();
    w.config.general.interval_secs = 60;
    w.step_secs = 60;
    w.add(process(1001, 700, "./database"));
    w.add(process(1002, 700, "java -jar app.jar"));
    w.in_unit(1001, "database.service");
    w
}

#[test]
fn one_no_fault_day_gives_zero_findings() {
    let mut w = at_work();
    a_day(&mut w, 0);
    a_day(&mut w, 86_400);
    let story = w.story();
    assert!(w.kinds.is_empty(), "{:?} {story}", w.kinds);
}

#[test]
fn metric_far_from_usual_is_an_anomaly_once_it_was_learned_and_survives_a_restart() {
    let mut w = at_work();
    a_day(&mut w, 0);
    a_day(&mut w, 86_400);
    let json = serde_json::to_string(&w.orient.memory()).expect("memory is JSON");
    assert!(json.len() < 64 * 1024, "{} bytes", json.len());
    let memory: BrainMemory = serde_json::from_str(&json).expect("what was written can be read");
    w.orient = Orient::new(Rules::built_in(), memory);
    w.run(300, |w| {
        let noise = w.random();
        w.now.system.cpu_total = Some(97.0 + noise);
    });
    insta::assert_snapshot!(w.story(), @r#"
    2d: opened low metric.anomaly [cpu_total] cpu_total is 97.8, at this hour it usually is 11.0 (give or take 8.6)
    "#);
}

#[test]
fn nothing_is_unusual_before_it_was_learned() {
    let mut w = at_work();
    w.run(3600, |w| {
        let noise = w.random();
        w.now.system.cpu_total = Some(if w.secs > 3000 { 97.0 } else { 5.0 + noise });
    });
    assert_eq!(w.story(), "");
}

#[test]
fn health_of_a_machine_at_rest_is_good_and_names_its_factors() {
    let mut w = World::new();
    w.rest(10);
    let health = health_of(&w.now, &[], &w.config);
    let lines: Vec<String> = std::iter::once(format!("{} {}", health.score, health.severity))
        .chain(
            health
                .factors
                .iter()
                .map(|f| format!("{} {} {}: {}", f.id, f.score, f.severity, f.why)),
        )
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    1 low
    container 1 low: no containers
    cpu 1 low: load 0.2 on 4 cores
    disk 1 low: / has 60 % free
    journal 1 low: 0 new entries
    memory 1 low: RAM 25 % in use
    process 1 low: 4 processes, 0 of them zombies
    service 1 low: 2 services, none failed
    sources 1 low: 9 sources read
    "#);
}

#[test]
fn health_falls_with_the_worst_alert_and_what_was_never_read_is_not_well() {
    let mut w = World::new();
    let mut scores = Vec::new();
    let mut note = |name: &str, w: &World| {
        let alerts: Vec<_> = w.book.open().collect();
        let h = health_of(&w.now, &alerts, &w.config);
        let top = h.top_issue.unwrap_or_default();
        scores.push(format!("{name}: {} {} {top}", h.score, h.severity));
    };
    w.unit("nginx.service").active_state = "failed".into();
    w.rest(10);
    note("one high alert", &w);
    w.run(60, |w| w.set_memory(MEMORY * 95 / 100));
    note("one critical alert", &w);

    let mut blind = World::new();
    blind.now.system = hale_model::snapshot::System::default();
    blind.now.processes.clear();
    blind.now.mounts.clear();
    blind.now.units.clear();
    note("sources say fresh and give nothing", &blind);
    for source in Source::ALL {
        blind.source(source, SourceState::Stale);
    }
    note("nothing could be read", &blind);
    blind.now.sources.clear();
    note("nothing was asked", &blind);
    insta::assert_snapshot!(scores.join("\n"), @r#"
    one high alert: 0.67 high nginx.service failed: success, exit status 0
    one critical alert: 0.39 critical RAM 95 % in use, 819 MiB of 16 GiB left; most of it: systemd (1) 20 MiB, sshd (700) 20 MiB, postgres (800) 20 MiB
    sources say fresh and give nothing: 0.47 critical cpu: no data (never read)
    nothing could be read: 0.36 critical cannot read process, memory, cpu, gpu, disk, journal, network, unit, container, kubernetes
    nothing was asked: 0.4 critical cpu: no data (never read)
    "#);
}

#[test]
fn one_look_that_did_not_ask_the_journal_is_not_called_ill_for_it() {
    let mut w = World::new();
    w.now.sources.retain(|s| s.source != Source::Journal);
    let health = health_of(&w.now, &[], &w.config);
    assert!(health.score >= 0.9, "{health:?}");
    w.now.sources.retain(|s| s.source != Source::Memory);
    w.now.system.mem_used_percent = None;
    let health = health_of(&w.now, &[], &w.config);
    assert!(health.score < 0.7, "{health:?}");
}
