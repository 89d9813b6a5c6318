//! Reports of others, from the database to the loop: taken up where they came in, shown to the
//! detectors as long as they are not over, ended when their sender says so, when their cure was
//! verified, when a person closes them, and when nobody has spoken of them for a day.
//!
//! What waits in the database is the truth; what is kept here is what a turn needs of it, and a
//! restart reads it again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use hale_brain::decide::redact::{KnownSecrets, Redactor};
use hale_brain::detect::{ACTED, reported};
use hale_model::action::{ActionRecord, ActionState};
use hale_model::alert::{Alert, AlertState, Finding, Subject};
use hale_model::api::{ApiError, ErrorKind, Receiving};
use hale_model::ids::Fingerprint;
use hale_model::incident::{Agent, Incident, IncidentState, TimelineEntry};
use hale_model::report::{OpenReport, Report};
use hale_model::sample::{Source, SourceState, SourceStatus};
use hale_model::snapshot::Snapshot;
use hale_model::text::{printable, printable_lines, shorten};
use hale_model::view::IncidentView;
use hale_model::{AlertId, IncidentId, MachineId, Timestamp};
use hale_store::{Inbox, InboxError, InboxGroup, InboxRow, RESOLVED_BY, State, StoreError};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::core::Core;
use crate::desk::Desk;
use crate::files::Files;
use crate::telemetry::{chained, store_error};

/// Troubles that the loop follows at once; further ones wait in the database.
const TROUBLES_OPEN_MAX: usize = 1000;
/// Ends of reports that one turn notes.
const ENDS_PER_TURN_MAX: u32 = 2000;
/// A trouble that nobody has spoken of for so long is over.
const SILENT_SECS_MAX: i64 = 24 * 3600;
/// What a report names is waited for this long when it cannot be observed yet.
const UNOBSERVED_SECS_MAX: i64 = 30;
/// Senders' ids that are kept with the incident itself; the others stand in the inbox.
const EXTERNAL_IDS_MAX: usize = 1000;
/// Lines of log that are told in the story.
const LOG_LINES_TOLD_MAX: usize = 10;
/// Bytes of a message in the story.
const TOLD_BYTES_MAX: usize = 1000;
/// Reports without an incident in a list.
const UNLINKED_LISTED_MAX: u32 = 100_000;
/// Ended reports are forgotten after so long.
const KEEP_ENDED_HOURS: i64 = 24 * 30;
/// How often they are looked for.
const FORGET_EVERY_SECS: u64 = 3600;

/// Between the end of a turn and one that looks at what came since.
const WAKE_AFTER_TURN: Duration = Duration::from_millis(200);
/// Of several such in a row.
const WAKE_APART: Duration = Duration::from_secs(1);

/// One trouble that is reported.
struct Trouble {
    open: OpenReport,
    alert: Option<AlertId>,
    incident: Option<IncidentId>,
    /// Rows that the incident is not written to yet.
    unlinked: bool,
    /// What was said last, so that the same is not told twice.
    told_digest: Option<String>,
}

/// What the loop knows of reports.
#[derive(Default)]
pub(crate) struct Reports {
    troubles: BTreeMap<String, Trouble>,
    /// Whether anybody ever reported anything.
    in_use: bool,
    /// Ended in this turn by their senders.
    over: Vec<(Trouble, String)>,
    /// To be written with the alerts.
    links: Vec<(String, Option<IncidentId>, Subject)>,
    ends: Vec<(String, String)>,
    forgot_at_ns: u64,
    arrivals: Arc<Notify>,
    /// The end of the newest turn, and the beginning of the newest that something came for.
    turned_at: Option<Instant>,
    woke_at: Option<Instant>,
}

/// Takes reports in for an [`hale_model::api::Handle`].
pub(crate) fn receive(inbox: &Inbox, reports: Vec<Report>) -> Receiving<'_> {
    Box::pin(async move {
        let (reply, answer) = oneshot::channel();
        inbox
            .put(reports, move |written| {
                let _ = reply.send(written);
            })
            .map_err(|error| match error {
                InboxError::Full(_) => ApiError::new(ErrorKind::Degraded, error.to_string())
                    .hint("send it again in a moment"),
                InboxError::Closed | InboxError::Report(_) => {
                    ApiError::new(ErrorKind::Failed, chained(&error))
                }
            })?;
        match answer.await {
            Ok(Ok(receipts)) => Ok(receipts),
            Ok(Err(error)) => Err(not_written(&error)),
            Err(_) => Err(ApiError::new(ErrorKind::Failed, "the agent is ending")),
        }
    })
}

fn not_written(error: &Arc<StoreError>) -> ApiError {
    ApiError::new(
        ErrorKind::Failed,
        format!("the report was not kept: {}", chained(error.as_ref())),
    )
    .hint("send it again; `hale doctor` looks at the data directory")
}

impl Reports {
    /// What an earlier agent had taken up.
    pub(crate) fn load(state: &State) -> Result<Reports, StoreError> {
        let mut reports = Reports { in_use: state.has_reports()?, ..Reports::default() };
        let most = u32::try_from(TROUBLES_OPEN_MAX).unwrap_or(u32::MAX);
        for group in state.open_reports(most)? {
            let incident = group.newest.incident_id.clone().or(group.first.incident_id.clone());
            // A crash between the proof of a cure and the end of its report must not repeat it.
            let cured = match &incident {
                Some(id) => state.actions_of(id)?.iter().any(|record| cured_after(record, &group)),
                None => false,
            };
            if cured {
                state.end_reports(&group.group_key, Timestamp::now(), ACTED)?;
                continue;
            }
            let subject = group.first.subject.clone().unwrap_or_else(|| service_of(&group));
            let trouble = Trouble {
                open: open_report(&group, subject),
                alert: None,
                incident,
                unlinked: false,
                told_digest: Some(group.newest.report.content_digest()),
            };
            reports.troubles.insert(group.group_key, trouble);
        }
        Ok(reports)
    }

    /// Written in the transaction that writes alerts and incidents, so that a crash leaves both or
    /// neither.
    pub(crate) fn save(&self, state: &State) -> Result<(), StoreError> {
        for (key, incident, subject) in &self.links {
            state.link_reports(key, incident.as_ref(), subject)?;
        }
        let now = Timestamp::now();
        self.ends.iter().try_for_each(|(key, why)| state.end_reports(key, now, why))
    }

    /// That transaction succeeded.
    pub(crate) fn saved(&mut self) {
        self.links.clear();
        self.ends.clear();
    }

    /// Whether something of the inbox waits to be written.
    pub(crate) fn has_unsaved(&self) -> bool {
        !self.links.is_empty() || !self.ends.is_empty()
    }

    /// What an earlier agent had taken up, and the door for what comes.
    ///
    /// # Errors
    /// The database cannot be read, or not be opened once more.
    pub(crate) fn open_inbox(&mut self, state: &State, files: &Files) -> Result<Inbox, ApiError> {
        let arrivals = self.arrivals.clone();
        *self = Reports::load(state).map_err(store_error)?;
        self.arrivals = arrivals.clone();
        // Its thread ends with the last handle: whatever was accepted by then is on disk.
        let (inbox, _thread) =
            Inbox::start(&files.state(), move || arrivals.notify_one()).map_err(store_error)?;
        Ok(inbox)
    }

    /// Told whenever something came.
    pub(crate) fn arrivals(&self) -> Arc<Notify> {
        self.arrivals.clone()
    }

    /// When the loop may look at what came: not at once after a look, since rates need some time
    /// between two, and not all the time while much comes.
    pub(crate) fn wake_at(&self) -> Instant {
        let after_turn = self.turned_at.map(|at| at + WAKE_AFTER_TURN);
        let after_wake = self.woke_at.map(|at| at + WAKE_APART);
        after_turn.max(after_wake).unwrap_or_else(Instant::now)
    }

    /// A turn begins because something came.
    pub(crate) fn woke(&mut self) {
        self.woke_at = Some(Instant::now());
    }

    /// A turn has ended.
    pub(crate) fn turned(&mut self) {
        self.turned_at = Some(Instant::now());
    }

    fn fingerprint_of(&self, key: &str, machine: &MachineId) -> Option<Fingerprint> {
        let open = &self.troubles.get(key)?.open;
        Some(Fingerprint::of(machine, open.report.kind.as_str(), &open.subject.key()))
    }
}

fn cured_after(record: &ActionRecord, group: &InboxGroup) -> bool {
    record.state == ActionState::Succeeded
        && record.intended_at.is_some_and(|at| at >= group.newest.updated_at)
}

fn service_of(group: &InboxGroup) -> Subject {
    Subject::Service { service: group.newest.report.service.clone() }
}

fn open_report(group: &InboxGroup, subject: Subject) -> OpenReport {
    OpenReport {
        id: group.first.id.clone(),
        report: group.newest.report.clone(),
        subject,
        since: group.first.received_at,
        reporters: group.reporters,
    }
}

impl Core {
    /// Takes up what came since the last turn, and gives the snapshot what is reported.
    pub(crate) fn look_into_inbox(&mut self, snapshot: &mut Snapshot) {
        let state = match self.read_inbox(snapshot) {
            Ok(()) => SourceState::Fresh,
            Err(error) => {
                self.warn("inbox", store_error(error).message);
                SourceState::Stale
            }
        };
        if !self.reports.in_use {
            return;
        }
        snapshot.reports = self.reports.troubles.values().map(|t| t.open.clone()).collect();
        snapshot.sources.push(SourceStatus {
            source: Source::Webhook,
            state,
            last_fresh_at: (state == SourceState::Fresh).then_some(snapshot.collected_at),
            took_us: 0,
            note: (state == SourceState::Stale).then(|| "the inbox cannot be read".to_owned()),
            lost: 0,
        });
    }

    fn read_inbox(&mut self, snapshot: &Snapshot) -> Result<(), StoreError> {
        self.note_ends()?;
        let troubles = &self.reports.troubles;
        let mut room = TROUBLES_OPEN_MAX.saturating_sub(troubles.len());
        let groups = self.state.new_reports(|key| {
            let known = troubles.contains_key(key);
            let fits = known || room > 0;
            room = room.saturating_sub(usize::from(fits && !known));
            fits
        })?;
        for group in groups {
            self.reports.in_use = true;
            self.take_up(group, snapshot)?;
        }
        self.let_age(snapshot)
    }

    /// Whether the alert of this trouble was closed since the last turn.
    fn is_closed(&self, key: &str) -> bool {
        let alert = self.reports.troubles.get(key).and_then(|trouble| trouble.alert.as_ref());
        let alert = alert.and_then(|id| self.book.get(id));
        alert.is_some_and(|alert| alert.state == AlertState::Closed)
    }

    fn take_up(&mut self, group: InboxGroup, snapshot: &Snapshot) -> Result<(), StoreError> {
        let key = group.group_key.clone();
        if self.is_closed(&key) {
            // What is reported after the cure waits until this turn has ended what it cured.
            return Ok(());
        }
        if let Some(trouble) = self.reports.troubles.get_mut(&key) {
            let fresh = group.first.incident_id.is_none();
            trouble.open.reporters += if fresh { group.reporters } else { 0 };
            trouble.open.report = group.newest.report;
            trouble.unlinked = true;
            return Ok(());
        }
        let age = snapshot.collected_at.as_second() - group.first.received_at.as_second();
        if age < UNOBSERVED_SECS_MAX && !reported::can_be_resolved(&group.newest.report, snapshot) {
            return Ok(());
        }
        let subject =
            reported::resolve(&group.newest.report, snapshot, &self.settings.config.server);
        let trouble = Trouble {
            open: open_report(&group, subject),
            alert: None,
            incident: group.first.incident_id.clone(),
            unlinked: true,
            told_digest: None,
        };
        self.reports.troubles.insert(key.clone(), trouble);
        // Reported anew, it is news, whatever was closed about it before.
        if let Some(fingerprint) = self.reports.fingerprint_of(&key, &snapshot.machine_id) {
            self.book.forget(&fingerprint);
        }
        Ok(())
    }

    /// What senders say is over.
    fn note_ends(&mut self) -> Result<(), StoreError> {
        let ending = self.state.ending_reports(ENDS_PER_TURN_MAX)?;
        if ending.is_empty() {
            return Ok(());
        }
        self.reports.in_use = true;
        let now = Timestamp::now();
        let over = self.state.atomically(|state| {
            let mut over = Vec::new();
            for row in &ending {
                let why = format!("{RESOLVED_BY}{}", row.report.source.title());
                if state.end_report(row, now, &why)? {
                    over.push((row.group_key.clone(), why));
                }
            }
            Ok(over)
        })?;
        for (key, why) in over {
            if let Some(trouble) = self.reports.troubles.remove(&key) {
                self.reports.over.push((trouble, why));
            }
        }
        Ok(())
    }

    fn let_age(&mut self, snapshot: &Snapshot) -> Result<(), StoreError> {
        let now = snapshot.collected_at;
        let silent = |at: Timestamp| now.as_second() - at.as_second() > SILENT_SECS_MAX;
        let old: Vec<String> = self
            .reports
            .troubles
            .iter()
            .filter(|(_, trouble)| silent(trouble.open.report.received_at))
            .map(|(key, _)| key.clone())
            .collect();
        for key in old {
            match self.state.heard_of_at(&key)? {
                Some(at) if !silent(at) => {
                    if let Some(trouble) = self.reports.troubles.get_mut(&key) {
                        trouble.open.report.received_at = at;
                    }
                }
                Some(_) | None => {
                    let why = format!("not reported for {} h", SILENT_SECS_MAX / 3600);
                    self.state.end_reports(&key, now, &why)?;
                    if let Some(trouble) = self.reports.troubles.remove(&key) {
                        self.reports.over.push((trouble, why));
                    }
                }
            }
        }
        let since = snapshot.boottime_ns.saturating_sub(self.reports.forgot_at_ns);
        if self.reports.in_use && since >= FORGET_EVERY_SECS * 1_000_000_000 {
            self.reports.forgot_at_ns = snapshot.boottime_ns;
            let hours = jiff::SignedDuration::from_hours(KEEP_ENDED_HOURS);
            self.state.forget_reports(now.saturating_sub(hours).unwrap_or(now))?;
        }
        Ok(())
    }

    /// The incident of this id, or of the report with it: the id in its receipt, or its sender's own.
    pub(crate) fn incident_by(&self, id: &IncidentId) -> Result<Option<Incident>, StoreError> {
        let id = id.as_str();
        if let Some(incident) = self.state.incident(id)? {
            return Ok(Some(incident));
        }
        let row = match self.state.report(id)? {
            Some(row) => Some(row),
            None => self.state.report_of_sender(id)?,
        };
        let linked = row.and_then(|row| row.incident_id);
        linked.map_or(Ok(None), |linked| self.state.incident(linked.as_str()))
    }

    /// The incident that a report, of which these are the alerts, was promised; none: they begin one
    /// of their own.
    pub(crate) fn promised_incident(&self, alerts: &[AlertId]) -> Option<IncidentId> {
        let fingerprints: BTreeSet<&Fingerprint> =
            alerts.iter().filter_map(|id| self.book.get(id)).map(|a| &a.fingerprint).collect();
        let machine = self.observer.machine_id();
        let promised = self.reports.troubles.iter().find(|(key, trouble)| {
            trouble.incident.is_none()
                && self
                    .reports
                    .fingerprint_of(key, machine)
                    .is_some_and(|fingerprint| fingerprints.contains(&fingerprint))
        });
        promised.map(|(_, t)| t.open.id.clone()).filter(|id| !self.cases.contains_key(id))
    }

    /// After the alerts have taken in what was found: what is reported belongs to their incidents,
    /// and is over where they are.
    pub(crate) fn follow_reports(&mut self, findings: &[Finding]) {
        self.close_what_is_over(findings);
        let machine = self.observer.machine_id().clone();
        let keys: Vec<String> = self.reports.troubles.keys().cloned().collect();
        for key in keys {
            let Some(fingerprint) = self.reports.fingerprint_of(&key, &machine) else { continue };
            let found = self.book.of(&fingerprint);
            let found = found
                .map(|a| (a.id.clone(), a.state, a.incident_id.clone(), a.close_reason.clone()));
            let Some((alert, state, incident, why)) = found else { continue };
            let known = self.reports.troubles.get(&key).and_then(|t| t.alert.clone());
            if state == AlertState::Closed {
                // Closed while it is still said: by a person, or as cured.
                if known.as_ref() == Some(&alert) {
                    self.end_trouble(&key, why.as_deref().unwrap_or("closed"));
                }
                continue;
            }
            if let Some(trouble) = self.reports.troubles.get_mut(&key) {
                trouble.alert = Some(alert);
            }
            if let Some(incident) = incident {
                self.link(&key, incident);
            }
        }
    }

    fn close_what_is_over(&mut self, findings: &[Finding]) {
        for (trouble, why) in std::mem::take(&mut self.reports.over) {
            let Some(alert) = trouble.alert.as_ref().and_then(|id| self.book.get(id)).cloned()
            else {
                continue;
            };
            let still_seen = findings.iter().any(|f| f.fingerprint() == alert.fingerprint);
            if let Some(incident) = &alert.incident_id {
                self.think(&incident.clone(), Agent::Scout, "reported", why.clone());
            }
            if alert.state != AlertState::Closed && !still_seen {
                self.close_reported(&alert, &why);
            }
        }
    }

    pub(crate) fn close_reported(&mut self, alert: &Alert, why: &str) {
        let Some(closed) = self.book.close(&alert.id, Timestamp::now(), why) else { return };
        self.mark_unsaved(&alert.id);
        self.tell_closed(&closed);
    }

    fn end_trouble(&mut self, key: &str, why: &str) {
        self.reports.troubles.remove(key);
        self.reports.ends.push((key.to_owned(), why.to_owned()));
    }

    fn link(&mut self, key: &str, incident: IncidentId) {
        let Some(trouble) = self.reports.troubles.get_mut(key) else { return };
        let moved = trouble.incident.as_ref() != Some(&incident);
        if !trouble.unlinked && !moved {
            return;
        }
        trouble.unlinked = false;
        trouble.incident = Some(incident.clone());
        let report = trouble.open.report.clone();
        let subject = trouble.open.subject.clone();
        let alert = trouble.alert.clone();
        let digest = report.content_digest();
        let is_news = trouble.told_digest.as_ref() != Some(&digest);
        trouble.told_digest = Some(digest);
        self.reports.links.push((key.to_owned(), Some(incident.clone()), subject));
        if let Some(case) = self.cases.get_mut(&incident)
            && case.incident.external_ids.len() < EXTERNAL_IDS_MAX
            && !case.incident.external_ids.contains(&report.external_id)
        {
            case.incident.external_ids.push(report.external_id.clone());
        }
        if is_news {
            if let Some(case) = self.cases.get_mut(&incident).filter(|case| case.doubt.doubted) {
                case.needs_diagnosis = true;
            }
            let said = alert.and_then(|id| self.book.get(&id)).map(|alert| alert.summary.clone());
            for text in told(&report, &said.unwrap_or_default()) {
                self.think(&incident, Agent::Scout, "reported", text);
            }
        }
    }

    /// Alerts of the same incident that others reported about the very thing that was cured: nothing
    /// but their senders' silence would end them.
    pub(crate) fn reported_beside(&self, record: &ActionRecord) -> Vec<AlertId> {
        let (Some(id), Some(treated)) = (&record.incident_id, &record.alert_id) else {
            return Vec::new();
        };
        let subject = self.book.get(treated).map(|alert| alert.subject.key());
        let mut reports = self.reports.troubles.values();
        let service = reports.find(|trouble| trouble.alert.as_ref() == Some(treated));
        let service = service.map(|trouble| &trouble.open.report.service);
        // One names a unit or container, another the service, or its failing requests are seen: all the same thing.
        let action = &record.step.action;
        let mut cured = action.target_keys();
        cured.extend(action.container().map(|container| format!("container:{}", container.name)));
        cured.extend(subject);
        let is_cured = |open: &OpenReport| {
            cured.contains(&open.subject.key()) || service == Some(&open.report.service)
        };
        // What came in before the time that proved the cure began, the proof speaks about too.
        let hold = std::time::Duration::from_secs(record.step.expectation.hold_secs);
        let proved_since = record.verification.as_ref().map(|proof| proof.decided_at - hold);
        let beside = self.reports.troubles.values().filter(|trouble| {
            trouble.incident.as_ref() == Some(id)
                && proved_since.is_some_and(|at| trouble.open.report.received_at <= at)
                && is_cured(&trouble.open)
        });
        beside.filter_map(|trouble| trouble.alert.clone()).collect()
    }
}

/// What is seen of the world itself: what others say does not prove or disprove a cure.
pub(crate) fn observed(findings: &[Finding]) -> Vec<Finding> {
    findings.iter().filter(|f| !reported::is_only_reported(&f.evidence)).cloned().collect()
}

/// What a sender said, as data: secrets masked, nothing that a terminal obeys; without the words that
/// its alert has said already.
fn told(report: &Report, said: &str) -> Vec<String> {
    let mut redactor = Redactor::new(KnownSecrets::default());
    let mut masked = |text: &str| shorten(&redactor.redact(text), TOLD_BYTES_MAX);
    let message = masked(&printable_lines(&report.message)).replace('\n', " · ");
    let (who, name) = (report.source.title(), printable(&report.external_id));
    let mut lines = vec![match said.contains(&format!("“{message}”")) {
        true => format!("reported by {who} as {name}"),
        false => format!(
            "{}: “{message}” ({}, reported by {who} as {name})",
            printable(&report.service),
            printable(&report.kind_text),
        ),
    }];
    let skip = report.logs.len().saturating_sub(LOG_LINES_TOLD_MAX);
    lines.extend(report.logs.iter().skip(skip).map(|line| format!("log: “{}”", masked(line))));
    let metrics = report.metrics.iter().map(|(name, value)| format!("{} {value}", printable(name)));
    let metrics: Vec<String> = metrics.collect();
    if !metrics.is_empty() {
        lines.push(format!("figures: {}", shorten(&metrics.join(", "), TOLD_BYTES_MAX)));
    }
    lines
}

/// An incident that a report was promised and the loop has not begun yet.
fn promised(row: &InboxRow, machine: &MachineId) -> Incident {
    let report = &row.report;
    Incident {
        id: row.id.clone(),
        external_ids: vec![report.external_id.clone()],
        title: reported::summary(report),
        state: match row.closed_at {
            Some(_) => IncidentState::Resolved,
            None => IncidentState::Open,
        },
        severity: report.severity,
        machine_id: machine.clone(),
        opened_at: row.received_at,
        closed_at: row.closed_at,
        alerts: Vec::new(),
        diagnosis: None,
    }
}

impl Desk {
    fn own_machine(&self) -> MachineId {
        let observed = self.latest(|l| l.snapshot.as_ref().map(|s| s.machine_id.clone()));
        observed.or_else(|| self.settings.machine_id()).unwrap_or_else(|| "localhost".into())
    }

    /// The incident behind the id that a sender was given: its report may have become part of
    /// another one, or wait for the loop.
    pub(crate) fn incident_of_report(&self, id: &str) -> Option<Incident> {
        let row = self.read(|state| state.report(id)).ok().flatten();
        // Or it is the id that the sender gave.
        let row = row.or_else(|| self.read(|state| state.report_of_sender(id)).ok().flatten())?;
        let linked = row
            .incident_id
            .as_ref()
            .and_then(|linked| self.read(|state| state.incident(linked.as_str())).ok().flatten());
        Some(linked.unwrap_or_else(|| promised(&row, &self.own_machine())))
    }

    /// Incidents that reports were promised and the loop has not begun yet, newest first.
    pub(crate) fn promised_incidents(&self, begun: &[Incident]) -> Vec<Incident> {
        let rows = self.read(|state| state.unlinked_reports(UNLINKED_LISTED_MAX));
        let machine = self.own_machine();
        let begun: BTreeSet<&IncidentId> = begun.iter().map(|incident| &incident.id).collect();
        let rows = rows.unwrap_or_default();
        let waiting = rows.iter().filter(|row| !begun.contains(&row.id));
        waiting.map(|row| promised(row, &machine)).collect()
    }

    /// Every sender's id, and not only the first of many.
    pub(crate) fn with_external_ids(&self, mut view: IncidentView) -> IncidentView {
        let id = IncidentId(view.id.clone());
        let all = self.read(|state| state.external_ids_of(&id)).unwrap_or_default();
        let known: BTreeSet<String> = view.external_ids.iter().cloned().collect();
        view.external_ids.extend(all.into_iter().filter(|id| !known.contains(id)));
        if view.alerts.is_empty() && view.timeline.is_empty() && !view.external_ids.is_empty() {
            view.timeline.push(TimelineEntry {
                ts: view.opened_at,
                agent: Agent::Scout,
                kind: "reported".to_owned(),
                text: view.title.clone(),
            });
        }
        view
    }
}
