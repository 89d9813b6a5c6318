//! Where the header of a log line ends: time, host, level, thread, program and process number.
//!
//! No format is configured. A header is told by its time; what comes before it and what follows is
//! taken for header as far as it looks like a field and not like a sentence. A line without a time
//! is all message.

use super::time::time_len;

/// Fields before the time.
const FIELDS_BEFORE_MAX: usize = 5;
/// Times in one header: some systems write two.
const TIMES_MAX: usize = 3;
/// Fields between the time and the level.
const FIELDS_TO_LEVEL_MAX: usize = 4;
/// Bracketed fields after the level.
const BRACKETS_MAX: usize = 4;
/// Bytes of a program's name, with its process number.
const TAG_BYTES_MAX: usize = 128;
/// Fields between bars.
const BARS_MAX: usize = 4;

/// A log line in two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// The time as written; the last one, where there are more.
    pub time: Option<&'a [u8]>,
    /// The program, logger or module that speaks, as written.
    pub program: Option<&'a [u8]>,
    /// The level as written.
    pub level: Option<&'a [u8]>,
    /// The message.
    pub content: &'a [u8],
}

/// Splits a line at the end of its header.
pub fn split_header(line: &[u8]) -> Header<'_> {
    let mut cut = Cut { rest: trim(line), time: None, program: None, level: None };
    cut.priority();
    if is_since_boot(cut.rest) {
        // The kernel's own log has neither host nor program.
        cut.since_boot();
    } else if cut.times() {
        cut.fields();
        cut.since_boot();
    } else {
        cut.rest = trim(line);
        cut.leading_level();
    }
    Header { time: cut.time, program: cut.program, level: cut.level, content: cut.rest }
}

fn trim(text: &[u8]) -> &[u8] {
    text.trim_ascii()
}

/// The first word, and what follows.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|b| matches!(b, b' ' | b'\t')).unwrap_or(text.len());
    text.split_at(end)
}

struct Cut<'a> {
    rest: &'a [u8],
    time: Option<&'a [u8]>,
    program: Option<&'a [u8]>,
    level: Option<&'a [u8]>,
}

impl<'a> Cut<'a> {
    /// Goes on behind so many bytes, and the marks between fields.
    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default().trim_ascii_start();
    }

    /// A lone mark between fields.
    fn skip_mark(&mut self) {
        if let [b'-' | b'|' | b',' | b':', b' ' | b'\t', ..] = self.rest {
            self.skip(1);
        }
    }

    /// `<34>` or `<34>1` of the syslog protocol.
    fn priority(&mut self) {
        let [b'<', inner @ ..] = self.rest else { return };
        let digits = inner.iter().take_while(|b| b.is_ascii_digit()).count();
        if (1..=3).contains(&digits) && inner.get(digits) == Some(&b'>') {
            self.skip(digits + 2);
            if let [b'1', b' ', ..] = self.rest {
                self.skip(2);
            }
        }
    }

    /// `[   12.345678]`
    fn since_boot(&mut self) {
        if is_since_boot(self.rest)
            && let Some(len) = time_len(self.rest)
        {
            self.skip(len);
        }
    }

    /// Goes behind the last time that belongs to the header.
    fn times(&mut self) -> bool {
        let mut found = false;
        let mut fields_max = FIELDS_BEFORE_MAX;
        let glog = matches!(self.rest, [b'I' | b'W' | b'E' | b'F', b'0'..=b'9', ..]);
        for _ in 0..TIMES_MAX {
            let Some((time, behind)) = behind_time(self.rest, fields_max) else { break };
            self.time = Some(time);
            self.rest = behind.trim_ascii_start();
            found = true;
            fields_max = 1;
        }
        // `77 server.cc:12] message`
        if found && glog {
            let head = self.rest.get(..TAG_BYTES_MAX.min(self.rest.len())).unwrap_or_default();
            if let Some(end) = head.windows(2).position(|two| two == b"] ") {
                self.program = head.get(..end).and_then(|h| h.rsplit(|b| *b == b' ').next());
                self.skip(end + 1);
            }
        }
        found
    }

    fn fields(&mut self) {
        if self.rest.first() == Some(&b'|') {
            return self.bars();
        }
        if let [b',', ..] = self.rest {
            self.skip(1);
        }
        self.skip_mark();
        if self.take_level() {
            self.brackets();
            self.logger();
            self.brackets();
            return self.skip_mark();
        }
        self.brackets();
        if self.level.is_some() {
            self.brackets();
            self.logger();
            return self.skip_mark();
        }
        if !self.dash() {
            self.host_and_tag();
        }
    }

    /// `|module|12|message`.
    fn bars(&mut self) {
        let mut numbered = false;
        for _ in 0..BARS_MAX {
            let [b'|', inner @ ..] = self.rest else { return };
            let Some(end) = inner.iter().position(|b| *b == b'|') else {
                break;
            };
            let field = trim(inner.get(..end).unwrap_or_default());
            if field.contains(&b' ') || field.len() > TAG_BYTES_MAX {
                break;
            }
            let number = !field.is_empty() && field.iter().all(u8::is_ascii_digit);
            if number && numbered || !number && self.program.is_some() {
                break;
            }
            numbered |= number;
            if is_level(field) {
                self.level = Some(field);
            } else if self.program.is_none() && field.iter().any(u8::is_ascii_alphabetic) {
                self.program = Some(field);
            }
            self.rest = self.rest.get(end + 1..).unwrap_or_default();
        }
        self.skip(1);
    }

    /// A level within the next fields, if what stands before it is no sentence.
    fn take_level(&mut self) -> bool {
        let mut rest = self.rest;
        for at in 0..FIELDS_TO_LEVEL_MAX {
            let (field, behind) = word(rest);
            let bare = field.strip_suffix(b":").unwrap_or(field);
            let bare = bare.strip_prefix(b"[").and_then(|b| b.strip_suffix(b"]")).unwrap_or(bare);
            // Further on, and in words, `error` may belong to a sentence.
            let shouts = !bare.iter().any(u8::is_ascii_lowercase);
            let column = bare.len() < field.len() || matches!(behind, [b' ', b' ', ..]);
            if is_level(bare) && !behind.is_empty() && (shouts || (at == 0 && column)) {
                self.level = Some(bare);
                self.rest = behind.trim_ascii_start();
                return true;
            }
            let speaker = field.ends_with(b":");
            if field.is_empty()
                || speaker
                || field.iter().any(u8::is_ascii_lowercase) && !is_field(field)
            {
                return false;
            }
            rest = behind.trim_ascii_start();
        }
        false
    }

    /// A line that begins with its level: `ERROR: no space left`.
    fn leading_level(&mut self) {
        let (field, behind) = word(self.rest);
        let bracketed = field.strip_prefix(b"[").and_then(|f| f.strip_suffix(b"]"));
        let level = bracketed.or_else(|| field.strip_suffix(b":"));
        if let Some(level) = level.filter(|l| l.len() > 1 && is_level(l)) {
            self.level = Some(level);
            self.rest = behind.trim_ascii_start();
        }
    }

    /// Threads, request ids, levels in brackets.
    fn brackets(&mut self) {
        for _ in 0..BRACKETS_MAX {
            self.skip_mark();
            let Some(end) = closing(self.rest) else { return };
            let inner = self.rest.get(1..end).unwrap_or_default();
            let marked = matches!(self.rest.get(end + 1), Some(b':'));
            if self.level.is_none() && is_level(inner) {
                self.level = Some(inner);
            } else if inner.contains(&b' ') && !is_ids(inner) {
                return;
            }
            self.skip(end + 1 + usize::from(marked));
        }
    }

    /// The name of the logger, behind the level.
    fn logger(&mut self) {
        let (field, behind) = word(self.rest);
        let name = field.strip_suffix(b":").unwrap_or(field);
        let named = name.len() < field.len();
        let column = matches!(behind, [b' ', b' ', ..] | [b'\t', ..]);
        let dots = name.iter().filter(|b| **b == b'.').count();
        let before_bracket = dots > 0 && matches!(behind, [b' ', b'[' | b'-', ..]);
        let plain = |b: &u8| b.is_ascii_alphanumeric() || b"._$-/@#*[]()<>".contains(b);
        if !name.is_empty()
            && name.iter().all(plain)
            && name.iter().any(u8::is_ascii_alphabetic)
            && field.len() <= TAG_BYTES_MAX
            && (named || column || before_bracket)
            && !behind.is_empty()
        {
            self.program = Some(name);
            self.rest = behind.trim_ascii_start();
        }
    }

    /// `program - message`.
    fn dash(&mut self) -> bool {
        const WORDS_MAX: usize = 2;
        let mut rest = self.rest;
        for at in 0..=WORDS_MAX {
            let (field, behind) = word(rest);
            if field == b"-" && at > 0 {
                let len = self.rest.len() - rest.len();
                self.program = self.rest.get(..len).map(<[u8]>::trim_ascii_end);
                self.rest = behind.trim_ascii_start();
                return true;
            }
            if field.is_empty() || field.ends_with(b":") {
                return false;
            }
            rest = behind.trim_ascii_start();
        }
        false
    }

    /// `host program[12]: message`.
    fn host_and_tag(&mut self) {
        let (host, behind) = word(self.rest);
        if host.ends_with(b":") || matches!(host, [.., b']' | b')']) {
            self.tag(self.rest);
            return;
        }
        let behind = behind.trim_ascii_start();
        let behind = behind.strip_prefix(b"-- ").unwrap_or(behind);
        if !self.tag(behind) && behind.starts_with(b"last message repeated") {
            self.rest = behind;
        }
    }

    fn tag(&mut self, text: &'a [u8]) -> bool {
        const WORDS_MAX: usize = 4;
        let head = text.get(..TAG_BYTES_MAX.min(text.len())).unwrap_or(text);
        let colon = (0..head.len()).find(|at| {
            head.get(*at) == Some(&b':') && matches!(text.get(at + 1), None | Some(b' ' | b'\t'))
        });
        let Some(colon) = colon else { return false };
        let tag = text.get(..colon).unwrap_or_default();
        let spaces = tag.iter().filter(|b| **b == b' ').count();
        let closed = matches!(tag.last(), Some(b']' | b')'));
        if tag.is_empty() || (spaces > 0 && !(closed && spaces < WORDS_MAX)) {
            return false;
        }
        let name_end = tag.iter().position(|b| matches!(b, b'[' | b'(')).unwrap_or(tag.len());
        self.program = tag.get(..name_end).map(trim).filter(|name| !name.is_empty());
        self.rest = text.get(colon + 1..).unwrap_or_default().trim_ascii_start();
        true
    }
}

/// The first time, with at most so many fields before it, and what follows.
fn behind_time(text: &[u8], fields_max: usize) -> Option<(&[u8], &[u8])> {
    let mut rest = text;
    for at in 0..=fields_max {
        if let Some(len) = time_len(rest) {
            return rest.split_at_checked(len);
        }
        let (field, behind) = word(rest);
        let numbered = at == 0 || word(text).0.iter().all(u8::is_ascii_digit);
        if behind.is_empty() || !(is_field(field) || (numbered && at > 0)) {
            return None;
        }
        rest = behind.trim_ascii_start();
    }
    None
}

fn is_since_boot(text: &[u8]) -> bool {
    let [b'[', inner @ ..] = text else { return false };
    let inner = inner.trim_ascii_start();
    let digits = inner.iter().take_while(|b| b.is_ascii_digit()).count();
    let fraction = inner.get(digits + 1..).unwrap_or_default();
    let places = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
    digits > 0
        && inner.get(digits) == Some(&b'.')
        && places >= 3
        && fraction.get(places) == Some(&b']')
}

/// Whether a word is no part of a sentence: it has figures, or marks within, or is a dash.
fn is_field(field: &[u8]) -> bool {
    let inner = field.get(1..field.len().saturating_sub(1)).unwrap_or_default();
    let marked = inner.iter().any(|b| matches!(b, b'.' | b'_' | b'/' | b'@' | b'-'));
    field == b"-" || field.iter().any(u8::is_ascii_digit) || marked
}

/// The place of the bracket that closes the one at the start.
fn closing(text: &[u8]) -> Option<usize> {
    const BRACKET_BYTES_MAX: usize = 200;
    if text.first() != Some(&b'[') {
        return None;
    }
    let mut depth = 0_usize;
    for (at, byte) in text.iter().take(BRACKET_BYTES_MAX).enumerate() {
        match byte {
            b'[' => depth += 1,
            b']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// Ids and dashes only, such as a request's.
fn is_ids(inner: &[u8]) -> bool {
    let mut words = inner.split(|b| *b == b' ').filter(|w| !w.is_empty());
    words.all(|w| w == b"-" || w.iter().any(u8::is_ascii_digit) || w == b"pid" || w == b"tid")
}

fn is_level(word: &[u8]) -> bool {
    const LEVELS: [&[u8]; 27] = [
        b"TRACE",
        b"DEBUG",
        b"INFO",
        b"NOTICE",
        b"WARN",
        b"WARNING",
        b"ERROR",
        b"ERR",
        b"CRIT",
        b"CRITICAL",
        b"ALERT",
        b"EMERG",
        b"FATAL",
        b"SEVERE",
        b"FAILURE",
        b"FINE",
        b"LOG",
        b"PANIC",
        b"HINT",
        b"AUDIT",
        b"V",
        b"D",
        b"I",
        b"W",
        b"E",
        b"F",
        b"INFORMATION",
    ];
    LEVELS
        .iter()
        .any(|level| word.eq_ignore_ascii_case(level) && (level.len() > 1 || *level == word))
}
