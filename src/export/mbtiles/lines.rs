//! Probable lines, cut at the borders of tiles, and joined again as tiles grow.

use super::mvt::EXTENT;
use crate::tiles::{LonLat, TileCoord, TilePosition, mercator};

/// Units between a line's points above the leaves, at least: a pixel of a 512-pixel tile.
const STEP_MIN: i32 = 8;
/// Points of lines in a tile above the leaves, at most; the longest lines have them first.
const POINTS_PER_TILE_MAX: usize = 20_000;

/// A line's way through one tile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// The line's number.
    pub(super) line: u32,
    /// Counted along the line.
    pub(super) part: u32,
    /// Units from the tile's north-western corner, its far borders among them; two at least.
    pub(super) points: Vec<(u16, u16)>,
}

/// Hands over the pieces of a line that does not cross the antimeridian, each with the tile of a zoom that it lies in, in order along the line.
pub(super) fn cut<E>(
    line: u32,
    first_part: u32,
    places: &[LonLat],
    zoom: u8,
    visit: &mut dyn FnMut(TileCoord, Piece) -> Result<(), E>,
) -> Result<u32, E> {
    let at: Vec<TilePosition> = places
        .iter()
        .map(|&place| mercator::lon_lat_to_tile(place, zoom))
        .collect();
    let last = mercator::tiles_per_side(zoom) - 1;
    let mut open: Option<(TileCoord, Piece)> = None;
    let mut part = first_part;
    for pair in at.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let along = |share: f64| TilePosition {
            x: from.x + share * (to.x - from.x),
            y: from.y + share * (to.y - from.y),
        };
        let mut shares = vec![0.0, 1.0];
        for (start, end) in [(from.x, to.x), (from.y, to.y)] {
            let (low, high) = (start.min(end), start.max(end));
            let borders = (low.floor() as i64 + 1)..(high.ceil() as i64);
            shares.extend(borders.map(|border| (border as f64 - start) / (end - start)));
        }
        shares.sort_unstable_by(f64::total_cmp);
        for piece in shares.windows(2).filter(|piece| piece[1] > piece[0]) {
            let middle = along(f64::midpoint(piece[0], piece[1]));
            let number = |position: f64| (position.max(0.0) as u32).min(last);
            let tile = TileCoord {
                z: zoom,
                x: number(middle.x),
                y: number(middle.y),
            };
            let unit = |position: f64, tile: u32| {
                let units = ((position - f64::from(tile)) * f64::from(EXTENT)).round();
                units.clamp(0.0, f64::from(EXTENT)) as u16
            };
            let [start, end] = [piece[0], piece[1]].map(|share| {
                let TilePosition { x, y } = along(share);
                (unit(x, tile.x), unit(y, tile.y))
            });
            match &mut open {
                Some((own, piece)) if *own == tile => piece.points.push(end),
                _ => {
                    let next = Piece {
                        line,
                        part,
                        points: vec![start, end],
                    };
                    part += 1;
                    if let Some((tile, piece)) = open.replace((tile, next)) {
                        visit(tile, piece)?;
                    }
                }
            }
        }
    }
    if let Some((tile, piece)) = open {
        visit(tile, piece)?;
    }
    Ok(part)
}

/// Pieces of one tile, joined where they meet, without points that nobody can tell apart, and no
/// more than a tile can hold.
pub(super) fn simplified(mut pieces: Vec<Piece>) -> Vec<Piece> {
    pieces.sort_unstable_by_key(|piece| (piece.line, piece.part));
    let mut joined: Vec<Piece> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match joined.last_mut() {
            Some(last) if last.line == piece.line && last.points.last() == piece.points.first() => {
                last.points.extend_from_slice(&piece.points[1..]);
            }
            _ => joined.push(piece),
        }
    }
    let mut points = 0;
    joined.retain_mut(|piece| {
        let end = piece.points.len() - 1;
        let mut last = piece.points[0];
        let far = |a: (u16, u16), b: (u16, u16)| {
            let off = |a: u16, b: u16| (i32::from(a) - i32::from(b)).abs();
            off(a.0, b.0).max(off(a.1, b.1)) >= STEP_MIN
        };
        let mut i = 0;
        piece.points.retain(|&point| {
            let keep = i == 0 || i == end || far(point, last);
            i += 1;
            if keep {
                last = point;
            }
            keep
        });
        piece.points.dedup();
        points += piece.points.len();
        piece.points.len() > 1 && points <= POINTS_PER_TILE_MAX
    });
    joined
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::tiles::PixelPosition;

    fn pieces(places: &[LonLat], zoom: u8) -> Vec<(TileCoord, Piece)> {
        let mut pieces = Vec::new();
        let mut keep = |tile, piece| {
            pieces.push((tile, piece));
            Ok::<_, Infallible>(())
        };
        cut(7, 0, places, zoom, &mut keep).unwrap();
        pieces
    }

    #[test]
    fn a_line_is_cut_where_it_leaves_a_tile_and_both_sides_meet() {
        // From one tile to its eastern neighbour, and a point on the way.
        let tile = TileCoord {
            z: 14,
            x: 8_760,
            y: 5_970,
        };
        let places = [(128.0, 128.0), (192.0, 128.0), (384.0, 128.0)];
        let places = places.map(|(x_px, y_px)| tile.lon_lat_at(PixelPosition { x_px, y_px }));
        let found = pieces(&places, 14);
        let east = TileCoord {
            x: tile.x + 1,
            ..tile
        };
        assert_eq!([found[0].0, found[1].0], [tile, east]);
        assert_eq!(
            found[0].1.points,
            [(2_048, 2_048), (3_072, 2_048), (4_096, 2_048)]
        );
        assert_eq!(found[1].1.points, [(0, 2_048), (2_048, 2_048)]);
        assert_eq!((found[0].1.part, found[1].1.part), (0, 1));
    }

    #[test]
    fn pieces_of_a_line_become_one_again() {
        let piece = |part, points: &[(u16, u16)]| Piece {
            line: 3,
            part,
            points: points.to_vec(),
        };
        let joined = simplified(vec![
            piece(1, &[(2_048, 50), (2_052, 52), (4_000, 90)]),
            piece(0, &[(10, 10), (2_048, 50)]),
            piece(4, &[(7, 7), (7, 7)]),
        ]);
        assert_eq!(joined, [piece(0, &[(10, 10), (2_048, 50), (4_000, 90)])]);
    }

    #[test]
    fn a_line_that_ends_at_the_antimeridian_stays_in_the_last_column() {
        let found = pieces(&[(179.99, 10.0), (180.0, 10.01)].map(LonLat::from), 14);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0.x, (1 << 14) - 1);
        assert_eq!(found[0].1.points.last().unwrap().0, 4_096);
    }
}
