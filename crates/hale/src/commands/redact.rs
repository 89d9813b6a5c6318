//! `hale redact`: what hale would send to a model, as a filter from standard input to standard output.
//!
//! Text is read whole, since a key or a Kubernetes Secret spans lines; so there is a limit. With
//! `--jsonl` each line is a conversation of its own: its placeholders count from one.

use std::io::{BufRead, BufReader, BufWriter, Read, Write};

use clap::Args;
use hale_engine::filters::redact::{Count, KnownSecrets, Redactor};
use hale_model::text::printable;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::exit::{Ended, Exit, Failure};
use crate::screen::Screen;

/// The most text that is read in one go.
const TEXT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The longest line of `--jsonl`.
const LINE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Bad lines that are told one by one.
const TOLD_LINES_MAX: u64 = 10;
/// What is read or written in one go.
const BUFFER_BYTES: usize = 256 * 1024;

/// `hale redact`
#[derive(Args, Debug)]
pub struct RedactArgs {
    /// One text a line: {id, text} → {id, redacted, restored}
    ///
    /// A line that cannot be read is answered with {id, error} in its place, and ends the command with
    /// exit 1 after the others.
    #[arg(long)]
    pub jsonl: bool,
}

/// Runs over standard input. Needs neither a home directory nor a configuration.
pub fn run(arguments: &RedactArgs, screen: Screen) -> Ended {
    let input = BufReader::with_capacity(BUFFER_BYTES, std::io::stdin().lock());
    let output = BufWriter::with_capacity(BUFFER_BYTES, std::io::stdout().lock());
    if !arguments.jsonl {
        return whole(input, output, screen);
    }
    let mut filter = Lines { output, line: 0, bad: 0 };
    filter.pass(input, |words| screen.talk(words))?;
    if filter.bad == 0 {
        return Ok(Exit::Done);
    }
    screen.talk(&format!("{} of {} lines could not be read", filter.bad, filter.line));
    Ok(Exit::Failed)
}

/// The answer to a whole text, with `--json`.
#[derive(Serialize)]
struct Redacted {
    redacted: String,
    /// Different values that were replaced, by kind.
    found: Map<String, Value>,
}

fn by_kind(counts: &[Count]) -> Map<String, Value> {
    counts.iter().map(|c| (c.kind.label().to_owned(), Value::from(c.values))).collect()
}

fn whole(input: impl Read, mut output: impl Write, screen: Screen) -> Ended {
    let mut bytes = Vec::new();
    input
        .take(TEXT_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(&error, "the text"))?;
    if bytes.len() as u64 > TEXT_BYTES_MAX {
        return Err(Failure::failed(
            format!("standard input is longer than {} MiB", TEXT_BYTES_MAX / 1024 / 1024),
            "cut it into pieces (split --line-bytes=60M) and redact each",
        ));
    }
    let text = String::from_utf8_lossy(&bytes);
    if matches!(text, std::borrow::Cow::Owned(_)) {
        screen.talk("the text is not UTF-8 everywhere: such bytes became U+FFFD");
    }
    let mut redactor = Redactor::new(KnownSecrets::default());
    let redacted = redactor.redact(&text);
    let found = by_kind(&redactor.found());
    if screen.json {
        screen.print_json(&Redacted { redacted, found })?;
        return Ok(Exit::Done);
    }
    let written = output.write_all(redacted.as_bytes()).and_then(|()| output.flush());
    written.map_err(|error| Failure::output(&error))?;
    Ok(Exit::Done)
}

fn unreadable(error: &std::io::Error, what: &str) -> Failure {
    Failure::failed(
        format!("standard input cannot be read at {what}: {error}"),
        "check what is piped into this command",
    )
}

/// A line of `--jsonl`.
#[derive(Deserialize)]
struct Question {
    #[serde(default)]
    id: Value,
    text: String,
}

#[derive(Serialize)]
struct Answer {
    id: Value,
    redacted: String,
    restored: String,
}

#[derive(Serialize)]
struct Unread {
    id: Value,
    error: String,
}

struct Lines<W> {
    output: W,
    line: u64,
    bad: u64,
}

impl<W: Write> Lines<W> {
    fn pass<R: Read>(
        &mut self,
        mut input: BufReader<R>,
        mut tell: impl FnMut(&str),
    ) -> Result<(), Failure> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let place = format!("line {}", self.line + 1);
            let read = (&mut input).take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
            if read.map_err(|error| unreadable(&error, &place))? == 0 {
                break;
            }
            self.line += 1;
            let too_long = line.len() as u64 == LINE_BYTES_MAX && line.last() != Some(&b'\n');
            if too_long {
                input.skip_until(b'\n').map_err(|error| unreadable(&error, &place))?;
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            let problem = if too_long {
                Some((Value::Null, format!("longer than {} MiB", LINE_BYTES_MAX / 1024 / 1024)))
            } else {
                self.answer(&line)?
            };
            if let Some((id, why)) = problem {
                self.bad += 1;
                if self.bad <= TOLD_LINES_MAX {
                    tell(&format!("{place}: {}", printable(&why)));
                }
                self.write(&Unread { id, error: format!("{place}: {why}") })?;
            }
            if input.buffer().is_empty() {
                self.output.flush().map_err(|error| Failure::output(&error))?;
            }
        }
        self.output.flush().map_err(|error| Failure::output(&error))
    }

    /// Answers one line, or says whose line it is and why it cannot be read.
    fn answer(&mut self, line: &[u8]) -> Result<Option<(Value, String)>, Failure> {
        let question: Question = match serde_json::from_slice(line) {
            Ok(question) => question,
            Err(error) => {
                let object: Option<Value> = serde_json::from_slice(line).ok();
                let id = object.as_ref().and_then(|o| o.get("id")).cloned().unwrap_or_default();
                return Ok(Some((id, format!("no {{id, text}} object: {error}"))));
            }
        };
        let mut redactor = Redactor::new(KnownSecrets::default());
        let redacted = redactor.redact(&question.text);
        let restored = redactor.restore(&redacted);
        self.write(&Answer { id: question.id, redacted, restored })?;
        Ok(None)
    }

    fn write(&mut self, answer: &impl Serialize) -> Result<(), Failure> {
        let written = serde_json::to_writer(&mut self.output, answer)
            .map_err(std::io::Error::from)
            .and_then(|()| self.output.write_all(b"\n"));
        written.map_err(|error| Failure::output(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_line_is_answered_in_its_place_and_told() {
        let input = "{\"id\":\"a\",\"text\":\"from 10.1.2.3\"}\n\nnonsense\n{\"id\":7}\n{\"id\":2,\"text\":\"\"}";
        let mut output = Vec::new();
        let mut told = Vec::new();
        let mut lines = Lines { output: &mut output, line: 0, bad: 0 };
        let passed =
            lines.pass(BufReader::new(input.as_bytes()), |words| told.push(words.to_owned()));
        assert!(passed.is_ok());
        assert_eq!((lines.line, lines.bad), (5, 2));
        insta::assert_snapshot!(String::from_utf8_lossy(&output), @r#"
        {"id":"a","redacted":"from <ip-1>","restored":"from 10.1.2.3"}
        {"id":null,"error":"line 3: no {id, text} object: expected ident at line 1 column 2"}
        {"id":7,"error":"line 4: no {id, text} object: missing field `text` at line 1 column 8"}
        {"id":2,"redacted":"","restored":""}
        "#);
        assert_eq!(told.len(), 2);
    }
}
