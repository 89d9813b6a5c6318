//! HTTP over loopback and over a unix socket: one router, the same answers. Knows hale-model only;
//! whatever it answers comes from a [`Handle`].
//!
//! Who may do what:
//!
//! * over TCP (loopback): everyone on this machine may read; nobody may change anything;
//! * over the unix socket: the user the agent runs as, and root, told by the kernel's peer
//!   credentials; they may also change things, and speak `POST /api/v1/rpc`.
//!
//! Deliberately absent: any decision about machines, alerts or actions.

mod access;
mod answer;
mod client;
mod listen;
pub mod mcp;
mod page;
mod routes;
mod rpc;

use std::io;
use std::sync::Arc;

use hale_model::api::Handle;
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;

pub use client::{Client, ClientError};
pub use rpc::{RpcAnswer, RpcRequest};

/// What to serve, and where.
pub struct ServeOptions {
    /// Who answers.
    pub handle: Arc<dyn Handle>,
    /// Read-only, for everyone on this machine.
    pub tcp: Option<TcpListener>,
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
    let router = routes::router(options.handle);
    let tcp = async {
        match options.tcp {
            Some(listener) => {
                listen::run(listen::Tcp::new(listener)?, router.clone(), &options.shutdown).await
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
