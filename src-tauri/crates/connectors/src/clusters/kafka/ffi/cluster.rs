//! What a cluster says of its brokers and of its access rules. Each call blocks for at most its time limit.

use std::ffi::CString;

use rdkafka::bindings as sys;
use rdkafka::types::RDKafkaErrorCode;
use tailrace_model::api::Acl;

use super::{
    Failure, Handle, c_text,
    call::{Call, wrong_answer},
    slice, text, text_or_none,
};
use crate::clusters::kafka::{
    native::{Consumer, Patience},
    wire::AclFilter,
};

/// A broker as the cluster describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::clusters::kafka) struct Node {
    pub id: i32,
    pub host: String,
    pub port: i32,
    pub rack: Option<String>,
}

/// Brokers by id, and which of them is the controller.
pub(in crate::clusters::kafka) fn describe(
    client: &Consumer,
    patience: &Patience,
) -> Result<(Vec<Node>, Option<i32>), Failure> {
    let call = Call::new(
        client,
        sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECLUSTER,
        patience,
    )?;
    let mut count = 0;
    // SAFETY: all handles are alive; nodes and texts live inside the event.
    unsafe {
        sys::rd_kafka_DescribeCluster(call.client, call.options.get(), call.queue.get());
        let event = call.answer()?;
        let result = sys::rd_kafka_event_DescribeCluster_result(event.get());
        if result.is_null() {
            return Err(wrong_answer());
        }
        let nodes = sys::rd_kafka_DescribeCluster_result_nodes(result, &mut count);
        let mut nodes: Vec<Node> = slice(nodes.cast_const(), count)
            .iter()
            .map(|node| Node {
                id: sys::rd_kafka_Node_id(*node),
                host: text(sys::rd_kafka_Node_host(*node)),
                port: i32::from(sys::rd_kafka_Node_port(*node)),
                rack: text_or_none(sys::rd_kafka_Node_rack(*node)).filter(|rack| !rack.is_empty()),
            })
            .collect();
        nodes.sort_by_key(|node| node.id);
        let controller = sys::rd_kafka_DescribeCluster_result_controller(result);
        let controller = (!controller.is_null()).then(|| sys::rd_kafka_Node_id(controller));
        Ok((nodes, controller.filter(|id| *id >= 0)))
    }
}

/// A list that the cluster refuses is empty here: librdkafka keeps the refusal to itself.
pub(in crate::clusters::kafka) fn acls(
    client: &Consumer,
    of: &AclFilter,
    patience: &Patience,
) -> Result<Vec<Acl>, Failure> {
    use sys::rd_kafka_ResourcePatternType_t as Pattern;
    let call = Call::new(
        client,
        sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBEACLS,
        patience,
    )?;
    let name = of.name.as_deref().map(c_text).transpose()?;
    let principal = of.principal.as_deref().map(c_text).transpose()?;
    let pointer = |text: &Option<CString>| text.as_ref().map_or(std::ptr::null(), |text| text.as_ptr());
    let pattern = if of.name.is_some() {
        Pattern::RD_KAFKA_RESOURCE_PATTERN_MATCH
    } else {
        Pattern::RD_KAFKA_RESOURCE_PATTERN_ANY
    };
    let mut said = [0; 256];
    let mut count = 0;
    // SAFETY: texts and buffer are alive; the filter (null when it is refused) is freed with its own function;
    // librdkafka copies it; the rules live inside the event.
    unsafe {
        let filter = sys::rd_kafka_AclBindingFilter_new(
            kind(of.kind)?,
            pointer(&name),
            pattern,
            pointer(&principal),
            std::ptr::null(),
            sys::rd_kafka_AclOperation_t::RD_KAFKA_ACL_OPERATION_ANY,
            sys::rd_kafka_AclPermissionType_t::RD_KAFKA_ACL_PERMISSION_TYPE_ANY,
            said.as_mut_ptr(),
            said.len(),
        );
        if filter.is_null() {
            return Err(Failure {
                code: RDKafkaErrorCode::InvalidArgument,
                text: text(said.as_ptr()),
            });
        }
        let filter = Handle::own(filter, sys::rd_kafka_AclBinding_destroy)?;
        sys::rd_kafka_DescribeAcls(call.client, filter.get(), call.options.get(), call.queue.get());
        let event = call.answer()?;
        let result = sys::rd_kafka_event_DescribeAcls_result(event.get());
        if result.is_null() {
            return Err(wrong_answer());
        }
        let acls = sys::rd_kafka_DescribeAcls_result_acls(result, &mut count);
        let mut acls: Vec<Acl> = slice(acls.cast_const(), count)
            .iter()
            .map(|acl| rule(*acl))
            .collect();
        acls.sort();
        Ok(acls)
    }
}

/// librdkafka knows no others.
fn kind(number: Option<i8>) -> Result<sys::rd_kafka_ResourceType_t, Failure> {
    use sys::rd_kafka_ResourceType_t as Kind;
    match number {
        None => Ok(Kind::RD_KAFKA_RESOURCE_ANY),
        Some(2) => Ok(Kind::RD_KAFKA_RESOURCE_TOPIC),
        Some(3) => Ok(Kind::RD_KAFKA_RESOURCE_GROUP),
        Some(4) => Ok(Kind::RD_KAFKA_RESOURCE_BROKER),
        Some(5) => Ok(Kind::RD_KAFKA_RESOURCE_TRANSACTIONAL_ID),
        Some(_) => Err(Failure::new(RDKafkaErrorCode::UnsupportedFeature)),
    }
}

/// # Safety
/// `acl` lives during the call.
unsafe fn rule(acl: *const sys::rd_kafka_AclBinding_t) -> Acl {
    // SAFETY: as the caller promises; the names of kinds live for ever.
    unsafe {
        let named = |said: *const std::ffi::c_char| text(said).to_lowercase();
        Acl {
            resource_type: match named(sys::rd_kafka_ResourceType_name(sys::rd_kafka_AclBinding_restype(
                acl,
            )))
            .as_str()
            {
                // One number of the protocol: of settings a broker, of rules the cluster.
                "broker" => "cluster".to_owned(),
                kind => kind.to_owned(),
            },
            resource: text(sys::rd_kafka_AclBinding_name(acl)),
            pattern: named(sys::rd_kafka_ResourcePatternType_name(
                sys::rd_kafka_AclBinding_resource_pattern_type(acl),
            )),
            principal: text(sys::rd_kafka_AclBinding_principal(acl)),
            host: text(sys::rd_kafka_AclBinding_host(acl)),
            operation: named(sys::rd_kafka_AclOperation_name(
                sys::rd_kafka_AclBinding_operation(acl),
            )),
            permission: named(sys::rd_kafka_AclPermissionType_name(
                sys::rd_kafka_AclBinding_permission_type(acl),
            )),
        }
    }
}
