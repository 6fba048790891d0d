//! What people said of hints: accepted or rejected.
//!
//! In: CSV with a header, or a GeoJSON FeatureCollection, gzipped or not. Each row or feature has a
//! `label` and names its hint by `id`, as every export writes it, or by its place: `lon` and `lat`,
//! or the feature's point. Out: [`Reviewed`], and the labels put on a grid's hints. Of several
//! labels of one hint the last counts, so that labels may be appended to a file.

use std::{
    collections::HashMap,
    io::{self, Read},
    path::{Path, PathBuf},
};

use geojson::{Feature, GeometryValue, feature::Id};
use rstar::{RTree, primitives::GeomWithData};
use serde::Serialize;
use serde_json::Value;

use crate::{
    detections::{Label, LikelyGrid, MERGE_M, sphere::on_sphere},
    osm::{self, OsmError},
    tiles::LonLat,
};

/// Labels that leave it open.
const UNDECIDED: [&str; 5] = ["", "unsure", "skipped", "bad imagery", "bad_imagery"];
/// What a spreadsheet may put between the columns, and none of their names holds.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];
/// Before the names of tags in JOSM, which hvmap's layer for it has.
const TAG_PREFIX: &str = "hvmap:";

/// A file's labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reviewed {
    /// In the order of the file.
    labels: Vec<Labelled>,
    undecided: u64,
}

#[derive(Clone, Debug, PartialEq)]
struct Labelled {
    label: Label,
    id: Option<Box<str>>,
    place: Option<LonLat>,
}

/// What became of the labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReviewCounts {
    /// Hints of the grid.
    pub accepted: u64,
    pub rejected: u64,
    /// Labels of places where the grid has no hint.
    pub elsewhere: u64,
    /// Rows whose label leaves it open, or is empty.
    pub undecided: u64,
}

impl ReviewCounts {
    #[must_use]
    pub fn decided(&self) -> u64 {
        self.accepted + self.rejected
    }
}

/// Trouble with a file of labels.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReviewedError {
    #[error(transparent)]
    File(#[from] OsmError),
    #[error("{} could not be read", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is no CSV with a header", path.display())]
    Csv {
        path: PathBuf,
        #[source]
        source: csv::Error,
    },
    #[error(
        "{} has no column {missing} (got the columns {got}; expected label, and id or lon and lat)",
        path.display()
    )]
    NoColumn {
        path: PathBuf,
        missing: &'static str,
        got: String,
    },
    #[error(
        "{at} of {} has the label {got:?} (expected accepted or rejected, or, where it is open, \
         unsure, skipped, bad imagery or nothing)",
        path.display()
    )]
    UnknownLabel {
        path: PathBuf,
        at: String,
        got: String,
    },
    #[error(
        "{at} of {} names no hint (expected its id, or its longitude and latitude in degrees)",
        path.display()
    )]
    Nameless { path: PathBuf, at: String },
    #[error("{} holds no label (rows that leave it open: {undecided})", path.display())]
    Empty { path: PathBuf, undecided: u64 },
}

/// Reads a file of labels.
///
/// ```
/// use hvmap::{
///     detections::Label,
///     evaluation::{ReviewedError, read_reviewed},
///     tiles::LonLat,
/// };
///
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("reviewed.csv");
/// std::fs::write(&path, "lon,lat,label\n12.45,43.94,accepted\n12.46,43.95,unsure\n")?;
/// let reviewed = read_reviewed(&path)?;
/// let decided: Vec<_> = reviewed.places().collect();
/// let place = LonLat { lon: 12.45, lat: 43.94 };
/// assert_eq!(decided, [(Label::Accepted, place)]);
///
/// std::fs::write(&path, "id,label\n18-140143-95508-1,perhaps\n")?;
/// let error = read_reviewed(&path).unwrap_err();
/// assert!(matches!(error, ReviewedError::UnknownLabel { .. }));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// When the file cannot be read, is neither CSV nor GeoJSON, has a label that is none or a row
/// that names no hint, or holds no decision at all.
pub fn read_reviewed(path: &Path) -> Result<Reviewed, ReviewedError> {
    let failed = |source| ReviewedError::Read {
        path: path.to_owned(),
        source,
    };
    let (mut reader, _) = osm::open(path).map_err(failed)?;
    let mut head = Vec::new();
    reader
        .by_ref()
        .take(64)
        .read_to_end(&mut head)
        .map_err(failed)?;
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head);
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    let reviewed = if first == Some(&b'{') {
        read_geojson(path)?
    } else {
        read_csv(path, head.chain(reader))?
    };
    if reviewed.labels.is_empty() {
        return Err(ReviewedError::Empty {
            path: path.to_owned(),
            undecided: reviewed.undecided,
        });
    }
    Ok(reviewed)
}

fn read_csv(path: &Path, mut text: impl Read) -> Result<Reviewed, ReviewedError> {
    // A file of labels is what people made: it fits into memory many times over.
    let mut bytes = Vec::new();
    text.read_to_end(&mut bytes)
        .map_err(|source| ReviewedError::Read {
            path: path.to_owned(),
            source,
        })?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Reviewed::default());
    }
    let header = bytes.split(|byte| *byte == b'\n').next().unwrap_or(bytes);
    let count = |delimiter: &u8| header.iter().filter(|byte| *byte == delimiter).count();
    let delimiter = DELIMITERS.into_iter().rev().max_by_key(count);
    let mut rows = csv::ReaderBuilder::new()
        .delimiter(delimiter.unwrap_or(b','))
        .trim(csv::Trim::All)
        .from_reader(bytes);
    let failed = |source| ReviewedError::Csv {
        path: path.to_owned(),
        source,
    };
    let header = rows.headers().map_err(failed)?.clone();
    let column = |name: &str| header.iter().position(|column| plain(column) == name);
    let missing = |missing| ReviewedError::NoColumn {
        path: path.to_owned(),
        missing,
        got: header.iter().collect::<Vec<_>>().join(", "),
    };
    let label = column("label").ok_or_else(|| missing("label"))?;
    let id = column("id");
    let place = column("lon").zip(column("lat"));
    if id.is_none() && place.is_none() {
        return Err(missing("id"));
    }
    let mut reviewed = Reviewed::default();
    for row in rows.records() {
        let row = row.map_err(failed)?;
        let degrees = |column: usize| row.get(column)?.parse::<f64>().ok();
        reviewed.add(
            path,
            || match row.position() {
                Some(position) => format!("line {}", position.line()),
                None => "a line".to_owned(),
            },
            row.get(label).unwrap_or_default(),
            id.and_then(|id| row.get(id)).unwrap_or_default(),
            place.and_then(|(lon, lat)| {
                let (lon, lat) = degrees(lon).zip(degrees(lat))?;
                Some(LonLat { lon, lat })
            }),
        )?;
    }
    Ok(reviewed)
}

fn read_geojson(path: &Path) -> Result<Reviewed, ReviewedError> {
    let mut reviewed = Reviewed::default();
    let mut number = 0u64;
    osm::for_each_feature(path, |feature| {
        number += 1;
        let place = match feature.geometry.as_ref().map(|geometry| &geometry.value) {
            Some(GeometryValue::Point { coordinates }) => osm::lon_lat(coordinates),
            _ => None,
        };
        let own_id = match &feature.id {
            Some(Id::String(id)) => id.clone(),
            _ => String::new(),
        };
        let id = text(&feature, "id").unwrap_or(own_id);
        let label = text(&feature, "label").unwrap_or_default();
        reviewed.add(path, || format!("feature {number}"), &label, &id, place)
    })?;
    Ok(reviewed)
}

/// A property's text, under its own name or as a tag of JOSM's layer.
fn text(feature: &Feature, name: &str) -> Option<String> {
    let properties = feature.properties.as_ref()?;
    let (_, value) = properties.iter().find(|(key, _)| plain(key) == name)?;
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn plain(name: &str) -> &str {
    name.strip_prefix(TAG_PREFIX).unwrap_or(name)
}

impl Reviewed {
    fn add(
        &mut self,
        path: &Path,
        at: impl Fn() -> String,
        label: &str,
        id: &str,
        place: Option<LonLat>,
    ) -> Result<(), ReviewedError> {
        let said = label.trim().to_lowercase();
        let label = match said.as_str() {
            "accepted" => Label::Accepted,
            "rejected" => Label::Rejected,
            open if UNDECIDED.contains(&open) => {
                self.undecided += 1;
                return Ok(());
            }
            _ => {
                return Err(ReviewedError::UnknownLabel {
                    path: path.to_owned(),
                    at: at(),
                    got: label.to_owned(),
                });
            }
        };
        let place = place.filter(|at| at.lon.abs() <= 180.0 && at.lat.abs() <= 90.0);
        if id.is_empty() && place.is_none() {
            return Err(ReviewedError::Nameless {
                path: path.to_owned(),
                at: at(),
            });
        }
        self.labels.push(Labelled {
            label,
            id: (!id.is_empty()).then(|| id.into()),
            place,
        });
        Ok(())
    }

    /// The places of what was accepted or rejected, as far as the file says where; of several
    /// labels of one hint or place the last, in the order of the file.
    pub fn places(&self) -> impl Iterator<Item = (Label, LonLat)> {
        let key = |labelled: &Labelled| match (&labelled.id, labelled.place) {
            (Some(id), _) => Some(id.to_string()),
            (None, place) => place.map(|at| format!("{} {}", at.lon, at.lat)),
        };
        let last: HashMap<_, _> = self.labels.iter().map(key).zip(0..).collect();
        self.labels
            .iter()
            .enumerate()
            .filter(move |(i, labelled)| last.get(&key(labelled)) == Some(i))
            .filter_map(|(_, labelled)| Some((labelled.label, labelled.place?)))
    }

    /// Puts the labels on the hints: by id, else on the nearest hint within [`MERGE_M`].
    pub fn label(&self, grid: &mut LikelyGrid) -> ReviewCounts {
        let towers = grid.towers_mut();
        let ids = self
            .labels
            .iter()
            .filter_map(|labelled| labelled.id.as_deref());
        let mut by_id: HashMap<&str, Option<usize>> = ids.map(|id| (id, None)).collect();
        if !by_id.is_empty() {
            for (i, tower) in towers.iter().enumerate() {
                if let Some(found) = by_id.get_mut(tower.id().as_str()) {
                    *found = Some(i);
                }
            }
        }
        let known = |labelled: &Labelled| by_id.get(labelled.id.as_deref()?).copied()?;
        let by_place = |labelled: &Labelled| known(labelled).is_none() && labelled.place.is_some();
        let places = if self.labels.iter().any(by_place) {
            let places = towers.iter().enumerate();
            places
                .map(|(i, tower)| GeomWithData::new(on_sphere(tower.at), i))
                .collect()
        } else {
            Vec::new()
        };
        let places = RTree::bulk_load(places);
        let nearest = |place: LonLat| {
            let (near, square) = places
                .nearest_neighbor_iter_with_distance_2(&on_sphere(place))
                .next()?;
            (square <= MERGE_M * MERGE_M).then_some(near.data)
        };
        let mut counts = ReviewCounts {
            undecided: self.undecided,
            ..ReviewCounts::default()
        };
        for labelled in &self.labels {
            match known(labelled).or_else(|| nearest(labelled.place?)) {
                Some(tower) => towers[tower].review = Some(labelled.label),
                None => counts.elsewhere += 1,
            }
        }
        for tower in towers {
            match tower.review {
                Some(Label::Accepted) => counts.accepted += 1,
                Some(Label::Rejected) => counts.rejected += 1,
                None => {}
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::{
        detections::{Detections, LikelyGrid, testing::TestRun},
        tiles::{PixelPosition, TileCoord},
    };

    fn read(text: &[u8]) -> Result<Reviewed, ReviewedError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text).unwrap();
        read_reviewed(file.path())
    }

    /// Ten hints in a row, 30 tiles apart, and what the labels say of each.
    fn labelled(reviewed: &Reviewed) -> (Vec<Option<Label>>, ReviewCounts) {
        let mut run = TestRun::default();
        for i in 0..10 {
            run.add(tile(i), 0.9 - i as f32 / 100.0, i.into());
        }
        let ledger = run.ledger();
        let mut grid = LikelyGrid::of(&Detections::of(&ledger).unwrap(), 0.5, None).unwrap();
        let counts = reviewed.label(&mut grid);
        let mut labels = vec![None; 10];
        for tower in grid.towers() {
            labels[((tower.tile.x - 140_000) / 30) as usize] = tower.review;
        }
        (labels, counts)
    }

    fn tile(i: u32) -> TileCoord {
        TileCoord {
            z: 18,
            x: 140_000 + 30 * i,
            y: 95_508,
        }
    }

    #[test]
    fn hints_are_named_by_id_or_by_place_and_the_last_label_counts() {
        let LonLat { lon, lat } = tile(2).lon_lat_at(PixelPosition {
            x_px: 128.0,
            y_px: 150.0,
        });
        let text = format!(
            "\u{feff}id;label;lon;lat\r\n18-140000-95508-1;Accepted;;\r\n18-140030-95508-1;rejected;;\r\n\
             18-140030-95508-1;accepted;;\r\n;rejected;{lon};{lat}\r\n18-9-9-1;rejected;1.0;2.0\r\n\
             18-140090-95508-1;unsure;;\r\n18-140120-95508-1;;;\r\n"
        );
        let (labels, counts) = labelled(&read(text.as_bytes()).unwrap());
        use Label::{Accepted, Rejected};
        let mut expected = vec![None; 10];
        expected[..3].copy_from_slice(&[Some(Accepted), Some(Accepted), Some(Rejected)]);
        assert_eq!(labels, expected);
        assert_eq!(
            counts,
            ReviewCounts {
                accepted: 2,
                rejected: 1,
                elsewhere: 1,
                undecided: 2
            }
        );
    }

    #[test]
    fn a_table_is_read_with_the_names_of_its_time() {
        for columns in [
            "chain,place",
            "line,line_position,imagery,imagery_date,class,box_m,stage",
        ] {
            let commas = ",".repeat(columns.matches(',').count());
            let text = format!("id,{columns},label\n18-140000-95508-1,{commas},accepted\n");
            let (labels, _) = labelled(&read(text.as_bytes()).unwrap());
            assert_eq!(labels[0], Some(Label::Accepted), "{columns}");
        }
    }

    #[test]
    fn geojson_is_read_from_its_properties_whether_hvmaps_or_joms() {
        let text = r#"{"type":"FeatureCollection","features":[
            {"type":"Feature","id":"18-140000-95508-1","properties":{"label":"accepted"},"geometry":null},
            {"type":"Feature","properties":{"hvmap:id":"18-140030-95508-1","hvmap:label":"rejected"},
             "geometry":{"type":"Point","coordinates":[1,2]}},
            {"type":"Feature","properties":{"id":"18-140060-95508-1","label":null},
             "geometry":{"type":"Point","coordinates":[1,2]}}]}"#;
        let (labels, counts) = labelled(&read(text.as_bytes()).unwrap());
        assert_eq!(
            labels[..3],
            [Some(Label::Accepted), Some(Label::Rejected), None]
        );
        assert_eq!((counts.decided(), counts.undecided), (2, 1));
    }

    #[test]
    fn what_cannot_be_understood_is_refused_with_its_line() {
        let refused = [
            "",
            "id,verdict\n1,accepted\n",
            "label,lon\naccepted,1\n",
            "id,label\n18-1-1-1,accepted\n18-1-1-2,maybe\n",
            "lon,lat,label\n1,2,accepted\nfar,away,accepted\n",
            "id,label\n18-1-1-1,unsure\n",
            "{\"type\":\"FeatureCollection\",\"features\":[",
        ];
        let said: Vec<String> = refused
            .iter()
            .map(|text| {
                let said = read(text.as_bytes()).unwrap_err().to_string();
                // The file's name differs from run to run.
                let words = said.split(' ');
                words
                    .map(|word| if word.starts_with('/') { "FILE" } else { word })
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect();
        insta::assert_snapshot!(said.join("\n"));
    }
}
