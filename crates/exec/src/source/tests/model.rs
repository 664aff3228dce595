//! Plain rows, and what changes them and the warehouse alike.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{cast, concat};
use arrow::datatypes::{
    DataType as ArrowType, Decimal128Type, Field, Float32Type, Float64Type, Int64Type, Schema,
};
use arrow::record_batch::RecordBatch;
use proptest::prelude::*;
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{DataType, Scalar};
use starfact_encoding::{CompareOp, arrow_type, repeated};
use starfact_store::{
    ColumnDefinition, LoadOptions, OpenMode, SharedDictionaries, Store, Table, TableChange,
    TableDefinition,
};
use starfact_vfs::MemDir;
use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;

pub(super) const OPS: [CompareOp; 6] = [
    CompareOp::Equal,
    CompareOp::NotEqual,
    CompareOp::Less,
    CompareOp::LessOrEqual,
    CompareOp::Greater,
    CompareOp::GreaterOrEqual,
];

/// SplitMix64 (Steele, Lea and Flood, 2014).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

#[derive(Clone, Debug)]
pub(super) struct ModelColumn {
    pub(super) name: String,
    pub(super) data_type: DataType,
    nullable: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) columns: Vec<ModelColumn>,
    pub(super) rows: Vec<Vec<Option<Scalar>>>,
    /// The column that loads sort by, always the first.
    is_sorted: bool,
    next_name: usize,
}

impl Model {
    pub(super) fn add(&mut self, name: &str, data_type: DataType, initial: Option<Scalar>) {
        self.columns.push(ModelColumn { name: name.into(), data_type, nullable: true });
        self.rows.iter_mut().for_each(|row| row.push(initial.clone()));
    }

    fn new_name(&mut self) -> String {
        self.next_name += 1;
        format!("c{}", self.next_name)
    }
}

/// A warehouse in memory that may be closed and opened again.
pub(super) struct Warehouse {
    dir: MemDir,
    store: Option<Store>,
}

impl Warehouse {
    pub(super) fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    pub(super) fn reopen(&mut self) {
        self.store = None;
        let mode = OpenMode::ReadWrite { wait: Duration::ZERO };
        self.store = Some(Store::open(Arc::new(self.dir.clone()), mode).unwrap());
    }

    pub(super) fn table(&self) -> Arc<Table> {
        Arc::clone(self.store().snapshot().unwrap().table("t").unwrap())
    }

    pub(super) fn alter(&self, changes: &[TableChange]) {
        let mut transaction = self.store().begin().unwrap();
        let id = transaction.snapshot().unwrap().table("t").unwrap().id();
        for change in changes {
            transaction.alter_table(id, change).unwrap();
        }
        transaction.commit().unwrap();
    }
}

const TYPES: [DataType; 10] = [
    DataType::SmallInt,
    DataType::Integer,
    DataType::BigInt,
    DataType::Decimal { precision: 6, scale: 1 },
    DataType::Real,
    DataType::Double,
    DataType::Date,
    DataType::Varchar,
    DataType::Boolean,
    DataType::Timestamp,
];

/// Types that are wider than one.
fn wider(ty: DataType) -> Vec<DataType> {
    let decimal = |precision, scale| DataType::Decimal { precision, scale };
    match ty {
        DataType::SmallInt => vec![DataType::Integer, DataType::BigInt, decimal(8, 3)],
        DataType::Integer => vec![DataType::BigInt, decimal(12, 2), decimal(19, 0)],
        DataType::BigInt => vec![decimal(19, 0), decimal(24, 5)],
        DataType::Real => vec![DataType::Double],
        DataType::Date => vec![DataType::Timestamp],
        DataType::Decimal { precision, scale } if precision < 30 => {
            vec![decimal(precision + 1, scale), decimal(precision + 3, scale + 2)]
        }
        _ => Vec::new(),
    }
}

/// The value as a wider type, in its physical space.
fn converted(value: Scalar, from: DataType, to: DataType) -> Scalar {
    let scale = |ty| match ty {
        DataType::Decimal { scale, .. } => u32::from(scale),
        _ => 0,
    };
    match (value, to) {
        (Scalar::Integer(day), DataType::Timestamp) => Scalar::Integer(day * 86_400_000_000),
        (Scalar::Integer(value), _) => {
            Scalar::Integer(value * 10_i128.pow(scale(to) - scale(from)))
        }
        (value, _) => value,
    }
}

pub(super) fn is_number(ty: DataType) -> bool {
    use DataType::{BigInt, Decimal, Integer, SmallInt};
    matches!(ty, SmallInt | Integer | BigInt | Decimal { .. })
}

pub(super) fn integer(value: &Scalar) -> i128 {
    match value {
        Scalar::Integer(value) => *value,
        other => panic!("{other:?} is no integer"),
    }
}

/// A value of a type, one of few.
pub(super) fn any_value(ty: DataType, random: &mut Random) -> Scalar {
    let number = random.below(41) as i128 - 20;
    match ty {
        DataType::Boolean => Scalar::Integer(i128::from(random.below(2))),
        DataType::Real | DataType::Double => Scalar::Float(number as f64 / 4.0),
        DataType::Varchar => {
            let long = "a text that is longer than what is kept within a view";
            Scalar::String(random.pick(&["", "a", "ab", "b", "bc", long]).into())
        }
        DataType::SmallInt if random.below(9) == 0 => {
            Scalar::Integer(random.pick(&[-32_000, 32_000]))
        }
        DataType::BigInt if random.below(9) == 0 => {
            Scalar::Integer(random.pick(&[i64::MIN, i64::MAX]).into())
        }
        DataType::Timestamp => Scalar::Integer(number * 43_200_000_000),
        _ => Scalar::Integer(number),
    }
}

/// The values of an array.
pub(super) fn scalars(array: &ArrayRef, ty: DataType) -> Vec<Option<Scalar>> {
    assert_eq!(*array.data_type(), arrow_type(ty));
    if let Some(texts) = array.as_string_view_opt() {
        return texts.iter().map(|text| text.map(|text| Scalar::String(text.into()))).collect();
    }
    if let Some(floats) = array.as_primitive_opt::<Float32Type>() {
        return floats.iter().map(|value| value.map(|it| Scalar::Float(it.into()))).collect();
    }
    if let Some(floats) = array.as_primitive_opt::<Float64Type>() {
        return floats.iter().map(|value| value.map(Scalar::Float)).collect();
    }
    if let Some(decimals) = array.as_primitive_opt::<Decimal128Type>() {
        return decimals.iter().map(|value| value.map(Scalar::Integer)).collect();
    }
    let narrow = match array.data_type() {
        ArrowType::Date32 => cast(array, &ArrowType::Int32).unwrap(),
        _ => Arc::clone(array),
    };
    let integers = cast(&narrow, &ArrowType::Int64).unwrap();
    let integers = integers.as_primitive::<Int64Type>().iter();
    integers.map(|value| value.map(|value| Scalar::Integer(value.into()))).collect()
}

fn array(values: Vec<Option<Scalar>>, ty: DataType) -> ArrayRef {
    let parts: Vec<ArrayRef> =
        values.iter().map(|value| repeated(value.as_ref(), ty, 1).unwrap()).collect();
    concat(&parts.iter().map(|part| part.as_ref() as &dyn Array).collect::<Vec<_>>()).unwrap()
}

/// A change, whose particulars are left to chance.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Load(usize),
    /// So many loads that their segments become one.
    ManyLoads,
    Add,
    AddNotNull,
    Drop,
    Rename,
    Widen,
    SetNotNull,
    DropNotNull,
    Several,
}

pub(super) fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1_usize..20).prop_map(Step::Load),
        1 => Just(Step::Load(400)),
        1 => Just(Step::ManyLoads),
        3 => Just(Step::Add),
        2 => Just(Step::AddNotNull),
        2 => Just(Step::Drop),
        1 => Just(Step::Rename),
        5 => Just(Step::Widen),
        1 => Just(Step::SetNotNull),
        1 => Just(Step::DropNotNull),
        2 => Just(Step::Several),
    ]
}

/// A table of a few columns without rows, sorted or not.
pub(super) fn create(random: &mut Random) -> (Warehouse, Model) {
    let mut model = Model {
        columns: Vec::new(),
        rows: Vec::new(),
        is_sorted: random.below(2) == 0,
        next_name: 0,
    };
    for _ in 0..1 + random.below(3) {
        let name = model.new_name();
        let ty = random.pick(&TYPES);
        model.add(&name, ty, None);
    }
    let definition = TableDefinition {
        name: "t".into(),
        columns: model.columns.iter().map(|it| definition(&it.name, it.data_type)).collect(),
        sorted_by: if model.is_sorted { vec!["c1".into()] } else { Vec::new() },
        ..TableDefinition::default()
    };
    let mut warehouse = Warehouse { dir: MemDir::new(), store: None };
    warehouse.reopen();
    let mut transaction = warehouse.store().begin().unwrap();
    transaction.create_table(&definition).unwrap();
    transaction.commit().unwrap();
    (warehouse, model)
}

fn definition(name: &str, ty: DataType) -> ColumnDefinition {
    ColumnDefinition { bitmap: Some(true), ..ColumnDefinition::new(name, ty) }
}

/// Does a step in the warehouse and to the model.
pub(super) fn apply(
    step: &Step,
    warehouse: &mut Warehouse,
    model: &mut Model,
    random: &mut Random,
) {
    match step {
        Step::Load(rows) => load(warehouse, model, *rows, random),
        Step::ManyLoads => {
            for _ in 0..66 {
                let rows = 1 + random.below(2) as usize;
                load(warehouse, model, rows, random);
            }
        }
        Step::Several => {
            let changes = [Step::Add, Step::Widen, Step::Drop, Step::Rename];
            let mut done = Vec::new();
            for _ in 0..3 {
                // Numbers of new columns are known only to the transaction.
                let change = changes[random.below(4) as usize].clone();
                done.extend(change_of(&change, &Pending { warehouse, done: &done }, model, random));
            }
            warehouse.alter(&done);
        }
        other => {
            let change = change_of(other, &Pending { warehouse, done: &[] }, model, random);
            warehouse.alter(change.as_slice());
        }
    }
}

/// The table after changes that are not made yet.
struct Pending<'a> {
    warehouse: &'a Warehouse,
    done: &'a [TableChange],
}

impl Pending<'_> {
    fn id(&self, name: &str) -> starfact_base::ColumnId {
        let mut transaction = self.warehouse.store().begin().unwrap();
        let id = transaction.snapshot().unwrap().table("t").unwrap().id();
        for change in self.done {
            transaction.alter_table(id, change).unwrap();
        }
        transaction.snapshot().unwrap().table("t").unwrap().column_named(name).unwrap().id
    }
}

/// The change that a step is, done to the model; none if it is not possible.
fn change_of(
    step: &Step,
    pending: &Pending<'_>,
    model: &mut Model,
    random: &mut Random,
) -> Option<TableChange> {
    let place = random.below(model.columns.len() as u64) as usize;
    let column = pending.id(&model.columns[place].name);
    match step {
        Step::Add | Step::AddNotNull => {
            let (name, ty) = (model.new_name(), random.pick(&TYPES));
            let is_set = matches!(step, Step::AddNotNull) || random.below(3) > 0;
            let initial = is_set.then(|| any_value(ty, random));
            let mut column = definition(&name, ty);
            column.nullable = !matches!(step, Step::AddNotNull);
            model.add(&name, ty, initial.clone());
            model.columns.last_mut()?.nullable = column.nullable;
            Some(TableChange::AddColumn { column, initial })
        }
        Step::Drop => {
            let is_needed = model.columns.len() == 1 || (place == 0 && model.is_sorted);
            if is_needed {
                return None;
            }
            model.columns.remove(place);
            model.rows.iter_mut().for_each(|row| drop(row.remove(place)));
            Some(TableChange::DropColumn(column))
        }
        Step::Rename => {
            let name = model.new_name();
            model.columns[place].name.clone_from(&name);
            Some(TableChange::RenameColumn { column, name })
        }
        Step::Widen => {
            let from = model.columns[place].data_type;
            let wider = wider(from);
            if wider.is_empty() {
                return None;
            }
            let to = random.pick(&wider);
            model.columns[place].data_type = to;
            for row in &mut model.rows {
                let value = row[place].take();
                row[place] = value.map(|value| converted(value, from, to));
            }
            Some(TableChange::SetType { column, data_type: to })
        }
        Step::SetNotNull => {
            let first = model.rows.iter().position(|row| row[place].is_none());
            let change = TableChange::SetNullable { column, nullable: false };
            if let (true, Some(row)) = (model.columns[place].nullable, first) {
                let mut transaction = pending.warehouse.store().begin().unwrap();
                let id = transaction.snapshot().unwrap().table("t").unwrap().id();
                let error = transaction.alter_table(id, &change).unwrap_err().to_string();
                assert!(error.contains(&format!("is NULL in row {},", row + 1)), "{error}");
                return None;
            }
            model.columns[place].nullable = false;
            Some(change)
        }
        _ => {
            model.columns[place].nullable = true;
            Some(TableChange::SetNullable { column, nullable: true })
        }
    }
}

/// Loads some rows. Some columns follow from the number of the row, so they follow from each other.
pub(super) fn load(
    warehouse: &mut Warehouse,
    model: &mut Model,
    count: usize,
    random: &mut Random,
) {
    let kinds: Vec<u64> = model.columns.iter().map(|_| random.below(3)).collect();
    let mut rows = Vec::with_capacity(count);
    for number in 0..count {
        let value = |(column, kind): (&ModelColumn, &u64), random: &mut Random| {
            if column.nullable && random.below(6) == 0 && *kind > 0 {
                return None;
            }
            let follows = *kind == 0
                && column.data_type != DataType::Boolean
                && matches!(any_value(column.data_type, random), Scalar::Integer(_));
            Some(match follows {
                true => Scalar::Integer((number % BLOCK_ROWS % 9_000) as i128 * 3),
                false => any_value(column.data_type, random),
            })
        };
        let columns = model.columns.iter().zip(&kinds);
        rows.push(columns.map(|column| value(column, random)).collect::<Vec<_>>());
    }
    let column = |(place, column): (usize, &ModelColumn)| {
        array(rows.iter().map(|row| row[place].clone()).collect(), column.data_type)
    };
    let columns: Vec<ArrayRef> = model.columns.iter().enumerate().map(column).collect();
    let field = |array: &ArrayRef| Field::new("", array.data_type().clone(), true);
    let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
    let batch = RecordBatch::try_new(Arc::new(schema), columns).unwrap();
    let options = LoadOptions {
        threads: 1,
        shared_dictionaries: SharedDictionaries::Always,
        ..LoadOptions::default()
    };
    let mut transaction = warehouse.store().begin().unwrap();
    let id = transaction.snapshot().unwrap().table("t").unwrap().id();
    transaction.load(id, &mut std::iter::once(Ok(batch)), &options).unwrap();
    transaction.commit().unwrap();
    model.rows.append(&mut rows);
    if model.is_sorted {
        // The load may have led to one segment of many, whose rows are sorted again.
        let newest = warehouse.table().segments().last().map_or(0, |it| it.row_count() as usize);
        let from = model.rows.len() - newest;
        model.rows[from..].sort_by(|a, b| match (&a[0], &b[0]) {
            (Some(a), Some(b)) => a.compare(b).unwrap(),
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
        });
    }
}
