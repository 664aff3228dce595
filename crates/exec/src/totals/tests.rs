//! Totals of covered blocks and of the rest, against all rows one by one.

use super::*;
use crate::scan::tests::{Row, fixture, holds};
use crate::{ColumnFilter, ScanOptions};
use starfact_base::DataType;
use starfact_encoding::{CompareOp, Predicate};
use std::sync::Arc;

fn column(idx: usize) -> ColumnId {
    fixture().0.columns()[idx].id
}

fn asked(idx: usize) -> TotalsAsked {
    let ty = fixture().0.columns()[idx].data_type;
    let sum = matches!(ty, DataType::Integer | DataType::Decimal { .. });
    TotalsAsked { column: column(idx), min: true, max: true, sum }
}

fn scan(filters: &[(usize, Predicate)], options: ScanOptions) -> Scan {
    let column_filters = filters.iter().map(|(idx, predicate)| ColumnFilter {
        column: column(*idx),
        predicate: predicate.clone(),
    });
    Scan::new(Arc::clone(&fixture().0), column_filters.collect(), options).unwrap()
}

/// Adds up all morsels of a scan; returns the totals and how many morsels their zone maps answered.
fn add_up(scan: &Scan, asked: &[TotalsAsked]) -> (Totals, usize) {
    let (mut totals, mut covered) = (Totals::of(asked.len()), 0);
    for morsel in scan.morsels() {
        if scan.add_covered(morsel, asked, &mut totals).unwrap() {
            covered += 1;
        } else {
            let selection = scan.select(morsel).unwrap();
            scan.add_selected(morsel, &selection, asked, &mut totals).unwrap();
        }
    }
    (totals, covered)
}

/// The totals of column `idx` of some rows, one by one.
fn one_by_one(rows: &[&Row], idx: usize, asked: &TotalsAsked) -> ColumnTotals {
    let mut totals = ColumnTotals::default();
    for value in rows.iter().filter_map(|row| row[idx].as_ref()) {
        totals.count += 1;
        assert!(!asked.min || keep(&mut totals.min, value, Ordering::Less));
        assert!(!asked.max || keep(&mut totals.max, value, Ordering::Greater));
        if let (true, Scalar::Integer(value)) = (asked.sum, value) {
            totals.sum += value;
        }
    }
    totals
}

/// Checks totals with zone maps and without; returns how many morsels the zone maps left.
fn check(filters: &[(usize, Predicate)], asked: &[TotalsAsked]) -> usize {
    let satisfies = |row: &&Row| filters.iter().all(|(idx, ask)| holds(ask, &row[*idx]));
    let rows: Vec<&Row> = fixture().1.iter().filter(satisfies).collect();
    let columns = asked.iter().map(|asked| {
        let idx = (0..6).find(|&idx| column(idx) == asked.column).unwrap();
        one_by_one(&rows, idx, asked)
    });
    let expected = Totals { rows: rows.len() as u64, columns: columns.collect() };
    let without = scan(filters, ScanOptions { zone_maps: false, ..ScanOptions::default() });
    assert_eq!(add_up(&without, asked), (expected.clone(), 0));
    let with = scan(filters, ScanOptions::default());
    let (totals, covered) = add_up(&with, asked);
    assert_eq!(totals, expected);
    with.morsels().len() - covered
}

#[test]
fn without_filters_zone_maps_know_everything() {
    assert_eq!(check(&[], &[]), 0);
    assert_eq!(check(&[], &(0..6).map(asked).collect::<Vec<_>>()), 0);
    let counts = |idx| TotalsAsked { min: false, max: false, sum: false, ..asked(idx) };
    assert_eq!(check(&[], &(0..6).map(counts).collect::<Vec<_>>()), 0);
}

#[test]
fn blocks_in_doubt_are_read() {
    let at_least = |value: i128| {
        let value = Scalar::Integer(value);
        (5, Predicate::Compare { op: CompareOp::GreaterOrEqual, value })
    };
    let all: Vec<TotalsAsked> = (0..6).map(asked).collect();
    assert_eq!(check(&[at_least(0)], &all), 0);
    assert_eq!(check(&[at_least(66)], &all), 1);
    assert_eq!(check(&[(4, Predicate::IsNull)], &all), 3);
    assert_eq!(check(&[at_least(1_000_000)], &all), 0);
    let counts = |idx| TotalsAsked { min: false, max: false, sum: false, ..asked(idx) };
    assert_eq!(check(&[at_least(66)], &(0..6).map(counts).collect::<Vec<_>>()), 1);
}

#[test]
fn a_sum_of_dates_is_an_error() {
    let scan = scan(&[], ScanOptions::default());
    let date = TotalsAsked { sum: true, ..asked(5) };
    let mut totals = Totals::of(1);
    let morsel = &scan.morsels()[0];
    assert!(!scan.add_covered(morsel, &[date], &mut totals).unwrap());
    let selection = scan.select(morsel).unwrap();
    assert!(scan.add_selected(morsel, &selection, &[date], &mut totals).is_err());
}
