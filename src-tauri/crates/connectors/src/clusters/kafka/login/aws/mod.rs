//! Amazon MSK's IAM access control: the token is a signed address that the broker shows to AWS.

mod credentials;
mod profile;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use tailrace_model::{Error, Result};

use super::{
    Token,
    sign::{Credentials, Request, presign},
};

/// As AWS's own signers: a token is good for a quarter of an hour.
const LIFE_S: i64 = 900;

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
        let found = credentials::find(self.profile.as_deref(), &|name| std::env::var(name).ok()).await?;
        token(&self.region, &found, now_ms)
    }
}

/// The token for these credentials, as `aws-msk-iam-sasl-signer` makes it.
pub(super) fn token(region: &str, credentials: &Credentials, now_ms: i64) -> Result<Token, String> {
    let signed = presign(
        &Request {
            host: &format!("kafka.{region}.amazonaws.com"),
            path: "/",
            query: &[("Action", "kafka-cluster:Connect")],
            region,
            service: "kafka-cluster",
            expires_s: LIFE_S,
            payload: None,
        },
        credentials,
        now_ms,
    )?;
    // Told to AWS's logs, and not signed.
    let signed = format!("{signed}&User-Agent=tailrace%2F{}", env!("CARGO_PKG_VERSION"));
    Ok(Token {
        value: URL_SAFE_NO_PAD.encode(signed),
        principal: credentials.access_key.clone(),
        expires_ms: now_ms + LIFE_S * 1_000,
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
