//! Functions of ours that take the place of the query engine's: exact sums and averages, and
//! moments with microseconds.

mod accumulator;
mod aggregate;
mod aliases;
mod careful_rules;
mod date_trunc;
mod exact;
mod groups;
mod now;
mod nullable;
mod signed_ranks;
mod timestamp_text;
mod version;

pub(crate) use aggregate::is_sum;
pub(crate) use aliases::register_aliases;
pub(crate) use careful_rules::adapt_rule;
pub(crate) use nullable::{hidden, nullable};
pub(crate) use signed_ranks::SignedRanks;
pub(crate) use timestamp_text::timestamp_text;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};
use std::sync::Arc;

/// The aggregate functions.
pub(crate) fn aggregates() -> Vec<Arc<AggregateUDF>> {
    use aggregate::{Exact, Kind};
    [Kind::Sum, Kind::Average].map(|kind| Arc::new(Exact::new(kind).into())).to_vec()
}

/// The scalar functions.
pub(crate) fn scalars() -> Vec<Arc<ScalarUDF>> {
    vec![
        Arc::new(date_trunc::DateTrunc::new().into()),
        Arc::new(now::Now::new().into()),
        Arc::new(version::Version::new().into()),
    ]
}
