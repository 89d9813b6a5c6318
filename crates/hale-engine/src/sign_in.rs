//! Where set-up and sign-in put what opens a model's door: the keys of this configuration, by name. The
//! faces of hale do not know the crate of the models; this is their way to it.

use std::path::Path;

pub use hale_mind::keys::{ExposeSecret, KeyError, Keys, Place, Places, SecretString};
pub use hale_mind::oauth::{
    CLIENT_SECRET_NAME, Device, Loopback, OauthClient, OauthError, SIGN_IN_SECS_MAX, SignInState,
};
use hale_model::view::DoctorCheck;

use crate::Settings;

/// The keys that belong to the configuration at this path. Looks nowhere yet.
pub fn keys_beside(config_path: &Path) -> Keys {
    Keys::new(Places::of_process(config_path.parent().map(Path::to_owned)))
}

/// What is known of the configured models without asking them: the lines of `hale doctor`.
pub async fn models(settings: &Settings) -> Vec<DoctorCheck> {
    crate::doctor::known_models(settings).await
}
