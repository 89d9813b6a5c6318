//! The second time: what was learned from a cure is kept, and the same trouble is recognised by it.

use hale_model::api::{Query, View};
use hale_model::config::Mode;
use hale_model::incident::DiagnosisSource;
use hale_model::knowledge::LessonView;

use crate::isolated::isolated;
use crate::world::{Ghosts, World};

async fn lessons(world: &World) -> Vec<LessonView> {
    match world.handle.query(Query::Runbook { alert_kind: None, limit: 0 }).await.unwrap() {
        View::Runbook(view) => view.lessons,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_second_occurrence_is_recognised_and_cured_as_the_first() {
    isolated("memory::the_second_occurrence_is_recognised_and_cured_as_the_first", async {
        let dir = tempfile::TempDir::new().unwrap();
        let world = World::start(Mode::Auto).await;
        let ghosts = Ghosts::leave(dir.path(), 6);
        let first = world.incident_about(&ghosts, "resolved").await;
        assert_eq!(first.diagnosis.as_ref().unwrap().source, DiagnosisSource::Local);
        assert!(first.timeline.iter().all(|t| t.kind != "recalled"));

        let [lesson] = lessons(&world).await.try_into().unwrap();
        assert_eq!(lesson.alert_kind, "process.ghost_storm");
        assert_eq!(lesson.action_kind, "process.kill");
        assert_eq!(lesson.cause_kind.as_deref(), Some("ghost_storm"));
        assert!(lesson.subject_class.as_ref().unwrap().contains("mcp_server"), "{lesson:#?}");
        assert_eq!(lesson.incident_id.as_deref(), Some(first.id.as_str()));
        assert_eq!((lesson.successes, lesson.approved_successes), (1, 0));

        for name in ["claude", "mcp_server"] {
            std::fs::remove_file(dir.path().join(name)).unwrap();
        }
        let ghosts = Ghosts::leave(dir.path(), 6);
        let second = world.incident_about(&ghosts, "resolved").await;
        assert_eq!(ghosts.living(), 0);
        assert_eq!(second.diagnosis.as_ref().unwrap().source, DiagnosisSource::Runbook);
        let recalled = second.timeline.iter().find(|t| t.kind == "recalled").expect("it says so");
        assert!(
            recalled.text.starts_with("seen before: cured once by process.kill on "),
            "{recalled:?}"
        );
        assert_eq!(lessons(&world).await[0].successes, 2);

        // What is written about it stands in its explanation, and is found by its words.
        let what = second.alerts[0].clone();
        let View::Explanation(explained) =
            world.handle.query(Query::Explain { what }).await.unwrap()
        else {
            panic!("explain gave another answer")
        };
        let named = |command: &String| command == "hale runbook show ghost-processes";
        assert!(explained.commands.iter().any(named), "{explained:#?}");
        world.stop().await;
    });
}
