//! Tiles out of a raster, as a run asks for them.

use std::{ops::ControlFlow, path::Path};

use hvmap::{
    image::RgbTile,
    imagery::{
        Fetched, ImageryError, ImagerySource, SourceOptions,
        raster::{RasterOptions, RasterSource},
    },
    tiles::{BlockCoord, LonLat, TileCoord, VisitReason, WorkUnit, mercator},
};

pub(super) fn unit(tiles: &[TileCoord]) -> WorkUnit {
    WorkUnit {
        sequence: 0,
        block: BlockCoord::of(tiles[0]),
        wanted: tiles
            .iter()
            .map(|tile| BlockCoord::index_of(*tile))
            .collect(),
        reason: VisitReason::Everything,
    }
}

pub(super) fn fetch_all(source: &RasterSource, tiles: &[TileCoord]) -> Vec<(TileCoord, Fetched)> {
    let mut got = Vec::new();
    source
        .fetch(&unit(tiles), &mut |tile, fetched| {
            got.push((tile, fetched));
            ControlFlow::Continue(())
        })
        .unwrap();
    got
}

/// The pixels of a tile; none where there is no imagery.
pub(super) fn fetch(source: &RasterSource, tile: TileCoord) -> Option<RgbTile> {
    match fetch_all(source, &[tile]).remove(0).1 {
        Fetched::Pixels(pixels) => Some(pixels),
        Fetched::NoImagery => None,
        other => panic!("{tile}: {other:?}"),
    }
}

pub(super) fn open_with(path: &Path, raster: RasterOptions) -> Result<RasterSource, ImageryError> {
    let options = SourceOptions {
        raster,
        ..Default::default()
    };
    RasterSource::open(path, &options)
}

pub(super) fn open(path: &Path) -> RasterSource {
    open_with(path, RasterOptions::default()).unwrap()
}

/// The tile of a place, and its neighbours as far as two tiles away.
pub(super) fn around(place: LonLat, zoom: u8) -> Vec<TileCoord> {
    let centre = mercator::tile_at(place, zoom);
    let side = mercator::tiles_per_side(zoom);
    (0..25)
        .map(|n| TileCoord {
            z: zoom,
            x: (centre.x + side + n % 5 - 2) % side,
            y: centre.y + n / 5 - 2,
        })
        .collect()
}

/// Why a file is refused.
pub(super) fn refusal(path: &Path, options: RasterOptions) -> String {
    match open_with(path, options).unwrap_err() {
        ImageryError::InvalidSource { reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}
