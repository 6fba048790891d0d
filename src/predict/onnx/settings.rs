//! What can be said about a model that was not packaged for hvmap.

use std::{path::PathBuf, str::FromStr};

use super::{arrangement::Decided, device::DeviceChoice};

/// How to load and run a model. The default suits a packaged model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    pub device: DeviceChoice,
    /// Images a run of the model; by default 1 on the processor, 2 of an int8 model or 4 by OpenVINO,
    /// and 64 on CUDA.
    pub batch_size: Option<usize>,
    /// Classifiers at once; by default one a core, on CUDA 32 at most.
    pub workers: Option<usize>,
    /// Threads of each classifier on the processor; by default one.
    pub threads: Option<usize>,
    /// ONNX Runtime's shared library, or the folder that holds it.
    pub library: Option<PathBuf>,
    pub adaptation: AdaptationFlags,
}

impl Settings {
    /// What of the layout on the machine is decided.
    #[must_use]
    pub fn decided(&self) -> Decided {
        Decided {
            workers: self.workers,
            threads: self.threads,
            batch_size: self.batch_size,
        }
    }
}

/// What has to be told about a model that does not follow the contract, because a file does not
/// say it and a guess would give plausible, wrong scores.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AdaptationFlags {
    pub layout: Option<Layout>,
    /// Width and height of the model's input, where the file leaves them open.
    pub size_px: Option<u32>,
    pub preprocess: Option<Preprocess>,
    pub fit: Option<Fit>,
    pub activation: Option<Activation>,
    pub combine: Option<Combine>,
    /// Names of the outputs' columns.
    pub classes: Option<Vec<String>>,
    /// Names or numbers (from 0) of the classes that count as a tower.
    pub positives: Option<Vec<String>>,
    /// Name of the output that holds the scores, where the model has several.
    pub output: Option<String>,
}

impl AdaptationFlags {
    /// The first setting that was given.
    #[must_use]
    pub fn first_given(&self) -> Option<Setting> {
        let given = [
            (Setting::Layout, self.layout.is_some()),
            (Setting::Size, self.size_px.is_some()),
            (Setting::Preprocess, self.preprocess.is_some()),
            (Setting::Fit, self.fit.is_some()),
            (Setting::Activation, self.activation.is_some()),
            (Setting::Combine, self.combine.is_some()),
            (Setting::Classes, self.classes.is_some()),
            (Setting::Positives, self.positives.is_some()),
            (Setting::Output, self.output.is_some()),
        ];
        given
            .into_iter()
            .find_map(|(setting, given)| given.then_some(setting))
    }
}

/// One of the settings of [`AdaptationFlags`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub enum Setting {
    Layout,
    Size,
    Preprocess,
    Fit,
    Activation,
    Combine,
    Classes,
    Positives,
    Output,
}

/// Declares an enum of words with `ALL`, `name`, `Display` and `FromStr`.
macro_rules! words {
    ($(#[$attribute:meta])* $name:ident { $($(#[$variant_attribute:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_attribute])* $variant,)+ }

        impl $name {
            /// All of them, in the order in which help lists them.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word used on the command line and in metadata.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let words: Vec<&str> = Self::ALL.iter().map(|word| word.name()).collect();
                Self::ALL
                    .iter()
                    .copied()
                    .find(|word| word.name() == text)
                    .ok_or_else(|| format!("got {text:?}, expected {}", words.join(", ")))
            }
        }
    };
}

words! {
    /// The order of an image tensor's dimensions.
    Layout {
        /// Batch, height, width, channels: TensorFlow's and Keras's order.
        Nhwc = "nhwc",
        /// Batch, channels, height, width: PyTorch's order.
        Nchw = "nchw",
    }
}

words! {
    /// How a 256×256 tile becomes an image of the model's size.
    Fit {
        /// Scaled with a triangle filter, whose support grows when it shrinks an image.
        Resize = "resize",
        /// The middle is cut out: for models smaller than a tile.
        Crop = "crop",
        /// Black is put around: for models larger than a tile.
        Pad = "pad",
    }
}

words! {
    /// What turns the model's outputs into probabilities.
    Activation {
        /// The outputs are logits of classes that exclude each other.
        Softmax = "softmax",
        /// Each output is the logit of a class of its own.
        Sigmoid = "sigmoid",
        /// The outputs are probabilities already.
        None = "none",
    }
}

words! {
    /// How the probabilities of several positive classes become one score.
    Combine {
        /// For classes that exclude each other.
        Sum = "sum",
        /// For classes that may occur together.
        Largest = "largest",
    }
}

words! {
    /// The common ways of scaling pixels, by the names Keras gives them.
    NamedPreprocess {
        /// x / 127.5 − 1: Keras's "tf" mode, for Xception, Inception, MobileNet.
        Xception = "xception",
        /// x / 255.
        Unit = "unit",
        /// Blue, green, red; less the means 103.939, 116.779, 123.68: for VGG and ResNet of Keras.
        Caffe = "caffe",
        /// x / 255, less ImageNet's means, over its deviations: for models of PyTorch.
        Torch = "torch",
        /// Bytes 0 to 255 as they are.
        None = "none",
    }
}

/// How bytes become the numbers that the model was trained on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Preprocess {
    Named(NamedPreprocess),
    /// x × scale + offset.
    Affine {
        scale: f32,
        offset: f32,
    },
}

impl std::fmt::Display for Preprocess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Named(named) => named.fmt(f),
            Self::Affine { scale, offset } => write!(f, "x*{scale}+{offset}"),
        }
    }
}
