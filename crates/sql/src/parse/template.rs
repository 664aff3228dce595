//! A statement with places for values: `$1`, `$2` … or `?`, of which the first is `$1`.
//!
//! Values are put in as tokens, before the statement is parsed. So a parameter may stand wherever
//! a literal may, LIMIT and the patterns of LIKE included, and means what the literal would mean;
//! and as a value is a token and never text, nothing in it can become part of the statement.

use super::position;
use crate::error::{Error, Result};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};
use std::collections::HashSet;
use std::sync::Arc;

/// Parameters that a statement may have.
const PARAMETERS_MAX: usize = 65_535;

/// See the [module](self).
#[derive(Clone, Debug)]
pub(crate) struct Template {
    tokens: Arc<[TokenWithSpan]>,
    parameter_count: usize,
}

impl Template {
    /// Reads the parameters of a statement.
    ///
    /// # Errors
    /// Parameters that are not numbered from 1; `?` and `$1` in one statement.
    pub(super) fn new(mut tokens: Vec<TokenWithSpan>) -> Result<Self> {
        let mut names = HashSet::new();
        let (mut marks, mut parameter_count) = (0, 0);
        for token in &mut tokens {
            let place = position(token.span.start);
            let Token::Placeholder(name) = &mut token.token else { continue };
            if name == "?" {
                marks += 1;
                *name = format!("${marks}");
            } else {
                names.insert(name.clone());
            }
            let number = name.strip_prefix('$').and_then(|number| number.parse().ok());
            let Some(number) = number.filter(|number| (1..=PARAMETERS_MAX).contains(number)) else {
                let message = format!("{name} is no parameter of a prepared statement");
                return Err(Error::sql(message).with_hint("write $1, $2 …, or ?").at(place));
            };
            if marks > 0 && !names.is_empty() {
                return Err(Error::sql("? and $1 cannot both stand for parameters")
                    .with_hint("write one or the other for all of them")
                    .at(place));
            }
            parameter_count = parameter_count.max(number);
        }
        Ok(Self { tokens: tokens.into(), parameter_count })
    }

    /// The largest number of a parameter, which is how many values are needed.
    pub(crate) fn parameter_count(&self) -> usize {
        self.parameter_count
    }

    /// The statement with its parameters as they are.
    pub(super) fn tokens(&self) -> Vec<TokenWithSpan> {
        self.tokens.to_vec()
    }

    /// The statement with these values in it, the first for `$1`; a parameter without one stays.
    pub(crate) fn fill(&self, values: &[Vec<Token>]) -> Vec<TokenWithSpan> {
        let value_of = |token: &Token| {
            let Token::Placeholder(name) = token else { return None };
            let number: usize = name.strip_prefix('$')?.parse().ok()?;
            values.get(number.checked_sub(1)?)
        };
        let mut filled = Vec::with_capacity(self.tokens.len());
        for token in self.tokens.iter() {
            match value_of(&token.token) {
                Some(value) => filled.extend(
                    value.iter().map(|value| TokenWithSpan { token: value.clone(), ..*token }),
                ),
                None => filled.push(token.clone()),
            }
        }
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::tokenize;

    fn template(sql: &str) -> Result<Template> {
        Template::new(tokenize(sql).unwrap())
    }

    #[test]
    fn question_marks_are_numbered_from_left_to_right() {
        let template = template("SELECT a FROM t WHERE a = ? AND b < ?").unwrap();
        assert_eq!(template.parameter_count(), 2);
        let value = |text: &str| vec![Token::SingleQuotedString(text.into())];
        let filled = template.fill(&[value("it's"), value("$1 --")]);
        let texts: Vec<String> = filled.iter().map(|token| token.token.to_string()).collect();
        assert_eq!(texts.concat(), "SELECT a FROM t WHERE a = 'it's' AND b < '$1 --'");
        assert!(matches!(&filled[14].token, Token::SingleQuotedString(text) if text == "it's"));
    }

    #[test]
    fn other_parameters_are_refused() {
        for (sql, message) in [
            ("SELECT $a", "$a is no parameter"),
            ("SELECT $0", "$0 is no parameter"),
            ("SELECT ?1", "?1 is no parameter"),
            ("SELECT $99999999999999999999", "is no parameter"),
            ("SELECT ?, $1", "? and $1 cannot both"),
            ("SELECT $1, ?", "? and $1 cannot both"),
        ] {
            let error = template(sql).unwrap_err();
            assert!(error.message.contains(message), "{sql}: {}", error.message);
            assert!(error.position.is_some(), "{sql}");
        }
    }
}
