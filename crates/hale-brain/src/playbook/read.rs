//! From the text of a playbook to a [`Playbook`], or to what is wrong with it: file, line, key, and
//! the nearest right one. Texts come from users and from repositories: nothing that YAML can do to a
//! reader (aliases that multiply, endless nesting, keys given twice, several documents) is let in.

use hale_model::playbook::{PLAYBOOK_SCHEMA, Playbook, PlaybookProblem};
use serde_saphyr::{Budget, DuplicateKeyPolicy, Error, MergeKeyPolicy, Options};

/// Longest file in bytes.
pub(super) const FILE_BYTES_MAX: usize = 64 * 1024;
/// Mappings, lists and values of one file.
const NODES_MAX: usize = 4_000;
/// Deepest nesting: the format itself needs seven.
const DEPTH_MAX: usize = 12;
/// Longest text that a message repeats, in bytes.
const QUOTED_BYTES_MAX: usize = 80;
/// How alike two names must be (Jaro-Winkler, 0..1) for one to be offered for the other.
const LIKENESS_MIN: f64 = 0.75;

/// Reads one playbook; whether it makes sense is for `check` to say.
///
/// # Errors
/// The first thing that is wrong with it.
pub(super) fn read(file: &str, text: &str) -> Result<Playbook, PlaybookProblem> {
    let problem = |line: u64, field: String, what: String, hint: Option<String>| PlaybookProblem {
        file: file.to_owned(),
        line,
        field,
        what,
        hint,
    };
    if text.len() > FILE_BYTES_MAX {
        let what = format!("the file is longer than {FILE_BYTES_MAX} bytes");
        return Err(problem(1, String::new(), what, Some("write one playbook a file".to_owned())));
    }
    if let Some(at) = text.find(|c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        let what = "a control character, which no playbook needs".to_owned();
        return Err(problem(line_at(text, at), String::new(), what, None));
    }
    serde_saphyr::from_str_with_options::<Playbook>(text, options()).map_err(|error| {
        let (line, what, field, hint) = told(&error, text);
        problem(line, field, what, hint)
    })
}

fn options() -> Options {
    let mut budget = Budget::default();
    budget.max_aliases = 0;
    budget.max_anchors = 0;
    budget.max_depth = DEPTH_MAX;
    budget.max_documents = 1;
    budget.max_nodes = NODES_MAX;
    budget.max_events = 4 * NODES_MAX;
    budget.max_total_scalar_bytes = FILE_BYTES_MAX;
    budget.flow_nesting_limit = DEPTH_MAX;
    budget.max_merge_keys = 0;
    let mut options = Options::default();
    options.budget = Some(budget);
    options.duplicate_keys = DuplicateKeyPolicy::Error;
    options.merge_keys = MergeKeyPolicy::Error;
    options.with_snippet = false;
    options
}

/// Line, what, key and hint of what the reader says.
fn told(error: &Error, text: &str) -> (u64, String, String, Option<String>) {
    let error = error.without_snippet();
    let line = error.location().map_or(1, |l| l.line()).max(1);
    let here = path_at(text, line);
    let above = parent(&here);
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "of the reader's many errors these few have better words"
    )]
    match error {
        Error::SerdeUnknownField { field, expected, .. } => {
            let what = format!("there is no key `{}` here", quoted(field));
            (line, what, joined(&above, field), offer(field, expected))
        }
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            let what = format!("there is no `{}` here", quoted(variant));
            (line, what, here, offer(variant, expected))
        }
        Error::SerdeMissingField { field, .. } => {
            let what = format!("`{field}` is missing");
            (line, what, joined(&above, field), None)
        }
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.clone().unwrap_or_default();
            (line, format!("`{}` is given twice", quoted(&key)), joined(&above, &key), None)
        }
        Error::SerdeInvalidType { unexpected, expected, .. }
        | Error::SerdeInvalidValue { unexpected, expected, .. } => {
            (line, format!("{} where {expected} belongs", quoted(unexpected)), here, None)
        }
        Error::Budget { .. } => {
            let what = "more than a playbook may hold".to_owned();
            let hint = format!(
                "no anchors, aliases or merge keys, one document, at most {NODES_MAX} values, \
                 nested at most {DEPTH_MAX} deep"
            );
            (line, what, String::new(), Some(hint))
        }
        other => {
            let said = other.to_string();
            let first = said.lines().next().unwrap_or_default();
            // Where it is was said already.
            let first = first.split(" at line ").next().unwrap_or(first);
            (line, format!("it cannot be read: {}", quoted(first)), here, None)
        }
    }
}

fn quoted(text: &str) -> String {
    hale_model::text::shorten(&hale_model::text::printable(text), QUOTED_BYTES_MAX)
}

fn offer(name: &str, right: &[&str]) -> Option<String> {
    if let Some(near) = nearest(name, right.iter().copied()) {
        return Some(format!("did you mean `{near}`?"));
    }
    (!right.is_empty()).then(|| format!("there are {}", right.join(", ")))
}

/// The name most like this one, if any is like it at all.
pub(super) fn nearest<'a>(name: &str, right: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |candidate: &str| {
        // Of short words one slip of the finger leaves little.
        let one_slip = strsim::damerau_levenshtein(name, candidate) == 1;
        strsim::jaro_winkler(name, candidate).max(if one_slip { LIKENESS_MIN } else { 0.0 })
    };
    right
        .map(|candidate| (likeness(candidate), candidate))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

fn joined(above: &str, key: &str) -> String {
    let key = quoted(key);
    if above.is_empty() { key } else { format!("{above}.{key}") }
}

fn parent(path: &str) -> String {
    path.rsplit_once('.').map_or(String::new(), |(above, _)| above.to_owned())
}

/// The line, from 1, of a byte.
pub(super) fn line_at(text: &str, byte: usize) -> u64 {
    1 + text.bytes().take(byte).filter(|b| *b == b'\n').count() as u64
}

/// The key of a line of block-style YAML, and its column.
fn key_of(line: &str) -> Option<(usize, &str)> {
    let mut rest = line.trim_start();
    // `- key: value` is a key of the list's member.
    while let Some(member) = rest.strip_prefix("- ") {
        rest = member.trim_start();
    }
    let column = line.len() - rest.len();
    let (key, _) = rest.split_once(':')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    (!key.is_empty() && key.chars().all(plain)).then_some((column, key))
}

/// The keys that lead to a line, as far as its indentation tells: `treatment.steps.action`.
fn path_at(text: &str, line: u64) -> String {
    let at = usize::try_from(line).unwrap_or(usize::MAX);
    let lines: Vec<&str> = text.lines().take(at).collect();
    let mut path: Vec<&str> = Vec::new();
    let mut below = usize::MAX;
    for line in lines.iter().rev() {
        let indent = line.len() - line.trim_start().len();
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        match key_of(line) {
            Some((column, key)) if column < below => {
                path.push(key);
                // A member of a list stands under the key that is not deeper than its dash.
                below = if column > indent { indent + 1 } else { column };
            }
            Some(_) | None => {}
        }
        if below == 0 {
            break;
        }
    }
    path.reverse();
    path.join(".")
}

/// The line on which a piece of text stands, or the key that leads to it; 1 where neither is found.
pub(super) fn line_of(text: &str, field: &str, value: &str) -> u64 {
    let first = value.lines().next().unwrap_or_default().trim();
    let piece: String = first.chars().take(40).collect();
    if piece.len() > 1
        && let Some(at) = text.find(&piece)
    {
        return line_at(text, at);
    }
    let key = field.rsplit('.').next().unwrap_or(field);
    let key = key.split('[').next().unwrap_or(key);
    for (at, line) in text.lines().enumerate() {
        if key_of(line).is_some_and(|(_, k)| k == key) {
            return at as u64 + 1;
        }
    }
    // Between braces, several keys are on a line.
    text.find(&format!("{key}:")).map_or(1, |at| line_at(text, at))
}

/// What the first line has to say.
pub(super) fn is_this_schema(playbook: &Playbook) -> bool {
    playbook.schema == PLAYBOOK_SCHEMA
}
