//! Doing it: compare, write, compare again, commit. All in one transaction, so it is done wholly or not at all.

use seaworthy_core::action::digest_of;
use seaworthy_core::boundary;
use seaworthy_core::ids::Digest;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Order;
use seaworthy_core::ports::Receipt;
use seaworthy_core::ports::Trouble;
use seaworthy_core::resource::ResourceId;

use super::Sql;
use super::observe;
use super::session;
use super::session::Session;
use super::target::Target;
use super::write;
use super::write::Deed;

/// Carries an order out.
pub(super) async fn apply(sql: &Sql, order: &Order) -> Result<Receipt, Trouble> {
    let deed = Deed { resource: &order.resource, wish: &order.wish, undoing: order.undoing };
    let purpose = deed.purpose().map_err(Trouble::Refused)?;
    let doing = format!("changing `{}`", order.resource);
    let opened = Session::open(sql, purpose, doing.clone()).await;
    let mut session = opened.map_err(Trouble::Refused)?;
    let written = match session.begin().await {
        Ok(()) => write_checked(sql, &mut session, order, deed).await,
        Err(fault) => Err(Trouble::Refused(fault)),
    };
    let receipt = match written {
        Ok(receipt) => receipt,
        Err(trouble) => {
            session.rollback().await;
            return Err(trouble);
        }
    };
    boundary::pass(|| format!("before commit to {}", order.resource.system));
    match session.commit().await {
        Ok(()) => {
            boundary::pass(|| format!("after commit to {}", order.resource.system));
            session.close().await;
            Ok(receipt)
        }
        Err(error) => {
            let fault = session::fault(&doing, &error);
            session.rollback().await;
            // Busy, read-only, full or a broken constraint: SQLite says these before anything lasts.
            Err(match session::primary_code(&error) {
                5 | 8 | 13 | 19 => Trouble::Refused(fault),
                _ => Trouble::Unclear(fault),
            })
        }
    }
}

async fn write_checked(
    sql: &Sql,
    session: &mut Session,
    order: &Order,
    deed: Deed<'_>,
) -> Result<Receipt, Trouble> {
    if let Some(other) = differing(sql, session, &order.expected).await.map_err(Trouble::Refused)? {
        return Err(Trouble::Stale(format!("`{other}` is not what was planned for")));
    }
    let before = write::dangling(session).await;
    write::carry_out(session, deed).await.map_err(Trouble::Refused)?;
    let dangling: Vec<String> =
        write::dangling(session).await.difference(&before).cloned().collect();
    // While tables are written back one by one, a row may wait for the one that it refers to.
    if let (Some(line), false) = (dangling.first(), deed.is_quiet()) {
        return Err(Trouble::Refused(Fault::new(FaultKind::Wrong, &session.doing, line.clone())));
    }
    if let Some(other) =
        differing(sql, session, &order.predicted).await.map_err(Trouble::Refused)?
    {
        let why = format!("`{other}` would not become what was predicted; it was taken back");
        return Err(Trouble::Refused(Fault::new(FaultKind::Other, &session.doing, why)));
    }
    Ok(Receipt { note: dangling.first().cloned() })
}

/// Returns the first resource that is not what it shall be.
async fn differing<'o>(
    sql: &Sql,
    session: &mut Session,
    shall: &'o [(ResourceId, Option<Digest>)],
) -> Result<Option<&'o ResourceId>, Fault> {
    for (resource, digest) in shall.iter().filter(|(one, _)| one.system == sql.name) {
        let (doc, _) = observe::read(session, &Target::of(resource)?).await?;
        if digest_of(doc.as_ref()) != *digest {
            return Ok(Some(resource));
        }
    }
    Ok(None)
}
