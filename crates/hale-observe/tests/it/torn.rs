//! Torn seeds for what reads the kernel's and the journal's words: a fixed number of runs of the fuzz
//! targets' promises.

use hale_observe::fuzzing;

#[path = "../../../../fuzz/torn.rs"]
mod seeds;
use seeds::torn;

#[test]
fn torn_records_are_read_or_refused() {
    torn("journal", 3_000, fuzzing::journal);
    torn("kmsg", 3_000, fuzzing::kmsg);
    torn("process", 3_000, fuzzing::process);
    torn("exposition", 3_000, fuzzing::exposition);
}
