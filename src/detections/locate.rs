//! Where in a tile the model looked.
//!
//! A cell of the attribution grid is 16 or 32 pixels wide, but the margin spreads over its
//! neighbours: the vertex of the parabola through the highest cell and its two neighbours, along
//! each axis, tells the place within the cell.

use super::DetectionsError;
use crate::{
    ledger::ModelRecord,
    predict::AttributionMap,
    tiles::{AttributionGrid, PixelPosition, TILE_SIZE_PX, TileCoord},
};

/// A place in a tile that made the score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Peak {
    pub pixel: PixelPosition,
    /// Half the diagonal of the grid cell around it, in pixels.
    pub radius_px: f64,
}

/// Towers that are told apart in one tile, at most.
const PEAKS_MAX: usize = 4;
/// A further peak reaches this share of the highest,
const FURTHER_SHARE_MIN: f64 = 0.6;
/// lies this far from the others, in pixels (29 m at zoom 18 on the equator),
const FURTHER_PX_MIN: f64 = 48.0;
/// and the margin between them sinks to this share of it.
const VALLEY_SHARE_MAX: f64 = 0.5;

/// Which pixels the cells of a model's attribution grids stand for, if it has any.
#[must_use]
pub fn attribution_map(model: &ModelRecord) -> Option<AttributionMap> {
    Some(AttributionMap {
        columns_px: model.attribution_columns_px.clone()?,
        rows_px: model.attribution_rows_px.clone()?,
    })
}

/// The peaks of a tile's attribution grid, the strongest first; none where the grid holds no
/// number. A further peak counts where a valley parts it from the stronger ones.
///
/// # Errors
/// When the grid has other sides than the model's map.
pub fn locate(
    tile: TileCoord,
    grid: &AttributionGrid,
    map: &AttributionMap,
) -> Result<Vec<Peak>, DetectionsError> {
    let (width, height) = (map.columns_px.len(), map.rows_px.len());
    let (got_width, got_height) = (usize::from(grid.width), usize::from(grid.height));
    if (got_width, got_height) != (width, height) || grid.cells.len() != width * height {
        return Err(DetectionsError::GridMismatch {
            tile,
            got_width,
            got_height,
            expected_width: width,
            expected_height: height,
        });
    }
    let value = |column: usize, row: usize| f64::from(grid.cells[row * width + column]);
    let finite = (0..width * height).filter(|&i| grid.cells[i].is_finite());
    // Of equal cells the first in reading order wins, so that the answer is always the same.
    let Some(highest) = finite.reduce(|best, i| {
        if grid.cells[i] > grid.cells[best] {
            i
        } else {
            best
        }
    }) else {
        return Ok(Vec::new());
    };
    let peak = |cell: usize| {
        let (column, row) = (cell % width, cell / width);
        let (x_px, half_width) = along(&map.columns_px, column, |i| value(i, row));
        let (y_px, half_height) = along(&map.rows_px, row, |i| value(column, i));
        Peak {
            pixel: PixelPosition { x_px, y_px },
            radius_px: half_width.hypot(half_height),
        }
    };
    let at = |cell: usize| value(cell % width, cell / width);
    let mut further: Vec<usize> = (0..width * height)
        .filter(|&cell| cell != highest && at(highest) > 0.0)
        .filter(|&cell| at(cell) >= FURTHER_SHARE_MIN * at(highest))
        .filter(|&cell| is_summit(cell, width, height, at))
        .collect();
    further.sort_by(|&a, &b| at(b).total_cmp(&at(a)).then(a.cmp(&b)));
    let mut cells = vec![highest];
    for cell in further {
        let apart = cells.iter().all(|&known| {
            let [a, b] = [known, cell].map(|cell| peak(cell).pixel);
            (a.x_px - b.x_px).hypot(a.y_px - b.y_px) >= FURTHER_PX_MIN
                && valley(known, cell, width, at) <= VALLEY_SHARE_MAX * at(cell)
        });
        if apart && cells.len() < PEAKS_MAX {
            cells.push(cell);
        }
    }
    Ok(cells.into_iter().map(peak).collect())
}

/// Whether no neighbour is higher; of equal neighbours the first in reading order is the summit.
fn is_summit(cell: usize, width: usize, height: usize, at: impl Fn(usize) -> f64) -> bool {
    let (x, y) = (cell % width, cell / width);
    let columns = x.saturating_sub(1)..=(x + 1).min(width - 1);
    let mut rows = y.saturating_sub(1)..=(y + 1).min(height - 1);
    rows.all(|row| {
        columns.clone().all(|column| {
            let other = row * width + column;
            other == cell || at(other) < at(cell) || (at(other) == at(cell) && other > cell)
        })
    })
}

/// The lowest cell on the straight way between two.
fn valley(from: usize, to: usize, width: usize, at: impl Fn(usize) -> f64) -> f64 {
    let place = |cell: usize| ((cell % width) as f64, (cell / width) as f64);
    let ((x0, y0), (x1, y1)) = (place(from), place(to));
    let steps = (x1 - x0).abs().max((y1 - y0).abs()) as usize;
    let on_way = (0..=steps).map(|step| {
        let share = step as f64 / steps.max(1) as f64;
        let (x, y) = (x0 + share * (x1 - x0), y0 + share * (y1 - y0));
        at(y.round() as usize * width + x.round() as usize)
    });
    on_way.fold(f64::INFINITY, f64::min)
}

/// The peak along one axis around the highest cell, and half that cell's extent, both in pixels.
fn along(centres_px: &[f32], highest: usize, value: impl Fn(usize) -> f64) -> (f64, f64) {
    let centre = |i: usize| f64::from(centres_px[i]);
    let last = centres_px.len() - 1;
    let side = f64::from(TILE_SIZE_PX);
    let here = centre(highest);
    let low = if highest == 0 {
        0.0
    } else {
        f64::midpoint(centre(highest - 1), here)
    };
    let high = if highest == last {
        side
    } else {
        f64::midpoint(here, centre(highest + 1))
    };
    let at_edge = highest == 0 || highest == last;
    let place = if at_edge {
        // One neighbour alone does not tell on which side the margin falls off.
        here
    } else {
        let before = (
            here - centre(highest - 1),
            value(highest) - value(highest - 1),
        );
        let after = (
            here - centre(highest + 1),
            value(highest) - value(highest + 1),
        );
        vertex_offset(before, after).map_or(here, |offset| here + offset)
    };
    (
        place.clamp(low.max(0.0), high.min(side)),
        (high - low) / 2.0,
    )
}

/// Offset of a parabola's vertex from its middle point, given how far that point lies from its
/// neighbours in place and in value: (distance, drop) to each. `None` where it is flat.
fn vertex_offset(before: (f64, f64), after: (f64, f64)) -> Option<f64> {
    let numerator = before.0 * before.0 * after.1 - after.0 * after.0 * before.1;
    let denominator = before.0 * after.1 - after.0 * before.1;
    let offset = -numerator / (2.0 * denominator);
    offset.is_finite().then_some(offset)
}

#[cfg(test)]
mod tests {
    use half::f16;
    use proptest::prelude::*;

    use super::*;

    const TILE: TileCoord = TileCoord { z: 18, x: 1, y: 1 };

    fn grid(width: u16, height: u16, value: impl Fn(usize, usize) -> f32) -> AttributionGrid {
        let cells = (0..usize::from(height))
            .flat_map(|y| (0..usize::from(width)).map(move |x| (x, y)))
            .map(|(x, y)| f16::from_f32(value(x, y)))
            .collect();
        AttributionGrid {
            width,
            height,
            cells,
        }
    }

    fn map(side: usize) -> AttributionMap {
        let pitch = 256.0 / side as f32;
        let centres: Vec<f32> = (0..side).map(|i| (i as f32 + 0.5) * pitch).collect();
        AttributionMap {
            columns_px: centres.clone(),
            rows_px: centres,
        }
    }

    #[test]
    fn cells_off_their_stride_centres_are_placed_where_the_map_says() {
        let mut map = map(4);
        map.columns_px = vec![27.0, 59.0, 91.0, 123.0];
        let peak = locate(TILE, &grid(4, 4, |x, y| f32::from(x == 1 && y == 2)), &map).unwrap()[0];
        assert_eq!((peak.pixel.x_px, peak.pixel.y_px), (59.0, 160.0));
    }

    #[test]
    fn a_grid_of_another_size_is_refused() {
        let error = locate(TILE, &grid(8, 8, |_, _| 0.0), &map(16)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the attribution grid of tile 18/1/1 does not fit the model's pixel map (got 8 × 8 \
             cells, expected 16 × 16)"
        );
    }

    #[test]
    fn a_grid_without_numbers_locates_nothing() {
        assert!(
            locate(TILE, &grid(4, 4, |_, _| f32::NAN), &map(4))
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn one_cell_means_the_middle_of_the_tile() {
        let peak = locate(TILE, &grid(1, 1, |_, _| 3.0), &map(1)).unwrap()[0];
        assert_eq!(peak.pixel, PixelPosition::CENTRE);
        assert!((peak.radius_px - 181.02).abs() < 0.01);
    }

    proptest! {
        #[test]
        fn a_smooth_bump_is_found_within_a_fifth_of_a_cell(x in 24.0f32..232.0, y in 24.0f32..232.0) {
            // Spread like a stride-16 network's response: a Gaussian of about one cell.
            let bump = grid(16, 16, |column, row| {
                let (dx, dy) = ((column as f32 + 0.5) * 16.0 - x, (row as f32 + 0.5) * 16.0 - y);
                8.0 * (-(dx * dx + dy * dy) / (2.0 * 16.0 * 16.0)).exp() - 0.5
            });
            let peak = locate(TILE, &bump, &map(16)).unwrap()[0].pixel;
            prop_assert!((peak.x_px - f64::from(x)).abs() < 3.2, "{} for {x}", peak.x_px);
            prop_assert!((peak.y_px - f64::from(y)).abs() < 3.2, "{} for {y}", peak.y_px);
        }

        #[test]
        fn a_peak_never_leaves_its_tile(cells in proptest::collection::vec(-9.0f32..9.0, 16)) {
            let peak = locate(TILE, &grid(4, 4, |x, y| cells[y * 4 + x]), &map(4)).unwrap()[0].pixel;
            prop_assert!((0.0..=256.0).contains(&peak.x_px) && (0.0..=256.0).contains(&peak.y_px));
        }
    }
}
