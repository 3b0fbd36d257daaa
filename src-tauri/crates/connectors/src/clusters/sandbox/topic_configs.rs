//! Settings of topics: which there are, what they mean here, and how they are shown and changed.
//!
//! Invariant: a setting is either kept by the sandbox or refused with a sentence. Nothing is taken and then ignored.

use std::collections::BTreeMap;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult,
};
use kafka_protocol::messages::incremental_alter_configs_request::AlterableConfig;
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse as IncrementallyAltered;
use kafka_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, DescribeConfigsRequest, DescribeConfigsResponse,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::log::TopicConfig;
use super::topics::{Refusal, text};
use super::{Broker, SandboxLimits};

/// Resource types of the protocol.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;
/// Where a shown value comes from: set on the topic, set when the broker started, or a default.
const FROM_TOPIC: i8 = 1;
const FROM_BROKER: i8 = 4;
const FROM_DEFAULT: i8 = 5;
/// Operations on one setting.
const SET: i8 = 0;
const RESET: i8 = 1;
/// Value types of the protocol.
const STRING: i8 = 2;
const INT: i8 = 3;
const LONG: i8 = 5;
const LIST: i8 = 7;

/// One setting as it is shown.
pub struct Shown {
    pub name: &'static str,
    pub value: String,
    pub read_only: bool,
    pub source: i8,
    value_type: i8,
}

/// Settings with only one value in the sandbox.
const FIXED: [(&str, &str, i8); 4] = [
    ("cleanup.policy", "delete", LIST),
    ("compression.type", "producer", STRING),
    ("message.timestamp.type", "CreateTime", STRING),
    ("min.insync.replicas", "1", INT),
];

/// Reads the settings given for a topic.
pub fn parse(given: BTreeMap<String, String>) -> Result<TopicConfig, Refusal> {
    let mut config = TopicConfig::default();
    for (name, value) in &given {
        let wrong = |expected: &str| {
            let message = format!("{name} is {value:?}: in the sandbox it can be {expected}.");
            (ResponseError::InvalidConfig, message)
        };
        let number = || value.parse::<i64>().ok().filter(|number| *number >= -1);
        match name.as_str() {
            "retention.bytes" => {
                let bytes = number().ok_or_else(|| wrong("-1 or a number of bytes"))?;
                config.retention_bytes_max = usize::try_from(bytes).ok();
            }
            "retention.ms" => {
                let ms = number().ok_or_else(|| wrong("-1 or a number of milliseconds"))?;
                config.retention_ms = Some(ms).filter(|ms| *ms >= 0);
            }
            "max.message.bytes" => {
                let bytes = number().and_then(|bytes| usize::try_from(bytes).ok());
                config.message_bytes_max = Some(bytes.ok_or_else(|| wrong("a number of bytes"))?);
            }
            _ => match FIXED.iter().find(|(fixed, ..)| fixed == name) {
                Some((_, only, _)) if value == only => {}
                Some((_, only, _)) => return Err(wrong(only)),
                None => {
                    let message = format!("The sandbox has no topic setting {name}: leave it out.");
                    return Err((ResponseError::InvalidConfig, message));
                }
            },
        }
    }
    config.given = given;
    Ok(config)
}

/// All settings of a topic as they are in force.
pub fn all(config: &TopicConfig, limits: &SandboxLimits) -> Vec<Shown> {
    let shown = |name, default: String, value_type, read_only| {
        let given = config.given.get(name);
        Shown {
            name,
            value: given.cloned().unwrap_or(default),
            read_only,
            source: if given.is_some() { FROM_TOPIC } else { FROM_DEFAULT },
            value_type,
        }
    };
    let fixed = FIXED
        .iter()
        .map(|(name, only, kind)| shown(*name, (*only).to_owned(), *kind, true));
    let mut all: Vec<_> = fixed.collect();
    all.push(shown(
        "max.message.bytes",
        limits.message_bytes_max.to_string(),
        INT,
        false,
    ));
    all.push(shown(
        "retention.bytes",
        limits.partition_bytes_max.to_string(),
        LONG,
        false,
    ));
    all.push(shown("retention.ms", "-1".to_owned(), LONG, false));
    all
}

/// What the broker itself is limited to.
fn of_broker(limits: &SandboxLimits) -> Vec<Shown> {
    let shown = |name, value: String, value_type| Shown {
        name,
        value,
        read_only: true,
        source: FROM_BROKER,
        value_type,
    };
    vec![
        shown("auto.create.topics.enable", "false".to_owned(), STRING),
        shown(
            "log.retention.bytes",
            limits.partition_bytes_max.to_string(),
            LONG,
        ),
        shown("max.connections", limits.connections_max.to_string(), INT),
        shown("message.max.bytes", limits.message_bytes_max.to_string(), INT),
        shown(
            "socket.request.max.bytes",
            limits.request_bytes_max.to_string(),
            INT,
        ),
    ]
}

pub fn describe(broker: &Broker, request: DescribeConfigsRequest) -> DescribeConfigsResponse {
    let results = request.resources.into_iter().map(|asked| {
        let name = asked.resource_name.as_str();
        let found = match asked.resource_type {
            TOPIC => match broker.log().topics().get(name) {
                Some(topic) => Ok(all(&topic.config, &broker.limits)),
                None => Err((
                    ResponseError::UnknownTopicOrPartition,
                    format!("There is no topic {name}."),
                )),
            },
            BROKER => Ok(of_broker(&broker.limits)),
            _ => Err(only_topics()),
        };
        let wanted = asked.configuration_keys.as_ref().filter(|keys| !keys.is_empty());
        let (error, message, configs) = match found {
            Ok(configs) => (0, None, configs),
            Err((error, message)) => (error.code(), Some(text(&message)), Vec::new()),
        };
        let configs = configs
            .into_iter()
            .filter(|shown| wanted.is_none_or(|keys| keys.iter().any(|key| key.as_str() == shown.name)))
            .map(|shown| {
                DescribeConfigsResourceResult::default()
                    .with_name(StrBytes::from_static_str(shown.name))
                    .with_value(Some(text(&shown.value)))
                    .with_read_only(shown.read_only)
                    .with_config_source(shown.source)
                    .with_config_type(shown.value_type)
            });
        DescribeConfigsResult::default()
            .with_error_code(error)
            .with_error_message(message)
            .with_resource_type(asked.resource_type)
            .with_configs(configs.collect())
            .with_resource_name(asked.resource_name)
    });
    DescribeConfigsResponse::default().with_results(results.collect())
}

/// Replaces all settings of topics, as this request of the protocol does.
pub fn alter(broker: &Broker, request: AlterConfigsRequest) -> AlterConfigsResponse {
    let responses = request.resources.into_iter().map(|asked| {
        let given = asked
            .configs
            .iter()
            .filter_map(|config| Some((config.name.to_string(), config.value.as_ref()?.to_string())));
        let changed = match asked.resource_type {
            TOPIC => parse(given.collect()).and_then(|config| {
                let name = asked.resource_name.as_str();
                broker
                    .log()
                    .configure(name, config, request.validate_only)
                    .map_err(|error| (error, format!("There is no topic {name}.")))
            }),
            _ => Err(only_topics()),
        };
        let (error, message) = changed.map_or_else(
            |(error, message)| (error.code(), Some(text(&message))),
            |()| (0, None),
        );
        AlterConfigsResourceResponse::default()
            .with_error_code(error)
            .with_error_message(message)
            .with_resource_type(asked.resource_type)
            .with_resource_name(asked.resource_name)
    });
    AlterConfigsResponse::default().with_responses(responses.collect())
}

/// Sets and resets single settings of topics; the others stay.
pub fn alter_incrementally(
    broker: &Broker,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let responses = request.resources.into_iter().map(|asked| {
        let name = asked.resource_name.as_str();
        let changed = match asked.resource_type {
            TOPIC => change(broker, name, &asked.configs, request.validate_only),
            _ => Err(only_topics()),
        };
        let (error, message) = changed.map_or_else(
            |(error, message)| (error.code(), Some(text(&message))),
            |()| (0, None),
        );
        IncrementallyAltered::default()
            .with_error_code(error)
            .with_error_message(message)
            .with_resource_type(asked.resource_type)
            .with_resource_name(asked.resource_name)
    });
    IncrementalAlterConfigsResponse::default().with_responses(responses.collect())
}

fn change(
    broker: &Broker,
    topic: &str,
    changes: &[AlterableConfig],
    check_only: bool,
) -> Result<(), Refusal> {
    let mut log = broker.log();
    let unknown = || {
        (
            ResponseError::UnknownTopicOrPartition,
            format!("There is no topic {topic}."),
        )
    };
    let mut given = log.topics().get(topic).ok_or_else(unknown)?.config.given.clone();
    for change in changes {
        let name = change.name.to_string();
        match (change.config_operation, &change.value) {
            (SET, Some(value)) => {
                given.insert(name, value.to_string());
            }
            (RESET, _) => {
                given.remove(&name);
            }
            _ => {
                let message = "The sandbox sets and resets settings; it appends and subtracts nothing.";
                return Err((ResponseError::InvalidRequest, message.to_owned()));
            }
        }
    }
    let config = parse(given)?;
    log.configure(topic, config, check_only).map_err(|_| unknown())
}

fn only_topics() -> Refusal {
    let message =
        "The sandbox has settings of topics, and shows those of its broker; nothing else.".to_owned();
    (ResponseError::InvalidRequest, message)
}
