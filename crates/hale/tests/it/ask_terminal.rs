//! `hale ask` with a person at a terminal: yes, no, YES, an answer to a question, Ctrl-C.

use hale_testkit::model_server::{ModelServer, Turn, Wire};
use serde_json::{Value, json};

use crate::bed::Bed;
use crate::terminal::OnTerminal;

fn answers(answer: Value) -> ModelServer {
    ModelServer::start_with(Wire::Ollama, move |_, _| Turn::Answer(answer.clone()))
}

fn command(command: &str) -> Value {
    json!({
        "reasoning": "Does it.",
        "steps": [{ "command": command, "why": "asked for" }],
        "question": "",
    })
}

fn runs(bed: &Bed) -> Vec<Value> {
    let ended = bed.hale(&["history", "--json"]);
    let view: Value = serde_json::from_str(&ended.stdout).unwrap();
    view["runs"].as_array().unwrap().clone()
}

#[test]
fn a_known_sentence_that_only_reads_runs_at_once() {
    let bed = Bed::new();
    let Some(terminal) = OnTerminal::start(&bed, "'show disk usage'") else { return };
    let (code, said) = terminal.end();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("Filesystem") && !said.contains("[y/N]"), "{said}");
}

#[test]
fn what_a_model_thought_up_waits_for_a_yes() {
    let server = answers(command("touch made"));
    for (typed, code, is_made) in [("", 4, false), ("n", 4, false), ("yes", 0, true)] {
        let bed = Bed::with_model(&server);
        let Some(mut terminal) = OnTerminal::start(&bed, "ask --model 'make the file made'") else {
            return;
        };
        terminal.wait_for("[y/N]");
        terminal.type_in(&format!("{typed}\n"));
        let (ended, said) = terminal.end();
        assert_eq!((ended, bed.path("made").exists()), (code, is_made), "{typed:?}: {said}");
    }
}

#[test]
fn a_yes_is_typed_out_for_what_is_critical() {
    let server = answers(command("rm -rf ./precious"));
    let bed = Bed::with_model(&server);
    std::fs::create_dir(bed.path("precious")).unwrap();
    for (typed, code, is_left) in [("y", 4, true), ("yes", 4, true), ("YES", 0, false)] {
        let Some(mut terminal) =
            OnTerminal::start(&bed, "ask --yes --model 'remove the directory precious'")
        else {
            return;
        };
        terminal.wait_for("Type YES");
        terminal.type_in(&format!("{typed}\n"));
        let (ended, said) = terminal.end();
        assert_eq!((ended, bed.path("precious").exists()), (code, is_left), "{typed}: {said}");
    }
}

#[test]
fn a_question_of_the_model_is_answered_on_the_spot() {
    let mut asked = false;
    let server = ModelServer::start_with(Wire::Ollama, move |_, received| {
        if std::mem::replace(&mut asked, true) {
            let body = String::from_utf8_lossy(&received.body);
            assert!(body.contains("The person answers: the blue one"), "{body}");
            Turn::Answer(command("echo blue"))
        } else {
            Turn::Answer(json!({ "reasoning": "", "steps": [], "question": "Which one?" }))
        }
    });
    let bed = Bed::with_model(&server);
    let Some(mut terminal) = OnTerminal::start(&bed, "ask --model 'paint it'") else { return };
    terminal.wait_for("Which one?");
    terminal.type_in("the blue one\n");
    terminal.wait_for("[y/N]");
    terminal.type_in("y\n");
    let (code, said) = terminal.end();
    assert_eq!(code, 0, "{said}");
    assert_eq!(runs(&bed)[0]["output"], "blue\n");
}

#[test]
fn a_command_reads_what_the_person_types() {
    let server = answers(command("read -r line && echo \"heard $line\""));
    let bed = Bed::with_model(&server);
    let Some(mut terminal) = OnTerminal::start(&bed, "ask --yes --model 'listen to me'") else {
        return;
    };
    // What comes before the command reads waits in the terminal.
    terminal.wait_for("Does it.");
    terminal.type_in("hello\n");
    let (code, said) = terminal.end();
    assert_eq!(code, 0, "{said}");
    assert_eq!(runs(&bed)[0]["output"], "heard hello\n");
}

#[test]
fn ctrl_c_ends_the_command_and_hale_writes_down_how() {
    let server = answers(command("echo begun; sleep 300"));
    let bed = Bed::with_model(&server);
    let Some(mut terminal) = OnTerminal::start(&bed, "ask --yes --model 'wait a while'") else {
        return;
    };
    terminal.wait_for("begun\r");
    terminal.type_in("\x03");
    let (code, said) = terminal.end();
    assert_eq!(code, 1, "{said}");
    let run = &runs(&bed)[0];
    assert!(run["exit"].is_null() || run["exit"] == 130, "{run}");
    assert_eq!(run["output"], "begun\n");
    // A command that a person stopped is not healed.
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn ctrl_c_at_a_question_is_a_no() {
    // Time passes, so that the same command is a way on.
    let server = answers(command("sleep 0; bash -c 'echo odd >&2; exit 9'"));
    let bed = Bed::with_model(&server);
    let Some(mut terminal) = OnTerminal::start(&bed, "ask --model 'do something odd'") else {
        return;
    };
    terminal.wait_for("[y/N]");
    terminal.type_in("y\n");
    terminal.wait_for("failed: exit 9");
    // The way on is asked about; by now a command has run, and hale hears Ctrl-C itself.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while terminal.said().matches("[y/N]").count() < 2 {
        assert!(std::time::Instant::now() < deadline, "{}", terminal.said());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    terminal.type_in("\x03");
    let (code, said) = terminal.end();
    assert_eq!(code, 1, "{said}");
    assert_eq!(runs(&bed).len(), 1);
}
