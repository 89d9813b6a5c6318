//! The lexical half of the miner: what in a line is plainly a variable, told by its characters.
//!
//! One pass over bytes, without regular expressions: numbers, addresses, identifiers with digits,
//! paths, host names, times and sizes become [`VAR`]. Words stay, whatever they may mean; that is
//! judged by `shape`.

/// Stands for a variable in a masked line. No input byte survives as one.
pub(super) const VAR: u8 = 0x01;

const SPACE: u8 = 1;
const SEPARATOR: u8 = 1 << 1;
const DIGIT: u8 = 1 << 2;
const LOWER: u8 = 1 << 3;
const UPPER: u8 = 1 << 4;
const HEX: u8 = 1 << 5;
const OTHER: u8 = 1 << 6;

const CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [OTHER; 256];
    let mut i = 0;
    while i < 256 {
        let byte = i as u8;
        table[i] = match byte {
            0..=b' ' | 0x7f => SPACE,
            b'0'..=b'9' => DIGIT | HEX,
            b'a'..=b'f' => LOWER | HEX,
            b'g'..=b'z' => LOWER,
            b'A'..=b'F' => UPPER | HEX,
            b'G'..=b'Z' => UPPER,
            b'=' | b',' | b';' | b'|' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'<' | b'>'
            | b'"' | b'\'' | b':' | b'!' | b'?' => SEPARATOR,
            _ => OTHER,
        };
        i += 1;
    }
    table
}

fn class(byte: u8) -> u8 {
    CLASSES[usize::from(byte)]
}

/// Whether a byte stands alone between words.
pub(super) fn is_separator(byte: u8) -> bool {
    class(byte) & SEPARATOR != 0
}

/// Writes the masked line: words and marks as they are, [`VAR`] for what is plainly variable, one
/// space where there was white space.
pub(super) fn mask(line: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let mut masker = Masker { line, out, space: false };
    let mut at = 0;
    while let Some(&byte) = line.get(at) {
        let class = class(byte);
        at = if class & SPACE != 0 {
            masker.space = true;
            if byte == 0x1b { after_escape(line, at) } else { at + 1 }
        } else if class & SEPARATOR != 0 {
            masker.mark(byte, at)
        } else {
            masker.piece(at)
        };
    }
}

/// The end of a terminal escape sequence: colours say nothing about the message.
fn after_escape(line: &[u8], at: usize) -> usize {
    if line.get(at + 1) != Some(&b'[') {
        return at + 1;
    }
    let rest = line.get(at + 2..).unwrap_or_default();
    let parameters = rest.iter().take_while(|b| matches!(**b, b'0'..=b'?')).count();
    (at + 3 + parameters).min(line.len())
}

struct Masker<'a> {
    line: &'a [u8],
    out: &'a mut Vec<u8>,
    space: bool,
}

impl Masker<'_> {
    fn peek(&self, at: usize) -> u8 {
        self.line.get(at).copied().unwrap_or(b' ')
    }

    fn spaced(&mut self) {
        if self.space && !self.out.is_empty() {
            self.out.push(b' ');
        }
        self.space = false;
    }

    fn variable(&mut self) {
        if self.space {
            // A list of variables is one, so that its length does not matter.
            if self.out.last() == Some(&VAR) {
                self.space = false;
                return;
            }
        } else if let [.., VAR, b':' | b','] = self.out.as_slice() {
            self.out.pop();
            return;
        }
        self.spaced();
        self.out.push(VAR);
    }

    fn mark(&mut self, byte: u8, at: usize) -> usize {
        let alone = at == 0 || class(self.peek(at.wrapping_sub(1))) & SPACE != 0;
        // `<1` and `> 5` are amounts.
        if matches!(byte, b'<' | b'>') && alone && class(self.peek(at + 1)) & DIGIT != 0 {
            return at + 1;
        }
        if byte == b')' && self.is_aside() {
            return at + 1;
        }
        self.spaced();
        self.out.push(byte);
        at + 1
    }

    /// Takes back ` (VAR` or ` (` after a variable: the same thing said once more.
    fn is_aside(&mut self) -> bool {
        let out = self.out.as_slice();
        let open = out.strip_suffix(&[VAR]).unwrap_or(out);
        let Some(before) = open.strip_suffix(b" (") else { return false };
        let amount = before.strip_suffix(b" bytes").unwrap_or(before);
        if amount.last() != Some(&VAR) {
            return false;
        }
        let keep = before.len();
        self.out.truncate(keep);
        self.space = false;
        true
    }

    /// One run of characters that belong together; gives where it ends.
    fn piece(&mut self, start: usize) -> usize {
        let (mut end, seen) = self.scan(start);
        let full = self.line.get(start..end).unwrap_or_default();
        let trimmed = trim_dots(full);
        let dots = full.len() - trimmed.len();
        if trimmed.is_empty() {
            self.spaced();
            self.out.extend_from_slice(full);
            return end;
        }
        end -= dots;
        if is_variable(trimmed, &seen) || (seen.dots > 0 && self.is_address(trimmed, end)) {
            self.variable();
        } else if self.is_unit(trimmed) {
            self.space = false;
        } else {
            self.spaced();
            self.out.extend_from_slice(trimmed);
        }
        if dots > 0 {
            self.out.extend_from_slice(full.get(trimmed.len()..).unwrap_or_default());
        }
        end + dots
    }

    fn scan(&self, start: usize) -> (usize, Seen) {
        let mut seen = Seen::default();
        let mut at = start;
        while let Some(&byte) = self.line.get(at) {
            let class = class(byte);
            if class & SPACE != 0 {
                break;
            }
            if class & SEPARATOR != 0 {
                if !self.goes_on(start, at, byte, &mut seen) {
                    break;
                }
            } else {
                seen.any |= class;
                if class & HEX == 0 {
                    seen.not_hex = true;
                }
                match byte {
                    b'.' => seen.dots += 1,
                    b'/' => seen.slashes += 1,
                    b'@' => seen.at_sign |= at > start,
                    b'\\' => seen.backslashes += 1,
                    _ => {}
                }
            }
            at += 1;
        }
        (at, seen)
    }

    /// Whether a mark belongs to the piece that began at `start`.
    fn goes_on(&self, start: usize, at: usize, byte: u8, seen: &mut Seen) -> bool {
        let next = self.peek(at + 1);
        let next_class = class(next);
        let last_class = class(self.peek(at.wrapping_sub(1)));
        let path = seen.path || self.peek(start) == b'/';
        match byte {
            b':' if next == b'/' && self.peek(at + 2) == b'/' => {
                seen.path = true;
                true
            }
            b':' if next == b'\\' && at == start + 1 => {
                seen.path = true;
                true
            }
            b':' if last_class & next_class & DIGIT != 0 => true,
            // MAC and IPv6 addresses.
            b':' if !seen.not_hex && next_class & HEX != 0 && at - start <= 5 * 8 => {
                seen.colons += 1;
                true
            }
            b':' if !seen.not_hex && next == b':' => seen.colons > 0 || seen.any & DIGIT != 0,
            b',' => last_class & next_class & DIGIT != 0,
            b'=' | b'?' | b';' | b':' if path => {
                next_class & (DIGIT | LOWER | UPPER) != 0 || next == b'/'
            }
            _ => false,
        }
    }

    /// A name with a dot before a port: `example.cn:443`.
    fn is_address(&self, name: &[u8], end: usize) -> bool {
        const PORT_DIGITS_MAX: usize = 5;
        let rest = self.line.get(end..).unwrap_or_default();
        let [b':', rest @ ..] = rest else { return false };
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        (2..=PORT_DIGITS_MAX).contains(&digits)
            && rest.get(digits).is_none_or(|b| class(*b) & (SPACE | SEPARATOR) != 0)
            && name.iter().all(|b| class(*b) & LOWER != 0 || matches!(b, b'.' | b'-'))
    }

    /// A unit of size or time that follows a figure, or what follows a time of day.
    fn is_unit(&self, word: &[u8]) -> bool {
        self.space
            && self.out.last() == Some(&VAR)
            && matches!(
                word,
                b"B" | b"KB"
                    | b"kB"
                    | b"MB"
                    | b"GB"
                    | b"TB"
                    | b"PB"
                    | b"KiB"
                    | b"MiB"
                    | b"GiB"
                    | b"TiB"
                    | b"s"
                    | b"sec"
                    | b"secs"
                    | b"AM"
                    | b"PM"
                    | b"UTC"
                    | b"GMT"
                    | b"EST"
                    | b"EDT"
                    | b"CST"
                    | b"CDT"
                    | b"MST"
                    | b"MDT"
                    | b"PST"
                    | b"PDT"
                    | b"CET"
                    | b"CEST"
                    | b"BST"
                    | b"JST"
                    | b"KST"
            )
    }
}

fn trim_dots(piece: &[u8]) -> &[u8] {
    let dots = piece.iter().rev().take_while(|b| **b == b'.').count();
    piece.get(..piece.len() - dots).unwrap_or_default()
}

/// What a piece is made of.
#[derive(Default)]
struct Seen {
    any: u8,
    not_hex: bool,
    path: bool,
    at_sign: bool,
    dots: usize,
    slashes: usize,
    backslashes: usize,
    colons: usize,
}

fn is_variable(piece: &[u8], seen: &Seen) -> bool {
    const HEX_DIGITS_MIN: usize = 8;
    if seen.any & DIGIT != 0 {
        // Names of protocols, not figures.
        return !(piece.len() == 4
            && (piece.eq_ignore_ascii_case(b"ipv4") || piece.eq_ignore_ascii_case(b"ipv6")));
    }
    if seen.any & (LOWER | UPPER) == 0 {
        return false;
    }
    if piece.len() == 3 {
        return is_calendar(piece);
    }
    let hexadecimal = !seen.not_hex && (piece.len() >= HEX_DIGITS_MIN || seen.colons > 1);
    let path = seen.path
        || seen.slashes >= 2
        || seen.backslashes >= 2
        || (seen.slashes > 0 && matches!(piece, [b'/', ..] | [b'~', b'/', ..] | [b'.', ..]));
    hexadecimal || path || seen.at_sign || (seen.dots > 0 && is_host(piece))
}

fn is_calendar(word: &[u8]) -> bool {
    matches!(
        word,
        b"Mon"
            | b"Tue"
            | b"Wed"
            | b"Thu"
            | b"Fri"
            | b"Sat"
            | b"Sun"
            | b"Jan"
            | b"Feb"
            | b"Mar"
            | b"Apr"
            | b"May"
            | b"Jun"
            | b"Jul"
            | b"Aug"
            | b"Sep"
            | b"Oct"
            | b"Nov"
            | b"Dec"
    )
}

/// A host name, or a name in reverse such as `com.example.agent`.
fn is_host(piece: &[u8]) -> bool {
    let mut parts = piece.split(|b| *b == b'.');
    let (mut count, mut plain) = (0, true);
    let mut last: &[u8] = &[];
    for part in parts.by_ref() {
        if part.is_empty() {
            return false;
        }
        plain &= part.iter().all(|b| class(*b) & LOWER != 0 || matches!(b, b'-' | b'_'));
        count += 1;
        last = part;
    }
    let first = piece.split(|b| *b == b'.').next().unwrap_or_default();
    let shouts = last.iter().all(|b| class(*b) & UPPER != 0 || *b == b'_');
    let reversed = matches!(first, b"com" | b"org" | b"net" | b"edu" | b"io") && !shouts;
    let top = matches!(
        last,
        b"com"
            | b"org"
            | b"net"
            | b"edu"
            | b"gov"
            | b"mil"
            | b"io"
            | b"dev"
            | b"local"
            | b"lan"
            | b"localdomain"
            | b"internal"
            | b"home"
            | b"corp"
            | b"arpa"
    );
    (count >= 3 && (plain || reversed)) || (plain && top)
}
