//! Clusters of the open workspace: a client each, made when first asked for. The sandbox is started by that.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher as _, RandomState},
    sync::{Arc, LazyLock, PoisonError},
    time::SystemTime,
};

use tailrace_connectors::clusters::kafka::{self, KafkaClient, LagSampler};
use tailrace_connectors::clusters::sandbox::{Sandbox, SandboxLimits, run::ShopSettings};
use tailrace_connectors::formats::registry::Registry;
use tailrace_connectors::http::Tls;
use tailrace_model::{ClusterDefinition, ClusterKind, Error, LagSettings, RegistryDefinition, Result};
use tokio::sync::Mutex;

use crate::{
    core::{Stage, now_ms},
    lag::LagState,
    open::OpenWorkspace,
    records,
    secrets::SecretsRevision,
    topics::TopicCache,
};

/// One cluster that was reached for.
pub struct Cluster {
    pub name: String,
    /// What it was made of; everything else in its file is read where it is used, as it is then.
    connection: ClusterDefinition,
    given: std::sync::Mutex<Given>,
    pub client: KafkaClient,
    /// Cluster id, once asked for: positions belong to it, not to the name.
    id: Mutex<Option<String>>,
    /// One sample at a time; it remembers timestamps between samples.
    pub sampler: Mutex<LagSampler>,
    pub lag: std::sync::Mutex<LagState>,
    pub topics: TopicCache,
    sandbox: Mutex<Option<Sandbox>>,
    /// Made anew when its definition has changed.
    registry: std::sync::Mutex<Option<(RegistryDefinition, SecretsRevision, Registry)>>,
}

/// What a client was made of beside its definition: secrets and the contents of files.
#[derive(Debug)]
struct Given {
    seen: Seen,
    /// Of all properties with their secrets, so that they are not kept.
    print: u64,
}

/// What tells without a look at the secrets that they may have changed: the revision of their file, and when the files
/// that properties name were written.
type Seen = (SecretsRevision, Vec<Option<SystemTime>>);

fn seen(open: &OpenWorkspace, definition: &ClusterDefinition) -> Seen {
    let files = FILES.iter().filter_map(|name| definition.properties.get(*name));
    let written = files.map(|place| {
        let found = std::fs::metadata(open.folder().join(place)).ok()?;
        found.modified().ok()
    });
    (open.secrets.revision(), written.collect())
}

fn print(properties: &BTreeMap<String, String>, seen: &Seen) -> u64 {
    static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    KEYS.hash_one((properties, &seen.1))
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Cluster {
    /// The cluster's own id; of one that has none: its name.
    pub async fn id(&self) -> Result<String> {
        let mut id = self.id.lock().await;
        if let Some(id) = id.as_ref() {
            return Ok(id.clone());
        }
        let found = self
            .client
            .overview()
            .await?
            .cluster_id
            .unwrap_or_else(|| self.name.clone());
        *id = Some(found.clone());
        Ok(found)
    }
}

impl Cluster {
    /// Its schema registry as it is defined now.
    pub fn registry(
        &self,
        open: &OpenWorkspace,
        definition: Option<&RegistryDefinition>,
    ) -> Result<Option<Registry>> {
        let Some(definition) = definition else {
            return Ok(None);
        };
        let mut kept = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let secrets = open.secrets.revision();
        let alike = |(of, from, _): &&(RegistryDefinition, SecretsRevision, Registry)| {
            of == definition && *from == secrets
        };
        if let Some((.., registry)) = kept.as_ref().filter(alike) {
            return Ok(Some(registry.clone()));
        }
        let registry = records::registry(open, &self.name, definition)
            .map_err(|error| error.context(format_args!("clusters/{}.toml: [registry]", self.name)))?;
        *kept = Some((definition.clone(), secrets, registry.clone()));
        Ok(Some(registry))
    }
}

/// What decides how a cluster is reached: how it looks, whether it may be changed, how its records are read and how its
/// lag is judged do not.
fn connection(definition: &ClusterDefinition) -> ClusterDefinition {
    ClusterDefinition {
        color: String::new(),
        read_only: false,
        registry: None,
        topics: BTreeMap::new(),
        connect: BTreeMap::new(),
        lag: LagSettings::default(),
        ..definition.clone()
    }
}

/// The clusters reached for so far, by name.
#[derive(Debug, Default)]
pub struct Clusters {
    made: Mutex<HashMap<String, Arc<Cluster>>>,
}

impl Clusters {
    /// The cluster of this name; made anew when it is to be reached in another way than before.
    pub async fn get(&self, open: &OpenWorkspace, name: &str) -> Result<Arc<Cluster>> {
        let definition = connection(open.workspace().definitions.cluster(name)?);
        let mut made = self.made.lock().await;
        let alike =
            |cluster: &&Arc<Cluster>| cluster.connection == definition && !cluster.is_given_other(open);
        if let Some(cluster) = made.get(name).filter(alike) {
            return Ok(Arc::clone(cluster));
        }
        if let Some(before) = made.remove(name) {
            before.stop().await;
        }
        let cluster = Arc::new(make(open, name, definition).await?);
        made.insert(name.to_owned(), Arc::clone(&cluster));
        Ok(cluster)
    }

    /// Lets go of those that the workspace does not define any more. One whose file is broken just now stays.
    pub async fn forget_removed(&self, open: &OpenWorkspace) {
        let mut made = self.made.lock().await;
        let gone: Vec<String> = {
            let workspace = open.workspace();
            let defined = &workspace.definitions.clusters;
            let names = made.keys();
            names
                .filter(|name| !defined.contains_key(*name))
                .cloned()
                .collect()
        };
        for name in gone {
            if let Some(cluster) = made.remove(&name) {
                cluster.stop().await;
            }
        }
    }

    /// Those reached for so far.
    pub async fn made(&self) -> Vec<Arc<Cluster>> {
        self.made.lock().await.values().cloned().collect()
    }

    /// The address of a cluster that has been made.
    pub async fn bootstrap(&self, name: &str) -> Option<String> {
        self.made
            .lock()
            .await
            .get(name)
            .map(|cluster| cluster.client.bootstrap().to_owned())
    }

    /// Stops the clusters that run in this process.
    pub async fn close(&self) {
        for (_, cluster) in self.made.lock().await.drain() {
            cluster.stop().await;
        }
    }
}

impl Cluster {
    /// Whether its secrets or its files are others than when the client was made: a password that was changed, a
    /// certificate that was renewed.
    fn is_given_other(&self, open: &OpenWorkspace) -> bool {
        if self.connection.kind != ClusterKind::Kafka {
            return false;
        }
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = seen(open, &self.connection);
        if given.seen == seen {
            return false;
        }
        // A secret that is gone changes nothing for a client that is connected.
        let Ok(properties) = properties(open, &self.connection) else {
            return false;
        };
        let other = print(&properties, &seen) != given.print;
        given.seen = seen;
        other
    }

    async fn stop(&self) {
        if let Some(sandbox) = self.sandbox.lock().await.take() {
            sandbox.stop().await;
        }
    }
}

/// Refuses what would change a cluster that its definition protects. `so` says what was not done.
pub fn refuse_read_only(open: &OpenWorkspace, cluster: &str, so: &str) -> Result<()> {
    let read_only = open.workspace().definitions.cluster(cluster)?.read_only;
    if !read_only {
        return Ok(());
    }
    Err(Error::user(
        "read_only",
        format!("cluster \"{cluster}\" is read-only (read_only = true in clusters/{cluster}.toml): {so}"),
    ))
}

/// Properties that name a file; in a definition they are relative to the workspace.
pub(crate) const FILES: [&str; 6] = [
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
    "ssl.keystore.location",
    "https.ca.location",
    "sasl.kerberos.keytab",
];

/// Files of certificates for what is asked over HTTP beside a cluster: its registry, Kafka Connect. Whom the cluster itself
/// trusts is trusted where nothing else is said.
pub(crate) fn tls(
    open: &OpenWorkspace,
    cluster: &str,
    (ca, certificate, key): (&Option<String>, &Option<String>, &Option<String>),
) -> Tls {
    let workspace = open.workspace();
    let definition = workspace.definitions.cluster(cluster).ok();
    let of_cluster = definition.and_then(|it| it.properties.get("ssl.ca.location"));
    let of_cluster = of_cluster.filter(|place| !place.is_empty() && *place != "probe");
    let path = |place: &String| open.folder().join(place);
    Tls {
        ca: ca.as_ref().or(of_cluster).map(path),
        certificate: certificate.as_ref().map(path),
        key: key.as_ref().map(path),
    }
}

/// What librdkafka is given: secrets looked up, files found, the login of `[auth]` added.
pub(crate) fn properties(
    open: &OpenWorkspace,
    definition: &ClusterDefinition,
) -> Result<BTreeMap<String, String>> {
    properties_with(open, definition, BTreeMap::new())
}

/// The same with values that are not in the definition.
pub(crate) fn properties_with(
    open: &OpenWorkspace,
    definition: &ClusterDefinition,
    more: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>> {
    let mut properties = open
        .secrets
        .resolve_properties(&definition.properties)?
        .into_inner();
    properties.extend(more);
    for name in FILES {
        if let Some(place) = properties.get_mut(name)
            && !place.is_empty()
            && place != "probe"
        {
            *place = open.folder().join(place.as_str()).display().to_string();
        }
    }
    kafka::with_auth(properties, definition.auth.as_ref())
}

async fn make(open: &OpenWorkspace, name: &str, connection: ClusterDefinition) -> Result<Cluster> {
    let seen = seen(open, &connection);
    let mut properties = properties(open, &connection)?;
    let given = Given {
        print: print(&properties, &seen),
        seen,
    };
    let sandbox = match connection.kind {
        ClusterKind::Kafka => None,
        ClusterKind::Sandbox => {
            let sandbox = start_sandbox(open, &connection).await?;
            properties.insert("bootstrap.servers".to_owned(), sandbox.bootstrap());
            Some(sandbox)
        }
    };
    let client = KafkaClient::new(name, &properties)
        .map_err(|error: Error| error.context(format!("clusters/{name}.toml")))?;
    Ok(Cluster {
        name: name.to_owned(),
        connection,
        given: std::sync::Mutex::new(given),
        sampler: Mutex::new(LagSampler::new(client.clone())?),
        lag: std::sync::Mutex::default(),
        topics: TopicCache::default(),
        id: Mutex::default(),
        client,
        sandbox: Mutex::new(sandbox),
        registry: std::sync::Mutex::default(),
    })
}

/// History before now is made from the newest event that was collected on, so that a workspace opened again goes on
/// where it was.
async fn start_sandbox(open: &OpenWorkspace, definition: &ClusterDefinition) -> Result<Sandbox> {
    let settings = &definition.sandbox;
    let now = now_ms();
    let days_ms = i64::from(settings.history_days) * 86_400_000;
    let from_ms = open.newest_event_ms().unwrap_or(now - days_ms).max(now - days_ms);
    let share = (now - from_ms) as f64 / days_ms.max(1) as f64;
    let sandbox = Sandbox::start(SandboxLimits::default(), open.supervisor.token(Stage::Clusters)).await?;
    let shop = ShopSettings {
        seed: settings.seed,
        people_max: settings.people,
        history_events: (f64::from(settings.history_events) * share) as usize,
        history_from_ms: from_ms,
        events_per_second: f64::from(settings.events_per_second),
        ..ShopSettings::default()
    };
    // Whoever starts at the end begins after the history, not in the midst of it.
    sandbox.start_shop(shop, now_ms).await?.seeded().await?;
    Ok(sandbox)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{OpenOptions, workspace::WORKSPACE_FILE};

    #[tokio::test]
    async fn a_client_is_made_anew_only_when_its_cluster_is_reached_in_another_way() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(WORKSPACE_FILE), "name = \"test\"\n").unwrap();
        std::fs::create_dir(folder.path().join("clusters")).unwrap();
        let first = "kind = \"kafka\"\n[properties]\n\"bootstrap.servers\" = \"127.0.0.1:1\"\n";
        std::fs::write(folder.path().join("clusters/prod.toml"), first).unwrap();
        let open = OpenWorkspace::open(folder.path().to_owned(), OpenOptions::look())
            .await
            .unwrap();
        let made = open.cluster("prod").await.unwrap();
        let change = async |change: &dyn Fn(&mut ClusterDefinition)| {
            {
                let mut workspace = open.workspace_mut();
                let mut definition = workspace.definitions.cluster("prod").unwrap().clone();
                change(&mut definition);
                workspace.save_cluster("prod", &definition).unwrap();
            }
            open.cluster("prod").await.unwrap()
        };
        let same = change(&|it| {
            it.lag.every = "60 seconds".parse().ok();
            it.color = "#ff0000".to_owned();
            it.read_only = true;
        })
        .await;
        assert!(Arc::ptr_eq(&made, &same), "nothing of how it is reached changed");
        // What the file says now holds for the client that was made before.
        assert_eq!(crate::lag::rules(&open, &same).every_ms, 60_000);
        let refused = refuse_read_only(&open, "prod", "nothing was done").unwrap_err();
        assert_eq!(
            refused.message,
            "cluster \"prod\" is read-only (read_only = true in clusters/prod.toml): nothing was done"
        );
        let other = change(&|it| {
            it.properties.insert("client.id".to_owned(), "other".to_owned());
        })
        .await;
        assert!(!Arc::ptr_eq(&made, &other), "it is reached in another way");
        // A certificate that is renewed in its place is another, and a file that is only looked at is not.
        let certificates = folder.path().join("ca.pem");
        std::fs::write(&certificates, "one").unwrap();
        let with = change(&|it| {
            it.properties
                .insert("ssl.ca.location".to_owned(), "ca.pem".to_owned());
        });
        let with = with.await;
        assert!(Arc::ptr_eq(&with, &open.cluster("prod").await.unwrap()));
        let later = SystemTime::now() + std::time::Duration::from_secs(60);
        std::fs::File::options()
            .append(true)
            .open(&certificates)
            .and_then(|file| file.set_modified(later))
            .unwrap();
        assert!(
            !Arc::ptr_eq(&with, &open.cluster("prod").await.unwrap()),
            "renewed"
        );
        open.close().await;
    }
}
