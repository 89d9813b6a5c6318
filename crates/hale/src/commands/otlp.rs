//! The ports on which `hale up` receives telemetry of services. That one cannot be had is a warning:
//! an OpenTelemetry collector may stand there already.

use std::net::SocketAddr;
use std::sync::Arc;

use hale_engine::Agent;
use hale_model::config::Otlp;
use hale_serve::OtlpOptions;
use tokio::net::TcpListener;

use crate::context::Context;
use crate::screen::{CYAN, YELLOW, paint};

/// What was opened, and what could not be.
pub struct Opened {
    pub options: OtlpOptions,
    addresses: Vec<(&'static str, SocketAddr)>,
    warnings: Vec<String>,
}

pub async fn open(config: &Otlp, agent: &Agent) -> Opened {
    let mut opened = Opened {
        options: OtlpOptions {
            grpc: None,
            http: None,
            token: None,
            book: Arc::clone(&agent.traffic()),
            shutdown: agent.shutdown_token(),
        },
        addresses: Vec::new(),
        warnings: Vec::new(),
    };
    if !config.enabled {
        return opened;
    }
    if !config.token_env.is_empty() {
        match std::env::var(&config.token_env) {
            Ok(token) if !token.trim().is_empty() => {
                opened.options.token = Some(token.trim().to_owned());
            }
            Ok(_) | Err(_) => {
                let what = format!(
                    "telemetry is not received: [otlp] token_env names {}, which is not set",
                    config.token_env
                );
                opened.warnings.push(what);
                return opened;
            }
        }
    }
    opened.options.grpc = opened.listen("grpc", &config.grpc_listen, config.allow_open).await;
    opened.options.http = opened.listen("http", &config.http_listen, config.allow_open).await;
    opened
}

impl Opened {
    async fn listen(
        &mut self,
        scheme: &'static str,
        address: &str,
        allow_open: bool,
    ) -> Option<TcpListener> {
        if address.is_empty() {
            return None;
        }
        let listener = match TcpListener::bind(address).await {
            Ok(listener) => listener,
            Err(error) => {
                self.warnings.push(format!(
                    "no telemetry over {scheme}: cannot listen on {address}: {error}; \
                     `[otlp] {scheme}_listen` names another port, \"\" none"
                ));
                return None;
            }
        };
        let local = listener.local_addr().ok()?;
        if !local.ip().is_loopback() && self.options.token.is_none() && !allow_open {
            self.warnings.push(format!(
                "no telemetry over {scheme}: {address} can be reached from other machines; set \
                 `[otlp] token_env`, or `allow_open = true` in a network that is trusted"
            ));
            return None;
        }
        self.addresses.push((scheme, local));
        Some(listener)
    }

    pub fn greet(&self, context: &Context) {
        if !self.addresses.is_empty() {
            let at = self.addresses.iter().map(|(scheme, at)| format!("{scheme} {at}"));
            let at = at.collect::<Vec<_>>().join(", ");
            context.screen.talk(&format!("  telemetry   {}", paint(CYAN, &format!("OTLP: {at}"))));
        }
        for warning in &self.warnings {
            context.screen.talk(&format!("  {}    {warning}", paint(YELLOW, "warning")));
        }
    }
}
