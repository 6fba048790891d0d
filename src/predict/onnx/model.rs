//! A loaded ONNX model: checked, tried out, ready to open classifiers.

use std::{
    fmt::Write as _,
    fs::File,
    io::{self, Read},
    num::NonZero,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use ort::session::Session;
use sha2::{Digest, Sha256};

use super::{
    canary::built_in_tiles,
    classifier::OnnxClassifier,
    contract::{Contract, Training},
    device::{Device, DeviceChoice, processor},
    engine::{Answers, Engine, Source, open_session, signature},
    library::{self, Library},
    plan::{Plan, Signature},
    score::ScoreRule,
    settings::{Activation, AdaptationFlags, Combine, Settings},
};
use crate::predict::{Classifier, Model, ModelInfo, PredictError};

/// Images a run on the processor: larger batches leave its caches.
const BATCH_SIZE_CPU: usize = 4;
/// Images a run on CUDA.
const BATCH_SIZE_CUDA: usize = 64;
/// Classifiers on CUDA: while one computes, the other's images travel.
const WORKERS_CUDA: usize = 2;
/// How far a probability may lie outside 0 to 1, and a sum of probabilities from 1.
const PROBABILITY_TOLERANCE: f32 = 1e-3;

/// A model in an ONNX file.
pub struct OnnxModel {
    name: Arc<str>,
    source: Source,
    library: Library,
    device: Device,
    batch_size: usize,
    workers: usize,
    plan: Arc<Plan>,
    rule: Arc<ScoreRule>,
    info: ModelInfo,
    signature: Signature,
    contract: Option<Contract>,
    /// The session that the model was tried out with: the first classifier's.
    tried: Mutex<Option<Engine>>,
}

impl std::fmt::Debug for OnnxModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnnxModel")
            .field("info", &self.info)
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}

impl OnnxModel {
    /// Loads a model from a file.
    ///
    /// # Errors
    /// When ONNX Runtime, the device or the model cannot be used as asked, or when the model's
    /// answers to its canary tiles are not those recorded.
    pub fn from_file(path: &Path, settings: &Settings) -> Result<Self, PredictError> {
        let name = path.display().to_string();
        let unreadable = |source| PredictError::Read {
            model: name.clone(),
            source,
        };
        let checksum = sha256(&mut File::open(path).map_err(unreadable)?).map_err(unreadable)?;
        Self::load(&name, Source::File(path.to_owned()), checksum, settings)
    }

    /// Loads a model that is built into the program.
    ///
    /// # Errors
    /// As [`OnnxModel::from_file`].
    pub fn embedded(
        name: &str,
        bytes: &'static [u8],
        settings: &Settings,
    ) -> Result<Self, PredictError> {
        let checksum = hexadecimal(&Sha256::digest(bytes));
        Self::load(name, Source::Embedded(bytes), checksum, settings)
    }

    fn load(
        name: &str,
        source: Source,
        checksum: String,
        settings: &Settings,
    ) -> Result<Self, PredictError> {
        let library = library::load(settings.library.as_deref())?;
        let (session, device) = open_on(name, &source, &library, settings.device)?;
        let signature = signature(&session);
        let contract = read_contract(name, &session)?;

        let plan = Arc::new(match &contract {
            Some(contract) => {
                if let Some(flag) = settings.adaptation.first_given() {
                    return Err(PredictError::Unusable {
                        model: name.to_owned(),
                        reason: format!("it is packaged and says all of it itself, but got {flag}"),
                        hint: Some(format!("leave {flag} out")),
                    });
                }
                Plan::of_contract(name, &signature, contract)?
            }
            None => Plan::of_flags(name, &signature, &settings.adaptation)?,
        });
        let batch_size = settings.batch_size.unwrap_or(match device {
            Device::Cpu => BATCH_SIZE_CPU,
            Device::Cuda(_) => BATCH_SIZE_CUDA,
        });
        let workers = settings.workers.unwrap_or_else(|| match device {
            Device::Cpu => thread::available_parallelism().map_or(1, NonZero::get),
            Device::Cuda(_) => WORKERS_CUDA,
        });
        let engine_name = match device {
            Device::Cpu => format!("onnxruntime {}, cpu, {}", library.version, processor()),
            Device::Cuda(_) => format!("onnxruntime {}, {device}", library.version),
        };

        let name: Arc<str> = name.into();
        let mut engine = Engine::new(Arc::clone(&name), session, Arc::clone(&plan), batch_size);
        let mut answers = Answers::default();
        let (rule, classes) = match &contract {
            Some(contract) => {
                if let Some(canaries) = &contract.canaries {
                    engine.run(&canaries.images, &mut answers)?;
                    canaries.check(&name, &engine_name, &contract.classes, &answers.scores)?;
                } else {
                    engine.run(&built_in_tiles(), &mut answers)?;
                }
                let rule = ScoreRule {
                    activation: Activation::None,
                    positives: contract.positives.clone(),
                    combine: contract.combine(),
                };
                (rule, contract.classes.clone())
            }
            None => {
                engine.run(&built_in_tiles(), &mut answers)?;
                rule_of_flags(&name, &answers, &settings.adaptation)?
            }
        };

        let info = ModelInfo {
            name: name.to_string(),
            checksum,
            engine: engine_name,
            positives: rule
                .positives
                .iter()
                .map(|&column| classes[column].clone())
                .collect(),
            classes,
            default_threshold: contract.as_ref().and_then(|contract| contract.threshold),
            precision: contract
                .as_ref()
                .and_then(|contract| contract.precision.clone()),
            adaptation: contract
                .is_none()
                .then(|| adaptation(&plan, &settings.adaptation, &rule)),
            trained_on_synthetic: contract
                .as_ref()
                .is_some_and(|contract| contract.training == Training::Synthetic),
            attribution: contract
                .as_ref()
                .and_then(|contract| contract.attribution.clone()),
        };
        Ok(Self {
            name,
            source,
            library,
            device,
            batch_size: batch_size.max(1),
            workers: workers.max(1),
            plan,
            rule: Arc::new(rule),
            info,
            signature,
            contract,
            tried: Mutex::new(Some(engine)),
        })
    }

    #[must_use]
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// What a packaged model says about itself.
    #[must_use]
    pub fn contract(&self) -> Option<&Contract> {
        self.contract.as_ref()
    }

    #[must_use]
    pub fn device(&self) -> Device {
        self.device
    }

    /// The ONNX Runtime that runs it.
    #[must_use]
    pub fn library(&self) -> &Library {
        &self.library
    }
}

impl Model for OnnxModel {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn workers(&self) -> usize {
        self.workers
    }

    fn classifier(&self) -> Result<Box<dyn Classifier>, PredictError> {
        // A panic elsewhere leaves the slot whole: an engine or none.
        let tried = self
            .tried
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let engine = match tried {
            Some(engine) => engine,
            None => {
                let session = open_session(&self.name, &self.source, &self.library, self.device)?;
                let plan = Arc::clone(&self.plan);
                Engine::new(Arc::clone(&self.name), session, plan, self.batch_size)
            }
        };
        Ok(Box::new(OnnxClassifier {
            engine,
            rule: Arc::clone(&self.rule),
            batch_size_max: self.batch_size,
            answers: Answers::default(),
        }))
    }
}

/// Opens the model where it was asked for. Only `auto` may end on another device than the first
/// that it tries, and the log says why.
fn open_on(
    name: &str,
    source: &Source,
    library: &Library,
    choice: DeviceChoice,
) -> Result<(Session, Device), PredictError> {
    let open =
        |device| open_session(name, source, library, device).map(|session| (session, device));
    match choice {
        DeviceChoice::Cpu => open(Device::Cpu),
        DeviceChoice::Cuda(number) => open(Device::Cuda(number)),
        DeviceChoice::Auto => match open(Device::Cuda(0)) {
            Ok(opened) => Ok(opened),
            Err(error) => {
                tracing::info!("running on the processor: {error}");
                open(Device::Cpu)
            }
        },
    }
}

fn read_contract(name: &str, session: &Session) -> Result<Option<Contract>, PredictError> {
    let metadata = session.metadata().map_err(|source| PredictError::Engine {
        model: name.to_owned(),
        doing: "read its metadata",
        source,
    })?;
    Contract::read(name, &|key| metadata.custom(key))
}

/// The rule of a model that was not packaged, checked against its answers to the built-in tiles,
/// and the names of its classes.
fn rule_of_flags(
    name: &str,
    answers: &Answers,
    flags: &AdaptationFlags,
) -> Result<(ScoreRule, Vec<String>), PredictError> {
    let unless = |reason: String, hint: &str| PredictError::Unusable {
        model: name.to_owned(),
        reason,
        hint: Some(hint.to_owned()),
    };
    let columns = answers.columns;
    let classes = match &flags.classes {
        Some(classes) if classes.len() != columns => {
            return Err(unless(
                format!(
                    "it answers {columns} scores, but --model-classes names {}",
                    classes.len()
                ),
                &format!("--model-classes with {columns} names"),
            ));
        }
        Some(classes) => classes.clone(),
        None => (0..columns)
            .map(|column| format!("class {column}"))
            .collect(),
    };
    let positives =
        positives(columns, &classes, flags).map_err(|(reason, hint)| unless(reason, &hint))?;
    let activation = flags.activation.ok_or_else(|| {
        unless(
            "the file does not say whether its outputs are probabilities".into(),
            "--model-activation none if they are, softmax or sigmoid if they are logits",
        )
    })?;
    check_activation(answers, activation).map_err(|(reason, hint)| unless(reason, hint))?;
    let combine = match (flags.combine, activation) {
        (Some(combine), _) => combine,
        (None, Activation::Softmax) => Combine::Sum,
        (None, Activation::Sigmoid) => Combine::Largest,
        (None, Activation::None) if positives.len() == 1 => Combine::Sum,
        (None, Activation::None) => {
            return Err(unless(
                "nothing says how its positive classes become one score".into(),
                "--model-combine sum if classes exclude each other (softmax), largest if they may \
                 occur together (sigmoid)",
            ));
        }
    };
    let rule = ScoreRule {
        activation,
        positives,
        combine,
    };
    Ok((rule, classes))
}

/// Columns of the classes named or numbered; on failure the reason and the flags that help.
fn positives(
    columns: usize,
    classes: &[String],
    flags: &AdaptationFlags,
) -> Result<Vec<usize>, (String, String)> {
    let hint = match &flags.classes {
        Some(classes) => format!("--model-positives with some of {}", classes.join(", ")),
        None => format!(
            "--model-positives with some of 0 to {}, the columns that mean a tower",
            columns.saturating_sub(1)
        ),
    };
    let Some(wanted) = &flags.positives else {
        return if columns == 1 {
            Ok(vec![0])
        } else {
            Err((
                format!("nothing says which of its {columns} classes mean a tower"),
                hint,
            ))
        };
    };
    let mut positives = Vec::new();
    for class in wanted {
        let column = classes
            .iter()
            .position(|name| name == class)
            .or_else(|| class.parse().ok())
            .filter(|&column: &usize| column < columns);
        match column {
            Some(column) => positives.push(column),
            None => return Err((format!("it has no class {class:?}"), hint)),
        }
    }
    positives.sort_unstable();
    positives.dedup();
    if positives.is_empty() {
        return Err(("--model-positives names no class".into(), hint));
    }
    Ok(positives)
}

/// Whether answers to varied tiles can be what the flag says they are.
fn check_activation(
    answers: &Answers,
    activation: Activation,
) -> Result<(), (String, &'static str)> {
    let in_range =
        |output: &f32| (-PROBABILITY_TOLERANCE..=1.0 + PROBABILITY_TOLERANCE).contains(output);
    match activation {
        Activation::None => {
            // Outputs that are no numbers say nothing about the activation; they end as tiles
            // without a score.
            match answers
                .scores
                .iter()
                .find(|output| output.is_finite() && !in_range(output))
            {
                Some(output) => Err((
                    format!("--model-activation is none, but it answers {output}, expected 0 to 1"),
                    "--model-activation softmax or --model-activation sigmoid",
                )),
                None => Ok(()),
            }
        }
        Activation::Softmax if answers.columns == 1 => Err((
            "--model-activation is softmax, but it answers a single score, which would be 1 always"
                .into(),
            "--model-activation sigmoid for a logit, none for a probability",
        )),
        Activation::Softmax => {
            let are_probabilities = answers.scores.chunks_exact(answers.columns).all(|row| {
                let sum: f32 = row.iter().sum();
                row.iter().all(in_range) && (sum - 1.0).abs() <= PROBABILITY_TOLERANCE
            });
            if are_probabilities {
                return Err((
                    "--model-activation is softmax, but its answers are probabilities already: each \
                     row adds up to 1"
                        .into(),
                    "--model-activation none",
                ));
            }
            Ok(())
        }
        Activation::Sigmoid => Ok(()),
    }
}

/// The flags' effect in words, for the manifest and for people.
fn adaptation(plan: &Plan, flags: &AdaptationFlags, rule: &ScoreRule) -> String {
    let mut text = String::new();
    if let Some(pixels) = &plan.pixels {
        text = format!("{}, {} px", pixels.layout, pixels.size_px);
        for part in [
            flags.fit.map(|fit| format!(", {fit}")),
            flags
                .preprocess
                .map(|preprocess| format!(", preprocess {preprocess}")),
        ]
        .into_iter()
        .flatten()
        {
            text.push_str(&part);
        }
        text.push_str(", ");
    }
    let columns: Vec<String> = rule.positives.iter().map(ToString::to_string).collect();
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "activation {}, {} of {}",
        rule.activation,
        rule.combine,
        columns.join("+")
    );
    if let Some(output) = &flags.output {
        let _ = write!(text, " in {output}");
    }
    text
}

fn sha256(file: &mut File) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hexadecimal(&hasher.finalize())),
            read => hasher.update(&buffer[..read]),
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
