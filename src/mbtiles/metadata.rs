//! What a file says about itself.

use std::collections::HashMap;

use rusqlite::{Connection, types::Value};

use crate::tiles::ZOOM_MAX;

/// A name in the table of metadata.
///
/// All but the last two are the specification's:
/// <https://github.com/mapbox/mbtiles-spec/blob/master/1.3/spec.md#metadata>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// The layer's name, for people.
    Name,
    /// What the tiles are: `jpg`, `png`, `webp`, or `pbf` for vector tiles.
    Format,
    /// West, south, east and north in degrees, with commas between them.
    Bounds,
    /// Longitude, latitude and zoom of a first view, with commas between them.
    Center,
    /// The shallowest zoom that has tiles.
    ZoomMin,
    /// The deepest zoom that has tiles.
    ZoomMax,
    /// Whom to credit for the tiles.
    Attribution,
    /// What the tiles show, for people.
    Description,
    /// `overlay` or `baselayer`.
    Type,
    /// The layers of vector tiles and their fields, and whatever else a writer adds, as JSON.
    Json,
    /// `true` where the tiles are drawn and not photographed. Written by this program.
    Synthetic,
    /// The imagery that a growing file keeps tiles of. Written by this program.
    Source,
}

impl Key {
    /// The name as it stands in the file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Format => "format",
            Self::Bounds => "bounds",
            Self::Center => "center",
            Self::ZoomMin => "minzoom",
            Self::ZoomMax => "maxzoom",
            Self::Attribution => "attribution",
            Self::Description => "description",
            Self::Type => "type",
            Self::Json => "json",
            Self::Synthetic => "synthetic",
            Self::Source => "hvmap_source",
        }
    }
}

/// The metadata of a file.
#[derive(Clone, Debug, Default)]
pub struct Metadata(HashMap<String, String>);

impl Metadata {
    /// Reads the whole table.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let mut statement = connection.prepare("SELECT name, value FROM metadata")?;
        let rows = statement.query_map([], |row| {
            // Some writers store numbers as numbers.
            let text = |value: Value| match value {
                Value::Text(text) => text,
                Value::Integer(number) => number.to_string(),
                Value::Real(number) => number.to_string(),
                Value::Null | Value::Blob(_) => String::new(),
            };
            Ok((text(row.get(0)?), text(row.get(1)?)))
        })?;
        Ok(Self(rows.collect::<rusqlite::Result<_>>()?))
    }

    /// The value of a key, if the file has it.
    #[must_use]
    pub fn get(&self, key: Key) -> Option<&str> {
        self.0.get(key.name()).map(String::as_str)
    }

    /// The format of the tiles where they are vector tiles.
    #[must_use]
    pub fn vector_format(&self) -> Option<&str> {
        self.get(Key::Format)
            .filter(|format| matches!(*format, "pbf" | "mvt"))
    }

    /// The deepest zoom that the file names, if that is a zoom that tiles can have.
    #[must_use]
    pub fn zoom_max(&self) -> Option<u8> {
        let zoom = self.get(Key::ZoomMax)?.parse().ok()?;
        (zoom <= ZOOM_MAX).then_some(zoom)
    }

    /// Whether the tiles are drawn and not photographed, by this program's own mark.
    #[must_use]
    pub fn synthetic(&self) -> bool {
        self.get(Key::Synthetic) == Some("true")
    }
}
