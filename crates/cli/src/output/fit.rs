//! Which columns of a wide table are shown on a terminal, and how wide: a pure decision.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// No column is made narrower than this before columns are left out.
const COLUMN_WIDTH_MIN: usize = 12;
/// A border and the spaces on both sides of a value.
const PADDING: usize = 3;

/// What is shown of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    /// Columns from the left.
    pub left: usize,
    /// Columns from the right; between the two some are left out.
    pub right: usize,
    /// The widest that a value may be.
    pub width_max: usize,
}

impl Fit {
    /// Everything.
    pub fn all(column_count: usize) -> Self {
        Self { left: column_count, right: 0, width_max: usize::MAX }
    }

    /// The places of the columns that are shown; None stands for those in between.
    pub fn columns(&self, column_count: usize) -> Vec<Option<usize>> {
        if self.left + self.right >= column_count {
            return (0..column_count).map(Some).collect();
        }
        let left = (0..self.left).map(Some);
        let right = (column_count - self.right..column_count).map(Some);
        left.chain([None]).chain(right).collect()
    }
}

/// Fits columns of these widths into a terminal: first the widest become narrower, then columns in
/// the middle give way to one that says so.
pub fn fit(widths: &[usize], terminal_width: usize) -> Fit {
    let total = |width_max: usize| {
        widths.iter().map(|width| width.min(&width_max) + PADDING).sum::<usize>() + 1
    };
    if total(usize::MAX) <= terminal_width {
        return Fit::all(widths.len());
    }
    if total(COLUMN_WIDTH_MIN) <= terminal_width {
        let width_max =
            (COLUMN_WIDTH_MIN..=terminal_width).rev().find(|max| total(*max) <= terminal_width);
        return Fit { width_max: width_max.unwrap_or(COLUMN_WIDTH_MIN), ..Fit::all(widths.len()) };
    }
    let marker = 1 + PADDING;
    let mut room = terminal_width.saturating_sub(marker + 1);
    let mut fit = Fit { left: 0, right: 0, width_max: COLUMN_WIDTH_MIN };
    loop {
        let from_left = fit.left <= fit.right;
        let place = if from_left { fit.left } else { widths.len() - 1 - fit.right };
        let width = widths.get(place).map_or(0, |width| *width.min(&COLUMN_WIDTH_MIN)) + PADDING;
        let is_first = fit.left == 0;
        if fit.left + fit.right + 1 >= widths.len() || (width > room && !is_first) {
            return fit;
        }
        room = room.saturating_sub(width);
        if from_left {
            fit.left += 1;
        } else {
            fit.right += 1;
        }
    }
}

/// Columns of a terminal that `text` takes.
pub fn display_width(text: &str) -> usize {
    text.width()
}

/// `text`, or as much of it as fits with an ellipsis.
pub fn shorten(text: &str, width_max: usize) -> String {
    if text.width() <= width_max {
        return text.to_owned();
    }
    let mut width = 1;
    let mut short: String = text
        .chars()
        .take_while(|c| {
            width += c.width().unwrap_or(0);
            width <= width_max
        })
        .collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_left_alone() {
        assert_eq!(fit(&[5, 5], 17), Fit::all(2));
    }

    #[test]
    fn the_widest_columns_shrink_first() {
        assert_eq!(fit(&[5, 200], 80), Fit { width_max: 68, ..Fit::all(2) });
        assert_eq!(fit(&[5, 200, 200], 80), Fit { width_max: 32, ..Fit::all(3) });
    }

    #[test]
    fn then_the_middle_is_left_out() {
        let fitted = fit(&[20; 40], 80);
        assert_eq!(fitted, Fit { left: 3, right: 2, width_max: COLUMN_WIDTH_MIN });
        let shown = fitted.left + fitted.right;
        let marker = 1 + PADDING;
        assert!(shown * (COLUMN_WIDTH_MIN + PADDING) + marker < 80);
    }

    #[test]
    fn a_tiny_terminal_still_shows_one_column() {
        assert_eq!(fit(&[20, 20, 20], 5).left, 1);
        assert_eq!(fit(&[20], 5), Fit { left: 0, right: 0, width_max: COLUMN_WIDTH_MIN });
    }

    #[test]
    fn columns_left_out_have_a_place() {
        let fit = Fit { left: 2, right: 1, width_max: 12 };
        assert_eq!(fit.columns(5), [Some(0), Some(1), None, Some(4)]);
        assert_eq!(fit.columns(3), [Some(0), Some(1), Some(2)]);
    }

    #[test]
    fn long_values_end_in_an_ellipsis() {
        assert_eq!(shorten("abcdef", 6), "abcdef");
        assert_eq!(shorten("abcdefg", 6), "abcde…");
        assert_eq!(shorten("日本語日本語", 6), "日本…");
    }
}
