//! Lines of a table: cells padded to the width of their column, and rules between the lines.
//!
//! The widths are known before the first line is drawn, so a table of any length is drawn line by
//! line. A value that is wider than its column pushes the rest of its line to the right.

use super::fit::display_width;
use std::borrow::Cow;
use std::io::{self, Write};

/// Where a text stands in its cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alignment {
    Left,
    Centre,
    Right,
}

/// How a cell looks where colour is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    Plain,
    Bold,
    Dim,
}

/// What stands in a column of one line.
#[derive(Clone, Debug)]
pub struct Cell<'a> {
    pub text: Cow<'a, str>,
    pub alignment: Alignment,
    pub look: Look,
}

/// A line that separates: its left end, its filling, where it crosses a column, its right end.
#[derive(Clone, Copy, Debug)]
pub struct Rule(pub [&'static str; 4]);

/// Columns and what stands between them.
#[derive(Clone, Debug)]
pub struct Grid {
    pub widths: Vec<usize>,
    pub vertical: &'static str,
    /// Whether looks are written as escape sequences.
    pub colour: bool,
}

impl Grid {
    /// Draws one line of cells, one for each column.
    pub fn row<'a>(
        &self,
        cells: impl IntoIterator<Item = Cell<'a>>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let mut line = String::from(self.vertical);
        for (cell, width) in cells.into_iter().zip(&self.widths) {
            let space = width.saturating_sub(display_width(&cell.text));
            let before = match cell.alignment {
                Alignment::Left => 0,
                Alignment::Centre => space / 2,
                Alignment::Right => space,
            };
            line.push(' ');
            pad(&mut line, before);
            self.look(&mut line, &cell);
            pad(&mut line, space - before);
            line.push(' ');
            line.push_str(self.vertical);
        }
        line.push('\n');
        out.write_all(line.as_bytes())
    }

    /// Draws a line that separates.
    pub fn rule(&self, rule: Rule, out: &mut dyn Write) -> io::Result<()> {
        let Rule([left, fill, cross, right]) = rule;
        let columns: Vec<String> = self.widths.iter().map(|width| fill.repeat(width + 2)).collect();
        writeln!(out, "{left}{}{right}", columns.join(cross))
    }

    fn look(&self, line: &mut String, cell: &Cell) {
        let code = match cell.look {
            Look::Bold if self.colour => "\x1b[1m",
            Look::Dim if self.colour => "\x1b[2m",
            _ => return line.push_str(&cell.text),
        };
        line.push_str(code);
        line.push_str(&cell.text);
        line.push_str("\x1b[0m");
    }
}

fn pad(line: &mut String, spaces: usize) {
    line.extend(std::iter::repeat_n(' ', spaces));
}
