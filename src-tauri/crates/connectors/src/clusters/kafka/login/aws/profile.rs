//! The profiles of `~/.aws/credentials` and `~/.aws/config`: INI files, read as the AWS CLI reads them.

use std::collections::HashMap;

/// The settings of one profile. `config` names its sections `[profile NAME]`, `credentials` just `[NAME]`.
pub(super) fn settings(text: &str, profile: &str) -> HashMap<String, String> {
    let mut inside = false;
    let mut found = HashMap::new();
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = trimmed.strip_prefix('[') {
            let section = section.split(']').next().unwrap_or_default().trim();
            let name = section.strip_prefix("profile").map_or(section, |rest| {
                if rest.starts_with(char::is_whitespace) {
                    rest.trim()
                } else {
                    section
                }
            });
            inside = name.trim_matches(['"', '\'']) == profile;
        } else if inside
            // An indented line belongs to a nested setting of the one above.
            && !line.starts_with(char::is_whitespace)
            && let Some((name, value)) = trimmed.split_once('=')
        {
            found.insert(name.trim().to_lowercase(), value.trim().to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_told_apart() {
        let text = "# mine\n[default]\naws_access_key_id = A\n[profile shop]\nregion=eu-west-1\ns3 =\n  addressing_style = path\n\
                    [profilex]\nregion = other\n[ shop2 ]\naws_access_key_id=B ; odd\n";
        let check = |profile: &str, name: &str, expected: Option<&str>| {
            assert_eq!(
                settings(text, profile).get(name).map(String::as_str),
                expected,
                "{profile} {name}"
            );
        };
        check("default", "aws_access_key_id", Some("A"));
        check("shop", "region", Some("eu-west-1"));
        check("shop", "addressing_style", None);
        check("profilex", "region", Some("other"));
        check("shop2", "aws_access_key_id", Some("B ; odd"));
        check("none", "region", None);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "\\PC*", profile in "[a-z]{0,4}") {
            settings(&text, &profile);
        }
    }
}
