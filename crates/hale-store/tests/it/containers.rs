//! Containers in DuckDB.

use hale_model::container::{ContainerHealth, ContainerSample, ContainerStat, ContainerState};
use hale_store::{Access, Telemetry};
use serde_json::json;

use crate::world::*;

fn web(run: i64, cpu_usec: u64) -> ContainerSample {
    ContainerSample {
        engine: "docker 28".to_owned(),
        containers: vec![ContainerStat {
            id: "ab".repeat(32),
            name: "web".to_owned(),
            state: ContainerState::Running,
            health: Some(ContainerHealth::Healthy),
            started_at: Some(at(run)),
            restart_policy: "no".to_owned(),
            memory_bytes: Some(50),
            memory_limit_bytes: Some(200),
            cpu_usec: Some(cpu_usec),
            ..ContainerStat::default()
        }],
    }
}

#[test]
fn containers_can_be_asked_for_and_another_run_counts_from_zero() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("telemetry.duckdb");
    let mut telemetry = Telemetry::open(&path, Access::Write).unwrap();
    for (second, run, cpu) in [(60, 1, 1_000_000), (70, 1, 6_000_000), (80, 75, 10)] {
        let mut now = sample(second, 1);
        now.boottime_ns = second as u64 * 1_000_000_000;
        now.container = Some(web(run, cpu));
        telemetry.append(&now, &snapshot(&now, None)).unwrap();
    }
    telemetry.flush().unwrap();
    let sql = "SELECT name, state, health, cpu_percent, memory_percent FROM container_samples \
               ORDER BY collected_at";
    let rows = telemetry.query(None, sql, 10).unwrap().rows;
    assert_eq!(
        json!(rows),
        json!([
            ["web", "running", "healthy", null, 25.0],
            ["web", "running", "healthy", 50.0, 25.0],
            ["web", "running", "healthy", null, 25.0],
        ])
    );
    telemetry.retain(at(60 + 3 * 3600), 1, false).unwrap();
    let sql = "SELECT name, state, samples, memory_percent FROM container_samples";
    let rows = telemetry.query(None, sql, 10).unwrap().rows;
    assert_eq!(json!(rows), json!([["web", "running", 3, 25.0]]));
}
