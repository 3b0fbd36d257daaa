//! A live tail in the real window, records arriving at a steady rate from Apache Kafka: how long the page's frames take,
//! what is resident, and that every record is accounted for. Once with small records, once with records of 1 MB.
//!
//! The tail is unfiltered and follows. Frames are the times between two animation frames of the page itself. When the
//! producer has stopped, the window has to say as many records scanned as the topic has: what left the table is said
//! there too, so that nothing is dropped unsaid.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use integration::{
    kafka::Kafka,
    program,
    window::{Options, Window, testid},
};
use rdkafka::{
    ClientConfig,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer},
};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    numbers::{Dice, bytes, count},
    report::{Figure, note},
    tail::{Topic, record, workspace},
};

const PARTITIONS: i32 = 4;
const RECORDS_PER_SECOND: u64 = 20_000;
const LARGE_PER_SECOND: u64 = 20;
const LARGE_BYTES: usize = 1_000_000;
/// Different records; they come again and again.
const DIFFERENT: usize = 20_000;
const TICK: Duration = Duration::from_millis(10);
const DEADLINE: Duration = Duration::from_secs(60);
/// The first frames are of the screen being put together.
const SETTLED: Duration = Duration::from_secs(5);
const FRAMES: &str = "
    window.benchFrames = [];
    let before = performance.now();
    const frame = (now) => { window.benchFrames.push(now - before); before = now; requestAnimationFrame(frame); };
    requestAnimationFrame((now) => { before = now; requestAnimationFrame(frame); });
";

/// Times between animation frames, in milliseconds.
pub struct Frames(Vec<f64>);

impl Frames {
    /// Begins to watch the page's frames.
    pub async fn watch(window: &Window) -> Result<()> {
        window.script(FRAMES, &[]).await.map(drop)
    }

    /// Those since the last time.
    pub async fn take(window: &Window) -> Result<Self> {
        let taken = window.script("return window.benchFrames.splice(0)", &[]).await?;
        let mut times: Vec<f64> = serde_json::from_value(taken)?;
        ensure!(!times.is_empty(), "the page drew no frame");
        times.sort_by(f64::total_cmp);
        Ok(Self(times))
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    pub fn at(&self, share: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        self.0[((last as f64) * share).round() as usize]
    }

    pub fn longest(&self) -> f64 {
        self.0.last().copied().unwrap_or_default()
    }
}

/// What records are produced.
struct Load {
    topic: &'static str,
    values: Vec<String>,
    per_second: u64,
    what: String,
}

struct Seen {
    frames: Frames,
    memory: u64,
    program: u64,
    scanned: String,
}

pub async fn measure(seconds: u64) -> Result<Vec<Figure>> {
    let kafka = Kafka::start().await?;
    let mut figures = Vec::new();
    for load in [small(), large()] {
        kafka
            .create_topic_with(load.topic, PARTITIONS, &[("max.message.bytes", "2000000")])
            .await?;
        let seen = tail(&kafka, &load, seconds).await?;
        note(&format!(
            "  {}: frames p95 {:.0} ms, longest {:.0} ms; {} resident, {} of it the program; scanned {}",
            load.what,
            seen.frames.at(0.95),
            seen.frames.longest(),
            bytes(seen.memory),
            bytes(seen.program),
            seen.scanned
        ));
        figures.extend(shown(&load, &seen, seconds));
    }
    Ok(figures)
}

fn small() -> Load {
    let (mut dice, mut topic) = (Dice::new(17), Topic::default());
    let made = (0..DIFFERENT).filter_map(|_| record(&mut dice, &mut topic).value);
    let values: Vec<String> = made
        .map(|value| String::from_utf8_lossy(&value).into_owned())
        .collect();
    Load {
        topic: "bench.live",
        what: format!(
            "{} records of {} bytes a second",
            count(RECORDS_PER_SECOND),
            topic.bytes / topic.records.max(1)
        ),
        values,
        per_second: RECORDS_PER_SECOND,
    }
}

fn large() -> Load {
    let items: Vec<_> = (0..LARGE_BYTES / 100)
        .map(|number| json!({ "sku": format!("p_{number:08}"), "price": number, "note": "a".repeat(52) }))
        .collect();
    let value = json!({ "event": "Catalogue Uploaded", "items": items }).to_string();
    Load {
        topic: "bench.live.large",
        what: format!("{LARGE_PER_SECOND} records of {} bytes a second", value.len()),
        values: vec![value],
        per_second: LARGE_PER_SECOND,
    }
}

async fn tail(kafka: &Kafka, load: &Load, seconds: u64) -> Result<Seen> {
    let folder = TempDir::with_prefix("tailrace-bench-live-")?;
    workspace(folder.path(), &kafka.bootstrap())?;
    let window = Window::open(&studio(folder.path())?).await?;
    window.wait_for(&testid("screen-topics"), DEADLINE).await?;
    let place = format!("#/topics/kafka/{}?from=beginning", load.topic);
    window
        .script("window.location.hash = arguments[0]", &[json!(place)])
        .await?;
    window.wait_for(&testid("tail-state"), DEADLINE).await?;
    let producer = Producer::start(&kafka.client_config(), load)?;
    tokio::time::sleep(SETTLED).await;
    Frames::watch(&window).await?;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let frames = Frames::take(&window).await?;
    let (memory, program) = (window.memory_bytes()?, window.program_memory_bytes()?);
    window
        .screenshot(&format!("{}-{}", load.topic, load.per_second))
        .await?;
    let produced = producer.stop().await?;
    let wanted = format!("scanned {} record", count(produced));
    window
        .wait_for_text(&testid("tail-scanned"), &wanted, DEADLINE)
        .await
        .context("the window has not said that it scanned every record")?;
    window.signal("TERM", DEADLINE).await?;
    Ok(Seen {
        frames,
        memory,
        program,
        scanned: format!("all {}", count(produced)),
    })
}

pub fn studio(workspace: &Path) -> Result<Options> {
    let path = |name: &str| workspace.join(name).display().to_string();
    Ok(Options::new(program("tailrace-studio")?)
        .arg(workspace.display().to_string())
        .env("TAILRACE_DATA", path(".data"))
        .env("TAILRACE_CONFIG_DIR", path(".config")))
}

fn shown(load: &Load, seen: &Seen, seconds: u64) -> Vec<Figure> {
    let none = || "none".to_owned();
    vec![
        Figure {
            what: "Live tail in the window: time between frames, 95th percentile".to_owned(),
            over: format!(
                "{} for {seconds} s from Apache Kafka, Xvfb at 1280x800; {} were scanned as the window said",
                load.what, seen.scanned
            ),
            figure: format!("{:.0} ms", seen.frames.at(0.95)),
            tailrace: format!(
                "median {:.0} ms, longest {:.0} ms, {} frames",
                seen.frames.at(0.5),
                seen.frames.longest(),
                count(seen.frames.count() as u64)
            ),
            peer: none(),
        },
        Figure {
            what: "Live tail in the window: resident memory".to_owned(),
            over: format!(
                "{} for {seconds} s; proportional set size, WebKit's processes included",
                load.what
            ),
            figure: bytes(seen.memory),
            tailrace: format!("{} of it the program's own process", bytes(seen.program)),
            peer: none(),
        },
    ]
}

/// A thread that produces at a steady rate until it is stopped.
struct Producer {
    stop: std::sync::mpsc::SyncSender<()>,
    thread: std::thread::JoinHandle<Result<u64>>,
}

impl Producer {
    fn start(config: &ClientConfig, load: &Load) -> Result<Self> {
        let mut config = config.clone();
        config
            .set("enable.idempotence", "true")
            .set("linger.ms", "10")
            .set("message.max.bytes", "2000000")
            .set("compression.type", "lz4");
        let producer: ThreadedProducer<DefaultProducerContext> = config.create()?;
        let (stop, stopped) = std::sync::mpsc::sync_channel(1);
        let (topic, values, per_second) = (load.topic, load.values.clone(), load.per_second);
        let thread = std::thread::spawn(move || {
            let (started, mut sent) = (Instant::now(), 0_u64);
            while let Err(std::sync::mpsc::RecvTimeoutError::Timeout) = stopped.recv_timeout(TICK) {
                let due = (started.elapsed().as_secs_f64() * per_second as f64) as u64;
                while sent < due {
                    let value = &values[sent as usize % values.len()];
                    let partition = i32::try_from(sent % PARTITIONS as u64)?;
                    let one = BaseRecord::<(), str>::to(topic)
                        .partition(partition)
                        .payload(value);
                    match producer.send(one) {
                        Ok(()) => sent += 1,
                        // What it can't take now is due still.
                        Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => break,
                        Err((error, _)) => return Err(error.into()),
                    }
                }
            }
            producer.flush(DEADLINE)?;
            let due = started.elapsed().as_secs_f64() * per_second as f64;
            ensure!(
                sent as f64 > due * 0.9,
                "the producer made only {sent} of {due:.0} records"
            );
            Ok(sent)
        });
        Ok(Self { stop, thread })
    }

    /// How many it has produced, all of them acknowledged.
    async fn stop(self) -> Result<u64> {
        drop(self.stop);
        let thread = self.thread;
        tokio::task::spawn_blocking(move || thread.join().map_err(|_| anyhow::anyhow!("the producer failed")))
            .await??
    }
}
