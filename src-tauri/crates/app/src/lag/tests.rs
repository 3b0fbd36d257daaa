use tailrace_connectors::clusters::kafka::{GroupMember as Member, TopicPartition};
use tailrace_model::api::LagStatus;

use super::*;

const EVERY_MS: i64 = 2_000;

/// A sample of one group whose members read these partitions; each is committed up to 5 of 9.
pub(crate) fn sample(state: &str, members: &[(&str, &[i32])]) -> GroupSample {
    let of = |partition: i32| TopicPartition {
        topic: "t".to_owned(),
        partition,
    };
    let member = |(id, partitions): &(&str, &[i32])| Member {
        id: (*id).to_owned(),
        client: (*id).to_owned(),
        host: "h".to_owned(),
        assignment: partitions.iter().map(|partition| of(*partition)).collect(),
    };
    let partition = |partition: i32| GroupPartition {
        topic: "t".to_owned(),
        partition,
        committed: Some(5),
        start: Some(0),
        end: Some(9),
        stable_end: None,
        lag: Some(4),
        lag_in_offsets: false,
        lag_ms: Some(1_000),
        lag_ms_source: Some(LagTimeSource::Record),
        lost: Some(0),
        past_end: None,
        member: None,
        client: None,
        host: None,
        status: LagStatus::Unknown,
        reason: String::new(),
        in_per_second: None,
        out_per_second: None,
        drained_in_ms: None,
    };
    GroupSample {
        group: "g".to_owned(),
        state: state.to_owned(),
        simple: false,
        members: members.iter().map(member).collect(),
        partitions: (0..2).map(partition).collect(),
        error: None,
    }
}

#[test]
fn a_rebalance_that_a_sample_catches_midway_is_noted_once() {
    let mut state = LagState::default();
    let mut at_ms = 0;
    let mut marks = |sample: GroupSample| {
        at_ms += EVERY_MS;
        let added = state.add(&LagRules::default(), vec![sample], at_ms);
        let said = added.marks.into_iter().map(|(_, mark)| mark.what);
        (said.collect::<Vec<_>>(), state.groups["g"].rebalanced_ms)
    };
    let before: &[(&str, &[i32])] = &[("a", &[0, 1])];
    let after: &[(&str, &[i32])] = &[("a", &[0]), ("b", &[1])];
    let said = "1 member joined, 1 partition changed hands".to_owned();
    assert_eq!(marks(sample("Stable", before)), (vec![], None));
    assert_eq!(marks(sample("PreparingRebalance", before)), (vec![], None));
    assert_eq!(marks(sample("CompletingRebalance", after)), (vec![], None));
    assert_eq!(
        marks(sample("Stable", after)),
        (vec![said], Some(4 * EVERY_MS)),
        "what changed since it was settled"
    );
    assert_eq!(marks(sample("Stable", after)), (vec![], Some(4 * EVERY_MS)));
    // One that ends as it began changed nothing.
    assert_eq!(
        marks(sample("Rebalancing", &[("a", &[])])).0,
        Vec::<String>::new()
    );
    assert_eq!(marks(sample("Stable", after)).0, Vec::<String>::new());
    // The first sample is taken in the midst of one: nothing is known of what was before.
    let mut late = LagState::default();
    let rules = LagRules::default();
    late.add(&rules, vec![sample("PreparingRebalance", &[])], 1);
    let added = late.add(&rules, vec![sample("Stable", after)], 2);
    assert!(added.marks.is_empty());
}

#[test]
fn a_failure_is_told_to_whoever_waited_for_it_and_to_nobody_later() {
    let mut state = LagState::default();
    assert_eq!(state.failed_since(0), None);
    state.failed(Error::external("cluster_silent", "no answer"), 100);
    let code = |state: &LagState, at_ms| state.failed_since(at_ms).map(|error| error.code);
    assert_eq!(code(&state, 100).as_deref(), Some("cluster_silent"));
    assert_eq!(code(&state, 101), None, "it is asked again");
    state.add(&LagRules::default(), Vec::new(), 200);
    assert_eq!(code(&state, 0), None, "it answered since");
}
