//! Which bands of a raster make the picture.

use std::ffi::CStr;

use gdal::{
    Dataset,
    raster::{ColorInterpretation, GdalDataType, RasterBand},
};
use gdal_sys::GDALDataType;

/// The bands that become colours, and how missing pixels are told.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Colours {
    /// Red, green and blue, or one band for grey; counted from 1.
    bands: Vec<usize>,
    alpha: Option<usize>,
    palette: bool,
    /// The value of a missing pixel, for each band.
    nodata: Option<Vec<f64>>,
    /// The narrowest type that holds all bands.
    pub(super) depth: Depth,
}

/// The type in which pixels are warped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    Byte,
    UInt16,
    Int16,
    Float32,
}

impl Depth {
    pub(super) fn gdal(self) -> GDALDataType::Type {
        match self {
            Self::Byte => GDALDataType::GDT_Byte,
            Self::UInt16 => GDALDataType::GDT_UInt16,
            Self::Int16 => GDALDataType::GDT_Int16,
            Self::Float32 => GDALDataType::GDT_Float32,
        }
    }

    /// Alpha of an opaque pixel in an alpha band of this type.
    pub(super) fn opaque(self) -> &'static CStr {
        match self {
            Self::UInt16 => c"65535",
            Self::Int16 => c"32767",
            Self::Byte | Self::Float32 => c"255",
        }
    }
}

impl Colours {
    pub(super) fn of(dataset: &Dataset, asked: Option<&[usize]>) -> Result<Self, String> {
        let count = dataset.raster_count();
        if count == 0 {
            return Err(
                "it holds no image of its own, only datasets inside it, if any \
                 (`gdalinfo` lists them; name one of them)"
                    .to_owned(),
            );
        }
        let interpretations: Vec<_> = (1..=count)
            .map(|index| band(dataset, index).map(|band| band.color_interpretation()))
            .collect::<Result<_, _>>()?;
        let find = |wanted: ColorInterpretation| {
            interpretations
                .iter()
                .position(|i| *i == wanted)
                .map(|i| i + 1)
        };
        if find(ColorInterpretation::CyanBand).is_some() {
            return Err(
                "its bands are CMYK (expected RGB, grey or a palette): convert it first".to_owned(),
            );
        }
        let alpha = find(ColorInterpretation::AlphaBand);
        let bands = match asked {
            Some(asked) => checked(asked, count)?,
            None => {
                let red = find(ColorInterpretation::RedBand);
                let green = find(ColorInterpretation::GreenBand);
                let blue = find(ColorInterpretation::BlueBand);
                let plain: Vec<usize> = (1..=count).filter(|index| Some(*index) != alpha).collect();
                match (red, green, blue) {
                    (Some(red), Some(green), Some(blue)) => vec![red, green, blue],
                    _ if plain.len() >= 3 => plain[..3].to_vec(),
                    _ if plain.is_empty() => vec![1],
                    _ => plain[..1].to_vec(),
                }
            }
        };
        let palette = bands.len() == 1
            && interpretations[bands[0] - 1] == ColorInterpretation::PaletteIndex
            && band(dataset, bands[0])?.color_table().is_some();
        let alpha = alpha.filter(|alpha| !bands.contains(alpha));
        Ok(Self {
            depth: depth(dataset, &bands)?,
            nodata: nodata(dataset, &bands)?,
            bands,
            alpha,
            palette,
        })
    }

    /// Red, green and blue, or one band for grey (or for the palette's index).
    pub(super) fn bands(&self) -> &[usize] {
        &self.bands
    }

    pub(super) fn alpha(&self) -> Option<usize> {
        self.alpha
    }

    /// The alpha band's own type, which says what opaque is.
    pub(super) fn alpha_depth(&self, dataset: &Dataset) -> Depth {
        self.alpha
            .and_then(|alpha| depth(dataset, &[alpha]).ok())
            .unwrap_or(Depth::Byte)
    }

    /// The value of a missing pixel for each band. An alpha band overrules it.
    pub(super) fn nodata(&self) -> Option<&[f64]> {
        self.nodata.as_deref().filter(|_| self.alpha.is_none())
    }

    pub(super) fn is_palette(&self) -> bool {
        self.palette
    }

    /// These colours after the palette has been expanded into red, green, blue and alpha.
    pub(super) fn expanded() -> Self {
        Self {
            bands: vec![1, 2, 3],
            alpha: Some(4),
            palette: false,
            nodata: None,
            depth: Depth::Byte,
        }
    }
}

fn band(dataset: &Dataset, index: usize) -> Result<RasterBand<'_>, String> {
    dataset
        .rasterband(index)
        .map_err(|_| format!("band {index} cannot be read"))
}

fn checked(asked: &[usize], count: usize) -> Result<Vec<usize>, String> {
    let inside = asked.iter().all(|index| (1..=count).contains(index));
    if !inside || !matches!(asked.len(), 1 | 3) {
        return Err(format!(
            "bands {asked:?} do not fit (expected one or three numbers from 1 to {count})"
        ));
    }
    Ok(asked.to_vec())
}

fn depth(dataset: &Dataset, bands: &[usize]) -> Result<Depth, String> {
    let mut depth = None;
    for &index in bands {
        let this = match band(dataset, index)?.band_type() {
            GdalDataType::UInt8 => Depth::Byte,
            GdalDataType::UInt16 => Depth::UInt16,
            GdalDataType::Int16 => Depth::Int16,
            // GDAL's crate has no name for the complex types.
            GdalDataType::Unknown => {
                return Err(format!(
                    "band {index} holds complex numbers (expected a picture)"
                ));
            }
            _ => Depth::Float32,
        };
        depth = match depth {
            None => Some(this),
            Some(before) if before == this => Some(this),
            Some(_) => Some(Depth::Float32),
        };
    }
    Ok(depth.unwrap_or(Depth::Byte))
}

/// A band without a nodata value of its own takes the first that another has. Floating-point bands
/// without any take "not a number", so that it does not spread to its neighbours.
fn nodata(dataset: &Dataset, bands: &[usize]) -> Result<Option<Vec<f64>>, String> {
    let mut values = Vec::with_capacity(bands.len());
    for &index in bands {
        values.push(band(dataset, index)?.no_data_value());
    }
    let first = match values.iter().flatten().next() {
        Some(first) => *first,
        None if depth(dataset, bands)? == Depth::Float32 => f64::NAN,
        None => return Ok(None),
    };
    Ok(Some(
        values.iter().map(|value| value.unwrap_or(first)).collect(),
    ))
}
