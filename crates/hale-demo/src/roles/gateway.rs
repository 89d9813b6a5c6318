//! What customers see: pages for people, an API for programs. It has nothing of its own, and passes on
//! what it is asked, faults on request included.

use std::sync::Arc;

use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Role;
use crate::calls::{self, Refusal};
use crate::faults::Fault;
use crate::market::{Facts, Policy, PolicyRequest, Product, Quote, QuoteRequest};
use crate::notice::Trouble;
use crate::pages;
use crate::server::Common;

/// Pages run no script and load nothing.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// See [`Role::Gateway`].
pub struct Gateway {
    /// What every service has.
    pub common: Arc<Common>,
}

impl Gateway {
    /// With nothing of its own.
    pub fn new(common: Arc<Common>) -> Gateway {
        Gateway { common }
    }

    /// Services behind it that do not even accept a call.
    pub fn troubles(&self) -> Vec<Trouble> {
        let down = self.common.down().into_iter();
        down.map(|(role, calls)| Trouble {
            role,
            kind: "crash",
            message: format!(
                "{} is down: it accepted none of the last {calls} calls",
                role.as_str()
            ),
            metrics: json!({ "calls_refused": calls }),
        })
        .collect()
    }

    /// What it answers.
    pub fn router(self: &Arc<Self>) -> Router {
        let mut router = Router::new()
            .route("/", get(home))
            .route("/quote/{product}", get(ask))
            .route("/buy", post(bought))
            .route("/policies", get(policies))
            .route("/status", get(status))
            .route("/api/products", get(api_products))
            .route("/api/quotes", post(api_quote))
            .route("/api/policies", post(api_buy).get(api_policies))
            .route("/api/services", get(api_services));
        for fault in Fault::ALL {
            let pass = move |State(gateway): State<Arc<Gateway>>| async move {
                let path = format!("/trigger_{}", fault.as_str());
                let begun: Value =
                    calls::post(&gateway.common, fault.owner(), &path, &json!({})).await?;
                Ok::<_, Refusal>(Json(begun))
            };
            let path = format!("/trigger_{}", fault.as_str());
            router = router.route(&path, get(pass).post(pass));
        }
        router.with_state(self.clone())
    }

    /// What each service says about itself; none: it does not answer.
    async fn services(&self) -> Vec<(Role, Option<Facts>)> {
        let mut services = Vec::new();
        for role in Role::ALL {
            let url = format!("http://{}/health", self.common.settings.addresses.of(role));
            let facts = match self.common.client.get(url).send().await {
                Ok(answer) => answer.json().await.ok(),
                Err(_) => None,
            };
            services.push((role, facts));
        }
        services
    }
}

type Us = State<Arc<Gateway>>;

fn page(status: StatusCode, html: String) -> Response {
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn sorry(refusal: &Refusal) -> Response {
    page(refusal.status, pages::sorry(refusal.status.as_u16(), &refusal.why))
}

async fn home(State(gateway): Us) -> Response {
    match calls::get::<Vec<Product>>(&gateway.common, Role::Catalog, "/products").await {
        Ok(products) => page(StatusCode::OK, pages::home(&products)),
        Err(refusal) => sorry(&refusal),
    }
}

/// The form of `/quote/{product}`.
#[derive(Deserialize)]
struct Asked {
    age: Option<u32>,
    cover_eur: Option<u64>,
}

async fn ask(State(gateway): Us, Path(id): Path<String>, Query(asked): Query<Asked>) -> Response {
    if !id.chars().all(|c| c.is_ascii_lowercase()) {
        return sorry(&Refusal::new(StatusCode::NOT_FOUND, "there is no such product"));
    }
    let path = format!("/products/{id}");
    let product: Product = match calls::get(&gateway.common, Role::Catalog, &path).await {
        Ok(product) => product,
        Err(refusal) => return sorry(&refusal),
    };
    let (Some(age), Some(cover_eur)) = (asked.age, asked.cover_eur) else {
        return page(StatusCode::OK, pages::ask(&product, None));
    };
    let wish = QuoteRequest { product: id, age, cover_eur };
    match calls::post::<Quote>(&gateway.common, Role::Quote, "/quotes", &wish).await {
        Ok(quote) => page(StatusCode::OK, pages::ask(&product, Some(&quote))),
        Err(refusal) => sorry(&refusal),
    }
}

async fn bought(State(gateway): Us, Form(wish): Form<PolicyRequest>) -> Response {
    match calls::post::<Policy>(&gateway.common, Role::Policy, "/policies", &wish).await {
        // Reloading the page does not buy twice.
        Ok(_) => Redirect::to("/policies").into_response(),
        Err(refusal) => sorry(&refusal),
    }
}

async fn policies(State(gateway): Us) -> Response {
    match calls::get::<Vec<Policy>>(&gateway.common, Role::Policy, "/policies").await {
        Ok(policies) => page(StatusCode::OK, pages::policies(&policies)),
        Err(refusal) => sorry(&refusal),
    }
}

async fn status(State(gateway): Us) -> Response {
    page(StatusCode::OK, pages::status(&gateway.services().await))
}

async fn api_services(State(gateway): Us) -> Json<Value> {
    let services = gateway.services().await;
    let of =
        |(role, facts): (Role, Option<Facts>)| json!({ "service": role.as_str(), "facts": facts });
    Json(services.into_iter().map(of).collect())
}

async fn api_products(State(gateway): Us) -> Result<Json<Vec<Product>>, Refusal> {
    calls::get(&gateway.common, Role::Catalog, "/products").await.map(Json)
}

async fn api_quote(
    State(gateway): Us,
    Json(wish): Json<QuoteRequest>,
) -> Result<Json<Quote>, Refusal> {
    calls::post(&gateway.common, Role::Quote, "/quotes", &wish).await.map(Json)
}

async fn api_buy(
    State(gateway): Us,
    Json(wish): Json<PolicyRequest>,
) -> Result<Json<Policy>, Refusal> {
    calls::post(&gateway.common, Role::Policy, "/policies", &wish).await.map(Json)
}

async fn api_policies(State(gateway): Us) -> Result<Json<Vec<Policy>>, Refusal> {
    calls::get(&gateway.common, Role::Policy, "/policies").await.map(Json)
}
