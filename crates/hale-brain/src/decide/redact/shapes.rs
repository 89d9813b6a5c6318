//! What a value looks like: a placeholder, a name, a path, or something that nobody would have
//! written who did not mean a secret. Pure questions about one short string.

use super::words::List;

/// Whether the value says: here a secret would be put in.
pub(super) fn is_placeholder(value: &str) -> bool {
    let v = value.trim();
    let Some(first) = v.chars().next() else { return true };
    let all = |set: &str| v.chars().all(|c| set.contains(c));
    if all("*xX.•●-_#?…") || all("0") {
        return true;
    }
    let lower: String = v.chars().take(24).collect::<String>().to_ascii_lowercase();
    if List::PlaceholderStarts.words().any(|open| lower.starts_with(open)) {
        return true;
    }
    // `getpass.getpass(`: what a call gives.
    if v.strip_suffix('(').is_some_and(|call| is_identifier(call) && is_plain(call)) {
        return true;
    }
    if (first == '<' && v.ends_with('>')) || (first == '[' && v.ends_with(']')) {
        return true;
    }
    if (first == '{' && v.ends_with('}')) || (first == '(' && v.ends_with(')')) {
        return v.len() < 40 || v.contains(' ');
    }
    if first == '%' && (v.len() <= 3 || (v.ends_with('%') && is_identifier(&v[1..v.len() - 1]))) {
        return true;
    }
    if let Some(name) = v.strip_prefix('$') {
        let one_case = |n: &str| {
            !n.bytes().any(|b| b.is_ascii_lowercase()) || !n.bytes().any(|b| b.is_ascii_uppercase())
        };
        let digits = name.bytes().filter(u8::is_ascii_digit).count();
        return is_identifier(name) && (one_case(name) && digits <= 1 || digits == 0);
    }
    // `*db_password`: of YAML, what an anchor before holds.
    if let Some(name) = v.strip_prefix('*') {
        return is_plain(name) && name.len() > 2;
    }
    if let Some(name) = v.strip_prefix([':', '@', '?']) {
        return is_identifier(name) && !name.bytes().any(|b| b.is_ascii_digit()) && is_plain(name);
    }
    says_insert_here(&lower)
}

/// `your-api-key-here`, `REPLACE_ME`, `xxxx-xxxx`, `abc...`
fn says_insert_here(lower: &str) -> bool {
    List::InsertHereStarts.words().any(|s| lower.starts_with(s))
        || List::InsertHere.has(lower)
        || lower.contains("[redacted")
}

pub(super) fn is_stop_word(value: &str) -> bool {
    List::StopWords.has(value.trim_matches(|c: char| !c.is_alphanumeric()))
}

/// Letters, digits and `_`, not beginning with a digit.
pub(super) fn is_identifier(v: &str) -> bool {
    v.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && v.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.')
}

/// Nothing but letters (and joining marks): a word, or words.
pub(super) fn is_plain(v: &str) -> bool {
    v.chars().all(|c| c.is_alphabetic() || matches!(c, '_' | '-' | '.' | '\'' | ',' | ':'))
}

pub(super) fn is_number(v: &str) -> bool {
    !v.is_empty() && v.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b',' | b'-' | b'+'))
}

/// `/run/secrets/db`, `./key.pem`, `C:\x`, `secret/data/app`, `id_rsa.pub`
pub(super) fn is_path(v: &str) -> bool {
    if v.starts_with("./") || v.starts_with("../") || v.starts_with("~/") {
        return true;
    }
    let b = v.as_bytes();
    if b.len() > 3 && b[0].is_ascii_alphabetic() && b[1] == b':' && matches!(b[2], b'\\' | b'/') {
        return true;
    }
    if v.contains('/')
        && v.trim_start_matches('/')
            .split('/')
            .all(|p| is_name(p.trim_start_matches('.')) || p.bytes().all(|b| b.is_ascii_digit()))
    {
        return true;
    }
    let c = classes(v);
    if v.starts_with('/')
        && v.matches('/').count() >= 2
        && !(c.lower && c.upper && c.digit || c.special)
        && v.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'_' | b'-'))
    {
        return true;
    }
    let lower = v.to_ascii_lowercase();
    List::FileEnds.words().any(|end| lower.ends_with(end))
}

/// What people call things: `db-creds`, `api_v2`, `default-token-x7k2p`, `MyApp`, never a mix of
/// cases and digits that no name has.
pub(super) fn is_name(v: &str) -> bool {
    if v.is_empty() || v.len() > 80 {
        return false;
    }
    let pieces: Vec<&str> =
        v.split(['-', '_', '.', ':', '@', ' ']).filter(|p| !p.is_empty()).collect();
    let several = pieces.len() > 1;
    pieces.iter().enumerate().all(|(at, piece)| {
        let letters = piece.bytes().filter(u8::is_ascii_alphabetic).count();
        let digits = piece.bytes().filter(u8::is_ascii_digit).count();
        if letters + digits != piece.len() {
            return false;
        }
        let lower = !piece.bytes().any(|b| b.is_ascii_uppercase());
        let upper = !piece.bytes().any(|b| b.is_ascii_lowercase());
        let uppers = piece.bytes().filter(u8::is_ascii_uppercase).count();
        let camel = digits == 0
            && letters <= 24
            && case_switches(piece) * 4 <= letters
            && (letters < 12 || uppers * 2 <= letters);
        let word = (lower || upper) && letters <= 16 && digits == 0 || camel;
        let numbered = (lower || upper)
            && letters <= 12
            && digits <= 3
            && letters > 0
            && piece.bytes().skip_while(u8::is_ascii_alphabetic).all(|b| b.is_ascii_digit());
        let number = letters == 0 && digits <= 8;
        let version = lower && piece.starts_with('v') && letters == 1;
        // The random ends of pod names.
        let suffix = several && at > 0 && lower && matches!(piece.len(), 5 | 8..=10);
        word || numbered || (several && number) || version || suffix
    })
}

fn case_switches(piece: &str) -> usize {
    piece
        .as_bytes()
        .windows(2)
        .filter(|w| w[0].is_ascii_lowercase() && w[1].is_ascii_uppercase())
        .count()
}

/// 8-4-4-4-12 hex digits.
pub(super) fn is_uuid(v: &str) -> bool {
    let v = v.trim_matches(['{', '}']);
    v.len() == 36
        && v.bytes().enumerate().all(|(at, b)| {
            if matches!(at, 8 | 13 | 18 | 23) { b == b'-' } else { b.is_ascii_hexdigit() }
        })
}

/// `01HF3Z8Q7WXYZABCDEFGHJKMNP`: a time and a number, 26 characters of Crockford's Base32.
pub(super) fn is_ulid(v: &str) -> bool {
    v.len() == 26
        && v.starts_with(['0', '1'])
        && v.bytes().all(|b| {
            b.is_ascii_digit() || b.is_ascii_uppercase() && !matches!(b, b'I' | b'L' | b'O' | b'U')
        })
}

/// `2026-10-01…`, `15:07…`, `12ms`, `5432/tcp`
pub(super) fn is_time_or_measure(v: &str) -> bool {
    let b = v.as_bytes();
    let digit = |at: usize| b.get(at).is_some_and(u8::is_ascii_digit);
    let date = b.len() >= 8 && (0..4).all(digit) && matches!(b[4], b'-' | b'/') && digit(5);
    let clock = b.len() >= 4
        && digit(0)
        && (b[1] == b':' && digit(2) || digit(1) && b[2] == b':' && digit(3));
    let unit = v.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let measure = unit.len() < v.len()
        && unit.len() <= 4
        && unit.bytes().all(|b| b.is_ascii_alphabetic() || b == b'%' || b == b'/');
    date || clock || measure
}

/// Algorithm and digest: `sha256:…`, `SHA256:…`, `MD5:…`.
pub(super) fn is_digest(v: &str) -> bool {
    let Some((name, rest)) = v.split_once([':', '-']) else { return false };
    let lower = name.to_ascii_lowercase();
    rest.len() >= 16
        && matches!(
            &*lower,
            "sha1" | "sha224" | "sha256" | "sha384" | "sha512" | "md5" | "blake3" | "blake2b"
        )
}

/// Shannon entropy, bits a byte.
pub(super) fn entropy(v: &str) -> f64 {
    let mut counts = [0u32; 256];
    for b in v.bytes() {
        counts[usize::from(b)] += 1;
    }
    let total = v.len() as f64;
    counts
        .iter()
        .filter(|c| **c > 0)
        .map(|c| {
            let p = f64::from(*c) / total;
            -p * p.log2()
        })
        .sum()
}

/// Which classes of characters a value has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Classes {
    pub lower: bool,
    pub upper: bool,
    pub digit: bool,
    /// What hardly stands in names, paths and numbers.
    pub special: bool,
}

pub(super) fn classes(v: &str) -> Classes {
    let mut c = Classes::default();
    for b in v.bytes() {
        match b {
            b'a'..=b'z' => c.lower = true,
            b'A'..=b'Z' => c.upper = true,
            b'0'..=b'9' => c.digit = true,
            b'!' | b'#' | b'$' | b'%' | b'^' | b'&' | b'*' | b'+' | b'=' | b'?' | b'~' | b'@' => {
                c.special = true
            }
            _ => {}
        }
    }
    c
}

/// Not even a candidate, whatever it is called.
pub(super) fn is_nothing(v: &str) -> bool {
    is_placeholder(v) || is_digest(v) || v.contains("://")
}

/// `a=b`, `a=b&c=d`: values with names of their own.
fn is_list_of_pairs(v: &str) -> bool {
    v.split_once('=')
        .is_some_and(|(name, rest)| is_identifier(name) && rest.bytes().any(|b| b != b'='))
}

/// `spec.containers[0].image`: a way into an object.
fn is_expression(v: &str) -> bool {
    v.contains('[')
        && v.split(['.', '[', ']'])
            .filter(|p| !p.is_empty())
            .all(|p| is_name(p) || p.bytes().all(|b| b.is_ascii_digit()))
}

/// The public half of vendors' pairs: Twilio's account, Stripe's objects, Oracle's and Amazon's names.
fn is_open_id(v: &str) -> bool {
    let account =
        v.len() == 34 && v.starts_with("AC") && v[2..].bytes().all(|b| b.is_ascii_hexdigit());
    account
        || ["ocid1.", "arn:", "cus_", "acct_", "sub_", "evt_", "req_", "price_", "projects/"]
            .iter()
            .any(|open| v.starts_with(open))
}

/// Long and without structure: 16 characters or more that nobody chose.
pub(super) fn is_random(v: &str) -> bool {
    if v.len() < 16
        || !v.bytes().all(|b| {
            b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b'<' | b'>' | b'\\' | b'(' | b')')
        })
    {
        return false;
    }
    if is_nothing(v)
        || is_list_of_pairs(v)
        || is_uuid(v)
        || is_path(v)
        || is_name(v)
        || is_time_or_measure(v)
        || is_number(v)
        || is_open_id(v)
        || is_expression(v)
    {
        return false;
    }
    let c = classes(v);
    if v.bytes().all(|b| b.is_ascii_hexdigit()) {
        return v.len() >= 20 && c.digit && (c.lower || c.upper);
    }
    let letters = c.lower || c.upper;
    if c.digit && letters {
        return entropy(v) >= 3.0;
    }
    letters && v.len() >= 16 && case_switches(v) * 5 >= v.len() && entropy(v) >= 3.4
}

/// What stands after `token=` or `api_key:` and is not a name, number, path or word.
pub(super) fn is_credential(v: &str) -> bool {
    if is_nothing(v) || is_stop_word(v) || is_number(v) || is_path(v) || is_time_or_measure(v) {
        return false;
    }
    if is_uuid(v) || is_random(v) {
        return true;
    }
    let c = classes(v);
    let mixed =
        usize::from(c.lower) + usize::from(c.upper) + usize::from(c.digit) + usize::from(c.special);
    v.len() >= 8 && !is_name(v) && (mixed >= 2) && !v.contains(' ')
        || v.len() >= 16
            && !v.contains([' ', '-', '_', '.', '/'])
            && entropy(v) >= 3.3
            && !is_name(v)
}

/// What can be told to be a password from its look alone, in the middle of a sentence.
pub(super) fn is_strong_password(v: &str) -> bool {
    if v.len() < 8
        || is_list_of_pairs(v)
        || is_nothing(v)
        || is_path(v)
        || is_time_or_measure(v)
        || is_uuid(v)
        || v.contains("::")
        || v.contains(['(', ')', '[', ']', '/'])
    {
        return false;
    }
    let c = classes(v);
    let letters = c.lower || c.upper;
    (c.lower && c.upper && c.digit)
        || (letters && c.digit && c.special)
        || (c.special && c.lower && c.upper)
}

/// A password where the sentence says that one follows.
pub(super) fn is_told_password(v: &str) -> bool {
    if v.len() < 5
        || is_nothing(v)
        || is_stop_word(v)
        || is_path(v)
        || is_time_or_measure(v)
        || is_number(v)
    {
        return false;
    }
    let c = classes(v);
    (c.lower || c.upper) && (c.digit || c.special) && !v.contains(['(', ')', '[', ']'])
}

/// Mostly syllables: `AuthTokenV2Handler`, `YubiKey5CNFC`, `Workstation-Baseline-2024R2`.
pub(super) fn is_wordy(v: &str) -> bool {
    let bytes = v.as_bytes();
    let (mut covered, mut at) = (0, 0);
    while at < bytes.len() {
        if !bytes[at].is_ascii_alphabetic() {
            at += 1;
            continue;
        }
        let run = bytes[at + 1..].iter().take_while(|b| b.is_ascii_lowercase()).count();
        let word = &bytes[at..=at + run];
        let vowel = word.iter().any(|b| b"aeiouyAEIOUY".contains(b));
        if word.len() >= 3 && vowel && is_speakable(word) {
            covered += word.len();
        }
        at += run + 1;
    }
    covered * 2 >= v.len()
}

/// Whether the consonants of a word are such as can be spoken: not `tqkir`.
fn is_speakable(word: &[u8]) -> bool {
    let vowel = |b: &u8| b"aeiouyAEIOUY".contains(b);
    let opening = word.iter().take_while(|b| !vowel(b)).count();
    let first = word[0].to_ascii_lowercase();
    let fine = opening < 3 || first == b's' || matches!(word[opening - 1], b'r' | b'l');
    let alone = word.windows(2).any(|w| w[0].eq_ignore_ascii_case(&b'q') && w[1] != b'u');
    opening <= 3 && fine && !alone && !word.split(|b| vowel(b)).any(|run| run.len() > 4)
}

/// Runs of one class: `Kestrel`, `SQL` and `16` are one each.
pub(super) fn class_runs(v: &str) -> usize {
    let class = |b: u8| match b {
        b'a'..=b'z' => 1,
        b'A'..=b'Z' => 2,
        b'0'..=b'9' => 3,
        _ => 4,
    };
    let bytes = v.as_bytes();
    let switches = bytes
        .windows(2)
        .filter(|w| {
            class(w[0]) != class(w[1]) && !(w[0].is_ascii_uppercase() && w[1].is_ascii_lowercase())
        })
        .count();
    switches + 1
}

/// Parts that a name could have, but in both cases and with a number, as people choose passwords:
/// `Radius-Dummy_8`. Names of objects are of one case.
pub(super) fn is_chosen(v: &str) -> bool {
    let c = classes(v);
    v.len() >= 8
        && c.lower
        && c.upper
        && c.digit
        && !v.contains([' ', '/', '.', ':'])
        && !is_nothing(v)
}

/// `user:X`, `user/X`
pub(super) fn is_login(v: &str) -> bool {
    v.split_once([':', '/']).is_some_and(|(user, rest)| {
        user.len() > 1
            && user.bytes().all(|b| b.is_ascii_lowercase() || b == b'-' || b == b'_')
            && is_told_password(rest)
            && !rest.contains(['/', ':'])
    })
}

/// Twelve words or more that stand for a seed (BIP 39).
pub(super) fn is_mnemonic(v: &str) -> bool {
    let words = v.split(' ').count();
    matches!(words, 12 | 15 | 18 | 21 | 24)
        && v.bytes().all(|b| b.is_ascii_lowercase() || b == b' ')
}

/// A password of several words, between quotes: with a number or a mark, or of words that no sentence
/// is made of.
pub(super) fn is_quoted_phrase(v: &str) -> bool {
    let words: Vec<&str> = v.split(' ').collect();
    let c = classes(v);
    let sentence = words.iter().any(|w| is_stop_word(w));
    words.len() <= 8
        && !v.contains(['(', ')', '<', '>'])
        && (c.digit || c.special || !sentence)
        && !(sentence && words.len() > 4)
}
