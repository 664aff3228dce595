//! The aggregate functions of a star block, and what they have come to for each group.
//!
//! Sums, averages and counts of short numbers are added up together, see [`super::narrow`]; each of
//! the others has an accumulator of the query engine.

use super::narrow::{Narrow, states_of, values_of};
use super::plan::{Joined, StarPlan, misplaced};
use crate::scan::{Partition, remap};
use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::Int64Type;
use datafusion::common::Result;
use datafusion::common::cast::as_boolean_array;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::utils::collect_columns;
use starfact_exec::Given;
use starfact_exec::narrow::GroupSums;
use std::collections::BTreeSet;
use std::sync::Arc;

type Expressions = Vec<Arc<dyn PhysicalExpr>>;

/// Aggregate functions with their arguments and conditions, which are over joined rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Functions {
    functions: Vec<Arc<AggregateFunctionExpr>>,
    arguments: Vec<Expressions>,
    filters: Vec<Option<Arc<dyn PhysicalExpr>>>,
    /// Which of them are sums of words; these have no arguments any more.
    pub(super) narrow: Narrow,
}

impl Functions {
    /// Plans them over the joined rows of a star block, of which `others` need columns, too.
    pub(super) fn new(
        star: &StarPlan,
        functions: Vec<Arc<AggregateFunctionExpr>>,
        mut arguments: Vec<Expressions>,
        filters: Vec<Option<Arc<dyn PhysicalExpr>>>,
        others: &[Arc<dyn PhysicalExpr>],
    ) -> Self {
        let narrow = Narrow::new(star, &functions, &arguments, &filters, others);
        for (arguments, states) in arguments.iter_mut().zip(&narrow.functions) {
            if states.is_some() {
                arguments.clear();
            }
        }
        Self { functions, arguments, filters, narrow }
    }

    /// The same, and other expressions, over joined rows without the columns that nothing needs.
    pub(super) fn pruned(
        self,
        star: &StarPlan,
        others: &[Arc<dyn PhysicalExpr>],
    ) -> Result<(Self, StarPlan, Expressions)> {
        let used: BTreeSet<usize> = self
            .expressions()
            .chain(others)
            .chain(&star.residuals)
            .flat_map(collect_columns)
            .map(|column| column.index())
            .collect();
        let used: Vec<usize> = used.into_iter().collect();
        let moved = |expr: &Arc<dyn PhysicalExpr>| {
            remap(expr, &|column| used.binary_search(&column).ok()).ok_or_else(misplaced)
        };
        let all = |list: &[Arc<dyn PhysicalExpr>]| list.iter().map(moved).collect::<Result<_>>();
        let mut pruned = star.with_columns(&used)?;
        pruned.residuals = all(&pruned.residuals)?;
        let arguments = self.arguments.iter().map(|list| all(list)).collect::<Result<_>>()?;
        let filters = self.filters.iter().map(|it| it.as_ref().map(moved).transpose());
        let filters = filters.collect::<Result<_>>()?;
        Ok((Self { arguments, filters, ..self }, pruned, all(others)?))
    }

    /// The expressions over joined rows.
    pub(super) fn expressions(&self) -> impl Iterator<Item = &Arc<dyn PhysicalExpr>> {
        self.arguments.iter().flatten().chain(self.filters.iter().flatten())
    }

    /// Makes a partition of the root give out what they need.
    pub(super) fn ask(&self, rows: &mut Partition) {
        for place in &self.narrow.columns {
            rows.give(*place, Given::Words);
        }
    }

    /// Nothing accumulated yet.
    pub(super) fn accumulators(&self) -> Result<Accumulators> {
        let each = self.functions.iter().zip(&self.narrow.functions);
        let each = each.map(|(function, states)| match states {
            Some(_) => Ok(None),
            None => function.create_groups_accumulator().map(Some),
        });
        let sums = (!self.narrow.is_empty()).then(|| self.narrow.sums());
        Ok(Accumulators { each: each.collect::<Result<_>>()?, sums })
    }
}

/// What functions have come to for each group.
pub(super) struct Accumulators {
    /// `None` for those that are among the sums.
    each: Vec<Option<Box<dyn GroupsAccumulator>>>,
    sums: Option<GroupSums>,
}

impl Accumulators {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.each.is_empty()
    }

    /// Adds rows, of each of which `groups` has the group, below `total`.
    pub(super) fn add(
        &mut self,
        of: &Functions,
        joined: &Joined,
        groups: &[usize],
        total: usize,
    ) -> Result<()> {
        if let Some(sums) = &mut self.sums {
            sums.add(&words(of, joined), groups, total);
        }
        self.add_others(of, &joined.rows, groups, total)
    }

    /// The same for rows of groups that lie together, each of which ends before one of `ends`.
    pub(super) fn add_runs(
        &mut self,
        of: &Functions,
        joined: &Joined,
        groups: &[usize],
        ends: &[usize],
    ) -> Result<()> {
        if let Some(sums) = &mut self.sums {
            sums.add_runs(&words(of, joined), groups, ends);
        }
        self.add_others(of, &joined.rows, groups, ends.len())
    }

    /// Adds rows to what is not among the sums.
    fn add_others(
        &mut self,
        of: &Functions,
        rows: &RecordBatch,
        groups: &[usize],
        total: usize,
    ) -> Result<()> {
        let all = self.each.iter_mut().zip(&of.arguments).zip(&of.filters);
        for ((accumulator, arguments), filter) in all {
            let Some(accumulator) = accumulator else { continue };
            let evaluate =
                |expr: &Arc<dyn PhysicalExpr>| expr.evaluate(rows)?.into_array(rows.num_rows());
            let values = arguments.iter().map(evaluate).collect::<Result<Vec<ArrayRef>>>()?;
            let filter = filter.as_ref().map(evaluate).transpose()?;
            let filter = filter.as_ref().map(|filter| as_boolean_array(filter)).transpose()?;
            accumulator.update_batch(&values, groups, filter, total)?;
        }
        Ok(())
    }

    /// Adds the groups of others, of each of which `groups` has the place here, below `total`.
    pub(super) fn merge(&mut self, other: Self, groups: &[usize], total: usize) -> Result<()> {
        if let (Some(sums), Some(other)) = (&mut self.sums, &other.sums) {
            sums.merge(other, groups, total);
        }
        for (accumulator, other) in self.each.iter_mut().zip(other.each) {
            if let (Some(accumulator), Some(mut other)) = (accumulator, other) {
                accumulator.merge_batch(&other.state(EmitTo::All)?, groups, total)?;
            }
        }
        Ok(())
    }

    /// The states of all groups, which are forgotten.
    pub(super) fn states(&mut self, of: &Functions) -> Result<Vec<ArrayRef>> {
        let mut columns = Vec::new();
        for (accumulator, states) in self.each.iter_mut().zip(&of.narrow.functions) {
            match (accumulator, states, &self.sums) {
                (Some(accumulator), ..) => columns.extend(accumulator.state(EmitTo::All)?),
                (None, Some(states), Some(sums)) => columns.extend(states_of(sums, *states)?),
                _ => return Err(misplaced()),
            }
        }
        self.sums.iter_mut().for_each(GroupSums::clear);
        Ok(columns)
    }

    /// The value of each function for all groups, of which there are some, and which are forgotten.
    pub(super) fn values(&mut self, of: &Functions) -> Result<Vec<ArrayRef>> {
        let mut columns = Vec::with_capacity(self.each.len());
        let all = self.each.iter_mut().zip(&of.narrow.functions).zip(&of.functions);
        for ((accumulator, states), function) in all {
            columns.push(match (accumulator, states, &self.sums) {
                (Some(accumulator), ..) => accumulator.evaluate(EmitTo::All)?,
                (None, Some(states), Some(sums)) => values_of(sums, *states, function)?,
                _ => return Err(misplaced()),
            });
        }
        self.sums.iter_mut().for_each(GroupSums::clear);
        Ok(columns)
    }

    /// The values of some functions for coarser groups, below `total`, of which `groups` has that
    /// of each group here. Nothing is forgotten.
    pub(super) fn coarser(
        &mut self,
        of: &Functions,
        picked: &[usize],
        groups: &[usize],
        total: usize,
    ) -> Result<Vec<ArrayRef>> {
        let mut coarse = None;
        if let Some(sums) = &self.sums {
            let mut all = of.narrow.sums();
            all.merge(sums, groups, total);
            coarse = Some(all);
        }
        let each: Vec<usize> = (0..groups.len()).collect();
        let mut values = Vec::with_capacity(picked.len());
        for &place in picked {
            let function = of.functions.get(place).ok_or_else(misplaced)?;
            let states = of.narrow.functions.get(place).ok_or_else(misplaced)?;
            values.push(match (self.each.get_mut(place), states, &coarse) {
                (Some(Some(accumulator)), ..) => {
                    let states = accumulator.state(EmitTo::All)?;
                    *accumulator = function.create_groups_accumulator()?;
                    accumulator.merge_batch(&states, &each, each.len())?;
                    let mut coarse = function.create_groups_accumulator()?;
                    coarse.merge_batch(&states, groups, total)?;
                    coarse.evaluate(EmitTo::All)?
                }
                (Some(None), Some(states), Some(sums)) => values_of(sums, *states, function)?,
                _ => return Err(misplaced()),
            });
        }
        Ok(values)
    }

    /// Bytes in memory.
    pub(super) fn size(&self) -> usize {
        let each = self.each.iter().flatten().map(|accumulator| accumulator.size());
        each.sum::<usize>() + self.sums.as_ref().map_or(0, GroupSums::size)
    }
}

/// The columns of the root that are words.
fn words<'a>(of: &Functions, joined: &'a Joined) -> Vec<&'a Int64Array> {
    let words = |place: &usize| joined.root.column(*place).as_primitive::<Int64Type>();
    of.narrow.columns.iter().map(words).collect()
}
