//! Makes the warehouse that every later version must be able to open.
//!
//! ```sh
//! cargo run -p starfact-store --example fixture -- datasets/fixtures/warehouse-v6
//! ```
//!
//! To be run once for each version of the manifest, in a new folder; `LOCK` is not part of the
//! fixture. What is in it is said by the test that reads it.

use arrow::array::{
    ArrayRef, Decimal128Array, Float64Array, Int16Array, Int32Array, Int64Array, StringViewArray,
};
use arrow::datatypes::{Field, Schema};
use arrow::record_batch::RecordBatch;
use starfact_base::{ColumnId, DataType, Error, Result, Scalar, TableId};
use starfact_store::{
    ColumnDefinition, CubePart, ForeignKeyDefinition, KeyDefinition, LoadOptions, Maintenance,
    OpenMode, PartChange, PartDefinition, SharedDictionaries, Snapshot, Store, Table, TableChange,
    TableDefinition,
};
use starfact_vfs::OsDir;
use std::sync::Arc;
use std::time::Duration;

fn main() -> Result<()> {
    let Some(folder) = std::env::args().nth(1) else {
        return Err(Error::invalid("name the folder to write to"));
    };
    let mode = OpenMode::ReadWrite { wait: Duration::ZERO };
    let store = Store::open(Arc::new(OsDir::create(folder)?), mode)?;
    let column = ColumnDefinition::new;
    let nation = TableDefinition {
        name: "nation".into(),
        columns: vec![column("id", DataType::Integer), column("name", DataType::Varchar)],
        primary_key: Some(key("id")),
        unique: vec![key("name")],
        ..TableDefinition::default()
    };
    let sale = TableDefinition {
        name: "sale".into(),
        columns: ["id", "nation", "day"].map(|name| column(name, DataType::Integer)).into(),
        primary_key: Some(key("id")),
        foreign_keys: vec![ForeignKeyDefinition {
            columns: vec!["nation".into()],
            parent: "nation".into(),
            ..ForeignKeyDefinition::default()
        }],
        sorted_by: vec!["day".into()],
        ..TableDefinition::default()
    };
    let mut transaction = store.begin()?;
    let nation = transaction.create_table(&nation)?;
    let sale = transaction.create_table(&sale)?;
    let visit = transaction.create_table(&TableDefinition {
        name: "visit".into(),
        columns: vec![column("city", DataType::Varchar)],
        ..TableDefinition::default()
    })?;
    transaction.commit()?;
    let names = |names: Vec<Option<&str>>| -> ArrayRef { Arc::new(StringViewArray::from(names)) };
    load(&store, nation, vec![ints([1, 2, 3]), names(vec![Some("Peru"), None, Some("Chad")])])?;
    load(&store, nation, vec![ints([9, 7]), names(vec![Some("Fiji"), None])])?;
    let nations: ArrayRef = Arc::new(Int32Array::from(vec![Some(7), Some(1), None, Some(3)]));
    load(&store, sale, vec![ints([4, 1, 3, 2]), nations, ints([20, 10, 30, 10])])?;
    // Since version 2: two dictionaries, one of which two segments have.
    let cities = [["Lima", "Moundou"], ["Suva", "Moundou"], ["Moundou", "Suva"]];
    for [one, other] in cities {
        let visits = [Some(one), None, Some(other), Some(other)].repeat(10);
        load(&store, visit, vec![names(visits)])?;
    }
    change_rows(&store)?;
    evolve(&store)?;
    list_keys(&store)?;
    cluster(&store)?;
    count_stops(&store)
}

/// Since version 3: rows that changed, some in the log and some in files, and a manifest between.
fn change_rows(store: &Store) -> Result<()> {
    let mut transaction = store.begin()?;
    let stock = transaction.create_table(&TableDefinition {
        name: "stock".into(),
        columns: ["id", "count"].map(|name| ColumnDefinition::new(name, DataType::Integer)).into(),
        primary_key: Some(key("id")),
        ..TableDefinition::default()
    })?;
    transaction.commit()?;
    load(store, stock, vec![ints([1, 2, 3, 4]), ints([10, 20, 30, 40])])?;
    let mut transaction = store.begin()?;
    transaction.insert(stock, &batch(vec![ints([5, 6]), ints([50, 60])])?)?;
    transaction.delete(stock, &[1])?;
    transaction.commit()?;
    let mut transaction = store.begin()?;
    transaction.update(stock, &[0], &batch(vec![ints([1]), ints([11])])?)?;
    transaction.delete(stock, &[5])?;
    transaction.commit()?;
    let mut transaction = store.begin()?;
    transaction.create_table(&TableDefinition {
        name: "empty".into(),
        columns: vec![ColumnDefinition::new("id", DataType::Integer)],
        ..TableDefinition::default()
    })?;
    transaction.commit()?;
    let mut transaction = store.begin()?;
    transaction.insert(stock, &batch(vec![ints([7]), ints([70])])?)?;
    transaction.delete(stock, &[2])?;
    transaction.commit()?;
    Ok(())
}

/// Since version 3: a table of which a column came later, one went, and one has a wider type.
fn evolve(store: &Store) -> Result<()> {
    let column = ColumnDefinition::new;
    let mut transaction = store.begin()?;
    let reading = transaction.create_table(&TableDefinition {
        name: "reading".into(),
        columns: vec![column("level", DataType::SmallInt), column("note", DataType::Integer)],
        ..TableDefinition::default()
    })?;
    transaction.commit()?;
    let levels = |levels: [i16; 2]| -> ArrayRef { Arc::new(Int16Array::from(levels.to_vec())) };
    load(store, reading, vec![levels([3, -1]), ints([8, 9])])?;
    let mut transaction = store.begin()?;
    let unit = column("unit", DataType::Varchar).not_null();
    let data_type = DataType::Decimal { precision: 8, scale: 2 };
    for change in [
        TableChange::AddColumn { column: unit, initial: Some(Scalar::String("mm".into())) },
        TableChange::AddColumn {
            column: column("share", DataType::Double),
            initial: Some(Scalar::Float(0.5)),
        },
        TableChange::DropColumn(ColumnId(2)),
        TableChange::SetType { column: ColumnId(1), data_type },
    ] {
        transaction.alter_table(reading, &change)?;
    }
    transaction.commit()?;
    let level = Decimal128Array::from(vec![Some(450), None]).with_precision_and_scale(8, 2);
    let level = level.map_err(|error| Error::internal(error.to_string()))?;
    let unit: ArrayRef = Arc::new(StringViewArray::from(vec!["cm", "mm"]));
    let share: ArrayRef = Arc::new(Float64Array::from(vec![None, Some(0.25)]));
    load(store, reading, vec![Arc::new(level), unit, share])
}

/// Since version 4: references whose keys are in a list.
fn list_keys(store: &Store) -> Result<()> {
    let place_of = |n: i32| n * n + 3 * n;
    let mut transaction = store.begin()?;
    let place = transaction.create_table(&TableDefinition {
        name: "place".into(),
        columns: vec![ColumnDefinition::new("id", DataType::Integer)],
        primary_key: Some(key("id")),
        ..TableDefinition::default()
    })?;
    let trip = transaction.create_table(&TableDefinition {
        name: "trip".into(),
        columns: vec![ColumnDefinition::new("place", DataType::Integer)],
        foreign_keys: vec![ForeignKeyDefinition {
            columns: vec!["place".into()],
            parent: "place".into(),
            ..ForeignKeyDefinition::default()
        }],
        ..TableDefinition::default()
    })?;
    transaction.commit()?;
    load(store, place, vec![Arc::new(Int32Array::from_iter_values((0..5_000).map(place_of)))])?;
    let trips = (0..12_000).map(|n| (n % 1_000 != 7).then(|| place_of(n * 7_919 % 5_000)));
    load(store, trip, vec![Arc::new(Int32Array::from_iter(trips))])
}

/// Since version 5: rows in the order of those that they reference.
fn cluster(store: &Store) -> Result<()> {
    let mut transaction = store.begin()?;
    let stop = transaction.create_table(&TableDefinition {
        name: "stop".into(),
        columns: vec![ColumnDefinition::new("nation", DataType::Integer)],
        foreign_keys: vec![ForeignKeyDefinition {
            columns: vec!["nation".into()],
            parent: "nation".into(),
            ..ForeignKeyDefinition::default()
        }],
        sorted_by: vec!["nation".into()],
        ..TableDefinition::default()
    })?;
    transaction.commit()?;
    load(store, stop, vec![Arc::new(Int32Array::from(vec![None, Some(7), Some(9), Some(1)]))])
}

/// Since version 6: a cube.
fn count_stops(store: &Store) -> Result<()> {
    store.set_maintenance(Box::new(Stops));
    let mut transaction = store.begin()?;
    let stop = transaction.snapshot()?.table("stop").map(|table| table.id());
    let column = ColumnDefinition::new;
    let columns = vec![column("k0", DataType::Integer), column("v0", DataType::BigInt)];
    transaction.create_cube_part(&PartDefinition {
        table: TableDefinition {
            name: "cube stops 0".into(),
            columns,
            sorted_by: vec!["k0".into()],
            ..TableDefinition::default()
        },
        part: CubePart {
            cube: "stops".into(),
            sql: "SELECT nation, count(*) FROM stop GROUP BY nation".into(),
            place: 0,
            cells: "SELECT nation AS k0, count(*) AS v0 FROM stop GROUP BY nation".into(),
            tables: stop.into_iter().collect(),
            roles: Vec::new(),
        },
    })?;
    transaction.commit()?;
    Ok(())
}

/// Knows the cells of that cube.
struct Stops;

impl Maintenance for Stops {
    fn changes(
        &self,
        _before: &Arc<Snapshot>,
        _after: &Arc<Snapshot>,
        parts: &[Arc<Table>],
    ) -> Result<Vec<PartChange>> {
        let nations = || Arc::new(Int32Array::from(vec![Some(1), Some(7), Some(9), None]));
        let counts = || batch(vec![nations(), Arc::new(Int64Array::from(vec![1, 1, 1, 1]))]);
        let cells = |part: &Arc<Table>| {
            Ok(PartChange { table: part.id(), deleted: Vec::new(), added: vec![counts()?] })
        };
        parts.iter().map(cells).collect()
    }
}

fn key(column: &str) -> KeyDefinition {
    KeyDefinition { name: None, columns: vec![column.into()] }
}

fn ints<const N: usize>(values: [i32; N]) -> ArrayRef {
    Arc::new(Int32Array::from_iter_values(values))
}

fn batch(columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    let field = |array: &ArrayRef| Field::new("", array.data_type().clone(), true);
    let fields: Vec<Field> = columns.iter().map(field).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        .map_err(|error| Error::internal(error.to_string()))
}

fn load(store: &Store, table: TableId, columns: Vec<ArrayRef>) -> Result<()> {
    let batch = batch(columns);
    let mut transaction = store.begin()?;
    let options =
        LoadOptions { shared_dictionaries: SharedDictionaries::Always, ..LoadOptions::default() };
    transaction.load(table, &mut std::iter::once(batch), &options)?;
    transaction.commit()?;
    Ok(())
}
