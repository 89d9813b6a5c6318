//! Options and operands of a command line, read as the command itself would read them.

/// How a command reads its options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// `-abc`, `--long`, anywhere among the operands.
    #[default]
    Gnu,
    /// As `gnu`, but the first operand ends the options: wrappers.
    Posix,
    /// `-name value`: find, openssl, terraform, java.
    Long,
    /// Everything is an operand.
    Plain,
}

/// A command line taken apart.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// Options in order, with their value if they took one.
    pub options: Vec<(String, Option<String>)>,
    /// What is left.
    pub operands: Vec<String>,
    /// Where each operand stood among the arguments.
    pub positions: Vec<usize>,
}

impl Parsed {
    /// Takes arguments apart. A value option may be written `SUB:-x` (it takes a value only where the
    /// first operand is SUB) or `!SUB:-x` (only where it is not).
    pub fn new(arguments: &[String], style: Style, value_options: &[String]) -> Self {
        let mut parsed = Parsed::default();
        let mut rest = arguments.iter().enumerate().peekable();
        let mut ended = style == Style::Plain;
        while let Some((at, argument)) = rest.next() {
            let option = argument.len() > 1 && argument.starts_with(['-']) && !ended;
            if !option {
                ended |= style == Style::Posix;
                parsed.operands.push(argument.clone());
                parsed.positions.push(at);
                continue;
            }
            if argument == "--" {
                ended = true;
                continue;
            }
            let first = parsed.operands.first().map(String::as_str);
            let takes = |name: &str| takes_value(value_options, name, first);
            if argument.starts_with("--") || style == Style::Long {
                let (name, value) = match argument.split_once('=') {
                    Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                    None => (argument.clone(), None),
                };
                let value = match value {
                    None if takes(&name) => rest.next().map(|(_, v)| v.clone()),
                    value => value,
                };
                parsed.options.push((name, value));
                continue;
            }
            // `-name` as a whole where it is known to take a value, else a cluster of letters.
            if takes(argument) {
                let value = rest.next().map(|(_, v)| v.clone());
                parsed.options.push((argument.clone(), value));
                continue;
            }
            for (index, letter) in argument.char_indices().skip(1) {
                let name = format!("-{letter}");
                if takes(&name) {
                    let attached = argument.get(index + letter.len_utf8()..).unwrap_or_default();
                    let value = if attached.is_empty() {
                        rest.next().map(|(_, v)| v.clone())
                    } else {
                        Some(attached.strip_prefix('=').unwrap_or(attached).to_owned())
                    };
                    parsed.options.push((name, value));
                    break;
                }
                parsed.options.push((name, None));
            }
            // Some tools have long options with one dash: keep the whole, too.
            if argument.len() > 2 {
                parsed.options.push((argument.clone(), None));
            }
        }
        parsed
    }

    /// Whether one of these options is given. Long ones may be abbreviated.
    pub fn has(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.options.iter().any(|(given, _)| is_option(given, name)))
    }

    /// The value of the last of these options.
    pub fn value(&self, names: &[&str]) -> Option<&str> {
        self.values(names).last().copied()
    }

    /// The values of these options.
    pub fn values(&self, names: &[&str]) -> Vec<&str> {
        self.options
            .iter()
            .filter(|(given, _)| names.iter().any(|name| is_option(given, name)))
            .filter_map(|(_, value)| value.as_deref())
            .collect()
    }

    /// The operand at this place.
    pub fn operand(&self, at: usize) -> Option<&str> {
        self.operands.get(at).map(String::as_str)
    }
}

/// Whether a given option is this one; `--recur` is `--recursive`.
pub fn is_option(given: &str, name: &str) -> bool {
    given == name || (given.len() > 3 && given.starts_with("--") && name.starts_with(given))
}

fn takes_value(value_options: &[String], name: &str, first: Option<&str>) -> bool {
    value_options.iter().any(|entry| match entry.split_once(':') {
        None => entry == name,
        Some((sub, option)) => {
            option == name
                && match sub.strip_prefix('!') {
                    Some(not) => first != Some(not),
                    None => first == Some(sub),
                }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str, style: Style, values: &[&str]) -> Parsed {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let values: Vec<String> = values.iter().map(|v| (*v).to_owned()).collect();
        Parsed::new(&arguments, style, &values)
    }

    #[test]
    fn options_are_read_as_the_command_reads_them() {
        let p = parsed("-rfv a --color=auto -n5 b -- -c", Style::Gnu, &["-n"]);
        assert!(p.has(&["-r"]) && p.has(&["-f"]) && p.has(&["--color"]) && !p.has(&["-c"]));
        assert_eq!(p.value(&["-n"]), Some("5"));
        assert_eq!(p.operands, ["a", "b", "-c"]);
        assert!(parsed("--recur x", Style::Gnu, &[]).has(&["--recursive"]));
        let p = parsed("-n 5 rm -rf x", Style::Posix, &["-n"]);
        assert_eq!(p.operands, ["rm", "-rf", "x"]);
        let p = parsed("logs -f x", Style::Gnu, &["!logs:-f"]);
        assert_eq!(p.operands, ["logs", "x"]);
        let p = parsed("apply -f x", Style::Gnu, &["!logs:-f"]);
        assert_eq!(p.value(&["-f"]), Some("x"));
        let p = parsed(". -name x -delete", Style::Long, &["-name"]);
        assert!(p.has(&["-delete"]));
        assert_eq!(p.operands, ["."]);
    }
}
