//! Areas from lists of tiles, as other tools write them.
//!
//! Read line by line: `[x, y, z]` (mercantile, supermercado), `x,y,z` with or without a header
//! (robosat), `x y z`, and names such as `dir/x-y-z.jpg` (the tools of 2018).

use std::io::BufRead;

use super::{Area, AreaError, Provenance, Shape};
use crate::tiles::{Cover, CoverBuilder, TileCoord};

/// Longest line that is quoted in an error.
const QUOTED_CHARS_MAX: usize = 60;

/// From which side the rows of tiles are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RowOrder {
    /// From the north, as web maps do.
    #[default]
    Xyz,
    /// From the south, as TMS and MBTiles do.
    Tms,
}

/// Reads a list of tiles, in any order, repeats allowed, all of one zoom. `source_name` says in
/// errors what was read.
///
/// # Errors
/// When reading fails, when a line is no tile (with its number), when zooms differ, and when there
/// is no tile at all.
pub fn read_tiles(
    mut reader: impl BufRead,
    source_name: &str,
    rows: RowOrder,
) -> Result<Area, AreaError> {
    let mut builder: Option<CoverBuilder> = None;
    let mut order = ColumnOrder::default();
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        line.clear();
        let read = reader
            .read_until(b'\n', &mut line)
            .map_err(|cause| AreaError::Read {
                path: source_name.into(),
                cause,
            })?;
        if read == 0 {
            break;
        }
        number += 1;
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let Some(values) = numbers_of(text) else {
            if number == 1
                && let Some(header) = ColumnOrder::of_header(text)
            {
                order = header;
                continue;
            }
            let quoted = String::from_utf8_lossy(text);
            return Err(AreaError::NotATile {
                source_name: source_name.to_owned(),
                line: number,
                got: quoted.chars().take(QUOTED_CHARS_MAX).collect(),
            });
        };
        let bad = |cause| AreaError::BadTile {
            source_name: source_name.to_owned(),
            line: number,
            cause,
        };
        let zoom = u8::try_from(values[order.z]).unwrap_or(u8::MAX);
        let mut tile = TileCoord::new(zoom, values[order.x], values[order.y]).map_err(bad)?;
        if rows == RowOrder::Tms {
            tile.y = tile.tms_y();
        }
        builder
            .get_or_insert_with(|| CoverBuilder::new(zoom))
            .push(tile)
            .map_err(bad)?;
    }
    let builder = builder.ok_or_else(|| AreaError::NoTiles {
        source_name: source_name.to_owned(),
    })?;
    Ok(Area {
        label: source_name.to_owned(),
        shape: Shape::Tiles(Cover::from_builder(builder)?),
        provenance: Provenance {
            source: format!("tiles listed in {source_name}"),
            date: None,
            coarseness: None,
        },
        buffer: None,
        warnings: Vec::new(),
    })
}

/// Where in a line the three numbers stand.
struct ColumnOrder {
    x: usize,
    y: usize,
    z: usize,
}

impl Default for ColumnOrder {
    fn default() -> Self {
        Self { x: 0, y: 1, z: 2 }
    }
}

impl ColumnOrder {
    /// The order that a CSV header states: exactly the columns x, y and z (or zoom).
    fn of_header(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?.to_ascii_lowercase();
        let names: Vec<&str> = text
            .trim_start_matches('\u{feff}')
            .split([',', ';', '\t', ' '])
            .map(|name| name.trim_matches(['"', ' ']))
            .filter(|name| !name.is_empty())
            .collect();
        let position = |wanted: &[&str]| names.iter().position(|name| wanted.contains(name));
        let order = Self {
            x: position(&["x"])?,
            y: position(&["y"])?,
            z: position(&["z", "zoom"])?,
        };
        (names.len() == 3).then_some(order)
    }
}

/// The three numbers of a line in any of the known forms.
fn numbers_of(text: &[u8]) -> Option<[u32; 3]> {
    if let Some(inner) = text.strip_prefix(b"[") {
        // A list of tiles may be one JSON array over several lines, or end in a comma.
        let inner = inner.strip_suffix(b",").unwrap_or(inner).trim_ascii();
        return separated(inner.strip_suffix(b"]")?, b',');
    }
    if text.contains(&b',') {
        return separated(text, b',');
    }
    if text.contains(&b'-') {
        let name = text.rsplit(|&byte| byte == b'/' || byte == b'\\').next()?;
        let stem = name.split(|&byte| byte == b'.').next()?;
        return separated(stem, b'-');
    }
    let separator = if text.contains(&b'\t') { b'\t' } else { b' ' };
    separated(text, separator)
}

/// Exactly three numbers between separators; spaces around them do not matter.
fn separated(text: &[u8], separator: u8) -> Option<[u32; 3]> {
    let mut values = [0; 3];
    let mut fields = text
        .split(|&byte| byte == separator)
        .map(<[u8]>::trim_ascii)
        .filter(|field| separator != b' ' || !field.is_empty());
    for value in &mut values {
        *value = number_of(fields.next()?)?;
    }
    fields.next().is_none().then_some(values)
}

fn number_of(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u32, |value, &digit| {
        let digit = digit.is_ascii_digit().then(|| u32::from(digit - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiles_of(text: &str, rows: RowOrder) -> Result<Vec<String>, AreaError> {
        let area = read_tiles(text.as_bytes(), "list", rows)?;
        let Shape::Tiles(cover) = area.shape else {
            panic!("not tiles");
        };
        Ok(cover.iter().map(|tile| tile.to_string()).collect())
    }

    #[test]
    fn every_known_form_of_a_tile_is_read() {
        for text in [
            "[5, 7, 4]\n[6, 7, 4]\n",
            "[5,7,4],\r\n[6,7,4]\r\n",
            "5,7,4\n6,7,4",
            "x,y,z\n5,7,4\n6,7,4\n",
            "\u{feff}x,y,z\n5,7,4\n6,7,4\n",
            "z,x,y\n4,5,7\n4,6,7\n",
            "\"x\",\"y\",\"zoom\"\n5, 7, 4\n\n6, 7, 4\n",
            "5 7 4\n6  7 4\n",
            "5\t7\t4\n6\t7\t4\n",
            "5-7-4.jpg\n6-7-4.jpg\n",
            "2018/run-1/5-7-4.jpg\nC:\\tiles\\6-7-4.png\n",
        ] {
            let tiles = tiles_of(text, RowOrder::Xyz).unwrap();
            assert_eq!(tiles, ["4/5/7", "4/6/7"], "{text}");
        }
    }

    #[test]
    fn rows_counted_from_the_south_are_flipped() {
        assert_eq!(tiles_of("5 7 4", RowOrder::Tms).unwrap(), ["4/5/8"]);
    }

    #[test]
    fn a_wrong_line_is_named() {
        let error = |text: &str| tiles_of(text, RowOrder::Xyz).unwrap_err().to_string();
        assert_eq!(
            error("5 7 4\nfive 7 4\n"),
            "line 2 of list is not a tile (got \"five 7 4\", expected [x, y, z], x,y,z or x y z)"
        );
        for wrong in [
            "-5,7,4",
            "5,7",
            "5,7,4,2",
            "[5,7,4",
            "5.0 7 4",
            "5-7.jpg",
            "99999999999 1 2",
        ] {
            assert!(
                error(wrong).starts_with("line 1 of list is not a tile"),
                "{wrong}"
            );
        }
        assert_eq!(error("5 16 4"), "line 1 of list");
        assert_eq!(error("5 7 4\n5 7 5"), "line 2 of list");
        assert_eq!(error("x,y,z\n"), "list lists no tile");
        assert_eq!(error("\n"), "list lists no tile");
    }
}
