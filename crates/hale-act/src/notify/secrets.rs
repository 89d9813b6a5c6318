//! Where the secrets of channels are: the environment, then systemd's credentials. A secret is never
//! written, logged or shown.

use std::path::PathBuf;
use std::sync::Arc;

/// Bytes of the longest secret: an address of a webhook.
const SECRET_BYTES_MAX: u64 = 8 * 1024;

type Find = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Looks a secret up by the name that the configuration gives it.
#[derive(Clone)]
pub struct Secrets(Arc<Find>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(…)")
    }
}

impl Secrets {
    /// Those of this process: its environment, then `$CREDENTIALS_DIRECTORY`.
    pub fn of_process() -> Secrets {
        let dir = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        Secrets::from_fn(move |name| {
            let given = std::env::var(name).ok();
            given.or_else(|| read(&dir.as_ref()?.join(name)))
        })
    }

    /// Those that a function knows.
    pub fn from_fn(find: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Secrets {
        Secrets(Arc::new(find))
    }

    /// The secret of this name; none if it is not there or empty.
    pub fn get(&self, name: &str) -> Option<String> {
        if name.is_empty() || name.contains(['/', '\0', '=']) {
            return None;
        }
        let text = (self.0)(name)?;
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }
}

fn read(path: &std::path::Path) -> Option<String> {
    let metadata = std::fs::metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > SECRET_BYTES_MAX {
        return None;
    }
    std::fs::read_to_string(path).ok()
}
