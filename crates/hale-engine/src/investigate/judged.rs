//! What the guard says to what a model proposes to a person. Whatever risk the model claims was never
//! read; nothing here is done.

use hale_brain::diagnose::investigate::{Proposal, wish_of};
use hale_model::action::{Action, Actor, Decision, Risk, Verdict};
use hale_model::snapshot::Snapshot;
use hale_store::{Access, State, StoreError};
use serde::Serialize;

use crate::Settings;
use crate::files::Files;
use crate::flow::{Asked, History, verdict};
use crate::telemetry::store_error;

/// A model's proposal, as hale sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JudgedProposal {
    /// What a person would type, or what was proposed where that names nothing.
    pub command: String,
    /// The model's words about it.
    pub explanation: String,
    /// What it is, with exact targets; none: it names nothing that was observed.
    pub action: Option<Action>,
    /// hale's own verdict on it as a model's wish.
    pub verdict: Option<Verdict>,
    /// Why it is nothing that could be judged.
    pub unnamed: Option<String>,
}

impl JudgedProposal {
    /// Whether it may not be done, but for a mode in which hale does nothing at all.
    pub fn is_refused(&self) -> bool {
        self.verdict.as_ref().is_none_or(|verdict| {
            let by_mode =
                verdict.reasons.first().is_some_and(|r| r.rule.starts_with("guard.mode."));
            verdict.risk == Risk::Deny || (verdict.decision == Decision::Deny && !by_mode)
        })
    }
}

pub(super) fn judge(
    settings: &Settings,
    snapshot: &Snapshot,
    proposals: &[Proposal],
) -> Vec<JudgedProposal> {
    let judged = proposals.iter().map(|proposal| match wish_of(proposal, snapshot) {
        Ok(wish) => JudgedProposal {
            verdict: Some(judged(settings, snapshot, &wish.action)),
            command: wish.command,
            explanation: proposal.explanation.clone(),
            action: Some(wish.action),
            unnamed: None,
        },
        Err(why) => JudgedProposal {
            command: match proposal.command.trim() {
                "" => format!("{:?} {}", proposal.kind, proposal.target),
                command => command.to_owned(),
            },
            explanation: proposal.explanation.clone(),
            action: None,
            verdict: None,
            unnamed: Some(why),
        },
    });
    judged.collect()
}

fn judged(settings: &Settings, snapshot: &Snapshot, action: &Action) -> Verdict {
    let history = match State::open(&Files::new(&settings.data_dir).state(), Access::Read) {
        Ok(state) => History::read(&state).map_err(store_error),
        // Nothing was ever done here.
        Err(StoreError::Missing { .. }) => Ok(History::default()),
        Err(error) => Err(store_error(error)),
    };
    let asked = Asked {
        action,
        alert_kind: None,
        actor: &Actor::Model,
        approved: false,
        confirmed_critical: false,
    };
    verdict(history, &settings.config, snapshot, &asked)
}
