//! How a model's answer is read. What does not fit is told back once; what still does not fit is
//! thrown away. Fields that were not asked for (a claimed risk, an approval) are not read at all.

use hale_model::reply::{json_object_in, why_no_json};
use hale_model::text::{printable_lines, shorten};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{COMMAND_BYTES_MAX, STEPS_MAX, Step, showable};

/// Bytes of an answer that are looked at.
pub const ANSWER_BYTES_MAX: usize = 128 * 1024;
/// Bytes of the reasoning, and of a question.
const WORDS_BYTES_MAX: usize = 4000;
/// Bytes of one step's reason.
const WHY_BYTES_MAX: usize = 600;

/// A readable answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What the model understood.
    pub reasoning: String,
    /// What it would run; placeholders are real values again.
    pub steps: Vec<Step>,
    /// What it has to know first.
    pub question: Option<String>,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    reasoning: String,
    #[serde(default)]
    steps: Vec<RawStep>,
    #[serde(default)]
    question: Option<String>,
}

#[derive(Deserialize)]
struct RawStep {
    command: String,
    #[serde(default)]
    why: String,
}

/// The JSON Schema of the answer.
pub fn schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["reasoning", "steps", "question"],
        "properties": {
            "reasoning": { "type": "string", "description": "what was understood, and how it is done" },
            "steps": {
                "type": "array",
                "description": format!("at most {STEPS_MAX}"),
                "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["command", "why"],
                    "properties": {
                        "command": { "type": "string", "description": "one complete line for bash" },
                        "why": { "type": "string", "description": "what it is for" },
                    },
                },
            },
            "question": { "type": "string", "description": "empty, or what must be known first" },
        },
    })
}

/// Reads an answer. `restore` puts real values back where placeholders stand.
///
/// # Errors
/// What does not fit, for the model.
pub fn read(
    text: &str,
    given: Option<&Value>,
    restore: impl Fn(&str) -> String,
) -> Result<Answer, String> {
    if text.len() > ANSWER_BYTES_MAX {
        return Err(format!("the answer has {} bytes, over {ANSWER_BYTES_MAX}", text.len()));
    }
    let raw: Raw = match given {
        Some(value) => Raw::deserialize(value).map_err(|e| e.to_string())?,
        None => {
            let value = json_object_in(text).ok_or_else(|| why_no_json(text))?;
            Raw::deserialize(&value).map_err(|e| e.to_string())?
        }
    };
    let words = |text: &str, limit| printable_lines(&shorten(restore(text).trim(), limit));
    if raw.steps.len() > STEPS_MAX {
        return Err(format!("{} steps, over {STEPS_MAX}", raw.steps.len()));
    }
    let mut steps = Vec::new();
    for (index, step) in raw.steps.iter().enumerate() {
        let number = index + 1;
        if step.command.len() > COMMAND_BYTES_MAX {
            return Err(format!("step {number}: the command is over {COMMAND_BYTES_MAX} bytes"));
        }
        let command = restore(step.command.trim());
        showable(&command).map_err(|why| format!("step {number}: {why}"))?;
        if let Some(left) = placeholder_in(&command) {
            return Err(format!("step {number}: {left} stands for nothing that is known"));
        }
        steps.push(Step { command, why: words(&step.why, WHY_BYTES_MAX) });
    }
    let reasoning = words(&raw.reasoning, WORDS_BYTES_MAX);
    let question = raw.question.as_deref().map(|q| words(q, WORDS_BYTES_MAX));
    let question = question.filter(|q| !q.is_empty() && steps.is_empty());
    if steps.is_empty() && question.is_none() && reasoning.is_empty() {
        return Err("no steps, no question and no reasoning".to_owned());
    }
    Ok(Answer { reasoning, steps, question })
}

/// A placeholder that was not put back, because the model made it up.
fn placeholder_in(command: &str) -> Option<&str> {
    command.match_indices('<').find_map(|(at, _)| {
        let rest = &command[at + 1..];
        let end = rest.find('>')?;
        let (kind, number) = rest[..end].split_once('-')?;
        let fits = !kind.is_empty()
            && kind.chars().all(|c| c.is_ascii_lowercase())
            && !number.is_empty()
            && number.chars().all(|c| c.is_ascii_digit());
        fits.then(|| &command[at..at + end + 2])
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    fn plain(text: &str) -> Result<Answer, String> {
        read(text, None, str::to_owned)
    }

    #[test]
    fn a_claimed_risk_is_not_read() {
        let answer = plain(
            r#"```json
            {"reasoning":"clean up","risk":"low","approved":true,
             "steps":[{"command":"rm -rf /","why":"space","risk":"info"}],"question":""}
            ```"#,
        )
        .unwrap();
        assert_eq!(answer.steps, [Step { command: "rm -rf /".into(), why: "space".into() }]);
        assert_eq!(answer.question, None);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let many = vec![json!({ "command": "ls", "why": "" }); STEPS_MAX + 1];
        let too_many = json!({ "reasoning": "x", "steps": many, "question": "" }).to_string();
        for (text, why) in [
            ("rm -rf /", "no JSON object"),
            ("{}", "no steps, no question"),
            (r#"{"steps":[{"why":"x"}]}"#, "missing field `command`"),
            (r#"{"steps":[{"command":""}]}"#, "step 1: a command is empty"),
            (r#"{"steps":[{"command":"ls\u001b[2J"}]}"#, "step 1: a command holds characters"),
            (r#"{"steps":[{"command":"echo \u202e"}]}"#, "hides or reorders"),
            (r#"{"steps":[{"command":"ping <ip-9>"}]}"#, "<ip-9> stands for nothing"),
            (too_many.as_str(), "13 steps, over 12"),
        ] {
            let error = plain(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
        let long = format!("{{\"reasoning\":\"{}\"}}", "a".repeat(ANSWER_BYTES_MAX));
        assert!(plain(&long).unwrap_err().contains("bytes"));
    }

    #[test]
    fn placeholders_are_put_back_before_anything_is_judged() {
        let restore =
            |text: &str| text.replace("<ip-1>", "192.0.2.7").replace("<host-1>", "db\x1b[0m");
        let given = json!({ "reasoning": "ping <ip-1>", "question": "",
            "steps": [{ "command": "ping -c1 <ip-1> < /dev/null", "why": "is <ip-1> there?" }] });
        let answer = read("", Some(&given), restore).unwrap();
        assert_eq!(answer.steps[0].command, "ping -c1 192.0.2.7 < /dev/null");
        assert_eq!(answer.reasoning, "ping 192.0.2.7");
        // A value that would hide something is not run either.
        let given = json!({ "steps": [{ "command": "ping <host-1>" }] });
        assert!(read("", Some(&given), restore).is_err());
    }

    #[test]
    fn a_question_comes_without_steps() {
        let answer = plain(r#"{"reasoning":"","steps":[],"question":"Which disk?"}"#).unwrap();
        assert_eq!(answer.question.as_deref(), Some("Which disk?"));
        let answer =
            plain(r#"{"reasoning":"","steps":[{"command":"ls"}],"question":"Sure?"}"#).unwrap();
        assert_eq!(answer.question, None);
    }

    proptest! {
        #[test]
        fn any_answer_is_read_or_refused(text in "(?s).{0,400}") {
            if let Ok(answer) = plain(&text) {
                prop_assert!(answer.steps.iter().all(|s| showable(&s.command).is_ok()));
            }
        }

        #[test]
        fn no_restored_value_slips_past_the_checks(value in "(?s).{0,40}") {
            let given = json!({ "steps": [{ "command": "echo <secret-1>" }] });
            let restore = |text: &str| text.replace("<secret-1>", &value);
            if let Ok(answer) = read("", Some(&given), restore) {
                prop_assert!(showable(&answer.steps[0].command).is_ok());
            }
        }
    }
}
