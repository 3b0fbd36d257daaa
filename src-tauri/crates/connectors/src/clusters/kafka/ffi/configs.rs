//! Settings of topics and brokers, read and changed. Each call blocks for at most its time limit.

use std::collections::HashMap;

use rdkafka::bindings as sys;
use tailrace_model::api::{ConfigEntry, ConfigSource, InheritedConfig};

use super::{
    Failure, Handle, c_text,
    call::{Call, owned_error, wrong_answer},
    check, slice, text, text_or_none,
};
use crate::clusters::kafka::native::{Consumer, Patience};

/// Whose settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::clusters::kafka) enum ConfigOf {
    Topic,
    Broker,
}

/// Topics that one call asks about: an answer of all settings is some kilobytes for each.
const TOPICS_PER_CALL_MAX: usize = 500;

/// What each of many was answered.
pub(in crate::clusters::kafka) type Configs = HashMap<String, Result<Vec<ConfigEntry>, Failure>>;

/// The settings of many topics, or of one broker; only those named in `keys`, or all when it is empty.
pub(in crate::clusters::kafka) fn describe(
    client: &Consumer,
    of: ConfigOf,
    names: &[String],
    keys: &[&str],
    patience: &Patience,
) -> Result<Configs, Failure> {
    let mut found = Configs::with_capacity(names.len());
    for names in names.chunks(TOPICS_PER_CALL_MAX) {
        let resources = names
            .iter()
            .map(|name| resource(of, name, keys))
            .collect::<Result<Vec<_>, _>>()?;
        let call = Call::new(
            client,
            sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS,
            patience,
        )?;
        let mut pointers: Vec<_> = resources.iter().map(Handle::get).collect();
        // SAFETY: all handles are alive; librdkafka copies the resources.
        unsafe {
            sys::rd_kafka_DescribeConfigs(
                call.client,
                pointers.as_mut_ptr(),
                pointers.len(),
                call.options.get(),
                call.queue.get(),
            );
        }
        let event = call.answer()?;
        let mut count = 0;
        // SAFETY: the event is alive and of this kind; resources and entries live inside it.
        unsafe {
            let result = sys::rd_kafka_event_DescribeConfigs_result(event.get());
            if result.is_null() {
                return Err(wrong_answer());
            }
            let resources = sys::rd_kafka_DescribeConfigs_result_resources(result, &mut count);
            for resource in slice(resources.cast_const(), count) {
                let name = text(sys::rd_kafka_ConfigResource_name(*resource));
                found.insert(name, resource_result(*resource).map(|()| entries(*resource)));
            }
        }
    }
    Ok(found)
}

type Resource = Handle<sys::rd_kafka_ConfigResource_t>;

fn resource(of: ConfigOf, name: &str, keys: &[&str]) -> Result<Resource, Failure> {
    let kind = match of {
        ConfigOf::Topic => sys::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC,
        ConfigOf::Broker => sys::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_BROKER,
    };
    let name = c_text(name)?;
    // SAFETY: a new resource, freed with its own function; librdkafka copies names.
    unsafe {
        let resource = Handle::own(
            sys::rd_kafka_ConfigResource_new(kind, name.as_ptr()),
            sys::rd_kafka_ConfigResource_destroy,
        )?;
        for key in keys {
            let key = c_text(key)?;
            check(sys::rd_kafka_ConfigResource_set_config(
                resource.get(),
                key.as_ptr(),
                // Only the name is sent; librdkafka takes no entry without a value.
                c"".as_ptr(),
            ))?;
        }
        Ok(resource)
    }
}

/// # Safety
/// `resource` lives during the call.
unsafe fn resource_result(resource: *const sys::rd_kafka_ConfigResource_t) -> Result<(), Failure> {
    // SAFETY: as the caller promises.
    unsafe {
        check(sys::rd_kafka_ConfigResource_error(resource)).map_err(|failure| {
            let said = text(sys::rd_kafka_ConfigResource_error_string(resource));
            Failure {
                text: if said.is_empty() { failure.text } else { said },
                ..failure
            }
        })
    }
}

/// # Safety
/// `resource` lives during the call.
unsafe fn entries(resource: *const sys::rd_kafka_ConfigResource_t) -> Vec<ConfigEntry> {
    let mut count = 0;
    // SAFETY: as the caller promises; entries, synonyms and texts live inside the resource.
    unsafe {
        let entries = sys::rd_kafka_ConfigResource_configs(resource, &mut count);
        let mut entries: Vec<ConfigEntry> = slice(entries.cast_const(), count)
            .iter()
            .map(|entry| config_entry(*entry))
            .collect();
        entries.sort_by(|left, right| left.name.cmp(&right.name));
        entries
    }
}

/// # Safety
/// `entry` lives during the call.
unsafe fn config_entry(entry: *const sys::rd_kafka_ConfigEntry_t) -> ConfigEntry {
    let mut count = 0;
    // SAFETY: as the caller promises.
    unsafe {
        let source = source(sys::rd_kafka_ConfigEntry_source(entry));
        let synonyms = sys::rd_kafka_ConfigEntry_synonyms(entry, &mut count);
        // In the order in which they hold; the first is the value itself.
        let below = slice(synonyms.cast_const(), count)
            .iter()
            .map(|synonym| InheritedConfig {
                name: text(sys::rd_kafka_ConfigEntry_name(*synonym)),
                value: text_or_none(sys::rd_kafka_ConfigEntry_value(*synonym)),
                source: self::source(sys::rd_kafka_ConfigEntry_source(*synonym)),
            })
            .find(|synonym| synonym.source != source);
        ConfigEntry {
            name: text(sys::rd_kafka_ConfigEntry_name(entry)),
            value: text_or_none(sys::rd_kafka_ConfigEntry_value(entry)),
            source,
            differs: !matches!(source, ConfigSource::Default | ConfigSource::Unknown),
            read_only: sys::rd_kafka_ConfigEntry_is_read_only(entry) == 1,
            sensitive: sys::rd_kafka_ConfigEntry_is_sensitive(entry) == 1,
            inherited: below,
        }
    }
}

fn source(source: sys::rd_kafka_ConfigSource_t) -> ConfigSource {
    use sys::rd_kafka_ConfigSource_t as S;
    match source {
        S::RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG => ConfigSource::Topic,
        S::RD_KAFKA_CONFIG_SOURCE_DYNAMIC_BROKER_CONFIG => ConfigSource::DynamicBroker,
        S::RD_KAFKA_CONFIG_SOURCE_DYNAMIC_DEFAULT_BROKER_CONFIG => ConfigSource::DynamicDefault,
        S::RD_KAFKA_CONFIG_SOURCE_STATIC_BROKER_CONFIG => ConfigSource::Static,
        S::RD_KAFKA_CONFIG_SOURCE_DEFAULT_CONFIG => ConfigSource::Default,
        _ => ConfigSource::Unknown,
    }
}

/// Sets (with a value) or resets (without) settings of a topic; the others stay. `only_validate`: the cluster judges and
/// does nothing.
pub(in crate::clusters::kafka) fn alter_topic(
    client: &Consumer,
    topic: &str,
    changes: &[(String, Option<String>)],
    only_validate: bool,
    patience: &Patience,
) -> Result<(), Failure> {
    use sys::rd_kafka_AlterConfigOpType_t as Op;
    let call = Call::new(
        client,
        sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_INCREMENTALALTERCONFIGS,
        patience,
    )?;
    if only_validate {
        call.only_validate()?;
    }
    let resource = resource(ConfigOf::Topic, topic, &[])?;
    for (name, value) in changes {
        let name = c_text(name)?;
        let value = value.as_deref().map(c_text).transpose()?;
        let (op, pointer) = match &value {
            Some(value) => (Op::RD_KAFKA_ALTER_CONFIG_OP_TYPE_SET, value.as_ptr()),
            None => (Op::RD_KAFKA_ALTER_CONFIG_OP_TYPE_DELETE, std::ptr::null()),
        };
        // SAFETY: resource, name and value are alive, and are copied; the error returned is owned here.
        unsafe {
            owned_error(sys::rd_kafka_ConfigResource_add_incremental_config(
                resource.get(),
                name.as_ptr(),
                op,
                pointer,
            ))
        }?;
    }
    let mut all = [resource.get()];
    let mut count = 0;
    // SAFETY: all handles are alive; librdkafka copies the resource; the results live inside the event.
    unsafe {
        sys::rd_kafka_IncrementalAlterConfigs(
            call.client,
            all.as_mut_ptr(),
            1,
            call.options.get(),
            call.queue.get(),
        );
        let event = call.answer()?;
        let result = sys::rd_kafka_event_IncrementalAlterConfigs_result(event.get());
        if result.is_null() {
            return Err(wrong_answer());
        }
        let resources = sys::rd_kafka_IncrementalAlterConfigs_result_resources(result, &mut count);
        for resource in slice(resources.cast_const(), count) {
            resource_result(*resource)?;
        }
    }
    Ok(())
}
