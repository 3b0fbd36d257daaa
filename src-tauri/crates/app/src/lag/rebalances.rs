//! What changed in a group from one time that it was settled to the next.
//!
//! Invariant: a rebalance is told once, however many samples were taken in the midst of it.

use std::collections::{BTreeMap, BTreeSet};

use tailrace_connectors::clusters::kafka::{GroupMember, GroupSample, TopicPartition};

/// Who reads what, as of the last sample in which nothing was under way.
pub(super) type Settled = Vec<GroupMember>;

/// The members of a sample, unless it was taken in the midst of a rebalance or did not tell.
pub(super) fn settled(sample: &GroupSample) -> Option<Settled> {
    let told = sample.error.is_none() && matches!(sample.state.as_str(), "Stable" | "Empty" | "Dead");
    told.then(|| sample.members.clone())
}

/// As a sentence; `None`: nothing.
pub(super) fn change(before: &Settled, now: &Settled) -> Option<String> {
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

fn assignments(members: &Settled) -> BTreeMap<&str, BTreeSet<&TopicPartition>> {
    members
        .iter()
        .map(|member| (member.id.as_str(), member.assignment.iter().collect()))
        .collect()
}

#[cfg(test)]
mod tests {
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
            simple: false,
            members: members.iter().map(member).collect(),
            partitions: Vec::new(),
            error: None,
        }
    }

    #[test]
    fn changes_are_told() {
        let before = sample("Stable", &[("a", &[0, 1]), ("b", &[2])]);
        let check = |now: GroupSample, expected: Option<&str>| {
            let (before, now) = (settled(&before).unwrap(), settled(&now).unwrap());
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
        for state in [
            "PreparingRebalance",
            "CompletingRebalance",
            "Rebalancing",
            "Unknown",
        ] {
            assert_eq!(settled(&sample(state, &[("a", &[])])), None, "{state}");
        }
    }
}
