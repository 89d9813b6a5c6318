//! The picker's state: what is typed, what fits, what is chosen. Draws nothing and reads nothing.

use hale_model::run::Run;
use hale_model::text::printable;
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// Characters of a query.
const QUERY_CHARS_MAX: usize = 200;
/// Characters of a command and its sentence that are searched.
const SEARCHED_CHARS_MAX: usize = 2000;

/// A command that was run, once or more often.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The newest run.
    pub run: Run,
    /// How often it was run.
    pub times: u32,
}

/// An entry that fits what is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// Which entry.
    pub entry: usize,
    /// Characters of the command that fit, by their index.
    pub marks: Vec<u32>,
    score: u32,
}

/// What a key asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Go on.
    Stay,
    /// Run the chosen one again.
    Run,
    /// Copy the chosen one.
    Copy,
    /// End.
    Leave,
}

/// The picker.
pub struct Picker {
    entries: Vec<Entry>,
    /// What is searched of each entry: the command as it is shown, then the sentence.
    texts: Vec<Vec<char>>,
    commands_chars: Vec<usize>,
    query: String,
    matches: Vec<Match>,
    chosen: usize,
    matcher: Matcher,
}

impl Picker {
    pub fn new(entries: Vec<Entry>) -> Picker {
        let shown: Vec<Vec<char>> =
            entries.iter().map(|e| one_line(&e.run.command).chars().collect()).collect();
        let texts = entries.iter().zip(&shown).map(|(entry, command)| {
            let sentence = entry.run.sentence.as_deref().unwrap_or_default();
            let text = command.iter().copied().chain(['\n']);
            text.chain(printable(sentence).chars()).take(SEARCHED_CHARS_MAX).collect()
        });
        let mut picker = Picker {
            texts: texts.collect(),
            commands_chars: shown.iter().map(Vec::len).collect(),
            entries,
            query: String::new(),
            matches: Vec::new(),
            chosen: 0,
            matcher: Matcher::new(Config::DEFAULT),
        };
        picker.search();
        picker
    }

    /// What is typed.
    pub fn query(&self) -> &str {
        &self.query
    }

    /// What fits, best first; among equals, and with nothing typed, newest first.
    pub fn matches(&self) -> &[Match] {
        &self.matches
    }

    /// All entries.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Which of the matches is chosen.
    pub fn chosen_index(&self) -> usize {
        self.chosen
    }

    /// The chosen entry; none where nothing fits.
    pub fn chosen(&self) -> Option<&Entry> {
        self.matches.get(self.chosen).and_then(|m| self.entries.get(m.entry))
    }

    /// A key was pressed; `page`: rows of the list on the screen.
    pub fn key(&mut self, key: KeyEvent, page: usize) -> Wish {
        if key.kind == KeyEventKind::Release {
            return Wish::Stay;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if let (true, KeyCode::Char(c)) = (control, key.code) {
            return self.control(c);
        }
        let last = self.matches.len().saturating_sub(1);
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "there are dozens of keys without a meaning"
        )]
        match key.code {
            KeyCode::Enter if self.chosen().is_some() => return Wish::Run,
            KeyCode::Esc => return Wish::Leave,
            KeyCode::Char(c) if self.query.chars().count() < QUERY_CHARS_MAX => {
                self.query.push(c);
                self.search();
            }
            KeyCode::Backspace => {
                self.query.pop();
                self.search();
            }
            KeyCode::Up => self.chosen = self.chosen.saturating_sub(1),
            KeyCode::Down => self.chosen = (self.chosen + 1).min(last),
            KeyCode::PageUp => self.chosen = self.chosen.saturating_sub(page.max(1)),
            KeyCode::PageDown => self.chosen = (self.chosen + page.max(1)).min(last),
            KeyCode::Home => self.chosen = 0,
            KeyCode::End => self.chosen = last,
            _ => {}
        }
        Wish::Stay
    }

    fn control(&mut self, c: char) -> Wish {
        let last = self.matches.len().saturating_sub(1);
        match c {
            'c' | 'd' | 'g' => return Wish::Leave,
            'y' if self.chosen().is_some() => return Wish::Copy,
            'p' | 'k' => self.chosen = self.chosen.saturating_sub(1),
            'n' | 'j' => self.chosen = (self.chosen + 1).min(last),
            'h' => {
                self.query.pop();
                self.search();
            }
            'u' => {
                self.query.clear();
                self.search();
            }
            'w' => {
                let kept = self.query.trim_end().rfind(char::is_whitespace).map_or(0, |at| at + 1);
                self.query.truncate(kept);
                self.search();
            }
            _ => {}
        }
        Wish::Stay
    }

    fn search(&mut self) {
        let pattern = Pattern::parse(&self.query, CaseMatching::Smart, Normalization::Smart);
        let mut marks = Vec::new();
        self.matches.clear();
        for (entry, text) in self.texts.iter().enumerate() {
            marks.clear();
            let Some(score) =
                pattern.indices(Utf32Str::Unicode(text), &mut self.matcher, &mut marks)
            else {
                continue;
            };
            marks.sort_unstable();
            marks.dedup();
            let chars = self.commands_chars.get(entry).copied().unwrap_or_default();
            marks.retain(|at| usize::try_from(*at).is_ok_and(|at| at < chars));
            self.matches.push(Match { entry, marks: marks.clone(), score });
        }
        // Stable: among equals the newest stays first.
        self.matches.sort_by_key(|m| std::cmp::Reverse(m.score));
        self.chosen = 0;
    }
}

/// A command as one row: what a screen hides is replaced, line ends are marked.
pub fn one_line(command: &str) -> String {
    printable(&command.replace('\n', " ⏎ ").replace('\t', " "))
}

/// The escape sequence (OSC 52) that has a terminal put a text on the clipboard, also over SSH.
pub fn clipboard_sequence(text: &str) -> String {
    format!("\x1b]52;c;{}\x07", base64(text.as_bytes()))
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or_default());
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let index = usize::try_from(group >> (18 - 6 * at) & 63).unwrap_or_default();
            let digit = if at <= chunk.len() { DIGITS.get(index).copied() } else { Some(b'=') };
            out.push(char::from(digit.unwrap_or(b'=')));
        }
    }
    out
}

#[cfg(test)]
pub mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use hale_model::action::Risk;
    use hale_model::run::PlanOrigin;
    use hale_model::{ActionId, PlanId, RunId, Timestamp};

    use super::*;

    /// Entries, newest first.
    pub fn entries() -> Vec<Entry> {
        let entry = |minute: i64, command: &str, sentence: Option<&str>, exit: i32| {
            let action_id = ActionId::of(command, 0);
            Entry {
                run: Run {
                    id: RunId::of(&action_id),
                    plan_id: PlanId("pl-1".to_owned()),
                    step: 0,
                    action_id,
                    at: Timestamp::from_second(1_800_000_000 - minute * 60).unwrap(),
                    sentence: sentence.map(ToOwned::to_owned),
                    command: command.to_owned(),
                    why: "to know".to_owned(),
                    working_dir: Some("/srv".to_owned()),
                    risk: Risk::Info,
                    origin: PlanOrigin::Local { intent: "disk.usage".to_owned() },
                    exit: Some(exit),
                    how: Some(format!("exit {exit}")),
                    duration_ms: Some(12),
                    output: "Filesystem Size\n/dev/sda1 20G\x1b[2J\n".to_owned(),
                },
                times: 1,
            }
        };
        vec![
            entry(1, "df -h", Some("how full are the disks"), 0),
            entry(2, "systemctl restart nginx", Some("restart the web server"), 1),
            entry(3, "docker ps -a", None, 0),
            entry(4, "printf 'a\nb'", Some("디스크 사용량"), 0),
        ]
    }

    pub fn press(picker: &mut Picker, code: KeyCode) -> Wish {
        picker.key(KeyEvent::new(code, KeyModifiers::NONE), 10)
    }

    fn control(picker: &mut Picker, c: char) -> Wish {
        picker.key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL), 10)
    }

    pub fn typed(picker: &mut Picker, text: &str) {
        for c in text.chars() {
            press(picker, KeyCode::Char(c));
        }
    }

    fn chosen(picker: &Picker) -> &str {
        picker.chosen().map_or("", |entry| entry.run.command.as_str())
    }

    #[test]
    fn typing_finds_by_command_and_by_sentence() {
        for (query, command) in [
            ("", "df -h"),
            ("ngx", "systemctl restart nginx"),
            ("web", "systemctl restart nginx"),
            ("dps", "docker ps -a"),
            ("디스크", "printf 'a\nb'"),
            ("nothing like it", ""),
        ] {
            let mut picker = Picker::new(entries());
            typed(&mut picker, query);
            assert_eq!(chosen(&picker), command, "{query}");
        }
    }

    #[test]
    fn only_what_is_seen_is_marked() {
        let mut picker = Picker::new(entries());
        typed(&mut picker, "ngx");
        assert_eq!(picker.matches()[0].marks, [18, 19, 22]);
        let mut picker = Picker::new(entries());
        typed(&mut picker, "web");
        assert_eq!(picker.matches()[0].marks, Vec::<u32>::new());
    }

    #[test]
    fn keys_move_and_wish_and_never_leave_the_list() {
        let mut picker = Picker::new(entries());
        assert_eq!(press(&mut picker, KeyCode::Up), Wish::Stay);
        assert_eq!(chosen(&picker), "df -h");
        press(&mut picker, KeyCode::Down);
        control(&mut picker, 'n');
        assert_eq!(chosen(&picker), "docker ps -a");
        press(&mut picker, KeyCode::PageDown);
        assert_eq!(chosen(&picker), "printf 'a\nb'");
        assert_eq!(press(&mut picker, KeyCode::Enter), Wish::Run);
        assert_eq!(control(&mut picker, 'y'), Wish::Copy);
        assert_eq!(control(&mut picker, 'c'), Wish::Leave);
        typed(&mut picker, "zzz zz");
        assert_eq!(press(&mut picker, KeyCode::Enter), Wish::Stay);
        assert_eq!(control(&mut picker, 'y'), Wish::Stay);
        control(&mut picker, 'w');
        assert_eq!(picker.query(), "zzz ");
        control(&mut picker, 'u');
        assert_eq!(picker.matches().len(), 4);
        assert_eq!(press(&mut picker, KeyCode::Esc), Wish::Leave);
    }

    #[test]
    fn what_is_copied_is_the_command_itself() {
        for (text, code) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("df -h\n", "ZGYgLWgK"),
            ("디", "65SU"),
        ] {
            assert_eq!(clipboard_sequence(text), format!("\x1b]52;c;{code}\x07"));
        }
    }
}
