//! Whether a playbook that could be read makes sense: names, limits, conditions that compile, steps
//! that have what they need and nothing else, commands that the guard would not refuse for good.

use hale_model::action::{ActionKind, Risk};
use hale_model::alert::AlertKind;
use hale_model::playbook::{PLAYBOOK_SCHEMA, Playbook, PlaybookProblem, Span, Step};

use super::facts;
use super::read::{self, line_of, nearest};
use super::target::Target;
use crate::decide::shell;
use crate::detect::expression::{Expression, Names};
use crate::detect::message;

/// Rungs of a ladder, and steps of a rung.
const RUNGS_MAX: usize = 10;
const STEPS_MAX: usize = 10;
/// Conditions of a trigger, and observations of a diagnosis.
const CONDITIONS_MAX: usize = 20;
/// Members of any other list.
const LIST_MAX: usize = 64;
/// Text of any key, in bytes.
const TEXT_BYTES_MAX: usize = 4096;
const HOLD_MAX: Span = Span::of_secs(3600);
const WITHIN_MAX: Span = Span::of_secs(86_400);
const WEEK: Span = Span::of_secs(7 * 86_400);
/// A kind so like a built-in one (Jaro-Winkler, 0..1) is taken for a slip.
const SLIP_LIKENESS: f64 = 0.93;

/// The conditions of a playbook, ready to be asked.
#[derive(Clone, Debug)]
pub(super) struct Conditions {
    pub(super) when: Vec<Expression>,
    pub(super) evidence: Vec<Expression>,
    pub(super) rungs: Vec<Option<Expression>>,
}

/// What is wrong, all of it.
struct Findings<'a> {
    file: &'a str,
    text: &'a str,
    problems: Vec<PlaybookProblem>,
}

impl Findings<'_> {
    fn add(&mut self, field: &str, near: &str, what: impl Into<String>, hint: Option<String>) {
        self.problems.push(PlaybookProblem {
            file: self.file.to_owned(),
            line: line_of(self.text, field, near),
            field: field.to_owned(),
            what: what.into(),
            hint,
        });
    }

    fn unless(&mut self, right: bool, field: &str, near: &str, what: impl Into<String>) {
        if !right {
            self.add(field, near, what, None);
        }
    }
}

/// Checks a playbook. Call it where the stack is deep enough for conditions.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn check(
    file: &str,
    text: &str,
    playbook: &Playbook,
) -> Result<Conditions, Vec<PlaybookProblem>> {
    let mut found = Findings { file, text, problems: Vec::new() };
    head(&mut found, playbook);
    trigger(&mut found, playbook);
    let conditions = conditions(&mut found, playbook);
    diagnosis(&mut found, playbook);
    treatment(&mut found, playbook);
    verification(&mut found, playbook);
    escalation(&mut found, playbook);
    if found.problems.is_empty() { Ok(conditions) } else { Err(found.problems) }
}

fn head(found: &mut Findings<'_>, playbook: &Playbook) {
    if !read::is_this_schema(playbook) {
        let what = "this version of the format is not known";
        let hint = format!("write `schema: {PLAYBOOK_SCHEMA}`");
        found.add("schema", &playbook.schema, what, Some(hint));
    }
    let name = &playbook.name;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let right =
        !name.is_empty() && name.len() <= 64 && !name.starts_with('-') && name.chars().all(plain);
    found.unless(right, "name", name, "a name is at most 64 of a-z, 0-9 and `-`");
    found.unless(playbook.version > 0, "version", "", "versions are counted from 1");
    words(found, "title", &playbook.title, 200);
    let described = playbook.description.len() <= TEXT_BYTES_MAX;
    let too_long = format!("longer than {TEXT_BYTES_MAX} bytes");
    found.unless(described, "description", "", too_long);
}

fn words(found: &mut Findings<'_>, field: &str, text: &str, bytes_max: usize) {
    if text.trim().is_empty() {
        found.add(field, "", "it is empty", None);
    } else if text.len() > bytes_max {
        found.add(field, text, format!("longer than {bytes_max} bytes"), None);
    }
}

fn trigger(found: &mut Findings<'_>, playbook: &Playbook) {
    let trigger = &playbook.trigger;
    if trigger.alerts.is_empty() {
        let hint = "name at least one kind of alert: `alerts: [disk.space]`".to_owned();
        found.add("trigger.alerts", "", "no kind of alert is named", Some(hint));
    }
    for (field, count) in [
        ("trigger.alerts", trigger.alerts.len()),
        ("trigger.subject", trigger.subject.len()),
        ("trigger.labels", trigger.labels.len()),
    ] {
        found.unless(count <= LIST_MAX, field, "", format!("more than {LIST_MAX} of them"));
    }
    for kind in &trigger.alerts {
        if let AlertKind::Rule(name) = kind {
            alert_kind(found, name);
        }
    }
}

/// Rules and reports may have kinds of their own; a slip of the pen is none.
fn alert_kind(found: &mut Findings<'_>, name: &str) {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':');
    if name.is_empty() || name.len() > 128 || !name.chars().all(plain) {
        found.add("trigger.alerts", name, "no kind of alert is called that", None);
        return;
    }
    let likeness = |kind: &&AlertKind| strsim::jaro_winkler(name, kind.as_str()) >= SLIP_LIKENESS;
    if let Some(kind) = AlertKind::BUILT_IN.iter().find(likeness) {
        let what = format!("no kind of alert `{name}`");
        found.add("trigger.alerts", name, what, Some(format!("did you mean `{kind}`?")));
    }
}

fn conditions(found: &mut Findings<'_>, playbook: &Playbook) -> Conditions {
    let names = facts::names();
    let many = |field: &str, sources: Vec<&str>, found: &mut Findings<'_>| -> Vec<Expression> {
        if sources.len() > CONDITIONS_MAX {
            found.add(field, "", format!("more than {CONDITIONS_MAX} of them"), None);
            return Vec::new();
        }
        sources.into_iter().filter_map(|s| compile(found, field, s, &names)).collect()
    };
    let when = playbook.trigger.when.iter().map(String::as_str).collect();
    let evidence = playbook.diagnosis.evidence.iter().map(|c| c.check.as_str()).collect();
    let when = many("trigger.when", when, found);
    let evidence = many("diagnosis.evidence.check", evidence, found);
    let rungs = playbook.treatment.iter().take(RUNGS_MAX);
    let rungs = rungs
        .map(|rung| rung.when.as_deref().and_then(|s| compile(found, "treatment.when", s, &names)))
        .collect();
    Conditions { when, evidence, rungs }
}

fn compile(
    found: &mut Findings<'_>,
    field: &str,
    source: &str,
    names: &Names,
) -> Option<Expression> {
    match Expression::compile(source, names) {
        Ok(expression) => Some(expression),
        Err(why) => {
            found.add(field, source, why, None);
            None
        }
    }
}

fn diagnosis(found: &mut Findings<'_>, playbook: &Playbook) {
    let diagnosis = &playbook.diagnosis;
    let kind = &diagnosis.cause_kind;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let right = kind.starts_with(|c: char| c.is_ascii_lowercase())
        && kind.len() <= 64
        && kind.chars().all(plain);
    let what = "a cause is at most 64 of a-z, 0-9 and `_`, a letter first";
    found.unless(right, "diagnosis.cause_kind", kind, what);
    words(found, "diagnosis.explanation", &diagnosis.explanation, TEXT_BYTES_MAX);
    let sure = (0.0..=1.0).contains(&diagnosis.confidence);
    found.unless(sure, "diagnosis.confidence", "", "it is between 0 and 1");
    for check in &diagnosis.evidence {
        words(found, "diagnosis.evidence.says", &check.says, TEXT_BYTES_MAX);
    }
}

fn treatment(found: &mut Findings<'_>, playbook: &Playbook) {
    let ladder = &playbook.treatment;
    if ladder.is_empty() || ladder.len() > RUNGS_MAX {
        found.add("treatment", "", format!("a ladder has 1 to {RUNGS_MAX} rungs"), None);
    }
    for (at, rung) in ladder.iter().take(RUNGS_MAX).enumerate() {
        words(found, "treatment.rung", &rung.rung, 100);
        if ladder.iter().take(at).any(|earlier| earlier.rung == rung.rung) {
            found.add("treatment.rung", &rung.rung, "two rungs have this name", None);
        }
        if rung.steps.is_empty() || rung.steps.len() > STEPS_MAX {
            let what = format!("a rung has 1 to {STEPS_MAX} steps");
            found.add("treatment.steps", &rung.rung, what, None);
        }
        for step in rung.steps.iter().take(STEPS_MAX) {
            words(found, "treatment.steps.why", &step.why, TEXT_BYTES_MAX);
            keys(found, step);
            step_values(found, step);
        }
    }
}

/// The keys that an action takes: those it needs, then those it may have.
fn keys_of(kind: ActionKind) -> (&'static [&'static str], &'static [&'static str]) {
    match kind {
        ActionKind::ProcessKill => (&[], &["force", "grace"]),
        ActionKind::ProcessRenice => (&["nice"], &[]),
        ActionKind::DiskClean => {
            (&[], &["means", "journal_keep_mib", "older_than", "free_percent"])
        }
        ActionKind::CommandRun => (&["command"], &["timeout"]),
        ActionKind::Notify => (&["message"], &["severity"]),
        ActionKind::ContainerSetMemory => (&["memory_factor"], &[]),
        // One of the two: `step_values` asks for it.
        ActionKind::K8sScale => (&[], &["replicas", "replicas_by"]),
        ActionKind::ProcessPause
        | ActionKind::ServiceRestart
        | ActionKind::ServiceStart
        | ActionKind::ServiceStop
        | ActionKind::MemoryDropCaches
        | ActionKind::ContainerRestart
        | ActionKind::ContainerStart
        | ActionKind::ContainerStop
        | ActionKind::K8sRolloutRestart
        | ActionKind::K8sRollback => (&[], &[]),
    }
}

fn keys(found: &mut Findings<'_>, step: &Step) {
    let given = [
        ("force", step.force.is_some()),
        ("grace", step.grace.is_some()),
        ("nice", step.nice.is_some()),
        ("means", step.means.is_some()),
        ("journal_keep_mib", step.journal_keep_mib.is_some()),
        ("older_than", step.older_than.is_some()),
        ("free_percent", step.free_percent.is_some()),
        ("memory_factor", step.memory_factor.is_some()),
        ("replicas", step.replicas.is_some()),
        ("replicas_by", step.replicas_by.is_some()),
        ("command", step.command.is_some()),
        ("timeout", step.timeout.is_some()),
        ("message", step.message.is_some()),
        ("severity", step.severity.is_some()),
    ];
    let (needed, allowed) = keys_of(step.action);
    for (key, is_given) in given {
        let field = format!("treatment.steps.{key}");
        if is_given && !needed.contains(&key) && !allowed.contains(&key) {
            let mut all: Vec<&str> = needed.iter().chain(allowed).copied().collect();
            all.sort_unstable();
            let takes = if all.is_empty() { "no key of its own".into() } else { all.join(", ") };
            let what = format!("`{}` has no use for it; it takes {takes}", step.action);
            found.add(&field, "", what, None);
        } else if !is_given && needed.contains(&key) {
            found.add(&field, step.action.as_str(), format!("`{}` needs it", step.action), None);
        }
    }
}

fn step_values(found: &mut Findings<'_>, step: &Step) {
    match Target::parse(&step.target) {
        Err(what) => {
            let words = ["subject", "owner", "culprit"];
            let near = nearest(&step.target, words.into_iter());
            let hint = near.map(|near| format!("did you mean `{near}`?"));
            found.add("treatment.steps.target", &step.target, what, hint);
        }
        Ok(target) => {
            if let Err(what) = target.fits(step.action) {
                found.add("treatment.steps.target", &step.target, what, None);
            }
        }
    }
    let nice = step.nice.is_none_or(|nice| (-20..=19).contains(&nice));
    found.unless(nice, "treatment.steps.nice", "", "it is between -20 and 19");
    let free = step.free_percent.is_none_or(|free| (0.0..=100.0).contains(&free));
    found.unless(free, "treatment.steps.free_percent", "", "it is between 0 and 100");
    let one_number = step.replicas.is_some() != step.replicas_by.is_some();
    let scales = step.action == ActionKind::K8sScale;
    let what = "`k8s.scale` needs either `replicas` or `replicas_by`";
    found.unless(!scales || one_number, "treatment.steps.replicas", "k8s.scale", what);
    let factor = step.memory_factor.is_none_or(|factor| (0.1..=16.0).contains(&factor));
    found.unless(factor, "treatment.steps.memory_factor", "", "it is between 0.1 and 16");
    let keep = step.journal_keep_mib.is_none_or(|mib| (1..=1_048_576).contains(&mib));
    let what = "it is between 1 and 1048576 MiB";
    found.unless(keep, "treatment.steps.journal_keep_mib", "", what);
    let hour = Span::of_secs(3600);
    let soon = |span: Option<Span>| span.is_none_or(|span| span.secs > 0 && span <= hour);
    found.unless(soon(step.timeout), "treatment.steps.timeout", "", "it is between 1s and 1h");
    found.unless(soon(step.grace), "treatment.steps.grace", "", "it is between 1s and 1h");
    if let Some(message) = &step.message {
        words(found, "treatment.steps.message", message, TEXT_BYTES_MAX);
    }
    if let Some(command) = &step.command {
        words(found, "treatment.steps.command", command, TEXT_BYTES_MAX);
        figures(found, command);
        refused_command(found, command);
    }
}

/// A figure becomes one quoted word: it must not stand within quotes of the command's own, where its
/// quotes would be text and what they hold would not be.
fn figures(found: &mut Findings<'_>, command: &str) {
    let field = "treatment.steps.command";
    let name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | ':');
    for figure in message::placeholders(command) {
        if figure.is_empty() || !figure.chars().all(name) {
            let what = format!("`{{{figure}}}` is no figure");
            let hint = "braces hold the name of a figure, such as {mount_point}; the shell's own \
                        braces cannot be used"
                .to_owned();
            found.add(field, command, what, Some(hint));
        }
    }
    let mut quote = None;
    for c in command.chars() {
        match (quote, c) {
            (None, '\'' | '"' | '`') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (Some(_), '{') => {
                let hint = "a figure is quoted by hale: leave out the quotes around it".to_owned();
                found.add(field, command, "a figure stands within quotes", Some(hint));
                return;
            }
            _ => {}
        }
    }
}

/// A command that the guard refuses for good is refused here already.
fn refused_command(found: &mut Findings<'_>, command: &str) {
    let judged = shell::judge(&super::with_samples(command));
    if judged.risk >= Risk::Deny {
        let why = judged.rules.first().map(|hit| hit.text.clone()).unwrap_or_default();
        let what = format!("the guard refuses this command: {why}");
        found.add("treatment.steps.command", command, what, None);
    }
}

fn verification(found: &mut Findings<'_>, playbook: &Playbook) {
    let wanted = &playbook.verification;
    let hold = wanted.hold.unwrap_or_default();
    found.unless(hold <= HOLD_MAX, "verification.hold", "", format!("at most {HOLD_MAX}"));
    let within = wanted.within.unwrap_or(WITHIN_MAX);
    found.unless(
        within <= WITHIN_MAX && within.secs > 0,
        "verification.within",
        "",
        format!("it is between 1s and {WITHIN_MAX}"),
    );
    let what = "what must hold so long cannot be seen within `within`";
    found.unless(hold <= within, "verification.hold", "", what);
    let free = wanted.mount_free_percent.is_none_or(|free| (0.0..=100.0).contains(&free));
    found.unless(free, "verification.mount_free_percent", "", "it is between 0 and 100");
    for (field, list) in [
        ("verification.units_active", &wanted.units_active),
        ("verification.http_ok", &wanted.http_ok),
        ("verification.tcp_open", &wanted.tcp_open),
    ] {
        found.unless(list.len() <= LIST_MAX, field, "", format!("more than {LIST_MAX} of them"));
    }
    for url in &wanted.http_ok {
        let right = url.starts_with("http://") || url.starts_with("https://");
        found.unless(right, "verification.http_ok", url, "a URL begins with http:// or https://");
    }
    for address in &wanted.tcp_open {
        let port = address.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
        let what = "an address has a port: 127.0.0.1:5432";
        found.unless(port.is_some(), "verification.tcp_open", address, what);
    }
    for unit in &wanted.units_active {
        let what = "a unit is named in full: nginx.service";
        found.unless(unit.contains('.'), "verification.units_active", unit, what);
    }
}

fn escalation(found: &mut Findings<'_>, playbook: &Playbook) {
    let escalation = &playbook.escalation;
    words(found, "escalation.tell", &escalation.tell, 200);
    if let Some(message) = &escalation.message {
        words(found, "escalation.message", message, TEXT_BYTES_MAX);
    }
    let after = escalation.after.is_none_or(|after| after.secs > 0 && after <= WEEK);
    found.unless(after, "escalation.after", "", format!("it is between 1s and {WEEK}"));
    let few = escalation.commands.len() <= LIST_MAX;
    found.unless(few, "escalation.commands", "", format!("more than {LIST_MAX} of them"));
}
