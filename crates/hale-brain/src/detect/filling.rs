//! A file system that will be full soon, and predictions for disks, inodes and memory.

use hale_model::alert::Subject;
use hale_model::config::Language;
use hale_model::health::Prediction;
use hale_model::sample::Source;
use hale_model::snapshot::Mount;
use hale_model::text;

use super::detectors::{Claim, Detector, Proof, View, vars};
use super::memory::Learned;
use super::trend::Forecast;

/// Confidence that an alert takes.
const MIN_CONFIDENCE: f64 = 0.7;
/// Confidence that keeps one, and that a prediction takes.
const LEAST_CONFIDENCE: f64 = 0.5;
/// Nothing later than this is predicted.
const MAX_ETA_SECS: f64 = 30.0 * 86_400.0;

fn mount_name(mount: &Mount) -> String {
    format!("mount:{}", mount.mount_point)
}

fn inodes_name(mount: &Mount) -> String {
    format!("inodes:{}", mount.mount_point)
}

const MEMORY: &str = "memory";

fn grows(mount: &&Mount) -> bool {
    !mount.read_only && mount.total_bytes > 0
}

/// What of a mount can be used at all, in bytes.
fn usable(mount: &Mount) -> f64 {
    (mount.used_bytes.saturating_add(mount.available_bytes)) as f64
}

/// Takes in what is used now.
pub(super) fn learn(view: &View<'_>, learned: &mut Learned) {
    let now = view.tick.since(0);
    let snapshot = view.snapshot;
    if snapshot.is_fresh(Source::Disk) {
        for mount in snapshot.mounts.iter().filter(grows) {
            learned.trends.add(&mount_name(mount), now, mount.used_bytes as f64);
            if let Some(free) = mount.inode_free_percent {
                learned.trends.add(&inodes_name(mount), now, 100.0 - free);
            }
        }
        learned.trends.keep(|name| {
            name.split_once(':').is_none_or(|(_, point)| snapshot.mount(point).is_some())
        });
    }
    if let Some(used) = snapshot.system.mem_used_bytes {
        learned.trends.add(MEMORY, now, used as f64);
    }
}

/// What will be full, soonest first.
pub(super) fn predictions(view: &View<'_>, learned: &Learned) -> Vec<Prediction> {
    let now = view.tick.since(0);
    let snapshot = view.snapshot;
    let mut all = Vec::new();
    let mut add = |kind: &str, subject: Subject, name: &str, value: f64, whole: f64| {
        let forecast = learned.trends.forecast(name, now, value, whole);
        all.extend(forecast.filter(is_worth_telling).map(|f| Prediction {
            machine_id: snapshot.machine_id.clone(),
            generated_at: snapshot.collected_at,
            kind: kind.to_owned(),
            text: in_words(view.config.general.language, kind, &subject, &f),
            subject,
            eta_secs: f.eta_secs as u64,
            confidence: f.confidence,
        }));
    };
    for mount in snapshot.mounts.iter().filter(grows) {
        let subject = Subject::Mount { mount_point: mount.mount_point.clone() };
        let used = mount.used_bytes as f64;
        add("disk.full", subject.clone(), &mount_name(mount), used, usable(mount));
        if let Some(free) = mount.inode_free_percent {
            add("inodes.full", subject, &inodes_name(mount), 100.0 - free, 100.0);
        }
    }
    let system = &snapshot.system;
    if let (Some(used), Some(total)) = (system.mem_used_bytes, system.mem_total_bytes) {
        add("memory.full", Subject::Machine, MEMORY, used as f64, total as f64);
    }
    all.sort_by_key(|p| p.eta_secs);
    all
}

fn is_worth_telling(forecast: &Forecast) -> bool {
    forecast.confidence >= LEAST_CONFIDENCE && forecast.eta_secs <= MAX_ETA_SECS
}

fn in_words(language: Language, kind: &str, subject: &Subject, forecast: &Forecast) -> String {
    let eta = text::duration(forecast.eta_secs as u64);
    let what = match (kind, subject) {
        ("inodes.full", Subject::Mount { mount_point }) => format!("{mount_point} (inodes)"),
        (_, Subject::Mount { mount_point }) => mount_point.clone(),
        _ => match language {
            Language::En => "memory".to_owned(),
            Language::Fr => "la mémoire".to_owned(),
            Language::Ko => "메모리".to_owned(),
        },
    };
    match language {
        Language::En => format!("{what} will be full in {eta} if it goes on like this"),
        Language::Fr => format!("{what} : saturation dans {eta} à ce rythme"),
        Language::Ko => format!("{what}: 이 추세라면 {eta} 후 가득 참"),
    }
}

/// Claims a mount that a steady growth will fill within the configured hours.
#[derive(Default)]
pub(super) struct Filling;

impl Filling {
    pub(super) const VARS: &[&str] =
        &["mount_point", "eta", "available", "per_hour", "confidence", "percent"];
}

impl Detector for Filling {
    fn detect(&mut self, view: &View<'_>, learned: &mut Learned) -> Vec<Claim> {
        let now = view.tick.since(0);
        let within = view.config.thresholds.disk_full_within_hours * 3600.0;
        let mut claims = Vec::new();
        for mount in view.snapshot.mounts.iter().filter(grows) {
            let used = mount.used_bytes as f64;
            let found = learned.trends.forecast(&mount_name(mount), now, used, usable(mount));
            let Some(f) = found.filter(|f| f.confidence >= LEAST_CONFIDENCE) else { continue };
            if f.eta_secs <= 1.5 * within {
                let marginal = f.confidence < MIN_CONFIDENCE || f.eta_secs > within;
                claims.push(claim(mount, &f, marginal));
            }
        }
        claims
    }
}

fn claim(mount: &Mount, f: &Forecast, marginal: bool) -> Claim {
    let per_hour = (f.per_sec * 3600.0) as u64;
    Claim {
        subject: Subject::Mount { mount_point: mount.mount_point.clone() },
        vars: vars([
            ("mount_point", mount.mount_point.as_str().into()),
            ("eta", (f.eta_secs as u64).into()),
            ("available", mount.available_bytes.into()),
            ("per_hour", per_hour.into()),
            ("confidence", f.confidence.into()),
            ("percent", mount.free_percent.into()),
        ]),
        proofs: vec![Proof {
            source: Source::Disk,
            metric: "used_bytes",
            text: format!(
                "{} used, growing by {} an hour for {}",
                text::bytes(mount.used_bytes),
                text::bytes(per_hour),
                text::duration(f.span_secs as u64)
            ),
            value: Some(mount.used_bytes as f64),
            unit: Some("bytes"),
        }],
        since: None,
        marginal,
    }
}
