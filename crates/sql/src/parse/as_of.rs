//! `t AS OF EPOCH 5`: a table as it was, which the parser library does not know.
//!
//! Behind the name of a table these words become part of the name, `"t AS OF EPOCH 5"`, which no
//! table can have; the catalog reads it back. Without an alias the table is called as before.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};

/// What stands between the name of the table and the number.
pub(crate) const AS_OF_EPOCH: &str = " AS OF EPOCH ";

/// Tokens with such names.
pub(super) fn rename(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let is_epoch = |token: &TokenWithSpan| match &token.token {
        Token::Word(word) => word.value.eq_ignore_ascii_case("epoch"),
        _ => false,
    };
    if !tokens.iter().any(is_epoch) {
        return tokens;
    }
    let words: Vec<TokenWithSpan> =
        tokens.into_iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).collect();
    let keyword = |at: usize, keyword: Keyword| match words.get(at).map(|token| &token.token) {
        Some(Token::Word(word)) => word.keyword == keyword && word.quote_style.is_none(),
        _ => false,
    };
    let number = |at: usize| match words.get(at).map(|token| &token.token) {
        Some(Token::Number(number, false)) => number.parse::<u64>().ok(),
        _ => None,
    };
    let mut renamed = Vec::with_capacity(words.len());
    let mut at = 0;
    while let Some(token) = words.get(at) {
        at += 1;
        let Token::Word(name) = &token.token else {
            renamed.push(token.clone());
            continue;
        };
        let is_as_of = keyword(at, Keyword::AS)
            && keyword(at + 1, Keyword::OF)
            && words.get(at + 2).is_some_and(is_epoch);
        let Some(epoch) = number(at + 3).filter(|_| is_as_of) else {
            renamed.push(token.clone());
            continue;
        };
        let word = |value: String, quote_style, keyword| TokenWithSpan {
            token: Token::Word(Word { value, quote_style, keyword }),
            ..token.clone()
        };
        let table = name.value.clone();
        let (value, none) = (format!("{table}{AS_OF_EPOCH}{epoch}"), Keyword::NoKeyword);
        renamed.push(word(value, Some('"'), none));
        at += 4;
        let has_alias = match words.get(at).map(|token| &token.token) {
            Some(Token::Word(word)) => {
                word.quote_style.is_some()
                    || word.keyword == Keyword::AS
                    || word.keyword == Keyword::NoKeyword
            }
            _ => false,
        };
        if !has_alias {
            renamed.push(word("AS".into(), None, Keyword::AS));
            renamed.push(word(table, name.quote_style, name.keyword));
        }
    }
    renamed
}

/// The table and the epoch of such a name.
pub(crate) fn split(name: &str) -> Option<(&str, u64)> {
    let (table, epoch) = name.rsplit_once(AS_OF_EPOCH)?;
    Some((table, epoch.parse().ok()?))
}
