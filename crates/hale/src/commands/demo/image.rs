//! An image for the marketplace, made of what this very process has mapped: the program, its loader
//! and its shared libraries. Nothing is downloaded, and nothing else is in it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Bytes of an image.
const IMAGE_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
const BLOCK_BYTES: usize = 512;
/// Directories that a container needs to mount something on.
const DIRECTORIES: [&str; 6] = ["dev", "etc", "market", "proc", "sys", "tmp"];

/// What tells an image of this build from one of another: the program's size and when it was written.
///
/// # Errors
/// The program cannot be looked at, in words.
pub fn tag() -> Result<String, String> {
    let look = || -> std::io::Result<String> {
        let metadata = std::fs::metadata("/proc/self/exe")?;
        let written =
            metadata.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Ok(format!("{:x}-{:x}", metadata.len(), written.as_millis()))
    };
    look().map_err(|error| format!("this program cannot be looked at: {error}"))
}

/// The image as a tar archive.
///
/// # Errors
/// A file cannot be read, in words.
pub fn archive() -> Result<Vec<u8>, String> {
    let mut archive = Vec::new();
    for directory in DIRECTORIES {
        entry(&mut archive, directory, b'5', &[])?;
    }
    let program = read(Path::new("/proc/self/exe"))?;
    entry(&mut archive, "hale", b'0', &program)?;
    for library in mapped_libraries()? {
        let name = library.display().to_string();
        entry(&mut archive, name.trim_start_matches('/'), b'0', &read(&library)?)?;
        if archive.len() as u64 > IMAGE_BYTES_MAX {
            return Err(format!("the image would be over {IMAGE_BYTES_MAX} bytes"));
        }
    }
    archive.resize(archive.len() + 2 * BLOCK_BYTES, 0);
    Ok(archive)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
}

/// Shared libraries, the loader among them, under every name by which they are looked for.
fn mapped_libraries() -> Result<BTreeSet<PathBuf>, String> {
    let maps = std::fs::read_to_string("/proc/self/maps")
        .map_err(|error| format!("/proc/self/maps cannot be read: {error}"))?;
    let mut found = BTreeSet::new();
    for line in maps.lines() {
        let Some(path) = line.split_whitespace().nth(5) else { continue };
        let name = path.rsplit('/').next().unwrap_or_default();
        let is_library = path.starts_with('/') && (name.ends_with(".so") || name.contains(".so."));
        if is_library {
            found.insert(PathBuf::from(path));
            // The kernel names the file itself; /lib is a link into /usr on most systems.
            if let Some(rest) = path.strip_prefix("/usr/lib") {
                found.insert(PathBuf::from(format!("/lib{rest}")));
            }
            // The program names its loader at a fixed place.
            if name.starts_with("ld-linux-x86-64") {
                found.insert(PathBuf::from("/lib64/ld-linux-x86-64.so.2"));
            }
        }
    }
    found.retain(|path| path.exists());
    Ok(found)
}

/// One entry in the format of POSIX.1-1988 (ustar).
fn entry(archive: &mut Vec<u8>, name: &str, kind: u8, content: &[u8]) -> Result<(), String> {
    let (prefix, base) =
        split_name(name).ok_or_else(|| format!("{name} is too long for an archive"))?;
    let mut header = [0_u8; BLOCK_BYTES];
    let mut put = |at: usize, text: &str| {
        for (to, from) in header.iter_mut().skip(at).zip(text.bytes()) {
            *to = from;
        }
    };
    put(0, base);
    put(100, "0000755\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{:011o}\0", content.len()));
    put(136, "00000000000\0");
    put(148, "        ");
    put(156, char::from(kind).encode_utf8(&mut [0; 4]));
    put(257, "ustar\x0000");
    put(345, prefix);
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    for (to, from) in header.iter_mut().skip(148).zip(format!("{sum:06o}\0 ").bytes()) {
        *to = from;
    }
    archive.extend_from_slice(&header);
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(BLOCK_BYTES), 0);
    Ok(())
}

/// A long name is told in two parts, at a slash.
fn split_name(name: &str) -> Option<(&str, &str)> {
    const NAME_BYTES: usize = 100;
    const PREFIX_BYTES: usize = 155;
    if name.len() <= NAME_BYTES {
        return Some(("", name));
    }
    let fits = |at: &usize| *at <= PREFIX_BYTES && name.len() - at - 1 <= NAME_BYTES;
    name.match_indices('/').map(|(at, _)| at).find(fits).map(|at| (&name[..at], &name[at + 1..]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn tar_reads_what_is_written() {
        let long = format!("usr/{}/lib.so", "deep/".repeat(25).trim_end_matches('/'));
        let mut archive = Vec::new();
        entry(&mut archive, "proc", b'5', &[]).unwrap();
        entry(&mut archive, "hale", b'0', b"program").unwrap();
        entry(&mut archive, &long, b'0', &[7; 513]).unwrap();
        archive.resize(archive.len() + 2 * BLOCK_BYTES, 0);
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("x.tar");
        std::fs::write(&file, &archive).unwrap();
        let listed = std::process::Command::new("tar").arg("-tvf").arg(&file).output().unwrap();
        let text = String::from_utf8_lossy(&listed.stdout).into_owned();
        assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
        let names: Vec<&str> =
            text.lines().filter_map(|line| line.split_whitespace().last()).collect();
        assert_eq!(names, ["proc", "hale", &long]);
        assert!(text.contains(" 513 "), "{text}");
        assert!(entry(&mut archive, &"x".repeat(300), b'0', &[]).is_err());
    }

    #[test]
    fn this_program_knows_its_libraries() {
        let libraries = mapped_libraries().unwrap();
        assert!(libraries.iter().any(|path| path.display().to_string().contains("libc.so")));
    }
}
