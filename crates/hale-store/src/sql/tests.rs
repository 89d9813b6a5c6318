//! Which SQL is answered and which is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use super::*;
use crate::telemetry::{Mode, in_memory};

fn database() -> Connection {
    in_memory(Path::new("test.duckdb"), Mode::Read).unwrap()
}

fn ask(connection: &Connection, sql: &str) -> Result<Table, StoreError> {
    run(connection, Path::new("test.duckdb"), None, sql, 100)
}

#[test]
fn whatever_only_reads_is_answered() {
    let connection = database();
    for sql in [
        "SELECT 1",
        " select 1 ; ",
        "/* why */ SELECT 1 -- because",
        "SELECT ';' AS semicolon",
        "WITH a AS (SELECT 1 AS x) SELECT * FROM a",
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) FROM t",
        "VALUES (1, 'a')",
        "FROM sys_samples",
        "TABLE journal_events",
        "DESCRIBE sys_samples",
        "SHOW TABLES",
        "SUMMARIZE sys_samples",
        "EXPLAIN SELECT * FROM sys_samples",
        "explain analyze select count(*) from audit",
        "SELECT count(*) FROM alerts JOIN incidents ON alerts.incident_id = incidents.id",
        "SELECT a.id, t.text FROM actions a LEFT JOIN timeline t USING (incident_id)",
        "SELECT * FROM range(3)",
        "SELECT unnest([1, 2, 3])",
        "SELECT collected_at, cpu_total, mem_used_bytes, disk_read_mbps FROM sys_samples ORDER BY collected_at DESC LIMIT 5",
        "SELECT * FROM sys_samples WHERE collected_at > now() - INTERVAL 1 HOUR",
        "SELECT * FROM information_schema.tables",
        "SELECT 'DROP TABLE alerts; COPY' AS text",
        "SELECT x FROM (SELECT 1 AS x UNION SELECT 2) ORDER BY x",
    ] {
        ask(&connection, sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
    }
}

#[test]
fn whatever_does_more_is_refused() {
    let connection = database();
    let list = || ask(&connection, "SHOW TABLES").unwrap();
    let before = list();
    for sql in [
        "INSERT INTO journal_events SELECT * FROM journal_events",
        "UPDATE alerts SET state = 'closed'",
        "DELETE FROM sys_samples_raw",
        "TRUNCATE sys_samples_raw",
        "DROP TABLE sys_samples_raw",
        "CREATE TABLE x (a INT)",
        "CREATE TEMP TABLE x AS SELECT 1",
        "CREATE OR REPLACE VIEW sys_samples AS SELECT 1",
        "CREATE MACRO f() AS 1",
        "ALTER TABLE alerts ADD COLUMN x INT",
        "COPY alerts TO '/tmp/hale-escape.csv'",
        "COPY (SELECT 1) TO '/tmp/hale-escape.csv'",
        "COPY alerts FROM '/etc/passwd'",
        "EXPORT DATABASE '/tmp/hale-escape'",
        "IMPORT DATABASE '/tmp/hale-escape'",
        "ATTACH '/tmp/hale-escape.db'",
        "DETACH temp",
        "USE temp",
        "INSTALL httpfs",
        "LOAD '/tmp/evil.so'",
        "SET memory_limit = '100GB'",
        "SET enable_external_access = true",
        "RESET lock_configuration",
        "PRAGMA memory_limit = '100GB'",
        "PRAGMA database_list",
        "CALL pragma_version()",
        "CHECKPOINT",
        "VACUUM",
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "PREPARE p AS SELECT 1",
        "EXECUTE p",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE sys_samples_raw",
        "DROP TABLE sys_samples_raw; SELECT 1",
        "SELECT 1;; DELETE FROM sys_samples_raw;",
        "EXPLAIN ANALYZE DELETE FROM sys_samples_raw",
        "EXPLAIN SELECT 1; DELETE FROM sys_samples_raw",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '/tmp/hale-escape.csv'",
        "EXPLAIN EXPLAIN DELETE FROM sys_samples_raw",
        "WITH gone AS (DELETE FROM sys_samples_raw RETURNING *) SELECT * FROM gone",
        "WITH made AS (INSERT INTO journal_events SELECT * FROM journal_events RETURNING *) FROM made",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM READ_BLOB('/etc/passwd')",
        "SELECT * FROM read_json('/etc/passwd')",
        "SELECT * FROM read_parquet('/etc/passwd')",
        "SELECT * FROM parquet_metadata('/etc/passwd')",
        "SELECT * FROM parquet_scan('/etc/passwd')",
        "SELECT * FROM sniff_csv('/etc/passwd')",
        "SELECT * FROM glob('/etc/*')",
        "FROM '/etc/passwd'",
        "FROM '/etc/hosts.csv'",
        "SELECT * FROM \"/etc/passwd.csv\"",
        "SELECT (SELECT count(*) FROM read_text('/etc/passwd'))",
        "WITH a AS (SELECT * FROM read_text('/etc/passwd')) FROM a",
        "SELECT 1 WHERE EXISTS (FROM read_text('/etc/passwd'))",
        "SELECT * FROM range(1) t, LATERAL (SELECT * FROM glob('/*'))",
        "SUMMARIZE SELECT * FROM read_text('/etc/passwd')",
        "DESCRIBE SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM query('DROP TABLE sys_samples_raw')",
        "SELECT * FROM query_table('alerts')",
        "SELECT * FROM sqlite_scan('/tmp/state.db', 'settings')",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM duckdb_secrets()",
        "SELECT * FROM checkpoint()",
        "SELECT * FROM force_checkpoint()",
        "SELECT * FROM json_execute_serialized_sql('{}')",
        "SELECT getenv('HOME')",
        "SELECT nextval('x')",
        "SELECT 1 FROM settings",
        "SELECT 1 FROM cursors",
        "selekt 1",
        "",
        ";",
        "-- nothing",
        "\0",
        "SELECT 1\0; DROP TABLE sys_samples_raw",
    ] {
        match ask(&connection, sql) {
            Err(StoreError::Refused { .. } | StoreError::Query { .. }) => {}
            other => panic!("{sql}: {other:?}"),
        }
    }
    assert_eq!(list(), before);
    assert!(!Path::new("/tmp/hale-escape.csv").exists());
}

#[test]
fn the_database_itself_refuses_what_a_parser_might_miss() {
    let connection = database();
    for sql in [
        "COPY (SELECT 1) TO '/tmp/hale-escape.csv'",
        "SELECT * FROM read_text('/etc/passwd')",
        "SET enable_external_access = true",
        "SET memory_limit = '100GB'",
        "SET lock_configuration = false",
        "ATTACH '/tmp/hale-escape.db' AS x",
        "INSTALL httpfs",
        "LOAD httpfs",
    ] {
        assert!(connection.execute_batch(sql).is_err(), "{sql}");
    }
    connection.execute_batch("BEGIN TRANSACTION READ ONLY").unwrap();
    for sql in ["DELETE FROM sys_samples_raw", "DROP TABLE sys_samples_raw"] {
        assert!(connection.execute_batch(sql).is_err(), "{sql}");
    }
}

#[test]
fn an_error_says_what_and_what_next() {
    let connection = database();
    let tell = |sql: &str| {
        let error = ask(&connection, sql).unwrap_err();
        format!("{error}\n  {}", error.hint().unwrap())
    };
    insta::assert_snapshot!(tell("DELETE FROM alerts"), @r"
    refused: only statements that read are answered
      write one SELECT, WITH, VALUES, FROM, DESCRIBE, SHOW, SUMMARIZE or EXPLAIN; `SHOW TABLES` lists what there is
    ");
    let rest = ["SELECT 1; SELECT 2", "FROM read_text('/etc/passwd')", "FROM sys_sampls", "selekt"];
    let lines = rest.map(|sql| ask(&connection, sql).unwrap_err().to_string());
    insta::assert_snapshot!(lines.join("\n"), @r#"
    refused: 2 statements; one at a time
    refused: the table function read_text() is not allowed
    the query failed: Catalog Error: Table with name sys_sampls does not exist!
    Did you mean "sys_samples"?

    LINE 1: FROM sys_sampls
                 ^
    the query failed: syntax error at or near "selekt"
    "#);
}

#[test]
fn cells_keep_their_types() {
    let connection = database();
    let sql = "SELECT 1::TINYINT AS a, 2::UBIGINT AS b, 1.5::DOUBLE AS c, 12.34::DECIMAL(10,2) AS d, \
               sum(x) AS e, 'text' AS f, true AS g, NULL AS h, \
               TIMESTAMP '2026-01-27 01:02:03.5' AS i, DATE '2026-01-27' AS j, \
               INTERVAL 90 SECOND AS k, [1, 2] AS l, {'a': 1} AS m, 'inf'::DOUBLE AS n, \
               170141183460469231731687303715884105727::HUGEINT AS o, MAP {'k': 2} AS p, \
               '\\xAB'::BLOB AS q, uuid() IS NOT NULL AS r, TIME '01:02:03' AS s, \
               '{\"a\":1}'::JSON AS t, 1.5::FLOAT AS u, 'x'::ENUM('x', 'y') AS v \
               FROM (VALUES (9223372036854775807), (-7)) t(x)";
    let table = ask(&connection, sql).unwrap();
    let cells: Vec<String> =
        table.columns.iter().zip(&table.rows[0]).map(|(c, v)| format!("{c} {v}")).collect();
    insta::assert_snapshot!(cells.join("\n"), @r#"
    a 1
    b 2
    c 1.5
    d 12.34
    e 9223372036854775800
    f "text"
    g true
    h null
    i "2026-01-27T01:02:03.5Z"
    j "2026-01-27"
    k "1 mins 30.000000000 secs"
    l "[1, 2]"
    m "{a: 1}"
    n "inf"
    o "170141183460469231731687303715884105727"
    p "{k: 2}"
    q "ab"
    r true
    s "01:02:03"
    t "{\"a\":1}"
    u 1.5
    v "x"
    "#);
}

#[test]
fn a_long_answer_is_cut_and_says_so() {
    let connection = database();
    let table = ask(&connection, "SELECT * FROM range(1000000000)").unwrap();
    assert_eq!((table.rows.len(), table.truncated), (100, true));
    let whole = ask(&connection, "SELECT * FROM range(100)").unwrap();
    assert_eq!((whole.rows.len(), whole.truncated), (100, false));
    let path = Path::new("test.duckdb");
    let wide = run(&connection, path, None, "SELECT repeat('x', 20000) FROM range(4000)", 0);
    let wide = wide.unwrap();
    assert!(wide.truncated && wide.rows.len() < 2000, "{} rows", wide.rows.len());
}

#[test]
fn a_runaway_is_stopped_and_the_next_query_works() {
    let connection = database();
    let path = Path::new("test.duckdb");
    for sql in [
        "SELECT count(*) FROM range(100000000) a, range(1000) b WHERE a.range * b.range = -3",
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t",
    ] {
        let begun = std::time::Instant::now();
        let limit = Duration::from_millis(300);
        let result = run_within(&connection, path, None, sql, 10, limit);
        assert!(matches!(result, Err(StoreError::Timeout { .. })), "{sql}: {result:?}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{sql}");
        ask(&connection, "SELECT 1").unwrap();
    }
}

#[test]
fn one_that_wants_too_much_memory_fails_and_the_next_query_works() {
    let connection = database();
    let greedy = "SELECT list(a.range || repeat('x', 100)) FROM range(1000000) a";
    let unmanaged = "SELECT max(length(repeat('x', 200000 + range::INT))) FROM range(100000)";
    for sql in [greedy, unmanaged] {
        let result = ask(&connection, sql);
        assert!(matches!(result, Err(StoreError::TooLarge)), "{sql}: {result:?}");
        ask(&connection, "SELECT 1").unwrap();
    }
}

#[test]
fn deep_nesting_neither_overflows_nor_slips_through() {
    let connection = database();
    let sum = format!("SELECT {}1", "1 + ".repeat(60));
    ask(&connection, &sum).unwrap();
    let brackets = format!("SELECT {}1{}", "(".repeat(20_000), ")".repeat(20_000));
    assert!(ask(&connection, &brackets).is_err());
    let deep = format!("SELECT {}1", "1 + ".repeat(2000));
    assert!(matches!(ask(&connection, &deep), Err(StoreError::Query { .. })));
    let hidden =
        format!("SELECT {}(SELECT count(*) FROM read_text('/etc/passwd'))", "1 + ".repeat(60));
    assert!(matches!(ask(&connection, &hidden), Err(StoreError::Refused { .. })));
}

#[test]
fn a_name_that_would_be_a_file_is_refused_as_such() {
    let connection = database();
    for sql in ["FROM '/etc/passwd'", "SELECT * FROM \"x.csv\"", "FROM 's3://a/b'", "FROM '*.json'"]
    {
        let answer = ask(&connection, sql);
        assert!(matches!(answer, Err(StoreError::Refused { .. })), "{sql}: {answer:?}");
    }
}
