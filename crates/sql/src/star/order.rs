//! The order in which filters are tested: a pure rule.
//!
//! A filter looks at whole vectors of rows, at the same cost however many of them are left, until
//! so few are left that they are looked at one by one. So one that leaves very few makes all that
//! follow cheap, and is tested first even if it costs more than others.

/// How much more a row costs that is looked at alone, compared with its share of a vector.
pub(super) const SINGLE_ROWS: f64 = 36.0;
/// Filters of which all orders are tried.
const ALL_ORDERS_MAX: usize = 6;

/// What is known of a filter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Estimate {
    /// Of looking at all rows, in any unit.
    pub(super) cost: f64,
    /// The share of the rows that it leaves.
    pub(super) share: f64,
}

/// The places of filters in the order in which they cost least together.
pub(super) fn cheapest(filters: &[Estimate]) -> Vec<usize> {
    let mut by_rank: Vec<(f64, usize)> = filters
        .iter()
        .enumerate()
        .map(|(place, filter)| (filter.cost / (1.0 - filter.share).max(1e-6), place))
        .collect();
    by_rank.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut order: Vec<usize> = by_rank.into_iter().map(|(_, place)| place).collect();
    if filters.len() <= ALL_ORDERS_MAX {
        let mut best = (cost_of(filters, &order), order.clone());
        try_all(filters, &mut order, 0, &mut best);
        order = best.1;
    }
    order
}

/// Tries all orders that begin with the first `fixed` places.
fn try_all(
    filters: &[Estimate],
    order: &mut Vec<usize>,
    fixed: usize,
    best: &mut (f64, Vec<usize>),
) {
    if fixed == order.len() {
        let cost = cost_of(filters, order);
        if cost < best.0 {
            *best = (cost, order.clone());
        }
        return;
    }
    for next in fixed..order.len() {
        order.swap(fixed, next);
        try_all(filters, order, fixed + 1, best);
        order.swap(fixed, next);
    }
}

fn cost_of(filters: &[Estimate], order: &[usize]) -> f64 {
    let (mut cost, mut share) = (0.0, 1.0_f64);
    for filter in order.iter().filter_map(|place| filters.get(*place)) {
        cost += filter.cost * (share * SINGLE_ROWS).min(1.0);
        share *= filter.share;
    }
    cost
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(filters: &[(f64, f64)]) -> Vec<usize> {
        let filters: Vec<Estimate> =
            filters.iter().map(|(cost, share)| Estimate { cost: *cost, share: *share }).collect();
        cheapest(&filters)
    }

    #[test]
    fn what_leaves_very_little_comes_first() {
        assert_eq!(order(&[(15.0, 0.2), (20.0, 0.008)]), [1, 0]);
        // Otherwise what costs least for what it drops.
        assert_eq!(order(&[(15.0, 0.2), (20.0, 0.3), (5.0, 0.5)])[0], 2);
        assert_eq!(order(&[]), Vec::<usize>::new());
        assert_eq!(order(&[(0.0, 1.0)]), [0]);
    }

    #[test]
    fn each_filter_is_there_once() {
        for count in 1..9 {
            let filters: Vec<(f64, f64)> =
                (0..count).map(|n| (f64::from(n * 7 % 5), f64::from(n * 3 % 4) / 4.0)).collect();
            let mut found = order(&filters);
            found.sort_unstable();
            assert!(found.into_iter().eq(0..count as usize));
        }
    }
}
