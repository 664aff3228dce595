//! A table in Markdown, its columns padded so that it also reads well as it is.

use super::cells::{Row, row_of};
use super::grid::{Alignment, Cell, Grid, Look};
use super::types::alignment;
use super::window::Window;
use super::{Batches, Failure, Format};
use arrow::datatypes::SchemaRef;
use std::io::Write;

/// Prints every row.
pub fn print(
    schema: &SchemaRef,
    batches: &mut Batches,
    format: &Format,
    out: &mut dyn Write,
) -> Result<u64, Failure> {
    let window = Window::sample(batches)?;
    let text = |cell: &Option<String>| escaped(cell.as_deref().unwrap_or(format.null()));
    let names: Vec<String> = schema.fields().iter().map(|field| escaped(field.name())).collect();
    let header = format.header.then_some(&names);
    let widths = window.widths(schema.fields().len(), header, text);
    let grid = Grid { widths, vertical: "|", colour: false };
    let alignments: Vec<Alignment> =
        schema.fields().iter().map(|field| alignment(field.data_type())).collect();
    let draw = |texts: &mut dyn Iterator<Item = String>, out: &mut dyn Write| {
        let cells = texts.zip(&alignments).map(|(text, alignment)| Cell {
            text: text.into(),
            alignment: *alignment,
            look: Look::Plain,
        });
        grid.row(cells, out)
    };
    let draw_row = |row: &Row, out: &mut dyn Write| draw(&mut row.iter().map(text), out);
    if format.header {
        draw(&mut names.iter().cloned(), out)?;
        let rules = grid.widths.iter().zip(&alignments);
        let rules: Vec<String> = rules.map(|(width, at)| rule(*width, *at)).collect();
        writeln!(out, "|{}|", rules.join("|"))?;
    }
    let mut row_count = window.row_count;
    for row in &window.head {
        draw_row(row, out)?;
    }
    for batch in batches {
        let batch = batch?;
        for row in 0..batch.num_rows() {
            draw_row(&row_of(&batch, row), out)?;
        }
        row_count += batch.num_rows() as u64;
    }
    Ok(row_count)
}

/// `---`, or `--:` above numbers, as wide as a cell with the spaces beside it.
fn rule(width: usize, alignment: Alignment) -> String {
    match alignment {
        Alignment::Right => format!("{}:", "-".repeat(width + 1)),
        _ => "-".repeat(width + 2),
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('|', "\\|")
        .replace("\r\n", "<br>")
        .replace(['\n', '\r'], "<br>")
}
