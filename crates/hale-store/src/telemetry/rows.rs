//! From samples to rows: what was measured, and how much each counter grew since the sample before.

use std::collections::BTreeSet;

use duckdb::types::{TimeUnit, Value};
use hale_model::Timestamp;
use hale_model::container::ContainerStat;
use hale_model::health::{Health, Prediction};
use hale_model::ids::MachineId;
use hale_model::sample::{
    CpuTicks, DeviceCounters, InterfaceCounters, JournalEntry, MemorySample, Pressure, ProcessStat,
    Sample, SourceState,
};
use hale_model::snapshot::{Process, Snapshot};
use hale_model::text;
use serde_json::json;

use super::tables::TableId;
use super::{MetricPoint, Row};

const SOURCE_VERSION: &str = env!("CARGO_PKG_VERSION");
const SCHEMA_VERSION: i64 = 1;
/// Processes that are kept of each sample: so many by CPU, by memory, and by open files.
const TOP_LIMIT: usize = 20;
const COMMAND_LIMIT_BYTES: usize = 200;

/// What of a sample is needed to tell how much the next one's counters grew.
pub(super) fn counters_of(sample: &Sample) -> Sample {
    Sample {
        machine_id: sample.machine_id.clone(),
        collected_at: sample.collected_at,
        boottime_ns: sample.boottime_ns,
        host: sample.host.clone(),
        sources: Vec::new(),
        process: None,
        memory: sample.memory.clone(),
        cpu: sample.cpu.clone(),
        gpu: None,
        disk: sample.disk.clone(),
        journal: None,
        network: sample.network.clone(),
        unit: None,
        container: sample.container.clone(),
        workload: None,
        probes: Vec::new(),
        scraped: super::scraped::times_of(sample),
        traffic: None,
    }
}

/// All rows of a sample but its journal.
pub(super) fn of_sample(sample: &Sample, snapshot: &Snapshot, before: Option<&Sample>) -> Vec<Row> {
    let before = before
        .filter(|b| b.host.boot_id == sample.host.boot_id && b.boottime_ns < sample.boottime_ns);
    let mut rows = vec![system(sample, snapshot, before)];
    rows.extend(processes(sample, snapshot));
    rows.extend(devices(sample, before));
    rows.extend(mounts(sample));
    rows.extend(interfaces(sample, before));
    rows.extend(gpus(sample));
    rows.extend(containers(sample, before));
    rows
}

fn time(at: Timestamp) -> Value {
    Value::Timestamp(TimeUnit::Microsecond, at.as_microsecond())
}

pub(super) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// Counters of the kernel fit into 63 bits; what does not is shown as the greatest that does.
pub(super) fn int(n: impl TryInto<i64>) -> Value {
    Value::BigInt(n.try_into().unwrap_or(i64::MAX))
}

pub(super) fn maybe<T>(value: Option<T>, cell: impl FnOnce(T) -> Value) -> Value {
    value.map_or(Value::Null, cell)
}

pub(super) fn common(machine: &MachineId, at: Timestamp, source: &str) -> Vec<Value> {
    vec![time(at), text(machine.as_str()), text(source), text(SOURCE_VERSION), int(SCHEMA_VERSION)]
}

fn elapsed(sample: &Sample, before: Option<&Sample>) -> Value {
    maybe(before, |b| Value::Double((sample.boottime_ns - b.boottime_ns) as f64 / 1e9))
}

/// For each field its value, then for each field its growth.
fn counters<T>(cells: &mut Vec<Value>, fields: &[fn(&T) -> u64], now: Option<&T>, was: Option<&T>) {
    cells.extend(fields.iter().map(|field| maybe(now, |n| int(field(n)))));
    cells.extend(
        fields.iter().map(|field| {
            maybe(now.zip(was).and_then(|(n, w)| field(n).checked_sub(field(w))), int)
        }),
    );
}

const CPU: [fn(&CpuTicks) -> u64; 6] =
    [|t| t.user, |t| t.system, |t| t.idle, |t| t.iowait, |t| t.irq, |t| t.steal];
const MEMORY: [fn(&MemorySample) -> u64; 3] =
    [|m| m.swap_in_pages, |m| m.swap_out_pages, |m| m.oom_kills];
const DEVICE: [fn(&DeviceCounters) -> u64; 7] = [
    |d| d.reads,
    |d| d.read_bytes,
    |d| d.read_ms,
    |d| d.writes,
    |d| d.write_bytes,
    |d| d.write_ms,
    |d| d.busy_ms,
];
const INTERFACE: [fn(&InterfaceCounters) -> u64; 6] = [
    |i| i.rx_bytes,
    |i| i.rx_packets,
    |i| i.rx_errors,
    |i| i.tx_bytes,
    |i| i.tx_packets,
    |i| i.tx_errors,
];

fn system(sample: &Sample, snapshot: &Snapshot, before: Option<&Sample>) -> Row {
    let mut cells = common(&sample.machine_id, sample.collected_at, "local");
    cells.push(text(&sample.host.boot_id));
    cells.push(elapsed(sample, before));
    cells.push(int(sample.host.cores));
    cells.push(maybe(sample.cpu.as_ref(), |c| int(c.runnable)));
    // Counted before the list of processes was cut down to what is stored.
    cells.push(maybe(snapshot.system.process_count, int));
    cells.push(maybe(snapshot.system.zombie_count, int));
    let cpu = sample.cpu.as_ref();
    let cpu_was = before.and_then(|b| b.cpu.as_ref());
    cells.extend(ticks(cpu.map(|c| &c.total), cpu_was.map(|c| &c.total)));
    for at in 0..3 {
        cells.push(maybe(cpu, |c| Value::Double(c.load[at])));
    }
    cells.push(maybe(cpu.and_then(|c| mean(&c.frequency_mhz)), Value::Double));
    let hottest = cpu.and_then(|c| c.temperatures.iter().map(|t| t.celsius).reduce(f64::max));
    cells.push(maybe(hottest, Value::Double));
    let memory = sample.memory.as_ref();
    let gauges: [fn(&MemorySample) -> u64; 9] = [
        |m| m.total_bytes,
        |m| m.free_bytes,
        |m| m.available_bytes,
        |m| m.buffers_bytes,
        |m| m.cached_bytes,
        |m| m.shmem_bytes,
        |m| m.dirty_bytes,
        |m| m.swap_total_bytes,
        |m| m.swap_free_bytes,
    ];
    cells.extend(gauges.iter().map(|gauge| maybe(memory, |m| int(gauge(m)))));
    counters(&mut cells, &MEMORY, memory, before.and_then(|b| b.memory.as_ref()));
    cells.extend(pressures(sample));
    cells.extend(throughput(sample, before));
    cells.push(Value::Text(details(sample).to_string()));
    (TableId::System, cells)
}

/// As [`counters`], but single parts may shrink while the whole grows: the kernel's iowait does.
fn ticks(now: Option<&CpuTicks>, was: Option<&CpuTicks>) -> Vec<Value> {
    let was = now.zip(was).filter(|(now, was)| now.total() >= was.total()).map(|(_, was)| was);
    let grown = |field: &fn(&CpuTicks) -> u64| {
        let (now, was) = now.zip(was)?;
        Some(i128::from(field(now)) - i128::from(field(was)))
    };
    let mut cells: Vec<Value> = CPU.iter().map(|f| maybe(now, |n| int(f(n)))).collect();
    cells.extend(CPU.iter().map(|field| maybe(grown(field), int)));
    cells
}

fn mean(all: &[u32]) -> Option<f64> {
    let sum: u64 = all.iter().map(|n| u64::from(*n)).sum();
    (!all.is_empty()).then(|| sum as f64 / all.len() as f64)
}

fn pressures(sample: &Sample) -> Vec<Value> {
    let cell = |pressure: Option<Pressure>, field: fn(&Pressure) -> f64| {
        maybe(pressure, |p| Value::Double(field(&p)))
    };
    let cpu = sample.cpu.as_ref().and_then(|c| c.pressure);
    let mut cells = vec![cell(cpu, |p| p.some_avg10), cell(cpu, |p| p.some_avg60)];
    let memory = sample.memory.as_ref().and_then(|m| m.pressure);
    let io = sample.disk.as_ref().and_then(|d| d.pressure);
    for pressure in [memory, io] {
        cells.push(cell(pressure, |p| p.some_avg10));
        cells.push(cell(pressure, |p| p.some_avg60));
        cells.push(cell(pressure, |p| p.full_avg10));
        cells.push(cell(pressure, |p| p.full_avg60));
    }
    cells
}

/// Bytes read, written, received and sent since the sample before, over all devices and all
/// interfaces but loopback; those that are new or were reset do not count.
fn throughput(sample: &Sample, before: Option<&Sample>) -> [Value; 4] {
    let disk = |field: fn(&DeviceCounters) -> u64| {
        let (now, was) = (sample.disk.as_ref()?, before?.disk.as_ref()?);
        total(now.devices.iter().map(|d| {
            let last = was.devices.iter().find(|w| w.device == d.device)?;
            field(d).checked_sub(field(last))
        }))
    };
    let net = |field: fn(&InterfaceCounters) -> u64| {
        let (now, was) = (sample.network.as_ref()?, before?.network.as_ref()?);
        total(now.interfaces.iter().filter(|i| i.interface != "lo").map(|i| {
            let last = was.interfaces.iter().find(|w| w.interface == i.interface)?;
            field(i).checked_sub(field(last))
        }))
    };
    [
        maybe(disk(|d| d.read_bytes), int),
        maybe(disk(|d| d.write_bytes), int),
        maybe(net(|i| i.rx_bytes), int),
        maybe(net(|i| i.tx_bytes), int),
    ]
}

fn total(grown: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    grown.flatten().fold(None, |all, one| Some(all.unwrap_or(0_u64).saturating_add(one)))
}

/// What has no column: sources that are not well, sockets, sensors, cores.
fn details(sample: &Sample) -> serde_json::Value {
    let unwell: Vec<_> = sample
        .sources
        .iter()
        .filter(|s| s.state != SourceState::Fresh || s.lost > 0)
        .map(|s| json!({ "source": s.source, "state": s.state, "note": s.note, "lost": s.lost }))
        .collect();
    let cores: Vec<[u64; 6]> =
        sample.cpu.iter().flat_map(|c| &c.cores).map(|core| CPU.map(|field| field(core))).collect();
    json!({
        "sources": unwell,
        "tcp_states": sample.network.as_ref().map(|n| &n.tcp_states),
        "temperatures": sample.cpu.as_ref().map(|c| &c.temperatures),
        "core_ticks": cores,
    })
}

fn processes(sample: &Sample, snapshot: &Snapshot) -> Vec<Row> {
    leading(sample, snapshot).into_iter().map(|p| process(sample, p)).collect()
}

/// The processes that lead by CPU, by memory or by open files.
pub(super) fn leading<'a>(
    sample: &'a Sample,
    snapshot: &'a Snapshot,
) -> Vec<(&'a ProcessStat, Option<&'a Process>)> {
    let Some(measured) = &sample.process else { return Vec::new() };
    let both: Vec<(&ProcessStat, Option<&Process>)> = measured
        .processes
        .iter()
        .map(|stat| {
            let derived = snapshot.process(stat.pid);
            (stat, derived.filter(|d| d.start_ticks == stat.start_ticks))
        })
        .collect();
    let mut chosen = BTreeSet::new();
    lead(&mut chosen, &both, |(_, derived)| derived.and_then(|d| d.cpu_percent).unwrap_or(0.0));
    lead(&mut chosen, &both, |(stat, _)| stat.rss_bytes as f64);
    lead(&mut chosen, &both, |(stat, _)| f64::from(stat.open_fds.unwrap_or(0)));
    chosen.into_iter().filter_map(|at| both.get(at)).copied().collect()
}

/// Adds the places of the first few by this figure, those with nothing left out.
fn lead<T>(chosen: &mut BTreeSet<usize>, all: &[T], figure: impl Fn(&T) -> f64) {
    let mut places: Vec<(f64, usize)> = all
        .iter()
        .enumerate()
        .map(|(at, one)| (figure(one), at))
        .filter(|(f, _)| *f > 0.0)
        .collect();
    places.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    chosen.extend(places.iter().take(TOP_LIMIT).map(|(_, at)| *at));
}

fn process(sample: &Sample, (stat, derived): (&ProcessStat, Option<&Process>)) -> Row {
    let mut cells = common(&sample.machine_id, sample.collected_at, "process");
    let words = |word: &Option<String>| maybe(word.as_deref(), text);
    cells.extend([
        text(&sample.host.boot_id),
        int(stat.pid),
        int(stat.start_ticks),
        int(stat.ppid),
        int(stat.pgid),
        text(&stat.info.name),
        Value::Text(text::shorten(&stat.info.cmdline, COMMAND_LIMIT_BYTES)),
        text(&stat.info.user),
        Value::Text(stat.state.to_string()),
        words(&stat.info.unit),
        words(&stat.info.container),
        int(stat.threads),
        int(stat.nice),
        maybe(derived.and_then(|d| d.cpu_percent), Value::Double),
        int(stat.rss_bytes),
        maybe(stat.open_fds, int),
        int(stat.utime_ticks),
        int(stat.stime_ticks),
        maybe(stat.read_bytes, int),
        maybe(stat.write_bytes, int),
    ]);
    (TableId::Processes, cells)
}

fn devices(sample: &Sample, before: Option<&Sample>) -> Vec<Row> {
    let last = before.and_then(|b| b.disk.as_ref());
    let row = |now: &DeviceCounters| {
        let was = last.and_then(|l| l.devices.iter().find(|w| w.device == now.device));
        let mut cells = common(&sample.machine_id, sample.collected_at, "disk");
        cells.extend([text(&sample.host.boot_id), text(&now.device), elapsed(sample, before)]);
        counters(&mut cells, &DEVICE, Some(now), was);
        (TableId::Devices, cells)
    };
    sample.disk.iter().flat_map(|d| &d.devices).map(row).collect()
}

fn mounts(sample: &Sample) -> Vec<Row> {
    let mounts = sample.disk.iter().flat_map(|d| &d.mounts);
    mounts
        .map(|mount| {
            let mut cells = common(&sample.machine_id, sample.collected_at, "disk");
            cells.extend([
                text(&mount.mount_point),
                text(&mount.device),
                text(&mount.fs_type),
                Value::Boolean(mount.read_only),
                int(mount.total_bytes),
                int(mount.free_bytes),
                int(mount.available_bytes),
                int(mount.inodes_total),
                int(mount.inodes_free),
            ]);
            (TableId::Mounts, cells)
        })
        .collect()
}

fn interfaces(sample: &Sample, before: Option<&Sample>) -> Vec<Row> {
    let last = before.and_then(|b| b.network.as_ref());
    let row = |now: &InterfaceCounters| {
        let was = last.and_then(|l| l.interfaces.iter().find(|w| w.interface == now.interface));
        let mut cells = common(&sample.machine_id, sample.collected_at, "network");
        cells.extend([text(&sample.host.boot_id), text(&now.interface), elapsed(sample, before)]);
        counters(&mut cells, &INTERFACE, Some(now), was);
        (TableId::Network, cells)
    };
    sample.network.iter().flat_map(|n| &n.interfaces).map(row).collect()
}

fn gpus(sample: &Sample) -> Vec<Row> {
    let gpus = sample.gpu.iter().flat_map(|g| &g.gpus);
    gpus.map(|gpu| {
        let mut cells = common(&sample.machine_id, sample.collected_at, "gpu");
        cells.extend([
            int(gpu.index),
            text(&gpu.vendor),
            text(&gpu.name),
            maybe(gpu.busy_percent, Value::Double),
            int(gpu.memory_total_bytes),
            int(gpu.memory_used_bytes),
            maybe(gpu.celsius, Value::Double),
            maybe(gpu.power_watts, Value::Double),
            int(gpu.processes.len()),
        ]);
        (TableId::Gpus, cells)
    })
    .collect()
}

fn containers(sample: &Sample, before: Option<&Sample>) -> Vec<Row> {
    let last = before.and_then(|b| b.container.as_ref());
    let row = |now: &ContainerStat| {
        // Another run counts from zero.
        let same_run = |was: &&ContainerStat| was.id == now.id && was.started_at == now.started_at;
        let was = last.and_then(|l| l.containers.iter().find(same_run));
        let used = was.and_then(|w| now.cpu_usec?.checked_sub(w.cpu_usec?));
        let mut cells = common(&sample.machine_id, sample.collected_at, "container");
        let words = |word: &Option<String>| maybe(word.as_deref(), text);
        cells.extend([
            text(&now.id),
            text(&now.name),
            text(&now.image),
            text(now.state.as_str()),
            maybe(now.health, |h| text(h.as_str())),
            int(now.failing_streak),
            maybe(now.started_at, time),
            maybe(now.finished_at, time),
            int(now.restart_count),
            maybe(now.exit_code, int),
            Value::Boolean(now.oom_killed),
            text(&now.restart_policy),
            int(now.pid),
            maybe(now.memory_bytes, int),
            maybe(now.memory_limit_bytes, int),
            elapsed(sample, before),
            maybe(now.cpu_usec, int),
            maybe(used, int),
            words(&now.compose_project),
            words(&now.compose_service),
            Value::Text(container_details(now).to_string()),
        ]);
        (TableId::Containers, cells)
    };
    sample.container.iter().flat_map(|c| &c.containers).map(row).collect()
}

/// What has no column.
fn container_details(stat: &ContainerStat) -> serde_json::Value {
    json!({
        "addresses": stat.addresses,
        "exposed_ports": stat.exposed_ports,
        "published_ports": stat.published_ports,
        "health_output": stat.health_output,
        "end_asked": stat.end_asked,
    })
}

pub(super) fn of_journal(machine: &MachineId, at: Timestamp, entry: &JournalEntry) -> Row {
    let mut cells = common(machine, at, "journal");
    cells.extend([
        time(entry.logged_at),
        int(entry.priority),
        maybe(entry.unit.as_deref(), text),
        text(&entry.identifier),
        maybe(entry.pid, int),
        Value::Boolean(entry.kernel),
        text(&entry.message),
    ]);
    (TableId::Journal, cells)
}

pub(super) fn of_metric(point: &MetricPoint<'_>) -> Row {
    let mut cells = common(point.machine_id, point.at, point.source);
    cells.extend([
        text(point.metric),
        text(point.subject),
        Value::Double(point.value),
        text(point.unit),
        maybe(point.details, |d| Value::Text(d.to_string())),
    ]);
    (TableId::Metrics, cells)
}

pub(super) fn of_health(health: &Health) -> Vec<Row> {
    let point = |metric, subject, value, details: &serde_json::Value| {
        of_metric(&MetricPoint {
            machine_id: &health.machine_id,
            at: health.at,
            source: "health",
            metric,
            subject,
            value,
            unit: "ratio",
            details: Some(details),
        })
    };
    let details = json!({ "severity": health.severity, "top_issue": health.top_issue });
    let mut rows = vec![point("health.score", "", health.score, &details)];
    rows.extend(health.factors.iter().map(|factor| {
        let details = json!({ "severity": factor.severity, "why": factor.why });
        point("health.factor", &factor.id, factor.score, &details)
    }));
    rows
}

pub(super) fn of_prediction(prediction: &Prediction) -> [Row; 2] {
    let subject = prediction.subject.key();
    let eta = format!("prediction.{}", prediction.kind);
    let confidence = format!("{eta}.confidence");
    let details = json!({ "text": prediction.text });
    let point = |metric, value, unit| {
        of_metric(&MetricPoint {
            machine_id: &prediction.machine_id,
            at: prediction.generated_at,
            source: "forecast",
            metric,
            subject: &subject,
            value,
            unit,
            details: Some(&details),
        })
    };
    [
        point(&eta, prediction.eta_secs as f64, "secs"),
        point(&confidence, prediction.confidence, "ratio"),
    ]
}
