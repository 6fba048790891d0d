//! The integration tests: one binary, one module a subject.
mod area;
mod cover_golden;
mod exports;
mod http_imagery;
mod onnx_models;
mod probe;
mod program;
#[cfg(feature = "gdal")]
mod raster;
mod run_command;
mod tile_server;
mod tiles_command;
mod unruly_server;
