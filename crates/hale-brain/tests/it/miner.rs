//! Log templates: which lines are one message, and what the miner may hold.

use hale_brain::detect::miner::{Header, Miner, MinerLimits, TemplateId, split_header};
use proptest::prelude::*;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Number of the group of each line, in the order of their first lines.
fn groups(lines: &[&str]) -> Vec<usize> {
    let mut miner = Miner::new(MinerLimits::default());
    let mut seen: Vec<TemplateId> = Vec::new();
    lines
        .iter()
        .map(|line| {
            let id = miner.learn_content(line);
            seen.iter().position(|s| *s == id).unwrap_or_else(|| {
                seen.push(id);
                seen.len() - 1
            })
        })
        .collect()
}

#[test]
fn lines_of_one_message_are_one_template() {
    for lines in [
        &["connection from 192.0.2.7 port 4711", "connection from 192.0.2.99 port 80"][..],
        &["session closed for user postgres", "session closed for user anna"],
        &["session closed for user anna", "session closed for user root"],
        &["lease for 00:1b:44:11:3a:b7 expires", "lease for de:ad:be:ef:ca:fe expires"],
        &["neighbour fe80::1 lost", "neighbour 2001:db8::ff00:42:8329 lost"],
        &["read /etc/cups/printers.conf again", "read /var/lib/x/y again"],
        &["backup took 12 ms", "backup took 3.5 ms"],
        &["freed 5.2 KB", "freed 17 GB", "freed 12 MB"],
        &["sent 17 bytes (0.1 KB) to peer", "sent 4 bytes to peer"],
        &["cpus 1 2 3 offline", "cpus 4 offline"],
        &["booted Fri Nov 20 10:15:30 UTC 2026", "booted Sat Nov 21 09:00:01 CET 2026"],
        &["dropped table x7f3a9c", "dropped table b0b1"],
        &["fetching https://example.org/a?b=1", "fetching https://example.net/c"],
        &[
            "peer cache.example.org:443 gone",
            "peer 192.0.2.1:80 gone",
            "peer mail.example.cn:25 gone",
        ],
        &["dump of 'sales_eu' failed", "dump of 'invoices' failed"],
        &["\x1b[31mpump stopped\x1b[0m after 3 s", "pump stopped after 45 s"],
        &["visible = true", "visible = false", "visible = null"],
        &["id=550e8400-e29b-41d4-a716-446655440000 gone", "id=7 gone"],
    ] {
        assert_eq!(groups(lines), vec![0; lines.len()], "{lines:?}");
    }
}

#[test]
fn lines_that_say_different_things_are_not() {
    for lines in [
        &["device opened", "device closed"][..],
        &["entering state AUTO now", "entering state MANUAL now"],
        &["action SCREEN_ON received", "action SCREEN_OFF received"],
        &["link is up", "link is down"],
        &["stored as bytes in memory (size 5 KB)", "stored as values in memory (size 5 KB)"],
        &["IPv4 address lost", "IPv6 address lost"],
        &["writeBlock failed", "readBlock failed"],
        &["3 errors", "3 errors in a row"],
    ] {
        assert_eq!(groups(lines), (0..lines.len()).collect::<Vec<_>>(), "{lines:?}");
    }
}

#[test]
fn a_word_with_many_values_becomes_a_variable_and_old_ids_stay() {
    let words = "accept adapter battery bridge cable cache cancel channel cluster column command \
                 cookie counter current database deadline device directory domain driver";
    let mut miner = Miner::new(MinerLimits { values_max: 5, ..MinerLimits::default() });
    let ids: Vec<u64> = words
        .split_whitespace()
        .map(|word| miner.learn_content(&format!("module {word} is ready")).0)
        .collect();
    assert_eq!(ids[..6], [1, 2, 3, 4, 5, 5]);
    assert!(ids[5..].iter().all(|id| *id == 5), "{ids:?}");
    assert_eq!(miner.learn_content("module accept is ready"), TemplateId(1));
    assert_eq!(miner.template(TemplateId(5)).unwrap().text, "module <*> is ready");
}

#[test]
fn templates_count_their_lines() {
    let mut miner = Miner::new(MinerLimits::default());
    for line in ["login of anna", "disk sda1 is full", "login of bert", "", "  login   of   cem  "]
    {
        miner.learn(line);
    }
    let shown: Vec<String> = miner
        .templates()
        .map(|t| format!("{} {}x {}..{} {:?}", t.id, t.count, t.first, t.last, t.text))
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    1 3x 1..5 "login of <*>"
    2 1x 2..2 "disk <*> is full"
    3 1x 4..4 ""
    "#);
    assert_eq!(miner.pattern(TemplateId(1)).unwrap(), "login of <*>");
}

#[test]
fn the_header_ends_where_the_message_begins() {
    let shown: Vec<String> = HEADERS
        .lines()
        .map(|line| {
            let Header { program, level, content, .. } = split_header(line.as_bytes());
            let part = |p: Option<&[u8]>| p.map_or_else(|| "-".to_owned(), text);
            format!("{} | {} | {}", part(program), part(level), text(content))
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    sshd | - | Accepted publickey for anna
    kernel | - | eth0: link down
    sshd | - | session opened
    Disk Keeper | - | full
    - | - | last message repeated 3 times
    systemd | - | Started a thing.
    su | - | failed
    - | error | [client 192.0.2.8] no such file
    org.example.Server | INFO | listening: 8080
    - | WARN | timed out
    example.api.server | INFO | 192.0.2.1 GET
    storage.Manager | ERROR | lost block
    dfs.Node | INFO | received block
    WindowManager | D | layout
    Step_Counter | - | total=12
    firefox.exe | - | example.org:443 closed
    CBS | Info | Loaded stack
    - | INFO | parity error
    - | - | usb 1-1: reset
    server.cc:12 | - | ready
    - | - | "GET / HTTP/1.1" 200 12
    - | LOG | checkpoint starting
    - | ERROR | no space left
    - | - | no header at all: just words
    - | - | Failed at 2026-11-21 10:15:01 for the third time
    "#);
}

const HEADERS: &str = "\
Nov  1 09:05:01 web1 sshd[812]: Accepted publickey for anna
Nov 21 10:15:01 web1 kernel: [   12.345678] eth0: link down
Nov 21 10:15:01 web1 sshd(pam_unix)[812]: session opened
Nov 21 10:15:01 web1 Disk Keeper[5]: full
Nov 21 10:15:01 web1 last message repeated 3 times
2026-11-21T10:15:01.123456+01:00 web1 systemd[1]: Started a thing.
<34>Nov 21 10:15:01 web1 su: failed
[Sat Nov 21 10:15:01 2026] [error] [client 192.0.2.8] no such file
2026-11-21 10:15:01,123 INFO [main] org.example.Server: listening: 8080
2026-11-21 10:15:01,123 - WARN  [Quorum[id=1]/0:0:0:0:2181:Election@774] - timed out
2026-11-21 10:15:01.008 25746 INFO example.api.server [req-38101a0b-2096 113d - - -] 192.0.2.1 GET
26/11/21 10:15:01 ERROR storage.Manager: lost block
261121 101501 32 INFO dfs.Node: received block
11-21 10:15:01.123  812  813 D WindowManager: layout
20261121-10:15:01:123|Step_Counter|30002|total=12
[11.21 10:15:01] firefox.exe - example.org:443 closed
2026-11-21 10:15:01, Info                  CBS    Loaded stack
- 1763720101 2026.11.21 n12 2026-11-21-10.15.01.123456 n12 RAS KERNEL INFO parity error
[  12.345678] usb 1-1: reset
I1121 10:15:01.123456 77 server.cc:12] ready
192.0.2.1 - - [21/Nov/2026:10:15:01 +0100] \"GET / HTTP/1.1\" 200 12
2026-11-21 10:15:01.123 UTC [77] LOG:  checkpoint starting
ERROR: no space left
no header at all: just words
Failed at 2026-11-21 10:15:01 for the third time
";

#[test]
fn what_is_seen_no_more_is_forgotten_and_no_id_comes_twice() {
    let limits = MinerLimits { templates_max: 100, ..MinerLimits::default() };
    let mut miner = Miner::new(limits);
    let mut ids = std::collections::HashSet::new();
    let steady = miner.learn_content("steady beat");
    for n in 0..5000_u32 {
        // Words of letters only, each a new first word.
        let word: String =
            n.to_string().bytes().map(|b| char::from(b - b'0' + b'g')).collect::<String>();
        assert!(ids.insert(miner.learn_content(&format!("{word} went away"))));
        assert_eq!(miner.learn_content("steady beat"), steady);
        assert!(miner.templates().count() <= limits.templates_max);
    }
}

proptest! {
    #[test]
    fn any_lines_are_learnt_within_the_limits(
        lines in prop::collection::vec(prop_oneof![".{0,200}", "[a-z ]{0,40}"], 0..80)
    ) {
        let limits = MinerLimits {
            templates_max: 10,
            template_bytes_max: 500,
            line_bytes_max: 100,
            values_max: 3,
        };
        let mut miner = Miner::new(limits);
        for line in &lines {
            let id = miner.learn(line);
            prop_assert_eq!(miner.learn(line), id);
            prop_assert!(miner.templates().count() <= limits.templates_max);
            prop_assert!(miner.template(id).is_some());
        }
    }

    #[test]
    fn an_id_does_not_depend_on_later_lines(
        lines in prop::collection::vec("[a-d0-3 =]{0,12}", 1..60), at in 0_usize..60
    ) {
        let run = |lines: &[String]| -> Vec<TemplateId> {
            let mut miner = Miner::new(MinerLimits::default());
            lines.iter().map(|line| miner.learn(line)).collect()
        };
        let at = at.min(lines.len());
        let (all, some) = (run(&lines), run(&lines[..at]));
        prop_assert_eq!(&all[..at], &some[..]);
    }

    #[test]
    fn a_header_is_the_front_of_its_line(line: Vec<u8>) {
        let content = split_header(&line).content;
        prop_assert!(line.trim_ascii().ends_with(content));
    }
}
