//! Telling rows that are counted from the wrong end (TMS against XYZ).

use serde::Serialize;

use super::{Finding, Look, ProbedTile, fetch_one, look_at};
use crate::{
    image::{RGB_BYTES, RgbTile},
    imagery::{Fetched, ImageryError, ImagerySource},
    tiles::{TILE_SIZE_PX, TileCoord, mercator},
};

/// Tiles fetched beside the sample, at most.
pub(super) const NEIGHBOURS_MAX: usize = 8;
/// Seams that must have been compared before anything is said.
const SEAMS_MIN: usize = 3;
/// How much better one order's seams must fit than the other's.
const CLEARLY: f64 = 1.5;
/// Share of the sample that must be missing before flipped rows are tried.
const MISSING_MIN: f64 = 0.9;
const ROW_BYTES: usize = TILE_SIZE_PX as usize * 3;

/// What is known of the order of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowOrderFinding {
    /// Neighbours fit together: rows count from the north, as asked for.
    Right,
    /// The tiles of this area are to be had under flipped rows, or neighbours fit the other way
    /// round: rows count from the other end.
    Flipped,
    /// Too few neighbours with anything to compare.
    Unknown,
}

/// Compares seams with southern neighbours; where nearly nothing is there, tries flipped rows.
pub(super) fn judge(
    source: &dyn ImagerySource,
    tiles: &[ProbedTile],
) -> Result<RowOrderFinding, ImageryError> {
    let missing = tiles
        .iter()
        .filter(|tile| tile.finding == Finding::NoImagery)
        .count();
    if !tiles.is_empty() && missing as f64 >= MISSING_MIN * tiles.len() as f64 {
        return flipped_rows_exist(source, tiles);
    }
    let mut fits = Vec::new();
    for tile in tiles
        .iter()
        .filter(|t| t.finding == Finding::Real)
        .take(NEIGHBOURS_MAX)
    {
        let below = TileCoord {
            y: tile.tile.y + 1,
            ..tile.tile
        };
        if below.y >= mercator::tiles_per_side(below.z) {
            continue;
        }
        let (
            Some(upper),
            Look {
                finding: Finding::Real,
                image: Some(lower),
                ..
            },
        ) = (&tile.image, look_at(source, below)?)
        else {
            continue;
        };
        fits.push((misfit(upper, &lower), misfit(&lower, upper)));
    }
    Ok(verdict(&mut fits))
}

fn flipped_rows_exist(
    source: &dyn ImagerySource,
    tiles: &[ProbedTile],
) -> Result<RowOrderFinding, ImageryError> {
    let (mut tried, mut found) = (0, 0);
    for tile in tiles.iter().take(NEIGHBOURS_MAX) {
        let flipped = TileCoord {
            y: tile.tile.tms_y(),
            ..tile.tile
        };
        tried += 1;
        let there = matches!(
            fetch_one(source, flipped)?,
            Fetched::Payload(_) | Fetched::Pixels(_)
        );
        found += usize::from(there);
    }
    // A source of the whole world has tiles there, too, but then the sample was not missing.
    Ok(if 2 * found > tried {
        RowOrderFinding::Flipped
    } else {
        RowOrderFinding::Unknown
    })
}

/// Mean difference between the last row of one image and the first of another, in levels.
fn misfit(upper: &RgbTile, lower: &RgbTile) -> f64 {
    let last = &upper.as_bytes()[RGB_BYTES - ROW_BYTES..];
    let first = &lower.as_bytes()[..ROW_BYTES];
    let sum: u32 = last
        .iter()
        .zip(first)
        .map(|(a, b)| u32::from(a.abs_diff(*b)))
        .sum();
    f64::from(sum) / ROW_BYTES as f64
}

/// From the misfits of each pair of tiles, as asked for and the other way round: medians, so that
/// one border between two photographs decides nothing.
fn verdict(fits: &mut [(f64, f64)]) -> RowOrderFinding {
    if fits.len() < SEAMS_MIN {
        return RowOrderFinding::Unknown;
    }
    let middle = fits.len() / 2;
    fits.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let as_asked = fits[middle].0;
    fits.sort_unstable_by(|a, b| a.1.total_cmp(&b.1));
    let flipped = fits[middle].1;
    if flipped > CLEARLY * as_asked {
        RowOrderFinding::Right
    } else if as_asked > CLEARLY * flipped {
        RowOrderFinding::Flipped
    } else {
        RowOrderFinding::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_whose_seams_fit_is_the_right_one() {
        let fitting = [(3.0, 20.0), (4.0, 18.0), (30.0, 21.0)];
        let turned = fitting.map(|(a, b)| (b, a));
        assert_eq!(verdict(&mut fitting.clone()), RowOrderFinding::Right);
        assert_eq!(verdict(&mut turned.clone()), RowOrderFinding::Flipped);
        assert_eq!(
            verdict(&mut fitting[..2].to_vec()),
            RowOrderFinding::Unknown
        );
        assert_eq!(verdict(&mut [(5.0, 5.5); 4]), RowOrderFinding::Unknown);
    }
}
