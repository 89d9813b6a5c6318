//! Templates of commands and explanations: text with `@{slot}` or `@{slot.format}` for a value,
//! `@{sudo}` and `@{engine}` for what the machine needs there, and `@[slot|…]` for a piece that
//! stands only where the slot is filled. `@{` means nothing to a shell, so a command reads as it
//! will be run.

use super::values::Value;

/// Kinds of values that an intent can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum SlotKind {
    Path,
    To,
    Archive,
    Size,
    Since,
    Port,
    Pid,
    Count,
    Unit,
    Package,
    User,
    Group,
    Host,
    Glob,
    Text,
    /// Words that stand in a file.
    Content,
    Container,
    Image,
    Branch,
    Commit,
    Mode,
    Interface,
    Program,
    Url,
    /// A block device.
    Device,
    /// The first and the last of some lines.
    Lines,
    /// A time zone.
    Zone,
    /// Seconds since 1970.
    Epoch,
}

impl SlotKind {
    const NAMED: [(SlotKind, &'static str); 28] = [
        (SlotKind::Path, "path"),
        (SlotKind::To, "to"),
        (SlotKind::Archive, "archive"),
        (SlotKind::Size, "size"),
        (SlotKind::Since, "since"),
        (SlotKind::Port, "port"),
        (SlotKind::Pid, "pid"),
        (SlotKind::Count, "count"),
        (SlotKind::Unit, "unit"),
        (SlotKind::Package, "package"),
        (SlotKind::User, "user"),
        (SlotKind::Group, "group"),
        (SlotKind::Host, "host"),
        (SlotKind::Glob, "glob"),
        (SlotKind::Text, "text"),
        (SlotKind::Content, "content"),
        (SlotKind::Container, "container"),
        (SlotKind::Image, "image"),
        (SlotKind::Branch, "branch"),
        (SlotKind::Commit, "commit"),
        (SlotKind::Mode, "mode"),
        (SlotKind::Interface, "interface"),
        (SlotKind::Program, "program"),
        (SlotKind::Url, "url"),
        (SlotKind::Device, "device"),
        (SlotKind::Lines, "lines"),
        (SlotKind::Zone, "zone"),
        (SlotKind::Epoch, "epoch"),
    ];

    /// The kind's name in data and in messages.
    pub(super) fn name(self) -> &'static str {
        Self::NAMED.iter().find(|(kind, _)| *kind == self).map_or("value", |(_, name)| name)
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::NAMED.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }
}

/// What fills a slot.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filled {
    /// A typed value.
    Value(Value),
    /// Words as written; each becomes one word of the command.
    Words(Vec<String>),
}

impl Filled {
    /// The path, or the one word.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Filled::Value(Value::Path(path)) => Some(path),
            Filled::Words(words) => words.first().map(String::as_str),
            Filled::Value(_) => None,
        }
    }
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    Slot(SlotKind, Format),
    Sudo,
    /// `docker`, or `podman` where only that is installed.
    Engine,
    Section(SlotKind, Vec<Part>),
}

/// Whether a value of that kind is written somewhere among these.
pub(super) fn mentions(parts: &[Part], kind: SlotKind) -> bool {
    parts.iter().any(|part| match part {
        Part::Slot(of, _) => *of == kind,
        Part::Section(of, inner) => *of == kind || mentions(inner, kind),
        Part::Text(_) | Part::Sudo | Part::Engine => false,
    })
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Plain,
    /// Minutes before now.
    Minutes,
    /// Whole days before now, at least one.
    Days,
    /// The span without its `ago`.
    Ahead,
    /// A number, plus one (a header line).
    PlusOne,
    /// A pattern of file names: one that is neither a pattern nor has an extension may be a part.
    Like,
}

/// Reads a template; the error says what is wrong with it.
pub(super) fn parse(text: &str) -> Result<Vec<Part>, String> {
    let (parts, rest) = parse_until(text, false)?;
    if rest.is_empty() { Ok(parts) } else { Err(format!("`{rest}` is left over")) }
}

fn parse_until(text: &str, in_section: bool) -> Result<(Vec<Part>, &str), String> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let special = rest.char_indices().find(|(at, c)| {
            (in_section && *c == ']' && !rest[..*at].ends_with('\\'))
                || rest[*at..].starts_with("@{")
                || rest[*at..].starts_with("@[")
        });
        let Some((at, c)) = special else {
            if in_section {
                return Err("`@[` without `]`".to_owned());
            }
            push_text(&mut parts, rest);
            return Ok((parts, ""));
        };
        push_text(&mut parts, &rest[..at]);
        if c == ']' {
            return Ok((parts, &rest[at + 1..]));
        }
        let inside = &rest[at + 2..];
        if rest[at..].starts_with("@{") {
            let (name, after) = inside.split_once('}').ok_or("`@{` without `}`")?;
            parts.push(slot(name)?);
            rest = after;
        } else {
            if in_section {
                return Err("a section inside a section".to_owned());
            }
            let (name, after) = inside.split_once('|').ok_or("`@[` without `|`")?;
            let kind = SlotKind::named(name).ok_or(format!("no slot is called `{name}`"))?;
            let (inner, after) = parse_until(after, true)?;
            parts.push(Part::Section(kind, inner));
            rest = after;
        }
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
}

fn slot(name: &str) -> Result<Part, String> {
    if name == "sudo" {
        return Ok(Part::Sudo);
    }
    if name == "engine" {
        return Ok(Part::Engine);
    }
    let (kind, format) = match name.split_once('.') {
        None => (name, Format::Plain),
        Some((kind, "minutes")) => (kind, Format::Minutes),
        Some((kind, "days")) => (kind, Format::Days),
        Some((kind, "ahead")) => (kind, Format::Ahead),
        Some((kind, "plus1")) => (kind, Format::PlusOne),
        Some((kind, "like")) => (kind, Format::Like),
        Some((_, other)) => return Err(format!("no format is called `{other}`")),
    };
    let kind = SlotKind::named(kind).ok_or(format!("no slot is called `{kind}`"))?;
    Ok(Part::Slot(kind, format))
}

/// Every slot that a template uses, and whether it stands outside its own section.
pub(super) fn slots_used(parts: &[Part]) -> Vec<(SlotKind, bool)> {
    let mut used = Vec::new();
    for part in parts {
        match part {
            Part::Slot(kind, _) => used.push((*kind, true)),
            Part::Section(kind, inner) => {
                used.push((*kind, false));
                used.extend(slots_used(inner).into_iter().filter(|(inside, _)| inside != kind));
            }
            Part::Text(_) | Part::Sudo | Part::Engine => {}
        }
    }
    used
}
