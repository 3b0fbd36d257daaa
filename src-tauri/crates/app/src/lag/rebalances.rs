//! What changed in a group between two samples.

use std::collections::{BTreeMap, BTreeSet};

use tailrace_connectors::clusters::kafka::{GroupSample, TopicPartition};

/// As a sentence; `None`: nothing, or one of the samples was taken in the midst of it.
pub(super) fn change(before: &GroupSample, now: &GroupSample) -> Option<String> {
    let settled = |sample: &GroupSample| {
        sample.error.is_none() && matches!(sample.state.as_str(), "Stable" | "Empty" | "Dead")
    };
    if !settled(before) || !settled(now) {
        return None;
    }
    let (was, is) = (assignments(before), assignments(now));
    let joined = is.keys().filter(|id| !was.contains_key(*id)).count();
    let left = was.keys().filter(|id| !is.contains_key(*id)).count();
    let owners = |of: &BTreeMap<&str, BTreeSet<&TopicPartition>>| -> BTreeMap<TopicPartition, String> {
        of.iter()
            .flat_map(|(id, partitions)| partitions.iter().map(|of| ((*of).clone(), (*id).to_owned())))
            .collect()
    };
    let (before, now) = (owners(&was), owners(&is));
    let moved = now
        .iter()
        .filter(|(of, owner)| before.get(*of).is_some_and(|before| before != *owner))
        .count();
    let members = |count: usize| {
        if count == 1 {
            "1 member".to_owned()
        } else {
            format!("{count} members")
        }
    };
    let mut said = Vec::new();
    if joined > 0 {
        said.push(format!("{} joined", members(joined)));
    }
    if left > 0 {
        said.push(format!("{} left", members(left)));
    }
    match moved {
        0 if said.is_empty() && before != now => said.push("partitions were given out anew".to_owned()),
        0 => {}
        1 => said.push("1 partition changed hands".to_owned()),
        many => said.push(format!("{many} partitions changed hands")),
    }
    (!said.is_empty()).then(|| said.join(", "))
}

fn assignments(sample: &GroupSample) -> BTreeMap<&str, BTreeSet<&TopicPartition>> {
    sample
        .members
        .iter()
        .map(|member| (member.id.as_str(), member.assignment.iter().collect()))
        .collect()
}

#[cfg(test)]
mod tests {
    use tailrace_connectors::clusters::kafka::GroupMember;

    use super::*;

    fn sample(state: &str, members: &[(&str, &[i32])]) -> GroupSample {
        let member = |(id, partitions): &(&str, &[i32])| GroupMember {
            id: (*id).to_owned(),
            client: String::new(),
            host: String::new(),
            assignment: partitions
                .iter()
                .map(|partition| TopicPartition {
                    topic: "t".to_owned(),
                    partition: *partition,
                })
                .collect(),
        };
        GroupSample {
            group: "g".to_owned(),
            state: state.to_owned(),
            members: members.iter().map(member).collect(),
            partitions: Vec::new(),
            error: None,
        }
    }

    #[test]
    fn changes_are_told() {
        let before = sample("Stable", &[("a", &[0, 1]), ("b", &[2])]);
        let check = |now: GroupSample, expected: Option<&str>| {
            assert_eq!(change(&before, &now).as_deref(), expected);
        };
        check(before.clone(), None);
        check(sample("Stable", &[("b", &[2]), ("a", &[1, 0])]), None);
        check(
            sample("Stable", &[("a", &[0]), ("b", &[2, 1])]),
            Some("1 partition changed hands"),
        );
        check(
            sample("Stable", &[("a", &[0]), ("c", &[1, 2])]),
            Some("1 member joined, 1 member left, 2 partitions changed hands"),
        );
        check(sample("Empty", &[]), Some("2 members left"));
        check(
            sample("Stable", &[("a", &[0]), ("b", &[2])]),
            Some("partitions were given out anew"),
        );
        check(sample("PreparingRebalance", &[("a", &[])]), None);
    }
}
