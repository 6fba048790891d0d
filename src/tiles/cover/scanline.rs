//! From polygons to row spans, one row of tiles at a time.
//!
//! A tile belongs to the cover when an edge runs through its inside, or when it lies wholly inside
//! a polygon. A tile that no edge enters is inside or outside as a whole, so one scanline through
//! the middle of the row tells which. An edge that only runs along tile borders enters no tile:
//! that is what makes tiles half-open and a zero-area touch no touch.

use geo::{LineString, MultiPolygon};

use super::{
    super::{TilePosition, TilesError, mercator},
    spans::{Rows, Span},
};

/// How near to a tile border a vertex is taken to lie on it, as a share of the world's width: 0.16
/// micrometres at the equator. Borders have no exact latitude in binary, so the square of a tile,
/// written in degrees and read again, would otherwise touch the tiles around it.
const BORDER_TOLERANCE: f64 = 4e-15;

/// An edge in tile units, from its northern end to its southern one.
struct Edge {
    x_north: f64,
    y_north: f64,
    x_south: f64,
    y_south: f64,
    /// Position of the polygon among all, which keeps overlapping polygons apart.
    polygon: u32,
    ring: RingKind,
    /// +1 where the ring runs southward, −1 where it runs northward.
    winding: i32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum RingKind {
    Exterior,
    Hole,
}

impl Edge {
    /// The column position where the edge meets a horizontal line that it reaches.
    fn x_at(&self, y: f64) -> f64 {
        if y <= self.y_north {
            return self.x_north;
        }
        if y >= self.y_south {
            return self.x_south;
        }
        let share = (y - self.y_north) / (self.y_south - self.y_north);
        let x = self.x_north + share * (self.x_south - self.x_north);
        // Rounding must not carry the point beyond the edge's own ends.
        x.clamp(
            self.x_north.min(self.x_south),
            self.x_north.max(self.x_south),
        )
    }

    /// The last row whose inside the edge enters, or the row above for an edge along a border.
    fn last_row(&self) -> i64 {
        self.y_south.ceil() as i64 - 1
    }
}

/// Where an edge crosses the row's middle.
struct Crossing {
    polygon: u32,
    x: f64,
    ring: RingKind,
    winding: i32,
}

/// The spans of the tiles that polygons touch.
///
/// Within a polygon the exterior counts by its winding number (non-zero is inside) and whatever
/// any hole winds around is outside, in whichever direction the rings run.
///
/// # Errors
/// When a coordinate is not finite or lies outside of ±180°, ±90°.
pub(super) fn rows_of(polygons: &MultiPolygon<f64>, zoom: u8) -> Result<Rows, TilesError> {
    let mut edges = Vec::new();
    for (index, polygon) in polygons.iter().enumerate() {
        let index = u32::try_from(index).map_err(|_| TilesError::CoverTooLarge)?;
        push_ring(
            &mut edges,
            polygon.exterior(),
            zoom,
            index,
            RingKind::Exterior,
        )?;
        for hole in polygon.interiors() {
            push_ring(&mut edges, hole, zoom, index, RingKind::Hole)?;
        }
    }
    edges.sort_unstable_by(|a, b| a.y_north.total_cmp(&b.y_north));

    let mut rows = Rows::new();
    let mut spans = Vec::new();
    let mut crossings = Vec::new();
    let mut active: Vec<usize> = Vec::new();
    let mut next_edge = 0;
    let mut row = 0i64;
    while next_edge < edges.len() || !active.is_empty() {
        if active.is_empty() {
            row = row.max(edges[next_edge].y_north.floor() as i64);
        }
        while next_edge < edges.len() && edges[next_edge].y_north < (row + 1) as f64 {
            // An edge along a border of its row enters none.
            if edges[next_edge].last_row() >= row {
                active.push(next_edge);
            }
            next_edge += 1;
        }
        for &index in &active {
            let edge = &edges[index];
            enter_tiles(edge, row, &mut spans);
            let middle = row as f64 + 0.5;
            if edge.y_north <= middle && middle < edge.y_south {
                crossings.push(Crossing {
                    polygon: edge.polygon,
                    x: edge.x_at(middle),
                    ring: edge.ring,
                    winding: edge.winding,
                });
            }
        }
        fill(&mut crossings, &mut spans);
        if !spans.is_empty() {
            rows.push_row(row as u32, &mut spans)?;
        }
        row += 1;
        active.retain(|&index| edges[index].last_row() >= row);
    }
    Ok(rows)
}

fn push_ring(
    edges: &mut Vec<Edge>,
    ring: &LineString<f64>,
    zoom: u8,
    polygon: u32,
    kind: RingKind,
) -> Result<(), TilesError> {
    if let Some(bad) = ring.coords().find(|at| {
        // Written so that a NaN is refused as well.
        !((-180.0..=180.0).contains(&at.x) && (-90.0..=90.0).contains(&at.y))
    }) {
        return Err(TilesError::CoordinateOutOfRange {
            lon: bad.x,
            lat: bad.y,
        });
    }
    let tolerance = BORDER_TOLERANCE * f64::from(mercator::tiles_per_side(zoom));
    let snapped = |v: f64| {
        let border = v.round();
        if (v - border).abs() <= tolerance {
            border
        } else {
            v
        }
    };
    let mut points = ring.coords().map(|at| {
        let TilePosition { x, y } = mercator::lon_lat_to_tile((*at).into(), zoom);
        (snapped(x), snapped(y))
    });
    let Some(mut from) = points.next() else {
        return Ok(());
    };
    for to in points {
        if from != to {
            let southward = from.1 <= to.1;
            let (north, south) = if southward { (from, to) } else { (to, from) };
            edges.push(Edge {
                x_north: north.0,
                y_north: north.1,
                x_south: south.0,
                y_south: south.1,
                polygon,
                ring: kind,
                winding: if southward { 1 } else { -1 },
            });
        }
        from = to;
    }
    Ok(())
}

/// Adds the tiles of a row whose inside an edge enters.
fn enter_tiles(edge: &Edge, row: i64, spans: &mut Vec<Span>) {
    let (top, bottom) = (row as f64, (row + 1) as f64);
    let at_top = edge.x_at(top.max(edge.y_north));
    let at_bottom = edge.x_at(bottom.min(edge.y_south));
    // A level edge has both ends at one height, where `x_at` knows only the first.
    let (a, b) = if edge.y_north == edge.y_south {
        (edge.x_north, edge.x_south)
    } else {
        (at_top, at_bottom)
    };
    let (start, mut end) = (a.min(b).floor(), a.max(b).ceil());
    if a == b && a == start {
        // It runs along the border between two columns.
        end = start;
    }
    if start < end {
        spans.push(Span {
            start: start as u32,
            end: end as u32,
        });
    }
}

/// Adds the tiles between the crossings of the row's middle, and empties the crossings.
fn fill(crossings: &mut Vec<Crossing>, spans: &mut Vec<Span>) {
    crossings.sort_unstable_by(|a, b| a.polygon.cmp(&b.polygon).then(a.x.total_cmp(&b.x)));
    for of_polygon in crossings.chunk_by(|a, b| a.polygon == b.polygon) {
        let (mut exterior, mut hole) = (0, 0);
        for pair in of_polygon.windows(2) {
            let [from, to] = pair else { continue };
            match from.ring {
                RingKind::Exterior => exterior += from.winding,
                RingKind::Hole => hole += from.winding,
            }
            if exterior != 0 && hole == 0 && from.x < to.x {
                spans.push(Span {
                    start: from.x.floor() as u32,
                    end: to.x.ceil() as u32,
                });
            }
        }
    }
    crossings.clear();
}
