//! One HTTP request on a connection of its own: what the client of the tests and the proxy both need, and no more.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, Response, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// The most an answer may hold.
const MOST_BYTES: usize = 64 << 20;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends a request and returns the whole answer, or says why there is none.
pub(super) async fn send(
    address: SocketAddr,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, String> {
    let asked = format!("{} {}", request.method(), request.uri());
    match tokio::time::timeout(PATIENCE, exchange(address, request)).await {
        Ok(answer) => answer.map_err(|why| format!("{asked}: {why}")),
        Err(_) => Err(format!("{asked}: no answer within {} s", PATIENCE.as_secs())),
    }
}

async fn exchange(
    address: SocketAddr,
    mut request: Request<Bytes>,
) -> Result<Response<Bytes>, String> {
    let stream = TcpStream::connect(address).await.map_err(|why| why.to_string())?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|why| why.to_string())?;
    // It ends with the exchange, and what goes wrong in it is told there.
    drop(tokio::spawn(connection));
    let host = address.to_string().parse().expect("an address is a header's value");
    drop(request.headers_mut().insert(header::HOST, host));
    let answer =
        sender.send_request(request.map(Body::from)).await.map_err(|why| why.to_string())?;
    let (head, body) = answer.into_parts();
    let body = to_bytes(Body::new(body), MOST_BYTES).await.map_err(|why| why.to_string())?;
    Ok(Response::from_parts(head, body))
}
