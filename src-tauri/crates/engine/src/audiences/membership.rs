//! A set of members with its history: who is in, since when, and what the last evaluation changed.
//!
//! Invariant: members are kept in ascending order of their ids, each with the time of the evaluation that they entered
//! by; who leaves and comes back starts anew; a merge of profiles is neither an exit nor an entry.

use std::sync::Arc;

/// A member and since when it is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MemberSince {
    pub profile_id: i64,
    pub since_ms: i64,
}

/// What an evaluation changed, each in ascending order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    pub entered: Vec<i64>,
    pub exited: Vec<i64>,
    /// Members whose profile was merged since, each with the one that it was merged into, which is a member since the
    /// earlier of their times. Neither entered nor exited by that.
    pub merged: Vec<(i64, MemberSince)>,
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        self.entered.is_empty() && self.exited.is_empty()
    }
}

/// See the module's text. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Membership {
    members: Arc<Vec<MemberSince>>,
}

impl Membership {
    /// As it was persisted, in any order. Of an id that is there twice the earlier time counts.
    pub fn restore(mut members: Vec<MemberSince>) -> Self {
        members.sort_by_key(|member| (member.profile_id, member.since_ms));
        members.dedup_by_key(|member| member.profile_id);
        Self {
            members: Arc::new(members),
        }
    }

    pub fn members(&self) -> &[MemberSince] {
        &self.members
    }

    pub fn ids(&self) -> Vec<i64> {
        self.members.iter().map(|member| member.profile_id).collect()
    }

    pub fn len(&self) -> usize {
        self.members.len()
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub fn since_ms(&self, profile_id: i64) -> Option<i64> {
        let at = self
            .members
            .binary_search_by_key(&profile_id, |member| member.profile_id)
            .ok()?;
        self.members.get(at).map(|member| member.since_ms)
    }

    /// Takes over what was evaluated at `t_ms`, and says who entered and exited. `ids` ascend, without duplicates, as
    /// [`super::members`] returns them. `canonical` tells the profile that a profile belongs to by now, at the evaluation
    /// or later: members of before and of now are those.
    pub fn apply(&mut self, ids: &[i64], t_ms: i64, canonical: impl Fn(i64) -> i64) -> Changes {
        let mut changes = Changes::default();
        let before = self.merge(&canonical, &mut changes);
        let mut ids: Vec<i64> = ids.iter().map(|id| canonical(*id)).collect();
        if !ids.is_sorted_by(|a, b| a < b) {
            ids.sort_unstable();
            ids.dedup();
        }
        let mut next = Vec::with_capacity(ids.len());
        let mut old = before.members.iter().peekable();
        for profile_id in ids {
            while let Some(gone) = old.next_if(|member| member.profile_id < profile_id) {
                changes.exited.push(gone.profile_id);
            }
            match old.next_if(|member| member.profile_id == profile_id) {
                Some(stayed) => next.push(*stayed),
                None => {
                    changes.entered.push(profile_id);
                    next.push(MemberSince {
                        profile_id,
                        since_ms: t_ms,
                    });
                }
            }
        }
        changes.exited.extend(old.map(|member| member.profile_id));
        *self = match changes.is_empty() {
            true => before,
            false => Self {
                members: Arc::new(next),
            },
        };
        changes
    }

    /// The same members by the profiles that they belong to by now.
    fn merge(&self, canonical: impl Fn(i64) -> i64, changes: &mut Changes) -> Self {
        let gone = |member: &&MemberSince| canonical(member.profile_id) != member.profile_id;
        let merged: Vec<i64> = self
            .members
            .iter()
            .filter(gone)
            .map(|member| member.profile_id)
            .collect();
        if merged.is_empty() {
            return self.clone();
        }
        let moved = self.members.iter().map(|member| MemberSince {
            profile_id: canonical(member.profile_id),
            ..*member
        });
        let after = Self::restore(moved.collect());
        for id in merged {
            let profile_id = canonical(id);
            if let Some(since_ms) = after.since_ms(profile_id) {
                changes.merged.push((id, MemberSince { profile_id, since_ms }));
            }
        }
        after
    }
}

/// How many of `new` are not in `old`, and how many of `old` are not in `new`. Both ascend.
pub(crate) fn difference(old: &[i64], new: &[i64]) -> (u64, u64) {
    let missing = |from: &[i64], within: &[i64]| {
        from.iter().filter(|id| within.binary_search(id).is_err()).count() as u64
    };
    (missing(new, old), missing(old, new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_enter_stay_and_exit() {
        let mut membership = Membership::default();
        let check = |membership: &mut Membership, ids: &[i64], t_ms, entered: &[i64], exited: &[i64]| {
            let changes = membership.apply(ids, t_ms, |id| id);
            assert_eq!(
                changes,
                Changes {
                    entered: entered.to_vec(),
                    exited: exited.to_vec(),
                    merged: Vec::new(),
                }
            );
            assert_eq!(membership.ids(), ids);
        };
        check(&mut membership, &[1, 3, 5], 10, &[1, 3, 5], &[]);
        check(&mut membership, &[1, 3, 5], 15, &[], &[]);
        check(&mut membership, &[2, 3, 9], 20, &[2, 9], &[1, 5]);
        check(&mut membership, &[1, 2], 30, &[1], &[3, 9]);
        assert_eq!(membership.since_ms(2), Some(20));
        assert_eq!(
            membership.since_ms(1),
            Some(30),
            "it came back, and is a member since then"
        );
        assert_eq!(membership.since_ms(3), None);
        check(&mut membership, &[], 40, &[], &[1, 2]);
    }

    #[test]
    fn a_merge_is_neither_an_exit_nor_an_entry() {
        let member = |profile_id, since_ms| MemberSince { profile_id, since_ms };
        let before = Membership::restore(vec![member(2, 20), member(3, 30), member(5, 10), member(6, 5)]);
        // 5 was merged into 2, which stays, and 6 into 4, which was no member by itself.
        let canonical = |id| match id {
            5 => 2,
            6 => 4,
            other => other,
        };
        let check = |ids: &[i64], entered: &[i64], exited: &[i64], members: &[MemberSince]| {
            let mut membership = before.clone();
            let changes = membership.apply(ids, 40, canonical);
            let merged = vec![(5, member(2, 10)), (6, member(4, 5))];
            let (entered, exited) = (entered.to_vec(), exited.to_vec());
            assert_eq!(
                changes,
                Changes {
                    entered,
                    exited,
                    merged
                }
            );
            assert_eq!(membership.members(), members);
        };
        let stayed = [member(2, 10), member(3, 30), member(4, 5)];
        check(&[2, 3, 4], &[], &[], &stayed);
        // What was evaluated before the merge and is taken over after it.
        check(&[2, 3, 5, 6], &[], &[], &stayed);
        check(
            &[3, 4, 9],
            &[9],
            &[2],
            &[member(3, 30), member(4, 5), member(9, 40)],
        );
    }

    #[test]
    fn a_clone_shares_its_members_until_they_change() {
        let mut membership = Membership::default();
        membership.apply(&[1, 2], 10, |id| id);
        let shown = membership.clone();
        membership.apply(&[1, 2], 20, |id| id);
        assert!(Arc::ptr_eq(&shown.members, &membership.members));
        membership.apply(&[1], 30, |id| id);
        assert_eq!((shown.len(), membership.len()), (2, 1));
    }

    #[test]
    fn restoring_sorts_and_keeps_the_earlier_time() {
        let member = |profile_id, since_ms| MemberSince { profile_id, since_ms };
        let restored = Membership::restore(vec![member(5, 2), member(1, 9), member(5, 1)]);
        assert_eq!(restored.members(), [member(1, 9), member(5, 1)]);
    }

    #[test]
    fn differences_are_counted() {
        assert_eq!(difference(&[1, 2, 3], &[2, 4]), (1, 2));
        assert_eq!(difference(&[], &[1]), (1, 0));
    }
}
