//! Rows of comma-separated values (RFC 4180, one row a line) as they come from outside: where the
//! value is, and what is wrong with a row that has none.

use thiserror::Error;

/// The column that is scored.
const VALUE_COLUMN: &str = "value";
/// The column that is added.
const SCORE_COLUMN: &str = "anomaly_score";
/// Characters of a field that an error repeats.
const SHOWN_CHARS: usize = 40;

/// What the first line says: which column holds the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    value_column: usize,
}

/// Why a first line is no header for us.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum HeaderError {
    /// No column of that name.
    #[error("the header has no column `{VALUE_COLUMN}`: it is `{header}`")]
    NoValue {
        /// The first line, shortened.
        header: String,
    },
    /// There is such a column already.
    #[error("the input has a column `{SCORE_COLUMN}` already")]
    Scored,
}

/// Why a row has no value.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RowError {
    /// Too few fields.
    #[error("no field in column {column} (`{VALUE_COLUMN}`)")]
    Missing {
        /// Counted from 1.
        column: usize,
    },
    /// Not a number.
    #[error("`{field}` is not a finite number")]
    NotANumber {
        /// The field, shortened.
        field: String,
    },
}

/// One row without its line end.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a>(pub &'a [u8]);

impl Header {
    /// Reads the first line; names are matched without regard to case, quotes and a byte order mark.
    ///
    /// # Errors
    /// There is nothing to score, or it has been done.
    pub fn read(line: Row<'_>) -> Result<Self, HeaderError> {
        let line = Row(line.0.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line.0));
        let names: Vec<String> = line.fields().map(|f| unquoted(f).to_ascii_lowercase()).collect();
        if names.iter().any(|name| name == SCORE_COLUMN) {
            return Err(HeaderError::Scored);
        }
        let column = names.iter().position(|name| name == VALUE_COLUMN);
        column
            .map(|value_column| Header { value_column })
            .ok_or_else(|| HeaderError::NoValue { header: shown(line.0) })
    }

    /// The name of the column that is added.
    pub fn score_column(self) -> &'static str {
        SCORE_COLUMN
    }

    /// The value of a row.
    ///
    /// # Errors
    /// It has none that is a finite number.
    pub fn value(self, row: Row<'_>) -> Result<f64, RowError> {
        let field = row
            .fields()
            .nth(self.value_column)
            .ok_or(RowError::Missing { column: self.value_column + 1 })?;
        let number = unquoted(field).parse::<f64>().ok().filter(|number| number.is_finite());
        number.ok_or_else(|| RowError::NotANumber { field: shown(field) })
    }
}

impl<'a> Row<'a> {
    /// The fields as they stand, quotes and all: joined with commas they are the row.
    pub fn fields(self) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = Some(self.0);
        std::iter::from_fn(move || {
            let text = rest?;
            let mut quoted = false;
            let comma = text.iter().position(|&byte| {
                quoted ^= byte == b'"';
                byte == b',' && !quoted
            });
            let (field, after) = match comma {
                Some(at) => (text.get(..at)?, text.get(at + 1..)),
                None => (text, None),
            };
            rest = after;
            Some(field)
        })
    }
}

/// The text of a field, without quotes and the white space around it; `""` within quotes is one.
fn unquoted(field: &[u8]) -> String {
    let text = String::from_utf8_lossy(field);
    let text = text.trim();
    match text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\"").trim().to_owned(),
        None => text.to_owned(),
    }
}

fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut short: String = text.chars().take(SHOWN_CHARS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    hale_model::text::printable(&short)
}
