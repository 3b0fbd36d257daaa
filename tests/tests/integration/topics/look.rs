//! What a cluster is seen to be.

use anyhow::{Context, Result};
use integration::{kafka::Kafka, listeners::Setup, need};
use kafka_protocol::{
    messages::{
        AlterClientQuotasRequest, CreateAclsRequest,
        alter_client_quotas_request::{EntityData, EntryData, OpData},
        create_acls_request::AclCreation,
    },
    protocol::StrBytes,
};
use serde_json::{Value, json};

use super::{filled, wire, workspace};

#[tokio::test]
async fn the_list_has_records_size_and_settings() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let topic = filled(
        kafka,
        &[("retention.ms", "3600000"), ("cleanup.policy", "compact,delete")],
    )
    .await?;
    let workspace = workspace(kafka)?;
    let output = workspace.run(&["topics", "test", "--json"]).await?.exits(0)?;
    let listed = output.json_lines()?;
    let found = listed
        .iter()
        .find(|it| it["name"] == topic.as_str())
        .context("in the list")?;
    assert_eq!(
        (&found["records"], &found["partitions"], &found["replication"]),
        (&json!(20), &json!(2), &json!(1))
    );
    assert_eq!(
        (&found["cleanup_policy"], &found["retention_ms"]),
        (&json!("compact,delete"), &json!(3_600_000))
    );
    assert_eq!(
        (&found["internal"], &found["under_replicated"]),
        (&json!(false), &json!(0))
    );
    // Twenty values of a hundred bytes, compressed.
    assert!(found["bytes"].as_i64().context("a size")? > 100, "{found}");
    assert_eq!(found["bytes"], found["bytes_on_disk"], "one copy is all there is");
    // One look is no rate.
    assert_eq!(found["in_per_second"], Value::Null);
    let text = workspace.run(&["topics", "test"]).await?.exits(0)?.stdout;
    assert!(
        text.contains(&topic) && !text.contains("__consumer_offsets"),
        "{text}"
    );
    Ok(())
}

#[tokio::test]
async fn a_topic_has_partitions_and_settings_with_their_sources() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let topic = filled(kafka, &[("retention.ms", "3600000")]).await?;
    let workspace = workspace(kafka)?;
    let partitions = workspace
        .run(&["topics", "test", &topic, "--json"])
        .await?
        .exits(0)?
        .json_lines()?;
    for (index, found) in partitions.iter().enumerate() {
        assert_eq!(
            (&found["partition"], &found["leader"], &found["in_sync"]),
            (&json!(index), &json!(1), &json!([1]))
        );
        assert_eq!((&found["start"], &found["end"]), (&json!(0), &json!(10)));
        assert!(found["bytes"].as_i64().is_some_and(|bytes| bytes > 0), "{found}");
    }
    assert_eq!(partitions.len(), 2);
    let config = workspace
        .run(&["topics", "test", &topic, "--config", "--json"])
        .await?
        .exits(0)?
        .json_lines()?;
    let entry = |name: &str| {
        config
            .iter()
            .find(|it| it["name"] == name)
            .cloned()
            .unwrap_or_default()
    };
    let retention = entry("retention.ms");
    assert_eq!(
        (&retention["value"], &retention["source"], &retention["differs"]),
        (&json!("3600000"), &json!("topic"), &json!(true))
    );
    // The harness starts its broker with this in its file.
    assert_eq!(
        retention["inherited"],
        json!({"name": "log.retention.ms", "value": "-1", "source": "static"})
    );
    assert_eq!(entry("cleanup.policy")["source"], "default");
    assert_eq!(entry("cleanup.policy")["differs"], false);
    let unknown = workspace
        .run(&["topics", "test", "nowhere", "--config"])
        .await?
        .exits(1)?;
    assert!(
        unknown.stderr.contains("has no topic \"nowhere\""),
        "{}",
        unknown.stderr
    );
    Ok(())
}

#[tokio::test]
async fn brokers_are_seen_with_what_they_hold() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    filled(kafka, &[]).await?;
    let workspace = workspace(kafka)?;
    let brokers = workspace
        .run(&["brokers", "test", "--json"])
        .await?
        .exits(0)?
        .json_lines()?;
    let [broker] = brokers.as_slice() else {
        anyhow::bail!("{brokers:?}");
    };
    assert_eq!((&broker["id"], &broker["controller"]), (&json!(1), &json!(true)));
    assert_eq!(broker["leads"], broker["holds"]);
    assert!(
        broker["bytes"].as_i64().is_some_and(|bytes| bytes > 0),
        "{broker}"
    );
    assert!(
        broker["disk_bytes_free"].as_i64().is_some_and(|bytes| bytes > 0),
        "{broker}"
    );
    let config = workspace
        .run(&["brokers", "test", "1", "--json"])
        .await?
        .exits(0)?
        .json_lines()?;
    let roles = config
        .iter()
        .find(|it| it["name"] == "process.roles")
        .context("a setting")?;
    assert_eq!(
        (&roles["value"], &roles["source"], &roles["read_only"]),
        (&json!("broker,controller"), &json!("static"), &json!(true))
    );
    let wrong = workspace.run(&["brokers", "test", "7"]).await?.exits(1)?;
    assert!(
        wrong.stderr.contains("has no broker 7: its brokers are 1"),
        "{}",
        wrong.stderr
    );
    Ok(())
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn rule(kind: i8, name: &str, pattern: i8, principal: &str, operation: i8, permission: i8) -> AclCreation {
    AclCreation::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_resource_pattern_type(pattern)
        .with_principal(text(principal))
        .with_host(text("*"))
        .with_operation(operation)
        .with_permission_type(permission)
}

#[tokio::test]
async fn access_rules_are_listed_and_filtered() -> Result<()> {
    let kafka = need!(
        Kafka::start_with(Setup {
            settings: [
                "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "super.users=User:ANONYMOUS"
            ]
            .map(str::to_owned)
            .to_vec(),
            ..Setup::default()
        })
        .await
    );
    let workspace = workspace(&kafka)?;
    let none = workspace.run(&["acls", "test", "--json"]).await?.exits(0)?;
    assert!(none.json_lines()?.is_empty(), "{}", none.stdout);
    // Numbers of the protocol: topic 2, group 3, cluster 4; literal 3, prefixed 4; read 3, write 4, describe 8;
    // deny 2, allow 3.
    let rules = vec![
        rule(2, "shop.", 4, "User:shop", 4, 3),
        rule(3, "billing", 3, "User:billing", 3, 2),
        rule(4, "kafka-cluster", 3, "User:ops", 8, 3),
    ];
    let made = wire::ask(
        &kafka.bootstrap(),
        &CreateAclsRequest::default().with_creations(rules),
        3,
    )
    .await?;
    assert!(made.results.iter().all(|made| made.error_code == 0), "{made:?}");
    let listed = |args: &'static [&'static str]| {
        let workspace = &workspace;
        async move {
            let args = [&["acls", "test", "--json"], args].concat();
            workspace.run(&args).await?.exits(0)?.json_lines()
        }
    };
    let all = integration::eventually("the rules", crate::workspace::DEADLINE, || async {
        listed(&[]).await.ok().filter(|all| all.len() == 3)
    })
    .await?;
    assert!(
        all.contains(
            &json!({"resource_type": "topic", "resource": "shop.", "pattern": "prefixed",
            "principal": "User:shop", "host": "*", "operation": "write", "permission": "allow"})
        ),
        "{all:?}"
    );
    assert!(
        all.iter()
            .any(|it| it["resource_type"] == "cluster" && it["operation"] == "describe")
    );
    let of_topic = listed(&["--type", "topic", "--resource", "shop.orders"]).await?;
    assert_eq!(
        of_topic.len(),
        1,
        "a prefix holds for what begins with it: {of_topic:?}"
    );
    let of_billing = listed(&["--principal", "User:billing"]).await?;
    assert_eq!(of_billing[0]["permission"], "deny");
    assert!(listed(&["--resource", "nothing"]).await?.is_empty());
    let wrong = workspace
        .run(&["acls", "test", "--type", "table"])
        .await?
        .exits(1)?;
    assert!(
        wrong.stderr.contains("there is no resource type `table`"),
        "{}",
        wrong.stderr
    );
    Ok(())
}

#[tokio::test]
async fn without_an_authorizer_it_says_so() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let output = workspace(kafka)?.run(&["acls", "test"]).await?.exits(1)?;
    assert!(
        output.stderr.contains("its brokers run without an authorizer"),
        "{}",
        output.stderr
    );
    Ok(())
}

#[tokio::test]
async fn quotas_are_listed() -> Result<()> {
    let kafka = need!(Kafka::start().await);
    let workspace = workspace(&kafka)?;
    let none = workspace.run(&["quotas", "test", "--json"]).await?.exits(0)?;
    assert!(none.json_lines()?.is_empty(), "{}", none.stdout);
    let entity = |kind: &str, name: Option<&str>| {
        EntityData::default()
            .with_entity_type(text(kind))
            .with_entity_name(name.map(text))
    };
    let limit = OpData::default()
        .with_key(text("producer_byte_rate"))
        .with_value(1_048_576.0);
    let entry = EntryData::default()
        .with_entity(vec![entity("user", Some("shop")), entity("client-id", None)])
        .with_ops(vec![limit]);
    let request = AlterClientQuotasRequest::default().with_entries(vec![entry]);
    let altered = wire::ask(&kafka.bootstrap(), &request, 1).await?;
    assert!(altered.entries.iter().all(|it| it.error_code == 0), "{altered:?}");
    let quotas = integration::eventually("the quota", crate::workspace::DEADLINE, || async {
        let output = workspace.run(&["quotas", "test", "--json"]).await.ok()?;
        output.json_lines().ok().filter(|quotas| !quotas.is_empty())
    })
    .await?;
    assert_eq!(
        quotas,
        [
            json!({"entity": [{"kind": "client-id", "name": null}, {"kind": "user", "name": "shop"}],
            "limits": [{"name": "producer_byte_rate", "value": 1_048_576.0}]})
        ]
    );
    Ok(())
}
