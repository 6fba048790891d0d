//! Why a model cannot be used as it is.

use std::fmt;

use super::onnx::{Activation, Fit, Layout, Preprocess, Setting};

/// What is wrong with a model, or with what its settings say of it, in one clause.
///
/// The clause names settings by their own names; how a person gives one differs from door to door,
/// and so does what to do about it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Unusable {
    /// No setting helps.
    #[error("{0}")]
    Lasting(String),
    #[error("it is no ONNX file, or is cut short")]
    NotOnnx,
    /// Its checksum would not change with its weights, and a run could go on with others.
    #[error("some of its weights lie in other files, expected one file")]
    ExternalWeights,

    /// Inputs or outputs that no setting makes fit.
    #[error("got {got}, expected {expected}")]
    Shape { got: String, expected: String },
    /// A packaged model whose inputs and outputs are not those of the contract.
    #[error("its metadata says that it is packaged, but got {got}, expected {expected}")]
    Contract { got: String, expected: String },
    #[error("it is packaged and says all of it itself, but got the setting {0}")]
    PackagedAndTold(Setting),
    #[error("it says itself what the setting {0} would")]
    ServedAndTold(Setting),

    #[error("the order of the dimensions of {input} cannot be told")]
    LayoutUntold { input: String },
    /// The other layout would do.
    #[error("as {layout} it has {channels} channels in {input}, expected 3")]
    WrongLayout {
        layout: Layout,
        other: Layout,
        channels: i64,
        input: String,
    },
    #[error("the size is set to {set_px}, but {input} takes {size_px} × {size_px} pixels")]
    WrongSize {
        set_px: u32,
        size_px: u32,
        input: String,
    },
    /// `fit` does nothing to tiles for a model of this size.
    #[error(
        "it takes images of {size_px} × {size_px} pixels, expected {tile_px} × {tile_px}{}",
        in_vain(*fit)
    )]
    SizeOfOtherImages {
        size_px: u32,
        tile_px: u32,
        fit: Option<Fit>,
    },
    #[error("{input} takes numbers, and the file does not say how bytes become them")]
    PreprocessUntold { input: String },
    #[error("{input} takes bytes, which cannot be scaled ({preprocess})")]
    BytesScaled {
        input: String,
        preprocess: Preprocess,
    },

    #[error("it has no output {name:?}")]
    NoSuchOutput {
        name: String,
        /// Those it has, in words.
        outputs: String,
    },
    #[error("several outputs could hold the scores: {outputs}")]
    OutputUntold { outputs: String },
    #[error("it answers {columns} scores, but the settings name {named} classes")]
    WrongClasses { columns: usize, named: usize },
    #[error("nothing says which of its {} classes mean a tower", count(columns))]
    PositivesUntold { columns: Columns },
    #[error("it has no class {class:?}")]
    NoSuchClass { class: String, columns: Columns },
    #[error("the positives are set to no class")]
    NoPositives { columns: Columns },
    /// `maker` is the operator that the outputs come out of.
    #[error("nothing says whether its outputs are probabilities")]
    ActivationUntold { maker: Option<String> },
    #[error("the activation is set to {activation}, but its outputs come out of a {maker}")]
    ActivationTwice {
        activation: Activation,
        maker: String,
    },
    #[error("the activation is set to none, but it answers {output}, expected 0 to 1")]
    NoProbability { output: f32 },
    #[error(
        "the activation is set to softmax, but it answers a single score, which would be 1 always"
    )]
    SoftmaxOfOne,
    #[error(
        "the activation is set to softmax, but its answers are probabilities already: each row adds \
         up to 1"
    )]
    SoftmaxOfProbabilities,
    #[error("nothing says how its positive classes become one score")]
    CombineUntold,

    /// What is no URL of a model server.
    #[error("{0}")]
    Url(String),
    #[error("it serves another model than {leader}: {difference}")]
    OtherModel { leader: String, difference: String },
    #[error("it has no metadata that would say what its input is called")]
    NoMetadata,
    #[error("it has no input {name:?}")]
    NoSuchInput { name: String, inputs: String },
    #[error("its metadata names no input")]
    InputUnnamed,
    #[error("it has several inputs: {inputs}")]
    InputUntold { inputs: String },
    /// An input that images cannot be sent to.
    #[error("its input {input} {reason}")]
    InputOfOtherForm { input: String, reason: String },
    #[error("its input {input} takes pixels")]
    PixelsOverRest { input: String },
    #[error("it has several outputs: {outputs}")]
    ServedOutputUntold { outputs: String },
    /// A file that servers were to be held against.
    #[error("it holds no canary tiles")]
    NoCanaries,
}

/// What the columns of the scores are called.
#[derive(Clone, Debug, PartialEq)]
pub enum Columns {
    /// The classes' names.
    Named(Vec<String>),
    /// Only their number is known, or not even that.
    Numbered(Option<usize>),
}

fn in_vain(fit: Option<Fit>) -> &'static str {
    match fit {
        Some(Fit::Crop) => ": nothing to crop",
        Some(Fit::Pad) => ": nothing to pad",
        Some(Fit::Resize) | None => "",
    }
}

fn count(columns: &Columns) -> impl fmt::Display {
    match columns {
        Columns::Named(names) => names.len().to_string(),
        Columns::Numbered(Some(number)) => number.to_string(),
        Columns::Numbered(None) => "N".to_owned(),
    }
}
