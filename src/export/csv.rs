//! Comma-separated values (RFC 4180): one row a detection, best first, behind a header.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use super::{
    ExportError, ExportRequest,
    credits::attribution,
    geojson::Degrees,
    table::{FIELDS, IMAGERY, Row, Value},
};
use crate::detections::Detection;

/// Columns behind a detection's own. The last ones are the same in every row: a table has no other
/// place to say where it comes from. Here `imagery` is the source of the whole run.
const MORE_COLUMNS: [&str; 6] = ["lon", "lat", "attribution", "imagery", "model", "manifest"];

pub(super) fn write(request: &ExportRequest<'_>, out: &mut dyn Write) -> Result<u64, ExportError> {
    let own = FIELDS.iter().map(|(name, _)| *name);
    let header: Vec<_> = own
        .filter(|&name| name != IMAGERY)
        .chain(MORE_COLUMNS)
        .collect();
    write!(out, "{}\r\n", header.join(",")).map_err(ExportError::Stream)?;
    let manifest = request.manifest();
    let origin = [
        attribution(request).as_str(),
        manifest.imagery.name.as_str(),
        manifest.model.name.as_str(),
        manifest.hash().as_str(),
    ]
    .map(|field| quoted(field).into_owned())
    .join(",");
    request.for_each(|detection| {
        write_row(request, detection, &origin, out).map_err(ExportError::Stream)
    })
}

fn write_row(
    request: &ExportRequest<'_>,
    detection: &Detection,
    origin: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    for (name, value) in Row::of(request, detection).iter() {
        if name == IMAGERY {
            continue;
        }
        match value {
            Some(Value::Text(text)) => out.write_all(quoted(text).as_bytes())?,
            Some(Value::Whole(number)) => write!(out, "{number}")?,
            Some(Value::Real(number)) => write!(out, "{number}")?,
            Some(Value::Flag(flag)) => write!(out, "{flag}")?,
            None => {}
        }
        out.write_all(b",")?;
    }
    let (lon, lat) = (Degrees(detection.at.lon), Degrees(detection.at.lat));
    write!(out, "{lon},{lat},{origin}\r\n")
}

/// A field, in quotes where its characters ask for them.
fn quoted(field: &str) -> Cow<'_, str> {
    if field.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\"")).into()
    } else {
        field.into()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Format, Geometry, write_to},
        *,
    };
    use crate::{detections::testing::TestRun, tiles::TileCoord};

    #[test]
    fn fields_with_commas_and_quotes_are_quoted() {
        let mut run = TestRun::default();
        run.manifest.imagery.attribution = "© \"A\", B".into();
        run.add(
            TileCoord {
                z: 18,
                x: 140_143,
                y: 95_508,
            },
            0.75,
            1,
        );
        let ledger = run.ledger();
        let request = ExportRequest::new(&ledger, 0.5).unwrap();
        let mut out = Vec::new();
        assert_eq!(write_to(Format::Csv, &request, &mut out).unwrap(), 1);
        let text = String::from_utf8(out).unwrap();
        insta::assert_snapshot!(text.replace(&run.manifest.hash(), "HASH"));
    }

    #[test]
    fn squares_are_refused() {
        let run = TestRun::default();
        let ledger = run.ledger();
        let request = ExportRequest::new(&ledger, 0.5)
            .unwrap()
            .with_geometry(Geometry::Tile);
        let error = write_to(Format::Csv, &request, &mut Vec::new()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the format csv has no tile squares, only points"
        );
    }

    #[test]
    fn a_threshold_below_what_was_kept_is_refused() {
        let run = TestRun::default();
        let ledger = run.ledger();
        let error = ExportRequest::new(&ledger, 0.1).map(|_| ()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "threshold 0.1 is below what the run kept: tiles that scored under 0.25 have no \
             candidate in the ledger"
        );
    }
}
