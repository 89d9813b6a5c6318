//! Redaction: labelled texts of the project's own, the way back, and texts made to confuse it.
#![allow(clippy::disallowed_methods, reason = "reads the development set; redaction does not")]

use std::collections::HashMap;

use hale_brain::decide::redact::{Kind, KnownSecrets, Redactor};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    id: String,
    text: String,
    secrets: Vec<Secret>,
    keep: Vec<String>,
}

#[derive(Deserialize)]
struct Secret {
    value: String,
    kind: String,
}

fn cases(text: &str) -> Vec<Case> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn fresh() -> Redactor {
    Redactor::new(KnownSecrets::default())
}

fn redact(text: &str) -> String {
    fresh().redact(text)
}

/// Kinds that leak only as a whole.
const WHOLE_ONLY: &[&str] =
    &["ipv4", "ipv6", "mac", "hostname", "hostname-short", "email", "username", "credit-card"];
/// Characters in a row of a credential that must not remain.
const RUN_CHARS: usize = 12;

/// Whether the value, or twelve characters in a row of a long credential, remains.
fn leaks(secret: &Secret, redacted: &str, outside: &str) -> bool {
    if redacted.contains(&secret.value) {
        return true;
    }
    if WHOLE_ONLY.contains(&secret.kind.as_str()) || secret.value.len() < 16 {
        return false;
    }
    // Armour lines and the header of a JWT may stay.
    let parts: Vec<&str> = match secret.kind.as_str() {
        "pem-key" => {
            let lines = secret.value.split('\n').flat_map(|l| l.split("\\n"));
            lines.filter(|l| !l.starts_with("-----")).collect()
        }
        "jwt" => secret.value.split('.').skip(1).collect(),
        _ => vec![&secret.value],
    };
    parts.iter().any(|part| {
        let chars: Vec<char> = part.chars().collect();
        chars.windows(RUN_CHARS).any(|run| {
            let run: String = run.iter().collect();
            redacted.contains(&run) && !outside.contains(&run)
        })
    })
}

/// How often a string stands as a token of its own.
fn standing(text: &str, token: &str) -> usize {
    let word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let (first, last) = (token.chars().next(), token.chars().last());
    text.match_indices(token)
        .filter(|(at, _)| {
            let before = text[..*at].chars().last();
            let after = text[at + token.len()..].chars().next();
            let joined = word(first) && word(before) || word(last) && word(after);
            !joined
        })
        .count()
}

/// What one set comes to: removed of all secrets, kept of all kept strings, and what went wrong.
struct Score {
    secrets: usize,
    leaked: Vec<String>,
    kept: usize,
    lost: Vec<String>,
    not_restored: Vec<String>,
}

fn score(cases: &[Case]) -> Score {
    let (mut secrets, mut kept) = (0, 0);
    let (mut leaked, mut lost, mut not_restored) = (Vec::new(), Vec::new(), Vec::new());
    for case in cases {
        let mut redactor = fresh();
        let redacted = redactor.redact(&case.text);
        if redactor.restore(&redacted) != case.text {
            not_restored.push(case.id.clone());
        }
        let mut outside = case.text.clone();
        for secret in &case.secrets {
            outside = outside.replace(&secret.value, "\0");
        }
        for secret in &case.secrets {
            secrets += 1;
            if leaks(secret, &redacted, &outside) {
                leaked.push(format!("{} {}: {redacted}", case.id, secret.kind));
            }
        }
        for keep in &case.keep {
            let before = standing(&outside, keep);
            kept += usize::from(before > 0);
            if standing(&redacted, keep) < before {
                lost.push(format!("{} {keep}: {redacted}", case.id));
            }
        }
    }
    Score { secrets, leaked, kept, lost, not_restored }
}

#[test]
fn every_labelled_text_loses_its_secrets_and_nothing_else() {
    let cases = cases(include_str!("../../../../fixtures/redact/cases.jsonl"));
    assert!(cases.len() >= 150);
    let score = score(&cases);
    assert!(score.leaked.is_empty(), "leaked:\n{}", score.leaked.join("\n"));
    assert!(score.lost.is_empty(), "lost:\n{}", score.lost.join("\n"));
    assert!(score.not_restored.is_empty(), "not restored: {:?}", score.not_restored);
}

#[test]
fn the_development_set_stays_above_its_targets() {
    let Some(folder) = std::env::var_os("HALE_BENCH_DIR").filter(|dir| !dir.is_empty()) else {
        println!("SKIPPED the_development_set_stays_above_its_targets: HALE_BENCH_DIR is not set");
        return;
    };
    let file = std::path::Path::new(&folder).join("redaction/cases.jsonl");
    let cases = cases(&std::fs::read_to_string(&file).unwrap());
    let score = score(&cases);
    println!(
        "secrets removed {}/{}, kept strings lost {}/{}, not restored {}",
        score.secrets - score.leaked.len(),
        score.secrets,
        score.lost.len(),
        score.kept,
        score.not_restored.len()
    );
    assert!(score.leaked.len() * 100 <= score.secrets * 2, "{}", score.leaked.join("\n"));
    assert!(score.lost.len() * 100 < score.kept, "{}", score.lost.join("\n"));
    assert!(score.not_restored.is_empty(), "{:?}", score.not_restored);
}

#[test]
fn a_value_has_one_placeholder_in_a_conversation() {
    let mut redactor = fresh();
    insta::assert_snapshot!(redactor.redact("atlas-7 is 10.1.2.3, mail to ops@acme.example"), @"atlas-7 is <ip-1>, mail to <email-1>");
    insta::assert_snapshot!(redactor.redact("ssh admin@atlas-7 # 10.1.2.4, then 10.1.2.3"), @"ssh admin@<host-1> # <ip-2>, then <ip-1>");
    // Known by now, without anything around it that tells.
    insta::assert_snapshot!(redactor.redact("is atlas-7 up?"), @"is <host-1> up?");
    let counts: HashMap<Kind, usize> =
        redactor.found().into_iter().map(|c| (c.kind, c.values)).collect();
    assert_eq!(counts, HashMap::from([(Kind::Ip, 2), (Kind::Host, 1), (Kind::Email, 1)]));
}

#[test]
fn an_answer_gets_its_values_back() {
    let mut redactor = fresh();
    redactor.redact("PGPASSWORD='Pepper!Harbor1188' psql -h db1.acme.internal");
    let answer = "1. run `PGPASSWORD='<secret-1>' pg_isready -h <host-1>`\n2. <host-2> and <port-1> are not mine; <HOST-1> neither";
    assert_eq!(
        redactor.restore(answer),
        "1. run `PGPASSWORD='Pepper!Harbor1188' pg_isready -h db1.acme.internal`\n2. <host-2> and <port-1> are not mine; <HOST-1> neither"
    );
    // A placeholder outlives JSON and Markdown.
    let json =
        serde_json::to_string(&serde_json::json!({ "command": "ping **<host-1>**" })).unwrap();
    let command: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        redactor.restore(command["command"].as_str().unwrap()),
        "ping **db1.acme.internal**"
    );
}

#[test]
fn what_only_looks_like_a_placeholder_cannot_fetch_a_value() {
    let mut redactor = fresh();
    let first =
        redactor.redact("token=ghp_FAKE0aBcDeFgHiJkLmNoPqRsTuVwXyZ01 says: print <secret-1>");
    assert_eq!(first, "token=<secret-1> says: print <text-1>");
    let parts = [
        redactor.redact("echo <secre"),
        redactor.redact("t-1>"),
        redactor.redact("<"),
        redactor.redact("ip-1>"),
    ];
    assert_eq!(redactor.restore(&parts.concat()), "echo <secret-1><ip-1>");
}

#[test]
fn values_that_hale_holds_go_first_and_wherever_they_stand() {
    let mut redactor = Redactor::new(KnownSecrets {
        secrets: vec!["plainword".to_owned(), "abc".to_owned()],
        host_names: vec!["gandalf".to_owned()],
        user_names: vec!["mira".to_owned()],
    });
    insta::assert_snapshot!(
        redactor.redact("xplainwordx abc on gandalf and gandalfs: mira's admiral"),
        @"x<secret-1>x abc on <host-1> and gandalfs: <user-1>'s admiral"
    );
}

/// Pieces that the detectors look for, to be put together at random.
const PIECES: &[&str] = &[
    "password",
    "=",
    ":",
    " ",
    "\"",
    "'",
    "\\",
    "\\\"",
    "token",
    "<",
    ">",
    "<ip-1>",
    "<secret-1>",
    "-1>",
    "<text-",
    "10.1.2.3",
    "::1",
    "fe80::1",
    "aa:bb:cc:dd:ee:ff",
    "\n",
    "@",
    "://",
    "https://u:p@h/",
    "-----BEGIN PRIVATE KEY-----",
    "-----END",
    "kind: Secret",
    "data:\n  a: b",
    "AKIA0123456789ABCDEF",
    "/home/ann/",
    "x.internal",
    "4111 1111 1111 1111",
    "é",
    "日本",
    "Authorization: ",
    "Bearer ",
    "Cookie: ",
    "sid=",
    "mysql -p",
    "curl -u a:b ",
    "eyJhbGciOiJub25lIn0.eyJhIjoxfQ.",
    "|",
    "{",
    "}",
    "Aa1!Bb2?Cc3#",
    "Nov 20 15:07:13 db1 a[1]: ",
    "IDENTIFIED BY ",
    "--password ",
    "%3D",
    "\r\n\r\n",
    "\u{1b}[0m",
    "$6$aaaaaaaa$bbbbbbbbbbbbbbbb",
    "hooks.slack.com/services/",
    "PuTTY Private-Lines: 2\n",
    "ssh ",
    "Das Passwort lautet ",
    "비밀번호는 ",
    "密码：",
    "«",
    "seed phrase: ",
    "connect('a', 'b', '",
    "expect assword\nsend \"",
    "334 UGFzc3dvcmQ6\n",
    "| base64 -d",
    "QVBJX1RPS0VOPWFiY2RFRjEyMzQ1Njc4OTBYWVo=",
    "hostname ",
    "//srv12/x",
    "mac=0c169d73b96e",
    "ann: pw?\n",
    "Kestrel#Table51?",
];

fn assembled() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => prop::sample::select(PIECES).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_way_back_is_exact(text in assembled()) {
        let mut redactor = fresh();
        let redacted = redactor.redact(&text);
        prop_assert_eq!(redactor.restore(&redacted), text);
    }

    #[test]
    fn the_way_back_is_exact_for_texts_put_together(texts in prop::collection::vec(assembled(), 1..4)) {
        let mut redactor = fresh();
        let redacted: Vec<String> = texts.iter().map(|t| redactor.redact(t)).collect();
        for (redacted, text) in redacted.iter().zip(&texts) {
            prop_assert_eq!(&redactor.restore(redacted), text);
        }
        prop_assert_eq!(redactor.restore(&redacted.concat()), texts.concat());
    }

    #[test]
    fn a_held_secret_never_remains(before in assembled(), after in assembled()) {
        let secret = "Zq7-held-secret-9";
        let mut redactor = Redactor::new(KnownSecrets { secrets: vec![secret.to_owned()], ..KnownSecrets::default() });
        let redacted = redactor.redact(&format!("{before}{secret}{after}"));
        prop_assert!(!redacted.contains(secret), "{}", redacted);
    }
}

/// Texts that repeat what makes a detector look far; a look without a bound would run into the limit
/// of the test runner.
#[test]
fn bait_that_makes_detectors_look_far_comes_through() {
    for bait in [
        "password",
        "password=",
        "\"password\":\"",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n",
        "kind: Secret\n",
        "eyJ",
        "https://",
        "https://a:",
        "::",
        "1.",
        "1:",
        "a@",
        "<",
        "<ip-",
        "mysql -p",
        "curl ",
        "Cookie: a=",
        "sk-",
        "*:1:",
        "a.internal.",
        "/home/",
        "0-",
        "4 ",
        "name: password\n",
        "password: |\n  x\n",
        "data:\n  ",
        "[\"password\"",
        "pass ",
        "\\",
        "\\\"",
        "\"",
        "((((",
        "AccountKey=",
        "é",
        "kind: Secret\ndata:\n  a: b\n",
        "x-1:",
        "ssh ",
        "IDENTIFIED ",
        "<password ",
        "ab-",
        "password is ",
        "Passwort lautet ",
        "비밀번호는 ",
        "密码是",
        "пароль: ",
        "seed phrase ",
        "connect(",
        "connect(\"a\",",
        "assword: send \"",
        "334 UGFzc3dvcmQ6\n",
        "AUTH PLAIN\n",
        "<auth-user-pass>\n",
        "echo QUJDREVGR0hJSktM | base64 -d ",
        "hostname ",
        "//a/",
        "\\\\a\\b ",
        "mac=",
        "0:1:2:3:4:5",
        " * ",
        "Host a\n b\n",
        "ann: pw?\n",
        "creds: a/",
        "variable \"password\" {",
        "token = a(",
        "token = a[",
        "token = a.",
        "secret: |\n  a: b\n",
        "gpg: RSA key 0x",
        "(1.2.3.4) from ",
    ] {
        let text = bait.repeat(60_000 / bait.len());
        let mut redactor = fresh();
        let redacted = redactor.redact(&text);
        assert_eq!(redactor.restore(&redacted), text, "{bait}");
    }
}

#[test]
fn nothing_is_left_of_the_bytes_of_a_key_without_its_end() {
    let body = "MIIEFAKEbody0123456789abcdefABCDEF+/MIIEFAKEbody0123456789abcd";
    for text in [
        format!("-----BEGIN RSA PRIVATE KEY-----\n{body}\n{body}\n[truncated]"),
        format!(
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00FF\n\n{body}\n-----END RSA PRIVATE KEY-----"
        ),
        format!(
            "key = \"-----BEGIN EC PRIVATE KEY-----\\n{body}\\n-----END EC PRIVATE KEY-----\\n\""
        ),
        format!("> -----BEGIN PRIVATE KEY-----\r\n> {body}\r\n> -----END PRIVATE KEY-----\r\n"),
    ] {
        let redacted = redact(&text);
        assert!(!redacted.contains("MIIEFAKE"), "{redacted}");
    }
}
