//! The sorter gives the same in memory and on disk, in one pass and in several.

use super::*;
use crate::keys::layout::by_width;
use arrow::array::{ArrayRef, Int64Array, StringViewArray};
use starfact_base::DataType;
use starfact_vfs::MemDir;
use std::sync::atomic::AtomicU64;

fn sorted<K: NormalKey>(
    layout: &Layout,
    pairs: &[(K, u64)],
    (memory_bytes, piece_rows): (usize, usize),
) -> Vec<(K, u64)> {
    let dir = MemDir::new();
    let files = NewFiles::new(Arc::new(dir.clone()), Arc::new(AtomicU64::new(1)));
    let key: Vec<ColumnId> = (1..).map(ColumnId).take(layout.types().count()).collect();
    let workers = Workers::none();
    let mut sorter = KeySorter::<K>::new(&files, layout, &key, &workers, memory_bytes);
    for piece in pairs.chunks(piece_rows) {
        sorter.push(piece.iter().cloned()).unwrap();
    }
    let mut all = Vec::new();
    let mut sink = |keys: &[K], ordinals: &[u64]| {
        assert_eq!(keys.len(), ordinals.len());
        all.extend(keys.iter().cloned().zip(ordinals.iter().copied()));
        Ok(())
    };
    sorter.finish(&mut sink).unwrap();
    assert_eq!(files.list(), Vec::<String>::new(), "runs are removed");
    all
}

#[test]
fn keys_come_in_order_whatever_fits_into_memory() {
    let rows = 20_000_u64;
    let mixed = |row: u64| row.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    let numbers = || -> Vec<i64> { (0..rows).map(|row| (mixed(row) % 9_000) as i64).collect() };
    let texts: Vec<String> = (0..rows).map(|row| format!("key {}", mixed(row) % 9_000)).collect();
    let cases: [(Vec<DataType>, Vec<ArrayRef>); 3] = [
        (vec![DataType::BigInt], vec![Arc::new(Int64Array::from(numbers()))]),
        (
            vec![DataType::BigInt, DataType::BigInt],
            vec![Arc::new(Int64Array::from(numbers())), Arc::new(Int64Array::from(numbers()))],
        ),
        (vec![DataType::Varchar], vec![Arc::new(StringViewArray::from_iter_values(texts))]),
    ];
    for (types, columns) in cases {
        let layout = Layout::for_key(&types).unwrap();
        by_width!(layout, K => {
            let keys = K::encode(&layout, &columns).unwrap();
            let pairs: Vec<(K, u64)> = keys.into_iter().zip(0..).collect();
            let mut expected = pairs.clone();
            expected.sort();
            // All in memory; a few runs; more runs than are merged at a time.
            for limits in [(usize::MAX, 1_000), (100_000, 1_000), (1, 300)] {
                let mut found = sorted(&layout, &pairs, limits);
                assert!(found.is_sorted_by(|a, b| a.0 <= b.0), "{types:?} {limits:?}");
                found.sort();
                assert!(found == expected, "{types:?} {limits:?}");
            }
        });
    }
}

#[test]
fn no_keys_are_no_keys() {
    let layout = Layout::for_key(&[DataType::Integer]).unwrap();
    assert!(sorted::<u64>(&layout, &[], (1, 1)).is_empty());
}
