//! What our SQL accepts beyond the standard: much of PostgreSQL's and DuckDB's syntax.
//!
//! The parser library asks the dialect by feature, and in places by type. For the latter this
//! dialect passes for the generic one, which is the most permissive.

use datafusion::sql::sqlparser::ast::{ColumnOption, Expr};
use datafusion::sql::sqlparser::dialect::{Dialect, GenericDialect, Precedence};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;
use std::any::TypeId;

/// The dialect of Starfact.
#[derive(Debug, Default)]
pub(crate) struct StarfactDialect;

macro_rules! accept {
    ($($feature:ident),* $(,)?) => {
        $(fn $feature(&self) -> bool {
            true
        })*
    };
}

impl Dialect for StarfactDialect {
    fn dialect(&self) -> TypeId {
        TypeId::of::<GenericDialect>()
    }

    /// `ENCODING name`, `BITMAP` and `NO BITMAP`: how a column is to be stored.
    fn parse_column_option(
        &self,
        parser: &mut Parser<'_>,
    ) -> Result<Option<Result<Option<ColumnOption>, ParserError>>, ParserError> {
        let is = |token: &Token, wanted: &str| {
            matches!(token, Token::Word(word)
                if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted))
        };
        let word = parser.peek_token().token;
        let second = parser.peek_nth_token(1).token;
        let bitmap: &[Token] = match (&word, &second) {
            (word, _) if is(word, "bitmap") => std::slice::from_ref(word),
            (no, word) if is(no, "no") && is(word, "bitmap") => &[no.clone(), word.clone()],
            _ => &[],
        };
        if !bitmap.is_empty() {
            bitmap.iter().for_each(|_| drop(parser.next_token()));
            return Ok(Some(Ok(Some(ColumnOption::DialectSpecific(bitmap.to_vec())))));
        }
        if !is(&word, "encoding") {
            return Ok(None);
        }
        parser.next_token();
        let name = match parser.next_token().token {
            name @ (Token::Word(_) | Token::SingleQuotedString(_)) => name,
            _ => return parser.expected("the name of an encoding", parser.peek_token()),
        };
        Ok(Some(Ok(Some(ColumnOption::DialectSpecific(vec![word, name])))))
    }

    /// As in PostgreSQL, `^` is a power and binds more tightly than `*`, and `||` less than `+`.
    fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<Result<u8, ParserError>> {
        match parser.peek_token_ref().token {
            Token::Caret => Some(Ok(self.prec_value(Precedence::MulDivModOp) + 1)),
            Token::StringConcat => Some(Ok(self.prec_value(Precedence::PlusMinus) - 1)),
            _ => None,
        }
    }

    /// The right side of `IS [NOT] DISTINCT FROM` ends where that of a comparison does.
    fn parse_infix(
        &self,
        parser: &mut Parser<'_>,
        expr: &Expr,
        _precedence: u8,
    ) -> Option<Result<Expr, ParserError>> {
        let negated = if parser.parse_keywords(&[Keyword::IS, Keyword::DISTINCT, Keyword::FROM]) {
            false
        } else if parser.parse_keywords(&[
            Keyword::IS,
            Keyword::NOT,
            Keyword::DISTINCT,
            Keyword::FROM,
        ]) {
            true
        } else {
            return None;
        };
        let right = parser.parse_subexpr(self.prec_value(Precedence::Is));
        Some(right.map(|right| {
            let (left, right) = (Box::new(expr.clone()), Box::new(right));
            match negated {
                false => Expr::IsDistinctFrom(left, right),
                true => Expr::IsNotDistinctFrom(left, right),
            }
        }))
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '"' || ch == '`'
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphanumeric() || ch == '_' || ch == '$'
    }

    fn identifier_quote_style(&self, _identifier: &str) -> Option<char> {
        Some('"')
    }

    fn is_reserved_for_identifier(&self, keyword: Keyword) -> bool {
        GenericDialect.is_reserved_for_identifier(keyword)
    }

    accept!(
        allow_extract_custom,
        allow_extract_single_quotes,
        support_map_literal_syntax,
        supports_alter_column_type_using,
        supports_array_typedef_with_brackets,
        supports_bitwise_shift_operators,
        supports_boolean_literals,
        supports_comma_separated_trim,
        supports_dictionary_syntax,
        supports_explain_with_utility_options,
        supports_extract_comma_syntax,
        supports_filter_during_aggregation,
        supports_from_first_select,
        supports_from_trailing_commas,
        supports_group_by_expr,
        supports_interval_options,
        supports_left_associative_joins_without_parens,
        supports_limit_comma,
        supports_named_fn_args_with_assignment_operator,
        supports_nested_comments,
        supports_notnull_operator,
        supports_numeric_literal_underscores,
        supports_order_by_all,
        supports_parens_around_table_factor,
        supports_projection_trailing_commas,
        supports_select_wildcard_except,
        supports_select_wildcard_exclude,
        supports_select_wildcard_rename,
        supports_select_wildcard_replace,
        supports_start_transaction_modifier,
        supports_string_escape_constant,
        supports_string_literal_concatenation_with_newline,
        supports_struct_literal,
        supports_trailing_commas,
        supports_unicode_string_literal,
        supports_values_as_table_factor,
        supports_window_clause_named_window_reference,
        supports_window_function_null_treatment_arg,
        supports_within_after_array_aggregation,
    );
}
