//! What came of the drills, as a table and as JSON.

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

/// One fault and what became of it.
#[derive(Clone, Default, Serialize)]
pub struct Row {
    /// The drill.
    pub name: String,
    /// Why it was not played.
    pub skipped: Option<String>,
    /// From the fault to the alert.
    pub secs_to_alert: Option<f64>,
    /// The cause that hale named.
    pub cause: Option<String>,
    /// Where the diagnosis comes from.
    pub diagnosis_by: Option<String>,
    /// Whether that is the cause.
    pub diagnosis_right: bool,
    /// Whether exactly the right thing was done, or rightly nothing.
    pub action_right: bool,
    /// From the fault to a cure that hale verified and the world confirms.
    pub secs_to_recovery: Option<f64>,
    /// Where the incident ended.
    pub state: String,
    /// Whether a person has to decide.
    pub person: bool,
    /// Whether the action eases the trouble and does not end it.
    pub eased: bool,
    /// Whether there is no fault at all.
    pub quiet: bool,
    /// What else was touched.
    pub harmed: Vec<String>,
    /// What was done that nobody asked for.
    pub false_actions: Vec<String>,
    /// How often the agent was killed meanwhile.
    pub kills: u32,
    /// Everything else that is not as it should be.
    pub problems: Vec<String>,
    /// Every alert that was heard: kind and subject.
    pub alerts: Vec<String>,
    /// Only if something is wrong: all incidents.
    pub incidents: Option<serde_json::Value>,
    /// Only if something is wrong: the end of the agent's log.
    pub log: Option<String>,
}

impl Row {
    /// A row with nothing in it yet.
    pub fn new(name: &str) -> Row {
        Row { name: name.to_owned(), ..Row::default() }
    }

    /// A drill that cannot be played here.
    pub fn skipped(name: &str, why: &str) -> Row {
        Row { skipped: Some(why.to_owned()), ..Row::new(name) }
    }

    /// A drill that broke.
    pub fn failed(name: &str, why: &str) -> Row {
        Row { problems: vec![why.to_owned()], ..Row::new(name) }
    }

    /// Whether all of it is as it should be.
    pub fn right(&self) -> bool {
        if self.skipped.is_some() {
            return true;
        }
        let clean =
            self.harmed.is_empty() && self.false_actions.is_empty() && self.problems.is_empty();
        let found = self.secs_to_alert.is_some() && self.diagnosis_right && self.action_right;
        let over = self.person || self.secs_to_recovery.is_some();
        clean && (self.quiet || (found && over))
    }

    /// What is wrong with it, on several lines.
    pub fn complaint(&self) -> String {
        let cause = self.cause.as_deref().unwrap_or("none");
        let mut text = format!("{}: cause {cause}, incident {}", self.name, self.state);
        for line in self.problems.iter().chain(&self.harmed).chain(&self.false_actions) {
            text.push_str(&format!("\n  {line}"));
        }
        text
    }

    fn cells(&self) -> Vec<String> {
        if let Some(why) = &self.skipped {
            return vec![self.name.clone(), format!("SKIPPED: {why}")];
        }
        let secs = |value: Option<f64>| value.map_or("–".to_owned(), |s| format!("{s:.1}"));
        let yes = |right: bool| {
            if self.quiet {
                "–"
            } else if right {
                "yes"
            } else {
                "NO"
            }
            .to_owned()
        };
        let recovery = match self.secs_to_recovery {
            Some(s) if self.eased => format!("{s:.1} (eased)"),
            Some(s) => format!("{s:.1}"),
            None if self.person => "left to a person".to_owned(),
            None if self.quiet => "–".to_owned(),
            None => "NO".to_owned(),
        };
        let count = |items: &[String]| items.len().to_string();
        vec![
            self.name.clone(),
            secs(self.secs_to_alert),
            yes(self.diagnosis_right),
            self.diagnosis_by.clone().unwrap_or_else(|| "–".to_owned()),
            yes(self.action_right),
            recovery,
            count(&self.harmed),
            count(&self.false_actions),
        ]
    }
}

/// The table, and below it what went wrong.
pub fn render(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header([
        "fault",
        "s to alert",
        "diagnosis right",
        "from",
        "action right",
        "s to verified recovery",
        "bystanders harmed",
        "false actions",
    ]);
    for row in rows {
        table.add_row(row.cells());
    }
    let mut text = table.to_string();
    for row in rows.iter().filter(|row| !row.right()) {
        text.push_str(&format!("\n{}", row.complaint()));
    }
    text
}
