//! Telemetry of services, protobuf and JSON, packed or not: the first byte chooses.
#![no_main]

use hale_model::traffic::TrafficBook;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some((kind, body)) = data.split_first() {
        let book = TrafficBook::default();
        hale_serve::decode_for_fuzzing(&book, *kind, body);
        let sample = book.drain(1_000_000_000);
        let mut sum = sample.clone();
        sum.merge(&sample);
        let _ = hale_model::traffic::Traffic::from(&sum);
    }
});
