//! An entry of knowledge as a Markdown file: front matter between two lines of `---`, then the text.
//!
//! ```text
//! ---
//! id: postgres-too-many-clients
//! title: "PostgreSQL: too many clients already"
//! kind: solution
//! alert_kinds: [service.failed, http.errors]
//! tags:
//!   - postgres
//! updated: 2026-03-01
//! ---
//! Markdown.
//! ```
//!
//! The front matter is the part of YAML that such files use: one `key: value` a line, plain or quoted
//! text, lists in brackets or one `- item` a line, `#` comments. What goes beyond that is refused, not
//! guessed at.

use std::fmt;

use jiff::civil::Date;

use super::{Knowledge, KnowledgeKind};
use crate::alert::AlertKind;
use crate::text::{printable, shorten};

/// Lines of a front matter.
const FRONT_MATTER_LINES_MAX: usize = 200;
/// How alike two names must be (Jaro-Winkler, 0..1) for one to be offered for the other.
const LIKENESS_MIN: f64 = 0.75;
const KEYS: [&str; 6] = ["id", "title", "kind", "alert_kinds", "tags", "updated"];

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnowledgeError {
    /// Line, from 1.
    pub line: usize,
    /// Key; empty where it is about none.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub hint: Option<String>,
}

/// Everything that is wrong with a file, in the order of its lines: `origin:line: key: what; hint`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnowledgeErrors {
    /// Where the text comes from: a path.
    pub origin: String,
    /// Never empty.
    pub errors: Vec<KnowledgeError>,
}

impl fmt::Display for KnowledgeErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{}:{}: ", printable(&self.origin), error.line)?;
            if !error.key.is_empty() {
                write!(f, "{}: ", error.key)?;
            }
            write!(f, "{}", error.what)?;
            if let Some(hint) = &error.hint {
                write!(f, "; {hint}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for KnowledgeErrors {}

/// A value as it stands in the front matter.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Text(String),
    List(Vec<String>),
}

struct Entry {
    line: usize,
    value: Value,
}

/// The keys of a front matter, in their own order, and where the text begins.
struct FrontMatter<'a> {
    entries: Vec<(&'static str, Entry)>,
    body: &'a str,
    /// Line of the text's first line, from 1.
    body_line: usize,
    errors: Vec<KnowledgeError>,
}

impl Knowledge {
    /// Reads a Markdown file.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its line.
    pub fn from_markdown(text: &str, origin: &str) -> Result<Knowledge, KnowledgeErrors> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
        let fail =
            |errors: Vec<KnowledgeError>| KnowledgeErrors { origin: origin.to_owned(), errors };
        let mut front = split(&text).map_err(|error| fail(vec![error]))?;
        let entry = assemble(&mut front);
        if let Some(entry) = &entry {
            for problem in entry.problems() {
                let line = front
                    .entries
                    .iter()
                    .find(|(key, _)| *key == problem.key)
                    .map_or(front.body_line, |(_, entry)| entry.line);
                let key = if problem.key == "body" { "" } else { problem.key };
                front.errors.push(error(line, key, problem.what, problem.hint));
            }
        }
        match entry {
            Some(entry) if front.errors.is_empty() => Ok(entry),
            Some(_) | None => {
                front.errors.sort_by_key(|e| e.line);
                Err(fail(front.errors))
            }
        }
    }

    /// Writes it as a Markdown file, which reads back as the same.
    pub fn to_markdown(&self) -> String {
        let list = |items: Vec<&str>| {
            let items: Vec<String> = items.into_iter().map(scalar).collect();
            format!("[{}]", items.join(", "))
        };
        format!(
            "---\nid: {}\ntitle: {}\nkind: {}\nalert_kinds: {}\ntags: {}\nupdated: {}\n---\n{}",
            self.id,
            scalar(&self.title),
            self.kind,
            list(self.alert_kinds.iter().map(AlertKind::as_str).collect()),
            list(self.tags.iter().map(String::as_str).collect()),
            self.updated,
            self.body
        )
    }
}

fn error(line: usize, key: &str, what: impl Into<String>, hint: Option<String>) -> KnowledgeError {
    KnowledgeError { line, key: key.to_owned(), what: what.into(), hint }
}

/// Text as a value of the front matter: quoted unless it can only be read one way.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
    let is_plain = text.starts_with(char::is_alphanumeric) && text.chars().all(plain);
    if is_plain {
        text.to_owned()
    } else {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

/// Takes the front matter apart, line by line.
fn split(text: &str) -> Result<FrontMatter<'_>, KnowledgeError> {
    let example = || {
        Some(
            "begin the file with `---`, `id: …`, `title: …`, `kind: …`, `updated: …`, `---`"
                .to_owned(),
        )
    };
    let mut rest = text;
    if next_line(&mut rest).is_none_or(|first| first.trim_end() != "---") {
        return Err(error(1, "", "there is no front matter", example()));
    }
    let mut front = FrontMatter { entries: Vec::new(), body: "", body_line: 1, errors: Vec::new() };
    let mut number = 1;
    // The list that `- item` lines belong to.
    let mut open_list: Option<usize> = None;
    while let Some(line) = next_line(&mut rest) {
        number += 1;
        let trimmed = line.trim();
        if line.trim_end() == "---" {
            front.body = rest;
            // Where nothing follows, what is missing is missing here.
            front.body_line = if rest.is_empty() { number } else { number + 1 };
            return Ok(front);
        }
        if number > FRONT_MATTER_LINES_MAX {
            let what = format!("the front matter is over {FRONT_MATTER_LINES_MAX} lines");
            return Err(error(number, "", what, Some("end it with a line `---`".to_owned())));
        }
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        if let Some(item) = list_item(trimmed) {
            add_item(&mut front, open_list, number, item);
        } else {
            open_list = read_key(&mut front, number, line);
        }
    }
    Err(error(1, "", "the front matter does not end", Some("end it with a line `---`".to_owned())))
}

fn next_line<'a>(rest: &mut &'a str) -> Option<&'a str> {
    if rest.is_empty() {
        return None;
    }
    let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
    *rest = after;
    Some(line)
}

fn list_item(trimmed: &str) -> Option<&str> {
    if trimmed == "-" { Some("") } else { trimmed.strip_prefix("- ") }
}

fn add_item(front: &mut FrontMatter<'_>, open: Option<usize>, line: usize, item: &str) {
    let Some((_, entry)) = open.and_then(|at| front.entries.get_mut(at)) else {
        let hint = "`- item` lines stand below `tags:` or `alert_kinds:`".to_owned();
        front.errors.push(error(line, "", "an item of no list", Some(hint)));
        return;
    };
    match (read_scalar(item), &mut entry.value) {
        (Ok(text), Value::List(items)) => items.push(text),
        // A key without a value: the first item makes it a list.
        (Ok(text), value @ Value::Text(_)) => *value = Value::List(vec![text]),
        (Err(what), _) => front.errors.push(error(line, "", what, None)),
    }
}

/// Reads `key: value`. The entry's place, if `- item` lines may follow it.
fn read_key(front: &mut FrontMatter<'_>, line: usize, text: &str) -> Option<usize> {
    let Some((name, value)) = text.split_once(':') else {
        let what = format!("`{}` is not `key: value`", shown(text.trim()));
        front.errors.push(error(line, "", what, None));
        return None;
    };
    let name = name.trim();
    let Some(key) = KEYS.into_iter().find(|key| *key == name) else {
        front.errors.push(error(line, &shown(name), "unknown key", nearest(name, &KEYS)));
        return None;
    };
    if front.entries.iter().any(|(other, _)| *other == key) {
        front.errors.push(error(line, key, "it stands here twice", None));
        return None;
    }
    let value = value.trim();
    let read = if let Some(items) = value.strip_prefix('[') {
        read_list(items)
    } else {
        read_scalar(value).map(Value::Text)
    };
    match read {
        Ok(read) => {
            let may_go_on = read == Value::Text(String::new());
            front.entries.push((key, Entry { line, value: read }));
            may_go_on.then(|| front.entries.len() - 1)
        }
        Err(what) => {
            // The key is there, so that it is not called missing as well.
            front.entries.push((key, Entry { line, value: Value::Text(String::new()) }));
            front.errors.push(error(line, key, what, None));
            None
        }
    }
}

/// A text, plain or quoted, with nothing but a comment after it.
fn read_scalar(text: &str) -> Result<String, String> {
    let text = text.trim();
    let (value, rest) = quoted_or_plain(text, |_| false)?;
    match rest.trim_start() {
        "" => Ok(value),
        comment if comment.starts_with('#') => Ok(value),
        other => Err(format!("`{}` after the closing quote", shown(other))),
    }
}

/// What follows `[`.
fn read_list(mut text: &str) -> Result<Value, String> {
    let mut items = Vec::new();
    loop {
        text = text.trim_start();
        if let Some(after) = text.strip_prefix(']') {
            let after = after.trim_start();
            return if after.is_empty() || after.starts_with('#') {
                Ok(Value::List(items))
            } else {
                Err(format!("`{}` after the closing bracket", shown(after)))
            };
        }
        if text.is_empty() {
            return Err("the list does not end on this line: write `]`".to_owned());
        }
        let (item, rest) = quoted_or_plain(text, |c| matches!(c, ',' | ']'))?;
        items.push(item);
        let rest = rest.trim_start();
        text = rest.strip_prefix(',').unwrap_or(rest);
        if text == rest && !rest.is_empty() && !rest.starts_with(']') {
            return Err("a comma is missing between two items".to_owned());
        }
    }
}

/// A text and what follows it. A plain one goes to the end, to ` #`, or to where `ends` says.
fn quoted_or_plain(text: &str, ends: impl Fn(char) -> bool) -> Result<(String, &str), String> {
    match text.chars().next() {
        Some('"') => double_quoted(text),
        Some('\'') => single_quoted(text),
        Some(c @ ('{' | '|' | '>' | '&' | '*' | '!' | '%' | '@' | '`' | '[')) => {
            Err(format!("a text that begins with `{c}` has to be quoted"))
        }
        Some(_) | None => {
            let end = text
                .char_indices()
                .find(|(at, c)| ends(*c) || (*c == '#' && text[..*at].ends_with([' ', '\t'])))
                .map_or(text.len(), |(at, _)| at);
            Ok((text[..end].trim_end().to_owned(), &text[end..]))
        }
    }
}

fn double_quoted(text: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match chars.next() {
                Some((_, escaped @ ('"' | '\\' | '/'))) => value.push(escaped),
                Some((_, other)) => {
                    return Err(format!("`\\{}` is not an escape here", shown(&other.to_string())));
                }
                None => break,
            },
            other => value.push(other),
        }
    }
    Err("the closing quote is missing".to_owned())
}

fn single_quoted(text: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut rest = &text[1..];
    loop {
        let Some((part, after)) = rest.split_once('\'') else {
            return Err("the closing quote is missing".to_owned());
        };
        value.push_str(part);
        // A quote within is written twice.
        match after.strip_prefix('\'') {
            Some(after) => {
                value.push('\'');
                rest = after;
            }
            None => return Ok((value, after)),
        }
    }
}

/// The entry, as far as its keys can be read; adds what is missing or wrong to the errors.
fn assemble(front: &mut FrontMatter<'_>) -> Option<Knowledge> {
    let id = text_of(front, "id");
    let title = text_of(front, "title");
    let kind = text_of(front, "kind").and_then(|(line, text)| {
        let found = KnowledgeKind::ALL.iter().find(|kind| kind.as_str() == text);
        if found.is_none() {
            let names: Vec<&str> = KnowledgeKind::ALL.iter().map(|k| k.as_str()).collect();
            let what = format!("`{}` is not one of {}", shown(&text), names.join(", "));
            front.errors.push(error(line, "kind", what, nearest(&text, &names)));
        }
        found.copied()
    });
    let updated = text_of(front, "updated").and_then(|(line, text)| {
        let date: Option<Date> = text.parse().ok();
        if date.is_none() {
            let what = format!("`{}` is not a date", shown(&text));
            let hint = Some("write it as 2026-03-01".to_owned());
            front.errors.push(error(line, "updated", what, hint));
        }
        date
    });
    let alert_kinds = list_of(front, "alert_kinds").iter().map(|name| alert_kind(name)).collect();
    let tags = list_of(front, "tags");
    Some(Knowledge {
        id: id?.1,
        title: title?.1,
        kind: kind?,
        alert_kinds,
        tags,
        updated: updated?,
        body: front.body.to_owned(),
    })
}

fn alert_kind(name: &str) -> AlertKind {
    name.parse().unwrap_or_else(|never: std::convert::Infallible| match never {})
}

fn text_of(front: &mut FrontMatter<'_>, key: &'static str) -> Option<(usize, String)> {
    let found = front.entries.iter().find(|(name, _)| *name == key).map(|(_, entry)| entry);
    match found {
        Some(Entry { line, value: Value::Text(text) }) => Some((*line, text.clone())),
        Some(Entry { line, value: Value::List(_) }) => {
            let wrong = error(*line, key, "it takes one text, not a list", None);
            front.errors.push(wrong);
            None
        }
        None => {
            front.errors.push(error(1, key, "it is missing", None));
            None
        }
    }
}

fn list_of(front: &mut FrontMatter<'_>, key: &'static str) -> Vec<String> {
    let found = front.entries.iter().find(|(name, _)| *name == key).map(|(_, entry)| entry);
    match found {
        Some(Entry { value: Value::List(items), .. }) => items.clone(),
        Some(Entry { value: Value::Text(text), .. }) if text.is_empty() => Vec::new(),
        Some(Entry { line, value: Value::Text(text) }) => {
            let hint = Some(format!("write `{key}: [{}]`", shown(text)));
            let wrong = error(*line, key, "it takes a list", hint);
            front.errors.push(wrong);
            Vec::new()
        }
        None => Vec::new(),
    }
}

fn nearest(name: &str, right: &[&str]) -> Option<String> {
    let all = || format!("it takes one of {}", right.join(", "));
    let likely = right
        .iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    Some(likely.map_or_else(all, |(_, candidate)| format!("did you mean `{candidate}`?")))
}

fn shown(text: &str) -> String {
    shorten(&printable(text), 60)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use super::*;

    const GOOD: &str = "---\n# why\nid: pg-clients\ntitle: \"PostgreSQL: \\\"too many clients\\\"\"\n\
        kind: solution\nalert_kinds: [service.failed, 'my rule''s']\ntags:\n  - postgres\n  - \"a, b\" # two\n\
        updated: 2026-03-01 # looked over\n---\n# Text\n\n---\nstill text\n";

    #[test]
    fn front_matter_in_every_form_it_takes() {
        let read = Knowledge::from_markdown(GOOD, "pg.md").unwrap();
        assert_eq!(read.id, "pg-clients");
        assert_eq!(read.title, "PostgreSQL: \"too many clients\"");
        assert_eq!(read.kind, KnowledgeKind::Solution);
        let kinds: Vec<&str> = read.alert_kinds.iter().map(AlertKind::as_str).collect();
        assert_eq!(kinds, ["service.failed", "my rule's"]);
        assert_eq!(read.tags, ["postgres", "a, b"]);
        assert_eq!(read.updated.to_string(), "2026-03-01");
        assert_eq!(read.body, "# Text\n\n---\nstill text\n");
        assert_eq!(Knowledge::from_markdown(&read.to_markdown(), "again").unwrap(), read);
        let windows = Knowledge::from_markdown(&GOOD.replace('\n', "\r\n"), "pg.md").unwrap();
        assert_eq!(windows, read);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_the_nearest_right_thing() {
        let after = |line: &str| {
            format!("---\nid: a\ntitle: t\nkind: gotcha\nupdated: 2026-03-01\n{line}\n---\nx\n")
        };
        for (given, expected) in [
            (
                "# no front matter".to_owned(),
                "f.md:1: there is no front matter; begin the file with `---`, `id: …`, `title: …`, `kind: …`, `updated: …`, `---`",
            ),
            (
                "---\nid: a\n".to_owned(),
                "f.md:1: the front matter does not end; end it with a line `---`",
            ),
            (after("tag: [a]"), "f.md:6: tag: unknown key; did you mean `tags`?"),
            (
                after("colour: red"),
                "f.md:6: colour: unknown key; it takes one of id, title, kind, alert_kinds, tags, updated",
            ),
            (
                after("alert_kinds: [process.leek]"),
                "f.md:6: alert_kinds: `process.leek` is not an alert kind; did you mean `process.leak`?",
            ),
            (after("tags: a, b"), "f.md:6: tags: it takes a list; write `tags: [a, b]`"),
            (after("tags: [a b"), "f.md:6: tags: the list does not end on this line: write `]`"),
            (after("tags: [\"a\" \"b\"]"), "f.md:6: tags: a comma is missing between two items"),
            (
                after("- a"),
                "f.md:6: an item of no list; `- item` lines stand below `tags:` or `alert_kinds:`",
            ),
            (after("title: again"), "f.md:6: title: it stands here twice"),
            (after("hello"), "f.md:6: `hello` is not `key: value`"),
            (after("tags: {a: b}"), "f.md:6: tags: a text that begins with `{` has to be quoted"),
            (
                "---\nid: Not an id\nkind: solutoin\nupdated: yesterday\n---\nx".to_owned(),
                "f.md:1: title: it is missing\n\
                 f.md:3: kind: `solutoin` is not one of solution, gotcha, playbook; did you mean `solution`?\n\
                 f.md:4: updated: `yesterday` is not a date; write it as 2026-03-01",
            ),
            (
                "---\nid: A b\ntitle: t\nkind: gotcha\nupdated: 2026-03-01\n---\nred \u{1b}[31m"
                    .to_owned(),
                "f.md:2: id: `A b` is not an id; small letters, digits, `.`, `_` and `-`, at most 80, beginning with a letter or digit\n\
              f.md:7: line 1 of the text holds U+001B, a character that cannot be shown as it is",
            ),
            (
                "---\nid: a\ntitle: \"a\u{202e}b\"\nkind: gotcha\nupdated: 2026-03-01\n---\n \n"
                    .to_owned(),
                "f.md:3: title: it holds U+202E, a character that cannot be shown as it is\n\
              f.md:7: there is no text below the front matter",
            ),
        ] {
            let errors = Knowledge::from_markdown(&given, "f.md").unwrap_err();
            assert_eq!(errors.to_string(), expected, "{given}");
        }
    }

    /// Every place of a good file, with one character gone, doubled or replaced by one that means
    /// something: no panic, no line that is not there, and what is read is written the same.
    #[test]
    fn no_slip_of_the_pen_is_a_panic() {
        let characters: Vec<char> = GOOD.chars().collect();
        for at in 0..characters.len() {
            for replacement in ["", "\n", "'", "\"", "[", "]", ",", "#", ": ", "-", "\u{1b}", "日"]
            {
                let mut text: String = characters[..at].iter().collect();
                text.push_str(replacement);
                text.extend(&characters[at + 1..]);
                crate::fuzzing::knowledge(text.as_bytes());
                crate::fuzzing::knowledge(&text.as_bytes()[..at]);
            }
        }
    }
}
