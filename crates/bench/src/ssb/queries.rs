//! The 13 queries and the answers that are stored for them.

use super::generator::DEFAULT_SEED;
use super::{Generator, ScaleFactor};
use crate::answer::Answer;

/// A query of the benchmark.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    /// Flight and number, `Q2.1`.
    pub name: &'static str,
    /// The text, one statement.
    pub sql: &'static str,
    /// Columns of the result that its `ORDER BY` names, from 0.
    pub(crate) order_by: &'static [usize],
    /// By scale factor.
    stored: [(&'static str, &'static str); 2],
}

macro_rules! query {
    ($name:literal, $order_by:expr) => {
        Query {
            name: $name,
            sql: include_str!(concat!("../../../../queries/ssb/", $name, ".sql")),
            order_by: &$order_by,
            stored: [
                (
                    "0.01",
                    include_str!(concat!(
                        "../../../../datasets/ssb/answers/sf0.01/",
                        $name,
                        ".csv"
                    )),
                ),
                (
                    "1",
                    include_str!(concat!("../../../../datasets/ssb/answers/sf1/", $name, ".csv")),
                ),
            ],
        }
    };
}

const QUERIES: [Query; 13] = [
    query!("Q1.1", []),
    query!("Q1.2", []),
    query!("Q1.3", []),
    query!("Q2.1", [1, 2]),
    query!("Q2.2", [1, 2]),
    query!("Q2.3", [1, 2]),
    query!("Q3.1", [2, 3]),
    query!("Q3.2", [2, 3]),
    query!("Q3.3", [2, 3]),
    query!("Q3.4", [2, 3]),
    query!("Q4.1", [0, 1]),
    query!("Q4.2", [0, 1, 2]),
    query!("Q4.3", [0, 1, 2]),
];

/// All queries, in the order of the benchmark.
pub fn queries() -> &'static [Query] {
    &QUERIES
}

impl Query {
    /// The answer that is stored for the rows of `generator`, if one is.
    pub(crate) fn stored_answer(&self, generator: &Generator) -> Option<Answer> {
        let scale = generator.scale();
        let belongs = |text: &str| text.parse::<ScaleFactor>().is_ok_and(|of| of == scale);
        let stored = self.stored.iter().find(|(of, _)| belongs(of))?;
        (*generator == Generator::with_seed(scale, DEFAULT_SEED)).then(|| Answer::parse(stored.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generator(scale: &str) -> Generator {
        Generator::new(scale.parse().unwrap())
    }

    #[test]
    fn answers_are_stored_for_two_scale_factors_and_one_seed() {
        for query in queries() {
            for scale in ["0.01", "1"] {
                let answer = query.stored_answer(&generator(scale)).unwrap();
                assert!(answer.row_count() > 0, "{} has no rows at {scale}", query.name);
            }
            assert!(query.stored_answer(&generator("0.1")).is_none());
            let other = Generator::with_seed("1".parse().unwrap(), DEFAULT_SEED + 1);
            assert!(query.stored_answer(&other).is_none());
        }
    }

    #[test]
    fn queries_order_by_the_columns_they_are_said_to() {
        for query in queries() {
            let answer = query.stored_answer(&generator("1")).unwrap();
            let (_, order) = query.sql.split_once("ORDER BY").unwrap_or_default();
            let named = order.trim().trim_end_matches(';').split(", ");
            let named: Vec<&str> = named
                .map(|part| part.split(' ').next().unwrap_or_default())
                .filter(|name| !name.is_empty())
                .collect();
            let said: Vec<&str> = query.order_by.iter().map(|&at| answer.column(at)).collect();
            assert_eq!(said, named, "{}", query.name);
        }
    }
}
