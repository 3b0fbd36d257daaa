//! The HTTP client that registries and Kafka Connect are asked with: no redirects, no proxy to this machine, and whom it
//! trusts.

use std::{path::PathBuf, time::Duration};

use reqwest::{Certificate, Client, Identity, Url, redirect::Policy};
use tailrace_model::{Error, Result};

use crate::destinations::reason;

/// Of a file with certificates or a key.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Files in PEM. What is absent is as the machine has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// Certificates that are trusted beside those of the machine.
    pub ca: Option<PathBuf>,
    /// Whom we are; with `key`, in PKCS #8.
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
}

/// `timeout` is for each request. `tls_files`: a file can't be used.
pub fn client(url: &Url, timeout: Duration, tls: &Tls) -> Result<Client> {
    let mut builder = Client::builder()
        .user_agent(concat!("tailrace/", env!("CARGO_PKG_VERSION")))
        .timeout(timeout)
        .redirect(Policy::none());
    let host = url.host_str().unwrap_or_default();
    if matches!(host, "localhost" | "127.0.0.1" | "[::1]") {
        builder = builder.no_proxy();
    }
    if let Some(ca) = &tls.ca {
        let text = read("ca", ca)?;
        let trusted = Certificate::from_pem_bundle(&text).map_err(|_| unusable("ca", ca))?;
        if trusted.is_empty() {
            return Err(unusable("ca", ca));
        }
        builder = builder.tls_certs_merge(trusted);
    }
    match (&tls.certificate, &tls.key) {
        (None, None) => {}
        (Some(certificate), Some(key)) => {
            let (texts, secret) = (read("certificate", certificate)?, read("key", key)?);
            let identity = Identity::from_pkcs8_pem(&texts, &secret);
            // Why is not told: it might quote the key.
            let identity = identity.map_err(|_| unusable("certificate and key", certificate))?;
            builder = builder.identity(identity);
        }
        _ => {
            return Err(Error::user(
                "tls_files",
                "certificate and key belong together: name both, or neither",
            ));
        }
    }
    builder.build().map_err(|error| {
        Error::internal(
            "http_client",
            format!("no HTTP client: {}", reason::of_chain(&error)),
        )
    })
}

fn read(what: &str, path: &PathBuf) -> Result<Vec<u8>> {
    let cannot = |why: String| {
        Error::user(
            "tls_files",
            format!("{what}: \"{}\" can't be read: {why}", path.display()),
        )
    };
    let size = std::fs::metadata(path)
        .map_err(|error| cannot(error.to_string()))?
        .len();
    if size > FILE_BYTES_MAX {
        return Err(cannot(format!(
            "it has {size} bytes, the most is {FILE_BYTES_MAX}"
        )));
    }
    std::fs::read(path).map_err(|error| cannot(error.to_string()))
}

fn unusable(what: &str, path: &std::path::Path) -> Error {
    let shown = path.display();
    Error::user(
        "tls_files",
        format!(
            "{what}: \"{shown}\" is not PEM that can be used (a key has to be PKCS #8 without a password)"
        ),
    )
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::TcpListener,
    };

    use openssl::{
        asn1::Asn1Time,
        bn::BigNum,
        hash::MessageDigest,
        pkey::{PKey, Private},
        rsa::Rsa,
        ssl::{SslAcceptor, SslMethod, SslVerifyMode},
        x509::{X509, X509Name, X509NameBuilder, extension::SubjectAlternativeName},
    };

    use super::*;

    fn name(of: &str) -> X509Name {
        let mut name = X509NameBuilder::new().unwrap();
        name.append_entry_by_text("CN", of).unwrap();
        name.build()
    }

    /// Signed by itself, for 127.0.0.1.
    fn signed(of: &str) -> (X509, PKey<Private>) {
        let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let mut made = X509::builder().unwrap();
        made.set_version(2).unwrap();
        let serial = BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap();
        made.set_serial_number(&serial).unwrap();
        made.set_subject_name(&name(of)).unwrap();
        made.set_issuer_name(&name(of)).unwrap();
        made.set_pubkey(&key).unwrap();
        made.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
        made.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
        let place = SubjectAlternativeName::new()
            .ip("127.0.0.1")
            .build(&made.x509v3_context(None, None))
            .unwrap();
        made.append_extension(place).unwrap();
        made.sign(&key, MessageDigest::sha256()).unwrap();
        (made.build(), key)
    }

    /// Answers whoever shows the certificate that it trusts, until the listener's thread is left.
    fn serve(of: &(X509, PKey<Private>), trusts: &X509) -> Url {
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
        acceptor.set_certificate(&of.0).unwrap();
        acceptor.set_private_key(&of.1).unwrap();
        acceptor.cert_store_mut().add_cert(trusts.clone()).unwrap();
        acceptor.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        let acceptor = acceptor.build();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming().take(4).flatten() {
                let Ok(mut stream) = acceptor.accept(stream) else {
                    continue;
                };
                let mut asked = [0; 4_096];
                let _ = stream.read(&mut asked);
                let _ =
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n[]");
                let _ = stream.shutdown();
            }
        });
        Url::parse(&format!("https://127.0.0.1:{port}/")).unwrap()
    }

    #[tokio::test]
    async fn a_company_s_own_certificates() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            Some(path)
        };
        let (server, person) = (signed("server"), signed("person"));
        let url = serve(&server, &person.0);
        let ca = write("ca.pem", &server.0.to_pem().unwrap());
        let certificate = write("me.pem", &person.0.to_pem().unwrap());
        let key = write("me.key", &person.1.private_key_to_pem_pkcs8().unwrap());
        let ask = async |tls: Tls| {
            let client = client(&url, Duration::from_secs(10), &tls).map_err(|error| error.message)?;
            let answered = client.get(url.clone()).send().await;
            answered
                .map(|answer| answer.status().as_u16())
                .map_err(|_| "lost".to_owned())
        };
        let tls = Tls {
            ca: ca.clone(),
            certificate: certificate.clone(),
            key: key.clone(),
        };
        assert_eq!(ask(tls.clone()).await, Ok(200));
        let check = async |tls: Tls, sentence: &str| {
            let found = ask(tls).await.unwrap_err();
            assert!(found.contains(sentence), "{found}");
        };
        // Not trusted, and not known.
        check(
            Tls {
                ca: None,
                ..tls.clone()
            },
            "lost",
        )
        .await;
        let nobody = Tls {
            ca: ca.clone(),
            ..Tls::default()
        };
        check(nobody, "lost").await;
        check(
            Tls {
                key: None,
                ..tls.clone()
            },
            "belong together",
        )
        .await;
        let gone = Some(folder.path().join("gone.pem"));
        check(
            Tls {
                ca: gone,
                ..tls.clone()
            },
            "gone.pem\" can't be read",
        )
        .await;
        check(
            Tls {
                ca: write("x.pem", b"x"),
                ..tls.clone()
            },
            "x.pem\" is not PEM",
        )
        .await;
        check(
            Tls {
                key: certificate,
                ..tls
            },
            "PKCS #8",
        )
        .await;
    }
}
