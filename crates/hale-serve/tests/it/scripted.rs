//! A handle that answers from a script and remembers what it was asked, and a server around it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use hale_model::action::{Actor, Decision, Reason, Risk, Verdict};
use hale_model::alert::{Severity, Subject};
use hale_model::api::{Answer, ApiError, AuditCheck, Command, ErrorKind, Handle, Query, View};
use hale_model::config::Mode;
use hale_model::health::HealthFactor;
use hale_model::incident::{Agent, TimelineEntry};
use hale_model::knowledge::{RecalledBy, RunbookHit, RunbookView};
use hale_model::sample::{Pressure, Source, SourceState, SourceStatus};
use hale_model::snapshot::{Mount, System};
use hale_model::view::*;
use hale_model::{MachineId, Timestamp};
use hale_serve::{DoorSettings, Doors, ServeOptions, serve};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

/// Text that would be markup, a terminal escape, or both.
pub const HOSTILE: &str = "<img src=x onerror=alert(1)>\x1b[2J\"'&";

#[derive(Default)]
pub struct Scripted {
    pub asked: Mutex<Vec<Query>>,
    pub wished: Mutex<Vec<(Command, Actor)>>,
}

pub fn instant() -> Timestamp {
    "2026-01-27T00:00:00Z".parse().unwrap()
}

pub fn health() -> MachineHealth {
    MachineHealth {
        id: MachineId::from("box"),
        score: 0.42,
        severity: Severity::High,
        top_issue: Some(format!("/var is nearly full {HOSTILE}")),
        factors: vec![HealthFactor {
            id: "disk".to_owned(),
            score: 0.42,
            severity: Severity::High,
            why: "3.0 % free".to_owned(),
        }],
    }
}

pub fn alert() -> AlertView {
    AlertView {
        id: "al-0123456789".to_owned(),
        fingerprint: "00112233445566778".to_owned(),
        machine_id: MachineId::from("box"),
        kind: "disk.space".to_owned(),
        severity: Severity::High,
        state: "open".to_owned(),
        subject: "/var".to_owned(),
        target: Subject::Mount { mount_point: "/var".to_owned() },
        summary: format!("/var has 3.0 % free {HOSTILE}"),
        first_seen_at: instant(),
        last_seen_at: instant(),
        closed_at: None,
        close_reason: None,
        evidence: Vec::new(),
        suggested_actions: vec!["du -xsh /var/*".to_owned()],
        incident_id: Some("in-0123456789".to_owned()),
    }
}

pub fn action() -> ActionView {
    ActionView {
        id: "ac-0123456789".to_owned(),
        kind: "disk.clean".to_owned(),
        target: "/var".to_owned(),
        risk: "warning".to_owned(),
        verdict: "ask".to_owned(),
        reasons: vec!["guard.mode.approve: a person approves".to_owned()],
        state: "awaiting_approval".to_owned(),
        exit: None,
        undo: None,
        why: "old packages can be fetched again".to_owned(),
        command: "apt-get clean".to_owned(),
        detail: None,
        observations: Vec::new(),
        created_at: instant(),
        finished_at: None,
    }
}

pub fn incident() -> IncidentView {
    IncidentView {
        id: "in-0123456789".to_owned(),
        external_ids: Vec::new(),
        title: "/var is filling".to_owned(),
        state: "awaiting_approval".to_owned(),
        severity: Severity::High,
        machine_id: MachineId::from("box"),
        opened_at: instant(),
        closed_at: None,
        alerts: vec!["al-0123456789".to_owned()],
        diagnosis: None,
        actions: vec![action()],
        timeline: vec![TimelineEntry {
            ts: instant(),
            agent: Agent::Scout,
            kind: "alert_opened".to_owned(),
            text: HOSTILE.to_owned(),
        }],
    }
}

pub fn approval() -> ApprovalView {
    ApprovalView {
        id: "ap-0123456789".to_owned(),
        state: "pending".to_owned(),
        created_at: instant(),
        expires_at: instant(),
        action: action(),
        incident_id: Some("in-0123456789".to_owned()),
        verdict: Verdict {
            decision: Decision::Ask,
            risk: Risk::Warning,
            reversible: false,
            blast_radius: 1,
            reasons: vec![Reason {
                rule: "guard.mode.approve".to_owned(),
                text: HOSTILE.to_owned(),
            }],
        },
        decided_by: None,
        why: None,
    }
}

pub fn status() -> StatusView {
    StatusView {
        machine_id: MachineId::from("box"),
        collected_at: instant(),
        os: "Debian GNU/Linux 12".to_owned(),
        kernel: "6.1.0".to_owned(),
        cores: 2,
        uptime_secs: 3700,
        agent_running: true,
        mode: Mode::Approve,
        paused_until: None,
        health: health(),
        system: System { cpu_total: Some(12.5), ..System::default() },
        pressure: BTreeMap::from([("cpu".to_owned(), Pressure::default())]),
        top_cpu: vec![ProcessView {
            pid: 42,
            start_ticks: 7,
            ppid: 1,
            name: "x".to_owned(),
            command: HOSTILE.to_owned(),
            user: "root".to_owned(),
            state: 'R',
            cpu_percent: Some(99.0),
            rss_bytes: 4096,
            mem_percent: Some(0.1),
            open_fds: Some(3),
            threads: 1,
            age_secs: 5,
            unit: None,
            container: None,
        }],
        top_memory: Vec::new(),
        mounts: vec![Mount {
            mount_point: "/var".to_owned(),
            total_bytes: 100 << 20,
            used_bytes: 97 << 20,
            available_bytes: 3 << 20,
            free_percent: 3.0,
            ..Mount::default()
        }],
        devices: Vec::new(),
        interfaces: Vec::new(),
        tcp_states: BTreeMap::new(),
        gpus: Vec::new(),
        temperatures: Vec::new(),
        failed_units: Vec::new(),
        containers: Vec::new(),
        alerts: vec![alert()],
        predictions: Vec::new(),
        sources: vec![SourceStatus {
            source: Source::Journal,
            state: SourceState::Stale,
            last_fresh_at: None,
            took_us: 1200,
            note: Some(HOSTILE.to_owned()),
            lost: 2,
        }],
        warnings: Vec::new(),
    }
}

fn no_such(what: &str, id: &str) -> ApiError {
    ApiError::new(ErrorKind::NotFound, format!("there is no {what} {id}"))
        .hint(format!("`hale {what}s list` lists them"))
}

fn hit(text: &str) -> RunbookHit {
    RunbookHit {
        rank: 1,
        id: "disk-full".to_owned(),
        what: "solution".to_owned(),
        title: text.to_owned(),
        by: RecalledBy::Text,
        score: 1.5,
        excerpt: String::new(),
    }
}

impl Handle for Scripted {
    fn query(&self, query: Query) -> Answer<'_> {
        self.asked.lock().unwrap().push(query.clone());
        let answer = match query {
            Query::Status { machine: Some(id) } if id.as_str() != "box" => {
                Err(no_such("machine", id.as_str()))
            }
            Query::Status { .. } => Ok(View::Status(Box::new(status()))),
            Query::Health => Ok(View::Health(HealthView {
                overall: OverallHealth { score: 0.42, severity: Severity::High },
                machines: vec![health()],
            })),
            Query::Alerts { .. } => Ok(View::Alerts(AlertsView { alerts: vec![alert()] })),
            Query::Incidents { .. } => {
                Ok(View::Incidents(IncidentsView { incidents: vec![incident()] }))
            }
            Query::Incident { id } if id.as_str() == "in-0123456789" => {
                Ok(View::Incident(Box::new(incident())))
            }
            Query::Incident { id } => Err(no_such("incident", id.as_str())),
            Query::Approvals { .. } => {
                Ok(View::Approvals(ApprovalsView { approvals: vec![approval()] }))
            }
            Query::Audit { .. } => Ok(View::Audit(Vec::new())),
            Query::AuditVerify => Ok(View::AuditCheck(AuditCheck {
                entries: 0,
                broken_at: None,
                finding: "whole".to_owned(),
            })),
            Query::Sql { sql, .. } if sql.starts_with("DROP") => {
                Err(ApiError::new(ErrorKind::Refused, "the statement does not only read"))
            }
            Query::Sql { .. } => Ok(View::Table(Table {
                columns: vec!["a".to_owned()],
                rows: vec![vec![1.into()]],
                truncated: false,
            })),
            Query::Runbook { .. } => Ok(View::Runbook(Box::default())),
            Query::RunbookSearch { text, .. } => Ok(View::Runbook(Box::new(RunbookView {
                hits: vec![hit(&text)],
                ..RunbookView::default()
            }))),
            Query::Alert { .. }
            | Query::Approval { .. }
            | Query::Triage
            | Query::Report { .. }
            | Query::Explain { .. }
            | Query::Judge { .. }
            | Query::Postmortem { .. }
            | Query::RunbookEntry { .. }
            | Query::RunbookExport
            | Query::Doctor
            | Query::Services
            | Query::Tokens
            | Query::TokenHolder { .. }
            | Query::Metrics
            | Query::Panel { .. } => Err(ApiError::new(ErrorKind::Degraded, "not in the script")),
        };
        Box::pin(async move { answer })
    }

    fn command(&self, command: Command, actor: Actor) -> Answer<'_> {
        self.wished.lock().unwrap().push((command.clone(), actor));
        let answer = match command {
            Command::AckAlert { .. } | Command::CloseAlert { .. } => {
                Ok(View::Alert(Box::new(alert())))
            }
            Command::Approve { id } if id.as_str() == "ap-refused" => {
                Err(ApiError::new(ErrorKind::Refused, "the target changed"))
            }
            Command::Approve { .. } | Command::Reject { .. } => {
                Ok(View::Approval(Box::new(approval())))
            }
            Command::Pause { .. } => Ok(View::Paused(Some(instant()))),
            Command::Resume => Ok(View::Paused(None)),
            Command::NoteIncident { .. }
            | Command::Act { .. }
            | Command::Propose { .. }
            | Command::RunbookImport { .. }
            | Command::RunbookRemove { .. }
            | Command::Undo { .. }
            | Command::CreateToken { .. }
            | Command::RevokeToken { .. }
            | Command::Vacuum { .. }
            | Command::Export { .. } => {
                Err(ApiError::new(ErrorKind::NeedsApproval, "not in the script"))
            }
        };
        Box::pin(async move { answer })
    }

    fn staleness(&self) -> BTreeMap<String, u64> {
        BTreeMap::from([("process".to_owned(), 2)])
    }
}

/// A server on both listeners, stopped when dropped.
pub struct Server {
    pub handle: Arc<Scripted>,
    pub tcp: std::net::SocketAddr,
    pub socket: PathBuf,
    pub shutdown: CancellationToken,
    pub task: Option<tokio::task::JoinHandle<Result<(), hale_serve::ServeError>>>,
    _dir: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl Server {
    pub async fn start() -> Server {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("hale.sock");
        let handle = Arc::new(Scripted::default());
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(serve(ServeOptions {
            handle: handle.clone(),
            tcp: Some(tcp),
            tls: None,
            doors: Doors::new(DoorSettings::default()),
            webhooks: hale_serve::WebhookOptions::default(),
            unix: Some(UnixListener::bind(&socket).unwrap()),
            shutdown: shutdown.clone(),
        }));
        Server { handle, tcp: address, socket, shutdown, task: Some(task), _dir: dir }
    }

    /// Over TCP, with the right Host header.
    pub async fn get(&self, path: &str) -> Reply {
        self.tcp(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.tcp)).await
    }

    pub async fn tcp(&self, request: &str) -> Reply {
        exchange(TcpStream::connect(self.tcp).await.unwrap(), request).await
    }

    /// Over the unix socket.
    pub async fn unix(&self, method: &str, path: &str, body: &str) -> Reply {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: hale\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        exchange(UnixStream::connect(&self.socket).await.unwrap(), &request).await
    }
}

pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Reply {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    pub fn error(&self) -> String {
        self.json().pointer("/error/message").unwrap().as_str().unwrap().to_owned()
    }
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> Reply {
    // `Connection: close` so that the end of the answer is the end of the stream.
    let request = request.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    // The server may answer and close before it has read a body that it refuses.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    Reply { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}
