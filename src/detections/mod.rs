//! Detections: the candidates above a threshold, ranked and placed on the ground.
//!
//! In: a run's ledger. Out: [`Detection`]s tile by tile, streamed; the [`LikelyGrid`], in which a tower
//! is one detection and stands in its line; what of it OpenStreetMap lacks. Never: a clock, chance,
//! or any state of its own. The same ledger gives the same detections, byte for byte.

mod chain;
mod compare;
mod distance;
mod error;
pub(crate) mod grid;
mod label;
mod locate;
mod placeholder;
pub(crate) mod sphere;
#[cfg(test)]
pub(crate) mod testing;

use std::ops::ControlFlow;

pub use chain::{Chains, SPAN_MAX_M, TOWERS_MIN, chain};
pub use compare::{Comparison, MATCH_M, NEAR_LINE_M, OsmStatus};
pub use distance::distance_m;
pub use error::DetectionsError;
pub use grid::{LikelyGrid, LikelyLine, MERGE_M, count_towers};
pub use label::Label;
pub use locate::{Peak, attribution_map, locate};
pub use placeholder::{Placeholders, REPEATS_MIN, SPREAD_M_MIN};

use crate::{
    ledger::{CandidateRow, LedgerError, LedgerReader, Manifest},
    predict::AttributionMap,
    tiles::{LonLat, PixelPosition, TILE_SIZE_PX, TileCoord, mercator},
};

/// A likely tower.
#[derive(Clone, Debug, PartialEq)]
pub struct Detection {
    /// The tile whose image gave the score.
    pub tile: TileCoord,
    /// Counted from 1 within the tile, the strongest peak first.
    pub number: u16,
    /// The model's score, 0 to 1. It ranks; it is not the probability that a tower stands here.
    pub score: f32,
    /// 1 is the best. Of a [`LikelyGrid`]: well-chained ones first. Of a tile: by falling score, among
    /// equals by tile.
    pub rank: u64,
    /// Where the model saw it in the tile, or the tile's centre.
    pub pixel: PixelPosition,
    /// The same on the ground.
    pub at: LonLat,
    /// Radius in metres that holds the tower if the model looked at the right cell of its grid
    /// (half that cell's diagonal), or at the right tile where it gives no grid.
    pub uncertainty_m: f64,
    /// Whether the model said where in the tile the tower stands.
    pub located: bool,
    /// How well it lines up with others, in nats; 0 far from any line.
    pub support: f32,
    /// The number of the probable line it belongs to, counted from 1.
    pub line: Option<u32>,
    /// Its place in that line, counted from 1.
    pub line_position: Option<u32>,
    /// What OpenStreetMap has there, if it was compared.
    pub osm_status: Option<OsmStatus>,
    /// The mapped feature it was matched with, such as `node/123`.
    pub osm_id: Option<Box<str>>,
    /// Metres to that, or to the line nearby.
    pub osm_distance_m: Option<f64>,
    /// What a person said of it.
    pub review: Option<Label>,
}

impl Detection {
    /// Tile and number within the tile, such as `18-140143-95508-1`: unique in a run, and the same
    /// whatever the threshold.
    #[must_use]
    pub fn id(&self) -> String {
        let TileCoord { z, x, y } = self.tile;
        format!("{z}-{x}-{y}-{}", self.number)
    }
}

/// The detections of a run.
pub struct Detections<'a> {
    ledger: &'a LedgerReader,
    manifest: Manifest,
    map: Option<AttributionMap>,
    placeholders: Placeholders,
}

impl<'a> Detections<'a> {
    /// The detections in a ledger. Looks for placeholders at once.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn of(ledger: &'a LedgerReader) -> Result<Self, DetectionsError> {
        let manifest = ledger.manifest()?;
        Ok(Self {
            ledger,
            map: attribution_map(&manifest.model),
            placeholders: Placeholders::find(ledger)?,
            manifest,
        })
    }

    /// The ledger they are read from.
    #[must_use]
    pub fn ledger(&self) -> &'a LedgerReader {
        self.ledger
    }

    /// What the run is.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The contents that were taken for missing imagery.
    #[must_use]
    pub fn placeholders(&self) -> &Placeholders {
        &self.placeholders
    }

    /// Hands over the detections whose score reaches `score_min`, best first, and answers how many
    /// there were. Placeholders are left out, and take no rank.
    ///
    /// # Errors
    /// When the ledger cannot be read, when an attribution grid does not fit the model's map, or
    /// whatever `visit` failed with.
    pub fn for_each<E: From<DetectionsError> + From<LedgerError>>(
        &self,
        score_min: f32,
        mut visit: impl FnMut(&Detection) -> Result<(), E>,
    ) -> Result<u64, E> {
        let mut rank = 0;
        self.ledger.candidates_by_rank(score_min, |candidate| {
            if !self.placeholders.contains(candidate.tile) {
                rank += 1;
                visit(&self.detection(&candidate, rank)?)?;
            }
            Ok::<_, E>(ControlFlow::Continue(()))
        })?;
        Ok(rank)
    }

    /// Hands over every peak of the candidates whose score reaches `score_min`, best first: a tile
    /// that shows several towers gives several. Ranks are those of the tiles.
    pub(crate) fn for_each_peak<E: From<DetectionsError> + From<LedgerError>>(
        &self,
        score_min: f32,
        mut visit: impl FnMut(Detection) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut rank = 0;
        self.ledger.candidates_by_rank(score_min, |candidate| {
            if !self.placeholders.contains(candidate.tile) {
                rank += 1;
                let peaks = self.peaks(&candidate)?;
                for number in 0..peaks.len().max(1) {
                    visit(self.at_peak(&candidate, peaks.get(number).copied(), number, rank))?;
                }
            }
            Ok::<_, E>(ControlFlow::Continue(()))
        })
    }

    /// Hands over every tile that has a score, placeholders left out.
    pub(crate) fn for_each_scored<E: From<LedgerError>>(
        &self,
        mut visit: impl FnMut(TileCoord) -> Result<(), E>,
    ) -> Result<(), E> {
        self.ledger.outcomes(|outcome| {
            for (tile, state) in outcome.iter() {
                if state.score().is_some() && !self.placeholders.contains(tile) {
                    visit(tile)?;
                }
            }
            Ok::<_, E>(ControlFlow::Continue(()))
        })
    }

    fn peaks(&self, candidate: &CandidateRow) -> Result<Vec<Peak>, DetectionsError> {
        match (&candidate.attribution, &self.map) {
            (Some(grid), Some(map)) => locate(candidate.tile, grid, map),
            _ => Ok(Vec::new()),
        }
    }

    /// The detection at a candidate's strongest peak.
    fn detection(&self, candidate: &CandidateRow, rank: u64) -> Result<Detection, DetectionsError> {
        let peak = self.peaks(candidate)?.into_iter().next();
        Ok(self.at_peak(candidate, peak, 0, rank))
    }

    fn at_peak(
        &self,
        candidate: &CandidateRow,
        peak: Option<Peak>,
        number: usize,
        rank: u64,
    ) -> Detection {
        let tile = candidate.tile;
        let located = peak.is_some();
        let half_tile = f64::from(TILE_SIZE_PX) / 2.0;
        let peak = peak.unwrap_or(Peak {
            pixel: PixelPosition::CENTRE,
            radius_px: half_tile.hypot(half_tile),
        });
        let at = tile.lon_lat_at(peak.pixel);
        Detection {
            tile,
            number: number as u16 + 1,
            score: candidate.score,
            rank,
            pixel: peak.pixel,
            at,
            uncertainty_m: peak.radius_px * mercator::metres_per_px(at.lat, tile.z),
            located,
            support: 0.0,
            line: None,
            line_position: None,
            osm_status: None,
            osm_id: None,
            osm_distance_m: None,
            review: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::{testing::TestRun, *};
    use crate::tiles::AttributionGrid;

    fn ranked(run: &TestRun, score_min: f32) -> Vec<Detection> {
        let ledger = run.ledger();
        let detections = Detections::of(&ledger).unwrap();
        let mut all = Vec::new();
        let count = detections
            .for_each(score_min, |detection| {
                all.push(detection.clone());
                Ok::<_, DetectionsError>(())
            })
            .unwrap();
        assert_eq!(count, all.len() as u64);
        all
    }

    #[test]
    fn rank_falls_with_the_score_and_equals_stand_in_tile_order() {
        let mut run = TestRun::default();
        run.add(TileCoord { z: 18, x: 9, y: 5 }, 0.7, 1);
        run.add(TileCoord { z: 18, x: 4, y: 5 }, 0.7, 2);
        run.add(TileCoord { z: 18, x: 7, y: 3 }, 0.9, 3);
        run.add(TileCoord { z: 18, x: 7, y: 4 }, 0.4, 4);
        let ids: Vec<_> = ranked(&run, 0.5)
            .into_iter()
            .map(|d| (d.rank, d.id()))
            .collect();
        assert_eq!(
            ids,
            [
                (1, "18-7-3-1".to_owned()),
                (2, "18-4-5-1".to_owned()),
                (3, "18-9-5-1".to_owned())
            ]
        );
    }

    #[test]
    fn a_candidate_without_a_grid_lies_at_its_tiles_centre() {
        let mut run = TestRun::default();
        let tile = TileCoord {
            z: 18,
            x: 140_143,
            y: 95_508,
        };
        run.add(tile, 0.9, 1);
        let found = ranked(&run, 0.5).remove(0);
        assert!(!found.located);
        assert_eq!(found.at, tile.centre());
        let half_diagonal_m = 181.02 * mercator::metres_per_px(found.at.lat, 18);
        assert!((found.uncertainty_m - half_diagonal_m).abs() < 0.1);
    }

    #[test]
    fn a_candidate_with_a_grid_lies_at_its_peak() {
        let mut run = TestRun::default();
        run.manifest.model.attribution_columns_px = Some(vec![32.0, 96.0, 160.0, 224.0]);
        run.manifest.model.attribution_rows_px = Some(vec![64.0, 192.0]);
        let tile = TileCoord {
            z: 18,
            x: 140_143,
            y: 95_508,
        };
        run.add(tile, 0.9, 1);
        run.candidates[0].attribution = Some(AttributionGrid {
            width: 4,
            height: 2,
            cells: [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 5.0, 1.0]
                .map(f16::from_f32)
                .to_vec(),
        });
        let found = ranked(&run, 0.5).remove(0);
        assert!(found.located);
        let expected = PixelPosition {
            x_px: 160.0,
            y_px: 192.0,
        };
        assert_eq!(found.pixel, expected);
        assert_eq!(found.at, tile.lon_lat_at(expected));
    }

    #[test]
    fn placeholders_take_no_rank() {
        let mut run = TestRun::default();
        for x in 0..20 {
            run.add(
                TileCoord {
                    z: 18,
                    x: x * 100,
                    y: 9,
                },
                0.9,
                7,
            );
        }
        run.add(TileCoord { z: 18, x: 5, y: 5 }, 0.8, 8);
        let found = ranked(&run, 0.5);
        assert_eq!((found.len(), found[0].rank), (1, 1));
        assert_eq!(found[0].id(), "18-5-5-1");
    }
}
