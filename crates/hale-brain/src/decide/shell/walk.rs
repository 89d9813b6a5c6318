//! Walks the syntax tree: lists, pipelines, loops, branches, functions. Every branch is taken.

use std::rc::Rc;

use brush_parser::ast;
use hale_model::action::Risk;

use super::machine::{Machine, RUN_NESTING_MAX, State, Variable};
use super::text::{self, ANY};
use super::{PARSE_NESTING_MAX, scan};

/// Turns of a loop over known values; then once with an unknown one.
const LOOP_TURNS_MAX: usize = 16;

impl Machine {
    /// Parses and runs code in the shell as it is; what it prints.
    pub(super) fn run(&mut self, code: &str) -> String {
        if self.run_nesting >= RUN_NESTING_MAX || scan::is_too_deep(code, PARSE_NESTING_MAX) {
            self.hit(
                "shell.nesting",
                Risk::Critical,
                "shells within shells, deeper than is looked into",
                "write the inner command plainly",
            );
            return ANY.to_string();
        }
        if !self.spend(4) {
            return ANY.to_string();
        }
        let Some(program) = parse(code) else {
            self.hit(
                "shell.parse",
                Risk::Critical,
                "this is not understood as shell",
                "check its quotes with bash -n",
            );
            return ANY.to_string();
        };
        self.run_nesting += 1;
        let mut output = String::new();
        for command in &program.complete_commands {
            output.push_str(&self.list(command));
        }
        self.run_nesting -= 1;
        text::bounded(output)
    }

    pub(super) fn list(&mut self, list: &ast::CompoundList) -> String {
        let mut output = String::new();
        for ast::CompoundListItem(and_or, separator) in &list.0 {
            if matches!(separator, ast::SeparatorOperator::Async) {
                output.push_str(&self.in_subshell(|machine| machine.and_or(and_or)));
            } else {
                output.push_str(&self.and_or(and_or));
            }
        }
        text::bounded(output)
    }

    fn and_or(&mut self, list: &ast::AndOrList) -> String {
        let mut output = self.pipeline(&list.first);
        for next in &list.additional {
            let (ast::AndOr::And(pipeline) | ast::AndOr::Or(pipeline)) = next;
            output.push_str(&self.pipeline(pipeline));
        }
        output
    }

    fn pipeline(&mut self, pipeline: &ast::Pipeline) -> String {
        if let [command] = pipeline.seq.as_slice() {
            return self.command(command);
        }
        let saved = self.stdin.clone();
        let mut flow = None;
        for command in &pipeline.seq {
            let output = self.in_subshell(|machine| {
                if flow.is_some() {
                    machine.stdin = flow.take();
                }
                machine.command(command)
            });
            flow = Some(text::bounded(output));
        }
        self.stdin = saved;
        flow.unwrap_or_default()
    }

    pub(super) fn command(&mut self, command: &ast::Command) -> String {
        if !self.spend(2) {
            return ANY.to_string();
        }
        match command {
            ast::Command::Simple(simple) => self.simple(simple),
            ast::Command::Compound(compound, redirects) => {
                self.redirected(redirects.as_ref(), |machine| machine.compound(compound))
            }
            ast::Command::Function(function) => {
                let name = self.expand_single(&function.fname.value);
                self.state.functions.insert(name, Rc::new(function.body.clone()));
                String::new()
            }
            ast::Command::ExtendedTest(test, redirects) => {
                self.redirected(redirects.as_ref(), |machine| {
                    machine.test_expression(&test.expr);
                    String::new()
                })
            }
        }
    }

    fn test_expression(&mut self, expression: &ast::ExtendedTestExpr) {
        match expression {
            ast::ExtendedTestExpr::And(a, b) | ast::ExtendedTestExpr::Or(a, b) => {
                self.test_expression(a);
                self.test_expression(b);
            }
            ast::ExtendedTestExpr::Not(a) | ast::ExtendedTestExpr::Parenthesized(a) => {
                self.test_expression(a);
            }
            ast::ExtendedTestExpr::UnaryTest(predicate, word) => {
                let operand = self.expand_single(&word.value);
                self.test_unary(predicate, &operand);
            }
            ast::ExtendedTestExpr::BinaryTest(predicate, a, b) => {
                let (a, b) = (self.expand_single(&a.value), self.expand_single(&b.value));
                self.test_binary(predicate, &a, &b);
            }
        }
    }

    fn compound(&mut self, compound: &ast::CompoundCommand) -> String {
        self.deeper(|machine| machine.compound_here(compound))
    }

    fn compound_here(&mut self, compound: &ast::CompoundCommand) -> String {
        match compound {
            ast::CompoundCommand::Arithmetic(arithmetic) => {
                self.arithmetic_text(&arithmetic.expr.value);
                String::new()
            }
            ast::CompoundCommand::ArithmeticForClause(clause) => {
                let parts = [&clause.initializer, &clause.condition, &clause.updater];
                for part in parts.into_iter().flatten() {
                    self.arithmetic_text(&part.value);
                }
                self.list(&clause.body.list)
            }
            ast::CompoundCommand::BraceGroup(group) => self.list(&group.list),
            ast::CompoundCommand::Subshell(subshell) => {
                self.in_subshell(|machine| machine.list(&subshell.list))
            }
            ast::CompoundCommand::ForClause(clause) => self.for_loop(clause),
            ast::CompoundCommand::CaseClause(clause) => self.case(clause),
            ast::CompoundCommand::IfClause(clause) => self.branches(clause),
            ast::CompoundCommand::WhileClause(clause)
            | ast::CompoundCommand::UntilClause(clause) => self.while_loop(clause),
            ast::CompoundCommand::Coprocess(coprocess) => {
                let output = self.in_subshell(|machine| machine.command(&coprocess.body));
                // Its ends carry what it prints: a shell's, or the network's.
                let name = coprocess.name.as_ref().map_or("COPROC", |n| n.value.as_str());
                let end = text::residue(&output);
                self.state.variables.entry(name.to_owned()).or_default().values =
                    vec![end.clone(), end];
                String::new()
            }
        }
    }

    fn for_loop(&mut self, clause: &ast::ForClauseCommand) -> String {
        let mut values = match &clause.values {
            Some(words) => words.iter().flat_map(|word| self.expand_fields(&word.value)).collect(),
            None => self.state.positional.clone(),
        };
        if values.is_empty() {
            values.push(ANY.to_string());
        }
        if values.len() > LOOP_TURNS_MAX {
            let beyond = values.split_off(LOOP_TURNS_MAX);
            values.push(text::residue(&beyond.concat()));
        }
        let mut output = String::new();
        for value in values {
            self.assign(&clause.variable_name, value);
            output.push_str(&self.list(&clause.body.list));
        }
        text::bounded(output)
    }

    fn case(&mut self, clause: &ast::CaseClauseCommand) -> String {
        self.expand_single(&clause.value.value);
        let mut output = String::new();
        let before = self.state.clone();
        let mut after: Vec<State> = Vec::new();
        for item in &clause.cases {
            for pattern in &item.patterns {
                self.expand_single(&pattern.value);
            }
            self.state = before.clone();
            if let Some(list) = &item.cmd {
                output.push_str(&self.list(list));
            }
            after.push(self.state.clone());
        }
        self.join(after);
        text::bounded(output)
    }

    fn branches(&mut self, clause: &ast::IfClauseCommand) -> String {
        let mut output = self.list(&clause.condition);
        let before = self.state.clone();
        output.push_str(&self.list(&clause.then));
        let mut after = vec![self.state.clone()];
        let mut exhaustive = false;
        for branch in clause.elses.iter().flatten() {
            self.state = before.clone();
            match &branch.condition {
                Some(condition) => output.push_str(&self.list(condition)),
                None => exhaustive = true,
            }
            output.push_str(&self.list(&branch.body));
            after.push(self.state.clone());
        }
        if !exhaustive {
            after.push(before);
        }
        self.join(after);
        text::bounded(output)
    }

    /// The state after branches: what they agree on, and for each variable what they may have left.
    fn join(&mut self, states: Vec<State>) {
        let mut states = states.into_iter();
        let Some(first) = states.next() else { return };
        self.state = first;
        for other in states {
            for (name, variable) in other.variables {
                let here = self.state.variables.entry(name).or_insert_with(|| Variable {
                    values: variable.values.clone(),
                    otherwise: Vec::new(),
                });
                for value in variable.values.into_iter().chain(variable.otherwise) {
                    let known =
                        here.values.first() == Some(&value) || here.otherwise.contains(&value);
                    if !known && here.otherwise.len() < 4 {
                        here.otherwise.push(value);
                    }
                }
            }
            self.state.functions.extend(other.functions);
            self.state.aliases.extend(other.aliases);
            if self.state.cwd != other.cwd {
                self.state.cwd = ANY.to_string();
            }
        }
    }

    fn while_loop(&mut self, clause: &ast::WhileOrUntilClauseCommand) -> String {
        let ast::WhileOrUntilClauseCommand(condition, body, _) = clause;
        if endless(condition) && spawns(&body.list) {
            self.part = text::clean(&format!("while {condition}; do {}; done", body.list));
            self.hit(
                "shell.fork_bomb",
                Risk::Deny,
                "an endless loop that starts processes without waiting for them",
                "start a known number of jobs and wait for them",
            );
        }
        let mut output = String::new();
        for _ in 0..LOOP_TURNS_MAX {
            let before = self.stdin.clone();
            let parameters = self.state.positional.len();
            output.push_str(&self.list(condition));
            self.loops += 1;
            output.push_str(&self.list(&body.list));
            self.loops -= 1;
            let rest = self.stdin.as_deref().is_some_and(|text| !text.is_empty());
            let reads = rest && self.stdin != before;
            let shifts = (1..parameters).contains(&self.state.positional.len());
            if !reads && !shifts {
                break;
            }
        }
        text::bounded(output)
    }

    /// Calls a function of this name, if there is one.
    pub(super) fn call(&mut self, name: &str, arguments: &[String]) -> Option<String> {
        let body = Rc::clone(self.state.functions.get(name)?);
        if let Some((_, forks)) = self.calls.iter().find(|(called, _)| called == name) {
            if self.forks > *forks {
                self.hit(
                    "shell.fork_bomb",
                    Risk::Deny,
                    "a function that starts itself over and over",
                    "limit how many processes it starts",
                );
            }
            return Some(ANY.to_string());
        }
        if self.calls.len() >= RUN_NESTING_MAX as usize {
            return Some(ANY.to_string());
        }
        self.calls.push((name.to_owned(), self.forks));
        let known = std::mem::replace(&mut self.state.positional_known, true);
        let saved = std::mem::replace(&mut self.state.positional, arguments.to_vec());
        let ast::FunctionBody(compound, redirects) = body.as_ref();
        let output = self.redirected(redirects.as_ref(), |machine| machine.compound(compound));
        self.state.positional = saved;
        self.state.positional_known = known;
        self.calls.pop();
        Some(output)
    }
}

/// The syntax tree, or nothing where the text is no shell. The parser is foreign code: should it
/// panic on some input, that input is not understood.
pub(super) fn parse(code: &str) -> Option<ast::Program> {
    let parsed = std::panic::catch_unwind(|| {
        let options = brush_parser::ParserOptions::default();
        brush_parser::Parser::new(std::io::Cursor::new(code.as_bytes()), &options)
            .parse_program()
            .ok()
    });
    parsed.ok().flatten()
}

fn endless(condition: &ast::CompoundList) -> bool {
    let text = condition.to_string();
    let text = text.trim().trim_end_matches(';').trim();
    matches!(text, "true" | ":" | "[ 1 ]" | "[[ 1 ]]" | "((1))" | "(( 1 ))" | "/bin/true")
}

/// Whether a loop body starts background jobs and never waits.
fn spawns(list: &ast::CompoundList) -> bool {
    let background = list.0.iter().any(|item| matches!(item.1, ast::SeparatorOperator::Async));
    let text = list.to_string();
    let waits = |word: &str| {
        matches!(word.trim_end_matches(';'), "wait" | "sleep" | "read" | "break" | "exit")
    };
    background && !text.split_whitespace().any(waits)
}
