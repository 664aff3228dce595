//! Random star schemas and queries, answered by us under every switch and by the stock query engine
//! over the same batches in memory: all answers must be the same.

mod data;
mod query;
pub(super) mod random;

use super::{lines, run, warehouse};
use crate::Session;
use arrow::array::RecordBatch;
use data::{Star, TABLES};
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};
use query::Generator;
use random::Random;
use std::sync::Arc;

/// The settings that are switched: all on, all off, and each alone.
const SWITCHES: [&str; 11] = [
    "zone_maps",
    "bitmaps",
    "encoded_filters",
    "encoded_aggregates",
    "star_executor",
    "composed_blocks",
    "hierarchy_codes",
    "merged_groups",
    "common_blocks",
    "ordered_groups",
    "late_keys",
];

/// Rows of the fact in each commit, for one seed after the other.
const COMMITS: [&[usize]; 5] = [&[0], &[1], &[700], &[66_000], &[400, 0, 3_000, 90]];

#[test]
fn answers_are_those_of_the_stock_engine() {
    let runtime = tokio::runtime::Runtime::new().expect("threads can be started");
    for (seed, commits) in COMMITS.iter().enumerate() {
        let mut random = Random::new(seed as u64 + 1);
        let star = Star::generate(&mut random, commits);
        let stock = stock(&star);
        let warehouse = warehouse();
        let session = warehouse.session();
        load(&session, &star);
        let query_count = if commits[0] > 10_000 { 25 } else { 60 };
        let mut refused = 0;
        for number in 0..query_count {
            let query = Generator::new(&mut random, &star).query();
            let expected = runtime.block_on(async {
                let frame = stock.sql(&query.sql).await?;
                frame.collect().await
            });
            let expected = match expected {
                Ok(batches) => texts(&batches, query.is_ordered),
                // Timestamps beyond 2262 for one: where the stock engine has no answer, there is
                // nothing to compare with.
                Err(_) => {
                    refused += 1;
                    continue;
                }
            };
            for on in switched() {
                for switch in SWITCHES {
                    let value = if on.contains(&switch) { "on" } else { "off" };
                    run(&session, &[&format!("SET {switch} = {value}")]);
                }
                // The second time with the plan that was kept.
                for round in 1..=if on == SWITCHES { 2 } else { 1 } {
                    let found = match super::execute(&session, &query.sql) {
                        Ok(batches) => texts(&batches, query.is_ordered),
                        Err(error) => panic!("seed {seed}, query {number}: {}\n{error}", query.sql),
                    };
                    assert!(
                        found == expected,
                        "seed {seed}, query {number}, with {on:?}, round {round}: {}\n{}",
                        query.sql,
                        difference(&found, &expected)
                    );
                }
            }
        }
        assert!(refused * 4 < query_count, "{refused} of {query_count} queries had no answer");
    }
}

/// Which settings are on, one time after the other.
fn switched() -> impl Iterator<Item = Vec<&'static str>> {
    let alone = SWITCHES.into_iter().map(|switch| vec![switch]);
    [SWITCHES.to_vec(), Vec::new()].into_iter().chain(alone)
}

fn stock(star: &Star) -> SessionContext {
    let mut config = SessionConfig::new().with_target_partitions(2);
    let options = config.options_mut();
    options.sql_parser.parse_float_as_decimal = true;
    options.sql_parser.default_null_ordering = "nulls_last".into();
    let context = SessionContext::new_with_config(config);
    for (name, batches) in star.tables() {
        let schema = batches[0].schema();
        let table = MemTable::try_new(schema, vec![batches.to_vec()]).expect("one schema");
        context.register_table(name, Arc::new(table)).expect("a name of its own");
    }
    context
}

fn load(session: &Session, star: &Star) {
    run(session, TABLES);
    if star.is_sorted {
        run(session, &["DROP TABLE f"]);
        let sql = TABLES.last().expect("the fact is the last");
        run(session, &[&format!("{sql} SORTED BY (d, id)")]);
    }
    for (name, batches) in star.tables() {
        for batch in batches {
            let mut batches = std::iter::once(Ok(batch.clone()));
            if let Err(error) = session.append(name, &mut batches) {
                panic!("{name}: {error}");
            }
        }
    }
}

fn texts(batches: &[RecordBatch], is_ordered: bool) -> Vec<String> {
    let mut texts: Vec<String> = batches.iter().flat_map(lines).collect();
    if !is_ordered {
        texts.sort_unstable();
    }
    texts
}

/// The first rows that only one of the answers has.
fn difference(found: &[String], expected: &[String]) -> String {
    let only = |of: &[String], other: &[String]| {
        let rows = of.iter().filter(|row| !other.contains(row)).take(5);
        rows.cloned().collect::<Vec<_>>().join("\n    ")
    };
    format!(
        "  {} rows, expected {}\n  only found:\n    {}\n  only expected:\n    {}",
        found.len(),
        expected.len(),
        only(found, expected),
        only(expected, found)
    )
}
