//! What rules can see of a snapshot: plain facts by name, for the expression language.

use cel::Context;
use hale_model::config::Config;
use hale_model::sample::{GpuStat, Pressure, Source, Temperature, UnitStat};
use hale_model::scrape::{ScrapedTarget, Series};
use hale_model::snapshot::{Mount, Process, Snapshot, System};
use serde::Deserialize;
use serde_json::{Value, json};

use super::expression::{Names, to_cel};

/// Most things of one scope that rules look at.
pub(super) const MAX_SUBJECTS: usize = 1024;
/// Most processes that a rule without `only` looks at: the largest by CPU, memory and open files.
const MAX_PROCESSES_EACH_WAY: usize = 64;

/// What a rule is asked about, once for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scope {
    /// The machine as a whole.
    Machine,
    /// Each mounted file system, as `mount`.
    Mount,
    /// Each GPU, as `gpu`.
    Gpu,
    /// Each temperature sensor, GPUs included, as `sensor`.
    Sensor,
    /// Each service unit, as `unit`.
    Unit,
    /// The largest processes, or those that `only` names, as `process`.
    Process,
    /// Each series of Prometheus targets whose metric `only` names, as `metric`.
    Metric,
}

impl Scope {
    /// The name under which a rule finds the thing it is asked about.
    pub(super) fn variable(self) -> Option<&'static str> {
        match self {
            Scope::Machine => None,
            Scope::Mount => Some("mount"),
            Scope::Gpu => Some("gpu"),
            Scope::Sensor => Some("sensor"),
            Scope::Unit => Some("unit"),
            Scope::Process => Some("process"),
            Scope::Metric => Some("metric"),
        }
    }

    /// The source that such facts come from where the rule does not say.
    pub(super) fn source(self) -> Source {
        match self {
            Scope::Machine => Source::Cpu,
            Scope::Mount => Source::Disk,
            Scope::Gpu => Source::Gpu,
            Scope::Sensor => Source::Cpu,
            Scope::Unit => Source::Unit,
            Scope::Process => Source::Process,
            Scope::Metric => Source::Scrape,
        }
    }
}

/// A sensor with the limit that holds for it.
pub(super) struct Sensor<'a> {
    pub(super) label: String,
    pub(super) source: Source,
    celsius: f64,
    limit: Option<f64>,
    critical: Option<&'a f64>,
}

/// Readings outside are a broken sensor, not a temperature.
const PLAUSIBLE_CELSIUS: std::ops::Range<f64> = -40.0..140.0;
/// Below the hardware's own limit, for sensors that are no CPU.
const CRITICAL_MARGIN_CELSIUS: f64 = 5.0;
/// How a CPU's sensors are called.
const CPU_SENSORS: &[&str] = &["coretemp", "k10temp", "zenpower", "cpu", "x86_pkg", "soc"];

/// Every sensor with a plausible reading.
pub(super) fn sensors<'a>(snapshot: &'a Snapshot, config: &Config) -> Vec<Sensor<'a>> {
    let cpu = |t: &'a Temperature| {
        let label = t.label.to_ascii_lowercase();
        let is_cpu = CPU_SENSORS.iter().any(|name| label.contains(name));
        let own = t.critical_celsius.map(|c| c - CRITICAL_MARGIN_CELSIUS);
        Sensor {
            label: t.label.clone(),
            source: Source::Cpu,
            celsius: t.celsius,
            limit: if is_cpu { Some(config.thresholds.temperature_cpu_max) } else { own },
            critical: t.critical_celsius.as_ref(),
        }
    };
    let gpu = |g: &'a GpuStat| {
        g.celsius.map(|celsius| Sensor {
            label: gpu_label(g),
            source: Source::Gpu,
            celsius,
            limit: Some(config.thresholds.temperature_gpu_max),
            critical: None,
        })
    };
    let all = snapshot.temperatures.iter().map(cpu).chain(snapshot.gpus.iter().filter_map(gpu));
    all.filter(|s| PLAUSIBLE_CELSIUS.contains(&s.celsius)).take(MAX_SUBJECTS).collect()
}

/// `gpu0 NVIDIA H100`
pub(super) fn gpu_label(gpu: &GpuStat) -> String {
    format!("gpu{} {}", gpu.index, gpu.name)
}

/// The facts about the whole machine.
pub(crate) fn machine(snapshot: &Snapshot, config: &Config) -> Vec<(&'static str, Value)> {
    vec![
        ("system", as_json(&snapshot.system)),
        ("host", as_json(&*snapshot.host)),
        ("tcp", as_json(&snapshot.tcp_states)),
        ("config", config_facts(config)),
    ]
}

/// The part of the configuration that rules may read.
pub(super) fn config_facts(config: &Config) -> Value {
    json!({
        "thresholds": as_json(&config.thresholds),
        "general": { "interval_secs": config.general.interval_secs },
    })
}

pub(crate) fn mount(mount: &Mount) -> Value {
    as_json(mount)
}

pub(super) fn gpu(gpu: &GpuStat) -> Value {
    json!({
        "label": gpu_label(gpu), "index": gpu.index, "vendor": gpu.vendor, "name": gpu.name,
        "busy_percent": gpu.busy_percent, "memory_total_bytes": gpu.memory_total_bytes,
        "memory_used_bytes": gpu.memory_used_bytes, "celsius": gpu.celsius,
        "power_watts": gpu.power_watts,
    })
}

pub(super) fn sensor(sensor: &Sensor<'_>) -> Value {
    json!({
        "label": sensor.label, "celsius": sensor.celsius, "limit": sensor.limit,
        "critical": sensor.critical,
    })
}

pub(crate) fn unit(unit: &UnitStat) -> Value {
    as_json(unit)
}

/// A series of a Prometheus target. A rate that is not known yet is missing.
pub(super) fn metric(target: &ScrapedTarget, series: &Series) -> Value {
    let labels: serde_json::Map<String, Value> =
        series.labels.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    json!({
        "target": target.target, "name": series.metric, "kind": series.kind.as_str(),
        "labels": labels, "value": series.value, "per_sec": target.per_sec(series),
    })
}

pub(crate) fn process(p: &Process) -> Value {
    json!({
        "pid": p.pid, "name": p.info.name, "cmdline": p.info.cmdline, "user": p.info.user,
        "state": p.state.to_string(), "cpu_percent": p.cpu_percent, "rss_bytes": p.rss_bytes,
        "mem_percent": p.mem_percent, "threads": p.threads, "nice": p.nice,
        "open_fds": p.open_fds, "age_secs": p.age_secs,
        "read_bytes_per_sec": p.read_bytes_per_sec, "write_bytes_per_sec": p.write_bytes_per_sec,
        "unit": p.info.unit, "container": p.info.container,
    })
}

/// The processes that a rule without `only` is asked about.
pub(super) fn largest_processes(snapshot: &Snapshot) -> Vec<&Process> {
    let mut chosen: Vec<&Process> = Vec::new();
    let keys: [fn(&Process) -> u64; 3] = [
        |p| (p.cpu_percent.unwrap_or(0.0) * 100.0) as u64,
        |p| p.rss_bytes,
        |p| u64::from(p.open_fds.unwrap_or(0)),
    ];
    for key in keys {
        chosen.extend(top_by(snapshot.processes.iter().collect(), MAX_PROCESSES_EACH_WAY, key));
    }
    chosen.sort_by_key(|p| p.pid);
    chosen.dedup_by_key(|p| p.pid);
    chosen
}

/// The `count` greatest, greatest first; ties by pid, so that the order is always the same.
pub(super) fn top_by(
    mut of: Vec<&Process>,
    count: usize,
    key: impl Fn(&Process) -> u64,
) -> Vec<&Process> {
    let order = |p: &&Process| (std::cmp::Reverse(key(p)), p.pid);
    if of.len() > count && count > 0 {
        of.select_nth_unstable_by_key(count - 1, order);
        of.truncate(count);
    }
    of.sort_by_key(order);
    of
}

/// A context with these facts.
pub(crate) fn context(
    env: &std::sync::Arc<cel::Env>,
    facts: &[(&'static str, Value)],
) -> Context<'static, 'static> {
    let mut context = Context::with_env(env.clone());
    for (name, value) in facts {
        context.add_variable_from_value(*name, to_cel(value));
    }
    context
}

/// Facts of a machine on which everything is known: rules are tried on them when they are loaded.
pub(crate) fn complete(scope: Scope) -> Vec<(&'static str, Value)> {
    let config = Config::default();
    let mut facts = vec![
        ("system", as_json(&complete_system())),
        ("host", as_json(&hale_model::sample::HostFacts { cores: 4, ..Default::default() })),
        ("tcp", json!({})),
        ("config", config_facts(&config)),
    ];
    let about = match scope {
        Scope::Machine => None,
        Scope::Mount => Some(mount(&Mount { inode_free_percent: Some(50.0), ..Mount::default() })),
        Scope::Gpu => Some(gpu(&GpuStat {
            busy_percent: Some(1.5),
            celsius: Some(40.5),
            power_watts: Some(100.5),
            ..GpuStat::default()
        })),
        Scope::Sensor => Some(json!({
            "label": "cpu", "celsius": 40.5, "limit": 85.5, "critical": 100.5
        })),
        Scope::Unit => Some(unit(&UnitStat::default())),
        Scope::Process => Some(json!({
            "pid": 2, "name": "a", "cmdline": "a b", "user": "root", "state": "S",
            "cpu_percent": 1.5, "rss_bytes": 4096, "mem_percent": 0.5, "threads": 1, "nice": 0,
            "open_fds": 3, "age_secs": 10.5, "read_bytes_per_sec": 1.5,
            "write_bytes_per_sec": 1.5, "unit": "a.service", "container": "c",
        })),
        Scope::Metric => Some(json!({
            "target": "node", "name": "node_load1", "kind": "gauge", "labels": {},
            "value": 0.5, "per_sec": 0.5,
        })),
    };
    facts.extend(scope.variable().zip(about));
    facts
}

/// As [`complete`], with the labels that these expressions name: which there are, only a target can tell.
pub(super) fn complete_for<'a>(
    scope: Scope,
    expressions: impl Iterator<Item = &'a str>,
) -> Vec<(&'static str, Value)> {
    const BEFORE: &str = "metric.labels.";
    let mut facts = complete(scope);
    let in_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    for named in expressions.flat_map(|e| e.split(BEFORE).skip(1)) {
        let end = named.find(|c| !in_name(c)).unwrap_or(named.len());
        let label = named.get(..end).unwrap_or_default();
        let metric = facts.iter_mut().find(|(name, _)| *name == "metric");
        if let Some(labels) = metric.and_then(|(_, m)| m.get_mut("labels")?.as_object_mut()) {
            labels.insert(label.to_owned(), json!(""));
        }
    }
    facts
}

fn complete_system() -> System {
    let pressure = Some(Pressure { some_avg10: 0.5, ..Pressure::default() });
    let half = Some(0.5);
    System {
        cpu_total: half,
        cpu_cores: vec![0.5],
        cpu_iowait: half,
        cpu_steal: half,
        frequency_mhz: half,
        load1: half,
        load5: half,
        load15: half,
        mem_total_bytes: Some(1 << 30),
        mem_used_bytes: Some(1 << 20),
        mem_available_bytes: Some(1 << 29),
        mem_cached_bytes: Some(1 << 20),
        mem_used_percent: half,
        swap_total_bytes: Some(1 << 30),
        swap_used_bytes: Some(1 << 20),
        swap_used_percent: half,
        swap_in_pages_per_sec: half,
        swap_out_pages_per_sec: half,
        oom_kills: Some(0),
        cpu_pressure: pressure,
        memory_pressure: pressure,
        io_pressure: pressure,
        disk_read_mbps: half,
        disk_write_mbps: half,
        net_rx_mbps: half,
        net_tx_mbps: half,
        process_count: Some(1),
        zombie_count: Some(0),
    }
}

/// The names that a rule of this scope may use.
pub(super) fn names(scope: Scope, vars: &[String]) -> Names {
    let mut names = Names::default();
    for (name, value) in complete(scope) {
        // Which TCP states there are depends on the machine.
        let below = if name == "tcp" { Names::default() } else { Names::of(&value) };
        names.0.insert(name.to_owned(), below);
    }
    if !vars.is_empty() {
        let vars = vars.iter().map(|v| (v.clone(), Names::default())).collect();
        names.0.insert("vars".to_owned(), Names(vars));
    }
    names
}

fn as_json(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}
