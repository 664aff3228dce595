//! Encoding, decoding and filtering of full blocks. Throughput is in values.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use starfact_base::Scalar;
use starfact_base::limits::BLOCK_ROWS;
use starfact_benches::columns::{Column, numbers, texts};
use starfact_encoding::{
    Block, CompareOp, EncodeOptions, EncodingName, Predicate, Selection, encode,
};
use std::hint::black_box;

fn parse(column: &Column, options: EncodeOptions) -> Block {
    let encoded = encode(column.rows.as_ref(), column.data_type, &options).unwrap();
    Block::parse(encoded.bytes.into(), column.data_type, BLOCK_ROWS).unwrap()
}

fn all_columns() -> Vec<Column> {
    numbers().into_iter().chain(texts()).collect()
}

fn encoding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    group.throughput(Throughput::Elements(BLOCK_ROWS as u64));
    for column in all_columns() {
        let options = EncodeOptions::default();
        let tree = parse(&column, options).tree();
        group.bench_function(format!("{} ({tree})", column.name), |bencher| {
            bencher.iter(|| encode(column.rows.as_ref(), column.data_type, &options).unwrap());
        });
    }
}

fn decoding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(BLOCK_ROWS as u64));
    for column in all_columns() {
        let block = parse(&column, EncodeOptions::default());
        group.bench_function(format!("{} ({})", column.name, block.tree()), |bencher| {
            bencher.iter(|| block.decode(0..BLOCK_ROWS).unwrap());
        });
    }
    let few: Vec<u32> = (0..BLOCK_ROWS as u32).step_by(199).collect();
    for column in all_columns() {
        let block = parse(&column, EncodeOptions::default());
        group.bench_function(format!("330 rows of {}", column.name), |bencher| {
            bencher.iter(|| block.take(&few).unwrap());
        });
    }
}

/// A constant in the middle of the column's values.
fn middle(column: &Column) -> Scalar {
    let encoded = encode(column.rows.as_ref(), column.data_type, &EncodeOptions::default());
    match (encoded.as_ref().unwrap().stats.min.clone(), encoded.as_ref().unwrap().stats.max.clone())
    {
        (Some(Scalar::Integer(min)), Some(Scalar::Integer(max))) => {
            Scalar::Integer(min.midpoint(max))
        }
        (Some(Scalar::Float(min)), Some(Scalar::Float(max))) => Scalar::Float(min.midpoint(max)),
        _ => Scalar::String("M".into()),
    }
}

fn filtering(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("filter");
    group.throughput(Throughput::Elements(BLOCK_ROWS as u64));
    for column in all_columns() {
        let block = parse(&column, EncodeOptions::default());
        let predicate = Predicate::Compare { op: CompareOp::Less, value: middle(&column) };
        group.bench_function(format!("{} ({})", column.name, block.tree()), |bencher| {
            bencher.iter(|| {
                let mut selection = Selection::all(BLOCK_ROWS);
                block.filter(&predicate, &mut selection).unwrap();
                black_box(selection)
            });
        });
    }
    let numbers = numbers();
    let quantity = numbers.iter().find(|column| column.name.starts_with("date, 12")).unwrap();
    let block = parse(
        quantity,
        EncodeOptions { encoding: Some(EncodingName::BitPacked), ..EncodeOptions::default() },
    );
    let list = |count: i128| Predicate::is_in((0..count).map(|i| Scalar::Integer(i * 7)).collect());
    for count in [2, 4, 40] {
        let predicate = list(count);
        group.bench_function(format!("12 bits in {count} points"), |bencher| {
            bencher.iter(|| {
                let mut selection = Selection::all(BLOCK_ROWS);
                block.filter(&predicate, &mut selection).unwrap();
                black_box(selection)
            });
        });
    }
}

criterion_group!(benches, encoding, decoding, filtering);
criterion_main!(benches);
