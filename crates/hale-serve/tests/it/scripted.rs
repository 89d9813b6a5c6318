//! A handle that answers from a script and remembers what it was asked, and a server around it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use hale_model::action::{Actor, Decision, Reason, Risk, Verdict};
use hale_model::alert::{Severity, Subject};
use hale_model::api::{
    Answer, ApiError, AuditCheck, Command, ErrorKind, Event, Handle, Query, View,
};
use hale_model::chat::{ChatApp, ChatReply};
use hale_model::config::Mode;
use hale_model::event::{EventStream, Events, NextTold, Published, Told};
use hale_model::health::HealthFactor;
use hale_model::incident::{Agent, TimelineEntry};
use hale_model::knowledge::{RecalledBy, RunbookHit, RunbookView};
use hale_model::run::{AskPlan, AskStep, AskView, PlanOrigin};
use hale_model::sample::{Pressure, Source, SourceState, SourceStatus};
use hale_model::snapshot::{Mount, System};
use hale_model::token::{Role, TOKEN_RANDOM_BYTES, Token, TokenView};
use hale_model::view::*;
use hale_model::{MachineId, PlanId, Timestamp};
use hale_serve::{DoorSettings, Doors, Identity, ServeOptions, serve};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

/// Text that would be markup, a terminal escape, or both.
pub const HOSTILE: &str = "<img src=x onerror=alert(1)>\x1b[2J\"'&";

#[derive(Default)]
pub struct Scripted {
    pub asked: Mutex<Vec<Query>>,
    pub wished: Mutex<Vec<(Command, Actor)>>,
    pub apps: Mutex<Vec<ChatApp>>,
    pub said: Mutex<Vec<ChatReply>>,
    pub tokens: Mutex<Vec<(Token, TokenView)>>,
    pub told: Mutex<Vec<Arc<Published>>>,
    pub news: tokio::sync::Notify,
}

impl Scripted {
    /// Something happens.
    pub fn tell(&self, text: &str) {
        let entry = TimelineEntry {
            ts: instant(),
            agent: Agent::Scout,
            kind: "note".to_owned(),
            text: text.to_owned(),
        };
        let mut told = self.told.lock().unwrap();
        let event = Event::Thought { incident_id: None, entry };
        let id = told.len() as u64 + 1;
        told.push(Arc::new(Published::new(id, instant(), event)));
        self.news.notify_waiters();
    }
}

/// A watcher of what is told: the numbers are 1, 2, 3…
struct Watcher {
    script: Arc<Scripted>,
    at: u64,
}

impl Events for Watcher {
    fn next(&mut self) -> NextTold<'_> {
        Box::pin(async move {
            loop {
                let news = self.script.news.notified();
                let told = self.script.told.lock().unwrap().clone();
                if self.at > told.len() as u64 {
                    let after = std::mem::take(&mut self.at);
                    return Some(Told::Gap { after, resumes_at: 1 });
                }
                if let Some(event) = told.get(usize::try_from(self.at).unwrap()) {
                    self.at += 1;
                    return Some(Told::Event(event.clone()));
                }
                news.await;
            }
        })
    }

    fn position(&self) -> u64 {
        self.at
    }
}

/// What the server asks: the script, which watchers share.
pub struct Script(pub Arc<Scripted>);

impl Handle for Script {
    fn query(&self, query: Query) -> Answer<'_> {
        self.0.query(query)
    }

    fn command(&self, command: Command, actor: Actor) -> Answer<'_> {
        self.0.command(command, actor)
    }

    fn receive(&self, reports: Vec<hale_model::report::Report>) -> hale_model::api::Receiving<'_> {
        self.0.receive(reports)
    }

    fn chat_apps(&self) -> Vec<ChatApp> {
        self.0.chat_apps()
    }

    fn chat(&self, reply: ChatReply) {
        self.0.chat(reply);
    }

    fn events(&self, after: Option<u64>) -> Result<EventStream, ApiError> {
        let newest = self.0.told.lock().unwrap().len() as u64;
        Ok(Box::new(Watcher { script: self.0.clone(), at: after.unwrap_or(newest) }))
    }

    fn staleness(&self) -> BTreeMap<String, u64> {
        self.0.staleness()
    }

    fn warnings(&self) -> Vec<String> {
        self.0.warnings()
    }
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
        workloads: Vec::new(),
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

/// A plan of one step.
fn plan(sentence: &str) -> AskView {
    AskView::only_shown(AskPlan {
        plan_id: PlanId::of_sentence(sentence, instant()),
        created_at: instant(),
        sentence: Some(sentence.to_owned()),
        reasoning: HOSTILE.to_owned(),
        origin: PlanOrigin::Local { intent: "files.big".to_owned() },
        similar_to: None,
        working_dir: "/root".to_owned(),
        steps: vec![AskStep {
            command: "du -ahx /var".to_owned(),
            why: "sizes".to_owned(),
            verdict: match sentence {
                "wipe it" => Verdict { decision: Decision::Deny, ..approval().verdict },
                _ => approval().verdict,
            },
            run: None,
        }],
        question: None,
    })
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
            Query::Approval { id } if id.as_str() == "ap-nope" => {
                Err(no_such("approval", id.as_str()))
            }
            Query::Approval { id } => {
                let mut view = approval();
                if id.as_str() == "ap-critical" {
                    view.verdict.risk = Risk::Critical;
                }
                view.id = id.to_string();
                Ok(View::Approval(Box::new(view)))
            }
            Query::Audit { .. } => Ok(View::Audit(Vec::new())),
            Query::Tokens => Ok(View::Tokens(
                self.tokens.lock().unwrap().iter().map(|(_, view)| view.clone()).collect(),
            )),
            Query::TokenHolder { id, digest } => {
                let tokens = self.tokens.lock().unwrap();
                let found = tokens.iter().find(|(token, view)| {
                    token.id() == id && token.digest() == digest && view.is_valid(instant())
                });
                Ok(View::TokenHolder(found.map(|(_, view)| view.clone())))
            }
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
            Query::Ask { sentence, .. } if sentence == "rien" => Err(ApiError::new(
                ErrorKind::Failed,
                "I can't turn this into commands without a model.",
            )
            .hint("`hale ask --list` shows everything I know")),
            Query::Ask { sentence, .. } => Ok(View::Ask(Box::new(plan(&sentence)))),
            Query::Alert { .. }
            | Query::Triage
            | Query::Report { .. }
            | Query::Explain { .. }
            | Query::Judge { .. }
            | Query::Postmortem { .. }
            | Query::RunbookEntry { .. }
            | Query::RunbookExport
            | Query::Doctor
            | Query::Services
            | Query::Metrics
            | Query::Playbooks
            | Query::Playbook { .. }
            | Query::PlaybookTrial { .. }
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
            Command::Approve { id, .. } if id.as_str() == "ap-refused" => {
                Err(ApiError::new(ErrorKind::Refused, "the target changed"))
            }
            Command::Approve { id, confirmed_critical: false } if id.as_str() == "ap-critical" => {
                let message = "ap-critical is critical: a person must type YES";
                Err(ApiError::new(ErrorKind::NeedsApproval, message))
            }
            Command::RefusedCaller { .. } => Ok(View::Done("on record".to_owned())),
            Command::RefusedPlan { .. } => Ok(View::Done("1 refused".to_owned())),
            Command::Approve { .. } | Command::Reject { .. } => {
                Ok(View::Approval(Box::new(approval())))
            }
            Command::Pause { .. } => Ok(View::Paused(Some(instant()))),
            Command::Resume => Ok(View::Paused(None)),
            Command::RevokeToken { .. } => Ok(View::Done("revoked".to_owned())),
            Command::NoteIncident { .. }
            | Command::Act { .. }
            | Command::Propose { .. }
            | Command::RunbookImport { .. }
            | Command::RunbookRemove { .. }
            | Command::Undo { .. }
            | Command::Step { .. }
            | Command::CreateToken { .. }
            | Command::Vacuum { .. }
            | Command::Export { .. } => {
                Err(ApiError::new(ErrorKind::NeedsApproval, "not in the script"))
            }
        };
        Box::pin(async move { answer })
    }

    fn chat_apps(&self) -> Vec<ChatApp> {
        self.apps.lock().unwrap().clone()
    }

    fn chat(&self, reply: ChatReply) {
        self.said.lock().unwrap().push(reply);
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
        Self::start_at("127.0.0.1:0", DoorSettings::default(), None).await
    }

    pub async fn start_at(listen: &str, settings: DoorSettings, tls: Option<Identity>) -> Server {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("hale.sock");
        let handle = Arc::new(Scripted::default());
        let tcp = TcpListener::bind(listen).await.unwrap();
        let address = tcp.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(serve(ServeOptions {
            handle: Arc::new(Script(handle.clone())),
            tcp: Some(tcp),
            tls,
            doors: Doors::new(settings),
            webhooks: hale_serve::WebhookOptions::default(),
            unix: Some(UnixListener::bind(&socket).unwrap()),
            shutdown: shutdown.clone(),
        }));
        Server { handle, tcp: address, socket, shutdown, task: Some(task), _dir: dir }
    }

    /// Where it is reached.
    pub fn at(&self) -> std::net::SocketAddr {
        std::net::SocketAddr::from(([127, 0, 0, 1], self.tcp.port()))
    }

    /// A token that opens it.
    pub fn token(&self, name: &str, role: Role) -> Token {
        let mut tokens = self.handle.tokens.lock().unwrap();
        let token = Token::new(&[tokens.len() as u8 + 1; TOKEN_RANDOM_BYTES]);
        let view = TokenView {
            name: name.to_owned(),
            id: token.id().to_owned(),
            role,
            created_at: instant(),
            created_by: "uid:0".to_owned(),
            expires_at: None,
            revoked_at: None,
        };
        tokens.push((token.clone(), view));
        token
    }

    pub fn revoke(&self, name: &str) {
        let mut tokens = self.handle.tokens.lock().unwrap();
        for (_, view) in tokens.iter_mut().filter(|(_, view)| view.name == name) {
            view.revoked_at = Some(instant());
        }
    }

    /// Over TCP, with the right Host header.
    pub async fn get(&self, path: &str) -> Reply {
        self.tcp(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.at())).await
    }

    pub async fn tcp(&self, request: &str) -> Reply {
        exchange(TcpStream::connect(self.at()).await.unwrap(), request).await
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
