//! Palettes, expanded before anything is resampled: the mean of two palette numbers is no colour.

use gdal::{Dataset, raster::RasterBand};

use super::colours::Colours;

/// A virtual raster (the text of a VRT file, <https://gdal.org/drivers/raster/vrt.html>) with the
/// palette's red, green and blue as bands 1 to 3 and alpha as band 4.
///
/// Alpha is zero at the band's nodata value; without one it is the file's mask, or else the
/// palette's own alpha.
pub(super) fn expand(
    path: &str,
    overview: Option<usize>,
    dataset: &Dataset,
    colours: &Colours,
) -> String {
    let (width, height) = dataset.raster_size();
    let band = colours.bands()[0];
    let level = overview.map_or(String::new(), |index| {
        format!("<OpenOptions><OOI key=\"OVERVIEW_LEVEL\">{index}</OOI></OpenOptions>")
    });
    let path = escape(path);
    let source = |from: &str, via: &str| {
        format!(
            "<ComplexSource>\
             <SourceFilename relativeToVRT=\"0\">{path}</SourceFilename>{level}\
             <SourceBand>{from}</SourceBand>\
             <SrcRect xOff=\"0\" yOff=\"0\" xSize=\"{width}\" ySize=\"{height}\"/>\
             <DstRect xOff=\"0\" yOff=\"0\" xSize=\"{width}\" ySize=\"{height}\"/>{via}\
             </ComplexSource>"
        )
    };
    let component = |number: u8| {
        source(
            &band.to_string(),
            &format!("<ColorTableComponent>{number}</ColorTableComponent>"),
        )
    };
    let masked = dataset
        .rasterband(band)
        .and_then(|band: RasterBand<'_>| band.mask_flags())
        .is_ok_and(|flags| flags.is_per_dataset());
    let alpha = match colours.nodata().and_then(<[f64]>::first) {
        Some(nodata) => source(
            &band.to_string(),
            &format!("<LUT>{}</LUT>", hole_at(*nodata)),
        ),
        None if masked => source(&format!("mask,{band}"), ""),
        None => component(4),
    };
    let colour = |number: u8, name: &str| {
        format!(
            "<VRTRasterBand dataType=\"Byte\" band=\"{number}\">\
             <ColorInterp>{name}</ColorInterp>{}</VRTRasterBand>",
            if number < 4 {
                component(number)
            } else {
                alpha.clone()
            }
        )
    };
    format!(
        "<VRTDataset rasterXSize=\"{width}\" rasterYSize=\"{height}\">{}{}{}{}</VRTDataset>",
        colour(1, "Red"),
        colour(2, "Green"),
        colour(3, "Blue"),
        colour(4, "Alpha")
    )
}

/// A look-up table that is 0 at one palette number and 255 at its neighbours. GDAL interpolates
/// between the entries and holds the first and last beyond them.
fn hole_at(nodata: f64) -> String {
    let number = nodata.round();
    format!("{}:255,{number}:0,{}:255", number - 1.0, number + 1.0)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
