//! Tables that are altered while their rows change, beside a model: a dimension and a fact that
//! references it. Keys, references and the sort order are among the columns that become wider.

use super::support::*;
use crate::{LoadOptions, Snapshot, Store, Table, TableChange, TableDefinition, Transaction};
use arrow::array::{ArrayRef, Int64Array};
use arrow::compute::cast;
use arrow::record_batch::RecordBatch;
use proptest::prelude::*;
use starfact_base::{ColumnId, DataType, Error, Scalar, TableId};
use starfact_encoding::arrow_type;
use starfact_vfs::MemDir;
use std::sync::Arc;

/// Each type, and the one that a column of it gets next.
const WIDER: [(DataType, DataType); 4] = [
    (DataType::SmallInt, DataType::Integer),
    (DataType::Integer, DataType::BigInt),
    (DataType::BigInt, DataType::Decimal { precision: 19, scale: 0 }),
    (DataType::Decimal { precision: 19, scale: 0 }, DataType::Decimal { precision: 22, scale: 1 }),
];

type Row = Vec<Option<i64>>;

/// Rows of a table: `(id)` or `(id, dim, day)`, and what was added.
#[derive(Clone, Debug, Default)]
struct Rows {
    rows: Vec<Row>,
    /// Columns that were added.
    added: usize,
}

impl Rows {
    fn has(&self, id: i64) -> bool {
        self.rows.iter().any(|row| row[0] == Some(id))
    }

    /// New rows with values for what was added.
    fn fill(&self, mut row: Row) -> Row {
        row.extend((0..self.added as i64).map(|place| (place % 3 != 0).then_some(place)));
        row
    }

    fn pick(&self, at: u8) -> Option<usize> {
        (!self.rows.is_empty()).then(|| at as usize % self.rows.len())
    }
}

#[derive(Clone, Debug, Default)]
struct Model {
    dim: Rows,
    fact: Rows,
}

impl Model {
    fn is_referenced(&self, id: Option<i64>) -> bool {
        self.fact.rows.iter().any(|row| row[1] == id)
    }

    fn of(&mut self, is_fact: bool) -> &mut Rows {
        if is_fact { &mut self.fact } else { &mut self.dim }
    }
}

/// One step of a transaction; what would be illegal is left out, so each commit succeeds.
#[derive(Clone, Debug)]
enum Step {
    Dims { ids: Vec<u8>, by_load: bool },
    Facts { rows: Vec<(u8, u8, i8)>, by_load: bool },
    UpdateFact(u8, u8, i8),
    MoveDim(u8, u8),
    DeleteFacts(Vec<u8>),
    DeleteDim(u8),
    Widen { is_fact: bool, place: u8 },
    Add { is_fact: bool, initial: Option<i8> },
    Drop { is_fact: bool, place: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    use any as of;
    let ids = || proptest::collection::vec(of::<u8>(), 1..5);
    let facts = proptest::collection::vec((of::<u8>(), of::<u8>(), -3..4_i8), 1..5);
    prop_oneof![
        3 => (ids(), of::<bool>()).prop_map(|(ids, by_load)| Step::Dims { ids, by_load }),
        4 => (facts, of::<bool>()).prop_map(|(rows, by_load)| Step::Facts { rows, by_load }),
        3 => (of::<u8>(), of::<u8>(), -3..4_i8).prop_map(|(a, b, c)| Step::UpdateFact(a, b, c)),
        1 => (of::<u8>(), of::<u8>()).prop_map(|(at, to)| Step::MoveDim(at, to)),
        2 => ids().prop_map(Step::DeleteFacts),
        1 => of::<u8>().prop_map(Step::DeleteDim),
        2 => (of::<bool>(), of::<u8>())
            .prop_map(|(is_fact, place)| Step::Widen { is_fact, place }),
        2 => (of::<bool>(), of::<Option<i8>>())
            .prop_map(|(is_fact, initial)| Step::Add { is_fact, initial }),
        1 => (of::<bool>(), of::<u8>()).prop_map(|(is_fact, place)| Step::Drop { is_fact, place }),
    ]
}

/// A transaction and the tables that it changes.
struct Writer {
    transaction: Transaction,
    dim: TableId,
    fact: TableId,
    /// Names that columns had.
    names: usize,
}

fn id_of(snapshot: &Snapshot, name: &str) -> TableId {
    snapshot.table(name).unwrap().id()
}

fn array(data_type: DataType, values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    let values: Int64Array = values.collect();
    cast(&values, &arrow_type(data_type)).unwrap()
}

fn to_batch(table: &Table, rows: &[Row]) -> RecordBatch {
    let column = |place: usize| {
        let data_type = table.columns()[place].data_type;
        array(data_type, rows.iter().map(|row| row[place]))
    };
    batch((0..table.columns().len()).map(column).collect())
}

impl Writer {
    fn table(&self, is_fact: bool) -> Arc<Table> {
        let id = if is_fact { self.fact } else { self.dim };
        Arc::clone(self.transaction.snapshot().unwrap().table_by_id(id).unwrap())
    }

    fn find(&self, is_fact: bool, id: Option<i64>) -> u64 {
        let table = self.table(is_fact);
        let key = table.primary_key().unwrap().id;
        let keys = [array(table.columns()[0].data_type, [id].into_iter())];
        self.transaction.find_rows(table.id(), key, &keys).unwrap()[0].unwrap()
    }

    fn add(&mut self, is_fact: bool, rows: &[Row], by_load: bool) {
        let table = self.table(is_fact);
        let rows = to_batch(&table, rows);
        if by_load {
            let options = LoadOptions { threads: 1, ..LoadOptions::default() };
            let mut batches = std::iter::once(Ok(rows));
            self.transaction.load(table.id(), &mut batches, &options).unwrap();
        } else {
            self.transaction.insert(table.id(), &rows).unwrap();
        }
    }

    fn update(&mut self, is_fact: bool, id: Option<i64>, row: Row) {
        let (table, place) = (self.table(is_fact), self.find(is_fact, id));
        self.transaction.update(table.id(), &[place], &to_batch(&table, &[row])).unwrap();
    }

    fn delete(&mut self, is_fact: bool, ids: &[Option<i64>]) {
        let rows: Vec<u64> = ids.iter().map(|id| self.find(is_fact, *id)).collect();
        let id = self.table(is_fact).id();
        assert_eq!(self.transaction.delete(id, &rows).unwrap(), rows.len() as u64);
    }

    fn alter(&mut self, is_fact: bool, change: &TableChange) -> starfact_base::Result<()> {
        let id = self.table(is_fact).id();
        self.transaction.alter_table(id, change)
    }

    fn apply(&mut self, step: &Step, model: &mut Model) {
        match step {
            Step::Dims { ids, by_load } => {
                let mut rows = Vec::new();
                for id in ids.iter().map(|id| i64::from(*id)) {
                    if !model.dim.has(id) {
                        rows.push(model.dim.fill(vec![Some(id)]));
                        model.dim.rows.extend(rows.last().cloned());
                    }
                }
                self.add(false, &rows, *by_load);
            }
            Step::Facts { rows: wanted, by_load } => {
                let mut rows = Vec::new();
                for (id, dim, day) in wanted {
                    let dim = model.dim.pick(*dim).and_then(|at| model.dim.rows[at][0]);
                    if !model.fact.has((*id).into()) {
                        let row = vec![Some((*id).into()), dim, Some((*day).into())];
                        rows.push(model.fact.fill(row));
                        model.fact.rows.extend(rows.last().cloned());
                    }
                }
                self.add(true, &rows, *by_load);
            }
            Step::UpdateFact(at, dim, day) => {
                let Some(at) = model.fact.pick(*at) else { return };
                let dim = model.dim.pick(*dim).and_then(|at| model.dim.rows[at][0]);
                let row = &mut model.fact.rows[at];
                (row[1], row[2]) = (dim, Some((*day).into()));
                let (id, row) = (row[0], row.clone());
                self.update(true, id, row);
            }
            Step::MoveDim(at, to) => {
                let Some(at) = model.dim.pick(*at) else { return };
                let (before, to) = (model.dim.rows[at][0], i64::from(*to));
                if model.is_referenced(before) || model.dim.has(to) {
                    return;
                }
                model.dim.rows[at][0] = Some(to);
                self.update(false, before, model.dim.rows[at].clone());
            }
            Step::DeleteFacts(picks) => {
                let mut ids = Vec::new();
                for at in picks {
                    let Some(at) = model.fact.pick(*at) else { break };
                    ids.push(model.fact.rows.remove(at)[0]);
                }
                self.delete(true, &ids);
            }
            Step::DeleteDim(at) => {
                let Some(at) = model.dim.pick(*at) else { return };
                let id = model.dim.rows[at][0];
                if !model.is_referenced(id) {
                    model.dim.rows.remove(at);
                    self.delete(false, &[id]);
                }
            }
            Step::Widen { is_fact, place } => self.widen(*is_fact, *place),
            Step::Add { is_fact, initial } => {
                self.names += 1;
                let initial = initial.map(i64::from);
                let rows = model.of(*is_fact);
                rows.added += 1;
                rows.rows.iter_mut().for_each(|row| row.push(initial));
                let column = column(&format!("c{}", self.names), DataType::SmallInt);
                let initial = initial.map(|value| Scalar::Integer(value.into()));
                self.alter(*is_fact, &TableChange::AddColumn { column, initial }).unwrap();
            }
            Step::Drop { is_fact, place } => {
                let rows = model.of(*is_fact);
                let fixed = if *is_fact { 3 } else { 1 };
                if rows.added == 0 {
                    return;
                }
                let place = fixed + *place as usize % rows.added;
                rows.added -= 1;
                for row in &mut rows.rows {
                    row.remove(place);
                }
                let id = self.table(*is_fact).columns()[place].id;
                self.alter(*is_fact, &TableChange::DropColumn(id)).unwrap();
            }
        }
    }

    /// Makes a column wider, unless another is compared with it that is not.
    fn widen(&mut self, is_fact: bool, place: u8) {
        let table = self.table(is_fact);
        let place = place as usize % table.columns().len();
        let column = &table.columns()[place];
        let Some((_, to)) = WIDER.iter().find(|(from, _)| *from == column.data_type) else {
            return;
        };
        let change = TableChange::SetType { column: column.id, data_type: *to };
        match self.alter(is_fact, &change) {
            Ok(()) => {}
            Err(Error::InvalidInput(message)) => {
                let is_compared = place == usize::from(is_fact);
                assert!(is_compared && message.contains("a FOREIGN KEY compares it"), "{message}");
            }
            Err(other) => panic!("{other}"),
        }
    }
}

/// All live rows of a table in the order of the first column; numbers without what is behind the
/// point, which is 0.
fn rows(table: &Table) -> Vec<Row> {
    let ids = table.segments.iter().flat_map(|it| it.first_row()..it.row_end());
    let ids: Vec<u64> = ids.filter(|row| table.is_live(*row)).collect();
    let taken = crate::transaction::take_rows(table, &ids).unwrap();
    let value = |column: &ArrayRef, row| {
        (!column.is_null(row)).then(|| show(column, row).trim_end_matches(".0").parse().unwrap())
    };
    let row = |row| taken.columns().iter().map(|column| value(column, row)).collect();
    let mut rows: Vec<Row> = (0..taken.num_rows()).map(row).collect();
    rows.sort();
    rows
}

fn assert_same(snapshot: &Snapshot, model: &Model) {
    for (name, expected) in [("dim", &model.dim), ("fact", &model.fact)] {
        let mut expected = expected.rows.clone();
        expected.sort();
        assert_eq!(rows(snapshot.table(name).unwrap()), expected, "{name}");
    }
}

/// Keys that are there are refused, by a load and by an insert, and so are references to none.
fn assert_guarded(store: &Store, model: &Model) {
    let new = |is_fact| {
        let snapshot = store.snapshot().unwrap();
        let (dim, fact) = (id_of(&snapshot, "dim"), id_of(&snapshot, "fact"));
        let transaction = store.begin().unwrap();
        let writer = Writer { transaction, dim, fact, names: 0 };
        let table = writer.table(is_fact);
        (writer, table)
    };
    let refused = |is_fact: bool, row: &Row, expected: &str| {
        let (mut writer, table) = new(is_fact);
        writer.add(is_fact, std::slice::from_ref(row), false);
        let error = writer.transaction.commit().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        let (mut writer, _) = new(is_fact);
        let mut batches = std::iter::once(Ok(to_batch(&table, std::slice::from_ref(row))));
        let options = LoadOptions { threads: 1, ..LoadOptions::default() };
        let error = writer.transaction.load(table.id(), &mut batches, &options).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    };
    for (is_fact, known) in [(false, &model.dim), (true, &model.fact)] {
        if let Some(row) = known.rows.last() {
            refused(is_fact, row, "is in the table already");
        }
    }
    let dangling = model.fact.fill(vec![Some(1000), Some(300), None]);
    refused(true, &dangling, "references no row of table \"dim\"");
}

fn new_store(dir: &MemDir) -> Store {
    let store = open(dir);
    create(
        &store,
        &TableDefinition {
            name: "dim".into(),
            columns: vec![column("id", DataType::SmallInt)],
            primary_key: Some(key(&["id"])),
            ..TableDefinition::default()
        },
    );
    let mut fact = fact("fact");
    fact.columns.iter_mut().for_each(|column| column.data_type = DataType::SmallInt);
    fact.unique = vec![key(&["day", "id"])];
    create(&store, &fact);
    store
}

/// Steps of a transaction, whether it has its turn at once and whether the store is opened again.
type Steps = (Vec<Step>, bool, bool);

fn check(transactions: &[Steps], sound_every: usize) {
    let dir = MemDir::new();
    let mut store = new_store(&dir);
    let (mut model, mut names) = (Model::default(), 0);
    for (number, (steps, waits, reopens)) in transactions.iter().enumerate() {
        let begun = if *waits { store.begin() } else { store.begin_concurrent() };
        let snapshot = store.snapshot().unwrap();
        let (dim, fact) = (id_of(&snapshot, "dim"), id_of(&snapshot, "fact"));
        let mut writer = Writer { transaction: begun.unwrap(), dim, fact, names };
        for step in steps {
            writer.apply(step, &mut model);
            assert_same(&writer.transaction.snapshot().unwrap(), &model);
        }
        names = writer.names;
        writer.transaction.commit().unwrap();
        if *reopens {
            drop(store);
            store = open(&dir);
        }
        assert_same(&store.snapshot().unwrap(), &model);
        if number % sound_every == 0 {
            assert_sound(&store);
        }
    }
    assert_sound(&store);
    assert_guarded(&store, &model);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn altered_tables_agree_with_a_model(
        transactions in proptest::collection::vec(
            (proptest::collection::vec(step(), 1..7), any::<bool>(), any::<bool>()),
            1..14,
        ),
    ) {
        check(&transactions, 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3))]

    /// Enough commits that segments are merged.
    #[test]
    fn altered_tables_agree_with_a_model_after_their_segments_were_merged(
        steps in proptest::collection::vec((step(), any::<bool>()), 250),
    ) {
        let alone = |(step, waits)| (vec![step], waits, false);
        let transactions: Vec<Steps> = steps.into_iter().map(alone).collect();
        check(&transactions, 10);
    }
}

#[test]
fn null_in_a_deleted_row_is_none() {
    let dir = MemDir::new();
    let store = open(&dir);
    create(&store, &dimension("dim"));
    insert(&store, "dim", vec![dimension_rows([1, 2])]).unwrap();
    let dim = id_of(&store.snapshot().unwrap(), "dim");
    let not_null = |column| TableChange::SetNullable { column: ColumnId(column), nullable: false };
    let mut transaction = store.begin().unwrap();
    let column = column("n", DataType::Integer);
    transaction.alter_table(dim, &TableChange::AddColumn { column, initial: None }).unwrap();
    let row = batch(vec![ints([3, 4]), texts(["c", "d"]), nullable_ints([None, Some(4)])]);
    transaction.insert(dim, &row).unwrap();
    let error = transaction.alter_table(dim, &not_null(3)).unwrap_err().to_string();
    assert!(error.contains("\"n\" is NULL in row 1"), "{error}");
    transaction.delete(dim, &[0, 2]).unwrap();
    let error = transaction.alter_table(dim, &not_null(3)).unwrap_err().to_string();
    assert!(error.contains("\"n\" is NULL in row 1"), "{error}");
    transaction.delete(dim, &[1]).unwrap();
    transaction.alter_table(dim, &not_null(3)).unwrap();
    transaction.commit().unwrap();
    assert_sound(&store);
    drop(store);
    let store = open(&dir);
    assert_eq!(read(&store, "dim", "n"), ["4"]);
    // The column is NOT NULL without a DEFAULT, and all rows that lack it are deleted.
    let mut transaction = store.begin().unwrap();
    transaction.truncate(dim).unwrap();
    let change = TableChange::AddColumn {
        column: super::support::column("m", DataType::Date).not_null(),
        initial: None,
    };
    transaction.alter_table(dim, &change).unwrap();
    transaction.commit().unwrap();
    assert_sound(&store);
}

#[test]
fn rows_of_a_transaction_are_kept_in_front_of_those_that_it_loads_and_under_what_it_alters() {
    let dir = MemDir::new();
    let store = open(&dir);
    create(&store, &dimension("dim"));
    let dim = id_of(&store.snapshot().unwrap(), "dim");
    let mut transaction = store.begin_concurrent().unwrap();
    transaction.insert(dim, &dimension_rows([3])).unwrap();
    let mut rows = std::iter::once(Ok(dimension_rows([1, 2])));
    transaction.load(dim, &mut rows, &LoadOptions::default()).unwrap();
    let wider = TableChange::SetType { column: ColumnId(1), data_type: DataType::BigInt };
    transaction.alter_table(dim, &wider).unwrap();
    let row = batch(vec![array(DataType::BigInt, [Some(4)].into_iter()), texts(["four"])]);
    transaction.insert(dim, &row).unwrap();
    transaction.commit().unwrap();
    drop(store);
    let store = open(&dir);
    assert_eq!(read(&store, "dim", "id"), ["3", "1", "2", "4"]);
    assert_sound(&store);
    assert!(table(&store, "dim").segments().iter().all(|segment| !segment.is_in_memory()));
}

#[test]
fn an_altered_table_conflicts_with_rows_that_were_changed_before() {
    let store = open(&MemDir::new());
    create(&store, &dimension("dim"));
    create(&store, &dimension("other"));
    let snapshot = store.snapshot().unwrap();
    let (dim, other) = (id_of(&snapshot, "dim"), id_of(&snapshot, "other"));
    let [mut first, mut second] = [dim, other].map(|table| {
        let mut transaction = store.begin_concurrent().unwrap();
        transaction.insert(table, &dimension_rows([1])).unwrap();
        transaction
    });
    let mut transaction = store.begin().unwrap();
    let change = TableChange::SetType { column: ColumnId(1), data_type: DataType::BigInt };
    transaction.alter_table(dim, &change).unwrap();
    transaction.commit().unwrap();
    let error = first.insert(dim, &dimension_rows([2])).and_then(|()| first.commit().map(drop));
    let error = error.unwrap_err();
    assert!(
        matches!(&error, Error::Conflict(it) if it.contains("altered table \"dim\"")),
        "{error}"
    );
    second.insert(other, &dimension_rows([2])).unwrap();
    second.commit().unwrap();
    assert_sound(&store);
}
