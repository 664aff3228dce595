//! A CSV file in chunks that end where a row ends.
//!
//! Rows can then be taken apart by several threads at once, and no more than a few chunks are in
//! memory. Where a row ends depends on all quotes before it, so one thread looks ahead for them; it
//! hops from quote to quote, which is far quicker than taking rows apart:
//!
//! ```text
//! file    1,"a\nb"\n2,c\n3,"d\n        chunk 1    1,"a\nb"\n2,c\n
//!                                      the rest   3,"d\n…           begins the next chunk
//! ```
//!
//! A quote opens a quoted stretch only as the first byte of a field; elsewhere it is text. This is
//! also how [`super::row`] reads it, so that both agree on every row end.

use super::Dialect;
use crate::error::{Error, Result};
use memchr::{memchr, memchr_iter, memchr2, memrchr};
use starfact_base::Error as BaseError;
use starfact_base::limits::STRING_BYTES_MAX;
use std::io::Read;
use std::sync::Arc;

/// Bytes of a chunk, unless one row has more.
pub(crate) const CHUNK_BYTES: usize = 1 << 20;
/// Bytes of the longest row.
const ROW_BYTES_MAX: usize = 128 << 20;
/// Bytes of the longest quoted field: each byte of the value may have an escape before it.
const QUOTED_BYTES_MAX: usize = 2 * STRING_BYTES_MAX + 2;

/// Whole rows of a file, from byte `start` of `bytes`.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) bytes: Vec<u8>,
    pub(crate) start: usize,
    /// The line, from 1, in which `bytes` begins.
    first_line: u64,
}

impl Chunk {
    /// The line of a byte.
    pub(crate) fn line_of(&self, offset: usize) -> u64 {
        let before = &self.bytes[..offset.min(self.bytes.len())];
        self.first_line + memchr_iter(b'\n', before).count() as u64
    }

    /// Whether no row is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.start >= self.bytes.len()
    }
}

/// Reads a file chunk by chunk.
pub(crate) struct Chunks {
    file: Arc<str>,
    source: Box<dyn Read + Send>,
    dialect: Dialect,
    chunk_bytes: usize,
    /// What was read but belongs to the next chunk.
    rest: Vec<u8>,
    /// The line in which `rest` begins.
    line: u64,
    is_at_start: bool,
    is_at_end: bool,
}

/// How far a look ahead came.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    /// Where the last complete row ends, behind its line feed; 0 if none does.
    rows_end: usize,
    /// Where a quote opens that is not closed.
    open_quote: Option<usize>,
}

impl Chunks {
    /// Reads from `source`, which messages call `file`.
    pub(crate) fn new(file: Arc<str>, source: Box<dyn Read + Send>, dialect: Dialect) -> Self {
        Self {
            file,
            source,
            dialect,
            chunk_bytes: CHUNK_BYTES,
            rest: Vec::new(),
            line: 1,
            is_at_start: true,
            is_at_end: false,
        }
    }

    /// The same reader with chunks of another size.
    #[cfg(test)]
    pub(super) fn with_chunk_bytes(mut self, chunk_bytes: usize) -> Self {
        self.chunk_bytes = chunk_bytes;
        self
    }

    /// The same reader for a file whose first lines were read by another.
    #[cfg(test)]
    pub(super) fn with_line(mut self, line: u64) -> Self {
        self.line = line;
        self
    }

    #[cfg(test)]
    pub(super) fn dialect(&self) -> Dialect {
        self.dialect.clone()
    }

    /// The next chunk; `None` at the end of the file.
    ///
    /// # Errors
    /// What the operating system says; a row without end.
    pub(crate) fn next(&mut self) -> Result<Option<Chunk>> {
        let mut bytes = std::mem::take(&mut self.rest);
        let mut wanted = self.chunk_bytes;
        loop {
            self.fill(&mut bytes, wanted)?;
            if self.is_at_start {
                self.is_at_start = false;
                skip_byte_order_mark(&self.file, &mut bytes)?;
            }
            if self.is_at_end {
                return Ok((!bytes.is_empty()).then(|| self.chunk(bytes)));
            }
            let found = find_rows_end(&bytes, &self.dialect);
            if found.rows_end > 0 {
                self.rest = bytes.split_off(found.rows_end);
                return Ok(Some(self.chunk(bytes)));
            }
            self.check_length(&bytes, found.open_quote)?;
            wanted = bytes.len().saturating_mul(2);
        }
    }

    fn chunk(&mut self, bytes: Vec<u8>) -> Chunk {
        let first_line = self.line;
        self.line += memchr_iter(b'\n', &bytes).count() as u64;
        Chunk { bytes, start: 0, first_line }
    }

    fn fill(&mut self, bytes: &mut Vec<u8>, wanted: usize) -> Result<()> {
        let missing = wanted.saturating_sub(bytes.len());
        bytes.reserve(missing);
        let read = self.source.by_ref().take(missing as u64).read_to_end(bytes);
        let read = read.map_err(|error| BaseError::io("read", &*self.file, error))?;
        self.is_at_end = read < missing;
        Ok(())
    }

    /// Refuses to look for the end of a row for ever.
    fn check_length(&self, bytes: &[u8], open_quote: Option<usize>) -> Result<()> {
        if let Some(open) = open_quote
            && bytes.len() - open > QUOTED_BYTES_MAX
        {
            let line = self.line + memchr_iter(b'\n', &bytes[..open]).count() as u64;
            let limit = STRING_BYTES_MAX >> 20;
            return Err(Error::sql(format!(
                "{}, line {line}: a quoted field begins here and has not ended after {limit} MiB",
                self.file
            ))
            .with_hint("is its closing quote missing? QUOTE '' reads quotes as text"));
        }
        if bytes.len() > ROW_BYTES_MAX {
            let limit = ROW_BYTES_MAX >> 20;
            return Err(Error::sql(format!(
                "{}, line {}: a row begins here and has not ended after {limit} MiB",
                self.file, self.line
            ))
            .with_hint("is this a CSV file?"));
        }
        Ok(())
    }
}

/// Removes the mark with which some programs begin UTF-8 files.
///
/// # Errors
/// Files that are UTF-16.
pub(super) fn skip_byte_order_mark(file: &str, bytes: &mut Vec<u8>) -> Result<()> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Error::sql(format!("{file}: this is UTF-16 text, not UTF-8"))
            .with_hint("convert it first, for example with iconv -f utf-16 -t utf-8"));
    }
    if bytes.starts_with(&[0xef, 0xbb, 0xbf]) {
        bytes.drain(..3);
    }
    Ok(())
}

/// Looks for the end of the last complete row.
fn find_rows_end(bytes: &[u8], dialect: &Dialect) -> Found {
    let mut rows_end = 0;
    // Start of the stretch outside quotes, and where to look for the next quote in it.
    let (mut plain, mut from) = (0, 0);
    if let Some(quote) = dialect.quote {
        while let Some(distance) = memchr(quote, &bytes[from..]) {
            let open = from + distance;
            let before = open.checked_sub(1).map(|idx| bytes[idx]);
            if !matches!(before, None | Some(b'\n')) && before != Some(dialect.delimiter) {
                from = open + 1;
                continue;
            }
            if let Some(end) = memrchr(b'\n', &bytes[plain..open]) {
                rows_end = plain + end + 1;
            }
            let Some(close) = find_closing_quote(bytes, open + 1, quote, dialect.escape) else {
                return Found { rows_end, open_quote: Some(open) };
            };
            (plain, from) = (close + 1, close + 1);
        }
    }
    if let Some(end) = memrchr(b'\n', &bytes[plain..]) {
        rows_end = plain + end + 1;
    }
    Found { rows_end, open_quote: None }
}

/// The quote that ends the field whose text begins at `at`.
pub(super) fn find_closing_quote(
    bytes: &[u8],
    mut at: usize,
    quote: u8,
    escape: u8,
) -> Option<usize> {
    loop {
        let found = at + memchr2(quote, escape, bytes.get(at..)?)?;
        let next = bytes.get(found + 1).copied();
        if bytes[found] == escape && matches!(next, Some(next) if next == quote || next == escape) {
            at = found + 2;
        } else if bytes[found] == quote {
            return Some(found);
        } else {
            at = found + 1;
        }
    }
}
