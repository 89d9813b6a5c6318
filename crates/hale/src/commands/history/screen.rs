//! The picker on the terminal: a line to type on, the list, and what the chosen command was and wrote.

use std::io::{Write as _, stdout};

use hale_model::run::Run;
use hale_model::text::{duration, printable};
use ratatui::Frame;
use ratatui::crossterm::event::{self, Event};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, List, ListItem, ListState, Paragraph};

use super::picker::{Entry, Match, Picker, Wish, clipboard_sequence, one_line};
use crate::exit::Failure;
use crate::screen::{ago, local};

/// Lines of output that the preview looks at.
const PREVIEW_LINES_MAX: usize = 200;
const KEYS: &str = "enter run again · ctrl-y copy · ↑↓ choose · esc leave";

/// Lets the person choose; none: they left.
///
/// # Errors
/// The terminal cannot be used.
pub fn pick(entries: Vec<Entry>) -> Result<Option<Run>, Failure> {
    let unusable = |e: std::io::Error| {
        Failure::failed(format!("the terminal cannot be used: {e}"), "add --plain for a list")
    };
    let mut terminal = ratatui::try_init().map_err(unusable)?;
    let mut picker = Picker::new(entries);
    let mut said = KEYS.to_owned();
    let mut page = 1;
    let picked = loop {
        let drawn = terminal.draw(|frame| page = draw(frame, &picker, &said));
        if let Err(error) = drawn {
            break Err(error);
        }
        let key = match event::read() {
            Ok(Event::Key(key)) => key,
            Ok(
                Event::Resize(..)
                | Event::FocusGained
                | Event::FocusLost
                | Event::Mouse(_)
                | Event::Paste(_),
            ) => {
                continue;
            }
            Err(error) => break Err(error),
        };
        match picker.key(key, page) {
            Wish::Stay => said = KEYS.to_owned(),
            Wish::Leave => break Ok(None),
            Wish::Run => break Ok(picker.chosen().map(|entry| entry.run.clone())),
            Wish::Copy => {
                let command = picker.chosen().map(|entry| entry.run.command.clone());
                let sequence = clipboard_sequence(&command.unwrap_or_default());
                let written = write!(stdout(), "{sequence}").and_then(|()| stdout().flush());
                said = match written {
                    Ok(()) => "copied (if the terminal allows it: OSC 52)".to_owned(),
                    Err(error) => format!("not copied: {error}"),
                };
            }
        }
    };
    let restored = ratatui::try_restore();
    let picked = picked.map_err(unusable)?;
    restored.map_err(unusable)?;
    Ok(picked)
}

/// Draws everything; rows of the list.
fn draw(frame: &mut Frame<'_>, picker: &Picker, said: &str) -> usize {
    let preview_rows = (frame.area().height / 2).saturating_sub(1);
    let [typed, list, preview, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Min(1),
        Constraint::Length(preview_rows),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    draw_query(frame, typed, picker);
    draw_list(frame, list, picker);
    draw_preview(frame, preview, picker);
    frame.render_widget(Line::styled(said.to_owned(), dim()), foot);
    usize::from(list.height)
}

fn dim() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

fn draw_query(frame: &mut Frame<'_>, area: Rect, picker: &Picker) {
    let query = printable(picker.query());
    let count = format!("  {}/{}", picker.matches().len(), picker.entries().len());
    let line = Line::from(vec![
        Span::styled("> ", Style::new().fg(Color::Cyan)),
        Span::raw(query.clone()),
        Span::styled(count, dim()),
    ]);
    frame.render_widget(line, area);
    let column = 2 + u16::try_from(Span::raw(query).width()).unwrap_or(u16::MAX);
    frame.set_cursor_position((area.x.saturating_add(column).min(area.right()), area.y));
}

fn draw_list(frame: &mut Frame<'_>, area: Rect, picker: &Picker) {
    // Only the rows around the chosen one are made: there may be thousands.
    let rows = usize::from(area.height);
    let from = picker.chosen_index().saturating_sub(rows.saturating_sub(1));
    let shown = picker.matches().iter().skip(from).take(rows);
    let items = shown.filter_map(|found| Some(row(picker.entries().get(found.entry)?, found)));
    let list = List::new(items.collect::<Vec<_>>())
        .highlight_symbol("▌")
        .highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let mut state = ListState::default().with_selected(Some(picker.chosen_index() - from));
    frame.render_stateful_widget(list, area, &mut state);
}

fn row(entry: &Entry, found: &Match) -> ListItem<'static> {
    let run = &entry.run;
    let (mark, color) = match run.succeeded() {
        true => ("✓ ", Color::Green),
        false => ("✗ ", Color::Red),
    };
    let mut spans = vec![Span::styled(mark, Style::new().fg(color))];
    for (at, c) in one_line(&run.command).chars().enumerate() {
        let is_marked = u32::try_from(at).is_ok_and(|at| found.marks.binary_search(&at).is_ok());
        let style = match is_marked {
            true => Style::new().fg(Color::Yellow).add_modifier(Modifier::BOLD),
            false => Style::new(),
        };
        spans.push(Span::styled(c.to_string(), style));
    }
    if entry.times > 1 {
        spans.push(Span::styled(format!("  ×{}", entry.times), dim()));
    }
    ListItem::new(Line::from(spans))
}

fn draw_preview(frame: &mut Frame<'_>, area: Rect, picker: &Picker) {
    let Some(entry) = picker.chosen() else { return };
    let run = &entry.run;
    let mut lines: Vec<Line<'static>> = Vec::new();
    if let Some(sentence) = &run.sentence {
        let style = Style::new().add_modifier(Modifier::BOLD);
        lines.push(Line::styled(printable(sentence), style));
    }
    let took = run.duration_ms.map_or_else(String::new, |ms| match ms {
        0..1000 => format!(", {ms} ms"),
        ms => format!(", {}", duration(ms / 1000)),
    });
    let how = run.how.as_deref().unwrap_or("cut off");
    let facts = format!(
        "{} ({}) · {how}{took} · {} risk · {}",
        local(run.at),
        ago(run.at),
        run.risk,
        run.origin
    );
    lines.push(Line::styled(printable(&facts), dim()));
    if let Some(dir) = &run.working_dir {
        lines.push(Line::styled(printable(&format!("in {dir}")), dim()));
    }
    let room = usize::from(area.height).saturating_sub(lines.len() + 1);
    let output: Vec<&str> = run.output.lines().rev().take(PREVIEW_LINES_MAX.min(room)).collect();
    lines.extend(output.iter().rev().map(|line| Line::raw(printable(&line.replace('\t', "    ")))));
    frame.render_widget(Paragraph::new(lines).block(Block::new().borders(Borders::TOP)), area);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::super::picker::tests::{entries, typed};
    use super::*;

    fn drawn(picker: &Picker, columns: u16, rows: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
        let mut page = 0;
        terminal.draw(|frame| page = draw(frame, picker, KEYS)).unwrap();
        assert!(page <= usize::from(rows));
        let text = terminal.backend().to_string();
        text.lines().map(|line| format!("{}\n", line.trim_matches('"').trim_end())).collect()
    }

    #[test]
    fn the_list_the_query_and_what_the_chosen_one_wrote() {
        let mut picker = Picker::new(entries());
        typed(&mut picker, "res");
        let shown = drawn(&picker, 60, 12);
        let shown: String = shown
            .lines()
            .map(|l| match l.find(" (") {
                // The clock of this machine has no part in it.
                Some(at) if l.starts_with("20") => {
                    format!("WHEN{}\n", &l[l.find(") ").unwrap_or(at)..])
                }
                _ => format!("{l}\n"),
            })
            .collect();
        insta::assert_snapshot!(shown, @r#"
        > res  2/4
        ▌✗ systemctl restart nginx
         ✓ df -h



        ────────────────────────────────────────────────────────────
        restart the web server
        WHEN) · exit 1, 12 ms · info risk ·
        in /srv
        /dev/sda1 20G�[2J
        enter run again · ctrl-y copy · ↑↓ choose · esc leave
        "#);
    }

    #[test]
    fn a_small_terminal_and_no_match_are_no_trouble() {
        let mut picker = Picker::new(entries());
        for (columns, rows) in [(1, 1), (3, 2), (10, 3), (200, 60)] {
            let _ = drawn(&picker, columns, rows);
        }
        typed(&mut picker, "no such thing");
        assert!(drawn(&picker, 40, 10).contains("0/4"));
    }

    #[test]
    fn nothing_that_was_written_reaches_the_terminal_as_a_command() {
        let picker = Picker::new(entries());
        assert!(!drawn(&picker, 80, 24).contains('\x1b'));
    }
}
