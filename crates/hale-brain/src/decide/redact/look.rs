//! Small looks at bytes around a place. Every one is bounded, so that the whole stays linear in the
//! length of the text.

/// How far a look goes back or ahead on a line.
pub(super) const LINE_LOOK_BYTES_MAX: usize = 512;

pub(super) fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

/// Bytes of identifiers and of keys with dots and dashes.
pub(super) fn is_key(b: u8) -> bool {
    is_word(b) || b == b'-' || b == b'.'
}

pub(super) fn byte_before(bytes: &[u8], at: usize) -> Option<u8> {
    at.checked_sub(1).and_then(|i| bytes.get(i)).copied()
}

/// Where the run of such bytes that ends at `at` begins.
pub(super) fn back(bytes: &[u8], at: usize, max: usize, is: impl Fn(u8) -> bool) -> usize {
    let floor = at.saturating_sub(max);
    let run = bytes[floor..at].iter().rev().take_while(|b| is(**b)).count();
    at - run
}

/// Where the run of such bytes that begins at `at` ends.
pub(super) fn ahead(bytes: &[u8], at: usize, max: usize, is: impl Fn(u8) -> bool) -> usize {
    let at = at.min(bytes.len());
    let run = bytes[at..].iter().take(max).take_while(|b| is(**b)).count();
    at + run
}

pub(super) fn blanks(bytes: &[u8], at: usize) -> usize {
    ahead(bytes, at, 64, |b| b == b' ' || b == b'\t')
}

/// The line's part before `at`, at most [`LINE_LOOK_BYTES_MAX`] of it.
pub(super) fn line_before(bytes: &[u8], at: usize) -> &[u8] {
    &bytes[back(bytes, at, LINE_LOOK_BYTES_MAX, |b| b != b'\n')..at]
}

/// Where the line ends, or the look does.
pub(super) fn line_end(bytes: &[u8], at: usize) -> usize {
    ahead(bytes, at, LINE_LOOK_BYTES_MAX, |b| b != b'\n' && b != b'\r')
}

pub(super) fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|w| w.eq_ignore_ascii_case(needle))
}

/// Whether a word of this kind is in the list, upper or lower case.
pub(super) fn is_one_of(word: &str, list: &[&str]) -> bool {
    list.iter().any(|other| other.eq_ignore_ascii_case(word))
}

pub(super) fn starts_with_ignoring_case(bytes: &[u8], prefix: &[u8]) -> bool {
    bytes.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix))
}

/// The last words before `at`, nearest first, on its line; a word is a run without blanks.
pub(super) fn words_before(bytes: &[u8], at: usize) -> impl Iterator<Item = &str> {
    let line = line_before(bytes, at);
    line.rsplit(|b| b.is_ascii_whitespace())
        .filter(|w| !w.is_empty())
        .map(|w| std::str::from_utf8(w).unwrap_or_default())
}

/// A word without what writing puts around it.
pub(super) fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric())
}
