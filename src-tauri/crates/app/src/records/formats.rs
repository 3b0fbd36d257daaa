//! How the records of a topic are read: as its cluster's file says, else as what they turn out to be.
//!
//! Invariants: what is chosen is never overruled by what is found; what was found out from few records is looked at
//! again with more of them, and stays once enough were seen.

use arrow::array::{Array, AsArray, BinaryArray, RecordBatch};
use tailrace_connectors::formats::{
    Format, FormatSettings, Framing, RecordView, Transcoder, Viewed, detect_values,
    registry::{Registry, RegistryAuth, RegistrySettings},
};
use tailrace_model::{
    Error, FormatDefinition, RegistryDefinition, Result, TopicFormats,
    api::{FormatSummary, FormatUsed},
};

use crate::{
    clusters::{self, Cluster},
    open::OpenWorkspace,
};

/// Values after which what was found out stays.
const DETECTED_BY_MIN: usize = 200;
/// For one question to a registry.
const REGISTRY_TIMEOUT_MS: u64 = 10_000;

/// Every format, for whoever chooses one.
pub fn list() -> Vec<FormatSummary> {
    let summary = |format: Format| FormatSummary {
        name: format.name().to_owned(),
        label: format.label().to_owned(),
        schema: matches!(format, Format::Avro | Format::Protobuf),
    };
    Format::ALL.into_iter().map(summary).collect()
}

/// How a topic's records are read, for as long as they are.
#[derive(Debug)]
pub struct TopicView {
    key: Side,
    value: Side,
    registry: Option<Registry>,
    view: RecordView,
}

/// The keys, or the values.
#[derive(Debug)]
struct Side {
    used: Option<FormatUsed>,
    chosen: bool,
    /// Values that were looked at.
    seen: usize,
}

impl TopicView {
    /// What is absent in `asked` is as the cluster's file says of the topic; what is absent there is known of the topics that
    /// Kafka keeps for itself, and found out of all others.
    pub fn new(open: &OpenWorkspace, cluster: &Cluster, topic: &str, asked: &TopicFormats) -> Result<Self> {
        let definition = open.workspace().definitions.cluster(&cluster.name)?.clone();
        let saved = definition.topics.get(topic).cloned().unwrap_or_default();
        let internal = Format::of_internal_topic(topic)
            .map(|(key, value)| (key.name(), value.name()))
            .map(|(key, value)| (FormatDefinition::named(key), FormatDefinition::named(value)));
        let (key, value) = internal.unzip();
        let registry = cluster.registry(open, definition.registry.as_ref())?;
        let mut view = RecordView::default();
        let mut side = |what: &str, definition: Option<&FormatDefinition>| -> Result<Side> {
            let Some(definition) = definition else {
                return Ok(Side::unknown());
            };
            let transcoder = transcoder(open, definition, registry.as_ref()).map_err(|error| {
                error.context(format_args!(
                    "the {what} format of topic \"{topic}\" on cluster \"{}\"",
                    cluster.name
                ))
            })?;
            match what {
                "key" => view.key = transcoder,
                _ => view.value = transcoder,
            }
            Ok(Side {
                used: Some(used(definition, false)?),
                chosen: true,
                seen: 0,
            })
        };
        Ok(Self {
            key: side("key", asked.key.as_ref().or(saved.key.as_ref()).or(key.as_ref()))?,
            value: side(
                "value",
                asked.value.as_ref().or(saved.value.as_ref()).or(value.as_ref()),
            )?,
            registry,
            view,
        })
    }

    /// The batch as it is read, its keys and values JSON or text.
    pub async fn view(&mut self, raw: &RecordBatch, now_ms: i64) -> Result<Viewed> {
        self.find_out(raw)?;
        self.view.prepare(raw, now_ms).await?;
        self.view.view(raw)
    }

    /// The batch as it is collected, where no record may be taken for another than it is: keys and values whose format
    /// the cluster's file says are read by it; of the others, what names a schema of a registry is read by that, and
    /// everything else stays as it is. An error where the registry does not answer: they are no poison, and wait.
    pub async fn view_collected(&mut self, raw: &RecordBatch, now_ms: i64) -> Result<Viewed> {
        for (name, key) in [("_key", true), ("value", false)] {
            let (side, place) = match key {
                true => (&self.key, &mut self.view.key),
                false => (&self.value, &mut self.view.value),
            };
            let bytes = raw
                .column_by_name(name)
                .and_then(|column| column.as_binary_opt::<i32>());
            if !side.chosen && place.is_none() && bytes.is_some_and(any_framed) {
                let settings = FormatSettings::new(Format::Registry);
                *place = Some(Transcoder::new(&settings, self.registry.as_ref())?);
            }
        }
        self.view.prepare(raw, now_ms).await?;
        if let Some(why) = self.view.owed(raw)? {
            return Err(Error::external("no_schema", why));
        }
        let mut viewed = self.view.view(raw)?;
        // What names no schema is as it was, and whoever reads it says what is wrong with it.
        if !self.value.chosen
            && let Some(values) = raw
                .column_by_name("value")
                .and_then(|column| column.as_binary_opt::<i32>())
        {
            viewed
                .problems
                .retain(|problem| is_framed(values.value(problem.row)));
        }
        Ok(viewed)
    }

    pub fn key_format(&self) -> Option<&FormatUsed> {
        self.key.used.as_ref()
    }

    pub fn value_format(&self) -> Option<&FormatUsed> {
        self.value.used.as_ref()
    }

    /// Values are text, whatever is in it.
    pub fn values_are_text(&self) -> bool {
        let text = |used: &FormatUsed| !used.detected && used.definition.format == Format::Text.name();
        self.value.used.as_ref().is_some_and(text)
    }

    /// Keys and values are JSON or text as far as is known: their bytes are what they are compared as.
    pub fn is_plain(&self) -> bool {
        self.view.key.is_none() && self.view.value.is_none()
    }

    /// What was chosen and found out, for another reader of the same records.
    pub fn used(&self) -> TopicFormats {
        let definition = |side: &Side| side.used.as_ref().map(|used| used.definition.clone());
        TopicFormats {
            key: definition(&self.key),
            value: definition(&self.value),
            lateness: None,
        }
    }

    pub fn registry(&self) -> Option<&Registry> {
        self.registry.as_ref()
    }

    /// One value alone decides where nothing was chosen.
    pub(super) fn find_out_one(&mut self, bytes: Option<&[u8]>, key: bool) -> Result<()> {
        let Some(bytes) = bytes else {
            return Ok(());
        };
        self.find_out_side(&BinaryArray::from_vec(vec![bytes]), key)
    }

    pub(super) fn key_transcoder(&mut self) -> Option<&mut Transcoder> {
        self.view.key.as_mut()
    }

    pub(super) fn value_transcoder(&mut self) -> Option<&mut Transcoder> {
        self.view.value.as_mut()
    }

    fn find_out(&mut self, raw: &RecordBatch) -> Result<()> {
        for (name, key) in [("_key", true), ("value", false)] {
            let bytes = raw
                .column_by_name(name)
                .and_then(|column| column.as_binary_opt::<i32>());
            if let Some(bytes) = bytes {
                self.find_out_side(bytes, key)?;
            }
        }
        Ok(())
    }

    fn find_out_side(&mut self, bytes: &BinaryArray, key: bool) -> Result<()> {
        let (side, place) = match key {
            true => (&mut self.key, &mut self.view.key),
            false => (&mut self.value, &mut self.view.value),
        };
        if side.chosen || side.seen >= DETECTED_BY_MIN {
            return Ok(());
        }
        let Some(found) = side.look(bytes) else {
            return Ok(());
        };
        *place = match plain(&found) {
            true => None,
            false => Some(Transcoder::new(&found, self.registry.as_ref())?),
        };
        side.used = Some(used(&definition(&found), true)?);
        Ok(())
    }
}

impl Side {
    fn unknown() -> Self {
        Self {
            used: None,
            chosen: false,
            seen: 0,
        }
    }

    /// What they are, when that differs from what they seemed to be.
    fn look(&mut self, bytes: &BinaryArray) -> Option<FormatSettings> {
        let found = detect_values(bytes)?;
        self.seen += bytes.len() - bytes.null_count();
        let mut settings = FormatSettings::new(found.format);
        settings.framing = Some(found.framing);
        settings.delimiter = found.delimiter.unwrap_or(settings.delimiter);
        let before = self.used.as_ref().map(|used| &used.definition);
        (before != Some(&definition(&settings))).then_some(settings)
    }
}

/// A zero first: no JSON and no text begins so.
fn is_framed(bytes: &[u8]) -> bool {
    bytes.first() == Some(&0)
}

fn any_framed(bytes: &BinaryArray) -> bool {
    bytes.iter().flatten().any(is_framed)
}

/// JSON and text are read as they are.
fn plain(settings: &FormatSettings) -> bool {
    matches!(settings.format, Format::Json | Format::Text)
        && settings.framing.is_none_or(|framing| framing == Framing::Plain)
}

fn transcoder(
    open: &OpenWorkspace,
    definition: &FormatDefinition,
    registry: Option<&Registry>,
) -> Result<Option<Transcoder>> {
    let settings = settings(definition, |file| read(open, file))?;
    Ok(match plain(&settings) {
        true => None,
        false => Some(Transcoder::new(&settings, registry)?),
    })
}

/// What is wrong with a definition, its files included.
pub fn check(open: &OpenWorkspace, definition: &FormatDefinition) -> Result<()> {
    transcoder(open, definition, None).map(|_| ())
}

fn read(open: &OpenWorkspace, file: &str) -> Result<Vec<u8>> {
    let path = open.workspace().path(file);
    std::fs::read(&path).map_err(|error| {
        let why = crate::workspace::reason(&error);
        Error::user(
            "no_schema_file",
            format!("{file} can't be read ({why}): name a file of the workspace"),
        )
        .about(&path)
    })
}

fn settings(definition: &FormatDefinition, read: impl Fn(&str) -> Result<Vec<u8>>) -> Result<FormatSettings> {
    let mut settings = FormatSettings::new(Format::parse(&definition.format)?);
    settings.framing = definition.framing.as_deref().map(Framing::parse).transpose()?;
    settings.message.clone_from(&definition.message);
    settings.header.clone_from(&definition.header);
    if let Some(text) = &definition.delimiter {
        let mut characters = text.chars();
        settings.delimiter = match (characters.next(), characters.next()) {
            (Some(one), None) => one,
            _ => {
                return Err(Error::user(
                    "format_settings",
                    format!("the delimiter {text:?} is not one character: write such as \";\""),
                ));
            }
        };
    }
    if let Some(file) = &definition.descriptor_set {
        settings.descriptor_set = Some(read(file)?);
    }
    if let Some(file) = &definition.schema {
        let text = String::from_utf8(read(file)?).map_err(|_| {
            Error::user(
                "format_settings",
                format!("{file} is no text: a compiled schema is a `descriptor_set`"),
            )
        })?;
        settings.schema = Some(text);
    }
    Ok(settings)
}

fn definition(settings: &FormatSettings) -> FormatDefinition {
    let usual = match settings.format {
        Format::Registry => Framing::Confluent,
        _ => Framing::Plain,
    };
    let mut definition = FormatDefinition::named(settings.format.name());
    definition.framing = settings
        .framing
        .filter(|framing| *framing != usual)
        .map(|framing| framing.name().to_owned());
    definition.delimiter = (settings.format == Format::Csv).then(|| settings.delimiter.to_string());
    definition
}

pub(super) fn used(definition: &FormatDefinition, detected: bool) -> Result<FormatUsed> {
    Ok(FormatUsed {
        label: Format::parse(&definition.format)?.label().to_owned(),
        definition: definition.clone(),
        detected,
    })
}

/// A client of the registry that a cluster names.
pub fn registry(open: &OpenWorkspace, cluster: &str, definition: &RegistryDefinition) -> Result<Registry> {
    let secret = |name: &str, text: &Option<String>| {
        let text = text.as_deref().unwrap_or_default();
        open.secrets
            .resolve_one(text)
            .map_err(|error| error.context(name))
    };
    let auth = match (&definition.user, &definition.token) {
        (Some(user), None) => RegistryAuth::Basic {
            user: user.clone(),
            password: secret("password", &definition.password)?,
        },
        (None, Some(_)) => RegistryAuth::Bearer {
            token: secret("token", &definition.token)?,
        },
        (None, None) => RegistryAuth::None,
        (Some(_), Some(_)) => {
            return Err(Error::user(
                "registry_settings",
                "a schema registry takes a user with a password, or a token: leave one of them out",
            ));
        }
    };
    Registry::new(&RegistrySettings {
        url: definition.url.clone(),
        auth,
        tls: clusters::tls(
            open,
            cluster,
            (&definition.ca, &definition.certificate, &definition.key),
        ),
        timeout_ms: REGISTRY_TIMEOUT_MS,
    })
}
