//! Keeping things in the vault: documents, plans, backups, evidence.

use std::io::Read;

use seaworthy_core::backup::Backup;
use seaworthy_core::backup::Manifest;
use seaworthy_core::document::Doc;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ids::BackupId;
use seaworthy_core::ids::RunId;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Observation;
use seaworthy_core::resource::ResourceId;

use crate::failure;
use crate::office::Office;

/// Keeps bytes; returns the name to fetch them by.
pub(crate) async fn bytes(office: &Office, bytes: &[u8]) -> Result<String, Explanation> {
    let mut reader = bytes;
    let kept = office.vault.keep(&mut reader).await.map_err(|fault| failure::own(&fault))?;
    Ok(kept.name)
}

/// Keeps a document, or the fact that nothing is there.
pub(crate) async fn doc(office: &Office, doc: Option<&Doc>) -> Result<String, Explanation> {
    let json = serde_json::to_vec(&doc)
        .unwrap_or_else(|cause| unreachable!("BUG: a document is not JSON: {cause}"));
    bytes(office, &json).await
}

/// Fetches what [`doc`] kept.
pub(crate) async fn fetch_doc(office: &Office, name: &str) -> Result<Option<Doc>, Fault> {
    let bytes = office.vault.fetch(name).await?;
    serde_json::from_slice(&bytes).map_err(|cause| {
        Fault::because(FaultKind::Damaged, format!("reading `{name}` in the vault"), &cause)
    })
}

/// Keeps everything that was observed of a resource: its document, the bodies and the secrets that it names. The
/// backup's number is still to be given by the store.
pub(crate) async fn observation(
    office: &Office,
    resource: &ResourceId,
    seen: &Observation,
    run: Option<RunId>,
    change: Option<&str>,
) -> Result<Backup, Explanation> {
    let keep = |error: Fault| failure::own(&error);
    let manifest =
        Manifest { resource: resource.clone(), doc: seen.doc.clone(), aside: seen.aside.clone() };
    let json = serde_json::to_vec(&manifest)
        .unwrap_or_else(|cause| unreachable!("BUG: a manifest is not JSON: {cause}"));
    let mut reader = json.as_slice();
    let kept = office.vault.keep(&mut reader).await.map_err(keep)?;
    let mut total = kept.bytes;
    let mut parts = Vec::new();
    for body in &seen.bodies {
        let mut reader: Box<dyn Read + Send> = (body.open)()
            .map_err(|error| keep(Fault::io(format!("reading a body of `{resource}`"), &error)))?;
        let part = office.vault.keep(&mut *reader).await.map_err(keep)?;
        total += part.bytes;
        parts.push((body.digest.to_string(), part.name));
    }
    for (fingerprint, secret) in &seen.secrets {
        let mut reader = secret.expose().as_bytes();
        let part = office.vault.keep(&mut reader).await.map_err(keep)?;
        parts.push((fingerprint.to_string(), part.name));
    }
    Ok(Backup {
        id: BackupId(0),
        resource: resource.clone(),
        digest: seen.doc.as_ref().map(Doc::digest),
        revision: seen.revision.clone(),
        records: seen.records,
        at: office.now(),
        run,
        change: change.map(str::to_owned),
        set: None,
        vault: kept.name,
        parts,
        bytes: total,
    })
}

/// Observes resources of any systems, in their order; many of one system at once.
///
/// # Errors
///
/// A system is not there; within, the first thing that cannot be read.
pub(crate) async fn look(
    office: &Office,
    resources: &[ResourceId],
) -> Result<Result<Vec<Observation>, Fault>, Explanation> {
    let mut seen: Vec<Option<Observation>> = resources.iter().map(|_| None).collect();
    let mut systems: Vec<&str> = resources.iter().map(|one| one.system.as_str()).collect();
    systems.sort_unstable();
    systems.dedup();
    for name in systems {
        let places: Vec<usize> =
            (0..resources.len()).filter(|place| resources[*place].system == name).collect();
        let own: Vec<ResourceId> = places.iter().map(|place| resources[*place].clone()).collect();
        match office.system(name)?.observe_many(&own).await {
            Ok(all) if all.len() != places.len() => {
                let why = format!("asked for {}, it showed {}", places.len(), all.len());
                return Ok(Err(Fault::new(FaultKind::Damaged, format!("reading `{name}`"), why)));
            }
            Ok(all) => {
                for (place, one) in places.into_iter().zip(all) {
                    seen[place] = Some(one);
                }
            }
            Err(fault) => return Ok(Err(fault)),
        }
    }
    Ok(Ok(seen.into_iter().map(Option::unwrap_or_default).collect()))
}

/// Fetches a backup's manifest.
pub(crate) async fn fetch_manifest(office: &Office, backup: &Backup) -> Result<Manifest, Fault> {
    let bytes = office.vault.fetch(&backup.vault).await?;
    serde_json::from_slice(&bytes).map_err(|cause| {
        Fault::because(FaultKind::Damaged, format!("reading {} in the vault", backup.id), &cause)
    })
}
