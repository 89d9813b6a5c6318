//! `hale guard`: the verdict on a shell command, with rules and reasons. Nothing is run.
//!
//! One command as an argument, for people and scripts (the exit code is the verdict), or a filter from
//! standard input to standard output, one command a line.

use std::io::{BufRead, BufReader, BufWriter, Read, Write};

use anstyle::Style;
use clap::Args;
use hale_engine::filters::shell::{self, RuleHit, ShellVerdict};
use hale_model::action::Risk;
use hale_model::text::printable;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::exit::{Ended, Exit, Failure};
use crate::screen::{ALARM, BOLD, CYAN, DIM, GREEN, RED, Screen, YELLOW, paint};

/// The longest line of `--jsonl`: a command may be 64 KiB, JSON escapes make six bytes of one.
const LINE_BYTES_MAX: u64 = 512 * 1024;
/// Lines that are judged together.
const BATCH_LINES_MAX: usize = 512;
/// Lines from which on it is worth to start threads.
const SHARED_LINES_MIN: usize = 64;
/// Threads that judge.
const THREADS_MAX: usize = 8;
/// Bad lines that are told one by one.
const TOLD_LINES_MAX: u64 = 10;
/// What is read or written in one go.
const BUFFER_BYTES: usize = 256 * 1024;

/// `hale guard`
#[derive(Args, Debug)]
pub struct GuardArgs {
    /// The command line to judge, quoted as one word; `-` reads it from standard input
    ///
    /// Ends with 0 if it only reads or changes little (info, warning), 4 if a person has to approve it
    /// (critical), 3 if it is refused for everyone (deny).
    #[arg(required_unless_present = "jsonl", allow_hyphen_values = true)]
    pub command: Option<String>,
    /// One command a line on standard input: {id, command} → {id, risk, rules[], why}
    ///
    /// A line that cannot be read is answered with {id, error} in its place, and ends the command with
    /// exit 1 after the others.
    #[arg(long, conflicts_with = "command")]
    pub jsonl: bool,
}

/// Judges. Needs neither a home directory nor a configuration.
pub fn run(arguments: &GuardArgs, screen: Screen) -> Ended {
    match &arguments.command {
        Some(command) if command == "-" => one(&from_stdin()?, screen),
        Some(command) => one(command, screen),
        None => {
            let input = BufReader::with_capacity(BUFFER_BYTES, std::io::stdin().lock());
            let output = BufWriter::with_capacity(BUFFER_BYTES, std::io::stdout().lock());
            let mut filter = Lines { output, line: 0, bad: 0 };
            filter.pass(input, |words| screen.talk(words))?;
            if filter.bad == 0 {
                return Ok(Exit::Done);
            }
            screen.talk(&format!("{} of {} lines could not be read", filter.bad, filter.line));
            Ok(Exit::Failed)
        }
    }
}

fn from_stdin() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    // One byte more than is judged: too long stays too long.
    let limit = shell::COMMAND_BYTES_MAX as u64 + 1;
    let read = std::io::stdin().lock().take(limit).read_to_end(&mut bytes);
    read.map_err(|error| unreadable(&error, "the command"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn one(command: &str, screen: Screen) -> Ended {
    let verdict = shell::judge(command);
    screen.answer(&verdict, shown)?;
    Ok(match verdict.risk {
        Risk::Info | Risk::Warning => Exit::Done,
        Risk::Critical => Exit::NeedsApproval,
        Risk::Deny => Exit::Refused,
    })
}

fn style(risk: Risk) -> Style {
    match risk {
        Risk::Info => GREEN,
        Risk::Warning => YELLOW,
        Risk::Critical => RED,
        Risk::Deny => ALARM,
    }
}

/// What the level means for whoever wants to run it.
fn meaning(risk: Risk) -> &'static str {
    match risk {
        Risk::Info => "it only reads",
        Risk::Warning => "it changes something that can be put right",
        Risk::Critical => "it may lose data or service, or cannot be known: a person types YES",
        Risk::Deny => "never run by hale, whoever asks",
    }
}

fn shown(verdict: &ShellVerdict) -> String {
    let name = verdict.risk.as_str().to_uppercase();
    let mut out = format!("{}  {}\n", paint(style(verdict.risk), &name), meaning(verdict.risk));
    for rule in &verdict.rules {
        out.push_str(&shown_rule(rule));
    }
    out
}

fn shown_rule(rule: &RuleHit) -> String {
    let level = paint(style(rule.risk), &format!("{:8}", rule.risk.as_str()));
    let mut out = format!("\n{level}  {}\n", printable(&rule.text));
    if !rule.part.is_empty() {
        out.push_str(&format!("          in   {}\n", paint(BOLD, &printable(&rule.part))));
    }
    if let Some(instead) = &rule.safe_alternative {
        out.push_str(&format!("          try  {}\n", paint(CYAN, &printable(instead))));
    }
    out.push_str(&format!("          rule {}\n", paint(DIM, &printable(&rule.id))));
    out
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
    command: String,
}

#[derive(Serialize)]
struct Answer {
    id: Value,
    risk: Risk,
    rules: Vec<RuleHit>,
    why: String,
}

#[derive(Serialize)]
struct Unread {
    id: Value,
    error: String,
}

/// A line as it was read, with its number.
struct Line {
    number: u64,
    bytes: Vec<u8>,
    too_long: bool,
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
        loop {
            let batch = self.batch(&mut input)?;
            if batch.is_empty() {
                break;
            }
            for (number, (text, problem)) in judged(&batch) {
                if let Some(why) = problem {
                    self.bad += 1;
                    if self.bad <= TOLD_LINES_MAX {
                        tell(&format!("line {number}: {}", printable(&why)));
                    }
                }
                self.output.write_all(text.as_bytes()).map_err(|error| Failure::output(&error))?;
            }
            if input.buffer().is_empty() {
                self.output.flush().map_err(|error| Failure::output(&error))?;
            }
        }
        self.output.flush().map_err(|error| Failure::output(&error))
    }

    /// The next lines: as many as are there already, at least one unless the input has ended.
    fn batch<R: Read>(&mut self, input: &mut BufReader<R>) -> Result<Vec<Line>, Failure> {
        let mut batch = Vec::new();
        while batch.len() < BATCH_LINES_MAX && (batch.is_empty() || !input.buffer().is_empty()) {
            let place = format!("line {}", self.line + 1);
            let mut bytes = Vec::new();
            let read = input.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes);
            if read.map_err(|error| unreadable(&error, &place))? == 0 {
                break;
            }
            self.line += 1;
            let too_long = bytes.len() as u64 == LINE_BYTES_MAX && bytes.last() != Some(&b'\n');
            if too_long {
                input.skip_until(b'\n').map_err(|error| unreadable(&error, &place))?;
            }
            if !bytes.trim_ascii().is_empty() {
                batch.push(Line { number: self.line, bytes, too_long });
            }
        }
        Ok(batch)
    }
}

/// The answers to a batch, in its order: number, line of JSON, and what was wrong with the question.
fn judged(batch: &[Line]) -> Vec<(u64, (String, Option<String>))> {
    let answers = |lines: &[Line]| -> Vec<(u64, (String, Option<String>))> {
        lines.iter().map(|line| (line.number, answer(line))).collect()
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    if batch.len() < SHARED_LINES_MIN || threads < 2 {
        return answers(batch);
    }
    let share = batch.len().div_ceil(threads);
    std::thread::scope(|scope| {
        let workers: Vec<_> =
            batch.chunks(share).map(|lines| (lines, scope.spawn(|| answers(lines)))).collect();
        workers
            .into_iter()
            .flat_map(|(lines, worker)| worker.join().unwrap_or_else(|_| answers(lines)))
            .collect()
    })
}

fn answer(line: &Line) -> (String, Option<String>) {
    let unread = |id: Value, why: String| {
        let error = format!("line {}: {why}", line.number);
        (json_line(&Unread { id, error }), Some(why))
    };
    if line.too_long {
        return unread(Value::Null, format!("longer than {} KiB", LINE_BYTES_MAX / 1024));
    }
    match serde_json::from_slice::<Question>(&line.bytes) {
        Ok(question) => {
            let ShellVerdict { risk, rules, why } = shell::judge(&question.command);
            (json_line(&Answer { id: question.id, risk, rules, why }), None)
        }
        Err(error) => {
            let object: Option<Value> = serde_json::from_slice(&line.bytes).ok();
            let id = object.as_ref().and_then(|o| o.get("id")).cloned().unwrap_or_default();
            unread(id, format!("no {{id, command}} object: {error}"))
        }
    }
}

fn json_line(answer: &impl Serialize) -> String {
    // Serialising plain strings and numbers into memory cannot fail.
    serde_json::to_string(answer).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(input: &str) -> (String, u64, Vec<String>) {
        let mut output = Vec::new();
        let mut told = Vec::new();
        let mut lines = Lines { output: &mut output, line: 0, bad: 0 };
        let read = BufReader::new(input.as_bytes());
        assert!(lines.pass(read, |words| told.push(words.to_owned())).is_ok());
        let bad = lines.bad;
        (String::from_utf8_lossy(&output).into_owned(), bad, told)
    }

    #[test]
    fn a_bad_line_is_answered_in_its_place_and_told() {
        let input = "{\"id\":\"a\",\"command\":\"uptime\"}\n\nnonsense\n{\"id\":7}\n{\"id\":2,\"command\":\"rm -rf /\"}";
        let (output, bad, told) = passed(input);
        assert_eq!((bad, told.len()), (2, 2));
        let lines: Vec<Value> =
            output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[0]["risk"], "info");
        assert!(lines[1]["error"].as_str().unwrap().starts_with("line 3: "));
        assert_eq!((lines[2]["id"].as_i64(), lines[2].get("risk")), (Some(7), None));
        assert_eq!((&lines[3]["id"], &lines[3]["risk"]), (&Value::from(2), &Value::from("deny")));
    }

    #[test]
    fn many_lines_keep_their_order() {
        let input: String =
            (0..2000).map(|n| format!("{{\"id\":{n},\"command\":\"echo {n}\"}}\n")).collect();
        let (output, bad, _) = passed(&input);
        let ids: Vec<i64> = output
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].as_i64().unwrap())
            .collect();
        assert_eq!((ids, bad), ((0..2000).collect(), 0));
    }
}
