//! Redirections: where input comes from, where output goes, here-documents, descriptors.

use brush_parser::ast;

use super::machine::Machine;
use super::text::{self, ANY};
use super::{effects::Write, paths};

/// The redirections of one command, targets resolved.
#[derive(Default)]
pub(super) struct Redirections {
    /// New standard input.
    pub stdin: Option<String>,
    /// Files that get what the command prints: path, whether it is appended.
    pub stdout: Vec<(String, bool)>,
    /// Files that get only error output or nothing.
    pub others: Vec<(String, bool)>,
    /// A network connection is read.
    pub network_in: bool,
    /// A network connection is written.
    pub network_out: bool,
}

impl Machine {
    /// Does work with redirections around it; what still reaches standard output.
    pub(super) fn redirected(
        &mut self,
        redirects: Option<&ast::RedirectList>,
        work: impl FnOnce(&mut Self) -> String,
    ) -> String {
        let Some(redirects) = redirects else { return work(self) };
        let part = std::mem::take(&mut self.part);
        let redirections = self.redirections(redirects.0.iter());
        let saved = self.stdin.clone();
        if redirections.stdin.is_some() {
            self.stdin.clone_from(&redirections.stdin);
        }
        let output = work(self);
        self.stdin = saved;
        self.part = redirections.shown();
        let output = self.deliver(&redirections, output);
        self.part = part;
        output
    }

    pub(super) fn redirections<'a>(
        &mut self,
        redirects: impl Iterator<Item = &'a ast::IoRedirect>,
    ) -> Redirections {
        let mut out = Redirections::default();
        for redirect in redirects {
            match redirect {
                ast::IoRedirect::File(fd, kind, target) => self.file(*fd, kind, target, &mut out),
                ast::IoRedirect::HereDocument(fd, document) => {
                    let body = if document.requires_expansion {
                        self.expand_heredoc(&document.doc.value)
                    } else {
                        document.doc.value.clone()
                    };
                    let body = if document.remove_tabs { without_tabs(&body) } else { body };
                    if fd.unwrap_or(0) == 0 {
                        out.stdin = Some(body);
                    }
                }
                ast::IoRedirect::HereString(fd, word) => {
                    let mut body = self.expand_single(&word.value);
                    body.push('\n');
                    if fd.unwrap_or(0) == 0 {
                        out.stdin = Some(body);
                    }
                }
                ast::IoRedirect::OutputAndError(word, append) => {
                    let path = self.expand_single(&word.value);
                    self.output_to(1, path, *append, &mut out);
                }
            }
        }
        out
    }

    fn file(
        &mut self,
        fd: Option<i32>,
        kind: &ast::IoFileRedirectKind,
        target: &ast::IoFileRedirectTarget,
        out: &mut Redirections,
    ) {
        let reads =
            matches!(kind, ast::IoFileRedirectKind::Read | ast::IoFileRedirectKind::DuplicateInput);
        let both = matches!(kind, ast::IoFileRedirectKind::ReadAndWrite);
        let append = matches!(kind, ast::IoFileRedirectKind::Append) || both;
        let fd = fd.unwrap_or(if reads || both { 0 } else { 1 });
        let path = match target {
            ast::IoFileRedirectTarget::Filename(word) => self.target(&word.value),
            ast::IoFileRedirectTarget::Fd(from) => return self.duplicate(*from, fd, reads, out),
            ast::IoFileRedirectTarget::ProcessSubstitution(kind, subshell) => {
                let read = matches!(kind, ast::ProcessSubstitutionKind::Read);
                let code = subshell.list.to_string();
                self.process_substitution(&code, read)
            }
            ast::IoFileRedirectTarget::Duplicate(word) => {
                let word = self.target(&word.value);
                let number = word.trim_end_matches('-');
                match number.parse() {
                    Ok(from) => return self.duplicate(from, fd, reads, out),
                    Err(_) if number.is_empty() => return,
                    // An end of a coprocess.
                    Err(_) if word.contains([text::SHELL_OUTPUT, text::FETCHED_UNSAFE]) => {
                        if reads {
                            out.stdin = Some(text::residue(&word));
                            out.network_in |= word.contains(text::FETCHED_UNSAFE);
                        } else {
                            out.network_out |= word.contains(text::FETCHED_UNSAFE);
                        }
                        return;
                    }
                    // `>& file` is `&> file`.
                    Err(_) => word,
                }
            }
        };
        if paths::is_network_device(&path) {
            self.state.network_fds.push(fd);
            out.network_in |= reads || both;
            out.network_out |= !reads;
            if fd == 0 {
                out.stdin = Some(text::residue(&text::FETCHED_UNSAFE.to_string()));
            }
            if !reads && !both {
                out.stdout.push((path, true));
            }
        } else if reads {
            if fd == 0 {
                out.stdin = Some(self.content(&path));
            }
        } else {
            self.output_to(fd, path, append, out);
        }
    }

    fn target(&mut self, raw: &str) -> String {
        let mut fields = self.expand_fields(raw);
        if fields.len() == 1 { fields.pop().unwrap_or_default() } else { fields.join(" ") }
    }

    fn duplicate(&mut self, from: i32, fd: i32, reads: bool, out: &mut Redirections) {
        if self.state.network_fds.contains(&from) {
            self.state.network_fds.push(fd);
            if reads || fd == 0 {
                out.network_in = true;
                out.stdin = Some(text::residue(&text::FETCHED_UNSAFE.to_string()));
            } else {
                out.network_out = true;
                out.stdout.push(("/dev/tcp/…".to_owned(), true));
            }
        }
    }

    fn output_to(&mut self, fd: i32, path: String, append: bool, out: &mut Redirections) {
        if paths::is_network_device(&path) {
            self.state.network_fds.push(fd);
            out.network_out = true;
            out.stdout.push((path, append));
        } else if fd == 1 {
            out.stdout.push((path, append));
        } else {
            out.others.push((path, append));
        }
    }

    /// Writes what was printed to where it goes; what still reaches standard output.
    pub(super) fn deliver(&mut self, redirections: &Redirections, output: String) -> String {
        for (path, append) in &redirections.others {
            self.write(&Write::new(path, &ANY.to_string()).appending(*append));
        }
        for (path, append) in &redirections.stdout {
            self.write(&Write::new(path, &output).appending(*append));
        }
        match redirections.stdout.last() {
            None => output,
            Some((path, _)) if is_stdout(path) => output,
            Some(_) => String::new(),
        }
    }
}

impl Redirections {
    /// As a person would write them.
    pub fn shown(&self) -> String {
        let all = self.stdout.iter().chain(&self.others);
        let parts: Vec<String> = all
            .map(|(path, append)| format!("{} {path}", if *append { ">>" } else { ">" }))
            .collect();
        parts.join(" ")
    }
}

fn is_stdout(path: &str) -> bool {
    matches!(path, "/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1" | "/dev/stderr" | "/dev/tty")
}

fn without_tabs(body: &str) -> String {
    body.split_inclusive('\n').map(|line| line.trim_start_matches('\t')).collect()
}
