//! Work units and their answers, for the sources' tests.

use std::{collections::BTreeMap, ops::ControlFlow};

use super::{Fetched, ImagerySource};
use crate::tiles::{BlockCoord, TileCoord, VisitReason, WorkUnit};

/// The unit that wants exactly these tiles of one block.
pub(crate) fn unit_of(tiles: &[TileCoord]) -> WorkUnit {
    let block = BlockCoord::of(tiles[0]);
    assert!(tiles.iter().all(|&tile| BlockCoord::of(tile) == block));
    WorkUnit {
        sequence: 0,
        block,
        wanted: tiles
            .iter()
            .map(|&tile| BlockCoord::index_of(tile))
            .collect(),
        reason: VisitReason::Everything,
    }
}

/// Everything that a source has for a unit; checks that each wanted tile came exactly once.
pub(crate) fn collect(source: &dyn ImagerySource, unit: &WorkUnit) -> BTreeMap<TileCoord, Fetched> {
    let mut found = BTreeMap::new();
    source
        .fetch(unit, &mut |tile, fetched| {
            assert!(found.insert(tile, fetched).is_none(), "{tile} came twice");
            ControlFlow::Continue(())
        })
        .unwrap();
    assert!(
        found.keys().copied().eq(unit.tiles()),
        "a wanted tile is missing"
    );
    found
}
