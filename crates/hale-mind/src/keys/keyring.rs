//! The freedesktop.org Secret Service (GNOME Keyring, KWallet, KeePassXC) over the session bus. The
//! session is `plain`: the bus is a socket that only the user's own processes can open, and those may
//! ask the keyring themselves. A locked keyring is not unlocked: that would put a question on the
//! screen of a person who may not be there.

use std::collections::HashMap;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use zbus::zvariant::{ObjectPath, OwnedObjectPath, OwnedValue, Type, Value};
use zbus::{Connection, proxy};

use super::{KeyError, fit};

/// One whole exchange with the keyring.
const EXCHANGE_SECS_MAX: u64 = 5;
/// The collection that new secrets go into.
const DEFAULT_COLLECTION: &str = "/org/freedesktop/secrets/aliases/default";
const NO_PROMPT: &str = "/";

/// A secret on the wire: session, parameters, value, content type.
#[derive(Debug, serde::Serialize, serde::Deserialize, Type)]
struct WireSecret {
    session: OwnedObjectPath,
    parameters: Vec<u8>,
    value: Vec<u8>,
    content_type: String,
}

#[proxy(
    interface = "org.freedesktop.Secret.Service",
    default_service = "org.freedesktop.secrets",
    default_path = "/org/freedesktop/secrets",
    gen_blocking = false
)]
trait Service {
    fn open_session(
        &self,
        algorithm: &str,
        input: Value<'_>,
    ) -> zbus::Result<(OwnedValue, OwnedObjectPath)>;

    fn search_items(
        &self,
        attributes: HashMap<&str, &str>,
    ) -> zbus::Result<(Vec<OwnedObjectPath>, Vec<OwnedObjectPath>)>;
}

#[proxy(
    interface = "org.freedesktop.Secret.Item",
    default_service = "org.freedesktop.secrets",
    gen_blocking = false
)]
trait Item {
    fn get_secret(&self, session: &ObjectPath<'_>) -> zbus::Result<WireSecret>;
    fn delete(&self) -> zbus::Result<OwnedObjectPath>;
}

#[proxy(
    interface = "org.freedesktop.Secret.Collection",
    default_service = "org.freedesktop.secrets",
    gen_blocking = false
)]
trait Collection {
    fn create_item(
        &self,
        properties: HashMap<&str, Value<'_>>,
        secret: &WireSecret,
        replace: bool,
    ) -> zbus::Result<(OwnedObjectPath, OwnedObjectPath)>;

    #[zbus(property)]
    fn locked(&self) -> zbus::Result<bool>;
}

/// None: there is no keyring, or it does not hold the key.
pub(super) async fn find(bus: &str, name: &str) -> Result<Option<SecretString>, KeyError> {
    within("give a key", async {
        let Some((connection, service)) = connect(bus).await else { return Ok(None) };
        let (unlocked, locked) = service.search_items(attributes(name)).await?;
        let Some(item) = unlocked.into_iter().next() else {
            return if locked.is_empty() { Ok(None) } else { Err(is_locked()) };
        };
        let (_, session) = service.open_session("plain", Value::from("")).await?;
        let item = ItemProxy::builder(&connection).path(item)?.build().await?;
        let secret = item.get_secret(&session).await?;
        Ok(String::from_utf8(secret.value).ok().and_then(|text| fit(&text)))
    })
    .await
}

/// Whether there is a keyring that took it.
pub(super) async fn store(bus: &str, name: &str, key: &SecretString) -> Result<bool, KeyError> {
    within("take a key", async {
        let Some((connection, service)) = connect(bus).await else { return Ok(false) };
        let collection =
            CollectionProxy::builder(&connection).path(DEFAULT_COLLECTION)?.build().await?;
        // No default collection: there is nothing to keep it in.
        let Ok(is_it_locked) = collection.locked().await else { return Ok(false) };
        if is_it_locked {
            return Err(is_locked());
        }
        let (_, session) = service.open_session("plain", Value::from("")).await?;
        let secret = WireSecret {
            session,
            parameters: Vec::new(),
            value: key.expose_secret().as_bytes().to_vec(),
            content_type: "text/plain".to_owned(),
        };
        let properties = HashMap::from([
            ("org.freedesktop.Secret.Item.Label", Value::from(format!("hale {name}"))),
            ("org.freedesktop.Secret.Item.Attributes", Value::from(attributes(name))),
        ]);
        let (_, prompt) = collection.create_item(properties, &secret, true).await?;
        if prompt.as_str() == NO_PROMPT { Ok(true) } else { Err(is_locked()) }
    })
    .await
}

/// Whether it was there.
pub(super) async fn remove(bus: &str, name: &str) -> Result<bool, KeyError> {
    within("remove a key", async {
        let Some((connection, service)) = connect(bus).await else { return Ok(false) };
        let (unlocked, locked) = service.search_items(attributes(name)).await?;
        if !locked.is_empty() {
            return Err(is_locked());
        }
        let was_there = !unlocked.is_empty();
        for item in unlocked {
            let item = ItemProxy::builder(&connection).path(item)?.build().await?;
            if item.delete().await?.as_str() != NO_PROMPT {
                return Err(is_locked());
            }
        }
        Ok(was_there)
    })
    .await
}

fn attributes(name: &str) -> HashMap<&str, &str> {
    HashMap::from([("application", "hale"), ("key", name)])
}

fn is_locked() -> zbus::Error {
    zbus::Error::Failure("it is locked; unlock it, or put the key into the environment".to_owned())
}

/// None: no bus or nobody on it who keeps secrets, as on most servers.
async fn connect(bus: &str) -> Option<(Connection, ServiceProxy<'static>)> {
    let connection = zbus::connection::Builder::address(bus).ok()?.build().await.ok()?;
    let names = zbus::fdo::DBusProxy::new(&connection).await.ok()?;
    let service = "org.freedesktop.secrets";
    let runs = names.name_has_owner(service.try_into().ok()?).await.unwrap_or(false);
    let starts = || async {
        let names = names.list_activatable_names().await.unwrap_or_default();
        names.iter().any(|name| name.as_str() == service)
    };
    if !runs && !starts().await {
        return None;
    }
    let service = ServiceProxy::new(&connection).await.ok()?;
    Some((connection, service))
}

async fn within<T>(
    operation: &'static str,
    exchange: impl Future<Output = zbus::Result<T>>,
) -> Result<T, KeyError> {
    let limit = Duration::from_secs(EXCHANGE_SECS_MAX);
    match tokio::time::timeout(limit, exchange).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(zbus::Error::Failure(why))) => Err(KeyError::Keyring { operation, why }),
        Ok(Err(error)) => Err(KeyError::Keyring { operation, why: error.to_string() }),
        Err(_) => {
            let why = format!("no answer within {EXCHANGE_SECS_MAX} s");
            Err(KeyError::Keyring { operation, why })
        }
    }
}
