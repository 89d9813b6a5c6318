//! Customers: a few at a time, all the time, and what became of their visits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hale_demo::{Customer, Visit};
use tokio::task::JoinHandle;

/// Customers at a time.
const CUSTOMERS: usize = 4;
/// Between two visits of one of them.
const PAUSE: Duration = Duration::from_millis(150);
/// Visits remembered.
const VISITS_MAX: usize = 4000;
const NAMES: [&str; CUSTOMERS] =
    ["Ada Lovelace", "Grace Hopper", "Edsger Dijkstra", "Barbara Liskov"];

type Visits = Arc<Mutex<VecDeque<(Instant, Visit)>>>;

/// The customers and their visits.
pub struct Traffic {
    visits: Visits,
    tasks: Vec<JoinHandle<()>>,
}

impl Traffic {
    /// Lets them in.
    pub fn start(customer: Customer) -> Traffic {
        let visits = Visits::default();
        let come = |name: &'static str| {
            let (customer, visits) = (customer.clone(), visits.clone());
            tokio::spawn(async move {
                loop {
                    let visit = customer.visit(name).await;
                    remember(&visits, visit);
                    tokio::time::sleep(PAUSE).await;
                }
            })
        };
        let tasks = NAMES.into_iter().map(come).collect();
        Traffic { visits, tasks }
    }

    /// Visits that ended since then, and how many of them failed.
    pub fn since(&self, moment: Instant) -> (usize, usize) {
        let all = self.visits.lock().unwrap_or_else(PoisonError::into_inner);
        let young = all.iter().filter(|(at, _)| *at >= moment);
        young.fold((0, 0), |(count, failed), (_, visit)| {
            (count + 1, failed + usize::from(!visit.bought))
        })
    }
}

fn remember(visits: &Visits, visit: Visit) {
    let mut all = visits.lock().unwrap_or_else(PoisonError::into_inner);
    if all.len() == VISITS_MAX {
        all.pop_front();
    }
    all.push_back((Instant::now(), visit));
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}
