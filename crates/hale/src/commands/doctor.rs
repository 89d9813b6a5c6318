//! `hale doctor`

use hale_model::api::{ApiError, Query};
use hale_model::text::printable;
use hale_model::view::{DoctorCheck, DoctorView};

use unicode_width::UnicodeWidthStr as _;

use crate::context::{Context, view};
use crate::exit::{Ended, Exit, Failure};
use crate::screen::{ALARM, DIM, GREEN, PLAIN, YELLOW, paint, width, wrap};

/// Arguments of `hale doctor`.
#[derive(Debug, clap::Args)]
pub struct DoctorArgs {
    /// Also ask each language model's provider whether it takes the key and has the model; costs nothing
    #[arg(long)]
    online: bool,
}

pub async fn run(context: &Context, arguments: DoctorArgs) -> Ended {
    let mut doctor = match context.connect().await {
        Ok(desk) => view!(desk.ask(Query::Doctor).await, Doctor),
        // A wrong configuration, or an agent out of reach, is a finding like any other.
        Err(Failure::Told(error)) => DoctorView { checks: vec![finding(error)] },
        Err(Failure::NobodyReads) => return Err(Failure::NobodyReads),
    };
    if arguments.online
        && let Ok(settings) = context.settings()
    {
        let asked = hale_engine::probe_models(&settings).await;
        put_in_place(&mut doctor, asked);
    }
    context.screen.answer(&doctor, shown)?;
    let failed = doctor.checks.iter().any(|check| check.state == "failed");
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

/// What the providers said, in the place of what is known without asking them.
fn put_in_place(doctor: &mut DoctorView, asked: Vec<DoctorCheck>) {
    let is_of_a_model = |check: &DoctorCheck| check.name.starts_with("model ");
    let is_replaced = |check: &DoctorCheck| asked.iter().any(|a| a.name == check.name);
    let at = doctor.checks.iter().position(is_of_a_model).unwrap_or(doctor.checks.len());
    doctor.checks.retain(|check| !is_replaced(check));
    let at = at.min(doctor.checks.len());
    doctor.checks.splice(at..at, asked);
}

fn finding(error: ApiError) -> DoctorCheck {
    DoctorCheck {
        name: "start".to_owned(),
        state: "failed".to_owned(),
        found: error.message,
        fix: error.hint,
    }
}

/// Checks, one below the other.
pub(super) fn lines(checks: &[DoctorCheck]) -> String {
    let names = checks.iter().map(|check| check.name.width()).max().unwrap_or(0);
    let room = width().saturating_sub(names + 5);
    let mut out = String::new();
    for check in checks {
        let (mark, style) = match check.state.as_str() {
            "ok" => ("✓", GREEN),
            "warning" => ("!", YELLOW),
            "failed" => ("✗", ALARM),
            "absent" => ("–", DIM),
            _ => ("?", PLAIN),
        };
        let pad = " ".repeat(names.saturating_sub(check.name.width()));
        let mut lead = format!("{}  {}{pad}  ", paint(style, mark), printable(&check.name));
        let found: Vec<String> = check.found.lines().flat_map(|line| wrap(line, room)).collect();
        let fix = check.fix.iter().flat_map(|fix| wrap(&format!("→ {fix}"), room));
        for line in found.into_iter().chain(fix.map(|line| paint(DIM, &line))) {
            out.push_str(format!("{lead}{line}").trim_end());
            out.push('\n');
            lead = " ".repeat(names + 5);
        }
    }
    out
}

fn shown(doctor: &DoctorView) -> String {
    let out = lines(&doctor.checks);
    let count = |state: &str| doctor.checks.iter().filter(|c| c.state == state).count();
    let sum = match (count("failed"), count("warning")) {
        (0, 0) => paint(GREEN, "All is well."),
        (0, warnings) => paint(YELLOW, &format!("{warnings} to look at.")),
        (failed, warnings) => paint(ALARM, &format!("{failed} failed, {warnings} to look at.")),
    };
    format!("{out}\n{sum}\n")
}
