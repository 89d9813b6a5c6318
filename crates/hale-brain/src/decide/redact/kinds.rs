//! What is looked for, and the stretches of text where it was found.

use super::net::Heat;

/// What a placeholder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A credential: key, token, password, private key, cookie, signature.
    Secret,
    /// An address of IPv4 or IPv6.
    Ip,
    /// A hardware address.
    Mac,
    /// A host name of the organisation.
    Host,
    /// A user name.
    User,
    /// An e-mail address.
    Email,
    /// A payment card number.
    Card,
    /// Text that only looks like a placeholder, so that the way back is exact.
    Text,
}

impl Kind {
    /// Every kind, in the order of [`Kind::index`].
    pub const ALL: [Kind; 8] = [
        Kind::Secret,
        Kind::Ip,
        Kind::Mac,
        Kind::Host,
        Kind::User,
        Kind::Email,
        Kind::Card,
        Kind::Text,
    ];

    /// The word in its placeholders: `<ip-1>`.
    pub fn label(self) -> &'static str {
        match self {
            Kind::Secret => "secret",
            Kind::Ip => "ip",
            Kind::Mac => "mac",
            Kind::Host => "host",
            Kind::User => "user",
            Kind::Email => "email",
            Kind::Card => "card",
            Kind::Text => "text",
        }
    }

    pub(super) fn index(self) -> usize {
        self as usize
    }
}

/// A stretch of text to be replaced, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub start: usize,
    pub end: usize,
    pub kind: Kind,
}

/// Where findings are gathered.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub text: &'a str,
    pub bytes: &'a [u8],
    pub spans: Vec<Span>,
    /// Values to be looked for in the rest of the text as well.
    pub echoes: Vec<Span>,
    /// Words for credentials in what may be sentences.
    pub heats: Vec<Heat>,
    /// Names of credentials that nothing was assigned to: they may head a column.
    pub heads: Vec<usize>,
}

impl<'a> Found<'a> {
    pub fn new(text: &'a str) -> Found<'a> {
        Found {
            text,
            bytes: text.as_bytes(),
            spans: Vec::new(),
            echoes: Vec::new(),
            heats: Vec::new(),
            heads: Vec::new(),
        }
    }

    /// The text between two places; where a bounded look ended inside a character, without it.
    pub fn slice(&self, start: usize, end: usize) -> &'a str {
        let (start, end) =
            (self.text.ceil_char_boundary(start), self.text.floor_char_boundary(end));
        self.text.get(start..end).unwrap_or_default()
    }

    /// Adds a stretch; a character that it touches belongs to it.
    pub fn add(&mut self, start: usize, end: usize, kind: Kind) {
        let (start, end) =
            (self.text.floor_char_boundary(start), self.text.ceil_char_boundary(end));
        if start < end {
            self.spans.push(Span { start, end, kind });
        }
    }

    /// The same, and the value is a secret wherever else it stands.
    pub fn add_everywhere(&mut self, start: usize, end: usize, kind: Kind) {
        let before = self.spans.len();
        self.add(start, end, kind);
        self.echoes.extend(self.spans.get(before..).unwrap_or_default());
    }
}

/// Sorts, and joins what overlaps: the stretch that begins first (and is longest) gives the kind.
pub(super) fn settle(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by(|a, b| a.start.cmp(&b.start).then(b.end.cmp(&a.end)));
    let mut settled: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match settled.last_mut() {
            Some(last) if span.start < last.end => last.end = last.end.max(span.end),
            Some(_) | None => settled.push(span),
        }
    }
    settled
}
