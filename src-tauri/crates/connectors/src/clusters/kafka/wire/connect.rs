//! A connection to one broker, in the clear or with TLS, by librdkafka's own properties.

use std::path::Path;

use native_tls::{Certificate, Identity, TlsConnector};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use super::Said;
use crate::clusters::kafka::config::Properties;

pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}
pub(super) type Stream = Box<dyn Duplex>;

/// `security.protocol` in small letters.
pub(super) fn protocol(properties: &Properties) -> String {
    properties
        .get("security.protocol")
        .map_or_else(|| "plaintext".to_owned(), |protocol| protocol.to_lowercase())
}

pub(super) async fn connect(properties: &Properties, host: &str, port: u16) -> Said<Stream> {
    let tcp = TcpStream::connect((host, port))
        .await
        .map_err(|error| format!("no connection: {error}"))?;
    // Without it only a little slower.
    let _ = tcp.set_nodelay(true);
    if !protocol(properties).ends_with("ssl") {
        return Ok(Box::new(tcp));
    }
    let connector = tokio_native_tls::TlsConnector::from(connector(properties)?);
    let stream = connector
        .connect(host, tcp)
        .await
        .map_err(|error| format!("TLS fails: {error}"))?;
    Ok(Box::new(stream))
}

fn connector(properties: &Properties) -> Said<TlsConnector> {
    let given = |name: &str| {
        properties
            .get(name)
            .map(String::as_str)
            .filter(|it| !it.is_empty())
    };
    let mut builder = TlsConnector::builder();
    if let Some(pem) = pem(given("ssl.ca.pem"), given("ssl.ca.location"), "ssl.ca.location")? {
        let certificates = Certificate::stack_from_pem(&pem)
            .map_err(|_| "ssl.ca.location holds no certificate in PEM".to_owned())?;
        for certificate in certificates {
            builder.add_root_certificate(certificate);
        }
        // librdkafka trusts these alone, too.
        builder.disable_built_in_roots(true);
    }
    if given("enable.ssl.certificate.verification") == Some("false") {
        builder.danger_accept_invalid_certs(true);
    }
    if given("ssl.endpoint.identification.algorithm") == Some("none") {
        builder.danger_accept_invalid_hostnames(true);
    }
    if let Some(identity) = identity(&given)? {
        builder.identity(identity);
    }
    builder
        .build()
        .map_err(|error| format!("TLS cannot be used: {error}"))
}

fn identity<'a>(given: &impl Fn(&str) -> Option<&'a str>) -> Said<Option<Identity>> {
    if let Some(path) = given("ssl.keystore.location") {
        let bytes = read(path, "ssl.keystore.location")?;
        let password = given("ssl.keystore.password").unwrap_or_default();
        return Identity::from_pkcs12(&bytes, password)
            .map(Some)
            .map_err(|_| "ssl.keystore.location cannot be opened with ssl.keystore.password".to_owned());
    }
    let certificate = pem(
        given("ssl.certificate.pem"),
        given("ssl.certificate.location"),
        "ssl.certificate.location",
    )?;
    let key = pem(
        given("ssl.key.pem"),
        given("ssl.key.location"),
        "ssl.key.location",
    )?;
    match (certificate, key) {
        (Some(certificate), Some(key)) => Identity::from_pkcs8(&certificate, &key).map(Some).map_err(|_| {
            "ssl.key.location is read here only as PKCS#8 without a password (`openssl pkcs8 -topk8 -nocrypt`)"
                .to_owned()
        }),
        _ => Ok(None),
    }
}

fn pem(text: Option<&str>, path: Option<&str>, name: &str) -> Said<Option<Vec<u8>>> {
    match (text, path) {
        (Some(text), _) => Ok(Some(text.as_bytes().to_vec())),
        // "probe" looks in the places that systems have, as the connector does by itself.
        (None, Some("probe")) | (None, None) => Ok(None),
        (None, Some(path)) => read(path, name).map(Some),
    }
}

fn read(path: &str, name: &str) -> Said<Vec<u8>> {
    std::fs::read(Path::new(path)).map_err(|error| format!("{name} {path} cannot be read: {error}"))
}
