//! Hits of which it is known where in their tile the tower stands.
//!
//! A tile is as wide as half a span, so a detector that also says where its tower stands tells far
//! more of a line's direction and span than one that does not. What it says may be wrong: drawn
//! lines that disagree lose weight and are not refuted.

use super::{lines::Tower, track::TrackKind};
use crate::{
    random::SplitMix64,
    tiles::{AttributionGrid, BlockOutcome, TileCoord},
};

/// A place in a tile: eastward and southward from its corner, in tiles, 0 to 1.
pub(super) type Spot = (f32, f32);

/// Tells where in a tile the tower stands, by the grid that came with its score: eastward and
/// southward from the tile's corner, in tiles, 0 to 1; nothing if the grid does not tell.
pub type Locate<'a> = dyn Fn(TileCoord, &AttributionGrid) -> Option<(f32, f32)> + Send + 'a;

/// Deviation, in tiles, of a drawn tower from the place where it was then seen, by which lines are
/// weighed against each other: what a drawn line does not know of bends and spans, above all.
const DEVIATION: f32 = 0.3;
/// The weight of a line that disagrees altogether.
const WEIGHT_MIN: f32 = 0.02;
/// A span between two seen towers is taken for the line's own in half of the drawn lines, where it
/// differs from what was believed by less than this; in logarithms.
const SPAN_DIFFERS_MAX: f32 = 0.4;

/// The hits of an outcome of which the place is known: the tile's index, and the place.
pub(super) fn spots(locate: &Locate<'_>, outcome: &BlockOutcome) -> Vec<(u16, Spot)> {
    let of = |index, grid: &AttributionGrid| locate(outcome.block.tile(index), grid);
    outcome
        .candidates
        .iter()
        .filter_map(|candidate| {
            let (x, y) = of(candidate.index, candidate.attribution.as_ref()?)?;
            Some((candidate.index, (x.clamp(0.0, 0.999), y.clamp(0.0, 0.999))))
        })
        .collect()
}

/// What was seen at both ends of a line's next span, in tiles from the corner of the first.
pub(super) struct Seen {
    pub(super) begin: Option<Spot>,
    pub(super) end: Option<Spot>,
}

impl Seen {
    /// How well a drawn tower agrees with the place where the next one was seen: a weight
    /// beside those of the others, 1 for all where that is not known.
    pub(super) fn agrees(&self, tower: &Tower) -> f32 {
        let Some((x, y)) = self.end else {
            return 1.0;
        };
        let (dx, dy) = (tower.x - x, tower.y - y);
        let squared = (dx * dx + dy * dy) / (DEVIATION * DEVIATION);
        (-0.5 * squared).exp() + WEIGHT_MIN
    }

    /// Moves both towers of a drawn span to where they were seen. Returns the span that the line is
    /// built with, by what was believed.
    pub(super) fn correct(
        &self,
        kind: TrackKind,
        begin: &mut Tower,
        end: &mut Tower,
        span: f32,
        random: &mut SplitMix64,
    ) -> f32 {
        if let Some((x, y)) = self.end {
            (end.x, end.y) = (x, y);
        }
        // The line that was found around an end need not pass it.
        if kind == TrackKind::Around {
            return span;
        }
        if let Some((x, y)) = self.begin {
            (begin.x, begin.y) = (x, y);
        }
        if self.begin.is_none() || self.end.is_none() || kind == TrackKind::Far {
            return span;
        }
        let (dx, dy) = (end.x - begin.x, end.y - begin.y);
        end.bearing = dy.atan2(dx);
        let distance = dx.hypot(dy);
        // Towers on the way may have been missed.
        let seen = distance / (distance / span).round().max(1.0);
        if (seen / span).ln().abs() < SPAN_DIFFERS_MAX && random.unit_f32() < 0.5 {
            seen
        } else {
            span
        }
    }
}
