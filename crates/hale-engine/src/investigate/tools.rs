//! The reads that a model may ask for. Each answers with observations that can be cited; none changes
//! anything, and none runs a command.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hale_brain::detect::miner::{Miner, MinerLimits};
use hale_brain::diagnose::investigate::{Observation, Order, ToolRequest};
use hale_model::api::{Handle, Query, View};
use hale_model::sample::Source;
use hale_model::snapshot::{Process, Snapshot};
use hale_model::text::{bytes, duration, shorten};
use hale_model::view::Table;
use hale_model::{EvidenceId, Timestamp};
use hale_observe::changes::{ChangeRoots, recent_changes};

use crate::Settings;

/// One read.
const READ_TIMEOUT: Duration = Duration::from_secs(20);
const ROWS_MAX: u32 = 100;
const LINE_BYTES_MAX: usize = 600;
/// Journal rows that templates are made of.
const TEMPLATE_ROWS_MAX: u32 = 20_000;
const TEMPLATES_SHOWN: usize = 40;
const RUNBOOK_HITS: u32 = 6;

/// Where the reads are done: the machine as it was seen last, and whoever answers questions.
pub(crate) struct ToolBox {
    snapshot: Arc<Snapshot>,
    handle: Arc<dyn Handle>,
}

impl ToolBox {
    /// On what an agent saw last.
    pub(crate) fn new(snapshot: Arc<Snapshot>, handle: Arc<dyn Handle>) -> ToolBox {
        ToolBox { snapshot, handle }
    }

    /// With a look of its own.
    pub(crate) async fn look(settings: &Settings, handle: Arc<dyn Handle>) -> ToolBox {
        let sources = [
            Source::Process,
            Source::Memory,
            Source::Cpu,
            Source::Disk,
            Source::Network,
            Source::Unit,
        ];
        let snapshot = Arc::new(crate::offline::look(settings, &sources).await);
        ToolBox { snapshot, handle }
    }

    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The machine in a few lines.
    pub(crate) fn machine(&self) -> Vec<String> {
        let (host, system) = (&self.snapshot.host, &self.snapshot.system);
        let percent = |name: &str, value: Option<f64>| value.map(|v| format!("{name}: {v:.0} %"));
        let mut lines =
            vec![format!("machine: {}, {}, {} cores", host.os, host.kernel, host.cores)];
        lines.extend(percent("cpu", system.cpu_total));
        lines.extend(percent("memory used", system.mem_used_percent));
        lines.extend(system.mem_total_bytes.map(|b| format!("memory: {}", bytes(b))));
        lines.extend(percent("swap used", system.swap_used_percent));
        lines.extend(self.snapshot.mounts.iter().map(|m| {
            format!("{}: {:.0} % free of {}", m.mount_point, m.free_percent, bytes(m.total_bytes))
        }));
        lines
    }

    /// Does one read.
    ///
    /// # Errors
    /// In words for the model.
    pub(crate) async fn run(&self, request: &ToolRequest) -> Result<Vec<Observation>, String> {
        match tokio::time::timeout(READ_TIMEOUT, self.lines(request)).await {
            Ok(lines) => Ok(self.observed(request, lines?)),
            Err(_) => Err(format!("it took over {} s", READ_TIMEOUT.as_secs())),
        }
    }

    fn observed(&self, request: &ToolRequest, lines: Vec<String>) -> Vec<Observation> {
        let (machine, now) = (&self.snapshot.machine_id, Timestamp::now());
        let key = format!("{request:?}");
        let numbered = lines.into_iter().enumerate();
        let observation = |(index, line): (usize, String)| Observation {
            id: EvidenceId::of(machine, &key, &index.to_string(), now),
            text: shorten(&line, LINE_BYTES_MAX),
        };
        numbered.map(observation).collect()
    }

    async fn lines(&self, request: &ToolRequest) -> Result<Vec<String>, String> {
        match request {
            ToolRequest::Sql { sql } => Ok(rows(&self.sql(sql.clone(), ROWS_MAX).await?)),
            ToolRequest::Processes { order, contains, limit } => {
                Ok(self.processes(*order, contains.as_deref(), *limit))
            }
            ToolRequest::Process { pid } => self.explained(pid.to_string()).await,
            ToolRequest::Journal { unit, contains, since_secs, limit } => {
                let sql = journal_sql(
                    "strftime(coalesce(logged_at, collected_at), '%m-%d %H:%M:%S'), \
                     coalesce(unit, identifier, ''), message",
                    unit.as_deref(),
                    contains.as_deref(),
                    *since_secs,
                );
                let newest = self.sql(format!("{sql} LIMIT {limit}"), *limit).await?;
                let mut lines: Vec<String> =
                    newest.rows.iter().map(|row| words(row).join(" ")).collect();
                lines.reverse();
                Ok(lines)
            }
            ToolRequest::LogTemplates { unit, since_secs } => {
                let sql = journal_sql("message", unit.as_deref(), None, *since_secs);
                let sql = format!("{sql} LIMIT {TEMPLATE_ROWS_MAX}");
                Ok(templates(&self.sql(sql, TEMPLATE_ROWS_MAX).await?))
            }
            ToolRequest::Unit { unit } => self.unit(unit),
            ToolRequest::Containers => Ok(self.containers()),
            ToolRequest::RecentChanges { since_secs } => self.changes(*since_secs).await,
            ToolRequest::Runbook { query } => self.runbook(query.clone()).await,
        }
    }

    async fn sql(&self, sql: String, limit_rows: u32) -> Result<Table, String> {
        match self.handle.query(Query::Sql { sql, limit_rows }).await {
            Ok(View::Table(table)) => Ok(table),
            Ok(_) => Err("it was answered with something else".to_owned()),
            Err(error) => Err(error.message),
        }
    }

    async fn explained(&self, what: String) -> Result<Vec<String>, String> {
        match self.handle.query(Query::Explain { what }).await {
            Ok(View::Explanation(e)) => {
                let mut lines = vec![e.what];
                lines.extend(e.why);
                lines.extend(e.facts.into_iter().map(|(name, value)| format!("{name}: {value}")));
                Ok(lines)
            }
            Ok(_) => Err("it was answered with something else".to_owned()),
            Err(error) => Err(error.message),
        }
    }

    async fn runbook(&self, text: String) -> Result<Vec<String>, String> {
        let query = Query::RunbookSearch { text, alert_kind: None, limit: RUNBOOK_HITS };
        match self.handle.query(query).await {
            Ok(View::Runbook(found)) => {
                let lesson = found.lessons.iter().map(|l| {
                    let withdrawn = l.withdrawn.as_ref().map(|why| format!("; withdrawn: {why}"));
                    format!(
                        "lesson: {} on {} by {}: {} verified successes, {} failures, last {}{}",
                        l.alert_kind,
                        l.target_class,
                        l.action_kind,
                        l.successes,
                        l.failures,
                        l.last_at,
                        withdrawn.unwrap_or_default()
                    )
                });
                let hit = found.hits.iter().map(|hit| format!("{}: {}", hit.title, hit.excerpt));
                Ok(lesson.chain(hit).collect())
            }
            Ok(_) => Err("it was answered with something else".to_owned()),
            Err(error) => Err(error.message),
        }
    }

    fn processes(&self, order: Order, contains: Option<&str>, limit: u32) -> Vec<String> {
        let wanted = |p: &&Process| contains.is_none_or(|c| p.command().contains(c));
        let mut found: Vec<&Process> = self.snapshot.processes.iter().filter(wanted).collect();
        match order {
            Order::Memory => found.sort_by_key(|p| std::cmp::Reverse(p.rss_bytes)),
            Order::Cpu => found.sort_by(|a, b| {
                b.cpu_percent.unwrap_or_default().total_cmp(&a.cpu_percent.unwrap_or_default())
            }),
            Order::Started => found.sort_by(|a, b| a.age_secs.total_cmp(&b.age_secs)),
        }
        found.into_iter().take(limit as usize).map(process_line).collect()
    }

    fn unit(&self, name: &str) -> Result<Vec<String>, String> {
        let unit = self
            .snapshot
            .unit(name)
            .or_else(|| self.snapshot.unit(&format!("{name}.service")))
            .ok_or_else(|| format!("no unit `{name}` was observed"))?;
        let mut lines = vec![format!(
            "{}: {} ({}), last result {}, exit status {}, restarted by itself {} times",
            unit.unit,
            unit.active_state,
            unit.sub_state,
            unit.result,
            unit.exit_status,
            unit.restarts
        )];
        let members = self
            .snapshot
            .processes
            .iter()
            .filter(|p| p.info.unit.as_deref() == Some(unit.unit.as_str()));
        lines.extend(members.take(20).map(process_line));
        Ok(lines)
    }

    /// As far as the process table shows them.
    fn containers(&self) -> Vec<String> {
        let mut seen: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
        for process in &self.snapshot.processes {
            if let Some(container) = process.info.container.as_deref() {
                let entry = seen.entry(container).or_default();
                *entry = (entry.0 + 1, entry.1 + process.rss_bytes);
            }
        }
        let line = |(id, (count, held)): (&str, (usize, u64))| {
            format!("container {}: {count} processes, {}", shorten(id, 15), bytes(held))
        };
        seen.into_iter().map(line).collect()
    }

    async fn changes(&self, since_secs: u64) -> Result<Vec<String>, String> {
        let since = Timestamp::now() - Duration::from_secs(since_secs);
        let read = move || recent_changes(&ChangeRoots::default(), since);
        let found = tokio::task::spawn_blocking(read).await.map_err(|e| e.to_string())?;
        let mut lines: Vec<String> = Vec::new();
        let up_secs = self.snapshot.boottime_ns / 1_000_000_000;
        if up_secs < since_secs {
            lines.push(format!("the machine was started {} ago", duration(up_secs)));
        }
        lines.extend(found.changes.iter().map(|change| format!("{} {}", change.at, change.text)));
        lines.extend(found.unread.iter().map(|what| format!("not read: {what}")));
        Ok(lines)
    }
}

fn process_line(process: &Process) -> String {
    format!(
        "{} (pid {}, parent {}, user {}): RSS {}, CPU {:.0} %, age {}, {} files open, unit {}: {}",
        process.info.name,
        process.pid,
        process.ppid,
        process.info.user,
        bytes(process.rss_bytes),
        process.cpu_percent.unwrap_or_default(),
        duration(process.age_secs as u64),
        process.open_fds.map_or_else(|| "?".to_owned(), |n| n.to_string()),
        process.info.unit.as_deref().unwrap_or("none"),
        process.command(),
    )
}

/// A read of the journal's table, newest first. Texts stand in SQL strings, quotes doubled.
fn journal_sql(
    columns: &str,
    unit: Option<&str>,
    contains: Option<&str>,
    since_secs: u64,
) -> String {
    let text = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let since = Timestamp::now() - Duration::from_secs(since_secs);
    let mut conditions = vec![format!("collected_at >= TIMESTAMP '{}'", plain(since))];
    if let Some(unit) = unit {
        let (bare, service) = (text(unit), text(&format!("{unit}.service")));
        conditions.push(format!("(unit = {bare} OR unit = {service} OR identifier = {bare})"));
    }
    if let Some(contains) = contains {
        conditions.push(format!("contains(lower(message), lower({}))", text(contains)));
    }
    format!(
        "SELECT {columns} FROM journal_events WHERE {} ORDER BY collected_at DESC",
        conditions.join(" AND ")
    )
}

/// UTC without a zone, as telemetry is stored.
fn plain(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn words(row: &[serde_json::Value]) -> Vec<String> {
    row.iter().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)).collect()
}

fn rows(table: &Table) -> Vec<String> {
    let named = |row: &Vec<serde_json::Value>| {
        let cells = table.columns.iter().zip(words(row)).map(|(name, v)| format!("{name}={v}"));
        cells.collect::<Vec<_>>().join(" ")
    };
    table.rows.iter().map(named).collect()
}

fn templates(table: &Table) -> Vec<String> {
    let mut miner = Miner::new(MinerLimits::default());
    for row in table.rows.iter().rev() {
        if let Some(message) = row.first().and_then(|v| v.as_str()) {
            miner.learn_content(message);
        }
    }
    let mut found: Vec<_> = miner.templates().collect();
    found.sort_by_key(|template| std::cmp::Reverse(template.count));
    found.iter().take(TEMPLATES_SHOWN).map(|t| format!("{} × {}", t.count, t.text)).collect()
}
