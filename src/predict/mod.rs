//! Classifiers: images in, scores out.
//!
//! In: batches of encoded payloads or RGB8 pixels. Out: for each image the probability of the
//! positive classes and, where the model has one, an attribution grid. Never: any knowledge of
//! countries, tiles or files of imagery.

pub mod bench;
mod error;
pub mod onnx;
mod predictions;
pub mod remote;
mod tensor;
mod unusable;

use bytes::Bytes;
pub use error::{PredictError, Searched, ServerFault};
pub use predictions::{Located, Predictions};
pub use tensor::{ElementType, Port, Signature};
pub use unusable::{Columns, Unusable};

/// A loaded model: opens the classifiers that the pipeline's workers own.
pub trait Model: Send + Sync {
    fn info(&self) -> &ModelInfo;

    /// How many classifiers are worth running at once on this machine.
    fn workers(&self) -> usize;

    /// Opens a classifier for one worker thread.
    ///
    /// # Errors
    /// When the engine cannot be set up for it.
    fn classifier(&self) -> Result<Box<dyn Classifier>, PredictError>;
}

/// One worker's classifier.
///
/// ```no_run
/// use hvmap::{
///     image::RGB_BYTES,
///     predict::{Batch, Predictions},
///     run::ModelChoice,
/// };
///
/// let model = ModelChoice::file("towers.onnx").load_onnx()?;
/// let mut classifier = hvmap::predict::Model::classifier(&model)?;
/// let grey = vec![128; 2 * RGB_BYTES];
/// let mut answers = Predictions::default();
/// classifier.classify(Batch::Rgb8(&grey), &mut answers)?;
/// assert_eq!(answers.scores.len(), 2);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub trait Classifier: Send {
    /// In which form it takes images.
    fn form(&self) -> ImageForm;

    /// The number of images it takes at once at most.
    fn batch_size_max(&self) -> usize;

    /// Classifies a batch and overwrites `out` with as many predictions, in the batch's order.
    ///
    /// # Errors
    /// When the batch as a whole could not be classified.
    fn classify(&mut self, batch: Batch<'_>, out: &mut Predictions) -> Result<(), PredictError>;
}

/// The form in which a classifier takes images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageForm {
    /// Encoded payloads, sent on as they came.
    Encoded,
    /// Pixels: 256×256, RGB8, rows top-down.
    Rgb8,
}

/// Images to classify together.
#[derive(Clone, Copy, Debug)]
pub enum Batch<'a> {
    Encoded(&'a [Bytes]),
    /// `n ×` [`crate::image::RGB_BYTES`] bytes: n decoded tiles, one after the other.
    Rgb8(&'a [u8]),
}

/// What is known of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelInfo {
    /// Path or URL as given, keys redacted.
    pub name: String,
    /// SHA-256 of the model file in lower-case hexadecimal; for a remote model of its identity.
    pub checksum: String,
    /// Engine, version, provider and device, such as `onnxruntime 1.31.1, cpu`.
    pub engine: String,
    pub classes: Vec<String>,
    /// The classes that count as a tower.
    pub positives: Vec<String>,
    /// The threshold that the model's packager recommends.
    pub default_threshold: Option<f32>,
    pub precision: Option<String>,
    /// How images and outputs are fitted to a model that was not packaged for hvmap, such as
    /// `nchw, preprocess torch, softmax, sum of 1`; it changes scores, so it belongs to the
    /// model's identity. `None` for packaged models, which carry all of it inside.
    pub adaptation: Option<String>,
    /// Trained on the synthetic world: refused on real imagery unless overridden.
    pub trained_on_synthetic: bool,
    pub attribution: Option<AttributionMap>,
    /// The outputs for the built-in tiles, row after row, of a model whose file nobody knows: they
    /// stand for it when a run goes on.
    pub answers: Option<Vec<f32>>,
}

/// The pixel of each cell of an attribution grid, measured by the packager.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributionMap {
    /// Pixel column of each grid column's centre, rising.
    pub columns_px: Vec<f32>,
    /// Pixel row of each grid row's centre, rising.
    pub rows_px: Vec<f32>,
}
