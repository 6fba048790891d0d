//! OpenStreetMap's PBF (<https://wiki.openstreetmap.org/wiki/PBF_Format>), decoded on all cores.

use std::{
    io::Read,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use crossbeam_channel::bounded;
use osmpbf::{
    Blob, BlobDecode, BlobError, BlobReader, Element, ErrorKind, HeaderBlock, PrimitiveBlock,
    RelMemberType,
};

use super::{Member, NodeRef, Object, ObjectKind, Wanted, damaged, is_power_key, place};
use crate::osm::{OsmError, open};

/// Blobs, and the objects of blobs, that wait; a blob is at most 32 MiB and mostly less than one.
const BLOBS_QUEUED_MAX: usize = 16;
/// What a reader has to understand of a file (its header's `required_features`).
const FEATURES: [&str; 2] = ["OsmSchema-V0.6", "DenseNodes"];

pub(super) fn read(
    path: &Path,
    wanted: &Wanted<'_>,
    visit: &mut dyn FnMut(Object),
) -> Result<(), OsmError> {
    let (file, _) = open(path).map_err(|source| OsmError::Read {
        path: path.to_owned(),
        source,
    })?;
    let file: Box<dyn Read + Send> = Box::new(file);
    let (blobs_in, blobs) = bounded::<osmpbf::Result<Blob>>(BLOBS_QUEUED_MAX);
    let (found_in, found) = bounded::<Result<Vec<Object>, OsmError>>(BLOBS_QUEUED_MAX);
    let has_header = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(move || {
            for blob in BlobReader::new(file) {
                let is_last = blob.is_err();
                if blobs_in.send(blob).is_err() || is_last {
                    return;
                }
            }
        });
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            let (blobs, found_in, has_header) = (blobs.clone(), found_in.clone(), &has_header);
            scope.spawn(move || {
                for blob in blobs {
                    let objects = blob
                        .map_err(|error| pbf_error(path, &error))
                        .and_then(|blob| objects_of(path, &blob, wanted, has_header));
                    if found_in.send(objects).is_err() {
                        return;
                    }
                }
            });
        }
        // Their ends stop the threads when this one returns early.
        drop((found_in, blobs));
        let found = found;
        for objects in &found {
            objects?.into_iter().for_each(&mut *visit);
        }
        Ok(())
    })?;
    match has_header.into_inner() {
        true => Ok(()),
        false => Err(damaged(path, "it has no header")),
    }
}

fn objects_of(
    path: &Path,
    blob: &Blob,
    wanted: &Wanted<'_>,
    has_header: &AtomicBool,
) -> Result<Vec<Object>, OsmError> {
    let mut objects = Vec::new();
    match blob.decode().map_err(|error| pbf_error(path, &error))? {
        BlobDecode::OsmHeader(header) => {
            check(path, &header)?;
            has_header.store(true, Ordering::Relaxed);
        }
        BlobDecode::OsmData(block) => block_objects(path, &block, wanted, &mut objects)?,
        // The format asks readers to skip what they do not know.
        BlobDecode::Unknown(_) => {}
    }
    Ok(objects)
}

fn check(path: &Path, header: &HeaderBlock) -> Result<(), OsmError> {
    let unknown = header
        .required_features()
        .iter()
        .find(|feature| !FEATURES.contains(&feature.as_str()));
    match unknown {
        None => Ok(()),
        Some(feature) if feature == "HistoricalInformation" => Err(OsmError::History {
            path: path.to_owned(),
        }),
        Some(feature) => Err(damaged(
            path,
            format!("it needs a reader that knows {feature}"),
        )),
    }
}

fn block_objects(
    path: &Path,
    block: &PrimitiveBlock,
    wanted: &Wanted<'_>,
    objects: &mut Vec<Object>,
) -> Result<(), OsmError> {
    for group in block.groups() {
        // Most groups hold one kind of object, and the iterators of the others are empty.
        if wanted.takes(ObjectKind::Node) {
            for node in group.nodes() {
                let element = Element::Node(node);
                take(path, &element, wanted, objects)?;
            }
            for node in group.dense_nodes() {
                let element = Element::DenseNode(node);
                take(path, &element, wanted, objects)?;
            }
        }
        if wanted.takes(ObjectKind::Way) {
            for way in group.ways() {
                take(path, &Element::Way(way), wanted, objects)?;
            }
        }
        if wanted.takes(ObjectKind::Relation) {
            for relation in group.relations() {
                take(path, &Element::Relation(relation), wanted, objects)?;
            }
        }
    }
    Ok(())
}

/// Adds an element if it is wanted and not deleted.
fn take(
    path: &Path,
    element: &Element<'_>,
    wanted: &Wanted<'_>,
    objects: &mut Vec<Object>,
) -> Result<(), OsmError> {
    let (kind, id) = match element {
        Element::Node(node) => (ObjectKind::Node, node.id()),
        Element::DenseNode(node) => (ObjectKind::Node, node.id()),
        Element::Way(way) => (ObjectKind::Way, way.id()),
        Element::Relation(relation) => (ObjectKind::Relation, relation.id()),
    };
    let is_power = || match element {
        Element::Node(node) => has_power(node.tags()),
        Element::DenseNode(node) => has_power(node.tags()),
        Element::Way(way) => has_power(way.tags()),
        Element::Relation(relation) => has_power(relation.tags()),
    };
    if !wanted.by_id(id).unwrap_or_else(is_power) || is_deleted(element) {
        return Ok(());
    }
    let mut object = Object::new(kind, id);
    match element {
        Element::Node(node) => {
            object.at = Some(place(path, node.lon(), node.lat())?);
            object.tags = owned(node.tags());
        }
        Element::DenseNode(node) => {
            object.at = Some(place(path, node.lon(), node.lat())?);
            object.tags = owned(node.tags());
        }
        Element::Way(way) => {
            // osmium's `add-locations-to-ways` stores places beside the numbers of nodes.
            let mut places = way.node_locations();
            for id in way.refs() {
                let at = match places.next() {
                    Some(at) => Some(place(path, at.lon(), at.lat())?),
                    None => None,
                };
                object.nodes.push(NodeRef { id: Some(id), at });
            }
            object.tags = owned(way.tags());
        }
        Element::Relation(relation) => {
            object.tags = owned(relation.tags());
            for member in relation.members() {
                let role = member.role().map_err(|error| pbf_error(path, &error))?;
                object.members.push(Member {
                    kind: match member.member_type {
                        RelMemberType::Node => ObjectKind::Node,
                        RelMemberType::Way => ObjectKind::Way,
                        RelMemberType::Relation => ObjectKind::Relation,
                    },
                    id: member.member_id,
                    role: role.to_owned(),
                    nodes: Vec::new(),
                });
            }
        }
    }
    objects.push(object);
    Ok(())
}

fn has_power<'a>(mut tags: impl Iterator<Item = (&'a str, &'a str)>) -> bool {
    tags.any(|(key, _)| is_power_key(key))
}

fn is_deleted(element: &Element<'_>) -> bool {
    match element {
        Element::Node(node) => node.info().deleted(),
        Element::DenseNode(node) => node.info().is_some_and(|info| info.deleted()),
        Element::Way(way) => way.info().deleted(),
        Element::Relation(relation) => relation.info().deleted(),
    }
}

fn owned<'a>(tags: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<(String, String)> {
    tags.map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

fn pbf_error(path: &Path, error: &osmpbf::Error) -> OsmError {
    match error.kind() {
        // Neither raw nor zlib, which are all that this reader knows.
        ErrorKind::Blob(BlobError::Empty) => OsmError::PbfCompression {
            path: path.to_owned(),
        },
        _ => damaged(path, error.to_string()),
    }
}
