//! The marketplace as it is seen from outside: a customer who browses, asks for a price and buys, and
//! whoever asks it to fail or how it is. Nothing here knows more than an address.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::market::Facts;
use crate::{Fault, Role, calls};

/// A customer who waits longer has gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// One visit, from the first page to the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Whether everything worked.
    pub bought: bool,
    /// How long it took.
    pub took: Duration,
    /// What went wrong.
    pub why: Option<String>,
}

/// Somebody outside.
#[derive(Clone, Debug)]
pub struct Customer {
    client: reqwest::Client,
    gateway: SocketAddr,
}

impl Customer {
    /// Of the marketplace at this address.
    ///
    /// # Errors
    /// As reqwest has it.
    pub fn of(gateway: SocketAddr) -> Result<Customer, reqwest::Error> {
        Ok(Customer { client: calls::client()?, gateway })
    }

    /// Looks at the products, asks for a price, and buys.
    pub async fn visit(&self, name: &str) -> Visit {
        let begun = Instant::now();
        let done = tokio::time::timeout(PATIENCE, self.shop(name)).await;
        let why = match done {
            Ok(Ok(())) => None,
            Ok(Err(why)) => Some(why),
            Err(_) => Some(format!("gave up after {} s", PATIENCE.as_secs())),
        };
        Visit { bought: why.is_none(), took: begun.elapsed(), why }
    }

    async fn shop(&self, name: &str) -> Result<(), String> {
        let products = self.ask("GET", "/api/products", None).await?;
        let product = products.get(0).ok_or("there is nothing to buy")?;
        let wish = json!({
            "product": product["id"],
            "age": 37,
            "cover_eur": product["cover_min_eur"],
        });
        let quote = self.ask("POST", "/api/quotes", Some(wish)).await?;
        let wish = json!({ "quote": quote["id"], "holder": name });
        self.ask("POST", "/api/policies", Some(wish)).await.map(|_| ())
    }

    async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value, String> {
        let url = format!("http://{}{path}", self.gateway);
        let request = match body {
            Some(body) => self.client.post(url).json(&body),
            None => self.client.get(url),
        };
        let failed = |why: &dyn std::fmt::Display| format!("{method} {path}: {why}");
        let answer = request.send().await.map_err(|_| failed(&"the gateway does not answer"))?;
        let status = answer.status();
        let value: Value = answer.json().await.map_err(|_| failed(&"no answer"))?;
        if status.is_success() {
            return Ok(value);
        }
        let why = value["error"].as_str().unwrap_or("no reason given");
        Err(failed(&format_args!("{}: {why}", status.as_u16())))
    }

    /// Has the marketplace fail.
    ///
    /// # Errors
    /// It does not take the order, in words.
    pub async fn trigger(&self, fault: Fault) -> Result<(), String> {
        let path = format!("/trigger_{}", fault.as_str());
        self.ask("GET", &path, None).await.map(|_| ())
    }

    /// What each service says about itself; none: it does not answer.
    ///
    /// # Errors
    /// The gateway does not answer, in words.
    pub async fn services(&self) -> Result<Vec<(Role, Option<Facts>)>, String> {
        let list = self.ask("GET", "/api/services", None).await?;
        let entries = list.as_array().cloned().unwrap_or_default();
        let of = |entry: Value| {
            let role = entry["service"].as_str().and_then(Role::parse)?;
            Some((role, serde_json::from_value(entry["facts"].clone()).ok().flatten()))
        };
        Ok(entries.into_iter().filter_map(of).collect())
    }

    /// What a service says about itself, asked directly; none: it does not answer.
    pub async fn facts(&self, service: SocketAddr) -> Option<Facts> {
        let url = format!("http://{service}/health");
        self.client.get(url).send().await.ok()?.json().await.ok()
    }
}
