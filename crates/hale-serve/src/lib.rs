//! HTTP over loopback and over a unix socket: one router, the same answers. Knows hale-model only;
//! whatever it answers comes from a [`Handle`].
//!
//! Who may do what:
//!
//! * over the unix socket: the user the agent runs as, and root, told by the kernel's peer
//!   credentials: everything, and they alone speak `POST /api/v1/rpc`;
//! * over TCP on a loopback address: everyone on this machine may read and report; whoever changes
//!   something is a browser that was signed in with a one-time link, or shows a token;
//! * over TCP on any other address: nobody does anything without a token.
//!
//! `rules` says what each route takes, `access` judges it.
//!
//! Deliberately absent: any decision about machines, alerts or actions.

mod access;
mod answer;
mod client;
mod dashboard;
mod doors;
mod limit;
mod listen;
pub mod mcp;
mod metrics;
mod openapi;
#[path = "receive/otlp/mod.rs"]
mod otlp;
mod receive;
mod room;
mod routes;
mod routes_dashboard;
mod routes_person;
mod rpc;
mod rules;
mod sessions;
mod sign_in;
mod stall;
mod stream;
mod tls;
mod wording;

use std::io;
use std::sync::Arc;

use hale_model::api::Handle;
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;

#[doc(hidden)]
pub use access::fuzz_callers;
pub use client::{Client, ClientError};
pub use doors::{DoorSettings, Doors};
pub use openapi::{openapi, openapi_page};
pub use otlp::{OtlpOptions, decode_for_fuzzing, serve_otlp};
pub use receive::{WebhookOptions, fuzzing as receive_fuzzing};
pub use room::raise_open_files;
pub use rpc::{RpcAnswer, RpcRequest};
pub use tls::{Identity, TlsError};

/// What to serve, and where.
pub struct ServeOptions {
    /// Who answers.
    pub handle: Arc<dyn Handle>,
    /// For browsers and programs: on a loopback address those of this machine, else all that reach it.
    pub tcp: Option<TcpListener>,
    /// How connections over TCP are encrypted; none: they are not.
    pub tls: Option<Identity>,
    /// Who came in so far.
    pub doors: Arc<Doors>,
    /// Who may send webhooks, and how much.
    pub webhooks: WebhookOptions,
    /// For the same user and root.
    pub unix: Option<UnixListener>,
    /// Stop accepting, let requests end, return.
    pub shutdown: CancellationToken,
}

/// Why serving ended before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A listener does not tell its own address.
    #[error("the address of the HTTP listener cannot be read")]
    Address(#[source] io::Error),
    /// A listener fails again and again.
    #[error("the {listener} listener failed {failures} times in a row")]
    Accept {
        /// `TCP` or `unix`.
        listener: &'static str,
        /// How often.
        failures: u32,
        /// The last failure.
        #[source]
        source: io::Error,
    },
}

/// Serves until `shutdown`.
///
/// # Errors
/// A listener that no longer accepts.
pub async fn serve(options: ServeOptions) -> Result<(), ServeError> {
    let watchers = stream::Watchers::new(options.shutdown.clone());
    let scheme = if options.tls.is_some() { "https" } else { "http" };
    let address = match &options.tcp {
        Some(listener) => Some((listener.local_addr().map_err(ServeError::Address)?, scheme)),
        None => None,
    };
    options.doors.serve(options.handle.clone(), address);
    let router = routes::router(options.handle, watchers, options.doors, options.webhooks);
    let tcp = async {
        match options.tcp {
            Some(listener) => {
                let tls = options.tls.map(|identity| identity.acceptor);
                let listener = listen::Tcp::new(listener, tls)?;
                listen::run(listener, router.clone(), &options.shutdown).await
            }
            None => Ok(()),
        }
    };
    let unix = async {
        match options.unix {
            Some(listener) => {
                listen::run(listen::Unix(listener), router.clone(), &options.shutdown).await
            }
            None => Ok(()),
        }
    };
    tokio::try_join!(tcp, unix).map(|_| ())
}
