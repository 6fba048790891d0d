//! ONNX's messages, generated from `proto/onnx.proto`, as far as they are read.
// prost writes this code; nobody here can mend it.
#![allow(clippy::all, clippy::pedantic, missing_docs)]

include!(concat!(env!("OUT_DIR"), "/onnx.rs"));

/// Fields of a model that `proto/onnx.proto` does not have, at every depth and in every wire type,
/// to be put behind a file.
#[cfg(test)]
pub(super) fn unknown_fields() -> Vec<u8> {
    use prost::encoding::{bytes, fixed32, fixed64, uint64};

    let mut unknown = Vec::new();
    uint64::encode(1, &10, &mut unknown);
    fixed64::encode(1000, &7, &mut unknown);
    fixed32::encode(1001, &7, &mut unknown);
    // A function, and one whose number ONNX has not given yet.
    bytes::encode(25, &b"\x0a\x01f".to_vec(), &mut unknown);
    bytes::encode(1002, &vec![0xff; 300], &mut unknown);

    let mut node = Vec::new();
    bytes::encode(6, &b"what it is for".to_vec(), &mut node);
    bytes::encode(1000, &vec![0xff; 3], &mut node);
    let mut weights = Vec::new();
    uint64::encode(1, &0, &mut weights);
    bytes::encode(9, &vec![0xff; 16], &mut weights);
    let mut graph = Vec::new();
    bytes::encode(2, &b"name".to_vec(), &mut graph);
    bytes::encode(1, &node, &mut graph);
    bytes::encode(5, &weights, &mut graph);
    bytes::encode(7, &graph, &mut unknown);
    unknown
}
