//! What a question to the reference graph costs, and how that grows from ten thousand edges to ten million.
//!
//! The graph is made up: four layers, each using the one below, some things much more than others, with addresses,
//! places and names of nodes as long as real ones. Asked are things with at most a thousand dependents. The floor is a
//! search of the same graph that knows numbers only: no names, no ways, no certainty.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use seaworthy_core::refgraph::About;
use seaworthy_core::refgraph::Builder;
use seaworthy_core::refgraph::Document;
use seaworthy_core::refgraph::Flags;
use seaworthy_core::refgraph::Graph;
use seaworthy_core::refgraph::Ground;
use seaworthy_core::refgraph::How;
use seaworthy_core::refgraph::Sources;
use seaworthy_core::refs::Certainty;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;
use seaworthy_core::refs::Kind;
use seaworthy_core::refs::Ref;
use seaworthy_core::resource::ResourceId;

use crate::Error;
use crate::Line;
use crate::ms;
use crate::ratio;
use crate::times;

const EDGES: [u32; 4] = [10_000, 100_000, 1_000_000, 10_000_000];
const LAYERS: u32 = 4;
const ASKED: usize = 2_000;
const DEPENDENTS: usize = 1_000;

/// Numbers that look random, the same in each run (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u32) -> u32 {
        u32::try_from(self.next() % u64::from(end)).unwrap_or_default()
    }

    /// Returns a number below the end, small ones much more often: a few things are used by very many.
    fn popular(&mut self, end: u32) -> u32 {
        let unit = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        (unit.powi(3) * f64::from(end)) as u32
    }
}

fn address(thing: u32) -> String {
    format!("n8n:workflow/Updating clients {thing}#aB3{thing:013}")
}

/// Makes up who uses whom.
fn made_up(edges: u32) -> (u32, Vec<(u32, u32)>) {
    let mut numbers = Numbers(7);
    let layer = (edges / 10 / LAYERS).max(1);
    let mut edge = || {
        let above = 1 + numbers.below(LAYERS - 1);
        let from = above * layer + numbers.below(layer);
        (from, (above - 1) * layer + numbers.popular(layer))
    };
    (layer * LAYERS, (0..edges).map(|_| edge()).collect())
}

fn build(things: u32, edges: &[(u32, u32)]) -> Graph {
    let mut builder = Builder::default();
    let mut numbers = Numbers(11);
    for thing in 0..things {
        let about = About {
            name: Some(format!("Updating clients {thing}")),
            kind: "workflow".to_owned(),
            ours: true,
            live: Some(true),
            ..About::default()
        };
        builder.thing(&address(thing), about);
    }
    for (from, to) in edges {
        let at = format!("/nodes/{}/parameters/url", numbers.below(40));
        let node = format!("HTTP Request {}", numbers.below(200));
        let place = builder.place(&at, Some(&node));
        let certainty = if numbers.below(5) == 0 { Certainty::Partial } else { Certainty::Exact };
        builder.edge(*from, *to, Flags::new(How::Ref(Kind::Url), certainty, false), place);
    }
    builder.finish()
}

/// The floor: numbers, lists of numbers, and a mark for each that was seen.
struct Bare {
    users: Vec<Vec<u32>>,
}

impl Bare {
    fn new(things: u32, edges: &[(u32, u32)]) -> Self {
        let mut users = vec![Vec::new(); things as usize];
        for (from, to) in edges {
            users[*to as usize].push(*from);
        }
        Self { users }
    }

    fn reach(&self, asked: u32, most: usize) -> Vec<u32> {
        let mut seen = vec![0_u64; self.users.len() / 64 + 1];
        let mut reached = vec![asked];
        seen[asked as usize / 64] |= 1 << (asked % 64);
        let mut next = 0;
        while next < reached.len() && reached.len() <= most + 1 {
            for user in &self.users[reached[next] as usize] {
                let word = &mut seen[*user as usize / 64];
                let bit = 1 << (user % 64);
                if *word & bit == 0 {
                    *word |= bit;
                    reached.push(*user);
                }
            }
            next += 1;
        }
        reached
    }
}

/// Returns the middle and the 99th of a hundred.
fn spread(mut all: Vec<Duration>) -> (Duration, Duration) {
    all.sort();
    (all[all.len() / 2], all[all.len() * 99 / 100])
}

pub(crate) fn measure(scratch: &Path) -> Result<Vec<Line>, Error> {
    let mut lines = Vec::new();
    for count in EDGES {
        lines.extend(of_size(count, scratch)?);
    }
    lines.push(resolving()?);
    Ok(lines)
}

fn of_size(count: u32, scratch: &Path) -> Result<Vec<Line>, Error> {
    let (things, edges) = made_up(count);
    let start = Instant::now();
    let graph = build(things, &edges);
    let built = start.elapsed();
    let start = Instant::now();
    let bare = Bare::new(things, &edges);
    let bare_built = start.elapsed();
    let bytes = graph.as_bytes().len();
    let per_edge = bytes as f64 / graph.edges() as f64;
    // Two lists of numbers and where each begins: less cannot answer both ways.
    let least = 8.0 + 8.0 * f64::from(things) / graph.edges() as f64;

    let file = scratch.join("graph");
    std::fs::write(&file, graph.as_bytes())?;
    drop(graph);
    let start = Instant::now();
    let read = std::fs::read(&file)?;
    let reading = start.elapsed();
    let start = Instant::now();
    let graph = Graph::from_bytes(read)?;
    let opening = start.elapsed();

    let mut numbers = Numbers(13);
    let mut asked = Vec::new();
    while asked.len() < ASKED {
        let thing = numbers.below(things);
        let dependents = bare.reach(thing, DEPENDENTS).len() - 1;
        if (1..=DEPENDENTS).contains(&dependents) {
            asked.push((thing, dependents));
        }
    }
    let most = asked.iter().map(|(_, dependents)| *dependents).max().unwrap_or_default();
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    for (thing, dependents) in &asked {
        let address = address(*thing);
        let start = Instant::now();
        let impact = black_box(graph.impact(&address, None));
        ours.push(start.elapsed());
        if impact.dependents.len() != *dependents {
            return Err(format!("{} is not {dependents}", impact.dependents.len()).into());
        }
        drop(impact);
        let start = Instant::now();
        black_box(bare.reach(*thing, DEPENDENTS));
        floor.push(start.elapsed());
    }
    let ((p50, p99), (bare50, bare99)) = (spread(ours), spread(floor));
    let size = format!("graph of {count} edges, {things} things");
    Ok(vec![
        Line {
            what: format!("{size}: building; floor: lists of numbers"),
            ours: ms(built),
            floor: ms(bare_built),
            ratio: ratio(built, bare_built),
        },
        Line {
            what: format!("{size}: bytes an edge, all included; floor: numbers both ways"),
            ours: format!("{per_edge:.1}"),
            floor: format!("{least:.1}"),
            ratio: times(per_edge, least),
        },
        Line {
            what: format!("{size}: opening {} kB; floor: reading the file", bytes / 1000),
            ours: ms(opening),
            floor: ms(reading),
            ratio: ratio(opening, reading),
        },
        Line {
            what: format!("{size}: impact of up to {most} dependents, median; floor: numbers only"),
            ours: ms(p50),
            floor: ms(bare50),
            ratio: ratio(p50, bare50),
        },
        Line {
            what: format!("{size}: the same, 99 of 100"),
            ours: ms(p99),
            floor: ms(bare99),
            ratio: ratio(p99, bare99),
        },
    ])
}

/// Resolves a million links and calls between fifty thousand documents. The floor is reading each value once as a URL.
fn resolving() -> Result<Line, Error> {
    let count = 50_000_u32;
    let mut numbers = Numbers(17);
    let mut sources = Sources::default();
    let ground = |url: &str| vec![url.to_owned()];
    let hooks = Ground { hooks: ground("https://n8n.example"), ..Ground::default() };
    let pages = Ground { pages: ground("https://web.example"), ..Ground::default() };
    sources.systems = vec![
        ("n8n".to_owned(), "n8n".to_owned(), hooks),
        ("web".to_owned(), "site".to_owned(), pages),
    ];
    for number in 0..count {
        let is_page = number % 10 != 0;
        let mut facts = Facts::none(if is_page { Format::Html } else { Format::N8n });
        let address = if is_page {
            ResourceId::new("web", "page", &format!("guide/{}/{number}.html", number % 500))
        } else {
            let path = format!("intake/{number}/:id");
            facts.defines.push(Ref::exact(Kind::Webhook, path, "/nodes/0/parameters/path"));
            ResourceId::identified(
                "n8n",
                "workflow",
                &format!("Intake {number}"),
                &format!("w{number}"),
            )
        };
        for line in 0..20 {
            let to = numbers.popular(count);
            let (kind, value) = match (is_page, to % 10) {
                (true, 1..) => (Kind::Link, format!("../{}/{to}.html", to % 500)),
                (_, 1..) => (Kind::Url, format!("https://api{}.example/v1/{to}", to % 99)),
                (true, 0) => (Kind::Link, format!("https://n8n.example/webhook/intake/{to}/7")),
                (false, 0) => (Kind::Workflow, format!("w{to}")),
            };
            facts.references.push(Ref::exact(kind, value, format!("{}:9", line + 10)));
        }
        sources.documents.push(Document {
            address,
            facts: Arc::new(facts),
            served: Vec::new(),
            source: None,
        });
    }
    let start = Instant::now();
    let graph = black_box(Graph::build(&sources));
    let ours = start.elapsed();
    let home = url::Url::parse("https://web.example/guide/1/")?;
    let start = Instant::now();
    for document in &sources.documents {
        for one in &document.facts.references {
            drop(black_box(home.join(&one.value)));
        }
    }
    let floor = start.elapsed();
    let (edges, references) = (graph.edges(), count * 20);
    Ok(Line {
        what: format!(
            "resolving {references} references into {edges} edges; floor: `url` reads each"
        ),
        ours: ms(ours),
        floor: ms(floor),
        ratio: ratio(ours, floor),
    })
}
