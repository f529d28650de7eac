//! The demo's two servers: the site, and a receiver that stands where Discord would be.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::Uri;
use axum::http::header;
use axum::response::IntoResponse as _;
use axum::response::Response;
use axum::routing::get;
use axum::routing::post;
use seaworthy_core::explain::Explanation;
use serde_json::Value;
use serde_json::json;

/// A site being served.
pub(crate) struct Site {
    pub(crate) url: String,
}

async fn listen() -> Result<(tokio::net::TcpListener, String), Explanation> {
    let failed = |error: &std::io::Error| {
        Explanation::new("internal", "the demo cannot listen on 127.0.0.1")
            .because(error)
            .next("see that programs may listen on loopback")
    };
    let listener =
        tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(|error| failed(&error))?;
    let address = listener.local_addr().map_err(|error| failed(&error))?;
    Ok((listener, format!("http://{address}")))
}

/// Serves a folder, which may be a link that is switched while we serve.
pub(crate) async fn site(folder: PathBuf) -> Result<Site, Explanation> {
    let (listener, url) = listen().await?;
    let app = Router::new().fallback(get(page)).with_state(Arc::new(folder));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(Site { url })
}

async fn page(State(folder): State<Arc<PathBuf>>, uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path.split('/').any(|part| part == ".." || part.starts_with('.')) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let mut file = folder.join(path);
    if file.is_dir() {
        file = file.join("index.html");
    }
    let kind = match file.extension().and_then(|ending| ending.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css",
        _ => "application/octet-stream",
    };
    match std::fs::read(&file) {
        Ok(bytes) => ([(header::CONTENT_TYPE, kind)], bytes).into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Takes messages as Discord's webhooks do, and keeps them.
pub(crate) struct Receiver {
    url: String,
    messages: Arc<Mutex<Vec<Value>>>,
}

/// Starts the receiver.
pub(crate) async fn receiver() -> Result<Receiver, Explanation> {
    let (listener, url) = listen().await?;
    let messages: Arc<Mutex<Vec<Value>>> = Arc::default();
    let take = |State(messages): State<Arc<Mutex<Vec<Value>>>>,
                axum::Json(message): axum::Json<Value>| async move {
        let mut messages = messages.lock().unwrap_or_else(PoisonError::into_inner);
        messages.push(message);
        axum::Json(json!({ "id": messages.len().to_string(), "type": 0, "content": "" }))
    };
    let app = Router::new()
        .route("/api/webhooks/{id}/{token}", post(take))
        .route("/api/v10/webhooks/{id}/{token}", post(take))
        .with_state(messages.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(Receiver { url, messages })
}

impl Receiver {
    /// Returns the webhook's URL.
    pub(crate) fn webhook(&self) -> String {
        format!("{}/api/webhooks/1/demo", self.url)
    }

    /// Writes what came in to a folder, a file a message. Returns how many there are.
    pub(crate) fn save(&self, folder: &Path) -> Result<usize, Explanation> {
        let messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        for (number, message) in (1..).zip(messages.iter()) {
            let text = serde_json::to_string_pretty(message).unwrap_or_default();
            crate::folder::write(&folder.join(format!("{number}.json")), text.as_bytes())?;
        }
        Ok(messages.len())
    }
}
