//! Finds keys in a run, reading only the blocks that may hold them.

use crate::keys::layout::{Layout, NormalKey};
use crate::keys::run::RunBlocks;
use starfact_base::{Result, Scalar};
use std::cmp::Ordering;

/// Keys up to which the blocks that they are looked for in are kept: those of a small commit, and
/// not of a load that goes through all blocks once.
const FEW_KEYS: usize = 8 * 1024;

/// Calls `visit` with the place in `keys` and the row id of every key that the run has.
///
/// `keys` are in ascending order; equal ones are each visited. A run in memory may have a key
/// several times, of rows of which one at most is live; each of them is visited.
pub(crate) fn find_each<K: NormalKey>(
    layout: &Layout,
    run: &RunBlocks,
    keys: &[K],
    visit: &mut dyn FnMut(usize, u64) -> Result<()>,
) -> Result<()> {
    if let Some((known, rows)) = run.memory::<K>() {
        merge(keys, known, &mut |place, found| match rows.get(found) {
            Some(row) => visit(place, *row),
            None => Ok(()),
        })?;
        return Ok(());
    }
    let (mut at, mut block) = (0, 0);
    while let Some(key) = keys.get(at) {
        let first = key.first(layout);
        block = skip_blocks(layout, run, block, first.as_ref());
        if block >= run.count() {
            break;
        }
        let rest = keys.get(at..).unwrap_or_default();
        let below = count_below(layout, rest, run.lower_bound(layout, block).as_deref());
        if below > 0 {
            at += below;
            continue;
        }
        let mut visit = |rows: &[u64], place: usize, found: usize| match rows.get(found) {
            Some(row) => visit(at + place, *row),
            None => Ok(()),
        };
        at += if keys.len() <= FEW_KEYS {
            let kept = run.load_kept::<K>(layout, block)?;
            let block_keys = K::unwrap(&kept.keys).unwrap_or_default();
            let mut visit = |place, found| visit(&kept.rows, place, found);
            match kept.are_dense {
                true => look_up(rest, block_keys, &mut visit)?,
                false => merge(rest, block_keys, &mut visit)?,
            }
        } else {
            let (block_keys, rows) = run.load::<K>(layout, block)?;
            merge(rest, &block_keys, &mut |place, found| visit(&rows, place, found))?
        };
        block += 1;
    }
    Ok(())
}

/// The first block, from `block` on, that does not end below a key that begins with `first`.
fn skip_blocks(layout: &Layout, run: &RunBlocks, block: usize, first: Option<&Scalar>) -> usize {
    let Some(first) = first else { return block };
    let is_below = |block: usize| {
        let bound = run.upper_bound(layout, block).and_then(|bound| bound.compare(first));
        bound == Some(Ordering::Less)
    };
    let (mut low, mut high) = (block, run.count());
    while low < high {
        let middle = low + (high - low) / 2;
        if is_below(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

/// How many of `keys` begin with less than `bound`.
fn count_below<K: NormalKey>(layout: &Layout, keys: &[K], bound: Option<&Scalar>) -> usize {
    let Some(bound) = bound else { return 0 };
    keys.partition_point(|key| {
        let order = key.first(layout).and_then(|first| first.compare(bound));
        order == Some(Ordering::Less)
    })
}

/// The same as [`merge`] in a block of keys of which each is one more than that before it.
fn look_up<K: NormalKey>(
    keys: &[K],
    block: &[K],
    visit: &mut dyn FnMut(usize, usize) -> Result<()>,
) -> Result<usize> {
    let Some((first, last)) = block.first().zip(block.last()) else { return Ok(keys.len()) };
    let done = keys.partition_point(|key| key <= last);
    for (place, key) in keys.iter().enumerate().take(done) {
        if key >= first
            && let Some(offset) = key.offset_from(first)
        {
            visit(place, offset as usize)?;
        }
    }
    Ok(done)
}

/// Visits the places of equal keys; returns how many of `keys` are not above all of `block`.
fn merge<K: Ord>(
    keys: &[K],
    block: &[K],
    visit: &mut dyn FnMut(usize, usize) -> Result<()>,
) -> Result<usize> {
    let mut from = 0;
    for (place, key) in keys.iter().enumerate() {
        from += gallop(block.get(from..).unwrap_or_default(), key);
        if from >= block.len() {
            return Ok(place);
        }
        let equal = block.iter().skip(from).take_while(|found| *found == key);
        for (found, _) in (from..).zip(equal) {
            visit(place, found)?;
        }
    }
    Ok(keys.len())
}

/// How many of `sorted` are below `key`: cheap where that is few, and never dear.
fn gallop<K: Ord>(sorted: &[K], key: &K) -> usize {
    let is_below = |idx: usize| sorted.get(idx).is_some_and(|other| other < key);
    let mut step = 1;
    let mut low = 0;
    while is_below(low + step - 1) {
        low += step;
        step *= 2;
    }
    let high = (low + step).min(sorted.len());
    let rest = sorted.get(low..high).unwrap_or_default();
    low + rest.partition_point(|other| other < key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn galloping_finds_the_first_that_is_not_below() {
        let sorted: Vec<u64> = (0..100).map(|i| i * 2).collect();
        for key in 0..210 {
            let expected = sorted.partition_point(|other| *other < key);
            assert_eq!(gallop(&sorted, &key), expected, "{key}");
        }
        assert_eq!(gallop(&[], &5), 0);
    }

    #[test]
    fn places_follow_from_dense_keys() {
        let find = |keys: &[u64], dense: bool| {
            let mut found = Vec::new();
            let mut visit = |place, at| {
                found.push((place, at));
                Ok(())
            };
            let block = [10, 11, 12, 13];
            let done = match dense {
                true => look_up(keys, &block, &mut visit).unwrap(),
                false => merge(keys, &block, &mut visit).unwrap(),
            };
            (done, found)
        };
        for keys in [&[][..], &[9], &[10], &[9, 10, 10, 12, 13, 14, 15], &[13, 13], &[14, 15]] {
            assert_eq!(find(keys, true), find(keys, false), "{keys:?}");
        }
        let dense = |keys: &[u64]| crate::keys::memory::SortedKeys::new(keys.to_vec(), vec![]);
        assert!(dense(&[5]).are_dense && dense(&[5, 6, 7]).are_dense);
        assert!(![&[][..], &[5, 5, 7], &[5, 7]].iter().any(|keys| dense(keys).are_dense));
    }

    #[test]
    fn merging_visits_equal_keys_and_stops_beyond_the_block() {
        let mut found = Vec::new();
        let mut visit = |place, at| {
            found.push((place, at));
            Ok(())
        };
        let done = merge(&[1, 2, 2, 5, 9, 12], &[2, 3, 5, 9], &mut visit).unwrap();
        assert_eq!(done, 5);
        assert_eq!(found, [(1, 0), (2, 0), (3, 2), (4, 3)]);
    }

    #[test]
    fn a_key_that_a_block_has_several_times_is_visited_as_often() {
        let mut found = Vec::new();
        let mut visit = |place, at| {
            found.push((place, at));
            Ok(())
        };
        let done = merge(&[2, 3, 3, 7], &[1, 2, 2, 3, 3, 7, 7], &mut visit).unwrap();
        assert_eq!(done, 4);
        assert_eq!(found, [(0, 1), (0, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 5), (3, 6)]);
    }
}
