//! The few questions and changes that hale has for a Kubernetes API server, as plain JSON. Whom to ask and how
//! to prove who asks (certificates, tokens, helper programs) is the kube crate's.

use std::path::PathBuf;
use std::time::Duration;

use hale_model::text::{printable, shorten};
use hale_model::workload::{WorkloadRef, connection_advice, is_kubernetes_name};
use http::Request;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;

use crate::error::ActError;
use crate::roots::KubeAccess;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of an error's words.
const WORDS_BYTES_MAX: usize = 300;
/// ReplicaSets of one namespace that are looked through.
const REPLICA_SETS_MAX: u32 = 500;

/// A connection to one API server.
pub(super) struct Api {
    client: Client,
}

impl Api {
    pub(super) async fn connect(access: &KubeAccess) -> Result<Api, ActError> {
        let KubeAccess::Configured { kubeconfig, context } = access else {
            return Err(ActError::Unsupported {
                operation: "Kubernetes".to_owned(),
                why: "it is not enabled".to_owned(),
                next: "set [kubernetes] enabled = true".to_owned(),
            });
        };
        let unusable = |why: String| ActError::Unsupported {
            operation: "Kubernetes".to_owned(),
            why: shorten(&printable(&why), WORDS_BYTES_MAX),
            next: "check [kubernetes] kubeconfig and context, or the pod's service account"
                .to_owned(),
        };
        let mut config = config(kubeconfig, context).await.map_err(unusable)?;
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        config.read_timeout = Some(ANSWER_TIMEOUT);
        config.write_timeout = Some(ANSWER_TIMEOUT);
        let client = Client::try_from(config).map_err(|e| unusable(chain(&e)))?;
        Ok(Api { client })
    }

    /// The workload, whole.
    pub(super) async fn get(&self, operation: &str, of: &WorkloadRef) -> Result<Value, ActError> {
        let path = address(operation, of)?;
        self.ask(operation, of, Request::get(path), Vec::new()).await
    }

    /// Changes the workload by a JSON patch (RFC 6902), and gives it back as it is then.
    pub(super) async fn patch(
        &self,
        operation: &str,
        of: &WorkloadRef,
        change: &Value,
    ) -> Result<Value, ActError> {
        let path = format!("{}?fieldManager=hale", address(operation, of)?);
        let request = Request::patch(path).header("content-type", "application/json-patch+json");
        self.ask(operation, of, request, change.to_string().into_bytes()).await
    }

    /// The ReplicaSets with these labels in the workload's namespace.
    pub(super) async fn replica_sets(
        &self,
        operation: &str,
        of: &WorkloadRef,
        selector: &str,
    ) -> Result<Vec<Value>, ActError> {
        address(operation, of)?;
        let selector: String = selector.bytes().map(escaped).collect();
        let path = format!(
            "/apis/apps/v1/namespaces/{}/replicasets?limit={REPLICA_SETS_MAX}&labelSelector={selector}",
            of.namespace
        );
        let mut list = self.ask(operation, of, Request::get(path), Vec::new()).await?;
        let Value::Array(items) = list["items"].take() else {
            let why = "the list of ReplicaSets is none";
            return Err(ActError::failed(operation, of.to_string(), why));
        };
        Ok(items)
    }

    async fn ask(
        &self,
        operation: &str,
        of: &WorkloadRef,
        request: http::request::Builder,
        body: Vec<u8>,
    ) -> Result<Value, ActError> {
        let failed = |why: String| ActError::failed(operation, of.to_string(), why);
        let request = request.body(body).map_err(|e| failed(e.to_string()))?;
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, self.client.request_text(request)).await;
        let text = match answer {
            Ok(answer) => answer.map_err(|error| refused(operation, of, &error))?,
            Err(_) => {
                let secs = ANSWER_TIMEOUT.as_secs();
                return Err(failed(format!("the API server did not answer within {secs} s")));
            }
        };
        if text.len() > ANSWER_BYTES_MAX {
            return Err(failed(format!("the answer is over {ANSWER_BYTES_MAX} bytes")));
        }
        serde_json::from_str(&text).map_err(|e| failed(format!("the answer is no JSON: {e}")))
    }
}

async fn config(kubeconfig: &str, context: &str) -> Result<Config, String> {
    let options = KubeConfigOptions {
        context: (!context.is_empty()).then(|| context.to_owned()),
        ..KubeConfigOptions::default()
    };
    if !kubeconfig.is_empty() {
        let path = PathBuf::from(kubeconfig);
        let read = Kubeconfig::read_from(&path).map_err(|e| chain(&e))?;
        return Config::from_custom_kubeconfig(read, &options).await.map_err(|e| chain(&e));
    }
    if !context.is_empty() {
        return Config::from_kubeconfig(&options).await.map_err(|e| chain(&e));
    }
    Config::infer().await.map_err(|e| chain(&e))
}

/// Names go into the address: only what the server itself takes for one.
fn address(operation: &str, of: &WorkloadRef) -> Result<String, ActError> {
    if !is_kubernetes_name(&of.namespace) || !is_kubernetes_name(&of.name) {
        let why = "not the name of a workload";
        return Err(ActError::failed(operation, printable(&of.to_string()), why));
    }
    let plural = of.kind.plural();
    Ok(format!("/apis/apps/v1/namespaces/{}/{plural}/{}", of.namespace, of.name))
}

fn escaped(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

/// The server's "no" in hale's words.
fn refused(operation: &str, of: &WorkloadRef, error: &kube::Error) -> ActError {
    let target = of.to_string();
    if let kube::Error::Api(status) = error {
        let words = shorten(&printable(&status.message), WORDS_BYTES_MAX);
        return match status.code {
            404 => ActError::TargetGone { target },
            // A JSON patch whose test fails is invalid (422).
            409 => ActError::TargetChanged {
                target,
                what: format!("somebody changed it at the same moment ({words})"),
            },
            422 if words.contains("/metadata/") => ActError::TargetChanged {
                target,
                what: format!("somebody changed it at the same moment ({words})"),
            },
            401 => ActError::PermissionDenied {
                operation: operation.to_owned(),
                target,
                next: format!(
                    "the API server does not know who asks ({words}): check the token or the client \
                     certificate of the user in the kubeconfig (or the pod's service account)"
                ),
                source: None,
            },
            403 => ActError::PermissionDenied {
                operation: operation.to_owned(),
                target,
                next: format!("give hale's account that right in RBAC ({words})"),
                source: None,
            },
            code => ActError::failed(operation, target, format!("{code}: {words}")),
        };
    }
    let words = shorten(&printable(&chain(error)), WORDS_BYTES_MAX);
    let why = match connection_advice(&words) {
        Some(advice) => format!("{words}; {advice}"),
        None => words,
    };
    ActError::failed(operation, target, why)
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}
