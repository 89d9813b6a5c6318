//! Redaction: what must not leave the machine is replaced by placeholders, and put back on the way in.
//!
//! One pass over the text with automatons for what tells itself by its letters (prefixes of tokens,
//! names of values, suffixes of hosts) and a scan of the bytes for what tells itself by its form
//! (addresses, cards). Each finding is judged by a look at its surroundings that is bounded, so the
//! whole is linear in the length of the text. A value that was found once is replaced wherever it
//! stands as a word of its own.
//!
//! Not here: whether redaction is on, and what is sent. A restored command must go through the shell
//! guard like any other: what a placeholder stands for may contain anything.

mod answers;
mod assign;
mod base64;
mod blocks;
mod calls;
mod cards;
mod code;
mod commands;
mod credentials;
mod headers;
mod hosts;
mod keeps;
mod keys;
mod kinds;
mod look;
mod names;
mod net;
mod network;
mod objects;
mod offers;
mod piped;
mod places;
mod prose;
mod scan;
mod seeds;
mod shapes;
mod tables;
mod tokens;
mod urls;
mod values;
mod vault;
mod versions;
mod words;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, MatchKind};

pub use kinds::Kind;
use kinds::{Found, Span, settle};
use vault::Vault;

/// The shortest held secret that is replaced wherever it stands, in bytes: shorter ones would replace
/// parts of words.
const KNOWN_BYTES_MIN: usize = 4;
/// The most values that are looked for again in the rest of a conversation.
const ECHOES_MAX: usize = 4096;

/// Exact values that hale itself holds; they are replaced first, whatever they look like.
#[derive(Clone, Debug, Default)]
pub struct KnownSecrets {
    /// Keys, tokens, passwords; those shorter than four bytes are ignored.
    pub secrets: Vec<String>,
    /// Names of machines.
    pub host_names: Vec<String>,
    /// Names of people's accounts.
    pub user_names: Vec<String>,
}

/// How many different values of a kind were replaced so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Of what.
    pub kind: Kind,
    /// How many different values.
    pub values: usize,
}

/// The redaction of one conversation: the same value gets the same placeholder in all its texts.
#[derive(Debug, Default)]
pub struct Redactor {
    known: Option<Values>,
    vault: Vault,
    /// What was found in earlier texts, and the automaton that finds it again.
    echoes: Vec<(String, Kind)>,
    echo_values: Option<Values>,
}

/// An automaton over exact values.
#[derive(Debug)]
struct Values {
    automaton: AhoCorasick,
    kinds: Vec<(Kind, bool)>,
}

/// How the automatons over hale's own words are built. An agent keeps them all its life: as DFAs they take
/// 12 MiB and 20 ms; with only the first three letters dense they take a tenth, at nearly the speed.
fn automaton() -> AhoCorasickBuilder {
    let mut builder = AhoCorasick::builder();
    builder.kind(Some(AhoCorasickKind::ContiguousNFA)).dense_depth(3);
    builder
}

impl Redactor {
    /// Begins a conversation.
    pub fn new(known: KnownSecrets) -> Redactor {
        let mut all: Vec<(String, Kind, bool)> = Vec::new();
        let long = |value: &String| value.len() >= KNOWN_BYTES_MIN;
        all.extend(known.secrets.into_iter().filter(long).map(|v| (v, Kind::Secret, false)));
        all.extend(
            known.host_names.into_iter().filter(|v| !v.is_empty()).map(|v| (v, Kind::Host, true)),
        );
        all.extend(
            known.user_names.into_iter().filter(|v| !v.is_empty()).map(|v| (v, Kind::User, true)),
        );
        Redactor { known: Values::new(&all), ..Redactor::default() }
    }

    /// What every finder found.
    fn found_in<'t>(&self, text: &'t str) -> Found<'t> {
        let mut found = Found::new(text);
        if let Some(known) = &self.known {
            known.find(&mut found);
        }
        vault::find(&mut found);
        tokens::find(&mut found);
        scan::find(&mut found);
        keeps::drop_open(&mut found);
        found
    }

    /// Replaces everything that must not leave by placeholders such as `<ip-1>`.
    pub fn redact(&mut self, text: &str) -> String {
        let mut found = self.found_in(text);
        self.learn(&found);
        if let Some(values) = &self.echo_values {
            values.find(&mut found);
        }
        let spans = settle(std::mem::take(&mut found.spans));
        self.replace(text, &spans)
    }

    /// Puts the values back where their placeholders stand; what is no placeholder of this
    /// conversation stays as it is. In JSON: restore the strings after parsing, not the text.
    pub fn restore(&self, text: &str) -> String {
        self.vault.restore(text)
    }

    /// How many different values of each kind have been replaced, kinds without any left out.
    pub fn found(&self) -> Vec<Count> {
        let counts =
            Kind::ALL.into_iter().map(|kind| Count { kind, values: self.vault.count(kind) });
        counts.filter(|count| count.values > 0).collect()
    }

    /// What stands for what, for showing it to the person whose data it is.
    pub fn values(&self) -> impl Iterator<Item = (Kind, &str)> {
        self.vault.values()
    }

    fn replace(&mut self, text: &str, spans: &[Span]) -> String {
        let mut out = String::with_capacity(text.len());
        let mut from = 0;
        for span in spans {
            out.push_str(&text[from..span.start]);
            self.vault.write(span.kind, &text[span.start..span.end], &mut out);
            from = span.end;
        }
        out.push_str(&text[from..]);
        out
    }

    /// Remembers values that are to be found again where nothing around them tells what they are.
    fn learn(&mut self, found: &Found<'_>) {
        let before = self.echoes.len();
        for echo in &found.echoes {
            if self.echoes.len() >= ECHOES_MAX {
                break;
            }
            let value = found.slice(echo.start, echo.end);
            let minimum = match echo.kind {
                Kind::Secret => 6,
                Kind::User
                | Kind::Host
                | Kind::Email
                | Kind::Ip
                | Kind::Mac
                | Kind::Card
                | Kind::Text => 3,
            };
            // A full name with a suffix is found by its suffix anyway; its form is enough.
            let tells_itself =
                echo.kind == Kind::Email || (echo.kind == Kind::Host && value.contains('.'));
            // `user:password@`, once: the word itself stays wherever else it stands.
            let word = echo.kind == Kind::Secret && shapes::is_stop_word(value);
            if word || value.len() < minimum || value.len() > 4096 || tells_itself {
                continue;
            }
            if !self.echoes.iter().any(|(known, _)| known == value) {
                self.echoes.push((value.to_owned(), echo.kind));
            }
        }
        if self.echoes.len() > before {
            let all: Vec<(String, Kind, bool)> =
                self.echoes.iter().map(|(value, kind)| (value.clone(), *kind, true)).collect();
            self.echo_values = Values::new(&all);
        }
    }
}

impl Values {
    /// Values, their kinds, and whether they count only as words of their own.
    fn new(all: &[(String, Kind, bool)]) -> Option<Values> {
        if all.is_empty() {
            return None;
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(all.iter().map(|(value, _, _)| value.as_bytes()))
            .ok()?;
        Some(Values {
            automaton,
            kinds: all.iter().map(|(_, kind, word)| (*kind, *word)).collect(),
        })
    }

    fn find(&self, found: &mut Found<'_>) {
        let bytes = found.bytes;
        let hits: Vec<Span> = self
            .automaton
            .find_iter(bytes)
            .filter_map(|hit| {
                let (kind, word) = *self.kinds.get(hit.pattern().as_usize())?;
                let joined =
                    |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || *b >= 0x80);
                let inside = joined(hit.start().checked_sub(1).and_then(|at| bytes.get(at)))
                    || joined(bytes.get(hit.end()));
                (!word || !inside).then_some(Span { start: hit.start(), end: hit.end(), kind })
            })
            .collect();
        for span in hits {
            found.add(span.start, span.end, span.kind);
        }
    }
}
