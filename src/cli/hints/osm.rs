//! What to do about a file of OpenStreetMap's data that cannot be used.

use crate::{cli::CliError, osm::OsmError};

/// Adds what to do about it.
pub fn explain(error: OsmError) -> CliError {
    let hint = hint(&error);
    CliError::from(error).hint(hint)
}

/// What a person can do about it.
pub fn hint(error: &OsmError) -> &'static str {
    match error {
        OsmError::OtherCrs { .. } | OsmError::NotDegrees { .. } => {
            "reproject it: ogr2ogr -t_srs EPSG:4326 power.geojson FILE"
        }
        OsmError::GeoJson { .. } | OsmError::Damaged { .. } | OsmError::Empty { .. } => {
            "download it again, and compare its size with the server's"
        }
        OsmError::Packed { unpack, .. } => match *unpack {
            "unzip" => "unpack it first: unzip FILE",
            "bunzip2" => "unpack it first: bunzip2 FILE",
            "unxz" => "unpack it first: unxz FILE",
            "unzstd" => "unpack it first: unzstd FILE",
            _ => "unpack it first: 7z x FILE",
        },
        OsmError::OtherFormat { is: "TopoJSON", .. } => {
            "convert it to GeoJSON: topo2geo, or mapshaper FILE -o format=geojson"
        }
        OsmError::OtherFormat { .. } => "convert it: osmium cat FILE -o power.osm.pbf",
        OsmError::OtherRoot { root, .. } if root.eq_ignore_ascii_case("html") => {
            "it is a web page, perhaps a server's message: open it in a browser"
        }
        OsmError::OtherRoot { root, .. } if root == "osmChange" => {
            "apply the changes to the file that they belong to: osmium apply-changes"
        }
        OsmError::OtherRoot { .. } => "give an extract of OpenStreetMap's data, or GeoJSON",
        OsmError::History { .. } => {
            "take the objects of one date: osmium time-filter FILE -o now.osm.pbf"
        }
        OsmError::PbfCompression { .. } => {
            "write it anew: osmium cat FILE -o power.osm.pbf -f pbf,pbf_compression=zlib"
        }
        OsmError::Remark { .. } => {
            "ask for a smaller area, or with a longer [timeout:] or a larger [maxsize:]"
        }
        OsmError::NoGeometry { .. } => {
            "ask for the nodes too: in Overpass `out geom;`, or `(._;>;); out;`"
        }
        OsmError::NoPower { .. } => {
            "features need their tag `power`; an extract of the area from Geofabrik or Overpass \
             has it"
        }
        OsmError::Read { .. } | OsmError::UnknownFormat { .. } => {
            "give GeoJSON, .osm or .osm.pbf, gzipped or not"
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::osm::read_power;

    #[test]
    fn other_files_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("power.osm");
        let told: Vec<String> = [
            &b"PK\x03\x04............"[..],
            b"BZh91AY&SY",
            b"\xff\xe0\x04o5m2",
            b"<!DOCTYPE html><html><body>busy</body></html>",
            b"<osmChange version=\"0.6\"/>",
            br#"{"type":"Topology","objects":{},"arcs":[]}"#,
            b"<osm version=\"0.6\"><remark> runtime error: out of memory </remark></osm>",
        ]
        .into_iter()
        .map(|bytes| {
            fs::write(&path, bytes).unwrap();
            let error = read_power(&path).unwrap_err();
            let message = error.to_string();
            let told = message.rsplit_once("power.osm ").unwrap().1.to_owned();
            format!("{told}\n  hint: {}", hint(&error))
        })
        .collect();
        insta::assert_snapshot!(told.join("\n"));
    }
}
