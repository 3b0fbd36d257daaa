//! Requests that no client library at hand can make, sent as they are.

use anyhow::{Context, Result};
use bytes::{Bytes, BytesMut};
use kafka_protocol::{
    messages::{RequestHeader, ResponseHeader},
    protocol::{Decodable, Encodable, HeaderVersion, Request},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Sends one request in this version on a connection of its own.
pub async fn ask<R: Request>(bootstrap: &str, request: &R, version: i16) -> Result<R::Response> {
    let mut frame = BytesMut::new();
    RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .encode(&mut frame, R::header_version(version))?;
    request.encode(&mut frame, version)?;
    let mut stream = TcpStream::connect(bootstrap).await?;
    stream.write_i32(i32::try_from(frame.len())?).await?;
    stream.write_all(&frame).await?;
    let length = usize::try_from(stream.read_i32().await?)?;
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).await.context("the whole answer")?;
    let mut answer = Bytes::from(answer);
    ResponseHeader::decode(&mut answer, R::Response::header_version(version))?;
    R::Response::decode(&mut answer, version)
}
