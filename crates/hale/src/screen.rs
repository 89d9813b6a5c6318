//! Output: data on standard output, talk on standard error, colour only where it is wanted,
//! columns by display width, nothing that was observed can write to the terminal.

use std::io::{IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use hale_model::Timestamp;
use hale_model::alert::Severity;
use hale_model::api::ApiError;
use hale_model::text::{self, printable};
use serde::Serialize;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::exit::{Exit, Failure};

/// Quiet text.
pub const DIM: Style = Style::new().dimmed();
/// Headings.
pub const BOLD: Style = Style::new().bold();
/// Well.
pub const GREEN: Style = AnsiColor::Green.on_default();
/// Worth a look.
pub const YELLOW: Style = AnsiColor::Yellow.on_default();
/// Trouble.
pub const RED: Style = AnsiColor::Red.on_default();
/// Great trouble.
pub const ALARM: Style = AnsiColor::Red.on_default().bold();
/// Things to type.
pub const CYAN: Style = AnsiColor::Cyan.on_default();
/// As it is.
pub const PLAIN: Style = Style::new();

/// Columns of a screen whose width is not known, and the bounds of what is used.
const WIDTH_DEFAULT: usize = 100;
const WIDTH_MIN: usize = 60;
const WIDTH_MAX: usize = 160;

/// How to answer.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// As JSON.
    pub json: bool,
    /// Without talk.
    pub quiet: bool,
}

impl Screen {
    /// Data.
    ///
    /// # Errors
    /// Nobody reads, or the disk is full.
    pub fn print(&self, data: &str) -> Result<(), Failure> {
        let mut out = anstream::stdout().lock();
        let newline = if data.ends_with('\n') || data.is_empty() { "" } else { "\n" };
        write!(out, "{data}{newline}").and_then(|()| out.flush()).map_err(|e| Failure::output(&e))
    }

    /// Data as JSON.
    ///
    /// # Errors
    /// As [`Screen::print`].
    pub fn print_json<T: Serialize>(&self, data: &T) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(data).map_err(|e| {
            Failure::failed(
                format!("the answer cannot be written as JSON: {e}"),
                "try without --json",
            )
        })?;
        self.print_data(&json_safe(&text))
    }

    /// Data exactly as it is, where a program reads it; on a terminal, control characters but line
    /// ends are replaced.
    ///
    /// # Errors
    /// As [`Screen::print`].
    pub fn print_data(&self, data: &str) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        let shown = if out.is_terminal() {
            data.lines().map(|line| printable(line) + "\n").collect()
        } else {
            data.to_owned()
        };
        let newline = if shown.ends_with('\n') { "" } else { "\n" };
        write!(out, "{shown}{newline}").and_then(|()| out.flush()).map_err(|e| Failure::output(&e))
    }

    /// JSON if it was asked for, else the text.
    ///
    /// # Errors
    /// As [`Screen::print`].
    pub fn answer<T: Serialize>(
        &self,
        data: &T,
        shown: impl FnOnce(&T) -> String,
    ) -> Result<Exit, Failure> {
        if self.json {
            self.print_json(data)?
        } else {
            self.print(&shown(data))?
        }
        Ok(Exit::Done)
    }

    /// Talk.
    pub fn talk(&self, words: &str) {
        if !self.quiet {
            anstream::eprintln!("{words}");
        }
    }
}

/// JSON without raw control characters: serde leaves DEL and the C1 range as they are, which some
/// terminals obey. Outside strings there is none but the line end.
fn json_safe(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_control() && c != '\n' {
            safe.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            safe.push(c);
        }
    }
    safe
}

/// What went wrong, where, and the next step; on standard error.
pub fn tell_error(error: &ApiError, quiet: bool) {
    let message: Vec<String> = error.message.lines().map(printable).collect();
    anstream::eprintln!("{} {}", paint(ALARM, "hale:"), message.join("\n      "));
    if let Some(hint) = error.hint.as_deref().filter(|_| !quiet) {
        anstream::eprintln!("      {}", paint(DIM, &printable(hint)));
    }
}

/// Text in a style.
pub fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// The style of a severity.
pub fn severity_style(severity: Severity) -> Style {
    match severity {
        Severity::Low => GREEN,
        Severity::Medium => YELLOW,
        Severity::High => RED,
        Severity::Critical => ALARM,
    }
}

/// A moment on this machine's clock, for people.
pub fn local(moment: Timestamp) -> String {
    moment.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// `1 new message`, `2 new messages`: the noun in its plural unless it is one.
pub fn counted(count: impl TryInto<u64>, noun: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    let stem = noun.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u']));
    match (count, stem, noun.ends_with("ss")) {
        (1, ..) => format!("1 {noun}"),
        (_, Some(stem), _) => format!("{count} {stem}ies"),
        (_, None, true) => format!("{count} {noun}es"),
        (_, None, false) => format!("{count} {noun}s"),
    }
}

/// Seconds between two moments; 0 if they are in the wrong order.
pub fn secs_between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.as_second() - from.as_second()).unwrap_or(0)
}

/// `3m 4s ago`
pub fn ago(then: Timestamp) -> String {
    match secs_between(then, Timestamp::now()) {
        0 => "just now".to_owned(),
        secs => format!("{} ago", text::duration(secs)),
    }
}

/// Columns that may be used.
pub fn width() -> usize {
    let window =
        rustix::termios::tcgetwinsize(std::io::stdout()).ok().map(|w| usize::from(w.ws_col));
    let told = || std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let columns = window.filter(|columns| *columns > 0).or_else(told).unwrap_or(WIDTH_DEFAULT);
    columns.clamp(WIDTH_MIN, WIDTH_MAX)
}

/// Whether a program or a file takes what is written: then nothing is cut, unless whoever started hale said
/// how wide it shall be.
fn is_piped() -> bool {
    !std::io::stdout().is_terminal() && std::env::var_os("COLUMNS").is_none()
}

/// Cut to this many columns where a terminal shows it, with `…` where it was cut; whole elsewhere. Control
/// characters become visible.
pub fn fit(text: &str, columns: usize) -> String {
    cut_to(text, if is_piped() { usize::MAX } else { columns })
}

fn cut_to(text: &str, columns: usize) -> String {
    let text = printable(text);
    if text.width() <= columns {
        return text;
    }
    let mut cut = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide + 1 > columns {
            break;
        }
        used += wide;
        cut.push(c);
    }
    cut.push('…');
    cut
}

/// Broken into lines of at most this many columns, at spaces where there are any.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in printable(text).split(' ') {
        let mut word = word.to_owned();
        loop {
            let Some(line) = lines.last_mut() else { return lines };
            let gap = usize::from(!line.is_empty());
            if line.width() + gap + word.width() <= columns {
                if gap == 1 {
                    line.push(' ');
                }
                line.push_str(&word);
                break;
            }
            if !line.is_empty() {
                lines.push(String::new());
                continue;
            }
            // One word wider than the screen.
            let head: String = word.chars().take(columns.max(1)).collect();
            word = word.chars().skip(columns.max(1)).collect();
            line.push_str(&head);
            lines.push(String::new());
        }
    }
    lines
}

/// A bar of this many columns.
pub fn bar(percent: Option<f64>, columns: usize, style: Style) -> String {
    let share = percent.unwrap_or(0.0).clamp(0.0, 100.0) / 100.0;
    let eighths = (share * columns as f64 * 8.0).round() as usize;
    let (full, rest) = (eighths / 8, eighths % 8);
    let part = ['\0', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let mut filled = "█".repeat(full);
    if let Some(c) = part.get(rest).filter(|_| rest > 0) {
        filled.push(*c);
    }
    let empty = columns - full - usize::from(rest > 0);
    format!("{}{}", paint(style, &filled), paint(DIM, &"·".repeat(empty)))
}

/// One cell.
#[derive(Clone, Debug)]
pub struct Cell {
    text: String,
    style: Style,
}

/// A cell as it is.
pub fn cell(text: impl AsRef<str>) -> Cell {
    styled(text, PLAIN)
}

/// A cell in a style.
pub fn styled(text: impl AsRef<str>, style: Style) -> Cell {
    Cell { text: printable(text.as_ref()), style }
}

/// Rows in aligned columns. The last column takes what is left, and is cut to it.
#[derive(Debug)]
pub struct Columns {
    header: Vec<&'static str>,
    /// Which columns are aligned to the right.
    right: &'static [usize],
    rows: Vec<Vec<Cell>>,
    indent: usize,
}

impl Columns {
    /// With these headings; none: an empty slice.
    pub fn new(header: &[&'static str], right: &'static [usize]) -> Self {
        Columns { header: header.to_vec(), right, rows: Vec::new(), indent: 0 }
    }

    /// Moved right.
    pub fn indent(mut self, columns: usize) -> Self {
        self.indent = columns;
        self
    }

    /// One more row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// As text of at most this many columns a line where a terminal shows it; whole elsewhere.
    pub fn render(&self, columns: usize) -> String {
        self.render_within(if is_piped() { usize::MAX } else { columns })
    }

    fn render_within(&self, columns: usize) -> String {
        let count = self.rows.iter().map(Vec::len).chain([self.header.len()]).max().unwrap_or(0);
        let wide = |index: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(index)).map(|c| c.text.width());
            cells.chain(self.header.get(index).map(|h| h.width())).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = (0..count).map(wide).collect();
        let before: usize = widths.iter().take(count.saturating_sub(1)).map(|w| w + 2).sum();
        if let Some(last) = widths.last_mut() {
            *last = (*last).min(columns.saturating_sub(before + self.indent).max(10));
        }
        let mut out = String::new();
        if !self.header.is_empty() {
            let cells: Vec<Cell> = self.header.iter().map(|h| styled(h, DIM)).collect();
            self.line(&mut out, &cells, &widths);
        }
        for row in &self.rows {
            self.line(&mut out, row, &widths);
        }
        out
    }

    fn line(&self, out: &mut String, cells: &[Cell], widths: &[usize]) {
        let mut line = " ".repeat(self.indent);
        for (index, (cell, width)) in cells.iter().zip(widths).enumerate() {
            let text = cut_to(&cell.text, *width);
            let pad = " ".repeat(width.saturating_sub(text.width()));
            let text = if cell.style == PLAIN { text } else { paint(cell.style, &text) };
            let last = index + 1 == cells.len();
            if self.right.contains(&index) {
                line.push_str(&pad);
                line.push_str(&text);
            } else {
                line.push_str(&text);
                if !last {
                    line.push_str(&pad);
                }
            }
            if !last {
                line.push_str("  ");
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_one() {
        let all = [(0, "message"), (1, "new message"), (2, "entry"), (1, "entry"), (3, "process")];
        let told = all.map(|(count, noun)| counted(count, noun));
        assert_eq!(told, ["0 messages", "1 new message", "2 entries", "1 entry", "3 processes"]);
    }

    #[test]
    fn columns_are_aligned_by_what_is_seen() {
        let mut columns = Columns::new(&["NAME", "N", "WHAT"], &[1]);
        columns.row([cell("日本"), cell("7"), cell("a long tale that does not fit")]);
        columns.row([cell("x\x1b[31m"), cell("1234"), cell("é")]);
        assert_eq!(
            anstream::adapter::strip_str(&columns.render_within(34)).to_string(),
            "NAME       N  WHAT\n\
             日本       7  a long tale that do…\n\
             x\u{fffd}[31m  1234  é\n"
        );
    }

    #[test]
    fn what_a_program_reads_is_whole() {
        // Under a test runner standard output is no terminal.
        if !is_piped() {
            eprintln!("SKIPPED what_a_program_reads_is_whole: a terminal, or COLUMNS is set");
            return;
        }
        let long = "word ".repeat(100);
        let mut columns = Columns::new(&["A", "B"], &[]);
        columns.row([cell("1"), cell(&long)]);
        assert!(columns.render(40).contains(long.trim_end()));
        assert_eq!(fit(&long, 40), long);
    }

    #[test]
    fn long_text_is_wrapped_at_spaces_and_long_words_are_cut() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("abcdefghij k", 4), ["abcd", "efgh", "ij k"]);
        assert_eq!(wrap("", 4), [""]);
        assert_eq!(cut_to("日本語", 5), "日本…");
    }

    #[test]
    fn json_holds_no_raw_control_character_and_means_the_same() {
        let value = serde_json::json!({ "a\u{9b}2J": ["\u{7f}\u{1b}[31m\n", "é"] });
        let text = json_safe(&serde_json::to_string_pretty(&value).unwrap_or_default());
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).ok(), Some(value));
    }

    #[test]
    fn bars_are_as_wide_as_asked_for() {
        for percent in [
            None,
            Some(0.0),
            Some(3.0),
            Some(50.0),
            Some(99.9),
            Some(100.0),
            Some(400.0),
            Some(-1.0),
        ] {
            let bar = anstream::adapter::strip_str(&bar(percent, 20, GREEN)).to_string();
            assert_eq!(bar.width(), 20, "{percent:?} {bar}");
        }
    }
}
