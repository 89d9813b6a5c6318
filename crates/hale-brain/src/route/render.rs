//! Values into commands. Whatever comes from a sentence becomes exactly one word of the shell:
//! it is written bare when it is plainly harmless, else in single quotes.

use hale_model::text;

use super::host::HostFacts;
use super::template::{Filled, Format, Part, SlotKind};
use super::values::Value;

/// The filled slots of a match.
pub(super) type Fills = Vec<(SlotKind, Filled)>;

/// A command for a shell.
pub(super) fn command(parts: &[Part], fills: &Fills, host: &HostFacts) -> String {
    write(parts, fills, &|part| match part {
        Part::Sudo => host.sudo().to_owned(),
        Part::Engine if host.has("podman") && !host.has("docker") => "podman".to_owned(),
        Part::Engine => "docker".to_owned(),
        Part::Slot(kind, format) => words(fills, *kind, *format),
        Part::Text(text) => text.clone(),
        Part::Section(..) => String::new(),
    })
}

/// A sentence for a person.
pub(super) fn prose(parts: &[Part], fills: &Fills) -> String {
    write(parts, fills, &|part| match part {
        Part::Slot(kind, format) => {
            filled(fills, *kind).map(|value| readable(value, *format)).unwrap_or_default()
        }
        Part::Text(text) => text.clone(),
        Part::Sudo | Part::Engine | Part::Section(..) => String::new(),
    })
}

fn write(parts: &[Part], fills: &Fills, piece: &dyn Fn(&Part) -> String) -> String {
    let mut written = String::new();
    for part in parts {
        match part {
            Part::Section(kind, inner) if filled(fills, *kind).is_some() => {
                written.push_str(&write(inner, fills, piece));
            }
            Part::Section(..) => {}
            Part::Text(_) | Part::Slot(..) | Part::Sudo | Part::Engine => {
                written.push_str(&piece(part));
            }
        }
    }
    written
}

fn filled(fills: &Fills, kind: SlotKind) -> Option<&Filled> {
    fills.iter().find(|(of, _)| *of == kind).map(|(_, value)| value)
}

fn words(fills: &Fills, kind: SlotKind, format: Format) -> String {
    let Some(value) = filled(fills, kind) else { return String::new() };
    match value {
        Filled::Value(value) => word(value, format),
        Filled::Words(words) => {
            let file = matches!(kind, SlotKind::Path | SlotKind::To | SlotKind::Archive);
            let one = |w: &String| match format {
                Format::Like => quote(&like(w)),
                Format::Plain
                | Format::Minutes
                | Format::Days
                | Format::Ahead
                | Format::PlusOne
                    if file =>
                {
                    quote_path(w)
                }
                Format::Plain
                | Format::Minutes
                | Format::Days
                | Format::Ahead
                | Format::PlusOne => quote(w),
            };
            words.iter().map(one).collect::<Vec<_>>().join(" ")
        }
    }
}

fn word(value: &Value, format: Format) -> String {
    match (value, format) {
        (Value::Number(n), Format::PlusOne) => n.saturating_add(1).to_string(),
        (Value::Number(n), _) | (Value::Size(n), _) => n.to_string(),
        (Value::Since(since), Format::Minutes) => since.minutes.to_string(),
        (Value::Since(since), Format::Days) => since.minutes.div_ceil(24 * 60).to_string(),
        (Value::Since(since), Format::Ahead) => quote(ahead(&since.text)),
        (Value::Since(since), _) => quote(&since.text),
        (Value::One, _) => "1".to_owned(),
        (Value::Lines(first, last), _) if first == last => first.to_string(),
        (Value::Lines(first, last), _) => format!("{first},{last}"),
        (Value::Path(path), _) => quote_path(path),
        (Value::Device(text) | Value::Zone(text), _) => quote(text),
        (Value::Glob(text) | Value::Host(text) | Value::Url(text) | Value::Mode(text), _) => {
            quote(text)
        }
    }
}

fn readable(value: &Filled, format: Format) -> String {
    match (value, format) {
        (Filled::Value(Value::Size(bytes)), _) => text::bytes(*bytes),
        (Filled::Value(Value::Since(since)), Format::Plain) => since.text.clone(),
        (Filled::Value(Value::Since(since)), Format::Ahead) => ahead(&since.text).to_owned(),
        (Filled::Value(Value::Path(text) | Value::Glob(text) | Value::Host(text)), _)
        | (Filled::Value(Value::Url(text) | Value::Mode(text)), _) => text.clone(),
        (Filled::Value(Value::Lines(first, last)), _) if first != last => format!("{first}–{last}"),
        (Filled::Value(Value::Device(text) | Value::Zone(text)), _) => text.clone(),
        (Filled::Value(value), _) => word(value, format),
        (Filled::Words(words), _) => words.join(" "),
    }
}

/// `90 days` of `90 days ago`.
fn ahead(span: &str) -> &str {
    span.strip_suffix(" ago").unwrap_or(span)
}

/// The pattern for a file that somebody calls so: `notes` finds `notes.txt` and `my-notes` as well.
fn like(name: &str) -> String {
    if name.contains(['*', '?', '.']) { name.to_owned() } else { format!("*{name}*") }
}

/// A word of a POSIX shell that stands for exactly this text.
pub(super) fn quote(text: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+,".contains(c);
    if !text.is_empty() && text.chars().all(harmless) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The same for a file: `~/` keeps its meaning, a leading `-` is no option.
fn quote_path(path: &str) -> String {
    match path.strip_prefix("~/") {
        Some("") => "~/".to_owned(),
        Some(rest) => format!("~/{}", quote(rest)),
        None if path == "~" => "~".to_owned(),
        None if path.starts_with('-') => quote(&format!("./{path}")),
        None => quote(path),
    }
}
