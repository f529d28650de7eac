//! A small world for documents: systems that hold them, and questions to the graph of it all.

use std::sync::Arc;

use seaworthy_core::refgraph::{Document, Graph, Ground, Sources};
use seaworthy_core::refs::Format;
use seaworthy_core::resource::ResourceId;

/// Builds the graph of some documents, each a name and its bytes.
pub fn graph(documents: &[(&str, &[u8])]) -> Graph {
    let documents = documents.iter().enumerate().map(document).collect();
    Graph::build(&Sources { systems: systems(), documents, missing: Vec::new(), at: None })
}

/// Builds it of the same documents, the last one first.
pub fn graph_backwards(documents: &[(&str, &[u8])]) -> Graph {
    let mut documents: Vec<Document> = documents.iter().enumerate().map(document).collect();
    documents.reverse();
    Graph::build(&Sources { systems: systems(), documents, missing: Vec::new(), at: None })
}

fn document((number, (name, bytes)): (usize, &(&str, &[u8]))) -> Document {
    let facts = Arc::new(seaworthy_scan::facts(name, bytes));
    let served = format!("/venus/{number}.html");
    let (address, served) = match facts.kind {
        Format::N8n => (format!("n8n:workflow/Venus {number}#v{number}"), Vec::new()),
        Format::Html => (format!("web:page{served}"), vec![served]),
        Format::Redirects => ("web:page/_redirects".to_owned(), vec!["/_redirects".to_owned()]),
        Format::Env => (format!("env:file/{number}"), Vec::new()),
        Format::Sql => (format!("db:schema/{number}"), Vec::new()),
        Format::Markdown
        | Format::Css
        | Format::Javascript
        | Format::Compose
        | Format::Zone
        | Format::Change
        | Format::Workspace
        | Format::Schema
        | Format::Other => (format!("files:file/{number}"), Vec::new()),
    };
    let address: ResourceId = address.parse().expect("this is how addresses are written");
    Document { address, facts, served, source: None }
}

fn systems() -> Vec<(String, String, Ground)> {
    let system = |name: &str, kind: &str, ground| (name.to_owned(), kind.to_owned(), ground);
    let hooks = vec!["https://n8n.mirror.example".to_owned()];
    let pages = vec!["https://mirror.example".to_owned()];
    let variables = vec![("BASE".to_owned(), "https://n8n.mirror.example".to_owned())];
    vec![
        system("n8n", "n8n", Ground { hooks, ..Ground::default() }),
        system("web", "site", Ground { pages, ..Ground::default() }),
        system("env", "env", Ground { variables, ..Ground::default() }),
        system("db", "sql", Ground::default()),
        system("files", "files", Ground::default()),
    ]
}

/// Asks a graph all there is to ask. It answers, if not always with much.
pub fn ask(graph: &Graph) {
    drop((graph.looked(), graph.dangling()));
    for kind in graph.kinds() {
        drop(graph.unused(&kind));
    }
    for typed in ["venus", "https://n8n.mirror.example/webhook/venus/1?a", "mirror.example", "*:*"]
    {
        drop(graph.find(typed));
    }
    // A few will do: each answer may be as long as the graph.
    for thing in graph.matching("*").iter().take(16) {
        drop((graph.impact(&thing.address, None), graph.uses(&thing.address)));
    }
}
