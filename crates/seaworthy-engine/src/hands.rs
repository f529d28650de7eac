//! What `apply` may reach for: bodies and secrets that documents only name, and the person.

use std::collections::BTreeMap;
use std::io::Read;

use seaworthy_core::ids::Digest;
use seaworthy_core::ids::RunId;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Hands;
use seaworthy_core::ports::Said;
use seaworthy_core::ports::Task;
use seaworthy_core::secret::Fingerprint;
use seaworthy_core::secret::Secret;
use seaworthy_core::secret::SecretRef;

use crate::office::Office;

pub(crate) struct OfficeHands<'a> {
    pub(crate) office: &'a Office,
    /// Names in the vault, by digest or fingerprint.
    pub(crate) parts: BTreeMap<String, String>,
    /// Where the plan's own secrets are to be had.
    pub(crate) secrets: Vec<SecretRef>,
    /// The run, and the token by which this process carries it out.
    pub(crate) held: (RunId, i64),
}

impl OfficeHands<'_> {
    async fn fetch(&self, name: &str, what: &str) -> Result<Vec<u8>, Fault> {
        match self.parts.get(name) {
            Some(kept) => self.office.vault.fetch(kept).await,
            None => Err(Fault::new(
                FaultKind::Missing,
                format!("fetching {what}"),
                "neither the plan nor its backups hold it",
            )),
        }
    }
}

impl Hands for OfficeHands<'_> {
    fn body<'a>(&'a self, digest: &'a Digest) -> Task<'a, Result<Box<dyn Read + Send>, Fault>> {
        Box::pin(async move {
            let bytes = self
                .fetch(&digest.to_string(), &format!("the content {}…", digest.short()))
                .await?;
            Ok(Box::new(std::io::Cursor::new(bytes)) as Box<dyn Read + Send>)
        })
    }

    fn secret<'a>(&'a self, fingerprint: &'a Fingerprint) -> Task<'a, Result<Secret, Fault>> {
        Box::pin(async move {
            for reference in &self.secrets {
                let secret = self.office.secrets.resolve(reference).await?;
                if self.office.secrets.fingerprint(&secret) == *fingerprint {
                    return Ok(secret);
                }
            }
            let bytes = self.fetch(&fingerprint.to_string(), "the value of a secret").await.map_err(|mut fault| {
                if !self.secrets.is_empty() {
                    fault.why = vec!["the secret that the change refers to has another value than when the plan was made".to_owned()];
                }
                fault
            })?;
            let text = String::from_utf8(bytes).map_err(|_| {
                Fault::new(FaultKind::Damaged, "reading a secret from the vault", "it is not text")
            })?;
            let secret = Secret::new(text);
            self.office.redactor.learn(&secret);
            Ok(secret)
        })
    }

    fn ask<'a>(&'a self, task: &'a str) -> Task<'a, Option<Said>> {
        self.office.hand.ask(task)
    }

    fn still_ours(&self) -> Task<'_, Result<(), Fault>> {
        Box::pin(async {
            let (run, token) = self.held;
            let doing = || format!("asking whether {run} is still ours");
            match self.office.store.token(run).await {
                Ok(newest) if newest == Some(token) => Ok(()),
                Ok(_) => {
                    let why = "another process took it over";
                    Err(Fault::new(FaultKind::Denied, doing(), why))
                }
                Err(error) => Err(Fault::because(FaultKind::Other, doing(), &error)),
            }
        })
    }
}
