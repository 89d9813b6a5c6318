//! Where keys are found and put, and when they are not taken.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use hale_mind::keys::{ExposeSecret as _, KeyError, Keys, Place, Places, SecretString};

use crate::support::block_on;

fn keys(config_dir: &Path, credentials_dir: Option<&Path>, variable: Option<&'static str>) -> Keys {
    Keys::new(Places {
        environment: Box::new(move |name| {
            variable.filter(|_| name == "THE_KEY").map(str::to_owned)
        }),
        credentials_dir: credentials_dir.map(Path::to_owned),
        config_dir: Some(config_dir.to_owned()),
        session_bus: None,
    })
}

fn secret(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

fn found(keys: &Keys) -> Option<(String, Place)> {
    let found = block_on(keys.find("THE_KEY")).unwrap();
    found.map(|(key, place)| (key.expose_secret().to_owned(), place))
}

#[test]
fn the_environment_goes_before_systemd_and_systemd_before_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let credentials = tempfile::tempdir().unwrap();
    let file = dir.path().join("credentials.toml");
    let with = |systemd, variable| {
        keys(dir.path(), Some(credentials.path()).filter(|_| systemd), variable)
    };
    assert_eq!(found(&with(true, None)), None);
    let place = block_on(with(false, None).store("THE_KEY", &secret("from-file"))).unwrap();
    assert_eq!(place, Place::File(file.clone()));
    let credential = credentials.path().join("THE_KEY");
    std::fs::write(&credential, "from-systemd\n").unwrap();
    assert_eq!(found(&with(false, None)), Some(("from-file".into(), Place::File(file))));
    assert_eq!(
        found(&with(true, None)),
        Some(("from-systemd".into(), Place::SystemdCredential(credential)))
    );
    assert_eq!(
        found(&with(true, Some(" from-env "))),
        Some(("from-env".into(), Place::Environment))
    );
    // An empty variable is none.
    assert_eq!(found(&with(true, Some(""))).unwrap().0, "from-systemd");
}

#[test]
fn the_file_is_its_owners_alone_and_keeps_what_else_is_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("hale");
    let keys = keys(&folder, None, None);
    block_on(keys.store("OTHER", &secret("other"))).unwrap();
    let file = folder.join("credentials.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}# mine\n")).unwrap();
    block_on(keys.store("THE_KEY", &secret("a\"b\\c"))).unwrap();
    assert_eq!(found(&keys).unwrap().0, "a\"b\\c");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(std::fs::read_to_string(&file).unwrap().contains("# mine"));
    assert_eq!(block_on(keys.remove("THE_KEY")).unwrap(), [Place::File(file)]);
    assert_eq!(found(&keys), None);
    assert_eq!(block_on(keys.remove("THE_KEY")).unwrap(), []);
    assert!(block_on(keys.find("OTHER")).unwrap().is_some());
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn a_file_that_others_can_read_is_not_taken() {
    let dir = tempfile::tempdir().unwrap();
    let keys = keys(dir.path(), None, None);
    block_on(keys.store("THE_KEY", &secret("k3y-in-the-file"))).unwrap();
    let file = dir.path().join("credentials.toml");
    for mode in [0o640, 0o604, 0o622] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let error = block_on(keys.find("THE_KEY")).unwrap_err();
        assert_eq!(error, KeyError::Exposed { path: file.clone(), mode });
        assert!(block_on(keys.store("THE_KEY", &secret("another"))).is_err());
        assert!(!format!("{error} {error:?}").contains("k3y"));
    }
}

#[test]
fn a_broken_file_is_told_by_its_line_not_by_its_words() {
    let dir = tempfile::tempdir().unwrap();
    let keys = keys(dir.path(), None, None);
    let file = dir.path().join("credentials.toml");
    std::fs::write(&file, "[keys]\nTHE_KEY = \"k3y-without-end\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let error = block_on(keys.find("THE_KEY")).unwrap_err();
    assert!(error.to_string().contains("line 2 is no TOML"), "{error}");
    assert!(!format!("{error} {error:?}").contains("k3y"));
}

#[test]
fn what_is_no_name_or_no_key_goes_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let keys = keys(dir.path(), Some(dir.path()), None);
    for name in ["", "../x", "a b", "a/b", "KEY\n"] {
        assert!(block_on(keys.find(name)).is_err(), "{name:?}");
        assert!(block_on(keys.store(name, &secret("k"))).is_err(), "{name:?}");
    }
    for key in ["", "  ", "two words", "line\nend", "schlüssel", &"x".repeat(20_000)] {
        let error = block_on(keys.store("THE_KEY", &secret(key))).unwrap_err();
        assert!(error.to_string().starts_with("what was given as THE_KEY is no key"), "{error}");
    }
    assert!(!dir.path().join("credentials.toml").exists());
}
