//! Questions to a person, and the one time that a yes is used.

use hale_model::Timestamp;
use hale_model::action::{Approval, ApprovalState};
use hale_model::ids::{ActionId, ApprovalId};
use rusqlite::params;

use super::{State, micros};
use crate::StoreError;

/// Whether an approval could be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// It was approved and is now used: do it, once.
    Taken,
    /// It is not in the state approved.
    NotApproved(ApprovalState),
    /// Its time is over.
    Expired,
    /// The action or its target's state is not what was approved.
    BindingChanged,
}

impl State {
    /// Stores an approval, or what became of it.
    ///
    /// # Errors
    /// If it cannot be written, or its action is not stored.
    pub fn put_approval(&self, approval: &Approval) -> Result<(), StoreError> {
        let operation = "store an approval";
        let sql = "INSERT INTO approvals VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10) \
                   ON CONFLICT (id) DO UPDATE SET binding = excluded.binding, \
                   state = excluded.state, expires_at = excluded.expires_at, \
                   decided_at = excluded.decided_at, decided_by = excluded.decided_by, \
                   why = excluded.why, data = excluded.data";
        let values = params![
            approval.id.as_str(),
            approval.action_id.as_str(),
            approval.binding,
            approval.state.as_str(),
            micros(approval.created_at),
            micros(approval.expires_at),
            approval.decided_at.map(micros),
            approval.decided_by,
            approval.why,
            self.json(operation, approval)?,
        ];
        self.execute(operation, sql, values).map(drop)
    }

    /// The approval whose id is, or starts with, this.
    ///
    /// # Errors
    /// If several start so, or it cannot be read.
    pub fn approval(&self, id_or_prefix: &str) -> Result<Option<Approval>, StoreError> {
        self.by_prefix("approval", "approvals", id_or_prefix)
    }

    /// Approvals that wait for a person (`all`: every one), newest first.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn approvals(&self, all: bool) -> Result<Vec<Approval>, StoreError> {
        self.records(
            "list approvals",
            "SELECT data FROM approvals WHERE ?1 OR state = 'pending' \
             ORDER BY created_at DESC, rowid DESC",
            [all],
        )
    }

    /// The newest approval of this action.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn approval_of(&self, action: &ActionId) -> Result<Option<Approval>, StoreError> {
        let found = self.records(
            "look for an action's approval",
            "SELECT data FROM approvals WHERE action_id = ?1 \
             ORDER BY created_at DESC, rowid DESC LIMIT 1",
            [action.as_str()],
        )?;
        Ok(found.into_iter().next())
    }

    /// Uses an approval, durably and never twice, whoever else tries at the same moment.
    ///
    /// # Errors
    /// If there is no such approval, or it cannot be written.
    pub fn take_approval(
        &self,
        id: &ApprovalId,
        binding: &str,
        now: Timestamp,
    ) -> Result<Take, StoreError> {
        let operation = "use an approval";
        self.durably(|state| {
            let sql = "UPDATE approvals SET state = 'used', \
                       data = json_set(data, '$.state', 'used') \
                       WHERE id = ?1 AND state = 'approved' AND binding = ?2 AND expires_at > ?3";
            let values = params![id.as_str(), binding, micros(now)];
            if state.execute(operation, sql, values)? == 1 {
                return Ok(Take::Taken);
            }
            let found: Vec<Approval> = state.records(
                operation,
                "SELECT data FROM approvals WHERE id = ?1",
                [id.as_str()],
            )?;
            match found.first() {
                None => Err(StoreError::NotFound { noun: "approval", id: id.to_string() }),
                Some(found) if found.state != ApprovalState::Approved => {
                    Ok(Take::NotApproved(found.state))
                }
                Some(found) if found.expires_at <= now => Ok(Take::Expired),
                Some(_) => Ok(Take::BindingChanged),
            }
        })
    }
}
