//! Power features from OpenStreetMap's own formats, by GDAL's OSM driver
//! (<https://gdal.org/drivers/vector/osm.html>).
//!
//! The driver's usual settings drop the keys that matter here and rename those with a colon, so it
//! gets its own. Its layers fill up while any of them is read, which is why they are read together
//! and in the order of the file.

use std::{
    ffi::CStr,
    fmt::Write as _,
    path::Path,
    ptr,
    sync::atomic::{AtomicU64, Ordering},
};

use gdal::{
    Dataset, DatasetOptions, GdalOpenFlags,
    vector::{Feature, Geometry, Layer, LayerAccess, OGRwkbGeometryType, geometry_type_flatten},
    vsi,
};
use gdal_sys::OGRLayerH;

use super::{
    OsmError, OsmForm, PowerFeatures, RawFeature, RawGeometry,
    tags::{KEYS, LIFECYCLES},
};
use crate::{
    gdal_reports::{Quiet, take_failure},
    tiles::LonLat,
};

/// The driver's layers and what their features are in OpenStreetMap.
const LAYERS: [(&str, &str); 5] = [
    ("points", "node"),
    ("lines", "way"),
    ("multilinestrings", "relation"),
    ("multipolygons", "relation"),
    ("other_relations", "relation"),
];

/// Adds a file's power features, and answers how many features the driver handed over: with its
/// filters on, those of the power grid.
pub(super) fn read(
    path: &Path,
    form: OsmForm,
    features: &mut PowerFeatures,
) -> Result<u64, OsmError> {
    let damaged = |what: String| OsmError::Ogr {
        path: path.to_owned(),
        what,
    };
    let quiet = Quiet::new();
    take_failure();
    let settings = Settings::create();
    let name = match form.gzipped {
        true => format!("/vsigzip/{}", path.display()),
        false => path.display().to_string(),
    };
    let config = format!("CONFIG_FILE={}", settings.path);
    // The driver's own index of nodes is faster, but takes no negative ids, which editors give.
    let indexing = match form.xml {
        true => "USE_CUSTOM_INDEXING=NO",
        false => "USE_CUSTOM_INDEXING=YES",
    };
    let options = DatasetOptions {
        open_flags: GdalOpenFlags::GDAL_OF_VECTOR | GdalOpenFlags::GDAL_OF_READONLY,
        allowed_drivers: Some(&["OSM"]),
        open_options: Some(&[&config, indexing]),
        ..DatasetOptions::default()
    };
    let dataset = quiet
        .run("GDAL cannot open it", || {
            Dataset::open_ex(&name, options).ok()
        })
        .map_err(damaged)?;
    let mut layers: Vec<OsmLayer<'_>> = dataset.layers().filter_map(OsmLayer::of).collect();
    let filter = filter();
    for layer in &mut layers {
        quiet
            .run("the filter was not taken", || {
                layer.layer.set_attribute_filter(&filter).ok()
            })
            .map_err(damaged)?;
    }
    let mut read = 0;
    while let Some((handle, feature)) = next_feature(&dataset) {
        let Some(layer) = layers.iter().find(|layer| layer.handle == handle) else {
            // SAFETY: the feature is ours, and nobody else will destroy it.
            unsafe { gdal_sys::OGR_F_Destroy(feature) };
            continue;
        };
        // SAFETY: the feature is ours and of this layer; the wrapper destroys it.
        let feature = unsafe { Feature::from_c_feature(layer.layer.defn(), feature) };
        read += 1;
        layer.add(&feature, features);
    }
    match take_failure() {
        Some(what) => Err(damaged(what)),
        None => Ok(read),
    }
}

/// The next feature in the order of the file, and the layer it belongs to.
fn next_feature(dataset: &Dataset) -> Option<(OGRLayerH, gdal_sys::OGRFeatureH)> {
    let mut layer: OGRLayerH = ptr::null_mut();
    // SAFETY: the dataset lives, and `layer` is a place for the answer; progress is not asked for.
    let feature = unsafe {
        gdal_sys::GDALDatasetGetNextFeature(
            dataset.c_dataset(),
            &raw mut layer,
            ptr::null_mut(),
            None,
            ptr::null_mut(),
        )
    };
    (!feature.is_null()).then_some((layer, feature))
}

/// The driver's settings, in memory.
struct Settings {
    path: String,
}

impl Settings {
    fn create() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = format!("/vsimem/hvmap-osmconf-{number}.ini");
        // A file that is not there shows when the driver opens it.
        let _ = vsi::create_mem_file(&path, osmconf().into_bytes());
        Self { path }
    }
}

impl Drop for Settings {
    fn drop(&mut self) {
        let _ = vsi::unlink_mem_file(&self.path);
    }
}

/// Every key that is asked for.
fn keys() -> Vec<String> {
    let prefixed = LIFECYCLES
        .iter()
        .map(|(prefix, _)| format!("{prefix}:power"));
    KEYS.iter()
        .map(|key| (*key).to_owned())
        .chain(prefixed)
        .collect()
}

fn osmconf() -> String {
    let mut text = "closed_ways_are_polygons=power_never\nattribute_name_laundering=no\n\
                    report_all_nodes=no\nreport_all_ways=no\n"
        .to_owned();
    let attributes = keys().join(",");
    for (layer, _) in LAYERS {
        write!(
            text,
            "\n[{layer}]\nosm_id=yes\nattributes={attributes}\nother_tags=no\nall_tags=no\n"
        )
        .expect("a string takes any text");
    }
    text
}

/// What the driver checks before it builds a way's geometry.
fn filter() -> String {
    let powers = keys()
        .into_iter()
        .filter(|key| key == "power" || key.ends_with(":power"))
        .map(|key| format!("\"{key}\" IS NOT NULL"));
    powers.collect::<Vec<_>>().join(" OR ")
}

struct OsmLayer<'a> {
    layer: Layer<'a>,
    handle: OGRLayerH,
    kind: &'static str,
    fields: Vec<(String, i32)>,
}

impl<'a> OsmLayer<'a> {
    fn of(layer: Layer<'a>) -> Option<Self> {
        let name = layer.name();
        let kind = LAYERS.iter().find(|(known, _)| *known == name)?.1;
        let fields = layer.defn().fields().enumerate();
        Some(Self {
            // SAFETY: compared, never used behind the layer's back.
            handle: unsafe { layer.c_layer() },
            fields: fields.map(|(i, field)| (field.name(), i as i32)).collect(),
            layer,
            kind,
        })
    }

    fn text(&self, feature: &Feature<'_>, key: &str) -> Option<String> {
        let &(_, index) = self.fields.iter().find(|(name, _)| name == key)?;
        // SAFETY: the index is one of the feature's layer; the text belongs to the feature and is
        // copied at once.
        unsafe {
            let feature = feature.c_feature();
            if gdal_sys::OGR_F_IsFieldSetAndNotNull(feature, index) == 0 {
                return None;
            }
            let text = gdal_sys::OGR_F_GetFieldAsString(feature, index);
            (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
        }
    }

    fn add(&self, feature: &Feature<'_>, features: &mut PowerFeatures) {
        let id = match self.text(feature, "osm_way_id") {
            Some(id) => Some(format!("way/{id}")),
            None => self
                .text(feature, "osm_id")
                .map(|id| format!("{}/{id}", self.kind)),
        };
        let mut geometries = Vec::new();
        if let Some(geometry) = feature.geometry() {
            take_apart(geometry, &mut geometries);
        }
        for geometry in geometries {
            features.add(RawFeature {
                tag: &|key| self.text(feature, key),
                geometry,
                osm_id: id.clone(),
            });
        }
    }
}

fn take_apart(geometry: &Geometry, out: &mut Vec<RawGeometry>) {
    let parts = || (0..geometry.geometry_count()).map(|i| geometry.get_geometry(i));
    match geometry_type_flatten(geometry.geometry_type()) {
        OGRwkbGeometryType::wkbPoint => out.push(RawGeometry::Points(points(geometry))),
        OGRwkbGeometryType::wkbLineString => out.push(RawGeometry::Lines(vec![points(geometry)])),
        OGRwkbGeometryType::wkbPolygon => {
            let outer = parts().next().map(|ring| points(&ring));
            out.push(RawGeometry::Rings(outer.into_iter().collect()));
        }
        _ => parts().for_each(|part| take_apart(&part, out)),
    }
}

fn points(geometry: &Geometry) -> Vec<LonLat> {
    let mut points = Vec::new();
    geometry.get_points(&mut points);
    let places = points.into_iter();
    places.map(|(lon, lat, _)| LonLat { lon, lat }).collect()
}
