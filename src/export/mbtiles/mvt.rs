//! Mapbox Vector Tiles 2.1 (<https://github.com/mapbox/vector-tile-spec/tree/master/2.1>).
//!
//! In: features in tile units, [`EXTENT`] to a side, y down. Out: the protobuf message.

use std::collections::HashMap;

use prost::Message;

use super::outline::Ring;

/// Units along a tile's side.
pub(super) const EXTENT: u32 = 4096;
/// The specification's major version.
const VERSION: u32 = 2;

const MOVE_TO: u32 = 1;
const LINE_TO: u32 = 2;
const CLOSE_PATH: u32 = 7;

/// The message `vector_tile.Tile`, with the field numbers of the specification.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Tile {
    #[prost(message, repeated, tag = "3")]
    pub(super) layers: Vec<Layer>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Layer {
    #[prost(uint32, required, tag = "15")]
    pub(super) version: u32,
    #[prost(string, required, tag = "1")]
    pub(super) name: String,
    #[prost(message, repeated, tag = "2")]
    pub(super) features: Vec<Feature>,
    #[prost(string, repeated, tag = "3")]
    pub(super) keys: Vec<String>,
    #[prost(message, repeated, tag = "4")]
    pub(super) values: Vec<Value>,
    #[prost(uint32, optional, tag = "5")]
    pub(super) extent: Option<u32>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Feature {
    #[prost(uint64, optional, tag = "1")]
    pub(super) id: Option<u64>,
    /// Pairs of indices into the layer's keys and values.
    #[prost(uint32, repeated, tag = "2")]
    pub(super) tags: Vec<u32>,
    #[prost(enumeration = "GeometryType", optional, tag = "3")]
    pub(super) r#type: Option<i32>,
    #[prost(uint32, repeated, tag = "4")]
    pub(super) geometry: Vec<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(super) enum GeometryType {
    Unknown = 0,
    Point = 1,
    Linestring = 2,
    Polygon = 3,
}

/// One of its fields is set.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Value {
    #[prost(string, optional, tag = "1")]
    pub(super) string_value: Option<String>,
    #[prost(float, optional, tag = "2")]
    pub(super) float_value: Option<f32>,
    #[prost(double, optional, tag = "3")]
    pub(super) double_value: Option<f64>,
    #[prost(uint64, optional, tag = "5")]
    pub(super) uint_value: Option<u64>,
    #[prost(bool, optional, tag = "7")]
    pub(super) bool_value: Option<bool>,
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self {
            string_value: Some(text.to_owned()),
            ..Self::default()
        }
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self {
            uint_value: Some(number),
            ..Self::default()
        }
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self {
            double_value: Some(number),
            ..Self::default()
        }
    }
}

impl From<&serde_json::Value> for Value {
    fn from(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Bool(flag) => Self {
                bool_value: Some(*flag),
                ..Self::default()
            },
            serde_json::Value::Number(number) => match number.as_u64() {
                Some(_) => Self {
                    uint_value: number.as_u64(),
                    ..Self::default()
                },
                None => Self {
                    double_value: number.as_f64(),
                    ..Self::default()
                },
            },
            serde_json::Value::String(text) => Self::from(text.as_str()),
            other => Self::from(other.to_string().as_str()),
        }
    }
}

/// A layer in the making: keys and values are stored once.
pub(super) struct LayerBuilder {
    layer: Layer,
    keys: HashMap<&'static str, u32>,
    /// By the value's encoding.
    values: HashMap<Vec<u8>, u32>,
}

impl LayerBuilder {
    pub(super) fn new(name: &str) -> Self {
        let layer = Layer {
            version: VERSION,
            name: name.to_owned(),
            extent: Some(EXTENT),
            ..Layer::default()
        };
        Self {
            layer,
            keys: HashMap::new(),
            values: HashMap::new(),
        }
    }

    /// Adds a point at `x`, `y` from the tile's north-western corner.
    pub(super) fn point(
        &mut self,
        id: u64,
        (x, y): (u16, u16),
        properties: &[(&'static str, Value)],
    ) {
        let geometry = vec![command(MOVE_TO, 1), zigzag(x.into()), zigzag(y.into())];
        self.feature(Some(id), GeometryType::Point, geometry, properties);
    }

    /// Adds lines as one feature, each of two points at least.
    pub(super) fn lines<'p>(
        &mut self,
        id: u64,
        lines: impl IntoIterator<Item = &'p [(u16, u16)]>,
        properties: &[(&'static str, Value)],
    ) {
        let mut geometry = Vec::new();
        let mut cursor = (0, 0);
        for line in lines {
            for (i, &(x, y)) in line.iter().enumerate() {
                match i {
                    0 => geometry.push(command(MOVE_TO, 1)),
                    1 => geometry.push(command(LINE_TO, line.len() as u32 - 1)),
                    _ => {}
                }
                let at = (i32::from(x), i32::from(y));
                geometry.extend([zigzag(at.0 - cursor.0), zigzag(at.1 - cursor.1)]);
                cursor = at;
            }
        }
        self.feature(Some(id), GeometryType::Linestring, geometry, properties);
    }

    /// Adds polygons as one feature: each exterior ring, clockwise as drawn, is followed by its
    /// holes.
    pub(super) fn polygons(&mut self, rings: &[Ring], properties: &[(&'static str, Value)]) {
        let mut geometry = Vec::new();
        let mut cursor = (0, 0);
        for ring in rings {
            for (i, &(x, y)) in ring.iter().enumerate() {
                match i {
                    0 => geometry.push(command(MOVE_TO, 1)),
                    1 => geometry.push(command(LINE_TO, ring.len() as u32 - 1)),
                    _ => {}
                }
                geometry.extend([zigzag(x - cursor.0), zigzag(y - cursor.1)]);
                cursor = (x, y);
            }
            geometry.push(command(CLOSE_PATH, 1));
        }
        self.feature(None, GeometryType::Polygon, geometry, properties);
    }

    fn feature(
        &mut self,
        id: Option<u64>,
        r#type: GeometryType,
        geometry: Vec<u32>,
        properties: &[(&'static str, Value)],
    ) {
        let mut tags = Vec::with_capacity(2 * properties.len());
        for (key, value) in properties {
            tags.extend([self.key(key), self.value(value)]);
        }
        self.layer.features.push(Feature {
            id,
            tags,
            r#type: Some(r#type.into()),
            geometry,
        });
    }

    fn key(&mut self, key: &'static str) -> u32 {
        *self.keys.entry(key).or_insert_with(|| {
            self.layer.keys.push(key.to_owned());
            self.layer.keys.len() as u32 - 1
        })
    }

    fn value(&mut self, value: &Value) -> u32 {
        *self.values.entry(value.encode_to_vec()).or_insert_with(|| {
            self.layer.values.push(value.clone());
            self.layer.values.len() as u32 - 1
        })
    }

    /// The layer, unless it is empty: the specification wants at least one feature.
    pub(super) fn finish(self) -> Option<Layer> {
        (!self.layer.features.is_empty()).then_some(self.layer)
    }
}

/// A command word: what to do, and how often (section 4.3.1).
fn command(id: u32, count: u32) -> u32 {
    id | count << 3
}

/// A parameter word: signs interleaved, so that small numbers stay small (section 4.3.2).
fn zigzag(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)) as u32
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn geometry_words_match_the_specifications_examples() {
        // Section 4.3.5.1 has the point (25, 17), 4.3.5.5 the polygon (3, 6), (8, 12), (20, 34).
        let mut layer = LayerBuilder::new("examples");
        layer.point(1, (25, 17), &[]);
        layer.polygons(&[vec![(3, 6), (8, 12), (20, 34)]], &[]);
        // Section 4.3.5.4: (2, 2), (2, 10), (10, 10) and (1, 1), (3, 5).
        let lines: [&[(u16, u16)]; 2] = [&[(2, 2), (2, 10), (10, 10)], &[(1, 1), (3, 5)]];
        layer.lines(2, lines, &[]);
        let layer = layer.finish().unwrap();
        assert_eq!(
            layer.features[2].geometry,
            [9, 4, 4, 18, 0, 16, 16, 0, 9, 17, 17, 10, 4, 8]
        );
        assert_eq!(layer.features[0].geometry, [9, 50, 34]);
        assert_eq!(
            layer.features[1].geometry,
            [9, 6, 12, 18, 10, 12, 24, 44, 15]
        );
    }

    #[test]
    fn a_value_that_two_features_share_is_stored_once() {
        let mut layer = LayerBuilder::new("examples");
        layer.point(
            1,
            (0, 0),
            &[
                ("located", (&json!(true)).into()),
                ("score", (&json!(0.5)).into()),
            ],
        );
        layer.point(
            2,
            (0, 0),
            &[
                ("located", (&json!(true)).into()),
                ("score", (&json!(0.25)).into()),
            ],
        );
        let layer = layer.finish().unwrap();
        assert_eq!((layer.keys.len(), layer.values.len()), (2, 3));
        assert_eq!(layer.features[1].tags, [0, 0, 1, 2]);
    }
}
