//! A dictionary that many blocks have in common: the sorted distinct texts of a column.
//!
//! ```text
//!   predicate ──once──► set of codes ──┬─► block ─► rows
//!                                      ├─► block ─► rows
//!                                      └─► …
//! ```
//!
//! It lives in memory for as long as anybody needs it, and remembers what the last predicates mean
//! in codes: however many blocks and threads ask, each text is judged once. Predicates of the
//! layers above are known by their address, others by their constants.

mod answers;
mod encode;

pub use encode::encode_shared;

use crate::arrays;
use crate::integer::is_true;
use crate::keys::KeySet;
use crate::predicate::{FilterError, Predicate, ValuePredicate};
use crate::text::strings::Strings;
use crate::text::{TextSet, Views};
use answers::Answers;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringViewArray, new_null_array};
use starfact_base::{Corruption, DataType};
use std::sync::Arc;

/// Texts of the largest dictionary, so that 16 bits hold a code.
pub const DICTIONARY_VALUES_MAX: usize = 65_536;
/// Bytes of all texts of the largest dictionary.
pub const DICTIONARY_BYTES_MAX: usize = 1 << 20;

/// The sorted distinct texts of a column. The code of a text is its place, from 0.
#[derive(Debug)]
pub struct SharedDictionary {
    texts: Strings,
    /// The view of each text.
    views: Vec<u128>,
    answers: Answers,
}

impl SharedDictionary {
    /// The dictionary of `values`, which are copied.
    ///
    /// # Errors
    /// Values that do not ascend strictly or are NULL, none at all, and more than the bounds say.
    pub fn new(values: &StringViewArray) -> Result<Self, Corruption> {
        let damage = |what: &str, expected: String, found: String| {
            Err(Corruption::new(0, what, expected, found))
        };
        let count = values.len();
        if count == 0 || count > DICTIONARY_VALUES_MAX {
            let expected = format!("1 to {DICTIONARY_VALUES_MAX}");
            return damage("texts of a dictionary", expected, count.to_string());
        }
        if values.null_count() > 0 {
            let found = format!("{} NULLs", values.null_count());
            return damage("texts of a dictionary", "no NULL".into(), found);
        }
        let byte_len: usize = values.bytes_iter().map(<[u8]>::len).sum();
        if byte_len > DICTIONARY_BYTES_MAX {
            let expected = format!("at most {DICTIONARY_BYTES_MAX}");
            return damage("bytes of a dictionary", expected, byte_len.to_string());
        }
        let is_ascending = values.bytes_iter().is_sorted_by(|a, b| a < b);
        if !is_ascending {
            return damage("texts of a dictionary", "to ascend".into(), "others".into());
        }
        let lengths: Vec<u32> = values.bytes_iter().map(|text| text.len() as u32).collect();
        let bytes = values.bytes_iter().fold(Vec::with_capacity(byte_len), |mut all, text| {
            all.extend_from_slice(text);
            all
        });
        let texts = Strings::new(&lengths, bytes.into(), 0)?;
        let views = texts.all();
        Ok(Self { texts, views, answers: Answers::default() })
    }

    /// Texts in it, at least one.
    pub fn len(&self) -> usize {
        self.views.len()
    }

    /// Never: there is at least one text.
    pub fn is_empty(&self) -> bool {
        self.views.is_empty()
    }

    /// The text with this code; `None` beyond the last.
    pub fn value(&self, code: u16) -> Option<&str> {
        let code = usize::from(code);
        let text = (code < self.len()).then(|| self.texts.get(code))?;
        std::str::from_utf8(text).ok()
    }

    /// The code of a text, if it is here.
    pub fn code(&self, text: &str) -> Option<u16> {
        let code = self.texts.partition_point(|other| other < text.as_bytes());
        let is_it = code < self.len() && self.texts.get(code) == text.as_bytes();
        is_it.then(|| u16::try_from(code).ok())?
    }

    /// All texts, by code; the array shares their memory.
    pub fn values(&self) -> StringViewArray {
        let views = self.texts.shared_views(self.views.clone());
        arrays::of_views(views, None).as_string_view().clone()
    }

    /// The texts of some codes.
    pub(crate) fn views(&self, codes: &[u16]) -> Views {
        // A code without a text cannot be, the node of the codes has checked them; view 0 is "".
        let view = |code: &u16| self.views.get(usize::from(*code)).copied().unwrap_or(0);
        self.texts.shared_views(codes.iter().map(view).collect())
    }

    pub(crate) fn codes_of(&self, set: &TextSet<'_>) -> KeySet {
        set.codes(&self.texts)
    }

    /// The codes of the texts that satisfy a comparison with constants; `None` if the predicate is
    /// none. The error says that the constants are of the wrong type.
    pub(crate) fn codes_of_constants(
        &self,
        predicate: &Predicate,
    ) -> Result<Option<Arc<KeySet>>, &'static str> {
        self.answers.of_constants(predicate, || {
            Ok(TextSet::new(predicate)?.map(|set| Arc::new(self.codes_of(&set))))
        })
    }

    /// The codes of the texts for which the predicate answers true; `None` if that is not known and
    /// not worth asking, since no more than these rows and others, fewer than texts, were asked.
    pub(crate) fn codes_of_values(
        &self,
        predicate: &Arc<dyn ValuePredicate>,
        rows: usize,
    ) -> Result<Option<Arc<KeySet>>, FilterError> {
        self.answers.of_values(predicate, rows, self.len(), || {
            let all = self.texts.shared_views(self.views.clone());
            let answers = evaluate(predicate.as_ref(), &arrays::of_views(all, None))?;
            let codes = (0..self.len()).filter(|&code| is_true(&answers, code));
            Ok(KeySet::points(codes.map(|code| code as i128).collect()))
        })
    }

    /// Whether NULL satisfies the predicate.
    pub(crate) fn keeps_null(
        &self,
        predicate: &Arc<dyn ValuePredicate>,
    ) -> Result<bool, FilterError> {
        self.answers.of_null(predicate, || {
            let null = new_null_array(&crate::arrow_type(DataType::Varchar), 1);
            Ok(is_true(&evaluate(predicate.as_ref(), &null)?, 0))
        })
    }

    /// Asks about some texts.
    pub(crate) fn ask(
        &self,
        predicate: &Arc<dyn ValuePredicate>,
        codes: &[u16],
    ) -> Result<BooleanArray, FilterError> {
        evaluate(predicate.as_ref(), &arrays::of_views(self.views(codes), None))
    }
}

fn evaluate(
    predicate: &dyn ValuePredicate,
    values: &ArrayRef,
) -> Result<BooleanArray, FilterError> {
    let answers = predicate.evaluate(values).map_err(FilterError::Predicate)?;
    if answers.len() == values.len() {
        return Ok(answers);
    }
    let (found, expected) = (answers.len(), values.len());
    let message = format!("a predicate gave {found} answers for {expected} values");
    Err(FilterError::Predicate(message))
}

#[cfg(test)]
mod tests;
