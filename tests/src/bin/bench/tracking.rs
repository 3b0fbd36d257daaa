//! The tracking API over loopback: batches of 100 events to `tailrace serve`, each acknowledged once it is durable.
//!
//! There is no peer that does this. What was acknowledged is counted in the log afterwards, so that a figure is of events
//! that are there.

use std::{
    fmt::Write as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use integration::{
    cli::{Cli, Running},
    eventually, free_port,
};
use reqwest::Client;

use crate::{
    numbers::count,
    report::{Figure, note},
};

const KEY: &str = "bench-key";
const BATCH: u64 = 100;
/// Connections that send at a time.
const SENDERS: u64 = 8;
/// People that the events are of.
const PEOPLE: u64 = 5_000;
const STARTS_WITHIN: Duration = Duration::from_secs(60);
const ENDS_WITHIN: Duration = Duration::from_secs(30);

pub async fn measure(seconds: u64) -> Result<Vec<Figure>> {
    let cli = Cli::new()?.env("TAILRACE_SECRET_BENCH", KEY);
    let folder = cli.home().join("workspace");
    write(&folder.join("tailrace.toml"), "name = \"bench\"\n")?;
    let source = "kind = \"tracking\"\n\n[tracking]\nwrite_key = \"secret:bench\"\n";
    write(&folder.join("sources/bench.toml"), source)?;
    let folder = folder.to_str().context("a folder's name in UTF-8")?;
    let port = free_port()?;
    let mut server = cli.start(&[
        "--workspace",
        folder,
        "serve",
        "--listen",
        &format!("127.0.0.1:{port}"),
    ])?;
    eventually("the tracking API to listen", STARTS_WITHIN, || {
        let listens = server.stderr().contains("listens for bench");
        async move { listens.then_some(()) }
    })
    .await
    .with_context(|| server.stderr())?;

    let url = format!("http://127.0.0.1:{port}/v1/batch");
    // The first seconds warm both sides and are not counted.
    let warm = send(&url, Duration::from_secs(2), 0).await?;
    let sent = send(&url, Duration::from_secs(seconds), warm.batches).await?;
    note(&format!(
        "  {} events acknowledged in {:.1} s, {} requests refused, {} MiB of memory",
        count(sent.batches * BATCH),
        sent.took.as_secs_f64(),
        sent.refused,
        server.process().memory_bytes()? >> 20
    ));
    let acknowledged = (warm.batches + sent.batches) * BATCH;
    let there = in_the_log(&cli, folder, &mut server).await?;
    ensure!(
        there == acknowledged,
        "{acknowledged} events were acknowledged, {there} are in the log"
    );
    ensure!(sent.refused == 0, "{} requests were refused", sent.refused);
    let per_second = (sent.batches * BATCH) as f64 / sent.took.as_secs_f64();
    let [half, most] = [0.5, 0.95].map(|part| sent.percentile(part));
    Ok(vec![Figure {
        what: "Tracking API: events a second, durable when acknowledged".to_owned(),
        over: format!(
            "batches of {BATCH} over loopback, {SENDERS} connections, {seconds} s; an answer takes {:.1} ms, {:.1} ms at the \
             95th percentile; more is better, at least 20,000 is wanted",
            half.as_secs_f64() * 1_000.0,
            most.as_secs_f64() * 1_000.0
        ),
        figure: format!("{}/s", count(per_second as u64)),
        tailrace: format!("{} events", count(sent.batches * BATCH)),
        peer: "none".to_owned(),
    }])
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::create_dir_all(path.parent().context("a folder")?)?;
    std::fs::write(path, text).with_context(|| path.display().to_string())
}

/// Ends the server and counts.
async fn in_the_log(cli: &Cli, folder: &str, server: &mut Running) -> Result<u64> {
    server.interrupt(ENDS_WITHIN).await?.exits(0)?;
    let sql = "SELECT count(DISTINCT message_id) AS n FROM events";
    let rows = cli
        .run(&["--workspace", folder, "sql", sql, "--json"], STARTS_WITHIN)
        .await?;
    let row = rows.exits(0)?.json()?;
    row["n"].as_u64().context("a count")
}

struct Sent {
    batches: u64,
    refused: u64,
    took: Duration,
    /// Of each answer, sorted.
    answers: Vec<Duration>,
}

impl Sent {
    fn percentile(&self, part: f64) -> Duration {
        let at = (self.answers.len() as f64 * part) as usize;
        self.answers.get(at).copied().unwrap_or_default()
    }
}

async fn send(url: &str, span: Duration, from: u64) -> Result<Sent> {
    let next = Arc::new(AtomicU64::new(from));
    let began = Instant::now();
    let mut senders = Vec::new();
    for _ in 0..SENDERS {
        let (client, url, next) = (Client::new(), url.to_owned(), Arc::clone(&next));
        senders.push(tokio::spawn(async move {
            let (mut answers, mut refused) = (Vec::new(), 0);
            while began.elapsed() < span {
                let body = batch(next.fetch_add(1, Ordering::Relaxed));
                let asked = Instant::now();
                let answer = client
                    .post(&url)
                    .basic_auth(KEY, Some(""))
                    .body(body)
                    .send()
                    .await?;
                if answer.status().is_success() {
                    answers.push(asked.elapsed());
                } else {
                    refused += 1;
                }
            }
            Ok::<_, reqwest::Error>((answers, refused))
        }));
    }
    let (mut answers, mut refused) = (Vec::new(), 0);
    for sender in senders {
        let (some, none) = sender.await??;
        answers.extend(some);
        refused += none;
    }
    let took = began.elapsed();
    answers.sort_unstable();
    Ok(Sent {
        batches: answers.len() as u64,
        refused,
        took,
        answers,
    })
}

/// As Segment's libraries send it.
fn batch(number: u64) -> String {
    let mut text = String::with_capacity(48 * 1024);
    text.push_str("{\"sentAt\":\"2026-01-01T00:00:00.000Z\",\"batch\":[");
    for at in 0..BATCH {
        let event = number * BATCH + at;
        // Writing to a text does not fail.
        let _ = write!(
            text,
            "{}{{\"type\":\"track\",\"event\":\"Order Completed\",\"messageId\":\"bench-{event}\",\"userId\":\"u{}\",\
             \"timestamp\":\"2026-01-01T00:00:00.000Z\",\"properties\":{{\"order_id\":\"o-{event}\",\"revenue\":{}.5,\
             \"currency\":\"EUR\",\"products\":[{{\"sku\":\"s-{}\",\"quantity\":2}}]}},\
             \"context\":{{\"library\":{{\"name\":\"bench\",\"version\":\"1.0.0\"}},\"ip\":\"203.0.113.7\"}}}}",
            if at == 0 { "" } else { "," },
            event % PEOPLE,
            event % 500,
            event % 1_000
        );
    }
    text.push_str("]}");
    text
}
