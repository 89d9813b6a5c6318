//! What the guard never allows, whatever is asked: properties.

use hale_brain::decide::registry;
use hale_model::ProcRef;
use hale_model::action::{Action, ActionKind, Actor, CleanMeans, Decision, Risk};
use hale_model::alert::AlertKind;
use hale_model::config::Mode;
use proptest::prelude::*;

use crate::decide_guard::{Ask, MODES};
use crate::decide_world::ADA;

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
