//! Bytes that Kafka 4.3's own classes wrote.

use arrow::array::{Array, BinaryArray};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::formats::{Format, FormatSettings, RecordView, Transcoder};

/// What members of a consumer subscribed to and were assigned.
const SUBSCRIPTION: &str =
    "00030000000100066f7264657273ffffffff0000000100066f72646572730000000100000001000000070002 7231";
const ASSIGNMENT: &str = "00030000000100066f7264657273000000020000000000000001ffffffff";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16).expect("a byte"))
        .collect()
}

fn transcoder(format: Format) -> Transcoder {
    Transcoder::new(&FormatSettings::new(format), None).expect("no settings")
}

fn check_key(hex: &str, expected: Value) {
    let json = transcoder(Format::ConsumerOffsetsKey)
        .transcode_one(&bytes(hex))
        .expect(hex);
    assert_eq!(serde_json::from_str::<Value>(&json).expect("JSON"), expected);
}

fn check(key: &str, hex: &str, expected: Value) {
    let json = transcoder(Format::ConsumerOffsets)
        .transcode_one_keyed(Some(&bytes(key)), &bytes(hex))
        .expect(hex);
    assert_eq!(
        serde_json::from_str::<Value>(&json).expect("JSON"),
        expected,
        "{hex}"
    );
}

const COMMIT_KEY: &str = "0001000762696c6c696e6700066f726465727300000003";

#[test]
fn commits_of_every_version() {
    check_key(
        COMMIT_KEY,
        json!({"type": "offset_commit", "group": "billing", "topic": "orders", "partition": 3}),
    );
    let values = [
        "0000000000000000002a00016d0000018bcfe56800",
        "0001000000000000002a00016d0000018bcfe568000000018bcfe56be8",
        "0002000000000000002a00016d0000018bcfe56800",
        "0003000000000000002a0000000500016d0000018bcfe56800",
        "0004000000000000002a00000005026d0000018bcfe5680001001000000000000000010000000000000002",
    ];
    for (version, hex) in values.into_iter().enumerate() {
        let mut expected = json!({"type": "offset_commit", "schema_version": version, "offset": 42, "metadata": "m",
            "commit_timestamp": 1_700_000_000_000_i64});
        if version == 1 {
            expected["expire_timestamp"] = json!(1_700_000_001_000_i64);
        }
        if version >= 3 {
            expected["leader_epoch"] = json!(5);
        }
        if version == 4 {
            expected["topic_id"] = json!("AAAAAAAAAAEAAAAAAAAAAg");
        }
        check(COMMIT_KEY, hex, expected.clone());
        // What it is can be told without its key, too.
        let json = transcoder(Format::ConsumerOffsets)
            .transcode_one(&bytes(hex))
            .expect(hex);
        assert_eq!(serde_json::from_str::<Value>(&json).expect("JSON"), expected);
    }
}

#[test]
fn groups_of_every_version() {
    let subscription = json!({"topics": ["orders"], "user_data": null,
        "owned_partitions": [{"topic": "orders", "partitions": [1]}], "generation_id": 7, "rack_id": "r1"});
    let assignment =
        json!({"assigned_partitions": [{"topic": "orders", "partitions": [0, 1]}], "user_data": null});
    let (s, a) = (SUBSCRIPTION, ASSIGNMENT);
    let old = |version: &str, state: &str, instance: &str, rebalance: &str| {
        format!(
            "{version}0008636f6e73756d657200000009000572616e676500036d2d31{state}0000000100036d2d31{instance}\
             000163000a2f3132372e302e302e31{rebalance}0000afc80000002e{s}0000001e{a}"
        )
    };
    let at = "0000018bcfe56800";
    let values = [
        old("0000", "", "", ""),
        old("0001", "", "", "000493e0"),
        old("0002", at, "", "000493e0"),
        old("0003", at, "ffff", "000493e0"),
        format!(
            "000409636f6e73756d6572000000090672616e6765046d2d31{at}02046d2d310002630b2f3132372e302e302e31\
             000493e00000afc82f{s}1f{a}0000"
        ),
    ];
    for (version, hex) in values.iter().enumerate() {
        let mut member = json!({"member_id": "m-1", "client_id": "c", "client_host": "/127.0.0.1",
            "session_timeout": 45_000, "subscription": subscription, "assignment": assignment});
        let mut expected = json!({"type": "group_metadata", "schema_version": version, "protocol_type": "consumer",
            "generation": 9, "protocol": "range", "leader": "m-1"});
        if version >= 1 {
            member["rebalance_timeout"] = json!(300_000);
        }
        if version >= 2 {
            expected["current_state_timestamp"] = json!(1_700_000_000_000_i64);
        }
        if version >= 3 {
            member["group_instance_id"] = json!(null);
        }
        expected["members"] = json!([member]);
        check("0002000762696c6c696e67", hex, expected);
    }
}

#[test]
fn bytes_of_members_that_are_no_consumers_stay_bytes() {
    let hex = format!(
        "00030007636f6e6e65637400000009000572616e676500036d2d310000018bcfe568000000000100036d2d31ffff\
         000163000a2f3132372e302e302e31000493e00000afc80000002e{SUBSCRIPTION}0000001e{ASSIGNMENT}"
    );
    let json = transcoder(Format::ConsumerOffsets)
        .transcode_one_keyed(Some(&bytes("0002000762696c6c696e67")), &bytes(&hex))
        .expect("a group");
    let found: Value = serde_json::from_str(&json).expect("JSON");
    assert!(found["members"][0]["subscription"].is_string(), "{found}");
}

#[test]
fn groups_of_the_newer_protocols() {
    let id = "AAAAAAAAAAEAAAAAAAAAAg";
    check(
        "0003000167",
        "000000000004010008000000000000004d",
        json!({"type": "consumer_group_metadata", "schema_version": 0, "epoch": 4, "metadata_hash": 77}),
    );
    let member = json!({"type": "consumer_group_member_metadata", "schema_version": 0, "instance_id": "", "rack_id": "",
        "client_id": "c", "client_host": "/h", "subscribed_topic_names": ["a", "b"],
        "subscribed_topic_regex": "", "rebalance_timeout_ms": 1_000, "server_assignor": "uniform"});
    check(
        "000500016700016d",
        "000001010263032f68030261026201000003e808756e69666f726d00",
        member.clone(),
    );
    let mut classic = member;
    classic["subscribed_topic_names"] = json!(["a"]);
    classic["server_assignor"] = json!("");
    classic["classic_member_metadata"] = json!({"session_timeout_ms": 5, "supported_protocols": [{"name": "range",
        "metadata": {"topics": ["orders"], "user_data": null,
            "owned_partitions": [{"topic": "orders", "partitions": [1]}], "generation_id": 7, "rack_id": "r1"}}]});
    check(
        "000500016700016d",
        &format!("000001010263032f6802026101000003e80101003d0100000005020672616e67652f{SUBSCRIPTION}0000"),
        classic,
    );
    check(
        "000700016700016d",
        "000002000000000000000100000000000000020300000000000000020000",
        json!({"type": "consumer_group_target_assignment_member", "schema_version": 0,
            "topic_partitions": [{"topic_id": id, "partitions": [0, 2]}]}),
    );
    check(
        "000800016700016d",
        "000000000002000000010002000000000000000100000000000000020200000001000100",
        json!({"type": "consumer_group_current_member_assignment", "schema_version": 0, "member_epoch": 2,
            "previous_member_epoch": 1, "state": 0, "assigned_partitions": [{"topic_id": id, "partitions": [1]}],
            "partitions_pending_revocation": []}),
    );
    check(
        "001000016700036f2e2a",
        "000002076f72646572730000000000000003000000000000000900",
        json!({"type": "consumer_group_regular_expression", "schema_version": 0, "topics": ["orders"],
            "version": 3, "timestamp": 9}),
    );
    let streams = |endpoint: Value, tags: Value| {
        json!({"type": "streams_group_member_metadata", "schema_version": 0, "instance_id": "", "rack_id": "",
            "client_id": "c", "client_host": "/h", "rebalance_timeout_ms": 1, "topology_epoch": 2,
            "process_id": "p", "user_endpoint": endpoint, "client_tags": tags})
    };
    check(
        "001300016700016d",
        "000001010263032f6800000001000000020270010268fde80002026b02760000",
        streams(
            json!({"host": "h", "port": 65_000}),
            json!([{"key": "k", "value": "v"}]),
        ),
    );
    check(
        "001300016700016d",
        "000001010263032f6800000001000000020270ff0100",
        streams(json!(null), json!([])),
    );
}

#[test]
fn transactions() {
    let read = |format: Format, hex: &str| -> Value {
        let json = transcoder(format).transcode_one(&bytes(hex)).expect(hex);
        serde_json::from_str(&json).expect("JSON")
    };
    assert_eq!(
        read(Format::TransactionStateKey, "000000027478"),
        json!({"type": "transaction", "transactional_id": "tx"})
    );
    let mut expected = json!({"type": "transaction", "schema_version": 0, "producer_id": 11, "producer_epoch": 2,
        "transaction_timeout_ms": 60_000, "transaction_status": "Ongoing",
        "transaction_partitions": [{"topic": "orders", "partition_ids": [0, 1]}],
        "transaction_last_update_timestamp_ms": 5, "transaction_start_timestamp_ms": 4});
    assert_eq!(
        read(
            Format::TransactionState,
            "0000000000000000000b00020000ea60010000000100066f7264657273000000020000000000000001\
             00000000000000050000000000000004"
        ),
        expected
    );
    expected["schema_version"] = json!(1);
    expected["previous_producer_id"] = json!(10);
    expected["client_transaction_version"] = json!(2);
    assert_eq!(
        read(
            Format::TransactionState,
            "0001000000000000000b00020000ea600102076f7264657273030000000000000001000000000000000005\
             0000000000000004020008000000000000000a02020002"
        ),
        expected
    );
    let empty = read(
        Format::TransactionState,
        "0001000000000000000100000000000004000000000000000000000000000000000000",
    );
    assert_eq!(empty["transaction_partitions"], json!(null));
    assert_eq!(empty["transaction_status"], json!("CompleteCommit"));
}

#[test]
fn what_is_not_known_says_so() {
    let check = |format: Format, key: Option<&str>, hex: &str, expected: &str| {
        let key = key.map(bytes);
        let found = transcoder(format).transcode_one_keyed(key.as_deref(), &bytes(hex));
        assert_eq!(found.expect_err(hex), expected);
    };
    let (offsets, offsets_key) = (Format::ConsumerOffsets, Format::ConsumerOffsetsKey);
    check(
        offsets_key,
        None,
        "00ff",
        "not Key of consumer offsets: kind 255 of a record is not known at byte 0",
    );
    check(
        offsets_key,
        None,
        "00",
        "not Key of consumer offsets: the value ends too early at byte 1",
    );
    check(
        offsets,
        Some(COMMIT_KEY),
        "0009",
        "not Consumer offsets: version 9 of offset_commit is not known at byte 0",
    );
    check(
        offsets,
        None,
        "0009",
        "not Consumer offsets: only its key tells what it is",
    );
    check(
        offsets,
        Some(COMMIT_KEY),
        "0000000000000000002a00016d0000018bcfe56800ff",
        "not Consumer offsets: something follows the value at byte 21",
    );
}

#[test]
fn a_view_reads_each_value_with_its_key() {
    use arrow::{array::ArrayRef, record_batch::RecordBatch};
    use std::sync::Arc;
    let (key, value) = Format::of_internal_topic("__consumer_offsets").expect("internal");
    assert_eq!(Format::of_internal_topic("orders"), None);
    let mut view = RecordView {
        key: Some(transcoder(key)),
        value: Some(transcoder(value)),
    };
    let keys = [bytes(COMMIT_KEY), bytes("0003000167"), bytes(COMMIT_KEY)];
    let values = [
        Some(bytes("0000000000000000002a00016d0000018bcfe56800")),
        Some(bytes("000000000004010008000000000000004d")),
        None,
    ];
    let keys: ArrayRef = Arc::new(keys.iter().map(Some).collect::<BinaryArray>());
    let values: ArrayRef = Arc::new(values.iter().map(Option::as_ref).collect::<BinaryArray>());
    let raw = RecordBatch::try_from_iter_with_nullable([("_key", keys, true), ("value", values, true)])
        .expect("a batch");
    let viewed = view.view(&raw).expect("a view");
    assert!(
        viewed.problems.is_empty() && viewed.key_problems.is_empty(),
        "{viewed:?}"
    );
    let text = |column: usize, row: usize| {
        let column = viewed
            .records
            .column(column)
            .as_any()
            .downcast_ref::<BinaryArray>()
            .expect("bytes");
        column
            .is_valid(row)
            .then(|| String::from_utf8(column.value(row).to_vec()).expect("text"))
    };
    assert!(text(0, 0).expect("a key").contains("\"group\":\"billing\""));
    assert!(text(1, 1).expect("a value").contains("\"metadata_hash\":77"));
    assert_eq!(text(1, 2), None);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(key in prop::collection::vec(any::<u8>(), 0..40), value in prop::collection::vec(any::<u8>(), 0..200)) {
        for format in [Format::ConsumerOffsets, Format::ConsumerOffsetsKey, Format::TransactionState, Format::TransactionStateKey] {
            for key in [None, Some(key.as_slice())] {
                if let Ok(json) = transcoder(format).transcode_one_keyed(key, &value) {
                    prop_assert!(serde_json::from_str::<Value>(&json).is_ok(), "{}", json);
                }
            }
        }
    }

    #[test]
    fn no_value_of_a_known_kind_makes_it_panic(kind in 0_u8..24, value in prop::collection::vec(0_u8..12, 0..200)) {
        let key = [0, kind];
        if let Ok(json) = transcoder(Format::ConsumerOffsets).transcode_one_keyed(Some(&key), &value) {
            prop_assert!(serde_json::from_str::<Value>(&json).is_ok(), "{}", json);
        }
    }
}
