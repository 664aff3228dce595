//! Dictionaries: bounds, and that predicates are asked as rarely as promised.

use super::*;
use crate::{Block, CompareOp, EncodeOptions, Selection, encode};
use starfact_base::Scalar;
use std::sync::Mutex;

fn array<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> StringViewArray {
    StringViewArray::from_iter_values(texts)
}

fn dictionary(texts: &[&str]) -> Arc<SharedDictionary> {
    Arc::new(SharedDictionary::new(&array(texts)).unwrap())
}

/// A block with codes of `dictionary`.
fn block(dictionary: &Arc<SharedDictionary>, rows: &StringViewArray) -> Block {
    let options = EncodeOptions {
        encoding: Some(crate::EncodingName::Dictionary),
        ..EncodeOptions::default()
    };
    let bytes = encode(rows, DataType::Varchar, &options).unwrap().bytes;
    let own = Block::parse(bytes.into(), DataType::Varchar, rows.len()).unwrap();
    let bytes = encode_shared(&own, dictionary).unwrap().unwrap();
    Block::parse_shared(bytes.into(), DataType::Varchar, rows.len(), dictionary).unwrap()
}

fn kept(block: &Block, predicate: &Predicate) -> Vec<u32> {
    let mut selection = Selection::all(block.rows());
    block.filter(predicate, &mut selection).unwrap();
    selection.indices()
}

/// Long texts, and NULL if asked to; notes what it was asked.
#[derive(Debug, Default)]
struct Long {
    keeps_null: bool,
    asked: Mutex<Vec<Vec<Option<String>>>>,
}

impl ValuePredicate for Long {
    fn evaluate(&self, values: &ArrayRef) -> Result<BooleanArray, String> {
        let values: Vec<Option<&str>> = values.as_string_view().iter().collect();
        let asked = values.iter().map(|value| value.map(str::to_owned)).collect();
        self.asked.lock().unwrap().push(asked);
        let answer = |value: &Option<&str>| match value {
            Some(text) => Some(text.len() > 3),
            None => Some(self.keeps_null),
        };
        Ok(values.iter().map(answer).collect())
    }
}

#[test]
fn texts_have_codes_and_codes_have_texts() {
    let texts = ["", "Aarau", "Zürich", "日本橋, which is a long text"];
    let dictionary = dictionary(&texts);
    assert_eq!((dictionary.len(), dictionary.is_empty()), (4, false));
    for (code, text) in (0..).zip(texts) {
        assert_eq!(dictionary.value(code), Some(text));
        assert_eq!(dictionary.code(text), Some(code));
    }
    assert_eq!(
        (dictionary.value(4), dictionary.code("Bern"), dictionary.code("日")),
        (None, None, None)
    );
    assert_eq!(dictionary.code("日本橋, which is a long text, and more"), None);
    assert_eq!(dictionary.values(), array(texts));
}

#[test]
fn what_is_no_dictionary_is_refused() {
    let refused = |values: &StringViewArray| SharedDictionary::new(values).unwrap_err().to_string();
    assert!(refused(&array::<&str>([])).contains("1 to 65536"));
    assert!(refused(&array(["b", "a"])).contains("to ascend"));
    assert!(refused(&array(["a", "a"])).contains("to ascend"));
    assert!(refused(&[Some("a"), None].into_iter().collect()).contains("no NULL"));
    assert!(refused(&array(["a".repeat(DICTIONARY_BYTES_MAX + 1)])).contains("at most 1048576"));
    let many = |count: usize| array((0..count).map(|number| format!("{number:05}")));
    assert!(refused(&many(DICTIONARY_VALUES_MAX + 1)).contains("1 to 65536, found 65537"));
    let most = SharedDictionary::new(&many(DICTIONARY_VALUES_MAX)).unwrap();
    assert_eq!((most.code("65535"), most.value(u16::MAX)), (Some(u16::MAX), Some("65535")));
}

#[test]
fn a_block_with_a_text_that_is_not_there_is_not_rewritten() {
    let options = EncodeOptions {
        encoding: Some(crate::EncodingName::Dictionary),
        ..EncodeOptions::default()
    };
    let bytes = encode(&array(["b", "c", "b"]), DataType::Varchar, &options).unwrap().bytes;
    let block = Block::parse(bytes.into(), DataType::Varchar, 3).unwrap();
    for (texts, fits) in [(&["a", "b"], false), (&["b", "c"], true), (&["c", "d"], false)] {
        let found = encode_shared(&block, &dictionary(texts)).unwrap();
        assert_eq!(found.is_some(), fits, "{texts:?}");
    }
    let options =
        EncodeOptions { encoding: Some(crate::EncodingName::Plain), ..EncodeOptions::default() };
    let bytes = encode(&array(["b", "c", "b"]), DataType::Varchar, &options).unwrap().bytes;
    let plain = Block::parse(bytes.into(), DataType::Varchar, 3).unwrap();
    assert_eq!(encode_shared(&plain, &dictionary(&["b", "c"])).unwrap(), None);
    assert!(plain.dictionary().is_none() && plain.codes(&Selection::all(3)).unwrap().is_none());
}

#[test]
fn nulls_need_no_text() {
    let dictionary = dictionary(&["x", "y"]);
    let rows: StringViewArray = [None::<&str>, None, None].into_iter().collect();
    let nulls = block(&dictionary, &rows);
    assert_eq!(nulls.tree(), "shared-dictionary(constant), nulls constant");
    assert_eq!(nulls.decode(0..3).unwrap().null_count(), 3);
    let codes = nulls.codes(&Selection::all(3)).unwrap().unwrap();
    assert_eq!((codes.codes, codes.nulls.unwrap().null_count()), (vec![0; 3], 3));
    assert!(nulls.codes(&Selection::all(4)).is_err());
}

#[test]
fn a_predicate_on_values_is_asked_once_for_all_blocks_and_threads() {
    let dictionary = dictionary(&["a", "long", "longer", "z"]);
    let texts = ["long", "a", "long", "z", "a"];
    let one = block(&dictionary, &array(texts));
    let other = block(&dictionary, &[Some("longer"), None, Some("z"), None].into_iter().collect());
    let long = Arc::new(Long { keeps_null: true, ..Long::default() });
    let predicate = Predicate::Values(Arc::clone(&long) as Arc<dyn ValuePredicate>);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                assert_eq!(kept(&one, &predicate), [0, 2]);
                assert_eq!(kept(&other, &predicate), [0, 1, 3]);
            });
        }
    });
    let asked = long.asked.lock().unwrap();
    let all: Vec<Option<String>> = ["a", "long", "longer", "z"].map(|t| Some(t.into())).into();
    assert_eq!(asked.iter().filter(|asked| **asked == all).count(), 1, "{asked:?}");
    assert_eq!(asked.iter().filter(|asked| **asked == [None]).count(), 1, "{asked:?}");
    assert_eq!(asked.len(), 2, "{asked:?}");
}

#[test]
fn few_rows_are_asked_about_alone_until_they_are_as_many_as_texts() {
    let dictionary = dictionary(&["a", "b", "c", "d", "e", "long"]);
    let rows = block(&dictionary, &array(["long", "a", "long", "b"]));
    let long = Arc::new(Long::default());
    let predicate = Predicate::Values(Arc::clone(&long) as Arc<dyn ValuePredicate>);
    for _ in 0..5 {
        assert_eq!(kept(&rows, &predicate), [0, 2]);
    }
    let lengths: Vec<usize> = long.asked.lock().unwrap().iter().map(Vec::len).collect();
    assert_eq!(lengths, [3, 6]);
}

#[test]
fn an_error_is_given_and_not_remembered() {
    #[derive(Debug)]
    struct Fails(Mutex<u32>);
    impl ValuePredicate for Fails {
        fn evaluate(&self, values: &ArrayRef) -> Result<BooleanArray, String> {
            let mut left = self.0.lock().unwrap();
            *left = left.saturating_sub(1);
            match *left {
                0 => Ok(vec![true; values.len()].into()),
                1 => Ok(vec![true; values.len() + 1].into()),
                _ => Err("no answer today".into()),
            }
        }
    }
    let dictionary = dictionary(&["a", "b"]);
    let rows = block(&dictionary, &array(["a", "b"]));
    let predicate = Predicate::Values(Arc::new(Fails(Mutex::new(3))));
    let ask = || rows.filter(&predicate, &mut Selection::all(2)).map_err(|e| e.to_string());
    assert_eq!(ask().unwrap_err(), "no answer today");
    assert_eq!(ask().unwrap_err(), "a predicate gave 3 answers for 2 values");
    assert_eq!(ask(), Ok(()));
}

#[test]
fn more_predicates_than_are_remembered_are_answered_and_the_dead_forgotten() {
    let texts: Vec<String> = (10..90).map(|number| number.to_string()).collect();
    let dictionary = Arc::new(SharedDictionary::new(&array(&texts)).unwrap());
    let rows = block(&dictionary, &array(&texts));
    for round in 0..3 {
        for (row, text) in (0..).zip(&texts) {
            let value = Scalar::String(text.clone());
            let equal = Predicate::Compare { op: CompareOp::Equal, value: value.clone() };
            assert_eq!(kept(&rows, &equal), [row], "{round}");
            let below = Predicate::Compare { op: CompareOp::Less, value };
            assert_eq!(kept(&rows, &below), (0..row).collect::<Vec<_>>(), "{round}");
            let values = Predicate::Values(Arc::new(Long::default()));
            assert!(kept(&rows, &values).is_empty());
        }
    }
}

#[test]
fn codes_far_apart_cost_as_little_as_those_of_a_dictionary_of_the_block() {
    let all: Vec<String> = (0..60_000).map(|number| format!("{number:05}")).collect();
    let dictionary = Arc::new(SharedDictionary::new(&array(&all)).unwrap());
    let rows = array((0..60_000).map(|row| &all[row * 7_919 % 30 * 1_999]));
    let shared = block(&dictionary, &rows);
    let tree = shared.tree();
    assert!(tree.starts_with("shared-dictionary(dictionary("), "{tree}");
    assert_eq!(shared.decode(0..60_000).unwrap().as_string_view(), &rows);
}

#[test]
fn batches_share_the_memory_of_the_texts() {
    let texts: Vec<String> =
        (100..900).map(|number| format!("a text of number {number}")).collect();
    let dictionary = Arc::new(SharedDictionary::new(&array(&texts)).unwrap());
    let rows = array((0..500).map(|row| &texts[row % 800]));
    let shared = block(&dictionary, &rows);
    let (one, two) = (shared.decode(0..2).unwrap(), shared.take(&[3, 400]).unwrap());
    let buffer = |array: &ArrayRef| array.as_string_view().data_buffers()[0].as_ptr();
    assert_eq!(buffer(&one), buffer(&two));
    assert_eq!(buffer(&one), dictionary.values().data_buffers()[0].as_ptr());
}
