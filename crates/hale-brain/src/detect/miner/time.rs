//! Times at the head of a log line, in the forms that loggers write.
//!
//! Only their length matters here, not their value.

/// Bytes of the time that begins here; none if none does.
pub(super) fn time_len(text: &[u8]) -> Option<usize> {
    if let [open @ (b'[' | b'('), inner @ ..] = text {
        let close = if *open == b'[' { b']' } else { b')' };
        let pad = inner.iter().take_while(|b| **b == b' ').count();
        let padded = inner.get(pad..)?;
        let len = uptime(padded).or_else(|| bare(padded))?;
        return (padded.get(len) == Some(&close)).then_some(pad + len + 2);
    }
    let len = bare(text)?;
    let ends = text.get(len).is_none_or(|b| matches!(b, b' ' | b'\t' | b'|' | b',' | b':' | b'-'));
    ends.then_some(len)
}

fn bare(text: &[u8]) -> Option<usize> {
    syslog(text)
        .or_else(|| dated(text))
        .or_else(|| glog(text))
        .or_else(|| clock_only(text))
        .or_else(|| epoch(text))
}

/// Reads a text from the front.
struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a [u8]) -> Self {
        Reader { text, at: 0 }
    }

    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    /// How many digits were there, if so many as allowed.
    fn digits(&mut self, from: usize, to: usize) -> Option<usize> {
        let rest = self.text.get(self.at..)?;
        let n = rest.iter().take(to + 1).take_while(|b| b.is_ascii_digit()).count();
        if n < from || n > to {
            return None;
        }
        self.at += n;
        Some(n)
    }

    fn one_of(&mut self, allowed: &[u8]) -> Option<u8> {
        let byte = self.peek();
        if byte == 0 || !allowed.contains(&byte) {
            return None;
        }
        self.at += 1;
        Some(byte)
    }

    fn name(&mut self, names: &[&[u8]]) -> Option<()> {
        let word = self.text.get(self.at..self.at + 3)?;
        names.contains(&word).then(|| self.at += 3)
    }

    fn spaces(&mut self) -> Option<()> {
        self.one_of(b" ")?;
        while self.one_of(b" ").is_some() {}
        Some(())
    }

    /// `10:15:30`, with a fraction and a zone if there are any.
    fn clock(&mut self) -> Option<()> {
        self.digits(1, 2)?;
        let mark = self.one_of(b":.")?;
        self.digits(1, 2)?;
        self.one_of(&[mark])?;
        self.digits(1, 2)?;
        let held = self.at;
        if self.one_of(b".,:").is_none() || self.digits(1, 9).is_none() {
            self.at = held;
        }
        let held = self.at;
        while self.one_of(b" ").is_some() {}
        if self.zone().is_none() {
            self.at = held;
        }
        Some(())
    }

    fn zone(&mut self) -> Option<()> {
        if self.one_of(b"Z").is_some() || self.name(ZONES).is_some() {
            return (!self.peek().is_ascii_alphanumeric()).then_some(());
        }
        self.one_of(b"+-")?;
        self.digits(2, 4)?;
        if self.one_of(b":").is_some() {
            self.digits(2, 2)?;
        }
        Some(())
    }
}

const MONTHS: &[&[u8]] = &[
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];
const DAYS: &[&[u8]] = &[b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
const ZONES: &[&[u8]] = &[b"UTC", b"GMT", b"CET", b"EST", b"EDT", b"PST", b"PDT"];

/// `Jun  9 06:06:20`, with a day of the week and a year where there are any.
fn syslog(text: &[u8]) -> Option<usize> {
    let mut r = Reader::new(text);
    if r.name(DAYS).is_some() {
        r.one_of(b",");
        r.spaces()?;
    }
    r.name(MONTHS)?;
    r.spaces()?;
    r.digits(1, 2)?;
    r.spaces()?;
    let held = r.at;
    if r.digits(4, 4).is_none() || r.spaces().is_none() {
        r.at = held;
    }
    r.clock()?;
    let held = r.at;
    if r.one_of(b" ").is_none() || r.digits(4, 4).is_none() || r.peek().is_ascii_alphanumeric() {
        r.at = held;
    }
    Some(r.at)
}

/// A date in figures or with the name of the month, mostly with a time of day.
fn dated(text: &[u8]) -> Option<usize> {
    let mut r = Reader::new(text);
    let whole = date(&mut r)?;
    let date_end = r.at;
    let joined = r.one_of(b"T_:-,").is_some();
    while r.one_of(b" ").is_some() {}
    let apart = joined || r.at > date_end;
    let clock_at = r.at;
    if apart && r.clock().is_some() {
        return Some(r.at);
    }
    // `081109 203615`: both without marks.
    r.at = clock_at;
    if apart && r.digits(6, 6).is_some() && !r.peek().is_ascii_alphanumeric() {
        return Some(r.at);
    }
    (whole && !text.get(date_end).is_some_and(u8::is_ascii_alphanumeric)).then_some(date_end)
}

/// Whether the date can stand alone.
fn date(r: &mut Reader<'_>) -> Option<bool> {
    let first = r.digits(1, 8)?;
    if matches!(first, 6 | 8) {
        return Some(false);
    }
    let mark = r.one_of(b"-/. ")?;
    if r.name(MONTHS).is_some() {
        r.one_of(&[mark])?;
        r.digits(2, 4)?;
        return Some(false);
    }
    if mark == b' ' {
        return None;
    }
    let second = r.digits(1, 2)?;
    if r.one_of(&[mark]).is_none() {
        return (first == 2 && second == 2).then_some(false);
    }
    let third = r.digits(1, 4)?;
    Some(first == 4 || (third == 4 && mark != b'.'))
}

/// `I0912 12:34:56.789`: the level is part of it.
fn glog(text: &[u8]) -> Option<usize> {
    let mut r = Reader::new(text);
    r.one_of(b"IWEF")?;
    r.digits(4, 4)?;
    r.spaces()?;
    r.clock()?;
    Some(r.at)
}

fn clock_only(text: &[u8]) -> Option<usize> {
    let mut r = Reader::new(text);
    r.clock()?;
    Some(r.at)
}

/// Seconds or milliseconds since 1970, for times from 2001 to 2033.
fn epoch(text: &[u8]) -> Option<usize> {
    let mut r = Reader::new(text);
    let starts = r.peek() == b'1';
    let n = r.digits(10, 13)?;
    if !starts || !matches!(n, 10 | 13) {
        return None;
    }
    let held = r.at;
    if r.one_of(b".").is_none() || r.digits(1, 9).is_none() {
        r.at = held;
    }
    Some(r.at)
}

/// `12345.678901`: seconds since boot.
fn uptime(text: &[u8]) -> Option<usize> {
    let mut r = Reader::new(text);
    r.digits(1, 9)?;
    r.one_of(b".")?;
    r.digits(3, 9)?;
    (r.peek() == b']').then_some(r.at)
}
