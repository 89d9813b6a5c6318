//! `/proc/pressure/*`: pressure stall information, on kernels that have it (4.20 and newer, unless
//! switched off).

use std::path::Path;

use hale_model::sample::Pressure;

use super::read::{ReadError, Scratch, lines, parse, words};

const LIMIT_BYTES: usize = 4096;

/// One pressure file. Missing, or `EOPNOTSUPP` where the kernel was booted with `psi=0`: none.
pub(crate) fn read(
    scratch: &mut Scratch,
    proc: &Path,
    resource: &str,
) -> Result<Option<Pressure>, ReadError> {
    let path = proc.join("pressure").join(resource);
    match scratch.read(&path, LIMIT_BYTES) {
        Ok(text) => Ok(Some(parse_pressure(text))),
        Err(ReadError::File {
            errno: rustix::io::Errno::NOENT | rustix::io::Errno::OPNOTSUPP,
            ..
        }) => Ok(None),
        Err(error) => Err(error),
    }
}

pub(super) fn parse_pressure(text: &[u8]) -> Pressure {
    let mut pressure = Pressure::default();
    for line in lines(text) {
        let mut words = words(line);
        let (avg10, avg60) = match words.next() {
            Some(b"some") => (&mut pressure.some_avg10, &mut pressure.some_avg60),
            Some(b"full") => (&mut pressure.full_avg10, &mut pressure.full_avg60),
            _ => continue,
        };
        for word in words {
            if let Some(value) = word.strip_prefix(b"avg10=") {
                *avg10 = percent(value);
            } else if let Some(value) = word.strip_prefix(b"avg60=") {
                *avg60 = percent(value);
            }
        }
    }
    pressure
}

fn percent(word: &[u8]) -> f64 {
    parse::<f64>(word).filter(|p| (0.0..=100.0).contains(p)).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_lines_one_line_and_nonsense() {
        let both = b"some avg10=1.50 avg60=0.25 avg300=0.00 total=9\n\
            full avg10=0.50 avg60=0.10 avg300=0.00 total=3\n";
        let expected =
            Pressure { some_avg10: 1.5, some_avg60: 0.25, full_avg10: 0.5, full_avg60: 0.1 };
        assert_eq!(parse_pressure(both), expected);
        // /proc/pressure/cpu before Linux 5.13 has no "full".
        let some = Pressure { full_avg10: 0.0, full_avg60: 0.0, ..expected };
        assert_eq!(parse_pressure(&both[..48]), some);
        assert_eq!(parse_pressure(b"some avg10=NaN avg60=-1\nfull avg10=1e9"), Pressure::default());
    }

    proptest! {
        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            parse_pressure(&bytes);
        }
    }
}
