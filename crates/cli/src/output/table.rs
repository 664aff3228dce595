//! Boxes of plain ASCII characters around all rows.

use super::cells::{Row, printable, row_of};
use super::grid::{Alignment, Cell, Grid, Look, Rule};
use super::types::alignment;
use super::window::Window;
use super::{Batches, Failure, Format};
use arrow::datatypes::SchemaRef;
use std::borrow::Cow;
use std::io::Write;

const RULE: Rule = Rule(["+", "-", "+", "+"]);

/// Prints every row.
pub fn print(
    schema: &SchemaRef,
    batches: &mut Batches,
    format: &Format,
    out: &mut dyn Write,
) -> Result<u64, Failure> {
    let window = Window::sample(batches)?;
    let text = |cell: &Option<String>| -> String {
        cell.as_deref().map_or(Cow::Borrowed(format.null()), printable).into_owned()
    };
    let names: Vec<String> =
        schema.fields().iter().map(|field| printable(field.name()).into_owned()).collect();
    let header = format.header.then_some(&names);
    let widths = window.widths(schema.fields().len(), header, text);
    let grid = Grid { widths, vertical: "|", colour: format.colour };
    let draw = |row: &Row, out: &mut dyn Write| {
        let cells = row.iter().zip(schema.fields()).map(|(cell, field)| Cell {
            text: text(cell).into(),
            alignment: alignment(field.data_type()),
            look: if cell.is_none() { Look::Dim } else { Look::Plain },
        });
        grid.row(cells, out)
    };
    grid.rule(RULE, out)?;
    if format.header {
        let title = |name: &String| Cell {
            text: name.clone().into(),
            alignment: Alignment::Centre,
            look: Look::Bold,
        };
        grid.row(names.iter().map(title), out)?;
        grid.rule(RULE, out)?;
    }
    let mut row_count = window.row_count;
    for row in &window.head {
        draw(row, out)?;
    }
    for batch in batches {
        let batch = batch?;
        for row in 0..batch.num_rows() {
            draw(&row_of(&batch, row), out)?;
        }
        row_count += batch.num_rows() as u64;
    }
    grid.rule(RULE, out)?;
    Ok(row_count)
}
