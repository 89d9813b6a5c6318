//! One thread a collector, so that one that hangs in the kernel (a process whose memory map is
//! locked, a dead file server, a sensor that does not answer) costs its own source and no other.
//! Plain threads rather than the runtime's blocking pool: a runtime waits for its blocking tasks when
//! it ends, and such a thread may never come back.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::read::ReadError;

/// How long a collector may take before its source is stale; it may answer later, to nobody.
pub(crate) const COLLECT_TIMEOUT_SECS: u64 = 5;

/// The instant of one collection, the same for every collector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Moment {
    /// `CLOCK_BOOTTIME`, or the recorded uptime.
    pub(crate) boottime_ns: u64,
}

/// What a collector read.
#[derive(Debug)]
pub(crate) struct Reading<T> {
    /// The measurement, or why there is none.
    pub(crate) value: Result<T, ReadError>,
    /// The machine has no such thing.
    pub(crate) absent: bool,
    /// What was left out, for people.
    pub(crate) notes: Vec<String>,
    /// How many things were seen but not kept.
    pub(crate) lost: u64,
    /// How long it took.
    pub(crate) took_us: u64,
}

impl<T> Reading<T> {
    pub(crate) fn of(value: T) -> Self {
        Reading { value: Ok(value), absent: false, notes: Vec::new(), lost: 0, took_us: 0 }
    }

    pub(crate) fn failed(error: ReadError) -> Self {
        Reading { value: Err(error), absent: false, notes: Vec::new(), lost: 0, took_us: 0 }
    }

    pub(crate) fn note(&mut self, text: impl Into<String>) {
        const NOTES_MAX: usize = 4;
        if self.notes.len() < NOTES_MAX {
            self.notes.push(text.into());
        }
    }

    /// Keeps a part's value, or notes why it is missing.
    pub(crate) fn part<P>(&mut self, part: Result<P, ReadError>) -> Option<P> {
        match part {
            Ok(value) => Some(value),
            Err(error) => {
                self.note(error.to_string());
                None
            }
        }
    }

    /// As [`Reading::part`], but a part that this machine does not have is no news.
    pub(crate) fn optional_part<P>(&mut self, part: Result<P, ReadError>) -> Option<P> {
        match part {
            Err(error) if error.is_missing() => None,
            part => self.part(part),
        }
    }
}

/// A collector: state of its own, asked again and again.
pub(crate) trait Collect: Send + 'static {
    /// What it measures.
    type Out: Send + 'static;

    /// Reads everything once.
    fn collect(&mut self, moment: Moment) -> Reading<Self::Out>;
}

type Request<T> = (Moment, oneshot::Sender<Reading<T>>);
type Make<C> = Arc<dyn Fn() -> C + Send + Sync>;

/// A collector on its own thread.
pub(crate) struct Worker<C: Collect> {
    name: &'static str,
    make: Make<C>,
    requests: Option<mpsc::SyncSender<Request<C::Out>>>,
    /// The answer that did not come in time, and since when it is awaited.
    late: Option<(oneshot::Receiver<Reading<C::Out>>, Instant)>,
    timeout: Duration,
}

impl<C: Collect> Worker<C> {
    pub(crate) fn new(
        name: &'static str,
        make: impl Fn() -> C + Send + Sync + 'static,
    ) -> Worker<C> {
        let timeout = Duration::from_secs(COLLECT_TIMEOUT_SECS);
        Worker { name, make: Arc::new(make), requests: None, late: None, timeout }
    }

    pub(crate) async fn collect(&mut self, moment: Moment) -> Reading<C::Out> {
        if let Some((mut answer, since)) = self.late.take() {
            use oneshot::error::TryRecvError;
            match answer.try_recv() {
                Err(TryRecvError::Empty) => {
                    let text = format!(
                        "the {} collector still hangs after {} s",
                        self.name,
                        since.elapsed().as_secs()
                    );
                    self.late = Some((answer, since));
                    return Reading::failed(ReadError::Other(text));
                }
                // An old answer does not belong to this moment; after a panic there is none.
                Ok(_) => {}
                Err(TryRecvError::Closed) => self.requests = None,
            }
        }
        let (reply, answer) = oneshot::channel();
        if let Err(error) = self.send((moment, reply)) {
            return Reading::failed(error);
        }
        self.receive(answer).await
    }

    async fn receive(&mut self, mut answer: oneshot::Receiver<Reading<C::Out>>) -> Reading<C::Out> {
        match tokio::time::timeout(self.timeout, &mut answer).await {
            Ok(Ok(reading)) => reading,
            Ok(Err(_)) => {
                self.requests = None;
                let text = format!("the {} collector panicked and will start anew", self.name);
                Reading::failed(ReadError::Other(text))
            }
            Err(_) => {
                self.late = Some((answer, Instant::now()));
                let secs = self.timeout.as_secs();
                let text = format!("the {} collector did not answer in {secs} s", self.name);
                Reading::failed(ReadError::Other(text))
            }
        }
    }

    fn send(&mut self, request: Request<C::Out>) -> Result<(), ReadError> {
        let other = |what: String| ReadError::Other(format!("the {} collector: {what}", self.name));
        let requests = match &self.requests {
            Some(requests) => requests,
            None => {
                let started =
                    start(self.name, self.make.clone()).map_err(|e| other(e.to_string()))?;
                self.requests.insert(started)
            }
        };
        let sent = requests.try_send(request);
        if sent.is_err() {
            self.requests = None;
        }
        sent.map_err(|e| other(e.to_string()))
    }
}

fn start<C: Collect>(
    name: &'static str,
    make: Make<C>,
) -> std::io::Result<mpsc::SyncSender<Request<C::Out>>> {
    let (requests, inbox) = mpsc::sync_channel::<Request<C::Out>>(1);
    let serve = move || {
        let mut collector = make();
        while let Ok((moment, reply)) = inbox.recv() {
            let started = Instant::now();
            let mut reading = collector.collect(moment);
            reading.took_us = started.elapsed().as_micros() as u64;
            // The asker may have given up: then nobody wants it.
            let _ = reply.send(reading);
        }
    };
    std::thread::Builder::new().name(format!("hale-{name}")).spawn(serve)?;
    Ok(requests)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    struct Moody(Arc<AtomicU32>);

    impl Collect for Moody {
        type Out = u32;
        fn collect(&mut self, _: Moment) -> Reading<u32> {
            match self.0.fetch_add(1, Ordering::SeqCst) {
                // Unwinds as a panic does, without its report on the terminal.
                0 => std::panic::resume_unwind(Box::new("a bug")),
                1 => std::thread::sleep(Duration::from_millis(1500)),
                _ => {}
            }
            Reading::of(7)
        }
    }

    #[tokio::test]
    async fn a_collector_that_panics_or_hangs_costs_its_own_reading_only() {
        let calls = Arc::new(AtomicU32::new(0));
        let mut worker = Worker::new("moody", move || Moody(calls.clone()));
        worker.timeout = Duration::from_millis(500);
        let moment = Moment { boottime_ns: 0 };
        let text = |r: Reading<u32>| r.value.unwrap_err().to_string();
        assert_eq!(
            text(worker.collect(moment).await),
            "the moody collector panicked and will start anew"
        );
        assert_eq!(text(worker.collect(moment).await), "the moody collector did not answer in 0 s");
        assert_eq!(text(worker.collect(moment).await), "the moody collector still hangs after 0 s");
        let mut answered = worker.collect(moment).await;
        while answered.value.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
            answered = worker.collect(moment).await;
        }
        assert_eq!(answered.value, Ok(7));
    }
}
