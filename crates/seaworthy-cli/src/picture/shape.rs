//! Shapes: kinds are told apart by them where colours cannot be.

/// A shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shape {
    /// Six corners.
    Hexagon,
    /// A sheet with a folded corner.
    Page,
    /// A folder's tab.
    Tabbed,
    /// Round ends.
    Pill,
    /// Eight corners.
    Octagon,
    /// What databases look like.
    Cylinder,
    /// Pointed below.
    Shield,
    /// Leaning to the right.
    Slanted,
    /// What somebody says.
    Bubble,
    /// Four corners.
    Box,
}

/// Where something lies, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Area {
    /// The left side.
    pub(crate) x: f64,
    /// The upper side.
    pub(crate) y: f64,
    /// How wide it is.
    pub(crate) width: f64,
    /// How high it is.
    pub(crate) height: f64,
}

/// How far a text keeps from the sides of its shape, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Inset {
    /// From the left and from the right.
    pub(crate) side: f64,
    /// From above.
    pub(crate) top: f64,
    /// From below.
    pub(crate) bottom: f64,
}

impl Shape {
    /// Returns how far a text keeps from its sides.
    pub(crate) fn inset(self) -> Inset {
        let (side, top, bottom) = match self {
            Self::Hexagon => (18.0, 8.0, 9.0),
            Self::Page => (14.0, 9.0, 9.0),
            Self::Tabbed => (13.0, 14.0, 9.0),
            Self::Pill => (22.0, 8.0, 9.0),
            Self::Octagon => (15.0, 9.0, 10.0),
            Self::Cylinder => (13.0, 17.0, 13.0),
            Self::Shield => (13.0, 9.0, 20.0),
            Self::Slanted => (24.0, 8.0, 9.0),
            Self::Bubble => (14.0, 9.0, 16.0),
            Self::Box => (13.0, 9.0, 9.0),
        };
        Inset { side, top, bottom }
    }

    /// Returns how far the middle of its left and right sides lies within its area, in pixels.
    pub(crate) fn waist(self) -> f64 {
        match self {
            Self::Slanted => 8.0,
            Self::Hexagon
            | Self::Page
            | Self::Tabbed
            | Self::Pill
            | Self::Octagon
            | Self::Cylinder
            | Self::Shield
            | Self::Bubble
            | Self::Box => 0.0,
        }
    }

    /// Returns its outline as the data of an SVG path, and a second one for a line within, which may be empty.
    pub(crate) fn paths(self, area: Area) -> (String, String) {
        let Area { x: l, y: t, width: w, height: h } = area;
        let (r, b, cx, cy) = (l + w, t + h, l + w / 2.0, t + h / 2.0);
        // In the legend everything is smaller.
        let s = (h / 40.0).min(1.0);
        let (outline, within) = match self {
            Self::Hexagon => {
                let (a, z) = (l + 14.0 * s, r - 14.0 * s);
                (
                    format!(
                        "M{a:.1} {t:.1}H{z:.1}L{r:.1} {cy:.1}L{z:.1} {b:.1}H{a:.1}L{l:.1} {cy:.1}Z"
                    ),
                    String::new(),
                )
            }
            Self::Page => {
                let (z, f) = (r - 13.0 * s, t + 13.0 * s);
                (
                    format!("M{l:.1} {t:.1}H{z:.1}L{r:.1} {f:.1}V{b:.1}H{l:.1}Z"),
                    format!("M{z:.1} {t:.1}V{f:.1}H{r:.1}"),
                )
            }
            Self::Tabbed => {
                let (a, z, f) = (l + 30.0 * s, l + 36.0 * s, t + 7.0 * s);
                (
                    format!("M{l:.1} {t:.1}H{a:.1}L{z:.1} {f:.1}H{r:.1}V{b:.1}H{l:.1}Z"),
                    String::new(),
                )
            }
            Self::Pill => {
                let k = (h / 2.0).min(24.0);
                (rounded(l, t, r, b, k), String::new())
            }
            Self::Octagon => {
                let k = 11.0 * s;
                let (a, z, f, g) = (l + k, r - k, t + k, b - k);
                (
                    format!(
                        "M{a:.1} {t:.1}H{z:.1}L{r:.1} {f:.1}V{g:.1}L{z:.1} {b:.1}H{a:.1}L{l:.1} {g:.1}V{f:.1}Z"
                    ),
                    String::new(),
                )
            }
            Self::Cylinder => {
                let (k, rx) = (6.0 * s, w / 2.0);
                let (f, g) = (t + k, b - k);
                (
                    format!(
                        "M{l:.1} {f:.1}A{rx:.1} {k:.1} 0 0 1 {r:.1} {f:.1}V{g:.1}A{rx:.1} {k:.1} 0 0 1 {l:.1} {g:.1}Z"
                    ),
                    format!("M{l:.1} {f:.1}A{rx:.1} {k:.1} 0 0 0 {r:.1} {f:.1}"),
                )
            }
            Self::Shield => {
                let g = b - 12.0 * s;
                (
                    format!("M{l:.1} {t:.1}H{r:.1}V{g:.1}L{cx:.1} {b:.1}L{l:.1} {g:.1}Z"),
                    String::new(),
                )
            }
            Self::Slanted => {
                let (a, z) = (l + 16.0 * s, r - 16.0 * s);
                (format!("M{a:.1} {t:.1}H{r:.1}L{z:.1} {b:.1}H{l:.1}Z"), String::new())
            }
            Self::Bubble => {
                let g = b - 7.0 * s;
                let (a, z) = (l + 14.0 * s, l + 24.0 * s);
                let tail = format!("M{z:.1} {g:.1}L{a:.1} {b:.1}V{g:.1}");
                (format!("{}{tail}", rounded(l, t, r, g, 8.0 * s)), String::new())
            }
            Self::Box => (format!("M{l:.1} {t:.1}H{r:.1}V{b:.1}H{l:.1}Z"), String::new()),
        };
        (outline, within)
    }
}

fn rounded(l: f64, t: f64, r: f64, b: f64, k: f64) -> String {
    let (a, z, f, g) = (l + k, r - k, t + k, b - k);
    format!(
        "M{a:.1} {t:.1}H{z:.1}A{k:.1} {k:.1} 0 0 1 {r:.1} {f:.1}V{g:.1}A{k:.1} {k:.1} 0 0 1 {z:.1} {b:.1}H{a:.1}A{k:.1} {k:.1} 0 0 1 {l:.1} {g:.1}V{f:.1}A{k:.1} {k:.1} 0 0 1 {a:.1} {t:.1}Z"
    )
}
