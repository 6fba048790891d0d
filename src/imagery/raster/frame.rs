//! Where a raster lies and how fine it is.

use gdal::{Dataset, Metadata};

use super::{colours::Colours, transform::Transform};
use crate::gdal_reports::Quiet;
use crate::tiles::{TILE_SIZE_PX, TileCoord, ZOOM_MAX, mercator};

/// The raster is measured at this many points along each side.
const POINTS: usize = 21;
/// An overview this much coarser than the tile, as a share, still counts as fine enough.
const OVERVIEW_SLACK: f64 = 1.02;

/// A raster's extent and resolution in Web Mercator.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Frame {
    /// Size of a pixel at full resolution, in metres of Web Mercator (larger than on the ground by
    /// 1 / cos(latitude)): the median over the raster.
    pixel_m: f64,
    /// West, north, east and south in world fractions (0 to 1, y down), generously; none where
    /// part of the raster lies outside the projection.
    extent: Option<[f64; 4]>,
    /// How many times coarser than the full image each overview is.
    overviews: Vec<f64>,
}

impl Frame {
    pub(super) fn of(dataset: &Dataset, colours: &Colours, quiet: &Quiet) -> Result<Self, String> {
        require_georeference(dataset)?;
        let mut transform = Transform::new(dataset, quiet)?;
        let (width, height) = dataset.raster_size();
        let (mut sizes_m, mut places, mut complete) = (Vec::new(), Vec::new(), true);
        for row in 0..POINTS {
            for column in 0..POINTS {
                let at = |n: usize, side: usize| n as f64 / (POINTS - 1) as f64 * side as f64;
                let (x, y) = (at(column, width), at(row, height));
                match transform.metres(x, y) {
                    Some(place) => places.push(place),
                    None => complete = false,
                }
                // Differences inwards, so that the neighbour is on the raster too.
                let step = |v: f64, side: usize| if v < side as f64 { 1.0 } else { -1.0 };
                let neighbours = (
                    transform.metres(x, y),
                    transform.metres(x + step(x, width), y),
                    transform.metres(x, y + step(y, height)),
                );
                if let (Some(here), Some(right), Some(below)) = neighbours {
                    let (ax, ay) = (right.0 - here.0, right.1 - here.1);
                    let (bx, by) = (below.0 - here.0, below.1 - here.1);
                    sizes_m.push((ax * by - ay * bx).abs().sqrt());
                }
            }
        }
        sizes_m.retain(|size| *size > 0.0);
        sizes_m.sort_unstable_by(f64::total_cmp);
        let pixel_m = *sizes_m
            .get(sizes_m.len() / 2)
            .ok_or("it lies outside Web Mercator (85° south to 85° north)")?;
        Ok(Self {
            pixel_m,
            extent: complete.then(|| extent(&places)),
            overviews: overviews(dataset, colours),
        })
    }

    /// The zoom whose pixels are nearest to the raster's.
    pub(super) fn zoom(&self) -> u8 {
        let world_m = mercator::CIRCUMFERENCE_M / f64::from(TILE_SIZE_PX);
        let zoom = (world_m / self.pixel_m).log2().round();
        zoom.clamp(0.0, f64::from(ZOOM_MAX)) as u8
    }

    /// False only where the raster certainly has nothing.
    pub(super) fn may_touch(&self, tile: TileCoord) -> bool {
        let Some([west, north, east, south]) = self.extent else {
            return true;
        };
        let side = f64::from(mercator::tiles_per_side(tile.z));
        let (x, y) = (f64::from(tile.x), f64::from(tile.y));
        (x + 1.0) / side > west && x / side < east && (y + 1.0) / side > north && y / side < south
    }

    /// The overview to read for a zoom (none: the full image), and how many of its pixels fall
    /// on one pixel of a tile, along a side.
    pub(super) fn level(&self, zoom: u8) -> (Option<usize>, f64) {
        let tile_pixel_m = mercator::CIRCUMFERENCE_M
            / (f64::from(mercator::tiles_per_side(zoom)) * f64::from(TILE_SIZE_PX));
        let ratio = tile_pixel_m / self.pixel_m;
        let fit = self
            .overviews
            .iter()
            .enumerate()
            .filter(|(_, coarser)| **coarser <= ratio * OVERVIEW_SLACK)
            .max_by(|a, b| a.1.total_cmp(b.1));
        match fit {
            Some((index, coarser)) => (Some(index), ratio / coarser),
            None => (None, ratio),
        }
    }
}

/// GDAL takes a file without a CRS for one in Web Mercator, which would put it off Africa.
fn require_georeference(dataset: &Dataset) -> Result<(), String> {
    let own_model = ["RPC", "GEOLOCATION"]
        .iter()
        .any(|domain| dataset.metadata_domain(domain).is_some());
    let points = !dataset.gcps().is_empty();
    if !own_model && !points && dataset.geo_transform().is_err() {
        return Err(
            "it says nowhere where it lies (no georeference): give it corners with \
             `gdal_translate -a_ullr` or a world file"
                .to_owned(),
        );
    }
    let crs = dataset.spatial_ref().is_ok() || (points && dataset.gcp_spatial_ref().is_some());
    if !own_model && !crs {
        return Err("it has no coordinate reference system: name it with \
             `gdal_translate -of VRT -a_srs EPSG:… IN OUT.vrt`"
            .to_owned());
    }
    Ok(())
}

/// West, north, east and south in world fractions of all places, widened by one step of the grid
/// they were measured on, within which an edge may bulge.
fn extent(places: &[(f64, f64)]) -> [f64; 4] {
    let fraction = |(x, y): &(f64, f64)| {
        (
            (x + mercator::HALF_SIDE_M) / mercator::CIRCUMFERENCE_M,
            (mercator::HALF_SIDE_M - y) / mercator::CIRCUMFERENCE_M,
        )
    };
    let range = |values: &mut dyn Iterator<Item = f64>| {
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
            (low.min(v), high.max(v))
        });
        let margin = (high - low) / (POINTS - 1) as f64;
        (low - margin, high + margin)
    };
    let (west, east) = range(&mut places.iter().map(|p| fraction(p).0));
    let (north, south) = range(&mut places.iter().map(|p| fraction(p).1));
    // Beyond the antimeridian the same places come back on the other side.
    let (west, east) = if west < 0.0 || east > 1.0 {
        (0.0, 1.0)
    } else {
        (west, east)
    };
    [west, north, east, south]
}

fn overviews(dataset: &Dataset, colours: &Colours) -> Vec<f64> {
    let Ok(band) = dataset.rasterband(colours.bands()[0]) else {
        return Vec::new();
    };
    let count = usize::try_from(band.overview_count().unwrap_or(0)).unwrap_or(0);
    (0..count)
        .map_while(|index| band.overview(index).ok())
        .map(|overview| band.x_size() as f64 / overview.x_size().max(1) as f64)
        .collect()
}
