//! How fast rows are written: single rows, small batches and changes by key, each commit durable
//! when it returns, with the rate of syncs of the disk beside them.
//!
//! ```sh
//! cargo bench -p starfact-benches --bench writes -- [DIRECTORY]
//! ```

use arrow::array::{ArrayRef, Int32Array, Int64Array, StringViewArray};
use arrow::datatypes::{Field, Schema};
use arrow::record_batch::RecordBatch;
use starfact_base::{DataType, Error, Result, TableId};
use starfact_store::{
    ColumnDefinition, ForeignKeyDefinition, KeyDefinition, LoadOptions, MergePolicy, OpenMode,
    Store, TableDefinition,
};
use starfact_vfs::OsDir;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Rows of a batch.
const BATCH_ROWS: i32 = 1_000;
/// Rows of the dimension.
const DIMENSION_ROWS: i32 = 10_000;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let folder = arguments.find(|argument| !argument.starts_with('-'));
    let folder = folder.map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = folder.join(format!("starfact-writes-{}", std::process::id()));
    // As a test, it only has to work.
    let time = if is_bench { Duration::from_secs(5) } else { Duration::from_millis(50) };
    let result = run(&folder, time);
    let _ = fs::remove_dir_all(&folder);
    result
}

fn run(folder: &Path, time: Duration) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| Error::io("make", "folder", error))?;
    println!(
        "{:<44} {:>12}",
        "syncs of 100 bytes appended, a second",
        rate(syncs(folder, time)?, time)
    );
    for threads in [1, 8] {
        let bench = Bench::new(&folder.join(format!("rows-{threads}")))?;
        let rows = bench.single_rows(threads, time)?;
        let what = format!("commits of one row, {threads} threads, a second");
        println!("{what:<44} {:>12}", rate(rows, time));
    }
    let bench = Bench::new(&folder.join("batches"))?;
    let (rows, took) = bench.batches(time)?;
    println!("{:<44} {:>12}", "rows in batches of 1,000, a second", rate(rows, took));
    for (what, step) in [("ascending", 1), ("in no order", 7_919)] {
        let rows = bench.updates(step, time)?;
        let what = format!("updates by key, {what}, a second");
        println!("{what:<44} {:>12}", rate(rows, time));
    }
    drop(bench);
    let bench = Bench::new(&folder.join("trickle"))?;
    let before = bytes_written();
    let (rows, _) = bench.batches(time * 4)?;
    bench.store.optimize(bench.fact, &LoadOptions::default(), &|| Ok(()))?;
    let written = bytes_written().saturating_sub(before);
    let table = bench.store.snapshot()?;
    let stored = table.table("fact").map_or(0, |table| table.bytes()).max(1);
    let amplification = written as f64 / stored as f64;
    println!("{:<44} {rows:>12}", "rows of a trickle, then OPTIMIZE");
    println!("{:<44} {written:>12} ({amplification:.2} times)", "bytes written to disk");
    println!("{:<44} {stored:>12}", "bytes stored");
    Ok(())
}

fn rate(count: u64, time: Duration) -> String {
    format!("{:.0}", count as f64 / time.as_secs_f64())
}

fn syncs(folder: &Path, time: Duration) -> Result<u64> {
    let io = |error| Error::io("write", "syncs", error);
    let mut file = File::create(folder.join("syncs")).map_err(io)?;
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < time {
        file.write_all(&[7; 100]).map_err(io)?;
        file.sync_data().map_err(io)?;
        count += 1;
    }
    Ok(count)
}

/// Bytes that this process has sent to disks, where the operating system says it.
fn bytes_written() -> u64 {
    let text = fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    line.and_then(|number| number.parse().ok()).unwrap_or_default()
}

struct Bench {
    store: Arc<Store>,
    fact: TableId,
    next: AtomicI32,
}

impl Bench {
    /// A warehouse with a dimension and a fact in the manner of SSB's lineorder.
    fn new(folder: &Path) -> Result<Self> {
        let dir = Arc::new(OsDir::create(folder)?);
        let store = Store::open(dir, OpenMode::ReadWrite { wait: Duration::ZERO })?;
        let options = LoadOptions { threads: 1, ..LoadOptions::default() };
        store.start_background_work(MergePolicy::default(), options)?;
        let column = ColumnDefinition::new;
        let dim = TableDefinition {
            name: "dim".into(),
            columns: vec![column("id", DataType::Integer), column("name", DataType::Varchar)],
            primary_key: Some(key("id")),
            ..TableDefinition::default()
        };
        let mut columns = vec![column("id", DataType::Integer)];
        let names = ["customer", "part", "supplier", "day", "quantity", "price", "discount"];
        columns.extend(names.map(|name| column(name, DataType::Integer)));
        columns
            .extend(["revenue", "cost", "tax", "total"].map(|name| column(name, DataType::BigInt)));
        columns.extend(["mode", "priority"].map(|name| column(name, DataType::Varchar)));
        let reference = |name: &str| ForeignKeyDefinition {
            columns: vec![name.into()],
            parent: "dim".into(),
            ..ForeignKeyDefinition::default()
        };
        let fact = TableDefinition {
            name: "fact".into(),
            columns,
            primary_key: Some(key("id")),
            foreign_keys: ["customer", "part", "supplier"].map(reference).into(),
            sorted_by: vec!["day".into()],
            ..TableDefinition::default()
        };
        let mut transaction = store.begin()?;
        let dim = transaction.create_table(&dim)?;
        let fact = transaction.create_table(&fact)?;
        let names = (0..DIMENSION_ROWS).map(|id| format!("name {id}"));
        let names: ArrayRef = Arc::new(StringViewArray::from_iter_values(names));
        let rows = batch(vec![ints(0..DIMENSION_ROWS), names]);
        transaction.load(dim, &mut std::iter::once(rows), &LoadOptions::default())?;
        transaction.commit()?;
        Ok(Self { store: Arc::new(store), fact, next: AtomicI32::new(0) })
    }

    fn rows(ids: std::ops::Range<i32>) -> Result<RecordBatch> {
        let mixed = |factor: i64, count: i64| {
            ints(ids.clone().map(move |id| ((i64::from(id) * factor + 11) % count) as i32))
        };
        let wide = |factor: i64| -> ArrayRef {
            let values = ids.clone().map(|id| i64::from(id) * factor % 10_000_019);
            Arc::new(Int64Array::from_iter_values(values))
        };
        let texts = |of: [&'static str; 5]| -> ArrayRef {
            let values = ids.clone().map(|id| of[(i64::from(id) * 31 % 5) as usize]);
            Arc::new(StringViewArray::from_iter_values(values))
        };
        let dimension = i64::from(DIMENSION_ROWS);
        let day = ints(ids.clone().map(|id| 20_000 + id / 20_000));
        batch(vec![
            ints(ids.clone()),
            mixed(7_919, dimension),
            mixed(104_729, dimension),
            mixed(1_299_709, dimension),
            day,
            mixed(17, 50),
            mixed(7_907, 100_000),
            mixed(13, 11),
            wide(7_907),
            wide(6_007),
            wide(3),
            wide(15_013),
            texts(["AIR", "MAIL", "RAIL", "SHIP", "TRUCK"]),
            texts(["1-URGENT", "2-HIGH", "3-MEDIUM", "4-LOW", "5-NONE"]),
        ])
    }

    fn insert(&self, count: i32) -> Result<()> {
        let first = self.next.fetch_add(count, Ordering::Relaxed);
        let rows = Self::rows(first..first + count)?;
        let mut transaction = self.store.begin()?;
        transaction.insert(self.fact, &rows)?;
        transaction.commit().map(drop)
    }

    fn single_rows(&self, threads: usize, time: Duration) -> Result<u64> {
        let (start, done) = (Instant::now(), AtomicU64::new(0));
        std::thread::scope(|scope| {
            let work = || -> Result<()> {
                while start.elapsed() < time {
                    self.insert(1)?;
                    done.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            };
            let all: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            all.into_iter().try_for_each(|thread| {
                thread.join().map_err(|_| Error::internal("a thread panicked"))?
            })
        })?;
        Ok(done.into_inner())
    }

    fn batches(&self, time: Duration) -> Result<(u64, Duration)> {
        let start = Instant::now();
        let mut rows = 0;
        while start.elapsed() < time {
            self.insert(BATCH_ROWS)?;
            rows += BATCH_ROWS as u64;
        }
        Ok((rows, start.elapsed()))
    }

    fn updates(&self, step: i64, time: Duration) -> Result<u64> {
        let count = i64::from(self.next.load(Ordering::Relaxed));
        let key =
            self.store.snapshot()?.table("fact").and_then(|it| it.primary_key().map(|key| key.id));
        let key = key.ok_or_else(|| Error::internal("no primary key"))?;
        let start = Instant::now();
        let mut done = 0;
        while start.elapsed() < time {
            let id = (done as i64 * step % count) as i32;
            let mut transaction = self.store.begin()?;
            let found = transaction.find_rows(self.fact, key, &[ints([id])])?;
            let rows: Vec<u64> = found.into_iter().flatten().collect();
            transaction.update(self.fact, &rows, &Self::rows(id..id + 1)?)?;
            transaction.commit()?;
            done += 1;
        }
        Ok(done)
    }
}

fn key(column: &str) -> KeyDefinition {
    KeyDefinition { name: None, columns: vec![column.into()] }
}

fn ints(values: impl IntoIterator<Item = i32>) -> ArrayRef {
    Arc::new(Int32Array::from_iter_values(values))
}

fn batch(columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    let field = |array: &ArrayRef| Field::new("", array.data_type().clone(), true);
    let fields: Vec<Field> = columns.iter().map(field).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        .map_err(|error| Error::internal(error.to_string()))
}
