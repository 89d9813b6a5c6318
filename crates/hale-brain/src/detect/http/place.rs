//! Where a service runs, in terms of what hale observes: a container, a unit, a process. Told by
//! resource attributes, and believed only where the machine shows the same.

use std::collections::BTreeMap;

use hale_model::ProcRef;
use hale_model::snapshot::Snapshot;
use hale_model::traffic::Instance;

use super::super::detectors::View;

/// Services whose places are remembered.
const MAX_SERVICES: usize = 1024;
/// Places of one service.
const MAX_PLACES: usize = 16;
/// A version that is new for so long counts as a deploy.
const DEPLOY_SECS: f64 = 1800.0;
/// Versions remembered of one service.
const MAX_VERSIONS: usize = 8;
/// Digits of a container's id that its host name shows.
const SHORT_ID: usize = 12;

/// Where one instance runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Place {
    pub(super) instance: Instance,
    pub(super) container_id: Option<String>,
    pub(super) container: Option<String>,
    pub(super) unit: Option<String>,
    pub(super) process: Option<ProcRef>,
    /// When it was last told of.
    seen_ns: u64,
}

#[derive(Clone, Debug, Default)]
struct OfService {
    places: Vec<Place>,
    /// Versions with when each was first seen.
    versions: Vec<(String, u64)>,
}

/// Where all services run.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    services: BTreeMap<String, OfService>,
}

/// A version that came lately.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Deploy {
    pub(super) version: String,
    pub(super) before: String,
    pub(super) secs_ago: f64,
}

impl Places {
    pub(super) fn see(&mut self, view: &View<'_>) {
        let Some(traffic) = &view.snapshot.traffic else { return };
        for service in &traffic.services {
            let known = self.services.contains_key(&service.service);
            if service.instances.is_empty() || (!known && self.services.len() >= MAX_SERVICES) {
                continue;
            }
            let of = self.services.entry(service.service.clone()).or_default();
            for instance in &service.instances {
                of.see(view, instance);
            }
        }
    }

    /// Where to look for the trouble of a service: the instance with most failures now, else the one
    /// that was heard of last.
    pub(super) fn of(&self, service: &str) -> Option<&Place> {
        let places = &self.services.get(service)?.places;
        places.iter().max_by_key(|p| (p.instance.errors, p.seen_ns, p.instance.requests))
    }

    /// The newest version of a service, if it came lately and was not the first.
    pub(super) fn deploy(&self, view: &View<'_>, service: &str) -> Option<Deploy> {
        let versions = &self.services.get(service)?.versions;
        let [.., (before, _), (version, at)] = versions.as_slice() else { return None };
        let secs_ago = view.tick.since(*at);
        (secs_ago <= DEPLOY_SECS).then(|| Deploy {
            version: version.clone(),
            before: before.clone(),
            secs_ago,
        })
    }
}

impl OfService {
    fn see(&mut self, view: &View<'_>, instance: &Instance) {
        let active = instance.requests > 0;
        if active
            && !instance.version.is_empty()
            && !self.versions.iter().any(|(v, _)| *v == instance.version)
        {
            if self.versions.len() >= MAX_VERSIONS {
                self.versions.remove(0);
            }
            self.versions.push((instance.version.clone(), view.tick.now_ns));
        }
        let at = match self.places.iter().position(|p| p.instance.same(instance)) {
            Some(at) => at,
            None => {
                if self.places.len() >= MAX_PLACES {
                    let oldest = (0..self.places.len())
                        .min_by_key(|at| self.places.get(*at).map_or(0, |p| p.seen_ns));
                    oldest.map(|at| self.places.remove(at));
                }
                self.places.push(Place::default());
                self.places.len() - 1
            }
        };
        let Some(place) = self.places.get_mut(at) else { return };
        place.instance.clone_from(instance);
        if active || place.seen_ns == 0 {
            place.seen_ns = view.tick.now_ns;
        }
        place.find(view.snapshot);
    }
}

impl Place {
    /// What of the machine this is. What was found stays known when the process is gone: that is
    /// when it is asked for.
    fn find(&mut self, snapshot: &Snapshot) {
        let told = &self.instance;
        let id = container_of(told, snapshot);
        if let Some(id) = id {
            let named = snapshot.containers.iter().find(|c| c.stat.id == id);
            self.container = named.map(|c| c.stat.name.clone()).or_else(|| self.container.take());
            self.container_id = Some(id);
            return;
        }
        let here = told.host.is_empty() || told.host == snapshot.host.hostname;
        let process = (told.pid > 1 && here && told.container_id.is_empty())
            .then(|| snapshot.process(told.pid))
            .flatten()
            .filter(|p| !p.is_zombie() && p.info.container.is_none())
            .filter(|p| {
                told.program.is_empty() || runs(&p.info.cmdline, &p.info.name, &told.program)
            });
        if let Some(process) = process {
            self.process = Some(process.proc_ref());
            self.unit = process.info.unit.clone();
        }
    }
}

/// Whether a process runs this program: by its own name, or as the interpreter that it names first.
fn runs(cmdline: &str, name: &str, program: &str) -> bool {
    let program = program.rsplit('/').next().unwrap_or(program);
    name == program.get(..15.min(program.len())).unwrap_or(program)
        || cmdline.split(' ').take(2).any(|word| word.rsplit('/').next() == Some(program))
}

/// The whole id of the container that an instance runs in, if this machine has it.
fn container_of(told: &Instance, snapshot: &Snapshot) -> Option<String> {
    let is_short = |s: &str| s.len() >= SHORT_ID && s.bytes().all(|b| b.is_ascii_hexdigit());
    let told_id =
        [told.container_id.as_str(), told.host.as_str()].into_iter().find(|s| is_short(s))?;
    let ids = snapshot
        .containers
        .iter()
        .map(|c| c.stat.id.as_str())
        .chain(snapshot.processes.iter().filter_map(|p| p.info.container.as_deref()));
    ids.into_iter().find(|id| id.starts_with(told_id)).map(str::to_owned)
}
