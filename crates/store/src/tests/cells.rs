//! Cells of cubes, of which those with the same keys become one when they are written again.

use super::support::*;
use crate::{
    CellRole, ColumnDefinition, CubePart, LoadOptions, Maintenance, MergePolicy, MergeReport,
    PartChange, PartDefinition, Snapshot, Store, Table, TableDefinition,
};
use arrow::array::{ArrayRef, AsArray, Decimal128Array, Int64Array};
use arrow::datatypes::{Decimal128Type, Int32Type, Int64Type};
use arrow::record_batch::RecordBatch;
use starfact_base::{DataType, Result, TableId};
use starfact_vfs::MemDir;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// All loose cells are too many.
const NONE_LOOSE: MergePolicy =
    MergePolicy { loose_cells: 0, loose_share: 0, ..MergePolicy::DEFAULT };
const AMOUNT: DataType = DataType::Decimal { precision: 4, scale: 2 };

/// Hands out the changes that a test has thought of.
#[derive(Clone, Debug, Default)]
struct Planned(Arc<Mutex<Vec<PartChange>>>);

impl Maintenance for Planned {
    fn changes(
        &self,
        _before: &Arc<Snapshot>,
        _after: &Arc<Snapshot>,
        _parts: &[Arc<Table>],
    ) -> Result<Vec<PartChange>> {
        Ok(std::mem::take(&mut self.0.lock().unwrap()))
    }
}

/// The keys of a cell.
type Keys = (Option<i32>, i32);

/// The values of a cell: how many, a sum, of which NULL is nothing, and the least value.
#[derive(Clone, Debug, PartialEq)]
struct Values {
    rows: i64,
    amount: Option<i128>,
    least: Option<i32>,
}

/// A warehouse with one part of a cube.
struct Warehouse {
    dir: MemDir,
    store: Store,
    planned: Planned,
    next: i32,
}

impl Warehouse {
    /// With least values or without.
    fn new(has_least: bool) -> Self {
        let dir = MemDir::new();
        let store = open(&dir);
        create(&store, &dimension("of"));
        let planned = Planned::default();
        store.set_maintenance(Box::new(planned.clone()));
        let mut transaction = store.begin().unwrap();
        let of = transaction.snapshot().unwrap().table("of").unwrap().id();
        transaction.create_cube_part(&definition(has_least, of)).unwrap();
        transaction.commit().unwrap();
        Self { dir, store, planned, next: 0 }
    }

    fn reopen(self) -> Self {
        let Self { dir, store, planned, next } = self;
        drop(store);
        let store = open(&dir);
        store.set_maintenance(Box::new(planned.clone()));
        Self { dir, store, planned, next }
    }

    fn part(&self) -> Arc<Table> {
        let snapshot = self.store.snapshot().unwrap();
        let (part, _) = snapshot.cube_parts().next().unwrap();
        Arc::clone(part)
    }

    /// A commit that takes the cells with some keys away, and adds others.
    fn change(&self, id: i32, is_gone: impl Fn(&Keys) -> bool, added: Vec<RecordBatch>) {
        let part = self.part();
        let gone = cells(&part).into_iter().filter(|(keys, ..)| is_gone(keys));
        let deleted = gone.map(|(_, _, row)| row).collect();
        *self.planned.0.lock().unwrap() = vec![PartChange { table: part.id(), deleted, added }];
        let mut transaction = self.store.begin().unwrap();
        let of = transaction.snapshot().unwrap().table("of").unwrap().id();
        transaction.insert(of, &dimension_rows([id])).unwrap();
        transaction.commit().unwrap();
    }

    fn add(&mut self, added: Vec<RecordBatch>) {
        self.next += 1;
        self.change(self.next, |_| false, added);
    }

    /// A step of the background work, with little memory, and something that happens meanwhile.
    fn merge(&self, memory_bytes: usize, meanwhile: &(dyn Fn() + Sync)) -> Option<MergeReport> {
        let is_first = Mutex::new(Cell::new(true));
        let pace = || {
            if is_first.lock().unwrap().replace(false) {
                meanwhile();
            }
            Ok(())
        };
        let options = LoadOptions { memory_bytes, threads: 2, ..LoadOptions::default() };
        self.store.merge_step(&NONE_LOOSE, &options, &pace).unwrap()
    }
}

fn definition(has_least: bool, of: TableId) -> PartDefinition {
    let nullable = |name: &str, data_type| ColumnDefinition::new(name, data_type);
    let mut columns = vec![
        nullable("k0", DataType::Integer),
        nullable("k1", DataType::Integer),
        nullable("v0", DataType::BigInt),
        nullable("v1", AMOUNT),
    ];
    let mut roles = vec![CellRole::Key, CellRole::Key, CellRole::Sum, CellRole::Sum];
    if has_least {
        columns.push(nullable("v2", DataType::Integer));
        roles.push(CellRole::Min);
    }
    PartDefinition {
        table: TableDefinition {
            name: "cube c 0".into(),
            columns,
            sorted_by: strings(&["k1", "k0"]),
            ..TableDefinition::default()
        },
        part: CubePart {
            cube: "c".into(),
            sql: String::new(),
            place: 0,
            cells: String::new(),
            tables: vec![of],
            roles,
        },
    }
}

fn rows_of(cells: &[(Keys, Values)], has_least: bool) -> RecordBatch {
    let amounts = cells.iter().map(|(_, values)| values.amount).collect::<Decimal128Array>();
    let mut columns: Vec<ArrayRef> = vec![
        nullable_ints(cells.iter().map(|(keys, _)| keys.0)),
        ints(cells.iter().map(|(keys, _)| keys.1)),
        Arc::new(cells.iter().map(|(_, values)| values.rows).collect::<Int64Array>()),
        Arc::new(amounts.with_precision_and_scale(4, 2).unwrap()),
    ];
    if has_least {
        columns.push(nullable_ints(cells.iter().map(|(_, values)| values.least)));
    }
    batch(columns)
}

/// The cells of a part with their row ids.
fn cells(part: &Table) -> Vec<(Keys, Values, u64)> {
    let ids = part.segments.iter().flat_map(|it| it.first_row()..it.row_end());
    let ids: Vec<u64> = ids.filter(|row| part.is_live(*row)).collect();
    let taken = crate::transaction::take_rows(part, &ids).unwrap();
    let ints = |column: usize, row| {
        let values = taken.columns().get(column)?.as_primitive::<Int32Type>();
        values.iter().nth(row).unwrap()
    };
    let of = |row| {
        let amounts = taken.column(3).as_primitive::<Decimal128Type>();
        let values = Values {
            rows: taken.column(2).as_primitive::<Int64Type>().value(row),
            amount: amounts.iter().nth(row).unwrap(),
            least: ints(4, row),
        };
        ((ints(0, row), ints(1, row).unwrap()), values, ids[row])
    };
    (0..taken.num_rows()).map(of).collect()
}

fn merged(a: &Values, b: &Values) -> Values {
    Values {
        rows: a.rows + b.rows,
        amount: Some(a.amount.unwrap_or(0) + b.amount.unwrap_or(0)),
        least: a.least.map_or(b.least, |a| Some(b.least.map_or(a, |b| a.min(b)))),
    }
}

/// What cells come to, without what comes to nothing.
fn total<'a>(cells: impl IntoIterator<Item = (&'a Keys, &'a Values)>) -> BTreeMap<Keys, Values> {
    let mut all: BTreeMap<Keys, Values> = BTreeMap::new();
    for (keys, values) in cells {
        let nothing = || Values { rows: 0, amount: Some(0), least: None };
        let known = all.entry(*keys).or_insert_with(nothing);
        *known = merged(known, values);
    }
    all.retain(|_, values| {
        values.rows != 0
            || values.amount.is_some_and(|amount| amount != 0)
            || values.least.is_some()
    });
    all
}

#[track_caller]
fn assert_total(part: &Table, expected: &BTreeMap<Keys, Values>, label: &str) {
    let cells = cells(part);
    let found = total(cells.iter().map(|(keys, values, _)| (keys, values)));
    let differs = |(a, b): &((&Keys, &Values), (&Keys, &Values))| a != b;
    assert_eq!(found.iter().zip(expected).find(differs), None, "{label}");
    assert_eq!(found.len(), expected.len(), "{label}");
}

/// Numbers that look random.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: i64) -> i64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % limit as u64) as i64
    }

    fn cells(&mut self, has_least: bool) -> Vec<(Keys, Values)> {
        let cell = |_| {
            let keys = (Some(self.below(9) as i32).filter(|key| *key != 4), self.below(40) as i32);
            let least = Some(self.below(99) as i32).filter(|value| has_least && *value % 5 != 0);
            let sign = if has_least { 1 } else { self.below(2) * 2 - 1 };
            let amount = Some(self.below(9)).filter(|it| *it != 3).map(|it| i128::from(it * sign));
            (keys, Values { rows: sign, amount, least })
        };
        (0..150).map(cell).collect()
    }
}

#[test]
fn cells_become_one_each_beside_changes() {
    for (has_least, memory_bytes) in [(false, 1 << 20), (false, 4_000), (true, 1 << 20), (true, 1)]
    {
        let mut warehouse = Warehouse::new(has_least);
        let mut numbers = Numbers(memory_bytes as u64);
        let mut expected = BTreeMap::new();
        for step in 0..12 {
            for _ in 0..3 {
                let added = numbers.cells(has_least);
                let all = expected.iter().chain(added.iter().map(|(keys, values)| (keys, values)));
                let all = total(all);
                warehouse.add(vec![rows_of(&added, has_least)]);
                expected = all;
            }
            let gone = (step * 7) % 40;
            let (id, of_gone) = (1_000 + step, |keys: &Keys| has_least && keys.1 % 10 == gone % 10);
            let added = numbers.cells(has_least);
            let meanwhile = || {
                if step % 3 != 0 {
                    warehouse.change(id, of_gone, vec![rows_of(&added, has_least)]);
                }
            };
            let report = warehouse.merge(memory_bytes, &meanwhile).unwrap();
            assert!(report.is_done, "{report:?}");
            if step % 3 != 0 {
                expected.retain(|keys, _| !of_gone(keys));
                expected = total(expected.iter().chain(added.iter().map(|(k, v)| (k, v))));
            } else {
                let part = warehouse.part();
                assert_eq!(part.row_count(), expected.len() as u64, "one each");
                let are_numbered = part.segments.iter().all(|it| it.consecutive().is_some());
                assert!(are_numbered, "ordinals take no space");
            }
            assert_total(&warehouse.part(), &expected, &format!("step {step}"));
            if step % 4 == 1 {
                warehouse = warehouse.reopen();
                assert_total(&warehouse.part(), &expected, &format!("step {step}, opened again"));
            }
            assert_sound(&warehouse.store);
        }
        while warehouse.merge(memory_bytes, &|| ()).is_some() {}
        assert_eq!(warehouse.part().row_count(), expected.len() as u64);
        assert_total(&warehouse.part(), &expected, "in the end");
    }
}

#[test]
fn sums_that_are_out_of_range_stay_apart() {
    let mut warehouse = Warehouse::new(false);
    let keys = (Some(1), 1);
    let cell = |rows, amount| (keys, Values { rows, amount: Some(amount), least: None });
    for (rows, amount) in [(1, 9_000), (i64::MAX, 9_000), (-5, -9_000)] {
        warehouse.add(vec![rows_of(&[cell(rows, amount)], false)]);
    }
    // Of the first two, the sums are too large; all three come to something that is not.
    let mut transaction = warehouse.store.begin().unwrap();
    let table = warehouse.part().id();
    let row = cells(&warehouse.part()).last().unwrap().2;
    transaction.delete(table, &[row]).unwrap();
    transaction.commit().unwrap();
    assert!(warehouse.merge(1 << 20, &|| ()).unwrap().is_done);
    assert_eq!(warehouse.part().row_count(), 2);
    warehouse.add(vec![rows_of(&[cell(-5, -9_000)], false)]);
    assert!(warehouse.merge(1 << 20, &|| ()).unwrap().is_done);
    assert_eq!(warehouse.part().row_count(), 1);
    let all = Values { rows: i64::MAX - 4, amount: Some(9_000), least: None };
    assert_total(&warehouse.part(), &BTreeMap::from([(keys, all)]), "all three");
}
