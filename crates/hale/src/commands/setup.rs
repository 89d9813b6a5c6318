//! `hale setup`: from nothing to a configuration that works, by questions or wholly by flags. Only what
//! is chosen changes; the old file is kept beside the new one; the new one is checked before it is
//! written. A key goes to the keyring or a file of its owner's, and is shown nowhere.

use std::io::{IsTerminal as _, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use hale_engine::sign_in::{KeyError, SecretString, keys_beside};
use hale_model::Timestamp;
use hale_model::api::{ApiError, ErrorKind};
use hale_model::config::{self, AiProvider, Config, Mode, ProviderKind};
use hale_model::text::printable;
use serde::Serialize;

use self::draft::{Choices, ProviderChoice};
use super::config::{beside, write_new};
use super::doctor;
use crate::context::Context;
use crate::exit::{Ended, Exit, Failure};
use crate::screen::{CYAN, DIM, GREEN, RED, paint};

mod draft;
mod typed;
mod wizard;

/// Bytes of a key on standard input.
const LIMIT_KEY_BYTES: u64 = 16 << 10;

/// Arguments of `hale setup`.
#[derive(Debug, Default, clap::Args)]
pub struct SetupArgs {
    /// The provider whose model is asked first
    #[arg(long, value_enum)]
    provider: Option<ProviderArg>,
    /// Its model, as the provider names it [default: the provider's usual one]
    #[arg(long, value_name = "NAME", requires = "provider")]
    model: Option<String>,
    /// Where its API is, if not at the provider's own address
    #[arg(long, value_name = "URL", requires = "provider")]
    base_url: Option<String>,
    /// The name under which its key is looked for: an environment variable, or what --key-stdin stores
    #[arg(long, value_name = "NAME", requires = "provider")]
    key_env: Option<String>,
    /// Read its key from standard input and store it, in the desktop keyring or a file of mode 0600
    #[arg(long, requires = "provider")]
    key_stdin: bool,
    /// Work without any model
    #[arg(long, conflicts_with = "provider")]
    no_model: bool,
    /// The id of your OAuth client, for `hale login`
    #[arg(long, value_name = "ID")]
    google_client_id: Option<String>,
    /// What hale may do by itself
    #[arg(long, value_enum)]
    mode: Option<ModeArg>,
    /// Tell alerts to this address (Slack, Discord, or any that takes JSON); "" for none
    #[arg(long, value_name = "URL")]
    webhook_url: Option<String>,
    /// Tell alerts through the desktop
    #[arg(long, value_name = "BOOL")]
    desktop: Option<bool>,
    /// Ask the provider whether it takes the key and has the model; costs nothing
    #[arg(long)]
    check: bool,
    /// Write without asking
    #[arg(short, long)]
    yes: bool,
}

/// Providers, as flags name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ProviderArg {
    /// Anthropic
    Anthropic,
    /// Google Gemini
    Gemini,
    /// OpenAI, and whatever speaks its API
    Openai,
    /// Ollama, on this machine or another
    Ollama,
}

/// Modes, as flags name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ModeArg {
    /// Watch and tell
    Observe,
    /// Also say what to do
    Suggest,
    /// Also ask, and do what was approved
    Approve,
    /// Also do alone what is safe
    Auto,
}

impl From<ProviderArg> for ProviderKind {
    fn from(provider: ProviderArg) -> Self {
        match provider {
            ProviderArg::Anthropic => ProviderKind::Anthropic,
            ProviderArg::Gemini => ProviderKind::Gemini,
            ProviderArg::Openai => ProviderKind::OpenAi,
            ProviderArg::Ollama => ProviderKind::Ollama,
        }
    }
}

impl From<ModeArg> for Mode {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::Observe => Mode::Observe,
            ModeArg::Suggest => Mode::Suggest,
            ModeArg::Approve => Mode::Approve,
            ModeArg::Auto => Mode::Auto,
        }
    }
}

/// What a person wants, and the key that goes with it.
#[derive(Default)]
struct Wish {
    choices: Choices,
    key: Option<SecretString>,
    check: bool,
    yes: bool,
}

/// What was done, for programs.
#[derive(Serialize)]
struct Done {
    config: PathBuf,
    changed: bool,
    backup: Option<PathBuf>,
    key_stored_in: Option<String>,
}

pub async fn run(context: &Context, arguments: SetupArgs) -> Ended {
    // Links are followed, so that what they point to is replaced and not the link.
    let path = std::fs::canonicalize(&context.config_path).unwrap_or(context.config_path.clone());
    let before = read(&path)?;
    let now = parsed(&before, &path)?;
    let wish = if arguments.says_what() {
        arguments.wish()?
    } else if std::io::stdin().is_terminal() {
        wizard::ask(&now, &keys_beside(&context.config_path)).await?
    } else {
        return Err(cannot_ask(
            "there is no terminal to ask questions on",
            "say it by flags, for example: hale setup --provider anthropic --key-stdin --yes < KEYFILE",
        ));
    };
    let after = draft::with_choices(&before, &wish.choices).map_err(|why| {
        Failure::usage(format!("{}: {why}", path.display()), "correct it with `hale config edit`")
    })?;
    let config = parsed(&after, &path)?;
    let key_name = wish.key.as_ref().map(|_| key_name(&config)).transpose()?;
    show(context, &path, &draft::difference(&before, &after), key_name.as_deref());
    let changed = before != after;
    if (changed || wish.key.is_some()) && !wish.yes && !agreed()? {
        context.screen.talk("Nothing was changed.");
        return Ok(Exit::NeedsApproval);
    }
    // The key first: a configuration that names a key which is nowhere helps nobody.
    let key_stored_in = match (&key_name, &wish.key) {
        (Some(name), Some(key)) => Some(store(context, &path, name, key).await?),
        _ => None,
    };
    let backup = if changed { replace(&path, &after)? } else { None };
    if changed {
        let kept = backup.as_ref().map(|b| format!("; the old one is {}", b.display()));
        context.screen.talk(&format!(
            "✓ {} is written{}.",
            path.display(),
            kept.unwrap_or_default()
        ));
    }
    if context.screen.json {
        context.screen.print_json(&Done { config: path, changed, backup, key_stored_in })?;
    }
    finish(context, &config, wish.check).await
}

impl SetupArgs {
    /// Whether anything was said, so that no question is needed.
    fn says_what(&self) -> bool {
        self.yes
            || self.check
            || self.no_model
            || self.provider.is_some()
            || self.mode.is_some()
            || self.webhook_url.is_some()
            || self.desktop.is_some()
            || self.google_client_id.is_some()
    }

    fn wish(self) -> Result<Wish, Failure> {
        if self.key_stdin && !self.yes {
            return Err(cannot_ask(
                "with --key-stdin nobody can answer a question",
                "add --yes; or run `hale setup` on a terminal and type the key when asked",
            ));
        }
        let key = if self.key_stdin { Some(key_from_stdin()?) } else { None };
        let choices = Choices {
            ai_enabled: match (self.no_model, self.provider) {
                (true, _) => Some(false),
                (false, Some(_)) => Some(true),
                (false, None) => None,
            },
            provider: self.provider.map(|kind| ProviderChoice {
                kind: kind.into(),
                model: self.model,
                base_url: self.base_url,
                key_env: self.key_env,
                has_key: key.is_some(),
            }),
            mode: self.mode.map(Mode::from),
            desktop: self.desktop,
            webhook_url: self.webhook_url,
            google_client_id: self.google_client_id,
        };
        Ok(Wish { choices, key, check: self.check, yes: self.yes })
    }
}

/// The first provider's name for its key.
fn key_name(config: &Config) -> Result<String, Failure> {
    let name = config.ai.providers.first().map(AiProvider::key_name).unwrap_or_default();
    if name.is_empty() {
        return Err(Failure::usage(
            "this provider needs no key, and has no name for one",
            "leave the key out, or say under which name it is kept with --key-env NAME",
        ));
    }
    Ok(name.to_owned())
}

/// A key, or a secret like it.
pub fn key_from_stdin() -> Result<SecretString, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(LIMIT_KEY_BYTES + 1).read_to_string(&mut text);
    let hint = "give the key alone, for example: hale setup --provider anthropic --key-stdin --yes < KEYFILE";
    read.map_err(|e| Failure::failed(format!("standard input cannot be read: {e}"), hint))?;
    if text.trim().is_empty() || text.len() as u64 > LIMIT_KEY_BYTES {
        return Err(Failure::usage("standard input holds no key", hint));
    }
    Ok(SecretString::from(text.trim().to_owned()))
}

fn read(path: &Path) -> Result<String, Failure> {
    if !path.exists() {
        return Ok(String::new());
    }
    crate::context::read_small(path, "the configuration")
}

fn parsed(text: &str, path: &Path) -> Result<Config, Failure> {
    config::parse(text, &path.display().to_string()).map(|loaded| loaded.config).map_err(|errors| {
        Failure::usage(
            errors.to_string(),
            "nothing was written; correct it with `hale config edit`",
        )
    })
}

fn show(context: &Context, path: &Path, difference: &[String], key_name: Option<&str>) {
    if difference.is_empty() && key_name.is_none() {
        context.screen.talk(&format!("{} stays as it is.", path.display()));
        return;
    }
    if !difference.is_empty() {
        context.screen.talk(&format!("{}:", path.display()));
    }
    for line in difference {
        let style = if line.starts_with('+') { GREEN } else { RED };
        context.screen.talk(&format!("  {}", paint(style, &printable(line))));
    }
    if let Some(name) = key_name {
        context.screen.talk(&format!("  the key is stored as {}", paint(CYAN, name)));
    }
}

/// Nobody is there who could say what to write, or yes to it.
fn cannot_ask(message: &str, hint: &str) -> Failure {
    ApiError::new(ErrorKind::NeedsApproval, message).hint(hint).into()
}

fn agreed() -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(cannot_ask(
            "nothing is written without a yes",
            "run this on a terminal, or add --yes",
        ));
    }
    Ok(matches!(typed::line("Write this? [Y/n] ")?.as_str(), "" | "y" | "Y" | "yes"))
}

async fn store(
    context: &Context,
    config_path: &Path,
    name: &str,
    key: &SecretString,
) -> Result<String, Failure> {
    let place = keys_beside(config_path).store(name, key).await.map_err(|e| unkept(&e))?;
    context.screen.talk(&format!("✓ the key is in {place}, as {name}."));
    if std::env::var_os(name).is_some_and(|value| !value.is_empty()) {
        context.screen.talk(&format!(
            "! {name} is also set in this environment, and goes before what is stored."
        ));
    }
    Ok(place.to_string())
}

/// A key that no place takes.
pub fn unkept(error: &KeyError) -> Failure {
    Failure::failed(
        error.to_string(),
        "correct that, or put the key into the environment instead (--key-env NAME)",
    )
}

/// Replaces the file, and says where the old one is kept.
fn replace(path: &Path, text: &str) -> Result<Option<PathBuf>, Failure> {
    let failed = |what: &Path, e: std::io::Error| {
        Failure::failed(
            format!("{} cannot be written: {e}", what.display()),
            "check its owner and the space, or name another with --config",
        )
    };
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(dir).map_err(|e| failed(dir, e))?;
    }
    let next = beside(path, &format!("setup-{}.toml", std::process::id()));
    let mut backup = None;
    if let Ok(metadata) = std::fs::metadata(path) {
        let copy = free_name(path);
        let old = std::fs::read(path).map_err(|e| failed(path, e))?;
        write_new(&copy, &old).map_err(|e| failed(&copy, e))?;
        backup = Some(copy);
        write_new(&next, text.as_bytes()).map_err(|e| failed(&next, e))?;
        let mode = metadata.permissions().mode() & 0o777;
        std::fs::set_permissions(&next, std::fs::Permissions::from_mode(mode))
            .map_err(|e| failed(&next, e))?;
    } else {
        write_new(&next, text.as_bytes()).map_err(|e| failed(&next, e))?;
    }
    std::fs::rename(&next, path).map_err(|e| failed(path, e))?;
    Ok(backup)
}

/// `config.toml.20260131T120000Z`, with a number where two fall into one second.
fn free_name(path: &Path) -> PathBuf {
    let stamp = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let first = beside(path, &stamp);
    let numbered = (2..1000).map(|n| beside(path, &format!("{stamp}-{n}")));
    std::iter::once(first.clone()).chain(numbered).find(|copy| !copy.exists()).unwrap_or(first)
}

/// What `hale doctor` says of the models, and what comes next.
async fn finish(context: &Context, config: &Config, check: bool) -> Ended {
    let settings = context.settings()?;
    let checks = if check {
        hale_engine::probe_models(&settings).await
    } else {
        hale_engine::sign_in::models(&settings).await
    };
    let in_trouble = checks.iter().any(|c| c.state == "failed" || check && c.state == "warning");
    if !context.screen.json {
        context.screen.talk("");
        context.screen.print(&doctor::lines(&checks))?;
    }
    context.screen.talk(&format!(
        "\nmode {}: {}\n`{}` shows this machine, `{}` runs the agent, `{}` checks everything.",
        paint(CYAN, config.general.mode.as_str()),
        paint(DIM, in_words(config.general.mode)),
        paint(CYAN, "hale status"),
        paint(CYAN, "hale up"),
        paint(CYAN, "hale doctor"),
    ));
    Ok(if check && in_trouble { Exit::Failed } else { Exit::Done })
}

/// What a mode means.
fn in_words(mode: Mode) -> &'static str {
    match mode {
        Mode::Observe => "watch and tell",
        Mode::Suggest => "watch, tell, and say what to do",
        Mode::Approve => "ask before every action, and do what you approve",
        Mode::Auto => "do alone what is safe or granted, ask for the rest",
    }
}
