//! One command, one file.

pub mod act;
mod alerts;
mod approvals;
pub mod ask;
mod audit;
mod completions;
mod config;
mod consent;
pub mod demo;
pub mod detect;
pub mod doctor;
mod doors;
pub mod explain;
pub mod guard;
pub mod health;
pub mod history;
mod incidents;
mod keep;
mod kill;
pub mod login;
pub mod logs;
mod mcp;
pub mod open;
mod otlp;
mod own_line;
mod pause;
pub mod playbooks;
mod query;
pub mod redact;
mod report;
mod robot;
mod robot_docs;
pub mod runbook;
mod service;
pub mod setup;
mod show;
mod status;
pub mod token;
mod undo;
mod up;

use std::future::Future;

use clap::CommandFactory as _;

use crate::cli::{Cli, Command, Global, ReferencePage};
use crate::context::Context;
use crate::exit::{Ended, Exit, Failure};
use crate::{log, reference};

/// Runs one command line.
pub fn run(cli: Cli) -> Ended {
    let Some(command) = cli.command else {
        let help = Cli::command().render_help();
        let screen = crate::screen::Screen { json: false, quiet: cli.global.quiet };
        screen.print(&help.ansi().to_string())?;
        return Ok(Exit::Done);
    };
    let verbose = cli.global.verbose;
    if let Command::Up(arguments) = command {
        let context = Context::new(&cli.global)?;
        return up::run(&context, arguments, verbose);
    }
    log::init(verbose, None);
    // What needs no files works even where there is no home directory.
    if let Command::Completions { shell } = command {
        return completions::run(shell);
    }
    if let Command::Reference { page } = command {
        return print_reference(page);
    }
    if let Command::Logs(command) = command {
        let (json, quiet) = (cli.global.json, cli.global.quiet);
        return logs::run(&command, crate::screen::Screen { json, quiet });
    }
    if let Command::Redact(arguments) = command {
        let Global { json, quiet, .. } = cli.global;
        return redact::run(&arguments, crate::screen::Screen { json, quiet });
    }
    if let Command::Guard(arguments) = command {
        let Global { json, quiet, .. } = cli.global;
        return guard::run(&arguments, crate::screen::Screen { json, quiet });
    }
    if let Command::DemoRole(command) = command {
        return demo::role::run(command);
    }
    if let Command::Demo(arguments) = command {
        let Global { json, quiet, .. } = cli.global;
        return block_on(demo::run(crate::screen::Screen { json, quiet }, arguments));
    }
    if let Command::Detect(command) = command {
        let Global { json, quiet, .. } = cli.global;
        return detect::run(&command, crate::screen::Screen { json, quiet });
    }
    let context = Context::new(&cli.global)?;
    if let Command::TelemetryWorker = command {
        hale_engine::telemetry_worker(&context.data_dir)?;
        return Ok(Exit::Done);
    }
    if let Command::Mcp = command {
        return block_on(mcp::run(context));
    }
    block_on(dispatch(&context, command))
}

/// A command line that is not understood: `hale robot` answers even that with an envelope.
pub fn misread(error: &clap::Error) {
    let mut words = std::env::args().skip(1).skip_while(|word| word.starts_with('-'));
    if error.use_stderr() && words.next().is_some_and(|command| command == "robot") {
        let message = error.to_string();
        let first = message.lines().next().unwrap_or_default().trim_start_matches("error: ");
        // Nothing is left to be done where nobody reads.
        let _ = robot::misread(first);
    }
}

async fn dispatch(context: &Context, command: Command) -> Ended {
    match command {
        Command::Status(arguments) => status::run(context, arguments).await,
        Command::Report { since } => report::run(context, since).await,
        Command::Explain(arguments) => explain::run(context, arguments).await,
        Command::Kill(arguments) => kill::run(context, &arguments).await,
        Command::Act(arguments) => act::run(context, arguments).await,
        Command::Ask(arguments) => ask::run(context, arguments).await,
        Command::History(arguments) => history::run(context, arguments).await,
        Command::Alerts(command) => alerts::run(context, command).await,
        Command::Incidents(command) => incidents::run(context, command).await,
        Command::Approvals(command) => approvals::run(context, command).await,
        Command::Approve { id, wait } => approvals::approve(context, &id, wait).await,
        Command::Reject { id, why } => approvals::reject(context, &id, why).await,
        Command::Pause { for_secs } => pause::pause(context, for_secs).await,
        Command::Resume => pause::resume(context).await,
        Command::Undo { id } => undo::run(context, &id).await,
        Command::Config(command) => config::run(context, command),
        Command::Health(arguments) => health::run(context, arguments).await,
        Command::Login(arguments) => login::run(context, arguments).await,
        Command::Setup(arguments) => setup::run(context, arguments).await,
        Command::Doctor(arguments) => doctor::run(context, arguments).await,
        Command::Robot(command) => robot::run(context, command).await,
        Command::RobotDocs(command) => robot_docs::run(context, &command).await,
        Command::Query(arguments) => query::run(context, arguments).await,
        Command::Audit(command) => audit::run(context, command).await,
        Command::Runbook(command) => runbook::run(context, command).await,
        Command::Playbooks(command) => playbooks::run(context, command).await,
        Command::Token(command) => token::run(context, command).await,
        Command::Open(arguments) => open::run(context, &arguments).await,
        Command::Service(command) => service::run(context, &command),
        Command::Vacuum { dry_run } => keep::vacuum(context, dry_run).await,
        Command::Export { directory } => keep::export(context, &directory).await,
        // Answered in `run`.
        Command::Up(_)
        | Command::Completions { .. }
        | Command::Demo(_)
        | Command::DemoRole(_)
        | Command::Detect(_)
        | Command::Guard(_)
        | Command::Logs(_)
        | Command::Mcp
        | Command::Redact(_)
        | Command::TelemetryWorker
        | Command::Reference { .. } => Ok(Exit::Done),
    }
}

fn print_reference(page: ReferencePage) -> Ended {
    let text = match page {
        ReferencePage::Cli => reference::cli_page(),
        ReferencePage::Config => hale_model::config::reference_page(),
        ReferencePage::RobotSchemas => reference::robot_schemas_page(),
        ReferencePage::Playbook => reference::playbook_page(),
        ReferencePage::Openapi => hale_serve::openapi_page(),
    };
    crate::screen::Screen { json: false, quiet: false }.print(&text)?;
    Ok(Exit::Done)
}

fn block_on(command: impl Future<Output = Ended>) -> Ended {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(no_runtime)?;
    let ended = runtime.block_on(command);
    // A look at a slow disk must not hold up a command that is done.
    runtime.shutdown_background();
    ended
}

fn no_runtime(error: std::io::Error) -> Failure {
    Failure::failed(
        format!("the runtime cannot start: {error}"),
        "the limits of this user (processes, open files) may be too low: see ulimit -a",
    )
}
