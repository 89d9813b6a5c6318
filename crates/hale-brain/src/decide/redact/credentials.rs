//! Credentials alone: what people of this machine read and pass on keeps its addresses and names, and loses what
//! opens doors.

use super::{Kind, Redactor, settle};

impl Redactor {
    /// Replaces credentials by placeholders such as `<secret-1>` and leaves everything else as it is.
    pub fn mask_credentials(&mut self, text: &str) -> String {
        let mut found = self.found_in(text);
        let mut spans = settle(std::mem::take(&mut found.spans));
        spans.retain(|span| span.kind == Kind::Secret);
        self.replace(text, &spans)
    }
}

#[cfg(test)]
mod tests {
    use super::super::KnownSecrets;
    use super::*;

    #[test]
    fn what_opens_doors_goes_and_the_rest_stays() {
        let mask = |text: &str| Redactor::new(KnownSecrets::default()).mask_credentials(text);
        for (text, expected) in [
            (
                "backup --password=Tr0ub4dor-horse --host db.corp.example 10.0.0.7",
                "backup --password=<secret-1> --host db.corp.example 10.0.0.7",
            ),
            ("RSS 412 MiB, 180 MiB more than 60 s ago", "RSS 412 MiB, 180 MiB more than 60 s ago"),
            ("mail from ann@example.org on 2026-01-27", "mail from ann@example.org on 2026-01-27"),
            ("login with password=hunter2hunter2 failed", "login with password=<secret-1> failed"),
        ] {
            assert_eq!(mask(text), expected);
        }
        let token = format!("ghp_{}", "a1B2c3D4e5F6".repeat(3));
        assert_eq!(mask(&format!("git push https://x:{token}@host/r")).find(&token), None);
    }
}
