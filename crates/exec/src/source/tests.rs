//! Tables whose declaration has changed between loads, against plain rows in memory.

mod model;

use super::*;
use crate::{Bitmaps, ColumnFilter, Morsel, Scan, ScanOptions, Totals, TotalsAsked, column_bounds};
use arrow::array::BooleanArray;
use model::*;
use proptest::prelude::*;
use starfact_base::limits::BLOCK_ROWS;
use starfact_encoding::{Selection, ValuePredicate};
use starfact_store::{CheckOptions, ColumnDefinition, TableChange};
use std::cmp::Ordering;

/// A predicate of the layers above that NULL satisfies.
#[derive(Debug)]
struct Anything;

impl ValuePredicate for Anything {
    fn evaluate(&self, values: &ArrayRef) -> Result<BooleanArray, String> {
        Ok(BooleanArray::from(vec![true; values.len()]))
    }
}

/// Values of which the physical value is odd, or the text is long; of exactly this type.
#[derive(Debug)]
struct IsOdd(DataType);

impl ValuePredicate for IsOdd {
    fn evaluate(&self, values: &ArrayRef) -> Result<BooleanArray, String> {
        let values = scalars(values, self.0);
        Ok(values.iter().map(|value| value.as_ref().map(is_odd)).collect())
    }
}

fn is_odd(value: &Scalar) -> bool {
    match value {
        Scalar::Integer(value) => value % 2 != 0,
        Scalar::Float(value) => value.abs() > 4.0,
        Scalar::String(text) => text.len() > 1,
    }
}

/// Whether a value satisfies a predicate, the plain way.
fn holds(predicate: &Predicate, value: &Option<Scalar>) -> bool {
    match (predicate, value) {
        (Predicate::IsNull, value) => value.is_none(),
        (_, None) => false,
        (Predicate::IsNotNull, _) => true,
        (Predicate::Values(_), Some(value)) => is_odd(value),
        (predicate, Some(value)) => predicate.holds(value).expect("a predicate of the type"),
    }
}

/// Some predicates of every kind on a column: about values that it has, and their neighbours.
fn predicates(model: &Model, column: usize, random: &mut Random) -> Vec<Predicate> {
    let ty = model.columns[column].data_type;
    let mut constant = || match model.rows.len() {
        0 => any_value(ty, random),
        rows => match model.rows[random.below(rows as u64) as usize][column].clone() {
            Some(Scalar::Integer(value)) => {
                Scalar::Integer(value + i128::from(random.below(3)) - 1)
            }
            Some(value) => value,
            None => any_value(ty, random),
        },
    };
    let mut predicates = Vec::new();
    for op in OPS {
        predicates.push(Predicate::Compare { op, value: constant() });
    }
    predicates.push(Predicate::Between { low: constant(), high: constant() });
    predicates.push(Predicate::is_in((0..4).map(|_| constant()).collect()));
    predicates.push(Predicate::is_in(Vec::new()));
    if ty == DataType::Varchar {
        predicates.extend(["", "a", "b"].map(|prefix| Predicate::Prefix(prefix.into())));
    }
    predicates.extend([Predicate::IsNull, Predicate::IsNotNull]);
    predicates.push(Predicate::Values(Arc::new(IsOdd(ty))));
    predicates
}

fn every_option() -> impl Iterator<Item = ScanOptions> {
    [true, false].into_iter().flat_map(|zone_maps| {
        [Bitmaps::Never, Bitmaps::IfCheaper, Bitmaps::Always].map(|bitmaps| ScanOptions {
            zone_maps,
            bitmaps,
            hierarchy_codes: zone_maps,
        })
    })
}

/// The table is what the model says: values, filters of each kind, totals, bounds.
fn compare(warehouse: &Warehouse, model: &Model, random: &mut Random) {
    let snapshot = warehouse.store().snapshot().unwrap();
    let table = snapshot.table("t").unwrap();
    let names = table.columns().iter().map(|column| (column.name.as_str(), column.data_type));
    assert!(names.eq(model.columns.iter().map(|it| (it.name.as_str(), it.data_type))));
    assert_eq!(table.row_count(), model.rows.len() as u64);
    let ids: Vec<ColumnId> = table.columns().iter().map(|column| column.id).collect();
    let scan = |filters, options| Scan::new(Arc::clone(table), filters, options).unwrap();
    let everything = scan(Vec::new(), ScanOptions::default());
    let rows: Vec<u32> = (0..model.rows.len() as u32).collect();
    assert_eq!(found(&everything, &ids, model), rows);
    for column in 0..ids.len() {
        check_bounds(table, ids[column], model, column);
        for predicate in predicates(model, column, random) {
            let keeps = |row: &u32| holds(&predicate, &model.rows[*row as usize][column]);
            let expected: Vec<u32> = rows.iter().copied().filter(keeps).collect();
            let filter = ColumnFilter { column: ids[column], predicate: predicate.clone() };
            for options in every_option() {
                let scan = scan(vec![filter.clone()], options);
                assert_eq!(found(&scan, &ids, model), expected, "{filter:?} {options:?}");
                check_totals(&scan, &ids, model, &expected);
                check_rules_out(&everything, &filter, &expected);
            }
        }
    }
    let options = CheckOptions { threads: 1, memory_bytes: 1 << 20, proceed: &|_| Ok(()) };
    let report = snapshot.check(table.id(), &options).unwrap();
    assert_eq!(report.fault_count, 0, "{:?}", report.faults);
}

/// The rows that a scan finds; their values are compared with the model's.
fn found(scan: &Scan, ids: &[ColumnId], model: &Model) -> Vec<u32> {
    let mut all = Vec::new();
    for morsel in scan.morsels() {
        let before = first_row(scan, morsel);
        let selection = scan.select(morsel).unwrap();
        let rows: Vec<u32> = selection.indices().iter().map(|row| before + row).collect();
        let arrays = scan.decode(morsel, ids, &selection).unwrap();
        for (column, array) in arrays.iter().enumerate() {
            let values = scalars(array, model.columns[column].data_type);
            let expected = rows.iter().map(|row| model.rows[*row as usize][column].clone());
            assert_eq!(values, expected.collect::<Vec<_>>(), "{:?}", model.columns[column]);
        }
        all.extend(rows);
    }
    all
}

/// The place in the table of the first row of a morsel: there are no gaps.
fn first_row(scan: &Scan, morsel: &Morsel) -> u32 {
    let before = scan.segment(morsel).unwrap().first_row();
    before as u32 + (morsel.block_idx * BLOCK_ROWS) as u32
}

fn check_bounds(table: &Table, id: ColumnId, model: &Model, column: usize) {
    let bounds = column_bounds(table, id).unwrap();
    let values = || model.rows.iter().filter_map(|row| row[column].as_ref());
    let order = |a: &&Scalar, b: &&Scalar| a.compare(b).unwrap();
    assert_eq!(bounds.nulls, (model.rows.len() - values().count()) as u64);
    assert_eq!(bounds.min.as_ref(), values().min_by(order));
    assert_eq!(bounds.max.as_ref(), values().max_by(order));
}

fn check_totals(scan: &Scan, ids: &[ColumnId], model: &Model, rows: &[u32]) {
    let asked: Vec<TotalsAsked> = ids
        .iter()
        .zip(&model.columns)
        .map(|(id, column)| {
            let sum = is_number(column.data_type);
            TotalsAsked { column: *id, min: true, max: true, sum }
        })
        .collect();
    let mut totals = Totals::of(asked.len());
    for morsel in scan.morsels() {
        if !scan.add_covered(morsel, &asked, &mut totals).unwrap() {
            let selection = scan.select(morsel).unwrap();
            scan.add_selected(morsel, &selection, &asked, &mut totals).unwrap();
        }
    }
    assert_eq!(totals.rows, rows.len() as u64);
    for (column, totals) in totals.columns.iter().enumerate() {
        let values = || rows.iter().filter_map(|row| model.rows[*row as usize][column].as_ref());
        let order = |a: &&Scalar, b: &&Scalar| a.compare(b).unwrap();
        assert_eq!(totals.count, values().count() as u64);
        assert_eq!(totals.min.as_ref(), values().min_by(order));
        assert_eq!(totals.max.as_ref(), values().max_by(order));
        if asked[column].sum {
            let sum: i128 = values().map(integer).sum();
            assert_eq!(totals.sum, sum, "{:?}", model.columns[column]);
        }
    }
}

fn check_rules_out(scan: &Scan, filter: &ColumnFilter, expected: &[u32]) {
    for morsel in scan.morsels() {
        if scan.rules_out(morsel, std::slice::from_ref(filter)).unwrap() {
            let first = first_row(scan, morsel);
            let rows = first..first + morsel.rows() as u32;
            assert!(!expected.iter().any(|row| rows.contains(row)), "{filter:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_table_that_changes_is_what_plain_rows_are(
        seed in any::<u64>(),
        steps in proptest::collection::vec(any_step(), 1..12),
    ) {
        let mut random = Random(seed);
        let (mut warehouse, mut model) = create(&mut random);
        for step in steps {
            apply(&step, &mut warehouse, &mut model, &mut random);
            warehouse.reopen();
            compare(&warehouse, &model, &mut random);
        }
    }
}

#[test]
fn blocks_of_a_column_that_came_later_have_its_value() {
    let mut random = Random(7);
    let (mut warehouse, mut model) = create(&mut random);
    load(&mut warehouse, &mut model, BLOCK_ROWS + 100, &mut random);
    let column = ColumnDefinition::new("late", DataType::Integer).not_null();
    let initial = Some(Scalar::Integer(42));
    warehouse.alter(&[TableChange::AddColumn { column, initial: initial.clone() }]);
    model.add("late", DataType::Integer, initial);
    warehouse.reopen();
    let table = warehouse.table();
    let id = table.column_named("late").unwrap().id;
    let equal = |value| ColumnFilter {
        column: id,
        predicate: Predicate::Compare { op: OPS[0], value: Scalar::Integer(value) },
    };
    let scan =
        |value| Scan::new(Arc::clone(&table), vec![equal(value)], ScanOptions::default()).unwrap();
    assert_eq!((scan(41).morsels().len(), scan(41).pruned_blocks()), (0, 2));
    let scan = scan(42);
    assert_eq!((scan.morsels().len(), scan.pruned_blocks()), (2, 0));
    let asked = TotalsAsked { column: id, min: true, max: true, sum: true };
    let mut totals = Totals::of(1);
    for morsel in scan.morsels() {
        assert!(scan.add_covered(morsel, &[asked], &mut totals).unwrap());
        assert_eq!(scan.block_bytes(morsel, &[id]).unwrap(), 0);
    }
    assert_eq!(totals.columns[0].sum, 42 * (BLOCK_ROWS as i128 + 100));
    let rows = |block| table.block_values(&table.segments()[0], id, block).unwrap().len();
    assert_eq!((rows(0), rows(1)), (BLOCK_ROWS, 100));
}

#[test]
fn a_predicate_decides_about_null_itself() {
    let missing = |value: Option<&str>| Missing {
        data_type: DataType::Varchar,
        value: value.map(|text| Scalar::String(text.into())),
    };
    let null = |predicate| missing(None).satisfies(&predicate).unwrap();
    assert!(null(Predicate::IsNull) && null(Predicate::Values(Arc::new(Anything))));
    assert!(!null(Predicate::IsNotNull));
    assert!(!null(Predicate::Values(Arc::new(IsOdd(DataType::Varchar)))));
    assert!(!null(Predicate::is_in(vec![Scalar::String(String::new())])));
    let long = |predicate| missing(Some("long")).satisfies(&predicate).unwrap();
    assert!(long(Predicate::IsNotNull) && !long(Predicate::IsNull));
    assert!(long(Predicate::Values(Arc::new(IsOdd(DataType::Varchar)))));
    assert!(long(Predicate::Prefix("lo".into())) && !long(Predicate::Prefix("ma".into())));
    let misfit = Predicate::Compare { op: OPS[0], value: Scalar::Integer(1) };
    assert!(missing(Some("long")).satisfies(&misfit).is_err());
}

#[test]
fn zone_maps_of_files_of_an_older_type_still_skip_and_cover() {
    let mut random = Random(3);
    let (mut warehouse, mut model) = create(&mut random);
    let column = ColumnDefinition::new("n", DataType::SmallInt);
    warehouse.alter(&[TableChange::AddColumn { column, initial: None }]);
    model.add("n", DataType::SmallInt, None);
    for _ in 0..2 {
        load(&mut warehouse, &mut model, 50, &mut random);
    }
    let id = warehouse.table().column_named("n").unwrap().id;
    let data_type = DataType::Decimal { precision: 20, scale: 3 };
    warehouse.alter(&[TableChange::SetType { column: id, data_type }]);
    let table = warehouse.table();
    let filters = |op, value| {
        vec![ColumnFilter {
            column: id,
            predicate: Predicate::Compare { op, value: Scalar::Integer(value) },
        }]
    };
    let scan = |filters| Scan::new(Arc::clone(&table), filters, ScanOptions::default()).unwrap();
    let (least, greatest) = (i128::from(i16::MIN) * 1_000, i128::from(i16::MAX) * 1_000);
    assert_eq!(scan(filters(OPS[2], least)).pruned_blocks(), 2);
    // One thousandth is no value of a SMALLINT.
    assert_eq!(scan(filters(OPS[0], 1)).pruned_blocks(), 2);
    let covered = scan(vec![ColumnFilter { column: id, predicate: Predicate::IsNotNull }]);
    let everything = scan(filters(OPS[3], greatest));
    for scan in [covered, everything] {
        for morsel in scan.morsels() {
            let expected = scan.select(morsel).unwrap() == Selection::all(morsel.rows());
            let asked = TotalsAsked { column: id, min: true, max: true, sum: true };
            let mut totals = Totals::of(1);
            let is_covered = scan.add_covered(morsel, &[asked], &mut totals).unwrap();
            assert_eq!(is_covered, expected);
        }
    }
    let bounds = column_bounds(&table, id).unwrap();
    assert_eq!(bounds.min.unwrap().compare(&Scalar::Integer(least)), Some(Ordering::Greater));
}
