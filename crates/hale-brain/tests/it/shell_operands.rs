//! The shell guard: operands that the shell evaluates as code, and variables and options that load it.

use hale_brain::decide::shell::judge;
use hale_model::action::Risk;
use proptest::prelude::*;

use crate::shell::judge_file;

#[test]
fn every_operand_and_hook_has_its_level() {
    judge_file("operands.tsv", 680);
}

/// Places where the shell expands a text a second time. `{}` is the code.
const PLACES: [&str; 24] = [
    "printf -v 'a[$({})]' x",
    "declare 'a[$({})]=1'",
    "declare -i k='a[$({})]'",
    "declare -i k; k='a[$({})]'",
    "export 'a[$({})]=1'",
    "let 'a[$({})]=1'",
    "read 'a[$({})]'",
    "unset 'a[$({})]'",
    "test -v 'a[$({})]'",
    "[ -v 'a[$({})]' ]",
    "[[ -v 'a[$({})]' ]]",
    "[[ 'a[$({})]' -eq 1 ]]",
    "x='a[$({})]'; echo $((x))",
    "x='a[$({})]'; (( x ))",
    "x='a[$({})]'; y=x; s=abc; echo ${s:y}",
    "n='a[$({})]'; echo ${!n}",
    "mapfile -C '{};' lines < f",
    "compgen -W '$({})'",
    "complete -C '{}' x",
    "PS4='$({})'; set -x",
    "PROMPT_COMMAND='{}'",
    "wait -p 'a[$({})]'",
    "make -n --eval='$(shell {})'",
    "dc -e '!{}'",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// No such place makes code cheaper than it is, whatever stands around it.
    #[test]
    fn a_second_expansion_does_not_lower_its_code(
        place in prop::sample::select(PLACES.to_vec()),
        code in prop::sample::select(vec![
            ("rm -rf /etc", Risk::Deny),
            ("rm -rf /srv/shop", Risk::Critical),
            ("dd if=/dev/zero of=/dev/sda", Risk::Deny),
            ("touch /srv/app/flag", Risk::Warning),
        ]),
        around in "[a-z]{0,8}",
    ) {
        let (code, least) = code;
        let line = format!("true {around}; {}; true", place.replace("{}", code));
        prop_assert!(judge(&line).risk >= least, "{}", line);
    }

    /// Pieces of operands in any order have a verdict, and always the same.
    #[test]
    fn any_operands_have_a_verdict(pieces in prop::collection::vec(prop::sample::select(vec![
        "printf -v ", "declare -i ", "read ", "let ", "[[ -v ", " ]]", "a[", "]", "=", "$(", ")", "'", "\"", "`",
        "x", "${!x}", "$((", "))", "${a[", "}", "PATH=", ":", "/tmp", ".", " ls", ";", "x='a[$((x))]'", "\\$",
    ]), 0..20)) {
        let text = pieces.concat();
        prop_assert_eq!(judge(&text), judge(&text));
    }
}
