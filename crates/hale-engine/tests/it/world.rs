//! Real orphans to find, a data directory to forget, and a patient look at an agent.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use hale_engine::{Agent, Settings};
use hale_model::action::Actor;
use hale_model::api::{ApiError, Command as Wish, Handle, Query, View};
use hale_model::config::{Config, Mode};
use hale_model::view::IncidentView;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// An agent in this process, on a data directory of its own.
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) handle: Arc<dyn Handle>,
    shutdown: CancellationToken,
    agent: JoinHandle<()>,
    _dir: Option<TempDir>,
}

pub(crate) fn settings(dir: &Path, mode: Mode) -> Settings {
    let mut config = Config::default();
    config.general.mode = mode;
    config.general.interval_secs = 1;
    config.thresholds.max_duplicate_processes = 3;
    config.thresholds.ghost_storm_ram_percent = 0.0;
    // The disk under the test may be as full as it likes.
    config.thresholds.disk_min_free_percent = 0.0;
    config.notifications.terminal = false;
    config.notifications.desktop = false;
    Settings {
        config,
        config_path: dir.join("config.toml"),
        data_dir: dir.join("data"),
        user_rules: Vec::new(),
        user_playbooks: Vec::new(),
        program: None,
    }
}

pub(crate) fn me() -> Actor {
    Actor::User { uid: rustix::process::getuid().as_raw() }
}

impl World {
    pub(crate) async fn start(mode: Mode) -> World {
        let dir = TempDir::new().unwrap();
        let settings = settings(dir.path(), mode);
        let mut world = World::start_on(settings).await.unwrap();
        world._dir = Some(dir);
        world
    }

    pub(crate) async fn start_on(settings: Settings) -> Result<World, ApiError> {
        let agent = Agent::start(settings.clone(), false).await?;
        let (handle, shutdown) = (agent.handle(), agent.shutdown_token());
        let agent = tokio::spawn(async move { agent.run_until_shutdown().await.unwrap() });
        Ok(World { settings, handle, shutdown, agent, _dir: None })
    }

    /// Keeps a directory for as long as this world.
    pub(crate) fn keep(&mut self, dir: TempDir) {
        self._dir = Some(dir);
    }

    pub(crate) async fn stop(self) -> Option<TempDir> {
        self.shutdown.cancel();
        self.agent.await.unwrap();
        self._dir
    }

    pub(crate) async fn incidents(&self) -> Vec<IncidentView> {
        match self.handle.query(Query::Incidents { state: None, limit: 0 }).await.unwrap() {
            View::Incidents(view) => view.incidents,
            other => panic!("{other:?}"),
        }
    }

    /// The incident about these processes, once it has come to this state.
    pub(crate) async fn incident_about(&self, ghosts: &Ghosts, state: &str) -> IncidentView {
        for _ in 0..150 {
            for incident in self.incidents().await {
                let about = incident
                    .actions
                    .iter()
                    .any(|a| ghosts.pids.iter().all(|p| a.command.contains(&p.to_string())));
                if about && incident.state == state {
                    return incident;
                }
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!(
            "no incident about {:?} came to `{state}`: {:#?}",
            ghosts.pids,
            self.incidents().await
        );
    }

    pub(crate) async fn wish(&self, wish: Wish) -> Result<View, ApiError> {
        self.handle.command(wish, me()).await
    }
}

/// Orphans of one command line, left behind by an agent that died.
pub(crate) struct Ghosts {
    pub(crate) pids: Vec<i32>,
}

impl Ghosts {
    /// `count` children of a process named `claude`, which exits.
    pub(crate) fn leave(dir: &Path, count: usize) -> Ghosts {
        let claude = dir.join("claude");
        std::fs::copy("/bin/sh", &claude).unwrap();
        let server = dir.join("mcp_server");
        std::os::unix::fs::symlink("/bin/sleep", &server).unwrap();
        let script = format!(
            "for i in $(seq {count}); do {} 300 >/dev/null 2>&1 & echo $!; done; read ignored",
            server.display()
        );
        let mut parent = Command::new(&claude)
            .args(["-c", &script])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut pids = Vec::new();
        let mut lines =
            std::io::BufRead::lines(std::io::BufReader::new(parent.stdout.take().unwrap()));
        while pids.len() < count {
            pids.push(lines.next().unwrap().unwrap().trim().parse().unwrap());
        }
        std::thread::sleep(Duration::from_millis(1500));
        drop(parent.stdin.take());
        parent.wait().unwrap();
        Ghosts { pids }
    }

    pub(crate) fn living(&self) -> usize {
        self.pids
            .iter()
            .filter(|pid| {
                let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
                let state = stat.rsplit(") ").next().and_then(|s| s.chars().next());
                state.is_some_and(|s| s != 'Z')
            })
            .count()
    }
}

impl Drop for Ghosts {
    fn drop(&mut self) {
        for pid in &self.pids {
            if let Some(pid) = rustix::process::Pid::from_raw(*pid) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
    }
}
