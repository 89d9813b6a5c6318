//! Pages that are generated from the code and committed under docs/reference; a test fails when
//! they differ.

use std::fmt::Write as _;

use clap::CommandFactory as _;
use hale_model::api::ApiError;
use hale_model::knowledge::RunbookView;
use hale_model::playbook::{Playbook, PlaybooksView};
use hale_model::view::{
    AlertsView, ApprovalsView, Envelope, HealthView, IncidentsView, MachinesView, StatusView,
    TriageView,
};
use serde_json::{Map, Value};

use crate::cli::Cli;

/// The JSON Schema of every robot envelope, by command.
pub fn robot_schemas() -> Map<String, Value> {
    let mut schemas = Map::new();
    let mut add = |name: &str, schema: schemars::Schema| {
        let mut schema = schema.to_value();
        schema["title"] = Value::String(format!("hale robot {name}"));
        schemas.insert(format!("hale.robot.{name}.v1"), schema);
    };
    add("health", schemars::schema_for!(Envelope<HealthView>));
    add("triage", schemars::schema_for!(Envelope<TriageView>));
    add("status", schemars::schema_for!(Envelope<StatusView>));
    add("machine", schemars::schema_for!(Envelope<StatusView>));
    add("machines", schemars::schema_for!(Envelope<MachinesView>));
    add("alerts", schemars::schema_for!(Envelope<AlertsView>));
    add("incidents", schemars::schema_for!(Envelope<IncidentsView>));
    add("approvals", schemars::schema_for!(Envelope<ApprovalsView>));
    add("services", schemars::schema_for!(Envelope<hale_model::traffic::ServicesView>));
    add("runbook", schemars::schema_for!(Envelope<RunbookView>));
    add("playbooks", schemars::schema_for!(Envelope<PlaybooksView>));
    add("error", schemars::schema_for!(Envelope<ApiError>));
    schemas
}

/// `docs/reference/robot-schemas.json`
pub fn robot_schemas_page() -> String {
    serde_json::to_string_pretty(&robot_schemas()).unwrap_or_default() + "\n"
}

/// `docs/reference/playbook.schema.json`
pub fn playbook_page() -> String {
    let mut schema = schemars::schema_for!(Playbook).to_value();
    schema["title"] = Value::String("A playbook of hale".to_owned());
    serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
}

/// `docs/reference/cli.md`
pub fn cli_page() -> String {
    let mut page = String::from(
        "# Commands\n\nGenerated from the command line's own definition. stdout is data, stderr is talk; \
         `--json` works everywhere; colour only on a terminal and never with `NO_COLOR`.\n",
    );
    let mut root = Cli::command().term_width(100).color(clap::ColorChoice::Never);
    root.build();
    describe(&mut page, root, "hale");
    page
}

fn describe(page: &mut String, command: clap::Command, path: &str) {
    // `help` repeats what is here.
    if command.is_hide_set() || path.ends_with(" help") {
        return;
    }
    // What works everywhere is told once.
    let mut shown = match path {
        "hale" => command.clone(),
        _ => command.clone().mut_args(|arg| if arg.is_global_set() { arg.hide(true) } else { arg }),
    };
    let help = shown.render_help();
    let _ = write!(page, "\n## `{path}`\n\n```text\n{}\n```\n", help.to_string().trim_end());
    for inner in command.get_subcommands() {
        let path = format!("{path} {}", inner.get_name());
        describe(page, inner.clone(), &path);
    }
}
