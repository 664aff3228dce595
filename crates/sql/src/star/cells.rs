//! Groups as cells: a group's place among all combinations of the codes of its keys.
//!
//! ```text
//!   cell = code of date's keys + days · (code of part's keys + parts · …)
//!   group = the number of cells that were seen before it
//! ```
//!
//! Where few cells are possible, an array says which group each is; else a hash table, unless rows
//! come in the order of the cells: then the last one tells. Where nobody asks which group a row is
//! of, as for `SELECT DISTINCT`, cells are listed and sorted instead.

use hashbrown::HashMap;
use starfact_encoding::{Kernel, run_kernel};

/// Cells up to which there is an array, of 4 bytes each.
pub(super) const ARRAY_CELLS_MAX: u64 = 1 << 20;
/// Stands for no group.
const NONE: u32 = u32::MAX;

/// The groups that were seen.
#[derive(Debug)]
pub(super) struct Cells {
    groups: Groups,
    /// The cell of each group.
    cells: Vec<u64>,
}

#[derive(Debug)]
enum Groups {
    Array(Vec<u32>),
    Hashed(HashMap<u64, u32, foldhash::fast::RandomState>),
    /// So many cells ascend. There are others behind them only until the next ones are asked for.
    Ascending(usize),
    /// So many cells ascend, each of them once; those behind them are as they came.
    Listed(usize),
}

/// Cells that are listed before they are sorted for the first time.
const LISTED_MIN: usize = 1 << 16;

impl Cells {
    /// None yet, of so many that are possible; `None` if nobody knows how many.
    pub(super) fn new(possible: Option<u64>) -> Self {
        let groups = match possible {
            Some(count) if count <= ARRAY_CELLS_MAX => Groups::Array(vec![NONE; count as usize]),
            _ => Groups::Ascending(0),
        };
        Self { groups, cells: Vec::new() }
    }

    /// The same, if nobody asks which group a cell is.
    pub(super) fn listed(possible: u64) -> Self {
        match possible <= ARRAY_CELLS_MAX {
            true => Self::new(Some(possible)),
            false => Self { groups: Groups::Listed(0), cells: Vec::new() },
        }
    }

    /// Adds cells to those that are listed.
    pub(super) fn list(&mut self, cells: &[u64]) {
        self.cells.extend_from_slice(cells);
        if let Groups::Listed(sorted) = self.groups
            && self.cells.len() > 2 * sorted + LISTED_MIN
        {
            self.settle();
        }
    }

    /// Makes each cell that is listed one group.
    pub(super) fn settle(&mut self) {
        if let Groups::Listed(sorted) = &mut self.groups {
            self.cells.sort_unstable();
            self.cells.dedup();
            *sorted = self.cells.len();
        }
    }

    /// The groups of some cells, below the number of those that are possible.
    pub(super) fn groups(&mut self, cells: &[u64], groups: &mut Vec<usize>) {
        groups.clear();
        if let Groups::Ascending(sorted) = &mut self.groups {
            if *sorted == self.cells.len() && cells.is_sorted() {
                *sorted = merge(&mut self.cells, cells, groups);
                return;
            }
            self.hash();
        }
        let known = &mut self.cells;
        match &mut self.groups {
            Groups::Array(array) => {
                if run_kernel(Known { array, cells, groups }) {
                    return;
                }
                for (slot, cell) in groups.iter_mut().zip(cells) {
                    let Some(group) = array.get_mut(*cell as usize) else { continue };
                    if *group == NONE {
                        *group = known.len() as u32;
                        known.push(*cell);
                    }
                    *slot = *group as usize;
                }
            }
            Groups::Hashed(map) => groups.extend(cells.iter().map(|&cell| {
                let group = *map.entry(cell).or_insert_with(|| {
                    known.push(cell);
                    known.len() as u32 - 1
                });
                group as usize
            })),
            Groups::Listed(_) => self.list(cells),
            Groups::Ascending(_) => {}
        }
    }

    /// Goes on with a hash table.
    fn hash(&mut self) {
        let map = self.cells.iter().zip(0..).map(|(cell, group)| (*cell, group));
        self.groups = Groups::Hashed(map.collect());
    }

    /// Whether groups are looked up in a hash table.
    pub(super) fn is_hashed(&self) -> bool {
        matches!(self.groups, Groups::Hashed(_))
    }

    /// How many groups there are, or may be before what is listed is settled.
    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    /// The cell of each group.
    pub(super) fn cells(&self) -> &[u64] {
        &self.cells
    }

    /// Bytes in memory.
    pub(super) fn size(&self) -> usize {
        let groups = match &self.groups {
            Groups::Array(array) => array.len() * size_of::<u32>(),
            Groups::Hashed(map) => map.allocation_size(),
            Groups::Listed(_) | Groups::Ascending(_) => 0,
        };
        groups + self.cells.capacity() * size_of::<u64>()
    }

    /// Forgets all groups.
    pub(super) fn clear(&mut self) {
        match &mut self.groups {
            Groups::Array(array) => array.fill(NONE),
            Groups::Hashed(_) => self.groups = Groups::Ascending(0),
            Groups::Listed(sorted) | Groups::Ascending(sorted) => *sorted = 0,
        }
        self.cells = Vec::new();
    }
}

/// The groups of cells that ascend among others that do, behind which new ones are put; how many
/// ascend from the first on then.
fn merge(known: &mut Vec<u64>, cells: &[u64], groups: &mut Vec<usize>) -> usize {
    let sorted = known.len();
    let mut next = cells.first().map_or(0, |first| known.partition_point(|cell| cell < first));
    for cell in cells {
        while next < sorted && known.get(next).is_some_and(|known| known < cell) {
            next += 1;
        }
        if next < sorted && known.get(next) == Some(cell) {
            groups.push(next);
            continue;
        }
        if known.len() == sorted || known.last() != Some(cell) {
            known.push(*cell);
        }
        groups.push(known.len() - 1);
    }
    let last = sorted.checked_sub(1).and_then(|last| known.get(last));
    let is_behind = last.zip(known.get(sorted)).is_none_or(|(last, new)| last < new);
    if is_behind { known.len() } else { sorted }
}

/// The groups of cells in an array; tells whether all have been seen.
struct Known<'a> {
    array: &'a [u32],
    cells: &'a [u64],
    groups: &'a mut Vec<usize>,
}

impl Kernel for Known<'_> {
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        let Self { array, cells, groups } = self;
        groups.resize(cells.len(), 0);
        let mut greatest = 0;
        for (slot, cell) in groups.iter_mut().zip(cells) {
            let group = array.get(*cell as usize).copied().unwrap_or_default();
            greatest = greatest.max(group);
            *slot = group as usize;
        }
        greatest != NONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_and_hash_tables_give_the_same_groups() {
        let cells: Vec<u64> = (0..5_000_u64).map(|n| n * n % 977).collect();
        let mut all = [Cells::new(Some(977)), Cells::new(Some(1 << 40)), Cells::new(None)];
        assert!(matches!(all[0].groups, Groups::Array(_)));
        for round in 0..2 {
            let mut found = Vec::new();
            for some in &mut all {
                let mut groups = Vec::new();
                some.groups(&cells[..2_000], &mut groups);
                some.groups(&cells[2_000..], &mut groups);
                for (group, cell) in groups.iter().zip(&cells[2_000..]) {
                    assert_eq!(some.cells()[*group], *cell);
                }
                found.push((groups, some.cells().to_vec(), some.len()));
                some.clear();
                assert_eq!(some.len(), 0);
            }
            assert!(found.windows(2).all(|pair| pair[0] == pair[1]), "round {round}");
        }
    }

    #[test]
    fn cells_that_ascend_are_groups_without_a_hash_table() {
        let batches: [&[u64]; 6] =
            [&[3, 3, 5, 9], &[], &[9, 9, 10], &[1, 3, 4, 4, 10, 12, 12], &[2, 12, 13], &[4, 1]];
        let (mut some, mut all): (Cells, Vec<u64>) = (Cells::new(None), Vec::new());
        for (place, batch) in batches.iter().enumerate() {
            let mut groups = Vec::new();
            some.groups(batch, &mut groups);
            assert_eq!(groups.len(), batch.len());
            for (group, cell) in groups.iter().zip(*batch) {
                assert_eq!(some.cells()[*group], *cell, "{batch:?}");
            }
            all.extend_from_slice(batch);
            let mut expected = all.clone();
            expected.sort_unstable();
            expected.dedup();
            assert_eq!(some.len(), expected.len());
            assert_eq!(some.is_hashed(), place >= 4);
        }
    }

    #[test]
    fn listed_cells_are_groups_when_they_are_settled() {
        let cells = |round: u64| (0..90_000_u64).map(move |n| ((n * n + round) % 150_001) << 20);
        let (mut listed, mut hashed) = (Cells::listed(1 << 40), Cells::new(None));
        assert!(matches!(listed.groups, Groups::Listed(_)));
        assert!(matches!(Cells::listed(1 << 10).groups, Groups::Array(_)));
        for round in 0..5 {
            let cells: Vec<u64> = cells(round).collect();
            let mut groups = Vec::new();
            hashed.groups(&cells, &mut groups);
            listed.groups(&cells, &mut groups);
            assert!(groups.is_empty());
        }
        listed.settle();
        let mut expected = hashed.cells().to_vec();
        expected.sort_unstable();
        assert_eq!(listed.cells(), expected);
        listed.clear();
        listed.settle();
        assert_eq!(listed.len(), 0);
    }
}
