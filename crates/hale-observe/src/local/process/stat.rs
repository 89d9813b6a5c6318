//! `/proc/PID/stat`.

use crate::local::read::{decimal, parse};

/// Marks a thread of the kernel in the flags of a task (`PF_KTHREAD`).
const KERNEL_THREAD_FLAG: u64 = 0x0020_0000;

/// What is read of `/proc/PID/stat`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::local) struct Stat<'a> {
    pub(super) comm: &'a [u8],
    pub(super) state: char,
    pub(super) ppid: i32,
    pub(super) pgid: i32,
    pub(super) sid: i32,
    pub(super) kernel_thread: bool,
    pub(super) utime_ticks: u64,
    pub(super) stime_ticks: u64,
    pub(super) nice: i32,
    pub(super) threads: u32,
    pub(super) start_ticks: u64,
    pub(super) rss_pages: u64,
    pub(super) image: Image,
}

/// Addresses of the stack and of the arguments: `exec` draws them anew, so another image is
/// another program, even under the same name. All zero without the right to see them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::local) struct Image {
    start_stack: u64,
    arg_start: u64,
    arg_end: u64,
}

/// The line's fields. The name stands in parentheses and may hold any byte, parentheses, spaces and
/// newlines too: it ends at the last closing one.
pub(in crate::local) fn parse_stat(line: &[u8]) -> Option<Stat<'_>> {
    let open = line.iter().position(|b| *b == b'(')?;
    let close = line.iter().rposition(|b| *b == b')')?;
    let mut stat = Stat { comm: line.get(open + 1..close)?, ..Stat::default() };
    let rest = line.get(close + 1..)?;
    let mut fields = 2;
    for word in rest.split(|b| b.is_ascii_whitespace()).filter(|w| !w.is_empty()) {
        fields += 1;
        match fields {
            3 => stat.state = char::from(*word.first()?),
            4 => stat.ppid = parse(word)?,
            5 => stat.pgid = parse(word)?,
            6 => stat.sid = parse(word)?,
            9 => stat.kernel_thread = decimal(word)? & KERNEL_THREAD_FLAG != 0,
            14 => stat.utime_ticks = decimal(word)?,
            15 => stat.stime_ticks = decimal(word)?,
            19 => stat.nice = parse(word)?,
            20 => stat.threads = parse(word)?,
            22 => stat.start_ticks = decimal(word)?,
            24 => stat.rss_pages = decimal(word).unwrap_or(0),
            28 => stat.image.start_stack = decimal(word).unwrap_or(0),
            48 => stat.image.arg_start = decimal(word).unwrap_or(0),
            49 => {
                stat.image.arg_end = decimal(word).unwrap_or(0);
                break;
            }
            _ => {}
        }
    }
    (fields >= 24).then_some(stat)
}

/// `read_bytes` and `write_bytes` of `/proc/PID/io`.
pub(in crate::local) fn parse_io(text: &[u8]) -> (Option<u64>, Option<u64>) {
    let field = |key: &[u8]| {
        text.split(|b| *b == b'\n')
            .find_map(|line| line.strip_prefix(key))
            .and_then(|value| decimal(value.trim_ascii()))
    };
    (field(b"read_bytes:"), field(b"write_bytes:"))
}

/// The real user id in `/proc/PID/status`.
pub(in crate::local) fn parse_real_uid(text: &[u8]) -> Option<u32> {
    let line = text.split(|b| *b == b'\n').find_map(|line| line.strip_prefix(b"Uid:"))?;
    super::super::read::words(line).next().and_then(parse)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    const TAIL: &str = "S 1 100 100 0 -1 4194560 9 0 0 0 12 34 0 0 20 -5 3 0 4567 1000000 250 \
        18446744073709551615 1 2 140001 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 140100 140200 5 6 0";

    #[test]
    fn names_with_anything_in_them() {
        for name in ["nginx", "a b", "tmux: server", "(sd-pam)", "evil) R 1 1", "\u{fffd}\n)x", ""]
        {
            let line = format!("77 ({name}) {TAIL}");
            let stat = parse_stat(line.as_bytes()).unwrap();
            assert_eq!(stat.comm, name.as_bytes(), "{name}");
            assert_eq!((stat.state, stat.ppid, stat.pgid, stat.sid), ('S', 1, 100, 100));
            assert_eq!((stat.utime_ticks, stat.stime_ticks, stat.nice), (12, 34, -5));
            assert_eq!((stat.threads, stat.start_ticks, stat.rss_pages), (3, 4567, 250));
            let image = Image { start_stack: 140_001, arg_start: 140_100, arg_end: 140_200 };
            assert_eq!(stat.image, image);
            assert!(!stat.kernel_thread);
        }
    }

    #[test]
    fn kernel_threads_zombies_and_half_lines() {
        let kthread = "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 1 0 0 20 0 1 0 2 0 0 0";
        assert!(parse_stat(kthread.as_bytes()).unwrap().kernel_thread);
        // Linux 2.6 lines end earlier: what is there counts.
        assert_eq!(parse_stat(kthread.as_bytes()).unwrap().image, Image::default());
        for broken in ["", "1", "1 (x", "1 (x) S", "1 )x( S 1", "1 (x) S 1 1 1 a b c"] {
            assert_eq!(parse_stat(broken.as_bytes()), None, "{broken}");
        }
    }

    #[test]
    fn io_and_owner() {
        let io = b"rchar: 1\nwchar: 2\nread_bytes: 30\nwrite_bytes: 40\ncancelled_write_bytes: 5\n";
        assert_eq!(parse_io(io), (Some(30), Some(40)));
        assert_eq!(parse_io(b"rchar: 1\n"), (None, None));
        assert_eq!(parse_real_uid(b"Name:\tx\nUid:\t1000\t0\t0\t0\nGid:\t5\n"), Some(1000));
        assert_eq!(parse_real_uid(b"Uid:\n"), None);
    }

    proptest! {
        #[test]
        fn any_bytes(bytes: Vec<u8>, name: Vec<u8>) {
            parse_stat(&bytes);
            parse_io(&bytes);
            parse_real_uid(&bytes);
            let mut line = b"1 (".to_vec();
            line.extend(&name);
            line.extend(b") ");
            line.extend(TAIL.as_bytes());
            prop_assert_eq!(parse_stat(&line).map(|s| s.comm.to_vec()), Some(name));
        }
    }
}
