//! Tables of values for `hale detect anomalies`, and the detector that scores them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hale_brain::detect::stream_anomaly::fuzzing::rows(bytes));
