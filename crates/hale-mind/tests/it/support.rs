//! A mind on scripted servers, with its own environment, clock and ledger.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hale_mind::keys::{Keys, Places};
use hale_mind::{
    Delta, LedgerStore, MemoryLedger, Message, Mind, MindError, Patience, Purpose, Reply, Request,
};
use hale_model::Timestamp;
use hale_model::config::{Ai, AiProvider, ProviderKind};
use hale_testkit::model_server::{ModelServer, Wire};

pub const KEY: &str = "sk-test-Zq7Wm2Lp9Xv4Rt";

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

pub fn kind(wire: Wire) -> ProviderKind {
    match wire {
        Wire::Anthropic => ProviderKind::Anthropic,
        Wire::Gemini => ProviderKind::Gemini,
        Wire::OpenAi => ProviderKind::OpenAi,
        Wire::Ollama => ProviderKind::Ollama,
    }
}

/// A model that the price list knows, for each.
pub fn model(wire: Wire) -> &'static str {
    match wire {
        Wire::Anthropic => "claude-sonnet-4-5",
        Wire::Gemini => "gemini-2.5-pro",
        Wire::OpenAi => "gpt-4o",
        Wire::Ollama => "qwen2.5:7b",
    }
}

pub fn provider(wire: Wire, server: &ModelServer) -> AiProvider {
    AiProvider {
        provider: kind(wire),
        model: model(wire).to_owned(),
        api_key_env: if wire == Wire::Ollama { String::new() } else { "TEST_KEY".to_owned() },
        base_url: server.base_url(),
        ..AiProvider::default()
    }
}

pub fn config(providers: Vec<AiProvider>) -> Ai {
    Ai { providers, ..Ai::default() }
}

/// Only the environment, with these variables.
pub fn keys(variables: &'static [(&'static str, &'static str)]) -> Arc<Keys> {
    Arc::new(Keys::new(Places {
        environment: Box::new(move |name| {
            variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
        }),
        credentials_dir: None,
        config_dir: None,
        session_bus: None,
    }))
}

#[derive(Clone)]
pub struct Hands(Arc<Mutex<Timestamp>>);

impl Hands {
    pub fn at(text: &str) -> Self {
        Hands(Arc::new(Mutex::new(text.parse().unwrap())))
    }

    pub fn forward(&self, secs: i64) {
        let mut now = self.0.lock().unwrap();
        *now = now.checked_add(jiff::SignedDuration::from_secs(secs)).unwrap();
    }

    pub fn clock(&self) -> hale_mind::Clock {
        let hands = Arc::clone(&self.0);
        Arc::new(move || *hands.lock().unwrap())
    }
}

pub const PATIENT: Patience = Patience {
    connect: Duration::from_secs(10),
    idle: Duration::from_secs(20),
    total: Duration::from_secs(30),
};

pub const IMPATIENT: Patience = Patience {
    connect: Duration::from_secs(10),
    idle: Duration::from_millis(300),
    total: Duration::from_secs(30),
};

pub fn mind(config: &Ai) -> Mind {
    mind_on(config, Arc::new(MemoryLedger::default()))
}

pub fn mind_on(config: &Ai, ledger: Arc<dyn LedgerStore>) -> Mind {
    Mind::new(config, keys(&[("TEST_KEY", KEY)]), ledger).with_patience(PATIENT)
}

pub fn request(text: &str) -> Request {
    Request {
        system: "You keep a Linux machine healthy.".to_owned(),
        messages: vec![Message::user(text)],
        max_tokens: 500,
        ..Request::default()
    }
}

pub fn ask(mind: &Mind, request: &Request) -> Result<Reply, MindError> {
    block_on(mind.ask(request, Purpose::Person, &mut |_| {}))
}

pub fn ask_and_listen(mind: &Mind, request: &Request) -> (Result<Reply, MindError>, Vec<Delta>) {
    let mut heard = Vec::new();
    let reply = block_on(mind.ask(request, Purpose::Person, &mut |delta| heard.push(delta)));
    (reply, heard)
}

/// Asks, and is gone before an answer came.
pub fn ask_and_go_away(mind: &Mind, request: &Request) {
    block_on(async {
        let mut deaf = |_| {};
        let asked = mind.ask(request, Purpose::Person, &mut deaf);
        assert!(tokio::time::timeout(Duration::from_millis(300), asked).await.is_err());
    });
}
