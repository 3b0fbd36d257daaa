//! Values of a schema, as they are read.
//!
//! Invariants: no value nests deeper than [`DEPTH_MAX`]; whatever is read writes something, so that the limit of what is
//! written also bounds the time.

use super::{
    decimal,
    schema::{AvroSchema, Type},
};
use crate::formats::{
    framing::zigzag,
    write::{DEPTH_MAX, Input, Out, Result},
};

impl AvroSchema {
    /// Writes the value as JSON. Behind the header of a schema registry, a value of the bare type `bytes` has no length
    /// of its own.
    pub(in crate::formats) fn decode(&self, bytes: &[u8], framed: bool, out: &mut Out) -> Result {
        if framed && matches!(self.types[self.root], Type::Bytes) {
            return out.base64(bytes);
        }
        let mut input = Input::new(bytes);
        self.value(self.root, &mut input, out, 0)?;
        input.end()
    }

    fn value(&self, kind: usize, input: &mut Input<'_>, out: &mut Out, depth: usize) -> Result {
        if depth > DEPTH_MAX {
            return Err(input.wrong(format!("values nested deeper than {DEPTH_MAX}")));
        }
        match &self.types[kind] {
            Type::Null => out.null(),
            Type::Boolean => match input.byte()? {
                0 => out.bool(false),
                1 => out.bool(true),
                _ => Err(input.wrong("a boolean that is neither 0 nor 1")),
            },
            Type::Int => out.integer(int(input)?),
            Type::Long => out.integer(zigzag(input)?),
            Type::Float => out.float32(f32::from_le_bytes(input.array()?)),
            Type::Double => out.float(f64::from_le_bytes(input.array()?)),
            Type::Bytes => {
                let length = length(input)?;
                out.base64(input.take(length)?)
            }
            Type::String => {
                let length = length(input)?;
                out.string(input.text(length)?)
            }
            Type::Fixed(size) => out.base64(input.take(*size)?),
            Type::Enum(symbols) => {
                let index = int(input)?;
                let symbol = usize::try_from(index).ok().and_then(|index| symbols.get(index));
                out.raw(
                    symbol.ok_or_else(|| input.wrong(format!("symbol {index} of an enum that has none")))?,
                )
            }
            Type::Union(branches) => {
                let index = zigzag(input)?;
                let branch = usize::try_from(index).ok().and_then(|index| branches.get(index));
                let branch = branch
                    .ok_or_else(|| input.wrong(format!("branch {index} of a union of {}", branches.len())))?;
                self.value(*branch, input, out, depth + 1)
            }
            Type::Record(fields) => {
                out.byte(b'{')?;
                for (at, field) in fields.iter().enumerate() {
                    if at > 0 {
                        out.byte(b',')?;
                    }
                    out.raw(&field.json)?;
                    self.value(field.kind, input, out, depth + 1)?;
                }
                out.byte(b'}')
            }
            Type::Array(items) => {
                out.byte(b'[')?;
                blocks(input, out, |input, out| self.value(*items, input, out, depth + 1))?;
                out.byte(b']')
            }
            Type::Map(values) => {
                out.byte(b'{')?;
                blocks(input, out, |input, out| {
                    let length = length(input)?;
                    out.string(input.text(length)?)?;
                    out.byte(b':')?;
                    self.value(*values, input, out, depth + 1)
                })?;
                out.byte(b'}')
            }
            logical => logical_value(logical, input, out),
        }
    }
}

fn logical_value(kind: &Type, input: &mut Input<'_>, out: &mut Out) -> Result {
    match kind {
        Type::Date => out.date(int(input)?.into()),
        Type::TimeOfDay { per_second, digits } => out.time_of_day(zigzag(input)?, *per_second, *digits),
        Type::Timestamp {
            per_second,
            digits,
            zone,
        } => out.timestamp(zigzag(input)?, *per_second, *digits, zone),
        Type::Decimal { size, scale } => {
            let size = match size {
                Some(size) => *size,
                None => length(input)?,
            };
            decimal::write(input.take(size)?, *scale, out)
        }
        Type::Uuid => {
            let id = uuid::Uuid::from_bytes(input.array()?);
            out.string(id.as_hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()))
        }
        Type::Duration => {
            let [months, days, ms] = [
                u32::from_le_bytes(input.array()?),
                u32::from_le_bytes(input.array()?),
                u32::from_le_bytes(input.array()?),
            ];
            let (seconds, ms) = (ms / 1_000, ms % 1_000);
            out.string(&format!("P{months}M{days}DT{seconds}.{ms:03}S"))
        }
        _ => Err(input.wrong("a type that cannot be decoded")),
    }
}

/// Items come in blocks; a block that says how many bytes it has, has a negative count.
fn blocks(
    input: &mut Input<'_>,
    out: &mut Out,
    mut item: impl FnMut(&mut Input<'_>, &mut Out) -> Result,
) -> Result {
    let mut first = true;
    loop {
        let count = zigzag(input)?;
        if count == 0 {
            return Ok(());
        }
        if count < 0 {
            zigzag(input)?;
        }
        for _ in 0..count.unsigned_abs() {
            if !std::mem::take(&mut first) {
                out.byte(b',')?;
            }
            item(input, out)?;
        }
    }
}

fn int(input: &mut Input<'_>) -> Result<i32> {
    let value = zigzag(input)?;
    i32::try_from(value).map_err(|_| input.wrong("an int of more than 32 bits"))
}

fn length(input: &mut Input<'_>) -> Result<usize> {
    let value = zigzag(input)?;
    usize::try_from(value).map_err(|_| input.wrong("a negative length"))
}
