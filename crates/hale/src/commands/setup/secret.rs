//! A secret typed on the terminal: not shown, and what the terminal was before comes back however the
//! question ends.

use std::io::Write as _;
use std::os::fd::AsFd as _;

use hale_engine::sign_in::SecretString;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::exit::Failure;
use crate::screen::{BOLD, paint};

/// Bytes of one typed secret.
const LIMIT_SECRET_BYTES: u64 = 16 << 10;

/// Asks. None: nothing was typed.
///
/// # Errors
/// Standard input is no terminal that can be told not to show what is typed.
pub fn ask(question: &str) -> Result<Option<SecretString>, Failure> {
    let unusable = |e: std::io::Error| {
        Failure::failed(
            format!("the terminal cannot be told to hide what is typed: {e}"),
            "give the key on standard input instead: --key-stdin",
        )
    };
    let _silence = Silence::begin().map_err(|e| unusable(e.into()))?;
    let mut terminal = anstream::stderr().lock();
    write!(terminal, "{}", paint(BOLD, question))
        .and_then(|()| terminal.flush())
        .map_err(unusable)?;
    let mut answer = String::new();
    let stdin = std::io::Read::take(std::io::stdin().lock(), LIMIT_SECRET_BYTES);
    let read = std::io::BufRead::read_line(&mut std::io::BufReader::new(stdin), &mut answer);
    let _ = writeln!(terminal);
    read.map_err(unusable)?;
    let answer = answer.trim();
    Ok((!answer.is_empty()).then(|| SecretString::from(answer.to_owned())))
}

/// The terminal without echo, until this is dropped. Signals that the terminal sends are held back
/// meanwhile: a Ctrl-C that ended the program here would leave the terminal mute.
struct Silence {
    before: Termios,
}

impl Silence {
    fn begin() -> rustix::io::Result<Silence> {
        let stdin = std::io::stdin();
        let before = tcgetattr(stdin.as_fd())?;
        let mut mute = before.clone();
        mute.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
        tcsetattr(stdin.as_fd(), OptionalActions::Flush, &mute)?;
        Ok(Silence { before })
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that went away.
        let _ = tcsetattr(std::io::stdin().as_fd(), OptionalActions::Now, &self.before);
    }
}
