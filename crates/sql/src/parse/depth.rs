//! How deep the syntax tree of a statement will be, told from its tokens before it is parsed.
//!
//! The parser bounds its own recursion, but a chain such as `1 + 1 + 1 + …` nests to the left
//! without recursion, and everything that walks the tree afterwards recurses. So the chain is
//! counted: within one pair of parentheses the depth is at most the number of ORs, plus that of the
//! ANDs of one term, plus that of the other operators of one factor. Commas and clauses begin anew.

use crate::error::{Error, place};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// Levels that the tree may have.
pub(super) const DEPTH_MAX: usize = 1_000;

/// Levels of parentheses and CASE that the parser reads in any case.
const NESTING_MAX: usize = 60;

/// The first token at which the tree becomes deeper than it may be.
pub(super) fn find_too_deep(tokens: &[TokenWithSpan]) -> Option<&TokenWithSpan> {
    let mut open: Vec<Level> = Vec::new();
    let mut level = Level::default();
    for token in tokens {
        match &token.token {
            Token::LParen | Token::LBracket => open.push(std::mem::take(&mut level)),
            Token::RParen | Token::RBracket => level = close(&mut open, &level),
            Token::Word(word) if word.keyword == Keyword::CASE => {
                open.push(std::mem::take(&mut level));
            }
            Token::Word(word) if word.keyword == Keyword::END => level = close(&mut open, &level),
            Token::Comma | Token::SemiColon => level.begin_clause(),
            Token::Word(word) if word.quote_style.is_none() => level.word(word.keyword),
            other if is_operator(other) => level.others += 1,
            _ => {}
        }
        if level.depth() > DEPTH_MAX {
            return Some(token);
        }
    }
    None
}

/// The token at which parentheses and CASE, if each has its end, nest deeper than the parser goes:
/// where it tries one way after the other, it does not say so.
pub(super) fn find_too_nested<'a>(words: &[&'a TokenWithSpan]) -> Option<&'a TokenWithSpan> {
    let mut depth = 0_usize;
    let mut found = None;
    for token in words {
        match &token.token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket => depth = depth.checked_sub(1)?,
            Token::Word(word) if word.keyword == Keyword::CASE => depth += 1,
            Token::Word(word) if word.keyword == Keyword::END => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth > NESTING_MAX && found.is_none() {
            found = Some(*token);
        }
    }
    found.filter(|_| depth == 0)
}

/// The error of a statement that is nested too deeply at this token.
pub(super) fn too_deep(token: &TokenWithSpan) -> Error {
    Error::from(ParserError::RecursionLimitExceeded).at(place::of(token))
}

/// The level around one that ends, which is an operand of it.
fn close(open: &mut Vec<Level>, inner: &Level) -> Level {
    let mut outer = open.pop().unwrap_or_default();
    outer.operand = outer.operand.max(inner.depth() + open.len().min(1));
    outer
}

/// What has been counted between a pair of parentheses.
#[derive(Default)]
struct Level {
    /// UNION, JOIN and the like.
    sets: usize,
    ors: usize,
    /// Of the term that is being read, and the most of those before.
    ands: usize,
    ands_max: usize,
    /// Of the factor that is being read, and the most of those before.
    others: usize,
    others_max: usize,
    /// Depth of the deepest operand in parentheses.
    operand: usize,
    /// Depth of the deepest clause or list item before.
    clause_max: usize,
}

impl Level {
    fn chain(&self) -> usize {
        self.ors + self.ands_max.max(self.ands) + self.others_max.max(self.others) + self.operand
    }

    fn depth(&self) -> usize {
        self.sets + self.clause_max.max(self.chain())
    }

    fn begin_clause(&mut self) {
        let clause_max = self.clause_max.max(self.chain());
        *self = Self { sets: self.sets, clause_max, ..Self::default() };
    }

    fn begin_factor(&mut self) {
        self.others_max = self.others_max.max(self.others);
        self.others = 0;
    }

    fn word(&mut self, keyword: Keyword) {
        match keyword {
            Keyword::OR => {
                self.ors += 1;
                self.begin_factor();
                self.ands_max = self.ands_max.max(self.ands);
                self.ands = 0;
            }
            Keyword::AND => {
                self.ands += 1;
                self.begin_factor();
            }
            Keyword::NOT | Keyword::IS | Keyword::IN | Keyword::LIKE | Keyword::ILIKE => {
                self.others += 1;
            }
            Keyword::COLLATE | Keyword::AT | Keyword::ESCAPE => self.others += 1,
            Keyword::UNION | Keyword::INTERSECT | Keyword::EXCEPT | Keyword::JOIN => {
                self.begin_clause();
                self.sets += 1;
            }
            Keyword::SELECT
            | Keyword::FROM
            | Keyword::WHERE
            | Keyword::GROUP
            | Keyword::HAVING
            | Keyword::ORDER
            | Keyword::ON
            | Keyword::WHEN
            | Keyword::THEN
            | Keyword::ELSE
            | Keyword::VALUES => self.begin_clause(),
            _ => {}
        }
    }
}

fn is_operator(token: &Token) -> bool {
    !matches!(
        token,
        Token::EOF
            | Token::Whitespace(_)
            | Token::Number(..)
            | Token::Char(_)
            | Token::SingleQuotedString(_)
            | Token::DoubleQuotedString(_)
            | Token::EscapedStringLiteral(_)
            | Token::UnicodeStringLiteral(_)
            | Token::NationalStringLiteral(_)
            | Token::HexStringLiteral(_)
            | Token::DollarQuotedString(_)
            | Token::Placeholder(_)
            | Token::Period
            | Token::LBrace
            | Token::RBrace
            | Token::Word(_)
    )
}

#[cfg(test)]
mod tests {
    use crate::parse::parse;

    fn is_too_deep(sql: &str) -> bool {
        match parse(sql) {
            Ok(_) => false,
            Err(error) => error.message.contains("nested too deeply"),
        }
    }

    #[test]
    fn long_chains_are_refused() {
        let chain = |part: &str, count: usize| part.repeat(count);
        assert!(is_too_deep(&format!("SELECT 1{}", chain(" + 1", 2_000))));
        assert!(is_too_deep(&format!("SELECT 1{}", chain(" + (1)", 2_000))));
        assert!(is_too_deep(&format!("SELECT a{}", chain("::int", 2_000))));
        assert!(is_too_deep(&format!("SELECT true{}", chain(" OR true", 2_000))));
        assert!(is_too_deep(&format!("SELECT 1{}", chain(" UNION SELECT 1", 2_000))));
        let nested = format!("SELECT {}1{}", chain("(", 20), chain(&chain(" + 1", 100), 1));
        assert!(!is_too_deep(&format!("{nested}{}", chain(")", 20))));
        let nested = format!("SELECT {}1{}", chain("(", 20), chain(" + 1 + 1 + 1)", 20));
        assert!(!is_too_deep(&nested));
        let nested =
            format!("SELECT {}1{}", chain("(", 20), chain(&format!("{})", chain(" + 1", 90)), 20));
        assert!(is_too_deep(&nested));
    }

    #[test]
    fn long_lists_are_fine() {
        let list = |part: &str| vec![part; 5_000].join(", ");
        assert!(!is_too_deep(&format!("SELECT 1 WHERE 1 IN ({})", list("-1"))));
        assert!(!is_too_deep(&format!("INSERT INTO t VALUES {}", list("(-1, 'a', 1 + 1)"))));
        let terms = vec!["(a = 1 AND b <> 2)"; 900].join(" OR ");
        assert!(!is_too_deep(&format!("SELECT 1 WHERE {terms}")));
        let whens = " WHEN a = 1 THEN b + 1".repeat(2_000);
        assert!(!is_too_deep(&format!("SELECT CASE{whens} END")));
    }
}
