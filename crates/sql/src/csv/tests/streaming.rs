//! Chunks that are converted side by side.

use super::{opened, table};
use crate::csv::Dialect;
use crate::error::Result;
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int32Type;
use futures::StreamExt;
use starfact_base::DataType;
use tokio::runtime::Runtime;

/// Rows of many chunks, in ascending order; those in `wrong` are no numbers.
fn rows(count: usize, wrong: &[usize]) -> String {
    let pad = "x".repeat(50);
    let row = |row| {
        let sign = if wrong.contains(&row) { "?" } else { "" };
        format!("{sign}{row},{pad}\n")
    };
    (0..count).map(row).collect()
}

fn batches(text: &str, threads: usize) -> Vec<Result<RecordBatch>> {
    let target = table(&[("id", DataType::Integer), ("pad", DataType::Varchar)]);
    let opened = opened(text.as_bytes(), &Dialect::new(b','), Some(false), &target).unwrap();
    Runtime::new().unwrap().block_on(opened.batches(threads).collect())
}

#[test]
fn rows_keep_the_order_of_the_file() {
    let text = rows(100_000, &[]);
    let batches = batches(&text, 4);
    assert!(batches.len() > 4, "the file has only {} chunks", batches.len());
    let ids = batches.iter().flat_map(|batch| {
        batch.as_ref().unwrap().column(0).as_primitive::<Int32Type>().values().to_vec()
    });
    assert!(ids.eq(0..100_000), "the order changed");
}

#[test]
fn the_first_mistake_of_the_file_is_reported() {
    let text = rows(100_000, &[99_000, 50_000]);
    let error = batches(&text, 4).into_iter().find_map(Result::err).unwrap();
    assert!(error.message.contains("line 50001, column \"id\""), "{}", error.message);
}

#[test]
fn a_panic_of_a_thread_is_not_lost() {
    let runtime = Runtime::new().unwrap();
    let caught = std::panic::catch_unwind(|| {
        runtime.block_on(crate::csv::run(|| -> () { panic!("on purpose") }));
    });
    assert_eq!(caught.unwrap_err().downcast_ref::<&str>(), Some(&"on purpose"));
}
