//! Cells of an answer as JSON.

use duckdb::arrow::array::{
    Array, AsArray, StructArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray, TimestampSecondArray,
};
use duckdb::arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimeUnit, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use duckdb::arrow::util::display::array_value_to_string;
use hale_model::Timestamp;
use serde_json::Value;

/// One row in column order.
pub(super) fn row(batch: &StructArray, at: usize) -> Vec<Value> {
    batch.columns().iter().map(|column| cell(column.as_ref(), at)).collect()
}

/// Roughly what a cell costs.
pub(super) fn size_bytes(cell: &Value) -> usize {
    let text = if let Value::String(text) = cell { text.len() } else { 0 };
    size_of::<Value>() + text
}

/// Numbers, truth values, text and times as JSON has them; all else as DuckDB writes it.
fn cell(column: &dyn Array, at: usize) -> Value {
    if column.is_null(at) {
        return Value::Null;
    }
    #[expect(clippy::wildcard_enum_match_arm, reason = "all else is shown as DuckDB writes it")]
    let plain = match column.data_type() {
        DataType::Int8 => i64::from(column.as_primitive::<Int8Type>().value(at)).into(),
        DataType::Int16 => i64::from(column.as_primitive::<Int16Type>().value(at)).into(),
        DataType::Int32 => i64::from(column.as_primitive::<Int32Type>().value(at)).into(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(at).into(),
        DataType::UInt8 => u64::from(column.as_primitive::<UInt8Type>().value(at)).into(),
        DataType::UInt16 => u64::from(column.as_primitive::<UInt16Type>().value(at)).into(),
        DataType::UInt32 => u64::from(column.as_primitive::<UInt32Type>().value(at)).into(),
        DataType::UInt64 => column.as_primitive::<UInt64Type>().value(at).into(),
        DataType::Float32 => float(f64::from(column.as_primitive::<Float32Type>().value(at))),
        DataType::Float64 => float(column.as_primitive::<Float64Type>().value(at)),
        DataType::Boolean => column.as_boolean().value(at).into(),
        DataType::Utf8 => column.as_string::<i32>().value(at).into(),
        DataType::LargeUtf8 => column.as_string::<i64>().value(at).into(),
        DataType::Decimal128(_, scale) => {
            decimal(column.as_primitive::<Decimal128Type>().value(at), *scale)
        }
        DataType::Timestamp(unit, _) => {
            timestamp(column, unit, at).map_or(Value::Null, |t| t.to_string().into())
        }
        _ => Value::Null,
    };
    if plain.is_null() { shown(column, at) } else { plain }
}

fn shown(column: &dyn Array, at: usize) -> Value {
    array_value_to_string(column, at).map_or(Value::Null, Value::from)
}

/// JSON has no infinity: it is a word then.
fn float(n: f64) -> Value {
    serde_json::Number::from_f64(n).map_or_else(|| n.to_string().into(), Value::Number)
}

/// Whole numbers (sums are 128 bits wide) and fractions as numbers; what a number would round, as
/// DuckDB writes it.
fn decimal(n: i128, scale: i8) -> Value {
    if scale <= 0 {
        return i64::try_from(n).map_or_else(|_| n.to_string().into(), Value::from);
    }
    if n.unsigned_abs() >= 1 << 53 {
        return Value::Null;
    }
    float(n as f64 / 10_f64.powi(i32::from(scale)))
}

fn timestamp(column: &dyn Array, unit: &TimeUnit, at: usize) -> Option<Timestamp> {
    let any = column.as_any();
    match unit {
        TimeUnit::Second => {
            Timestamp::from_second(any.downcast_ref::<TimestampSecondArray>()?.value(at)).ok()
        }
        TimeUnit::Millisecond => {
            let n = any.downcast_ref::<TimestampMillisecondArray>()?.value(at);
            Timestamp::from_millisecond(n).ok()
        }
        TimeUnit::Microsecond => {
            let n = any.downcast_ref::<TimestampMicrosecondArray>()?.value(at);
            Timestamp::from_microsecond(n).ok()
        }
        TimeUnit::Nanosecond => {
            let n = any.downcast_ref::<TimestampNanosecondArray>()?.value(at);
            Timestamp::from_nanosecond(i128::from(n)).ok()
        }
    }
}
