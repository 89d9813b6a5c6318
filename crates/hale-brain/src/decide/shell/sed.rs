//! sed: the commands of its scripts that run code or write files, and what simple ones print.

use super::effects::Write;
use super::machine::Machine;
use super::options::Parsed;
use super::text::{self, ANY};

/// Commands of one script that are looked at.
const COMMANDS_MAX: usize = 256;

/// A command of a script, as far as it matters.
#[derive(Debug, PartialEq, Eq)]
enum Command {
    /// `e`: runs code, or what the line says where there is none.
    Execute(String),
    /// `w`: writes a file.
    Write(String),
    /// `s`: pattern, replacement, flags.
    Substitute(String, String, String),
    /// Anything else.
    Other,
}

impl Machine {
    pub(super) fn sed(&mut self, parsed: &Parsed) -> String {
        let in_place = parsed.options.iter().any(|(name, _)| {
            name == "--in-place"
                || name == "-i"
                || (name.starts_with("-i") && !name.starts_with("--"))
        });
        let mut operands = parsed.operands.clone();
        let mut scripts: Vec<String> =
            parsed.values(&["-e", "--expression"]).iter().map(|s| (*s).to_owned()).collect();
        if scripts.is_empty() && !parsed.has(&["-f", "--file"]) && !operands.is_empty() {
            scripts.push(operands.remove(0));
        }
        let scripts: Vec<String> = scripts.iter().map(|s| text::unglobbed(s)).collect();
        for script in &scripts {
            let input = self.input(&operands);
            self.sed_commands(script, &input);
        }
        if !in_place {
            let input = self.input(&operands);
            if let [script] = scripts.as_slice()
                && let Some(output) = framed(script, &input)
            {
                return output;
            }
            if let [script] = scripts.as_slice()
                && text::is_literal(&input)
                && let Some(output) = substituted(script, &input, parsed.has(&["-n"]))
            {
                return output;
            }
            return text::residue(&input);
        }
        for path in operands {
            // Deleting every line empties the file; everything else edits it.
            let empties = scripts.iter().any(|s| {
                matches!(
                    s.trim(),
                    "d" | "1,$d" | "/./d;/^$/d" | "/./d" | "/.*/d" | "/^/d" | "2,$d" | "/$/d"
                )
            });
            let added: String = scripts.concat();
            let write = Write::new(&path, if empties { "" } else { &added });
            self.write(&if empties { write } else { write.edit() });
        }
        String::new()
    }

    /// `e`, `w` and `s///e` of GNU sed.
    fn sed_commands(&mut self, script: &str, input: &str) {
        for command in commands(script) {
            match command {
                Command::Execute(code) => {
                    let code = if code.is_empty() { input.to_owned() } else { code };
                    self.in_subshell(|machine| machine.run_text(&code));
                }
                Command::Write(path) => self.write(&Write::new(&path, input)),
                Command::Substitute(pattern, replacement, flags) => {
                    if let Some((_, path)) = flags.split_once('w') {
                        let path = path.trim().to_owned();
                        self.write(&Write::new(&path, &ANY.to_string()));
                    }
                    let options = flags.split('w').next().unwrap_or_default();
                    if options.contains('e') {
                        let plain = !replacement.contains(['&', '\\']);
                        let computed = text::is_literal(input)
                            .then(|| replaced(&pattern, &replacement, options, input))
                            .flatten();
                        let code = match computed {
                            Some(code) => code,
                            None if plain && text::is_literal(&replacement) => replacement,
                            None => ANY.to_string(),
                        };
                        self.in_subshell(|machine| machine.run_text(&code));
                    }
                }
                Command::Other => {}
            }
        }
    }
}

/// The commands of a script, their addresses left out.
fn commands(script: &str) -> Vec<Command> {
    let characters: Vec<char> = script.chars().collect();
    let mut reader = Reader { characters: &characters, at: 0 };
    let mut out = Vec::new();
    while out.len() < COMMANDS_MAX {
        reader.address();
        let Some(c) = reader.next() else { break };
        out.push(match c {
            's' | 'y' => match reader.substitution() {
                Some((pattern, replacement, flags)) if c == 's' => {
                    Command::Substitute(pattern, replacement, flags)
                }
                _ => Command::Other,
            },
            'e' => Command::Execute(reader.line()),
            'w' | 'W' => Command::Write(reader.line()),
            'a' | 'i' | 'c' | 'r' | 'R' => {
                reader.line();
                Command::Other
            }
            'b' | 't' | 'T' | ':' | 'q' | 'Q' | 'l' | 'L' => {
                reader.until(|c| matches!(c, ';' | '\n' | '}'));
                Command::Other
            }
            _ => Command::Other,
        });
    }
    out
}

struct Reader<'a> {
    characters: &'a [char],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek();
        self.at += usize::from(c.is_some());
        c
    }

    /// Skips blanks, braces, numbers and patterns before a command.
    fn address(&mut self) {
        while let Some(c) = self.peek() {
            match c {
                '/' => {
                    self.at += 1;
                    self.delimited('/');
                }
                '\\' => {
                    self.at += 1;
                    if let Some(delimiter) = self.next() {
                        self.delimited(delimiter);
                    }
                }
                'I' | 'M' if self.at > 0 => self.at += 1,
                _ if c.is_whitespace()
                    || c.is_ascii_digit()
                    || matches!(c, ';' | '{' | '}' | '$' | ',' | '!' | '+' | '~') =>
                {
                    self.at += 1;
                }
                _ => break,
            }
        }
    }

    /// Up to the delimiter, which is skipped.
    fn delimited(&mut self, delimiter: char) -> String {
        let mut out = String::new();
        while let Some(c) = self.next() {
            if c == delimiter {
                break;
            }
            if c == '\\' {
                let escaped = self.next().unwrap_or_default();
                if escaped != delimiter {
                    out.push('\\');
                }
                out.push(escaped);
            } else {
                out.push(c);
            }
        }
        out
    }

    fn until(&mut self, end: impl Fn(char) -> bool) -> String {
        let mut out = String::new();
        while let Some(c) = self.peek().filter(|c| !end(*c)) {
            out.push(c);
            self.at += 1;
        }
        out
    }

    fn line(&mut self) -> String {
        self.until(|c| c == '\n').trim().to_owned()
    }

    fn substitution(&mut self) -> Option<(String, String, String)> {
        let delimiter = self.next().filter(|c| !c.is_whitespace())?;
        let pattern = self.delimited(delimiter);
        let replacement = self.delimited(delimiter);
        let mut flags = String::new();
        while let Some(c) = self.peek().filter(|c| !matches!(c, ';' | '\n' | '}')) {
            if c == 'w' {
                // A file name goes to the end of the line.
                flags.push_str(&self.line());
                break;
            }
            flags.push(c);
            self.at += 1;
        }
        Some((pattern, replacement, flags))
    }
}

/// The script, where it is one `s` command without an address.
fn only_substitution(script: &str) -> Option<(String, String, String)> {
    let script = script.trim();
    let mut commands = commands(script).into_iter();
    match (commands.next(), commands.next()) {
        (Some(Command::Substitute(pattern, replacement, flags)), None)
            if script.starts_with('s') =>
        {
            Some((pattern, replacement, flags))
        }
        _ => None,
    }
}

/// `s/^/…/` and `s/$/…/` on lines that are known in kind: names that a listing gave.
fn framed(script: &str, input: &str) -> Option<String> {
    let (pattern, replacement, flags) = only_substitution(script)?;
    let plain = !replacement.contains(['&', '\\']) && flags.is_empty() && !input.contains(ANY);
    if !plain || !matches!(pattern.as_str(), "^" | "$") {
        return None;
    }
    let line = |line: &str| match pattern.as_str() {
        "^" => format!("{replacement}{line}\n"),
        _ => format!("{line}{replacement}\n"),
    };
    Some(input.lines().map(line).collect())
}

/// What one simple `s` command makes of a text.
fn substituted(script: &str, input: &str, quiet: bool) -> Option<String> {
    let (pattern, replacement, flags) = only_substitution(script)?;
    if quiet {
        return None;
    }
    replaced(&pattern, &replacement, &flags, input)
}

/// Every line of a text after a substitution, where it needs no translation of its pattern.
fn replaced(pattern: &str, replacement: &str, flags: &str, input: &str) -> Option<String> {
    // Basic regular expressions: only what needs no translation.
    if pattern.contains(['\\', '+', '?', '(', '{', '|']) {
        return None;
    }
    let regex = regex::RegexBuilder::new(pattern)
        .case_insensitive(flags.contains(['i', 'I']))
        .size_limit(1 << 16)
        .build()
        .ok()?;
    let replacement = replacement.replace('$', "$$").replace('&', "${0}").replace("\\n", "\n");
    if replacement.contains('\\') {
        return None;
    }
    let line = |line: &str| {
        let changed = if flags.contains('g') {
            regex.replace_all(line, replacement.as_str())
        } else {
            regex.replace(line, replacement.as_str())
        };
        changed.into_owned() + "\n"
    };
    Some(input.lines().map(line).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_behind_addresses_and_others() {
        let found = |script: &str| {
            commands(script).into_iter().filter(|c| *c != Command::Other).collect::<Vec<_>>()
        };
        let execute = |code: &str| Command::Execute(code.to_owned());
        assert_eq!(found("1e date"), [execute("date")]);
        assert_eq!(found("1!G;h;$p;e date"), [execute("date")]);
        assert_eq!(found("/a;e b/ { p; e date\n}"), [execute("date")]);
        assert_eq!(found("\\,x,e date"), [execute("date")]);
        assert_eq!(found("/e/p;s/e x/w y/g").len(), 1);
        assert_eq!(found("a e date"), []);
        assert_eq!(found("2,5w /tmp/x"), [Command::Write("/tmp/x".to_owned())]);
    }
}
