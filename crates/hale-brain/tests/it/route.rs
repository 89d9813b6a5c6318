//! What the router understands, and what it must not: sentences as people say them, in three
//! languages (`fixtures/sentences`), and the intents' own examples.

use std::collections::{BTreeMap, BTreeSet};

use hale_brain::route::{
    CONFIDENCE_MIN, HostFacts, PackageManager, Reason, Routed, built_in_problems, detect_language,
    intents, route,
};
use hale_model::config::Language;

/// A Debian machine with the usual programs.
pub fn debian() -> HostFacts {
    let tools =
        ["git", "docker", "sudo", "curl", "file", "nmcli", "ufw", "lsof", "nft", "smartctl"];
    HostFacts {
        os_id: "debian".to_owned(),
        package_manager: Some(PackageManager::Apt),
        has_systemd: true,
        is_root: false,
        tools: tools.map(str::to_owned).into(),
        shell: "bash".to_owned(),
        ..HostFacts::default()
    }
}

fn intent_of(sentence: &str, host: &HostFacts) -> Option<String> {
    match route(sentence, host) {
        Routed::Plan(plan) => Some(plan.intent),
        Routed::Unknown(_) => None,
    }
}

fn rows(text: &str) -> Vec<(&str, &str)> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once('\t').expect("an intent, a tab and a sentence"))
        .collect()
}

fn held() -> Vec<(&'static str, &'static str)> {
    let mut held = rows(include_str!("../../../../fixtures/sentences/held_a.tsv"));
    held.extend(rows(include_str!("../../../../fixtures/sentences/held_b.tsv")));
    held.extend(rows(include_str!("../../../../fixtures/sentences/held_c.tsv")));
    held.extend(rows(include_str!("../../../../fixtures/sentences/held_d.tsv")));
    held
}

#[test]
fn built_in_words_and_intents_have_no_problems() {
    let problems: Vec<String> = built_in_problems().iter().map(ToString::to_string).collect();
    assert_eq!(problems, Vec::<String>::new());
}

#[test]
fn there_are_many_intents_each_with_its_own_id() {
    let intents = intents();
    let ids: BTreeSet<&str> = intents.iter().map(|intent| intent.id.as_str()).collect();
    assert_eq!(ids.len(), intents.len(), "an id stands twice");
    assert!(ids.len() >= 150, "{}", ids.len());
}

#[test]
fn every_example_is_understood_as_its_own_intent() {
    let host = debian();
    let mut wrong = Vec::new();
    for intent in intents() {
        for language in [Language::En, Language::Fr, Language::Ko] {
            for example in intent.examples.of(language) {
                let found = intent_of(example, &host);
                if found.as_deref() != Some(intent.id.as_str()) {
                    wrong.push(format!("{example}: {found:?}, not {}", intent.id));
                }
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn held_sentences_are_understood_and_none_is_taken_for_another() {
    let host = debian();
    let (mut right, mut missed, mut wrong) = (0, Vec::new(), Vec::new());
    for (intent, sentence) in held() {
        match intent_of(sentence, &host) {
            Some(found) if found == intent => right += 1,
            Some(found) => wrong.push(format!("{sentence}: {found}, not {intent}")),
            None => missed.push(sentence),
        }
    }
    println!("held sentences: {right} right, {} missed, {} wrong", missed.len(), wrong.len());
    assert_eq!(wrong, Vec::<String>::new(), "a wrong plan is worse than none");
    let all = right + missed.len();
    assert!(right * 100 >= all * 98, "{right} of {all}; missed: {missed:#?}");
}

#[test]
fn every_intent_has_held_sentences_in_three_languages() {
    let mut seen: BTreeMap<&str, (usize, BTreeSet<String>)> = BTreeMap::new();
    for (intent, sentence) in held() {
        let entry = seen.entry(intent).or_default();
        entry.0 += 1;
        entry.1.insert(format!("{:?}", detect_language(sentence)));
    }
    let thin: Vec<String> = intents()
        .into_iter()
        .filter(|intent| {
            let of_this = seen.get(intent.id.as_str());
            of_this.is_none_or(|(count, languages)| *count < 3 || languages.len() < 2)
        })
        .map(|intent| intent.id)
        .collect();
    assert_eq!(thin, Vec::<String>::new());
}

#[test]
fn what_is_outside_negated_conditional_or_twofold_gets_no_plan() {
    let host = debian();
    let sentences = rows(include_str!("../../../../fixtures/sentences/unknown.tsv"));
    assert!(sentences.len() >= 60);
    let planned: Vec<String> = sentences
        .iter()
        .filter_map(|(_, sentence)| {
            intent_of(sentence, &host).map(|intent| format!("{sentence}: {intent}"))
        })
        .collect();
    assert_eq!(planned, Vec::<String>::new());
}

#[test]
fn what_only_talks_about_a_change_changes_nothing() {
    let host = debian();
    let sentences = rows(include_str!("../../../../fixtures/sentences/told.tsv"));
    assert!(sentences.len() >= 200);
    let planned: Vec<String> = sentences
        .iter()
        .filter_map(|(_, sentence)| match route(sentence, &host) {
            Routed::Plan(plan) if plan.changes => Some(format!("{sentence}: {:?}", plan.steps)),
            Routed::Plan(_) | Routed::Unknown(_) => None,
        })
        .collect();
    assert_eq!(planned, Vec::<String>::new());
}

#[test]
fn the_same_words_are_an_order_or_none() {
    let host = debian();
    for (order, told) in [
        ("redémarre le serveur", "le serveur redémarre"),
        ("supprime /tmp/a.log", "qui a supprime /tmp/a.log"),
        ("supprime /tmp/a.log", "j'ai supprimé /tmp/a.log"),
        ("arrête nginx", "nginx s'arrête"),
        ("tu peux redémarrer nginx ?", "peut-on redémarrer nginx ?"),
        ("crée un utilisateur marie", "on a créé un utilisateur marie"),
        ("shut down the server", "the server shut down"),
        ("can you kill 4321?", "can I kill 4321?"),
        ("I want to restart nginx", "do I want to restart nginx"),
        ("delete /tmp/a.log please", "it deletes /tmp/a.log"),
        ("서버 재부팅해줘", "서버가 재부팅돼"),
        ("nginx 종료해줘", "nginx 종료됨"),
        ("nginx를 재시작", "nginx가 재시작"),
        ("nginx 재시작해 주실 수 있나요?", "nginx 재시작할 수 있나요?"),
    ] {
        let plan = |sentence: &str| match route(sentence, &host) {
            Routed::Plan(plan) => Ok(plan.changes),
            Routed::Unknown(unknown) => Err(unknown.reason),
        };
        assert_eq!(plan(order), Ok(true), "{order}");
        assert_ne!(plan(told), Ok(true), "{told}");
    }
    let Routed::Unknown(unknown) = route("the server shut down", &host) else { panic!("a plan") };
    assert_eq!(unknown.reason, Reason::NoOrder);
}

#[test]
fn recently_is_the_last_day_in_every_language() {
    let host = debian();
    for sentence in ["recent errors", "erreurs récentes", "최근 에러 보여줘", "any errors"]
    {
        let Routed::Plan(plan) = route(sentence, &host) else { panic!("{sentence}: no plan") };
        assert_eq!(
            plan.steps[0].command, "journalctl --no-pager -p err --since '1 day ago' -n 100",
            "{sentence}"
        );
    }
}

#[test]
fn whoever_is_not_understood_is_told_what_is_near() {
    let Routed::Unknown(unknown) = route("montre l'espace disque de la lune", &debian()) else {
        panic!("the moon has no disk");
    };
    assert_eq!(unknown.language, Language::Fr);
    assert_eq!(unknown.reason, Reason::Words(vec!["lune".to_owned()]));
    assert_eq!(
        unknown.reason.sentence(unknown.language),
        "aucune demande connue de hale n'emploie `lune` ici"
    );
    assert_eq!(unknown.nearest.len(), 3);
    assert!(unknown.nearest.iter().any(|near| near.intent == "disk.usage"), "{unknown:?}");
    let Routed::Unknown(nothing) = route("xyzzy plugh", &debian()) else { panic!("a plan") };
    assert!(nothing.nearest.is_empty(), "{nothing:?}");
}

#[test]
fn a_missing_program_or_value_is_named() {
    let mut bare = debian();
    bare.tools.clear();
    let reason = |sentence: &str| match route(sentence, &bare) {
        Routed::Unknown(unknown) => unknown.reason,
        Routed::Plan(plan) => panic!("{plan:?}"),
    };
    assert_eq!(reason("list docker containers"), Reason::MissingTool("docker, podman".to_owned()));
    assert_eq!(reason("ping"), Reason::MissingValue("host".to_owned()));
    assert_eq!(reason(""), Reason::Empty);
    assert_eq!(reason(&"show disk usage ".repeat(60)), Reason::TooLong);
    assert_eq!(reason(&"a ".repeat(100)), Reason::TooLong);
}

#[test]
fn languages_are_told_apart() {
    for (sentence, language) in [
        ("show disk usage", Language::En),
        ("nginx", Language::En),
        ("montre les processus", Language::Fr),
        ("affiche la charge du serveur", Language::Fr),
        ("nginx 로그 보여줘", Language::Ko),
        ("search files containing \"로그\"", Language::En),
    ] {
        assert_eq!(detect_language(sentence), language, "{sentence}");
    }
}

#[test]
fn mistakes_in_typing_are_forgiven() {
    let host = debian();
    for (sentence, intent) in [
        ("shwo disk usage", "disk.usage"),
        ("show the runing proceses", "process.list"),
        ("restrat nginx", "service.restart"),
        ("list instaled packges", "package.list_installed"),
        ("quels conteneurs tournnent", "container.list"),
        ("afiche les procesus", "process.list"),
        ("프로새스 목록 보여줘", "process.list"),
        ("nginx 재시적해줘", "service.restart"),
    ] {
        assert_eq!(intent_of(sentence, &host).as_deref(), Some(intent), "{sentence}");
    }
}

#[test]
fn a_guess_is_less_sure_and_never_below_the_floor() {
    let sure = |sentence: &str| match route(sentence, &debian()) {
        Routed::Plan(plan) => plan.confidence,
        Routed::Unknown(unknown) => panic!("{sentence}: {unknown:?}"),
    };
    assert!(sure("shwo disk usage") < sure("show disk usage"));
    assert!(sure("shwo disk usage") >= CONFIDENCE_MIN);
}

#[test]
fn names_known_on_the_machine_need_no_word_beside_them() {
    let mut host = debian();
    assert_eq!(intent_of("restart shopfront", &host), None, "any word could be a service");
    host.units.insert("shopfront".to_owned());
    assert_eq!(intent_of("restart shopfront", &host).as_deref(), Some("service.restart"));
    assert_eq!(intent_of("redémarre shopfront", &host).as_deref(), Some("service.restart"));
}
