//! E-mail by SMTP: what begins, what needs a person and what is over; the mails of one incident are one
//! conversation. TLS is required unless the server is this machine.

use std::sync::Arc;
use std::time::Duration;

use hale_model::config::NotifyChannel;
use hale_model::text::{duration, printable, shorten};
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};

use super::{Channel, IncidentNews, Notification, NotificationKind};

/// Attempts for one mail.
const ATTEMPTS_MAX: u32 = 4;
/// Wait after the first failure; it doubles each time.
const FIRST_BACKOFF: Duration = Duration::from_secs(2);
/// One conversation with the server.
const SEND_LIMIT: Duration = Duration::from_secs(30);
/// Bytes of a subject.
const SUBJECT_BYTES_MAX: usize = 200;
/// Bytes of each text in a mail.
const TEXT_BYTES_MAX: usize = 16 * 1024;
/// Recipients of one mail.
const RECIPIENTS_MAX: usize = 50;

type Transport = AsyncSmtpTransport<Tokio1Executor>;

pub(super) struct Email {
    name: String,
    server: Server,
    transport: Option<Transport>,
    from: Mailbox,
    to: Vec<Mailbox>,
    failing: bool,
}

/// Where the server is, and how it is spoken to.
struct Server {
    host: String,
    port: u16,
    is_tls_first: bool,
    is_local: bool,
    credentials: Option<Credentials>,
}

impl Email {
    pub fn new(name: String, channel: &NotifyChannel, password: &str) -> Result<Email, String> {
        let mailbox = |key: &str, text: &str| {
            text.parse::<Mailbox>().map_err(|_| format!("{key}: `{text}` is no e-mail address"))
        };
        if channel.to.len() > RECIPIENTS_MAX {
            return Err(format!("to: more than {RECIPIENTS_MAX} recipients; use a mailing list"));
        }
        let user = &channel.smtp_user;
        let credentials =
            (!user.is_empty()).then(|| Credentials::new(user.clone(), password.to_owned()));
        Ok(Email {
            name,
            server: Server::at(&channel.smtp_url, credentials)?,
            transport: None,
            from: mailbox("from", &channel.from)?,
            to: channel.to.iter().map(|to| mailbox("to", to)).collect::<Result<_, _>>()?,
            failing: false,
        })
    }

    /// Made with the first mail: the TLS roots take time and memory.
    fn transport(&mut self) -> Result<Transport, String> {
        if let Some(transport) = &self.transport {
            return Ok(transport.clone());
        }
        let transport = self.server.transport()?;
        self.transport = Some(transport.clone());
        Ok(transport)
    }

    async fn send(&mut self, message: &Message) -> Result<(), String> {
        let transport = self.transport()?;
        // A server that is dead for hours does not make the news after it hours late.
        let attempts = if self.failing { 1 } else { ATTEMPTS_MAX };
        let mut backoff = FIRST_BACKOFF;
        let mut attempt = 1;
        loop {
            let sent = tokio::time::timeout(SEND_LIMIT, transport.send(message.clone())).await;
            let why = match sent {
                Ok(Ok(_)) => return Ok(()),
                // Refused, or nothing that a second attempt would change.
                Ok(Err(error)) if error.is_permanent() || error.is_client() => {
                    return Err(reason(&error));
                }
                Ok(Err(error)) => reason(&error),
                Err(_) => format!("no answer within {} s", SEND_LIMIT.as_secs()),
            };
            if attempt >= attempts {
                return Err(format!("{why} ({attempt} attempts)"));
            }
            tokio::time::sleep(backoff).await;
            attempt += 1;
            backoff *= 2;
        }
    }

    fn message(&self, note: &Notification) -> Result<Message, String> {
        let severity = note.severity.as_str().to_uppercase();
        let title = note.incident.as_ref().map_or(&note.title, |news| &news.title);
        let subject = format!("[hale] {severity} {}: {}", note.machine_id, printable(title));
        let mut builder = Message::builder()
            .from(self.from.clone())
            .subject(shorten(&subject, SUBJECT_BYTES_MAX))
            .date_now()
            .header(ContentType::TEXT_PLAIN);
        for to in &self.to {
            builder = builder.to(to.clone());
        }
        builder = match &note.incident {
            // Whatever the order they arrive in, the mails of one incident belong together.
            Some(news) => {
                let root = format!("<{}.incident@hale.invalid>", news.id);
                builder.references(root.clone()).in_reply_to(root).message_id(None)
            }
            None => builder.message_id(None),
        };
        let mut message = builder
            .body(text_of(note))
            .map_err(|error| format!("the mail cannot be written: {error}"))?;
        // RFC 3834: no vacation message is sent back.
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        message.headers_mut().insert_raw(HeaderValue::new(automatic, "auto-generated".to_owned()));
        Ok(message)
    }
}

impl Server {
    fn at(url: &str, credentials: Option<Credentials>) -> Result<Server, String> {
        let wrong = || "smtp_url is not smtps://HOST:465 or smtp://HOST:587".to_owned();
        let parsed = reqwest::Url::parse(url).map_err(|_| wrong())?;
        let host = parsed.host_str().ok_or_else(wrong)?.to_owned();
        let is_tls_first = match parsed.scheme() {
            "smtps" => true,
            "smtp" => false,
            _ => return Err(wrong()),
        };
        let address = host.trim_start_matches('[').trim_end_matches(']');
        let is_loopback = address.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        let is_local = host == "localhost" || is_loopback;
        let port = parsed.port().unwrap_or(if is_tls_first { 465 } else { 587 });
        Ok(Server { host, port, is_tls_first, is_local, credentials })
    }

    fn transport(&self) -> Result<Transport, String> {
        let parameters = TlsParameters::new(self.host.clone());
        let tls = match (self.is_tls_first, self.is_local, parameters) {
            // To this machine: with TLS if the server has it and it can be trusted, else without.
            (false, true, _) => Tls::None,
            (true, _, Ok(parameters)) => Tls::Wrapper(parameters),
            (false, false, Ok(parameters)) => Tls::Required(parameters),
            (_, _, Err(error)) => {
                let why = reason(&error);
                return Err(format!("no TLS: {why}; is the package ca-certificates installed?"));
            }
        };
        let builder = Transport::builder_dangerous(self.host.clone())
            .port(self.port)
            .tls(tls)
            .timeout(Some(SEND_LIMIT));
        Ok(match &self.credentials {
            Some(credentials) => builder.credentials(credentials.clone()).build(),
            None => builder.build(),
        })
    }
}

/// The innermost cause; a server's own words are shortened and hold no secret of ours.
fn reason(error: &lettre::transport::smtp::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let code = error.status().map(|code| format!("the server answered {code}: "));
    format!("{}{}", code.unwrap_or_default(), shorten(&printable(&cause.to_string()), 200))
}

impl Channel for Email {
    fn name(&self) -> String {
        self.name.clone()
    }

    async fn deliver(&mut self, notification: Arc<Notification>) -> Result<(), String> {
        if !is_worth_a_mail(notification.kind) {
            return Ok(());
        }
        let message = self.message(&notification)?;
        let result = self.send(&message).await;
        self.failing = result.is_err();
        result
    }
}

fn is_worth_a_mail(kind: NotificationKind) -> bool {
    match kind {
        NotificationKind::IncidentOpened
        | NotificationKind::NeedsApproval
        | NotificationKind::Escalation
        | NotificationKind::Resolved
        | NotificationKind::Digest => true,
        NotificationKind::Opened
        | NotificationKind::Escalated
        | NotificationKind::Closed
        | NotificationKind::ActionDone
        | NotificationKind::Diagnosed
        | NotificationKind::ApprovalDecided
        | NotificationKind::Acting => false,
    }
}

/// The mail, as plain text.
fn text_of(note: &Notification) -> String {
    let mut lines = vec![note.title.clone()];
    if !note.text.is_empty() {
        lines.push(String::new());
        lines.push(shorten(&note.text, TEXT_BYTES_MAX));
    }
    if let Some(news) = &note.incident {
        lines.push(String::new());
        lines.extend(facts(note, news));
    }
    if !note.commands.is_empty() {
        lines.push(String::new());
        lines.push("Next:".to_owned());
        lines.extend(note.commands.iter().take(5).map(|command| format!("  {command}")));
    }
    lines.push(String::new());
    lines.push(format!("-- \nhale on {}, {}", note.machine_id, note.at));
    let is_bad = |c: char| c.is_control() && c != '\n' && c != '\t';
    lines.join("\n").chars().map(|c| if is_bad(c) { '\u{fffd}' } else { c }).collect()
}

fn facts(note: &Notification, news: &IncidentNews) -> Vec<String> {
    let mut facts = vec![
        format!("State:    {}", news.state_words()),
        format!("Severity: {}", news.severity),
        format!("Machine:  {}", note.machine_id),
        format!("Since:    {}", news.opened_at),
    ];
    if let Some(closed) = news.closed_at {
        let lasted = duration(news.lasted_secs(note.at));
        facts.push(format!("Until:    {closed}, after {lasted}"));
    }
    if let Some(cause) = &news.cause {
        facts.push(format!("Cause:    {}", shorten(cause, TEXT_BYTES_MAX)));
    }
    if !news.cured_by.is_empty() {
        facts.push(format!("Cured by: {}", news.cured_by.join(", ")));
    }
    facts.extend(news.saved.clone());
    facts.push(format!("Incident: {}", news.id));
    facts
}
