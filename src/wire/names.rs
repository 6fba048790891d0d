//! Names that servers and clients of the serving protocols have to spell alike.

/// The input of encoded images, one a tile.
pub const ENCODED_IMAGES: &str = "image_bytes";
/// The input of pixels, `[n, 256, 256, 3]`.
pub const PIXELS: &str = "image";
/// The output of one number a class, `[n, classes]`.
pub const SCORES: &str = "scores";
/// The output of one number a cell of the attribution grid, `[n, rows, columns]`.
pub const ATTRIBUTION: &str = "attribution";

/// TF Serving's signature where none is asked for: the scores alone.
pub const DEFAULT_SIGNATURE: &str = "serving_default";
/// The signature that answers the attribution too.
pub const LOCALIZE_SIGNATURE: &str = "localize";
/// TF Serving's method of signatures that take tensors and answer tensors.
pub const PREDICT_METHOD: &str = "tensorflow/serving/predict";
/// The part of TF Serving's metadata that describes signatures.
pub const SIGNATURES_FIELD: &str = "signature_def";

/// The Open Inference Protocol's header over HTTP that tells how many bytes of a body are JSON, where
/// raw tensors follow.
pub const JSON_LENGTH_HEADER: &str = "inference-header-content-length";
/// gRPC's header of a refusal that tells after how many milliseconds another try makes sense.
pub const PUSHBACK_HEADER: &str = "grpc-retry-pushback-ms";
