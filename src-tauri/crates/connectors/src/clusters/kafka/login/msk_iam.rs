//! Amazon MSK's IAM access control: the token is a signed address that the broker shows to AWS.

use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign},
    sign::v4::SigningParams,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use tailrace_model::{Error, Result};

use super::{Token, oidc::encoded};
use crate::clusters::aws;

/// As AWS's own signers: a token is good for a quarter of an hour.
const LIFE: Duration = Duration::from_secs(900);

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::clusters::kafka) struct MskIam {
    region: String,
    profile: Option<String>,
}

impl MskIam {
    /// The region as given, or from a broker's name: `b-1.name.id.c2.kafka.REGION.amazonaws.com`.
    pub fn new(region: Option<&str>, profile: Option<&str>, servers: &str) -> Result<Self> {
        let region = region.map(str::to_owned).or_else(|| region_of(servers)).ok_or_else(|| {
            Error::user(
                "no_region",
                "the region of the MSK cluster is not in the name of its brokers: write region = \"REGION\" under [auth]",
            )
        })?;
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if region.is_empty() || !region.chars().all(legal) {
            return Err(Error::user(
                "bad_region",
                format!("\"{region}\" is no region of AWS: write one such as \"eu-west-1\""),
            ));
        }
        Ok(Self {
            region,
            profile: profile.map(str::to_owned),
        })
    }

    pub fn region(&self) -> &str {
        &self.region
    }

    pub async fn token(&self, now_ms: i64) -> Result<Token, String> {
        let found = aws::find(self.profile.as_deref(), &self.region).await?;
        token(&self.region, &found, now_ms)
    }
}

/// The token for these credentials, as `aws-msk-iam-sasl-signer` makes it.
pub(super) fn token(region: &str, credentials: &Credentials, now_ms: i64) -> Result<Token, String> {
    let failed = || "the request to AWS could not be signed".to_owned();
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(LIFE);
    let identity = credentials.clone().into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("kafka-cluster")
        .time(UNIX_EPOCH + Duration::from_millis(now_ms.unsigned_abs()))
        .settings(settings)
        .build()
        .map_err(|_| failed())?;
    let mut signed = format!("https://kafka.{region}.amazonaws.com/?Action=kafka-cluster%3AConnect");
    let request = SignableRequest::new(
        "GET",
        signed.as_str(),
        std::iter::empty(),
        SignableBody::Bytes(&[]),
    )
    .map_err(|_| failed())?;
    let signature = sign(request, &params.into()).map_err(|_| failed())?;
    for (name, value) in signature.output().params() {
        signed.push_str(&format!("&{name}={}", encoded(value)));
    }
    // Told to AWS's logs, and not signed.
    signed.push_str(&format!("&User-Agent=tailrace%2F{}", env!("CARGO_PKG_VERSION")));
    Ok(Token {
        value: URL_SAFE_NO_PAD.encode(signed),
        principal: credentials.access_key_id().to_owned(),
        expires_ms: now_ms + LIFE.as_millis() as i64,
        extensions: Vec::new(),
    })
}

fn region_of(servers: &str) -> Option<String> {
    let first = servers.split(',').next()?.trim();
    let host = first.rsplit_once("://").map_or(first, |(_, host)| host);
    let host = host.split(':').next()?;
    let rest = host
        .strip_suffix(".amazonaws.com")
        .or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    let (before, region) = rest.rsplit_once('.')?;
    before
        .rsplit('.')
        .next()
        .is_some_and(|service| service.starts_with("kafka"))
        .then(|| region.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_read_from_brokers() {
        let check =
            |servers: &str, expected: Option<&str>| assert_eq!(region_of(servers).as_deref(), expected);
        check(
            "b-1.shop.abc123.c2.kafka.eu-west-1.amazonaws.com:9098,b-2:9098",
            Some("eu-west-1"),
        );
        check(
            "SASL_SSL://boot-x.c3.kafka-serverless.us-east-2.amazonaws.com:9098",
            Some("us-east-2"),
        );
        check(
            "b-1.shop.abc123.kafka.cn-north-1.amazonaws.com.cn:9098",
            Some("cn-north-1"),
        );
        check("broker.example.com:9098", None);
        check("", None);
        let error = MskIam::new(None, None, "localhost:1").err().expect("no region");
        assert_eq!(error.code, "no_region");
        assert_eq!(
            MskIam::new(Some("eu/x"), None, "").err().expect("bad").code,
            "bad_region"
        );
    }
}
