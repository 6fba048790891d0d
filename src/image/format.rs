//! Telling image formats, and what is no image, by the first bytes.
//!
//! A server's `Content-Type` is not asked: many send `image/jpeg` for everything, error pages
//! included.

use super::ImageError;

/// An image format that can be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    Jpeg,
    Png,
    WebP,
    Gif,
    Bmp,
}

impl Format {
    /// The format of a payload, by its magic bytes.
    ///
    /// # Errors
    /// [`ImageError::NotAnImage`], naming what it looks like instead.
    pub fn of(payload: &[u8]) -> Result<Self, ImageError> {
        match payload {
            [0xFF, 0xD8, 0xFF, ..] => Ok(Self::Jpeg),
            [0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => Ok(Self::Png),
            [
                b'R',
                b'I',
                b'F',
                b'F',
                _,
                _,
                _,
                _,
                b'W',
                b'E',
                b'B',
                b'P',
                ..,
            ] => Ok(Self::WebP),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Ok(Self::Gif),
            [b'B', b'M', ..] => Ok(Self::Bmp),
            _ => Err(ImageError::NotAnImage {
                found: look_of(payload),
            }),
        }
    }

    /// The name used in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Gif => "GIF",
            Self::Bmp => "BMP",
        }
    }

    /// The usual ending of a file's name, without a dot; MBTiles uses the same words.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::WebP => "webp",
            Self::Gif => "gif",
            Self::Bmp => "bmp",
        }
    }
}

/// Bytes looked at to tell text from binary data.
const TEXT_SAMPLE: usize = 64;

/// What a payload that is no image looks like, with its article.
fn look_of(payload: &[u8]) -> &'static str {
    match payload {
        [] => return "an empty body",
        [0xFF] | [0xFF, 0xD8] | [0x89, b'P', ..] | [b'R', b'I', b'F', b'F', ..] => {
            return "the torn beginning of an image";
        }
        [0x1F, 0x8B, ..] => return "gzip data (perhaps vector tiles)",
        [b'I', b'I', b'*', 0, ..] | [b'M', b'M', 0, b'*', ..] => return "a TIFF file",
        [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', ..] => return "an AVIF file",
        [0x00, 0x00, 0x00, 0x0C, b'j', b'P', ..] => return "a JPEG 2000 file",
        [0xFF, 0x0A, ..] => return "a JPEG XL file",
        _ => {}
    }
    let text = payload.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(payload);
    let text = text.trim_ascii_start();
    let starts = |word: &str| {
        text.get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
    };
    if starts("<!doctype html") || starts("<html") || starts("<head") || starts("<body") {
        "an HTML page"
    } else if text.first() == Some(&b'<') {
        "an XML document"
    } else if matches!(text.first(), Some(b'{' | b'[')) {
        "a JSON document"
    } else if text.is_empty() {
        "white space"
    } else if text
        .iter()
        .take(TEXT_SAMPLE)
        .all(|byte| !byte.is_ascii_control() || byte.is_ascii_whitespace())
    {
        "plain text"
    } else {
        "data of an unknown kind"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_image_is_named() {
        for (payload, expected) in [
            (
                &b"\n <!DOCTYPE HTML><html>"[..],
                "an HTML page, not an image",
            ),
            (
                b"\xEF\xBB\xBF<?xml version='1.0'?>",
                "an XML document, not an image",
            ),
            (b"{\"error\": 1}", "a JSON document, not an image"),
            (b"Quota exceeded", "plain text, not an image"),
            (b"", "an empty body, not an image"),
            (
                b"\x1F\x8B\x08",
                "gzip data (perhaps vector tiles), not an image",
            ),
            (b"\x00\x01\x02\x03", "data of an unknown kind, not an image"),
        ] {
            assert_eq!(Format::of(payload).unwrap_err().to_string(), expected);
        }
    }
}
