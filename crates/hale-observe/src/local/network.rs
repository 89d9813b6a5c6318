//! Network: `/proc/net/{dev,tcp,tcp6,udp,udp6}`.
//!
//! The kernel walks its whole hash table for a list of sockets, which on a machine with much memory
//! costs milliseconds even when there are few: such a table is read less often.

use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Instant;

use hale_model::sample::{InterfaceCounters, Listener, NetworkSample};

use super::read::{ReadError, Scratch, decimal, hexadecimal, lines, lossy, parse, words};
use super::worker::{Collect, Moment, Reading};

const DEV_LIMIT_BYTES: usize = 4 * 1024 * 1024;
const INTERFACES_MAX: usize = 4096;
const SOCKETS_LIMIT_BYTES: usize = 8 * 1024 * 1024;
/// Sockets read of one table; the rest is counted as lost.
const SOCKETS_MAX: usize = 20_000;
const LISTENERS_MAX: usize = 4096;
/// Reading the socket tables may take this share of one core.
const SOCKETS_COST_SHARE: f64 = 0.000_5;
const SOCKETS_AGE_MAX_SECS: f64 = 60.0;
const TABLES: [&str; 4] = ["tcp", "tcp6", "udp", "udp6"];

pub(crate) struct NetworkCollector {
    proc: PathBuf,
    scratch: Scratch,
    sockets: Sockets,
    sockets_due_ns: u64,
}

/// What the socket tables said.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Sockets {
    tcp_states: BTreeMap<String, u32>,
    listeners: Vec<Listener>,
    lost: u64,
    notes: Vec<String>,
}

impl NetworkCollector {
    pub(crate) fn new(proc: PathBuf) -> Self {
        NetworkCollector {
            proc,
            scratch: Scratch::default(),
            sockets: Sockets::default(),
            sockets_due_ns: 0,
        }
    }

    fn interfaces(&mut self) -> Result<Vec<InterfaceCounters>, ReadError> {
        let text = self.scratch.read(&self.proc.join("net/dev"), DEV_LIMIT_BYTES)?;
        Ok(lines(text).filter_map(parse_dev_line).take(INTERFACES_MAX).collect())
    }

    fn refresh_sockets(&mut self, now_ns: u64) {
        if now_ns < self.sockets_due_ns {
            return;
        }
        let started = Instant::now();
        self.sockets = read_sockets(&mut self.scratch, &self.proc);
        let pause_secs =
            (started.elapsed().as_secs_f64() / SOCKETS_COST_SHARE).min(SOCKETS_AGE_MAX_SECS);
        self.sockets_due_ns = now_ns.saturating_add((pause_secs * 1e9) as u64);
    }
}

impl Collect for NetworkCollector {
    type Out = NetworkSample;

    fn collect(&mut self, moment: Moment) -> Reading<NetworkSample> {
        let interfaces = match self.interfaces() {
            Ok(interfaces) => interfaces,
            Err(error) => return Reading::failed(error),
        };
        self.refresh_sockets(moment.boottime_ns);
        let sockets = &self.sockets;
        let mut reading = Reading::of(NetworkSample {
            interfaces,
            tcp_states: sockets.tcp_states.clone(),
            listeners: sockets.listeners.clone(),
        });
        reading.lost = sockets.lost;
        for note in &sockets.notes {
            reading.note(note.clone());
        }
        reading
    }
}

fn read_sockets(scratch: &mut Scratch, proc: &Path) -> Sockets {
    let mut sockets = Sockets::default();
    let mut seen = HashSet::new();
    for table in TABLES {
        let path = proc.join("net").join(table);
        match scratch.read(&path, SOCKETS_LIMIT_BYTES) {
            Ok(text) => {
                let cut = text.len() == SOCKETS_LIMIT_BYTES;
                add_table(table, text, &mut sockets, &mut seen);
                if cut {
                    sockets.notes.push(format!(
                        "{} is over {SOCKETS_LIMIT_BYTES} bytes: the rest is not read",
                        path.display()
                    ));
                }
            }
            // A kernel without IPv6 has no such table.
            Err(error) if error.is_missing() => {}
            Err(error) => sockets.notes.push(error.to_string()),
        }
    }
    sockets
        .listeners
        .sort_by(|a, b| (a.port, &a.protocol, &a.address).cmp(&(b.port, &b.protocol, &b.address)));
    sockets
}

/// Sockets that share a port (`SO_REUSEPORT`) are one listener.
pub(super) fn add_table(
    table: &str,
    text: &[u8],
    sockets: &mut Sockets,
    seen: &mut HashSet<(String, IpAddr, u16)>,
) {
    let is_tcp = table.starts_with("tcp");
    for (at, socket) in lines(text).filter_map(parse_socket_line).enumerate() {
        if at >= SOCKETS_MAX {
            sockets.lost += 1;
            continue;
        }
        if is_tcp {
            *sockets.tcp_states.entry(state_name(socket.state).to_owned()).or_default() += 1;
        }
        // An unconnected UDP socket has the number that TCP calls close.
        if socket.state != if is_tcp { 0x0a } else { 0x07 } {
            continue;
        }
        if !seen.insert((table.to_owned(), socket.address, socket.port)) {
            continue;
        }
        if sockets.listeners.len() >= LISTENERS_MAX {
            sockets.lost += 1;
            continue;
        }
        sockets.listeners.push(Listener {
            protocol: table.to_owned(),
            address: socket.address.to_string(),
            port: socket.port,
            uid: socket.uid,
        });
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Socket {
    address: IpAddr,
    port: u16,
    state: u64,
    uid: u32,
}

fn parse_socket_line(line: &[u8]) -> Option<Socket> {
    let mut words = words(line);
    if !words.next()?.ends_with(b":") {
        return None;
    }
    let local = words.next()?;
    let _remote = words.next()?;
    let state = hexadecimal(words.next()?)?;
    let uid = words.nth(3).and_then(parse)?;
    let colon = local.iter().position(|b| *b == b':')?;
    let (address, port) = local.split_at(colon);
    let port = u16::try_from(hexadecimal(port.get(1..)?)?).ok()?;
    Some(Socket { address: parse_address(address)?, port, state, uid })
}

/// The kernel prints each 32-bit word of an address as the machine holds it.
fn parse_address(hex: &[u8]) -> Option<IpAddr> {
    let word = |at: usize| -> Option<[u8; 4]> {
        let value = u32::try_from(hexadecimal(hex.get(at..at + 8)?)?).ok()?;
        Some(value.to_ne_bytes())
    };
    match hex.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let mut octets = [0u8; 16];
            for (at, part) in octets.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(8 * at)?);
            }
            Some(IpAddr::V6(Ipv6Addr::from(octets)))
        }
        _ => None,
    }
}

fn state_name(state: u64) -> &'static str {
    match state {
        0x01 => "established",
        0x02 => "syn_sent",
        0x03 | 0x0c => "syn_recv",
        0x04 => "fin_wait1",
        0x05 => "fin_wait2",
        0x06 => "time_wait",
        0x07 => "close",
        0x08 => "close_wait",
        0x09 => "last_ack",
        0x0a => "listen",
        0x0b => "closing",
        _ => "unknown",
    }
}

pub(super) fn parse_dev_line(line: &[u8]) -> Option<InterfaceCounters> {
    // A name may hold colons (an alias): the last one before the numbers ends it.
    let colon = line.iter().rposition(|b| *b == b':')?;
    let interface = lossy(line.get(..colon)?.trim_ascii(), 64);
    let mut field = [0u64; 12];
    let mut numbers = words(line.get(colon + 1..)?);
    for slot in &mut field {
        *slot = numbers.next().and_then(decimal)?;
    }
    let [
        rx_bytes,
        rx_packets,
        rx_errors,
        rx_drops,
        _,
        _,
        _,
        _,
        tx_bytes,
        tx_packets,
        tx_errors,
        tx_drops,
    ] = field;
    Some(InterfaceCounters {
        interface,
        rx_bytes,
        rx_packets,
        rx_errors: rx_errors.saturating_add(rx_drops),
        tx_bytes,
        tx_packets,
        tx_errors: tx_errors.saturating_add(tx_drops),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn interfaces() {
        let line = b"  eth0: 1000 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0";
        let counters = parse_dev_line(line).unwrap();
        assert_eq!(counters.interface, "eth0");
        assert_eq!((counters.rx_bytes, counters.rx_errors), (1000, 3));
        assert_eq!((counters.tx_packets, counters.tx_errors), (20, 7));
        assert_eq!(parse_dev_line(b"eth0:1 1 1 1 1 1 1 1 1 1 1 1 0 0 0 0").unwrap().rx_bytes, 1);
        assert_eq!(parse_dev_line(b" face |bytes    packets errs"), None);
    }

    #[test]
    fn sockets() {
        let text = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1 0 100 0 0 10 0\n\
   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 2 1 0 100 0 0 10 0\n\
   2: 0100007F:1F90 0100007F:C000 01 00000000:00000000 00:00000000 00000000     0        0 3 1 0 20 4 30 10 -1\n";
        let mut found = Sockets::default();
        add_table("tcp", text, &mut found, &mut HashSet::new());
        assert_eq!(found.tcp_states.get("listen"), Some(&2));
        assert_eq!(found.tcp_states.get("established"), Some(&1));
        let listener =
            Listener { protocol: "tcp".into(), address: "127.0.0.1".into(), port: 8080, uid: 1000 };
        assert_eq!(found.listeners, [listener]);
    }

    #[test]
    fn addresses() {
        for (hex, expected) in [
            ("0100007F", Some("127.0.0.1")),
            ("00000000000000000000000001000000", Some("::1")),
            ("0000000000000000FFFF00000100007F", Some("::ffff:127.0.0.1")),
            ("0100007", None),
            ("+100007F", None),
        ] {
            let address = parse_address(hex.as_bytes()).map(|a| a.to_string());
            assert_eq!(address.as_deref(), expected, "{hex}");
        }
    }

    #[test]
    fn more_sockets_than_the_limit_are_counted() {
        let line = "1: 0100007F:0001 0100007F:C000 01 0:0 0:0 0 0 0 3\n";
        let mut found = Sockets::default();
        let text = line.repeat(SOCKETS_MAX + 5);
        add_table("tcp", text.as_bytes(), &mut found, &mut HashSet::new());
        assert_eq!(found.tcp_states.get("established"), Some(&(SOCKETS_MAX as u32)));
        assert_eq!(found.lost, 5);
    }

    proptest! {
        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            parse_dev_line(&bytes);
            parse_socket_line(&bytes);
            parse_address(&bytes);
            add_table("udp6", &bytes, &mut Sockets::default(), &mut HashSet::new());
        }
    }
}
