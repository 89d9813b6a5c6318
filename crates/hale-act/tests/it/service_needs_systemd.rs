//! service.* against systemd itself, with a unit that exists for this test alone.

use std::path::Path;

use hale_act::{ActRoots, Actuator, Reconciled};
use hale_model::action::{Action, Undo};

use crate::support::{block_on, carry_out, id};

const UNIT: &str = "hale-act-test.service";

/// The unit file, removed at the end.
struct UnitFile;

impl UnitFile {
    const PATH: &str = "/run/systemd/system/hale-act-test.service";

    fn new() -> Option<Self> {
        if !Path::new("/run/systemd/system").is_dir() || !rustix::process::geteuid().is_root() {
            eprintln!("SKIPPED service_on_systemd_needs_root: no running systemd, or not root");
            return None;
        }
        std::fs::write(Self::PATH, "[Service]\nExecStart=/bin/sleep infinity\n").unwrap();
        systemctl(&["daemon-reload"]);
        systemctl(&["start", UNIT]);
        Some(UnitFile)
    }
}

impl Drop for UnitFile {
    fn drop(&mut self) {
        systemctl(&["stop", UNIT]);
        let _ = std::fs::remove_file(Self::PATH);
        systemctl(&["daemon-reload"]);
    }
}

fn systemctl(args: &[&str]) -> String {
    let output = std::process::Command::new("systemctl").args(args).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn invocation() -> String {
    systemctl(&["show", "--value", "--property=InvocationID", UNIT])
}

#[test]
fn service_on_systemd_needs_root() {
    let Some(_unit) = UnitFile::new() else { return };
    let dir = tempfile::tempdir().unwrap();
    let actuator = Actuator::new(ActRoots::new(dir.path()));
    block_on(async {
        let judged = invocation();
        let action =
            Action::ServiceRestart { unit: UNIT.to_owned(), invocation_id: Some(judged.clone()) };
        let (pre, outcome) = carry_out(&actuator, &action).await.unwrap();
        assert!(outcome.done, "{outcome:?}");
        assert_ne!(invocation(), judged);
        assert!(
            matches!(actuator.reconcile(&id(), &action, Some(&pre)).await, Reconciled::Done(o) if o.done)
        );
        assert_eq!(carry_out(&actuator, &action).await.unwrap_err().kind(), "target_changed");

        let stop = Action::ServiceStop { unit: UNIT.to_owned(), invocation_id: None };
        let (_, outcome) = carry_out(&actuator, &stop).await.unwrap();
        assert_eq!(outcome.undo, Undo::StartUnit { unit: UNIT.to_owned() });
        assert_eq!(systemctl(&["is-active", UNIT]), "inactive");
        actuator.undo(&id(), &outcome.undo).await.unwrap();
        assert_eq!(systemctl(&["is-active", UNIT]), "active");

        let missing = Action::ServiceStart { unit: "hale-no-such.service".to_owned() };
        assert_eq!(carry_out(&actuator, &missing).await.unwrap_err().kind(), "target_gone");
    });
}
