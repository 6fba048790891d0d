//! OpenStreetMap's XML (<https://wiki.openstreetmap.org/wiki/OSM_XML>), as servers, Overpass and JOSM
//! write it.

use std::path::Path;

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};

use super::{Member, NodeRef, Object, ObjectKind, Wanted, damaged, is_power_key, place};
use crate::osm::{OsmError, open};

/// Where the reader stands.
struct Xml<'a> {
    path: &'a Path,
    wanted: &'a Wanted<'a>,
    /// The object that is open, if it may be wanted.
    object: Option<Object>,
    /// Whether a tag said that it is.
    is_power: bool,
}

pub(super) fn read(
    path: &Path,
    wanted: &Wanted<'_>,
    visit: &mut dyn FnMut(Object),
) -> Result<(), OsmError> {
    let (file, _) = open(path).map_err(|source| OsmError::Read {
        path: path.to_owned(),
        source,
    })?;
    let mut reader = Reader::from_reader(file);
    let mut state = Xml {
        path,
        wanted,
        object: None,
        is_power: false,
    };
    let mut buffer = Vec::new();
    // Depth of the open elements, and whether the root has closed.
    let (mut depth, mut whole) = (0u32, false);
    loop {
        buffer.clear();
        let event = reader.read_event_into(&mut buffer);
        let at_byte = reader.buffer_position();
        let event = event.map_err(|error| damaged(path, format!("byte {at_byte}: {error}")))?;
        match event {
            Event::Start(tag) => {
                depth += 1;
                match depth {
                    1 => root(path, &tag)?,
                    _ => state.open(depth, &tag)?,
                }
            }
            Event::Empty(tag) => match depth {
                0 => {
                    root(path, &tag)?;
                    whole = true;
                }
                _ => {
                    state.open(depth + 1, &tag)?;
                    state.close(depth + 1, visit);
                }
            },
            Event::End(_) => {
                state.close(depth, visit);
                depth = depth.saturating_sub(1);
                whole = depth == 0;
            }
            Event::Text(text) if depth == 2 && state.object.is_none() => {
                let text = &*text;
                if text.contains("error:") {
                    return Err(OsmError::Remark {
                        path: path.to_owned(),
                        remark: text.trim().to_owned(),
                    });
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if whole && depth == 0 {
        Ok(())
    } else {
        Err(damaged(path, "it ends before its last element is closed"))
    }
}

/// Refuses what is not a file of objects, by the name of its root element.
fn root(path: &Path, tag: &BytesStart<'_>) -> Result<(), OsmError> {
    match tag.name().as_ref() {
        "osm" => Ok(()),
        other => Err(OsmError::OtherRoot {
            path: path.to_owned(),
            root: other.to_owned(),
        }),
    }
}

impl Xml<'_> {
    fn open(&mut self, depth: u32, tag: &BytesStart<'_>) -> Result<(), OsmError> {
        let name = tag.name();
        let name = name.as_ref();
        match depth {
            2 => {
                self.object = None;
                self.is_power = false;
                if let Some(kind) =
                    ObjectKind::of_name(name).filter(|&kind| self.wanted.takes(kind))
                {
                    self.begin(kind, tag)?;
                }
            }
            // Tags, nodes, members and centres of an object.
            3 => match (&self.object, name) {
                (Some(_), "tag") => self.tag(tag)?,
                (Some(_), "nd") => {
                    let node = self.node_ref(tag)?;
                    self.object.iter_mut().for_each(|o| o.nodes.push(node));
                }
                (Some(_), "member") => self.member(tag)?,
                (Some(_), "center") => {
                    let at = self.node_ref(tag)?.at;
                    self.object.iter_mut().for_each(|o| o.at = at);
                }
                _ => {}
            },
            // Nodes of a member.
            4 if name == "nd" => {
                let node = self.node_ref(tag)?;
                let object = self.object.as_mut();
                if let Some(member) = object.and_then(|object| object.members.last_mut()) {
                    member.nodes.push(node);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, depth: u32, visit: &mut dyn FnMut(Object)) {
        if depth == 2
            && let Some(object) = self.object.take()
            && self.wanted.by_id(object.id).unwrap_or(self.is_power)
        {
            visit(object);
        }
    }

    fn begin(&mut self, kind: ObjectKind, tag: &BytesStart<'_>) -> Result<(), OsmError> {
        let (mut id, mut lon, mut lat, mut deleted) = (None, None, None, false);
        self.attributes(tag, |xml, key, value| {
            match key {
                "id" => id = Some(xml.number::<i64>("id", value)?),
                "lon" => lon = Some(xml.number::<f64>("lon", value)?),
                "lat" => lat = Some(xml.number::<f64>("lat", value)?),
                // JOSM's mark, and that of files with history.
                "action" => deleted |= value == "delete",
                "visible" => deleted |= value == "false",
                _ => {}
            }
            Ok(())
        })?;
        let id = id.ok_or_else(|| damaged(self.path, format!("a {} without id", kind.name())))?;
        if deleted || self.wanted.by_id(id) == Some(false) {
            return Ok(());
        }
        let mut object = Object::new(kind, id);
        if let (Some(lon), Some(lat)) = (lon, lat) {
            object.at = Some(place(self.path, lon, lat)?);
        }
        self.object = Some(object);
        Ok(())
    }

    fn tag(&mut self, tag: &BytesStart<'_>) -> Result<(), OsmError> {
        let (mut key, mut text) = (String::new(), String::new());
        self.attributes(tag, |_, name, value| {
            match name {
                "k" => key.push_str(value),
                "v" => text.push_str(value),
                _ => {}
            }
            Ok(())
        })?;
        self.is_power |= is_power_key(&key);
        self.object.iter_mut().for_each(|object| {
            object
                .tags
                .push((std::mem::take(&mut key), std::mem::take(&mut text)));
        });
        Ok(())
    }

    /// A node by its number, its place, or both; a centre has its place alone.
    fn node_ref(&self, tag: &BytesStart<'_>) -> Result<NodeRef, OsmError> {
        let (mut id, mut lon, mut lat) = (None, None, None);
        self.attributes(tag, |xml, key, value| {
            match key {
                "ref" => id = Some(xml.number("ref", value)?),
                "lon" => lon = Some(xml.number("lon", value)?),
                "lat" => lat = Some(xml.number("lat", value)?),
                _ => {}
            }
            Ok(())
        })?;
        let at = match (lon, lat) {
            (Some(lon), Some(lat)) => Some(place(self.path, lon, lat)?),
            _ => None,
        };
        Ok(NodeRef { id, at })
    }

    fn member(&mut self, tag: &BytesStart<'_>) -> Result<(), OsmError> {
        let (mut kind, mut role) = (None, String::new());
        self.attributes(tag, |_, key, value| {
            match key {
                "type" => kind = ObjectKind::of_name(value),
                "role" => role.push_str(value),
                _ => {}
            }
            Ok(())
        })?;
        let node = self.node_ref(tag)?;
        if let (Some(kind), Some(id), Some(object)) = (kind, node.id, self.object.as_mut()) {
            object.members.push(Member {
                kind,
                id,
                role,
                nodes: node.at.map(|_| node).into_iter().collect(),
            });
        }
        Ok(())
    }

    fn attributes(
        &self,
        tag: &BytesStart<'_>,
        mut take: impl FnMut(&Self, &str, &str) -> Result<(), OsmError>,
    ) -> Result<(), OsmError> {
        for attribute in tag.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| damaged(self.path, error.to_string()))?;
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|error| damaged(self.path, error.to_string()))?;
            take(self, attribute.key.as_ref(), &value)?;
        }
        Ok(())
    }

    fn number<T: std::str::FromStr>(&self, name: &str, value: &str) -> Result<T, OsmError> {
        value
            .trim()
            .parse()
            .map_err(|_| damaged(self.path, format!("{name}=\"{value}\" is no number")))
    }
}
