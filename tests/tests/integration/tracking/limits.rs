//! What is refused, and what clients cost that send nothing or slowly.

use std::time::Duration;

use anyhow::Result;
use integration::eventually;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{KEY, Server, ids, state, track, workspace};

const CONNECTIONS: usize = 9_000;
/// Of the whole process, in a build without optimisation.
const MEMORY_BYTES_MAX: u64 = 600 << 20;

#[tokio::test]
async fn what_is_refused_says_why_and_what_is_malformed_is_kept() -> Result<()> {
    let workspace = workspace("")?;
    let mut server = Server::started(&workspace).await?;
    let large = json!({ "messageId": "l", "userId": "u", "event": "x".repeat(40_000) });
    let refused = [
        (
            server
                .post_bytes("/v1/track", Some("wrong"), b"{}".to_vec())
                .await?,
            401,
            "write_key",
        ),
        (
            server.post_bytes("/v1/track", None, b"{}".to_vec()).await?,
            401,
            "write_key",
        ),
        (
            server
                .post_bytes("/v1/track", Some(KEY), b"{\"a".to_vec())
                .await?,
            400,
            "malformed",
        ),
        (
            server
                .post("/v1/track", &json!({ "messageId": "n", "event": "Nobody" }))
                .await?,
            400,
            "malformed",
        ),
        (server.post("/v1/track", &large).await?, 413, "too_large"),
        (
            server
                .post_bytes("/v1/batch", Some(KEY), vec![b'['; 600_000])
                .await?,
            413,
            "too_large",
        ),
    ];
    for ((status, answer), wanted, code) in refused {
        assert_eq!(
            (status, answer["code"].as_str()),
            (wanted, Some(code)),
            "{answer}"
        );
        assert!(
            answer["message"].as_str().is_some_and(|said| said.len() > 10),
            "{answer}"
        );
    }
    // The good ones of a batch are taken, the others are told and kept.
    let batch = json!({ "batch": [track("a"), { "type": "walk", "userId": "u" }, track("b"), large] });
    let (status, answer) = server.post("/v1/batch", &batch).await?;
    assert_eq!(
        (status, &answer["success"], &answer["malformed"]),
        (200, &json!(true), &json!(2)),
        "{answer}"
    );
    let metrics = server.metrics().await?;
    for line in [
        "tailrace_tracking_events_accepted_total{source=\"web\"} 2",
        "tailrace_tracking_requests_refused_total{source=\"web\",reason=\"malformed\"} 2",
        "tailrace_tracking_requests_refused_total{source=\"\",reason=\"write_key\"} 2",
        "tailrace_tracking_request_seconds_count{source=\"web\"} 5",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    server.stop().await?;
    assert_eq!(ids(&workspace).await?, [("a".to_owned(), 1), ("b".to_owned(), 1)]);
    let kept = state(
        &workspace,
        "SELECT source, reason, substr(value, 1, 9) FROM quarantine ORDER BY id",
    )
    .await?;
    let reasons: Vec<(&str, &str)> = kept
        .iter()
        .map(|row| (row[0].as_str(), row[1].as_str()))
        .collect();
    assert_eq!(reasons.len(), 4, "{kept:?}");
    assert!(reasons.iter().all(|(source, _)| *source == "web"));
    for (reason, said) in
        reasons
            .iter()
            .zip(["not JSON", "no identifier", "unknown type \"walk\"", "too large"])
    {
        assert!(reason.1.contains(said), "{reason:?}");
    }
    Ok(())
}

/// Thousands of clients that began a request and go on no more: others are answered, and memory is bounded. After a while
/// they are let go.
#[tokio::test]
async fn thousands_of_slow_clients_hinder_nobody() -> Result<()> {
    let workspace = workspace("")?;
    let mut server = Server::started(&workspace).await?;
    let address = ("127.0.0.1", server.port);
    let head = format!(
        "POST /v1/track HTTP/1.1\r\nhost: x\r\nauthorization: Basic {}\r\ncontent-length: 30000\r\n\r\n{{\"event\":",
        base64(&format!("{KEY}:"))
    );
    let mut slow = Vec::with_capacity(CONNECTIONS);
    for number in 0..CONNECTIONS {
        let mut stream = TcpStream::connect(address).await?;
        // Half of them stop within the head, half within the body.
        let part = if number % 2 == 0 { &head } else { &head[..40] };
        stream.write_all(part.as_bytes()).await?;
        slow.push(stream);
    }
    for number in 0..20 {
        let (status, answer) = server.post("/v1/track", &track(&format!("{number:02}"))).await?;
        assert_eq!(status, 200, "{answer}");
    }
    let memory = server.running()?.process().memory_bytes()?;
    println!("{CONNECTIONS} connections: {} MiB", memory >> 20);
    assert!(memory < MEMORY_BYTES_MAX, "{memory} bytes");

    // One of each kind is told, or just let go.
    let mut said = String::new();
    let in_body = tokio::time::timeout(Duration::from_secs(60), slow[0].read_to_string(&mut said));
    in_body.await??;
    assert!(
        said.starts_with("HTTP/1.1 408") && said.contains("did not arrive within"),
        "{said}"
    );
    let mut rest = Vec::new();
    tokio::time::timeout(Duration::from_secs(60), slow[1].read_to_end(&mut rest)).await??;
    drop(slow);
    eventually("an answer after they left", Duration::from_secs(30), || {
        let server = &server;
        async move {
            let posted = server.post("/v1/track", &track("last")).await;
            posted.ok().filter(|(status, _)| *status == 200)
        }
    })
    .await?;
    server.stop().await?;
    assert_eq!(ids(&workspace).await?.len(), 21);
    Ok(())
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
