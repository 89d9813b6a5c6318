//! What deploy/ says of the project and of itself: nothing here builds an image, and nothing here rots unseen.

use std::fs;

use crate::dependencies::root;
use crate::tidy::rust_files;

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The Dockerfile's instructions, one a line, without comments.
fn instructions() -> Vec<String> {
    text("deploy/Dockerfile")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect::<Vec<_>>()
        .join("\n")
        .replace("\\\n", " ")
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|line| !line.is_empty())
        .collect()
}

/// What follows `start` in the only instruction that begins so.
fn of(start: &str) -> String {
    let instructions = instructions();
    let mut found = instructions.iter().filter_map(|line| line.strip_prefix(start));
    let value = found.next().unwrap_or_else(|| panic!("no instruction begins with {start:?}"));
    assert_eq!(found.next(), None, "several begin with {start:?}");
    value.trim().to_owned()
}

/// What the build leaves out.
fn ignored() -> Vec<String> {
    text(".dockerignore")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with(['#', '!']))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_image_is_built_with_the_rust_of_the_workspace_on_the_debian_it_runs_on() {
    let manifest: toml::Table = toml::from_str(&text("Cargo.toml")).unwrap();
    let rust = manifest["workspace"]["package"]["rust-version"].as_str().unwrap();
    let build = of("ARG RUST_IMAGE=");
    let run = of("ARG DEBIAN_IMAGE=");
    let release = build.strip_prefix(&format!("rust:{rust}-slim-"));
    let release =
        release.unwrap_or_else(|| panic!("Cargo.toml says Rust {rust}, the image {build}"));
    assert_eq!(run, format!("debian:{release}-slim"), "built on {build}");
}

#[test]
fn everything_the_image_takes_by_name_is_there_and_not_left_out() {
    let listed: String =
        instructions().into_iter().filter(|line| line.contains("cp -r --parents")).collect();
    let words = listed.split("--parents").nth(1).unwrap().split("/manifests").next().unwrap();
    let ignored = ignored();
    for word in words.split_whitespace() {
        let (folder, file) = word.split_once('*').unwrap_or((word, ""));
        assert!(root().join(folder).exists(), "the Dockerfile takes {word}");
        assert!(file.is_empty() || root().join(format!("{folder}hale{file}")).exists(), "{word}");
        let top = folder.split('/').next().unwrap();
        assert!(!ignored.iter().any(|line| line == top), ".dockerignore leaves out {top}");
    }
}

#[test]
fn what_the_code_embeds_is_not_left_out_of_the_image() {
    let ignored = ignored();
    let of_the_program =
        |path: &std::path::Path| !path.components().any(|c| c.as_os_str() == "tests");
    for path in rust_files().into_iter().filter(|path| of_the_program(path)) {
        let code = fs::read_to_string(&path).unwrap();
        for (at, _) in code.match_indices("\"../../") {
            let named = code[at + 1..].split('"').next().unwrap();
            let top = named.trim_start_matches("../").split('/').next().unwrap();
            let is_left_out = ignored.iter().any(|line| line == top);
            assert!(!is_left_out, "{} embeds {named}, .dockerignore leaves it out", path.display());
        }
    }
}

#[test]
fn the_manifests_of_kubernetes_fit_the_image() {
    let manifest = text("deploy/kubernetes/hale.yaml");
    let has = |line: &str| assert!(manifest.contains(line), "hale.yaml has no {line:?}");
    let (user, group) = {
        let both = of("USER ");
        let (user, group) = both.split_once(':').unwrap();
        (user.to_owned(), group.to_owned())
    };
    has(&format!("runAsUser: {user}\n"));
    has(&format!("runAsGroup: {group}\n"));
    has(&format!("fsGroup: {group}\n"));
    let environment = of("ENV HALE_DATA_DIR=");
    let (data, config) = environment.split_once(" HALE_CONFIG=").unwrap();
    assert_eq!(of("VOLUME "), data);
    has(&format!("mountPath: {data} }}"));
    // The volume itself is root's: hale can close only a folder that it made to others.
    has(&format!("name: HALE_DATA_DIR, value: {data}/"));
    has(&format!("mountPath: {}, readOnly: true", config.strip_suffix("/config.toml").unwrap()));
    has("image: hale:latest\n");
    assert!(of("EXPOSE ").split(' ').any(|exposed| exposed == "7979"));
    has("listen = \"0.0.0.0:7979\"\n");
    has("containerPort: 7979 ");
    has("port: 7979, targetPort");
}
