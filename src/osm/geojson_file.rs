//! Power features from GeoJSON, streamed: as Overpass, osmium and ogr2ogr write it.

use std::{fmt, path::Path};

use geojson::{Feature, GeometryValue, JsonObject, Position};
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::Value;

use super::{
    OsmError, PowerFeatures, RawFeature, RawGeometry,
    format::{WithoutSeparators, open, skip_byte_order_mark},
};
use crate::tiles::LonLat;

/// Names of the coordinate systems that GeoJSON of before 2016 could state and that are longitude
/// and latitude.
const LON_LAT_CRS: [&str; 3] = ["CRS84", "EPSG::4326", "EPSG:4326"];

/// Adds a file's power features, and answers how many features it holds.
pub(super) fn read(path: &Path, features: &mut PowerFeatures) -> Result<u64, OsmError> {
    let mut read = 0;
    for_each_feature(path, |feature| {
        read += 1;
        let Some(geometry) = feature.geometry.as_ref() else {
            return Ok(());
        };
        let mut geometries = Vec::new();
        take_apart(&geometry.value, &mut geometries);
        for geometry in geometries {
            features.add(RawFeature {
                tag: &|key| tag(&feature, key),
                geometry,
                osm_id: osm_id(&feature),
            });
        }
        Ok(())
    })?;
    Ok(read)
}

/// Hands over the features of a FeatureCollection, or of a sequence of features (RFC 8142, or a
/// feature a line), one by one, gzipped or not, once their positions are known to be degrees.
///
/// # Errors
/// When the file cannot be read, is neither of them, ends early or goes on behind its end, is not in
/// degrees, or whatever the visitor fails with.
pub(crate) fn for_each_feature<E: From<OsmError>>(
    path: &Path,
    mut visit: impl FnMut(Feature) -> Result<(), E>,
) -> Result<(), E> {
    let (mut reader, _) = open(path).map_err(|source| OsmError::Read {
        path: path.to_owned(),
        source,
    })?;
    skip_byte_order_mark(&mut reader).map_err(|source| not_geojson(path, source))?;
    let mut failure: Option<E> = None;
    let mut visit = |feature: Feature| {
        let checked = match not_degrees(&feature) {
            Some(LonLat { lon, lat }) => Err(E::from(OsmError::NotDegrees {
                path: path.to_owned(),
                lon,
                lat,
            })),
            None => visit(feature),
        };
        checked.map_err(|error| failure = Some(error)).is_ok()
    };
    let mut json = serde_json::Deserializer::from_reader(WithoutSeparators(reader));
    let mut read = || -> serde_json::Result<Option<Value>> {
        // One collection, or one feature after another (RFC 8142).
        let mut crs = json.deserialize_map(Collection { visit: &mut visit })?;
        while json.end().is_err() {
            crs = json
                .deserialize_map(Collection { visit: &mut visit })?
                .or(crs);
        }
        Ok(crs)
    };
    let crs = read();
    match (crs, failure) {
        (_, Some(failure)) => Err(failure),
        (Err(source), None) => Err(not_geojson(path, source).into()),
        (Ok(crs), None) => match crs.as_ref().and_then(other_crs) {
            Some(crs) => Err(OsmError::OtherCrs {
                path: path.to_owned(),
                crs,
            }
            .into()),
            None => Ok(()),
        },
    }
}

fn not_geojson(
    path: &Path,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> OsmError {
    OsmError::GeoJson {
        path: path.to_owned(),
        source: source.into(),
    }
}

/// The members of a FeatureCollection or of a Feature, in whatever order they come; gives its `crs`.
struct Collection<'a> {
    /// Answers whether to go on.
    visit: &'a mut dyn FnMut(Feature) -> bool,
}

impl<'de> Visitor<'de> for Collection<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a FeatureCollection or a Feature")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let (mut crs, mut seen) = (None, false);
        let mut feature = JsonObject::new();
        while let Some(name) = members.next_key::<String>()? {
            match name.as_str() {
                "features" => {
                    seen = true;
                    members.next_value_seed(Features {
                        visit: &mut *self.visit,
                    })?;
                }
                "crs" => {
                    let value: Value = members.next_value()?;
                    // A projected file that says so is better told so than "not in degrees".
                    if other_crs(&value).is_some() && !seen {
                        return finish(members, Some(value));
                    }
                    crs = Some(value);
                }
                "type" | "id" | "geometry" | "properties" => {
                    feature.insert(name, members.next_value()?);
                }
                _ => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        if seen {
            return Ok(crs);
        }
        if feature.get("type").is_none_or(|kind| kind != "Feature") {
            return Err(A::Error::missing_field("features"));
        }
        let feature = serde_json::from_value(Value::Object(feature)).map_err(A::Error::custom)?;
        match (self.visit)(feature) {
            true => Ok(crs),
            false => Err(A::Error::custom("the visitor failed")),
        }
    }
}

/// Reads the rest for its form alone.
fn finish<'de, A: MapAccess<'de>>(
    mut members: A,
    crs: Option<Value>,
) -> Result<Option<Value>, A::Error> {
    while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(crs)
}

struct Features<'a> {
    visit: &'a mut dyn FnMut(Feature) -> bool,
}

impl<'de> DeserializeSeed<'de> for Features<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Features<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of features")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut features: A) -> Result<(), A::Error> {
        while let Some(feature) = features.next_element::<Feature>()? {
            if !(self.visit)(feature) {
                return Err(A::Error::custom("the visitor failed"));
            }
        }
        Ok(())
    }
}

/// The name of a coordinate system that is not longitude and latitude.
fn other_crs(crs: &Value) -> Option<String> {
    if crs.is_null() {
        return None;
    }
    let name = match crs.pointer("/properties/name") {
        Some(Value::String(name)) => name.clone(),
        _ => crs.to_string(),
    };
    let known = LON_LAT_CRS.iter().any(|known| name.ends_with(known));
    (!known).then_some(name)
}

fn tag(feature: &Feature, key: &str) -> Option<String> {
    let properties = feature.properties.as_ref()?;
    // Older converters nest the tags.
    let value = properties
        .get(key)
        .or_else(|| properties.get("tags")?.get(key))?;
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

/// `node/123`, from where the common converters put it.
fn osm_id(feature: &Feature) -> Option<String> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let named = |id: &str| {
        let (kind, number) = id.split_once('/')?;
        let known = ["node", "way", "relation"].contains(&kind);
        (known && number.bytes().all(|byte| byte.is_ascii_digit())).then(|| id.to_owned())
    };
    if let Some(geojson::feature::Id::String(id)) = &feature.id
        && let Some(id) = named(id)
    {
        return Some(id);
    }
    let properties = feature.properties.as_ref()?;
    ["@id", "id", "osm_id"]
        .iter()
        .filter_map(|key| properties.get(*key).and_then(text))
        .find_map(|id| {
            named(&id).or_else(|| {
                let kind = ["@type", "osm_type", "type"]
                    .iter()
                    .find_map(|key| properties.get(*key).and_then(Value::as_str))?;
                named(&format!("{kind}/{id}"))
            })
        })
}

fn take_apart(value: &GeometryValue, out: &mut Vec<RawGeometry>) {
    let ring = |rings: &Vec<Vec<Position>>| rings.first().map(|ring| line(ring));
    match value {
        GeometryValue::Point { coordinates } => {
            out.push(RawGeometry::Points(
                lon_lat(coordinates).into_iter().collect(),
            ));
        }
        GeometryValue::MultiPoint { coordinates } => {
            out.push(RawGeometry::Points(line(coordinates)));
        }
        GeometryValue::LineString { coordinates } => {
            out.push(RawGeometry::Lines(vec![line(coordinates)]));
        }
        GeometryValue::MultiLineString { coordinates } => {
            out.push(RawGeometry::Lines(
                coordinates.iter().map(|part| line(part)).collect(),
            ));
        }
        GeometryValue::Polygon { coordinates } => {
            out.push(RawGeometry::Rings(ring(coordinates).into_iter().collect()));
        }
        GeometryValue::MultiPolygon { coordinates } => {
            out.push(RawGeometry::Rings(
                coordinates.iter().filter_map(ring).collect(),
            ));
        }
        GeometryValue::GeometryCollection { geometries } => {
            for geometry in geometries {
                take_apart(&geometry.value, out);
            }
        }
    }
}

/// The place of a position, which is longitude, latitude and whatever follows (RFC 7946, section
/// 3.1.1); `None` where there are fewer numbers.
pub(crate) fn lon_lat(position: &Position) -> Option<LonLat> {
    match position.as_slice() {
        &[lon, lat, ..] => Some(LonLat { lon, lat }),
        _ => None,
    }
}

fn line(positions: &[Position]) -> Vec<LonLat> {
    positions.iter().filter_map(lon_lat).collect()
}

/// The first position of a feature that cannot be degrees.
fn not_degrees(feature: &Feature) -> Option<LonLat> {
    let mut geometries = Vec::new();
    take_apart(&feature.geometry.as_ref()?.value, &mut geometries);
    let outside = |&LonLat { lon, lat }: &LonLat| {
        !(-180.0..=180.0).contains(&lon) || !(-90.0..=90.0).contains(&lat)
    };
    geometries.iter().find_map(|geometry| match geometry {
        RawGeometry::Points(points) => points.iter().copied().find(outside),
        RawGeometry::Lines(lines) | RawGeometry::Rings(lines) => {
            lines.iter().flatten().copied().find(outside)
        }
    })
}
