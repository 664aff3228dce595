//! `substr(x, 1, n)` and `left(x, n)` beside literals, on many rows at once.
//!
//! ```text
//!   substr(c_phone, 1, 2) IN ('13', '31')
//!
//!   view of a text   length | 1 3 - 7 | where it is       has its first four bytes
//! ```
//!
//! Beginnings of up to four bytes are compared without a look at the text itself.

use super::filter::{answers_of_texts, text_literal};
use arrow::array::{Array, ArrayRef, BooleanArray, StringViewArray};
use arrow::buffer::BooleanBuffer;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, InListExpr, Literal};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use starfact_encoding::ValuePredicate;
use std::sync::Arc;

/// Bytes of a text that its view has.
const IN_VIEW: usize = 4;

/// Whether the first characters of a text are one of some texts.
#[derive(Debug)]
pub(super) struct Beginning {
    /// How many characters.
    chars: usize,
    texts: Vec<String>,
    /// Those of the texts that are short and of ASCII, as [`short`] has them.
    short: Vec<u64>,
    /// The first two bytes of these, 0 for those that there are not: a bit for each such number.
    first_two: Vec<u64>,
    negated: bool,
}

impl Beginning {
    /// What an expression asks of the beginning of its only column.
    pub(super) fn of(expr: &Arc<dyn PhysicalExpr>) -> Option<Self> {
        if let Some(list) = expr.downcast_ref::<InListExpr>() {
            let texts = list.list().iter().map(text_literal).collect::<Option<_>>()?;
            return Some(Self::new(chars_of(list.expr())?, texts, list.negated()));
        }
        let binary = expr.downcast_ref::<BinaryExpr>()?;
        let negated = match binary.op() {
            Operator::Eq => false,
            Operator::NotEq => true,
            _ => return None,
        };
        let (call, text) = match text_literal(binary.right()) {
            Some(text) => (binary.left(), text),
            None => (binary.right(), text_literal(binary.left())?),
        };
        Some(Self::new(chars_of(call)?, vec![text], negated))
    }

    fn new(chars: usize, texts: Vec<String>, negated: bool) -> Self {
        // No beginning is longer.
        let texts: Vec<String> =
            texts.into_iter().filter(|text| text.chars().count() <= chars).collect();
        let is_short = |text: &&String| text.is_ascii() && text.len() <= IN_VIEW;
        let short: Vec<u64> =
            texts.iter().filter(is_short).map(|text| short(text.as_bytes())).collect();
        let mut first_two = vec![0; (1 << 16) / 64];
        for beginning in &short {
            let (word, bit) = bit_of(*beginning);
            if let Some(word) = first_two.get_mut(word) {
                *word |= bit;
            }
        }
        Self { chars, texts, short, first_two, negated }
    }

    fn begins(&self, texts: &StringViewArray) -> BooleanBuffer {
        let views = texts.views();
        BooleanBuffer::collect_bool(texts.len(), |row| {
            let view = views.get(row).copied().unwrap_or_default();
            let len = (view as u32 as usize).min(self.chars);
            let first = (view >> 32) as u32;
            let mask = u32::MAX.checked_shr(32 - 8 * len.min(IN_VIEW) as u32).unwrap_or(0);
            // A byte of ASCII is a character.
            if len <= IN_VIEW && first & mask & 0x8080_8080 == 0 {
                let beginning = (len as u64) << 32 | u64::from(first & mask);
                // Most rows have none of them.
                let (word, bit) = bit_of(beginning);
                let may_be = self.first_two.get(word).is_some_and(|word| word & bit != 0);
                return may_be && self.short.contains(&beginning);
            }
            let text = texts.value(row);
            let end = text.char_indices().nth(self.chars).map_or(text.len(), |(end, _)| end);
            let beginning = text.get(..end).unwrap_or_default();
            self.texts.iter().any(|known| known == beginning)
        })
    }
}

/// The bytes of a short text and their number.
fn short(text: &[u8]) -> u64 {
    let bytes = text.iter().rev().fold(0, |bytes, byte| bytes << 8 | u64::from(*byte));
    (text.len() as u64) << 32 | bytes
}

/// The word and the bit in it of the first two bytes of a text as [`short`] has it.
fn bit_of(short: u64) -> (usize, u64) {
    let first_two = short as u16;
    (usize::from(first_two / 64), 1 << (first_two % 64))
}

impl ValuePredicate for Beginning {
    fn evaluate(&self, values: &ArrayRef) -> Result<BooleanArray, String> {
        answers_of_texts(values, self.negated, |texts| self.begins(texts))
    }
}

/// How many of the first characters of a column a call gives.
fn chars_of(expr: &Arc<dyn PhysicalExpr>) -> Option<usize> {
    let call = expr.downcast_ref::<ScalarFunctionExpr>()?;
    let count = match (call.fun().name(), call.args()) {
        ("substr", [text, first, count]) if text.is::<Column>() => {
            (integer_of(first)? == 1).then_some(count)?
        }
        ("left", [text, count]) if text.is::<Column>() => count,
        _ => return None,
    };
    // A negative count is an error, or counts from the end.
    usize::try_from(integer_of(count)?).ok()
}

fn integer_of(expr: &Arc<dyn PhysicalExpr>) -> Option<i64> {
    match expr.downcast_ref::<Literal>()?.value() {
        ScalarValue::Int64(value) => *value,
        ScalarValue::Int32(value) => value.map(i64::from),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn beginnings_are_those_of_the_characters(
            texts in prop::collection::vec(
                prop::option::weighted(0.9, "[ab]{0,6}|[abö€]{0,8}|[ab]{4}[abö]{9,20}"), 0..60),
            wanted in prop::collection::vec("[ab]{0,5}|[abö€]{0,4}", 1..5),
            chars in 0..7_usize,
            negated in any::<bool>(),
        ) {
            let beginning = Beginning::new(chars, wanted.clone(), negated);
            let values: ArrayRef = Arc::new(texts.iter().cloned().collect::<StringViewArray>());
            let found = beginning.evaluate(&values).unwrap();
            for (text, found) in texts.iter().zip(found.iter()) {
                let expected = text.as_ref().map(|text| {
                    let first: String = text.chars().take(chars).collect();
                    wanted.contains(&first) != negated
                });
                prop_assert_eq!(found, expected, "{:?} {} of {:?}", text, chars, wanted);
            }
        }
    }
}
