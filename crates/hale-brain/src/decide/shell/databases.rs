//! The clients of databases: where their statements come from.

use hale_model::action::Risk;

use super::effects::Write;
use super::machine::Machine;
use super::options::Parsed;
use super::text::{self, ANY};
use super::{paths, sql};

impl Machine {
    /// The clients of databases with SQL.
    pub(super) fn sql_client(
        &mut self,
        name: &str,
        parsed: &Parsed,
        arguments: &[String],
    ) -> String {
        let mut statements: Vec<String> = parsed
            .values(&[
                "-c",
                "--command",
                "-e",
                "--execute",
                "-q",
                "--query",
                "-Q",
                "-cmd",
                "--eval",
                "--init-command",
                "-s",
            ])
            .iter()
            .map(|v| (*v).to_owned())
            .collect();
        let positional = matches!(name, "sqlite3" | "sqlite" | "duckdb" | "litecli");
        if positional {
            statements.extend(parsed.operands.iter().skip(1).cloned());
        } else if matches!(name, "bq" | "influx" | "cockroach") {
            statements.extend(parsed.operands.iter().filter(|o| o.contains(' ')).cloned());
        }
        for file in parsed
            .values(&["-f", "--file", "-i"])
            .iter()
            .map(|v| (*v).to_owned())
            .collect::<Vec<_>>()
        {
            statements.push(self.content(&file));
        }
        if statements.is_empty()
            && let Some(stdin) = self.stdin.clone()
        {
            statements.push(stdin);
        }
        if statements.is_empty() && !arguments.iter().any(|a| matches!(a.as_str(), "-l" | "--list"))
        {
            self.hit(
                "databases.shell",
                Risk::Warning,
                "opens a database shell: what is typed there is not seen here",
                "name the statement",
            );
        }
        for statement in &statements {
            self.statements(statement, name);
        }
        if let Some(path) =
            parsed.value(&["-o", "--output", "--outfile", "-L", "--log-file", "--tee"])
        {
            let path = path.to_owned();
            self.write(&Write::new(&path, &ANY.to_string()));
        }
        let mut output = text::residue(&self.stdin.clone().unwrap_or_default());
        if statements.iter().any(|statement| reads_hashes(statement)) {
            output.push(text::SECRET);
        }
        output
    }

    pub(super) fn statements(&mut self, source: &str, client: &str) {
        if source.chars().all(|c| text::is_mark(c) || c.is_whitespace()) && !source.is_empty() {
            self.hit(
                "databases.unknown",
                Risk::Critical,
                "statements that cannot be known before they run",
                "print them first",
            );
            return;
        }
        for finding in sql::judge(source, client) {
            self.hit(finding.id, finding.risk, finding.text, finding.instead);
            if let Some(code) = finding.shell {
                self.in_subshell(|machine| machine.run_text(&code));
            }
            if let Some(path) = finding.writes {
                self.write(&Write::new(&path, &ANY.to_string()));
            }
        }
    }

    pub(super) fn redis(&mut self, parsed: &Parsed) -> String {
        let mut commands: Vec<Vec<String>> = Vec::new();
        if !parsed.operands.is_empty() {
            let mut words = parsed.operands.clone();
            if parsed.has(&["-x"]) {
                words.push(ANY.to_string());
            }
            commands.push(words);
        } else if let Some(stdin) = self.stdin.clone() {
            commands.extend(
                stdin.lines().take(64).map(|l| l.split_whitespace().map(str::to_owned).collect()),
            );
        }
        if let Some(script) = parsed.value(&["--eval"]) {
            let script = self.content(script);
            commands.push(vec!["EVAL".to_owned(), script]);
        }
        if commands.is_empty()
            && !parsed.options.iter().any(|(o, _)| {
                matches!(
                    o.as_str(),
                    "--stat"
                        | "--scan"
                        | "--bigkeys"
                        | "--memkeys"
                        | "--hotkeys"
                        | "--latency"
                        | "--latency-history"
                        | "--intrinsic-latency"
                        | "-v"
                        | "--rdb"
                )
            })
        {
            self.hit(
                "databases.shell",
                Risk::Warning,
                "opens a database shell",
                "name the command",
            );
        }
        if let Some(path) = parsed.value(&["--rdb"]) {
            let path = path.to_owned();
            self.write(&Write::new(&path, &ANY.to_string()));
        }
        // A dump written where keys or jobs are read lets somebody in.
        for command in &commands {
            let lower: Vec<String> = command.iter().map(|w| w.to_ascii_lowercase()).collect();
            let [config, set, key, value, ..] = lower.as_slice() else { continue };
            let place = match key.as_str() {
                "dir" => value.trim_end_matches('/').to_owned(),
                "dbfilename" => value.clone(),
                _ => continue,
            };
            let keys = place.ends_with("/.ssh") || place == "authorized_keys";
            let jobs =
                place.contains("/cron") || place.starts_with("/etc") || place.ends_with(".so");
            if config == "config" && set == "set" && (keys || jobs) {
                self.hit(
                    "databases.redis.persist",
                    Risk::Deny,
                    "makes the server write its dump where keys, jobs or modules are read",
                    "",
                );
            }
        }
        for command in commands {
            if let Some((risk, id, text)) = sql::redis(&command) {
                self.hit(id, risk, text, "read it first: TYPE, SCAN, INFO");
            }
        }
        ANY.to_string()
    }

    pub(super) fn mongo(&mut self, parsed: &Parsed) -> String {
        let mut scripts: Vec<String> =
            parsed.values(&["--eval"]).iter().map(|v| (*v).to_owned()).collect();
        for operand in &parsed.operands {
            if paths::base(operand).ends_with(".js") {
                scripts.push(self.content(operand));
            }
        }
        if scripts.is_empty()
            && let Some(stdin) = self.stdin.clone()
        {
            scripts.push(stdin);
        }
        if scripts.is_empty() {
            self.hit(
                "databases.shell",
                Risk::Warning,
                "opens a database shell",
                "name the statement",
            );
        }
        for script in scripts {
            if script.contains("child_process") || script.contains("require(") {
                self.critical_only(|machine| {
                    machine.in_subshell(|machine| machine.run_body("node", &script))
                });
            }
            let (risk, id, text) = sql::mongo(&script);
            if risk > Risk::Info {
                self.hit(
                    id,
                    risk,
                    text,
                    "countDocuments with the same filter shows how much it would hit",
                );
            }
        }
        ANY.to_string()
    }
}

/// Whether a statement reads what accounts sign in with.
fn reads_hashes(statement: &str) -> bool {
    let lower = statement.to_ascii_lowercase();
    [
        "mysql.user",
        "pg_shadow",
        "pg_authid",
        "authentication_string",
        "rolpassword",
        "password_hash",
        "passwordhash",
        "encrypted_password",
        "sys.user$",
        "sys.sql_logins",
    ]
    .iter()
    .any(|name| lower.contains(name))
}
