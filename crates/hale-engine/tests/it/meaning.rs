//! The runbook searched by meaning, with a provider that makes embeddings; and without.

use hale_model::api::{Query, View};
use hale_model::config::{AiProvider, Mode, ProviderKind};
use hale_model::knowledge::{RecalledBy, RunbookView};
use hale_testkit::model_server::{ModelServer, Turn, Wire};
use serde_json::Value;

use crate::isolated::isolated;
use crate::world::{World, settings};

/// No word of it stands in any shipped entry.
const QUESTION: &str = "treacle";

fn texts(body: &Value) -> Vec<String> {
    let input = body["input"].as_array().unwrap();
    input.iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

async fn search(world: &World, text: &str) -> RunbookView {
    let query = Query::RunbookSearch { text: text.to_owned(), alert_kind: None, limit: 50 };
    match world.handle.query(query).await.unwrap() {
        View::Runbook(view) => *view,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_near_in_meaning_is_found_without_a_common_word() {
    isolated("meaning::what_is_near_in_meaning_is_found_without_a_common_word", async {
        let server = ModelServer::start_with(Wire::Ollama, |number, request| {
            if number >= 3 {
                return Turn::error(500, "out of memory");
            }
            let near = |text: &String| {
                let is_near = text.contains(QUESTION) || text.to_lowercase().contains("ghost");
                if is_near { vec![1.0, 0.1] } else { vec![0.0, 1.0] }
            };
            Turn::Vectors(texts(&request.json()).iter().map(near).collect())
        });
        let dir = tempfile::TempDir::new().unwrap();
        let mut settings = settings(dir.path(), Mode::Observe);
        settings.config.ai.providers = vec![AiProvider {
            provider: ProviderKind::Ollama,
            model: "scripted".to_owned(),
            embedding_model: "embedder".to_owned(),
            base_url: server.base_url(),
            ..AiProvider::default()
        }];
        let world = World::start_on(settings).await.unwrap();

        let found = search(&world, QUESTION).await;
        assert!(!found.hits.is_empty());
        for hit in &found.hits {
            assert_eq!(hit.by, RecalledBy::Meaning, "{hit:?}");
            assert!(hit.score > 0.9, "{hit:?}");
        }
        let first = texts(&server.requests()[0].json());
        assert!(first.len() > 5, "the question and every entry");

        // Entries are embedded once; and what is private does not leave.
        let found = search(&world, &format!("{QUESTION} password=Tr0ub4dor-and-3")).await;
        assert!(found.hits.iter().any(|hit| hit.by == RecalledBy::Meaning));
        let second = texts(&server.requests()[1].json());
        assert_eq!(second.len(), 1, "{second:?}");
        assert!(!second[0].contains("Tr0ub4dor"), "{second:?}");

        // Words come before meaning, and a provider that fails costs only its own way of finding.
        assert_eq!(search(&world, "ghost").await.hits[0].by, RecalledBy::Text);
        let found = search(&world, "ghost").await;
        assert!(!found.hits.is_empty());
        assert!(found.hits.iter().all(|hit| hit.by != RecalledBy::Meaning));
        world.stop().await;
    });
}
