//! The text of one field to one value, exactly or not at all.
//!
//! | type | what is read |
//! |---|---|
//! | integers | `12`, `-12`, `+12`, `12.00` |
//! | DECIMAL | the same with a fraction or an exponent; excess digits round half away from zero |
//! | REAL, DOUBLE | the nearest number; also `nan`, `inf`, `-infinity`, in any case |
//! | BOOLEAN | `true t yes y on 1`, `false f no n off 0`, in any case |
//! | DATE | `2024-02-29`, `2024/2/29`; years 1 to 9999 |
//! | TIME | `13:45`, `13:45:59`, `13:45:59.123456` |
//! | TIMESTAMP | a date, or a date and a time with a blank or `T` between them; also with `Z` |
//! | TIMESTAMPTZ | the same with `Z`, `UTC`, `+01`, `+0100` or `+01:00`; without, it is UTC |
//!
//! White space around a value is skipped, except in text.

mod number;
mod time;

pub(crate) use number::{boolean, decimal, double, integer, real};
pub(crate) use time::{date, time, timestamp, timestamp_tz};

/// Why a text is not a value of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// It does not look like one.
    Syntax,
    /// It is one that the type cannot hold.
    Range,
    /// It has a fraction, and the type has none.
    Fraction,
    /// It has more than microseconds.
    Precision,
    /// It has an offset from UTC, and the type has none.
    Zone,
    /// It is longer than any text may be.
    Length,
}
