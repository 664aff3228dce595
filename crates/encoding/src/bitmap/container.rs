//! A container: the rows of a block that have one value, in whichever of three forms is smallest.
//!
//! ```text
//!   array  0 u8 │ row u16 for each row, ascending
//!   bits   1 u8 │ word u64 for each 64 rows of the block, the lowest row in the lowest bit
//!   runs   2 u8 │ first row u16 · further rows u16 for each run, ascending and apart
//! ```
//!
//! These are the containers of Roaring (Chambi, Lemire et al., "Better bitmap performance with
//! Roaring bitmaps", 2016) without what a file of them needs: a block has at most 65,536 rows, so
//! one is enough, and how many rows it has stands in the directory.

use crate::selection::Selection;
use starfact_base::Corruption;

const ARRAY: u8 = 0;
const BITS: u8 = 1;
const RUNS: u8 = 2;

/// The forms of a container and the bytes that each takes for some rows.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    array: usize,
    bits: usize,
    runs: usize,
}

impl Sizes {
    fn of(count: usize, runs: usize, block_rows: usize) -> Self {
        Self { array: 2 * count, bits: block_rows.div_ceil(64) * 8, runs: 4 * runs }
    }

    fn smallest(self) -> usize {
        self.array.min(self.bits).min(self.runs)
    }
}

/// Bytes of the container of so many rows in so many runs.
pub(super) fn byte_len(count: usize, runs: usize, block_rows: usize) -> usize {
    1 + Sizes::of(count, runs, block_rows).smallest()
}

/// Appends the container of these rows, which ascend and lie below `block_rows`.
pub(super) fn encode(rows: &[u16], block_rows: usize, out: &mut Vec<u8>) {
    let runs = || rows.chunk_by(|a, b| a.checked_add(1) == Some(*b));
    let sizes = Sizes::of(rows.len(), runs().count(), block_rows);
    let smallest = sizes.smallest();
    if sizes.array == smallest {
        out.push(ARRAY);
        out.extend(rows.iter().flat_map(|row| row.to_le_bytes()));
    } else if sizes.bits == smallest {
        out.push(BITS);
        let mut selection = Selection::none(block_rows);
        rows.iter().for_each(|row| selection.set(usize::from(*row)));
        out.extend(selection.words().iter().flat_map(|word| word.to_le_bytes()));
    } else {
        out.push(RUNS);
        for run in runs() {
            let first = run.first().copied().unwrap_or_default();
            out.extend(first.to_le_bytes());
            out.extend(((run.len() - 1) as u16).to_le_bytes());
        }
    }
}

/// Adds the rows of a container, of which there are `count`, to `selection`.
///
/// # Errors
/// Damage; its offset counts from the start of the container.
pub(super) fn read(
    bytes: &[u8],
    count: usize,
    selection: &mut Selection,
) -> Result<(), Corruption> {
    let wrong = |expected: String, found: String| {
        Err(Corruption::new(0, "container of a bitmap", expected, found))
    };
    let block_rows = selection.rows();
    let Some((kind, body)) = bytes.split_first() else {
        return wrong("a kind".into(), "no bytes".into());
    };
    let sizes = Sizes::of(count, body.len() / 4, block_rows);
    let expected = match *kind {
        ARRAY => sizes.array,
        BITS => sizes.bits,
        RUNS => sizes.runs,
        other => return wrong("a kind from 0 to 2".into(), other.to_string()),
    };
    if body.len() != expected {
        return wrong(format!("{expected} bytes"), body.len().to_string());
    }
    let found = match *kind {
        ARRAY => read_array(body, selection),
        BITS => read_bits(body, selection),
        _ => read_runs(body, selection),
    };
    match found {
        Some(found) if found == count => Ok(()),
        Some(found) => wrong(format!("{count} rows"), found.to_string()),
        None => wrong(format!("ascending rows below {block_rows}"), "others".into()),
    }
}

/// Each of these returns how many rows there are, or `None` if they are out of order or bounds.
fn read_array(body: &[u8], selection: &mut Selection) -> Option<usize> {
    let (rows, _) = body.as_chunks::<2>();
    let block_rows = selection.rows();
    let mut next = 0;
    for row in rows {
        let row = usize::from(u16::from_le_bytes(*row));
        if row < next || row >= block_rows {
            return None;
        }
        selection.set(row);
        next = row + 1;
    }
    Some(rows.len())
}

fn read_bits(body: &[u8], selection: &mut Selection) -> Option<usize> {
    let used = selection.rows() % 64;
    let (words, _) = body.as_chunks::<8>();
    if let (1.., Some(last)) = (used, words.last())
        && u64::from_le_bytes(*last) >> used != 0
    {
        return None;
    }
    let mut count = 0;
    for (slot, word) in selection.words_mut().iter_mut().zip(words) {
        let word = u64::from_le_bytes(*word);
        count += word.count_ones() as usize;
        *slot |= word;
    }
    Some(count)
}

fn read_runs(body: &[u8], selection: &mut Selection) -> Option<usize> {
    let (runs, _) = body.as_chunks::<4>();
    let block_rows = selection.rows();
    let (mut next, mut count) = (0, 0);
    for [a, b, c, d] in runs {
        let first = usize::from(u16::from_le_bytes([*a, *b]));
        let end = first + usize::from(u16::from_le_bytes([*c, *d])) + 1;
        // Runs that touch would be one.
        if (first < next + usize::from(next > 0)) || end > block_rows {
            return None;
        }
        selection.set_range(first..end);
        next = end;
        count += end - first;
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use starfact_base::limits::BLOCK_ROWS;

    fn sets() -> Vec<(usize, Vec<u16>)> {
        let of = |rows: &[usize]| rows.iter().map(|row| *row as u16).collect::<Vec<u16>>();
        vec![
            (1, of(&[0])),
            (5, of(&[0, 4])),
            (BLOCK_ROWS, of(&[65_535])),
            (BLOCK_ROWS, (0..=u16::MAX).collect()),
            (BLOCK_ROWS, (0..=u16::MAX).step_by(2).collect()),
            (BLOCK_ROWS, (0..=u16::MAX).step_by(700).collect()),
            (BLOCK_ROWS, (100..5_000).chain(60_000..=u16::MAX).collect()),
            (100, (0..100).filter(|row| row % 3 != 0).collect()),
            (1_000, (0..1_000).filter(|row| row % 9 < 5).collect()),
        ]
    }

    fn encoded(rows: &[u16], block_rows: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(rows, block_rows, &mut bytes);
        bytes
    }

    #[test]
    fn rows_come_back_and_are_added_to_others() {
        let mut kinds = [0; 3];
        for (block_rows, rows) in sets() {
            let bytes = encoded(&rows, block_rows);
            kinds[usize::from(bytes[0])] += 1;
            let runs = rows.chunk_by(|a, b| a.checked_add(1) == Some(*b)).count();
            assert_eq!(bytes.len(), byte_len(rows.len(), runs, block_rows));
            let mut selection = Selection::none(block_rows);
            read(&bytes, rows.len(), &mut selection).unwrap();
            let expected: Vec<u32> = rows.iter().map(|row| u32::from(*row)).collect();
            assert_eq!(selection.indices(), expected);
            let mut others = Selection::none(block_rows);
            others.set(block_rows / 2);
            read(&bytes, rows.len(), &mut others).unwrap();
            selection.set(block_rows / 2);
            assert_eq!(others, selection);
        }
        assert!(kinds.iter().all(|count| *count > 0), "{kinds:?}");
    }

    #[test]
    fn a_container_of_other_rows_than_stated_is_damage() {
        for (block_rows, rows) in sets() {
            let bytes = encoded(&rows, block_rows);
            for count in [0, rows.len() - 1, rows.len() + 1] {
                assert!(read(&bytes, count, &mut Selection::none(block_rows)).is_err());
            }
            for len in [0, 1, bytes.len() - 1] {
                let cut = &bytes[..len];
                assert!(read(cut, rows.len(), &mut Selection::none(block_rows)).is_err());
            }
            let more = [bytes.as_slice(), &[0, 0]].concat();
            assert!(read(&more, rows.len(), &mut Selection::none(block_rows)).is_err());
        }
        let bad: [(&[u8], usize); 7] = [
            (&[3, 0, 0], 1),
            (&[0, 5, 0, 5, 0], 2),
            (&[0, 5, 0, 4, 0], 2),
            (&[0, 10, 0], 1),
            (&[1, 0, 4, 0, 0, 0, 0, 0, 0], 1),
            (&[2, 0, 0, 1, 0, 2, 0, 0, 0], 3),
            (&[2, 8, 0, 2, 0], 3),
        ];
        for (bytes, count) in bad {
            let damage = read(bytes, count, &mut Selection::none(10)).unwrap_err();
            assert_ne!(damage.expected, damage.found, "{bytes:?}");
        }
    }
}
