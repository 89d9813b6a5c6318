//! Programs whose output can be computed: echo, printf, base64, tr, cut and their like.

use super::machine::Machine;
use super::options::Parsed;
use super::text::{self, ANY, SEGMENT};
use super::words::ansi_c;
use super::{packed, paths, simple};

impl Machine {
    /// What a program reads: the files it names, else standard input.
    pub(super) fn input(&mut self, files: &[String]) -> String {
        let pid_files: Vec<String> =
            files.iter().filter(|f| f.ends_with(".pid")).cloned().collect();
        if !pid_files.is_empty() {
            self.looks_up(&pid_files);
        }
        if files.iter().all(|f| f == "-") {
            return self.stdin.clone().unwrap_or_else(|| ANY.to_string());
        }
        let contents: Vec<String> = files
            .iter()
            .map(
                |f| if f == "-" { self.stdin.clone().unwrap_or_default() } else { self.content(f) },
            )
            .collect();
        text::bounded(contents.concat())
    }

    pub(super) fn print(&mut self, name: &str, arguments: &[String]) -> String {
        let arguments: Vec<String> = arguments.iter().map(|a| text::unglobbed(a)).collect();
        if name == "printf" {
            let (variable, rest) = match arguments.as_slice() {
                [flag, variable, rest @ ..] if flag == "-v" => (Some(variable.clone()), rest),
                [flag, rest @ ..] if flag == "--" => (None, rest),
                all => (None, all),
            };
            let output = formatted(rest);
            return match variable {
                Some(variable) => {
                    self.assign(&variable, output);
                    String::new()
                }
                None => output,
            };
        }
        let flag = |a: &&String| {
            a.len() > 1
                && a.starts_with('-')
                && a.chars().skip(1).all(|c| matches!(c, 'n' | 'e' | 'E'))
        };
        let flags: Vec<&String> = arguments.iter().take_while(flag).collect();
        let escapes = flags.iter().any(|f| f.contains('e'));
        let newline = !flags.iter().any(|f| f.contains('n'));
        let mut output = simple::joined(arguments.get(flags.len()..).unwrap_or_default());
        if escapes {
            output = ansi_c(&output);
        }
        if newline {
            output.push('\n');
        }
        output
    }

    pub(super) fn names_only(&mut self, name: &str, arguments: &[String]) -> String {
        let short = |a: &&String| a.starts_with('-') && !a.starts_with("--");
        if name == "ls" && arguments.iter().filter(short).any(|a| a.contains('d')) {
            let named = arguments.iter().filter(|a| !a.starts_with('-'));
            return named.map(String::as_str).collect::<Vec<_>>().join("\n");
        }
        let mut output = ANY.to_string();
        if arguments.iter().any(|a| a.contains(text::SECRET)) {
            output.push(text::SECRET);
        }
        output
    }

    /// Programs of which the output is known in kind.
    pub(super) fn value_of(&mut self, name: &str, parsed: &Parsed, arguments: &[String]) -> String {
        match name {
            "mktemp" => {
                if parsed.has(&["-p", "--tmpdir"]) && parsed.value(&["-p", "--tmpdir"]).is_some() {
                    return ANY.to_string();
                }
                match parsed.operand(0) {
                    Some(template) if template.contains('/') => {
                        template.trim_end_matches('X').to_owned() + &SEGMENT.to_string()
                    }
                    _ => format!("/tmp/tmp.{SEGMENT}"),
                }
            }
            "dirname" => match parsed.operand(0) {
                Some(path) if text::is_literal(path) => {
                    match path.trim_end_matches('/').rsplit_once('/') {
                        Some(("", _)) => "/".to_owned(),
                        Some((directory, _)) => directory.to_owned(),
                        None => ".".to_owned(),
                    }
                }
                _ => ANY.to_string(),
            },
            "basename" => match parsed.operand(0) {
                Some(path) if text::is_literal(path) => {
                    let suffix = parsed.operand(1).unwrap_or_default();
                    paths::base(path).trim_end_matches(suffix).to_owned()
                }
                _ => SEGMENT.to_string(),
            },
            "realpath" | "readlink" => match parsed.operand(0) {
                Some(path) => self.resolve(path),
                None => ANY.to_string(),
            },
            "findmnt" => {
                let root = parsed.operands.iter().any(|o| o == "/");
                if root && arguments.iter().any(|a| a.contains("SOURCE") || a == "-no" || a == "-n")
                {
                    "/dev/root".to_owned()
                } else {
                    ANY.to_string()
                }
            }
            "which" | "whereis" => self.which(&parsed.operands),
            "pgrep" | "pidof" if super::processes::names_guard(&parsed.operands) => {
                self.guard_listed = true;
                SEGMENT.to_string()
            }
            "pgrep" | "pidof" => {
                // The oldest or the newest is one; the option takes no value here.
                let one = parsed.has(&["-o", "-n", "--oldest", "--newest"]);
                let value = parsed.value(&["-o"]).map(str::to_owned);
                let names: Vec<String> = parsed.operands.iter().cloned().chain(value).collect();
                self.looks_up(&names);
                // Whatever matches: as many as there are.
                let wide = parsed
                    .has(&["-u", "-U", "-f", "-G", "-g", "-P", "-t", "--euid", "--uid", "--full"])
                    || names.is_empty();
                if wide && !one { text::BELOW.to_string() } else { SEGMENT.to_string() }
            }
            "ps" | "lsof" => {
                self.names_only(name, arguments);
                text::residue(&text::BELOW.to_string())
            }
            "whoami" | "hostname" | "nproc" | "uname" | "date" | "id" | "arch" | "tty"
            | "logname" | "uuidgen" | "getconf" | "lsb_release" => SEGMENT.to_string(),
            "seq" => sequence(&parsed.operands),
            "yes" => {
                let word = if parsed.operands.is_empty() {
                    "y".to_owned()
                } else {
                    simple::joined(&parsed.operands)
                };
                format!("{word}\n")
            }
            _ => ANY.to_string(),
        }
    }

    /// Filters.
    pub(super) fn filter(&mut self, name: &str, parsed: &Parsed, arguments: &[String]) -> String {
        // `less '+!code'`
        for code in
            arguments.iter().filter_map(|a| a.strip_prefix("+!").or_else(|| a.strip_prefix("+:!")))
        {
            let code = code.to_owned();
            self.in_subshell(|machine| machine.run_text(&code));
        }
        let input = match name {
            "tr" => self.stdin.clone().unwrap_or_else(|| ANY.to_string()),
            "xxd" | "od" | "hexdump" => self.input(parsed.operands.get(..1).unwrap_or_default()),
            _ => self.input(&parsed.operands),
        };
        let known = text::is_literal(&input);
        if name == "sort"
            && let Some(path) = parsed.value(&["-o", "--output"])
        {
            let path = path.to_owned();
            self.write(&super::effects::Write::new(&path, &input).edit());
            return String::new();
        }
        // Lines that a listing gave stay what they are.
        if matches!(name, "grep" | "sort" | "uniq" | "head" | "tail" | "tac")
            && input.contains(text::BELOW)
            && !input.contains(ANY)
        {
            return input;
        }
        let decodes = parsed.has(&["-d", "-D", "--decode"]);
        let computed = match name {
            "cat" | "tac" | "less" | "more" | "most" | "bat" | "batcat" | "nl" | "pv"
            | "sponge" | "stdbuf" => {
                return if name == "tac" && known { reversed_lines(&input) } else { input };
            }
            _ if unpacks(name, parsed) => {
                let decoded = packed::unpacked(&input);
                return text::bounded(decoded.unwrap_or_else(|| undecoded(&input)));
            }
            "base64" | "base32" | "basenc" if !known && decodes => return undecoded(&input),
            "xxd" if !known && parsed.has(&["-r"]) => return undecoded(&input),
            "base64" | "base32" | "basenc" if known && decodes => {
                let base32 = name == "base32" || parsed.has(&["--base32"]);
                decode_base(&input, base32)
            }
            "base64" if known && !parsed.has(&["-d", "-D", "--decode"]) => {
                Some(encode_base(input.as_bytes()))
            }
            "gzip" | "pigz" if known => return text::bounded(packed::gzip(&input)),
            "xxd" if known && parsed.has(&["-p"]) && !parsed.has(&["-r"]) => {
                Some(input.bytes().map(|b| format!("{b:02x}")).collect::<String>() + "\n")
            }
            "rev" if known => Some(by_line(&input, |line| line.chars().rev().collect())),
            "tr" if known => translate(&input, parsed),
            "xxd" if known && parsed.has(&["-r"]) => decode_hex(&input),
            "cut" if known => cut(&input, parsed),
            "head" if known => lines_of(&input, parsed, true),
            "tail" if known => lines_of(&input, parsed, false),
            "sort" | "uniq" | "fold" | "fmt" | "expand" | "column" | "paste" if known => {
                if name == "paste" && parsed.has(&["-s"]) {
                    let delimiter = parsed.value(&["-d"]).unwrap_or("\t");
                    Some(input.lines().collect::<Vec<_>>().join(delimiter))
                } else {
                    Some(input.clone())
                }
            }
            "grep" | "egrep" | "fgrep" if known && parsed.operands.len() <= 1 => None,
            _ => None,
        };
        match computed {
            Some(output) => text::bounded(output),
            None => {
                let carried = self.carried(arguments);
                text::residue(&format!("{input}{carried}"))
            }
        }
    }
}

/// `printf`.
pub(super) fn formatted(arguments: &[String]) -> String {
    let Some((format, values)) = arguments.split_first() else { return String::new() };
    let mut output = String::new();
    let mut values = values.iter();
    for _ in 0..64 {
        let before = values.len();
        format_once(format, &mut values, &mut output);
        if values.len() == 0 || values.len() == before {
            break;
        }
    }
    output
}

fn format_once<'a>(
    format: &str,
    values: &mut impl Iterator<Item = &'a String>,
    output: &mut String,
) {
    // Escapes of the format are read before its conversions, never after.
    let format = ansi_c(format);
    let mut characters = format.chars().peekable();
    while let Some(c) = characters.next() {
        if c != '%' {
            output.push(c);
            continue;
        }
        let mut directive = String::new();
        while let Some(&next) = characters.peek() {
            characters.next();
            directive.push(next);
            if next.is_ascii_alphabetic() || next == '%' {
                break;
            }
        }
        let mut next = || values.next().cloned().unwrap_or_default();
        match directive.chars().last() {
            Some('%') => output.push('%'),
            Some('b') => output.push_str(&ansi_c(&next())),
            Some('c') => output.extend(next().chars().next()),
            Some('d' | 'i' | 'u') => {
                let value = next();
                output.push_str(if value.is_empty() { "0" } else { &value });
            }
            Some('x') => output
                .push_str(&next().parse::<i64>().map(|n| format!("{n:x}")).unwrap_or_default()),
            Some('o') => output
                .push_str(&next().parse::<i64>().map(|n| format!("{n:o}")).unwrap_or_default()),
            Some('s') => {
                let value = next();
                match directive
                    .strip_prefix('.')
                    .and_then(|d| d.strip_suffix('s'))
                    .map(str::parse::<usize>)
                {
                    Some(Ok(width)) => output.extend(value.chars().take(width)),
                    _ => output.push_str(&value),
                }
            }
            _ => output.push_str(&next()),
        }
    }
}

/// Whether a program decompresses what it reads.
fn unpacks(name: &str, parsed: &Parsed) -> bool {
    match name {
        "zcat" | "gunzip" | "gzcat" | "unpigz" | "bzcat" | "bunzip2" | "xzcat" | "unxz"
        | "lzcat" | "unlzma" | "zstdcat" | "unzstd" | "lz4cat" | "unlz4" | "uudecode"
        | "funzip" | "zlib-flate" | "uncompress" => true,
        "gzip" | "pigz" | "bzip2" | "xz" | "zstd" | "lz4" | "lzma" | "brotli" => {
            parsed.has(&["-d", "--decompress", "--uncompress"])
        }
        _ => false,
    }
}

/// What a decoder gives whose input is not known, or whose format is not understood.
pub(super) fn undecoded(input: &str) -> String {
    let mut output = text::residue(input);
    if !output.contains(text::DECODED) {
        output.push(text::DECODED);
    }
    output
}

fn by_line(input: &str, change: impl Fn(&str) -> String) -> String {
    input.lines().map(|line| change(line) + "\n").collect()
}

fn reversed_lines(input: &str) -> String {
    input.lines().rev().map(|line| format!("{line}\n")).collect()
}

fn sequence(operands: &[String]) -> String {
    let numbers: Vec<i64> = operands.iter().filter_map(|o| o.parse().ok()).collect();
    let (from, step, to) = match *numbers.as_slice() {
        [to] => (1, 1, to),
        [from, to] => (from, 1, to),
        [from, step, to] if step > 0 => (from, step, to),
        _ => return ANY.to_string(),
    };
    let values =
        (0..32_i64).map_while(|n| n.checked_mul(step)?.checked_add(from)).take_while(|v| *v <= to);
    values.map(|v| format!("{v}\n")).collect()
}

fn lines_of(input: &str, parsed: &Parsed, front: bool) -> Option<String> {
    if let Some(count) = parsed.value(&["-c", "--bytes"]) {
        let count: usize = count.trim_start_matches('+').parse().ok()?;
        let characters: Vec<char> = input.chars().collect();
        let taken = if front {
            characters.get(..count.min(characters.len()))
        } else {
            characters.get(characters.len().saturating_sub(count)..)
        };
        return taken.map(|t| t.iter().collect());
    }
    let count = parsed.value(&["-n", "--lines"]).map_or(Some(10), |n| n.parse().ok())?;
    let lines: Vec<&str> = input.lines().collect();
    let taken = if front {
        lines.get(..lines.len().min(count))
    } else {
        lines.get(lines.len().saturating_sub(count)..)
    };
    taken.map(|lines| lines.iter().map(|l| format!("{l}\n")).collect())
}

fn cut(input: &str, parsed: &Parsed) -> Option<String> {
    let ranges = |list: &str| -> Option<Vec<(usize, usize)>> {
        list.split(',')
            .map(|part| match part.split_once('-') {
                None => part.parse().ok().map(|n| (n, n)),
                Some((from, to)) => {
                    let from = if from.is_empty() { 1 } else { from.parse().ok()? };
                    let to = if to.is_empty() { usize::MAX } else { to.parse().ok()? };
                    Some((from, to))
                }
            })
            .collect()
    };
    let within =
        |ranges: &[(usize, usize)], n: usize| ranges.iter().any(|(a, b)| (*a..=*b).contains(&n));
    if let Some(list) = parsed.value(&["-c", "-b", "--characters", "--bytes"]) {
        let ranges = ranges(list)?;
        let pick = |line: &str| -> String {
            line.chars()
                .enumerate()
                .filter(|(i, _)| within(&ranges, i + 1))
                .map(|(_, c)| c)
                .collect()
        };
        return Some(by_line(input, pick));
    }
    let ranges = ranges(parsed.value(&["-f", "--fields"])?)?;
    let delimiter = parsed.value(&["-d", "--delimiter"]).unwrap_or("\t").to_owned();
    let pick = |line: &str| -> String {
        let fields: Vec<&str> = line.split(delimiter.as_str()).collect();
        let kept: Vec<&str> = fields
            .iter()
            .enumerate()
            .filter(|(i, _)| fields.len() == 1 || within(&ranges, i + 1))
            .map(|(_, f)| *f)
            .collect();
        kept.join(&delimiter)
    };
    Some(by_line(input, pick))
}

/// `tr SET1 SET2`, `tr -d SET1`.
fn translate(input: &str, parsed: &Parsed) -> Option<String> {
    let from = character_set(parsed.operand(0)?)?;
    if parsed.has(&["-c", "-C", "--complement"]) {
        return None;
    }
    if parsed.has(&["-d", "--delete"]) {
        return Some(input.chars().filter(|c| !from.contains(c)).collect());
    }
    if parsed.has(&["-s"]) && parsed.operand(1).is_none() {
        return Some(input.to_owned());
    }
    let to = character_set(parsed.operand(1)?)?;
    let last = *to.last()?;
    let map = |c: char| match from.iter().rposition(|f| *f == c) {
        Some(at) => to.get(at).copied().unwrap_or(last),
        None => c,
    };
    Some(input.chars().map(map).collect())
}

fn character_set(set: &str) -> Option<Vec<char>> {
    let set = text::unglobbed(set);
    let expanded = set
        .replace("[:lower:]", "a-z")
        .replace("[:upper:]", "A-Z")
        .replace("[:digit:]", "0-9")
        .replace("[:alpha:]", "A-Za-z")
        .replace("[:space:]", " \t\n\r");
    if expanded.contains("[:") {
        return None;
    }
    let characters: Vec<char> = ansi_c(&expanded).chars().collect();
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(&c) = characters.get(at) {
        match (characters.get(at + 1), characters.get(at + 2)) {
            (Some('-'), Some(&end)) if c <= end => {
                out.extend(c..=end);
                at += 3;
            }
            _ => {
                out.push(c);
                at += 1;
            }
        }
        if out.len() > 512 {
            return None;
        }
    }
    Some(out)
}

/// Base64 (both alphabets) or base32, blanks and rubbish left out as `-i` does.
pub(super) fn decode_base(input: &str, base32: bool) -> Option<String> {
    decode_bytes(input, base32).map(packed::from_bytes)
}

/// Base64 on one line.
fn encode_base(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |n: usize| u32::from(chunk.get(n).copied().unwrap_or_default());
        let word = (byte(0) << 16) | (byte(1) << 8) | byte(2);
        for n in 0..4 {
            let index = usize::try_from((word >> (18 - 6 * n)) & 63).unwrap_or_default();
            let letter = ALPHABET.get(index).copied().map_or('=', char::from);
            out.push(if n <= chunk.len() { letter } else { '=' });
        }
    }
    out.push('\n');
    out
}

/// As [`decode_base`]: the bytes.
pub(super) fn decode_bytes(input: &str, base32: bool) -> Option<Vec<u8>> {
    let value = |c: char| -> Option<u32> {
        let code = match c {
            'A'..='Z' => u32::from(c) - 65,
            '2'..='7' if base32 => u32::from(c) - 24,
            'a'..='z' if !base32 => u32::from(c) - 71,
            '0'..='9' if !base32 => u32::from(c) + 4,
            '+' | '-' if !base32 => 62,
            '/' | '_' if !base32 => 63,
            _ => return None,
        };
        Some(code)
    };
    let width = if base32 { 5 } else { 6 };
    let mut bytes = Vec::new();
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for c in input.chars().filter(|c| !c.is_whitespace() && *c != '=') {
        buffer = (buffer << width) | value(c)?;
        bits += width;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((buffer >> bits) & 0xff).ok()?);
            buffer &= (1 << bits) - 1;
        }
    }
    Some(bytes)
}

/// Hexadecimal digits, everything else left out.
pub(super) fn decode_hex(input: &str) -> Option<String> {
    // `xxd -r` takes dumps too; their offsets end with a colon.
    let body: String = input
        .lines()
        .map(|line| {
            let line = line.split_once(": ").map_or(line, |(_, rest)| rest);
            line.split_once("  ").map_or(line, |(hex, _)| hex).to_owned()
        })
        .collect();
    let digits: Vec<u32> =
        body.replace("0x", "").replace("\\x", "").chars().filter_map(|c| c.to_digit(16)).collect();
    let bytes: Option<Vec<u8>> = digits
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(high * 16 + low).ok(),
            _ => None,
        })
        .collect();
    bytes.map(packed::from_bytes)
}
