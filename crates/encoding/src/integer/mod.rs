//! Nodes that hold integers: keys of a column, validity, codes, lengths and ends of runs.
//!
//! ```text
//!   node  =  tag u8 │ header of the codec │ child nodes │ bytes of the codec
//! ```
//!
//! | tag | codec | file |
//! |---|---|---|
//! | 1 | constant | [`constant`] |
//! | 2 | plain | [`plain`], [`wide`] |
//! | 3 | bit-packed | [`bit_packed`] |
//! | 4 | run-length | [`run_length`] |
//! | 5 | dictionary | [`dictionary`] |
//! | 6 | zstd | [`zstd`] |
//! | 7 | patched | [`patched`] |
//! | 8 | delta | [`delta`] |
//! | 9 | scaled | [`scaled`] |
//! | 10 | sparse | [`sparse`] |
//! | 11 | alp | [`alp`] |
//! | 12 | run-length, by marks | [`marked`] |
//! | 13 | sliced | [`sliced`] |
//!
//! The number of rows and the [`Domain`] of allowed keys come from the parent and are not stored.
//! Parsing checks everything that can be checked without a pass over the values; that each value
//! lies in the domain is checked where it is decoded or fetched. Filters compare without that
//! check: a damaged value then counts as some value.

pub(crate) mod alp;
pub(crate) mod bit_packed;
pub(crate) mod choose;
pub(crate) mod constant;
pub(crate) mod delta;
pub(crate) mod dictionary;
pub(crate) mod encode;
mod exceptions;
mod held;
pub(crate) mod marked;
pub(crate) mod offsets;
pub(crate) mod patched;
pub(crate) mod plain;
pub(crate) mod plan;
pub(crate) mod run_length;
pub(crate) mod scaled;
pub(crate) mod sliced;
pub(crate) mod sparse;
pub(crate) mod stats;
pub(crate) mod wide;
pub(crate) mod zstd;

use crate::bytes::Reader;
use crate::cpu::{self, Kernel};
use crate::derive::Derived;
use crate::keys::KeySet;
use crate::native::Native;
use crate::ordinal_codes::OrdinalCodes;
use crate::predicate::FilterError;
use crate::selection::Selection;
use crate::totals::KeyTotals;
use crate::types::Domain;
use alp::Alp;
use arrow::array::{Array, BooleanArray};
use arrow::buffer::{BooleanBuffer, Buffer};
use constant::Constant;
use delta::Delta;
use dictionary::Dictionary;
use marked::MarkedRuns;
use offsets::Offsets;
use patched::Patched;
use run_length::RunLength;
use scaled::Scaled;
use sliced::Sliced;
use sparse::Sparse;
use starfact_base::Corruption;
use starfact_base::limits::{ENCODING_DEPTH_MAX, VECTOR_ROWS};
use std::iter;
use std::ops::Range;
use wide::Wide;
use zstd::Zstd;

/// Which rows of a node are wanted.
#[derive(Clone, Debug)]
pub(crate) enum Rows<'a> {
    /// Consecutive rows.
    Range(Range<usize>),
    /// Single rows, in ascending order.
    Indices(&'a [u32]),
}

impl Rows<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Range(range) => range.len(),
            Self::Indices(rows) => rows.len(),
        }
    }

    /// Whether all of them are among the first `rows` rows.
    pub(crate) fn check(&self, rows: usize) -> Result<(), Corruption> {
        let end = match self {
            Self::Range(range) => range.end.max(range.start),
            Self::Indices([]) => 0,
            Self::Indices(rows) => cpu::run(Largest(rows)) as usize + 1,
        };
        if end > rows { Err(beyond(0, end - 1, rows)) } else { Ok(()) }
    }
}

/// The largest number of a list; 0 if it is empty.
pub(crate) struct Largest<'a>(pub(crate) &'a [u32]);

impl Kernel for Largest<'_> {
    type Output = u32;

    #[inline(always)]
    fn run(self) -> u32 {
        self.0.iter().fold(0, |largest, number| largest.max(*number))
    }
}

/// The answer to a row that a node does not have.
fn beyond(position: usize, row: usize, rows: usize) -> Corruption {
    Corruption::new(position as u64, "row", format!("below {rows}"), row)
}

/// Evaluates a value predicate on rows of a node, as an array of the column's type.
pub(crate) type Evaluate<'a> =
    dyn FnMut(&Integers, Rows<'_>) -> Result<BooleanArray, FilterError> + 'a;

/// A parsed node of integers.
#[derive(Clone, Debug)]
pub(crate) enum Integers {
    Constant(Constant),
    /// Plain up to 64 bits, and bit-packed.
    Offsets(Offsets),
    /// Plain of 128 bits.
    Wide(Wide),
    RunLength(RunLength),
    Dictionary(Dictionary),
    Zstd(Zstd),
    /// The values of a derived block; never the child of another node.
    Derived(Box<Derived>),
    Patched(Patched),
    Delta(Delta),
    Scaled(Scaled),
    Sparse(Sparse),
    Alp(Alp),
    Marked(MarkedRuns),
    Sliced(Box<Sliced>),
}

impl Integers {
    /// Parses a node of `rows` integers, which lies `depth` levels below the block.
    pub(crate) fn parse(
        reader: &mut Reader,
        rows: usize,
        domain: Domain,
        depth: usize,
    ) -> Result<Self, Corruption> {
        let position = reader.position();
        check_depth(depth, position)?;
        match reader.u8("encoding tag")? {
            constant::TAG => Constant::parse(reader, domain).map(Self::Constant),
            plain::TAG => plain::parse(reader, rows, domain),
            bit_packed::TAG => bit_packed::parse(reader, rows, domain).map(Self::Offsets),
            run_length::TAG => RunLength::parse(reader, rows, domain, depth).map(Self::RunLength),
            dictionary::TAG => Dictionary::parse(reader, rows, domain, depth).map(Self::Dictionary),
            zstd::TAG => Zstd::parse(reader, rows, domain).map(Self::Zstd),
            patched::TAG => Patched::parse(reader, rows, domain, depth).map(Self::Patched),
            delta::TAG => Delta::parse(reader, rows, domain, depth).map(Self::Delta),
            scaled::TAG => Scaled::parse(reader, rows, domain, depth).map(Self::Scaled),
            sparse::TAG => Sparse::parse(reader, rows, domain, depth).map(Self::Sparse),
            alp::TAG => Alp::parse(reader, rows, domain, depth).map(Self::Alp),
            marked::TAG => MarkedRuns::parse(reader, rows, domain, depth).map(Self::Marked),
            sliced::TAG => {
                Sliced::parse(reader, rows, domain, depth).map(Box::new).map(Self::Sliced)
            }
            tag => Err(unknown_tag(position, "an encoding of integers", tag)),
        }
    }

    /// Parses a child of a node that lies `depth` levels below the block.
    fn parse_child(
        reader: &mut Reader,
        rows: usize,
        domain: Domain,
        depth: usize,
    ) -> Result<Box<Self>, Corruption> {
        Self::parse(reader, rows, domain, depth + 1).map(Box::new)
    }

    /// Parses a child whose keys must ascend strictly, and decodes it; `what` is for the message.
    fn parse_ascending<T: Native>(
        reader: &mut Reader,
        rows: usize,
        domain: Domain,
        depth: usize,
        what: &str,
    ) -> Result<(Box<Self>, Vec<T>), Corruption> {
        let position = reader.position() as u64;
        let node = Self::parse_child(reader, rows, domain, depth)?;
        let keys: Vec<T> = node.fetch(&Rows::Range(0..rows))?;
        match keys.is_sorted_by(|a, b| a < b) {
            true => Ok((node, keys)),
            false => Err(Corruption::new(position, what, "to ascend", "others")),
        }
    }

    /// The keys of `rows`.
    pub(crate) fn fetch<T: Native>(&self, rows: &Rows<'_>) -> Result<Vec<T>, Corruption> {
        let mut keys = Vec::with_capacity(rows.len());
        match rows {
            Rows::Range(range) => self.decode(range.clone(), &mut keys)?,
            Rows::Indices(rows) => self.take(rows, &mut keys)?,
        }
        Ok(keys)
    }

    /// Appends the keys of `range`, which the node has, to `out`.
    pub(crate) fn decode<T: Native>(
        &self,
        range: Range<usize>,
        out: &mut Vec<T>,
    ) -> Result<(), Corruption> {
        match self {
            Self::Constant(node) => {
                out.extend(iter::repeat_n(T::from_key(node.key), range.len()));
                Ok(())
            }
            Self::Offsets(node) => node.decode(range, out),
            Self::Wide(node) => node.decode(range, out),
            Self::RunLength(node) => node.decode(range, out),
            Self::Dictionary(node) => node.decode(range, out),
            Self::Zstd(node) => node.plain()?.decode(range, out),
            Self::Derived(node) => node.decode(range, out),
            Self::Patched(node) => node.decode(range, out),
            Self::Delta(node) => node.decode(range, out),
            Self::Scaled(node) => node.decode(range, out),
            Self::Sparse(node) => node.decode(range, out),
            Self::Alp(node) => node.decode(range, out),
            Self::Marked(node) => node.decode(range, out),
            Self::Sliced(node) => node.decode(range, out),
        }
    }

    /// Decodes `range`, which the node has, and shows it to `visit` piece by piece, so that what is
    /// decoded is still in the cache.
    fn for_each_piece<T: Native>(
        &self,
        range: Range<usize>,
        mut visit: impl FnMut(&[T]),
    ) -> Result<(), Corruption> {
        let mut keys: Vec<T> = Vec::with_capacity(range.len().min(VECTOR_ROWS));
        let mut row = range.start;
        while row < range.end {
            let end = (row + VECTOR_ROWS).min(range.end);
            keys.clear();
            self.decode(row..end, &mut keys)?;
            visit(&keys);
            row = end;
        }
        Ok(())
    }

    /// Appends the keys of `rows`, ascending rows that the node has, to `out`.
    pub(crate) fn take<T: Native>(&self, rows: &[u32], out: &mut Vec<T>) -> Result<(), Corruption> {
        match self {
            Self::Constant(node) => {
                out.extend(iter::repeat_n(T::from_key(node.key), rows.len()));
                Ok(())
            }
            Self::Offsets(node) => node.take(rows, out),
            Self::Wide(node) => node.take(rows, out),
            Self::RunLength(node) => node.take(rows, out),
            Self::Dictionary(node) => node.take(rows, out),
            Self::Zstd(node) => node.plain()?.take(rows, out),
            Self::Derived(node) => node.take(rows, out),
            Self::Patched(node) => node.take(rows, out),
            Self::Delta(node) => node.take(rows, out),
            Self::Scaled(node) => node.take(rows, out),
            Self::Sparse(node) => node.take(rows, out),
            Self::Alp(node) => node.take(rows, out),
            Self::Marked(node) => node.take(rows, out),
            Self::Sliced(node) => node.take(rows, out),
        }
    }

    /// Clears the rows whose keys are not in `set`.
    pub(crate) fn filter(&self, set: &KeySet, selection: &mut Selection) -> Result<(), Corruption> {
        match self {
            Self::Constant(node) => {
                if !set.contains(node.key) {
                    selection.clear_range(0..selection.rows());
                }
                Ok(())
            }
            Self::Offsets(node) => node.filter(set, selection),
            Self::Wide(node) => node.filter(set, selection),
            Self::RunLength(node) => node.filter(set, selection),
            Self::Dictionary(node) => node.filter(set, selection),
            Self::Zstd(node) => node.plain()?.filter(set, selection),
            Self::Derived(node) => node.filter(set, selection),
            Self::Patched(node) => node.filter(set, selection),
            Self::Delta(node) => node.filter(set, selection),
            Self::Scaled(node) => node.filter(set, selection),
            Self::Sparse(node) => node.filter(set, selection),
            Self::Alp(node) => node.filter(set, selection),
            Self::Marked(node) => node.filter(set, selection),
            Self::Sliced(node) => node.filter(set, selection),
        }
    }

    /// Clears rows whose keys are not in `set`, as far as is told without much work. Gives about
    /// how many of those that are left may not be in it; 0 if all are.
    pub(crate) fn filter_coarsely(
        &self,
        set: &KeySet,
        selection: &mut Selection,
    ) -> Result<usize, Corruption> {
        match self {
            Self::Sliced(node) => node.filter_coarsely(set, selection),
            Self::Marked(node) => node.filter_coarsely(set, selection),
            _ => self.filter(set, selection).map(|()| 0),
        }
    }

    /// Clears the rows for whose keys `evaluate` does not answer true. Distinct keys are asked once
    /// where the codec knows them.
    pub(crate) fn filter_values(
        &self,
        evaluate: &mut Evaluate<'_>,
        selection: &mut Selection,
    ) -> Result<(), FilterError> {
        match self {
            Self::Constant(_) => {
                let answers = evaluate(self, Rows::Range(0..1))?;
                if !is_true(&answers, 0) {
                    selection.clear_range(0..selection.rows());
                }
                Ok(())
            }
            Self::RunLength(node) => node.filter_values(evaluate, selection),
            Self::Marked(node) => node.by_ends()?.filter_values(evaluate, selection),
            Self::Dictionary(node) => node.filter_values(evaluate, selection),
            Self::Derived(node) => node.filter_values(self, evaluate, selection),
            Self::Patched(node) => node.filter_values(evaluate, selection),
            Self::Sparse(node) => node.filter_values(evaluate, selection),
            Self::Offsets(_)
            | Self::Wide(_)
            | Self::Zstd(_)
            | Self::Delta(_)
            | Self::Scaled(_)
            | Self::Sliced(_)
            | Self::Alp(_) => {
                if selection.is_empty() {
                    return Ok(());
                }
                let rows = selection.indices();
                let answers = evaluate(self, Rows::Indices(&rows))?;
                clear_refused(&answers, &rows, selection);
                Ok(())
            }
        }
    }

    /// Adds the keys of the selected rows to `totals`.
    pub(crate) fn aggregate(
        &self,
        selection: &Selection,
        totals: &mut KeyTotals,
    ) -> Result<(), Corruption> {
        match self {
            Self::Constant(node) => {
                totals.add(node.key, selection.count());
                Ok(())
            }
            Self::Offsets(node) => node.aggregate(selection, totals),
            Self::Wide(node) => node.aggregate(selection, totals),
            Self::RunLength(node) => node.aggregate(selection, totals),
            Self::Dictionary(node) => node.aggregate(selection, totals),
            Self::Zstd(node) => node.plain()?.aggregate(selection, totals),
            Self::Derived(node) => node.aggregate(selection, totals),
            Self::Patched(node) => node.aggregate(selection, totals),
            Self::Delta(node) => node.aggregate(selection, totals),
            Self::Scaled(node) => node.aggregate(selection, totals),
            Self::Sparse(node) => node.aggregate(selection, totals),
            Self::Alp(node) => node.aggregate(selection, totals),
            Self::Marked(node) => node.by_ends()?.aggregate(selection, totals),
            Self::Sliced(node) => node.aggregate(selection, totals),
        }
    }

    /// Counts how often the selected rows of a node of codes have each of them.
    pub(crate) fn count_codes(
        &self,
        selection: &Selection,
        counts: &mut [u32],
    ) -> Result<(), Corruption> {
        let mut add = |code: usize, times: usize| {
            if let Some(count) = counts.get_mut(code) {
                *count += times as u32;
            }
        };
        match self {
            Self::Constant(node) => add(node.key as usize, selection.count()),
            Self::RunLength(node) => {
                node.for_each_run(selection, |codes: &[u32], times: &[u32]| {
                    codes.iter().zip(times).for_each(|(&code, &n)| add(code as usize, n as usize));
                })?;
            }
            Self::Marked(node) => {
                node.by_ends()?.for_each_run(selection, |codes: &[u32], times: &[u32]| {
                    codes.iter().zip(times).for_each(|(&code, &n)| add(code as usize, n as usize));
                })?;
            }
            _ => {
                let mut codes: Vec<u32> = Vec::with_capacity(VECTOR_ROWS);
                for start in (0..selection.rows()).step_by(VECTOR_ROWS) {
                    let rows = start..(start + VECTOR_ROWS).min(selection.rows());
                    codes.clear();
                    match selection.count_range(rows.clone()) {
                        0 => continue,
                        count if count == rows.len() => self.decode(rows, &mut codes)?,
                        _ => {
                            let wanted = selection.slice(rows).indices();
                            let wanted: Vec<u32> =
                                wanted.into_iter().map(|row| row + start as u32).collect();
                            self.take(&wanted, &mut codes)?;
                        }
                    }
                    codes.iter().for_each(|&code| add(code as usize, 1));
                }
            }
        }
        Ok(())
    }

    /// The rows of a node of 0 and 1 as bits.
    pub(crate) fn bits(&self, rows: &Rows<'_>) -> Result<BooleanBuffer, Corruption> {
        match rows {
            Rows::Range(range) => {
                let mut ones = Selection::all(range.end);
                ones.clear_range(0..range.start);
                self.filter(&KeySet::range(1, 1), &mut ones)?;
                let words = Buffer::from_slice_ref(ones.words());
                Ok(BooleanBuffer::new(words, range.start, range.len()))
            }
            Rows::Indices(_) => Ok(self.fetch::<u8>(rows)?.iter().map(|&bit| bit == 1).collect()),
        }
    }

    /// Whether every row is `key`, as far as that shows without a look at the rows.
    pub(crate) fn is_all(&self, key: i128) -> bool {
        matches!(self, Self::Constant(node) if node.key == key)
    }

    /// The codes of the ordinals of `rows`, none of which is NULL.
    pub(crate) fn take_codes(
        &self,
        rows: &[u32],
        codes: &OrdinalCodes,
    ) -> Result<Vec<i64>, Corruption> {
        if let Some(code) = self.bounds().and_then(|(low, high)| codes.common(low..=high)) {
            return Ok(vec![code.into(); rows.len()]);
        }
        match self {
            Self::Marked(node) => node.take_codes(rows, codes),
            Self::Sliced(node) => node.take_codes(rows, codes),
            _ => {
                let mut keys: Vec<i64> = self.fetch(&Rows::Indices(rows))?;
                keys.iter_mut().for_each(|key| *key = codes.code(*key).into());
                Ok(keys)
            }
        }
    }

    /// The least and the greatest key that there can be, if the node says so.
    fn bounds(&self) -> Option<(i128, i128)> {
        match self {
            Self::Constant(node) => Some((node.key, node.key)),
            Self::Offsets(node) => Some(node.bounds()),
            Self::Sliced(node) => Some(node.bounds()),
            _ => None,
        }
    }

    /// The codecs of this node and its children.
    pub(crate) fn tree(&self) -> String {
        match self {
            Self::Constant(_) => constant::NAME.into(),
            Self::Offsets(node) => match node.layout() {
                offsets::Layout::BitPacked(width) => format!("{} {width}", bit_packed::NAME),
                offsets::Layout::Bytes(bytes) => format!("{} {bytes}", plain::NAME),
            },
            Self::Wide(_) => format!("{} {}", plain::NAME, wide::BYTES),
            Self::RunLength(node) => node.tree(),
            Self::Dictionary(node) => node.tree(),
            Self::Zstd(node) => node.tree(),
            Self::Derived(node) => node.tree(),
            Self::Patched(node) => node.tree(),
            Self::Delta(node) => node.tree(),
            Self::Scaled(node) => node.tree(),
            Self::Sparse(node) => node.tree(),
            Self::Alp(node) => node.tree(),
            Self::Marked(node) => node.tree(),
            Self::Sliced(node) => node.tree(),
        }
    }
}

impl Domain {
    /// Refuses a key from the block that the domain does not have.
    fn check(self, key: i128, position: usize, what: &str) -> Result<(), Corruption> {
        if self.contains(key) {
            return Ok(());
        }
        let expected = format!("{} to {}", self.min, self.max);
        Err(Corruption::new(position as u64, what, expected, key))
    }
}

/// One of so many rows, or more, are many: then whole vectors are decoded and the rows picked.
const DENSE: usize = 16;

/// The rows from the first to the last of `rows` if these ascend and are many; `None` else.
fn dense(rows: &[u32]) -> Option<Range<usize>> {
    let (first, last) = (*rows.first()? as usize, *rows.last()? as usize);
    let are_many = first <= last && (last - first) / DENSE < rows.len();
    (are_many && cpu::run(Ascends(rows))).then_some(first..last + 1)
}

/// The rows in groups of those that follow each other in one vector.
pub(crate) fn by_vector(rows: &[u32]) -> impl Iterator<Item = &[u32]> {
    let (vector, mut rest) = (|row: u32| row / VECTOR_ROWS as u32, rows);
    let ascend = cpu::run(Ascends(rows));
    iter::from_fn(move || {
        let first = vector(*rest.first()?);
        let len = match ascend {
            true => {
                let end = (first + 1).saturating_mul(VECTOR_ROWS as u32);
                // As many as there are if none is there twice.
                let most = rest.get(..VECTOR_ROWS).unwrap_or(rest);
                match most.partition_point(|row| *row < end) {
                    len if len == most.len() => gallop(rest, len, end),
                    len => len,
                }
            }
            false => rest.iter().take_while(|&&row| vector(row) == first).count(),
        };
        let (group, after) = rest.split_at_checked(len)?;
        rest = after;
        Some(group)
    })
}

/// Whether rows ascend.
struct Ascends<'a>(&'a [u32]);

impl Kernel for Ascends<'_> {
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        let later = self.0.get(1..).unwrap_or_default();
        // All of them are looked at, which vectors do faster than one by one.
        self.0.iter().zip(later).fold(0, |wrong, (a, b)| wrong | u32::from(a > b)) == 0
    }
}

/// Appends the values at `rows`, of which `values` begins with that of row `first`.
fn pick<T: Native>(values: &[T], first: usize, rows: &[u32], out: &mut Vec<T>) {
    let value = |&row: &u32| values.get(row as usize - first).copied().unwrap_or_default();
    out.extend(rows.iter().map(value));
}

/// The first place from `from` on whose number is not below `number`; numbers ascend. Cheap if it
/// is not far.
#[inline(always)]
pub(crate) fn gallop(numbers: &[u32], from: usize, number: u32) -> usize {
    let later = numbers.get(from..).unwrap_or_default();
    let mut step = 1;
    while later.get(step - 1).is_some_and(|&next| next < number) {
        step *= 2;
    }
    let (low, high) = (step / 2, (step - 1).min(later.len()));
    let between = later.get(low..high).unwrap_or_default();
    from + low + between.partition_point(|&next| next < number)
}

/// Clears those of `rows` that were not answered with true.
pub(crate) fn clear_refused(answers: &BooleanArray, rows: &[u32], selection: &mut Selection) {
    for (place, &row) in rows.iter().enumerate() {
        if !is_true(answers, place) {
            selection.clear(row as usize);
        }
    }
}

/// Whether the answer at `place` is there and true.
pub(crate) fn is_true(answers: &BooleanArray, place: usize) -> bool {
    place < answers.len() && answers.is_valid(place) && answers.value(place)
}

/// Bounds the recursion of the parser.
pub(crate) fn check_depth(depth: usize, position: usize) -> Result<(), Corruption> {
    if depth <= ENCODING_DEPTH_MAX {
        return Ok(());
    }
    let expected = format!("at most {ENCODING_DEPTH_MAX} levels");
    Err(Corruption::new(position as u64, "encoding depth", expected, depth))
}

pub(crate) fn unknown_tag(position: usize, expected: &str, tag: u8) -> Corruption {
    let found = match crate::tag_name(tag) {
        Some(name) => format!("{name} (tag {tag})"),
        None => format!("tag {tag}, which this version of Starfact does not know"),
    };
    Corruption::new(position as u64, "encoding tag", expected, found)
}
