//! What the name of a value says about it. `DB_PASSWORD` holds a password, `password_file` does not:
//! the last word of a name says what the value is, the words before it what it is for.

use super::look::is_one_of;
use super::words::List;

/// What a name promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// A password: any value but a placeholder.
    Password,
    /// A token or key: a value that looks like one.
    Token,
    /// The word is used of names as well (`secret: db-creds`): a value that cannot be a name.
    Loose,
    /// Only what is long and without structure.
    Random,
    /// Three to eight digits: card codes, one-time passwords.
    Digits,
    /// A header whose value has a scheme: `Authorization`.
    Authorization,
    /// `Cookie`, `Set-Cookie`.
    Cookie,
    /// A host name.
    Host,
    /// Nothing that has to be hidden.
    Other,
}

/// The words of a name, `_`-, `-`, dot- and CamelCase alike, without numbers at its end.
pub(super) fn words(name: &str) -> Vec<&str> {
    let bytes = name.as_bytes();
    let mut words = Vec::with_capacity(6);
    let mut start = 0;
    for at in 1..=bytes.len() {
        let cut = match bytes.get(at) {
            None => true,
            Some(&b) => {
                let a = bytes[at - 1];
                let next_lower = bytes.get(at + 1).is_some_and(u8::is_ascii_lowercase);
                let plural = bytes.get(at + 1) == Some(&b's')
                    && !bytes.get(at + 2).is_some_and(u8::is_ascii_lowercase);
                !b.is_ascii_alphanumeric()
                    || !a.is_ascii_alphanumeric()
                    || (a.is_ascii_lowercase() && b.is_ascii_uppercase())
                    || (a.is_ascii_uppercase() && b.is_ascii_uppercase() && next_lower && !plural)
            }
        };
        if cut {
            if bytes[start].is_ascii_alphanumeric() {
                words.push(&name[start..at]);
            }
            start = at;
        }
    }
    words
}

fn bare(word: &str) -> &str {
    let cut = word.trim_end_matches(|c: char| c.is_ascii_digit());
    if cut.is_empty() { word } else { cut }
}

fn ends_with(word: &str, ends: List) -> bool {
    ends.words().any(|end| {
        word.len() >= end.len()
            && word.is_char_boundary(word.len() - end.len())
            && word[word.len() - end.len()..].eq_ignore_ascii_case(end)
    })
}

/// `-dev-root-token-id`: Vault calls the token itself so.
fn any_before_is_root(before: &[&str]) -> bool {
    before.iter().any(|w| is_one_of(w, &["root"]))
}

/// What a value of this name is.
pub(super) fn classify(name: &str) -> Key {
    if !name.is_ascii() {
        return Key::Other;
    }
    let mut words = words(name);
    while words.len() > 1
        && words.last().is_some_and(|w| w.bytes().all(|b| b.is_ascii_digit()) || List::Tails.has(w))
    {
        words.pop();
    }
    let Some((head, before)) = words.split_last() else { return Key::Other };
    let head = bare(head);
    let last = before.last().copied().map(bare).unwrap_or_default();
    let any_before = |list: List| before.iter().any(|w| list.has(bare(w)));
    if is_one_of(head, &["authorization"]) {
        return Key::Authorization;
    }
    if is_one_of(head, &["cookie", "cookie2"]) {
        return Key::Cookie;
    }
    if is_one_of(head, &["id"]) && is_one_of(last, &["secret"]) {
        return Key::Token;
    }
    if is_one_of(head, &["id"]) && is_one_of(last, &["token"]) && any_before_is_root(before) {
        return Key::Token;
    }
    if List::NoPasswords.has(head) {
        return Key::Other;
    }
    // `update_password: on_create`: what to do with it.
    let does = [
        "update", "require", "requires", "show", "hide", "generate", "enable", "disable", "allow",
        "force", "validate", "has", "needs", "use", "no", "nopasswd", "lock", "expire", "check",
    ];
    if is_one_of(head, &["password", "passwd", "passphrase"]) && is_one_of(last, &does) {
        return Key::Other;
    }
    if List::Passwords.has(head) || ends_with(head, List::PasswordEnds) {
        return Key::Password;
    }
    // "pass phrase", "pass_word", "pre_shared_key"
    if is_one_of(head, &["phrase", "word"]) && is_one_of(last, &["pass"]) {
        return Key::Password;
    }
    if is_one_of(head, &["secret"]) {
        return if before.is_empty() { Key::Loose } else { Key::Token };
    }
    if List::Tokens.has(head) || ends_with(head, List::TokenEnds) {
        return if is_one_of(head, &["pat"]) && before.is_empty() {
            Key::Random
        } else {
            Key::Token
        };
    }
    // Of a kubeconfig: the certificate that says who one is. That of the authority is public.
    if is_one_of(head, &["certificate"]) {
        return if is_one_of(last, &["client"]) { Key::Random } else { Key::Other };
    }
    if is_one_of(head, &["key"]) {
        return match () {
            () if is_one_of(last, &["secret", "private", "api", "access"]) => Key::Token,
            () if any_before(List::OpenKeyWords) => Key::Other,
            // Headers of one's own: `X-Gotify-Key`.
            () if name.len() > 6 && name[..2].eq_ignore_ascii_case("x-") => Key::Token,
            () if any_before(List::SecretKeyWords) => Key::Token,
            () => Key::Random,
        };
    }
    if List::Sessions.has(head)
        || (is_one_of(head, &["id"]) && is_one_of(last, &["session", "sess"]))
    {
        return Key::Random;
    }
    if is_one_of(head, &["cvv", "cvc", "cvv2", "otp", "passcode", "pin"]) {
        return Key::Digits;
    }
    // `sonar.login`: a token stands where the name would.
    if is_one_of(head, &["login"]) {
        return Key::Random;
    }
    if is_one_of(head, &["hash", "digest"]) {
        let of_password = any_before(List::Passwords)
            || before.iter().any(|w| is_one_of(w, &["ntlm", "nt", "lm"]));
        return if of_password { Key::Random } else { Key::Other };
    }
    if List::HostKeys.has(head) || (is_one_of(head, &["name"]) && List::HostKeys.has(last)) {
        return Key::Host;
    }
    if List::RandomKeys.has(head) {
        return Key::Random;
    }
    Key::Other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_says_what_the_value_is() {
        for (name, expected) in [
            ("DB_PASSWORD", Key::Password),
            ("spring.datasource.password", Key::Password),
            ("PGPASSWORD", Key::Password),
            ("ansible_become_pass", Key::Password),
            ("dbPassword2", Key::Password),
            ("password_file", Key::Other),
            ("PasswordAuthentication", Key::Other),
            ("max_tokens", Key::Random),
            ("token_type", Key::Other),
            ("secretName", Key::Other),
            ("secret", Key::Loose),
            ("client_secret", Key::Token),
            ("aws_access_key_id", Key::Other),
            ("aws_secret_access_key", Key::Token),
            ("secretAccessKey", Key::Token),
            ("AWSSecretKey", Key::Token),
            ("public_key", Key::Other),
            ("idempotency-key", Key::Other),
            ("client-key-data", Key::Token),
            ("client-certificate-data", Key::Random),
            ("certificate-authority-data", Key::Other),
            ("X-Api-Key", Key::Token),
            ("SECRET_KEY_BASE", Key::Token),
            ("monkey", Key::Other),
            ("compass", Key::Other),
            ("NOPASSWD", Key::Other),
            ("_authToken", Key::Token),
            ("JSESSIONID", Key::Random),
            ("session_id", Key::Random),
            ("Proxy-Authorization", Key::Authorization),
            ("Set-Cookie", Key::Cookie),
            ("nodeName", Key::Host),
        ] {
            assert_eq!(classify(name), expected, "{name}");
        }
    }
}
