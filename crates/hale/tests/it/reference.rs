//! The committed reference pages are those that the code gives. `HALE_BLESS=1` writes them anew.

use crate::bed::{Bed, repository};

#[test]
fn the_reference_pages_are_up_to_date() {
    for (page, file) in [
        ("cli", "docs/reference/cli.md"),
        ("config", "docs/reference/config.md"),
        ("robot-schemas", "docs/reference/robot-schemas.json"),
        ("playbook", "docs/reference/playbook.schema.json"),
        ("openapi", "docs/reference/openapi.json"),
    ] {
        let ended = Bed::new().hale(&["reference", page]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let path = repository(file);
        if std::env::var_os("HALE_BLESS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &ended.stdout).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == ended.stdout, "{file} is out of date: run `make reference`");
    }
}

#[test]
fn completions_are_complete_scripts() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = Bed::new().hale(&["completions", shell]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(ended.stdout.contains("postmortem"), "{shell}");
    }
}
