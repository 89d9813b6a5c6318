//! Protobuf on the wire, read in place: nothing is copied, nothing is allocated, and what is not
//! asked for is stepped over (<https://protobuf.dev/programming-guides/encoding/>).

/// Why bytes are no message. Offsets would say little: messages are nested in each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A length or a number goes on beyond the end.
    #[error("the message ends in the middle of a field")]
    Truncated,
    /// A number of more than 64 bits.
    #[error("a number is longer than ten bytes")]
    Overlong,
    /// A field number of 0, or a wire type that there is not (groups, which OTLP does not use, included).
    #[error("a field has the impossible tag {0}")]
    Tag(u64),
    /// A known field of another type than it must have.
    #[error("field {0} is not of the type that it must have")]
    Type(u32),
    /// Text that is no UTF-8.
    #[error("field {0} is not UTF-8")]
    Text(u32),
}

/// One field's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

/// One field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Field<'a> {
    pub number: u32,
    pub value: Value<'a>,
}

impl<'a> Field<'a> {
    /// The bytes of an embedded message.
    pub(super) fn message(&self) -> Result<&'a [u8], WireError> {
        match self.value {
            Value::Bytes(bytes) => Ok(bytes),
            Value::Varint(_) | Value::Fixed64(_) | Value::Fixed32(_) => {
                Err(WireError::Type(self.number))
            }
        }
    }

    pub(super) fn text(&self) -> Result<&'a str, WireError> {
        std::str::from_utf8(self.message()?).map_err(|_| WireError::Text(self.number))
    }

    pub(super) fn varint(&self) -> Result<u64, WireError> {
        match self.value {
            Value::Varint(n) => Ok(n),
            Value::Bytes(_) | Value::Fixed64(_) | Value::Fixed32(_) => {
                Err(WireError::Type(self.number))
            }
        }
    }

    pub(super) fn fixed64(&self) -> Result<u64, WireError> {
        match self.value {
            Value::Fixed64(n) => Ok(n),
            Value::Bytes(_) | Value::Varint(_) | Value::Fixed32(_) => {
                Err(WireError::Type(self.number))
            }
        }
    }

    pub(super) fn double(&self) -> Result<f64, WireError> {
        self.fixed64().map(f64::from_bits)
    }
}

/// Steps through the fields of one message.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(message: &'a [u8]) -> Reader<'a> {
        Reader { rest: message }
    }

    /// The next field; none at the end.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<Field<'a>>, WireError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).ok().filter(|n| (1..1 << 29).contains(n));
        let number = number.ok_or(WireError::Tag(tag))?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| WireError::Truncated)?;
                let (bytes, rest) =
                    self.rest.split_at_checked(length).ok_or(WireError::Truncated)?;
                self.rest = rest;
                Value::Bytes(bytes)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.array()?)),
            _ => return Err(WireError::Tag(tag)),
        };
        Ok(Some(Field { number, value }))
    }

    /// A number that has no tag before it, as in a packed list; none at the end.
    pub(super) fn bare_varint(&mut self) -> Result<Option<u64>, WireError> {
        if self.rest.is_empty() { Ok(None) } else { self.varint().map(Some) }
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, WireError> {
        if let [byte @ 0..=0x7f, rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(u64::from(*byte));
        }
        let mut value = 0_u64;
        for shift in 0..10 {
            let (byte, rest) = self.rest.split_first().ok_or(WireError::Truncated)?;
            self.rest = rest;
            let bits = u64::from(byte & 0x7f);
            if shift == 9 && bits > 1 {
                return Err(WireError::Overlong);
            }
            value |= bits << (7 * shift);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(WireError::Overlong)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>().ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(*bytes)
    }
}

/// Writes fields: the few answers that are sent.
#[derive(Default)]
pub(super) struct Writer {
    pub(super) bytes: Vec<u8>,
}

impl Writer {
    fn raw_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push((value as u8) | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    pub(super) fn varint(mut self, number: u32, value: u64) -> Writer {
        self.raw_varint(u64::from(number) << 3);
        self.raw_varint(value);
        self
    }

    pub(super) fn bytes(mut self, number: u32, value: &[u8]) -> Writer {
        self.raw_varint((u64::from(number) << 3) | 2);
        self.raw_varint(value.len() as u64);
        self.bytes.extend_from_slice(value);
        self
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let bytes = Writer::default().varint(3, 300).bytes(15, b"text").bytes.clone();
        let mut reader = Reader::new(&bytes);
        let field = reader.next().unwrap().unwrap();
        assert_eq!((field.number, field.varint()), (3, Ok(300)));
        let field = reader.next().unwrap().unwrap();
        assert_eq!((field.number, field.text()), (15, Ok("text")));
        assert_eq!(reader.next(), Ok(None));
    }

    #[test]
    fn wrong_bytes_are_said_to_be_wrong() {
        let read = |bytes: &[u8]| {
            let mut reader = Reader::new(bytes);
            loop {
                match reader.next() {
                    Ok(Some(_)) => {}
                    Ok(None) => return Ok(()),
                    Err(error) => return Err(error),
                }
            }
        };
        for (bytes, expected) in [
            (&[][..], Ok(())),
            (&[0x08], Err(WireError::Truncated)),
            (&[0x0a, 0x05, b'x'], Err(WireError::Truncated)),
            (
                &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
                Err(WireError::Truncated),
            ),
            (&[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], Ok(())),
            (
                &[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
                Err(WireError::Overlong),
            ),
            (&[0x00, 0x00], Err(WireError::Tag(0))),
            (&[0x0b], Err(WireError::Tag(0x0b))),
            (&[0x0f], Err(WireError::Tag(0x0f))),
        ] {
            assert_eq!(read(bytes), expected, "{bytes:x?}");
        }
    }
}
