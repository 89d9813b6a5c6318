//! What models cost: `prices.toml`, the config's own prices, and the most it may be for the rest.

use std::sync::LazyLock;

use hale_model::config::{AiProvider, ProviderKind};
use serde::Deserialize;

use crate::types::Usage;

/// US dollars for a million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct Price {
    /// Read.
    #[serde(rename = "input")]
    pub input_usd_per_mtok: f64,
    /// Written.
    #[serde(rename = "output")]
    pub output_usd_per_mtok: f64,
    /// Whether neither the list nor the config knows the model.
    #[serde(skip)]
    pub is_guessed: bool,
}

impl Price {
    const FREE: Price =
        Price { input_usd_per_mtok: 0.0, output_usd_per_mtok: 0.0, is_guessed: false };

    /// Of one model of a provider.
    pub fn of(provider: &AiProvider, model: &str) -> Price {
        let told = (provider.input_usd_per_mtok, provider.output_usd_per_mtok);
        let known = LIST.find(model);
        let rest = match provider.provider {
            // Its hosted models are paid by the month, not by the token.
            ProviderKind::Ollama => Price::FREE,
            // A server on this machine costs nothing; a relay to a known model does.
            ProviderKind::OpenAi if provider.is_local() => known.unwrap_or(Price::FREE),
            ProviderKind::OpenAi | ProviderKind::Anthropic | ProviderKind::Gemini => {
                known.unwrap_or(Price { is_guessed: true, ..LIST.unknown })
            }
        };
        Price {
            input_usd_per_mtok: told.0.unwrap_or(rest.input_usd_per_mtok),
            output_usd_per_mtok: told.1.unwrap_or(rest.output_usd_per_mtok),
            is_guessed: rest.is_guessed && (told.0.is_none() || told.1.is_none()),
        }
    }

    /// What tokens cost, in millionths of a US dollar, rounded up.
    pub fn usd_micros(&self, usage: Usage) -> u64 {
        // Dollars a million tokens are millionths of a dollar a token.
        let cost = self.input_usd_per_mtok * usage.input_tokens as f64
            + self.output_usd_per_mtok * usage.output_tokens as f64;
        cost.ceil() as u64
    }

    pub(crate) fn is_free(&self) -> bool {
        self.input_usd_per_mtok <= 0.0 && self.output_usd_per_mtok <= 0.0
    }
}

#[derive(Debug, Deserialize)]
struct Entry {
    model: String,
    #[serde(flatten)]
    price: Price,
}

#[derive(Debug, Deserialize)]
struct List {
    unknown: Price,
    price: Vec<Entry>,
}

impl List {
    fn find(&self, model: &str) -> Option<Price> {
        // Routers write `vendor/model`.
        let name = model.rsplit('/').next().unwrap_or(model);
        // They write `claude-sonnet-4.5` where the vendor writes `claude-sonnet-4-5`.
        let fits = |entry: &&Entry| {
            let alike =
                |a: u8, b: u8| a == b || (matches!(a, b'.' | b'-') && matches!(b, b'.' | b'-'));
            entry.model.len() <= name.len()
                && entry.model.bytes().zip(name.bytes()).all(|(a, b)| alike(a, b))
        };
        let found = self.price.iter().filter(fits).max_by_key(|entry| entry.model.len())?;
        Some(found.price)
    }
}

static LIST: LazyLock<List> = LazyLock::new(|| {
    // The file is part of the program and read by a test: it cannot be wrong in the field. If it
    // were, every model would have the price of the unknown one.
    toml::from_str(include_str!("../prices.toml")).unwrap_or(List {
        unknown: Price { input_usd_per_mtok: 15.0, output_usd_per_mtok: 120.0, is_guessed: true },
        price: Vec::new(),
    })
});
