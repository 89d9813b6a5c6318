//! The reference page of `config.toml`, made from the types.

use std::fmt::Write as _;

use super::Config;
use super::load::describe;
use super::shape::{self, Shape};

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
        let _ = write!(page, "\n## `[{}]`\n\n{}\n\n", section.name, section.about);
        page.push_str("| key | default | takes | what it is for |\n|---|---|---|---|\n");
        let Shape::Table(keys) = &section.shape else { continue };
        for key in keys {
            let default = match defaults.pointer(&format!("/{}/{}", section.name, key.name)) {
                None | Some(serde_json::Value::Null) => "not set".to_owned(),
                Some(value) => format!("`{value}`"),
            };
            let _ = writeln!(
                page,
                "| `{}` | {} | {} | {} |",
                key.name,
                default.replace('|', "\\|"),
                describe(&key.shape),
                key.about.replace('\n', " ").replace('|', "\\|")
            );
        }
    }
    page
}
