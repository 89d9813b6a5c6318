//! The telemetry tables: the order in which rows are written, and what becomes of each column when
//! a minute of rows becomes one.

/// What a column holds, and so how it is rolled up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// When; truncated to the minute.
    Time,
    /// Tells rows of one moment apart; stays.
    Key,
    /// Words; the newest stay.
    Label,
    /// A level: the mean.
    Gauge,
    /// A whole number that is a level: the mean, rounded.
    Count,
    /// Grows: the newest.
    Counter,
    /// Growth since the row before: the sum.
    Increment,
}
use Role::{Count, Counter, Gauge, Increment, Key, Label, Time};

/// A table that is written.
pub(crate) struct TelemetryTable {
    /// `sys_samples_raw`
    pub(crate) raw: &'static str,
    /// `sys_samples_1m`; none: never rolled up, never removed.
    pub(crate) rollup: Option<&'static str>,
    /// In order.
    pub(crate) columns: &'static [(&'static str, Role)],
}

/// Which table; also its place in [`TABLES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TableId {
    System,
    Processes,
    Devices,
    Mounts,
    Network,
    Gpus,
    Metrics,
    Journal,
    Spans,
    Containers,
}

impl TableId {
    pub(crate) fn table(self) -> &'static TelemetryTable {
        match self {
            TableId::System => &SYSTEM,
            TableId::Processes => &PROCESSES,
            TableId::Devices => &DEVICES,
            TableId::Mounts => &MOUNTS,
            TableId::Network => &NETWORK,
            TableId::Gpus => &GPUS,
            TableId::Metrics => &METRICS,
            TableId::Journal => &JOURNAL,
            TableId::Spans => &SPANS,
            TableId::Containers => &CONTAINERS,
        }
    }

    pub(crate) const ALL: [TableId; 10] = [
        TableId::System,
        TableId::Processes,
        TableId::Devices,
        TableId::Mounts,
        TableId::Network,
        TableId::Gpus,
        TableId::Metrics,
        TableId::Journal,
        TableId::Spans,
        TableId::Containers,
    ];
}

/// The views and tables that people query.
pub(crate) const VIEWS: [&str; 11] = [
    "sys_samples",
    "sys_top_processes",
    "disk_samples",
    "disk_devices",
    "disk_mounts",
    "net_samples",
    "gpu_samples",
    "metric_points",
    "journal_events",
    "span_stats",
    "container_samples",
];

const SYSTEM: TelemetryTable = TelemetryTable {
    raw: "sys_samples_raw",
    rollup: Some("sys_samples_1m"),
    columns: &[
        ("collected_at", Time),
        ("machine_id", Key),
        ("source", Key),
        ("source_version", Label),
        ("schema_version", Key),
        ("boot_id", Key),
        ("elapsed_secs", Increment),
        ("cores", Count),
        ("runnable", Count),
        ("process_count", Count),
        ("zombie_count", Count),
        ("cpu_user_ticks", Counter),
        ("cpu_system_ticks", Counter),
        ("cpu_idle_ticks", Counter),
        ("cpu_iowait_ticks", Counter),
        ("cpu_irq_ticks", Counter),
        ("cpu_steal_ticks", Counter),
        ("cpu_user_ticks_inc", Increment),
        ("cpu_system_ticks_inc", Increment),
        ("cpu_idle_ticks_inc", Increment),
        ("cpu_iowait_ticks_inc", Increment),
        ("cpu_irq_ticks_inc", Increment),
        ("cpu_steal_ticks_inc", Increment),
        ("load1", Gauge),
        ("load5", Gauge),
        ("load15", Gauge),
        ("frequency_mhz", Gauge),
        ("temperature_celsius", Gauge),
        ("mem_total_bytes", Count),
        ("mem_free_bytes", Count),
        ("mem_available_bytes", Count),
        ("mem_buffers_bytes", Count),
        ("mem_page_cache_bytes", Count),
        ("mem_shmem_bytes", Count),
        ("mem_dirty_bytes", Count),
        ("swap_total_bytes", Count),
        ("swap_free_bytes", Count),
        ("swap_in_pages", Counter),
        ("swap_out_pages", Counter),
        ("oom_kill_count", Counter),
        ("swap_in_pages_inc", Increment),
        ("swap_out_pages_inc", Increment),
        ("oom_kill_count_inc", Increment),
        ("cpu_some_avg10", Gauge),
        ("cpu_some_avg60", Gauge),
        ("mem_some_avg10", Gauge),
        ("mem_some_avg60", Gauge),
        ("mem_full_avg10", Gauge),
        ("mem_full_avg60", Gauge),
        ("io_some_avg10", Gauge),
        ("io_some_avg60", Gauge),
        ("io_full_avg10", Gauge),
        ("io_full_avg60", Gauge),
        ("disk_read_bytes_inc", Increment),
        ("disk_write_bytes_inc", Increment),
        ("net_rx_bytes_inc", Increment),
        ("net_tx_bytes_inc", Increment),
        ("raw_json", Label),
    ],
};

const PROCESSES: TelemetryTable = TelemetryTable {
    raw: "sys_top_processes_raw",
    rollup: Some("sys_top_processes_1m"),
    columns: &[
        ("collected_at", Time),
        ("machine_id", Key),
        ("source", Key),
        ("source_version", Label),
        ("schema_version", Key),
        ("boot_id", Key),
        ("pid", Key),
        ("start_ticks", Key),
        ("ppid", Label),
        ("pgid", Label),
        ("comm", Label),
        ("command", Label),
        ("user_name", Label),
        ("state", Label),
        ("unit", Label),
        ("container", Label),
        ("threads", Count),
        ("nice", Count),
        ("cpu_pct", Gauge),
        ("mem_bytes", Count),
        ("fd_count", Count),
        ("user_ticks", Counter),
        ("system_ticks", Counter),
        ("io_read_bytes", Counter),
        ("io_write_bytes", Counter),
    ],
};

const DEVICES: TelemetryTable = TelemetryTable {
    raw: "disk_devices_raw",
    rollup: Some("disk_devices_1m"),
    columns: &[
        ("collected_at", Time),
        ("machine_id", Key),
        ("source", Key),
        ("source_version", Label),
        ("schema_version", Key),
        ("boot_id", Key),
        ("device", Key),
        ("elapsed_secs", Increment),
        ("reads", Counter),
        ("read_bytes", Counter),
        ("read_ms", Counter),
        ("writes", Counter),
        ("write_bytes", Counter),
        ("write_ms", Counter),
        ("busy_ms", Counter),
        ("reads_inc", Increment),
        ("read_bytes_inc", Increment),
        ("read_ms_inc", Increment),
        ("writes_inc", Increment),
        ("write_bytes_inc", Increment),
        ("write_ms_inc", Increment),
        ("busy_ms_inc", Increment),
    ],
};

const MOUNTS: TelemetryTable = TelemetryTable {
    raw: "disk_mounts_raw",
    rollup: Some("disk_mounts_1m"),
    columns: &[
        ("collected_at", Time),
        ("machine_id", Key),
        ("source", Key),
        ("source_version", Label),
        ("schema_version", Key),
        ("mount_point", Key),
        ("device", Label),
        ("fs_type", Label),
        ("read_only", Label),
        ("total_bytes", Count),
        ("free_bytes", Count),
        ("available_bytes", Count),
        ("inodes_total", Count),
        ("inodes_free", Count),
    ],
};

const NETWORK: TelemetryTable = TelemetryTable {
    raw: "net_samples_raw",
    rollup: Some("net_samples_1m"),
    columns: &[
        ("collected_at", Time),
        ("machine_id", Key),
        ("source", Key),
        ("source_version", Label),
        ("schema_version", Key),
        ("boot_id", Key),
        ("interface", Key),
        ("elapsed_secs", Increment),
        ("rx_bytes", Counter),
        ("rx_packets", Counter),
        ("rx_errors", Counter),
        ("tx_bytes", Counter),
        ("tx_packets", Counter),
        ("tx_errors", Counter),
        ("rx_bytes_inc", Increment),
        ("rx_packets_inc", Increment),
        ("rx_errors_inc", Increment),
        ("tx_bytes_inc", Increment),
        ("tx_packets_inc", Increment),
        ("tx_errors_inc", Increment),
    ],
};

const CONTAINERS: TelemetryTable = TelemetryTable {
    raw: "container_samples_raw",
    rollup: Some("container_samples_1m"),
    columns: &[
        ("collected_at", Time),
        ("machine_id", Key),
        ("source", Key),
        ("source_version", Label),
        ("schema_version", Key),
        ("container_id", Key),
        ("name", Key),
        ("image", Label),
        ("state", Label),
        ("health", Label),
        ("failing_streak", Label),
        ("started_at", Label),
        ("finished_at", Label),
        ("restart_count", Label),
        ("exit_code", Label),
        ("oom_killed", Label),
        ("restart_policy", Label),
        ("pid", Label),
        ("memory_bytes", Count),
        ("memory_limit_bytes", Label),
        ("elapsed_secs", Increment),
        ("cpu_usec", Counter),
        ("cpu_usec_inc", Increment),
        ("compose_project", Label),
        ("compose_service", Label),
        ("raw_json", Label),
    ],
};

const GPUS: TelemetryTable = TelemetryTable {
    raw: "gpu_samples_raw",
    rollup: Some("gpu_samples_1m"),
    columns: &[
        ("collected_at", Time),
        ("machine_id", Key),
        ("source", Key),
        ("source_version", Label),
        ("schema_version", Key),
        ("gpu_index", Key),
        ("vendor", Label),
        ("name", Label),
        ("busy_percent", Gauge),
        ("memory_total_bytes", Count),
        ("memory_used_bytes", Count),
        ("celsius", Gauge),
        ("power_watts", Gauge),
        ("process_count", Count),
    ],
};

const METRICS: TelemetryTable = TelemetryTable {
    raw: "metric_points_raw",
    rollup: Some("metric_points_1m"),
    columns: &[
        ("collected_at", Time),
        ("machine_id", Key),
        ("source", Key),
        ("source_version", Label),
        ("schema_version", Key),
        ("metric", Key),
        ("subject", Key),
        ("value", Gauge),
        ("unit", Label),
        ("raw_json", Label),
    ],
};

const JOURNAL: TelemetryTable = TelemetryTable {
    raw: "journal_events",
    rollup: None,
    columns: &[
        ("collected_at", Time),
        ("machine_id", Key),
        ("source", Key),
        ("source_version", Label),
        ("schema_version", Key),
        ("logged_at", Label),
        ("priority", Label),
        ("unit", Label),
        ("identifier", Label),
        ("pid", Label),
        ("kernel", Label),
        ("message", Label),
    ],
};

const SPANS: TelemetryTable = TelemetryTable {
    raw: "span_stats_raw",
    rollup: Some("span_stats_1m"),
    columns: &[
        ("collected_at", Time),
        ("machine_id", Key),
        ("source", Key),
        ("source_version", Label),
        ("schema_version", Key),
        ("service", Key),
        ("operation", Key),
        ("callee", Key),
        ("elapsed_secs", Increment),
        ("requests", Increment),
        ("errors", Increment),
        ("passed_on_errors", Increment),
        ("latency_sum_ms", Increment),
        ("p50_ms", Gauge),
        ("p95_ms", Gauge),
        ("p99_ms", Gauge),
        ("max_ms", Gauge),
        ("raw_json", Label),
    ],
};

impl TelemetryTable {
    /// `INSERT` that rolls up every full-resolution row before the cutoff (the one parameter).
    pub(crate) fn rollup_sql(&self, into: &str) -> String {
        let minute = "date_trunc('minute', collected_at)";
        let mut select = Vec::new();
        let mut group = vec![minute.to_owned()];
        for (name, role) in self.columns {
            select.push(match role {
                Time => minute.to_owned(),
                Key => {
                    group.push((*name).to_owned());
                    (*name).to_owned()
                }
                Label | Counter => format!("arg_max({name}, collected_at)"),
                Gauge => format!("avg({name})"),
                Count => format!("round(avg({name}))::BIGINT"),
                Increment => format!("sum({name})"),
            });
        }
        format!(
            "INSERT INTO {into} SELECT {}, count(*) FROM {} WHERE collected_at < ?1 GROUP BY {}",
            select.join(", "),
            self.raw,
            group.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::path::Path;

    use super::*;
    use crate::telemetry::{Mode, in_memory};

    /// Rows are written by place: the lists here and the migrations must name the same columns.
    #[test]
    fn columns_are_those_of_the_database() {
        let connection = in_memory(Path::new("test.duckdb"), Mode::Read).unwrap();
        let columns = |table: &str| -> Vec<String> {
            let sql = "SELECT column_name FROM duckdb_columns() WHERE table_name = ? \
                       ORDER BY column_index";
            let mut statement = connection.prepare(sql).unwrap();
            statement.query_map([table], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        for table in TableId::ALL.map(TableId::table) {
            let mut here: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
            assert_eq!(columns(table.raw), here, "{}", table.raw);
            if let Some(rollup) = table.rollup {
                here.push("samples");
                assert_eq!(columns(rollup), here, "{rollup}");
            }
        }
    }
}
