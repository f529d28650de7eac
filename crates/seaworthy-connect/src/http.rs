//! The one HTTP client: who we say we are, whom we trust, how long we wait, how far we follow.

use std::error::Error as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::RequestBuilder;
use reqwest::Response;
use reqwest::Url;
use reqwest::redirect;
use seaworthy_core::explain;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;

/// How long we wait for a connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a whole request may take, unless the caller says less.
pub const TIMEOUT: Duration = Duration::from_secs(30);
/// How many redirects a GET follows.
pub const REDIRECTS_MAX: usize = 5;
/// How many connections to an API stay open.
const KEPT_MAX: usize = 4;
/// For how long one of them is used again: less than servers keep it (Node: five seconds).
const KEPT_FOR: Duration = Duration::from_secs(3);
/// What we call ourselves.
pub const USER_AGENT: &str = concat!("seaworthy/", env!("CARGO_PKG_VERSION"));

/// The HTTP client. It is cheap to make and to clone: nothing is loaded before the first request.
///
/// It keeps no cookies and no idle connections, so each request sees what a newcomer would see, its certificate too. A
/// GET follows redirects, a POST does not: it would become a GET of another page, whose answer means nothing. The
/// proxy of the environment is used, but never for this machine's own loopback addresses. Only reads of an API
/// ([`Client::request`]) share a connection, for hundreds of them follow each other.
#[derive(Clone, Debug, Default)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    roots: Vec<reqwest::Certificate>,
    /// One for each [`Way`], in the order of [`Way::index`].
    made: [OnceLock<Result<reqwest::Client, Vec<String>>>; 8],
}

/// How a request travels.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Way {
    direct: bool,
    follow: bool,
    keep: bool,
}

impl Way {
    fn index(self) -> usize {
        usize::from(self.keep) * 4 + usize::from(self.direct) * 2 + usize::from(self.follow)
    }
}

impl Client {
    /// Returns a client that trusts what the machine trusts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a client that also trusts these certificates: one or more, as PEM.
    ///
    /// # Errors
    ///
    /// `Wrong` if there is no certificate in it.
    pub fn with_root(pem: &[u8]) -> Result<Self, Fault> {
        let doing = "reading a root certificate";
        let roots = reqwest::Certificate::from_pem_bundle(pem)
            .map_err(|error| Fault::because(FaultKind::Wrong, doing, &error))?;
        if roots.is_empty() {
            return Err(Fault::new(FaultKind::Wrong, doing, "there is no certificate in it"));
        }
        Ok(Self { inner: Arc::new(Inner { roots, ..Inner::default() }) })
    }

    /// Begins a GET.
    ///
    /// # Errors
    ///
    /// `Wrong` if it is no URL of the web, `Unable` if this machine cannot make a client. Neither repeats the URL.
    pub(crate) fn get(&self, url: &str) -> Result<RequestBuilder, Fault> {
        let url = web_url(url)?;
        let way = Way { direct: is_loopback(&url), follow: true, keep: false };
        Ok(self.made(way)?.get(url))
    }

    /// Begins a POST, which follows no redirect.
    ///
    /// # Errors
    ///
    /// As [`Client::get`].
    pub(crate) fn post(&self, url: Url) -> Result<RequestBuilder, Fault> {
        let way = Way { direct: is_loopback(&url), follow: false, keep: false };
        Ok(self.made(way)?.post(url))
    }

    /// Begins a request of an API: it follows no redirect, for a key in a header would go along. With `keep` it may use a
    /// connection that another one left open. That is for reads only: a server may close it at the very moment when it
    /// is used, and then nobody knows whether the request arrived.
    ///
    /// # Errors
    ///
    /// As [`Client::get`].
    pub(crate) fn request(
        &self,
        method: reqwest::Method,
        url: Url,
        keep: bool,
    ) -> Result<RequestBuilder, Fault> {
        let way = Way { direct: is_loopback(&url), follow: false, keep };
        Ok(self.made(way)?.request(method, url))
    }

    fn made(&self, way: Way) -> Result<&reqwest::Client, Fault> {
        let slot = &self.inner.made[way.index()];
        slot.get_or_init(|| make(way, &self.inner.roots)).as_ref().map_err(|why| Fault {
            doing: "preparing to speak HTTP".to_owned(),
            why: why.clone(),
            kind: FaultKind::Unable,
        })
    }
}

/// Reads a URL that a client can go to.
///
/// # Errors
///
/// `Wrong` if it is none. The text is not repeated: it may be a secret.
pub(crate) fn web_url(text: &str) -> Result<Url, Fault> {
    let wrong = |why: String| Fault::new(FaultKind::Wrong, "reading a URL", why);
    let url = Url::parse(text.trim()).map_err(|error| wrong(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("it does not begin with `http://` or `https://`".to_owned()));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(wrong("it names no host".to_owned()));
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn make(way: Way, roots: &[reqwest::Certificate]) -> Result<reqwest::Client, Vec<String>> {
    install_provider();
    let builder = || {
        let follow = if way.follow {
            redirect::Policy::limited(REDIRECTS_MAX)
        } else {
            redirect::Policy::none()
        };
        let builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .redirect(follow)
            // A URL can be a secret, and is nobody else's business.
            .referer(false)
            .pool_max_idle_per_host(if way.keep { KEPT_MAX } else { 0 })
            .pool_idle_timeout(KEPT_FOR)
            .tls_info(true);
        if way.direct { builder.no_proxy() } else { builder }
    };
    let made = builder().tls_certs_merge(roots.iter().cloned()).build().or_else(|error| {
        // A machine without any root certificates can still speak plain HTTP, and HTTPS with those we were given.
        builder().tls_certs_only(roots.iter().cloned()).build().map_err(|_| error)
    });
    made.map_err(|error| explain::chain(&error))
}

/// Chooses ring as the cryptography of TLS, once for the process.
fn install_provider() {
    // It fails if somebody has chosen before us, which is as good.
    let _already_chosen = rustls::crypto::ring::default_provider().install_default();
}

/// Says why no answer came, in one line and without the URL.
pub(crate) fn why_no_answer(error: reqwest::Error, timeout: Duration) -> String {
    let error = error.without_url();
    if error.is_timeout() {
        return format!("no answer within {} s", timeout.as_secs_f64());
    }
    if error.is_redirect() {
        return format!("it redirects more than {REDIRECTS_MAX} times");
    }
    let below = error.source().map(explain::chain).unwrap_or_default();
    let first = if error.is_connect() { "no connection" } else { "the connection broke" };
    // What lies between the first and the last cause is the plumbing of libraries.
    match below.last() {
        Some(cause) => format!("{first}: {cause}"),
        None => first.to_owned(),
    }
}

/// Reads a body until its end or until it has `max` bytes.
///
/// # Errors
///
/// The connection broke, or took too long.
pub(crate) async fn beginning(
    response: &mut Response,
    max: usize,
) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while body.len() < max {
        let Some(piece) = response.chunk().await? else { break };
        body.extend_from_slice(&piece[..piece.len().min(max - body.len())]);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_can_be_made_again_and_again() {
        for _ in 0..2 {
            let client = Client::new();
            assert!(client.get("http://localhost:1/").is_ok());
            assert!(client.get("https://example.com/").is_ok());
        }
    }

    #[test]
    fn what_is_no_url_of_the_web_is_refused_and_not_repeated() {
        for text in ["CANARY", "ftp://CANARY/", "http://", "", "https://CANARY:port/"] {
            let fault = web_url(text).unwrap_err();
            assert_eq!(fault.kind, FaultKind::Wrong, "{text}");
            assert!(!format!("{fault:?}").contains("CANARY"), "{fault:?}");
        }
    }

    #[test]
    fn loopback_is_known_in_every_spelling() {
        let check = |text: &str, expected: bool| {
            assert_eq!(is_loopback(&web_url(text).unwrap()), expected, "{text}");
        };
        check("http://localhost:80/", true);
        check("http://127.0.0.9/", true);
        check("http://[::1]:8080/x", true);
        check("http://LOCALHOST/", true);
        check("http://localhost.example.com/", false);
        check("https://example.com/", false);
        check("http://10.0.0.1/", false);
    }

    #[test]
    fn text_without_a_certificate_is_no_root() {
        assert_eq!(Client::with_root(b"").unwrap_err().kind, FaultKind::Wrong);
        assert_eq!(
            Client::with_root(b"-----BEGIN NOTHING-----").unwrap_err().kind,
            FaultKind::Wrong
        );
    }
}
