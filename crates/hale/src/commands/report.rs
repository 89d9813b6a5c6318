//! `hale report`

use hale_model::Timestamp;
use hale_model::api::Query;
use hale_model::text::{self, printable};
use hale_model::view::ReportView;

use super::show;
use crate::context::{Context, view};
use crate::exit::{Ended, Failure};
use crate::screen::{BOLD, Columns, DIM, cell, local, paint, secs_between, width};

pub async fn run(context: &Context, since_secs: u64) -> Ended {
    let span = i64::try_from(since_secs).ok().map(jiff::SignedDuration::from_secs);
    let since = span.and_then(|span| Timestamp::now().checked_sub(span).ok()).ok_or_else(|| {
        Failure::usage(format!("{since_secs} s ago is before all time"), "write --since 7d")
    })?;
    let desk = context.connect().await?;
    let report = view!(desk.ask(Query::Report { since }).await, Report);
    context.screen.answer(&report, |report| shown(report))
}

fn shown(report: &ReportView) -> String {
    let span = text::duration(secs_between(report.since, report.until));
    let mut out = format!(
        "{}  {}\n{}\n",
        paint(BOLD, &printable(report.machine_id.as_str())),
        paint(DIM, &format!("{} to {} ({span})", local(report.since), local(report.until))),
        paint(DIM, &format!("telemetry covers {:.0} % of that time", report.coverage * 100.0)),
    );
    let mut section = |name: &str, body: String| {
        out.push_str(&format!("\n{}\n{body}", paint(BOLD, name)));
        if !out.ends_with('\n') {
            out.push('\n');
        }
    };
    section("Incidents", show::incidents(&report.incidents));
    if !report.alert_counts.is_empty() {
        let mut columns = Columns::new(&["COUNT", "OPEN FOR", "KIND"], &[0]);
        for count in &report.alert_counts {
            columns.row([
                cell(count.count.to_string()),
                cell(text::duration(count.open_secs)),
                cell(&count.kind),
            ]);
        }
        section("Alerts", columns.render(width()));
    }
    let mut actions = Columns::new(&["COUNT", "ACTION", "ENDED"], &[0]);
    for count in &report.action_counts {
        actions.row([cell(count.count.to_string()), cell(&count.kind), cell(&count.state)]);
    }
    let none = "No actions.".to_owned();
    section("Actions", if actions.is_empty() { none } else { actions.render(width()) });
    if !report.trends.is_empty() {
        let mut columns = Columns::new(&["LEAST", "MEAN", "MOST", "LAST", "METRIC"], &[0, 1, 2, 3]);
        for trend in &report.trends {
            let figure = |value: f64| cell(format!("{value:.1}"));
            columns.row([
                figure(trend.min),
                figure(trend.mean),
                figure(trend.max),
                figure(trend.last),
                cell(&trend.metric),
            ]);
        }
        section("Trends", columns.render(width()));
    }
    if !report.predictions.is_empty() {
        let mut columns = Columns::new(&["IN", "SURE", "WHAT"], &[]);
        for prediction in &report.predictions {
            columns.row([
                cell(text::duration(prediction.eta_secs)),
                cell(format!("{:.0} %", prediction.confidence * 100.0)),
                cell(&prediction.text),
            ]);
        }
        section("Expected", columns.render(width()));
    }
    out
}
