//! A set of members with its history: who is in, since when, and what the last evaluation changed.
//!
//! Invariant: members are kept in ascending order of their ids, each with the time of the evaluation that they entered
//! by; who leaves and comes back starts anew.

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
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        self.entered.is_empty() && self.exited.is_empty()
    }
}

/// See the module's text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Membership {
    members: Vec<MemberSince>,
}

impl Membership {
    /// As it was persisted, in any order. Of an id that is there twice the earlier time counts.
    pub fn restore(mut members: Vec<MemberSince>) -> Self {
        members.sort_by_key(|member| (member.profile_id, member.since_ms));
        members.dedup_by_key(|member| member.profile_id);
        Self { members }
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
    /// [`super::members`] returns them.
    pub fn apply(&mut self, ids: &[i64], t_ms: i64) -> Changes {
        let mut changes = Changes::default();
        let mut next = Vec::with_capacity(ids.len());
        let mut old = self.members.iter().peekable();
        for &profile_id in ids {
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
        self.members = next;
        changes
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
            let changes = membership.apply(ids, t_ms);
            assert_eq!(
                changes,
                Changes {
                    entered: entered.to_vec(),
                    exited: exited.to_vec()
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
