//! The socket of the stand-in: takes requests in, and lets answers out or not.

use std::future::pending;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use axum::Router;
use axum::body::{Body as HttpBody, to_bytes};
use axum::extract::connect_info::ConnectInfo;
use axum::extract::{Request as HttpRequest, State};
use axum::http::{Response, StatusCode};
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::{Answer, Body, Reply, Request, Shared};
use crate::doors::{Connection, Doors};

/// The most a body may hold; Discord takes 25 MiB with files, and we take none.
const MOST_BYTES: usize = 8 << 20;

/// Starts the server on a thread and a runtime of its own; both end when `stopped` does.
pub(super) fn start(
    shared: Arc<Shared>,
    stopped: oneshot::Receiver<()>,
) -> (SocketAddr, JoinHandle<()>) {
    let listener =
        TcpListener::bind(("127.0.0.1", 0)).expect("the loopback address has a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    listener.set_nonblocking(true).expect("a socket can be non-blocking");
    let thread = thread::Builder::new()
        .name("discord stand-in".to_owned())
        .spawn(move || serve(listener, shared, stopped))
        .expect("a thread can be started");
    (address, thread)
}

fn serve(listener: TcpListener, shared: Arc<Shared>, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be started");
    runtime.block_on(async move {
        let listener =
            tokio::net::TcpListener::from_std(listener).expect("the socket is non-blocking");
        let router = Router::new().fallback(take).with_state(shared);
        let service = router.into_make_service_with_connect_info::<Connection>();
        tokio::select! {
            served = axum::serve(Doors(listener), service).into_future() => {
                served.expect("accepting never ends");
            }
            _ = stopped => {}
        }
    });
    // Dropping the runtime here closes every connection, those that hang included.
}

async fn take(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: HttpRequest,
) -> Response<HttpBody> {
    let request = read(request).await;
    let reply = shared.world().meet(request, Timestamp::now(), Instant::now());
    shared.arrived.notify_all();
    match reply {
        Reply::Answer(answer) => write(answer),
        Reply::Hang => pending().await,
        Reply::Drop => {
            connection.close();
            Response::default()
        }
    }
}

async fn read(request: HttpRequest) -> Request {
    let (head, body) = request.into_parts();
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = head.headers.iter().map(|(key, value)| (key.to_string(), text(value.as_bytes())));
    Request {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: headers.collect(),
        body: to_bytes(body, MOST_BYTES).await.unwrap_or_default().to_vec(),
    }
}

fn write(answer: Answer) -> Response<HttpBody> {
    let Answer { status, headers, body } = answer;
    let mut response = Response::builder()
        .status(StatusCode::from_u16(status).expect("a script names real statuses"));
    for (name, value) in headers {
        response = response.header(name, value);
    }
    let (kind, body) = match body {
        Body::Empty => ("text/html; charset=utf-8", HttpBody::empty()),
        Body::Json(body) => ("application/json", HttpBody::from(body.to_string())),
        Body::Html(body) => ("text/html; charset=UTF-8", HttpBody::from(body)),
    };
    response.header("content-type", kind).body(body).expect("the headers are well formed")
}
