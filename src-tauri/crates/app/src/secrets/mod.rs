//! Secrets: definitions name them (`secret:NAME`), and only what opens a connection sees them.
//!
//! A secret is looked for in the environment (`TAILRACE_SECRET_NAME`, upper case, other signs as `_`), then in an
//! encrypted file in the user's configuration folder. The operating system's keychain is not asked.
//!
//! Invariants: a [`Secret`] is never printed, by `Debug`, `Display` or an error; the file of secrets is never written
//! in the open, and only its owner may read it and its key; no secret is in a definition, a log or an export.

mod file;
mod resolve;
mod secret;

#[cfg(test)]
mod tests;

use std::fmt;

use file::SecretFile;
pub use file::{SECRETS_BYTES_MAX, SECRETS_MAX};
pub use resolve::Resolved;
pub use secret::Secret;
use tailrace_model::{Error, Result};

use crate::workspace::ConfigDir;

/// What a reference begins with.
const PREFIX: &str = "secret:";
/// What the name of a secret's environment variable begins with.
const VARIABLE_PREFIX: &str = "TAILRACE_SECRET_";
/// Characters of a secret's name.
pub const SECRET_NAME_CHARS_MAX: usize = 64;

/// Where a secret comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretFrom {
    Environment,
    File,
}

/// A secret's name and place; never its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretEntry {
    pub name: String,
    pub from: SecretFrom,
}

type Environment = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;
type Random = Box<dyn Fn(&mut [u8]) -> bool + Send + Sync>;

/// Another one after every change of the encrypted file, whoever changed it. Of the environment nothing is told: it stays
/// as it is for as long as the process runs.
pub type SecretsRevision = Option<(std::time::SystemTime, u64)>;

/// Finds and keeps secrets.
pub struct SecretStore {
    file: SecretFile,
    environment: Environment,
}

impl fmt::Debug for SecretStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretStore")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

impl SecretStore {
    /// Of the process's environment and the user's configuration folder. Nothing is read yet.
    pub fn open(config: &ConfigDir) -> Self {
        Self::with(
            config,
            Box::new(|name| std::env::var(name).ok()),
            Box::new(file::system_random),
        )
    }

    /// The same with another environment and another source of randomness (which says whether it filled the bytes).
    pub fn with(config: &ConfigDir, environment: Environment, random: Random) -> Self {
        Self {
            file: SecretFile::new(config.path(), random),
            environment,
        }
    }

    pub fn get(&self, name: &str) -> Result<Secret> {
        check_name(name)?;
        let variable = variable(name);
        if let Some(value) = (self.environment)(&variable) {
            return Ok(Secret::new(value));
        }
        match self.file.read()?.remove(name) {
            Some(value) => Ok(value),
            None => Err(Error::user(
                "unknown_secret",
                format!(
                    "the secret \"{name}\" is not set: run `tailrace secret set {name}`, or set {variable}"
                ),
            )),
        }
    }

    pub fn revision(&self) -> SecretsRevision {
        self.file.revision()
    }

    /// Keeps a secret in the encrypted file.
    pub fn set(&self, name: &str, value: &Secret) -> Result<()> {
        check_name(name)?;
        if value.expose().is_empty() {
            return Err(Error::user(
                "secret_name",
                format!("the secret \"{name}\" is empty: give it a value, or delete it"),
            ));
        }
        self.file.update(|secrets| {
            secrets.insert(name.to_owned(), value.clone());
            true
        })?;
        Ok(())
    }

    /// Says whether it was in the encrypted file; one from the environment is not ours to delete.
    pub fn delete(&self, name: &str) -> Result<bool> {
        check_name(name)?;
        self.file.update(|secrets| secrets.remove(name).is_some())
    }

    /// The names in the encrypted file, in order, and whether the environment has its own value for one.
    pub fn list(&self) -> Result<Vec<SecretEntry>> {
        let names = self.file.read()?.into_keys();
        Ok(names
            .map(|name| {
                let from = match (self.environment)(&variable(&name)) {
                    Some(_) => SecretFrom::Environment,
                    None => SecretFrom::File,
                };
                SecretEntry { name, from }
            })
            .collect())
    }
}

/// The name that a text refers to, if it is a reference: `secret:NAME`. The error is a reference to no possible name.
pub fn reference(text: &str) -> Option<Result<&str>> {
    let name = text.strip_prefix(PREFIX)?;
    Some(check_name(name).map(|()| name))
}

fn check_name(name: &str) -> Result<()> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if !name.is_empty() && name.len() <= SECRET_NAME_CHARS_MAX && name.chars().all(legal) {
        return Ok(());
    }
    // What stands there may be a secret written by mistake: it is not repeated.
    Err(Error::user(
        "secret_name",
        format!(
            "the name of a secret is 1 to {SECRET_NAME_CHARS_MAX} letters, digits, '_', '-' and '.': write \"secret:NAME\""
        ),
    ))
}

fn variable(name: &str) -> String {
    let upper = name.chars().map(|c| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    });
    VARIABLE_PREFIX.chars().chain(upper).collect()
}
