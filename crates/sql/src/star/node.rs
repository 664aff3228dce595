//! The place of a star block in plans: a node of the logical plan, and who plans it.

use super::exec::StarExec;
use super::flatten::Flat;
use super::late_keys::with_late_keys;
use super::refused::{Refused, StarNotes};
use super::shape::Star;
use crate::scan::ScanSettings;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchemaRef, HashMap, Result, internal_err};
use datafusion::execution::SessionState;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::physical_planning_context::{
    PhysicalPlanningContext, ScalarSubqueryResults, SubqueryIndex,
};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, Subquery, UserDefinedLogicalNode};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan};
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A star block in a logical plan.
#[derive(Clone, Debug)]
struct StarNode {
    exec: Arc<StarExec>,
    schema: DFSchemaRef,
    scalars: Option<Arc<Scalars>>,
}

/// Values of subqueries in a star block, whose places are known when the whole query is planned.
#[derive(Debug)]
struct Scalars {
    star: Star,
    outputs: Vec<Expr>,
    subqueries: Vec<Expr>,
}

impl StarNode {
    /// The star block that a plan is, if it is one and should be read as such.
    fn of(plan: &LogicalPlan, session: &dyn Session, notes: &StarNotes) -> Result<Self, Refused> {
        let settings = session.config().get_extension::<ScanSettings>();
        let mut flat = Flat::new(settings.is_none_or(|settings| settings.composed_blocks));
        let outputs = flat.add(plan)?;
        if flat.tables.len() < 2 {
            return Err(Refused::NoKey);
        }
        let mut star = Star::of(&flat)?;
        let subqueries =
            subqueries_of(&mut star, session, notes).map_err(|_| Refused::Unplanned)?;
        // What is wrong with an expression, the query engine says when it plans the joins.
        let exec = StarExec::plan(&star, &outputs, plan.schema(), session, &places_of(&subqueries))
            .map_err(|_| Refused::Unplanned)?;
        if !exec.star.pays() {
            return Err(Refused::Cost);
        }
        let scalars =
            (!subqueries.is_empty()).then(|| Arc::new(Scalars { star, outputs, subqueries }));
        Ok(Self { exec: Arc::new(exec), schema: Arc::clone(plan.schema()), scalars })
    }

    fn key(&self) -> usize {
        Arc::as_ptr(&self.exec) as usize
    }
}

impl UserDefinedLogicalNode for StarNode {
    fn name(&self) -> &str {
        "Star"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        Vec::new()
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn check_invariants(&self, _check: datafusion::logical_expr::InvariantLevel) -> Result<()> {
        Ok(())
    }

    fn expressions(&self) -> Vec<Expr> {
        self.scalars.as_ref().map_or(Vec::new(), |scalars| scalars.subqueries.clone())
    }

    fn fmt_for_explain(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.exec.fmt_as(DisplayFormatType::Default, out)
    }

    fn with_exprs_and_inputs(
        &self,
        _exprs: Vec<Expr>,
        inputs: Vec<LogicalPlan>,
    ) -> Result<Arc<dyn UserDefinedLogicalNode>> {
        match inputs.is_empty() {
            true => Ok(Arc::new(self.clone())),
            false => internal_err!("a star has no inputs"),
        }
    }

    fn dyn_hash(&self, mut state: &mut dyn Hasher) {
        self.key().hash(&mut state);
    }

    fn dyn_eq(&self, other: &dyn UserDefinedLogicalNode) -> bool {
        let other = other.as_any().downcast_ref::<Self>();
        other.is_some_and(|other| self.key() == other.key())
    }

    fn dyn_ord(&self, other: &dyn UserDefinedLogicalNode) -> Option<Ordering> {
        let other = other.as_any().downcast_ref::<Self>()?;
        self.key().partial_cmp(&other.key())
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

/// The query engine's planner, with star blocks.
#[derive(Debug)]
pub(crate) struct StarPlanner;

#[async_trait]
impl QueryPlanner for StarPlanner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let settings = session.config().get_extension::<ScanSettings>();
        let notes = session.config().get_extension::<StarNotes>().unwrap_or_default();
        notes.start_over();
        if !settings.as_ref().is_some_and(|settings| settings.star_executor) {
            refuse_all(plan, &notes)?;
            return DefaultPhysicalPlanner::default().create_physical_plan(plan, session).await;
        }
        let planner = DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(Self)]);
        let plan = match settings.is_some_and(|settings| settings.late_keys) {
            true => with_late_keys(plan.clone())?,
            false => plan.clone(),
        };
        let plan = with_stars(plan, session, &notes)?;
        if let Some(state) = session.as_any().downcast_ref::<SessionState>()
            && is_for_one_thread(&plan)?
        {
            // Handing rows from thread to thread would cost more than the rest of the query.
            let mut state = state.clone();
            state.config_mut().options_mut().execution.target_partitions = 1;
            return planner.create_physical_plan(&plan, &state).await;
        }
        planner.create_physical_plan(&plan, session).await
    }
}

/// Whether all rows come from one star block of which one thread reads all that there is.
fn is_for_one_thread(plan: &LogicalPlan) -> Result<bool> {
    let (mut leaves, mut is_small) = (0, false);
    plan.apply_with_subqueries(|node| {
        if node.inputs().is_empty() {
            leaves += 1;
            is_small = match node {
                LogicalPlan::Extension(Extension { node }) => {
                    let star = node.as_any().downcast_ref::<StarNode>();
                    star.is_some_and(|star| star.exec.star.root.partition_count() == 1)
                }
                _ => false,
            };
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(leaves == 1 && is_small)
}

#[async_trait]
impl ExtensionPlanner for StarPlanner {
    async fn plan_extension(
        &self,
        _planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        _physical_inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(node) = node.as_any().downcast_ref::<StarNode>() else { return Ok(None) };
        let Some(scalars) = &node.scalars else { return Ok(Some(Arc::clone(&node.exec) as _)) };
        let Scalars { star, outputs, .. } = scalars.as_ref();
        let exec = StarExec::plan(star, outputs, &node.schema, session, context)?;
        Ok(Some(Arc::new(exec)))
    }
}

/// The subqueries in the conditions of a star, whose own star blocks are put in their places.
fn subqueries_of(star: &mut Star, session: &dyn Session, notes: &StarNotes) -> Result<Vec<Expr>> {
    // What each was before, and is now.
    let mut subqueries: Vec<(Subquery, Expr)> = Vec::new();
    let filters = star.tables.iter_mut().flat_map(|table| &mut table.filters);
    for condition in filters.chain(&mut star.residuals) {
        let found = std::mem::take(condition).transform_up(|node| {
            let Expr::ScalarSubquery(subquery) = node else { return Ok(Transformed::no(node)) };
            if let Some((_, expr)) = subqueries.iter().find(|(known, _)| *known == subquery) {
                return Ok(Transformed::yes(expr.clone()));
            }
            let plan = with_stars(subquery.subquery.as_ref().clone(), session, notes)?;
            let with_stars = Subquery { subquery: Arc::new(plan), ..subquery.clone() };
            let expr = Expr::ScalarSubquery(with_stars);
            subqueries.push((subquery, expr.clone()));
            Ok(Transformed::yes(expr))
        });
        *condition = found?.data;
    }
    Ok(subqueries.into_iter().map(|(_, expr)| expr).collect())
}

/// A place for the value of each subquery.
fn places_of(subqueries: &[Expr]) -> PhysicalPlanningContext {
    let subqueries = subqueries.iter().enumerate().filter_map(|(place, expr)| match expr {
        Expr::ScalarSubquery(subquery) => Some((subquery.clone(), SubqueryIndex::new(place))),
        _ => None,
    });
    let places: HashMap<_, _> = subqueries.collect();
    let results = ScalarSubqueryResults::new(places.len());
    PhysicalPlanningContext::new(places, results)
}

/// The plan with star blocks in the places of all trees of joins that are such.
fn with_stars(plan: LogicalPlan, session: &dyn Session, notes: &StarNotes) -> Result<LogicalPlan> {
    let transformed = plan.transform_down_with_subqueries(|node| {
        let may_be = matches!(
            node,
            LogicalPlan::Projection(_)
                | LogicalPlan::Filter(_)
                | LogicalPlan::Join(_)
                | LogicalPlan::SubqueryAlias(_)
        );
        if !may_be {
            return Ok(Transformed::no(node));
        }
        match StarNode::of(&node, session, notes) {
            Ok(star) => {
                let star = LogicalPlan::Extension(Extension { node: Arc::new(star) });
                Ok(Transformed::new(star, true, TreeNodeRecursion::Jump))
            }
            Err(reason) => {
                if matches!(node, LogicalPlan::Join(_)) {
                    notes.refuse(&node, reason);
                }
                Ok(Transformed::no(node))
            }
        }
    });
    Ok(transformed?.data)
}

/// Says of all joins that star blocks are switched off.
fn refuse_all(plan: &LogicalPlan, notes: &StarNotes) -> Result<()> {
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Join(_) = node {
            notes.refuse(node, Refused::Off);
            return Ok(TreeNodeRecursion::Jump);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}
