//! What servers and clients of the serving protocols have to agree on, written once for both.
//!
//! In: bytes of protobuf and JSON, and paths of URLs. Out: Rust structures and tonic's stubs, generated
//! from `proto/`; what [`facts`] `hvmap serve` tells its own client; [`names`], [`element`] types and the
//! layout of [`byte_strings`]; the parts of a [`path`]. Never: what they mean; `serve` and
//! `predict::remote` know that.

pub mod byte_strings;
pub mod element;
pub mod facts;
pub mod names;
pub mod path;

/// `tensorflow`, with `tensorflow.serving` in it.
#[allow(clippy::all, clippy::pedantic, missing_docs)]
pub mod tensorflow {
    tonic::include_proto!("tensorflow");

    pub mod serving {
        tonic::include_proto!("tensorflow.serving");
    }
}

/// The Open Inference Protocol.
#[allow(clippy::all, clippy::pedantic, missing_docs)]
pub mod open_inference {
    tonic::include_proto!("inference");
}

/// The definitions themselves, an encoded `FileDescriptorSet`.
pub const DEFINITIONS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/definitions.bin"));

#[cfg(test)]
mod tests;
