//! Signing in to Google against an authorization server that holds hale to the RFCs, with a browser that
//! follows redirects; and what becomes of a sign-in afterwards.

use std::path::Path;
use std::time::Duration;

use hale_mind::Credential;
use hale_mind::keys::{ExposeSecret as _, Keys, Places};
use hale_mind::oauth::{Device, Loopback, OauthClient, OauthError, SignInState};
use hale_model::Timestamp;
use hale_model::config::{AiProvider, Google, ProviderKind};
use hale_testkit::authorization_server::{
    AuthorizationServer, CLIENT_ID, CLIENT_SECRET, Consent, Page, visit,
};

use crate::support::block_on;

const LIMIT: Duration = Duration::from_secs(30);

fn google(server: &AuthorizationServer) -> Google {
    Google {
        client_id: CLIENT_ID.to_owned(),
        scope: "models.use other".to_owned(),
        auth_url: server.url("/auth"),
        token_url: server.url("/token"),
        device_url: server.url("/device/code"),
    }
}

fn keys(dir: &Path) -> Keys {
    Keys::new(Places {
        environment: Box::new(|name| match name {
            "HALE_GOOGLE_CLIENT_SECRET" => Some(CLIENT_SECRET.to_owned()),
            "GEMINI_API_KEY" => Some("the-api-key".to_owned()),
            _ => None,
        }),
        credentials_dir: None,
        config_dir: Some(dir.to_owned()),
        session_bus: None,
    })
}

/// Signs in as a person with a browser would. The pages that were seen, and how it ended.
async fn through_browser(
    server: &AuthorizationServer,
    keys: &Keys,
) -> (Vec<Page>, Result<(), OauthError>) {
    let client = OauthClient::find(&google(server), keys).await.unwrap();
    let loopback = Loopback::begin(&client, 0).await.unwrap();
    let url = loopback.url().to_owned();
    let browser = tokio::task::spawn_blocking(move || visit(&url).unwrap());
    let ended = loopback.finish(&client, LIMIT).await;
    let pages = browser.await.unwrap();
    match ended {
        Ok(signed_in) => {
            signed_in.keep(keys).await.unwrap();
            (pages, Ok(()))
        }
        Err(error) => (pages, Err(error)),
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

async fn token(keys: &Keys, now: &str) -> Result<Option<String>, OauthError> {
    let token = keys.google_token(at(now)).await?;
    Ok(token.map(|token| token.expose_secret().to_owned()))
}

#[test]
fn a_person_signs_in_and_the_code_is_good_once() {
    let (server, dir) = (AuthorizationServer::start(), tempfile::tempdir().unwrap());
    let keys = keys(dir.path());
    block_on(async {
        assert_eq!(keys.sign_in_state().await.unwrap(), SignInState::Absent);
        assert_eq!(token(&keys, "2026-01-01T00:00:00Z").await, Ok(None));
        let (pages, ended) = through_browser(&server, &keys).await;
        assert_eq!(ended, Ok(()), "{:?}", server.refusals());
        assert_eq!(pages.iter().map(|p| p.status).collect::<Vec<_>>(), [302, 200]);
        assert!(pages[1].body.contains("look at the terminal"), "{}", pages[1].body);
        assert!(!pages[1].body.contains("code"), "the page repeats nothing of the address");
        assert!(matches!(keys.sign_in_state().await.unwrap(), SignInState::Kept(_)));
        // Whoever heard the code too has nothing of it, even with the verifier.
        let request = server.token_requests()[0].clone();
        let (status, body) = server.post_token(&request).unwrap();
        assert_eq!(status, 400);
        assert!(body.contains("it was used"), "{body}");
        // The port is closed: nobody hears a second answer.
        assert!(visit(pages[0].location.as_ref().unwrap()).is_err());
    });
    let text = std::fs::read_to_string(dir.path().join("credentials.toml")).unwrap();
    assert!(text.contains("1//refresh-3") && !text.contains("ya29."), "{text}");
}

#[test]
fn a_wrong_state_and_a_no_end_the_sign_in_and_nothing_is_exchanged() {
    let (server, dir) = (AuthorizationServer::start(), tempfile::tempdir().unwrap());
    let keys = keys(dir.path());
    block_on(async {
        for (consent, expected) in [
            (Consent::WithWrongState, OauthError::WrongState),
            (Consent::Denied, OauthError::Denied),
        ] {
            server.will(consent);
            let (pages, ended) = through_browser(&server, &keys).await;
            assert_eq!(ended, Err(expected));
            assert_eq!(pages.last().unwrap().status, 400);
        }
    });
    assert!(server.token_requests().is_empty(), "{:?}", server.token_requests());
    assert!(!dir.path().join("credentials.toml").exists());
}

#[test]
fn what_else_calls_at_the_port_is_not_the_answer() {
    let (server, dir) = (AuthorizationServer::start(), tempfile::tempdir().unwrap());
    let keys = keys(dir.path());
    block_on(async {
        let client = OauthClient::find(&google(&server), &keys).await.unwrap();
        let loopback = Loopback::begin(&client, 0).await.unwrap();
        let url = loopback.url().to_owned();
        let port = url.split_once("127.0.0.1%3A").unwrap().1;
        let port = port.split('%').next().unwrap().to_owned();
        let browser = tokio::task::spawn_blocking(move || {
            // One that never says a word, as browsers keep in reserve.
            let silent = std::net::TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
            let icon = visit(&format!("http://127.0.0.1:{port}/favicon.ico")).unwrap();
            assert_eq!(icon[0].status, 404);
            let pages = visit(&url).unwrap();
            drop(silent);
            pages
        });
        assert!(loopback.finish(&client, LIMIT).await.is_ok());
        assert_eq!(browser.await.unwrap().last().unwrap().status, 200);
        // And nobody at all: the wait has an end.
        let alone = Loopback::begin(&client, 0).await.unwrap();
        let ended = alone.finish(&client, Duration::from_millis(50)).await;
        assert_eq!(ended.err(), Some(OauthError::TimedOut { secs: 0 }));
    });
}

/// A device's sign-in, with seconds of a millisecond.
async fn by_device(server: &AuthorizationServer, keys: &Keys) -> Result<(), OauthError> {
    let client = OauthClient::find(&google(server), keys).await.unwrap();
    let device = Device::begin(&client).await?.with_second(Duration::from_millis(1));
    assert_eq!(device.shown().user_code, "GQVQ-JKEC");
    assert_eq!(device.shown().url, "https://www.example.com/device");
    device.finish(&client).await?.keep(keys).await.map(drop)
}

#[test]
fn a_device_waits_for_the_person_and_is_told_when_there_is_nothing_to_wait_for() {
    let (server, dir) = (AuthorizationServer::start(), tempfile::tempdir().unwrap());
    let keys = keys(dir.path());
    let pending = "authorization_pending";
    block_on(async {
        for (polls, expected) in [
            (vec![pending, "expired_token"], Err(OauthError::TimedOut { secs: 1800 })),
            (vec![pending, "access_denied"], Err(OauthError::Denied)),
            (vec![pending, "slow_down", pending], Ok(())),
        ] {
            let before = server.token_requests().len();
            server.device_polls(&polls);
            assert_eq!(by_device(&server, &keys).await, expected);
            let asked = server.token_requests().len() - before;
            assert_eq!(asked, polls.len() + usize::from(expected.is_ok()));
            assert_eq!(dir.path().join("credentials.toml").exists(), expected.is_ok());
        }
        server.refuse_scope_to_devices();
        let refused = by_device(&server, &keys).await.unwrap_err();
        assert_eq!(refused, OauthError::NotForDevices);
        assert!(refused.hint().contains("ssh -L"));
    });
}

#[test]
fn the_token_is_kept_in_memory_renewed_before_it_ends_and_falls_back_to_the_key() {
    let (server, dir) = (AuthorizationServer::start(), tempfile::tempdir().unwrap());
    let keys = keys(dir.path());
    server.rotate_refresh_tokens();
    let gemini = AiProvider { provider: ProviderKind::Gemini, ..AiProvider::default() };
    let kinds = async |now: &str| -> Vec<String> {
        let found = keys.credentials(&gemini, at(now)).await.unwrap();
        let name = |credential: &Credential| match credential {
            Credential::Bearer(token) => token.expose_secret().to_owned(),
            Credential::ApiKey(key) => key.expose_secret().to_owned(),
            Credential::None => "none".to_owned(),
        };
        found.iter().map(name).collect()
    };
    block_on(async {
        through_browser(&server, &keys).await.1.unwrap();
        assert_eq!(kinds("2026-01-01T00:00:00Z").await, ["ya29.access-4", "the-api-key"]);
        assert_eq!(kinds("2026-01-01T00:50:00Z").await, ["ya29.access-4", "the-api-key"]);
        // Four minutes before the end: the old one serves, a new one is fetched meanwhile.
        assert_eq!(kinds("2026-01-01T00:56:00Z").await, ["ya29.access-4", "the-api-key"]);
        let mut renewed = String::new();
        for _ in 0..1000 {
            renewed = kinds("2026-01-01T00:56:00Z").await.remove(0);
            if renewed == "ya29.access-6" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(renewed, "ya29.access-6");
        // Another process, later: from what is kept, which is the newest refresh token.
        let text = std::fs::read_to_string(dir.path().join("credentials.toml")).unwrap();
        assert!(text.contains("1//refresh-7"), "{text}");
        // A token is for Google's own address only.
        let elsewhere = AiProvider { base_url: server.url(""), ..gemini.clone() };
        let found = keys.credentials(&elsewhere, at("2026-01-01T00:57:00Z")).await.unwrap();
        assert!(!found.iter().any(|c| matches!(c, Credential::Bearer(_))), "{found:?}");

        server.revoke_all();
        assert_eq!(kinds("2026-01-01T02:00:00Z").await, ["the-api-key"]);
        let asked = server.token_requests().len();
        let again = token(&keys, "2026-01-01T02:00:30Z").await;
        assert_eq!(again, Err(OauthError::Ended));
        assert_eq!(server.token_requests().len(), asked, "not asked again at once");
        assert_eq!(keys.sign_in_state().await.unwrap(), SignInState::Failing(OauthError::Ended));
        keys.sign_out().await.unwrap();
        assert_eq!(token(&keys, "2026-01-01T02:00:31Z").await, Ok(None));
    });
}

#[test]
fn without_a_client_or_over_an_open_line_nobody_signs_in() {
    let (server, dir) = (AuthorizationServer::start(), tempfile::tempdir().unwrap());
    let keys = keys(dir.path());
    block_on(async {
        let none = Google { client_id: String::new(), ..google(&server) };
        assert_eq!(OauthClient::find(&none, &keys).await.err(), Some(OauthError::NoClient));
        for open in [
            "http://accounts.example/token",
            "http://127.0.0.1.evil.example/",
            "ftp://127.0.0.1/",
            "x",
        ] {
            let google = Google { token_url: open.to_owned(), ..google(&server) };
            let error = OauthClient::find(&google, &keys).await.err();
            assert_eq!(error, Some(OauthError::UnsafeUrl { key: "token_url" }), "{open}");
        }
        let wrong = Keys::new(Places {
            environment: Box::new(|_| None),
            credentials_dir: None,
            config_dir: Some(dir.path().to_owned()),
            session_bus: None,
        });
        let (_, ended) = through_browser(&server, &wrong).await;
        let error = ended.unwrap_err();
        assert!(error.hint().contains("HALE_GOOGLE_CLIENT_SECRET"), "{error} {}", error.hint());
    });
}
