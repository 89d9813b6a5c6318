//! Folding of strings and lists: the ways in which a body puts a string together.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "of the many tokens and values each place names the few that matter to it"
)]

use super::produce::{decode_base, decode_hex};
use super::script::Value;
use super::text::{self, ANY};

/// Functions that Perl, Ruby and PHP programs call without parentheses.
pub(super) fn is_word_call(name: &str) -> bool {
    matches!(
        name.rsplit(['.', ':']).next().unwrap_or(name),
        "system"
            | "exec"
            | "unlink"
            | "rmtree"
            | "remove_tree"
            | "rmdir"
            | "open"
            | "kill"
            | "chmod"
            | "chown"
            | "truncate"
            | "rename"
            | "eval"
            | "require"
            | "spawn"
            | "rm_rf"
            | "rm_r"
            | "rm_f"
            | "remove_entry"
            | "remove_entry_secure"
            | "remove_dir"
            | "remove_file"
            | "sprintf"
            | "rm"
            | "glob"
            | "fork"
            | "symlink"
            | "link"
            | "reverse"
            | "join"
            | "pack"
            | "chr"
            | "passthru"
            | "shell_exec"
            | "popen"
            | "readpipe"
            | "syscall"
            | "do"
            | "delete"
            | "mkdir"
            | "opendir"
            | "decode_base64"
            | "map"
    )
}

/// A line split into words as a shell would, quotes and all.
pub(super) fn words_of(line: &str) -> Value {
    let mut words: Vec<Value> = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match quote {
            Some(open) if c == open => quote = None,
            Some('"') | None if c == '\\' => {
                word.get_or_insert_default().extend(characters.next());
            }
            Some(_) => word.get_or_insert_default().push(c),
            None if matches!(c, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take().map(Value::Text)),
            None => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word.map(Value::Text));
    Value::List(words)
}

pub(super) fn plus(a: &Value, b: &Value) -> Value {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            a.checked_add(*b).map_or(Value::Unknown, Value::Number)
        }
        (Value::List(a), Value::List(b)) => Value::List(a.iter().chain(b).cloned().collect()),
        _ => Value::Text(text::bounded(a.text() + &b.text())),
    }
}

pub(super) fn joined(separator: &str, items: &[Value]) -> Value {
    Value::Text(items.iter().map(Value::text).collect::<Vec<_>>().join(separator))
}

pub(super) fn bytes_of(items: &[Value]) -> Value {
    let bytes: Option<Vec<u8>> = items
        .iter()
        .map(|item| match item {
            Value::Number(n) => u8::try_from(*n).ok(),
            _ => None,
        })
        .collect();
    bytes.map_or(Value::Unknown, |bytes| Value::Text(text::clean_bytes(bytes, "")))
}

pub(super) fn percent(format: &str, value: &Value) -> Value {
    let mut values = match value {
        Value::List(values) => values.clone(),
        other => vec![other.clone()],
    }
    .into_iter();
    let mut out = String::new();
    let mut parts = format.split("%s");
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        out.push_str(&values.next().map_or_else(|| ANY.to_string(), |v| v.text()));
        out.push_str(part);
    }
    Value::Text(out)
}

/// Methods of strings and lists that can be folded.
pub(super) fn method_of(value: &Value, method: &str, arguments: &[Value]) -> Option<Value> {
    let argument = |n: usize| arguments.get(n).map(Value::text);
    let text = match value {
        Value::Text(text) => text.clone(),
        Value::List(items) => {
            return match method {
                "join" => Some(joined(&argument(0).unwrap_or_default(), items)),
                "reverse" => Some(Value::List(items.iter().rev().cloned().collect())),
                "pack" => Some(bytes_of(items)),
                "map" => {
                    Some(bytes_of(items)).filter(|v| *v != Value::Unknown).or(Some(Value::Unknown))
                }
                _ => None,
            };
        }
        _ => return None,
    };
    let same = || Some(Value::Text(text.clone()));
    match method {
        "decode" | "encode" | "strip" | "trim" | "to_s" | "toString" | "lower" | "downcase"
        | "toLowerCase" | "format" | "as_posix" | "resolve" | "expanduser" | "chomp" | "read"
        | "readlines" | "splitlines" | "text" | "content" | "read_text" | "read_bytes"
        | "absolute" => match method {
            "decode" if argument(0).as_deref() == Some("hex") => decode_hex(&text).map(Value::Text),
            "decode" if argument(0).as_deref() == Some("base64") => {
                decode_base(&text, false).map(Value::Text)
            }
            "decode" if argument(0).is_some_and(|a| a.starts_with("rot")) => {
                Some(Value::Text(rot13(&text)))
            }
            "format" => {
                // Lua's, like that of C.
                if text.contains("%s") || text.contains("%c") || text.contains("%d") {
                    let texts =
                        std::iter::once(text.clone()).chain(arguments.iter().map(Value::text));
                    let texts: Vec<String> = texts.collect();
                    return Some(Value::Text(text::bounded(super::produce::formatted(&texts))));
                }
                let mut out = text.clone();
                for (n, value) in arguments.iter().enumerate() {
                    let numbered = format!("{{{n}}}");
                    out = if out.contains(&numbered) {
                        out.replace(&numbered, &value.text())
                    } else {
                        out.replacen("{}", &value.text(), 1)
                    };
                }
                Some(Value::Text(out))
            }
            "lower" | "downcase" | "toLowerCase" => Some(Value::Text(text.to_lowercase())),
            _ => same(),
        },
        "upper" | "upcase" | "toUpperCase" => Some(Value::Text(text.to_uppercase())),
        "reverse" => Some(Value::Text(text.chars().rev().collect())),
        "rep" => match arguments {
            [Value::Number(n), ..] => {
                let count = usize::try_from(*n).unwrap_or(0).min(256);
                Some(Value::Text(text::bounded(text.repeat(count))))
            }
            _ => Some(Value::Unknown),
        },
        "join" => match arguments {
            [Value::List(items)] => Some(joined(&text, items)),
            // Path("a").join("b")
            [Value::Text(other)] => {
                Some(Value::Text(if text::is_literal(&text) && text.len() < 2 {
                    other.clone()
                } else {
                    format!("{text}/{other}")
                }))
            }
            _ => Some(Value::Unknown),
        },
        "replace" | "gsub" | "sub" | "replaceAll" | "tr" => Some(Value::Text(
            text.replace(&argument(0).unwrap_or_default(), &argument(1).unwrap_or_default()),
        )),
        "shellsplit" => Some(words_of(&text)),
        "split" => {
            let items: Vec<Value> = match argument(0).as_deref() {
                None => text.split_whitespace().map(|w| Value::Text(w.to_owned())).collect(),
                Some("") => text.chars().map(|c| Value::Text(c.to_string())).collect(),
                Some(separator) => {
                    text.split(separator).map(|w| Value::Text(w.to_owned())).collect()
                }
            };
            Some(Value::List(items))
        }
        "concat" => {
            Some(Value::Text(text + &arguments.iter().map(Value::text).collect::<String>()))
        }
        "repeat" => same(),
        "unpack" | "unpack1" => decode_base(&text, false).map(Value::Text),
        "glob" | "rglob" => {
            Some(Value::Text(format!("{text}/{}", text::globbed(&argument(0).unwrap_or_default()))))
        }
        "iterdir" => Some(Value::Text(format!("{text}/{}", text::BELOW))),
        _ => None,
    }
}

/// Letters moved by 13.
pub(super) fn rot13(text: &str) -> String {
    text.chars()
        .map(|c| {
            let base = if c.is_ascii_lowercase() {
                b'a'
            } else if c.is_ascii_uppercase() {
                b'A'
            } else {
                return c;
            };
            u8::try_from(c).map_or(c, |b| char::from(base + (b - base + 13) % 26))
        })
        .collect()
}
