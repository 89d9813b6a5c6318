//! Containers of a real engine, engines that are none, and what answers over the network.

use std::io::Write as _;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use hale_model::container::{ContainerHealth, ContainerStat, ContainerState, ProbeTarget};
use hale_model::sample::{Sample, Source, SourceState};
use hale_model::snapshot::Snapshot;
use hale_observe::{BusAccess, EngineAccess, JournalAccess, LocalObserver, Roots};
use hale_testkit::containers::TestEngine;

fn observer(engine: EngineAccess) -> LocalObserver {
    let roots = Roots {
        journal: JournalAccess::Disabled,
        system_bus: BusAccess::Disabled,
        engine,
        ..Roots::default()
    };
    LocalObserver::new(roots, None)
}

async fn look(observer: &mut LocalObserver) -> Sample {
    observer.collect_only(&[Source::Container]).await
}

fn of<'a>(sample: &'a Sample, name: &str) -> Option<&'a ContainerStat> {
    sample.container.as_ref()?.containers.iter().find(|c| c.name == name)
}

/// Looks until the container is so, for at most half a minute.
async fn until(
    observer: &mut LocalObserver,
    name: &str,
    so: impl Fn(&ContainerStat) -> bool,
) -> ContainerStat {
    let begun = Instant::now();
    loop {
        let sample = look(observer).await;
        let seen = of(&sample, name).cloned();
        if let Some(stat) = seen.clone().filter(&so) {
            return stat;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "not seen in 30 s: {seen:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn status(sample: &Sample) -> (SourceState, String) {
    let status = sample.sources.iter().find(|s| s.source == Source::Container).unwrap();
    (status.state, status.note.clone().unwrap_or_default())
}

#[tokio::test]
async fn what_is_seen_of_a_container() {
    let Some(engine) = TestEngine::find("what_is_seen_of_a_container") else { return };
    let web = engine
        .checked_server(
            "seen",
            &[
                "--memory",
                "64m",
                "--restart",
                "on-failure:5",
                "--expose",
                "8080",
                "--label",
                "com.docker.compose.project=shop",
                "--label",
                "com.docker.compose.service=web",
                "--label",
                "hale.probe=http://:8080/healthz",
            ],
        )
        .unwrap();
    let mut observer = observer(EngineAccess::Address(engine.address()));
    let stat =
        until(&mut observer, &web.name, |c| c.health == Some(ContainerHealth::Healthy)).await;
    let told = web.container_ref().unwrap();
    assert_eq!((stat.id.clone(), stat.started_at), (told.id.clone(), told.started_at));
    assert_eq!(stat.state, ContainerState::Running);
    assert_eq!(stat.image, "hale-lab:bookworm");
    assert_eq!((stat.restart_policy.as_str(), stat.restart_max), ("on-failure", 5));
    assert_eq!(stat.memory_limit_bytes, Some(64 << 20));
    assert_eq!(stat.pid.to_string(), web.inspect(".State.Pid").unwrap());
    let address = web.address().unwrap().ip().to_string();
    assert_eq!(stat.addresses.get("bridge"), Some(&address));
    assert_eq!(stat.exposed_ports, ["8080/tcp"]);
    assert_eq!(stat.compose_project.as_deref(), Some("shop"));
    assert_eq!(stat.compose_service.as_deref(), Some("web"));
    assert_eq!(stat.probe.as_deref(), Some("http://:8080/healthz"));
    let memory = stat.memory_bytes.unwrap();
    assert!((1 << 20..64 << 20).contains(&memory), "{memory}");
    assert!(stat.cpu_usec.unwrap() > 0);

    let before = look(&mut observer).await;
    assert_eq!(status(&before).0, SourceState::Fresh);
    let now = look(&mut observer).await;
    let snapshot = Snapshot::derive(&now, Some(&before));
    let container = snapshot.container(&told.id, &web.name).unwrap();
    assert!(container.cpu_percent.is_some());
    assert!(container.memory_percent.is_some_and(|p| p > 1.0 && p < 100.0));
    assert_eq!(snapshot.container("", &web.name), Some(container));
}

#[tokio::test]
async fn a_failing_health_check_shows_with_its_words_and_its_count() {
    let name = "a_failing_health_check_shows_with_its_words_and_its_count";
    let Some(engine) = TestEngine::find(name) else { return };
    let web = engine.checked_server("ill", &[]).unwrap();
    let mut observer = observer(EngineAccess::Address(engine.address()));
    until(&mut observer, &web.name, |c| c.health == Some(ContainerHealth::Healthy)).await;
    assert_eq!(web.get("/break"), Some(500));
    let ill = |c: &ContainerStat| c.health == Some(ContainerHealth::Unhealthy);
    let stat = until(&mut observer, &web.name, ill).await;
    assert!(stat.failing_streak >= 2, "{}", stat.failing_streak);
    assert!(stat.health_output.unwrap().contains("500"));
    until(&mut observer, &web.name, |c| c.failing_streak > stat.failing_streak).await;
}

#[tokio::test]
async fn a_restart_between_two_looks_shows() {
    let Some(engine) = TestEngine::find("a_restart_between_two_looks_shows") else { return };
    let web = engine.server("again", &["--restart", "always"]).unwrap();
    web.until_up().unwrap();
    let mut observer = observer(EngineAccess::Address(engine.address()));
    let before = until(&mut observer, &web.name, |c| c.restart_count == 0).await;
    web.get("/crash");
    let after = until(&mut observer, &web.name, |c| c.restart_count == 1).await;
    let after = match after.state {
        ContainerState::Running => after,
        _ => until(&mut observer, &web.name, |c| c.state == ContainerState::Running).await,
    };
    assert_ne!(after.started_at, before.started_at);
    assert_eq!(after.id, before.id);
}

#[tokio::test]
async fn how_a_container_ended_is_told() {
    let Some(engine) = TestEngine::find("how_a_container_ended_is_told") else { return };
    let crashed = engine.server("crashed", &[]).unwrap();
    crashed.until_up().unwrap();
    crashed.get("/crash");
    let full = engine.server("full", &["--memory", "32m", "-e", "LEAK_PAUSE=0"]).unwrap();
    full.until_up().unwrap();
    full.get("/leak");
    let mut observer = observer(EngineAccess::Address(engine.address()));
    let ended = |c: &ContainerStat| c.state == ContainerState::Exited;
    let stat = until(&mut observer, &crashed.name, ended).await;
    assert_eq!((stat.exit_code, stat.oom_killed, stat.pid), (Some(7), false, 0));
    assert_eq!((stat.memory_bytes, stat.cpu_usec), (None, None));
    assert!(stat.finished_at > stat.started_at);
    assert_eq!(stat.end_asked, Some(false));
    // Not every engine hears of it when the kernel ends a container; that it was not the engine shows.
    let stat = until(&mut observer, &full.name, ended).await;
    assert_eq!((stat.exit_code, stat.end_asked), (Some(137), Some(false)));
    // A person's stop, of a program that does not mind TERM.
    full.docker(&["start"]).unwrap();
    until(&mut observer, &full.name, |c| c.state == ContainerState::Running).await;
    full.docker(&["kill"]).unwrap();
    let stat = until(&mut observer, &full.name, ended).await;
    assert_eq!((stat.exit_code, stat.end_asked), (Some(137), Some(true)));
}

#[tokio::test]
async fn a_machine_without_an_engine_is_well_and_one_that_does_not_answer_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let absent = path("none.sock");
    for (access, note) in [
        (EngineAccess::Disabled, "containers are switched off".to_owned()),
        (
            EngineAccess::Address(absent.display().to_string()),
            format!("no container engine at {}", absent.display()),
        ),
    ] {
        let sample = look(&mut observer(access)).await;
        assert_eq!(status(&sample), (SourceState::Absent, note));
    }
    // A socket that nobody listens on any more, one that says nothing, and one that says nonsense.
    drop(UnixListener::bind(path("dead.sock")).unwrap());
    let silent = UnixListener::bind(path("silent.sock")).unwrap();
    let mad = UnixListener::bind(path("mad.sock")).unwrap();
    std::thread::spawn(move || {
        for stream in mad.incoming().take(8) {
            let Ok(mut stream) = stream else { return };
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\xff{[]");
        }
    });
    for name in ["dead.sock", "silent.sock", "mad.sock"] {
        let access = EngineAccess::Address(path(name).display().to_string());
        let (state, note) = status(&look(&mut observer(access)).await);
        assert_eq!(state, SourceState::Stale, "{name}");
        let begins = format!("cannot ask the container engine at {}", path(name).display());
        assert!(note.starts_with(&begins), "{note}");
    }
    drop(silent);
    let elsewhere = EngineAccess::Address("tcp://10.0.0.1:2375".to_owned());
    let (state, note) = status(&look(&mut observer(elsewhere)).await);
    assert_eq!(state, SourceState::Stale);
    assert!(note.contains("not a container engine of this machine"), "{note}");
}

#[tokio::test]
async fn probes_ask_what_they_may_and_tell_what_was_answered() {
    let name = "probes_ask_what_they_may_and_tell_what_was_answered";
    let Some(engine) = TestEngine::find(name) else { return };
    let web = engine.server("probed", &[]).unwrap();
    web.until_up().unwrap();
    let mut observer = observer(EngineAccess::Address(engine.address()));
    let at = web.address().unwrap();
    let http = |url: String| ProbeTarget::Http { url };
    let by_name = http(format!("http://{}:8080/", web.name));
    let by_address = http(format!("http://{at}/"));
    let redirects = http(format!("http://{at}/away"));
    let tcp = ProbeTarget::Tcp { address: at.to_string() };
    let closed = ProbeTarget::Tcp { address: format!("{}:9", at.ip()) };
    let metadata = http("http://169.254.169.254/latest/meta-data".to_owned());
    let own = http("http://127.0.0.1:7979/".to_owned());
    let all = [&by_name, &by_address, &redirects, &tcp, &closed, &metadata, &own];
    observer.probe(all.into_iter().cloned().collect(), vec![7979]);
    let sample = look(&mut observer).await;
    let snapshot = Snapshot::derive(&sample, None);
    let told = |target: &ProbeTarget| {
        let probe = snapshot.probe(target).unwrap();
        // Without how long it took.
        (probe.ok, probe.text.split(" in ").next().unwrap().to_owned())
    };
    for (target, ok, text) in [
        (&by_name, true, "200 OK"),
        (&by_address, true, "200 OK"),
        (&redirects, false, "302 Found"),
        (&tcp, true, "connected"),
        (&closed, false, "connection refused"),
        (&metadata, false, "169.254.169.254 is not an address of a service"),
        (&own, false, "port 7979 is hale's own"),
    ] {
        assert_eq!(told(target), (ok, text.to_owned()), "{target}");
    }
    // What is not wanted any more is not told any more.
    observer.probe(vec![by_name.clone()], vec![]);
    web.get("/break");
    let begun = Instant::now();
    loop {
        let sample = look(&mut observer).await;
        assert_eq!(sample.probes.len(), 1);
        if !sample.probes[0].ok {
            assert_eq!(sample.probes[0].status, Some(500));
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
