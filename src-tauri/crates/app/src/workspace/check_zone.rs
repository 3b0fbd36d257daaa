//! The workspace's time zone: an IANA name, which the engine reads from the same table.

use chrono_tz::{TZ_VARIANTS, Tz};

use super::parse::nearest;

/// Whether a name is a time zone; the sentence says what was probably meant.
pub(super) fn check_time_zone(written: &str) -> Result<(), String> {
    if written.trim().is_empty() {
        let sentence = "the time zone is empty: write an IANA name such as \"Europe/Berlin\", or \"UTC\"";
        return Err(sentence.to_owned());
    }
    if written.parse::<Tz>().is_ok() {
        return Ok(());
    }
    Err(match meant(written.trim()) {
        Some(name) => format!("there is no time zone \"{written}\": did you mean \"{name}\"?"),
        None => format!(
            "there is no time zone \"{written}\": write an IANA name such as \"Europe/Berlin\", or \"UTC\""
        ),
    })
}

/// The same name in another case; else one of the same city; else one that is near, as a whole or by its city. Short
/// names such as `PST` are near to too many others.
fn meant(written: &str) -> Option<&'static str> {
    let written = written.replace(' ', "_");
    let names = || TZ_VARIANTS.iter().map(|zone| zone.name());
    let with_city = || names().filter(|name| name.contains('/'));
    let of = |wanted: &str| with_city().find(|name| city(name).eq_ignore_ascii_case(wanted));
    let wanted = city(&written);
    names()
        .find(|name| name.eq_ignore_ascii_case(&written))
        .or_else(|| of(wanted))
        .or_else(|| {
            written
                .contains('/')
                .then(|| nearest(&written, names()))
                .flatten()
        })
        .or_else(|| {
            (wanted.len() > 4)
                .then(|| nearest(wanted, with_city().map(city)))
                .flatten()
                .and_then(of)
        })
}

fn city(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_zone_is_a_name_of_the_iana() {
        let check = |written: &str, expected: &str| {
            assert_eq!(
                check_time_zone(written).err().unwrap_or_default(),
                expected,
                "of {written}"
            );
        };
        let meant = |written: &str, name: &str| {
            check(
                written,
                &format!("there is no time zone \"{written}\": did you mean \"{name}\"?"),
            );
        };
        for good in [
            "UTC",
            "Europe/Berlin",
            "America/Argentina/Buenos_Aires",
            "CET",
            "Etc/GMT-5",
        ] {
            check(good, "");
        }
        meant("Europe/Berln", "Europe/Berlin");
        meant("europe/berlin", "Europe/Berlin");
        meant("utc", "UTC");
        meant("Berlin", "Europe/Berlin");
        meant("America/New York", "America/New_York");
        meant("New York", "America/New_York");
        meant("Asia/Berlin", "Europe/Berlin");
        meant("Kolkatta", "Asia/Kolkata");
        for unknown in ["PST", "+02:00", "Mars/Olympus"] {
            check(
                unknown,
                &format!(
                    "there is no time zone \"{unknown}\": write an IANA name such as \"Europe/Berlin\", or \"UTC\""
                ),
            );
        }
        check(
            " ",
            "the time zone is empty: write an IANA name such as \"Europe/Berlin\", or \"UTC\"",
        );
    }

    #[test]
    fn what_is_accepted_here_the_engine_reads() {
        for zone in TZ_VARIANTS {
            let name = zone.name();
            assert!(check_time_zone(name).is_ok(), "{name}");
            assert!(name.parse::<arrow::array::timezone::Tz>().is_ok(), "{name}");
        }
    }
}
