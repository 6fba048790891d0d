//! A project for QGIS: hints over lines over the imagery, each with its style.
//!
//! A `.qgz` is a ZIP archive with one XML file, in which paths are relative to the archive's own:
//! the folder can be moved. Only what QGIS needs is written; it fills in the rest. The archive
//! holds no time.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::{
    ExportRequest, QGIS_LINE_STYLE, QGIS_STYLE,
    credits::{NOTE, attribution, layer_name},
    osm::escaped,
    tile_server::is_open_tile_server,
};
use crate::tiles::{TilePosition, mercator};

/// Half the side of the world in Web Mercator (EPSG:3857), in metres.
const HALF_WORLD_M: f64 = 20_037_508.342_789_244;
/// What is shown around the hints, as a share of their extent's side.
const MARGIN: f64 = 0.05;

/// Writes the project of a bundle.
pub(super) fn write_project(request: &ExportRequest<'_>, path: &Path) -> io::Result<()> {
    let mut archive = ZipWriter::new(File::create(path)?);
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    archive.start_file("hints.qgs", options)?;
    archive.write_all(project(request).as_bytes())?;
    archive.finish()?.sync_all()
}

fn project(request: &ExportRequest<'_>) -> String {
    let manifest = request.manifest();
    let layer = |name: &str| layer_name(manifest, name);
    let source = |name: &str, file: &str| {
        if cfg!(feature = "gdal") {
            format!("./hints.gpkg|layername={}", layer(name))
        } else {
            format!("./{file}")
        }
    };
    let mut layers = vec![
        Layer {
            id: "hvmap_layer_towers",
            name: layer("towers"),
            source: source("towers", "hints.geojson"),
            kind: SourceKind::Vector("Point", QGIS_STYLE),
        },
        Layer {
            id: "hvmap_layer_lines",
            name: layer("lines"),
            source: source("lines", "lines.geojson"),
            kind: SourceKind::Vector("Line", QGIS_LINE_STYLE),
        },
    ];
    if is_open_tile_server(&manifest.imagery.name) {
        layers.push(Layer {
            id: "hvmap_layer_imagery",
            name: "imagery of the run".to_owned(),
            source: tiles_source(&manifest.imagery.name, manifest.zoom),
            kind: SourceKind::Tiles(attribution(request)),
        });
    }
    let tree: String = layers.iter().map(Layer::in_tree).collect();
    let definitions: String = layers.iter().map(Layer::definition).collect();
    let title = escaped(&layer("hvmap hints"));
    let [west, south, east, north] = extent(request);
    let abstract_ = escaped(&format!(
        "{NOTE} Imagery: {} ({}). Model: {}. Run: {}.",
        manifest.imagery.name,
        attribution(request),
        manifest.model.name,
        manifest.hash()
    ));
    format!(
        "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n\
         <qgis projectname=\"{title}\" version=\"3.22.0\">\n<title>{title}</title>\n\
         <projectCrs>{WEB_MERCATOR}</projectCrs>\n<layer-tree-group>\n{tree}</layer-tree-group>\n\
         <mapcanvas name=\"theMapCanvas\"><units>meters</units><extent><xmin>{west:.1}</xmin>\
         <ymin>{south:.1}</ymin><xmax>{east:.1}</xmax><ymax>{north:.1}</ymax></extent>\
         <rotation>0</rotation><destinationsrs>{WEB_MERCATOR}</destinationsrs></mapcanvas>\n\
         <projectlayers>\n{definitions}</projectlayers>\n\
         <properties><SpatialRefSys><ProjectionsEnabled type=\"int\">1</ProjectionsEnabled></SpatialRefSys><Paths><Absolute type=\"bool\">false</Absolute></Paths></properties>\n\
         <projectMetadata><title>{title}</title><abstract>{abstract_}</abstract></projectMetadata>\n</qgis>\n",
    )
}

/// A layer of the project, the topmost first.
struct Layer {
    /// QGIS makes up another where it has ten characters or fewer.
    id: &'static str,
    name: String,
    /// As QGIS's provider takes it.
    source: String,
    kind: SourceKind,
}

enum SourceKind {
    /// Geometry and QML.
    Vector(&'static str, &'static [u8]),
    /// Tiles with their attribution.
    Tiles(String),
}

impl Layer {
    fn provider(&self) -> &'static str {
        match self.kind {
            SourceKind::Vector(..) => "ogr",
            SourceKind::Tiles(_) => "wms",
        }
    }

    fn in_tree(&self) -> String {
        format!(
            "<layer-tree-layer id=\"{}\" name=\"{}\" source=\"{}\" providerKey=\"{}\" \
             checked=\"Qt::Checked\" expanded=\"0\"/>\n",
            self.id,
            escaped(&self.name),
            escaped(&self.source),
            self.provider()
        )
    }

    fn definition(&self) -> String {
        let (id, provider) = (self.id, self.provider());
        let (name, source) = (escaped(&self.name), escaped(&self.source));
        let (attributes, system, more) = match &self.kind {
            SourceKind::Vector(geometry, style) => (
                format!("type=\"vector\" geometry=\"{geometry}\" labelsEnabled=\"1\""),
                LON_LAT,
                style_elements(style),
            ),
            SourceKind::Tiles(attribution) => (
                "type=\"raster\"".to_owned(),
                WEB_MERCATOR,
                format!("<attribution>{}</attribution>", escaped(attribution)),
            ),
        };
        format!(
            "<maplayer {attributes}>\n<id>{id}</id>\n<datasource>{source}</datasource>\n\
             <layername>{name}</layername>\n<srs>{system}</srs>\n\
             <provider encoding=\"UTF-8\">{provider}</provider>\n{more}\n</maplayer>\n"
        )
    }
}

/// What a QML file holds: the same elements describe a layer in a project.
fn style_elements(qml: &[u8]) -> String {
    let qml = String::from_utf8_lossy(qml);
    let inside = qml
        .split_once("<qgis")
        .and_then(|(_, rest)| rest.split_once('>'))
        .and_then(|(_, rest)| rest.rsplit_once("</qgis>"));
    inside.map_or(String::new(), |(elements, _)| elements.to_owned())
}

/// Web Mercator; by its code alone QGIS 3.22 does not take it for a project's.
const WEB_MERCATOR: &str = "<spatialrefsys><proj4>+proj=merc +a=6378137 +b=6378137 +lat_ts=0 \
    +lon_0=0 +x_0=0 +y_0=0 +k=1 +units=m +nadgrids=@null +wktext +no_defs</proj4>\
    <srsid>3857</srsid><srid>3857</srid><authid>EPSG:3857</authid></spatialrefsys>";
const LON_LAT: &str = "<spatialrefsys><authid>EPSG:4326</authid></spatialrefsys>";

/// A tile server as QGIS's provider takes it: a query, so that the address is percent-encoded.
fn tiles_source(template: &str, zoom: u8) -> String {
    // Of several hosts one does.
    let one_host = match template.split_once("{switch:") {
        Some((before, rest)) => {
            let (hosts, after) = rest.split_once('}').unwrap_or((rest, ""));
            format!(
                "{before}{}{after}",
                hosts.split(',').next().unwrap_or_default()
            )
        }
        None => template.to_owned(),
    };
    let url: String = url::form_urlencoded::byte_serialize(one_host.as_bytes()).collect();
    format!("type=xyz&url={url}&zmin=0&zmax={}", zoom.max(19))
}

/// West, south, east and north of the hints in Web Mercator, in metres; of the world if there are
/// none.
fn extent(request: &ExportRequest<'_>) -> [f64; 4] {
    let mut bounds = [
        f64::INFINITY,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NEG_INFINITY,
    ];
    for tower in request.grid().towers() {
        let TilePosition { x, y } = mercator::lon_lat_to_tile(tower.at, 0);
        let (x, y) = (
            (2.0 * x - 1.0) * HALF_WORLD_M,
            (1.0 - 2.0 * y) * HALF_WORLD_M,
        );
        bounds = [
            bounds[0].min(x),
            bounds[1].min(y),
            bounds[2].max(x),
            bounds[3].max(y),
        ];
    }
    let [west, south, east, north] = bounds;
    if west > east {
        return [-HALF_WORLD_M, -HALF_WORLD_M, HALF_WORLD_M, HALF_WORLD_M];
    }
    // A lone hint still gets some ground around it.
    let margin = MARGIN * (east - west).max(north - south).max(5_000.0);
    [west - margin, south - margin, east + margin, north + margin]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_tiles_is_one_value_of_a_query() {
        assert_eq!(
            tiles_source(
                "https://{switch:a,b}.example.org/{z}/{x}/{y}.jpg?v=1&w=2",
                18
            ),
            "type=xyz&url=https%3A%2F%2Fa.example.org%2F%7Bz%7D%2F%7Bx%7D%2F%7By%7D.jpg%3Fv%3D1%26w%3D2&zmin=0&zmax=19"
        );
    }

    #[test]
    fn a_style_gives_its_elements() {
        for style in [QGIS_STYLE, QGIS_LINE_STYLE] {
            let elements = style_elements(style);
            assert!(
                elements.trim_start().starts_with("<renderer-v2"),
                "{elements}"
            );
            assert!(elements.contains("</renderer-v2>") && !elements.contains("<qgis"));
        }
    }
}
