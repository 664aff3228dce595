//! Every codec of integers: what is written is read back, and is as long as was estimated.

use super::*;
use crate::bytes::Reader;
use crate::integer::{Integers, Rows};
use crate::types::Domain;
use std::fmt::Debug;

const ALL: Domain = Domain { min: i128::MIN, max: i128::MAX };
const DOUBLE: Domain = Domain { min: i64::MIN as i128, max: i64::MAX as i128 };

/// Parses what `write` wrote behind `offset` bytes and decodes it.
fn read<T: Native>(
    rows: usize,
    offset: usize,
    write: impl FnOnce(&mut Writer),
) -> (Vec<T>, String) {
    let mut writer = Writer::default();
    writer.extend(&vec![0xff; offset]);
    write(&mut writer);
    let mut reader = Reader::new(writer.into_bytes().into());
    reader.take(offset, "what lies before").unwrap();
    let domain = if size_of::<T>() == 8 { DOUBLE } else { ALL };
    let node = Integers::parse(&mut reader, rows, domain, 1).unwrap();
    reader.finish().unwrap();
    let decoded = node.fetch(&Rows::Range(0..rows)).unwrap();
    (decoded, node.tree())
}

/// Values of many shapes, by name.
fn data_sets() -> Vec<(&'static str, Vec<i64>)> {
    let mut state = 1u64;
    let mut random = |bits: u32| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (state >> (64 - bits)) as i64
    };
    vec![
        ("one", vec![-7]),
        ("constant", vec![42; 3_000]),
        ("two", vec![i64::MIN, i64::MAX]),
        ("random bits", (0..5_000).map(|_| random(13)).collect()),
        ("random 64 bits", (0..1_500).map(|_| random(63)).collect()),
        ("runs", (0..9_000).map(|row| row / 300 * 1_000_003).collect()),
        ("few far apart", (0..8_000).map(|_| random(4) << 50).collect()),
        ("few far apart in runs", (0..8_000).map(|row| (row / 40 * 7 % 5) << 50).collect()),
        (
            "quantities, each after the one below",
            (0..9_000).map(|row| if row % 97 == 5 { 7 } else { row % 50 }).collect(),
        ),
        ("ascending", (0..2_000).collect()),
        ("ascending with gaps", ascending(&mut random).collect()),
        ("keys of orders by date", by_date(&mut random)),
        ("rare outliers", (0..9_000).map(|row| outlier(row, random(10))).collect()),
        ("hundreds", (0..5_000).map(|_| random(9) * 100 - 7).collect()),
        (
            "mostly nothing",
            (0..9_000).map(|row| if row % 97 == 0 { random(30) } else { 0 }).collect(),
        ),
        ("bits, rarely one", (0..9_000).map(|row| i64::from(row % 97 == 0)).collect()),
        ("codes of seven bits", (0..9_000).map(|_| (random(40) % 100) << 40).collect()),
    ]
}

/// Keys as of a sorted table of dimensions.
fn ascending(random: &mut impl FnMut(u32) -> i64) -> impl Iterator<Item = i64> {
    (0..9_000).scan(1 << 40, move |key, _| {
        *key += 1 + random(5);
        Some(*key)
    })
}

/// Runs of up to eight equal keys that ascend for some thousand rows, again and again.
fn by_date(random: &mut impl FnMut(u32) -> i64) -> Vec<i64> {
    let mut keys = Vec::new();
    for _ in 0..6 {
        let mut key = random(12);
        while key < 60_000_000 {
            key += random(17);
            let lines = 1 + random(3) as usize;
            keys.extend(std::iter::repeat_n(key, lines));
        }
    }
    keys
}

/// A few values far below and far above the others.
fn outlier(row: i64, value: i64) -> i64 {
    match row % 1_000 {
        17 => -(1 << 50) - value,
        518 => 1 << 60,
        _ => value,
    }
}

#[test]
fn the_planned_node_ends_where_the_plan_said() {
    for offset in [0, 1, 17, 63, 64] {
        for (name, values) in data_sets() {
            let stats = Stats::of(&values);
            let place = Place { position: offset, level: 1 };
            let planned = plan(&values, &stats, place, Menu::COLUMN).end;
            let (_, simple) = choose::simple(offset, &stats.shape);
            let mut end = 0;
            let (decoded, tree) = read::<i64>(values.len(), offset, |writer| {
                encode(&values, &stats, Effort::Best, writer);
                end = writer.position();
            });
            assert_eq!(decoded, values, "{name}: {tree}");
            assert_eq!(end, planned, "{name}: {tree}");
            assert!(end <= simple, "{name}: {tree}");
        }
    }
}

#[test]
fn the_expected_codecs_are_chosen() {
    let expected = [
        ("one", "constant"),
        ("constant", "constant"),
        ("two", "plain 8"),
        ("random bits", "bit-packed 13"),
        ("random 64 bits", "plain 8"),
        ("runs", "run-length(delta(constant, constant), delta(constant, constant))"),
        ("few far apart", "scaled 1125899906842624(bit-packed 4)"),
        (
            "few far apart in runs",
            "run-length(delta(constant, constant), scaled 1125899906842624(plain 1))",
        ),
        ("quantities, each after the one below", "bit-packed 6"),
        ("ascending", "delta(plain 2, constant)"),
        ("ascending with gaps", "delta(plain 4, bit-packed 5)"),
        (
            "keys of orders by date",
            "run-length(marks, delta(plain 4, patched(bit-packed 17, 5 at plain 2 plain 4)))",
        ),
        ("rare outliers", "patched(bit-packed 10, 18 at plain 2 plain 8)"),
        ("hundreds", "scaled 100(bit-packed 9)"),
        ("mostly nothing", "sparse(93 others plain 4)"),
        ("bits, rarely one", "sparse(93 others constant)"),
        ("codes of seven bits", "scaled 1099511627776(bit-packed 7)"),
    ];
    let trees: Vec<String> = data_sets()
        .iter()
        .map(|(name, values)| {
            let write =
                |writer: &mut Writer| encode(values, &Stats::of(values), Effort::Best, writer);
            format!("{name}: {}", read::<i64>(values.len(), 17, write).1)
        })
        .collect();
    let expected = expected.map(|(name, tree)| format!("{name}: {tree}"));
    assert_eq!(trees, expected);
}

fn forced_codecs_hold<T: Native + Debug + PartialEq>(name: &str, values: &[T]) {
    let stats = Stats::of(values);
    for codec in EncodingName::ALL {
        let mut written = true;
        let mut writer = Writer::default();
        written &= encode_as(values, &stats, codec, &mut writer);
        let must_fit = match codec {
            EncodingName::Constant => stats.shape.range == 0,
            EncodingName::BitPacked => u64::try_from(stats.shape.range).is_ok(),
            EncodingName::Fsst => false,
            EncodingName::Patched | EncodingName::Sparse => stats.shape.range > 0,
            EncodingName::Delta => {
                stats.shape.range <= i64::MAX as u128
                    && [stats.min, stats.max].iter().all(|key| i64::try_from(key.key()).is_ok())
            }
            EncodingName::Scaled => {
                u64::try_from(stats.shape.range).is_ok()
                    && scaled::multiplier(values, stats.min) > 1
            }
            EncodingName::Alp => continue,
            EncodingName::Sliced => {
                let range = u64::try_from(stats.shape.range).ok();
                range.is_some_and(|range| (9..=40).contains(&bit_packed::width(range)))
            }
            _ => true,
        };
        assert_eq!(written, must_fit, "{name} as {codec}");
        if !written {
            assert_eq!(writer.position(), 0, "{name} as {codec}");
            continue;
        }
        let (decoded, tree) = read::<T>(values.len(), 0, |writer| {
            encode_as(values, &stats, codec, writer);
        });
        assert_eq!(decoded, values, "{name} as {codec}");
        assert!(tree.starts_with(codec.as_str()), "{name} as {codec}: {tree}");
    }
}

#[test]
fn every_codec_that_is_forced_holds_the_values() {
    for (name, values) in data_sets() {
        forced_codecs_hold(name, &values);
        let wide: Vec<i128> = values.iter().map(|&value| i128::from(value) << 40).collect();
        forced_codecs_hold(name, &wide);
    }
    forced_codecs_hold("extremes", &[i128::MIN, i128::MAX, 0]);
    forced_codecs_hold("narrow", &[0u8, 1, 1, 0]);
}

#[test]
fn floats_are_compressed_only_if_that_pays() {
    let noise: Vec<i64> = data_sets()[4].1.clone();
    let (decoded, tree) = read::<i64>(noise.len(), 17, |writer| {
        encode_floats(&noise, &Stats::of(&noise), i64::MIN, writer);
    });
    assert_eq!((decoded, tree.as_str()), (noise, "plain 8"));
    let cents: Vec<i64> = (0..4_000).map(|i| (f64::from(i) / 100.0).to_bits() as i64).collect();
    let (decoded, tree) = read::<i64>(cents.len(), 17, |writer| {
        encode_floats(&cents, &Stats::of(&cents), i64::MIN, writer);
    });
    assert_eq!((decoded, tree.as_str()), (cents, "alp /2(delta(plain 2, constant))"));
}
