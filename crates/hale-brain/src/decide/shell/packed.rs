//! Bytes that are no text: what a decoder gave, carried until a decompressor makes text of them.
//!
//! A text whose first character is [`OPEN`] holds one character for each byte. Nothing but a
//! decompressor understands it; whoever runs it as code runs what is not known.

use std::io::Read;

use super::text;

/// Begins a packed text.
const OPEN: char = '\u{F00E0}';
/// Stands for the byte 0; the others follow.
const BYTE_ZERO: u32 = 0xF_0100;
/// Largest decompressed text, in bytes: what is longer is not looked into.
const UNPACKED_BYTES_MAX: usize = text::TEXT_BYTES_MAX;
/// Most bytes that are carried packed: each takes four.
const PACKED_BYTES_MAX: usize = 3 * 1024;

/// Text from computed bytes; those of a compressed file are kept as they are.
pub(super) fn from_bytes(bytes: Vec<u8>) -> String {
    let compressed = bytes.starts_with(&[0x78, 0x01]) || std::str::from_utf8(&bytes).is_err();
    if !compressed || bytes.len() > PACKED_BYTES_MAX {
        return text::clean_bytes(bytes, "");
    }
    let characters = bytes.iter().filter_map(|b| char::from_u32(BYTE_ZERO + u32::from(*b)));
    std::iter::once(OPEN).chain(characters).collect()
}

/// Whether a text holds packed bytes.
pub(super) fn is_packed(text: &str) -> bool {
    text.contains(OPEN)
}

/// The text inside packed bytes: gzip, zlib or raw deflate.
pub(super) fn unpacked(packed: &str) -> Option<String> {
    let bytes: Option<Vec<u8>> = packed
        .trim_end()
        .strip_prefix(OPEN)?
        .chars()
        .map(|c| u32::from(c).checked_sub(BYTE_ZERO).and_then(|b| u8::try_from(b).ok()))
        .collect();
    let bytes = bytes?;
    let whole = match bytes.as_slice() {
        [0x1f, 0x8b, ..] => read(flate2::read::MultiGzDecoder::new(bytes.as_slice())),
        [0x78, ..] => read(flate2::read::ZlibDecoder::new(bytes.as_slice())),
        raw => read(flate2::read::DeflateDecoder::new(raw)),
    };
    whole.map(|bytes| text::clean_bytes(bytes, ""))
}

/// What gzip makes of a text.
pub(super) fn gzip(input: &str) -> String {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    match encoder.write_all(input.as_bytes()).and_then(|()| encoder.finish()) {
        Ok(bytes) => from_bytes(bytes),
        Err(_) => text::residue(input),
    }
}

/// Everything that a decompressor gives, or nothing where that is too much or broken.
fn read(decoder: impl Read) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(UNPACKED_BYTES_MAX).ok()? + 1;
    decoder.take(limit).read_to_end(&mut bytes).ok()?;
    (bytes.len() <= UNPACKED_BYTES_MAX && !bytes.is_empty()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_is_compressed_comes_back_and_a_bomb_does_not() {
        let gzip = |data: &[u8]| {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            encoder.write_all(data).unwrap();
            from_bytes(encoder.finish().unwrap())
        };
        let packed = gzip(b"uptime\n");
        assert!(is_packed(&packed));
        assert_eq!(unpacked(&packed).as_deref(), Some("uptime\n"));
        assert_eq!(unpacked(&gzip(&vec![b'a'; UNPACKED_BYTES_MAX + 1])), None);
        assert_eq!(unpacked("plain"), None);
        assert_eq!(from_bytes(b"plain".to_vec()), "plain");
    }
}
