//! Every route: its answer, its status, its bad input.

use hale_model::action::Actor;
use hale_model::api::{Command, Query};
use hale_model::view::{
    AlertsView, Envelope, IncidentView, MachinesView, MetricsSummary, StatusView,
};
use hale_model::{AlertId, ApprovalId};

use crate::scripted::Server;

#[tokio::test]
async fn every_list_comes_in_the_envelope_of_robot() {
    let server = Server::start().await;
    for (path, version) in [
        ("/api/v1/health", "hale.robot.health.v1"),
        ("/api/v1/machines", "hale.robot.machines.v1"),
        ("/api/v1/machines/box/overview", "hale.robot.machine.v1"),
        ("/api/v1/alerts", "hale.robot.alerts.v1"),
        ("/api/v1/alerts?state=closed&limit=3", "hale.robot.alerts.v1"),
        ("/api/v1/incidents?state=resolved", "hale.robot.incidents.v1"),
        ("/api/v1/incidents/in-0123456789", "hale.robot.incident.v1"),
        ("/api/v1/approvals?all=true", "hale.robot.approvals.v1"),
        ("/api/v1/runbook", "hale.robot.runbook.v1"),
        ("/api/v1/runbook?search=disk%20full&limit=3", "hale.robot.runbook.v1"),
        ("/api/v1/audit", "hale.robot.audit.v1"),
        ("/api/v1/metrics/summary", "hale.robot.metrics.v1"),
        ("/api/v1/query?sql=SELECT%201%20AS%20a", "hale.robot.query.v1"),
    ] {
        let reply = server.get(path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        let json = reply.json();
        assert_eq!(json["schema_version"], version, "{path}");
        assert_eq!(json["staleness"]["process"], 2, "{path}");
        assert!(json["warnings"].is_array() && json["generated_at"].is_string(), "{path}");
    }
    let asked = server.handle.asked.lock().unwrap();
    assert!(asked.contains(&Query::Alerts {
        states: vec![hale_model::alert::AlertState::Closed],
        limit: 3
    }));
    assert!(asked.contains(&Query::Approvals { all: true }));
    assert!(asked.contains(&Query::Runbook { alert_kind: None, limit: 0 }));
    assert!(asked.contains(&Query::RunbookSearch {
        text: "disk full".to_owned(),
        alert_kind: None,
        limit: 3
    }));
    assert!(asked.contains(&Query::Sql { sql: "SELECT 1 AS a".to_owned(), limit_rows: 1000 }));
}

#[tokio::test]
async fn the_envelopes_decode_into_the_types_that_describe_them() {
    let server = Server::start().await;
    let get = async |path| server.get(path).await.body;
    let _: Envelope<AlertsView> = serde_json::from_str(&get("/api/v1/alerts").await).unwrap();
    let _: Envelope<MachinesView> = serde_json::from_str(&get("/api/v1/machines").await).unwrap();
    let _: Envelope<MetricsSummary> =
        serde_json::from_str(&get("/api/v1/metrics/summary").await).unwrap();
    let _: Envelope<StatusView> =
        serde_json::from_str(&get("/api/v1/machines/box/overview").await).unwrap();
    let _: Envelope<IncidentView> =
        serde_json::from_str(&get("/api/v1/incidents/in-0123456789").await).unwrap();
}

#[tokio::test]
async fn errors_have_their_status_and_say_what_to_do() {
    let server = Server::start().await;
    for (path, status, message) in [
        ("/api/v1/incidents/in-nope", 404, "there is no incident in-nope"),
        ("/api/v1/machines/other/overview", 404, "there is no machine other"),
        ("/api/v1/query?sql=DROP%20TABLE%20x", 403, "the statement does not only read"),
        ("/api/v1/query", 400, "Failed to deserialize query string: missing field `sql`"),
        (
            "/api/v1/alerts?state=nope",
            400,
            "Failed to deserialize query string: state: unknown variant `nope`, expected one of `open`, `acknowledged`, `closed`",
        ),
        (
            "/api/v1/alerts?staet=open",
            400,
            "Failed to deserialize query string: staet: unknown field `staet`, expected `state` or `limit`",
        ),
        ("/api/v1/nope", 404, "there is no such address"),
        ("/%00%1b", 404, "there is no such address"),
    ] {
        let reply = server.get(path).await;
        assert_eq!((reply.status, reply.error().as_str()), (status, message), "{path}");
    }
    let reply = server.unix("DELETE", "/api/v1/alerts", "").await;
    assert_eq!(reply.status, 405, "{}", reply.body);
    assert_eq!(server.get("/healthz").await.body, r#"{"status":"ok"}"#);
}

#[tokio::test]
async fn changes_are_made_over_the_socket_in_the_name_of_its_user() {
    let server = Server::start().await;
    for (path, body) in [
        ("/api/v1/alerts/al-1/ack", ""),
        ("/api/v1/alerts/al-1/close", r#"{"why":"done"}"#),
        ("/api/v1/approvals/ap-1/approve", ""),
        ("/api/v1/approvals/ap-1/reject", ""),
        ("/api/v1/pause", r#"{"for":"1h30m"}"#),
        ("/api/v1/pause", ""),
        ("/api/v1/resume", ""),
    ] {
        let reply = server.unix("POST", path, body).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
    }
    let actor = Actor::User { uid: rustix::process::geteuid().as_raw() };
    let (al, ap) = (AlertId::from("al-1"), ApprovalId::from("ap-1"));
    let expected: Vec<(Command, Actor)> = [
        Command::AckAlert { id: al.clone() },
        Command::CloseAlert { id: al, why: Some("done".to_owned()) },
        Command::Approve { id: ap.clone() },
        Command::Reject { id: ap, why: None },
        Command::Pause { for_secs: Some(5400) },
        Command::Pause { for_secs: None },
        Command::Resume,
    ]
    .into_iter()
    .map(|command| (command, actor.clone()))
    .collect();
    assert_eq!(*server.handle.wished.lock().unwrap(), expected);
    let refused = server.unix("POST", "/api/v1/approvals/ap-refused/approve", "").await;
    assert_eq!((refused.status, refused.error().as_str()), (403, "the target changed"));
}

#[tokio::test]
async fn wrong_bodies_change_nothing() {
    let server = Server::start().await;
    let huge = "x".repeat(1024 * 1024 + 1);
    let deep = "[".repeat(100_000);
    for (path, body, status) in [
        ("/api/v1/pause", r#"{"for":"soon"}"#, 400),
        ("/api/v1/pause", r#"{"fro":"1h"}"#, 400),
        ("/api/v1/pause", "{", 400),
        ("/api/v1/pause", "\u{0}", 400),
        ("/api/v1/pause", &huge, 413),
        ("/api/v1/rpc", &deep, 400),
        ("/api/v1/rpc", r#"{"command":{"command":"format_disk"}}"#, 400),
        ("/api/v1/rpc", "", 400),
    ] {
        let reply = server.unix("POST", path, body).await;
        assert_eq!(reply.status, status, "{path} {:.40}: {}", body, reply.body);
    }
    assert!(server.handle.wished.lock().unwrap().is_empty());
}

#[tokio::test]
async fn every_route_of_the_documentation_is_there() {
    let page = format!("{}/../../docs/http-api.md", std::env::var("CARGO_MANIFEST_DIR").unwrap());
    let page = std::fs::read_to_string(page).unwrap();
    let server = Server::start().await;
    let mut routes = 0;
    for line in page.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, method @ ("GET" | "POST"), path, ..] = cells.as_slice() else { continue };
        let path = path.trim_matches('`').replace("/machines/{id}", "/machines/box");
        let path =
            path.replace("/incidents/{id}", "/incidents/in-0123456789").replace("{id}", "x-1");
        let path = if path.ends_with("/query") { path + "?sql=SELECT" } else { path };
        let reply = server.unix(method, &path, "").await;
        // Only the call without a request is a wrong one.
        let expected = if path.ends_with("/rpc") { 400 } else { 200 };
        assert_eq!(reply.status, expected, "{method} {path}: {}", reply.body);
        routes += 1;
    }
    assert_eq!(routes, 19);
}
