//! The life of an alert: what opens, keeps, closes and reopens it.

use hale_brain::detect::{AlertBook, AlertChange, BrainMemory, Orient, Rules};
use hale_model::alert::AlertState;
use hale_model::sample::{Source, SourceState};

use crate::detect_scenario::{GIB, MEMORY, MIB, World, fill, process};

fn only_id(w: &World) -> hale_model::AlertId {
    let ids: Vec<_> = w.book.open().map(|a| a.id.clone()).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    ids[0].clone()
}

fn full(w: &mut World) {
    fill(w.mount("/tmp"), GIB * 92 / 100);
}

fn empty(w: &mut World) {
    fill(w.mount("/tmp"), GIB / 10);
}

#[test]
fn stale_data_never_closes_an_alert() {
    let mut w = World::new();
    w.run(10, full);
    w.source(Source::Disk, SourceState::Stale);
    w.config.thresholds.disk_min_free_percent = 10.0;
    w.run(600, empty);
    assert!(!w.story().contains("closed high disk.space"));
    w.source(Source::Disk, SourceState::Fresh);
    w.run(20, empty);
    insta::assert_snapshot!(w.story(), @r#"
10m 25s: closed medium source.stale [source disk] recovered
10m 25s: closed high disk.space [/tmp] recovered
"#);
}

#[test]
fn vanished_mount_closes_as_gone() {
    let mut w = World::new();
    w.run(10, full);
    w.now.mounts.retain(|m| m.mount_point != "/tmp");
    w.rest(5);
    insta::assert_snapshot!(w.story(), @r#"
5s: opened high disk.space [/tmp] /tmp has 8.0 % free (82 MiB of 1.0 GiB)
15s: closed high disk.space [/tmp] gone
"#);
}

#[test]
fn alert_that_comes_back_soon_is_the_same_one_and_needs_longer_to_close() {
    let mut w = World::new();
    for _ in 0..3 {
        w.run(10, full);
        w.run(60, empty);
    }
    w.run(700, empty);
    w.run(10, full);
    insta::assert_snapshot!(w.story(), @r#"
5s: opened high disk.space [/tmp] /tmp has 8.0 % free (82 MiB of 1.0 GiB)
25s: closed high disk.space [/tmp] recovered
1m 15s: reopened high disk.space [/tmp] flaps 1
1m 50s: closed high disk.space [/tmp] recovered
2m 25s: reopened high disk.space [/tmp] flaps 2
3m 15s: closed high disk.space [/tmp] recovered
15m 15s: opened high disk.space [/tmp] /tmp has 8.0 % free (82 MiB of 1.0 GiB)
"#);
}

#[test]
fn acknowledged_stays_acknowledged_unless_it_gets_worse() {
    let mut w = World::new();
    w.run(10, full);
    let id = only_id(&w);
    assert_eq!(w.book.acknowledge(&id).expect("open").state, AlertState::Acknowledged);
    w.run(60, full);
    assert_eq!(w.book.get(&id).expect("there").state, AlertState::Acknowledged);
    w.run(10, |w| fill(w.mount("/tmp"), GIB * 98 / 100));
    assert_eq!(w.book.get(&id).expect("there").state, AlertState::Open);
    insta::assert_snapshot!(w.story(), @r#"
5s: opened high disk.space [/tmp] /tmp has 8.0 % free (82 MiB of 1.0 GiB)
1m 15s: escalated critical disk.space [/tmp] /tmp has 2.0 % free (20 MiB of 1.0 GiB)
"#);
}

#[test]
fn closed_by_a_person_stays_closed_while_the_condition_lasts() {
    let mut w = World::new();
    w.run(10, full);
    let id = only_id(&w);
    let closed = w.book.close(&id, w.now.collected_at, "known, ordered a disk").expect("open");
    assert_eq!(closed.state, AlertState::Closed);
    assert_eq!(w.book.close(&id, w.now.collected_at, "again"), None);
    w.run(1800, full);
    w.run(30, empty);
    w.run(10, full);
    insta::assert_snapshot!(w.story(), @r#"
5s: opened high disk.space [/tmp] /tmp has 8.0 % free (82 MiB of 1.0 GiB)
30m 45s: opened high disk.space [/tmp] /tmp has 8.0 % free (82 MiB of 1.0 GiB)
"#);
}

#[test]
fn an_action_gives_its_reason_to_an_alert_that_closed_with_it() {
    let mut w = World::new();
    w.add(process(1001, 1, "python3 burn.py"));
    w.orphan(1001, "make");
    w.run(80, |w| w.process(1001).cpu_percent = Some(60.0));
    let id = only_id(&w);
    w.remove(1001);
    w.rest(5);
    let closed = w.book.close(&id, w.now.collected_at, "acted").expect("just closed");
    assert_eq!(closed.close_reason.as_deref(), Some("acted"));
}

#[test]
fn a_jump_of_the_wall_clock_opens_and_closes_nothing() {
    let mut w = World::new();
    w.run(20, |w| w.set_memory(MEMORY * 85 / 100));
    w.now.collected_at += jiff::SignedDuration::from_hours(5);
    w.run(5, |w| w.set_memory(MEMORY * 85 / 100));
    assert_eq!(w.story(), "");
    w.run(20, |w| w.set_memory(MEMORY * 85 / 100));
    w.now.collected_at -= jiff::SignedDuration::from_hours(48);
    w.run(60, |w| w.set_memory(MEMORY * 85 / 100));
    insta::assert_snapshot!(w.story(), @r#"
35s: opened high memory.high [machine] RAM 85 % in use, 2.4 GiB of 16 GiB left; most of it: systemd (1) 20 MiB, sshd (700) 20 MiB, postgres (800) 20 MiB
"#);
}

#[test]
fn what_was_pending_before_the_machine_slept_starts_anew() {
    let mut w = World::new();
    w.run(20, |w| w.set_memory(MEMORY * 85 / 100));
    w.now.boottime_ns += 8 * 3600 * 1_000_000_000;
    w.run(20, |w| w.set_memory(MEMORY * 85 / 100));
    assert_eq!(w.story(), "");
}

#[test]
fn restart_of_the_agent_keeps_what_is_open_although_a_leak_takes_long_to_see() {
    let mut w = World::new();
    w.add(process(1001, 700, "./leaky"));
    let leak = |w: &mut World| w.process(1001).rss_bytes = (100 + w.secs / 4) * MIB;
    w.run(900, leak);
    w.run(10, full);
    let open: Vec<_> = w.book.open().cloned().collect();
    assert_eq!(open.len(), 2);
    // Killed: nothing but the alerts was stored.
    w.book = AlertBook::new(open);
    w.orient = Orient::new(Rules::built_in(), BrainMemory::default());
    w.run(1200, |w| {
        leak(w);
        full(w);
    });
    insta::assert_snapshot!(w.story(), @r#"
9m 40s: opened medium process.leak [process 1001 (leaky)] leaky (pid 1001) leaks memory: 245 MiB held, 137 MiB more in 9m 10s and still growing: ./leaky
15m 5s: opened high disk.space [/tmp] /tmp has 8.0 % free (82 MiB of 1.0 GiB)
"#);
}

#[test]
fn updates_are_told_only_when_something_matters() {
    let mut w = World::new();
    let mut changes = Vec::new();
    w.rest(5);
    for turn in 0..600_u64 {
        w.now.boottime_ns += 5_000_000_000;
        let used = GIB * 91 / 100 + turn % 7 * MIB;
        fill(w.mount("/tmp"), used);
        let found = w.orient.turn(&w.now, &w.config).findings;
        changes.extend(w.book.step(&w.now, &found, &w.config));
    }
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert!(matches!(changes[0], AlertChange::Opened(_)));
}

#[test]
fn same_inputs_give_same_outputs() {
    let play = || {
        let mut w = World::new();
        for pid in 1001..=1040 {
            w.add(process(pid, 1, if pid % 2 == 0 { "node a.js" } else { "node b.js" }));
            w.orphan(pid, "node");
            w.process(pid).rss_bytes = 50 * MIB;
        }
        w.run(1200, |w| {
            let noise = w.random();
            w.process(1001).rss_bytes = (100 + w.secs / 4) * MIB;
            w.now.system.load5 = Some(8.0 + noise);
            full(w);
        });
        let open: Vec<_> = w.book.open().cloned().collect();
        let memory = serde_json::to_string(&w.orient.memory()).expect("JSON");
        (w.story(), open, w.last.take(), memory)
    };
    assert_eq!(play(), play());
}

#[test]
fn a_second_kill_reopens_an_alert_that_a_person_closed() {
    let mut w = World::new();
    let kill = |w: &mut World, pid: i32| {
        w.run(5, |w| {
            w.kernel_says(&format!(
                "Out of memory: Killed process {pid} (hog) total-vm:9kB, anon-rss:8kB"
            ));
        });
    };
    w.rest(10);
    kill(&mut w, 41);
    let id = only_id(&w);
    assert!(w.book.close(&id, w.now.collected_at, "seen").is_some());
    w.rest(60);
    kill(&mut w, 42);
    insta::assert_snapshot!(w.story(), @r#"
    15s: opened critical kernel.oom [machine] The kernel killed 41 (hog) for want of memory (machine)
    1m 20s: reopened critical kernel.oom [machine] flaps 1
    "#);
}

#[test]
fn orient_may_move_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<Orient>();
    is_send::<AlertBook>();
}
