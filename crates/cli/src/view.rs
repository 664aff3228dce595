//! How the user wants to see results.

use crate::output::{Format, Mode};
use crate::sink::Sink;
use crate::terminal;

/// Rows that a box shows at most in a shell.
const SHELL_ROWS_MAX: usize = 40;

/// What `--mode`, `.mode` and their like change.
#[derive(Clone, Debug)]
pub struct View {
    pub mode: Mode,
    pub header: bool,
    pub null: Option<String>,
    /// Rows that a box on a terminal shows at most; 0 is all.
    pub rows_max: usize,
    /// Columns of a table at most, where the user says so.
    pub width_max: Option<usize>,
    /// What stands between values in csv and tsv, where the user says so.
    pub separator: Option<u8>,
    pub timer: bool,
    /// Whether statements are printed before they run.
    pub echo: bool,
    /// Whether statements without rows tell what they did.
    pub changes: bool,
    /// The mode before `\x`.
    pub before_expanded: Option<Mode>,
}

impl View {
    /// What the command line says; a shell also shows times.
    pub fn new(mode: Option<Mode>, header: bool, null: Option<String>, is_shell: bool) -> Self {
        Self {
            mode: mode.unwrap_or(Mode::Box),
            header,
            null,
            rows_max: SHELL_ROWS_MAX,
            width_max: None,
            separator: None,
            timer: is_shell,
            echo: false,
            changes: true,
            before_expanded: None,
        }
    }

    /// How to print the next result: only on a terminal are rows left out, tables cut, and colours
    /// used.
    pub fn format(&self, sink: &Sink) -> Format {
        let width = if sink.file().is_none() { terminal::stdout_width() } else { None };
        Format {
            mode: self.mode,
            header: self.header,
            null: self.null.clone(),
            rows_max: if width.is_some() { self.rows_max } else { 0 },
            width: self.width_max.filter(|_| sink.file().is_none()).or(width),
            separator: self.separator,
            colour: width.is_some() && terminal::colours().stdout,
        }
    }
}
