//! What the logs of this machine, or given files, say: read, judged, and remembered, so that the next
//! look knows what is new.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use hale_brain::detect::log_health::{
    Knowledge, KnownTemplates, LogMessage, LogSpans, LogStudy, moment,
};
use hale_brain::detect::miner::split_header;
use hale_model::Timestamp;
use hale_model::api::{ApiError, ErrorKind};
use hale_observe::{Logged, Roots};
use hale_store::{Access, State};
use jiff::tz::TimeZone;
use serde::Serialize;

pub use hale_brain::detect::log_health::{LogFinding, LogHealth, LogStatus};

use crate::files::Files;
use crate::telemetry::store_error;

/// The setting that holds the templates that were seen.
const SETTING: &str = "health.templates";
/// Lines at the end of a file among which the last time is looked for.
const LAST_LINES: usize = 100;

/// Which logs to judge.
#[derive(Clone, Debug)]
pub enum LogInput {
    /// What this machine logs.
    Machine,
    /// These files; `-` is standard input.
    Files(Vec<PathBuf>),
}

/// What to judge.
#[derive(Clone, Debug)]
pub struct LogRequest {
    /// Which logs.
    pub input: LogInput,
    /// The newest so many seconds; none: all there is.
    pub since_secs: Option<u64>,
    /// Compared with so many seconds before.
    pub past_secs: u64,
    /// Findings at most.
    pub findings_max: usize,
}

/// How reading a source went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogSourceRead {
    /// The source.
    pub name: String,
    /// Entries or lines read.
    pub read: u64,
    /// Why nothing, or not all, could be read.
    pub problem: Option<String>,
}

/// What the logs say.
#[derive(Clone, Debug, Serialize)]
pub struct LogReport {
    /// The judgement.
    #[serde(flatten)]
    pub health: LogHealth,
    /// What was read.
    pub sources: Vec<LogSourceRead>,
    /// Why what was seen could not be remembered.
    pub warnings: Vec<String>,
}

/// Reads and judges. What the machine itself logs is remembered below `data_dir`; files are not.
///
/// # Errors
/// The built-in knowledge cannot be used.
pub async fn log_health(data_dir: &Path, request: &LogRequest) -> Result<LogReport, ApiError> {
    let knowledge =
        Knowledge::built_in().map_err(|e| ApiError::new(ErrorKind::Failed, e.to_string()))?;
    let zone = TimeZone::system();
    let mut warnings = Vec::new();
    let (study, sources, mut memory) = match &request.input {
        LogInput::Machine => {
            let now = Timestamp::now();
            let mut study = LogStudy::new(spans(request, now));
            let memory = Memory::open(data_dir).map_err(|error| warnings.push(error.message)).ok();
            let from = spans(request, now).from();
            let sources =
                hale_observe::read_logs(&Roots::default(), &hale_observe::log_dir(), from, |l| {
                    take(&mut study, &l, &zone);
                })
                .await;
            (study, sources, memory)
        }
        LogInput::Files(paths) => {
            let now = Timestamp::now();
            let until = request.since_secs.and_then(|_| last_time(paths, now, &zone));
            let mut study = LogStudy::new(spans(request, until.unwrap_or(now)));
            let mut each = |logged: Logged<'_>| take(&mut study, &logged, &zone);
            let sources = paths.iter().map(|path| read(path, &mut each)).collect();
            (study, sources, None)
        }
    };
    let mut known = memory.as_ref().map(|m: &Memory| m.known.clone()).unwrap_or_default();
    let health = study.judge(knowledge, &mut known, request.findings_max);
    if let Some(memory) = &mut memory
        && let Err(error) = memory.keep(&known)
    {
        warnings.push(error.message);
    }
    let sources = sources
        .into_iter()
        .map(|s| LogSourceRead { name: s.name, read: s.read, problem: s.problem })
        .collect();
    Ok(LogReport { health, sources, warnings })
}

fn spans(request: &LogRequest, now: Timestamp) -> LogSpans {
    LogSpans { now, since_secs: request.since_secs, past_secs: request.past_secs }
}

fn read(path: &Path, each: &mut impl FnMut(Logged<'_>)) -> hale_observe::LogSource {
    if path == Path::new("-") {
        let name = Path::new("standard input");
        return hale_observe::read_log_stream(name, std::io::stdin().lock(), each);
    }
    hale_observe::read_log_file(path, each)
}

fn take(study: &mut LogStudy, logged: &Logged<'_>, zone: &TimeZone) {
    match logged {
        Logged::Line(path, line) => {
            let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
            study.add_line(line, &file, zone);
        }
        Logged::Entry(entry) => study.add(&LogMessage {
            at: Some(entry.logged_at),
            origin: match &entry.unit {
                _ if entry.kernel => "kernel",
                Some(unit) => unit,
                None => &entry.identifier,
            },
            is_unit: entry.unit.is_some() && !entry.kernel,
            priority: entry.priority,
            text: entry.message.as_bytes(),
        }),
    }
}

/// The newest time among the last lines of files: logs of long ago are judged by their own end.
fn last_time(paths: &[PathBuf], now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let of_file = |path: &PathBuf| {
        let mut last: VecDeque<Vec<u8>> = VecDeque::new();
        hale_observe::read_log_file(path, &mut |logged| {
            if let Logged::Line(_, line) = logged {
                if last.len() >= LAST_LINES {
                    last.pop_front();
                }
                last.push_back(line.to_vec());
            }
        });
        let times = last.iter().filter_map(|line| split_header(line).time);
        times.filter_map(|time| moment(time, now, zone)).max()
    };
    let files = paths.iter().filter(|path| path.as_path() != Path::new("-"));
    files.filter_map(of_file).max()
}

/// What earlier looks have seen.
struct Memory {
    state: State,
    known: KnownTemplates,
}

impl Memory {
    fn open(data_dir: &Path) -> Result<Memory, ApiError> {
        let files = Files::new(data_dir);
        files.prepare()?;
        let state = State::open(&files.state(), Access::Write).map_err(store_error)?;
        let text = state.setting(SETTING).map_err(store_error)?;
        // What an other version kept may be of no use: then everything is learnt anew.
        let known = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        Ok(Memory { state, known })
    }

    fn keep(&self, known: &KnownTemplates) -> Result<(), ApiError> {
        let text = serde_json::to_string(known)
            .map_err(|e| ApiError::new(ErrorKind::Failed, e.to_string()))?;
        self.state.set_setting(SETTING, &text).map_err(store_error)
    }
}
