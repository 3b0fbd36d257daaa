//! Timestamps as events write them: RFC 3339 and the ISO 8601 forms close to it, to milliseconds since the epoch.

const DAY_MS: i64 = 86_400_000;

/// Reads `2026-05-09T07:30:00.123Z`, with any offset (`+02:00`, `+0200`, `+02`), a space for the `T`, no offset (UTC)
/// or the date alone (midnight UTC). Digits beyond milliseconds are cut. Years 0001 to 9999.
pub fn parse_ms(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let year = digits(bytes, 0, 4)?;
    let month = digits(bytes, 5, 2)?;
    let day = digits(bytes, 8, 2)?;
    if bytes.get(4) != Some(&b'-') || bytes.get(7) != Some(&b'-') || year == 0 {
        return None;
    }
    if !(1..=12).contains(&month) || day == 0 || day > days_of_month(year, month) {
        return None;
    }
    let date_ms = days_from_epoch(year, month, day) * DAY_MS;
    if bytes.len() == 10 {
        return Some(date_ms);
    }
    if !matches!(bytes.get(10), Some(b'T' | b't' | b' ')) {
        return None;
    }
    let (time_ms, rest) = clock(bytes.get(11..)?)?;
    Some(date_ms + time_ms - offset_ms(rest)?)
}

/// RFC 3339 in UTC with milliseconds.
pub fn format_ms(ms: i64) -> String {
    match chrono::DateTime::from_timestamp_millis(ms) {
        Some(time) => time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        None => format!("{ms} ms"),
    }
}

/// `07:30`, `07:30:00` or `07:30:00.123` in milliseconds, and what follows it.
fn clock(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let hour = digits(bytes, 0, 2)?;
    let minute = digits(bytes, 3, 2)?;
    if bytes.get(2) != Some(&b':') || hour > 23 || minute > 59 {
        return None;
    }
    let mut ms = (hour * 60 + minute) * 60_000;
    if bytes.get(5) != Some(&b':') {
        return Some((ms, bytes.get(5..)?));
    }
    let second = digits(bytes, 6, 2)?;
    if second > 60 {
        return None;
    }
    // A leap second counts as the one after it, as everywhere else.
    ms += second * 1_000;
    if bytes.get(8) != Some(&b'.') {
        return Some((ms, bytes.get(8..)?));
    }
    let fraction = bytes.get(9..)?;
    let length = fraction
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(fraction.len());
    if length == 0 {
        return None;
    }
    for (place, weight) in [(0, 100), (1, 10), (2, 1)] {
        if place < length {
            ms += digits(fraction, place, 1)? * weight;
        }
    }
    Some((ms, fraction.get(length..)?))
}

fn offset_ms(bytes: &[u8]) -> Option<i64> {
    let sign = match bytes.first() {
        None => return Some(0),
        Some(b'Z' | b'z') => return (bytes.len() == 1).then_some(0),
        Some(b'+') => 1,
        Some(b'-') => -1,
        Some(_) => return None,
    };
    let hours = digits(bytes, 1, 2)?;
    let minutes = match (bytes.len(), bytes.get(3)) {
        (3, _) => 0,
        (5, _) => digits(bytes, 3, 2)?,
        (6, Some(b':')) => digits(bytes, 4, 2)?,
        _ => return None,
    };
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 60 + minutes) * 60_000)
}

fn digits(bytes: &[u8], from: usize, count: usize) -> Option<i64> {
    let mut value = 0;
    for byte in bytes.get(from..from + count)? {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(byte - b'0');
    }
    Some(value)
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar, counted in years that begin in March.
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let day_of_year = (month * 153 + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_the_forms_that_events_use() {
        let check = |text: &str, expected: Option<i64>| assert_eq!(parse_ms(text), expected, "{text}");
        check("1970-01-01T00:00:00Z", Some(0));
        check("1970-01-01T00:00:00.5Z", Some(500));
        check("1970-01-01T00:00:00.123456789Z", Some(123));
        check("1970-01-01T02:00:00+02:00", Some(0));
        check("1970-01-01T02:00:00+0200", Some(0));
        check("1970-01-01T02:00:00+02", Some(0));
        check("1969-12-31 23:00:00.000-01:00", Some(0));
        check("1970-01-01", Some(0));
        check("1970-01-01T00:01", Some(60_000));
        check("2016-02-29T12:00:00Z", Some(1_456_747_200_000));
        check("2015-02-29T12:00:00Z", None);
        check("1970-13-01T00:00:00Z", None);
        check("1970-01-01T24:00:00Z", None);
        check("1970-01-01T00:00:00.Z", None);
        check("1970-01-01T00:00:00Zx", None);
        check("1970-01-01X00:00:00Z", None);
        check("yesterday", None);
        check("1970-01-0\u{661}", None);
        check("", None);
    }

    proptest! {
        #[test]
        fn agrees_with_chrono(ms in -62_135_596_800_000i64..253_402_300_799_999, offset in -86_340i32..86_340) {
            let offset = chrono::FixedOffset::east_opt(offset / 60 * 60).expect("an offset");
            let time = chrono::DateTime::from_timestamp_millis(ms).expect("a time");
            let text = time.with_timezone(&offset).to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
            let expected = (text.len() == 24 || text.len() == 29) && !text.starts_with("0000");
            prop_assert_eq!(parse_ms(&text), expected.then_some(ms), "{}", text);
            prop_assert_eq!(parse_ms(&format_ms(ms)), Some(ms));
        }

        #[test]
        fn never_panics(text in ".{0,40}") {
            let _ = parse_ms(&text);
        }
    }
}
