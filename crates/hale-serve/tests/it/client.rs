//! The client on the unix socket is the same handle as the agent's own.

use hale_model::IncidentId;
use hale_model::action::Actor;
use hale_model::api::{Command, ErrorKind, Handle as _, Query, View};
use hale_serve::{Client, ClientError};

use crate::scripted::{Server, incident, instant, status};

#[tokio::test]
async fn the_client_is_the_same_handle_as_the_agents_own() {
    let server = Server::start().await;
    let client = Client::connect(&server.socket).await.unwrap();
    assert!(client.staleness().is_empty());
    assert_eq!(
        client.query(Query::Status { machine: None }).await,
        Ok(View::Status(Box::new(status())))
    );
    assert_eq!(client.staleness().get("process"), Some(&2));
    let id = IncidentId::from("in-0123456789");
    assert_eq!(
        client.query(Query::Incident { id }).await,
        Ok(View::Incident(Box::new(incident())))
    );
    let error = client.query(Query::Incident { id: IncidentId::from("x") }).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert_eq!(error.hint.as_deref(), Some("`hale incidents list` lists them"));

    // The name that the client gives is not believed.
    let paused =
        client.command(Command::Pause { for_secs: Some(5) }, Actor::User { uid: 4_000_000 }).await;
    assert_eq!(paused, Ok(View::Paused(Some(instant()))));
    let wished = server.handle.wished.lock().unwrap();
    let uid = rustix::process::geteuid().as_raw();
    assert_eq!(wished.as_slice(), [(Command::Pause { for_secs: Some(5) }, Actor::User { uid })]);
}

#[tokio::test]
async fn no_socket_and_a_socket_nobody_listens_on_are_no_agent() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hale.sock");
    assert!(matches!(Client::connect(&path).await, Err(ClientError::NoAgent { .. })));
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    assert!(matches!(Client::connect(&path).await, Err(ClientError::NoAgent { .. })));
}

#[tokio::test]
async fn an_agent_that_goes_away_or_talks_nonsense_is_an_error_that_names_the_socket() {
    let server = Server::start().await;
    let client = Client::connect(&server.socket).await.unwrap();
    std::fs::remove_file(&server.socket).unwrap();
    let error = client.query(Query::Health).await.unwrap_err();
    assert!(error.message.contains("hale.sock did not answer"), "{}", error.message);

    let listener = tokio::net::UnixListener::bind(&server.socket).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            use tokio::io::AsyncWriteExt as _;
            let _ = stream.write_all(b"220 smtp ready\r\n").await;
        }
    });
    let error = client.query(Query::Health).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Failed);
    assert!(error.hint.is_some());
}
