//! Recall by meaning: where a provider makes embeddings, the runbook is also searched for what is near
//! to the question though no word is the same. Everything works without; a provider that fails or is
//! slow costs the search this way of finding alone.

use std::sync::Arc;
use std::time::Duration;

use hale_brain::remember;
use hale_model::api::Query;
use hale_store::{Access, RunbookRecord, State, StoreError, ToEmbed};

use crate::adviser::Adviser;
use crate::desk::Desk;

/// A person waits for the answer.
const SEARCH_WITHIN: Duration = Duration::from_secs(10);
/// Texts embedded before one search; what is left waits for the next.
const TEXTS_MAX: usize = hale_mind::EMBED_TEXTS_MAX - 1;
/// Entries near in meaning that are offered.
const NEAR_MAX: usize = 20;
/// Cosine below which two texts have nothing to do with each other.
const COSINE_MIN: f64 = 0.35;

/// What was found near in meaning, nearest first, each with its cosine.
pub(crate) type Near = Vec<(RunbookRecord, f64)>;

impl Desk {
    /// What is near in meaning to a question to the runbook; empty for any other question.
    pub(crate) async fn near_in_meaning(self: &Arc<Self>, query: &Query) -> Near {
        let Query::RunbookSearch { text, .. } = query else { return Near::new() };
        let own = || Adviser::new(&self.settings).map(Arc::new);
        let Some(adviser) = self.adviser.get().cloned().or_else(own) else { return Near::new() };
        let near = tokio::time::timeout(SEARCH_WITHIN, self.search(&adviser, text)).await;
        match near {
            Ok(Ok(near)) => near,
            Ok(Err(why)) => {
                tracing::warn!("the runbook was not searched by meaning: {why}");
                Near::new()
            }
            Err(_) => {
                let secs = SEARCH_WITHIN.as_secs();
                tracing::warn!("the runbook was not searched by meaning: no answer in {secs} s");
                Near::new()
            }
        }
    }

    async fn search(self: &Arc<Self>, adviser: &Adviser, text: &str) -> Result<Near, String> {
        let Some(model) = adviser.mind().embedding_model() else { return Ok(Near::new()) };
        let waiting = self.waiting_for(&model).await?;
        let texts: Vec<String> = std::iter::once(text.to_owned())
            .chain(waiting.iter().map(|waiting| waiting.text.clone()))
            .collect();
        let embedded = adviser.embed(&texts).await.map_err(|e| e.to_string())?;
        let Some(embedded) = embedded else { return Ok(Near::new()) };
        let mut vectors = embedded.vectors.into_iter();
        let Some(question) = vectors.next() else { return Ok(Near::new()) };
        let fresh: Vec<(ToEmbed, Vec<f32>)> = waiting.into_iter().zip(vectors).collect();
        let path = self.files.state();
        let work = move || keep_and_compare(&path, &embedded.model, &fresh, &question);
        let done = tokio::task::spawn_blocking(work).await.map_err(|e| e.to_string())?;
        done.map_err(|e| e.to_string())
    }

    /// Texts that have no vector of this model yet.
    async fn waiting_for(self: &Arc<Self>, model: &str) -> Result<Vec<ToEmbed>, String> {
        let (path, model) = (self.files.state(), model.to_owned());
        if !path.exists() {
            return Ok(Vec::new());
        }
        let read = move || State::open(&path, Access::Read)?.unembedded(&model, TEXTS_MAX);
        let read = tokio::task::spawn_blocking(read).await.map_err(|e| e.to_string())?;
        read.map_err(|e: StoreError| e.to_string())
    }
}

fn keep_and_compare(
    path: &std::path::Path,
    model: &str,
    fresh: &[(ToEmbed, Vec<f32>)],
    question: &[f32],
) -> Result<Near, StoreError> {
    if !path.exists() {
        return Ok(Near::new());
    }
    let mut state = State::open(path, Access::Write)?;
    state.atomically(|state| {
        fresh.iter().try_for_each(|(entry, vector)| {
            state.put_vector(entry.document, model, &entry.digest, vector)
        })
    })?;
    let stored = state.vectors(model)?;
    let vectors: Vec<(i64, &[f32])> =
        stored.iter().map(|v| (v.document, v.vector.as_slice())).collect();
    let mut near = Near::new();
    for (document, cosine) in remember::nearest(question, &vectors, NEAR_MAX) {
        if cosine >= COSINE_MIN
            && let Some(record) = state.runbook_record(document)?
        {
            near.push((record, cosine));
        }
    }
    Ok(near)
}
