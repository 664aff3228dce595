//! Text one after the other with the lengths apart: what [`super::plain`] and [`super::zstd`]
//! share, which differ only in whether the bytes are compressed.

use super::set::TextSet;
use super::views::{Views, view};
use super::{Bounds, plain, zstd};
use crate::bytes::Reader;
use crate::compression::decompress;
use crate::integer::{Integers, Rows};
use crate::keys::KeySet;
use crate::lazy::Lazy;
use crate::selection::Selection;
use crate::types::Domain;
use arrow::buffer::Buffer;
use starfact_base::Corruption;
use starfact_base::limits::BLOCK_BYTES_MAX;

/// A node of text that is still to be cut into rows.
#[derive(Clone, Debug)]
pub(crate) struct StringsNode {
    rows: usize,
    lengths: Box<Integers>,
    /// Bytes of all rows together.
    total: usize,
    stored: Stored,
    /// Where the stored bytes begin in the block, for messages.
    position: usize,
    opened: Lazy<Strings>,
}

/// How the bytes lie in the block.
#[derive(Clone, Debug)]
enum Stored {
    Plain(Buffer),
    Zstd(Buffer),
}

impl StringsNode {
    /// Parses what follows the tag; the bytes themselves are a zstd frame if `compressed`.
    pub(super) fn parse(
        reader: &mut Reader,
        rows: usize,
        depth: usize,
        compressed: bool,
    ) -> Result<Self, Corruption> {
        let lengths = Box::new(Integers::parse(reader, rows, Domain::LENGTH, depth + 1)?);
        let position = reader.position();
        let total = reader.u32("bytes of text")? as usize;
        if total > BLOCK_BYTES_MAX {
            let expected = format!("at most {BLOCK_BYTES_MAX}");
            return Err(Corruption::new(position as u64, "bytes of text", expected, total));
        }
        let len = if compressed { reader.u32("compressed bytes")? as usize } else { total };
        let position = reader.position();
        let bytes = reader.take(len, "text")?;
        let stored = if compressed { Stored::Zstd(bytes) } else { Stored::Plain(bytes) };
        Ok(Self { rows, lengths, total, stored, position, opened: Lazy::default() })
    }

    /// The rows, decompressed and verified.
    pub(super) fn open(&self) -> Result<&Strings, Corruption> {
        self.opened.get_or_try(|| {
            let bytes = match &self.stored {
                Stored::Plain(bytes) => bytes.clone(),
                Stored::Zstd(frame) => decompress(frame.as_slice(), self.total, self.position)?,
            };
            let lengths: Vec<u32> = self.lengths.fetch(&Rows::Range(0..self.rows))?;
            Strings::new(&lengths, bytes, self.position)
        })
    }

    /// Clears the rows whose text is not in `set`. For a single text, only rows of its length are
    /// looked at.
    pub(super) fn filter(
        &self,
        set: &TextSet<'_>,
        selection: &mut Selection,
    ) -> Result<(), Corruption> {
        match set {
            TextSet::Nothing => {
                selection.clear_range(0..self.rows);
                return Ok(());
            }
            TextSet::Points(texts) => {
                let lengths = texts.iter().map(|text| text.len() as i128);
                self.lengths.filter(&KeySet::points(lengths.collect()), selection)?;
            }
            TextSet::Range { .. } | TextSet::Outside(_) | TextSet::Prefix(_) => {}
        }
        if selection.is_empty() {
            return Ok(());
        }
        let strings = self.open()?;
        for row in selection.indices() {
            if !set.contains(strings.get(row as usize)) {
                selection.clear(row as usize);
            }
        }
        Ok(())
    }

    pub(super) fn tree(&self) -> String {
        let name = match self.stored {
            Stored::Plain(_) => plain::NAME,
            Stored::Zstd(_) => zstd::NAME,
        };
        format!("{name}({})", self.lengths.tree())
    }
}

/// Rows of text in one buffer, verified to be UTF-8 that is cut between characters.
#[derive(Clone, Debug)]
pub(crate) struct Strings {
    /// One more than there are rows: row `i` lies from `starts[i]` up to `starts[i + 1]`.
    starts: Vec<u32>,
    bytes: Buffer,
}

impl Strings {
    /// Cuts `bytes`, which lie at `position` of the block, into rows of these lengths.
    pub(crate) fn new(lengths: &[u32], bytes: Buffer, position: usize) -> Result<Self, Corruption> {
        let damage = |at: usize, expected: &str, found: &str| {
            Corruption::new((position + at) as u64, "text", expected, found)
        };
        let sum: u64 = lengths.iter().map(|&len| u64::from(len)).sum();
        if sum != bytes.len() as u64 {
            let expected = format!("{sum} bytes, the sum of the lengths");
            return Err(damage(0, &expected, &bytes.len().to_string()));
        }
        let text = std::str::from_utf8(bytes.as_slice())
            .map_err(|error| damage(error.valid_up_to(), "UTF-8", "other bytes"))?;
        let mut starts = Vec::with_capacity(lengths.len() + 1);
        let mut end = 0;
        starts.push(end);
        for len in lengths {
            end += len;
            starts.push(end);
        }
        if !text.is_ascii() {
            let cut = starts.iter().find(|&&start| !text.is_char_boundary(start as usize));
            if let Some(&cut) = cut {
                return Err(damage(cut as usize, "the start of a character", "its middle"));
            }
        }
        Ok(Self { starts, bytes })
    }

    pub(crate) fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// The text of a row; nothing beyond the last row.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> &[u8] {
        let (start, end) = self.place(row);
        self.bytes.as_slice().get(start..end).unwrap_or_default()
    }

    #[inline]
    fn place(&self, row: usize) -> (usize, usize) {
        match self.starts.get(row..).unwrap_or_default() {
            [start, end, ..] => (*start as usize, *end as usize),
            _ => (0, 0),
        }
    }

    fn view(&self, row: usize) -> u128 {
        let (start, end) = self.place(row);
        view(self.bytes.as_slice().get(start..end).unwrap_or_default(), start)
    }

    pub(super) fn fetch(&self, rows: &Rows<'_>) -> Views {
        let views = match rows {
            Rows::Range(range) => range.clone().map(|row| self.view(row)).collect(),
            Rows::Indices(rows) => rows.iter().map(|&row| self.view(row as usize)).collect(),
        };
        self.views(views)
    }

    /// Views of rows of this text, from [`Strings::fetch`], with the buffer that they point into.
    pub(super) fn views(&self, views: Vec<u128>) -> Views {
        Views::new(views, self.bytes.clone())
    }

    /// The least and the greatest text of the selected rows, if there are any.
    pub(super) fn bounds(&self, selection: &Selection) -> Option<Bounds> {
        let mut bounds: Option<(&[u8], &[u8])> = None;
        for row in selection.indices() {
            let text = self.get(row as usize);
            let (min, max) = bounds.unwrap_or((text, text));
            bounds = Some((min.min(text), max.max(text)));
        }
        bounds.map(|(min, max)| (min.to_vec(), max.to_vec()))
    }

    /// The same, of a buffer that lives longer than any block.
    pub(crate) fn shared_views(&self, views: Vec<u128>) -> Views {
        Views::of_shared(views, self.bytes.clone())
    }

    /// The first row for whose text `is_before` is false; it is true up to there only.
    pub(crate) fn partition_point(&self, is_before: impl Fn(&[u8]) -> bool) -> usize {
        let (mut low, mut high) = (0, self.rows());
        while low < high {
            let middle = low.midpoint(high);
            match is_before(self.get(middle)) {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low
    }

    /// The views of all rows.
    pub(crate) fn all(&self) -> Vec<u128> {
        (0..self.rows()).map(|row| self.view(row)).collect()
    }
}
