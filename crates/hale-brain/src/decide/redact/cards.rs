//! Payment cards: digits in the groups of a card, a known first part, and a right Luhn sum.

use super::kinds::{Found, Kind};
use super::look::byte_before;

/// The longest and the shortest card numbers.
const CARD_DIGITS_MAX: usize = 19;
const CARD_DIGITS_MIN: usize = 13;

/// A card number that begins with the digit at `at`; returns where the run of digits ends.
pub(super) fn at(found: &mut Found<'_>, at: usize) -> usize {
    let bytes = found.bytes;
    let mut digits = [0u8; CARD_DIGITS_MAX];
    let (mut count, mut end, mut separator) = (0, at, None);
    let (mut groups, mut group) = ([0usize; CARD_DIGITS_MAX], 0);
    let mut first_run = None;
    while let Some(&b) = bytes.get(end) {
        if b.is_ascii_digit() {
            if count == CARD_DIGITS_MAX {
                return super::look::ahead(bytes, end, bytes.len(), |b| b.is_ascii_digit());
            }
            digits[count] = b - b'0';
            count += 1;
            groups[group] += 1;
        } else {
            first_run.get_or_insert(end);
            let next_digit = bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
            let same = separator.is_none_or(|s| s == b);
            if !matches!(b, b' ' | b'-') || !next_digit || !same || group + 1 == CARD_DIGITS_MAX {
                break;
            }
            separator = Some(b);
            group += 1;
        }
        end += 1;
    }
    let first_run = first_run.unwrap_or(end);
    let grouped = matches!(
        &groups[..=group],
        [_] | [4, 4, 4, 4] | [4, 6, 5] | [4, 6, 4] | [4, 4, 4, 4, 1..=3] | [4, 4, 4, 1]
    );
    let outside = |b: Option<u8>| !b.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    let before = byte_before(bytes, at);
    let after = bytes.get(end).copied();
    let decimal = before == Some(b'.')
        || (after == Some(b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit));
    // A dash before belongs to an identifier, as in a UUID.
    let joined = matches!(before, Some(b'-')) || matches!(after, Some(b'-'));
    if count >= CARD_DIGITS_MIN
        && grouped
        && outside(before)
        && outside(after)
        && !decimal
        && !joined
        && is_issued(&digits[..count])
        && luhn(&digits[..count])
    {
        found.add(at, end, Kind::Card);
        return end;
    }
    first_run
}

/// First digits and lengths that card schemes use (ISO/IEC 7812).
fn is_issued(digits: &[u8]) -> bool {
    let head = |n: usize| digits[..n].iter().fold(0u32, |sum, d| sum * 10 + u32::from(*d));
    let (two, three, four) = (head(2), head(3), head(4));
    match digits.len() {
        13 => digits[0] == 4,
        14 => matches!(two, 36 | 38 | 39) || (300..=305).contains(&three),
        15 => matches!(two, 34 | 37),
        16 => {
            digits[0] == 4
                || (51..=55).contains(&two)
                || (2221..=2720).contains(&four)
                || matches!(two, 35 | 36 | 60 | 62 | 64 | 65 | 67 | 50 | 56..=58 | 63 | 81 | 22)
        }
        17 | 18 => matches!(two, 62 | 67),
        19 => digits[0] == 4 || matches!(two, 62 | 60 | 65),
        _ => false,
    }
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, d)| {
            let d = u32::from(*d) * if at % 2 == 1 { 2 } else { 1 };
            if d > 9 { d - 9 } else { d }
        })
        .sum();
    sum.is_multiple_of(10) && digits.iter().any(|d| *d != 0)
}
