//! What a command needs: where the files are, what is configured, who answers.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hale_engine::Settings;
use hale_model::action::Actor;
use hale_model::api::{ApiError, Command, ErrorKind, Handle, Query, View};
use hale_model::config::{self, Config};
use hale_serve::{Client, ClientError};

use crate::cli::Global;
use crate::exit::Failure;
use crate::screen::Screen;

/// Bytes of a configuration or rule file.
const LIMIT_FILE_BYTES: u64 = 1024 * 1024;
/// A user's own rule files.
const LIMIT_RULE_FILES: usize = 256;

/// Paths and output of this run.
pub struct Context {
    /// Where output goes.
    pub screen: Screen,
    /// The configuration file.
    pub config_path: PathBuf,
    /// Whether the person named it, so that it must exist.
    pub config_named: bool,
    /// Where hale keeps its files.
    pub data_dir: PathBuf,
}

impl Context {
    /// Flags over environment over defaults.
    ///
    /// # Errors
    /// No home directory where a default is needed.
    pub fn new(global: &Global) -> Result<Context, Failure> {
        let named = |path: &Option<PathBuf>| path.clone().filter(|p| !p.as_os_str().is_empty());
        let below_home = |below: &str, instead: &str| {
            let home = std::env::home_dir().filter(|home| home.is_absolute());
            home.map(|home| home.join(below)).ok_or_else(|| {
                Failure::usage("there is no home directory", format!("set HOME, or give {instead}"))
            })
        };
        let config = named(&global.config);
        let config_named = config.is_some();
        let config_path = match config {
            Some(path) => path,
            None => below_home(".config/hale/config.toml", "--config")?,
        };
        let data_dir = match named(&global.data_dir) {
            Some(path) => std::path::absolute(&path).unwrap_or(path),
            None => below_home(".local/share/hale", "--data-dir")?,
        };
        let screen = Screen { json: global.json, quiet: global.quiet };
        Ok(Context { screen, config_path, config_named, data_dir })
    }

    /// Reads the configuration; a file that nobody named may be absent.
    ///
    /// # Errors
    /// It cannot be read, or is wrong.
    pub fn load_config(&self) -> Result<Config, Failure> {
        if !self.config_path.exists() && !self.config_named {
            return Ok(Config::default());
        }
        let loaded = check_file(&self.config_path)?;
        for warning in &loaded.warnings {
            self.screen.talk(warning);
        }
        Ok(expanded(loaded.config))
    }

    /// Everything that is fixed for this run.
    ///
    /// # Errors
    /// The configuration or a rule file cannot be read.
    pub fn settings(&self) -> Result<Settings, Failure> {
        Ok(Settings {
            config: self.load_config()?,
            config_path: self.config_path.clone(),
            data_dir: self.data_dir.clone(),
            user_rules: user_rules(&self.config_path)?,
            user_playbooks: user_playbooks(&self.config_path)?,
            // Not its path: the very same program, also after an upgrade has replaced the file.
            program: Some(PathBuf::from("/proc/self/exe")),
        })
    }

    /// The running agent, or this process where none runs.
    ///
    /// # Errors
    /// An agent that cannot be reached, or a wrong configuration.
    pub async fn connect(&self) -> Result<Desk, Failure> {
        let socket = hale_engine::agent_socket(&self.data_dir);
        match Client::connect(&socket).await {
            Ok(client) => Ok(Desk { handle: Arc::new(client), agent: true, silent: None }),
            Err(ClientError::NoAgent { .. }) => Ok(Desk {
                handle: hale_engine::offline(self.settings()?),
                agent: false,
                silent: None,
            }),
            Err(ClientError::Silent { waited_secs, .. }) => {
                let who = hale_engine::agent_pid(&self.data_dir)
                    .map_or(String::new(), |pid| format!(" (pid {pid})"));
                let silent = format!("the agent{who} does not answer within {waited_secs} s");
                self.screen.talk(&format!(
                    "{} {silent}: this command looks for itself; `hale doctor` says more.",
                    crate::screen::paint(crate::screen::YELLOW, "hale:")
                ));
                Ok(Desk {
                    handle: hale_engine::offline(self.settings()?),
                    agent: false,
                    silent: Some(silent),
                })
            }
            Err(ClientError::Unreachable { path, source }) => Err(Failure::failed(
                format!("the agent on {} cannot be reached: {source}", path.display()),
                "run this as the user the agent runs as, or as root; or name another --data-dir",
            )),
        }
    }
}

/// Who answers.
pub struct Desk {
    /// The agent's handle, or one that needs no agent.
    pub handle: Arc<dyn Handle>,
    /// Whether an agent answers.
    pub agent: bool,
    /// That there is one which does not answer, in words.
    pub silent: Option<String>,
}

impl Desk {
    /// Asks.
    pub async fn ask(&self, query: Query) -> Result<View, ApiError> {
        self.handle.query(query).await
    }

    /// Wishes, in the name of whoever runs this command.
    pub async fn wish(&self, command: Command) -> Result<View, ApiError> {
        if let Some(silent) = &self.silent
            && is_the_agents(&command)
        {
            return Err(ApiError::new(ErrorKind::Degraded, silent.clone()).hint(
                "it alone goes on with its own cases: `hale doctor` says what it does; let it go on, or end it, then try again",
            ));
        }
        let uid = rustix::process::getuid().as_raw();
        self.handle.command(command, Actor::User { uid }).await
    }
}

/// Whether only the agent can carry it out: it goes on with a case of its own once it wakes.
fn is_the_agents(command: &Command) -> bool {
    match command {
        Command::Approve { .. }
        | Command::Reject { .. }
        | Command::Propose { .. }
        | Command::Undo { .. } => true,
        Command::Act { .. }
        | Command::Step { .. }
        | Command::Pause { .. }
        | Command::Resume
        | Command::AckAlert { .. }
        | Command::CloseAlert { .. }
        | Command::NoteIncident { .. }
        | Command::RunbookImport { .. }
        | Command::RunbookRemove { .. }
        | Command::Export { .. }
        | Command::Vacuum { .. }
        | Command::CreateToken { .. }
        | Command::RevokeToken { .. }
        | Command::RefusedPlan { .. }
        | Command::RefusedCaller { .. } => false,
    }
}

/// Takes the expected view out of an answer, or ends the command.
macro_rules! view {
    ($answer:expr, $variant:ident) => {{
        let hale_model::api::View::$variant(view) = $answer? else {
            return Err($crate::exit::Failure::unexpected_view());
        };
        view
    }};
}
pub(crate) use view;

/// Reads and checks a configuration file.
///
/// # Errors
/// It cannot be read, or everything that is wrong with it.
pub fn check_file(path: &Path) -> Result<config::Loaded, Failure> {
    let text = read_small(path, "the configuration")?;
    config::parse(&text, &path.display().to_string()).map_err(|errors| {
        Failure::usage(
            errors.to_string(),
            "correct it with `hale config edit`; docs/reference/config.md has every key",
        )
    })
}

/// Reads a text file of bounded size.
///
/// # Errors
/// It is no small text file that can be read.
pub fn read_small(path: &Path, what: &str) -> Result<String, Failure> {
    let failed = |why: String| {
        Failure::failed(
            format!("{what} {} cannot be read: {why}", path.display()),
            "check that it is a text file which you may read",
        )
    };
    // A pipe would hang the command, a device might never end.
    let metadata = std::fs::metadata(path).map_err(|e| failed(e.to_string()))?;
    if !metadata.is_file() {
        return Err(failed("it is not a file".to_owned()));
    }
    let file = std::fs::File::open(path).map_err(|e| failed(e.to_string()))?;
    let mut bytes = Vec::new();
    file.take(LIMIT_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|e| failed(e.to_string()))?;
    if bytes.len() as u64 > LIMIT_FILE_BYTES {
        return Err(failed(format!("it is over {LIMIT_FILE_BYTES} bytes")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + before.iter().filter(|b| **b == b'\n').count();
        failed(format!("line {line} is not UTF-8"))
    })
}

/// `rules/*.toml` beside the configuration, by name.
fn user_rules(config_path: &Path) -> Result<Vec<(String, String)>, Failure> {
    let Some(dir) = config_path.parent().map(|dir| dir.join("rules")) else {
        return Ok(Vec::new());
    };
    let Ok(entries) = std::fs::read_dir(&dir) else { return Ok(Vec::new()) };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    paths.sort();
    if paths.len() > LIMIT_RULE_FILES {
        return Err(Failure::usage(
            format!("{} holds {} rule files, over {LIMIT_RULE_FILES}", dir.display(), paths.len()),
            "put several rules into one file",
        ));
    }
    let read =
        |path: &PathBuf| Ok((path.display().to_string(), read_small(path, "the rule file")?));
    paths.iter().map(read).collect()
}

/// `playbooks/*.yaml` beside the configuration, by name.
///
/// # Errors
/// There are too many.
pub fn own_playbook_paths(config_path: &Path) -> Result<Vec<PathBuf>, Failure> {
    match config_path.parent().map(|dir| dir.join("playbooks")) {
        Some(dir) if dir.is_dir() => yaml_files(&dir),
        Some(_) | None => Ok(Vec::new()),
    }
}

/// The YAML files of a folder, by name.
///
/// # Errors
/// It cannot be read, or holds too many.
pub fn yaml_files(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = std::fs::read_dir(dir).map_err(|e| {
        Failure::failed(
            format!("{} cannot be read: {e}", dir.display()),
            "check that it is a folder which you may read",
        )
    })?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "yaml" || e == "yml"))
        .take(LIMIT_RULE_FILES + 1)
        .collect();
    paths.sort();
    if paths.len() > LIMIT_RULE_FILES {
        return Err(Failure::usage(
            format!("{} holds over {LIMIT_RULE_FILES} playbooks", dir.display()),
            "move some elsewhere",
        ));
    }
    Ok(paths)
}

fn user_playbooks(config_path: &Path) -> Result<Vec<(String, String)>, Failure> {
    let paths = own_playbook_paths(config_path)?;
    let read = |path: &PathBuf| Ok((path.display().to_string(), read_small(path, "the playbook")?));
    paths.iter().map(read).collect()
}

/// Replaces `~` by the home directory in every path of the configuration.
fn expanded(mut config: Config) -> Config {
    let Some(home) = std::env::home_dir() else { return config };
    let expand = |path: &mut String| {
        if path == "~" {
            *path = home.display().to_string();
        } else if let Some(rest) = path.strip_prefix("~/") {
            *path = home.join(rest).display().to_string();
        }
    };
    config.notifications.log_file.iter_mut().for_each(expand);
    config.allowlist.protected_paths.iter_mut().for_each(expand);
    expand(&mut config.kubernetes.kubeconfig);
    config.allowlist.cleanable_paths.iter_mut().for_each(expand);
    config
}
