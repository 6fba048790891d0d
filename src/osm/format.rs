//! Which format a file of OpenStreetMap's data has, told by what it holds and not by its name.

use std::{
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use flate2::bufread::MultiGzDecoder;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use super::OsmError;

/// First bytes of a gzip file (RFC 1952).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// What the first block of an `.osm.pbf` calls itself, behind its length and field number.
const PBF_HEADER: &[u8] = b"OSMHeader";
/// What a sequence of GeoJSON texts puts before each (RFC 8142).
const RECORD_SEPARATOR: u8 = 0x1e;
/// First bytes of what this program does not unpack, its name, and what does.
const PACKED: [(&[u8], &str, &str); 5] = [
    (b"PK\x03\x04", "a ZIP archive", "unzip"),
    (b"BZh", "compressed by bzip2", "bunzip2"),
    (b"\xfd7zXZ\0", "compressed by xz", "unxz"),
    (b"\x28\xb5\x2f\xfd", "compressed by Zstandard", "unzstd"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z x"),
];
/// First bytes of an o5m file (<https://wiki.openstreetmap.org/wiki/O5m>).
const O5M_MAGIC: &[u8] = b"\xff\xe0\x04o5m2";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// A FeatureCollection, a Feature, or a sequence of features.
    GeoJson,
    Osm(OsmForm),
}

/// One of OpenStreetMap's own formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OsmForm {
    Xml,
    Pbf,
    OverpassJson,
}

impl Format {
    /// Tells by the first bytes, and JSON by its first telling member.
    ///
    /// # Errors
    /// When the file cannot be read, is empty, or is none of them; where it is known, by its name.
    pub fn of(path: &Path) -> Result<Self, OsmError> {
        let failed = |source| OsmError::Read {
            path: path.to_owned(),
            source,
        };
        let (reader, _) = open(path).map_err(failed)?;
        let mut head = Vec::new();
        reader.take(64).read_to_end(&mut head).map_err(failed)?;
        let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head);
        for (magic, is, unpack) in PACKED {
            if head.starts_with(magic) {
                return Err(OsmError::Packed {
                    path: path.to_owned(),
                    is,
                    unpack,
                });
            }
        }
        if head.starts_with(O5M_MAGIC) {
            return Err(OsmError::OtherFormat {
                path: path.to_owned(),
                is: "in the o5m format",
            });
        }
        match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
            None => Err(OsmError::Empty {
                path: path.to_owned(),
            }),
            Some(&RECORD_SEPARATOR) => Ok(Self::GeoJson),
            Some(b'{') => Self::of_json(path),
            Some(b'<') => Ok(Self::Osm(OsmForm::Xml)),
            Some(_) if head.windows(PBF_HEADER.len()).any(|at| at == PBF_HEADER) => {
                Ok(Self::Osm(OsmForm::Pbf))
            }
            Some(_) => Err(OsmError::UnknownFormat {
                path: path.to_owned(),
            }),
        }
    }

    fn of_json(path: &Path) -> Result<Self, OsmError> {
        let (mut reader, _) = open(path).map_err(|source| OsmError::Read {
            path: path.to_owned(),
            source,
        })?;
        // What cannot be read shows when it is read.
        let _ = skip_byte_order_mark(&mut reader);
        let mut found = None;
        let mut json = serde_json::Deserializer::from_reader(reader);
        // Ends with an error as soon as it is known.
        let _ = json.deserialize_map(Telling { found: &mut found });
        match found {
            Some(JsonKind::Overpass) => Ok(Self::Osm(OsmForm::OverpassJson)),
            Some(JsonKind::Topology) => Err(OsmError::OtherFormat {
                path: path.to_owned(),
                is: "TopoJSON",
            }),
            Some(JsonKind::GeoJson) | None => Ok(Self::GeoJson),
        }
    }
}

#[derive(Clone, Copy)]
enum JsonKind {
    GeoJson,
    Overpass,
    Topology,
}

/// Reads members until one tells what the file is.
struct Telling<'a> {
    found: &'a mut Option<JsonKind>,
}

impl<'de> Visitor<'de> for Telling<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<String>()? {
            let kind = match name.as_str() {
                "elements" | "osm3s" => Some(JsonKind::Overpass),
                "features" | "geometry" => Some(JsonKind::GeoJson),
                "arcs" | "objects" => Some(JsonKind::Topology),
                _ => None,
            };
            if kind.is_some() {
                *self.found = kind;
                return Err(A::Error::custom("it is known"));
            }
            members.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

/// Opens a file, unpacking it if it is gzipped, and says whether it is.
pub(crate) fn open(path: &Path) -> io::Result<(Box<dyn BufRead + Send>, bool)> {
    let mut file = BufReader::with_capacity(1 << 16, File::open(path)?);
    let gzipped = file.fill_buf()?.starts_with(&GZIP_MAGIC);
    let reader: Box<dyn BufRead + Send> = if gzipped {
        Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(file)))
    } else {
        Box::new(file)
    };
    Ok((reader, gzipped))
}

/// Some programs begin UTF-8 with it, and JSON does not allow it (RFC 8259, section 8.1).
pub(super) fn skip_byte_order_mark(reader: &mut impl BufRead) -> io::Result<()> {
    if reader.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
        reader.consume(3);
    }
    Ok(())
}

/// Turns the separators of a sequence of GeoJSON texts into white space.
pub(super) struct WithoutSeparators<R>(pub R);

impl<R: Read> Read for WithoutSeparators<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        for byte in &mut buffer[..read] {
            if *byte == RECORD_SEPARATOR {
                *byte = b' ';
            }
        }
        Ok(read)
    }
}
