//! A layer for JOSM (<https://wiki.openstreetmap.org/wiki/JOSM_file_format>).
//!
//! The file forbids its upload and download, its ids are negative, and no tag is one that
//! OpenStreetMap uses for the grid: hints must never look like mapped data. What is mapped already
//! is left out.
//!
//! JOSM keeps nodes in a hash table and forgets the file's order, but not that of a relation's
//! members. So one relation holds the hints along the lines: *Select members*, then *Add* in the
//! todo plugin, steps through them in that order. Each probable line is a way, to be seen.

use std::io::{self, Write};

use super::{
    ExportError, ExportRequest,
    credits::{NOTE, RULES, attribution, layer_name},
    geojson::{Degrees, lines},
    table::{Row, Value, hundredths},
};
use crate::detections::{Detection, LikelyLine};

pub(super) fn write(request: &ExportRequest<'_>, out: &mut dyn Write) -> Result<u64, ExportError> {
    write_elements(request, out).map_err(ExportError::Stream)
}

fn write_elements(request: &ExportRequest<'_>, out: &mut dyn Write) -> io::Result<u64> {
    write_head(request, out)?;
    // A node's number, by the rank of its detection; 0 for what is left out.
    let mut numbers = vec![0u64; request.grid().towers().len()];
    let mut hints = 0;
    for detection in request.to_map() {
        hints += 1;
        numbers[(detection.rank - 1) as usize] = hints;
        write_node(request, detection, hints, out)?;
    }
    let mut last = hints;
    for line in lines(request) {
        for part in parts(request, line, &numbers) {
            last += 1;
            write_way(request, line, &part, last, out)?;
        }
    }
    if hints > 0 {
        write_walk(request, hints, last + 1, out)?;
    }
    out.write_all(b"</osm>\n")?;
    Ok(hints)
}

/// The nodes of a line that are in the file, in pieces that do not cross the antimeridian.
fn parts(request: &ExportRequest<'_>, line: &LikelyLine, numbers: &[u64]) -> Vec<Vec<u64>> {
    let towers = request.grid().towers();
    let kept: Vec<u32> = line
        .towers
        .iter()
        .copied()
        .filter(|&tower| numbers[tower as usize] > 0)
        .collect();
    let mut parts: Vec<Vec<u64>> = kept
        .chunk_by(|&a, &b| (towers[a as usize].at.lon - towers[b as usize].at.lon).abs() <= 180.0)
        .map(|part| part.iter().map(|&tower| numbers[tower as usize]).collect())
        .collect();
    parts.retain(|part| part.len() > 1);
    parts
}

fn write_way(
    request: &ExportRequest<'_>,
    line: &LikelyLine,
    nodes: &[u64],
    number: u64,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "  <way id=\"-{number}\">")?;
    for node in nodes {
        writeln!(out, "    <nd ref=\"-{node}\"/>")?;
    }
    write_tag("hvmap:line", &line.number.to_string(), out)?;
    write_tag(
        "hvmap:confidence",
        &hundredths(line.confidence).to_string(),
        out,
    )?;
    if request.manifest().imagery.synthetic {
        write_tag("hvmap:synthetic", "yes", out)?;
    }
    out.write_all(b"  </way>\n")
}

/// The hints in the order in which a person looks at them with the least travel.
fn write_walk(
    request: &ExportRequest<'_>,
    hints: u64,
    number: u64,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "  <relation id=\"-{number}\">")?;
    for node in 1..=hints {
        writeln!(out, "    <member type=\"node\" ref=\"-{node}\" role=\"\"/>")?;
    }
    write_tag("type", "hvmap:hints", out)?;
    write_tag(
        "name",
        &layer_name(request.manifest(), "hints along the lines"),
        out,
    )?;
    write_tag("hvmap:attribution", &attribution(request), out)?;
    write_tag("hvmap:model", &request.manifest().model.name, out)?;
    write_tag("hvmap:manifest", &request.manifest().hash(), out)?;
    out.write_all(b"  </relation>\n")
}

fn write_tag(key: &str, value: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "    <tag k=\"{key}\" v=\"{}\"/>", escaped(value))
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
    writeln!(
        out,
        "  <node id=\"-{number}\" lat=\"{}\" lon=\"{}\">",
        Degrees(detection.at.lat),
        Degrees(detection.at.lon)
    )?;
    for (key, value) in Row::of(request, detection).iter() {
        let value = match value {
            Some(Value::Text(text)) => text.to_string(),
            Some(Value::Whole(number)) => number.to_string(),
            Some(Value::Real(number)) => number.to_string(),
            Some(Value::Flag(true)) => "yes".to_owned(),
            Some(Value::Flag(false)) | None => continue,
        };
        write_tag(&format!("hvmap:{key}"), &value, out)?;
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
