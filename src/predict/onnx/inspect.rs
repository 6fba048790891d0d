//! Everything there is to know about a model file, and whether it would run.

use std::{fs, path::Path};

use bytes::Bytes;

use super::{
    arrangement::Arrangement,
    contract::Contract,
    device::Device,
    engine::{Source, open_session, signature},
    graph::GraphFacts,
    library,
    model::{Described, OnnxModel, read_contract},
    plan::{Signature, missing_flags, scores_port},
    settings::{AdaptationFlags, Settings},
    told::activation_flag,
    work::{Work, work},
};
use crate::predict::{Model, ModelInfo, PredictError};

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
    /// It does not run; what to do about it, as far as can be told.
    Refused { reason: String, hints: Vec<String> },
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
        reason: match &error {
            PredictError::Unusable { reason, .. } => reason.clone(),
            error => error.to_string(),
        },
        hints: match &contract {
            Ok(None) => missing(&signature, &facts, &settings.adaptation, &error),
            _ => error.hint().into_iter().collect(),
        },
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

/// All that a model which was not packaged still needs to be told, or what its error says.
fn missing(
    signature: &Signature,
    facts: &GraphFacts,
    flags: &AdaptationFlags,
    error: &PredictError,
) -> Vec<String> {
    let mut hints = missing_flags(signature, flags);
    if let Some(scores) = scores_port(signature, flags) {
        if flags.activation.is_none() {
            let maker = facts.makers.get(&scores.name);
            hints.push(activation_flag(maker.map(String::as_str)).to_owned());
        }
        if flags.positives.is_none() && scores.columns() != Some(1) {
            let columns = scores
                .columns()
                .map_or_else(|| "N".into(), |columns| (columns - 1).to_string());
            hints.push(format!(
                "--model-positives with some of 0 to {columns}, the columns that mean a tower"
            ));
        }
    }
    // Whatever stopped the load may be none of these, such as a flag that contradicts the file.
    hints.extend(error.hint().filter(|hint| !hints.contains(hint)));
    hints
}
