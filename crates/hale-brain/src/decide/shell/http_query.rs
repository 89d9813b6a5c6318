//! Statements that are sent to a database over HTTP: which requests are such, and which lose data.

use serde_json::Value;

/// Values of a JSON body that are looked at.
const VALUES_MAX: usize = 256;
/// Ports on which databases take statements over HTTP: ClickHouse, rqlite, QuestDB, InfluxDB, CrateDB,
/// Elasticsearch, SurrealDB, Pinot, Druid, Drill, Trino, Neo4j, CouchDB.
const PORTS: [&str; 15] = [
    "8123", "8443", "4001", "9000", "8086", "4200", "9200", "8000", "8099", "8888", "8047", "8082",
    "7474", "5984", "8181",
];
/// Paths of such interfaces.
const PATHS: [&str; 13] = [
    "/_sql",
    "/sql",
    "/query",
    "/db/execute",
    "/db/request",
    "/db/query",
    "/exec",
    "/v1/statement",
    "/v1/execute",
    "/_plugins/_sql",
    "/_xpack/sql",
    "/tx/commit",
    "/db/data/cypher",
];
const NAMES: [&str; 14] = [
    "clickhouse",
    "influx",
    "rqlite",
    "questdb",
    "crate",
    "elastic",
    "opensearch",
    "trino",
    "presto",
    "druid",
    "surreal",
    "neo4j",
    "pinot",
    "drill",
];
/// Parameters that hold a statement.
const PARAMETERS: [&str; 8] =
    ["query", "q", "sql", "stmt", "statement", "statements", "command", "cmd"];

/// Whether one of these addresses is a database's door and a statement sent to it loses data.
pub fn loses_data(urls: &[String], bodies: &[String]) -> bool {
    urls.iter().filter(|url| is_door(url)).any(|url| {
        let sent = bodies.iter().flat_map(|body| statements(body));
        parameters(url).into_iter().chain(sent).any(|text| destroys(&text))
    })
}

fn is_door(url: &str) -> bool {
    let lower = url.to_ascii_lowercase();
    let rest = lower.split_once("://").map_or(lower.as_str(), |(_, rest)| rest);
    let (authority, path) = match rest.find(['/', '?']) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let host = authority.rsplit('@').next().unwrap_or_default();
    let port = host.rsplit_once(':').map(|(_, port)| port);
    let path = path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    port.is_some_and(|port| PORTS.contains(&port))
        || PATHS.iter().any(|p| path.ends_with(p))
        || NAMES.iter().any(|name| host.contains(name))
}

/// The parameters of an address that are named as a statement's are.
fn parameters(url: &str) -> Vec<String> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let query = query.split('#').next().unwrap_or_default();
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .filter(|(key, _)| PARAMETERS.contains(&key.to_ascii_lowercase().as_str()))
        .map(|(_, value)| decoded(value))
        .collect()
}

/// What may be a statement in a body: the whole, the value of a form's field, the texts of a JSON value.
fn statements(body: &str) -> Vec<String> {
    let mut out = vec![decoded(body)];
    let trimmed = body.trim();
    if trimmed.starts_with(['{', '['])
        && let Ok(value) = serde_json::from_str::<Value>(trimmed)
    {
        texts(&value, &mut out);
    }
    for pair in body.split('&') {
        if let Some((key, value)) = pair.split_once('=')
            && PARAMETERS.contains(&key.trim().trim_end_matches(':').to_ascii_lowercase().as_str())
        {
            out.push(decoded(value));
            out.push(decoded(body.get(key.len() + 1..).unwrap_or_default()));
        }
    }
    out
}

fn texts(value: &Value, out: &mut Vec<String>) {
    if out.len() >= VALUES_MAX {
        return;
    }
    match value {
        Value::String(text) => out.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, out)),
        Value::Object(fields) => fields.values().for_each(|field| texts(field, out)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Percent-encoding and `+` undone.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = bytes.get(at + 1..at + 3).and_then(|pair| std::str::from_utf8(pair).ok());
        match (byte, hex.and_then(|pair| u8::from_str_radix(pair, 16).ok())) {
            (b'%', Some(plain)) => {
                out.push(plain);
                at += 2;
            }
            (b'+', _) => out.push(b' '),
            _ => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Whether a text begins as a statement that loses data, or one behind a `;` does.
fn destroys(text: &str) -> bool {
    text.split(';').any(|statement| {
        let lower = statement.trim().to_ascii_lowercase();
        let words: Vec<&str> = lower.split_whitespace().collect();
        match words.as_slice() {
            ["drop", kind, ..] => matches!(
                *kind,
                "table"
                    | "database"
                    | "schema"
                    | "measurement"
                    | "series"
                    | "view"
                    | "index"
                    | "keyspace"
                    | "user"
                    | "role"
                    | "bucket"
                    | "collection"
                    | "partition"
                    | "namespace"
                    | "shard"
                    | "materialized"
                    | "dictionary"
                    | "retention"
                    | "column"
                    | "constraint"
                    | "sequence"
                    | "function"
                    | "temporary"
                    | "all"
            ),
            ["truncate", _, ..] => true,
            ["delete", "from", ..] => !words.contains(&"where"),
            ["remove", kind, _, ..] => matches!(*kind, "table" | "database" | "namespace"),
            ["alter", "table", _, rest @ ..] => rest.contains(&"drop"),
            ["match", ..] => words.contains(&"delete"),
            ["detach" | "delete", ..] => false,
            _ => false,
        }
    })
}
