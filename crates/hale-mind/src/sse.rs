//! Cuts a byte stream into events: Server-Sent Events (WHATWG HTML, §9.2) and lines of JSON. Pure.
//! How much may come in all is limited where the bytes are read.

/// Bytes of one event or line. A schema's whole answer can come in one piece.
pub(crate) const EVENT_BYTES_MAX: usize = 4 << 20;

/// How a stream is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// `data: …` lines, an empty line ends the event.
    Sse,
    /// One JSON value a line.
    Lines,
}

/// Takes bytes in any pieces and gives whole events.
#[derive(Debug)]
pub(crate) struct Cutter {
    framing: Framing,
    line: Vec<u8>,
    data: String,
    has_data: bool,
    /// The last byte was a carriage return: a line feed right after it ends no second line.
    after_cr: bool,
    at_start: bool,
}

/// An event was longer than [`EVENT_BYTES_MAX`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl Cutter {
    pub(crate) fn new(framing: Framing) -> Self {
        Cutter {
            framing,
            line: Vec::new(),
            data: String::new(),
            has_data: false,
            after_cr: false,
            at_start: true,
        }
    }

    /// Adds bytes; gives the events that they complete.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<Vec<String>, TooLong> {
        let mut events = Vec::new();
        for byte in bytes {
            let ends_line = match byte {
                b'\n' if std::mem::take(&mut self.after_cr) => continue,
                b'\n' => true,
                b'\r' => {
                    self.after_cr = true;
                    true
                }
                _ => {
                    self.after_cr = false;
                    false
                }
            };
            if ends_line {
                events.extend(self.end_line());
            } else if self.line.len() + self.data.len() >= EVENT_BYTES_MAX {
                return Err(TooLong);
            } else {
                self.line.push(*byte);
            }
        }
        Ok(events)
    }

    /// The stream is over: what an unfinished last line or event held. The specification drops it;
    /// servers that forget the last empty line exist, and a cut event is no valid JSON anyway.
    pub(crate) fn finish(mut self) -> Option<String> {
        match self.framing {
            Framing::Lines => self.end_line(),
            Framing::Sse => {
                let _ = self.end_line();
                self.has_data.then_some(self.data)
            }
        }
    }

    fn end_line(&mut self) -> Option<String> {
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
        let line = if std::mem::take(&mut self.at_start) {
            line.trim_start_matches('\u{feff}').to_owned()
        } else {
            line
        };
        match self.framing {
            Framing::Lines => (!line.trim().is_empty()).then_some(line),
            Framing::Sse if line.is_empty() => {
                let data = std::mem::take(&mut self.data);
                std::mem::take(&mut self.has_data).then_some(data)
            }
            Framing::Sse => {
                self.field(&line);
                None
            }
        }
    }

    fn field(&mut self, line: &str) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        // `event:`, `id:`, `retry:` and comments say nothing that the JSON does not say itself.
        if name != "data" {
            return;
        }
        if self.has_data {
            self.data.push('\n');
        }
        self.data.push_str(value.strip_prefix(' ').unwrap_or(value));
        self.has_data = true;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn cut(framing: Framing, pieces: &[&[u8]]) -> Vec<String> {
        let mut cutter = Cutter::new(framing);
        let mut events: Vec<String> =
            pieces.iter().flat_map(|piece| cutter.feed(piece).unwrap()).collect();
        events.extend(cutter.finish());
        events
    }

    #[test]
    fn streams_are_cut_as_the_specification_says() {
        for (stream, expected) in [
            ("data: a\n\ndata: b\n\n", vec!["a", "b"]),
            ("event: x\r\ndata: a\r\n\r\n", vec!["a"]),
            ("data:a\rdata: b\r\r", vec!["a\nb"]),
            (": a comment\n\ndata\n\n", vec![""]),
            ("\u{feff}data: a\n\n", vec!["a"]),
            ("data:  two spaces\n\n", vec![" two spaces"]),
            ("data: unfinished", vec!["unfinished"]),
            ("id: 7\nretry: 3\n\n\n\n", vec![]),
            ("datax: no\n\n", vec![]),
        ] {
            assert_eq!(cut(Framing::Sse, &[stream.as_bytes()]), expected, "{stream:?}");
        }
        assert_eq!(
            cut(Framing::Lines, &[b"{}\r\n\n{\"a\"", b":1}\n{}"]),
            ["{}", "{\"a\":1}", "{}"]
        );
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut cutter = Cutter::new(Framing::Sse);
        let piece = vec![b'x'; 1 << 20];
        let refused = (0..6).any(|_| cutter.feed(&piece).is_err());
        assert!(refused);
    }

    proptest! {
        /// Where the network cuts the stream does not matter.
        #[test]
        fn pieces_make_no_difference(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0usize..200) {
            let (a, b) = bytes.split_at(at.min(bytes.len()));
            for framing in [Framing::Sse, Framing::Lines] {
                prop_assert_eq!(cut(framing, &[a, b]), cut(framing, &[&bytes]));
            }
        }

        #[test]
        fn what_is_sent_as_an_event_arrives(lines in proptest::collection::vec("[^\r\n]{0,20}", 1..4)) {
            let stream: String = lines.iter().map(|l| format!("data: {l}\n")).collect();
            prop_assert_eq!(cut(Framing::Sse, &[stream.as_bytes(), b"\n"]), vec![lines.join("\n")]);
        }
    }
}
