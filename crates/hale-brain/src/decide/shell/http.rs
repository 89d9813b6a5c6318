//! curl, wget and httpie: the method, what is sent, where the answer goes.

use hale_model::action::Risk;

use super::effects::Write;
use super::http_query as query;
use super::machine::Machine;
use super::network::is_unsafe_source;
use super::options::Parsed;
use super::text::{self, ANY, FETCHED, FETCHED_UNSAFE};

/// Values of options that name no file.
const DISCARDED: [&str; 4] = ["/dev/null", "-", "/dev/stdout", "/dev/stderr"];

impl Machine {
    pub(super) fn curl(&mut self, parsed: &Parsed) -> String {
        let mut urls: Vec<String> = parsed.operands.clone();
        urls.extend(parsed.values(&["--url"]).iter().map(|u| (*u).to_owned()));
        let data: Vec<String> = parsed
            .values(&[
                "-d",
                "--data",
                "--data-binary",
                "--data-raw",
                "--data-urlencode",
                "--data-ascii",
                "-F",
                "--form",
                "--form-string",
                "--json",
            ])
            .iter()
            .map(|v| (*v).to_owned())
            .collect();
        let uploads: Vec<String> =
            parsed.values(&["-T", "--upload-file"]).iter().map(|v| (*v).to_owned()).collect();
        for sent in data.iter().chain(&uploads) {
            self.sent(sent, &uploads);
        }
        let headers = parsed
            .values(&[
                "-H",
                "--header",
                "-A",
                "--user-agent",
                "-u",
                "--user",
                "-b",
                "--cookie",
                "-e",
            ])
            .concat();
        self.send(&headers, "the network", false);
        self.send(&urls.concat(), "the network", false);
        let read_as_get = parsed.has(&["-G", "--get"]);
        let method =
            parsed.value(&["-X", "--request"]).map(str::to_ascii_uppercase).unwrap_or_else(|| {
                if !uploads.is_empty() {
                    "PUT".to_owned()
                } else if !data.is_empty() && !read_as_get {
                    "POST".to_owned()
                } else {
                    "GET".to_owned()
                }
            });
        self.method(&method, &urls, &data);
        for path in
            parsed.values(&["-K", "--config"]).iter().map(|v| (*v).to_owned()).collect::<Vec<_>>()
        {
            let content = self.content(&path);
            if content.contains("output") || content.contains("request") {
                self.hit("network.http.config", Risk::Warning, "takes its options from a file", "");
            }
        }
        let body = fetched(&urls);
        for path in parsed
            .values(&[
                "-c",
                "--cookie-jar",
                "-D",
                "--dump-header",
                "--trace",
                "--trace-ascii",
                "--stderr",
            ])
            .iter()
            .map(|v| (*v).to_owned())
            .collect::<Vec<_>>()
        {
            if !DISCARDED.contains(&path.as_str()) {
                self.write(&Write::new(&path, &ANY.to_string()));
            }
        }
        self.saved(
            &body,
            parsed.value(&["-o", "--output"]),
            parsed.has(&["-O", "--remote-name", "--remote-name-all", "-J"]),
            &urls,
        )
    }

    fn sent(&mut self, data: &str, uploads: &[String]) {
        let file = uploads.iter().any(|u| u == data);
        let mut content = data.to_owned();
        if file {
            content = if data == "-" || data == "." {
                self.stdin.clone().unwrap_or_default()
            } else {
                self.sent_content(data)
            };
        } else if let Some((_, path)) = data.split_once('@').or_else(|| data.split_once("=<")) {
            let path = path.split(';').next().unwrap_or_default();
            let read = if path == "-" || path == "/dev/stdin" {
                self.stdin.clone().unwrap_or_default()
            } else {
                self.sent_content(path)
            };
            content.push_str(&read);
        }
        self.send(&content, "the network", false);
    }

    fn saved(
        &mut self,
        body: &str,
        output: Option<&str>,
        remote_name: bool,
        urls: &[String],
    ) -> String {
        match output {
            Some(path) if DISCARDED.contains(&path) => {
                if path == "-" || path == "/dev/stdout" {
                    body.to_owned()
                } else {
                    String::new()
                }
            }
            Some(path) => {
                let path = path.to_owned();
                self.write(&Write::new(&path, body));
                String::new()
            }
            None if remote_name => {
                for url in urls {
                    let name = url
                        .split(['?', '#'])
                        .next()
                        .and_then(|u| u.rsplit('/').next())
                        .filter(|n| !n.is_empty());
                    let name = name.unwrap_or("index.html").to_owned();
                    self.write(&Write::new(&name, body));
                }
                String::new()
            }
            None => body.to_owned(),
        }
    }

    fn method(&mut self, method: &str, urls: &[String], data: &[String]) {
        let target = urls.join(" ");
        match method {
            "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PROPFIND" => {
                // Some interfaces act on GET.
                let lower = target.to_ascii_lowercase();
                if self.sends_loss(urls, data) {
                    self.hit(
                        "network.http.delete",
                        Risk::Critical,
                        "a query that deletes what a database holds",
                        "",
                    );
                } else if lower.contains("/shutdown")
                    || lower.contains("action=delete")
                    || lower.contains("/_shutdown")
                {
                    self.hit(
                        "network.http.acts",
                        Risk::Warning,
                        "an address that acts when it is read",
                        "",
                    );
                }
            }
            "DELETE" => self.hit(
                "network.http.delete",
                Risk::Critical,
                "deletes what another service stores",
                "read it with GET and keep a copy first",
            ),
            _ => {
                let wide = [
                    "_delete_by_query",
                    "/_close",
                    "/containers/create",
                    "/delete_series",
                    "clean_tombstones",
                    "/exec",
                    "/prune",
                    "drop_database",
                    "_cluster/reroute",
                ];
                let lower = target.to_ascii_lowercase();
                if wide.iter().any(|w| lower.contains(w)) || self.sends_loss(urls, data) {
                    self.hit(
                        "network.http.delete",
                        Risk::Critical,
                        "a request that deletes or takes over what another service holds",
                        "",
                    );
                } else {
                    self.hit(
                        "network.http.change",
                        Risk::Warning,
                        format!("a {method} changes something elsewhere"),
                        "",
                    );
                }
            }
        }
    }

    /// Whether a request carries a statement to a database that loses data.
    fn sends_loss(&self, urls: &[String], data: &[String]) -> bool {
        let bodies = data.iter().map(|d| match d.strip_prefix('@') {
            Some("-") => self.stdin.clone().unwrap_or_default(),
            Some(path) => self.content(path),
            None => d.clone(),
        });
        let bodies: Vec<String> = bodies.collect();
        query::loses_data(urls, &bodies)
    }

    pub(super) fn wget(&mut self, parsed: &Parsed) -> String {
        let urls = parsed.operands.clone();
        let data: Vec<String> = parsed
            .values(&["--post-data", "--body-data"])
            .iter()
            .map(|v| (*v).to_owned())
            .collect();
        let uploads: Vec<String> = parsed
            .values(&["--post-file", "--body-file"])
            .iter()
            .map(|v| (*v).to_owned())
            .collect();
        for sent in data.iter().chain(&uploads) {
            self.sent(sent, &uploads);
        }
        self.send(&urls.concat(), "the network", false);
        self.send(
            &parsed.values(&["--header", "--user-agent", "-U"]).concat(),
            "the network",
            false,
        );
        let method =
            parsed.value(&["--method"]).map(str::to_ascii_uppercase).unwrap_or_else(|| {
                if data.is_empty() && uploads.is_empty() {
                    "GET".to_owned()
                } else {
                    "POST".to_owned()
                }
            });
        self.method(&method, &urls, &data);
        let body = fetched(&urls);
        if parsed.has(&["--spider"]) {
            return String::new();
        }
        if let Some(code) = parsed.value(&["--use-askpass"]) {
            let code = code.to_owned();
            self.in_subshell(|machine| machine.run_text(&code));
        }
        match parsed.value(&["-O", "--output-document"]) {
            Some(path) => self.saved(&body, Some(path), false, &urls),
            None => match parsed.value(&["-P", "--directory-prefix"]).map(str::to_owned) {
                Some(directory) => {
                    let name =
                        urls.first().and_then(|u| u.split(['?', '#']).next()?.rsplit('/').next());
                    let name = name.filter(|n| !n.is_empty()).unwrap_or("index.html");
                    let path = format!("{}/{name}", directory.trim_end_matches('/'));
                    self.fetched_into(&directory, &body);
                    self.saved(&body, Some(&path), false, &urls)
                }
                None => self.saved(&body, None, true, &urls),
            },
        }
    }

    pub(super) fn httpie(&mut self, name: &str, parsed: &Parsed) -> String {
        let mut operands = parsed.operands.iter();
        let first = operands.next().cloned().unwrap_or_default();
        let verb = matches!(
            first.to_ascii_uppercase().as_str(),
            "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD" | "OPTIONS"
        );
        let url = if verb { operands.next().cloned().unwrap_or_default() } else { first.clone() };
        let items: Vec<String> = operands.cloned().collect();
        let body =
            items.iter().any(|i| i.contains('=') && !i.contains("==")) || self.stdin.is_some();
        let method = if verb {
            first.to_ascii_uppercase()
        } else if body {
            "POST".to_owned()
        } else {
            "GET".to_owned()
        };
        for item in &items {
            self.sent(item, &[]);
        }
        if let Some(content) = self.stdin.clone() {
            self.send(&content, "the network", false);
        }
        let scheme =
            if name == "https" && !url.contains("://") { format!("https://{url}") } else { url };
        let urls = [scheme];
        self.method(&method, &urls, &items);
        let body = fetched(&urls);
        self.saved(
            &body,
            parsed.value(&["-o", "--output"]),
            parsed.has(&["-d", "--download"]),
            &urls,
        )
    }
}

/// What is fetched from these addresses, as text.
fn fetched(urls: &[String]) -> String {
    if urls.iter().any(|url| is_unsafe_source(url)) || urls.is_empty() {
        text::residue(&FETCHED_UNSAFE.to_string())
    } else {
        text::residue(&FETCHED.to_string())
    }
}
