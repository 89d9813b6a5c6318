//! Copies what `make web` left in `web/dist` beside the code that embeds it ([`dashboard`](src/dashboard.rs)):
//! a dashboard that is built anew meanwhile changes nothing in the middle of a compilation. Nothing is
//! built here and nothing is fetched: without Node the list is empty, and hale says how to fill it.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Looks at a dashboard that is being built, until it is whole.
const LOOKS_MAX: u32 = 60;
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// What `web/scripts/pack.mjs` leaves compressed forms of.
const PACKED: [&str; 5] = ["html", "js", "css", "svg", "txt"];

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    let dist = manifest.join("../../web/dist");
    println!("cargo::rerun-if-changed={}", dist.display());
    println!("cargo::rerun-if-changed=build.rs");
    let files = whole(&dist)?;
    let own = out.join("dist");
    if own.exists() {
        std::fs::remove_dir_all(&own)?;
    }
    let mut code = String::from("pub(crate) static BUILT: &[Asset] = &[\n");
    for (path, bytes) in &files {
        let copy = own.join(path);
        std::fs::create_dir_all(copy.parent().unwrap_or(&own))?;
        std::fs::write(&copy, bytes)?;
    }
    for (path, bytes) in files.iter().filter(|(path, _)| is_original(path)) {
        entry(&mut code, &own, path, bytes)?;
    }
    code.push_str("];\n");
    std::fs::write(out.join("dashboard.rs"), code)
}

type Files = Vec<(PathBuf, Vec<u8>)>;

/// Every file with its content, of one build.
fn whole(dist: &Path) -> io::Result<Files> {
    let mut files = Files::new();
    for _ in 0..LOOKS_MAX {
        match (read(dist), read(dist)) {
            // Nothing was built, or all of it is there.
            (Ok(once), Ok(again)) if once == again && is_packed(&once) => return Ok(once),
            (_, Ok(again)) => files = again,
            (_, Err(error)) if error.kind() == io::ErrorKind::NotFound => {}
            (_, Err(error)) => return Err(error),
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    println!("cargo::warning=web/dist holds half a dashboard: run `make web`");
    Ok(files)
}

fn read(dist: &Path) -> io::Result<Files> {
    let mut paths = Vec::new();
    // A checkout without the folder is one where nothing was built.
    if dist.is_dir() {
        list(dist, &mut paths)?;
    }
    paths.sort();
    let content = |path: PathBuf| {
        let bytes = std::fs::read(&path)?;
        Ok((path.strip_prefix(dist).unwrap_or(&path).to_path_buf(), bytes))
    };
    paths.into_iter().map(content).collect()
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            list(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// Not one of the compressed forms, which stand beside what they were made from.
fn is_original(file: &Path) -> bool {
    file.extension().is_none_or(|ending| ending != "br" && ending != "gz")
}

fn packed(path: &Path, ending: &str) -> PathBuf {
    PathBuf::from(format!("{}.{ending}", path.display()))
}

/// Whether everything that is to have compressed forms has them: those are made last.
fn is_packed(files: &Files) -> bool {
    let has = |path: &Path| files.iter().any(|(known, _)| known == path);
    let is_text = |path: &Path| {
        let ending = path.extension().unwrap_or_default();
        PACKED.iter().any(|packed| ending == *packed)
    };
    let texts = files.iter().map(|(path, _)| path).filter(|path| is_text(path));
    texts.into_iter().all(|path| has(&packed(path, "gz")) && has(&packed(path, "br")))
}

fn entry(code: &mut String, own: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.to_string_lossy().replace('\\', "/");
    let include = |file: PathBuf| format!("include_bytes!({:?})", file.display().to_string());
    let form = |ending: &str| {
        let file = own.join(packed(path, ending));
        if file.is_file() { format!("Some({})", include(file)) } else { "None".to_owned() }
    };
    let (plain, gzip, brotli) = (include(own.join(path)), form("gz"), form("br"));
    let tag = fingerprint(bytes);
    writeln!(
        code,
        "    Asset {{ path: {name:?}, tag: \"{tag:016x}\", plain: {plain}, \
         gzip: {gzip}, brotli: {brotli} }},"
    )
    .map_err(io::Error::other)
}

/// FNV-1a: tells one build's file from another's, nothing more.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
