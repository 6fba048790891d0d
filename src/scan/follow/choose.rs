//! Which tiles come next: of the track that is worth most, or of the net.

use super::{blocks::index_of, net::Net, pursuit::Pursuit};
use crate::tiles::{BLOCK_SIDE, TileMask, VisitReason};

/// A unit takes the tiles of a block that are worth at least this share of its best.
const SHARE_OF_BEST: f32 = 0.7;
/// While a tile of a track is worth this, the net waits.
const BEFORE_NET: f32 = 0.03;

/// The tiles of the next unit.
pub(super) struct Chosen {
    /// Number of the block.
    pub(super) block: u32,
    pub(super) tiles: TileMask,
    pub(super) reason: VisitReason,
}

/// Chooses at most `tiles_max` tiles of one block and marks them as asked for; nothing if none is
/// worth `stop` towers.
pub(super) fn choose(
    pursuit: &mut Pursuit<'_>,
    net: &mut Net,
    stop: f32,
    tiles_max: usize,
) -> Option<Chosen> {
    loop {
        let best = pursuit.best();
        let worth = best.as_ref().map_or(0.0, |best| best.worth);
        if worth < BEFORE_NET
            && let Some((net_worth, _)) = net.next(&pursuit.belief, worth < stop)
            && net_worth > worth
            && net_worth >= stop
        {
            if let Some((block, tiles)) = net.lay(&mut pursuit.belief, tiles_max)
                && !tiles.is_empty()
            {
                ask(pursuit, block, &tiles);
                return Some(Chosen {
                    block,
                    tiles,
                    reason: VisitReason::Net,
                });
            }
            continue;
        }
        let best = best?;
        if best.worth < stop {
            return None;
        }
        let (x, y) = best.tile;
        let block = pursuit.belief.blocks.block_of(x, y)?;
        let reason = best.kind.reason();
        let worth_min = SHARE_OF_BEST * best.worth;
        let tiles = wishes(pursuit, block, reason, worth_min, tiles_max);
        ask(pursuit, block, &tiles);
        return Some(Chosen {
            block,
            tiles,
            reason,
        });
    }
}

/// The open tiles of a block that tracks wish for with a reason and at least a worth.
fn wishes(
    pursuit: &mut Pursuit<'_>,
    block: u32,
    reason: VisitReason,
    worth_min: f32,
    tiles_max: usize,
) -> TileMask {
    let corner = pursuit.belief.blocks.tile(block, 0);
    let (left, top) = (i64::from(corner.x), i64::from(corner.y));
    let side = i64::from(BLOCK_SIDE);
    let mut wishes: Vec<(f32, u16)> = Vec::new();
    for track in pursuit.queue.wishing(block) {
        if track.kind.reason() != reason {
            continue;
        }
        let predictor = pursuit.belief.predictor(track);
        for cell in &track.cells {
            let (x, y) = cell.tile();
            let inside = (left..left + side).contains(&x) && (top..top + side).contains(&y);
            if cell.open && inside {
                let worth = predictor.worth(cell);
                if worth >= worth_min {
                    wishes.push((worth, index_of(x, y)));
                }
            }
        }
    }
    wishes.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut mask = TileMask::new();
    let mut tiles = 0;
    for (_, index) in wishes {
        if !mask.contains(index) && tiles < tiles_max {
            mask.insert(index);
            tiles += 1;
        }
    }
    mask
}

/// Marks tiles as asked for; tracks that wish for them wait for the answers.
fn ask(pursuit: &mut Pursuit<'_>, block: u32, tiles: &TileMask) {
    for index in tiles.iter() {
        pursuit.belief.blocks.ask(block, index);
        let tile = pursuit.belief.blocks.tile(block, index);
        pursuit.queue.ask(i64::from(tile.x), i64::from(tile.y));
    }
}
