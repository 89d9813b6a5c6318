//! A rule's expression: CEL, fenced.
//!
//! CEL has no type checker and no cost limit, and its parser recurses once a level of nesting, so a
//! hostile or careless rule could overflow the stack or take seconds. Hence: the text is measured
//! before it is parsed, parsing has a thread with a stack of its own, every name is checked against
//! the facts that exist, loops may not be nested, and what is missing at run time is *unknown*.

use std::collections::BTreeMap;
use std::sync::Arc;

use cel::common::ast::{EntryExpr, Expr};
use cel::objects::{Key, Map};
use cel::{Context, Program, Value};

/// Longest expression in bytes.
pub(super) const MAX_SOURCE_BYTES: usize = 2048;
/// Deepest nesting of brackets.
pub(super) const MAX_NESTING: usize = 16;
/// Most operators, dots and commas outside strings: a chain of them nests as deep as it is long.
pub(super) const MAX_OPERATORS: usize = 100;
/// Deepest nesting of `all`, `exists`, `map`, `filter`.
const MAX_LOOP_DEPTH: usize = 1;
/// Stack of the thread that parses, in bytes.
const PARSE_STACK_BYTES: usize = 64 * 1024 * 1024;

/// The functions that an expression may call, besides the loops and `has`.
const FUNCTIONS: &[&str] = &[
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "string",
    "int",
    "double",
    "min",
    "max",
];

/// The names that an expression may use, as a tree: `config.thresholds.ram_warn_percent`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(pub BTreeMap<String, Names>);

impl Names {
    /// The names of a JSON value; what is no object has none below it, so anything may follow.
    pub(crate) fn of(json: &serde_json::Value) -> Names {
        let mut names = BTreeMap::new();
        if let serde_json::Value::Object(fields) = json {
            for (name, value) in fields {
                names.insert(name.clone(), Names::of(value));
            }
        }
        Names(names)
    }
}

/// An expression that was found safe to evaluate.
#[derive(Clone)]
pub(crate) struct Expression {
    source: String,
    program: Arc<Program>,
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Expression({})", self.source)
    }
}

impl Expression {
    /// Measures, parses and checks one expression. Call it within [`on_deep_stack`].
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(crate) fn compile(source: &str, names: &Names) -> Result<Expression, String> {
        measure(source)?;
        let program = Program::compile(source).map_err(|e| {
            let first = e.to_string().lines().next().unwrap_or_default().to_owned();
            format!("`{source}` is not an expression: {first}")
        })?;
        check(&program.expression().expr, names, &mut Vec::new(), 0)
            .map_err(|why| format!("`{source}`: {why}"))?;
        Ok(Expression { source: source.to_owned(), program: Arc::new(program) })
    }

    /// The value; none where something it needs is not known, or it cannot be computed.
    pub(crate) fn value(&self, context: &Context<'_, '_>) -> Option<Value> {
        self.program.execute(context).ok()
    }

    /// Yes, no, or unknown.
    pub(crate) fn truth(&self, context: &Context<'_, '_>) -> Option<bool> {
        match self.value(context)? {
            Value::Bool(truth) => Some(truth),
            Value::List(_)
            | Value::Map(_)
            | Value::Function(..)
            | Value::Int(_)
            | Value::UInt(_)
            | Value::Float(_)
            | Value::String(_)
            | Value::Bytes(_)
            | Value::Opaque(_)
            | Value::Struct(_)
            | Value::Null => None,
        }
    }

    /// The value as JSON, for messages.
    pub(super) fn json(&self, context: &Context<'_, '_>) -> Option<serde_json::Value> {
        from_cel(&self.value(context)?)
    }

    /// The error it meets when every fact is known; none if it can be computed.
    pub(super) fn trial(&self, context: &Context<'_, '_>) -> Result<Value, String> {
        self.program.execute(context).map_err(|e| format!("`{}`: {e}", self.source))
    }
}

/// Runs what parses on a thread whose stack is deep enough for every expression that passes the
/// measure; none where no such thread can be had.
pub(crate) fn on_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("hale-rules".to_owned())
            .stack_size(PARSE_STACK_BYTES)
            .spawn_scoped(scope, work);
        thread.ok()?.join().ok()
    })
}

/// Refuses what the parser could choke on, by looking at the characters alone.
fn measure(source: &str) -> Result<(), String> {
    if source.trim().is_empty() {
        return Err("an expression is empty".to_owned());
    }
    if source.len() > MAX_SOURCE_BYTES {
        return Err(format!("an expression is longer than {MAX_SOURCE_BYTES} bytes"));
    }
    let (mut depth, mut operators, mut quote) = (0_usize, 0_usize, None);
    let mut escaped = false;
    for c in source.chars() {
        if let Some(open) = quote {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if c == open => quote = None,
                _ => {}
            }
            continue;
        }
        match c {
            '"' | '\'' => quote = Some(c),
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if !(c.is_alphanumeric() || c.is_whitespace() || c == '_') {
            operators += 1;
        }
        if depth > MAX_NESTING {
            return Err(format!("`{source}` nests deeper than {MAX_NESTING} brackets"));
        }
    }
    // `in` is an operator of letters.
    operators += source.split_whitespace().filter(|w| *w == "in").count();
    if operators > MAX_OPERATORS {
        return Err(format!("an expression has more than {MAX_OPERATORS} operators"));
    }
    Ok(())
}

/// Walks the tree: every name must exist, no loop within a loop.
fn check(expr: &Expr, names: &Names, bound: &mut Vec<String>, loops: usize) -> Result<(), String> {
    match expr {
        Expr::Ident(_) | Expr::Select(_) => check_path(expr, names, bound, loops),
        Expr::Call(call) => {
            let name = call.func_name.as_str();
            if name.starts_with(|c: char| c.is_ascii_alphabetic()) && !FUNCTIONS.contains(&name) {
                return Err(format!("no function `{name}`; there are {}", FUNCTIONS.join(", ")));
            }
            if let Some(target) = &call.target {
                check(&target.expr, names, bound, loops)?;
            }
            call.args.iter().try_for_each(|a| check(&a.expr, names, bound, loops))
        }
        Expr::Comprehension(each) => {
            if loops >= MAX_LOOP_DEPTH {
                return Err("a loop within a loop is not allowed".to_owned());
            }
            check(&each.iter_range.expr, names, bound, loops)?;
            check(&each.accu_init.expr, names, bound, loops)?;
            let before = bound.len();
            bound.push(each.iter_var.clone());
            bound.extend(each.iter_var2.clone());
            bound.push(each.accu_var.clone());
            for part in [&each.loop_cond, &each.loop_step, &each.result] {
                check(&part.expr, names, bound, loops + 1)?;
            }
            bound.truncate(before);
            Ok(())
        }
        Expr::List(list) => {
            list.elements.iter().try_for_each(|e| check(&e.expr, names, bound, loops))
        }
        Expr::Map(map) => check_entries(&map.entries, names, bound, loops),
        Expr::Struct(_) => Err("structs are not known here".to_owned()),
        Expr::Literal(_) | Expr::Unspecified => Ok(()),
    }
}

fn check_entries(
    entries: &[cel::common::ast::IdedEntryExpr],
    names: &Names,
    bound: &mut Vec<String>,
    loops: usize,
) -> Result<(), String> {
    for entry in entries {
        match &entry.expr {
            EntryExpr::StructField(field) => check(&field.value.expr, names, bound, loops)?,
            EntryExpr::MapEntry(pair) => {
                check(&pair.key.expr, names, bound, loops)?;
                check(&pair.value.expr, names, bound, loops)?;
            }
        }
    }
    Ok(())
}

fn check_path(
    expr: &Expr,
    names: &Names,
    bound: &mut Vec<String>,
    loops: usize,
) -> Result<(), String> {
    let mut fields = Vec::new();
    let mut at = expr;
    while let Expr::Select(select) = at {
        fields.push(select.field.as_str());
        at = &select.operand.expr;
    }
    let Expr::Ident(root) = at else { return check(at, names, bound, loops) };
    if bound.contains(root) {
        return Ok(());
    }
    let Some(mut known) = names.0.get(root) else {
        return Err(format!("`{root}` is not known here; known are {}", listed(names)));
    };
    let mut path = root.clone();
    for field in fields.iter().rev() {
        if known.0.is_empty() {
            break;
        }
        let Some(next) = known.0.get(*field) else {
            return Err(format!("`{path}` has no `{field}`; it has {}", listed(known)));
        };
        path = format!("{path}.{field}");
        known = next;
    }
    Ok(())
}

fn listed(names: &Names) -> String {
    names.0.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// JSON as CEL: whole numbers become int, never uint (`x % 2` on a uint fails); null members are
/// left out, so that what was not measured is missing, hence unknown.
pub(crate) fn to_cel(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(b) => Value::Bool(*b),
        serde_json::Value::Number(n) => match (n.as_i64(), n.as_f64()) {
            (Some(int), _) => Value::Int(int),
            (None, Some(float)) => Value::Float(float),
            (None, None) => Value::Null,
        },
        serde_json::Value::String(s) => Value::String(Arc::new(s.clone())),
        serde_json::Value::Array(items) => {
            Value::List(Arc::new(items.iter().map(to_cel).collect()))
        }
        serde_json::Value::Object(fields) => {
            let map = fields
                .iter()
                .filter(|(_, v)| !v.is_null())
                .map(|(k, v)| (Key::from(k.clone()), to_cel(v)))
                .collect();
            Value::Map(Map { map: Arc::new(map) })
        }
    }
}

fn from_cel(value: &Value) -> Option<serde_json::Value> {
    match value {
        Value::Bool(b) => Some((*b).into()),
        Value::Int(i) => Some((*i).into()),
        Value::UInt(u) => Some((*u).into()),
        Value::Float(f) => serde_json::Number::from_f64(*f).map(serde_json::Value::Number),
        Value::String(s) => Some(s.as_str().into()),
        Value::List(_)
        | Value::Map(_)
        | Value::Function(..)
        | Value::Bytes(_)
        | Value::Opaque(_)
        | Value::Struct(_)
        | Value::Null => None,
    }
}
