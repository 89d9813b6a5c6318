//! Tables: a column whose head says `Password` holds passwords. Markdown, the output of database clients,
//! and values separated by commas, semicolons or tabs.

use super::keys::{Key, classify};
use super::kinds::{Found, Kind};
use super::look::{ahead, back};
use super::net;
use super::shapes;

/// The longest line of a table that is read, in bytes.
const LINE_BYTES_MAX: usize = 2000;
/// The most rows of a table that are read.
const ROWS_MAX: usize = 2000;
/// The most columns of a table.
const COLUMNS_MAX: usize = 64;

/// A cell: where it begins and ends, without blanks and quotes around it.
type Cell = (usize, usize);

/// Looks at the words that stood as no name of a value: whether they head a column.
pub(super) fn find(found: &mut Found<'_>) {
    let mut heads = std::mem::take(&mut found.heads);
    heads.sort_unstable();
    let mut done = 0;
    for head in heads {
        if head >= done {
            done = table(found, head).unwrap_or(done);
        }
    }
}

fn table(found: &mut Found<'_>, head: usize) -> Option<usize> {
    let bytes = found.bytes;
    let start = back(bytes, head, LINE_BYTES_MAX, |b| b != b'\n');
    let end = line_end(bytes, start);
    // A head is a word of its own between separators; nothing else is read to the end.
    let cell_end = ahead(bytes, head, 40, |b| !is_separator(b) && b != b'\n');
    let from = back(bytes, head, 40, |b| !is_separator(b) && b != b'\n');
    let mark = [from.checked_sub(1).and_then(|at| bytes.get(at)), bytes.get(cell_end)]
        .into_iter()
        .flatten()
        .copied()
        .find(|b| is_separator(*b))?;
    let names = cells(found, start, end, mark)?;
    let least = if mark == b',' { 3 } else { 2 };
    if names.len() < least || !names.iter().all(|(from, to)| to - from <= 40) {
        return Some(end);
    }
    let columns: Vec<(usize, bool)> = names
        .iter()
        .enumerate()
        .filter_map(|(at, (from, to))| column(found.slice(*from, *to)).map(|p| (at, p)))
        .collect();
    let beside = record(found, &names, mark);
    if columns.is_empty() || beside {
        return Some(end);
    }
    let mut at = end;
    for _ in 0..ROWS_MAX {
        let row = ahead(bytes, at, 2, |b| b == b'\r' || b == b'\n');
        let stop = line_end(bytes, row);
        if row == at || row == stop {
            break;
        }
        at = stop;
        if bytes[row..stop].iter().all(|b| matches!(b, b'-' | b'|' | b'+' | b':' | b' ' | b'=')) {
            continue;
        }
        let Some(values) = cells(found, row, stop, mark) else { break };
        if values.len() != names.len() {
            break;
        }
        for (column, password) in &columns {
            if let Some((from, to)) = values.get(*column).copied()
                && is_value(found.slice(from, to), *password)
            {
                found.add_everywhere(from, to, Kind::Secret);
            }
        }
    }
    Some(at.max(end))
}

/// `| Password | X |`: a row of names and values; whether the line is one.
fn record(found: &mut Found<'_>, cells: &[Cell], mark: u8) -> bool {
    let mut any = false;
    for pair in cells.windows(2) {
        let ((name, name_end), (from, to)) = (pair[0], pair[1]);
        let v = found.slice(from, to);
        let tells = shapes::is_strong_password(v) || net::is_joined_words(v) && mark == b'|';
        if column(found.slice(name, name_end)) == Some(true) && tells && !v.contains(' ') {
            found.add_everywhere(from, to, Kind::Secret);
            any = true;
        }
    }
    any
}

fn is_separator(b: u8) -> bool {
    matches!(b, b'|' | b',' | b';' | b'\t')
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    ahead(bytes, at, LINE_BYTES_MAX, |b| b != b'\n' && b != b'\r')
}

/// The cells of a line; what stands between double quotes is one.
fn cells(found: &Found<'_>, start: usize, end: usize, mark: u8) -> Option<Vec<Cell>> {
    let bytes = found.bytes;
    let mut cells = Vec::new();
    let (mut from, mut quoted) = (start, false);
    let row = bytes.get(start..end)?.iter().copied().chain([mark]);
    for (at, b) in (start..=end).zip(row) {
        if b == b'"' && mark != b'|' {
            quoted = !quoted;
        }
        if b != mark || quoted && at < end {
            continue;
        }
        let text = found.slice(from, at);
        let bare = text.trim().trim_matches(['"', '*', '`']).trim();
        let lead = bare.as_ptr() as usize - text.as_ptr() as usize;
        let outer = mark == b'|' && bare.is_empty() && (from == start || at == end);
        if !outer {
            cells.push((from + lead, from + lead + bare.len()));
        }
        from = at + 1;
        if cells.len() > COLUMNS_MAX {
            return None;
        }
    }
    Some(cells)
}

/// Whether a column of this head holds credentials; and if so, whether passwords.
fn column(head: &str) -> Option<bool> {
    let words = [
        "contraseña",
        "mot de passe",
        "hasło",
        "heslo",
        "пароль",
        "wachtwoord",
        "passord",
        "lösenord",
        "adgangskode",
        "salasana",
        "şifre",
        "parola",
        "jelszó",
        "パスワード",
        "密码",
        "密碼",
        "비밀번호",
    ];
    let lower = head.to_lowercase();
    if words.contains(&lower.as_str()) {
        return Some(true);
    }
    if head.is_empty() || head.bytes().any(|b| matches!(b, b'=' | b'/' | b'(' | b':')) {
        return None;
    }
    match classify(&head.replace(' ', "_")) {
        Key::Password => Some(true),
        Key::Token | Key::Loose => Some(false),
        _ if ["totp", "login_totp", "otp", "otpauth", "secrets", "passwords", "key"]
            .contains(&lower.as_str()) =>
        {
            Some(false)
        }
        Key::Random | Key::Digits | Key::Authorization | Key::Cookie | Key::Host | Key::Other => {
            None
        }
    }
}

fn is_value(v: &str, password: bool) -> bool {
    if v.len() < 4
        || shapes::is_nothing(v)
        || shapes::is_stop_word(v)
        || shapes::is_time_or_measure(v)
        || shapes::is_path(v) && v.starts_with(['/', '.', '~'])
    {
        return false;
    }
    if password {
        return shapes::is_told_password(v)
            || net::is_joined_words(v)
            || !v.contains(' ')
                && !shapes::is_number(v)
                && (!shapes::is_plain(v) || v.len() >= 8 && v.contains(['-', '_', '.']));
    }
    shapes::is_credential(v) || net::is_joined_words(v)
}
