//! The integration tests: one binary, one module a subject.
mod cover_golden;
mod onnx_models;
