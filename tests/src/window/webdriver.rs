//! As much of W3C WebDriver as the window tests use.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::eventually;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// The key under which WebDriver hands out elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// An element of the page, for as long as the page keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element(String);

impl Element {
    /// As an argument of a script.
    pub fn to_json(&self) -> Value {
        json!({ ELEMENT: self.0 })
    }
}

pub struct Session {
    client: Client,
    base: String,
}

impl Session {
    /// Waits for the driver on `port`, then has it start the program.
    pub async fn open(port: u16, program: &Path, args: &[String], deadline: Duration) -> Result<Self> {
        let client = Client::builder().no_proxy().timeout(REQUEST_TIMEOUT).build()?;
        let server = format!("http://127.0.0.1:{port}");
        let status = format!("{server}/status");
        eventually("the driver to answer", deadline, || async {
            client.get(&status).send().await.ok()
        })
        .await?;
        let options = json!({ "binary": program, "args": args });
        let wanted = json!({ "capabilities": { "alwaysMatch": { "webkitgtk:browserOptions": options } } });
        let made = call(&client, Method::POST, &format!("{server}/session"), Some(&wanted)).await?;
        let id = made["sessionId"].as_str().context("the driver gave no session")?;
        Ok(Self {
            base: format!("{server}/session/{id}"),
            client,
        })
    }

    async fn get(&self, path: &str) -> Result<Value> {
        call(&self.client, Method::GET, &format!("{}{path}", self.base), None).await
    }

    async fn post(&self, path: &str, body: Value) -> Result<Value> {
        call(
            &self.client,
            Method::POST,
            &format!("{}{path}", self.base),
            Some(&body),
        )
        .await
    }

    async fn get_text(&self, path: &str) -> Result<String> {
        Ok(self.get(path).await?.as_str().unwrap_or_default().to_owned())
    }

    pub async fn url(&self) -> Result<String> {
        self.get_text("/url").await
    }

    pub async fn title(&self) -> Result<String> {
        self.get_text("/title").await
    }

    pub async fn go(&self, url: &str) -> Result<()> {
        self.post("/url", json!({ "url": url })).await.map(drop)
    }

    pub async fn find_all(&self, css: &str) -> Result<Vec<Element>> {
        let found = self
            .post("/elements", json!({ "using": "css selector", "value": css }))
            .await?;
        let ids = found.as_array().context("no list of elements")?.iter();
        Ok(ids
            .filter_map(|element| element[ELEMENT].as_str())
            .map(|id| Element(id.to_owned()))
            .collect())
    }

    pub async fn displayed(&self, element: &Element) -> Result<bool> {
        Ok(self
            .get(&format!("/element/{}/displayed", element.0))
            .await?
            .as_bool()
            .unwrap_or_default())
    }

    pub async fn text(&self, element: &Element) -> Result<String> {
        self.get_text(&format!("/element/{}/text", element.0)).await
    }

    pub async fn attribute(&self, element: &Element, name: &str) -> Result<Option<String>> {
        let value = self
            .get(&format!("/element/{}/attribute/{name}", element.0))
            .await?;
        Ok(value.as_str().map(str::to_owned))
    }

    pub async fn click(&self, element: &Element) -> Result<()> {
        self.post(&format!("/element/{}/click", element.0), json!({}))
            .await
            .map(drop)
    }

    pub async fn clear(&self, element: &Element) -> Result<()> {
        self.post(&format!("/element/{}/clear", element.0), json!({}))
            .await
            .map(drop)
    }

    pub async fn send_keys(&self, element: &Element, text: &str) -> Result<()> {
        self.post(&format!("/element/{}/value", element.0), json!({ "text": text }))
            .await
            .map(drop)
    }

    /// All down in order, then all up in the reverse order.
    pub async fn press(&self, keys: &[String]) -> Result<()> {
        let down = keys.iter().map(|key| json!({ "type": "keyDown", "value": key }));
        let up = keys
            .iter()
            .rev()
            .map(|key| json!({ "type": "keyUp", "value": key }));
        let actions: Vec<Value> = down.chain(up).collect();
        self.post(
            "/actions",
            json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] }),
        )
        .await
        .map(drop)
    }

    pub async fn script(&self, body: &str, arguments: &[Value]) -> Result<Value> {
        self.post("/execute/sync", json!({ "script": body, "args": arguments }))
            .await
    }

    pub async fn resize(&self, width: u32, height: u32) -> Result<()> {
        self.post(
            "/window/rect",
            json!({ "x": 0, "y": 0, "width": width, "height": height }),
        )
        .await
        .map(drop)
    }

    /// A PNG.
    pub async fn screenshot(&self) -> Result<Vec<u8>> {
        let png = self.get("/screenshot").await?;
        Ok(STANDARD.decode(png.as_str().context("the driver gave no picture")?)?)
    }
}

/// The `value` of a WebDriver answer, or its error as a sentence.
async fn call(client: &Client, method: Method, url: &str, body: Option<&Value>) -> Result<Value> {
    let mut request = client.request(method, url);
    if let Some(body) = body {
        request = request.json(body);
    }
    let response = request.send().await?;
    let failed = !response.status().is_success();
    let mut answer: Value = response.json().await?;
    let value = answer["value"].take();
    if failed {
        let text = |key: &str| value[key].as_str().unwrap_or_default().trim().to_owned();
        anyhow::bail!("{}: {}", text("error"), text("message"));
    }
    Ok(value)
}
