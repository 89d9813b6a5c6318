//! The points of histograms in protobuf: count, sum and buckets of explicit and of exponential ones. Of
//! summaries, which have no buckets, count and sum stand in the same fields.

use hale_model::traffic::Distribution;

use super::protobuf::each;
use super::wire::{Field, Reader, Value, WireError};

type Result<T> = std::result::Result<T, WireError>;

/// Buckets of one side of one point that are read; a point with more is not distributed any further.
const COUNTS_READ_MAX: usize = 512;

/// Which of the three messages a point is of: their fields differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Explicit,
    Exponential,
    Summary,
}

/// Reads a `Histogram`, an `ExponentialHistogram` or a `Summary`: count and sum of each point go to `on`.
pub(super) fn read(
    message: &[u8],
    shape: Shape,
    into: &mut Distribution,
    mut on: impl FnMut(u64, f64),
) -> Result<()> {
    each(message, 1, |point| {
        let (count, sum) = match shape {
            Shape::Explicit => explicit(point, into)?,
            Shape::Exponential => exponential(point, into)?,
            Shape::Summary => count_and_sum(point)?,
        };
        into.sum(sum);
        on(count, sum);
        Ok(())
    })?;
    let mut reader = Reader::new(message);
    while let Some(field) = reader.next()? {
        if field.number == 2 && shape != Shape::Summary {
            into.cumulative = field.varint()? == CUMULATIVE;
        }
    }
    Ok(())
}

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`
pub(super) const CUMULATIVE: u64 = 2;

fn explicit(bytes: &[u8], into: &mut Distribution) -> Result<(u64, f64)> {
    let (mut count, mut sum) = (0, 0.0);
    let (mut counts, mut bounds): (Vec<u64>, Vec<u64>) = (Vec::new(), Vec::new());
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.next()? {
        match field.number {
            4 => count = field.fixed64()?,
            5 => sum = field.double()?,
            6 => fixed64s(&field, &mut counts)?,
            7 => fixed64s(&field, &mut bounds)?,
            _ => {}
        }
    }
    let bounds: Vec<f64> = bounds.into_iter().map(f64::from_bits).collect();
    into.explicit(&bounds, &counts);
    Ok((count, sum))
}

fn exponential(bytes: &[u8], into: &mut Distribution) -> Result<(u64, f64)> {
    let (mut count, mut sum, mut scale) = (0, 0.0, 0);
    let mut sides = [(0, Vec::new()), (0, Vec::new())];
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.next()? {
        match field.number {
            4 => count = field.fixed64()?,
            5 => sum = field.double()?,
            6 => scale = zigzag(field.varint()?),
            7 => into.zeros(field.fixed64()?),
            8 => sides[0] = side(field.message()?)?,
            9 => sides[1] = side(field.message()?)?,
            _ => {}
        }
    }
    let [(above, counts_above), (below, counts_below)] = &sides;
    into.exponential(scale, *above, counts_above, false);
    into.exponential(scale, *below, counts_below, true);
    Ok((count, sum))
}

/// `Buckets`: where they begin, and the counts.
fn side(bytes: &[u8]) -> Result<(i32, Vec<u64>)> {
    let (mut offset, mut counts) = (0, Vec::new());
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.next()? {
        match field.number {
            1 => offset = zigzag(field.varint()?),
            2 => varints(&field, &mut counts)?,
            _ => {}
        }
    }
    Ok((offset, counts))
}

fn count_and_sum(bytes: &[u8]) -> Result<(u64, f64)> {
    let (mut count, mut sum) = (0, 0.0);
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.next()? {
        match field.number {
            4 => count = field.fixed64()?,
            5 => sum = field.double()?,
            _ => {}
        }
    }
    Ok((count, sum))
}

/// `sint32`; beyond 32 bits it is no number of this kind, and the scale is out of range.
fn zigzag(value: u64) -> i32 {
    let value = (value >> 1).cast_signed() ^ -(value & 1).cast_signed();
    i32::try_from(value).unwrap_or(i32::MAX)
}

/// A repeated field may come packed or one by one.
fn fixed64s(field: &Field<'_>, into: &mut Vec<u64>) -> Result<()> {
    match field.value {
        Value::Bytes(bytes) => {
            let (whole, rest) = bytes.as_chunks::<8>();
            if !rest.is_empty() {
                return Err(WireError::Truncated);
            }
            let room = COUNTS_READ_MAX.saturating_sub(into.len()) + 1;
            into.extend(whole.iter().take(room).map(|chunk| u64::from_le_bytes(*chunk)));
        }
        Value::Varint(_) | Value::Fixed64(_) | Value::Fixed32(_) => {
            let one = field.fixed64()?;
            if into.len() <= COUNTS_READ_MAX {
                into.push(one);
            }
        }
    }
    Ok(())
}

fn varints(field: &Field<'_>, into: &mut Vec<u64>) -> Result<()> {
    match field.value {
        Value::Bytes(bytes) => {
            let mut packed = Reader::new(bytes);
            while let Some(one) = packed.bare_varint()? {
                if into.len() <= COUNTS_READ_MAX {
                    into.push(one);
                }
            }
        }
        Value::Varint(one) => {
            if into.len() <= COUNTS_READ_MAX {
                into.push(one);
            }
        }
        Value::Fixed64(_) | Value::Fixed32(_) => return Err(WireError::Type(field.number)),
    }
    Ok(())
}
