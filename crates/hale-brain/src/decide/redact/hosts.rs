//! Short names of hosts in places where only a host stands: operands and options of clients, blocks of
//! configuration, `//HOST/share`, inventories, messages of resolvers.

use super::kinds::{Found, Kind};
use super::look::{ahead, back, blanks, byte_before, is_one_of, is_word, line_before, line_end};
use super::names::{is_host_shaped, is_open_host, is_region, is_role};
use super::shapes;
use super::words::List;

/// The most rows of a table that are read.
const COLUMN_ROWS_MAX: usize = 500;
/// What is followed by the name of a host, at the end of its line or before a brace.
pub(super) const BEFORE_HOST: &[&str] = &[
    "host-name ",
    "sysname ",
    "hostname ",
    "switchname ",
    "set-hostname ",
    "host_name ",
    "sysname: ",
    "system name: ",
    "system name ",
    "device id: ",
    "computer: ",
    "computer name: ",
    "workstation name: ",
    "source workstation: ",
    "workstation: ",
    "machine name: ",
    "client name: ",
    "client computer name: ",
    "caller computer name: ",
    "computername ",
    "node name: ",
    "netbios name: ",
    "netbios name = ",
    "host name: ",
    "dns host name: ",
    "connect to host ",
    "resolve host ",
    "resolve hostname ",
    "resolve host name ",
    "unknown host ",
    "unknown host: ",
    "lookup ",
    "host key for ",
    "permanently added ",
    "translate host name ",
    "could not resolve ",
    "could not resolve: ",
    "not resolve host: ",
    "connect to server ",
    "connection to host ",
    "getaddrinfo enotfound ",
    "getaddrinfo eai_again ",
    "ssh to ",
    "ssh into ",
    "rdp to ",
    "logged into ",
    "log into ",
    "console on ",
    "shell on ",
    "servername ",
    "server_name ",
    "server name: ",
    "-computername ",
    "ufqdn ",
    "unreachable host ",
    "myhostname = ",
    "myhostname=",
    "hostnameoverride: ",
    "--hostname-override=",
    "--node-name=",
    "--nodename ",
    "node_name=",
    "virtual-name ",
    "fqdn ",
    "from client ",
    "devname=",
    "dvchost=",
    "devicename=",
    "--hostname=",
    "--hostname ",
    "mon.",
];
/// The same, only where a block opens behind the name.
pub(super) const BEFORE_BLOCK: &[&str] =
    &["client ", "host ", "node ", "object host ", "define host "];
/// What stands behind the first word of a line that is a host.
pub(super) const AFTER_HOST: &[&str] = &[
    " ansible_host=",
    " ansible_ssh_host=",
    " | success",
    " | changed",
    " | unreachable",
    " | failed",
    " ansible_user=",
    " ansible_connection=",
    " ansible_port=",
];

/// What stands at `start..end` is the place of a host: its name, if it is a short one that tells itself.
pub(super) fn told(found: &mut Found<'_>, start: usize, end: usize) {
    let word = found.slice(start, end);
    let lead = word.len() - word.trim_start_matches(['"', '\'', '[', '\\', '/', '`']).len();
    let word = &word[lead..];
    // `user@host`, `host:port`, `host,1433`, `host/instance`
    let user = word.rfind('@').map_or(0, |at| at + 1);
    let rest = &word[user..];
    let name_end = rest.bytes().take_while(|b| is_word(*b) || matches!(b, b'-' | b'.')).count();
    let name = rest[..name_end].trim_end_matches('.');
    let next = rest.as_bytes().get(name_end).copied();
    if next.is_some_and(|b| {
        !matches!(b, b':' | b',' | b'/' | b'\\' | b'"' | b'\'' | b'`' | b';' | b']' | b')' | b'{')
    }) {
        return;
    }
    if !(3..=63).contains(&name.len())
        || !name.as_bytes()[0].is_ascii_alphabetic()
        || name.contains('.')
        || is_open_host(name) && !name.bytes().any(|b| b.is_ascii_digit())
        || is_region(name)
        || shapes::is_stop_word(name)
        || shapes::is_uuid(name)
        || is_one_of(
            name,
            &["win32", "win64", "int32", "int64", "float32", "float64", "base64", "utf16", "arm64"],
        )
    {
        return;
    }
    let letters = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let digit = name.bytes().any(|b| b.is_ascii_digit());
    // `table2`, `web2`: one digit does for what machines are called only.
    let digits = name.len() - letters.len();
    // `exit-osl`: the last part says where it stands.
    let placed = name.contains('-')
        && name
            .rsplit('-')
            .next()
            .is_some_and(|last| last.len() == 3 && List::HostPlaces.has(last));
    if digits == 1 && !name.contains('-') && !is_role(letters) {
        return;
    }
    if !(digit || placed || name.contains('-') && is_host_shaped(name))
        || List::NoHosts.has(letters)
        || letters.len() < 2
    {
        return;
    }
    let from = start + lead + user;
    found.add_everywhere(from, from + name.len(), Kind::Host);
}

/// `hostname X`, `host X {`: the name begins at `end`.
pub(super) fn after(found: &mut Found<'_>, start: usize, end: usize, block: bool) {
    let bytes = found.bytes;
    if byte_before(bytes, start).is_some_and(|b| is_word(b) || matches!(b, b'.' | b'/' | b'$')) {
        return;
    }
    let at = blanks(bytes, end);
    let stop = ahead(bytes, at, 80, |b| !b.is_ascii_whitespace());
    let next = blanks(bytes, stop);
    if block && bytes.get(next) != Some(&b'{') {
        return;
    }
    told(found, at, stop);
}

/// `X ansible_host=…`: the line's first word; what stands behind it begins at `start`.
pub(super) fn before(found: &mut Found<'_>, start: usize) {
    let line = line_before(found.bytes, start);
    let from = start - line.len();
    if !line.is_empty() && line.iter().all(|b| is_word(*b) || matches!(b, b'-' | b'.')) {
        told(found, from, start);
    }
}

/// A table with a column for hosts, its parts aligned by blanks: `NAME   STATUS   NODE`; its head begins at `at`.
pub(super) fn column(found: &mut Found<'_>, at: usize) {
    let bytes = found.bytes;
    let end = line_end(bytes, at);
    let head = found.slice(at, end);
    let Some(place) =
        ["NODE", "HOSTNAME", "Hostname", "HOST", "NODENAME"].iter().find_map(|name| {
            head.match_indices(name).map(|(place, _)| place).find(|place| {
                let before = head[..*place].ends_with("  ") || *place == 0;
                let after = &head[place + name.len()..];
                before && (after.is_empty() && *place > 0 || after.starts_with("  "))
            })
        })
    else {
        return;
    };
    let mut line = end;
    for _ in 0..COLUMN_ROWS_MAX {
        let from = ahead(bytes, line, 2, |b| b == b'\r' || b == b'\n');
        let stop = line_end(bytes, from);
        if stop == from || from - line > 2 || found.slice(from, stop) == head {
            return;
        }
        line = stop;
        let mut cell = from + place;
        if cell >= stop || place > 0 && byte_before(bytes, cell) != Some(b' ') {
            // Not aligned: the last column is the last word.
            if !head.trim_end().ends_with("NODE") {
                continue;
            }
            cell = stop - found.slice(from, stop).split(' ').next_back().map_or(0, str::len);
        }
        let to = ahead(bytes, cell, 64, |b| !b.is_ascii_whitespace());
        told(found, cell, to.min(stop));
    }
}

/// `//HOST/share`, as mounts and clients of SMB have it; the slashes begin at `at`.
pub(super) fn share(found: &mut Found<'_>, at: usize) {
    let bytes = found.bytes;
    if byte_before(bytes, at)
        .is_some_and(|b| !b.is_ascii_whitespace() && !matches!(b, b'"' | b'\'' | b'='))
    {
        return;
    }
    let end = ahead(bytes, at + 2, 63, |b| is_word(b) || b == b'-');
    if end > at + 2
        && bytes.get(end) == Some(&b'/')
        && bytes.get(end + 1).is_some_and(|b| is_word(*b))
    {
        told(found, at + 2, end);
    }
}

/// `\\HOST\share`, also with every backslash written twice; the first stands at `at`.
pub(super) fn unc(found: &mut Found<'_>, at: usize) {
    let bytes = found.bytes;
    let slash = |b: u8| b == b'\\';
    if byte_before(bytes, at)
        .is_some_and(|b| is_word(b) || slash(b) || matches!(b, b':' | b'/' | b']' | b')'))
    {
        return;
    }
    let from = ahead(bytes, at, 4, slash);
    let end = ahead(bytes, from, 63, |b| is_word(b) || b == b'-');
    let share = ahead(bytes, end, 2, slash);
    let doubled = from - at == 2 * (share - end);
    if doubled && from - at >= 2 && bytes.get(share).is_some_and(|b| is_word(*b)) {
        told(found, from, end);
    }
}

/// `Host X` of a configuration of SSH: the line begins at `at`.
pub(super) fn ssh_config(found: &mut Found<'_>, at: usize) {
    let bytes = found.bytes;
    let end = line_end(bytes, at);
    let next = ahead(bytes, end, 2, |b| b == b'\n' || b == b'\r');
    let indented = matches!(bytes.get(next), Some(b' ' | b'\t'));
    if next == end || !indented {
        return;
    }
    let mut from = at + 5;
    for _ in 0..8 {
        from = blanks(bytes, from);
        if from >= end {
            return;
        }
        let to = ahead(bytes, from, 64, |b| !b.is_ascii_whitespace());
        told(found, from, to);
        from = to;
    }
}

/// Words before a hardware address that is written without separators, or as a number.
pub(super) const BEFORE_MAC: &[&str] = &[
    "mac=",
    "mac:",
    "mac_addr",
    "macaddr",
    "mac-addr",
    "mac addr",
    "mac\":",
    "mac ",
    "hwaddr",
    "hw_addr",
    "hwaddress",
    "lladdr",
    "bssid",
    "chassis",
    "ieeeaddr",
    "ieee_addr",
    "ieee address",
    "ieee=",
    "ieee:",
    "eui64",
    "deveui",
    "dev_eui",
    "joineui",
    "join_eui",
    "appeui",
    "eui-64",
    "extaddr",
    "ext_addr",
    "extended address",
    "bootif=",
    "station ",
    "physical address",
    "ethaddr",
    "ether ",
    "hardware address",
    "eui=",
    "eui:",
    "eui ",
    "macs=",
    "wlan_mac",
    "eth_mac",
    "gw_mac",
    "mac' ",
    "mac'",
    "node id ",
    "portid",
    "port id",
    "netif_mac",
    "link-layer address",
];

/// `mac_addr=0c169d73b96e`, `ieeeAddr=0x00158d00792d26a7`: the word ends at `end`.
pub(super) fn bare_mac(found: &mut Found<'_>, start: usize, end: usize) {
    let bytes = found.bytes;
    if byte_before(bytes, start).is_some_and(|b| b.is_ascii_alphabetic()) {
        return;
    }
    let mut at = end;
    // The rest of the word, separators, one more word: `chassis id mac 0c16…`.
    for _ in 0..3 {
        let rest = ahead(bytes, at, 12, |b| b.is_ascii_alphabetic() || b == b'_');
        let word_then_gap = ahead(bytes, rest, 6, |b| {
            matches!(b, b' ' | b'=' | b':' | b'"' | b'\'' | b'(' | b'\t' | b'[' | b'\\')
        });
        let from = ahead(bytes, at, 6, |b| {
            matches!(b, b' ' | b'=' | b':' | b'"' | b'\'' | b'(' | b'\t' | b'[' | b'\\')
        });
        for candidate in [from, word_then_gap] {
            if let Some((a, b)) = hex_address(bytes, candidate) {
                return found.add(a, b, Kind::Mac);
            }
        }
        if word_then_gap == rest {
            return;
        }
        at = word_then_gap;
    }
}

fn hex_address(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let prefixed = bytes.get(at) == Some(&b'0') && matches!(bytes.get(at + 1), Some(b'x' | b'X'));
    let from = if prefixed { at + 2 } else { at };
    let to = ahead(bytes, from, 20, |b| b.is_ascii_hexdigit());
    let goes_on = bytes.get(to).is_some_and(|b| is_word(*b) || matches!(b, b':' | b'-'))
        || bytes.get(to) == Some(&b'.') && bytes.get(to + 1).is_some_and(|b| is_word(*b));
    let run = &bytes[from.min(to)..to];
    let plain = run.iter().all(|b| b.eq_ignore_ascii_case(run.first().unwrap_or(&b'0')));
    let digit = run.iter().any(u8::is_ascii_digit);
    let begins = back(bytes, at, 1, is_word) == at;
    (matches!(run.len(), 12 | 16) && !goes_on && !plain && digit && begins).then_some((at, to))
}
