//! AWS's HTTP on the client that everything here speaks HTTP with.

use std::time::Duration;

use aws_smithy_runtime_api::{
    client::{
        http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use reqwest::redirect::Policy;

/// Where AWS asks for less, the time of one request.
const REQUEST_MAX: Duration = Duration::from_secs(8);
/// Bytes of one answer.
const ANSWER_BYTES_MAX: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct Http;

impl HttpClient for Http {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector {
            connect_timeout: settings.connect_timeout().unwrap_or(REQUEST_MAX),
            timeout: settings.read_timeout().unwrap_or(REQUEST_MAX),
        })
    }
}

#[derive(Debug, Clone, Copy)]
struct Connector {
    connect_timeout: Duration,
    timeout: Duration,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let connector = *self;
        HttpConnectorFuture::new(async move { connector.answer(request).await })
    }
}

impl Connector {
    async fn answer(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let mut asked = self
            .client(request.uri())
            .map_err(|error| ConnectorError::user(error.into()))?
            .request(
                reqwest::Method::from_bytes(request.method().as_bytes())
                    .map_err(|error| ConnectorError::user(error.into()))?,
                request.uri(),
            );
        for (name, value) in request.headers() {
            asked = asked.header(name, value);
        }
        let Some(body) = request.body().bytes() else {
            return Err(ConnectorError::user("the request has no whole body".into()));
        };
        let mut answer = asked.body(body.to_vec()).send().await.map_err(failure)?;
        let status = StatusCode::try_from(answer.status().as_u16())
            .map_err(|error| ConnectorError::other(error.into(), None))?;
        let mut bytes = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(failure)? {
            bytes.extend_from_slice(&part);
            if bytes.len() > ANSWER_BYTES_MAX {
                return Err(ConnectorError::other("the answer is too long".into(), None));
            }
        }
        let mut response = HttpResponse::new(status, SdkBody::from(bytes));
        for (name, value) in answer.headers() {
            if let Ok(value) = value.to_str() {
                let (name, value) = (name.as_str().to_owned(), value.to_owned());
                // What can be no header of theirs is none that they read.
                let _ = response.headers_mut().try_append(name, value);
            }
        }
        Ok(response)
    }

    fn client(&self, address: &str) -> reqwest::Result<reqwest::Client> {
        let mut builder = reqwest::Client::builder()
            .connect_timeout(self.connect_timeout)
            .timeout(self.timeout)
            // A secret is not carried to another address.
            .redirect(Policy::none());
        if is_near(address) {
            builder = builder.no_proxy();
        }
        builder.build()
    }
}

/// Of this machine: no proxy knows it.
fn is_near(address: &str) -> bool {
    let host = reqwest::Url::parse(address)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_default();
    host == "localhost"
        || ["127.", "169.254.", "[::1]", "[fd00:ec2:", "[fe80:"]
            .iter()
            .any(|start| host.starts_with(start))
}

fn failure(error: reqwest::Error) -> ConnectorError {
    match error.is_timeout() {
        true => ConnectorError::timeout(error.into()),
        false => ConnectorError::io(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, http::HeaderMap, routing::put};

    use super::*;

    #[tokio::test]
    async fn requests_go_there_and_answers_come_back() {
        let app = Router::new().route(
            "/token",
            put(|headers: HeaderMap, body: String| async move {
                let said = format!("{} {body}", headers["x-asked"].to_str().unwrap());
                ([("x-answered", "yes")], said)
            }),
        );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move { axum::serve(listener, app).await });
        let connector = Connector {
            connect_timeout: REQUEST_MAX,
            timeout: REQUEST_MAX,
        };
        let ask = async |path: &str| {
            let mut request = HttpRequest::new(SdkBody::from("body"));
            request.set_method("PUT").unwrap();
            request.set_uri(format!("http://{address}{path}")).unwrap();
            request.headers_mut().insert("x-asked", "1");
            connector.call(request).await
        };
        let answer = ask("/token").await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), answer.headers().get("x-answered")),
            (200, Some("yes"))
        );
        assert_eq!(answer.body().bytes(), Some(&b"1 body"[..]));
        assert_eq!(ask("/nothing").await.unwrap().status().as_u16(), 404);
        server.abort();
        let _ = server.await;
        assert!(ask("/token").await.unwrap_err().is_io());
    }

    #[test]
    fn addresses_of_this_machine_need_no_proxy() {
        let check = |address: &str, near: bool| assert_eq!(is_near(address), near, "{address}");
        check("http://169.254.170.2/v2", true);
        check("http://[fd00:ec2::254]/latest", true);
        check("http://localhost:1/", true);
        check("https://sts.eu-west-1.amazonaws.com/", false);
    }
}
