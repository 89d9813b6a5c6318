//! The same answers with no agent running: from the files, and from one look at the machine.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use hale_model::action::{ActionState, Actor};
use hale_model::api::{Answer, ApiError, Command, ErrorKind, Handle, Query, View};
use hale_model::sample::{Sample, Source};
use hale_model::snapshot::Snapshot;
use hale_observe::LocalObserver;
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::Settings;
use crate::core::{Core, Latest, Purpose};
use crate::desk::Desk;
use crate::files::Files;

/// Between the two samples of a one-shot look: rates need two.
const LOOK_APART: Duration = Duration::from_millis(60);
/// Between two looks while a person waits for a verification.
const ERRAND_INTERVAL: Duration = Duration::from_millis(500);
/// The longest an errand may take, verification included.
const ERRAND_SECS_MAX: u64 = 300;

struct Offline {
    settings: Settings,
    desk: Arc<Desk>,
    looked: Mutex<bool>,
}

/// A handle that needs no agent. Commands are carried out in this process.
pub fn offline(settings: Settings) -> Arc<dyn Handle> {
    let warnings = crate::core::problems_of_files(&settings);
    let shared = Arc::new(RwLock::new(Latest { warnings, ..Latest::default() }));
    let desk = Desk::new(settings.clone(), shared, None, false);
    Arc::new(Offline { settings, desk, looked: Mutex::new(false) })
}

/// One look at the machine with an observer of its own.
pub(crate) async fn look(settings: &Settings, sources: &[Source]) -> Snapshot {
    let mut observer = LocalObserver::new(settings.observed_roots(), settings.machine_id());
    observer.declare(settings.config.services.clone());
    let before: Sample = observer.collect_only(sources).await;
    tokio::time::sleep(LOOK_APART).await;
    let sample = observer.collect_only(sources).await;
    Snapshot::derive(&sample, Some(&before))
}

impl Offline {
    /// Looks at the machine, once for the life of this handle; at its journal too, where that is the
    /// question.
    async fn look(&self, at_journal: bool) {
        let mut looked = self.looked.lock().await;
        if *looked {
            return;
        }
        let mut sources = vec![
            Source::Process,
            Source::Memory,
            Source::Cpu,
            Source::Gpu,
            Source::Disk,
            Source::Network,
            Source::Container,
            Source::Kubernetes,
            Source::Unit,
        ];
        if at_journal {
            sources.push(Source::Journal);
        }
        let snapshot = Arc::new(look(&self.settings, &sources).await);
        self.desk.shared.write().unwrap_or_else(PoisonError::into_inner).snapshot = Some(snapshot);
        *looked = true;
    }

    async fn errand(&self, command: Command, actor: Actor) -> Result<View, ApiError> {
        Files::new(&self.settings.data_dir).prepare()?;
        let (results, mut applied) = mpsc::channel(4);
        let mut core = Core::open(self.settings.clone(), Purpose::Errand, None, |_| None, results)?;
        core.turn().await;
        let asked =
            if let Command::Approve { id, .. } = &command { Some(id.clone()) } else { None };
        let (reply, mut answer) = oneshot::channel();
        core.command(command, actor, reply).await;
        let deadline = tokio::time::Instant::now() + Duration::from_secs(ERRAND_SECS_MAX);
        // Nobody else goes on with what was begun here, so it ends here too, proof included.
        while core.is_verifying() {
            tokio::select! {
                Some(applied) = applied.recv() => core.applied(applied).await,
                () = tokio::time::sleep(ERRAND_INTERVAL) => core.turn().await,
                () = tokio::time::sleep_until(deadline) => {
                    return Err(ApiError::new(
                        ErrorKind::Failed,
                        format!("not verified within {ERRAND_SECS_MAX} s"),
                    )
                    .hint("`hale audit list` shows what was done"));
                }
            }
        }
        core.save_alerts();
        if let Some(id) = &asked
            && let Some(record) = core.record_of(id)?
            && record.state == ActionState::Succeeded
            && let Some(incident) = &record.incident_id
        {
            core.resolve_cured(incident);
        }
        core.fold_state();
        let answer = answer.try_recv().unwrap_or_else(|_| {
            Err(ApiError::new(ErrorKind::Failed, "the command ended without an answer"))
        });
        match asked {
            // It was answered before its action began: tell how that ended.
            Some(id) if answer.is_ok() => self.desk.answer(Query::Approval { id }),
            Some(_) | None => answer,
        }
    }
}

impl Handle for Offline {
    fn query(&self, query: Query) -> Answer<'_> {
        Box::pin(async move {
            if let Query::Ask { sentence, language } = query {
                let plan = crate::companion::shown(&self.settings, sentence, language).await?;
                return Ok(View::Ask(Box::new(plan)));
            }
            let needs_a_look = match &query {
                Query::Status { .. }
                | Query::Health
                | Query::Triage
                | Query::Report { .. }
                | Query::Explain { .. }
                | Query::Judge { .. }
                | Query::Panel { .. }
                | Query::Doctor
                | Query::PlaybookTrial { .. }
                | Query::Services => true,
                Query::Alerts { .. }
                | Query::Alert { .. }
                | Query::Incidents { .. }
                | Query::Incident { .. }
                | Query::Approvals { .. }
                | Query::Approval { .. }
                | Query::Audit { .. }
                | Query::AuditVerify
                | Query::Postmortem { .. }
                | Query::Runbook { .. }
                | Query::RunbookSearch { .. }
                | Query::RunbookEntry { .. }
                | Query::RunbookExport
                | Query::Tokens
                | Query::TokenHolder { .. }
                | Query::Metrics
                | Query::Playbooks
                | Query::Playbook { .. }
                | Query::Ask { .. }
                | Query::Sql { .. } => false,
            };
            if needs_a_look {
                self.look(matches!(query, Query::Doctor)).await;
            }
            let near = self.desk.near_in_meaning(&query).await;
            self.desk.answer_with(query, near)
        })
    }

    fn command(&self, command: Command, actor: Actor) -> Answer<'_> {
        Box::pin(self.errand(command, actor))
    }

    fn staleness(&self) -> BTreeMap<String, u64> {
        self.desk.staleness()
    }

    fn warnings(&self) -> Vec<String> {
        self.desk.warnings()
    }
}
