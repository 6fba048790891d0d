//! Known towers, to measure detections against.

use std::path::{Path, PathBuf};

use geojson::{Feature, GeometryValue};

use crate::{
    osm::{self, OsmError},
    tiles::LonLat,
};

/// Trouble with a file of known towers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TruthError {
    #[error(transparent)]
    File(#[from] OsmError),
    #[error("{} holds no tower: {reason}", path.display())]
    Empty { path: PathBuf, reason: &'static str },
}

/// Reads the places of the towers of a GeoJSON FeatureCollection, gzipped or not: the points with `power=tower`, or all points where no feature has a `power` at all.
///
/// # Errors
/// When the file cannot be read, is no FeatureCollection, is cut off, is not in degrees, or holds
/// no tower.
pub fn read_truth(path: &Path) -> Result<Vec<LonLat>, TruthError> {
    let mut points = Vec::new();
    let mut towers = Vec::new();
    let mut power_seen = false;
    osm::for_each_feature(path, |feature| {
        let power = feature.property("power").filter(|value| !value.is_null());
        power_seen |= power.is_some();
        let is_tower = power.is_some_and(|value| value == "tower");
        if is_tower || !power_seen {
            if is_tower { &mut towers } else { &mut points }.extend(positions(&feature));
        }
        Ok::<_, TruthError>(())
    })?;
    let (chosen, reason) = if power_seen {
        (
            towers,
            "its features have a `power`, but no point has power=tower",
        )
    } else {
        (points, "it has no points")
    };
    if chosen.is_empty() {
        return Err(TruthError::Empty {
            path: path.to_owned(),
            reason,
        });
    }
    Ok(chosen)
}

/// The points of a feature; none for lines and areas.
fn positions(feature: &Feature) -> Vec<LonLat> {
    match feature.geometry.as_ref().map(|geometry| &geometry.value) {
        Some(GeometryValue::Point { coordinates }) => {
            osm::lon_lat(coordinates).into_iter().collect()
        }
        Some(GeometryValue::MultiPoint { coordinates }) => {
            coordinates.iter().filter_map(osm::lon_lat).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const MIXED: &str = r#"{"type":"FeatureCollection","features":[
        {"type":"Feature","properties":{},"geometry":{"type":"Point","coordinates":[1,1]}},
        {"type":"Feature","properties":{"power":"tower"},"geometry":{"type":"Point","coordinates":[2,2]}},
        {"type":"Feature","properties":{"power":"pole"},"geometry":{"type":"Point","coordinates":[3,3]}},
        {"type":"Feature","properties":{"power":"line"},
         "geometry":{"type":"LineString","coordinates":[[2,2],[3,3]]}}]}"#;

    fn read(bytes: &[u8]) -> Result<Vec<LonLat>, TruthError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        read_truth(file.path())
    }

    #[test]
    fn where_features_have_a_power_only_towers_count() {
        assert_eq!(read(MIXED.as_bytes()).unwrap(), [LonLat::from((2.0, 2.0))]);
    }

    #[test]
    fn where_none_has_a_power_every_point_counts() {
        let text = MIXED.replace("\"power\"", "\"kind\"");
        assert_eq!(
            read(text.as_bytes()).unwrap(),
            [(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)].map(LonLat::from)
        );
    }

    #[test]
    fn gzip_is_told_by_its_first_bytes() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(MIXED.as_bytes()).unwrap();
        assert_eq!(
            read(&gzip.finish().unwrap()).unwrap(),
            [LonLat::from((2.0, 2.0))]
        );
    }

    #[test]
    fn unusable_files_are_refused_with_the_reason() {
        let cut = &MIXED.as_bytes()[..MIXED.len() - 90];
        assert!(matches!(
            read(cut),
            Err(TruthError::File(OsmError::GeoJson { .. }))
        ));
        assert!(matches!(
            read(b""),
            Err(TruthError::File(OsmError::GeoJson { .. }))
        ));
        let poles = MIXED.replace("tower", "pole");
        assert!(matches!(
            read(poles.as_bytes()),
            Err(TruthError::Empty { .. })
        ));
        let metres = MIXED.replace("[2,2]", "[820000.5,4600000]");
        assert!(matches!(
            read(metres.as_bytes()),
            Err(TruthError::File(OsmError::NotDegrees { .. }))
        ));
    }
}
