//! What is shown and judged: rates and percentages, derived from two samples. Live view, replay and
//! reports all go through [`Snapshot::derive`].

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::container::{Container, ContainerStat, Probe, ProbeTarget};
use crate::ids::{MachineId, ProcRef};
use crate::report::OpenReport;
use crate::sample::{
    CpuSample, CpuTicks, DeviceCounters, GpuStat, HostFacts, InterfaceCounters, JournalEntry,
    JournalSample, Listener, MountUsage, OriginalParent, Pressure, ProcessInfo, ProcessStat,
    Sample, Source, SourceState, SourceStatus, StalledCgroup, Temperature, UnitStat,
};
use crate::workload::{Workload, WorkloadRef};

const MEBI: f64 = 1024.0 * 1024.0;

/// A machine at one instant, ready to be judged and shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The machine.
    pub machine_id: MachineId,
    /// When it was measured.
    pub collected_at: Timestamp,
    /// `CLOCK_BOOTTIME` in nanoseconds, as in [`Sample::boottime_ns`]; durations are told by this.
    pub boottime_ns: u64,
    /// Seconds since the sample before; none for a first one: then every rate is none too.
    pub elapsed_secs: Option<f64>,
    /// The machine's facts.
    pub host: Arc<HostFacts>,
    /// How each source did.
    pub sources: Vec<SourceStatus>,
    /// Whole-machine figures.
    pub system: System,
    /// Processes in ascending pid order.
    pub processes: Vec<Process>,
    /// hale's own process first, then its ancestors and its workers.
    pub own_pids: Vec<i32>,
    /// File systems.
    pub mounts: Vec<Mount>,
    /// Block devices.
    pub devices: Vec<Device>,
    /// Network interfaces.
    pub interfaces: Vec<Interface>,
    /// TCP sockets by state.
    pub tcp_states: BTreeMap<String, u32>,
    /// Listening sockets.
    pub listeners: Vec<Listener>,
    /// GPUs.
    pub gpus: Vec<GpuStat>,
    /// CPU and board sensors.
    pub temperatures: Vec<Temperature>,
    /// Service units.
    pub units: Vec<UnitStat>,
    /// Journal entries since the snapshot before.
    pub journal: Vec<JournalEntry>,
    /// Containers, by name.
    #[serde(default)]
    pub containers: Vec<Container>,
    /// Kubernetes workloads, by namespace, kind and name.
    #[serde(default)]
    pub workloads: Vec<Workload>,
    /// Newest answers to what is asked while a cure is verified.
    #[serde(default)]
    pub probes: Vec<Probe>,
    /// What others report that is not over.
    #[serde(default)]
    pub reports: Vec<OpenReport>,
    /// Who writes on the file systems whose trouble is being diagnosed; not looked for otherwise.
    #[serde(skip)]
    pub writers: Vec<MountWriters>,
    /// What services told since the snapshot before; none: nothing receives here.
    #[serde(default)]
    pub traffic: Option<crate::traffic::Traffic>,
    /// Cgroups whose tasks wait for memory, the worst first; looked for only while the machine has pressure.
    #[serde(default)]
    pub stalled: Vec<StalledCgroup>,
    /// Newest scrape of each Prometheus target. Thousands of series: for rules and SQL, not written out here.
    #[serde(skip)]
    pub scraped: Vec<Arc<crate::scrape::ScrapedTarget>>,
}

/// Whole-machine figures. None: not measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct System {
    /// Busy share of all cores, 0..100.
    pub cpu_total: Option<f64>,
    /// Busy share of each core, 0..100.
    pub cpu_cores: Vec<f64>,
    /// Share of time waiting for storage, 0..100.
    pub cpu_iowait: Option<f64>,
    /// Share taken by the hypervisor, 0..100.
    pub cpu_steal: Option<f64>,
    /// Mean frequency of the cores.
    pub frequency_mhz: Option<f64>,
    /// Load over 1 minute.
    pub load1: Option<f64>,
    /// Load over 5 minutes.
    pub load5: Option<f64>,
    /// Load over 15 minutes.
    pub load15: Option<f64>,
    /// Memory in all.
    pub mem_total_bytes: Option<u64>,
    /// Total less available.
    pub mem_used_bytes: Option<u64>,
    /// Available without swapping.
    pub mem_available_bytes: Option<u64>,
    /// Page cache, buffers and reclaimable slab.
    pub mem_cached_bytes: Option<u64>,
    /// Used share of memory, 0..100.
    pub mem_used_percent: Option<f64>,
    /// Swap in all; 0 is no swap.
    pub swap_total_bytes: Option<u64>,
    /// Swap in use.
    pub swap_used_bytes: Option<u64>,
    /// Used share of swap, 0..100; none without swap.
    pub swap_used_percent: Option<f64>,
    /// Pages swapped in a second.
    pub swap_in_pages_per_sec: Option<f64>,
    /// Pages swapped out a second.
    pub swap_out_pages_per_sec: Option<f64>,
    /// Victims of the kernel's OOM killer since the sample before.
    pub oom_kills: Option<u64>,
    /// CPU pressure.
    pub cpu_pressure: Option<Pressure>,
    /// Memory pressure.
    pub memory_pressure: Option<Pressure>,
    /// I/O pressure.
    pub io_pressure: Option<Pressure>,
    /// MiB a second read, all devices.
    pub disk_read_mbps: Option<f64>,
    /// MiB a second written, all devices.
    pub disk_write_mbps: Option<f64>,
    /// MiB a second received, all interfaces but loopback.
    pub net_rx_mbps: Option<f64>,
    /// MiB a second sent, all interfaces but loopback.
    pub net_tx_mbps: Option<f64>,
    /// Processes, kernel threads included.
    pub process_count: Option<u64>,
    /// Of these, dead and not yet collected by their parents.
    pub zombie_count: Option<u64>,
}

/// A process at one instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Process {
    /// Process id.
    pub pid: i32,
    /// Start time in clock ticks after boot.
    pub start_ticks: u64,
    /// Seconds since it started.
    pub age_secs: f64,
    /// Parent now.
    pub ppid: i32,
    /// Parent it was started by, where that is no longer its parent.
    pub original_parent: Option<Arc<OriginalParent>>,
    /// Process group.
    pub pgid: i32,
    /// Session.
    pub sid: i32,
    /// State letter.
    pub state: char,
    /// CPU in percent of one core since the snapshot before; none for a process seen first.
    pub cpu_percent: Option<f64>,
    /// Resident memory.
    pub rss_bytes: u64,
    /// Resident share of all memory, 0..100.
    pub mem_percent: Option<f64>,
    /// Threads.
    pub threads: u32,
    /// Nice value.
    pub nice: i32,
    /// Open file descriptors.
    pub open_fds: Option<u32>,
    /// Bytes a second read from storage.
    pub read_bytes_per_sec: Option<f64>,
    /// Bytes a second written to storage.
    pub write_bytes_per_sec: Option<f64>,
    /// What does not change.
    pub info: Arc<ProcessInfo>,
}

impl Process {
    /// The identity of this process.
    pub fn proc_ref(&self) -> ProcRef {
        ProcRef { pid: self.pid, start_ticks: self.start_ticks, name: self.info.name.clone() }
    }

    /// Whether this is that very process.
    pub fn is(&self, process: &ProcRef) -> bool {
        self.pid == process.pid && self.start_ticks == process.start_ticks
    }

    /// Dead, but not yet collected by its parent.
    pub fn is_zombie(&self) -> bool {
        self.state == 'Z'
    }

    /// Its process group. None where its leader is in another pid namespace (the kernel says 0 then), and for
    /// threads of the kernel.
    pub fn process_group(&self) -> Option<i32> {
        (self.pgid > 0).then_some(self.pgid)
    }

    /// Its command line; `[name]` for kernel threads and zombies, as `ps` writes it.
    pub fn command(&self) -> String {
        if self.info.cmdline.is_empty() {
            format!("[{}]", self.info.name)
        } else {
            self.info.cmdline.clone()
        }
    }
}

/// A file system at one instant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Mount {
    /// Where.
    pub mount_point: String,
    /// What is mounted.
    pub device: String,
    /// Type.
    pub fs_type: String,
    /// Size.
    pub total_bytes: u64,
    /// Total less free.
    pub used_bytes: u64,
    /// Free for everyone.
    pub available_bytes: u64,
    /// What everyone can still use, in percent of used and available together, as `df` counts.
    pub free_percent: f64,
    /// Free inodes in percent; none where the file system has no fixed number.
    pub inode_free_percent: Option<f64>,
    /// Mounted read-only.
    pub read_only: bool,
    /// Bytes a second by which what is available became less since the sample before; none if it did not, or there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filling_bytes_per_sec: Option<f64>,
}

/// Who has a regular file open for writing on a file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountWriters {
    /// Where it is mounted.
    pub mount_point: String,
    /// In ascending pid order.
    pub processes: Vec<ProcRef>,
    /// Whether every process could be asked.
    pub all_seen: bool,
}

/// A block device over one interval.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Device {
    /// `nvme0n1`
    pub device: String,
    /// MiB a second read.
    pub read_mbps: Option<f64>,
    /// MiB a second written.
    pub write_mbps: Option<f64>,
    /// Requests a second.
    pub iops: Option<f64>,
    /// Mean milliseconds a request took; none in an interval without one.
    pub latency_ms: Option<f64>,
    /// Share of time with a request in flight, 0..100.
    pub busy_percent: Option<f64>,
}

/// A network interface over one interval.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interface {
    /// `eth0`
    pub interface: String,
    /// MiB a second received.
    pub rx_mbps: Option<f64>,
    /// MiB a second sent.
    pub tx_mbps: Option<f64>,
    /// Errors and drops a second, both ways.
    pub errors_per_sec: Option<f64>,
}

impl Snapshot {
    /// Derives rates and percentages. `before` counts only if it is of the same machine and boot
    /// and not newer; a counter that went backwards gives none rather than a wrong rate.
    pub fn derive(sample: &Sample, before: Option<&Sample>) -> Snapshot {
        let before = before.filter(|b| {
            b.machine_id == sample.machine_id
                && b.host.boot_id == sample.host.boot_id
                && b.boottime_ns < sample.boottime_ns
        });
        let elapsed_secs = before.map(|b| (sample.boottime_ns - b.boottime_ns) as f64 / 1e9);
        let devices = derive_devices(sample, before, elapsed_secs);
        let interfaces = derive_interfaces(sample, before, elapsed_secs);
        let mut system = derive_system(sample, before, elapsed_secs);
        system.disk_read_mbps = sum(devices.iter().map(|d| d.read_mbps));
        system.disk_write_mbps = sum(devices.iter().map(|d| d.write_mbps));
        let outward = || interfaces.iter().filter(|i| i.interface != "lo");
        system.net_rx_mbps = sum(outward().map(|i| i.rx_mbps));
        system.net_tx_mbps = sum(outward().map(|i| i.tx_mbps));

        Snapshot {
            machine_id: sample.machine_id.clone(),
            collected_at: sample.collected_at,
            boottime_ns: sample.boottime_ns,
            elapsed_secs,
            host: sample.host.clone(),
            sources: sample.sources.clone(),
            processes: derive_processes(sample, before, elapsed_secs),
            own_pids: sample.process.as_ref().map(|p| p.own_pids.clone()).unwrap_or_default(),
            mounts: derive_mounts(sample, before, elapsed_secs),
            devices,
            interfaces,
            tcp_states: sample.network.as_ref().map(|n| n.tcp_states.clone()).unwrap_or_default(),
            listeners: sample.network.as_ref().map(|n| n.listeners.clone()).unwrap_or_default(),
            gpus: sample.gpu.as_ref().map(|g| g.gpus.clone()).unwrap_or_default(),
            temperatures: sample.cpu.as_ref().map(|c| c.temperatures.clone()).unwrap_or_default(),
            units: sample.unit.as_ref().map(|u| u.units.clone()).unwrap_or_default(),
            journal: sample
                .journal
                .as_ref()
                .map(|j: &JournalSample| j.entries.clone())
                .unwrap_or_default(),
            containers: derive_containers(sample, before, elapsed_secs),
            workloads: sample.workload.as_ref().map(|w| w.workloads.clone()).unwrap_or_default(),
            probes: sample.probes.clone(),
            reports: Vec::new(),
            writers: Vec::new(),
            stalled: sample.memory.as_ref().map(|m| m.stalled.clone()).unwrap_or_default(),
            traffic: sample.traffic.as_ref().map(crate::traffic::Traffic::from),
            scraped: sample.scraped.as_ref().map(|s| s.targets.clone()).unwrap_or_default(),
            system,
        }
    }

    /// The process with this identity, if it still lives (a zombie does not).
    pub fn living(&self, process: &ProcRef) -> Option<&Process> {
        self.find(process).filter(|p| !p.is_zombie())
    }

    /// The process with this identity, zombie or not.
    pub fn find(&self, process: &ProcRef) -> Option<&Process> {
        let at = self.processes.binary_search_by_key(&process.pid, |p| p.pid).ok()?;
        self.processes.get(at).filter(|p| p.is(process))
    }

    /// The process with this pid.
    pub fn process(&self, pid: i32) -> Option<&Process> {
        let at = self.processes.binary_search_by_key(&pid, |p| p.pid).ok()?;
        self.processes.get(at)
    }

    /// Whether the Prometheus target of a series (`node/node_load1{…}`) answered; none where there is no
    /// such target, or it was not asked yet.
    pub fn target_answers(&self, series: &str) -> Option<bool> {
        let (target, _) = series.split_once('/')?;
        self.scraped.iter().find(|t| t.target == target).map(|t| t.is_up())
    }

    /// The unit with this name.
    pub fn unit(&self, name: &str) -> Option<&UnitStat> {
        self.units.iter().find(|u| u.unit == name)
    }

    /// The mount at this place.
    pub fn mount(&self, mount_point: &str) -> Option<&Mount> {
        self.mounts.iter().find(|m| m.mount_point == mount_point)
    }

    /// The container with this id, or with this name where no id is known.
    pub fn container(&self, id: &str, name: &str) -> Option<&Container> {
        let by = |c: &&Container| if id.is_empty() { c.stat.name == name } else { c.stat.id == id };
        self.containers.iter().find(by)
    }

    /// The workload of this name, as it is now.
    pub fn workload(&self, named: &WorkloadRef) -> Option<&Workload> {
        let same = |w: &&Workload| {
            w.workload.kind == named.kind
                && w.workload.namespace == named.namespace
                && w.workload.name == named.name
        };
        self.workloads.iter().find(same)
    }

    /// The newest answer to this probe.
    pub fn probe(&self, target: &ProbeTarget) -> Option<&Probe> {
        self.probes.iter().find(|p| p.target == *target)
    }

    /// Whether this source was read for this very snapshot.
    pub fn is_fresh(&self, source: Source) -> bool {
        self.sources.iter().any(|s| s.source == source && s.state == SourceState::Fresh)
    }
}

impl From<&MountUsage> for Mount {
    fn from(usage: &MountUsage) -> Self {
        let used_bytes = usage.total_bytes.saturating_sub(usage.free_bytes);
        let usable = used_bytes + usage.available_bytes;
        Mount {
            mount_point: usage.mount_point.clone(),
            device: usage.device.clone(),
            fs_type: usage.fs_type.clone(),
            total_bytes: usage.total_bytes,
            used_bytes,
            available_bytes: usage.available_bytes,
            free_percent: percent(usage.available_bytes as f64, usable as f64).unwrap_or(0.0),
            inode_free_percent: percent(usage.inodes_free as f64, usage.inodes_total as f64),
            read_only: usage.read_only,
            filling_bytes_per_sec: None,
        }
    }
}

/// `part` of `whole` in percent; none if there is no whole.
pub fn percent(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| 100.0 * part / whole)
}

fn rate(now: u64, before: u64, secs: Option<f64>) -> Option<f64> {
    let grown = now.checked_sub(before)?;
    secs.filter(|s| *s > 0.0).map(|s| grown as f64 / s)
}

fn sum(parts: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    parts.flatten().fold(None, |total, part| Some(total.unwrap_or(0.0) + part))
}

fn busy_percent(now: &CpuTicks, before: &CpuTicks, part: fn(&CpuTicks) -> u64) -> Option<f64> {
    let whole = now.total().checked_sub(before.total())? as f64;
    let part = part(now).checked_sub(part(before))? as f64;
    percent(part, whole).map(|p| p.min(100.0))
}

fn derive_system(sample: &Sample, before: Option<&Sample>, secs: Option<f64>) -> System {
    let mut system = System::default();
    if let Some(cpu) = &sample.cpu {
        let last: Option<&CpuSample> = before.and_then(|b| b.cpu.as_ref());
        system.cpu_total = last.and_then(|l| busy_percent(&cpu.total, &l.total, CpuTicks::busy));
        system.cpu_iowait = last.and_then(|l| busy_percent(&cpu.total, &l.total, |t| t.iowait));
        system.cpu_steal = last.and_then(|l| busy_percent(&cpu.total, &l.total, |t| t.steal));
        system.cpu_cores = last
            .map(|l| {
                let pairs = cpu.cores.iter().zip(&l.cores);
                pairs.map(|(n, b)| busy_percent(n, b, CpuTicks::busy).unwrap_or(0.0)).collect()
            })
            .unwrap_or_default();
        if !cpu.frequency_mhz.is_empty() {
            let all: u64 = cpu.frequency_mhz.iter().map(|f| u64::from(*f)).sum();
            system.frequency_mhz = Some(all as f64 / cpu.frequency_mhz.len() as f64);
        }
        system.load1 = Some(cpu.load[0]);
        system.load5 = Some(cpu.load[1]);
        system.load15 = Some(cpu.load[2]);
        system.cpu_pressure = cpu.pressure;
    }
    if let Some(memory) = &sample.memory {
        let last = before.and_then(|b| b.memory.as_ref());
        let used = memory.total_bytes.saturating_sub(memory.available_bytes);
        let swap_used = memory.swap_total_bytes.saturating_sub(memory.swap_free_bytes);
        system.mem_total_bytes = Some(memory.total_bytes);
        system.mem_used_bytes = Some(used);
        system.mem_available_bytes = Some(memory.available_bytes);
        system.mem_cached_bytes = Some(memory.cached_bytes + memory.buffers_bytes);
        system.mem_used_percent = percent(used as f64, memory.total_bytes as f64);
        system.swap_total_bytes = Some(memory.swap_total_bytes);
        system.swap_used_bytes = Some(swap_used);
        system.swap_used_percent = percent(swap_used as f64, memory.swap_total_bytes as f64);
        system.swap_in_pages_per_sec =
            last.and_then(|l| rate(memory.swap_in_pages, l.swap_in_pages, secs));
        system.swap_out_pages_per_sec =
            last.and_then(|l| rate(memory.swap_out_pages, l.swap_out_pages, secs));
        system.oom_kills = last.and_then(|l| memory.oom_kills.checked_sub(l.oom_kills));
        system.memory_pressure = memory.pressure;
    }
    system.io_pressure = sample.disk.as_ref().and_then(|d| d.pressure);
    let processes = sample.process.as_ref().map(|p| &p.processes);
    system.process_count = processes.map(|all| all.len() as u64);
    system.zombie_count = processes.map(|all| all.iter().filter(|p| p.state == 'Z').count() as u64);
    system
}

fn derive_processes(sample: &Sample, before: Option<&Sample>, secs: Option<f64>) -> Vec<Process> {
    let Some(now) = &sample.process else { return Vec::new() };
    let last: HashMap<(i32, u64), &ProcessStat> = before
        .and_then(|b| b.process.as_ref())
        .map(|p| p.processes.iter().map(|s| ((s.pid, s.start_ticks), s)).collect())
        .unwrap_or_default();
    let ticks_per_sec = sample.host.ticks_per_sec.max(1) as f64;
    let uptime_secs = sample.boottime_ns as f64 / 1e9;
    let memory_total = sample.memory.as_ref().map_or(0, |m| m.total_bytes) as f64;
    now.processes
        .iter()
        .map(|stat| {
            let last = last.get(&(stat.pid, stat.start_ticks));
            let io = |field: fn(&ProcessStat) -> Option<u64>| {
                let last = last.and_then(|l| field(l))?;
                rate(field(stat)?, last, secs)
            };
            let ticks = |s: &ProcessStat| s.utime_ticks + s.stime_ticks;
            Process {
                pid: stat.pid,
                start_ticks: stat.start_ticks,
                age_secs: (uptime_secs - stat.start_ticks as f64 / ticks_per_sec).max(0.0),
                ppid: stat.ppid,
                original_parent: stat.original_parent.clone(),
                pgid: stat.pgid,
                sid: stat.sid,
                state: stat.state,
                cpu_percent: last
                    .and_then(|l| rate(ticks(stat), ticks(l), secs))
                    .map(|r| 100.0 * r / ticks_per_sec),
                rss_bytes: stat.rss_bytes,
                mem_percent: percent(stat.rss_bytes as f64, memory_total),
                threads: stat.threads,
                nice: stat.nice,
                open_fds: stat.open_fds,
                read_bytes_per_sec: io(|s| s.read_bytes),
                write_bytes_per_sec: io(|s| s.write_bytes),
                info: stat.info.clone(),
            }
        })
        .collect()
}

fn derive_devices(sample: &Sample, before: Option<&Sample>, secs: Option<f64>) -> Vec<Device> {
    let Some(disk) = &sample.disk else { return Vec::new() };
    let last = before.and_then(|b| b.disk.as_ref());
    let derive = |now: &DeviceCounters| {
        let last = last.and_then(|l| l.devices.iter().find(|d| d.device == now.device));
        let per_sec =
            |field: fn(&DeviceCounters) -> u64| last.and_then(|l| rate(field(now), field(l), secs));
        let requests = per_sec(|d| d.reads + d.writes);
        let waited_ms = per_sec(|d| d.read_ms + d.write_ms);
        Device {
            device: now.device.clone(),
            read_mbps: per_sec(|d| d.read_bytes).map(|b| b / MEBI),
            write_mbps: per_sec(|d| d.write_bytes).map(|b| b / MEBI),
            iops: requests,
            latency_ms: requests
                .zip(waited_ms)
                .filter(|(requests, _)| *requests > 0.0)
                .map(|(requests, waited)| waited / requests),
            busy_percent: per_sec(|d| d.busy_ms).map(|ms| (ms / 10.0).min(100.0)),
        }
    };
    disk.devices.iter().map(derive).collect()
}

fn derive_mounts(sample: &Sample, before: Option<&Sample>, secs: Option<f64>) -> Vec<Mount> {
    let last = before.and_then(|b| b.disk.as_ref());
    let derive = |now: &MountUsage| {
        let same = |l: &&MountUsage| l.mount_point == now.mount_point && l.device == now.device;
        let last = last.and_then(|l| l.mounts.iter().find(same));
        // `rate` of a counter that runs down.
        let taken = last.and_then(|l| rate(l.available_bytes, now.available_bytes, secs));
        Mount { filling_bytes_per_sec: taken.filter(|t| *t > 0.0), ..Mount::from(now) }
    };
    sample.disk.iter().flat_map(|d| &d.mounts).map(derive).collect()
}

fn derive_containers(
    sample: &Sample,
    before: Option<&Sample>,
    secs: Option<f64>,
) -> Vec<Container> {
    let Some(now) = &sample.container else { return Vec::new() };
    let last: HashMap<&str, &ContainerStat> = before
        .and_then(|b| b.container.as_ref())
        .map(|c| c.containers.iter().map(|s| (s.id.as_str(), s)).collect())
        .unwrap_or_default();
    let derive = |stat: &ContainerStat| {
        // Another run counts its CPU time from zero.
        let last = last.get(stat.id.as_str()).filter(|l| l.started_at == stat.started_at);
        let used = last.and_then(|l| rate(stat.cpu_usec?, l.cpu_usec?, secs));
        let limit = stat.memory_limit_bytes.map(|limit| limit as f64);
        Container {
            cpu_percent: used.map(|usec_per_sec| usec_per_sec / 1e4),
            memory_percent: stat.memory_bytes.zip(limit).and_then(|(m, l)| percent(m as f64, l)),
            stat: stat.clone(),
        }
    };
    now.containers.iter().map(derive).collect()
}

fn derive_interfaces(
    sample: &Sample,
    before: Option<&Sample>,
    secs: Option<f64>,
) -> Vec<Interface> {
    let Some(network) = &sample.network else { return Vec::new() };
    let last = before.and_then(|b| b.network.as_ref());
    let derive = |now: &InterfaceCounters| {
        let last = last.and_then(|l| l.interfaces.iter().find(|i| i.interface == now.interface));
        let per_sec = |field: fn(&InterfaceCounters) -> u64| {
            last.and_then(|l| rate(field(now), field(l), secs))
        };
        Interface {
            interface: now.interface.clone(),
            rx_mbps: per_sec(|i| i.rx_bytes).map(|b| b / MEBI),
            tx_mbps: per_sec(|i| i.tx_bytes).map(|b| b / MEBI),
            errors_per_sec: per_sec(|i| i.rx_errors + i.tx_errors),
        }
    };
    network.interfaces.iter().map(derive).collect()
}
