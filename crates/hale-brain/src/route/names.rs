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
        SlotKind::Image => &["image", "pull", "fresh"],
        SlotKind::Branch => &["branch"],
        SlotKind::Commit => &["commit"],
        SlotKind::Text => &["contain", "text", "search", "word"],
        SlotKind::Content => &["contain", "text", "word", "grep", "content", "line"],
        SlotKind::Glob => &["name", "file", "folder"],
        SlotKind::Program => &["program", "command", "process"],
        SlotKind::Interface => &["interface"],
        SlotKind::Port => &["port"],
        SlotKind::Pid => &["pid", "process"],
        SlotKind::Count => &["top", "first", "last"],
        SlotKind::Path | SlotKind::To | SlotKind::Archive => &["file", "folder"],
        SlotKind::Size | SlotKind::Since | SlotKind::Mode | SlotKind::Url => &[],
        SlotKind::Device | SlotKind::Lines | SlotKind::Zone | SlotKind::Epoch => &[],
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
        // Never the verbs among the anchors: `add`, `ping` and `pull` are what is asked for.
        SlotKind::User => &["user", "account"],
        SlotKind::Host => &["host", "machine"],
        SlotKind::Image => &["image"],
        SlotKind::Unit
        | SlotKind::Archive
        | SlotKind::Port
        | SlotKind::Pid
        | SlotKind::Group
        | SlotKind::Text
        | SlotKind::Content
        | SlotKind::Container
        | SlotKind::Branch
        | SlotKind::Commit
        | SlotKind::Interface
        | SlotKind::Program
        | SlotKind::Device
        | SlotKind::Lines
        | SlotKind::Zone
        | SlotKind::Epoch
        | SlotKind::Url => anchors(kind),
    }
}

/// Whether the slot takes several names.
pub(super) fn takes_several(kind: SlotKind) -> bool {
    kind == SlotKind::Package
}

/// Whether values of that kind are known by their shape: no word is one, be it between quotation marks.
fn is_typed(kind: SlotKind) -> bool {
    matches!(
        kind,
        SlotKind::Size
            | SlotKind::Since
            | SlotKind::Port
            | SlotKind::Pid
            | SlotKind::Count
            | SlotKind::Mode
            | SlotKind::Device
            | SlotKind::Lines
            | SlotKind::Zone
            | SlotKind::Epoch
    )
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
        if is_typed(kind) {
            return None;
        }
        let ordinary =
            !token.quoted && (self.lexicon.is_ordinary(&token.folded) || is_ordinal(&token.folded));
        if token.raw.len() > VALUE_BYTES_MAX || ordinary {
            return None;
        }
        if matches!(kind, SlotKind::Text | SlotKind::Content | SlotKind::Path) && token.quoted {
            return Some(0);
        }
        if kind == SlotKind::Glob && self.is_called(at) && is_file_name(token) {
            return Some(0);
        }
        if kind == SlotKind::Glob && token.quoted {
            if self.is_contained(at) {
                return None;
            }
            let named = has_extension(&token.raw) || self.is_anchored(kind, at);
            return (named && is_file_name(token)).then_some(1);
        }
        if matches!(kind, SlotKind::Text | SlotKind::Content) {
            return self.rank_text(kind, token, at);
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
        let misshapen = (kind == SlotKind::Archive && !is_archive(&token.raw))
            || (kind == SlotKind::Interface && !is_interface(&token.raw))
            || (kind == SlotKind::Commit && !is_commit(&token.raw));
        if misshapen {
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
        let is_engine = self.concepts(&["docker"]).any(|concept| token.is(concept));
        let of_someone = self.belongs_to(at, "process") && software.is_empty();
        let of_member = self.belongs_to(at, "group");
        match kind {
            SlotKind::Program if of_someone => None,
            // `which port is open on web1`: a machine.
            SlotKind::Program if software.is_empty() && self.is_behind(at, &["on", "sur"]) => None,
            SlotKind::User if self.is_behind(at, &["to", "au"]) && !self.says("owner") => None,
            // `delete the users in …` names no group.
            SlotKind::Group if self.is_users(at) && !anchored => None,
            // A number names no program.
            SlotKind::Program if token.raw.chars().all(|c| c.is_ascii_digit()) => None,
            // `start a new container web` tells what to call it, not what to start.
            SlotKind::Image if self.is_called(at) || known_as("container") || is_engine => None,
            // `list files by extension` names none.
            SlotKind::Glob if self.is_behind(at, &["by", "par"]) => None,
            // The password of a database is none of the system's; processes of a program are not
            // those of the account that it runs as.
            SlotKind::User
                if known_as("daemon")
                    && (self.says("password") || self.says("kill"))
                    && !anchored =>
            {
                None
            }
            SlotKind::User if self.is_no_account(at, software) => None,
            SlotKind::User if self.is_moved(at) => Some(3),
            SlotKind::User if self.is_author(at) && software.is_empty() => Some(3),
            SlotKind::User if of_someone || of_member || self.is_put_in_a_group(at) => Some(2),
            SlotKind::User if self.has_password(at) || self.logged_in(at) => Some(3),
            SlotKind::Group if of_member => None,
            // `python3 3.11` is one package, and what follows is its version.
            SlotKind::Package
                if token.raw.starts_with(|c: char| c.is_ascii_digit()) && software.is_empty() =>
            {
                None
            }
            SlotKind::Unit if token.raw.ends_with(".service") || known_as("daemon") => {
                Some(1 + penalty)
            }
            SlotKind::Unit if anchored && !software.is_empty() => Some(2 + penalty),
            SlotKind::Container if known_as("container") => Some(1 + penalty),
            SlotKind::Unit | SlotKind::Container if anchored => Some(3),
            SlotKind::Container if known_as("daemon") || marked => Some(3),
            // A daemon is more likely asked about as a service.
            SlotKind::Program if known_as("daemon") => Some(2 + penalty),
            SlotKind::Package | SlotKind::Program if known_as("program") || known_as("daemon") => {
                Some(1 + penalty)
            }
            SlotKind::Package if anchored || marked => Some(3),
            SlotKind::Program if anchored || marked => Some(4),
            SlotKind::User if known_as("user") => Some(1 + penalty),
            SlotKind::Group if known_as("group") => Some(1 + penalty),
            SlotKind::User | SlotKind::Group | SlotKind::Branch if anchored => Some(3),
            SlotKind::Image if anchored || !software.is_empty() || marked => Some(3),
            SlotKind::Branch if marked || known_as("branch") => Some(2),
            SlotKind::Commit if is_commit(&token.raw) => Some(1),
            SlotKind::Host if is_interface(&token.raw) => None,
            SlotKind::Host if token.raw.contains('.') => Some(1),
            SlotKind::Host if anchored => Some(3),
            SlotKind::Url if token.raw.contains('.') => Some(2),
            SlotKind::Interface if is_interface(&token.raw) => Some(1),
            SlotKind::Path | SlotKind::To
                if has_extension(&token.raw) && !is_pattern(&token.raw) =>
            {
                Some(2)
            }
            SlotKind::Archive if is_archive(&token.raw) => Some(1),
            SlotKind::Glob if has_extension(&token.raw) => Some(2),
            SlotKind::Glob if SHOUTED_FILES.contains(&token.raw.as_str()) => Some(1),
            SlotKind::Glob if anchored && unknown && !self.is_verb(at) => Some(4),
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
            | SlotKind::Content
            | SlotKind::Container
            | SlotKind::Image
            | SlotKind::Branch
            | SlotKind::Commit
            | SlotKind::Mode
            | SlotKind::Interface
            | SlotKind::Program
            | SlotKind::Device
            | SlotKind::Lines
            | SlotKind::Zone
            | SlotKind::Epoch
            | SlotKind::Url => None,
        }
    }

    fn rank_text(&self, kind: SlotKind, token: &Token, at: usize) -> Option<Rank> {
        let plain = token.raw.chars().all(|c| c.is_alphanumeric() || "_-.:@#$%/=".contains(c));
        let anchored = self.is_anchored(kind, at);
        let unknown = token.concepts.is_empty() && token.values.is_empty();
        let shouted = token.raw.len() > 2 && token.raw.chars().all(|c| c.is_ascii_uppercase());
        let shouted = shouted && !SHOUTED_FILES.contains(&token.raw.as_str());
        // `find foo in /home` may mean a file of that name; `max_connections` names none.
        if kind == SlotKind::Content && plain && self.is_contained(at) {
            return Some(1);
        }
        let says_enough = kind == SlotKind::Text || token.raw.contains(['_', '=', '$', '%']);
        match (plain, unknown, anchored) {
            (false, ..) => None,
            _ if shouted => Some(1),
            (_, true, true) => Some(2),
            (_, true, false) => says_enough.then_some(4),
            (_, false, _) => None,
        }
    }

    /// Whether a word says that this token is a name: `named foo`, `the name foo`, `foo라는`,
    /// `이름이 foo인`.
    pub(super) fn is_called(&self, at: usize) -> bool {
        let (Some(called), Some(name)) =
            (self.lexicon.concept("called"), self.lexicon.concept("name"))
        else {
            return false;
        };
        let light = |token: &Token| self.soft.is_some_and(|soft| token.is(soft));
        if light(&self.tokens[at]) || self.tokens[at].is(called) {
            return false;
        }
        let told = |token: &Token| token.is(called) || matches!(&*token.folded, "name" | "nom");
        // Between the name and the Korean word for it there is at most a particle.
        let korean = |token: &&Token| token.hangul && (!light(token) || token.is(called));
        let before = &self.tokens[..at];
        before.last().is_some_and(|token| !token.hangul && told(token))
            || self.tokens.get(at + 1).is_some_and(|token| token.is(called) && token.hangul)
            || !self.tokens[at].hangul
                && before.iter().rev().take(2).find(korean).is_some_and(|token| token.is(name))
    }

    /// Whether the token is what files are to contain, whatever word it is: `files containing report`,
    /// `report가 포함된 파일`.
    pub(super) fn is_contained(&self, at: usize) -> bool {
        let is = |token: &Token, names| self.concepts(names).any(|concept| token.is(concept));
        let contains = |token: &Token| is(token, &["contain"]);
        let between = |token: &Token| {
            self.soft.is_some_and(|soft| token.is(soft))
                || is(token, &["text", "word", "contain", "name", "file", "what"])
        };
        if between(&self.tokens[at]) {
            return false;
        }
        let (before, after) = (&self.tokens[..at], &self.tokens[at + 1..]);
        let speaks_of_files = |tokens: &[Token]| tokens.iter().any(|t| is(t, &["file", "search"]));
        let said = before.iter().rev().find(|token| contains(token) || !between(token));
        let latin = said.is_some_and(|token| contains(token) && !token.hangul)
            && speaks_of_files(before)
            && !before.iter().rev().take(3).any(|token| is(token, &["name"]));
        let korean = after.first().is_some_and(|token| token.hangul && contains(token))
            && speaks_of_files(after);
        latin || korean
    }

    /// Whether nothing stands between two names but more of the same: `vim and tmux`, never `bob from
    /// sudo`.
    pub(super) fn is_a_list(&self, first: usize, second: usize) -> bool {
        let joins = |token: &Token| {
            self.concepts(&["and"]).any(|concept| token.is(concept))
                || !self.lexicon.software(&token.folded).is_empty()
                || token.concepts.is_empty()
        };
        let tail = self.tokens[first].tail.as_str();
        let own = ["을", "를", "에서", "의", "에", "에게", "로", "으로"].contains(&tail);
        !own && self.tokens[first + 1..second].iter().all(joins)
    }

    /// Whether the token only says that its neighbour is a name, and that one is not taken as such.
    pub(super) fn announces(&self, at: usize, is_taken: impl Fn(usize) -> bool) -> bool {
        let Some(called) = self.lexicon.concept("called") else { return false };
        let Some(token) = self.tokens.get(at).filter(|token| token.is(called)) else {
            return false;
        };
        let light = |at: &usize| {
            let token = &self.tokens[*at];
            token.is(called) || self.soft.is_some_and(|soft| token.is(soft))
        };
        let name = match token.hangul {
            true => at.checked_sub(1),
            false => (at + 1..self.tokens.len()).find(|at| !light(at)),
        };
        !name.is_some_and(is_taken)
    }

    /// Whether an unknown word that opens a sentence of English or French is what to do, not a name.
    fn is_verb(&self, at: usize) -> bool {
        at == 0 && self.tokens.len() > 1 && !self.tokens.iter().any(|token| token.hangul)
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
            SlotKind::Group | SlotKind::Host | SlotKind::Glob => false,
            SlotKind::Text | SlotKind::Content => false,
            SlotKind::Image | SlotKind::Branch | SlotKind::Commit | SlotKind::Mode => false,
            SlotKind::Interface | SlotKind::Url => false,
            SlotKind::Device | SlotKind::Lines | SlotKind::Zone | SlotKind::Epoch => false,
        }
    }

    pub(super) fn concepts(&self, names: &'static [&'static str]) -> impl Iterator<Item = Concept> {
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

/// Files whose names are written in capitals; other words in capitals are text.
const SHOUTED_FILES: [&str; 9] = [
    "README",
    "LICENSE",
    "LICENCE",
    "COPYING",
    "CHANGELOG",
    "AUTHORS",
    "INSTALL",
    "NEWS",
    "NOTICE",
];

fn is_pattern(raw: &str) -> bool {
    raw.contains(['*', '?'])
}

/// Whether the name of a file can be so: any words between quotation marks, else one plain word.
fn is_file_name(token: &Token) -> bool {
    let plain = |c: char| c.is_alphanumeric() || "._@:+-*?".contains(c);
    let quoted = |c: char| !c.is_control() && c != '/';
    !token.raw.is_empty() && token.raw.chars().all(|c| plain(c) || (token.quoted && quoted(c)))
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
        | SlotKind::Content
        | SlotKind::Container
        | SlotKind::Mode
        | SlotKind::Interface
        | SlotKind::Device
        | SlotKind::Lines
        | SlotKind::Zone
        | SlotKind::Epoch
        | SlotKind::Program => "._@:+-",
    };
    raw.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '*')
        && raw.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || extra.contains(c))
}

/// `2nd`, `3e`: which of them, never what one is called.
fn is_ordinal(folded: &str) -> bool {
    let ending = folded.trim_start_matches(|c: char| c.is_ascii_digit());
    let counted = ending.len() < folded.len();
    counted && ["st", "nd", "rd", "th", "e", "er", "ere", "eme", "nde"].contains(&ending)
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

/// Whether the last part of a path is called as files are, not folders.
pub(super) fn is_called_like_a_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let plain = ["Makefile", "Dockerfile", "Jenkinsfile", "Vagrantfile", "Gemfile"];
    let known = SHOUTED_FILES.contains(&name) || plain.contains(&name);
    known || (has_extension(name) && !name.ends_with(".d"))
}

/// Whether a file's name ends as an archive's does.
pub(super) fn is_archive(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    [".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tar.zst", ".zip"]
        .iter()
        .any(|end| lower.ends_with(end))
}
