//! systemd services, over D-Bus.
//!
//! One call lists them all; the properties of a unit are asked for only when its state or its main
//! process changed, when it is not plainly running or dead, and now and then.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hale_model::sample::{UnitSample, UnitStat};
use zbus::Connection;
use zbus::zvariant::{OwnedObjectPath, OwnedValue};

use super::BusAccess;
use super::read::{ReadError, Scratch};
use super::worker::{Moment, Reading};

/// Services kept; the rest is counted as lost.
const UNITS_MAX: usize = 2048;
/// Units whose properties are asked for in one collection; the rest has its turn in the next.
const UNIT_READS_MAX: usize = 256;
/// Of those, units that do not run and whose properties were never asked for: no hurry.
const INACTIVE_READS_MAX: usize = 8;
const CALL_TIMEOUT_SECS: u64 = 2;
/// All calls of one collection together.
const COLLECT_TIMEOUT_SECS: u64 = 4;
/// Properties of a unit in which nothing seems to change are at most this old.
const PROPERTIES_AGE_MAX_SECS: u64 = 120;
const RECONNECT_PAUSE_MAX_SECS: u64 = 60;
const SYSTEM_SOCKET: &str = "/run/dbus/system_bus_socket";
const SERVICE_INTERFACE: &str = "org.freedesktop.systemd1.Service";
const UNIT_INTERFACE: &str = "org.freedesktop.systemd1.Unit";
const NANOS_PER_SEC: u64 = 1_000_000_000;

/// name, description, load, active, sub, followed unit, path, job id, job type, job path
type ListedUnit =
    (String, String, String, String, String, String, OwnedObjectPath, u32, String, OwnedObjectPath);

#[zbus::proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1",
    gen_blocking = false
)]
trait Manager {
    #[zbus(no_autostart)]
    fn list_units_by_patterns(
        &self,
        states: &[&str],
        patterns: &[&str],
    ) -> zbus::Result<Vec<ListedUnit>>;
}

pub(crate) struct UnitCollector {
    bus: BusAccess,
    proc: PathBuf,
    scratch: Scratch,
    connection: Option<Connection>,
    known: HashMap<String, Known>,
    failures: u32,
    retry_due_ns: u64,
    last_error: String,
}

struct Known {
    stat: UnitStat,
    main_start_ticks: Option<u64>,
    due_ns: u64,
}

/// Why there are no units: no systemd here, or one that does not answer.
enum Failure {
    Absent(String),
    Broken(String),
}

impl UnitCollector {
    pub(crate) fn new(bus: BusAccess, proc: PathBuf) -> Self {
        UnitCollector {
            bus,
            proc,
            scratch: Scratch::default(),
            connection: None,
            known: HashMap::new(),
            failures: 0,
            retry_due_ns: 0,
            last_error: String::new(),
        }
    }

    pub(crate) async fn collect(&mut self, moment: Moment) -> Reading<UnitSample> {
        let started = Instant::now();
        let mut reading = match self.units(moment, started).await {
            Ok(reading) => {
                self.failures = 0;
                reading
            }
            Err(Failure::Absent(why)) => {
                self.connection = None;
                let mut reading = Reading::of(UnitSample::default());
                reading.absent = true;
                reading.note(why);
                reading
            }
            Err(Failure::Broken(why)) => {
                self.connection = None;
                self.failures = self.failures.saturating_add(1);
                let pause_secs = (1 << self.failures.min(6)).min(RECONNECT_PAUSE_MAX_SECS);
                self.retry_due_ns = moment.boottime_ns.saturating_add(pause_secs * NANOS_PER_SEC);
                self.last_error.clone_from(&why);
                Reading::failed(ReadError::Other(why))
            }
        };
        reading.took_us = started.elapsed().as_micros() as u64;
        reading
    }

    async fn units(
        &mut self,
        moment: Moment,
        started: Instant,
    ) -> Result<Reading<UnitSample>, Failure> {
        let now_ns = moment.boottime_ns;
        if self.failures > 0 && now_ns < self.retry_due_ns {
            let why = format!("{} (tried again soon)", self.last_error);
            return Ok(Reading::failed(ReadError::Other(why)));
        }
        let connection = self.connect().await?;
        let listed = list(&connection).await?;
        let lost = listed.len().saturating_sub(UNITS_MAX) as u64;
        let mut reading = Reading::of(UnitSample::default());
        reading.lost = lost;
        let (mut reads, mut inactive_reads) = (0, 0);
        let mut units = Vec::new();
        let mut known = HashMap::with_capacity(listed.len());
        for unit in listed.into_iter().take(UNITS_MAX) {
            let (name, _, load, active, sub, _, path, ..) = unit;
            // Named by another unit, but not installed.
            if load == "not-found" {
                continue;
            }
            let before = self.known.remove(&name);
            let mut entry = match before {
                Some(known) if !self.is_due(&known, &active, &sub, now_ns) => known,
                before => {
                    let late = started.elapsed() > Duration::from_secs(COLLECT_TIMEOUT_SECS);
                    let is_inactive = active == "inactive";
                    let turn_is_over = reads >= UNIT_READS_MAX
                        || is_inactive && inactive_reads >= INACTIVE_READS_MAX;
                    if late || turn_is_over {
                        before.unwrap_or_else(|| Known::unread(&name))
                    } else {
                        reads += 1;
                        inactive_reads += usize::from(is_inactive);
                        self.read_unit(&connection, &name, &path, now_ns, &mut reading).await?
                    }
                }
            };
            entry.stat.active_state = active;
            entry.stat.sub_state = sub;
            units.push(entry.stat.clone());
            known.insert(name, entry);
        }
        units.sort_by(|a, b| a.unit.cmp(&b.unit));
        self.known = known;
        reading.value = Ok(UnitSample { units });
        Ok(reading)
    }

    /// Whether the properties have to be asked for again.
    fn is_due(&mut self, known: &Known, active: &str, sub: &str, now_ns: u64) -> bool {
        let stat = &known.stat;
        if now_ns >= known.due_ns || stat.active_state != active || stat.sub_state != sub {
            return true;
        }
        match (active, sub) {
            // The same main process: it did not restart in between.
            ("active", "running") if stat.main_pid > 0 => {
                known.main_start_ticks != start_ticks(&mut self.scratch, &self.proc, stat.main_pid)
            }
            ("active", _) | ("inactive", _) => false,
            _ => true,
        }
    }

    async fn read_unit(
        &mut self,
        connection: &Connection,
        name: &str,
        path: &OwnedObjectPath,
        now_ns: u64,
        reading: &mut Reading<UnitSample>,
    ) -> Result<Known, Failure> {
        let mut known = Known::unread(name);
        match properties(connection, path).await {
            Ok(Some((service, invocation_id))) => {
                known.stat = stat_of(name, &service, invocation_id);
                known.main_start_ticks =
                    start_ticks(&mut self.scratch, &self.proc, known.stat.main_pid);
                // In turns, not all at once.
                let spread = name.bytes().map(u64::from).sum::<u64>() % 60;
                let age_secs = PROPERTIES_AGE_MAX_SECS - spread;
                known.due_ns = now_ns.saturating_add(age_secs * NANOS_PER_SEC);
            }
            // Unloaded between the list and the question.
            Ok(None) => reading.lost += 1,
            Err(why) => {
                return Err(Failure::Broken(format!("cannot ask systemd about {name}: {why}")));
            }
        }
        Ok(known)
    }

    async fn connect(&mut self) -> Result<Connection, Failure> {
        if let Some(connection) = &self.connection {
            return Ok(connection.clone());
        }
        let builder = match &self.bus {
            BusAccess::Disabled => {
                return Err(Failure::Absent("D-Bus is switched off".to_owned()));
            }
            BusAccess::System => {
                let elsewhere = std::env::var_os("DBUS_SYSTEM_BUS_ADDRESS").is_some();
                if !elsewhere && !Path::new(SYSTEM_SOCKET).exists() {
                    return Err(Failure::Absent(format!("no system bus at {SYSTEM_SOCKET}")));
                }
                zbus::connection::Builder::system()
            }
            BusAccess::Address(address) => zbus::connection::Builder::address(address.as_str()),
        };
        let broken = |error: String| {
            Failure::Broken(format!("cannot connect to the system bus: {error}; is dbus running?"))
        };
        let builder = builder.map_err(|e| broken(e.to_string()))?;
        let connection = within_time(builder.build()).await.map_err(|e| broken(e.to_string()))?;
        self.connection = Some(connection.clone());
        Ok(connection)
    }
}

impl Known {
    fn unread(name: &str) -> Known {
        let stat = UnitStat { unit: name.to_owned(), ..UnitStat::default() };
        Known { stat, main_start_ticks: None, due_ns: 0 }
    }
}

/// An answer of the bus, or that there was none in time.
async fn within_time<T>(call: impl Future<Output = zbus::Result<T>>) -> zbus::Result<T> {
    let limit = Duration::from_secs(CALL_TIMEOUT_SECS);
    tokio::time::timeout(limit, call).await.unwrap_or_else(|_| {
        Err(zbus::Error::Failure(format!("no answer in {CALL_TIMEOUT_SECS} s")))
    })
}

async fn list(connection: &Connection) -> Result<Vec<ListedUnit>, Failure> {
    let call = async {
        let manager = ManagerProxy::builder(connection)
            .cache_properties(zbus::proxy::CacheProperties::No)
            .build()
            .await?;
        manager.list_units_by_patterns(&[], &["*.service"]).await
    };
    within_time(call).await.map_err(|error| match error_name(&error).as_deref() {
        Some(
            "org.freedesktop.DBus.Error.ServiceUnknown"
            | "org.freedesktop.DBus.Error.NameHasNoOwner",
        ) => Failure::Absent("systemd is not on the system bus".to_owned()),
        Some(name) if name.starts_with("org.freedesktop.DBus.Error.Spawn.") => {
            Failure::Absent("systemd is not on the system bus".to_owned())
        }
        _ => Failure::Broken(format!("cannot list systemd's units: {error}")),
    })
}

fn error_name(error: &zbus::Error) -> Option<String> {
    if let zbus::Error::MethodError(name, ..) = error {
        return Some(name.as_str().to_owned());
    }
    if let zbus::Error::FDO(error) = error {
        return Some(zbus::DBusError::name(error.as_ref()).as_str().to_owned());
    }
    None
}

type Properties = HashMap<String, OwnedValue>;

/// The properties of a service and its invocation id; none if the unit is gone.
async fn properties(
    connection: &Connection,
    path: &OwnedObjectPath,
) -> Result<Option<(Properties, Vec<u8>)>, zbus::Error> {
    const BUS_NAME: &str = "org.freedesktop.systemd1";
    const PROPERTIES_INTERFACE: &str = "org.freedesktop.DBus.Properties";
    let call = async {
        let all = connection
            .call_method(
                Some(BUS_NAME),
                path,
                Some(PROPERTIES_INTERFACE),
                "GetAll",
                &(SERVICE_INTERFACE,),
            )
            .await?;
        let all: Properties = all.body().deserialize()?;
        let id = connection
            .call_method(
                Some(BUS_NAME),
                path,
                Some(PROPERTIES_INTERFACE),
                "Get",
                &(UNIT_INTERFACE, "InvocationID"),
            )
            .await?;
        let id: OwnedValue = id.body().deserialize()?;
        Ok((all, Vec::<u8>::try_from(id).unwrap_or_default()))
    };
    match within_time(call).await {
        Ok(found) => Ok(Some(found)),
        Err(error) => match error_name(&error).as_deref() {
            Some(
                "org.freedesktop.DBus.Error.UnknownObject"
                | "org.freedesktop.DBus.Error.UnknownInterface"
                | "org.freedesktop.DBus.Error.UnknownMethod"
                | "org.freedesktop.systemd1.NoSuchUnit",
            ) => Ok(None),
            _ => Err(error),
        },
    }
}

fn stat_of(name: &str, service: &Properties, invocation_id: Vec<u8>) -> UnitStat {
    let text = |key: &str| {
        let value = service.get(key).and_then(|v| v.downcast_ref::<&str>().ok());
        value.unwrap_or_default().to_owned()
    };
    let number = |key: &str| service.get(key).and_then(|v| v.downcast_ref::<u32>().ok());
    let status = service.get("ExecMainStatus").and_then(|v| v.downcast_ref::<i32>().ok());
    UnitStat {
        unit: name.to_owned(),
        service_type: text("Type"),
        active_state: String::new(),
        sub_state: String::new(),
        result: text("Result"),
        exit_status: status.unwrap_or(0),
        restarts: number("NRestarts").unwrap_or(0),
        main_pid: number("MainPID").and_then(|pid| i32::try_from(pid).ok()).unwrap_or(0),
        invocation_id: invocation_id.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

pub(super) fn start_ticks(scratch: &mut Scratch, proc: &Path, pid: i32) -> Option<u64> {
    const LIMIT_BYTES: usize = 2048;
    if pid <= 0 {
        return None;
    }
    let text = scratch.read(&proc.join(format!("{pid}/stat")), LIMIT_BYTES).ok()?;
    super::process::start_ticks(text)
}
