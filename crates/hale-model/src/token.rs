//! API tokens: who may come in from elsewhere, and as what. A token is shown once, when it is made;
//! what is kept is its digest.
//!
//! Deliberately absent: randomness (given), storage (hale-store), the judging of requests (hale-serve).

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What every token begins with, so that scanners for leaked secrets can tell it.
const PREFIX: &str = "hale_";
/// Hexadecimal digits of the part that names a token.
const ID_DIGITS: usize = 12;
/// Hexadecimal digits of the part that nobody can guess: 256 bits.
const SECRET_DIGITS: usize = 64;
/// Random bytes that a token is made of.
pub const TOKEN_RANDOM_BYTES: usize = (ID_DIGITS + SECRET_DIGITS) / 2;
/// Characters of a token's name.
pub const TOKEN_NAME_CHARS_MAX: usize = 64;

/// What a caller may do. Each may do what the ones before it may.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Read.
    Viewer,
    /// Acknowledge, approve, pause, report incidents.
    Operator,
    /// Change hale itself: tokens.
    Admin,
}

impl Role {
    /// All of them, the weakest first.
    pub const ALL: [Role; 3] = [Role::Viewer, Role::Operator, Role::Admin];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Role::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| format!("`{text}` is no role: viewer, operator or admin"))
    }
}

/// A token as its holder presents it. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    text: String,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({PREFIX}{}_…)", self.id())
    }
}

impl Token {
    /// A new one.
    pub fn new(random: &[u8; TOKEN_RANDOM_BYTES]) -> Self {
        let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let (id, secret) = digits.split_at(ID_DIGITS);
        Token { text: format!("{PREFIX}{id}_{secret}") }
    }

    /// A presented one; none if it cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let hex = |part: &str, digits: usize| {
            part.len() == digits && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        (hex(id, ID_DIGITS) && hex(secret, SECRET_DIGITS)).then(|| Token { text: text.to_owned() })
    }

    /// The part that names it, by which it is looked up. No secret.
    pub fn id(&self) -> &str {
        &self.text[PREFIX.len()..PREFIX.len() + ID_DIGITS]
    }

    /// What is kept of it. 256 random bits need no slow hash: there is nothing to guess from.
    pub fn digest(&self) -> TokenDigest {
        TokenDigest(blake3::hash(self.text.as_bytes()).to_hex().to_string())
    }

    /// The token itself: for the one time it is shown.
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

/// What is kept of a token. Compared in constant time.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenDigest(String);

impl TokenDigest {
    /// As it was stored.
    pub fn stored(text: String) -> Self {
        TokenDigest(text)
    }

    /// As it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for TokenDigest {
    /// How long it takes says nothing about where they differ: blake3 compares so.
    fn eq(&self, other: &Self) -> bool {
        match (blake3::Hash::from_hex(&self.0), blake3::Hash::from_hex(&other.0)) {
            (Ok(own), Ok(other)) => own == other,
            _ => false,
        }
    }
}

/// A token as screens see it: never the token itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TokenView {
    /// The name it was given.
    pub name: String,
    /// The part of it that is no secret.
    pub id: String,
    /// What its holder may do.
    pub role: Role,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl TokenView {
    /// Whether it opens anything at this moment.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    /// `valid`, `expired` or `revoked`.
    pub fn state(&self, now: Timestamp) -> &'static str {
        if self.revoked_at.is_some() {
            "revoked"
        } else if self.is_valid(now) {
            "valid"
        } else {
            "expired"
        }
    }
}

/// A token that was just made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TokenCreated {
    /// The token: shown this once.
    pub token: String,
    /// What is kept.
    pub view: TokenView,
}

/// Whether this may name a token.
///
/// # Errors
/// What is wrong with it.
pub fn check_token_name(name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    if name.is_empty() || name.len() > TOKEN_NAME_CHARS_MAX || !name.chars().all(allowed) {
        return Err(format!(
            "`{}` cannot name a token: 1 to {TOKEN_NAME_CHARS_MAX} letters, digits, `-`, `_`, `.`, `@`",
            crate::text::printable(&crate::text::shorten(name, 80))
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_token_is_read_back_and_nothing_else_passes_for_one() {
        let token = Token::new(&[0xab; TOKEN_RANDOM_BYTES]);
        let text = token.reveal().to_owned();
        assert_eq!(text, format!("hale_{}_{}", "ab".repeat(6), "ab".repeat(32)));
        assert_eq!(Token::parse(&text).unwrap(), token);
        assert_eq!(token.id(), "abababababab");
        for wrong in [
            "",
            "hale_",
            "hale_ab_cd",
            &text[1..],
            &text[..text.len() - 1],
            &format!("{text}0"),
            &text.to_uppercase(),
            &text.replace("ab", "zz"),
            &text.replace('_', "é"),
        ] {
            assert!(Token::parse(wrong).is_none(), "{wrong}");
        }
        assert!(!format!("{token:?}").contains(&"ab".repeat(7)), "{token:?}");
    }

    #[test]
    fn digests_are_equal_only_for_equal_tokens_and_a_damaged_one_equals_nothing() {
        let digest = Token::new(&[1; TOKEN_RANDOM_BYTES]).digest();
        assert_eq!(digest, Token::new(&[1; TOKEN_RANDOM_BYTES]).digest());
        assert_ne!(digest, Token::new(&[2; TOKEN_RANDOM_BYTES]).digest());
        let damaged = TokenDigest::stored("x".to_owned());
        assert_ne!(damaged, TokenDigest::stored("x".to_owned()));
    }

    #[test]
    fn names_are_plain() {
        for good in ["ci", "grafana-1", "a.b_c@d"] {
            assert!(check_token_name(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "a\n", "é", "../x", &"a".repeat(65)] {
            assert!(check_token_name(bad).is_err(), "{bad}");
        }
    }
}
