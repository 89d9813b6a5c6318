//! From the text of `config.toml` to a [`Config`], or to everything that is wrong with it at once:
//! each finding with its line, its section, its key and the nearest thing that would be right.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Config;
use super::shape::{self, Key, Shape};
use crate::action::ActionKind;
use crate::alert::AlertKind;

/// Sections that belong to parts of hale which are not built yet: accepted, so that a file which
/// is written for them still loads, and named in a warning because they do nothing.
const SECTIONS_WITHOUT_EFFECT: [&str; 2] = ["polling", "machines"];

/// How alike two names must be (Jaro-Winkler, 0..1) for one to be offered for the other.
const LIKENESS_MIN: f64 = 0.75;

/// What to do with a key instead.
const KEYS_ELSEWHERE: &str = "keys have no place in this file: put it into the environment, or \
     store it with `hale setup`; api_key_env names the variable";

/// The same for the channels of a team.
const SECRETS_ELSEWHERE: &str = "secrets have no place in this file: put it into the environment; \
     secret_env names the variable";

/// A configuration that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The configuration, with defaults where the text says nothing.
    pub config: Config,
    /// What the text says that has no effect.
    pub warnings: Vec<String>,
}

/// One thing that is wrong with the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Line, from 1.
    pub line: usize,
    /// Table it stands in; empty at the top.
    pub section: String,
    /// Key; empty where the text is not TOML at all.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub hint: Option<String>,
}

/// Everything that is wrong with the text, in the order of its lines. Shown as
/// `origin:line: [section] key: what; hint`, one a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    /// Where the text comes from: a path.
    pub origin: String,
    /// Never empty.
    pub errors: Vec<ConfigError>,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{}:{}: ", self.origin, error.line)?;
            if !error.section.is_empty() {
                write!(f, "[{}] ", error.section)?;
            }
            if !error.key.is_empty() {
                write!(f, "{}: ", error.key)?;
            }
            write!(f, "{}", error.what)?;
            if let Some(hint) = &error.hint {
                write!(f, "; {hint}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// Reads the text of a `config.toml`. `origin` names it in messages. `~` is left as written.
///
/// # Errors
/// Everything that is wrong with the text.
pub fn parse(text: &str, origin: &str) -> Result<Loaded, ConfigErrors> {
    let wrong = |mut errors: Vec<ConfigError>| {
        errors.sort_by_key(|e| e.line);
        ConfigErrors { origin: origin.to_owned(), errors }
    };
    let lines = Lines::of(text);
    let (document, syntax) = DeTable::parse_recoverable(text);
    if !syntax.is_empty() {
        return Err(wrong(syntax.iter().map(|e| lines.syntax_error(e, text)).collect()));
    }
    let span = document.span();
    let (ignored, table): (DeTable<'_>, DeTable<'_>) = document
        .into_inner()
        .into_iter()
        .partition(|(name, _)| SECTIONS_WITHOUT_EFFECT.contains(&name.get_ref().as_ref()));
    let document = Spanned::new(span, table);
    let mut warnings: Vec<(usize, String)> = ignored
        .iter()
        .map(|(name, _)| {
            let line = lines.line_of(name.span().start);
            (line, format!("{origin}:{line}: [{}] has no effect in this version", name.get_ref()))
        })
        .collect();
    warnings.sort();
    let mut warnings: Vec<String> = warnings.into_iter().map(|(_, warning)| warning).collect();
    let shape = shape::of_config();
    let mut check = Check { lines: &lines, root: &shape, errors: Vec::new() };
    if let Shape::Table(keys) = &shape {
        check.table(document.get_ref(), keys, "");
    }
    if !check.errors.is_empty() {
        return Err(wrong(check.errors));
    }
    let places = Places::of(document.get_ref(), &lines);
    let config = Config::deserialize(toml::de::Deserializer::from(document))
        .map_err(|e| wrong(vec![lines.syntax_error(&e, text)]))?;
    let errors = disagreements(&config, &places);
    for (index, provider) in config.ai.providers.iter().enumerate() {
        if super::ai::sends_key_in_clear(provider) {
            let line = places.line(&format!("ai.providers.{index}.base_url"));
            warnings.push(format!(
                "{origin}:{line}: [ai.providers] base_url: http:// shows the key and every question to the network; use https://"
            ));
        }
    }
    if errors.is_empty() { Ok(Loaded { config, warnings }) } else { Err(wrong(errors)) }
}

/// Whether `[server] listen`, or `--listen`, can be served: empty, or an address and port of this
/// machine's loopback.
///
/// # Errors
/// What is wrong, and what to write instead.
pub fn check_listen(listen: &str) -> Result<(), (String, String)> {
    if listen.is_empty() {
        return Ok(());
    }
    let example = "write an address and a port such as 127.0.0.1:7979".to_owned();
    let address: SocketAddr = match listen.parse() {
        Ok(address) => address,
        Err(_) if listen.parse::<IpAddr>().is_ok() => {
            return Err((format!("`{listen}` has no port"), format!("write {listen}:7979")));
        }
        Err(_) => return Err((format!("`{listen}` is not an address"), example)),
    };
    if address.port() == 0 && !address.ip().is_loopback() {
        return Err((
            format!("`{listen}` has no fixed port"),
            format!("write {}:7979", address.ip()),
        ));
    }
    Ok(())
}

/// Characters of `[server] webhook_token` at least: what is shorter can be tried out.
const WEBHOOK_TOKEN_CHARS_MIN: usize = 16;

/// Byte offsets to lines: where each line ends.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Lines(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at).collect())
    }

    fn line_of(&self, offset: usize) -> usize {
        1 + self.0.partition_point(|end| *end < offset)
    }

    fn syntax_error(&self, error: &toml::de::Error, text: &str) -> ConfigError {
        let mut what = crate::text::printable(error.message());
        if what == "duplicate key"
            && let Some(key) = error.span().and_then(|span| text.get(span))
        {
            what = format!("duplicate key `{}`: it was given before", crate::text::printable(key));
        }
        ConfigError {
            line: error.span().map_or(1, |span| self.line_of(span.start)),
            section: String::new(),
            key: String::new(),
            what,
            hint: None,
        }
    }
}

struct Check<'a> {
    lines: &'a Lines,
    root: &'a Shape,
    errors: Vec<ConfigError>,
}

impl Check<'_> {
    fn table(&mut self, table: &DeTable<'_>, keys: &[Key], section: &str) {
        for (name, value) in table {
            match keys.iter().find(|key| key.name == name.get_ref().as_ref()) {
                Some(key) => self.value(value, &key.shape, section, &key.name),
                None => {
                    let name_text = name.get_ref().as_ref();
                    let is_table = matches!(value.get_ref(), DeValue::Table(_));
                    let what = if section.is_empty() && is_table {
                        "unknown section".to_owned()
                    } else {
                        "unknown key".to_owned()
                    };
                    let hint = if section.starts_with("ai") && is_named_like_a_key(name_text) {
                        Some(KEYS_ELSEWHERE.to_owned())
                    } else if section.starts_with("notifications") && is_named_like_a_key(name_text)
                    {
                        Some(SECRETS_ELSEWHERE.to_owned())
                    } else {
                        self.nearest_key(name_text, keys, section)
                    };
                    self.report(name.span().start, section, name_text, what, hint);
                }
            }
        }
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, shape: &Shape, section: &str, key: &str) {
        let (what, hint) = match (shape, value.get_ref()) {
            (Shape::Table(keys), DeValue::Table(table)) => {
                let inner =
                    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") };
                return self.table(table, keys, &inner);
            }
            (Shape::List(item), DeValue::Array(values)) => {
                for value in values.iter() {
                    self.value(value, item, section, key);
                }
                return;
            }
            (Shape::Text, DeValue::String(_)) | (Shape::Flag, DeValue::Boolean(_)) => return,
            (Shape::OneOf(words), DeValue::String(word)) => {
                if words.iter().any(|w| w == word) {
                    return;
                }
                let all = words.join(", ");
                // A key in the wrong place is not repeated on the screen or in a log.
                let word = if super::ai::holds_a_key(word) { "…" } else { word.as_ref() };
                (format!("`{word}` is not one of {all}"), nearest(word, words.iter()))
            }
            (Shape::Whole { min, max }, DeValue::Integer(number)) => {
                match i128::from_str_radix(number.as_str(), number.radix()) {
                    Ok(n) if (*min..=*max).contains(&n) => return,
                    _ => (format!("the number {number} is out of range"), expected(shape)),
                }
            }
            (Shape::Number { min, max }, DeValue::Integer(_) | DeValue::Float(_)) => {
                match number_of(value.get_ref()) {
                    Some(n) if (*min..=*max).contains(&n) => return,
                    _ => {
                        (format!("{} is out of range", described(value.get_ref())), expected(shape))
                    }
                }
            }
            (_, other) => (format!("{} does not fit", described(other)), expected(shape)),
        };
        self.report(value.span().start, section, key, what, hint);
    }

    fn nearest_key(&self, name: &str, keys: &[Key], section: &str) -> Option<String> {
        if let Some(hint) = nearest(name, keys.iter().map(|k| &k.name)) {
            return Some(hint);
        }
        let Shape::Table(sections) = self.root else { return None };
        let home = sections.iter().find(|s| {
            s.name != section
                && matches!(&s.shape, Shape::Table(keys) if keys.iter().any(|k| k.name == name))
        })?;
        Some(format!("it belongs under [{}]", home.name))
    }

    fn report(
        &mut self,
        offset: usize,
        section: &str,
        key: &str,
        what: String,
        hint: Option<String>,
    ) {
        self.errors.push(ConfigError {
            line: self.lines.line_of(offset),
            section: crate::text::printable(section),
            key: crate::text::printable(key),
            what: crate::text::printable(&what),
            hint: hint.map(|h| crate::text::printable(&h)),
        });
    }
}

/// `api_key`, `token`, `secret`…: what people write who want to put a key into the file.
fn is_named_like_a_key(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["api_key", "apikey", "key", "token", "secret", "password", "auth", "bearer"]
        .contains(&name.as_str())
}

fn nearest<'a>(name: &str, right: impl Iterator<Item = &'a String>) -> Option<String> {
    right
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| format!("did you mean `{candidate}`?"))
}

fn number_of(value: &DeValue<'_>) -> Option<f64> {
    let number: f64 = match value {
        DeValue::Integer(n) => i128::from_str_radix(n.as_str(), n.radix()).ok()? as f64,
        DeValue::Float(n) => n.as_str().parse().ok()?,
        DeValue::String(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => return None,
    };
    number.is_finite().then_some(number)
}

fn described(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) if super::ai::holds_a_key(text) => {
            "a text that looks like a key".to_owned()
        }
        DeValue::String(text) => format!("the text \"{}\"", crate::text::shorten(text, 60)),
        DeValue::Integer(n) => format!("the number {n}"),
        DeValue::Float(n) => format!("the number {n}"),
        DeValue::Boolean(flag) => format!("`{flag}`"),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// What a key takes, as a hint.
fn expected(shape: &Shape) -> Option<String> {
    Some(format!("it takes {}", describe(shape)))
}

/// What a key takes, in words.
pub(super) fn describe(shape: &Shape) -> String {
    match shape {
        Shape::Table(_) => "a table".to_owned(),
        Shape::Text => "a text in quotes".to_owned(),
        Shape::OneOf(words) => format!("one of \"{}\"", words.join("\", \"")),
        Shape::Flag => "true or false".to_owned(),
        Shape::Whole { min, max } if *max >= i128::from(i32::MAX) => {
            if *min > i128::from(i32::MIN) {
                format!("a whole number from {min}")
            } else {
                "a whole number".to_owned()
            }
        }
        Shape::Whole { min, max } => format!("a whole number from {min} to {max}"),
        Shape::Number { min, max } => format!("a number from {min} to {max}"),
        Shape::List(item) if **item == Shape::Text => {
            "a list of texts such as [\"a\", \"b\"]".to_owned()
        }
        Shape::List(item) if matches!(**item, Shape::Table(_)) => "a list of tables".to_owned(),
        Shape::List(item) => format!("a list, each {}", describe(item)),
    }
}

/// Where values stand, for the checks that compare them.
struct Places(HashMap<String, usize>);

impl Places {
    fn of(document: &DeTable<'_>, lines: &Lines) -> Self {
        let mut places = HashMap::new();
        for (section, value) in document {
            let DeValue::Table(table) = value.get_ref() else { continue };
            for (key, value) in table {
                let path = format!("{}.{}", section.get_ref(), key.get_ref());
                if let DeValue::Array(items) = value.get_ref() {
                    for (index, item) in items.iter().enumerate() {
                        let path = format!("{path}.{index}");
                        if let DeValue::Table(table) = item.get_ref() {
                            for (key, value) in table {
                                let line = lines.line_of(value.span().start);
                                places.insert(format!("{path}.{}", key.get_ref()), line);
                            }
                        }
                        places.insert(path, lines.line_of(item.span().start));
                    }
                }
                places.insert(path, lines.line_of(value.span().start));
            }
        }
        Places(places)
    }

    fn line(&self, path: &str) -> usize {
        self.0.get(path).copied().unwrap_or(1)
    }

    fn error(&self, section: &str, key: &str, what: String, hint: String) -> ConfigError {
        self.error_at(&format!("{section}.{key}"), section, key, what, hint)
    }

    fn error_at(
        &self,
        path: &str,
        section: &str,
        key: &str,
        what: String,
        hint: String,
    ) -> ConfigError {
        ConfigError {
            line: self.line(path),
            section: section.to_owned(),
            key: key.to_owned(),
            what: crate::text::printable(&what),
            hint: Some(crate::text::printable(&hint)),
        }
    }
}

/// What each value allows alone but not together, and what a schema cannot say.
fn disagreements(config: &Config, places: &Places) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    let thresholds = &config.thresholds;
    if thresholds.ram_warn_percent > thresholds.ram_critical_percent {
        let warned = places.0.contains_key("thresholds.ram_warn_percent");
        let key = if warned { "ram_warn_percent" } else { "ram_critical_percent" };
        errors.push(places.error(
            "thresholds",
            key,
            format!(
                "ram_warn_percent ({}) is above ram_critical_percent ({})",
                thresholds.ram_warn_percent, thresholds.ram_critical_percent
            ),
            "warn below what is critical".to_owned(),
        ));
    }
    if let Err((what, hint)) = check_listen(&config.server.listen) {
        errors.push(places.error("server", "listen", what, hint));
    }
    let server = &config.server;
    if server.tls_cert.is_empty() != server.tls_key.is_empty() {
        errors.push(places.error(
            "server",
            if server.tls_cert.is_empty() { "tls_key" } else { "tls_cert" },
            "a certificate and its key come together".to_owned(),
            "give both tls_cert and tls_key, or neither: then hale makes its own".to_owned(),
        ));
    }
    if !server.webhook_token.is_empty() && server.webhook_token.len() < WEBHOOK_TOKEN_CHARS_MIN {
        errors.push(places.error(
            "server",
            "webhook_token",
            format!("it has fewer than {WEBHOOK_TOKEN_CHARS_MIN} characters"),
            "`openssl rand -hex 24` makes one".to_owned(),
        ));
    }
    for (index, service) in config.services.iter().enumerate() {
        if let Some((key, what, hint)) = service.mistake() {
            let path = format!("services.{index}.{key}");
            errors.push(places.error_at(&path, "services", key, what, hint.to_owned()));
        }
    }
    errors.extend(scrape_mistakes(config, places));
    let url = &config.notifications.webhook_url;
    if !url.is_empty() && !url.starts_with("http://") && !url.starts_with("https://") {
        errors.push(places.error(
            "notifications",
            "webhook_url",
            format!("`{url}` is not a web address"),
            "begin it with https:// or http://".to_owned(),
        ));
    }
    for (key, paths) in [
        ("protected_paths", &config.allowlist.protected_paths),
        ("cleanable_paths", &config.allowlist.cleanable_paths),
    ] {
        for (index, path) in paths.iter().enumerate() {
            if !path.starts_with('/') && path != "~" && !path.starts_with("~/") {
                errors.push(places.error_at(
                    &format!("allowlist.{key}.{index}"),
                    "allowlist",
                    key,
                    format!("`{path}` is not an absolute path"),
                    "begin it with / or ~/".to_owned(),
                ));
            }
        }
    }
    for (index, pid) in config.allowlist.protected_pids.iter().enumerate() {
        if *pid < 1 {
            errors.push(places.error_at(
                &format!("allowlist.protected_pids.{index}"),
                "allowlist",
                "protected_pids",
                format!("{pid} is not a process id"),
                "it takes whole numbers from 1".to_owned(),
            ));
        }
    }
    for (index, provider) in config.ai.providers.iter().enumerate() {
        for (key, what, hint) in super::ai::flaws(provider) {
            let table = format!("ai.providers.{index}");
            let path = format!("{table}.{key}");
            let path = if places.0.contains_key(&path) { path } else { table };
            errors.push(places.error_at(&path, "ai.providers", key, what, hint));
        }
    }
    for (index, channel) in config.notifications.channels.iter().enumerate() {
        for (key, what, hint) in super::notify::flaws(channel) {
            let table = format!("notifications.channels.{index}");
            let path = format!("{table}.{key}");
            let path = if places.0.contains_key(&path) { path } else { table };
            errors.push(places.error_at(&path, "notifications.channels", key, what, hint));
        }
    }
    for (index, pair) in config.autonomy.allow.iter().enumerate() {
        if let Err((what, hint)) = check_pair(pair) {
            let path = format!("autonomy.allow.{index}");
            errors.push(places.error_at(&path, "autonomy", "allow", what, hint));
        }
    }
    errors
}

fn scrape_mistakes(config: &Config, places: &Places) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    for (index, target) in config.scrape.iter().enumerate() {
        let twice = config.scrape.iter().take(index).any(|other| other.name == target.name);
        let mistake = if index >= crate::scrape::TARGETS_MAX {
            let what = format!("more than {} targets", crate::scrape::TARGETS_MAX);
            Some(("name", what, "let a Prometheus ask them, and its Alertmanager tell hale"))
        } else if twice {
            Some(("name", format!("`{}` is there twice", target.name), "give each its own name"))
        } else {
            target.mistake()
        };
        if let Some((key, what, hint)) = mistake {
            let path = format!("scrape.{index}.{key}");
            errors.push(places.error_at(&path, "scrape", key, what, hint.to_owned()));
        }
    }
    errors
}

/// `action@alert kind`. The kind may also be a user's own rule, whose names are not known here:
/// only a near miss of a built-in kind is an error. A target may follow after a colon.
fn check_pair(pair: &str) -> Result<(), (String, String)> {
    let example = "write \"action@alert kind\", for example \"process.kill@process.leak\"";
    let Some((action, kind)) = pair.split_once('@') else {
        return Err((format!("`{pair}` is not a pair"), example.to_owned()));
    };
    if ActionKind::parse(action).is_none() {
        let names: Vec<String> = ActionKind::ALL.iter().map(|k| k.as_str().to_owned()).collect();
        let hint = nearest(action, names.iter())
            .unwrap_or_else(|| format!("it takes one of {}", names.join(", ")));
        return Err((format!("`{action}` in `{pair}` is not an action"), hint));
    }
    let (kind, pattern) = kind.split_once(':').map_or((kind, None), |(k, p)| (k, Some(p)));
    if kind.is_empty() || kind.contains(char::is_whitespace) {
        return Err((format!("`{pair}` names no alert kind"), example.to_owned()));
    }
    if pattern.is_some_and(|pattern| pattern.trim() != pattern || pattern.is_empty()) {
        let hint = "write its name or a pattern after the colon, such as `shop-*`, or no colon";
        return Err((format!("`{pair}` names no target"), hint.to_owned()));
    }
    let names: Vec<String> =
        AlertKind::BUILT_IN.iter().map(|kind| kind.as_str().to_owned()).collect();
    if names.iter().any(|name| name == kind) {
        return Ok(());
    }
    // One slip of the pen away from a built-in kind is a slip of the pen, not a rule's name.
    match names.iter().find(|name| strsim::damerau_levenshtein(kind, name) <= 2) {
        Some(name) => Err((
            format!("`{kind}` in `{pair}` is not an alert kind"),
            format!("did you mean `{name}`?"),
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

    use super::*;

    fn message(text: &str) -> String {
        parse(text, "config.toml").map_or_else(|e| e.to_string(), |_| "accepted".to_owned())
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_the_nearest_right_thing() {
        for (text, expected) in [
            ("", "accepted"),
            (
                "[general]\nmodee = \"auto\"",
                "config.toml:2: [general] modee: unknown key; did you mean `mode`?",
            ),
            (
                "[generall]\nmode = \"auto\"",
                "config.toml:1: generall: unknown section; did you mean `general`?",
            ),
            ("mode = \"auto\"", "config.toml:1: mode: unknown key; it belongs under [general]"),
            (
                "[general]\nmode = \"Auto\"",
                "config.toml:2: [general] mode: `Auto` is not one of observe, suggest, approve, auto; did you mean `auto`?",
            ),
            (
                "[general]\ninterval_secs = 0",
                "config.toml:2: [general] interval_secs: the number 0 is out of range; it takes a whole number from 1 to 3600",
            ),
            (
                "[general]\ninterval_secs = 99999999999999999999999",
                "config.toml:2: [general] interval_secs: the number 99999999999999999999999 is out of range; it takes a whole number from 1 to 3600",
            ),
            (
                "[general]\ninterval_secs = 2.5",
                "config.toml:2: [general] interval_secs: the number 2.5 does not fit; it takes a whole number from 1 to 3600",
            ),
            (
                "[general]\ninterval_secs = \"5\"",
                "config.toml:2: [general] interval_secs: the text \"5\" does not fit; it takes a whole number from 1 to 3600",
            ),
            ("[thresholds]\nram_warn_percent = 70", "accepted"),
            (
                "[thresholds]\nram_warn_percent = nan",
                "config.toml:2: [thresholds] ram_warn_percent: the number nan is out of range; it takes a number from 1 to 100",
            ),
            (
                "[thresholds]\nram_warn_percent = 95",
                "config.toml:2: [thresholds] ram_warn_percent: ram_warn_percent (95) is above ram_critical_percent (90); warn below what is critical",
            ),
            (
                "[allowlist]\nprotected_commands = [\"a\",\n  3]",
                "config.toml:3: [allowlist] protected_commands: the number 3 does not fit; it takes a text in quotes",
            ),
            (
                "[autonomy]\nallow = [\n \"process.kill@process.leak\",\n \"proces.kill@process.leak\",\n \"process.kill@process.leek\",\n \"x\", \"service.restart@my.rule\",\n \"service.restart@http.errors:shop-*\", \"service.restart@http.errors:\"]",
                "config.toml:4: [autonomy] allow: `proces.kill` in `proces.kill@process.leak` is not an action; did you mean `process.kill`?\n\
                 config.toml:5: [autonomy] allow: `process.leek` in `process.kill@process.leek` is not an alert kind; did you mean `process.leak`?\n\
                 config.toml:6: [autonomy] allow: `x` is not a pair; write \"action@alert kind\", for example \"process.kill@process.leak\"\n\
                 config.toml:7: [autonomy] allow: `service.restart@http.errors:` names no target; write its name or a pattern after the colon, such as `shop-*`, or no colon",
            ),
            (
                "[server]\nlisten = \"0.0.0.0:0\"\ntls_key = \"/k\"\nwebhook_token = \"short\"",
                "config.toml:2: [server] listen: `0.0.0.0:0` has no fixed port; write 0.0.0.0:7979\n\
                 config.toml:3: [server] tls_key: a certificate and its key come together; give both tls_cert and tls_key, or neither: then hale makes its own\n\
                 config.toml:4: [server] webhook_token: it has fewer than 16 characters; `openssl rand -hex 24` makes one",
            ),
            (
                "[server]\nlisten = \"127.0.0.1\"",
                "config.toml:2: [server] listen: `127.0.0.1` has no port; write 127.0.0.1:7979",
            ),
            (
                "[ai]\n[[ai.providers]]\nprovider = \"antropic\"",
                "config.toml:3: [ai.providers] provider: `antropic` is not one of anthropic, gemini, openai, ollama; did you mean `anthropic`?",
            ),
            (
                "[ai]\ncooldown = 5\nmax_tokens = 1",
                "config.toml:2: [ai] cooldown: unknown key; did you mean `cooldown_secs`?\n\
                 config.toml:3: [ai] max_tokens: the number 1 is out of range; it takes a whole number from 64 to 65536",
            ),
            (
                "[[ai.providers]]\nprovider = \"openai\"\napi_key = \"sk-proj-Zq9XwVb2kLmN4pRt\"",
                "config.toml:3: [ai.providers] api_key: unknown key; keys have no place in this file: put it into the environment, or store it with `hale setup`; api_key_env names the variable",
            ),
            (
                "[[ai.providers]]\nprovider = \"openai\"\n\napi_key_env = \"sk-proj-Zq9XwVb2kLmN4pRt\"",
                "config.toml:4: [ai.providers] api_key_env: this looks like a key, which has no place in this file; put the key into the environment as OPENAI_API_KEY, or store it with `hale setup`; here stands api_key_env = \"OPENAI_API_KEY\"",
            ),
            (
                "[[ai.providers]]\nprovider = \"ollama\"\n[[ai.providers]]\nbase_url = \"https://me:pw@example.org\"",
                "config.toml:1: [ai.providers] model: no model is named; write model = \"…\", one of those that `ollama list` shows\n\
                 config.toml:4: [ai.providers] base_url: this address holds a name or password, which has no place in this file; put the key into the environment as ANTHROPIC_API_KEY, or store it with `hale setup`; here stands api_key_env = \"ANTHROPIC_API_KEY\"",
            ),
            (
                "[[ai.providers]]\nbase_url = \"api.example.org\"\nmodel = \"a b\"",
                "config.toml:2: [ai.providers] base_url: this is not a web address; begin it with https:// or http://\n\
                 config.toml:3: [ai.providers] model: this is not the name of a model; it takes letters, digits and ._:/@+-",
            ),
            (
                "[ai]\nenabled = \"sk-proj-Zq9XwVb2kLmN4pRt\"\n[[ai.providers]]\nprovider = \"sk-proj-Zq9XwVb2kLmN4pRt\"",
                "config.toml:2: [ai] enabled: a text that looks like a key does not fit; it takes true or false\n\
                 config.toml:4: [ai.providers] provider: `…` is not one of anthropic, gemini, openai, ollama",
            ),
            ("general = 5", "config.toml:1: general: the number 5 does not fit; it takes a table"),
        ] {
            assert_eq!(message(text), expected, "{text}");
        }
    }

    #[test]
    fn all_errors_are_told_at_once_in_the_order_of_lines() {
        let text = "[thresholds]\nswap = 1\nram_warn_percent = 200\n[general]\nlanguage = \"de\"\n";
        assert_eq!(
            message(text),
            "config.toml:2: [thresholds] swap: unknown key; did you mean `swap_warn_percent`?\n\
             config.toml:3: [thresholds] ram_warn_percent: the number 200 is out of range; it takes a number from 1 to 100\n\
             config.toml:5: [general] language: `de` is not one of en, fr, ko"
        );
        assert!(message("[general\nmode = 1").starts_with("config.toml:1: "));
        assert!(message("a = 1\na = 2").contains("config.toml:2: duplicate key `a`"));
    }

    #[test]
    fn sections_of_later_versions_are_named_in_a_warning() {
        let text = "[general]\nmode = \"auto\"\n[polling]\nx = 1\n[[machines]]\nid = \"w\"\n";
        let loaded = parse(text, "c").unwrap();
        assert_eq!(loaded.config.general.mode, super::super::Mode::Auto);
        let lines: Vec<&str> = loaded.warnings.iter().map(String::as_str).collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines.contains(&"c:3: [polling] has no effect in this version"), "{lines:?}");
    }

    #[test]
    fn the_models_of_a_file_are_read_and_a_key_in_clear_is_warned_of() {
        let text = "[ai]\ndaily_budget_usd = 1\n[[ai.providers]]\nprovider = \"openai\"\nmodel = \"m\"\nbase_url = \"http://10.0.0.5/v1\"\napi_key_env = \"K\"\n[[ai.providers]]\nprovider = \"ollama\"\nmodel = \"qwen3:8b\"\nbase_url = \"http://10.0.0.5:11434\"";
        let loaded = parse(text, "c").unwrap();
        let names: Vec<_> =
            loaded.config.ai.providers.iter().map(|p| (p.provider.as_str(), p.model())).collect();
        assert_eq!(names, [("openai", "m"), ("ollama", "qwen3:8b")]);
        assert_eq!(
            loaded.warnings,
            [
                "c:6: [ai.providers] base_url: http:// shows the key and every question to the network; use https://"
            ]
        );
        assert!(parse("[ai]\nproviders = []", "c").unwrap().config.ai.providers.is_empty());
    }

    #[test]
    fn the_defaults_are_valid_and_survive_a_round_trip() {
        let text = toml::to_string(&Config::default()).unwrap();
        assert_eq!(parse(&text, "c").unwrap().config, Config::default());
    }

    /// A slip anywhere in a whole file is either harmless or told with a line that exists.
    #[test]
    fn no_slip_of_the_pen_is_a_panic_or_a_line_that_is_not_there() {
        let text = toml::to_string(&Config::default()).unwrap();
        let lines = text.lines().count() + 1;
        let mut wrong = 0;
        for (at, c) in text.char_indices().step_by(13) {
            let rest = &text[at + c.len_utf8()..];
            for slip in ["", "x", "\"", "[", "\n", "é", "\u{0}", "-9e999"] {
                let slipped = format!("{}{slip}{rest}", &text[..at]);
                if let Err(errors) = parse(&slipped, "c") {
                    wrong += 1;
                    assert!(!errors.errors.is_empty(), "{slipped}");
                    for error in &errors.errors {
                        assert!((1..=lines + 1).contains(&error.line), "{error:?}");
                    }
                    assert!(!errors.to_string().chars().any(|c| c.is_control() && c != '\n'));
                }
            }
        }
        assert!(wrong > 100, "{wrong}");
    }

    /// The work grows with the length of the text, not with its square.
    #[test]
    #[allow(clippy::disallowed_methods, reason = "the time it takes is what is tested")]
    fn a_hundred_thousand_wrong_values_are_told_at_once() {
        let started = std::time::Instant::now();
        let text = format!("[allowlist]\nprotected_pids = [{}]", "0,\n".repeat(100_000));
        let errors = parse(&text, "c").unwrap_err().errors;
        assert_eq!(errors.len(), 100_000);
        assert_eq!(errors.last().map(|e| e.line), Some(100_001));
        // A second or two in a debug build; the square of it would be many minutes.
        assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
    }
}
