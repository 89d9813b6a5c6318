//! Telemetry in DuckDB: what is stored agrees with what is derived; retention, export, questions.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use hale_model::alert::{Severity, Subject};
use hale_model::health::{Health, HealthFactor, Prediction};
use hale_model::sample::*;
use hale_model::snapshot::System;
use hale_model::view::Table;
use hale_store::{Access, State, StoreError, Telemetry, export_readonly, query_readonly};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::world::*;

/// Stores a sample every so many seconds.
fn stored(dir: &Path, seconds: impl Iterator<Item = i64>) -> Telemetry {
    let path = dir.join("telemetry.duckdb");
    let mut telemetry = Telemetry::open(&path, Access::Write).unwrap();
    let mut last = None;
    for second in seconds {
        let now = sample(second, 100);
        telemetry.append(&now, &snapshot(&now, last.as_ref())).unwrap();
        last = Some(now);
    }
    telemetry.flush().unwrap();
    telemetry
}

fn ask(telemetry: &Telemetry, sql: &str) -> Table {
    telemetry.query(None, sql, 1000).unwrap_or_else(|e| panic!("{sql}: {e}"))
}

fn lines(table: &Table) -> String {
    let line = |cells: Vec<String>| cells.join(" | ");
    let mut all = vec![line(table.columns.clone())];
    all.extend(table.rows.iter().map(|r| line(r.iter().map(Value::to_string).collect())));
    all.join("\n")
}

#[test]
fn the_views_have_what_people_ask_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut telemetry = stored(dir.path(), [60, 120, 180].into_iter());
    telemetry
        .append_health(&Health {
            machine_id: machine(),
            at: at(180),
            score: 0.7,
            severity: Severity::Medium,
            top_issue: None,
            factors: vec![HealthFactor {
                id: "memory".into(),
                score: 0.4,
                severity: Severity::Medium,
                why: "60 % used".into(),
            }],
        })
        .unwrap();
    telemetry
        .append_prediction(&Prediction {
            machine_id: machine(),
            generated_at: at(180),
            kind: "disk.full".into(),
            subject: Subject::Mount { mount_point: "/".into() },
            eta_secs: 3600,
            confidence: 0.9,
            text: "/ will be full in 1h".into(),
        })
        .unwrap();
    telemetry.flush().unwrap();
    insta::assert_snapshot!(lines(&ask(
        &telemetry,
        "SELECT collected_at, cpu_total, mem_used_bytes, disk_read_mbps FROM sys_samples ORDER BY collected_at DESC LIMIT 5",
    )), @r#"
    collected_at | cpu_total | mem_used_bytes | disk_read_mbps
    "2026-02-02T02:43:00Z" | 25.0 | 4474967296 | 2.0
    "2026-02-02T02:42:00Z" | 25.0 | 4414967296 | 2.0
    "2026-02-02T02:41:00Z" | null | 4354967296 | null
    "#);
    insta::assert_snapshot!(lines(&ask(
        &telemetry,
        "SELECT load1, mem_total_bytes, swap_used_bytes, disk_write_mbps, net_rx_mbps, net_tx_mbps, process_count, zombie_count, swap_in_pages_per_sec FROM sys_samples ORDER BY collected_at DESC LIMIT 1",
    )), @r#"
    load1 | mem_total_bytes | swap_used_bytes | disk_write_mbps | net_rx_mbps | net_tx_mbps | process_count | zombie_count | swap_in_pages_per_sec
    0.5 | 17179869184 | 536870912 | 1.0 | 1.0 | 0.5 | 100 | 2 | 3.0
    "#);
    insta::assert_snapshot!(lines(&ask(
        &telemetry,
        "SELECT kind, device, mount_point, iops, latency_ms, busy_percent, free_percent, inode_free_percent FROM disk_samples ORDER BY collected_at DESC, kind LIMIT 2",
    )), @r#"
    kind | device | mount_point | iops | latency_ms | busy_percent | free_percent | inode_free_percent
    "device" | "nvme0n1" | null | 15.0 | 2.0 | 10.0 | null | null
    "mount" | "/dev/nvme0n1p1" | "/" | null | null | null | 26.31578947368421 | 40.0
    "#);
    insta::assert_snapshot!(lines(&ask(
        &telemetry,
        "SELECT interface, rx_mbps, tx_mbps, errors_per_sec FROM net_samples WHERE interface = 'eth0' ORDER BY collected_at",
    )), @r#"
    interface | rx_mbps | tx_mbps | errors_per_sec
    "eth0" | null | null | null
    "eth0" | 1.0 | 0.5 | 0.0
    "eth0" | 1.0 | 0.5 | 0.0
    "#);
    insta::assert_snapshot!(lines(&ask(
        &telemetry,
        "SELECT metric, subject, value, unit FROM metric_points ORDER BY metric",
    )), @r#"
    metric | subject | value | unit
    "health.factor" | "memory" | 0.4 | "ratio"
    "health.score" | "" | 0.7 | "ratio"
    "prediction.disk.full" | "mount:/" | 3600.0 | "secs"
    "prediction.disk.full.confidence" | "mount:/" | 0.9 | "ratio"
    "#);
    insta::assert_snapshot!(lines(&ask(
        &telemetry,
        "SELECT priority, unit, identifier, message FROM journal_events ORDER BY logged_at DESC LIMIT 1",
    )), @r#"
    priority | unit | identifier | message
    4 | "worker.service" | "worker" | "warning 180"
    "#);
    // 20 by CPU, 20 by memory and 20 by open files; those that lead twice count once.
    let top = ask(
        &telemetry,
        "SELECT count(*), max(mem_bytes), max(fd_count), max(length(command)) FROM sys_top_processes WHERE collected_at = (SELECT max(collected_at) FROM sys_samples)",
    );
    let count = top.rows[0][0].as_u64().unwrap();
    assert!((40..=60).contains(&count), "{count}");
    assert_eq!(top.rows[0][1], 100_000_000);
    assert_eq!(top.rows[0][2], 999);
}

#[test]
fn counters_that_start_anew_give_no_rate() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("telemetry.duckdb");
    let mut telemetry = Telemetry::open(&path, Access::Write).unwrap();
    let rebooted = |mut sample: Sample, boottime: u64| {
        sample.host = Arc::new(HostFacts { boot_id: "boot-2".into(), ..(*sample.host).clone() });
        sample.boottime_ns = boottime;
        sample
    };
    let mut reset = sample(240, 5);
    reset.cpu.as_mut().unwrap().total = CpuTicks::default();
    reset.disk.as_mut().unwrap().devices[0].read_bytes = 0;
    reset.network.as_mut().unwrap().interfaces[0].rx_bytes = 1;
    let mut other_disk = sample(300, 5);
    other_disk.disk.as_mut().unwrap().devices[0].device = "sda".into();
    // Wall clock an hour back, the machine's own clock goes on.
    let mut clock_jump = sample(360, 5);
    clock_jump.collected_at = at(-3000);
    for sample in [
        sample(120, 5),
        sample(180, 5),
        reset,
        other_disk,
        clock_jump,
        rebooted(sample(420, 5), 5_000_000_000),
        rebooted(sample(480, 5), 5_000_000_000),
    ] {
        telemetry.append(&sample, &snapshot(&sample, None)).unwrap();
    }
    telemetry.flush().unwrap();
    insta::assert_snapshot!(lines(&ask(
        &telemetry,
        "SELECT collected_at, boot_id, elapsed_secs, cpu_total, disk_read_mbps, round(net_rx_mbps, 3) AS net_rx_mbps FROM sys_samples ORDER BY boot_id, collected_at",
    )), @r#"
    collected_at | boot_id | elapsed_secs | cpu_total | disk_read_mbps | net_rx_mbps
    "2026-02-02T01:50:00Z" | "boot-1" | 60.0 | 25.0 | null | 1.0
    "2026-02-02T02:42:00Z" | "boot-1" | null | null | null | null
    "2026-02-02T02:43:00Z" | "boot-1" | 60.0 | 25.0 | 2.0 | 1.0
    "2026-02-02T02:44:00Z" | "boot-1" | 60.0 | null | null | null
    "2026-02-02T02:45:00Z" | "boot-1" | 60.0 | 25.0 | null | 5.0
    "2026-02-02T02:47:00Z" | "boot-2" | null | null | null | null
    "2026-02-02T02:48:00Z" | "boot-2" | null | null | null | null
    "#);
    let wrong = ask(
        &telemetry,
        "SELECT count(*) FROM sys_samples WHERE cpu_total NOT BETWEEN 0 AND 100 OR disk_read_mbps < 0 OR disk_read_mbps > 100 OR net_rx_mbps < 0 OR net_rx_mbps > 100",
    );
    assert_eq!(wrong.rows[0][0], 0);
}

fn figures(system: &System) -> Vec<Option<f64>> {
    let whole = |n: Option<u64>| n.map(|n| n as f64);
    vec![
        system.cpu_total,
        system.cpu_iowait,
        system.cpu_steal,
        whole(system.mem_used_bytes),
        system.mem_used_percent,
        whole(system.mem_cached_bytes),
        whole(system.swap_used_bytes),
        system.swap_used_percent,
        system.swap_in_pages_per_sec,
        whole(system.oom_kills),
        system.disk_read_mbps,
        system.disk_write_mbps,
        system.net_rx_mbps,
        system.net_tx_mbps,
        system.frequency_mhz,
    ]
}

const FIGURES: &str = "SELECT cpu_total, cpu_iowait, cpu_steal, mem_used_bytes, mem_used_percent, \
    mem_cached_bytes, swap_used_bytes, swap_used_percent, swap_in_pages_per_sec, oom_kills, \
    disk_read_mbps, disk_write_mbps, net_rx_mbps, net_tx_mbps, frequency_mhz FROM sys_samples \
    ORDER BY collected_at DESC LIMIT 1";

fn any_ticks() -> impl Strategy<Value = CpuTicks> {
    let n = || 0..1_000_000_u64;
    (n(), n(), n(), n(), n(), n()).prop_map(|(user, system, idle, iowait, irq, steal)| CpuTicks {
        user,
        system,
        idle,
        iowait,
        irq,
        steal,
    })
}

fn any_sample(second: i64) -> impl Strategy<Value = Sample> {
    let bytes = || 0..1_u64 << 45;
    (any_ticks(), prop::array::uniform8(bytes()), any::<[bool; 5]>()).prop_map(
        move |(ticks, n, has)| {
            let mut sample = sample(second, 2);
            sample.cpu.as_mut().unwrap().total = ticks;
            let memory = sample.memory.as_mut().unwrap();
            memory.total_bytes = n[0];
            memory.available_bytes = n[1];
            memory.swap_total_bytes = if has[0] { n[2] } else { 0 };
            memory.swap_free_bytes = n[3];
            memory.swap_in_pages = n[4] % 5000;
            memory.oom_kills = n[4] % 3;
            let disk = sample.disk.as_mut().unwrap();
            disk.devices[0].read_bytes = n[5];
            disk.devices[0].write_bytes = n[6];
            let network = sample.network.as_mut().unwrap();
            network.interfaces[0].rx_bytes = n[7];
            if !has[1] {
                sample.cpu = None;
            }
            if !has[2] {
                sample.memory = None;
            }
            if !has[3] {
                sample.disk = None;
            }
            if !has[4] {
                sample.network = None;
            }
            sample
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// What SQL says is what the screens say.
    #[test]
    fn views_and_snapshots_agree(first in any_sample(60), second in any_sample(123)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("telemetry.duckdb");
        let mut telemetry = Telemetry::open(&path, Access::Write).unwrap();
        let derived = snapshot(&second, Some(&first));
        telemetry.append(&first, &snapshot(&first, None)).unwrap();
        telemetry.append(&second, &derived).unwrap();
        telemetry.flush().unwrap();
        let row = &ask(&telemetry, FIGURES).rows[0];
        for ((wanted, got), place) in figures(&derived.system).iter().zip(row).zip(0..) {
            let close = match (wanted, got.as_f64()) {
                (None, None) => true,
                (Some(w), Some(g)) => (w - g).abs() <= 1e-9 * w.abs().max(1.0),
                (None, Some(_)) | (Some(_), None) => false,
            };
            prop_assert!(close, "figure {place}: {wanted:?} in the snapshot, {got} in SQL");
        }
    }
}

#[test]
fn retention_says_what_it_does_and_keeps_the_figures() {
    let dir = tempfile::tempdir().unwrap();
    // Four samples a minute over ten minutes.
    let mut telemetry = stored(dir.path(), (0..40).map(|n| 60 + n * 15));
    let sums = "SELECT avg(cpu_total), avg(disk_read_mbps), sum(elapsed_secs), sum(samples)::INT, max(load1), min(collected_at) FROM sys_samples";
    let before = ask(&telemetry, sums).rows.remove(0);
    let now = at(60 + 5 * 60 + 3600);
    let would = telemetry.retain(now, 1, true).unwrap();
    insta::assert_snapshot!(would, @r#"
    full-resolution samples before 2026-02-02T02:46:00Z would become one-minute rollups: 20 rows of sys_samples over 5 minutes, 993 rows of sys_top_processes over 5 minutes, 20 rows of disk_devices over 5 minutes, 20 rows of disk_mounts over 5 minutes, 40 rows of net_samples over 5 minutes, 20 rows of gpu_samples over 5 minutes; journal events and incidents are kept
    "#);
    assert_eq!(ask(&telemetry, sums).rows[0], before, "a dry run changes nothing");
    let did = telemetry.retain(now, 1, false).unwrap();
    assert_eq!(did, would.replace("would become", "became"));
    let after = ask(&telemetry, sums).rows.remove(0);
    for (b, a) in before.iter().zip(&after).take(5) {
        let (b, a) = (b.as_f64().unwrap(), a.as_f64().unwrap());
        assert!((b - a).abs() < 1e-6, "{before:?} became {after:?}");
    }
    insta::assert_snapshot!(lines(&ask(
        &telemetry,
        "SELECT samples, count(*) AS rows FROM sys_samples GROUP BY samples ORDER BY samples",
    )), @r#"
    samples | rows
    1 | 20
    4 | 5
    "#);
    assert_eq!(ask(&telemetry, "SELECT count(*) FROM journal_events").rows[0][0], 40);
    insta::assert_snapshot!(telemetry.retain(now, 1, false).unwrap(), @r#"
    nothing is older than 2026-02-02T02:46:00Z; the file was compacted
    "#);
    insta::assert_snapshot!(telemetry.retain(now, 0, false).unwrap(), @r#"
    retention is off: everything is kept in full resolution
    "#);
}

#[test]
fn one_statement_asks_both_memories() {
    let dir = tempfile::tempdir().unwrap();
    let telemetry = stored(dir.path(), [60, 120].into_iter());
    let state_path = dir.path().join("state.db");
    let sql = "SELECT a.kind, a.subject, a.first_seen_at, round(s.cpu_total) AS cpu \
               FROM alerts a ASOF JOIN sys_samples s ON s.collected_at >= a.first_seen_at";
    let none = telemetry.query(Some(&state_path), sql, 10).unwrap();
    assert_eq!(none.rows, Vec::<Vec<Value>>::new());
    let state = State::open(&state_path, Access::Write).unwrap();
    state.put_alert(&alert(70)).unwrap();
    state.put_incident(&incident(1)).unwrap();
    state.put_action(&action(1)).unwrap();
    state.put_approval(&approval(1)).unwrap();
    state.append_audit(at(1), "hale", "intent", "ac-1", &json!({ "why": "leak" })).unwrap();
    let both = telemetry.query(Some(&state_path), sql, 10).unwrap();
    insta::assert_snapshot!(lines(&both), @r#"
    kind | subject | first_seen_at | cpu
    "process.leak" | "process 70 (leaky)" | "2026-02-02T02:41:10Z" | 25.0
    "#);
    let audit = "SELECT ts, actor, details->>'why' AS why FROM audit";
    insta::assert_snapshot!(lines(&telemetry.query(Some(&state_path), audit, 10).unwrap()), @r#"
    ts | actor | why
    "2026-02-02T02:40:01Z" | "hale" | "leak"
    "#);
    let tables = telemetry.query(Some(&state_path), "SHOW TABLES", 0).unwrap();
    let names: Vec<&str> = tables.rows.iter().filter_map(|r| r[0].as_str()).collect();
    for name in ["alerts", "actions", "audit", "sys_samples", "net_samples", "journal_events"] {
        assert!(names.contains(&name), "{names:?}");
    }
    // Every table can be read whole.
    for name in ["alerts", "incidents", "timeline", "plans", "actions", "approvals", "lessons"] {
        telemetry.query(Some(&state_path), &format!("FROM {name}"), 10).unwrap();
    }
    // Without an agent: the same answer; and with one, no hanging and no lock error but Busy.
    let path = dir.path().join("telemetry.duckdb");
    drop(telemetry);
    assert_eq!(query_readonly(&path, &state_path, sql, 10).unwrap(), both);
}

#[test]
fn questions_before_there_is_anything() {
    let dir = tempfile::tempdir().unwrap();
    let (telemetry, state) = (dir.path().join("telemetry.duckdb"), dir.path().join("state.db"));
    let sql = "SELECT count(*) FROM sys_samples, alerts";
    assert_eq!(query_readonly(&telemetry, &state, sql, 1).unwrap().rows[0][0], 0);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "asking made files");
}

#[test]
fn export_writes_every_table_as_private_parquet() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let mut telemetry = stored(dir.path(), [60, 120].into_iter());
    let state_path = dir.path().join("state.db");
    State::open(&state_path, Access::Write).unwrap().put_alert(&alert(1)).unwrap();
    let out = dir.path().join("it's out");
    let said = telemetry.export(Some(&state_path), &out).unwrap();
    assert!(said.starts_with("wrote "), "{said}");
    for entry in fs::read_dir(&out).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(entry.path().extension().unwrap(), "parquet");
    }
    let reader = duckdb::Connection::open_in_memory().unwrap();
    for (name, rows) in [("sys_samples", 2), ("alerts", 1), ("journal_events", 2), ("lessons", 0)] {
        let file = out.join(format!("{name}.parquet"));
        let sql =
            format!("SELECT count(*) FROM '{}'", file.display().to_string().replace('\'', "''"));
        let count: i64 = reader.query_row(&sql, [], |row| row.get(0)).unwrap();
        assert_eq!(count, rows, "{name}");
    }
    // Storing goes on afterwards, still with no way out of its file.
    let sample = sample(180, 5);
    telemetry.append(&sample, &snapshot(&sample, None)).unwrap();
    telemetry.flush().unwrap();
    assert_eq!(ask(&telemetry, "SELECT count(*) FROM sys_samples").rows[0][0], 3);
    drop(telemetry);
    let empty = tempfile::tempdir().unwrap();
    let absent = empty.path().join("telemetry.duckdb");
    export_readonly(&absent, &state_path, &empty.path().join("out")).unwrap();
    assert!(empty.path().join("out/sys_samples.parquet").exists());
}

#[test]
fn trends_coverage_and_replay() {
    let dir = tempfile::tempdir().unwrap();
    // Ten minutes, three of them missing.
    let minutes = (1..=10).filter(|n| !(4..=6).contains(n)).map(|n| n * 60);
    let telemetry = stored(dir.path(), minutes);
    let trends = telemetry.trends(at(0)).unwrap();
    let load = trends.iter().find(|t| t.metric == "load1").unwrap();
    assert_eq!((load.min, load.mean, load.max, load.last), (0.5, 0.5, 0.5, 0.5));
    let cpu = trends.iter().find(|t| t.metric == "cpu_total").unwrap();
    assert!((cpu.mean - 25.0).abs() < 1e-9, "{cpu:?}");
    assert_eq!(telemetry.trends(at(100_000)).unwrap(), []);
    assert_eq!(telemetry.coverage(at(0), at(600), 60).unwrap(), 0.7);
    assert_eq!(telemetry.coverage(at(0), at(630), 60).unwrap(), 0.7);
    assert_eq!(telemetry.coverage(at(5000), at(9000), 60).unwrap(), 0.0);
    assert_eq!(telemetry.coverage(at(5), at(5), 60).unwrap(), 0.0);
    let around = telemetry.samples_between(at(100), at(200)).unwrap();
    assert_eq!(around.rows.len(), 2);
    assert!(around.columns.contains(&"cpu_total".to_owned()));
    assert_eq!(telemetry.rows_between("journal_events", at(0), at(600)).unwrap().rows.len(), 7);
    assert!(telemetry.rows_between("sys_samples; DROP", at(0), at(1)).is_err());
}

#[test]
fn memory_for_what_waits_is_bounded_and_the_loss_counted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("telemetry.duckdb");
    let mut telemetry = Telemetry::open(&path, Access::Write).unwrap();
    for n in 1..=200 {
        let sample = sample(n, 100);
        telemetry.append(&sample, &snapshot(&sample, None)).unwrap();
    }
    assert_eq!(telemetry.waiting_rows(), 4000);
    assert!(telemetry.lost_rows() > 1000);
    telemetry.flush().unwrap();
    let newest = ask(&telemetry, "SELECT max(collected_at) FROM sys_samples");
    assert_eq!(newest.rows[0][0], json!(at(200).to_string()));
}

/// Not a test by itself: another process beside the one that writes.
#[test]
fn child_asks_while_another_writes() {
    let Ok(dir) = std::env::var("HALE_STORE_BUSY_DIRECTORY") else { return };
    let dir = Path::new(&dir);
    let result =
        query_readonly(&dir.join("telemetry.duckdb"), &dir.join("state.db"), "SELECT 1", 1);
    assert!(matches!(result, Err(StoreError::Busy { .. })), "{result:?}");
    let result = Telemetry::open_or_set_aside(&dir.join("telemetry.duckdb"));
    assert!(matches!(result, Err(StoreError::Busy { .. })), "{result:?}");
}

#[test]
fn another_process_is_told_to_ask_the_agent() {
    let dir = tempfile::tempdir().unwrap();
    let _telemetry = stored(dir.path(), [60].into_iter());
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "telemetry::child_asks_while_another_writes", "--nocapture"])
        .env("HALE_STORE_BUSY_DIRECTORY", dir.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_questions_of_the_screens_are_answered() {
    use hale_store::{journal_sql, moment_sql, series_sql};
    let dir = tempfile::tempdir().unwrap();
    let mut telemetry = stored(dir.path(), [60, 120, 180, 240].into_iter());
    telemetry
        .append_health(&Health {
            machine_id: machine(),
            at: at(180),
            score: 0.7,
            severity: Severity::Medium,
            top_issue: None,
            factors: vec![HealthFactor {
                id: "memory".into(),
                score: 0.4,
                severity: Severity::Medium,
                why: "60 % used".into(),
            }],
        })
        .unwrap();
    telemetry.flush().unwrap();

    let metrics: Vec<String> =
        hale_model::panel::SERIES_METRICS.iter().map(|m| (*m).to_owned()).collect();
    let course = ask(&telemetry, &series_sql(&metrics, at(60), at(260), 60.0));
    assert_eq!(course.columns.len(), metrics.len() + 1);
    let steps: Vec<_> = course.rows.iter().map(|r| r[0].as_i64()).collect();
    assert_eq!(steps, [Some(0), Some(1), Some(2), Some(3)]);
    let health: Vec<_> = course.rows.iter().map(|r| r.last().unwrap().as_f64()).collect();
    assert_eq!(health, [None, None, Some(0.7), None]);
    let only_health = series_sql(&["health_score".to_owned()], at(60), at(260), 60.0);
    assert_eq!(ask(&telemetry, &only_health).columns, ["step", "health_score"]);

    let kinds = |second: i64| -> Vec<String> {
        let table = ask(&telemetry, &moment_sql(at(second)));
        let mut kinds: Vec<String> =
            table.rows.iter().map(|r| r[0].as_str().unwrap().to_owned()).collect();
        kinds.dedup();
        for row in &table.rows {
            let object: Value = serde_json::from_str(row[1].as_str().unwrap()).unwrap();
            assert!(object.is_object(), "{object}");
            if row[0] == "sample" {
                let measured = at(second / 60 * 60).as_microsecond();
                assert_eq!(object["measured_at_us"], measured, "{object}");
            }
        }
        kinds
    };
    assert!(kinds(59).is_empty());
    let then = kinds(200);
    for kind in ["sample", "process", "mount", "device", "interface", "health"] {
        assert!(then.contains(&kind.to_owned()), "{kind} in {then:?}");
    }
    assert!(!kinds(150).contains(&"health".to_owned()));
    assert!(kinds(100_000).is_empty(), "a sample of long ago is not that moment");

    let hostile = journal_sql(at(0), at(999), 7, "'; DROP TABLE journal_events; --");
    assert!(ask(&telemetry, &hostile).rows.is_empty());
}
