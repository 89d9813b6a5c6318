//! What leaves this machine in a notification is masked first. How is not decided here: the rules of
//! redaction are hale-brain's, and whoever starts the service brings them along.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::Notification;

type Mask = dyn FnMut(&str, &str) -> String + Send;

/// Masks texts. Those of one conversation (an incident) are masked alike.
#[derive(Clone)]
pub struct Masking(Arc<Mutex<Mask>>);

impl std::fmt::Debug for Masking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Masking(…)")
    }
}

impl Masking {
    /// By this function of the conversation and the text.
    pub fn new(mask: impl FnMut(&str, &str) -> String + Send + 'static) -> Masking {
        Masking(Arc::new(Mutex::new(mask)))
    }

    /// The text, masked.
    pub fn text(&self, conversation: &str, text: &str) -> String {
        let mut mask = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (*mask)(conversation, text)
    }

    /// The notification with every text masked that is not hale's own: ids, times, kinds and the name
    /// under which the user put this machine stay.
    pub(super) fn notification(&self, notification: &Notification) -> Option<Notification> {
        let mut value = serde_json::to_value(notification).ok()?;
        let conversation = notification.incident_id.as_deref().unwrap_or_default();
        self.value(conversation, &mut value);
        serde_json::from_value(value).ok()
    }

    fn value(&self, conversation: &str, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(conversation, text),
            Value::Array(items) => items.iter_mut().for_each(|i| self.value(conversation, i)),
            Value::Object(members) => {
                for (name, member) in members.iter_mut() {
                    if !is_own_word(name) {
                        self.value(conversation, member);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// Members whose texts are ids, times and words of hale's own.
fn is_own_word(name: &str) -> bool {
    const NAMES: [&str; 12] = [
        "at",
        "kind",
        "severity",
        "machine_id",
        "incident_id",
        "id",
        "fingerprint",
        "state",
        "risk",
        "key",
        "source",
        "decided_by",
    ];
    NAMES.contains(&name) || name.ends_with("_at")
}
