//! `strftime`: dates and timestamps as text in a format, with DuckDB's specifiers.

use super::calendar::{DAY_MICROS, day_of};
use super::elementwise::elementwise;
use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{Result, exec_datafusion_err, internal_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use std::fmt::Write;
use std::sync::Arc;

const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// See the [module](self).
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Strftime {
    signature: Signature,
}

impl Strftime {
    pub(super) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Strftime {
    fn name(&self) -> &'static str {
        "strftime"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, args: &[DataType]) -> Result<Vec<DataType>> {
        let micros = TimeUnit::Microsecond;
        let [moment @ (DataType::Date32 | DataType::Timestamp(..) | DataType::Null), _] = args
        else {
            return plan_err!("strftime takes a date or a timestamp, and a format");
        };
        let zone = match moment {
            DataType::Timestamp(_, zone) => zone.clone(),
            _ => None,
        };
        Ok(vec![DataType::Timestamp(micros, zone), DataType::Utf8])
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        elementwise(&args, |arrays, rows| {
            let [moments, formats] = arrays else {
                return internal_err!("strftime takes two arguments");
            };
            let zone = match moments.data_type() {
                DataType::Timestamp(_, Some(_)) => "UTC",
                _ => "",
            };
            let moments = moments.as_primitive::<TimestampMicrosecondType>();
            let formats = formats.as_string::<i32>();
            let mut texts = StringBuilder::new();
            let mut text = String::new();
            for row in 0..rows {
                if moments.is_null(row) || formats.is_null(row) {
                    texts.append_null();
                    continue;
                }
                text.clear();
                format(moments.value(row), formats.value(row), zone, &mut text)?;
                texts.append_value(&text);
            }
            Ok(Arc::new(texts.finish()) as ArrayRef)
        })
    }
}

fn format(moment: i64, format: &str, zone: &str, text: &mut String) -> Result<()> {
    let mut chars = format.chars();
    while let Some(ch) = chars.next() {
        if ch != '%' {
            text.push(ch);
            continue;
        }
        let mut specifier = chars.next();
        let padded = specifier != Some('-');
        if !padded {
            specifier = chars.next();
        }
        let known = specifier.and_then(|ch| write_part(moment, ch, padded, zone, text).ok());
        known.ok_or_else(|| {
            let shown: String = specifier.into_iter().collect();
            exec_datafusion_err!("strftime does not know the specifier \"%{shown}\"")
        })?;
    }
    Ok(())
}

/// Fails for an unknown specifier.
fn write_part(
    moment: i64,
    specifier: char,
    padded: bool,
    zone: &str,
    text: &mut String,
) -> std::fmt::Result {
    let day = day_of(moment.div_euclid(DAY_MICROS));
    let micros = moment.rem_euclid(DAY_MICROS);
    let (hour, minute) = (micros / 3_600_000_000, micros / 60_000_000 % 60);
    let (second, fraction) = (micros / 1_000_000 % 60, micros % 1_000_000);
    let weekday_name = DAYS.get(day.weekday() as usize).copied().unwrap_or_default();
    let month_name = MONTHS.get((day.month - 1) as usize).copied().unwrap_or_default();
    let day_of_year = day.day_of_year() - 1;
    let mut number = |value: i64, width: usize| match padded {
        true => write!(text, "{value:0width$}"),
        false => write!(text, "{value}"),
    };
    match specifier {
        'd' => number(day.day, 2),
        'm' => number(day.month, 2),
        'y' => number(day.year.rem_euclid(100), 2),
        'Y' => number(day.year, 4),
        'H' => number(hour, 2),
        'I' => number((hour + 11) % 12 + 1, 2),
        'M' => number(minute, 2),
        'S' => number(second, 2),
        'j' => number(day_of_year + 1, 3),
        'f' => write!(text, "{fraction:06}"),
        'n' => write!(text, "{fraction:06}000"),
        'g' => write!(text, "{:03}", fraction / 1_000),
        'w' => number(day.weekday(), 1),
        'u' => number((day.weekday() + 6) % 7 + 1, 1),
        'U' => number((day_of_year + 7 - day.weekday()) / 7, 2),
        'W' => number((day_of_year + 7 - (day.weekday() + 6) % 7) / 7, 2),
        'V' => number(day.iso_week().1, 2),
        'G' => number(day.iso_week().0, 4),
        'a' => text.write_str(weekday_name.get(..3).unwrap_or_default()),
        'A' => text.write_str(weekday_name),
        'b' | 'h' => text.write_str(month_name.get(..3).unwrap_or_default()),
        'B' => text.write_str(month_name),
        'p' => text.write_str(if hour < 12 { "AM" } else { "PM" }),
        'z' => text.write_str("+00"),
        'Z' => text.write_str(zone),
        'c' => write!(
            text,
            "{:04}-{:02}-{:02} {hour:02}:{minute:02}:{second:02}",
            day.year, day.month, day.day
        ),
        'x' => write!(text, "{:04}-{:02}-{:02}", day.year, day.month, day.day),
        'X' => write!(text, "{hour:02}:{minute:02}:{second:02}"),
        '%' => text.write_char('%'),
        _ => Err(std::fmt::Error),
    }
}
