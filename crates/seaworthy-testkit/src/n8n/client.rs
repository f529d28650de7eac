//! A small client without types: a test says a method, a path and a body, and gets a status and a body.

use std::net::SocketAddr;

use axum::body::Bytes;
use axum::http::{Request, Response, header};
use serde_json::Value;

use super::RUNTIME;
use super::http::send;

/// A client of n8n, or of a proxy before it; each request has a connection of its own.
#[derive(Clone, Debug)]
pub struct Client {
    address: SocketAddr,
    key: String,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// JSON; a text that is none, as it is; `Null` if it is empty.
    pub(super) body: Value,
    /// The first cookie that was set, without its attributes.
    pub(super) cookie: Option<String>,
}

impl Client {
    /// Returns a client without a key.
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, key: String::new() }
    }

    /// Returns a client of the same server with another key for the API.
    pub fn with_key(&self, key: &str) -> Self {
        Self { address: self.address, key: key.to_owned() }
    }

    /// Returns a client with the same key that asks at another address, such as a proxy's.
    pub fn at(&self, address: SocketAddr) -> Self {
        Self { address, key: self.key.clone() }
    }

    /// Returns the root of what it asks.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Asks the API with GET, `path` below `/api/v1`, and returns the status and the body.
    ///
    /// # Panics
    ///
    /// If no answer comes; [`Self::try_call`] says so instead.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.call("GET", path, None).await
    }

    /// Asks the API with POST; see [`Self::get`].
    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.call("POST", path, Some(body)).await
    }

    /// Asks the API with PUT; see [`Self::get`].
    pub async fn put(&self, path: &str, body: &Value) -> (u16, Value) {
        self.call("PUT", path, Some(body)).await
    }

    /// Asks the API with PATCH; see [`Self::get`].
    pub async fn patch(&self, path: &str, body: &Value) -> (u16, Value) {
        self.call("PATCH", path, Some(body)).await
    }

    /// Asks the API with DELETE; see [`Self::get`].
    pub async fn delete(&self, path: &str) -> (u16, Value) {
        self.call("DELETE", path, None).await
    }

    async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        self.try_call(method, path, body).await.unwrap_or_else(|why| panic!("{why}"))
    }

    /// Asks the API, `path` below `/api/v1`, and returns the status and the body.
    ///
    /// # Errors
    ///
    /// Why no whole answer came.
    pub async fn try_call(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(u16, Value), String> {
        let path = format!("/api/v1{path}");
        let answer = self.ask(method, &path, &[("x-n8n-api-key", &self.key)], body).await?;
        Ok((answer.status, answer.body))
    }

    /// Calls a webhook of a published workflow, `path` below `/webhook`, and returns the status and the body.
    ///
    /// `Null` sends no body.
    ///
    /// # Panics
    ///
    /// If no answer comes.
    pub async fn webhook(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let path = format!("/webhook/{}", path.trim_start_matches('/'));
        let body = Some(body).filter(|body| !body.is_null());
        let answer = self.ask(method, &path, &[], body).await;
        let answer = answer.unwrap_or_else(|why| panic!("{why}"));
        (answer.status, answer.body)
    }

    /// Sends one request and reads the whole answer.
    pub(super) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, String> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = body.map_or_else(String::new, |body| body.to_string());
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request.body(Bytes::from(body)).map_err(|why| why.to_string())?;
        let asked = RUNTIME.spawn(send(self.address, request)).await;
        asked.map_err(|why| why.to_string())?.map(Answer::of)
    }
}

impl Answer {
    fn of(answer: Response<Bytes>) -> Self {
        let cookie = answer.headers().get(header::SET_COOKIE);
        let cookie = cookie.and_then(|cookie| cookie.to_str().ok()?.split(';').next());
        Self {
            status: answer.status().as_u16(),
            cookie: cookie.map(str::to_owned),
            body: value(answer.body()),
        }
    }
}

/// Returns JSON as it is, another text as a string, and nothing as `Null`.
pub(super) fn value(body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
}
