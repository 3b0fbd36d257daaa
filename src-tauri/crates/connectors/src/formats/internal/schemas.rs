//! The schemas, as Kafka 4.3 publishes them (`group-coordinator` and `transaction-coordinator`, `common/message/*.json`;
//! KIP-848, KIP-932, KIP-1071 for the newer kinds).

/// A type of the protocol.
#[derive(Debug, Clone, Copy)]
pub(super) enum Type {
    Int8,
    Int16,
    Uint16,
    Int32,
    Int64,
    Uuid,
    Text,
    NullableText,
    /// Bytes that nobody but their writer knows.
    NullableBytes,
    /// Of members of a consumer: what they subscribe to, and what they were assigned.
    Subscription,
    Assignment,
    /// A number that has a name.
    Named(&'static [&'static str]),
    Array(&'static Type),
    NullableArray(&'static Type),
    Struct(&'static [Field]),
    NullableStruct(&'static [Field]),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub name: &'static str,
    pub of: Type,
    /// Versions that have it, both included.
    pub since: i16,
    pub until: i16,
    /// Its number among those that may be missing.
    pub tag: Option<u32>,
}

const fn field(name: &'static str, of: Type) -> Field {
    Field {
        name,
        of,
        since: 0,
        until: i16::MAX,
        tag: None,
    }
}

impl Field {
    const fn since(self, since: i16) -> Self {
        Self { since, ..self }
    }

    const fn only(self, version: i16) -> Self {
        Self {
            since: version,
            until: version,
            ..self
        }
    }

    const fn tag(self, tag: u32) -> Self {
        Self {
            tag: Some(tag),
            ..self
        }
    }
}

/// What a value is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Value {
    /// The newest version known here.
    pub newest: i16,
    /// From this version on lengths are short and fields may follow that have tags.
    pub flexible: i16,
    pub fields: &'static [Field],
}

/// A kind of record, by the number that its key begins with.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyKind {
    pub number: i16,
    pub name: &'static str,
    pub key: &'static [Field],
    pub value: Value,
}

use Type::*;

const GROUP: &[Field] = &[field("group", Text)];
const GROUP_ID: &[Field] = &[field("group_id", Text)];
const MEMBER: &[Field] = &[field("group_id", Text), field("member_id", Text)];
const OFFSET: &[Field] = &[
    field("group", Text),
    field("topic", Text),
    field("partition", Int32),
];
const NUMBERS: Type = Array(&Int32);
const TEXTS: Type = Array(&Text);
const TOPIC_PARTITIONS: Type = Array(&Struct(&[
    field("topic_id", Uuid),
    field("partitions", NUMBERS),
    field("assignment_epochs", NullableArray(&Int32)).tag(0),
]));
const NAMED_TOPICS: Type = Array(&Struct(&[
    field("topic_id", Uuid),
    field("topic_name", Text),
    field("partitions", NUMBERS),
]));
const TASKS: Type = Array(&Struct(&[
    field("subtopology_id", Text),
    field("partitions", NUMBERS),
    field("assignment_epochs", NullableArray(&Int32)).tag(0),
]));
const KEY_VALUES: Type = Array(&Struct(&[field("key", Text), field("value", Text)]));
const TOPIC_INFOS: Type = Array(&Struct(&[
    field("name", Text),
    field("partitions", Int32),
    field("replication_factor", Int16),
    field("topic_configs", KEY_VALUES),
]));
const EPOCH: &[Field] = &[
    field("assignment_epoch", Int32),
    field("assignment_timestamp", Int64).tag(0),
];

const COMMIT: &[Field] = &[
    field("offset", Int64),
    field("leader_epoch", Int32).since(3),
    field("metadata", Text),
    field("commit_timestamp", Int64),
    field("expire_timestamp", Int64).only(1),
    field("topic_id", Uuid).since(4).tag(0),
];
const CLASSIC_GROUP: &[Field] = &[
    field("protocol_type", Text),
    field("generation", Int32),
    field("protocol", NullableText),
    field("leader", NullableText),
    field("current_state_timestamp", Int64).since(2),
    field(
        "members",
        Array(&Struct(&[
            field("member_id", Text),
            field("group_instance_id", NullableText).since(3),
            field("client_id", Text),
            field("client_host", Text),
            field("rebalance_timeout", Int32).since(1),
            field("session_timeout", Int32),
            field("subscription", Subscription),
            field("assignment", Assignment),
        ])),
    ),
];
const CONSUMER_MEMBER: &[Field] = &[
    field("instance_id", NullableText),
    field("rack_id", NullableText),
    field("client_id", Text),
    field("client_host", Text),
    field("subscribed_topic_names", TEXTS),
    field("subscribed_topic_regex", NullableText),
    field("rebalance_timeout_ms", Int32),
    field("server_assignor", NullableText),
    field(
        "classic_member_metadata",
        NullableStruct(&[
            field("session_timeout_ms", Int32),
            field(
                "supported_protocols",
                Array(&Struct(&[field("name", Text), field("metadata", Subscription)])),
            ),
        ]),
    )
    .tag(0),
];
const PARTITION_METADATA: &[Field] = &[field(
    "topics",
    Array(&Struct(&[
        field("topic_id", Uuid),
        field("topic_name", Text),
        field("num_partitions", Int32),
        field(
            "partition_metadata",
            Array(&Struct(&[field("partition", Int32), field("racks", TEXTS)])),
        ),
    ])),
)];
const CURRENT: &[Field] = &[
    field("member_epoch", Int32),
    field("previous_member_epoch", Int32),
    field("state", Int8),
    field("assigned_partitions", TOPIC_PARTITIONS),
];
const STREAMS_MEMBER: &[Field] = &[
    field("instance_id", NullableText),
    field("rack_id", NullableText),
    field("client_id", Text),
    field("client_host", Text),
    field("rebalance_timeout_ms", Int32),
    field("topology_epoch", Int32),
    field("process_id", Text),
    field(
        "user_endpoint",
        NullableStruct(&[field("host", Text), field("port", Uint16)]),
    ),
    field("client_tags", KEY_VALUES),
];
const STREAMS_CURRENT: &[Field] = &[
    field("member_epoch", Int32),
    field("previous_member_epoch", Int32),
    field("state", Int8),
    field("active_tasks", TASKS),
    field("standby_tasks", TASKS),
    field("warmup_tasks", TASKS),
    field("active_tasks_pending_revocation", TASKS),
    field("standby_tasks_pending_revocation", TASKS),
    field("warmup_tasks_pending_revocation", TASKS),
];
const TOPOLOGY: &[Field] = &[
    field("epoch", Int32),
    field(
        "subtopologies",
        Array(&Struct(&[
            field("subtopology_id", Text),
            field("source_topics", TEXTS),
            field("source_topic_regex", TEXTS),
            field("state_changelog_topics", TOPIC_INFOS),
            field("repartition_sink_topics", TEXTS),
            field("repartition_source_topics", TOPIC_INFOS),
            field(
                "copartition_groups",
                Array(&Struct(&[
                    field("source_topics", Array(&Int16)),
                    field("source_topic_regex", Array(&Int16)),
                    field("repartition_source_topics", Array(&Int16)),
                ])),
            ),
        ])),
    ),
];

const fn flexible(fields: &'static [Field]) -> Value {
    Value {
        newest: 0,
        flexible: 0,
        fields,
    }
}

const fn kind(number: i16, name: &'static str, key: &'static [Field], value: Value) -> KeyKind {
    KeyKind {
        number,
        name,
        key,
        value,
    }
}

const COMMITS: Value = Value {
    newest: 4,
    flexible: 4,
    fields: COMMIT,
};

pub(super) const OFFSET_COMMIT: i16 = 1;
pub(super) const GROUP_METADATA: i16 = 2;

pub(super) const GROUP_KINDS: [KeyKind; 24] = [
    // Before Kafka 0.8.2; its values are those of the next one's first version.
    kind(0, "offset_commit", OFFSET, COMMITS),
    kind(OFFSET_COMMIT, "offset_commit", OFFSET, COMMITS),
    kind(
        GROUP_METADATA,
        "group_metadata",
        GROUP,
        Value {
            newest: 4,
            flexible: 4,
            fields: CLASSIC_GROUP,
        },
    ),
    kind(
        3,
        "consumer_group_metadata",
        GROUP_ID,
        flexible(&[field("epoch", Int32), field("metadata_hash", Int64).tag(0)]),
    ),
    kind(
        4,
        "consumer_group_partition_metadata",
        GROUP_ID,
        flexible(PARTITION_METADATA),
    ),
    kind(
        5,
        "consumer_group_member_metadata",
        MEMBER,
        flexible(CONSUMER_MEMBER),
    ),
    kind(
        6,
        "consumer_group_target_assignment_metadata",
        GROUP_ID,
        flexible(EPOCH),
    ),
    kind(
        7,
        "consumer_group_target_assignment_member",
        MEMBER,
        flexible(&[field("topic_partitions", TOPIC_PARTITIONS)]),
    ),
    kind(
        8,
        "consumer_group_current_member_assignment",
        MEMBER,
        flexible(&[
            field("member_epoch", Int32),
            field("previous_member_epoch", Int32),
            field("state", Int8),
            field("assigned_partitions", TOPIC_PARTITIONS),
            field("partitions_pending_revocation", TOPIC_PARTITIONS),
        ]),
    ),
    kind(
        9,
        "share_group_partition_metadata",
        GROUP_ID,
        flexible(PARTITION_METADATA),
    ),
    kind(
        10,
        "share_group_member_metadata",
        MEMBER,
        flexible(&[
            field("rack_id", NullableText),
            field("client_id", Text),
            field("client_host", Text),
            field("subscribed_topic_names", TEXTS),
        ]),
    ),
    kind(
        11,
        "share_group_metadata",
        GROUP_ID,
        flexible(&[field("epoch", Int32), field("metadata_hash", Int64)]),
    ),
    kind(
        12,
        "share_group_target_assignment_metadata",
        GROUP_ID,
        flexible(EPOCH),
    ),
    kind(
        13,
        "share_group_target_assignment_member",
        MEMBER,
        flexible(&[field("topic_partitions", TOPIC_PARTITIONS)]),
    ),
    kind(
        14,
        "share_group_current_member_assignment",
        MEMBER,
        flexible(CURRENT),
    ),
    kind(
        15,
        "share_group_state_partition_metadata",
        GROUP_ID,
        flexible(&[
            field("initializing_topics", NAMED_TOPICS),
            field("initialized_topics", NAMED_TOPICS),
            field(
                "deleting_topics",
                Array(&Struct(&[field("topic_id", Uuid), field("topic_name", Text)])),
            ),
        ]),
    ),
    kind(
        16,
        "consumer_group_regular_expression",
        &[field("group_id", Text), field("regular_expression", Text)],
        flexible(&[
            field("topics", TEXTS),
            field("version", Int64),
            field("timestamp", Int64),
        ]),
    ),
    kind(
        17,
        "streams_group_metadata",
        GROUP_ID,
        flexible(&[
            field("epoch", Int32),
            field("metadata_hash", Int64),
            field("validated_topology_epoch", Int32).tag(0),
            field(
                "last_assignment_configs",
                NullableArray(&Struct(&[field("key", Text), field("value", Text)])),
            )
            .tag(1),
        ]),
    ),
    kind(
        18,
        "streams_group_partition_metadata",
        GROUP_ID,
        flexible(PARTITION_METADATA),
    ),
    kind(
        19,
        "streams_group_member_metadata",
        MEMBER,
        flexible(STREAMS_MEMBER),
    ),
    kind(
        20,
        "streams_group_target_assignment_metadata",
        GROUP_ID,
        flexible(EPOCH),
    ),
    kind(
        21,
        "streams_group_target_assignment_member",
        MEMBER,
        flexible(&[
            field("active_tasks", TASKS),
            field("standby_tasks", TASKS),
            field("warmup_tasks", TASKS),
        ]),
    ),
    kind(
        22,
        "streams_group_current_member_assignment",
        MEMBER,
        flexible(STREAMS_CURRENT),
    ),
    kind(23, "streams_group_topology", GROUP_ID, flexible(TOPOLOGY)),
];

/// States of a transaction, by their numbers.
const STATES: &[&str] = &[
    "Empty",
    "Ongoing",
    "PrepareCommit",
    "PrepareAbort",
    "CompleteCommit",
    "CompleteAbort",
    "Dead",
    "PrepareEpochFence",
];

pub(super) const TRANSACTION_KINDS: [KeyKind; 1] = [kind(
    0,
    "transaction",
    &[field("transactional_id", Text)],
    Value {
        newest: 1,
        flexible: 1,
        fields: &[
            field("producer_id", Int64),
            field("producer_epoch", Int16),
            field("transaction_timeout_ms", Int32),
            field("transaction_status", Named(STATES)),
            field(
                "transaction_partitions",
                NullableArray(&Struct(&[field("topic", Text), field("partition_ids", NUMBERS)])),
            ),
            field("transaction_last_update_timestamp_ms", Int64),
            field("transaction_start_timestamp_ms", Int64),
            field("previous_producer_id", Int64).since(1).tag(0),
            field("next_producer_id", Int64).since(1).tag(1),
            field("client_transaction_version", Int16).since(1).tag(2),
            field("next_producer_epoch", Int16).since(1).tag(3),
        ],
    },
)];

/// What a consumer's members send each other through the coordinator (`ConsumerProtocolSubscription.json`).
pub(super) const SUBSCRIPTION: &[Field] = &[
    field("topics", TEXTS),
    field("user_data", NullableBytes),
    field("owned_partitions", OWNED).since(1),
    field("generation_id", Int32).since(2),
    field("rack_id", NullableText).since(3),
];
/// `ConsumerProtocolAssignment.json`.
pub(super) const ASSIGNMENT: &[Field] = &[
    field("assigned_partitions", OWNED),
    field("user_data", NullableBytes),
];
pub(super) const CONSUMER_PROTOCOL_NEWEST: i16 = 3;
const OWNED: Type = Array(&Struct(&[field("topic", Text), field("partitions", NUMBERS)]));
