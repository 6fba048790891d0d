//! The objects of OpenStreetMap's own formats: XML, PBF and Overpass's JSON.
//!
//! In: a file, and which of its objects are wanted. Out: those objects, in no particular order, each
//! with its tags and with what it refers to. A file is read once for each question, so memory holds
//! what was asked for and never the file. What an editor marked as deleted is left out.

mod overpass_json;
mod pbf;
mod xml;

use std::{collections::HashSet, path::Path};

use super::{OsmError, format::OsmForm};
use crate::tiles::LonLat;

/// What an object is; nodes come first and relations last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum ObjectKind {
    Node,
    Way,
    Relation,
}

impl ObjectKind {
    /// As all of OpenStreetMap's formats name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Way => "way",
            Self::Relation => "relation",
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        [Self::Node, Self::Way, Self::Relation]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// One object.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Object {
    pub kind: ObjectKind,
    pub id: i64,
    pub tags: Vec<(String, String)>,
    /// Where a node is; of another object its centre, where the file says so (Overpass's `out
    /// center`).
    pub at: Option<LonLat>,
    /// A way's nodes, in order.
    pub nodes: Vec<NodeRef>,
    /// A relation's members, in order.
    pub members: Vec<Member>,
}

impl Object {
    fn new(kind: ObjectKind, id: i64) -> Self {
        Self {
            kind,
            id,
            tags: Vec::new(),
            at: None,
            nodes: Vec::new(),
            members: Vec::new(),
        }
    }

    /// The value of a tag.
    pub fn tag(&self, key: &str) -> Option<&str> {
        let found = self.tags.iter().find(|(known, _)| known == key);
        found.map(|(_, value)| value.as_str())
    }
}

/// A way's node: by its number, by its place (Overpass's `out geom`), or by both.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct NodeRef {
    pub id: Option<i64>,
    pub at: Option<LonLat>,
}

/// A relation's member.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Member {
    pub kind: ObjectKind,
    pub id: i64,
    pub role: String,
    /// The nodes of a way, or the node itself, where the file gives them within the relation
    /// (Overpass's `out geom`).
    pub nodes: Vec<NodeRef>,
}

/// Which objects of a file are wanted.
pub(super) enum Wanted<'a> {
    /// Those with the key `power`, or one that ends in `:power`.
    Power,
    /// Ways of these numbers; their tags may be left out.
    Ways(&'a HashSet<i64>),
    /// Nodes of these numbers; their tags may be left out.
    Nodes(&'a HashSet<i64>),
}

impl Wanted<'_> {
    /// Whether objects of a kind can be wanted at all.
    fn takes(&self, kind: ObjectKind) -> bool {
        match self {
            Self::Power => true,
            Self::Ways(_) => kind == ObjectKind::Way,
            Self::Nodes(_) => kind == ObjectKind::Node,
        }
    }

    /// Whether an object of a kind that is taken is wanted, by its number alone; `None` where its
    /// tags decide.
    fn by_id(&self, id: i64) -> Option<bool> {
        match self {
            Self::Power => None,
            Self::Ways(ids) | Self::Nodes(ids) => Some(ids.contains(&id)),
        }
    }
}

/// Whether a key makes an object one of the power grid.
fn is_power_key(key: &str) -> bool {
    key == "power" || key.ends_with(":power")
}

/// Hands over the wanted objects of a file.
///
/// # Errors
/// When the file cannot be read, is damaged or cut off, or is written in a way that is not known.
pub(super) fn read(
    path: &Path,
    form: OsmForm,
    wanted: &Wanted<'_>,
    visit: &mut dyn FnMut(Object),
) -> Result<(), OsmError> {
    match form {
        OsmForm::Xml => xml::read(path, wanted, visit),
        OsmForm::Pbf => pbf::read(path, wanted, visit),
        OsmForm::OverpassJson => overpass_json::read(path, wanted, visit),
    }
}

/// A place in degrees, or the reason why it is none.
fn place(path: &Path, lon: f64, lat: f64) -> Result<LonLat, OsmError> {
    if (-180.0..=180.0).contains(&lon) && (-90.0..=90.0).contains(&lat) {
        Ok(LonLat { lon, lat })
    } else {
        Err(OsmError::NotDegrees {
            path: path.to_owned(),
            lon,
            lat,
        })
    }
}

fn damaged(path: &Path, what: impl Into<String>) -> OsmError {
    OsmError::Damaged {
        path: path.to_owned(),
        what: what.into(),
    }
}
