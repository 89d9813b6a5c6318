//! `hale demo`: a marketplace that fails, and an agent that heals it, for everyone to see. Starts both,
//! drives customers through it, injects one fault after the other, tells what the loop does, and looks
//! from outside whether the marketplace is well again. Everything is its own and ends with it.

mod agent;
mod docker;
mod fleet;
mod image;
pub mod role;
mod story;
mod traffic;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::{Args, ValueEnum};
use hale_demo::{Addresses, Customer, Fault, Role};
use tokio::signal::unix::{SignalKind, signal};

use crate::exit::{Ended, Exit, Failure};
use crate::screen::{BOLD, CYAN, DIM, Screen, YELLOW, paint};
use agent::Watchman;
use fleet::Fleet;
use story::{Narrator, Told, told_table};
use traffic::Traffic;

/// The marketplace must serve by then.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long customers shop before anything fails, so that there is a usual to compare with.
const CALM: Duration = Duration::from_secs(2);

/// `hale demo`
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// Only this fault; without it, all in turn
    #[arg(long, value_enum, value_name = "KIND")]
    pub fault: Option<FaultArg>,
    /// End after the last fault: exit 0 only if the marketplace recovered from every one
    #[arg(long)]
    pub once: bool,
    /// Seconds of calm between two faults
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600), value_name = "SECS")]
    pub interval: u64,
    /// Keep the directory with the logs, the database and the agent's data
    #[arg(long)]
    pub keep: bool,
    /// As processes, also where a container engine answers
    #[arg(long)]
    pub processes: bool,
}

/// A way to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum FaultArg {
    /// A service leaks memory until it has to turn customers away
    Memory,
    /// A thread computes without end
    Cpu,
    /// Workers are never given back: whoever comes waits
    Latency,
    /// A job holds the database's write lock nearly all the time
    DbLatency,
    /// A panic poisoned the price list: every price fails
    Errors,
    /// A service aborts
    Crash,
    /// Old files fill a service's spool
    Disk,
}

impl From<FaultArg> for Fault {
    fn from(fault: FaultArg) -> Fault {
        match fault {
            FaultArg::Memory => Fault::Memory,
            FaultArg::Cpu => Fault::Cpu,
            FaultArg::Latency => Fault::Latency,
            FaultArg::DbLatency => Fault::DbLatency,
            FaultArg::Errors => Fault::Errors,
            FaultArg::Crash => Fault::Crash,
            FaultArg::Disk => Fault::Disk,
        }
    }
}

/// Where everything of one demo is.
pub struct Place {
    /// A directory of its own.
    pub directory: PathBuf,
    /// What tells this demo's containers from another's.
    pub run: String,
    /// Where the services listen.
    pub addresses: Addresses,
    /// Where the agent's dashboard and webhook are.
    pub agent: SocketAddr,
    /// Where it takes OTLP.
    pub otlp: SocketAddr,
    /// What it wants to be shown with a webhook: nobody else on this machine is heard.
    pub webhook_token: String,
    /// Whether a container engine was asked to start something.
    pub may_have_containers: AtomicBool,
}

impl Place {
    fn make() -> Result<Place, Failure> {
        let failed = |what: &str, error: std::io::Error| {
            Failure::failed(
                format!("{what}: {error}"),
                "check $TMPDIR, and the limits of this user",
            )
        };
        let random = random_hex().map_err(|e| failed("no random numbers can be had", e))?;
        let (run, token) = random.split_at(8);
        let directory = std::env::temp_dir().join(format!("hale-demo-{run}"));
        let made = std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700)
            .create(&directory);
        made.map_err(|e| failed("no directory can be made", e))?;
        let ports = free_ports::<6>().map_err(|e| failed("no free ports", e))?;
        let [gateway, catalog, quote, policy, agent, otlp] = ports;
        Ok(Place {
            directory,
            run: run.to_owned(),
            addresses: Addresses { gateway, catalog, quote, policy },
            agent,
            otlp,
            webhook_token: token.to_owned(),
            may_have_containers: AtomicBool::new(false),
        })
    }

    /// Where the services keep their files.
    pub fn market(&self) -> PathBuf {
        self.directory.join("market")
    }

    /// What the agent and the webhooks call a service, before its role.
    pub fn prefix(&self) -> String {
        format!("hale-demo-{}-", self.run)
    }

    /// What they call it.
    pub fn target(&self, role: Role) -> String {
        format!("{}{}", self.prefix(), role.as_str())
    }
}

fn random_hex() -> std::io::Result<String> {
    use std::io::Read as _;
    let mut bytes = [0_u8; 28];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Ports that nobody listens on now. Held together, so that they differ.
fn free_ports<const N: usize>() -> std::io::Result<[SocketAddr; N]> {
    let mut held = Vec::with_capacity(N);
    let mut ports = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)); N];
    for port in &mut ports {
        let listener = TcpListener::bind(*port)?;
        *port = listener.local_addr()?;
        held.push(listener);
    }
    Ok(ports)
}

/// Runs the demo.
pub async fn run(screen: Screen, arguments: DemoArgs) -> Ended {
    let place = Place::make()?;
    let (mut told, mut stage) = (Vec::new(), Stage::default());
    let ended = {
        let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(no_signals)?;
        tokio::select! {
            ended = whole(screen, &place, &arguments, &mut told, &mut stage) => ended,
            _ = interrupt.recv() => Ok(Interrupted::Yes),
            _ = terminate.recv() => Ok(Interrupted::Yes),
        }
    };
    if matches!(ended, Ok(Interrupted::Yes)) {
        screen.talk(&paint(DIM, "Ending."));
    }
    // Whatever happened, nothing of it stays: containers by name, processes with their handles.
    stage.end(&place).await;
    if arguments.keep {
        screen.talk(&format!("Kept: {}", place.directory.display()));
    } else {
        remove_directory(screen, &place.directory);
    }
    let interrupted = ended?;
    screen.answer(&told, |told| told_table(told))?;
    let recovered = !told.is_empty() && told.iter().all(|one: &Told| one.recovered);
    Ok(match interrupted {
        Interrupted::No if !recovered => Exit::Failed,
        // Ended by the person: what was begun and not finished is nobody's failure, unless once was asked.
        Interrupted::Yes if arguments.once => Exit::Failed,
        Interrupted::No | Interrupted::Yes => Exit::Done,
    })
}

enum Interrupted {
    No,
    Yes,
}

/// What runs, as far as it has been started.
#[derive(Default)]
struct Stage {
    fleet: Option<Fleet>,
    watchman: Option<Watchman>,
    traffic: Option<Traffic>,
}

impl Stage {
    /// Ends all of it at the same time.
    async fn end(self, place: &Place) {
        drop(self.traffic);
        let watchman = async {
            if let Some(watchman) = self.watchman {
                watchman.end().await;
            }
        };
        let fleet = async {
            if let Some(fleet) = self.fleet {
                fleet.end().await;
            }
        };
        let containers = async {
            // An engine that was not asked has none, and one that is ill would be waited for.
            if place.may_have_containers.load(Ordering::Relaxed) {
                docker::remove_all(place).await;
            }
        };
        tokio::join!(watchman, fleet, containers);
    }
}

fn no_signals(error: std::io::Error) -> Failure {
    Failure::failed(format!("signals cannot be received: {error}"), "report this")
}

fn remove_directory(screen: Screen, directory: &Path) {
    if let Err(error) = std::fs::remove_dir_all(directory) {
        screen.talk(&format!("{} could not be removed: {error}", directory.display()));
    }
}

async fn whole(
    screen: Screen,
    place: &Place,
    arguments: &DemoArgs,
    told: &mut Vec<Told>,
    stage: &mut Stage,
) -> Result<Interrupted, Failure> {
    screen.talk(&paint(BOLD, "A small insurance marketplace, and hale to keep it well."));
    let fleet = stage.fleet.insert(Fleet::start(screen, place, arguments.processes).await?);
    let customer = Customer::of(place.addresses.gateway)
        .map_err(|e| Failure::failed(format!("no client: {e}"), "report this"))?;
    let watchman = &*stage.watchman.insert(Watchman::start(place, fleet).await?);
    wait_until_it_serves(&customer, fleet).await?;
    screen.talk(&format!(
        "  marketplace  {}",
        paint(CYAN, &format!("http://{}", place.addresses.gateway))
    ));
    let link = watchman.link().await;
    screen.talk(&format!("  dashboard    {}", paint(CYAN, &link)));
    screen.talk(&format!("  services     {}", fleet.how()));
    screen.talk(&paint(DIM, &format!("  files        {}", place.directory.display())));
    let traffic = &*stage.traffic.insert(Traffic::start(customer.clone()));
    tokio::time::sleep(CALM).await;
    let faults: Vec<Fault> = match arguments.fault {
        Some(fault) => vec![fault.into()],
        None => Fault::ALL.to_vec(),
    };
    let mut narrator = Narrator::new(screen, place, fleet, watchman);
    for (index, fault) in faults.iter().enumerate() {
        if index > 0 {
            narrator.quiet(Duration::from_secs(arguments.interval)).await?;
        }
        let one = narrator.tell(traffic, &customer, *fault).await?;
        if !one.recovered {
            screen.talk(&paint(YELLOW, "  not recovered; the agent's log has more: give --keep"));
        }
        told.push(one);
    }
    if !arguments.once {
        screen.talk(&told_table(told));
        screen.talk(&format!(
            "The marketplace and the dashboard stay until Ctrl-C. Break it yourself: {}",
            paint(CYAN, &format!("curl http://{}/trigger_memory", place.addresses.gateway))
        ));
        screen.talk(&paint(
            DIM,
            "It is told here as well. A service that was restarted three times within an hour goes to a person.",
        ));
        match narrator.listen_on().await? {}
    }
    Ok(Interrupted::No)
}

async fn wait_until_it_serves(customer: &Customer, fleet: &Fleet) -> Result<(), Failure> {
    let begun = tokio::time::Instant::now();
    loop {
        let visit = customer.visit("Ada Lovelace").await;
        if visit.bought {
            return Ok(());
        }
        if begun.elapsed() > START_LIMIT {
            let why = visit.why.unwrap_or_default();
            return Err(Failure::failed(
                format!("the marketplace does not serve after {} s: {why}", START_LIMIT.as_secs()),
                format!("{}; give --keep and look at its logs", fleet.how()),
            ));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
