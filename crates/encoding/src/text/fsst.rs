//! FSST: frequent substrings of up to eight bytes are codes of one byte (Boncz, Neumann and Leis,
//! *FSST: Fast Random Access String Compression*, VLDB 2020).
//!
//! ```text
//!   ┌─────┬─────────┬─────────────────────────┬───────┬───────┬───────────────┐
//!   │ tag │ symbols │ lengths: integer node   │ total │ bytes │ codes         │
//!   │ u8  │ above   │ of as many rows as this │ u32   │ u32   │ `bytes` bytes │
//!   └─────┴─────────┴─────────────────────────┴───────┴───────┴───────────────┘
//!    = 19             bytes of codes of a row   bytes of all texts, decoded
//! ```
//!
//! The table of symbols is that of [`symbols`]. Every row is decoded on its own, so single rows
//! cost no more than themselves, and a comparison stops at the first code that tells. Equality is
//! decided by decoding too, not by the codes of the constant: two writers may cut one text
//! differently.
//!
//! The table is trained and the codes are made by the crate `fsst-rs`; what it made is read back
//! before it is kept.

mod symbols;

use super::Bounds;
use super::set::TextSet;
use super::strings::Strings;
use super::views::Views;
use crate::bytes::{Reader, Writer};
use crate::integer::choose::simple;
use crate::integer::stats::Stats;
use crate::integer::{self, Integers, Rows};
use crate::keys::KeySet;
use crate::lazy::Lazy;
use crate::selection::Selection;
use crate::types::Domain;
use arrow::buffer::Buffer;
use fsst::Compressor;
use starfact_base::Corruption;
use starfact_base::limits::{BLOCK_BYTES_MAX, STRING_BYTES_MAX};
use std::cmp::Ordering;
use std::iter;
use std::ops::Bound;
use symbols::{SYMBOL_BYTES_MAX, Symbols};

pub(crate) const TAG: u8 = 19;
pub(crate) const NAME: &str = "fsst";
/// Bytes of codes of the longest text, every byte of which is escaped.
const CODES_MAX: Domain = Domain { min: 0, max: 2 * STRING_BYTES_MAX as i128 };

/// A table of symbols that was trained on some texts.
pub(super) struct Trained {
    compressor: Compressor,
    symbols: Symbols,
}

/// Texts as codes.
pub(super) struct Compressed {
    symbols: Symbols,
    lengths: Vec<u32>,
    total: usize,
    codes: Vec<u8>,
}

impl Trained {
    /// Finds symbols for texts like these.
    pub(super) fn on(texts: &[&[u8]]) -> Self {
        let compressor = Compressor::train(&texts.to_vec());
        let all: Vec<[u8; SYMBOL_BYTES_MAX]> =
            compressor.symbol_table().iter().map(|symbol| symbol.to_u64().to_le_bytes()).collect();
        let lengths = compressor.symbol_lengths().iter().map(|&len| usize::from(len));
        let symbols = all.iter().zip(lengths);
        let symbols =
            Symbols::new(symbols.map(|(symbol, len)| symbol.get(..len).unwrap_or_default()));
        Self { compressor, symbols }
    }

    /// The codes of texts; `None` if they are too many or not what they should be.
    pub(super) fn compress(&self, texts: &[&[u8]]) -> Option<Compressed> {
        let (mut codes, mut ends) = (Vec::new(), Vec::new());
        self.compressor
            .compress_bulk_into::<{ Compressor::DEFAULT_BULK_LANES }>(texts, &mut codes, &mut ends);
        if codes.len() > BLOCK_BYTES_MAX || ends.len() != texts.len() {
            return None;
        }
        let starts = iter::once(0).chain(ends.iter().copied());
        let lengths = ends.iter().zip(starts).map(|(end, start)| (end - start) as u32).collect();
        let total = texts.iter().map(|text| text.len()).sum();
        let compressed = Compressed { symbols: self.symbols.clone(), lengths, total, codes };
        compressed.holds(texts).then_some(compressed)
    }

    /// Bytes of the codes of `texts`, and of the table; `None` if there are no such codes.
    pub(super) fn measure(&self, texts: &[&[u8]]) -> Option<(usize, usize)> {
        let codes = self.compress(texts)?.codes.len();
        Some((codes, self.symbols.encoded_bytes()))
    }
}

impl Compressed {
    /// Whether the codes stand for these texts.
    fn holds(&self, texts: &[&[u8]]) -> bool {
        let mut rest = self.codes.as_slice();
        texts.iter().zip(&self.lengths).all(|(text, &len)| {
            let Some((codes, after)) = rest.split_at_checked(len as usize) else { return false };
            rest = after;
            self.symbols.compare(codes, text, 0) == Ok(Ordering::Equal)
        }) && rest.is_empty()
    }

    /// Where the node ends that begins at `position`.
    pub(super) fn estimate(&self, position: usize) -> usize {
        let lengths = Stats::of(&self.lengths).shape;
        let (_, end) = simple(position + 1 + self.symbols.encoded_bytes(), &lengths);
        end + 2 * size_of::<u32>() + self.codes.len()
    }

    pub(super) fn encode(&self, writer: &mut Writer) {
        writer.u8(TAG);
        self.symbols.encode(writer);
        integer::encode::encode_simple(&self.lengths, &Stats::of(&self.lengths), writer);
        writer.u32(self.total);
        writer.u32(self.codes.len());
        writer.extend(&self.codes);
    }
}

/// Rows of codes.
#[derive(Clone, Debug)]
pub(crate) struct Fsst {
    rows: usize,
    symbols: Symbols,
    lengths: Box<Integers>,
    /// Bytes of all texts together.
    total: usize,
    codes: Buffer,
    /// Where the codes begin in the block, for messages.
    position: usize,
    /// One more than there are rows: where the codes of a row begin, and those of the row before
    /// end.
    starts: Lazy<Vec<u32>>,
    opened: Lazy<Strings>,
}

impl Fsst {
    /// Parses what follows the tag.
    pub(super) fn parse(
        reader: &mut Reader,
        rows: usize,
        depth: usize,
    ) -> Result<Self, Corruption> {
        let symbols = Symbols::parse(reader)?;
        let lengths = Box::new(Integers::parse(reader, rows, CODES_MAX, depth + 1)?);
        let position = reader.position();
        let total = reader.u32("bytes of text")? as usize;
        let len = reader.u32("bytes of codes")? as usize;
        // No code stands for more than one symbol, so no more than this is ever allocated.
        let most = BLOCK_BYTES_MAX.min(len.saturating_mul(SYMBOL_BYTES_MAX));
        if total > most {
            let expected = format!("at most {most}");
            return Err(Corruption::new(position as u64, "bytes of text", expected, total));
        }
        let position = reader.position();
        let codes = reader.take(len, "codes of text")?;
        let (starts, opened) = (Lazy::default(), Lazy::default());
        Ok(Self { rows, symbols, lengths, total, codes, position, starts, opened })
    }

    fn starts(&self) -> Result<&[u32], Corruption> {
        let starts = self.starts.get_or_try(|| {
            let lengths: Vec<u32> = self.lengths.fetch(&Rows::Range(0..self.rows))?;
            let sum: u64 = lengths.iter().map(|&len| u64::from(len)).sum();
            if sum != self.codes.len() as u64 {
                let expected = format!("{sum} bytes, the sum of the lengths");
                let (at, found) = (self.position as u64, self.codes.len());
                return Err(Corruption::new(at, "codes of text", expected, found));
            }
            let mut end = 0;
            let ends = lengths.iter().map(|len| {
                end += len;
                end
            });
            Ok(iter::once(0).chain(ends).collect())
        })?;
        Ok(starts)
    }

    fn codes_of(&self, starts: &[u32], row: usize) -> &[u8] {
        let (start, end) = match starts.get(row..) {
            Some([start, end, ..]) => (*start as usize, *end as usize),
            _ => (0, 0),
        };
        self.codes.as_slice().get(start..end).unwrap_or_default()
    }

    /// All rows, decoded and verified.
    pub(super) fn open(&self) -> Result<&Strings, Corruption> {
        self.opened.get_or_try(|| self.decode(0..self.rows, self.total))
    }

    /// The texts of some rows, whose bytes are at most `bytes_max`.
    fn decode(
        &self,
        rows: impl ExactSizeIterator<Item = usize>,
        bytes_max: usize,
    ) -> Result<Strings, Corruption> {
        let starts = self.starts()?;
        let mut bytes = vec![0; bytes_max + SYMBOL_BYTES_MAX];
        let mut lengths = Vec::with_capacity(rows.len());
        let mut end = 0;
        for row in rows {
            let codes = self.codes_of(starts, row);
            let start = end;
            end = self.symbols.decode(codes, &mut bytes, start, self.position)?;
            lengths.push((end - start) as u32);
        }
        bytes.truncate(end);
        if bytes.capacity() / 2 > end {
            bytes.shrink_to_fit();
        }
        Strings::new(&lengths, Buffer::from_vec(bytes), self.position)
    }

    /// The text of `rows`, which the node has.
    pub(super) fn fetch(&self, rows: &Rows<'_>) -> Result<Views, Corruption> {
        let starts = self.starts()?;
        let bytes = |row: usize| self.codes_of(starts, row).len();
        let codes: usize = match rows {
            Rows::Range(range) => range.clone().map(bytes).sum(),
            Rows::Indices(rows) => rows.iter().map(|&row| bytes(row as usize)).sum(),
        };
        // All rows, or few over and over again.
        if codes >= self.codes.len() {
            return Ok(self.open()?.fetch(rows));
        }
        let bytes_max = codes * SYMBOL_BYTES_MAX;
        let strings = match rows {
            Rows::Range(range) => self.decode(range.clone(), bytes_max)?,
            Rows::Indices(rows) => self.decode(rows.iter().map(|&row| row as usize), bytes_max)?,
        };
        Ok(strings.views(strings.all()))
    }

    /// Clears the rows whose text is not in `set`. For single texts, only rows are looked at whose
    /// codes can stand for as many bytes.
    pub(super) fn filter(
        &self,
        set: &TextSet<'_>,
        selection: &mut Selection,
    ) -> Result<(), Corruption> {
        match set {
            TextSet::Nothing => selection.clear_range(0..self.rows),
            TextSet::Points(texts) => {
                let lengths = || texts.iter().map(|text| text.len());
                let least = lengths().min().unwrap_or_default().div_ceil(SYMBOL_BYTES_MAX);
                let most = lengths().max().unwrap_or_default().saturating_mul(2);
                let lengths = KeySet::range(least as i128, most as i128);
                self.lengths.filter(&lengths, selection)?;
            }
            TextSet::Range { .. } | TextSet::Outside(_) | TextSet::Prefix(_) => {}
        }
        if selection.is_empty() {
            return Ok(());
        }
        let starts = self.starts()?;
        for row in selection.indices() {
            if !self.is_in(set, self.codes_of(starts, row as usize))? {
                selection.clear(row as usize);
            }
        }
        Ok(())
    }

    fn is_in(&self, set: &TextSet<'_>, codes: &[u8]) -> Result<bool, Corruption> {
        let compare = |text: &[u8]| self.symbols.compare(codes, text, self.position);
        Ok(match set {
            TextSet::Nothing => false,
            TextSet::Outside(text) => compare(text)?.is_ne(),
            TextSet::Prefix(prefix) => self.symbols.starts_with(codes, prefix, self.position)?,
            TextSet::Range { low, high } => {
                // Whether the text lies on the inner side of a bound, `outer` being the other one.
                let within = |bound: &Bound<&[u8]>, outer: Ordering| match bound {
                    Bound::Unbounded => Ok(true),
                    Bound::Included(text) => compare(text).map(|order| order != outer),
                    Bound::Excluded(text) => compare(text).map(|order| order == outer.reverse()),
                };
                within(low, Ordering::Less)? && within(high, Ordering::Greater)?
            }
            TextSet::Points(texts) => {
                let (mut low, mut high) = (0, texts.len());
                while low < high {
                    let middle = low.midpoint(high);
                    match compare(texts.get(middle).copied().unwrap_or_default())? {
                        Ordering::Equal => return Ok(true),
                        Ordering::Less => high = middle,
                        Ordering::Greater => low = middle + 1,
                    }
                }
                false
            }
        })
    }

    /// The least and the greatest text of the selected rows. Only what lies beyond those found so
    /// far is decoded.
    pub(super) fn bounds(&self, selection: &Selection) -> Result<Option<Bounds>, Corruption> {
        let starts = self.starts()?;
        let mut bounds: Option<Bounds> = None;
        for row in selection.indices() {
            let codes = self.codes_of(starts, row as usize);
            let text = || {
                let bytes_max = codes.len() * SYMBOL_BYTES_MAX;
                let decoded = self.decode(iter::once(row as usize), bytes_max)?;
                Ok(decoded.get(0).to_vec())
            };
            match &mut bounds {
                None => {
                    let text = text()?;
                    bounds = Some((text.clone(), text));
                }
                Some((min, max)) => {
                    if self.symbols.compare(codes, min, self.position)?.is_lt() {
                        *min = text()?;
                    } else if self.symbols.compare(codes, max, self.position)?.is_gt() {
                        *max = text()?;
                    }
                }
            }
        }
        Ok(bounds)
    }

    pub(super) fn tree(&self) -> String {
        format!("{NAME}({})", self.lengths.tree())
    }
}
