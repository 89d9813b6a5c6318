//! An image for the marketplace, made of what this very process has mapped: the program, its loader
//! and its shared libraries. Nothing is downloaded, and nothing else is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Bytes of an image.
const IMAGE_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
const BLOCK_BYTES: usize = 512;
/// Names of a directory of libraries that are looked at.
const NAMES_MAX: usize = 20_000;
/// Where a program names its loader, and where loaders look.
const LOADER_DIRECTORIES: [&str; 4] = ["/lib64", "/usr/lib64", "/lib", "/usr/lib"];
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
        entry(&mut archive, directory, &Content::Directory)?;
    }
    let program = read(Path::new("/proc/self/exe"))?;
    entry(&mut archive, "hale", &Content::File(&program))?;
    for (library, names) in mapped_libraries()? {
        let path = library.display().to_string();
        entry(&mut archive, path.trim_start_matches('/'), &Content::File(&read(&library)?))?;
        for name in names {
            let name = name.display().to_string();
            entry(&mut archive, name.trim_start_matches('/'), &Content::Link(&path))?;
        }
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

/// Shared libraries, the loader among them, each with the other names under which it is looked for.
fn mapped_libraries() -> Result<BTreeMap<PathBuf, BTreeSet<PathBuf>>, String> {
    let maps = std::fs::read_to_string("/proc/self/maps")
        .map_err(|error| format!("/proc/self/maps cannot be read: {error}"))?;
    let mut found = BTreeMap::new();
    for line in maps.lines() {
        let Some(path) = line.split_whitespace().nth(5).map(PathBuf::from) else { continue };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_library = path.is_absolute() && (name.ends_with(".so") || name.contains(".so."));
        if is_library && !found.contains_key(&path) && path.is_file() {
            let names = names_of(&path);
            found.insert(path, names);
        }
    }
    Ok(found)
}

/// The kernel maps files, the loader looks for sonames: `libstdc++.so.6` is a link to the file
/// `libstdc++.so.6.0.33`, and /lib is a link into /usr on most systems. Whatever resolves to the file counts.
fn names_of(library: &Path) -> BTreeSet<PathBuf> {
    let mut directories: BTreeSet<PathBuf> = LOADER_DIRECTORIES.iter().map(PathBuf::from).collect();
    directories.extend(library.parent().map(Path::to_owned));
    let short = library.parent().and_then(|parent| parent.strip_prefix("/usr").ok());
    directories.extend(short.map(|short| Path::new("/").join(short)));
    let mut names = BTreeSet::new();
    for directory in directories {
        let listed = std::fs::read_dir(&directory).into_iter().flatten().take(NAMES_MAX).flatten();
        let paths = listed.map(|entry| entry.path());
        // Asking only for names that look right saves looking up thousands.
        let looks_right = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.ends_with(".so") || name.contains(".so.")
        };
        names.extend(
            paths
                .filter(looks_right)
                .filter(|path| path.canonicalize().is_ok_and(|real| real == library)),
        );
    }
    names.remove(library);
    names
}

/// What an entry holds.
enum Content<'a> {
    Directory,
    File(&'a [u8]),
    Link(&'a str),
}

/// One entry in the format of POSIX.1-1988 (ustar).
fn entry(archive: &mut Vec<u8>, name: &str, content: &Content<'_>) -> Result<(), String> {
    let too_long = |name: &str| format!("{name} is too long for an archive");
    let (prefix, base) = split_name(name).ok_or_else(|| too_long(name))?;
    let (kind, bytes, target): (u8, &[u8], &str) = match content {
        Content::Directory => (b'5', &[], ""),
        Content::File(bytes) => (b'0', bytes, ""),
        Content::Link(target) => (b'2', &[], target),
    };
    if target.len() > NAME_BYTES {
        return Err(too_long(target));
    }
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
    put(124, &format!("{:011o}\0", bytes.len()));
    put(136, "00000000000\0");
    put(148, "        ");
    put(156, char::from(kind).encode_utf8(&mut [0; 4]));
    put(157, target);
    put(257, "ustar\x0000");
    put(345, prefix);
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    for (to, from) in header.iter_mut().skip(148).zip(format!("{sum:06o}\0 ").bytes()) {
        *to = from;
    }
    archive.extend_from_slice(&header);
    archive.extend_from_slice(bytes);
    archive.resize(archive.len().next_multiple_of(BLOCK_BYTES), 0);
    Ok(())
}

/// Longest name without a prefix, and longest target of a link.
const NAME_BYTES: usize = 100;

/// A long name is told in two parts, at a slash.
fn split_name(name: &str) -> Option<(&str, &str)> {
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
        entry(&mut archive, "proc", &Content::Directory).unwrap();
        entry(&mut archive, "hale", &Content::File(b"program")).unwrap();
        entry(&mut archive, &long, &Content::File(&[7; 513])).unwrap();
        entry(&mut archive, "lib/lib.so.1", &Content::Link("/lib/lib.so.1.2")).unwrap();
        archive.resize(archive.len() + 2 * BLOCK_BYTES, 0);
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("x.tar");
        std::fs::write(&file, &archive).unwrap();
        let listed = std::process::Command::new("tar").arg("-tvf").arg(&file).output().unwrap();
        let text = String::from_utf8_lossy(&listed.stdout).into_owned();
        assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
        let names: Vec<&str> =
            text.lines().filter_map(|line| line.split_whitespace().last()).collect();
        assert_eq!(names, ["proc", "hale", &long, "/lib/lib.so.1.2"]);
        assert!(text.contains(" 513 "), "{text}");
        assert!(text.contains("lib/lib.so.1 -> /lib/lib.so.1.2"), "{text}");
        assert!(entry(&mut archive, &"x".repeat(300), &Content::File(&[])).is_err());
    }

    #[test]
    fn this_program_knows_its_libraries_and_their_other_names() {
        let libraries = mapped_libraries().unwrap();
        assert!(libraries.keys().any(|path| path.display().to_string().contains("libc.so")));
        let loader = libraries.iter().find(|(path, _)| path.display().to_string().contains("ld-"));
        assert!(loader.is_some_and(|(_, names)| !names.is_empty()), "{libraries:?}");
        let place = tempfile::tempdir().unwrap();
        let file = place.path().canonicalize().unwrap().join("libx.so.6.0.33");
        std::fs::write(&file, "x").unwrap();
        let soname = file.with_file_name("libx.so.6");
        std::os::unix::fs::symlink("libx.so.6.0.33", &soname).unwrap();
        std::os::unix::fs::symlink("libz.so.1", file.with_file_name("liby.so")).unwrap();
        assert_eq!(names_of(&file), BTreeSet::from([soname]));
    }
}
