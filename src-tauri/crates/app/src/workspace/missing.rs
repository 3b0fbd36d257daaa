//! What definitions name and this machine does not have: files of certificates and keys, secrets.
//!
//! They are warnings: a definition that another machine can use is none the worse for it.

use std::path::Path;

use tailrace_model::Error;

use super::{
    definitions::{Definitions, Loaded, Named},
    locate::{Place, places},
    parse::problem,
};
use crate::{
    clusters::FILES,
    secrets::{SecretStore, reference},
};

/// Keys of a registry and of Kafka Connect that name a file.
const FILE_KEYS: [&str; 3] = ["ca", "certificate", "key"];

/// What is named and not there, by file and line.
pub fn missing(definitions: &Definitions, folder: &Path, secrets: &SecretStore) -> Vec<Error> {
    let mut found = Found {
        folder,
        secrets,
        warnings: Vec::new(),
    };
    found.look(&definitions.clusters, true);
    found.look(&definitions.sources, false);
    found.look(&definitions.warehouses, false);
    found.look(&definitions.destinations, false);
    found.look(&definitions.syncs, false);
    found.look(&definitions.alerts, false);
    found.warnings
}

struct Found<'a> {
    folder: &'a Path,
    secrets: &'a SecretStore,
    warnings: Vec<Error>,
}

impl Found<'_> {
    fn look<T>(&mut self, named: &Named<T>, clusters: bool) {
        // What does not parse says so itself.
        for loaded in named.values().filter(|loaded| loaded.value.is_some()) {
            let Ok(document) = toml_edit::Document::parse(loaded.toml.as_str()) else {
                continue;
            };
            for place in places(document.as_table()) {
                self.look_at(loaded, &place, clusters);
            }
        }
    }

    fn look_at<T>(&mut self, loaded: &Loaded<T>, place: &Place, clusters: bool) {
        let written = loaded.toml.get(place.span.clone()).unwrap_or_default();
        let Ok(toml_edit::Value::String(text)) = written.parse::<toml_edit::Value>() else {
            return;
        };
        let text = text.value();
        let said = match reference(text) {
            Some(Ok(name)) => match self.secrets.get(name) {
                Err(error) if error.code == "unknown_secret" => Some(error.message),
                _ => None,
            },
            Some(Err(_)) => None,
            None if clusters && names_file(place) => self.unreadable(&place.key, text),
            None => None,
        };
        if let Some(said) = said {
            let file = loaded.toml_file();
            self.warnings
                .push(problem(&file, &loaded.toml, place.span.start, "missing", &said));
        }
    }

    fn unreadable(&self, key: &str, text: &str) -> Option<String> {
        if text.is_empty() || text == "probe" {
            return None;
        }
        let path = self.folder.join(text);
        // A folder of certificates is one as well.
        if path.is_file() || path.is_dir() && key.ends_with("ca.location") {
            return None;
        }
        let what = match path.exists() {
            true => "is no file",
            false => "is not there",
        };
        Some(format!("{key} names {}, which {what}", path.display()))
    }
}

fn names_file(place: &Place) -> bool {
    match place.path.split('.').next() {
        Some("properties") => FILES.contains(&place.key.as_str()),
        Some("registry" | "connect") => FILE_KEYS.contains(&place.key.as_str()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        secrets::Secret,
        workspace::{ConfigDir, WORKSPACE_FILE, Workspace},
    };

    #[test]
    fn files_and_secrets_that_are_not_there_are_named_with_their_place() {
        let folder = tempfile::tempdir().unwrap();
        let put = |file: &str, text: &str| {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        put(WORKSPACE_FILE, "name = \"test\"\n");
        put("certs/there.pem", "x");
        put(
            "clusters/prod.toml",
            "kind = \"kafka\"\n[properties]\n\"bootstrap.servers\" = \"b:9092\"\n\
             \"ssl.ca.location\" = \"certs/ca.pem\"\n\"ssl.key.location\" = \"certs/there.pem\"\n\
             \"sasl.password\" = \"secret:prod\"\n\"client.id\" = \"certs/nothing.pem\"\n\
             [registry]\nurl = \"https://r\"\nca = \"certs/registry.pem\"\npassword = \"secret:known\"\nuser = \"u\"\n\
             [topics.orders.value]\nformat = \"json\"\n",
        );
        put(
            "destinations/hook.toml",
            "kind = \"webhook\"\n[settings]\nurl = \"https://h\"\n[settings.headers]\nAuthorization = \"secret:hook\"\n",
        );
        let secrets = SecretStore::with(
            &ConfigDir::at(folder.path().join("config")),
            Box::new(|_| None),
            Box::new(|bytes| {
                bytes.fill(7);
                true
            }),
        );
        secrets.set("known", &Secret::new("x".to_owned())).unwrap();
        let workspace = Workspace::open(folder.path()).unwrap();
        let found = missing(&workspace.definitions, folder.path(), &secrets);
        let mut said: Vec<String> = found.into_iter().map(|warning| warning.message).collect();
        said.sort();
        let at = |file: &str| folder.path().join(file).display().to_string();
        assert_eq!(
            said,
            [
                format!(
                    "clusters/prod.toml:10:6: ca names {}, which is not there",
                    at("certs/registry.pem")
                ),
                format!(
                    "clusters/prod.toml:4:21: ssl.ca.location names {}, which is not there",
                    at("certs/ca.pem")
                ),
                "clusters/prod.toml:6:19: the secret \"prod\" is not set: run `tailrace secret set prod`, or set \
                 TAILRACE_SECRET_PROD"
                    .to_owned(),
                "destinations/hook.toml:5:17: the secret \"hook\" is not set: run `tailrace secret set hook`, or set \
                 TAILRACE_SECRET_HOOK"
                    .to_owned(),
            ]
        );
    }
}
