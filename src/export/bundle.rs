//! All that a mapper needs, in one folder: each file under its usual name, the styles beside it,
//! and a session that opens the hints over the imagery in JOSM with one double-click.
//!
//! The folder is built beside its place and then renamed, so that it is there whole or not at all.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use super::{
    ExportError, ExportRequest, Format, Geometry, IfExists, QGIS_LINE_STYLE, QGIS_STYLE, RealUse,
    credits::{NOTE, RULES, attribution, layer_name},
    osm::escaped,
    qgis,
    tile_server::is_open_tile_server,
    write,
};

const MAPCSS: &str = include_str!("../../styles/hints.mapcss");
const MAPLIBRE: &str = include_str!("../../styles/maplibre.json");

/// Writes the folder, and answers how many detections it holds.
///
/// # Errors
/// When it exists and must not be replaced, a file of its cannot be written, or the run cannot be
/// read.
pub fn write_bundle(
    mut request: ExportRequest<'_>,
    folder: &Path,
    if_exists: IfExists,
) -> Result<u64, ExportError> {
    request.check_use(RealUse::Bundle)?;
    if if_exists == IfExists::Refuse && folder.exists() {
        return Err(ExportError::Exists {
            path: folder.to_owned(),
        });
    }
    let staged = StagedFolder::create(folder)?;
    let at = |name: &str| staged.path.join(name);
    let one = |format, request: &ExportRequest<'_>, name| {
        write(format, request, &at(name), IfExists::Refuse)
    };
    request.geometry = Geometry::Point;
    let detections = one(Format::Geojson, &request, "hints.geojson")?;
    one(Format::Csv, &request, "hints.csv")?;
    one(Format::Mbtiles, &request, "towers.mbtiles")?;
    #[cfg(feature = "gdal")]
    one(Format::Gpkg, &request, "hints.gpkg")?;
    one(Format::Osm, &request, "hints.osm")?;
    one(Format::Maproulette, &request, "tasks.geojsonl")?;
    one(Format::Report, &request, "report.html")?;
    request.geometry = Geometry::Line;
    one(Format::Geojson, &request, "lines.geojson")?;
    for (name, bytes) in [
        ("hints.qml", QGIS_STYLE),
        ("lines.qml", QGIS_LINE_STYLE),
        ("hints.mapcss", MAPCSS.as_bytes()),
        ("maplibre.json", maplibre(&request).as_bytes()),
        ("hints.jos", session(&request).as_bytes()),
        ("README.txt", readme(&request).as_bytes()),
    ] {
        let path = at(name);
        fs::write(&path, bytes).map_err(|source| ExportError::Write { path, source })?;
    }
    let path = at("hints.qgz");
    qgis::write_project(&request, &path).map_err(|source| ExportError::Write { path, source })?;
    staged.publish()?;
    Ok(detections)
}

/// The style with the names of this run's layers.
fn maplibre(request: &ExportRequest<'_>) -> String {
    let mut style = MAPLIBRE.to_owned();
    for layer in ["towers", "lines", "scanned"] {
        let name = layer_name(request.manifest(), layer);
        style = style.replace(
            &format!("\"source-layer\": \"{layer}\""),
            &format!("\"source-layer\": \"{name}\""),
        );
    }
    style
}

/// A session for JOSM: the hints above the imagery they were found on.
fn session(request: &ExportRequest<'_>) -> String {
    let manifest = request.manifest();
    let name = escaped(&layer_name(manifest, "hvmap hints"));
    let imagery = imagery_url(&manifest.imagery.name).map_or(String::new(), |url| {
        format!(
            "        <layer index=\"2\" name=\"{0}\" type=\"imagery\" version=\"0.1\" visible=\"true\">\n            \
             <name>{0}</name>\n            <type>tms</type>\n            <url>{1}</url>\n            \
             <attribution-text>{2}</attribution-text>\n            <max-zoom>{3}</max-zoom>\n        </layer>\n",
            escaped("imagery of the run"),
            escaped(&url),
            escaped(&manifest.imagery.attribution),
            manifest.zoom.max(19),
        )
    });
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<josm-session version=\"0.1\">\n    <layers active=\"1\">\n        \
         <layer index=\"1\" name=\"{name}\" type=\"osm-data\" version=\"0.1\" visible=\"true\">\n            \
         <file>hints.osm</file>\n        </layer>\n{imagery}    </layers>\n</josm-session>\n"
    )
}

/// The run's imagery as JOSM names it.
fn imagery_url(name: &str) -> Option<String> {
    is_open_tile_server(name).then(|| format!("tms:{}", name.replace("{z}", "{zoom}")))
}

fn readme(request: &ExportRequest<'_>) -> String {
    let manifest = request.manifest();
    let title = layer_name(manifest, "hints from hvmap");
    format!(
        "{title}: {}\n\n{NOTE}\n{RULES}\n\n\
         report.html      what was looked at and what was found; opens in any browser\n\
         hints.jos        JOSM: a session with the hints and, where it can be shown, the imagery\n\
         hints.osm        the hints alone, never uploaded; in the Relations window \"Select members\" of the one\n                          relation, then \"Add\" in the todo plugin: they keep their order along the lines\n\
         hints.mapcss     how JOSM shows them: Preferences, Map Paint Styles, add this file\n\
         hints.qgz        QGIS: a project with hints, lines and, where it can be shown, the imagery\n\
         hints.gpkg       QGIS: towers and lines, with their style inside\n\
         hints.geojson    the hints, hints.qml their style; hints.csv as a table\n\
         lines.geojson    the probable lines, lines.qml their style\n\
         tasks.geojsonl   MapRoulette: a challenge, line by line; further files hold what is beyond 2,000 tasks\n\
         towers.mbtiles   vector tiles, maplibre.json their style\n\n\
         JOSM with remote control on, for a copy of hints.osm at a web address:\n\
         http://127.0.0.1:8111/import?new_layer=true&layer_name={}&upload_policy=never&download_policy=never&url=ADDRESS\n\n\
         Imagery: {}\nAttribution: {}\nModel: {}\nRun: {}\n",
        manifest.area.label,
        title.replace(' ', "%20"),
        manifest.imagery.name,
        attribution(request),
        manifest.model.name,
        manifest.hash(),
    )
}

/// A folder that appears whole or not at all.
struct StagedFolder {
    path: PathBuf,
    place: PathBuf,
    published: bool,
}

impl StagedFolder {
    fn create(place: &Path) -> Result<Self, ExportError> {
        let mut hidden = OsString::from(".");
        hidden.push(place.file_name().unwrap_or_default());
        hidden.push(".partial");
        let path = place.with_file_name(hidden);
        // What a killed export left behind.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).map_err(|source| ExportError::Write {
            path: place.to_owned(),
            source,
        })?;
        Ok(Self {
            path,
            place: place.to_owned(),
            published: false,
        })
    }

    fn publish(mut self) -> Result<(), ExportError> {
        let failed = |source| ExportError::Write {
            path: self.place.clone(),
            source,
        };
        // A folder cannot be renamed over another: the old one steps aside until the new one is in.
        let aside = self.path.with_extension("old");
        if self.place.exists() {
            let _ = fs::remove_dir_all(&aside);
            fs::rename(&self.place, &aside).map_err(failed)?;
        }
        fs::rename(&self.path, &self.place).map_err(failed)?;
        let _ = fs::remove_dir_all(&aside);
        self.published = true;
        Ok(())
    }
}

impl Drop for StagedFolder {
    fn drop(&mut self) {
        if !self.published {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_open_tile_servers_go_into_a_session() {
        let url = imagery_url("https://example.org/{z}/{x}/{y}.jpg");
        assert_eq!(url.unwrap(), "tms:https://example.org/{zoom}/{x}/{y}.jpg");
        for hidden in [
            "https://example.org/{z}/{x}/{y}?key=***",
            "https://example.org/{z}/{x}/{y}?key={env:KEY}",
            "synthetic:1",
            "imagery.tif",
        ] {
            assert_eq!(imagery_url(hidden), None, "{hidden}");
        }
    }
}
