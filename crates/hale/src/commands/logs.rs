//! `hale logs templates`: groups log lines by message, as a filter from standard input to standard
//! output.
//!
//! A stream: the template of a line never depends on a later one, and where the input comes slowly
//! each line is answered at once. Lines of any length and any bytes count; of a long one only the
//! front is looked at.

use std::io::{BufRead, BufReader, IsTerminal as _, Write};

use clap::{Args, Subcommand};
use hale_engine::filters::miner::{Miner, MinerLimits, Template, TemplateId, split_header};
use serde::Serialize;

use crate::exit::{Ended, Exit, Failure};
use crate::screen::{Columns, Screen, cell, width};

/// What is read or written in one go.
const BUFFER_BYTES: usize = 256 * 1024;
/// Bytes of a line that are kept.
const LINE_BYTES_MAX: usize = 8 * 1024;

/// `hale logs`
#[derive(Debug, Subcommand)]
pub enum LogsCommand {
    /// Find the template of each line on standard input: line number, tab, template id
    ///
    /// A template is a message without what varies in it. Ids are numbers in the order of their first
    /// lines; the id of a line never changes by what comes later.
    Templates(TemplatesArgs),
}

/// `hale logs templates`
#[derive(Args, Debug)]
pub struct TemplatesArgs {
    /// List the templates with their number of lines instead, most frequent first
    #[arg(long)]
    pub show: bool,
    /// The lines are messages without a header (time, host, level, program)
    #[arg(long)]
    pub content: bool,
}

/// Runs over standard input. Needs neither a home directory nor a configuration.
pub fn run(command: &LogsCommand, screen: Screen) -> Ended {
    let LogsCommand::Templates(arguments) = command;
    let input = BufReader::with_capacity(BUFFER_BYTES, std::io::stdin().lock());
    let output = std::io::BufWriter::with_capacity(BUFFER_BYTES, std::io::stdout().lock());
    let mut filter = Filter {
        miner: Miner::new(MinerLimits::default()),
        content: arguments.content,
        answer: match (arguments.show, screen.json) {
            (true, _) => Answer::Nothing,
            (false, true) => Answer::Json,
            (false, false) => Answer::Tabs,
        },
        line: 0,
        output,
    };
    filter.pass(input)?;
    if arguments.show {
        let Filter { miner, output, .. } = filter;
        drop(output);
        show(&miner, screen)?;
    }
    Ok(Exit::Done)
}

/// How each line is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Nothing,
    Tabs,
    Json,
}

struct Filter<W> {
    miner: Miner,
    content: bool,
    answer: Answer,
    line: u64,
    output: W,
}

impl<W: Write> Filter<W> {
    fn pass(&mut self, mut input: impl BufRead) -> Result<(), Failure> {
        // The front of a line that did not end within what was read.
        let mut front: Vec<u8> = Vec::new();
        let mut open = false;
        loop {
            let chunk = match input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    return Err(Failure::failed(
                        format!("standard input cannot be read after line {}: {error}", self.line),
                        "check what is piped into this command",
                    ));
                }
            };
            if chunk.is_empty() {
                break;
            }
            let used = chunk.len();
            let mut rest = chunk;
            while let Some(end) = rest.iter().position(|b| *b == b'\n') {
                let (line, behind) = rest.split_at(end);
                rest = behind.get(1..).unwrap_or_default();
                if open {
                    keep(&mut front, line);
                    let whole = std::mem::take(&mut front);
                    self.take(&whole)?;
                    open = false;
                } else {
                    self.take(line)?;
                }
            }
            if !rest.is_empty() {
                keep(&mut front, rest);
                open = true;
            }
            input.consume(used);
            self.output.flush().map_err(|e| Failure::output(&e))?;
        }
        if open {
            self.take(&front)?;
        }
        self.output.flush().map_err(|e| Failure::output(&e))
    }

    fn take(&mut self, line: &[u8]) -> Result<(), Failure> {
        self.line += 1;
        let line = line.get(..LINE_BYTES_MAX).unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let content = if self.content { line } else { split_header(line).content };
        let id = self.miner.learn_bytes(content);
        let written = match self.answer {
            Answer::Nothing => Ok(()),
            Answer::Tabs => writeln!(self.output, "{}\t{id}", self.line),
            Answer::Json => {
                writeln!(self.output, "{{\"line\":{},\"template\":{id}}}", self.line)
            }
        };
        written.map_err(|e| Failure::output(&e))
    }
}

/// Adds to a line what fits.
fn keep(front: &mut Vec<u8>, more: &[u8]) {
    let room = LINE_BYTES_MAX.saturating_sub(front.len());
    front.extend_from_slice(more.get(..room).unwrap_or(more));
}

/// A template as it is listed.
#[derive(Serialize)]
struct Listed {
    id: TemplateId,
    count: u64,
    first_line: u64,
    last_line: u64,
    template: String,
}

fn show(miner: &Miner, screen: Screen) -> Result<(), Failure> {
    let mut templates: Vec<Template> = miner.templates().collect();
    templates.sort_by_key(|template| (std::cmp::Reverse(template.count), template.id));
    if screen.json {
        let listed: Vec<Listed> = templates
            .into_iter()
            .map(|Template { id, text, count, first, last }| Listed {
                id,
                count,
                first_line: first,
                last_line: last,
                template: text,
            })
            .collect();
        return screen.print_json(&listed);
    }
    if !std::io::stdout().is_terminal() {
        let line = |t: &Template| format!("{}\t{}\t{}\n", t.count, t.id, t.text);
        return screen.print_data(&templates.iter().map(line).collect::<String>());
    }
    let mut columns = Columns::new(&["LINES", "ID", "TEMPLATE"], &[0, 1]);
    for template in &templates {
        let numbers = [cell(template.count.to_string()), cell(template.id.to_string())];
        columns.row(numbers.into_iter().chain([cell(&template.text)]));
    }
    screen.print(&columns.render(width()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(input: &[u8], content: bool, buffer_bytes: usize) -> String {
        let mut filter = Filter {
            miner: Miner::new(MinerLimits::default()),
            content,
            answer: Answer::Tabs,
            line: 0,
            output: Vec::new(),
        };
        let input = BufReader::with_capacity(buffer_bytes, input);
        assert!(filter.pass(input).is_ok());
        String::from_utf8_lossy(&filter.output).into_owned()
    }

    #[test]
    fn every_line_has_an_answer_whatever_it_holds() {
        let mut input = b"disk 1 full\r\n\n\xff\xfe 7\ndisk 2 full\nlast 3".to_vec();
        for buffer_bytes in [1, 2, 5, 4096] {
            assert_eq!(filtered(&input, true, buffer_bytes), "1\t1\n2\t2\n3\t3\n4\t1\n5\t4\n");
        }
        input.extend(vec![b'x'; 10 << 20]);
        input.extend(b"\ndisk 3 full");
        assert!(filtered(&input, true, 4096).ends_with("\n6\t1\n"));
        assert_eq!(filtered(b"", true, 4096), "");
        assert_eq!(filtered(b"\n", true, 4096), "1\t1\n");
    }

    #[test]
    fn headers_are_left_out_unless_the_lines_have_none() {
        let input = b"Nov 21 10:15:01 web1 kernel: bye\nNov 21 10:15:02 web2 system: bye\n";
        assert_eq!(filtered(input, false, 4096), "1\t1\n2\t1\n");
        assert_eq!(filtered(input, true, 4096), "1\t1\n2\t2\n");
    }
}
