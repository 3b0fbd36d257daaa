//! Killed at any moment: what was acknowledged is there once, what was sent twice is there once.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use serde_json::json;

use super::{Server, ids, state, track, workspace};
use crate::shop::{Numbers, now_ms};

const KILLS: usize = 4;
const SENDERS: usize = 4;
const BATCH: usize = 25;

#[tokio::test]
async fn an_event_that_was_acknowledged_survives_the_server() -> Result<()> {
    let workspace = workspace("")?;
    let mut server = Server::started(&workspace).await?;
    let (status, answer) = server.post("/v1/track", &track("kept")).await?;
    assert_eq!((status, answer), (200, json!({ "success": true })));
    server.kill().await?;
    assert_eq!(ids(&workspace).await?, [("kept".to_owned(), 1)]);
    // What was recovered is not recovered again, and what is sent again is a duplicate.
    server.start(&workspace).await?;
    assert_eq!(server.post("/v1/track", &track("kept")).await?.0, 200);
    server.kill().await?;
    assert_eq!(ids(&workspace).await?, [("kept".to_owned(), 1)]);
    let counts = state(
        &workspace,
        "SELECT CAST(events AS TEXT), CAST(duplicates AS TEXT) FROM source_counts",
    )
    .await?;
    assert_eq!(counts, [["1", "1"]]);
    Ok(())
}

/// Senders that try each batch until it is acknowledged.
#[tokio::test]
async fn nothing_acknowledged_is_lost_or_doubled_however_often_it_is_killed() -> Result<()> {
    let seed = now_ms().unsigned_abs();
    println!("seed of the moments: {seed}");
    let mut numbers = Numbers(seed);
    let workspace = workspace("")?;
    let mut server = Server::started(&workspace).await?;
    let acknowledged: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let stop: Arc<AtomicBool> = Arc::default();
    let mut senders = Vec::new();
    for sender in 0..SENDERS {
        let (url, client) = (server.url("/v1/batch"), server.client.clone());
        let (acknowledged, stop) = (Arc::clone(&acknowledged), Arc::clone(&stop));
        senders.push(tokio::spawn(async move {
            let mut batch = 0;
            while !stop.load(Ordering::SeqCst) {
                let names: Vec<String> = (0..BATCH)
                    .map(|at| format!("{sender}-{batch:05}-{at:02}"))
                    .collect();
                let events: Vec<_> = names.iter().map(|name| track(name)).collect();
                let body = json!({ "writeKey": super::KEY, "batch": events }).to_string();
                let sent = client
                    .post(&url)
                    .body(body)
                    .timeout(Duration::from_secs(20))
                    .send()
                    .await;
                if sent.is_ok_and(|response| response.status().is_success()) {
                    acknowledged
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .extend(names);
                    batch += 1;
                } else {
                    // Between two tries, as a library does.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
            batch
        }));
    }
    for _ in 0..KILLS {
        let moment = Duration::from_millis(numbers.within(100, 2_000).unsigned_abs());
        // The moment itself is what is tried, so this waits for no condition.
        tokio::time::sleep(moment).await;
        server.kill().await?;
        println!("killed after {moment:?}");
        server.start(&workspace).await?;
    }
    stop.store(true, Ordering::SeqCst);
    let mut sent = 0;
    for sender in senders {
        sent += sender.await? * BATCH;
    }
    server.kill().await?;

    let acknowledged = acknowledged
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    assert!(
        acknowledged.len() >= sent && sent > BATCH * SENDERS,
        "{sent} sent"
    );
    let found = ids(&workspace).await?;
    let doubled: Vec<_> = found.iter().filter(|(_, count)| *count != 1).collect();
    assert!(doubled.is_empty(), "{doubled:?}");
    let found: BTreeSet<String> = found.into_iter().map(|(id, _)| id).collect();
    let lost: Vec<_> = acknowledged.difference(&found).take(5).collect();
    assert!(
        lost.is_empty(),
        "{lost:?} of {} acknowledged, {} found",
        acknowledged.len(),
        found.len()
    );
    // A batch whose answer was lost may be there, and nothing else.
    assert!(found.len() <= acknowledged.len() + SENDERS * BATCH);
    Ok(())
}
