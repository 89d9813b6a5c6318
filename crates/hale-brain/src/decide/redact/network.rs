//! Addresses of IPv4, IPv6 and network cards. What only looks like one stays: versions, object
//! identifiers, times, fingerprints, netmasks, and the addresses that every machine has.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::kinds::{Found, Kind};
use super::look::{self, ahead, back, bare, byte_before, is_one_of, is_word, words_before};
use super::versions::is_version;
use super::words::List;

/// `255.255.255.255`
const IPV4_BYTES_MAX: usize = 15;
/// `xxxx:xxxx:xxxx:xxxx:xxxx:xxxx:255.255.255.255`, and what may stick to it.
const IPV6_BYTES_MAX: usize = 64;

/// Addresses that say nothing about a network, and masks.
fn says_nothing_v4(a: Ipv4Addr) -> bool {
    let bits = u32::from(a);
    let is_mask =
        bits != 0 && bits.leading_ones() + bits.trailing_zeros() == 32 && bits.leading_ones() >= 8;
    a.is_loopback() || a.octets()[0] == 0 || a.is_broadcast() || is_mask
}

/// A dotted quad whose first dot is at `dot`; returns where to go on.
pub(super) fn ipv4_at(found: &mut Found<'_>, dot: usize) -> usize {
    let bytes = found.bytes;
    let start = back(bytes, dot, 4, |b| b.is_ascii_digit());
    let end = ahead(bytes, start, IPV4_BYTES_MAX + 8, |b| b.is_ascii_digit() || b == b'.');
    let whole_end = end;
    // `Trying 10.7.7.7...`
    let end = start + found.slice(start, end).trim_end_matches('.').len();
    let Ok(address) = found.slice(start, end).parse::<Ipv4Addr>() else {
        address_and_port(found, start, end);
        return whole_end;
    };
    // Backwards: four numbers, the address from the end.
    let reversed = look::starts_with_ignoring_case(&bytes[end..], b".in-addr.arpa");
    let octets = address.octets();
    let address =
        if reversed { Ipv4Addr::new(octets[3], octets[2], octets[1], octets[0]) } else { address };
    if says_nothing_v4(address) || (!reversed && is_version(found, start, end, address)) {
        return whole_end;
    }
    found.add(start, end, Kind::Ip);
    whole_end
}

/// `10.0.0.5.443 > 10.0.0.9.51000:`, as tcpdump writes address and port.
fn address_and_port(found: &mut Found<'_>, start: usize, end: usize) {
    let bytes = found.bytes;
    let Some((address, port)) = found.slice(start, end).rsplit_once('.') else { return };
    let address_end = start + address.len();
    let (Ok(address), Ok(_)) = (address.parse::<Ipv4Addr>(), port.parse::<u16>()) else { return };
    let arrow = bytes[end..].starts_with(b" > ") || bytes[..start].ends_with(b" > ");
    if arrow && !says_nothing_v4(address) {
        found.add(start, address_end, Kind::Ip);
    }
}

/// Hex digits and colons around the colon at `at`: a hardware address, or one of IPv6.
pub(super) fn colons_at(found: &mut Found<'_>, at: usize) -> usize {
    let bytes = found.bytes;
    let run = |b: u8| b.is_ascii_hexdigit() || b == b':' || b == b'.';
    let start = back(bytes, at, 5, |b| b.is_ascii_hexdigit());
    let end = ahead(bytes, start, IPV6_BYTES_MAX, run);
    if end - start == IPV6_BYTES_MAX
        || byte_before(bytes, start).is_some_and(|b| is_word(b) || b == b'.')
    {
        // Dots: an address of IPv4 may stand in the rest.
        if bytes[start..end].contains(&b'.') {
            return at + 1;
        }
        // Longer than any address: a fingerprint, or a word that ends in hex digits.
        return at.max(ahead(bytes, end, bytes.len(), run)).max(at + 1);
    }
    let after = bytes.get(end).copied();
    if after.is_some_and(|b| is_word(b) && b != b'_') {
        return (at + 1).max(back(bytes, end, 5, |b| b.is_ascii_hexdigit()));
    }
    if mac_pairs(found, start, end, b':') {
        return end;
    }
    if short_octets(found, start, end) {
        return end;
    }
    let mut stop = end;
    while stop > start
        && (bytes[stop - 1] == b'.'
            || (bytes[stop - 1] == b':' && byte_before(bytes, stop - 1) != Some(b':')))
    {
        stop -= 1;
    }
    let mut begin = start;
    if bytes[begin] == b':' && bytes.get(begin + 1) != Some(&b':') {
        begin += 1;
    }
    if ipv6(found, begin, stop) {
        return end.max(at + 1);
    }
    // `fe80::1.54412`, as tcpdump writes address and port.
    if let Some(dot) = found.slice(begin, stop).rfind('.')
        && bytes[begin + dot + 1..stop].iter().all(u8::is_ascii_digit)
        && ipv6(found, begin, begin + dot)
    {
        return end.max(at + 1);
    }
    // `2001:db8::1:443.` did not parse whole; a dotted tail may be something else.
    end.max(at + 1)
}

fn ipv6(found: &mut Found<'_>, start: usize, end: usize) -> bool {
    let Some(text) = found.text.get(start..end) else { return false };
    if text.matches(':').count() < 2 {
        return false;
    }
    let Ok(address) = text.parse::<Ipv6Addr>() else { return false };
    // `dead::beef` in code, `1::2`: without a digit, or nearly empty, it is a path of names.
    if !text.bytes().any(|b| b.is_ascii_digit())
        || text.bytes().filter(u8::is_ascii_hexdigit).count() < 3
    {
        return false;
    }
    let nothing = address.is_loopback()
        || address.is_unspecified()
        || address.to_ipv4_mapped().is_some_and(says_nothing_v4);
    if !nothing {
        found.add(start, end, Kind::Ip);
    }
    true
}

/// Pairs of hex digits with one separator: 6 of a MAC, 8 of an EUI-64, 14 of a netfilter `MAC=`.
fn mac_pairs(found: &mut Found<'_>, start: usize, end: usize, separator: u8) -> bool {
    let bytes = found.bytes;
    let mut stop = end;
    while stop > start && (bytes[stop - 1] == separator || bytes[stop - 1] == b'.') {
        stop -= 1;
    }
    let run = &bytes[start..stop];
    if run.len() % 3 != 2 {
        return false;
    }
    let pairs = run.chunks(3).all(|pair| {
        pair[0].is_ascii_hexdigit()
            && pair[1].is_ascii_hexdigit()
            && pair.get(2).is_none_or(|s| *s == separator)
    });
    let count = run.len().div_ceil(3);
    // A DUID: its type, that of the hardware, perhaps a time, and the address.
    let duid = pairs
        && (count == 10 && run.starts_with(b"00:03:00:01")
            || count == 14 && run.starts_with(b"00:01:00:01"));
    if duid {
        found.add(stop - 17, stop, Kind::Mac);
        return true;
    }
    if !pairs || !matches!(count, 6 | 8 | 14) {
        return false;
    }
    let numbered =
        |w: &str| is_one_of(bare(w), &["serial", "number", "serialnumber", "fingerprint"]);
    if count == 8 && words_before(bytes, start).take(2).any(numbered) {
        return true;
    }
    if count == 14 && !bytes[..start].to_ascii_lowercase_ends_with(b"mac=") {
        return false;
    }
    let value = |b: &u8| *b != separator;
    let all = |digit: u8| run.iter().filter(|b| value(b)).all(|b| b.eq_ignore_ascii_case(&digit));
    if all(b'0') || all(b'f') {
        return true;
    }
    if run.iter().filter(|b| value(b)).all(u8::is_ascii_digit) && is_date_and_time(run) {
        return true;
    }
    found.add(start, stop, Kind::Mac);
    true
}

/// `0:1c:42:7:e:b8`, as BSD writes octets below sixteen.
fn short_octets(found: &mut Found<'_>, start: usize, end: usize) -> bool {
    let text = found.slice(start, end).trim_end_matches(':');
    let octets = text.split(':').count();
    let hex = text
        .split(':')
        .all(|o| (1..=2).contains(&o.len()) && o.bytes().all(|b| b.is_ascii_hexdigit()));
    let letters = text.bytes().filter(u8::is_ascii_alphabetic).count();
    let named = || words_before(found.bytes, start).take(3).any(|w| List::MacWords.has(bare(w)));
    if octets != 6
        || !hex
        || text.bytes().all(|b| matches!(b, b'0' | b':'))
        || letters == 0 && !named()
    {
        return false;
    }
    found.add(start, start + text.len(), Kind::Mac);
    true
}

trait EndsIgnoringCase {
    fn to_ascii_lowercase_ends_with(&self, end: &[u8]) -> bool;
}
impl EndsIgnoringCase for [u8] {
    fn to_ascii_lowercase_ends_with(&self, end: &[u8]) -> bool {
        self.len() >= end.len() && self[self.len() - end.len()..].eq_ignore_ascii_case(end)
    }
}

/// `26-11-20-15-07-13`
fn is_date_and_time(pairs: &[u8]) -> bool {
    let at = |i: usize| (pairs[i * 3] - b'0') * 10 + (pairs[i * 3 + 1] - b'0');
    let clock = at(3) < 24 && at(4) < 60 && at(5) < 60;
    let ymd = (1..=12).contains(&at(1)) && (1..=31).contains(&at(2));
    let dmy = (1..=31).contains(&at(0)) && (1..=12).contains(&at(1));
    clock && (ymd || dmy)
}

/// `81-54-12-ee-7d-87` around the dash at `at`.
pub(super) fn dashes_at(found: &mut Found<'_>, at: usize) -> usize {
    let bytes = found.bytes;
    let start = back(bytes, at, 3, |b| b.is_ascii_hexdigit());
    if at - start != 2 || byte_before(bytes, start).is_some_and(|b| is_word(b) || b == b'-') {
        return at + 1;
    }
    let end = ahead(bytes, start, 24, |b| b.is_ascii_hexdigit() || b == b'-');
    // BOOTIF=01-…: the type of the hardware stands before its address.
    let typed = end - start == 20 && bytes[start..].starts_with(b"01-");
    if typed
        && !bytes.get(end).is_some_and(|b| is_word(*b))
        && mac_pairs(found, start + 3, end, b'-')
    {
        return end;
    }
    if end - start == 17
        && !bytes.get(end).is_some_and(|b| is_word(*b))
        && mac_pairs(found, start, end, b'-')
    {
        return end;
    }
    at + 1
}

/// `0011.22aa.4455` around the first dot, at `at`: how Cisco writes hardware addresses.
pub(super) fn dotted_mac_at(found: &mut Found<'_>, at: usize) -> bool {
    let bytes = found.bytes;
    let start = back(bytes, at, 5, |b| b.is_ascii_hexdigit());
    let end = ahead(bytes, start, 16, |b| b.is_ascii_hexdigit() || b == b'.');
    let run = &bytes[start..end];
    let outside = |b: Option<u8>| !b.is_some_and(|b| is_word(b) || b == b'.' || b == b'-');
    if run.len() != 14
        || run[4] != b'.'
        || run[9] != b'.'
        || run.iter().filter(|b| **b == b'.').count() != 2
    {
        return false;
    }
    if !outside(byte_before(bytes, start)) || bytes.get(end).is_some_and(|b| is_word(*b)) {
        return false;
    }
    let hex: Vec<u8> = run.iter().copied().filter(|b| *b != b'.').collect();
    let letters = hex.iter().any(u8::is_ascii_alphabetic);
    let named = words_before(bytes, start).take(3).any(|w| List::MacWords.has(bare(w)));
    let plain = hex.iter().all(|b| *b == b'0') || hex.iter().all(|b| b.eq_ignore_ascii_case(&b'f'));
    if (letters || named) && !plain {
        found.add(start, end, Kind::Mac);
    }
    true
}
