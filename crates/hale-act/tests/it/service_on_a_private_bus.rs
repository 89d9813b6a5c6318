//! The D-Bus side of service.*: a real bus of the test's own, and on it a service that answers as
//! systemd's manager does, job by job.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hale_act::{Actuator, BusAccess, Reconciled};
use hale_model::action::{Action, Undo};
use hale_testkit::bus::Bus;
use zbus::object_server::SignalEmitter;
use zbus::zvariant::OwnedObjectPath;

use crate::support::{World, block_on, carry_out, id};

#[derive(Clone, Debug, PartialEq)]
pub struct Sim {
    load: &'static str,
    pub active: &'static str,
    result: &'static str,
    pub run: u8,
    /// What the next job ends with; systemd's word.
    job_result: &'static str,
    resets: u32,
}

impl Sim {
    pub fn new(active: &'static str) -> Self {
        Sim { load: "loaded", active, result: "success", run: 1, job_result: "done", resets: 0 }
    }

    fn start(&mut self) {
        if self.job_result == "done" && self.active != "active" {
            self.run += 1;
            self.active = "active";
        }
    }

    fn stop(&mut self) {
        self.active = "inactive";
    }
}

type Units = Arc<Mutex<HashMap<String, Sim>>>;

struct Manager {
    units: Units,
    jobs: u32,
}

fn path_of(name: &str) -> OwnedObjectPath {
    let name = name.replace(['.', '-'], "_");
    OwnedObjectPath::try_from(format!("/org/freedesktop/systemd1/unit/{name}")).unwrap()
}

impl Manager {
    fn job(
        &mut self,
        name: &str,
        mode: &str,
        emitter: &SignalEmitter<'_>,
        work: fn(&mut Sim),
    ) -> zbus::fdo::Result<OwnedObjectPath> {
        assert_eq!(mode, "replace");
        if self.units.lock().unwrap().get(name).is_some_and(|s| s.job_result == "denied") {
            return Err(zbus::fdo::Error::AccessDenied("no".to_owned()));
        }
        self.jobs += 1;
        let (id, units, name) = (self.jobs, Arc::clone(&self.units), name.to_owned());
        let job = OwnedObjectPath::try_from(format!("/org/freedesktop/systemd1/job/{id}")).unwrap();
        let (path, emitter) = (job.clone(), emitter.to_owned());
        tokio::spawn(async move {
            // The job of another unit ends first; whoever waits must not take it for its own.
            let other = OwnedObjectPath::try_from("/org/freedesktop/systemd1/job/9999").unwrap();
            emitter.job_removed(9999, other, "other.service", "failed").await.unwrap();
            tokio::time::sleep(Duration::from_millis(30)).await;
            let result = {
                let mut units = units.lock().unwrap();
                let sim = units.get_mut(&name).unwrap();
                work(sim);
                sim.job_result
            };
            emitter.job_removed(id, path, &name, result).await.unwrap();
        });
        Ok(job)
    }
}

#[zbus::interface(name = "org.freedesktop.systemd1.Manager")]
impl Manager {
    async fn load_unit(&self, name: &str) -> OwnedObjectPath {
        path_of(name)
    }

    async fn start_unit(
        &mut self,
        name: &str,
        mode: &str,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> zbus::fdo::Result<OwnedObjectPath> {
        self.job(name, mode, &emitter, Sim::start)
    }

    async fn stop_unit(
        &mut self,
        name: &str,
        mode: &str,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> zbus::fdo::Result<OwnedObjectPath> {
        self.job(name, mode, &emitter, Sim::stop)
    }

    async fn restart_unit(
        &mut self,
        name: &str,
        mode: &str,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> zbus::fdo::Result<OwnedObjectPath> {
        self.job(name, mode, &emitter, |sim| {
            sim.stop();
            sim.start();
            if sim.job_result != "done" {
                sim.active = "failed";
            }
        })
    }

    async fn reset_failed_unit(&mut self, name: &str) {
        let mut units = self.units.lock().unwrap();
        let sim = units.get_mut(name).unwrap();
        sim.resets += 1;
        sim.result = "success";
    }

    async fn subscribe(&self) {}

    #[zbus(signal)]
    async fn job_removed(
        emitter: &SignalEmitter<'_>,
        id: u32,
        job: OwnedObjectPath,
        unit: &str,
        result: &str,
    ) -> zbus::Result<()>;
}

struct Unit {
    units: Units,
    name: String,
}

impl Unit {
    fn sim(&self) -> Sim {
        self.units.lock().unwrap()[&self.name].clone()
    }
}

#[zbus::interface(name = "org.freedesktop.systemd1.Unit")]
impl Unit {
    #[zbus(property)]
    async fn load_state(&self) -> String {
        self.sim().load.to_owned()
    }

    #[zbus(property)]
    async fn active_state(&self) -> String {
        self.sim().active.to_owned()
    }

    #[zbus(property)]
    async fn sub_state(&self) -> String {
        "running".to_owned()
    }

    #[zbus(property, name = "InvocationID")]
    async fn invocation_id(&self) -> Vec<u8> {
        vec![self.sim().run; 16]
    }
}

struct Service(Unit);

#[zbus::interface(name = "org.freedesktop.systemd1.Service")]
impl Service {
    #[zbus(property)]
    async fn result(&self) -> String {
        self.0.sim().result.to_owned()
    }
}

/// A bus, the manager on it, and an actuator that speaks to it.
pub struct Stage {
    pub actuator: Actuator,
    pub units: Units,
    _world: World,
    _connection: zbus::Connection,
    _bus: Bus,
}

impl Stage {
    pub async fn new(test: &str, units: &[(&str, Sim)]) -> Option<Stage> {
        let bus = Bus::start(test)?;
        let units: Units = Arc::new(Mutex::new(
            units.iter().map(|(name, sim)| ((*name).to_owned(), sim.clone())).collect(),
        ));
        let names: Vec<String> = units.lock().unwrap().keys().cloned().collect();
        let mut builder = zbus::connection::Builder::address(bus.address.as_str())
            .unwrap()
            .serve_at("/org/freedesktop/systemd1", Manager { units: Arc::clone(&units), jobs: 0 })
            .unwrap();
        for name in names {
            let unit = || Unit { units: Arc::clone(&units), name: name.clone() };
            builder = builder
                .serve_at(path_of(&name), unit())
                .unwrap()
                .serve_at(path_of(&name), Service(unit()))
                .unwrap();
        }
        let connection = builder.name("org.freedesktop.systemd1").unwrap().build().await.unwrap();
        let mut world = World::new();
        world.roots.system_bus = BusAccess::Address(bus.address.clone());
        let actuator = world.actuator();
        Some(Stage { actuator, units, _world: world, _connection: connection, _bus: bus })
    }

    pub fn sim(&self, name: &str) -> Sim {
        self.units.lock().unwrap()[name].clone()
    }
}

fn restart(unit: &str, invocation_id: Option<String>) -> Action {
    Action::ServiceRestart { unit: unit.to_owned(), invocation_id }
}

#[test]
fn a_restart_is_a_new_run_and_waits_for_its_own_job() {
    block_on(async {
        let units = [("web.service", Sim::new("active"))];
        let Some(stage) = Stage::new("a_restart_is_a_new_run", &units).await else { return };
        let action = restart("web.service", Some("01".repeat(16)));
        let (pre, outcome) = carry_out(&stage.actuator, &action).await.unwrap();
        assert_eq!(
            pre.facts,
            serde_json::json!({"active_state": "active", "invocation_id": "01".repeat(16), "unit": "web.service"})
        );
        assert!(outcome.done, "{outcome:?}");
        assert_eq!(
            outcome.detail,
            "restart web.service: done; it is active (running) now, it was active before"
        );
        assert_eq!((stage.sim("web.service").run, stage.sim("web.service").resets), (2, 0));
        // The plan was about the run before.
        let error = carry_out(&stage.actuator, &action).await.unwrap_err();
        assert_eq!(error.kind(), "target_changed", "{error}");
        // And so is one without an invocation id, if the pre-state is from before.
        let error =
            stage.actuator.apply(&id(), &restart("web.service", None), &pre).await.unwrap_err();
        assert_eq!(error.kind(), "target_changed");
        assert_eq!(stage.sim("web.service").run, 2);
        let reconciled = stage.actuator.reconcile(&id(), &action, Some(&pre)).await;
        assert!(matches!(reconciled, Reconciled::Done(o) if o.done));
    });
}

#[test]
fn a_unit_at_its_start_limit_is_reset_first() {
    block_on(async {
        let mut sim = Sim::new("failed");
        sim.result = "start-limit-hit";
        let Some(stage) = Stage::new("a_unit_at_its_start_limit", &[("web.service", sim)]).await
        else {
            return;
        };
        let (_, outcome) = carry_out(&stage.actuator, &restart("web.service", None)).await.unwrap();
        assert!(outcome.done && matches!(outcome.undo, Undo::None { .. }), "{outcome:?}");
        let sim = stage.sim("web.service");
        assert_eq!((sim.resets, sim.active), (1, "active"));
    });
}

#[test]
fn a_job_that_fails_is_not_done_and_a_missing_unit_is_refused() {
    block_on(async {
        let mut fails = Sim::new("active");
        fails.job_result = "failed";
        let mut missing = Sim::new("inactive");
        missing.load = "not-found";
        let mut denied = Sim::new("active");
        denied.job_result = "denied";
        let units = [("bad.service", fails), ("no.service", missing), ("root.service", denied)];
        let Some(stage) = Stage::new("a_job_that_fails_is_not_done", &units).await else { return };
        let (_, outcome) = carry_out(&stage.actuator, &restart("bad.service", None)).await.unwrap();
        assert!(!outcome.done && outcome.exit == Some(1), "{outcome:?}");
        assert!(
            outcome.detail.starts_with("restart bad.service: failed; it is failed"),
            "{outcome:?}"
        );
        let error = carry_out(&stage.actuator, &restart("no.service", None)).await.unwrap_err();
        assert_eq!(error.kind(), "target_gone");
        let error = carry_out(&stage.actuator, &restart("root.service", None)).await.unwrap_err();
        assert_eq!(error.kind(), "permission_denied");
        assert!(error.to_string().contains("polkit"), "{error}");
    });
}

#[test]
fn without_a_bus_every_service_action_says_so() {
    block_on(async {
        let mut world = World::new();
        let nowhere = format!("unix:path={}/none", world.dir.path().display());
        for access in [BusAccess::Disabled, BusAccess::Address(nowhere)] {
            world.roots.system_bus = access;
            let error =
                carry_out(&world.actuator(), &restart("web.service", None)).await.unwrap_err();
            assert_eq!(error.kind(), "unsupported");
            let action = restart("web.service", None);
            let reconciled = world.actuator().reconcile(&id(), &action, None).await;
            assert!(matches!(reconciled, Reconciled::Unknown(_)));
        }
    });
}
