//! The checksums of rows, from version 2 on: XXH3-64 of a table's name and of what the row holds.
//!
//! Numbers go in as 8 little-endian bytes, text and blobs with their length before them, each behind a
//! byte that tells its type, and what is absent as one byte, so no two rows of different values are
//! the same bytes. SQLite keeps no sign of a zero, so zeros count without theirs.

use xxhash_rust::xxh3::Xxh3;

use crate::tiles::{SourceImage, TileBox};

/// The checksum of a row that is being put together, column by column.
pub(super) struct RowCheck(Xxh3);

impl RowCheck {
    pub fn of(table: &str) -> Self {
        Self(Xxh3::new()).text(Some(table))
    }

    pub fn integer(mut self, value: impl Into<i64>) -> Self {
        self.0.update(&[1]);
        self.0.update(&value.into().to_le_bytes());
        self
    }

    pub fn real(mut self, value: impl Into<f64>) -> Self {
        self.0.update(&[2]);
        // Turns -0 into 0.
        self.0.update(&(value.into() + 0.0).to_le_bytes());
        self
    }

    pub fn absent(mut self) -> Self {
        self.0.update(&[0]);
        self
    }

    pub fn blob(mut self, value: Option<&[u8]>) -> Self {
        match value {
            None => return self.absent(),
            Some(bytes) => {
                self.0.update(&[3]);
                self.0.update(&(bytes.len() as u64).to_le_bytes());
                self.0.update(bytes);
            }
        }
        self
    }

    pub fn text(self, value: Option<&str>) -> Self {
        self.blob(value.map(str::as_bytes))
    }

    /// As SQLite stores it, whose integers are signed.
    pub fn finish(self) -> i64 {
        self.0.digest().cast_signed()
    }
}

pub(super) fn outcome(row: &super::rows::OutcomeRow) -> i64 {
    RowCheck::of("outcome")
        .integer(row.sequence.cast_signed())
        .integer(row.block_x)
        .integer(row.block_y)
        .integer(row.reason)
        .blob(Some(&row.tiles))
        .finish()
}

pub(super) fn retry(sequence: u64, tiles: &[u8]) -> i64 {
    RowCheck::of("retry")
        .integer(sequence.cast_signed())
        .blob(Some(tiles))
        .finish()
}

/// A candidate as its columns hold it, with the boxes that stand in a table of their own.
pub(super) struct CandidateColumns<'a> {
    pub y: u32,
    pub x: u32,
    pub score: f32,
    pub content_hash: i64,
    pub grid_width: Option<u16>,
    pub grid: Option<&'a [u8]>,
    pub boxes: &'a [TileBox],
}

impl CandidateColumns<'_> {
    pub fn check(&self) -> i64 {
        let check = RowCheck::of("candidate")
            .integer(self.y)
            .integer(self.x)
            .real(self.score)
            .integer(self.content_hash);
        let check = match self.grid_width {
            Some(width) => check.integer(width),
            None => check.absent(),
        };
        let check = check.blob(self.grid).integer(self.boxes.len() as i64);
        self.boxes
            .iter()
            .fold(check, |check, found| {
                check
                    .integer(found.class)
                    .real(found.score)
                    .real(found.x0)
                    .real(found.y0)
                    .real(found.x1)
                    .real(found.y1)
            })
            .finish()
    }
}

pub(super) fn low_contrast(content_hash: i64, y: u32, x: u32) -> i64 {
    RowCheck::of("low_contrast")
        .integer(content_hash)
        .integer(y)
        .integer(x)
        .finish()
}

pub(super) fn payload(candidate: i64, bytes: &[u8]) -> i64 {
    RowCheck::of("payload")
        .integer(candidate)
        .blob(Some(bytes))
        .finish()
}

pub(super) fn image(id: i64, image: &SourceImage) -> i64 {
    let check = RowCheck::of("image")
        .integer(id)
        .text(Some(&image.name))
        .text(image.taken_from.as_deref())
        .text(image.taken_to.as_deref());
    let check = match image.gsd_m {
        Some(gsd_m) => check.real(gsd_m),
        None => check.absent(),
    };
    check
        .text(image.licence.as_deref())
        .text(image.credit.as_deref())
        .finish()
}

pub(super) fn manifest(run_id: &str, manifest: &str) -> i64 {
    RowCheck::of("manifest")
        .text(Some(run_id))
        .text(Some(manifest))
        .finish()
}

pub(super) fn settings(first_sequence: i64, settings: &str) -> i64 {
    RowCheck::of("settings")
        .integer(first_sequence)
        .text(Some(settings))
        .finish()
}
