//! The page shows the state, and nothing that was observed becomes markup.

use crate::scripted::Server;

#[tokio::test]
async fn the_page_shows_the_state_and_nothing_observed_becomes_markup() {
    let server = Server::start().await;
    let reply = server.get("/").await;
    assert_eq!(reply.status, 200);
    for expected in [
        "Debian GNU/Linux 12",
        "mode approve",
        "/var has 3.0 % free &lt;img src=x onerror=alert(1)&gt;\u{fffd}[2J&quot;&#39;&amp;",
        "hale approve ap-0123456789",
        "hale explain al-0123456789",
        "/var is filling",
        "du -xsh /var/*",
        "journal",
        "never read, 2 left out",
    ] {
        assert!(reply.body.contains(expected), "{expected} in {}", reply.body);
    }
    assert!(!reply.body.contains("<img"));
    assert!(!reply.body.contains('\x1b'));
    assert!(reply.head.contains("content-security-policy: default-src 'none'"));
    assert!(reply.head.contains("cache-control: no-store"));
    // What the page loads is there, and nothing comes from elsewhere.
    for asset in ["/page.css", "/page.js", "/live"] {
        assert_eq!(server.get(asset).await.status, 200, "{asset}");
    }
    assert!(!reply.body.contains("https://"));
}
