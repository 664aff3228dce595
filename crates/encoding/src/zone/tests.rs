//! Every small run of rows against every small predicate, with exact and with widened bounds.

use super::*;
use crate::predicate::ValuePredicate;
use arrow::array::{ArrayRef, BooleanArray};
use std::sync::Arc;

const OPS: [CompareOp; 6] = [
    CompareOp::Equal,
    CompareOp::NotEqual,
    CompareOp::Less,
    CompareOp::LessOrEqual,
    CompareOp::Greater,
    CompareOp::GreaterOrEqual,
];

/// Every run of one to three rows out of NULL, 1, 2 and 3.
fn runs() -> Vec<Vec<Option<i128>>> {
    let rows = [None, Some(1), Some(2), Some(3)];
    let mut runs: Vec<Vec<Option<i128>>> = rows.iter().map(|&row| vec![row]).collect();
    let mut from = 0;
    for _ in 0..2 {
        let longer: Vec<_> = runs[from..]
            .iter()
            .flat_map(|run| rows.iter().map(move |&row| [run.as_slice(), &[row]].concat()))
            .collect();
        from = runs.len();
        runs.extend(longer);
    }
    runs
}

/// Every comparison, interval and list over the constants 0 to 4.
fn predicates() -> Vec<Predicate> {
    let mut predicates = vec![Predicate::IsNull, Predicate::IsNotNull];
    for value in 0..=4 {
        for op in OPS {
            predicates.push(Predicate::Compare { op, value: Scalar::Integer(value) });
        }
        for high in 0..=4 {
            let (low, high) = (Scalar::Integer(value), Scalar::Integer(high));
            predicates.push(Predicate::Between { low, high });
        }
    }
    for members in 0..32 {
        let values = (0..5).filter(|value| members >> value & 1 == 1).map(Scalar::Integer);
        predicates.push(Predicate::is_in(values.collect()));
        let values = (0..5).filter(|value| members >> value & 1 == 1);
        predicates.push(Predicate::Members(Arc::new(values.collect())));
    }
    predicates
}

fn satisfies(predicate: &Predicate, row: Option<i128>) -> bool {
    let compare = |value: &Scalar| row.and_then(|row| Scalar::Integer(row).compare(value));
    match predicate {
        Predicate::IsNull => row.is_none(),
        Predicate::IsNotNull => row.is_some(),
        Predicate::Compare { op, value } => compare(value).is_some_and(|order| op.holds(order)),
        Predicate::Between { low, high } => {
            compare(low).is_some_and(Ordering::is_ge) && compare(high).is_some_and(Ordering::is_le)
        }
        Predicate::In(values) => values.iter().any(|value| compare(value) == Some(Ordering::Equal)),
        Predicate::Members(members) => row.is_some_and(|row| members.contains(row)),
        Predicate::Prefix(_) | Predicate::Values(_) => unreachable!("not among these predicates"),
    }
}

/// The statistics of a run; each bound widened by `slack`, or dropped where it is `None`.
fn stats(run: &[Option<i128>], below: Option<i128>, above: Option<i128>) -> ZoneStats {
    let (min, max) = (run.iter().flatten().min(), run.iter().flatten().max());
    ZoneStats {
        rows: run.len() as u32,
        nulls: run.iter().filter(|row| row.is_none()).count() as u32,
        present: Vec::new(),
        min: min.zip(below).map(|(min, slack)| Scalar::Integer(min - slack)),
        max: max.zip(above).map(|(max, slack)| Scalar::Integer(max + slack)),
        min_exact: below == Some(0),
        max_exact: above == Some(0),
    }
}

#[test]
fn no_verdict_contradicts_the_rows() {
    let slacks = [Some(0), Some(1), None];
    for run in runs() {
        for predicate in predicates() {
            let satisfying = run.iter().filter(|&&row| satisfies(&predicate, row)).count();
            for (below, above) in slacks.iter().flat_map(|a| slacks.map(|b| (*a, b))) {
                let verdict = predicate.zone_verdict(&stats(&run, below, above));
                let context = format!("{predicate:?} on {run:?}, slack {below:?} {above:?}");
                match verdict {
                    Verdict::None => assert_eq!(satisfying, 0, "{context}"),
                    Verdict::All => assert_eq!(satisfying, run.len(), "{context}"),
                    Verdict::Some => {}
                }
                let mut present: Vec<i128> = run.iter().copied().flatten().collect();
                present.sort_unstable();
                present.dedup();
                let present = present.into_iter().map(Scalar::Integer).collect();
                let stats = ZoneStats { present, ..stats(&run, below, above) };
                let expected = share(satisfying as u32, run.len() as u32);
                assert_eq!(predicate.zone_verdict(&stats), expected, "{context}, values known");
            }
        }
    }
}

#[test]
fn exact_bounds_decide_ordered_comparisons_of_runs_without_null() {
    let ordered =
        [CompareOp::Less, CompareOp::LessOrEqual, CompareOp::Greater, CompareOp::GreaterOrEqual];
    for run in runs().into_iter().filter(|run| !run.contains(&None)) {
        for (value, op) in (0..=4).flat_map(|value| ordered.map(|op| (value, op))) {
            let predicate = Predicate::Compare { op, value: Scalar::Integer(value) };
            let satisfying = run.iter().filter(|&&row| satisfies(&predicate, row)).count();
            let expected = share(satisfying as u32, run.len() as u32);
            let verdict = predicate.zone_verdict(&stats(&run, Some(0), Some(0)));
            assert_eq!(verdict, expected, "{predicate:?} on {run:?}");
        }
    }
}

#[test]
fn a_run_of_one_value_decides_everything() {
    for predicate in predicates() {
        let expected = if satisfies(&predicate, Some(2)) { Verdict::All } else { Verdict::None };
        let verdict = predicate.zone_verdict(&stats(&[Some(2), Some(2)], Some(0), Some(0)));
        assert_eq!(verdict, expected, "{predicate:?}");
    }
}

#[test]
fn nulls_turn_all_into_some() {
    let stats = stats(&[Some(1), None], Some(0), Some(0));
    let less = Predicate::Compare { op: CompareOp::Less, value: Scalar::Integer(5) };
    assert_eq!(less.zone_verdict(&stats), Verdict::Some);
    assert_eq!(Predicate::IsNull.zone_verdict(&stats), Verdict::Some);
}

#[test]
fn truncated_strings_still_exclude() {
    let text = |text: &str| Some(Scalar::String(text.into()));
    let stats = ZoneStats {
        rows: 9,
        nulls: 0,
        present: Vec::new(),
        min: text("ma"),
        max: text("n"),
        min_exact: false,
        max_exact: false,
    };
    let verdict = |op, value: &str| {
        Predicate::Compare { op, value: text(value).unwrap() }.zone_verdict(&stats)
    };
    assert_eq!(verdict(CompareOp::Equal, "lz"), Verdict::None);
    assert_eq!(verdict(CompareOp::Equal, "mallet"), Verdict::Some);
    assert_eq!(verdict(CompareOp::Less, "ma"), Verdict::None);
    assert_eq!(verdict(CompareOp::GreaterOrEqual, "ma"), Verdict::All);
    assert_eq!(verdict(CompareOp::Greater, "ma"), Verdict::Some);
    assert_eq!(verdict(CompareOp::LessOrEqual, "n"), Verdict::All);
    assert_eq!(verdict(CompareOp::NotEqual, "zz"), Verdict::All);
}

#[test]
fn beginnings_of_text_are_judged_by_the_bounds() {
    let texts = ["", "a", "ab", "abc", "ac", "b", "ba", "c"];
    let text = |text: &str| Some(Scalar::String(text.into()));
    for (low, min) in texts.iter().enumerate() {
        for (high, max) in texts.iter().enumerate().skip(low) {
            let (min, max) = (text(min), text(max));
            let stats = ZoneStats {
                rows: 9,
                nulls: 0,
                min,
                max,
                present: Vec::new(),
                min_exact: true,
                max_exact: true,
            };
            for prefix in texts {
                let begin = |text: &&&str| text.starts_with(prefix);
                let run = &texts[low..=high];
                let label = format!("{prefix:?} in {run:?}");
                match Predicate::Prefix(prefix.into()).zone_verdict(&stats) {
                    Verdict::None => assert_eq!(run.iter().filter(begin).count(), 0, "{label}"),
                    Verdict::All => assert_eq!(run.iter().filter(begin).count(), run.len()),
                    Verdict::Some => {
                        assert!(!run.iter().all(|text| text.starts_with(prefix)), "{label}");
                    }
                }
            }
        }
    }
    let stats = stats(&[Some(1)], Some(0), Some(0));
    assert_eq!(Predicate::Prefix("1".into()).zone_verdict(&stats), Verdict::Some);
}

#[test]
fn statistics_of_another_type_say_nothing() {
    let stats = stats(&[Some(1)], Some(0), Some(0));
    let value = Scalar::String("1".into());
    for op in OPS {
        let predicate = Predicate::Compare { op, value: value.clone() };
        assert_eq!(predicate.zone_verdict(&stats), Verdict::Some, "{op:?}");
    }
    assert_eq!(Predicate::is_in(vec![value]).zone_verdict(&stats), Verdict::Some);
}

#[test]
fn a_value_predicate_is_never_judged() {
    #[derive(Debug)]
    struct Never;
    impl ValuePredicate for Never {
        fn evaluate(&self, _: &ArrayRef) -> Result<BooleanArray, String> {
            Err("not to be called".into())
        }
    }
    let stats = stats(&[None], Some(0), Some(0));
    assert_eq!(Predicate::Values(Arc::new(Never)).zone_verdict(&stats), Verdict::Some);
}
