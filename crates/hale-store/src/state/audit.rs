//! The audit chain. Each entry's hash covers the one before, so an entry that was edited, removed
//! or moved shows; how the chain ends is kept in a row of its own and in a file beside the
//! database, so that a missing end shows too.
//!
//! Not covered: someone who may write all three, and rebuilds the chain from the entry they changed to
//! the end. Against that, keep a copy of the last hash (`hale audit list`) where they cannot write.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use hale_model::Timestamp;
use hale_model::api::AuditCheck;
use hale_model::audit::AuditEntry;
use hale_model::ids::hex_digest;
use rusqlite::{Row, params};

use super::{State, sql_limit};
use crate::StoreError;

const HASH_DIGITS: usize = 64;

/// How the chain ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    entries: u64,
    hash: String,
}

impl Head {
    fn none() -> Head {
        Head { entries: 0, hash: "0".repeat(HASH_DIGITS) }
    }

    /// One line of fixed length: it is overwritten in place with one write.
    fn line(&self) -> String {
        format!("{:020} {}\n", self.entries, self.hash)
    }

    fn parse(line: &str) -> Option<Head> {
        let (entries, hash) = line.trim_end().split_once(' ')?;
        (hash.len() == HASH_DIGITS).then_some(())?;
        Some(Head { entries: entries.parse().ok()?, hash: hash.to_owned() })
    }
}

/// An entry with everything as the text that was hashed.
struct Stored {
    seq: i64,
    ts: String,
    actor: String,
    kind: String,
    subject: String,
    details: String,
    prev_hash: String,
    hash: String,
}

impl Stored {
    const COLUMNS: &'static str = "seq, CAST(ts AS TEXT), CAST(actor AS TEXT), CAST(kind AS TEXT), \
        CAST(subject AS TEXT), CAST(details AS TEXT), CAST(prev_hash AS TEXT), CAST(hash AS TEXT)";

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Stored> {
        // Bytes, not text: a chain someone edited may hold anything.
        let text = |at: usize| -> rusqlite::Result<String> {
            let value = row.get_ref(at)?;
            Ok(value.as_bytes_or_null()?.map_or_else(String::new, |bytes| {
                String::from_utf8(bytes.to_vec())
                    .unwrap_or_else(|_| format!("not UTF-8: {}", blake3::hash(bytes).to_hex()))
            }))
        };
        Ok(Stored {
            seq: row.get(0)?,
            ts: text(1)?,
            actor: text(2)?,
            kind: text(3)?,
            subject: text(4)?,
            details: text(5)?,
            prev_hash: text(6)?,
            hash: text(7)?,
        })
    }

    fn expected_hash(&self) -> String {
        hex_digest(
            &[
                &self.seq.to_string(),
                &self.ts,
                &self.actor,
                &self.kind,
                &self.subject,
                &self.details,
                &self.prev_hash,
            ],
            HASH_DIGITS,
        )
    }

    fn into_entry(self) -> AuditEntry {
        AuditEntry {
            seq: u64::try_from(self.seq).unwrap_or(0),
            // Whether the time was tampered with is for the check to say; here it is only shown.
            ts: self.ts.parse().unwrap_or(Timestamp::UNIX_EPOCH),
            actor: self.actor,
            kind: self.kind,
            subject: self.subject,
            details: self.details,
            prev_hash: self.prev_hash,
            hash: self.hash,
        }
    }
}

impl State {
    /// Adds an entry to the chain. Several processes may do so at once.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn append_audit(
        &self,
        ts: Timestamp,
        actor: &str,
        kind: &str,
        subject: &str,
        details: &serde_json::Value,
    ) -> Result<AuditEntry, StoreError> {
        let operation = "append to the audit chain";
        self.transaction(|state| {
            let head = state.head()?.unwrap_or_else(Head::none);
            let mut entry = Stored {
                seq: i64::try_from(head.entries).unwrap_or(i64::MAX).saturating_add(1),
                ts: ts.to_string(),
                actor: actor.to_owned(),
                kind: kind.to_owned(),
                subject: subject.to_owned(),
                details: details.to_string(),
                prev_hash: head.hash,
                hash: String::new(),
            };
            entry.hash = entry.expected_hash();
            let values = params![
                entry.seq,
                entry.ts,
                entry.actor,
                entry.kind,
                entry.subject,
                entry.details,
                entry.prev_hash,
                entry.hash,
            ];
            let sql = "INSERT INTO audit VALUES (?1,?2,?3,?4,?5,?6,?7,?8)";
            state.execute(operation, sql, values)?;
            let sql = "INSERT OR REPLACE INTO audit_head VALUES (1, ?1, ?2)";
            state.execute(operation, sql, params![entry.seq, entry.hash])?;
            let entry = entry.into_entry();
            let head = Head { entries: entry.seq, hash: entry.hash.clone() };
            state.pending_head.replace(Some(head));
            Ok(entry)
        })
    }

    /// The newest entries (0: all), oldest first.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn audit(&self, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        let sql = format!("SELECT {} FROM audit ORDER BY seq DESC LIMIT ?1", Stored::COLUMNS);
        let mut newest =
            self.rows("list audit entries", &sql, [sql_limit(limit)], Stored::from_row)?;
        newest.reverse();
        Ok(newest.into_iter().map(Stored::into_entry).collect())
    }

    /// Reads the whole chain and says where it is broken, if it is.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn verify_audit(&self) -> Result<AuditCheck, StoreError> {
        // A page that was overwritten may read as one with nothing on it.
        if let Some(detail) = self.damage()? {
            return Err(StoreError::Corrupt { path: self.path.clone(), detail });
        }
        // One snapshot for chain and head: another process may append meanwhile.
        self.batch("verify the audit chain", "BEGIN")?;
        let result = self.verify_in_transaction();
        self.batch("end verifying", "ROLLBACK")?;
        result
    }

    fn verify_in_transaction(&self) -> Result<AuditCheck, StoreError> {
        let noted = self.noted_head();
        let mut end = Head::none();
        let mut noted_is_in_chain = noted.as_ref().is_none_or(|n| *n == end);
        let mut broken: Option<(u64, String)> = None;
        let sql = format!("SELECT {} FROM audit ORDER BY seq", Stored::COLUMNS);
        let mut entries = 0;
        self.each_row("verify the audit chain", &sql, |row| {
            let entry =
                Stored::from_row(row).map_err(|e| self.error("verify the audit chain", e))?;
            entries += 1;
            if broken.is_none() {
                broken = fault(&entry, &end).map(|why| (end.entries + 1, why));
            }
            end = Head { entries: end.entries + 1, hash: entry.hash };
            noted_is_in_chain |= noted.as_ref() == Some(&end);
            Ok(())
        })?;
        let head = self.head()?.unwrap_or_else(Head::none);
        if broken.is_none() && head != end {
            let why = if head.entries > end.entries {
                format!("entries {} to {} are missing", end.entries + 1, head.entries)
            } else {
                "the recorded end of the chain is not this one".to_owned()
            };
            broken = Some((end.entries + u64::from(head.entries > end.entries), why));
        }
        if broken.is_none() && !noted_is_in_chain {
            let at = noted.map_or(end.entries, |n| n.entries);
            let why = format!(
                "{} remembers another entry {at} than the chain holds",
                self.head_path().display()
            );
            broken = Some((at, why));
        }
        let finding = match &broken {
            None if entries == 0 => "no entries yet".to_owned(),
            None => format!("{entries} entries, unbroken; the last is {}", end.hash),
            Some((at, why)) => format!("broken at entry {at}: {why}"),
        };
        Ok(AuditCheck { entries, broken_at: broken.map(|(at, _)| at), finding })
    }

    fn head(&self) -> Result<Option<Head>, StoreError> {
        let found = self.rows(
            "read the end of the audit chain",
            "SELECT entries, hash FROM audit_head",
            [],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)),
        )?;
        Ok(found
            .into_iter()
            .next()
            .map(|(entries, hash)| Head { entries: u64::try_from(entries).unwrap_or(0), hash }))
    }

    fn head_path(&self) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(".audit-head");
        name.into()
    }

    /// The end of the chain according to the file beside the database. It may lag behind (it is
    /// written after the commit), but what it says must be in the chain.
    fn noted_head(&self) -> Option<Head> {
        std::fs::read_to_string(self.head_path()).ok().and_then(|line| Head::parse(&line))
    }

    /// Notes the end of the chain beside the database. A second witness: that it cannot be written
    /// does not undo the entry.
    pub(super) fn note_head(&self) {
        let Some(head) = self.pending_head.take() else { return };
        let path = self.head_path();
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(head.line().as_bytes()));
        if let Err(error) = written {
            tracing::warn!(path = %path.display(), %error, "cannot note the end of the audit chain");
        }
    }
}

/// What is wrong with an entry that should come right after `before`.
fn fault(entry: &Stored, before: &Head) -> Option<String> {
    let expected = before.entries + 1;
    if u64::try_from(entry.seq) != Ok(expected) {
        Some(format!("entry {expected} is missing; the next is {}", entry.seq))
    } else if entry.prev_hash != before.hash {
        Some("it does not follow the entry before it".to_owned())
    } else if entry.hash != entry.expected_hash() {
        Some("its contents are not what was hashed".to_owned())
    } else {
        None
    }
}
