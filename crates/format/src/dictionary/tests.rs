//! Files with codes of a dictionary: they come back, and damage of either file is noticed.

use super::*;
use arrow::array::StringViewArray;
use starfact_base::limits::BLOCK_ROWS;
use starfact_encoding::{EncodingName, Predicate, Selection};
use starfact_vfs::MemDir;

const DICTIONARY: &str = "dict-3-7";
const FILE: &str = "3.col";

fn rows() -> StringViewArray {
    let texts = ["Bern", "Zürich", "", "a long name of a city"];
    let row = |row: usize| (row % 9 != 4).then_some(texts[row * 7 / 3 % 4]);
    (0..BLOCK_ROWS + 100).map(row).collect()
}

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringViewArray::from_iter_values(values))
}

fn create(dir: &MemDir, values: &[&str]) -> DictionaryFile {
    DictionaryFile::create(Arc::new(dir.clone()), DICTIONARY.into(), 7, &texts(values)).unwrap()
}

/// A column file with codes of a dictionary beside it, and the bytes of both.
fn written() -> (MemDir, u64) {
    let dir = MemDir::new();
    let values = ["", "Aarau", "Bern", "Zürich", "a long name of a city"];
    let dictionary = create(&dir, &values);
    let options =
        EncodeOptions { encoding: Some(EncodingName::Dictionary), ..EncodeOptions::default() };
    let mut writer = ColumnWriter::create(&dir, "own", DataType::Varchar, options).unwrap();
    writer.append(&(Arc::new(rows()) as ArrayRef)).unwrap();
    writer.finish().unwrap();
    let own = ColumnFile::open(&dir, "own").unwrap();
    let mut writer = ColumnWriter::create(&dir, FILE, DataType::Varchar, options).unwrap();
    writer.set_dictionary(dictionary.link().unwrap());
    for idx in 0..own.block_count() {
        let bytes = own.block(idx).unwrap().share(dictionary.values().unwrap()).unwrap();
        writer.append_shared_block(&own, idx, &bytes.unwrap()).unwrap();
    }
    writer.finish().unwrap();
    dir.remove_file("own").unwrap();
    (dir, dictionary.byte_len())
}

fn open(dir: &MemDir, byte_len: u64) -> Result<ColumnFile> {
    let dictionary = DictionaryFile::new(Arc::new(dir.clone()), DICTIONARY.into(), 7, byte_len);
    Ok(ColumnFile::open(dir, FILE)?.with_dictionary(Arc::new(dictionary)))
}

fn read(dir: &MemDir, byte_len: u64) -> Result<Vec<Option<String>>> {
    let file = open(dir, byte_len)?;
    let mut all = Vec::new();
    for idx in 0..file.block_count() {
        let block = file.block(idx)?;
        let array = block.decode(0..block.rows())?;
        all.extend(array.as_string_view().iter().map(|text| text.map(str::to_owned)));
    }
    Ok(all)
}

fn replace(dir: &MemDir, path: &str, bytes: &[u8]) {
    dir.remove_file(path).unwrap();
    let mut file = dir.create(path).unwrap();
    file.write(bytes).unwrap();
    file.finish().unwrap();
}

#[test]
fn rows_codes_and_zone_maps_come_back() {
    let (dir, byte_len) = written();
    let expected: Vec<Option<String>> = rows().iter().map(|text| text.map(str::to_owned)).collect();
    assert_eq!(read(&dir, byte_len).unwrap(), expected);
    let file = open(&dir, byte_len).unwrap();
    let link = file.dictionary_link().unwrap();
    assert_eq!((link.number, link.values), (7, 5));
    assert_eq!(
        file.zones()[0].stats.nulls,
        expected[..BLOCK_ROWS].iter().filter(|row| row.is_none()).count() as u32
    );
    let block = file.block(1).unwrap();
    assert!(block.tree().starts_with("shared-dictionary("), "{}", block.tree());
    assert!(Arc::ptr_eq(block.dictionary().unwrap(), file.dictionary().unwrap().unwrap()));
    let mut selection = Selection::all(100);
    block.filter(&Predicate::Prefix("Z".into()), &mut selection).unwrap();
    let codes = block.codes(&selection).unwrap().unwrap();
    assert!(!codes.codes.is_empty() && codes.codes.iter().all(|code| *code == 3));
    assert_eq!(codes.nulls, None);
}

#[test]
fn zone_maps_are_known_without_the_dictionary_and_blocks_are_not() {
    let (dir, byte_len) = written();
    dir.remove_file(DICTIONARY).unwrap();
    let file = open(&dir, byte_len).unwrap();
    assert_eq!(file.zones().len(), 2);
    let error = file.block(0).unwrap_err();
    assert!(error.is_corrupt(), "{error}");
    let text = error.to_string();
    assert!(text.contains(DICTIONARY) && text.contains("found none"), "{text}");
    let error = ColumnFile::open(&dir, FILE).unwrap().block(0).unwrap_err();
    assert!(error.to_string().contains("without its dictionary 7"), "{error}");
}

#[test]
fn another_dictionary_is_noticed() {
    let others: [&[&str]; 3] = [
        &["", "Aarau", "Basel", "Zürich", "a long name of a city"],
        &["", "Aarau", "Bern", "Zürich"],
        &["b", "a"],
    ];
    for other in others {
        let (dir, _) = written();
        dir.remove_file(DICTIONARY).unwrap();
        let byte_len = create(&dir, other).byte_len();
        let error = read(&dir, byte_len).unwrap_err();
        assert!(error.is_corrupt() && error.to_string().contains(DICTIONARY), "{error}");
    }
    let (dir, byte_len) = written();
    let error = read(&dir, byte_len + 1).unwrap_err();
    assert!(error.to_string().contains("file length (manifest against file)"), "{error}");
    // Its own column file, which has codes too, and other columns.
    let bytes = dir.read(FILE).unwrap();
    replace(&dir, DICTIONARY, &bytes);
    assert!(read(&dir, bytes.len() as u64).unwrap_err().is_corrupt());
}

#[test]
fn every_flipped_bit_and_every_cut_of_either_file_is_noticed() {
    let (dir, byte_len) = written();
    for path in [DICTIONARY, FILE] {
        let good = dir.read(path).unwrap();
        // All of the dictionary, and of the file what lies around the rows.
        let places = (0..good.len()).filter(|at| {
            path == DICTIONARY || *at < 200 || at + 600 > good.len() || at.is_multiple_of(1_001)
        });
        for at in places {
            let mut bad = good.to_vec();
            bad[at] ^= 1 << (at % 8);
            for bad in [&bad, &good[..at]] {
                replace(&dir, path, bad);
                let error = read(&dir, byte_len).unwrap_err();
                assert!(error.to_string().contains(path), "{path}, {at}: {error}");
            }
        }
        replace(&dir, path, &good);
    }
    assert_eq!(read(&dir, byte_len).unwrap().len(), BLOCK_ROWS + 100);
}

#[test]
fn a_link_that_cannot_be_is_damage() {
    let mut bytes = Vec::new();
    let link = DictionaryLink { number: 7, values: 5, checksum: 9 };
    link.put(&mut bytes);
    assert_eq!(DictionaryLink::read(&bytes, DataType::Varchar), Ok(link));
    assert_eq!(DictionaryLink::read(&bytes, DataType::Date), Ok(link));
    assert!(DictionaryLink::read(&bytes, DataType::Double).is_err());
    assert!(DictionaryLink::read(&bytes[..15], DataType::Varchar).is_err());
    assert!(DictionaryLink::read(&[bytes.as_slice(), &[0]].concat(), DataType::Varchar).is_err());
    for values in [0, 65_537] {
        let mut bytes = Vec::new();
        DictionaryLink { values, ..link }.put(&mut bytes);
        let damage = DictionaryLink::read(&bytes, DataType::Varchar).unwrap_err();
        assert_eq!((damage.offset, damage.what.as_str()), (8, "values of a dictionary"));
    }
}
