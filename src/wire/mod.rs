//! The serving protocols' messages and paths, for servers and clients of them.
//!
//! In: bytes of protobuf, and paths of URLs. Out: Rust structures and tonic's stubs, generated from
//! `proto/`, and the parts of a path. Never: what they mean; `serve` and `predict::remote` know that.

pub mod path;

/// `tensorflow`, with `tensorflow.serving` in it.
#[allow(clippy::all, clippy::pedantic, missing_docs)]
pub mod tensorflow {
    tonic::include_proto!("tensorflow");

    pub mod serving {
        tonic::include_proto!("tensorflow.serving");
    }
}

/// KServe v2, the open inference protocol.
#[allow(clippy::all, clippy::pedantic, missing_docs)]
pub mod inference {
    tonic::include_proto!("inference");
}

/// The definitions themselves, an encoded `FileDescriptorSet`.
pub const DEFINITIONS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/definitions.bin"));

#[cfg(test)]
mod tests;
