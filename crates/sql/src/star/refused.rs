//! Why joins are not answered as a star block, in words and by codes that stay.

use crate::cube::is_beside_cells;
use crate::plan_cache::table_of;
use crate::scan::StarfactTable;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::LogicalPlan;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Why a tree of joins is no star block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Operator,
    Table,
    Uncommitted,
    Epochs,
    Limit,
    NullJoin,
    JoinType,
    OuterCondition,
    NullableAnti,
    Expression,
    Groups,
    NoKey,
    TooManyRows,
    Cost,
    Unplanned,
    Off,
}

impl Refused {
    /// All reasons.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 16] = [
        Self::Operator,
        Self::Table,
        Self::Uncommitted,
        Self::Epochs,
        Self::Limit,
        Self::NullJoin,
        Self::JoinType,
        Self::OuterCondition,
        Self::NullableAnti,
        Self::Expression,
        Self::Groups,
        Self::NoKey,
        Self::TooManyRows,
        Self::Cost,
        Self::Unplanned,
        Self::Off,
    ];

    /// Its code.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Table => "table",
            Self::Uncommitted => "uncommitted",
            Self::Epochs => "epochs",
            Self::Limit => "limit",
            Self::NullJoin => "null-join",
            Self::JoinType => "join-type",
            Self::OuterCondition => "outer-condition",
            Self::NullableAnti => "nullable-anti",
            Self::Expression => "expression",
            Self::Groups => "groups",
            Self::NoKey => "no-key",
            Self::TooManyRows => "too-many-rows",
            Self::Cost => "cost",
            Self::Unplanned => "unplanned",
            Self::Off => "off",
        }
    }

    /// The same in words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Operator => "below a join is more than tables, filters and projections",
            Self::Table => "not all tables are of this warehouse",
            Self::Uncommitted => "a table has changes that are not committed",
            Self::Epochs => "the tables are of several epochs",
            Self::Limit => "a table is read up to a limit",
            Self::NullJoin => "NULLs are joined with each other",
            Self::JoinType => {
                "a join is full, or an outer or anti join is within the inner side of another"
            }
            Self::OuterCondition => {
                "an outer or anti join has a condition on more than one table of its inner side"
            }
            Self::NullableAnti => "references of an anti join may be NULL",
            Self::Expression => "an expression is volatile, or has a subquery where none may be",
            Self::Groups => "groups below a join are not of the rows that a foreign key refers to",
            Self::NoKey => "no foreign keys lead from one table to all others",
            Self::TooManyRows => "a table has had more rows than 32 bits count",
            Self::Cost => "few rows are left of the fact, and the dimensions have many",
            Self::Unplanned => "an expression could not be planned",
            Self::Off => "starfact.star_executor is off",
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.code(), self.words())
    }
}

/// What the planner of a statement has to say about its joins.
#[derive(Debug, Default)]
pub(crate) struct StarNotes(Mutex<Vec<String>>);

impl StarNotes {
    /// Forgets what was said of an earlier plan.
    pub(crate) fn start_over(&self) {
        self.lock().clear();
    }

    /// A tree of joins is no star block.
    pub(super) fn refuse(&self, plan: &LogicalPlan, reason: Refused) {
        let note = format!("no star block of {}: {reason}", tables(plan).join(", "));
        let mut notes = self.lock();
        if !notes.contains(&note) {
            notes.push(note);
        }
    }

    /// Whether nothing was said.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// All that was said.
    pub(crate) fn all(&self) -> Vec<String> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The names of the tables of a plan, each as often as it is there.
fn tables(plan: &LogicalPlan) -> Vec<String> {
    let mut names = Vec::new();
    let walked = plan.apply(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let own = table_of(scan.source.as_ref()).and_then(StarfactTable::committed);
            let own = own.filter(|_| is_beside_cells(scan));
            names.push(own.map_or(scan.table_name.table(), |(table, _)| table.name()).to_owned());
        }
        Ok(TreeNodeRecursion::Continue)
    });
    debug_assert!(walked.is_ok(), "nothing fails on the way");
    names
}

/// A statement's notes, shared with its planner.
pub(crate) type SharedNotes = Arc<StarNotes>;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_different_and_of_one_word() {
        let codes: BTreeSet<&str> = Refused::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), Refused::ALL.len());
        assert!(codes.iter().all(|code| !code.contains(' ')));
    }
}
