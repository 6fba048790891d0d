//! Compiles the protobuf definitions in `proto/` without protoc.

use std::{env, fs, path::Path};

/// What goes over the wire between a server and its clients.
const SERVING: [&str; 3] = [
    "tensorflow.proto",
    "tensorflow_serving.proto",
    "open_inference.proto",
];

/// What lies in a model's file.
const MODELS: [&str; 1] = ["onnx.proto"];

fn main() {
    println!("cargo:rerun-if-changed=proto");
    let compiled = |files: &[&str]| {
        protox::compile(files, ["proto"])
            .unwrap_or_else(|error| panic!("proto/ does not compile: {error:?}"))
    };
    let serving = compiled(&SERVING);
    let out = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    // The text files of TensorFlow Serving are read with the definitions themselves.
    fs::write(
        Path::new(&out).join("definitions.bin"),
        prost::Message::encode_to_vec(&serving),
    )
    .expect("OUT_DIR can be written to");
    for definitions in [serving, compiled(&MODELS)] {
        tonic_prost_build::configure()
            // Images, tensors and names stay slices of the message that brought them.
            .bytes(".")
            // Outputs keep one order, so that an answer's bytes do too.
            .btree_map(".")
            .compile_fds(definitions)
            .expect("the definitions become Rust");
    }
}
