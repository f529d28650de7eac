//! A Discord webhook.
//!
//! One letter is one message with one embed. Delivery is at least once: if Discord's answer is lost after it took the
//! message, the next try makes a second one. The run in the embed's footer tells that they are the same.
//!
//! The webhook's URL is a secret, whoever has it can post. It is in no error of ours, and what Discord says is cleaned
//! of its parts.

mod embed;
#[cfg(test)]
mod tests;

use std::time::Duration;

use reqwest::Response;
use reqwest::Url;
use seaworthy_core::notice::Delivery;
use seaworthy_core::notice::Letter;
use seaworthy_core::ports::Fault;
use seaworthy_core::redact::Redactor;
use seaworthy_core::secret::Secret;
use seaworthy_core::secret::SecretRef;
use serde_json::Value;

use super::Channels;
use super::later;
use crate::http;

/// The version of the API that we speak: without one, Discord answers as version 6, whose refusals say less.
const VERSION: &str = "v10";
/// The most bytes of an answer that are read. A message with a full embed comes back in a fifth of it.
const ANSWER_BYTES_MAX: usize = 256 << 10;
/// The longest that Discord can make us wait.
const WAIT_MAX: Duration = Duration::from_secs(24 * 3600);
/// The most characters that we repeat of Discord's words.
const WORDS_LENGTH_MAX: usize = 500;

/// Tries once.
pub(super) async fn deliver(office: &Channels, url: &SecretRef, letter: &Letter) -> Delivery {
    let secret = match office.secrets.resolve(url).await {
        Ok(secret) => secret,
        // Whoever mends it need not know of the letters that wait.
        Err(fault) => return later(letter.tries, fault.lines().join(": ")),
    };
    let url = match webhook(&secret) {
        Ok(url) => url,
        Err(fault) => {
            let why = fault.why.join(": ");
            return Delivery::Refused(format!("the webhook's URL cannot be used: {why}"));
        }
    };
    let redactor = knows(&secret, &url);
    match post(office, url, letter).await {
        Delivery::Delivered => Delivery::Delivered,
        Delivery::Later { after_ms, why } => {
            Delivery::Later { after_ms, why: redactor.clean(&why) }
        }
        Delivery::Refused(why) => Delivery::Refused(redactor.clean(&why)),
    }
}

async fn post(office: &Channels, url: Url, letter: &Letter) -> Delivery {
    let request = match office.client.post(url) {
        Ok(request) => request.timeout(office.timeout).json(&embed::message(letter)),
        Err(fault) => return later(letter.tries, fault.lines().join(": ")),
    };
    let lost = |error| later(letter.tries, http::why_no_answer(error, office.timeout));
    let mut response = match request.send().await {
        Ok(response) => response,
        Err(error) => return lost(error),
    };
    match http::beginning(&mut response, ANSWER_BYTES_MAX).await {
        Ok(body) => judge(&response, &body, letter.tries),
        Err(error) => lost(error),
    }
}

/// Says what an answer means for the letter.
fn judge(response: &Response, body: &[u8], tries: u32) -> Delivery {
    let status = response.status().as_u16();
    let json: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    match status {
        200..=299 if json["id"].as_str().is_some_and(|id| !id.is_empty()) => Delivery::Delivered,
        200..=299 => later(
            tries,
            format!("Discord answered {status} without a message's id; it may have lost it"),
        ),
        429 => {
            let header = response.headers().get(reqwest::header::RETRY_AFTER);
            let header = header.and_then(|value| value.to_str().ok()?.trim().parse().ok());
            let why = "Discord answered 429: it has had too many messages".to_owned();
            match json["retry_after"].as_f64().or(header).and_then(milliseconds) {
                Some(after_ms) => Delivery::Later { after_ms, why },
                None => later(tries, why),
            }
        }
        400..=499 if status != 408 => {
            Delivery::Refused(format!("Discord answered {status}{}", words(&json)))
        }
        408 | 500..=599 => later(tries, format!("Discord answered {status}{}", words(&json))),
        _ => Delivery::Refused(format!("HTTP {status} is no answer of a Discord webhook")),
    }
}

/// Returns seconds as milliseconds, rounded up; nothing if nobody can wait so long.
fn milliseconds(seconds: f64) -> Option<u64> {
    let wait = Duration::try_from_secs_f64(seconds).ok()?.min(WAIT_MAX);
    u64::try_from(wait.as_nanos().div_ceil(1_000_000)).ok()
}

/// Returns what Discord says in the body of a refusal, after a colon; nothing if it is not JSON.
fn words(body: &Value) -> String {
    let mut words = Vec::new();
    words.extend(body["message"].as_str().map(str::to_owned));
    complaints(&body["errors"], "", &mut words);
    if words.is_empty() {
        return String::new();
    }
    let words: String = words.join("; ").chars().take(WORDS_LENGTH_MAX).collect();
    format!(": {words}")
}

/// Collects the complaints about the parts of a form, each with its path.
fn complaints(errors: &Value, path: &str, words: &mut Vec<String>) {
    for (key, below) in errors.as_object().into_iter().flatten() {
        if key == "_errors" {
            let said = below.as_array().into_iter().flatten();
            let said = said.filter_map(|error| error["message"].as_str());
            words.extend(said.map(|said| format!("`{path}`: {said}")));
        } else {
            let dot = if path.is_empty() { "" } else { "." };
            complaints(below, &format!("{path}{dot}{key}"), words);
        }
    }
}

/// Returns the URL that is called: of a known version of the API, and such that Discord says what it made of it.
fn webhook(secret: &Secret) -> Result<Url, Fault> {
    let mut url = http::web_url(secret.expose())?;
    if let Some(rest) = url.path().strip_prefix("/api/webhooks/") {
        let path = format!("/api/{VERSION}/webhooks/{rest}");
        url.set_path(&path);
    }
    let others: Vec<(String, String)> =
        url.query_pairs().into_owned().filter(|(key, _)| key != "wait").collect();
    url.query_pairs_mut().clear().extend_pairs(others).append_pair("wait", "true");
    url.set_fragment(None);
    Ok(url)
}

/// Returns what takes the URL and its parts out of other people's words.
fn knows(secret: &Secret, url: &Url) -> Redactor {
    let redactor = Redactor::default();
    redactor.learn(secret);
    redactor.learn(&Secret::new(url.as_str()));
    for part in url.path_segments().into_iter().flatten().filter(|part| *part != "webhooks") {
        redactor.learn(&Secret::new(part));
    }
    redactor
}
