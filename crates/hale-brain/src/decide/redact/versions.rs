//! Four numbers that look like an address and are none: versions of programs, packages and firmware, object
//! identifiers, numbers of sections. What stands around them tells; how small the numbers are tells how much
//! has to.

use std::net::Ipv4Addr;

use super::kinds::Found;
use super::look::{self, back, bare, byte_before, is_one_of, is_word, line_end, words_before};
use super::words::List;

/// Networks whose addresses are hardly ever versions: private, shared, link-local, documentation.
fn is_network_like(a: Ipv4Addr) -> bool {
    let o = a.octets();
    a.is_private()
        || a.is_link_local()
        || a.is_documentation()
        || (o[0] == 100 && (64..128).contains(&o[1]))
        || o[0] >= 100
}

/// Numbers so small that few addresses have them: one of a hundred in the networks of the world.
fn is_small(a: Ipv4Addr) -> bool {
    let [first, second, third, _] = a.octets();
    !is_network_like(a) && first < 64 && second < 64 && third < 32
}

/// Identifiers of X.500 (attributes, syntaxes, classes, rules, extensions), of SNMP, and of algorithms.
fn is_identifier(a: Ipv4Addr) -> bool {
    matches!(
        a.octets(),
        [2, 5, 4 | 5 | 6 | 13 | 18 | 20 | 21 | 29 | 37, _]
            | [1, 3, 6, 1]
            | [1, 3, 14 | 36 | 101, _]
    )
}

/// Whether the four numbers are a version, an object identifier, or part of a longer number.
pub(super) fn is_version(found: &Found<'_>, start: usize, end: usize, address: Ipv4Addr) -> bool {
    if is_identifier(address) {
        return true;
    }
    let at = Place { found, start, end, address, likely: is_network_like(address) };
    at.joined_after()
        .or_else(|| at.joined_before())
        .unwrap_or_else(|| at.is_told() || at.is_beside_version())
}

/// Four numbers, and where they stand.
#[derive(Clone, Copy)]
struct Place<'f, 't> {
    found: &'f Found<'t>,
    start: usize,
    end: usize,
    address: Ipv4Addr,
    /// Of a network whose addresses are hardly ever versions.
    likely: bool,
}

impl<'t> Place<'_, 't> {
    fn before(&self, back: usize) -> Option<u8> {
        self.start.checked_sub(back + 1).and_then(|at| self.found.bytes.get(at)).copied()
    }

    /// The rest of the line.
    fn rest(&self) -> &'t str {
        self.found.slice(self.end, line_end(self.found.bytes, self.end))
    }

    /// The words around tell.
    fn is_told(&self) -> bool {
        self.follows_word()
            || is_of_package(self.found, self.start, self.end, self.likely)
            || self.is_in_schema()
            || self.is_numbered()
            || self.is_of_product()
    }

    /// `sections 4.1.1.2 and 4.1.1.3`, `1.4.0.2, 1.4.0.3`: a second of which the first tells.
    fn is_beside_version(&self) -> bool {
        let bytes = self.found.bytes;
        let mut words = words_before(bytes, self.start).peekable();
        let linked = words.next_if(|w| is_one_of(w, &["and", "or", "&", "+"])).is_some();
        let Some(word) = words.next() else { return false };
        let first = word.trim_end_matches(',');
        let Ok(address) = first.parse::<Ipv4Addr>() else { return false };
        if self.likely || !linked && first.len() == word.len() {
            return false;
        }
        let line = self.start - look::line_before(bytes, self.start).len();
        let start = self.found.slice(line, self.start).rfind(word).map_or(line, |at| line + at);
        let end = start + first.len();
        let likely = is_network_like(address);
        !likely && Place { start, end, address, likely, ..*self }.is_told()
    }

    /// What is glued to the end tells.
    fn joined_after(&self) -> Option<bool> {
        let bytes = self.found.bytes;
        let second = bytes.get(self.end + 1).copied();
        match bytes.get(self.end).copied()? {
            b'.' if second.is_some_and(|b| b.is_ascii_digit()) => Some(true),
            b'.' if second.is_some_and(|b| b.is_ascii_alphabetic()) => {
                Some(!self.likely && !self.is_of_host_file() || self.is_packed())
            }
            b if is_word(b) => Some(!(self.likely && b == b'_') || self.is_packed()),
            b'+' | b'~' => Some(true),
            b'-' if second.is_some_and(|b| b.is_ascii_alphanumeric()) => {
                let tail = self.rest().get(1..).unwrap_or_default();
                let range = tail.split(|c: char| !c.is_ascii_digit() && c != '.').next();
                let range = range.is_some_and(|r| r.parse::<Ipv4Addr>().is_ok());
                (!range && (!self.likely || is_stage(tail) || self.is_packed())).then_some(true)
            }
            // A port (BIND writes `#`) or a prefix length: no version has one.
            b':' | b'/' | b'#' if second.is_some_and(|b| b.is_ascii_digit()) => {
                Some(self.before(0) == Some(b'.') || self.is_step_of_build())
            }
            _ => None,
        }
    }

    /// `Step 3.2.1.1/7 :`
    fn is_step_of_build(&self) -> bool {
        let told = words_before(self.found.bytes, self.start).next();
        !self.likely && told.is_some_and(|w| w == "Step" || w == "STEP")
    }

    /// `host-203.0.113.9.log`: the file of a host.
    fn is_of_host_file(&self) -> bool {
        let mark = self.start.saturating_sub(1);
        let bytes = self.found.bytes;
        let name = self.found.slice(back(bytes, mark, 32, is_word), mark);
        matches!(self.before(0), Some(b'-' | b'_'))
            && !is_small(self.address)
            && (List::AddressWords.has(name) || List::HostKeys.has(name))
    }

    /// `lib-10.2.0.3.jar`, `tool-10.2.0.3-py3-none-any.whl`, `agent_10.2.0.3_amd64.deb`: a file of packages.
    fn is_packed(&self) -> bool {
        let named = matches!(self.before(0), Some(b'-' | b'_'))
            && self.before(1).is_some_and(|b| b.is_ascii_alphanumeric());
        let word = self.rest().split([' ', '"', '\'', ',', ')', ';']).next().unwrap_or_default();
        let word = word.trim_end_matches(['.', ':']);
        let end = word.rsplit('.').next().unwrap_or_default();
        named && word.contains('.') && List::PackageEnds.has(end)
    }

    /// What is glued to the beginning tells.
    fn joined_before(&self) -> Option<bool> {
        let alphabetic = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphabetic());
        let digit = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_digit());
        let (before, second) = (self.before(0)?, self.before(1));
        match before {
            b'v' | b'V' if !second.is_some_and(is_word) => Some(true),
            b'.' => Some(!(self.likely && alphabetic(second))),
            b if b.is_ascii_alphanumeric() => Some(true),
            b'_' | b'-' if alphabetic(second) || digit(second) => Some(self.is_joined_to_name()),
            // `HIER_DIRECT/203.0.113.9`: where a proxy got it
            b'/' if second.is_some_and(|b| b.is_ascii_uppercase()) && self.is_behind_code() => {
                Some(false)
            }
            b'/' if alphabetic(second) || digit(second) => {
                // `Chrome/131.0.0.0`
                let [_, b, c, d] = self.address.octets();
                Some(!self.likely || (b, c, d) == (0, 0, 0))
            }
            b'=' if matches!(second, Some(b'=' | b'>' | b'<' | b'~' | b'!')) => Some(true),
            b':' if !self.likely && self.is_coordinate() => Some(true),
            _ => None,
        }
    }

    fn is_behind_code(&self) -> bool {
        let bytes = self.found.bytes;
        let mark = self.start - 1;
        let code = self.found.slice(back(bytes, mark, 32, is_word), mark);
        !is_small(self.address)
            && code.contains('_')
            && code.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
    }

    /// Behind `-` or `_`: the version of what is named before, or the end of a range.
    fn is_joined_to_name(&self) -> bool {
        let bytes = self.found.bytes;
        let mark = self.start - 1;
        let from = back(bytes, mark, 16, |b| b.is_ascii_digit() || b == b'.');
        if self.before(0) == Some(b'-')
            && let Ok(first) = self.found.slice(from, mark).parse::<Ipv4Addr>()
        {
            let of = Place { start: from, end: mark, address: first, ..*self };
            return of.follows_word();
        }
        let name = self.found.slice(back(bytes, mark, 64, |b| is_word(b) || b == b'-'), mark);
        let last = name.rsplit(['-', '_']).next().unwrap_or_default();
        let of_host = List::AddressWords.has(last) || List::HostKeys.has(last);
        if self.likely { self.is_installed() } else { !of_host || is_small(self.address) }
    }

    /// `Successfully installed alpha-1.2.0 beta-10.2.0.3`: among others of that form, what was installed.
    fn is_installed(&self) -> bool {
        let told = |w: &str| {
            is_one_of(
                bare(w),
                &["installed", "downloading", "collecting", "uninstalled", "uninstall"],
            )
        };
        let named = |w: &str| {
            w.rsplit_once('-').is_some_and(|(name, version)| {
                !name.is_empty() && version.starts_with(|c: char| c.is_ascii_digit())
            })
        };
        let bytes = self.found.bytes;
        let from = back(bytes, self.start, 96, |b| !b.is_ascii_whitespace());
        let mut words = words_before(bytes, from).skip_while(|w| named(w));
        words.next().is_some_and(told)
            && words
                .next()
                .is_some_and(|w| is_one_of(w, &["successfully", "would", "found", "existing"]))
    }

    /// `org.acme.db:driver:21.9.0.0`
    fn is_coordinate(&self) -> bool {
        let mark = self.start - 1;
        let bytes = self.found.bytes;
        let from = back(bytes, mark, 160, |b| is_word(b) || matches!(b, b'.' | b'-' | b':'));
        let Some((group, artifact)) = self.found.slice(from, mark).rsplit_once(':') else {
            return false;
        };
        let name = |n: &str| n.starts_with(|c: char| c.is_ascii_lowercase());
        group.contains('.') && !group.contains(':') && name(group) && name(artifact)
    }

    /// `( 2.5.6.6 NAME 'person'`, of a schema of LDAP.
    fn is_in_schema(&self) -> bool {
        let rest = self.rest();
        [" NAME ", " SUP ", " SYNTAX ", " DESC '"].iter().any(|w| rest.starts_with(w))
    }

    /// Numbers of sections, steps and rules, and those of a heading: small ones only.
    fn is_numbered(&self) -> bool {
        let octets = self.address.octets();
        if self.likely || octets.iter().any(|o| *o > 99) {
            return false;
        }
        let word = words_before(self.found.bytes, self.start).next().unwrap_or_default();
        if List::SectionWords.has(bare(word)) || matches!(word, "§" | "§§") {
            return true;
        }
        octets.iter().all(|o| *o < 64) && word.is_empty() && is_heading(self.rest())
    }

    /// `TensorRT 8.6.1.6`, `EC 104.42.0.3`, `rails (7.1.2.1)`, `7.4.0.2 Build 5`
    fn is_of_product(&self) -> bool {
        let word = words_before(self.found.bytes, self.start).next().unwrap_or_default();
        if List::FirmwareParts.has(word) && !word.bytes().any(|b| b.is_ascii_lowercase()) {
            return true;
        }
        // `NetBackup 10.1.1.0`: of no address, and hardly a network's that has no mask.
        let [first, second, third, last] = self.address.octets();
        if first == 10 && second < 32 && third < 32 && last == 0 && is_camel(word) {
            return !List::HostKeys.has(word);
        }
        if self.likely {
            return false;
        }
        let rest = self.rest();
        let next = rest.split_whitespace().next().unwrap_or_default().trim_start_matches('(');
        if rest.starts_with(' ') && is_one_of(next, &["build", "hotfix", "sp1", "sp2", "sp3"]) {
            return true;
        }
        let of_host =
            |w: &str| List::AddressWords.has(w) || List::HostWords.has(w) || List::HostKeys.has(w);
        let braced = word == "(";
        let name = words_before(self.found.bytes, self.start).nth(usize::from(braced));
        let name = bare(name.unwrap_or_default());
        is_small(self.address)
            && !of_host(name)
            && (is_camel(name)
                || List::Products.has(name)
                || self.is_locked(rest)
                || self.is_behind_name())
    }

    /// `grpcio-tools 1.62.0.1`, `ODBC 17.10.5.1`, `ok 12 - 6.2.1.1 accounts`: behind a name, where nothing
    /// speaks of an address.
    fn is_behind_name(&self) -> bool {
        if self.before(0) != Some(b' ')
            || !matches!(
                self.found.bytes.get(self.end),
                None | Some(b' ' | b'\n' | b'\r' | b',' | b')')
            )
        {
            return false;
        }
        let mut words = words_before(self.found.bytes, self.start)
            .filter(|w| w.bytes().any(|b| b.is_ascii_alphabetic()));
        let Some(name) = words.next() else { return false };
        let of_address = |w: &str| {
            let w = bare(w);
            List::AddressWords.has(w)
                || List::AddressVerbs.has(w)
                || List::HostWords.has(w)
                || List::HostKeys.has(w)
                || List::HostRoles.has(w) && !List::VersionedRoles.has(w)
                || super::names::is_host_shaped(w)
        };
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|b| is_word(b) || matches!(b, b'-' | b'.'))
            && !of_address(name)
            && !words.take(2).any(of_address)
    }

    /// `activesupport (6.1.7.7)`, as a line of its own: what a list of packages says.
    fn is_locked(&self, rest: &str) -> bool {
        let line = look::line_before(self.found.bytes, self.start);
        let line = std::str::from_utf8(line).unwrap_or_default();
        let Some(name) = line.trim_start().strip_suffix(" (") else { return false };
        let path = |r: &str| r.starts_with(" lib/") || r.starts_with(" app/");
        let lower = |b: u8| b.is_ascii_lowercase() || matches!(b, b'-' | b'_');
        name.len() >= 3
            && name.bytes().all(lower)
            && !List::HostRoles.has(name)
            && !List::AddressWords.has(name)
            && rest.strip_prefix(')').is_some_and(|r| r.trim().is_empty() || path(r))
    }
}

/// `h3`, `rc1`, `SNAPSHOT`: what a version ends with.
fn is_stage(tail: &str) -> bool {
    let word = tail.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    List::VersionStages.has(word.trim_end_matches(|c: char| c.is_ascii_digit()))
}

/// ` Ensure mounting of cramfs is disabled`: a sentence that the number begins.
fn is_heading(rest: &str) -> bool {
    let mut words = rest.strip_prefix(' ').unwrap_or_default().split(' ');
    let first = words.next().unwrap_or_default().as_bytes();
    let capital = first.first().is_some_and(u8::is_ascii_uppercase)
        && first.len() > 2
        && first[1..].iter().all(u8::is_ascii_lowercase);
    let plain = |w: &&str| w.len() > 1 && w.bytes().all(|b| b.is_ascii_alphabetic());
    let next: Vec<&str> = words.take(4).map(|w| w.trim_end_matches([':', ',', '.'])).collect();
    capital
        && next.iter().filter(|w| plain(w)).count() >= 3
        && next.iter().any(|w| plain(w) && w.bytes().all(|b| b.is_ascii_lowercase()))
}

/// `TensorRT`, `WebSphere`: capitals inside of a word.
fn is_camel(name: &str) -> bool {
    let bytes = name.as_bytes();
    let inner = bytes.windows(2).any(|w| w[0].is_ascii_lowercase() && w[1].is_ascii_uppercase());
    inner && bytes.len() >= 5 && bytes.iter().all(u8::is_ascii_alphanumeric)
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

/// Who is at the other end, and no program of which a version is told, where a colon or a quote stands behind.
const PEERS: &[&str] = &["client", "agent", "collector", "controller", "exporter", "operator"];

impl Place<'_, '_> {
    /// Whether the second or the third number is as small as those of versions are.
    fn is_modest(&self) -> bool {
        let [_, second, third, _] = self.address.octets();
        second < 32 || third < 32
    }

    /// `firmware 2.19.10.148`, `version: "1.2.3.4"`, `upgraded from 1.2.3.4 to 1.2.3.5`.
    fn follows_word(&self) -> bool {
        // No version begins so.
        if matches!(self.address.octets(), [192, 168, ..] | [169, 254, ..]) {
            return false;
        }
        // Between a version and its word stand few others; links and numbers do not count.
        const WORDS_BETWEEN_MAX: usize = 3;
        let (mut between, mut opened) = (0, false);
        for word in words_before(self.found.bytes, self.start).take(8) {
            if (between == 0 || !self.likely) && is_foreign_version(word) {
                return true;
            }
            let parts = |c: char| !c.is_ascii_alphanumeric();
            let last = word.trim_end_matches(parts).rsplit(parts).next().unwrap_or_default();
            if last.is_empty() || last.bytes().all(|b| b.is_ascii_digit()) {
                opened |= matches!(word, "\"" | "'" | "[");
                continue;
            }
            // nginx: `client: 203.0.113.9, server: _`
            let quoted = word.ends_with([':', '"', '\'', '=', '[']) || opened;
            let is_peer = between == 0
                && (quoted || word.ends_with('(') && word.len() > 1 && !word.contains("</"))
                && is_one_of(last, PEERS);
            if is_peer {
                return false;
            }
            let far = between > 0 && !self.is_modest();
            if List::VersionWords.has(last) || (!self.likely && List::VersionHints.has(last)) {
                return !far;
            }
            // `VersionConflict: (Foo 2.14.0.3 …`, `<key>CFBundleVersion</key><string>`
            let ends = |w: &str| {
                w.len()
                    .checked_sub(7)
                    .and_then(|at| w.get(at..))
                    .is_some_and(|end| end.eq_ignore_ascii_case("version"))
            };
            let element = word.contains("</") && word.split(parts).any(ends);
            if between == 0 && (ends(last) || element)
                || !self.likely && !far && look::contains(last.as_bytes(), b"version")
            {
                return true;
            }
            if self.likely {
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
}

/// `버전`, `Версия`, `…バージョン`
fn is_foreign_version(word: &str) -> bool {
    let lower = bare(word).to_lowercase();
    List::VersionTails.words().any(|v| lower.ends_with(v))
}
