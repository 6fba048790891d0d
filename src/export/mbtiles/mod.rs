//! Vector tiles in MBTiles (<https://github.com/mapbox/mbtiles-spec/blob/master/1.3/spec.md>).
//!
//! Three layers: `towers`, points, all of them at the deepest zoom and the best ranked above;
//! `lines`, the probable lines, coarser and the longest first above; and `scanned`, the area whose tiles were classified, in outlines that coarsen with the zoom.

mod lines;
mod mvt;
mod outline;
mod pyramid;
mod quadtree;
mod sorting;

use std::{collections::BTreeSet, io::Write, ops::ControlFlow};

use flate2::{Compression, write::GzEncoder};
use prost::Message;
use serde_json::json;

use self::{
    mvt::LayerBuilder,
    outline::outlines,
    pyramid::{Content, LEAF_SIDE_MAX, Pyramid, Share, Tower, zooms},
    sorting::{LeafCells, Sorting},
};
use super::{
    ExportError, ExportRequest,
    credits::{NOTE, Provenance, attribution, layer_name},
    geojson::line_parts,
    staged::StagedFile,
    table::{FIELDS, FieldKind, hundredths, tenths},
};
use crate::{
    detections::{LikelyLine, Placeholders},
    mbtiles::{Key, Writer},
    tiles::{BlockOutcome, Bounds, LonLat, TileCoord, TilePosition, mercator},
};

/// Writes the file behind `staged`, and answers how many detections it holds.
pub(super) fn write(request: &ExportRequest<'_>, staged: &StagedFile) -> Result<u64, ExportError> {
    let run_zoom = request.manifest().zoom;
    let (zoom_min, zoom_max) = zooms(run_zoom);
    let sorting = Sorting::create(&staged.partial_path().with_extension("sorting"), zoom_max)?;
    let detections = request.for_each(|detection| sorting.add_tower(request, detection))?;
    for line in super::geojson::lines(request) {
        let mut part = 0;
        for places in line_parts(request, line) {
            part = lines::cut(line.number, part, &places, zoom_max, &mut |leaf, piece| {
                sorting.add_piece(leaf, &piece)
            })?;
        }
    }
    request.detections.ledger().outcomes(|outcome| {
        add_scanned(
            &sorting,
            &outcome,
            zoom_max,
            request.detections.placeholders(),
        )?;
        Ok::<_, ExportError>(ControlFlow::Continue(()))
    })?;

    let writer = Writer::create(staged.partial_path())?;
    let layers = Layers::of(request);
    let mut extent = Extent::default();
    let mut emit = |tile: TileCoord, content: &Content| {
        if tile.z == zoom_max {
            extent.add(tile);
        }
        let bytes = layers
            .encode(content)
            .map_err(|source| staged.error(source))?;
        writer.tile(tile, &bytes)?;
        Ok::<_, ExportError>(())
    };
    let mut pyramid = Pyramid::new(run_zoom);
    sorting.for_each_leaf(|leaf| pyramid.add(leaf, &mut emit))?;
    pyramid.finish(&mut emit)?;

    let view = extent.view(zoom_min, zoom_max);
    for (key, value) in metadata(request, &layers, &view, (zoom_min, zoom_max)) {
        writer.metadata(key, &value)?;
    }
    writer.finish()?;
    Ok(detections)
}

/// Adds a unit's scored tiles, except for placeholders, to the leaves that hold them.
fn add_scanned(
    sorting: &Sorting,
    outcome: &BlockOutcome,
    leaf_zoom: u8,
    placeholders: &Placeholders,
) -> Result<(), ExportError> {
    let depth = outcome.block.z - leaf_zoom;
    let leaf_side = 1u32 << depth;
    let scored = outcome
        .iter()
        .filter(|&(tile, state)| state.score().is_some() && !placeholders.contains(tile))
        .map(|(tile, _)| tile);
    let mut leaves: Vec<(TileCoord, LeafCells)> = Vec::new();
    for tile in scored {
        let leaf = TileCoord {
            z: leaf_zoom,
            x: tile.x >> depth,
            y: tile.y >> depth,
        };
        // A unit touches 16 leaves at most, and mostly the one it touched last.
        let at = leaves
            .iter()
            .rposition(|(known, _)| *known == leaf)
            .unwrap_or_else(|| {
                leaves.push((leaf, [0; LEAF_SIDE_MAX]));
                leaves.len() - 1
            });
        leaves[at].1[(tile.y % leaf_side) as usize] |= 1 << (tile.x % leaf_side);
    }
    leaves
        .iter()
        .try_for_each(|(leaf, cells)| sorting.add_scanned(*leaf, outcome.sequence, cells))
}

/// The names of the layers.
struct Layers<'a> {
    towers: String,
    lines: String,
    scanned: String,
    /// In the order of their numbers.
    likely_lines: &'a [LikelyLine],
}

impl<'a> Layers<'a> {
    fn of(request: &'a ExportRequest<'_>) -> Self {
        let name = |layer| layer_name(request.manifest(), layer);
        Self {
            towers: name("towers"),
            lines: name("lines"),
            scanned: name("scanned"),
            likely_lines: request.grid().lines(),
        }
    }

    /// A vector tile, compressed. The gzip header holds no time.
    fn encode(&self, content: &Content) -> std::io::Result<Vec<u8>> {
        let mut scanned = LayerBuilder::new(&self.scanned);
        for (share, name) in [(Share::Full, "full"), (Share::Part, "part")] {
            let grid = &content.scanned;
            let filled = |x, y| grid.share(x, y) == share;
            let rings = outlines(grid.side(), filled, grid.units_per_cell());
            if !rings.is_empty() {
                scanned.polygons(&rings, &[("share", name.into())]);
            }
        }
        let mut towers = LayerBuilder::new(&self.towers);
        for tower in &content.towers {
            towers.point(tower.rank, tower.position, &properties(tower)?);
        }
        let mut lines = LayerBuilder::new(&self.lines);
        for pieces in content.lines.chunk_by(|a, b| a.line == b.line) {
            let line = &self.likely_lines[pieces[0].line as usize - 1];
            let ways = pieces.iter().map(|piece| piece.points.as_slice());
            lines.lines(line.number.into(), ways, &line_properties(line));
        }
        let layers = [scanned, lines, towers]
            .into_iter()
            .filter_map(LayerBuilder::finish);
        let tile = mvt::Tile {
            layers: layers.collect(),
        };
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&tile.encode_to_vec())?;
        gzip.finish()
    }

    /// The `vector_layers` that the specification wants for tiles of format `pbf`.
    fn described(&self, zoom_min: u8, zoom_max: u8) -> serde_json::Value {
        json!([
            {
                "id": self.towers,
                "description": "likely towers: hints to verify",
                "minzoom": zoom_min,
                "maxzoom": zoom_max,
                "fields": described_fields(),
            },
            {
                "id": self.lines,
                "description": "probable lines: hints to verify",
                "minzoom": zoom_min,
                "maxzoom": zoom_max,
                "fields": {
                    "line": "Number", "towers": "Number", "length_m": "Number",
                    "confidence": "Number",
                },
            },
            {
                "id": self.scanned,
                "description": "area whose tiles were classified",
                "minzoom": zoom_min,
                "maxzoom": zoom_max,
                "fields": { "share": "String" },
            },
        ])
    }
}

/// The fields of a detection that go into vector tiles: what `desc` says stands in the others, and
/// would make up most of a tile.
fn fields() -> impl Iterator<Item = (usize, &'static str, FieldKind)> {
    let numbered = FIELDS.iter().enumerate();
    numbered
        .map(|(i, &(name, kind))| (i, name, kind))
        .filter(|&(_, name, _)| name != "desc")
}

fn described_fields() -> serde_json::Value {
    let described = fields().map(|(_, name, kind)| {
        let kind = match kind {
            FieldKind::Text => "String",
            FieldKind::Whole | FieldKind::Real => "Number",
            FieldKind::Flag => "Boolean",
        };
        (name.to_owned(), kind.into())
    });
    serde_json::Value::Object(described.collect())
}

fn properties(tower: &Tower) -> std::io::Result<Vec<(&'static str, mvt::Value)>> {
    let values: Vec<Option<serde_json::Value>> = serde_json::from_slice(&tower.values)?;
    let value = |i: usize| Some(mvt::Value::from(values.get(i)?.as_ref()?));
    Ok(fields()
        .filter_map(|(i, name, _)| Some((name, value(i)?)))
        .collect())
}

fn line_properties(line: &LikelyLine) -> [(&'static str, mvt::Value); 4] {
    [
        ("line", u64::from(line.number).into()),
        ("towers", (line.towers.len() as u64).into()),
        ("length_m", tenths(line.length_m).into()),
        ("confidence", hundredths(line.confidence).into()),
    ]
}

fn metadata(
    request: &ExportRequest<'_>,
    layers: &Layers<'_>,
    view: &View,
    (zoom_min, zoom_max): (u8, u8),
) -> Vec<(Key, String)> {
    let manifest = request.manifest();
    let json = json!({
        "vector_layers": layers.described(zoom_min, zoom_max),
        "hvmap": Provenance::of(request),
    });
    let Bounds {
        west,
        south,
        east,
        north,
    } = view.bounds;
    let (LonLat { lon, lat }, zoom) = (view.centre, view.centre_zoom);
    vec![
        (Key::Name, layer_name(manifest, "towers")),
        (Key::Format, "pbf".to_owned()),
        (
            Key::Bounds,
            format!("{west:.6},{south:.6},{east:.6},{north:.6}"),
        ),
        (Key::Center, format!("{lon:.6},{lat:.6},{zoom}")),
        (Key::ZoomMin, zoom_min.to_string()),
        (Key::ZoomMax, zoom_max.to_string()),
        (Key::Attribution, attribution(request)),
        (Key::Description, NOTE.to_owned()),
        (Key::Type, "overlay".to_owned()),
        (Key::Json, json.to_string()),
    ]
}

/// Which leaves are there.
#[derive(Default)]
struct Extent {
    zoom: u8,
    columns: BTreeSet<u32>,
    rows: Option<(u32, u32)>,
}

/// What a viewer should show first.
struct View {
    /// Never across the antimeridian, since the format cannot say so: the whole width then.
    bounds: Bounds,
    centre: LonLat,
    centre_zoom: u8,
}

impl Extent {
    fn add(&mut self, leaf: TileCoord) {
        self.zoom = leaf.z;
        self.columns.insert(leaf.x);
        let (first, last) = self.rows.unwrap_or((leaf.y, leaf.y));
        self.rows = Some((first.min(leaf.y), last.max(leaf.y)));
    }

    fn view(&self, zoom_min: u8, zoom_max: u8) -> View {
        let side = mercator::tiles_per_side(self.zoom);
        let (start, width) = self.arc().unwrap_or((0, side));
        let (top, bottom) = self
            .rows
            .map_or((0, side), |(first, last)| (first, last + 1));
        let (start, end) = (f64::from(start), f64::from(start) + f64::from(width));
        let (top, bottom) = (f64::from(top), f64::from(bottom));
        let place = |x, y| mercator::tile_to_lon_lat(TilePosition { x, y }, self.zoom);
        let (north_west, south_east) = (place(start, top), place(end, bottom));
        let (mut west, mut east) = (north_west.lon, south_east.lon);
        let mut centre = place(f64::midpoint(start, end), f64::midpoint(top, bottom));
        if centre.lon >= 180.0 {
            centre.lon -= 360.0;
        }
        if east > 180.0 {
            (west, east) = (-180.0, 180.0);
        }
        // The deepest zoom at which the extent is no larger than one tile.
        let tiles_across = (end - start).max(bottom - top).log2().ceil() as u8;
        let zoom = self
            .zoom
            .saturating_sub(tiles_across)
            .clamp(zoom_min, zoom_max);
        View {
            bounds: Bounds {
                west,
                south: south_east.lat,
                east,
                north: north_west.lat,
            },
            centre,
            centre_zoom: zoom,
        }
    }

    /// The shortest arc around the world that holds all columns: its first column and how many.
    fn arc(&self) -> Option<(u32, u32)> {
        let side = mercator::tiles_per_side(self.zoom);
        let (first, last) = (*self.columns.first()?, *self.columns.last()?);
        // The widest gap between neighbours; the one across the antimeridian wins where equal.
        let mut widest = (first + side - last, first);
        for (&west, &east) in self.columns.iter().zip(self.columns.iter().skip(1)) {
            if east - west > widest.0 {
                widest = (east - west, east);
            }
        }
        Some((widest.1, side - widest.0 + 1))
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs, io::Read, path::Path};

    use flate2::read::GzDecoder;
    use proptest::prelude::*;
    use rusqlite::Connection;

    use super::{mvt::EXTENT, *};
    use crate::{
        detections::testing::TestRun,
        export::{Format, IfExists},
        tiles::{PixelPosition, TileOutcome},
    };

    struct Written {
        metadata: BTreeMap<String, String>,
        tiles: BTreeMap<TileCoord, mvt::Tile>,
        bytes: Vec<u8>,
    }

    fn written(run: &TestRun) -> Written {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("towers.mbtiles");
        let ledger = run.ledger();
        let request = ExportRequest::new(&ledger, 0.5).unwrap();
        super::super::write(Format::Mbtiles, &request, &path, IfExists::Refuse).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "leftovers");
        read(&path)
    }

    fn read(path: &Path) -> Written {
        let connection = Connection::open(path).unwrap();
        let mut metadata = connection
            .prepare("SELECT name, value FROM metadata")
            .unwrap();
        let metadata = metadata
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        let mut rows = connection
            .prepare("SELECT zoom_level, tile_column, tile_row, tile_data FROM tiles")
            .unwrap();
        let tiles = rows.query_map([], |row| {
            let z: u8 = row.get(0)?;
            let y = mercator::tiles_per_side(z) - 1 - row.get::<_, u32>(2)?;
            let mut bytes = Vec::new();
            GzDecoder::new(row.get_ref(3)?.as_blob()?)
                .read_to_end(&mut bytes)
                .unwrap();
            let tile = TileCoord {
                z,
                x: row.get(1)?,
                y,
            };
            Ok((tile, mvt::Tile::decode(bytes.as_slice()).unwrap()))
        });
        Written {
            metadata: metadata.map(Result::unwrap).collect(),
            tiles: tiles.unwrap().map(Result::unwrap).collect(),
            bytes: fs::read(path).unwrap(),
        }
    }

    /// Longitude and latitude of a layer's points.
    fn points(tile: TileCoord, layer: &mvt::Layer) -> Vec<LonLat> {
        let unzigzag = |word: u32| f64::from((word >> 1) as i32 ^ -((word & 1) as i32));
        let per_unit = 256.0 / f64::from(EXTENT);
        layer
            .features
            .iter()
            .map(|feature| {
                assert_eq!(feature.geometry[0], 9);
                let [x, y] = [feature.geometry[1], feature.geometry[2]].map(unzigzag);
                tile.lon_lat_at(PixelPosition {
                    x_px: x * per_unit,
                    y_px: y * per_unit,
                })
            })
            .collect()
    }

    #[test]
    fn the_metadata_names_everything_the_specification_wants() {
        let mut run = TestRun::default();
        run.add(
            TileCoord {
                z: 18,
                x: 140_143,
                y: 95_508,
            },
            0.9,
            1,
        );
        let metadata = written(&run).metadata;
        let lines: Vec<String> = metadata.iter().map(|(k, v)| format!("{k}: {v}")).collect();
        insta::assert_snapshot!(
            lines
                .join("\n")
                .replace(env!("CARGO_PKG_VERSION"), "VERSION")
        );
        let json: serde_json::Value = serde_json::from_str(&metadata["json"]).unwrap();
        assert_eq!(json["vector_layers"][0]["id"], "towers");
    }

    #[test]
    fn drawn_imagery_marks_every_layer() {
        let mut run = TestRun::default();
        run.manifest.imagery.synthetic = true;
        run.add(
            TileCoord {
                z: 18,
                x: 140_143,
                y: 95_508,
            },
            0.9,
            1,
        );
        let written = written(&run);
        for layer in written.tiles.values().flat_map(|tile| &tile.layers) {
            assert!(layer.name.starts_with("SYNTHETIC "), "{}", layer.name);
        }
        assert!(written.metadata["name"].starts_with("SYNTHETIC "));
    }

    #[test]
    fn an_export_of_nothing_has_no_tiles_and_the_worlds_bounds() {
        let written = written(&TestRun::default());
        assert!(written.tiles.is_empty());
        assert_eq!(
            written.metadata["bounds"],
            "-180.000000,-85.051129,180.000000,85.051129"
        );
    }

    #[test]
    fn across_the_antimeridian_the_centre_lies_between_the_towers() {
        let mut run = TestRun::default();
        let last = (1 << 18) - 1;
        run.add(
            TileCoord {
                z: 18,
                x: last,
                y: 140_000,
            },
            0.9,
            1,
        );
        run.add(
            TileCoord {
                z: 18,
                x: 0,
                y: 140_000,
            },
            0.8,
            2,
        );
        let metadata = written(&run).metadata;
        assert!(
            metadata["bounds"].starts_with("-180.000000,-12"),
            "{}",
            metadata["bounds"]
        );
        assert!(
            metadata["center"].starts_with("-180.000000,-12"),
            "{}",
            metadata["center"]
        );
    }

    #[test]
    fn the_same_run_gives_the_same_bytes() {
        let mut run = TestRun::default();
        for i in 0..500 {
            let tile = TileCoord {
                z: 18,
                x: 140_000 + 37 * i % 101,
                y: 95_500 + i % 17,
            };
            run.add(tile, 0.5 + (i % 50) as f32 / 100.0, i.into());
        }
        run.candidates.dedup_by_key(|candidate| candidate.tile);
        assert!(written(&run).bytes == written(&run).bytes);
    }

    #[test]
    fn scanned_tiles_without_a_score_are_not_shown_as_scanned() {
        let mut run = TestRun::default();
        let tile = |x| TileCoord {
            z: 18,
            x,
            y: 95_520,
        };
        run.others.push((tile(140_160), TileOutcome::Scored(0.01)));
        run.others.push((tile(140_161), TileOutcome::NoImagery));
        run.others.push((tile(140_162), TileOutcome::FetchFailed));
        let tiles = written(&run).tiles;
        let layer = &tiles[&TileCoord {
            z: 14,
            x: 8_760,
            y: 5_970,
        }]
            .layers[0];
        assert_eq!(layer.name, "scanned");
        // One of 16 cells a side, 256 units: MoveTo (0, 0), LineTo three corners, ClosePath.
        assert_eq!(layer.features.len(), 1);
        assert_eq!(
            layer.features[0].geometry,
            [9, 0, 0, 26, 512, 0, 0, 512, 511, 0, 15]
        );
    }

    #[test]
    fn every_zoom_from_the_worlds_to_the_deepest_can_be_exported() {
        for z in 0..=crate::tiles::ZOOM_MAX {
            let mut run = TestRun::default();
            run.manifest.zoom = z;
            let last = mercator::tiles_per_side(z) - 1;
            run.add(
                TileCoord {
                    z,
                    x: last,
                    y: last / 2,
                },
                0.9,
                1,
            );
            let written = written(&run);
            let (zoom_min, zoom_max) = zooms(z);
            assert_eq!(
                written.tiles.len(),
                usize::from(zoom_max - zoom_min) + 1,
                "zoom {z}"
            );
            assert!(
                written.tiles.values().all(|tile| tile.layers.len() == 2),
                "zoom {z}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn points_decode_to_their_places_within_a_unit(
            places in proptest::collection::btree_set((0u32..1 << 18, 20_000u32..240_000), 1..40)
        ) {
            let mut run = TestRun::default();
            for (i, &(x, y)) in places.iter().enumerate() {
                run.add(TileCoord { z: 18, x, y }, 0.5 + i as f32 / 100.0, i as u64);
            }
            let written = written(&run);
            for zoom in 4..=14u8 {
                let mut expected: Vec<_> =
                    run.candidates.iter().map(|found| found.tile.centre()).collect();
                let unit = 360.0 / f64::from(EXTENT << zoom);
                for (&tile, content) in written.tiles.iter().filter(|(tile, _)| tile.z == zoom) {
                    let towers = content.layers.iter().filter(|layer| layer.name == "towers");
                    for LonLat { lon, lat } in towers.flat_map(|layer| points(tile, layer)) {
                        let near = expected.iter().position(|place| {
                            (place.lon - lon).abs() <= unit && (place.lat - lat).abs() <= unit
                        });
                        prop_assert!(near.is_some(), "zoom {zoom}: nothing at {lon}, {lat}");
                        expected.swap_remove(near.unwrap());
                    }
                }
                prop_assert!(expected.is_empty(), "zoom {zoom}: {expected:?} missing");
            }
        }
    }
}
