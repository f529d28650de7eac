//! One thing under two addresses: by its name while it is not there yet, by its id from then on.

use seaworthy_core::resource::IDENTIFIED;
use seaworthy_core::resource::ResourceId;

use crate::office::Office;

/// Tells whether two addresses mean the same thing, where one of them may have no id yet.
pub(crate) fn is_same(one: &ResourceId, other: &ResourceId) -> bool {
    one == other || IDENTIFIED.contains(&one.kind.as_str()) && one.may_be(other)
}

/// Returns the address of a thing with its id, if its system knows one thing of this name; else the address as it is.
pub(crate) async fn identified(office: &Office, resource: &ResourceId) -> ResourceId {
    if resource.id().is_none()
        && let Ok(system) = office.system_of(resource)
        // Without an answer it is known by its name, as before.
        && let Ok(found) = system.resolve(resource).await
        && let [one] = &found[..]
        && one.id().is_some()
    {
        return one.clone();
    }
    resource.clone()
}
