//! Which token may be the name of a unit, a package, a user… A name that hale has never heard of
//! is believed only where the sentence says what it is (`the shopfront service`), because any
//! word can be a name.

use super::fold;
use super::host::HostFacts;
use super::lexicon::{Concept, Lexicon};
use super::template::SlotKind;
use super::tokens::Token;
use super::values::{VALUE_BYTES_MAX, Value};

/// How sure it is that a token is the name: 0 is certain, 5 a guess.
pub(super) type Rank = u8;
/// From this rank on the plan is a little less sure.
pub(super) const UNSURE: Rank = 4;

/// The concepts that say what the name beside them is.
pub(super) fn anchors(kind: SlotKind) -> &'static [&'static str] {
    match kind {
        SlotKind::Unit => &["service"],
        SlotKind::Package => &["package", "install", "uninstall", "update", "version", "installed"],
        SlotKind::User => &["user", "account", "add"],
        SlotKind::Group => &["group"],
        SlotKind::Host => &["host", "ping", "resolve", "trace", "machine"],
        SlotKind::Container => &["container"],
        SlotKind::Image => &["image", "pull"],
        SlotKind::Branch => &["branch"],
        SlotKind::Commit => &["commit"],
        SlotKind::Text => &["contain", "text", "search", "word"],
        SlotKind::Glob => &["name", "file", "folder"],
        SlotKind::Program => &["program", "command", "process"],
        SlotKind::Interface => &["interface"],
        SlotKind::Port => &["port"],
        SlotKind::Pid => &["pid", "process"],
        SlotKind::Count => &["top", "first", "last"],
        SlotKind::Path | SlotKind::To | SlotKind::Archive => &["file", "folder"],
        SlotKind::Size | SlotKind::Since | SlotKind::Mode | SlotKind::Url => &[],
    }
}

/// Concepts that may stand beside a value of that kind once it is filled.
pub(super) fn cues(kind: SlotKind) -> &'static [&'static str] {
    match kind {
        SlotKind::Since => &["since", "last", "recent", "during", "ago"],
        SlotKind::Size => &["over", "size"],
        SlotKind::Count => &["top", "first", "last"],
        SlotKind::Path | SlotKind::To => &["in"],
        SlotKind::Mode => &["mode"],
        SlotKind::Glob => &["name"],
        SlotKind::Package => &["package", "and", "program"],
        SlotKind::Unit
        | SlotKind::Archive
        | SlotKind::Port
        | SlotKind::Pid
        | SlotKind::User
        | SlotKind::Group
        | SlotKind::Host
        | SlotKind::Text
        | SlotKind::Container
        | SlotKind::Image
        | SlotKind::Branch
        | SlotKind::Commit
        | SlotKind::Interface
        | SlotKind::Program
        | SlotKind::Url => anchors(kind),
    }
}

/// Whether the slot takes several names.
pub(super) fn takes_several(kind: SlotKind) -> bool {
    kind == SlotKind::Package
}

/// What is asked of every token.
pub(super) struct Names<'a> {
    pub(super) tokens: &'a [Token],
    pub(super) lexicon: &'a Lexicon,
    pub(super) host: &'a HostFacts,
    pub(super) soft: Option<Concept>,
}

impl Names<'_> {
    /// How sure it is that the token at `at` is a name of that kind; `None` where it cannot be.
    pub(super) fn rank(&self, kind: SlotKind, at: usize) -> Option<Rank> {
        let token = self.tokens.get(at)?;
        if token.raw.len() > VALUE_BYTES_MAX || self.lexicon.is_ordinary(&token.folded) {
            return None;
        }
        if matches!(kind, SlotKind::Text | SlotKind::Path) && token.quoted {
            return Some(0);
        }
        if kind == SlotKind::Glob && token.quoted && !is_name(&token.raw, kind) {
            return None;
        }
        if kind == SlotKind::Text {
            return self.rank_text(token, at);
        }
        // `500M` says how large, it names no file.
        let measures = token.value(|v| matches!(v, Value::Size(_) | Value::Since(_)).then_some(()));
        if kind == SlotKind::Glob && measures.is_some() {
            return None;
        }
        if token.hangul && !token.quoted && !token.alias {
            let called = kind == SlotKind::Glob && self.is_anchored(kind, at);
            return (called && token.concepts.is_empty()).then_some(4);
        }
        if !is_name(&token.raw, kind) {
            return None;
        }
        let unknown = token.concepts.is_empty() || token.guessed;
        if token.quoted || self.is_on_host(kind, &token.raw) {
            return Some(0);
        }
        let marked = token.raw.contains(|c: char| c.is_ascii_digit() || "._@:-+~/".contains(c));
        let anchored = self.is_anchored(kind, at);
        let software = self.lexicon.software(&fold::fold(&token.raw));
        let known_as = |wanted: &str| software.iter().any(|of| of == wanted);
        // A word of the lexicon can be a name only where it is known as one.
        if !unknown && software.is_empty() {
            return None;
        }
        // `docker` in `docker container` says what is meant, it is not the name.
        let says_kind = self.concepts(anchors(kind)).any(|concept| token.is(concept));
        if says_kind && !token.guessed {
            return None;
        }
        // A word that looks misspelt is rather that than a name nobody asked for.
        let takes_any = matches!(kind, SlotKind::Program | SlotKind::Branch | SlotKind::Glob);
        if token.guessed && takes_any && software.is_empty() && !marked {
            return None;
        }
        let penalty = Rank::from(!unknown);
        match kind {
            SlotKind::Unit if token.raw.ends_with(".service") || known_as("daemon") => {
                Some(1 + penalty)
            }
            SlotKind::Unit if anchored && !software.is_empty() => Some(2 + penalty),
            SlotKind::Container if known_as("container") => Some(1 + penalty),
            SlotKind::Unit | SlotKind::Container if anchored => Some(3),
            SlotKind::Container if known_as("daemon") || marked => Some(3),
            // A daemon is more likely asked about as a service.
            SlotKind::Program if known_as("daemon") => Some(2 + penalty),
            SlotKind::Package | SlotKind::Program if !software.is_empty() => Some(1 + penalty),
            SlotKind::Package if anchored || marked => Some(3),
            SlotKind::Program if anchored || marked => Some(4),
            SlotKind::User if known_as("user") => Some(1 + penalty),
            SlotKind::Group if known_as("group") => Some(1 + penalty),
            SlotKind::User | SlotKind::Group | SlotKind::Branch if anchored => Some(3),
            SlotKind::Image if anchored || !software.is_empty() || marked => Some(3),
            SlotKind::Branch if marked || known_as("branch") => Some(2),
            SlotKind::Commit if is_commit(&token.raw) => Some(1),
            SlotKind::Host if token.raw.contains('.') => Some(1),
            SlotKind::Host if anchored => Some(3),
            SlotKind::Url if token.raw.contains('.') => Some(2),
            SlotKind::Interface if is_interface(&token.raw) => Some(1),
            SlotKind::Path | SlotKind::To if has_extension(&token.raw) => Some(2),
            SlotKind::Archive if is_archive(&token.raw) => Some(1),
            SlotKind::Glob if has_extension(&token.raw) => Some(2),
            SlotKind::Glob if anchored && unknown => Some(4),
            SlotKind::Path
            | SlotKind::To
            | SlotKind::Archive
            | SlotKind::Size
            | SlotKind::Since
            | SlotKind::Port
            | SlotKind::Pid
            | SlotKind::Count
            | SlotKind::Unit
            | SlotKind::Package
            | SlotKind::User
            | SlotKind::Group
            | SlotKind::Host
            | SlotKind::Glob
            | SlotKind::Text
            | SlotKind::Container
            | SlotKind::Image
            | SlotKind::Branch
            | SlotKind::Commit
            | SlotKind::Mode
            | SlotKind::Interface
            | SlotKind::Program
            | SlotKind::Url => None,
        }
    }

    fn rank_text(&self, token: &Token, at: usize) -> Option<Rank> {
        let plain = token.raw.chars().all(|c| c.is_alphanumeric() || "_-.:@#$%/=".contains(c));
        let anchored = self.is_anchored(SlotKind::Text, at);
        let unknown = token.concepts.is_empty() && token.values.is_empty();
        let shouted = token.raw.len() > 2 && token.raw.chars().all(|c| c.is_ascii_uppercase());
        match (plain, unknown, anchored) {
            (false, ..) => None,
            _ if shouted => Some(1),
            (_, true, true) => Some(2),
            (_, true, false) => Some(4),
            (_, false, _) => None,
        }
    }

    fn is_on_host(&self, kind: SlotKind, name: &str) -> bool {
        match kind {
            SlotKind::Unit => {
                self.host.units.contains(name.strip_suffix(".service").unwrap_or(name))
            }
            SlotKind::Container => self.host.containers.contains(name),
            SlotKind::User => self.host.users.contains(name),
            SlotKind::Program => self.host.tools.contains(name),
            SlotKind::Path
            | SlotKind::To
            | SlotKind::Archive
            | SlotKind::Size
            | SlotKind::Since => false,
            SlotKind::Port | SlotKind::Pid | SlotKind::Count | SlotKind::Package => false,
            SlotKind::Group | SlotKind::Host | SlotKind::Glob | SlotKind::Text => false,
            SlotKind::Image | SlotKind::Branch | SlotKind::Commit | SlotKind::Mode => false,
            SlotKind::Interface | SlotKind::Url => false,
        }
    }

    fn concepts(&self, names: &'static [&'static str]) -> impl Iterator<Item = Concept> {
        names.iter().filter_map(|name| self.lexicon.concept(name))
    }

    /// Whether the next word that carries something, on either side, says what this one is.
    fn is_anchored(&self, kind: SlotKind, at: usize) -> bool {
        let named: Vec<Concept> = self.concepts(anchors(kind)).collect();
        let says = |token: &Token| named.iter().any(|concept| token.is(*concept));
        let light = |token: &&Token| self.soft.is_some_and(|soft| token.is(soft));
        let (before, after) = (&self.tokens[..at], &self.tokens[at + 1..]);
        // `install vim, tmux and foo`: what stands between is more of the same.
        let listed = |token: &&Token| {
            takes_several(kind)
                && (token.concepts.is_empty() || !self.lexicon.software(&token.folded).is_empty())
        };
        before.iter().rev().find(|t| !light(t) && !listed(t)).is_some_and(says)
            || after.iter().find(|t| !light(t) && !listed(t)).is_some_and(says)
    }
}

fn is_name(raw: &str, kind: SlotKind) -> bool {
    let extra = match kind {
        SlotKind::Image | SlotKind::Branch | SlotKind::Url => "._@:+-/",
        SlotKind::Commit => "._@:+-/~^",
        SlotKind::Glob | SlotKind::Path | SlotKind::To => "._@:+-*?",
        SlotKind::Archive
        | SlotKind::Size
        | SlotKind::Since
        | SlotKind::Port
        | SlotKind::Pid
        | SlotKind::Count
        | SlotKind::Unit
        | SlotKind::Package
        | SlotKind::User
        | SlotKind::Group
        | SlotKind::Host
        | SlotKind::Text
        | SlotKind::Container
        | SlotKind::Mode
        | SlotKind::Interface
        | SlotKind::Program => "._@:+-",
    };
    raw.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '*')
        && raw.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || extra.contains(c))
}

fn is_commit(raw: &str) -> bool {
    let hex = (7..=40).contains(&raw.len())
        && raw.chars().all(|c| c.is_ascii_hexdigit())
        && raw.contains(|c: char| c.is_ascii_digit());
    hex || raw.starts_with("HEAD")
}

fn is_interface(raw: &str) -> bool {
    let starts = ["eth", "en", "wl", "lo", "br", "docker", "veth", "tun", "tap", "wg", "bond"];
    starts.iter().any(|start| raw.starts_with(start))
        && (raw == "lo" || raw.contains(|c: char| c.is_ascii_digit()))
}

fn has_extension(raw: &str) -> bool {
    raw.rsplit_once('.').is_some_and(|(stem, extension)| {
        !stem.is_empty()
            && (1..=8).contains(&extension.len())
            && extension.chars().all(|c| c.is_ascii_alphanumeric())
            && extension.contains(|c: char| c.is_ascii_alphabetic())
    })
}

/// Whether a file's name ends as an archive's does.
pub(super) fn is_archive(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    [".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tar.zst", ".zip"]
        .iter()
        .any(|end| lower.ends_with(end))
}
