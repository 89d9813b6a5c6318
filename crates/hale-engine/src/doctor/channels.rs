//! The channels that people are told through: which are configured, what one lacks, and, with an agent,
//! how the last news fared. Nobody is told anything by looking.

use hale_act::notify::{ChannelState, Secrets, survey};
use hale_model::view::DoctorCheck;

use super::{ok, warning};
use crate::desk::Desk;

pub(super) fn checks(desk: &Desk) -> Vec<DoctorCheck> {
    match desk.notify.get() {
        Some(notify) => notify.states().iter().map(of_running).collect(),
        None => {
            let config = &desk.settings.config.notifications;
            survey(config, &Secrets::of_process()).iter().map(of_configured).collect()
        }
    }
}

fn name(state: &ChannelState) -> String {
    format!("channel {}", state.name)
}

fn of_running(state: &ChannelState) -> DoctorCheck {
    let lost = state.given_up + state.dropped;
    let mut found = format!("{} delivered", state.delivered);
    if lost > 0 {
        found.push_str(&format!(", {lost} not"));
    }
    match &state.trouble {
        None => ok(&name(state), found),
        Some(why) if lost == 0 => warning(&name(state), why.clone(), fix()),
        Some(why) => warning(&name(state), format!("{found}; the last: {why}"), fix()),
    }
}

/// This process may lack a secret that the agent has: said as what it is.
fn of_configured(state: &ChannelState) -> DoctorCheck {
    match &state.trouble {
        None => ok(&name(state), "configured; no agent runs that would use it".to_owned()),
        Some(why) => warning(&name(state), why.clone(), fix()),
    }
}

fn fix() -> Option<String> {
    Some(
        "see docs/notifications.md; `hale config check` reads [[notifications.channels]]"
            .to_owned(),
    )
}
