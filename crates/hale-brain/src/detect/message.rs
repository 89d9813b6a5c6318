//! Sentences with placeholders, in three languages, and commands whose figures are quoted.

use std::collections::BTreeMap;

use hale_model::config::Language;
use hale_model::text;
use serde::Deserialize;
use serde_json::Value;

/// Longest text of one figure within a sentence, in bytes.
const MAX_FIGURE_BYTES: usize = 200;
/// Most members of a list that are named within a sentence or a command.
const MAX_LISTED: usize = 64;

/// The figures of a finding, by name.
pub(crate) type Vars = BTreeMap<String, Value>;

/// A sentence in every language hale speaks.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Message {
    pub(super) en: String,
    #[serde(default)]
    pub(super) fr: String,
    #[serde(default)]
    pub(super) ko: String,
}

impl Message {
    /// In this language; in English where a user's rule has no other.
    pub(super) fn in_language(&self, language: Language) -> &str {
        let chosen = match language {
            Language::En => &self.en,
            Language::Fr => &self.fr,
            Language::Ko => &self.ko,
        };
        if chosen.is_empty() { &self.en } else { chosen }
    }

    pub(super) fn all(&self) -> [(&'static str, &str); 3] {
        [("en", &self.en), ("fr", &self.fr), ("ko", &self.ko)]
    }
}

/// How a figure is written: `{rss:bytes}`, `{eta:duration}`, `{percent:1}` (decimals), `{name}`.
fn write_figure(value: &Value, format: &str) -> String {
    let number = value.as_f64();
    match (format, number) {
        ("bytes", Some(n)) => text::bytes(n.max(0.0) as u64),
        ("duration", Some(n)) => text::duration(n.max(0.0) as u64),
        (digits, Some(n)) if digits.parse::<usize>().is_ok_and(|d| d <= 6) => {
            let digits: usize = digits.parse().unwrap_or(0);
            format!("{n:.digits$}")
        }
        (_, Some(n)) if n.fract() == 0.0 && n.abs() < 1e15 => format!("{n:.0}"),
        (_, Some(n)) => format!("{n:.1}"),
        (_, None) => plain(value),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(s) => s.clone(),
        Value::Array(items) => {
            let mut texts: Vec<_> = items.iter().take(MAX_LISTED).map(plain).collect();
            if items.len() > MAX_LISTED {
                texts.push("…".to_owned());
            }
            texts.join(" ")
        }
        Value::Null => "?".to_owned(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

/// The pieces of a template: text, or a placeholder with its format.
enum Piece<'a> {
    Text(&'a str),
    Figure { name: &'a str, format: &'a str },
}

fn pieces(template: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let Some(close) = rest[open..].find('}').map(|at| open + at) else { break };
        if open > 0 {
            found.push(Piece::Text(&rest[..open]));
        }
        let inner = &rest[open + 1..close];
        let (name, format) = inner.split_once(':').unwrap_or((inner, ""));
        found.push(Piece::Figure { name, format });
        rest = &rest[close + 1..];
    }
    if !rest.is_empty() {
        found.push(Piece::Text(rest));
    }
    found
}

/// The names of a template's placeholders.
pub(crate) fn placeholders(template: &str) -> Vec<&str> {
    pieces(template)
        .into_iter()
        .filter_map(|piece| match piece {
            Piece::Figure { name, .. } => Some(name),
            Piece::Text(_) => None,
        })
        .collect()
}

/// A sentence with its figures; `?` where one is not known. Control characters are made visible.
pub(crate) fn sentence(template: &str, vars: &Vars) -> String {
    let mut text = String::new();
    for piece in pieces(template) {
        match piece {
            Piece::Text(t) => text.push_str(t),
            Piece::Figure { name, format } => {
                let figure = vars
                    .get(name)
                    .map_or_else(|| "?".to_owned(), |value| write_figure(value, format));
                text.push_str(&text::shorten(&text::printable(&figure), MAX_FIGURE_BYTES));
            }
        }
    }
    text
}

/// A command with its figures quoted for a shell; none where a figure is not known, for a
/// command with a hole in it must not be pasted.
pub(crate) fn command(template: &str, vars: &Vars) -> Option<String> {
    let mut text = String::new();
    for piece in pieces(template) {
        match piece {
            Piece::Text(t) => text.push_str(t),
            Piece::Figure { name, .. } => text.push_str(&words(vars.get(name)?)?),
        }
    }
    Some(text)
}

fn words(value: &Value) -> Option<String> {
    match value {
        Value::Array(items) if items.is_empty() => None,
        Value::Array(items) => {
            let quoted: Option<Vec<_>> = items.iter().take(MAX_LISTED).map(words).collect();
            quoted.map(|q| q.join(" "))
        }
        Value::String(s) => quote(s),
        Value::Number(n) => Some(n.to_string()),
        Value::Null | Value::Bool(_) | Value::Object(_) => None,
    }
}

/// One shell word; none for text that cannot be pasted into a terminal safely.
fn quote(word: &str) -> Option<String> {
    let safe = |c: char| c.is_ascii_alphanumeric() || "_./:@%+=,-".contains(c);
    if word.is_empty() || word.chars().any(char::is_control) {
        return None;
    }
    if word.chars().all(safe) {
        return Some(word.to_owned());
    }
    Some(format!("'{}'", word.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars() -> Vars {
        let mut vars = Vars::new();
        vars.insert("pid".into(), 7.into());
        vars.insert("pids".into(), vec![7, 8].into());
        vars.insert("name".into(), "a b; rm -rf / 'x'".into());
        vars.insert("rss".into(), 1_610_612_736_u64.into());
        vars.insert("percent".into(), 12.345.into());
        vars.insert("evil".into(), "\x1b[31m".into());
        vars
    }

    #[test]
    fn figures_are_written_for_people() {
        for (template, expected) in [
            ("{rss:bytes} by {pid}", "1.5 GiB by 7"),
            ("{percent} {percent:0} {percent:2}", "12.3 12 12.35"),
            ("{pids}", "7 8"),
            ("{rss:duration}", "18641d 8h"),
            ("{missing} {", "? {"),
            ("{evil}", "\u{fffd}[31m"),
        ] {
            assert_eq!(sentence(template, &vars()), expected, "{template}");
        }
    }

    #[test]
    fn a_hostile_name_cannot_break_out_of_a_command() {
        for (template, expected) in [
            ("kill {pids}", Some("kill 7 8")),
            ("ls {name}", Some(r"ls 'a b; rm -rf / '\''x'\'''")),
            ("ls {evil}", None),
            ("ls {missing}", None),
        ] {
            assert_eq!(command(template, &vars()).as_deref(), expected, "{template}");
        }
    }
}
