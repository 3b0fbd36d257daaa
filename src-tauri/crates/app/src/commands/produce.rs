//! Writing records.

use tailrace_model::{Result, api::*};

use crate::{App, copy, produce, tails};

pub async fn record_produce(app: &App, request: ProduceRequest) -> Result<Produced> {
    produce::one(&app.opened().await?, request).await
}

pub async fn file_produce(app: &App, request: ProduceFileRequest) -> Result<ProduceOutcome> {
    produce::file(&app.opened().await?, request).await
}

pub async fn topic_copy(app: &App, request: CopyRequest) -> Result<CopyOutcome> {
    copy::copy(&app.opened().await?, request).await
}

pub async fn tail_export(app: &App, request: TailExportRequest) -> Result<TailExport> {
    tails::export(&app.opened().await?, request).await
}
