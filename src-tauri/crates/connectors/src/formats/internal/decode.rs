//! Bytes to JSON, led by a schema.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    super::write::{DEPTH_MAX, Input, Out, Result, Wrong},
    schemas::{ASSIGNMENT, CONSUMER_PROTOCOL_NEWEST, Field, KeyKind, SUBSCRIPTION, Type},
};

/// How a message is written.
#[derive(Debug, Clone, Copy)]
struct How {
    version: i16,
    /// Lengths are short, and fields with tags follow.
    flexible: bool,
    /// The group is one of consumers, whose members' bytes are known.
    consumers: bool,
}

pub(super) fn key(kind: &KeyKind, bytes: &[u8], out: &mut Out) -> Result {
    let mut input = Input::new(bytes);
    // Its number is what `kind` was found by.
    input.take(2)?;
    let how = How {
        version: 0,
        flexible: false,
        consumers: false,
    };
    whole(kind.name, None, kind.key, how, input, out)
}

pub(super) fn value(kind: &KeyKind, bytes: &[u8], out: &mut Out) -> Result {
    let mut input = Input::new(bytes);
    let version = i16::from_be_bytes(input.array()?);
    if !(0..=kind.value.newest).contains(&version) {
        let what = format!("version {version} of {} is not known", kind.name);
        return Err(Wrong::at(what, 0));
    }
    let how = How {
        version,
        flexible: version >= kind.value.flexible,
        consumers: kind.name.starts_with("consumer_group"),
    };
    whole(kind.name, Some(version), kind.value.fields, how, input, out)
}

fn whole(
    name: &str,
    version: Option<i16>,
    fields: &[Field],
    how: How,
    mut input: Input<'_>,
    out: &mut Out,
) -> Result {
    out.raw(b"{\"type\":")?;
    out.string(name)?;
    if let Some(version) = version {
        out.raw(b",\"schema_version\":")?;
        out.integer(version)?;
    }
    let mut decoder = Decoder { how, depth: 0 };
    decoder.fields(fields, &mut input, out, false)?;
    out.byte(b'}')?;
    input.end()
}

struct Decoder {
    how: How,
    depth: usize,
}

impl Decoder {
    fn has(&self, field: &Field) -> bool {
        (field.since..=field.until).contains(&self.how.version)
    }

    /// The fields of an object, after those that are there already unless it is `fresh`.
    fn fields(&mut self, fields: &[Field], input: &mut Input<'_>, out: &mut Out, fresh: bool) -> Result {
        let mut first = fresh;
        let mut name = |field: &Field, out: &mut Out| {
            if !first {
                out.byte(b',')?;
            }
            first = false;
            out.string(field.name)?;
            out.byte(b':')
        };
        for field in fields.iter().filter(|field| field.tag.is_none()) {
            if (field.since..=field.until).contains(&self.how.version) {
                name(field, out)?;
                let from = input.at();
                self.one(&field.of, input, out)?;
                if field.name == "protocol_type" {
                    self.how.consumers = input.since(from).ends_with(b"consumer");
                }
            }
        }
        if !self.how.flexible {
            return Ok(());
        }
        for _ in 0..unsigned(input)? {
            let (tag, length) = (unsigned(input)?, unsigned(input)?);
            let mut inner = Input::new(input.take(length as usize)?);
            let known = fields
                .iter()
                .find(|field| field.tag == Some(tag) && self.has(field));
            // A field that is newer than this schema is left out, as Kafka's own readers do.
            if let Some(field) = known {
                name(field, out)?;
                self.one(&field.of, &mut inner, out)?;
                inner.end()?;
            }
        }
        Ok(())
    }

    fn object(&mut self, fields: &[Field], input: &mut Input<'_>, out: &mut Out) -> Result {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(input.wrong("too many values within one another"));
        }
        out.byte(b'{')?;
        self.fields(fields, input, out, true)?;
        self.depth -= 1;
        out.byte(b'}')
    }

    fn one(&mut self, of: &Type, input: &mut Input<'_>, out: &mut Out) -> Result {
        match of {
            Type::Int8 => out.integer(i8::from_be_bytes(input.array()?)),
            Type::Int16 => out.integer(i16::from_be_bytes(input.array()?)),
            Type::Uint16 => out.integer(u16::from_be_bytes(input.array()?)),
            Type::Int32 => out.integer(i32::from_be_bytes(input.array()?)),
            Type::Int64 => out.integer(i64::from_be_bytes(input.array()?)),
            // As Kafka's own tools print it.
            Type::Uuid => out.string(&URL_SAFE_NO_PAD.encode(input.array::<16>()?)),
            Type::Named(names) => {
                let number = i8::from_be_bytes(input.array()?);
                match usize::try_from(number).ok().and_then(|at| names.get(at)) {
                    Some(name) => out.string(name),
                    None => out.integer(number),
                }
            }
            Type::Text => match self.length(input, true)? {
                Some(length) => out.string(input.text(length)?),
                None => Err(input.wrong("a text is missing")),
            },
            Type::NullableText => match self.length(input, true)? {
                Some(length) => out.string(input.text(length)?),
                None => out.null(),
            },
            Type::NullableBytes => match self.length(input, false)? {
                Some(length) => out.base64(input.take(length)?),
                None => out.null(),
            },
            Type::Subscription => self.of_member(SUBSCRIPTION, input, out),
            Type::Assignment => self.of_member(ASSIGNMENT, input, out),
            Type::Array(of) => match self.length(input, false)? {
                Some(length) => self.array(of, length, input, out),
                None => Err(input.wrong("a list is missing")),
            },
            Type::NullableArray(of) => match self.length(input, false)? {
                Some(length) => self.array(of, length, input, out),
                None => out.null(),
            },
            Type::Struct(fields) => self.object(fields, input, out),
            // What is there begins with 1; what is not is -1, and in a field with a tag 0.
            Type::NullableStruct(fields) => match i8::from_be_bytes(input.array()?) {
                ..=0 => out.null(),
                _ => self.object(fields, input, out),
            },
        }
    }

    fn array(&mut self, of: &Type, length: usize, input: &mut Input<'_>, out: &mut Out) -> Result {
        out.byte(b'[')?;
        for at in 0..length {
            if at > 0 {
                out.byte(b',')?;
            }
            self.one(of, input, out)?;
        }
        out.byte(b']')
    }

    /// How many bytes or elements follow; `None` is null. Texts have two bytes for it where others have four.
    fn length(&self, input: &mut Input<'_>, text: bool) -> Result<Option<usize>> {
        if self.how.flexible {
            return Ok((unsigned(input)? as usize).checked_sub(1));
        }
        let length = match text {
            true => i32::from(i16::from_be_bytes(input.array()?)),
            false => i32::from_be_bytes(input.array()?),
        };
        Ok(usize::try_from(length).ok())
    }

    /// Bytes that a member gave: of a consumer they have a schema of their own; anything else is base64.
    fn of_member(&self, fields: &[Field], input: &mut Input<'_>, out: &mut Out) -> Result {
        let Some(length) = self.length(input, false)? else {
            return out.null();
        };
        let bytes = input.take(length)?;
        let before = out.len();
        if self.how.consumers && self.of_consumer(fields, bytes, out).is_ok() {
            return Ok(());
        }
        out.truncate(before);
        out.base64(bytes)
    }

    fn of_consumer(&self, fields: &[Field], bytes: &[u8], out: &mut Out) -> Result {
        let mut input = Input::new(bytes);
        let version = i16::from_be_bytes(input.array()?);
        let how = How {
            version: version.min(CONSUMER_PROTOCOL_NEWEST),
            flexible: false,
            consumers: true,
        };
        let mut decoder = Decoder {
            how,
            depth: self.depth,
        };
        decoder.object(fields, &mut input, out)?;
        // A newer version may have more.
        match version > CONSUMER_PROTOCOL_NEWEST {
            true => Ok(()),
            false => input.end(),
        }
    }
}

/// A number in as few bytes as it needs, at most five.
fn unsigned(input: &mut Input<'_>) -> Result<u32> {
    let mut number = 0_u32;
    for at in 0..5 {
        let byte = input.byte()?;
        number |= u32::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(input.wrong("a length is too long"))
}
