//! A longitude/latitude box.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::TilesError;

/// A box in degrees, EPSG:4326. `west > east` means that it crosses the antimeridian.
///
/// ```
/// use hvmap::tiles::Bounds;
///
/// let fiji: Bounds = "177,-19,-178,-16".parse()?;
/// assert!(fiji.crosses_antimeridian());
/// assert_eq!((fiji.west, fiji.north), (177.0, -16.0));
/// # Ok::<_, hvmap::tiles::TilesError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    pub west: f64,
    pub south: f64,
    pub east: f64,
    pub north: f64,
}

impl Bounds {
    #[must_use]
    pub fn crosses_antimeridian(&self) -> bool {
        self.west > self.east
    }
}

impl FromStr for Bounds {
    type Err = TilesError;

    /// Reads `west,south,east,north` in degrees.
    fn from_str(text: &str) -> Result<Self, TilesError> {
        let invalid = || TilesError::InvalidBounds {
            got: text.to_owned(),
        };
        let numbers: Vec<f64> = text
            .split(',')
            .map(|part| part.trim().parse().map_err(|_| invalid()))
            .collect::<Result<_, _>>()?;
        let &[west, south, east, north] = numbers.as_slice() else {
            return Err(invalid());
        };
        let lon_ok = |lon: f64| (-180.0..=180.0).contains(&lon);
        let lat_ok = |lat: f64| (-90.0..=90.0).contains(&lat);
        if !(lon_ok(west) && lon_ok(east) && lat_ok(south) && lat_ok(north))
            || south >= north
            || west == east
        {
            return Err(invalid());
        }
        Ok(Self {
            west,
            south,
            east,
            north,
        })
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{},{},{},{}",
            self.west, self.south, self.east, self.north
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_read_west_south_east_north() {
        let bounds: Bounds = "12.4, 43.89,12.52,43.99".parse().unwrap();
        assert_eq!(bounds.west, 12.4);
        assert_eq!(bounds.north, 43.99);
        assert!(!bounds.crosses_antimeridian());
        assert!(
            "177,-20,-178,-12"
                .parse::<Bounds>()
                .unwrap()
                .crosses_antimeridian()
        );
    }

    #[test]
    fn unusable_bounds_are_refused() {
        for text in [
            "",
            "1,2,3",
            "1,2,3,x",
            "0,5,1,4",
            "0,0,0,1",
            "0,0,181,1",
            "nan,0,1,1",
        ] {
            assert!(text.parse::<Bounds>().is_err(), "{text}");
        }
    }
}
