//! What logs say about a machine: new, more than usual, known trouble.

use hale_brain::detect::log_health::{
    Knowledge, KnownTemplates, LogHealth, LogMessage, LogSpans, LogStatus, LogStudy, level_of,
};
use hale_model::Timestamp;
use hale_model::alert::Severity;
use jiff::tz::TimeZone;
use proptest::prelude::*;

const NOW: i64 = 1_790_000_000;
const HOUR: i64 = 3600;

fn at(ago_secs: i64) -> Option<Timestamp> {
    Timestamp::from_second(NOW - ago_secs).ok()
}

fn study() -> LogStudy {
    LogStudy::new(LogSpans { now: at(0).unwrap(), since_secs: Some(3600), past_secs: 24 * 3600 })
}

fn say(study: &mut LogStudy, ago_secs: i64, origin: &str, priority: u8, text: &str) {
    study.add(&LogMessage {
        at: at(ago_secs),
        origin,
        is_unit: origin.ends_with(".service"),
        priority,
        text: text.as_bytes(),
    });
}

fn judge(study: LogStudy, known: &mut KnownTemplates) -> LogHealth {
    study.judge(Knowledge::built_in().unwrap(), known, 10)
}

fn told(health: &LogHealth) -> String {
    let line = |f: &hale_brain::detect::log_health::LogFinding| {
        format!(
            "{} {} {:?} {} x{} (usual {:?}, {}/min) {} [{}] {}",
            f.rank,
            f.severity,
            f.status,
            f.origin,
            f.count,
            f.usual_count,
            f.peak_per_minute,
            f.title,
            f.problem.as_deref().unwrap_or("-"),
            f.commands.first().map_or("-", String::as_str),
        )
    };
    health.findings.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A day of quiet, then an hour.
fn a_day() -> LogStudy {
    let mut study = study();
    for minute in 61..24 * 60 {
        say(&mut study, minute * 60, "web.service", 6, &format!("served {minute} requests"));
        if minute % 30 == 0 {
            say(&mut study, minute * 60, "web.service", 4, &format!("slow query took {minute} ms"));
            say(&mut study, minute * 60, "old.service", 3, "cannot reach the licence server");
        }
    }
    for minute in 0..60 {
        say(&mut study, minute * 60, "web.service", 6, &format!("served {minute} requests"));
    }
    study
}

#[test]
fn an_hour_like_every_other_has_only_what_was_there_before() {
    let mut study = a_day();
    say(&mut study, 600, "old.service", 3, "cannot reach the licence server");
    let health = judge(study, &mut KnownTemplates::default());
    insta::assert_snapshot!(told(&health), @"1 low Steady old.service x1 (usual Some(2.0), 1/min) cannot reach the licence server [-] journalctl -u old.service -n 50 --no-pager");
    assert_eq!((health.messages, health.past_secs, health.new_quiet), (61, 23 * 3600 - 60, 0));
}

#[test]
fn trouble_is_told_with_what_is_new_and_what_bursts() {
    let mut study = a_day();
    for second in 0..40 {
        say(&mut study, 900 + second, "web.service", 4, &format!("slow query took {second} ms"));
    }
    for n in 0..30 {
        let text = format!("Failed password for invalid user u{n} from 192.0.2.{n} port {n} ssh2");
        say(&mut study, 300 + n, "ssh.service", 6, &text);
        say(&mut study, 300 + n, "ssh.service", 5, &format!("Invalid user u{n} from 192.0.2.{n}"));
    }
    say(
        &mut study,
        120,
        "db.service",
        2,
        "PANIC: could not write to file: No space left on device",
    );
    say(&mut study, 100, "new.service", 3, "flux capacitor lost its phase");
    say(&mut study, 90, "new.service", 6, "warming up again");
    let health = judge(study, &mut KnownTemplates::default());
    insta::assert_snapshot!(told(&health), @r"
    1 critical New db.service x1 (usual Some(0.0), 1/min) A file system is full [disk.full] df -h
    2 high New ssh.service x60 (usual Some(0.0), 21/min) Many logins fail [auth.brute_force] journalctl -g 'failed password|invalid user|authentication failure' -n 50 --no-pager
    3 medium New new.service x1 (usual Some(0.0), 1/min) flux capacitor lost its phase [-] journalctl -u new.service -n 50 --no-pager
    4 low Burst web.service x40 (usual Some(2.0), 21/min) slow query took <*> ms [-] journalctl -u web.service -n 50 --no-pager
    ");
    assert_eq!(health.new_quiet, 1);
    let ssh = health.findings.iter().find(|f| f.origin == "ssh.service").unwrap();
    assert_eq!(ssh.templates.len(), 2);
}

#[test]
fn a_few_failed_logins_are_no_attack() {
    let mut study = a_day();
    for n in 0..3 {
        say(&mut study, 60 * n, "ssh.service", 6, "Failed password for anna from 192.0.2.1 port 7");
    }
    let health = judge(study, &mut KnownTemplates::default());
    assert_eq!((told(&health).as_str(), health.new_quiet), ("", 0));
}

#[test]
fn what_an_earlier_run_saw_is_not_new() {
    let strange = |study: &mut LogStudy| say(study, 100, "app.service", 3, "wheel 7 came off");
    let mut known = KnownTemplates::default();
    let mut first = a_day();
    strange(&mut first);
    let status = |health: &LogHealth| health.findings.first().map(|f| f.status);
    assert_eq!(status(&judge(first, &mut known)), Some(LogStatus::New));
    // Still within the hour: still news.
    let mut again = a_day();
    strange(&mut again);
    assert_eq!(status(&judge(again, &mut known)), Some(LogStatus::New));
    // Two days later it is not, though nothing of the days between is left.
    for seen in known.seen.values_mut() {
        *seen = (seen.0 - 48 * HOUR, seen.1 - 48 * HOUR);
    }
    let stored = serde_json::to_string(&known).unwrap();
    let mut known: KnownTemplates = serde_json::from_str(&stored).unwrap();
    let mut later = study();
    strange(&mut later);
    assert_eq!(status(&judge(later, &mut known)), Some(LogStatus::Steady));
}

#[test]
fn without_a_past_nothing_is_called_new() {
    let mut study = study();
    say(&mut study, 100, "app.service", 3, "wheel 7 came off");
    let health = judge(study, &mut KnownTemplates::default());
    assert_eq!(health.findings.first().map(|f| f.status), Some(LogStatus::Unknown));
    assert_eq!((health.past_secs, health.past_messages), (0, 0));
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut known = KnownTemplates::default();
    for round in 0..3_i64 {
        let mut study = study();
        for n in 0..4000_u32 {
            // Origins are told apart, so each is a template of its own.
            say(&mut study, 3000 - 1000 * round, &format!("app{round}-{n}"), 6, "hello");
        }
        judge(study, &mut known);
        assert!(known.seen.len() <= 5000, "{}", known.seen.len());
    }
}

#[test]
fn lines_of_files_are_read_by_their_headers() {
    let mut study = LogStudy::new(LogSpans {
        now: "2026-11-21T12:00:00Z".parse().unwrap(),
        since_secs: Some(3600),
        past_secs: 24 * 3600,
    });
    for line in [
        "Nov 20 23:00:00 web1 cron[5]: job 7 done",
        "Nov 21 11:30:00 web1 nginx[812]: bind() to 0.0.0.0:80 failed (98: Address already in use)",
        "2026-11-21T11:31:00Z web1 app[7]: x509: certificate has expired or is not yet valid",
        "Nov 19 11:30:00 web1 app[7]: too old",
        "no time, no program",
        "",
    ] {
        study.add_line(line.as_bytes(), "some.log", &TimeZone::UTC);
    }
    let health = judge(study, &mut KnownTemplates::default());
    insta::assert_snapshot!(told(&health), @r"
    1 high New app x1 (usual Some(0.0), 1/min) A certificate has expired [tls.expired] certbot certificates
    2 high New nginx x1 (usual Some(0.0), 1/min) A port is taken already [port.in_use] ss -ltnp
    ");
    assert_eq!((health.messages, health.past_messages, health.outside), (3, 1, 1));
}

#[test]
fn levels_are_read_or_guessed() {
    for (level, content, expected) in [
        (Some("ERROR"), "x", 3),
        (Some("warn"), "x", 4),
        (Some("I"), "error in words", 6),
        (None, "a fatal error", 2),
        (None, "2 errors", 3),
        (None, "request timed out", 4),
        (None, "all is well", 6),
    ] {
        assert_eq!(level_of(level.map(str::as_bytes), content.as_bytes()), expected, "{content}");
    }
}

/// One message of each kind of trouble, as programs write it, in other words than the patterns.
const TOLD: &str = "\
disk.full: write /var/lib/x: No space left on device
disk.read_only: EXT4-fs (sdb1): Remounting filesystem read-only
disk.io_error: blk_update_request: I/O error, dev sdb, sector 1234
filesystem.corrupt: XFS (dm-0): Metadata corruption detected at xfs_buf_read
disk.raid_degraded: md127: Disk failure on sdc1, disabling device.
disk.hung_task: INFO: task jbd2/sda1-8:312 blocked for more than 120 seconds.
nfs.server_gone: nfs: server files1 not responding, still trying
memory.oom: Out of memory: Killed process 4711 (java) total-vm:123kB
memory.allocation: java.lang.OutOfMemoryError: Java heap space
process.crash: app[77]: segfault at 0 ip 00007f sp 00007f error 4 in libc.so
process.files: accept4() failed (24: Too many open files)
process.fork: fork: retry: Resource temporarily unavailable
kernel.lockup: watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [kworker]
hardware.machine_check: mce: [Hardware Error]: Machine check events logged
hardware.thermal: CPU2: Core temperature above threshold, cpu clock throttled
network.link_flap: e1000e 0000:00:19.0 eth0: NIC Link is Down
dns.failure: lookup db.example.org: Temporary failure in name resolution
network.refused: dial tcp 192.0.2.7:5432: connect: connection refused
network.unreachable: connect to 192.0.2.7: No route to host
network.timeout: upstream timed out (110: Connection timed out) while reading
network.conntrack: nf_conntrack: table full, dropping packet
port.in_use: bind: Address already in use
tls.expired: x509: certificate has expired or is not yet valid
tls.handshake: SSL routines: certificate verify failed
time.sync: Selected source lost, chronyd: no selectable sources
dhcp.failure: DHCPDISCOVER from 00:11:22:33:44:55 via eth1: no free leases
http.server_errors: GET / HTTP/1.1\" 502 157
auth.brute_force: Failed password for root from 192.0.2.9 port 22 ssh2
auth.sudo_denied: anna : user NOT in sudoers ; TTY=pts/0
permission.denied: open /etc/app/key.pem: permission denied
mac.denied: audit: type=1400 apparmor=\"DENIED\" operation=\"open\"
firewall.blocks: [UFW BLOCK] IN=eth0 OUT= SRC=192.0.2.9
account.changed: useradd[77]: new user: name=eve, UID=1002
service.failed: nginx.service: Failed with result 'exit-code'.
service.flapping: foo.service: Start request repeated too quickly.
service.timeout: foo.service: start operation timed out. Terminating.
service.exec: error while loading shared libraries: libx.so.1
config.invalid: nginx: [emerg] unknown directive \"servr\" in /etc/nginx/nginx.conf:3
file.missing: open /srv/app/config: no such file or directory
database.trouble: FATAL: sorry, too many clients already
container.trouble: Failed to pull image: pull access denied, toomanyrequests
mail.trouble: to=<a@example.org>, relay=none, status=deferred
cron.failed: ALERT exited abnormally with [1]
package.trouble: The following packages have unmet dependencies
power.trouble: UPS ups1 on battery
usb.trouble: usb 1-1: device descriptor read/64, error -71
";

#[test]
fn every_problem_is_recognised_and_can_be_acted_on() {
    let knowledge = Knowledge::built_in().unwrap();
    let mut named = Vec::new();
    for line in TOLD.lines() {
        let (id, message) = line.split_once(": ").unwrap();
        let found = knowledge.about(message).map(|problem| problem.id.as_str());
        assert_eq!(found, Some(id), "{message}");
        named.push(id);
    }
    for problem in knowledge.problems() {
        assert!(named.contains(&problem.id.as_str()), "{} has no example here", problem.id);
        assert!(!problem.fix.is_empty() && !problem.commands.is_empty(), "{}", problem.id);
        assert!(problem.min_count > 0 && problem.severity >= Severity::Low);
    }
}

#[test]
fn usual_messages_tell_of_no_problem() {
    for message in [
        "Started Daily apt download activities.",
        "Accepted publickey for anna from 192.0.2.7 port 4711 ssh2",
        "session opened for user root by (uid=0)",
        "DHCPACK on 192.0.2.7 to 00:11:22:33:44:55 via eth1",
        "synchronized to 192.0.2.1, stratum 2",
        "usb 1-1: new high-speed USB device number 2",
        "Intel machine check reporting enabled on CPU#0.",
        "EXT4-fs (sda1): mounted filesystem with ordered data mode. Opts: errors=remount-ro",
        "checkpoint complete: wrote 44 buffers (0.3%)",
        "GET /index.html HTTP/1.1\" 200 5021",
        "Reached target Network is Online.",
        "0 errors, 0 warnings",
        "NMI watchdog: Perf NMI watchdog permanently disabled",
        "docker0: port 1(veth12ab34c) entered disabled state",
    ] {
        let found = Knowledge::built_in().unwrap().about(message);
        assert_eq!(found.map(|problem| &problem.id), None, "{message}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_lines_are_judged(lines in prop::collection::vec(any::<Vec<u8>>(), 0..30), limit in 0_usize..5) {
        let mut study = study();
        for line in &lines {
            study.add_line(line, "x", &TimeZone::UTC);
        }
        let health = study.judge(Knowledge::built_in().unwrap(), &mut KnownTemplates::default(), limit);
        prop_assert!(health.findings.len() <= limit);
    }
}
