//! From a person's choices to the next text of `config.toml`: only what was chosen changes, comments and
//! order stay. Pure; whoever calls this checks the text before it is written.

use hale_model::config::{Mode, ProviderKind};
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

/// What a person chose. None: as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choices {
    /// `[ai] enabled`
    pub ai_enabled: Option<bool>,
    /// The model that is asked first.
    pub provider: Option<ProviderChoice>,
    /// `[general] mode`
    pub mode: Option<Mode>,
    /// `[notifications] desktop`
    pub desktop: Option<bool>,
    /// `[notifications] webhook_url`; empty: none.
    pub webhook_url: Option<String>,
    /// `[ai.google] client_id`
    pub google_client_id: Option<String>,
}

/// The provider that is asked first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProviderChoice {
    /// Which API.
    pub kind: ProviderKind,
    /// None: as it is, or the provider's usual one.
    pub model: Option<String>,
    /// None: as it is, or the provider's own address.
    pub base_url: Option<String>,
    /// Name of the key; none: as it is, or the provider's usual one.
    pub key_env: Option<String>,
    /// Whether a key is kept along with this choice. At an address of one's own a key is used only where
    /// its name is written, so it is written then.
    pub has_key: bool,
}

/// The configuration with the choices in it.
///
/// # Errors
/// The text is no TOML, or a section that must change is not a table.
pub fn with_choices(text: &str, choices: &Choices) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|e: toml_edit::TomlError| {
        let line = e.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
        format!("line {line}: {}", e.message())
    })?;
    let root = document.as_table_mut();
    if let Some(mode) = choices.mode {
        set(section(root, "general")?, "mode", mode.as_str());
    }
    if let Some(enabled) = choices.ai_enabled
        && (!enabled || root.get("ai").and_then(|ai| ai.get("enabled")).is_some())
    {
        set(section(root, "ai")?, "enabled", enabled);
    }
    if let Some(provider) = &choices.provider {
        ask_first(section(root, "ai")?, provider)?;
    }
    if let Some(client_id) = &choices.google_client_id {
        let ai = section(root, "ai")?;
        set(section(ai, "google")?, "client_id", client_id.as_str());
    }
    if let Some(desktop) = choices.desktop {
        set(section(root, "notifications")?, "desktop", desktop);
    }
    if let Some(url) = &choices.webhook_url {
        set(section(root, "notifications")?, "webhook_url", url.as_str());
    }
    Ok(document.to_string())
}

/// The table of this name, made if missing. One that is written inline becomes a section.
fn section<'a>(table: &'a mut Table, name: &str) -> Result<&'a mut Table, String> {
    if !table.contains_key(name) {
        let mut made = Table::new();
        // Its header appears once it holds a key of its own.
        made.set_implicit(true);
        table.insert(name, Item::Table(made));
    }
    let wrong = || format!("`{name}` is not a section; correct it with `hale config edit`");
    let item = table.get_mut(name).ok_or_else(wrong)?;
    if item.is_inline_table() {
        let inline = std::mem::take(item);
        *item = Item::Table(inline.into_table().map_err(|_| wrong())?);
    }
    item.as_table_mut().ok_or_else(wrong)
}

/// Sets a value and keeps the comment behind the old one.
fn set(table: &mut Table, key: &str, new: impl Into<toml_edit::Value>) {
    let mut new = new.into();
    if let Some(old) = table.get(key).and_then(Item::as_value) {
        *new.decor_mut() = old.decor().clone();
    }
    table.set_implicit(false);
    table[key] = value(new);
}

/// Puts the chosen provider at the head of the chain; one of the same API and address is changed, the
/// others follow in their order. A chain that was never written is the shipped one and gives way.
fn ask_first(ai: &mut Table, choice: &ProviderChoice) -> Result<(), String> {
    let wrong = || "`ai.providers` is not a list of tables; correct it with `hale config edit`";
    let item = ai.remove("providers").unwrap_or_else(|| ArrayOfTables::new().into());
    let written = item.into_array_of_tables().map_err(|_| wrong())?;
    let mut positions: Vec<Option<isize>> = written.iter().map(Table::position).collect();
    let mut tables: Vec<Table> = written.into_iter().collect();
    let mut first = match tables.iter().position(|table| is_of(table, choice)) {
        Some(index) => tables.remove(index),
        None => {
            // Shares the place of the one that was first; of two with one place the first stays first.
            positions.insert(0, positions.first().copied().flatten());
            let mut table = Table::new();
            table["provider"] = value(choice.kind.as_str());
            table
        }
    };
    let own_address = |table: &Table| {
        let written = table.get("base_url").and_then(Item::as_str).unwrap_or_default();
        !choice.base_url.as_deref().unwrap_or(written).is_empty()
    };
    let named =
        first.get("api_key_env").and_then(Item::as_str).is_some_and(|name| !name.is_empty());
    let must_name = choice.has_key && !named && own_address(&first);
    let key_env = choice.key_env.as_deref().or(must_name.then_some(choice.kind.key_name()));
    let usual = choice.kind.model().unwrap_or_default();
    let model = choice.model.as_deref().or((!first.contains_key("model")).then_some(usual));
    for (key, text) in
        [("model", model), ("api_key_env", key_env), ("base_url", choice.base_url.as_deref())]
    {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            set(&mut first, key, text);
        }
    }
    let mut chain = ArrayOfTables::new();
    for (mut table, position) in std::iter::once(first).chain(tables).zip(positions) {
        table.set_position(position);
        chain.push(table);
    }
    ai.insert("providers", Item::ArrayOfTables(chain));
    Ok(())
}

fn is_of(table: &Table, choice: &ProviderChoice) -> bool {
    let text = |key: &str| table.get(key).and_then(Item::as_str).unwrap_or_default();
    let kind = text("provider");
    let same_kind =
        kind == choice.kind.as_str() || kind.is_empty() && choice.kind == ProviderKind::default();
    let same_place = choice
        .base_url
        .as_deref()
        .is_none_or(|url| text("base_url").trim_end_matches('/') == url.trim_end_matches('/'));
    same_kind && same_place
}

/// The lines that go and come, as `- …` and `+ …`; addresses of webhooks are secrets and are cut.
pub fn difference(before: &str, after: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let same_head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[same_head..], &new[same_head..]);
    let same_tail = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[..old.len() - same_tail], &new[..new.len() - same_tail]);
    // What stands on both sides between the first and the last change did not change.
    let gone = old.iter().filter(|line| !new.contains(line)).map(|line| format!("- {}", cut(line)));
    let come = new.iter().filter(|line| !old.contains(line)).map(|line| format!("+ {}", cut(line)));
    gone.chain(come).filter(|line| line.len() > 2).collect()
}

fn cut(line: &str) -> String {
    let is_webhook = line.trim_start().starts_with("webhook_url");
    match line.split_once("://").filter(|_| is_webhook) {
        Some((scheme, rest)) => {
            let host = rest.split(['/', '?', '"', '\'']).next().unwrap_or_default();
            format!("{scheme}://{host}/…\"")
        }
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

    use super::*;

    fn gemini() -> ProviderChoice {
        ProviderChoice { kind: ProviderKind::Gemini, ..ProviderChoice::default() }
    }

    #[test]
    fn an_empty_file_gets_only_what_was_chosen() {
        let choices = Choices {
            provider: Some(gemini()),
            mode: Some(Mode::Approve),
            webhook_url: Some("https://hooks.example/T1".to_owned()),
            google_client_id: Some("abc.apps.example".to_owned()),
            ..Choices::default()
        };
        insta::assert_snapshot!(with_choices("", &choices).unwrap(), @r#"
        [general]
        mode = "approve"

        [[ai.providers]]
        provider = "gemini"
        model = "gemini-2.5-flash"

        [ai.google]
        client_id = "abc.apps.example"

        [notifications]
        webhook_url = "https://hooks.example/T1"
        "#);
    }

    #[test]
    fn comments_and_all_else_stay_and_the_chosen_provider_goes_first() {
        let before = "# mine\n[general]\nmode = \"observe\" # for now\n\n[ai]\ncooldown_secs = 9\n\n\
            # the big one\n[[ai.providers]]\nprovider = \"anthropic\"\nmodel = \"claude-x\" # dear\n\n\
            [[ai.providers]]\nprovider = \"ollama\"\nmodel = \"qwen3:8b\"\n\n[server]\nlisten = \"\"\n";
        let choices = Choices {
            provider: Some(ProviderChoice {
                kind: ProviderKind::Ollama,
                model: Some("llama3:8b".to_owned()),
                ..ProviderChoice::default()
            }),
            mode: Some(Mode::Suggest),
            ..Choices::default()
        };
        let after = with_choices(before, &choices).unwrap();
        insta::assert_snapshot!(after, @r#"
        # mine
        [general]
        mode = "suggest" # for now

        [ai]
        cooldown_secs = 9

        [[ai.providers]]
        provider = "ollama"
        model = "llama3:8b"

        # the big one
        [[ai.providers]]
        provider = "anthropic"
        model = "claude-x" # dear

        [server]
        listen = ""
        "#);
        assert!(hale_model::config::parse(&after, "x").is_ok());
        // Again: nothing changes any more.
        assert_eq!(with_choices(&after, &choices).unwrap(), after);
        let new = Choices { provider: Some(gemini()), ..Choices::default() };
        let after = with_choices(before, &new).unwrap();
        let kinds: Vec<_> = hale_model::config::parse(&after, "x").unwrap().config.ai.providers;
        let kinds: Vec<_> = kinds.iter().map(|p| p.provider.as_str()).collect();
        assert_eq!(kinds, ["gemini", "anthropic", "ollama"], "{after}");
    }

    #[test]
    fn a_key_at_an_address_of_ones_own_is_written_by_its_name() {
        let provider = |base_url: &str, key_env: Option<&str>, has_key| ProviderChoice {
            kind: ProviderKind::OpenAi,
            base_url: Some(base_url.to_owned()).filter(|url| !url.is_empty()),
            key_env: key_env.map(str::to_owned),
            has_key,
            ..ProviderChoice::default()
        };
        let held =
            "[[ai.providers]]\nprovider = \"openai\"\nbase_url = \"https://llm.example/v1\"\n";
        let own = "https://llm.example/v1";
        for (before, choice, name) in [
            ("", provider(own, None, true), "OPENAI_API_KEY"),
            ("", provider(own, Some("LLM_KEY"), true), "LLM_KEY"),
            (held, provider("", None, true), "OPENAI_API_KEY"),
            // A server that wants no key, and a key at the provider's own address.
            ("", provider(own, None, false), ""),
            (held, provider("", None, false), ""),
            ("", provider("", None, true), ""),
        ] {
            let choices = Choices { provider: Some(choice), ..Choices::default() };
            let after = with_choices(before, &choices).unwrap();
            let config = hale_model::config::parse(&after, "x").unwrap().config;
            assert_eq!(config.ai.providers[0].api_key_env, name, "{after}");
        }
    }

    #[test]
    fn inline_forms_are_understood_and_wrong_ones_are_named() {
        let inline =
            "ai = { enabled = false, providers = [{ provider = \"openai\", model = \"m\" }] }\n";
        let choices =
            Choices { ai_enabled: Some(true), provider: Some(gemini()), ..Choices::default() };
        let after = with_choices(inline, &choices).unwrap();
        let config = hale_model::config::parse(&after, "x").unwrap().config;
        assert!(config.ai.enabled);
        assert_eq!(config.ai.providers.len(), 2, "{after}");
        assert_eq!(config.ai.providers[0].provider, ProviderKind::Gemini);
        assert!(with_choices("ai = 3\n", &choices).unwrap_err().contains("`ai` is not a section"));
        assert!(
            with_choices("[ai]\nproviders = 3\n", &choices).unwrap_err().contains("ai.providers")
        );
        assert!(with_choices("x = 1\ny = [\n", &choices).unwrap_err().starts_with("line "));
    }

    #[test]
    fn the_difference_shows_no_webhook() {
        let before = "a = 1\nb = 2\n";
        let after = "a = 1\nb = 3\nwebhook_url = \"https://hooks.example/T1/SECRET\"\n";
        assert_eq!(
            difference(before, after),
            ["- b = 2", "+ b = 3", "+ webhook_url = \"https://hooks.example/…\""]
        );
    }
}
