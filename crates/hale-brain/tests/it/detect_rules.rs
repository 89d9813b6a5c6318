//! Rules as data: what a user may write, and how a mistake is told.

use std::sync::Arc;

use hale_brain::detect::Rules;
use hale_model::config::Config;
use hale_model::sample::{Source, SourceState, SourceStatus};
use hale_model::scrape::{ScrapedTarget, Series};

use crate::detect_scenario::{World, process};

fn rule(body: &str) -> String {
    format!("kind = \"my.rule\"\nseverity = \"low\"\nmessage = {{ en = \"x\" }}\n{body}\n")
}

fn errors(text: &str) -> String {
    let files = [("my.toml".to_owned(), text.to_owned())];
    let (_, errors) = Rules::with_user_rules(&files);
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_broken_rule_is_told_with_file_line_and_next_step() {
    let nested = format!("when = \"{}true{}\"", "(".repeat(17), ")".repeat(17));
    let chain = format!("when = \"1{} > 0\"", "+1".repeat(200));
    let long = format!("when = \"system.load1 > 0.0 && '{}' == ''\"", "x".repeat(3000));
    let told: Vec<String> = [
        "when = \"system.mem_used_pct > 80.0\"",
        "when = \"sytem.load1 > 1.0\"",
        "when = \"mount.free_percent < 1.0\"",
        "when = \"system.load1\"",
        "when = \"system.load1 >\"",
        "when = \"system.load1 + 1 > 2.0\"",
        "when = \"now() > 2\"",
        "when = \"true\"\ndetector = \"leak\"",
        "detector = \"nothing\"",
        "wen = \"true\"",
        "when = \"[1].all(x, [2].all(y, x == y))\"",
        "when = \"true\"\nfor = \"config.nothing\"",
        "when = \"true\"\ncommands = [\"kill {pid}\"]",
        nested.as_str(),
        chain.as_str(),
        long.as_str(),
    ]
    .iter()
    .map(|body| errors(&rule(body)))
    .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    my.toml:4: rule `my.rule`: `system.mem_used_pct > 80.0`: `system` has no `mem_used_pct`; it has cpu_cores, cpu_iowait, cpu_pressure, cpu_steal, cpu_total, disk_read_mbps, disk_write_mbps, frequency_mhz, io_pressure, load1, load15, load5, mem_available_bytes, mem_cached_bytes, mem_total_bytes, mem_used_bytes, mem_used_percent, memory_pressure, net_rx_mbps, net_tx_mbps, oom_kills, process_count, swap_in_pages_per_sec, swap_out_pages_per_sec, swap_total_bytes, swap_used_bytes, swap_used_percent, zombie_count; correct it or remove the file
    my.toml:4: rule `my.rule`: `sytem.load1 > 1.0`: `sytem` is not known here; known are config, host, system, tcp; correct it or remove the file
    my.toml:4: rule `my.rule`: `mount.free_percent < 1.0`: `mount` is not known here; known are config, host, system, tcp; correct it or remove the file
    my.toml:4: rule `my.rule`: `system.load1` is neither true nor false; correct it or remove the file
    my.toml:4: rule `my.rule`: `system.load1 >` is not an expression: ERROR: <input>:1:15: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}; correct it or remove the file
    my.toml:4: rule `my.rule`: `system.load1 + 1 > 2.0`: Unsupported binary operator 'add': Float(0.5), Int(1); correct it or remove the file
    my.toml:4: rule `my.rule`: `now() > 2`: no function `now`; there are size, contains, startsWith, endsWith, matches, string, int, double, min, max; correct it or remove the file
    my.toml:1: rule `my.rule`: a rule has either `when` or `detector`; correct it or remove the file
    my.toml:4: rule `my.rule`: no detector `nothing`; there are anomaly, container_restarting, container_unhealthy, duplicates, fd_leak, filling, ghost_storm, hot_process, http_errors, http_latency, journal_burst, leak, memory_pressure, oom, orphan, service_failed, service_flapping, stale, zombie; correct it or remove the file
    my.toml:4: rule `my.rule`: unknown field `wen`, expected one of `kind`, `enabled`, `detector`, `scope`, `source`, `only`, `when`, `clear_when`, `for`, `severity`, `tier`, `vars`, `evidence`, `message`, `commands`; correct it or remove the file
    my.toml:4: rule `my.rule`: `[1].all(x, [2].all(y, x == y))`: a loop within a loop is not allowed; correct it or remove the file
    my.toml:5: rule `my.rule`: `config.nothing`: `config` has no `nothing`; it has general, thresholds; correct it or remove the file
    my.toml:5: rule `my.rule`: no figure `{pid}`; there are subject, top_cpu, top_memory; correct it or remove the file
    my.toml:4: rule `my.rule`: `(((((((((((((((((true)))))))))))))))))` nests deeper than 16 brackets; correct it or remove the file
    my.toml:4: rule `my.rule`: an expression has more than 100 operators; correct it or remove the file
    my.toml:4: rule `my.rule`: an expression is longer than 2048 bytes; correct it or remove the file
    "#);
}

#[test]
fn a_broken_rule_leaves_the_others_at_work() {
    let files = [
        ("a.toml".to_owned(), "this is not TOML".to_owned()),
        ("b.toml".to_owned(), rule("when = \"system.load1 > 3.0\"")),
        ("c.toml".to_owned(), rule("when = \"system.load1 > 4.0\"")),
    ];
    let (rules, errors) = Rules::with_user_rules(&files);
    assert_eq!(errors.len(), 2, "{errors:?}");
    let mut w = World::with(Config::default(), rules);
    w.run(10, |w| w.now.system.load1 = Some(3.5));
    insta::assert_snapshot!(w.story(), @"5s: opened low my.rule [machine] x");
}

#[test]
fn a_users_rule_replaces_the_built_in_one_of_its_kind_or_switches_it_off() {
    let mine = r#"
        kind = "swap.high"
        source = "memory"
        when = "system.swap_used_percent > 5.0"
        severity = "critical"
        vars = { percent = "system.swap_used_percent" }
        commands = ["swapon --show", "echo {subject}"]
        message = { en = "mine: {percent:1}" }
    "#;
    let off =
        "kind = \"disk.space\"\nenabled = false\nseverity = \"low\"\nmessage = { en = \"x\" }\n";
    let files = [("a".to_owned(), mine.to_owned()), ("b".to_owned(), off.to_owned())];
    let (rules, errors) = Rules::with_user_rules(&files);
    assert_eq!(errors, []);
    let mut w = World::with(Config::default(), rules);
    w.run(10, |w| {
        w.now.system.swap_used_percent = Some(6.0);
        crate::detect_scenario::fill(w.mount("/tmp"), 1 << 40);
    });
    insta::assert_snapshot!(w.story(), @"5s: opened critical swap.high [machine] mine: 6.0");
    let commands = w.book.open().next().map(|a| a.suggested_actions.clone());
    assert_eq!(commands, Some(vec!["swapon --show".to_owned(), "echo machine".to_owned()]));
}

#[test]
fn rules_about_each_process_and_unit_see_those_that_only_names() {
    let text = r#"
        kind = "java.threads"
        scope = "process"
        only = "java*"
        when = "process.threads > 500 && process.age_secs > 60.0"
        severity = "medium"
        vars = { threads = "process.threads", pid = "process.pid" }
        message = { en = "{subject} has {threads} threads" }
        commands = ["jstack {pid}"]
    "#;
    let (rules, errors) = Rules::with_user_rules(&[("a".to_owned(), text.to_owned())]);
    assert_eq!(errors, []);
    let mut w = World::with(Config::default(), rules);
    w.add(process(1001, 700, "java -jar a.jar"));
    w.add(process(1002, 700, "node b.js"));
    w.process(1001).threads = 900;
    w.process(1002).threads = 900;
    w.rest(10);
    insta::assert_snapshot!(w.story(), @r#"
    5s: opened medium java.threads [process 1001 (java)] process 1001 (java) has 900 threads
    "#);
}

#[test]
fn what_was_not_measured_is_unknown_and_opens_nothing() {
    let text = rule("when = \"!(system.cpu_steal > 1.0)\"");
    let (rules, errors) = Rules::with_user_rules(&[("a".to_owned(), text)]);
    assert_eq!(errors, []);
    let mut w = World::with(Config::default(), rules);
    w.rest(30);
    assert_eq!(w.story(), "");
    w.run(10, |w| w.now.system.cpu_steal = Some(0.0));
    assert_eq!(w.story().lines().count(), 1);
}

/// Six thousand of them fit in a file and would take seconds and hundreds of MiB to compile.
#[test]
fn a_rule_of_thousands_of_expressions_is_refused_before_they_are_compiled() {
    let vars: String = (0..6000).map(|n| format!("v{n}=\"1\",")).collect();
    let tiers = "[[tier]]\nseverity = \"low\"\nwhen = \"true\"\n".repeat(101);
    for (text, what) in [
        (rule(&format!("when = \"true\"\nvars = {{ {vars} }}")), "6000 entries in `vars`"),
        (rule(&format!("when = \"true\"\n{tiers}")), "101 entries in `tier`"),
    ] {
        let (_, errors) = Rules::with_user_rules(&[("a".to_owned(), text)]);
        assert_eq!(errors.len(), 1);
        assert!(errors[0].what.starts_with(what), "{}", errors[0]);
        assert!(errors[0].line > 1, "{}", errors[0]);
    }
}

/// Two levels and a counter, of one target.
fn scraped(target: &str, error: Option<&str>, queue: f64) -> Arc<ScrapedTarget> {
    let series = |metric: &str, queue: &str, value, grown| Series {
        metric: metric.to_owned(),
        labels: vec![("queue".to_owned(), queue.to_owned())],
        value,
        grown,
        ..Series::default()
    };
    let all = vec![
        series("queue_messages", "orders", queue, None),
        series("queue_messages", "mail", 9e9, None),
        series("queue_lost_total", "orders", 70.0, Some(30.0)),
    ];
    Arc::new(ScrapedTarget {
        target: target.to_owned(),
        scraped_at: hale_model::Timestamp::UNIX_EPOCH,
        took_ms: 3.0,
        error: error.map(str::to_owned),
        since_secs: Some(15.0),
        series: if error.is_some() { Vec::new() } else { all },
        lost: 0,
    })
}

#[test]
fn rules_about_metrics_see_the_series_of_scraped_targets() {
    let length = r#"
        kind = "queue.long"
        scope = "metric"
        only = "queue_mess*"
        when = "metric.value > 1000.0 && metric.labels.queue == 'orders'"
        severity = "high"
        vars = { length = "metric.value", target = "metric.target" }
        message = { en = "{length:0} orders wait in {target}" }
    "#;
    let rate = r#"
        kind = "queue.loss"
        scope = "metric"
        only = "queue_lost_total"
        when = "metric.per_sec >= 2.0"
        severity = "low"
        message = { en = "lost" }
    "#;
    let files = [("a".to_owned(), length.to_owned()), ("b".to_owned(), rate.to_owned())];
    let (rules, errors) = Rules::with_user_rules(&files);
    assert_eq!(errors, []);
    let mut w = World::with(Config::default(), rules);
    w.run(10, |w| {
        w.now.scraped = vec![scraped("rabbit", None, 2000.0), scraped("hare", None, 2000.0)];
    });
    // Down: what is not seen is not over; the other target goes on being judged.
    let status = |state| SourceStatus {
        source: Source::Scrape,
        state,
        last_fresh_at: None,
        took_us: 0,
        note: None,
        lost: 0,
    };
    w.run(60, |w| {
        let down = scraped("rabbit", Some("refused"), 0.0);
        w.now.scraped = vec![down, scraped("hare", None, 3.0)];
        w.now.sources.push(status(SourceState::Stale));
    });
    w.run(60, |w| {
        w.now.scraped = vec![scraped("rabbit", None, 3.0), scraped("hare", None, 3.0)];
        w.now.sources.retain(|s| s.source != Source::Scrape);
        w.now.sources.push(status(SourceState::Fresh));
    });
    insta::assert_snapshot!(w.story(), @r#"
    5s: opened high queue.long [hare/queue_messages{queue="orders"}] 2000 orders wait in hare
    5s: opened low queue.loss [hare/queue_lost_total{queue="orders"}] lost
    5s: opened low queue.loss [rabbit/queue_lost_total{queue="orders"}] lost
    5s: opened high queue.long [rabbit/queue_messages{queue="orders"}] 2000 orders wait in rabbit
    25s: closed high queue.long [hare/queue_messages{queue="orders"}] recovered
    30s: opened medium source.stale [source scrape] The source scrape can no longer be read: no reason given
    1m 25s: closed medium source.stale [source scrape] recovered
    1m 25s: closed high queue.long [rabbit/queue_messages{queue="orders"}] recovered
    "#);
}
