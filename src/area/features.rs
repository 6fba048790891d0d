//! What a file of features holds, before rings are checked and mended.

use geo::{Coord, LineString};

use super::{AreaWarning, RingPosition};

/// What the features of a file are made of, in the order of the file.
#[derive(Default)]
pub(super) struct Features {
    pub pieces: Vec<(RingPosition, Piece)>,
    pub warnings: Vec<AreaWarning>,
}

/// A piece of a feature's geometry, as it was drawn.
pub(super) enum Piece {
    /// The exterior and then the holes.
    Polygon(Vec<LineString<f64>>),
    Line(LineString<f64>),
    Point(Coord<f64>),
}

impl Features {
    /// Adds a piece of a feature, numbered from 1. Features come in rising order.
    pub(super) fn push(&mut self, feature: usize, piece: Piece) {
        let ring = match self.pieces.last() {
            Some((place, last)) if place.feature == feature => {
                place.ring
                    + match last {
                        Piece::Polygon(rings) => rings.len(),
                        Piece::Line(_) | Piece::Point(_) => 1,
                    }
            }
            _ => 1,
        };
        self.pieces.push((RingPosition { feature, ring }, piece));
    }
}
