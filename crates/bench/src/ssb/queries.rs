//! The 13 queries and the answers that are stored for them.

use super::Generator;
use super::generator::DEFAULT_SEED;
use crate::answer::Answer;
use crate::scale::ScaleFactor;
use crate::workload::Query;

macro_rules! query {
    ($name:literal, $order_by:expr) => {
        Query {
            name: $name,
            sql: include_str!(concat!("../../../../queries/ssb/", $name, ".sql")),
            order_by: &$order_by,
            quotients: &[],
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

/// The answers for scale factors, in the order of the queries.
macro_rules! answers {
    ($($name:literal)*) => {
        [
            ("0.01", [$(answers!(one "0.01", $name)),*]),
            ("1", [$(answers!(one "1", $name)),*]),
        ]
    };
    (one $scale:literal, $name:literal) => {
        include_str!(concat!("../../../../datasets/ssb/answers/sf", $scale, "/", $name, ".csv"))
    };
}

const STORED: [(&str, [&str; 13]); 2] = answers!(
    "Q1.1" "Q1.2" "Q1.3" "Q2.1" "Q2.2" "Q2.3" "Q3.1"
    "Q3.2" "Q3.3" "Q3.4" "Q4.1" "Q4.2" "Q4.3"
);

/// The answer that is stored for the rows of `generator`, if one is.
pub(super) fn stored_answer(query: &Query, generator: &Generator) -> Option<Answer> {
    let scale = generator.scale();
    let belongs = |text: &str| text.parse::<ScaleFactor>().is_ok_and(|of| of == scale);
    let (_, answers) = STORED.iter().find(|(of, _)| belongs(of))?;
    let place = QUERIES.iter().position(|of| of.name == query.name)?;
    let is_default = *generator == Generator::with_seed(scale, DEFAULT_SEED);
    is_default.then(|| Answer::parse(answers[place]))
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
                let answer = stored_answer(query, &generator(scale)).unwrap();
                assert!(answer.row_count() > 0, "{} has no rows at {scale}", query.name);
            }
            assert!(stored_answer(query, &generator("0.1")).is_none());
            let other = Generator::with_seed("1".parse().unwrap(), DEFAULT_SEED + 1);
            assert!(stored_answer(query, &other).is_none());
        }
    }

    #[test]
    fn queries_order_by_the_columns_they_are_said_to() {
        for query in queries() {
            query.assert_orders_as_said(&stored_answer(query, &generator("1")).unwrap());
        }
    }
}
