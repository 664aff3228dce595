//! zstd: plain text whose bytes are compressed. The lengths are not, so a filter that knows the
//! length of what it looks for need not decompress.
//!
//! ```text
//!   ┌─────┬─────────────────────────┬───────┬────────────┬─────────────────────────┐
//!   │ tag │ lengths: integer node   │ total │ compressed │ zstd frame (RFC 8878)   │
//!   │ u8  │ of as many rows as this │ u32   │ u32 bytes  │ of `total` bytes        │
//!   └─────┴─────────────────────────┴───────┴────────────┴─────────────────────────┘
//!    = 22   bytes, at most 16 MiB     sum of the lengths
//!
//!   ┌─────┬─────────────────────────┬───────┬────────────┬────────────────┬──────────────┐
//!   │ tag │ lengths: integer node   │ total │ frame rows │ compressed     │ zstd frames, │
//!   │ u8  │ of as many rows as this │ u32   │ u32        │ u32 each bytes │ one by one   │
//!   └─────┴─────────────────────────┴───────┴────────────┴────────────────┴──────────────┘
//!    = 24                                     of each frame but the last
//! ```
//!
//! A frame states its decompressed length. It is decompressed when the first row of it is wanted:
//! so few rows of much text, which has many frames, are read without the others, and the text of a
//! frame stays near the processor while something is looked for in it.

use super::strings::StringsNode;
use crate::bytes::{Reader, Writer};
use crate::compression::compress;
use starfact_base::Corruption;

pub(crate) const TAG: u8 = 22;
pub(crate) const FRAMES_TAG: u8 = 24;
pub(crate) const NAME: &str = "zstd";

/// Bytes of text that a frame has about, at most: a compressed text repeats what is before it, and
/// with fewer bytes before it takes more.
const FRAME_BYTES: usize = 1 << 18;

/// Text that is compressed.
pub(super) struct Frames {
    /// Rows of each frame but the last.
    rows: usize,
    frames: Vec<Vec<u8>>,
}

impl Frames {
    /// Compresses texts of `total` bytes, in one frame if they are to be `whole`; `None` if the
    /// library fails.
    pub(super) fn of(texts: &[&[u8]], total: usize, whole: bool) -> Option<Self> {
        let rows = if whole { texts.len() } else { frame_rows(texts.len(), total) };
        let frames = match rows >= texts.len() {
            true => vec![compress(&texts.concat())?],
            false => texts
                .chunks(rows)
                .map(|texts| compress(&texts.concat()))
                .collect::<Option<Vec<_>>>()?,
        };
        Some(Self { rows, frames })
    }

    /// Bytes of the frames, and of what is written for each of them.
    pub(super) fn bytes(&self) -> usize {
        self.frames.iter().map(|frame| size_of::<u32>() + frame.len()).sum()
    }

    pub(super) fn tag(&self) -> u8 {
        if self.frames.len() == 1 { TAG } else { FRAMES_TAG }
    }

    /// Writes what comes behind the lengths of texts of `total` bytes.
    pub(super) fn encode(&self, total: usize, writer: &mut Writer) {
        writer.u32(total);
        if self.tag() == FRAMES_TAG {
            writer.u32(self.rows);
        }
        self.frames.iter().for_each(|frame| writer.u32(frame.len()));
        self.frames.iter().for_each(|frame| writer.extend(frame));
    }
}

/// Rows of each frame of texts of `total` bytes: the greatest power of two with which frames have
/// about [`FRAME_BYTES`].
fn frame_rows(rows: usize, total: usize) -> usize {
    if total <= FRAME_BYTES {
        return rows.max(1);
    }
    let fitting = (rows * FRAME_BYTES / total).max(1);
    1 << fitting.ilog2()
}

pub(super) fn parse(
    reader: &mut Reader,
    rows: usize,
    depth: usize,
) -> Result<StringsNode, Corruption> {
    StringsNode::parse_compressed(reader, rows, depth, false)
}

pub(super) fn parse_frames(
    reader: &mut Reader,
    rows: usize,
    depth: usize,
) -> Result<StringsNode, Corruption> {
    StringsNode::parse_compressed(reader, rows, depth, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::integer::stats::Stats;
    use crate::integer::{self, Rows};
    use crate::selection::Selection;
    use crate::text::{TextSet, Views};
    use arrow::array::{Array, StringViewArray};
    use std::ops::Bound;

    #[test]
    fn frames_have_a_power_of_two_of_rows() {
        assert_eq!(frame_rows(65_536, FRAME_BYTES), 65_536);
        assert_eq!(frame_rows(65_536, 65_536 * 49), 4_096);
        assert_eq!(frame_rows(1_000, 1_000 * 300_000), 1);
        assert_eq!(frame_rows(0, 0), 1);
    }

    fn texts() -> Vec<String> {
        (0..900).map(|row| format!("{row} {}", "abcö".repeat(row * 37 % 400))).collect()
    }

    /// The bytes of a node of several frames, without its tag.
    fn encoded(texts: &[String]) -> Vec<u8> {
        let texts: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
        let total = texts.iter().map(|text| text.len()).sum();
        let frames = Frames::of(&texts, total, false).unwrap();
        assert!(frames.frames.len() > 2 && frames.tag() == FRAMES_TAG);
        let lengths: Vec<u32> = texts.iter().map(|text| text.len() as u32).collect();
        let mut writer = Writer::default();
        integer::encode::encode_simple(&lengths, &Stats::of(&lengths), &mut writer);
        let before = writer.position();
        frames.encode(total, &mut writer);
        // The total, and rows of a frame.
        assert_eq!(writer.position() - before, frames.bytes() + 8);
        writer.into_bytes()
    }

    fn node(bytes: Vec<u8>, rows: usize) -> Result<StringsNode, Corruption> {
        let mut reader = Reader::new(bytes.into());
        let node = parse_frames(&mut reader, rows, 1)?;
        reader.finish()?;
        Ok(node)
    }

    fn fetched(node: &StringsNode, rows: &Rows<'_>) -> Result<Vec<String>, Corruption> {
        let (views, buffers) = node.fetch(rows)?.into_parts();
        let array = StringViewArray::try_new(views, buffers, None).unwrap();
        Ok(array.iter().flatten().map(String::from).collect())
    }

    #[test]
    fn rows_of_any_frames_are_those_that_were_written() {
        let texts = texts();
        let bytes = encoded(&texts);
        let count = texts.len();
        for range in [0..count, 0..0, 0..1, 3..700, 255..257, 512..513, count - 1..count] {
            let node = node(bytes.clone(), count).unwrap();
            assert_eq!(fetched(&node, &Rows::Range(range.clone())).unwrap(), texts[range]);
        }
        let rows: Vec<u32> = (0..2_000_u32).map(|n| n * 7_919 % count as u32).collect();
        let expected: Vec<&String> = rows.iter().map(|row| &texts[*row as usize]).collect();
        let node = node(bytes, count).unwrap();
        assert!(fetched(&node, &Rows::Indices(&rows)).unwrap().iter().eq(expected));
        let some = |row: &usize| row % 3 == 1;
        let chosen: Vec<usize> = (0..count).filter(some).collect();
        let all = || {
            let mut selection = Selection::all(count);
            (0..count).filter(|row| !some(row)).for_each(|row| selection.clear(row));
            selection
        };
        let range = TextSet::Range { low: Bound::Included(b"3"), high: Bound::Excluded(b"61") };
        let one = TextSet::Points(vec![texts[400].as_bytes()]);
        for set in [TextSet::Nothing, range, one, TextSet::Prefix(b"40")] {
            let mut selection = all();
            node.filter(&set, &mut selection).unwrap();
            let expected = chosen.iter().filter(|row| set.contains(texts[**row].as_bytes()));
            assert!(selection.indices().iter().map(|row| *row as usize).eq(expected.copied()));
        }
        let mut selection = all();
        let (mut asked, mut rows) = (0, 0);
        let mut evaluate = |views: Views| {
            let (views, buffers) = views.into_parts();
            let array = StringViewArray::try_new(views, buffers, None).unwrap();
            (asked, rows) = (asked + 1, rows + array.len());
            Ok(array.iter().map(|text| Some(text?.len() > 1_000)).collect())
        };
        node.filter_values(&mut evaluate, &mut selection).unwrap();
        assert!(asked > 2 && rows == chosen.len());
        let expected = chosen.iter().filter(|row| texts[**row].len() > 1_000);
        assert!(selection.indices().iter().map(|row| *row as usize).eq(expected.copied()));
        let least = chosen.iter().map(|row| texts[*row].as_bytes().to_vec()).min().unwrap();
        let greatest = chosen.iter().map(|row| texts[*row].as_bytes().to_vec()).max().unwrap();
        assert_eq!(node.bounds(&all()).unwrap(), Some((least, greatest)));
    }

    #[test]
    fn frames_without_a_wanted_row_are_not_looked_at() {
        let texts = texts();
        let mut bytes = encoded(&texts);
        let last = bytes.len() - 20;
        bytes[last..].fill(0);
        let node = node(bytes, texts.len()).unwrap();
        assert_eq!(fetched(&node, &Rows::Range(0..100)).unwrap(), texts[..100]);
        assert!(fetched(&node, &Rows::Range(0..texts.len())).is_err());
        assert!(fetched(&node, &Rows::Indices(&[0, texts.len() as u32 - 1])).is_err());
    }

    #[test]
    fn damaged_bytes_are_an_error_or_text() {
        let texts = texts();
        let bytes = encoded(&texts);
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            if let Ok(node) = node(damaged, texts.len()) {
                // Without a checksum, which blocks have, other text may come out, but text.
                let _ = fetched(&node, &Rows::Range(0..texts.len()));
            }
            assert!(node(bytes[..at].to_vec(), texts.len()).is_err());
        }
    }
}
