//! Connecting to Apache Kafka in every usual way, and what is said when it fails: which step, and why.

use anyhow::{Context, Result};
use integration::{
    eventually,
    kafka::Record,
    need,
    secure::{CLIENT_ID, CLIENT_SECRET, PASSWORD, POWERLESS, Secure, USER},
    unique,
};
use openssl::{pkey::PKey, symm::Cipher, x509::X509};
use serde_json::Value;

use crate::workspace::{DEADLINE, Workspace};

/// Writes `clusters/NAME.toml` for a listener.
fn cluster(workspace: &Workspace, name: &str, bootstrap: &str, properties: &[(&str, &str)]) -> Result<()> {
    let mut text = format!("kind = \"kafka\"\n\n[properties]\n\"bootstrap.servers\" = \"{bootstrap}\"\n");
    for (property, value) in properties {
        text.push_str(&format!("\"{property}\" = {}\n", Value::from(*value)));
    }
    workspace.write(&format!("clusters/{name}.toml"), text)
}

fn sasl<'a>(mechanism: &'a str, user: &'a str, ca: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("security.protocol", "sasl_ssl"),
        ("sasl.mechanism", mechanism),
        ("sasl.username", user),
        ("sasl.password", "secret:password"),
        ("ssl.ca.location", ca),
    ]
}

fn oauth<'a>(endpoint: &'a str, ca: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("security.protocol", "SASL_SSL"),
        ("sasl.mechanism", "OAUTHBEARER"),
        ("sasl.oauthbearer.method", "oidc"),
        ("sasl.oauthbearer.token.endpoint.url", endpoint),
        ("sasl.oauthbearer.client.id", CLIENT_ID),
        ("sasl.oauthbearer.client.secret", "secret:client"),
        ("ssl.ca.location", ca),
    ]
}

fn workspace() -> Result<Workspace, integration::Unavailable> {
    Ok(Workspace::new()?
        .env("TAILRACE_SECRET_PASSWORD", PASSWORD)
        .env("TAILRACE_SECRET_WRONG", "hunter2 hunter2")
        .env("TAILRACE_SECRET_POWERLESS", "x")
        .env("TAILRACE_SECRET_CLIENT", CLIENT_SECRET))
}

/// The steps as `cluster test` tells them: names with whether they held, and the last one's sentence.
async fn steps(workspace: &Workspace, name: &str, code: i32) -> Result<(Vec<String>, String)> {
    let test = workspace.json_with(&["cluster", "test", name], code).await?;
    let steps = test["steps"].as_array().context("steps")?;
    let names = steps.iter().map(|step| {
        let failed = if step["ok"] == true { "" } else { " FAILED" };
        format!("{}{failed}", step["step"].as_str().unwrap_or_default())
    });
    let last = steps.last().and_then(|step| step["detail"].as_str());
    Ok((names.collect(), last.unwrap_or_default().to_owned()))
}

/// Tests the connection, reads what was written, lists topics and groups: each kind of client logs in.
async fn works(secure: &Secure, workspace: &Workspace, name: &str, expected: &[&str]) -> Result<()> {
    let (found, last) = steps(workspace, name, 0).await.with_context(|| name.to_owned())?;
    assert_eq!(found, expected, "{name}: {last}");
    let topic = unique("secured");
    secure.kafka.create_topic(&topic, 1).await?;
    secure
        .kafka
        .produce(&topic, [("k", r#"{"n":1}"#, 1_700_000_000_000)])
        .await?;
    let tail = workspace
        .run(&["--json", "tail", name, &topic, "-o", "beginning", "-e"])
        .await?
        .exits(0)?;
    assert!(tail.stdout.contains("\"n\""), "{name}: {tail:?}");
    let topics = workspace
        .run(&["--json", "topics", name, &topic])
        .await?
        .exits(0)?;
    assert_eq!(topics.json_lines()?[0]["end"], 1, "{name}");
    workspace.run(&["groups", "list", name]).await?.exits(0)?;
    Ok(())
}

const BEFORE: [&str; 3] = ["configuration", "name lookup", "tcp"];
const AFTER: [&str; 3] = ["metadata", "brokers", "authorisation"];

fn all<'a>(between: &[&'a str]) -> Vec<&'a str> {
    [&BEFORE[..], between, &AFTER[..]].concat()
}

#[tokio::test]
async fn every_usual_login() -> Result<()> {
    let secure = need!(Secure::shared().await);
    let workspace = need!(workspace());
    let ca = secure.file("ca.pem");
    let tls = [("security.protocol", "ssl"), ("ssl.ca.location", ca.as_str())];
    cluster(&workspace, "tls", &secure.at("TLS")?, &tls)?;
    works(secure, &workspace, "tls", &all(&["tls", "kafka"])).await?;

    // Files beside the definitions: a team keeps them together.
    for file in ["ca.pem", "client.pem", "client.key"] {
        workspace.write(&format!("certs/{file}"), std::fs::read(secure.file(file))?)?;
    }
    let mutual = [
        ("security.protocol", "ssl"),
        ("ssl.ca.location", "certs/ca.pem"),
        ("ssl.certificate.location", "certs/client.pem"),
        ("ssl.key.location", "certs/client.key"),
    ];
    cluster(&workspace, "mutual", &secure.at("MUTUAL")?, &mutual)?;
    works(secure, &workspace, "mutual", &all(&["tls", "kafka"])).await?;

    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        cluster(
            &workspace,
            mechanism,
            &secure.at("SCRAM")?,
            &sasl(mechanism, USER, &ca),
        )?;
        works(secure, &workspace, mechanism, &all(&["tls", "kafka", "sasl"])).await?;
    }

    let endpoint = secure.tokens.token_url();
    cluster(&workspace, "oauth", &secure.at("OAUTH")?, &oauth(&endpoint, &ca))?;
    works(
        secure,
        &workspace,
        "oauth",
        &all(&["tls", "kafka", "token", "sasl"]),
    )
    .await
}

#[tokio::test]
async fn the_step_that_fails_and_why() -> Result<()> {
    let secure = need!(Secure::shared().await);
    let workspace = need!(workspace());
    let ca = secure.file("ca.pem");
    let check =
        async |name: &str, listener: &str, properties: &[(&str, &str)], steps_: &[&str], says: &[&str]| {
            cluster(&workspace, name, &secure.at(listener)?, properties)?;
            let (found, said) = steps(&workspace, name, 1)
                .await
                .with_context(|| name.to_owned())?;
            let mut expected: Vec<String> = BEFORE
                .iter()
                .chain(steps_)
                .map(|step| (*step).to_owned())
                .collect();
            if let Some(last) = expected.last_mut() {
                last.push_str(" FAILED");
            }
            assert_eq!(found, expected, "{name}: {said}");
            for part in says {
                assert!(said.contains(part), "{name}: \"{part}\" is not in: {said}");
            }
            assert!(!said.contains("hunter2"), "{name} tells a secret: {said}");
            anyhow::Ok(())
        };
    let other = secure.file("other-ca.pem");
    let good = [("security.protocol", "ssl"), ("ssl.ca.location", ca.as_str())];
    let other = [("security.protocol", "ssl"), ("ssl.ca.location", other.as_str())];

    check(
        "unknown-issuer",
        "TLS",
        &other,
        &["tls"],
        &[
            "CN=good broker",
            "CN=Test CA",
            "is not known here",
            "other-ca.pem",
        ],
    )
    .await?;
    check(
        "no-ca",
        "TLS",
        &[("security.protocol", "ssl")],
        &["tls"],
        &["CN=Test CA", "set ssl.ca.location"],
    )
    .await?;
    check(
        "expired",
        "LATE",
        &good,
        &["tls"],
        &["CN=late broker", "has expired"],
    )
    .await?;
    check(
        "wrong-host",
        "ELSEWHERE",
        &good,
        &["tls"],
        &["\"localhost\"", "\"kafka.example.com\""],
    )
    .await?;
    check(
        "no-file",
        "TLS",
        &[("security.protocol", "ssl"), ("ssl.ca.location", "no.pem")],
        &["tls"],
        &["no.pem", "does not exist"],
    )
    .await?;
    check(
        "no-client",
        "MUTUAL",
        &good,
        &["tls", "kafka"],
        &["mutual TLS", "ssl.certificate.location"],
    )
    .await?;
    let (certificate, key) = (secure.file("late-client.pem"), secure.file("late-client.key"));
    let late = [
        &good[..],
        &[
            ("ssl.certificate.location", certificate.as_str()),
            ("ssl.key.location", key.as_str()),
        ],
    ]
    .concat();
    check(
        "late-client",
        "MUTUAL",
        &late,
        &["tls", "kafka"],
        &["refuses the certificate", "ssl.certificate.location"],
    )
    .await?;
    check("in-the-clear", "TLS", &[], &["kafka"], &["expects TLS"]).await?;
    check(
        "no-login",
        "SCRAM",
        &good,
        &["tls", "kafka"],
        &["wants a login", "sasl_ssl", "SCRAM-SHA-512"],
    )
    .await?;
    check(
        "needless-login",
        "TLS",
        &sasl("PLAIN", USER, &ca),
        &["tls", "kafka"],
        &["wants no login", "ssl"],
    )
    .await?;
    check(
        "no-such-login",
        "OAUTH",
        &sasl("PLAIN", USER, &ca),
        &["tls", "kafka"],
        &["no login by PLAIN", "OAUTHBEARER"],
    )
    .await?;
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let mut wrong = sasl(mechanism, USER, &ca);
        wrong[3].1 = "secret:wrong";
        check(
            &format!("wrong-{mechanism}"),
            "SCRAM",
            &wrong,
            &["tls", "kafka", "sasl"],
            &["refuses the login", "Authentication failed"],
        )
        .await?;
    }
    let endpoint = secure.tokens.token_url();
    let mut wrong = oauth(&endpoint, &ca);
    wrong[5].1 = "secret:wrong";
    check(
        "wrong-client",
        "OAUTH",
        &wrong,
        &["tls", "kafka", "token"],
        &["401 invalid_client", "no such client"],
    )
    .await?;
    let nowhere = secure.tokens.http.url("/elsewhere");
    check(
        "no-endpoint",
        "OAUTH",
        &oauth(&nowhere, &ca),
        &["tls", "kafka", "token"],
        &["404", "token.endpoint.url"],
    )
    .await?;
    let mut powerless = sasl("SCRAM-SHA-256", POWERLESS, &ca);
    powerless[3].1 = "secret:powerless";
    check(
        "powerless",
        "SCRAM",
        &powerless,
        &["tls", "kafka", "sasl", "metadata", "brokers", "authorisation"],
        &["sees no topic", "DESCRIBE"],
    )
    .await
}

/// A plain broker that takes no token at all still says why the login fails, in every command.
#[tokio::test]
async fn a_refused_login_is_told_by_every_command() -> Result<()> {
    let secure = need!(Secure::shared().await);
    let workspace = need!(workspace());
    let ca = secure.file("ca.pem");
    let endpoint = secure.tokens.token_url();
    let mut wrong = oauth(&endpoint, &ca);
    wrong[5].1 = "secret:wrong";
    cluster(&workspace, "test", &secure.at("OAUTH")?, &wrong)?;
    for args in [
        &["topics", "test"][..],
        &["tail", "test", "orders", "-e"],
        &["groups", "list", "test"],
    ] {
        let said = workspace.sentence(args, 1).await?;
        assert!(
            said.contains("invalid_client") && said.contains("\"test\""),
            "{said}"
        );
    }
    Ok(())
}

/// What a colleague's Java client uses, in one command: the secret goes where secrets are, and the login holds.
#[tokio::test]
async fn a_java_client_is_imported() -> Result<()> {
    let secure = need!(Secure::shared().await);
    let workspace = need!(workspace());
    let jaas = PASSWORD.replace('"', "\\\\\"");
    let text = format!(
        "# how we connect\nsecurity.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\n\
         sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\\n  \
         username=\"{USER}\" password=\"{jaas}\";\n\
         ssl.truststore.type=PEM\nssl.truststore.location={}\nvalue.deserializer=x.StringDeserializer\n",
        secure.file("ca.pem")
    );
    workspace.write("from/shop.client.properties", text)?;
    let file = workspace
        .path("from/shop.client.properties")
        .display()
        .to_string();
    let refused = workspace.json_with(&["import", &file, "--dry-run"], 1).await?;
    assert!(
        refused["problem"]
            .as_str()
            .is_some_and(|it| it.contains("--bootstrap-servers")),
        "{refused}"
    );
    let at = secure.at("SCRAM")?;
    let import = ["import", &file, "--bootstrap-servers", &at];
    let preview = workspace.json(&[&import[..], &["--dry-run"]].concat()).await?;
    assert!(
        !workspace.path("clusters/shop.toml").exists(),
        "a preview writes nothing"
    );
    let done = workspace.json(&import).await?;
    let outcomes: Vec<&str> = done["lines"]
        .as_array()
        .context("lines")?
        .iter()
        .filter_map(|line| line["outcome"].as_str())
        .collect();
    assert_eq!(
        outcomes,
        ["kept", "kept", "converted", "left_out", "converted", "left_out"],
        "{done}"
    );
    let written = std::fs::read_to_string(workspace.path("clusters/shop.toml"))?;
    assert_eq!(preview["toml"], written.as_str());
    assert!(written.contains("\"secret:shop.sasl.password\""), "{written}");
    assert!(
        !written.contains("secret\\\"") && !done.to_string().contains("alice's"),
        "{written}"
    );
    works(secure, &workspace, "shop", &all(&["tls", "kafka", "sasl"])).await?;
    let said = workspace.sentence(&import, 1).await?;
    assert!(said.contains("there is a cluster \"shop\" already"), "{said}");
    let check = workspace.run(&["check"]).await?.exits(0)?;
    assert!(check.stdout.contains("every definition holds"), "{check:?}");

    // Of kcat's file every property has its own name already.
    let text = format!(
        "metadata.broker.list={}\nsecurity.protocol=ssl\nssl.ca.location=ca.pem\n",
        secure.at("TLS")?
    );
    workspace.write("from/plain.conf", text)?;
    workspace.write("from/ca.pem", std::fs::read(secure.file("ca.pem"))?)?;
    let file = workspace.path("from/plain.conf").display().to_string();
    workspace.run(&["import", &file]).await?.exits(0)?;
    works(secure, &workspace, "plain", &all(&["tls", "kafka"])).await
}

/// Tokens that live for seconds: a tail that goes on for longer fetches new ones, and loses nothing.
#[tokio::test]
async fn tokens_are_renewed_while_a_tail_goes_on() -> Result<()> {
    let secure = need!(Secure::shared().await);
    let workspace = need!(workspace());
    let ca = secure.file("ca.pem");
    let endpoint = secure.tokens.token_url();
    cluster(&workspace, "oauth", &secure.at("OAUTH")?, &oauth(&endpoint, &ca))?;
    let topic = unique("renewed");
    secure.kafka.create_topic(&topic, 1).await?;
    secure.tokens.set_life_s(4);
    let before = secure.tokens.asked();
    let mut tail = workspace.start(&["--json", "tail", "oauth", &topic, "-o", "beginning"])?;
    // A client each for what is asked and what is read; then each has to come again, and once more.
    let mut written = 0;
    let renewed = eventually("tokens to be renewed while records arrive", DEADLINE, || {
        written += 1;
        let asked = secure.tokens.asked() - before;
        let record = Record::new("k", format!(r#"{{"n":{written}}}"#));
        let topic = topic.clone();
        async move {
            secure.kafka.produce(&topic, [record]).await.ok()?;
            (asked >= 8).then_some(())
        }
    })
    .await;
    secure.tokens.set_life_s(300);
    renewed?;
    let (said, all) = (&tail, written);
    eventually("every record to be read", DEADLINE, || {
        let read = said.stdout().lines().count();
        async move { (read >= all).then_some(()) }
    })
    .await?;
    let ended = tail.interrupt(crate::workspace::STOP_DEADLINE).await?;
    let numbers: Vec<i64> = ended
        .json_lines()?
        .iter()
        .filter_map(|record| {
            record["value"]["n"]
                .as_i64()
                .or_else(|| serde_json::from_str::<Value>(record["value"].as_str()?).ok()?["n"].as_i64())
        })
        .collect();
    assert_eq!(numbers, (1..=i64::try_from(written)?).collect::<Vec<_>>());
    Ok(())
}

/// Sizes of logs, access rules and quotas come by our own words of the protocol, and log in by their own.
#[tokio::test]
async fn what_librdkafka_has_no_call_for_logs_in_too() -> Result<()> {
    let secure = need!(Secure::shared().await);
    let workspace = need!(workspace());
    let workspace = workspace.env("TAILRACE_SECRET_KEY", KEY_PASSWORD);
    let (ca, endpoint) = (secure.file("ca.pem"), secure.tokens.token_url());
    let tls = [("security.protocol", "ssl"), ("ssl.ca.location", ca.as_str())];
    cluster(&workspace, "tls", &secure.at("TLS")?, &tls)?;
    // A folder of certificates, among other files, as systems have it.
    workspace.write("certs/ca.pem", std::fs::read(&ca)?)?;
    workspace.write("certs/README", "not a certificate")?;
    let folder = workspace.path("certs").display().to_string();
    link_by_hash(&workspace.path("certs"))?;
    let many = [("security.protocol", "ssl"), ("ssl.ca.location", folder.as_str())];
    cluster(&workspace, "folder", &secure.at("TLS")?, &many)?;

    let identity = [("ssl.certificate.location", secure.file("client.pem"))];
    let mutual = |key: &str, password: Option<&'static str>| {
        let mut all: Vec<(&str, String)> = tls
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        all.extend(identity.iter().map(|(name, value)| (*name, value.clone())));
        all.push(("ssl.key.location", key.to_owned()));
        all.extend(password.map(|password| ("ssl.key.password", password.to_owned())));
        all
    };
    for (name, properties) in [
        ("mutual", mutual(&secure.file("client.key"), None)),
        (
            "locked",
            mutual(&locked_key(secure, &workspace)?, Some("secret:key")),
        ),
    ] {
        let properties: Vec<(&str, &str)> = properties
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        cluster(&workspace, name, &secure.at("MUTUAL")?, &properties)?;
    }
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let name = mechanism.to_lowercase();
        cluster(
            &workspace,
            &name,
            &secure.at("SCRAM")?,
            &sasl(mechanism, USER, &ca),
        )?;
    }
    cluster(&workspace, "oauth", &secure.at("OAUTH")?, &oauth(&endpoint, &ca))?;
    let topic = unique("wired");
    secure.kafka.create_topic(&topic, 1).await?;
    secure
        .kafka
        .produce(&topic, [("k", "v".repeat(500), 1_700_000_000_000)])
        .await?;
    for name in [
        "tls",
        "folder",
        "mutual",
        "locked",
        "plain",
        "scram-sha-256",
        "scram-sha-512",
        "oauth",
    ] {
        let partitions = workspace.lines(&["topics", name, &topic]).await?;
        assert!(
            partitions[0]["bytes"].as_i64().is_some_and(|bytes| bytes > 0),
            "{name}: {partitions:?}"
        );
        let brokers = workspace.lines(&["brokers", name]).await?;
        assert!(brokers[0]["disk_bytes_free"].is_i64(), "{name}: {brokers:?}");
        // There are none of either, and that is an answer.
        assert!(workspace.lines(&["acls", name]).await?.is_empty(), "{name}");
        assert!(workspace.lines(&["quotas", name]).await?.is_empty(), "{name}");
    }
    Ok(())
}

const KEY_PASSWORD: &str = "of the key";

/// The client's key behind a password, as `openssl` writes it.
fn locked_key(secure: &Secure, workspace: &Workspace) -> Result<String> {
    let key = PKey::private_key_from_pem(&std::fs::read(secure.file("client.key"))?)?;
    let locked = key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), KEY_PASSWORD.as_bytes())?;
    workspace.write("keys/locked.key", locked)?;
    Ok(workspace.path("keys/locked.key").display().to_string())
}

/// OpenSSL looks for the certificates of a folder by a hash of their names.
fn link_by_hash(folder: &std::path::Path) -> Result<()> {
    let certificate = X509::from_pem(&std::fs::read(folder.join("ca.pem"))?)?;
    let name = format!("{:08x}.0", certificate.subject_name_hash());
    Ok(std::os::unix::fs::symlink(
        folder.join("ca.pem"),
        folder.join(name),
    )?)
}

/// What may not be told is not told as nothing, and a login that fails says so.
#[tokio::test]
async fn what_librdkafka_has_no_call_for_is_refused_in_words() -> Result<()> {
    let secure = need!(Secure::shared().await);
    let workspace = need!(workspace());
    let (ca, endpoint) = (secure.file("ca.pem"), secure.tokens.token_url());
    for (mechanism, name) in [("SCRAM-SHA-256", "powerless"), ("SCRAM-SHA-256", "wrong")] {
        let mut properties = sasl(mechanism, POWERLESS, &ca);
        properties[3].1 = if name == "wrong" {
            "secret:wrong"
        } else {
            "secret:powerless"
        };
        cluster(&workspace, name, &secure.at("SCRAM")?, &properties)?;
    }
    let nowhere = secure.tokens.http.url("/elsewhere");
    cluster(
        &workspace,
        "no-token",
        &secure.at("OAUTH")?,
        &oauth(&nowhere, &ca),
    )?;
    cluster(&workspace, "oauth", &secure.at("OAUTH")?, &oauth(&endpoint, &ca))?;
    for what in ["acls", "quotas"] {
        let said = workspace.sentence(&[what, "powerless"], 1).await?;
        assert!(
            said.contains("\"powerless\"") && said.contains("may not describe the cluster"),
            "{what}: {said}"
        );
        let said = workspace.sentence(&[what, "wrong"], 1).await?;
        assert!(
            said.contains("uthentication") && !said.contains("hunter2"),
            "{what}: {said}"
        );
        let said = workspace.sentence(&[what, "no-token"], 1).await?;
        assert!(
            said.contains("404") && !said.contains(CLIENT_SECRET),
            "{what}: {said}"
        );
    }
    Ok(())
}
