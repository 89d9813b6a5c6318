//! What the fuzz target `playbook` feeds with hostile texts.

/// Reads and checks a text as a playbook. Whatever it is, the answer is a playbook or a list of
/// problems, each on a line that exists.
///
/// # Panics
/// A problem without words, or on a line beyond the text.
pub fn playbook(text: &str) {
    if let Err(problems) = super::check("fuzz.yaml", text) {
        assert!(!problems.is_empty(), "refused without a reason");
        let lines = text.lines().count() as u64 + 1;
        for problem in problems {
            assert!(!problem.what.is_empty(), "a problem without words");
            assert!((1..=lines.max(1)).contains(&problem.line), "line {} of {lines}", problem.line);
        }
    }
}
