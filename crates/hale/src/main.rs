//! `hale`. main decides nothing: it reads the command line, runs the command, and turns how it
//! ended into words on standard error and an exit code.

mod cli;
mod commands;
mod context;
mod exit;
mod log;
mod reference;
mod screen;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse_from(commands::ask::with_ask(std::env::args_os())) {
        Ok(cli) => cli,
        Err(error) => {
            commands::misread(&error);
            error.exit();
        }
    };
    let quiet = cli.global.quiet;
    match commands::run(cli) {
        Ok(exit) => exit.into(),
        Err(exit::Failure::NobodyReads) => exit::Exit::Done.into(),
        Err(exit::Failure::Told(error)) => {
            screen::tell_error(&error, quiet);
            exit::Exit::from(error.kind).into()
        }
    }
}
