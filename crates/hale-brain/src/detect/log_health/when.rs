//! When a line was logged, as far as its own time tells.

use hale_model::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;

/// Times that carry their zone.
const WITH_ZONE: [&str; 4] = [
    "%Y-%m-%dT%H:%M:%S%.f%:z",
    "%Y-%m-%dT%H:%M:%S%.f%z",
    "%Y-%m-%d %H:%M:%S%.f %z",
    "%d/%b/%Y:%H:%M:%S %z",
];
/// Times on the clock of the machine.
const LOCAL: [&str; 9] = [
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    // Before the one with four digits, which would take these for the first century.
    "%y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M:%S%.f",
    "%a %b %d %H:%M:%S%.f %Y",
    "%b %d %Y %H:%M:%S",
    "%d %b %Y %H:%M:%S%.f",
    "%y%m%d %H%M%S",
    "%Y-%m-%d-%H.%M.%S%.f",
];
/// A time without a year that lies further ahead is of last year.
const AHEAD_SECS_MAX: i64 = 24 * 3600;

/// The moment that a header's time means; none where it is in no known form. A time without a zone
/// is of `zone`, a time without a year is the last such one before `now`.
pub fn moment(time: &[u8], now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let text = std::str::from_utf8(time).ok()?;
    let text = text.trim_matches(['[', ']', '(', ')']).trim();
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return epoch(text);
    }
    let text = text.replace(',', ".");
    if let Some(utc) = text.strip_suffix('Z').or_else(|| text.strip_suffix(" UTC")) {
        return local(utc.trim_end(), now, &TimeZone::UTC);
    }
    for format in WITH_ZONE {
        let parsed = BrokenDownTime::parse(format, &text).and_then(|time| time.to_timestamp());
        if let Ok(moment) = parsed {
            return Some(moment);
        }
    }
    local(&text, now, zone)
}

fn local(text: &str, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    for format in LOCAL {
        if let Ok(civil) = DateTime::strptime(format, text) {
            return zone.to_timestamp(civil).ok();
        }
    }
    let year = now.to_zoned(zone.clone()).year();
    let of_year = |year: i16| {
        let dated = format!("{year} {text}");
        let civil = DateTime::strptime("%Y %b %d %H:%M:%S%.f", &dated).ok()?;
        zone.to_timestamp(civil).ok()
    };
    let this_year = of_year(year)?;
    if this_year.as_second() > now.as_second() + AHEAD_SECS_MAX {
        return of_year(year - 1);
    }
    Some(this_year)
}

/// Digits of the seconds, or milliseconds, since 1970, from 2001 to 2286.
const SECOND_DIGITS: usize = 10;
const MILLI_DIGITS: usize = 13;

fn epoch(text: &str) -> Option<Timestamp> {
    let whole = text.split('.').next().unwrap_or(text);
    let number: i64 = whole.parse().ok()?;
    let millis = match whole.len() {
        SECOND_DIGITS => number.checked_mul(1000)?,
        MILLI_DIGITS => number,
        _ => return None,
    };
    Timestamp::from_millisecond(millis).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn times_as_loggers_write_them() {
        let now: Timestamp = "2026-01-02T00:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("2025-12-31T10:15:30.250+01:00", "2025-12-31T09:15:30.25Z"),
            ("2025-12-31T10:15:30+0000", "2025-12-31T10:15:30Z"),
            ("2025-12-31T10:15:30Z", "2025-12-31T10:15:30Z"),
            ("2025-12-31 10:15:30,250", "2025-12-31T10:15:30.25Z"),
            ("2025-12-31 10:15:30.250 UTC", "2025-12-31T10:15:30.25Z"),
            ("2025/12/31 10:15:30", "2025-12-31T10:15:30Z"),
            ("[Wed Dec 31 10:15:30 2025]", "2025-12-31T10:15:30Z"),
            ("[31/Dec/2025:10:15:30 +0200]", "2025-12-31T08:15:30Z"),
            ("Dec 31 10:15:30", "2025-12-31T10:15:30Z"),
            ("Jan  1 10:15:30", "2026-01-01T10:15:30Z"),
            ("25/12/31 10:15:30", "2025-12-31T10:15:30Z"),
            ("1767176130", "2025-12-31T10:15:30Z"),
            ("1767176130.5", "2025-12-31T10:15:30Z"),
            ("1767176130250", "2025-12-31T10:15:30.25Z"),
        ] {
            let moment = moment(text.as_bytes(), now, &TimeZone::UTC).map(|m| m.to_string());
            assert_eq!(moment.as_deref(), Some(expected), "{text}");
        }
        for text in ["", "10:15:30", "[  12.345]", "Foo 31 10:15:30", "2025-13-31 10:15:30"] {
            assert_eq!(moment(text.as_bytes(), now, &TimeZone::UTC), None, "{text}");
        }
    }
}
