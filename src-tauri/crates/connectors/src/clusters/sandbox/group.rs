//! A classic consumer group: the state machine, with no protocol and no clock of its own.
//!
//! ```text
//! Empty -> PreparingRebalance -> CompletingRebalance -> Stable
//!              ^  (all joined)       (leader synced)     |
//!              +------ a member joins, leaves or expires +
//! ```
//!
//! Invariants: a generation has one leader, one protocol that every member supports, and the members that joined it.
//! A member that waits for a join or a sync does not expire; one that does not wait expires when nothing was heard of
//! it for its session timeout. Every waiting member gets exactly one answer: a dropped answer means that the group was
//! deleted or that the member asked again. Times are passed in.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use tokio::sync::oneshot;

/// The state of a group, named as Kafka names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Empty,
    PreparingRebalance,
    CompletingRebalance,
    Stable,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            State::Empty => "Empty",
            State::PreparingRebalance => "PreparingRebalance",
            State::CompletingRebalance => "CompletingRebalance",
            State::Stable => "Stable",
        }
    }
}

/// What a member asks when it joins.
#[derive(Debug, Clone)]
pub struct Join {
    pub group_id: String,
    /// Empty when the member has none yet.
    pub member_id: String,
    /// Set for static members, which keep their place when they restart (KIP-345).
    pub instance_id: Option<String>,
    pub client_id: String,
    pub client_host: String,
    pub session_timeout: Duration,
    pub rebalance_timeout: Duration,
    pub protocol_type: String,
    /// Name and metadata, the most wanted first.
    pub protocols: Vec<(String, Bytes)>,
    /// Whether a new member gets an id first and joins with it (KIP-394).
    pub id_required: bool,
}

/// The answer to a join.
#[derive(Debug, Clone, Default)]
pub struct Joined {
    pub error: i16,
    pub generation: i32,
    pub protocol_type: String,
    pub protocol: String,
    pub leader: String,
    pub member_id: String,
    /// Member id, instance id and metadata of all members; only the leader is told.
    pub members: Vec<(String, Option<String>, Bytes)>,
}

impl Joined {
    pub fn refused(error: ResponseError, member_id: String) -> Self {
        Self {
            error: error.code(),
            generation: -1,
            member_id,
            ..Self::default()
        }
    }
}

/// The answer to a sync.
#[derive(Debug, Clone, Default)]
pub struct Synced {
    pub error: i16,
    pub protocol_type: String,
    pub protocol: String,
    pub assignment: Bytes,
}

#[derive(Debug)]
pub struct Member {
    pub instance_id: Option<String>,
    pub client_id: String,
    pub client_host: String,
    pub protocols: Vec<(String, Bytes)>,
    pub assignment: Bytes,
    session_timeout: Duration,
    rebalance_timeout: Duration,
    pub heard: Instant,
    pub joining: Option<oneshot::Sender<Joined>>,
    pub syncing: Option<oneshot::Sender<Synced>>,
}

impl Member {
    pub fn new(join: &Join, now: Instant) -> Self {
        Self {
            instance_id: join.instance_id.clone(),
            client_id: join.client_id.clone(),
            client_host: join.client_host.clone(),
            protocols: join.protocols.clone(),
            assignment: Bytes::new(),
            session_timeout: join.session_timeout,
            rebalance_timeout: join.rebalance_timeout,
            heard: now,
            joining: None,
            syncing: None,
        }
    }

    fn waits(&self) -> bool {
        self.joining.is_some() || self.syncing.is_some()
    }

    pub fn metadata(&self, protocol: &str) -> Bytes {
        let found = self.protocols.iter().find(|(name, _)| name == protocol);
        found.map(|(_, metadata)| metadata.clone()).unwrap_or_default()
    }
}

/// A committed offset.
#[derive(Debug, Clone)]
pub struct Committed {
    pub offset: i64,
    pub leader_epoch: i32,
    pub metadata: String,
}

#[derive(Debug)]
pub struct Group {
    pub state: State,
    pub generation: i32,
    pub protocol_type: String,
    pub protocol: String,
    pub members: BTreeMap<String, Member>,
    /// By topic and partition.
    pub offsets: BTreeMap<(String, i32), Committed>,
    pub leader: String,
    /// Members that were given an id and have not joined with it yet, with the time at which they are given up.
    pub pending: BTreeMap<String, Instant>,
    /// When the members that are waited for are given up (`PreparingRebalance` and `CompletingRebalance`).
    pub deadline: Option<Instant>,
}

impl Group {
    pub fn new() -> Self {
        Self {
            state: State::Empty,
            generation: 0,
            protocol_type: String::new(),
            protocol: String::new(),
            members: BTreeMap::new(),
            offsets: BTreeMap::new(),
            leader: String::new(),
            pending: BTreeMap::new(),
            deadline: None,
        }
    }

    /// Whether a member with these protocols fits the members that are there.
    pub fn takes(&self, protocol_type: &str, protocols: &[(String, Bytes)]) -> bool {
        if protocol_type.is_empty() || protocols.is_empty() {
            return false;
        }
        let supported = |name: &str| {
            self.members
                .values()
                .all(|member| member.protocols.iter().any(|(other, _)| other == name))
        };
        self.members.is_empty()
            || (self.protocol_type == protocol_type && protocols.iter().any(|(name, _)| supported(name)))
    }

    /// Checks that `member_id` is a member of `generation`, and notes that it was heard of.
    pub fn check(&mut self, member_id: &str, generation: i32, now: Instant) -> Result<(), ResponseError> {
        let current = self.generation;
        let member = self
            .members
            .get_mut(member_id)
            .ok_or(ResponseError::UnknownMemberId)?;
        if generation != current {
            return Err(ResponseError::IllegalGeneration);
        }
        member.heard = now;
        Ok(())
    }

    fn rebalance_timeout(&self) -> Duration {
        self.members
            .values()
            .map(|member| member.rebalance_timeout)
            .max()
            .unwrap_or_default()
    }

    pub fn prepare_rebalance(&mut self, now: Instant) {
        for member in self.members.values_mut() {
            if let Some(reply) = member.syncing.take() {
                let error = ResponseError::RebalanceInProgress.code();
                let _ = reply.send(Synced {
                    error,
                    ..Synced::default()
                });
                member.heard = now;
            }
            member.assignment = Bytes::new();
        }
        self.state = State::PreparingRebalance;
        self.deadline = Some(now + self.rebalance_timeout());
    }

    /// Begins the next generation once every member that is waited for has joined.
    pub fn complete_if_all_joined(&mut self, now: Instant) {
        let all = self.pending.is_empty() && self.members.values().all(|member| member.joining.is_some());
        if self.state == State::PreparingRebalance && all {
            self.complete_join(now);
        }
    }

    /// Begins the next generation with the members that have joined; the others are out.
    fn complete_join(&mut self, now: Instant) {
        self.members.retain(|_, member| member.joining.is_some());
        self.pending.clear();
        self.generation += 1;
        if self.members.is_empty() {
            self.state = State::Empty;
            self.protocol.clear();
            self.leader.clear();
            self.deadline = None;
            return;
        }
        self.protocol = self.vote();
        if !self.members.contains_key(&self.leader) {
            self.leader = self.members.keys().next().cloned().unwrap_or_default();
        }
        self.state = State::CompletingRebalance;
        self.deadline = Some(now + self.rebalance_timeout());
        let ids: Vec<_> = self.members.keys().cloned().collect();
        for id in ids {
            let joined = self.joined(&id);
            let Some(member) = self.members.get_mut(&id) else {
                continue;
            };
            member.heard = now;
            if let Some(reply) = member.joining.take() {
                let _ = reply.send(joined);
            }
        }
    }

    /// The protocol that most members want most, among those that all support.
    fn vote(&self) -> String {
        let supported = |name: &str| {
            self.members
                .values()
                .all(|member| member.protocols.iter().any(|(other, _)| other == name))
        };
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members.values() {
            if let Some((name, _)) = member.protocols.iter().find(|(name, _)| supported(name)) {
                *votes.entry(name).or_default() += 1;
            }
        }
        votes
            .into_iter()
            .max_by_key(|(_, votes)| *votes)
            .map(|(name, _)| name.to_owned())
            .unwrap_or_default()
    }

    /// What a member of the current generation is told about it.
    pub fn joined(&self, member_id: &str) -> Joined {
        let described = |(id, member): (&String, &Member)| {
            (
                id.clone(),
                member.instance_id.clone(),
                member.metadata(&self.protocol),
            )
        };
        let is_leader = member_id == self.leader;
        Joined {
            error: 0,
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            member_id: member_id.to_owned(),
            members: if is_leader {
                self.members.iter().map(described).collect()
            } else {
                Vec::new()
            },
        }
    }

    /// Takes a member out and rebalances those that stay.
    pub fn remove(&mut self, member_id: &str, now: Instant) -> bool {
        let removed = self.members.remove(member_id).is_some() | self.pending.remove(member_id).is_some();
        if removed {
            self.after_removal(now);
        }
        removed
    }

    fn after_removal(&mut self, now: Instant) {
        if matches!(self.state, State::Stable | State::CompletingRebalance) {
            self.prepare_rebalance(now);
        }
        self.complete_if_all_joined(now);
    }

    pub fn expire(&mut self, now: Instant) {
        let before = self.members.len() + self.pending.len();
        self.pending.retain(|_, until| *until > now);
        self.members
            .retain(|_, member| member.waits() || member.heard + member.session_timeout > now);
        if self.members.len() + self.pending.len() < before {
            self.after_removal(now);
        }
        if self.deadline.is_none_or(|deadline| deadline > now) {
            return;
        }
        match self.state {
            State::PreparingRebalance => self.complete_join(now),
            State::CompletingRebalance => {
                self.members.retain(|_, member| member.syncing.is_some());
                self.prepare_rebalance(now);
                self.complete_if_all_joined(now);
            }
            State::Empty | State::Stable => self.deadline = None,
        }
    }
}
