//! Brokers with what they lead and keep.

use tailrace_model::{
    Result,
    api::{BrokerDetail, BrokerList},
};

use crate::clusters::Cluster;

/// Every broker by id.
pub async fn brokers(cluster: &Cluster) -> Result<BrokerList> {
    let client = &cluster.client;
    let shape = client.shape().await?;
    let ((mut brokers, unsaid), (logs, mut missing)) =
        tokio::join!(client.brokers(&shape), client.logs(&shape.brokers));
    missing.extend(unsaid);
    for broker in &mut brokers {
        let id = broker.id;
        let partitions = || shape.topics.iter().flat_map(|topic| &topic.partitions);
        broker.holds = partitions().filter(|of| of.replicas.contains(&id)).count() as u64;
        broker.behind = partitions()
            .filter(|of| of.replicas.contains(&id) && !of.in_sync.contains(&id))
            .count() as u64;
        if let Some(logs) = logs.iter().find(|logs| logs.broker == id) {
            put_logs(broker, logs);
        }
    }
    Ok(BrokerList { brokers, missing })
}

fn put_logs(broker: &mut BrokerDetail, logs: &tailrace_connectors::clusters::kafka::BrokerLogs) {
    broker.bytes = Some(logs.partitions.iter().map(|(_, _, bytes)| bytes).sum());
    broker.disk_bytes = logs.disk_bytes;
    broker.disk_bytes_free = logs.disk_bytes_free;
}
