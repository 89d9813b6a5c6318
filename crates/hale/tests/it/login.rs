//! `hale login` against an authorization server, with a browser that follows redirects.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use hale_testkit::authorization_server::{AuthorizationServer, CLIENT_SECRET, Consent, visit};

use crate::bed::Bed;

/// `hale login --port 0`, and a browser that visits the address it prints. Its exit, and the last page.
fn through_browser(bed: &Bed) -> (i32, String, u16) {
    let mut command = bed.command(&["login", "--port", "0"]);
    command.env("HALE_GOOGLE_CLIENT_SECRET", CLIENT_SECRET);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    let mut status = 0;
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        if line.starts_with("http://") {
            status = visit(&line).unwrap().last().unwrap().status;
        }
        said.push_str(&(line + "\n"));
    }
    (child.wait().unwrap().code().unwrap_or(-1), said, status)
}

fn models(bed: &Bed, arguments: &[&str]) -> String {
    let ended = bed.hale(&[&["doctor", "--json"], arguments].concat());
    let view: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let checks = view["checks"].as_array().unwrap().iter();
    let gemini = checks.filter(|c| c["name"] == "model gemini");
    gemini.map(|c| format!("{}: {}", c["state"], c["found"])).collect()
}

#[test]
fn signing_in_is_kept_told_of_and_undone() {
    let (bed, server) = (Bed::new(), AuthorizationServer::start());
    bed.config(&format!("[[ai.providers]]\nprovider = \"gemini\"\n{}", server.config()));
    let status = bed.hale(&["login", "--status"]);
    assert_eq!((status.code, status.stdout.contains("Nobody is signed in")), (0, true));

    server.will(Consent::Denied);
    let (code, said, page) = through_browser(&bed);
    assert_eq!((code, page), (1, 400), "{said}");
    assert!(said.contains("the sign-in was declined"), "{said}");

    server.will(Consent::Given);
    let (code, said, page) = through_browser(&bed);
    assert_eq!((code, page), (0, 200), "{said}");
    assert!(!said.contains("refresh-") && !said.contains(CLIENT_SECRET), "{said}");
    assert!(models(&bed, &[]).contains("key from a sign-in"), "{}", models(&bed, &[]));
    let status = bed.hale(&["login", "--status"]);
    assert_eq!(status.code, 0, "{}", status.stdout);
    assert!(status.stdout.contains("and Google takes it"), "{}", status.stdout);

    server.revoke_all();
    let status = bed.hale(&["login", "--status", "--json"]);
    assert_eq!(status.code, 1);
    assert!(status.stdout.contains("it was withdrawn or has expired"), "{}", status.stdout);

    let asked = models(&bed, &["--online"]);
    assert!(asked.contains("it was withdrawn or has expired; sign in again"), "{asked}");

    assert_eq!(bed.hale(&["login", "--logout"]).code, 0);
    assert!(models(&bed, &[]).contains("no key"), "{}", models(&bed, &[]));
}

#[test]
fn without_a_browser_a_code_is_shown_and_without_a_client_it_says_how_to_get_one() {
    let (bed, server) = (Bed::new(), AuthorizationServer::start());
    let none = bed.hale(&["login"]);
    assert_eq!(none.code, 1);
    assert!(none.stderr.contains("hale ships none"), "{}", none.stderr);
    assert!(none.stderr.contains("--google-client-id"), "{}", none.stderr);
    bed.config(&server.config());
    server.refuse_scope_to_devices();
    // No screen in this environment: the device's way, which Google does not grant for models.
    let refused = bed.hale(&["login"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("ssh -L"), "{}", refused.stderr);
}
