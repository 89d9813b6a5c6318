//! Host names of the organisation, e-mail addresses, and the names of people in paths.

use super::kinds::{Found, Kind};
use super::look::{
    self, ahead, back, bare, byte_before, is_one_of, is_word, line_before, line_end, words_before,
};
use super::words::List;

/// The longest host name (RFC 1035), the longest local part of an address (RFC 5321).
const HOST_BYTES_MAX: usize = 253;
const LOCAL_PART_BYTES_MAX: usize = 64;

/// Suffixes that no public zone has.
pub(super) const PRIVATE_SUFFIXES: &[&str] = &[
    ".internal",
    ".corp",
    ".lan",
    ".intra",
    ".local",
    ".intranet",
    ".private",
    ".localdomain",
    ".home.arpa",
    ".consul",
    ".localnet",
    ".home",
    ".priv",
];

/// A name under a private suffix that ends at `end`.
pub(super) fn private_host(found: &mut Found<'_>, suffix_start: usize, suffix_end: usize) {
    let bytes = found.bytes;
    let mut end = suffix_end;
    match bytes.get(end) {
        Some(b) if is_word(*b) || *b == b'-' => return,
        Some(b'.') if bytes.get(end + 1).is_some_and(|b| is_word(*b)) => return,
        Some(b'(') => return,
        _ => {}
    }
    let mut start =
        back(bytes, suffix_start, HOST_BYTES_MAX, |b| is_word(b) || b == b'-' || b == b'.');
    while start < suffix_start
        && matches!(bytes[start], b'.' | b'-' | b'_')
        && !(bytes[start] == b'_' && bytes[start + 1].is_ascii_alphabetic())
    {
        start += 1;
    }
    // `\nHOST` in escaped text: the letter belongs to the escape.
    if byte_before(bytes, start) == Some(b'\\')
        && matches!(bytes[start], b'n' | b't' | b'r')
        && start + 1 < suffix_start
    {
        start += 1;
    }
    if start >= suffix_start {
        // `.corp` alone, or `*.corp`: the suffix itself tells nothing.
        return;
    }
    let name = found.slice(start, end);
    // `V2_CMD.LOCAL`: a constant.
    if name.contains('_') && !name.bytes().any(|b| b.is_ascii_lowercase()) {
        return;
    }
    let labels: Vec<&str> = name.split('.').collect();
    if List::WellKnownHosts.has(name) || labels.iter().any(|l| l.is_empty()) {
        return;
    }
    let first = labels[0];
    let host_like = labels.len() > 2 || first.bytes().any(|b| b.is_ascii_digit() || b == b'-');
    if List::CodeRoots.has(first)
        && !name.contains('-')
        && !name.bytes().any(|b| b.is_ascii_digit())
    {
        return;
    }
    let suffix = found.slice(suffix_start, suffix_end);
    if is_one_of(suffix, &[".home", ".private", ".priv"]) && !host_like {
        return;
    }
    // `/etc/rc.local`: a file.
    if byte_before(bytes, start) == Some(b'/')
        && byte_before(bytes, start - 1) != Some(b'/')
        && labels.len() == 2
    {
        let in_url = line_before(bytes, start)
            .rsplit(|b| b.is_ascii_whitespace())
            .next()
            .is_some_and(|w| look::contains(w, b"://"));
        if !in_url && !first.bytes().any(|b| b.is_ascii_digit()) {
            return;
        }
    }
    if suffix == ".local" && labels.len() == 2 && List::LocalFiles.has(first) {
        return;
    }
    if bytes.get(end) == Some(&b'$') {
        end += 1;
    }
    found.add_everywhere(start, end, Kind::Host);
}

/// Whether a name has the form that machines get: `worker-eu-21`, `web01`, `ip-10-0-3-17`.
pub(super) fn is_host_shaped(name: &str) -> bool {
    if name.len() < 3 || name.len() > 63 || !name.as_bytes()[0].is_ascii_alphabetic() {
        return false;
    }
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    let dash = name.contains('-');
    let parts: Vec<&str> = name.split(['-', '_']).collect();
    let letters = |p: &str| p.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
    if !name.bytes().all(|b| is_word(b) || b == b'-')
        || digits == 0
        || parts.iter().any(|p| List::NoHosts.has(&letters(p)) || List::NoHosts.has(p))
    {
        return false;
    }
    // `ORA-01017`, `IT-20260211-07`: messages and tickets.
    let capitals = parts[0].bytes().all(|b| b.is_ascii_uppercase());
    let long = |p: &&str| p.len() >= 5 && p.bytes().all(|b| b.is_ascii_digit());
    if capitals && parts.iter().skip(1).any(long) {
        return false;
    }
    if parts.len() == 3 && parts[0].len() == 2 && List::RegionParts.has(&letters(parts[1]))
        || is_region(name)
    {
        return false;
    }
    // `app-env-2024-05`: of a month.
    if let [.., year, month] = parts[..]
        && matches!((year.len(), month.len()), (4, 2))
        && (year.starts_with("19") || year.starts_with("20"))
        && [year, month].iter().all(|p| p.bytes().all(|b| b.is_ascii_digit()))
    {
        return false;
    }
    // `api-7d9c8b6f5-x2xkq` is a pod: random ends with letters after digits.
    let scrambled = parts.iter().skip(1).any(|p| {
        p.len() >= 4
            && p.bytes().any(|b| b.is_ascii_digit())
            && p.bytes().skip_while(u8::is_ascii_alphabetic).any(|b| b.is_ascii_alphabetic())
    });
    let last = parts.last().copied().unwrap_or_default();
    let numbered = last.bytes().last().is_some_and(|b| b.is_ascii_digit())
        || (last.len() == 1 && dash)
        || parts.iter().any(|p| p.bytes().all(|b| b.is_ascii_digit()));
    !scrambled && (numbered || dash) && digits <= 12
}

/// `eu-west-1a`, `us-east1`, `europe-west4-b`
pub(super) fn is_region(name: &str) -> bool {
    // `us14`: a shard of an area. `ch-gva-2`: country, place, zone.
    let area = name.trim_end_matches(|c: char| c.is_ascii_digit());
    if area.len() == 2 && name.len() <= 4 && is_one_of(area, &["us", "eu", "ap"]) {
        return true;
    }
    let pieces: Vec<&str> = name.split('-').collect();
    if let [country, place, zone] = pieces[..]
        && country.len() == 2
        && place.len() == 3
        && zone.len() == 1
        && zone.bytes().all(|b| b.is_ascii_digit())
        && List::HostPlaces.has(place)
        && (List::RegionAreas.has(country)
            || List::HostPlaces.has(country)
            || is_one_of(country, &["at", "bg", "hr"]))
    {
        return true;
    }
    let mut parts = name.split('-');
    let (Some(area), Some(side)) = (parts.next(), parts.next()) else { return false };
    List::RegionAreas.has(area)
        && List::RegionParts.has(side.trim_end_matches(|c: char| c.is_ascii_digit()))
}

/// Names that stand where hosts do and tell nothing.
pub(super) fn is_open_host(name: &str) -> bool {
    List::OpenHosts.has(name) || name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}

/// An e-mail address, or a user at a host, around the `@` at `at`.
pub(super) fn at_sign(found: &mut Found<'_>, at: usize) {
    let bytes = found.bytes;
    let start = back(bytes, at, LOCAL_PART_BYTES_MAX, |b| {
        is_word(b) || matches!(b, b'.' | b'+' | b'-' | b'%')
    });
    let mut start = start
        + bytes[start..at].iter().take_while(|b| matches!(b, b'.' | b'-' | b'+' | b'%')).count();
    if byte_before(bytes, start) == Some(b'\\')
        && matches!(bytes.get(start), Some(b'n' | b't' | b'r'))
        && start + 1 < at
    {
        start += 1;
    }
    let mut end = ahead(bytes, at + 1, HOST_BYTES_MAX, |b| is_word(b) || matches!(b, b'.' | b'-'));
    while end > at + 1 && matches!(bytes[end - 1], b'.' | b'-' | b'_') {
        end -= 1;
    }
    // EDIFACT: `REF77++ann@acme.example`
    if let Some(plus) = found.slice(start, at).rfind("++") {
        start += plus + 2;
    }
    // `register => 4930:X@sip.acme.example`: a login.
    let login = byte_before(bytes, start) == Some(b':')
        && look::contains(line_before(bytes, start), b"register =>");
    if login || start >= at || end <= at + 1 || is_userinfo(bytes, at) {
        return;
    }
    let (local, domain) = (found.slice(start, at), found.slice(at + 1, end));
    let labels: Vec<&str> = domain.split('.').collect();
    let Some(last) = labels.last() else { return };
    if labels.len() < 2 {
        if user_at_host(found, start, at, end) && !is_open_host(domain) {
            found.add_everywhere(at + 1, end, Kind::Host);
        }
        return;
    }
    let named_tld = last.len() >= 2
        && last.len() <= 24
        && (last.bytes().all(|b| b.is_ascii_alphabetic()) || last.starts_with("xn--"));
    let labels_fine =
        labels.iter().all(|l| !l.is_empty() && !l.starts_with('-') && !l.ends_with('-'));
    if !named_tld
        || !labels_fine
        || List::Units.has(last)
        || labels[0].bytes().all(|b| b.is_ascii_digit()) && labels.len() == 2
    {
        return;
    }
    let private = PRIVATE_SUFFIXES.iter().any(|s| last.eq_ignore_ascii_case(&s[1..]));
    // A path or port after it, or a login before it: the name of an account, not of a mailbox.
    let path_follows = bytes.get(end) == Some(&b':')
        && bytes.get(end + 1).is_some_and(|b| !b.is_ascii_whitespace());
    if byte_before(bytes, start) == Some(b'/')
        && byte_before(bytes, start.saturating_sub(1)) == Some(b'/')
        && bytes.get(end).is_some_and(|b| matches!(b, b'/' | b':'))
    {
        // scheme://user@host: the URL's own look finds the host. With a password and another `@` after
        // it, it is an address that logs in.
        let rest = &bytes[end..ahead(bytes, end, 256, |b| !b.is_ascii_whitespace() && b != b'/')];
        if bytes.get(end) == Some(&b':') && rest.contains(&b'@') {
            found.add_everywhere(start, end, Kind::Email);
        }
        return;
    }
    if path_follows && !private {
        // git@github.com:owner/repository
        if List::RepositoryAccounts.has(local)
            || !bytes[end + 1..].first().is_some_and(u8::is_ascii_digit) && logs_in(found, start)
        {
            return;
        }
    }
    if private && (path_follows || logs_in(found, start) || is_account(local)) {
        return; // the suffix finds the host itself
    }
    if is_one_of(local, &["git"]) && !private {
        return;
    }
    // `curve25519-sha256@libssh.org`: an algorithm, by who defined it.
    if List::AlgorithmOwners.has(found.slice(at + 1, end)) && local.contains(['-', '2']) {
        return;
    }
    found.add_everywhere(start, end, Kind::Email);
}

/// Whether the `@` ends the user and password of a URL.
fn is_userinfo(bytes: &[u8], at: usize) -> bool {
    let start = back(bytes, at, 256, |b| {
        !b.is_ascii_whitespace() && !matches!(b, b'/' | b'"' | b'\'' | b'<')
    });
    bytes[start..at].contains(&b':') && bytes[..start].ends_with(b"://")
}

fn is_account(name: &str) -> bool {
    List::Accounts.has(name)
}

/// A program that logs in somewhere stands before it.
fn logs_in(found: &Found<'_>, at: usize) -> bool {
    words_before(found.bytes, at).take(24).any(|w| {
        let name = w.rsplit('/').next().unwrap_or(w);
        List::LoginPrograms.words().any(|p| {
            name == p
                || (name.starts_with(p)
                    && matches!(name.as_bytes().get(p.len()), Some(b':' | b'[')))
        })
    })
}

/// `root@web-12:~#`, `ssh deploy@db3`: whether what follows the `@` is a host.
fn user_at_host(found: &Found<'_>, start: usize, at: usize, end: usize) -> bool {
    let bytes = found.bytes;
    let name = found.slice(at + 1, end);
    if !name.as_bytes()[0].is_ascii_alphabetic() || !name.bytes().all(|b| is_word(b) || b == b'-') {
        return false;
    }
    if matches!(byte_before(bytes, start), Some(b'@' | b'/'))
        && !line_before(bytes, start).ends_with(b"://")
    {
        return false;
    }
    let prompt = matches!(bytes.get(end), Some(b':'))
        && matches!(bytes.get(end + 1), Some(b'~' | b'/'))
        || (byte_before(bytes, start) == Some(b'[') && bytes.get(end) == Some(&b' '));
    prompt || logs_in(found, start) || (is_host_shaped(name) && name.contains('-'))
}

/// The name after `/home/`, `/Users/`, `C:\Users\`; `from` is where the name begins.
pub(super) fn home(found: &mut Found<'_>, marker: usize, from: usize) {
    let bytes = found.bytes;
    // `://…/home/page`: a path of a web page, unless it is a file.
    let word = line_before(bytes, marker)
        .rsplit(|b| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'(' | b'='))
        .next()
        .unwrap_or_default();
    if let Some(scheme) = word.windows(3).position(|w| w == b"://") {
        let scheme = &word[..scheme];
        if !scheme.ends_with(b"file") && !scheme.ends_with(b"sftp") && !scheme.ends_with(b"ssh") {
            return;
        }
    }
    // `-v /home/…`, `/mnt/home/…` and `C:/Users/…` are homes; `/app/home/index.js` is not told apart.
    let mut from = from;
    while bytes.get(from) == Some(&b'\\') || bytes.get(from) == Some(&b'/') {
        from += 1;
    }
    let mut end =
        ahead(bytes, from, 64, |b| is_word(b) || matches!(b, b'.' | b'-' | b'@') || b >= 0x80);
    while end > from && matches!(bytes[end - 1], b'.' | b'-' | b'@') {
        end -= 1;
    }
    let Some(name) = found.text.get(from..end) else { return };
    if name.is_empty() || List::Nobody.has(name) || !name.chars().any(char::is_alphabetic) {
        return;
    }
    // `/users/password/new`: a route of a program.
    if List::Passwords.has(name) {
        return;
    }
    // `$HOME/…` and templates
    if matches!(bytes.get(end), Some(b'}' | b'%' | b'*'))
        || (name.contains('.') && is_file(name) && !matches!(bytes.get(end), Some(b'/' | b'\\')))
    {
        return;
    }
    found.add_everywhere(from, end, Kind::User);
}

fn is_file(name: &str) -> bool {
    let end = name.rsplit('.').next().unwrap_or_default();
    List::WebFiles.has(end)
}

/// A host name in the header of a syslog line that begins at `at`.
pub(super) fn syslog_header(found: &mut Found<'_>, at: usize) {
    let bytes = found.bytes;
    let end = line_end(bytes, at);
    let line = &found.bytes[at..end];
    let Some(time_end) = timestamp(line) else { return };
    let mut start = time_end;
    start += line[start..].iter().take_while(|b| **b == b' ').count();
    let rfc3164 = line.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'<');
    let token_end = start
        + line[start..].iter().take_while(|b| is_word(**b) || matches!(b, b'-' | b'.')).count();
    if token_end == start || line.get(token_end) != Some(&b' ') {
        return;
    }
    let Ok(name) = std::str::from_utf8(&line[start..token_end]) else { return };
    let rest = &line[token_end + 1..];
    let tag = rest
        .iter()
        .take_while(|b| is_word(**b) || matches!(b, b'-' | b'.' | b'/' | b'@' | b'(' | b')'))
        .count();
    let tagged = tag > 0
        && match rest.get(tag) {
            // `libc6:amd64` is no tag.
            Some(b':') => rest.get(tag + 1).is_none_or(|b| *b == b' '),
            Some(b'[') => {
                rest[tag..].windows(2).take(16).any(|w| w == b"]:") || rest[tag..].contains(&b']')
            }
            _ => false,
        };
    let level = List::LogLevels.has(name) || name.bytes().all(|b| b.is_ascii_digit());
    let pid = rest.get(tag) == Some(&b'[');
    let known = List::KnownPrograms.has(std::str::from_utf8(&rest[..tag]).unwrap_or_default());
    if level || is_open_host(name) {
        return;
    }
    let sure = rfc3164 || pid || known || is_host_shaped(name);
    // `2026-02-03T04:05:06Z DC-KL882 Microsoft-Windows-Security-Auditing 4625`
    let capitals = name.bytes().all(|b| !b.is_ascii_lowercase())
        && name.split_once('-').is_some_and(|(role, _)| is_role(role))
        && is_host_shaped(name);
    if (tagged && sure) || capitals || (is_host_shaped(name) && rfc5424(line)) {
        found.add_everywhere(at + start, at + token_end, Kind::Host);
    }
}

fn rfc5424(line: &[u8]) -> bool {
    line.first() == Some(&b'<')
        && line.windows(3).take(8).any(|w| w[0] == b'>' && w[1].is_ascii_digit() && w[2] == b' ')
}

/// Where the time at the beginning of a line ends: `Nov 20 15:07:13`, `2026-11-20T15:07:13.1Z`.
fn timestamp(line: &[u8]) -> Option<usize> {
    let mut at = 0;
    if line.first() == Some(&b'<') {
        at = 1 + line.iter().take(5).position(|b| *b == b'>')?;
        if line.get(at).is_some_and(u8::is_ascii_digit) && line.get(at + 1) == Some(&b' ') {
            at += 2;
        }
    }
    let rest = line.get(at..)?;
    const MONTHS: &[&str] =
        &["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    if rest.get(..3).is_some_and(|m| MONTHS.iter().any(|n| n.as_bytes() == m)) {
        let mut i = 3 + rest[3..].iter().take_while(|b| **b == b' ').count();
        let day = rest[i..].iter().take_while(|b| b.is_ascii_digit()).count();
        i += day;
        i += rest[i..].iter().take_while(|b| **b == b' ').count();
        // A year may stand between: `Nov 20 2026 15:07:13`
        if rest.get(i..i + 5).is_some_and(|y| y[..4].iter().all(u8::is_ascii_digit) && y[4] == b' ')
        {
            i += 5;
        }
        let clock =
            rest[i..].iter().take_while(|b| b.is_ascii_digit() || matches!(b, b':' | b'.')).count();
        return (day > 0 && clock >= 8 && rest.get(i + 2) == Some(&b':')).then_some(at + i + clock);
    }
    if rest.len() > 19
        && rest[..4].iter().all(u8::is_ascii_digit)
        && rest[4] == b'-'
        && matches!(rest[10], b'T' | b' ')
        && rest[13] == b':'
    {
        let tail = rest[11..]
            .iter()
            .take_while(|b| {
                b.is_ascii_digit() || matches!(b, b':' | b'.' | b',' | b'+' | b'-' | b'Z')
            })
            .count();
        return Some(at + 11 + tail);
    }
    None
}

/// Whether the parts of a name are what machines are called by, and nothing before it says otherwise:
/// `sqlprod-04`, `cache-ams-04`, `web07`.
fn has_host_role(found: &Found<'_>, name: &str, start: usize, end: usize) -> bool {
    let bytes = found.bytes;
    let slashes = bytes[..start].ends_with(b"//");
    let glued = byte_before(bytes, start)
        .is_some_and(|b| matches!(b, b'.' | b'-' | b'$' | b'{' | b'%' | b'+' | b'~' | b'#'))
        && !bytes[..start].ends_with(b"{{")
        && !is_braced(bytes, start, end)
        || byte_before(bytes, start) == Some(b'/') && !slashes && !is_proxied(bytes, start, end);
    let goes_on = match bytes.get(end) {
        Some(b'.') => bytes.get(end + 1).is_some_and(|b| is_word(*b)),
        // `test_addr4(`: a function.
        Some(b'(') => name.contains('_') || !name.contains('-'),
        Some(b'=' | b'+' | b'~' | b'%') => true,
        Some(_) | None => false,
    };
    if glued || goes_on || is_one_of(name, &["dns-01", "http-01", "tls-alpn-01"]) {
        return false;
    }
    let parts: Vec<&str> = name.split(['-', '_']).collect();
    let letters = |p: &str| p.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let count = |is: fn(&str) -> bool| parts.iter().filter(|p| is(&p[..letters(p)])).count();
    let (roles, places) = (count(is_role), count(|w| List::HostPlaces.has(w)));
    let composed = parts.iter().any(|p| is_composed_role(&p[..letters(p)]));
    let last = parts.last().copied().unwrap_or_default();
    let number = &last[letters(last)..];
    let padded = number.len() >= 2 && number.starts_with('0');
    let end_word = &last[..letters(last)];
    let strange = parts.len() > 1
        && !end_word.is_empty()
        && !is_role(end_word)
        && !List::HostPlaces.has(end_word);
    let code = is_one_of(
        last,
        &["win32", "win64", "linux32", "linux64", "x64", "ip4", "ip6", "ipv4", "ipv6"],
    ) || is_one_of(end_word, &["addr", "feat", "attr", "arr", "param", "step", "elem"]);
    let year = number.len() == 4 && (number.starts_with("19") || number.starts_with("20"));
    let account = byte_before(bytes, start) == Some(b'@');
    let told = match (parts.len(), number.len()) {
        (_, 0) => false,
        _ if strange || code || year && !padded => false,
        (1, _) if composed || padded && roles == 1 => true,
        (1, 2 | 3) => roles == 1 && is_spoken_of(found, end_word, start, end),
        (1, _) => false,
        (2, 1) => composed,
        (2, _) => {
            roles > 0 && (padded || !is_one_of(number, &["14", "16", "18", "20", "22", "24"]))
        }
        (_, 1) => number != "0" && (roles > 0 && places > 0 || roles >= 2 && account),
        (_, _) => roles + places > 0,
    };
    let thing = words_before(bytes, start).next().is_some_and(|w| List::NamedThings.has(bare(w)));
    // `client-mobile-app31`: of a program.
    let program = parts.len() > 2 && is_one_of(parts[0], &["client", "user", "plugin", "module"]);
    told && !thing && !program
}

/// `ssh jump32`, `on web17`, `web17 is down`: a sentence about a machine, and no version of a program.
fn is_spoken_of(found: &Found<'_>, role: &str, start: usize, end: usize) -> bool {
    let bytes = found.bytes;
    let ends = match bytes.get(end) {
        None | Some(b' ' | b'\n' | b'\r' | b',' | b'?' | b'!' | b';' | b')') => true,
        Some(b'.') => !bytes.get(end + 1).is_some_and(|b| is_word(*b)),
        Some(_) => false,
    };
    let apart = byte_before(bytes, start).is_none_or(|b| b.is_ascii_whitespace());
    let lower = bytes[start..end].iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if !ends || !apart || !lower || List::VersionedRoles.has(role) {
        return false;
    }
    let before = words_before(bytes, start).next();
    let next = found.slice(end, line_end(bytes, end)).split_whitespace().next();
    before.is_some_and(|w| List::BeforeMachines.has(w))
        || next.is_some_and(|w| List::BehindMachines.has(w.trim_end_matches(['?', '.', '!', ','])))
}

/// `be/app-02 0/0/1/5/6 200` in the log of HAProxy: the server after its backend, timers after both.
fn is_proxied(bytes: &[u8], start: usize, end: usize) -> bool {
    let timers =
        ahead(bytes, end + 1, 32, |b| b.is_ascii_digit() || matches!(b, b'/' | b'-' | b'+'));
    let slashes =
        bytes[end.min(bytes.len())..timers.max(end)].iter().filter(|b| **b == b'/').count();
    byte_before(bytes, start) == Some(b'/') && bytes.get(end) == Some(&b' ') && slashes >= 3
}

/// `{es-data-05}`: one member of a list of nodes.
fn is_braced(bytes: &[u8], start: usize, end: usize) -> bool {
    byte_before(bytes, start) == Some(b'{')
        && byte_before(bytes, start - 1) != Some(b'$')
        && bytes.get(end) == Some(&b'}')
}

pub(super) fn is_role(word: &str) -> bool {
    List::HostRoles.has(word) || is_composed_role(word)
}

/// Two words put together, one of them a role: `sqlprod`.
fn is_composed_role(word: &str) -> bool {
    let role = |w: &str| List::HostRoles.has(w);
    let place = |w: &str| List::HostPlaces.has(w);
    (4..=16).contains(&word.len())
        && word.is_ascii()
        && !role(word)
        && (2..=word.len() - 2).any(|at| {
            let (a, b) = word.split_at(at);
            let site = |w: &str| w.len() == 3 && place(w);
            role(a) && (role(b) || place(b)) || place(a) && role(b)
                // `sqlprdosl`, `apgwpar`: three, the place last.
                || site(b) && (2..a.len().max(3) - 1).any(|at| {
                    a.is_char_boundary(at) && {
                        let (a, b) = a.split_at(at);
                        role(a) && (role(b) || place(b) && b.len() > 2)
                    }
                })
        })
}

/// `"project_id":"retail-dwh-221"`, `--instance=orders-pg16`, `BUILD_TAG=ci-web-204`: the key before it names a
/// thing of a cloud, or of a build.
fn is_of_thing(bytes: &[u8], start: usize) -> bool {
    let head = line_before(bytes, start);
    let head = &head[head.len().saturating_sub(48)..];
    let key = head.strip_suffix(b"\"").unwrap_or(head).trim_ascii_end();
    let Some(key) = key.strip_suffix(b":").or(key.strip_suffix(b"=")) else { return false };
    let key = key.strip_suffix(b"\"").unwrap_or(key);
    if key.to_ascii_lowercase().ends_with(b"--instance") {
        return true;
    }
    let key = &key[back(key, key.len(), 48, look::is_key)..];
    let words = super::keys::words(std::str::from_utf8(key).unwrap_or_default());
    let of_host = |w: &&str| List::HostKeys.has(w) || List::HostWords.has(w);
    words.iter().any(|w| List::NamedThings.has(w)) && !words.iter().any(of_host)
}

/// A name of the form of a host, in a place where a host stands: `backend api/api-prod-32`,
/// `node worker-3`, `db-2:5432`. Called at the last digit of a word with a dash.
pub(super) fn shaped_host(found: &mut Found<'_>, start: usize, end: usize) {
    let bytes = found.bytes;
    let name = found.slice(start, end);
    if name.is_empty() || !is_host_shaped(name) || is_of_thing(bytes, start) {
        return;
    }
    let before = byte_before(bytes, start);
    if has_host_role(found, name, start, end) {
        return found.add_everywhere(start, end, Kind::Host);
    }
    if !name.contains('-') {
        return;
    }
    let port = bytes.get(end) == Some(&b':') && {
        let digits = ahead(bytes, end + 1, 6, |b| b.is_ascii_digit());
        (2..=5).contains(&(digits - end - 1))
            && !bytes.get(digits).is_some_and(|b| is_word(*b) || matches!(b, b':' | b'.' | b'-'))
    };
    let mount = bytes.get(end) == Some(&b':')
        && bytes.get(end + 1) == Some(&b'/')
        && bytes.get(end + 2) != Some(&b'/');
    // `adb-1.example.net`: the first part of a whole name, which tells itself or is public.
    if bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(|b| is_word(*b)) {
        return;
    }
    let unc = before == Some(b'\\')
        && byte_before(bytes, start - 1) == Some(b'\\')
        && bytes.get(end) == Some(&b'\\');
    let mut words = words_before(
        bytes,
        if before == Some(b'/') {
            back(bytes, start, 128, |b| !b.is_ascii_whitespace())
        } else {
            start
        },
    );
    let glued =
        before.is_some_and(|b| is_word(b) || matches!(b, b'.' | b'-' | b'@' | b'$' | b'{' | b'/'));
    let proxied = before == Some(b'/')
        && words.next().is_some_and(|w| List::ProxyWords.has(bare(w)))
        || before == Some(b'/') && look::line_before(bytes, start).ends_with(b"node/");
    let outside = start - usize::from(matches!(before, Some(b'"' | b'\'' | b'`' | b'[' | b'(')));
    let told =
        !glued && words_before(bytes, outside).next().is_some_and(|w| List::HostWords.has(bare(w)));
    // Ansible: `fatal: [web-07]: …`, `web-07 : ok=3`; Kubernetes: `assigned shop/api to worker-3`.
    let mut before_it = words_before(bytes, outside);
    let reported = before == Some(b'[')
        && before_it.next().is_some_and(|w| List::AnsibleStates.has(w.trim_end_matches(':')))
        || bytes[end..].starts_with(b" : ok=");
    let assigned = !glued
        && words_before(bytes, start).next() == Some("to")
        && look::contains(line_before(bytes, start), b"assigned ");
    // Pacemaker: `Online: [ pcmk-1 pcmk-2 ]`; Consul: `Node name cons-2 has joined`.
    let line = line_before(bytes, start);
    let listed = line.iter().rposition(|b| *b == b'[').is_some_and(|open| {
        !line[open..].contains(&b']') && line[..open].to_ascii_lowercase().ends_with(b"line: ")
    });
    let named = {
        let mut words = words_before(bytes, outside).map(bare);
        !glued
            && words.next().is_some_and(|w| is_one_of(w, &["name", "named", "called"]))
            && words.next().is_some_and(|w| List::HostWords.has(w))
    };
    if listed
        || named
        || reported
        || assigned
        || proxied
        || told
        || unc
        || (!glued && (port || mount))
    {
        found.add_everywhere(start, end, Kind::Host);
    }
}

/// `10.0.0.5 db1.corp db1`: a line of a hosts file that begins at `at`.
pub(super) fn hosts_line(found: &mut Found<'_>, at: usize) {
    let end = line_end(found.bytes, at);
    if !matches!(found.bytes.get(at), Some(b'0'..=b'9' | b'a'..=b'f')) {
        return;
    }
    let Some(line) = found.text.get(at..end) else { return };
    let mut names = line.split('#').next().unwrap_or_default().split_ascii_whitespace();
    let address = names.next().and_then(|word| word.parse::<std::net::IpAddr>().ok());
    if address.is_none_or(|address| address.is_loopback()) {
        return;
    }
    let names: Vec<&str> = names.collect();
    let first = names.first().copied().unwrap_or_default();
    if names.len() > 8 || !(first.contains('.') || is_host_shaped(first)) {
        return;
    }
    let is_name = |n: &&str| n.bytes().all(|b| is_word(b) || matches!(b, b'-' | b'.'));
    if !names.iter().all(is_name) {
        return;
    }
    for name in names.iter().filter(|name| !name.contains('.') && !is_open_host(name)) {
        let start = at + (name.as_ptr() as usize - line.as_ptr() as usize);
        found.add_everywhere(start, start + name.len(), Kind::Host);
    }
}
