//! Write keys: who may send to which source.

use std::{collections::HashMap, fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose};
use sha2::{Digest, Sha256};

use super::Origins;

/// What a hashed write key begins with in a definition.
pub const KEY_HASH_PREFIX: &str = "sha256:";

/// SHA-256 of a write key. Keys are compared by it, so that how long a comparison takes tells nothing of a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct WriteKeyHash([u8; 32]);

impl fmt::Debug for WriteKeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WriteKeyHash")
    }
}

impl WriteKeyHash {
    pub fn of(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    /// `sha256:` and 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(KEY_HASH_PREFIX)?.as_bytes();
        let mut hash = [0; 32];
        if digits.len() != 2 * hash.len() {
            return None;
        }
        for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |at: usize| char::from(pair[at]).to_digit(16);
            *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
        }
        Some(Self(hash))
    }
}

/// A source that listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listening {
    pub source: Arc<str>,
    pub origins: Origins,
}

/// The sources that listen, by key.
#[derive(Debug, Default)]
pub struct Keys {
    by_hash: HashMap<WriteKeyHash, Arc<Listening>>,
}

impl Keys {
    pub fn new(sources: impl IntoIterator<Item = (WriteKeyHash, Listening)>) -> Self {
        let by_hash = sources.into_iter().map(|(key, source)| (key, Arc::new(source)));
        Self {
            by_hash: by_hash.collect(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.by_hash.is_empty()
    }

    pub fn find(&self, key: &str) -> Option<Arc<Listening>> {
        self.by_hash.get(&WriteKeyHash::of(key)).cloned()
    }

    /// Whether scripts of this page may send to any source. A browser asks before it says with which key.
    pub fn allow(&self, origin: &str) -> bool {
        self.by_hash.values().any(|source| source.origins.allow(origin))
    }
}

/// The key of `Authorization: Basic`, where it is the user and the password is empty.
pub(super) fn basic(header: &str) -> Option<String> {
    let (scheme, encoded) = header.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let encoded = encoded.trim().trim_end_matches('=');
    let decoded = general_purpose::STANDARD_NO_PAD.decode(encoded).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let key = text.split_once(':').map_or(text.as_str(), |(key, _)| key);
    (!key.is_empty()).then(|| key.to_owned())
}
