//! What the library found, as a sentence: the place, what is expected, what is there.

use jsonschema::{
    ReferencingError, ValidationError,
    error::{TypeKind, ValidationErrorKind as Kind},
    paths::{Location, LocationSegment},
};
use serde_json::Value;

use crate::formats::encode::{Misfit, kind_of};

/// Names that a reason lists.
const NAMED_MAX: usize = 20;

/// Each field that a schema does not have is a misfit of its own.
pub(super) fn all_of(error: &ValidationError<'_>, root: &Value) -> Vec<Misfit> {
    match error.kind() {
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let misfit = |name: &String| {
                let misfit = Misfit::new("the schema has no such field").within(name);
                placed(misfit, error.instance_path(), root)
            };
            unexpected.iter().map(misfit).collect()
        }
        _ => vec![of(error, root)],
    }
}

/// `root`: the value that was checked.
pub(super) fn of(error: &ValidationError<'_>, root: &Value) -> Misfit {
    let found = error.instance();
    let at = |reason: String| placed(Misfit::new(reason), error.instance_path(), root);
    let inner = |misfit: Misfit| placed(misfit, error.instance_path(), root);
    match error.kind() {
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            let choices = context.iter().filter_map(|errors| nearest(errors, root));
            choices
                .reduce(deeper)
                .unwrap_or_else(|| at("it fits none of the schema's choices".to_owned()))
        }
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            inner(Misfit::new("it is missing, and the schema requires it").within(name))
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let name = unexpected.first().map_or("", String::as_str);
            inner(Misfit::new("the schema has no such field").within(name))
        }
        Kind::AdditionalItems { limit } => inner(Misfit::new("the schema has no such item").at_index(*limit)),
        Kind::PropertyNames { error } => {
            let name = error.instance().as_str().unwrap_or_default();
            let reason = of(error, error.instance()).reason;
            inner(Misfit::new(format!("its name does not fit: {reason}")).within(name))
        }
        Kind::UniqueItems => {
            let items = found.as_array().map_or(&[][..], Vec::as_slice);
            let twice = (1..items.len()).find(|index| items[..*index].contains(&items[*index]));
            let misfit = Misfit::new("it is in the list twice");
            inner(match twice {
                Some(index) => misfit.at_index(index),
                None => misfit,
            })
        }
        kind => at(sentence(kind, found).unwrap_or_else(|| error.masked_with(kind_of(found)).to_string())),
    }
}

/// What is said of a value as a whole; absent: as the library says it.
fn sentence(kind: &Kind, found: &Value) -> Option<String> {
    let is = kind_of(found);
    let has = |count: usize, what: &str, wants: &str, limit: u64| {
        format!("it has {count} {what}, and the schema {wants} {limit}")
    };
    let wants = |what: &str, limit: &dyn std::fmt::Display| {
        format!("it is {found}, and the schema wants {what} {limit}")
    };
    let characters = found.as_str().map_or(0, |text| text.chars().count());
    let items = found.as_array().map_or(0, Vec::len);
    let fields = found.as_object().map_or(0, serde_json::Map::len);
    Some(match kind {
        Kind::Type { kind } => format!("{} is expected, and it is {is}", wanted(kind)),
        Kind::Enum { options } => {
            let all = options.as_array().map_or(&[][..], Vec::as_slice);
            let mut names: Vec<String> = all.iter().take(NAMED_MAX).map(Value::to_string).collect();
            if all.len() > NAMED_MAX {
                names.push(format!("and {} more", all.len() - NAMED_MAX));
            }
            format!("{is} is none of the schema's {}", names.join(", "))
        }
        Kind::Constant { expected_value } => format!("{expected_value} is expected, and it is {is}"),
        Kind::FalseSchema => "the schema allows nothing here".to_owned(),
        Kind::Minimum { limit } => wants("a minimum of", limit),
        Kind::Maximum { limit } => wants("a maximum of", limit),
        Kind::ExclusiveMinimum { limit } => wants("more than", limit),
        Kind::ExclusiveMaximum { limit } => wants("less than", limit),
        Kind::MultipleOf { multiple_of } => wants("a multiple of", multiple_of),
        Kind::MinLength { limit } => has(characters, "characters", "wants at least", *limit),
        Kind::MaxLength { limit } => has(characters, "characters", "allows", *limit),
        Kind::MinItems { limit } => has(items, "items", "wants at least", *limit),
        Kind::MaxItems { limit } => has(items, "items", "allows", *limit),
        Kind::MinProperties { limit } => has(fields, "fields", "wants at least", *limit),
        Kind::MaxProperties { limit } => has(fields, "fields", "allows", *limit),
        Kind::Pattern { pattern } => format!("{is} does not match the pattern `{pattern}`"),
        Kind::BacktrackLimitExceeded { .. } | Kind::RegexEngineFailure { .. } => {
            format!("a pattern of the schema takes too long on {is}")
        }
        Kind::Format { format } if format == "regex" => format!("the pattern {found} cannot be read"),
        Kind::Contains => {
            format!("not as many of its {items} items as it must are what the schema wants it to contain")
        }
        Kind::Not { .. } => "it is what the schema says that it must not be".to_owned(),
        Kind::OneOfMultipleValid { .. } => {
            "it fits more than one of the schema's choices, and one is wanted".to_owned()
        }
        Kind::UnevaluatedItems { .. } => "it has items of which the schema says nothing".to_owned(),
        Kind::ContentEncoding { content_encoding } => format!("{is} is no {content_encoding}"),
        Kind::ContentMediaType { content_media_type } => format!("{is} is no {content_media_type}"),
        Kind::Referencing(error) => match error {
            ReferencingError::Unretrievable { uri, .. } => missing(uri),
            ReferencingError::PointerToNowhere { pointer } => missing(&format!("#{pointer}")),
            ReferencingError::NoSuchAnchor { anchor } => missing(&format!("#{anchor}")),
            error => format!("a reference in it cannot be followed: {error}"),
        },
        _ => return None,
    })
}

fn missing(reference: &str) -> String {
    let reference = reference.strip_prefix(super::BASE).unwrap_or(reference);
    format!("it refers to `{reference}`, which is not in it nor registered with it")
}

fn wanted(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(kind) => kind.to_string(),
        TypeKind::Multiple(kinds) => {
            let names: Vec<String> = kinds.iter().map(|kind| kind.to_string()).collect();
            names.join(" or ")
        }
    }
}

/// Of several reasons, the one that goes deepest: it is of the choice that was meant.
fn nearest(errors: &[ValidationError<'_>], root: &Value) -> Option<Misfit> {
    errors.iter().map(|error| of(error, root)).reduce(deeper)
}

fn deeper(best: Misfit, next: Misfit) -> Misfit {
    match next.depth() > best.depth() {
        true => next,
        false => best,
    }
}

/// Below the place in the value: names of fields and numbers of items look alike in a JSON pointer.
fn placed(misfit: Misfit, place: &Location, root: &Value) -> Misfit {
    let mut steps = Vec::new();
    let mut at = Some(root);
    for segment in place {
        let step = match segment {
            LocationSegment::Property(name) => name.into_owned(),
            LocationSegment::Index(index) => index.to_string(),
        };
        let index = at
            .filter(|value| value.is_array())
            .and_then(|_| step.parse::<usize>().ok());
        at = at.and_then(|value| match index {
            Some(index) => value.get(index),
            None => value.get(&step),
        });
        steps.push((step, index));
    }
    steps
        .into_iter()
        .rev()
        .fold(misfit, |misfit, (step, index)| match index {
            Some(index) => misfit.at_index(index),
            None => misfit.within(&step),
        })
}
