//! Integer arithmetic of the shell, as far as it is constant: `$((…))`, offsets, array indices.
//!
//! Assignments inside an expression are not carried out; what cannot be computed is `None`.

/// Deepest nesting of parentheses.
const NESTING_MAX: u32 = 32;

/// The value of a constant expression. `lookup` gives the value of a variable.
pub fn evaluate(expression: &str, lookup: &dyn Fn(&str) -> Option<i64>) -> Option<i64> {
    let mut parser = Parser { rest: expression, lookup, nesting: 0 };
    let value = parser.comma()?;
    parser.blanks();
    parser.rest.is_empty().then_some(value)
}

struct Parser<'a> {
    rest: &'a str,
    lookup: &'a dyn Fn(&str) -> Option<i64>,
    nesting: u32,
}

/// Operators by precedence, loosest first.
const LEVELS: [&[&str]; 10] = [
    &["||"],
    &["&&"],
    &["|"],
    &["^"],
    &["&"],
    &["==", "!="],
    &["<=", ">=", "<", ">"],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
];

impl Parser<'_> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, token: &str) -> bool {
        self.blanks();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn comma(&mut self) -> Option<i64> {
        let mut value = self.conditional()?;
        while self.eat(",") {
            value = self.conditional()?;
        }
        Some(value)
    }

    fn conditional(&mut self) -> Option<i64> {
        self.nesting += 1;
        if self.nesting > NESTING_MAX {
            return None;
        }
        let condition = self.level(0)?;
        let value = if self.eat("?") {
            let yes = self.conditional()?;
            if !self.eat(":") {
                return None;
            }
            let no = self.conditional()?;
            if condition != 0 { yes } else { no }
        } else {
            condition
        };
        self.nesting -= 1;
        Some(value)
    }

    fn operator(&mut self, level: usize) -> Option<&'static str> {
        self.blanks();
        let found = LEVELS.get(level)?.iter().find(|op| self.rest.starts_with(**op))?;
        let after = self.rest.get(found.len()..)?;
        // `&` is not `&&`, `<` not `<<`, and `**` is handled with the powers.
        let doubled = found.len() == 1 && after.starts_with(*found) && "&|<>*".contains(*found);
        if doubled {
            return None;
        }
        self.rest = after;
        Some(found)
    }

    fn level(&mut self, level: usize) -> Option<i64> {
        if level == LEVELS.len() {
            return self.power();
        }
        let mut left = self.level(level + 1)?;
        while let Some(operator) = self.operator(level) {
            let right = self.level(level + 1)?;
            left = apply(operator, left, right)?;
        }
        Some(left)
    }

    fn power(&mut self) -> Option<i64> {
        let base = self.unary()?;
        if self.eat("**") {
            let exponent = self.power()?;
            return base.checked_pow(u32::try_from(exponent).ok()?);
        }
        Some(base)
    }

    fn unary(&mut self) -> Option<i64> {
        self.nesting += 1;
        if self.nesting > NESTING_MAX {
            return None;
        }
        let value = if self.eat("-") {
            self.unary()?.checked_neg()
        } else if self.eat("+") {
            self.unary()
        } else if self.eat("!") {
            self.unary().map(|v| i64::from(v == 0))
        } else if self.eat("~") {
            self.unary().map(|v| !v)
        } else if self.eat("(") {
            let value = self.comma()?;
            self.eat(")").then_some(value)
        } else {
            self.atom()
        };
        self.nesting -= 1;
        value
    }

    fn atom(&mut self) -> Option<i64> {
        self.blanks();
        let end = self
            .rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '#' | '@')))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end)?;
        let first = word.chars().next()?;
        self.rest = rest;
        if first.is_ascii_digit() { number(word) } else { (self.lookup)(word) }
    }
}

/// Decimal, `0x`, octal with a leading 0, `base#digits`.
fn number(word: &str) -> Option<i64> {
    if let Some((base, digits)) = word.split_once('#') {
        let base = base.parse().ok().filter(|b| (2..=36).contains(b))?;
        return i64::from_str_radix(digits, base).ok();
    }
    if let Some(hex) = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        return i64::from_str_radix(hex, 16).ok();
    }
    match word.strip_prefix('0') {
        Some(octal) if !octal.is_empty() => i64::from_str_radix(octal, 8).ok(),
        _ => word.parse().ok(),
    }
}

fn apply(operator: &str, a: i64, b: i64) -> Option<i64> {
    let truth = |held: bool| Some(i64::from(held));
    match operator {
        "||" => truth(a != 0 || b != 0),
        "&&" => truth(a != 0 && b != 0),
        "|" => Some(a | b),
        "^" => Some(a ^ b),
        "&" => Some(a & b),
        "==" => truth(a == b),
        "!=" => truth(a != b),
        "<=" => truth(a <= b),
        ">=" => truth(a >= b),
        "<" => truth(a < b),
        ">" => truth(a > b),
        "<<" => a.checked_shl(u32::try_from(b).ok()?),
        ">>" => a.checked_shr(u32::try_from(b).ok()?),
        "+" => a.checked_add(b),
        "-" => a.checked_sub(b),
        "*" => a.checked_mul(b),
        "/" => a.checked_div(b),
        "%" => a.checked_rem(b),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::evaluate;

    #[test]
    fn constants_are_computed() {
        let lookup = |name: &str| (name == "x").then_some(5);
        for (expression, expected) in [
            ("1+2*3", Some(7)),
            ("(1+2)*3", Some(9)),
            ("2**10", Some(1024)),
            ("0x72", Some(114)),
            ("8#162", Some(114)),
            ("0162", Some(114)),
            ("x<<1", Some(10)),
            ("1 ? 2 : 3", Some(2)),
            ("-x + 6", Some(1)),
            ("1 && 0 || 1", Some(1)),
            ("9/0", None),
            ("y", None),
            ("1+", None),
            ("9223372036854775807+1", None),
        ] {
            assert_eq!(evaluate(expression, &lookup), expected, "{expression}");
        }
        assert_eq!(evaluate(&"(".repeat(5000), &lookup), None);
    }
}
