//! The figures: each a ratio against a peer that does the same work in the same run, on the same machine.
//!
//! Invariants: a figure is printed only after both sides gave the same answer; what could not be measured is named with
//! its reason, and the exit code is then 3; a build without optimisation says so in every line that it prints.

mod audience;
mod crowd;
mod large;
mod live;
mod numbers;
mod peer;
mod report;
mod search;
mod tail;
mod tracking;
mod window;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, ValueEnum};

use report::{Report, note};

/// Measures Tailrace against its peers and prints the figures, as a table and as Markdown.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Args {
    /// What to measure; nothing named: all of it
    which: Vec<Which>,
    /// Small sizes, to see that it works: no figures
    #[arg(long)]
    quick: bool,
    /// Records in the topic that is tailed
    #[arg(long, value_name = "N")]
    records: Option<u64>,
    /// Events in the log that the audience is evaluated over
    #[arg(long, value_name = "N")]
    events: Option<u64>,
    /// People that the events are of; who only passes by comes on top
    #[arg(long, value_name = "N")]
    people: Option<u32>,
    /// Topics of the large cluster
    #[arg(long, value_name = "N")]
    topics: Option<usize>,
    /// Seconds of tailing before the window's memory is measured
    #[arg(long, value_name = "SECONDS")]
    tailing: Option<u64>,
    /// How often both sides of the tail are measured, in turn
    #[arg(long, value_name = "N", default_value_t = 3)]
    tail_rounds: usize,
    /// How often both sides of the audience are measured, in turn
    #[arg(long, value_name = "N", default_value_t = 5)]
    audience_rounds: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    /// Tail with decoding and a SQL filter, over a bare librdkafka loop
    Tail,
    /// A SQL filter over a whole topic, over a bare librdkafka loop and over kcat and jq
    Search,
    /// The sample audience, over DuckDB
    Audience,
    /// Start of the window, and its memory
    Window,
    /// A live tail in the window: frames, memory, and every record accounted for
    Live,
    /// A cluster of a thousand topics in the window
    Large,
    /// Batches posted to the tracking API, acknowledged when durable
    Tracking,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let mut report = Report::new(args.quick);
    let all = Which::value_variants().iter().copied();
    for which in all.filter(|which| args.which.is_empty() || args.which.contains(which)) {
        let name = which
            .to_possible_value()
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default();
        note(&format!("{name}:"));
        match measure(which, &args).await {
            Ok(figures) => report.add(figures),
            Err(error) => report.missing(&name, &error),
        }
    }
    report.print()?;
    Ok(ExitCode::from(if report.is_whole() { 0 } else { 3 }))
}

async fn measure(which: Which, args: &Args) -> Result<Vec<report::Figure>> {
    match which {
        Which::Tail => {
            let records = args
                .records
                .unwrap_or(if args.quick { 200_000 } else { 2_000_000 });
            tail::measure(records, args.tail_rounds).await
        }
        Which::Search => {
            let records = args
                .records
                .unwrap_or(if args.quick { 200_000 } else { 5_000_000 });
            search::measure(records, args.tail_rounds).await
        }
        Which::Audience => {
            let size = audience::Size {
                events: args.events.unwrap_or(if args.quick { 50_000 } else { 5_000_000 }),
                people: args.people.unwrap_or(if args.quick { 2_000 } else { 110_000 }),
            };
            audience::measure(size, args.audience_rounds).await
        }
        Which::Window => {
            let tailing_s = args.tailing.unwrap_or(if args.quick { 5 } else { 60 });
            window::measure(tailing_s).await
        }
        Which::Live => {
            let seconds = args.tailing.unwrap_or(if args.quick { 5 } else { 60 });
            live::measure(seconds).await
        }
        Which::Large => {
            let topics = args.topics.unwrap_or(if args.quick { 50 } else { 1_000 });
            large::measure(topics, topics / 5).await
        }
        Which::Tracking => tracking::measure(if args.quick { 3 } else { 20 }).await,
    }
}
