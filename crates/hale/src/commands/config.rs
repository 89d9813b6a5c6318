//! `hale config show|edit|check|path|snapshot`

use std::io::IsTerminal as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command as Program;

use hale_model::Timestamp;
use hale_model::config::Config;
use serde_json::json;

use super::consent::prompt;
use crate::cli::ConfigCommand;
use crate::context::{Context, check_file};
use crate::exit::{Ended, Exit, Failure};
use crate::screen;

/// How often a wrong edit is offered again.
const LIMIT_EDITS: u32 = 20;

pub fn run(context: &Context, command: ConfigCommand) -> Ended {
    match command {
        ConfigCommand::Show => show(context),
        ConfigCommand::Edit => edit(context),
        ConfigCommand::Check { file } => check(context, file),
        ConfigCommand::Path => {
            let path = &context.config_path;
            let data =
                json!({ "config": path, "exists": path.exists(), "data_dir": context.data_dir });
            context.screen.answer(&data, |_| path.display().to_string())
        }
        ConfigCommand::Snapshot => snapshot(context),
    }
}

fn show(context: &Context) -> Ended {
    let config = context.load_config()?;
    if context.screen.json {
        context.screen.print_json(&config)?;
        return Ok(Exit::Done);
    }
    let origin = if context.config_path.exists() {
        format!("# {} over the defaults\n\n", context.config_path.display())
    } else {
        format!("# {} does not exist: the defaults\n\n", context.config_path.display())
    };
    let text = toml::to_string(&config).map_err(|e| {
        Failure::failed(format!("the configuration cannot be written: {e}"), "report this")
    })?;
    context.screen.print(&(origin + &text))?;
    Ok(Exit::Done)
}

fn check(context: &Context, file: Option<PathBuf>) -> Ended {
    let path = file.as_ref().unwrap_or(&context.config_path);
    if file.is_none() {
        check_rules(context)?;
    }
    if file.is_none() && !context.config_named && !path.exists() {
        let data = json!({ "config": path, "valid": true, "warnings": [] });
        return context
            .screen
            .answer(&data, |_| format!("{} does not exist: the defaults hold.", path.display()));
    }
    let loaded = check_file(path)?;
    for warning in &loaded.warnings {
        context.screen.talk(warning);
    }
    let data = json!({ "config": path, "valid": true, "warnings": loaded.warnings });
    context.screen.answer(&data, |_| format!("{} is valid.", path.display()))
}

/// A person's own rules and playbooks beside the configuration: those that are wrong are left out.
fn check_rules(context: &Context) -> Result<(), Failure> {
    // What is wrong with the configuration itself is told by whoever reads it for that.
    let quiet = Context {
        screen: screen::Screen { quiet: true, ..context.screen },
        config_path: context.config_path.clone(),
        config_named: context.config_named,
        data_dir: context.data_dir.clone(),
    };
    let settings = match quiet.settings() {
        Ok(settings) => settings,
        Err(_) if check_file(&context.config_path).is_err() => return Ok(()),
        Err(failure) => return Err(failure),
    };
    let problems = settings.problems_of_files();
    if problems.is_empty() {
        return Ok(());
    }
    Err(Failure::usage(
        problems.join("\n").replace("; ", "\n"),
        "correct the file, or move it away: until then what is wrong is left out, and the rest works",
    ))
}

fn snapshot(context: &Context) -> Ended {
    let path = &context.config_path;
    if !path.exists() {
        return Err(Failure::failed(
            format!("{} does not exist: there is nothing to keep", path.display()),
            "`hale config edit` makes it",
        ));
    }
    let stamp = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let copy = beside(path, &stamp);
    let failed = |e: std::io::Error| {
        Failure::failed(
            format!("{} cannot be written: {e}", copy.display()),
            "check the directory's owner and space",
        )
    };
    let text = std::fs::read(path).map_err(failed)?;
    write_new(&copy, &text).map_err(failed)?;
    context.screen.answer(&json!({ "snapshot": copy }), |_| copy.display().to_string())
}

/// `config.toml.SUFFIX` in the same directory.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(suffix);
    path.with_file_name(name)
}

/// For this user alone; an existing file is not touched.
pub(super) fn write_new(path: &Path, text: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

fn edit(context: &Context) -> Ended {
    // A link is followed, so that what it points to is replaced and not the link.
    let path = std::fs::canonicalize(&context.config_path).unwrap_or(context.config_path.clone());
    let failed = |what: &Path, e: std::io::Error| {
        Failure::failed(
            format!("{} cannot be written: {e}", what.display()),
            "check its owner, or name another with --config",
        )
    };
    if let Some(dir) = path.parent() {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(|e| failed(dir, e))?;
    }
    let before = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => template()?.into_bytes(),
        Err(error) => return Err(failed(&path, error)),
    };
    let draft = beside(&path, &format!("edit-{}.toml", std::process::id()));
    write_new(&draft, &before).map_err(|e| failed(&draft, e))?;
    let ended = edit_until_valid(&draft, &before);
    match ended {
        Ok(true) => {
            if let Ok(metadata) = std::fs::metadata(&path) {
                let mode = metadata.permissions().mode() & 0o777;
                std::fs::set_permissions(&draft, std::fs::Permissions::from_mode(mode))
                    .map_err(|e| failed(&draft, e))?;
            }
            std::fs::rename(&draft, &path).map_err(|e| failed(&path, e))?;
            context.screen.talk(&format!(
                "{} is replaced. A running agent reads it when it starts again.",
                path.display()
            ));
            Ok(Exit::Done)
        }
        Ok(false) => {
            std::fs::remove_file(&draft).map_err(|e| failed(&draft, e))?;
            context.screen.talk("Nothing was changed.");
            Ok(Exit::Done)
        }
        Err(failure) => {
            context.screen.talk(&format!("What you wrote is kept in {}.", draft.display()));
            Err(failure)
        }
    }
}

/// True: the draft is valid and differs.
fn edit_until_valid(draft: &Path, before: &[u8]) -> Result<bool, Failure> {
    for _ in 0..LIMIT_EDITS {
        run_editor(draft)?;
        let after = std::fs::read(draft).map_err(|e| {
            Failure::failed(format!("{} cannot be read: {e}", draft.display()), "edit again")
        })?;
        if after == before {
            return Ok(false);
        }
        let error = match check_file(draft) {
            Ok(_) => return Ok(true),
            Err(Failure::Told(error)) => error,
            Err(Failure::NobodyReads) => return Err(Failure::NobodyReads),
        };
        if !std::io::stdin().is_terminal() {
            return Err(Failure::Told(error));
        }
        screen::tell_error(&error, true);
        if !matches!(prompt("Edit again? [Y/n] ")?.as_str(), "" | "y" | "Y" | "yes") {
            return Err(Failure::Told(error));
        }
    }
    Err(Failure::failed(
        "the draft is still not valid",
        "correct it and check it with `hale config check FILE`",
    ))
}

fn run_editor(draft: &Path) -> Result<(), Failure> {
    let named = |name: &str| std::env::var(name).ok().filter(|editor| !editor.trim().is_empty());
    let editor = named("VISUAL").or_else(|| named("EDITOR")).unwrap_or_else(|| "vi".to_owned());
    // Through the shell: $EDITOR may hold arguments.
    let status = Program::new("/bin/sh")
        .arg("-c")
        .arg(format!("{editor} \"$1\""))
        .arg("hale-editor")
        .arg(draft)
        .status();
    let hint = "set EDITOR to the editor you like";
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            Err(Failure::failed(format!("the editor `{editor}` ended with {status}"), hint))
        }
        Err(error) => {
            Err(Failure::failed(format!("the editor `{editor}` cannot be started: {error}"), hint))
        }
    }
}

/// Every key with its default, as comments.
fn template() -> Result<String, Failure> {
    let defaults = toml::to_string(&Config::default()).map_err(|e| {
        Failure::failed(format!("the defaults cannot be written: {e}"), "report this")
    })?;
    let mut text =
        String::from("# hale. Every key is optional; docs/reference/config.md explains them.\n");
    for line in defaults.lines() {
        if line.is_empty() || line.starts_with('[') || line.starts_with(' ') || line == "]" {
            let comment = if line.starts_with(' ') || line == "]" { "# " } else { "" };
            text.push_str(&format!("{comment}{line}\n"));
        } else {
            text.push_str(&format!("# {line}\n"));
        }
    }
    Ok(text)
}
