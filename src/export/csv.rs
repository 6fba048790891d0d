//! Comma-separated values (RFC 4180): one row a detection, best first, behind a header.

use std::io::{self, Write};

use super::{ExportError, ExportRequest, credits::attribution, geojson::Degrees, table::Row};
use crate::detections::Detection;

/// Columns in order. The last ones are the same in every row: a table has no other place to say
/// where it comes from.
const HEADER: &str = "id,rank,band,score,lon,lat,tile,uncertainty_m,located,chain,place,osm_status,\
    osm_id,osm_distance_m,synthetic,desc,attribution,imagery,model,manifest";

pub(super) fn write(request: &ExportRequest<'_>, out: &mut dyn Write) -> Result<u64, ExportError> {
    write!(out, "{HEADER}\r\n").map_err(ExportError::Stream)?;
    let manifest = request.manifest();
    let origin = [
        attribution(request).as_str(),
        manifest.imagery.name.as_str(),
        manifest.model.name.as_str(),
        manifest.hash().as_str(),
    ]
    .map(quoted)
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
    let row = Row::of(request, detection);
    write!(
        out,
        "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{origin}\r\n",
        row.id,
        row.rank,
        row.band,
        row.score,
        Degrees(detection.lon),
        Degrees(detection.lat),
        row.tile,
        row.uncertainty_m,
        row.located,
        or_empty(row.chain),
        or_empty(row.place),
        or_empty(row.osm_status),
        or_empty(row.osm_id),
        or_empty(row.osm_distance_m),
        row.synthetic,
        quoted(&row.desc),
    )
}

fn or_empty(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// A field, in quotes where its characters ask for them.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
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
