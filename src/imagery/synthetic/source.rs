//! The synthetic world as a source of imagery.

use std::{ops::ControlFlow, thread::available_parallelism};

use bytes::Bytes;

use super::{Spec, World};
use crate::{
    image::{RgbTile, encode_jpeg},
    imagery::{Emit, Fetched, ImageryError, ImagerySource, SourceDescription},
    tiles::{WorkUnit, ZOOM_MAX},
};

/// Credit that every output carries.
pub const ATTRIBUTION: &str = "SYNTHETIC \u{2013} drawn by hvmap, not the real world";

/// Draws tiles instead of fetching them.
pub struct SyntheticSource {
    world: World,
    description: SourceDescription,
}

impl SyntheticSource {
    /// The source that `synthetic:SEED[/STYLE]` names.
    ///
    /// # Errors
    /// When the text names no seed, or a style that does not exist.
    pub fn parse(text: &str) -> Result<Self, ImageryError> {
        let spec: Spec = text.parse()?;
        Ok(Self {
            world: World::new(spec.seed, spec.style),
            description: SourceDescription {
                name: text.to_owned(),
                attribution: ATTRIBUTION.to_owned(),
                terms: None,
                synthetic: true,
                zoom_max: Some(ZOOM_MAX),
            },
        })
    }

    /// The world it draws, which knows where the towers are.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }
}

impl ImagerySource for SyntheticSource {
    fn description(&self) -> &SourceDescription {
        &self.description
    }

    fn concurrent_units(&self) -> usize {
        available_parallelism().map_or(1, usize::from)
    }

    fn fetch(&self, unit: &WorkUnit, emit: &mut Emit<'_>) -> Result<(), ImageryError> {
        let mut encoded = RgbTile::new();
        for tile in unit.tiles() {
            let style = self.world.style_at(tile);
            let fetched = if style.payloads {
                self.world.draw(tile, &mut encoded);
                Fetched::Payload(Bytes::from(encode_jpeg(
                    encoded.as_bytes(),
                    style.jpeg_quality,
                )))
            } else {
                let mut pixels = RgbTile::new();
                self.world.draw(tile, &mut pixels);
                Fetched::Pixels(pixels)
            };
            if emit(tile, fetched) == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }
}
