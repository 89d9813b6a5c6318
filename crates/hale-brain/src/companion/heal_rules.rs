//! The healing rules as data: read once from the files that are part of hale.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use hale_model::config::Language;
use regex::Regex;
use serde::Deserialize;

use super::choose;
use crate::route::{HostFacts, PackageManager};

const FILES: &[(&str, &str)] = &[
    ("rules/heal/programs.toml", include_str!("../../../../rules/heal/programs.toml")),
    ("rules/heal/permissions.toml", include_str!("../../../../rules/heal/permissions.toml")),
    ("rules/heal/network.toml", include_str!("../../../../rules/heal/network.toml")),
    ("rules/heal/packages.toml", include_str!("../../../../rules/heal/packages.toml")),
    ("rules/heal/services.toml", include_str!("../../../../rules/heal/services.toml")),
    ("rules/heal/git.toml", include_str!("../../../../rules/heal/git.toml")),
    ("rules/heal/containers.toml", include_str!("../../../../rules/heal/containers.toml")),
    ("rules/heal/files.toml", include_str!("../../../../rules/heal/files.toml")),
];
const PROGRAMS: &str = include_str!("../../../../rules/heal/program_packages.toml");

/// A text in every language.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Phrase {
    en: String,
    fr: String,
    ko: String,
}

impl Phrase {
    pub(super) fn in_language(&self, language: Language) -> &str {
        choose(language, &self.en, &self.fr, &self.ko)
    }

    pub(super) fn retry() -> &'static Phrase {
        static RETRY: LazyLock<Phrase> = LazyLock::new(|| Phrase {
            en: "once more what failed".to_owned(),
            fr: "de nouveau ce qui a échoué".to_owned(),
            ko: "실패한 명령을 다시 실행".to_owned(),
        });
        &RETRY
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    rule: Vec<RawRule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    id: String,
    #[serde(default)]
    exit: Vec<i32>,
    output: Option<String>,
    command: Option<String>,
    #[serde(default)]
    derive: BTreeMap<String, String>,
    explain: Phrase,
    #[serde(default)]
    remedy: Vec<Remedy>,
}

/// One way to go on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Remedy {
    /// On what machines; all of these must hold.
    #[serde(default)]
    pub(super) when: String,
    /// What to run.
    #[serde(default)]
    pub(super) steps: Vec<RemedyStep>,
    /// Whether the failed command is run again behind the steps.
    #[serde(default)]
    pub(super) retry: bool,
    /// Whether the last step does what the failed command should have done.
    #[serde(default)]
    pub(super) completes: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RemedyStep {
    pub(super) command: String,
    pub(super) why: Phrase,
}

/// A failure that is known.
pub(super) struct Rule {
    pub(super) id: String,
    /// Only these exit codes; none named: any.
    pub(super) exit: Vec<i32>,
    /// What stands in the output.
    pub(super) output: Option<Regex>,
    /// What the command looks like.
    pub(super) command: Option<Regex>,
    /// Further values: name, `how:from`.
    pub(super) derive: BTreeMap<String, String>,
    pub(super) explain: Phrase,
    pub(super) remedies: Vec<Remedy>,
}

/// Which package brings a program where it is not named like it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Package {
    apt: Option<String>,
    dnf: Option<String>,
    pacman: Option<String>,
    zypper: Option<String>,
    apk: Option<String>,
}

#[derive(Default)]
pub(super) struct HealKnowledge {
    pub(super) rules: Vec<Rule>,
    packages: BTreeMap<String, Package>,
    problems: Vec<String>,
}

impl HealKnowledge {
    /// The package that brings a program, where hale knows it.
    pub(super) fn package_of(&self, program: &str, host: &HostFacts) -> Option<String> {
        let known = self.packages.get(program)?;
        let name = match host.package_manager? {
            PackageManager::Apt => &known.apt,
            PackageManager::Dnf => &known.dnf,
            PackageManager::Pacman => &known.pacman,
            PackageManager::Zypper => &known.zypper,
            PackageManager::Apk => &known.apk,
        };
        name.clone()
    }
}

pub(super) fn knowledge() -> &'static HealKnowledge {
    static KNOWLEDGE: LazyLock<HealKnowledge> = LazyLock::new(load);
    &KNOWLEDGE
}

/// What is wrong with the rules that are part of hale; nothing, as a test proves.
#[cfg(test)]
pub(super) fn problems() -> &'static [String] {
    &knowledge().problems
}

fn load() -> HealKnowledge {
    let mut all = HealKnowledge::default();
    for (path, text) in FILES {
        match toml::from_str::<File>(text) {
            Ok(file) => {
                for raw in file.rule {
                    let id = raw.id.clone();
                    match rule(raw) {
                        Ok(rule) => all.rules.push(rule),
                        Err(error) => all.problems.push(format!("{path}: {id}: {error}")),
                    }
                }
            }
            Err(error) => all.problems.push(format!("{path}: {error}")),
        }
    }
    match toml::from_str(PROGRAMS) {
        Ok(packages) => all.packages = packages,
        Err(error) => all.problems.push(format!("program_packages.toml: {error}")),
    }
    all
}

fn rule(raw: RawRule) -> Result<Rule, regex::Error> {
    let compiled = |pattern: Option<String>| pattern.map(|p| Regex::new(&p)).transpose();
    Ok(Rule {
        id: raw.id,
        exit: raw.exit,
        output: compiled(raw.output)?,
        command: compiled(raw.command)?,
        derive: raw.derive,
        explain: raw.explain,
        remedies: raw.remedy,
    })
}
