// Seeds of a fuzz target, and the same torn: bytes gone, doubled, swapped, replaced, two seeds spliced.
// The sequence is the same in every run. Included by the tests of the crates (`#[path]`), so that every
// decoder meets broken input in `make test` too, without a fuzzer.

/// Calls the decoder with every seed and `runs` torn ones.
pub fn torn(target: &str, runs: u64, decode: impl Fn(&[u8])) {
    let dir = std::path::PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap())
        .join("../../fuzz/seeds")
        .join(target);
    let mut paths: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    let seeds: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
    assert!(!seeds.is_empty(), "{} is empty", dir.display());
    seeds.iter().for_each(|seed| decode(seed));
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..runs {
        let mut bytes = seeds[random.below(seeds.len())].clone();
        for _ in 0..=random.below(4) {
            tear(&mut bytes, &seeds, &mut random);
        }
        decode(&bytes);
    }
}

fn tear(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) {
    const TELLING: &[u8] = b"\0\n\r\t \"'\\{}[]()<>$`;|&=:,%-+0919e\x1b\x7f\x80\xc3\xff";
    let (from, to) = (random.below(bytes.len() + 1), random.below(bytes.len() + 1));
    let (from, to) = (from.min(to), from.max(to));
    let telling = TELLING[random.below(TELLING.len())];
    match random.below(7) {
        0 => drop(bytes.drain(from..to.min(from + 16))),
        1 => bytes.truncate(to),
        2 => bytes.insert(from, telling),
        3 if from < bytes.len() => bytes[from] = telling,
        4 => {
            let piece = bytes[from..to.min(from + 64)].to_vec();
            bytes.splice(to..to, piece);
        }
        5 => {
            let other = &seeds[random.below(seeds.len())];
            let cut = random.below(other.len() + 1);
            bytes.splice(from..to, other[cut..].iter().copied().take(256));
        }
        _ => {
            let many = std::iter::repeat_n(telling, random.below(200));
            bytes.splice(from..from, many);
        }
    }
}

/// xorshift64
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}
