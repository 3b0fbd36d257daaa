//! Revisions: who follows a topic learns that something changed, and asks for what it shows.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use tailrace_model::api::{Revision, Topic};
use tokio::sync::watch;

/// Topics followed at once.
const TOPICS_MAX: usize = 1_024;

/// See the module's text. Only the latest revision of a topic is kept: a slow follower misses none that matter.
#[derive(Debug, Default)]
pub struct Hub {
    topics: Mutex<HashMap<Topic, watch::Sender<Revision>>>,
}

impl Hub {
    fn with<R>(&self, topic: &Topic, act: impl FnOnce(&watch::Sender<Revision>) -> R) -> R {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        if topics.len() >= TOPICS_MAX && !topics.contains_key(topic) {
            topics.retain(|_, sender| sender.receiver_count() > 0);
        }
        let sender = topics.entry(topic.clone()).or_insert_with(|| {
            watch::Sender::new(Revision {
                revision: 0,
                total: 0,
            })
        });
        act(sender)
    }

    /// Tells the followers that the topic changed and what it counts now.
    pub fn publish(&self, topic: &Topic, total: u64) {
        self.with(topic, |sender| {
            sender.send_modify(|last| {
                *last = Revision {
                    revision: last.revision + 1,
                    total,
                }
            });
        });
    }

    /// Adds to what the topic counts.
    pub fn add(&self, topic: &Topic, more: u64) {
        self.with(topic, |sender| {
            sender.send_modify(|last| {
                *last = Revision {
                    revision: last.revision + 1,
                    total: last.total + more,
                };
            });
        });
    }

    /// Follows a topic from now on; the current revision counts as new.
    pub fn follow(&self, topic: &Topic) -> watch::Receiver<Revision> {
        self.with(topic, |sender| {
            let mut receiver = sender.subscribe();
            receiver.mark_changed();
            receiver
        })
    }

    /// Forgets a topic that will not change again.
    pub fn close(&self, topic: &Topic) {
        self.topics
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(topic);
    }
}
