//! The web dashboard: what `make web` built from `web/`, out of this very binary. Files whose name holds
//! a hash of their content may be kept for ever; the rest is asked for again, and answered 304 while it
//! is the same. A binary built without Node says how to build the dashboard.

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::answer::Refusal;
use crate::routes::Shared;

/// One file of the build.
pub(crate) struct Asset {
    /// Under the root, without a leading `/`.
    path: &'static str,
    /// Tells one content from another.
    tag: &'static str,
    plain: &'static [u8],
    gzip: Option<&'static [u8]>,
    brotli: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/dashboard.rs"));

/// Addresses that the dashboard's own router knows: all of them are its one page.
pub(crate) const PAGES: [&str; 11] = [
    "/",
    "/incidents",
    "/incidents/{id}",
    "/alerts",
    "/alerts/{id}",
    "/machine",
    "/services",
    "/runbook",
    "/audit",
    "/settings",
    "/approvals",
];
/// What is asked for by name beside the page.
pub(crate) const FILES: [&str; 3] = ["/theme.js", "/favicon.svg", "/licenses.txt"];

const FOREVER: &str = "public, max-age=31536000, immutable";
const ASK_AGAIN: &str = "no-cache";

pub(crate) fn router() -> Router<Shared> {
    let mut router = Router::new();
    for page in PAGES {
        router = router.route(page, get(index));
    }
    for file in FILES {
        router = router.route(
            file,
            get(move |headers: HeaderMap| async move { answer(BUILT, &headers, file) }),
        );
    }
    router.route("/assets/{*path}", get(asset))
}

async fn index(headers: HeaderMap) -> Response {
    if BUILT.is_empty() {
        return unbuilt();
    }
    answer(BUILT, &headers, "/index.html")
}

async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    answer(BUILT, &headers, &format!("/assets/{path}"))
}

/// The page of a binary that was built without Node.
fn unbuilt() -> Response {
    let headers =
        [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    (headers, include_str!("unbuilt.html")).into_response()
}

fn answer(built: &'static [Asset], headers: &HeaderMap, path: &str) -> Response {
    let wanted = path.trim_start_matches('/');
    let Some(asset) = built.iter().find(|asset| asset.path == wanted) else {
        return Refusal::not_found(
            &format!("the dashboard has no file {path}"),
            "load the page anew; `make web` builds the dashboard",
        )
        .into_response();
    };
    let (encoding, bytes) = asset.best_for(headers);
    let mut response_headers = HeaderMap::new();
    let tag = format!("\"{}{}\"", asset.tag, encoding.map(|e| format!("-{e}")).unwrap_or_default());
    let is_hashed = asset.path.starts_with("assets/");
    let cache = if is_hashed { FOREVER } else { ASK_AGAIN };
    response_headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    response_headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    response_headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type()));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response_headers.insert(header::ETAG, tag);
    }
    if is_known(headers, &tag) {
        return (StatusCode::NOT_MODIFIED, response_headers).into_response();
    }
    if let Some(encoding) = encoding {
        response_headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    (response_headers, bytes).into_response()
}

/// Whether the browser has this very file.
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|h| h.to_str().ok());
    known.flat_map(|list| list.split(',')).any(|one| one.trim().trim_start_matches("W/") == tag)
}

impl Asset {
    /// The smallest form that the browser takes.
    fn best_for(&self, headers: &HeaderMap) -> (Option<&'static str>, &'static [u8]) {
        let takes = |encoding| takes(headers, encoding);
        match (self.brotli, self.gzip) {
            (Some(bytes), _) if takes("br") => (Some("br"), bytes),
            (_, Some(bytes)) if takes("gzip") => (Some("gzip"), bytes),
            _ => (None, self.plain),
        }
    }

    fn content_type(&self) -> &'static str {
        match self.path.rsplit_once('.').map(|(_, ending)| ending) {
            Some("html") => "text/html; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("json") => "application/json",
            Some("txt") => "text/plain; charset=utf-8",
            _ => "application/octet-stream",
        }
    }
}

/// Whether `Accept-Encoding` names this encoding with a weight that is not zero.
fn takes(headers: &HeaderMap, encoding: &str) -> bool {
    let lists = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|h| h.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let is_it = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        let weight = parts.find_map(|p| p.strip_prefix("q=")).and_then(|q| q.parse::<f32>().ok());
        is_it && weight.is_none_or(|weight| weight > 0.0)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use axum::body::to_bytes;

    use super::*;

    static SITE: &[Asset] = &[
        Asset {
            path: "index.html",
            tag: "1",
            plain: b"page",
            gzip: Some(b"gz"),
            brotli: Some(b"br"),
        },
        Asset { path: "assets/app-abc.js", tag: "2", plain: b"code", gzip: None, brotli: None },
    ];

    fn asked(path: &str, headers: &[(header::HeaderName, &'static str)]) -> Response {
        let headers = headers.iter().map(|(n, v)| (n.clone(), HeaderValue::from_static(v)));
        answer(SITE, &headers.collect(), path)
    }

    async fn body(response: Response) -> Vec<u8> {
        to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()
    }

    fn header_of(response: &Response, name: header::HeaderName) -> &str {
        response.headers().get(name).map_or("", |v| v.to_str().unwrap())
    }

    #[tokio::test]
    async fn each_browser_gets_the_smallest_form_it_takes() {
        for (accepts, encoding, bytes) in [
            ("gzip, deflate, br, zstd", "br", "br"),
            ("gzip", "gzip", "gz"),
            ("br;q=0, gzip;q=0.5", "gzip", "gz"),
            ("identity", "", "page"),
            ("brotli", "", "page"),
            ("", "", "page"),
        ] {
            let response = asked("/index.html", &[(header::ACCEPT_ENCODING, accepts)]);
            assert_eq!(header_of(&response, header::CONTENT_ENCODING), encoding, "{accepts}");
            assert_eq!(body(response).await, bytes.as_bytes(), "{accepts}");
        }
    }

    #[test]
    fn what_is_named_by_its_hash_is_kept_and_the_page_is_asked_for_again() {
        assert_eq!(header_of(&asked("/assets/app-abc.js", &[]), header::CACHE_CONTROL), FOREVER);
        let page = asked("/index.html", &[]);
        assert_eq!(header_of(&page, header::CACHE_CONTROL), ASK_AGAIN);
        let again = asked("/index.html", &[(header::IF_NONE_MATCH, "\"0\", W/\"1\"")]);
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        let other = asked("/index.html", &[(header::IF_NONE_MATCH, "\"3\"")]);
        assert_eq!(other.status(), StatusCode::OK);
    }

    #[test]
    fn nothing_but_what_was_built_is_given_out() {
        for path in ["/assets/../index.html", "/assets/none.js", "/Cargo.toml", "//index.htm"] {
            assert_eq!(asked(path, &[]).status(), StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[tokio::test]
    async fn without_node_the_page_says_how_to_build_the_dashboard() {
        let page = String::from_utf8(body(unbuilt()).await).unwrap();
        assert!(page.contains("make web") && page.contains("<h1>hale</h1>"), "{page}");
        assert!(!page.contains("<script"), "{page}");
    }

    #[test]
    fn a_build_holds_its_page_and_its_code() {
        let Some(index) = BUILT.iter().find(|asset| asset.path == "index.html") else {
            assert!(BUILT.is_empty(), "a dashboard without its page");
            return;
        };
        let page = String::from_utf8_lossy(index.plain);
        for asset in BUILT.iter().filter(|a| a.path.ends_with(".js") && page.contains(a.path)) {
            assert!(asset.gzip.is_some() && asset.brotli.is_some(), "{}", asset.path);
        }
        assert!(!page.contains("http://") && !page.contains("https://"), "{page}");
    }
}
