//! The integration tests: one binary, one module a subject.
mod cover_golden;
mod onnx_models;
#[cfg(feature = "gdal")]
mod raster;
mod run_command;
mod tile_server;
