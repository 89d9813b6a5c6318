//! What programs say of themselves: the verb of a subcommand, of an option, of a name.
//!
//! The registry cannot know every program. But what cannot be undone is called by few words, whatever the
//! program: `destroy`, `purge`, `clear-backlog`, `--wipe-all`. Where no rule of the registry decides, the
//! first verb among the leading words does. The words are data: `rules/shell/verbs.toml`.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use hale_model::action::Risk;
use serde::Deserialize;

use super::machine::Machine;
use super::text;

/// Leading words that are looked at for a verb.
const LEADING_MAX: usize = 4;
/// Longest word that is taken for a verb.
const VERB_BYTES_MAX: usize = 40;
/// Arguments that are looked at.
const ARGUMENTS_MAX: usize = 64;
/// Nesting of JSON that is looked into.
const JSON_NESTING_MAX: u32 = 8;

const SOURCE: &str = include_str!("../../../../../rules/shell/verbs.toml");

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Verbs {
    destroys: BTreeSet<String>,
    option_destroys: BTreeSet<String>,
    mild: BTreeSet<String>,
    removes: BTreeSet<String>,
    objects: BTreeSet<String>,
    reads: BTreeSet<String>,
    read_parts: BTreeSet<String>,
    read_options: BTreeSet<String>,
    read_nouns: BTreeSet<String>,
    remade: BTreeSet<String>,
    narrow: BTreeSet<String>,
    acts: BTreeSet<String>,
    carriers: BTreeSet<String>,
    negations: BTreeSet<String>,
    previews: BTreeSet<String>,
    texts: BTreeSet<String>,
    keys: BTreeSet<String>,
}

static LOADED: LazyLock<(Verbs, Option<String>)> = LazyLock::new(|| match toml::from_str(SOURCE) {
    Ok(verbs) => (verbs, None),
    Err(error) => (Verbs::default(), Some(format!("rules/shell/verbs.toml: {error}"))),
});

fn verbs() -> &'static Verbs {
    &LOADED.0
}

/// What is wrong with the lists; a test holds it nothing.
pub(super) fn problem() -> Option<&'static String> {
    LOADED.1.as_ref()
}

/// What a command says it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// Deletes, empties or resets something as a whole.
    Destroys,
    /// Only looks.
    Reads,
}

/// How much of a command line can be a verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// Nothing is known of the program.
    Nothing,
    /// It has subcommands.
    Subcommands,
    /// It has subcommands, and nothing but their verbs is known.
    Verbs,
    /// Its operands are names.
    Operands,
}

impl Verbs {
    /// What one word says where it stands.
    fn word(&self, word: &str, place: &Place<'_>) -> Option<Spoken> {
        if word.len() > VERB_BYTES_MAX
            || !word.starts_with(|c: char| c.is_ascii_alphabetic())
            || !text::is_literal(word)
            || word.contains(|c: char| !c.is_ascii_alphanumeric() && !"-_.:/".contains(c))
        {
            return None;
        }
        // `pool.delete`, `vmsvc/destroy`: what is done comes last. `notes.txt` says nothing.
        let last = word.rsplit(['.', '/', ':']).next().unwrap_or(word);
        let lower = last.to_ascii_lowercase();
        if self.reads.contains(&lower) {
            return Some(Spoken::Reads);
        }
        if self.carriers.contains(&lower) {
            return Some(Spoken::Carries);
        }
        if self.acts.contains(&lower) {
            return Some(Spoken::Acts);
        }
        let parts = parts_of(last);
        if parts.iter().any(|p| self.negations.contains(p)) {
            return None;
        }
        let (first, end) = (parts.first()?, parts.last()?);
        let several = parts.len() > 1;
        if several && (self.read_parts.contains(first) || self.read_parts.contains(end)) {
            return Some(Spoken::Reads);
        }
        if several && self.acts.contains(first) {
            return Some(Spoken::Acts);
        }
        let verb = [first, end].into_iter().find(|p| self.destroys.contains(*p));
        let removes = self.removes.contains(first) || self.removes.contains(end);
        let joined = self.joined(&lower);
        if verb.is_none() && !removes && !joined {
            let looks = place.described || place.verbs;
            let looks = looks
                && ["get", "show", "list"]
                    .iter()
                    .any(|verb| lower.strip_prefix(verb).is_some_and(|rest| rest.len() > 2));
            return looks.then_some(Spoken::Reads);
        }
        // What it is done to: the other parts of its name, the words before it, the word behind it.
        let mut things: Vec<String> = parts_of(word);
        things.extend(place.before.iter().cloned());
        things.extend(
            place
                .more
                .first()
                .filter(|m| !m.contains(['/', '.']))
                .into_iter()
                .flat_map(|m| parts_of(m)),
        );
        let is = |list: &BTreeSet<String>| things.iter().any(|thing| list.contains(thing));
        let wide = joined
            || is(&self.objects)
            || place.more.iter().any(|w| self.is_wide(w, place.described));
        // `config:clear`: what was compiled of it.
        let compiled = word.contains(':') && lower == "clear";
        if compiled || is(&self.remade) || (is(&self.narrow) && !wide) {
            return Some(Spoken::Acts);
        }
        if wide {
            return Some(Spoken::Destroys);
        }
        let Some(verb) = verb else { return Some(Spoken::Acts) };
        let mild = self.mild.contains(verb);
        // `emer-reset` by itself; `format report.json` and `reset-counters` are many things.
        let alone = place.more.first().is_none_or(|next| next.starts_with('-'));
        let settled = if place.statement {
            true
        } else if place.described {
            !mild
        } else {
            !mild
                || (several && self.destroys.contains(end))
                || (!several && alone && !place.after_option)
        };
        Some(if settled { Spoken::Destroys } else { Spoken::Acts })
    }

    /// `deleteall`, `clearconfig`: a verb and what it is done to without a separator.
    fn joined(&self, lower: &str) -> bool {
        let whole = |rest: &str| {
            self.objects.contains(rest) || self.objects.contains(rest.trim_end_matches('s'))
        };
        let mut verbs = self.destroys.iter().chain(&self.removes);
        verbs.any(|verb| lower.strip_prefix(verb.as_str()).is_some_and(whole))
    }

    fn is_wide(&self, word: &str, described: bool) -> bool {
        let flag = matches!(
            word,
            "-r" | "-R"
                | "-rf"
                | "-fr"
                | "-skipTrash"
                | "--force"
                | "--do-it"
                | "--no-prompt"
                | "--noprompt"
                | "--no-confirm"
        ) || (!word.starts_with('-') && (word.contains('*') || text::has_glob(word)));
        if flag {
            return !described;
        }
        let plain = word.trim_start_matches('-').to_ascii_lowercase();
        self.objects.contains(&plain)
            || (word.starts_with("--")
                && parts_of(&plain).iter().any(|p| p == "all" || p == "recursive"))
    }

    /// `--destroy-storage`, `--discard-my-data`, `-purge`; not `--no-delete` or `--delete=false`.
    fn option(&self, option: &str) -> bool {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        if matches!(value.to_ascii_lowercase().as_str(), "false" | "no" | "0" | "none" | "off") {
            return false;
        }
        let long = name.starts_with("--");
        let lower = name.trim_start_matches('-').to_ascii_lowercase();
        let parts = parts_of(&lower);
        let harmless = |p: &String| {
            self.negations.contains(p) || self.remade.contains(p) || self.narrow.contains(p)
        };
        if lower.len() < 4 || parts.iter().any(harmless) {
            return false;
        }
        let verb = parts.iter().any(|p| self.option_destroys.contains(p));
        let wide = parts.iter().any(|p| self.destroys.contains(p))
            && parts.iter().any(|p| self.objects.contains(p) || p == "reset")
            && parts.len() > 1;
        let alone = parts.first().is_some_and(|p| self.option_destroys.contains(p));
        (long && (alone || verb && parts.len() < 4 || wide)) || (!long && alone && lower.len() > 4)
    }

    /// An option that stands for a subcommand: `-format`, `-rm -r`, `--list`, `--removetarget`.
    fn option_word(
        &self,
        option: &str,
        more: &[String],
        alone: bool,
        known: Known,
    ) -> Option<Spoken> {
        if known == Known::Operands || option.contains('=') {
            return None;
        }
        let name = option.trim_start_matches('-');
        let lower = name.to_ascii_lowercase();
        if name.len() < 2 || parts_of(name).iter().any(|p| self.negations.contains(p)) {
            return None;
        }
        if self.read_options.contains(&lower) {
            return Some(Spoken::Reads);
        }
        let single = !option.starts_with("--");
        let bare = matches!(known, Known::Nothing | Known::Verbs);
        if !bare || self.reads.contains(&lower) || self.acts.contains(&lower) {
            return None;
        }
        let destroys = self.joined(&lower)
            || (single && self.destroys.contains(&lower) && (alone || !self.mild.contains(&lower)))
            || (single
                && self.removes.contains(&lower)
                && more.iter().any(|w| self.is_wide(w, false)));
        destroys.then_some(Spoken::Destroys)
    }

    /// `action=delete`, `destroy=true`, `{"op": "wipe"}`.
    fn field(&self, key: &str, value: &str) -> bool {
        let (key, value) = (key.trim_matches('"').to_ascii_lowercase(), value.to_ascii_lowercase());
        let key = key.rsplit(['.', '_', '-']).next().unwrap_or(&key);
        let word =
            |word: &str| matches!(self.word(word, &Place::default()), Some(Spoken::Destroys));
        (self.keys.contains(key) && word(&value))
            || (self.option_destroys.contains(key)
                && matches!(value.as_str(), "true" | "yes" | "1" | "all" | "force"))
    }

    fn json(&self, value: &serde_json::Value, nesting: u32) -> bool {
        if nesting > JSON_NESTING_MAX {
            return true;
        }
        match value {
            serde_json::Value::Object(fields) => fields.iter().any(|(key, value)| match value {
                serde_json::Value::Bool(value) => self.field(key, &value.to_string()),
                serde_json::Value::String(value) => self.field(key, value),
                serde_json::Value::Null | serde_json::Value::Number(_) => false,
                serde_json::Value::Array(_) | serde_json::Value::Object(_) => {
                    self.json(value, nesting + 1)
                }
            }),
            serde_json::Value::Array(items) => items.iter().any(|i| self.json(i, nesting + 1)),
            serde_json::Value::Null
            | serde_json::Value::Bool(_)
            | serde_json::Value::Number(_)
            | serde_json::Value::String(_) => false,
        }
    }
}

/// Where a word stands.
#[derive(Default)]
struct Place<'a> {
    /// The parts of the words before it.
    before: &'a [String],
    /// What follows.
    more: &'a [String],
    /// Whether an option stands right before it, whose value it may be.
    after_option: bool,
    /// Whether the program is described: words that are often harmless say nothing alone.
    described: bool,
    /// Whether it begins a statement in the language of a tool.
    statement: bool,
    /// Whether its subcommands are known to be verbs.
    verbs: bool,
}

/// What one word says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spoken {
    Destroys,
    Reads,
    Acts,
    /// The name of what is done follows.
    Carries,
}

/// The parts of a name: `clear-backlog`, `volume_delete`, `deleteAll`.
fn parts_of(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut lower_before = false;
    for c in name.chars() {
        let separator = matches!(c, '-' | '_' | '.' | ':' | '/');
        if separator || (c.is_ascii_uppercase() && lower_before) {
            parts.push(String::new());
        }
        lower_before = c.is_ascii_lowercase();
        if !separator && let Some(part) = parts.last_mut() {
            part.push(c.to_ascii_lowercase());
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// Whether an option says that nothing is done yet.
pub(super) fn is_preview(arguments: &[String]) -> bool {
    arguments.iter().any(|argument| {
        let (name, value) = argument.split_once('=').unwrap_or((argument, ""));
        verbs().previews.contains(name) && !matches!(value, "none" | "false" | "no" | "0")
    })
}

/// What the words of a command line say it does.
pub(super) fn spoken(arguments: &[String], known: Known) -> Option<Verb> {
    let lists = verbs();
    let mut operands = 0;
    let mut settled = known == Known::Operands;
    let mut reads = false;
    let mut carried = false;
    let mut before: Option<&String> = None;
    let mut before_parts: Vec<String> = Vec::new();
    for (at, argument) in arguments.iter().enumerate().take(ARGUMENTS_MAX) {
        let is_text = before.is_some_and(|b| lists.texts.contains(b));
        let after_option =
            before.is_some_and(|b| b.starts_with("--") && !b.contains('=') && b.len() > 2);
        before = Some(argument);
        if is_text {
            continue;
        }
        if argument.starts_with('-') {
            if argument.len() > 2 && lists.option(argument) {
                return Some(Verb::Destroys);
            }
            let more = arguments.get(at + 1..).unwrap_or_default();
            let alone = more.first().is_none_or(|next| next.starts_with('-'));
            match lists.option_word(argument, more, alone, known) {
                Some(Spoken::Destroys) => return Some(Verb::Destroys),
                Some(Spoken::Reads) if !settled => reads = true,
                Some(_) | None => {}
            }
            continue;
        }
        if let Some((key, value)) = argument.split_once('=') {
            if !reads && known != Known::Operands && lists.field(key, value) {
                return Some(Verb::Destroys);
            }
            continue;
        }
        if argument.starts_with(['{', '[']) {
            if !reads
                && known != Known::Operands
                && serde_json::from_str(argument).is_ok_and(|value| lists.json(&value, 0))
            {
                return Some(Verb::Destroys);
            }
            continue;
        }
        operands += 1;
        if settled || operands > LEADING_MAX {
            continue;
        }
        let more = arguments.get(at + 1..).unwrap_or_default();
        let described = !matches!(known, Known::Nothing | Known::Verbs);
        // Of a known program names with dots and slashes are names of things, not verbs.
        if described && operands > 1 && !carried && argument.contains(['.', '/', ':']) {
            continue;
        }
        let place = Place {
            before: &before_parts,
            more,
            after_option,
            described,
            statement: false,
            verbs: known == Known::Verbs,
        };
        let said = lists.word(argument, &place);
        before_parts.extend(parts_of(argument).into_iter().take(LEADING_MAX));
        match said {
            Some(Spoken::Destroys) => return Some(Verb::Destroys),
            // `env`, `log`: also things, to which something else may be done.
            Some(Spoken::Reads) => {
                (settled, reads) = (!lists.read_nouns.contains(argument.as_str()), true);
            }
            Some(Spoken::Acts) => (settled, reads) = (true, false),
            Some(Spoken::Carries) => carried = true,
            None => {}
        }
    }
    (reads && !saves(arguments)).then_some(Verb::Reads)
}

/// Whether what is read goes to a file.
fn saves(arguments: &[String]) -> bool {
    let target = |value: &str| value.contains(['/', '.']) && !value.starts_with('{');
    let names =
        ["-o", "--output", "--out", "--outfile", "--output-file", "--save", "--dest", "--to"];
    arguments.windows(2).any(|pair| match pair {
        [name, value] => names.contains(&name.as_str()) && target(value),
        _ => false,
    }) || arguments.iter().any(|argument| {
        argument.split_once('=').is_some_and(|(n, v)| names.contains(&n) && target(v))
    })
}

/// Whether statements in the language of a tool say that they destroy: `drop 'orders'`, `delprinc x`.
pub(super) fn statements(code: &str) -> bool {
    let lists = verbs();
    code.split(['\n', ';']).take(ARGUMENTS_MAX).any(|statement| {
        let words: Vec<String> = statement.split_whitespace().map(str::to_owned).collect();
        words.split_first().is_some_and(|(first, rest)| {
            !rest.is_empty() && {
                let place = Place { more: rest, statement: true, ..Place::default() };
                lists.word(first, &place) == Some(Spoken::Destroys)
            }
        })
    })
}

/// Whether all of these statements only look.
pub(super) fn statements_read(codes: &[&String]) -> bool {
    let lists = verbs();
    let lines = || codes.iter().flat_map(|code| code.split(['\n', ';']));
    let first = |line: &str| line.split_whitespace().next().map(str::to_ascii_lowercase);
    !codes.is_empty()
        && lines().filter_map(first).all(|word| {
            lists.reads.contains(&word) && !lists.read_nouns.contains(&word)
                || matches!(word.as_str(), "status" | "state" | "version" | "history" | "stats")
        })
}

/// The statements that a command line hands to its program.
pub(super) fn carried(arguments: &[String], anywhere: bool) -> Vec<&String> {
    const OPTIONS: [&str; 12] = [
        "-e",
        "-c",
        "-q",
        "-x",
        "--eval",
        "--execute",
        "--exec",
        "--command",
        "--run",
        "--query",
        "--cmd",
        "-cmd",
    ];
    let pairs = arguments.windows(2).filter_map(|pair| match pair {
        [option, value] if OPTIONS.contains(&option.as_str()) => Some(value),
        _ => None,
    });
    // Elsewhere than in the first place it may be text for people.
    let operands = arguments.iter().filter(|a| !a.starts_with('-'));
    let quoted =
        operands.take(if anywhere { ARGUMENTS_MAX } else { 1 }).filter(|a| a.contains(' '));
    pairs.chain(quoted).collect()
}

/// Whether the name of a program nobody knows says that it destroys: `tpm2_clear`, `erase`. The name of
/// a script says what its writer fancied.
fn named(name: &str) -> bool {
    let script =
        [".sh", ".py", ".pl", ".rb", ".js", ".ts", ".php"].iter().any(|e| name.ends_with(e));
    if name.contains('/') || script {
        return false;
    }
    let lists = verbs();
    let stem = name.split('.').next().unwrap_or(name);
    let parts = parts_of(stem);
    if parts.len() == 1 {
        return parts.first().is_some_and(|p| lists.destroys.contains(p)) || lists.joined(stem);
    }
    let says = |p: Option<&String>| {
        p.is_some_and(|p| lists.destroys.contains(p) && (!lists.mild.contains(p) || p == "clear"))
    };
    !parts.iter().any(|p| lists.negations.contains(p))
        && (says(parts.first()) || says(parts.last()))
}

/// Whether a program is only asked what it is: `tool --version`, `tool delete --help`.
pub(super) fn asks(arguments: &[String]) -> bool {
    let asking = |a: &String| matches!(a.as_str(), "--version" | "--help" | "-V" | "-h");
    let plain = |a: &String| a.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    match arguments {
        [only] => {
            asking(only)
                || matches!(only.as_str(), "version" | "help" | "-v" | "-version" | "-help")
        }
        [first @ .., last] => {
            matches!(last.as_str(), "--help" | "--version")
                && first.iter().all(plain)
                && !first.iter().any(|a| a.starts_with('-'))
        }
        [] => false,
    }
}

impl Machine {
    /// Judges a program that nothing is known of by what it says of itself; whether that settles it.
    pub(super) fn self_described(&mut self, name: &str, arguments: &[String]) -> bool {
        if asks(arguments) && !name.contains('/') {
            return true;
        }
        if is_preview(arguments) {
            return false;
        }
        if named(name) || spoken(arguments, Known::Nothing) == Some(Verb::Destroys) {
            self.destructive_verb(name);
            return true;
        }
        false
    }

    /// A verb that cannot be undone.
    pub(super) fn destructive_verb(&mut self, name: &str) {
        let text = format!(
            "says of itself that {} deletes, empties or resets something",
            text::shown(name)
        );
        self.hit(
            "shell.destructive_verb",
            Risk::Critical,
            text,
            "look at what it would hit first, or use its dry run",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(line: &str) -> Option<Verb> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        spoken(&words, Known::Nothing)
    }

    #[test]
    fn the_first_verb_decides() {
        assert_eq!(problem(), None);
        for line in [
            "volume delete -name old",
            "namespaces clear-backlog t/n",
            "destroy-controller main",
            "call pool.destroy 1",
            "deleteall /brokers",
            "clearconfig confirm=True",
            "connect --discard-my-data r0",
            "emer-reset",
            "remove volume data1",
            "job rm --all",
            "action=wipe",
            r#"call 1 {"destroy":true}"#,
        ] {
            assert_eq!(says(line), Some(Verb::Destroys), "{line}");
        }
        for line in [
            "list delete",
            "create delete-me",
            "show delete-policy",
            "undelete x",
            "send -m delete",
            "sync --no-delete",
            "sync --delete=false",
            "rm one",
            "lint delete.py",
            "x/delete.txt",
            "set mode delete",
            "cache clear --all",
            "cache:clear",
            "reset-counters eth0",
            "format report.json",
            "job delete 4711",
            "--color reset run",
            "--format json get",
        ] {
            assert_ne!(says(line), Some(Verb::Destroys), "{line}");
        }
        assert!(
            named("tpm2_clear") && named("erase") && !named("clang-format") && !named("./delete")
        );
    }
}
