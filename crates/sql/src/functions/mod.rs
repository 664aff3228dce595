//! Functions of ours that take the place of the query engine's: exact sums and averages, and
//! moments with microseconds.

mod accumulator;
mod aggregate;
mod aliases;
mod average_of;
mod bounds;
mod calendar;
mod careful_rules;
mod date_bin;
mod date_diff;
mod date_part;
mod date_trunc;
mod elementwise;
mod exact;
mod groups;
mod last_day;
mod now;
mod nullable;
mod sided_filters;
mod sign;
mod signed_ranks;
mod strftime;
mod substr;
mod time_text;
mod timestamp_text;
mod type_of;
mod version;

pub(crate) use aggregate::{is_exact_total, is_sum};
pub(crate) use aliases::register_aliases;
pub(crate) use average_of::average_of;
pub(crate) use bounds::{greatest, is_max, least};
pub(crate) use careful_rules::adapt_rule;
pub(crate) use exact::{DIGITS_IN_128_BITS, is_wide};
pub(crate) use nullable::{hidden, nullable};
pub(crate) use signed_ranks::SignedRanks;
pub(crate) use time_text::time_text;
pub(crate) use timestamp_text::timestamp_text;

use datafusion::logical_expr::{AggregateUDF, Expr, ScalarUDF};
use std::sync::{Arc, LazyLock};

/// The aggregate functions.
pub(crate) fn aggregates() -> Vec<Arc<AggregateUDF>> {
    use aggregate::{Exact, Kind};
    let totals = [Kind::Sum, Kind::Average].map(|kind| Exact::new(kind).into());
    totals.into_iter().chain(bounds::bounds().map(Into::into)).map(Arc::new).collect()
}

/// The exact sum of an expression.
pub(crate) fn exact_sum(of: Expr) -> Expr {
    use aggregate::{Exact, Kind};
    static SUM: LazyLock<Arc<AggregateUDF>> =
        LazyLock::new(|| Arc::new(Exact::new(Kind::Sum).into()));
    SUM.call(vec![of])
}

/// The scalar functions.
pub(crate) fn scalars() -> Vec<Arc<ScalarUDF>> {
    vec![
        Arc::new(date_bin::DateBin::new().into()),
        Arc::new(date_diff::DateDiff::boundaries().into()),
        Arc::new(date_diff::DateDiff::whole().into()),
        Arc::new(date_part::DatePart::new().into()),
        Arc::new(date_trunc::DateTrunc::new().into()),
        Arc::new(last_day::LastDay::new().into()),
        Arc::new(now::Now::new().into()),
        Arc::new(sign::Sign::new().into()),
        Arc::new(strftime::Strftime::new().into()),
        Arc::new(substr::Substr::new().into()),
        Arc::new(type_of::TypeOf::new().into()),
        Arc::new(version::Version::new().into()),
    ]
}
