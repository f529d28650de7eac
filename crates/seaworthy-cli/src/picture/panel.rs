//! What stands around the boxes: a title, what nobody can tell, and what the signs mean.

use std::collections::BTreeSet;

use crate::picture::Picture;
use crate::picture::letters::Face;
use crate::picture::look::LOOKS;
use crate::picture::look::Look;
use crate::picture::shape::Area;
use crate::render::count;

/// How many lines of what nobody can tell are written out.
const NOTES_MAX: usize = 10;
/// The height of such a line, in pixels.
const NOTE_HEIGHT: f64 = 17.0;
/// The face of such a line.
const NOTE: Face = Face { size: 11.5, mono: false };
/// The face of the legend.
const LEGEND: Face = Face { size: 11.5, mono: false };
/// The height of a row of the legend, in pixels.
const ROW_HEIGHT: f64 = 28.0;

/// Returns the title: what was asked, and what was looked at.
pub(crate) fn title(picture: &Picture) -> [String; 2] {
    let named: Vec<&str> =
        picture.nodes.iter().filter(|node| node.asked).map(|node| node.name.as_str()).collect();
    let what = match named.as_slice() {
        [one] => (*one).to_owned(),
        _ => picture.asked.clone(),
    };
    let looked = &picture.looked;
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let mut said = vec![
        count(picture.dependents(), "dependent"),
        format!("{} analysed", count(number(looked.documents), "document")),
    ];
    said.extend(
        (!looked.missing.is_empty()).then(|| format!("{} could not be", looked.missing.len())),
    );
    said.extend(looked.at.map(|at| format!("looked at {}", at.strftime("%Y-%m-%d %H:%M UTC"))));
    [format!("What depends on {what}"), said.join("  ·  ")]
}

/// Returns what nobody can tell, a line each.
fn notes(picture: &Picture) -> Vec<String> {
    let unclear = picture.unknown.iter().map(|one| {
        let at = if one.at.is_empty() { String::new() } else { format!(" at {}", one.at) };
        format!("? {}{at}: {}", one.address, one.why)
    });
    let missing =
        picture.looked.missing.iter().map(|one| format!("✗ {}: {}", one.address, one.why));
    let all: Vec<String> = unclear.chain(missing).collect();
    let more = all.len().saturating_sub(NOTES_MAX);
    let mut shown: Vec<String> =
        all.into_iter().take(if more > 0 { NOTES_MAX - 1 } else { NOTES_MAX }).collect();
    if more > 0 {
        shown.push(format!("… and {} more", more + 1));
    }
    shown
}

/// Returns how high the panel of what nobody can tell is, in pixels.
pub(crate) fn notes_height(picture: &Picture) -> f64 {
    let lines = notes(picture).len();
    #[expect(clippy::cast_precision_loss, reason = "there are ten at most")]
    let height = lines as f64 * NOTE_HEIGHT;
    if lines == 0 { 0.0 } else { height + 46.0 }
}

/// Draws what nobody can tell.
pub(crate) fn draw_notes(picture: &Picture, x: f64, y: f64, width: f64, out: &mut String) {
    let notes = notes(picture);
    if notes.is_empty() {
        return;
    }
    let height = notes_height(picture) - 12.0;
    out.push_str(&format!(
        "<rect class=\"note\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"6\"/>\n<text class=\"t head\" x=\"{:.1}\" y=\"{:.1}\">Nobody can tell whether this matters</text>\n",
        x + 14.0,
        y + 21.0,
    ));
    let mut at = y + 40.0;
    for line in notes {
        let line = NOTE.fit(&line, width - 28.0);
        out.push_str(&format!(
            "<text class=\"t small\" x=\"{:.1}\" y=\"{at:.1}\">{}</text>\n",
            x + 14.0,
            super::svg::escaped(&line)
        ));
        at += NOTE_HEIGHT;
    }
}

/// What a part of the legend shows.
enum Sign {
    Shape(Look),
    Line(&'static str),
    Nothing,
}

/// Returns the parts of the legend that this picture needs.
fn signs(picture: &Picture) -> Vec<(Sign, String)> {
    let classes: BTreeSet<&str> =
        picture.nodes.iter().map(|node| Look::of(&node.kind).class).collect();
    let kind = |look: &Look| {
        let kinds: BTreeSet<&str> = picture
            .nodes
            .iter()
            .filter(|node| Look::of(&node.kind) == *look)
            .map(|node| node.kind.as_str())
            .collect();
        let words: Vec<&str> = kinds.into_iter().take(4).collect();
        (Sign::Shape(*look), words.join(", "))
    };
    let mut signs: Vec<(Sign, String)> =
        LOOKS.iter().filter(|look| classes.contains(look.class)).map(kind).collect();
    signs.push((Sign::Line("line"), "uses".to_owned()));
    signs.push((Sign::Line("line partial"), "not sure".to_owned()));
    signs.push((Sign::Line("line off"), "switched off".to_owned()));
    signs.push((Sign::Nothing, "an arrow leads to what is used".to_owned()));
    signs
}

/// Draws what the signs mean, from row to row; returns how high it is, in pixels. Without room to draw into, it is only
/// measured.
pub(crate) fn legend(
    picture: &Picture,
    x: f64,
    y: f64,
    width: f64,
    out: Option<&mut String>,
) -> f64 {
    let mut drawn = String::new();
    let (mut left, mut row) = (x, 0.0);
    for (sign, word) in signs(picture) {
        let sign_width = if matches!(sign, Sign::Nothing) { 0.0 } else { 44.0 };
        let room = sign_width + LEGEND.width(&word) + 22.0;
        if left > x && left + room > x + width {
            (left, row) = (x, row + 1.0);
        }
        let middle = y + row * ROW_HEIGHT + ROW_HEIGHT / 2.0;
        match sign {
            Sign::Shape(look) => {
                let area = Area { x: left, y: middle - 9.0, width: 36.0, height: 18.0 };
                drawn.push_str(&super::svg::outline(look, area, ""));
            }
            Sign::Line(class) => drawn.push_str(&format!(
                "<path class=\"{class}\" d=\"M{:.1} {middle:.1}H{:.1}\"/><path class=\"{class} tip\" d=\"M{left:.1} {middle:.1}l8 -4v8Z\"/>\n",
                left + 7.0,
                left + 36.0,
            )),
            Sign::Nothing => {}
        }
        drawn.push_str(&format!(
            "<text class=\"t small\" x=\"{:.1}\" y=\"{:.1}\">{}</text>\n",
            left + sign_width,
            middle + 4.0,
            super::svg::escaped(&word)
        ));
        left += room;
    }
    if let Some(out) = out {
        out.push_str(&drawn);
    }
    (row + 1.0) * ROW_HEIGHT
}
