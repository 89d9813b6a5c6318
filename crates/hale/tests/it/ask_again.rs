//! What `hale ask` does a second time: what failed is not run again as it was, and what was learned in
//! one directory is not done in another.

use hale_testkit::model_server::{ModelServer, Turn, Wire};
use serde_json::{Value, json};

use crate::bed::{Bed, Ended};

fn answer(commands: &[&str]) -> Turn {
    let steps: Vec<Value> =
        commands.iter().map(|command| json!({ "command": command, "why": "because" })).collect();
    Turn::Answer(json!({ "reasoning": "Does it.", "steps": steps, "question": "" }))
}

fn ask_in(bed: &Bed, directory: &str, sentence: &str, options: &[&str]) -> Ended {
    let mut line = vec!["ask", "--yes"];
    line.extend(options);
    line.push(sentence);
    let mut command = bed.command(&line);
    command.current_dir(bed.path(directory));
    bed.finish(command)
}

fn history(bed: &Bed) -> usize {
    let ended = bed.hale(&["history", "--json"]);
    let view: Value = serde_json::from_str(&ended.stdout).unwrap();
    view["runs"].as_array().unwrap().len()
}

#[test]
fn a_model_that_repeats_what_failed_is_told_of_and_not_followed() {
    for command in ["cat /etc/no-such-file-here", "rm ./no-such-file-here"] {
        let turns = (0..9).map(|_| answer(&[command])).collect();
        let server = ModelServer::start(Wire::Ollama, turns);
        let bed = Bed::with_model(&server);
        let ended = ask_in(&bed, "", "fiddle with the widgets", &[]);
        assert_eq!(ended.code, 1, "{} {}", ended.stdout, ended.stderr);
        assert_eq!(history(&bed), 1, "it ran once: {}", ended.stderr);
        let told = format!("would run `{command}` again, which failed just now");
        assert!(ended.stderr.contains(&told), "{}", ended.stderr);
    }
}

#[test]
fn what_failed_is_run_again_behind_its_repair() {
    let server = ModelServer::start(
        Wire::Ollama,
        vec![
            answer(&["bash -c 'test -d made || exit 9'"]),
            answer(&["mkdir made", "bash -c 'test -d made || exit 9'"]),
        ],
    );
    let bed = Bed::with_model(&server);
    let ended = ask_in(&bed, "", "fiddle with the widgets", &[]);
    assert_eq!(ended.code, 0, "{} {}", ended.stdout, ended.stderr);
    assert_eq!(history(&bed), 3);
}

#[test]
fn what_was_done_in_one_directory_is_not_done_in_another() {
    let server = ModelServer::start(Wire::Ollama, vec![answer(&["rm ./A"])]);
    let bed = Bed::with_model(&server);
    for directory in ["da", "db"] {
        std::fs::create_dir(bed.path(directory)).unwrap();
        std::fs::write(bed.path(directory).join("A"), "kept\n").unwrap();
    }
    let sentence = "throw the widgets away";
    assert_eq!(ask_in(&bed, "da", sentence, &[]).code, 0);
    assert!(!bed.path("da/A").exists());
    // Elsewhere nobody knows it: neither these words nor nearly these.
    for sentence in [sentence, "throw all the widgets away"] {
        let ended = ask_in(&bed, "db", sentence, &["--local"]);
        assert_eq!(ended.code, 1, "{} {}", ended.stdout, ended.stderr);
    }
    assert!(bed.path("db/A").exists());
    // Where it was learned it is still known.
    std::fs::write(bed.path("da/A"), "again\n").unwrap();
    assert_eq!(ask_in(&bed, "da", sentence, &["--local"]).code, 0);
    assert!(!bed.path("da/A").exists());
}

#[test]
fn what_is_the_same_everywhere_is_known_everywhere() {
    let server = ModelServer::start(Wire::Ollama, vec![answer(&["uname -r"])]);
    let bed = Bed::with_model(&server);
    std::fs::create_dir(bed.path("db")).unwrap();
    let sentence = "fiddle with the widgets";
    assert_eq!(ask_in(&bed, "", sentence, &[]).code, 0);
    let ended = ask_in(&bed, "db", sentence, &["--local"]);
    assert_eq!(ended.code, 0, "{} {}", ended.stdout, ended.stderr);
}
