//! Numbers for texts, in the order in which they are seen: what groups are found by.
//!
//! ```text
//!   code of a dictionary ── array ──┐
//!                                   ├── number of the text
//!   text ─────────── hash table ────┘
//! ```
//!
//! Blocks that have codes of a dictionary, their own or a shared one, are numbered without a look
//! at a text, but for the first row with each of them.

use arrow::array::{Array, ArrayRef, AsArray, StringViewArray};
use arrow::buffer::NullBuffer;
use starfact_encoding::{Codes, Kernel, SharedDictionary, TextPlaces, run_kernel};
use std::collections::HashMap;
use std::sync::Arc;

/// Stands for a code whose text has not been seen.
const UNKNOWN: u32 = u32::MAX;
/// Texts that get numbers at once when their dictionary is met, at most: in its order, which is
/// then that of the numbers in nearly every case.
const AT_ONCE_MAX: usize = 256;
/// Rows for each text of which it is worth it.
const ROWS_PER_TEXT: usize = 8;

/// The texts that were seen, and NULL.
#[derive(Clone, Debug, Default)]
pub struct TextNumbers {
    /// The text of each number.
    texts: Vec<Option<Box<str>>>,
    numbers: HashMap<Box<str>, u32>,
    null: Option<u32>,
    /// For each dictionary that was met, the number of each of its codes.
    tables: Vec<(Arc<SharedDictionary>, Vec<u32>)>,
    byte_len: usize,
}

impl TextNumbers {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The text of each number.
    pub fn texts(&self) -> StringViewArray {
        self.texts.iter().map(Option::as_deref).collect()
    }

    /// Takes in the texts of others; returns the number here of each of theirs.
    pub fn take_in(&mut self, others: &Self) -> Vec<u32> {
        others.texts.iter().map(|text| self.number(text.as_deref())).collect()
    }

    /// Bytes in memory.
    pub fn size(&self) -> usize {
        let tables = self.tables.iter().map(|(_, table)| table.len() * size_of::<u32>());
        self.byte_len + tables.sum::<usize>()
    }

    /// The numbers of rows that have codes of a dictionary.
    pub(crate) fn of_codes(
        &mut self,
        dictionary: &Arc<SharedDictionary>,
        rows: &Codes,
    ) -> Vec<i64> {
        let place = self.table_of(dictionary);
        let mut table = match self.tables.get_mut(place) {
            Some((_, table)) => std::mem::take(table),
            None => Vec::new(),
        };
        let text = |code: u32| u16::try_from(code).ok().and_then(|code| dictionary.value(code));
        let numbers = self.through(&mut table, &text, &rows.codes, rows.nulls.as_ref());
        if let Some((_, slot)) = self.tables.get_mut(place) {
            *slot = table;
        }
        numbers
    }

    /// The numbers of rows that have places among some texts.
    pub(crate) fn of_places(&mut self, texts: &StringViewArray, rows: &TextPlaces) -> Vec<i64> {
        let mut table = vec![UNKNOWN; texts.len()];
        let text = |place: u32| {
            let is_there = (place as usize) < texts.len();
            is_there.then(|| texts.value(place as usize))
        };
        self.through(&mut table, &text, &rows.places, rows.nulls.as_ref())
    }

    /// The numbers of rows that have codes, by a table of those that are known.
    fn through<'a, C: Copy + Into<u32>>(
        &mut self,
        table: &mut [u32],
        text: &dyn Fn(u32) -> Option<&'a str>,
        codes: &[C],
        nulls: Option<&NullBuffer>,
    ) -> Vec<i64> {
        if table.len() <= AT_ONCE_MAX.min(codes.len() / ROWS_PER_TEXT) {
            for (slot, code) in table.iter_mut().zip(0..).filter(|(slot, _)| **slot == UNKNOWN) {
                *slot = self.number(text(code));
            }
        }
        let mut numbers = Vec::new();
        let is_known = if table.iter().zip(0..).all(|(number, code)| *number == code) {
            run_kernel(Widened { codes, numbers: &mut numbers }) < table.len() as u32
        } else {
            run_kernel(Known { table, codes, numbers: &mut numbers }) != UNKNOWN
        };
        if is_known {
            if let Some(nulls) = nulls.filter(|nulls| nulls.null_count() > 0) {
                let null = i64::from(self.number(None));
                for (row, slot) in numbers.iter_mut().enumerate() {
                    *slot = if nulls.is_null(row) { null } else { *slot };
                }
            }
            return numbers;
        }
        numbers.clear();
        for (row, code) in codes.iter().enumerate() {
            let code: u32 = (*code).into();
            if nulls.is_some_and(|nulls| nulls.is_null(row)) {
                numbers.push(i64::from(self.number(None)));
                continue;
            }
            let known = table.get(code as usize).copied().unwrap_or(UNKNOWN);
            if known != UNKNOWN {
                numbers.push(i64::from(known));
                continue;
            }
            let number = self.number(text(code));
            if let Some(slot) = table.get_mut(code as usize) {
                *slot = number;
            }
            numbers.push(i64::from(number));
        }
        numbers
    }

    /// The numbers of the rows of an array of texts.
    pub(crate) fn of_array(&mut self, array: &ArrayRef) -> Vec<i64> {
        let Some(texts) = array.as_string_view_opt() else {
            let null = i64::from(self.number(None));
            return vec![null; array.len()];
        };
        let mut before: Option<(Option<&str>, i64)> = None;
        let mut numbers = Vec::with_capacity(texts.len());
        for text in texts {
            let number = match before {
                Some((known, number)) if known == text => number,
                _ => i64::from(self.number(text)),
            };
            before = Some((text, number));
            numbers.push(number);
        }
        numbers
    }

    fn table_of(&mut self, dictionary: &Arc<SharedDictionary>) -> usize {
        let known = self.tables.iter().position(|(known, _)| Arc::ptr_eq(known, dictionary));
        known.unwrap_or_else(|| {
            self.tables.push((Arc::clone(dictionary), vec![UNKNOWN; dictionary.len()]));
            self.tables.len() - 1
        })
    }

    fn number(&mut self, text: Option<&str>) -> u32 {
        let next = self.texts.len() as u32;
        let Some(text) = text else {
            return *self.null.get_or_insert_with(|| {
                self.texts.push(None);
                next
            });
        };
        if let Some(known) = self.numbers.get(text) {
            return *known;
        }
        self.texts.push(Some(text.into()));
        self.numbers.insert(text.into(), next);
        self.byte_len += 2 * text.len() + size_of::<(Box<str>, u32)>() * 2 + size_of::<Box<str>>();
        next
    }
}

/// The numbers of codes by a table; the greatest of them, which is [`UNKNOWN`] if any is.
struct Known<'a, C> {
    table: &'a [u32],
    codes: &'a [C],
    numbers: &'a mut Vec<i64>,
}

impl<C: Copy + Into<u32>> Kernel for Known<'_, C> {
    type Output = u32;

    #[inline(always)]
    fn run(self) -> u32 {
        let Self { table, codes, numbers } = self;
        let mut greatest = 0;
        numbers.clear();
        numbers.resize(codes.len(), 0);
        for (slot, code) in numbers.iter_mut().zip(codes) {
            let code: u32 = (*code).into();
            let number = table.get(code as usize).copied().unwrap_or(UNKNOWN);
            greatest = greatest.max(number);
            *slot = i64::from(number);
        }
        greatest
    }
}

/// Codes that are the numbers; the greatest of them.
struct Widened<'a, C> {
    codes: &'a [C],
    numbers: &'a mut Vec<i64>,
}

impl<C: Copy + Into<u32>> Kernel for Widened<'_, C> {
    type Output = u32;

    #[inline(always)]
    fn run(self) -> u32 {
        let Self { codes, numbers } = self;
        let mut greatest = 0;
        numbers.clear();
        numbers.resize(codes.len(), 0);
        for (slot, code) in numbers.iter_mut().zip(codes) {
            let code: u32 = (*code).into();
            greatest = greatest.max(code);
            *slot = i64::from(code);
        }
        greatest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dictionaries_of_few_texts_get_numbers_at_once_and_in_their_order() {
        let texts = StringViewArray::from_iter_values(["a", "b", "c"]);
        let dictionary = Arc::new(SharedDictionary::new(&texts).unwrap());
        let mut numbers = TextNumbers::default();
        let codes: Vec<u16> = (0..40).map(|row| 2 - row % 3).collect();
        let valid: Vec<bool> = (0..40).map(|row| row % 7 != 0).collect();
        let nulls = Some(NullBuffer::from(valid.clone()));
        let as_they_are: Vec<i64> = codes.iter().map(|code| i64::from(*code)).collect();
        let with_nulls: Vec<i64> = as_they_are
            .iter()
            .zip(&valid)
            .map(|(code, valid)| if *valid { *code } else { 3 })
            .collect();
        let rows = |nulls| Codes { codes: codes.clone(), nulls };
        assert_eq!(numbers.of_codes(&dictionary, &rows(None)), as_they_are);
        assert_eq!(numbers.of_codes(&dictionary, &rows(nulls.clone())), with_nulls);
        let places =
            |nulls| TextPlaces { places: codes.iter().map(|it| (*it).into()).collect(), nulls };
        assert_eq!(numbers.of_places(&texts, &places(nulls.clone())), with_nulls);
        // Others come behind them.
        let texts = StringViewArray::from_iter_values(["c", "d", "e"]);
        let expected: Vec<i64> = as_they_are.iter().map(|code| [2, 4, 5][*code as usize]).collect();
        assert_eq!(numbers.of_places(&texts, &places(None)), expected);
        let mut others = TextNumbers::default();
        assert_eq!(others.of_places(&texts, &places(None)), as_they_are);
    }

    #[test]
    fn texts_have_one_number_wherever_they_come_from() {
        let dictionary = |texts: &[&str]| {
            let texts = StringViewArray::from_iter_values(texts);
            Arc::new(SharedDictionary::new(&texts).unwrap())
        };
        let (one, other) = (dictionary(&["a", "b", "c"]), dictionary(&["b", "d"]));
        let mut numbers = TextNumbers::default();
        let codes = |codes: &[u16], valid: Option<Vec<bool>>| Codes {
            codes: codes.to_vec(),
            nulls: valid.map(NullBuffer::from),
        };
        assert_eq!(numbers.of_codes(&one, &codes(&[2, 0, 2], None)), [0, 1, 0]);
        let array: ArrayRef =
            Arc::new(StringViewArray::from(vec![Some("d"), None, Some("a"), Some("a")]));
        assert_eq!(numbers.of_array(&array), [2, 3, 1, 1]);
        let rows = codes(&[1, 0, 0], Some(vec![true, false, true]));
        assert_eq!(numbers.of_codes(&other, &rows), [2, 3, 4]);
        assert_eq!(numbers.of_codes(&one, &codes(&[1, 0], None)), [4, 1]);
        let texts = StringViewArray::from_iter_values(["b", "c"]);
        let places = |nulls| TextPlaces { places: vec![1, 0, 1], nulls };
        assert_eq!(numbers.of_places(&texts, &places(None)), [0, 4, 0]);
        let nulls = Some(NullBuffer::from(vec![true, false, true]));
        assert_eq!(numbers.of_places(&texts, &places(nulls)), [0, 3, 0]);
        let texts = StringViewArray::from(vec![Some("c"), Some("a"), Some("d"), None, Some("b")]);
        assert_eq!((numbers.texts(), numbers.len()), (texts, 5));

        let mut others = TextNumbers::default();
        let array: ArrayRef = Arc::new(StringViewArray::from(vec![Some("e"), None, Some("a")]));
        assert_eq!(others.of_array(&array), [0, 1, 2]);
        assert_eq!(numbers.take_in(&others), [5, 3, 1]);
        assert_eq!((numbers.len(), numbers.texts().value(5)), (6, "e"));
        assert_eq!(TextNumbers::default().take_in(&numbers), [0, 1, 2, 3, 4, 5]);
    }
}
