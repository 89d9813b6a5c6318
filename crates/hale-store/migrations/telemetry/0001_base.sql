-- Telemetry. Times are UTC. What was measured is stored as it was measured: gauges, counters, and
-- for each counter how much it grew since the stored sample before (`_inc`; NULL for a first one, after
-- a reboot, and where the counter went backwards). Rates and percentages are views over that, with
-- one formula for full resolution (`_raw`) and for one-minute rollups (`_1m`).

CREATE TABLE sys_samples_raw (
    collected_at TIMESTAMP NOT NULL, machine_id VARCHAR NOT NULL, source VARCHAR NOT NULL,
    source_version VARCHAR NOT NULL, schema_version INTEGER NOT NULL, boot_id VARCHAR,
    elapsed_secs DOUBLE,
    cores BIGINT, runnable BIGINT, process_count BIGINT, zombie_count BIGINT,
    cpu_user_ticks BIGINT, cpu_system_ticks BIGINT, cpu_idle_ticks BIGINT,
    cpu_iowait_ticks BIGINT, cpu_irq_ticks BIGINT, cpu_steal_ticks BIGINT,
    cpu_user_ticks_inc BIGINT, cpu_system_ticks_inc BIGINT, cpu_idle_ticks_inc BIGINT,
    cpu_iowait_ticks_inc BIGINT, cpu_irq_ticks_inc BIGINT, cpu_steal_ticks_inc BIGINT,
    load1 DOUBLE, load5 DOUBLE, load15 DOUBLE, frequency_mhz DOUBLE, temperature_celsius DOUBLE,
    mem_total_bytes BIGINT, mem_free_bytes BIGINT, mem_available_bytes BIGINT,
    mem_buffers_bytes BIGINT, mem_page_cache_bytes BIGINT, mem_shmem_bytes BIGINT,
    mem_dirty_bytes BIGINT, swap_total_bytes BIGINT, swap_free_bytes BIGINT,
    swap_in_pages BIGINT, swap_out_pages BIGINT, oom_kill_count BIGINT,
    swap_in_pages_inc BIGINT, swap_out_pages_inc BIGINT, oom_kill_count_inc BIGINT,
    cpu_some_avg10 DOUBLE, cpu_some_avg60 DOUBLE,
    mem_some_avg10 DOUBLE, mem_some_avg60 DOUBLE, mem_full_avg10 DOUBLE, mem_full_avg60 DOUBLE,
    io_some_avg10 DOUBLE, io_some_avg60 DOUBLE, io_full_avg10 DOUBLE, io_full_avg60 DOUBLE,
    disk_read_bytes_inc BIGINT, disk_write_bytes_inc BIGINT,
    net_rx_bytes_inc BIGINT, net_tx_bytes_inc BIGINT,
    raw_json VARCHAR
);

CREATE TABLE sys_top_processes_raw (
    collected_at TIMESTAMP NOT NULL, machine_id VARCHAR NOT NULL, source VARCHAR NOT NULL,
    source_version VARCHAR NOT NULL, schema_version INTEGER NOT NULL, boot_id VARCHAR,
    pid BIGINT NOT NULL, start_ticks BIGINT NOT NULL, ppid BIGINT, pgid BIGINT,
    comm VARCHAR, command VARCHAR, user_name VARCHAR, state VARCHAR,
    unit VARCHAR, container VARCHAR, threads BIGINT, nice BIGINT,
    cpu_pct DOUBLE, mem_bytes BIGINT, fd_count BIGINT,
    user_ticks BIGINT, system_ticks BIGINT, io_read_bytes BIGINT, io_write_bytes BIGINT
);

CREATE TABLE disk_devices_raw (
    collected_at TIMESTAMP NOT NULL, machine_id VARCHAR NOT NULL, source VARCHAR NOT NULL,
    source_version VARCHAR NOT NULL, schema_version INTEGER NOT NULL, boot_id VARCHAR,
    device VARCHAR NOT NULL, elapsed_secs DOUBLE,
    reads BIGINT, read_bytes BIGINT, read_ms BIGINT,
    writes BIGINT, write_bytes BIGINT, write_ms BIGINT, busy_ms BIGINT,
    reads_inc BIGINT, read_bytes_inc BIGINT, read_ms_inc BIGINT,
    writes_inc BIGINT, write_bytes_inc BIGINT, write_ms_inc BIGINT, busy_ms_inc BIGINT
);

CREATE TABLE disk_mounts_raw (
    collected_at TIMESTAMP NOT NULL, machine_id VARCHAR NOT NULL, source VARCHAR NOT NULL,
    source_version VARCHAR NOT NULL, schema_version INTEGER NOT NULL,
    mount_point VARCHAR NOT NULL, device VARCHAR, fs_type VARCHAR, read_only BOOLEAN,
    total_bytes BIGINT, free_bytes BIGINT, available_bytes BIGINT,
    inodes_total BIGINT, inodes_free BIGINT
);

CREATE TABLE net_samples_raw (
    collected_at TIMESTAMP NOT NULL, machine_id VARCHAR NOT NULL, source VARCHAR NOT NULL,
    source_version VARCHAR NOT NULL, schema_version INTEGER NOT NULL, boot_id VARCHAR,
    interface VARCHAR NOT NULL, elapsed_secs DOUBLE,
    rx_bytes BIGINT, rx_packets BIGINT, rx_errors BIGINT,
    tx_bytes BIGINT, tx_packets BIGINT, tx_errors BIGINT,
    rx_bytes_inc BIGINT, rx_packets_inc BIGINT, rx_errors_inc BIGINT,
    tx_bytes_inc BIGINT, tx_packets_inc BIGINT, tx_errors_inc BIGINT
);

CREATE TABLE gpu_samples_raw (
    collected_at TIMESTAMP NOT NULL, machine_id VARCHAR NOT NULL, source VARCHAR NOT NULL,
    source_version VARCHAR NOT NULL, schema_version INTEGER NOT NULL,
    gpu_index BIGINT NOT NULL, vendor VARCHAR, name VARCHAR,
    busy_percent DOUBLE, memory_total_bytes BIGINT, memory_used_bytes BIGINT,
    celsius DOUBLE, power_watts DOUBLE, process_count BIGINT
);

CREATE TABLE metric_points_raw (
    collected_at TIMESTAMP NOT NULL, machine_id VARCHAR NOT NULL, source VARCHAR NOT NULL,
    source_version VARCHAR NOT NULL, schema_version INTEGER NOT NULL,
    metric VARCHAR NOT NULL, subject VARCHAR NOT NULL, value DOUBLE, unit VARCHAR,
    raw_json VARCHAR
);

-- Events are never rolled up and never removed.
CREATE TABLE journal_events (
    collected_at TIMESTAMP NOT NULL, machine_id VARCHAR NOT NULL, source VARCHAR NOT NULL,
    source_version VARCHAR NOT NULL, schema_version INTEGER NOT NULL,
    logged_at TIMESTAMP, priority BIGINT, unit VARCHAR, identifier VARCHAR, pid BIGINT,
    kernel BOOLEAN, message VARCHAR
);

CREATE TABLE sys_samples_1m AS SELECT *, 1::BIGINT AS samples FROM sys_samples_raw LIMIT 0;
CREATE TABLE sys_top_processes_1m AS
    SELECT *, 1::BIGINT AS samples FROM sys_top_processes_raw LIMIT 0;
CREATE TABLE disk_devices_1m AS SELECT *, 1::BIGINT AS samples FROM disk_devices_raw LIMIT 0;
CREATE TABLE disk_mounts_1m AS SELECT *, 1::BIGINT AS samples FROM disk_mounts_raw LIMIT 0;
CREATE TABLE net_samples_1m AS SELECT *, 1::BIGINT AS samples FROM net_samples_raw LIMIT 0;
CREATE TABLE gpu_samples_1m AS SELECT *, 1::BIGINT AS samples FROM gpu_samples_raw LIMIT 0;
CREATE TABLE metric_points_1m AS SELECT *, 1::BIGINT AS samples FROM metric_points_raw LIMIT 0;

-- Unlike least() and greatest(), these keep NULL: what was not measured is not 100 % and not 0.
-- A share below 0 comes of a counter that went backwards: not known.
CREATE MACRO cap_percent(x) AS CASE WHEN x > 100 THEN 100.0 WHEN x >= 0 THEN x END;
CREATE MACRO at_least_zero(x) AS CASE WHEN x < 0 THEN 0 ELSE x END;

CREATE VIEW sys_samples AS
WITH measured AS (
    SELECT *, 1::BIGINT AS samples FROM sys_samples_raw UNION ALL SELECT * FROM sys_samples_1m
), ticks AS (
    SELECT *,
        cpu_user_ticks_inc + cpu_system_ticks_inc + cpu_irq_ticks_inc + cpu_steal_ticks_inc
            AS busy_inc,
        busy_inc + cpu_idle_ticks_inc + cpu_iowait_ticks_inc AS all_inc
    FROM measured
)
SELECT
    collected_at, machine_id,
    cap_percent(100.0 * busy_inc / nullif(all_inc, 0)) AS cpu_total,
    cap_percent(100.0 * cpu_iowait_ticks_inc / nullif(all_inc, 0)) AS cpu_iowait,
    cap_percent(100.0 * cpu_steal_ticks_inc / nullif(all_inc, 0)) AS cpu_steal,
    load1, load5, load15,
    at_least_zero(mem_total_bytes - mem_available_bytes) AS mem_used_bytes,
    mem_total_bytes, mem_available_bytes,
    mem_page_cache_bytes + mem_buffers_bytes AS mem_cached_bytes,
    100.0 * mem_used_bytes / nullif(mem_total_bytes, 0) AS mem_used_percent,
    at_least_zero(swap_total_bytes - swap_free_bytes) AS swap_used_bytes,
    swap_total_bytes,
    100.0 * swap_used_bytes / nullif(swap_total_bytes, 0) AS swap_used_percent,
    swap_in_pages_inc / nullif(elapsed_secs, 0) AS swap_in_pages_per_sec,
    swap_out_pages_inc / nullif(elapsed_secs, 0) AS swap_out_pages_per_sec,
    oom_kill_count_inc AS oom_kills,
    disk_read_bytes_inc / 1048576.0 / nullif(elapsed_secs, 0) AS disk_read_mbps,
    disk_write_bytes_inc / 1048576.0 / nullif(elapsed_secs, 0) AS disk_write_mbps,
    net_rx_bytes_inc / 1048576.0 / nullif(elapsed_secs, 0) AS net_rx_mbps,
    net_tx_bytes_inc / 1048576.0 / nullif(elapsed_secs, 0) AS net_tx_mbps,
    cpu_some_avg10, cpu_some_avg60, mem_some_avg10, mem_some_avg60, mem_full_avg10,
    mem_full_avg60, io_some_avg10, io_some_avg60, io_full_avg10, io_full_avg60,
    process_count, zombie_count, runnable, cores, frequency_mhz, temperature_celsius,
    mem_free_bytes, mem_shmem_bytes, mem_dirty_bytes,
    elapsed_secs, samples, boot_id, source, source_version, schema_version, raw_json
FROM ticks;

CREATE VIEW sys_top_processes AS
    SELECT *, 1::BIGINT AS samples FROM sys_top_processes_raw
    UNION ALL SELECT * FROM sys_top_processes_1m;

CREATE VIEW disk_devices AS
WITH measured AS (
    SELECT *, 1::BIGINT AS samples FROM disk_devices_raw UNION ALL SELECT * FROM disk_devices_1m
)
SELECT
    collected_at, machine_id, device,
    read_bytes_inc / 1048576.0 / nullif(elapsed_secs, 0) AS read_mbps,
    write_bytes_inc / 1048576.0 / nullif(elapsed_secs, 0) AS write_mbps,
    (reads_inc + writes_inc) / nullif(elapsed_secs, 0) AS iops,
    (read_ms_inc + write_ms_inc) / nullif(reads_inc + writes_inc, 0) AS latency_ms,
    cap_percent(busy_ms_inc / 10.0 / nullif(elapsed_secs, 0)) AS busy_percent,
    reads, read_bytes, writes, write_bytes,
    elapsed_secs, samples, boot_id, source, source_version, schema_version
FROM measured;

CREATE VIEW disk_mounts AS
WITH measured AS (
    SELECT *, 1::BIGINT AS samples FROM disk_mounts_raw UNION ALL SELECT * FROM disk_mounts_1m
)
SELECT
    collected_at, machine_id, mount_point, device, fs_type,
    total_bytes, at_least_zero(total_bytes - free_bytes) AS used_bytes, available_bytes,
    coalesce(100.0 * available_bytes / nullif(used_bytes + available_bytes, 0), 0) AS free_percent,
    inodes_total, inodes_free,
    100.0 * inodes_free / nullif(inodes_total, 0) AS inode_free_percent,
    read_only, samples, source, source_version, schema_version
FROM measured;

-- Both kinds in one: `kind` is device or mount, and what the other kind has is NULL.
CREATE VIEW disk_samples AS
    SELECT 'device' AS kind, * FROM disk_devices
    UNION ALL BY NAME SELECT 'mount' AS kind, * FROM disk_mounts;

CREATE VIEW net_samples AS
WITH measured AS (
    SELECT *, 1::BIGINT AS samples FROM net_samples_raw UNION ALL SELECT * FROM net_samples_1m
)
SELECT
    collected_at, machine_id, interface,
    rx_bytes_inc / 1048576.0 / nullif(elapsed_secs, 0) AS rx_mbps,
    tx_bytes_inc / 1048576.0 / nullif(elapsed_secs, 0) AS tx_mbps,
    (rx_errors_inc + tx_errors_inc) / nullif(elapsed_secs, 0) AS errors_per_sec,
    rx_packets_inc / nullif(elapsed_secs, 0) AS rx_packets_per_sec,
    tx_packets_inc / nullif(elapsed_secs, 0) AS tx_packets_per_sec,
    rx_bytes, tx_bytes, rx_packets, tx_packets, rx_errors, tx_errors,
    elapsed_secs, samples, boot_id, source, source_version, schema_version
FROM measured;

CREATE VIEW gpu_samples AS
    SELECT *, 1::BIGINT AS samples FROM gpu_samples_raw UNION ALL SELECT * FROM gpu_samples_1m;

CREATE VIEW metric_points AS
    SELECT *, 1::BIGINT AS samples FROM metric_points_raw UNION ALL SELECT * FROM metric_points_1m;
