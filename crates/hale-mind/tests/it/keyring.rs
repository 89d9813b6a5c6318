//! The Secret Service side of keys: a real bus of the test's own, and on it a keyring that answers as
//! GNOME Keyring does.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use hale_mind::keys::{ExposeSecret as _, Keys, Place, Places, SecretString};
use hale_testkit::bus::Bus;
use zbus::interface;
use zbus::object_server::ObjectServer;
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value};

use crate::support::block_on;

type Attributes = HashMap<String, String>;
type Secret = (OwnedObjectPath, Vec<u8>, Vec<u8>, String);

#[derive(Default)]
struct Ring {
    items: HashMap<OwnedObjectPath, (Attributes, Vec<u8>)>,
    made: u32,
    is_locked: bool,
}

type Shared = Arc<Mutex<Ring>>;

fn path(text: &str) -> OwnedObjectPath {
    OwnedObjectPath::try_from(text).unwrap()
}

struct Service(Shared);

#[interface(name = "org.freedesktop.Secret.Service")]
impl Service {
    fn open_session(
        &self,
        algorithm: &str,
        _input: Value<'_>,
    ) -> zbus::fdo::Result<(OwnedValue, OwnedObjectPath)> {
        if algorithm != "plain" {
            return Err(zbus::fdo::Error::NotSupported(algorithm.to_owned()));
        }
        let nothing = OwnedValue::try_from(Value::from("")).unwrap();
        Ok((nothing, path("/org/freedesktop/secrets/session/s1")))
    }

    fn search_items(&self, wanted: Attributes) -> (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) {
        let ring = self.0.lock().unwrap();
        let fits = |has: &Attributes| wanted.iter().all(|(k, v)| has.get(k) == Some(v));
        let found: Vec<_> =
            ring.items.iter().filter(|(_, (has, _))| fits(has)).map(|(p, _)| p.clone()).collect();
        if ring.is_locked { (Vec::new(), found) } else { (found, Vec::new()) }
    }
}

struct Collection(Shared);

#[interface(name = "org.freedesktop.Secret.Collection")]
impl Collection {
    async fn create_item(
        &self,
        properties: HashMap<String, OwnedValue>,
        secret: Secret,
        replace: bool,
        #[zbus(object_server)] server: &ObjectServer,
    ) -> (OwnedObjectPath, OwnedObjectPath) {
        assert_eq!(secret.0, path("/org/freedesktop/secrets/session/s1"));
        let attributes: Attributes = properties["org.freedesktop.Secret.Item.Attributes"]
            .try_clone()
            .unwrap()
            .try_into()
            .unwrap();
        let at = {
            let mut ring = self.0.lock().unwrap();
            let old =
                ring.items.iter().find(|(_, (has, _))| *has == attributes).map(|(p, _)| p.clone());
            ring.made += 1;
            let fresh = path(&format!("/org/freedesktop/secrets/collection/login/{}", ring.made));
            let at = old.filter(|_| replace).unwrap_or(fresh);
            ring.items.insert(at.clone(), (attributes, secret.2));
            at
        };
        server.at(at.clone(), Item(self.0.clone(), at.clone())).await.unwrap();
        (at, path("/"))
    }

    #[zbus(property)]
    fn locked(&self) -> bool {
        self.0.lock().unwrap().is_locked
    }
}

struct Item(Shared, OwnedObjectPath);

#[interface(name = "org.freedesktop.Secret.Item")]
impl Item {
    fn get_secret(&self, session: OwnedObjectPath) -> (Secret,) {
        let value = self.0.lock().unwrap().items[&self.1].1.clone();
        ((session, Vec::new(), value, "text/plain".to_owned()),)
    }

    fn delete(&self) -> OwnedObjectPath {
        self.0.lock().unwrap().items.remove(&self.1);
        path("/")
    }
}

async fn keyring(address: &str, ring: &Shared) -> zbus::Connection {
    zbus::connection::Builder::address(address)
        .unwrap()
        .name("org.freedesktop.secrets")
        .unwrap()
        .serve_at("/org/freedesktop/secrets", Service(Arc::clone(ring)))
        .unwrap()
        .serve_at("/org/freedesktop/secrets/aliases/default", Collection(Arc::clone(ring)))
        .unwrap()
        .build()
        .await
        .unwrap()
}

fn keys(address: &str, dir: &Path) -> Keys {
    Keys::new(Places {
        environment: Box::new(|_| None),
        credentials_dir: None,
        config_dir: Some(dir.to_owned()),
        session_bus: Some(address.to_owned()),
    })
}

#[test]
fn a_key_goes_into_the_keyring_and_comes_out_of_it() {
    let Some(bus) = Bus::start("a_key_goes_into_the_keyring_and_comes_out_of_it") else { return };
    let dir = tempfile::tempdir().unwrap();
    let ring = Shared::default();
    block_on(async {
        let _service = keyring(&bus.address, &ring).await;
        let keys = keys(&bus.address, dir.path());
        assert!(keys.find("THE_KEY").await.unwrap().is_none());
        for key in ["first", "second"] {
            let place = keys.store("THE_KEY", &SecretString::from(key.to_owned())).await.unwrap();
            assert_eq!(place, Place::Keyring);
            let (found, place) = keys.find("THE_KEY").await.unwrap().unwrap();
            assert_eq!((found.expose_secret(), place), (key, Place::Keyring));
        }
        assert_eq!(ring.lock().unwrap().items.len(), 1, "the second takes the place of the first");
        assert!(!dir.path().join("credentials.toml").exists());
        assert!(keys.find("ANOTHER").await.unwrap().is_none());
        assert_eq!(keys.remove("THE_KEY").await.unwrap(), [Place::Keyring]);
        assert!(ring.lock().unwrap().items.is_empty());
    });
}

#[test]
fn a_locked_keyring_is_told_and_the_file_takes_its_place() {
    let Some(bus) = Bus::start("a_locked_keyring_is_told_and_the_file_takes_its_place") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let ring = Shared::default();
    block_on(async {
        let _service = keyring(&bus.address, &ring).await;
        let keys = keys(&bus.address, dir.path());
        keys.store("THE_KEY", &SecretString::from("in-the-ring".to_owned())).await.unwrap();
        ring.lock().unwrap().is_locked = true;
        let error = keys.find("THE_KEY").await.unwrap_err().to_string();
        assert_eq!(
            error,
            "the desktop keyring cannot give a key: it is locked; unlock it, or put the key into the environment"
        );
        let place =
            keys.store("THE_KEY", &SecretString::from("in-the-file".to_owned())).await.unwrap();
        assert!(matches!(place, Place::File(_)));
        let (found, _) = keys.find("THE_KEY").await.unwrap().unwrap();
        assert_eq!(found.expose_secret(), "in-the-file");
    });
}

#[test]
fn a_bus_without_a_keyring_is_no_trouble() {
    let Some(bus) = Bus::start("a_bus_without_a_keyring_is_no_trouble") else { return };
    let dir = tempfile::tempdir().unwrap();
    block_on(async {
        let keys = keys(&bus.address, dir.path());
        assert!(keys.find("THE_KEY").await.unwrap().is_none());
        let place = keys.store("THE_KEY", &SecretString::from("k".to_owned())).await.unwrap();
        assert!(matches!(place, Place::File(_)));
    });
}
