//! Views of what happens: rows in memory, merges, epochs, open transactions and statements.

use crate::cube::{Audit, Cubes};
use crate::error::Result;
use crate::query_log::QueryLog;
use crate::views::{counts, rows, texts};
use arrow::array::{ArrayRef, Float64Array, RecordBatch, TimestampMicrosecondArray};
use starfact_base::{DataType, Epoch};
use starfact_encoding::arrow_type;
use starfact_store::{MergeReason, MergeReport, Segment, Snapshot, Store, Table};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Rows that are in memory and in the log, and rows that are deleted and still stored.
pub(super) fn delta(snapshot: &Snapshot) -> Result<RecordBatch> {
    let tables: Vec<&Arc<Table>> = snapshot.tables().collect();
    let sum = |table: &Table, of: fn(&Segment) -> u64| {
        let memory = table.segments().iter().filter(|segment| segment.is_in_memory());
        memory.map(|segment| of(segment)).sum::<u64>()
    };
    rows(vec![
        ("table_name", texts(tables.iter().map(|table| Some(table.name().to_owned())))),
        ("segments", counts(tables.iter().map(|table| sum(table, |_| 1)))),
        ("rows", counts(tables.iter().map(|table| sum(table, Segment::row_count)))),
        ("bytes", counts(tables.iter().map(|table| sum(table, Segment::byte_len)))),
        ("deleted", counts(tables.iter().map(|table| table.deleted_row_count()))),
    ])
}

/// The times that rows were written again since the warehouse was opened.
pub(super) fn merges(store: &Store) -> Result<RecordBatch> {
    let all = store.merges();
    let count = |of: fn(&MergeReport) -> u64| {
        counts(all.iter().map(|merge| merge.outcome.as_ref().map_or(0, of)))
    };
    let seconds = all.iter().map(|merge| merge.duration.as_secs_f64());
    let status = |outcome: &std::result::Result<MergeReport, String>| match outcome {
        Ok(report) if report.is_done => "done".to_owned(),
        Ok(_) => "given up: others changed the same files".to_owned(),
        Err(error) => format!("failed: {error}"),
    };
    let table = |outcome: &std::result::Result<MergeReport, String>| {
        outcome.as_ref().ok().map(|report| report.table.clone())
    };
    let reason = |reason: MergeReason| match reason {
        MergeReason::Background => "background",
        MergeReason::Statement => "statement",
        MergeReason::Commit => "commit",
    };
    rows(vec![
        ("table_name", texts(all.iter().map(|merge| table(&merge.outcome)))),
        ("started", times(all.iter().map(|merge| merge.started))),
        ("seconds", Arc::new(Float64Array::from_iter_values(seconds))),
        ("reason", texts(all.iter().map(|merge| Some(reason(merge.reason).to_owned())))),
        ("segments_before", count(|report| report.segments.0)),
        ("segments_after", count(|report| report.segments.1)),
        ("rows_before", count(|report| report.rows.0)),
        ("rows_after", count(|report| report.rows.1)),
        ("bytes_before", count(|report| report.bytes.0)),
        ("bytes_after", count(|report| report.bytes.1)),
        ("status", texts(all.iter().map(|merge| Some(status(&merge.outcome))))),
    ])
}

/// The epochs that can be read, as ranges.
pub(super) fn snapshots(store: &Store) -> Result<RecordBatch> {
    let ranges: Vec<(Epoch, Epoch)> = store.epochs()?;
    let current = ranges.len().saturating_sub(1);
    let is_newest = (0..ranges.len()).map(|place| place == current);
    rows(vec![
        ("first_epoch", counts(ranges.iter().map(|range| range.0.0))),
        ("last_epoch", counts(ranges.iter().map(|range| range.1.0))),
        ("is_newest", Arc::new(arrow::array::BooleanArray::from_iter(is_newest.map(Some)))),
    ])
}

/// The open transactions of this process.
pub(super) fn transactions(store: &Store) -> Result<RecordBatch> {
    let all = store.transactions();
    let is_waited_for = all.iter().map(|transaction| Some(transaction.has_turn));
    rows(vec![
        ("id", counts(all.iter().map(|transaction| transaction.id))),
        ("began", times(all.iter().map(|transaction| transaction.began))),
        ("epoch", counts(all.iter().map(|transaction| transaction.epoch.0))),
        ("blocks_writers", Arc::new(arrow::array::BooleanArray::from_iter(is_waited_for))),
    ])
}

/// The last statements of this process.
pub(super) fn query_log(log: &QueryLog) -> Result<RecordBatch> {
    let all = log.all();
    let milliseconds = all.iter().map(|entry| entry.duration.as_secs_f64() * 1e3);
    rows(vec![
        ("id", counts(all.iter().map(|entry| entry.id))),
        ("started", times(all.iter().map(|entry| entry.started))),
        ("status", texts(all.iter().map(|entry| Some(entry.status.to_string())))),
        ("milliseconds", Arc::new(Float64Array::from_iter_values(milliseconds))),
        ("rows", counts(all.iter().map(|entry| entry.rows))),
        ("statement", texts(all.iter().map(|entry| Some(entry.text.clone())))),
        ("error", texts(all.iter().map(|entry| entry.error.clone()))),
        ("ledger", texts(all.iter().map(|entry| entry.ledger.clone()))),
    ])
}

/// Answers of cubes that were compared with those of tables.
pub(super) fn audit(cubes: &Cubes) -> Result<RecordBatch> {
    let all = cubes.audits();
    let verdict = |audit: &Audit| if audit.difference.is_none() { "same" } else { "different" };
    rows(vec![
        ("at", times(all.iter().map(|audit| audit.at))),
        ("cubes", texts(all.iter().map(|audit| Some(audit.cubes.clone())))),
        ("verdict", texts(all.iter().map(|audit| Some(verdict(audit).to_owned())))),
        ("difference", texts(all.iter().map(|audit| audit.difference.clone()))),
        ("statement", texts(all.iter().map(|audit| Some(audit.statement.clone())))),
    ])
}

fn times(times: impl Iterator<Item = SystemTime>) -> ArrayRef {
    let micros = |time: SystemTime| {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    };
    let array = TimestampMicrosecondArray::from_iter_values(times.map(micros));
    Arc::new(array.with_data_type(arrow_type(DataType::TimestampTz)))
}
