//! Prometheus targets, asked in the background, each in its own rhythm; a collection takes the newest
//! answers and waits for nobody. One GET, no redirect, no proxy, with limits on time, bytes and series.

mod exposition;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hale_model::Timestamp;
use hale_model::config::ScrapeTarget;
use hale_model::sample::{Source, SourceState, SourceStatus};
use hale_model::scrape::{
    ANSWER_BYTES_MAX, ScrapeSample, ScrapedTarget, Series, SeriesKind, TARGETS_MAX,
};
use hale_model::text::{printable, shorten};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

pub(crate) use self::exposition::Exposition;

/// One answer, from the connection to its last byte.
const TIMEOUT: Duration = Duration::from_secs(5);
/// What is read of an error.
const WORDS_BYTES_MAX: usize = 200;
/// Targets that a note names.
const NAMED_MAX: usize = 3;
/// What text formats are understood: the old one before the new one, which says the same in more words.
const ACCEPT: &str = "text/plain;version=0.0.4,*/*;q=0.1";

/// The newest scrape of each target, by its place in the configuration.
type Newest = Arc<Mutex<BTreeMap<usize, Arc<ScrapedTarget>>>>;

/// Asks targets as long as it lives.
#[derive(Default)]
pub(super) struct Scraper {
    waiting: Vec<ScrapeTarget>,
    newest: Newest,
    tasks: JoinSet<()>,
    last_fresh_at: Option<Timestamp>,
    configured: bool,
}

impl Scraper {
    /// Asks these from the next collection on.
    pub(super) fn new(targets: Vec<ScrapeTarget>) -> Scraper {
        let waiting: Vec<_> = targets.into_iter().take(TARGETS_MAX).collect();
        Scraper { configured: !waiting.is_empty(), waiting, ..Scraper::default() }
    }

    /// The newest answers, and how the source does; none where there is no target. Call it from within a
    /// tokio runtime.
    pub(super) fn collect(
        &mut self,
        now: Timestamp,
    ) -> Option<(ScrapeSample, Option<SourceStatus>)> {
        if !self.configured {
            return None;
        }
        for (place, target) in std::mem::take(&mut self.waiting).into_iter().enumerate() {
            self.tasks.spawn(ask_again_and_again(target, place, self.newest.clone()));
        }
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let targets: Vec<_> = newest.values().cloned().collect();
        drop(newest);
        let status = self.status(&targets, now);
        Some((ScrapeSample { targets }, status))
    }

    /// Before the first answer there is nothing to say. One target that is down makes the source stale:
    /// what rested on it is then unknown, not well.
    fn status(&mut self, targets: &[Arc<ScrapedTarget>], now: Timestamp) -> Option<SourceStatus> {
        let down: Vec<_> = targets.iter().filter(|t| !t.is_up()).collect();
        let told = |t: &&Arc<ScrapedTarget>| {
            format!("{}: {}", t.target, t.error.as_deref().unwrap_or_default())
        };
        let mut words: Vec<String> =
            down.iter().copied().take(NAMED_MAX).map(|t| told(&t)).collect();
        if down.len() > NAMED_MAX {
            words.push(format!("and {} more", down.len() - NAMED_MAX));
        }
        let newest_up = targets.iter().filter(|t| t.is_up()).map(|t| t.scraped_at).max();
        if targets.is_empty() {
            return None;
        }
        if down.is_empty() {
            self.last_fresh_at = Some(now);
        }
        Some(SourceStatus {
            source: Source::Scrape,
            state: if down.is_empty() { SourceState::Fresh } else { SourceState::Stale },
            last_fresh_at: self.last_fresh_at.or(newest_up),
            took_us: targets.iter().map(|t| (t.took_ms * 1000.0) as u64).max().unwrap_or(0),
            note: (!words.is_empty()).then(|| words.join("; ")),
            lost: targets.iter().map(|t| t.lost).sum(),
        })
    }
}

async fn ask_again_and_again(target: ScrapeTarget, place: usize, newest: Newest) {
    let mut due = tokio::time::interval(Duration::from_secs(target.interval_secs.max(1)));
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut client = None;
    let mut before: Option<(Arc<ScrapedTarget>, Instant)> = None;
    loop {
        due.tick().await;
        let asked = Instant::now();
        let scraped_at = Timestamp::now();
        let read = match tokio::time::timeout(TIMEOUT, ask(&target, &mut client)).await {
            Ok(read) => read,
            Err(_) => Err(format!("no whole answer in {} s", TIMEOUT.as_secs())),
        };
        let took_ms = asked.elapsed().as_secs_f64() * 1000.0;
        let (error, exposition) = match read {
            Ok(exposition) => (None, exposition),
            Err(why) => (Some(shorten(&printable(&why), WORDS_BYTES_MAX)), Exposition::default()),
        };
        let mut scraped = ScrapedTarget {
            target: target.name.clone(),
            scraped_at,
            took_ms,
            error,
            since_secs: None,
            series: exposition.series,
            lost: exposition.lost,
        };
        if let Some((before, then)) = before.as_ref().filter(|(b, _)| b.is_up()) {
            scraped.since_secs = Some(asked.duration_since(*then).as_secs_f64());
            grow(&mut scraped.series, &before.series);
        }
        let scraped = Arc::new(scraped);
        before = Some((scraped.clone(), asked));
        newest.lock().unwrap_or_else(PoisonError::into_inner).insert(place, scraped);
    }
}

/// How much each counter grew.
fn grow(series: &mut [Series], before: &[Series]) {
    let counters = before.iter().filter(|s| s.kind == SeriesKind::Counter);
    let known: HashMap<_, f64> =
        counters.map(|s| ((s.metric.as_str(), s.labels.as_slice()), s.value)).collect();
    for s in series.iter_mut().filter(|s| s.kind == SeriesKind::Counter) {
        let was = known.get(&(s.metric.as_str(), s.labels.as_slice()));
        s.grown = was.map(|was| s.value - was).filter(|grown| *grown >= 0.0);
    }
}

async fn ask(
    target: &ScrapeTarget,
    client: &mut Option<reqwest::Client>,
) -> Result<Exposition, String> {
    let client = match client {
        Some(client) => client,
        None => client.insert(client_for(target)?),
    };
    let mut request = client.get(&target.url).header("Accept", ACCEPT);
    if !target.token_env.is_empty() {
        let token = std::env::var(&target.token_env)
            .map_err(|_| format!("the variable {} holds no token", target.token_env))?;
        request = request.bearer_auth(token.trim());
    }
    let mut answer = request.send().await.map_err(reason)?;
    if !answer.status().is_success() {
        return Err(format!("it answers {}", answer.status()));
    }
    let mut exposition = Exposition::new(target.metrics.clone(), target.label_pairs());
    let mut bytes = 0;
    while let Some(chunk) = answer.chunk().await.map_err(reason)? {
        bytes += chunk.len();
        if bytes > ANSWER_BYTES_MAX {
            return Err(format!("it says more than {ANSWER_BYTES_MAX} bytes"));
        }
        exposition.feed(&chunk);
    }
    exposition.finish();
    if exposition.series.is_empty() && exposition.lost > 0 {
        return Err("what it answers is not in the Prometheus text format".to_owned());
    }
    Ok(exposition)
}

fn client_for(target: &ScrapeTarget) -> Result<reqwest::Client, String> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("hale/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy();
    if target.url.starts_with("http://") {
        // Without redirects no TLS can come up; a machine without CA certificates will do.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(reason)
}

/// The innermost cause says most: `Connection refused`. The address is in the configuration.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
