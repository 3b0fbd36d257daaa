//! Records of the topics that Kafka keeps for itself, in its published binary schemas: `__consumer_offsets` and
//! `__transaction_state`.
//!
//! A key says by its first number which kind of record it is; of a value that number is the version of the kind that its
//! key names. So a value is read with its key; without one it is tried as the kinds that are most of such a topic.
//!
//! Invariants: no bytes make it panic; a value is JSON only when all of its bytes were read; fields of versions that are
//! newer than those known here are refused, never guessed.

mod decode;
mod schemas;
#[cfg(test)]
mod tests;

use super::{
    format::Format,
    write::{Input, Out, Result, Wrong},
};
use schemas::{GROUP_KINDS, GROUP_METADATA, KeyKind, OFFSET_COMMIT, TRANSACTION_KINDS};

/// Which topic, and which half of its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Internal {
    OffsetsKey,
    Offsets,
    TransactionsKey,
    Transactions,
}

impl Format {
    /// The formats of keys and values of a topic that Kafka keeps for itself.
    pub fn of_internal_topic(topic: &str) -> Option<(Self, Self)> {
        match topic {
            "__consumer_offsets" => Some((Self::ConsumerOffsetsKey, Self::ConsumerOffsets)),
            "__transaction_state" => Some((Self::TransactionStateKey, Self::TransactionState)),
            _ => None,
        }
    }
}

impl Internal {
    fn kinds(self) -> &'static [KeyKind] {
        match self {
            Self::OffsetsKey | Self::Offsets => &GROUP_KINDS,
            Self::TransactionsKey | Self::Transactions => &TRANSACTION_KINDS,
        }
    }

    fn kind(self, bytes: &[u8]) -> Result<&'static KeyKind> {
        let number = i16::from_be_bytes(Input::new(bytes).array()?);
        self.kinds()
            .iter()
            .find(|kind| kind.number == number)
            .ok_or_else(|| Wrong::at(format!("kind {number} of a record is not known"), 0))
    }

    /// `key` is that of the record, where `bytes` are its value.
    pub fn decode(self, key: Option<&[u8]>, bytes: &[u8], out: &mut Out) -> Result {
        match (self, key) {
            (Self::OffsetsKey | Self::TransactionsKey, _) => {
                let kind = self.kind(bytes)?;
                decode::key(kind, bytes, out)
            }
            (Self::Transactions, None) => {
                let kind = TRANSACTION_KINDS.first().ok_or_else(no_key)?;
                decode::value(kind, bytes, out)
            }
            (_, Some(key)) => decode::value(self.kind(key)?, bytes, out),
            (Self::Offsets, None) => {
                let before = out.len();
                for number in [OFFSET_COMMIT, GROUP_METADATA] {
                    let kind = GROUP_KINDS.iter().find(|kind| kind.number == number);
                    if let Some(kind) = kind
                        && decode::value(kind, bytes, out).is_ok()
                    {
                        return Ok(());
                    }
                    out.truncate(before);
                }
                Err(no_key())
            }
        }
    }
}

fn no_key() -> Wrong {
    Wrong::new("only its key tells what it is")
}
