//! The integration tests: one binary, one module a subject.

#![allow(clippy::print_stderr, reason = "a test that skips itself says so")]

mod architecture;
mod area;
mod chaining;
mod cover_golden;
mod cuda;
mod exports;
mod grpc_serving;
mod guided_scan;
mod http_imagery;
mod labels_command;
mod ledger_faults;
mod ledger_version_1;
mod model_command;
mod model_peer;
mod needs;
mod onnx_models;
mod open_inference;
mod openvino;
mod probe;
mod program;
#[cfg(feature = "gdal")]
mod raster;
mod remote_model;
mod remote_run;
mod remote_tls;
mod run_as_library;
mod run_command;
mod scores;
mod serve_command;
mod serving;
mod synth_command;
mod tile_server;
mod tiles_command;
mod unruly_server;
