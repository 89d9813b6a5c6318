//! The way over the text: one automaton for words that announce something, one look at every byte
//! that may be in the middle of an address or a card.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

use super::kinds::Found;
use super::look::{ahead, back, byte_before, is_word};
use super::words::List;
use super::{
    assign, blocks, calls, cards, commands, headers, hosts, names, net, network, offers, piped,
    places, prose, seeds, tables, urls,
};

/// What a word announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    /// (Part of) the name of a value.
    Name,
    /// `://`
    Url,
    /// A directory of homes.
    Home,
    /// A private suffix.
    Suffix,
    /// The armour of a key.
    Armour,
    /// The private lines of a PuTTY key.
    Putty,
    /// `kind: Secret`
    KubernetesSecret,
    /// `Bearer `, `Basic `
    Scheme,
    /// `jdbc:oracle:thin:`
    Oracle,
    /// `@tcp(`, `@unix(`
    GoLogin,
    /// `IDENTIFIED `, as in `IDENTIFIED BY 'X'`.
    Identified,
    /// `echo `, `printf `
    Echo,
    /// `<<<`
    HereString,
    /// `"AUTH" "X"`, `AUTH PLAIN X`
    Protocol,
    /// A command that shows a secret.
    Shows,
    /// ` * ` of secrets for PPP.
    Star,
    /// A word before `user:password`.
    Login,
    /// A command of a network device that ends in keys.
    Device,
    /// A word of a sentence that tells a credential.
    Prose(prose::Named, prose::Languages),
    /// A word that warms its line.
    Near(prose::Named),
    /// A word of a syntax that stands before a value.
    Place(places::Place),
    /// What offers a way in, and whether what it offers stands behind it.
    Offer(bool),
    /// `<<`
    HereDocument,
    /// A call that takes a credential.
    Call,
    /// What sends an answer to a prompt.
    Sends,
    /// The prompt of SMTP for a password.
    Prompt,
    /// What asks for user and password in one.
    Challenge,
    /// A block whose second line is a password.
    UserPass,
    /// A part of a route before what lets somebody in.
    Route,
    /// What decodes Base64.
    Decodes,
    /// What is followed by a host.
    BeforeHost,
    /// The same, where a block opens.
    BeforeBlock,
    /// What follows a host that begins its line.
    AfterHost,
    /// `//HOST/share`
    Share,
    /// `\\HOST\share`
    Unc,
    /// What a hardware address without separators follows.
    BeforeMac,
    /// A name of the words of a seed.
    Seed,
    /// A command, by the number of its rule.
    Command(usize),
}

static WORDS: LazyLock<Option<(AhoCorasick, Vec<Word>)>> = LazyLock::new(|| {
    let mut all: Vec<(&str, Word)> = Vec::new();
    all.extend(List::NameParts.words().map(|n| (n, Word::Name)));
    all.extend(List::Homes.words().map(|n| (n, Word::Home)));
    // Words of the list are separated by blanks; these have blanks of their own.
    all.extend(["documents and settings\\", "documents and settings/"].map(|n| (n, Word::Home)));
    all.extend(names::PRIVATE_SUFFIXES.iter().map(|n| (*n, Word::Suffix)));
    all.push(("://", Word::Url));
    all.push(("-----begin ", Word::Armour));
    all.push(("---- begin ", Word::Armour));
    all.push(("private-lines: ", Word::Putty));
    all.extend(
        [
            "kind: secret",
            "\"kind\":\"secret\"",
            "\"kind\": \"secret\"",
            "\\\"kind\\\":\\\"secret\\\"",
            "kind: \"secret\"",
        ]
        .map(|n| (n, Word::KubernetesSecret)),
    );
    all.extend(
        [
            "bearer ",
            "basic ",
            "bearer\t",
            "geniekey ",
            "splunk ",
            "apikey ",
            "ssws ",
            "accesskey ",
            "sso-key ",
        ]
        .map(|n| (n, Word::Scheme)),
    );
    all.extend(
        ["jdbc:oracle:thin:", "jdbc:oracle:oci:", "jdbc:oracle:oci8:"].map(|n| (n, Word::Oracle)),
    );
    all.push(("identified ", Word::Identified));
    all.extend(["@tcp(", "@unix(", "@tcp6("].map(|n| (n, Word::GoLogin)));
    all.extend(["echo ", "printf "].map(|n| (n, Word::Echo)));
    all.push(("<<<", Word::HereString));
    all.push(("<<", Word::HereDocument));
    all.extend(offers::WORDS.iter().map(|(n, behind)| (*n, Word::Offer(*behind))));
    all.extend(
        ["\"auth\"", "auth plain", "auth login", "authcommunity log,execute", "authcommunity log"]
            .map(|n| (n, Word::Protocol)),
    );
    // Phrases, which the lists of words cannot hold.
    all.extend(
        [
            "get secret ",
            "get secrets ",
            "kv get ",
            "get-secret-value",
            "get-parameter",
            "pass show ",
            "versions access ",
            "op read ",
            "secret show ",
            "get password ",
            "find-generic-password",
            "find-internet-password",
            "creds decrypt",
            "item get ",
            "secret-tool lookup ",
            "gopass ",
            "bw get ",
            "keys list",
            "openssl rand ",
            "pwgen ",
            "erlang.cookie",
            "keepassxc-cli ",
            "lpass show",
            "chamber read",
            "credstash get",
            "sops -d",
            "age -d",
            "gpg -d",
            "gpg --decrypt",
            "security find",
            "print-access-token",
            "create token",
            "token create",
            "get-login-password",
            "generate-password",
            "--reveal",
            "auth get-key ",
            "wg genpsk",
            "wg genkey",
            "auth print-key ",
            "pass otp",
            "oathtool ",
            "oath accounts code",
        ]
        .map(|n| (n, Word::Shows)),
    );
    all.extend(
        [
            "auth ",
            "auth=",
            "auth:",
            "auth\":",
            "auth'",
            "userpwd",
            "login=",
            "login with",
            "credentials",
            "static:",
            "creds",
        ]
        .map(|n| (n, Word::Login)),
    );
    all.extend(
        [
            "snmp-server user ",
            "createuser ",
            "message-digest-key ",
            "tacacs-server ",
            "radius-server ",
            "isakmp ",
            "key-string ",
            "authentication-key ",
            "authentication md5 ",
        ]
        .map(|n| (n, Word::Device)),
    );
    all.extend(commands::names().map(|(n, rule)| (n, Word::Command(rule))));
    all.extend(prose::words().into_iter().map(|(n, named, of)| (n, Word::Prose(named, of))));
    all.extend(prose::near().map(|(n, named)| (n, Word::Near(named))));
    all.extend(places::WORDS.iter().map(|(n, place)| (*n, Word::Place(*place))));
    all.extend(calls::CALLS.iter().map(|n| (*n, Word::Call)));
    all.extend(
        [
            "send \"",
            "send -- ",
            "send '",
            "sendline(",
            "sendline \"",
            "send_line(",
            "exp_send ",
            "send -- \"",
            "send_user_password(",
            "send(",
        ]
        .map(|n| (n, Word::Sends)),
    );
    all.push(("334 ugfzc3dvcmq6", Word::Prompt));
    all.push(("auth plain", Word::Challenge));
    all.push(("<auth-user-pass>", Word::UserPass));
    all.extend(
        [
            "base64 -d",
            "base64 --decode",
            "base64 -di",
            "frombase64string(",
            "atob(",
            "b64decode(",
            "base64_decode(",
            "base64decode(",
            "base64.decode",
            "-encodedcommand ",
            "-enc ",
            "base64 -A -d",
            "decode64(",
        ]
        .map(|n| (n, Word::Decodes)),
    );
    all.extend(List::ResetRoutes.words().map(|n| (n, Word::Route)));
    all.extend(hosts::BEFORE_HOST.iter().map(|n| (*n, Word::BeforeHost)));
    all.extend(hosts::BEFORE_BLOCK.iter().map(|n| (*n, Word::BeforeBlock)));
    all.extend(hosts::AFTER_HOST.iter().map(|n| (*n, Word::AfterHost)));
    all.extend(hosts::BEFORE_MAC.iter().map(|n| (*n, Word::BeforeMac)));
    all.push(("//", Word::Share));
    all.push((r"\\", Word::Unc));
    all.extend([" * ", " \"*\" "].map(|n| (n, Word::Star)));
    all.extend(seeds::NAMES.iter().map(|n| (*n, Word::Seed)));
    let words: Vec<Word> = all.iter().map(|(_, w)| *w).collect();
    super::automaton()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::Standard)
        .build(all.iter().map(|(n, _)| n))
        .ok()
        .map(|automaton| (automaton, words))
});

/// Finds everything.
pub(super) fn find(found: &mut Found<'_>) {
    words(found);
    lines(found);
    bytes(found);
    net::find(found);
    tables::find(found);
}

fn words(found: &mut Found<'_>) {
    let Some((automaton, words)) = WORDS.as_ref() else { return };
    let text = found.text;
    // Names and armour each go on behind what they have read.
    let (mut name_done, mut armour_done, mut object_done) = (0, 0, 0);
    for hit in automaton.find_overlapping_iter(text) {
        let (start, end) = (hit.start(), hit.end());
        match words[hit.pattern().as_usize()] {
            Word::Name if start >= name_done && start >= armour_done => {
                name_done = assign::at(found, start).max(start + 1)
            }
            Word::Name => {}
            Word::Url => urls::at(found, start),
            Word::Home => names::home(found, start, end),
            Word::Suffix => names::private_host(found, start, end),
            Word::Armour if start >= armour_done => armour_done = blocks::armour(found, end),
            Word::Putty if start >= armour_done => armour_done = blocks::putty(found, end),
            Word::Armour | Word::Putty => {}
            Word::KubernetesSecret if start >= object_done => {
                object_done = blocks::kubernetes_secret(found, start, object_done);
            }
            Word::KubernetesSecret => {}
            Word::Scheme => headers::scheme_alone(found, start, end),
            Word::Oracle => urls::oracle_login(found, end),
            Word::GoLogin => urls::go_login(found, start),
            Word::Identified => assign::identified(found, end),
            Word::Echo => piped::echo(found, start, end),
            Word::HereString => piped::here_string(found, start, end),
            Word::Protocol => piped::protocol(found, end),
            Word::Shows => piped::shown(found, end),
            Word::Login => {
                piped::login(found, start, end.min(start + text[start..end].trim_end().len()))
            }
            Word::Device => {
                piped::device(found, start + text[start..end].find(' ').unwrap_or(end - start))
            }
            Word::Near(named) if start >= armour_done => net::note(found, start, end, named),
            Word::Near(_) => {}
            Word::Place(place) => places::at(found, start, end, place),
            Word::Prose(named, of) if start >= armour_done => {
                net::note(found, start, end, named);
                prose::at(found, start, end, named, of)
            }
            Word::Prose(..) => {}
            Word::Offer(behind) => offers::at(found, start, end, behind),
            Word::HereDocument => offers::here_document(found, start, end),
            Word::Call => calls::call(found, start, end),
            Word::Sends => {
                let open =
                    start + text[start..end].find(['"', '\'', '(', '-']).unwrap_or(end - start);
                calls::sent(found, start, open)
            }
            Word::Prompt => calls::prompted(found, end),
            Word::Challenge => calls::challenged(found, end),
            Word::UserPass => calls::user_pass_block(found, end),
            Word::Decodes => {
                let end = ahead(found.bytes, end, 16, |b| {
                    b.is_ascii_alphabetic() && text[start..end].ends_with('e')
                });
                calls::decoded(found, start, end)
            }
            Word::Route => urls::way_in(found, start, end),
            Word::BeforeHost => hosts::after(found, start, end, false),
            Word::BeforeBlock => hosts::after(found, start, end, true),
            Word::AfterHost => hosts::before(found, start),
            Word::Share => hosts::share(found, start),
            Word::Star => piped::ppp_secret(found, start, end),
            Word::Unc => hosts::unc(found, start),
            Word::BeforeMac => hosts::bare_mac(found, start, end),
            Word::Seed => seeds::at(found, end),
            Word::Command(rule) => commands::at(found, start, end, rule),
        }
    }
}

/// What stands at the beginning of lines.
fn lines(found: &mut Found<'_>) {
    let text = found.text;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.as_bytes()[0].is_ascii_alphanumeric() || line.as_bytes()[0] == b'<' {
            names::syslog_header(found, at);
            names::hosts_line(found, at);
        }
        if line.starts_with(['N', 'H', 'P']) && line.contains("  ") {
            hosts::column(found, at);
        }
        if line.starts_with("Host ") {
            hosts::ssh_config(found, at);
        }
        if line.as_bytes()[0] == b'[' {
            piped::relay_line(found, at);
        }
        at += line.len();
    }
}

/// Bytes that are in the middle of an address, a name at a host, or a card.
fn bytes(found: &mut Found<'_>) {
    let bytes = found.bytes;
    let mut at = 0;
    while at < bytes.len() {
        let b = bytes[at];
        let next = bytes.get(at + 1).copied();
        at = match b {
            b'.' if byte_before(bytes, at).is_some_and(|b| b.is_ascii_hexdigit()) => dot(found, at),
            b':' => colon(found, at, next),
            b'-' if next.is_some_and(|b| b.is_ascii_hexdigit()) => network::dashes_at(found, at),
            b'@' => {
                names::at_sign(found, at);
                at + 1
            }
            b'0'..=b'9' if !byte_before(bytes, at).is_some_and(|b| b.is_ascii_digit()) => {
                digits(found, at)
            }
            _ => at + 1,
        };
    }
}

fn dot(found: &mut Found<'_>, at: usize) -> usize {
    let bytes = found.bytes;
    let next_digit = bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
    let digit_before = byte_before(bytes, at).is_some_and(|b| b.is_ascii_digit());
    if bytes.get(at + 5) == Some(&b'.') && network::dotted_mac_at(found, at) {
        return at + 10;
    }
    if next_digit && digit_before {
        return network::ipv4_at(found, at).max(at + 1);
    }
    at + 1
}

fn colon(found: &mut Found<'_>, at: usize, next: Option<u8>) -> usize {
    let bytes = found.bytes;
    let before = byte_before(bytes, at);
    if next.is_some_and(|b| b.is_ascii_digit() || b == b'*') {
        blocks::windows_hashes(found, at);
        blocks::pgpass(found, at);
    }
    let hexes = before.is_some_and(|b| b.is_ascii_hexdigit())
        && next.is_some_and(|b| b.is_ascii_hexdigit() || b == b':');
    if hexes || next == Some(b':') && !before.is_some_and(is_word) {
        return network::colons_at(found, at).max(at + 1);
    }
    at + 1
}

/// A run of digits begins: a card, an address, or the number at the end of a host's name.
fn digits(found: &mut Found<'_>, at: usize) -> usize {
    let bytes = found.bytes;
    let run = ahead(bytes, at, 32, |b| b.is_ascii_digit());
    if run - at == 6 && bytes.get(run) == Some(&b'-') {
        net::numerical_password(found, at);
    }
    if run - at <= 5 && byte_before(bytes, at).is_some_and(|b| b == b'-' || b.is_ascii_alphabetic())
    {
        let ends = !bytes.get(run).is_some_and(|b| is_word(*b) || *b == b'-');
        if ends {
            let start = back(bytes, at, 64, |b| is_word(b) || b == b'-');
            names::shaped_host(found, start, run);
        }
    }
    let card = run - at >= 13
        || (run - at == 4
            && matches!(bytes.get(run), Some(b' ' | b'-'))
            && bytes.get(run + 1).is_some_and(u8::is_ascii_digit));
    if card { cards::at(found, at).max(run) } else { run }
}
