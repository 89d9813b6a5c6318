//! Commands beside a running agent.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;

use crate::bed::{Bed, Running, sleeper};

fn get(agent: &Running, path: &str) -> String {
    let address = agent.address();
    let mut stream = TcpStream::connect(&address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply
}

#[test]
fn an_agent_answers_over_its_socket_and_its_page_and_ends_in_order() {
    let bed = Bed::new();
    bed.config("[general]\ninterval_secs = 1\nmachine_id = \"box\"\n");
    let agent = bed.up(&[]);
    assert!(
        agent.said().contains("watches this machine every 1 s, mode observe"),
        "{}",
        agent.said()
    );

    let status = bed.hale(&["status"]);
    assert!(
        status.stdout.contains("box") && status.stdout.contains("agent runs"),
        "{}",
        status.stdout
    );
    assert!(get(&agent, "/healthz").starts_with("HTTP/1.1 200"));
    assert!(get(&agent, "/api/v1/health").contains("hale.robot.health.v1"));
    assert!(get(&agent, "/").contains("<h1>hale</h1>"));
    assert!(bed.hale(&["doctor"]).stdout.contains("agent"));
    assert_eq!(
        bed.hale(&["query", "SELECT count(*) AS n FROM sys_samples", "--format", "csv"]).code,
        0
    );
    let socket = bed.data_dir().join("hale.sock");
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);

    assert_eq!(agent.end(), 0);
    assert!(!socket.exists());
    assert!(bed.hale(&["status"]).stdout.contains("no agent"));
}

#[test]
fn what_started_after_the_last_look_is_explained_and_ended_all_the_same() {
    let bed = Bed::new();
    bed.config("[general]\ninterval_secs = 600\n");
    let agent = bed.up(&[]);
    let mut victim = sleeper();
    let pid = victim.id().to_string();
    let explained = bed.hale(&["explain", &pid]);
    assert!(explained.stdout.contains("sleep 600"), "{} {}", explained.stdout, explained.stderr);
    let waiting = std::thread::spawn(move || victim.wait().unwrap());
    let ended = bed.hale(&["kill", &pid, "--yes"]);
    assert_eq!(ended.code, 0, "{} {}", ended.stdout, ended.stderr);
    waiting.join().unwrap();
    let gone = bed.hale(&["explain", &pid]);
    assert!(gone.stderr.contains("there is no process"), "{}", gone.stderr);
    assert_eq!(agent.end(), 0);
}

#[test]
fn torn_telemetry_is_set_aside_and_the_person_is_told() {
    let bed = Bed::new();
    assert_eq!(bed.hale(&["up", "--once", "--listen", ""]).code, 0);
    let torn = bed.data_dir().join("telemetry.duckdb");
    std::fs::write(&torn, "torn").unwrap();
    let agent = bed.up(&[]);
    assert!(bed.hale(&["doctor"]).stdout.contains("was damaged"), "doctor is silent");
    let log = std::fs::read_to_string(bed.data_dir().join("hale.log")).unwrap();
    assert!(log.contains("was damaged"), "{log}");
    assert_eq!(agent.end(), 0);
    std::fs::write(&torn, "torn").unwrap();
    let once = bed.hale(&["up", "--once", "--listen", ""]);
    assert!(once.stdout.contains("was damaged"), "{}", once.stdout);
}

#[test]
fn a_second_agent_is_told_about_the_first() {
    let bed = Bed::new();
    let agent = bed.up(&[]);
    for more in [vec!["up"], vec!["up", "--once"]] {
        let ended = bed.hale(&more);
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        let expected = format!("another agent (pid {}) already runs on ~", agent.child.id());
        assert!(ended.stderr.contains(&expected), "{}", ended.stderr);
    }
    assert!(bed.hale(&["status"]).stdout.contains("agent runs"));
}

#[test]
fn many_commands_beside_an_agent_never_meet_a_lock() {
    let bed = Bed::new();
    bed.config("[general]\ninterval_secs = 1\n[history]\nsnapshot_interval_secs = 1\n");
    let _agent = bed.up(&[]);
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let bed = &bed;
            scope.spawn(move || {
                for _ in 0..4 {
                    let lines: [&[&str]; 4] = [
                        &["query", "SELECT count(*) FROM sys_samples"],
                        &["alerts", "list"],
                        &["pause", "--for", "1h"],
                        &["report"],
                    ];
                    let ended = bed.hale(lines[worker]);
                    assert!(
                        matches!(ended.code, 0 | 5),
                        "{}: {}",
                        lines[worker].join(" "),
                        ended.stderr
                    );
                }
            });
        }
    });
    assert_eq!(bed.hale(&["audit", "verify"]).code, 0);
}

#[test]
fn an_agent_that_was_killed_leaves_nothing_in_the_way() {
    let bed = Bed::new();
    let mut agent = bed.up(&[]);
    agent.child.kill().unwrap();
    agent.child.wait().unwrap();
    assert!(bed.data_dir().join("hale.sock").exists());
    let status = bed.hale(&["status"]);
    assert!(status.stdout.contains("no agent"), "{} {}", status.stdout, status.stderr);
    let again = bed.up(&[]);
    assert!(bed.hale(&["status"]).stdout.contains("agent runs"));
    assert_eq!(again.end(), 0);
}

#[test]
fn one_pass_shows_what_it_found() {
    let bed = Bed::new();
    bed.config("[general]\ninterval_secs = 1\n");
    let ended = bed.hale(&["up", "--once", "--json"]);
    assert!(matches!(ended.code, 0 | 5), "{}: {}", ended.code, ended.stderr);
    let status: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert!(status["system"]["cpu_total"].is_number(), "{}", ended.stdout);
}

#[test]
fn a_taken_port_is_named() {
    let bed = Bed::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = bed.hale(&["up", "--listen", &address]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains(&format!("cannot listen on {address}")), "{}", ended.stderr);
    assert!(ended.stderr.contains("--listen 127.0.0.1:PORT"), "{}", ended.stderr);
}

#[test]
fn a_hangup_ends_it_unless_it_was_started_under_nohup() {
    let bed = Bed::new();
    let mut agent = bed.up(&[]);
    let pid = rustix::process::Pid::from_child(&agent.child);
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    assert_eq!(agent.child.wait().unwrap().code(), Some(0), "{}", agent.said());

    let bed = Bed::new();
    let agent = bed.up_under("nohup", &[]);
    let pid = rustix::process::Pid::from_child(&agent.child);
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(bed.hale(&["status"]).stdout.contains("agent runs"));
    assert_eq!(agent.end(), 0);
}

/// What `hale kill` sends when the process that it showed has gone and its pid has a new owner.
#[test]
fn a_pid_that_was_reused_is_refused() {
    let bed = Bed::new();
    let _agent = bed.up(&[]);
    let mut victim = crate::bed::sleeper();
    let pid = victim.id();
    let body = format!(
        r#"{{"command":{{"command":"act","confirmed_critical":false,"action":{{"kind":"process.kill",
        "targets":[{{"pid":{pid},"start_ticks":1,"name":"sleep"}}],"grace_secs":1,"force":false,"group":false}}}}}}"#
    );
    let mut stream =
        std::os::unix::net::UnixStream::connect(bed.data_dir().join("hale.sock")).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST /api/v1/rpc HTTP/1.1\r\nHost: hale\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    let (_, json) = reply.split_once("\r\n\r\n").unwrap();
    let answer: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(answer["result"]["Err"]["kind"], "refused", "{answer}");
    assert!(victim.try_wait().unwrap().is_none());
    victim.kill().unwrap();
    victim.wait().unwrap();
}
