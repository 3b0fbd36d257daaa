
use super::*;
use rdkafka::consumer::{BaseConsumer, Consumer, CommitMode};
use rdkafka::ClientConfig;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
const B: &str = "127.0.0.1:19592";
fn now() -> i64 { std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64 }
#[tokio::test(flavor = "multi_thread")]
async fn zz_new_protocol() {
    let c = KafkaClient::new("real", &BTreeMap::from([("bootstrap.servers".to_owned(), B.to_owned())])).unwrap();
    let t = format!("np{}", now());
    c.create_topic(&t, 3, 1).await.unwrap();
    c.produce(&t, (0..30).map(|_| OutRecord { value: Some(vec![1]), ..Default::default() }).collect()).await.unwrap();
    let k: BaseConsumer = ClientConfig::new().set("bootstrap.servers", B).set("group.id", &t).set("group.protocol", "consumer").set("auto.offset.reset","earliest").set("enable.auto.commit","false").create().unwrap();
    k.subscribe(&[&t]).unwrap();
    let s = Instant::now();
    let mut n = 0; while n < 20 && s.elapsed() < Duration::from_secs(20) { if let Some(Ok(m)) = k.poll(Duration::from_secs(1)) { n += 1; k.commit_message(&m, CommitMode::Sync).unwrap(); } }
    for g in c.groups().await.unwrap() { if g.group == t { eprintln!("{g:?}") } }
    for g in LagSampler::new(c).unwrap().sample(now()).await.unwrap() { if g.group == t { eprintln!("{g:?}") } }
}
