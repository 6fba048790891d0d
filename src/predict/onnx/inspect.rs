//! Everything there is to know about a model file, and whether it would run.

use std::{fs, path::Path};

use bytes::Bytes;

use super::{
    arrangement::Arrangement,
    contract::Contract,
    device::Device,
    engine::{Source, open_session},
    graph::GraphFacts,
    library,
    model::{Described, OnnxModel, read_contract},
    plan::{left_open, scores_port},
    ports::signature,
    settings::{AdaptationFlags, Settings},
    work::{Work, work},
};
use crate::predict::{Columns, Model, ModelInfo, PredictError, Signature, Unusable};

/// What is known of a model file.
#[derive(Debug)]
pub struct Inspection {
    pub name: String,
    pub checksum: String,
    pub bytes: u64,
    pub facts: GraphFacts,
    pub signature: Signature,
    /// `None` for a model that was not packaged.
    pub contract: Option<Contract>,
    /// `None` where it cannot be told.
    pub work: Option<Work>,
    pub fitness: Fitness,
}

/// Whether a model would run with the flags that were given.
#[derive(Debug)]
pub enum Fitness {
    /// It runs: its canaries, if it has any, and a trial came out right.
    Runs(Box<ModelInfo>),
    /// It does not run.
    Refused {
        error: Box<PredictError>,
        /// All that a model which was not packaged still needs to be told, in the order in which it
        /// would be asked for.
        open: Vec<Unusable>,
    },
}

/// Looks into a model file and tries it out.
///
/// # Errors
/// When the file cannot be read or is no model, or when ONNX Runtime or the device cannot be used.
/// A model that would not run is an [`Inspection`] that says so.
pub fn inspect_file(path: &Path, settings: &Settings) -> Result<Inspection, PredictError> {
    let name = path.display().to_string();
    let file = fs::read(path).map_err(|source| PredictError::Read {
        model: name.clone(),
        source,
    })?;
    inspect(
        &name,
        &file.into(),
        &Source::File(path.to_owned()),
        settings,
        || OnnxModel::from_file(path, settings),
    )
}

/// Looks into a model that is built into the program.
///
/// # Errors
/// As [`inspect_file`].
pub fn inspect_embedded(
    name: &str,
    bytes: &'static [u8],
    settings: &Settings,
) -> Result<Inspection, PredictError> {
    let file = Bytes::from_static(bytes);
    inspect(name, &file, &Source::Embedded(bytes), settings, || {
        OnnxModel::embedded(name, bytes, settings)
    })
}

fn inspect(
    name: &str,
    file: &Bytes,
    source: &Source,
    settings: &Settings,
    load: impl FnOnce() -> Result<OnnxModel, PredictError>,
) -> Result<Inspection, PredictError> {
    let Described { checksum, facts } = Described::of(name, file)?;
    let library = library::load(settings.library.as_deref(), settings.device)?;
    // The processor can open every model, so that what a device refuses is told apart.
    let alone = Arrangement {
        workers: 1,
        threads: 1,
        batch_size: 1,
    };
    let session = open_session(name, source, &library, Device::Cpu, alone, None)?;
    let signature = signature(&session);
    // A broken contract is a reason not to run, and the rest is still worth telling.
    let contract = read_contract(name, &session);
    drop(session);
    let size_px = settings.adaptation.size_px;
    let work = match work(name, file, &facts.layers, &signature, size_px, &library) {
        Ok(work) => work,
        // The rest is still worth telling.
        Err(error) => {
            tracing::warn!("the work of a tile is not known: {error}");
            None
        }
    };

    let refused = |error: PredictError| Fitness::Refused {
        open: match &contract {
            Ok(None) => left_open_of_all(&signature, &facts, &settings.adaptation),
            _ => Vec::new(),
        },
        error: Box::new(error),
    };
    let fitness = match load() {
        Ok(model) => Fitness::Runs(Box::new(model.info().clone())),
        Err(
            error @ (PredictError::Unusable { .. }
            | PredictError::Metadata { .. }
            | PredictError::Canary { .. }
            | PredictError::Engine { .. }),
        ) => refused(error),
        Err(error) => return Err(error),
    };
    Ok(Inspection {
        name: name.to_owned(),
        checksum,
        bytes: file.len() as u64,
        facts,
        contract: contract.ok().flatten(),
        work,
        signature,
        fitness,
    })
}

/// What shapes, outputs and flags leave open.
fn left_open_of_all(
    signature: &Signature,
    facts: &GraphFacts,
    flags: &AdaptationFlags,
) -> Vec<Unusable> {
    let mut open = left_open(signature, flags);
    if let Some(scores) = scores_port(signature, flags) {
        if flags.activation.is_none() {
            open.push(Unusable::ActivationUntold {
                maker: facts.makers.get(&scores.name).cloned(),
            });
        }
        if flags.positives.is_none() && scores.columns() != Some(1) {
            open.push(Unusable::PositivesUntold {
                columns: Columns::Numbered(scores.columns()),
            });
        }
    }
    open
}
