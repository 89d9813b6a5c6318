//! What can be bought. Searches share a pool of workers.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::Value;

use super::{hot, slow};
use crate::Role;
use crate::calls::Refusal;
use crate::faults::{Fault, RunawayThread, Slots};
use crate::market::{self, Product};
use crate::notice::Trouble;
use crate::server::{Common, triggered};

/// See [`Role::Catalog`].
pub struct Catalog {
    /// What every service has.
    pub common: Arc<Common>,
    products: Vec<Product>,
    slots: Slots,
    runaway: RunawayThread,
}

impl Catalog {
    /// With the shipped price list.
    pub fn new(common: Arc<Common>) -> Catalog {
        Catalog {
            common,
            products: market::products(),
            slots: Slots::new(),
            runaway: RunawayThread::default(),
        }
    }

    /// What is wrong.
    pub fn troubles(&self) -> Vec<Trouble> {
        let because = ", waiting for a worker of its pool";
        slow(&self.common, Role::Catalog, "latency", because)
            .into_iter()
            .chain(hot(&self.common, Role::Catalog))
            .collect()
    }

    /// Faults whose cause is there.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.runaway.is_active() {
            faults.push(Fault::Cpu);
        }
        if self.slots.is_active() {
            faults.push(Fault::Latency);
        }
        faults
    }

    /// What it answers.
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/products", get(list))
            .route("/products/{id}", get(one))
            .route("/trigger_cpu", get(cpu).post(cpu))
            .route("/trigger_latency", get(latency).post(latency))
            .with_state(self.clone())
    }
}

async fn list(State(catalog): State<Arc<Catalog>>) -> Json<Vec<Product>> {
    let _worker = catalog.slots.take().await;
    Json(catalog.products.clone())
}

async fn one(
    State(catalog): State<Arc<Catalog>>,
    Path(id): Path<String>,
) -> Result<Json<Product>, Refusal> {
    let _worker = catalog.slots.take().await;
    let found = catalog.products.iter().find(|product| product.id == id).cloned();
    found.map(Json).ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "there is no such product"))
}

async fn cpu(State(catalog): State<Arc<Catalog>>) -> Json<Value> {
    catalog.runaway.begin();
    triggered(Fault::Cpu, Role::Catalog)
}

async fn latency(State(catalog): State<Arc<Catalog>>) -> Json<Value> {
    catalog.slots.leak().await;
    triggered(Fault::Latency, Role::Catalog)
}
