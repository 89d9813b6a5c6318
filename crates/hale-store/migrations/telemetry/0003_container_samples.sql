-- Containers as their engine reports them. `cpu_usec` is counted from the start of a run, and so is its
-- growth: `started_at` tells runs apart.
CREATE TABLE container_samples_raw (
    collected_at TIMESTAMP NOT NULL, machine_id VARCHAR NOT NULL, source VARCHAR NOT NULL,
    source_version VARCHAR NOT NULL, schema_version INTEGER NOT NULL,
    container_id VARCHAR NOT NULL, name VARCHAR NOT NULL, image VARCHAR,
    state VARCHAR, health VARCHAR, failing_streak BIGINT,
    started_at TIMESTAMP, finished_at TIMESTAMP, restart_count BIGINT,
    exit_code BIGINT, oom_killed BOOLEAN, restart_policy VARCHAR, pid BIGINT,
    memory_bytes BIGINT, memory_limit_bytes BIGINT,
    elapsed_secs DOUBLE, cpu_usec BIGINT, cpu_usec_inc BIGINT,
    compose_project VARCHAR, compose_service VARCHAR, raw_json VARCHAR
);
CREATE TABLE container_samples_1m AS SELECT *, 1::BIGINT AS samples FROM container_samples_raw LIMIT 0;

CREATE VIEW container_samples AS
    SELECT *,
           at_least_zero(cpu_usec_inc) / 10000.0 / nullif(elapsed_secs, 0) AS cpu_percent,
           100.0 * memory_bytes / nullif(memory_limit_bytes, 0) AS memory_percent
    FROM (
        SELECT *, 1::BIGINT AS samples FROM container_samples_raw
        UNION ALL SELECT * FROM container_samples_1m
    );
