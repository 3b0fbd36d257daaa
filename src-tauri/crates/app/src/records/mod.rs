//! Records opened one by one, and how the records of a topic are read.

mod compare;
mod formats;
mod near;

use tailrace_connectors::{
    clusters::kafka::RawRecord,
    formats::{Described, Frame, Transcoder, describe, frame, text_of},
};
use tailrace_model::{
    Error, Result, TopicFormats,
    api::{
        FormatUsed, RecordBytes, RecordBytesRequest, RecordCompareRequest, RecordDetail, RecordDifferences,
        RecordHeader, RecordRequest, RecordSchema, RecordText, RecordTextRequest, TopicFormatsRequest,
    },
    limits::{RECORD_BYTES_PAGE_MAX, RECORD_JSON_BYTES_MAX, RECORD_TEXT_BYTES_MAX},
};

pub use formats::{TopicView, check, list, registry};
pub use near::{near, unseen};

use crate::{clusters::Cluster, core::now_ms, open::OpenWorkspace};

/// One record, decoded; of a large value as much as can be handed over at once.
pub async fn show(open: &OpenWorkspace, request: &RecordRequest) -> Result<RecordDetail> {
    let mut detail = whole(open, request).await?;
    if let Some(json) = detail.json.take_if(|json| json.len() > RECORD_JSON_BYTES_MAX) {
        detail.problem.get_or_insert_with(|| {
            format!(
                "its {} bytes of JSON are too many for a tree ({RECORD_JSON_BYTES_MAX} are the most): its text is shown page by page",
                json.len()
            )
        });
    }
    if let Some(text) = &mut detail.text {
        text.truncate(text.floor_char_boundary(RECORD_TEXT_BYTES_MAX));
    }
    Ok(detail)
}

/// A part of the value as text.
pub async fn text(open: &OpenWorkspace, request: &RecordTextRequest) -> Result<RecordText> {
    let detail = whole(open, &request.record).await?;
    let limit = (request.limit as usize).min(RECORD_TEXT_BYTES_MAX);
    Ok(part(
        detail.text.as_deref().unwrap_or_default(),
        request.first,
        limit,
    ))
}

/// No character is cut, and every part has one as long as something is left.
fn part(text: &str, first: u64, limit: usize) -> RecordText {
    let first = text.floor_char_boundary(usize::try_from(first).unwrap_or(usize::MAX));
    let next = match text.floor_char_boundary(first.saturating_add(limit)) {
        next if next > first => next,
        _ => text.ceil_char_boundary(first.saturating_add(1)),
    };
    RecordText {
        text: text[first..next].to_owned(),
        first: first as u64,
        next: next as u64,
        total: text.len() as u64,
    }
}

/// One record, decoded, however large.
async fn whole(open: &OpenWorkspace, request: &RecordRequest) -> Result<RecordDetail> {
    let cluster = open.cluster(&request.cluster).await?;
    let record = fetch(&cluster, &request.topic, request.partition, request.offset).await?;
    let mut view = TopicView::new(open, &cluster, &request.topic, &request.formats)?;
    let now = now_ms();
    let (key_format, key) = view.describe_key(record.key.as_deref(), now).await?;
    let key_column = view.key_column(record.key.as_deref());
    let bytes = record.value.as_deref();
    let (value_format, value) = view.describe_value(record.key.as_deref(), bytes, now).await?;
    let schema = match record.value.as_deref().and_then(frame) {
        Some(Frame::Confluent { schema })
            if value.problem.is_none() || value_format.definition.format == "registry" =>
        {
            Some(schema_of(&view, schema).await)
        }
        _ => None,
    };
    let detail = detail(
        &request.topic,
        &record,
        (key_format, key),
        (value_format, value),
        schema,
    );
    let detail = RecordDetail { key_column, ..detail };
    let mut detail = match open.masks(&request.cluster, &request.topic) {
        Some(masks) => masks.detail(detail),
        None => detail,
    };
    detail.text_bytes = detail.text.as_ref().map_or(0, |text| text.len() as u64);
    Ok(detail)
}

fn detail(
    topic: &str,
    record: &RawRecord,
    (key_format, key): (FormatUsed, Described),
    (value_format, value): (FormatUsed, Described),
    schema: Option<RecordSchema>,
) -> RecordDetail {
    let length = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
    RecordDetail {
        topic: topic.to_owned(),
        partition: record.partition,
        offset: record.offset,
        timestamp_ms: record.timestamp_ms,
        key: record.key.as_ref().and(key.json.or(key.text)),
        key_column: None,
        key_format,
        key_bytes: length(&record.key),
        key_problem: record.key.as_ref().and(key.problem),
        headers: record
            .headers
            .iter()
            .map(|(name, value)| RecordHeader {
                name: name.clone(),
                value: value.as_deref().map(|value| text_of(value).into_owned()),
            })
            .collect(),
        value_format,
        json: value.json,
        text: value.text,
        text_bytes: 0,
        value_bytes: length(&record.value),
        problem: value.problem,
        schema,
    }
}

async fn fetch(cluster: &Cluster, topic: &str, partition: i32, offset: i64) -> Result<RawRecord> {
    cluster.client.record(topic, partition, offset).await
}

impl TopicView {
    async fn describe_key(&mut self, bytes: Option<&[u8]>, now_ms: i64) -> Result<(FormatUsed, Described)> {
        self.find_out_one(bytes, true)?;
        let described = described(self.key_transcoder(), None, bytes, now_ms).await;
        Ok((used_or(self.key_format().cloned(), &described)?, described))
    }

    /// A key as its column has it: what was decoded on one line and without quotes, anything else as it was written.
    /// After [`Self::describe_key`].
    fn key_column(&mut self, bytes: Option<&[u8]>) -> Option<String> {
        let bytes = bytes?;
        let decoded = self
            .key_transcoder()
            .and_then(|transcoder| transcoder.transcode_one(bytes).ok());
        match decoded {
            Some(json) if json.starts_with('"') => serde_json::from_str(&json).ok(),
            Some(json) => Some(json),
            None => std::str::from_utf8(bytes).ok().map(str::to_owned),
        }
    }

    /// `key` as it was written: in the topics that Kafka keeps for itself it tells what the value is.
    async fn describe_value(
        &mut self,
        key: Option<&[u8]>,
        bytes: Option<&[u8]>,
        now_ms: i64,
    ) -> Result<(FormatUsed, Described)> {
        self.find_out_one(bytes, false)?;
        let described = described(self.value_transcoder(), key, bytes, now_ms).await;
        Ok((used_or(self.value_format().cloned(), &described)?, described))
    }
}

async fn described(
    transcoder: Option<&mut Transcoder>,
    key: Option<&[u8]>,
    bytes: Option<&[u8]>,
    now_ms: i64,
) -> Described {
    match (transcoder, bytes) {
        (Some(transcoder), Some(value)) => {
            transcoder.prepare_one(value, now_ms).await;
            transcoder.describe_keyed(key, bytes)
        }
        _ => describe(bytes),
    }
}

fn used_or(used: Option<FormatUsed>, described: &Described) -> Result<FormatUsed> {
    match used {
        Some(used) => Ok(used),
        None => formats::used(&tailrace_model::FormatDefinition::named(described.format), true),
    }
}

/// What the registry says of a schema; what it does not say is told with it.
async fn schema_of(view: &TopicView, id: u32) -> RecordSchema {
    let mut schema = RecordSchema {
        id,
        kind: None,
        text: None,
        uses: Vec::new(),
        problem: None,
    };
    let Some(registry) = view.registry() else {
        schema.problem = Some("the cluster has no schema registry: add [registry] to its file".to_owned());
        return schema;
    };
    match registry.schema(id).await {
        Ok(found) => {
            schema.kind = Some(found.kind.label().to_owned());
            schema.text = Some(found.text.clone());
        }
        Err(error) => {
            schema.problem = Some(error.message);
            return schema;
        }
    }
    match registry.uses(id).await {
        Ok(uses) => {
            let text = |it: &tailrace_connectors::formats::registry::SchemaUse| {
                format!("{}, version {}", it.subject, it.version)
            };
            schema.uses = uses.iter().map(text).collect();
        }
        Err(error) => schema.problem = Some(error.message),
    }
    schema
}

/// A part of a record's bytes as they are.
pub async fn bytes(open: &OpenWorkspace, request: &RecordBytesRequest) -> Result<RecordBytes> {
    let masks = open.masks(&request.cluster, &request.topic);
    let hidden = masks.is_some_and(|masks| match request.key {
        true => masks.hides_key(),
        false => masks.hides_value(),
    });
    if hidden {
        let sentence = format!(
            "the bytes are not shown: [[masks]] in tailrace.toml hide a part of the records of topic \"{}\"",
            request.topic
        );
        return Err(Error::user("masked", sentence));
    }
    let cluster = open.cluster(&request.cluster).await?;
    let record = fetch(&cluster, &request.topic, request.partition, request.offset).await?;
    let bytes = match request.key {
        true => record.key,
        false => record.value,
    }
    .unwrap_or_default();
    let first = usize::try_from(request.first)
        .unwrap_or(usize::MAX)
        .min(bytes.len());
    let last = first
        .saturating_add((request.limit as usize).min(RECORD_BYTES_PAGE_MAX))
        .min(bytes.len());
    Ok(RecordBytes {
        hex: hex(&bytes[first..last]),
        total: bytes.len() as u64,
    })
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = |byte: &u8| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
    bytes.iter().flat_map(digits).map(char::from).collect()
}

/// What two records do not have in common, field by field.
pub async fn compare(open: &OpenWorkspace, request: &RecordCompareRequest) -> Result<RecordDifferences> {
    let (left, right) = tokio::try_join!(whole(open, &request.left), whole(open, &request.right))?;
    Ok(compare::differences(&left, &right))
}

/// Remembers in the cluster's file how a topic is read.
pub fn save_formats(open: &OpenWorkspace, request: TopicFormatsRequest) -> Result<()> {
    // What can't be used is not remembered.
    for definition in [&request.formats.key, &request.formats.value]
        .into_iter()
        .flatten()
    {
        check(open, definition)?;
    }
    let mut workspace = open.workspace_mut();
    let mut definition = workspace.definitions.cluster(&request.cluster)?.clone();
    match request.formats == TopicFormats::default() {
        true => definition.topics.remove(&request.topic),
        false => definition.topics.insert(request.topic, request.formats),
    };
    workspace.save_cluster(&request.cluster, &definition)
}

/// Problems of the formats that clusters' files name, the file first.
pub fn format_problems(open: &OpenWorkspace) -> Vec<Error> {
    let clusters: Vec<_> = {
        let workspace = open.workspace();
        let valid = workspace.definitions.valid_clusters();
        valid.map(|(name, it)| (name.to_owned(), it.clone())).collect()
    };
    let mut problems = Vec::new();
    for (name, cluster) in clusters {
        let file = format!("clusters/{name}.toml");
        for (topic, topic_formats) in &cluster.topics {
            for (what, definition) in [("key", &topic_formats.key), ("value", &topic_formats.value)] {
                if let Some(Err(error)) = definition.as_ref().map(|definition| check(open, definition)) {
                    let place = format!("{file}: [topics.\"{topic}\".{what}]");
                    problems.push(error.context(place).at(Some(&file), 1, 1));
                }
            }
        }
        if let Some(Err(error)) = cluster
            .registry
            .as_ref()
            .map(|definition| registry(open, &name, definition))
        {
            problems.push(error.context(format!("{file}: [registry]")).at(Some(&file), 1, 1));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_text_are_the_text() {
        let text = "añb€c".repeat(7);
        for limit in [0, 1, 2, 3, 5, 64, 1_000] {
            let (mut first, mut read) = (0, String::new());
            while first < text.len() as u64 {
                let found = part(&text, first, limit);
                assert_eq!((found.first, found.total), (first, text.len() as u64));
                assert!(found.next > first && !found.text.is_empty());
                read.push_str(&found.text);
                first = found.next;
            }
            assert_eq!(read, text, "{limit}");
        }
        assert_eq!(part(&text, u64::MAX, 9).text, "");
        assert_eq!(part("", 0, 9).next, 0);
        // In the midst of a character: from its beginning.
        assert_eq!(part("€", 2, 9).text, "€");
    }

    #[test]
    fn bytes_are_two_digits_each() {
        assert_eq!(hex(&[0, 9, 10, 255]), "00090aff");
    }
}
