//! Where keys are kept. Looked for in this order: the environment, systemd's credentials
//! (`$CREDENTIALS_DIRECTORY`), the desktop's keyring (Secret Service), a file that only its owner can
//! read (`credentials.toml` beside the config). Never in the config itself. A key has a name, that of the
//! environment variable that would hold it.

mod file;
mod keyring;

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use hale_model::Timestamp;
use hale_model::config::{AiProvider, ProviderKind};
pub use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use crate::oauth::session::SharedSession;
use crate::provider::Credential;

/// Bytes of one key.
pub const KEY_BYTES_MAX: usize = 16 << 10;

/// Where a key was found, or put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An environment variable.
    Environment,
    /// A file that systemd handed over (`LoadCredential=`).
    SystemdCredential(PathBuf),
    /// The desktop's keyring.
    Keyring,
    /// `credentials.toml`.
    File(PathBuf),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Environment => f.write_str("the environment"),
            Place::SystemdCredential(path) => {
                write!(f, "the systemd credential {}", path.display())
            }
            Place::Keyring => f.write_str("the desktop keyring"),
            Place::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// What is wrong with a place that may hold a key. Never holds a key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Others may read the file.
    #[error("{} can be read by others (mode {mode:04o}); no key is taken from it until `chmod 600` and a new key", path.display())]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It belongs to somebody else.
    #[error("{} belongs to uid {owner}, not to hale's user", path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// It cannot be read or written.
    #[error("cannot {operation} {}: {why}", path.display())]
    File {
        /// What was tried.
        operation: &'static str,
        /// Which file.
        path: PathBuf,
        /// The system's or the parser's word.
        why: String,
    },
    /// The keyring is there and does not do it.
    #[error("the desktop keyring cannot {operation}: {why}")]
    Keyring {
        /// What was tried.
        operation: &'static str,
        /// Its word.
        why: String,
    },
    /// Not a name, or not a key.
    #[error("{0}")]
    Unfit(String),
}

/// Looks an environment variable up.
pub type Environment = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Where to look.
pub struct Places {
    /// The environment.
    pub environment: Environment,
    /// `$CREDENTIALS_DIRECTORY`.
    pub credentials_dir: Option<PathBuf>,
    /// The folder of `config.toml`; none: no file.
    pub config_dir: Option<PathBuf>,
    /// Address of the session bus; none: no keyring.
    pub session_bus: Option<String>,
}

impl Places {
    /// Those of this process.
    pub fn of_process(config_dir: Option<PathBuf>) -> Places {
        let session_bus = std::env::var("DBUS_SESSION_BUS_ADDRESS").ok().or_else(user_bus);
        Places {
            environment: Box::new(|name| std::env::var(name).ok()),
            credentials_dir: std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from),
            config_dir,
            session_bus,
        }
    }
}

/// The bus of a user's systemd, where the environment names none.
fn user_bus() -> Option<String> {
    let dir = PathBuf::from(std::env::var_os("XDG_RUNTIME_DIR")?);
    let socket = dir.join("bus");
    socket.exists().then(|| format!("unix:path={}", socket.display()))
}

struct Bearer {
    token: SecretString,
    expires_at: Timestamp,
}

/// Finds, stores and removes keys. Holds none itself, but for tokens of a sign-in, which all clones share.
#[derive(Clone)]
pub struct Keys {
    places: Arc<Places>,
    bearers: Arc<Mutex<HashMap<ProviderKind, Bearer>>>,
    pub(crate) session: SharedSession,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

impl Keys {
    /// Looks nowhere yet.
    pub fn new(places: Places) -> Keys {
        Keys {
            places: Arc::new(places),
            bearers: Arc::default(),
            session: SharedSession::default(),
        }
    }

    /// The key of this name, and where it was. None: nowhere.
    ///
    /// # Errors
    /// It was nowhere, and a place that might hold it could not be read.
    pub async fn find(&self, name: &str) -> Result<Option<(SecretString, Place)>, KeyError> {
        check_name(name)?;
        if let Some(key) = (self.places.environment)(name).and_then(|text| fit(&text)) {
            return Ok(Some((key, Place::Environment)));
        }
        let mut trouble = None;
        if let Some(dir) = &self.places.credentials_dir {
            let path = dir.join(name);
            match file::read_credential(&path) {
                Ok(Some(key)) => return Ok(Some((key, Place::SystemdCredential(path)))),
                Ok(None) => {}
                Err(error) => trouble = Some(error),
            }
        }
        if let Some(bus) = &self.places.session_bus {
            match keyring::find(bus, name).await {
                Ok(Some(key)) => return Ok(Some((key, Place::Keyring))),
                Ok(None) => {}
                Err(error) => trouble = Some(error),
            }
        }
        if let Some(path) = self.file_path() {
            match file::read(&path, name) {
                Ok(Some(key)) => return Ok(Some((key, Place::File(path)))),
                Ok(None) => {}
                Err(error) => trouble = Some(error),
            }
        }
        trouble.map_or(Ok(None), Err)
    }

    /// Puts a key into the keyring, or where there is none into the file. Says where it went.
    ///
    /// # Errors
    /// Neither takes it.
    pub async fn store(&self, name: &str, key: &SecretString) -> Result<Place, KeyError> {
        check_name(name)?;
        let key = fit(key.expose_secret())
            .ok_or_else(|| KeyError::Unfit(format!("what was given as {name} is no key: it is empty, too long, or holds spaces or control characters")))?;
        let mut trouble = None;
        if let Some(bus) = &self.places.session_bus {
            match keyring::store(bus, name, &key).await {
                Ok(true) => {
                    // An older one in the file would come to light when the keyring is away.
                    if let Some(path) = self.file_path() {
                        file::remove(&path, name)?;
                    }
                    return Ok(Place::Keyring);
                }
                Ok(false) => {}
                Err(error) => trouble = Some(error),
            }
        }
        match self.file_path() {
            Some(path) => {
                file::write(&path, name, &key)?;
                Ok(Place::File(path))
            }
            None => Err(trouble.unwrap_or_else(|| {
                KeyError::Unfit("there is neither a keyring nor a folder for a key".to_owned())
            })),
        }
    }

    /// Removes a key from the keyring and the file. Says where it was; the environment and systemd's
    /// credentials are not hale's to change.
    ///
    /// # Errors
    /// A place that holds it does not let it go.
    pub async fn remove(&self, name: &str) -> Result<Vec<Place>, KeyError> {
        check_name(name)?;
        let mut removed = Vec::new();
        if let Some(path) = self.file_path()
            && file::remove(&path, name)?
        {
            removed.push(Place::File(path));
        }
        if let Some(bus) = &self.places.session_bus
            && keyring::remove(bus, name).await?
        {
            removed.push(Place::Keyring);
        }
        Ok(removed)
    }

    /// The access token of a sign-in, tried before the API key until it expires; none: signed out.
    pub fn set_bearer(&self, kind: ProviderKind, bearer: Option<(SecretString, Timestamp)>) {
        let mut bearers = self.bearers.lock().unwrap_or_else(PoisonError::into_inner);
        match bearer {
            Some((token, expires_at)) => {
                bearers.insert(kind, Bearer { token, expires_at });
            }
            None => {
                bearers.remove(&kind);
            }
        }
    }

    /// Whether a sign-in's token is there for this provider.
    pub(crate) fn has_bearer(&self, provider: &AiProvider, now: Timestamp) -> bool {
        let bearers = self.bearers.lock().unwrap_or_else(PoisonError::into_inner);
        provider.base_url.is_empty()
            && bearers.get(&provider.provider).is_some_and(|bearer| now < bearer.expires_at)
    }

    /// What opens a provider's door, to be tried in this order.
    ///
    /// # Errors
    /// There is nothing, and a place that might hold a key could not be read.
    pub async fn credentials(
        &self,
        provider: &AiProvider,
        now: Timestamp,
    ) -> Result<Vec<Credential>, KeyError> {
        let mut found = Vec::new();
        // A token is for the provider's own address only.
        if provider.base_url.is_empty()
            && let Some(bearer) = self
                .bearers
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get(&provider.provider)
                .filter(|bearer| now < bearer.expires_at)
        {
            found.push(Credential::Bearer(bearer.token.clone()));
        }
        if found.is_empty() {
            found.extend(self.token_for(provider, now).await.map(Credential::Bearer));
        }
        // A key that the user keeps for the provider itself is not sent to another address.
        let name = provider.key_name();
        if name.is_empty() || !provider.needs_key() {
            return Ok(found);
        }
        match self.find(name).await {
            Ok(Some((key, _))) => found.push(Credential::ApiKey(key)),
            Ok(None) => {}
            Err(error) if found.is_empty() => return Err(error),
            Err(error) => tracing::debug!("no API key beside the sign-in: {error}"),
        }
        Ok(found)
    }

    /// Names of the usual variables that hold a key in this environment, configured or not.
    pub fn usual_names_set(&self) -> Vec<&'static str> {
        ProviderKind::ALL
            .into_iter()
            .map(ProviderKind::key_name)
            .filter(|name| !name.is_empty())
            .filter(|name| (self.places.environment)(name).and_then(|t| fit(&t)).is_some())
            .collect()
    }

    fn file_path(&self) -> Option<PathBuf> {
        Some(self.places.config_dir.as_ref()?.join("credentials.toml"))
    }
}

/// Names become file names and keys of a table.
fn check_name(name: &str) -> Result<(), KeyError> {
    let fits = !name.is_empty()
        && name.len() <= 100
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if fits {
        Ok(())
    } else {
        Err(KeyError::Unfit("a key's name holds letters, digits and `_` only".to_owned()))
    }
}

/// A key without the line end that files have. None: nothing that could be one.
fn fit(text: &str) -> Option<SecretString> {
    let text = text.trim();
    let fits = !text.is_empty()
        && text.len() <= KEY_BYTES_MAX
        && text.bytes().all(|b| b.is_ascii_graphic());
    fits.then(|| SecretString::from(text.to_owned()))
}
