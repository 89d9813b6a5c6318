//! Names of users, from `/etc/passwd`.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::local::read::{Scratch, lines, lossy, parse};

const PASSWD_LIMIT_BYTES: usize = 4 * 1024 * 1024;
const NAME_LIMIT_BYTES: usize = 64;

pub(super) struct Users {
    path: PathBuf,
    /// Time of change and inode: who edits this file puts a new one in its place.
    modified: Option<(i64, u64)>,
    names: HashMap<u32, String>,
}

impl Users {
    pub(super) fn new(path: PathBuf) -> Self {
        Users { path, modified: None, names: HashMap::new() }
    }

    /// Reads the file again if it has changed. Without one, users go by number.
    pub(super) fn refresh(&mut self, scratch: &mut Scratch) {
        let modified = rustix::fs::stat(&self.path).ok().map(|s| (s.st_mtime, s.st_ino));
        if modified == self.modified {
            return;
        }
        self.modified = modified;
        self.names = match scratch.read(&self.path, PASSWD_LIMIT_BYTES) {
            Ok(text) => parse_passwd(text),
            Err(_) => HashMap::new(),
        };
    }

    pub(super) fn name(&self, uid: u32) -> String {
        self.names.get(&uid).cloned().unwrap_or_else(|| uid.to_string())
    }
}

pub(in crate::local) fn parse_passwd(text: &[u8]) -> HashMap<u32, String> {
    let mut names = HashMap::new();
    for line in lines(text) {
        let mut fields = line.split(|b| *b == b':');
        let (Some(name), Some(uid)) = (fields.next(), fields.nth(1).and_then(parse)) else {
            continue;
        };
        // As for the C library, the first line with a number names it.
        names.entry(uid).or_insert_with(|| lossy(name, NAME_LIMIT_BYTES));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_name_counts_and_nonsense_is_passed_over() {
        let names =
            parse_passwd(b"root:x:0:0::/root:/bin/sh\ntoor:x:0:0\n+nis\na:b\nbob:x:7:7:::\n");
        assert_eq!(names.get(&0).map(String::as_str), Some("root"));
        assert_eq!(names.get(&7).map(String::as_str), Some("bob"));
        assert_eq!(names.len(), 2);
    }

    proptest! {
        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            parse_passwd(&bytes);
        }
    }
}
