//! A person says a sentence: it becomes a plan (hale's own intents, what was done before, or a model), the
//! guard judges each command, the person decides, the commands run, and what came of it is kept.
//!
//! Everything here is done in the process of whoever asked, in their name and with their rights, whether
//! an agent runs or not. What is run is recorded like every action: verdict, intent before the world is
//! touched, outcome. Nothing runs that was not in a plan that could be shown, and no model's word about
//! risk is read.

mod ask;
mod context;
mod heal;
mod recall;
mod run;

use std::path::PathBuf;
use std::time::Duration;

use hale_brain::companion::MachineContext;
pub use hale_brain::companion::Step;
use hale_brain::decide::redact::Redactor;
use hale_brain::route::{self, HostFacts, Reason, Routed};
use hale_mind::Message;
use hale_model::action::{Action, Actor, Verdict};
use hale_model::api::{ApiError, ErrorKind};
use hale_model::config::Language;
use hale_model::run::{AskPlan, AskStep, AskView, PlanOrigin, Run};
use hale_model::sample::Source;
use hale_model::snapshot::Snapshot;
use hale_model::{PlanId, Timestamp};
use hale_observe::LocalObserver;
use hale_store::{Access, State, StoreError};

use crate::Settings;
use crate::adviser::Adviser;
use crate::files::Files;
use crate::flow::{Asked, History, verdict};
use crate::telemetry::store_error;

pub use ask::{Intent, Outgoing, Said, Sources, intents};
pub use heal::Recovery;
use heal::Tried;
pub(crate) use run::is_being_run;
pub use run::{Output, Stdin};

type Result<T> = std::result::Result<T, ApiError>;

/// Seconds that one command may run.
pub const RUN_SECS_MAX: u32 = 86_400;
/// Recoveries from failures within one plan.
pub const RECOVERIES_MAX: u32 = 3;

/// Turns one person's sentences into commands, and runs them.
pub struct Companion {
    settings: Settings,
    files: Files,
    actor: Actor,
    snapshot: Snapshot,
    host: HostFacts,
    context: MachineContext,
    working_dir: PathBuf,
    adviser: Option<Adviser>,
    redactor: Redactor,
    /// The conversation with a model, where there was one.
    talk: Vec<Message>,
    /// What the person is spoken to in: that of their sentence, where it tells.
    language: Language,
    /// Open for writing, once something had to be written.
    state: Option<State>,
    timeout_secs: u32,
    /// What was run so far, in its order.
    tried: Vec<Tried>,
}

/// Whether hale knows a sentence by itself, here or on a machine that has more programs.
pub fn is_known(sentence: &str) -> bool {
    match route::route(sentence, &HostFacts::default()) {
        Routed::Plan(_) => true,
        Routed::Unknown(unknown) => matches!(unknown.reason, Reason::MissingTool(_)),
    }
}

impl Companion {
    /// Looks at the machine and at the person's shell; asks nobody and writes nothing.
    pub async fn new(settings: Settings, working_dir: PathBuf, timeout_secs: u32) -> Companion {
        let configured = settings.config.general.machine_id.trim();
        let machine = (!configured.is_empty()).then(|| configured.into());
        let mut observer = LocalObserver::new(settings.observed_roots(), machine);
        let sample = observer.collect_only(&[Source::Disk]).await;
        let snapshot = Snapshot::derive(&sample, None);
        let places = context::Places::of_process();
        let host = context::host_facts(&places);
        let context = context::machine(&places, &host, &snapshot, &working_dir);
        let adviser = Adviser::new(&settings);
        let redactor = match &adviser {
            Some(adviser) => adviser.redactor_knowing(&context::private_names(&context.machines)),
            None => Redactor::new(Default::default()),
        };
        Companion {
            files: Files::new(&settings.data_dir),
            actor: Actor::User { uid: rustix::process::getuid().as_raw() },
            snapshot,
            host,
            context,
            working_dir,
            adviser,
            redactor,
            talk: Vec::new(),
            language: settings.config.general.language,
            state: None,
            timeout_secs: timeout_secs.clamp(1, RUN_SECS_MAX),
            tried: Vec::new(),
            settings,
        }
    }

    /// A command that was run before, as a plan of one step.
    pub fn again(&self, run: &Run) -> AskPlan {
        let step = Step { command: run.command.clone(), why: run.why.clone() };
        self.plan_of(run.sentence.clone(), String::new(), PlanOrigin::History, vec![step])
    }

    fn plan_of(
        &self,
        sentence: Option<String>,
        reasoning: String,
        origin: PlanOrigin,
        steps: Vec<Step>,
    ) -> AskPlan {
        let created_at = Timestamp::now();
        let steps = steps.into_iter().map(|step| AskStep {
            verdict: self.judge(&step.command, false),
            command: step.command,
            why: step.why,
            run: None,
        });
        AskPlan {
            plan_id: PlanId::of_sentence(sentence.as_deref().unwrap_or_default(), created_at),
            created_at,
            reasoning,
            origin,
            similar_to: None,
            working_dir: self.working_dir.display().to_string(),
            steps: steps.collect(),
            question: None,
            sentence,
        }
    }

    /// What the guard says to a command now, from this person.
    pub fn judge(&self, command: &str, confirmed_critical: bool) -> Verdict {
        let action = self.action(command);
        let asked = Asked {
            action: &action,
            alert_kind: None,
            actor: &self.actor,
            approved: false,
            confirmed_critical,
        };
        let history = self.read(History::default(), History::read).map(|mut history| {
            // Two terminals may list the same directory at once: a command is no target.
            history.in_flight.retain(|key| !key.starts_with("command:"));
            history
        });
        verdict(history, &self.settings.config, &self.snapshot, &asked)
    }

    fn action(&self, command: &str) -> Action {
        Action::CommandRun {
            command: command.to_owned(),
            working_dir: Some(self.working_dir.display().to_string()),
            timeout_secs: self.timeout_secs,
        }
    }

    /// Reads the state; no file yet means that nothing happened yet.
    fn read<T>(
        &self,
        nothing: T,
        read: impl FnOnce(&State) -> std::result::Result<T, StoreError>,
    ) -> Result<T> {
        if let Some(state) = &self.state {
            return read(state).map_err(store_error);
        }
        match State::open(&self.files.state(), Access::Read) {
            Ok(state) => read(&state).map_err(store_error),
            // Also while another hale is just making it.
            Err(StoreError::Missing { .. }) => Ok(nothing),
            Err(error) => Err(store_error(error)),
        }
    }

    /// The state, open for writing.
    fn write(&mut self) -> Result<&mut State> {
        if self.state.is_none() {
            self.files.prepare()?;
            let state = State::open(&self.files.state(), Access::Write).map_err(store_error)?;
            self.state = Some(state);
        }
        match &mut self.state {
            Some(state) => Ok(state),
            None => Err(ApiError::new(ErrorKind::Failed, "the state database is not open")),
        }
    }
}

/// Where nobody waits on a terminal, a plan is not waited for longer.
const SHOWN_WITHIN: Duration = Duration::from_secs(120);

/// The plan for a sentence, for whoever asks without a terminal: nothing is run or recorded.
///
/// # Errors
/// As [`Companion::plan`]; and [`ErrorKind::Degraded`] where no model answered in time.
pub(crate) async fn shown(
    settings: &Settings,
    sentence: String,
    language: Option<Language>,
) -> Result<AskView> {
    let mut settings = settings.clone();
    if let Some(language) = language {
        settings.config.general.language = language;
    }
    let home = std::env::home_dir().filter(|home| home.is_absolute());
    let working_dir = home.unwrap_or_else(|| PathBuf::from("/"));
    let work = async move {
        let mut companion = Companion::new(settings, working_dir, RUN_SECS_MAX).await;
        companion.plan(&sentence, Sources::All, &mut |_| {}).await
    };
    // Shells' start-up files and all of PATH are read on the way: not on a thread that serves others.
    let runtime = tokio::runtime::Handle::current();
    let planning = tokio::task::spawn_blocking(move || {
        runtime.block_on(tokio::time::timeout(SHOWN_WITHIN, work))
    });
    match planning.await {
        Ok(Ok(plan)) => plan.map(AskView::only_shown),
        Ok(Err(_)) => {
            let secs = SHOWN_WITHIN.as_secs();
            let message = format!("the sentence was not made a plan of within {secs} s");
            Err(ApiError::new(ErrorKind::Degraded, message)
                .hint("ask again; `hale doctor` tells how the models are"))
        }
        Err(error) => Err(ApiError::new(
            ErrorKind::Failed,
            format!("the sentence could not be made a plan of: {error}"),
        )),
    }
}

/// What was run, newest first; 0 is no limit. Reads the record only.
///
/// # Errors
/// It cannot be read.
pub fn runs(settings: &Settings, limit: u32) -> Result<Vec<Run>> {
    match State::open(&Files::new(&settings.data_dir).state(), Access::Read) {
        Ok(state) => state.runs(limit).map_err(store_error),
        Err(StoreError::Missing { .. }) => Ok(Vec::new()),
        Err(error) => Err(store_error(error)),
    }
}
