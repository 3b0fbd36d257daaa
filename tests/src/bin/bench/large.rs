//! A large cluster in the real window: 1,000 topics of 5 partitions and 200 consumer groups on Apache Kafka. From the start
//! of the program, and from a click, to the whole list on screen; and how long frames take while the lists are kept
//! fresh in the background.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use integration::{
    kafka::{Kafka, Record},
    window::{Window, testid},
};
use rdkafka::{
    Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, CommitMode, Consumer},
};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    live::{Frames, studio},
    numbers::{count, median, seconds, spread},
    report::{Figure, note},
    tail::workspace,
};

const PARTITIONS: i32 = 5;
/// Topics that each group reads.
const TOPICS_PER_GROUP: usize = 5;
const AT_A_TIME: usize = 100;
const STARTS: usize = 3;
const DEADLINE: Duration = Duration::from_secs(60);
const REFRESHED: Duration = Duration::from_secs(20);
/// Goes somewhere and remembers when the frame was drawn in which what it looks for was there.
const WATCH: &str = "
    const [hash, bar, wanted, row] = arguments;
    window.benchShownMs = null;
    window.benchAskedMs = performance.timeOrigin + performance.now();
    const look = () => requestAnimationFrame(() => {
        const there = document.querySelector(row) && [...document.querySelectorAll(bar)].some((it) => it.textContent.includes(wanted));
        if (there) window.benchShownMs = performance.timeOrigin + performance.now();
        else look();
    });
    window.location.hash = hash;
    look();
";

pub async fn measure(topics: usize, groups: usize) -> Result<Vec<Figure>> {
    let kafka = Kafka::start().await?;
    fill(&kafka, topics, groups).await?;
    let (mut starts, mut to_groups, mut back) = (Vec::new(), Vec::new(), Vec::new());
    let mut frames = None;
    for _ in 0..STARTS {
        let folder = TempDir::with_prefix("tailrace-bench-large-")?;
        workspace(folder.path(), &kafka.bootstrap())?;
        let window = Window::open(&studio(folder.path())?).await?;
        let all_topics = format!("{} topics", count(topics as u64));
        let all_groups = format!("{} groups", count(groups as u64));
        let shown = goes(&window, "#/topics", "topics", &all_topics).await?;
        starts.push((shown.at_ms - unix_ms(window.started_at()?)?) / 1_000.0);
        to_groups.push(goes(&window, "#/groups", "groups", &all_groups).await?.took_s);
        back.push(goes(&window, "#/topics", "topics", &all_topics).await?.took_s);
        Frames::watch(&window).await?;
        tokio::time::sleep(REFRESHED).await;
        frames = Some(Frames::take(&window).await?);
        window.screenshot("bench-large").await?;
        window.signal("TERM", DEADLINE).await?;
    }
    let frames = frames.context("no window was opened")?;
    note(&format!(
        "  start {}, groups {}, frames p95 {:.0} ms, longest {:.0} ms",
        spread(&starts, seconds),
        spread(&to_groups, seconds),
        frames.at(0.95),
        frames.longest()
    ));
    let over = format!(
        "{} topics, {} partitions, {} consumer groups on Apache Kafka, Xvfb at 1280x800",
        count(topics as u64),
        count(topics as u64 * PARTITIONS as u64),
        count(groups as u64)
    );
    let figure = |what: &str, figure: String, tailrace: String| Figure {
        what: what.to_owned(),
        over: over.clone(),
        figure,
        tailrace,
        peer: "none".to_owned(),
    };
    Ok(vec![
        figure(
            "Large cluster: start of the program to the whole list of topics on screen",
            seconds(median(&starts)),
            spread(&starts, seconds),
        ),
        figure(
            "Large cluster: from the click to the whole list of groups with their lag",
            seconds(median(&to_groups)),
            format!(
                "{}; back to the topics {}",
                spread(&to_groups, seconds),
                spread(&back, seconds)
            ),
        ),
        figure(
            "Large cluster: longest time between frames while it is kept fresh",
            format!("{:.0} ms", frames.longest()),
            format!(
                "95th percentile {:.0} ms over {} s",
                frames.at(0.95),
                REFRESHED.as_secs()
            ),
        ),
    ])
}

struct Shown {
    at_ms: f64,
    took_s: f64,
}

async fn goes(window: &Window, hash: &str, table: &str, wanted: &str) -> Result<Shown> {
    let bar = format!("[data-testid=\"screen-{table}\"]");
    let row = format!("{} {}[data-key]", testid(table), testid("row"));
    window
        .script(WATCH, &[json!(hash), json!(bar), json!(wanted), json!(row)])
        .await?;
    window
        .wait_until(wanted, "return window.benchShownMs", DEADLINE)
        .await?;
    let times = window
        .script("return [window.benchAskedMs, window.benchShownMs]", &[])
        .await?;
    let (asked_ms, at_ms): (f64, f64) = serde_json::from_value(times)?;
    Ok(Shown {
        at_ms,
        took_s: (at_ms - asked_ms) / 1_000.0,
    })
}

fn name(number: usize) -> String {
    format!("team-{:02}.events-{number:04}", number % 40)
}

async fn fill(kafka: &Kafka, topics: usize, groups: usize) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = kafka.client_config().create()?;
    let options = AdminOptions::new().operation_timeout(Some(DEADLINE));
    let names: Vec<String> = (0..topics).map(name).collect();
    for names in names.chunks(AT_A_TIME) {
        let new: Vec<NewTopic<'_>> = names
            .iter()
            .map(|name| NewTopic::new(name, PARTITIONS, TopicReplication::Fixed(1)))
            .collect();
        for made in admin.create_topics(&new, &options).await? {
            made.map_err(|(topic, code)| anyhow::anyhow!("topic {topic} was not created: {code}"))?;
        }
    }
    for read in names.iter().take(groups.max(TOPICS_PER_GROUP)) {
        let records = (0..20).map(|number| {
            Record::new(format!("k{number}"), format!("{{\"n\":{number}}}")).on_partition(number % PARTITIONS)
        });
        kafka.produce(read, records).await?;
    }
    note("  the topics are made");
    let config = kafka.client_config();
    let names = names.clone();
    tokio::task::spawn_blocking(move || -> Result<()> {
        for group in 0..groups {
            let mut config = config.clone();
            config.set("group.id", format!("service-{group:03}"));
            let consumer: BaseConsumer = config.create()?;
            let mut offsets = TopicPartitionList::new();
            for topic in (0..TOPICS_PER_GROUP).map(|at| &names[(group + at) % groups.min(names.len())]) {
                for partition in 0..PARTITIONS {
                    offsets.add_partition_offset(topic, partition, Offset::Offset(group as i64 % 5))?;
                }
            }
            consumer.commit(&offsets, CommitMode::Sync)?;
        }
        Ok(())
    })
    .await??;
    note("  the groups have committed");
    Ok(())
}

fn unix_ms(at: SystemTime) -> Result<f64> {
    Ok(at.duration_since(UNIX_EPOCH)?.as_secs_f64() * 1_000.0)
}
