//! What left the machine for a language model: the exact bodies, masked as they were sent. One
//! conversation repeats itself in each of its requests, so the record keeps of each only what differs
//! from the one before; read back, every body is whole again, or says that it is not.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Requests of one conversation that are recorded; the limits of a conversation are lower.
pub const REQUESTS_MAX: usize = 64;
/// Bytes of one conversation's record; of what is over, length and digest stay.
pub const RECORD_BYTES_MAX: usize = 256 * 1024;

/// One request as it left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SentRequest {
    /// When.
    pub sent_at: Timestamp,
    /// Whom it was sent to: `anthropic`.
    pub provider: String,
    /// Its model.
    pub model: String,
    /// Length of the body that was sent.
    pub body_bytes: u64,
    /// BLAKE3 of the body that was sent, 64 hex digits.
    pub body_hash: String,
    /// The body, where the record had room for it.
    pub body: Option<String>,
}

impl SentRequest {
    /// A body that is leaving now.
    pub fn new(sent_at: Timestamp, provider: &str, model: &str, body: &str) -> SentRequest {
        SentRequest {
            sent_at,
            provider: provider.to_owned(),
            model: model.to_owned(),
            body_bytes: body.len() as u64,
            body_hash: hash(body),
            body: Some(body.to_owned()),
        }
    }
}

/// A request in the record: what it shares with the last one recorded whole is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackedRequest {
    sent_at: Timestamp,
    provider: String,
    model: String,
    body_bytes: u64,
    body_hash: String,
    /// Bytes at the beginning, and at the end, that are those of the one before.
    same_head_bytes: usize,
    same_tail_bytes: usize,
    /// What stands between; none: there was no room.
    body: Option<String>,
}

/// The record of one conversation, within [`RECORD_BYTES_MAX`].
pub fn pack(requests: &[SentRequest]) -> Vec<PackedRequest> {
    let mut room = RECORD_BYTES_MAX;
    let mut before = "";
    let mut packed = Vec::new();
    for request in requests.iter().take(REQUESTS_MAX) {
        let body = request.body.as_deref().unwrap_or_default();
        let (head, tail) = shared(before, body);
        let own = &body[head..body.len() - tail];
        let fits = request.body.is_some() && own.len() <= room;
        if fits {
            room -= own.len();
            before = body;
        }
        packed.push(PackedRequest {
            sent_at: request.sent_at,
            provider: request.provider.clone(),
            model: request.model.clone(),
            body_bytes: request.body_bytes,
            body_hash: request.body_hash.clone(),
            same_head_bytes: head,
            same_tail_bytes: tail,
            body: fits.then(|| own.to_owned()),
        });
    }
    packed
}

/// The requests of a record, each with its body where that can be told and is the one that was sent.
pub fn unpack(record: &[PackedRequest]) -> Vec<SentRequest> {
    let mut before = String::new();
    let mut requests = Vec::new();
    for packed in record.iter().take(REQUESTS_MAX) {
        let body = whole(&before, packed).filter(|body| hash(body) == packed.body_hash);
        if let Some(body) = &body {
            before.clone_from(body);
        }
        requests.push(SentRequest {
            sent_at: packed.sent_at,
            provider: packed.provider.clone(),
            model: packed.model.clone(),
            body_bytes: packed.body_bytes,
            body_hash: packed.body_hash.clone(),
            body,
        });
    }
    requests
}

fn whole(before: &str, packed: &PackedRequest) -> Option<String> {
    let own = packed.body.as_deref()?;
    let tail_from = before.len().checked_sub(packed.same_tail_bytes)?;
    let head = before.get(..packed.same_head_bytes)?;
    let tail = before.get(tail_from..)?;
    Some(format!("{head}{own}{tail}"))
}

/// How many bytes two texts share at their beginnings, and of the rest at their ends.
fn shared(before: &str, body: &str) -> (usize, usize) {
    let same = |(a, b): &(u8, u8)| a == b;
    let head = before.bytes().zip(body.bytes()).take_while(same).count();
    let head = body.floor_char_boundary(head);
    let (before, body) = (&before.as_bytes()[head..], &body[head..]);
    let tail = before.iter().copied().rev().zip(body.bytes().rev()).take_while(same).count();
    let mut from = body.len() - tail;
    while !body.is_char_boundary(from) {
        from += 1;
    }
    (head, body.len() - from)
}

fn hash(body: &str) -> String {
    blake3::hash(body.as_bytes()).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn request(body: &str) -> SentRequest {
        SentRequest::new(Timestamp::UNIX_EPOCH, "ollama", "m", body)
    }

    #[test]
    fn a_conversation_is_recorded_once_and_read_back_whole() {
        let bodies: Vec<String> = (1..20)
            .map(|turns| {
                let said =
                    (0..turns).map(|n| format!("{{\"turn {n}\":\"é한{}\"}}", "x".repeat(900)));
                format!("{{\"messages\":[{}],\"tools\":[]}}", said.collect::<Vec<_>>().join(","))
            })
            .collect();
        let sent: Vec<SentRequest> = bodies.iter().map(|body| request(body)).collect();
        let record = pack(&sent);
        assert_eq!(unpack(&record), sent);
        let kept: usize = record.iter().map(|p| p.body.as_ref().unwrap().len()).sum();
        assert!(kept < bodies.last().unwrap().len() + 200, "{kept}");
    }

    #[test]
    fn what_has_no_room_keeps_its_length_and_its_digest() {
        let sent =
            [request("small"), request(&"x".repeat(RECORD_BYTES_MAX + 1)), request("smaller")];
        let read = unpack(&pack(&sent));
        assert_eq!(read[0], sent[0]);
        assert_eq!(read[1], SentRequest { body: None, ..sent[1].clone() });
        assert_eq!(read[2], sent[2]);
    }

    #[test]
    fn a_record_that_was_changed_gives_no_body() {
        let mut record = pack(&[request("what left")]);
        record[0].body = Some("what did not".to_owned());
        assert_eq!(unpack(&record)[0].body, None);
        record[0].same_head_bytes = usize::MAX;
        assert_eq!(unpack(&record)[0].body, None);
    }

    proptest! {
        #[test]
        fn any_bodies_come_back_as_they_were(bodies in prop::collection::vec("[aé한🦀]{0,12}", 0..8)) {
            let sent: Vec<SentRequest> = bodies.iter().map(|body| request(body)).collect();
            prop_assert_eq!(unpack(&pack(&sent)), sent);
        }
    }
}
