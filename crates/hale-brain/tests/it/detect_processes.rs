//! Ghosts, twins, zombies, orphans, leaks, hot processes: what opens an alert, what closes it, and
//! what must not open one.

use hale_model::alert::Subject;

use crate::detect_scenario::{MIB, World, process};

const MCP: &str = "python3 mcp_server.py";
const OTHER: &str = "python3 legit_worker.py";

/// 12 helpers of one command line, 60 MiB each, and 3 of another, all children of claude.
fn with_helpers() -> World {
    let mut w = World::new();
    w.add(process(400, 700, "claude"));
    for pid in 1001..=1012 {
        let mut p = process(pid, 400, MCP);
        p.rss_bytes = 60 * MIB;
        p.pgid = 400;
        w.add(p);
    }
    for pid in 1101..=1103 {
        let mut p = process(pid, 400, OTHER);
        p.rss_bytes = 60 * MIB;
        w.add(p);
    }
    w
}

#[test]
fn storm_of_12_orphans_beside_3_legit_twins_names_only_the_12() {
    let mut w = with_helpers();
    w.rest(20);
    w.remove(400);
    for pid in 1001..=1012 {
        w.orphan(pid, "claude");
    }
    for pid in 1101..=1103 {
        w.process(pid).ppid = 700;
    }
    w.rest(20);
    let storm = w.book.open().find(|a| a.kind.as_str() == "process.ghost_storm").cloned();
    let Some(Subject::ProcessGroup { members, pgids, cgroup, .. }) = storm.map(|a| a.subject)
    else {
        panic!("no storm");
    };
    assert_eq!(
        members.iter().map(|m| m.pid).collect::<Vec<_>>(),
        (1001..=1012).collect::<Vec<_>>()
    );
    assert_eq!(pgids, [400]);
    assert_eq!(cgroup.as_deref(), Some("/user.slice/user-1000.slice/session-2.scope"));
    for pid in 1001..=1012 {
        w.remove(pid);
    }
    w.rest(10);
    insta::assert_snapshot!(w.story(), @r#"
    35s: opened high process.ghost_storm [12 × python3 mcp_server.py] 12 ghosts hold 720 MiB (4.4 % of RAM): python3 mcp_server.py; left behind by claude; process groups 400
    45s: closed high process.ghost_storm [12 × python3 mcp_server.py] gone
    "#);
}

#[test]
fn two_kinds_of_helpers_that_one_agent_left_behind_are_one_storm() {
    let mut w = World::new();
    for (pid, command) in [(1001, "node a.js"), (1002, "node b.js"), (1003, "python3 c.py")] {
        let mut p = process(pid, 1, command);
        p.rss_bytes = 200 * MIB;
        w.add(p);
        w.orphan(pid, "claude");
    }
    w.rest(20);
    insta::assert_snapshot!(w.story(), @r#"
    15s: opened high process.ghost_storm [3 × orphans of claude] 3 ghosts hold 600 MiB (3.7 % of RAM): orphans of claude; left behind by claude; process groups 1001 1002 1003
    "#);
}

#[test]
fn a_group_whose_leader_is_in_another_pid_namespace_has_no_number() {
    let mut w = World::new();
    for (pid, group) in [(1001, 0), (1002, 0), (1003, 1003)] {
        let mut p = process(pid, 1, "node a.js");
        p.rss_bytes = 200 * MIB;
        p.pgid = group;
        w.add(p);
        w.orphan(pid, "claude");
    }
    w.rest(20);
    let storm = w.book.open().find(|a| a.kind.as_str() == "process.ghost_storm").cloned().unwrap();
    assert!(storm.summary.ends_with("process groups ? 1003"), "{}", storm.summary);
    let Subject::ProcessGroup { pgids, .. } = storm.subject else { panic!("{}", storm.summary) };
    assert_eq!(pgids, [1003]);
}

#[test]
fn orphans_that_hold_little_memory_are_no_storm() {
    let mut w = World::new();
    for pid in 1001..=1012 {
        let mut p = process(pid, 1, MCP);
        p.rss_bytes = MIB;
        w.add(p);
        w.orphan(pid, "claude");
    }
    w.rest(600);
    assert!(!w.kinds.contains_key("process.ghost_storm"), "{:?}", w.kinds);
}

#[test]
fn helpers_of_a_living_agent_are_duplicates_and_no_ghosts() {
    let mut w = with_helpers();
    w.rest(120);
    insta::assert_snapshot!(w.story(), @r#"
    35s: opened medium process.duplicates [12 × python3 mcp_server.py] 12 processes of one command line hold 720 MiB (4.4 % of RAM): python3 mcp_server.py
    "#);
}

#[test]
fn prefork_pool_is_no_storm() {
    let mut w = World::new();
    for pid in 1001..=1040 {
        let mut p = process(pid, 800, "/usr/lib/postgresql/bin/postgres -D /data");
        p.rss_bytes = 100 * MIB;
        w.add(p);
        w.in_unit(pid, "postgresql.service");
    }
    w.add(process(500, 700, "/usr/bin/supervisord"));
    for pid in 1101..=1120 {
        let mut p = process(pid, 500, "python3 worker.py");
        p.rss_bytes = 100 * MIB;
        w.add(p);
    }
    for pid in 1201..=1220 {
        w.add(process(pid, 700, "bash"));
    }
    w.rest(3600);
    assert_eq!(w.story(), "");
}

#[test]
fn what_a_service_left_behind_in_its_own_cgroup_is_no_ghost() {
    let mut w = World::new();
    for pid in 1001..=1012 {
        let mut p = process(pid, 1, MCP);
        p.rss_bytes = 60 * MIB;
        w.add(p);
        w.orphan(pid, "node");
        w.in_unit(pid, "mcp.service");
    }
    w.rest(120);
    insta::assert_snapshot!(w.story(), @r#"
    35s: opened medium process.duplicates [12 × python3 mcp_server.py] 12 processes of one command line hold 720 MiB (4.4 % of RAM): python3 mcp_server.py
    "#);
}

#[test]
fn ignored_commands_are_never_reported() {
    let mut w = with_helpers();
    w.config.allowlist.ignore_commands = vec!["pyth*".into()];
    for pid in 1001..=1012 {
        w.orphan(pid, "claude");
        w.process(pid).cpu_percent = Some(99.0);
    }
    w.rest(600);
    assert_eq!(w.story(), "");
}

#[test]
fn zombies_are_grouped_by_the_parent_that_does_not_collect_them() {
    let mut w = World::new();
    w.add(process(300, 700, "python3 nest.py"));
    w.rest(10);
    for pid in 1001..=1004 {
        let mut p = process(pid, 300, "python3");
        p.state = 'Z';
        p.rss_bytes = 0;
        w.add(p);
    }
    w.rest(400);
    for pid in 1001..=1004 {
        w.remove(pid);
    }
    w.rest(20);
    insta::assert_snapshot!(w.story(), @r#"
    5m 15s: opened medium process.zombie [4 zombies of 300 (python3)] python3 (pid 300) does not collect 4 dead children, the oldest dead for 5m
    6m 55s: closed medium process.zombie [4 zombies of 300 (python3)] gone
    "#);
}

#[test]
fn orphan_that_burns_cpu_is_reported_and_a_busy_child_is_not() {
    let mut w = World::new();
    w.add(process(1001, 1, "python3 burn.py"));
    w.orphan(1001, "make");
    w.add(process(1002, 700, "python3 work.py"));
    w.run(200, |w| {
        for pid in [1001, 1002] {
            w.process(pid).cpu_percent = Some(60.0);
        }
    });
    w.remove(1001);
    w.rest(10);
    insta::assert_snapshot!(w.story(), @r#"
    1m 5s: opened medium process.orphan [process 1001 (python3)] Orphan python3 (pid 1001) burns 60 % of one core; its parent make is gone: python3 burn.py
    3m 25s: closed medium process.orphan [process 1001 (python3)] gone
    "#);
}

#[test]
fn hot_process_is_named_after_five_minutes_and_a_short_peak_is_not() {
    let mut w = World::new();
    w.add(process(1001, 700, "./spin --hard"));
    w.add(process(1002, 700, "cc1"));
    w.run(700, |w| {
        w.process(1001).cpu_percent = Some(97.0);
        let busy = w.secs % 200 < 150;
        w.process(1002).cpu_percent = Some(if busy { 99.0 } else { 0.0 });
    });
    w.run(60, |w| w.process(1001).cpu_percent = Some(1.0));
    insta::assert_snapshot!(w.story(), @r#"
    5m 5s: opened medium cpu.hot_process [process 1001 (spin)] spin (pid 1001, ada) uses 97 % of one core: ./spin --hard
    11m 55s: closed medium cpu.hot_process [process 1001 (spin)] recovered
    "#);
}

#[test]
fn leak_opens_after_steady_growth() {
    let mut w = World::new();
    w.add(process(1001, 700, "./leaky"));
    w.run(1500, |w| {
        let noise = (w.random() * 3.0) as u64 * MIB;
        w.process(1001).rss_bytes = (100 + w.secs / 5) * MIB + noise;
    });
    w.remove(1001);
    w.rest(10);
    insta::assert_snapshot!(w.story(), @r#"
    9m 40s: opened medium process.leak [process 1001 (leaky)] leaky (pid 1001) leaks memory: 217 MiB held, 110 MiB more in 9m 10s and still growing: ./leaky
    25m 5s: closed medium process.leak [process 1001 (leaky)] gone
    "#);
}

#[test]
fn sawtooth_heap_is_no_leak() {
    let mut w = World::new();
    w.add(process(1001, 700, "java -jar app.jar"));
    w.run(4 * 3600, |w| {
        let saw = (w.secs % 400) * 2;
        w.process(1001).rss_bytes = (500 + saw) * MIB;
    });
    assert_eq!(w.story(), "");
}

#[test]
fn heap_that_a_collector_empties_every_quarter_of_an_hour_is_no_leak() {
    let mut w = World::new();
    w.add(process(1001, 700, "java -jar app.jar"));
    w.run(4 * 3600, |w| {
        let saw = w.secs % 900;
        w.process(1001).rss_bytes = (500 + saw) * MIB;
    });
    assert_eq!(w.story(), "");
}

#[test]
fn big_but_steady_process_is_no_leak() {
    let mut w = World::new();
    w.add(process(1001, 700, "./model-server"));
    w.run(4 * 3600, |w| {
        // Loads for three minutes, then stays as it is.
        let loaded = (w.secs.min(180) * 40) * MIB;
        let noise = (w.random() * 30.0) as u64 * MIB;
        w.process(1001).rss_bytes = loaded + noise;
    });
    assert_eq!(w.story(), "");
}

#[test]
fn growth_that_stops_is_no_leak_any_more() {
    let mut w = World::new();
    w.add(process(1001, 700, "./cache"));
    w.run(3000, |w| {
        w.process(1001).rss_bytes = (100 + w.secs.min(900) / 5) * MIB;
    });
    insta::assert_snapshot!(w.story(), @r#"
    9m 40s: opened medium process.leak [process 1001 (cache)] cache (pid 1001) leaks memory: 216 MiB held, 110 MiB more in 9m 10s and still growing: ./cache
    17m 45s: closed medium process.leak [process 1001 (cache)] recovered
    "#);
}

#[test]
fn fd_leak_opens_after_steady_growth() {
    let mut w = World::new();
    w.add(process(1001, 700, "./opener"));
    w.run(900, |w| {
        w.process(1001).open_fds = Some(100 + w.secs as u32);
    });
    insta::assert_snapshot!(w.story(), @r#"
    9m 40s: opened medium process.fd_leak [process 1001 (opener)] opener (pid 1001) leaks open files: 680 open, 550 more in 9m 10s and still growing: ./opener
    "#);
}

#[test]
fn a_short_window_needs_no_more_turns_than_fit_into_it() {
    let mut w = World::new();
    w.config.thresholds.leak_window_secs = 30;
    w.config.thresholds.leak_min_growth_mib = 20.0;
    w.add(process(1001, 700, "./leaky"));
    w.run(60, |w| w.process(1001).rss_bytes = (100 + w.secs * 2) * MIB);
    insta::assert_snapshot!(w.story(), @r#"
    40s: opened medium process.leak [process 1001 (leaky)] leaky (pid 1001) leaks memory: 180 MiB held, 60 MiB more in 30s and still growing: ./leaky
    "#);
}

#[test]
fn shells_with_a_script_are_duplicates_like_any_program() {
    let mut w = World::new();
    for pid in 1001..=1008 {
        w.add(process(2000 + pid, 700, "watch"));
        w.add(process(pid, 2000 + pid, "sh -c ./poll.sh"));
        w.process(2000 + pid).info = crate::detect_scenario::info(|i| i.name = "runner".into());
    }
    w.rest(60);
    insta::assert_snapshot!(w.story(), @r#"
    35s: opened low process.duplicates [8 × sh -c ./poll.sh] 8 processes of one command line hold 160 MiB (1.0 % of RAM): sh -c ./poll.sh
    "#);
}
