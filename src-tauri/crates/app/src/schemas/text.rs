//! A schema that is not registered yet: where its text comes from, and what it is written in.

use std::path::Path;

use tailrace_connectors::formats::registry::{NewSchema, Registry, SchemaReference, SubjectVersion};
use tailrace_model::{
    Error, Result,
    api::{SchemaFile, SchemaFileRequest, SchemaLink, SchemaText, SchemaType},
};

use super::{kind_of, type_of};

/// Bytes of a schema's text.
const TEXT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The text of a file of a schema.
pub fn file(request: &SchemaFileRequest) -> Result<SchemaFile> {
    let path = Path::new(request.path.trim());
    let cannot = |what: String| {
        let sentence = format!("{} can't be read as a schema: {what}", path.display());
        Error::user("schema_file", sentence)
    };
    let found = std::fs::metadata(path).map_err(|error| cannot(error.to_string()))?;
    if !found.is_file() {
        return Err(cannot("it is no file".to_owned()));
    }
    if found.len() > TEXT_BYTES_MAX as u64 {
        return Err(cannot(format!(
            "it has {} bytes, {TEXT_BYTES_MAX} are allowed",
            found.len()
        )));
    }
    let text = std::fs::read(path).map_err(|error| cannot(error.to_string()))?;
    let text = String::from_utf8(text).map_err(|_| cannot("it is not text".to_owned()))?;
    let ending = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
    Ok(SchemaFile {
        name: path
            .file_name()
            .map_or_else(String::new, |it| it.to_string_lossy().into_owned()),
        schema_type: match ending.to_ascii_lowercase().as_str() {
            "avsc" => Some(SchemaType::Avro),
            "proto" => Some(SchemaType::Protobuf),
            _ => None,
        },
        text,
    })
}

/// The schema as the registry takes it. What is not said is as in the latest version.
pub(super) fn new_schema(text: &SchemaText, latest: Option<&SubjectVersion>) -> Result<NewSchema> {
    if text.text.trim().is_empty() {
        return Err(Error::user(
            "schema_text",
            "the schema is empty: paste its text, or name a file",
        ));
    }
    if text.text.len() > TEXT_BYTES_MAX {
        let sentence = format!(
            "the schema has {} bytes, {TEXT_BYTES_MAX} are allowed",
            text.text.len()
        );
        return Err(Error::user("schema_text", sentence));
    }
    let kind = match (text.schema_type, latest) {
        (Some(given), _) => kind_of(given),
        (None, Some(latest)) => latest.kind,
        (None, None) => kind_of(guess(&text.text)),
    };
    let references = match (&text.references, latest) {
        (Some(given), _) => given.iter().map(reference).collect(),
        // Those of another language mean nothing.
        (None, Some(latest)) if latest.kind == kind => latest.references.clone(),
        (None, _) => Vec::new(),
    };
    Ok(NewSchema {
        kind,
        text: text.text.clone(),
        references,
    })
}

fn reference(link: &SchemaLink) -> SchemaReference {
    SchemaReference {
        name: link.name.clone(),
        subject: link.subject.clone(),
        version: link.version,
    }
}

/// What a text is written in: Protobuf is no JSON, JSON Schema has words that Avro has not.
fn guess(text: &str) -> SchemaType {
    let Ok(value) = serde_json::from_str::<serde_json::Value>(text) else {
        return SchemaType::Protobuf;
    };
    let has = |word: &str| value.get(word).is_some();
    let of_json = [
        "$schema",
        "$id",
        "properties",
        "$ref",
        "$defs",
        "definitions",
        "oneOf",
        "anyOf",
        "allOf",
    ];
    let kinds = ["object", "integer", "number"];
    match of_json.iter().any(|word| has(word)) || value["type"].as_str().is_some_and(|it| kinds.contains(&it))
    {
        true => SchemaType::Json,
        false => SchemaType::Avro,
    }
}

/// The latest version; `None`: there is no such subject yet.
pub(super) async fn latest(registry: &Registry, subject: &str) -> Result<Option<SubjectVersion>> {
    match registry.version(subject, None).await {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.code.as_str(), "unknown_subject" | "unknown_version") => Ok(None),
        Err(error) => Err(error),
    }
}

/// As the whole text of a schema is asked for again when it is applied.
pub(super) fn resolved(schema: &NewSchema) -> SchemaText {
    SchemaText {
        schema_type: Some(type_of(schema.kind)),
        text: schema.text.clone(),
        references: Some(super::links(&schema.references)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_told_from_the_text() {
        for (text, expected) in [
            (r#"{"type":"record","name":"R","fields":[]}"#, SchemaType::Avro),
            (r#""string""#, SchemaType::Avro),
            (r#"["null","string"]"#, SchemaType::Avro),
            (r#"{"type":"object"}"#, SchemaType::Json),
            (
                r#"{"$schema":"http://json-schema.org/draft-07/schema#"}"#,
                SchemaType::Json,
            ),
            ("syntax = \"proto3\"; message A {}", SchemaType::Protobuf),
        ] {
            assert_eq!(guess(text), expected, "{text}");
        }
    }

    #[test]
    fn files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("order.avsc");
        let read = |path: &Path| {
            file(&SchemaFileRequest {
                path: path.display().to_string(),
            })
        };
        assert!(
            read(&path)
                .unwrap_err()
                .message
                .contains("order.avsc can't be read")
        );
        std::fs::write(&path, "\"string\"").unwrap();
        let found = read(&path).unwrap();
        assert_eq!(
            (found.name.as_str(), found.schema_type),
            ("order.avsc", Some(SchemaType::Avro))
        );
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(read(&path).unwrap_err().message.ends_with("it is not text"));
        assert!(
            read(folder.path())
                .unwrap_err()
                .message
                .ends_with("it is no file")
        );
    }
}
