//! Sums of words beside those of a model.

use super::*;
use proptest::prelude::*;

/// One row after the other.
fn expected(
    columns: &[Vec<Option<i64>>],
    groups: &[usize],
    total: usize,
    value: impl Fn(&[i64]) -> i128,
    of: &[usize],
) -> Vec<(i128, u64)> {
    let mut all = vec![(0, 0); total];
    for (row, group) in groups.iter().enumerate() {
        if of.iter().all(|column| columns[*column][row].is_some()) {
            let values: Vec<i64> =
                columns.iter().map(|column| column[row].unwrap_or_default()).collect();
            all[*group].0 += value(&values);
            all[*group].1 += 1;
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn sums_are_those_of_the_rows(
        rows in prop::collection::vec(
            (prop::option::weighted(0.9, -1_000_000_i64..1_000_000), -900_i64..900, 0..64_usize),
            0..3_000,
        ),
        total in prop_oneof![Just(1_usize), 2..9_usize, 9..64_usize],
        has_nulls in any::<bool>(),

    ) {
        let first = rows.iter().map(|row| if has_nulls { row.0 } else { row.0.or(Some(7)) });
        let columns = [first.collect(), rows.iter().map(|row| Some(row.1)).collect::<Vec<_>>()];
        let groups: Vec<usize> = rows.iter().map(|row| row.2 % total).collect();
        let mut program = Program::default();
        let [a, b] = [0, 1].map(|column| program.add(Step::Column(column)));
        let hundred = program.add(Step::Constant(100));
        let rest = program.add(Step::Apply(ShortOp::Subtract, hundred, b));
        let product = program.add(Step::Apply(ShortOp::Multiply, a, rest));
        let both = program.add(Step::Apply(ShortOp::Add, product, a));
        prop_assert_eq!(program.add(Step::Column(1)), b);
        let asked = vec![
            Asked { sum: Some(both), columns: vec![0, 1] },
            Asked { sum: Some(b), columns: vec![1] },
            Asked { sum: None, columns: vec![0] },
            Asked { sum: None, columns: vec![] },
            Asked { sum: Some(hundred), columns: vec![] },
        ];
        let mut sums = GroupSums::new(program, asked);
        let arrays: Vec<Int64Array> = columns.iter().map(|it| it.iter().collect()).collect();
        let half = rows.len() / 2;
        for range in [0..half, half..rows.len()] {
            let parts: Vec<Int64Array> =
                arrays.iter().map(|array| array.slice(range.start, range.len())).collect();
            let parts: Vec<&Int64Array> = parts.iter().collect();
            sums.add(&parts, &groups[range], total);
        }
        let of = |place| sums.of(place).collect::<Vec<_>>();
        let model = |value: &dyn Fn(&[i64]) -> i128, columns_of: &[usize]| {
            expected(&columns, &groups, total, value, columns_of)
        };
        let wide = |value: i64| i128::from(value);
        prop_assert_eq!(of(0), model(&|row| wide(row[0] * (100 - row[1]) + row[0]), &[0, 1]));
        prop_assert_eq!(of(1), model(&|row| wide(row[1]), &[1]));
        let counts = |list: Vec<(i128, u64)>| list.into_iter().map(|it| it.1).collect::<Vec<_>>();
        prop_assert_eq!(counts(of(2)), counts(model(&|_| 0, &[0])));
        prop_assert_eq!(counts(of(3)), counts(model(&|_| 0, &[])));
        prop_assert_eq!(of(4), model(&|_| 100, &[]));
        // The groups of another are in the opposite order.
        let mut other = GroupSums::new(sums.program.clone(), sums.asked.clone());
        let turned: Vec<usize> = groups.iter().map(|group| total - 1 - group).collect();
        let arrays: Vec<&Int64Array> = arrays.iter().collect();
        other.add(&arrays, &turned, total);
        let back: Vec<usize> = (0..total).rev().collect();
        sums.merge(&other, &back, total);
        for (place, twice) in (0..5).map(|place| (place, sums.of(place).collect::<Vec<_>>())) {
            let mut again = GroupSums::new(sums.program.clone(), sums.asked.clone());
            again.add(&arrays, &groups, total);
            let once = again.of(place).map(|(sum, count)| (2 * sum, 2 * count));
            prop_assert_eq!(twice, once.collect::<Vec<_>>());
        }
        // The same rows in the order of the groups.
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|row| groups[*row]);
        let there: Vec<usize> = (0..total).filter(|group| groups.contains(group)).collect();
        let places: Vec<usize> = order
            .iter()
            .map(|row| there.partition_point(|group| *group < groups[*row]))
            .collect();
        let ends: Vec<usize> =
            (0..there.len()).map(|place| places.partition_point(|it| *it <= place)).collect();
        let sorted: Vec<Int64Array> = columns
            .iter()
            .map(|column| order.iter().map(|row| column[*row]).collect())
            .collect();
        let sorted: Vec<&Int64Array> = sorted.iter().collect();
        let mut runs = GroupSums::new(sums.program.clone(), sums.asked.clone());
        runs.add_runs(&sorted, &places, &ends);
        let mut again = GroupSums::new(sums.program.clone(), sums.asked.clone());
        again.add(&sorted, &places, there.len());
        for place in 0..5 {
            prop_assert_eq!(runs.of(place).collect::<Vec<_>>(), again.of(place).collect::<Vec<_>>());
        }
        sums.clear();
        sums.add(&arrays, &groups, total);
        prop_assert_eq!(sums.of(1).collect::<Vec<_>>(), model(&|row| wide(row[1]), &[1]));
    }
}
