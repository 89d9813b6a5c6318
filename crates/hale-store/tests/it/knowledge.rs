//! What people wrote down and what was learned: stored, searched, replaced, embedded; and a file
//! of the first schema, which keeps what it holds.

use hale_model::action::ActionKind;
use hale_model::alert::AlertKind;
use hale_model::knowledge::{Knowledge, KnowledgeKind, KnowledgeOrigin, RunbookRef};
use hale_model::lesson::Lesson;
use hale_store::{Access, RunbookRecord, State, StoreError};
use rusqlite::Connection;

use crate::world::*;

fn fresh() -> (tempfile::TempDir, State) {
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(&dir.path().join("state.db"), Access::Write).unwrap();
    (dir, state)
}

fn entry(id: &str, title: &str, body: &str) -> Knowledge {
    Knowledge {
        id: id.to_owned(),
        title: title.to_owned(),
        kind: KnowledgeKind::Solution,
        alert_kinds: vec![AlertKind::DiskSpace],
        tags: vec!["storage".to_owned()],
        updated: "2026-03-01".parse().unwrap(),
        body: body.to_owned(),
    }
}

fn lesson(class: &str) -> Lesson {
    Lesson {
        successes: 3,
        approved_successes: 3,
        summary: Some("backup.service left an endless queue of restic locks".to_owned()),
        ..Lesson::new(AlertKind::ServiceFailed, ActionKind::ServiceRestart, class, at(5))
    }
}

fn found(state: &State, words: &str) -> Vec<String> {
    let hits = state.search_runbook(words, 10).unwrap();
    assert!(hits.windows(2).all(|pair| pair[0].score >= pair[1].score));
    hits.iter().map(|hit| hit.record.reference().id().to_owned()).collect()
}

#[test]
fn words_find_entries_and_lessons_by_stem_title_first() {
    let (_dir, state) = fresh();
    for new in [
        entry("logs", "Rotating logs", "When a log fills the disk, rotate it by size."),
        entry("disk", "The disk is full", "Free some space."),
        Knowledge {
            alert_kinds: vec![AlertKind::LoadHigh],
            ..entry("nfs", "A hanging mount", "The server of café files is gone.")
        },
    ] {
        state.put_knowledge(&new, KnowledgeOrigin::Imported).unwrap();
    }
    state.put_lesson(&lesson("backup.service")).unwrap();
    let learned = lesson("backup.service").id().to_string();
    for (words, expected) in [
        ("disk", vec!["disk", "logs"]),
        ("rotated log files", vec!["logs", "nfs"]),
        ("CAFE", vec!["nfs"]),
        ("endless locking", vec![learned.as_str()]),
        ("service.failed", vec![learned.as_str()]),
        ("storage", vec!["disk", "nfs", "logs"]),
        ("unheard-of", vec![]),
        ("", vec![]),
        ("\" OR NEAR( body:* --; DROP TABLE knowledge", vec![]),
    ] {
        let mut got = found(&state, words);
        let mut expected = expected;
        if words == "storage" {
            got.sort();
            expected.sort_unstable();
        }
        assert_eq!(got, expected, "{words}");
    }
    assert_eq!(state.search_runbook("disk", 1).unwrap().len(), 1);
}

#[test]
fn what_is_replaced_or_removed_is_not_found_by_its_old_words() {
    let (_dir, state) = fresh();
    state.put_knowledge(&entry("a", "Old title", "giraffe"), KnowledgeOrigin::Shipped).unwrap();
    state.put_knowledge(&entry("a", "New title", "zebra"), KnowledgeOrigin::Imported).unwrap();
    assert_eq!(found(&state, "giraffe"), Vec::<String>::new());
    assert_eq!(found(&state, "zebra"), ["a"]);
    let stored = state.knowledge("a").unwrap().unwrap();
    assert_eq!(
        (stored.entry.title.as_str(), stored.origin),
        ("New title", KnowledgeOrigin::Imported)
    );
    assert_eq!(state.knowledge_about(&AlertKind::DiskSpace).unwrap(), [stored]);
    assert!(state.remove_knowledge("a").unwrap());
    assert!(!state.remove_knowledge("a").unwrap());
    assert_eq!(found(&state, "zebra"), Vec::<String>::new());
    assert_eq!(state.knowledge_about(&AlertKind::DiskSpace).unwrap(), []);

    let first = lesson("backup.service");
    state.put_lesson(&first).unwrap();
    state.put_lesson(&Lesson { summary: Some("quokka".to_owned()), ..first.clone() }).unwrap();
    assert_eq!(found(&state, "restic"), Vec::<String>::new());
    assert_eq!(found(&state, "quokka"), [first.id().to_string()]);
    assert_eq!(state.lesson(&first.id().as_str()[..6]).unwrap().map(|l| l.id()), Some(first.id()));
    assert_eq!(state.lesson("le-nope").unwrap(), None);
    let both = [first.clone(), lesson("other.service")];
    state.put_lesson(&both[1]).unwrap();
    assert!(matches!(state.lesson("le-"), Err(StoreError::Ambiguous { .. })));
    assert_eq!(state.lessons_about(&AlertKind::ServiceFailed).unwrap().len(), 2);
    assert_eq!(state.lessons_about(&AlertKind::DiskSpace).unwrap(), []);
}

#[test]
fn what_is_part_of_hale_follows_hale_and_gives_way_to_people() {
    let (_dir, mut state) = fresh();
    let (a, b) = (entry("a", "A", "one"), entry("b", "B", "two"));
    state.ship_knowledge(&[a.clone(), b.clone()]).unwrap();
    let own = entry("a", "Our A", "three");
    state.put_knowledge(&own, KnowledgeOrigin::Imported).unwrap();
    let newer =
        [Knowledge { title: "A, revised".to_owned(), ..a.clone() }, entry("c", "C", "four")];
    state.ship_knowledge(&newer).unwrap();
    let held = |state: &State| -> Vec<(String, KnowledgeOrigin)> {
        let all = state.list_knowledge(0).unwrap();
        all.into_iter().map(|k| (k.entry.title, k.origin)).collect()
    };
    assert_eq!(
        held(&state),
        [
            ("Our A".to_owned(), KnowledgeOrigin::Imported),
            ("C".to_owned(), KnowledgeOrigin::Shipped)
        ]
    );
    // Where a person takes theirs out again, hale's own comes back.
    state.remove_knowledge("a").unwrap();
    state.ship_knowledge(&newer).unwrap();
    assert_eq!(held(&state)[0], ("A, revised".to_owned(), KnowledgeOrigin::Shipped));
}

#[test]
fn embeddings_wait_are_kept_and_grow_old_with_their_text() {
    let (_dir, state) = fresh();
    state.put_knowledge(&entry("a", "A", "one"), KnowledgeOrigin::Imported).unwrap();
    state.put_lesson(&lesson("backup.service")).unwrap();
    let waiting = state.unembedded("model-1", 10).unwrap();
    assert_eq!(waiting.len(), 2);
    assert_eq!(state.unembedded("model-1", 1).unwrap().len(), 1);
    let vector = [0.25_f32, -1.5, f32::MIN_POSITIVE];
    for one in &waiting {
        state.put_vector(one.document, "model-1", &one.digest, &vector).unwrap();
    }
    assert_eq!(state.unembedded("model-1", 10).unwrap(), []);
    assert_eq!(state.unembedded("model-2", 10).unwrap().len(), 2);
    let kept = state.vectors("model-1").unwrap();
    assert!(kept.iter().all(|v| v.vector == vector), "{kept:?}");
    let record = state.runbook_record(kept[0].document).unwrap().unwrap();
    assert!(matches!(&record, RunbookRecord::Knowledge(k) if k.entry.id == "a"), "{record:?}");
    assert_eq!(record.reference(), RunbookRef::Knowledge("a".to_owned()));

    state.put_knowledge(&entry("a", "A", "another text"), KnowledgeOrigin::Imported).unwrap();
    assert_eq!(state.unembedded("model-1", 10).unwrap().len(), 1);
    state.remove_knowledge("a").unwrap();
    assert_eq!(state.vectors("model-1").unwrap().len(), 1, "gone with its entry");
    assert!(state.put_vector(kept[1].document, "model-1", "x", &[]).is_err());
    assert!(state.put_vector(4711, "model-1", "x", &[1.0]).is_err(), "of nothing");
}

/// A file as the first schema left it, with what it holds.
fn first_schema(path: &std::path::Path) {
    let sql = include_str!("../../migrations/state/0001_base.sql");
    let connection = Connection::open(path).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    connection.execute_batch(sql).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, \
             applied_at TEXT NOT NULL, description TEXT NOT NULL, checksum TEXT NOT NULL)",
        )
        .unwrap();
    let checksum = blake3::hash(sql.as_bytes()).to_hex().to_string();
    connection
        .execute("INSERT INTO schema_migrations VALUES (1, 'then', 'the first', ?1)", [checksum])
        .unwrap();
    let old = r#"{"alert_kind":"process.leak","action_kind":"service.restart","target_class":"leaky.service","successes":3,"approved_successes":2,"failures":1,"last_at":"2026-02-02T02:40:05Z","withdrawn":"it did not cure on its last use"}"#;
    connection
        .execute(
            "INSERT INTO lessons VALUES ('process.leak', 'service.restart', 'leaky.service', 3, 2, 1, 5, \
             'it did not cure on its last use', ?1)",
            [old],
        )
        .unwrap();
    connection.execute("INSERT INTO settings VALUES ('paused_until', 'never')", []).unwrap();
}

#[test]
fn a_file_of_the_first_schema_keeps_what_it_holds() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    first_schema(&path);

    // For reading it stays as it is, and what it has can be read.
    let reader = State::open(&path, Access::Read).unwrap();
    assert!(!reader.holds_knowledge().unwrap());
    assert_eq!(reader.lessons().unwrap().len(), 1);
    drop(reader);

    let mut state = State::open(&path, Access::Write).unwrap();
    assert!(!state.holds_knowledge().unwrap(), "nothing was shipped into it yet");
    let lessons = state.lessons().unwrap();
    let learned = &lessons[0];
    assert_eq!((learned.successes, learned.approved_successes, learned.failures), (3, 2, 1));
    assert_eq!((learned.foreign_successes, learned.subject_class.clone()), (0, None));
    assert_eq!(state.setting("paused_until").unwrap().as_deref(), Some("never"));
    // What was learned before there was an index is found all the same, and once.
    assert_eq!(found(&state, "leaky"), [learned.id().to_string()]);
    assert_eq!(found(&state, "process.leak"), [learned.id().to_string()]);
    state.put_lesson(learned).unwrap();
    assert_eq!(found(&state, "leaky"), [learned.id().to_string()]);
    state.ship_knowledge(&[entry("a", "A", "one")]).unwrap();
    drop(state);
    assert!(State::open(&path, Access::Read).unwrap().holds_knowledge().unwrap());
}

#[test]
fn others_read_and_search_while_one_writes() {
    let (dir, state) = fresh();
    let path = dir.path().join("state.db");
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || {
                let reader = State::open(&path, Access::Read).unwrap();
                let mut most = 0;
                while most < 200 {
                    let hits = reader.search_runbook("common", 0).unwrap().len();
                    assert!(hits >= most, "what was there is there");
                    // An entry is there with its words or not at all.
                    assert!(hits <= reader.list_knowledge(0).unwrap().len());
                    most = hits;
                }
            })
        })
        .collect();
    for n in 0..200 {
        let new = entry(&format!("e{n}"), "An entry", "common words");
        state.put_knowledge(&new, KnowledgeOrigin::Imported).unwrap();
    }
    for reader in readers {
        reader.join().unwrap();
    }
}
