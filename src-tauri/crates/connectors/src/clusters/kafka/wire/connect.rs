//! A connection to one broker, in the clear or with TLS, by librdkafka's own properties.

use std::{io::Read as _, path::Path};

use native_tls::{Certificate, Identity, TlsConnector};
use openssl::pkey::PKey;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use super::Said;
use crate::clusters::kafka::config::Properties;

/// Bytes of a file with certificates or a key.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Files of a folder with certificates.
const FILES_MAX: usize = 1_000;
/// What a certificate begins with.
const MARK: &[u8] = b"-----BEGIN CERTIFICATE-----";

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
        let bytes = read(Path::new(path), "ssl.keystore.location")?;
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
        (Some(certificate), Some(key)) => {
            let key = pkcs8(&key, given("ssl.key.password").unwrap_or_default())?;
            let identity = Identity::from_pkcs8(&certificate, &key);
            identity.map(Some).map_err(|_| {
                "ssl.certificate.location holds no certificate in PEM, or ssl.key.location is another's key".to_owned()
            })
        }
        (Some(_), None) => Err("ssl.certificate.location needs its key: set ssl.key.location".to_owned()),
        _ => Ok(None),
    }
}

/// A key in the one form that can be handed over, whatever form it has in its file.
fn pkcs8(pem: &[u8], password: &str) -> Said<Vec<u8>> {
    let key = PKey::private_key_from_pem_passphrase(pem, password.as_bytes())
        .map_err(|_| "ssl.key.location holds no key in PEM, or ssl.key.password does not open it")?;
    key.private_key_to_pem_pkcs8()
        .map_err(|_| "the key of ssl.key.location cannot be used".to_owned())
}

fn pem(text: Option<&str>, path: Option<&str>, name: &str) -> Said<Option<Vec<u8>>> {
    match (text, path) {
        (Some(text), _) => Ok(Some(text.as_bytes().to_vec())),
        // "probe" looks in the places that systems have, as the connector does by itself.
        (None, Some("probe")) | (None, None) => Ok(None),
        (None, Some(path)) if Path::new(path).is_dir() => folder(path, name).map(Some),
        (None, Some(path)) => read(Path::new(path), name).map(Some),
    }
}

/// Every certificate in a folder, as librdkafka takes them.
fn folder(path: &str, name: &str) -> Said<Vec<u8>> {
    let unread = |error| format!("{name} {path} cannot be read: {error}");
    let mut all = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unread)?.take(FILES_MAX) {
        let file = entry.map_err(unread)?.path();
        // A folder for certificates may hold other things besides.
        if file.is_file() {
            let bytes = read(&file, name)?;
            if bytes.windows(MARK.len()).any(|part| part == MARK) {
                all.extend(bytes);
                all.push(b'\n');
            }
        }
    }
    Ok(all)
}

fn read(path: &Path, name: &str) -> Said<Vec<u8>> {
    let unread = |error| format!("{name} {} cannot be read: {error}", path.display());
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unread)?;
    file.take(FILE_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(unread)?;
    Ok(bytes)
}
