//! `graph`: who depends on what in the workspace, as it is now.

use seaworthy_core::explain::Explanation;
use seaworthy_core::refgraph::Graph;

use crate::office::Office;
use crate::verbs::index;
use crate::verbs::index::Indexed;
use crate::verbs::index::Progress;

/// Looks at all systems and returns the graph of what is there, and what was seen. If nothing changed anywhere, the graph
/// is the one that was kept.
///
/// # Errors
///
/// The store's. What a system cannot show is no error: it is missing, and said to be.
pub async fn graph(
    office: &Office,
    progress: Progress<'_>,
) -> Result<(Graph, Indexed), Explanation> {
    let indexed = index::index(office, progress).await?;
    if let Ok(Some(bytes)) = office.index.graph(&indexed.state).await
        && let Ok(graph) = Graph::from_bytes(bytes)
    {
        return Ok((graph, indexed));
    }
    let graph = Graph::build(&index::sources(office, &indexed).await?);
    // It can be built again; that it could not be kept is no harm.
    let _kept = office.index.put_graph(&indexed.state, &graph.to_bytes()).await;
    Ok((graph, indexed))
}
