//! A listener for servers that shut the door in a client's face.

#[cfg(feature = "n8n")]
use std::io::Write as _;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};

/// A listener that keeps a second handle to each connection, to close it from within a request.
///
/// A panic in the handler would close it as well, but it would fill the test's output with noise.
pub(crate) struct Doors(pub(crate) tokio::net::TcpListener);

/// The second handle to a connection.
#[derive(Clone, Debug)]
pub(crate) struct Connection(Option<Arc<TcpStream>>);

impl Connection {
    /// Closes the connection without another word.
    pub(crate) fn close(&self) {
        if let Some(stream) = &self.0 {
            // An error means that the client has gone, which is what we want.
            drop(stream.shutdown(Shutdown::Both));
        }
    }

    /// Writes bytes past the server, and closes the connection.
    ///
    /// What does not fit into the socket's buffer at once is lost, so a few thousand bytes are the most.
    #[cfg(feature = "n8n")]
    pub(crate) fn close_after(&self, bytes: &[u8]) {
        if let Some(mut stream) = self.0.as_deref() {
            // As above.
            drop(stream.write(bytes));
        }
        self.close();
    }
}

impl Listener for Doors {
    type Io = tokio::net::TcpStream;
    type Addr = Connection;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            // An error is of the connection that did not come about; the next one may.
            let Ok((stream, _)) = self.0.accept().await else { continue };
            let Ok(stream) = stream.into_std() else { continue };
            let second = stream.try_clone().ok().map(Arc::new);
            let Ok(stream) = tokio::net::TcpStream::from_std(stream) else { continue };
            return (stream, Connection(second));
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        Ok(Connection(None))
    }
}

impl Connected<IncomingStream<'_, Doors>> for Connection {
    fn connect_info(stream: IncomingStream<'_, Doors>) -> Self {
        stream.remote_addr().clone()
    }
}
