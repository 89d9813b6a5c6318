//! The life of alerts.
//!
//! An alert opens at the first finding (how long a condition must hold is the rule's matter). It
//! closes as `recovered` after some quiet turns in which every source it rests on was read, and as
//! `gone` when its subject is no longer there; what cannot be seen closes nothing. One that comes
//! back soon after is the same alert again, and each time it does it needs longer to close.

use std::collections::BTreeMap;

use hale_model::Timestamp;
use hale_model::alert::{Alert, AlertKind, AlertState, Finding, Subject};
use hale_model::config::Config;
use hale_model::ids::{AlertId, Fingerprint, IncidentId};
use hale_model::sample::{Source, SourceState};
use hale_model::snapshot::Snapshot;

use super::reported::is_only_reported;

/// Quiet turns after which an alert closes.
const QUIET_TURNS: u32 = 3;
/// So many times longer at most for one that keeps coming back.
const MAX_FLAP_FACTOR: u32 = 8;
/// An alert that comes back within this time is the same one.
const FLAP_WINDOW_SECS: f64 = 600.0;
/// One that a person closed stays closed this long while its condition lasts.
const SILENCE_SECS: f64 = 3600.0;
/// One that a cure closed: what is still claimed after so long the cure did not end. A mean over minutes
/// needs that long to fall.
const CURE_SHOWS_SECS: f64 = 600.0;
/// No request is no proof: an alert about requests that nobody makes any more ends for this reason.
pub const NO_PROOF: &str = "ended without proof: no request came that would have shown it well";
/// After so long, where it is not known any more when the last request came.
const UNPROVED_SECS: i64 = 3600;
/// The reason of alerts that a verified cure closed.
pub const ACTED: &str = "acted";
/// Turns of lower severity before the alert is called less severe.
const LOWER_TURNS: u32 = 6;
/// A figure that moved by this share is news, once a minute.
const NEWS_SHARE: f64 = 0.2;
const NEWS_SECS: f64 = 60.0;
/// Most alerts that are open at once.
const MAX_OPEN: usize = 1000;

/// What happened to an alert in one turn.
#[derive(Clone, Debug, PartialEq)]
pub enum AlertChange {
    /// New.
    Opened(Alert),
    /// Worse than before; an acknowledged one is open again.
    Escalated(Alert),
    /// Came back soon after it closed.
    Reopened(Alert),
    /// Still the same trouble, but something that matters changed: members, severity, the figure.
    Updated(Alert),
    /// Over; `close_reason` tells why.
    Closed(Alert),
}

impl AlertChange {
    /// The alert as it is now.
    pub fn alert(&self) -> &Alert {
        match self {
            AlertChange::Opened(alert)
            | AlertChange::Escalated(alert)
            | AlertChange::Reopened(alert)
            | AlertChange::Updated(alert)
            | AlertChange::Closed(alert) => alert,
        }
    }
}

#[derive(Clone, Debug)]
struct Entry {
    alert: Alert,
    quiet_turns: u32,
    lower_turns: u32,
    told_value: Option<f64>,
    told_ns: u64,
    /// Loaded from disk, and not seen by a detector since.
    loaded: bool,
    /// Of requests that failed or were slow: whether others came since it was found last.
    proved: bool,
}

#[derive(Clone, Debug)]
struct Past {
    alert: Alert,
    closed_ns: u64,
    was_acknowledged: bool,
    /// Closed from outside while its condition lasted: stays closed while that goes on.
    silenced: bool,
    /// The newest look when it closed: what began after it is a new failure, whoever wanted the old one quiet.
    seen_until: Timestamp,
}

impl Past {
    fn keeps_quiet(&self, finding: &Finding) -> bool {
        self.silenced && finding.since <= self.seen_until && !is_worse(&self.alert, finding)
    }

    fn silence_secs(&self) -> f64 {
        match self.alert.close_reason.as_deref() {
            Some(ACTED) => CURE_SHOWS_SECS,
            Some(_) | None => SILENCE_SECS,
        }
    }
}

/// The alerts of one machine that are not closed, and those that closed a moment ago.
#[derive(Clone, Debug, Default)]
pub struct AlertBook {
    open: BTreeMap<Fingerprint, Entry>,
    past: BTreeMap<Fingerprint, Past>,
    now_ns: u64,
    started_ns: Option<u64>,
    /// When the newest look was.
    looked_at: Option<Timestamp>,
}

impl AlertBook {
    /// Goes on with the alerts that were not closed when the agent stopped. Those get the time that
    /// their detectors need to see the trouble again before silence counts as recovery.
    pub fn new(not_closed: Vec<Alert>) -> Self {
        let entries = not_closed.into_iter().filter(|a| a.state != AlertState::Closed);
        let open = entries.map(|alert| {
            let told_value = figure(&alert);
            let entry = Entry {
                alert,
                quiet_turns: 0,
                lower_turns: 0,
                told_value,
                told_ns: 0,
                loaded: true,
                proved: false,
            };
            (entry.alert.fingerprint.clone(), entry)
        });
        AlertBook { open: open.collect(), ..AlertBook::default() }
    }

    /// Takes in the findings of one turn. The changes come in a fixed order.
    pub fn step(
        &mut self,
        snapshot: &Snapshot,
        findings: &[Finding],
        config: &Config,
    ) -> Vec<AlertChange> {
        if snapshot.boottime_ns < self.now_ns {
            self.past.clear();
            self.started_ns = None;
        }
        self.now_ns = snapshot.boottime_ns;
        self.started_ns.get_or_insert(snapshot.boottime_ns);
        let mut seen: BTreeMap<Fingerprint, &Finding> = BTreeMap::new();
        for finding in findings {
            let known = seen.entry(finding.fingerprint()).or_insert(finding);
            // Of two that are as bad, what hale sees itself; then the newer, which may have begun after
            // the other was cured.
            let weight = |f: &Finding| (f.severity, !is_only_reported(&f.evidence), f.since);
            if weight(finding) > weight(known) {
                *known = finding;
            }
        }
        let mut changes = Vec::new();
        for (fingerprint, finding) in &seen {
            changes.extend(self.saw(snapshot, fingerprint, finding));
        }
        changes.extend(self.settle(snapshot, config, &seen));
        self.forget_past(snapshot, &seen);
        self.looked_at = Some(snapshot.collected_at);
        changes
    }

    fn saw(
        &mut self,
        snapshot: &Snapshot,
        fingerprint: &Fingerprint,
        finding: &Finding,
    ) -> Option<AlertChange> {
        let now_ns = self.now_ns;
        if let Some(entry) = self.open.get_mut(fingerprint) {
            return entry.refresh(snapshot, finding, now_ns);
        }
        if self.open.len() >= MAX_OPEN {
            return None;
        }
        let past = self.past.get(fingerprint);
        if past.is_some_and(|p| p.keeps_quiet(finding)) {
            return None;
        }
        let past = self.past.remove(fingerprint);
        let reopened = past.is_some();
        let alert = match past {
            Some(past) => reopen(past, finding, snapshot.collected_at),
            None => open(fingerprint, finding, snapshot.collected_at),
        };
        let entry = Entry {
            told_value: figure(&alert),
            alert: alert.clone(),
            quiet_turns: 0,
            lower_turns: 0,
            told_ns: now_ns,
            loaded: false,
            proved: false,
        };
        self.open.insert(fingerprint.clone(), entry);
        Some(if reopened { AlertChange::Reopened(alert) } else { AlertChange::Opened(alert) })
    }

    /// Closes what is over.
    fn settle(
        &mut self,
        snapshot: &Snapshot,
        config: &Config,
        seen: &BTreeMap<Fingerprint, &Finding>,
    ) -> Vec<AlertChange> {
        let running_secs =
            self.now_ns.saturating_sub(self.started_ns.unwrap_or(self.now_ns)) as f64 / 1e9;
        let mut over = Vec::new();
        for (fingerprint, entry) in &mut self.open {
            if seen.contains_key(fingerprint) {
                continue;
            }
            if is_gone(snapshot, &entry.alert) {
                over.push((fingerprint.clone(), "gone"));
                continue;
            }
            if !can_be_seen(snapshot, &entry.alert) {
                continue;
            }
            let by_requests = rests_on_requests(&entry.alert);
            entry.proved |= by_requests && has_requests(snapshot, &entry.alert.subject);
            let unproved = by_requests && !entry.proved;
            if unproved && entry.loaded && age_secs(snapshot, &entry.alert) < UNPROVED_SECS {
                // What was known of its requests ended with the agent: only new ones show it well.
                continue;
            }
            entry.quiet_turns += 1;
            let warm = !entry.loaded || running_secs > warm_up_secs(&entry.alert.kind, config);
            let factor = entry.alert.flaps.saturating_add(1).min(MAX_FLAP_FACTOR);
            if warm && entry.quiet_turns >= QUIET_TURNS * factor {
                over.push((fingerprint.clone(), if unproved { NO_PROOF } else { "recovered" }));
            }
        }
        let close = |(fingerprint, reason): (Fingerprint, &str)| {
            self.end(&fingerprint, snapshot.collected_at, reason, false).map(AlertChange::Closed)
        };
        over.into_iter().filter_map(close).collect()
    }

    fn forget_past(&mut self, snapshot: &Snapshot, seen: &BTreeMap<Fingerprint, &Finding>) {
        let now_ns = self.now_ns;
        self.past.retain(|fingerprint, past| {
            let age = now_ns.saturating_sub(past.closed_ns) as f64 / 1e9;
            if past.silenced && !seen.contains_key(fingerprint) {
                let over = is_gone(snapshot, &past.alert) || can_be_seen(snapshot, &past.alert);
                past.silenced = !over;
            }
            if past.silenced && age > past.silence_secs() {
                past.silenced = false;
            }
            past.silenced || age <= FLAP_WINDOW_SECS
        });
        while self.past.len() > MAX_OPEN {
            self.past.pop_first();
        }
    }

    fn end(
        &mut self,
        fingerprint: &Fingerprint,
        now: Timestamp,
        reason: &str,
        silenced: bool,
    ) -> Option<Alert> {
        let Entry { mut alert, quiet_turns, .. } = self.open.remove(fingerprint)?;
        let was_acknowledged = alert.state == AlertState::Acknowledged;
        alert.state = AlertState::Closed;
        alert.closed_at = Some(now);
        alert.close_reason = Some(reason.to_owned());
        let past = Past {
            alert: alert.clone(),
            closed_ns: self.now_ns,
            was_acknowledged,
            // What was not found any more in the newest look does not last: found again, it is back.
            silenced: silenced && quiet_turns == 0,
            seen_until: self.looked_at.unwrap_or(now),
        };
        self.past.insert(fingerprint.clone(), past);
        Some(alert)
    }

    /// The alert with this id: open, acknowledged, or closed a moment ago.
    pub fn get(&self, id: &AlertId) -> Option<&Alert> {
        let past = self.past.values().map(|p| &p.alert);
        self.open().chain(past).find(|alert| alert.id == *id)
    }

    /// The alert about this trouble: open, acknowledged, or closed a moment ago.
    pub fn of(&self, fingerprint: &Fingerprint) -> Option<&Alert> {
        let open = self.open.get(fingerprint).map(|entry| &entry.alert);
        open.or_else(|| self.past.get(fingerprint).map(|past| &past.alert))
    }

    /// Forgets how this trouble ended, and that anybody wanted it quiet: should it be found, it is new.
    pub fn forget(&mut self, fingerprint: &Fingerprint) {
        self.past.remove(fingerprint);
    }

    /// Every alert that is not closed.
    pub fn open(&self) -> impl Iterator<Item = &Alert> {
        self.open.values().map(|entry| &entry.alert)
    }

    /// A person has seen it; none where no such alert is open.
    pub fn acknowledge(&mut self, id: &AlertId) -> Option<Alert> {
        let entry = self.open.values_mut().find(|e| e.alert.id == *id)?;
        entry.alert.state = AlertState::Acknowledged;
        Some(entry.alert.clone())
    }

    /// Closes it for a reason of a person's, or as [`ACTED`]; none where no such alert is open. While
    /// its condition lasts it stays closed, for an hour at most (ten minutes after a cure), unless it
    /// gets worse or begins anew. One that closed by itself a moment ago only gets the reason.
    pub fn close(&mut self, id: &AlertId, now: Timestamp, reason: &str) -> Option<Alert> {
        let open = self.open.iter().find(|(_, e)| e.alert.id == *id);
        if let Some(fingerprint) = open.map(|(fingerprint, _)| fingerprint.clone()) {
            return self.end(&fingerprint, now, reason, true);
        }
        let past = self.past.values_mut().find(|p| p.alert.id == *id && !p.silenced)?;
        past.alert.close_reason = Some(reason.to_owned());
        Some(past.alert.clone())
    }

    /// Notes the incident that it belongs to.
    pub fn set_incident(&mut self, id: &AlertId, incident: &IncidentId) {
        let open = self.open.values_mut().map(|e| &mut e.alert);
        let past = self.past.values_mut().map(|p| &mut p.alert);
        if let Some(alert) = open.chain(past).find(|a| a.id == *id) {
            alert.incident_id = Some(incident.clone());
        }
    }
}

impl Entry {
    /// Takes in a new finding about the same trouble.
    fn refresh(
        &mut self,
        snapshot: &Snapshot,
        finding: &Finding,
        now_ns: u64,
    ) -> Option<AlertChange> {
        self.quiet_turns = 0;
        self.loaded = false;
        self.proved = false;
        let before = self.alert.severity;
        let members_changed = !same_members(&self.alert.subject, &finding.subject);
        let silence_changed = is_silent(&self.alert.vars) != is_silent(&finding.vars);
        fill(&mut self.alert, finding, snapshot.collected_at);
        if finding.severity > before {
            self.lower_turns = 0;
            self.alert.severity = finding.severity;
            self.alert.state = AlertState::Open;
            self.tell(now_ns);
            return Some(AlertChange::Escalated(self.alert.clone()));
        }
        self.lower_turns = if finding.severity < before { self.lower_turns + 1 } else { 0 };
        let eased = self.lower_turns >= LOWER_TURNS;
        if eased {
            self.lower_turns = 0;
            self.alert.severity = finding.severity;
        }
        let news = members_changed || silence_changed || eased || self.figure_moved(now_ns);
        news.then(|| {
            self.tell(now_ns);
            AlertChange::Updated(self.alert.clone())
        })
    }

    fn tell(&mut self, now_ns: u64) {
        self.told_ns = now_ns;
        self.told_value = figure(&self.alert);
    }

    fn figure_moved(&self, now_ns: u64) -> bool {
        let since = now_ns.saturating_sub(self.told_ns) as f64 / 1e9;
        match (self.told_value, figure(&self.alert)) {
            (Some(told), Some(now)) => {
                since >= NEWS_SECS && (now - told).abs() > NEWS_SHARE * told.abs().max(1e-9)
            }
            (None, _) | (_, None) => false,
        }
    }
}

/// Whether a finding is more than what was closed: more severe, or one more kill.
fn is_worse(alert: &Alert, finding: &Finding) -> bool {
    let killed_again = alert.kind == AlertKind::KernelOom
        && figure(alert) < finding.evidence.iter().find_map(|e| e.value);
    finding.severity > alert.severity || killed_again
}

/// Whether nobody asks any more what is judged by requests.
fn is_silent(vars: &BTreeMap<String, serde_json::Value>) -> bool {
    vars.get("silent_since").is_some_and(|since| !since.is_null())
}

fn figure(alert: &Alert) -> Option<f64> {
    alert.evidence.iter().find_map(|e| e.value)
}

fn same_members(a: &Subject, b: &Subject) -> bool {
    let (a, b) = (a.processes(), b.processes());
    a.len() == b.len() && a.iter().all(|p| b.iter().any(|q| p.same_process(q)))
}

/// Everything but identity, severity and state.
fn fill(alert: &mut Alert, finding: &Finding, now: Timestamp) {
    alert.subject = finding.subject.clone();
    alert.summary.clone_from(&finding.summary);
    alert.vars.clone_from(&finding.vars);
    alert.evidence.clone_from(&finding.evidence);
    alert.suggested_actions.clone_from(&finding.suggested_actions);
    alert.last_seen_at = now;
}

fn open(fingerprint: &Fingerprint, finding: &Finding, now: Timestamp) -> Alert {
    Alert {
        id: AlertId::of(fingerprint, now),
        fingerprint: fingerprint.clone(),
        machine_id: finding.machine_id.clone(),
        kind: finding.kind.clone(),
        severity: finding.severity,
        state: AlertState::Open,
        subject: finding.subject.clone(),
        summary: finding.summary.clone(),
        vars: finding.vars.clone(),
        evidence: finding.evidence.clone(),
        suggested_actions: finding.suggested_actions.clone(),
        first_seen_at: finding.since,
        last_seen_at: now,
        closed_at: None,
        close_reason: None,
        flaps: 0,
        incident_id: None,
    }
}

fn reopen(past: Past, finding: &Finding, now: Timestamp) -> Alert {
    let mut alert = past.alert;
    let worse = finding.severity > alert.severity;
    alert.state =
        if past.was_acknowledged && !worse { AlertState::Acknowledged } else { AlertState::Open };
    alert.severity = finding.severity;
    alert.closed_at = None;
    alert.close_reason = None;
    alert.flaps = alert.flaps.saturating_add(1);
    fill(&mut alert, finding, now);
    alert
}

/// Whether it is told by requests that hale heard of itself.
fn rests_on_requests(alert: &Alert) -> bool {
    matches!(alert.kind, AlertKind::HttpErrors | AlertKind::HttpLatency)
        && alert.evidence.iter().any(|e| e.source == Source::Otlp)
}

fn has_requests(snapshot: &Snapshot, subject: &Subject) -> bool {
    let Subject::Service { service } = subject else { return true };
    snapshot.traffic.as_ref().is_some_and(|traffic| {
        traffic.service(service).is_some_and(|s| s.requests > 0)
            || traffic.callers(service).any(|edge| edge.requests > 0)
    })
}

fn age_secs(snapshot: &Snapshot, alert: &Alert) -> i64 {
    snapshot.collected_at.as_second().saturating_sub(alert.last_seen_at.as_second())
}

fn state_of(snapshot: &Snapshot, source: Source) -> Option<SourceState> {
    snapshot.sources.iter().find(|s| s.source == source).map(|s| s.state)
}

/// Whether every source that the alert rests on could be read: only then is silence recovery. A
/// source that the machine does not have (any more) counts as read.
fn can_be_seen(snapshot: &Snapshot, alert: &Alert) -> bool {
    let readable = |source| match state_of(snapshot, source) {
        Some(SourceState::Fresh | SourceState::Absent) => true,
        Some(SourceState::Stale) | None => false,
    };
    // One target that is down says nothing about the others; one that is no longer asked never will.
    if let Subject::Metric { metric } = &alert.subject
        && alert.evidence.iter().all(|e| e.source == Source::Scrape)
    {
        return snapshot.target_answers(metric).unwrap_or(true);
    }
    alert.evidence.iter().all(|e| readable(e.source))
}

/// Whether the subject was looked for and is not there.
fn is_gone(snapshot: &Snapshot, alert: &Alert) -> bool {
    let fresh = |source| snapshot.is_fresh(source);
    match &alert.subject {
        Subject::Process { process } => {
            fresh(Source::Process) && snapshot.living(process).is_none()
        }
        Subject::ProcessGroup { members, .. } => {
            let zombies = alert.kind == AlertKind::ProcessZombie;
            let there = |m| {
                if zombies { snapshot.find(m).is_some() } else { snapshot.living(m).is_some() }
            };
            fresh(Source::Process) && !members.iter().any(there)
        }
        Subject::Unit { unit } => fresh(Source::Unit) && snapshot.unit(unit).is_none(),
        Subject::Mount { mount_point } => {
            fresh(Source::Disk) && snapshot.mount(mount_point).is_none()
        }
        Subject::Container { id, name } => {
            fresh(Source::Container) && snapshot.container(id, name).is_none()
        }
        Subject::Machine
        | Subject::Sensor { .. }
        | Subject::Metric { .. }
        | Subject::Journal { .. }
        | Subject::Service { .. }
        | Subject::Workload { .. }
        | Subject::Source { .. } => false,
    }
}

/// How long the detector of this kind may need, after a start, to see the same trouble again.
fn warm_up_secs(kind: &AlertKind, config: &Config) -> f64 {
    let t = &config.thresholds;
    let window = match kind {
        AlertKind::MemoryHigh | AlertKind::MemoryPressure | AlertKind::SwapHigh => t.ram_for_secs,
        AlertKind::LoadHigh => t.load_for_secs,
        AlertKind::CpuHotProcess => t.hot_process_for_secs,
        AlertKind::ProcessOrphan => t.orphan_for_secs,
        AlertKind::ProcessZombie => t.zombie_timeout_secs,
        AlertKind::ProcessLeak | AlertKind::ProcessFdLeak => {
            t.leak_window_secs.saturating_add(t.leak_window_secs / 5)
        }
        AlertKind::KernelOom
        | AlertKind::ServiceFlapping
        | AlertKind::ContainerRestarting
        | AlertKind::DiskFilling => 600,
        AlertKind::JournalBurst | AlertKind::MetricAnomaly => 60,
        AlertKind::ProcessDuplicates => 30,
        AlertKind::ProcessGhostStorm | AlertKind::TemperatureHigh => 20,
        AlertKind::DiskSpace
        | AlertKind::DiskInodes
        | AlertKind::ServiceFailed
        | AlertKind::SourceStale
        | AlertKind::ContainerUnhealthy
        | AlertKind::HttpErrors
        | AlertKind::HttpLatency => 0,
        AlertKind::Rule(_) => 300,
    };
    window.saturating_add(config.general.interval_secs.saturating_mul(3)) as f64
}
