//! `hale logs templates` and `hale health`, as a script or a person meets them.

use std::io::Write as _;
use std::process::Stdio;

use crate::bed::{Bed, Ended};

/// Runs with this on standard input, with no home directory.
fn piped(bed: &Bed, arguments: &[&str], input: &[u8]) -> Ended {
    let mut command = bed.command(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // Whoever only writes would wait for ever once the answers fill their pipe.
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

const LINES: &str = "\
Nov 21 10:15:01 web1 sshd[812]: Failed password for invalid user ftp from 192.0.2.7 port 4711 ssh2
Nov 21 10:15:02 web1 sshd[813]: Failed password for invalid user bob from 192.0.2.9 port 99 ssh2
Nov 21 10:15:03 web1 nginx[7]: open() \"/srv/a\" failed (28: No space left on device)
";

#[test]
fn templates_need_no_home_and_answer_each_line() {
    let bed = Bed::new();
    let mut command = bed.command(&["logs", "templates"]);
    command.env_remove("HOME");
    let ended = bed.finish(command);
    assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (0, "", ""));
    let ended = piped(&bed, &["logs", "templates"], LINES.as_bytes());
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "1\t1\n2\t1\n3\t2\n"));
    let ended = piped(&bed, &["logs", "templates", "--show"], LINES.as_bytes());
    insta::assert_snapshot!(ended.stdout, @r#"
    2	1	Failed password for invalid user <*> from <*> port <*>
    1	2	open() "<*>" failed (<*>: No space left on device)
    "#);
    let ended = piped(&bed, &["logs", "templates", "--show", "--json"], LINES.as_bytes());
    let listed: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(listed[0]["count"], 2);
    assert_eq!(listed[1]["first_line"], 3);
    let ended = piped(&bed, &["logs", "templates", "--json", "--content"], b"a 1\na 2\n");
    assert_eq!(ended.stdout, "{\"line\":1,\"template\":1}\n{\"line\":2,\"template\":1}\n");
}

#[test]
fn long_and_odd_lines_are_answered_in_order() {
    let bed = Bed::new();
    let mut input = b"\xff\x00\xfe\n".to_vec();
    input.extend(vec![b'y'; 10 << 20]);
    input.extend(b"\n\nlast 7");
    let ended = piped(&bed, &["logs", "templates"], &input);
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "1\t1\n2\t2\n3\t3\n4\t4\n"));
}

#[test]
fn health_of_a_file_is_ranked_and_says_what_to_do() {
    let bed = Bed::new();
    let file = bed.path("sys.log");
    let mut text = LINES.to_owned();
    for n in 0..20 {
        text.push_str(&format!(
            "Nov 21 10:16:{n:02} web1 sshd[9]: Failed password for root from 192.0.2.{n} port 1 ssh2\n"
        ));
    }
    std::fs::write(&file, text).unwrap();
    let file = file.display().to_string();
    let ended = bed.hale(&["health", "--file", &file]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    insta::with_settings!({filters => vec![(r"\d{4}-11-21", "[date]")]}, {
        insta::assert_snapshot!(ended.stdout, @r#"
    Logs: all there is  23 messages of 3 kinds

     1  CRITICAL A file system is full
        who   nginx · 1 message · [date] 10:15:03
        says  open() "/srv/a" failed (28: No space left on device)
        why   Something could not write: a file system or a quota has no space (or no inodes) left.
        do    Find the full file system, bytes and inodes.
              Find what takes the space; deleted files that are still open count too.
              Remove or move it, rotate logs, or grow the file system.
              df -h
              df -i
              du -xh --max-depth=2 / 2>/dev/null | sort -h | tail -20

     2  HIGH Many logins fail
        who   sshd · 22 messages of 2 kinds · [date] 10:15:01 to [date] 10:16:19 · at most 20 a
              minute
        says  Failed password for root from 192.0.2.19 port 1 ssh2
        why   Somebody tries passwords (most often on SSH), or a client uses an old one again and again.
        do    See from where and for which users.
              Allow keys only (PasswordAuthentication no), limit who may connect, or block the addresses
              (fail2ban, nftables).
              Check that none of them succeeded.
              journalctl -g 'failed password|invalid user|authentication failure' -n 50 --no-pager
              last -n 20
              lastb -n 20
    "#);
    });
    let ended = bed.hale(&["health", "--json", "--limit", "1", "--file", &file]);
    let answer: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(answer["logs"]["findings"][0]["problem"], "disk.full");
    assert_eq!(answer["logs"]["left_out"], 1);
    assert_eq!(answer["logs"]["sources"][0]["read"], 23);
    // Files are judged by their own end, and leave nothing behind.
    let ended = bed.hale(&["health", "--since", "1m", "--json", "--file", &file]);
    let answer: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(answer["logs"]["messages"], 20);
    assert!(!bed.data_dir().exists());
}

#[test]
fn health_of_standard_input_and_of_what_cannot_be_read() {
    let bed = Bed::new();
    let ended = piped(&bed, &["health", "--file", "-"], LINES.as_bytes());
    assert_eq!(ended.code, 0);
    assert!(ended.stdout.contains("A file system is full"), "{}", ended.stdout);
    let ended = bed.hale(&["health", "--file", "absent.log"]);
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    assert!(ended.stderr.contains("absent.log: No such file"), "{}", ended.stderr);
}

#[test]
fn health_of_this_machine_needs_no_agent() {
    let bed = Bed::new();
    let ended = bed.hale(&["health", "--json"]);
    let answer: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert!(answer["logs"]["sources"].is_array(), "{}", ended.stdout);
    assert!(answer["state"]["score"].is_number(), "{}", ended.stderr);
    let nothing_read =
        answer["logs"]["sources"].as_array().unwrap().iter().all(|source| source["read"] == 0);
    assert!(ended.code == 0 || (ended.code == 5 && nothing_read), "{}", ended.stderr);
    assert!(bed.data_dir().join("state.db").exists());
}
