//! Copying a file's bytes so that the copy is known to be whole.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};

const CHUNK_BYTES: usize = 256 * 1024;

/// Copies all of `from` to the empty file `to`, leaving holes where there are only zeros, waits for
/// the disk, reads the copy again and compares. Gives the BLAKE3 of the content.
pub(crate) fn copy_verified(from: &mut File, to: &mut File) -> io::Result<(u64, String)> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0_u8; CHUNK_BYTES];
    let mut size = 0_u64;
    loop {
        let n = from.read(&mut buffer)?;
        let chunk = buffer.get(..n).unwrap_or_default();
        if chunk.is_empty() {
            break;
        }
        hasher.update(chunk);
        size += n as u64;
        if chunk.iter().all(|b| *b == 0) {
            to.seek(SeekFrom::Current(n as i64))?;
        } else {
            to.write_all(chunk)?;
        }
    }
    to.set_len(size)?;
    to.sync_all()?;
    let wanted = hasher.finalize().to_hex().to_string();
    to.seek(SeekFrom::Start(0))?;
    if digest(to)? == wanted {
        Ok((size, wanted))
    } else {
        Err(io::Error::other("the copy differs from the original"))
    }
}

/// BLAKE3 of what is left to read.
pub(crate) fn digest(from: &mut impl Read) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0_u8; CHUNK_BYTES];
    loop {
        let n = from.read(&mut buffer)?;
        if n == 0 {
            return Ok(hasher.finalize().to_hex().to_string());
        }
        hasher.update(buffer.get(..n).unwrap_or_default());
    }
}
