//! What a person types: lines, and secrets that are not shown. The end of the input is no answer: whoever
//! presses Ctrl-D has not agreed to anything.

use std::io::Write as _;
use std::os::fd::AsFd as _;

use hale_engine::sign_in::SecretString;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::exit::Failure;
use crate::screen::{BOLD, paint};

/// Bytes of one line.
const LIMIT_LINE_BYTES: u64 = 16 << 10;
/// What Ctrl-C puts into a line while the terminal's signals are held back.
const INTERRUPT: char = '\x03';

/// Asks for a line. Empty: only Enter was pressed.
///
/// # Errors
/// The input has ended.
pub fn line(question: &str) -> Result<String, Failure> {
    let mut terminal = anstream::stderr();
    write!(terminal, "{}", paint(BOLD, question))
        .and_then(|()| terminal.flush())
        .map_err(|e| unusable(&e))?;
    let mut answer = String::new();
    let stdin = std::io::Read::take(std::io::stdin().lock(), LIMIT_LINE_BYTES);
    let count = std::io::BufRead::read_line(&mut std::io::BufReader::new(stdin), &mut answer)
        .map_err(|e| unusable(&e))?;
    if count == 0 || answer.contains(INTERRUPT) {
        anstream::eprintln!();
        return Err(Failure::failed("set-up was left; nothing was changed", "run it again"));
    }
    Ok(answer.trim().to_owned())
}

/// Asks for a secret. None: only Enter was pressed.
///
/// # Errors
/// Standard input is no terminal that can be told not to show what is typed, or has ended.
pub fn secret(question: &str) -> Result<Option<SecretString>, Failure> {
    let silence = Silence::begin().map_err(|e| unusable(&e.into()))?;
    let answer = line(question);
    drop(silence);
    anstream::eprintln!();
    let answer = answer?;
    Ok((!answer.is_empty()).then(|| SecretString::from(answer)))
}

fn unusable(error: &std::io::Error) -> Failure {
    Failure::failed(
        format!("the terminal cannot be used: {error}"),
        "say it by flags: hale setup --help",
    )
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
