//! `+ - * / %` of integers and decimals as functions that check.

use super::{decimal, whole};
use crate::error::Error;
use crate::types::sql_name;
use arrow::array::{Array, ArrayRef, Datum};
use arrow::compute::kernels::numeric;
use arrow::datatypes::{DataType, Field, FieldRef};
use arrow::error::ArrowError;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::type_coercion::binary::BinaryTypeCoercer;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, Operator, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr_common::datum::apply;
use std::sync::{Arc, LazyLock};

/// The function for an arithmetic operator.
pub(super) fn function(op: Operator) -> Arc<ScalarUDF> {
    static PLUS: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| make(Operator::Plus));
    static MINUS: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| make(Operator::Minus));
    static MULTIPLY: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| make(Operator::Multiply));
    static DIVIDE: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| make(Operator::Divide));
    static MODULO: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| make(Operator::Modulo));
    Arc::clone(match op {
        Operator::Plus => &PLUS,
        Operator::Minus => &MINUS,
        Operator::Multiply => &MULTIPLY,
        Operator::Divide => &DIVIDE,
        _ => &MODULO,
    })
}

/// The operator that a function is.
pub(crate) fn operator(function: &ScalarUDF) -> Option<Operator> {
    function.inner().downcast_ref::<Operation>().map(|operation| operation.op)
}

fn make(op: Operator) -> Arc<ScalarUDF> {
    let signature = Signature::any(2, Volatility::Immutable);
    Arc::new(ScalarUDF::new_from_impl(Operation { op, signature }))
}

/// A checked binary operator.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Operation {
    op: Operator,
    signature: Signature,
}

impl Operation {
    /// The unchecked operator with the same operands, which knows how it is written.
    fn unchecked(&self, args: &[Expr]) -> Result<Expr> {
        let [left, right] = args else {
            return exec_err!("{} takes two operands", self.op);
        };
        let (left, right) = (Box::new(left.clone()), Box::new(right.clone()));
        Ok(Expr::BinaryExpr(BinaryExpr::new(left, self.op, right)))
    }
}

impl ScalarUDFImpl for Operation {
    fn name(&self) -> &str {
        match self.op {
            Operator::Plus => "add",
            Operator::Minus => "subtract",
            Operator::Multiply => "multiply",
            Operator::Divide => "divide",
            _ => "modulo",
        }
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        Ok(self.unchecked(args)?.schema_name().to_string())
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        let [left, right] = args else {
            return exec_err!("{} takes two operands", self.op);
        };
        BinaryTypeCoercer::new(left, &self.op, right).get_result_type()
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let types = args.arg_fields.iter().map(|field| field.data_type().clone());
        let data_type = self.return_type(&types.collect::<Vec<_>>())?;
        let nullable = args.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Arc::new(Field::new(self.name(), data_type, nullable)))
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [left, right] = args.args.as_slice() else {
            return exec_err!("{} takes two operands", self.op);
        };
        apply(left, right, |left, right| evaluate(self.op, left, right))
    }
}

fn evaluate(op: Operator, left: &dyn Datum, right: &dyn Datum) -> Result<ArrayRef, ArrowError> {
    let types = (left.get().0.data_type(), right.get().0.data_type());
    if let (DataType::Decimal128(_, 0..), DataType::Decimal128(_, 0..)) = types {
        return decimal::evaluate(op, left, right);
    }
    if let Some(result) = whole::evaluate(op, left, right) {
        return Ok(result);
    }
    let result = match op {
        Operator::Plus => numeric::add(left, right),
        Operator::Minus => numeric::sub(left, right),
        Operator::Multiply => numeric::mul(left, right),
        Operator::Divide => numeric::div(left, right),
        _ => numeric::rem(left, right),
    };
    let data_type = types.0;
    let result = result.map_err(|error| describe(error, data_type))?;
    within_precision(&result)?;
    Ok(result)
}

/// Says "out of range" as all of our functions do.
pub(super) fn describe(error: ArrowError, data_type: &DataType) -> ArrowError {
    match error {
        ArrowError::ArithmeticOverflow(text) => {
            let detail = text.strip_prefix("Overflow happened on: ").unwrap_or(&text);
            out_of_range(data_type, detail)
        }
        other => other,
    }
}

/// The error for a result that its type cannot hold.
pub(super) fn out_of_range(data_type: &DataType, detail: &str) -> ArrowError {
    let message = format!("{} out of range: {detail}", sql_name(data_type));
    ArrowError::ExternalError(Box::new(Error::sql(message)))
}

/// Arrow's decimal operators check the integer, but not its digits.
fn within_precision(result: &ArrayRef) -> Result<(), ArrowError> {
    use arrow::array::AsArray;
    use arrow::datatypes::{Decimal128Type, Decimal256Type};
    let valid = match result.data_type() {
        DataType::Decimal128(precision, _) => {
            result.as_primitive::<Decimal128Type>().validate_decimal_precision(*precision)
        }
        DataType::Decimal256(precision, _) => {
            result.as_primitive::<Decimal256Type>().validate_decimal_precision(*precision)
        }
        _ => Ok(()),
    };
    valid.map_err(|_| out_of_range(result.data_type(), "the result has too many digits"))
}
