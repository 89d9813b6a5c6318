//! Torn seeds for what reads the words of servers: a fixed number of runs of the fuzz targets' promises.

use hale_mind::fuzzing;

#[path = "../../../../fuzz/torn.rs"]
mod seeds;
use seeds::torn;

#[test]
fn torn_answers_of_servers_are_read_or_refused() {
    torn("model_answers", 5_000, fuzzing::answers);
    torn("sign_in", 5_000, fuzzing::sign_in);
    torn("scrub", 5_000, fuzzing::scrubbing);
}
