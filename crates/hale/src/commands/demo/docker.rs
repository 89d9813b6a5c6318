//! The services as containers: through the `docker` program, which knows which engine is meant.
//! Containers share the host's network, and so its loopback: nothing of the demo is reachable from
//! elsewhere.

use std::process::Stdio;
use std::time::Duration;

use hale_demo::Role;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::{Place, fleet, image, role};
use crate::screen::{DIM, Screen, paint};

/// An engine that does not answer by then is none.
const ASK_LIMIT: Duration = Duration::from_secs(5);
/// Taking in an image, starting a container.
const WORK_LIMIT: Duration = Duration::from_secs(120);
/// What its images are called, before the tag.
const REPOSITORY: &str = "hale-demo";
/// Where the program lies in the image.
const PROGRAM: &str = "/hale";
/// Where the market's files are mounted.
const FILES: &str = "/market";
/// Memory that a container may have: the leak of the demo stays below it.
const MEMORY: &str = "512m";

/// A container engine.
pub struct Engine {
    version: String,
    address: String,
}

impl Engine {
    /// Starts all services, if an engine answers and takes them.
    ///
    /// # Errors
    /// Why not, in words.
    pub async fn start(screen: Screen, place: &Place) -> Result<Engine, String> {
        let version = docker(&["version", "--format", "{{.Server.Version}}"], ASK_LIMIT).await?;
        let engine = Engine { version: version.trim().to_owned(), address: address().await };
        let image = format!("{REPOSITORY}:{}", image::tag()?);
        if docker(&["image", "inspect", "--format", "{{.Id}}", &image], ASK_LIMIT).await.is_err() {
            screen.talk(&paint(DIM, "  making an image of this program and its libraries"));
            import(&image).await?;
            remove_older_images(&image).await;
        }
        place.may_have_containers.store(true, std::sync::atomic::Ordering::Relaxed);
        for role in Role::ALL {
            if let Err(why) = run(place, &image, role).await {
                remove_all(place).await;
                return Err(why);
            }
        }
        Ok(engine)
    }

    /// What it is.
    pub fn name(&self) -> String {
        format!("Docker {}", self.version)
    }

    /// Where the agent finds it.
    pub fn address(&self) -> String {
        self.address.clone()
    }
}

/// The engine that the `docker` program asks.
async fn address() -> String {
    let said =
        docker(&["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"], ASK_LIMIT).await;
    match std::env::var("DOCKER_HOST") {
        Ok(host) if !host.is_empty() => host,
        _ => said.map(|host| host.trim().to_owned()).unwrap_or_default(),
    }
}

async fn run(place: &Place, image: &str, role: Role) -> Result<(), String> {
    let name = place.target(role);
    let probe = format!("{}={}", role::PROBE_ENV, place.addresses.of(role));
    let volume = format!("{}:{FILES}", place.market().display());
    let label = format!("hale.demo={}", place.run);
    let user =
        format!("{}:{}", rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let mut words: Vec<String> = [
        "run",
        "--detach",
        "--name",
        &name,
        "--label",
        &label,
        "--network",
        "host",
        "--restart",
        "no",
        "--memory",
        MEMORY,
        "--user",
        &user,
        "--read-only",
        "--cap-drop",
        "ALL",
        "--security-opt",
        "no-new-privileges",
        "--stop-timeout",
        "1",
        "--volume",
        &volume,
        "--env",
        role::TOKEN_ENV,
        "--health-interval",
        "1s",
        "--health-timeout",
        "2s",
        "--health-retries",
        "2",
        "--env",
        &probe,
        "--entrypoint",
        PROGRAM,
        image,
    ]
    .map(str::to_owned)
    .into();
    words.extend(fleet::arguments(place, role, std::path::Path::new(FILES)));
    words.push("--containers".to_owned());
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    docker_with(&words, WORK_LIMIT, Some(&place.webhook_token)).await.map(|_| ())
}

/// Takes in the image over standard input.
async fn import(image: &str) -> Result<(), String> {
    let archive = image::archive()?;
    // Without a shell in the image, the check has to be a list of words: that only an image's own can be.
    let check = format!(r#"HEALTHCHECK CMD ["{PROGRAM}", "demo-role", "probe"]"#);
    let mut child = Command::new("docker")
        .args(["import", "--change", &check, "-", image])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("docker cannot be started: {error}"))?;
    let stdin = child.stdin.take();
    let work = async {
        if let Some(mut stdin) = stdin {
            stdin.write_all(&archive).await?;
            stdin.shutdown().await?;
        }
        child.wait().await
    };
    match tokio::time::timeout(WORK_LIMIT, work).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(format!("docker import: {status}")),
        Ok(Err(error)) => Err(format!("docker import: {error}")),
        Err(_) => Err(format!("docker import took over {} s", WORK_LIMIT.as_secs())),
    }
}

/// Images of other builds of this program are of no use any more. One that a demo still runs stays.
async fn remove_older_images(image: &str) {
    let listed = ["image", "ls", "--format", "{{.Repository}}:{{.Tag}}", REPOSITORY];
    let Ok(listed) = docker(&listed, ASK_LIMIT).await else { return };
    for older in listed.lines().map(str::trim).filter(|line| !line.is_empty() && *line != image) {
        let _ = docker(&["image", "rm", older], WORK_LIMIT).await;
    }
}

/// Removes every container of this demo, running or not. Says nothing where there is no engine.
pub async fn remove_all(place: &Place) {
    let filter = format!("label=hale.demo={}", place.run);
    let Ok(listed) = docker(&["ps", "--all", "--quiet", "--filter", &filter], ASK_LIMIT).await
    else {
        return;
    };
    let ids: Vec<&str> = listed.split_whitespace().collect();
    if !ids.is_empty() {
        let words = [&["rm", "--force"], ids.as_slice()].concat();
        let _ = docker(&words, WORK_LIMIT).await;
    }
}

async fn docker(words: &[&str], limit: Duration) -> Result<String, String> {
    docker_with(words, limit, None).await
}

async fn docker_with(
    words: &[&str],
    limit: Duration,
    token: Option<&str>,
) -> Result<String, String> {
    let mut command = Command::new("docker");
    command.args(words).stdin(Stdio::null()).kill_on_drop(true);
    if let Some(token) = token {
        command.env(role::TOKEN_ENV, token);
    }
    let first = words.first().copied().unwrap_or_default();
    let done = tokio::time::timeout(limit, command.output()).await;
    let output = done
        .map_err(|_| format!("`docker {first}` gave no answer in {} s", limit.as_secs()))?
        .map_err(|_| "there is no `docker` program".to_owned())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("no reason given");
    Err(format!("`docker {first}`: {}", hale_model::text::shorten(line.trim(), 200)))
}
