//! Images for a report, of tiles whose image the run did not keep.

use std::collections::HashMap;

use super::{Notice, Observer, RunError};
use crate::{
    export::ExportRequest,
    image::encode_png,
    imagery::{Fetched, ImagerySource, probe::fetch_one},
    tiles::TileCoord,
};

/// Fetches the images that a report shows and the run did not keep, encoded. Those that cannot be
/// fetched are left out and told.
///
/// # Errors
/// When of the run's imagery and the source one is drawn and the other is not, when the source gives
/// up, and when the ledger cannot be read.
pub fn fetch_chips(
    source: &dyn ImagerySource,
    request: &ExportRequest<'_>,
    observer: &mut dyn Observer,
) -> Result<HashMap<TileCoord, Vec<u8>>, RunError> {
    let (run, own) = (
        &request.detections().manifest().imagery,
        source.description(),
    );
    if own.synthetic != run.synthetic {
        return Err(RunError::ChipsOfOtherKind {
            run: run.name.clone(),
        });
    }
    if own.name != run.name {
        observer.notice(&Notice::ChipsOfOtherImagery {
            chips: own.name.clone(),
            run: run.name.clone(),
        });
    }
    let tiles = request.chips_missing()?;
    let mut images = HashMap::new();
    for &tile in &tiles {
        let image = match fetch_one(source, tile)? {
            Fetched::Payload(bytes) => bytes.to_vec(),
            Fetched::Pixels(pixels) => encode_png(pixels.as_bytes()),
            Fetched::NoImagery | Fetched::Undecodable(_) | Fetched::Failed(_) => continue,
        };
        images.insert(tile, image);
    }
    if images.len() < tiles.len() {
        observer.notice(&Notice::ChipsMissing {
            missing: tiles.len() - images.len(),
            wanted: tiles.len(),
        });
    }
    Ok(images)
}
