//! `hale login`: signs in to Google with a browser here, or with one elsewhere; says who is signed in;
//! signs out. What lasts of it is kept where keys are, and the agent finds it there by itself.

use std::path::Path;
use std::process::{Command as Program, Stdio};
use std::time::Duration;

use hale_engine::sign_in::{
    CLIENT_SECRET_NAME, Device, Keys, Loopback, OauthClient, OauthError, SIGN_IN_SECS_MAX,
    SignInState, keys_beside,
};
use hale_model::Timestamp;
use hale_model::config::{Config, ProviderKind};
use serde::Serialize;

use super::setup::{key_from_stdin, unkept};
use crate::context::Context;
use crate::exit::{Ended, Exit, Failure};
use crate::screen::{BOLD, CYAN, paint};

/// Arguments of `hale login`.
#[derive(Debug, clap::Args)]
pub struct LoginArgs {
    /// With a browser on another machine: shows a code to type there
    #[arg(long, conflicts_with_all = ["logout", "status", "port"])]
    device: bool,
    /// Hear the browser on this port of 127.0.0.1, and open no browser: for one that comes through `ssh -L`
    #[arg(long, value_name = "PORT", conflicts_with_all = ["logout", "status"])]
    port: Option<u16>,
    /// First read the OAuth client's secret from standard input, and store it where keys are
    #[arg(long, conflicts_with_all = ["logout", "status"])]
    client_secret_stdin: bool,
    /// Sign out: forget the sign-in on this machine
    #[arg(long, conflicts_with = "status")]
    logout: bool,
    /// Say whether somebody is signed in, and whether Google still takes it
    #[arg(long)]
    status: bool,
}

/// Where things stand, for programs.
#[derive(Serialize)]
struct Standing {
    signed_in: bool,
    kept_in: Option<String>,
    trouble: Option<String>,
}

pub async fn run(context: &Context, arguments: LoginArgs) -> Ended {
    let config = context.load_config()?;
    let keys = keys_beside(&context.config_path);
    if arguments.logout {
        return sign_out(context, &keys).await;
    }
    if arguments.status {
        return status(context, &keys).await;
    }
    if arguments.client_secret_stdin {
        let secret = key_from_stdin()?;
        keys.store(CLIENT_SECRET_NAME, &secret).await.map_err(|e| unkept(&e))?;
    }
    let client = OauthClient::find(&config.ai.google, &keys).await.map_err(|e| told(&e))?;
    let by_device = arguments.device || (arguments.port.is_none() && !has_browser());
    let signed_in = if by_device {
        let device = Device::begin(&client).await.map_err(|e| told(&e))?;
        let shown = device.shown();
        anstream::eprintln!(
            "Open {} on any machine and type {}\nThe code is good for {}. Waiting…",
            paint(CYAN, &shown.url),
            paint(BOLD, &shown.user_code),
            hale_model::text::duration(shown.expires_in_secs),
        );
        device.finish(&client).await
    } else {
        let loopback = Loopback::begin(&client, arguments.port.unwrap_or(0)).await;
        let loopback = loopback.map_err(|e| told(&e))?;
        anstream::eprintln!("Sign in with a browser on this machine:\n\n{}\n", loopback.url());
        if arguments.port.is_none() {
            open(loopback.url());
        }
        anstream::eprintln!("Waiting…");
        loopback.finish(&client, Duration::from_secs(SIGN_IN_SECS_MAX)).await
    };
    let signed_in = signed_in.map_err(|e| told(&e))?;
    let place = signed_in.keep(&keys).await.map_err(|e| told(&e))?;
    context.screen.talk(&format!("✓ signed in to Google; the sign-in is in {place}."));
    if !asks_gemini(&config) {
        context.screen.talk(&format!(
            "No provider of the configuration uses it yet: {}",
            paint(CYAN, "hale setup --provider gemini --yes")
        ));
    }
    if context.screen.json {
        let kept_in = Some(place.to_string());
        context.screen.print_json(&Standing { signed_in: true, kept_in, trouble: None })?;
    }
    Ok(Exit::Done)
}

async fn sign_out(context: &Context, keys: &Keys) -> Ended {
    let places = keys.sign_out().await.map_err(|e| unkept(&e))?;
    let standing = Standing { signed_in: false, kept_in: None, trouble: None };
    context.screen.answer(&standing, |_| match places.first() {
        Some(place) => format!(
            "Signed out: the sign-in is gone from {place}. To withdraw it at Google as well: https://myaccount.google.com/permissions"
        ),
        None => "Nobody was signed in.".to_owned(),
    })
}

async fn status(context: &Context, keys: &Keys) -> Ended {
    let SignInState::Kept(place) = keys.sign_in_state().await.map_err(|e| unkept(&e))? else {
        let standing = Standing { signed_in: false, kept_in: None, trouble: None };
        return context.screen.answer(&standing, |_| {
            "Nobody is signed in to Google. `hale login` does it.".to_owned()
        });
    };
    let trouble = keys.google_token(Timestamp::now()).await.err();
    let standing = Standing {
        signed_in: true,
        kept_in: Some(place.to_string()),
        trouble: trouble.as_ref().map(ToString::to_string),
    };
    context.screen.answer(&standing, |_| match &trouble {
        None => format!("Signed in to Google; the sign-in is in {place}, and Google takes it."),
        Some(error) => format!("{error}\n→ {}", error.hint()),
    })?;
    Ok(if trouble.is_some() { Exit::Failed } else { Exit::Done })
}

fn told(error: &OauthError) -> Failure {
    Failure::failed(error.to_string(), error.hint())
}

fn asks_gemini(config: &Config) -> bool {
    let providers = &config.ai.providers;
    config.ai.enabled && providers.iter().any(|p| p.provider == ProviderKind::Gemini)
}

/// Whether a browser can be opened here: a screen, and the program that opens addresses on it.
fn has_browser() -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let has_screen = is_set("DISPLAY") || is_set("WAYLAND_DISPLAY");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut dirs = std::env::split_paths(&path);
    has_screen && dirs.any(|dir| Path::new(&dir).join("xdg-open").is_file())
}

/// Opens the address; where that fails, it stands on the terminal.
fn open(url: &str) {
    let mut program = Program::new("xdg-open");
    program.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Ok(mut child) = program.spawn() {
        // Waited for in a thread, so that it leaves no zombie; some stay as long as the browser.
        std::thread::spawn(move || child.wait());
    }
}
