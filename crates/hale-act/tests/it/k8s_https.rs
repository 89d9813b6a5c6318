//! The Kubernetes executor over HTTPS: a server whose certificate is of an authority made for the test, and
//! the ways to prove to it who asks; and within a pod, where files of the service account say it all.

use std::path::Path;
use std::process::Command;

use hale_act::{ActError, ActRoots, Actuator, KubeAccess};
use hale_model::ActionId;
use hale_model::action::{Action, Outcome};
use hale_model::workload::{WorkloadKind, WorkloadRef};
use hale_testkit::kube_server::{Authority, KubeServer, base64};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::World;

const TOKEN: &str = "eyJhbGciOiJub25lIn0.token-of-a-test";
const ACCOUNT: &str = "system:serviceaccount:hale:hale";

fn server(authority: &Authority) -> KubeServer {
    let server = KubeServer::start_tls(authority).unwrap();
    server.trust_token(TOKEN, ACCOUNT);
    server.deploy("shop", "web", 3, "web:1");
    server
}

fn web(server: &KubeServer) -> WorkloadRef {
    let object = server.object("shop", "web");
    WorkloadRef {
        namespace: "shop".to_owned(),
        kind: WorkloadKind::Deployment,
        name: "web".to_owned(),
        uid: object["metadata"]["uid"].as_str().unwrap().to_owned(),
        generation: object["metadata"]["generation"].as_i64().unwrap(),
    }
}

async fn scale(
    kubeconfig: &Path,
    workload: WorkloadRef,
    replicas: u32,
) -> Result<Outcome, ActError> {
    let world = World::new();
    let kubernetes = KubeAccess::Configured {
        kubeconfig: kubeconfig.display().to_string(),
        context: String::new(),
    };
    let actuator = Actuator::new(ActRoots { kubernetes, ..world.roots.clone() });
    let action = Action::K8sScale { workload, replicas };
    let pre = actuator.pre_state(&action).await?;
    actuator.apply(&ActionId::of("k8s", 0), &action, &pre).await
}

fn text(bytes: &str) -> Value {
    json!(base64(bytes.as_bytes()))
}

#[tokio::test]
async fn it_is_known_by_its_token_and_by_its_certificate() {
    let dir = TempDir::new().unwrap();
    let authority = Authority::new("cluster").unwrap();
    let client = authority.client("hale-operator").unwrap();
    let file = |name: &str, content: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let (ca, token) = (file("ca.crt", &authority.pem), file("token", TOKEN));
    let (certificate, key) = (file("c.crt", &client.certificate), file("c.key", &client.key));
    for (name, cluster, user, known_as) in [
        (
            "data and token",
            json!({ "certificate-authority-data": text(&authority.pem) }),
            json!({ "token": TOKEN }),
            ACCOUNT,
        ),
        ("files", json!({ "certificate-authority": ca }), json!({ "tokenFile": token }), ACCOUNT),
        (
            "a certificate as data",
            json!({ "certificate-authority-data": text(&authority.pem) }),
            json!({
                "client-certificate-data": text(&client.certificate),
                "client-key-data": text(&client.key),
            }),
            "hale-operator",
        ),
        (
            "a certificate in files",
            json!({ "certificate-authority": ca }),
            json!({ "client-certificate": certificate, "client-key": key }),
            "hale-operator",
        ),
    ] {
        let server = server(&authority);
        let kubeconfig = dir.path().join("kubeconfig");
        server.write_kubeconfig_of(&kubeconfig, &cluster, &user).unwrap();
        let outcome = scale(&kubeconfig, web(&server), 5).await;
        assert!(outcome.as_ref().is_ok_and(|o| o.done), "{name}: {outcome:?}");
        assert_eq!(server.object("shop", "web")["spec"]["replicas"], json!(5), "{name}");
        let callers = server.callers();
        assert!(
            !callers.is_empty() && callers.iter().all(|c| c == known_as),
            "{name}: {callers:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_does_not_prove_who_it_is_is_told_nothing() {
    let dir = TempDir::new().unwrap();
    let (authority, another) = (Authority::new("cluster").unwrap(), Authority::new("x").unwrap());
    let server = server(&authority);
    let kubeconfig = dir.path().join("kubeconfig");
    let user = json!({ "token": TOKEN });
    for cluster in [
        json!({ "certificate-authority-data": text(&another.pem) }),
        // Nothing said: the authorities of the machine, of which this is none.
        json!({}),
    ] {
        server.write_kubeconfig_of(&kubeconfig, &cluster, &user).unwrap();
        let error = scale(&kubeconfig, web(&server), 5).await.unwrap_err().to_string();
        for words in ["deployment shop/web", "certificate authority in the kubeconfig"] {
            assert!(error.contains(words), "{cluster}: {error}");
        }
        assert!(!error.contains(TOKEN), "{error}");
    }
    // Another name than the one in its certificate.
    let cluster = json!({
        "certificate-authority-data": text(&authority.pem), "tls-server-name": "elsewhere.example",
    });
    server.write_kubeconfig_of(&kubeconfig, &cluster, &user).unwrap();
    let error = scale(&kubeconfig, web(&server), 5).await.unwrap_err().to_string();
    assert!(error.contains("check the address"), "{error}");
    assert_eq!(server.requests(), [""; 0]);
}

#[tokio::test]
async fn who_is_not_known_is_told_to_look_at_the_credentials() {
    let dir = TempDir::new().unwrap();
    let (authority, another) = (Authority::new("cluster").unwrap(), Authority::new("x").unwrap());
    let server = server(&authority);
    let kubeconfig = dir.path().join("kubeconfig");
    let cluster = json!({ "certificate-authority-data": text(&authority.pem) });
    for user in [json!({}), json!({ "token": "an-old-token" })] {
        server.write_kubeconfig_of(&kubeconfig, &cluster, &user).unwrap();
        let error = scale(&kubeconfig, web(&server), 5).await.unwrap_err();
        assert!(matches!(error, ActError::PermissionDenied { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("check the token or the client certificate"), "{text}");
        assert!(!text.contains("an-old-token"), "{text}");
    }
    // A certificate of another authority does not even get a connection.
    let client = another.client("hale-operator").unwrap();
    let user = json!({
        "client-certificate-data": text(&client.certificate), "client-key-data": text(&client.key),
    });
    server.write_kubeconfig_of(&kubeconfig, &cluster, &user).unwrap();
    assert!(scale(&kubeconfig, web(&server), 5).await.is_err());
    assert_eq!(server.requests(), [""; 0]);
}

const INSIDE: &str = "HALE_TEST_WORKLOAD_INSIDE_A_POD";
const SECRETS: &str = "/run/secrets/kubernetes.io/serviceaccount";

#[test]
fn in_a_pod_the_service_account_is_enough() {
    let name = "in_a_pod_the_service_account_is_enough";
    if let Some(workload) = std::env::var_os(INSIDE) {
        let workload = serde_json::from_str(workload.to_str().unwrap()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let outcome = runtime.block_on(scale(Path::new(""), workload, 4)).unwrap();
        assert!(outcome.done, "{outcome:?}");
        return;
    }
    // The files lie where they lie in every pod: in a mount namespace, where nobody else sees them.
    let unshare = || {
        let mut command = Command::new("unshare");
        if !rustix::process::geteuid().is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["--mount", "sh", "-c"]);
        command
    };
    let allowed = unshare().arg("mount -t tmpfs none /run").output();
    let linked = std::fs::canonicalize("/var/run").is_ok_and(|path| path == Path::new("/run"));
    if !linked || !allowed.is_ok_and(|output| output.status.success()) {
        println!("SKIPPED {name}: no mount namespace may be made here, or /var/run is not /run");
        return;
    }
    let dir = TempDir::new().unwrap();
    let authority = Authority::new("cluster").unwrap();
    let server = server(&authority);
    for (file, content) in [("ca.crt", &*authority.pem), ("token", TOKEN), ("namespace", "hale")] {
        std::fs::write(dir.path().join(file), content).unwrap();
    }
    let script = format!(
        "mount -t tmpfs none /run && mkdir -p {SECRETS} && cp \"$1\"/* {SECRETS}/ && shift && exec \"$@\""
    );
    let output = unshare()
        .args([&script, "sh"])
        .arg(dir.path())
        .arg(std::env::current_exe().unwrap())
        .args([&format!("k8s_https::{name}"), "--exact", "--nocapture"])
        .env(INSIDE, serde_json::to_string(&web(&server)).unwrap())
        .env("HOME", dir.path())
        .env_remove("KUBECONFIG")
        .env("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        .env("KUBERNETES_SERVICE_PORT", server.port.to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    assert_eq!(server.object("shop", "web")["spec"]["replicas"], json!(4));
    let callers = server.callers();
    assert!(callers.iter().all(|caller| caller == ACCOUNT), "{callers:?}");
}
