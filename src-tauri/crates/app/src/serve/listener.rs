//! Connections of the server, each within limits, so that slow and many clients cost a bounded amount of memory.
//!
//! Invariants: at most [`CONNECTIONS_MAX`] at a time, and one more is told so; headers have a size and a time; when it is
//! stopped, what is being answered is answered first, for a while.

use std::{io, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Connections at a time.
const CONNECTIONS_MAX: usize = 12_000;
/// Bytes of a request's head, and of what is read ahead of its body.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// From the connection, or the last answer, to the end of the next request's head.
const HEAD_WAIT_MAX: Duration = Duration::from_secs(30);
/// What is under way when the server is stopped has so long.
const ENDING_MAX: Duration = Duration::from_millis(1_500);
/// After the system refused a connection, because the process has too many files open.
const REFUSED_PAUSE: Duration = Duration::from_millis(100);

const BUSY: &str =
    r#"{"success":false,"code":"full","message":"too many connections are open: come back later"}"#;

/// Serves until the token is cancelled.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    connections: TaskTracker,
    token: CancellationToken,
) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    while let Some(accepted) = token.run_until_cancelled(listener.accept()).await {
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                if !is_of_connection(&error) {
                    tracing::warn!(%error, "the system refused a connection");
                    tokio::time::sleep(REFUSED_PAUSE).await;
                }
                continue;
            }
        };
        // Answers are small, and waited for.
        let _ = stream.set_nodelay(true);
        match Arc::clone(&room).try_acquire_owned() {
            Ok(permit) => {
                connections.spawn(connection(stream, router.clone(), permit, token.clone()));
            }
            Err(_) => busy(&stream),
        }
    }
    connections.close();
    if tokio::time::timeout(ENDING_MAX, connections.wait())
        .await
        .is_err()
    {
        tracing::info!("requests were still being answered when the server was stopped");
    }
}

async fn connection(
    stream: TcpStream,
    router: Router,
    permit: OwnedSemaphorePermit,
    token: CancellationToken,
) {
    let _permit = permit;
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .with_upgrades();
    tokio::pin!(connection);
    // A client that goes away, or is too slow, is its own affair.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = token.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = tokio::time::timeout(ENDING_MAX, connection).await;
        }
    }
}

fn busy(stream: &TcpStream) {
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{BUSY}",
        BUSY.len()
    );
    // It has room for so little at once, or the client is gone.
    let _ = stream.try_write(answer.as_bytes());
}

fn is_of_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}
