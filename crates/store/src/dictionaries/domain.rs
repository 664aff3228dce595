//! The distinct texts of a column, sorted, as long as they fit a dictionary.

use arrow::array::{ArrayRef, StringViewArray};
use starfact_encoding::{DICTIONARY_BYTES_MAX, DICTIONARY_VALUES_MAX, SharedDictionary};
use std::cmp::Ordering;
use std::sync::Arc;

/// Texts that ascend strictly.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Domain {
    texts: Vec<String>,
    byte_len: usize,
}

impl Domain {
    pub(super) fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Adds texts that ascend strictly; false, and nothing is added, if there are too many then.
    pub(super) fn add(&mut self, others: &StringViewArray) -> bool {
        let others: Vec<&str> = others.iter().flatten().collect();
        if self.has_all(others.iter().copied()) {
            return true;
        }
        let merged = self.merged(&others);
        let fits =
            merged.texts.len() <= DICTIONARY_VALUES_MAX && merged.byte_len <= DICTIONARY_BYTES_MAX;
        if fits {
            *self = merged;
        }
        fits
    }

    /// Whether a dictionary has all these texts.
    pub(super) fn is_within(&self, dictionary: &SharedDictionary) -> bool {
        self.texts.len() <= dictionary.len()
            && self.texts.iter().all(|text| dictionary.code(text).is_some())
    }

    /// These texts and those of a dictionary, or these alone if that would be too many.
    pub(super) fn with(mut self, dictionary: &SharedDictionary) -> Self {
        self.add(&dictionary.values());
        self
    }

    pub(super) fn array(&self) -> ArrayRef {
        Arc::new(StringViewArray::from_iter_values(&self.texts))
    }

    fn has_all<'a>(&self, mut others: impl Iterator<Item = &'a str>) -> bool {
        let mut own = self.texts.iter();
        others.all(|other| own.any(|text| text == other))
    }

    fn merged(&self, others: &[&str]) -> Self {
        let mut merged = Self::default();
        let (mut own, mut others) = (self.texts.iter().peekable(), others.iter().peekable());
        loop {
            let order = match (own.peek(), others.peek()) {
                (None, None) => return merged,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(text), Some(other)) => text.as_str().cmp(other),
            };
            let text = match order {
                Ordering::Less => own.next().cloned(),
                Ordering::Greater => others.next().map(|other| (*other).to_owned()),
                Ordering::Equal => {
                    others.next();
                    own.next().cloned()
                }
            };
            let text = text.unwrap_or_default();
            merged.byte_len += text.len();
            merged.texts.push(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array<T: AsRef<str>>(texts: &[T]) -> StringViewArray {
        StringViewArray::from_iter_values(texts)
    }

    #[test]
    fn texts_are_merged_in_order_and_each_is_there_once() {
        let mut domain = Domain::default();
        for texts in [&["b", "d"][..], &[], &["d"], &["", "c", "d", "é"], &["a", "b", "z"]] {
            assert!(domain.add(&array(texts)));
        }
        assert_eq!(domain.texts, ["", "a", "b", "c", "d", "z", "é"]);
        assert_eq!(domain.byte_len, 7);
        let dictionary = |texts: &[&str]| SharedDictionary::new(&array(texts)).unwrap();
        assert!(domain.is_within(&dictionary(&["", "a", "b", "c", "d", "x", "z", "é"])));
        assert!(!domain.is_within(&dictionary(&["a", "b", "c", "d", "x", "z", "é"])));
        let more = domain.with(&dictionary(&["0", "d"]));
        assert_eq!(more.texts, ["", "0", "a", "b", "c", "d", "z", "é"]);
    }

    #[test]
    fn too_many_texts_and_too_much_text_are_refused() {
        let many: Vec<String> = (0..=DICTIONARY_VALUES_MAX).map(|n| format!("{n:06}")).collect();
        let mut domain = Domain::default();
        assert!(!domain.add(&array(&many)) && domain.is_empty());
        assert!(domain.add(&array(&many[1..])));
        assert!(!domain.add(&array(&many[..1])) && domain.add(&array(&many[5..9])));
        assert_eq!(domain.texts.len(), DICTIONARY_VALUES_MAX);
        let full = domain.clone().with(&SharedDictionary::new(&array(&many[..1])).unwrap());
        assert_eq!(full, domain);
        let mut domain = Domain::default();
        assert!(domain.add(&array(&["x".repeat(DICTIONARY_BYTES_MAX)])));
        assert!(!domain.add(&array(&["a"])) && domain.add(&array(&[""])));
    }
}
