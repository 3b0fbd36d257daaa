//! A file of another client as a cluster's definition.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use tailrace_connectors::clusters::kafka::import::{Imported, Store, import};
use tailrace_model::{ClusterDefinition, ClusterKind, Error, Result, api::*};

use super::{refuse_existing, save, secret_name};
use crate::{
    OpenWorkspace,
    workspace::{Workspace, reason},
};

/// Files of properties are a few kilobytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Bytes that tell what kind of file it is; PEM may begin with words.
const LOOK_BYTES_MAX: u64 = 64 * 1024;
/// The colour of a cluster that nobody has chosen one for: not that of any other by default.
const COLOR: &str = "#e0a84a";

/// What the file would become. Nothing is written.
pub(crate) fn preview(open: &OpenWorkspace, request: &ImportRequest) -> Result<Import> {
    read(open, request).map(|(told, _)| told)
}

/// Writes what [`preview`] shows.
pub(crate) fn run(open: &Arc<OpenWorkspace>, request: &ImportRequest) -> Result<Import> {
    let (mut told, wanted) = read(open, request)?;
    if let Some(problem) = told.problem {
        return Err(Error::user("import", problem));
    }
    if !told.commands.is_empty() {
        let folder = open.workspace().path("certs");
        std::fs::create_dir_all(&folder).map_err(|error| {
            let why = format!(
                "the folder {} can't be made: {}",
                folder.display(),
                reason(&error)
            );
            Error::user("import", why)
        })?;
    }
    save(open, &wanted)?;
    told.written = true;
    Ok(told)
}

fn read(open: &OpenWorkspace, request: &ImportRequest) -> Result<(Import, ClusterSaveRequest)> {
    let path = std::path::absolute(&request.path).unwrap_or_else(|_| PathBuf::from(&request.path));
    let text = read_file(&path)?;
    let name = match &request.name {
        Some(name) => name.clone(),
        None => name_of(&path),
    };
    let pem = format!("certs/{name}-ca.pem");
    let look = |place: &str| look(open, &path, &pem, place);
    let mut found = import(&text, &pem, &look);
    if found.lines.is_empty() {
        return Err(Error::user(
            "import",
            format!(
                "{} has no settings: name a client.properties or a kcat.conf",
                path.display()
            ),
        ));
    }
    if let Some(servers) = request
        .bootstrap
        .as_deref()
        .filter(|servers| !servers.trim().is_empty())
    {
        found
            .properties
            .insert("bootstrap.servers".to_owned(), servers.trim().to_owned());
    }
    let wanted = ClusterSaveRequest {
        name: name.clone(),
        create: true,
        definition: definition(&found, &name),
        secrets: found.secrets.clone(),
    };
    let problem = match found.properties.contains_key("bootstrap.servers") {
        false => Some(format!(
            "{} names no bootstrap.servers: give them with --bootstrap-servers HOST:PORT",
            path.display()
        )),
        true => Workspace::cluster_text(&name, &wanted.definition)
            .map(drop)
            .and_then(|()| refuse_existing(open, &name))
            .err()
            .map(|error| error.message),
    };
    let names = |properties: &mut dyn Iterator<Item = &String>| -> Vec<String> {
        properties.map(|property| secret_name(&name, property)).collect()
    };
    let told = Import {
        file: format!("clusters/{name}.toml"),
        format: if found.java { "java" } else { "librdkafka" }.to_owned(),
        toml: Workspace::cluster_text(&name, &super::referring(&wanted)).unwrap_or_default(),
        secrets: names(&mut found.secrets.keys()),
        missing_secrets: names(&mut found.missing_secrets.iter()),
        commands: found.commands,
        lines: found.lines,
        name,
        problem,
        written: false,
    };
    Ok((told, wanted))
}

fn definition(found: &Imported, name: &str) -> ClusterDefinition {
    let mut properties: BTreeMap<String, String> = found.properties.clone();
    for property in &found.missing_secrets {
        let secret = secret_name(name, property);
        properties.insert(property.clone(), format!("secret:{secret}"));
    }
    ClusterDefinition {
        kind: ClusterKind::Kafka,
        color: COLOR.to_owned(),
        read_only: false,
        properties,
        auth: found.auth.clone(),
        registry: None,
        topics: BTreeMap::new(),
        sandbox: Default::default(),
    }
}

fn read_file(path: &Path) -> Result<String> {
    let failed = |why: String| Error::user("import", format!("{} can't be read: {why}", path.display()));
    let bytes = read_start(path, FILE_BYTES_MAX + 1).map_err(|error| failed(reason(&error)))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(failed(format!("it is longer than {FILE_BYTES_MAX} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| failed("it is no text".to_owned()))
}

fn read_start(path: &Path, bytes_max: u64) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(bytes_max)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What kind of file a setting names, and where it is: beside the file that names it, unless its path is absolute.
fn look(open: &OpenWorkspace, from: &Path, pem: &str, place: &str) -> (Store, String) {
    let path = match place == pem {
        true => open.workspace().path(pem),
        false => from.parent().unwrap_or(from).join(place),
    };
    let store = read_start(&path, LOOK_BYTES_MAX).map_or(Store::Missing, |bytes| Store::of(&bytes));
    (store, path.display().to_string())
}

/// `prod.client.properties` is `prod`; a name that says nothing gives way to its folder's.
fn name_of(path: &Path) -> String {
    let stem = |path: &Path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let legal = |text: &str| -> String {
        let text: String = text
            .to_lowercase()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .collect();
        text.trim_matches('_').to_owned()
    };
    let own = stem(path).unwrap_or_default();
    let own = own
        .trim_start_matches('.')
        .trim_end_matches(".client")
        .trim_end_matches("-client");
    let said_nothing = [
        "client",
        "kcat",
        "consumer",
        "producer",
        "kafka",
        "config",
        "admin",
        "librdkafka",
        "",
    ];
    let name = match said_nothing.contains(&own) {
        true => legal(&path.parent().and_then(stem).unwrap_or_default()),
        false => legal(own),
    };
    match name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        true => name,
        false => format!("cluster_{name}").trim_end_matches('_').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files() {
        let check = |path: &str, expected: &str| assert_eq!(name_of(Path::new(path)), expected, "{path}");
        check("/a/prod.properties", "prod");
        check("/a/prod.client.properties", "prod");
        check("/a/prod/client.properties", "prod");
        check("/home/me/kcat.conf", "me");
        check("/a/Prod EU.conf", "prod_eu");
        check("/1/client.properties", "cluster_1");
        check("/client.properties", "cluster");
    }
}
