//! Boxes around columns, for people: names with types, numbers to the right, NULL set apart, of
//! many rows the first and the last with the true count, and no wider than the terminal.

use super::cells::{Row, printable, row_of};
use super::fit::{Fit, display_width, fit, shorten};
use super::grid::{Alignment, Cell, Grid, Look, Rule};
use super::types::{alignment, sql_name};
use super::window::Window;
use super::{Batches, Failure, Format};
use arrow::datatypes::{Field, SchemaRef};
use std::borrow::Cow;
use std::io::{self, Write};

const TOP: Rule = Rule(["┌", "─", "┬", "┐"]);
const BELOW_HEADER: Rule = Rule(["├", "─", "┼", "┤"]);
const BOTTOM: Rule = Rule(["└", "─", "┴", "┘"]);
/// Stands for the columns that are left out.
const COLUMNS_MARKER: &str = "…";
/// Stands for the rows that are left out.
const ROWS_MARKER: &str = "·";

/// Prints a box and the number of rows.
pub fn print(
    schema: &SchemaRef,
    batches: &mut Batches,
    format: &Format,
    out: &mut dyn Write,
) -> Result<u64, Failure> {
    let mut window = match format.rows_max {
        0 => Window::sample(batches)?,
        rows_max => Window::collect(batches, rows_max)?,
    };
    let layout = Layout::new(schema, &window, format);
    if !schema.fields().is_empty() {
        layout.draw_head(out)?;
        layout.draw_window(&window, out)?;
    }
    for batch in batches {
        let batch = batch?;
        for row in 0..batch.num_rows() {
            layout.draw_row(&row_of(&batch, row), out)?;
        }
        window.pass(batch.num_rows());
    }
    if !schema.fields().is_empty() {
        layout.grid.rule(BOTTOM, out)?;
    }
    writeln!(out, "({})", layout.count(&window))?;
    Ok(window.row_count)
}

/// Which columns are shown, and how wide.
struct Layout<'a> {
    schema: &'a SchemaRef,
    format: &'a Format,
    /// Places of the columns; None is the marker for those that are left out.
    columns: Vec<Option<usize>>,
    width_max: usize,
    grid: Grid,
}

impl<'a> Layout<'a> {
    fn new(schema: &'a SchemaRef, window: &Window, format: &'a Format) -> Self {
        let widths = natural_widths(schema, window, format);
        let fit = match format.width {
            Some(terminal_width) => fit(&widths, terminal_width),
            None => Fit::all(widths.len()),
        };
        let columns = fit.columns(widths.len());
        let shown = columns.iter().map(|column| match column {
            Some(place) => widths.get(*place).map_or(1, |width| *width.min(&fit.width_max)),
            None => display_width(COLUMNS_MARKER),
        });
        let grid = Grid { widths: shown.collect(), vertical: "│", colour: format.colour };
        Self { schema, format, columns, width_max: fit.width_max, grid }
    }

    fn draw_head(&self, out: &mut dyn Write) -> io::Result<()> {
        self.grid.rule(TOP, out)?;
        if !self.format.header {
            return Ok(());
        }
        let title = |text: String, look| {
            let text = shorten(&text, self.width_max).into();
            Cell { text, alignment: Alignment::Centre, look }
        };
        let name = |field: &Field| title(printable(field.name()).into_owned(), Look::Bold);
        let kind = |field: &Field| title(sql_name(field.data_type()), Look::Dim);
        self.grid.row(self.cells(COLUMNS_MARKER, |place| name(self.schema.field(place))), out)?;
        self.grid.row(self.cells("", |place| kind(self.schema.field(place))), out)?;
        self.grid.rule(BELOW_HEADER, out)
    }

    fn draw_window(&self, window: &Window, out: &mut dyn Write) -> io::Result<()> {
        for row in &window.head {
            self.draw_row(row, out)?;
        }
        if window.row_count > window.shown() {
            let marker = |place| self.cell(place, ROWS_MARKER.into(), Look::Dim);
            self.grid.row(self.cells(ROWS_MARKER, marker), out)?;
        }
        for row in &window.tail {
            self.draw_row(row, out)?;
        }
        Ok(())
    }

    fn draw_row(&self, row: &Row, out: &mut dyn Write) -> io::Result<()> {
        let value = |place| match row.get(place).and_then(Option::as_deref) {
            Some(text) => {
                self.cell(place, shorten(&printable(text), self.width_max).into(), Look::Plain)
            }
            None => self.cell(place, self.format.null().into(), Look::Dim),
        };
        self.grid.row(self.cells(COLUMNS_MARKER, value), out)
    }

    /// One cell for each column that is shown.
    fn cells<'c>(
        &self,
        marker: &'c str,
        cell: impl Fn(usize) -> Cell<'c>,
    ) -> impl Iterator<Item = Cell<'c>> {
        self.columns.iter().map(move |column| match column {
            Some(place) => cell(*place),
            None => Cell { text: marker.into(), alignment: Alignment::Left, look: Look::Dim },
        })
    }

    fn cell<'c>(&self, place: usize, text: Cow<'c, str>, look: Look) -> Cell<'c> {
        Cell { text, alignment: alignment(self.schema.field(place).data_type()), look }
    }

    /// `100 rows, 40 shown; 20 columns, 5 shown`.
    fn count(&self, window: &Window) -> String {
        let rows = if window.row_count == 1 { "row" } else { "rows" };
        let mut text = format!("{} {rows}", window.row_count);
        if window.row_count > window.shown() {
            text.push_str(&format!(", {} shown", window.shown()));
        }
        let column_count = self.schema.fields().len();
        let shown = self.columns.iter().flatten().count();
        if shown < column_count {
            text.push_str(&format!("; {column_count} columns, {shown} shown"));
        }
        text
    }
}

/// How wide each column would be if there were room.
fn natural_widths(schema: &SchemaRef, window: &Window, format: &Format) -> Vec<usize> {
    let mut widths = vec![1; schema.fields().len()];
    if format.header {
        for (width, field) in widths.iter_mut().zip(schema.fields()) {
            let name = display_width(&printable(field.name()));
            *width = name.max(sql_name(field.data_type()).len()).max(*width);
        }
    }
    for row in window.head.iter().chain(&window.tail) {
        for (width, cell) in widths.iter_mut().zip(row) {
            let text = cell.as_deref().map_or(format.null().into(), printable);
            *width = display_width(&text).max(*width);
        }
    }
    widths
}
