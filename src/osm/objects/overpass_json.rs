//! Overpass's JSON (<https://dev.overpass-api.de/output_formats.html#json>), streamed.

use std::{collections::BTreeMap, fmt, path::Path};

use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::{Member, NodeRef, Object, ObjectKind, Wanted, damaged, is_power_key, place};
use crate::{
    osm::{OsmError, open},
    tiles::LonLat,
};

#[derive(Deserialize)]
struct Element {
    #[serde(rename = "type")]
    kind: String,
    id: i64,
    lon: Option<f64>,
    lat: Option<f64>,
    center: Option<Coordinates>,
    #[serde(default)]
    nodes: Vec<i64>,
    /// One for each node, nothing where it lies outside of what was asked for.
    #[serde(default)]
    geometry: Vec<Option<Coordinates>>,
    #[serde(default)]
    members: Vec<ElementMember>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct ElementMember {
    #[serde(rename = "type")]
    kind: String,
    #[serde(rename = "ref")]
    id: i64,
    #[serde(default)]
    role: String,
    lon: Option<f64>,
    lat: Option<f64>,
    #[serde(default)]
    geometry: Vec<Option<Coordinates>>,
}

#[derive(Clone, Copy, Deserialize)]
struct Coordinates {
    lon: f64,
    lat: f64,
}

pub(super) fn read(
    path: &Path,
    wanted: &Wanted<'_>,
    visit: &mut dyn FnMut(Object),
) -> Result<(), OsmError> {
    let (reader, _) = open(path).map_err(|source| OsmError::Read {
        path: path.to_owned(),
        source,
    })?;
    let mut failure = None;
    let mut take = |element| match object(path, element, wanted) {
        Ok(object) => {
            object.into_iter().for_each(&mut *visit);
            true
        }
        Err(error) => {
            failure = Some(error);
            false
        }
    };
    let mut json = serde_json::Deserializer::from_reader(reader);
    let remark = json
        .deserialize_map(Answer { take: &mut take })
        .and_then(|remark| json.end().map(|()| remark));
    match (failure, remark) {
        (Some(failure), _) => Err(failure),
        (None, Err(error)) => Err(damaged(path, error.to_string())),
        (None, Ok(Some(remark))) if remark.contains("error") => Err(OsmError::Remark {
            path: path.to_owned(),
            remark,
        }),
        (None, Ok(_)) => Ok(()),
    }
}

/// An element as an object, if it is wanted.
fn object(path: &Path, element: Element, wanted: &Wanted<'_>) -> Result<Option<Object>, OsmError> {
    // Others are areas and counts.
    let Some(kind) = ObjectKind::of_name(&element.kind) else {
        return Ok(None);
    };
    let is_power = || element.tags.keys().any(|key| is_power_key(key));
    if !wanted.takes(kind) || !wanted.by_id(element.id).unwrap_or_else(is_power) {
        return Ok(None);
    }
    let mut object = Object::new(kind, element.id);
    object.at = match (element.lon, element.lat, element.center) {
        (Some(lon), Some(lat), _) | (_, _, Some(Coordinates { lon, lat })) => {
            Some(place(path, lon, lat)?)
        }
        _ => None,
    };
    let ids = element.nodes.into_iter().map(Some);
    object.nodes = node_refs(path, ids, &element.geometry)?;
    for member in element.members {
        let Some(kind) = ObjectKind::of_name(&member.kind) else {
            continue;
        };
        let mut nodes = node_refs(path, std::iter::empty(), &member.geometry)?;
        if let (Some(lon), Some(lat)) = (member.lon, member.lat) {
            nodes.push(NodeRef {
                id: Some(member.id),
                at: Some(place(path, lon, lat)?),
            });
        }
        object.members.push(Member {
            kind,
            id: member.id,
            role: member.role,
            nodes,
        });
    }
    object.tags = element.tags.into_iter().collect();
    Ok(Some(object))
}

/// Numbers of nodes and their places, of which one may be missing.
fn node_refs(
    path: &Path,
    mut ids: impl Iterator<Item = Option<i64>>,
    places: &[Option<Coordinates>],
) -> Result<Vec<NodeRef>, OsmError> {
    let mut places = places.iter();
    let mut nodes = Vec::new();
    loop {
        let (id, at) = (ids.next(), places.next());
        if id.is_none() && at.is_none() {
            return Ok(nodes);
        }
        let at: Option<LonLat> = match at.copied().flatten() {
            Some(at) => Some(place(path, at.lon, at.lat)?),
            None => None,
        };
        nodes.push(NodeRef {
            id: id.flatten(),
            at,
        });
    }
}

/// The members of an answer, in whatever order they come; gives its remark.
struct Answer<'a> {
    /// Answers whether to go on.
    take: &'a mut dyn FnMut(Element) -> bool,
}

impl<'de> Visitor<'de> for Answer<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Overpass's answer")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut remark = None;
        while let Some(name) = members.next_key::<String>()? {
            match name.as_str() {
                "elements" => members.next_value_seed(Elements {
                    take: &mut *self.take,
                })?,
                "remark" => remark = Some(members.next_value()?),
                _ => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(remark)
    }
}

struct Elements<'a> {
    take: &'a mut dyn FnMut(Element) -> bool,
}

impl<'de> DeserializeSeed<'de> for Elements<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of elements")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element::<Element>()? {
            if !(self.take)(element) {
                return Err(A::Error::custom("the visitor failed"));
            }
        }
        Ok(())
    }
}
