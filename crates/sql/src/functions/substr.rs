//! `substr` with positions that count from the end: `substr('hello', -2)` is `lo`.
//!
//! Positive positions are the query engine's work.

use super::elementwise::elementwise;
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringViewBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err, internal_err};
use datafusion::functions::unicode::substr::SubstrFunc;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature};
use std::sync::Arc;

/// See the [module](self).
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Substr {
    engine: SubstrFunc,
}

impl Substr {
    pub(super) fn new() -> Self {
        Self { engine: SubstrFunc::new() }
    }
}

impl ScalarUDFImpl for Substr {
    fn name(&self) -> &str {
        self.engine.name()
    }

    fn aliases(&self) -> &[String] {
        self.engine.aliases()
    }

    fn signature(&self) -> &Signature {
        self.engine.signature()
    }

    fn coerce_types(&self, args: &[DataType]) -> Result<Vec<DataType>> {
        self.engine.coerce_types(args)
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        self.engine.return_type(args)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_positive = |arg: Option<&ColumnarValue>| match arg {
            Some(ColumnarValue::Scalar(ScalarValue::Int64(value))) => value.unwrap_or(0) >= 0,
            Some(_) => false,
            None => true,
        };
        if is_positive(args.args.get(1)) && is_positive(args.args.get(2)) {
            return self.engine.invoke_with_args(args);
        }
        elementwise(&args, |arrays, rows| {
            let Some((texts, numbers)) = arrays.split_first() else {
                return internal_err!("substr takes a text");
            };
            let texts = cast(texts, &DataType::Utf8View)?;
            let texts = texts.as_string_view();
            let numbers: Vec<ArrayRef> =
                numbers.iter().map(|it| Ok(cast(it, &DataType::Int64)?)).collect::<Result<_>>()?;
            let numbers: Vec<&Int64Array> =
                numbers.iter().map(|numbers| numbers.as_primitive::<Int64Type>()).collect();
            let mut found = StringViewBuilder::new();
            for row in 0..rows {
                if texts.is_null(row) || numbers.iter().any(|numbers| numbers.is_null(row)) {
                    found.append_null();
                    continue;
                }
                let start = numbers.first().map_or(1, |starts| starts.value(row));
                let length = numbers.get(1).map(|lengths| lengths.value(row));
                if length.is_some_and(|length| length < 0) {
                    return exec_err!("substr takes no negative length");
                }
                found.append_value(part(texts.value(row), start, length));
            }
            let found: ArrayRef = Arc::new(found.finish());
            Ok(cast(&found, args.return_field.data_type())?)
        })
    }
}

/// The characters from `start`, counted from 1 or backwards from -1.
fn part(text: &str, start: i64, length: Option<i64>) -> &str {
    let begin = match start {
        1.. => start - 1,
        0 => -1,
        _ => (text.chars().count() as i64).saturating_add(start),
    };
    // What lies before the text counts, but is not there. Without a length, all is meant.
    let end = length.map_or(i64::MAX, |length| begin.saturating_add(length));
    let byte = |place: i64| {
        let place = usize::try_from(place).unwrap_or(0);
        text.char_indices().nth(place).map_or(text.len(), |(byte, _)| byte)
    };
    let (begin, end) = (byte(begin), if end == i64::MAX { text.len() } else { byte(end) });
    text.get(begin..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn positions_count_from_both_ends() {
        for (start, length, expected) in [
            (-2, None, "lö"),
            (-7, None, "hällö"),
            (-7, Some(3), "h"),
            (-3, Some(2), "ll"),
            (0, Some(2), "h"),
            (2, Some(2), "äl"),
            (4, Some(i64::MAX), "lö"),
            (9, Some(1), ""),
            (i64::MIN, Some(1), ""),
        ] {
            assert_eq!(part("hällö", start, length), expected, "{start} {length:?}");
        }
    }
}
