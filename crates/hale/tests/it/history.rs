//! `hale history`: the list for scripts, the picker on a terminal.

use crate::bed::Bed;
use crate::terminal::OnTerminal;

fn runs(bed: &Bed) -> usize {
    let ended = bed.hale(&["history", "--json"]);
    let view: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    view["runs"].as_array().unwrap().len()
}

#[test]
fn with_nothing_run_it_says_so() {
    let bed = Bed::new();
    let ended = bed.hale(&["history"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "Nothing was run yet: hale ask \"…\"\n"));
    assert_eq!(bed.hale(&["history", "--json"]).stdout.trim(), "{\n  \"runs\": []\n}");
}

#[test]
fn typing_finds_enter_runs_again_and_ctrl_y_copies() {
    let bed = Bed::new();
    assert_eq!(bed.hale(&["ask", "--yes", "show disk usage"]).code, 0);
    assert_eq!(bed.hale(&["ask", "--yes", "how long has this machine been up"]).code, 0);
    let Some(mut terminal) = OnTerminal::start(&bed, "history") else { return };
    terminal.wait_for("2/2");
    terminal.type_in("dfh");
    terminal.wait_for("1/2");
    terminal.type_in("\x19");
    // `df -h`, as a terminal takes it for its clipboard.
    terminal.wait_for("\x1b]52;c;ZGYgLWg=\x07");
    terminal.type_in("\r");
    // It reads only, but was not said anew: a person confirms.
    terminal.wait_for("Run it? [y/N]");
    terminal.type_in("y\n");
    let (code, said) = terminal.end();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("Filesystem"), "{said}");
    assert_eq!(runs(&bed), 3);
}

#[test]
fn leaving_and_saying_no_run_nothing() {
    let bed = Bed::new();
    assert_eq!(bed.hale(&["ask", "--yes", "show disk usage"]).code, 0);
    let Some(mut terminal) = OnTerminal::start(&bed, "history") else { return };
    terminal.wait_for("1/1");
    terminal.type_in("\x03");
    assert_eq!(terminal.end().0, 0);
    let Some(mut terminal) = OnTerminal::start(&bed, "history") else { return };
    terminal.wait_for("1/1");
    terminal.type_in("\r");
    terminal.wait_for("[y/N]");
    terminal.type_in("n\n");
    assert_eq!(terminal.end().0, 4);
    assert_eq!(runs(&bed), 1);
}
