//! Topics and their changes; brokers, access rules, quotas.

use tailrace_model::{Result, api::*};

use crate::{App, topics};

pub async fn broker_list(app: &App, request: ClusterRequest) -> Result<BrokerList> {
    let cluster = app.opened().await?.cluster(&request.cluster).await?;
    topics::brokers(&cluster).await
}

pub async fn broker_config(app: &App, request: BrokerRequest) -> Result<Vec<ConfigEntry>> {
    let cluster = app.opened().await?.cluster(&request.cluster).await?;
    cluster.client.broker_config(request.broker).await
}

pub async fn acl_list(app: &App, request: AclRequest) -> Result<Vec<Acl>> {
    let cluster = app.opened().await?.cluster(&request.cluster).await?;
    cluster
        .client
        .acls(
            request.resource_type.as_deref(),
            request.resource,
            request.principal,
        )
        .await
}

pub async fn quota_list(app: &App, request: ClusterRequest) -> Result<Vec<Quota>> {
    let cluster = app.opened().await?.cluster(&request.cluster).await?;
    cluster.client.quotas().await
}

pub async fn topic_list(app: &App, request: ClusterRequest) -> Result<TopicList> {
    topics::list(&app.opened().await?, &request.cluster).await
}

pub async fn topic_show(app: &App, request: TopicRequest) -> Result<TopicDetail> {
    topics::detail(&*app.opened().await?, &request.cluster, &request.topic).await
}

pub async fn topic_config(app: &App, request: TopicRequest) -> Result<Vec<ConfigEntry>> {
    let cluster = app.opened().await?.cluster(&request.cluster).await?;
    cluster.client.topic_config(&request.topic).await
}

pub async fn topic_change_preview(app: &App, request: TopicChangeRequest) -> Result<TopicChangePreview> {
    topics::preview(&*app.opened().await?, request).await
}

pub async fn topic_change_apply(app: &App, request: TopicChangeRequest) -> Result<TopicChanged> {
    topics::apply(&*app.opened().await?, request).await
}

pub async fn topic_compare(app: &App, request: TopicCompareRequest) -> Result<TopicComparison> {
    topics::compare(&*app.opened().await?, request.left, request.right).await
}
