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
        ("/api/v1/query", 400, "there is no `sql`, which is needed"),
        (
            "/api/v1/alerts?state=nope",
            400,
            "`state` is `nope`, none of `open`, `acknowledged`, `closed`",
        ),
        ("/api/v1/alerts?staet=open", 400, "there is no `staet` here, only `state`, `limit`"),
        (
            "/api/v1/alerts?limit=many",
            400,
            "`limit` is `many`, not a whole number from 0 to 4294967295",
        ),
        (
            "/api/v1/incidents?limit=-1",
            400,
            "`limit` is `-1`, not a whole number from 0 to 4294967295",
        ),
        ("/api/v1/journal?priority=9", 400, "`priority` is `9`, not a whole number from 0 to 7"),
        (
            "/api/v1/journal?since=yesterday",
            400,
            "`since` is `yesterday`, not a time as 2026-01-27T10:00:00Z",
        ),
        ("/api/v1/past/moment", 400, "there is no `at`, which is needed"),
        (
            "/api/v1/past/alerts?at=2026-01-27T10:00:00Z&state=x",
            400,
            "`state` is `x`, none of `open`, `acknowledged`, `closed`",
        ),
        ("/api/v1/incidents/%ff", 400, "the address is not UTF-8 after its `%` are resolved"),
        ("/api/v1/stream?after=x", 400, "`after` is not a whole number, or too large a one"),
        ("/api/v1/approvals?all=yes", 400, "`all` is neither true nor false"),
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
        Command::Approve { id: ap.clone(), confirmed_critical: false },
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
async fn a_sentence_becomes_a_plan_and_nothing_is_run() {
    let server = Server::start().await;
    let ask = async |body: &str| server.unix("POST", "/api/v1/ask", body).await;
    let reply = ask(r#"{"sentence":"les gros fichiers","language":"fr"}"#).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let json = reply.json();
    assert_eq!(json["schema_version"], "hale.robot.ask.v1");
    assert_eq!(json["data"]["sentence"], "les gros fichiers");
    assert_eq!(json["data"]["steps"][0]["command"], "du -ahx /var");
    assert_eq!(json["data"]["steps"][0]["verdict"]["risk"], "warning");
    assert_eq!(json["data"]["succeeded"], serde_json::Value::Null);
    let sentence = "les gros fichiers".to_owned();
    let asked = Query::Ask { sentence, language: Some(hale_model::config::Language::Fr) };
    assert_eq!(*server.handle.asked.lock().unwrap(), [asked]);
    // What the guard refuses is shown, and the agent hears who wanted it.
    let refused = ask(r#"{"sentence":"wipe it"}"#).await;
    assert_eq!(refused.json()["data"]["steps"][0]["verdict"]["decision"], "deny");
    let heard = std::mem::take(&mut *server.handle.wished.lock().unwrap());
    let actor = Actor::User { uid: rustix::process::geteuid().as_raw() };
    assert!(
        matches!(&heard[..], [(Command::RefusedPlan { plan }, who)]
            if plan.sentence.as_deref() == Some("wipe it") && *who == actor),
        "{heard:?}"
    );
    // Nobody knows: an answer, with what may help, and no failure of the server.
    let unknown = ask(r#"{"sentence":"rien"}"#).await;
    assert_eq!(
        (unknown.status, unknown.error().as_str()),
        (422, "I can't turn this into commands without a model.")
    );
    let long = format!(r#"{{"sentence":"{}"}}"#, "x".repeat(1024 * 1024));
    for (body, status) in [
        ("", 400),
        ("{}", 400),
        (r#"{"sentence":"  "}"#, 400),
        (r#"{"sentence":7}"#, 400),
        (r#"{"sentence":"a","sentence":"b"}"#, 400),
        (r#"{"sentence":"a","yes":true}"#, 400),
        (r#"{"sentence":"a","language":"tlh"}"#, 400),
        (&long, 413),
    ] {
        let reply = ask(body).await;
        assert_eq!(reply.status, status, "{body:.60}: {}", reply.body);
    }
    assert!(server.handle.wished.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_is_critical_takes_a_typed_yes() {
    let server = Server::start().await;
    let path = "/api/v1/approvals/ap-critical/approve";
    for (body, status) in [
        ("", 409),
        ("{}", 409),
        (r#"{"confirm":null}"#, 409),
        (r#"{"confirm":"yes"}"#, 409),
        (r#"{"confirm":" YES"}"#, 409),
        (r#"{"confirm":true}"#, 400),
        (r#"{"YES":"confirm"}"#, 400),
    ] {
        let reply = server.unix("POST", path, body).await;
        assert_eq!(reply.status, status, "{body}: {}", reply.body);
    }
    let reply = server.unix("POST", path, "").await;
    assert_eq!(reply.error(), "ap-critical is critical: a person must type YES");
    // The agent hears of each try, so that it is on record; none is a YES.
    let tried = std::mem::take(&mut *server.handle.wished.lock().unwrap());
    let plain = Command::Approve { id: ApprovalId::from("ap-critical"), confirmed_critical: false };
    assert_eq!(tried.len(), 6);
    assert!(tried.iter().all(|(wish, _)| *wish == plain), "{tried:?}");
    let reply = server.unix("POST", path, r#"{"confirm":"YES"}"#).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let wished = server.handle.wished.lock().unwrap();
    let yes = Command::Approve { id: ApprovalId::from("ap-critical"), confirmed_critical: true };
    assert_eq!(wished[0].0, yes);
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

/// Not for others, so not in the document: the page, its door, and what hale's own commands speak.
const APART: [(&str, &str); 4] =
    [("GET", "/"), ("GET", "/signin"), ("POST", "/signin"), ("POST", "/api/v1/rpc")];

#[test]
fn the_table_for_people_has_every_route_of_the_document_and_no_other() {
    let page = format!("{}/../../docs/http-api.md", std::env::var("CARGO_MANIFEST_DIR").unwrap());
    let page = std::fs::read_to_string(page).unwrap();
    let mut table: Vec<(String, String)> = Vec::new();
    for line in page.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, method @ ("GET" | "POST"), path, answers, ..] = cells.as_slice() else { continue };
        assert!(!answers.is_empty(), "{line}");
        table.push(((*method).to_owned(), path.trim_matches('`').to_owned()));
    }
    let mut document: Vec<(String, String)> =
        APART.iter().map(|(method, path)| ((*method).to_owned(), (*path).to_owned())).collect();
    for (path, operations) in hale_serve::openapi()["paths"].as_object().unwrap() {
        let methods = operations.as_object().unwrap().keys();
        document.extend(methods.map(|method| (method.to_uppercase(), path.clone())));
    }
    for known in &document {
        let rows = table.iter().filter(|row| *row == known).count();
        assert_eq!(rows, 1, "docs/http-api.md has {} {} {rows} times", known.0, known.1);
    }
    let unknown: Vec<_> = table.iter().filter(|row| !document.contains(row)).collect();
    assert!(unknown.is_empty(), "docs/http-api.md tells of what there is not: {unknown:?}");
}
