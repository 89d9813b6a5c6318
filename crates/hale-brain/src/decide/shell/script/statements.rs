//! Statements of a folded program: assignments, imports, loops.

use super::*;

impl Folder<'_> {
    pub(super) fn program(&mut self) {
        while self.at < self.tokens.len() {
            let before = self.at;
            self.statement();
            if self.at == before {
                self.at += 1;
            }
        }
    }

    fn statement(&mut self) {
        let name = self.name(0).map(str::to_owned);
        match name.as_deref() {
            Some("import") if self.language == Language::Python => return self.import(),
            Some("from") if self.language == Language::Python => return self.import_from(),
            Some("for" | "foreach") => return self.loop_variable(),
            Some("my" | "our" | "local" | "const" | "let" | "var" | "use" | "require_once")
                if self.sign(1) != Some('(') =>
            {
                self.at += 1;
                return;
            }
            _ => {}
        }
        if let Some(name) = name {
            let assigns = self.sign(1) == Some('=')
                && self.sign(2) != Some('=')
                && self.sign(2) != Some('>')
                && self.sign(2) != Some('~');
            if assigns {
                self.at += 2;
                let value = self.expression();
                self.names.insert(name, value);
                return;
            }
            let element = match self.language {
                Language::Ruby if self.sign(1) == Some('<') && self.sign(2) == Some('<') => 3,
                Language::Php
                    if self.sign(1) == Some('[')
                        && self.sign(2) == Some(']')
                        && self.sign(3) == Some('=') =>
                {
                    4
                }
                _ => 0,
            };
            if element > 0 && matches!(self.names.get(&name), None | Some(Value::List(_))) {
                self.at += element;
                let value = self.expression();
                self.add_to(&name, vec![value], false);
                return;
            }
            let adds = self.sign(1) == Some('+')
                || (self.sign(1) == Some('.')
                    && matches!(self.language, Language::Perl | Language::Php));
            if adds && self.sign(2) == Some('=') {
                self.at += 3;
                let added = self.expression();
                let before = self.names.get(&name).cloned().unwrap_or(Value::Unknown);
                self.names.insert(name, plus(&before, &added));
                return;
            }
        }
        // const { exec } = require("child_process")
        if self.sign(0) == Some('{') && self.language == Language::JavaScript && self.destructured()
        {
            return;
        }
        self.expression();
    }

    /// `list.each { |x| … }`, `list.forEach(x => …)`: the name stands for any of them. Whether it was
    /// one; what the block does is looked at next.
    pub(super) fn binds_block(&mut self, value: &Value, method: &str) -> bool {
        const EACH: [&str; 12] = [
            "each",
            "map",
            "forEach",
            "each_entry",
            "select",
            "filter",
            "collect",
            "flat_map",
            "flatMap",
            "each_line",
            "times",
            "reject",
        ];
        if !EACH.contains(&method) || matches!(value, Value::Name(_) | Value::Unknown) {
            return false;
        }
        let sign = |offset: usize, c: char| self.sign(offset) == Some(c);
        let (name, skip) = match self.language {
            Language::Ruby if sign(0, '{') && sign(1, '|') => (2, 3),
            Language::Ruby if self.name(0) == Some("do") && sign(1, '|') => (2, 3),
            Language::JavaScript if sign(0, '(') && sign(1, '(') => (2, 3),
            Language::JavaScript if sign(0, '(') && sign(2, '=') && sign(3, '>') => (1, 4),
            Language::JavaScript
                if sign(0, '(') && self.name(1) == Some("function") && sign(2, '(') =>
            {
                (3, 4)
            }
            _ => return false,
        };
        let Some(name) = self.name(name).map(str::to_owned) else { return false };
        let element = match value {
            Value::List(items) if !items.is_empty() => {
                self.longest = self.longest.max(items.len());
                items.get(self.turn.min(items.len() - 1)).cloned().unwrap_or(Value::Unknown)
            }
            other => other.clone(),
        };
        self.names.insert(name, element);
        self.at += skip;
        // The rest of the parameters.
        for _ in 0..8 {
            if matches!(self.sign(0), Some('|' | ')' | '=' | '>' | ','))
                || (self.name(0).is_some() && matches!(self.sign(1), Some('|' | ')' | ',')))
            {
                self.at += 1;
            } else {
                break;
            }
        }
        true
    }

    /// `list.append(x)`, `push @list, x`: the list grows.
    pub(super) fn grown(&mut self, name: &str) -> Option<Value> {
        if let Some((list, method)) = name.rsplit_once('.')
            && matches!(method, "append" | "push" | "extend" | "insert" | "unshift")
            && self.sign(0) == Some('(')
            && matches!(self.names.get(list), Some(Value::List(_)))
        {
            let mut added = self.arguments();
            if method == "insert" && !added.is_empty() {
                added.remove(0);
            }
            if method == "extend" {
                added = flat(added);
            }
            let front = method == "unshift";
            self.add_to(list, added, front);
            return Some(Value::Unknown);
        }
        if !matches!(name, "push" | "unshift" | "array_push" | "array_unshift")
            || !matches!(self.language, Language::Perl | Language::Php)
        {
            return None;
        }
        let open = usize::from(self.sign(0) == Some('('));
        let list = self.name(open).map(str::to_owned)?;
        if self.sign(open + 1) != Some(',') {
            return None;
        }
        self.at += open + 1;
        let mut added = Vec::new();
        while self.eat(',') {
            self.skip_lines();
            let value = self.expression();
            added.push(value);
        }
        if open == 1 {
            self.eat(')');
        }
        self.add_to(&list, flat(added), name.contains("unshift"));
        Some(Value::Unknown)
    }

    fn add_to(&mut self, list: &str, added: Vec<Value>, front: bool) {
        const ELEMENTS_MAX: usize = 256;
        let mut items = match self.names.get(list) {
            Some(Value::List(items)) => items.clone(),
            _ => Vec::new(),
        };
        if items.len() + added.len() <= ELEMENTS_MAX {
            let at = if front { 0 } else { items.len() };
            items.splice(at..at, added);
        }
        self.names.insert(list.to_owned(), Value::List(items));
    }

    fn destructured(&mut self) -> bool {
        let close = self.tokens.iter().skip(self.at).take(32).position(|t| *t == Token::Sign('}'));
        let Some(close) = close.map(|n| self.at + n) else { return false };
        if self.tokens.get(close + 1) != Some(&Token::Sign('='))
            || self.tokens.get(close + 2) == Some(&Token::Sign('='))
        {
            return false;
        }
        let renamed: Vec<(String, String)> = self
            .tokens
            .get(self.at..close)
            .unwrap_or_default()
            .windows(3)
            .filter_map(|triple| match triple {
                [Token::Name(member), Token::Sign(':'), Token::Name(name)] => {
                    Some((member.clone(), name.clone()))
                }
                _ => None,
            })
            .collect();
        let names: Vec<String> = self
            .tokens
            .get(self.at..close)
            .unwrap_or_default()
            .iter()
            .filter_map(|t| match t {
                Token::Name(name) => Some(name.clone()),
                _ => None,
            })
            .collect();
        self.at = close + 2;
        let value = self.expression();
        if let Value::Name(module) = value {
            for name in names {
                self.names.insert(name.clone(), Value::Name(format!("{module}.{name}")));
            }
            for (member, name) in renamed {
                self.names.insert(name, Value::Name(format!("{module}.{member}")));
            }
        }
        true
    }

    fn import(&mut self) {
        self.at += 1;
        while let Some(module) = self.name(0).map(str::to_owned) {
            self.at += 1;
            if self.name(0) == Some("as") {
                if let Some(alias) = self.name(1).map(str::to_owned) {
                    self.names.insert(alias, Value::Name(module));
                }
                self.at += 2;
            }
            if !self.eat(',') {
                break;
            }
        }
    }

    fn import_from(&mut self) {
        let module = self.name(1).unwrap_or_default().to_owned();
        self.at += 3;
        self.eat('(');
        while let Some(name) = self.name(0).map(str::to_owned) {
            self.at += 1;
            let full = Value::Name(format!("{module}.{name}"));
            let alias = if self.name(0) == Some("as") {
                let alias = self.name(1).map(str::to_owned);
                self.at += 2;
                alias
            } else {
                None
            };
            self.names.insert(alias.unwrap_or(name), full);
            if !self.eat(',') {
                break;
            }
        }
        self.eat(')');
    }

    /// `for x in VALUES`, `foreach my $x (VALUES)`: the name stands for any of them.
    pub(super) fn loop_variable(&mut self) {
        let word = self.name(0).map(str::to_owned);
        self.at += 1;
        match self.language {
            Language::Php if word.as_deref() == Some("foreach") => return self.php_loop(),
            // `for (LIST) { … }` and `… for LIST`: the name is `$_`.
            Language::Perl if !self.name(0).is_some_and(|n| n == "my" || n.starts_with('$')) => {
                let value = self.expression();
                return self.bind("$_", value, 1);
            }
            _ => {}
        }
        while matches!(self.name(0), Some("my" | "const" | "let" | "var"))
            || self.sign(0) == Some('(')
        {
            self.at += 1;
        }
        let Some(variable) = self.name(0).map(str::to_owned) else { return };
        let skip = match self.name(1) {
            Some("in" | "of") => 2,
            _ if self.sign(1) == Some('(') => 1,
            _ => return,
        };
        self.at += skip;
        let value = self.expression();
        self.bind(&variable, value, 0);
    }

    /// `foreach (LIST as $x)`, `foreach (LIST as $k => $x)`.
    fn php_loop(&mut self) {
        self.eat('(');
        let value = self.expression();
        if self.name(0) != Some("as") {
            return;
        }
        let skip = if self.sign(2) == Some('=') && self.sign(3) == Some('>') { 4 } else { 1 };
        let Some(variable) = self.name(skip).map(str::to_owned) else { return };
        self.at += skip + 1;
        self.bind(&variable, value, 0);
    }

    /// A name for one element after the other; `more` turns than there are elements.
    fn bind(&mut self, name: &str, value: Value, more: usize) {
        let value = match value {
            Value::List(mut values) if !values.is_empty() => {
                self.longest = self.longest.max(values.len() + more);
                values.swap_remove(self.turn.min(values.len() - 1))
            }
            Value::List(_) => Value::Unknown,
            other => other,
        };
        self.names.insert(name.to_owned(), value);
    }
}

/// Lists among values taken apart.
fn flat(values: Vec<Value>) -> Vec<Value> {
    values
        .into_iter()
        .flat_map(|value| match value {
            Value::List(items) => items,
            other => vec![other],
        })
        .collect()
}
