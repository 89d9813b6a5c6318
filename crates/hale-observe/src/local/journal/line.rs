//! Lines of any length in bounded memory.

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// Bytes of one line that are kept; a longer one is passed over up to its end.
pub(super) const LINE_LIMIT_BYTES: usize = 64 * 1024;

/// What came next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A whole line is in the buffer, without its end.
    Whole,
    /// A line was over the limit and is gone.
    TooLong,
    /// Nothing comes any more.
    End,
}

/// Reads the next line into `line`, which never holds more than the limit.
pub(super) async fn next_line(
    input: &mut (impl AsyncBufRead + Unpin),
    line: &mut Vec<u8>,
) -> std::io::Result<Line> {
    line.clear();
    let mut too_long = false;
    loop {
        let chunk = input.fill_buf().await?;
        if chunk.is_empty() {
            let nothing = line.is_empty() && !too_long;
            return Ok(if nothing { Line::End } else { finish(too_long) });
        }
        let end = chunk.iter().position(|b| *b == b'\n');
        let part = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default();
        if too_long || line.len() + part.len() > LINE_LIMIT_BYTES {
            too_long = true;
            line.clear();
        } else {
            line.extend_from_slice(part);
        }
        let used = end.map_or(chunk.len(), |at| at + 1);
        input.consume(used);
        if end.is_some() {
            return Ok(finish(too_long));
        }
    }
}

fn finish(too_long: bool) -> Line {
    if too_long { Line::TooLong } else { Line::Whole }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;
    use tokio::io::BufReader;

    async fn read_all(text: &[u8], buffer_bytes: usize) -> (Vec<Result<Vec<u8>, ()>>, usize) {
        let mut input = BufReader::with_capacity(buffer_bytes, text);
        let mut line = Vec::new();
        let mut lines = Vec::new();
        loop {
            match next_line(&mut input, &mut line).await.unwrap() {
                Line::Whole => lines.push(Ok(line.clone())),
                Line::TooLong => lines.push(Err(())),
                Line::End => return (lines, line.capacity()),
            }
        }
    }

    #[tokio::test]
    async fn a_line_of_ten_mebibytes_is_passed_over_in_bounded_memory() {
        let mut text = b"first\n".to_vec();
        text.extend(vec![b'x'; 10 << 20]);
        text.extend(b"\nlast\n");
        let (lines, held_bytes) = read_all(&text, 8192).await;
        assert_eq!(lines, [Ok(b"first".to_vec()), Err(()), Ok(b"last".to_vec())]);
        assert!(held_bytes <= 2 * LINE_LIMIT_BYTES, "{held_bytes}");
    }

    #[tokio::test]
    async fn the_limit_itself_and_a_last_line_without_an_end() {
        let mut text = vec![b'a'; LINE_LIMIT_BYTES];
        text.push(b'\n');
        text.extend(vec![b'b'; LINE_LIMIT_BYTES + 1]);
        let (lines, _) = read_all(&text, 1000).await;
        assert_eq!(lines, [Ok(vec![b'a'; LINE_LIMIT_BYTES]), Err(())]);
    }

    proptest! {
        #[test]
        fn lines_are_those_of_the_text(text: Vec<u8>, buffer_bytes in 1usize..64) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let (lines, _) = runtime.block_on(read_all(&text, buffer_bytes));
            let mut expected: Vec<_> = text.split(|b| *b == b'\n').map(|l| Ok(l.to_vec())).collect();
            if expected.last().is_some_and(|l| l == &Ok(Vec::new())) {
                expected.pop();
            }
            prop_assert_eq!(lines, expected);
        }
    }
}
