//! Base64 (RFC 4648, both alphabets), for looking into values that are wrapped in it.

/// The longest text that is decoded.
const DECODED_BYTES_MAX: usize = 8 * 1024;

/// The bytes, if the text is Base64.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let body = text.trim_end_matches('=').as_bytes();
    if body.is_empty()
        || body.len() % 4 == 1
        || body.len() > DECODED_BYTES_MAX
        || text.len() - body.len() > 2
    {
        return None;
    }
    let mut out = Vec::with_capacity(body.len() * 3 / 4 + 2);
    let (mut bits, mut count) = (0u32, 0u32);
    for b in body {
        let six = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 0xff) as u8);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn both_alphabets_with_and_without_padding() {
        for (text, expected) in [
            ("dXNlcjpwYXNz", Some(&b"user:pass"[..])),
            ("YQ==", Some(b"a")),
            ("YQ", Some(b"a")),
            ("-_8=", Some(&[0xfb, 0xff])),
            ("a", None),
            ("not base64!", None),
            ("", None),
        ] {
            assert_eq!(decode(text).as_deref(), expected, "{text}");
        }
    }
}
