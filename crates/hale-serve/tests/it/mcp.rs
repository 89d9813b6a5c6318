//! MCP over a pair of pipes: which questions reach the handle, and that no command but a proposal
//! ever does.

use std::collections::BTreeMap;
use std::sync::Arc;

use hale_model::action::{Action, Actor};
use hale_model::api::{Answer, ApiError, Command, Handle, Query, View};
use hale_model::view::ApprovalsView;
use hale_serve::mcp::{McpOptions, serve_mcp};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, split};

use crate::scripted::{HOSTILE, Scripted, approval};

/// Bytes on their way in either direction.
const PIPE_BYTES: usize = 64 * 1024;

/// A person who has much to decide, and decides nothing.
struct Busy;

impl Handle for Busy {
    fn query(&self, _query: Query) -> Answer<'_> {
        let approvals = vec![approval(); 25];
        Box::pin(async move { Ok(View::Approvals(ApprovalsView { approvals })) })
    }

    fn command(&self, command: Command, _actor: Actor) -> Answer<'_> {
        panic!("{command:?}")
    }

    fn staleness(&self) -> BTreeMap<String, u64> {
        BTreeMap::new()
    }
}

struct Client {
    handle: Arc<Scripted>,
    stream: BufReader<DuplexStream>,
    id: u64,
}

impl Client {
    async fn begin(name: &str) -> Client {
        let handle = Arc::new(Scripted::default());
        Client::with(name, handle.clone(), handle).await
    }

    async fn with(name: &str, handle: Arc<Scripted>, answering: Arc<dyn Handle>) -> Client {
        let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        let options = McpOptions {
            connect: Box::new(move || {
                let answering = Arc::clone(&answering);
                Box::pin(async move { Ok(answering) })
            }),
            log_health: Box::new(|asked| {
                Box::pin(async move {
                    let error = format!("no logs of {} s {HOSTILE}", asked.since_secs);
                    Err(ApiError::new(hale_model::api::ErrorKind::Degraded, error))
                })
            }),
            actor: Actor::User { uid: 7 },
        };
        let (read, write) = split(theirs);
        tokio::spawn(serve_mcp(options, read, write));
        let mut client = Client { handle, stream: BufReader::new(ours), id: 0 };
        let begun = client
            .ask(
                "initialize",
                json!({
                    "protocolVersion": "2025-06-18", "capabilities": {},
                    "clientInfo": { "name": name, "version": "1" }
                }),
            )
            .await;
        assert_eq!(begun["result"]["serverInfo"]["name"], "hale");
        client.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
        client
    }

    async fn send(&mut self, message: &Value) {
        let line = format!("{message}\n");
        self.stream.get_mut().write_all(line.as_bytes()).await.unwrap();
    }

    async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.id += 1;
        let id = self.id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await;
        let mut line = String::new();
        self.stream.read_line(&mut line).await.unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }

    async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let params = json!({ "name": tool, "arguments": arguments });
        self.ask("tools/call", params).await["result"].clone()
    }
}

#[tokio::test]
async fn a_call_reaches_the_handle_as_its_question() {
    let mut client = Client::begin("test").await;
    let answer = client.call("alerts", json!({ "limit": 3 })).await;
    let answer = &answer["structuredContent"];
    assert_eq!((&answer["view"], &answer["staleness"]["process"]), (&json!("alerts"), &json!(2)));
    let refused = client.call("sql", json!({ "sql": "DROP TABLE alerts" })).await;
    assert_eq!(refused["isError"], true);
    assert_eq!(refused["structuredContent"]["error"]["kind"], "refused");
    let logs = client.call("log_health", json!({ "since": "15m" })).await;
    let told = logs["structuredContent"]["error"]["message"].as_str().unwrap();
    assert!(told.starts_with("no logs of 900 s") && !told.contains('\u{1b}'), "{told}");
    let listed = client.ask("resources/list", json!({})).await;
    assert_eq!(listed["result"]["resources"][0]["uri"], "hale://incident/in-0123456789");
    let read =
        client.ask("resources/read", json!({ "uri": "hale://incident/in-0123456789" })).await;
    let text = read["result"]["contents"][0]["text"].as_str().unwrap();
    assert!(text.contains("\"view\":\"incident\"") && !text.contains("u001b"), "{text}");
    let asked = client.handle.asked.lock().unwrap().clone();
    assert_eq!(asked[0], Query::Alerts { states: Vec::new(), limit: 3 });
    assert!(client.handle.wished.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_only_command_is_a_proposal_which_names_its_client() {
    let mut client = Client::begin("evil\u{1b}[2J client").await;
    for tool in ["approve", "reject", "act", "pause", "resume", "undo", "runbook_import", "export"]
    {
        let answer = client.ask("tools/call", json!({ "name": tool, "arguments": {} })).await;
        assert_eq!(answer["error"]["code"], -32602, "{answer}");
    }
    let action = json!({ "kind": "service.start", "unit": "a.service" });
    client.call("propose_action", json!({ "action": action, "why": "it\u{1b}[2J is\ndown" })).await;
    let wished = client.handle.wished.lock().unwrap().clone();
    let expected = Command::Propose {
        action: Action::ServiceStart { unit: "a.service".to_owned() },
        why: "proposed over MCP by evil\u{fffd}[2J client: it\u{fffd}[2J is down".to_owned(),
    };
    assert_eq!(wished, [(expected, Actor::User { uid: 7 })]);
}

#[tokio::test]
async fn a_person_is_not_flooded_with_questions() {
    let mut client = Client::with("test", Arc::default(), Arc::new(Busy)).await;
    let action = json!({ "kind": "service.start", "unit": "a.service" });
    let answer =
        client.call("propose_action", json!({ "action": action, "why": "it is down" })).await;
    let error = &answer["structuredContent"]["error"];
    assert_eq!(error["kind"], "needs_approval", "{answer}");
    assert_eq!(error["message"], "25 questions wait for a person already");
}
