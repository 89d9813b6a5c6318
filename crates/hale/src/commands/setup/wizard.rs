//! The questions of `hale setup`. Enter keeps what is in brackets; nothing is written in here.

use hale_engine::sign_in::{Keys, SignInState};
use hale_model::config::{Config, Mode, ProviderKind};

use super::draft::{Choices, ProviderChoice};
use super::{Wish, in_words, typed};
use crate::exit::Failure;
use crate::screen::{BOLD, CYAN, DIM, paint};

/// How often a question is put again.
const LIMIT_TRIES: u32 = 5;

const PROVIDERS: [(ProviderKind, &str); 4] = [
    (ProviderKind::Anthropic, "Claude; a key from console.anthropic.com"),
    (ProviderKind::Gemini, "Google; a key from aistudio.google.com, or `hale login`"),
    (ProviderKind::OpenAi, "OpenAI, or whatever speaks its API: OpenRouter, vLLM, llama.cpp…"),
    (ProviderKind::Ollama, "models on this machine; no key, nothing leaves it"),
];
const MODES: [Mode; 4] = [Mode::Observe, Mode::Suggest, Mode::Approve, Mode::Auto];

/// Asks everything, one after the other. `now` is what holds at present.
pub async fn ask(now: &Config, keys: &Keys) -> Result<Wish, Failure> {
    anstream::eprintln!(
        "{}\nA language model is a help, not a need: hale watches and cures without one.\n",
        paint(BOLD, "hale setup")
    );
    let mut wish = Wish::default();
    provider(now, &mut wish)?;
    wish.choices.mode = Some(mode(now.general.mode)?);
    notifications(now, &mut wish.choices)?;
    if can_be_asked(&wish, keys).await {
        wish.check = yes("Ask the provider whether it takes the key? (costs nothing)", true)?;
    }
    Ok(wish)
}

/// Whether there is anything to ask the chosen provider with; without a key it would say no.
async fn can_be_asked(wish: &Wish, keys: &Keys) -> bool {
    let Some(choice) = &wish.choices.provider else { return false };
    let name = choice.key_env.as_deref().unwrap_or(choice.kind.key_name());
    let signed_in = choice.kind == ProviderKind::Gemini
        && matches!(keys.sign_in_state().await, Ok(SignInState::Kept(_)));
    let has_key = wish.key.is_some() || !matches!(keys.find(name).await, Ok(None));
    name.is_empty() || choice.base_url.is_some() || signed_in || has_key
}

fn provider(now: &Config, wish: &mut Wish) -> Result<(), Failure> {
    let first = now.ai.providers.first();
    let current = first.filter(|_| now.ai.enabled).map(|provider| provider.provider);
    let mut lines: Vec<String> = PROVIDERS
        .iter()
        .map(|(kind, what)| format!("{:<10} {}", kind.as_str(), paint(DIM, what)))
        .collect();
    lines.push(format!("{:<10} {}", "none", paint(DIM, "work without a model")));
    let default = current.and_then(|c| PROVIDERS.iter().position(|(kind, _)| *kind == c));
    let chosen = choose("Which model is asked first?", &lines, default.unwrap_or(PROVIDERS.len()))?;
    let Some((kind, _)) = PROVIDERS.get(chosen) else {
        wish.choices.ai_enabled = Some(false);
        return Ok(());
    };
    wish.choices.ai_enabled = Some(true);
    let held = first.filter(|provider| provider.provider == *kind);
    let mut choice = ProviderChoice { kind: *kind, ..ProviderChoice::default() };
    let model = held.map(|p| p.model()).or(kind.model()).unwrap_or_default();
    choice.model = Some(text("Model", model, |model| {
        if model.is_empty() {
            Err("a model must be named: `ollama list` shows them")
        } else {
            Ok(())
        }
    })?);
    if matches!(kind, ProviderKind::OpenAi | ProviderKind::Ollama) {
        let base_url = held.map_or(kind.base_url(), |p| p.base_url());
        let url = text("Address of its API", base_url, |url| {
            let is_web = url.starts_with("http://") || url.starts_with("https://");
            if is_web { Ok(()) } else { Err("begin it with https:// or http://") }
        })?;
        if url != kind.base_url() {
            choice.base_url = Some(url);
        }
    }
    let name = held.map_or(kind.key_name(), |p| p.key_name());
    if !name.is_empty() {
        wish.key = typed::secret(&format!(
            "Its key, which is not shown and never stands in the config (Enter: none, or {name} in the environment): "
        ))?;
        choice.has_key = wish.key.is_some();
        choice.key_env = (choice.has_key && name != kind.key_name()).then(|| name.to_owned());
    }
    wish.choices.provider = Some(choice);
    Ok(())
}

fn mode(current: Mode) -> Result<Mode, Failure> {
    let lines = MODES.map(|mode| format!("{:<10} {}", mode.as_str(), paint(DIM, in_words(mode))));
    let default = MODES.iter().position(|mode| *mode == current).unwrap_or_default();
    let chosen = choose("What may hale do by itself?", &lines, default)?;
    Ok(MODES.get(chosen).copied().unwrap_or_default())
}

fn notifications(now: &Config, choices: &mut Choices) -> Result<(), Failure> {
    choices.desktop = Some(yes("Tell alerts through the desktop?", now.notifications.desktop)?);
    let held = !now.notifications.webhook_url.is_empty();
    let question = if held {
        "A webhook for alerts (Enter: the one you have; - for none)"
    } else {
        "A webhook for alerts: Slack, Discord or any address that takes JSON (Enter: none)"
    };
    let url = text(question, "", |url| {
        let fits =
            matches!(url, "" | "-") || url.starts_with("https://") || url.starts_with("http://");
        if fits { Ok(()) } else { Err("begin it with https:// or http://") }
    })?;
    choices.webhook_url = match url.as_str() {
        "" => None,
        "-" => Some(String::new()),
        _ => Some(url),
    };
    Ok(())
}

/// One of the lines, by its number or its first word.
fn choose(question: &str, lines: &[String], default: usize) -> Result<usize, Failure> {
    anstream::eprintln!("{}", paint(BOLD, question));
    for (index, line) in lines.iter().enumerate() {
        anstream::eprintln!("  {} {line}", paint(CYAN, &format!("{}", index + 1)));
    }
    for _ in 0..LIMIT_TRIES {
        let answer = typed::line(&format!("1 to {} [{}] ", lines.len(), default + 1))?;
        if answer.is_empty() {
            return Ok(default);
        }
        let by_number = answer.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
        let by_name = lines.iter().position(|line| line.split(' ').next() == Some(&*answer));
        if let Some(index) = by_number.or(by_name).filter(|index| *index < lines.len()) {
            return Ok(index);
        }
        anstream::eprintln!("{}", paint(DIM, "a number of the list, or the word beside it"));
    }
    Err(no_answer())
}

fn text(
    question: &str,
    default: &str,
    check: impl Fn(&str) -> Result<(), &'static str>,
) -> Result<String, Failure> {
    let shown = if default.is_empty() { String::new() } else { format!(" [{default}]") };
    for _ in 0..LIMIT_TRIES {
        let answer = typed::line(&format!("{question}{shown}: "))?;
        let answer = if answer.is_empty() { default.to_owned() } else { answer };
        match check(&answer) {
            Ok(()) => return Ok(answer),
            Err(why) => anstream::eprintln!("{}", paint(DIM, why)),
        }
    }
    Err(no_answer())
}

fn yes(question: &str, default: bool) -> Result<bool, Failure> {
    let choice = if default { "[Y/n]" } else { "[y/N]" };
    let answer = typed::line(&format!("{question} {choice} "))?;
    Ok(match answer.as_str() {
        "" => default,
        "y" | "Y" | "yes" | "Yes" => true,
        _ => false,
    })
}

fn no_answer() -> Failure {
    Failure::usage(
        "no answer that can be used",
        "run it again, or say it by flags: hale setup --help",
    )
}
