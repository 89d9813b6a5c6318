//! Values written in a sentence: sizes, spans of time, paths, ports, hosts. Each is recognised by
//! its own shape; which slot of an intent it fills is decided later.

use super::lexicon::Span;

/// Longest value taken from a sentence, in bytes.
pub(super) const VALUE_BYTES_MAX: usize = 300;

/// One typed reading of a token; a token may have several (`644` is a number and a file mode).
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// A plain number.
    Number(u64),
    /// A size in bytes.
    Size(u64),
    /// A moment in the past.
    Since(Since),
    /// A file or folder.
    Path(String),
    /// A pattern of file names.
    Glob(String),
    /// A host name or an address.
    Host(String),
    /// An http or https address.
    Url(String),
    /// A file mode for `chmod`.
    Mode(String),
    /// A block device; never taken for a file.
    Device(String),
    /// The one that is meant by `the last line`.
    One,
    /// Lines from the first to the second, which may be the same.
    Lines(u64, u64),
    /// A time zone as the system names it.
    Zone(String),
}

/// A moment in the past, in the two ways that programs take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Since {
    /// As `journalctl --since` and `git --since` read it: `2 hours ago`, `yesterday`.
    pub(super) text: String,
    /// As a number of minutes before now; at least as long, where only the day is known.
    pub(super) minutes: u64,
}

/// Units of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeUnit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl TimeUnit {
    fn word(self) -> &'static str {
        match self {
            TimeUnit::Second => "second",
            TimeUnit::Minute => "minute",
            TimeUnit::Hour => "hour",
            TimeUnit::Day => "day",
            TimeUnit::Week => "week",
            TimeUnit::Month => "month",
            TimeUnit::Year => "year",
        }
    }

    fn minutes(self, count: u64) -> u64 {
        let each = match self {
            TimeUnit::Second => return count.div_ceil(60).max(1),
            TimeUnit::Minute => 1,
            TimeUnit::Hour => 60,
            TimeUnit::Day => 24 * 60,
            TimeUnit::Week => 7 * 24 * 60,
            TimeUnit::Month => 30 * 24 * 60,
            TimeUnit::Year => 365 * 24 * 60,
        };
        count.saturating_mul(each)
    }

    /// A number of these, ago.
    pub(super) fn ago(self, count: u64) -> Value {
        let plural = if count == 1 { "" } else { "s" };
        Value::Since(Since {
            text: format!("{count} {}{plural} ago", self.word()),
            minutes: self.minutes(count),
        })
    }
}

/// A moment as data names it: `today`, `7 days ago`.
pub(super) fn moment_named(text: &str) -> Option<Value> {
    if text == "today" {
        return Some(Value::Since(Since { text: text.to_owned(), minutes: 24 * 60 }));
    }
    let mut words = text.strip_suffix(" ago")?.split(' ');
    let count = words.next()?.parse().ok()?;
    Some(time_unit(words.next()?)?.ago(count)).filter(|_| words.next().is_none())
}

/// The moment that a word of the lexicon stands for.
pub(super) fn since_of(span: &Span) -> Value {
    Value::Since(Since { text: span.text.clone(), minutes: span.minutes })
}

const KIB: u64 = 1024;

/// What a unit of size is worth, in bytes. `raw` is the word as written: French `To` after a
/// number is a terabyte, English `to` is not.
pub(super) fn size_unit(raw: &str, folded: &str) -> Option<u64> {
    if folded == "to" && raw != "To" && raw != "TO" {
        return None;
    }
    Some(match folded {
        "b" | "o" | "byte" | "bytes" | "octet" | "octets" | "바이트" => 1,
        "k" | "kb" | "ko" | "kib" | "kilo" | "kilos" | "kilobyte" | "kilobytes" | "kilooctet"
        | "kilooctets" | "킬로" | "킬로바이트" => KIB,
        "m" | "mb" | "mo" | "mib" | "meg" | "megs" | "mega" | "megas" | "megabyte"
        | "megabytes" | "megaoctet" | "megaoctets" | "메가" | "메가바이트" => KIB.pow(2),
        "g" | "gb" | "go" | "gib" | "gig" | "gigs" | "giga" | "gigas" | "gigabyte"
        | "gigabytes" | "gigaoctet" | "gigaoctets" | "기가" | "기가바이트" => KIB.pow(3),
        "t" | "tb" | "to" | "tib" | "tera" | "teras" | "terabyte" | "terabytes" | "teraoctet"
        | "teraoctets" | "테라" | "테라바이트" => KIB.pow(4),
        _ => return None,
    })
}

/// A unit of time in any of the languages, folded.
pub(super) fn time_unit(folded: &str) -> Option<TimeUnit> {
    Some(match folded {
        "s" | "sec" | "secs" | "second" | "seconds" | "seconde" | "secondes" | "초" => {
            TimeUnit::Second
        }
        "m" | "mn" | "min" | "mins" | "minute" | "minutes" | "분" => TimeUnit::Minute,
        "h" | "hr" | "hrs" | "hour" | "hours" | "heure" | "heures" | "시간" => TimeUnit::Hour,
        "d" | "j" | "day" | "days" | "jour" | "jours" | "journee" | "journees" | "일" => {
            TimeUnit::Day
        }
        "w" | "week" | "weeks" | "semaine" | "semaines" | "주" | "주일" => TimeUnit::Week,
        "month" | "months" | "mois" | "개월" | "달" => TimeUnit::Month,
        "y" | "year" | "years" | "an" | "ans" | "annee" | "annees" | "년" => TimeUnit::Year,
        _ => return None,
    })
}

/// Units of Korean that are written right behind a number, longest first.
pub(super) const HANGUL_UNITS: &[&str] = &[
    "기가바이트",
    "메가바이트",
    "킬로바이트",
    "테라바이트",
    "바이트",
    "기가",
    "메가",
    "킬로",
    "테라",
    "시간",
    "개월",
    "주일",
    "분",
    "초",
    "일",
    "주",
    "달",
    "년",
];

/// Words that count things in Korean; they add nothing to the number.
pub(super) const HANGUL_COUNTERS: &[&str] =
    &["가지", "번째", "개", "번", "줄", "명", "위", "건", "회"];

/// Numbers written out, folded. `one` and its kin are left out: they are articles.
pub(super) fn spelled_number(folded: &str) -> Option<u64> {
    Some(match folded {
        "two" | "deux" | "두" => 2,
        "three" | "trois" | "세" => 3,
        "four" | "quatre" | "네" => 4,
        "five" | "cinq" | "다섯" => 5,
        "six" | "여섯" => 6,
        "seven" | "sept" | "일곱" => 7,
        "eight" | "huit" | "여덟" => 8,
        "nine" | "neuf" | "아홉" => 9,
        "ten" | "dix" | "열" => 10,
        "twelve" | "douze" => 12,
        "fifteen" | "quinze" => 15,
        "twenty" | "vingt" | "스무" => 20,
        "thirty" | "trente" => 30,
        _ => return None,
    })
}

/// A word that means one when this unit of time follows it: `an hour`, `une semaine`; French
/// `à jour` is no day.
pub(super) fn is_one(folded: &str, unit: &str) -> bool {
    match folded {
        "a" | "an" => ["second", "minute", "hour", "day", "week", "month", "year"].contains(&unit),
        _ => matches!(folded, "one" | "un" | "une" | "한" | "하나"),
    }
}

/// Every typed reading of a chunk without spaces.
pub(super) fn readings(raw: &str, folded: &str) -> Vec<Value> {
    let mut values = Vec::new();
    if raw.len() > VALUE_BYTES_MAX {
        return values;
    }
    if let Some(number) = number(folded) {
        values.push(Value::Number(number));
    }
    if let Some((count, unit_raw)) = counted(raw) {
        let unit = super::fold::fold(unit_raw);
        if let Some(bytes) = size_unit(unit_raw, &unit) {
            values.extend(scaled(count, bytes).map(Value::Size));
        }
        if unit_raw.chars().all(char::is_lowercase)
            && let (Some(unit), Ok(count)) = (time_unit(&unit), count.parse::<u64>())
        {
            values.push(unit.ago(count));
        }
    }
    values.extend(moment(folded).map(Value::Since));
    values.extend(lines(folded));
    values.extend(matches!(raw, "UTC" | "GMT").then(|| Value::Zone(raw.to_owned())));
    if is_mode(folded) {
        values.push(Value::Mode(folded.to_owned()));
    }
    if let Some(url) = url(raw) {
        values.push(url);
    } else if is_device(raw) {
        values.push(Value::Device(raw.to_owned()));
    } else if let Some(path) = path(raw) {
        values.extend(is_zone(raw).then(|| Value::Zone(raw.to_owned())));
        values.push(Value::Path(path));
    } else if let Some(glob) = glob(raw) {
        values.push(Value::Glob(glob));
    } else if is_address(folded) {
        values.push(Value::Host(folded.to_owned()));
    }
    values
}

/// A size of `count` (`1.5`, `1,5`) times `unit_bytes`.
pub(super) fn scaled(count: &str, unit_bytes: u64) -> Option<u64> {
    let count: f64 = count.replace(',', ".").parse().ok()?;
    let bytes = count * unit_bytes as f64;
    // 2^63: beyond it `find -size` counts nothing anyway.
    (count.is_finite() && (1.0..9.2e18).contains(&bytes)).then_some(bytes as u64)
}

fn number(folded: &str) -> Option<u64> {
    let digits = folded.trim_start_matches([':', '#']);
    let digits = digits.strip_suffix("/tcp").or(digits.strip_suffix("/udp")).unwrap_or(digits);
    let digits_only = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    digits_only.then(|| digits.parse().ok()).flatten()
}

/// `1.5GB` as its number and its unit.
fn counted(raw: &str) -> Option<(&str, &str)> {
    let end = raw.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ','))?;
    let (count, unit) = raw.split_at(end);
    let starts_with_digit = count.starts_with(|c: char| c.is_ascii_digit());
    (starts_with_digit && unit.chars().all(char::is_alphabetic)).then_some((count, unit))
}

/// `2026-01-31`, `14:30`.
fn moment(folded: &str) -> Option<Since> {
    let bytes = folded.as_bytes();
    let digits = |range: std::ops::Range<usize>| {
        bytes.get(range.clone()).is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    let date = bytes.len() == 10
        && digits(0..4)
        && bytes[4] == b'-'
        && digits(5..7)
        && bytes[7] == b'-'
        && digits(8..10);
    let clock = bytes.len() == 5 && digits(0..2) && bytes[2] == b':' && digits(3..5);
    // Minutes are unknown without a clock: programs that need them get a year or a day.
    let minutes = if date { 365 * 24 * 60 } else { 24 * 60 };
    (date || clock).then(|| Since { text: folded.to_owned(), minutes })
}

fn is_mode(folded: &str) -> bool {
    let octal = matches!(folded.len(), 3 | 4) && folded.bytes().all(|b| (b'0'..=b'7').contains(&b));
    let symbolic = folded.split_once(['+', '-', '=']).is_some_and(|(who, what)| {
        who.len() <= 4
            && who.chars().all(|c| "ugoa".contains(c))
            && (1..=6).contains(&what.len())
            && what.chars().all(|c| "rwxst".contains(c))
    });
    octal || symbolic
}

/// `100-120`.
fn lines(folded: &str) -> Option<Value> {
    let (first, last) = folded.split_once(['-', '~'])?;
    range(first.parse().ok()?, last.parse().ok()?)
}

/// Lines from one to another, where that is how they stand in a file.
pub(super) fn range(first: u64, last: u64) -> Option<Value> {
    (1..=last).contains(&first).then_some(Value::Lines(first, last))
}

/// Whether a path is that of a disk or a part of one.
fn is_device(raw: &str) -> bool {
    let starts = [
        "sd", "hd", "vd", "xvd", "nvme", "mmcblk", "dm-", "md", "loop", "sr", "nbd", "mapper/",
        "disk/",
    ];
    raw.strip_prefix("/dev/").is_some_and(|name| {
        starts.iter().any(|start| name.starts_with(start))
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_/.:".contains(c))
            && !name.contains("..")
    })
}

/// `Europe/Paris`: regions as tzdata names them, and a name that begins with a capital.
fn is_zone(raw: &str) -> bool {
    const REGIONS: [&str; 10] = [
        "Africa",
        "America",
        "Antarctica",
        "Arctic",
        "Asia",
        "Atlantic",
        "Australia",
        "Europe",
        "Indian",
        "Pacific",
    ];
    raw.split_once('/').is_some_and(|(region, place)| {
        REGIONS.contains(&region)
            && place.starts_with(|c: char| c.is_ascii_uppercase())
            && place.chars().all(|c| c.is_ascii_alphabetic() || "_-/".contains(c))
    })
}

fn url(raw: &str) -> Option<Value> {
    let lower = raw.to_ascii_lowercase();
    let rest = lower.strip_prefix("https://").or(lower.strip_prefix("http://"))?;
    rest.starts_with(|c: char| c.is_alphanumeric() || c == '[').then(|| Value::Url(raw.to_owned()))
}

fn path(raw: &str) -> Option<String> {
    let rooted = ["/", "~/", "./", "../"].iter().any(|start| raw.starts_with(start));
    let whole = matches!(raw, "~" | "." | "..");
    let segment =
        |s: &str| s.chars().all(|c| c.is_alphanumeric() || "._-+@".contains(c)) && !s.is_empty();
    let relative = raw.contains('/')
        && raw.trim_end_matches('/').split('/').all(segment)
        && !raw.starts_with(|c: char| c.is_ascii_digit());
    let plain = !raw.contains(['*', '?', '$', '`']) || !rooted;
    ((rooted || whole || relative) && plain).then(|| raw.to_owned())
}

fn glob(raw: &str) -> Option<String> {
    let plain = |c: char| c.is_alphanumeric() || "._-*?".contains(c);
    if raw.contains('*') && raw.chars().all(plain) && raw.chars().any(char::is_alphanumeric) {
        return Some(raw.to_owned());
    }
    let extension = raw.strip_prefix('.')?;
    let short = (1..=6).contains(&extension.len());
    let letters = extension.chars().all(|c| c.is_ascii_alphanumeric());
    (short && letters).then(|| format!("*.{extension}"))
}

fn is_address(folded: &str) -> bool {
    let address = folded.split('/').next().unwrap_or(folded);
    folded == "localhost" || address.parse::<std::net::IpAddr>().is_ok()
}
