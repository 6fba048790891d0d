//! What goes to a server and what comes back, whatever its protocol.

use std::{borrow::Cow, time::Duration};

use bytes::Bytes;

use super::answer::Row;
use crate::{
    image::{self, RGB_BYTES},
    predict::ServerFault,
};

/// The largest answer that is read.
pub(super) const ANSWER_BYTES_MAX: usize = 64 << 20;
/// How long a connection may take to be made.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Characters of a server's words that are passed on.
const WORDS_CHARS_MAX: usize = 300;

/// What became of a request.
#[derive(Debug)]
pub(super) enum Reply {
    Rows(Vec<Row>),
    /// The server says that the images are at fault.
    BadBatch {
        reason: String,
    },
    /// The version that was asked for is not served any more.
    Gone {
        reason: String,
    },
    /// No server would say otherwise.
    Refused {
        reason: String,
    },
    /// Worth another try, later or elsewhere.
    Busy {
        reason: String,
        wait: Option<Duration>,
    },
    /// The server answered that it failed, or answered nonsense.
    Failed {
        reason: ServerFault,
    },
    /// Nothing came.
    Silent {
        reason: String,
    },
}

impl<E: Into<ServerFault>> From<Result<Vec<Row>, E>> for Reply {
    /// From an answer as it was read, or what is wrong with it.
    fn from(read: Result<Vec<Row>, E>) -> Self {
        match read {
            Ok(rows) => Self::Rows(rows),
            Err(reason) => Self::Failed {
                reason: reason.into(),
            },
        }
    }
}

/// Images on their way to a server.
#[derive(Clone, Copy, Debug)]
pub(super) enum Images<'a> {
    Encoded(&'a [Bytes]),
    /// [`RGB_BYTES`] each.
    Rgb8(&'a [u8]),
}

impl<'a> Images<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Encoded(images) => images.len(),
            Self::Rgb8(pixels) => pixels.len() / RGB_BYTES,
        }
    }

    /// The first half and the rest.
    pub(super) fn halves(self) -> (Self, Self) {
        let half = self.len() / 2;
        match self {
            Self::Encoded(images) => {
                let (left, right) = images.split_at(half);
                (Self::Encoded(left), Self::Encoded(right))
            }
            Self::Rgb8(pixels) => {
                let (left, right) = pixels.split_at(half * RGB_BYTES);
                (Self::Rgb8(left), Self::Rgb8(right))
            }
        }
    }

    /// Encoded images, without copying those that are.
    pub(super) fn encoded(&self) -> Cow<'a, [Bytes]> {
        match self {
            Self::Encoded(images) => Cow::Borrowed(images),
            Self::Rgb8(pixels) => pixels
                .chunks_exact(RGB_BYTES)
                .map(|tile| image::encode_png(tile).into())
                .collect(),
        }
    }

    /// All images' pixels, one after the other; the error names the image that has none.
    pub(super) fn pixels(&self) -> Result<Bytes, String> {
        match self {
            Self::Rgb8(pixels) => Ok(Bytes::copy_from_slice(pixels)),
            Self::Encoded(images) => {
                let mut pixels = vec![0; images.len() * RGB_BYTES];
                for (position, (payload, slot)) in images
                    .iter()
                    .zip(pixels.chunks_exact_mut(RGB_BYTES))
                    .enumerate()
                {
                    image::decode(payload, slot)
                        .map_err(|error| format!("image {position}: {}", error.reason()))?;
                }
                Ok(pixels.into())
            }
        }
    }
}

/// A server's words, of which some quote the whole request.
pub(super) fn clipped(words: &str) -> String {
    match words.char_indices().nth(WORDS_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_are_cut_between_characters() {
        assert_eq!(clipped("é"), "é");
        let long = clipped(&"é".repeat(WORDS_CHARS_MAX + 1));
        assert_eq!(long.chars().count(), WORDS_CHARS_MAX + 1);
        assert!(long.ends_with("é…"));
    }
}
