//! The encrypted connection, tried with the same settings as librdkafka's, so that a certificate that is not trusted can
//! be named: whose it is, who issued it, how long it holds, and why it is not taken.

use std::{
    fs,
    io::{self, Read as _},
    net::{IpAddr, TcpStream},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use openssl::{
    asn1::{Asn1Time, Asn1TimeRef},
    error::ErrorStack,
    pkcs12::Pkcs12,
    pkey::{PKey, Private},
    ssl::{self, HandshakeError, Ssl, SslContext, SslContextBuilder, SslMethod, SslStream, SslVerifyMode},
    x509::{X509, X509NameRef, X509Ref},
};

use crate::{clusters::kafka::config::Properties, destinations::reason};

/// A certificate that ends sooner is pointed out.
const SOON_DAYS: i32 = 30;
/// Names of a certificate that an error lists.
const NAMES_MAX: usize = 6;
/// Bytes of a file with certificates or a key.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Why a certificate was not taken, the first reason of all.
#[derive(Clone)]
struct Distrust {
    code: i32,
    /// 0 is the broker's own certificate; those above issued it.
    depth: u32,
    said: &'static str,
    certificate: Option<X509>,
}

/// The encrypted connection and what is to be said of it, or why there is none.
pub(super) fn open(
    stream: TcpStream,
    host: &str,
    properties: &Properties,
) -> Result<(SslStream<TcpStream>, String), String> {
    let distrust: Arc<Mutex<Option<Distrust>>> = Arc::default();
    let verified = text(properties, "enable.ssl.certificate.verification") != Some("false");
    let context = context(properties, verified, Arc::clone(&distrust))?;
    let mut session = Ssl::new(&context).map_err(|error| failed(&error))?;
    name_host(&mut session, host, verified && checks_host(properties)).map_err(|error| failed(&error))?;
    let stream = session.connect(stream).map_err(|error| match error {
        HandshakeError::SetupFailure(error) => failed(&error),
        HandshakeError::Failure(failure) | HandshakeError::WouldBlock(failure) => {
            broken(failure.error(), properties)
        }
    })?;
    let found = distrust.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(distrust) = found {
        return Err(distrusted(
            &distrust,
            host,
            stream.ssl().peer_certificate().as_deref(),
            properties,
        ));
    }
    let certificate = stream.ssl().peer_certificate();
    let described = certificate.map_or_else(|| "no certificate".to_owned(), |it| describe(&it));
    let soon = stream
        .ssl()
        .peer_certificate()
        .and_then(|it| ends_soon(&it))
        .unwrap_or_default();
    let unverified = if verified {
        ""
    } else {
        ", which is not verified (enable.ssl.certificate.verification = false)"
    };
    let detail = format!("{}, {described}{unverified}{soon}", stream.ssl().version_str());
    Ok((stream, detail))
}

fn text<'a>(properties: &'a Properties, name: &str) -> Option<&'a str> {
    properties
        .get(name)
        .map(|value| value.trim())
        .filter(|value| !value.is_empty())
}

/// librdkafka compares the host with the certificate unless it is told not to.
fn checks_host(properties: &Properties) -> bool {
    text(properties, "ssl.endpoint.identification.algorithm").is_none_or(|algorithm| algorithm != "none")
}

fn name_host(session: &mut Ssl, host: &str, checked: bool) -> Result<(), ErrorStack> {
    match host.parse::<IpAddr>() {
        Ok(address) if checked => session.param_mut().set_ip(address),
        Ok(_) => Ok(()),
        Err(_) => {
            session.set_hostname(host)?;
            if checked {
                session.param_mut().set_host(host)
            } else {
                Ok(())
            }
        }
    }
}

fn context(
    properties: &Properties,
    verified: bool,
    distrust: Arc<Mutex<Option<Distrust>>>,
) -> Result<SslContext, String> {
    let mut builder = SslContext::builder(SslMethod::tls_client()).map_err(|error| failed(&error))?;
    trust(&mut builder, properties)?;
    present(&mut builder, properties)?;
    if verified {
        // The handshake goes on whatever is found, so that the reason is known and not just the end of it.
        builder.set_verify_callback(SslVerifyMode::PEER, move |fine, store| {
            let mut first = distrust.lock().unwrap_or_else(PoisonError::into_inner);
            if !fine && first.is_none() {
                *first = Some(Distrust {
                    code: store.error().as_raw(),
                    depth: store.error_depth(),
                    said: store.error().error_string(),
                    certificate: store.current_cert().map(ToOwned::to_owned),
                });
            }
            true
        });
    } else {
        builder.set_verify(SslVerifyMode::NONE);
    }
    Ok(builder.build())
}

/// Whose certificates are believed.
fn trust(builder: &mut SslContextBuilder, properties: &Properties) -> Result<(), String> {
    if let Some(pem) = text(properties, "ssl.ca.pem") {
        let bad = || "ssl.ca.pem holds no PEM certificate".to_owned();
        let certificates = X509::stack_from_pem(pem.as_bytes()).map_err(|_| bad())?;
        if certificates.is_empty() {
            return Err(bad());
        }
        for certificate in certificates {
            builder
                .cert_store_mut()
                .add_cert(certificate)
                .map_err(|error| failed(&error))?;
        }
        return Ok(());
    }
    match text(properties, "ssl.ca.location") {
        None | Some("probe") => builder.set_default_verify_paths().map_err(|error| failed(&error)),
        Some(place) if Path::new(place).is_dir() => builder
            .load_verify_locations(None, Some(Path::new(place)))
            .map_err(|error| failed(&error)),
        Some(place) => {
            read("ssl.ca.location", place)?;
            builder.set_ca_file(place).map_err(|_| {
                format!(
                    "ssl.ca.location \"{place}\" holds no PEM certificate{}",
                    of_java(place)
                )
            })
        }
    }
}

/// What we show of ourselves, for mutual TLS.
fn present(builder: &mut SslContextBuilder, properties: &Properties) -> Result<(), String> {
    if let Some(place) = text(properties, "ssl.keystore.location") {
        let password = text(properties, "ssl.keystore.password").unwrap_or_default();
        let bytes = read("ssl.keystore.location", place)?;
        let store = Pkcs12::from_der(&bytes).map_err(|_| {
            format!(
                "ssl.keystore.location \"{place}\" is no PKCS#12 file{}",
                of_java(place)
            )
        })?;
        let store = store.parse2(password).map_err(|_| {
            format!("ssl.keystore.location \"{place}\" can't be opened: check ssl.keystore.password")
        })?;
        if let (Some(certificate), Some(key)) = (store.cert, store.pkey) {
            shown(builder, &certificate, &key)?;
            for issuer in store.ca.into_iter().flatten() {
                builder
                    .add_extra_chain_cert(issuer)
                    .map_err(|error| failed(&error))?;
            }
        }
        return Ok(());
    }
    let certificate = match (
        text(properties, "ssl.certificate.pem"),
        text(properties, "ssl.certificate.location"),
    ) {
        (Some(pem), _) => ("ssl.certificate.pem", pem.as_bytes().to_vec()),
        (None, Some(place)) => (
            "ssl.certificate.location",
            read("ssl.certificate.location", place)?,
        ),
        (None, None) => return Ok(()),
    };
    let mut chain = X509::stack_from_pem(&certificate.1)
        .unwrap_or_default()
        .into_iter();
    let own = chain
        .next()
        .ok_or_else(|| format!("{} holds no PEM certificate", certificate.0))?;
    let key = match (
        text(properties, "ssl.key.pem"),
        text(properties, "ssl.key.location"),
    ) {
        (Some(pem), _) => ("ssl.key.pem", pem.as_bytes().to_vec()),
        (None, Some(place)) => ("ssl.key.location", read("ssl.key.location", place)?),
        (None, None) => return Err(format!("{} needs its key: set ssl.key.location", certificate.0)),
    };
    let password = text(properties, "ssl.key.password").unwrap_or_default();
    let private = PKey::private_key_from_pem_passphrase(&key.1, password.as_bytes())
        .map_err(|_| format!("{} holds no PEM key, or ssl.key.password does not open it", key.0))?;
    shown(builder, &own, &private)?;
    for issuer in chain {
        builder
            .add_extra_chain_cert(issuer)
            .map_err(|error| failed(&error))?;
    }
    Ok(())
}

fn shown(builder: &mut SslContextBuilder, certificate: &X509Ref, key: &PKey<Private>) -> Result<(), String> {
    builder
        .set_certificate(certificate)
        .map_err(|error| failed(&error))?;
    builder
        .set_private_key(key)
        .map_err(|_| "the client's key does not belong to its certificate: check ssl.key.location".to_owned())
}

fn read(property: &str, place: &str) -> Result<Vec<u8>, String> {
    let unreadable =
        |error: &io::Error| format!("{property} \"{place}\" can't be read: {}", reason::of_io(error));
    let file = fs::File::open(place).map_err(|error| unreadable(&error))?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(&error))?;
    Ok(bytes)
}

/// A store of Java's is told by its first bytes.
fn of_java(place: &str) -> String {
    let jks = fs::read(place).is_ok_and(|bytes| bytes.starts_with(&[0xfe, 0xed, 0xfe, 0xed]));
    match jks {
        true => format!(
            ": it is a Java key store. `keytool -list -rfc -keystore {place} > ca.pem` makes PEM of it"
        ),
        false => String::new(),
    }
}

fn failed(error: &ErrorStack) -> String {
    let reason = error.errors().first().and_then(|error| error.reason());
    format!("OpenSSL refuses: {}", reason.unwrap_or("no reason given"))
}

/// Why a certificate is not trusted, with what to do about it.
fn distrusted(why: &Distrust, host: &str, leaf: Option<&X509Ref>, properties: &Properties) -> String {
    let certificate = why.certificate.as_deref().or(leaf);
    let whose = if why.depth == 0 {
        "the broker's certificate"
    } else {
        "a certificate that issued the broker's"
    };
    let described = certificate.map_or_else(String::new, |it| format!(", {},", describe_parts(it)));
    let issuer = certificate.map_or_else(
        || "its issuer".to_owned(),
        |it| format!("its issuer \"{}\"", name(it.issuer_name())),
    );
    let add =
        match text(properties, "ssl.ca.location").or(text(properties, "ssl.ca.pem").map(|_| "ssl.ca.pem")) {
            Some("ssl.ca.pem") => "ssl.ca.pem does not hold it: add it there".to_owned(),
            Some(place) => format!("ssl.ca.location (\"{place}\") does not hold it: add it there"),
            None => "set ssl.ca.location to a PEM file that holds it".to_owned(),
        };
    let date = |time: fn(&X509Ref) -> &Asn1TimeRef| certificate.map(|it| day(time(it))).unwrap_or_default();
    let because = match why.code {
        10 => format!(
            "has expired, on {}: the broker needs a new one",
            date(X509Ref::not_after)
        ),
        9 => format!(
            "is not valid yet, only from {}: compare this machine's clock with the broker's",
            date(X509Ref::not_before)
        ),
        18 => format!("is not trusted: it is signed by itself and not known here; {add}"),
        19 => format!("is not trusted: it is a root that is not known here; {add}"),
        2 | 20 | 21 => format!("is not trusted: {issuer} is not known here; {add}"),
        62 | 64 => format!(
            "is not for the host \"{host}\": it names {}. Use one of these in bootstrap.servers (and in the broker's \
             advertised.listeners), or have the certificate issued for this one",
            certificate.map_or_else(|| "no host".to_owned(), names)
        ),
        23 => "was revoked: the broker needs a new one".to_owned(),
        _ => format!("is not trusted: {}", why.said),
    };
    format!("{whose}{described} {because}")
}

/// What the far end said when it ended the handshake, or what was wrong on the way.
pub(super) fn broken(error: &ssl::Error, properties: &Properties) -> String {
    let alert = error
        .ssl_error()
        .and_then(|stack| stack.errors().first())
        .and_then(|error| error.reason())
        .unwrap_or_default();
    refusal(alert, properties).unwrap_or_else(|| match error.io_error() {
        Some(error) => format!("the handshake was broken off: {}", reason::of_io(error)),
        None if alert.is_empty() => {
            "the broker closed the connection in the midst of the handshake".to_owned()
        }
        None => format!("the handshake failed: {alert}"),
    })
}

/// What an error while reading means: TLS 1.3 refuses a client's certificate after the handshake.
pub(super) fn refused(error: &io::Error, properties: &Properties) -> Option<String> {
    let error = error.get_ref()?.downcast_ref::<ssl::Error>()?;
    let reason = error.ssl_error()?.errors().first()?.reason()?;
    refusal(reason, properties)
}

/// An alert about our certificate.
fn refusal(alert: &str, properties: &Properties) -> Option<String> {
    let (_, alert) = alert.split_once("alert ")?;
    let shows = [
        "ssl.certificate.location",
        "ssl.certificate.pem",
        "ssl.keystore.location",
    ]
    .into_iter()
    .find(|name| text(properties, name).is_some());
    let about_us = ["certificate", "handshake failure", "unknown ca", "access denied"];
    if !about_us.iter().any(|part| alert.contains(part)) {
        return None;
    }
    Some(match shows {
        None if alert != "unknown ca" => "the broker wants to see a client's certificate (mutual TLS): set \
                                          ssl.certificate.location and ssl.key.location"
            .to_owned(),
        None => format!("the broker refuses the connection: {alert}"),
        Some(name) => format!(
            "the broker refuses the certificate of {name} ({alert}): is it still valid, and issued by a CA that the \
             broker trusts?"
        ),
    })
}

/// `certificate "CN=broker", issued by "CN=CA", valid from 2026-01-01 to 2027-01-01`.
fn describe(certificate: &X509Ref) -> String {
    format!("certificate {}", describe_parts(certificate))
}

fn describe_parts(certificate: &X509Ref) -> String {
    format!(
        "\"{}\", issued by \"{}\", valid from {} to {}",
        name(certificate.subject_name()),
        name(certificate.issuer_name()),
        day(certificate.not_before()),
        day(certificate.not_after())
    )
}

fn ends_soon(certificate: &X509Ref) -> Option<String> {
    let left = Asn1Time::days_from_now(0)
        .ok()?
        .diff(certificate.not_after())
        .ok()?
        .days;
    (left < SOON_DAYS).then(|| match left {
        0 => "; it ENDS TODAY".to_owned(),
        1 => "; it ENDS TOMORROW".to_owned(),
        days => format!("; it ends in {days} days"),
    })
}

/// `CN=broker, O=Shop`; without any: the names of the hosts.
fn name(name: &X509NameRef) -> String {
    let parts = name.entries().map(|entry| {
        let key = entry.object().nid().short_name().unwrap_or("?");
        let value = entry.data().to_string().unwrap_or_default();
        format!("{key}={value}")
    });
    let text = parts.collect::<Vec<_>>().join(", ");
    if text.is_empty() {
        "no name".to_owned()
    } else {
        text
    }
}

/// The hosts that a certificate is for.
fn names(certificate: &X509Ref) -> String {
    let mut found: Vec<String> = Vec::new();
    for one in certificate.subject_alt_names().iter().flatten() {
        if let Some(host) = one.dnsname() {
            found.push(host.to_owned());
        } else if let Some(bytes) = one.ipaddress() {
            let address = <[u8; 4]>::try_from(bytes)
                .map(IpAddr::from)
                .or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
            found.extend(address.map(|address| address.to_string()));
        }
    }
    if found.is_empty() {
        return "no host".to_owned();
    }
    let more = found.len().saturating_sub(NAMES_MAX);
    let listed = found
        .iter()
        .take(NAMES_MAX)
        .map(|it| format!("\"{it}\""))
        .collect::<Vec<_>>()
        .join(", ");
    if more > 0 {
        format!("{listed} and {more} more")
    } else {
        listed
    }
}

fn day(time: &Asn1TimeRef) -> String {
    let seconds = Asn1Time::from_unix(0)
        .and_then(|start| start.diff(time))
        .map(|since| i64::from(since.days) * 86_400 + i64::from(since.secs));
    let date = seconds
        .ok()
        .and_then(|seconds| chrono::DateTime::from_timestamp(seconds, 0));
    date.map_or_else(|| time.to_string(), |date| date.format("%Y-%m-%d").to_string())
}
