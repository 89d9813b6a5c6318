//! The machine hale runs on, or a recording of one: one file a collector.

mod container;
mod cpu;
mod declared;
mod disk;
#[doc(hidden)]
pub mod fuzzing;
mod gpu;
mod host;
mod journal;
mod kubernetes;
mod memory;
mod network;
mod pressure;
mod process;
mod read;
mod scrape;
mod unit;
mod worker;
mod writers;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use hale_model::config::{DeclaredService, ScrapeTarget};
use hale_model::container::ProbeTarget;
use hale_model::sample::{HostFacts, Sample, Source, SourceState, SourceStatus};
use hale_model::{MachineId, Timestamp};

use self::container::ContainerCollector;
use self::cpu::CpuCollector;
use self::declared::Declared;
use self::disk::DiskCollector;
use self::gpu::GpuCollector;
use self::journal::JournalCollector;
pub use self::journal::window::{
    LogSource, Logged, log_dir, read_log_file, read_log_stream, read_logs,
};
pub use self::kubernetes::KubeAccess;
use self::kubernetes::KubernetesCollector;
use self::memory::MemoryCollector;
use self::network::NetworkCollector;
use self::process::ProcessCollector;
use self::read::Scratch;
use self::scrape::Scraper;
use self::unit::UnitCollector;
use self::worker::{Reading, Worker};
pub use self::writers::writers_on;
use crate::probe::Prober;

/// Where each collector reads.
#[derive(Clone, Debug)]
pub struct Roots {
    /// `/proc`, or a recording of one.
    pub proc: PathBuf,
    /// `/sys`, or a recording of one.
    pub sys: PathBuf,
    /// `/etc`, for names of users and of the system.
    pub etc: PathBuf,
    /// The kernel's ring buffer.
    pub kmsg: PathBuf,
    /// The journal.
    pub journal: JournalAccess,
    /// The bus that systemd is on.
    pub system_bus: BusAccess,
    /// The container engine.
    pub engine: EngineAccess,
    /// The Kubernetes API server.
    pub kubernetes: KubeAccess,
}

impl Default for Roots {
    /// The real machine.
    fn default() -> Self {
        Roots {
            proc: "/proc".into(),
            sys: "/sys".into(),
            etc: "/etc".into(),
            kmsg: "/dev/kmsg".into(),
            journal: JournalAccess::Auto,
            system_bus: BusAccess::System,
            engine: EngineAccess::Auto,
            kubernetes: KubeAccess::Disabled,
        }
    }
}

/// Whether to read the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalAccess {
    /// `journalctl` if journald's files are there, else the kernel's ring buffer, else none.
    Auto,
    /// Not at all.
    Disabled,
}

/// Which bus systemd is asked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BusAccess {
    /// The system bus.
    System,
    /// A D-Bus address (`unix:path=…`).
    Address(String),
    /// Not at all.
    Disabled,
}

/// Which container engine is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineAccess {
    /// That of `DOCKER_HOST`, else Docker's or Podman's where they usually are.
    Auto,
    /// A unix socket or an address of this machine, as `[containers] engine` gives it.
    Address(String),
    /// None.
    Disabled,
}

impl EngineAccess {
    /// As the configuration says: empty is wherever it usually is.
    pub fn configured(engine: &str) -> EngineAccess {
        match engine.trim() {
            "" => EngineAccess::Auto,
            "off" => EngineAccess::Disabled,
            address => EngineAccess::Address(address.to_owned()),
        }
    }
}

/// Reads one machine again and again. Every collector is read-only, has limits on what it reads, and
/// fails alone: its source is then stale, with a note that names the file and the operation.
pub struct LocalObserver {
    roots: Roots,
    machine_id: MachineId,
    host: Arc<HostFacts>,
    live: bool,
    scratch: Scratch,
    last_fresh_at: BTreeMap<Source, Timestamp>,
    process: Worker<ProcessCollector>,
    memory: Worker<MemoryCollector>,
    cpu: Worker<CpuCollector>,
    gpu: Worker<GpuCollector>,
    disk: Worker<DiskCollector>,
    network: Worker<NetworkCollector>,
    journal: JournalCollector,
    unit: UnitCollector,
    declared: Declared,
    container: ContainerCollector,
    kubernetes: KubernetesCollector,
    prober: Prober,
    scraper: Scraper,
}

impl LocalObserver {
    /// An observer of the machine under these roots. `machine_id` defaults to its host name. What
    /// cannot be read now is reported by the collections.
    pub fn new(roots: Roots, machine_id: Option<MachineId>) -> LocalObserver {
        let mut scratch = Scratch::default();
        let units = host::Units::of(&mut scratch, &roots.proc);
        let host = Arc::new(host::facts(&mut scratch, &roots.proc, &roots.etc, units));
        let (proc, sys, etc) = (&roots.proc, &roots.sys, &roots.etc);
        let of_proc = || proc.clone();
        let of_both = || (proc.clone(), sys.clone());
        let process = (proc.clone(), etc.clone());
        let network = of_proc();
        let (memory, cpu, gpu, disk) = (of_both(), of_both(), of_both(), of_both());
        LocalObserver {
            machine_id: machine_id.unwrap_or_else(|| MachineId::local(&host.hostname)),
            live: read::is_procfs(&roots.proc),
            last_fresh_at: BTreeMap::new(),
            process: Worker::new("process", move || {
                ProcessCollector::new(process.0.clone(), process.1.clone(), units)
            }),
            memory: Worker::new("memory", move || {
                MemoryCollector::new(memory.0.clone(), memory.1.clone())
            }),
            cpu: Worker::new("cpu", move || CpuCollector::new(cpu.0.clone(), cpu.1.clone())),
            gpu: Worker::new("gpu", move || GpuCollector::new(gpu.0.clone(), gpu.1.clone())),
            disk: Worker::new("disk", move || DiskCollector::new(disk.0.clone(), disk.1.clone())),
            network: Worker::new("network", move || NetworkCollector::new(network.clone())),
            journal: JournalCollector::new(
                roots.journal.clone(),
                roots.kmsg.clone(),
                host.boot_id.clone(),
            ),
            unit: UnitCollector::new(roots.system_bus.clone(), roots.proc.clone()),
            declared: Declared::default(),
            container: ContainerCollector::new(
                roots.engine.clone(),
                roots.proc.clone(),
                roots.sys.clone(),
            ),
            kubernetes: KubernetesCollector::new(roots.kubernetes.clone()),
            prober: Prober::default(),
            scraper: Scraper::default(),
            host,
            scratch,
            roots,
        }
    }

    /// Goes on after this cursor of an earlier [`hale_model::sample::JournalSample`] instead of
    /// from now on. Counts before the first collection only.
    pub fn resume_journal(&mut self, cursor: Option<String>) {
        self.journal.resume(cursor);
    }

    /// What to ask over the network from now on, in every collection that its own rhythm makes it due
    /// in; nothing that is not named any more. `own_ports`: where hale itself listens.
    pub fn probe(&mut self, targets: Vec<ProbeTarget>, own_ports: Vec<u16>) {
        self.prober.want(targets, own_ports);
    }

    /// Services that no systemd runs, to be seen beside its units from now on.
    pub fn declare(&mut self, services: Vec<DeclaredService>) {
        self.declared = Declared::new(services);
    }

    /// Prometheus targets, to be asked in the background from the next whole collection on.
    pub fn scrape(&mut self, targets: Vec<ScrapeTarget>) {
        self.scraper = Scraper::new(targets);
    }

    /// Told when something happened that is worth a look before the next one is due: a container ended,
    /// or its health changed. Whoever holds it has hale listen, from the next collection on.
    pub fn stirred(&self) -> Arc<tokio::sync::Notify> {
        self.container.stirred()
    }

    /// The machine's id.
    pub fn machine_id(&self) -> &MachineId {
        &self.machine_id
    }

    /// Reads every source once. Never fails, and takes at most about the time that one collector is
    /// given; call it from within a tokio runtime with time and I/O.
    pub async fn collect(&mut self) -> Sample {
        let mut sample = self.collect_only(&Source::ALL).await;
        if let Some((scraped, status)) = self.scraper.collect(sample.collected_at) {
            sample.sources.extend(status);
            sample.scraped = Some(scraped);
        }
        sample
    }

    /// As [`LocalObserver::collect`], but only these sources.
    pub async fn collect_only(&mut self, sources: &[Source]) -> Sample {
        let collected_at = Timestamp::now();
        let moment = host::moment(&mut self.scratch, &self.roots.proc, self.live);
        let wanted = |source: Source| sources.contains(&source);
        let (process, memory, cpu, gpu, disk, network, journal, unit, container, workload) = tokio::join!(
            when(wanted(Source::Process), self.process.collect(moment)),
            when(wanted(Source::Memory), self.memory.collect(moment)),
            when(wanted(Source::Cpu), self.cpu.collect(moment)),
            when(wanted(Source::Gpu), self.gpu.collect(moment)),
            when(wanted(Source::Disk), self.disk.collect(moment)),
            when(wanted(Source::Network), self.network.collect(moment)),
            when(wanted(Source::Journal), self.journal.collect(moment)),
            when(wanted(Source::Unit), self.unit.collect(moment)),
            when(wanted(Source::Container), self.container.collect(moment)),
            when(wanted(Source::Kubernetes), self.kubernetes.collect(moment)),
        );
        let unit = unit.map(|mut reading| {
            self.declared.join(&mut self.scratch, &self.roots.proc, &mut reading);
            reading
        });
        let mut report = Report {
            collected_at,
            last_fresh_at: &mut self.last_fresh_at,
            statuses: Vec::with_capacity(sources.len()),
        };
        let mut sample = Sample {
            machine_id: self.machine_id.clone(),
            collected_at,
            boottime_ns: moment.boottime_ns,
            host: self.host.clone(),
            process: report.value(Source::Process, process),
            memory: report.value(Source::Memory, memory),
            cpu: report.value(Source::Cpu, cpu),
            gpu: report.value(Source::Gpu, gpu),
            disk: report.value(Source::Disk, disk),
            journal: report.value(Source::Journal, journal),
            network: report.value(Source::Network, network),
            unit: report.value(Source::Unit, unit),
            container: report.value(Source::Container, container),
            workload: report.value(Source::Kubernetes, workload),
            probes: Vec::new(),
            traffic: None,
            scraped: None,
            sources: Vec::new(),
        };
        sample.sources = report.statuses;
        self.declared.own(sample.unit.as_ref(), sample.process.as_mut());
        let containers = sample.container.as_ref().map(|c| c.containers.as_slice());
        sample.probes = self.prober.ask(moment.boottime_ns, containers.unwrap_or_default()).await;
        sample
    }
}

async fn when<T>(wanted: bool, collect: impl Future<Output = Reading<T>>) -> Option<Reading<T>> {
    if wanted { Some(collect.await) } else { None }
}

/// Puts together how each source did.
struct Report<'a> {
    collected_at: Timestamp,
    last_fresh_at: &'a mut BTreeMap<Source, Timestamp>,
    statuses: Vec<SourceStatus>,
}

impl Report<'_> {
    fn value<T>(&mut self, source: Source, reading: Option<Reading<T>>) -> Option<T> {
        let Reading { value, absent, mut notes, lost, took_us } = reading?;
        let (state, value) = match value {
            Ok(value) if absent => (SourceState::Absent, Some(value)),
            Ok(value) => {
                self.last_fresh_at.insert(source, self.collected_at);
                (SourceState::Fresh, Some(value))
            }
            Err(error) => {
                notes.insert(0, error.to_string());
                (SourceState::Stale, None)
            }
        };
        self.statuses.push(SourceStatus {
            source,
            state,
            last_fresh_at: self.last_fresh_at.get(&source).copied(),
            took_us,
            note: (!notes.is_empty()).then(|| notes.join("; ")),
            lost,
        });
        value
    }
}
