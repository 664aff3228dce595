//! Queries of our own over the tables of TPC-H, in the manner of TPC-DS: reports with subtotals,
//! shares, ranks and running totals, years beside each other, facts united, sets of customers.
//!
//! No answers are stored for them: they are evaluated independently at every scale factor.

use crate::workload::Query;

const QUERIES: [Query; 14] = [
    query!("own/", "O1", [2, 0, 1], []),
    query!("own/", "O2", [0, 1, 2], [5]),
    query!("own/", "O3", [0, 1, 2], []),
    query!("own/", "O4", [2, 3, 0, 1], []),
    query!("own/", "O5", [0, 1], []),
    query!("own/", "O6", [0], []),
    query!("own/", "O7", [1, 0], []),
    query!("own/", "O8", [5, 0], []),
    query!("own/", "O9", [0, 1], []),
    query!("own/", "O10", [0, 1], []),
    query!("own/", "O11", [0, 1], [5]),
    query!("own/", "O12", [0, 1], []),
    query!("own/", "O13", [0, 1], []),
    query!("own/", "O14", [0], []),
];

/// All queries of our own.
pub(super) fn own_queries() -> &'static [Query] {
    &QUERIES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Answer;
    use crate::parquet::write_parquet;
    use crate::progress::Cancel;
    use crate::reference::Reference;
    use crate::tpch::Generator;

    /// The smallest valid scale factor is enough for each to have rows.
    #[test]
    fn queries_have_rows_in_a_certain_order_and_every_value_counts() {
        let folder = tempfile::tempdir().unwrap();
        let generator = Generator::new("0.01".parse().unwrap()).unwrap();
        let cancel = Cancel::default();
        write_parquet(&generator, folder.path(), 2, &cancel, &|_| {}).unwrap();
        let reference = Reference::open::<Generator>(folder.path(), 2).unwrap();
        for query in own_queries() {
            let answer = reference.answer(query, &cancel).unwrap();
            assert!(answer.row_count() > 0, "{} has no rows", query.name);
            query.assert_orders_as_said(&answer);
            assert_changes_are_noticed(query, &answer);
        }
    }

    /// That no column may have another value, and no row another place.
    fn assert_changes_are_noticed(query: &Query, answer: &Answer) {
        let difference = |changed: Answer| {
            let changed = changed.with_quotients_of(answer, query.quotients);
            changed.difference(answer, query.order_by)
        };
        assert_eq!(difference(answer.clone()), None, "{}", query.name);
        for column in 0..answer.column_count() {
            let changed = difference(answer.with_first(column, "-1"));
            assert!(changed.is_some(), "{}: {}", query.name, answer.column(column));
        }
        if answer.row_count() > 1 {
            assert!(difference(answer.reversed()).is_some(), "{}", query.name);
        }
    }

    #[test]
    fn queries_say_what_they_ask() {
        for query in own_queries() {
            let first = query.sql.lines().next().unwrap_or_default();
            assert!(first.starts_with("-- ") && first.len() > 40, "{}: {first}", query.name);
        }
    }
}
