//! Log messages with their changing parts left out.

/// Longest template in bytes.
pub(super) const MAX_TEMPLATE_BYTES: usize = 200;
/// A word of hexadecimal digits this long is an id.
const MIN_HEX_DIGITS: usize = 6;

/// The message with numbers, hexadecimal ids, addresses and quoted text replaced by `*`.
pub(super) fn template(message: &str) -> String {
    let mut text = String::with_capacity(message.len().min(MAX_TEMPLATE_BYTES));
    for word in message.split_whitespace() {
        if !text.is_empty() {
            text.push(' ');
        }
        mask(word, &mut text);
        if text.len() > MAX_TEMPLATE_BYTES {
            break;
        }
    }
    hale_model::text::shorten(&text, MAX_TEMPLATE_BYTES)
}

fn mask(word: &str, out: &mut String) {
    let is_part = |c: char| c.is_alphanumeric();
    let mut rest = word;
    while let Some(c) = rest.chars().next() {
        let end = if is_part(c) {
            rest.find(|c| !is_part(c)).unwrap_or(rest.len())
        } else {
            c.len_utf8()
        };
        let (token, after) = rest.split_at(end);
        if is_variable(token) {
            // A run of variables with marks between (an address, a time) is one.
            let joined = out.ends_with("*:") || out.ends_with("*.") || out.ends_with("*-");
            if joined {
                out.pop();
            } else if !out.ends_with('*') {
                out.push('*');
            }
        } else {
            out.push_str(token);
        }
        rest = after;
    }
}

fn is_variable(token: &str) -> bool {
    let digits = token.chars().filter(char::is_ascii_digit).count();
    if digits == 0 {
        return token.len() >= 2 * MIN_HEX_DIGITS && token.chars().all(|c| c.is_ascii_hexdigit());
    }
    let hex = token.strip_prefix("0x").unwrap_or(token);
    digits == token.len()
        || hex.chars().all(|c| c.is_ascii_hexdigit())
        || (token.len() >= MIN_HEX_DIGITS && digits * 3 >= token.len())
        || token.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_messages_have_one_template() {
        for (message, expected) in [
            (
                "Failed password for root from 10.0.0.7 port 4711",
                "Failed password for root from * port *",
            ),
            ("request 7f3a9c12 took 15ms", "request * took *"),
            ("at 0xffffffff81234567: oops", "at *: oops"),
            ("2026-11-21T08:00:01 disk sda1 error", "* disk sda1 error"),
            ("id=550e8400-e29b-41d4-a716-446655440000 gone", "id=* gone"),
            ("no figures here", "no figures here"),
            ("", ""),
        ] {
            assert_eq!(template(message), expected, "{message}");
        }
    }
}
