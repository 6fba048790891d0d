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
        read("a.osm", b"\x01\x02\x03\x04"),
        Err(OsmError::UnknownFormat { .. })
    ));
    let none = br#"{"type":"FeatureCollection","features":[]}"#;
    assert!(matches!(
        read("a.geojson", none),
        Err(OsmError::NoPower { read: 0, .. })
    ));
}

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

#[test]
fn what_an_editor_saved_and_nobody_uploaded_is_read_too() {
    let unsaved = XML.replace("id=\"", "id=\"-").replace("ref=\"", "ref=\"-");
    let features = read("power.osm", unsaved.as_bytes()).unwrap();
    assert_eq!(features.towers().count(), 2);
    assert_eq!(features.lines[0].path.len(), 2);
    assert_eq!(features.substations.len(), 1);
}

#[test]
fn osm_xml_that_ends_early_is_refused() {
    let error = read("power.osm", &XML.as_bytes()[..XML.len() - 60]).unwrap_err();
    assert!(matches!(error, OsmError::Damaged { .. }), "{error}");
    let packed = gzipped(XML.as_bytes());
    let error = read("power.osm.gz", &packed[..packed.len() - 40]).unwrap_err();
    assert!(matches!(error, OsmError::Damaged { .. }), "{error}");
}

#[test]
fn osm_pbf_is_read_whole_and_refused_when_it_ends_early() {
    let bytes = include_bytes!("../../tests/fixtures/power.osm.pbf");
    let features = read("power.osm.pbf", bytes).unwrap();
    assert_eq!(features.towers().count(), 3);
    assert_eq!(features.supports[2].lifecycle, Lifecycle::UnderConstruction);
    assert_eq!(features.lines[0].path.len(), 3);
    assert_eq!(features.substations[0].osm_id.as_deref(), Some("way/11"));
    let error = read("power.osm.pbf", &bytes[..bytes.len() - 20]).unwrap_err();
    assert!(matches!(error, OsmError::Damaged { .. }), "{error}");
}

/// A substation as a multipolygon of two ways, a line of three nodes, and a tower, each object a line.
const REFERRING: [&str; 11] = [
    r#"<node id="1" lat="2" lon="2"><tag k="power" v="tower"/></node>"#,
    r#"<node id="2" lat="2" lon="3"/>"#,
    r#"<node id="3" lat="2.5" lon="4"/>"#,
    r#"<node id="4" lat="4" lon="4"/>"#,
    r#"<node id="5" lat="4" lon="5"/>"#,
    r#"<node id="6" lat="5" lon="5"/>"#,
    r#"<way id="10"><nd ref="1"/><nd ref="2"/><nd ref="3"/><tag k="power" v="line"/></way>"#,
    r#"<way id="11"><nd ref="4"/><nd ref="5"/></way>"#,
    r#"<way id="12"><nd ref="4"/><nd ref="6"/><nd ref="5"/></way>"#,
    r#"<relation id="20"><member type="way" ref="11" role="outer"/><member type="way" ref="12"
       role="outer"/><member type="way" ref="10" role="inner"/><tag k="type" v="multipolygon"/>
       <tag k="power" v="substation"/></relation>"#,
    r#"<note>The data included in this document is from www.openstreetmap.org.</note>"#,
];

fn osm(objects: &[&str]) -> String {
    format!(r#"<osm version="0.6">{}</osm>"#, objects.join("\n"))
}

#[test]
fn the_order_of_a_files_objects_changes_nothing() {
    let sorted = read("power.osm", osm(&REFERRING).as_bytes()).unwrap();
    assert_eq!(sorted.lines[0].path.len(), 3);
    let ring = [(4.0, 4.0), (5.0, 4.0), (5.0, 5.0), (4.0, 4.0)].map(LonLat::from);
    assert_eq!(sorted.substations[0].outlines, [ring.to_vec()]);
    assert_eq!(sorted.losses, Losses::default());
    for turn in 0..REFERRING.len() {
        let mut objects = REFERRING;
        objects.rotate_left(turn);
        objects.reverse();
        let turned = read("power.osm", osm(&objects).as_bytes()).unwrap();
        assert_eq!(turned, sorted, "{turn}");
    }
    // As two of Overpass's answers in one, where the nodes stand twice.
    let doubled = [REFERRING.as_slice(), &REFERRING].concat();
    assert_eq!(read("power.osm", osm(&doubled).as_bytes()).unwrap(), sorted);
}

#[test]
fn geometry_that_stands_within_the_objects_is_read() {
    let inline = r#"<osm version="0.6">
        <way id="10"><bounds minlat="2" minlon="2" maxlat="2.5" maxlon="4"/>
         <nd ref="1" lat="2" lon="2"/><nd ref="2" lat="2" lon="3"/><nd ref="3" lat="2.5" lon="4"/>
         <tag k="power" v="line"/></way>
        <relation id="20"><member type="way" ref="11" role="outer">
          <nd lat="4" lon="4"/><nd lat="4" lon="5"/></member>
         <member type="way" ref="12" role="outer">
          <nd lat="4" lon="4"/><nd lat="5" lon="5"/><nd lat="4" lon="5"/></member>
         <tag k="type" v="multipolygon"/><tag k="power" v="substation"/></relation>
        <way id="30"><center lat="6" lon="7"/><nd ref="8"/><tag k="power" v="substation"/></way>
        </osm>"#;
    let features = read("power.osm", inline.as_bytes()).unwrap();
    let by_nodes = read("power.osm", osm(&REFERRING).as_bytes()).unwrap();
    assert_eq!(features.lines, by_nodes.lines);
    assert_eq!(features.substations[1], by_nodes.substations[0]);
    let centre = LonLat { lon: 7.0, lat: 6.0 };
    assert_eq!(features.substations[0].outlines, [vec![centre]]);
    assert_eq!(features.losses, Losses::default());
}

#[test]
fn overpass_json_is_read_with_its_nodes_or_its_geometry() {
    let by_nodes = read("power.osm", osm(&REFERRING).as_bytes()).unwrap();
    let nodes = r#"{"version":0.6,"osm3s":{"copyright":"ODbL"},"elements":[
        {"type":"way","id":10,"nodes":[1,2,3],"tags":{"power":"line"}},
        {"type":"relation","id":20,"members":[{"type":"way","ref":11,"role":"outer"},
          {"type":"way","ref":12,"role":"outer"}],
         "tags":{"type":"multipolygon","power":"substation"}},
        {"type":"way","id":11,"nodes":[4,5]},{"type":"way","id":12,"nodes":[4,6,5]},
        {"type":"node","id":1,"lat":2,"lon":2,"tags":{"power":"tower"}},
        {"type":"node","id":2,"lat":2,"lon":3},{"type":"node","id":3,"lat":2.5,"lon":4},
        {"type":"node","id":4,"lat":4,"lon":4},{"type":"node","id":5,"lat":4,"lon":5},
        {"type":"node","id":6,"lat":5,"lon":5}]}"#;
    assert_eq!(read("power.json", nodes.as_bytes()).unwrap(), by_nodes);
    let geometry = r#"{"elements":[
        {"type":"way","id":10,"nodes":[1,2,3],"tags":{"power":"line"},
         "geometry":[{"lat":2,"lon":2},{"lat":2,"lon":3},{"lat":2.5,"lon":4}]}]}"#;
    let features = read("power.json", geometry.as_bytes()).unwrap();
    assert_eq!(features.lines, by_nodes.lines);
    let error = read("power.json", &nodes.as_bytes()[..nodes.len() - 9]).unwrap_err();
    assert!(matches!(error, OsmError::Damaged { .. }), "{error}");
    let unfinished = nodes.replace("]}\n", "").replace(
        "\"elements\"",
        "\"remark\":\"runtime error: Query timed out\",\"elements\"",
    );
    let error = read("power.json", unfinished.as_bytes()).unwrap_err();
    assert!(matches!(error, OsmError::Remark { .. }), "{error}");
}

#[test]
fn what_lacks_its_nodes_is_split_there_or_left_out_and_counted() {
    let line = r#"<way id="10"><nd ref="1"/><nd ref="2"/><nd ref="9"/><nd ref="3"/><nd ref="4"/>
        <tag k="power" v="line"/></way>"#;
    let lost = r#"<way id="11"><nd ref="91"/><nd ref="92"/><tag k="power" v="line"/></way>"#;
    let objects = [&REFERRING[..6], &[line, lost]].concat();
    let features = read("power.osm", osm(&objects).as_bytes()).unwrap();
    let lengths: Vec<_> = features.lines.iter().map(|line| line.path.len()).collect();
    assert_eq!(lengths, [2, 2]);
    let losses = Losses {
        incomplete: 1,
        without_geometry: 1,
    };
    assert_eq!(features.losses, losses);
    let error = read("power.osm", osm(&[lost]).as_bytes()).unwrap_err();
    assert!(
        matches!(
            error,
            OsmError::NoGeometry {
                without_geometry: 1,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn what_an_editor_deleted_is_left_out() {
    let deleted = REFERRING[0].replace("<node ", "<node action=\"delete\" ");
    let hidden = REFERRING[6].replace("<way ", "<way visible=\"false\" ");
    let other = r#"<node id="7" lat="1" lon="1"><tag k="power" v="pole"/></node>"#;
    let features = read("power.osm", osm(&[&deleted, &hidden, other]).as_bytes()).unwrap();
    assert_eq!(features.towers().count(), 0);
    assert_eq!((features.supports.len(), features.lines.len()), (1, 0));
}

#[test]
fn features_one_after_another_are_read_as_a_collection_is() {
    let tower = r#"{"type":"Feature","properties":{"power":"tower"},"geometry":{"type":"Point","coordinates":[2,2]}}"#;
    for text in [
        format!("{tower}\n{tower}\n"),
        format!("\u{1e}{tower}\n\u{1e}{tower}\n"),
    ] {
        let features = read("power.geojson", text.as_bytes()).unwrap();
        assert_eq!(features.towers().count(), 2);
        let error = read("power.geojson", &text.as_bytes()[..text.len() - 9]).unwrap_err();
        assert!(matches!(error, OsmError::GeoJson { .. }), "{error}");
    }
}
