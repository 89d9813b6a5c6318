//! Who a name belongs to, and which one a number means: `processes of bob`, `process 1234`.

use super::names::Names;
use super::tokens::Token;

impl Names<'_> {
    /// Whether something belongs to who is named here: `processes of bob`, `les groupes de bob`,
    /// `bob's groups`, `bob의 그룹`, `bob이 속한 그룹`.
    pub(super) fn belongs_to(&self, at: usize, what: &'static str) -> bool {
        let is_what = |token: &Token| self.lexicon.concept(what).is_some_and(|what| token.is(what));
        let plural =
            |token: &Token| is_what(token) && matches!(&*token.folded, "groups" | "groupes");
        let light = |token: &&Token| self.soft.is_some_and(|soft| token.is(soft));
        let (before, after) = (&self.tokens[..at], &self.tokens[at + 1..]);
        let of = before.last().is_some_and(|token| {
            !token.quoted && matches!(&*token.folded, "of" | "by" | "de" | "d")
        });
        let said = before.iter().rev().find(|token| !light(token));
        let next = after.iter().find(|token| !light(token));
        if of && said.is_some_and(is_what) {
            return true;
        }
        if before.last().is_some_and(plural) || next.is_some_and(plural) {
            return true;
        }
        let member = |token: &Token| self.concepts(&["member"]).any(|concept| token.is(concept));
        // A particle behind a Latin name may have been read as the word that it also is.
        let particle = after.first().filter(|token| token.folded == "이" && token.hangul);
        let tail =
            particle.map_or(self.tokens[at].tail.as_str(), |particle| particle.folded.as_str());
        match tail {
            "의" => next.is_some_and(is_what),
            "가" | "이" => next.is_some_and(member) && after.iter().any(is_what),
            _ => false,
        }
    }

    /// `bob's password`, `le mot de passe de bob`.
    pub(super) fn has_password(&self, at: usize) -> bool {
        let next = self.tokens.get(at + 1);
        let password = |token: &Token| self.concepts(&["password"]).any(|c| token.is(c));
        self.belongs_to(at, "password") || next.is_some_and(password)
    }

    /// `commits by bob`, `what bob owns`: whoever did it or has it.
    pub(super) fn is_author(&self, at: usize) -> bool {
        let owned = self.concepts(&["owner"]).any(|c| self.tokens[..at].iter().any(|t| t.is(c)));
        self.belongs_to(at, "commit") || (owned && self.is_behind(at, &["by"]))
    }

    /// `add redis to docker`: a program, where nothing says that it is an account.
    pub(super) fn is_no_account(&self, at: usize, software: &[String]) -> bool {
        let is_program = software.iter().any(|kind| kind == "daemon" || kind == "program");
        let says_so =
            self.says("group") || self.says("user") || software.iter().any(|k| k == "group");
        is_program && self.says("add") && !says_so && !self.tokens[at].quoted
    }

    /// `change the owner of /srv to bob`, `소유자를 bob으로`, `remove bob from the docker group`.
    pub(super) fn is_moved(&self, at: usize) -> bool {
        let becomes = self.is_behind(at, &["to", "en"])
            || ["로", "으로"].contains(&self.tokens[at].tail.as_str());
        let next = self.tokens.get(at + 1);
        let leaves = next.is_some_and(|word| matches!(&*word.folded, "from" | "du" | "des"));
        (becomes && self.says("owner")) || (leaves && self.says("delete"))
    }

    /// The word for users, which is also the name of a group.
    pub(super) fn is_users(&self, at: usize) -> bool {
        self.concepts(&["user"]).any(|user| self.tokens[at].is(user))
    }

    /// Whether one of these words stands right before.
    pub(super) fn is_behind(&self, at: usize, words: &[&str]) -> bool {
        let before = at.checked_sub(1).and_then(|before| self.tokens.get(before));
        before.is_some_and(|word| !word.quoted && words.contains(&word.folded.as_str()))
    }

    /// Whether a word for that is in the sentence.
    pub(super) fn says(&self, name: &str) -> bool {
        let concept = self.lexicon.concept(name);
        concept.is_some_and(|concept| self.tokens.iter().any(|token| token.is(concept)))
    }

    /// `when did bob last log in`.
    pub(super) fn logged_in(&self, at: usize) -> bool {
        let before = at.checked_sub(1).and_then(|before| self.tokens.get(before));
        let asked = before.is_some_and(|word| matches!(&*word.folded, "did" | "has" | "does"));
        let login = |token: &Token| self.concepts(&["login"]).any(|concept| token.is(concept));
        asked && self.tokens[at + 1..].iter().any(login)
    }

    /// `minsu를 docker 그룹에 추가`: who is put somewhere carries the object's particle.
    pub(super) fn is_put_in_a_group(&self, at: usize) -> bool {
        let says = |name: &str| {
            let concept = self.lexicon.concept(name);
            concept.is_some_and(|c| self.tokens[at + 1..].iter().any(|token| token.is(c)))
        };
        ["를", "을"].contains(&self.tokens[at].tail.as_str()) && says("group") && says("add")
    }

    /// Whether a number says which one is meant, not how many: `process 1234`, `1234번 프로세스`.
    pub(super) fn designates(&self, at: usize) -> bool {
        let Some(token) = self.tokens.get(at) else { return false };
        let singular = ["process", "processus", "pid", "port", "id", "version", "프로세스", "포트"];
        let before = at.checked_sub(1).and_then(|before| self.tokens.get(before));
        let of_one =
            |token: &Token| self.concepts(&["process", "pid", "port"]).any(|c| token.is(c));
        let named = before.is_some_and(|word| singular.contains(&word.folded.as_str()));
        let ordinal = token.tail.starts_with("번째");
        ordinal
            || (named && !token.hangul)
            || token.tail.starts_with("번") && self.tokens.get(at + 1).is_some_and(of_one)
    }
}
