//! Strings in a raw tensor of the Open Inference Protocol's type `BYTES`: before each its length,
//! four bytes, little-endian.
//!
//! Source: the protocol's binary tensor data extension.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

/// A string that is longer than what is left of its tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("element {element} ends too early in the raw bytes")]
pub struct CutShort {
    /// Its position, counted from 0.
    pub element: usize,
}

/// The tensor of these strings, each shorter than 4 GiB.
#[must_use]
pub fn write(strings: &[Bytes]) -> Bytes {
    let size = strings.iter().map(|string| string.len() + 4).sum();
    let mut raw = BytesMut::with_capacity(size);
    for string in strings {
        raw.put_u32_le(string.len() as u32);
        raw.put_slice(string);
    }
    raw.freeze()
}

/// The strings of a tensor, without copying them.
///
/// # Errors
/// When the last one ends before its length says.
pub fn read(mut raw: Bytes) -> Result<Vec<Bytes>, CutShort> {
    let mut strings = Vec::new();
    while raw.has_remaining() {
        let length = raw
            .try_get_u32_le()
            .ok()
            .map(|length| length as usize)
            .filter(|&length| length <= raw.remaining())
            .ok_or(CutShort {
                element: strings.len(),
            })?;
        strings.push(raw.split_to(length));
    }
    Ok(strings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_have_their_lengths_before_them() {
        let strings = ["ab", "", "c"].map(Bytes::from);
        let raw = write(&strings);
        assert_eq!(&*raw, b"\x02\0\0\0ab\0\0\0\0\x01\0\0\0c");
        assert_eq!(read(raw).unwrap(), strings);
    }

    #[test]
    fn a_string_that_is_cut_short_is_named() {
        for (cut, element) in [
            (&b"\x02\0\0\0h"[..], 0),
            (b"\x01\0\0\0a\x02\0\0", 1),
            (b"\xff\xff\xff\xffhi", 0),
        ] {
            let error = read(Bytes::from_static(cut)).unwrap_err();
            assert_eq!(error, CutShort { element });
        }
    }
}
