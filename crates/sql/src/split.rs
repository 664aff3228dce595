//! Cuts SQL text into statements, as it arrives.
//!
//! Input may come in pieces of any size, cut anywhere: the scanner moves one byte at a time through
//! a small state machine and remembers where it stands. It knows just enough of the lexical rules
//! of PostgreSQL to tell which semicolons end a statement:
//!
//! ```text
//! 'it''s'   E'it\'s'   "a ""name"""   $tag$ … $tag$   -- to the end of the line   /* a /* nested
//! */ */
//! ```
//!
//! It deliberately does not parse: a statement that makes no sense is handed on as it is, and BEGIN
//! and COMMIT are statements like any other. Pieces that hold only white space and comments are
//! dropped.

/// One statement and where it begins in the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The text from its first token on, without the semicolon that ends it.
    pub text: String,
    /// Line of the first token, from 1.
    pub line: usize,
    /// Column of the first token in characters, from 1.
    pub column: usize,
}

/// What the input so far stops in the middle of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pending {
    /// Nothing: the next token begins a statement.
    Nothing,
    /// A statement whose semicolon has not come.
    Statement,
    /// A string in single quotes.
    String,
    /// A name in double quotes.
    Name,
    /// A string in dollar quotes.
    DollarString,
    /// A comment that began with `/*`, within a statement or before one.
    Comment,
}

/// Where the scanner stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Between tokens, or in one that needs no care.
    Plain,
    /// In a name, keyword or number; `prefix` if it is a lone `e`, which a quote may follow.
    Word {
        prefix: bool,
    },
    /// After a `-` that may begin a comment.
    Dash,
    /// After a `/` that may begin a comment.
    Slash,
    LineComment,
    /// `previous` is the last byte if it can still be half of `/*` or `*/`.
    BlockComment {
        depth: usize,
        previous: u8,
    },
    /// In single quotes; `escapes` if a backslash hides the byte after it.
    String {
        escapes: bool,
    },
    /// After a backslash in an escape string.
    Escape,
    /// After a quote in an escape string: its end, unless another quote follows.
    EscapeStringEnd,
    Name,
    /// After `$`, while the tag may go on.
    DollarTag {
        tag: Vec<u8>,
    },
    /// In dollar quotes; `matched` bytes of `$tag$` have been seen.
    DollarString {
        tag: Vec<u8>,
        matched: usize,
    },
}

/// Splits text that is pushed piece by piece. Call [`Splitter::next_statement`] until it gives
/// `None` after every push.
#[derive(Debug)]
pub struct Splitter {
    text: String,
    /// Bytes of `text` that the scanner has seen.
    scanned: usize,
    state: State,
    /// First token of the statement under way.
    start: Option<Start>,
    /// Place of the next byte to scan.
    here: Start,
    /// Where the comment under way began.
    comment_line: usize,
}

/// A place in the input.
#[derive(Clone, Copy, Debug)]
struct Start {
    /// Byte offset in the buffered text.
    offset: usize,
    line: usize,
    column: usize,
}

impl Default for Splitter {
    fn default() -> Self {
        Self::new()
    }
}

impl Splitter {
    /// A splitter at line 1 of its input.
    pub fn new() -> Self {
        Self {
            text: String::new(),
            scanned: 0,
            state: State::Plain,
            start: None,
            here: Start { offset: 0, line: 1, column: 1 },
            comment_line: 1,
        }
    }

    /// Adds input.
    pub fn push(&mut self, text: &str) {
        self.forget_consumed();
        self.text.push_str(text);
    }

    /// The next statement whose semicolon has come.
    pub fn next_statement(&mut self) -> Option<Statement> {
        while let Some(&byte) = self.text.as_bytes().get(self.scanned) {
            let ends = self.step(byte);
            self.advance(byte);
            if ends {
                let end = self.scanned - 1;
                if let Some(statement) = self.take(end) {
                    return Some(statement);
                }
            }
        }
        None
    }

    /// What is left at the end of the input: a statement without its semicolon. The splitter is
    /// then ready for new input, at the line where it stands.
    pub fn finish(&mut self) -> Option<Statement> {
        let statement = self.next_statement().or_else(|| {
            if let State::Dash | State::Slash | State::DollarTag { .. } = self.state {
                self.begin(self.scanned.saturating_sub(1));
            }
            self.take(self.text.len())
        });
        if statement.is_none() {
            self.state = State::Plain;
        }
        statement
    }

    /// Drops whatever is not finished.
    pub fn clear(&mut self) {
        self.text.clear();
        self.scanned = 0;
        self.here.offset = 0;
        self.state = State::Plain;
        self.start = None;
    }

    /// What the input so far stops in the middle of; right after `next_statement` gave `None`.
    pub fn pending(&self) -> Pending {
        match self.state {
            State::String { .. } | State::Escape => Pending::String,
            State::Name => Pending::Name,
            State::DollarString { .. } => Pending::DollarString,
            State::BlockComment { .. } => Pending::Comment,
            State::Dash | State::Slash | State::DollarTag { .. } => Pending::Statement,
            _ if self.start.is_some() => Pending::Statement,
            _ => Pending::Nothing,
        }
    }

    /// The line on which the comment that is still open began, from 1.
    pub fn open_comment_line(&self) -> Option<usize> {
        matches!(self.state, State::BlockComment { .. }).then_some(self.comment_line)
    }

    /// The line of the next byte to come, from 1.
    pub fn line(&self) -> usize {
        self.here.line
    }

    /// Counts a line that went elsewhere, so that line numbers stay those of the input.
    pub fn skip_line(&mut self) {
        self.here.line += 1;
        self.here.column = 1;
    }

    /// Moves past `byte`, counting lines and characters.
    fn advance(&mut self, byte: u8) {
        self.scanned += 1;
        self.here.offset = self.scanned;
        if byte == b'\n' {
            self.here.line += 1;
            self.here.column = 1;
        } else if byte & 0xC0 != 0x80 {
            self.here.column += 1;
        }
    }

    /// Follows `byte` into the next state; true if it is the semicolon that ends a statement.
    fn step(&mut self, byte: u8) -> bool {
        match &mut self.state {
            State::Plain => return self.step_plain(byte),
            State::Word { .. } if is_word(byte) || byte == b'$' => {
                self.state = State::Word { prefix: false };
            }
            State::Word { prefix: true } if byte == b'\'' => {
                self.state = State::String { escapes: true };
            }
            State::Word { .. } => return self.step_plain(byte),
            State::Dash if byte == b'-' => self.state = State::LineComment,
            State::Slash if byte == b'*' => {
                self.comment_line = self.here.line;
                self.state = State::BlockComment { depth: 1, previous: 0 };
            }
            State::Dash | State::Slash => {
                self.begin(self.scanned - 1);
                return self.step_plain(byte);
            }
            State::LineComment if byte == b'\n' => self.state = State::Plain,
            State::LineComment => {}
            State::BlockComment { depth, previous } => match (*previous, byte) {
                (b'*', b'/') if *depth == 1 => self.state = State::Plain,
                (b'*', b'/') => (*depth, *previous) = (*depth - 1, 0),
                (b'/', b'*') => (*depth, *previous) = (*depth + 1, 0),
                _ => *previous = byte,
            },
            State::String { escapes: true } if byte == b'\\' => self.state = State::Escape,
            State::String { escapes: true } if byte == b'\'' => {
                self.state = State::EscapeStringEnd;
            }
            State::String { .. } if byte == b'\'' => self.state = State::Plain,
            State::String { .. } => {}
            State::Escape => self.state = State::String { escapes: true },
            State::EscapeStringEnd if byte == b'\'' => {
                self.state = State::String { escapes: true };
            }
            State::EscapeStringEnd => return self.step_plain(byte),
            State::Name if byte == b'"' => self.state = State::Plain,
            State::Name => {}
            State::DollarTag { tag } if byte == b'$' => {
                let tag = std::mem::take(tag);
                self.state = State::DollarString { tag, matched: 0 };
            }
            State::DollarTag { tag } if is_word(byte) && !(tag.is_empty() && is_digit(byte)) => {
                tag.push(byte);
            }
            State::DollarTag { .. } if is_word(byte) => {
                self.state = State::Word { prefix: false };
            }
            State::DollarTag { .. } => return self.step_plain(byte),
            State::DollarString { tag, matched } => {
                let expected = matched.checked_sub(1).and_then(|place| tag.get(place));
                if byte == *expected.unwrap_or(&b'$') {
                    *matched += 1;
                    if *matched == tag.len() + 2 {
                        self.state = State::Plain;
                    }
                } else {
                    *matched = usize::from(byte == b'$');
                }
            }
        }
        false
    }

    /// `step` where a new token may begin.
    fn step_plain(&mut self, byte: u8) -> bool {
        self.state = State::Plain;
        match byte {
            b';' => return true,
            b'-' => self.state = State::Dash,
            b'/' => self.state = State::Slash,
            _ if byte.is_ascii_whitespace() => {}
            _ => {
                self.begin(self.scanned);
                self.state = match byte {
                    b'\'' => State::String { escapes: false },
                    b'"' => State::Name,
                    b'$' => State::DollarTag { tag: Vec::new() },
                    _ if is_word(byte) => State::Word { prefix: matches!(byte, b'e' | b'E') },
                    _ => State::Plain,
                };
            }
        }
        false
    }

    /// Notes the first token of a statement, at `offset`: the byte at hand or the one before it.
    fn begin(&mut self, offset: usize) {
        if self.start.is_none() {
            let column = self.here.column - (self.scanned - offset);
            self.start = Some(Start { offset, column, ..self.here });
        }
    }

    /// Cuts the statement that ends before byte `end`.
    fn take(&mut self, end: usize) -> Option<Statement> {
        self.state = State::Plain;
        let start = self.start.take()?;
        let text = self.text.get(start.offset..end)?.trim_end().to_owned();
        Some(Statement { text, line: start.line, column: start.column })
    }

    /// Drops buffered text that no statement needs any more.
    fn forget_consumed(&mut self) {
        let keep_from = self.start.map_or(self.scanned.saturating_sub(1), |start| start.offset);
        let keep_from = floor_char_boundary(&self.text, keep_from);
        self.text.drain(..keep_from);
        self.scanned -= keep_from;
        self.here.offset = self.scanned;
        if let Some(start) = &mut self.start {
            start.offset -= keep_from;
        }
    }
}

/// The last character boundary at or before `offset`.
fn floor_char_boundary(text: &str, mut offset: usize) -> usize {
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// Whether `byte` can be part of a name; every byte of a character beyond ASCII can.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}

/// All statements of a text, the last with or without its semicolon.
pub fn split(sql: &str) -> Vec<Statement> {
    let mut splitter = Splitter::new();
    splitter.push(sql);
    let mut statements = Vec::new();
    while let Some(statement) = splitter.next_statement() {
        statements.push(statement);
    }
    statements.extend(splitter.finish());
    statements
}

#[cfg(test)]
mod tests;
