//! The demo: drawn imagery, and the model that was trained on it.

/// The name by which the built-in model is asked for.
pub const DEMO_MODEL: &str = "demo";

/// The imagery of the demo.
pub const DEMO_IMAGERY: &str = "synthetic:1";

/// What the built-in model is called in reports.
pub(super) const MODEL_NAME: &str = "demo (built in)";

/// The built-in model's file: trained on the synthetic world alone, and good for nothing else.
pub(super) static MODEL_BYTES: &[u8] = include_bytes!("../../data/models/demo.onnx");
