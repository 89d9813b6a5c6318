//! Payments and policies: owns the database file and the spool of receipts.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use opentelemetry::KeyValue;
use opentelemetry::logs::Severity;
use opentelemetry::trace::SpanKind;
use serde_json::{Value, json};

use super::{failing, slow};
use crate::Role;
use crate::calls::{self, Refusal};
use crate::faults::{Fault, HeldTransaction, Spool, SpoolError, crash_soon};
use crate::market::{HOLDER_CHARS_MAX, Policy, PolicyRequest, Quote, euros};
use crate::notice::Trouble;
use crate::server::{Common, RoleError, own_failure, triggered};
use crate::store::Store;
use crate::telemetry::Telemetry;

const MEBI: u64 = 1024 * 1024;

/// See [`Role::Policy`].
pub struct Policies {
    /// What every service has.
    pub common: Arc<Common>,
    store: Store,
    spool: Spool,
    job: HeldTransaction,
}

impl Policies {
    /// Opens the database and the spool.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub fn open(common: Arc<Common>) -> Result<Policies, RoleError> {
        let settings = &common.settings;
        let spool = Spool::open(settings.data_dir.join("spool"), settings.spool_mib * MEBI)
            .map_err(RoleError::Spool)?;
        let path = settings.data_dir.join("marketplace.db");
        let store = Store::open(&path).map_err(|source| RoleError::Database { path, source })?;
        Ok(Policies { common, store, spool, job: HeldTransaction::default() })
    }

    /// What is wrong.
    pub fn troubles(&self) -> Vec<Trouble> {
        let full = self.spool.is_full().then(|| Trouble {
            role: Role::Policy,
            kind: "disk",
            message: format!(
                "the spool {} is full: no receipt can be written, nothing can be sold",
                self.spool.directory().display()
            ),
            metrics: json!({
                "spool_used_bytes": self.spool.used_bytes().unwrap_or(0),
                "spool_limit_bytes": self.common.settings.spool_mib * MEBI,
            }),
        });
        // What fails for want of space is no second trouble.
        let failing = match full {
            Some(_) => None,
            None => failing(&self.common, Role::Policy, "errors", ""),
        };
        let because = ", waiting for the write lock of its database";
        let slow = slow(&self.common, Role::Policy, "db_latency", because);
        full.into_iter().chain(failing).chain(slow).collect()
    }

    /// Faults whose cause is there.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.job.is_active() {
            faults.push(Fault::DbLatency);
        }
        if self.spool.is_full() {
            faults.push(Fault::Disk);
        }
        faults
    }

    /// What it answers.
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/policies", post(buy).get(list))
            .route("/trigger_db_latency", get(db_latency).post(db_latency))
            .route("/trigger_crash", get(crash).post(crash))
            .route("/trigger_disk", get(disk).post(disk))
            .with_state(self.clone())
    }

    /// Writes the receipt; without one the sale does not stand.
    fn confirm(&self, policy: &Policy) -> Result<(), Refusal> {
        let receipt = format!(
            "policy {}: {} insures {}, cover {} €, {} a month\n",
            policy.number,
            policy.holder,
            policy.product,
            policy.cover_eur,
            euros(policy.monthly_cents)
        );
        if let Err(error) = self.spool.receipt(policy.number, &receipt) {
            self.store.remove(policy.number).map_err(|error| own_failure(&error))?;
            let status = match error {
                SpoolError::Full { .. } => StatusCode::INSUFFICIENT_STORAGE,
                SpoolError::Io { .. } => StatusCode::INTERNAL_SERVER_ERROR,
            };
            return Err(Refusal::new(status, format!("no receipt can be written: {error}")));
        }
        Ok(())
    }
}

async fn buy(
    State(policies): State<Arc<Policies>>,
    Json(wish): Json<PolicyRequest>,
) -> Result<Json<Policy>, Refusal> {
    let wrong = |why: &str| Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, why);
    let holder = wish.holder.trim().to_owned();
    let chars = holder.chars().count();
    if chars == 0 || chars > HOLDER_CHARS_MAX || holder.chars().any(char::is_control) {
        return Err(wrong("holder: a name of at most 80 characters"));
    }
    if wish.quote.len() > 64 || !wish.quote.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Err(wrong("quote: the id of one"));
    }
    let path = format!("/quotes/{}", wish.quote);
    let quote: Quote = calls::get(&policies.common, Role::Quote, &path).await?;
    let mut policy = Policy {
        number: 0,
        holder,
        product: quote.product,
        cover_eur: quote.cover_eur,
        monthly_cents: quote.monthly_cents,
    };
    let attributes = vec![
        KeyValue::new("db.system.name", "sqlite"),
        KeyValue::new("db.operation.name", "INSERT"),
    ];
    let span = policies.common.telemetry.part("INSERT policies", SpanKind::Client, attributes);
    let (seller, unsold) = (policies.clone(), policy.clone());
    let inserted =
        blocking(move || seller.store.insert(&unsold).map_err(|error| own_failure(&error)));
    let inserted = inserted.await;
    Telemetry::ended(&span, inserted.as_ref().err().map(|refusal| refusal.why.clone()));
    policy.number = inserted?;
    // No part of the database's work: it is not the database that has no room.
    let span = policies.common.telemetry.part("write receipt", SpanKind::Internal, Vec::new());
    let (seller, sold) = (policies.clone(), policy.clone());
    let confirmed = blocking(move || seller.confirm(&sold)).await;
    Telemetry::ended(&span, confirmed.as_ref().err().map(|refusal| refusal.why.clone()));
    confirmed?;
    let text = format!("policy {} of {} sold", policy.number, policy.product);
    policies.common.telemetry.log(Severity::Info, &text);
    Ok(Json(policy))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.map_err(|error| own_failure(&error)).flatten()
}

async fn list(State(policies): State<Arc<Policies>>) -> Result<Json<Vec<Policy>>, Refusal> {
    tokio::task::spawn_blocking(move || policies.store.newest())
        .await
        .map_err(|error| own_failure(&error))?
        .map(Json)
        .map_err(|error| own_failure(&error))
}

async fn db_latency(State(policies): State<Arc<Policies>>) -> Result<Json<Value>, Refusal> {
    policies.job.begin(policies.store.path()).map_err(|error| own_failure(&error))?;
    Ok(triggered(Fault::DbLatency, Role::Policy))
}

async fn crash(State(_): State<Arc<Policies>>) -> Json<Value> {
    crash_soon();
    triggered(Fault::Crash, Role::Policy)
}

async fn disk(State(policies): State<Arc<Policies>>) -> Result<Json<Value>, Refusal> {
    tokio::task::spawn_blocking(move || policies.spool.fill())
        .await
        .map_err(|error| own_failure(&error))?
        .map_err(|error| own_failure(&error))?;
    Ok(triggered(Fault::Disk, Role::Policy))
}
