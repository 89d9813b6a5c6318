//! Source code where a value would stand: `token = request.headers["X-Token"]` says where a token comes from,
//! and not what it is. The way to a member, a call, an element: in the writing of many languages.

use super::kinds::Found;
use super::look::{ahead, byte_before, is_key, is_one_of, line_end, words_before};
use super::shapes;
use super::words::List;

/// The most steps of one expression that are read.
const STEPS_MAX: usize = 16;
/// What may stand before the first name.
const BEFORE: &[&[u8]] = &[
    b"await ", b"new ", b"yield* ", b"yield ", b"not ", b"return ", b"typeof ", b"try ", b"try? ",
    b"try! ", b"&mut ", b"&", b"*", b"!", b"@", b"\\$", b"$", b"%",
];

/// What an expression is made of.
#[derive(Default)]
struct Read {
    names: usize,
    /// Calls, elements, and steps that only code has (`?.`, `->`, `::`).
    telling: usize,
    /// Calls and elements of nothing but a number.
    numbers: usize,
    quote: bool,
    /// The line ended inside of brackets.
    open: bool,
}

/// Whether an expression stands at `at`; `environment`: the name before it is one of the environment's, which
/// has no code, or of a constant, which has.
pub(super) fn is_expression(bytes: &[u8], at: usize, environment: bool) -> bool {
    let line = &bytes[at..line_end(bytes, at)];
    // A pattern: `/^Unexpected …/`, `qr/[…]/`; a list of names: `[first, second]`.
    if [&b"/^"[..], b"qr/", b"qr{"].iter().any(|p| line.starts_with(p)) {
        return true;
    }
    if line.first() == Some(&b'[') {
        let end = name(line, 1);
        return end.is_some_and(|end| end > 2 && matches!(line.get(end), Some(b',' | b']')));
    }
    let mut from = 0;
    let mut sigil = false;
    for _ in 0..3 {
        let Some(prefix) = BEFORE.iter().find(|p| line[from..].starts_with(p)) else { break };
        sigil |= prefix.ends_with(b"$") || *prefix == b"%";
        from += prefix.len();
    }
    let Some((read, end)) = expression(line, from, sigil) else { return false };
    let next = line.get(end).copied();
    let reference = from > 0 && line[0] == b'&';
    let ends = match next {
        None
        | Some(b';' | b',' | b')' | b']' | b'}' | b' ' | b'\t' | b'\\' | b':' | b'`' | b'"') => {
            true
        }
        Some(_) => read.open,
    };
    let tight = environment && byte_before(bytes, at) == Some(b'=');
    // `Sunny(42)` is one name and a number: only code goes on, or ends so.
    let lonely = read.names == 1
        && read.numbers == read.telling
        && !matches!(next, Some(b',' | b';'))
        && !sigil;
    ends && (read.telling > 0 && !lonely || reference) && (!tight || read.quote)
}

/// Words after which a program names a variable: what is no literal there is an expression.
const DECLARES: &[&str] = &["const", "let", "var", "val", "mut", "string", "char[]", "byte[]"];

/// Whether the name at `start` is a variable's, and the bare value at `at` is one too: `const token = next`,
/// `if x.password == other`, `token := raw`.
pub(super) fn is_named(found: &Found<'_>, start: usize, at: usize) -> bool {
    let bytes = found.bytes;
    let end = ahead(bytes, at, 64, |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'));
    let name = found.slice(at, end);
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    let ends = matches!(
        bytes.get(end),
        None | Some(b';' | b',' | b')' | b']' | b'}' | b' ' | b'\n' | b'\r' | b':')
    );
    if !ends || !shapes::is_identifier(name) || digits > 0 || !shapes::is_name(name) {
        return false;
    }
    // `password=password`, `key_password=cfg.password`, `password: _Type`
    let own = found.slice(start, ahead(bytes, start, 96, is_key));
    let last = name.rsplit('.').next().unwrap_or_default();
    if own == name
        || last.len() < name.len() && List::StopWords.has(last)
        || name.len() > 4 && name.starts_with('_') && digits == 0
    {
        return true;
    }
    let join = bytes[..at].trim_ascii_end();
    let variable = own.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let lower = variable && found.slice(start, at).bytes().any(|b| b.is_ascii_lowercase());
    let spaced = join.len() < at;
    spaced && (join.ends_with(b"==") || join.ends_with(b"!="))
        || spaced && lower && join.ends_with(b":=")
        || spaced
            && join.ends_with(b"=")
            && words_before(bytes, start).next().is_some_and(|w| is_one_of(w, DECLARES))
        || spaced && found.slice(start, at).starts_with("self.") && join.ends_with(b"=")
        || spaced && found.slice(start, at).starts_with("this.") && join.ends_with(b"=")
}

/// `$password = Read-Host`: what a command of PowerShell gives; it stands at `at`, the variable's name at `start`.
pub(super) fn is_cmdlet(bytes: &[u8], start: usize, at: usize) -> bool {
    let end = ahead(bytes, at, 48, |b| b.is_ascii_alphabetic() || b == b'-');
    let word = bytes.get(at..end).unwrap_or_default();
    let capital = |p: &[u8]| p.len() > 2 && p[0].is_ascii_uppercase() && p[1].is_ascii_lowercase();
    let mut parts = word.split(|b| *b == b'-');
    byte_before(bytes, start) == Some(b'$')
        && parts.next().is_some_and(capital)
        && parts.next().is_some_and(capital)
        && parts.next().is_none()
}

/// A name, and the steps from it: what was read, and where it ends.
fn expression(line: &[u8], from: usize, sigil: bool) -> Option<(Read, usize)> {
    let mut read = Read::default();
    let mut at = name(line, from)?;
    read.names = 1;
    for _ in 0..STEPS_MAX {
        let rest = line.get(at..)?;
        let step: usize = match rest {
            [b':', b':', b'$', ..] => 3,
            [b'?' | b'!' | b'&', b'.', ..] | [b'-', b'>', ..] | [b':', b':', ..] => 2,
            [b'.', ..] | [b'?', b'[', ..] => 1,
            _ => 0,
        };
        let behind = rest.get(step).copied();
        let bracket = matches!(behind, Some(b'(' | b'['))
            || behind == Some(b'{') && (sigil || step == 2 || read.telling > 0);
        if bracket && (step != 1 || rest[0] == b'?' || behind == Some(b'(')) {
            let (end, number, quote) = brackets(line, at + step);
            // `password:reset[root,X]`: arguments of a task.
            let inside = line.get(at + step + 1..end.unwrap_or(line.len())).unwrap_or_default();
            if behind == Some(b'[') && !quote && inside.contains(&b',') {
                return None;
            }
            read.telling += 1;
            read.numbers += usize::from(number);
            read.quote |= quote;
            match end {
                Some(end) => at = end,
                None => {
                    read.open = true;
                    return Some((read, line.len()));
                }
            }
            continue;
        }
        // `pair.0` of Rust
        if step == 1 && behind.is_some_and(|b| b.is_ascii_digit()) {
            at = ahead(line, at + 1, 2, |b| b.is_ascii_digit());
            continue;
        }
        if step > 0 {
            let Some(end) = name(line, at + step) else { return Some((read, at)) };
            read.names += 1;
            read.telling += usize::from(step >= 2);
            at = end;
            continue;
        }
        // `Token![static]`: a macro.
        if behind == Some(b'!') && matches!(rest.get(1), Some(b'(' | b'[' | b'{')) {
            let (end, _, _) = brackets(line, at + 1);
            read.telling += 1;
            at = end?;
            continue;
        }
        // `GetValue<string>("Password")`
        if behind == Some(b'<') {
            let end = ahead(line, at + 1, 48, |b| {
                b.is_ascii_alphanumeric() || matches!(b, b'_' | b',' | b'.' | b'<' | b'>' | b' ')
            });
            if byte_before(line, end) == Some(b'>') && line.get(end) == Some(&b'(') {
                at = end;
                continue;
            }
        }
        // `headers.get(X)?;` of Rust, `env.TOKEN!,` of TypeScript
        if matches!(behind, Some(b'?' | b'!')) && read.telling > 0 {
            at += 1;
        }
        break;
    }
    Some((read, at))
}

/// Where the name at `at` ends, if it is one that a program could have.
fn name(line: &[u8], at: usize) -> Option<usize> {
    let end = ahead(line, at, 64, |b| b.is_ascii_alphanumeric() || b == b'_');
    let text = std::str::from_utf8(line.get(at..end)?).ok()?;
    let first = text.bytes().next()?;
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let c = shapes::classes(text);
    let named = shapes::is_name(text.trim_matches('_'))
        || text == "_"
        || digits <= 6 && shapes::is_wordy(text)
        || digits <= 3 && (c.lower != c.upper && text.len() <= 16);
    (!first.is_ascii_digit() && named).then_some(end)
}

/// Where the bracket at `at` is closed; whether nothing but digits stands in it; whether a quote does.
fn brackets(line: &[u8], at: usize) -> (Option<usize>, bool, bool) {
    let mut depth = 0usize;
    let mut quote: Option<u8> = None;
    let (mut number, mut any) = (true, false);
    for (i, b) in line.iter().copied().enumerate().skip(at) {
        match (quote, b) {
            (Some(q), b) if b == q => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'' | b'`') => {
                quote = Some(b);
                any = true;
            }
            (None, b'(' | b'[' | b'{') => depth += 1,
            (None, b')' | b']' | b'}') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return (Some(i + 1), number && i > at + 1, any);
                }
            }
            (None, _) => {}
        }
        number &= b.is_ascii_digit() || i == at;
    }
    (None, false, any)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_told_from_passwords() {
        for code in [
            "headers.authorization?.slice(7);",
            "Config::load(path)?;",
            "$_COOKIE['sid'] ?? null;",
            "row[2],",
            "self._tokens[name]",
            "b64decode(raw).decode(\"utf-8\")",
            "ctx.Value(key{}).(string)",
            "$ENV{DB_PASS};",
            "services.GetRequiredService<IKeys>().Current;",
            "$this->vault->read('db')",
            "fetchToken(",
        ] {
            assert!(is_expression(code.as_bytes(), 0, false), "{code}");
        }
        for v in [
            "Sunny(42)",
            "kT9v(Qx2L)mZ",
            "a.b.c",
            "Harbor[7]x",
            "x7!Kp(2",
            "winter-bronze[9]",
            "correct",
            "9f(x)",
        ] {
            assert!(!is_expression(v.as_bytes(), 0, false), "{v}");
        }
        assert!(!is_expression(b"KEY=summer(rain)", 4, true));
        assert!(is_expression(b"KEY=config(\"KEY\")", 4, true));
    }
}
