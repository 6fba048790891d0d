//! The date in a JPEG's EXIF block, if it has one.
//!
//! Format: CIPA DC-008 (EXIF 2.32); a TIFF file inside the APP1 segment of the JPEG.

/// `DateTimeOriginal`, in the EXIF folder.
const DATE_TAKEN: u16 = 0x9003;
/// `DateTime`, in the first folder: when the file was written, where the other is missing.
const DATE_WRITTEN: u16 = 0x0132;
/// The offset of the EXIF folder.
const EXIF_FOLDER: u16 = 0x8769;
/// Bytes of an entry in a folder.
const ENTRY_BYTES: usize = 12;

/// The date and time as the file writes them (`2018:05:29 10:21:00`).
pub(super) fn date_taken(payload: &[u8]) -> Option<String> {
    let tiff = Tiff::of(app1(payload)?.strip_prefix(b"Exif\0\0")?)?;
    let first = tiff.number(4, 4)? as usize;
    let taken = tiff
        .entry(first, EXIF_FOLDER)
        .and_then(|entry| tiff.number(entry + 8, 4))
        .and_then(|folder| tiff.text(folder as usize, DATE_TAKEN));
    taken.or_else(|| tiff.text(first, DATE_WRITTEN))
}

/// The first APP1 segment's content.
fn app1(payload: &[u8]) -> Option<&[u8]> {
    let mut rest = payload.strip_prefix(&[0xFF, 0xD8])?;
    loop {
        let &[0xFF, marker, high, low] = rest.first_chunk::<4>()? else {
            return None;
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let content = rest.get(4..2 + length)?;
        match marker {
            0xE1 => return Some(content),
            // The image itself begins: no EXIF came before it.
            0xDA => return None,
            _ => rest = &rest[2 + length..],
        }
    }
}

struct Tiff<'a> {
    bytes: &'a [u8],
    little_endian: bool,
}

impl<'a> Tiff<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let little_endian = match bytes.get(..2)? {
            b"II" => true,
            b"MM" => false,
            _ => return None,
        };
        Some(Self {
            bytes,
            little_endian,
        })
    }

    /// An unsigned number of 2 or 4 bytes.
    fn number(&self, at: usize, length: usize) -> Option<u32> {
        let bytes = self.bytes.get(at..at.checked_add(length)?)?;
        let append = |number: u32, byte: &u8| number << 8 | u32::from(*byte);
        Some(if self.little_endian {
            bytes.iter().rev().fold(0, append)
        } else {
            bytes.iter().fold(0, append)
        })
    }

    /// Where a folder's entry for a tag lies.
    fn entry(&self, folder: usize, tag: u16) -> Option<usize> {
        let count = self.number(folder, 2)? as usize;
        (0..count)
            .map(|index| folder + 2 + index * ENTRY_BYTES)
            .find(|at| self.number(*at, 2) == Some(tag.into()))
    }

    /// A text too long to stand in the entry itself, as dates are.
    fn text(&self, folder: usize, tag: u16) -> Option<String> {
        let entry = self.entry(folder, tag)?;
        let length = self.number(entry + 4, 4)? as usize;
        let at = self.number(entry + 8, 4)? as usize;
        let bytes = self.bytes.get(at..at.checked_add(length)?)?;
        let text = str::from_utf8(bytes).ok()?.trim_end_matches('\0').trim();
        let is_date = text.bytes().any(|byte| byte.is_ascii_digit());
        is_date.then(|| text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{RGB_BYTES, encode_jpeg};

    /// A JPEG with an APP1 segment that holds one folder and, from it, an EXIF folder.
    fn jpeg_with_date(little_endian: bool, date: &[u8; 20]) -> Vec<u8> {
        let two = |n: u16| {
            if little_endian {
                n.to_le_bytes()
            } else {
                n.to_be_bytes()
            }
        };
        let four = |n: u32| {
            if little_endian {
                n.to_le_bytes()
            } else {
                n.to_be_bytes()
            }
        };
        let mut tiff = if little_endian {
            b"II*\0".to_vec()
        } else {
            b"MM\0*".to_vec()
        };
        tiff.extend(four(8));
        for (tag, kind, count, value) in [(EXIF_FOLDER, 4, 1, 26), (DATE_TAKEN, 2, 20, 44)] {
            tiff.extend(two(1));
            tiff.extend(two(tag));
            tiff.extend(two(kind));
            tiff.extend(four(count));
            tiff.extend(four(value));
            tiff.extend(four(0));
        }
        assert_eq!(tiff.len(), 44);
        tiff.extend(date);
        let plain = encode_jpeg(&[77; RGB_BYTES], 80);
        let mut jpeg = plain[..2].to_vec();
        jpeg.extend([0xFF, 0xE1]);
        jpeg.extend((tiff.len() as u16 + 8).to_be_bytes());
        jpeg.extend(b"Exif\0\0");
        jpeg.extend(tiff);
        jpeg.extend(&plain[2..]);
        jpeg
    }

    #[test]
    fn the_date_of_a_jpeg_is_read_in_both_byte_orders() {
        for little_endian in [true, false] {
            let jpeg = jpeg_with_date(little_endian, b"2018:05:29 10:21:00\0");
            assert_eq!(date_taken(&jpeg).as_deref(), Some("2018:05:29 10:21:00"));
        }
    }

    #[test]
    fn a_file_without_a_date_or_cut_short_has_none() {
        assert_eq!(date_taken(&encode_jpeg(&[77; RGB_BYTES], 80)), None);
        let jpeg = jpeg_with_date(true, b"2018:05:29 10:21:00\0");
        let whole = jpeg.windows(5).position(|part| part == b"21:00").unwrap() + 5;
        for length in 0..whole {
            assert_eq!(date_taken(&jpeg[..length]), None, "{length}");
        }
        assert_eq!(date_taken(b"\x89PNG\r\n\x1a\n"), None);
    }
}
