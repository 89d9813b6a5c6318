//! The guard: what it says to everything that can be asked.

use hale_brain::decide::{GuardInput, judge, modes, registry};
use hale_model::action::{
    Action, ActionKind, ActionRecord, ActionState, Actor, CleanMeans, Decision, Risk, Verdict,
};
use hale_model::alert::{AlertKind, Severity};
use hale_model::config::{Config, Mode};
use hale_model::lesson::Lesson;
use hale_model::sample::Source;
use hale_model::snapshot::Snapshot;
use hale_model::{ProcRef, Timestamp};
use insta::assert_snapshot;
use proptest::prelude::*;

use crate::decide_world::*;

const MODES: [Mode; 4] = [Mode::Observe, Mode::Suggest, Mode::Approve, Mode::Auto];

/// A question to the guard, with everything else as usual.
struct Ask {
    snapshot: Snapshot,
    config: Config,
    mode: Mode,
    actor: Actor,
    own_uid: u32,
    alert_kind: Option<AlertKind>,
    paused_until: Option<Timestamp>,
    recent: Vec<ActionRecord>,
    in_flight: Vec<String>,
    lessons: Vec<Lesson>,
    approved: bool,
    confirmed_critical: bool,
}

/// Without the machine: it is always the same one.
impl std::fmt::Debug for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:?} {:?} own_uid {} for {:?} approved {} confirmed {} granted {:?}",
            self.mode,
            self.actor,
            self.own_uid,
            self.alert_kind,
            self.approved,
            self.confirmed_critical,
            self.config.autonomy.allow
        )
    }
}

impl Ask {
    fn new(change: impl FnOnce(&mut Ask)) -> Ask {
        let mut ask = Ask {
            snapshot: world(),
            config: Config::default(),
            mode: Mode::Auto,
            actor: Actor::Hale,
            own_uid: ADA,
            alert_kind: None,
            paused_until: None,
            recent: Vec::new(),
            in_flight: Vec::new(),
            lessons: Vec::new(),
            approved: false,
            confirmed_critical: false,
        };
        change(&mut ask);
        ask
    }

    fn judge(&self, action: &Action) -> Verdict {
        judge(&GuardInput {
            now: at(0),
            mode: self.mode,
            action,
            alert_kind: self.alert_kind.as_ref(),
            actor: &self.actor,
            own_uid: self.own_uid,
            snapshot: &self.snapshot,
            config: &self.config,
            paused_until: self.paused_until,
            recent: &self.recent,
            in_flight: &self.in_flight,
            lessons: &self.lessons,
            approved: self.approved,
            confirmed_critical: self.confirmed_critical,
        })
    }

    fn line(&self, name: &str, action: &Action) -> String {
        let verdict = self.judge(action);
        let rules: Vec<&str> = verdict.reasons.iter().map(|r| r.rule.as_str()).collect();
        format!(
            "{name:<46} {:<5} {:<8} {}\n",
            verdict.decision.as_str(),
            verdict.risk.as_str(),
            rules.join(" ")
        )
    }
}

/// Its name, what is unusual, and what is to be done.
type Case = (&'static str, Box<dyn Fn(&mut Ask)>, Action);

fn nothing(_: &mut Ask) {}

fn pids(numbers: &[i32]) -> Action {
    let snapshot = world();
    kill(numbers.iter().map(|pid| the(&snapshot, *pid)).collect())
}

fn one_of_each() -> Vec<Action> {
    let snapshot = world();
    vec![
        pids(&[700]),
        Action::ProcessPause { target: the(&snapshot, 700) },
        Action::ProcessRenice { target: the(&snapshot, 700), nice: 10 },
        restart("report.service"),
        Action::ServiceStart { unit: "report.service".to_owned() },
        Action::ServiceStop { unit: "report.service".to_owned(), invocation_id: None },
        Action::MemoryDropCaches,
        Action::DiskClean {
            mount_point: "/".to_owned(),
            means: vec![CleanMeans::PackageCache],
            target_free_percent: 15.0,
        },
        Action::Notify { message: "hello".to_owned(), severity: Severity::Low },
    ]
}

#[test]
fn each_mode_has_decided_about_each_action() {
    let mut table = String::new();
    for kind in ActionKind::ALL {
        let stances = MODES.map(|mode| match modes::stance(mode, *kind) {
            modes::Stance::Always => "always",
            modes::Stance::Never { .. } => "never",
            modes::Stance::WhenApproved => "when approved",
            modes::Stance::WhenEntitled => "when entitled",
        });
        table += &format!(
            "{:<20} {}\n",
            kind.as_str(),
            stances.map(|s| format!("{s:<14}")).concat().trim_end()
        );
    }
    assert_snapshot!(table, @r#"
process.kill         never         never         when approved when entitled
process.pause        never         never         when approved when entitled
process.renice       never         never         when approved when entitled
service.restart      never         never         when approved when entitled
service.start        never         never         when approved when entitled
service.stop         never         never         when approved when approved
memory.drop_caches   never         never         when approved when entitled
disk.clean           never         never         when approved when entitled
notify               always        always        always        always
"#);
}

#[test]
fn the_verdict_of_each_mode_on_each_action_of_the_loop() {
    let actions = one_of_each();
    assert_eq!(actions.iter().map(Action::kind).collect::<Vec<_>>(), ActionKind::ALL);
    let mut table = String::new();
    for action in &actions {
        let cells = MODES.map(|mode| {
            let verdict = Ask::new(|a| a.mode = mode).judge(action);
            format!("{:<6}", verdict.decision.as_str())
        });
        let granted = Ask::new(|a| {
            a.alert_kind = Some(AlertKind::LoadHigh);
            a.config.autonomy.allow = vec![format!("{}@load.high", action.kind())];
        });
        let verdict = granted.judge(action);
        table += &format!(
            "{:<20} {} granted: {:<6} {:<8} reversible: {:<5} touches: {}\n",
            action.kind().as_str(),
            cells.concat(),
            verdict.decision.as_str(),
            verdict.risk.as_str(),
            verdict.reversible,
            verdict.blast_radius,
        );
    }
    assert_snapshot!(table, @r#"
process.kill         deny  deny  ask   ask    granted: allow  warning  reversible: false touches: 1
process.pause        deny  deny  ask   ask    granted: allow  warning  reversible: true  touches: 1
process.renice       deny  deny  ask   ask    granted: allow  info     reversible: true  touches: 1
service.restart      deny  deny  ask   ask    granted: allow  warning  reversible: false touches: 1
service.start        deny  deny  ask   ask    granted: allow  warning  reversible: true  touches: 1
service.stop         deny  deny  ask   ask    granted: ask    critical reversible: true  touches: 1
memory.drop_caches   deny  deny  ask   ask    granted: allow  warning  reversible: false touches: 1
disk.clean           deny  deny  ask   ask    granted: allow  warning  reversible: false touches: 1
notify               allow allow allow allow  granted: allow  info     reversible: false touches: 0
"#);
}

#[test]
fn what_is_refused_to_everyone() {
    let reused = ProcRef { start_ticks: 99, ..the(&world(), 700) };
    let unseen = ProcRef { pid: 9999, start_ticks: 1, name: "ghost".to_owned() };
    let clean = |directories: &[&str]| Action::DiskClean {
        mount_point: "/data".to_owned(),
        means: vec![CleanMeans::OldFiles {
            directories: directories.iter().map(|d| (*d).to_owned()).collect(),
            older_than_secs: 1,
        }],
        target_free_percent: 15.0,
    };
    let grants = |a: &mut Ask| {
        a.config.allowlist.cleanable_paths = ["/data/tmp", "/var"].map(ToOwned::to_owned).to_vec();
    };
    let cases: Vec<Case> = vec![
        ("pid 1", Box::new(nothing), pids(&[1])),
        (
            "pid 0",
            Box::new(nothing),
            kill(vec![ProcRef { pid: 0, start_ticks: 0, name: String::new() }]),
        ),
        (
            "a negative pid",
            Box::new(nothing),
            kill(vec![ProcRef { pid: -1, start_ticks: 0, name: String::new() }]),
        ),
        ("nobody", Box::new(nothing), kill(Vec::new())),
        ("hale", Box::new(nothing), pids(&[600])),
        ("the shell hale runs in", Box::new(nothing), pids(&[500])),
        ("a kernel thread", Box::new(|a| a.own_uid = 0), pids(&[2])),
        (
            "sshd, by root",
            Box::new(|a| {
                a.own_uid = 0;
                a.snapshot.own_pids = vec![600];
            }),
            pids(&[100]),
        ),
        (
            "one of several is protected",
            Box::new(|a| a.config.allowlist.protected_pids = vec![701]),
            pids(&[700, 701]),
        ),
        (
            "a protected name with a star",
            Box::new(|a| a.config.allowlist.protected_commands = vec!["pyth*".to_owned()]),
            pids(&[700]),
        ),
        (
            "its script is not its name",
            Box::new(|a| a.config.allowlist.protected_commands = vec!["*mcp_server*".to_owned()]),
            pids(&[700]),
        ),
        ("of another user", Box::new(nothing), pids(&[800])),
        ("of another user, by root", Box::new(|a| a.own_uid = 0), pids(&[800])),
        (
            "of a granted user, by root",
            Box::new(|a| {
                a.own_uid = 0;
                a.config.allowlist.granted_users = vec!["bob".to_owned()];
            }),
            pids(&[800]),
        ),
        (
            "of a granted user, not root",
            Box::new(|a| a.config.allowlist.granted_users = vec!["bob".to_owned()]),
            pids(&[800]),
        ),
        ("never seen", Box::new(nothing), kill(vec![unseen])),
        ("its pid is reused", Box::new(nothing), kill(vec![reused])),
        ("a zombie", Box::new(nothing), pids(&[760])),
        (
            "processes could not be read",
            Box::new(|a| stale(&mut a.snapshot, Source::Process)),
            pids(&[700]),
        ),
        ("paused", Box::new(|a| a.paused_until = Some(at(1))), pids(&[700])),
        ("no longer paused", Box::new(|a| a.paused_until = Some(at(0))), pids(&[700])),
        (
            "paused, but only told",
            Box::new(|a| a.paused_until = Some(at(1))),
            Action::Notify { message: "x".to_owned(), severity: Severity::Low },
        ),
        (
            "in flight",
            Box::new(|a| a.in_flight = vec![format!("process:{}", the(&world(), 701).key())]),
            pids(&[700, 701]),
        ),
        (
            "its unit is in flight",
            Box::new(|a| a.in_flight = vec!["unit:nginx.service".to_owned()]),
            pids(&[201]),
        ),
        ("protected unit", Box::new(nothing), restart("ssh.service")),
        (
            "protected unit without its suffix",
            Box::new(|a| a.config.allowlist.protected_units = vec!["nginx".to_owned()]),
            restart("nginx.service"),
        ),
        (
            "a worker of a protected unit",
            Box::new(|a| a.config.allowlist.protected_units = vec!["nginx*".to_owned()]),
            pids(&[201]),
        ),
        (
            "a program left in the unit of a login",
            Box::new(|a| {
                a.snapshot
                    .processes
                    .iter_mut()
                    .filter(|p| p.pid == 750)
                    .for_each(in_unit("ssh.service"));
            }),
            pids(&[750]),
        ),
        (
            "the unit hale runs in",
            Box::new(|a| in_unit("nginx.service")(&mut a.snapshot.processes[6])),
            restart("nginx.service"),
        ),
        (
            "a unit started anew",
            Box::new(|a| a.snapshot.units[1].invocation_id = "run-2".to_owned()),
            restart("nginx.service"),
        ),
        ("a unit that is not loaded", Box::new(nothing), restart("gone.service")),
        (
            "units could not be read",
            Box::new(|a| stale(&mut a.snapshot, Source::Unit)),
            restart("nginx.service"),
        ),
        ("units by a star", Box::new(nothing), restart("*.service")),
        (
            "nice 20",
            Box::new(nothing),
            Action::ProcessRenice { target: the(&world(), 700), nice: 20 },
        ),
        ("old files, granted", Box::new(grants), clean(&["/data/tmp/x"])),
        ("old files, not granted", Box::new(grants), clean(&["/data"])),
        ("old files by a detour", Box::new(grants), clean(&["/data/tmp/../../etc"])),
        ("old files around a protected path", Box::new(grants), clean(&["/var"])),
        ("old files, one of two granted", Box::new(grants), clean(&["/data/tmp", "/etc"])),
        (
            "a mount that is not there",
            Box::new(nothing),
            Action::DiskClean {
                mount_point: "/mnt".to_owned(),
                means: vec![CleanMeans::PackageCache],
                target_free_percent: 15.0,
            },
        ),
        (
            "a read-only mount",
            Box::new(|a| a.snapshot.mounts[0].read_only = true),
            Action::DiskClean {
                mount_point: "/".to_owned(),
                means: vec![CleanMeans::PackageCache],
                target_free_percent: 15.0,
            },
        ),
    ];
    let table: String = cases
        .iter()
        .map(|(name, change, action)| {
            // Approved and confirmed: not even then.
            let ask = Ask::new(|a| {
                a.approved = true;
                a.confirmed_critical = true;
                change(a);
            });
            ask.line(name, action)
        })
        .collect();
    assert_snapshot!(table, @r#"
pid 1                                          deny  deny     guard.deny.pid1 guard.own_process guard.protected_pid guard.protected_command guard.not_own_user
pid 0                                          deny  deny     guard.deny.pid1 guard.target_unobserved
a negative pid                                 deny  deny     guard.deny.pid1 guard.target_unobserved
nobody                                         deny  deny     guard.argument
hale                                           deny  deny     guard.own_process
the shell hale runs in                         deny  deny     guard.own_process
a kernel thread                                deny  deny     guard.kernel_thread
sshd, by root                                  deny  deny     guard.protected_command guard.protected_unit
one of several is protected                    deny  deny     guard.protected_pid
a protected name with a star                   deny  deny     guard.protected_command
its script is not its name                     allow warning  guard.approved
of another user                                deny  deny     guard.not_own_user
of another user, by root                       deny  deny     guard.not_own_user
of a granted user, by root                     allow warning  guard.approved
of a granted user, not root                    deny  deny     guard.not_own_user
never seen                                     deny  warning  guard.target_unobserved
its pid is reused                              deny  deny     guard.pid_reused
a zombie                                       deny  deny     guard.target_unobserved
processes could not be read                    deny  warning  guard.target_unobserved
paused                                         deny  warning  guard.paused
no longer paused                               allow warning  guard.approved
paused, but only told                          allow info     guard.tells_only
in flight                                      deny  warning  guard.in_flight
its unit is in flight                          deny  warning  guard.in_flight
protected unit                                 deny  deny     guard.protected_unit guard.own_process guard.protected_command
protected unit without its suffix              deny  deny     guard.protected_unit
a worker of a protected unit                   deny  deny     guard.protected_unit
a program left in the unit of a login          allow warning  guard.approved
the unit hale runs in                          deny  deny     guard.own_process
a unit started anew                            deny  deny     guard.unit_changed
a unit that is not loaded                      deny  warning  guard.target_unobserved
units could not be read                        deny  warning  guard.target_unobserved
units by a star                                deny  deny     guard.argument guard.target_unobserved
nice 20                                        deny  deny     guard.argument
old files, granted                             allow warning  guard.approved
old files, not granted                         deny  deny     guard.path_not_granted
old files by a detour                          deny  deny     guard.protected_path
old files around a protected path              deny  deny     guard.protected_path
old files, one of two granted                  deny  deny     guard.protected_path guard.path_not_granted
a mount that is not there                      deny  warning  guard.target_unobserved
a read-only mount                              deny  deny     guard.argument
"#);
}

#[test]
fn a_whole_group_is_judged_by_its_worst_member() {
    let group = |pid| Action::ProcessKill {
        targets: vec![the(&world(), pid)],
        grace_secs: 1,
        force: false,
        group: true,
    };
    let mut table = Ask::new(nothing).line("its own group", &group(750));
    for (name, pid) in [("hale joins it", 600), ("bob joins it", 800), ("sshd joins it", 100)] {
        let ask = Ask::new(|a| {
            a.snapshot.processes.iter_mut().filter(|p| p.pid == pid).for_each(|p| p.pgid = 749);
        });
        table += &ask.line(name, &group(750));
    }
    assert_snapshot!(table, @r#"
its own group                                  ask   warning  guard.autonomy.none
hale joins it                                  deny  deny     guard.own_process
bob joins it                                   deny  deny     guard.not_own_user
sshd joins it                                  deny  deny     guard.own_process guard.protected_command guard.protected_unit guard.not_own_user
"#);
    assert_eq!(Ask::new(nothing).judge(&group(750)).blast_radius, 2);
}

#[test]
fn what_auto_does_alone() {
    let storm = |a: &mut Ask| a.alert_kind = Some(AlertKind::ProcessGhostStorm);
    let failed = |a: &mut Ask| a.alert_kind = Some(AlertKind::ServiceFailed);
    let listed = |a: &mut Ask| {
        a.alert_kind = Some(AlertKind::ServiceFailed);
        a.config.allowlist.restartable_units = vec!["rep*".to_owned()];
    };
    let leak = |a: &mut Ask| a.alert_kind = Some(AlertKind::ProcessLeak);
    let lesson = |approved: u32, withdrawn: Option<&str>| Lesson {
        alert_kind: AlertKind::ProcessLeak,
        action_kind: ActionKind::ProcessKill,
        target_class: "python3 mcp_server.py --port #".to_owned(),
        successes: approved,
        approved_successes: approved,
        failures: 0,
        last_at: at(-10),
        withdrawn: withdrawn.map(ToOwned::to_owned),
    };
    let before = |state: ActionState, times: usize| {
        vec![done(pids(&[700]), AlertKind::ProcessGhostStorm, state); times]
    };
    let cases: Vec<Case> = vec![
        ("orphans of a storm", Box::new(storm), pids(&[700, 701])),
        ("one of the storm has its parent", Box::new(storm), pids(&[700, 750])),
        (
            "a storm in another container",
            Box::new(move |a| {
                storm(a);
                info(&mut a.snapshot.processes[8]).container = Some("c0ffee".to_owned());
            }),
            pids(&[700]),
        ),
        (
            "a storm in hale's own container",
            Box::new(move |a| {
                storm(a);
                for p in &mut a.snapshot.processes {
                    info(p).container = Some("c0ffee".to_owned());
                }
            }),
            pids(&[700]),
        ),
        (
            "a storm within a service",
            Box::new(move |a| {
                storm(a);
                in_unit("app.service")(&mut a.snapshot.processes[8]);
            }),
            pids(&[700]),
        ),
        (
            "a storm within a login",
            Box::new(move |a| {
                storm(a);
                info(&mut a.snapshot.processes[8]).unit = Some("user@1000.service".to_owned());
            }),
            pids(&[700]),
        ),
        (
            "a storm of a granted user",
            Box::new(move |a| {
                storm(a);
                a.own_uid = 0;
                a.config.allowlist.granted_users = vec!["ada".to_owned()];
            }),
            pids(&[700]),
        ),
        (
            "more than one action may signal",
            Box::new(move |a| {
                storm(a);
                a.config.autonomy.max_kills_per_action = 1;
            }),
            pids(&[700, 701]),
        ),
        ("the same kill for no alert", Box::new(nothing), pids(&[700])),
        ("a failed unit", Box::new(failed), restart("report.service")),
        ("a failed unit that is listed", Box::new(listed), restart("report.service")),
        ("a leak", Box::new(leak), pids(&[700])),
        (
            "a leak, granted",
            Box::new(move |a| {
                leak(a);
                a.config.autonomy.allow = vec!["process.kill@process.leak".to_owned()];
            }),
            pids(&[700]),
        ),
        (
            "a leak, granted for another alert",
            Box::new(move |a| {
                leak(a);
                a.config.autonomy.allow = vec!["process.kill@process.fd_leak".to_owned()];
            }),
            pids(&[700]),
        ),
        (
            "a leak of a main process, granted",
            Box::new(move |a| {
                leak(a);
                a.own_uid = 0;
                a.config.autonomy.allow = vec!["process.kill@process.leak".to_owned()];
            }),
            pids(&[200]),
        ),
        (
            "a shell somebody sits in, granted",
            Box::new(move |a| {
                leak(a);
                a.config.autonomy.allow = vec!["process.kill@process.leak".to_owned()];
            }),
            pids(&[650]),
        ),
        (
            "a leak, earned",
            Box::new(move |a| {
                leak(a);
                a.lessons = vec![lesson(3, None)];
            }),
            pids(&[700]),
        ),
        (
            "a leak, not yet earned",
            Box::new(move |a| {
                leak(a);
                a.lessons = vec![lesson(2, None)];
            }),
            pids(&[700]),
        ),
        (
            "a leak, earned, but never by config",
            Box::new(move |a| {
                leak(a);
                a.lessons = vec![lesson(9, None)];
                a.config.autonomy.earn_after = 0;
            }),
            pids(&[700]),
        ),
        (
            "a leak, earned by another class",
            Box::new(move |a| {
                leak(a);
                a.lessons = vec![lesson(3, None)];
            }),
            pids(&[750]),
        ),
        (
            "a leak, withdrawn",
            Box::new(move |a| {
                leak(a);
                a.lessons = vec![lesson(3, Some("it came back"))];
            }),
            pids(&[700]),
        ),
        (
            "20 actions in this hour",
            Box::new(move |a| {
                storm(a);
                a.recent =
                    vec![done(pids(&[750]), AlertKind::ProcessLeak, ActionState::Succeeded); 20];
            }),
            pids(&[700]),
        ),
        (
            "20 of people",
            Box::new(move |a| {
                storm(a);
                a.recent =
                    vec![done(pids(&[750]), AlertKind::ProcessLeak, ActionState::Succeeded); 20];
                for r in &mut a.recent {
                    r.requested_by = Actor::User { uid: ADA };
                }
            }),
            pids(&[700]),
        ),
        (
            "20 more than an hour ago",
            Box::new(move |a| {
                storm(a);
                a.recent =
                    vec![done(pids(&[750]), AlertKind::ProcessLeak, ActionState::Succeeded); 20];
                for r in &mut a.recent {
                    r.intended_at = Some(at(-3600));
                }
            }),
            pids(&[700]),
        ),
        (
            "the third time this hour",
            Box::new(move |a| {
                storm(a);
                a.recent = before(ActionState::Succeeded, 2);
            }),
            pids(&[700]),
        ),
        (
            "the fourth time this hour",
            Box::new(move |a| {
                storm(a);
                a.recent = before(ActionState::Succeeded, 3);
            }),
            pids(&[700]),
        ),
        (
            "after a failure",
            Box::new(move |a| {
                storm(a);
                a.recent = before(ActionState::Failed, 1);
            }),
            pids(&[700]),
        ),
    ];
    let table: String = cases
        .iter()
        .map(|(name, change, action)| Ask::new(|a| change(a)).line(name, action))
        .collect();
    assert_snapshot!(table, @r#"
orphans of a storm                             allow warning  guard.autonomy.safe_pair
one of the storm has its parent                ask   warning  guard.autonomy.condition
a storm in another container                   ask   warning  guard.autonomy.condition
a storm in hale's own container                allow warning  guard.autonomy.safe_pair
a storm within a service                       ask   warning  guard.autonomy.condition
a storm within a login                         allow warning  guard.autonomy.safe_pair
a storm of a granted user                      ask   warning  guard.autonomy.condition
more than one action may signal                ask   critical guard.critical_needs_yes guard.blast_radius
the same kill for no alert                     ask   warning  guard.autonomy.none
a failed unit                                  ask   warning  guard.autonomy.condition
a failed unit that is listed                   allow warning  guard.autonomy.safe_pair
a leak                                         ask   warning  guard.autonomy.none
a leak, granted                                allow warning  guard.autonomy.granted
a leak, granted for another alert              ask   warning  guard.autonomy.none
a leak of a main process, granted              ask   critical guard.critical_needs_yes guard.unit_main_process
a shell somebody sits in, granted              ask   critical guard.critical_needs_yes guard.session_leader
a leak, earned                                 allow warning  guard.autonomy.earned
a leak, not yet earned                         ask   warning  guard.autonomy.none
a leak, earned, but never by config            ask   warning  guard.autonomy.none
a leak, earned by another class                ask   warning  guard.autonomy.none
a leak, withdrawn                              ask   warning  guard.autonomy.withdrawn
20 actions in this hour                        ask   warning  guard.rate_limit
20 of people                                   allow warning  guard.autonomy.safe_pair
20 more than an hour ago                       allow warning  guard.autonomy.safe_pair
the third time this hour                       allow warning  guard.autonomy.safe_pair
the fourth time this hour                      ask   warning  guard.repeated
after a failure                                ask   warning  guard.failed_before
"#);
}

#[test]
fn what_a_person_may_do() {
    let ada = |a: &mut Ask| a.actor = Actor::User { uid: ADA };
    let yes = |a: &mut Ask| {
        a.actor = Actor::User { uid: ADA };
        a.confirmed_critical = true;
    };
    let root = |a: &mut Ask| {
        a.actor = Actor::User { uid: 0 };
        a.own_uid = 0;
    };
    let bob_of_roots = |a: &mut Ask| {
        a.actor = Actor::User { uid: 1001 };
        a.own_uid = 0;
    };
    let cases: Vec<Case> = vec![
        (
            "her own, in observe mode",
            Box::new(move |a| {
                ada(a);
                a.mode = Mode::Observe;
            }),
            pids(&[750]),
        ),
        (
            "her own, after many actions",
            Box::new(move |a| {
                ada(a);
                a.recent =
                    vec![done(pids(&[750]), AlertKind::ProcessLeak, ActionState::Failed); 99];
            }),
            pids(&[750]),
        ),
        (
            "while paused",
            Box::new(move |a| {
                ada(a);
                a.paused_until = Some(at(1));
            }),
            pids(&[750]),
        ),
        ("her other shell", Box::new(ada), pids(&[650])),
        ("her other shell, YES typed", Box::new(yes), pids(&[650])),
        ("her own shell, YES typed", Box::new(yes), pids(&[500])),
        ("bob's", Box::new(yes), pids(&[800])),
        ("bob's, by root", Box::new(root), pids(&[800])),
        ("bob's, by bob, hale run by root", Box::new(bob_of_roots), pids(&[800])),
        ("ada's, by bob, hale run by root", Box::new(bob_of_roots), pids(&[700])),
        (
            "bob's, by root, hale run by ada",
            Box::new(|a| a.actor = Actor::User { uid: 0 }),
            pids(&[800]),
        ),
        ("a service, by bob, hale run by root", Box::new(bob_of_roots), restart("nginx.service")),
        ("a service, by root", Box::new(root), restart("nginx.service")),
        (
            "stop a service, by root",
            Box::new(root),
            Action::ServiceStop { unit: "nginx.service".to_owned(), invocation_id: None },
        ),
        ("the main process of a service, by root", Box::new(root), pids(&[200])),
    ];
    let table: String = cases
        .iter()
        .map(|(name, change, action)| Ask::new(|a| change(a)).line(name, action))
        .collect();
    assert_snapshot!(table, @r#"
her own, in observe mode                       allow warning  guard.person
her own, after many actions                    allow warning  guard.person
while paused                                   deny  warning  guard.paused
her other shell                                ask   critical guard.critical_needs_yes guard.session_leader
her other shell, YES typed                     allow critical guard.person guard.session_leader
her own shell, YES typed                       deny  deny     guard.own_process
bob's                                          deny  deny     guard.not_own_user
bob's, by root                                 allow warning  guard.person
bob's, by bob, hale run by root                allow warning  guard.person
ada's, by bob, hale run by root                deny  deny     guard.not_own_user
bob's, by root, hale run by ada                deny  deny     guard.not_own_user
a service, by bob, hale run by root            deny  deny     guard.not_own_user
a service, by root                             allow warning  guard.person
stop a service, by root                        ask   critical guard.critical_needs_yes
the main process of a service, by root         ask   critical guard.critical_needs_yes guard.unit_main_process
"#);
}

#[test]
fn an_approval_lets_it_through_where_the_mode_acts_at_all() {
    let stop = Action::ServiceStop { unit: "nginx.service".to_owned(), invocation_id: None };
    let mut table = String::new();
    for mode in MODES {
        for confirmed in [false, true] {
            let ask = Ask::new(|a| {
                a.mode = mode;
                a.approved = true;
                a.confirmed_critical = confirmed;
            });
            let name = format!("{}, YES typed: {confirmed}", mode.as_str());
            table += &ask.line(&format!("kill in {name}"), &pids(&[700]));
            table += &ask.line(&format!("stop in {name}"), &stop);
        }
    }
    assert_snapshot!(table, @r#"
kill in observe, YES typed: false              deny  warning  guard.mode.observe
stop in observe, YES typed: false              deny  critical guard.mode.observe
kill in observe, YES typed: true               deny  warning  guard.mode.observe
stop in observe, YES typed: true               deny  critical guard.mode.observe
kill in suggest, YES typed: false              deny  warning  guard.mode.suggest
stop in suggest, YES typed: false              deny  critical guard.mode.suggest
kill in suggest, YES typed: true               deny  warning  guard.mode.suggest
stop in suggest, YES typed: true               deny  critical guard.mode.suggest
kill in approve, YES typed: false              allow warning  guard.approved
stop in approve, YES typed: false              ask   critical guard.critical_needs_yes
kill in approve, YES typed: true               allow warning  guard.approved
stop in approve, YES typed: true               allow critical guard.approved
kill in auto, YES typed: false                 allow warning  guard.approved
stop in auto, YES typed: false                 ask   critical guard.critical_needs_yes
kill in auto, YES typed: true                  allow warning  guard.approved
stop in auto, YES typed: true                  allow critical guard.approved
"#);
}

#[test]
fn safe_pairs_are_those_of_the_contract() {
    let pairs: Vec<String> = registry::SAFE_PAIRS
        .iter()
        .map(|p| format!("{} if {:?}", registry::pair_name(p.action, &p.alert), p.condition))
        .collect();
    assert_snapshot!(pairs.join("\n"), @r#"
process.kill@process.ghost_storm if OwnOrphans
service.restart@service.failed if RestartableUnit
"#);
}

fn any_action() -> impl Strategy<Value = Action> {
    let target = (
        prop_oneof![
            Just(-1),
            Just(0),
            Just(1),
            Just(2),
            Just(100),
            Just(200),
            Just(500),
            Just(600),
            Just(700),
            Just(701),
            Just(750),
            Just(760),
            Just(800),
            any::<i32>()
        ],
        any::<bool>(),
    )
        .prop_map(|(pid, right)| ProcRef {
            pid,
            start_ticks: if right { 1000_i64.saturating_add(i64::from(pid)) as u64 } else { 7 },
            name: "x".to_owned(),
        });
    let unit = prop_oneof![
        Just("ssh.service"),
        Just("nginx.service"),
        Just("report.service"),
        Just("user@1000.service"),
        Just("*"),
        Just("")
    ]
    .prop_map(ToOwned::to_owned);
    let path = prop_oneof![
        Just("/etc"),
        Just("/"),
        Just("/data/tmp"),
        Just("/data/tmp/../../etc"),
        Just("relative"),
        Just("")
    ]
    .prop_map(ToOwned::to_owned);
    prop_oneof![
        (prop::collection::vec(target.clone(), 0..4), any::<bool>(), any::<bool>()).prop_map(
            |(targets, force, group)| Action::ProcessKill { targets, grace_secs: 1, force, group }
        ),
        target.clone().prop_map(|target| Action::ProcessPause { target }),
        (target, -30..30).prop_map(|(target, nice)| Action::ProcessRenice { target, nice }),
        unit.clone().prop_map(|unit| Action::ServiceRestart { unit, invocation_id: None }),
        unit.clone().prop_map(|unit| Action::ServiceStart { unit }),
        unit.prop_map(|unit| Action::ServiceStop { unit, invocation_id: None }),
        Just(Action::MemoryDropCaches),
        (prop::collection::vec(path, 0..3), any::<f64>()).prop_map(|(directories, percent)| {
            Action::DiskClean {
                mount_point: "/data".to_owned(),
                means: vec![CleanMeans::OldFiles { directories, older_than_secs: 0 }],
                target_free_percent: percent,
            }
        }),
    ]
}

prop_compose! {
    fn any_ask()(
        mode in prop::sample::select(MODES.to_vec()),
        by_person in prop::option::of(prop::sample::select(vec![0_u32, ADA, 1001])),
        own_uid in prop::sample::select(vec![0_u32, ADA]),
        kind in prop::option::of(prop::sample::select(AlertKind::BUILT_IN.to_vec())),
        granted in prop::sample::subsequence(ActionKind::ALL.to_vec(), 0..ActionKind::ALL.len()),
        approved in any::<bool>(),
        confirmed in any::<bool>(),
    ) -> Ask {
        Ask::new(|a| {
            a.mode = mode;
            a.actor = by_person.map_or(Actor::Hale, |uid| Actor::User { uid });
            a.own_uid = own_uid;
            a.config.autonomy.allow = granted
                .iter()
                .flat_map(|action| kind.iter().map(|k| registry::pair_name(*action, k)))
                .collect();
            a.config.allowlist.cleanable_paths = vec!["/data/tmp".to_owned(), "/etc".to_owned()];
            a.config.allowlist.granted_users = vec!["ada".to_owned(), "bob".to_owned(), "root".to_owned()];
            a.config.allowlist.restartable_units = vec!["*".to_owned()];
            a.alert_kind = kind;
            a.approved = approved;
            a.confirmed_critical = confirmed;
        })
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever is granted, approved or confirmed, by whomever, in whatever mode.
    #[test]
    fn what_is_out_of_bounds_is_never_touched(ask in any_ask(), action in any_action()) {
        let verdict = ask.judge(&action);
        prop_assert_eq!(&verdict, &ask.judge(&action), "the same question has one answer");
        prop_assert!(!verdict.reasons.is_empty());
        if verdict.decision == Decision::Allow {
            prop_assert!(verdict.risk < Risk::Deny);
            for process in registry::signalled(&action, &ask.snapshot) {
                prop_assert!(process.pid > 2 && process.pid != 100, "{action:?}");
                prop_assert!(!ask.snapshot.own_pids.contains(&process.pid), "{action:?}");
            }
            for target in action.processes() {
                prop_assert!(ask.snapshot.living(target).is_some(), "unobserved: {action:?}");
            }
            for key in action.target_keys() {
                prop_assert!(key != "unit:ssh.service" && key != "unit:user@1000.service");
            }
            if let Action::DiskClean { means, .. } = &action {
                let means = format!("{means:?}");
                prop_assert!(!means.contains("etc"));
            }
            prop_assert!(
                ask.actor != Actor::Hale || matches!(ask.mode, Mode::Approve | Mode::Auto),
                "hale acts in {:?}", ask.mode
            );
            prop_assert!(verdict.risk < Risk::Critical || ask.confirmed_critical, "{action:?}");
        }
    }
}
