//! `hale detect anomalies`: the streaming detector as a filter from standard input to standard output.
//!
//! Strictly a stream: a row is answered before the next one is read where the input comes slowly,
//! and a row's score never depends on a later one. The fields of the input pass byte for byte.

use std::io::{BufRead, BufReader, IsTerminal as _, Read as _, Write};

use clap::{Args, Subcommand};
use hale_engine::filters::stream_anomaly::{ALERT_SCORE, Header, Row, StreamAnomaly};
use hale_model::text::printable;

use crate::exit::{Ended, Exit, Failure};
use crate::screen::Screen;

/// A longer line is no row of a CSV file.
const LINE_BYTES_MAX: u64 = 64 * 1024;
/// Bad rows that are told one by one.
const TOLD_ROWS_MAX: u64 = 10;
/// What is read or written in one go.
const BUFFER_BYTES: usize = 64 * 1024;

/// `hale detect`
#[derive(Debug, Subcommand)]
pub enum DetectCommand {
    /// Score each row of a CSV on standard input: timestamp,value → timestamp,value,anomaly_score
    ///
    /// Scores run from 0 to 1; 0.5 and above is an alert, given once, on the first row of something
    /// strange. A row's score depends on the rows before it and on itself alone. The first 150 rows are
    /// only learned from. A row without a number passes with score 0 and ends the command with exit 5.
    Anomalies(AnomaliesArgs),
}

/// `hale detect anomalies`
#[derive(Args, Debug)]
pub struct AnomaliesArgs {
    /// Print only the rows that are alerts
    #[arg(long)]
    pub alerts: bool,
}

/// Runs a detector over standard input. Needs neither a home directory nor a configuration.
pub fn run(command: &DetectCommand, screen: Screen) -> Ended {
    let DetectCommand::Anomalies(arguments) = command;
    let input = BufReader::with_capacity(BUFFER_BYTES, std::io::stdin().lock());
    let stdout = std::io::stdout().lock();
    let format = match (screen.json, stdout.is_terminal()) {
        (true, _) => Format::Json,
        (false, true) => Format::Terminal,
        (false, false) => Format::Csv,
    };
    let output = std::io::BufWriter::with_capacity(BUFFER_BYTES, stdout);
    let mut filter = Filter { output, format, only_alerts: arguments.alerts, read: 0, bad: 0 };
    filter.pass(input, |words| screen.talk(words))?;
    let (bad, rows) = (filter.bad, filter.read.saturating_sub(1));
    if bad == 0 {
        return Ok(Exit::Done);
    }
    screen.talk(&format!("{bad} of {rows} rows have no value: score 0, nothing learned from them"));
    Ok(Exit::Degraded)
}

/// How a row is written.
#[derive(Clone, Copy)]
enum Format {
    /// As it came, with one field more.
    Csv,
    /// The same, without what could write to the terminal.
    Terminal,
    /// An object a line.
    Json,
}

struct Filter<W> {
    output: W,
    format: Format,
    only_alerts: bool,
    /// Lines read, the header and empty ones too.
    read: u64,
    bad: u64,
}

impl<W: Write> Filter<W> {
    fn pass<R: std::io::Read>(
        &mut self,
        mut input: BufReader<R>,
        mut tell: impl FnMut(&str),
    ) -> Result<(), Failure> {
        let mut line = Vec::new();
        if !self.next(&mut input, &mut line)? {
            return Err(Failure::failed("standard input is empty", HEADER_HINT));
        }
        let header = Header::read(Row(body(&line).0))
            .map_err(|error| Failure::failed(error.to_string(), HEADER_HINT))?;
        if !matches!(self.format, Format::Json) {
            self.write(&line, header.score_column())?;
        }
        let mut detector = StreamAnomaly::new();
        while self.next(&mut input, &mut line)? {
            self.row(header, &mut detector, &line, &mut tell)?;
            // Whoever follows a live stream sees each row at once.
            if input.buffer().is_empty() {
                self.output.flush().map_err(|e| Failure::output(&e))?;
            }
        }
        self.output.flush().map_err(|e| Failure::output(&e))
    }

    fn row(
        &mut self,
        header: Header,
        detector: &mut StreamAnomaly,
        line: &[u8],
        tell: &mut impl FnMut(&str),
    ) -> Result<(), Failure> {
        let (row, end) = body(line);
        if row.is_empty() && !self.only_alerts && matches!(self.format, Format::Csv) {
            return self.output.write_all(end).map_err(|e| Failure::output(&e));
        }
        if row.is_empty() {
            return Ok(());
        }
        let value = header.value(Row(row));
        if let Err(error) = &value {
            self.bad += 1;
            if self.bad <= TOLD_ROWS_MAX {
                tell(&format!("line {}: {error}: its score is 0", self.read));
            }
        }
        let value = value.ok();
        let score = value.map_or(0.0, |value| detector.score(value));
        if self.only_alerts && score < ALERT_SCORE {
            return Ok(());
        }
        match self.format {
            Format::Csv | Format::Terminal => self.write(line, &format!("{score:.6}")),
            Format::Json => {
                let object = serde_json::json!({
                    "line": self.read, "value": value, "anomaly_score": score,
                    "alert": score >= ALERT_SCORE,
                });
                writeln!(self.output, "{object}").map_err(|e| Failure::output(&e))
            }
        }
    }

    /// One line with one field more, and the line end that it had.
    fn write(&mut self, line: &[u8], field: &str) -> Result<(), Failure> {
        let (row, end) = body(line);
        let written = if matches!(self.format, Format::Terminal) {
            writeln!(self.output, "{},{field}", printable(&String::from_utf8_lossy(row)))
        } else {
            self.output
                .write_all(row)
                .and_then(|()| write!(self.output, ",{field}"))
                .and_then(|()| self.output.write_all(end))
        };
        written.map_err(|e| Failure::output(&e))
    }

    /// Reads a line, its end included; false at the end of the input.
    fn next<R: std::io::Read>(
        &mut self,
        input: &mut BufReader<R>,
        line: &mut Vec<u8>,
    ) -> Result<bool, Failure> {
        line.clear();
        self.read += 1;
        let read = input.take(LINE_BYTES_MAX + 1).read_until(b'\n', line).map_err(|error| {
            Failure::failed(
                format!("line {} of standard input cannot be read: {error}", self.read),
                "check what is piped into this command",
            )
        })?;
        if line.len() as u64 > LINE_BYTES_MAX {
            return Err(Failure::failed(
                format!("line {} is longer than {LINE_BYTES_MAX} bytes", self.read),
                "give one row a line, as CSV",
            ));
        }
        self.read -= u64::from(read == 0);
        Ok(read > 0)
    }
}

const HEADER_HINT: &str = "give CSV whose first line is a header, such as: timestamp,value";

/// A line without its end, and the end; a last line without one gets one.
fn body(line: &[u8]) -> (&[u8], &[u8]) {
    if let Some(row) = line.strip_suffix(b"\r\n") {
        (row, b"\r\n")
    } else {
        (line.strip_suffix(b"\n").unwrap_or(line), b"\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(input: &[u8], format: Format, only_alerts: bool) -> (String, Vec<String>, u64) {
        let mut filter = Filter { output: Vec::new(), format, only_alerts, read: 0, bad: 0 };
        let mut told = Vec::new();
        match filter.pass(BufReader::new(input), |words| told.push(words.to_owned())) {
            Ok(()) => {}
            Err(Failure::Told(error)) => told.push(format!("failed: {}", error.message)),
            Err(Failure::NobodyReads) => told.push("nobody reads".to_owned()),
        }
        (String::from_utf8_lossy(&filter.output).into_owned(), told, filter.bad)
    }

    #[test]
    fn every_byte_of_a_field_passes_and_bad_rows_are_told() {
        let input = b"\xef\xbb\xbftimestamp , VALUE,note\r\n1,2.50,\"a, b\"\r\n\r\n2,,x\r\n3\r\nx,1e3,\xff\n4,NaN,";
        let (output, told, bad) = filtered(input, Format::Csv, false);
        assert_eq!(
            output,
            "\u{feff}timestamp , VALUE,note,anomaly_score\r\n1,2.50,\"a, b\",0.000000\r\n\r\n\
             2,,x,0.000000\r\n3,0.000000\r\nx,1e3,\u{fffd},0.000000\n4,NaN,,0.000000\n"
        );
        assert_eq!(bad, 3);
        assert_eq!(
            told,
            [
                "line 4: `` is not a finite number: its score is 0",
                "line 5: no field in column 2 (`value`): its score is 0",
                "line 7: `NaN` is not a finite number: its score is 0",
            ]
        );
    }

    #[test]
    fn what_is_no_table_of_values_is_refused() {
        let long = [b"timestamp,value\n".as_slice(), &[b'1'; 70_000]].concat();
        for (input, expected) in [
            (b"".as_slice(), "failed: standard input is empty"),
            (b"1,2\n3,4\n", "failed: the header has no column `value`: it is `1,2`"),
            (
                b"timestamp,value,anomaly_score\n",
                "failed: the input has a column `anomaly_score` already",
            ),
            (&long, "failed: line 2 is longer than 65536 bytes"),
        ] {
            assert_eq!(filtered(input, Format::Csv, false).1, [expected]);
        }
    }

    #[test]
    fn alerts_alone_and_as_json() {
        let mut input = String::from("timestamp,value\n");
        for row in 0..1000_u32 {
            let value = if row == 800 { 500 } else { 10 + row * 7 % 13 };
            input.push_str(&format!("{row},{value}\n"));
        }
        let (output, ..) = filtered(input.as_bytes(), Format::Csv, true);
        let rows: Vec<&str> = output.lines().collect();
        assert!(rows.len() == 2 && rows[1].starts_with("800,500,0."), "{output}");
        let (output, ..) = filtered(input.as_bytes(), Format::Json, true);
        assert!(
            output.starts_with("{\"line\":802,\"value\":500.0,\"anomaly_score\":0."),
            "{output}"
        );
        assert!(output.ends_with(",\"alert\":true}\n") && output.lines().count() == 1, "{output}");
    }
}
