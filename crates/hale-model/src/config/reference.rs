//! The reference page of `config.toml`, made from the types.

use std::fmt::Write as _;

use serde_json::Value;

use super::Config;
use super::load::describe;
use super::shape::{self, Key, Shape};

/// `docs/reference/config.md`: every section and key with what it takes, its default and what it
/// is for.
pub fn reference_page() -> String {
    let mut page = String::from(
        "# config.toml\n\n\
         Every key is optional. An unknown key is an error that names the nearest right one.\n\
         `hale config check` reads the file and says what is wrong; `hale config show` prints what\n\
         is in force. This page is generated from the types in `crates/hale-model/src/config.rs`.\n",
    );
    let defaults = serde_json::to_value(Config::default()).unwrap_or_default();
    let Shape::Table(sections) = shape::of_config() else { return page };
    for section in sections {
        if let Shape::List(item) = &section.shape
            && let Shape::Table(keys) = &**item
        {
            let _ = write!(page, "\n## `[[{}]]`\n\n{}\n\n", section.name, section.about);
            let one = one_of(&section.name);
            page.push_str(&table(keys, |key| one.get(key)));
            continue;
        }
        let _ = write!(page, "\n## `[{}]`\n\n{}\n\n", section.name, section.about);
        let Shape::Table(keys) = &section.shape else { continue };
        let path = format!("/{}", section.name);
        page.push_str(&table(keys, |key| defaults.pointer(&format!("{path}/{key}"))));
        for key in keys {
            // A list of tables has a section of its own.
            let Shape::List(item) = &key.shape else { continue };
            let Shape::Table(inner) = &**item else { continue };
            let _ = write!(page, "\n### `[[{}.{}]]`\n\n{}\n\n", section.name, key.name, key.about);
            let path = format!("{path}/{}/0", key.name);
            page.push_str(&table(inner, |key| defaults.pointer(&format!("{path}/{key}"))));
        }
    }
    page
}

/// A table of this list in which nothing is said.
fn one_of(list: &str) -> Value {
    let config = serde_json::json!({ list: [{}] });
    let config = serde_json::from_value::<Config>(config).unwrap_or_default();
    let mut config = serde_json::to_value(config).unwrap_or_default();
    config.pointer_mut(&format!("/{list}/0")).map(Value::take).unwrap_or_default()
}

fn table<'a>(keys: &[Key], default: impl Fn(&str) -> Option<&'a Value>) -> String {
    let mut table = String::from("| key | default | takes | what it is for |\n|---|---|---|---|\n");
    for key in keys {
        let default = match default(&key.name) {
            None | Some(Value::Null) => "not set".to_owned(),
            Some(Value::Array(items)) if items.iter().any(Value::is_object) => {
                "see below".to_owned()
            }
            Some(value) => format!("`{value}`"),
        };
        let _ = writeln!(
            table,
            "| `{}` | {} | {} | {} |",
            key.name,
            default.replace('|', "\\|"),
            describe(&key.shape),
            key.about.replace('\n', " ").replace('|', "\\|")
        );
    }
    table
}
