//! The dashboard's files over HTTP, whether or not this build has it, and the questions only it asks.

use crate::scripted::Server;

#[tokio::test]
async fn every_address_of_the_dashboard_is_its_one_page() {
    let server = Server::start().await;
    for address in [
        "/",
        "/incidents",
        "/incidents/in-0123456789",
        "/alerts",
        "/machine",
        "/services",
        "/settings",
    ] {
        let reply = server.get(address).await;
        assert_eq!(reply.status, 200, "{address}");
        assert!(reply.head.contains("text/html"), "{address}: {}", reply.head);
        assert!(reply.body.contains("<h1>hale</h1>"), "{address}: {}", reply.body);
        assert!(
            reply.head.contains("content-security-policy: default-src 'none'"),
            "{}",
            reply.head
        );
        assert!(!reply.body.contains("https://"), "{}", reply.body);
    }
    let built = server.get("/theme.js").await.status == 200;
    let page = server.get("/").await.body;
    assert_eq!(built, page.contains("/assets/"), "{page}");
    assert_eq!(!built, page.contains("make web"), "{page}");
}

#[tokio::test]
async fn only_files_of_the_build_are_given_out() {
    let server = Server::start().await;
    for address in
        ["/assets/none.js", "/assets/../index.html", "/assets/%2e%2e/index.html", "/page.css"]
    {
        assert_eq!(server.get(address).await.status, 404, "{address}");
    }
}

#[tokio::test]
async fn wrong_questions_of_the_dashboard_are_refused_with_the_reason() {
    let server = Server::start().await;
    for (address, named) in [
        ("/api/v1/series", "metrics"),
        ("/api/v1/series?metrics=cpu_total&since=yesterday", "since"),
        ("/api/v1/series?metrics=cpu_total&colour=red", "colour"),
        ("/api/v1/processes?sort=beauty", "beauty"),
        ("/api/v1/past/alerts", "at"),
        ("/api/v1/past/alerts?at=2026-01-27T00:00:00Z&state=asleep", "asleep"),
        ("/api/v1/past/incidents?at=soon", "at"),
        ("/api/v1/journal?priority=900", "priority"),
    ] {
        let reply = server.get(address).await;
        assert_eq!(reply.status, 400, "{address}: {}", reply.body);
        assert!(reply.body.contains(named), "{address}: {}", reply.body);
    }
}
