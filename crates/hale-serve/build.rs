//! Lists what `make web` left in `web/dist`, so that [`dashboard`](src/dashboard.rs) embeds it. Nothing is
//! built here and nothing is fetched: without Node the list is empty, and hale says how to fill it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() -> std::io::Result<()> {
    let manifest = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let dist = manifest.join("../../web/dist");
    println!("cargo::rerun-if-changed={}", dist.display());
    println!("cargo::rerun-if-changed=build.rs");
    let mut files = Vec::new();
    // A checkout without the folder is one where nothing was built.
    if dist.is_dir() {
        list(&dist, &mut files)?;
    }
    files.sort();
    let mut code = String::from("pub(crate) static BUILT: &[Asset] = &[\n");
    for file in files.iter().filter(|file| is_original(file)) {
        entry(&mut code, &dist, file)?;
    }
    code.push_str("];\n");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    std::fs::write(out.join("dashboard.rs"), code)
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
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

fn entry(code: &mut String, dist: &Path, file: &Path) -> std::io::Result<()> {
    let path = file.strip_prefix(dist).unwrap_or(file).to_string_lossy().replace('\\', "/");
    let bytes = std::fs::read(file)?;
    let packed = |ending: &str| {
        let packed = PathBuf::from(format!("{}.{ending}", file.display()));
        if packed.is_file() {
            format!("Some(include_bytes!({:?}))", packed.display().to_string())
        } else {
            "None".to_owned()
        }
    };
    let absolute = file.display().to_string();
    let (gzip, brotli) = (packed("gz"), packed("br"));
    let tag = fingerprint(&bytes);
    writeln!(
        code,
        "    Asset {{ path: {path:?}, tag: \"{tag:016x}\", plain: include_bytes!({absolute:?}), \
         gzip: {gzip}, brotli: {brotli} }},"
    )
    .map_err(std::io::Error::other)
}

/// FNV-1a: tells one build's file from another's, nothing more.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
