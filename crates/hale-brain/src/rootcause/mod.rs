//! Which service is at the root, where several are not as usual at once: those who cause most come first.
//!
//! A figure that moved far from what is usual says that something is wrong with a service; how much
//! harm it does tells the cause from those who suffer. So each service is judged by the failed requests
//! and the waiting that it adds beyond what is usual, by the CPU and memory that it takes beyond, by delay
//! that arises between it and its callers, and by errors in its logs that were never seen before; each
//! counts as far as it cannot be chance. One configuration for everything; no service is known by name.

mod deviation;

pub use deviation::Deviation;

/// What failed requests beyond the usual count, against the worst service.
const FAILURES_WEIGHT: f64 = 1.0;
/// Waiting beyond the usual: who calls a slow service is slow too, so that it says less.
const WAITING_WEIGHT: f64 = 0.5;
/// What the other of the two counts, where the symptom is known to be the one.
const OTHER_SYMPTOM: f64 = 0.3;
const CPU_WEIGHT: f64 = 1.0;
const MEMORY_WEIGHT: f64 = 0.5;
/// Half of a limit taken beyond the usual counts in full.
const UTILISATION_FULL: f64 = 0.5;
/// Delay on the way to a service, and on its own way to others: the second may be theirs.
const DELAY_IN_WEIGHT: f64 = 1.0;
const DELAY_OUT_WEIGHT: f64 = 0.5;
const NEW_ERRORS_WEIGHT: f64 = 1.0;
/// Sets apart those of whom nothing else is known: the further from usual, the earlier.
const ORDER_WEIGHT: f64 = 1e-3;

/// How one service differs from what is usual for it. None: not measured.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures<'a> {
    /// Its name.
    pub service: &'a str,
    /// Failed requests, in any unit that is the same for all services.
    pub failures: Option<Deviation>,
    /// Time that its requests took: requests times latency.
    pub waiting: Option<Deviation>,
    /// CPU, as a share of its limit, 0..1.
    pub cpu: Option<Deviation>,
    /// Memory, as a share of its limit, 0..1.
    pub memory: Option<Deviation>,
    /// Errors in its logs whose messages are not usual.
    pub new_errors: u64,
}

/// Calls from one service to another.
#[derive(Clone, Copy, Debug)]
pub struct Link<'a> {
    /// Who calls.
    pub from: &'a str,
    /// Who is called.
    pub to: &'a str,
    /// How much longer the caller waits than the callee works.
    pub delay: Deviation,
}

/// How the trouble shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Symptom {
    /// In a way that is not known.
    #[default]
    Unknown,
    /// Requests fail.
    Failures,
    /// Requests take long.
    Latency,
}

/// What speaks most against a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// Its requests fail.
    Failures,
    /// Its requests take long.
    Waiting,
    /// It takes much CPU.
    Cpu,
    /// It takes much memory.
    Memory,
    /// Delay arises between it and others.
    Delay,
    /// It logs errors that are not usual.
    NewErrors,
    /// Nothing in particular.
    Nothing,
}

/// A service with how likely it is at the root.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cause<'a> {
    /// Its name.
    pub service: &'a str,
    /// 0 for nothing against it; comparable within one ranking only.
    pub score: f64,
    /// What speaks most against it.
    pub because: Because,
}

/// Every service, the likeliest cause first; equals in the order of their names.
pub fn rank<'a>(figures: &[Figures<'a>], links: &[Link<'_>], symptom: Symptom) -> Vec<Cause<'a>> {
    let (failures_weight, waiting_weight) = match symptom {
        Symptom::Unknown => (FAILURES_WEIGHT, WAITING_WEIGHT),
        Symptom::Failures => (FAILURES_WEIGHT, WAITING_WEIGHT * OTHER_SYMPTOM),
        Symptom::Latency => (FAILURES_WEIGHT * OTHER_SYMPTOM, WAITING_WEIGHT),
    };
    let failures = Shares::of(figures.iter().map(|f| f.failures));
    let waiting = Shares::of(figures.iter().map(|f| f.waiting));
    let errors: u64 = figures.iter().map(|f| f.new_errors).sum();
    let mut causes: Vec<Cause<'a>> = figures
        .iter()
        .map(|f| {
            let against = [
                (Because::Failures, failures_weight * failures.share(f.failures)),
                (Because::Waiting, waiting_weight * waiting.share(f.waiting)),
                (Because::Cpu, CPU_WEIGHT * utilisation(f.cpu)),
                (Because::Memory, MEMORY_WEIGHT * utilisation(f.memory)),
                (Because::Delay, delay(f.service, links)),
                (Because::NewErrors, NEW_ERRORS_WEIGHT * share(f.new_errors, errors)),
            ];
            let most = against.iter().max_by(|a, b| a.1.total_cmp(&b.1)).filter(|m| m.1 > 0.0);
            let unusual = [f.waiting, f.cpu].into_iter().flatten().map(|d| d.sigmas);
            let order = ORDER_WEIGHT * unusual.fold(0.0, f64::max).ln_1p();
            Cause {
                service: f.service,
                score: against.iter().map(|(_, score)| score).sum::<f64>() + order,
                because: most.map_or(Because::Nothing, |(because, _)| *because),
            }
        })
        .collect();
    causes.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.service.cmp(b.service)));
    causes
}

/// What each service adds, against whoever adds most.
struct Shares {
    most: f64,
}

impl Shares {
    fn of(all: impl Iterator<Item = Option<Deviation>>) -> Shares {
        Shares { most: all.flatten().map(amount).fold(0.0, f64::max) }
    }

    fn share(&self, of: Option<Deviation>) -> f64 {
        match of {
            Some(deviation) if self.most > 0.0 => {
                amount(deviation) / self.most * deviation.confidence()
            }
            Some(_) | None => 0.0,
        }
    }
}

fn amount(deviation: Deviation) -> f64 {
    deviation.confidence() * deviation.excess.max(0.0)
}

fn utilisation(of: Option<Deviation>) -> f64 {
    let counted = |d: Deviation| d.confidence() * (d.excess.max(0.0) / UTILISATION_FULL).min(1.0);
    of.map_or(0.0, counted)
}

fn share(of: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { of as f64 / all as f64 }
}

fn delay(service: &str, links: &[Link<'_>]) -> f64 {
    let mean = |side: fn(&Link<'_>, &str) -> bool| {
        let own = links.iter().filter(|link| side(link, service));
        let (mut sum, mut count) = (0.0, 0.0);
        for link in own {
            sum += link.delay.confidence();
            count += 1.0;
        }
        if count > 0.0 { sum / count } else { 0.0 }
    };
    DELAY_IN_WEIGHT * mean(|link, service| link.to == service)
        + DELAY_OUT_WEIGHT * mean(|link, service| link.from == service)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn off(sigmas: f64, excess: f64) -> Option<Deviation> {
        Some(Deviation { sigmas, excess })
    }

    fn names<'a>(causes: &[Cause<'a>]) -> Vec<(&'a str, Because)> {
        causes.iter().map(|c| (c.service, c.because)).collect()
    }

    #[test]
    fn who_fails_most_comes_before_those_who_pass_it_on_and_those_who_jitter() {
        let of = |service, failures, waiting| Figures {
            service,
            failures,
            waiting,
            ..Figures::default()
        };
        let figures = [
            of("web", off(6.0, 16.0), off(1.0, 0.1)),
            of("search", off(9.0, 22.0), off(0.5, 0.1)),
            // Far from usual, and without any harm.
            of("storage", off(0.0, 0.0), off(40.0, 0.2)),
            of("idle", None, None),
        ];
        let causes = rank(&figures, &[], Symptom::Failures);
        assert_eq!(
            names(&causes),
            [
                ("search", Because::Failures),
                ("web", Because::Failures),
                ("storage", Because::Waiting),
                ("idle", Because::Nothing),
            ]
        );
    }

    #[test]
    fn delay_on_the_way_is_blamed_on_the_end_that_all_such_ways_share() {
        let figures = ["cart", "checkout", "front"].map(|service| Figures {
            service,
            waiting: off(5.0, if service == "front" { 9.0 } else { 0.0 }),
            ..Figures::default()
        });
        let link = |from, to, sigmas| Link { from, to, delay: Deviation { sigmas, excess: 0.2 } };
        let links = [
            link("front", "cart", 90.0),
            link("checkout", "cart", 80.0),
            link("front", "checkout", 0.2),
            link("front", "other", 0.1),
        ];
        let causes = rank(&figures, &links, Symptom::Unknown);
        assert_eq!(names(&causes).first(), Some(&("cart", Because::Delay)));
    }

    #[test]
    fn a_new_error_in_a_log_says_more_than_a_busy_processor() {
        let figures = [
            Figures { service: "a", cpu: off(9.0, 0.2), ..Figures::default() },
            Figures { service: "b", new_errors: 7, ..Figures::default() },
            Figures { service: "c", cpu: off(30.0, 0.01), new_errors: 1, ..Figures::default() },
        ];
        let causes = rank(&figures, &[], Symptom::Unknown);
        let order: Vec<_> = causes.iter().map(|c| c.service).collect();
        assert_eq!(order, ["b", "a", "c"]);
    }

    proptest! {
        #[test]
        fn every_service_is_ranked_once_with_a_finite_score(
            figures in prop::collection::vec((any::<f64>(), any::<f64>(), any::<u32>()), 0..20),
        ) {
            let names: Vec<String> = (0..figures.len()).map(|n| format!("s{n}")).collect();
            let figures: Vec<Figures<'_>> = figures
                .iter()
                .zip(&names)
                .map(|((sigmas, excess, errors), service)| Figures {
                    service,
                    failures: Deviation::new(*sigmas, *excess),
                    waiting: Deviation::new(*excess, *sigmas),
                    new_errors: u64::from(*errors),
                    ..Figures::default()
                })
                .collect();
            let causes = rank(&figures, &[], Symptom::Unknown);
            prop_assert_eq!(causes.len(), names.len());
            prop_assert!(causes.iter().all(|c| c.score.is_finite() && c.score >= 0.0));
            prop_assert!(causes.windows(2).all(|pair| pair[0].score >= pair[1].score));
        }
    }
}
