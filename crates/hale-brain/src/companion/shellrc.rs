//! Aliases and functions in a shell's start-up file, read from its text and never run. Only what
//! stands there as a literal is taken: a name or a value that the shell would compute is left out.

/// Bytes of a start-up file that are looked at.
pub const RC_BYTES_MAX: usize = 256 * 1024;
/// Aliases, and functions, that are taken from one file.
const DEFINITIONS_MAX: usize = 500;
/// Bytes of a definition that are kept.
const BODY_BYTES_MAX: usize = 300;
/// Lines of a function that are looked through for its end.
const FUNCTION_LINES_MAX: usize = 400;

/// `alias NAME='VALUE'`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// Its name.
    pub name: String,
    /// What it stands for.
    pub value: String,
}

/// `NAME() { BODY }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Its text on one line, cut after 300 bytes.
    pub body: String,
}

/// What start-up files define; a later definition of a name replaces an earlier one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShellDefinitions {
    /// Aliases by name.
    pub aliases: Vec<Alias>,
    /// Functions by name.
    pub functions: Vec<Function>,
}

impl ShellDefinitions {
    /// Adds what another file, read later, defines.
    pub fn extend(&mut self, later: ShellDefinitions) {
        for alias in later.aliases {
            self.aliases.retain(|known| known.name != alias.name);
            self.aliases.push(alias);
        }
        for function in later.functions {
            self.functions.retain(|known| known.name != function.name);
            self.functions.push(function);
        }
        self.aliases.sort_by(|a, b| a.name.cmp(&b.name));
        self.functions.sort_by(|a, b| a.name.cmp(&b.name));
    }
}

/// Reads the text of a `.bashrc`, `.zshrc` or `.bash_aliases`.
pub fn parse(text: &str) -> ShellDefinitions {
    let mut end = text.len().min(RC_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let joined = text[..end].replace("\\\n", "");
    let lines: Vec<&str> = joined.lines().collect();
    let mut found = ShellDefinitions::default();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        at += 1;
        let line = line.trim_start();
        // A definition after a condition (`[ -x … ] && alias …`) is one all the same.
        if let Some(rest) = after_word(line, "alias") {
            found.extend_aliases(rest);
        } else if let Some((name, after)) = function_head(line) {
            let (body, used) = function_body(after, &lines[at..]);
            at += used;
            let replaces = found.functions.iter().position(|f| f.name == name);
            if let Some(old) = replaces {
                found.functions.remove(old);
            }
            if found.functions.len() < DEFINITIONS_MAX {
                found.functions.push(Function { name: name.to_owned(), body });
            }
        }
    }
    found.aliases.sort_by(|a, b| a.name.cmp(&b.name));
    found.functions.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

impl ShellDefinitions {
    /// `[-g] a=b c='d e'`
    fn extend_aliases(&mut self, mut rest: &str) {
        loop {
            rest = rest.trim_start();
            if rest.is_empty() || rest.starts_with(['#', ';', '&', '|']) {
                return;
            }
            let Some((word, after)) = word(rest) else { return };
            rest = after;
            let Some((name, value)) = word.split_once('=') else { continue };
            if !is_name(name) || self.aliases.len() >= DEFINITIONS_MAX {
                continue;
            }
            self.aliases.retain(|known| known.name != name);
            let value = hale_model::text::shorten(value.trim(), BODY_BYTES_MAX);
            self.aliases.push(Alias { name: name.to_owned(), value });
        }
    }
}

/// What follows this word, where the line begins with it or has it after `&&`, `;` or `then`.
fn after_word<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let direct = |line: &'a str| {
        let rest = line.trim_start().strip_prefix(word)?;
        rest.starts_with([' ', '\t']).then_some(rest)
    };
    if line.starts_with('#') {
        return None;
    }
    direct(line)
        .or_else(|| ["&& ", "; ", "then "].iter().find_map(|m| direct(line.split_once(m)?.1)))
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || "_-.:+@~!,".contains(c);
    !name.is_empty() && name.len() <= 64 && name.chars().all(fits)
}

/// One word with its quotes resolved; none where the shell would have to compute it, or where a quote
/// is not closed.
fn word(text: &str) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            ' ' | '\t' | ';' | '&' | '|' => return Some((out, &text[at..])),
            '\'' => single(&mut chars, &mut out)?,
            '"' => double(&mut chars, &mut out)?,
            '\\' => out.push(chars.next()?.1),
            _ => out.push(c),
        }
    }
    Some((out, ""))
}

fn single(chars: &mut std::str::CharIndices<'_>, out: &mut String) -> Option<()> {
    loop {
        match chars.next()?.1 {
            '\'' => return Some(()),
            c => out.push(c),
        }
    }
}

fn double(chars: &mut std::str::CharIndices<'_>, out: &mut String) -> Option<()> {
    loop {
        match chars.next()?.1 {
            '"' => return Some(()),
            '\\' => match chars.next()?.1 {
                c @ ('"' | '\\' | '$' | '`') => out.push(c),
                c => out.extend(['\\', c]),
            },
            c => out.push(c),
        }
    }
}

/// `NAME() …`, `function NAME …`: the name, and what follows on the line.
fn function_head(line: &str) -> Option<(&str, &str)> {
    if let Some(rest) = line.strip_prefix("function ") {
        let rest = rest.trim_start();
        let end =
            rest.find(|c: char| c.is_whitespace() || c == '(' || c == '{').unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let after = after.trim_start();
        let after = after.strip_prefix('(').map_or(after, |a| a.trim_start_matches([' ', ')']));
        return is_name(name).then_some((name, after));
    }
    let (name, after) = line.split_once('(')?;
    let after = after.trim_start().strip_prefix(')')?;
    is_name(name.trim_end()).then_some((name.trim_end(), after))
}

/// The body on one line and how many further lines it takes. The end is the line that closes the
/// first brace; quotes and comments that hold braces can only make it shorter or longer, which does
/// not matter for a summary.
fn function_body(head: &str, rest: &[&str]) -> (String, usize) {
    let mut body = String::new();
    let mut depth = 0_i64;
    let mut opened = false;
    let mut used = 0;
    for (index, line) in std::iter::once(&head).chain(rest).take(FUNCTION_LINES_MAX).enumerate() {
        used = index;
        for c in line.chars() {
            depth += i64::from(c == '{') - i64::from(c == '}');
            opened |= c == '{';
        }
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') && body.len() <= BODY_BYTES_MAX {
            body.push_str(line);
            body.push(' ');
        }
        if opened && depth <= 0 {
            break;
        }
        // `name()` alone, and no brace on the next line either: not a definition after all.
        if !opened && index >= 1 {
            used = 0;
            break;
        }
    }
    (hale_model::text::shorten(body.trim(), BODY_BYTES_MAX), used)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    const RC: &str = r##"
# alias commented='no'
alias ll='ls -alF' la="ls -A"
alias gs=git\ status   # short
[ -x /usr/bin/dircolors ] && alias ls='ls --color=auto'
alias k8s='kubectl --context "prod one"'
alias -g G='| grep'
alias broken='never closed
alias ll='ls -la'
mkcd() {
  # makes it too
  mkdir -p "$1" && cd "$1"
}
function extract {
  case "$1" in
    *.zip) unzip "$1" ;;
  esac
}
up() { cd ..; }
long_line() \
{
  echo one
}
export PATH="$HOME/bin:$PATH"
"##;

    #[test]
    fn aliases_and_functions_of_a_bashrc() {
        let found = parse(RC);
        let aliases: Vec<String> =
            found.aliases.iter().map(|a| format!("{} = {}", a.name, a.value)).collect();
        insta::assert_snapshot!(aliases.join("\n"), @r#"
        G = | grep
        gs = git status
        k8s = kubectl --context "prod one"
        la = ls -A
        ll = ls -la
        ls = ls --color=auto
        "#);
        let functions: Vec<String> =
            found.functions.iter().map(|f| format!("{}: {}", f.name, f.body)).collect();
        insta::assert_snapshot!(functions.join("\n"), @r#"
        extract: { case "$1" in *.zip) unzip "$1" ;; esac }
        long_line: { echo one }
        mkcd: { mkdir -p "$1" && cd "$1" }
        up: { cd ..; }
        "#);
    }

    #[test]
    fn a_later_file_wins() {
        let mut all = parse("alias a=1\nalias b=2");
        all.extend(parse("alias a=3"));
        assert_eq!(all.aliases.iter().map(|a| a.value.as_str()).collect::<Vec<_>>(), ["3", "2"]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_stays_bounded(text in "(?s).{0,2000}") {
            let found = parse(&text);
            for function in &found.functions {
                prop_assert!(function.body.len() <= BODY_BYTES_MAX);
            }
        }

        #[test]
        fn a_quoted_alias_comes_back_as_it_was(value in "[ -&(-~é]{0,60}") {
            let found = parse(&format!("alias x='{value}'"));
            prop_assert_eq!(&found.aliases[0].value, value.trim());
        }
    }
}
