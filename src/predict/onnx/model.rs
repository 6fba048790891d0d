//! A loaded ONNX model: checked, tried out, ready to open classifiers.

use std::{
    fmt::Write as _,
    fs,
    num::NonZero,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use bytes::Bytes;
use ort::session::Session;

use super::{
    arrangement::Arrangement,
    canary::built_in_tiles,
    classifier::OnnxClassifier,
    contract::{Contract, Training},
    device::{Device, DeviceChoice, Sharing, processor},
    engine::{Answers, Engine, Source, open_session},
    graph::{self, GraphFacts},
    library::{self, Library},
    plan::Plan,
    ports::signature,
    score::ScoreRule,
    session::WorkerSession,
    settings::{Activation, AdaptationFlags, Settings},
    told::{Rows, rule_of_flags, told_positives},
};
use crate::{
    digest,
    predict::{Classifier, Model, ModelInfo, PredictError, Signature, Unusable},
};

/// A model in an ONNX file.
pub struct OnnxModel {
    name: Arc<str>,
    source: Source,
    library: Library,
    device: Device,
    arrangement: Arrangement,
    plan: Arc<Plan>,
    rule: Arc<ScoreRule>,
    info: ModelInfo,
    signature: Signature,
    /// What the file calls the number of images of a run, where it leaves it open.
    batch_name: Option<String>,
    contract: Option<Contract>,
    /// What the next classifier gets: the session that the model was tried out with is the first
    /// one's, or everybody's.
    next: Mutex<Option<Engine>>,
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
        let file = fs::read(path).map_err(|source| PredictError::Read {
            model: name.clone(),
            source,
        })?;
        let file = Bytes::from(file);
        let described = Described::of(&name, &file)?;
        // ONNX Runtime reads the file itself; holding it as well would cost a model's memory.
        drop(file);
        Self::load(&name, Source::File(path.to_owned()), described, settings)
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
        let described = Described::of(name, &Bytes::from_static(bytes))?;
        Self::load(name, Source::Embedded(bytes), described, settings)
    }

    fn load(
        name: &str,
        source: Source,
        described: Described,
        settings: &Settings,
    ) -> Result<Self, PredictError> {
        let Described { checksum, facts } = described;
        let unusable = |unusable| PredictError::unusable(name, unusable);
        let library = library::load(settings.library.as_deref(), settings.device)?;
        let (session, device) = open_on(name, &source, &library, &facts, settings)?;
        let mut signature = signature(&session);
        // Only such a session was opened for a certain number of images.
        if device.fixes_the_batch() && facts.batch_name.is_some() {
            signature = signature.with_open_batch();
        }
        let contract = read_contract(name, &session)?;
        let precision = match &contract {
            Some(contract) => contract.precision.clone(),
            None => facts.precision.map(str::to_owned),
        };
        let arrangement =
            Arrangement::usual(device, cores(), precision.as_deref(), settings.decided());

        let plan = Arc::new(match &contract {
            Some(contract) => {
                let mut flags = settings.adaptation.clone();
                if contract.positives.is_empty() {
                    // The one thing that a package may leave open.
                    flags.positives = None;
                }
                if let Some(setting) = flags.first_given() {
                    return Err(unusable(Unusable::PackagedAndTold(setting)));
                }
                Plan::of_contract(&signature, contract).map_err(unusable)?
            }
            None => Plan::of_flags(&signature, &settings.adaptation).map_err(unusable)?,
        });
        let engine_name = match device {
            Device::Cpu | Device::OpenVino(_) => {
                format!("onnxruntime {}, {device}, {}", library.version, processor())
            }
            Device::Cuda(_) => format!("onnxruntime {}, {device}", library.version),
        };

        let name: Arc<str> = name.into();
        let mut engine = Engine::new(
            Arc::clone(&name),
            WorkerSession::of(session, device),
            Arc::clone(&plan),
            arrangement.batch_size,
        );
        let mut answers = Answers::default();
        let (rule, classes) = match &contract {
            Some(contract) => {
                if let Some(canaries) = &contract.canaries {
                    engine.run(&canaries.images, &mut answers)?;
                    let own = match device {
                        Device::OpenVino(_) => contract.canary_scores_openvino.as_ref(),
                        Device::Cpu | Device::Cuda(_) => None,
                    };
                    let canaries = canaries.elsewhere(own, device.tolerance());
                    canaries.check(&name, &engine_name, &contract.classes, &answers.scores)?;
                } else {
                    engine.run(&built_in_tiles(), &mut answers)?;
                }
                let positives = if contract.positives.is_empty() {
                    told_positives(&contract.classes, &settings.adaptation).map_err(unusable)?
                } else {
                    contract.positives.clone()
                };
                let rule = ScoreRule {
                    activation: Activation::None,
                    positives,
                    combine: contract.combine(),
                };
                (rule, contract.classes.clone())
            }
            None => {
                engine.run(&built_in_tiles(), &mut answers)?;
                let maker = signature
                    .outputs
                    .get(plan.scores)
                    .and_then(|output| facts.makers.get(&output.name));
                rule_of_flags(
                    Rows {
                        columns: answers.columns,
                        outputs: &answers.scores,
                    },
                    maker.map(String::as_str),
                    &settings.adaptation,
                )
                .map_err(unusable)?
            }
        };

        let adaptation = match &contract {
            None => Some(describe(&plan, &settings.adaptation, &rule)),
            // Told positives change scores, so they belong to the model's identity.
            Some(contract) if contract.positives.is_empty() => Some(format!(
                "{} of {}",
                rule.combine,
                rule.positives
                    .iter()
                    .map(|&column| classes[column].as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            )),
            Some(_) => None,
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
            precision,
            adaptation,
            trained_on_synthetic: contract
                .as_ref()
                .is_some_and(|contract| contract.training == Training::Synthetic),
            attribution: contract
                .as_ref()
                .and_then(|contract| contract.attribution.clone()),
            answers: None,
        };
        Ok(Self {
            name,
            source,
            library,
            device,
            arrangement,
            plan,
            rule: Arc::new(rule),
            info,
            signature,
            batch_name: facts.batch_name,
            contract,
            next: Mutex::new(Some(engine)),
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

    /// Images that every run of the model takes, where its file fixes them.
    #[must_use]
    pub fn batch_fixed(&self) -> Option<usize> {
        self.plan.batch_fixed
    }

    /// The next classifier's.
    fn engine(&self) -> Result<Engine, PredictError> {
        // A panic elsewhere leaves the slot whole: an engine or none.
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = next.take() {
            self.fill_up(&engine)?;
            *next = engine.for_another();
            return Ok(engine);
        }
        if self.device.sharing() == Sharing::Apiece {
            drop(next);
            return self.open();
        }
        // Who comes meanwhile waits for the session rather than opening one more.
        let engine = self.open()?;
        self.fill_up(&engine)?;
        *next = engine.for_another();
        Ok(engine)
    }

    /// Opens the sessions that an engine's worker takes turns at with the others.
    fn fill_up(&self, engine: &Engine) -> Result<(), PredictError> {
        if let (Some(pool), Sharing::InTurns(sessions)) = (engine.pool(), self.device.sharing()) {
            while pool.sessions() < sessions.min(self.arrangement.workers) {
                pool.add(self.session()?);
            }
        }
        Ok(())
    }

    fn open(&self) -> Result<Engine, PredictError> {
        Ok(Engine::new(
            Arc::clone(&self.name),
            WorkerSession::of(self.session()?, self.device),
            Arc::clone(&self.plan),
            self.arrangement.batch_size,
        ))
    }

    fn session(&self) -> Result<Session, PredictError> {
        open_session(
            &self.name,
            &self.source,
            &self.library,
            self.device,
            self.arrangement,
            self.batch_name.as_deref(),
        )
    }

    /// How classifiers opened from now on are laid out on the machine.
    #[must_use]
    pub fn arrangement(&self) -> Arrangement {
        self.arrangement
    }

    /// Changes the layout of the classifiers that are opened from now on.
    pub fn arrange(&mut self, arrangement: Arrangement) {
        if arrangement != self.arrangement {
            // What was opened is laid out otherwise.
            self.next = Mutex::new(None);
        }
        self.arrangement = arrangement;
    }
}

impl Model for OnnxModel {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn workers(&self) -> usize {
        self.arrangement.workers
    }

    fn classifier(&self) -> Result<Box<dyn Classifier>, PredictError> {
        Ok(Box::new(OnnxClassifier {
            engine: self.engine()?,
            rule: Arc::clone(&self.rule),
            batch_size_max: self.arrangement.batch_size,
            answers: Answers::default(),
        }))
    }
}

/// Cores that this process may use.
#[must_use]
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// Opens the model where it was asked for. Only `auto` may end on another device than the first
/// that it tries, and the log says why.
fn open_on(
    name: &str,
    source: &Source,
    library: &Library,
    facts: &GraphFacts,
    settings: &Settings,
) -> Result<(Session, Device), PredictError> {
    let open = |device| {
        let usual = Arrangement::usual(device, cores(), facts.precision, settings.decided());
        let batch_name = facts.batch_name.as_deref();
        open_session(name, source, library, device, usual, batch_name)
            .map(|session| (session, device))
    };
    match settings.device {
        DeviceChoice::Cpu => open(Device::Cpu),
        DeviceChoice::Cuda(number) => open(Device::Cuda(number)),
        DeviceChoice::OpenVino(arithmetic) => open(Device::OpenVino(arithmetic)),
        DeviceChoice::Auto => match open(Device::Cuda(0)) {
            Ok(opened) => Ok(opened),
            Err(error) => {
                tracing::info!("running on the processor: {error}");
                open(Device::Cpu)
            }
        },
    }
}

pub(super) fn read_contract(
    name: &str,
    session: &Session,
) -> Result<Option<Contract>, PredictError> {
    let metadata = session.metadata().map_err(|source| PredictError::Engine {
        model: name.to_owned(),
        doing: "read its metadata",
        source,
    })?;
    Contract::read(name, &|key| metadata.custom(key))
}

/// The flags' effect in words, for the manifest and for people.
fn describe(plan: &Plan, flags: &AdaptationFlags, rule: &ScoreRule) -> String {
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

/// What a model's bytes say before an engine loads them.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) checksum: String,
    pub(super) facts: GraphFacts,
}

impl Described {
    /// # Errors
    /// When the bytes are no ONNX model, or not all of one.
    pub(super) fn of(name: &str, file: &Bytes) -> Result<Self, PredictError> {
        let facts = graph::read(file.clone())
            .ok_or_else(|| PredictError::unusable(name, Unusable::NotOnnx))?;
        if facts.external_weights {
            return Err(PredictError::unusable(name, Unusable::ExternalWeights));
        }
        Ok(Self {
            checksum: digest::sha256(file).to_string(),
            facts,
        })
    }
}
