//! A cluster as it is in earnest: one broker with a listener for each way to log in, certificates made here, and an
//! identity provider that gives tokens as RFC 6749 says. Tests share it, and keep apart by their topics.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use anyhow::{Context, Result};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use openssl::{
    asn1::Asn1Time,
    bn::{BigNum, MsbOption},
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    rsa::Rsa,
    sign::Signer,
    x509::{
        X509, X509Name, X509NameBuilder,
        extension::{BasicConstraints, SubjectAlternativeName},
    },
};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::{
    Unavailable,
    http::{Http, Received, Reply},
    kafka::Kafka,
    listeners::{Listener, Setup},
};

const WHAT: &str = "Apache Kafka with logins";
pub const USER: &str = "alice";
pub const PASSWORD: &str = "alice's \"secret\"";
/// Logs in like anybody, and may do nothing.
pub const POWERLESS: &str = "eve";
pub const CLIENT_ID: &str = "shop studio";
pub const CLIENT_SECRET: &str = "s3cret/+&";

/// Somebody who issues certificates.
pub struct Authority {
    name: X509Name,
    key: PKey<Private>,
    certificate: X509,
}

/// A certificate and its key.
pub struct Identity {
    pub certificate: String,
    pub key: String,
}

/// From when to when, in days from now.
pub type Days = (i64, i64);

fn named(common_name: &str) -> Result<X509Name> {
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_text("CN", common_name)?;
    Ok(name.build())
}

fn new_key() -> Result<PKey<Private>> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    Ok(PKey::from_ec_key(EcKey::generate(&group)?)?)
}

fn draft(
    subject: &X509Name,
    issuer: &X509Name,
    key: &PKey<Private>,
    (from, to): Days,
) -> Result<openssl::x509::X509Builder> {
    let mut draft = X509::builder()?;
    let mut serial = BigNum::new()?;
    serial.rand(120, MsbOption::MAYBE_ZERO, false)?;
    draft.set_version(2)?;
    draft.set_serial_number(serial.to_asn1_integer()?.as_ref())?;
    draft.set_subject_name(subject)?;
    draft.set_issuer_name(issuer)?;
    draft.set_pubkey(key)?;
    let now = chrono::Utc::now().timestamp();
    let day = |days: i64| Asn1Time::from_unix(now + days * 86_400);
    draft.set_not_before(day(from)?.as_ref())?;
    draft.set_not_after(day(to)?.as_ref())?;
    Ok(draft)
}

impl Authority {
    pub fn new(name: &str) -> Result<Self> {
        let (name, key) = (named(name)?, new_key()?);
        let mut draft = draft(&name, &name, &key, (-400, 3_650))?;
        draft.append_extension(BasicConstraints::new().critical().ca().build()?)?;
        draft.sign(&key, MessageDigest::sha256())?;
        let certificate = draft.build();
        Ok(Self {
            name,
            key,
            certificate,
        })
    }

    pub fn pem(&self) -> Result<String> {
        Ok(String::from_utf8(self.certificate.to_pem()?)?)
    }

    /// For these hosts; `127.0.0.1` is an address, everything else a name.
    pub fn issue(&self, name: &str, hosts: &[&str], days: Days) -> Result<Identity> {
        let key = new_key()?;
        let mut draft = draft(&named(name)?, &self.name, &key, days)?;
        if !hosts.is_empty() {
            let mut names = SubjectAlternativeName::new();
            for host in hosts {
                match host.parse::<std::net::IpAddr>() {
                    Ok(_) => names.ip(host),
                    Err(_) => names.dns(host),
                };
            }
            let names = names.build(&draft.x509v3_context(Some(&self.certificate), None))?;
            draft.append_extension(names)?;
        }
        draft.sign(&self.key, MessageDigest::sha256())?;
        Ok(Identity {
            certificate: String::from_utf8(draft.build().to_pem()?)?,
            key: String::from_utf8(key.private_key_to_pem_pkcs8()?)?,
        })
    }
}

/// An identity provider: `/token` gives signed tokens for client credentials, `/jwks` the key that proves them.
pub struct TokenServer {
    pub http: Arc<Http>,
    life_s: Arc<AtomicI64>,
}

impl TokenServer {
    /// On a thread of its own, so that it outlives the test that starts it.
    pub fn start() -> Result<Self> {
        let (sender, receiver) = std::sync::mpsc::channel();
        let life_s = Arc::new(AtomicI64::new(300));
        let life = Arc::clone(&life_s);
        std::thread::spawn(move || -> Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let http = Arc::new(Http::start().await?);
                let key = Rsa::generate(2_048)?;
                let keys = jwks(&key);
                let key = PKey::from_rsa(key)?;
                http.answer(move |request| match request.path.as_str() {
                    "/jwks" => Reply::status(200)
                        .header("content-type", "application/json")
                        .body(keys.clone()),
                    "/token" => give_token(request, &key, life.load(Ordering::Relaxed)),
                    _ => Reply::status(404),
                });
                sender.send(Arc::clone(&http))?;
                std::future::pending().await
            })
        });
        let http = receiver.recv().context("the identity provider did not start")?;
        Ok(Self { http, life_s })
    }

    pub fn token_url(&self) -> String {
        self.http.url("/token")
    }

    /// How long the tokens given from now on are good for.
    pub fn set_life_s(&self, life_s: i64) {
        self.life_s.store(life_s, Ordering::Relaxed);
    }

    /// How many tokens were asked for.
    pub fn asked(&self) -> usize {
        self.http
            .received()
            .iter()
            .filter(|request| request.path == "/token")
            .count()
    }
}

fn jwks(key: &Rsa<Private>) -> String {
    let number = |number: &openssl::bn::BigNumRef| URL_SAFE_NO_PAD.encode(number.to_vec());
    json!({ "keys": [{
        "kty": "RSA", "kid": "one", "use": "sig", "alg": "RS256", "n": number(key.n()), "e": number(key.e()),
    }] })
    .to_string()
}

/// RFC 6749: section 4.4.2 the request, 5.1 the answer, 5.2 the refusal.
fn give_token(request: &Received, key: &PKey<Private>, life_s: i64) -> Reply {
    let refuse = |status: u16, error: &str, why: &str| {
        Reply::status(status)
            .header("content-type", "application/json")
            .header("cache-control", "no-store")
            .body(json!({ "error": error, "error_description": why }).to_string())
    };
    let body = String::from_utf8_lossy(&request.body).into_owned();
    if request.method != "POST"
        || !body
            .split('&')
            .any(|part| part == "grant_type=client_credentials")
    {
        return refuse(400, "unsupported_grant_type", "only client credentials");
    }
    // Section 2.3.1: both parts are form-encoded before they are joined.
    let wanted = format!("Basic {}", STANDARD.encode("shop%20studio:s3cret%2F%2B%26"));
    if request.header("authorization") != Some(wanted.as_str()) {
        return refuse(401, "invalid_client", "no such client, or another secret")
            .header("www-authenticate", "Basic");
    }
    let now = chrono::Utc::now().timestamp();
    let part = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let claims = json!({ "iss": "tests", "aud": "kafka", "sub": "shop", "scope": "read", "iat": now, "exp": now + life_s });
    let signed = format!(
        "{}.{}",
        part(json!({ "alg": "RS256", "kid": "one", "typ": "JWT" })),
        part(claims)
    );
    let signature = Signer::new(MessageDigest::sha256(), key)
        .and_then(|mut signer| signer.sign_oneshot_to_vec(signed.as_bytes()));
    match signature {
        Ok(signature) => Reply::status(200)
            .header("content-type", "application/json")
            .header("cache-control", "no-store")
            .body(
                json!({ "access_token": format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)),
                    "token_type": "Bearer", "expires_in": life_s })
                .to_string(),
            ),
        Err(_) => refuse(500, "server_error", "the token could not be signed"),
    }
}

/// See the module's text.
pub struct Secure {
    pub kafka: Kafka,
    pub tokens: TokenServer,
    pub authority: Authority,
    folder: TempDir,
}

impl Secure {
    pub async fn shared() -> Result<&'static Self, Unavailable> {
        static SHARED: OnceCell<Result<Secure, Unavailable>> = OnceCell::const_new();
        SHARED
            .get_or_init(Self::start)
            .await
            .as_ref()
            .map_err(Clone::clone)
    }

    async fn start() -> Result<Self, Unavailable> {
        Self::set_up()
            .await
            .map_err(|error| Unavailable::new(WHAT, format!("{error:#}")))
    }

    async fn set_up() -> Result<Self> {
        let folder = TempDir::with_prefix("tailrace-secure-")?;
        let authority = Authority::new("Test CA")?;
        let tokens = TokenServer::start()?;
        let put = |name: &str, text: String| -> Result<PathBuf> {
            let path = folder.path().join(name);
            std::fs::write(&path, text)?;
            Ok(path)
        };
        let ca = put("ca.pem", authority.pem()?)?;
        put("other-ca.pem", Authority::new("Other CA")?.pem()?)?;
        let client = authority.issue("client", &[], (-1, 365))?;
        put("client.pem", client.certificate)?;
        put("client.key", client.key)?;
        let late = authority.issue("late client", &[], (-10, -1))?;
        put("late-client.pem", late.certificate)?;
        put("late-client.key", late.key)?;
        let mut stores = Vec::new();
        for (name, hosts, days) in [
            ("good", &["localhost", "127.0.0.1"][..], (-1, 365)),
            ("late", &["localhost", "127.0.0.1"], (-30, -3)),
            ("elsewhere", &["kafka.example.com"], (-1, 365)),
        ] {
            let Identity { certificate, key } = authority.issue(&format!("{name} broker"), hosts, days)?;
            stores.push(put(&format!("{name}.pem"), format!("{key}{certificate}"))?);
        }
        let kafka = Kafka::start_with(setup(&stores, &ca, &tokens)).await?;
        Ok(Self {
            kafka,
            tokens,
            authority,
            folder,
        })
    }

    /// A file made here: `ca.pem`, `other-ca.pem`, `client.pem`, `client.key`, `late-client.pem`, ...
    pub fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `localhost:PORT` of a listener.
    pub fn at(&self, listener: &str) -> Result<String> {
        Ok(format!("localhost:{}", self.kafka.port_of(listener)?))
    }
}

fn setup(stores: &[PathBuf], ca: &Path, tokens: &TokenServer) -> Setup {
    let tls = |name: &'static str, protocol: &'static str, store: &Path| {
        Listener::new(name, protocol)
            .set("ssl.keystore.type", "PEM")
            .set("ssl.keystore.location", store.display())
            .set("ssl.truststore.type", "PEM")
            .set("ssl.truststore.location", ca.display())
    };
    let module = |name: &str| format!("org.apache.kafka.common.security.{name} required");
    let escaped = PASSWORD.replace('"', "\\\"");
    // Once for the login's own quotes, and once for those of the properties file.
    let plain =
        format!("{} user_{USER}=\"{escaped}\";", module("plain.PlainLoginModule")).replace('\\', "\\\\");
    let scram = format!("{};", module("scram.ScramLoginModule"));
    let listeners = vec![
        tls("TLS", "SSL", &stores[0]),
        tls("LATE", "SSL", &stores[1]),
        tls("ELSEWHERE", "SSL", &stores[2]),
        tls("MUTUAL", "SSL", &stores[0]).set("ssl.client.auth", "required"),
        tls("SCRAM", "SASL_SSL", &stores[0])
            .set("sasl.enabled.mechanisms", "SCRAM-SHA-256,SCRAM-SHA-512,PLAIN")
            .set("scram-sha-256.sasl.jaas.config", &scram)
            .set("scram-sha-512.sasl.jaas.config", &scram)
            .set("plain.sasl.jaas.config", plain),
        tls("OAUTH", "SASL_SSL", &stores[0])
            .set("sasl.enabled.mechanisms", "OAUTHBEARER")
            // A session ends with its token, unless it is renewed.
            .set("oauthbearer.connections.max.reauth.ms", "3600000")
            .set(
                "oauthbearer.sasl.jaas.config",
                format!("{};", module("oauthbearer.OAuthBearerLoginModule")),
            )
            .set(
                "oauthbearer.sasl.server.callback.handler.class",
                "org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler",
            ),
    ];
    let jwks = tokens.http.url("/jwks");
    Setup {
        listeners,
        settings: vec![
            format!("sasl.oauthbearer.jwks.endpoint.url={jwks}"),
            "sasl.oauthbearer.expected.audience=kafka".to_owned(),
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer".to_owned(),
            format!("super.users=User:ANONYMOUS;User:{USER};User:shop;User:CN=client"),
        ],
        scram: [
            ("SCRAM-SHA-256", USER, PASSWORD),
            ("SCRAM-SHA-512", USER, PASSWORD),
            ("SCRAM-SHA-256", POWERLESS, "x"),
        ]
        .map(|(mechanism, user, password)| format!("{mechanism}=[name={user},password={password}]"))
        .to_vec(),
        jvm: vec![format!("-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={jwks}")],
    }
}
