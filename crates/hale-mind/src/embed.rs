//! Texts to vectors, in the forms of the providers that offer it.

use hale_model::config::{AiProvider, ProviderKind};
use serde_json::{Value, json};

use crate::error::{Fault, FaultKind, MindError};
use crate::gemini;
use crate::http;
use crate::mind::{Mind, Passed, Seat, Unsettled, tokens_in};
use crate::prices::Price;
use crate::provider::{Outgoing, u64_of};
use crate::types::{Embeddings, Usage};

/// Numbers in one vector.
const DIMENSIONS_MAX: usize = 16_384;

/// Texts of one call to [`Mind::embed`].
pub const EMBED_TEXTS_MAX: usize = 100;

impl Mind {
    /// The model that [`Mind::embed`] would ask, by the name that its vectors carry; none: none of the
    /// chain makes any.
    pub fn embedding_model(&self) -> Option<String> {
        self.seats().iter().find_map(|seat| {
            let model = model_of(&seat.provider)?;
            Some(format!("{}/{model}", seat.provider.provider.as_str()))
        })
    }

    /// Vectors of texts, by the first provider of the chain that makes any. None: none of them does,
    /// or none is usable now.
    ///
    /// # Errors
    /// Nobody may be asked; more than [`EMBED_TEXTS_MAX`] texts; the provider failed.
    pub async fn embed(&self, texts: &[String]) -> Result<Option<Embeddings>, MindError> {
        self.admit()?;
        if texts.is_empty() {
            return Ok(None);
        }
        for seat in self.seats() {
            let Some(model) = model_of(&seat.provider) else { continue };
            if self.resting(seat).is_some() {
                return Ok(None);
            }
            match self.embed_with(seat, &model, texts).await {
                Ok(found) => return Ok(Some(found)),
                // Vectors of another model would not fit those that are stored: do not go on to it.
                Err(Passed::Failed(error)) if error.fault == FaultKind::NoKey => {}
                Err(Passed::Failed(error)) => return Err(MindError::AllFailed(vec![error])),
                Err(Passed::Budget(_, error) | Passed::Ledger(error)) => return Err(error),
            }
        }
        Ok(None)
    }

    async fn embed_with(
        &self,
        seat: &Seat,
        model: &str,
        texts: &[String],
    ) -> Result<Embeddings, Passed> {
        let credentials = self.credentials(seat).await?;
        let credential = credentials.last().cloned().unwrap_or_default();
        let fail = |fault| Passed::Failed(seat.error(fault, credential.secret()));
        if texts.len() > EMBED_TEXTS_MAX {
            let detail = format!("{} texts; the limit is {EMBED_TEXTS_MAX}", texts.len());
            return Err(fail(Fault::new(FaultKind::TooLarge, detail)));
        }
        let client = seat.client().map_err(fail)?;
        let outgoing = outgoing_of(&seat.provider, model, texts);
        let most = Usage { input_tokens: tokens_in(outgoing.body.len() as u64), output_tokens: 0 };
        let price = Price::of(&seat.provider, model);
        let reservation = self.reserve(seat, price, most)?;
        let mut guard = Unsettled {
            ledger: self.ledger.as_ref(),
            price,
            reservation,
            used: most,
            answered: false,
        };
        let kind = seat.provider.provider;
        let url = outgoing.url.clone();
        let answer =
            http::fetch(&client, kind, Some(&outgoing), &url, &credential, seat.patience).await;
        let read = answer.and_then(|answer| read(kind, &answer, texts.len()));
        match read {
            Ok((vectors, input_tokens)) => {
                let input_tokens = input_tokens.unwrap_or(most.input_tokens);
                guard.used = Usage { input_tokens, output_tokens: 0 };
                guard.answered = true;
                Ok(Embeddings {
                    model: format!("{}/{model}", outgoing.provider),
                    vectors,
                    usage: guard.used,
                    cost_usd: price.usd_micros(guard.used) as f64 / 1e6,
                })
            }
            Err(fault) => {
                guard.used = Usage::default();
                Err(fail(fault))
            }
        }
    }
}

/// The model that makes vectors. None: this provider makes none, or hale does not know its model.
fn model_of(provider: &AiProvider) -> Option<String> {
    if !provider.embedding_model.is_empty() {
        return (provider.provider != ProviderKind::Anthropic)
            .then(|| provider.embedding_model.clone());
    }
    let is_own_address = provider.base_url.is_empty();
    match provider.provider {
        ProviderKind::Gemini if is_own_address => Some("gemini-embedding-001".to_owned()),
        ProviderKind::OpenAi if is_own_address => Some("text-embedding-3-small".to_owned()),
        ProviderKind::Gemini
        | ProviderKind::OpenAi
        | ProviderKind::Anthropic
        | ProviderKind::Ollama => None,
    }
}

fn outgoing_of(provider: &AiProvider, model: &str, texts: &[String]) -> Outgoing {
    let base = provider.base_url();
    let (path, body) = match provider.provider {
        ProviderKind::Gemini => {
            let resource = gemini::resource(model);
            let one =
                |text: &String| json!({"model": resource, "content": {"parts": [{"text": text}]}});
            let body = json!({"requests": texts.iter().map(one).collect::<Vec<_>>()});
            (format!("{}/{resource}:batchEmbedContents", gemini::version(base)), body)
        }
        ProviderKind::Ollama => ("/api/embed".to_owned(), json!({"model": model, "input": texts})),
        // Anthropic offers none: `model` never lets it come here.
        ProviderKind::OpenAi | ProviderKind::Anthropic => (
            "/embeddings".to_owned(),
            json!({"model": model, "input": texts, "encoding_format": "float"}),
        ),
    };
    Outgoing {
        provider: provider.provider.as_str().to_owned(),
        model: model.to_owned(),
        url: format!("{base}{path}"),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: body.to_string(),
    }
}

/// The vectors in the order of the texts, and the tokens read if the provider counts them.
fn read(
    kind: ProviderKind,
    answer: &Value,
    count: usize,
) -> Result<(Vec<Vec<f32>>, Option<u64>), Fault> {
    let (list, path) = match kind {
        ProviderKind::Gemini => (&answer["embeddings"], "/values"),
        ProviderKind::OpenAi | ProviderKind::Anthropic => (&answer["data"], "/embedding"),
        ProviderKind::Ollama => (&answer["embeddings"], ""),
    };
    let list = list.as_array().ok_or_else(|| Fault::garbage("no vectors in the answer"))?;
    // The order is promised by `index`, not by the list.
    let mut list: Vec<(u64, &Value)> = list
        .iter()
        .enumerate()
        .map(|(at, one)| (u64_of(one, "/index").unwrap_or(at as u64), one))
        .collect();
    list.sort_by_key(|(index, _)| *index);
    let vectors: Vec<Vec<f32>> = list
        .iter()
        .map(|(_, one)| vector(one.pointer(path)))
        .collect::<Option<_>>()
        .ok_or_else(|| Fault::garbage("a vector that is none"))?;
    let dimensions = vectors.first().map_or(0, Vec::len);
    if vectors.len() != count || vectors.iter().any(|v| v.len() != dimensions) {
        let detail = format!("{} vectors for {count} texts, or of different length", vectors.len());
        return Err(Fault::garbage(detail));
    }
    let read = ["/usage/prompt_tokens", "/prompt_eval_count", "/usageMetadata/promptTokenCount"];
    Ok((vectors, read.iter().find_map(|path| u64_of(answer, path))))
}

fn vector(value: Option<&Value>) -> Option<Vec<f32>> {
    let numbers = value?.as_array()?;
    if numbers.is_empty() || numbers.len() > DIMENSIONS_MAX {
        return None;
    }
    let number = |n: &Value| n.as_f64().map(|f| f as f32).filter(|f| f.is_finite());
    numbers.iter().map(number).collect()
}
