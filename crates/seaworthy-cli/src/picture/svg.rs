//! The picture as SVG: nothing outside of the file is needed, and it is readable on a light and on a dark ground.

use crate::picture::Node;
use crate::picture::Picture;
use crate::picture::fold;
use crate::picture::fold::Drawn;
use crate::picture::fold::Line;
use crate::picture::layout;
use crate::picture::layout::Point;
use crate::picture::layout::Size;
use crate::picture::letters::Face;
use crate::picture::look::LOOKS;
use crate::picture::look::Look;
use crate::picture::panel;
use crate::picture::shape::Area;
use crate::render::count;

/// How wide a text in a box is at most, in pixels.
const TEXT_WIDTH: f64 = 216.0;
/// How wide a column of names is, in pixels.
const COLUMN_WIDTH: f64 = 176.0;
/// How many names stand in a column.
const COLUMN_ROWS: usize = 14;
/// How wide the label of a line is at most, in pixels.
const LABEL_WIDTH: f64 = 150.0;
/// How far everything keeps from the sides, in pixels.
const MARGIN: f64 = 36.0;
/// How wide a picture is at least, in pixels.
const WIDTH_MIN: f64 = 820.0;

const NAME: Face = Face { size: 14.5, mono: false };
const ADDRESS: Face = Face { size: 10.0, mono: true };
const CAPTION: Face = Face { size: 10.0, mono: false };
const LISTED: Face = Face { size: 11.5, mono: false };
const LABEL: Face = Face { size: 10.5, mono: false };
const TITLE: Face = Face { size: 24.0, mono: false };

/// A line of text in a box, by the class of its face.
struct Text {
    class: &'static str,
    text: String,
    /// From the left side of the text's room, in pixels.
    x: f64,
    /// From the upper side of the text's room to its foot, in pixels.
    y: f64,
}

/// A box with its texts.
struct Filled {
    look: Look,
    classes: String,
    texts: Vec<Text>,
    size: Size,
    title: String,
}

/// Returns the picture.
pub(crate) fn text(picture: &Picture) -> String {
    let folded = fold::fold(picture);
    let filled: Vec<Filled> = folded.boxes.iter().map(|drawn| fill(drawn, picture)).collect();
    let sizes: Vec<Size> = filled.iter().map(|filled| filled.size).collect();
    let labels: Vec<String> =
        folded.lines.iter().map(|line| LABEL.fit(&line.label, LABEL_WIDTH)).collect();
    let rooms: Vec<Size> = labels
        .iter()
        .map(|label| if label.is_empty() { (0.0, 0.0) } else { (LABEL.width(label) + 8.0, 16.0) })
        .collect();
    let laid = layout::lay(&sizes, &folded.lines, &rooms);

    let inner = laid.size.0.max(WIDTH_MIN);
    let width = inner + 2.0 * MARGIN;
    let top = 112.0;
    let notes = top + laid.size.1 + 34.0;
    let legend = notes + panel::notes_height(picture);
    let height = legend + panel::legend(picture, MARGIN, 0.0, inner, None) + 26.0;
    let (dx, dy) = (MARGIN + (inner - laid.size.0) / 2.0, top);

    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\">\n"
    );
    let [title, looked] = panel::title(picture);
    out.push_str(&format!("<title>{}</title>\n<style>{}</style>\n", escaped(&title), style()));
    out.push_str(&format!(
        "<rect class=\"ground\" width=\"{width:.0}\" height=\"{height:.0}\"/>\n"
    ));
    let address = ADDRESS.fit(&picture.asked, inner);
    for (class, text, y) in [
        ("title", TITLE.fit(&title, inner), 52.0),
        ("address", address, 72.0),
        ("small", looked, 92.0),
    ] {
        out.push_str(&format!(
            "<text class=\"t {class}\" x=\"{MARGIN}\" y=\"{y}\">{}</text>\n",
            escaped(&text)
        ));
    }
    out.push_str(&format!("<g transform=\"translate({dx:.1} {dy:.1})\">\n"));
    for (line, points) in folded.lines.iter().zip(&laid.lines) {
        let ends = [(line.to, 1.0), (line.from, -1.0)]
            .map(|(index, side)| side_of(laid.boxes.get(index).copied(), filled.get(index), side));
        draw_line(line, points, ends, &mut out);
    }
    for ((label, (x, y)), (room, _)) in labels.iter().zip(&laid.labels).zip(&rooms) {
        if !label.is_empty() {
            out.push_str(&format!(
                "<rect class=\"ground\" x=\"{:.1}\" y=\"{:.1}\" width=\"{room:.1}\" height=\"15\" rx=\"3\"/><text class=\"t label\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>\n",
                x - room / 2.0,
                y - 7.5,
                y + 3.5,
                escaped(label)
            ));
        }
    }
    for (filled, place) in filled.iter().zip(&laid.boxes) {
        draw_box(filled, *place, &mut out);
    }
    out.push_str("</g>\n");
    panel::draw_notes(picture, MARGIN, notes, inner, &mut out);
    panel::legend(picture, MARGIN, legend, inner, Some(&mut out));
    out.push_str("</svg>\n");
    out
}

/// Says what stands in a box, and how large it is.
fn fill(drawn: &Drawn, picture: &Picture) -> Filled {
    match drawn {
        Drawn::One(index) => match picture.nodes.get(*index) {
            Some(node) => fill_one(node),
            None => fill_many("thing", 0, &[], false),
        },
        Drawn::Alike { kind, names, number } => fill_many(kind, *number, names, false),
        Drawn::Rest { kind, number } => fill_many(kind, *number, &[], true),
    }
}

fn fill_one(node: &Node) -> Filled {
    let mut caption = node.kind.clone();
    if node.live == Some(false) {
        caption.push_str(" · not published");
    }
    let mut texts =
        vec![Text { class: "caption", text: CAPTION.fit(&caption, TEXT_WIDTH), x: 0.0, y: 9.0 }];
    let mut y = 9.0;
    for line in NAME.wrap(&node.name, TEXT_WIDTH) {
        y += 17.0;
        texts.push(Text { class: "name", text: line, x: 0.0, y });
    }
    // Of what lies outside, the name is the address.
    let (_, rest) = node.address.split_once(':').unwrap_or_default();
    if rest != node.name && node.address != node.name {
        y += 14.5;
        texts.push(Text {
            class: "address",
            text: ADDRESS.fit(&node.address, TEXT_WIDTH),
            x: 0.0,
            y,
        });
    }
    let classes = match (node.asked, node.live) {
        (true, _) => "asked",
        (false, Some(false)) => "idle",
        (false, Some(true) | None) => "",
    };
    let title = format!("{}\n{}", node.name, node.address);
    filled(Look::of(&node.kind), classes, texts, y, title)
}

fn fill_many(kind: &str, number: usize, names: &[String], is_rest: bool) -> Filled {
    let head = if is_rest { format!("+ {}", count(number, kind)) } else { count(number, kind) };
    let mut texts =
        vec![Text { class: "name", text: NAME.fit(&head, TEXT_WIDTH), x: 0.0, y: 13.0 }];
    let mut foot: f64 = 13.0;
    for (index, name) in names.iter().enumerate() {
        let (column, row) = (index / COLUMN_ROWS, index % COLUMN_ROWS);
        #[expect(clippy::cast_precision_loss, reason = "a box has a few dozen names")]
        let (x, y) = (column as f64 * COLUMN_WIDTH, 32.0 + row as f64 * 15.5);
        texts.push(Text { class: "small", text: LISTED.fit(name, COLUMN_WIDTH - 14.0), x, y });
        foot = foot.max(y);
    }
    if number > names.len() && !names.is_empty() {
        foot += 16.0;
        let more = format!("+ {} more", number - names.len());
        texts.push(Text { class: "caption", text: more, x: 0.0, y: foot });
    }
    filled(Look::of(kind), "many", texts, foot, head)
}

fn filled(look: Look, classes: &'static str, texts: Vec<Text>, foot: f64, title: String) -> Filled {
    let right = texts.iter().map(|text| text.x + face(text.class).width(&text.text));
    let width = right.fold(64.0, f64::max);
    let inset = look.shape.inset();
    let size = (width + 2.0 * inset.side, foot + 4.0 + inset.top + inset.bottom);
    Filled { look, classes: classes.to_owned(), texts, size, title }
}

fn face(class: &str) -> Face {
    match class {
        "name" => NAME,
        "address" => ADDRESS,
        "caption" => CAPTION,
        _ => LISTED,
    }
}

fn draw_box(filled: &Filled, (x, y): Point, out: &mut String) {
    let (width, height) = filled.size;
    let area = Area { x: x - width / 2.0, y: y - height / 2.0, width, height };
    out.push_str(&format!("<g><title>{}</title>", escaped(&filled.title)));
    if filled.classes == "many" {
        for shift in [8.0, 4.0] {
            let behind = Area { x: area.x + shift, y: area.y - shift, ..area };
            out.push_str(&outline(filled.look, behind, &filled.classes));
        }
    }
    out.push_str(&outline(filled.look, area, &filled.classes));
    let inset = filled.look.shape.inset();
    for text in &filled.texts {
        out.push_str(&format!(
            "<text class=\"t {}\" x=\"{:.1}\" y=\"{:.1}\">{}</text>\n",
            text.class,
            area.x + inset.side + text.x,
            area.y + inset.top + text.y,
            escaped(&text.text)
        ));
    }
    out.push_str("</g>\n");
}

/// Draws the shape of a thing.
pub(crate) fn outline(look: Look, area: Area, classes: &str) -> String {
    let (outline, within) = look.shape.paths(area);
    let class = look.class;
    let within = if within.is_empty() {
        String::new()
    } else {
        format!("<path class=\"box within {class}\" d=\"{within}\"/>")
    };
    format!("<path class=\"box {class} {classes}\" d=\"{outline}\"/>{within}\n")
}

/// Returns the middle of a side of a box: of its right one, or of its left one.
fn side_of(place: Option<Point>, filled: Option<&Filled>, side: f64) -> Point {
    let (x, y) = place.unwrap_or_default();
    let Some(filled) = filled else { return (x, y) };
    (x + side * (filled.size.0 / 2.0 - filled.look.shape.waist()), y)
}

/// Draws a line from what is used to who uses it, with the tip at what is used.
fn draw_line(line: &Line, points: &[Point], [to, from]: [Point; 2], out: &mut String) {
    let class = match (line.disabled, line.partial) {
        (true, true) => "line off partial",
        (true, false) => "line off",
        (false, true) => "line partial",
        (false, false) => "line",
    };
    let goes_right = to.0 < from.0;
    let mut way = points.to_vec();
    // Layered: all that uses a thing comes to the middle of its right side. A circle comes from where it comes.
    if goes_right && let [first, .., last] = way.as_mut_slice() {
        (*first, *last) = (to, from);
    }
    let Some((&(x, y), rest)) = way.split_first() else { return };
    let reach = if goes_right { 8.0 } else { -8.0 };
    let mut path = format!("M{:.1} {y:.1}", x + reach);
    let mut last = (x + reach, y);
    for &(x, y) in rest {
        let half = (x - last.0) / 2.0;
        path.push_str(&format!(
            "C{:.1} {:.1} {:.1} {y:.1} {x:.1} {y:.1}",
            last.0 + half,
            last.1,
            x - half
        ));
        last = (x, y);
    }
    out.push_str(&format!(
        "<path class=\"{class}\" d=\"{path}\"/><path class=\"{class} tip\" d=\"M{x:.1} {y:.1}l{reach:.1} -4.2v8.4Z\"/>\n"
    ));
}

fn style() -> String {
    let mut light = String::new();
    let mut dark = String::new();
    for look in LOOKS {
        for (sheet, colours) in [(&mut light, look.light), (&mut dark, look.dark)] {
            sheet.push_str(&format!(
                ".{}{{fill:{};stroke:{}}}",
                look.class, colours.fill, colours.line
            ));
        }
    }
    format!(
        "\
.t{{font-family:system-ui,\"Helvetica Neue\",Arial,sans-serif;fill:#16202b}}
.title{{font-size:24px;font-weight:700}}.head{{font-size:12.5px;font-weight:700}}
.name{{font-size:14.5px;font-weight:700}}.caption{{font-size:10px;fill:#5b6672}}.small{{font-size:11.5px}}
.address{{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:10px;fill:#4a5563}}
.label{{font-size:10.5px;fill:#4a5563;text-anchor:middle}}
.ground{{fill:#fff}}.note{{fill:#fff8e6;stroke:#d9a520;stroke-dasharray:5 4}}
.box{{stroke-width:1.6;stroke-linejoin:round}}{light}.asked{{stroke-width:3.6}}.idle{{stroke-dasharray:2 3}}
.line{{fill:none;stroke:#5b6672;stroke-width:1.5}}.partial{{stroke-dasharray:6 4}}.off{{stroke:#b3bac2}}
.tip{{fill:#5b6672;stroke:none}}.off.tip{{fill:#b3bac2}}.within{{fill:none}}
@media(prefers-color-scheme:dark){{.t{{fill:#e8edf3}}.caption,.address,.label{{fill:#a3afbb}}.ground{{fill:#0f151c}}
.note{{fill:#2b2410;stroke:#b58a1c}}{dark}.within{{fill:none}}.line{{stroke:#94a1ae}}.tip{{fill:#94a1ae;stroke:none}}
.off{{stroke:#4b5661}}.off.tip{{fill:#4b5661}}}}
"
    )
}

/// Returns a text as it may stand in SVG: it opens no tag and ends no attribute, and has only letters that XML allows.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push('\n'),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            letter if letter.is_control() => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::tests::picture;

    #[test]
    fn names_are_text_and_nothing_else() {
        let mut picture = picture();
        for node in &mut picture.nodes {
            node.name = "</text><script>alert(1)</script>\u{1b}]]>&\"'".to_owned();
        }
        picture.asked = "<img onerror=x>".to_owned();
        let svg = text(&picture);
        assert!(
            !svg.contains("<script") && !svg.contains("<img") && !svg.contains('\u{1b}'),
            "{svg}"
        );
        // Every tag that is opened is one of ours.
        let known = [
            "svg", "title", "style", "rect", "text", "g", "path", "/svg", "/title", "/style",
            "/text", "/g",
        ];
        for tag in svg.split('<').skip(1) {
            let name: String = tag
                .chars()
                .take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '/')
                .collect();
            assert!(known.contains(&name.trim_end_matches('/')), "{name}");
        }
    }

    #[test]
    fn nothing_outside_of_the_file_is_needed_and_everything_is_in_it() {
        let svg = text(&picture());
        for outside in ["href", "url(", "@import", "<image", "<script"] {
            assert!(!svg.contains(outside), "{outside}");
        }
        for said in [
            "What depends on Venus Intake",
            "NFC Tap 2",
            "Venus &amp; &lt;friends&gt;",
            "3 dependents",
            "24 documents analysed",
            "1 could not be",
            "1970-01-01 00:00 UTC",
            "the URL is made at run time",
            "flows:file/cut.json",
        ] {
            assert!(svg.contains(said), "{said}: {svg}");
        }
        assert_eq!(svg.matches("class=\"line partial\"").count(), 2, "one step and the legend");
    }
}
