//! What threads find of a block of groups.
//!
//! ```text
//!   reference   3 3 4 4 4 5 6 6 6     of a batch of rows in the order of the references
//!               --- ----- - -----
//!   a group     ? is whole  ?         the rows before and after have none of 4 and 5
//! ```
//!
//! Groups are numbered in the order in which they are seen first, which accumulators rely on. Where
//! rows are in the order of the groups, all that begin and end within a batch are done with it:
//! the conditions on their values decide at once whether anything is kept of them.

use super::block::BlockPlan;
use super::functions::Accumulators;
use super::index::ABSENT;
use super::plan::{Joined, misplaced};
use arrow::array::{Array, ArrayRef, Int64Array};
use datafusion::common::Result;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use starfact_encoding::{Kernel, Members, run_kernel};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// The places of groups in arrays.
#[derive(Debug)]
pub(super) struct Slots {
    /// What all ordinals are below.
    pub(super) end: usize,
    /// The ordinals that have places; all if nothing is here.
    pub(super) wanted: Option<Arc<Members>>,
}

impl Slots {
    pub(super) fn count(&self) -> usize {
        self.wanted.as_ref().map_or(self.end, |wanted| wanted.count())
    }

    /// The place of each ordinal.
    fn places(&self, ordinals: &Int64Array, places: &mut Vec<usize>) -> Result<()> {
        places.clear();
        let values = ordinals.values().iter().map(|ordinal| *ordinal as usize);
        match &self.wanted {
            None => places.extend(values),
            Some(wanted) => places.extend(values.map(|ordinal| wanted.rank(ordinal))),
        }
        let count = self.count();
        let is_there = places.iter().all(|place| *place < count);
        if is_there && ordinals.null_count() == 0 { Ok(()) } else { Err(misplaced()) }
    }

    /// The ordinals of places, in their order.
    pub(super) fn ordinals(&self, places: impl Iterator<Item = usize>) -> Vec<usize> {
        match &self.wanted {
            None => places.collect(),
            Some(wanted) => {
                let all: Vec<usize> = wanted.iter().collect();
                places.filter_map(|place| all.get(place).copied()).collect()
            }
        }
    }
}

/// The numbers of groups by their places.
enum Numbers {
    /// One for each place.
    All(Vec<u32>),
    /// For the few groups that are not whole within a batch.
    Few(HashMap<usize, u32>),
}

impl Numbers {
    fn size(&self) -> usize {
        match self {
            Self::All(numbers) => numbers.len() * size_of::<u32>(),
            Self::Few(numbers) => numbers.capacity() * size_of::<(usize, u32)>(),
        }
    }

    /// The number of the group at a place, a new one if it had none.
    #[inline]
    fn get(&mut self, slots: &mut Vec<u32>, place: usize) -> Result<usize> {
        let number = match self {
            Self::All(numbers) => numbers.get_mut(place).ok_or_else(misplaced)?,
            Self::Few(numbers) => numbers.entry(place).or_insert(ABSENT),
        };
        if *number == ABSENT {
            *number = slots.len() as u32;
            slots.push(place as u32);
        }
        Ok(*number as usize)
    }
}

/// What one thread has found.
pub(super) struct Partial {
    /// The places that have rows, if there is nothing else to find.
    pub(super) seen: Members,
    numbers: Numbers,
    /// The place of each group.
    pub(super) slots: Vec<u32>,
    pub(super) accumulators: Accumulators,
    /// There if rows are in the order of the groups.
    pub(super) finished: Option<Finished>,
    /// Of the rows of a batch.
    groups: Vec<usize>,
    /// Bytes of what is seen.
    seen_size: usize,
    pub(super) memory: MemoryReservation,
}

impl Partial {
    /// Nothing yet.
    pub(super) fn new(plan: &BlockPlan, slots: &Slots, context: &Arc<TaskContext>) -> Result<Self> {
        let memory = MemoryConsumer::new(format!("groups of {}", plan.root_name()));
        let memory = memory.register(context.memory_pool());
        let accumulators = plan.functions.accumulators()?;
        let (numbered, seen) = match accumulators.is_empty() {
            true => (0, slots.count()),
            false if plan.is_in_order => (0, 0),
            false => (slots.count(), 0),
        };
        memory.try_grow(numbered * size_of::<u32>() + seen / 8)?;
        Ok(Self {
            seen: Members::with_room(seen),
            numbers: match plan.is_in_order {
                true => Numbers::Few(HashMap::new()),
                false => Numbers::All(vec![ABSENT; numbered]),
            },
            slots: Vec::new(),
            accumulators,
            finished: plan.is_in_order.then(|| Finished::new(plan)).transpose()?,
            groups: Vec::new(),
            seen_size: seen / 8,
            memory,
        })
    }

    /// The number of the group at each place, as far as there is one of each.
    pub(super) fn numbers(self) -> Option<Vec<u32>> {
        match self.numbers {
            Numbers::All(numbers) => Some(numbers),
            Numbers::Few(_) => None,
        }
    }

    /// Adds the rows of a batch, which refer to these ordinals.
    pub(super) fn add(
        &mut self,
        plan: &BlockPlan,
        slots: &Slots,
        joined: &Joined,
        ordinals: &Int64Array,
    ) -> Result<()> {
        let rows = joined.rows.num_rows();
        let mut whole = 0..0;
        if let Some(finished) = &mut self.finished {
            whole = whole_groups(ordinals)?;
            let slice = ordinals.slice(whole.start, whole.len());
            finished.add(plan, &joined.slice(&whole), &slice)?;
        }
        for range in [0..whole.start, whole.end..rows] {
            let slice = ordinals.slice(range.start, range.len());
            self.add_rows(plan, slots, &joined.slice(&range), &slice)?;
        }
        self.memory.try_resize(self.size())
    }

    fn add_rows(
        &mut self,
        plan: &BlockPlan,
        slots: &Slots,
        joined: &Joined,
        ordinals: &Int64Array,
    ) -> Result<()> {
        if ordinals.is_empty() {
            return Ok(());
        }
        slots.places(ordinals, &mut self.groups)?;
        if self.accumulators.is_empty() {
            self.seen.insert_all(self.groups.iter().copied());
            return Ok(());
        }
        for place in &mut self.groups {
            *place = self.numbers.get(&mut self.slots, *place)?;
        }
        let total = self.slots.len();
        self.accumulators.add(&plan.functions, joined, &self.groups, total)
    }

    fn size(&self) -> usize {
        let numbers = self.numbers.size() + self.slots.capacity() * size_of::<u32>();
        let finished = self.finished.as_ref().map_or(0, Finished::size);
        numbers + self.seen_size + self.accumulators.size() + finished
    }

    /// Adds what another thread has found.
    pub(super) fn merge(&mut self, mut other: Self) -> Result<()> {
        self.seen.unite(&other.seen);
        if other.slots.len() > self.slots.len() {
            std::mem::swap(self, &mut other);
        }
        if let (Some(finished), Some(more)) = (&mut self.finished, other.finished) {
            finished.merge(more);
        }
        if !other.slots.is_empty() {
            let number = |slot: &u32| self.numbers.get(&mut self.slots, *slot as usize);
            let groups: Vec<usize> = other.slots.iter().map(number).collect::<Result<_>>()?;
            let total = self.slots.len();
            self.accumulators.merge(other.accumulators, &groups, total)?;
        }
        self.memory.try_resize(self.size())
    }
}

/// Groups that were whole within a batch, as far as they pass.
pub(super) struct Finished {
    pub(super) ordinals: Vec<u32>,
    /// Of each value that is given out, the pieces one after the other.
    pub(super) columns: Vec<Vec<ArrayRef>>,
    size: usize,
    /// Empty between batches.
    accumulators: Accumulators,
    /// Of the rows of a batch.
    groups: Vec<usize>,
    /// One after the last row of each group of a batch.
    ends: Vec<usize>,
}

impl Finished {
    fn new(plan: &BlockPlan) -> Result<Self> {
        Ok(Self {
            ordinals: Vec::new(),
            columns: vec![Vec::new(); plan.given.len()],
            size: 0,
            accumulators: plan.functions.accumulators()?,
            groups: Vec::new(),
            ends: Vec::new(),
        })
    }

    /// Adds all rows of some groups, which are in the order of these.
    fn add(&mut self, plan: &BlockPlan, joined: &Joined, ordinals: &Int64Array) -> Result<()> {
        if ordinals.is_empty() {
            return Ok(());
        }
        run_kernel(Runs {
            values: ordinals.values(),
            groups: &mut self.groups,
            ends: &mut self.ends,
        });
        let count = self.ends.len();
        self.accumulators.add_runs(&plan.functions, joined, &self.groups, &self.ends)?;
        let (passing, given) = plan.passing(&self.accumulators.values(&plan.functions)?, count)?;
        let before = self.ordinals.len();
        let last = |end: &usize| ordinals.values().get(end - 1).map(|ordinal| *ordinal as u32);
        match &passing {
            None => self.ordinals.extend(self.ends.iter().filter_map(last)),
            Some(passing) => {
                let ends = passing.values().set_indices().filter_map(|group| self.ends.get(group));
                self.ordinals.extend(ends.filter_map(last));
            }
        }
        if self.ordinals.len() > before {
            self.keep(given);
        }
        Ok(())
    }

    fn keep(&mut self, given: Vec<ArrayRef>) {
        self.size += given.iter().map(|piece| piece.get_array_memory_size()).sum::<usize>();
        for (pieces, piece) in self.columns.iter_mut().zip(given) {
            pieces.push(piece);
        }
    }

    fn merge(&mut self, other: Self) {
        self.ordinals.extend(other.ordinals);
        for (pieces, more) in self.columns.iter_mut().zip(other.columns) {
            pieces.extend(more);
        }
        self.size += other.size;
    }

    /// Bytes in memory.
    fn size(&self) -> usize {
        self.size + self.ordinals.capacity() * size_of::<u32>() + self.accumulators.size()
    }
}

/// The rows of a batch whose groups have no other rows: those between the first group and the last.
fn whole_groups(ordinals: &Int64Array) -> Result<Range<usize>> {
    let values = ordinals.values();
    if !values.is_sorted() || ordinals.null_count() > 0 {
        return Err(misplaced());
    }
    let (Some(first), Some(last)) = (values.first(), values.last()) else { return Ok(0..0) };
    let start = values.partition_point(|ordinal| ordinal == first);
    let end = values.partition_point(|ordinal| ordinal < last);
    Ok(start..end.max(start))
}

/// Numbers the runs of equal values, of which there are some.
struct Runs<'a> {
    values: &'a [i64],
    /// The run of each value.
    groups: &'a mut Vec<usize>,
    /// One after the last value of each run.
    ends: &'a mut Vec<usize>,
}

impl Kernel for Runs<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { values, groups, ends } = self;
        let count = values.len();
        groups.clear();
        groups.resize(count, 0);
        ends.clear();
        ends.resize(count, 0);
        let mut group = 0;
        let later = values.iter().zip(values.get(1..).unwrap_or_default());
        let slots = groups.get_mut(1..).unwrap_or_default();
        // Lengths of runs cannot be foreseen, so nothing is decided by them.
        for (row, ((before, value), slot)) in later.zip(slots).enumerate() {
            if let Some(end) = ends.get_mut(group) {
                *end = row + 1;
            }
            group += usize::from(before != value);
            *slot = group;
        }
        ends.truncate(group);
        ends.push(count);
    }
}
