//! Tokens: what is asked for, what comes of bad answers, and AWS's signature against AWS's own.

use std::collections::BTreeMap;

use axum::{Router, http::StatusCode, routing::post};

use aws_credential_types::Credentials;

use super::*;
use crate::clusters::kafka::config;

const NOW_MS: i64 = 1_795_262_400_000; // 2026-11-21T12:00:00Z

fn properties(pairs: &[(&str, &str)]) -> Properties {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn credentials(session: Option<&str>) -> Credentials {
    let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    Credentials::new("AKIDEXAMPLE", secret, session.map(str::to_owned), None, "test")
}

/// The signatures that `aws-msk-iam-sasl-signer-python` 1.0.2 makes of the same at the same time.
#[test]
fn msk_tokens_are_those_of_awss_own_signer() {
    let check = |session: Option<&str>, signature: &str| {
        let token = msk_iam::token("eu-west-1", &credentials(session), NOW_MS).expect("a token");
        let signed = URL_SAFE_NO_PAD.decode(&token.value).expect("base64");
        let signed = String::from_utf8(signed).expect("text");
        assert!(
            signed.starts_with(
                "https://kafka.eu-west-1.amazonaws.com/?Action=kafka-cluster%3AConnect&X-Amz-Algorithm="
            ),
            "{signed}"
        );
        assert!(
            signed.contains("&X-Amz-Date=20261121T120000Z&X-Amz-Expires=900&"),
            "{signed}"
        );
        assert!(
            signed.contains(&format!("&X-Amz-Signature={signature}&"))
                && signed.contains("&User-Agent=tailrace"),
            "{signed}"
        );
        assert_eq!(token.expires_ms, NOW_MS + 900_000);
    };
    check(
        None,
        "7abae885f793e8066ac521552b8f8af889039c68c85b4271db0ec70c3c72c35f",
    );
    check(
        Some("FQoGZXIvYXdzEXAMPLE+/=="),
        "4d46488d625640b153bdc73ad6289ffa9bcf7c1c0c858c6976614a47ca402bbc",
    );
}

#[test]
fn the_source_travels_in_the_configuration() {
    let given = properties(&[
        ("bootstrap.servers", "a:1"),
        ("security.protocol", "sasl_ssl"),
        ("sasl.mechanism", "OAUTHBEARER"),
        ("sasl.oauthbearer.method", "oidc"),
        ("sasl.oauthbearer.client.id", "me"),
        ("sasl.oauthbearer.client.secret", "hunter2"),
        (
            "sasl.oauthbearer.token.endpoint.url",
            "https://id.example.com/token",
        ),
        (
            "sasl.oauthbearer.extensions",
            "logicalCluster=lkc-1, identityPoolId=pool",
        ),
    ]);
    let made = config::base("c", &given).expect("librdkafka takes it");
    assert_eq!(made.get("sasl.oauthbearer.client.secret"), None);
    let Some(Source::Oidc(oidc)) = Source::of_config(&made) else {
        panic!("no source in the configuration");
    };
    assert_eq!(oidc.host(), "id.example.com");
    for derived in [
        config::tail(&made, &given),
        config::reader(&made),
        config::producer(&made, &given),
    ] {
        assert!(Source::of_config(&derived).is_some());
    }
    let msk = tailrace_model::ClusterAuth::MskIam {
        region: None,
        profile: None,
    };
    let servers = properties(&[("bootstrap.servers", "b-1.x.kafka.eu-west-1.amazonaws.com:9098")]);
    let msk = with_auth(servers, Some(&msk)).expect("properties");
    assert_eq!(msk.get("security.protocol").map(String::as_str), Some("sasl_ssl"));
    assert!(matches!(
        Source::of_config(&config::base("c", &msk).expect("taken")),
        Some(Source::MskIam(_))
    ));
}

#[test]
fn what_gives_no_token_is_refused() {
    let check = |pairs: &[(&str, &str)], says: &str| {
        let mut given = properties(pairs);
        given.extend(properties(&[
            ("bootstrap.servers", "a:1"),
            ("sasl.mechanism", "OAUTHBEARER"),
        ]));
        let error = config::base("c", &given).expect_err(says);
        assert!(error.message.contains(says), "{}", error.message);
    };
    let oidc = ("sasl.oauthbearer.method", "oidc");
    let endpoint = ("sasl.oauthbearer.token.endpoint.url", "https://x/token");
    check(&[], "nothing says where tokens come from");
    check(&[oidc], "sasl.oauthbearer.token.endpoint.url is missing");
    check(
        &[oidc, ("sasl.oauthbearer.token.endpoint.url", "id.example.com")],
        "is no address",
    );
    check(&[oidc, endpoint], "sasl.oauthbearer.client.id is missing");
    check(
        &[
            oidc,
            endpoint,
            (
                "sasl.oauthbearer.grant.type",
                "urn:ietf:params:oauth:grant-type:jwt-bearer",
            ),
        ],
        "not supported",
    );
}

#[tokio::test]
async fn answers_of_a_provider() {
    let check = async |status: u16, answer: &str, expected: Result<(&str, i64), &str>| {
        let answer = answer.to_owned();
        let app = Router::new().route(
            "/token",
            post(move |headers: axum::http::HeaderMap, body: String| async move {
                // RFC 6749, 2.3.1: id and secret are form-encoded, then joined.
                assert_eq!(headers["authorization"], "Basic bWUlM0E6aHVudGVyMiUyNg==");
                assert_eq!(body, "grant_type=client_credentials&scope=read%20write");
                (StatusCode::from_u16(status).unwrap(), answer)
            }),
        );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}/token", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, app).await });
        let source = Source::of_properties(&properties(&[
            ("sasl.oauthbearer.method", "oidc"),
            ("sasl.oauthbearer.token.endpoint.url", &endpoint),
            ("sasl.oauthbearer.client.id", "me:"),
            ("sasl.oauthbearer.client.secret", "hunter2&"),
            ("sasl.oauthbearer.scope", "read write"),
        ]));
        let found = source.unwrap().unwrap().token(NOW_MS).await;
        server.abort();
        match (found, expected) {
            (Ok(token), Ok((principal, life_ms))) => {
                assert_eq!(
                    (token.principal.as_str(), token.expires_ms - NOW_MS),
                    (principal, life_ms)
                );
            }
            (Err(why), Err(says)) => {
                assert!(why.contains(says) && !why.contains("hunter2"), "{why}");
            }
            (found, _) => panic!("{}", found.map_or_else(|why| why, |token| token.value)),
        }
    };
    check(
        200,
        r#"{"access_token":"opaque","token_type":"Bearer","expires_in":60}"#,
        Ok(("me:", 60_000)),
    )
    .await;
    check(
        200,
        r#"{"access_token":"opaque","expires_in":"60"}"#,
        Ok(("me:", 60_000)),
    )
    .await;
    let claims = URL_SAFE_NO_PAD.encode(format!(r#"{{"sub":"shop","exp":{}}}"#, NOW_MS / 1_000 + 90));
    let token = format!(r#"{{"access_token":"x.{claims}.y","token_type":"bearer","expires_in":60}}"#);
    check(200, &token, Ok(("shop", 90_000))).await;
    check(
        200,
        r#"{"access_token":"x","token_type":"mac"}"#,
        Err("bearer tokens only"),
    )
    .await;
    check(
        200,
        r#"{"access_token":"x","expires_in":-1}"#,
        Err("expired already"),
    )
    .await;
    check(200, "<html>", Err("without an access_token")).await;
    check(
        401,
        r#"{"error":"invalid_client","error_description":"no hunter2& here"}"#,
        Err("401 invalid_client (no *** here). Check sasl.oauthbearer.client.id"),
    )
    .await;
    check(500, "oops", Err("500 and no reason")).await;
}

#[test]
fn a_token_that_nobody_signed() {
    let given: BTreeMap<_, _> = properties(&[
        ("enable.sasl.oauthbearer.unsecure.jwt", "true"),
        (
            "sasl.oauthbearer.config",
            "principal=admin scope=a,b lifeSeconds=60",
        ),
    ]);
    let Ok(Some(Source::Unsecured(source))) = Source::of_properties(&given) else {
        panic!("no source");
    };
    let token = source.token(NOW_MS);
    let claims = URL_SAFE_NO_PAD
        .decode(token.value.split('.').nth(1).unwrap())
        .unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["sub"], "admin");
    assert_eq!(claims["scope"], serde_json::json!(["a", "b"]));
    assert_eq!(token.expires_ms, NOW_MS + 60_000);
}
