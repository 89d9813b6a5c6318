//! A Kubernetes API server for tests: objects of `apps/v1` in the shapes of the real one, over HTTP, with
//! what matters to whoever changes them: `resourceVersion` conflicts, `generation`, merge patch (RFC 7386)
//! and JSON patch (RFC 6902) applied for real, RBAC refusals, and a controller that keeps ReplicaSets
//! and makes a rollout go on with every look. It speaks plain HTTP to whoever comes, or HTTPS to whoever
//! proves who it is, by a token or a certificate. Not here: watch, pods, other groups.

mod tls;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::{ServerConnection, StreamOwned};
use serde_json::{Map, Value, json};

pub use tls::{Authority, ClientCertificate, base64};

const REVISION: &str = "deployment.kubernetes.io/revision";
const HASH: &str = "pod-template-hash";
const RESTARTED: &str = "kubectl.kubernetes.io/restartedAt";
/// Looks after which a rollout of pods that never get ready is given up.
const STUCK_AFTER_LOOKS: u32 = 3;
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// What the kubeconfig of [`KubeServer::write_kubeconfig`] proves itself with.
const TOKEN: &str = "not-a-secret";

/// A running server; it ends with the process.
#[derive(Clone)]
pub struct KubeServer {
    /// Where it listens, on loopback.
    pub port: u16,
    scheme: &'static str,
    cluster: Arc<Mutex<Cluster>>,
}

/// A change that the server took: the workload as it was wanted from then on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// `namespace/name`
    pub workload: String,
    /// The image of its template.
    pub image: String,
    /// Pods that are wanted.
    pub replicas: u64,
    /// Whether its template says when its pods were restarted.
    pub restarted: bool,
}

#[derive(Default)]
struct Cluster {
    /// By `namespace/plural/name`.
    objects: BTreeMap<String, Value>,
    version: u64,
    uid: u64,
    /// Looks since the last change, by key.
    looks: BTreeMap<String, u32>,
    forbidden: Vec<(String, String)>,
    requests: Vec<String>,
    /// Who asked, of every request.
    callers: Vec<String>,
    changes: Vec<Change>,
    /// Bearer tokens that prove who asks, with whose they are.
    tokens: BTreeMap<String, String>,
    conflict_once: bool,
}

/// An HTTP status with the API's `Status` object.
struct Refusal {
    code: u16,
    reason: &'static str,
    message: String,
}

fn refuse(code: u16, reason: &'static str, message: impl Into<String>) -> Refusal {
    Refusal { code, reason, message: message.into() }
}

impl KubeServer {
    /// Starts one on a free port of loopback.
    ///
    /// # Errors
    /// No port can be had.
    pub fn start() -> std::io::Result<KubeServer> {
        KubeServer::listen("http", |stream, cluster| {
            serve(stream, cluster, Some("anybody".to_owned()))
        })
    }

    /// Starts one that speaks HTTPS with a certificate of this authority, and answers nobody who does not
    /// prove who it is.
    ///
    /// # Errors
    /// No port, or no certificate can be had.
    pub fn start_tls(authority: &Authority) -> std::io::Result<KubeServer> {
        let tls = authority.server()?;
        KubeServer::listen("https", move |stream, cluster| {
            let connection = ServerConnection::new(tls.config.clone());
            let mut stream = StreamOwned::new(connection.map_err(std::io::Error::other)?, stream);
            while stream.conn.is_handshaking() {
                stream.conn.complete_io(&mut stream.sock)?;
            }
            let shown = stream.conn.peer_certificates().and_then(<[_]>::first);
            let caller = shown.and_then(|certificate| tls.name_of(certificate));
            serve(&mut stream, cluster, caller)?;
            stream.conn.send_close_notify();
            stream.flush()
        })
    }

    fn listen(
        scheme: &'static str,
        serve: impl Fn(TcpStream, &Mutex<Cluster>) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> std::io::Result<KubeServer> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let cluster = Arc::new(Mutex::new(Cluster::default()));
        let server = KubeServer { port, scheme, cluster: cluster.clone() };
        let serve = Arc::new(serve);
        std::thread::Builder::new().name("kube-server".to_owned()).spawn(move || {
            for stream in listener.incoming().flatten() {
                let (cluster, serve) = (cluster.clone(), serve.clone());
                std::thread::spawn(move || {
                    // A client that gives up, or does not trust the certificate, is what tests are about.
                    let _ = stream
                        .set_read_timeout(Some(Duration::from_secs(10)))
                        .and_then(|()| serve(stream, &cluster));
                });
            }
        })?;
        Ok(server)
    }

    /// From now on this bearer token proves that its owner asks.
    pub fn trust_token(&self, token: &str, owner: &str) {
        self.cluster().tokens.insert(token.to_owned(), owner.to_owned());
    }

    fn cluster(&self) -> MutexGuard<'_, Cluster> {
        self.cluster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a kubeconfig that leads here.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_kubeconfig(&self, path: &Path) -> std::io::Result<()> {
        self.write_kubeconfig_of(path, &json!({}), &json!({ "token": TOKEN }))
    }

    /// The same, with more about the cluster (`certificate-authority-data`, …) and this user.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_kubeconfig_of(
        &self,
        path: &Path,
        cluster: &Value,
        user: &Value,
    ) -> std::io::Result<()> {
        let mut cluster = cluster.clone();
        cluster["server"] = json!(format!("{}://127.0.0.1:{}", self.scheme, self.port));
        // JSON is YAML.
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{ "name": "test", "cluster": cluster }],
            "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "hale" } }],
            "users": [{ "name": "hale", "user": user }],
        });
        std::fs::write(path, config.to_string())
    }

    /// Puts a Deployment up, rolled out.
    pub fn deploy(&self, namespace: &str, name: &str, replicas: u32, image: &str) {
        let mut cluster = self.cluster();
        let uid = cluster.next_uid();
        let key = format!("{namespace}/deployments/{name}");
        let object = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {
                "name": name, "namespace": namespace, "uid": uid, "generation": 1,
                "creationTimestamp": "2026-03-01T10:00:00Z", "labels": { "app": name },
                "annotations": {},
            },
            "spec": {
                "replicas": replicas,
                "selector": { "matchLabels": { "app": name } },
                "strategy": { "type": "RollingUpdate" },
                "template": {
                    "metadata": { "labels": { "app": name }, "creationTimestamp": null },
                    "spec": { "containers": [
                        { "name": "main", "image": image, "resources": {}, "imagePullPolicy": "IfNotPresent" },
                    ] },
                },
            },
            "status": {},
        });
        cluster.put(&key, object);
        cluster.roll(&key);
        for _ in 0..3 {
            cluster.look(&key);
        }
    }

    /// Gives a Deployment another image, as a person's `kubectl set image` does.
    pub fn set_image(&self, namespace: &str, name: &str, image: &str) {
        let mut cluster = self.cluster();
        let key = format!("{namespace}/deployments/{name}");
        let Some(mut object) = cluster.objects.get(&key).cloned() else { return };
        object["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
        cluster.change(&key, object);
        for _ in 0..STUCK_AFTER_LOOKS + 2 {
            cluster.look(&key);
        }
    }

    /// Deletes it and makes one of the same name.
    pub fn make_anew(&self, namespace: &str, name: &str) {
        let image = self.image(namespace, name);
        self.cluster().objects.remove(&format!("{namespace}/deployments/{name}"));
        self.deploy(namespace, name, 2, &image);
    }

    /// A Deployment as it is.
    pub fn object(&self, namespace: &str, name: &str) -> Value {
        let key = format!("{namespace}/deployments/{name}");
        self.cluster().objects.get(&key).cloned().unwrap_or(Value::Null)
    }

    /// The image of a Deployment's template.
    pub fn image(&self, namespace: &str, name: &str) -> String {
        let object = self.object(namespace, name);
        let image = &object["spec"]["template"]["spec"]["containers"][0]["image"];
        image.as_str().unwrap_or_default().to_owned()
    }

    /// From now on this verb on this resource is answered with 403.
    pub fn forbid(&self, verb: &str, plural: &str) {
        self.cluster().forbidden.push((verb.to_owned(), plural.to_owned()));
    }

    /// Somebody else writes right before the next change is taken.
    pub fn change_underfoot(&self) {
        self.cluster().conflict_once = true;
    }

    /// `METHOD path` of every request so far.
    pub fn requests(&self) -> Vec<String> {
        self.cluster().requests.clone()
    }

    /// Who asked, of every request so far that was answered.
    pub fn callers(&self) -> Vec<String> {
        self.cluster().callers.clone()
    }

    /// Every change that was asked for and taken so far.
    pub fn changes(&self) -> Vec<Change> {
        self.cluster().changes.clone()
    }
}

impl Cluster {
    fn next_uid(&mut self) -> String {
        self.uid += 1;
        format!("00000000-0000-4000-8000-{:012}", self.uid)
    }

    fn put(&mut self, key: &str, mut object: Value) {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.objects.insert(key.to_owned(), object);
    }

    /// Stores a changed object: the specification counts up, the template makes a new ReplicaSet.
    fn change(&mut self, key: &str, mut object: Value) -> Value {
        let before = self.objects.get(key).cloned().unwrap_or(Value::Null);
        if before["spec"] != object["spec"] {
            let generation = before["metadata"]["generation"].as_i64().unwrap_or(0);
            object["metadata"]["generation"] = json!(generation + 1);
            self.looks.insert(key.to_owned(), 0);
        }
        let new_template = before["spec"]["template"] != object["spec"]["template"];
        self.put(key, object);
        if new_template {
            self.roll(key);
        }
        self.objects.get(key).cloned().unwrap_or(Value::Null)
    }

    /// The controller's part: the ReplicaSet of the present template becomes the newest revision.
    fn roll(&mut self, key: &str) {
        let Some(mut object) = self.objects.get(key).cloned() else { return };
        let (namespace, name, uid) = (
            text(&object["metadata"]["namespace"]),
            text(&object["metadata"]["name"]),
            text(&object["metadata"]["uid"]),
        );
        let template = object["spec"]["template"].clone();
        let hash = hash_of(&template);
        let prefix = format!("{namespace}/replicasets/{name}-");
        let newest = self
            .objects
            .iter()
            .filter(|(key, _)| key.starts_with(&prefix))
            .filter_map(|(_, set)| set["metadata"]["annotations"][REVISION].as_str()?.parse().ok())
            .max()
            .unwrap_or(0_u64);
        let set_key = format!("{prefix}{hash}");
        let revision = json!((newest + 1).to_string());
        let mut set = match self.objects.get(&set_key) {
            Some(set) => set.clone(),
            None => {
                let mut template = template;
                template["metadata"]["labels"][HASH] = json!(hash);
                let mut labels = object["spec"]["selector"]["matchLabels"].clone();
                labels[HASH] = json!(hash);
                json!({
                    "apiVersion": "apps/v1", "kind": "ReplicaSet",
                    "metadata": {
                        "name": format!("{name}-{hash}"), "namespace": namespace,
                        "uid": self.next_uid(), "generation": 1, "labels": labels,
                        "annotations": {},
                        "ownerReferences": [{
                            "apiVersion": "apps/v1", "kind": "Deployment", "name": name,
                            "uid": uid, "controller": true, "blockOwnerDeletion": true,
                        }],
                    },
                    "spec": { "selector": { "matchLabels": labels }, "template": template },
                    "status": {},
                })
            }
        };
        set["metadata"]["annotations"][REVISION] = revision.clone();
        self.put(&set_key, set);
        object["metadata"]["annotations"][REVISION] = revision;
        self.put(key, object);
    }

    /// One step of the controller: seen, then updated, then available; pods of an image whose name
    /// holds `broken` never get ready.
    fn look(&mut self, key: &str) {
        let looks = self.looks.entry(key.to_owned()).or_default();
        *looks += 1;
        let looks = *looks;
        let Some(mut object) = self.objects.get(key).cloned() else { return };
        let wanted = object["spec"]["replicas"].as_u64().unwrap_or(1);
        let image = text(&object["spec"]["template"]["spec"]["containers"][0]["image"]);
        let broken = image.contains("broken");
        let before = object["status"]["availableReplicas"].as_u64().unwrap_or(0);
        let generation = object["metadata"]["generation"].clone();
        let status = &mut object["status"];
        status["observedGeneration"] = generation;
        let (existing, updated, available) = match looks {
            1 => (wanted.max(before), 0, before),
            2 => (wanted + 1, 1.min(wanted), before),
            _ if broken => (wanted + 1, 1.min(wanted), before.min(wanted)),
            _ => (wanted, wanted, wanted),
        };
        status["replicas"] = json!(existing);
        status["updatedReplicas"] = json!(updated);
        status["readyReplicas"] = json!(available);
        status["availableReplicas"] = json!(available);
        let (progressing, reason) = match (broken, looks > STUCK_AFTER_LOOKS) {
            (true, true) => ("False", "ProgressDeadlineExceeded"),
            (false, true) => ("True", "NewReplicaSetAvailable"),
            (_, false) => ("True", "ReplicaSetUpdated"),
        };
        status["conditions"] = json!([{
            "type": "Progressing", "status": progressing, "reason": reason, "message": "as tested",
        }]);
        self.put(key, object);
    }

    fn answer(&mut self, request: &Request, caller: Option<String>) -> Result<Value, Refusal> {
        let owner = request.bearer.as_ref().and_then(|token| self.tokens.get(token));
        let Some(caller) = caller.or_else(|| owner.cloned()) else {
            return Err(refuse(401, "Unauthorized", "Unauthorized"));
        };
        self.callers.push(caller);
        self.requests.push(format!("{} {}", request.method, request.path));
        let parts: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
        let (namespace, plural, name) = match parts.as_slice() {
            ["apis", "apps", "v1", "namespaces", namespace, plural, name] => {
                (Some(*namespace), *plural, Some(*name))
            }
            ["apis", "apps", "v1", "namespaces", namespace, plural] => {
                (Some(*namespace), *plural, None)
            }
            ["apis", "apps", "v1", plural] => (None, *plural, None),
            _ => {
                return Err(refuse(
                    404,
                    "NotFound",
                    "the server could not find the requested resource",
                ));
            }
        };
        let verb = match (request.method.as_str(), name) {
            ("GET", Some(_)) => "get",
            ("GET", None) => "list",
            ("PATCH", Some(_)) => "patch",
            _ => return Err(refuse(405, "MethodNotAllowed", "not allowed")),
        };
        if self.forbidden.iter().any(|(v, p)| v == verb && p == plural) {
            let what = format!("{plural}.apps is forbidden: User \"hale\" cannot {verb} resource");
            return Err(refuse(403, "Forbidden", what));
        }
        match (name, namespace) {
            (Some(name), Some(namespace)) => self.one(request, namespace, plural, name),
            (_, namespace) => Ok(self.list(request, namespace, plural)),
        }
    }

    fn list(&mut self, request: &Request, namespace: Option<&str>, plural: &str) -> Value {
        let keys: Vec<String> = self.objects.keys().cloned().collect();
        for key in keys.iter().filter(|key| key.contains("/deployments/")) {
            self.look(key);
        }
        let wanted: Vec<(String, String)> = request
            .selector
            .split(',')
            .filter_map(|pair| pair.split_once('='))
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect();
        let items: Vec<&Value> = self
            .objects
            .iter()
            .filter(|(key, _)| key.split('/').nth(1) == Some(plural))
            .filter(|(key, _)| namespace.is_none_or(|n| key.split('/').next() == Some(n)))
            .map(|(_, object)| object)
            .filter(|o| wanted.iter().all(|(k, v)| o["metadata"]["labels"][k] == json!(v)))
            .collect();
        json!({
            "apiVersion": "apps/v1", "kind": "List",
            "metadata": { "resourceVersion": self.version.to_string() }, "items": items,
        })
    }

    fn one(
        &mut self,
        request: &Request,
        namespace: &str,
        plural: &str,
        name: &str,
    ) -> Result<Value, Refusal> {
        let key = format!("{namespace}/{plural}/{name}");
        let missing = || refuse(404, "NotFound", format!("{plural}.apps \"{name}\" not found"));
        if request.method == "GET" {
            if plural == "deployments" {
                self.look(&key);
            }
            return self.objects.get(&key).cloned().ok_or_else(missing);
        }
        if std::mem::take(&mut self.conflict_once)
            && let Some(mut object) = self.objects.get(&key).cloned()
        {
            let seconds = object["spec"]["minReadySeconds"].as_u64().unwrap_or(0);
            object["spec"]["minReadySeconds"] = json!(seconds + 1);
            self.change(&key, object);
        }
        let before = self.objects.get(&key).cloned().ok_or_else(missing)?;
        let change: Value = serde_json::from_slice(&request.body)
            .map_err(|e| refuse(400, "BadRequest", format!("error decoding patch: {e}")))?;
        let mut after = before.clone();
        match request.content_type.as_str() {
            "application/merge-patch+json" => merge(&mut after, &change),
            "application/json-patch+json" => json_patch(&mut after, &change)?,
            other => {
                let what = format!("the body of the request was in an unknown format: {other}");
                return Err(refuse(415, "UnsupportedMediaType", what));
            }
        }
        if after["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"] {
            let what = format!(
                "Operation cannot be fulfilled on {plural}.apps \"{name}\": the object has been \
                 modified; please apply your changes to the latest version and try again"
            );
            return Err(refuse(409, "Conflict", what));
        }
        if after["metadata"]["uid"] != before["metadata"]["uid"] {
            return Err(refuse(422, "Invalid", "metadata.uid: field is immutable"));
        }
        if after["spec"]["replicas"].as_i64().is_none_or(|n| n < 0) {
            return Err(refuse(
                422,
                "Invalid",
                "spec.replicas: must be greater than or equal to 0",
            ));
        }
        let after = self.change(&key, after);
        self.changes.push(Change {
            workload: format!("{namespace}/{name}"),
            image: text(&after["spec"]["template"]["spec"]["containers"][0]["image"]),
            replicas: after["spec"]["replicas"].as_u64().unwrap_or(1),
            restarted: after["spec"]["template"]["metadata"]["annotations"][RESTARTED].is_string(),
        });
        Ok(after)
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What tells templates apart, as the controller's own hash does.
fn hash_of(template: &Value) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in template.to_string().bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{:010x}", hash & 0xff_ffff_ffff)
}

/// RFC 7386.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(object) = target else { return };
    for (name, value) in fields {
        if value.is_null() {
            object.remove(name);
        } else {
            merge(object.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

/// RFC 6902, of it `test` and `replace`.
fn json_patch(target: &mut Value, patch: &Value) -> Result<(), Refusal> {
    let invalid = |what: String| refuse(422, "Invalid", what);
    let steps = patch.as_array().ok_or_else(|| invalid("a JSON patch is a list".to_owned()))?;
    for step in steps {
        let path = step["path"].as_str().unwrap_or_default();
        let at = target.pointer_mut(path).ok_or_else(|| invalid(format!("no {path}")))?;
        match step["op"].as_str() {
            Some("test") if *at == step["value"] => {}
            Some("test") => return Err(invalid(format!("testing path {path} value failed"))),
            Some("replace") => *at = step["value"].clone(),
            _ => return Err(invalid(format!("operation {} is not known here", step["op"]))),
        }
    }
    Ok(())
}

struct Request {
    method: String,
    path: String,
    selector: String,
    content_type: String,
    bearer: Option<String>,
    body: Vec<u8>,
}

/// One request; `caller` is who asks, where the connection has proved that.
fn serve(
    mut stream: impl Read + Write,
    cluster: &Mutex<Cluster>,
    caller: Option<String>,
) -> std::io::Result<()> {
    let request = read_request(&mut stream)?;
    let answer = cluster.lock().unwrap_or_else(PoisonError::into_inner).answer(&request, caller);
    let (code, body) = match answer {
        Ok(body) => (200, body),
        Err(Refusal { code, reason, message }) => {
            let body = json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": message, "reason": reason, "code": code,
            });
            (code, body)
        }
    };
    let body = body.to_string();
    write!(
        stream,
        "HTTP/1.1 {code} .\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: \
         close\r\n\r\n{body}",
        body.len()
    )?;
    stream.flush()
}

fn read_request(stream: impl Read) -> std::io::Result<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default().to_owned();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let selector = query.split('&').find_map(|pair| pair.strip_prefix("labelSelector="));
    let selector = selector.unwrap_or_default().replace("%3D", "=").replace("%2C", ",");
    let (mut length, mut content_type, mut bearer) = (0, String::new(), None);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap_or(0);
        } else if name.eq_ignore_ascii_case("content-type") {
            content_type = value.trim().to_owned();
        } else if name.eq_ignore_ascii_case("authorization") {
            bearer = value.trim().strip_prefix("Bearer ").map(str::to_owned);
        }
    }
    let mut body = vec![0; length.min(BODY_BYTES_MAX)];
    reader.read_exact(&mut body)?;
    Ok(Request { method, path: path.to_owned(), selector, content_type, bearer, body })
}
