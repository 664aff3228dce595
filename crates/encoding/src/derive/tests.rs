//! Derived blocks give back what was stored, whatever the rule; rules are found where they hold and
//! nowhere else.

use super::quotient::Quotient;
use super::*;
use crate::keys::KeySet;
use crate::{
    Block, CompareOp, EncodeOptions, Members, Predicate, Selection, SharedKeys, arrow_type, encode,
};
use arrow::array::{Array, ArrayRef, BooleanArray, Int32Array, Int64Array};
use proptest::collection::vec;
use proptest::prelude::*;
use starfact_base::{DataType, Scalar};
use std::sync::Arc;

const FLOOR: Rounding = Rounding::Floor;

type Keys = Vec<Option<i64>>;

fn stored(ty: DataType, keys: &[Option<i64>]) -> (Block, ArrayRef, usize) {
    let keys = keys.iter().copied();
    let array: ArrayRef = match ty {
        DataType::Integer => Arc::new(keys.map(|key| Some(key? as i32)).collect::<Int32Array>()),
        _ => Arc::new(keys.collect::<Int64Array>()),
    };
    let array = arrow::compute::cast(&array, &arrow_type(ty)).unwrap();
    let encoded = encode(array.as_ref(), ty, &EncodeOptions::default()).unwrap();
    let (byte_len, rows) = (encoded.bytes.len(), array.len());
    (Block::parse(encoded.bytes.into(), ty, rows).unwrap(), array, byte_len)
}

/// The block in its derived form, and the bytes of that; `None` if it has none.
fn derived(block: &Block, rule: Rule, sources: &[&Block]) -> Option<(Block, Vec<u8>)> {
    derived_with(block, rule, sources, None)
}

fn derived_with(
    block: &Block,
    rule: Rule,
    sources: &[&Block],
    keys: Option<&Arc<SharedKeys>>,
) -> Option<(Block, Vec<u8>)> {
    let bytes = encode_derived(block, &rule, sources, keys).unwrap()?;
    let derivation = Derivation { rule, sources: ids(sources.len()) };
    let sources: Vec<Block> = sources.iter().map(|source| (*source).clone()).collect();
    let (ty, rows) = (block.data_type(), block.rows());
    let parsed = Block::parse_derived(bytes.clone().into(), ty, rows, &derivation, &sources, keys);
    Some((parsed.unwrap(), bytes))
}

fn ids(count: usize) -> Vec<ColumnId> {
    [ColumnId(3), ColumnId(5)][..count].to_vec()
}

/// Keeps values that are NULL or even.
#[derive(Debug)]
struct EvenOrNull;

impl crate::ValuePredicate for EvenOrNull {
    fn evaluate(&self, values: &ArrayRef) -> Result<BooleanArray, String> {
        let values = arrow::compute::cast(values, &arrow::datatypes::DataType::Int64);
        let values = values.map_err(|error| error.to_string())?;
        let values = values.as_any().downcast_ref::<Int64Array>().ok_or("no integers")?.clone();
        Ok(values.iter().map(|value| Some(value.is_none_or(|value| value % 2 == 0))).collect())
    }
}

/// Compares a derived block with the one that it was made from, read in every way.
fn reads_alike(block: &Block, derived: &Block, array: &ArrayRef) {
    let rows = block.rows();
    assert_eq!(&derived.decode(0..rows).unwrap(), array, "{}", derived.tree());
    for range in [0..0, 1..rows, rows / 3..rows / 2, rows - 1..rows] {
        let slice = array.slice(range.start, range.len());
        assert_eq!(derived.decode(range).unwrap().as_ref(), slice.as_ref());
    }
    let few: Vec<u32> = (0..rows as u32).filter(|row| row % 7 == 3).collect();
    assert_eq!(&derived.take(&few).unwrap(), &block.take(&few).unwrap());
    for every in [1, 2, 40] {
        let mut selection = Selection::none(rows);
        (0..rows).step_by(every).for_each(|row| selection.set(row));
        let (found, expected) = (derived.aggregate(&selection), block.aggregate(&selection));
        assert_eq!(found.unwrap(), expected.unwrap(), "{}", derived.tree());
    }
    let (keys, is_valid) = block.keys(&[0, rows as u32 / 2]).unwrap().unwrap();
    let mut predicates =
        vec![Predicate::IsNull, Predicate::IsNotNull, Predicate::Values(Arc::new(EvenOrNull))];
    let members = (0..4_000).filter(|member| member % 3 != 1 || member % 5 == 0);
    predicates.push(Predicate::Members(Arc::new(members.collect())));
    for (key, is_valid) in keys.iter().zip(is_valid) {
        let key = if is_valid { i128::from(*key) } else { 0 };
        let value = Scalar::Integer(key);
        for op in [CompareOp::Equal, CompareOp::NotEqual, CompareOp::Less, CompareOp::Greater] {
            predicates.push(Predicate::Compare { op, value: value.clone() });
        }
        let others = [key, key + 1, key - 70_000, 3].map(Scalar::Integer);
        predicates.push(Predicate::is_in(others.to_vec()));
    }
    for predicate in predicates {
        for every in [1, 2, 40] {
            let mut expected = Selection::none(rows);
            (0..rows).step_by(every).for_each(|row| expected.set(row));
            let mut found = expected.clone();
            block.filter(&predicate, &mut expected).unwrap();
            derived.filter(&predicate, &mut found).unwrap();
            assert_eq!(found, expected, "{predicate:?} on {}", derived.tree());
        }
    }
}

fn rules() -> Vec<Rule> {
    let mut rules = vec![Rule::Same, Rule::Mapped];
    for (addend, divisor) in [(0, 4), (-PARAMETER_MAX, 1), (6, PARAMETER_MAX), (3, 7)] {
        rules.push(Rule::Divided { addend, divisor });
    }
    for rounding in [FLOOR, Rounding::HalfUp] {
        for (factor, divisor) in [(100, 100), (-PARAMETER_MAX, 1), (6, PARAMETER_MAX), (0, 7)] {
            rules.push(Rule::ScaledUp { addend: factor, divisor, rounding });
            rules.push(Rule::ScaledDown { addend: factor, divisor, rounding });
            rules.push(Rule::Ratio { factor, divisor, rounding });
        }
    }
    rules
}

/// Any keys, small ones, few of them, and the ends.
fn any_keys() -> impl Strategy<Value = Keys> {
    let key = prop_oneof![
        4 => (-100i64..100).prop_map(Some),
        2 => any::<i32>().prop_map(|key| Some(key.into())),
        1 => any::<i64>().prop_map(Some),
        1 => prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0), Just(-1)].prop_map(Some),
        1 => Just(None),
    ];
    prop_oneof![vec(key, 300..301), vec((0i64..50).prop_map(Some), 300..301)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_rule_gives_back_any_keys(keys in any_keys(), x in any_keys(), y in any_keys()) {
        for ty in [DataType::BigInt, DataType::Integer, DataType::Date] {
            let fitted = |key: &Option<i64>| match ty {
                DataType::BigInt => *key,
                _ => key.map(|key| i64::from(key as i32)),
            };
            let keys: Keys = keys.iter().map(fitted).collect();
            let (block, array, _) = match ty {
                DataType::Date => {
                    let (block, ..) = stored(DataType::Integer, &keys);
                    let array = block.decode(0..block.rows()).unwrap();
                    let array = arrow::compute::cast(&array, &arrow_type(ty)).unwrap();
                    let bytes = encode(array.as_ref(), ty, &EncodeOptions::default()).unwrap().bytes;
                    (Block::parse(bytes.into(), ty, array.len()).unwrap(), array, 0)
                }
                _ => stored(ty, &keys),
            };
            let (x, ..) = stored(DataType::BigInt, &x);
            let (y, ..) = stored(DataType::BigInt, &y);
            for rule in rules() {
                let sources = &[&x, &y][..rule.source_count()];
                let Some((derived, _)) = derived(&block, rule, sources) else {
                    prop_assert_eq!(rule, Rule::Mapped);
                    continue;
                };
                let all = derived.decode(0..derived.rows()).unwrap();
                prop_assert_eq!(&all, &array, "{:?}", rule);
                if ty == DataType::BigInt {
                    reads_alike(&block, &derived, &array);
                }
            }
        }
    }

    #[test]
    fn doubles_divide_like_wide_integers(
        x in vec(-3_000_000i64..3_000_000, 64), y in vec(-400i64..400, 64),
        factor in -1_000i64..1_000, divisor in 1i64..1_000, sign in -1i64..=1,
        is_half_up in any::<bool>(),
    ) {
        let quotient = Quotient { factor, sign, divisor, is_half_up };
        let expected: Vec<i64> = x.iter().zip(&y).map(|(&x, &y)| quotient.of(x, y)).collect();
        prop_assert_eq!(quotient.of_all(&x, &y), expected);
    }
}

#[test]
fn quotients_are_exact_up_to_the_largest_that_doubles_divide() {
    for divisor in [1, 2, 3, 7, 10, 100, 12_345, PARAMETER_MAX] {
        for is_half_up in [false, true] {
            let quotient = Quotient { factor: 0, sign: 1, divisor, is_half_up };
            // Products around multiples of the divisor, as large as the fast way takes them.
            let near = ((1i64 << 52) / divisor - 2) * divisor - 3;
            let x: Vec<i64> = (near..near + 3).chain(-near..-near + 7).collect();
            let y = vec![1; x.len()];
            let expected: Vec<i64> = x.iter().map(|&x| quotient.of(x, 1)).collect();
            assert_eq!(quotient.of_all(&x, &y), expected, "{divisor}");
        }
    }
}

#[test]
fn what_cannot_be_computed_is_zero() {
    let ratio = Quotient { factor: 6, sign: 0, divisor: 10, is_half_up: false };
    assert_eq!((ratio.of(5, 0), ratio.of_all(&[5], &[0])), (0, vec![0]));
    assert_eq!((ratio.of(-25, 10), ratio.of(25, -10)), (-2, -2));
    let half = Quotient { is_half_up: true, ..ratio };
    assert_eq!((half.of(25, 6), half.of(-25, 6)), (3, -2), "2.5 and -2.5 go up");
    let product = Quotient { factor: 0, sign: 1, divisor: 1, is_half_up: false };
    assert_eq!(product.of(i64::MIN, i64::MIN), 0);
    assert_eq!(product.of(i64::MIN, 1), i64::MIN);
}

/// Made-up order lines: key, ordinal, date, day, price, quantity, discount, revenue, cost, noise.
fn lines(rows: usize) -> Vec<Keys> {
    let mut state = 7u64;
    let mut random = |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as i64 % below as i64
    };
    let mut columns = vec![Vec::new(); 10];
    for _ in 0..rows {
        let (key, day, quantity) = (random(200_000) + 1, random(70), random(50) + 1);
        let price = (random(110_000) + 90_000) * quantity;
        let (discount, noise) = (random(11), random(1 << 20));
        let date = 19_930_000 + (1 + day / 31) * 100 + day % 31;
        let row = [
            key,
            key - 1,
            date,
            8_400 + day,
            price,
            quantity,
            discount,
            price * (100 - discount) / 100,
            price * 6 / (quantity * 10),
            noise,
        ];
        columns.iter_mut().zip(row).for_each(|(column, key)| column.push(Some(key)));
    }
    columns
}

fn samples(columns: &[Keys]) -> Vec<Sample> {
    let sample = |keys: &Keys| {
        let (_, _, byte_len) = stored(DataType::BigInt, keys);
        Sample {
            keys: keys.iter().map(|key| key.unwrap_or(0)).collect(),
            is_valid: keys.iter().map(Option::is_some).collect(),
            bits: byte_len as f64 * 8.0 / keys.len() as f64,
            may_be_derived: true,
        }
    };
    columns.iter().map(sample).collect()
}

fn choose(columns: &[Keys]) -> Vec<(usize, Rule, Vec<usize>)> {
    let found = find_rules(&samples(columns), 512);
    let chosen = choose_rules(found, |_| Ok::<_, ()>(true)).unwrap();
    let mut chosen: Vec<_> =
        chosen.into_iter().map(|found| (found.column, found.rule, found.sources)).collect();
    chosen.sort_by_key(|(column, ..)| *column);
    chosen
}

#[test]
fn the_rules_of_order_lines_are_found_with_their_parameters() {
    let mut columns = lines(1_536);
    let expected = [
        (1, Rule::Same, vec![0]),
        (2, Rule::Mapped, vec![3]),
        (7, Rule::ScaledDown { addend: 100, divisor: 100, rounding: FLOOR }, vec![4, 6]),
        (8, Rule::Ratio { factor: 3, divisor: 5, rounding: FLOOR }, vec![4, 5]),
    ];
    assert_eq!(choose(&columns), expected);
    // One row in fifty follows nothing, and one in ten is NULL.
    for (row, key) in columns[7].iter_mut().enumerate() {
        *key = if row % 50 == 9 { Some(17) } else { key.filter(|_| row % 10 != 3) };
    }
    let of_revenue = |rules: Vec<(usize, Rule, Vec<usize>)>| -> Vec<_> {
        rules.into_iter().filter(|(column, ..)| *column == 7).collect()
    };
    assert_eq!(of_revenue(choose(&columns)), of_revenue(expected.to_vec()));
}

#[test]
fn rounded_taxes_and_plain_products_are_found() {
    let lines = lines(1_536);
    let pair = |row: usize| (lines[4][row].unwrap(), lines[6][row].unwrap());
    let taxed = (0..1_536).map(|row| {
        let (price, tax) = pair(row);
        Some((price * (100 + tax) + 50) / 100)
    });
    let product = (0..1_536).map(|row| Some(lines[9][row].unwrap() * lines[5][row].unwrap()));
    let columns = [
        lines[4].clone(),
        lines[6].clone(),
        taxed.collect(),
        lines[9].clone(),
        lines[5].clone(),
        product.collect(),
    ];
    let half_up = Rule::ScaledUp { addend: 100, divisor: 100, rounding: Rounding::HalfUp };
    let times = Rule::ScaledUp { addend: 0, divisor: 1, rounding: FLOOR };
    let found = choose(&columns);
    assert_eq!(found[0], (2, half_up, vec![0, 1]));
    assert!(matches!(&found[1], (5, rule, _) if *rule == times), "{found:?}");
    assert_eq!(found.len(), 2);
}

#[test]
fn quotients_by_a_constant_are_found_beside_the_sources_of_other_rules() {
    // Rows of a bridge, four to a parent; the ordinal of the parent; months of dates.
    let bridge: Keys = lines(1_536)[9].iter().map(|key| Some(key.unwrap() % 800_000)).collect();
    let parent: Keys = bridge.iter().map(|row| Some(row.unwrap() / 4 + 1)).collect();
    let ordinal: Keys = parent.iter().map(|key| Some(key.unwrap() - 1)).collect();
    let divided = |addend| Rule::Divided { addend, divisor: 4 };
    let expected = [(1, divided(0), vec![0]), (2, divided(0), vec![0])];
    assert_eq!(choose(&[bridge.clone(), parent, ordinal]), expected);
    let shifted: Keys = bridge.iter().map(|row| Some((row.unwrap() + 3).div_euclid(4))).collect();
    assert_eq!(choose(&[bridge, shifted]), [(1, divided(3), vec![0])]);
    let day = |row: i64| 19_920_101 + row % 28 + row / 28 % 12 * 100 + row / 336 * 10_000;
    let days: Keys = (0..1_536).map(|row| Some(day(row * 1_031 % 2_000))).collect();
    let months: Keys = days.iter().map(|day| Some(day.unwrap() / 100)).collect();
    let rule = Rule::Divided { addend: 0, divisor: 100 };
    assert_eq!(choose(&[days, months]), [(1, rule, vec![0])]);
}

#[test]
fn numbers_divide_exactly_at_the_ends() {
    for (addend, divisor) in [(0, 1), (PARAMETER_MAX, 3), (-PARAMETER_MAX, 7), (-1, 2)] {
        let divided = Divided { addend, divisor };
        let near = 1i64 << 52;
        for x in [near - 5, -near + 5, i64::MAX - 3, i64::MIN + 3, 0, -1] {
            let x: Vec<i64> = (0..3).map(|step| x + step).collect();
            let expected: Vec<i64> = x.iter().map(|x| divided.of(*x)).collect();
            assert_eq!(divided.of_all(x), expected, "{addend} {divisor}");
        }
    }
    assert_eq!(Divided { addend: 5, divisor: 1 }.of(i64::MAX), 0, "does not fit");
}

#[test]
fn numbers_of_quotients_are_those_that_divide_to_them() {
    for (addend, divisor) in [(0, 4), (3, 4), (-7, 3), (5, 100), (-250, 2), (1, 64), (0, 3)] {
        let divided = Divided { addend, divisor };
        let members: Members = (0..40).filter(|it| it % 3 == 1 || *it > 37).collect();
        let members = Arc::new(members);
        for set in [
            KeySet::Nothing,
            KeySet::range(2, 5),
            KeySet::range(-3, -3),
            KeySet::range(i128::MIN, 7),
            KeySet::range(8, i128::MAX),
            KeySet::Outside { low: -1, high: 6 },
            KeySet::points(vec![-9, 0, 4, 5, 31]),
            KeySet::Members { members: Arc::clone(&members), shift: 0 },
            KeySet::Members { members: Arc::clone(&members), shift: -20 },
        ] {
            // Of one set there are multiples of one divisor.
            let set = match set {
                KeySet::Members { members, shift } => {
                    KeySet::Members { members: Arc::new(members.iter().collect()), shift }
                }
                set => set,
            };
            let numbers = divided.numbers(&set).expect("a set that is told");
            for x in -3_000..3_000_i64 {
                let expected = set.contains(divided.of(x).into());
                assert_eq!(numbers.contains(x.into()), expected, "{divided:?} {set:?} {x}");
            }
        }
    }
    let divided = Divided { addend: 0, divisor: 4 };
    let members: Arc<Members> = Arc::new([1, 9].into_iter().collect());
    let set = KeySet::Members { members, shift: 0 };
    assert!(divided.numbers(&set).is_some());
    assert_eq!(Divided { addend: 0, divisor: 5 }.numbers(&set), None, "another divisor");
    assert_eq!(Divided { addend: 0, divisor: 1 }.numbers(&KeySet::range(1, 2)), None);
    let many = KeySet::points((0..3_000).map(|key| key * 2).collect());
    assert_eq!(divided.numbers(&many), None, "too many numbers");
}

#[test]
fn nothing_is_found_where_there_is_nothing() {
    let noise: Vec<Keys> = (0..8)
        .map(|column| {
            let all = lines(1_536 * (column + 1)).swap_remove(9);
            all.into_iter()
                .skip(1_536 * column)
                .map(|key| Some(key? % (1 << (4 + column))))
                .collect()
        })
        .collect();
    assert_eq!(find_rules(&samples(&noise), 512), []);
    let constant = vec![Some(7); 1_536];
    assert_eq!(find_rules(&samples(&[constant.clone(), constant]), 512), []);
    assert_eq!(find_rules(&samples(&lines(50)), 50), []);
    assert_eq!(find_rules(&[], 512), []);
}

#[test]
fn keys_at_both_ends_of_their_range_are_sampled_like_others() {
    let ends = [i64::MIN, i64::MAX, 0, -1];
    let keys = |step: usize| (0..512).map(|row| Some(ends[row / step % 4])).collect::<Keys>();
    let found = find_rules(&samples(&[keys(1), keys(1), keys(3)]), 512);
    assert!(found.iter().any(|found| found.rule == Rule::Same), "{found:?}");
    assert!(!found.iter().any(|found| matches!(found.rule, Rule::Divided { .. })), "{found:?}");
}

#[test]
fn a_column_that_may_not_be_derived_is_a_source() {
    let columns = lines(1_536);
    let mut samples = samples(&columns[..2]);
    samples[1].may_be_derived = false;
    let found = find_rules(&samples, 512);
    let same = |found: &Found| (found.column, found.rule, found.sources.clone());
    assert_eq!(found.iter().map(same).collect::<Vec<_>>(), [(0, Rule::Same, vec![1])]);
}

#[test]
fn order_lines_get_smaller_and_say_why() {
    let lines = lines(20_000);
    let block = |column: usize| stored(DataType::BigInt, &lines[column]);
    let check = |column: usize, rule: Rule, sources: &[usize], tree: &str| {
        let (plain, array, byte_len) = block(column);
        let sources: Vec<Block> = sources.iter().map(|source| block(*source).0).collect();
        let (derived, bytes) = derived(&plain, rule, &sources.iter().collect::<Vec<_>>()).unwrap();
        assert!(bytes.len() * 10 < byte_len, "{} of {byte_len}", bytes.len());
        assert_eq!(derived.tree(), tree);
        reads_alike(&plain, &derived, &array);
    };
    check(1, Rule::Same, &[0], "derived(c3, constant)");
    check(3, Rule::Mapped, &[2], "derived(map of c3, constant)");
    let revenue = Rule::ScaledDown { addend: 100, divisor: 100, rounding: FLOOR };
    check(7, revenue, &[4, 6], "derived(c3 * (100 - c5) / 100, constant)");
    let cost = Rule::Ratio { factor: 6, divisor: 10, rounding: FLOOR };
    check(8, cost, &[4, 5], "derived(c3 * 6 / (c5 * 10), constant)");
}

#[test]
fn sources_that_do_not_fit_are_damage() {
    let (block, ..) = stored(DataType::BigInt, &lines(300)[1]);
    let (source, ..) = stored(DataType::BigInt, &lines(300)[0]);
    let (short, ..) = stored(DataType::BigInt, &lines(200)[0]);
    let (derived_source, bytes) = derived(&block, Rule::Same, &[&source]).unwrap();
    let parse = |ty, sources: &[Block], rule: Rule| {
        let derivation = Derivation { rule, sources: ids(1) };
        Block::parse_derived(bytes.clone().into(), ty, 300, &derivation, sources, None).map(|_| ())
    };
    let ty = DataType::BigInt;
    assert_eq!(parse(ty, std::slice::from_ref(&source), Rule::Same), Ok(()));
    for sources in [vec![], vec![short], vec![derived_source], vec![source.clone(), source.clone()]]
    {
        let damage = parse(ty, &sources, Rule::Same).unwrap_err();
        assert!(damage.what.starts_with("derivation"), "{damage}");
    }
    let wide = DataType::Decimal { precision: 38, scale: 0 };
    assert!(parse(wide, std::slice::from_ref(&source), Rule::Same).is_err());
    let rule = Rule::Ratio { factor: 1, divisor: 0, rounding: FLOOR };
    assert!(parse(ty, &[source.clone(), source], rule).is_err());
}

#[test]
fn keys_of_references_come_from_a_list() {
    let list: Vec<i64> = (0..90).map(|place| place * 7_919 % 97 - 20).collect();
    let shared = Arc::new(SharedKeys::new(list.clone()));
    for every in [7, i64::MAX] {
        let refers = |row: i64| (row % every != 3).then_some(row * row % 90);
        let ordinals: Keys = (0..300).map(refers).collect();
        let keys: Keys = ordinals.iter().map(|place| Some(list[(*place)? as usize])).collect();
        let ((block, array, _), (source, ..)) =
            (stored(DataType::BigInt, &keys), stored(DataType::BigInt, &ordinals));
        let rule = Rule::Referenced;
        let (found, bytes) = derived_with(&block, rule, &[&source], Some(&shared)).unwrap();
        assert!(found.tree().starts_with("derived(key of c3, constant)"), "{}", found.tree());
        assert_eq!(&found.decode(0..300).unwrap(), &array);
        reads_alike(&block, &found, &array);

        // A list with another key: what is stored says where.
        let mut other = list.clone();
        other[49] = 1_000_000;
        let other = Arc::new(SharedKeys::new(other));
        let (found, _) = derived_with(&block, rule, &[&source], Some(&other)).unwrap();
        reads_alike(&block, &found, &array);

        let short = Arc::new(SharedKeys::new(list[..40].to_vec()));
        assert!(encode_derived(&block, &rule, &[&source], Some(&short)).is_err());
        assert_eq!(encode_derived(&block, &rule, &[&source], None), Ok(None));
        let derivation = Derivation { rule, sources: ids(1) };
        let parse = |keys: Option<&Arc<SharedKeys>>| {
            let (ty, bytes) = (DataType::BigInt, bytes.clone().into());
            Block::parse_derived(bytes, ty, 300, &derivation, std::slice::from_ref(&source), keys)
        };
        assert_eq!(parse(None).unwrap_err().expected, "a list of keys");
        let damage = parse(Some(&short)).unwrap().decode(0..300).unwrap_err();
        assert_eq!(damage.expected, "one of 40 ordinals");
    }
}

#[test]
fn any_damage_of_a_derived_block_is_an_error_or_an_answer() {
    let lines = lines(100);
    let plan = [(1, Rule::Same), (3, Rule::Mapped)];
    for (column, rule) in plan {
        let (block, ..) = stored(DataType::BigInt, &lines[column]);
        let (source, ..) = stored(DataType::BigInt, &lines[column - 1]);
        let (_, bytes) = derived(&block, rule, &[&source]).unwrap();
        let derivation = Derivation { rule, sources: ids(1) };
        let read = |bytes: Vec<u8>| {
            let sources = std::slice::from_ref(&source);
            let ty = DataType::BigInt;
            let block = Block::parse_derived(bytes.into(), ty, 100, &derivation, sources, None)?;
            block.decode(0..100).map(|array| array.len())
        };
        for (at, bit) in (0..bytes.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut bad = bytes.clone();
            bad[at] ^= 1 << bit;
            match read(bad) {
                Ok(rows) => assert_eq!(rows, 100),
                Err(damage) => assert!(damage.offset <= bytes.len() as u64, "{damage}"),
            }
            assert!(read(bytes[..at].to_vec()).is_err());
        }
    }
}
