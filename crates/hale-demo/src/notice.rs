//! A service looks after itself: what it notices stands on `/health`, and is posted to the webhook, if
//! there is one. It says what it sees, as an application would; it does not know what was asked of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use opentelemetry::logs::Severity;
use serde_json::{Value, json};

use crate::server::{Common, Service};
use crate::{Role, TargetKind};

/// Between two looks.
pub const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// What lasts is posted again after this time.
const REPEAT_AFTER: Duration = Duration::from_secs(30);
/// A receiver that takes longer is tried again at the next look.
const POST_TIMEOUT: Duration = Duration::from_secs(2);

/// Something that a service noticed.
#[derive(Clone, Debug, PartialEq)]
pub struct Trouble {
    /// Which service is in trouble.
    pub role: Role,
    /// Of what kind.
    pub kind: &'static str,
    /// In words.
    pub message: String,
    /// The numbers behind the words.
    pub metrics: Value,
}

/// Looks for trouble until the service ends.
pub async fn watch(service: Arc<Service>) {
    let common = service.common();
    let mut posted: BTreeMap<(Role, &'static str), (Instant, String)> = BTreeMap::new();
    let mut count = 0_u64;
    loop {
        tokio::time::sleep(LOOK_INTERVAL).await;
        common.read_cpu();
        let troubles = service.troubles();
        posted.retain(|key, _| troubles.iter().any(|t| (t.role, t.kind) == *key));
        for trouble in troubles {
            let key = (trouble.role, trouble.kind);
            let due = posted.get(&key).is_none_or(|(at, _)| at.elapsed() > REPEAT_AFTER);
            if !due {
                continue;
            }
            let id = match posted.get(&key) {
                Some((_, id)) => id.clone(),
                None => {
                    common.telemetry.log(Severity::Error, &trouble.message);
                    count += 1;
                    let pid = std::process::id();
                    format!("marketplace-{}-{}-{pid}-{count}", trouble.role.as_str(), trouble.kind)
                }
            };
            if post(common, &trouble, &id).await {
                posted.insert(key, (Instant::now(), id));
            } else {
                // Not delivered: due at once, under the same name.
                let long_ago = Instant::now().checked_sub(REPEAT_AFTER * 2);
                posted.insert(key, (long_ago.unwrap_or_else(Instant::now), id));
            }
        }
    }
}

/// Whether somebody has taken it, or nobody is to be told.
async fn post(common: &Common, trouble: &Trouble, id: &str) -> bool {
    let Some(webhook) = &common.settings.webhook else { return true };
    let request =
        common.client.post(webhook).timeout(POST_TIMEOUT).json(&body(common, trouble, id));
    let request = match &common.settings.webhook_token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    request.send().await.is_ok_and(|answer| answer.status().is_success())
}

fn body(common: &Common, trouble: &Trouble, id: &str) -> Value {
    let settings = &common.settings;
    let mut body = json!({
        "incident_id": id,
        "service": trouble.role.as_str(),
        "type": trouble.kind,
        "severity": "critical",
        "message": trouble.message,
        "logs": common.telemetry.lines(),
        "metrics": trouble.metrics,
        "health_url": format!("http://{}/health", settings.addresses.of(trouble.role)),
    });
    let target = match settings.target_kind {
        TargetKind::Container => "container",
        TargetKind::Unit => "unit",
    };
    if !settings.target_prefix.is_empty()
        && let Some(fields) = body.as_object_mut()
    {
        fields.insert(target.to_owned(), settings.target_of(trouble.role).into());
    }
    body
}
