//! Whole files, and what becomes of each of their lines.

use proptest::prelude::*;

use super::*;

/// A machine on which each file is what its name says.
fn look(path: &str) -> (Store, String) {
    let store = match path.rsplit('.').next() {
        Some("pem") => Store::Pem,
        Some("p12") => Store::Pkcs12,
        Some("jks") => Store::Jks,
        _ => Store::Missing,
    };
    let place = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/etc/{path}")
    };
    (store, place)
}

fn read(text: &str) -> Imported {
    import(text, "certs/prod-ca.pem", &look)
}

#[track_caller]
fn check(text: &str, properties: &[(&str, &str)], secrets: &[(&str, &str)], outcomes: &[ImportOutcome]) {
    let found = read(text);
    let pairs = |map: &BTreeMap<String, String>| -> Vec<(String, String)> {
        map.iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    };
    let expected = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        let mut pairs: Vec<_> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        pairs.sort();
        pairs
    };
    assert_eq!(pairs(&found.properties), expected(properties));
    assert_eq!(pairs(&found.secrets), expected(secrets));
    let told: Vec<ImportOutcome> = found.lines.iter().map(|line| line.outcome).collect();
    assert_eq!(told, outcomes, "{:#?}", found.lines);
    for (_, secret) in secrets {
        assert!(
            !found.lines.iter().any(|line| line.detail.contains(secret)),
            "a secret is told"
        );
    }
}

use ImportOutcome::{Converted, Kept, LeftOut, Secret, ToDo};

#[test]
fn a_confluent_client() {
    check(
        "bootstrap.servers=pkc-1.eu-west-1.aws.confluent.cloud:9092\nsecurity.protocol=SASL_SSL\nsasl.mechanism=PLAIN\n\
         sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \\\n  username='KEY' \\\n  password='hunter2';\n\
         client.dns.lookup=use_all_dns_ips\nsession.timeout.ms=45000\nacks=all\n\
         key.deserializer=org.apache.kafka.common.serialization.StringDeserializer\nbasic.auth.user.info=a:b\nfoo.bar=1\nrequest.timeout.ms=20000\n",
        &[
            ("bootstrap.servers", "pkc-1.eu-west-1.aws.confluent.cloud:9092"),
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanism", "PLAIN"),
            ("sasl.username", "KEY"),
            ("client.dns.lookup", "use_all_dns_ips"),
            ("socket.timeout.ms", "20000"),
        ],
        &[("sasl.password", "hunter2")],
        &[
            Kept, Kept, Kept, Converted, Kept, LeftOut, LeftOut, LeftOut, LeftOut, LeftOut, Converted,
        ],
    );
}

#[test]
fn stores_of_certificates() {
    check(
        "ssl.truststore.location=ca.pem\nssl.truststore.type=PEM\nssl.keystore.location=/k/me.p12\nssl.keystore.password=hunter2\n\
         ssl.key.password=hunter2\nssl.endpoint.identification.algorithm=\nssl.enabled.protocols=TLSv1.3\n",
        &[
            ("ssl.ca.location", "/etc/ca.pem"),
            ("ssl.keystore.location", "/k/me.p12"),
            ("ssl.endpoint.identification.algorithm", "none"),
        ],
        &[("ssl.keystore.password", "hunter2")],
        &[Converted, LeftOut, Kept, Secret, LeftOut, Converted, LeftOut],
    );
    let jks = "ssl.truststore.location=my trust.jks\nssl.truststore.password=hunter2\nssl.keystore.location=me.jks\nssl.keystore.password=hunter2\n";
    check(
        jks,
        &[
            ("ssl.ca.location", "certs/prod-ca.pem"),
            ("ssl.keystore.location", "/etc/me.p12"),
        ],
        &[("ssl.keystore.password", "hunter2")],
        &[ToDo, LeftOut, ToDo, Secret],
    );
    assert_eq!(
        read(jks).commands,
        [
            "keytool -list -rfc -keystore '/etc/my trust.jks' > /etc/certs/prod-ca.pem",
            "keytool -importkeystore -srckeystore /etc/me.jks -destkeystore /etc/me.p12 -deststoretype PKCS12",
        ]
    );
    let inline = "ssl.keystore.type=PEM\nssl.keystore.certificate.chain=-----BEGIN CERTIFICATE-----\nssl.keystore.key=-----BEGIN PRIVATE KEY-----\n";
    check(
        inline,
        &[("ssl.certificate.pem", "-----BEGIN CERTIFICATE-----")],
        &[("ssl.key.pem", "-----BEGIN PRIVATE KEY-----")],
        &[LeftOut, Converted, Secret],
    );
}

#[test]
fn logins_of_java() {
    let scram = "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"me\" password=\"${env:PASSWORD}\";";
    let found = read(&format!("sasl.mechanism=SCRAM-SHA-512\nsasl.jaas.config={scram}"));
    assert_eq!(found.missing_secrets, ["sasl.password"]);
    assert_eq!(found.lines[1].outcome, ToDo);
    check(
        "sasl.mechanism=OAUTHBEARER\nsasl.oauthbearer.token.endpoint.url=https://id/token\n\
         sasl.login.callback.handler.class=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler\n\
         sasl.jaas.config=x.OAuthBearerLoginModule required clientId=\"me\" clientSecret=\"hunter2\" scope=\"a b\" extension_logicalCluster=\"lkc\";\n",
        &[
            ("sasl.mechanism", "OAUTHBEARER"),
            ("sasl.oauthbearer.token.endpoint.url", "https://id/token"),
            ("sasl.oauthbearer.method", "oidc"),
            ("sasl.oauthbearer.client.id", "me"),
            ("sasl.oauthbearer.scope", "a b"),
            ("sasl.oauthbearer.extensions", "logicalCluster=lkc"),
        ],
        &[("sasl.oauthbearer.client.secret", "hunter2")],
        &[Kept, Kept, Converted, Converted],
    );
    let msk = "security.protocol=SASL_SSL\nsasl.mechanism=AWS_MSK_IAM\n\
               sasl.jaas.config=software.amazon.msk.auth.iam.IAMLoginModule required awsProfileName=\"shop\";\n\
               sasl.client.callback.handler.class=software.amazon.msk.auth.iam.IAMClientCallbackHandler\n";
    let found = read(msk);
    let profile = Some("shop".to_owned());
    assert_eq!(
        found.auth,
        Some(ClusterAuth::MskIam {
            region: None,
            profile
        })
    );
    assert!(
        !found.properties.contains_key("sasl.mechanism"),
        "{:?}",
        found.properties
    );
    check(
        "sasl.jaas.config=com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true keyTab=\"/k\" principal=\"me@X\";\n\
         sasl.kerberos.service.name=kafka\n",
        &[
            ("sasl.kerberos.keytab", "/k"),
            ("sasl.kerberos.principal", "me@X"),
            ("sasl.kerberos.service.name", "kafka"),
        ],
        &[],
        &[Converted, Kept],
    );
    check(
        "sasl.jaas.config=nonsense\nssl.protocol=TLS",
        &[],
        &[],
        &[ToDo, LeftOut],
    );
}

#[test]
fn a_kcat_conf() {
    check(
        "# mine\nmetadata.broker.list=a:1,b:2\nsecurity.protocol=sasl_ssl\nsasl.mechanisms=SCRAM-SHA-256\nsasl.username=me\n\
         sasl.password=hunter2\\\nssl.ca.location=ca.pem\ngroup.id=x\ndebug=all\nplugin.library.paths=evil.so\nno.such=1\nsasl.username=you\n",
        &[
            ("bootstrap.servers", "a:1,b:2"),
            ("security.protocol", "sasl_ssl"),
            ("sasl.mechanisms", "SCRAM-SHA-256"),
            ("sasl.username", "you"),
            ("ssl.ca.location", "/etc/ca.pem"),
        ],
        &[("sasl.password", "hunter2\\")],
        &[
            Converted, Kept, Kept, LeftOut, Secret, Kept, LeftOut, LeftOut, LeftOut, LeftOut, Kept,
        ],
    );
}

#[test]
fn kinds_of_files() {
    assert_eq!(Store::of(&[0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2]), Store::Jks);
    assert_eq!(Store::of(&[0x30, 0x82, 1, 2]), Store::Pkcs12);
    assert_eq!(Store::of(b"subject=x\n-----BEGIN CERTIFICATE-----"), Store::Pem);
    assert_eq!(Store::of(b"what?"), Store::Unknown);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_file_is_read_and_every_setting_told(text: String) {
        let found = read(&text);
        prop_assert!(found.lines.len() <= text.lines().count());
    }

    /// A password comes through both notations as it was, and is told nowhere.
    #[test]
    fn a_password_survives(password in "[!-~]{8,30}") {
        let jaas = password.replace('\\', "\\\\").replace('"', "\\\"");
        let line = format!("a.PlainLoginModule required username=\"me\" password=\"{jaas}\";").replace('\\', "\\\\");
        let found = read(&format!("sasl.jaas.config={line}\n"));
        prop_assume!(!(password.starts_with("${") && password.ends_with('}')));
        prop_assert_eq!(found.secrets.get("sasl.password"), Some(&password));
        prop_assert!(!found.lines.iter().any(|line| line.detail.contains(&password)));
    }
}
