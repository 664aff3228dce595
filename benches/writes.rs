//! How fast rows are written: single rows, small batches and changes by key, each commit durable
//! when it returns, with the rate of syncs of the disk beside them.
//!
//! ```sh
//! cargo bench -p starfact-benches --bench writes -- [DIRECTORY [PART [ROWS]]]
//! ```
//!
//! The parts are `syncs`, `rows`, `batches` and `trickle`, which adds so many rows; without one,
//! all of them. Times of the processor are of all threads, those that merge in the background among
//! them.

use arrow::array::{ArrayRef, Int32Array, StringViewArray};
use arrow::datatypes::{Field, Schema};
use arrow::record_batch::RecordBatch;
use starfact_base::{DataType, Error, Result, TableId};
use starfact_store::{
    ColumnDefinition, Durability, ForeignKeyDefinition, KeyDefinition, LoadOptions, MergePolicy,
    OpenMode, Store, TableDefinition,
};
use starfact_vfs::OsDir;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

/// Rows of a batch.
const BATCH_ROWS: i32 = 1_000;
/// Batches of a measurement.
const BATCHES: i32 = 3_000;
/// The dimensions and their rows, as SSB has them at scale factor 1.
const PARENTS: [(&str, i32); 3] = [("customer", 30_000), ("part", 200_000), ("supplier", 2_000)];
/// Lines of an order.
const LINES: i32 = 4;
const ORDERS_OF_DAY: i32 = 6_000;
const PRIORITIES: [&str; 5] = ["1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED", "5-LOW"];
const MODES: [&str; 7] = ["REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB"];

fn main() -> Result<()> {
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with('-'));
    let folder = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = folder.join(format!("starfact-writes-{}", std::process::id()));
    let part = arguments.next();
    let rows = arguments.next().and_then(|rows| rows.parse().ok());
    // As a test, it only has to work.
    let time = if is_bench { Duration::from_secs(5) } else { Duration::from_millis(50) };
    let rows = rows.unwrap_or(if is_bench { 5_000_000 } else { 5_000 });
    let result = run(&folder, part.as_deref(), time, rows);
    let _ = fs::remove_dir_all(&folder);
    result
}

fn run(folder: &Path, part: Option<&str>, time: Duration, trickled: u64) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| Error::io("make", "folder", error))?;
    let is_asked = |name: &str| part.is_none_or(|part| part == name);
    if is_asked("syncs") {
        print("syncs of 100 bytes appended, a second", &rate(syncs(folder, time)?, time));
    }
    if is_asked("rows") {
        for threads in [1, 8] {
            let bench = Bench::new(&folder.join(format!("rows-{threads}")))?;
            let rows = bench.single_rows(threads, time)?;
            print(&format!("commits of one row, {threads} threads, a second"), &rate(rows, time));
        }
    }
    if is_asked("batches") {
        batches(folder, time)?;
    }
    if is_asked("trickle") {
        trickle(folder, trickled)?;
    }
    Ok(())
}

fn print(what: &str, figure: &str) {
    println!("{what:<52} {figure:>12}");
}

fn batches(folder: &Path, time: Duration) -> Result<()> {
    let made = (0..BATCHES.min(time.as_millis() as i32))
        .map(|place| Bench::rows(place * BATCH_ROWS..(place + 1) * BATCH_ROWS))
        .collect::<Result<Vec<_>>>()?;
    for (durability, threads) in [
        (Durability::Sync, 1),
        (Durability::Sync, 8),
        (Durability::Async, 1),
        (Durability::Async, 2),
    ] {
        let bench = Bench::new(&folder.join(format!("batches-{durability:?}-{threads}")))?;
        let before = processor_seconds();
        let (rows, took) = bench.batches(&made, threads, durability)?;
        let what = format!("rows in batches of 1,000, {durability:?}, {threads} threads, a second");
        print(&what, &rate(rows, took));
        let micros = (processor_seconds() - before) * 1e9 / rows as f64;
        print("  processor, microseconds per 1,000 rows", &format!("{micros:.0}"));
        if threads == 1 && durability == Durability::Sync {
            for (what, step) in [("ascending", 1), ("in no order", 7_919)] {
                let rows = bench.updates(step, time)?;
                print(&format!("updates by key, {what}, a second"), &rate(rows, time));
            }
        }
    }
    Ok(())
}

fn trickle(folder: &Path, rows: u64) -> Result<()> {
    let bench = Bench::new(&folder.join("trickle"))?;
    let before = bytes_written();
    let start = Instant::now();
    for _ in 0..rows / BATCH_ROWS as u64 {
        bench.insert(BATCH_ROWS, Durability::Sync)?;
    }
    print("rows of a trickle, a second", &rate(rows, start.elapsed()));
    let during = bytes_written().saturating_sub(before);
    bench.store.optimize(bench.fact, &LoadOptions::default(), &|| Ok(()))?;
    let written = bytes_written().saturating_sub(before);
    let table = bench.store.snapshot()?;
    let stored = table.table("fact").map_or(0, |table| table.bytes()).max(1);
    let times = |bytes: u64| format!("{bytes} ({:.2} times)", bytes as f64 / stored as f64);
    print("bytes written to disk before OPTIMIZE", &times(during));
    print("bytes written to disk", &times(written));
    print(&format!("bytes stored of {rows} rows"), &stored.to_string());
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

/// Time of all processors that this process has taken, where the operating system says it.
fn processor_seconds() -> f64 {
    const TICKS: f64 = 100.0;
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks = fields.split_whitespace().skip(11).take(2).filter_map(|it| it.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS
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
        let mut transaction = store.begin()?;
        for (name, count) in PARENTS {
            let definition = TableDefinition {
                name: name.into(),
                columns: vec![column("id", DataType::Integer), column("name", DataType::Varchar)],
                primary_key: Some(key(&["id"])),
                ..TableDefinition::default()
            };
            let parent = transaction.create_table(&definition)?;
            let names = (0..count).map(|id| format!("{name} {id}"));
            let rows = batch(vec![ints(0..count), texts(names)]);
            transaction.load(parent, &mut std::iter::once(rows), &LoadOptions::default())?;
        }
        let mut columns: Vec<_> = ["orderkey", "linenumber", "customer", "part", "supplier", "day"]
            .map(|name| column(name, DataType::Integer))
            .into();
        columns.push(column("priority", DataType::Varchar));
        let measures =
            ["quantity", "price", "total", "discount", "revenue", "cost", "tax", "commitday"];
        columns.extend(measures.map(|name| column(name, DataType::Integer)));
        columns.push(column("mode", DataType::Varchar));
        let reference = |(name, _): (&str, i32)| ForeignKeyDefinition {
            columns: vec![name.into()],
            parent: name.into(),
            ..ForeignKeyDefinition::default()
        };
        let fact = TableDefinition {
            name: "fact".into(),
            columns,
            primary_key: Some(key(&["orderkey", "linenumber"])),
            foreign_keys: PARENTS.map(reference).into(),
            sorted_by: vec!["day".into(), "orderkey".into()],
            ..TableDefinition::default()
        };
        let fact = transaction.create_table(&fact)?;
        transaction.commit()?;
        Ok(Self { store: Arc::new(store), fact, next: AtomicI32::new(0) })
    }

    /// Lines of orders as SSB has them, four an order, in the order of their days.
    fn rows(lines: std::ops::Range<i32>) -> Result<RecordBatch> {
        let order = |line: i32| line / LINES;
        let of_line =
            |salt: u64, count: i32| move |line: i32| (mixed(salt, line) % count as u64) as i32;
        let of_order = |salt: u64, count: i32| move |line: i32| of_line(salt, count)(line / LINES);
        let [(_, customers), (_, parts), (_, suppliers)] = PARENTS;
        let (part, quantity, discount) = (of_line(2, parts), of_line(6, 50), of_line(7, 11));
        let part_price = |part: i32| 90_000 + part / 10 % 20_001 + 100 * (part % 1_000);
        let price = |line: i32| (1 + quantity(line)) * part_price(part(line));
        let total = |line: i32| (0..LINES).map(|n| price(order(line) * LINES + n) / 10).sum();
        let day = |line: i32| 8_000 + order(line) / ORDERS_OF_DAY;
        let int = |of: &dyn Fn(i32) -> i32| ints(lines.clone().map(of));
        let one_of = |names: &[&'static str], of: &dyn Fn(i32) -> i32| {
            texts(lines.clone().filter_map(|line| names.get(of(line) as usize)))
        };
        batch(vec![
            int(&order),
            int(&|line| line % LINES),
            int(&of_order(1, customers)),
            int(&part),
            int(&of_line(3, suppliers)),
            int(&day),
            one_of(&PRIORITIES, &of_order(4, 5)),
            int(&|line| 1 + quantity(line)),
            int(&price),
            int(&total),
            int(&discount),
            int(&|line| (i64::from(price(line)) * i64::from(100 - discount(line)) / 100) as i32),
            int(&|line| 6 * part_price(part(line)) / 10),
            int(&of_line(8, 9)),
            int(&|line| day(line) + 30 + of_line(9, 61)(line)),
            one_of(&MODES, &of_line(10, 7)),
        ])
    }

    fn insert(&self, count: i32, durability: Durability) -> Result<()> {
        let first = self.next.fetch_add(count, Ordering::Relaxed);
        let rows = Self::rows(first..first + count)?;
        let mut transaction = self.store.begin()?;
        transaction.insert(self.fact, &rows)?;
        transaction.commit_with(durability).map(drop)
    }

    fn single_rows(&self, threads: usize, time: Duration) -> Result<u64> {
        let (start, done) = (Instant::now(), AtomicU64::new(0));
        std::thread::scope(|scope| {
            let work = || -> Result<()> {
                while start.elapsed() < time {
                    self.insert(1, Durability::Sync)?;
                    done.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            };
            join((0..threads).map(|_| scope.spawn(work)).collect())
        })?;
        Ok(done.into_inner())
    }

    fn batches(
        &self,
        made: &[RecordBatch],
        threads: usize,
        durability: Durability,
    ) -> Result<(u64, Duration)> {
        let (start, next) = (Instant::now(), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            let work = || -> Result<()> {
                while let Some(rows) = made.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut transaction = self.store.begin()?;
                    transaction.insert(self.fact, rows)?;
                    transaction.commit_with(durability)?;
                }
                Ok(())
            };
            join((0..threads).map(|_| scope.spawn(work)).collect())
        })?;
        let rows = made.len() as i32 * BATCH_ROWS;
        self.next.store(rows, Ordering::Relaxed);
        Ok((rows as u64, start.elapsed()))
    }

    fn updates(&self, step: i64, time: Duration) -> Result<u64> {
        let count = i64::from(self.next.load(Ordering::Relaxed));
        let key =
            self.store.snapshot()?.table("fact").and_then(|it| it.primary_key().map(|key| key.id));
        let key = key.ok_or_else(|| Error::internal("no primary key"))?;
        let start = Instant::now();
        let mut done = 0;
        while start.elapsed() < time {
            let line = (done as i64 * step % count) as i32;
            let mut transaction = self.store.begin()?;
            let key_of_line = [ints([line / LINES]), ints([line % LINES])];
            let found = transaction.find_rows(self.fact, key, &key_of_line)?;
            let rows: Vec<u64> = found.into_iter().flatten().collect();
            transaction.update(self.fact, &rows, &Self::rows(line..line + 1)?)?;
            transaction.commit()?;
            done += 1;
        }
        Ok(done)
    }
}

fn join(threads: Vec<ScopedJoinHandle<'_, Result<()>>>) -> Result<()> {
    threads
        .into_iter()
        .try_for_each(|thread| thread.join().map_err(|_| Error::internal("a thread panicked"))?)
}

/// Evenly distributed bits (SplitMix64; Steele, Lea and Flood, 2014).
fn mixed(salt: u64, number: i32) -> u64 {
    let state = (salt << 32 | u64::from(number.unsigned_abs())).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

fn key(columns: &[&str]) -> KeyDefinition {
    KeyDefinition { name: None, columns: columns.iter().map(|&name| name.into()).collect() }
}

fn texts<T: AsRef<str>>(values: impl IntoIterator<Item = T>) -> ArrayRef {
    Arc::new(StringViewArray::from_iter_values(values))
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
