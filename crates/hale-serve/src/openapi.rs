//! `GET /openapi.json`: the API as a document, made from one table and the types themselves. A test
//! compares the committed docs/reference/openapi.json with it, and calls every route of it.

use std::sync::LazyLock;

use axum::Router;
use axum::http::{Method, header};
use axum::response::IntoResponse as _;
use axum::routing::get;
use hale_model::api::{ApiError, View};
use hale_model::audit::AuditEntry;
use hale_model::knowledge::RunbookView;
use hale_model::panel::{
    Achieved, ContainersView, JournalView, Moment, ProcessesView, SeriesView, SettingsView,
    UnitsView,
};
use hale_model::run::AskView;
use hale_model::token::TokenView;
use hale_model::view::{
    AlertView, AlertsView, ApprovalsView, HealthView, IncidentView, IncidentsView, MachinesView,
    MetricsSummary, StatusView, Table,
};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::routes::Shared;
use crate::rules::{self, Need};

/// Path of the document.
pub(crate) const OPENAPI_PATH: &str = "/openapi.json";

static DOCUMENT: LazyLock<String> = LazyLock::new(openapi_page);

pub(crate) fn router() -> Router<Shared> {
    Router::new().route(
        OPENAPI_PATH,
        get(|| async {
            ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str()).into_response()
        }),
    )
}

type Make = fn(&mut SchemaGenerator) -> Value;

/// What stands in an answer.
#[derive(Clone, Copy)]
enum Answer {
    /// In the envelope of `hale robot`.
    Envelope(Make),
    /// As it is.
    Json(Make),
    /// Text of this type.
    Text(&'static str),
}

/// A parameter after the `?`: its name, its JSON type and what it is; `!` before: required.
type Parameter = (&'static str, &'static str, &'static str);

struct Operation {
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    parameters: &'static [Parameter],
    /// Fields of the body: as parameters.
    body: &'static [Parameter],
    status: u16,
    answer: Answer,
}

const fn read(path: &'static str, summary: &'static str, answer: Answer) -> Operation {
    Operation { method: "GET", path, summary, parameters: &[], body: &[], status: 200, answer }
}

const fn change(path: &'static str, summary: &'static str) -> Operation {
    let answer = Answer::Json(of::<View>);
    Operation { method: "POST", path, summary, parameters: &[], body: &[], status: 200, answer }
}

impl Operation {
    const fn with(self, parameters: &'static [Parameter]) -> Self {
        Operation { parameters, ..self }
    }

    const fn body(self, body: &'static [Parameter]) -> Self {
        Operation { body, ..self }
    }

    const fn accepts(self, answer: Answer) -> Self {
        Operation { status: 202, answer, ..self }
    }

    const fn answers(self, answer: Answer) -> Self {
        Operation { answer, ..self }
    }
}

fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

fn entries(generator: &mut SchemaGenerator) -> Value {
    object(&[("entries", of::<Vec<AuditEntry>>(generator))])
}

fn tokens(generator: &mut SchemaGenerator) -> Value {
    object(&[("tokens", of::<Vec<TokenView>>(generator))])
}

fn anything(_: &mut SchemaGenerator) -> Value {
    json!({ "type": "object" })
}

fn session(_: &mut SchemaGenerator) -> Value {
    object(&[
        ("signed_in", json!({ "type": "boolean" })),
        ("actor", json!({ "type": "string", "nullable": true })),
        ("role", json!({ "enum": ["viewer", "operator", "admin", null], "nullable": true })),
        ("may_change", json!({ "type": "boolean" })),
        ("expires_in_secs", json!({ "type": "integer", "nullable": true })),
    ])
}

fn receipt(_: &mut SchemaGenerator) -> Value {
    object(&[
        ("incident_id", json!({ "type": "string" })),
        ("id", json!({ "type": "string" })),
        ("state", json!({ "type": "string" })),
    ])
}

fn object(fields: &[(&str, Value)]) -> Value {
    let properties: Map<String, Value> =
        fields.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    let required: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

const SPAN: [Parameter; 2] =
    [("since", "date-time", "from; else an hour ago"), ("until", "date-time", "to; else now")];
const LIMIT: Parameter = ("limit", "integer", "at most so many");
const AT: Parameter = ("!at", "date-time", "the moment");
const WHY: [Parameter; 1] = [("why", "string", "in your words")];

fn operations() -> Vec<Operation> {
    let mut all = questions();
    all.extend(dashboard_questions());
    all.extend(changes());
    all.extend(doors());
    all
}

fn questions() -> Vec<Operation> {
    use Answer::{Envelope, Json, Text};
    vec![
        read("/healthz", "whether the agent answers", Json(anything)),
        read("/metrics", "what hale counts about itself, for Prometheus", Text("text/plain")),
        read("/openapi.json", "this document", Json(anything)),
        read("/api/v1/health", "how well each machine is, and why", Envelope(of::<HealthView>)),
        read("/api/v1/machines", "the machines", Envelope(of::<MachinesView>)),
        read("/api/v1/machines/{id}/overview", "one machine now", Envelope(of::<StatusView>)),
        read("/api/v1/alerts", "alerts, newest first", Envelope(of::<AlertsView>)).with(&[
            ("state", "string", "open, acknowledged or closed; else the first two"),
            LIMIT,
        ]),
        read("/api/v1/alerts/{id}", "one alert", Envelope(of::<AlertView>)),
        read("/api/v1/incidents", "incidents, newest first", Envelope(of::<IncidentsView>))
            .with(&[("state", "string", "only this state"), LIMIT]),
        read("/api/v1/incidents/{id}", "one incident with its story", Envelope(of::<IncidentView>)),
        read("/api/v1/incidents/{id}/postmortem", "written up for people", Text("text/markdown")),
        read(
            "/api/v1/approvals",
            "questions that wait for a person",
            Envelope(of::<ApprovalsView>),
        )
        .with(&[("all", "boolean", "also those that are decided")]),
        read(
            "/api/v1/services",
            "services that send telemetry, who calls whom, objectives",
            Envelope(of::<hale_model::traffic::ServicesView>),
        ),
        read("/api/v1/runbook", "what was learned and written down", Envelope(of::<RunbookView>))
            .with(&[
                ("search", "string", "words"),
                ("kind", "string", "about this kind of alert"),
                LIMIT,
            ]),
        read("/api/v1/audit", "the newest decisions and actions", Envelope(entries)).with(&[LIMIT]),
        read("/api/v1/metrics/summary", "figures of the machine", Envelope(of::<MetricsSummary>)),
        read("/api/v1/query", "one SQL statement that only reads", Envelope(of::<Table>))
            .with(&[("!sql", "string", "the statement"), LIMIT]),
        read(
            "/api/v1/stream",
            "what happens, as server-sent events: alert, incident, thought, health, \
              action, prediction, gap",
            Text("text/event-stream"),
        )
        .with(&[("after", "integer", "as the header Last-Event-ID")]),
    ]
}

fn dashboard_questions() -> Vec<Operation> {
    use Answer::Envelope;
    const COURSES: [Parameter; 4] = [
        ("!metrics", "string", "columns of sys_samples, with commas between"),
        SPAN[0],
        SPAN[1],
        ("points", "integer", "at most so many"),
    ];
    const LINES: [Parameter; 5] = [
        SPAN[0],
        SPAN[1],
        ("priority", "integer", "at least this serious: 0 to 7"),
        ("search", "string", "words"),
        LIMIT,
    ];
    vec![
        read("/api/v1/series", "courses of figures", Envelope(of::<SeriesView>)).with(&COURSES),
        read("/api/v1/processes", "processes now", Envelope(of::<ProcessesView>)).with(&[
            ("search", "string", "words"),
            ("sort", "string", "by what"),
            LIMIT,
        ]),
        read("/api/v1/units", "services", Envelope(of::<UnitsView>)),
        read("/api/v1/containers", "containers", Envelope(of::<ContainersView>)),
        read("/api/v1/journal", "lines of the journal", Envelope(of::<JournalView>)).with(&LINES),
        read("/api/v1/settings", "what hale goes by", Envelope(of::<SettingsView>)),
        read("/api/v1/achieved", "what hale achieved", Envelope(of::<Achieved>)).with(&SPAN),
        read("/api/v1/past/moment", "the machine then", Envelope(of::<Moment>)).with(&[AT]),
        read("/api/v1/past/alerts", "alerts then", Envelope(of::<AlertsView>)).with(&[AT]),
        read("/api/v1/past/incidents", "incidents then", Envelope(of::<IncidentsView>)).with(&[AT]),
        read("/api/v1/past/incidents/{id}", "one then", Envelope(of::<IncidentView>)).with(&[AT]),
        read("/api/v1/past/approvals", "questions then", Envelope(of::<ApprovalsView>)).with(&[AT]),
        read("/api/v1/past/audit", "the chain until then", Envelope(entries)).with(&[AT]),
    ]
}

fn changes() -> Vec<Operation> {
    use Answer::{Envelope, Json};
    const NATIVE: [Parameter; 10] = [
        ("!incident_id", "string", "the sender's id: the same again is the same incident"),
        ("!service", "string", "what it is about"),
        ("!type", "string", "what sort of trouble"),
        ("!severity", "string", "low, medium, high or critical"),
        ("!message", "string", "what is wrong"),
        ("logs", "array", "lines"),
        ("metrics", "object", "figures"),
        ("container", "string", "where hale observes it"),
        ("unit", "string", "likewise"),
        ("health_url", "string", "where to ask whether it is well"),
    ];
    vec![
        change("/api/v1/alerts/{id}/ack", "take an alert"),
        change("/api/v1/alerts/{id}/close", "close an alert").body(&WHY),
        change("/api/v1/ask", "the plan for a sentence; nothing is run")
            .body(&[
                ("!sentence", "string", "what you want, in your words"),
                ("language", "string", "en, fr or ko, where the sentence does not tell"),
            ])
            .answers(Envelope(of::<AskView>)),
        change("/api/v1/approvals/{id}/approve", "say yes").body(&[(
            "confirm",
            "string",
            "YES, where the risk is critical",
        )]),
        change("/api/v1/approvals/{id}/reject", "say no").body(&WHY),
        change("/api/v1/pause", "stop all actions").body(&[(
            "for",
            "string",
            "1h, 90s; else until resumed",
        )]),
        change("/api/v1/resume", "let actions go on"),
        change("/api/v1/actions/{id}/undo", "put an action back"),
        change("/api/v1/incidents/{id}/note", "add to an incident's story")
            .body(&[("!text", "string", "the note")]),
        change("/webhook", "report trouble").body(&NATIVE).accepts(Json(receipt)),
        change("/api/v1/webhooks/alertmanager", "Alertmanager's webhook, version 4")
            .accepts(Json(anything)),
        change("/api/v1/webhooks/grafana", "Grafana's webhook").accepts(Json(anything)),
        change("/api/v1/webhooks/github", "GitHub's webhook, signed").accepts(Json(anything)),
        change("/api/v1/webhooks/slack", "Slack's buttons, signed").answers(Json(anything)),
    ]
}

fn doors() -> Vec<Operation> {
    use Answer::{Envelope, Json};
    const TOKEN: [Parameter; 3] = [
        ("!name", "string", "what to call it"),
        ("!role", "string", "viewer, operator or admin"),
        ("expires", "string", "30d; else never"),
    ];
    vec![
        read("/api/v1/session", "who this caller is", Envelope(session)),
        change("/api/v1/session/end", "sign this browser out").answers(Json(anything)),
        read("/api/v1/tokens", "API tokens, never themselves", Envelope(tokens)),
        change("/api/v1/tokens", "make a token: shown this once").body(&TOKEN),
        change("/api/v1/tokens/{name}/revoke", "end a token at once"),
    ]
}

/// The document.
pub fn openapi() -> Value {
    let mut generator = SchemaSettings::openapi3().into_generator();
    let error = of::<ApiError>(&mut generator);
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations() {
        let described = described(&operation, &mut generator);
        let at = paths.entry(operation.path).or_insert_with(|| json!({}));
        at[operation.method.to_ascii_lowercase()] = described;
    }
    let mut schemas = generator.take_definitions(true);
    schemas.insert("Error".to_owned(), object(&[("error", error)]));
    json!({
        "openapi": "3.0.3",
        "info": {
            "title": "hale",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "An autonomous SRE agent for Linux. On a loopback address questions and \
                            webhooks are open; whatever changes something takes a signed-in browser or \
                            a token. On any other address everything takes a token.",
            "license": { "name": "MIT" },
        },
        "servers": [{ "url": "http://127.0.0.1:7979" }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer" },
                "browser": { "type": "apiKey", "in": "cookie", "name": "hale-7979" },
            },
        },
    })
}

/// `docs/reference/openapi.json`
pub fn openapi_page() -> String {
    serde_json::to_string_pretty(&openapi()).unwrap_or_default() + "\n"
}

fn described(operation: &Operation, generator: &mut SchemaGenerator) -> Value {
    let method = Method::from_bytes(operation.method.as_bytes()).unwrap_or(Method::GET);
    let (role, security) = match rules::need(&method, operation.path) {
        Need::Open | Need::Signed => (Value::Null, json!([])),
        Need::Read => (json!("viewer"), json!([{}, { "token": [] }, { "browser": [] }])),
        Need::Webhook => (json!("operator"), json!([{}, { "token": [] }])),
        Need::Write => (json!("operator"), json!([{ "token": [] }, { "browser": [] }])),
        Need::Administer | Need::Socket => {
            (json!("admin"), json!([{ "token": [] }, { "browser": [] }]))
        }
    };
    let mut parameters: Vec<Value> = operation
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| {
            json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })
        })
        .collect();
    parameters.extend(operation.parameters.iter().map(|(name, kind, what)| {
        let (name, required) = named(name);
        json!({ "name": name, "in": "query", "required": required, "description": what, "schema": typed(kind) })
    }));
    let mut described = json!({
        "summary": operation.summary,
        "operationId": operation_id(operation),
        "x-role": role,
        "security": security,
        "parameters": parameters,
        "responses": {
            (operation.status.to_string()): {
                "description": operation.summary,
                "content": content(operation.answer, generator),
            },
            "default": {
                "description": "what was wrong, where, and the next step",
                "content": {
                    "application/json": { "schema": { "$ref": "#/components/schemas/Error" } },
                },
            },
        },
    });
    if !operation.body.is_empty() {
        described["requestBody"] = request(operation.body);
    }
    described
}

fn operation_id(operation: &Operation) -> String {
    let path = operation.path.trim_start_matches("/api/v1").replace(['/', '-', '.'], "_");
    let path = path.replace(['{', '}'], "");
    format!("{}{path}", operation.method.to_ascii_lowercase())
}

fn content(answer: Answer, generator: &mut SchemaGenerator) -> Value {
    match answer {
        Answer::Text(kind) => json!({ kind: { "schema": { "type": "string" } } }),
        Answer::Json(make) => json!({ "application/json": { "schema": make(generator) } }),
        Answer::Envelope(make) => {
            let ages = json!({ "type": "object", "additionalProperties": { "type": "integer" } });
            let schema = object(&[
                ("schema_version", json!({ "type": "string" })),
                ("generated_at", json!({ "type": "string", "format": "date-time" })),
                ("data", make(generator)),
                ("staleness", ages),
                ("warnings", json!({ "type": "array", "items": { "type": "string" } })),
            ]);
            json!({ "application/json": { "schema": schema } })
        }
    }
}

fn request(fields: &[Parameter]) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, kind, what) in fields {
        let (name, is_required) = named(name);
        let mut schema = typed(kind);
        schema["description"] = json!(what);
        properties.insert(name.to_owned(), schema);
        if is_required {
            required.push(name);
        }
    }
    let mut schema = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    json!({ "required": !required.is_empty(), "content": { "application/json": { "schema": schema } } })
}

fn named(name: &'static str) -> (&'static str, bool) {
    name.strip_prefix('!').map_or((name, false), |name| (name, true))
}

fn typed(kind: &str) -> Value {
    match kind {
        "date-time" => json!({ "type": "string", "format": "date-time" }),
        "array" => json!({ "type": "array", "items": { "type": "string" } }),
        kind => json!({ "type": kind }),
    }
}
