//! Models in ONNX files, run inside this process by ONNX Runtime.
//!
//! In: a file and what flags say about it, then batches of RGB8 tiles. Out: scores, and the
//! attribution grid of packaged models. Never: a guess. What a file does not say and no flag says
//! is refused before the first tile, with what would make it run; a device that was
//! asked for and is not there is an error.
//!
//! A packaged model follows a [`Contract`]: it takes tiles as they are and answers probabilities,
//! and its canary tiles are checked at every load. Any other image classifier runs through a
//! [`Plan`] made of [`AdaptationFlags`].

mod arrangement;
mod canary;
mod classifier;
mod contract;
mod device;
mod engine;
mod graph;
mod inspect;
mod kept;
mod library;
mod model;
mod pixels;
mod plan;
mod ports;
mod proto;
mod score;
mod session;
mod settings;
mod told;
mod work;

pub use arrangement::{Arrangement, Decided};
pub use canary::{BUILT_IN_TILES, Canaries, WrongScore, built_in_tiles};
pub use contract::{CONTRACT_VERSION, Contract, Training};
pub use device::{Arithmetic, Device, DeviceChoice};
pub use engine::Source;
pub use graph::{GraphFacts, Layer, Layers};
pub use inspect::{Fitness, Inspection, inspect_embedded, inspect_file};
pub use kept::{Fastest, UnreadableFastest, fastest_kept, keep_fastest};
pub use library::{Library, load as load_library};
pub use model::{OnnxModel, cores};
pub use plan::Plan;
pub(super) use score::ScoreRule;
pub use settings::{
    Activation, AdaptationFlags, Combine, Fit, Layout, NamedPreprocess, Preprocess, Setting,
    Settings,
};
pub(super) use told::{Rows, rule_of_flags, told_positives};
pub use work::Work;
