//! What a writer refuses, and what is left when writing fails.

use super::*;
use crate::ColumnFile;
use arrow::array::{Decimal128Array, Int32Array, StringViewArray};
use starfact_base::limits::STRING_BYTES_MAX;
use starfact_vfs::{Fault, FaultDir, FaultMode, MemDir};
use std::io::ErrorKind;
use std::sync::Arc;

fn integers(rows: std::ops::Range<i32>) -> ArrayRef {
    Arc::new(Int32Array::from_iter_values(rows))
}

fn write(dir: &dyn Dir) -> Result<ColumnFileInfo> {
    let options = EncodeOptions::default();
    let mut writer = ColumnWriter::create(dir, "a.col", DataType::Integer, options)?;
    writer.append(&integers(0..50_000))?;
    writer.append(&integers(50_000..100_000))?;
    writer.finish()
}

/// The file's values, or why it cannot be read.
fn read(dir: &dyn Dir) -> Result<Vec<i32>> {
    use arrow::array::AsArray;
    use arrow::datatypes::Int32Type;
    let file = ColumnFile::open(dir, "a.col")?;
    let mut values = Vec::new();
    for idx in 0..file.block_count() {
        let block = file.block(idx)?;
        let array = block.decode(0..block.rows())?;
        values.extend_from_slice(array.as_primitive::<Int32Type>().values());
    }
    Ok(values)
}

#[test]
fn a_fault_at_any_operation_is_reported_and_leaves_no_file_that_lies() {
    let sound: Vec<i32> = (0..100_000).collect();
    let count = {
        let dir = FaultDir::new(Arc::new(MemDir::new()), None);
        let info = write(&dir).unwrap();
        assert_eq!((info.rows, read(&dir).unwrap() == sound), (100_000, true));
        assert_eq!(info.bytes, ColumnFile::open(&dir, "a.col").unwrap().byte_len());
        dir.operations()
    };
    assert!(count >= 6, "create, header, blocks, footer, trailer, sync: {count}");
    let modes = [FaultMode::Fail, FaultMode::Tear, FaultMode::Freeze, FaultMode::TearAndFreeze];
    for (at, mode) in (0..count).flat_map(|at| modes.map(|mode| (at, mode))) {
        let mem = MemDir::new();
        let fault = Fault { at, mode, kind: ErrorKind::StorageFull };
        let dir = FaultDir::new(Arc::new(mem.clone()), Some(fault));
        let error = write(&dir).unwrap_err();
        assert!(dir.has_struck(), "{at} {mode:?}");
        assert!(error.to_string().contains("disk is full"), "{at} {mode:?}: {error}");
        let crashes = (0..4).map(|seed| mem.crash_with_luck(seed));
        for left in [mem.clone(), mem.crash()].into_iter().chain(crashes) {
            if let Ok(values) = read(&left) {
                assert!(values == sound, "{at} {mode:?}");
            }
        }
    }
}

#[test]
fn a_file_of_that_name_is_not_touched() {
    let dir = MemDir::new();
    write(&dir).unwrap();
    let before = dir.read("a.col").unwrap();
    assert!(write(&dir).is_err());
    assert_eq!(dir.read("a.col").unwrap(), before);
}

#[test]
fn values_that_do_not_fit_are_refused_with_file_block_and_row() {
    let dir = MemDir::new();
    let ty = DataType::Decimal { precision: 4, scale: 1 };
    let options = EncodeOptions::default();
    let mut writer = ColumnWriter::create(&dir, "t/7.col", ty, options).unwrap();
    let decimals = |values: Vec<i128>| -> ArrayRef {
        Arc::new(Decimal128Array::from(values).with_precision_and_scale(4, 1).unwrap())
    };
    writer.append(&decimals(vec![1; BLOCK_ROWS])).unwrap();
    writer.append(&decimals(vec![9_999, 10_000])).unwrap();
    assert_eq!(
        writer.finish().unwrap_err().to_string(),
        "t/7.col, block 1: row 2 of the block: 1000.0 has more digits than DECIMAL(4,1)"
    );
    let mut writer = ColumnWriter::create(&dir, "t/8.col", DataType::Varchar, options).unwrap();
    let text = "x".repeat(STRING_BYTES_MAX + 1);
    writer.append(&(Arc::new(StringViewArray::from_iter_values([text])) as ArrayRef)).unwrap();
    let error = writer.finish().unwrap_err();
    assert!(matches!(&error, Error::Limit { what, .. } if what.contains("t/8.col")), "{error}");
}

#[test]
fn arrays_of_another_type_are_refused() {
    let dir = MemDir::new();
    let options = EncodeOptions::default();
    let mut writer = ColumnWriter::create(&dir, "a.col", DataType::BigInt, options).unwrap();
    writer.append(&integers(0..3)).unwrap();
    assert!(writer.finish().is_err());
}
