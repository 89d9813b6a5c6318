//! What was refused is on record: who wanted what, and why it did not happen.

use hale_model::action::{Action, Actor, Decision, Risk, Verdict};
use hale_model::api::{Command as Wish, ErrorKind, Query, View};
use hale_model::config::Mode;
use hale_model::run::{AskPlan, AskStep, PlanOrigin};
use hale_model::{PlanId, Timestamp};
use serde_json::Value;

use crate::isolated::isolated;
use crate::world::{World, me};

/// Actor, kind, subject and details of what is on record, the oldest first.
async fn record(world: &World) -> Vec<(String, String, String, Value)> {
    let View::Audit(entries) = world.handle.query(Query::Audit { limit: 0 }).await.unwrap() else {
        panic!("audit gave another answer")
    };
    let read = |details: &str| serde_json::from_str(details).unwrap();
    entries
        .iter()
        .map(|e| (e.actor.clone(), e.kind.clone(), e.subject.clone(), read(&e.details)))
        .collect()
}

/// A question about something critical, which nobody says yes to here.
async fn critical_question(world: &World) -> hale_model::ApprovalId {
    let action = Action::CommandRun {
        command: "rm -rf /srv/hale-test-of-refusals".to_owned(),
        working_dir: Some("/".to_owned()),
        timeout_secs: 5,
    };
    let proposed = world.wish(Wish::Propose { action, why: "it is old".to_owned() }).await;
    let View::Approval(approval) = proposed.unwrap() else { panic!("no question was put") };
    assert_eq!(approval.verdict.risk.as_str(), "critical", "{approval:#?}");
    approval.id.as_str().into()
}

#[test]
fn critical_takes_a_yes_whoever_asks_and_trying_without_is_on_record() {
    isolated(
        "refusals::critical_takes_a_yes_whoever_asks_and_trying_without_is_on_record",
        critical_takes_a_yes(),
    );
}

async fn critical_takes_a_yes() {
    let world = World::start(Mode::Approve).await;
    let id = critical_question(&world).await;
    let browser = Actor::Browser;
    for actor in [browser.clone(), me(), Actor::Token { name: "ci".to_owned() }] {
        let plain = Wish::Approve { id: id.clone(), confirmed_critical: false };
        let refused = world.handle.command(plain, actor).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::NeedsApproval);
        assert_eq!(refused.message, format!("{id} is critical: a person must type YES"));
    }
    let View::Approval(still) =
        world.handle.query(Query::Approval { id: id.clone() }).await.unwrap()
    else {
        panic!("approval gave another answer")
    };
    assert_eq!(still.state, "pending");
    // To say no takes no YES.
    let no = Wish::Reject { id: id.clone(), why: None };
    world.handle.command(no.clone(), browser.clone()).await.unwrap();
    world.handle.command(no, browser.clone()).await.unwrap_err();

    let refused: Vec<_> =
        record(&world).await.into_iter().filter(|(_, kind, ..)| kind == "refused").collect();
    let actors: Vec<&str> = refused.iter().map(|(actor, ..)| actor.as_str()).collect();
    let me = me().to_string();
    assert_eq!(actors, ["browser", me.as_str(), "token:ci", "browser"]);
    for ((_, _, subject, details), wish) in
        refused.iter().zip(["approve", "approve", "approve", "reject"])
    {
        assert_eq!((subject.as_str(), &details["wish"]), (id.as_str(), &Value::from(wish)));
    }
    assert_eq!(refused[0].3["why"], format!("{id} is critical: a person must type YES"));
    assert_eq!(refused[3].3["why"], format!("{id} is rejected, not pending"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_that_the_guard_refuses_are_on_record_whatever_their_plan_claims() {
    let world = World::start(Mode::Observe).await;
    // A plan that calls everything harmless: what it says of itself is not read.
    let claimed = Verdict {
        decision: Decision::Allow,
        risk: Risk::Info,
        reasons: Vec::new(),
        reversible: true,
        blast_radius: 0,
    };
    let step = |command: &str| AskStep {
        command: command.to_owned(),
        why: "because".to_owned(),
        verdict: claimed.clone(),
        run: None,
    };
    let now = Timestamp::now();
    let plan = AskPlan {
        plan_id: PlanId::of_sentence("wipe it", now),
        created_at: now,
        sentence: Some("wipe it".to_owned()),
        reasoning: String::new(),
        origin: PlanOrigin::History,
        similar_to: None,
        working_dir: "/".to_owned(),
        steps: vec![step("rm -rf /"), step("ls"), step("mkfs.ext4 /dev/sda")],
        question: None,
    };
    let done =
        world.handle.command(Wish::RefusedPlan { plan: Box::new(plan) }, Actor::Browser).await;
    assert_eq!(done.unwrap(), View::Done("2 refused".to_owned()));
    let verdicts: Vec<_> = record(&world)
        .await
        .into_iter()
        .filter(|(actor, kind, ..)| actor == "browser" && kind == "verdict")
        .map(|(_, _, id, details)| (id, details))
        .collect();
    let [(first, one), (second, two)] = verdicts.as_slice() else { panic!("{verdicts:#?}") };
    assert_ne!(first, second);
    assert_eq!(one["action"]["command"], "rm -rf /");
    assert_eq!(two["action"]["command"], "mkfs.ext4 /dev/sda");
    for details in [one, two] {
        assert_eq!(details["verdict"]["decision"], "deny");
        assert!(!details["verdict"]["reasons"].as_array().unwrap().is_empty());
    }
    world.stop().await;
}
