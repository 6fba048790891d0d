//! Hashes by which placeholder images are known.

use std::{fmt, str::FromStr};

use crate::digest::{self, Digest};

/// The hash of a placeholder image's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyHash {
    Md5(Digest<16>),
    Sha256(Digest<32>),
}

impl BodyHash {
    /// The SHA-256 of a body.
    #[must_use]
    pub fn sha256_of(body: &[u8]) -> Self {
        Self::Sha256(digest::sha256(body))
    }

    /// Whether a body has this hash.
    #[must_use]
    pub fn matches(&self, body: &[u8]) -> bool {
        match self {
            Self::Md5(hash) => digest::md5(body) == *hash,
            Self::Sha256(hash) => digest::sha256(body) == *hash,
        }
    }
}

impl FromStr for BodyHash {
    type Err = String;

    /// Reads `md5:HEX` or `sha256:HEX`; the hash's length alone will do as well.
    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, digits) = match text.split_once([':', ' ']) {
            Some((kind, digits)) => (Some(kind.to_ascii_lowercase()), digits.trim()),
            None => (None, text),
        };
        match (kind.as_deref(), digits.len()) {
            (Some("md5") | None, 32) => digits.parse().ok().map(Self::Md5),
            (Some("sha256") | None, 64) => digits.parse().ok().map(Self::Sha256),
            _ => None,
        }
        .ok_or_else(|| "expected md5: and 32, or sha256: and 64 hexadecimal digits".to_owned())
    }
}

impl fmt::Display for BodyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Md5(hash) => write!(f, "md5:{hash}"),
            Self::Sha256(hash) => write!(f, "sha256:{hash}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_hashes_of_nothing_match_an_empty_body() {
        for text in [
            "md5:d41d8cd98f00b204e9800998ecf8427e",
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ] {
            let hash: BodyHash = text.parse().unwrap();
            assert!(hash.matches(b""), "{text}");
            assert!(!hash.matches(b"x"), "{text}");
            assert_eq!(hash.to_string(), text);
        }
    }
}
