//! Deceptive Unicode: what is shown to a person is not what a shell runs, or the reverse.
//!
//! Look-alike letters are judged as what they pretend to be, hidden characters are taken out.

use hale_model::action::Risk;

use super::machine::Machine;

/// The command as a person reads it.
pub(super) fn unmask(command: &str, machine: &mut Machine) -> String {
    if command.is_ascii() {
        return command.to_owned();
    }
    let mut hidden = false;
    let mut out = String::with_capacity(command.len());
    for c in command.chars() {
        match c {
            // Bidirectional controls reorder what is shown.
            '\u{202A}'..='\u{202E}'
            | '\u{2066}'..='\u{2069}'
            | '\u{200E}'
            | '\u{200F}'
            | '\u{061C}' => {
                hidden = true;
                machine.hit(
                    "shell.unicode.bidi",
                    Risk::Critical,
                    "bidirectional controls show the command in another order than it runs",
                    "type the command anew",
                );
            }
            // Invisible: they split a name in two for a filter, not for a reader.
            '\u{200B}'..='\u{200D}'
            | '\u{2060}'..='\u{2064}'
            | '\u{FEFF}'
            | '\u{00AD}'
            | '\u{034F}'
            | '\u{180E}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{E0000}'..='\u{E007F}' => hidden = true,
            '\u{00A0}'
            | '\u{2000}'..='\u{200A}'
            | '\u{202F}'
            | '\u{205F}'
            | '\u{3000}'
            | '\u{1680}' => out.push(' '),
            other => out.push(latin(other).unwrap_or(other)),
        }
    }
    if hidden {
        machine.hit(
            "shell.unicode.hidden",
            Risk::Warning,
            "invisible characters",
            "type the command anew",
        );
    }
    out
}

/// The ASCII character that this one looks like.
fn latin(c: char) -> Option<char> {
    let code = u32::from(c);
    // Full-width forms.
    if (0xFF01..=0xFF5E).contains(&code) {
        return char::from_u32(code - 0xFEE0);
    }
    // Mathematical alphabets: 13 of 52 letters each.
    if (0x1D400..=0x1D6A3).contains(&code) {
        let offset = (code - 0x1D400) % 52;
        let base =
            if offset < 26 { u32::from(b'A') + offset } else { u32::from(b'a') + offset - 26 };
        return char::from_u32(base);
    }
    if (0x1D7CE..=0x1D7FF).contains(&code) {
        return char::from_u32(u32::from(b'0') + (code - 0x1D7CE) % 10);
    }
    if (0x24D0..=0x24E9).contains(&code) {
        return char::from_u32(u32::from(b'a') + code - 0x24D0);
    }
    let plain = match c {
        'а' | 'ɑ' | 'α' | 'ạ' => 'a',
        'Ь' | 'ь' | 'ƅ' => 'b',
        'с' | 'ϲ' | 'ⅽ' | 'ƈ' => 'c',
        'ԁ' | 'ɗ' | 'ⅾ' => 'd',
        'е' | 'ҽ' | 'ẹ' | 'ė' => 'e',
        'ƒ' => 'f',
        'ɡ' | 'ց' => 'g',
        'һ' | 'հ' => 'h',
        'і' | 'ı' | 'ɩ' | 'ι' | 'ⅰ' => 'i',
        'ј' | 'ϳ' => 'j',
        'κ' | 'к' => 'k',
        'ӏ' | 'ⅼ' | 'ǀ' | 'ļ' => 'l',
        'м' | 'ⅿ' | 'ṃ' | 'ɱ' => 'm',
        'ո' | 'п' | 'ռ' => 'n',
        'о' | 'ο' | 'օ' | 'ọ' => 'o',
        'р' | 'ρ' => 'p',
        'ԛ' | 'զ' => 'q',
        'г' | 'ᴦ' | 'ɾ' | 'ṛ' | 'ř' | 'ŗ' => 'r',
        'ѕ' | 'ꜱ' | 'ṣ' => 's',
        'т' | 'τ' | 'ṭ' => 't',
        'υ' | 'ս' | 'ʋ' | 'ụ' => 'u',
        'ν' | 'ѵ' | 'ⅴ' | 'ṿ' => 'v',
        'ѡ' | 'ԝ' | 'ա' => 'w',
        'х' | 'χ' | 'ⅹ' | '×' => 'x',
        'у' | 'ү' | 'γ' | 'ყ' => 'y',
        'ᴢ' | 'ʐ' => 'z',
        'А' | 'Α' => 'A',
        'В' | 'Β' => 'B',
        'С' => 'C',
        'Е' | 'Ε' => 'E',
        'Н' | 'Η' => 'H',
        'І' | 'Ι' => 'I',
        'К' | 'Κ' => 'K',
        'М' | 'Μ' => 'M',
        'О' | 'Ο' => 'O',
        'Р' | 'Ρ' => 'P',
        'Ѕ' => 'S',
        'Т' | 'Τ' => 'T',
        'Х' | 'Χ' => 'X',
        'У' | 'Υ' => 'Y',
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' | '﹣' => '-',
        '∕' | '⁄' | '⧸' | '╱' | '⟋' => '/',
        '․' => '.',
        '∗' | '⁎' | '＊' => '*',
        '¦' | '∣' | '⏐' | '❘' => '|',
        ';' => ';',
        '‚' => ',',
        '：' | '∶' | '꞉' => ':',
        '˜' | '∼' => '~',
        '＇' => '\'',
        _ => return None,
    };
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_alike_is_read_as_what_it_pretends_to_be() {
        let mut machine = Machine::new();
        for (deceptive, plain) in [
            ("ｒｍ", "rm"),
            ("𝐫𝐦 −rf", "rm -rf"),
            ("rm\u{a0}-rf\u{2003}/", "rm -rf /"),
            ("r\u{200b}m", "rm"),
            ("ѕudо", "sudo"),
            ("grün", "grün"),
        ] {
            assert_eq!(unmask(deceptive, &mut machine), plain);
        }
    }
}
