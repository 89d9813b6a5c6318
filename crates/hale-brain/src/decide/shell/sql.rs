//! What SQL statements, Redis commands and Mongo scripts do.

use hale_model::action::Risk;

use super::text;

/// Statements that are looked at.
const STATEMENTS_MAX: usize = 64;

/// One statement that does something.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    /// Stable name.
    pub id: &'static str,
    /// Level.
    pub risk: Risk,
    /// Why.
    pub text: String,
    /// What to do instead.
    pub instead: &'static str,
    /// Shell code that the statement runs.
    pub shell: Option<String>,
    /// A file that it writes.
    pub writes: Option<String>,
}

fn finding(id: &'static str, risk: Risk, text: impl Into<String>) -> Finding {
    let instead =
        if risk >= Risk::Critical { "take a dump first, and count what it would hit" } else { "" };
    Finding { id, risk, text: text.into(), instead, shell: None, writes: None }
}

/// One token of SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// A keyword or name, in capitals.
    Word(String),
    /// A string.
    Text(String),
    /// Anything else.
    Sign(char),
}

/// Judges the statements of a script.
pub fn judge(source: &str, client: &str) -> Vec<Finding> {
    let mut out = Vec::new();
    let source = meta_commands(source, client, &mut out);
    let tokens = tokens(&source);
    let statements = tokens.split(|t| *t == Token::Sign(';')).filter(|s| !s.is_empty());
    for statement in statements.take(STATEMENTS_MAX) {
        out.extend(judge_statement(statement));
    }
    out
}

/// Takes the client's own commands (`\! ls`, `.shell ls`, `system ls`) out of a script.
fn meta_commands(source: &str, client: &str, out: &mut Vec<Finding>) -> String {
    let mut kept = String::new();
    for line in source.lines() {
        let trimmed = line.trim();
        let shell = trimmed
            .strip_prefix("\\!")
            .or_else(|| trimmed.strip_prefix(".shell "))
            .or_else(|| trimmed.strip_prefix(".system "))
            .or_else(|| trimmed.strip_prefix(".sh "))
            .or_else(|| {
                trimmed
                    .strip_prefix("system ")
                    .filter(|_| client.starts_with("my") || client.starts_with("maria"))
            })
            .or_else(|| {
                [".once", ".output", ".import", ".excel", ".read"]
                    .iter()
                    .find_map(|command| trimmed.strip_prefix(command))
                    .map(|rest| rest.trim_start().trim_start_matches(['"', '\'']))
                    .and_then(|rest| rest.strip_prefix('|'))
            })
            .or_else(|| trimmed.strip_prefix("!!"))
            .or_else(|| trimmed.split_once("\\g |").map(|(_, code)| code))
            .or_else(|| trimmed.split_once("\\o |").map(|(_, code)| code));
        if let Some(code) = shell {
            let mut hit = finding("databases.sql.shell", Risk::Info, "runs a shell command");
            hit.shell = Some(code.trim().to_owned());
            out.push(hit);
            continue;
        }
        let writes = [
            ".output ", ".once ", ".backup ", ".save ", ".clone ", ".dump ", "\\o ", "\\w ", "\\g ",
        ]
        .iter()
        .find_map(|m| trimmed.strip_prefix(m));
        if let Some(path) = writes
            && (trimmed.starts_with('\\') || trimmed.starts_with('.'))
            && !trimmed.starts_with(".dump")
        {
            let mut hit = finding("databases.sql.file", Risk::Warning, "writes a file");
            // A copy that the database itself makes is no emptied database.
            let copies = [".backup", ".save", ".clone"].iter().any(|c| trimmed.starts_with(c));
            hit.writes = (!copies).then_some(()).and_then(|()| {
                path.split_whitespace().last().map(|p| p.trim_matches(['\'', '"', '|']).to_owned())
            });
            out.push(hit);
            continue;
        }
        if (trimmed.starts_with('.') && client.contains("sqlite"))
            || (trimmed.starts_with('\\') && !trimmed.starts_with("\\x"))
        {
            if trimmed.starts_with(".read ")
                || trimmed.starts_with("\\i ")
                || trimmed.starts_with(".restore")
                || trimmed.starts_with(".load")
                || trimmed.starts_with("\\copy")
                || trimmed.starts_with(".import")
            {
                out.push(finding(
                    "databases.sql.script",
                    Risk::Warning,
                    "runs or loads a file that is not looked into",
                ));
            }
            continue;
        }
        kept.push_str(line);
        kept.push('\n');
    }
    kept
}

fn tokens(source: &str) -> Vec<Token> {
    let characters: Vec<char> = source.chars().collect();
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(&c) = characters.get(at) {
        let next = characters.get(at + 1).copied();
        match (c, next) {
            ('-', Some('-')) | ('#', _) => {
                while characters.get(at).is_some_and(|c| *c != '\n') {
                    at += 1;
                }
            }
            // MySQL runs what is inside /*! … */.
            ('/', Some('*')) if characters.get(at + 2) == Some(&'!') => {
                at += 3;
                while characters.get(at).is_some_and(char::is_ascii_digit) {
                    at += 1;
                }
            }
            ('*', Some('/')) => at += 2,
            ('/', Some('*')) => {
                at += 2;
                while at < characters.len()
                    && !(characters.get(at) == Some(&'*') && characters.get(at + 1) == Some(&'/'))
                {
                    at += 1;
                }
                at += 2;
            }
            ('\'', _) | ('"', _) | ('`', _) => {
                let mut string = String::new();
                at += 1;
                while let Some(&s) = characters.get(at) {
                    at += 1;
                    if s == c {
                        if characters.get(at) == Some(&c) {
                            string.push(c);
                            at += 1;
                            continue;
                        }
                        break;
                    }
                    string.push(s);
                }
                out.push(if c == '\'' {
                    Token::Text(string)
                } else {
                    Token::Word(string.to_uppercase())
                });
            }
            ('$', Some('$')) => {
                let mut string = String::new();
                at += 2;
                while at < characters.len()
                    && !(characters.get(at) == Some(&'$') && characters.get(at + 1) == Some(&'$'))
                {
                    string.extend(characters.get(at));
                    at += 1;
                }
                at += 2;
                out.push(Token::Text(string));
            }
            _ if c.is_alphanumeric() || c == '_' || text::is_mark(c) => {
                let mut word = String::new();
                while let Some(w) = characters
                    .get(at)
                    .filter(|w| w.is_alphanumeric() || matches!(w, '_' | '$') || text::is_mark(**w))
                {
                    word.push(*w);
                    at += 1;
                }
                out.push(Token::Word(word.to_uppercase()));
            }
            _ if c.is_whitespace() => at += 1,
            _ => {
                out.push(Token::Sign(c));
                at += 1;
            }
        }
    }
    out
}

fn word(token: Option<&Token>) -> &str {
    match token {
        Some(Token::Word(word)) => word,
        _ => "",
    }
}

fn has(statement: &[Token], wanted: &str) -> bool {
    statement.iter().any(|t| matches!(t, Token::Word(w) if w == wanted))
}

fn judge_statement(statement: &[Token]) -> Vec<Finding> {
    let mut out = Vec::new();
    // Statements inside parentheses, CTEs and procedures begin with a verb, too.
    if let Some(code) = program(statement) {
        let mut hit = finding(
            "databases.sql.program",
            Risk::Warning,
            "runs a program on the database server",
        );
        hit.shell = Some(code);
        out.push(hit);
    }
    let first = statement.iter().position(|t| matches!(t, Token::Word(_))).unwrap_or(0);
    let statement = statement.get(first..).unwrap_or_default();
    let verb = word(statement.first());
    let second = word(statement.get(1));
    let hit = match verb {
        "EXPLAIN" | "DESCRIBE" | "DESC"
            if verb == "EXPLAIN" && has(statement.get(..4).unwrap_or(statement), "ANALYZE") =>
        {
            let inner = statement.iter().position(|t| {
                matches!(t, Token::Word(w) if matches!(w.as_str(), "DELETE" | "UPDATE" | "INSERT" | "MERGE" | "WITH" | "CREATE" | "TRUNCATE"))
            });
            if let Some(at) = inner {
                out.extend(judge_statement(statement.get(at..).unwrap_or_default()));
            }
            None
        }
        "DELETE" | "UPDATE" => Some(changed_rows(statement, verb)),
        "WITH" => {
            let at = statement.iter().position(|t| matches!(t, Token::Word(w) if matches!(w.as_str(), "DELETE" | "UPDATE" | "INSERT" | "MERGE")));
            if let Some(at) = at {
                out.extend(judge_statement(statement.get(at..).unwrap_or_default()));
            }
            None
        }
        "DROP" => Some(dropped(second)),
        "TRUNCATE" => Some(finding("databases.sql.truncate", Risk::Critical, "empties a table")),
        "ALTER" => Some(altered(statement, second)),
        "SELECT" | "VALUES" | "TABLE" => selected(statement),
        "SHOW" | "DESCRIBE" | "DESC" | "EXPLAIN" | "USE" | "BEGIN" | "COMMIT" | "ROLLBACK"
        | "START" | "END" | "HELP" | "STATUS" | "FETCH" | "LIST" | "PRINT" | "GO" | "EXIT"
        | "QUIT" | "SAVEPOINT" | "RELEASE" | "DECLARE" | "CHECK" | "CHECKSUM" | "SUMMARIZE"
        | "FROM" => None,
        "PRAGMA" => statement.contains(&Token::Sign('=')).then(|| {
            finding("databases.sql.setting", Risk::Warning, "changes a setting of the database")
        }),
        "SET" => {
            let global = matches!(second, "GLOBAL" | "PERSIST" | "PASSWORD")
                || statement.iter().any(|t| matches!(t, Token::Word(w) if w == "GLOBAL"));
            global.then(|| {
                finding("databases.sql.setting", Risk::Warning, "changes a setting of the server")
            })
        }
        "COPY" => {
            let to = has(statement, "TO");
            let out_of = statement
                .iter()
                .any(|t| matches!(t, Token::Word(w) if matches!(w.as_str(), "STDOUT" | "PROGRAM")));
            (!to || !out_of)
                .then(|| finding("databases.sql.copy", Risk::Warning, "writes rows or a file"))
        }
        "RESET" | "PURGE" if matches!(second, "MASTER" | "BINARY" | "SLAVE" | "REPLICA") => {
            Some(finding(
                "databases.sql.binlog",
                Risk::Critical,
                "drops what replication and recovery need",
            ))
        }
        "GRANT" => {
            let wide =
                has(statement, "SUPERUSER") || (has(statement, "ALL") && has(statement, "OPTION"));
            Some(finding(
                "databases.sql.grant",
                if wide { Risk::Critical } else { Risk::Warning },
                "grants rights",
            ))
        }
        "SHUTDOWN" => {
            Some(finding("databases.sql.shutdown", Risk::Critical, "stops the database server"))
        }
        "DETACH" if matches!(second, "TABLE" | "DATABASE") => {
            Some(finding("databases.sql.detach", Risk::Critical, "takes a table away"))
        }
        "FLUSH" => Some(finding("databases.sql.flush", Risk::Warning, "flushes caches or logs")),
        "" => None,
        _ => Some(finding(
            "databases.sql.change",
            Risk::Warning,
            format!("{} changes the database", verb.to_lowercase()),
        )),
    };
    out.extend(hit);
    out
}

/// `… TO PROGRAM 'cmd'`, `xp_cmdshell 'cmd'`.
fn program(statement: &[Token]) -> Option<String> {
    statement.windows(2).find_map(|pair| match pair {
        [Token::Word(word), Token::Text(code)]
            if matches!(word.as_str(), "PROGRAM" | "XP_CMDSHELL") =>
        {
            Some(code.clone())
        }
        _ => None,
    })
}

fn changed_rows(statement: &[Token], verb: &str) -> Finding {
    let verb = verb.to_lowercase();
    let Some(at) = statement.iter().position(|t| matches!(t, Token::Word(w) if w == "WHERE"))
    else {
        return finding(
            "databases.sql.unconditional",
            Risk::Critical,
            format!("{verb} without a condition: every row"),
        );
    };
    let condition = statement.get(at + 1..).unwrap_or_default();
    if always(condition) {
        return finding(
            "databases.sql.unconditional",
            Risk::Critical,
            format!("{verb} with a condition that always holds: every row"),
        );
    }
    finding("databases.sql.rows", Risk::Warning, format!("{verb} of the rows that match"))
}

/// Whether a condition holds for every row: `1=1`, `true`, `'a'='a'`, `id = id`, `… or 1=1`.
fn always(condition: &[Token]) -> bool {
    let parts: Vec<&[Token]> =
        condition.split(|t| matches!(t, Token::Word(w) if w == "OR")).collect();
    parts.iter().any(|part| match part {
        [Token::Word(w)] => matches!(w.as_str(), "TRUE" | "1"),
        [a, Token::Sign('='), b] => a == b,
        [Token::Word(a), Token::Sign('>'), Token::Word(b)] => {
            matches!((a.parse::<i64>(), b.parse::<i64>()), (Ok(a), Ok(b)) if a > b)
        }
        [Token::Word(a), Token::Sign('<'), Token::Sign('>'), Token::Word(b)] => {
            matches!((a.parse::<i64>(), b.parse::<i64>()), (Ok(a), Ok(b)) if a != b)
        }
        [Token::Word(_), Token::Word(like), Token::Text(pattern)] if like == "LIKE" => {
            pattern == "%"
        }
        [Token::Word(_), Token::Word(is), Token::Word(not), Token::Word(null)] => {
            is == "IS" && not == "NOT" && null == "NULL"
        }
        _ => false,
    })
}

fn dropped(what: &str) -> Finding {
    match what {
        "INDEX" | "VIEW" | "TRIGGER" | "FUNCTION" | "PROCEDURE" | "SYNONYM" | "CAST" | "RULE"
        | "COMMENT" => finding(
            "databases.sql.drop_index",
            Risk::Warning,
            format!("drops a {}, which can be made again", what.to_lowercase()),
        ),
        _ => finding(
            "databases.sql.drop",
            Risk::Critical,
            format!("drops a {}", what.to_lowercase()),
        ),
    }
}

fn altered(statement: &[Token], what: &str) -> Finding {
    let drops = statement.windows(2).any(|pair| {
        matches!(pair, [Token::Word(a), Token::Word(b)] if a == "DROP" && !matches!(b.as_str(), "INDEX" | "CONSTRAINT" | "DEFAULT" | "NOT" | "KEY" | "FOREIGN"))
    });
    if drops && what == "TABLE" {
        return finding(
            "databases.sql.drop_column",
            Risk::Critical,
            "drops a column with its data",
        );
    }
    // ClickHouse: rows are rewritten in the background and are gone.
    if what == "TABLE" && (has(statement, "UPDATE") || has(statement, "DELETE")) {
        return finding(
            "databases.sql.mutation",
            Risk::Critical,
            "rewrites or deletes rows in bulk",
        );
    }
    if has(statement, "SUPERUSER") && !has(statement, "NOSUPERUSER") {
        return finding("databases.sql.superuser", Risk::Critical, "makes a superuser");
    }
    finding("databases.sql.alter", Risk::Warning, "changes a definition")
}

/// Selections that do more than read.
fn selected(statement: &[Token]) -> Option<Finding> {
    let at = statement
        .iter()
        .position(|t| matches!(t, Token::Word(w) if matches!(w.as_str(), "OUTFILE" | "DUMPFILE")));
    if let Some(at) = at {
        let mut hit =
            finding("databases.sql.file", Risk::Warning, "writes a file on the database server");
        if let Some(Token::Text(path)) = statement.get(at + 1) {
            hit.writes = Some(path.clone());
        }
        return Some(hit);
    }
    let acts = |word: &str| {
        matches!(
            word,
            "PG_TERMINATE_BACKEND"
                | "PG_CANCEL_BACKEND"
                | "PG_RELOAD_CONF"
                | "PG_SWITCH_WAL"
                | "LO_EXPORT"
                | "LO_IMPORT"
                | "SETVAL"
                | "NEXTVAL"
                | "PG_PROMOTE"
                | "PG_ROTATE_LOGFILE"
                | "SET_CONFIG"
                | "PG_CREATE_RESTORE_POINT"
                | "LO_UNLINK"
                | "DBLINK_EXEC"
        )
    };
    if statement.iter().any(|t| matches!(t, Token::Word(w) if acts(w))) {
        // Without a condition on one it ends them all.
        let every = has(statement, "PG_TERMINATE_BACKEND")
            && has(statement, "PG_STAT_ACTIVITY")
            && !has(statement, "WHERE");
        return Some(finding(
            "databases.sql.function",
            if every { Risk::Critical } else { Risk::Warning },
            "calls a function that acts",
        ));
    }
    if has(statement, "INTO") && !has(statement, "INSERT") {
        return Some(finding("databases.sql.change", Risk::Warning, "makes a table"));
    }
    None
}

/// What a Redis command does; `None` if it only reads.
pub fn redis(command: &[String]) -> Option<(Risk, &'static str, String)> {
    let name = command.first()?.to_uppercase();
    let second = command.get(1).map(|w| w.to_uppercase()).unwrap_or_default();
    let keys = command.get(1..).unwrap_or_default();
    let unknown = keys.iter().any(|k| text::has_unknown(k) || text::has_glob(k));
    let verdict = match name.as_str() {
        "FLUSHALL" | "FLUSHDB" | "SWAPDB" => {
            (Risk::Critical, "databases.redis.flush", "empties the database")
        }
        "SHUTDOWN" => (Risk::Critical, "databases.redis.shutdown", "stops the database server"),
        "DEBUG"
            if matches!(
                second.as_str(),
                "SEGFAULT" | "PANIC" | "RELOAD" | "SLEEP" | "OOM" | "FLUSHALL"
            ) =>
        {
            (Risk::Critical, "databases.redis.debug", "crashes or blocks the server")
        }
        "CLUSTER" if matches!(second.as_str(), "RESET" | "FLUSHSLOTS" | "FORGET" | "DELSLOTS") => {
            (Risk::Critical, "databases.redis.cluster", "takes the cluster apart")
        }
        "DEL" | "UNLINK" if unknown || keys.len() > 3 => {
            (Risk::Critical, "databases.redis.bulk", "deletes many keys, or unknown ones")
        }
        "EVAL" | "EVALSHA" | "FCALL" => {
            let body = keys.first().map(|s| s.to_lowercase()).unwrap_or_default();
            if ["flushall", "flushdb", "shutdown"].iter().any(|w| body.contains(w))
                || (body.contains("'del'") || body.contains("\"del\"") || body.contains("unlink"))
                    && body.contains("keys")
            {
                (Risk::Critical, "databases.redis.script", "a script that deletes keys in bulk")
            } else {
                (Risk::Warning, "databases.redis.script", "runs a script on the server")
            }
        }
        "CONFIG" | "ACL" | "CLIENT" | "SLOWLOG" | "MEMORY" | "LATENCY" | "SCRIPT" | "FUNCTION"
        | "CLUSTER" | "SENTINEL" | "MODULE" | "OBJECT" | "XINFO" | "PUBSUB" | "COMMAND"
        | "DEBUG" => match second.as_str() {
            "GET"
            | "LIST"
            | "INFO"
            | "USAGE"
            | "DOCTOR"
            | "STATS"
            | "LEN"
            | "NODES"
            | "SLOTS"
            | "SHARDS"
            | "WHOAMI"
            | "CAT"
            | "LATEST"
            | "HISTORY"
            | "ENCODING"
            | "FREQ"
            | "IDLETIME"
            | "REFCOUNT"
            | "MASTERS"
            | "REPLICAS"
            | "MASTER"
            | "SLAVES"
            | "ID"
            | "GETNAME"
            | "CHANNELS"
            | "NUMSUB"
            | "COUNT"
            | "DOCS"
            | "EXISTS"
            | "HELP"
            | "MALLOC-STATS"
            | "MYID"
            | "KEYSLOT"
            | "STREAM"
            | "GROUPS"
            | "CONSUMERS"
            | "LINKS"
            | "GRAPH"
            | "GET-MASTER-ADDR-BY-NAME"
            | "CKQUORUM"
            | ""
            | "DUMP" => return None,
            "SET"
                if name == "CONFIG"
                    && matches!(
                        keys.get(1).map(|k| k.to_lowercase()).as_deref(),
                        Some("dir" | "dbfilename" | "appendonly" | "save")
                    ) =>
            {
                (Risk::Critical, "databases.redis.config", "changes where or whether data is saved")
            }
            _ => (Risk::Warning, "databases.redis.config", "changes the server"),
        },
        "GET" | "MGET" | "EXISTS" | "KEYS" | "SCAN" | "SSCAN" | "HSCAN" | "ZSCAN" | "TYPE"
        | "TTL" | "PTTL" | "INFO" | "DBSIZE" | "PING" | "ECHO" | "TIME" | "STRLEN" | "GETRANGE"
        | "LRANGE" | "LLEN" | "LINDEX" | "LPOS" | "SMEMBERS" | "SCARD" | "SISMEMBER"
        | "SRANDMEMBER" | "SINTER" | "SUNION" | "SDIFF" | "HGET" | "HMGET" | "HGETALL"
        | "HKEYS" | "HVALS" | "HLEN" | "HEXISTS" | "ZRANGE" | "ZREVRANGE" | "ZRANGEBYSCORE"
        | "ZCARD" | "ZSCORE" | "ZRANK" | "ZCOUNT" | "XRANGE" | "XREVRANGE" | "XLEN" | "XREAD"
        | "XPENDING" | "MONITOR" | "LASTSAVE" | "ROLE" | "RANDOMKEY" | "DUMP" | "BITCOUNT"
        | "GETBIT" | "PFCOUNT" | "GEOPOS" | "GEODIST" | "GEOSEARCH" | "SUBSCRIBE"
        | "PSUBSCRIBE" | "SELECT" | "AUTH" | "HELLO" | "WAIT" | "LOLWUT" | "EXPIRETIME"
        | "QUIT" | "READONLY" | "HELP" | "DBSIZE;" | "EXIT" => return None,
        _ => (Risk::Warning, "databases.redis.key", "changes keys"),
    };
    Some((verdict.0, verdict.1, verdict.2.to_owned()))
}

/// What a Mongo script does.
pub fn mongo(script: &str) -> (Risk, &'static str, String) {
    let compact: String = script.chars().filter(|c| !c.is_whitespace()).collect();
    let lower = compact.to_lowercase();
    let every = |call: &str| {
        lower.contains(&format!("{call}({{}}")) || lower.contains(&format!("{call}()"))
    };
    let wide = [
        "dropdatabase",
        ".drop(",
        "dropuser(",
        "dropallusers",
        "dropindexes()",
        "dropallroles",
        "shutdownserver",
        "emptycapped",
        "converttocapped",
        "removeshard",
        "{drop:",
        "{dropdatabase:",
        "deletecollection",
    ];
    if wide.iter().any(|w| lower.contains(w))
        || ["deletemany", "remove", "updatemany"].iter().any(|c| every(c))
        || lower.contains("eval(") && !lower.contains("--eval")
    {
        return (
            Risk::Critical,
            "databases.mongo.drop",
            "drops or deletes without a condition".to_owned(),
        );
    }
    let changes = [
        "delete",
        "remove(",
        "insert",
        "update",
        "replace",
        "create",
        "save(",
        "rename",
        "findandmodify",
        "bulkwrite",
        "killop",
        "setparameter",
        "admincommand",
        "runcommand",
        "dropindex",
        "$out",
        "$merge",
        "grant",
        "revoke",
        "fsynclock",
        "setprofilinglevel",
        "findoneand",
    ];
    let reads = [
        "rs.status",
        "rs.conf",
        "sh.status",
        "rs.printsecondary",
        "rs.hello",
        "rs.ismaster",
        "rs.printreplication",
        "serverstatus",
        "replsetgetstatus",
    ];
    let reading = reads.iter().any(|r| lower.contains(r));
    // `rs.` and `sh.` as objects, not as the end of another name.
    let administers = ["rs.", "sh."].iter().any(|object| {
        lower.match_indices(object).any(|(at, _)| {
            !lower
                .get(..at)
                .is_some_and(|h| h.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.'))
        })
    });
    if !reading && (administers || changes.iter().any(|c| lower.contains(c))) {
        return (
            Risk::Warning,
            "databases.mongo.change",
            "changes documents or the server".to_owned(),
        );
    }
    if script.chars().all(text::is_mark) && !script.is_empty() {
        return (
            Risk::Critical,
            "databases.unknown",
            "a script that cannot be known before it runs".to_owned(),
        );
    }
    (Risk::Info, "databases.mongo.read", "only reads".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(sql: &str) -> Risk {
        judge(sql, "psql").iter().map(|f| f.risk).max().unwrap_or(Risk::Info)
    }

    #[test]
    fn statements_have_the_level_of_what_they_do() {
        for (sql, expected) in [
            ("select * from a where name = 'drop table x; delete from y'", Risk::Info),
            ("-- drop table x\nshow tables", Risk::Info),
            ("/* c */ delete /* c */ from a", Risk::Critical),
            ("/*!50000 DROP */ TABLE a", Risk::Critical),
            ("delete from a where id = 3", Risk::Warning),
            ("delete from a where 1=1", Risk::Critical),
            ("delete from a where id = 3 or true", Risk::Critical),
            ("update a set b = 1", Risk::Critical),
            ("explain analyze delete from a", Risk::Critical),
            ("explain delete from a", Risk::Info),
            ("with d as (delete from a returning *) select * from d", Risk::Critical),
            ("drop index i", Risk::Warning),
            ("alter table a drop column b", Risk::Critical),
            ("alter table a add column b int", Risk::Warning),
            ("select 1; truncate a", Risk::Critical),
            ("select pg_terminate_backend(42)", Risk::Warning),
        ] {
            assert_eq!(level(sql), expected, "{sql}");
        }
        let hits = judge("copy t from program 'rm -rf /'", "psql");
        assert_eq!(hits.iter().find_map(|h| h.shell.clone()).as_deref(), Some("rm -rf /"));
    }
}
