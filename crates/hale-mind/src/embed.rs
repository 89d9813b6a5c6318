//! Texts to vectors, in the forms of the providers that offer it. Pure.

use hale_model::config::{AiProvider, ProviderKind};
use serde_json::{Value, json};

use crate::error::Fault;
use crate::gemini;
use crate::provider::{Outgoing, u64_of};

/// Numbers in one vector.
const DIMENSIONS_MAX: usize = 16_384;

/// The model that makes vectors. None: this provider makes none, or hale does not know its model.
pub(crate) fn model(provider: &AiProvider) -> Option<String> {
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

pub(crate) fn outgoing(provider: &AiProvider, model: &str, texts: &[String]) -> Outgoing {
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
pub(crate) fn read(
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
