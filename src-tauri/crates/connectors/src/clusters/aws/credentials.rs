//! Where AWS credentials are looked for, in AWS's own order: the environment, the profile, a web identity, the
//! container's role, the machine's role. A profile that is named is looked at alone.

use aws_config::{
    BehaviorVersion, Region, credential_process::CredentialProcessProvider,
    default_provider::credentials::DefaultCredentialsChain, profile::ProfileFileCredentialsProvider,
    provider_config::ProviderConfig,
};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, error::CredentialsError},
};

use super::http::Http;

/// The credentials to sign with in a region, or a sentence that says where none were found.
pub(crate) async fn find(profile: Option<&str>, region: &str) -> Result<Credentials, String> {
    let config = ProviderConfig::without_region()
        .with_region(Some(Region::new(region.to_owned())))
        .with_behavior_version(Some(BehaviorVersion::latest()))
        .with_http_client(Http);
    let Some(name) = profile else {
        let chain = DefaultCredentialsChain::builder()
            .region(Region::new(region.to_owned()))
            .configure(config);
        let found = chain.build().await.provide_credentials().await;
        let name = std::env::var("AWS_PROFILE").ok();
        return or_of_cli(found, name.as_deref().unwrap_or("default")).await;
    };
    let named = ProfileFileCredentialsProvider::builder()
        .configure(&config)
        .profile_name(name);
    match named.build().provide_credentials().await {
        Err(CredentialsError::CredentialsNotLoaded(_)) => Err(format!(
            "there is no profile \"{name}\" with credentials in ~/.aws/config or ~/.aws/credentials: check the name, or \
             run `aws configure --profile {name}`"
        )),
        found => or_of_cli(found, name).await,
    }
}

/// What was found. A profile that the library cannot use, for it logs in through a browser, is asked of the AWS CLI.
async fn or_of_cli(
    found: Result<Credentials, CredentialsError>,
    profile: &str,
) -> Result<Credentials, String> {
    let error = match found {
        Ok(found) => return Ok(found),
        Err(CredentialsError::CredentialsNotLoaded(_)) => {
            return Err(
                "there are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, run `aws configure`, or \
                 name a profile under [auth]"
                    .to_owned(),
            );
        }
        Err(error) => error,
    };
    let why = reason(&error);
    if !why.contains("cargo feature") || !is_plain(profile) {
        return Err(format!("the credentials of AWS could not be had: {why}"));
    }
    let command = format!("aws configure export-credentials --format process --profile \"{profile}\"");
    let asked = CredentialProcessProvider::new(command)
        .provide_credentials()
        .await;
    asked.map_err(|error| {
        format!(
            "the credentials of profile \"{profile}\" could not be had of the AWS CLI, version 2 ({}): log in with `aws \
             sso login --profile {profile}`",
            reason(&error)
        )
    })
}

/// The command line of a shell has it as it is.
fn is_plain(profile: &str) -> bool {
    profile
        .chars()
        .all(|c| c.is_alphanumeric() || " ._-+@/:".contains(c))
}

/// The innermost of the reasons, which says most.
fn reason(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string().trim().trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_profile_that_is_not_there_is_named() {
        let why = find(Some("tailrace-no-such-profile"), "eu-west-1").await;
        let why = why.err().unwrap_or_default();
        assert!(why.contains("no profile \"tailrace-no-such-profile\""), "{why}");
    }

    #[tokio::test]
    async fn what_is_not_found_says_where_to_look() {
        let check = async |error: CredentialsError, says: &str| {
            let why = or_of_cli(Err(error), "shop").await.err().unwrap_or_default();
            assert!(why.contains(says), "{why}");
        };
        check(CredentialsError::not_loaded("x"), "set AWS_ACCESS_KEY_ID").await;
        check(
            CredentialsError::provider_error("STS answers 403."),
            "could not be had: STS answers 403",
        )
        .await;
        check(
            CredentialsError::invalid_configuration("following cargo feature(s) enabled: sso"),
            "aws sso login --profile shop",
        )
        .await;
        assert!(!is_plain("x\"; rm -rf"));
    }
}
