//! All groups of the sandbox: who joins, syncs, leaves and commits where, on top of what one [`Group`] does.
//!
//! Invariants: there are at most `groups_max` groups with `group_members_max` members each; a group that has neither
//! members nor offsets is forgotten. Times are passed in.

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use tokio::sync::oneshot;

use super::SandboxLimits;
use super::group::{Group, Join, Joined, Member, State, Synced};

/// How a join changes the group.
enum Change {
    New,
    Other,
    Same,
}

/// All groups of the sandbox.
#[derive(Debug)]
pub struct Groups {
    groups: BTreeMap<String, Group>,
    limits: SandboxLimits,
    member_ids: u64,
}

impl Groups {
    pub fn new(limits: SandboxLimits) -> Self {
        Self {
            groups: BTreeMap::new(),
            limits,
            member_ids: 0,
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (&String, &Group)> {
        self.groups.iter()
    }

    pub fn get(&self, group_id: &str) -> Option<&Group> {
        self.groups.get(group_id)
    }

    pub fn get_mut(&mut self, group_id: &str) -> Option<&mut Group> {
        self.groups.get_mut(group_id)
    }

    /// The group, made when there is none and room for it.
    pub fn get_or_create(&mut self, group_id: &str) -> Result<&mut Group, ResponseError> {
        if group_id.is_empty() {
            return Err(ResponseError::InvalidGroupId);
        }
        if !self.groups.contains_key(group_id) && self.groups.len() >= self.limits.groups_max {
            return Err(ResponseError::PolicyViolation);
        }
        Ok(self.groups.entry(group_id.to_owned()).or_insert_with(Group::new))
    }

    /// Joins a member; the answer comes when the generation begins, or at once when it is refused.
    pub fn join(&mut self, join: Join, now: Instant) -> oneshot::Receiver<Joined> {
        let (reply, answer) = oneshot::channel();
        let asked_as = join.member_id.clone();
        let (member_id, change) = match self.admit(&join, now) {
            Ok(admitted) => admitted,
            Err((error, id)) => {
                let _ = reply.send(Joined::refused(error, id.unwrap_or(asked_as)));
                return answer;
            }
        };
        let Some(group) = self.groups.get_mut(&join.group_id) else {
            return answer;
        };
        let repeat = match (group.state, &change) {
            (State::CompletingRebalance, Change::Same) => true,
            (State::Stable, Change::Same) => group.leader != member_id,
            _ => false,
        };
        if repeat {
            let _ = reply.send(group.joined(&member_id));
            return answer;
        }
        if group.state != State::PreparingRebalance {
            group.prepare_rebalance(now);
        }
        if let Some(member) = group.members.get_mut(&member_id) {
            member.joining = Some(reply);
        }
        group.complete_if_all_joined(now);
        answer
    }

    /// Puts the member into the group, or says why not and which id it has.
    fn admit(
        &mut self,
        join: &Join,
        now: Instant,
    ) -> Result<(String, Change), (ResponseError, Option<String>)> {
        let members_max = self.limits.group_members_max;
        self.member_ids += 1;
        let new_id = format!("{}-{:08x}", join.client_id, self.member_ids);
        let group = self
            .get_or_create(&join.group_id)
            .map_err(|error| (error, None))?;
        if !group.takes(&join.protocol_type, &join.protocols) {
            return Err((ResponseError::InconsistentGroupProtocol, None));
        }
        let replaced = join
            .instance_id
            .as_ref()
            .filter(|_| join.member_id.is_empty())
            .and_then(|instance| {
                let same = |member: &Member| member.instance_id.as_ref() == Some(instance);
                group
                    .members
                    .iter()
                    .find(|(_, member)| same(member))
                    .map(|(id, _)| id.clone())
            });
        if let Some(old) = replaced.and_then(|old| group.members.remove(&old)) {
            let error = ResponseError::FencedInstanceId;
            if let Some(reply) = old.joining {
                let _ = reply.send(Joined::refused(error, String::new()));
            }
            if let Some(reply) = old.syncing {
                let _ = reply.send(Synced {
                    error: error.code(),
                    ..Synced::default()
                });
            }
        }
        if let Some(member) = group.members.get_mut(&join.member_id) {
            let change = if member.protocols == join.protocols {
                Change::Same
            } else {
                Change::Other
            };
            member.protocols.clone_from(&join.protocols);
            member.heard = now;
            return Ok((join.member_id.clone(), change));
        }
        if group.members.len() + group.pending.len() >= members_max
            && !group.pending.contains_key(&join.member_id)
        {
            return Err((ResponseError::GroupMaxSizeReached, None));
        }
        let member_id = match join.member_id.as_str() {
            "" if join.id_required && join.instance_id.is_none() => {
                group.pending.insert(new_id.clone(), now + join.session_timeout);
                return Err((ResponseError::MemberIdRequired, Some(new_id)));
            }
            "" => new_id,
            id if group.pending.remove(id).is_some() => id.to_owned(),
            _ => return Err((ResponseError::UnknownMemberId, None)),
        };
        group.protocol_type.clone_from(&join.protocol_type);
        group.members.insert(member_id.clone(), Member::new(join, now));
        Ok((member_id, Change::New))
    }

    /// Takes the leader's assignments and gives each member its own; the answer waits for the leader.
    pub fn sync(
        &mut self,
        group_id: &str,
        member_id: &str,
        generation: i32,
        assignments: Vec<(String, Bytes)>,
        now: Instant,
    ) -> oneshot::Receiver<Synced> {
        let (reply, answer) = oneshot::channel();
        let checked = match self.groups.get_mut(group_id) {
            Some(group) => group.check(member_id, generation, now).map(|()| group),
            None => Err(ResponseError::UnknownMemberId),
        };
        let group = match checked {
            Ok(group) if group.state == State::PreparingRebalance => Err(ResponseError::RebalanceInProgress),
            checked => checked,
        };
        let group = match group {
            Ok(group) => group,
            Err(error) => {
                let _ = reply.send(Synced {
                    error: error.code(),
                    ..Synced::default()
                });
                return answer;
            }
        };
        if let Some(member) = group.members.get_mut(member_id) {
            member.syncing = Some(reply);
        }
        if group.state == State::CompletingRebalance && group.leader == member_id {
            for (id, assignment) in assignments {
                if let Some(member) = group.members.get_mut(&id) {
                    member.assignment = assignment;
                }
            }
            group.state = State::Stable;
            group.deadline = None;
        }
        if group.state == State::Stable {
            for member in group.members.values_mut() {
                let Some(reply) = member.syncing.take() else {
                    continue;
                };
                member.heard = now;
                let _ = reply.send(Synced {
                    error: 0,
                    protocol_type: group.protocol_type.clone(),
                    protocol: group.protocol.clone(),
                    assignment: member.assignment.clone(),
                });
            }
        }
        answer
    }

    pub fn heartbeat(
        &mut self,
        group_id: &str,
        member_id: &str,
        generation: i32,
        now: Instant,
    ) -> Result<(), ResponseError> {
        let group = self
            .groups
            .get_mut(group_id)
            .ok_or(ResponseError::UnknownMemberId)?;
        group.check(member_id, generation, now)?;
        match group.state {
            State::PreparingRebalance => Err(ResponseError::RebalanceInProgress),
            _ => Ok(()),
        }
    }

    /// Takes out one member, by its id or by its instance id.
    pub fn leave(
        &mut self,
        group_id: &str,
        member_id: &str,
        instance_id: Option<&str>,
        now: Instant,
    ) -> Result<(), ResponseError> {
        let group = self
            .groups
            .get_mut(group_id)
            .ok_or(ResponseError::UnknownMemberId)?;
        let by_instance = instance_id.filter(|_| member_id.is_empty()).and_then(|instance| {
            let same = |member: &Member| member.instance_id.as_deref() == Some(instance);
            group
                .members
                .iter()
                .find(|(_, member)| same(member))
                .map(|(id, _)| id.clone())
        });
        let member_id = by_instance.unwrap_or_else(|| member_id.to_owned());
        if group.remove(&member_id, now) {
            Ok(())
        } else {
            Err(ResponseError::UnknownMemberId)
        }
    }

    /// Deletes a group that has no members.
    pub fn delete(&mut self, group_id: &str) -> Result<(), ResponseError> {
        match self.groups.get(group_id) {
            None => Err(ResponseError::GroupIdNotFound),
            Some(group) if group.state != State::Empty => Err(ResponseError::NonEmptyGroup),
            Some(_) => {
                self.groups.remove(group_id);
                Ok(())
            }
        }
    }

    /// Forgets all offsets of a topic that was deleted.
    pub fn forget_topic(&mut self, topic: &str) {
        for group in self.groups.values_mut() {
            group.offsets.retain(|(name, _), _| name != topic);
        }
    }

    /// Gives up members that were not heard of, and groups that nothing is left of.
    pub fn expire(&mut self, now: Instant) {
        for group in self.groups.values_mut() {
            group.expire(now);
        }
        self.groups.retain(|_, group| {
            group.state != State::Empty || !group.offsets.is_empty() || !group.pending.is_empty()
        });
    }
}
