//! Messages as they are read: the fields of a message are found first, so that they may come in any order and in pieces, then
//! written in the order of their numbers.
//!
//! Invariants: no message nests deeper than [`DEPTH_MAX`]; nothing but where fields are is kept; of what comes twice the last
//! counts, messages merge, and of a `oneof` only the last member's last run remains, as the encoding says:
//! <https://protobuf.dev/programming-guides/encoding/#last-one-wins>.

use std::ops::Range;

use super::plan::{Field, Kind, Known, Message, Plan, Shape};
use crate::formats::write::{DEPTH_MAX, Input, Out, Result};

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const LENGTH: u8 = 2;
const GROUP: u8 = 3;
const GROUP_END: u8 = 4;
const FIXED32: u8 = 5;

/// Bytes of the value, by place.
#[derive(Debug, Clone, Copy, Default)]
struct Span {
    from: u32,
    to: u32,
}

/// A field where it was found.
#[derive(Debug, Clone, Copy)]
struct Found {
    /// Which of the message's.
    field: u16,
    wire: u8,
    span: Span,
}

/// Marks a member of a `oneof` that another one took the place of.
const DEAD: u16 = u16::MAX;

struct Walk<'a> {
    plan: &'a Plan,
    bytes: &'a [u8],
    /// Of the message that is being written and those around it.
    found: Vec<Found>,
}

/// Writes the message as JSON. `from`: where it begins; places in errors count from the beginning of `bytes`.
pub(super) fn write(plan: &Plan, message: usize, bytes: &[u8], from: usize, out: &mut Out) -> Result {
    let mut walk = Walk {
        plan,
        bytes,
        found: Vec::new(),
    };
    let all = Span {
        from: from as u32,
        to: bytes.len() as u32,
    };
    walk.message(message, &[all], out, 0)
}

impl<'a> Walk<'a> {
    fn input(&self, span: Span) -> Input<'a> {
        Input::between(self.bytes, span.from as usize, span.to as usize)
    }

    fn message(&mut self, of: usize, parts: &[Span], out: &mut Out, depth: usize) -> Result {
        let message = &self.plan.messages[of];
        if depth > DEPTH_MAX {
            let at = parts.first().copied().unwrap_or_default();
            return Err(self
                .input(at)
                .wrong(format!("messages nested deeper than {DEPTH_MAX}")));
        }
        match message.known {
            Known::No | Known::Empty => {
                out.byte(b'{')?;
                self.fields(message, parts, out, depth, true)?;
                out.byte(b'}')
            }
            _ => self.known(message, parts, out, depth),
        }
    }

    /// Finds the fields of a message, in the order of their numbers and of their places; where the list of them begins.
    fn find(&mut self, message: &Message, parts: &[Span]) -> Result<Range<usize>> {
        let start = self.found.len();
        let (mut guess, mut sorted) = (0, true);
        for part in parts {
            let mut input = self.input(*part);
            while !input.rest().is_empty() {
                let (number, wire) = tag(&mut input)?;
                let span = skip(&mut input, number, wire, 0)?;
                if let Some(field) = message.find(number, guess) {
                    sorted &= field >= guess;
                    guess = field;
                    self.found.push(Found {
                        field: field as u16,
                        wire,
                        span,
                    });
                }
            }
        }
        if message.oneofs > 0 {
            self.one_of_each(message, start);
        }
        if !sorted {
            self.found[start..].sort_by_key(|found| found.field);
        }
        Ok(start..self.found.len())
    }

    /// Takes out what a later member of a `oneof` took the place of.
    fn one_of_each(&mut self, message: &Message, start: usize) {
        #[derive(Clone, Copy, PartialEq)]
        enum Seen {
            Nothing,
            Last(u16),
            Over,
        }
        if self.found.len() - start < 2 {
            return;
        }
        let mut seen = vec![Seen::Nothing; message.oneofs];
        let mut dead = false;
        for found in self.found[start..].iter_mut().rev() {
            let Some(seen) = message.fields[usize::from(found.field)]
                .oneof
                .and_then(|oneof| seen.get_mut(oneof))
            else {
                continue;
            };
            match *seen {
                Seen::Nothing => *seen = Seen::Last(found.field),
                Seen::Last(field) if field == found.field => {}
                _ => {
                    *seen = Seen::Over;
                    found.field = DEAD;
                    dead = true;
                }
            }
        }
        if dead {
            let mut kept = start;
            for at in start..self.found.len() {
                if self.found[at].field != DEAD {
                    self.found[kept] = self.found[at];
                    kept += 1;
                }
            }
            self.found.truncate(kept);
        }
    }

    /// Writes `"name":value` for each field, commas between them.
    fn fields(
        &mut self,
        message: &'a Message,
        parts: &[Span],
        out: &mut Out,
        depth: usize,
        mut first: bool,
    ) -> Result {
        let all = self.find(message, parts)?;
        let (mut at, mut always) = (all.start, message.always.iter().peekable());
        loop {
            // The next that was found, or that is written though it was not. What is neither takes no time.
            let found = self.found[at..all.end].first().map(|found| found.field);
            let index = match (found, always.peek()) {
                (Some(found), Some(always)) => found.min(**always),
                (Some(found), None) => found,
                (None, Some(always)) => **always,
                (None, None) => break,
            };
            always.next_if_eq(&&index);
            let from = at;
            while at < all.end && self.found[at].field == index {
                at += 1;
            }
            if !std::mem::take(&mut first) {
                out.byte(b',')?;
            }
            let field = &message.fields[usize::from(index)];
            out.raw(&field.json)?;
            self.field(field, from..at, out, depth)?;
        }
        self.found.truncate(all.start);
        Ok(())
    }

    /// Writes the value of a field from where it was found, its default where it was not.
    fn field(&mut self, field: &Field, found: Range<usize>, out: &mut Out, depth: usize) -> Result {
        match field.shape {
            Shape::One => self.one(field.kind, found, out, depth),
            Shape::List => {
                out.byte(b'[')?;
                let mut first = true;
                for at in found {
                    self.items(field.kind, at, &mut first, out, depth)?;
                }
                out.byte(b']')
            }
            Shape::Map => {
                out.byte(b'{')?;
                for (nth, at) in found.enumerate() {
                    if nth > 0 {
                        out.byte(b',')?;
                    }
                    self.entry(field.kind, at, out, depth)?;
                }
                out.byte(b'}')
            }
        }
    }

    fn one(&mut self, kind: Kind, found: Range<usize>, out: &mut Out, depth: usize) -> Result {
        if let Kind::Message(of) = kind {
            if let [one] = self.found[found.clone()] {
                return self.message(of, &[self.within(one)?], out, depth + 1);
            }
            // A message in pieces is one message.
            let parts = self.found[found]
                .iter()
                .map(|piece| self.within(*piece))
                .collect::<Result<Vec<_>>>()?;
            return self.message(of, &parts, out, depth + 1);
        }
        match self.found[found].last().copied() {
            Some(last) => self.scalar(kind, last, out),
            None => self.default(kind, out),
        }
    }

    /// One item, or several that are packed.
    fn items(&mut self, kind: Kind, at: usize, first: &mut bool, out: &mut Out, depth: usize) -> Result {
        let found = self.found[at];
        let packed = found.wire == LENGTH && !matches!(kind, Kind::String | Kind::Bytes | Kind::Message(_));
        if !packed {
            if !std::mem::take(first) {
                out.byte(b',')?;
            }
            return self.one(kind, at..at + 1, out, depth);
        }
        let mut input = self.input(found.span);
        while !input.rest().is_empty() {
            if !std::mem::take(first) {
                out.byte(b',')?;
            }
            self.number(kind, &mut input, out)?;
        }
        Ok(())
    }

    fn entry(&mut self, kind: Kind, at: usize, out: &mut Out, depth: usize) -> Result {
        let Kind::Message(of) = kind else {
            return Err(self
                .input(self.found[at].span)
                .wrong("a map whose entries are no messages"));
        };
        let message = &self.plan.messages[of];
        let [key, value] = message.fields.as_slice() else {
            return Err(self
                .input(self.found[at].span)
                .wrong("a map whose entries have no key and value"));
        };
        let all = self.find(message, &[self.within(self.found[at])?])?;
        let values = self.found[all.clone()].partition_point(|found| found.field == 0);
        let (keys, values) = (all.start..all.start + values, all.start + values..all.end);
        if key.kind == Kind::String {
            self.one(key.kind, keys, out, depth)?;
        } else {
            out.byte(b'"')?;
            self.one(key.kind, keys, out, depth)?;
            out.byte(b'"')?;
        }
        out.byte(b':')?;
        self.one(value.kind, values, out, depth)?;
        self.found.truncate(all.start);
        Ok(())
    }

    /// What a message's field holds.
    fn within(&self, found: Found) -> Result<Span> {
        match found.wire {
            LENGTH | GROUP => Ok(found.span),
            _ => Err(self.other(found)),
        }
    }

    fn other(&self, found: Found) -> crate::formats::write::Wrong {
        self.input(found.span)
            .wrong("a field of another type than the schema says")
    }

    fn scalar(&self, kind: Kind, found: Found, out: &mut Out) -> Result {
        let wire = match kind {
            Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => FIXED64,
            Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => FIXED32,
            Kind::String | Kind::Bytes | Kind::Message(_) => LENGTH,
            _ => VARINT,
        };
        if found.wire != wire {
            return Err(self.other(found));
        }
        let mut input = self.input(found.span);
        let length = input.rest().len();
        match kind {
            Kind::String => out.string(input.text(length)?),
            Kind::Bytes => out.base64(input.take(length)?),
            _ => self.number(kind, &mut input, out),
        }
    }

    fn number(&self, kind: Kind, input: &mut Input<'_>, out: &mut Out) -> Result {
        match kind {
            Kind::Double => out.float(f64::from_le_bytes(input.array()?)),
            Kind::Float => out.float32(f32::from_le_bytes(input.array()?)),
            Kind::Fixed32 => out.integer(u32::from_le_bytes(input.array()?)),
            Kind::Fixed64 => out.integer(u64::from_le_bytes(input.array()?)),
            Kind::Sfixed32 => out.integer(i32::from_le_bytes(input.array()?)),
            Kind::Sfixed64 => out.integer(i64::from_le_bytes(input.array()?)),
            Kind::Int32 => out.integer(varint(input)? as i32),
            Kind::Int64 => out.integer(varint(input)? as i64),
            Kind::Uint32 => out.integer(varint(input)? as u32),
            Kind::Uint64 => out.integer(varint(input)?),
            Kind::Sint32 => {
                let value = varint(input)? as u32;
                out.integer((value >> 1) as i32 ^ -((value & 1) as i32))
            }
            Kind::Sint64 => {
                let value = varint(input)?;
                out.integer((value >> 1) as i64 ^ -((value & 1) as i64))
            }
            Kind::Bool => out.bool(varint(input)? != 0),
            Kind::Enum(of) => self.symbol(of, varint(input)? as i32, out),
            Kind::String | Kind::Bytes | Kind::Message(_) => Err(input.wrong("a field that is no number")),
        }
    }

    /// A number that has no name stays a number.
    fn symbol(&self, of: usize, number: i32, out: &mut Out) -> Result {
        let symbols = &self.plan.enums[of];
        match symbols.names.get(&number) {
            _ if symbols.null => out.null(),
            Some(name) => out.raw(name),
            None => out.integer(number),
        }
    }

    fn default(&self, kind: Kind, out: &mut Out) -> Result {
        match kind {
            Kind::Double | Kind::Float => out.float(0.0),
            Kind::Bool => out.bool(false),
            Kind::String | Kind::Bytes => out.raw(b"\"\""),
            Kind::Enum(of) => self.symbol(of, 0, out),
            _ => out.integer(0),
        }
    }
}

/// Messages that JSON writes in a way of their own.
impl<'a> Walk<'a> {
    fn known(&mut self, message: &'a Message, parts: &[Span], out: &mut Out, depth: usize) -> Result {
        let all = self.find(message, parts)?;
        let start = all.start;
        match message.known {
            Known::Timestamp | Known::Duration => self.time(message.known, all, out)?,
            Known::Wrapper => self.field(&message.fields[0], all, out, depth)?,
            Known::Value => match self.found[all.clone()].first().copied() {
                Some(found) => self.field(&message.fields[usize::from(found.field)], all, out, depth)?,
                None => out.null()?,
            },
            Known::FieldMask => self.mask(all, out)?,
            Known::Any => self.any(all, out, depth)?,
            Known::No | Known::Empty => out.raw(b"{}")?,
        }
        self.found.truncate(start);
        Ok(())
    }

    fn last(&self, found: Range<usize>, field: u16) -> Option<Found> {
        self.found[found]
            .iter()
            .rfind(|found| found.field == field)
            .copied()
    }

    /// `nanos` and `seconds` as the text that JSON has for them; where there is none, as they are.
    fn time(&mut self, known: Known, found: Range<usize>, out: &mut Out) -> Result {
        let whole = |field| match self.last(found.clone(), field) {
            Some(of) if of.wire == VARINT => varint(&mut self.input(of.span)).map(|value| value as i64),
            Some(of) => Err(self.other(of)),
            None => Ok(0),
        };
        let (seconds, nanos) = (whole(0)?, whole(1)? as i32);
        let (digits, unit) = match nanos.unsigned_abs() {
            0 => (0, 1_000_000_000),
            nanos if nanos % 1_000_000 == 0 => (3, 1_000_000),
            nanos if nanos % 1_000 == 0 => (6, 1_000),
            _ => (9, 1),
        };
        let fraction = nanos.unsigned_abs() / unit;
        if known == Known::Timestamp && (0..1_000_000_000).contains(&nanos) && Out::has_date(seconds) {
            return out.moment(seconds, fraction, digits, "Z");
        }
        // Ten thousand years, as the message's own description has it.
        let one_sign = (seconds >= 0 && nanos >= 0) || (seconds <= 0 && nanos <= 0);
        if known == Known::Duration
            && one_sign
            && seconds.unsigned_abs() <= 315_576_000_000
            && nanos.unsigned_abs() < 1_000_000_000
        {
            let sign = if seconds < 0 || nanos < 0 { "-" } else { "" };
            let seconds = seconds.unsigned_abs();
            return match digits {
                0 => out.string(&format!("{sign}{seconds}s")),
                _ => out.string(&format!("{sign}{seconds}.{fraction:0digits$}s")),
            };
        }
        out.raw(b"{\"seconds\":")?;
        out.integer(seconds)?;
        out.raw(b",\"nanos\":")?;
        out.integer(nanos)?;
        out.byte(b'}')
    }

    /// Paths in camel case with commas between them.
    fn mask(&mut self, found: Range<usize>, out: &mut Out) -> Result {
        out.byte(b'"')?;
        for (nth, at) in found.enumerate() {
            if nth > 0 {
                out.byte(b',')?;
            }
            let found = self.found[at];
            let mut input = self.input(self.within(found)?);
            let path = input.text(input.rest().len())?;
            let mut pieces = path.split('_');
            out.escaped(pieces.next().unwrap_or_default())?;
            for piece in pieces {
                let mut rest = piece.chars();
                if let Some(first) = rest.next() {
                    let mut first_upper = [0; 4];
                    out.escaped(first.to_ascii_uppercase().encode_utf8(&mut first_upper))?;
                }
                out.escaped(rest.as_str())?;
            }
        }
        out.byte(b'"')
    }

    /// A message of any type; of a type that the schema does not have, its bytes.
    fn any(&mut self, found: Range<usize>, out: &mut Out, depth: usize) -> Result {
        let span = |walk: &Self, field| {
            walk.last(found.clone(), field)
                .map_or(Ok(Span::default()), |of| walk.within(of))
        };
        let (url, value) = (span(self, 0)?, span(self, 1)?);
        let mut url = self.input(url);
        let url = url.text(url.rest().len())?;
        out.raw(b"{\"@type\":")?;
        out.string(url)?;
        let name = url.rsplit('/').next().unwrap_or_default();
        match self.plan.names.get(name).copied() {
            Some(of) if self.plan.messages[of].known == Known::No => {
                if depth > DEPTH_MAX {
                    return Err(self
                        .input(value)
                        .wrong(format!("messages nested deeper than {DEPTH_MAX}")));
                }
                self.fields(&self.plan.messages[of], &[value], out, depth + 1, false)?;
            }
            Some(of) => {
                out.raw(b",\"value\":")?;
                self.message(of, &[value], out, depth + 1)?;
            }
            None => {
                out.raw(b",\"value\":")?;
                out.base64(self.input(value).rest())?;
            }
        }
        out.byte(b'}')
    }
}

#[inline]
fn varint(input: &mut Input<'_>) -> Result<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = input.byte()?;
        if shift == 63 && byte > 1 {
            break;
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(input.wrong("a number of more than 64 bits"))
}

#[inline]
fn tag(input: &mut Input<'_>) -> Result<(u32, u8)> {
    let value = varint(input)?;
    match u32::try_from(value) {
        Ok(tag) if tag >> 3 > 0 => Ok((tag >> 3, (tag & 7) as u8)),
        _ => Err(input.wrong("a field whose number cannot be")),
    }
}

/// Goes past a field's value; where it is.
fn skip(input: &mut Input<'_>, number: u32, wire: u8, depth: usize) -> Result<Span> {
    let mut from = input.at();
    match wire {
        VARINT => {
            varint(input)?;
        }
        FIXED64 => {
            input.take(8)?;
        }
        FIXED32 => {
            input.take(4)?;
        }
        LENGTH => {
            let length = varint(input)?;
            from = input.at();
            input.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        }
        GROUP if depth > DEPTH_MAX => {
            return Err(input.wrong(format!("groups nested deeper than {DEPTH_MAX}")));
        }
        GROUP => loop {
            let to = input.at();
            match tag(input)? {
                (end, GROUP_END) if end == number => {
                    return Ok(Span {
                        from: from as u32,
                        to: to as u32,
                    });
                }
                (_, GROUP_END) => return Err(input.wrong("the end of a group that did not begin")),
                (within, wire) => skip(input, within, wire, depth + 1)?,
            };
        },
        GROUP_END => return Err(input.wrong("the end of a group that did not begin")),
        _ => return Err(input.wrong("a field of a type that Protobuf does not have")),
    }
    Ok(Span {
        from: from as u32,
        to: input.at() as u32,
    })
}
