//! Memory, or open files, of a process that grow without end.
//!
//! A claim opens when, over the whole window, growth was steady (hardly ever down), is at least the
//! configured amount, and still goes on in the last third. It ends when growth stops or the process
//! gives back. What must not open one: a process that is still starting, a heap that a collector
//! empties now and then (it must outgrow its own earlier peak, and programs that run on a collector
//! are watched for twice the window first), a big process that stays as it is.

use std::collections::{BTreeMap, VecDeque};

use hale_model::Timestamp;
use hale_model::sample::Source;
use hale_model::snapshot::Process;
use hale_model::text;

use super::detectors::{Claim, Detector, Proof, View, about_process};
use super::memory::Learned;
use super::slope::theil_sen;

/// Points a window is divided into; each is the least value of its part, so that a peak between
/// two collections of a heap does not count.
const POINTS: usize = 24;
/// Points without which there is no verdict, however short the window.
const MIN_POINTS: usize = 4;
/// Most processes that are followed.
const MAX_TRACKED: usize = 2048;
/// Share of the window that must have been watched.
const MIN_COVERAGE: f64 = 0.9;
/// All that went down, against all that was gained.
const MAX_FALL: f64 = 0.15;
/// Slope of the last third against that of the whole.
const MIN_LATE_GROWTH: f64 = 0.3;
/// Once claimed, it stays while growth over the window is above this share of the least.
const MARGIN: f64 = 0.5;
/// A process younger than this is still starting, in seconds; for short windows a tenth of them.
const MAX_WARM_UP_SECS: f64 = 60.0;

/// Programs whose heap is collected in long cycles.
const COLLECTED: &[&str] =
    &["java", "node", "nodejs", "dotnet", "mono", "beam.smp", "ruby", "bun", "deno", "electron"];

/// What grows.
#[derive(Clone, Copy)]
struct Quantity {
    of: fn(&Process) -> Option<u64>,
    least_growth: fn(&View<'_>) -> f64,
    /// Whether a garbage collector may take it back.
    collected: bool,
}

#[derive(Debug)]
struct Series {
    /// (seconds since boot, value), oldest first.
    points: VecDeque<(f64, f64)>,
    /// The part of the window that is being filled: its start and its least value.
    part: (f64, f64),
    watched_since: f64,
    wall_start: VecDeque<Timestamp>,
    /// Highest value that was followed by a real fall.
    former_peak: f64,
    peak: f64,
    growth: Option<Growth>,
}

#[derive(Clone, Copy, Debug)]
struct Growth {
    gained: f64,
    per_sec: f64,
    span_secs: f64,
    since: Timestamp,
    marginal: bool,
}

/// Follows one quantity of many processes.
struct Tracker {
    quantity: Quantity,
    series: BTreeMap<(i32, u64), Series>,
}

impl Tracker {
    fn new(quantity: Quantity) -> Self {
        Tracker { quantity, series: BTreeMap::new() }
    }

    /// The processes that grow without end.
    fn step<'a>(&mut self, view: &View<'a>) -> Vec<(&'a Process, f64, Growth)> {
        if view.tick.gap {
            self.series.clear();
        }
        let fresh = view.snapshot.is_fresh(Source::Process);
        if !fresh {
            return Vec::new();
        }
        let least = (self.quantity.least_growth)(view);
        let window = view.config.thresholds.leak_window_secs as f64;
        let mut growing = Vec::new();
        let mut kept = BTreeMap::new();
        for p in self.candidates(view, least, window) {
            let Some(value) = (self.quantity.of)(p).map(|v| v as f64) else { continue };
            let key = (p.pid, p.start_ticks);
            let mut series = self.series.remove(&key).unwrap_or_else(|| Series::new(view, value));
            let patience = if self.quantity.collected && is_collected(p) { 2.0 } else { 1.0 };
            series.add(view, value, window, least, patience);
            if let Some(growth) = series.growth {
                growing.push((p, value, growth));
            }
            kept.insert(key, series);
        }
        self.series = kept;
        growing
    }

    /// Those worth following: big enough to have leaked that much, and done with starting. Where
    /// there are too many, those already followed come first, then the largest.
    fn candidates<'a>(&self, view: &View<'a>, least: f64, window: f64) -> Vec<&'a Process> {
        let warm_up = MAX_WARM_UP_SECS.min(window / 10.0);
        let value = |p: &Process| (self.quantity.of)(p).unwrap_or(0);
        let mut worth: Vec<&Process> = view
            .snapshot
            .processes
            .iter()
            .filter(|p| value(p) as f64 >= 0.25 * least && p.age_secs >= warm_up)
            .filter(|p| view.kin.is_candidate(p))
            .collect();
        if worth.len() > MAX_TRACKED {
            let rank = |p: &&Process| {
                let known = self.series.contains_key(&(p.pid, p.start_ticks));
                (std::cmp::Reverse(known), std::cmp::Reverse(value(p)), p.pid)
            };
            worth.select_nth_unstable_by_key(MAX_TRACKED - 1, rank);
            worth.truncate(MAX_TRACKED);
        }
        worth
    }
}

impl Series {
    fn new(view: &View<'_>, value: f64) -> Self {
        Series {
            points: VecDeque::new(),
            part: (view.tick.since(0), value),
            watched_since: view.tick.since(0),
            wall_start: VecDeque::new(),
            former_peak: 0.0,
            peak: value,
            growth: None,
        }
    }

    fn add(&mut self, view: &View<'_>, value: f64, window: f64, least: f64, patience: f64) {
        let now = view.tick.since(0);
        self.peak = self.peak.max(value);
        if value < self.peak - (0.25 * least).max(0.05 * self.peak) {
            self.former_peak = self.former_peak.max(self.peak);
            self.peak = value;
        }
        self.part.1 = self.part.1.min(value);
        if now - self.part.0 < window / POINTS as f64 {
            return;
        }
        self.points.push_back((now, self.part.1));
        self.wall_start.push_back(view.snapshot.collected_at);
        self.part = (now, value);
        while self.points.front().is_some_and(|(at, _)| now - at > window)
            || self.points.len() > 2 * POINTS
        {
            self.points.pop_front();
            self.wall_start.pop_front();
        }
        let long_enough = patience <= 1.0
            || self.former_peak > 0.0
            || now - self.watched_since >= patience * window;
        // A short window holds few turns.
        let turns = window / view.config.general.interval_secs.max(1) as f64;
        let least_points = (POINTS / 2).min(turns as usize).max(MIN_POINTS);
        self.growth = if long_enough { self.judge(window, least, least_points) } else { None };
    }

    fn judge(&mut self, window: f64, least: f64, least_points: usize) -> Option<Growth> {
        let points = self.points.make_contiguous();
        let (first, last) = (*points.first()?, *points.last()?);
        let span = last.0 - first.0;
        if points.len() < least_points || span < MIN_COVERAGE * window {
            return None;
        }
        let gained = last.1 - first.1;
        let wanted = if self.growth.is_some() { MARGIN * least } else { least };
        let fallen: f64 = points.windows(2).map(|w| (w[0].1 - w[1].1).max(0.0)).sum();
        if gained < wanted || fallen > MAX_FALL * gained || last.1 < self.former_peak + wanted {
            return None;
        }
        let per_sec = theil_sen(points)?;
        let late = theil_sen(&points[points.len() * 2 / 3..])?;
        let goes_on = late >= MIN_LATE_GROWTH * per_sec && per_sec * span >= 0.5 * gained;
        goes_on.then(|| Growth {
            gained,
            per_sec,
            span_secs: span,
            since: self
                .growth
                .map(|g| g.since)
                .or_else(|| self.wall_start.front().copied())
                .unwrap_or_default(),
            marginal: gained < least,
        })
    }
}

fn is_collected(p: &Process) -> bool {
    let program = p.info.exe.as_deref().and_then(|exe| exe.rsplit('/').next());
    COLLECTED.iter().any(|name| program == Some(name) || p.info.name == *name)
}

/// Memory.
pub(super) struct Leak(Tracker);

impl Default for Leak {
    fn default() -> Self {
        Leak(Tracker::new(Quantity {
            of: |p| Some(p.rss_bytes),
            least_growth: |v| v.config.thresholds.leak_min_growth_mib * 1024.0 * 1024.0,
            collected: true,
        }))
    }
}

impl Leak {
    pub(super) const VARS: &[&str] = &[
        "pid",
        "start_ticks",
        "name",
        "command",
        "user",
        "unit",
        "container",
        "rss",
        "growth",
        "per_hour",
        "window",
        "eta",
        "mem_percent",
    ];
}

impl Detector for Leak {
    fn detect(&mut self, view: &View<'_>, _: &mut Learned) -> Vec<Claim> {
        let mut claims = Vec::new();
        for (p, rss, growth) in self.0.step(view) {
            let available = view.snapshot.system.mem_available_bytes;
            let eta = available.map(|bytes| (bytes as f64 / growth.per_sec) as u64);
            let span = text::duration(growth.span_secs as u64);
            let proof = Proof {
                source: Source::Process,
                metric: "rss_bytes",
                text: format!(
                    "RSS {}, {} more than {span} ago, {} an hour",
                    text::bytes(rss as u64),
                    text::bytes(growth.gained as u64),
                    text::bytes((growth.per_sec * 3600.0) as u64),
                ),
                value: Some(rss),
                unit: Some("bytes"),
            };
            let figures = [
                ("rss", (rss as u64).into()),
                ("growth", (growth.gained as u64).into()),
                ("per_hour", ((growth.per_sec * 3600.0) as u64).into()),
                ("window", (growth.span_secs as u64).into()),
                ("eta", eta.into()),
                ("mem_percent", p.mem_percent.into()),
            ];
            let mut claim = about_process(p, figures, vec![proof]);
            claim.since = Some(growth.since);
            claim.marginal = growth.marginal;
            claims.push(claim);
        }
        claims
    }
}

/// Open files.
pub(super) struct FdLeak(Tracker);

impl Default for FdLeak {
    fn default() -> Self {
        FdLeak(Tracker::new(Quantity {
            of: |p| p.open_fds.map(u64::from),
            least_growth: |v| f64::from(v.config.thresholds.fd_leak_min_growth),
            collected: false,
        }))
    }
}

impl FdLeak {
    pub(super) const VARS: &[&str] = &[
        "pid",
        "start_ticks",
        "name",
        "command",
        "user",
        "unit",
        "container",
        "fds",
        "growth",
        "per_hour",
        "window",
    ];
}

impl Detector for FdLeak {
    fn detect(&mut self, view: &View<'_>, _: &mut Learned) -> Vec<Claim> {
        let mut claims = Vec::new();
        for (p, fds, growth) in self.0.step(view) {
            let span = text::duration(growth.span_secs as u64);
            let proof = Proof {
                source: Source::Process,
                metric: "open_fds",
                text: format!("{fds:.0} files open, {:.0} more than {span} ago", growth.gained),
                value: Some(fds),
                unit: Some("count"),
            };
            let figures = [
                ("fds", (fds as u64).into()),
                ("growth", (growth.gained as u64).into()),
                ("per_hour", ((growth.per_sec * 3600.0) as u64).into()),
                ("window", (growth.span_secs as u64).into()),
            ];
            let mut claim = about_process(p, figures, vec![proof]);
            claim.since = Some(growth.since);
            claim.marginal = growth.marginal;
            claims.push(claim);
        }
        claims
    }
}
