//! What was measured: raw counters, one machine at one instant, typed per collector. This is what
//! is stored. Rates and percentages are derived in [`crate::snapshot`], so that a better formula
//! also improves what was recorded before.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::container::{ContainerSample, Probe};
use crate::ids::{MachineId, ProcRef};
use crate::scrape::ScrapeSample;
use crate::traffic::TrafficSample;
use crate::workload::WorkloadSample;

/// A source of observations: one local collector each.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// `/proc/PID/*`
    Process,
    /// `/proc/meminfo`, `/proc/vmstat`, `/proc/pressure/memory`
    Memory,
    /// `/proc/stat`, `/proc/loadavg`, cpufreq, hwmon, thermal
    Cpu,
    /// NVML, `/sys/class/drm`
    Gpu,
    /// `/proc/diskstats`, mounts, statvfs
    Disk,
    /// journald, or the kernel's ring buffer where there is none
    Journal,
    /// `/proc/net/*`
    Network,
    /// systemd units over D-Bus
    Unit,
    /// Containers, as their engine reports them
    Container,
    /// Traces, metrics and logs that services send (OTLP)
    Otlp,
    /// Incidents that others report over HTTP
    Webhook,
    /// Workloads, as a Kubernetes API server reports them
    Kubernetes,
    /// Metrics of Prometheus targets, as `[[scrape]]` names them
    Scrape,
}

impl Source {
    /// Every source that hale asks by itself, in the order in which screens list them.
    pub const ALL: [Source; 10] = [
        Source::Process,
        Source::Memory,
        Source::Cpu,
        Source::Gpu,
        Source::Disk,
        Source::Journal,
        Source::Network,
        Source::Unit,
        Source::Container,
        Source::Kubernetes,
    ];

    /// The name in JSON, SQL and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Process => "process",
            Source::Memory => "memory",
            Source::Cpu => "cpu",
            Source::Gpu => "gpu",
            Source::Disk => "disk",
            Source::Journal => "journal",
            Source::Network => "network",
            Source::Unit => "unit",
            Source::Container => "container",
            Source::Otlp => "otlp",
            Source::Webhook => "webhook",
            Source::Kubernetes => "kubernetes",
            Source::Scrape => "scrape",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a source did in this collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceState {
    /// Read now.
    Fresh,
    /// Could not be read; what is shown is older, or missing.
    Stale,
    /// This machine has no such thing (no GPU, no systemd): not an error.
    Absent,
}

/// A source's own report about one collection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SourceStatus {
    /// Which source.
    pub source: Source,
    /// How it did.
    pub state: SourceState,
    /// When it was last read well; none if never.
    pub last_fresh_at: Option<Timestamp>,
    /// How long this reading took.
    pub took_us: u64,
    /// Why it is stale or absent, or what was left out, in words with the place.
    pub note: Option<String>,
    /// Things seen but not kept because of a limit or because they vanished while being read.
    pub lost: u64,
}

/// Facts about the machine that do not change while it is up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HostFacts {
    /// Host name.
    pub hostname: String,
    /// `PRETTY_NAME` of `/etc/os-release`.
    pub os: String,
    /// Kernel release.
    pub kernel: String,
    /// `/proc/sys/kernel/random/boot_id`: start ticks of processes are only unique within it.
    pub boot_id: String,
    /// Clock ticks a second (`_SC_CLK_TCK`), the unit of all `_ticks` here.
    pub ticks_per_sec: u64,
    /// CPUs that are online.
    pub cores: u32,
}

/// Everything that was measured in one collection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The machine.
    pub machine_id: MachineId,
    /// Wall-clock time of the collection, for people and for storage.
    pub collected_at: Timestamp,
    /// `CLOCK_BOOTTIME` at the same moment, in nanoseconds. Rates use this: wall clocks jump.
    pub boottime_ns: u64,
    /// The machine's facts.
    pub host: Arc<HostFacts>,
    /// One entry for every source that was asked.
    pub sources: Vec<SourceStatus>,
    /// Processes.
    pub process: Option<ProcessSample>,
    /// Memory.
    pub memory: Option<MemorySample>,
    /// CPU.
    pub cpu: Option<CpuSample>,
    /// GPUs; an empty list is "none".
    pub gpu: Option<GpuSample>,
    /// Disks and mounts.
    pub disk: Option<DiskSample>,
    /// Journal entries since the sample before.
    pub journal: Option<JournalSample>,
    /// Network.
    pub network: Option<NetworkSample>,
    /// systemd units.
    pub unit: Option<UnitSample>,
    /// Containers.
    #[serde(default)]
    pub container: Option<ContainerSample>,
    /// Kubernetes workloads.
    #[serde(default)]
    pub workload: Option<WorkloadSample>,
    /// What is asked over the network while a cure is verified.
    #[serde(default)]
    pub probes: Vec<Probe>,
    /// What services told since the sample before; none: nothing receives here.
    #[serde(default)]
    pub traffic: Option<TrafficSample>,
    /// What Prometheus targets expose; none: no target is configured.
    #[serde(default)]
    pub scraped: Option<ScrapeSample>,
}

/// All processes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProcessSample {
    /// In ascending pid order.
    pub processes: Vec<ProcessStat>,
    /// hale's own process, its parents up to pid 1, then its workers: never targets.
    pub own_pids: Vec<i32>,
}

/// What does not change while a process lives (until it calls `exec`). Shared between samples.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProcessInfo {
    /// `comm`, at most 15 bytes, lossy UTF-8.
    pub name: String,
    /// Arguments joined by a space, lossy UTF-8, at most 4096 bytes; empty for kernel threads.
    pub cmdline: String,
    /// Target of `/proc/PID/exe`; none without the right to read it.
    pub exe: Option<String>,
    /// Real user id of the owner.
    pub uid: u32,
    /// The owner's name, or the number as text.
    pub user: String,
    /// cgroup path (v2, or the named systemd hierarchy).
    pub cgroup: Option<String>,
    /// systemd unit that owns the process (`nginx.service`), told by its cgroup.
    pub unit: Option<String>,
    /// Id of the container that holds it, told by its cgroup.
    pub container: Option<String>,
    /// Whether it is a thread of the kernel.
    pub kernel_thread: bool,
}

/// How hale knows the original parent of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParentKnownBy {
    /// hale saw the process while that parent lived.
    Observed,
    /// The leader of its session or process group still lives and is the likely ancestor.
    Session,
    /// Its cgroup or the names of its environment variables tell (never their values).
    Trace,
}

/// The parent that a process had before it was orphaned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OriginalParent {
    /// Its identity; none where only a trace of it is left.
    pub process: Option<ProcRef>,
    /// Its `comm`, or the agent's name that the trace tells (`claude`).
    pub name: String,
    /// Its command line, as in [`ProcessInfo::cmdline`].
    pub cmdline: String,
    /// How this is known.
    pub known_by: ParentKnownBy,
}

/// One process at one instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessStat {
    /// Process id.
    pub pid: i32,
    /// Start time in clock ticks after boot; with `pid` it identifies the process.
    pub start_ticks: u64,
    /// Parent now.
    pub ppid: i32,
    /// The parent it was started by, where that is known and no longer its parent.
    pub original_parent: Option<Arc<OriginalParent>>,
    /// Process group.
    pub pgid: i32,
    /// Session.
    pub sid: i32,
    /// The kernel's state letter: R S D Z T t X I.
    pub state: char,
    /// User time in clock ticks.
    pub utime_ticks: u64,
    /// System time in clock ticks.
    pub stime_ticks: u64,
    /// Nice value, -20 to 19.
    pub nice: i32,
    /// Threads.
    pub threads: u32,
    /// Resident memory.
    pub rss_bytes: u64,
    /// Open file descriptors; none without the right to look.
    pub open_fds: Option<u32>,
    /// Bytes that it had storage read, since its start; none without the right to look.
    pub read_bytes: Option<u64>,
    /// Bytes that it had storage write.
    pub write_bytes: Option<u64>,
    /// What does not change.
    pub info: Arc<ProcessInfo>,
}

impl ProcessStat {
    /// The identity of this process.
    pub fn proc_ref(&self) -> ProcRef {
        ProcRef { pid: self.pid, start_ticks: self.start_ticks, name: self.info.name.clone() }
    }
}

/// One line of `/proc/pressure/*`: share of time stalled, in percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pressure {
    /// Some task stalled, mean of 10 s.
    pub some_avg10: f64,
    /// Some task stalled, mean of 60 s.
    pub some_avg60: f64,
    /// All tasks stalled, mean of 10 s (0 for CPU).
    pub full_avg10: f64,
    /// All tasks stalled, mean of 60 s.
    pub full_avg60: f64,
}

/// A cgroup whose tasks wait for memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StalledCgroup {
    /// Its path in the unified hierarchy, as `/proc/PID/cgroup` names it.
    pub cgroup: String,
    /// The service that it is, or lies in.
    pub unit: Option<String>,
    /// The container that it is, or lies in.
    pub container: Option<String>,
    /// Its `memory.pressure`.
    pub pressure: Pressure,
    /// What it holds; none where that cannot be read.
    pub used_bytes: Option<u64>,
    /// What it may hold, the lower of `memory.high` and `memory.max`; none without a limit.
    pub limit_bytes: Option<u64>,
}

/// `/proc/meminfo` and `/proc/vmstat`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MemorySample {
    /// MemTotal.
    pub total_bytes: u64,
    /// MemFree.
    pub free_bytes: u64,
    /// MemAvailable.
    pub available_bytes: u64,
    /// Buffers.
    pub buffers_bytes: u64,
    /// Cached and SReclaimable.
    pub cached_bytes: u64,
    /// Shmem.
    pub shmem_bytes: u64,
    /// Dirty.
    pub dirty_bytes: u64,
    /// SwapTotal.
    pub swap_total_bytes: u64,
    /// SwapFree.
    pub swap_free_bytes: u64,
    /// `pswpin`: pages swapped in since boot.
    pub swap_in_pages: u64,
    /// `pswpout`.
    pub swap_out_pages: u64,
    /// `oom_kill`: victims since boot.
    pub oom_kills: u64,
    /// Memory pressure; none on kernels without PSI.
    pub pressure: Option<Pressure>,
    /// Where it comes from, the worst first; looked for only while there is some.
    #[serde(default)]
    pub stalled: Vec<StalledCgroup>,
}

/// CPU time since boot, in clock ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuTicks {
    /// User and nice.
    pub user: u64,
    /// System.
    pub system: u64,
    /// Idle.
    pub idle: u64,
    /// Waiting for storage.
    pub iowait: u64,
    /// Interrupts and soft interrupts.
    pub irq: u64,
    /// Taken by the hypervisor.
    pub steal: u64,
}

impl CpuTicks {
    /// All of it.
    pub fn total(&self) -> u64 {
        self.user + self.system + self.idle + self.iowait + self.irq + self.steal
    }

    /// All that was work: neither idle nor waiting for storage.
    pub fn busy(&self) -> u64 {
        self.user + self.system + self.irq + self.steal
    }
}

/// A temperature sensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Temperature {
    /// `coretemp/Package id 0`, `thermal/x86_pkg_temp`.
    pub label: String,
    /// Degrees Celsius.
    pub celsius: f64,
    /// The hardware's own critical limit.
    pub critical_celsius: Option<f64>,
}

/// CPU counters, load, frequencies, temperatures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CpuSample {
    /// All cores together.
    pub total: CpuTicks,
    /// Each core.
    pub cores: Vec<CpuTicks>,
    /// Load averages over 1, 5 and 15 minutes.
    pub load: [f64; 3],
    /// Runnable tasks now.
    pub runnable: u32,
    /// Current frequency of each core in MHz; empty where the kernel does not tell.
    pub frequency_mhz: Vec<u32>,
    /// CPU and board sensors; empty where there are none.
    pub temperatures: Vec<Temperature>,
    /// CPU pressure; none on kernels without PSI.
    pub pressure: Option<Pressure>,
}

/// GPUs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GpuSample {
    /// Empty: none.
    pub gpus: Vec<GpuStat>,
}

/// One GPU.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GpuStat {
    /// Index in its driver's order.
    pub index: u32,
    /// `nvidia` or `amd`.
    pub vendor: String,
    /// Product name.
    pub name: String,
    /// Share of time with work, in percent.
    pub busy_percent: Option<f64>,
    /// Memory in all.
    pub memory_total_bytes: u64,
    /// Memory in use.
    pub memory_used_bytes: u64,
    /// Degrees Celsius.
    pub celsius: Option<f64>,
    /// Power draw in watts.
    pub power_watts: Option<f64>,
    /// Processes that hold memory on it.
    pub processes: Vec<GpuProcess>,
}

/// A process that uses a GPU.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GpuProcess {
    /// Process id.
    pub pid: i32,
    /// GPU memory it holds.
    pub memory_bytes: u64,
}

/// Disks and mounts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DiskSample {
    /// Whole block devices that are not loop, ram or zram.
    pub devices: Vec<DeviceCounters>,
    /// Real mounts: block devices, tmpfs, overlay roots and network file systems; each device once.
    pub mounts: Vec<MountUsage>,
    /// I/O pressure; none on kernels without PSI.
    pub pressure: Option<Pressure>,
}

/// One line of `/proc/diskstats`: since boot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceCounters {
    /// `nvme0n1`
    pub device: String,
    /// Reads completed.
    pub reads: u64,
    /// Bytes read.
    pub read_bytes: u64,
    /// Milliseconds spent reading, over all requests.
    pub read_ms: u64,
    /// Writes completed.
    pub writes: u64,
    /// Bytes written.
    pub write_bytes: u64,
    /// Milliseconds spent writing.
    pub write_ms: u64,
    /// Milliseconds with at least one request in flight.
    pub busy_ms: u64,
}

/// One mounted file system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountUsage {
    /// Where.
    pub mount_point: String,
    /// What is mounted.
    pub device: String,
    /// `ext4`, `tmpfs`, …
    pub fs_type: String,
    /// Size.
    pub total_bytes: u64,
    /// Free, including what is reserved for root.
    pub free_bytes: u64,
    /// Free for everyone.
    pub available_bytes: u64,
    /// Inodes in all; 0 where the file system has no fixed number.
    pub inodes_total: u64,
    /// Inodes that are free.
    pub inodes_free: u64,
    /// Mounted read-only.
    pub read_only: bool,
}

/// Where journal entries come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JournalBackend {
    /// systemd-journald through `journalctl`.
    Journald,
    /// The kernel's ring buffer, `/dev/kmsg`.
    Kmsg,
    /// Neither can be read.
    #[default]
    None,
}

/// What the journal said since the sample before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JournalSample {
    /// Where the entries come from.
    pub backend: JournalBackend,
    /// Priority warning and worse, and all of the kernel's; oldest first.
    pub entries: Vec<JournalEntry>,
    /// Cursor after the last entry, to go on from after a restart.
    pub cursor: Option<String>,
}

/// One journal entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JournalEntry {
    /// When it was logged.
    pub logged_at: Timestamp,
    /// syslog priority: 0 emergency … 4 warning … 7 debug.
    pub priority: u8,
    /// systemd unit that logged it.
    pub unit: Option<String>,
    /// syslog identifier (`sshd`, `kernel`).
    pub identifier: String,
    /// Process that logged it.
    pub pid: Option<i32>,
    /// Whether the kernel logged it.
    pub kernel: bool,
    /// At most 4096 bytes, lossy UTF-8.
    pub message: String,
}

/// Network counters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NetworkSample {
    /// Each interface, loopback included.
    pub interfaces: Vec<InterfaceCounters>,
    /// TCP sockets by state name (`established`, `time_wait`, …), IPv4 and IPv6 together.
    pub tcp_states: BTreeMap<String, u32>,
    /// Listening TCP and bound UDP sockets.
    pub listeners: Vec<Listener>,
}

/// One line of `/proc/net/dev`: since boot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceCounters {
    /// `eth0`
    pub interface: String,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Packets received.
    pub rx_packets: u64,
    /// Receive errors and drops.
    pub rx_errors: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Send errors and drops.
    pub tx_errors: u64,
}

/// A socket that waits for others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listener {
    /// `tcp`, `tcp6`, `udp`, `udp6`
    pub protocol: String,
    /// Local address.
    pub address: String,
    /// Local port.
    pub port: u16,
    /// Owner's user id.
    pub uid: u32,
}

/// systemd service units that are loaded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UnitSample {
    /// Services, sorted by name.
    pub units: Vec<UnitStat>,
}

/// One service unit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnitStat {
    /// `nginx.service`
    pub unit: String,
    /// systemd's `Type=`: `simple`, `notify`, `oneshot`, …; empty where it was not read.
    #[serde(default)]
    pub service_type: String,
    /// `active`, `activating`, `failed`, `inactive`, …
    pub active_state: String,
    /// `running`, `auto-restart`, `dead`, …
    pub sub_state: String,
    /// Why the last run ended: `success`, `exit-code`, `oom-kill`, `start-limit-hit`, …
    pub result: String,
    /// Exit status of the last main process.
    pub exit_status: i32,
    /// Automatic restarts since it was last started by hand.
    pub restarts: u32,
    /// Main process, 0 if none.
    pub main_pid: i32,
    /// Id of this very run of the unit, 32 hex digits; empty where it never ran.
    pub invocation_id: String,
}
