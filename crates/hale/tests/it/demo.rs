//! `hale demo`: the marketplace's faults are real and bounded, the wrong cure does not end them, and the
//! agent's cure does, seen from outside.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use hale_demo::{Addresses, Customer, Facts, Fault, Role};

use crate::bed::Bed;

/// Whatever a test waits for takes at most this long on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);
const SPOOL_MIB: u64 = 2;
const MEMORY_MIB: u64 = 48;

/// The services as processes, without anybody who heals them.
struct Market {
    bed: Bed,
    addresses: Addresses,
    running: BTreeMap<Role, Child>,
    customer: Customer,
}

impl Market {
    async fn open() -> Market {
        let held: Vec<TcpListener> =
            (0..4).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).collect();
        let at: Vec<SocketAddr> = held.iter().map(|l| l.local_addr().unwrap()).collect();
        drop(held);
        let addresses = Addresses { gateway: at[0], catalog: at[1], quote: at[2], policy: at[3] };
        let customer = Customer::of(addresses.gateway).unwrap();
        let mut market = Market { bed: Bed::new(), addresses, running: BTreeMap::new(), customer };
        for role in Role::ALL {
            market.start(role);
        }
        market.until("it sells", async |m| m.customer.visit("Ada").await.bought).await;
        market
    }

    fn start(&mut self, role: Role) {
        let of = |role| self.addresses.of(role).port().to_string();
        let ports = [Role::Gateway, Role::Catalog, Role::Quote, Role::Policy].map(of).join(",");
        let files = self.bed.path("market");
        std::fs::create_dir_all(&files).unwrap();
        let mut command =
            self.bed.command(&["demo-role", "serve", role.as_str(), "--ports", &ports]);
        command.arg("--files").arg(files).args(["--until-stdin-ends"]);
        command.args(["--memory", &MEMORY_MIB.to_string(), "--spool", &SPOOL_MIB.to_string()]);
        let child = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        self.running.insert(role, child);
    }

    async fn restart(&mut self, role: Role) {
        let mut child = self.running.remove(&role).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        self.start(role);
        self.until("it answers", async |m| m.facts(role).await.is_some()).await;
    }

    async fn facts(&self, role: Role) -> Option<Facts> {
        self.customer.facts(self.addresses.of(role)).await
    }

    async fn has(&self, fault: Fault) -> bool {
        self.facts(fault.owner())
            .await
            .is_some_and(|f| f.faults.iter().any(|n| n == fault.as_str()))
    }

    async fn until(&self, what: &str, is_so: impl AsyncFn(&Market) -> bool) {
        let begun = Instant::now();
        while !is_so(self).await {
            assert!(begun.elapsed() < LIMIT, "not within {} s: {what}", LIMIT.as_secs());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Market {
    fn drop(&mut self) {
        for child in self.running.values_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_is_ended_by_a_restart_of_its_own_service_alone() {
    let mut market = Market::open().await;
    for fault in [Fault::Memory, Fault::Cpu, Fault::Latency, Fault::DbLatency, Fault::Errors] {
        market.customer.trigger(fault).await.unwrap();
        market.until("the fault is there", async |m| m.has(fault).await).await;
        for other in Role::ALL.into_iter().filter(|role| *role != fault.owner()) {
            market.restart(other).await;
        }
        assert!(market.has(fault).await, "{fault:?} was ended by a restart of others");
        market.restart(fault.owner()).await;
        assert!(!market.has(fault).await, "{fault:?} outlived its service");
        market.until("it sells again", async |m| m.customer.visit("Ada").await.bought).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_hurt_customers_and_stay_within_their_bounds() {
    let mut market = Market::open().await;
    market.customer.trigger(Fault::Memory).await.unwrap();
    market
        .until("customers are turned away", async |m| !m.customer.visit("Ada").await.bought)
        .await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let held = market.facts(Role::Quote).await.unwrap().memory_bytes;
    let limit = (MEMORY_MIB * 2 + 64) * 1024 * 1024;
    assert!(held > MEMORY_MIB * 1024 * 1024 && held < limit, "{held}");
    market.restart(Role::Quote).await;

    market.customer.trigger(Fault::DbLatency).await.unwrap();
    market
        .until("a sale waits", async |m| m.customer.visit("Ada").await.took.as_millis() > 300)
        .await;
    market.restart(Role::Policy).await;

    market.customer.trigger(Fault::Errors).await.unwrap();
    let visit = market.customer.visit("Ada").await;
    assert!(visit.why.unwrap().contains("poisoned"));
    market.restart(Role::Quote).await;

    market.customer.trigger(Fault::Crash).await.unwrap();
    let policy = market.running.get_mut(&Role::Policy).unwrap();
    // Waiting for a child closes its standard input, and it ends in order with that.
    let stdin = policy.stdin.take();
    let crashed = policy.wait().unwrap();
    drop(stdin);
    assert_eq!(crashed.signal(), Some(Signal::ABORT.as_raw()), "{crashed}");
    assert!(!market.customer.visit("Ada").await.bought);
    market.restart(Role::Policy).await;
    assert!(market.customer.visit("Ada").await.bought);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_spool_outlives_restarts_and_ends_when_it_is_cleaned() {
    let mut market = Market::open().await;
    market.customer.trigger(Fault::Disk).await.unwrap();
    assert!(!market.customer.visit("Ada").await.bought);
    market.restart(Role::Policy).await;
    assert!(market.has(Fault::Disk).await);
    let spool = market.bed.path("market/spool");
    let mut bytes = 0;
    for entry in std::fs::read_dir(&spool).unwrap() {
        let entry = entry.unwrap();
        bytes += entry.metadata().unwrap().len();
        if entry.file_name().to_string_lossy().starts_with("dump-") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    assert!(bytes <= SPOOL_MIB * 1024 * 1024, "{bytes}");
    assert!(!market.has(Fault::Disk).await);
    assert!(market.customer.visit("Ada").await.bought);
}

/// A demo of this test with a temporary directory of its own. An agent in mode auto runs in a pid namespace of
/// its own, where it sees nothing but the demo; where none may be made, the test is skipped.
fn demo_apart(bed: &Bed, test: &str, arguments: &[&str]) -> Option<Command> {
    let as_root = ["--pid", "--fork", "--kill-child", "--mount-proc"];
    let as_user = ["--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"];
    let may = |words: &[&str]| {
        let mut command: Command = bed.program("unshare");
        let tried = command.args(words).arg("true").stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    let Some(words) = [as_root.as_slice(), as_user.as_slice()].into_iter().find(|w| may(w)) else {
        println!("SKIPPED {test}: no pid namespace may be made here");
        return None;
    };
    std::fs::create_dir_all(bed.path("tmp")).unwrap();
    let mut command = bed.program("unshare");
    command.args(words).arg(env!("CARGO_BIN_EXE_hale")).args(["demo", "--processes"]);
    command.args(arguments).env("TMPDIR", bed.path("tmp"));
    Some(command)
}

/// A demo that runs, ended with its test, however that ends.
struct Running {
    child: Child,
    lines: Box<dyn Iterator<Item = String>>,
}

impl Running {
    /// As on a terminal, where Ctrl-C reaches the whole group.
    fn start(mut command: Command) -> Running {
        let mut child = command.stderr(Stdio::piped()).process_group(0).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        Running { child, lines: Box::new(lines) }
    }

    /// The next line with these words.
    fn until(&mut self, mark: &str) -> String {
        let mut told = Vec::new();
        for line in self.lines.by_ref() {
            told.push(line);
            if told.last().is_some_and(|line| line.contains(mark)) {
                return told.pop().unwrap();
            }
        }
        panic!("never told: {mark}: {told:#?}")
    }

    /// Ctrl-C; what it still says until it has ended well.
    fn interrupt(mut self) -> Vec<String> {
        let group = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process_group(group, Signal::INT).unwrap();
        let rest: Vec<String> = self.lines.by_ref().collect();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{rest:?}");
        rest
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn hale_demo_cures_every_fault_and_leaves_nothing() {
    let (bed, name) = (Bed::new(), "hale_demo_cures_every_fault_and_leaves_nothing");
    let arguments = ["--once", "--json", "--interval", "1"];
    let Some(mut command) = demo_apart(&bed, name, &arguments) else { return };
    let output = command.output().unwrap();
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    let told: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).expect(&talk);
    let cured = told.iter().filter(|one| one["recovered"] == true);
    let cured: Vec<&str> = cured.filter_map(|one| one["fault"].as_str()).collect();
    assert_eq!(cured, Fault::ALL.map(Fault::as_str), "{talk}");
    assert_eq!(output.status.code(), Some(0), "{talk}");
    // What only failed with the service that was cured is no reason to do it again, or to ask.
    for word in ["asks a person", "question withdrawn"] {
        assert!(!talk.contains(word), "{word}: {talk}");
    }
    assert_eq!(std::fs::read_dir(bed.path("tmp")).unwrap().count(), 0, "something is left");
}

#[test]
fn a_fault_that_somebody_else_asks_for_is_told_as_well() {
    let (bed, name) = (Bed::new(), "a_fault_that_somebody_else_asks_for_is_told_as_well");
    let Some(command) = demo_apart(&bed, name, &["--fault", "crash"]) else { return };
    let mut demo = Running::start(command);
    let invited = demo.until("Break it yourself: curl ");
    let url = invited.split("curl ").nth(1).unwrap();
    let address = url.strip_prefix("http://").and_then(|u| u.split('/').next()).unwrap();
    // The invited one, in the same service as another one after it: neither is a relapse here.
    for fault in ["memory", "errors"] {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let request = format!(
            "GET /trigger_{fault} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        );
        std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
        let mut answer = String::new();
        let _ = std::io::Read::read_to_string(&mut stream, &mut answer);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        for mark in ["Trouble: ", "service.restart", "over after "] {
            demo.until(mark);
        }
    }
    let rest = demo.interrupt();
    assert_eq!(rest.len(), 1, "it ends with one word: {rest:?}");
}

#[test]
fn an_interrupted_demo_ends_in_order_and_asks_no_engine_that_it_did_not_use() {
    let bed = Bed::new();
    let name = "an_interrupted_demo_ends_in_order_and_asks_no_engine_that_it_did_not_use";
    let Some(mut command) = demo_apart(&bed, name, &[]) else { return };
    let (programs, asked) = (bed.path("bin"), bed.path("asked"));
    std::fs::create_dir_all(&programs).unwrap();
    // An engine that never answers.
    let docker = programs.join("docker");
    std::fs::write(&docker, format!("#!/bin/sh\n: >{}\nexec sleep 600\n", asked.display()))
        .unwrap();
    std::fs::set_permissions(&docker, std::fs::Permissions::from_mode(0o755)).unwrap();
    command.env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", programs.display()));
    let mut demo = Running::start(command);
    demo.until("dashboard");
    let rest = demo.interrupt();
    assert!(!asked.exists(), "docker was asked: {rest:?}");
    let left = std::fs::read_dir(bed.path("tmp")).unwrap().count();
    assert_eq!(left, 0, "something is left: {rest:?}");
}
