//! `hale completions SHELL`

use clap::CommandFactory as _;

use crate::cli::Cli;
use crate::exit::{Ended, Exit};
use crate::screen::Screen;

pub fn run(shell: clap_complete::Shell) -> Ended {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "hale", &mut script);
    Screen { json: false, quiet: false }.print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
