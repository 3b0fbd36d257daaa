//! Putting secrets in the place of their references, and taking them out of what others say.

use std::{collections::BTreeMap, fmt};

use serde_json::{Map, Value};
use tailrace_model::{Error, Result};

use super::{Secret, SecretStore, reference};

/// Shorter secrets are not searched for in texts: they would be found everywhere.
const REDACT_CHARS_MIN: usize = 4;

/// Settings with their secrets in place. Never printed.
#[derive(Clone)]
pub struct Resolved<T> {
    value: T,
    secrets: Vec<Secret>,
}

impl<T> Resolved<T> {
    pub fn expose(&self) -> &T {
        &self.value
    }

    pub fn into_inner(self) -> T {
        self.value
    }

    /// A text of another system without the secrets: an address in a driver's error may hold one.
    pub fn redact(&self, text: &str) -> String {
        let long = self
            .secrets
            .iter()
            .map(Secret::expose)
            .filter(|secret| secret.len() >= REDACT_CHARS_MIN);
        long.fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }

    pub fn redact_error(&self, mut error: Error) -> Error {
        error.message = self.redact(&error.message);
        error
    }
}

impl<T> fmt::Debug for Resolved<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolved(***)")
    }
}

impl SecretStore {
    /// A cluster's properties. An error says which property asks for the secret.
    pub fn resolve_properties(
        &self,
        properties: &BTreeMap<String, String>,
    ) -> Result<Resolved<BTreeMap<String, String>>> {
        let mut secrets = Vec::new();
        let mut value = BTreeMap::new();
        for (name, text) in properties {
            let text = self
                .resolve_text(text, &mut secrets)
                .map_err(|error| error.context(name))?;
            value.insert(name.clone(), text);
        }
        Ok(Resolved { value, secrets })
    }

    /// A text that may be a reference to a secret. Whoever gets it keeps it out of what is shown.
    pub fn resolve_one(&self, text: &str) -> Result<String> {
        self.resolve_text(text, &mut Vec::new())
    }

    /// A destination's settings, at any depth. An error says which key asks for the secret.
    pub fn resolve_settings(&self, settings: &Map<String, Value>) -> Result<Resolved<Map<String, Value>>> {
        let mut secrets = Vec::new();
        let value = self.resolve_map(settings, "settings", &mut secrets)?;
        Ok(Resolved { value, secrets })
    }

    fn resolve_map(
        &self,
        map: &Map<String, Value>,
        path: &str,
        secrets: &mut Vec<Secret>,
    ) -> Result<Map<String, Value>> {
        map.iter()
            .map(|(key, value)| {
                Ok((
                    key.clone(),
                    self.resolve_value(value, &format!("{path}.{key}"), secrets)?,
                ))
            })
            .collect()
    }

    fn resolve_value(&self, value: &Value, path: &str, secrets: &mut Vec<Secret>) -> Result<Value> {
        Ok(match value {
            Value::String(text) => Value::String(
                self.resolve_text(text, secrets)
                    .map_err(|error| error.context(path))?,
            ),
            Value::Array(values) => {
                let each = values.iter().enumerate();
                let resolved: Result<Vec<Value>> = each
                    .map(|(index, value)| self.resolve_value(value, &format!("{path}[{index}]"), secrets))
                    .collect();
                Value::Array(resolved?)
            }
            Value::Object(map) => Value::Object(self.resolve_map(map, path, secrets)?),
            other => other.clone(),
        })
    }

    fn resolve_text(&self, text: &str, secrets: &mut Vec<Secret>) -> Result<String> {
        match reference(text) {
            None => Ok(text.to_owned()),
            Some(name) => {
                let secret = self.get(name?)?;
                let value = secret.expose().to_owned();
                secrets.push(secret);
                Ok(value)
            }
        }
    }
}
