//! Takes rows apart into fields.
//!
//! A field is a range of bytes and a word on its quotes; nothing is copied:
//!
//! ```text
//! bytes     7 | " a | " " b " | \n
//! fields    0..1 plain, 3..8 escaped (the value is a|"b), 10..10 plain: an empty field
//! ```
//!
//! Rows end with `\n`, `\r\n` or the end of the file. What a field means is not decided here.

use super::Dialect;
use super::chunk::find_closing_quote;
use std::borrow::Cow;

/// Fields of a row, whatever a table has: a bound for lines that are no rows at all.
const FIELDS_MAX: usize = 100_000;

/// How a field was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quoting {
    /// Without quotes.
    Plain,
    /// Within quotes, nothing escaped.
    Quoted,
    /// Within quotes, with escapes to be removed.
    Escaped,
}

/// Where the text of a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    start: u32,
    end: u32,
    quoting: Quoting,
}

impl Field {
    /// The byte at which the text begins.
    pub(crate) fn start(self) -> usize {
        self.start as usize
    }

    /// Whether there is nothing, not even quotes.
    pub(crate) fn is_nothing(self) -> bool {
        self.start == self.end && self.quoting == Quoting::Plain
    }

    /// Whether the field is NULL.
    pub(crate) fn is_null(self, text: &str, dialect: &Dialect) -> bool {
        self.quoting == Quoting::Plain && self.raw(text) == dialect.null
    }

    /// The value, without its escapes.
    pub(crate) fn value<'a>(self, text: &'a str, dialect: &Dialect) -> Cow<'a, str> {
        let raw = self.raw(text);
        match self.quoting {
            Quoting::Plain | Quoting::Quoted => Cow::Borrowed(raw),
            Quoting::Escaped => Cow::Owned(unescape(raw, dialect)),
        }
    }

    fn raw(self, text: &str) -> &str {
        // Fields begin and end at ASCII bytes, so this is always a range of characters.
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

fn unescape(raw: &str, dialect: &Dialect) -> String {
    let (quote, escape) = (dialect.quote.map(char::from), char::from(dialect.escape));
    let mut value = String::with_capacity(raw.len());
    let mut chars = raw.chars().peekable();
    while let Some(ch) = chars.next() {
        let next = chars.peek().copied();
        if ch == escape && next.is_some() && (next == quote || next == Some(escape)) {
            chars.next();
            value.extend(next);
        } else {
            value.push(ch);
        }
    }
    value
}

/// What is wrong with the way a row is written, and at which byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) offset: usize,
    pub(crate) what: Mistake,
}

/// The mistakes that a row can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// A quote opens here and none closes it.
    UnterminatedQuote,
    /// There is text here, behind a closing quote.
    TextBehindQuote,
    /// A carriage return without line feed.
    LoneCarriageReturn,
    /// The row that begins here has more fields than any.
    TooManyFields,
}

/// Reads one row after the other. The bytes must be less than 4 GiB.
pub(crate) struct RowReader<'a> {
    bytes: &'a [u8],
    at: usize,
    dialect: &'a Dialect,
    ends_field: [bool; 256],
}

impl<'a> RowReader<'a> {
    /// Reads from byte `start`, where a row begins.
    pub(crate) fn new(bytes: &'a [u8], start: usize, dialect: &'a Dialect) -> Self {
        let mut ends_field = [false; 256];
        for byte in [dialect.delimiter, b'\n', b'\r'] {
            ends_field[usize::from(byte)] = true;
        }
        Self { bytes, at: start, dialect, ends_field }
    }

    /// The byte at which the next row begins.
    pub(crate) fn offset(&self) -> usize {
        self.at
    }

    /// Appends the fields of the next row; `false` if there is none.
    pub(crate) fn next_row(&mut self, fields: &mut Vec<Field>) -> Result<bool, Malformed> {
        if self.at >= self.bytes.len() {
            return Ok(false);
        }
        let (start, known) = (self.at, fields.len());
        loop {
            if fields.len() - known >= FIELDS_MAX {
                return self.fail(start, Mistake::TooManyFields);
            }
            let field = if self.dialect.quote.is_some() && self.peek() == self.dialect.quote {
                self.quoted()?
            } else {
                self.plain()
            };
            fields.push(field);
            match self.peek() {
                Some(byte) if byte == self.dialect.delimiter => self.at += 1,
                Some(b'\n') => {
                    self.at += 1;
                    return Ok(true);
                }
                Some(b'\r') => match self.bytes.get(self.at + 1) {
                    Some(b'\n') | None => {
                        self.at = self.bytes.len().min(self.at + 2);
                        return Ok(true);
                    }
                    Some(_) => return self.fail(self.at, Mistake::LoneCarriageReturn),
                },
                Some(_) => return self.fail(self.at, Mistake::TextBehindQuote),
                None => return Ok(true),
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn plain(&mut self) -> Field {
        let start = self.at;
        let rest = &self.bytes[start..];
        let length = rest.iter().position(|byte| self.ends_field[usize::from(*byte)]);
        self.at += length.unwrap_or(rest.len());
        Field { start: start as u32, end: self.at as u32, quoting: Quoting::Plain }
    }

    fn quoted(&mut self) -> Result<Field, Malformed> {
        let (quote, escape) = (self.bytes[self.at], self.dialect.escape);
        let start = self.at + 1;
        let Some(close) = find_closing_quote(self.bytes, start, quote, escape) else {
            return Err(Malformed { offset: self.at, what: Mistake::UnterminatedQuote });
        };
        let text = &self.bytes[start..close];
        // A quote within the text has an escape before it, too.
        let quoting = match memchr::memchr(escape, text) {
            Some(_) => Quoting::Escaped,
            None => Quoting::Quoted,
        };
        self.at = close + 1;
        Ok(Field { start: start as u32, end: close as u32, quoting })
    }

    fn fail<T>(&self, offset: usize, what: Mistake) -> Result<T, Malformed> {
        Err(Malformed { offset, what })
    }
}
