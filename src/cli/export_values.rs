//! What can be given to the flags of an export: each value with its name and what it is.

use clap::{ValueEnum, builder::PossibleValue};

use crate::export::{Format, Geometry, Schema};

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let what = match self {
            Self::Geojson => "One FeatureCollection (RFC 7946): JOSM, QGIS, anything",
            Self::Geojsonseq => {
                "One feature a line behind a record separator (RFC 8142): for pipes"
            }
            Self::Csv => "One row a detection: for spreadsheets",
            Self::Mbtiles => {
                "Vector tiles (MBTiles 1.3 with MVT 2.1): towers and scanned area, at every zoom"
            }
            Self::Gpkg => "GeoPackage with towers, lines and the style for QGIS inside. Takes GDAL",
            Self::Flatgeobuf => {
                "FlatGeobuf with a spatial index: for the web and for GIS. Takes GDAL"
            }
            Self::Osm => "A layer for JOSM that is never uploaded, along the lines",
            Self::Maproulette => {
                "One FeatureCollection a line, one task a hint: for a MapRoulette challenge"
            }
            Self::Report => {
                "One HTML page for people: map, lines, chips, comparison. Needs no network"
            }
        };
        Some(PossibleValue::new(self.name()).help(what))
    }
}

impl ValueEnum for Geometry {
    fn value_variants<'a>() -> &'a [Self] {
        Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, what) = match self {
            Self::Point => ("point", "The located point"),
            Self::Tile => ("tile", "The square of the tile that scored"),
            Self::Line => ("line", "The probable lines instead of the towers"),
        };
        Some(PossibleValue::new(name).help(what))
    }
}

impl ValueEnum for Schema {
    fn value_variants<'a>() -> &'a [Self] {
        Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, what) = match self {
            Self::Hvmap => ("hvmap", "`id`, `rank`, `score`, `line` and more"),
            Self::Legacy => (
                "legacy",
                "`X`, `Y`, `Z`, `pred` and `fill`, as the tools of 2018 wrote them",
            ),
        };
        Some(PossibleValue::new(name).help(what))
    }
}
