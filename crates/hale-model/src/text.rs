//! Numbers as people read them. Used by every screen, so that 1.5 GiB is 1.5 GiB everywhere.

/// Bytes with a binary unit: `512 B`, `1.5 GiB`.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{bytes} B"),
        _ if value < 10.0 => format!("{value:.1} {}", UNITS[unit]),
        _ => format!("{value:.0} {}", UNITS[unit]),
    }
}

/// A span with its two largest units: `3d 4h`, `2m 5s`, `0s`.
pub fn duration(secs: u64) -> String {
    let parts =
        [(secs / 86_400, "d"), (secs / 3600 % 24, "h"), (secs / 60 % 60, "m"), (secs % 60, "s")];
    let Some(first) = parts.iter().position(|(n, _)| *n > 0) else { return "0s".to_owned() };
    parts[first..]
        .iter()
        .take(2)
        .filter(|(n, _)| *n > 0)
        .map(|(n, unit)| format!("{n}{unit}"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// `90s`, `15m`, `1h`, `24h`, `7d`, or plain seconds, as seconds; sums such as `1h30m` too.
///
/// # Errors
/// The text itself, with what is expected, when it is not such a span.
pub fn parse_duration(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a duration: write 90s, 15m, 1h, 24h or 7d");
    if text.is_empty() || !text.is_ascii() {
        return Err(wrong());
    }
    let mut total: u64 = 0;
    let mut digits = String::new();
    for c in text.chars() {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let factor = match c {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return Err(wrong()),
        };
        let n: u64 = digits.parse().map_err(|_| wrong())?;
        total = n.checked_mul(factor).and_then(|s| total.checked_add(s)).ok_or_else(wrong)?;
        digits.clear();
    }
    if !digits.is_empty() {
        let n: u64 = digits.parse().map_err(|_| wrong())?;
        total = total.checked_add(n).ok_or_else(wrong)?;
    }
    Ok(total)
}

/// A moment for people, in UTC, to the second: `2025-11-20T10:00:30Z`.
pub fn moment(at: crate::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Cuts at a character boundary so that at most `limit_bytes` remain, with `…` where it cut.
pub fn shorten(text: &str, limit_bytes: usize) -> String {
    if text.len() <= limit_bytes {
        return text.to_owned();
    }
    let mut end = limit_bytes.saturating_sub('…'.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

/// Replaces what could write to the terminal that shows it (escapes, newlines) or make it show
/// something else than what is there (bidirectional controls, invisible characters), so that a
/// hostile process name or log line is seen as what it is.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if misleads(c) { '\u{fffd}' } else { c }).collect()
}

/// The same for text of several lines, which stay lines.
pub fn printable_lines(text: &str) -> String {
    text.chars().map(|c| if misleads(c) && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// Control and format characters. Joiners stay: Persian and emoji are written with them.
fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_read_them() {
        for (given, expected) in
            [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (u64::MAX, "16384 PiB")]
        {
            assert_eq!(bytes(given), expected);
        }
        for (given, expected) in
            [(0, "0s"), (59, "59s"), (61, "1m 1s"), (3600, "1h"), (273_600, "3d 4h")]
        {
            assert_eq!(duration(given), expected);
        }
        for (given, expected) in [("90s", 90), ("1h30m", 5400), ("24h", 86_400), ("15", 15)] {
            assert_eq!(parse_duration(given), Ok(expected));
        }
        for given in ["", "h", "1y", "-1s", "99999999999999999999d", "１h"] {
            assert!(parse_duration(given).is_err(), "{given}");
        }
        assert_eq!(shorten("日本語", 7), "日…");
        assert_eq!(printable("a\x1b[31mb\n"), "a\u{fffd}[31mb\u{fffd}");
        assert_eq!(printable("rm\u{202e}x\u{200b}"), "rm\u{fffd}x\u{fffd}");
        assert_eq!(printable_lines("a\n\rb"), "a\n\u{fffd}b");
    }
}
