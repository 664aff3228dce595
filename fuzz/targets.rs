//! What is fuzzed: functions from bytes that must neither panic nor answer wrongly, and the seeds
//! to begin with.
//!
//! ```text
//!   footer   body bytes u16 │ footer                        a file is made around them
//!   block    type u8 │ rows u16 │ salt u8 │ block           every decoder
//!   take     the same                                       as decoding, row by row
//!   filter   the same                                       as the decoded values say
//!   totals   the same                                       count, sum and bounds, too
//!   derived  type u8 │ rows u16 │ salt u8 │ rule u8 │ rounding u8 │ factor i32 │ divisor u32
//!            │ bytes of x u16 │ bytes of y u16              all of the above, of a block that
//!            │ x │ y │ block                                follows from x and y
//!   bitmap   type u8 │ rows u16 │ NULLs u16 │ values u16 │ container bytes u16
//!            │ directory │ containers                       any value, any predicate
//! ```
//!
//! The same functions are run by cargo-fuzz (`cargo +nightly fuzz run block`, in this folder's
//! parent) and by an ordinary test, `crates/format/tests/corpus.rs`, which replays the corpus and
//! mutates it a little.

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, Int64Array, StringViewArray,
};
use arrow::datatypes::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    Time64MicrosecondType, TimestampMicrosecondType,
};
use starfact_base::checksum::checksum;
use starfact_base::{ColumnId, DataType, Scalar};
use starfact_encoding::{
    BitmapDirectory, Block, CompareOp, Derivation, EncodeOptions, Predicate, Rounding, Rule,
    Selection, SharedDictionary, SharedKeys, ValuePredicate, data_type_of, encode, encode_derived,
};
use starfact_format::{ColumnFile, FORMAT_VERSION};
use starfact_vfs::{Dir, MemDir};
use std::cmp::Ordering;
use std::sync::{Arc, LazyLock};

/// What is done with an input.
type Target = fn(&[u8]);

/// Every target by name.
#[allow(dead_code, reason = "cargo-fuzz runs one alone")]
pub const TARGETS: [(&str, Target); 7] = [
    ("footer", footer),
    ("block", block),
    ("take", take),
    ("filter", filter),
    ("totals", totals),
    ("derived", derived),
    ("bitmap", bitmap),
];

/// Types by the first byte of an input.
const TYPES: [DataType; 14] = [
    DataType::Boolean,
    DataType::SmallInt,
    DataType::Integer,
    DataType::BigInt,
    DataType::Real,
    DataType::Double,
    DataType::Varchar,
    DataType::Date,
    DataType::Time,
    DataType::Timestamp,
    DataType::TimestampTz,
    DataType::Decimal { precision: 2, scale: 0 },
    DataType::Decimal { precision: 18, scale: 2 },
    DataType::Decimal { precision: 38, scale: 10 },
];
const HEADER_BYTES: usize = 64;
const TRAILER_BYTES: usize = 40;

/// A value or NULL.
type Row = Option<Scalar>;

/// Opens a file that has this footer, under right checksums, and reads what it promises.
pub fn footer(data: &[u8]) {
    let Some((body, footer)) = data.split_first_chunk() else { return };
    let mut file = b"STARFCOL".to_vec();
    file.extend(FORMAT_VERSION.to_le_bytes());
    file.resize(HEADER_BYTES + usize::from(u16::from_le_bytes(*body)).next_multiple_of(64), 0);
    let mut trailer = (file.len() as u64).to_le_bytes().to_vec();
    trailer.extend((footer.len() as u32).to_le_bytes());
    trailer.extend(checksum(footer).to_le_bytes());
    trailer.extend(checksum(&trailer).to_le_bytes());
    trailer.extend(FORMAT_VERSION.to_le_bytes());
    trailer.extend([0; 8]);
    trailer.extend(b"STARFEND");
    file.extend(footer);
    file.extend(trailer);
    let dir = MemDir::new();
    let mut out = dir.create("a.col").expect("memory");
    out.write(&file).expect("memory");
    out.finish().expect("memory");
    let Ok(file) = ColumnFile::open(&dir, "a.col") else { return };
    let predicates = predicates(&[], file.data_type(), 3);
    for (idx, zone) in file.zones().iter().enumerate() {
        for predicate in &predicates {
            zone.verdict(predicate);
        }
        if let Ok(block) = file.block(idx) {
            let _ = block.decode(0..block.rows());
        }
        if let Ok(Some(index)) = file.bitmaps(idx) {
            let _ = index.rows_of(&[0, 1], zone.stats.rows as usize);
        }
    }
}

/// A parsed block and the salt, from the bytes of an input.
fn parsed(data: &[u8]) -> Option<(Block, u8)> {
    let ([ty, low, high, salt], bytes) = data.split_first_chunk()?;
    let ty = TYPES[usize::from(*ty) % TYPES.len()];
    let rows = usize::from(u16::from_le_bytes([*low, *high]));
    let block = Block::parse_shared(bytes.to_vec().into(), ty, rows, &dictionary()).ok()?;
    Some((block, *salt))
}

/// The dictionary that blocks may have codes of.
fn dictionary() -> Arc<SharedDictionary> {
    static DICTIONARY: LazyLock<Arc<SharedDictionary>> = LazyLock::new(|| {
        let texts = (10..35).map(|number| format!("text {number}, of which there are some"));
        let texts = std::iter::once(String::new()).chain(texts).take(25);
        let texts = StringViewArray::from_iter_values(texts);
        Arc::new(SharedDictionary::new(&texts).expect("they ascend"))
    });
    Arc::clone(&DICTIONARY)
}

/// Decodes a block in every way.
pub fn block(data: &[u8]) {
    if let Some((block, _)) = parsed(data) {
        decode(&block);
    }
}

fn decode(block: &Block) {
    let rows = block.rows();
    assert!(block.tree().len() < 1_000);
    let all = block.decode(0..rows);
    for range in [0..rows / 2, rows / 3..rows, rows / 2..rows / 2] {
        let part = block.decode(range.clone());
        if let (Ok(all), Ok(part)) = (&all, &part) {
            assert!(same(&all.slice(range.start, range.len()), part));
        }
    }
    assert!(block.decode(0..rows + 1).is_err());
    let (Some(dictionary), Ok(all)) = (block.dictionary(), all) else { return };
    let codes = block.codes(&Selection::all(rows)).expect("what can be decoded has codes");
    let texts = codes.iter().flat_map(|codes| &codes.codes).map(|code| dictionary.value(*code));
    let is_same = |(row, text)| all.is_null(row) || text == Some(all.as_string_view().value(row));
    assert!(texts.enumerate().all(is_same));
}

/// All values of a block that is sound. Filters, and decoding all of a block, need not notice that
/// a bit of the validity is neither 0 nor 1; taking rows does.
fn sound(block: &Block) -> Option<ArrayRef> {
    let all: Vec<u32> = (0..block.rows() as u32).collect();
    block.take(&all).ok()?;
    block.decode(0..block.rows()).ok()
}

/// Takes single rows of a block.
pub fn take(data: &[u8]) {
    if let Some((block, salt)) = parsed(data) {
        take_rows(&block, salt);
    }
}

fn take_rows(block: &Block, salt: u8) {
    let step = usize::from(salt) % 37 + 1;
    let mut rows: Vec<u32> = (0..block.rows() as u32).step_by(step).collect();
    let mut taken = vec![(rows.clone(), block.take(&rows))];
    rows.reverse();
    rows.extend(rows.clone());
    taken.push((rows.clone(), block.take(&rows)));
    let Some(all) = sound(block) else { return };
    for (rows, taken) in taken {
        let taken = taken.expect("a sound block can be taken from");
        assert_eq!(taken.len(), rows.len());
        let one =
            |place: usize, row: u32| same(&all.slice(row as usize, 1), &taken.slice(place, 1));
        assert!(rows.iter().enumerate().all(|(place, row)| one(place, *row)));
    }
}

/// Filters a block.
pub fn filter(data: &[u8]) {
    if let Some((block, salt)) = parsed(data) {
        filter_rows(&block, salt);
    }
}

fn filter_rows(block: &Block, salt: u8) {
    let values = sound(block).map(|array| rows_of(block.data_type(), &array));
    let rows = values.as_deref().unwrap_or_default();
    for predicate in predicates(rows, block.data_type(), salt) {
        let mut before = Selection::all(block.rows());
        before.clear_range(0..block.rows() / 4);
        let mut after = before.clone();
        let result = block.filter(&predicate, &mut after);
        if values.is_none() {
            continue;
        }
        result.expect("a sound block can be filtered");
        for (row, value) in rows.iter().enumerate() {
            let expected = before.contains(row) && holds(&predicate, value);
            assert_eq!(after.contains(row), expected, "{predicate:?}, row {row}: {value:?}");
        }
    }
}

/// Counts and adds up rows of a block, and finds their bounds.
pub fn totals(data: &[u8]) {
    if let Some((block, salt)) = parsed(data) {
        total_rows(&block, salt);
    }
}

fn total_rows(block: &Block, salt: u8) {
    let (rows, ty) = (block.rows(), block.data_type());
    let mut some = Selection::none(rows);
    let step = usize::from(salt) % 50 + 1;
    (usize::from(salt) % 3..rows).step_by(step).for_each(|row| some.set(row));
    let mut most = Selection::all(rows);
    most.clear_range(rows / 3..rows / 2);
    let values = sound(block).map(|array| rows_of(ty, &array));
    for selection in [Selection::all(rows), Selection::none(rows), some, most] {
        let (count, found) = (block.count(&selection), block.aggregate(&selection));
        let Some(values) = &values else { continue };
        let found = found.expect("a sound block has totals");
        let kept = values.iter().enumerate().filter(|(row, _)| selection.contains(*row));
        let kept: Vec<&Scalar> = kept.filter_map(|(_, value)| value.as_ref()).collect();
        assert_eq!(count.expect("a sound block is counted"), kept.len() as u64);
        assert_eq!(found.count, kept.len() as u64);
        let is_nan = |value: &&&Scalar| matches!(value, Scalar::Float(float) if float.is_nan());
        // Widening makes a signalling NaN another NaN, with another place in the order.
        if !kept.iter().any(|value| is_nan(&value)) {
            let order = |a: &&&Scalar, b: &&&Scalar| a.compare(b).expect("values of one column");
            let is_same = |found: &Option<Scalar>, expected: Option<&&Scalar>| {
                found.as_ref().map(|found| found.compare(expected.expect("there is a row")))
                    == expected.map(|_| Some(Ordering::Equal))
            };
            assert!(is_same(&found.min, kept.iter().min_by(|a, b| order(a, b))), "{found:?}");
            assert!(is_same(&found.max, kept.iter().max_by(|a, b| order(a, b))), "{found:?}");
        }
        let has_sum = matches!(
            ty,
            DataType::SmallInt | DataType::Integer | DataType::BigInt | DataType::Decimal { .. }
        );
        let sum = kept.iter().try_fold(0i128, |sum, value| match value {
            Scalar::Integer(key) => sum.checked_add(*key),
            Scalar::Float(_) | Scalar::String(_) => None,
        });
        if has_sum && sum.is_some() {
            assert_eq!(found.sum, sum);
        }
        assert!(has_sum || found.sum.is_none());
    }
}

/// Does all of this to a derived block.
pub fn derived(data: &[u8]) {
    let Some(([ty, low, high, salt, rule, rounding], data)) = data.split_first_chunk() else {
        return;
    };
    let Some((numbers, data)) = data.split_first_chunk::<12>() else { return };
    let word = |at: usize| [numbers[at], numbers[at + 1], numbers[at + 2], numbers[at + 3]];
    let (factor, divisor) = (i32::from_le_bytes(word(0)), u32::from_le_bytes(word(4)));
    let len = |at: usize| usize::from(u16::from_le_bytes([numbers[at], numbers[at + 1]]));
    let Some((x, data)) = data.split_at_checked(len(8)) else { return };
    let Some((y, bytes)) = data.split_at_checked(len(10)) else { return };
    let rows = usize::from(u16::from_le_bytes([*low, *high]));
    let derivation = derivation(*rule, *rounding, factor, divisor);
    let mut sources = Vec::new();
    for source in [x, y].iter().take(derivation.rule.source_count()) {
        match Block::parse(source.to_vec().into(), DataType::BigInt, rows) {
            Ok(block) => sources.push(block),
            Err(_) => return,
        }
    }
    let ty = TYPES[usize::from(*ty) % TYPES.len()];
    let parsed = Block::parse_derived(
        bytes.to_vec().into(),
        ty,
        rows,
        &derivation,
        &sources,
        Some(&shared_keys()),
    );
    let Ok(block) = parsed else { return };
    decode(&block);
    take_rows(&block, *salt);
    filter_rows(&block, *salt);
    total_rows(&block, *salt);
}

fn derivation(rule: u8, rounding: u8, factor: i32, divisor: u32) -> Derivation {
    let rounding = if rounding.is_multiple_of(2) { Rounding::Floor } else { Rounding::HalfUp };
    let (addend, divisor) = (i64::from(factor), i64::from(divisor));
    let rule = match rule % 7 {
        0 => Rule::Same,
        1 => Rule::Mapped,
        2 => Rule::Divided { addend, divisor },
        3 => Rule::ScaledUp { addend, divisor, rounding },
        4 => Rule::ScaledDown { addend, divisor, rounding },
        5 => Rule::Referenced,
        _ => Rule::Ratio { factor: addend, divisor, rounding },
    };
    Derivation { rule, sources: vec![ColumnId(1), ColumnId(2)] }
}

/// A list of some keys by ordinal.
fn shared_keys() -> Arc<SharedKeys> {
    Arc::new(SharedKeys::new((0..3_000).map(|place| place * 37 % 1_000).collect()))
}

/// Looks rows up in a bitmap index.
pub fn bitmap(data: &[u8]) {
    let Some(([ty, fields @ ..], page)) = data.split_first_chunk::<9>() else { return };
    let field = |place: usize| usize::from(u16::from_le_bytes([fields[place], fields[place + 1]]));
    let (rows, nulls, values, container_bytes) = (field(0), field(2), field(4), field(6));
    let ty = TYPES[usize::from(*ty) % TYPES.len()];
    let Some(split) = page.len().checked_sub(container_bytes) else { return };
    let (directory, containers) = page.split_at(split);
    let directory = directory.to_vec().into();
    let parsed = BitmapDirectory::parse(&directory, ty, values, (rows, nulls), container_bytes);
    let Ok(directory) = parsed else { return };
    assert_eq!(directory.value_count(), values);
    for predicate in predicates(&[], ty, fields[0]) {
        let Ok(Some(found)) = directory.find(&predicate) else { continue };
        assert_eq!(found.kept.rows + found.dropped.rows + nulls, rows);
        for value in found.kept.values {
            let place = directory.container(value);
            let bytes = &containers[place.start as usize..place.end as usize];
            let mut selection = Selection::none(rows);
            if directory.add(value, bytes, &mut selection).is_ok() {
                assert!(!selection.is_empty() && selection.count() <= found.kept.rows);
            }
        }
    }
}

/// Whether two arrays are the same to the last bit; Arrow compares floats otherwise.
fn same(a: &ArrayRef, b: &ArrayRef) -> bool {
    let Some(ty) = data_type_of(a.data_type()) else { return false };
    let (a, b) = (rows_of(ty, a), rows_of(ty, b));
    let equal = |(a, b): (&Row, &Row)| match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => a.compare(b) == Some(Ordering::Equal),
        _ => false,
    };
    a.len() == b.len() && a.iter().zip(&b).all(equal)
}

/// Says yes to some values.
#[derive(Debug)]
struct Some7(u8);

impl Some7 {
    fn answer(&self, value: &Row) -> bool {
        match value {
            None => self.0.is_multiple_of(2),
            Some(Scalar::Integer(key)) => key.rem_euclid(7) < i128::from(self.0 % 7),
            Some(Scalar::Float(float)) => float.to_bits() % 7 < u64::from(self.0 % 7),
            Some(Scalar::String(text)) => text.len() % 7 < usize::from(self.0 % 7),
        }
    }
}

impl ValuePredicate for Some7 {
    fn evaluate(&self, values: &ArrayRef) -> Result<BooleanArray, String> {
        let ty = data_type_of(values.data_type()).ok_or("no type")?;
        Ok(rows_of(ty, values).iter().map(|row| Some(self.answer(row))).collect())
    }
}

/// Predicates of every kind, about some of these values and others.
fn predicates(rows: &[Row], ty: DataType, salt: u8) -> Vec<Predicate> {
    let other = |number: u8| match ty {
        DataType::Real | DataType::Double => Scalar::Float(f64::from(number) / 4.0 - 9.0),
        DataType::Varchar => Scalar::String(format!("{}", char::from(number / 2))),
        _ => Scalar::Integer(i128::from(number) - 40),
    };
    let pick = |place: usize| {
        let place = place.wrapping_mul(usize::from(salt) * 2 + 1);
        let row = rows.get(place % rows.len().max(1)).cloned().flatten();
        // A signalling NaN of 32 bits is another NaN when it is widened to 64.
        let is_itself = |row: &Scalar| {
            ty != DataType::Real || !matches!(row, Scalar::Float(float) if float.is_nan())
        };
        row.filter(is_itself)
            .unwrap_or_else(|| other(salt.wrapping_mul(31).wrapping_add(place as u8)))
    };
    let ops = [
        CompareOp::Equal,
        CompareOp::NotEqual,
        CompareOp::Less,
        CompareOp::LessOrEqual,
        CompareOp::Greater,
        CompareOp::GreaterOrEqual,
    ];
    let mut predicates = vec![
        Predicate::IsNull,
        Predicate::IsNotNull,
        Predicate::Values(Arc::new(Some7(salt))),
        Predicate::Between { low: pick(1), high: pick(2) },
        Predicate::Between { low: pick(3), high: other(salt) },
        Predicate::is_in(vec![pick(4), pick(5), other(salt)]),
        Predicate::is_in((0..usize::from(salt % 16)).map(pick).collect()),
    ];
    let compare = |(place, op)| Predicate::Compare { op, value: pick(place) };
    predicates.extend(ops.into_iter().enumerate().map(compare));
    if let Scalar::Integer(_) = pick(6) {
        let members = (0..usize::from(salt)).filter_map(|place| match pick(place) {
            Scalar::Integer(key) => usize::try_from(key).ok().filter(|key| *key < 1 << 20),
            _ => None,
        });
        predicates.push(Predicate::Members(Arc::new(members.collect())));
    }
    if let Scalar::String(text) = pick(6) {
        let chars = usize::from(salt % 5);
        predicates.push(Predicate::Prefix(text.chars().take(chars).collect()));
        predicates.push(Predicate::Prefix(text));
    }
    predicates
}

fn holds(predicate: &Predicate, row: &Row) -> bool {
    let order = |to: &Scalar| row.as_ref().and_then(|value| value.compare(to));
    match predicate {
        Predicate::Compare { op, value } => order(value).is_some_and(|order| op.holds(order)),
        Predicate::Between { low, high } => {
            order(low).is_some_and(Ordering::is_ge) && order(high).is_some_and(Ordering::is_le)
        }
        Predicate::In(values) => values.iter().any(|value| order(value) == Some(Ordering::Equal)),
        Predicate::Members(members) => {
            matches!(row, Some(Scalar::Integer(key)) if members.contains(*key))
        }
        Predicate::Prefix(prefix) => {
            matches!(row, Some(Scalar::String(text)) if text.starts_with(prefix))
        }
        Predicate::IsNull => row.is_none(),
        Predicate::IsNotNull => row.is_some(),
        Predicate::Values(predicate) => {
            // The only one there is answers by its salt, which its name tells.
            let salt: String =
                format!("{predicate:?}").chars().filter(char::is_ascii_digit).skip(1).collect();
            Some7(salt.parse().unwrap_or_default()).answer(row)
        }
    }
}

fn rows_of(ty: DataType, array: &ArrayRef) -> Vec<Row> {
    let get = |row: usize| match ty {
        DataType::Boolean => Scalar::Integer(array.as_boolean().value(row).into()),
        DataType::SmallInt => integer::<Int16Type>(array, row),
        DataType::Integer => integer::<Int32Type>(array, row),
        DataType::Date => integer::<Date32Type>(array, row),
        DataType::BigInt => integer::<Int64Type>(array, row),
        DataType::Time => integer::<Time64MicrosecondType>(array, row),
        DataType::Timestamp | DataType::TimestampTz => {
            integer::<TimestampMicrosecondType>(array, row)
        }
        DataType::Decimal { .. } => integer::<Decimal128Type>(array, row),
        DataType::Real => Scalar::Float(array.as_primitive::<Float32Type>().value(row).into()),
        DataType::Double => Scalar::Float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Varchar => Scalar::String(array.as_string_view().value(row).into()),
    };
    (0..array.len()).map(|row| array.is_valid(row).then(|| get(row))).collect()
}

fn integer<P: ArrowPrimitiveType<Native: Into<i128>>>(array: &ArrayRef, row: usize) -> Scalar {
    Scalar::Integer(array.as_primitive::<P>().value(row).into())
}

/// Inputs of every target, made from a column file that is sound.
#[allow(dead_code, reason = "cargo-fuzz finds its seeds in the corpus")]
pub fn seeds(name: &str, file: &[u8], ty: DataType) -> Vec<Vec<u8>> {
    let base = file.len() - TRAILER_BYTES;
    let number = |at: usize, bytes: usize| {
        file[at..at + bytes].iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
    };
    let start = number(base, 8);
    let body = ((start - HEADER_BYTES) as u16).to_le_bytes();
    if name == "footer" {
        return vec![[body.as_slice(), &file[start..base]].concat()];
    }
    let Some(ty) = TYPES.iter().position(|known| *known == ty) else { return Vec::new() };
    if name == "bitmap" {
        return bitmap_seeds(file, ty as u8);
    }
    let mut blocks = Vec::new();
    let mut at = start;
    while at < base {
        let (tag, len) = (number(at, 2), number(at + 2, 4));
        at += 6;
        for entry in (at..at + len).step_by(20).filter(|_| tag == 2) {
            let (offset, len, rows) =
                (number(entry, 8), number(entry + 8, 4), number(entry + 12, 4));
            let Ok(rows) = u16::try_from(rows) else { continue };
            let [low, high] = rows.to_le_bytes();
            let head = [ty as u8, low, high, blocks.len() as u8 + 5];
            blocks.push([head.as_slice(), &file[offset..offset + len]].concat());
        }
        at += len;
    }
    blocks
}

/// A derived block of each rule, with exceptions and NULLs.
#[allow(dead_code, reason = "cargo-fuzz finds its seeds in the corpus")]
pub fn derived_seeds() -> Vec<Vec<u8>> {
    const ROWS: i64 = 1_100;
    let numbers = |number: &dyn Fn(i64) -> Option<i64>| -> ArrayRef {
        Arc::new(Int64Array::from_iter((0..ROWS).map(number)))
    };
    let x = numbers(&|row| Some(row * 7 % 90 + 900));
    let y = numbers(&|row| (row % 50 != 9).then_some(row % 11));
    let block = |array: &ArrayRef| {
        let encoded = encode(array.as_ref(), DataType::BigInt, &EncodeOptions::default());
        let bytes = encoded.expect("numbers").bytes;
        let block = Block::parse(bytes.clone().into(), DataType::BigInt, ROWS as usize);
        (bytes, block.expect("as it was written"))
    };
    let ((x, x_block), (y, y_block)) = (block(&x), block(&y));
    let mut seeds = Vec::new();
    for rule in 0..7u8 {
        let (factor, divisor) = (100, 9);
        let derivation = derivation(rule, rule, factor, divisor);
        let values = numbers(&|row| match row % 100 {
            3 => None,
            40 => Some(-row),
            _ => Some((row * 7 % 90 + 900) * i64::from(rule) / 9),
        });
        let (_, values) = block(&values);
        let sources = [&x_block, &y_block];
        let count = derivation.rule.source_count();
        let bytes =
            encode_derived(&values, &derivation.rule, &sources[..count], Some(&shared_keys()));
        let Ok(Some(bytes)) = bytes else { continue };
        let ty = TYPES.iter().position(|ty| *ty == DataType::BigInt).unwrap_or_default();
        let [low, high] = (ROWS as u16).to_le_bytes();
        let mut seed = vec![ty as u8, low, high, 5, rule, rule];
        seed.extend(factor.to_le_bytes());
        seed.extend(divisor.to_le_bytes());
        seed.extend((x.len() as u16).to_le_bytes());
        seed.extend((y.len() as u16).to_le_bytes());
        for part in [&x, &y, &bytes] {
            seed.extend(part);
        }
        seeds.push(seed);
    }
    seeds
}

/// The bitmap indexes of a column file whose last section they are, all of full rows.
#[allow(dead_code, reason = "cargo-fuzz finds its seeds in the corpus")]
fn bitmap_seeds(file: &[u8], ty: u8) -> Vec<Vec<u8>> {
    const ENTRY_BYTES: usize = 24;
    let base = file.len() - TRAILER_BYTES;
    let dir = MemDir::new();
    let mut out = dir.create("a.col").expect("memory");
    out.write(file).expect("memory");
    out.finish().expect("memory");
    let column = ColumnFile::open(&dir, "a.col").expect("a sound file");
    let count = column.block_count();
    let mut seeds = Vec::new();
    for idx in (0..count).filter(|idx| column.bitmap_byte_len(*idx) > 0) {
        let entry = &file[base - (count - idx) * ENTRY_BYTES..];
        let number = |at: usize| u32::from_le_bytes(entry[at..at + 4].try_into().expect("four"));
        let (offset, directory, containers) = (number(0), number(8), number(12));
        let stats = &column.zones()[idx].stats;
        let mut seed = vec![ty];
        for field in [stats.rows, stats.nulls, number(16), containers] {
            seed.extend((field as u16).to_le_bytes());
        }
        seed.extend(&file[offset as usize..(offset + directory + containers) as usize]);
        seeds.push(seed);
    }
    seeds
}
