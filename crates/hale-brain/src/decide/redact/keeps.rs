//! What looks like a credential and is none by what stands around it: fingerprints and ids of keys, UUIDs
//! that name a lock or a request, the rest of a class's name. Looked at last, for what was found only.

use super::keys::{Key, classify};
use super::kinds::{Found, Kind, Span};
use super::look::{
    back, bare, byte_before, contains, is_key, is_word, line_before, line_end, words_before,
};
use super::net;
use super::objects;
use super::shapes;

/// Of which a line speaks that has the fingerprint or the id of a key, or the number of a certificate.
const OF_FINGERPRINTS: &[&str] = &[
    "fingerprint",
    "thumbprint",
    "serial",
    "keyring",
    "keyserver",
    "recv-key",
    "signed-by",
    "signed by",
    "signature made",
    "signature from",
    "signingkey",
    "keyid",
    "key id",
    "key-id",
    "key_id",
    "no_pubkey",
    "public key",
    "host key",
    "rsa key",
    "dsa key",
    "eddsa key",
    "25519 key",
    "primary key",
    "subkey",
    "trusted key",
    "cache key",
    "publickeytoken",
    "gpg",
    "pgp",
];
/// And which speak of a secret all the same.
const OF_SECRETS: &[&str] = &[
    "passw",
    "passphrase",
    "secret",
    "bearer",
    "api",
    "private",
    "session",
    "psk",
    "encryption key",
];
/// What a token that stands behind one of these words grants: nothing.
const OPEN_TOKENS: &[&str] = &[
    "lock",
    "idempotency",
    "idempotence",
    "correlation",
    "fencing",
    "lease",
    "continuation",
    "cancellation",
    "page",
    "trace",
    "span",
    "paging",
    "pagination",
];

/// Drops what is open from what was found.
pub(super) fn drop_open(found: &mut Found<'_>) {
    let mut spans = std::mem::take(&mut found.spans);
    spans.retain(|span| !is_open(found, *span));
    found.spans = spans;
    let mut echoes = std::mem::take(&mut found.echoes);
    echoes.retain(|span| !is_open(found, *span));
    found.echoes = echoes;
}

fn is_open(found: &Found<'_>, span: Span) -> bool {
    if span.kind != Kind::Secret {
        return false;
    }
    let v = found.slice(span.start, span.end);
    let before = &found.bytes[..span.start];
    if v.starts_with("urn:uuid:") || v.starts_with("opaquelocktoken:") {
        return true;
    }
    if let Some((head, id)) = v.len().checked_sub(36).and_then(|at| v.split_at_checked(at))
        && shapes::is_uuid(id)
    {
        return before.ends_with(b"urn:uuid:")
            || before.ends_with(b"opaquelocktoken:")
            || head.strip_suffix(['-', '_', ':']).is_some_and(net::names_a_thing)
            || head.is_empty() && is_of_open_token(found, span.start)
            || objects::is_open(found, span, v);
    }
    is_of_image(v)
        || is_job(v)
        || is_peer_of_wireguard(found, span, v)
        || is_fingerprint(found, span, v)
        || is_rest_of_name(found, span, v)
        || objects::is_open(found, span, v)
        || is_resource(found, span, v)
        || is_variable_of_psql(found, span)
        || is_of_template(v)
}

/// `lock token X`, `idempotency key: X`
fn is_of_open_token(found: &Found<'_>, start: usize) -> bool {
    let start = back(found.bytes, start, 4, |b| matches!(b, b'<' | b'(' | b'"' | b'\''));
    let told = |w: &&str| w.split(['-', '_', '.']).any(|p| is_one_of(bare(p)));
    words_before(found.bytes, start).take(2).any(|w| told(&w))
}

fn is_one_of(word: &str) -> bool {
    super::look::is_one_of(word, OPEN_TOKENS)
}

/// `secret "web-tls-9x2" not found`: what Kubernetes says of an object.
fn is_resource(found: &Found<'_>, span: Span, v: &str) -> bool {
    const SAID: &[&str] = &[
        "not found",
        "is forbidden",
        "already exists",
        "created",
        "deleted",
        "configured",
        "unchanged",
        "patched",
        "is invalid",
    ];
    let rest = found.slice(span.end, line_end(found.bytes, span.end));
    let quoted = rest.strip_prefix(['"', '\'', '\\']).map(|r| r.trim_start_matches('"'));
    v.contains('-')
        && v.bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'))
        && quoted.is_some_and(|r| SAID.iter().any(|w| r.trim_start().starts_with(w)))
        && words_before(found.bytes, span.start)
            .find(|w| !bare(w).is_empty())
            .is_some_and(|w| super::look::is_one_of(bare(w), &["secret", "secrets"]))
}

/// `gpg: using RSA key X`: hex digits of the length that fingerprints and ids have, in a line about them.
fn is_fingerprint(found: &Found<'_>, span: Span, v: &str) -> bool {
    let hex = v.strip_prefix("0x").unwrap_or(v);
    if !matches!(hex.len(), 8 | 16 | 20 | 32 | 40 | 64)
        || !hex.bytes().all(|b| b.is_ascii_hexdigit())
    {
        return false;
    }
    let line = found.slice(
        span.start - line_before(found.bytes, span.start).len(),
        line_end(found.bytes, span.end),
    );
    let line = line.as_bytes();
    OF_FINGERPRINTS.iter().any(|w| contains(line, w.as_bytes()))
        && !speaks_of_secret(line)
        && !is_assigned(found, span.start)
}

/// Whether a line speaks of a secret.
pub(super) fn speaks_of_secret(line: &[u8]) -> bool {
    OF_SECRETS.iter().any(|w| contains(line, w.as_bytes()))
}

/// Whether the name of a credential, and what assigns to it, stand directly before.
fn is_assigned(found: &Found<'_>, start: usize) -> bool {
    let bytes = found.bytes;
    let gap = |b: u8| matches!(b, b' ' | b'"' | b'\'' | b'=' | b':' | b'>');
    let end = back(bytes, start, 8, gap);
    if !bytes[end..start].iter().any(|b| matches!(b, b'=' | b':')) {
        return false;
    }
    let name = found.slice(back(bytes, end, 96, is_key), end);
    !super::look::is_one_of(name, &["signingkey", "user.signingkey", "publickeytoken"])
        && matches!(classify(name), Key::Password | Key::Token | Key::Loose)
}

/// `external-secrets:v0.9.8@sha256:<digest>`
fn is_of_image(v: &str) -> bool {
    v.split_once("@sha256:").is_some_and(|(tag, digest)| {
        !tag.is_empty() && digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

/// `PasswordMailerJob JID-<hex>`: a job of Sidekiq.
fn is_job(v: &str) -> bool {
    v.strip_prefix("JID-").is_some_and(|id| {
        (12..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

/// `wg set wg0 peer X preshared-key …`: a peer is named by its public key.
fn is_peer_of_wireguard(found: &Found<'_>, span: Span, v: &str) -> bool {
    v.len() == 44
        && v.ends_with('=')
        && words_before(found.bytes, span.start).next() == Some("peer")
}

/// `PASSWORD :'pw'`: what stands for the value of a variable.
fn is_variable_of_psql(found: &Found<'_>, span: Span) -> bool {
    let before = &found.bytes[..span.start];
    let [.., space, b':', open @ (b'\'' | b'"')] = before else { return false };
    space.is_ascii_whitespace()
        && found.bytes.get(span.end) == Some(open)
        && shapes::is_identifier(found.slice(span.start, span.end))
}

/// `s/^password=.*$/password=@@DB_PASS@@/`: a pattern, and a mark that something else fills.
fn is_of_template(v: &str) -> bool {
    let marked = |m: &str| {
        m.strip_prefix("@@").and_then(|m| m.strip_suffix("@@")).is_some_and(shapes::is_identifier)
    };
    let last = v.trim_end_matches(['g', '\'', '"']).trim_end_matches('/');
    let last = last.rsplit(['=', '/']).next().unwrap_or_default();
    (v.starts_with(".*") || marked(v)) && marked(last)
}

/// `PasswordResetControllerV2`: the name goes on behind the word.
fn is_rest_of_name(found: &Found<'_>, span: Span, v: &str) -> bool {
    byte_before(found.bytes, span.start).is_some_and(|b| b.is_ascii_alphabetic())
        && v.starts_with(|c: char| c.is_ascii_uppercase())
        && v.bytes().all(is_word)
        && v.len() - v.trim_end_matches(|c: char| c.is_ascii_digit()).len() <= 2
        && shapes::is_wordy(v)
}

#[cfg(test)]
mod tests {
    use super::super::{KnownSecrets, Redactor};

    #[test]
    fn what_names_a_key_stays_and_the_key_goes() {
        let redact = |text: &str| Redactor::new(KnownSecrets::default()).redact(text);
        for open in [
            "gpg: using EDDSA key 4C1E9A77B0D2F3581122AABBCCDD33445566EEFF",
            "lock token urn:uuid:0b1c2d3e-4f50-4617-8293-a4b5c6d7e8f9 released",
            "[req-0b1c2d3e-4f50-4617-8293-a4b5c6d7e8f9] token validated",
            "class=PasswordExpiryHandlerV3 ran",
        ] {
            assert_eq!(redact(open), open);
        }
        for (text, expected) in [
            ("gpg: api key 4C1E9A77B0D2F3581122AABBCCDD33445566EEFF", "gpg: api key <secret-1>"),
            (
                "serial 7 token=4c1e9a77b0d2f3581122aabbccdd33445566eeff",
                "serial 7 token=<secret-1>",
            ),
            (
                "access token 0b1c2d3e-4f50-4617-8293-a4b5c6d7e8f9 issued",
                "access token <secret-1> issued",
            ),
        ] {
            assert_eq!(redact(text), expected);
        }
    }
}
