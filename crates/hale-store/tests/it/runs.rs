//! What was run, and which sentence came to it.

use hale_model::action::Risk;
use hale_model::run::{PlanOrigin, RememberedPlan, RememberedStep, Run};
use hale_model::{ActionId, PlanId, RunId, Timestamp};
use hale_store::{Access, State, Telemetry};

fn state(dir: &tempfile::TempDir) -> State {
    State::open(&dir.path().join("state.db"), Access::Write).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn run(second: i64, command: &str) -> Run {
    let action_id = ActionId::of(command, usize::try_from(second).unwrap());
    Run {
        id: RunId::of(&action_id),
        plan_id: PlanId("pl-1".to_owned()),
        step: 0,
        action_id,
        at: at(second),
        sentence: Some("how full are the disks".to_owned()),
        command: command.to_owned(),
        why: "to know".to_owned(),
        working_dir: Some("/srv".to_owned()),
        risk: Risk::Info,
        origin: PlanOrigin::Local { intent: "disk.usage".to_owned() },
        exit: None,
        how: None,
        duration_ms: None,
        output: String::new(),
    }
}

fn remembered(sentence: &str, command: &str, second: i64) -> RememberedPlan {
    RememberedPlan {
        working_dir: None,
        key: sentence.to_lowercase(),
        sentence: sentence.to_owned(),
        plan_id: PlanId("pl-1".to_owned()),
        reasoning: "as asked".to_owned(),
        steps: vec![RememberedStep { command: command.to_owned(), why: String::new() }],
        successes: 1,
        last_at: at(second),
    }
}

#[test]
fn a_run_is_there_before_it_ends_and_says_then_how_it_ended() {
    let dir = tempfile::tempdir().unwrap();
    let state = state(&dir);
    let (old, mut new) = (run(1, "df -h"), run(2, "df -i"));
    state.put_run(&old).unwrap();
    state.put_run(&new).unwrap();
    assert_eq!(state.runs(0).unwrap(), [new.clone(), old.clone()]);
    (new.exit, new.how, new.duration_ms) = (Some(0), Some("exit 0".to_owned()), Some(12));
    new.output = "Filesystem\n".to_owned();
    state.put_run(&new).unwrap();
    assert_eq!(state.runs(1).unwrap(), [new.clone()]);
    assert_eq!(state.run(&new.id.as_str()[..8]).unwrap(), Some(new));
    assert_eq!(state.run("ru-none").unwrap(), None);
}

#[test]
fn a_sentence_is_found_by_its_key_and_by_its_words_until_it_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let state = state(&dir);
    state.put_sentence(&remembered("Show the biggest logs", "du /var/log", 1)).unwrap();
    state
        .put_sentence(&remembered("restart the web server", "systemctl restart nginx", 2))
        .unwrap();
    state
        .put_sentence(&remembered("redémarre le serveur web", "systemctl restart nginx", 3))
        .unwrap();
    state.put_sentence(&remembered("로그 크기 보여줘", "du -sh /var/log", 4)).unwrap();
    let found = |text: &str| -> Vec<String> {
        state.sentences_like(text, 0).unwrap().into_iter().map(|p| p.sentence).collect()
    };
    assert_eq!(found("biggest files"), ["Show the biggest logs"]);
    assert_eq!(found("REDEMARRE tout"), ["redémarre le serveur web"]);
    assert_eq!(found("로그"), ["로그 크기 보여줘"]);
    assert_eq!(found("web").len(), 2);
    for hostile in ["", "\" OR *", "NEAR(", "a* OR b:"] {
        let _ = found(hostile);
    }
    // Again, with other commands: the old are gone.
    state.put_sentence(&remembered("Show the biggest logs", "ls -S /var/log", 5)).unwrap();
    let known = state.sentence("show the biggest logs").unwrap().unwrap();
    assert_eq!(known.steps[0].command, "ls -S /var/log");
    assert_eq!(found("biggest").len(), 1);
    assert!(state.forget_sentence("show the biggest logs").unwrap());
    assert!(!state.forget_sentence("show the biggest logs").unwrap());
    assert!(found("biggest").is_empty());
}

#[test]
fn a_file_of_an_older_hale_has_no_runs_and_is_no_trouble() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    drop(state(&dir));
    // As version 2 left it.
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "DROP TABLE runs; DROP TABLE sentences; DROP TABLE sentence_index; DROP TABLE inbox; \
             DROP TABLE tokens; DELETE FROM schema_migrations WHERE version >= 3",
        )
        .unwrap();
    drop(connection);
    let state = State::open(&path, Access::Read).unwrap();
    assert_eq!(state.runs(0).unwrap(), []);
    assert_eq!(state.sentence("x").unwrap(), None);
    assert_eq!(state.sentences_like("x", 0).unwrap(), []);
    assert_eq!(state.run("ru-").unwrap(), None);
    drop(state);
    let state = State::open(&path, Access::Write).unwrap();
    state.put_run(&run(1, "df")).unwrap();
    assert_eq!(state.runs(0).unwrap().len(), 1);
}

#[test]
fn runs_can_be_asked_about_in_sql() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    let state = state(&dir);
    state.put_run(&run(1, "df -h")).unwrap();
    let telemetry = Telemetry::open(&dir.path().join("telemetry.duckdb"), Access::Write).unwrap();
    let sql = "SELECT command, risk, sentence, exit FROM runs ORDER BY \"at\"";
    let table = telemetry.query(Some(&path), sql, 10).unwrap();
    assert_eq!(table.rows.len(), 1);
    assert_eq!(table.rows[0][0], "df -h");
}
