//! The same events over a WebSocket.

use anyhow::{Context, Result};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, handshake::client::generate_key, http::Request},
};

use super::{KEY, Server, ids, track, workspace};
use crate::workspace::DEADLINE;

type Socket = WebSocketStream<TcpStream>;

async fn connect(server: &Server, query: &str, origin: Option<&str>) -> Result<Socket> {
    let stream = TcpStream::connect(("127.0.0.1", server.port)).await?;
    let mut request = Request::get(format!("ws://127.0.0.1:{}/v1/ws{query}", server.port))
        .header("host", "127.0.0.1")
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", generate_key());
    if let Some(origin) = origin {
        request = request.header("origin", origin);
    }
    let request = request.body(())?;
    Ok(client_async(request, stream).await?.0)
}

async fn answer(socket: &mut Socket) -> Result<Value> {
    let next = tokio::time::timeout(DEADLINE, socket.next()).await?;
    match next.context("it was closed")?? {
        Message::Text(text) => Ok(serde_json::from_str(&text)?),
        other => anyhow::bail!("no text: {other}"),
    }
}

/// Of an answer that opens no WebSocket.
fn status(refused: Result<Socket>) -> Result<u16> {
    let Err(error) = refused else {
        anyhow::bail!("it was opened")
    };
    match error.downcast::<Error>()? {
        Error::Http(response) => Ok(response.status().as_u16()),
        other => Err(other.into()),
    }
}

#[tokio::test]
async fn each_message_is_acknowledged_in_its_turn_once_it_is_durable() -> Result<()> {
    let workspace = workspace("cors_origins = [\"https://shop.example\"]")?;
    let mut server = Server::started(&workspace).await?;
    assert_eq!(status(connect(&server, "?writeKey=wrong", None).await)?, 401);
    let key = format!("?writeKey={KEY}");
    let other = connect(&server, &key, Some("https://other.example")).await;
    assert_eq!(status(other)?, 403);

    let mut socket = connect(&server, &key, Some("https://shop.example")).await?;
    let messages = [
        track("one"),
        json!({ "batch": [track("two"), track("three")], "sentAt": "2026-01-01T00:00:00Z" }),
        json!({ "type": "track", "messageId": "bad" }),
        json!("no object"),
        track("four"),
    ];
    for message in &messages {
        socket.send(Message::text(message.to_string())).await?;
    }
    let ok = |number: u64| json!({ "success": true, "number": number });
    assert_eq!(answer(&mut socket).await?, ok(1));
    assert_eq!(answer(&mut socket).await?, ok(2));
    for number in 3..=4 {
        let refused = answer(&mut socket).await?;
        assert_eq!(
            (&refused["success"], &refused["code"]),
            (&json!(false), &json!("malformed")),
            "{refused}"
        );
        assert_eq!(refused["number"], number);
    }
    assert_eq!(answer(&mut socket).await?, ok(5));

    // Without a key in its address, each message has its own.
    let mut keyless = connect(&server, "", None).await?;
    keyless.send(Message::text(track("six").to_string())).await?;
    assert_eq!(answer(&mut keyless).await?["code"], "write_key");
    let mut with_key = track("six");
    with_key["writeKey"] = json!(KEY);
    keyless.send(Message::binary(with_key.to_string())).await?;
    assert_eq!(answer(&mut keyless).await?, ok(2));

    // What is acknowledged is durable.
    server.kill().await?;
    let found: Vec<String> = ids(&workspace).await?.into_iter().map(|(id, _)| id).collect();
    assert_eq!(found, ["four", "one", "six", "three", "two"]);
    Ok(())
}

#[tokio::test]
async fn a_message_that_is_too_large_closes_its_connection_with_a_reason() -> Result<()> {
    let workspace = workspace("")?;
    let mut server = Server::started(&workspace).await?;
    let mut socket = connect(&server, &format!("?writeKey={KEY}"), None).await?;
    socket.send(Message::text(track("before").to_string())).await?;
    assert_eq!(answer(&mut socket).await?["success"], true);
    socket.send(Message::text(" ".repeat(600_000))).await?;
    let closed = tokio::time::timeout(DEADLINE, socket.next())
        .await?
        .context("a close")??;
    let Message::Close(Some(frame)) = closed else {
        panic!("{closed}")
    };
    assert!(frame.reason.contains("larger than 512000 bytes"), "{frame}");
    server.stop().await?;
    Ok(())
}
