//! Which tiles to look at.

use std::collections::HashSet;

use xxhash_rust::xxh3::xxh3_64;

use crate::tiles::{Cover, TileCoord};

/// Distinct tiles of a cover, each as likely as any other; the same for the same seed.
pub(super) fn draw(cover: &Cover, count: usize, seed: u64) -> Vec<TileCoord> {
    let total = cover.count();
    if total <= count as u64 {
        return cover.iter().collect();
    }
    let mut seen = HashSet::new();
    let mut tiles = Vec::with_capacity(count);
    for draw in 0u64.. {
        if tiles.len() == count {
            break;
        }
        let mut key = [0; 16];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..].copy_from_slice(&draw.to_le_bytes());
        // The high half of the product spreads the hash over the tiles without a division's bias.
        let position = (u128::from(xxh3_64(&key)) * u128::from(total)) >> 64;
        let position = position as u64;
        if seen.insert(position) {
            tiles.extend(cover.nth(position));
        }
    }
    tiles
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(side: u32) -> Cover {
        let tiles = (0..side * side).map(|n| TileCoord {
            z: 18,
            x: n % side,
            y: n / side,
        });
        Cover::from_tiles(tiles).unwrap()
    }

    #[test]
    fn a_seed_draws_distinct_tiles_and_always_the_same() {
        let cover = square(40);
        let tiles = draw(&cover, 20, 1);
        assert_eq!(tiles.iter().collect::<HashSet<_>>().len(), 20);
        assert!(tiles.iter().all(|tile| cover.contains(*tile)));
        assert_eq!(tiles, draw(&cover, 20, 1));
        assert_ne!(tiles, draw(&cover, 20, 2));
    }

    #[test]
    fn a_small_area_is_looked_at_whole() {
        assert_eq!(draw(&square(3), 20, 1).len(), 9);
    }
}
