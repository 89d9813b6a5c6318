//! Whatever comes in, nothing panics and what comes out keeps its promises.

use std::sync::Arc;

use hale_brain::detect::{AlertBook, BrainMemory, Orient, Rules, health_of};
use hale_model::config::Config;
use hale_model::sample::{JournalEntry, OriginalParent, ParentKnownBy, SourceState, UnitStat};
use hale_model::snapshot::{Mount, Process, Snapshot};
use proptest::prelude::*;

use crate::detect_scenario::{World, info};

fn number() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        Just(None),
        (0.0..200.0).prop_map(Some),
        prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(-1.0), Just(1e300)].prop_map(Some),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{0,8}", "\\PC{0,20}", Just("claude".to_owned()), Just("node".to_owned())]
}

prop_compose! {
    fn any_process()(
        pid in -1..40_i32, start in 0..5_u64, ppid in -1..40_i32, age in 0.0..1e7_f64,
        state in prop_oneof![Just('S'), Just('Z'), Just('R')], cpu in number(), rss in any::<u64>(),
        fds in any::<Option<u32>>(), name in text(), cmdline in text(), parent in any::<bool>(),
        cgroup in text(), unit in any::<bool>(),
    ) -> Process {
        let mut p = crate::detect_scenario::process(pid, ppid, &cmdline);
        p.start_ticks = start;
        p.age_secs = age;
        p.state = state;
        p.cpu_percent = cpu;
        p.mem_percent = cpu;
        p.rss_bytes = rss;
        p.open_fds = fds;
        p.original_parent = parent.then(|| Arc::new(OriginalParent {
            process: None, name: name.clone(), cmdline: cmdline.clone(),
            known_by: ParentKnownBy::Trace,
        }));
        p.info = info(|i| {
            i.name = name;
            i.cmdline = cmdline;
            i.cgroup = Some(cgroup);
            i.unit = unit.then(|| "x.service".to_owned());
        });
        p
    }
}

prop_compose! {
    fn any_snapshot()(
        processes in prop::collection::vec(any_process(), 0..40),
        percent in number(), load in number(), bytes in any::<Option<u64>>(),
        states in prop::collection::vec(0..3_u8, 8), boottime_ns in any::<u64>(),
        wall in -1_000_000..4_000_000_000_i64,
        mounts in prop::collection::vec((text(), any::<u64>(), any::<u64>(), number()), 0..4),
        journal in prop::collection::vec((text(), any::<u8>(), any::<bool>(), "\\PC{0,80}"), 0..20),
        units in prop::collection::vec((text(), text(), any::<u32>()), 0..4),
    ) -> Snapshot {
        let mut s = World::new().now;
        s.processes = processes;
        s.processes.sort_by_key(|p| p.pid);
        s.system.mem_used_percent = percent;
        s.system.mem_total_bytes = bytes;
        s.system.mem_used_bytes = bytes.map(|b| b / 2);
        s.system.load5 = load;
        s.system.cpu_total = load;
        s.system.oom_kills = bytes;
        s.boottime_ns = boottime_ns;
        s.collected_at = jiff::Timestamp::from_second(wall).expect("in range");
        for (status, state) in s.sources.iter_mut().zip(states) {
            status.state = match state {
                0 => SourceState::Fresh,
                1 => SourceState::Stale,
                _ => SourceState::Absent,
            };
        }
        s.mounts = mounts.into_iter().map(|(mount_point, total, used, free)| Mount {
            mount_point, total_bytes: total, used_bytes: used, available_bytes: total / 3,
            free_percent: free.unwrap_or(0.0), inode_free_percent: free, ..Mount::default()
        }).collect();
        let now = s.collected_at;
        s.journal = journal.into_iter().map(|(identifier, priority, kernel, message)| JournalEntry {
            logged_at: now, priority, unit: None, identifier, pid: None, kernel, message,
        }).collect();
        s.units = units.into_iter().map(|(unit, active_state, restarts)| UnitStat {
            unit, active_state, restarts, ..UnitStat::default()
        }).collect();
        s
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_snapshot_makes_a_turn_panic(snapshots in prop::collection::vec(any_snapshot(), 1..6)) {
        let mut config = Config::default();
        config.thresholds.zombie_timeout_secs = 0;
        config.thresholds.orphan_for_secs = 0;
        let mut orient = Orient::new(Rules::built_in(), BrainMemory::default());
        let mut book = AlertBook::new(Vec::new());
        for snapshot in &snapshots {
            let orientation = orient.turn(snapshot, &config);
            for finding in &orientation.findings {
                prop_assert!(!finding.evidence.is_empty());
                prop_assert!(!finding.summary.chars().any(char::is_control));
            }
            for prediction in &orientation.predictions {
                prop_assert!((0.0..=1.0).contains(&prediction.confidence));
            }
            book.step(snapshot, &orientation.findings, &config);
            let open: Vec<_> = book.open().collect();
            let health = health_of(snapshot, &open, &config);
            prop_assert!((0.0..=1.0).contains(&health.score));
            let json = serde_json::to_string(&orient.memory()).expect("memory is JSON");
            prop_assert!(serde_json::from_str::<BrainMemory>(&json).is_ok(), "{json}");
        }
    }

    #[test]
    fn no_text_makes_the_loader_panic(text in "\\PC{0,300}") {
        let _ = Rules::with_user_rules(&[("x".to_owned(), text)]);
    }

    #[test]
    fn no_expression_makes_the_loader_panic(
        parts in prop::collection::vec(prop_oneof![
            Just("("), Just(")"), Just("["), Just("]"), Just("{"), Just("}"), Just("!"), Just("-"),
            Just("?"), Just(":"), Just("&&"), Just("||"), Just("+"), Just("."), Just("system"),
            Just("load1"), Just(" 1 "), Just(" 1.0 "), Just("'a'"), Just(" in "), Just(".all(x, "),
            Just("%"), Just(">"), Just("=="), Just("\\n"), Just("has("), Just("@"), Just("\\\""),
        ], 0..120)
    ) {
        let text = format!(
            "kind = \"a\"\nseverity = \"low\"\nmessage = {{ en = \"x\" }}\nwhen = \"{}\"\n",
            parts.concat()
        );
        let (_, errors) = Rules::with_user_rules(&[("x".to_owned(), text)]);
        for error in errors {
            prop_assert!(error.line >= 1);
        }
    }
}
