//! What recall costs: lessons by signature, words by BM25, embeddings by cosine, over so many
//! entries and as many lessons.
//!
//! `cargo run --release -p hale-engine --example recall_bench [entries]`
#![allow(clippy::print_stdout, reason = "figures are its output")]

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use hale_brain::remember;
use hale_model::Timestamp;
use hale_model::action::ActionKind;
use hale_model::alert::AlertKind;
use hale_model::config::Autonomy;
use hale_model::knowledge::{Knowledge, KnowledgeKind, KnowledgeOrigin};
use hale_model::lesson::Lesson;
use hale_store::{Access, State};

const QUERIES: usize = 300;
const DIMENSIONS: usize = 384;
const WORDS_IN_ENTRY: usize = 120;
const MODEL: &str = "bench";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let entries: usize = std::env::args().nth(1).map_or(Ok(10_000), |n| n.parse())?;
    let dir = std::env::temp_dir().join(format!("hale-recall-bench-{}", std::process::id()));
    std::fs::create_dir(&dir)?;
    let result = run(&dir.join("state.db"), entries);
    std::fs::remove_dir_all(&dir)?;
    result
}

fn run(path: &Path, entries: usize) -> Result<()> {
    let begun = Instant::now();
    let mut state = State::open(path, Access::Write)?;
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let texts: Vec<(Knowledge, Lesson)> = (0..entries)
        .map(|n| Ok((entry(n, &mut chance)?, lesson(n, &mut chance)?)))
        .collect::<Result<_>>()?;
    state.atomically(|state| {
        texts.iter().try_for_each(|(entry, lesson)| {
            state.put_knowledge(entry, KnowledgeOrigin::Imported)?;
            state.put_lesson(lesson)
        })
    })?;
    println!(
        "{entries} entries and {entries} lessons stored in {:.1} s",
        begun.elapsed().as_secs_f64()
    );

    let reader = State::open(path, Access::Read)?;
    let kinds = AlertKind::BUILT_IN;
    let autonomy = Autonomy::default();
    let now = Timestamp::from_second(1_800_000_000)?;
    figure("lessons by signature", |n| {
        let lessons = reader.lessons_about(&kinds[n % kinds.len()])?;
        Ok(lessons.iter().filter(|l| remember::is_known(l, now, &autonomy)).count())
    })?;
    let mut words = Chance(7);
    figure("three words by BM25, best 20", |_| {
        let query = [word(words.next()), word(words.next()), word(words.next())].join(" ");
        Ok(reader.search_runbook(&query, 20)?.len())
    })?;
    figure("common words by BM25, best 20", |n| {
        Ok(reader.search_runbook(&format!("service failed restart {}", word(n)), 20)?.len())
    })?;

    let begun = Instant::now();
    let waiting = reader.unembedded(MODEL, entries)?;
    state.atomically(|state| {
        waiting.iter().try_for_each(|one| {
            state.put_vector(one.document, MODEL, &one.digest, &vector(&mut chance))
        })
    })?;
    println!("{} embeddings stored in {:.1} s", waiting.len(), begun.elapsed().as_secs_f64());
    let begun = Instant::now();
    let vectors = reader.vectors(MODEL)?;
    println!("read in {:.1} ms", begun.elapsed().as_secs_f64() * 1000.0);
    let borrowed: Vec<(i64, &[f32])> =
        vectors.iter().map(|v| (v.document, v.vector.as_slice())).collect();
    figure("embeddings by cosine, best 20", |_| {
        Ok(remember::nearest(&vector(&mut chance), &borrowed, 20).len())
    })
}

/// Median and 95th percentile of so many questions, in milliseconds.
fn figure(what: &str, mut ask: impl FnMut(usize) -> Result<usize>) -> Result<()> {
    let mut millis = Vec::with_capacity(QUERIES);
    let mut found = 0;
    for n in 0..QUERIES {
        let begun = Instant::now();
        found += ask(n)?;
        millis.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    millis.sort_by(f64::total_cmp);
    let (p50, p95) = (millis[QUERIES / 2], millis[QUERIES * 95 / 100]);
    println!("{what}: p50 {p50:.2} ms, p95 {p95:.2} ms, {} found on average", found / QUERIES);
    Ok(())
}

/// A sequence that is the same in every run (xorshift).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize
    }
}

/// One of 5,000 words, some much more often than others, as in a language.
fn word(chance: usize) -> String {
    let common = ["service", "failed", "restart", "disk", "memory", "log", "unit", "process"];
    match chance % 5 {
        0 => common[chance / 5 % common.len()].to_owned(),
        1 | 2 => format!("word{}", chance / 5 % 200),
        _ => format!("rare{}", chance / 5 % 4800),
    }
}

fn entry(n: usize, chance: &mut Chance) -> Result<Knowledge> {
    let words = |count: usize, chance: &mut Chance| {
        (0..count).map(|_| word(chance.next())).collect::<Vec<_>>().join(" ")
    };
    Ok(Knowledge {
        id: format!("entry-{n}"),
        title: words(6, chance),
        kind: KnowledgeKind::Solution,
        alert_kinds: vec![AlertKind::BUILT_IN[chance.next() % AlertKind::BUILT_IN.len()].clone()],
        tags: vec![word(chance.next()), word(chance.next())],
        updated: "2026-03-01".parse()?,
        body: words(WORDS_IN_ENTRY, chance),
    })
}

fn lesson(n: usize, chance: &mut Chance) -> Result<Lesson> {
    let at = Timestamp::from_second(1_790_000_000 + i64::try_from(n)?)?;
    let kind = AlertKind::BUILT_IN[chance.next() % AlertKind::BUILT_IN.len()].clone();
    let class = format!("{}-{n}.service", word(chance.next()));
    Ok(Lesson {
        successes: u32::try_from(chance.next() % 9)?,
        summary: Some(format!("{class} {}", word(chance.next()))),
        last_success_at: Some(at),
        ..Lesson::new(kind, ActionKind::ServiceRestart, &class, at)
    })
}

fn vector(chance: &mut Chance) -> Vec<f32> {
    (0..DIMENSIONS).map(|_| (chance.next() % 2000) as f32 / 1000.0 - 1.0).collect()
}
