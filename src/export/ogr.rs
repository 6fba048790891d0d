//! Formats that GDAL writes: GeoPackage and FlatGeobuf.
//!
//! A GeoPackage holds towers and lines, and QGIS's style, so that one file opens styled. Its only
//! clock is set to the epoch.

use std::{fs, path::Path};

use gdal::{
    DriverManager,
    config::{clear_thread_local_config_option, set_thread_local_config_option},
    errors::GdalError,
    spatial_ref::{AxisMappingStrategy, SpatialRef},
    vector::{
        Feature, FieldDefn, Geometry, LayerAccess, LayerOptions, OGRFieldType, OGRwkbGeometryType,
    },
};
use rusqlite::{Connection, params};

use super::{
    ExportError, ExportRequest, Format, QGIS_LINE_STYLE, QGIS_STYLE,
    credits::{NOTE, Provenance, layer_name},
    geojson::{line_parts, lines},
    staged::StagedFile,
    table::{FIELDS, FieldKind, Row, Value, hundredths, tenths},
};
use crate::gdal_reports::{Quiet, take_failure};

/// GDAL's name of the time that it writes into files.
const CURRENT_DATE: &str = "OGR_CURRENT_DATE";
const EPOCH: &str = "1970-01-01T00:00:00Z";

pub(super) fn write(
    format: Format,
    request: &ExportRequest<'_>,
    staged: &StagedFile,
) -> Result<u64, ExportError> {
    let (driver, extension) = match format {
        Format::Gpkg => ("GPKG", "gpkg"),
        _ => ("FlatGeobuf", "fgb"),
    };
    // GDAL looks at extensions, and makes its files itself.
    let path = staged.partial_path().with_extension(extension);
    let _ = fs::remove_file(&path);
    let quiet = Quiet::new();
    take_failure();
    let _ = set_thread_local_config_option(CURRENT_DATE, EPOCH);
    let written = write_layers(format, driver, request, &path);
    let _ = clear_thread_local_config_option(CURRENT_DATE);
    drop(quiet);
    let written = written.map_err(|error| ExportError::Ogr {
        path: path.clone(),
        what: take_failure().unwrap_or_else(|| error.to_string()),
    });
    let finished = written.and_then(|count| {
        if format == Format::Gpkg {
            add_style(request, &path)?;
        }
        Ok(count)
    });
    match finished {
        Ok(count) => {
            fs::rename(&path, staged.partial_path()).map_err(|source| staged.error(source))?;
            Ok(count)
        }
        Err(error) => {
            let _ = fs::remove_file(&path);
            Err(error)
        }
    }
}

fn write_layers(
    format: Format,
    driver: &str,
    request: &ExportRequest<'_>,
    path: &Path,
) -> Result<u64, GdalError> {
    let mut dataset = DriverManager::get_driver_by_name(driver)?.create_vector_only(path)?;
    let mut lon_lat = SpatialRef::from_epsg(4326)?;
    lon_lat.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
    let manifest = request.manifest();
    let description = serde_json::to_string(&Provenance::of(request)).unwrap_or_default();
    let count = {
        let name = layer_name(manifest, "towers");
        let described = format!("DESCRIPTION={description}");
        let options = match format {
            Format::Gpkg => vec![described.as_str()],
            _ => vec![],
        };
        let layer = dataset.create_layer(LayerOptions {
            name: &name,
            srs: Some(&lon_lat),
            ty: OGRwkbGeometryType::wkbPoint,
            options: Some(&options),
        })?;
        for (name, kind) in FIELDS {
            let kind = match kind {
                FieldKind::Text => OGRFieldType::OFTString,
                FieldKind::Whole | FieldKind::Flag => OGRFieldType::OFTInteger64,
                FieldKind::Real => OGRFieldType::OFTReal,
            };
            FieldDefn::new(name, kind)?.add_to_layer(&layer)?;
        }
        for name in ["attribution", "model", "manifest"] {
            FieldDefn::new(name, OGRFieldType::OFTString)?.add_to_layer(&layer)?;
        }
        let (attribution, hash) = (super::credits::attribution(request), manifest.hash());
        begin(&layer, format);
        for detection in request.grid().towers() {
            let row = Row::of(request, detection);
            let mut feature = Feature::new(layer.defn())?;
            let mut point = Geometry::empty(OGRwkbGeometryType::wkbPoint)?;
            point.add_point_2d(detection.at.into());
            feature.set_geometry(point)?;
            for (index, (_, value)) in row.iter().enumerate() {
                match value {
                    Some(Value::Text(text)) => feature.set_field_string(index, text)?,
                    Some(Value::Whole(number)) => {
                        feature.set_field_integer64(index, *number as i64)?;
                    }
                    Some(Value::Real(number)) => feature.set_field_double(index, *number)?,
                    Some(Value::Flag(flag)) => {
                        feature.set_field_integer64(index, (*flag).into())?;
                    }
                    None => {}
                }
            }
            for (i, text) in [&attribution, &manifest.model.name, &hash]
                .iter()
                .enumerate()
            {
                feature.set_field_string(FIELDS.len() + i, text)?;
            }
            feature.create(&layer)?;
        }
        commit(&layer, format);
        request.grid().towers().len() as u64
    };
    if format == Format::Gpkg {
        let name = layer_name(manifest, "lines");
        let described = format!("DESCRIPTION={NOTE}");
        let layer = dataset.create_layer(LayerOptions {
            name: &name,
            srs: Some(&lon_lat),
            ty: OGRwkbGeometryType::wkbMultiLineString,
            options: Some(&[&described]),
        })?;
        for (name, kind) in [
            ("line", OGRFieldType::OFTInteger64),
            ("towers", OGRFieldType::OFTInteger64),
            ("length_m", OGRFieldType::OFTReal),
            ("confidence", OGRFieldType::OFTReal),
        ] {
            FieldDefn::new(name, kind)?.add_to_layer(&layer)?;
        }
        begin(&layer, format);
        for line in lines(request) {
            let mut feature = Feature::new(layer.defn())?;
            let mut geometry = Geometry::empty(OGRwkbGeometryType::wkbMultiLineString)?;
            for part in line_parts(request, line) {
                let mut line = Geometry::empty(OGRwkbGeometryType::wkbLineString)?;
                for place in part {
                    line.add_point_2d(place.into());
                }
                geometry.add_geometry(line)?;
            }
            feature.set_geometry(geometry)?;
            feature.set_field_integer64(0, line.number.into())?;
            feature.set_field_integer64(1, line.towers.len() as i64)?;
            feature.set_field_double(2, tenths(line.length_m))?;
            feature.set_field_double(3, hundredths(line.confidence))?;
            feature.create(&layer)?;
        }
        commit(&layer, format);
    }
    dataset.close()?;
    Ok(count)
}

/// A million rows in a transaction each would take minutes.
fn begin(layer: &gdal::vector::Layer<'_>, format: Format) {
    if format == Format::Gpkg {
        // SAFETY: the layer lives; without a transaction writing is slow, not wrong.
        unsafe { gdal_sys::OGR_L_StartTransaction(layer.c_layer()) };
    }
}

fn commit(layer: &gdal::vector::Layer<'_>, format: Format) {
    if format == Format::Gpkg {
        // SAFETY: the layer lives; what does not get to the disk shows when the file is closed.
        unsafe { gdal_sys::OGR_L_CommitTransaction(layer.c_layer()) };
    }
}

/// Puts QGIS's style into the table where QGIS looks for it.
fn add_style(request: &ExportRequest<'_>, path: &Path) -> Result<(), ExportError> {
    let connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA journal_mode = DELETE;
         CREATE TABLE layer_styles (
             id INTEGER PRIMARY KEY AUTOINCREMENT, f_table_catalog TEXT(256),
             f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256),
             styleName TEXT(30), styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN,
             description TEXT, owner TEXT(30), ui TEXT(30),
             update_time DATETIME DEFAULT '1970-01-01T00:00:00.000Z'
         );
         INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change)
         VALUES ('layer_styles', 'attributes', 'layer_styles', '', '1970-01-01T00:00:00.000Z');",
    )?;
    for (layer, name, style) in [
        ("towers", "hints by rank band", QGIS_STYLE),
        ("lines", "probable lines", QGIS_LINE_STYLE),
    ] {
        connection.execute(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name,
                 f_geometry_column, styleName, styleQML, styleSLD, useAsDefault, description, owner)
             VALUES ('', '', ?1, 'geom', ?2, ?3, '', 1, ?2, '')",
            params![
                layer_name(request.manifest(), layer),
                name,
                String::from_utf8_lossy(style)
            ],
        )?;
    }
    connection.close().map_err(|(_, error)| error)?;
    Ok(())
}
