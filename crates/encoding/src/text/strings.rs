//! Text one after the other with the lengths apart: what [`super::plain`] and [`super::zstd`]
//! share, which differ only in whether the bytes are compressed.

use super::set::TextSet;
use super::views::{Views, in_buffer, view};
use super::{Bounds, Evaluate, plain, zstd};
use crate::bytes::Reader;
use crate::compression::{content_bytes, decompress};
use crate::integer::{Integers, Rows, clear_refused};
use crate::keys::KeySet;
use crate::lazy::Lazy;
use crate::predicate::FilterError;
use crate::selection::Selection;
use crate::types::Domain;
use arrow::buffer::Buffer;
use starfact_base::Corruption;
use starfact_base::limits::BLOCK_BYTES_MAX;
use std::sync::LazyLock;

/// A node of text that is still to be cut into rows: frames of as many rows each, but for the last.
#[derive(Clone, Debug)]
pub(crate) struct StringsNode {
    rows: usize,
    lengths: Box<Integers>,
    frame_rows: usize,
    frames: Vec<Frame>,
}

/// The text of some rows, one after the other.
#[derive(Clone, Debug)]
struct Frame {
    /// Bytes of its rows together.
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
    /// Parses what follows the tag of plain text.
    pub(super) fn parse_plain(
        reader: &mut Reader,
        rows: usize,
        depth: usize,
    ) -> Result<Self, Corruption> {
        let (lengths, total) = parse_lengths(reader, rows, depth)?;
        let position = reader.position();
        let stored = Stored::Plain(reader.take(total, "text")?);
        let frame = Frame { total, stored, position, opened: Lazy::default() };
        Ok(Self { rows, lengths, frame_rows: rows.max(1), frames: vec![frame] })
    }

    /// Parses what follows the tag of compressed text: one frame, or several.
    pub(super) fn parse_compressed(
        reader: &mut Reader,
        rows: usize,
        depth: usize,
        has_frames: bool,
    ) -> Result<Self, Corruption> {
        let (lengths, total) = parse_lengths(reader, rows, depth)?;
        let position = reader.position();
        let frame_rows =
            if has_frames { reader.u32("rows of a frame")? as usize } else { rows.max(1) };
        if frame_rows == 0 {
            return Err(Corruption::new(position as u64, "rows of a frame", "at least 1", 0));
        }
        let count = rows.div_ceil(frame_rows).max(usize::from(!has_frames));
        let lens = (0..count).map(|_| reader.u32("compressed bytes").map(|len| len as usize));
        let lens = lens.collect::<Result<Vec<_>, _>>()?;
        let mut frames = Vec::with_capacity(count);
        for len in lens {
            let position = reader.position();
            let frame = reader.take(len, "text")?;
            let total = if has_frames { content_bytes(&frame, position)? } else { total };
            let stored = Stored::Zstd(frame);
            frames.push(Frame { total, stored, position, opened: Lazy::default() });
        }
        let sum: usize = frames.iter().map(|frame| frame.total).sum();
        if sum != total {
            let expected = format!("{total} bytes in all frames");
            return Err(Corruption::new(position as u64, "zstd frames", expected, sum));
        }
        Ok(Self { rows, lengths, frame_rows, frames })
    }

    /// The rows of a frame, decompressed and verified.
    fn frame(&self, idx: usize) -> Result<&Strings, Corruption> {
        let Some(frame) = self.frames.get(idx) else { return Ok(Strings::none()) };
        frame.opened.get_or_try(|| {
            let bytes = match &frame.stored {
                Stored::Plain(bytes) => bytes.clone(),
                Stored::Zstd(bytes) => decompress(bytes.as_slice(), frame.total, frame.position)?,
            };
            let start = idx * self.frame_rows;
            let end = self.rows.min(start + self.frame_rows);
            let lengths: Vec<u32> = self.lengths.fetch(&Rows::Range(start..end))?;
            Strings::new(&lengths, bytes, frame.position)
        })
    }

    /// All rows, of a node of one frame.
    pub(super) fn open(&self) -> Result<&Strings, Corruption> {
        self.frame(0)
    }

    /// The text of `rows`, which the node has.
    pub(super) fn fetch(&self, rows: &Rows<'_>) -> Result<Views, Corruption> {
        if self.frames.len() <= 1 {
            return Ok(self.open()?.fetch(rows));
        }
        let mut views = Vec::with_capacity(rows.len());
        let mut buffers: Vec<Buffer> = Vec::new();
        // The buffer of each frame that was met.
        let mut known: Vec<Option<u32>> = vec![None; self.frames.len()];
        let mut open = |idx: usize| {
            let strings = self.frame(idx)?;
            let buffer = known.get(idx).copied().flatten().unwrap_or(buffers.len() as u32);
            if buffers.len() as u32 == buffer {
                buffers.push(strings.bytes.clone());
            }
            if let Some(slot) = known.get_mut(idx) {
                *slot = Some(buffer);
            }
            Ok((strings, buffer))
        };
        match rows {
            Rows::Range(range) => {
                for idx in range.start / self.frame_rows..range.end.div_ceil(self.frame_rows) {
                    let first = idx * self.frame_rows;
                    let rows = first.max(range.start)..range.end.min(first + self.frame_rows);
                    let (strings, buffer) = open(idx)?;
                    views.extend(rows.map(|row| in_buffer(strings.view(row - first), buffer)));
                }
            }
            Rows::Indices(rows) => {
                for (idx, rows) in self.by_frame(rows) {
                    let first = idx * self.frame_rows;
                    let (strings, buffer) = open(idx)?;
                    let view = |row: &u32| in_buffer(strings.view(*row as usize - first), buffer);
                    views.extend(rows.iter().map(view));
                }
            }
        }
        Ok(Views::in_buffers(views, buffers))
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
        for (idx, rows) in self.by_frame(&selection.indices()) {
            let strings = self.frame(idx)?;
            for row in rows {
                if !set.contains(strings.get(*row as usize % self.frame_rows)) {
                    selection.clear(*row as usize);
                }
            }
        }
        Ok(())
    }

    /// Clears the rows for whose text `evaluate` does not answer true, asked of a frame at a time.
    pub(super) fn filter_values(
        &self,
        evaluate: &mut Evaluate<'_>,
        selection: &mut Selection,
    ) -> Result<(), FilterError> {
        for (_, rows) in self.by_frame(&selection.indices()) {
            let answers = evaluate(self.fetch(&Rows::Indices(rows))?)?;
            clear_refused(&answers, rows, selection);
        }
        Ok(())
    }

    /// Rows, those that follow one another in one frame together.
    fn by_frame<'a>(&self, rows: &'a [u32]) -> impl Iterator<Item = (usize, &'a [u32])> {
        let frame = |row: &u32| *row as usize / self.frame_rows;
        rows.chunk_by(move |before, row| frame(before) == frame(row))
            .filter_map(move |rows| Some((frame(rows.first()?), rows)))
    }

    /// The least and the greatest text of the selected rows, if there are any.
    pub(super) fn bounds(&self, selection: &Selection) -> Result<Option<Bounds>, Corruption> {
        let mut bounds: Option<(&[u8], &[u8])> = None;
        let rows = selection.indices();
        for (idx, rows) in self.by_frame(&rows) {
            let strings = self.frame(idx)?;
            for row in rows {
                let text = strings.get(*row as usize % self.frame_rows);
                let (min, max) = bounds.unwrap_or((text, text));
                bounds = Some((min.min(text), max.max(text)));
            }
        }
        Ok(bounds.map(|(min, max)| (min.to_vec(), max.to_vec())))
    }

    pub(super) fn tree(&self) -> String {
        let name = match self.frames.first().map(|frame| &frame.stored) {
            Some(Stored::Plain(_)) => plain::NAME,
            Some(Stored::Zstd(_)) | None => zstd::NAME,
        };
        format!("{name}({})", self.lengths.tree())
    }
}

/// Parses the lengths of all rows, and how many bytes they are together.
fn parse_lengths(
    reader: &mut Reader,
    rows: usize,
    depth: usize,
) -> Result<(Box<Integers>, usize), Corruption> {
    let lengths = Box::new(Integers::parse(reader, rows, Domain::LENGTH, depth + 1)?);
    let position = reader.position();
    let total = reader.u32("bytes of text")? as usize;
    if total > BLOCK_BYTES_MAX {
        let expected = format!("at most {BLOCK_BYTES_MAX}");
        return Err(Corruption::new(position as u64, "bytes of text", expected, total));
    }
    Ok((lengths, total))
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

    /// No row.
    fn none() -> &'static Self {
        static NONE: LazyLock<Strings> =
            LazyLock::new(|| Strings { starts: vec![0], bytes: Buffer::default() });
        &NONE
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
