//! A look at a source before a run is paid for: a few random tiles of the area and what is wrong
//! with them.
//!
//! In: a source and a cover. Out: a finding for each tile, a verdict on the order of rows, and a
//! contact sheet to look at. Never: a change to anything, or more requests than tiles asked for
//! and their neighbours.

mod detail;
mod exif;
mod font;
mod rows;
mod sample;
mod sheet;

use std::{collections::HashMap, ops::ControlFlow};

use bytes::Bytes;
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

pub use detail::stretch_of;
pub use rows::RowOrderFinding;
pub use sheet::contact_sheet;

use super::{BodyHash, Fetched, ImageryError, ImagerySource};
use crate::{
    image::{RgbTile, decode, is_blank},
    tiles::{BlockCoord, Cover, TileCoord, TileMask, VisitReason, WorkUnit, mercator},
};

/// What a probe found.
#[derive(Debug)]
pub struct Probe {
    /// In the order in which they were drawn.
    pub tiles: Vec<ProbedTile>,
    pub row_order: RowOrderFinding,
}

/// One tile of the sample.
#[derive(Debug)]
pub struct ProbedTile {
    pub tile: TileCoord,
    pub finding: Finding,
    /// The image, where there is one.
    pub image: Option<RgbTile>,
    /// When the image says that it was taken, in its own words.
    pub captured: Option<String>,
    /// The SHA-256 by which the image can be named as "no imagery"; none where it did not come as a
    /// file of its own.
    pub body_hash: Option<BodyHash>,
}

/// What a tile is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum Finding {
    /// An image with detail of its own; a smooth one too, of which nothing worse can be said.
    Real,
    /// The source has none here.
    NoImagery,
    /// Of one colour.
    Blank,
    /// The same image as at another place of the sample.
    Placeholder,
    /// Blown up from a lower zoom: 2 one zoom, 4 two zooms, 8 three zooms or more. Towers are not
    /// to be seen in it, which would read as "no tower".
    Stretched {
        factor: u8,
    },
    Undecodable {
        reason: String,
    },
    Failed {
        reason: String,
    },
}

impl Finding {
    /// A word or two for tables.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::NoImagery => "no imagery",
            Self::Blank => "blank",
            Self::Placeholder => "placeholder",
            Self::Stretched { factor: 2 } => "stretched x2",
            Self::Stretched { factor: 4 } => "stretched x4",
            Self::Stretched { .. } => "stretched x8",
            Self::Undecodable { .. } => "undecodable",
            Self::Failed { .. } => "failed",
        }
    }
}

impl ProbedTile {
    /// Ground size of a pixel at the tile's centre, in metres, if the image is not stretched.
    #[must_use]
    pub fn metres_per_px(&self) -> f64 {
        mercator::metres_per_px(self.tile.centre().lat, self.tile.z)
    }
}

/// Looks at `count` tiles of a cover (all of them, if it has fewer), drawn from a seed.
///
/// Besides the sample, at most `NEIGHBOURS_MAX` southern neighbours are fetched, or as many
/// tiles of flipped rows.
///
/// # Errors
/// What makes the source unusable. A tile that cannot be had is a finding.
pub fn probe(
    source: &dyn ImagerySource,
    cover: &Cover,
    count: usize,
    seed: u64,
) -> Result<Probe, ImageryError> {
    let wanted = sample::draw(cover, count, seed);
    let mut tiles = Vec::with_capacity(wanted.len());
    let mut hashes = Vec::with_capacity(wanted.len());
    for tile in wanted {
        let look = look_at(source, tile)?;
        hashes.push(look.hash);
        tiles.push(ProbedTile {
            tile,
            // A source tells the date of the image it gave last, and here it gave none.
            captured: match look.image {
                Some(_) => look.captured.or_else(|| source.captured()),
                None => None,
            },
            finding: look.finding,
            image: look.image,
            body_hash: look.body_hash,
        });
    }
    mark_placeholders(&mut tiles, &hashes);
    let row_order = rows::judge(source, &tiles)?;
    Ok(Probe { tiles, row_order })
}

/// One tile as it came.
struct Look {
    finding: Finding,
    image: Option<RgbTile>,
    captured: Option<String>,
    /// Of the payload, or of the pixels.
    hash: Option<u64>,
    body_hash: Option<BodyHash>,
}

fn look_at(source: &dyn ImagerySource, tile: TileCoord) -> Result<Look, ImageryError> {
    let without_image = |finding| Look {
        finding,
        image: None,
        captured: None,
        hash: None,
        body_hash: None,
    };
    Ok(match fetch_one(source, tile)? {
        Fetched::NoImagery => without_image(Finding::NoImagery),
        Fetched::Undecodable(reason) => without_image(Finding::Undecodable { reason }),
        Fetched::Failed(failure) => without_image(Finding::Failed {
            reason: failure.reason,
        }),
        Fetched::Pixels(image) => {
            let hash = xxh3_64(image.as_bytes());
            look_at_pixels(image, None, hash)
        }
        Fetched::Payload(payload) => look_at_payload(&payload),
    })
}

fn look_at_payload(payload: &Bytes) -> Look {
    let mut image = RgbTile::new();
    match decode(payload, image.as_bytes_mut()) {
        Ok(()) => Look {
            body_hash: Some(BodyHash::sha256_of(payload)),
            ..look_at_pixels(image, exif::date_taken(payload), xxh3_64(payload))
        },
        Err(error) => Look {
            finding: Finding::Undecodable {
                reason: error.reason(),
            },
            image: None,
            captured: None,
            hash: None,
            body_hash: None,
        },
    }
}

fn look_at_pixels(image: RgbTile, captured: Option<String>, hash: u64) -> Look {
    let finding = if is_blank(image.as_bytes()) {
        Finding::Blank
    } else {
        match stretch_of(&image) {
            Some(factor) => Finding::Stretched { factor },
            None => Finding::Real,
        }
    };
    Look {
        finding,
        image: Some(image),
        captured,
        hash: Some(hash),
        body_hash: None,
    }
}

/// No two places look the same to the last bit, unless they are of one colour.
fn mark_placeholders(tiles: &mut [ProbedTile], hashes: &[Option<u64>]) {
    let mut places: HashMap<u64, usize> = HashMap::new();
    for hash in hashes.iter().flatten() {
        *places.entry(*hash).or_default() += 1;
    }
    for (tile, hash) in tiles.iter_mut().zip(hashes) {
        let repeats = hash.is_some_and(|hash| places[&hash] > 1);
        if repeats && tile.finding != Finding::Blank {
            tile.finding = Finding::Placeholder;
        }
    }
}

/// What a source has for a single tile.
pub(crate) fn fetch_one(
    source: &dyn ImagerySource,
    tile: TileCoord,
) -> Result<Fetched, ImageryError> {
    let unit = WorkUnit {
        sequence: 0,
        block: BlockCoord::of(tile),
        wanted: TileMask::from_iter([BlockCoord::index_of(tile)]),
        reason: VisitReason::Everything,
    };
    let mut answer = None;
    source.fetch(&unit, &mut |_, fetched| {
        answer = Some(fetched);
        ControlFlow::Continue(())
    })?;
    // A source that hands over nothing for a wanted tile breaks its promise; here it has nothing.
    Ok(answer.unwrap_or(Fetched::NoImagery))
}
