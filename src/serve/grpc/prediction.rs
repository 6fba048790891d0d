//! `PredictionService`: scores, classes, and what a model takes and gives.

use std::sync::Arc;

use prost::Message as _;
use prost_types::Any;
use tonic::{Request, Response, Status};

use super::{call, deadline, spec, tensors, with_facts};
use crate::{
    serve::{
        batcher::{Answer, Image},
        failure::Failure,
        service::{Deadline, Found, Service},
        signatures::{Signature, TensorFacts, encoded_input},
    },
    wire::{
        names::{ENCODED_IMAGES, PREDICT_METHOD, SIGNATURES_FIELD},
        tensorflow::{
            Example, SignatureDef, feature,
            serving::{
                Class, ClassificationRequest, ClassificationResponse, ClassificationResult,
                Classifications, GetModelMetadataRequest, GetModelMetadataResponse,
                InferenceResult, InferenceTask, Input, ModelSpec, MultiInferenceRequest,
                MultiInferenceResponse, PredictRequest, PredictResponse, Regression,
                RegressionRequest, RegressionResponse, RegressionResult, SignatureDefMap,
                inference_result, input, model_spec, prediction_service_server::PredictionService,
            },
        },
    },
};

/// What a task of `MultiInference` asks for.
const CLASSIFY: &str = "tensorflow/serving/classify";
const REGRESS: &str = "tensorflow/serving/regress";

pub(super) struct Prediction(pub Arc<Service>);

#[tonic::async_trait]
impl PredictionService for Prediction {
    async fn predict(
        &self,
        request: Request<PredictRequest>,
    ) -> Result<Response<PredictResponse>, Status> {
        let deadline = deadline(request.metadata());
        let request = request.into_inner();
        let model = model_name(request.model_spec.as_ref());
        let outcome = predict(&self.0, request, deadline).await;
        self.0.note(&model, call("Predict"), deadline, &outcome);
        Ok(Response::new(outcome?))
    }

    async fn classify(
        &self,
        request: Request<ClassificationRequest>,
    ) -> Result<Response<ClassificationResponse>, Status> {
        let deadline = deadline(request.metadata());
        let request = request.into_inner();
        let model = model_name(request.model_spec.as_ref());
        let outcome = examined(&self.0, request.model_spec, request.input, deadline).await;
        self.0.note(&model, call("Classify"), deadline, &outcome);
        let (found, model_spec, answers) = outcome?;
        Ok(Response::new(ClassificationResponse {
            result: Some(classes(&found, &answers)),
            model_spec: Some(model_spec),
        }))
    }

    async fn regress(
        &self,
        request: Request<RegressionRequest>,
    ) -> Result<Response<RegressionResponse>, Status> {
        let deadline = deadline(request.metadata());
        let request = request.into_inner();
        let model = model_name(request.model_spec.as_ref());
        let outcome = examined(&self.0, request.model_spec, request.input, deadline).await;
        self.0.note(&model, call("Regress"), deadline, &outcome);
        let (_, model_spec, answers) = outcome?;
        Ok(Response::new(RegressionResponse {
            result: Some(positives(&answers)),
            model_spec: Some(model_spec),
        }))
    }

    async fn multi_inference(
        &self,
        request: Request<MultiInferenceRequest>,
    ) -> Result<Response<MultiInferenceResponse>, Status> {
        let deadline = deadline(request.metadata());
        let request = request.into_inner();
        let first = request.tasks.first();
        let model = model_name(first.and_then(|task| task.model_spec.as_ref()));
        let outcome = several(&self.0, request, deadline).await;
        let call = call("MultiInference");
        self.0.note(&model, call, deadline, &outcome);
        Ok(Response::new(outcome?))
    }

    async fn get_model_metadata(
        &self,
        request: Request<GetModelMetadataRequest>,
    ) -> Result<Response<GetModelMetadataResponse>, Status> {
        let request = request.into_inner();
        Ok(metadata(&self.0, request)?)
    }
}

fn model_name(spec: Option<&ModelSpec>) -> String {
    spec.map(|spec| spec.name.clone()).unwrap_or_default()
}

async fn predict(
    service: &Service,
    request: PredictRequest,
    deadline: Deadline,
) -> Result<PredictResponse, Failure> {
    let (spec, version) = spec(request.model_spec)?;
    let found = service.find(&spec.name, version.as_ref())?;
    let info = &found.served.info;
    let signature = Signature::named(&spec.signature_name, info, |name| {
        Failure::new(
            tonic::Code::FailedPrecondition,
            format!("Serving signature key \"{name}\" not found."),
        )
    })?;
    tensors::check_inputs(request.inputs.keys()).map_err(Failure::invalid)?;
    let outputs = filtered(signature.outputs(info), &request.output_filter)?;
    let images = tensors::images(&request.inputs[ENCODED_IMAGES])
        .map_err(|error| Failure::invalid(format!("input {ENCODED_IMAGES}: {error}")))?;
    let images = images.into_iter().map(Image::Encoded).collect();
    let answers = service.classify(&found, images, deadline).await?;
    Ok(PredictResponse {
        outputs: outputs
            .iter()
            .map(|facts| (facts.name.to_owned(), tensors::output(facts, &answers)))
            .collect(),
        model_spec: Some(answered_spec(&spec.name, &found, signature.name())),
    })
}

/// The outputs that a filter leaves; all of them where it is empty.
fn filtered(all: Vec<TensorFacts>, filter: &[String]) -> Result<Vec<TensorFacts>, Failure> {
    if filter.is_empty() {
        return Ok(all);
    }
    let mut left: Vec<TensorFacts> = Vec::new();
    for name in filter {
        let facts = all.iter().find(|facts| facts.name == name).ok_or_else(|| {
            let names: Vec<_> = all.iter().map(|facts| facts.name).collect();
            Failure::invalid(format!(
                "output tensor alias not found in signature: {name} Outputs expected to be in the \
                 set {{{}}}.",
                names.join(",")
            ))
        })?;
        if left.contains(facts) {
            return Err(Failure::invalid(format!(
                "duplicate output tensor alias: {name}"
            )));
        }
        left.push(facts.clone());
    }
    Ok(left)
}

/// The answers to `Classify` and `Regress`, whose images come as features of examples.
async fn examined(
    service: &Service,
    model_spec: Option<ModelSpec>,
    input: Option<Input>,
    deadline: Deadline,
) -> Result<(Found, ModelSpec, Vec<Answer>), Failure> {
    let (spec, version) = spec(model_spec)?;
    let found = service.find(&spec.name, version.as_ref())?;
    let signature = Signature::named(&spec.signature_name, &found.served.info, |name| {
        Failure::invalid(format!("No signature was found with the name: {name}"))
    })?;
    let images = features(input)?;
    let answers = service.classify(&found, images, deadline).await?;
    let spec = answered_spec(&spec.name, &found, signature.name());
    Ok((found, spec, answers))
}

/// Several questions about the same images, which are scored once.
async fn several(
    service: &Service,
    request: MultiInferenceRequest,
    deadline: Deadline,
) -> Result<MultiInferenceResponse, Failure> {
    let tasks = request.tasks;
    let model_of = |task: &InferenceTask| {
        let spec = task.model_spec.clone().unwrap_or_default();
        (spec.name, spec.version_choice)
    };
    let Some(first) = tasks.first() else {
        return Err(Failure::invalid("no tasks, expected one or more"));
    };
    for task in &tasks {
        if model_of(task) != model_of(first) {
            return Err(Failure::invalid(
                "All ModelSpecs in a MultiInferenceRequest must access the same model name and \
                 version.",
            ));
        }
        if ![CLASSIFY, REGRESS].contains(&task.method_name.as_str()) {
            return Err(Failure::new(
                tonic::Code::Unimplemented,
                format!(
                    "Unsupported signature method_name: {}; expected {CLASSIFY} or {REGRESS}",
                    task.method_name
                ),
            ));
        }
    }
    let first_spec = first.model_spec.clone();
    let (found, spec, answers) = examined(service, first_spec, request.input, deadline).await?;
    let results = tasks
        .iter()
        .map(|task| InferenceResult {
            model_spec: Some(spec.clone()),
            result: Some(match task.method_name.as_str() {
                CLASSIFY => {
                    inference_result::Result::ClassificationResult(classes(&found, &answers))
                }
                _ => inference_result::Result::RegressionResult(positives(&answers)),
            }),
        })
        .collect();
    Ok(MultiInferenceResponse { results })
}

/// Each image's classes with their scores.
fn classes(found: &Found, answers: &[Answer]) -> ClassificationResult {
    let labels = &found.served.info.classes;
    let classified = |answer: &Answer| Classifications {
        classes: labels
            .iter()
            .zip(&answer.outputs)
            .map(|(label, &score)| Class {
                label: label.clone(),
                score,
            })
            .collect(),
    };
    ClassificationResult {
        classifications: answers.iter().map(classified).collect(),
    }
}

/// Each image's probability of the positive classes.
fn positives(answers: &[Answer]) -> RegressionResult {
    let regressed = |answer: &Answer| Regression {
        value: answer.score,
    };
    RegressionResult {
        regressions: answers.iter().map(regressed).collect(),
    }
}

fn features(input: Option<Input>) -> Result<Vec<Image>, Failure> {
    let (examples, context) = match input.and_then(|input| input.kind) {
        Some(input::Kind::ExampleList(list)) => (list.examples, None),
        Some(input::Kind::ExampleListWithContext(list)) => (list.examples, list.context),
        None => (Vec::new(), None),
    };
    if examples.is_empty() {
        return Err(Failure::invalid("Input is empty."));
    }
    examples
        .iter()
        .enumerate()
        .map(|(position, example)| {
            // An example's own feature goes before that of the context.
            let kind = feature_of(example).or_else(|| feature_of(context.as_ref()?));
            let wrong = |what: &str| {
                Failure::invalid(format!(
                    "example {position}: Feature: {ENCODED_IMAGES} (data type: string) {what}"
                ))
            };
            match kind {
                None => Err(wrong("is required but could not be found.")),
                Some(feature::Kind::BytesList(list)) => match list.value.as_slice() {
                    [image] => Ok(Image::Encoded(image.clone())),
                    values => Err(wrong(&format!(
                        "holds {} values, expected one",
                        values.len()
                    ))),
                },
                Some(_) => Err(wrong("is a list of numbers, expected bytes")),
            }
        })
        .collect()
}

fn feature_of(example: &Example) -> Option<&feature::Kind> {
    let features = example.features.as_ref()?;
    features.feature.get(ENCODED_IMAGES)?.kind.as_ref()
}

fn answered_spec(name: &str, found: &Found, signature: &str) -> ModelSpec {
    ModelSpec {
        name: name.to_owned(),
        version_choice: Some(model_spec::VersionChoice::Version(
            found.served.version as i64,
        )),
        signature_name: signature.to_owned(),
    }
}

fn metadata(
    service: &Service,
    request: GetModelMetadataRequest,
) -> Result<Response<GetModelMetadataResponse>, Failure> {
    let (spec, version) = spec(request.model_spec)?;
    if request.metadata_field.is_empty() {
        return Err(Failure::invalid(
            "GetModelMetadataRequest must specify at least one metadata_field",
        ));
    }
    if let Some(other) = request
        .metadata_field
        .iter()
        .find(|field| *field != SIGNATURES_FIELD)
    {
        return Err(Failure::invalid(format!(
            "Metadata field {other} is not supported"
        )));
    }
    let found = service.find(&spec.name, version.as_ref())?;
    let info = &found.served.info;
    let map = SignatureDefMap {
        signature_def: Signature::of(info)
            .iter()
            .map(|signature| {
                let outputs = signature.outputs(info);
                let described = SignatureDef {
                    inputs: [tensors::info(&encoded_input())].into(),
                    outputs: outputs.iter().map(tensors::info).collect(),
                    method_name: PREDICT_METHOD.into(),
                };
                (signature.name().to_owned(), described)
            })
            .collect(),
    };
    let any = Any {
        type_url: "type.googleapis.com/tensorflow.serving.SignatureDefMap".into(),
        value: map.encode_to_vec(),
    };
    let answer = GetModelMetadataResponse {
        model_spec: Some(answered_spec(&spec.name, &found, "")),
        metadata: [(SIGNATURES_FIELD.to_owned(), any)].into(),
    };
    Ok(with_facts(answer, &found.served))
}
