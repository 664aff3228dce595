//! Where in a statement an error is, told from what its message names.
//!
//! Most errors of planning and all of execution come without a place. Their messages name what is
//! wrong: a value in single quotes, a name in double quotes, a function before a parenthesis, an
//! operator, a number, a clause. What occurs in the statement is pointed at; where it could be one
//! of several operators, numbers or words, nothing is.

use super::{Error, ErrorKind, Position};
use crate::dialect::StarfactDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

/// Adds the place, if the error has none and the statement shows what it names.
pub(crate) fn locate(sql: &str, error: Error) -> Error {
    if error.kind != ErrorKind::Sql || error.position.is_some() {
        return error;
    }
    let Ok(tokens) = Tokenizer::new(&StarfactDialect, sql).tokenize_with_location() else {
        return error;
    };
    let tokens: Vec<TokenWithSpan> =
        tokens.into_iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).collect();
    let statement = Words { tokens: &tokens };
    let place = statement.find(&error.message);
    error.at(place)
}

/// The place of a token.
pub(crate) fn of(token: &TokenWithSpan) -> Option<Position> {
    let start = token.span.start;
    let (line, column) = (start.line as usize, start.column as usize);
    (line > 0 && column > 0).then_some(Position { line, column })
}

struct Words<'a> {
    tokens: &'a [TokenWithSpan],
}

impl Words<'_> {
    fn find(&self, message: &str) -> Option<Position> {
        // What follows a colon is nearer to the mistake than what stands before it.
        let detail = message.split_once(": ").map_or("", |(_, detail)| detail);
        let found = quoted(message, '\'').find_map(|value| self.text(value));
        let found = found.or_else(|| self.file(message));
        let found = found.or_else(|| self.row(message));
        let found = found.or_else(|| quoted(detail, '"').find_map(|name| self.name(name)));
        let found = found.or_else(|| quoted(message, '"').find_map(|name| self.name(name)));
        let dotted = |word: &str| word.contains('.') && !word.starts_with('.');
        let is_part = |ch: char| ch.is_alphanumeric() || ch == '_' || ch == '.';
        let mut names = message.split(|ch| !is_part(ch)).filter(|word| dotted(word));
        let found = found.or_else(|| names.find_map(|name| self.name(name.trim_end_matches('.'))));
        let found = found.or_else(|| self.subquery(message));
        let found = found.or_else(|| self.parameter(message));
        let found = found.or_else(|| self.operator(message));
        let found = found.or_else(|| self.call(message));
        let found = found.or_else(|| self.number(message));
        found.or_else(|| self.clause(message)).or_else(|| self.word(message))
    }

    fn first(&self, is: impl Fn(&Token) -> bool) -> Option<Position> {
        self.tokens.iter().find(|token| is(&token.token)).and_then(of)
    }

    /// The only token of a kind.
    fn only(&self, is: impl Fn(&Token) -> bool) -> Option<Position> {
        let mut found = self.tokens.iter().filter(|token| is(&token.token));
        let first = found.next()?;
        if found.next().is_some() { None } else { of(first) }
    }

    /// A text in single quotes.
    fn text(&self, wanted: &str) -> Option<Position> {
        self.first(|token| matches!(token, Token::SingleQuotedString(text) if text == wanted))
            .or_else(|| self.only(|token| is_word(token, wanted)))
    }

    /// A file that the message names.
    fn file(&self, message: &str) -> Option<Position> {
        self.first(|token| match token {
            Token::SingleQuotedString(text) => {
                text.contains('.') && text.len() > 3 && message.contains(text.as_str())
            }
            _ => false,
        })
    }

    /// The row of VALUES that the message counts.
    fn row(&self, message: &str) -> Option<Position> {
        let wanted: usize = message
            .split("row ")
            .skip(1)
            .find_map(|rest| rest.split(|ch: char| !ch.is_ascii_digit()).next()?.parse().ok())?;
        let values = self.tokens.iter().position(|token| is_word(&token.token, "values"))?;
        let mut depth = 0_usize;
        let mut row = 0_usize;
        for token in &self.tokens[values + 1..] {
            match token.token {
                Token::LParen => {
                    row += usize::from(depth == 0);
                    depth += 1;
                    if depth == 1 && row == wanted {
                        return of(token);
                    }
                }
                Token::RParen => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        None
    }

    /// A name, with or without that of its table.
    fn name(&self, wanted: &str) -> Option<Position> {
        let parts: Vec<&str> = wanted.split('.').collect();
        let width = parts.len() * 2 - 1;
        let chain = self.tokens.windows(width).find(|window| {
            window.iter().enumerate().all(|(place, token)| match place % 2 {
                0 => is_word(&token.token, parts[place / 2]),
                _ => token.token == Token::Period,
            })
        });
        let last = parts.last()?;
        chain.and_then(|window| of(&window[0])).or_else(|| self.first(|token| is_word(token, last)))
    }

    /// A function before its parenthesis.
    fn call(&self, message: &str) -> Option<Position> {
        let is_name = |ch: char| ch.is_alphanumeric() || ch == '_';
        let calls = message.match_indices('(').filter_map(|(at, _)| {
            let name = message[..at].rsplit(|ch| !is_name(ch)).next()?;
            (!name.is_empty()).then_some(name)
        });
        // A message begins with the function that it is about, or shows the call.
        let words = calls.chain(message.split(|ch| !is_name(ch)));
        words.filter(|word| word.len() > 1).find_map(|name| {
            let pair = self.tokens.windows(2).find(|pair| {
                pair[1].token == Token::LParen
                    && matches!(&pair[0].token, Token::Word(word)
                        if word.value.eq_ignore_ascii_case(name) && is_function(name))
            });
            pair.and_then(|pair| of(&pair[0]))
        })
    }

    /// The only subquery of the statement.
    fn subquery(&self, message: &str) -> Option<Position> {
        if !message.starts_with("a subquery") {
            return None;
        }
        let mut pairs = self
            .tokens
            .windows(2)
            .filter(|pair| pair[0].token == Token::LParen && is_keyword(&pair[1].token, "select"));
        let pair = pairs.next()?;
        if pairs.next().is_some() { None } else { of(&pair[0]) }
    }

    /// A parameter such as `$1`.
    fn parameter(&self, message: &str) -> Option<Position> {
        let name = message.strip_prefix("the parameter ")?.split(' ').next()?;
        self.first(|token| matches!(token, Token::Placeholder(text) if text == name))
            .or_else(|| self.first(|token| *token == Token::Colon || *token == Token::Question))
    }

    fn operator(&self, message: &str) -> Option<Position> {
        if message == "division by zero" {
            return self.only(|token| matches!(token, Token::Div | Token::Mod));
        }
        let symbol = match message.strip_prefix("operator ") {
            Some(rest) => rest.split(' ').next()?,
            None if message.contains("out of range") => {
                ["+", "-", "*", "<<"].into_iter().find(|it| message.contains(&format!(" {it} ")))?
            }
            None => return None,
        };
        self.only(|token| token.to_string().eq_ignore_ascii_case(symbol))
    }

    /// A number that occurs once.
    fn number(&self, message: &str) -> Option<Position> {
        let numbers = message.split(|ch: char| !(ch.is_ascii_digit() || ch == '.'));
        numbers.filter(|number| !number.is_empty()).find_map(|number| {
            let value: f64 = number.parse().ok()?;
            self.only(|token| match token {
                Token::Number(text, _) => {
                    text == number || text.parse::<f64>().is_ok_and(|text| text == value)
                }
                _ => false,
            })
        })
    }

    /// A clause that the message begins with or names.
    fn clause(&self, message: &str) -> Option<Position> {
        let mut capitals = message
            .split(|ch: char| !ch.is_ascii_alphabetic())
            .filter(|word| word.len() > 1 && word.chars().all(|ch| ch.is_ascii_uppercase()));
        capitals.find_map(|word| self.only(|token| is_keyword(token, word)))
    }

    /// A word that occurs once and that the message has, too.
    fn word(&self, message: &str) -> Option<Position> {
        let words = message.split(|ch: char| !(ch.is_alphanumeric() || ch == '_'));
        words.filter(|word| word.len() > 1).find_map(|word| {
            self.only(|token| match token {
                Token::Word(found) => {
                    found.value.eq_ignore_ascii_case(word) && !SMALL_WORDS.contains(&word)
                }
                _ => false,
            })
        })
    }
}

/// Words of messages that are no names.
const SMALL_WORDS: &[&str] = &["a", "and", "as", "by", "for", "from", "in", "is", "on", "or", "to"];

/// Whether a word before a parenthesis may be a function.
fn is_function(word: &str) -> bool {
    let keywords =
        ["in", "values", "and", "or", "on", "as", "using", "by", "from", "where", "table"];
    !keywords.contains(&word.to_ascii_lowercase().as_str())
}

fn is_word(token: &Token, wanted: &str) -> bool {
    matches!(token, Token::Word(word) if word.value.eq_ignore_ascii_case(wanted))
}

fn is_keyword(token: &Token, wanted: &str) -> bool {
    matches!(token, Token::Word(word)
        if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted))
}

/// What stands between pairs of quotes.
fn quoted(text: &str, quote: char) -> impl Iterator<Item = &str> {
    text.split(quote).skip(1).step_by(2).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_message_names_is_pointed_at() {
        for (sql, message, column) in [
            ("SELECT 1, CAST('x' AS INT)", "cannot cast 'x' to INTEGER", Some(16)),
            ("SELECT * FROM t USING (foo)", "there is no column \"foo\"", Some(24)),
            ("SELECT a, t.b FROM t", "column \"t.b\" is wrong", Some(11)),
            ("SELECT 1, upper(1, 2)", "no function takes these arguments: upper(BIGINT)", Some(11)),
            ("SELECT a + 'x'", "operator + does not take DATE and VARCHAR", Some(10)),
            ("SELECT a + b + 'x'", "operator + does not take DATE and VARCHAR", None),
            ("SELECT a / 0", "division by zero", Some(10)),
            ("SELECT * FROM t LIMIT -1", "LIMIT -1 is negative", Some(24)),
            ("SELECT * FROM t LIMIT 'x'", "LIMIT takes an integer, not VARCHAR", Some(17)),
            ("INSERT INTO t VALUES (1), (2)", "table \"t\": key (a) = (2) of row 2 is", Some(27)),
            ("COPY t FROM 'b.csv'", "b.csv, line 3, column \"c\": 'x' is not", Some(13)),
            ("SELECT 1 FROM t", "everything is wrong", None),
        ] {
            let place = locate(sql, Error::sql(message)).position.map(|place| place.column);
            assert_eq!(place, column, "{sql}\n{message}");
        }
    }
}
