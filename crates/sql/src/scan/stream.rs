//! One partition of a scan: takes morsels, filters and decodes them, yields batches.
//!
//! Per thread: everything in [`Partition`] but the queue. Shared: the planned scan, which is
//! immutable, and, when no order was promised, one counter from which partitions take morsels.

use super::column::{ScanColumn, stored, with_numbers};
use super::effect::Effect;
use super::filter::{Columns, batch, evaluate, merge_bounds, translate};
use crate::progress::Progress;
use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType as ArrowType, Schema, SchemaRef};
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::lit;
use datafusion::physical_expr::scalar_subquery::ScalarSubqueryExpr;
use datafusion::physical_expr::utils::split_conjunction;
use datafusion::physical_expr_common::physical_expr::{
    snapshot_generation, snapshot_physical_expr,
};
use datafusion::physical_plan::metrics::{Count, Time};
use starfact_base::ColumnId;
use starfact_encoding::Selection;
use starfact_exec::{
    BitmapAnswers, ColumnFilter, Given, Morsel, MorselColumns, OpenBlocks, Removed, Scan,
    TextNumbers, Totals, TotalsAsked,
};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A condition that is evaluated on decoded rows.
#[derive(Clone, Debug)]
pub(super) struct Residual {
    /// Refers to positions in `columns`.
    pub(super) expr: Arc<dyn PhysicalExpr>,
    pub(super) columns: Vec<ScanColumn>,
    pub(super) schema: SchemaRef,
    /// Whether it changes while the query runs.
    pub(super) is_dynamic: bool,
    /// Whether rows that do not satisfy it do no harm, because the operator that it comes from
    /// tests them itself.
    pub(super) is_optional: bool,
}

/// Where a partition finds its next morsel.
pub(super) enum Queue {
    /// Its own range: the partitions, one after the other, have the rows in their order.
    Range(Range<usize>),
    /// The next that nobody has taken.
    Shared(Arc<AtomicUsize>),
}

impl Queue {
    fn next(&mut self, count: usize) -> Option<usize> {
        match self {
            Self::Range(range) => range.next(),
            Self::Shared(counter) => {
                Some(counter.fetch_add(1, Ordering::Relaxed)).filter(|next| *next < count)
            }
        }
    }
}

/// What a dynamic filter amounts to at the moment.
struct Dynamic {
    generation: u64,
    filters: Vec<ColumnFilter>,
    rest: Vec<Arc<dyn PhysicalExpr>>,
    effect: Effect,
}

/// What a scan tells of the blocks that it reads.
#[derive(Default)]
pub(super) struct ScanLedger {
    pub(super) rows_read: Count,
    pub(super) bytes_read: Count,
    /// Rows that each filter of the scan took out, in the order in which they are asked.
    pub(super) removed: Vec<Count>,
    pub(super) filter_time: Time,
    pub(super) decode_time: Time,
}

impl ScanLedger {
    fn note(&self, removed: &Removed) {
        for (count, rows) in self.removed.iter().zip(removed.rows()) {
            count.add(usize::try_from(*rows).unwrap_or(usize::MAX));
        }
    }
}

/// The state of one partition.
pub(crate) struct Partition {
    pub(super) scan: Arc<Scan>,
    pub(super) queue: Queue,
    pub(super) schema: SchemaRef,
    pub(super) columns: Vec<ScanColumn>,
    pub(super) residuals: Vec<Residual>,
    pub(super) batch_rows: usize,
    pub(super) remaining: usize,
    pub(super) encoded_filters: bool,
    /// Where to tell how far the statement is.
    pub(super) progress: Option<Arc<Progress>>,
    /// Blocks of which bitmap indexes answered a filter.
    pub(super) bitmap_blocks: Count,
    /// Those of them of which they left no row.
    pub(super) bitmap_pruned: Count,
    /// What became of the rows of the blocks that were read.
    pub(super) ledger: ScanLedger,
    dynamic: Vec<Option<Dynamic>>,
    /// What is given out in the places of the values of columns in files.
    given: Vec<Option<Given>>,
    /// For columns of text in files, the numbers that are given out in their place.
    texts: Vec<Option<TextNumbers>>,
    /// The morsel that is being read, and the rows of it that are still to be decoded.
    open: Option<(Morsel, MorselColumns)>,
    pieces: VecDeque<Selection>,
}

impl Partition {
    pub(super) fn new(
        scan: Arc<Scan>,
        queue: Queue,
        schema: SchemaRef,
        columns: Vec<ScanColumn>,
        residuals: Vec<Residual>,
    ) -> Self {
        let dynamic = residuals.iter().map(|_| None).collect();
        Self {
            scan,
            queue,
            schema,
            columns,
            residuals,
            batch_rows: usize::MAX,
            remaining: usize::MAX,
            encoded_filters: true,
            progress: None,
            bitmap_blocks: Count::new(),
            bitmap_pruned: Count::new(),
            ledger: ScanLedger::default(),
            dynamic,
            given: Vec::new(),
            texts: Vec::new(),
            open: None,
            pieces: VecDeque::new(),
        }
    }

    /// Gives out something else in the place of the values of a column in files.
    pub(crate) fn give(&mut self, place: usize, given: Given) {
        let slot = self.slot(place);
        self.given.resize(self.given.len().max(slot + 1), None);
        if let Some(known) = self.given.get_mut(slot) {
            *known = Some(given);
        }
        self.give_words(place);
    }

    /// Gives out numbers in the place of the texts of a column in files.
    pub(crate) fn give_numbers(&mut self, place: usize) {
        let slot = self.slot(place);
        self.texts.resize(self.texts.len().max(slot + 1), None);
        if let Some(known) = self.texts.get_mut(slot) {
            *known = Some(TextNumbers::default());
        }
        self.give_words(place);
    }

    /// The numbers that were given out so far.
    pub(crate) fn numbers(&self, place: usize) -> Option<&TextNumbers> {
        self.texts.get(self.slot(place))?.as_ref()
    }

    /// The place of a column among those in files.
    fn slot(&self, place: usize) -> usize {
        stored(self.columns.get(..place).unwrap_or_default()).len()
    }

    /// Says of a column that it is given out in 64 bits.
    fn give_words(&mut self, place: usize) {
        let fields = self.schema.fields().iter().enumerate().map(|(known, field)| {
            let field = field.as_ref().clone();
            if known == place { field.with_data_type(ArrowType::Int64) } else { field }
        });
        self.schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    }

    /// The next batch, of at most `batch_rows` rows.
    pub(crate) fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        while self.remaining > 0 {
            if let Some(piece) = self.pieces.pop_front() {
                return self.decode(&piece).map(Some);
            }
            let Some(idx) = self.queue.next(self.scan.morsels().len()) else { return Ok(None) };
            let morsel = self.scan.morsels()[idx];
            let mut blocks = OpenBlocks::default();
            let timer = self.ledger.filter_time.clone();
            let timer = timer.timer();
            let selection = self.select(&morsel, &mut blocks)?;
            timer.done();
            if !selection.is_empty() {
                self.pieces = pieces(selection, self.batch_rows).into();
                let columns = stored(&self.columns);
                let open = self.scan.open_coded(&morsel, &columns, &self.given, &mut blocks);
                let open = open.map_err(external)?;
                self.open = Some((morsel, open));
            }
        }
        Ok(None)
    }

    /// Adds what the rows of the next morsel come to. Tells whether its zone map was enough; `None`
    /// when there is no morsel left.
    pub(super) fn add_totals(
        &mut self,
        asked: &[TotalsAsked],
        totals: &mut Totals,
    ) -> Result<Option<bool>> {
        let Some(idx) = self.queue.next(self.scan.morsels().len()) else { return Ok(None) };
        let scan = Arc::clone(&self.scan);
        let morsel = scan.morsels()[idx];
        if self.residuals.is_empty()
            && scan.add_covered(&morsel, asked, totals).map_err(external)?
        {
            self.progress.iter().for_each(|progress| progress.skip_blocks(1));
            return Ok(Some(true));
        }
        let selection = self.select(&morsel, &mut OpenBlocks::default())?;
        scan.add_selected(&morsel, &selection, asked, totals).map_err(external)?;
        Ok(Some(false))
    }

    /// Batches share no memory with each other, because operators that keep some of them account
    /// for all that each of them holds.
    fn decode(&mut self, piece: &Selection) -> Result<RecordBatch> {
        let time = self.ledger.decode_time.clone();
        let _timer = time.timer();
        let columns = match &self.open {
            Some((morsel, open)) => {
                let decoded = open.decode_coded(piece, &mut self.texts).map_err(external)?;
                with_numbers(&self.scan, morsel, &self.columns, piece, decoded)?
            }
            None => Vec::new(),
        };
        let columns = columns.into_iter().map(compact).collect();
        let found = batch(&self.schema, columns, piece.count())?;
        let found = found.slice(0, found.num_rows().min(self.remaining));
        self.remaining -= found.num_rows();
        Ok(found)
    }

    /// The rows of a morsel that satisfy all filters.
    fn select(&mut self, morsel: &Morsel, blocks: &mut OpenBlocks) -> Result<Selection> {
        self.refresh_dynamic()?;
        let scan = Arc::clone(&self.scan);
        for dynamic in self.dynamic.iter().flatten() {
            if scan.rules_out(morsel, &dynamic.filters).map_err(external)? {
                self.progress.iter().for_each(|progress| progress.skip_blocks(1));
                return Ok(Selection::none(morsel.rows()));
            }
        }
        self.count_block(morsel, scan.filter_columns().collect())?;
        let mut selection = scan.live(morsel).map_err(external)?;
        self.ledger.rows_read.add(selection.count());
        let dynamic = self.dynamic.iter().flatten().map(|dynamic| dynamic.filters.as_slice());
        let mut answers = BitmapAnswers::default();
        for filters in [scan.filters()].into_iter().chain(dynamic) {
            let mut removed = Removed::default();
            let more = scan.narrow(morsel, filters, &mut selection, blocks, &mut removed);
            answers = answers.and(more.map_err(external)?);
            if std::ptr::eq(filters, scan.filters()) {
                self.ledger.note(&removed);
            }
        }
        self.bitmap_blocks.add(answers.answered.into());
        self.bitmap_pruned.add(answers.dropped.into());
        for (residual, dynamic) in self.residuals.iter().zip(&self.dynamic) {
            if dynamic.is_none() {
                let parts = std::slice::from_ref(&residual.expr);
                narrow_by(&scan, morsel, residual, parts, &mut selection)?;
            }
        }
        for place in self.dynamic_by_use() {
            let (residual, dynamic) = (&self.residuals[place], &mut self.dynamic[place]);
            let Some(dynamic) = dynamic.as_mut().filter(|dynamic| !dynamic.rest.is_empty()) else {
                continue;
            };
            if selection.is_empty() {
                break;
            }
            if residual.is_optional && !dynamic.effect.pays() {
                continue;
            }
            let asked = selection.count();
            narrow_by(&scan, morsel, residual, &dynamic.rest, &mut selection)?;
            dynamic.effect.record(asked, selection.count());
        }
        Ok(selection)
    }

    /// Tells that a block is read: the columns of the filters in any case, the others for the rows
    /// that are left, of which there mostly are some.
    fn count_block(&self, morsel: &Morsel, mut columns: Vec<ColumnId>) -> Result<()> {
        let Some(progress) = &self.progress else { return Ok(()) };
        columns.extend(stored(&self.columns));
        columns.sort_unstable();
        columns.dedup();
        let bytes = self.scan.block_bytes(morsel, &columns).map_err(external)?;
        progress.read_block(morsel.rows(), bytes);
        self.ledger.bytes_read.add(usize::try_from(bytes).unwrap_or(usize::MAX));
        Ok(())
    }

    /// Places of the dynamic filters, those that leave the fewest rows first.
    fn dynamic_by_use(&self) -> Vec<usize> {
        let share = |place: &usize| {
            self.dynamic[*place].as_ref().map_or(1.0, |dynamic| dynamic.effect.share())
        };
        let mut places: Vec<usize> = (0..self.dynamic.len()).collect();
        places.sort_by(|a, b| share(a).total_cmp(&share(b)));
        places
    }

    /// Translates dynamic filters again if they have changed since the last morsel.
    fn refresh_dynamic(&mut self) -> Result<()> {
        for (residual, dynamic) in self.residuals.iter().zip(&mut self.dynamic) {
            if !residual.is_dynamic {
                continue;
            }
            // The values of subqueries do not change after the first row is asked for.
            let generation = snapshot_generation(&residual.expr);
            if dynamic.as_ref().is_some_and(|known| known.generation == generation) {
                continue;
            }
            let current = with_scalars(snapshot_physical_expr(Arc::clone(&residual.expr))?)?;
            *dynamic = Some(split_dynamic(generation, &current, residual, self.encoded_filters));
        }
        Ok(())
    }
}

/// An expression with the values of subqueries in their places.
fn with_scalars(expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
    let none = RecordBatch::new_empty(Arc::new(Schema::empty()));
    let found = expr.transform_up(|node| {
        if !node.is::<ScalarSubqueryExpr>() {
            return Ok(Transformed::no(node));
        }
        match node.evaluate(&none)? {
            ColumnarValue::Scalar(value) => Ok(Transformed::yes(lit(value))),
            ColumnarValue::Array(_) => Ok(Transformed::no(node)),
        }
    });
    Ok(found?.data)
}

/// Whether an expression has values of subqueries, which are known when rows are asked for.
pub(crate) fn has_scalars(expr: &Arc<dyn PhysicalExpr>) -> bool {
    expr.exists(|node| Ok(node.is::<ScalarSubqueryExpr>())).unwrap_or(false)
}

fn split_dynamic(
    generation: u64,
    current: &Arc<dyn PhysicalExpr>,
    residual: &Residual,
    encoded: bool,
) -> Dynamic {
    let columns: &Columns = &residual.columns;
    let (mut filters, mut rest) = (Vec::new(), Vec::new());
    for part in split_conjunction(current) {
        if is_true(part) {
            continue;
        }
        match Some(part).filter(|_| encoded).and_then(|part| translate(part, columns)) {
            Some(filter) => filters.push(filter),
            None => rest.push(Arc::clone(part)),
        }
    }
    Dynamic { generation, filters: merge_bounds(filters), rest, effect: Effect::default() }
}

fn is_true(expr: &Arc<dyn PhysicalExpr>) -> bool {
    use datafusion::common::ScalarValue;
    use datafusion::physical_expr::expressions::Literal;
    let literal = expr.downcast_ref::<Literal>();
    literal.is_some_and(|literal| *literal.value() == ScalarValue::Boolean(Some(true)))
}

/// Cuts a selection into pieces of at most about `rows_max` rows, at multiples of 64 rows.
fn pieces(selection: Selection, rows_max: usize) -> Vec<Selection> {
    if (1..=rows_max).contains(&selection.count()) {
        return vec![selection];
    }
    let mut pieces = Vec::new();
    let (mut start, mut count) = (0, 0);
    let mut cut = |start: usize, end: usize| {
        let mut piece = selection.clone();
        piece.clear_range(0..start);
        piece.clear_range(end..selection.rows());
        pieces.push(piece);
    };
    for (place, word) in selection.words().iter().enumerate() {
        let more = word.count_ones() as usize;
        if count > 0 && count + more > rows_max {
            cut(start, place * 64);
            (start, count) = (place * 64, 0);
        }
        count += more;
    }
    if count > 0 {
        cut(start, selection.rows());
    }
    pieces
}

/// Text without the bytes that no row of it needs, if those are most of what it holds.
fn compact(array: ArrayRef) -> ArrayRef {
    let Some(views) = array.as_string_view_opt() else { return array };
    let held: usize = views.data_buffers().iter().map(|buffer| buffer.len()).sum();
    if held > 4096 && held / 4 > views.total_buffer_bytes_used() {
        Arc::new(views.gc())
    } else {
        array
    }
}

/// Evaluates conjuncts one after the other, each on the rows that the earlier ones left.
fn narrow_by(
    scan: &Scan,
    morsel: &Morsel,
    residual: &Residual,
    parts: &[Arc<dyn PhysicalExpr>],
    selection: &mut Selection,
) -> Result<()> {
    if selection.is_empty() {
        return Ok(());
    }
    let decoded = scan.decode(morsel, &stored(&residual.columns), selection).map_err(external)?;
    let columns = with_numbers(scan, morsel, &residual.columns, selection, decoded)?;
    let mut rows = batch(&residual.schema, columns, selection.count())?;
    let mut indices = selection.indices();
    for part in parts {
        let mask = evaluate(part, &rows)?;
        if mask.true_count() == mask.len() {
            continue;
        }
        rows = filter_record_batch(&rows, &mask)?;
        indices = keep(&indices, &mask);
        if indices.is_empty() {
            break;
        }
    }
    let mut kept = Selection::none(morsel.rows());
    for idx in indices {
        kept.set(idx as usize);
    }
    *selection = kept;
    Ok(())
}

fn keep(indices: &[u32], mask: &BooleanArray) -> Vec<u32> {
    let kept = mask.values().set_indices();
    kept.filter_map(|place| indices.get(place).copied()).collect()
}

pub(crate) fn external(error: starfact_base::Error) -> datafusion::common::DataFusionError {
    crate::error::Error::from(error).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Array, StringViewArray};

    #[test]
    fn pieces_cover_the_selection_and_are_no_larger_than_asked_for() {
        let mut sparse = Selection::none(10_000);
        (0..10_000).step_by(7).for_each(|row| sparse.set(row));
        for selection in [Selection::all(10_000), Selection::none(10_000), sparse] {
            for rows_max in [64, 100, 1_000, 8_192, 100_000] {
                let pieces = pieces(selection.clone(), rows_max);
                let rows: Vec<u32> = pieces.iter().flat_map(Selection::indices).collect();
                assert_eq!(rows, selection.indices());
                assert!(pieces.iter().all(|piece| (1..=rows_max).contains(&piece.count())));
            }
        }
    }

    #[test]
    fn text_lets_go_of_bytes_that_it_does_not_need() {
        let texts: StringViewArray = (0..10_000)
            .map(|number| Some(format!("a text of more than twelve {number}")))
            .collect();
        let few: ArrayRef = Arc::new(texts.slice(5, 10));
        let compacted = compact(Arc::clone(&few));
        assert_eq!(&compacted, &few);
        assert!(compacted.get_array_memory_size() < 10_000);
        let all: ArrayRef = Arc::new(texts);
        assert!(Arc::ptr_eq(&compact(Arc::clone(&all)), &all));
    }
}
