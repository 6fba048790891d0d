//! A smooth random field over the tiles: terrain that fools a detector, regions of bad imagery.

use crate::{
    random::{hash, normal_f64, unit_f64},
    tiles::TileCoord,
};

/// Distance between the points at which the field is drawn, in tiles: about the width of its hills.
const WIDTH_TILES: u32 = 60;
/// Values are clipped here, in deviations.
const CLIP: f64 = 3.0;

/// The field's value at a tile: normally distributed with mean 0 and deviation 1, clipped at ±3.
///
/// Value noise: independent normal numbers on a square grid, with smoothstep weights between, which
/// are scaled to unit length so that the deviation is the same everywhere.
pub(super) fn value(seed: u64, tile: TileCoord) -> f64 {
    let along = |at: u32| {
        let fraction = f64::from(at % WIDTH_TILES) / f64::from(WIDTH_TILES);
        (
            at / WIDTH_TILES,
            fraction * fraction * (3.0 - 2.0 * fraction),
        )
    };
    let ((x, east), (y, south)) = (along(tile.x), along(tile.y));
    let (mut sum, mut squares) = (0.0, 0.0);
    for (dx, weight_x) in [(0, 1.0 - east), (1, east)] {
        for (dy, weight_y) in [(0, 1.0 - south), (1, south)] {
            let weight = weight_x * weight_y;
            sum += weight * normal(seed, x + dx, y + dy);
            squares += weight * weight;
        }
    }
    (sum / squares.sqrt()).clamp(-CLIP, CLIP)
}

/// A standard normal number that depends on the seed and the place alone.
fn normal(seed: u64, x: u32, y: u32) -> f64 {
    let key = hash(seed ^ u64::from(y) << 32 ^ u64::from(x));
    normal_f64(unit_f64(hash(key)), unit_f64(hash(key ^ 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_standard_normal_and_change_slowly() {
        let tile = |i: u32| TileCoord {
            z: 18,
            x: i * 97 % 262_144,
            y: i * 7_919 % 262_144,
        };
        let values: Vec<f64> = (0..20_000).map(|i| value(3, tile(i))).collect();
        let mean = values.iter().sum::<f64>() / 20_000.0;
        let square = values.iter().map(|v| v * v).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.05, "{mean}");
        assert!((square - 1.0).abs() < 0.1, "{square}");
        let beside = |t: TileCoord| TileCoord { x: t.x + 1, ..t };
        assert!((0..2_000).all(|i| (value(3, tile(i)) - value(3, beside(tile(i)))).abs() < 0.4));
    }
}
