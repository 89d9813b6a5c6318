//! A fast hash of short byte strings: multiply and fold, eight bytes at a time.
//!
//! Not for keys that an enemy chooses: whoever relies on equality compares the bytes as well.

/// A hash value.
pub(super) type Hash = u64;

const SEED: u64 = 0x2d35_8dcc_aa6c_78a5;
const STEP: u64 = 0x8bb8_4b93_962e_acc9;

/// The two halves of a product, folded into one.
pub(super) fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

/// The hash of these bytes.
pub(super) fn of(bytes: &[u8]) -> Hash {
    let mut hash = SEED ^ bytes.len() as u64;
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        hash = mix(hash ^ u64::from_le_bytes(*word), STEP);
    }
    let mut last = [0_u8; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    mix(hash ^ u64::from_le_bytes(last), STEP ^ SEED)
}

/// Passes a key on that is a hash already.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ready(u64);

impl std::hash::Hasher for Ready {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = of(bytes) ^ self.0.rotate_left(5);
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

/// Maps from hashes.
pub(super) type HashMap<V> =
    std::collections::HashMap<u64, V, std::hash::BuildHasherDefault<Ready>>;
