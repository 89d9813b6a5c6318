//! Client libraries of clouds, clusters and databases: methods that delete what others store.

use super::*;

/// Packages whose objects stand for something stored elsewhere, by their first component or scope.
const PYTHON: [&str; 24] = [
    "boto3",
    "botocore",
    "aiobotocore",
    "aioboto3",
    "google.cloud",
    "googleapiclient",
    "azure",
    "kubernetes",
    "kubernetes_asyncio",
    "docker",
    "pymongo",
    "motor",
    "redis",
    "psycopg",
    "psycopg2",
    "asyncpg",
    "pymysql",
    "MySQLdb",
    "mysql.connector",
    "sqlalchemy",
    "elasticsearch",
    "opensearchpy",
    "cassandra",
    "openstack",
];
const OTHERS: [&str; 22] = [
    "@aws-sdk/",
    "aws-sdk",
    "@google-cloud/",
    "@azure/",
    "@kubernetes/client-node",
    "@elastic/",
    "dockerode",
    "mongodb",
    "mongoose",
    "ioredis",
    "redis",
    "pg",
    "mysql",
    "mysql2",
    "knex",
    "mongo",
    "kubeclient",
    "google/cloud/",
    "azure/",
    "sequel",
    "active_record",
    "elasticsearch",
];
/// Methods of other things that only begin like a deletion.
const HARMLESS: [&str; 10] = [
    "removeprefix",
    "removesuffix",
    "remove_prefix",
    "remove_suffix",
    "removeListener",
    "removeAllListeners",
    "removeEventListener",
    "dropna",
    "drop_duplicates",
    "deleteProperty",
];
/// Tokens of an import statement or of a call's arguments that are looked at.
const TOKENS_MAX: usize = 96;

impl Body<'_> {
    /// Judges the methods of clients that the program imports.
    pub(super) fn clients(&mut self, source: &str) {
        if matches!(self.language, Language::Awk | Language::Lua) {
            return;
        }
        let tokens = script::tokens(self.language, source);
        if !imports_client(self.language, &tokens) {
            return;
        }
        for (at, token) in tokens.iter().enumerate() {
            let Some(method) = method_at(self.language, &tokens, at, token) else { continue };
            let arguments = arguments_at(&tokens, at + 1);
            if let Some(statement) = statement(&method, arguments) {
                self.machine.statements(&statement, "sqlite3");
            } else if only_tries(arguments) {
            } else if destroys(&method) {
                self.machine.hit(
                    "shell.program.client_delete",
                    Risk::Critical,
                    format!("calls {method} of a cloud, cluster or database client"),
                    "list what it would hit first, and keep a copy",
                );
            } else if changes(&method) {
                self.machine.hit(
                    "shell.program.client_change",
                    Risk::Warning,
                    format!("calls {method} of a cloud, cluster or database client"),
                    "",
                );
            }
        }
    }
}

/// Whether a module is a client library of a cloud, a cluster or a database.
pub(in super::super) fn is_client(language: Language, module: &str) -> bool {
    if language == Language::Python {
        return PYTHON
            .iter()
            .any(|p| module.strip_prefix(p).is_some_and(|r| r.is_empty() || r.starts_with('.')));
    }
    if language == Language::Perl {
        return matches!(module, "DBI" | "MongoDB" | "Redis");
    }
    let module = module.strip_prefix("npm:").unwrap_or(module);
    OTHERS.iter().any(|p| {
        module
            .strip_prefix(p)
            .is_some_and(|rest| p.ends_with('/') || rest.is_empty() || rest.starts_with(['-', '/']))
    })
}

fn imports_client(language: Language, tokens: &[script::Token]) -> bool {
    use script::Token;
    tokens.iter().enumerate().any(|(at, token)| {
        let Token::Name(name) = token else { return false };
        let ahead = tokens.get(at + 1..).unwrap_or_default();
        match name.rsplit('.').next().unwrap_or(name) {
            "import" | "from" | "require" | "use" | "__import__" | "import_module" => {
                ahead
                .iter()
                .take(TOKENS_MAX)
                .take_while(|t| !matches!(t, Token::Line | Token::Sign(';' | ')')))
                .any(|t| match t {
                    Token::Name(module) | Token::Text(module, _) => is_client(language, module),
                    _ => false,
                })
                // from google.cloud import x; from google import cloud
                || (name == "from"
                    && matches!(ahead, [Token::Name(a), Token::Name(b), Token::Name(c), ..]
                        if a == "google" && b == "import" && c == "cloud"))
            }
            "PDO" | "mysqli" | "mysqli_connect" | "pg_connect" => language == Language::Php,
            _ => false,
        }
    })
}

/// The method that is called at a token, if one is.
fn method_at(
    language: Language,
    tokens: &[script::Token],
    at: usize,
    token: &script::Token,
) -> Option<String> {
    use script::Token;
    let Token::Name(name) = token else { return None };
    let before = at.checked_sub(1).and_then(|b| tokens.get(b));
    let last = name.rsplit(['.', ':']).next().unwrap_or(name);
    let called = matches!(tokens.get(at + 1), Some(Token::Sign('(')));
    // new DeleteObjectCommand({…})
    if let Some(command) = last.strip_suffix("Command")
        && matches!(before, Some(Token::Name(new)) if new == "new")
    {
        return Some(command.to_owned());
    }
    let member = last.len() < name.len() || matches!(before, Some(Token::Sign('.' | '>')));
    let ruby = language == Language::Ruby;
    let symbol = ruby && matches!(before, Some(Token::Sign(':')));
    let function = matches!(language, Language::Php) && name.ends_with("_query");
    ((member && (called || ruby)) || symbol || (function && called))
        .then(|| last.trim_end_matches('!').to_owned())
}

fn arguments_at(tokens: &[script::Token], from: usize) -> &[script::Token] {
    use script::Token;
    let rest = tokens.get(from..).unwrap_or_default();
    let mut depth = 0_i32;
    let end = rest.iter().take(TOKENS_MAX).position(|t| {
        match t {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') => depth -= 1,
            _ => {}
        }
        depth <= 0
    });
    rest.get(..end.unwrap_or(rest.len().min(TOKENS_MAX))).unwrap_or_default()
}

/// The statement that a method sends to a database.
fn statement(method: &str, arguments: &[script::Token]) -> Option<String> {
    const METHODS: [&str; 15] = [
        "execute",
        "executemany",
        "executescript",
        "exec",
        "exec_driver_sql",
        "query",
        "raw",
        "do",
        "prepare",
        "mysqli_query",
        "pg_query",
        "fetch",
        "multi_query",
        "$executeRawUnsafe",
        "run",
    ];
    if !METHODS.contains(&method) {
        return None;
    }
    arguments.iter().find_map(|t| match t {
        script::Token::Text(text, _) if text.trim().contains(char::is_whitespace) => {
            Some(text.clone())
        }
        _ => None,
    })
}

/// AWS and Kubernetes can be asked what a call would do.
fn only_tries(arguments: &[script::Token]) -> bool {
    use script::Token;
    arguments.windows(3).any(|three| match three {
        [Token::Name(option) | Token::Text(option, _), Token::Sign('=' | ':'), value] => {
            matches!(option.as_str(), "DryRun" | "dry_run" | "dryRun")
                && match value {
                    Token::Name(word) => matches!(word.as_str(), "True" | "true"),
                    Token::Text(word, _) => word == "All",
                    _ => false,
                }
        }
        _ => false,
    })
}

fn destroys(method: &str) -> bool {
    const VERBS: [&str; 11] = [
        "delete",
        "terminate",
        "drop",
        "destroy",
        "purge",
        "remove",
        "flush",
        "truncate",
        "prune",
        "wipe",
        "deregister",
    ];
    if HARMLESS.contains(&method) {
        return false;
    }
    let words = words(method);
    let verb = match words.as_slice() {
        [prefix, verb, ..] if matches!(prefix.as_str(), "begin" | "batch" | "bulk" | "force") => {
            verb
        }
        [first, ..] => first,
        [] => return false,
    };
    VERBS.contains(&verb.as_str())
        || matches!(words.concat().as_str(), "flushall" | "flushdb" | "del" | "dropall")
        || words.iter().skip(1).any(|w| w == "deletion") && verb == "schedule"
        || words.ends_with(&["delete".to_owned()])
        || words.windows(3).any(|w| w == ["find", "one", "and"] && method.contains("elete"))
}

fn changes(method: &str) -> bool {
    let words = words(method);
    words.len() > 1
        && words.first().is_some_and(|verb| {
            matches!(
                verb.as_str(),
                "put"
                    | "insert"
                    | "modify"
                    | "stop"
                    | "reboot"
                    | "update"
                    | "replace"
                    | "patch"
                    | "upload"
            )
        })
}

/// The words of a name, in small letters: `deleteMany`, `delete_many`, `DeleteMany`.
fn words(name: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut fresh = true;
    for c in name.chars() {
        if !c.is_alphanumeric() {
            fresh = true;
            continue;
        }
        let capital = c.is_uppercase();
        match out.last_mut() {
            Some(word) if !fresh && !capital => word.push(c),
            _ => out.push(c.to_lowercase().collect()),
        }
        fresh = false;
    }
    out
}
