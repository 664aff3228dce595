//! Files that earlier versions wrote, which must be readable for ever.
//!
//! `datasets/format/v<format version>` holds column files, each beside a text of its rows. They were
//! made once by the example `fixtures` and are never made again: when the format changes, a folder
//! is added, with files of what is new.

mod render;

use crate::{ColumnFile, DictionaryFile, FORMAT_VERSION};
use render::render;
use starfact_base::DataType;
use starfact_encoding::{CompareOp, EncodingName, Predicate, Selection};
use starfact_vfs::{Dir, OsDir};
use std::sync::Arc;

/// The folder of all fixtures.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../datasets/format");

/// Column files of a version, by name.
fn files(version: u32) -> Vec<(String, ColumnFile)> {
    let dir = OsDir::open(format!("{FOLDER}/v{version}")).unwrap();
    let names = dir.list("").unwrap().into_iter().map(|entry| entry.name);
    let names = names.filter(|name| name.ends_with(".col"));
    let open = |name: &str| with_others(&dir, ColumnFile::open(&dir, name).unwrap());
    names.map(|name| (name.clone(), open(&name))).collect()
}

#[test]
fn files_of_every_version_have_the_rows_that_were_written() {
    for version in 1..=FORMAT_VERSION {
        let dir = OsDir::open(format!("{FOLDER}/v{version}")).unwrap();
        for (name, file) in files(version) {
            let blocks = 0..file.block_count();
            let arrays = blocks.map(|idx| {
                let block = file.block(idx).unwrap();
                block.decode(0..block.rows()).unwrap()
            });
            let rows = render(file.data_type(), &arrays.collect::<Vec<_>>());
            let expected = dir.read(&name.replace(".col", ".txt")).unwrap();
            assert!(rows.as_bytes() == expected, "v{version}/{name} has other rows:\n{rows}");
        }
    }
}

/// The file with those beside it that it needs: `column-<number>.col` for columns that blocks are
/// derived from, and `dictionary-<number>.col`.
fn with_others(dir: &OsDir, file: ColumnFile) -> ColumnFile {
    let source = |id: starfact_base::ColumnId| {
        let source = ColumnFile::open(dir, &format!("column-{id}.col")).unwrap();
        (id, Arc::new(source))
    };
    let sources: Vec<_> = file.source_ids().into_iter().map(source).collect();
    let file = file.with_sources(sources).unwrap();
    let Some(link) = file.dictionary_link() else { return file };
    let path = format!("dictionary-{}.col", link.number);
    let bytes = dir.open(&path).unwrap().len();
    let dir = Arc::new(dir.clone());
    file.with_dictionary(Arc::new(DictionaryFile::new(dir, path.into(), link.number, bytes)))
}

#[test]
fn there_are_files_with_every_section_of_the_footer() {
    let dir = OsDir::open(format!("{FOLDER}/v2")).unwrap();
    let open = |name: &str| with_others(&dir, ColumnFile::open(&dir, name).unwrap());
    for (name, tree) in [
        ("derived-same.col", "derived(c1, "),
        ("derived-map.col", "derived(map of c2, "),
        ("derived-scaled-up.col", "derived(c1 * (100 + c2) / 100, "),
        ("derived-scaled-down.col", "derived(c1 * (100 - c2) / 100, "),
        ("derived-ratio.col", "derived(c1 * 6 / (c2 * 10), "),
        ("derived-rounded.col", "derived(c1 * 6 / (c2 * 10) rounded, "),
        ("derived-two-blocks.col", "derived(c3, constant)"),
        ("shared-dictionary.col", "shared-dictionary("),
    ] {
        let found = open(name).block(0).unwrap().tree();
        assert!(found.starts_with(tree), "{name}: {found}");
    }
    assert_eq!(open("derived-two-blocks.col").block(1).unwrap().tree(), "constant");
    let values = |name: &str| open(name).zones()[0].stats.present.len();
    assert_eq!((values("values-integer.col"), values("values-varchar.col")), (3, 8));
    let link = open("shared-dictionary.col").dictionary_link().unwrap();
    assert_eq!((link.number, link.values), (7, 25));
}

#[test]
fn there_is_a_file_of_every_type_in_every_encoding_that_holds_it() {
    let files: Vec<_> = (1..=FORMAT_VERSION).flat_map(files).collect();
    let types: Vec<DataType> = files.iter().map(|(_, file)| file.data_type()).collect();
    for ty in &types {
        let trees: Vec<String> = files
            .iter()
            .filter(|(_, file)| file.data_type() == *ty)
            .map(|(_, file)| file.block(0).unwrap().tree())
            .collect();
        for encoding in EncodingName::ALL {
            let is_held = match encoding {
                EncodingName::BitPacked => {
                    *ty != DataType::Varchar
                        && !matches!(ty, DataType::Decimal { precision: 38, .. })
                }
                EncodingName::RunLength | EncodingName::Patched | EncodingName::Sparse => {
                    *ty != DataType::Varchar
                }
                EncodingName::Delta => !matches!(ty, DataType::Varchar | DataType::Double),
                EncodingName::Scaled => !matches!(
                    ty,
                    DataType::Varchar | DataType::Double | DataType::Real | DataType::Boolean
                ),
                EncodingName::Alp => matches!(ty, DataType::Real | DataType::Double),
                EncodingName::Sliced => !matches!(
                    ty,
                    DataType::Varchar
                        | DataType::Double
                        | DataType::Boolean
                        | DataType::Decimal { precision: 2, .. }
                ),
                EncodingName::Fsst => *ty == DataType::Varchar,
                _ => true,
            };
            // Floats as integers lie below their exceptions, if they have any.
            let is_found =
                |tree: &String| tree.trim_start_matches("patched(").starts_with(encoding.as_str());
            let found =
                trees.iter().any(|tree| tree.starts_with(encoding.as_str()) || is_found(tree));
            assert_eq!(found, is_held, "{ty} as {encoding}: {trees:?}");
        }
    }
    let mut names: Vec<String> = types.iter().map(DataType::to_string).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 14, "{names:?}");
}

#[test]
fn there_are_files_of_marked_runs() {
    let files = files(3);
    let marked = files.iter().filter(|(name, _)| name.ends_with("-run-length-marks.col"));
    let trees: Vec<String> = marked.map(|(_, file)| file.block(0).unwrap().tree()).collect();
    let are_marked = trees.iter().all(|tree| tree.starts_with("run-length(marks, "));
    assert!(are_marked && trees.len() == 13, "{trees:?}");
}

#[test]
fn a_file_of_several_blocks_has_zone_maps_of_each() {
    let files = files(1);
    let (_, file) = files.iter().find(|(name, _)| name == "integer-three-blocks.col").unwrap();
    assert_eq!((file.rows(), file.block_count()), (131_172, 3));
    let zone = |idx: usize| {
        let zone = &file.zones()[idx];
        (zone.stats.rows, zone.stats.nulls, zone.sum)
    };
    assert_eq!(zone(0), (65_536, 0, Some((0..65_536).map(|row: i128| row / 10_000).sum())));
    assert_eq!(zone(2), (100, 100, Some(0)));
}

#[test]
fn files_with_bitmaps_say_which_rows_have_which_value() {
    let files: Vec<_> = files(2).into_iter().filter(|(name, _)| name.contains("-bitmap")).collect();
    // One of each type and one of several blocks.
    assert_eq!(files.iter().filter(|(name, _)| name.ends_with("-bitmap.col")).count(), 14);
    assert_eq!(files.len(), 15);
    for (name, file) in files {
        let with_index = (0..file.block_count()).filter(|idx| file.bitmap_byte_len(*idx) > 0);
        assert_eq!(with_index.clone().count(), 1, "{name}");
        for idx in with_index {
            let (index, block) = (file.bitmaps(idx).unwrap().unwrap(), file.block(idx).unwrap());
            let stats = &file.zones()[idx].stats;
            let (min, max) = (stats.min.clone().unwrap(), stats.max.clone().unwrap());
            let mut seen = Selection::none(block.rows());
            for predicate in [
                Predicate::Between { low: min.clone(), high: max.clone() },
                Predicate::is_in(vec![min.clone(), max]),
                Predicate::Compare { op: CompareOp::NotEqual, value: min },
            ] {
                let mut expected = Selection::all(block.rows());
                block.filter(&predicate, &mut expected).unwrap();
                let found = index.find(&predicate).unwrap().unwrap();
                let rows = index.rows_of(&found.kept.values, block.rows()).unwrap();
                assert!(rows == expected && rows.count() == found.kept.rows, "{name}");
                seen.union(&rows);
            }
            assert_eq!(seen.count(), block.rows() - stats.nulls as usize, "{name}");
        }
    }
}
