//! Tokens that mean something else in the company of their neighbours: two numbers that are the ends
//! of a run of lines, a span of time that is still to come, a container that is not there yet.

use super::lexicon::{Concept, Lexicon};
use super::tokens::Token;
use super::values::{self, Value};

/// Reads what only neighbours tell.
pub(super) fn mark(tokens: &mut Vec<Token>, lexicon: &Lexicon) {
    join_lines(tokens, lexicon);
    mark_lines(tokens, lexicon);
    mark_one_line(tokens, lexicon);
    mark_single(tokens, lexicon);
    mark_older(tokens, lexicon);
    mark_until(tokens, lexicon);
    mark_lone(tokens, lexicon);
    mark_not(tokens, lexicon);
    mark_fresh(tokens, lexicon);
    mark_ahead(tokens, lexicon);
}

/// `lines 100 to 120`, `100줄부터 120줄까지`: the two numbers become one token.
fn join_lines(tokens: &mut Vec<Token>, lexicon: &Lexicon) {
    let line = lexicon.concept("line");
    let is_line =
        |token: Option<&Token>| token.is_some_and(|t| line.is_some_and(|line| t.is(line)));
    let mut at = 0;
    while at + 1 < tokens.len() {
        let from = ["부터", "에서"].contains(&tokens[at].tail.as_str());
        let between = &*tokens[at + 1].folded;
        let to = matches!(between, "to" | "through" | "a" | "-" | "until" | "부터" | "에서");
        let from_here = from || (to && tokens[at + 1].hangul);
        let last = if from { at + 1 } else { at + 2 };
        let about_lines = is_line(at.checked_sub(1).and_then(|before| tokens.get(before)))
            || is_line(tokens.get(last + 1))
            || (from_here && tokens.get(last).is_some_and(|token| token.hangul));
        let both = tokens[at].number().zip(tokens.get(last).and_then(Token::number));
        let range = both.filter(|_| (from || to) && about_lines);
        if let Some(lines) = range.and_then(|(first, last)| values::range(first, last)) {
            let end: Vec<Token> = tokens.drain(at + 1..=last).collect();
            let whole = &mut tokens[at];
            whole.values = vec![lines];
            whole.concepts = line.into_iter().collect();
            if let Some(end) = end.into_iter().next_back() {
                whole.raw = format!("{}-{}", whole.raw, end.raw);
                whole.pause = end.pause;
                whole.tail = end.tail;
            }
        }
        at += 1;
    }
}

/// `line 5`, `5번째 줄`: that one.
fn mark_one_line(tokens: &mut [Token], lexicon: &Lexicon) {
    let Some(line) = lexicon.concept("line") else { return };
    for at in 1..tokens.len() {
        let (before, after) = tokens.split_at_mut(at);
        let (Some(first), Some(second)) = (before.last_mut(), after.first_mut()) else { continue };
        if first.is(line) && matches!(&*first.folded, "line" | "ligne") {
            let number = second.number();
            second.values.extend(number.and_then(|n| values::range(n, n)));
        } else if second.is(line) && first.tail.starts_with("번째") {
            let number = first.number();
            first.values.extend(number.and_then(|n| values::range(n, n)));
        }
    }
}

/// `the last line`, `첫 줄`: one, where nothing else tells how many.
fn mark_single(tokens: &mut [Token], lexicon: &Lexicon) {
    let concepts = |names: &[&str]| -> Vec<Concept> {
        names.iter().filter_map(|n| lexicon.concept(n)).collect()
    };
    let (nouns, ends) = (concepts(&["line", "commit", "login"]), concepts(&["first", "last"]));
    let is = |token: &Token, of: &[Concept]| of.iter().any(|concept| token.is(*concept));
    for at in 1..tokens.len() {
        let noun = &tokens[at];
        let single = match noun.hangul {
            true => matches!(&*noun.folded, "줄" | "라인" | "행"),
            false => !noun.folded.ends_with('s'),
        };
        let first = &tokens[at - 1];
        if single && is(noun, &nouns) && is(first, &ends) && first.values.is_empty() {
            tokens[at - 1].values.push(Value::One);
        }
    }
}

/// `몇 줄`, `첫 줄`: a line, where `줄` elsewhere is a form of giving (`해 줄 수`).
fn mark_lines(tokens: &mut [Token], lexicon: &Lexicon) {
    let names = ["how_many", "first", "last"];
    let before: Vec<Concept> = names.iter().filter_map(|name| lexicon.concept(name)).collect();
    for at in 1..tokens.len() {
        let counted = before.iter().any(|concept| tokens[at - 1].is(*concept));
        if counted && tokens[at].folded == "줄" {
            tokens[at].concepts = lexicon.concept("line").into_iter().collect();
        }
    }
}

/// `7일 지난 파일`: a span before `지난` has gone by, one behind it (`지난 7일`) is the last. `3일 이전`
/// lies before that moment, not since.
fn mark_older(tokens: &mut [Token], lexicon: &Lexicon) {
    let Some(old) = lexicon.concept("old") else { return };
    for at in 1..tokens.len() {
        let span = |token: &Token| token.hangul && is_span(token);
        if matches!(&*tokens[at].folded, "지난" | "이전") && span(&tokens[at - 1]) {
            tokens[at].concepts = vec![old];
        }
    }
}

fn is_span(token: &Token) -> bool {
    token.value(|v| matches!(v, Value::Since(_)).then_some(())).is_some()
}

/// `어제까지`, `10분 전까지`: where the span ends. No request takes an end, and it must not be read as the
/// beginning.
fn mark_until(tokens: &mut [Token], lexicon: &Lexicon) {
    let Some((then, ago)) = lexicon.concept("then").zip(lexicon.concept("ago")) else { return };
    for token in tokens.iter_mut().filter(|token| token.tail.starts_with("까지")) {
        if is_span(token) || token.is(ago) {
            token.values.clear();
            token.concepts = vec![then];
        }
    }
}

/// `1기가 안 넘는`: `안` is a place only behind one (`/tmp 안 파일`), and never before a verb.
fn mark_not(tokens: &mut [Token], lexicon: &Lexicon) {
    let Some(not) = lexicon.concept("neg") else { return };
    let concepts = |names: &[&str]| -> Vec<Concept> {
        names.iter().filter_map(|n| lexicon.concept(n)).collect()
    };
    let (places, verbs) =
        (concepts(&["folder", "container", "machine", "in"]), concepts(&["over", "change", "use"]));
    let is = |token: &Token, of: &[Concept]| of.iter().any(|concept| token.is(*concept));
    for at in 1..tokens.len() {
        let before = &tokens[at - 1];
        let path = before.value(|v| matches!(v, Value::Path(_)).then_some(())).is_some();
        let behind_place = path || is(before, &places) || !before.hangul;
        let before_verb = tokens.get(at + 1).is_some_and(|next| is(next, &verbs));
        let bare = tokens[at].folded == "안" && tokens[at].tail.is_empty();
        if bare && (!behind_place || before_verb) {
            tokens[at].concepts = vec![not];
        }
    }
}

/// `the stopped container`, `le conteneur arrêté`: one of them, where the plural means them all.
fn mark_lone(tokens: &mut [Token], lexicon: &Lexicon) {
    let Some(lone) = lexicon.concept("lone") else { return };
    let states: Vec<Concept> =
        ["stopped", "unused"].iter().filter_map(|name| lexicon.concept(name)).collect();
    let is_state = |token: &Token| states.iter().any(|state| token.is(*state));
    let is_noun =
        |token: &Token| matches!(&*token.folded, "container" | "conteneur" | "image" | "volume");
    for at in 0..tokens.len() {
        let article = matches!(
            &*tokens[at].folded,
            "the" | "this" | "that" | "my" | "le" | "la" | "l" | "ce" | "cette" | "mon" | "ma"
        );
        let [first, second] = [at + 1, at + 2].map(|next| tokens.get(next));
        let both = first.zip(second).is_some_and(|(first, second)| {
            (is_state(first) && is_noun(second)) || (is_noun(first) && is_state(second))
        });
        if article && both && !tokens[at].quoted {
            tokens[at].concepts.push(lone);
        }
    }
}

/// `a new redis container`, `un conteneur`: one that is not there yet, where `the` would be one that is.
fn mark_fresh(tokens: &mut [Token], lexicon: &Lexicon) {
    let concepts = lexicon.concept("container").zip(lexicon.concept("fresh"));
    let Some((container, fresh)) = concepts else { return };
    for at in 0..tokens.len() {
        // `a docker image` is no container.
        let engine = matches!(&*tokens[at].folded, "docker" | "podman" | "도커" | "포드맨");
        // `도커로 redis 실행`.
        if engine && tokens[at].tail == "로" {
            tokens[at].concepts.push(fresh);
        }
        let is_container = tokens[at].is(container) && !engine;
        let article = (at.saturating_sub(3)..at).find(|before| {
            let word = &tokens[*before];
            !word.quoted && matches!(&*word.folded, "a" | "an" | "new" | "un" | "nouveau" | "새")
        });
        if let Some(article) = article.filter(|_| is_container) {
            tokens[article].concepts.push(fresh);
        }
    }
}

/// `in 10 minutes`, `dans une heure`: a span that is to come, none that is over.
fn mark_ahead(tokens: &mut [Token], lexicon: &Lexicon) {
    let Some(future) = lexicon.concept("future") else { return };
    for at in 1..tokens.len() {
        let span = is_span(&tokens[at]);
        let counted = tokens[at].raw.starts_with(|c: char| c.is_ascii_digit())
            || tokens[at].raw.contains(' ');
        if span && counted && matches!(&*tokens[at - 1].folded, "in" | "dans") {
            tokens[at - 1].concepts.push(future);
        }
    }
}
