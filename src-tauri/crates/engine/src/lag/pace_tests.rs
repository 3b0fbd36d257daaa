//! Consumers of every pace: one that is well is never called stalled, one that falls behind is warned of, and one that
//! stops is found out.

use proptest::prelude::*;
use tailrace_model::api::LagStatus;

use super::*;

/// A consumer that commits every so often, and what is written meanwhile.
#[derive(Debug, Clone, Copy)]
struct Pace {
    commit_ms: i64,
    /// How far from its time a commit may be.
    jitter_ms: i64,
    /// Of the first commit after the first sample.
    phase_ms: i64,
    written_per_second: i64,
    /// What is left to read right after a commit.
    left: i64,
    /// How much more it is after each commit than after the one before.
    grows: i64,
    held: bool,
}

impl Pace {
    fn every(commit_ms: i64, grows: i64) -> Self {
        Self {
            commit_ms,
            jitter_ms: 0,
            phase_ms: commit_ms / 3,
            written_per_second: 100,
            left: 5_000,
            grows,
            held: true,
        }
    }

    /// When the commit of this number is made.
    fn at_ms(&self, number: i64) -> i64 {
        let jitter = match self.jitter_ms {
            0 => 0,
            // Any spread will do, as long as it is the same in every run.
            jitter_ms => number.wrapping_mul(7_919).rem_euclid(jitter_ms),
        };
        self.phase_ms + number * self.commit_ms + jitter
    }

    fn end(&self, at_ms: i64) -> i64 {
        1_000_000 + self.written_per_second * at_ms / 1_000
    }

    /// What is committed at a time, when the last commit it makes is of this number.
    fn committed(&self, at_ms: i64, last: i64) -> i64 {
        let made = (0..=last)
            .take_while(|number| self.at_ms(*number) <= at_ms)
            .last();
        match made {
            None => self.end(self.phase_ms - self.commit_ms) - self.left + self.grows,
            // Where it does not fall behind it is a little nearer after every other commit.
            Some(number) => {
                let nearer = if self.grows == 0 { number % 2 * 50 } else { 0 };
                self.end(self.at_ms(number)) - self.left - number * self.grows + nearer
            }
        }
    }

    fn sample(&self, at_ms: i64, last: i64) -> PartitionSample {
        let (committed, end) = (self.committed(at_ms, last), self.end(at_ms));
        PartitionSample {
            topic: "orders".to_owned(),
            committed: Some(committed),
            end: Some(end),
            lag: Some(end - committed),
            owned: self.held,
            ..PartitionSample::default()
        }
    }
}

/// Every status that a consumer has, by time, over so many commits; it makes no more than `last`.
fn statuses(pace: Pace, commits: i64, last: i64) -> Vec<(i64, LagStatus)> {
    let rules = LagRules::default();
    let mut window = GroupWindow::default();
    let every_ms = rules.every_ms.max(pace.commit_ms / 100);
    let until_ms = pace.phase_ms + commits * pace.commit_ms;
    let mut found = Vec::new();
    let mut at_ms = 0;
    while at_ms <= until_ms {
        let sample = pace.sample(at_ms, last);
        window.add(&rules, at_ms, u32::from(pace.held), &[sample]);
        found.push((at_ms, window.judge(&rules).status));
        at_ms += every_ms;
    }
    found
}

const PACES_MS: [i64; 3] = [5_000, 60_000, 300_000];

#[test]
fn steady_lag_is_well_whatever_the_pace() {
    for commit_ms in PACES_MS {
        let pace = Pace::every(commit_ms, 0);
        let found = statuses(pace, 25, i64::MAX);
        let bad = found
            .iter()
            .find(|(_, status)| !matches!(status, LagStatus::Ok | LagStatus::Unknown));
        assert_eq!(bad, None, "every {commit_ms} ms");
        // Judged from its third commit on.
        let judged = found
            .iter()
            .filter(|(at_ms, _)| *at_ms > pace.at_ms(2) + commit_ms / 10);
        assert_eq!(
            judged.clone().find(|(_, status)| *status != LagStatus::Ok),
            None,
            "every {commit_ms} ms"
        );
    }
}

#[test]
fn growing_lag_is_warned_of_whatever_the_pace() {
    for commit_ms in PACES_MS {
        let pace = Pace::every(commit_ms, 400);
        let found = statuses(pace, 25, i64::MAX);
        let after_ms = pace.at_ms(2) + commit_ms / 10;
        for (at_ms, status) in found {
            let expected = match at_ms > after_ms {
                true => status == LagStatus::Warn,
                false => matches!(status, LagStatus::Unknown | LagStatus::Ok | LagStatus::Warn),
            };
            assert!(expected, "every {commit_ms} ms: {status:?} at {at_ms}");
        }
    }
}

#[test]
fn one_that_stops_is_found_out_whatever_the_pace() {
    for (held, status) in [(true, LagStatus::Stall), (false, LagStatus::Stop)] {
        for commit_ms in PACES_MS {
            let pace = Pace {
                held,
                ..Pace::every(commit_ms, 0)
            };
            let found = statuses(pace, 60, 20);
            let stopped_ms = pace.at_ms(20);
            let first = found.iter().find(|(_, it)| *it == status).copied();
            let (at_ms, _) =
                first.unwrap_or_else(|| panic!("every {commit_ms} ms, held {held}: never found"));
            assert!(
                at_ms > stopped_ms + commit_ms,
                "every {commit_ms} ms: too soon, at {at_ms}"
            );
            // Ten commits span nine times between two of them.
            let soon_ms = stopped_ms + 10 * commit_ms + 20_000;
            assert!(
                at_ms <= soon_ms,
                "every {commit_ms} ms, held {held}: only at {at_ms}"
            );
            let after = found.iter().filter(|(after_ms, _)| *after_ms > at_ms);
            assert!(after.clone().all(|(_, it)| *it == status), "every {commit_ms} ms");
        }
    }
}

#[test]
fn an_idle_topic_makes_no_silence() {
    let rules = LagRules::default();
    let mut window = GroupWindow::default();
    let sample = |committed: i64, end: i64| PartitionSample {
        topic: "orders".to_owned(),
        committed: Some(committed),
        end: Some(end),
        lag: Some(end - committed),
        owned: true,
        ..PartitionSample::default()
    };
    let mut at_ms = 0;
    let mut add = |committed: i64, end: i64, for_ms: i64| {
        let until_ms = at_ms + for_ms;
        let mut last = LagStatus::Unknown;
        while at_ms < until_ms {
            window.add(&rules, at_ms, 1, &[sample(committed, end)]);
            last = window.judge(&rules).status;
            at_ms += rules.every_ms;
        }
        last
    };
    for number in 0..5 {
        assert_eq!(add(number, number, 3_600_000), LagStatus::Ok, "nothing to read");
        assert_eq!(
            add(number, number + 1, 20_000),
            LagStatus::Ok,
            "{number}: just written"
        );
    }
    // An hour between its commits is no reason to wait for an hour.
    assert_eq!(add(4, 6, 570_000), LagStatus::Ok);
    assert_eq!(add(4, 6, 60_000), LagStatus::Stall);
}

#[test]
fn a_commit_past_the_end_is_unknown_and_said() {
    let mut window = GroupWindow::default();
    let rules = LagRules::default();
    let samples = [
        PartitionSample {
            topic: "orders".to_owned(),
            committed: Some(30),
            end: Some(25),
            past_end: Some(5),
            ..PartitionSample::default()
        },
        PartitionSample {
            topic: "orders".to_owned(),
            partition: 1,
            committed: Some(7),
            end: Some(7),
            lag: Some(0),
            lost: Some(0),
            ..PartitionSample::default()
        },
    ];
    window.add(&rules, 0, 0, &samples[..1]);
    let alone = window.judge(&rules);
    assert_eq!(
        (alone.status, alone.lag, alone.reason.as_str()),
        (
            LagStatus::Unknown,
            None,
            "what is left to read is not known; its commit is 5 past the end of orders/0: the topic was made anew, or \
             lost records"
        )
    );
    window.add(&rules, 2_000, 0, &samples);
    let both = window.judge(&rules);
    assert_eq!(
        (both.status, both.partitions_unknown),
        (LagStatus::Unknown, 1),
        "one that has read everything does not hide it"
    );
    assert!(
        both.reason.contains("5 past the end of orders/0"),
        "{}",
        both.reason
    );
    assert!(
        both.partitions[0]
            .reason
            .starts_with("its commit is 5 past the end"),
        "{}",
        both.partitions[0].reason
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn one_that_commits_is_never_called_stalled(
        commit_s in 2_i64..=300,
        phase in 0_i64..100,
        jitter in 0_i64..40,
        left in 1_i64..20_000,
        grows in 0_i64..2_000,
        written_per_second in 1_i64..1_000,
        held in any::<bool>(),
    ) {
        let commit_ms = commit_s * 1_000;
        let pace = Pace {
            commit_ms,
            jitter_ms: commit_ms * jitter / 100,
            phase_ms: commit_ms * phase / 100,
            written_per_second,
            left: left + 60,
            grows,
            // Of one that is no member, and of which nothing was seen yet, no more is known than that it is silent.
            held: held || commit_ms > 60_000,
        };
        for (at_ms, status) in statuses(pace, 14, i64::MAX) {
            prop_assert!(!matches!(status, LagStatus::Stall | LagStatus::Stop), "{status:?} at {at_ms}");
        }
    }
}
