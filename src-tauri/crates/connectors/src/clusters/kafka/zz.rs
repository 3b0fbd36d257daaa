
use super::*;
use rdkafka::consumer::{BaseConsumer, Consumer, CommitMode, StreamConsumer};
use rdkafka::{ClientConfig, TopicPartitionList, Offset};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tailrace_model::api::TailStart;
use tokio_util::sync::CancellationToken;
const B: &str = "127.0.0.1:19592";
fn client() -> KafkaClient { KafkaClient::new("real", &BTreeMap::from([("bootstrap.servers".to_owned(), B.to_owned())])).unwrap() }
fn now() -> i64 { std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64 }
#[tokio::test(flavor = "multi_thread")]
async fn zz_groups() {
    let c = client();
    let t = format!("t{}", now());
    c.create_topic(&t, 3, 1).await.unwrap();
    eprintln!("{:?}", c.create_topic(&t, 3, 1).await);
    let recs: Vec<OutRecord> = (0..300).map(|i| OutRecord { partition: Some(i % 3), value: Some(format!("{{\"n\":{i}}}").into_bytes()), timestamp_ms: Some(now() - 60_000 + i as i64 * 100), ..Default::default() }).collect();
    let s = Instant::now();
    c.produce(&t, recs).await.unwrap();
    eprintln!("produced {:?}", s.elapsed());
    // committed without membership
    c.commit("g1", &t, &[(0, 10), (1, 100), (2, 50)]).await.unwrap();
    // a live member
    let k: BaseConsumer = ClientConfig::new().set("bootstrap.servers", B).set("group.id", "g2").set("auto.offset.reset","earliest").set("enable.auto.commit","false").set("client.id","me").create().unwrap();
    k.subscribe(&[&t]).unwrap();
    let mut n = 0; while n < 150 { if let Some(Ok(m)) = k.poll(Duration::from_secs(5)) { n += 1; k.commit_message(&m, CommitMode::Async).unwrap(); } }
    k.commit_consumer_state(CommitMode::Sync).ok();
    eprintln!("{:?}", c.groups().await.unwrap());
    eprintln!("commit in use: {:?}", c.commit("g2", &t, &[(0, 1)]).await);
    eprintln!("{:?}", c.committed(&["g1".into(), "g2".into(), "nope".into()]).await);
    let l = LagSampler::new(c.clone()).unwrap();
    for _ in 0..3 { let s = Instant::now(); let x = l.sample(now()).await.unwrap(); eprintln!("sample {:?}", s.elapsed()); for g in x { if g.group.starts_with("g") { eprintln!("{} {} {} {:?}", g.group, g.state, g.members, g.error); for p in g.partitions { if p.topic == t { eprintln!("   {p:?}"); } } } } }
    let s = Instant::now();
    eprintln!("{:?} {:?}", c.overview().await, s.elapsed());
    eprintln!("{:?}", c.record(&t, 1, 5).await.map(|r| r.detail(&t)));
    eprintln!("{:?}", c.record(&t, 1, 5000).await);
    let s = Instant::now();
    eprintln!("{:?} {:?}", c.record(&t, 1, 6).await.is_ok(), s.elapsed());
}
#[tokio::test(flavor = "multi_thread")]
async fn zz_lost() {
    let c = client();
    let t = format!("lost{}", now());
    c.create_topic(&t, 1, 1).await.unwrap();
    let recs = |a: i32, b: i32| -> Vec<OutRecord> { (a..b).map(|i: i32| OutRecord { value: Some({ let mut x = i as u64 * 7919 + 12345; (0..20000).map(|_| { x ^= x << 13; x ^= x >> 7; x ^= x << 17; x as u8 }).collect() }), ..Default::default() }).collect() };
    c.produce(&t, recs(0, 10000)).await.unwrap(); c.produce(&t, recs(10000, 20000)).await.unwrap();
    let mut tail = Tail::start(&c, TailSpec { limits: TailLimits { batch_records_max: 100, batches_max: 1, ..Default::default() }, ..TailSpec::new(&t, TailFrom::Start(TailStart::Beginning)) }, now(), CancellationToken::new()).await.unwrap();
    let b = tail.next().await.unwrap().unwrap();
    eprintln!("first {:?} {:?}", b.positions, tail.progress());
    let admin: rdkafka::admin::AdminClient<_> = ClientConfig::new().set("bootstrap.servers", B).create().unwrap();
    let mut tpl = TopicPartitionList::new(); tpl.add_partition_offset(&t, 0, Offset::Offset(19000)).unwrap();
    admin.delete_records(&tpl, &rdkafka::admin::AdminOptions::new()).await.unwrap();
    let mut n = 100;
    let mut last = 99;
    while last < 19999 { let b = match tokio::time::timeout(Duration::from_secs(8), tail.next()).await { Ok(b) => b.unwrap().unwrap(), Err(_) => { eprintln!("STUCK {:?}", tail.progress()); panic!() } }; n += b.records.num_rows(); last = b.positions[0].1 - 1; }
    eprintln!("read {n} {:?}", tail.progress());
    assert_eq!(n as i64 + tail.progress().lost, 20000);
    // deletion while tailing
    admin.delete_topics(&[&t], &rdkafka::admin::AdminOptions::new()).await.unwrap();
    eprintln!("{:?}", tokio::time::timeout(Duration::from_secs(60), tail.next()).await);
}
#[tokio::test(flavor = "multi_thread")]
async fn zz_txn() {
    use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
    let c = client();
    let t = format!("txn{}", now());
    c.create_topic(&t, 1, 1).await.unwrap();
    let p: BaseProducer = ClientConfig::new().set("bootstrap.servers", B).set("transactional.id", &t).create().unwrap();
    p.init_transactions(Duration::from_secs(20)).unwrap();
    for (n, commit) in [(5, true), (7, false), (3, true)] {
        p.begin_transaction().unwrap();
        for i in 0..n { p.send(BaseRecord::<(), [u8]>::to(&t).payload(format!("{commit}{i}").as_bytes())).unwrap(); p.poll(Duration::ZERO); }
        p.flush(Duration::from_secs(5)).unwrap();
        if commit { p.commit_transaction(Duration::from_secs(10)).unwrap() } else { p.abort_transaction(Duration::from_secs(10)).unwrap() }
    }
    eprintln!("{:?}", c.topic(&t).await);
    let mut tail = Tail::start(&c, TailSpec { stop_at_end: true, ..TailSpec::new(&t, TailFrom::Start(TailStart::Beginning)) }, now(), CancellationToken::new()).await.unwrap();
    let mut n = 0;
    while let Some(b) = tokio::time::timeout(Duration::from_secs(20), tail.next()).await.unwrap().unwrap() { n += b.records.num_rows(); eprintln!("{:?}", b.positions); }
    eprintln!("{n} {:?}", tail.progress());
    assert_eq!(n, 8);
    c.commit("gt", &t, &[(0, 16)]).await.unwrap();
    c.commit("gt2", &t, &[(0, 17)]).await.unwrap();
    for g in LagSampler::new(c).unwrap().sample(now()).await.unwrap() { for p in g.partitions { if p.topic == t { eprintln!("{p:?}") } } }
}
#[tokio::test(flavor = "multi_thread")]
async fn zz_connect() {
    let go = async |pairs: &[(&str, &str)]| {
        let props: BTreeMap<String, String> = pairs.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect();
        let r = test_connection("c", &props).await;
        eprintln!("--- {pairs:?} ok={}", r.ok);
        for s in r.steps { eprintln!("    {} {} {}ms {}", s.step, s.ok, s.took_ms, s.detail); }
    };
    go(&[("bootstrap.servers", "127.0.0.1:19592")]).await;
    go(&[("bootstrap.servers", "localhost:19592")]).await;
    go(&[("bootstrap.servers", "127.0.0.1:19594")]).await;
    go(&[("bootstrap.servers", "127.0.0.1:19595")]).await;
    go(&[("bootstrap.servers", "127.0.0.1:19595"), ("security.protocol", "ssl")]).await;
    go(&[("bootstrap.servers", "127.0.0.1:19595"), ("security.protocol", "ssl"), ("enable.ssl.certificate.verification", "false")]).await;
    go(&[("bootstrap.servers", "127.0.0.1:19594"), ("security.protocol", "sasl_plaintext"), ("sasl.mechanism", "PLAIN"), ("sasl.username", "alice"), ("sasl.password", "wrong")]).await;
    go(&[("bootstrap.servers", "127.0.0.1:19594"), ("security.protocol", "sasl_plaintext"), ("sasl.mechanism", "PLAIN"), ("sasl.username", "alice"), ("sasl.password", "alice-secret")]).await;
    go(&[("bootstrap.servers", "127.0.0.1:19594"), ("security.protocol", "sasl_plaintext"), ("sasl.mechanism", "SCRAM-SHA-256"), ("sasl.username", "alice"), ("sasl.password", "alice-secret")]).await;
    go(&[("bootstrap.servers", "127.0.0.1:19592"), ("security.protocol", "sasl_plaintext"), ("sasl.mechanism", "PLAIN"), ("sasl.username", "alice"), ("sasl.password", "alice-secret")]).await;
    go(&[("bootstrap.servers", "127.0.0.1:19593")]).await;
    go(&[("bootstrap.servers", "10.255.255.1:9092")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn zz_sasl() {
    let c = KafkaClient::new("real", &BTreeMap::from([("bootstrap.servers".to_owned(), "127.0.0.1:19594".to_owned()), ("debug".to_owned(),"broker,protocol".to_owned())])).unwrap();
    eprintln!("{:?}", c.topics().await);
}
#[tokio::test(flavor = "multi_thread")]
async fn zz_kill() {
    use std::process::*;
    let b = "127.0.0.1:19692";
    let mut broker = Command::new("/tmp/kh/start.sh").arg("19692").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let c = KafkaClient::new("real", &BTreeMap::from([("bootstrap.servers".to_owned(), b.to_owned())])).unwrap();
    while c.topics().await.is_err() { tokio::time::sleep(Duration::from_millis(300)).await }
    let t = "kill";
    c.create_topic(t, 3, 1).await.unwrap();
    let recs = |a: i32, b: i32| -> Vec<OutRecord> { (a..b).map(|i: i32| OutRecord { partition: Some(i % 3), value: Some({ let mut x = i as u64 * 7919 + 12345; (0..2000).map(|_| { x ^= x << 13; x ^= x >> 7; x ^= x << 17; x as u8 }).collect() }), ..Default::default() }).collect() };
    for i in 0..6 { c.produce(t, recs(i * 10000, i * 10000 + 10000)).await.unwrap(); }
    let mut tail = Tail::start(&c, TailSpec { limits: TailLimits { batch_records_max: 500, batches_max: 1, ..Default::default() }, ..TailSpec::new(t, TailFrom::Start(TailStart::Beginning)) }, now(), CancellationToken::new()).await.unwrap();
    let sampler = LagSampler::new(c.clone()).unwrap();
    let mut n = 0usize; let mut next = [0i64; 3]; let mut killed = 0; let mut last_note = None;
    let started = Instant::now();
    while n < 70000 {
        match tokio::time::timeout(Duration::from_millis(300), tail.next()).await {
            Ok(b) => { let b = b.unwrap().unwrap(); n += b.records.num_rows();
                use arrow::array::AsArray;
                let p = b.records.column(0).as_primitive::<arrow::datatypes::Int32Type>(); let o = b.records.column(1).as_primitive::<arrow::datatypes::Int64Type>();
                for i in 0..b.records.num_rows() { let p = p.value(i) as usize; assert_eq!(next[p], o.value(i)); next[p] += 1; } }
            Err(_) => {}
        }
        let note = tail.progress().note; if note != last_note { eprintln!("{:?} n={n} {:?} {note:?}", started.elapsed(), tail.progress().phase); last_note = note; }
        if killed == 0 && n > 5000 { broker.kill().unwrap(); broker.wait().unwrap(); killed = 1; eprintln!("killed at {n}"); }
        if killed == 1 && tail.progress().phase == TailPhase::Waiting { 
            let s = Instant::now(); eprintln!("topics {:?} {:?}", c.topics().await.err().map(|e| e.message), s.elapsed()); eprintln!("sample {:?}", sampler.sample(now()).await.err().map(|e| e.message));
            broker = Command::new("/tmp/kh/again.sh").arg("19692").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap(); killed = 2; eprintln!("restarted"); }
        if killed == 2 && c.topics().await.is_ok() { let s = Instant::now(); match c.produce(t, recs(60000, 70000)).await { Ok(_) => { killed = 3; eprintln!("produced more {:?}", s.elapsed()) } Err(e) => { eprintln!("{e}"); panic!() } } }
        if started.elapsed() > Duration::from_secs(120) { eprintln!("STUCK {n} {:?}", tail.progress()); break; }
    }
    broker.kill().unwrap(); broker.wait().unwrap();
    eprintln!("{n} {next:?} {:?}", started.elapsed());
    assert_eq!(n, 70000);
}
