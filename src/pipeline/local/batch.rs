//! A worker's batch: images in the form that the classifier takes, and whose they are.

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    image::{self, RGB_BYTES},
    imagery::Fetched,
    predict::{Batch, ImageForm},
    tiles::{TileCoord, TileOutcome},
};

/// Payloads below this many bytes are decoded before they are sent on encoded, because a tile that
/// shows nothing compresses to almost nothing: a blank 256×256 JPEG takes about 1.6 kB, a card with
/// a line of text 2 to 5 kB, a tile of land some 10 to 20.
const EMPTY_PAYLOAD_BYTES_MAX: usize = 6144;

/// Images gathered for one call of the classifier.
pub(super) struct Slots {
    form: ImageForm,
    /// `capacity × RGB_BYTES` for pixels, one tile for encoded images.
    pixels: Vec<u8>,
    payloads: Vec<Bytes>,
    owners: Vec<Owner>,
}

/// Whose image a slot holds.
pub(super) struct Owner {
    pub sequence: u64,
    pub index: u16,
    pub tile: TileCoord,
    /// Whether the image shows next to nothing.
    pub low_contrast: bool,
    /// The encoded image, where the source had one.
    payload: Option<Bytes>,
}

/// Why an image did not become part of the batch.
pub(super) struct Unfit {
    pub outcome: TileOutcome,
    pub reason: String,
}

impl Unfit {
    fn blank() -> Self {
        Self {
            outcome: TileOutcome::Blank,
            reason: String::new(),
        }
    }

    fn undecodable(reason: String) -> Self {
        Self {
            outcome: TileOutcome::Undecodable,
            reason,
        }
    }
}

impl Slots {
    pub(super) fn new(form: ImageForm, capacity: usize) -> Self {
        let images = match form {
            ImageForm::Rgb8 => capacity,
            ImageForm::Encoded => 1,
        };
        Self {
            form,
            pixels: vec![0; images * RGB_BYTES],
            payloads: Vec::with_capacity(capacity),
            owners: Vec::with_capacity(capacity),
        }
    }

    pub(super) fn owners(&self) -> &[Owner] {
        &self.owners
    }

    pub(super) fn clear(&mut self) {
        self.owners.clear();
        self.payloads.clear();
    }

    /// Adds an image, unless it cannot be decoded or is blank.
    pub(super) fn push(
        &mut self,
        sequence: u64,
        index: u16,
        tile: TileCoord,
        fetched: Fetched,
    ) -> Result<(), Unfit> {
        let (payload, low_contrast) = match (self.form, fetched) {
            (ImageForm::Rgb8, Fetched::Payload(payload)) => {
                let slot = slot_mut(&mut self.pixels, self.owners.len());
                image::decode(&payload, slot).map_err(|e| Unfit::undecodable(e.reason()))?;
                if image::is_blank(slot) {
                    return Err(Unfit::blank());
                }
                let low_contrast = image::is_low_contrast(slot);
                (Some(payload), low_contrast)
            }
            (ImageForm::Rgb8, Fetched::Pixels(pixels)) => {
                if image::is_blank(pixels.as_bytes()) {
                    return Err(Unfit::blank());
                }
                slot_mut(&mut self.pixels, self.owners.len()).copy_from_slice(pixels.as_bytes());
                (None, image::is_low_contrast(pixels.as_bytes()))
            }
            (ImageForm::Encoded, Fetched::Payload(payload)) => {
                let mut low_contrast = false;
                if payload.len() < EMPTY_PAYLOAD_BYTES_MAX {
                    image::decode(&payload, &mut self.pixels)
                        .map_err(|e| Unfit::undecodable(e.reason()))?;
                    if image::is_blank(&self.pixels) {
                        return Err(Unfit::blank());
                    }
                    low_contrast = image::is_low_contrast(&self.pixels);
                }
                self.payloads.push(payload.clone());
                (Some(payload), low_contrast)
            }
            (ImageForm::Encoded, Fetched::Pixels(pixels)) => {
                if image::is_blank(pixels.as_bytes()) {
                    return Err(Unfit::blank());
                }
                let payload = Bytes::from(image::encode_png(pixels.as_bytes()));
                self.payloads.push(payload.clone());
                (Some(payload), image::is_low_contrast(pixels.as_bytes()))
            }
            (_, Fetched::NoImagery | Fetched::Undecodable(_) | Fetched::Failed(_)) => {
                return Err(Unfit::undecodable("no image was fetched".to_owned()));
            }
        };
        self.owners.push(Owner {
            sequence,
            index,
            tile,
            low_contrast,
            payload,
        });
        Ok(())
    }

    /// The images as the classifier takes them.
    pub(super) fn batch(&self) -> Batch<'_> {
        match self.form {
            ImageForm::Rgb8 => Batch::Rgb8(&self.pixels[..self.owners.len() * RGB_BYTES]),
            ImageForm::Encoded => Batch::Encoded(&self.payloads),
        }
    }

    /// One of the images as a batch of its own.
    pub(super) fn single(&self, position: usize) -> Batch<'_> {
        match self.form {
            ImageForm::Rgb8 => Batch::Rgb8(slot(&self.pixels, position)),
            ImageForm::Encoded => Batch::Encoded(&self.payloads[position..=position]),
        }
    }

    /// Why an image that the classifier refused cannot be decoded, if that is so.
    pub(super) fn undecodable(&mut self, position: usize) -> Option<String> {
        match self.form {
            ImageForm::Rgb8 => None,
            ImageForm::Encoded => image::decode(&self.payloads[position], &mut self.pixels)
                .err()
                .map(|error| error.reason()),
        }
    }

    /// XXH3-64 of an image's payload, or of its pixels where it has none.
    pub(super) fn content_hash(&self, position: usize) -> u64 {
        match &self.owners[position].payload {
            Some(payload) => xxh3_64(payload),
            None => xxh3_64(slot(&self.pixels, position)),
        }
    }

    /// The encoded image, made from the pixels where the source had none.
    pub(super) fn payload(&self, position: usize) -> Bytes {
        match &self.owners[position].payload {
            Some(payload) => payload.clone(),
            None => Bytes::from(image::encode_png(slot(&self.pixels, position))),
        }
    }
}

fn slot(pixels: &[u8], position: usize) -> &[u8] {
    &pixels[position * RGB_BYTES..][..RGB_BYTES]
}

fn slot_mut(pixels: &mut [u8], position: usize) -> &mut [u8] {
    &mut pixels[position * RGB_BYTES..][..RGB_BYTES]
}
