//! `POST /api/v1/rpc`, on the unix socket only: a [`Query`] or a [`Command`] as it is, for clients
//! of this project. Others use the routes.

use std::collections::BTreeMap;

use hale_model::api::{ApiError, Command, Query, View};
use serde::{Deserialize, Serialize};

/// Path of the call.
pub(crate) const RPC_PATH: &str = "/api/v1/rpc";

/// `{"query": …}` or `{"command": …}`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RpcRequest {
    /// Ask.
    Query(Query),
    /// Wish. In whose name is told by the socket, never by the request.
    Command(Command),
}

/// What comes back, always with status 200.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RpcAnswer {
    /// Seconds since each source was last read well.
    pub staleness: BTreeMap<String, u64>,
    /// What of the agent itself does not work.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// `{"Ok": …}` or `{"Err": …}`
    pub result: Result<View, ApiError>,
}
