//! Decimals: a whole number of any length, and where its point stands.

use serde_json::Value;

use crate::formats::{
    encode::{Misfit, kind_of},
    write::{Out, Result, Wrong},
};

/// Bytes of a decimal's whole number: more than 300 digits.
const BYTES_MAX: usize = 128;
/// As many digits as a limb gives at a time.
const LIMB: u64 = 1_000_000_000;

/// Writes the number that `bytes` (two's complement, big-endian) stand for, every digit of it.
pub(super) fn write(bytes: &[u8], scale: usize, out: &mut Out) -> Result {
    if bytes.len() > BYTES_MAX {
        return Err(Wrong::new(format!("a decimal of more than {BYTES_MAX} bytes")));
    }
    let negative = bytes.first().is_some_and(|first| *first >= 0x80);
    let digits = digits(bytes, negative);
    if negative {
        out.byte(b'-')?;
    }
    let whole = digits.len().saturating_sub(scale);
    match whole {
        0 => out.byte(b'0')?,
        _ => out.raw(&digits.as_bytes()[..whole])?,
    }
    if scale > 0 {
        out.byte(b'.')?;
        for _ in digits.len()..scale {
            out.byte(b'0')?;
        }
        out.raw(&digits.as_bytes()[whole..])?;
    }
    Ok(())
}

/// The digits of the number without its sign.
fn digits(bytes: &[u8], negative: bool) -> String {
    if let Some(value) = small(bytes, negative) {
        return value.unsigned_abs().to_string();
    }
    // Big-endian limbs of the number without its sign.
    let mut magnitude: Vec<u8> = bytes.to_vec();
    if negative {
        let mut carry = true;
        for byte in magnitude.iter_mut().rev() {
            (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
        }
    }
    let mut groups = Vec::new();
    while magnitude.iter().any(|byte| *byte != 0) {
        let mut rest = 0u64;
        for byte in &mut magnitude {
            let value = rest << 8 | u64::from(*byte);
            *byte = (value / LIMB) as u8;
            rest = value % LIMB;
        }
        groups.push(rest);
    }
    let mut text = groups.pop().unwrap_or(0).to_string();
    for group in groups.into_iter().rev() {
        text.push_str(&format!("{group:09}"));
    }
    text
}

fn small(bytes: &[u8], negative: bool) -> Option<i128> {
    let mut wide = [if negative { 0xff } else { 0 }; 16];
    let from = wide.len().checked_sub(bytes.len())?;
    wide[from..].copy_from_slice(bytes);
    Some(i128::from_be_bytes(wide))
}

/// Digits that a number of JSON keeps whatever they are; longer ones are written as text.
const NUMBER_DIGITS_MAX: usize = 15;

/// The whole number that a decimal stands for (two's complement, big-endian, as short as can be), from a number or a
/// text such as `-12.34`. Digits that the scale has no room for are not dropped.
pub(super) fn read(value: &Value, scale: usize) -> std::result::Result<Vec<u8>, Misfit> {
    let expected = || {
        Misfit::new(format!(
            "a decimal such as 12.34 is expected, and it is {}",
            kind_of(value)
        ))
    };
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => {
            let text = number.to_string();
            let digits = text.chars().filter(char::is_ascii_digit).count();
            if !number.is_i64() && !number.is_u64() && (digits > NUMBER_DIGITS_MAX || text.contains('e')) {
                return Err(Misfit::new(
                    "a number of so many digits is not exact in JSON: write the decimal as text",
                ));
            }
            text
        }
        _ => return Err(expected()),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > scale {
        return Err(Misfit::new(format!(
            "it has more than {scale} digits after its point"
        )));
    }
    if !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(expected());
    }
    let padded = format!("{whole}{fraction:0<scale$}");
    let number: i128 = padded.parse().map_err(|_| expected())?;
    let bytes = number.to_be_bytes();
    let sign = if number < 0 { 0xff } else { 0 };
    let mut from = 0;
    // A byte of the sign alone says nothing while the next one has the same sign.
    while from < bytes.len() - 1 && bytes[from] == sign && (bytes[from + 1] ^ sign) < 0x80 {
        from += 1;
    }
    Ok(bytes[from..].to_vec())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(bytes: &[u8], scale: usize) -> String {
        let mut out = Out::after(Vec::new(), 10_000);
        write(bytes, scale, &mut out).expect("room");
        String::from_utf8(out.into_bytes()).expect("text")
    }

    #[test]
    fn decimals_keep_every_digit() {
        let check = |bytes: &[u8], scale: usize, expected: &str| {
            assert_eq!(text(bytes, scale), expected, "{bytes:?}")
        };
        check(&[], 0, "0");
        check(&[], 2, "0.00");
        check(&[0x04, 0xd2], 2, "12.34");
        check(&[0x0c], 3, "0.012");
        check(&[0xff], 2, "-0.01");
        check(&[0x80], 0, "-128");
        // 2^128, one more byte than the short way takes.
        let mut big = [0u8; 17];
        big[0] = 1;
        check(&big, 0, "340282366920938463463374607431768211456");
        // -2^135
        big[0] = 0x80;
        check(&big, 0, "-43556142965880123323311949751266331066368");
        assert!(write(&[1; 200], 0, &mut Out::name()).is_err());
    }

    proptest! {
        #[test]
        fn the_long_way_agrees_with_the_short(value in any::<i128>(), scale in 0usize..50) {
            let short = value.to_be_bytes();
            let mut long = vec![if value < 0 { 0xff } else { 0 }; 4];
            long.extend(short);
            prop_assert_eq!(text(&long, scale), text(&short, scale));
            prop_assert_eq!(text(&short, 0), value.to_string());
        }
    }
}
