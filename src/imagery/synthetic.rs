//! The synthetic world as a source of imagery.

use std::{ops::ControlFlow, thread::available_parallelism};

use bytes::Bytes;

use super::{Emit, Fetched, ImageryError, ImagerySource, SourceDescription};
use crate::{
    image::{RgbTile, encode_jpeg},
    synthetic::{ATTRIBUTION, Spec, SpecError, World},
    tiles::{WorkUnit, ZOOM_MAX},
};

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
        let spec: Spec = text.parse().map_err(|error| ImageryError::InvalidSource {
            origin: text.to_owned(),
            reason: SpecError::to_string(&error),
        })?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tiles::{BlockCoord, TileCoord, TileMask, VisitReason};

    #[test]
    fn the_source_hands_over_each_wanted_tile_once_in_its_styles_form() {
        for (text, payloads) in [
            ("synthetic:1/temperate", false),
            ("synthetic:1/savanna", true),
        ] {
            let source = SyntheticSource::parse(text).unwrap();
            assert!(source.description().synthetic);
            assert!(source.description().attribution.starts_with("SYNTHETIC"));
            let tile = TileCoord {
                z: 18,
                x: 140_143,
                y: 95_379,
            };
            let wanted: TileMask = [3u16, 64, 4_095].into_iter().collect();
            let unit = WorkUnit {
                sequence: 0,
                block: BlockCoord::of(tile),
                wanted,
                reason: VisitReason::Everything,
            };
            let mut given = Vec::new();
            source
                .fetch(&unit, &mut |tile, fetched| {
                    assert_eq!(matches!(fetched, Fetched::Payload(_)), payloads);
                    assert_eq!(matches!(fetched, Fetched::Pixels(_)), !payloads);
                    given.push(tile);
                    ControlFlow::Continue(())
                })
                .unwrap();
            assert_eq!(given, unit.tiles().collect::<Vec<_>>());
            let mut count = 0;
            source
                .fetch(&unit, &mut |_, _| {
                    count += 1;
                    ControlFlow::Break(())
                })
                .unwrap();
            assert_eq!(count, 1, "stops when told");
        }
    }
}
