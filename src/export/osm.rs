//! A layer for JOSM (<https://wiki.openstreetmap.org/wiki/JOSM_file_format>).
//!
//! The file forbids its upload and download, its ids are negative, and no tag is one that
//! OpenStreetMap uses for the grid: hints must never look like mapped data. Nodes stand along the
//! lines, what is mapped already is left out.

use std::io::{self, Write};

use super::{
    ExportError, ExportRequest,
    credits::{NOTE, RULES, attribution, layer_name},
    geojson::Degrees,
    table::Row,
};
use crate::detections::Detection;

pub(super) fn write(request: &ExportRequest<'_>, out: &mut dyn Write) -> Result<u64, ExportError> {
    let mut count = 0;
    write_head(request, out).map_err(ExportError::Stream)?;
    for detection in request.to_map() {
        count += 1;
        write_node(request, detection, count, out).map_err(ExportError::Stream)?;
    }
    out.write_all(b"</osm>\n").map_err(ExportError::Stream)?;
    Ok(count)
}

fn write_head(request: &ExportRequest<'_>, out: &mut dyn Write) -> io::Result<()> {
    let manifest = request.manifest();
    let said = format!(
        "{}. {NOTE} {RULES} Imagery: {} ({}). Model: {}. Run: {}.",
        layer_name(manifest, "hvmap hints"),
        manifest.imagery.name,
        attribution(request),
        manifest.model.name,
        manifest.hash(),
    );
    // A comment may hold no double hyphen.
    let said = said.replace("--", "- -");
    write!(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<osm version=\"0.6\" generator=\"hvmap {}\" \
         upload=\"never\" download=\"never\">\n  <!-- {said} -->\n",
        env!("CARGO_PKG_VERSION")
    )
}

fn write_node(
    request: &ExportRequest<'_>,
    detection: &Detection,
    number: u64,
    out: &mut dyn Write,
) -> io::Result<()> {
    let row = Row::of(request, detection);
    writeln!(
        out,
        "  <node id=\"-{number}\" lat=\"{}\" lon=\"{}\">",
        Degrees(detection.lat),
        Degrees(detection.lon)
    )?;
    let text = |value: Option<u32>| value.map(|value| value.to_string());
    let tags = [
        ("id", Some(row.id.to_owned())),
        ("rank", Some(row.rank.to_string())),
        ("band", Some(row.band.to_owned())),
        ("score", Some(row.score.to_string())),
        ("chain", text(row.chain)),
        ("place", text(row.place)),
        ("uncertainty_m", Some(row.uncertainty_m.to_string())),
        ("osm_status", row.osm_status.map(str::to_owned)),
        ("synthetic", row.synthetic.then(|| "yes".to_owned())),
        ("desc", Some(row.desc)),
    ];
    for (key, value) in tags {
        if let Some(value) = value {
            writeln!(
                out,
                "    <tag k=\"hvmap:{key}\" v=\"{}\"/>",
                escaped(&value)
            )?;
        }
    }
    out.write_all(b"  </node>\n")
}

/// Text as an attribute of XML takes it.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
