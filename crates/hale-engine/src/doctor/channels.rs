//! The channels that people are told through: which are configured, what one lacks, and, with an agent,
//! how the last news fared. Nobody is told anything by looking.

use hale_act::notify::{ChannelState, Secrets, survey};
use hale_model::view::DoctorCheck;

use super::{check, ok, warning};
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

/// Its name and, where that says so, the file it writes: a path makes a poor name.
fn parts(state: &ChannelState) -> (&str, &str) {
    match state.name.split_once(' ') {
        Some((name, path)) if path.starts_with('/') => (name, path),
        Some(_) | None => (&state.name, ""),
    }
}

fn name(state: &ChannelState) -> String {
    format!("channel {}", parts(state).0)
}

fn with_place(state: &ChannelState, found: String) -> String {
    match parts(state).1 {
        "" => found,
        path => format!("{path} · {found}"),
    }
}

fn of_running(state: &ChannelState) -> DoctorCheck {
    let lost = state.given_up + state.dropped;
    let mut found = format!("{} delivered", state.delivered);
    if lost > 0 {
        found.push_str(&format!(", {lost} not"));
    }
    let found = with_place(state, found);
    match &state.trouble {
        None => ok(&name(state), found),
        // Most servers have no desktop: nothing is wrong with that.
        Some(why) if state.is_optional && state.delivered == 0 => {
            check(&name(state), "absent", why.clone(), None)
        }
        Some(why) if lost == 0 => warning(&name(state), why.clone(), fix()),
        Some(why) => warning(&name(state), format!("{found}; the last: {why}"), fix()),
    }
}

/// This process may lack a secret that the agent has: said as what it is.
fn of_configured(state: &ChannelState) -> DoctorCheck {
    match &state.trouble {
        None => {
            let found = "configured; no agent runs that would use it".to_owned();
            ok(&name(state), with_place(state, found))
        }
        Some(why) => warning(&name(state), why.clone(), fix()),
    }
}

fn fix() -> Option<String> {
    Some(
        "see docs/notifications.md; `hale config check` reads [[notifications.channels]]"
            .to_owned(),
    )
}
