//! Power features from objects that refer to each other, whatever their order in the file.
//!
//! The file is read up to three times: for the power objects, for the ways that only relations name,
//! and for the nodes of both. The features come out by kind and number, so the same data give the
//! same features in any order.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use super::{
    OsmError, PowerFeatures, RawFeature, RawGeometry,
    format::OsmForm,
    objects::{self, NodeRef, Object, ObjectKind, Wanted},
    tags::{FeatureKind, classify},
};
use crate::tiles::LonLat;

/// Adds a file's power features, and answers how many power objects it holds.
pub(super) fn read(
    path: &Path,
    form: OsmForm,
    features: &mut PowerFeatures,
) -> Result<u64, OsmError> {
    let mut power = Vec::new();
    objects::read(path, form, &Wanted::Power, &mut |object| power.push(object))?;
    // A file put together from several answers may hold an object more than once.
    power.sort_by_key(|object| (object.kind, object.id));
    power.dedup_by_key(|object| (object.kind, object.id));

    let mut ways: HashMap<i64, Vec<NodeRef>> = HashMap::new();
    let of_relations = ways_of_relations(&power);
    for object in power.iter().filter(|object| object.kind == ObjectKind::Way) {
        if of_relations.contains(&object.id) {
            ways.insert(object.id, object.nodes.clone());
        }
    }
    let others: HashSet<i64> = of_relations
        .into_iter()
        .filter(|id| !ways.contains_key(id))
        .collect();
    if !others.is_empty() {
        objects::read(path, form, &Wanted::Ways(&others), &mut |way| {
            ways.insert(way.id, way.nodes);
        })?;
    }

    let mut places = Places::default();
    let wanted = nodes_without_place(&power, &ways);
    if !wanted.is_empty() {
        objects::read(path, form, &Wanted::Nodes(&wanted), &mut |node| {
            places.0.extend(node.at.map(|at| (node.id, at)));
        })?;
    }
    for object in &power {
        add(object, &ways, &places, features);
    }
    Ok(power.len() as u64)
}

/// The ways that relations need, as far as the relations do not hold their geometry themselves.
fn ways_of_relations(power: &[Object]) -> HashSet<i64> {
    let members = power.iter().flat_map(|object| &object.members);
    members
        .filter(|member| member.kind == ObjectKind::Way && member.nodes.is_empty())
        .map(|member| member.id)
        .collect()
}

/// The nodes whose places are still to be found.
fn nodes_without_place(power: &[Object], ways: &HashMap<i64, Vec<NodeRef>>) -> HashSet<i64> {
    let refs = power.iter().flat_map(|object| &object.nodes);
    let refs = refs.chain(ways.values().flatten());
    let of_ways = refs
        .filter(|node| node.at.is_none())
        .filter_map(|node| node.id);
    let members = power.iter().flat_map(|object| &object.members);
    let of_relations = members
        .filter(|member| member.kind == ObjectKind::Node && member.nodes.is_empty())
        .map(|member| member.id);
    of_ways.chain(of_relations).collect()
}

/// Where the file's nodes are, by their numbers.
#[derive(Default)]
struct Places(HashMap<i64, LonLat>);

impl Places {
    fn of(&self, node: &NodeRef) -> Option<LonLat> {
        node.at.or_else(|| self.0.get(&node.id?).copied())
    }

    /// The parts of a way between nodes whose place is not known, and whether there are such nodes.
    fn parts(&self, nodes: &[NodeRef]) -> (Vec<Vec<LonLat>>, bool) {
        let places: Vec<Option<LonLat>> = nodes.iter().map(|node| self.of(node)).collect();
        let parts = places.split(Option::is_none);
        let parts = parts
            .filter(|part| !part.is_empty())
            .map(|part| part.iter().copied().flatten().collect())
            .collect();
        (parts, places.contains(&None))
    }
}

/// Adds an object's feature, and counts it where some or all of its geometry is missing.
fn add(
    object: &Object,
    ways: &HashMap<i64, Vec<NodeRef>>,
    places: &Places,
    features: &mut PowerFeatures,
) {
    let tag = |key: &str| object.tag(key).map(str::to_owned);
    let kind = match classify(&tag) {
        None => return,
        // Counted, whatever its form.
        Some((FeatureKind::Other, _)) => {
            features.others += 1;
            return;
        }
        Some((kind, _)) => kind,
    };
    let (geometry, is_incomplete) = match object.kind {
        ObjectKind::Node => (
            of_points(object.at.into_iter().collect()),
            object.at.is_none(),
        ),
        ObjectKind::Way => of_way(object, kind, places),
        ObjectKind::Relation => of_relation(object, ways, places),
    };
    // A line seen through one node alone has no course.
    let geometry = geometry.filter(|geometry| match (kind, geometry) {
        (FeatureKind::Line(_), RawGeometry::Lines(lines) | RawGeometry::Rings(lines)) => {
            lines.iter().any(|line| line.len() > 1)
        }
        (FeatureKind::Line(_), RawGeometry::Points(_)) => false,
        _ => true,
    });
    match geometry {
        None => features.losses.without_geometry += 1,
        Some(geometry) => {
            features.losses.incomplete += u64::from(is_incomplete);
            features.add(RawFeature {
                tag: &tag,
                geometry,
                osm_id: Some(format!("{}/{}", object.kind.name(), object.id)),
            });
        }
    }
}

/// A way's geometry, and whether some of it is missing.
fn of_way(object: &Object, kind: FeatureKind, places: &Places) -> (Option<RawGeometry>, bool) {
    let (parts, is_incomplete) = places.parts(&object.nodes);
    if parts.is_empty() {
        // Overpass's `out center` gives no more, which is enough for what is a point on the map.
        return (
            of_points(object.at.into_iter().collect()),
            object.at.is_none(),
        );
    }
    let lines = match kind {
        // Where what is missing of a line ran, nobody can tell.
        FeatureKind::Line(_) => parts,
        _ => vec![parts.concat()],
    };
    (Some(RawGeometry::Lines(lines)), is_incomplete)
}

/// A relation's geometry, and whether some of it is missing: the outer rings of a multipolygon, or
/// whatever members another relation has. A line's ways that are lines themselves stand in the file
/// with their own tags, and do not count again.
fn of_relation(
    object: &Object,
    ways: &HashMap<i64, Vec<NodeRef>>,
    places: &Places,
) -> (Option<RawGeometry>, bool) {
    let is_area = matches!(object.tag("type"), Some("multipolygon" | "boundary"));
    let (mut lines, mut points, mut is_incomplete) = (Vec::new(), Vec::new(), false);
    for member in &object.members {
        match member.kind {
            ObjectKind::Way if is_area && !matches!(member.role.as_str(), "outer" | "") => {}
            ObjectKind::Way => {
                let nodes = match member.nodes.is_empty() {
                    true => ways.get(&member.id).map(Vec::as_slice),
                    false => Some(member.nodes.as_slice()),
                };
                let (parts, lacks_nodes) = places.parts(nodes.unwrap_or_default());
                is_incomplete |= lacks_nodes || parts.is_empty();
                lines.extend(parts);
            }
            ObjectKind::Node if !is_area => {
                let inline = member.nodes.first().copied();
                let node = inline.unwrap_or(NodeRef {
                    id: Some(member.id),
                    at: None,
                });
                match places.of(&node) {
                    Some(at) => points.push(at),
                    None => is_incomplete = true,
                }
            }
            // Their own features, where they have tags.
            ObjectKind::Node | ObjectKind::Relation => {}
        }
    }
    let geometry = if is_area && !lines.is_empty() {
        Some(RawGeometry::Rings(joined(lines)))
    } else if !lines.is_empty() {
        Some(RawGeometry::Lines(lines))
    } else if !points.is_empty() {
        of_points(points)
    } else {
        of_points(object.at.into_iter().collect())
    };
    (geometry, is_incomplete)
}

fn of_points(points: Vec<LonLat>) -> Option<RawGeometry> {
    (!points.is_empty()).then_some(RawGeometry::Points(points))
}

/// Joins lines that meet end to end into rings, in either direction
/// (<https://wiki.openstreetmap.org/wiki/Relation:multipolygon/Algorithm>). What does not close stays
/// a line.
fn joined(lines: Vec<Vec<LonLat>>) -> Vec<Vec<LonLat>> {
    let mut rings = Vec::new();
    let mut left = lines;
    while !left.is_empty() {
        let mut ring = left.remove(0);
        while ring.first() != ring.last() {
            let end = ring.last();
            let Some(at) = left
                .iter()
                .position(|line| line.first() == end || line.last() == end)
            else {
                break;
            };
            let mut next = left.remove(at);
            if next.first() != ring.last() {
                next.reverse();
            }
            ring.extend(next.into_iter().skip(1));
        }
        rings.push(ring);
    }
    rings
}
