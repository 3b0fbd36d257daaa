//! The names that a mistyped one probably meant.

/// Names proposed at most.
const NEAR_MAX: usize = 3;

/// The known names that lie close to `wanted`, the closest first.
pub(super) fn near<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = wanted.to_lowercase();
    let allowed = (wanted.chars().count() / 3).clamp(1, 4);
    let mut found: Vec<(usize, &str)> = known
        .into_iter()
        .filter_map(|name| {
            let lower = name.to_lowercase();
            let distance = distance(&wanted, &lower);
            let related =
                wanted.len() >= 3 && (lower.contains(&wanted) || wanted.contains(&lower) && lower.len() >= 3);
            (distance <= allowed || related).then_some((distance, name))
        })
        .collect();
    found.sort();
    found.dedup();
    found.into_iter().take(NEAR_MAX).map(|(_, name)| name).collect()
}

/// ` Did you mean "a" or "b"?`, or nothing when none is near.
pub(super) fn did_you_mean(near: &[&str]) -> String {
    match near {
        [] => String::new(),
        [one] => format!(" Did you mean \"{one}\"?"),
        [first, .., last] => {
            let between: String = near[1..near.len() - 1]
                .iter()
                .map(|name| format!(", \"{name}\""))
                .collect();
            format!(" Did you mean \"{first}\"{between} or \"{last}\"?")
        }
    }
}

/// Edits (insert, delete, replace, swap of neighbours) between two texts.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for i in 1..=left.len() {
        let mut row = vec![i; right.len() + 1];
        for j in 1..=right.len() {
            let replaced = last[j - 1] + usize::from(left[i - 1] != right[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names() {
        let check = |wanted: &str, known: &[&str], expected: &[&str]| {
            assert_eq!(near(wanted, known.iter().copied()), expected, "{wanted}");
        };
        check("ordres", &["orders", "payments"], &["orders"]);
        check("order", &["orders", "orders.v2", "x"], &["orders", "orders.v2"]);
        check("Orders", &["orders"], &["orders"]);
        check("zzz", &["orders", "payments"], &[]);
        check(
            "bootstrap.server",
            &["bootstrap.servers", "client.id"],
            &["bootstrap.servers"],
        );
        check("", &["orders"], &[]);
    }

    #[test]
    fn sentences() {
        assert_eq!(did_you_mean(&[]), "");
        assert_eq!(did_you_mean(&["a"]), " Did you mean \"a\"?");
        assert_eq!(did_you_mean(&["a", "b"]), " Did you mean \"a\" or \"b\"?");
        assert_eq!(
            did_you_mean(&["a", "b", "c"]),
            " Did you mean \"a\", \"b\" or \"c\"?"
        );
    }
}
