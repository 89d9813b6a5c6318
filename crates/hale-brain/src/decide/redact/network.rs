//! Addresses of IPv4, IPv6 and network cards. What only looks like one stays: versions, object
//! identifiers, times, fingerprints, netmasks, and the addresses that every machine has.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::kinds::{Found, Kind};
use super::look::{
    self, ahead, back, bare, byte_before, is_one_of, is_word, line_end, words_before,
};
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

/// Networks whose addresses are hardly ever versions: private, shared, link-local, documentation.
fn is_network_like(a: Ipv4Addr) -> bool {
    let o = a.octets();
    a.is_private()
        || a.is_link_local()
        || a.is_documentation()
        || (o[0] == 100 && (64..128).contains(&o[1]))
        || o[0] >= 100
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

/// Whether the four numbers are a version, an object identifier, or part of a longer number.
fn is_version(found: &Found<'_>, start: usize, end: usize, address: Ipv4Addr) -> bool {
    let bytes = found.bytes;
    let likely = is_network_like(address);
    let (before, after) = (byte_before(bytes, start), bytes.get(end).copied());
    let second = bytes.get(end + 1).copied();
    // 1.3.6.1 begins every object identifier of SNMP; 2.5.4 and 2.5.29 are X.500's attributes and extensions.
    if address.octets() == [1, 3, 6, 1] || matches!(address.octets(), [2, 5, 4 | 29, _]) {
        return true;
    }
    match after {
        Some(b'.') if second.is_some_and(|b| b.is_ascii_digit()) => return true,
        Some(b'.') if second.is_some_and(|b| b.is_ascii_alphabetic()) => return !likely,
        Some(b) if is_word(b) => return !(likely && b == b'_'),
        Some(b'+' | b'~') => return true,
        Some(b'-') if second.is_some_and(|b| b.is_ascii_alphanumeric()) => {
            let range = found
                .slice(end + 1, found.text.len())
                .split(|c: char| !c.is_ascii_digit() && c != '.')
                .next();
            if range.is_none_or(|r| r.parse::<Ipv4Addr>().is_err()) && !likely {
                return true;
            }
        }
        // A port (BIND writes `#`) or a prefix length: no version has one.
        Some(b':' | b'/' | b'#') if second.is_some_and(|b| b.is_ascii_digit()) => {
            return matches!(before, Some(b'.'));
        }
        Some(_) | None => {}
    }
    let letter_before = |at: usize| byte_before(bytes, at).is_some_and(|b| b.is_ascii_alphabetic());
    match before {
        Some(b'v' | b'V') if !byte_before(bytes, start - 1).is_some_and(is_word) => return true,
        Some(b'.') => return !(likely && letter_before(start - 1)),
        Some(b) if b.is_ascii_alphanumeric() => return true,
        Some(b'_' | b'-')
            if letter_before(start - 1)
                || byte_before(bytes, start - 1).is_some_and(|b| b.is_ascii_digit()) =>
        {
            let range = byte_before(bytes, start - 1).is_some_and(|b| b.is_ascii_digit())
                && before == Some(b'-');
            return !likely && !range;
        }
        Some(b'/')
            if letter_before(start - 1)
                || byte_before(bytes, start - 1).is_some_and(|b| b.is_ascii_digit()) =>
        {
            // `Chrome/131.0.0.0`
            let [_, b, c, d] = address.octets();
            return !likely || (b, c, d) == (0, 0, 0);
        }
        Some(b'=')
            if matches!(byte_before(bytes, start - 1), Some(b'=' | b'>' | b'<' | b'~' | b'!')) =>
        {
            return true;
        }
        _ => {}
    }
    follows_version_word(found, start, likely) || is_of_package(found, start, end, likely)
}

/// What packagers and installers do, and what they say they did.
const OF_PACKAGES: &[&str] = &[
    "up",
    "unpack",
    "unpacking",
    "upgrading",
    "upgraded",
    "upgrade",
    "downgrading",
    "downgraded",
    "downgrade",
    "replacing",
    "installing",
    "installed",
    "reinstalling",
    "removing",
    "removed",
    "purging",
    "preparing",
    "obsoleting",
    "updating",
    "updated",
    "bump",
    "bumped",
];
/// Those of them that no address undergoes.
const UPGRADES: &[&str] = &[
    "upgrading",
    "upgraded",
    "upgrade",
    "upgrades",
    "downgrading",
    "downgraded",
    "downgrade",
    "bump",
    "bumped",
    "bumping",
];

/// `Setting up libx (10.2.3.4) over (10.2.3.1)`, `firmware updated from 10.2.3.1 to 10.2.3.4`
fn is_of_package(found: &Found<'_>, start: usize, end: usize, likely: bool) -> bool {
    let bytes = found.bytes;
    let dotted =
        |w: &str| w.matches('.').count() >= 2 && w.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let core = |w: &str| w.trim_matches(|c: char| !c.is_ascii_alphanumeric()).len();
    let braced = byte_before(bytes, start) == Some(b'(') && bytes.get(end) == Some(&b')');
    // `new firmware (10.2.3.4), was (10.2.3.1)`
    let mut told = words_before(bytes, start).map(bare).filter(|w| !w.is_empty());
    if told.next() == Some("was") && told.take(5).any(|w| List::VersionWords.has(w)) {
        return true;
    }
    let mut links = 0;
    let mut numbers = 0;
    let mut words = words_before(bytes, start).take(12).peekable();
    while let Some(word) = words.next_if(|w| {
        let w = bare(w);
        core(w) == 0 || dotted(w) || is_one_of(w, &["from", "to", "over", "was", "with", "by"])
    }) {
        numbers += usize::from(dotted(bare(word)));
        links += 1;
    }
    let of_host = |w: &str| {
        List::AddressWords.has(w)
            || List::HostWords.has(w)
            || List::HostKeys.has(w)
            || is_one_of(w, &["connection", "session", "user", "traffic", "record", "dns", "vip"])
    };
    let near: Vec<&str> = words.take(4).map(bare).collect();
    // `rails (7.1.2.1) requires activerecord`
    let then = found.slice(end, line_end(bytes, end)).trim_start_matches(')').split_whitespace();
    let needs = |w: &str| is_one_of(w, &["requires", "required", "depends", "needs", "conflicts"]);
    if braced && !likely && then.clone().next().is_some_and(needs) {
        return true;
    }
    if braced {
        // The package's name, and what is done to it.
        return near.first().is_some_and(|name| !of_host(name) && !name.is_empty())
            && near.get(1).is_some_and(|verb| is_one_of(verb, OF_PACKAGES));
    }
    let rest = found.slice(end, line_end(bytes, end));
    let next = [" to ", " -> ", " → ", " => "].iter().find_map(|link| rest.strip_prefix(link));
    let goes_on = next.is_some_and(|rest| {
        let word = rest.split([' ', ',', ')', ';']).next().unwrap_or_default();
        dotted(word.trim_end_matches('.'))
    });
    let pair = links > 0 && (goes_on || numbers > 0);
    let upgraded = near.iter().any(|w| is_one_of(w, UPGRADES));
    let updated = near.iter().any(|w| is_one_of(w, OF_PACKAGES))
        && near.iter().any(|w| List::VersionWords.has(w) || List::VersionHints.has(w));
    pair && (upgraded || updated) && !near.iter().any(|w| of_host(w))
}

/// Who is at the other end, and no program of which a version is told, where a colon stands behind.
const PEERS: &[&str] = &["client", "agent", "collector", "controller", "exporter", "operator"];

/// `firmware 2.19.10.148`, `version: "1.2.3.4"`, `upgraded from 1.2.3.4 to 1.2.3.5`.
fn follows_version_word(found: &Found<'_>, start: usize, likely: bool) -> bool {
    // Between a version and its word stand few others; links and numbers do not count.
    const WORDS_BETWEEN_MAX: usize = 3;
    let mut between = 0;
    for word in words_before(found.bytes, start).take(8) {
        if (between == 0 || !likely) && is_foreign_version(word) {
            return true;
        }
        let parts = |c: char| !c.is_ascii_alphanumeric();
        let last = word.trim_end_matches(parts).rsplit(parts).next().unwrap_or_default();
        if last.is_empty() || last.bytes().all(|b| b.is_ascii_digit()) {
            continue;
        }
        // nginx: `client: 203.0.113.9, server: _`
        let is_peer = between == 0 && word.ends_with(':') && is_one_of(last, PEERS);
        if is_peer {
            return false;
        }
        if List::VersionWords.has(last) || (!likely && List::VersionHints.has(last)) {
            return true;
        }
        let glued = last.len().checked_sub(7).and_then(|at| last.get(at..));
        let ends = glued.is_some_and(|end| end.eq_ignore_ascii_case("version"));
        // `VersionConflict: (Foo 2.14.0.3 …`
        if ends && between == 0 || !likely && look::contains(last.as_bytes(), b"version") {
            return true;
        }
        if likely {
            return false;
        }
        if is_one_of(last, &["to", "from", "is", "of", "was", "now", "on", "over", "with"]) {
            continue;
        }
        between += 1;
        if between > WORDS_BETWEEN_MAX || List::AddressWords.has(bare(word)) {
            return false;
        }
    }
    false
}

/// `버전`, `Версия`, `…バージョン`
fn is_foreign_version(word: &str) -> bool {
    let lower = bare(word).to_lowercase();
    List::VersionTails.words().any(|v| lower.ends_with(v))
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
