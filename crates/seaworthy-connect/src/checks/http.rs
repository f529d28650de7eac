//! A GET of a URL.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::tls::TlsInfo;
use seaworthy_core::check::Seen;
use seaworthy_core::ids::RunId;
use x509_parser::prelude::FromDer as _;
use x509_parser::prelude::X509Certificate;

use super::BODY_BYTES_MAX;
use super::Probes;
use super::SLACK_BYTES;
use super::in_one_line;
use crate::http;

/// The header that tells a receiver which run asks, where asking has effects.
const RUN_HEADER: &str = "x-seaworthy-run";

impl Probes {
    /// Gets the URL; `run` is told to the other side.
    pub(super) async fn http(&self, url: &str, timeout: Duration, run: Option<RunId>) -> Seen {
        let mut request = match self.client.get(url) {
            Ok(request) => request.timeout(timeout),
            Err(fault) => return Seen::Unable(in_one_line(&fault)),
        };
        if let Some(run) = run {
            request = request.header(RUN_HEADER, run.to_string());
        }
        match self.answer(request).await {
            Ok(seen) => seen,
            Err(error) => Seen::NoAnswer(http::why_no_answer(error, timeout)),
        }
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<Seen, reqwest::Error> {
        let mut response = request.send().await?;
        let body = http::beginning(&mut response, BODY_BYTES_MAX + SLACK_BYTES).await?;
        let certificate =
            response.extensions().get::<TlsInfo>().and_then(TlsInfo::peer_certificate);
        let text = |value: &reqwest::header::HeaderValue| {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        };
        Ok(Seen::Http {
            status: response.status().as_u16(),
            // `HeaderName` is always in lower case.
            headers: response
                .headers()
                .iter()
                .map(|(name, value)| (name.as_str().to_owned(), text(value)))
                .collect(),
            body: String::from_utf8_lossy(&body).into_owned(),
            tls_days: certificate.and_then(|der| days_left(der, self.clock.now())),
        })
    }
}

/// Returns for how many whole days a certificate (DER) is still valid; nothing if it cannot be read.
fn days_left(der: &[u8], now: Timestamp) -> Option<i64> {
    const SECONDS_A_DAY: i64 = 86_400;
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let end = certificate.validity().not_after.timestamp();
    Some((end - now.as_second()).div_euclid(SECONDS_A_DAY))
}
