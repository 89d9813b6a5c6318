//! `hale query "SQL"`

use hale_model::api::Query;
use hale_model::text::printable;
use hale_model::view::Table;
use serde_json::{Map, Value};

use crate::cli::{QueryArgs, TableFormat};
use crate::context::{Context, view};
use crate::exit::{Ended, Exit};
use crate::screen::{Columns, cell, width};

pub async fn run(context: &Context, arguments: QueryArgs) -> Ended {
    let desk = context.connect().await?;
    let query = Query::Sql { sql: arguments.sql, limit_rows: arguments.limit };
    let table = view!(desk.ask(query).await, Table);
    let format = if context.screen.json { TableFormat::Json } else { arguments.format };
    match format {
        TableFormat::Json => context.screen.print_json(&objects(&table))?,
        TableFormat::Table => context.screen.print(&aligned(&table))?,
        TableFormat::Md => context.screen.print(&markdown(&table))?,
        TableFormat::Csv => context.screen.print_data(&csv(&table))?,
    }
    if table.truncated {
        context
            .screen
            .talk(&format!("Only the first {} rows; --limit takes more.", table.rows.len()));
    }
    Ok(Exit::Done)
}

fn objects(table: &Table) -> Vec<Map<String, Value>> {
    let names = members(&table.columns);
    let object = |row: &Vec<Value>| names.iter().cloned().zip(row.iter().cloned()).collect();
    table.rows.iter().map(object).collect()
}

/// A name for each column. Of several columns of one name the later ones are `NAME_1`, `NAME_2`, … as in
/// DuckDB: an object holds a name once.
fn members(columns: &[String]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(columns.len());
    for (index, column) in columns.iter().enumerate() {
        let is_taken = |name: &String, names: &[String]| {
            names.contains(name) || columns.iter().skip(index + 1).any(|later| later == name)
        };
        let mut name = column.clone();
        let mut number = 0;
        while names.contains(&name) || (number > 0 && is_taken(&name, &names)) {
            number += 1;
            name = format!("{column}_{number}");
        }
        names.push(name);
    }
    names
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

fn aligned(table: &Table) -> String {
    let mut columns = Columns::new(&[], &[]);
    columns.row(table.columns.iter().map(|name| crate::screen::styled(name, crate::screen::DIM)));
    for row in &table.rows {
        columns.row(row.iter().map(|value| cell(shown(value))));
    }
    columns.render(width())
}

fn markdown(table: &Table) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let escaped = |text: &str| printable(text).replace('\\', "\\\\").replace('|', "\\|");
    let mut out = line(table.columns.iter().map(|name| escaped(name)).collect());
    out.push_str(&format!("|{}\n", "---|".repeat(table.columns.len())));
    for row in &table.rows {
        out.push_str(&line(row.iter().map(|value| escaped(&shown(value))).collect()));
    }
    out
}

/// RFC 4180.
fn csv(table: &Table) -> String {
    let field = |text: String| {
        if text.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text
        }
    };
    let line = |fields: Vec<String>| format!("{}\r\n", fields.join(","));
    let mut out = line(table.columns.iter().cloned().map(field).collect());
    for row in &table.rows {
        out.push_str(&line(row.iter().map(|value| field(shown(value))).collect()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn table() -> Table {
        Table {
            columns: vec!["a".to_owned(), "b|c".to_owned()],
            rows: vec![vec![json!(1), json!("x, \"y\"")], vec![Value::Null, json!("p|q\nr")]],
            truncated: false,
        }
    }

    #[test]
    fn rows_in_every_format() {
        assert_eq!(csv(&table()), "a,b|c\r\n1,\"x, \"\"y\"\"\"\r\n,\"p|q\nr\"\r\n");
        assert_eq!(
            markdown(&table()),
            "| a | b\\|c |\n|---|---|\n| 1 | x, \"y\" |\n|  | p\\|q\u{fffd}r |\n"
        );
        assert_eq!(
            serde_json::to_value(objects(&table())).unwrap_or_default(),
            json!([{"a": 1, "b|c": "x, \"y\""}, {"a": null, "b|c": "p|q\nr"}])
        );
        let twins = ["id", "id", "id_1", "x", "id"].map(str::to_owned);
        assert_eq!(members(&twins), ["id", "id_2", "id_1", "x", "id_3"]);
        let text = anstream::adapter::strip_str(&aligned(&table())).to_string();
        assert_eq!(text, "a  b|c\n1  x, \"y\"\n   p|q\u{fffd}r\n");
    }
}
