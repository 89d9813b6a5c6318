//! Credentials are masked where text of others becomes part of what hale keeps and tells: alerts, incidents, their
//! stories, what services reported, command lines in the record. Rules and detectors see what was observed, and
//! addresses and names stay: they say where the trouble is.

use hale_brain::decide::redact::{KnownSecrets, Redactor};
use hale_model::alert::Finding;
use hale_model::incident::Incident;
use hale_model::traffic::TrafficSample;
use serde_json::Value;

/// Members that hold digests of hale's own, which look like keys.
const OWN_DIGESTS: [&str; 6] = ["id", "hash", "prev_hash", "fingerprint", "digest", "state_digest"];

/// The text without credentials.
pub(crate) fn text(text: &str) -> String {
    Redactor::new(KnownSecrets::default()).mask_credentials(text)
}

fn within(text: &mut String) {
    // Most texts are short sentences of hale's own about figures.
    if !text.is_empty() {
        *text = self::text(text);
    }
}

/// Every text of a value without credentials, whatever its shape.
pub fn mask_credentials(value: &mut Value) {
    match value {
        Value::String(text) => within(text),
        Value::Array(items) => items.iter_mut().for_each(mask_credentials),
        Value::Object(members) => {
            let foreign =
                members.iter_mut().filter(|(name, _)| !OWN_DIGESTS.contains(&name.as_str()));
            foreign.for_each(|(_, member)| mask_credentials(member));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The same findings, as they may be kept and told. What they are about stays: it is compared.
pub(crate) fn findings(findings: &[Finding]) -> Vec<Finding> {
    let mut findings = findings.to_vec();
    for finding in &mut findings {
        within(&mut finding.summary);
        finding.vars.values_mut().for_each(mask_credentials);
        finding.evidence.iter_mut().for_each(|evidence| within(&mut evidence.text));
        finding.suggested_actions.iter_mut().for_each(within);
    }
    findings
}

/// An incident as it is kept.
pub(crate) fn incident(mut incident: Incident) -> Incident {
    within(&mut incident.title);
    if let Some(diagnosis) = &mut incident.diagnosis {
        within(&mut diagnosis.cause);
        diagnosis.prevention.iter_mut().for_each(within);
    }
    incident
}

/// What services told, in place.
pub(crate) fn traffic(sample: &mut TrafficSample) {
    for exemplar in sample.services.iter_mut().flat_map(|service| &mut service.exemplars) {
        within(&mut exemplar.operation);
        within(&mut exemplar.message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_keeps_its_shape_and_loses_its_credentials() {
        let mut value =
            json!({"n": 1, "list": ["mysqld --password=Tr0ub4dor-horse", null], "ok": true});
        mask_credentials(&mut value);
        assert_eq!(
            value,
            json!({"n": 1, "list": ["mysqld --password=<secret-1>", null], "ok": true})
        );
    }
}
