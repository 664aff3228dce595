//! How a CSV file is written: its delimiter, its quotes and its spelling of NULL.

use crate::error::{Error, Result};

/// The bytes that have a meaning in a CSV file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    /// Between the fields of a row.
    pub(crate) delimiter: u8,
    /// Around a field that holds delimiters, quotes or line ends; `None` if nothing is quoted.
    pub(crate) quote: Option<u8>,
    /// Before a quote within quotes; the quote itself if it is doubled.
    pub(crate) escape: u8,
    /// The text that means NULL where it stands without quotes.
    pub(crate) null: String,
}

impl Dialect {
    /// RFC 4180 with this delimiter: double quotes, doubled within quotes, and nothing for NULL.
    pub(crate) fn new(delimiter: u8) -> Self {
        Self { delimiter, quote: Some(b'"'), escape: b'"', null: String::new() }
    }

    /// Whether the quote is written twice to stand for itself.
    pub(crate) fn doubles_quotes(&self) -> bool {
        self.quote == Some(self.escape)
    }

    /// Checks that no byte has two meanings.
    ///
    /// # Errors
    /// Which two options are at odds.
    pub(crate) fn check(&self) -> Result<()> {
        let mut special = vec![("DELIMITER", self.delimiter)];
        if let Some(quote) = self.quote {
            special.push(("QUOTE", quote));
            if !self.doubles_quotes() {
                special.push(("ESCAPE", self.escape));
            }
        }
        for (idx, (name, byte)) in special.iter().enumerate() {
            if matches!(byte, b'\n' | b'\r') {
                return Err(Error::sql(format!("{name} cannot be a line end")));
            }
            if let Some((other, _)) = special[..idx].iter().find(|(_, used)| used == byte) {
                return Err(Error::sql(format!("{name} and {other} cannot be the same character")));
            }
            if self.null.as_bytes().contains(byte) {
                return Err(Error::sql(format!("the NULL text cannot contain the {name}")));
            }
        }
        if self.null.contains(['\n', '\r']) {
            return Err(Error::sql("the NULL text cannot contain a line end"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_may_have_two_meanings() {
        assert!(Dialect::new(b',').check().is_ok());
        let quote = Dialect { quote: Some(b'|'), ..Dialect::new(b'|') };
        assert!(quote.check().unwrap_err().message.contains("QUOTE and DELIMITER"));
        let null = Dialect { null: "a,b".into(), ..Dialect::new(b',') };
        assert!(null.check().unwrap_err().message.contains("DELIMITER"));
        assert!(Dialect::new(b'\n').check().is_err());
        let unquoted = Dialect { quote: None, ..Dialect::new(b'"') };
        assert!(unquoted.check().is_ok(), "without quotes, the default escape means nothing");
    }
}
