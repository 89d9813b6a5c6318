//! Lessons, settings, and how far each source was read.

use hale_model::alert::AlertKind;
use hale_model::ids::MachineId;
use hale_model::lesson::Lesson;
use rusqlite::params;

use super::{State, micros};
use crate::StoreError;

impl State {
    /// Stores a lesson in place of the one about the same symptom, action and class of target.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn put_lesson(&self, lesson: &Lesson) -> Result<(), StoreError> {
        let operation = "store a lesson";
        let values = params![
            lesson.alert_kind.as_str(),
            lesson.action_kind.as_str(),
            lesson.target_class,
            lesson.successes,
            lesson.approved_successes,
            lesson.failures,
            micros(lesson.last_at),
            lesson.withdrawn,
            self.json(operation, lesson)?,
        ];
        let sql = "INSERT OR REPLACE INTO lessons VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9)";
        self.transaction(|state| {
            state.execute(operation, sql, values)?;
            state.index_lesson(lesson)
        })
    }

    /// Every lesson, by symptom, action and class of target.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn lessons(&self) -> Result<Vec<Lesson>, StoreError> {
        self.records(
            "list lessons",
            "SELECT data FROM lessons ORDER BY alert_kind, action_kind, target_class",
            [],
        )
    }

    /// The lessons about one kind of alert, by action and class of target.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn lessons_about(&self, kind: &AlertKind) -> Result<Vec<Lesson>, StoreError> {
        self.records(
            "list lessons about an alert",
            "SELECT data FROM lessons WHERE alert_kind = ?1 ORDER BY action_kind, target_class",
            [kind.as_str()],
        )
    }

    /// The lesson about this symptom, action and class of target.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn lesson_with_key(
        &self,
        alert_kind: &str,
        action_kind: &str,
        target_class: &str,
    ) -> Result<Option<Lesson>, StoreError> {
        let sql = "SELECT data FROM lessons \
                   WHERE alert_kind = ?1 AND action_kind = ?2 AND target_class = ?3";
        let keys = [alert_kind, action_kind, target_class];
        Ok(self.records("read a lesson", sql, keys)?.into_iter().next())
    }

    /// The lesson whose id is, or starts with, this.
    ///
    /// # Errors
    /// If several start so, or they cannot be read.
    pub fn lesson(&self, id_or_prefix: &str) -> Result<Option<Lesson>, StoreError> {
        if id_or_prefix.is_empty() {
            return Ok(None);
        }
        let ids = |lesson: &Lesson| (lesson.id().0, lesson.clone());
        let mut found: Vec<(String, Lesson)> = self
            .lessons()?
            .iter()
            .map(ids)
            .filter(|(id, _)| id.starts_with(id_or_prefix))
            .collect();
        if found.len() > 1 {
            let mut matches: Vec<String> = found.into_iter().map(|(id, _)| id).take(4).collect();
            matches.sort();
            return Err(StoreError::Ambiguous {
                noun: "lesson",
                prefix: id_or_prefix.to_owned(),
                matches,
            });
        }
        Ok(found.pop().map(|(_, lesson)| lesson))
    }

    /// A setting that hale keeps for itself (paused until, baselines, …).
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.value("read a setting", "SELECT value FROM settings WHERE key = ?1", [key])
    }

    /// Keeps a setting.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn set_setting(&self, key: &str, value: &str) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO settings VALUES (?1, ?2)";
        self.execute("keep a setting", sql, [key, value]).map(drop)
    }

    /// How far a machine's source was read.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn cursor(
        &self,
        machine: &MachineId,
        source: &str,
        key: &str,
    ) -> Result<Option<String>, StoreError> {
        let sql =
            "SELECT value FROM cursors WHERE machine_id = ?1 AND source = ?2 AND cursor_key = ?3";
        self.value("read a cursor", sql, [machine.as_str(), source, key])
    }

    /// Keeps how far a machine's source was read.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn set_cursor(
        &self,
        machine: &MachineId,
        source: &str,
        key: &str,
        value: &str,
    ) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO cursors VALUES (?1, ?2, ?3, ?4)";
        self.execute("keep a cursor", sql, [machine.as_str(), source, key, value]).map(drop)
    }
}
