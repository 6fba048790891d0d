//! What to do about an area that cannot be used, or that is not quite what was meant.

use crate::{
    area::{AreaError, AreaWarning},
    cli::CliError,
};

/// An area's trouble, with what to do about it.
pub fn explain(error: AreaError) -> CliError {
    let hint = hint_for(&error);
    let error = CliError::from(error);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

fn hint_for(error: &AreaError) -> Option<String> {
    let hint = match error {
        AreaError::UnknownCountry { .. } => {
            "--country takes an English name or an ISO 3166 code; for any other place, give its \
             outline with --area or --bbox"
        }
        AreaError::AmbiguousCountry { .. } => "give the full name or the ISO 3166 code",
        AreaError::EmptyCountry { .. } => {
            "give a finer outline with --area FILE, or a box with --bbox W,S,E,N"
        }
        AreaError::NotDegrees { .. } => {
            "these look like metres: store the file with its coordinate system (GeoPackage, \
             Shapefile with .prj), or reproject it: ogr2ogr -t_srs EPSG:4326 out.geojson IN"
        }
        AreaError::GeoJsonCrs { .. } => "reproject it: ogr2ogr -t_srs EPSG:4326 out.geojson IN",
        AreaError::WithoutGdal { .. } => {
            "turn it into GeoJSON: ogr2ogr -t_srs EPSG:4326 out.geojson IN"
        }
        AreaError::NotClosed { .. } => "repeat the ring's first point at its end",
        AreaError::NoPolygons { found, .. } if found != "lines: 0, points: 0" => {
            "--buffer DISTANCE gives lines and points an area"
        }
        #[cfg(feature = "gdal")]
        AreaError::Vector {
            cause: gdal::errors::GdalError::UnsupportedGdalGeometryType(_),
            ..
        } => "curves are not read: ogr2ogr -nlt CONVERT_TO_LINEAR out.gpkg IN",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// What a flag does about something that people should know of an area.
pub fn remedy(warning: &AreaWarning) -> Option<String> {
    match warning {
        AreaWarning::Ignored { .. } => Some("--buffer gives them one".to_owned()),
        AreaWarning::FarParts {
            rest: Some(rest), ..
        } => Some(format!("--country {rest:?} leaves them out")),
        AreaWarning::FarParts { rest: None, .. } => {
            Some("--bbox or --area restricts the area".to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_flag_can_do_about_an_area_is_told() {
        let far = |rest: Option<&str>| AreaWarning::FarParts {
            country: "France".to_owned(),
            parts: vec![("Guadeloupe".to_owned(), 0.01)],
            rest: rest.map(str::to_owned),
        };
        let whole = remedy(&far(Some("Metropolitan France"))).unwrap();
        assert_eq!(whole, "--country \"Metropolitan France\" leaves them out");
        assert!(remedy(&far(None)).unwrap().contains("--bbox"));
        let ignored = AreaWarning::Ignored {
            lines: 1,
            points: 2,
        };
        assert!(remedy(&ignored).unwrap().contains("--buffer"));
    }
}
