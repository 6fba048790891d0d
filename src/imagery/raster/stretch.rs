//! Scaling of other depths than 8 bits to bytes.

use std::{fmt, str::FromStr};

use gdal::{Dataset, Metadata, raster::GdalDataType};

use super::{colours::Colours, sample};
use crate::gdal_reports::Quiet;

/// The share of a band's values that each end of the scale cuts off.
const CUT: f64 = 0.02;

/// A band's values that become 0 and 255; linear between them and clamped beyond.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    pub min: f64,
    pub max: f64,
}

impl Stretch {
    /// The byte of a value, rounded to the nearest.
    pub(super) fn byte(self, value: f32) -> u8 {
        let share = (f64::from(value) - self.min) / (self.max - self.min);
        // The cast saturates, which is the clamp.
        (share * 255.0).round() as u8
    }

    /// Between the 2nd and the 98th percentile (nearest rank) of the values; none if there are no
    /// values. A band of one value gets a scale of width 1, on which it is black.
    fn of(mut values: Vec<f64>) -> Option<Self> {
        let last = values.len().checked_sub(1)?;
        values.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| values[(share * last as f64).round() as usize];
        let (min, max) = (at(CUT), at(1.0 - CUT));
        Some(Self {
            min,
            max: if max > min { max } else { min + 1.0 },
        })
    }
}

impl FromStr for Stretch {
    type Err = String;

    /// Reads `min,max`.
    fn from_str(text: &str) -> Result<Self, String> {
        let invalid =
            || format!("expected min,max with min below max, such as 0,2047 (got {text})");
        let (min, max) = text.split_once(',').ok_or_else(invalid)?;
        let number = |part: &str| part.trim().parse::<f64>().map_err(|_| invalid());
        let (min, max) = (number(min)?, number(max)?);
        if !(min.is_finite() && max.is_finite() && min < max) {
            return Err(invalid());
        }
        Ok(Self { min, max })
    }
}

impl fmt::Display for Stretch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.min, self.max)
    }
}

/// Why there is no scale.
#[derive(Debug)]
pub(super) enum NoStretch {
    /// No pixel is valid, so there is nothing to measure.
    NoValues,
    /// What was asked for does not fit, or the values cannot be read.
    Unfit(String),
}

impl From<String> for NoStretch {
    fn from(reason: String) -> Self {
        Self::Unfit(reason)
    }
}

/// The scale of each colour band: as asked for, none for plain bytes, else measured.
pub(super) fn choose(
    dataset: &Dataset,
    colours: &Colours,
    asked: Option<&[Stretch]>,
    quiet: &Quiet,
) -> Result<Vec<Stretch>, NoStretch> {
    let bands = colours.bands();
    if let Some(asked) = asked {
        return match asked {
            _ if colours.is_palette() => {
                Err("a stretch does not apply to its palette".to_owned().into())
            }
            [one] => Ok(vec![*one; bands.len()]),
            several if several.len() == bands.len() => Ok(several.to_vec()),
            several => Err(format!(
                "{} stretches for {} bands (expected one, or one a band)",
                several.len(),
                bands.len()
            )
            .into()),
        };
    }
    if colours.is_palette() || plain_bytes(dataset, bands) {
        return Ok(Vec::new());
    }
    bands
        .iter()
        .map(|&band| {
            let values = sample::values(dataset, band, quiet)?;
            Stretch::of(values).ok_or(NoStretch::NoValues)
        })
        .collect()
}

/// Whether all bands hold bytes that use all eight bits.
fn plain_bytes(dataset: &Dataset, bands: &[usize]) -> bool {
    bands.iter().all(|&index| {
        dataset.rasterband(index).is_ok_and(|band| {
            let narrow = band.metadata_item("NBITS", "IMAGE_STRUCTURE").is_some();
            band.band_type() == GdalDataType::UInt8 && !narrow
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_runs_between_the_2nd_and_the_98th_percentile() {
        let stretch = Stretch::of((0..=100).rev().map(f64::from).collect()).unwrap();
        assert_eq!(
            stretch,
            Stretch {
                min: 2.0,
                max: 98.0
            }
        );
        assert_eq!(stretch.byte(2.0), 0);
        assert_eq!(stretch.byte(50.0), 128);
        assert_eq!(stretch.byte(98.0), 255);
        assert_eq!(stretch.byte(-5.0), 0);
        assert_eq!(stretch.byte(1e9), 255);
    }

    #[test]
    fn a_band_of_one_value_still_has_a_scale() {
        let stretch = Stretch::of(vec![7.0; 5]).unwrap();
        assert_eq!(stretch, Stretch { min: 7.0, max: 8.0 });
        assert_eq!(Stretch::of(Vec::new()), None);
    }

    #[test]
    fn a_stretch_is_read_as_min_and_max() {
        assert_eq!(
            "0, 2047".parse(),
            Ok(Stretch {
                min: 0.0,
                max: 2047.0
            })
        );
        for text in ["", "5", "5,5", "7,3", "a,b", "0,inf"] {
            assert!(text.parse::<Stretch>().is_err(), "{text}");
        }
    }
}
