//! Values of parameters as the tokens of literals.

use crate::error::{Error, Result};
use crate::parse::tokenize;
use arrow::datatypes::DataType;
use arrow::util::display::array_value_to_string;
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{Expr, UnaryOperator, Value};
use datafusion::sql::sqlparser::tokenizer::Token;

/// The literal for a value; `declared` is the type that PREPARE gives the parameter.
///
/// # Errors
/// Values of types that no literal has.
pub(crate) fn tokens(value: &ScalarValue, declared: Option<&str>) -> Result<Vec<Token>> {
    if let ScalarValue::Dictionary(_, value) = value {
        return tokens(value, declared);
    }
    let (literal, own) = match value {
        value if value.is_null() => (vec![Token::make_keyword("NULL")], None),
        ScalarValue::Boolean(Some(value)) => {
            (vec![Token::make_keyword(if *value { "TRUE" } else { "FALSE" })], None)
        }
        value => match value.data_type() {
            data_type if data_type.is_integer() => (number(&text(value)?), None),
            DataType::Decimal32(..)
            | DataType::Decimal64(..)
            | DataType::Decimal128(..)
            | DataType::Decimal256(..) => (number(&text(value)?), None),
            data_type if data_type.is_floating() => float(value)?,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                (vec![quoted(text(value)?)], None)
            }
            DataType::Date32 | DataType::Date64 => (vec![quoted(text(value)?)], Some("DATE")),
            DataType::Time32(_) | DataType::Time64(_) => (vec![quoted(text(value)?)], Some("TIME")),
            DataType::Timestamp(_, None) => (vec![quoted(text(value)?)], Some("TIMESTAMP")),
            DataType::Timestamp(_, Some(_)) => (vec![quoted(text(value)?)], Some("TIMESTAMPTZ")),
            DataType::Interval(_) => (vec![quoted(text(value)?)], Some("INTERVAL")),
            other => {
                return Err(Error::sql(format!("a parameter cannot have the type {other}"))
                    .with_hint("give a number, a text, a truth value, a date, a time or NULL"));
            }
        },
    };
    match declared.or(own) {
        Some(data_type) => cast(literal, data_type),
        None => Ok(literal),
    }
}

/// The tokens of a plain literal of EXECUTE, which is put in as it was written.
pub(super) fn literal(expr: &Expr) -> Option<Vec<Token>> {
    let Expr::Value(value) = expr else {
        let Expr::UnaryOp { op: UnaryOperator::Minus, expr } = expr else { return None };
        let Expr::Value(value) = expr.as_ref() else { return None };
        let Value::Number(digits, false) = &value.value else { return None };
        return Some(number(&format!("-{digits}")));
    };
    match &value.value {
        Value::Null => Some(vec![Token::make_keyword("NULL")]),
        Value::Number(digits, false) => Some(number(digits)),
        Value::SingleQuotedString(text) => Some(vec![quoted(text.clone())]),
        Value::Boolean(value) => {
            Some(vec![Token::make_keyword(if *value { "TRUE" } else { "FALSE" })])
        }
        _ => None,
    }
}

/// `CAST(value AS type)`
fn cast(value: Vec<Token>, data_type: &str) -> Result<Vec<Token>> {
    let mut tokens = vec![Token::make_keyword("CAST"), Token::LParen];
    tokens.extend(value);
    tokens.push(Token::make_keyword("AS"));
    let data_type = tokenize(data_type)?.into_iter().map(|token| token.token);
    tokens.extend(data_type.filter(|token| !matches!(token, Token::Whitespace(_))));
    tokens.push(Token::RParen);
    Ok(tokens)
}

/// A number as it is written; a negative one in parentheses, as operators may stand around it.
fn number(text: &str) -> Vec<Token> {
    match text.strip_prefix('-') {
        Some(digits) => {
            let number = Token::Number(digits.to_owned(), false);
            vec![Token::LParen, Token::Minus, number, Token::RParen]
        }
        None => vec![Token::Number(text.to_owned(), false)],
    }
}

/// With an exponent a number is a DOUBLE; those that are none, and REAL, need a cast.
fn float(value: &ScalarValue) -> Result<(Vec<Token>, Option<&'static str>)> {
    let (own, number_type) = match value {
        ScalarValue::Float64(Some(value)) => (*value, None),
        ScalarValue::Float32(Some(value)) => (f64::from(*value), Some("REAL")),
        ScalarValue::Float16(Some(value)) => (f64::from(*value), Some("REAL")),
        other => return Err(Error::internal(format!("{other} is no float"))),
    };
    if own.is_finite() {
        return Ok((number(&format!("{own:e}")), number_type));
    }
    Ok((vec![quoted(own.to_string())], number_type.or(Some("DOUBLE"))))
}

fn quoted(text: String) -> Token {
    Token::SingleQuotedString(text)
}

fn text(value: &ScalarValue) -> Result<String> {
    Ok(array_value_to_string(&value.to_array()?, 0)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_literals() {
        let decimal = ScalarValue::Decimal128(Some(-1250), 9, 2);
        for (value, declared, expected) in [
            (ScalarValue::from(5_i64), None, "5"),
            (ScalarValue::from(i64::MIN), None, "( - 9223372036854775808 )"),
            (decimal, None, "( - 12.50 )"),
            (ScalarValue::from(1.5_f64), None, "1.5e0"),
            (ScalarValue::from(f64::NAN), None, "CAST ( 'NaN' AS DOUBLE )"),
            (ScalarValue::from(2.5_f32), None, "CAST ( 2.5e0 AS REAL )"),
            (ScalarValue::from("it's"), None, "'it''s'"),
            (ScalarValue::from(true), None, "TRUE"),
            (ScalarValue::Int64(None), None, "NULL"),
            (ScalarValue::Date32(Some(19_723)), None, "CAST ( '2024-01-01' AS DATE )"),
            (ScalarValue::from(7_i64), Some("SMALLINT"), "CAST ( 7 AS SMALLINT )"),
        ] {
            let tokens = tokens(&value, declared).unwrap();
            let texts: Vec<String> = tokens.iter().map(ToString::to_string).collect();
            assert_eq!(texts.join(" ").replace("'it's'", "'it''s'"), expected);
        }
    }

    #[test]
    fn lists_are_no_parameters() {
        let list = ScalarValue::List(ScalarValue::new_list_nullable(
            &[ScalarValue::from(1_i64)],
            &DataType::Int64,
        ));
        assert!(tokens(&list, None).unwrap_err().message.contains("cannot have the type"));
    }
}
