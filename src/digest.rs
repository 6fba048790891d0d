//! Digests, and how they are written: in lower-case hexadecimal.
//!
//! In: bytes. Out: a [`Digest`] that compares, prints and parses. Never: a secret. These digests
//! tell files, settings and images apart; none of them proves who wrote something.

use std::{fmt, str::FromStr};

use md5::{Digest as _, Md5};
use sha2::Sha256;
use xxhash_rust::xxh3::xxh3_64;

/// A digest of `BYTES` bytes.
///
/// It prints as twice as many hexadecimal digits in lower case, and parses from digits in either
/// case.
///
/// ```
/// use hvmap::digest::{Digest, sha256};
///
/// let digest = sha256("abc");
/// let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
/// assert_eq!(digest.to_string(), text);
/// assert_eq!(text.parse(), Ok(digest));
/// assert_eq!(digest.start::<2>().to_string(), "ba78");
/// assert!("ba78".parse::<Digest<32>>().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest<const BYTES: usize>(pub [u8; BYTES]);

/// SHA-256 (FIPS 180-4): tells models, manifests and covers apart, for ever.
#[must_use]
pub fn sha256(bytes: impl AsRef<[u8]>) -> Digest<32> {
    Digest(Sha256::digest(bytes).into())
}

/// MD5 (RFC 1321): only for hashes that other programs published.
#[must_use]
pub fn md5(bytes: impl AsRef<[u8]>) -> Digest<16> {
    Digest(Md5::digest(bytes).into())
}

/// XXH3-64 in its canonical form, the highest byte first: for what is compared within one program.
#[must_use]
pub fn xxh3(bytes: impl AsRef<[u8]>) -> Digest<8> {
    Digest(xxh3_64(bytes.as_ref()).to_be_bytes())
}

impl<const BYTES: usize> Digest<BYTES> {
    /// The first bytes, where a short name will do.
    ///
    /// # Panics
    /// When more are asked for than there are.
    #[must_use]
    pub fn start<const FEWER: usize>(&self) -> Digest<FEWER> {
        let (start, _) = self
            .0
            .split_first_chunk()
            .expect("a start is no longer than the whole");
        Digest(*start)
    }
}

impl<const BYTES: usize> fmt::Display for Digest<BYTES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl<const BYTES: usize> fmt::Debug for Digest<BYTES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// A text that is no digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("got {got:?}, expected {digits} hexadecimal digits")]
pub struct NotADigest {
    pub got: String,
    /// How many digits there should be.
    pub digits: usize,
}

impl<const BYTES: usize> FromStr for Digest<BYTES> {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        parse(text).ok_or_else(|| NotADigest {
            got: text.to_owned(),
            digits: 2 * BYTES,
        })
    }
}

fn parse<const BYTES: usize>(text: &str) -> Option<Digest<BYTES>> {
    if text.len() != 2 * BYTES {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut bytes = [0; BYTES];
    for (byte, &[high, low]) in bytes.iter_mut().zip(text.as_bytes().as_chunks().0) {
        *byte = (digit(high)? << 4 | digit(low)?) as u8;
    }
    Some(Digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_of_nothing_are_those_published() {
        let sha256_of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sha256("").to_string(), sha256_of_nothing);
        assert_eq!(md5("").to_string(), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(xxh3("").to_string(), "2d06800538d394c2");
    }

    #[test]
    fn digits_of_either_case_parse_and_nothing_else_does() {
        assert_eq!("0aFF".parse(), Ok(Digest([0x0a, 0xff])));
        for wrong in ["", "0af", "0aff0", "0afg", "+a+f", "0a f", "0é0"] {
            let error = wrong.parse::<Digest<2>>().unwrap_err();
            assert_eq!(error.digits, 4, "{error}");
        }
    }
}
