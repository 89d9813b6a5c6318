//! Which spelling mistakes are forgiven: a letter missing, doubled, swapped with its neighbour,
//! hit beside the right key, or written as it sounds. An ordinary word that happens to differ by
//! one letter (`posts`, `ports`) is not a mistake, so any other substitution counts double.

/// Shortest word, in characters, that may be a misspelling of another.
pub(super) const WORD_CHARS_MIN: usize = 4;
/// Longest word compared, in characters.
const WORD_CHARS_MAX: usize = 40;

const ROWS: [&str; 6] =
    ["qwertyuiop", "asdfghjkl", "zxcvbnm", "azertyuiop", "qsdfghjklm", "wxcvbn"];

/// Cost of reading `written` as `meant`, in half mistakes; `None` above what is forgiven for a
/// word of that length.
pub(super) fn cost(written: &[char], meant: &[char]) -> Option<usize> {
    let longest = written.len().max(meant.len());
    let shortest = written.len().min(meant.len());
    if !(WORD_CHARS_MIN..=WORD_CHARS_MAX).contains(&shortest) || longest > WORD_CHARS_MAX {
        return None;
    }
    // The first letter of a short word is rarely wrong, and often makes another word.
    if written.first() != meant.first() && shortest < 7 {
        return None;
    }
    let allowed = if shortest >= 8 { 4 } else { 2 };
    if (longest - shortest) * 2 > allowed || letters_apart(written, meant) > allowed {
        return None;
    }
    Some(distance(written, meant)).filter(|cost| *cost <= allowed)
}

/// The same for Hangul, counted in its letters.
pub(super) fn cost_of_letters(written: &[char], meant: &[char]) -> Option<usize> {
    let shortest = written.len().min(meant.len());
    let allowed = match shortest {
        0..=5 => return None,
        6..=9 => 1,
        _ => 2,
    };
    let longest = written.len().max(meant.len());
    if longest > WORD_CHARS_MAX
        || longest - shortest > allowed
        || letters_apart(written, meant) > 2 * allowed
    {
        return None;
    }
    Some(plain_distance(written, meant)).filter(|cost| *cost <= allowed)
}

/// Letters that only one of the two has, at least: one mistake makes at most two. Cheap, and enough to
/// pass over nearly every word of the lexicon.
fn letters_apart(a: &[char], b: &[char]) -> usize {
    let set = |word: &[char]| word.iter().fold(0_u64, |set, c| set | 1 << (u32::from(*c) % 64));
    (set(a) ^ set(b)).count_ones() as usize
}

/// Optimal string alignment; an insertion, deletion, swap or likely substitution costs 2.
fn distance(a: &[char], b: &[char]) -> usize {
    let sounds = a.len().min(b.len()) >= 6;
    aligned(a, b, 2, |x, y| if near(x, y) || (sounds && sound_alike(x, y)) { 2 } else { 4 })
}

fn plain_distance(a: &[char], b: &[char]) -> usize {
    aligned(a, b, 1, |_, _| 1)
}

fn aligned(a: &[char], b: &[char], unit: usize, substitute: impl Fn(char, char) -> usize) -> usize {
    let width = b.len() + 1;
    let mut rows = vec![vec![0; width]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i * unit;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j * unit;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let same = a[i - 1] == b[j - 1];
            let replaced =
                rows[i - 1][j - 1] + if same { 0 } else { substitute(a[i - 1], b[j - 1]) };
            let mut best = replaced.min(rows[i - 1][j] + unit).min(rows[i][j - 1] + unit);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + unit);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

/// Letters that sound alike; asked of longer words only, short ones become others (`part`, `port`).
fn sound_alike(a: char, b: char) -> bool {
    let vowel = |c: char| "aeiouy".contains(c);
    let alike = |x: char, y: char| matches!((x, y), ('c', 's' | 'k') | ('s', 'z') | ('f', 'v'));
    (vowel(a) && vowel(b)) || alike(a, b) || alike(b, a)
}

/// Neighbours on a QWERTY or AZERTY keyboard.
fn near(a: char, b: char) -> bool {
    ROWS.iter().any(|row| {
        let at = |c: char| row.chars().position(|k| k == c);
        matches!((at(a), at(b)), (Some(x), Some(y)) if x.abs_diff(y) == 1)
    })
}
