//! Totals of covered blocks and of the rest, against all rows one by one.

use super::*;
use crate::scan::tests::{Row, fixture, holds};
use crate::{ColumnFilter, ScanOptions};
use starfact_base::DataType;
use starfact_base::limits::BLOCK_ROWS;
use starfact_encoding::{CompareOp, Predicate};
use std::sync::Arc;

fn column(idx: usize) -> ColumnId {
    fixture().0.columns()[idx].id
}

fn asked(idx: usize) -> ZoneAggregate {
    let ty = fixture().0.columns()[idx].data_type;
    let sum = matches!(ty, DataType::Integer | DataType::Decimal { .. });
    ZoneAggregate { column: column(idx), min: true, max: true, sum }
}

/// The totals of column `idx` of some rows.
fn totals(rows: &[&Row], idx: usize, sum: bool) -> ColumnTotals {
    let mut totals = ColumnTotals::default();
    for value in rows.iter().filter_map(|row| row[idx].as_ref()) {
        totals.count += 1;
        assert!(keep(&mut totals.min, value, Ordering::Less));
        assert!(keep(&mut totals.max, value, Ordering::Greater));
        if let (true, Scalar::Integer(value)) = (sum, value) {
            totals.sum += value;
        }
    }
    totals
}

/// Answers from the zone maps and checks them; returns how many blocks were left.
fn check(filters: &[(usize, Predicate)], asked: &[ZoneAggregate]) -> usize {
    let (table, rows) = fixture();
    let column_filters: Vec<ColumnFilter> = filters
        .iter()
        .map(|(idx, predicate)| ColumnFilter { column: column(*idx), predicate: predicate.clone() })
        .collect();
    let scan = Scan::new(Arc::clone(table), column_filters, ScanOptions::default()).unwrap();
    let covered = scan.aggregate_from_zones(asked).unwrap();
    // Which rows a morsel has is found by walking the segments.
    let mut blocks: Vec<&[Row]> = Vec::new();
    let mut rest = rows.as_slice();
    for segment in table.segments() {
        let (own, after) = rest.split_at(segment.row_count() as usize);
        blocks.extend(own.chunks(BLOCK_ROWS));
        rest = after;
    }
    let satisfies = |row: &&Row| filters.iter().all(|(idx, ask)| holds(ask, &row[*idx]));
    let surviving: usize = rows.iter().filter(|row| satisfies(row)).count();
    let scanned: usize =
        covered.rest.iter().map(|morsel| scan.select(morsel).unwrap().count()).sum();
    assert_eq!(covered.rows as usize + scanned, surviving);
    // The covered blocks are those that are neither left nor without a survivor.
    let rest_rows: Vec<usize> = covered.rest.iter().map(Morsel::rows).collect();
    let mut left = rest_rows.iter().peekable();
    let mut found: Vec<&Row> = Vec::new();
    for block in blocks {
        if left.peek() == Some(&&block.len()) {
            left.next();
        } else if block.iter().all(|row| satisfies(&row)) {
            found.extend(block);
        }
    }
    assert_eq!(found.len() as u64, covered.rows);
    for (aggregate, found_totals) in asked.iter().zip(&covered.totals) {
        let idx = (0..6).find(|&idx| column(idx) == aggregate.column).unwrap();
        assert_eq!(*found_totals, totals(&found, idx, aggregate.sum), "{aggregate:?}");
    }
    covered.rest.len()
}

#[test]
fn without_filters_nothing_is_left_to_scan() {
    assert_eq!(check(&[], &[]), 0);
    assert_eq!(check(&[], &(0..6).map(asked).collect::<Vec<_>>()), 0);
}

#[test]
fn filters_leave_the_blocks_in_doubt() {
    let at_least = |value: i128| {
        let value = Scalar::Integer(value);
        (5, Predicate::Compare { op: CompareOp::GreaterOrEqual, value })
    };
    assert_eq!(check(&[at_least(0)], &[asked(0), asked(3)]), 0);
    assert_eq!(check(&[at_least(66)], &[asked(0), asked(1)]), 1);
    assert_eq!(check(&[(4, Predicate::IsNull)], &[asked(4), asked(5)]), 3);
    assert_eq!(check(&[at_least(1_000_000)], &[asked(0)]), 0);
}

#[test]
fn sums_that_zone_maps_do_not_have_are_left_to_scan() {
    let date = ZoneAggregate { sum: true, ..asked(5) };
    assert_eq!(check(&[], &[date]), 5);
    // A column of nothing but NULL has no bounds, and no need of them.
    let (table, _) = fixture();
    let filter = ColumnFilter { column: column(4), predicate: Predicate::IsNull };
    let scan = Scan::new(Arc::clone(table), vec![filter], ScanOptions::default()).unwrap();
    let covered = scan.aggregate_from_zones(&[asked(4)]).unwrap();
    assert_eq!((covered.rows, covered.totals[0].count), (1_024, 0));
}

#[test]
fn without_zone_maps_everything_is_left_to_scan() {
    let (table, _) = fixture();
    let options = ScanOptions { zone_maps: false, ..ScanOptions::default() };
    let scan = Scan::new(Arc::clone(table), vec![], options).unwrap();
    let covered = scan.aggregate_from_zones(&[asked(0)]).unwrap();
    assert_eq!((covered.rows, covered.rest.as_slice()), (0, scan.morsels()));
    assert_eq!(covered.totals, [ColumnTotals::default()]);
}
