//! Keys that open nothing: those of caches, tables, stores, messages and texts, and certificates, which are
//! public. Told by the word before `key`, by the form of a path, or by what is wrapped in Base64.

use super::keys::{Key, classify};
use super::kinds::{Found, Span};
use super::look::{back, bare, contains, is_key, is_one_of, line_before, words_before};
use super::shapes;
use super::words::List;

/// `-----BEGIN CERTIFICATE` in Base64, less what the next letter changes.
const CERTIFICATE: &str = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FUR";
/// What `PRIVATE KEY` becomes in Base64, by where in three bytes it begins.
const PRIVATE_KEYS: [&str; 3] = ["UFJJVkFURSBLRV", "BSSVZBVEUgS0VZ", "QUklWQVRFIEtFW"];
/// First parts of keys that let somebody in.
const OF_LOCKS: &[&str] = &[
    "key", "api", "secret", "token", "live", "test", "prod", "sk", "pk", "pat", "session", "sess",
    "auth", "pass", "password", "bearer", "cred", "creds", "access", "private",
];
/// Of which a line speaks that tells what a cache or a store of keys does.
const OF_STORES: &[&[u8]] = &[
    b"cache",
    b"evict",
    b"kafka",
    b"leveldb",
    b"rocksdb",
    b"badger",
    b"dynamodb",
    b"hash slot",
    b"bucket",
];

/// Whether what was found is a key that opens nothing.
pub(super) fn is_open(found: &Found<'_>, span: Span, v: &str) -> bool {
    is_certificate(found, span, v)
        || is_behind_key(found, span.start, v)
        || is_cached(found, span, v)
}

/// `tls.crt: LS0tLS1…`: a certificate, and no key with it. That of a client is part of its login.
fn is_certificate(found: &Found<'_>, span: Span, v: &str) -> bool {
    v.starts_with(CERTIFICATE)
        && !PRIVATE_KEYS.iter().any(|key| v.contains(key))
        && !contains(line_before(found.bytes, span.start), b"client-cert")
}

/// The name that stands directly before, where it begins, if something assigns or a blank is between.
fn name_before<'t>(found: &Found<'t>, start: usize) -> Option<(usize, &'t str)> {
    let bytes = found.bytes;
    let gap = |b: u8| matches!(b, b' ' | b'"' | b'\'' | b'`' | b'=' | b':' | b'(' | b'[' | b'{');
    let end = back(bytes, start, 8, gap);
    let from = back(bytes, end, 64, is_key);
    (from < end && end < start).then(|| (from, found.slice(from, end)))
}

fn is_key_word(name: &str) -> bool {
    is_one_of(name, &["key", "keys"])
}

/// `primary key X`, `key: backups/2026/db.sql`
fn is_behind_key(found: &Found<'_>, start: usize, v: &str) -> bool {
    let Some((from, name)) = name_before(found, start) else { return false };
    if !is_key_word(name) {
        return is_of_file(name, v);
    }
    let before = words_before(found.bytes, from).next().unwrap_or_default();
    let last = before.rsplit(['-', '_', '/']).next().unwrap_or_default();
    if List::OpenKeyWords.has(last) && is_plain_id(v) {
        return true;
    }
    !List::SecretKeyWords.has(bare(last)) && is_place(v)
}

/// `storageKey=uploads/2026/3c91….pdf`: a path to a file.
fn is_of_file(name: &str, v: &str) -> bool {
    let end = v.rsplit_once('.').map(|(_, end)| end).unwrap_or_default();
    let key = name.len().checked_sub(3).and_then(|at| name.get(at..));
    key.is_some_and(|k| k.eq_ignore_ascii_case("key"))
        && v.contains('/')
        && (2..=5).contains(&end.len())
        && end.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && is_place(v)
}

/// Hex digits, or what is written in one case: no token has that form.
fn is_plain_id(v: &str) -> bool {
    let one_case = !v.bytes().any(|b| b.is_ascii_uppercase());
    let code = v.split_once('.').is_some_and(|(root, _)| List::CodeRoots.has(root));
    one_case && v.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_:/.#".contains(&b))
        || v.bytes().all(|b| b.is_ascii_hexdigit())
        || shapes::is_uuid(v)
        || code
        || is_place(v)
}

/// `logs/app/0b1c….json.gz`, `page:home:8f37…`, `USER#0b1c…`: where something lies.
fn is_place(v: &str) -> bool {
    let v = v.trim_start_matches('{');
    let Some(at) = v.find(['/', ':', '#']) else { return false };
    let (first, rest) = (&v[..at], &v[at + 1..]);
    let letters = |b: u8| b.is_ascii_alphabetic() || matches!(b, b'-' | b'_');
    let c = shapes::classes(first);
    let part = |p: &str| {
        let c = shapes::classes(p);
        let name =
            p.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'}'));
        name && !(c.lower && c.upper && c.digit)
    };
    first.len() >= 3
        && first.bytes().all(letters)
        && !(c.lower && c.upper)
        && !is_one_of(first, OF_LOCKS)
        && rest.split(['/', ':', '#']).all(part)
}

/// `Cache restored from key: npm-linux-<digest>-v2`, in a line about a cache; `kafka: key=<digest>`, of a store.
fn is_cached(found: &Found<'_>, span: Span, v: &str) -> bool {
    let line = line_before(found.bytes, span.start);
    let digest = |p: &str| p.len() >= 16 && p.bytes().all(|b| b.is_ascii_hexdigit());
    let name = |p: &str| p.len() <= 16 && p.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.');
    let parts: Vec<&str> = v.split(['-', '_', ':', '|']).collect();
    let name_of = name_before(found, span.start).map(|(_, name)| name).unwrap_or_default();
    let granted = matches!(classify(name_of), Key::Password | Key::Token | Key::Loose);
    let of_store = is_key_word(name_of) && OF_STORES.iter().any(|w| contains(line, w));
    let of_cache = parts.len() > 1 && contains(line, b"cache");
    (of_store || of_cache)
        && !granted
        && !super::keeps::speaks_of_secret(line)
        && !contains(line, b"auth")
        && parts.iter().any(|p| digest(p))
        && parts.iter().all(|p| digest(p) || name(p))
        && !is_one_of(parts[0], OF_LOCKS)
        && parts[0].len() >= 2
}

#[cfg(test)]
mod tests {
    use super::super::{KnownSecrets, Redactor};

    #[test]
    fn keys_of_stores_and_certificates_stay_and_keys_of_locks_go() {
        let redact = |text: &str| Redactor::new(KnownSecrets::default()).redact(text);
        for open in [
            "cache key: go-build-3c91a05b77d214ee8f6021bbc9034d1a-v3 saved",
            "primary key 3c91a05b77d214ee8f6021bbc9034d1a locked",
            "Put Key=media/2026/3c91a05b77d214ee8f6021bbc9034d1a.png",
            "HIT key: page:start:3c91a05b77d214ee8f6021bbc9034d1a",
            "kind: Secret\ndata:\n  tls.crt: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUI=\n",
        ] {
            assert_eq!(redact(open), open);
        }
        for (text, expected) in [
            ("api key: 3c91a05b77d214ee8f6021bbc9034d1a", "api key: <secret-1>"),
            ("encryption key 3c91a05b77d214ee8f6021bbc9034d1a", "encryption key <secret-1>"),
            (
                "kind: Secret\ndata:\n  tls.key: LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1J\n",
                "kind: Secret\ndata:\n  tls.key: <secret-1>\n",
            ),
        ] {
            assert_eq!(redact(text), expected);
        }
    }
}
