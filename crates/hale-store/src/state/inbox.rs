//! Reports of others: taken in once, however often they are sent, and what became of them.

use hale_model::Timestamp;
use hale_model::alert::Subject;
use hale_model::ids::IncidentId;
use hale_model::incident::{Agent, IncidentState, TimelineEntry};
use hale_model::report::{Receipt, Report, ReportSource};
use hale_model::text::printable;
use rusqlite::params;

use super::{State, micros, sql_limit};
use crate::StoreError;

/// A sender that tries again within this time after the end of what it reported means that one; later,
/// or with other words, it has happened again.
const SENT_AGAIN_SECS: i64 = 300;
/// Rows that one look at what is new goes through; the rest has its turn in the next look.
const NEW_ROWS_MAX: u32 = 20_000;

/// A report, written out for its row ahead of the transaction.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    report: Report,
    data: String,
    digest: String,
    group_key: String,
}

impl Prepared {
    pub(crate) fn new(report: Report) -> Result<Prepared, serde_json::Error> {
        let data = serde_json::to_string(&report)?;
        let (digest, group_key) = (report.content_digest(), report.group_key());
        Ok(Prepared { report, data, digest, group_key })
    }

    /// What it takes while it waits.
    pub(crate) fn bytes(&self) -> usize {
        2 * self.data.len() + 256
    }
}

/// One occurrence of a reported trouble under one sender's id.
#[derive(Clone, Debug, PartialEq)]
pub struct InboxRow {
    /// hale's id.
    pub id: IncidentId,
    /// [`Report::group_key`].
    pub group_key: String,
    /// `new`, `open`, `ending`, `closed`
    pub state: String,
    /// The incident it became part of.
    pub incident_id: Option<IncidentId>,
    /// When it first came.
    pub received_at: Timestamp,
    /// When it last came.
    pub updated_at: Timestamp,
    /// When it ended.
    pub closed_at: Option<Timestamp>,
    /// Why it ended.
    pub close_reason: Option<String>,
    /// What it is about, once that was decided.
    pub subject: Option<Subject>,
    /// Its newest words.
    pub report: Report,
}

/// Reports about the same trouble that are not over.
#[derive(Clone, Debug, PartialEq)]
pub struct InboxGroup {
    /// [`Report::group_key`].
    pub group_key: String,
    /// The first of them.
    pub first: InboxRow,
    /// The one that changed last.
    pub newest: InboxRow,
    /// How many ids of senders.
    pub reporters: u32,
}

struct Known {
    seq: i64,
    id: IncidentId,
    occurrence: u32,
    marker: Option<String>,
    state: String,
    incident_id: Option<String>,
    closed_at: Option<i64>,
    digest: String,
    /// Its sender said that it was over.
    resolved_by_sender: bool,
    /// When it was last heard of.
    updated_at: i64,
}

/// How the reason begins with which a sender's own word ends a report; who, follows.
pub const RESOLVED_BY: &str = "resolved by ";

const COLUMNS: &str = "id, group_key, state, incident_id, received_at, updated_at, closed_at, \
                       close_reason, subject, data";

impl State {
    /// Takes a report in, inside the transaction that is open; the same one again changes nothing
    /// but when it was last heard of.
    pub(crate) fn accept_report(&self, prepared: &Prepared) -> Result<Receipt, StoreError> {
        let report = &prepared.report;
        let known = self.last_occurrence(report.source, &report.external_id)?;
        let receipt = |id: IncidentId, state, note| Receipt {
            incident_id: report.external_id.clone(),
            id,
            state,
            note,
        };
        let Some(known) = known else {
            let id = report.incident_id(1);
            self.insert_report(prepared, &id, 1)?;
            if report.resolved {
                self.close_unknown(&id, report)?;
                let note =
                    format!("nothing was reported as {}: it ends nothing", report.external_id);
                return Ok(receipt(id, IncidentState::Resolved, Some(note)));
            }
            return Ok(receipt(id, IncidentState::Open, None));
        };
        if known.closed_at.is_none() {
            self.heard_again(prepared, &known)?;
            let state = self.state_of_incident(known.incident_id.as_deref())?;
            return Ok(receipt(known.id, state, None));
        }
        if report.resolved {
            self.note_end(&known, report)?;
            return Ok(receipt(known.id, IncidentState::Resolved, None));
        }
        if is_sent_again(prepared, &known) {
            let note = self.note_late(report, &known)?;
            return Ok(receipt(known.id, IncidentState::Resolved, Some(note)));
        }
        let occurrence = known.occurrence.saturating_add(1);
        let id = report.incident_id(occurrence);
        self.insert_report(prepared, &id, occurrence)?;
        Ok(receipt(id, IncidentState::Open, None))
    }

    /// The end of what nobody reported: kept, so that the id in its receipt leads somewhere.
    fn close_unknown(&self, id: &IncidentId, report: &Report) -> Result<(), StoreError> {
        let why = format!("{}{}", RESOLVED_BY, report.source.title());
        // Without its beginning: what begins then is no retry of what has ended here.
        let sql = "UPDATE inbox SET state = 'closed', closed_at = ?2, close_reason = ?3, \
                   marker = NULL WHERE id = ?1";
        let values = params![id.as_str(), micros(report.received_at), why];
        self.execute("note the end of an unknown report", sql, values).map(drop)
    }

    /// Its sender says of what has ended for another reason that it is over: from then on the same words
    /// are news.
    fn note_end(&self, known: &Known, report: &Report) -> Result<(), StoreError> {
        if known.resolved_by_sender {
            return Ok(());
        }
        let who = format!("; {RESOLVED_BY}{}", report.source.title());
        let sql = "UPDATE inbox SET close_reason = coalesce(close_reason, '') || ?2 WHERE seq = ?1";
        self.execute("note the end of a report", sql, params![known.seq, who]).map(drop)
    }

    /// What is taken for a late retry begins nothing: said in the receipt and, the first time, in the
    /// story of what it was about.
    fn note_late(&self, report: &Report, known: &Known) -> Result<String, StoreError> {
        let text = format!(
            "{} again from {} after its end: taken for a late retry, begins nothing",
            report.external_id,
            report.source.title()
        );
        let untold = known.updated_at <= known.closed_at.unwrap_or(0);
        if let Some(incident) = known.incident_id.as_deref().filter(|_| untold) {
            let entry = TimelineEntry {
                ts: report.received_at,
                agent: Agent::Scout,
                kind: "reported".to_owned(),
                text: printable(&text),
            };
            self.add_timeline(&IncidentId(incident.to_owned()), &entry)?;
        }
        let sql = "UPDATE inbox SET updated_at = max(?2, closed_at + 1) WHERE seq = ?1";
        let values = params![known.seq, micros(report.received_at)];
        self.execute("note a late report", sql, values)?;
        Ok(text)
    }

    fn last_occurrence(
        &self,
        source: ReportSource,
        external_id: &str,
    ) -> Result<Option<Known>, StoreError> {
        let sql = "SELECT seq, id, occurrence, marker, state, incident_id, closed_at, digest, \
                   coalesce(close_reason, ''), updated_at FROM inbox WHERE external_id = ?1 AND source = ?2 \
                   ORDER BY occurrence DESC LIMIT 1";
        let found =
            self.rows("look for a report", sql, params![external_id, source.as_str()], |row| {
                Ok(Known {
                    seq: row.get(0)?,
                    id: IncidentId(row.get(1)?),
                    occurrence: row.get(2)?,
                    marker: row.get(3)?,
                    state: row.get(4)?,
                    incident_id: row.get(5)?,
                    closed_at: row.get(6)?,
                    digest: row.get(7)?,
                    resolved_by_sender: row.get::<_, String>(8)?.contains(RESOLVED_BY),
                    updated_at: row.get(9)?,
                })
            })?;
        Ok(found.into_iter().next())
    }

    fn insert_report(
        &self,
        prepared: &Prepared,
        id: &IncidentId,
        occurrence: u32,
    ) -> Result<(), StoreError> {
        let report = &prepared.report;
        let at = micros(report.received_at);
        let values = params![
            id.as_str(),
            report.source.as_str(),
            report.external_id,
            occurrence,
            report.occurrence,
            prepared.group_key,
            at,
            prepared.digest,
            prepared.data,
        ];
        let sql = "INSERT INTO inbox (id, source, external_id, occurrence, marker, group_key, \
                   state, received_at, updated_at, digest, data) \
                   VALUES (?1,?2,?3,?4,?5,?6,'new',?7,?7,?8,?9)";
        self.execute("store a report", sql, values).map(drop)
    }

    fn heard_again(&self, prepared: &Prepared, known: &Known) -> Result<(), StoreError> {
        let report = &prepared.report;
        let at = micros(report.received_at);
        if report.resolved {
            let sql = "UPDATE inbox SET state = 'ending', updated_at = ?2 WHERE seq = ?1";
            return self.execute("note the end of a report", sql, params![known.seq, at]).map(drop);
        }
        if known.digest == prepared.digest && known.state != "ending" {
            let sql = "UPDATE inbox SET updated_at = ?2 WHERE seq = ?1";
            return self.execute("note a report", sql, params![known.seq, at]).map(drop);
        }
        let sql = "UPDATE inbox SET state = 'new', updated_at = ?2, marker = ?3, group_key = ?4, \
                   digest = ?5, data = ?6 WHERE seq = ?1";
        let values = params![
            known.seq,
            at,
            report.occurrence,
            prepared.group_key,
            prepared.digest,
            prepared.data
        ];
        self.execute("store a report", sql, values).map(drop)
    }

    fn state_of_incident(&self, id: Option<&str>) -> Result<IncidentState, StoreError> {
        let Some(id) = id else { return Ok(IncidentState::Open) };
        let sql = "SELECT data ->> 'state' FROM incidents WHERE id = ?1";
        let name: Option<String> = self.value("read an incident's state", sql, [id])?;
        Ok(name
            .and_then(|name| serde_json::from_value(name.into()).ok())
            .unwrap_or(IncidentState::Open))
    }

    /// How many reports are not over.
    ///
    /// # Errors
    /// If they cannot be counted.
    pub fn reports_not_closed(&self) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM inbox WHERE closed_at IS NULL";
        Ok(self
            .value::<i64>("count reports", sql, [])?
            .and_then(|n| u64::try_from(n).ok())
            .unwrap_or(0))
    }

    /// Whether anybody ever reported anything.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn has_reports(&self) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM inbox)";
        Ok(self.value::<bool>("look for reports", sql, [])?.unwrap_or(false))
    }

    /// What the loop has not looked at yet, as groups, the oldest first. `fit`: only groups for
    /// which this says yes are read whole, so that many that have no room cost little.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn new_reports(
        &self,
        mut fit: impl FnMut(&str) -> bool,
    ) -> Result<Vec<InboxGroup>, StoreError> {
        let sql = format!(
            "SELECT group_key, min(seq), max(updated_at), count(*) FROM \
             (SELECT seq, group_key, updated_at FROM inbox INDEXED BY inbox_not_closed \
              WHERE state = 'new' AND closed_at IS NULL ORDER BY seq LIMIT {NEW_ROWS_MAX}) \
             GROUP BY group_key ORDER BY min(seq)"
        );
        let keys: Vec<(String, u32)> =
            self.rows("look for new reports", &sql, [], |row| Ok((row.get(0)?, row.get(3)?)))?;
        let mut groups = Vec::new();
        for (group_key, reporters) in keys {
            if fit(&group_key) {
                groups.extend(self.group_in(&group_key, "new", reporters)?);
            }
        }
        Ok(groups)
    }

    /// Groups that the loop has looked at and that are not over: what a restart goes on with.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn open_reports(&self, limit: u32) -> Result<Vec<InboxGroup>, StoreError> {
        let keys: Vec<(String, u32)> = self.rows(
            "list open reports",
            "SELECT group_key, count(*) FROM inbox INDEXED BY inbox_not_closed \
             WHERE state = 'open' AND closed_at IS NULL \
             GROUP BY group_key ORDER BY min(seq) LIMIT ?1",
            [sql_limit(limit)],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let groups = keys.into_iter().map(|(key, n)| self.group_in(&key, "open", n));
        Ok(groups.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    fn group_in(
        &self,
        group_key: &str,
        state: &str,
        reporters: u32,
    ) -> Result<Option<InboxGroup>, StoreError> {
        let of = |order: &str| {
            let sql = format!(
                "SELECT {COLUMNS} FROM inbox INDEXED BY inbox_by_group \
                 WHERE group_key = ?1 AND state = ?2 ORDER BY {order} LIMIT 1"
            );
            Ok::<_, StoreError>(
                self.inbox_rows(&sql, params![group_key, state])?.into_iter().next(),
            )
        };
        let (first, newest) = (of("seq")?, of("updated_at DESC, seq DESC")?);
        Ok(first.zip(newest).map(|(first, newest)| InboxGroup {
            group_key: group_key.to_owned(),
            first,
            newest,
            reporters,
        }))
    }

    /// What senders say is over and the loop has not noted yet.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn ending_reports(&self, limit: u32) -> Result<Vec<InboxRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM inbox INDEXED BY inbox_not_closed \
             WHERE state = 'ending' AND closed_at IS NULL ORDER BY seq LIMIT ?1"
        );
        self.inbox_rows(&sql, [sql_limit(limit)])
    }

    fn inbox_rows(
        &self,
        sql: &str,
        values: impl rusqlite::Params,
    ) -> Result<Vec<InboxRow>, StoreError> {
        let operation = "read reports";
        type Raw = (
            (String, String, String, Option<String>),
            (i64, i64, Option<i64>, Option<String>),
            (Option<String>, String),
        );
        let raw: Vec<Raw> = self.rows(operation, sql, values, |row| {
            Ok((
                (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?),
                (row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?),
                (row.get(8)?, row.get(9)?),
            ))
        })?;
        let at = |us: i64| Timestamp::from_microsecond(us).unwrap_or(Timestamp::UNIX_EPOCH);
        raw.into_iter()
            .map(
                |(
                    (id, group_key, state, incident),
                    (came, heard, closed, why),
                    (subject, data),
                )| {
                    Ok(InboxRow {
                        id: IncidentId(id),
                        group_key,
                        state,
                        incident_id: incident.map(IncidentId),
                        received_at: at(came),
                        updated_at: at(heard),
                        closed_at: closed.map(at),
                        close_reason: why,
                        subject: subject.map(|text| self.parse(operation, &text)).transpose()?,
                        report: self.parse(operation, &data)?,
                    })
                },
            )
            .collect()
    }

    /// The loop has looked at what is new of this group: it is about this, and part of this incident.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn link_reports(
        &self,
        group_key: &str,
        incident: Option<&IncidentId>,
        subject: &Subject,
    ) -> Result<(), StoreError> {
        let operation = "link reports to an incident";
        let values =
            params![group_key, incident.map(IncidentId::as_str), self.json(operation, subject)?];
        let sql = "UPDATE inbox SET state = 'open', incident_id = coalesce(?2, incident_id), \
                   subject = ?3 WHERE group_key = ?1 AND state = 'new'";
        self.execute(operation, sql, values).map(drop)
    }

    /// Ends every report of this group that the loop has taken up; one that came since is news.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn end_reports(&self, group_key: &str, at: Timestamp, why: &str) -> Result<(), StoreError> {
        let sql = "UPDATE inbox SET state = 'closed', closed_at = ?2, close_reason = \
                   CASE state WHEN 'ending' THEN ?3 || '; ' || ?4 ELSE ?3 END \
                   WHERE group_key = ?1 AND state IN ('open', 'ending')";
        let by_sender = format!("{RESOLVED_BY}its sender");
        let values = params![group_key, micros(at), why, by_sender];
        self.execute("end reports", sql, values).map(drop)
    }

    /// Ends one report that its sender says is over. Whether nobody reports that trouble any more.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn end_report(&self, row: &InboxRow, at: Timestamp, why: &str) -> Result<bool, StoreError> {
        let sql = "UPDATE inbox SET state = 'closed', closed_at = ?2, close_reason = ?3 \
                   WHERE id = ?1 AND state = 'ending'";
        self.execute("end a report", sql, params![row.id.as_str(), micros(at), why])?;
        let sql = "SELECT EXISTS (SELECT 1 FROM inbox WHERE group_key = ?1 \
                   AND state IN ('new', 'open', 'ending'))";
        let left = self.value::<bool>("look for reports", sql, [&row.group_key])?;
        Ok(!left.unwrap_or(false))
    }

    /// When this trouble was last heard of, in any words.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn heard_of_at(&self, group_key: &str) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT max(updated_at) FROM inbox \
                   WHERE group_key = ?1 AND state IN ('new', 'open', 'ending')";
        let at: Option<Option<i64>> = self.value("read reports", sql, [group_key])?;
        Ok(at.flatten().and_then(|us| Timestamp::from_microsecond(us).ok()))
    }

    /// The report whose id is, or starts with, this.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn report(&self, id_or_prefix: &str) -> Result<Option<InboxRow>, StoreError> {
        if id_or_prefix.len() < 4 {
            return Ok(None);
        }
        let sql = format!(
            "SELECT {COLUMNS} FROM inbox WHERE id >= ?1 AND id < ?1 || 'g' ORDER BY id LIMIT 1"
        );
        Ok(self.inbox_rows(&sql, [id_or_prefix])?.into_iter().next())
    }

    /// The newest report with this id of its sender's.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn report_of_sender(&self, external_id: &str) -> Result<Option<InboxRow>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM inbox WHERE external_id = ?1 ORDER BY seq DESC LIMIT 1");
        Ok(self.inbox_rows(&sql, [external_id])?.into_iter().next())
    }

    /// Reports that are part of no incident yet, newest first.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn unlinked_reports(&self, limit: u32) -> Result<Vec<InboxRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM inbox INDEXED BY inbox_not_closed \
             WHERE closed_at IS NULL AND state = 'new' AND incident_id IS NULL \
             ORDER BY seq DESC LIMIT ?1"
        );
        self.inbox_rows(&sql, [sql_limit(limit)])
    }

    /// Every sender's id that became part of this incident, oldest first.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn external_ids_of(&self, incident: &IncidentId) -> Result<Vec<String>, StoreError> {
        self.rows(
            "list ids of senders",
            "SELECT DISTINCT external_id FROM inbox WHERE incident_id = ?1 ORDER BY seq",
            [incident.as_str()],
            |row| row.get(0),
        )
    }

    /// Forgets reports that ended before this.
    ///
    /// # Errors
    /// If they cannot be removed.
    pub fn forget_reports(&self, before: Timestamp) -> Result<usize, StoreError> {
        let sql = "DELETE FROM inbox WHERE closed_at < ?1";
        self.execute("forget old reports", sql, [micros(before)])
    }
}

/// Whether a closed occurrence is what is sent here once more.
fn is_sent_again(prepared: &Prepared, known: &Known) -> bool {
    let report = &prepared.report;
    let since_end = micros(report.received_at) - known.closed_at.unwrap_or(0);
    let same = match (&known.marker, &report.occurrence) {
        (Some(known), Some(now)) => known == now,
        // Said to be over in between, the same words say that it has happened again.
        (Some(_) | None, None) | (None, Some(_)) => {
            known.digest == prepared.digest && !known.resolved_by_sender
        }
    };
    same && since_end <= SENT_AGAIN_SECS * 1_000_000
}
