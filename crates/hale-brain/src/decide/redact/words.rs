//! The lists of words that redaction judges by. They are data (`rules/redact/words.toml`); this names
//! them, so that a list that is missing, or that nobody asks for, is found by a test.

use std::collections::{BTreeMap, HashSet};
use std::sync::LazyLock;

/// The longest word of the lists.
const WORD_BYTES_MAX: usize = 64;

macro_rules! lists {
    ($($list:ident $name:literal,)*) => {
        /// A list of words.
        #[derive(Clone, Copy, Debug)]
        pub(super) enum List {
            $($list,)*
        }

        /// The lists' names in the file, in the order of [`List`].
        const NAMES: &[&str] = &[$($name,)*];
    };
}

lists! {
    StdinReaders "stdin_readers",
    HostRoles "host_roles",
    HostPlaces "host_places",
    NamedThings "named_things",
    VersionedRoles "versioned_roles",
    BeforeMachines "before_machines",
    BehindMachines "behind_machines",
    AddressVerbs "address_verbs",
    ResetRoutes "reset_routes",
    TwoWordNames "two_word_names",
    AnsibleStates "ansible_states",
    Links "links",
    TellingLinks "telling_links",
    Directives "directives",
    ValueWords "value_words",
    HostNameKeys "host_name_keys",
    OptionRests "option_rests",
    AuthSchemes "auth_schemes",
    AuthProofs "auth_proofs",
    CookieAttributes "cookie_attributes",
    Passwords "passwords",
    PasswordEnds "password_ends",
    NoPasswords "no_passwords",
    Tokens "tokens",
    TokenEnds "token_ends",
    SecretKeyWords "secret_key_words",
    OpenKeyWords "open_key_words",
    Tails "tails",
    Sessions "sessions",
    HostKeys "host_keys",
    RandomKeys "random_keys",
    WellKnownHosts "well_known_hosts",
    CodeRoots "code_roots",
    NoHosts "no_hosts",
    RegionParts "region_parts",
    Units "units",
    LoginPrograms "login_programs",
    Nobody "nobody",
    LogLevels "log_levels",
    HostWords "host_words",
    LocalFiles "local_files",
    RegionAreas "region_areas",
    OpenHosts "open_hosts",
    RepositoryAccounts "repository_accounts",
    Accounts "accounts",
    WebFiles "web_files",
    KnownPrograms "known_programs",
    ProxyWords "proxy_words",
    AlgorithmOwners "algorithm_owners",
    VersionWords "version_words",
    VersionHints "version_hints",
    VersionTails "version_tails",
    VersionStages "version_stages",
    PackageEnds "package_ends",
    SectionWords "section_words",
    FirmwareParts "firmware_parts",
    Products "products",
    AddressWords "address_words",
    MacWords "mac_words",
    NameParts "name_parts",
    Homes "homes",
    StopWords "stop_words",
    FileEnds "file_ends",
    PlaceholderStarts "placeholder_starts",
    InsertHereStarts "insert_here_starts",
    InsertHere "insert_here",
    NoHostSchemes "no_host_schemes",
    ProseWords "prose_words",
    ProseTerms "prose_terms",
    NetNamed "net_named",
    NetAs "net_as",
    NamesOfThings "names_of_things",
    AccessWords "access_words",
}

#[derive(Default)]
struct Words {
    set: HashSet<&'static [u8]>,
    all: Vec<&'static str>,
}

static LISTS: LazyLock<Vec<Words>> = LazyLock::new(|| {
    static FILE: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
        toml::from_str(include_str!("../../../../../rules/redact/words.toml")).unwrap_or_default()
    });
    let words = |name: &&str| {
        let all: Vec<&str> =
            FILE.get(*name).map(|text| text.split_ascii_whitespace().collect()).unwrap_or_default();
        Words { set: all.iter().map(|word| word.as_bytes()).collect(), all }
    };
    NAMES.iter().map(words).collect()
});

impl List {
    /// Whether the word is in the list, in upper or lower case.
    pub fn has(self, word: &str) -> bool {
        let mut lower = [0u8; WORD_BYTES_MAX];
        let Some(lower) = lower.get_mut(..word.len()) else { return false };
        lower.copy_from_slice(word.as_bytes());
        lower.make_ascii_lowercase();
        LISTS.get(self as usize).is_some_and(|words| words.set.contains(&*lower))
    }

    /// Every word, in lower case.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        LISTS.get(self as usize).into_iter().flat_map(|words| words.all.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_is_in_the_file_and_every_list_of_the_file_is_known() {
        let text = include_str!("../../../../../rules/redact/words.toml");
        let file: BTreeMap<String, String> = toml::from_str(text).unwrap_or_default();
        let mut names = NAMES.to_vec();
        names.sort_unstable();
        assert_eq!(file.keys().map(String::as_str).collect::<Vec<_>>(), names);
        for (name, words) in &file {
            assert_eq!(words, &words.to_ascii_lowercase(), "{name}");
            assert!(words.split_ascii_whitespace().all(|w| w.len() <= WORD_BYTES_MAX), "{name}");
        }
    }
}
