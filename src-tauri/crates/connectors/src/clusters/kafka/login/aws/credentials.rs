//! Where AWS credentials are looked for, in AWS's own order: the environment, the profile, a web identity, the
//! container's role, the machine's role. Profiles that log in through a browser or take on a role are left to the AWS
//! CLI, which knows how (`aws configure export-credentials`).

use std::{path::PathBuf, time::Duration};

use serde::Deserialize;
use tokio::process::Command;

use super::{super::oidc::form_text, super::sign::Credentials, profile::settings};

/// An address on this machine answers at once, or is not there.
const LOCAL_MAX: Duration = Duration::from_secs(2);
const REMOTE_MAX: Duration = Duration::from_secs(8);
/// The address that containers of ECS ask, and the one of the machine itself.
const CONTAINER: &str = "http://169.254.170.2";
const MACHINE: &str = "http://169.254.169.254/latest";

type Environment<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// As containers, machines and `credential_process` answer.
#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "AccessKeyId")]
    access_key: String,
    #[serde(rename = "SecretAccessKey")]
    secret_key: String,
    #[serde(rename = "Token", alias = "SessionToken", default)]
    session_token: Option<String>,
}

impl From<Answer> for Credentials {
    fn from(answer: Answer) -> Self {
        Self {
            access_key: answer.access_key,
            secret_key: answer.secret_key,
            session_token: answer.session_token,
        }
    }
}

/// The credentials to sign with, or a sentence that says where none were found.
pub(super) async fn find(profile: Option<&str>, env: Environment<'_>) -> Result<Credentials, String> {
    if profile.is_none()
        && let (Some(access_key), Some(secret_key)) = (env("AWS_ACCESS_KEY_ID"), env("AWS_SECRET_ACCESS_KEY"))
    {
        return Ok(Credentials {
            access_key,
            secret_key,
            session_token: env("AWS_SESSION_TOKEN").filter(|token| !token.is_empty()),
        });
    }
    let named = profile.map(str::to_owned).or_else(|| env("AWS_PROFILE"));
    if let Some(found) = of_profile(named.as_deref().unwrap_or("default"), env).await? {
        return Ok(found);
    }
    if let Some(name) = named {
        return Err(format!(
            "there is no profile \"{name}\" with credentials in ~/.aws/config or ~/.aws/credentials: check the name, or \
             run `aws configure --profile {name}`"
        ));
    }
    if let Some(found) = of_web_identity(env).await? {
        return Ok(found);
    }
    if let Some(found) = of_container(env).await? {
        return Ok(found);
    }
    of_machine().await.ok_or_else(|| {
        "there are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, run `aws configure`, or name a \
         profile under [auth]"
            .to_owned()
    })
}

async fn of_profile(name: &str, env: Environment<'_>) -> Result<Option<Credentials>, String> {
    let home = env("HOME").or_else(|| env("USERPROFILE")).map(PathBuf::from);
    let read = |variable: &str, file: &str| {
        let path = env(variable)
            .map(PathBuf::from)
            .or_else(|| Some(home.as_ref()?.join(".aws").join(file)))?;
        std::fs::read_to_string(path).ok()
    };
    let secrets = read("AWS_SHARED_CREDENTIALS_FILE", "credentials");
    let config = read("AWS_CONFIG_FILE", "config");
    for text in [secrets, config].into_iter().flatten() {
        let found = settings(&text, name);
        if let (Some(access_key), Some(secret_key)) =
            (found.get("aws_access_key_id"), found.get("aws_secret_access_key"))
        {
            return Ok(Some(Credentials {
                access_key: access_key.clone(),
                secret_key: secret_key.clone(),
                session_token: found.get("aws_session_token").cloned(),
            }));
        }
        if let Some(command) = found.get("credential_process") {
            return of_process(name, Command::new("sh").args(["-c", command]))
                .await
                .map(Some);
        }
        if ["sso_session", "sso_start_url", "role_arn", "login_session"]
            .iter()
            .any(|key| found.contains_key(*key))
        {
            let mut aws = Command::new("aws");
            aws.args([
                "configure",
                "export-credentials",
                "--format",
                "process",
                "--profile",
                name,
            ]);
            return of_process(name, &mut aws).await.map(Some);
        }
    }
    Ok(None)
}

/// Runs a program that prints credentials as JSON.
async fn of_process(profile: &str, command: &mut Command) -> Result<Credentials, String> {
    command.stdin(std::process::Stdio::null()).kill_on_drop(true);
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let output = match tokio::time::timeout(REMOTE_MAX, command.output()).await {
        Ok(Ok(output)) => output,
        Ok(Err(_)) => {
            return Err(format!(
                "profile \"{profile}\" needs the program \"{program}\", which could not be started: install it (for the \
                 AWS CLI, version 2)"
            ));
        }
        Err(_) => {
            return Err(format!(
                "the credentials of profile \"{profile}\" did not come within {} s",
                REMOTE_MAX.as_secs()
            ));
        }
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said
            .lines()
            .rfind(|line| !line.trim().is_empty())
            .unwrap_or("it gave no reason");
        return Err(format!(
            "the credentials of profile \"{profile}\" could not be had: {}. Log in again with `aws sso login --profile {profile}`",
            said.trim().trim_end_matches('.')
        ));
    }
    serde_json::from_slice::<Answer>(&output.stdout)
        .map(Into::into)
        .map_err(|_| {
            format!("profile \"{profile}\": its program did not print credentials as AWS expects them")
        })
}

/// Kubernetes: a file holds an identity, for which STS gives credentials.
async fn of_web_identity(env: Environment<'_>) -> Result<Option<Credentials>, String> {
    #[derive(Deserialize)]
    struct Whole {
        #[serde(rename = "AssumeRoleWithWebIdentityResponse")]
        response: Response,
    }
    #[derive(Deserialize)]
    struct Response {
        #[serde(rename = "AssumeRoleWithWebIdentityResult")]
        result: Outcome,
    }
    #[derive(Deserialize)]
    struct Outcome {
        #[serde(rename = "Credentials")]
        credentials: Answer,
    }
    let (Some(file), Some(role)) = (env("AWS_WEB_IDENTITY_TOKEN_FILE"), env("AWS_ROLE_ARN")) else {
        return Ok(None);
    };
    let identity = std::fs::read_to_string(&file)
        .map_err(|_| "the file named by AWS_WEB_IDENTITY_TOKEN_FILE can't be read".to_owned())?;
    let region = env("AWS_REGION").or_else(|| env("AWS_DEFAULT_REGION"));
    let host = region.map_or_else(
        || "sts.amazonaws.com".to_owned(),
        |region| format!("sts.{region}.amazonaws.com"),
    );
    let form = form_text(&[
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", &role),
        ("RoleSessionName", "tailrace"),
        ("WebIdentityToken", identity.trim()),
    ]);
    let failed = |why: &str| format!("{host} gives no credentials for the role {role}: {why}");
    let response = http(REMOTE_MAX)
        .ok_or_else(|| failed("no HTTP client"))?
        .post(format!("https://{host}/"))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", "application/json")
        .body(form)
        .send()
        .await
        .map_err(|_| failed("it does not answer"))?;
    if !response.status().is_success() {
        return Err(failed(&format!("it answers {}", response.status().as_u16())));
    }
    let whole: Whole = response
        .json()
        .await
        .map_err(|_| failed("its answer can't be read"))?;
    Ok(Some(whole.response.result.credentials.into()))
}

async fn of_container(env: Environment<'_>) -> Result<Option<Credentials>, String> {
    let address = match (
        env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
        env("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    ) {
        (Some(path), _) => format!("{CONTAINER}{path}"),
        (None, Some(address)) => address,
        (None, None) => return Ok(None),
    };
    let login = match env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        Some(file) => std::fs::read_to_string(file).ok(),
        None => env("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
    };
    let failed = "the container's role gives no credentials: is AWS_CONTAINER_CREDENTIALS_FULL_URI right?";
    let mut request = http(LOCAL_MAX).ok_or(failed)?.get(address);
    if let Some(login) = login {
        request = request.header("authorization", login.trim());
    }
    let response = request.send().await.map_err(|_| failed)?;
    let answer: Answer = response.json().await.map_err(|_| failed)?;
    Ok(Some(answer.into()))
}

/// The role of an EC2 machine, by the second version of its service, which wants a token first.
async fn of_machine() -> Option<Credentials> {
    let http = http(LOCAL_MAX)?;
    let token = http
        .put(format!("{MACHINE}/api/token"))
        .header("x-aws-ec2-metadata-token-ttl-seconds", "300");
    let token = token
        .send()
        .await
        .ok()?
        .error_for_status()
        .ok()?
        .text()
        .await
        .ok()?;
    let ask = async |path: String| {
        let request = http.get(path).header("x-aws-ec2-metadata-token", &token);
        request
            .send()
            .await
            .ok()?
            .error_for_status()
            .ok()?
            .text()
            .await
            .ok()
    };
    let roles = format!("{MACHINE}/meta-data/iam/security-credentials/");
    let role = ask(roles.clone()).await?;
    let answer = ask(format!("{roles}{}", role.lines().next()?.trim())).await?;
    serde_json::from_str::<Answer>(&answer).ok().map(Into::into)
}

fn http(timeout: Duration) -> Option<reqwest::Client> {
    reqwest::Client::builder()
        .timeout(timeout)
        .no_proxy()
        .build()
        .ok()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    async fn found(profile: Option<&str>, variables: &[(&str, &str)]) -> Result<Credentials, String> {
        let variables: HashMap<String, String> = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        find(profile, &|name| variables.get(name).cloned()).await
    }

    #[tokio::test]
    async fn the_environment_comes_first_and_a_named_profile_before_it() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".aws")).unwrap();
        let place = home.path().to_str().unwrap();
        std::fs::write(
            home.path().join(".aws/credentials"),
            "[shop]\naws_access_key_id = FILE\naws_secret_access_key = s\naws_session_token = t\n",
        )
        .unwrap();
        std::fs::write(
            home.path().join(".aws/config"),
            "[profile made]\ncredential_process = printf '{\"Version\":1,\"AccessKeyId\":\"MADE\",\"SecretAccessKey\":\"s\"}'\n\
             [profile broken]\ncredential_process = echo no session >&2; exit 1\n",
        )
        .unwrap();
        let environment = [
            ("AWS_ACCESS_KEY_ID", "ENV"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
            ("HOME", place),
        ];
        let check = async |profile: Option<&str>, key: &str, session: Option<&str>| {
            let found = found(profile, &environment)
                .await
                .unwrap_or_else(|why| panic!("{why}"));
            assert_eq!(
                (found.access_key.as_str(), found.session_token.as_deref()),
                (key, session)
            );
        };
        check(None, "ENV", None).await;
        check(Some("shop"), "FILE", Some("t")).await;
        check(Some("made"), "MADE", None).await;
        let why = found(Some("broken"), &environment).await.err().unwrap();
        assert!(
            why.contains("no session") && why.contains("aws sso login --profile broken"),
            "{why}"
        );
        let why = found(Some("missing"), &environment).await.err().unwrap();
        assert!(why.contains("no profile \"missing\""), "{why}");
    }
}
