//! `hale up`: the agent in the foreground.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use hale_engine::Agent;
use hale_model::config::check_listen;
use hale_model::text::printable;
use hale_serve::{ServeOptions, serve, serve_otlp};
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{doors, otlp, robot, status};
use crate::cli::UpArgs;
use crate::context::Context;
use crate::exit::{Ended, Exit, Failure};
use crate::log;
use crate::screen::{BOLD, DIM, YELLOW, paint, width};

/// Threads beside the loop's: one answers while the other one looks.
const WORKER_THREADS: usize = 2;

pub fn run(context: &Context, arguments: UpArgs, verbose: bool) -> Ended {
    let mut settings = context.settings()?;
    if let Some(listen) = arguments.listen {
        check_listen(&listen)
            .map_err(|(what, hint)| Failure::usage(format!("--listen: {what}"), hint))?;
        settings.config.server.listen = listen;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .enable_all()
        .build()
        .map_err(super::no_runtime)?;
    if arguments.once {
        log::init(verbose, None);
        return runtime.block_on(async {
            let report = hale_engine::run_once(settings).await?;
            context.screen.answer(&report.status, |s| status::shown(s, width()))?;
            let stale = robot::stale_sources(&report.status);
            Ok(if stale.is_empty() { Exit::Done } else { Exit::Degraded })
        });
    }
    let ended = runtime.block_on(watch(context, settings, arguments.insecure_http, verbose));
    runtime.shutdown_background();
    ended
}

async fn watch(
    context: &Context,
    mut settings: hale_engine::Settings,
    insecure_http: bool,
    verbose: bool,
) -> Ended {
    settings.config.notifications.terminal &= !context.screen.quiet;
    let config = settings.config.clone();
    let data_dir = settings.data_dir.clone();
    let terminal = std::io::stderr().is_terminal();
    // First: it takes the lock, so from here on every file in the directory is ours.
    log::init(verbose, Some(&data_dir.join("hale.log")));
    hale_serve::raise_open_files();
    let agent = Agent::start(settings, terminal).await?;
    let unix = listen_unix(&hale_engine::agent_socket(&data_dir))?;
    let tcp = listen_tcp(&config.server.listen).await?;
    let address = tcp.as_ref().and_then(|listener| listener.local_addr().ok());
    let shutdown = agent.shutdown_token();
    stop_on_signals(shutdown.clone())?;
    let opened = doors::open(&config, &data_dir, address, insecure_http)?;
    let telemetry = otlp::open(&config.otlp, &agent).await;
    greet(context, &config, &opened, &telemetry, address, insecure_http);
    tell(context, &agent.warnings());
    let server = serve(ServeOptions {
        handle: agent.handle(),
        tcp,
        tls: opened.tls,
        doors: opened.doors,
        webhooks: hale_serve::WebhookOptions::new(&config.server, |name| std::env::var(name).ok()),
        unix: Some(unix),
        shutdown: shutdown.clone(),
    });
    let serving = async {
        let ended = server.await;
        // Without its faces the agent would run where nobody reaches it.
        shutdown.cancel();
        ended
    };
    let (watched, served, ()) =
        tokio::join!(agent.run_until_shutdown(), serving, serve_otlp(telemetry.options));
    // Gone before the lock is: the next agent makes its own.
    let _ = std::fs::remove_file(hale_engine::agent_socket(&data_dir));
    watched?;
    served.map_err(|error| {
        let cause = std::error::Error::source(&error).map(|c| format!(": {c}")).unwrap_or_default();
        Failure::failed(format!("{error}{cause}"), "start it again; hale.log has more")
    })?;
    context.screen.talk("hale has ended.");
    Ok(Exit::Done)
}

fn greet(
    context: &Context,
    config: &hale_model::config::Config,
    opened: &doors::Opened,
    telemetry: &otlp::Opened,
    address: Option<SocketAddr>,
    insecure_http: bool,
) {
    let mode = config.general.mode.as_str();
    let every = config.general.interval_secs;
    context.screen.talk(&format!(
        "{} watches this machine every {every} s, mode {mode}.",
        paint(BOLD, "hale")
    ));
    if let Some(address) = address {
        doors::greet(context, opened, address, insecure_http);
    }
    telemetry.greet(context);
    context.screen.talk(&format!("  files       {}", context.data_dir.display()));
    context
        .screen
        .talk(&paint(DIM, "  Ctrl-C ends it; `hale status` in another terminal asks it."));
}

/// What did not work as it should when the agent started.
fn tell(context: &Context, warnings: &[String]) {
    for warning in warnings {
        context.screen.talk(&format!("  {}    {}", paint(YELLOW, "warning"), printable(warning)));
    }
}

fn listen_unix(path: &Path) -> Result<UnixListener, Failure> {
    let failed = |error: std::io::Error| {
        Failure::failed(
            format!("cannot listen on {}: {error}", path.display()),
            "a socket's path has at most 107 bytes: a shorter --data-dir may help",
        )
    };
    // The lock is ours, so whoever made this socket is gone.
    match std::fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}

async fn listen_tcp(listen: &str) -> Result<Option<TcpListener>, Failure> {
    if listen.is_empty() {
        return Ok(None);
    }
    TcpListener::bind(listen).await.map(Some).map_err(|error| {
        let hint = if error.kind() == std::io::ErrorKind::AddrInUse {
            "another program has that port: give --listen 127.0.0.1:PORT, or `[server] listen`; \"\" for none"
        } else {
            "give --listen 127.0.0.1:PORT, or `[server] listen`; \"\" for none"
        };
        Failure::failed(format!("cannot listen on {listen}: {error}"), hint)
    })
}

/// The first signal ends the agent in order, the second at once.
fn stop_on_signals(shutdown: CancellationToken) -> Result<(), Failure> {
    let failed = |e: std::io::Error| {
        Failure::failed(format!("signals cannot be received: {e}"), "report this")
    };
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    // Under nohup it stays ignored.
    let hangup = if hangup_is_ignored() {
        None
    } else {
        Some(signal(SignalKind::hangup()).map_err(failed)?)
    };
    tokio::spawn(async move {
        let mut hangup = hangup;
        for last in [false, true] {
            let hung_up = async {
                match &mut hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hung_up => {}
            }
            if last {
                std::process::exit(i32::from(Exit::Failed as u8));
            }
            shutdown.cancel();
        }
    });
    Ok(())
}

/// Whether whoever started hale set SIGHUP to be ignored: bit 0 of `SigIgn`.
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 == 1)
}
