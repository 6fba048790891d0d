//! Small files in every form, whole and broken.

use std::{fs, io::Write};

use flate2::{Compression, write::GzEncoder};

use super::*;

const GEOJSON: &str = r#"{"bbox":[1,1,9,9],"type":"FeatureCollection","features":[
    {"type":"Feature","id":"node/7","properties":{"power":"tower"},
     "geometry":{"type":"Point","coordinates":[2,2]}},
    {"type":"Feature","properties":{"tags":{"disused:power":"tower"},"@id":"node/8"},
     "geometry":{"type":"Point","coordinates":[3,3]}},
    {"type":"Feature","properties":{"power":"line","voltage":"132000;220000"},
     "geometry":{"type":"LineString","coordinates":[[2,2],[3,3]]}},
    {"type":"Feature","properties":{"power":"substation"},
     "geometry":{"type":"Polygon","coordinates":[[[4,4],[5,4],[5,5],[4,4]]]}},
    {"type":"Feature","properties":{"power":"portal"},
     "geometry":{"type":"LineString","coordinates":[[4,4],[4.2,4]]}},
    {"type":"Feature","properties":{"power":"generator"},
     "geometry":{"type":"Point","coordinates":[2,2]}},
    {"type":"Feature","properties":null,"geometry":null}]}"#;

#[cfg(feature = "gdal")]
const XML: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<osm version="0.6" generator="test">
 <node id="1" lat="2" lon="2" version="1"><tag k="power" v="tower"/></node>
 <node id="2" lat="3" lon="3" version="1"><tag k="disused:power" v="tower"/></node>
 <node id="3" lat="3" lon="3.5" version="1"><tag k="amenity" v="bench"/></node>
 <node id="4" lat="4" lon="4" version="1"/>
 <node id="5" lat="4" lon="5" version="1"/>
 <node id="6" lat="5" lon="5" version="1"/>
 <way id="10" version="1"><nd ref="1"/><nd ref="2"/>
  <tag k="power" v="line"/><tag k="voltage" v="220000"/></way>
 <way id="11" version="1"><nd ref="4"/><nd ref="5"/><nd ref="6"/><nd ref="4"/>
  <tag k="power" v="substation"/></way>
 <way id="12" version="1"><nd ref="4"/><nd ref="6"/><tag k="highway" v="track"/></way>
</osm>"#;

fn read(name: &str, bytes: &[u8]) -> Result<PowerFeatures, OsmError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    read_power(&path)
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn geojson_is_read_whatever_comes_before_its_features() {
    let features = read("power.geojson", GEOJSON.as_bytes()).unwrap();
    assert_eq!(
        features.towers().collect::<Vec<_>>(),
        [(2.0, 2.0), (3.0, 3.0)].map(LonLat::from)
    );
    assert_eq!(features.supports[0].osm_id.as_deref(), Some("node/7"));
    assert_eq!(features.supports[1].lifecycle, Lifecycle::Disused);
    assert_eq!(features.supports[2].kind, SupportKind::Portal);
    assert_eq!(features.supports[2].at.lon, 4.1);
    assert_eq!(features.lines[0].voltage_v, Some(220_000));
    assert_eq!(features.substations[0].outlines[0].len(), 4);
    assert_eq!(features.others, 1);
    let packed = read("power.geojson.gz", &gzipped(GEOJSON.as_bytes())).unwrap();
    assert_eq!(packed, features);
}

#[test]
fn broken_geojson_is_refused_wherever_it_breaks() {
    let whole = GEOJSON.len();
    for cut in [whole - 2, whole - 1, whole - 40, 60, 20] {
        let error = read("power.geojson", &GEOJSON.as_bytes()[..cut]).unwrap_err();
        assert!(matches!(error, OsmError::GeoJson { .. }), "{cut}: {error}");
    }
    let packed = gzipped(GEOJSON.as_bytes());
    let error = read("power.geojson.gz", &packed[..packed.len() - 20]).unwrap_err();
    assert!(matches!(error, OsmError::GeoJson { .. }), "{error}");
}

#[test]
fn other_coordinates_are_refused_by_name_or_by_number() {
    let crs = r#"{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::3857"}},"#;
    let named = GEOJSON.replace(r#"{"bbox":[1,1,9,9],"type":"FeatureCollection","#, crs);
    let error = read("power.geojson", named.as_bytes()).unwrap_err();
    assert!(matches!(error, OsmError::OtherCrs { .. }), "{error}");
    let metres = GEOJSON.replace("[2,2]", "[820000.5,4600000]");
    let error = read("power.geojson", metres.as_bytes()).unwrap_err();
    assert!(matches!(error, OsmError::NotDegrees { .. }), "{error}");
    let usual = named.replace("EPSG::3857", "OGC:1.3:CRS84");
    assert!(read("power.geojson", usual.as_bytes()).is_ok());
}

#[test]
fn files_without_power_features_are_refused() {
    assert!(matches!(read("a.osm", b""), Err(OsmError::Empty { .. })));
    assert!(matches!(read("a.osm", b" \n"), Err(OsmError::Empty { .. })));
    assert!(matches!(
        read("a.osm", b"PK\x03\x04"),
        Err(OsmError::UnknownFormat { .. })
    ));
    let none = br#"{"type":"FeatureCollection","features":[]}"#;
    assert!(matches!(
        read("a.geojson", none),
        Err(OsmError::NoPower { read: 0, .. })
    ));
}

#[cfg(feature = "gdal")]
#[test]
fn osm_xml_is_read_with_prefixed_keys_and_closed_ways() {
    let features = read("power.osm", XML.as_bytes()).unwrap();
    assert_eq!(
        features.towers().collect::<Vec<_>>(),
        [(2.0, 2.0), (3.0, 3.0)].map(LonLat::from)
    );
    assert_eq!(features.supports[1].lifecycle, Lifecycle::Disused);
    assert_eq!(features.supports[1].osm_id.as_deref(), Some("node/2"));
    assert_eq!(features.lines.len(), 1);
    assert_eq!(features.lines[0].voltage_v, Some(220_000));
    assert_eq!(features.lines[0].osm_id.as_deref(), Some("way/10"));
    assert_eq!(features.substations.len(), 1);
    assert_eq!(features.substations[0].outlines[0].len(), 4);
    let packed = read("power.osm.gz", &gzipped(XML.as_bytes())).unwrap();
    assert_eq!(packed, features);
}

#[cfg(feature = "gdal")]
#[test]
fn what_an_editor_saved_and_nobody_uploaded_is_read_too() {
    let unsaved = XML.replace("id=\"", "id=\"-").replace("ref=\"", "ref=\"-");
    let features = read("power.osm", unsaved.as_bytes()).unwrap();
    assert_eq!(features.towers().count(), 2);
    assert_eq!(features.lines[0].path.len(), 2);
    assert_eq!(features.substations.len(), 1);
}

#[cfg(feature = "gdal")]
#[test]
fn osm_xml_that_ends_early_is_refused() {
    let error = read("power.osm", &XML.as_bytes()[..XML.len() - 60]).unwrap_err();
    assert!(matches!(error, OsmError::Ogr { .. }), "{error}");
    let packed = gzipped(XML.as_bytes());
    let error = read("power.osm.gz", &packed[..packed.len() - 40]).unwrap_err();
    assert!(matches!(error, OsmError::Ogr { .. }), "{error}");
}

#[cfg(feature = "gdal")]
#[test]
fn osm_pbf_is_read_whole_and_refused_when_it_ends_early() {
    let bytes = include_bytes!("../../tests/fixtures/power.osm.pbf");
    let features = read("power.osm.pbf", bytes).unwrap();
    assert_eq!(features.towers().count(), 3);
    assert_eq!(features.supports[2].lifecycle, Lifecycle::UnderConstruction);
    assert_eq!(features.lines[0].path.len(), 3);
    assert_eq!(features.substations[0].osm_id.as_deref(), Some("way/11"));
    let error = read("power.osm.pbf", &bytes[..bytes.len() - 20]).unwrap_err();
    assert!(matches!(error, OsmError::Ogr { .. }), "{error}");
}

#[cfg(not(feature = "gdal"))]
#[test]
fn without_gdal_osm_formats_are_refused_with_a_way_out() {
    let error = read("power.osm", b"<?xml version=\"1.0\"?><osm/>").unwrap_err();
    assert!(matches!(error, OsmError::WithoutGdal { .. }), "{error}");
    assert!(error.hint().contains("osmium export"));
}
