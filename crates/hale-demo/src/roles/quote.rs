//! What it costs. Rates stand under a lock; quotes are kept until they are bought, up to a bound.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{failing, slow};
use crate::Role;
use crate::calls::{self, Refusal};
use crate::faults::{Fault, Leak};
use crate::market::{self, Product, Quote, QuoteRequest, RATES_PERCENT};
use crate::notice::Trouble;
use crate::proc::anonymous_bytes;
use crate::server::{Common, own_failure, triggered};

/// Quotes kept.
const QUOTES_MAX: usize = 5000;
const MEBI: u64 = 1024 * 1024;

/// See [`Role::Quote`].
pub struct QuoteDesk {
    /// What every service has.
    pub common: Arc<Common>,
    rates: Arc<Mutex<Vec<u64>>>,
    quotes: Mutex<VecDeque<Quote>>,
    next: AtomicU64,
    leak: Leak,
}

impl QuoteDesk {
    /// With the shipped rates.
    pub fn new(common: Arc<Common>) -> QuoteDesk {
        QuoteDesk {
            common,
            rates: Arc::new(Mutex::new(RATES_PERCENT.to_vec())),
            quotes: Mutex::default(),
            next: AtomicU64::new(1),
            leak: Leak::default(),
        }
    }

    fn budget_bytes(&self) -> u64 {
        self.common.settings.memory_budget_mib * MEBI
    }

    /// Over its memory, it turns customers away before the kernel ends it.
    fn over_budget(&self) -> Option<u64> {
        let bytes = anonymous_bytes();
        (bytes > self.budget_bytes()).then_some(bytes)
    }

    /// What is wrong.
    pub fn troubles(&self) -> Vec<Trouble> {
        let over = self.over_budget().map(|bytes| Trouble {
            role: Role::Quote,
            kind: "memory",
            message: format!(
                "quote holds {} MiB of memory, over its budget of {} MiB, and turns customers away",
                bytes / MEBI,
                self.common.settings.memory_budget_mib
            ),
            metrics: json!({ "memory_bytes": bytes, "memory_budget_bytes": self.budget_bytes() }),
        });
        // A customer turned away for want of memory is no second trouble.
        let failing = match over {
            Some(_) => None,
            None => failing(&self.common, Role::Quote, "errors", ": no price can be computed"),
        };
        over.into_iter()
            .chain(failing)
            .chain(slow(&self.common, Role::Quote, "latency", ""))
            .collect()
    }

    /// Faults whose cause is there.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.leak.is_active() {
            faults.push(Fault::Memory);
        }
        if self.rates.is_poisoned() {
            faults.push(Fault::Errors);
        }
        faults
    }

    /// What it answers.
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/quotes", post(quote))
            .route("/quotes/{id}", get(kept))
            .route("/trigger_memory", get(memory).post(memory))
            .route("/trigger_errors", get(errors).post(errors))
            .with_state(self.clone())
    }

    fn rate(&self, age: u32) -> Result<u64, Refusal> {
        // Whoever panicked with the lock in its hand may have left half a revision: nothing is sold by it.
        let rates = self
            .rates
            .lock()
            .map_err(|_| own_failure(&"the price list is poisoned: a revision of it panicked"))?;
        rates
            .get(market::band_of(age))
            .copied()
            .ok_or_else(|| own_failure(&"the price list has no rate for this age"))
    }
}

async fn quote(
    State(desk): State<Arc<QuoteDesk>>,
    Json(wish): Json<QuoteRequest>,
) -> Result<Json<Quote>, Refusal> {
    if desk.over_budget().is_some() {
        let why = "out of memory: no new quotes until some is free";
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why));
    }
    let wrong = |why: String| Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, why);
    if !(18..=110).contains(&wish.age) {
        return Err(wrong("age: 18 to 110".to_owned()));
    }
    if !wish.product.chars().all(|c| c.is_ascii_lowercase()) || wish.product.len() > 32 {
        return Err(wrong("product: the name of one".to_owned()));
    }
    let path = format!("/products/{}", wish.product);
    let product: Product = calls::get(&desk.common, Role::Catalog, &path).await?;
    if !(product.cover_min_eur..=product.cover_max_eur).contains(&wish.cover_eur) {
        return Err(wrong(format!(
            "cover_eur: {} to {}",
            product.cover_min_eur, product.cover_max_eur
        )));
    }
    let monthly_cents = market::monthly_cents(&product, wish.cover_eur, desk.rate(wish.age)?);
    let number = desk.next.fetch_add(1, Ordering::Relaxed);
    let quote = Quote {
        // With the process in it: after a restart numbers begin anew.
        id: format!("q-{}-{number}", std::process::id()),
        product: product.id,
        age: wish.age,
        cover_eur: wish.cover_eur,
        monthly_cents,
    };
    let mut quotes = desk.quotes.lock().unwrap_or_else(PoisonError::into_inner);
    if quotes.len() == QUOTES_MAX {
        quotes.pop_front();
    }
    quotes.push_back(quote.clone());
    Ok(Json(quote))
}

async fn kept(
    State(desk): State<Arc<QuoteDesk>>,
    Path(id): Path<String>,
) -> Result<Json<Quote>, Refusal> {
    let quotes = desk.quotes.lock().unwrap_or_else(PoisonError::into_inner);
    let found = quotes.iter().rev().find(|quote| quote.id == id).cloned();
    found.map(Json).ok_or_else(|| {
        Refusal::new(StatusCode::NOT_FOUND, "this quote is not known any more: ask for a new one")
    })
}

async fn memory(State(desk): State<Arc<QuoteDesk>>) -> Json<Value> {
    desk.leak.begin(desk.budget_bytes() * 2);
    triggered(Fault::Memory, Role::Quote)
}

/// A price revision with fewer bands than there are ages. It panics half-way, with the lock in its
/// hand, as such a bug does in production.
async fn errors(State(desk): State<Arc<QuoteDesk>>) -> Json<Value> {
    let rates = desk.rates.clone();
    let revision = move || {
        // Poisoned already: nothing to revise.
        if let Ok(mut rates) = rates.lock() {
            rates.truncate(RATES_PERCENT.len() / 2);
            for band in 0..RATES_PERCENT.len() {
                rates[band] = rates[band] * 103 / 100;
            }
        }
    };
    let _ = tokio::task::spawn_blocking(revision).await;
    triggered(Fault::Errors, Role::Quote)
}
