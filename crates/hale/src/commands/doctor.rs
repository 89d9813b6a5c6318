//! `hale doctor`

use hale_model::api::{ApiError, Query};
use hale_model::view::{DoctorCheck, DoctorView};

use crate::context::{Context, view};
use crate::exit::{Ended, Exit, Failure};
use crate::screen::{ALARM, Columns, DIM, GREEN, PLAIN, YELLOW, cell, paint, styled, width};

pub async fn run(context: &Context) -> Ended {
    let doctor = match context.connect().await {
        Ok(desk) => view!(desk.ask(Query::Doctor).await, Doctor),
        // A wrong configuration, or an agent out of reach, is a finding like any other.
        Err(Failure::Told(error)) => DoctorView { checks: vec![finding(error)] },
        Err(Failure::NobodyReads) => return Err(Failure::NobodyReads),
    };
    context.screen.answer(&doctor, shown)?;
    let failed = doctor.checks.iter().any(|check| check.state == "failed");
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

fn finding(error: ApiError) -> DoctorCheck {
    DoctorCheck {
        name: "start".to_owned(),
        state: "failed".to_owned(),
        found: error.message,
        fix: error.hint,
    }
}

fn shown(doctor: &DoctorView) -> String {
    let mut columns = Columns::new(&[], &[]);
    for check in &doctor.checks {
        let (mark, style) = match check.state.as_str() {
            "ok" => ("✓", GREEN),
            "warning" => ("!", YELLOW),
            "failed" => ("✗", ALARM),
            "absent" => ("–", DIM),
            _ => ("?", PLAIN),
        };
        columns.row([styled(mark, style), cell(&check.name), cell(&check.found)]);
        if let Some(fix) = &check.fix {
            columns.row([cell(""), cell(""), styled(format!("→ {fix}"), DIM)]);
        }
    }
    let count = |state: &str| doctor.checks.iter().filter(|c| c.state == state).count();
    let sum = match (count("failed"), count("warning")) {
        (0, 0) => paint(GREEN, "All is well."),
        (0, warnings) => paint(YELLOW, &format!("{warnings} to look at.")),
        (failed, warnings) => paint(ALARM, &format!("{failed} failed, {warnings} to look at.")),
    };
    format!("{}\n{sum}\n", columns.render(width()))
}
