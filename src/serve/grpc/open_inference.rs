//! The Open Inference Protocol's `GRPCInferenceService`.

use std::sync::Arc;

use bytes::Bytes;
use tonic::{Request, Response, Status};

use super::{call, deadline, with_facts};
use crate::{
    serve::{
        batcher::Answer,
        failure::Failure,
        open_inference::{self as protocol, Data, EXTENSIONS, Input, PLATFORM},
        service::{Deadline, Service},
        signatures::TensorFacts,
    },
    wire::open_inference::{
        InferTensorContents, ModelInferRequest, ModelInferResponse, ModelMetadataRequest,
        ModelMetadataResponse, ModelReadyRequest, ModelReadyResponse, ServerLiveRequest,
        ServerLiveResponse, ServerMetadataRequest, ServerMetadataResponse, ServerReadyRequest,
        ServerReadyResponse, grpc_inference_service_server::GrpcInferenceService,
        model_infer_request::InferInputTensor, model_infer_response::InferOutputTensor,
        model_metadata_response::TensorMetadata,
    },
};

pub(super) struct OpenInference(pub Arc<Service>);

#[tonic::async_trait]
impl GrpcInferenceService for OpenInference {
    async fn server_live(
        &self,
        _request: Request<ServerLiveRequest>,
    ) -> Result<Response<ServerLiveResponse>, Status> {
        Ok(Response::new(ServerLiveResponse { live: true }))
    }

    async fn server_ready(
        &self,
        _request: Request<ServerReadyRequest>,
    ) -> Result<Response<ServerReadyResponse>, Status> {
        // Nothing listens before every model is loaded.
        Ok(Response::new(ServerReadyResponse { ready: true }))
    }

    async fn model_ready(
        &self,
        request: Request<ModelReadyRequest>,
    ) -> Result<Response<ModelReadyResponse>, Status> {
        let ModelReadyRequest { name, version } = request.into_inner();
        let version = protocol::version(&version)?;
        let ready = self.0.find(&name, version.as_ref()).is_ok();
        Ok(Response::new(ModelReadyResponse { ready }))
    }

    async fn server_metadata(
        &self,
        _request: Request<ServerMetadataRequest>,
    ) -> Result<Response<ServerMetadataResponse>, Status> {
        Ok(Response::new(ServerMetadataResponse {
            name: env!("CARGO_PKG_NAME").into(),
            version: env!("CARGO_PKG_VERSION").into(),
            extensions: EXTENSIONS.map(str::to_owned).into(),
        }))
    }

    async fn model_metadata(
        &self,
        request: Request<ModelMetadataRequest>,
    ) -> Result<Response<ModelMetadataResponse>, Status> {
        let ModelMetadataRequest { name, version } = request.into_inner();
        let version = protocol::version(&version)?;
        let found = self.0.find(&name, version.as_ref())?;
        let described = |facts: &[TensorFacts]| {
            facts
                .iter()
                .map(|facts| TensorMetadata {
                    name: facts.name.into(),
                    datatype: facts.element.in_open_inference().into(),
                    shape: facts.sizes.clone(),
                })
                .collect()
        };
        let answer = ModelMetadataResponse {
            name,
            versions: found.entry.available().iter().map(u64::to_string).collect(),
            platform: PLATFORM.into(),
            inputs: described(&protocol::inputs()),
            outputs: described(&protocol::outputs(&found.served.info)),
        };
        Ok(with_facts(answer, &found.served))
    }

    async fn model_infer(
        &self,
        request: Request<ModelInferRequest>,
    ) -> Result<Response<ModelInferResponse>, Status> {
        let deadline = deadline(request.metadata());
        let request = request.into_inner();
        let model = request.model_name.clone();
        let outcome = infer(&self.0, request, deadline).await;
        self.0.note(&model, call("ModelInfer"), deadline, &outcome);
        Ok(Response::new(outcome?))
    }
}

async fn infer(
    service: &Service,
    request: ModelInferRequest,
    deadline: Deadline,
) -> Result<ModelInferResponse, Failure> {
    let version = protocol::version(&request.model_version)?;
    let found = service.find(&request.model_name, version.as_ref())?;
    let names = request.outputs.iter().map(|output| output.name.as_str());
    let outputs = protocol::wanted(names, &found.served.info)?;
    // Who sends raw bytes reads raw bytes.
    let raw = !request.raw_input_contents.is_empty();
    let inputs = inputs(request.inputs, request.raw_input_contents).map_err(Failure::invalid)?;
    let images = protocol::images(inputs).map_err(Failure::invalid)?;
    let answers = service.classify(&found, images, deadline).await?;
    Ok(ModelInferResponse {
        model_name: request.model_name,
        model_version: found.served.version.to_string(),
        id: request.id,
        outputs: outputs
            .iter()
            .map(|facts| output(facts, &answers, raw))
            .collect(),
        raw_output_contents: if raw {
            outputs
                .iter()
                .map(|facts| protocol::raw(facts, &answers).into())
                .collect()
        } else {
            Vec::new()
        },
        ..ModelInferResponse::default()
    })
}

fn inputs(tensors: Vec<InferInputTensor>, raw: Vec<Bytes>) -> Result<Vec<Input>, String> {
    if !raw.is_empty() && raw.len() != tensors.len() {
        return Err(format!(
            "{} raw_input_contents for {} inputs, expected one each",
            raw.len(),
            tensors.len()
        ));
    }
    let mut raw = raw.into_iter();
    tensors
        .into_iter()
        .map(|tensor| {
            let data = match (raw.next(), tensor.contents) {
                (Some(raw), None) => Data::Raw(raw),
                (Some(_), Some(_)) => {
                    return Err(format!(
                        "input {}: both contents and raw_input_contents",
                        tensor.name
                    ));
                }
                (None, contents) => {
                    let contents = contents.unwrap_or_default();
                    if tensor.datatype == "BYTES" {
                        Data::Strings(contents.bytes_contents)
                    } else {
                        let numbers = contents.uint_contents.iter();
                        let numbers: Result<Vec<u8>, _> =
                            numbers.map(|&number| u8::try_from(number)).collect();
                        let numbers = numbers.map_err(|_| {
                            format!("input {}: a number above 255, expected UINT8", tensor.name)
                        })?;
                        Data::Numbers(numbers.into())
                    }
                }
            };
            Ok(Input {
                name: tensor.name,
                datatype: tensor.datatype,
                shape: tensor.shape,
                data,
            })
        })
        .collect()
}

fn output(facts: &TensorFacts, answers: &[Answer], raw: bool) -> InferOutputTensor {
    InferOutputTensor {
        name: facts.name.into(),
        datatype: facts.element.in_open_inference().into(),
        shape: protocol::shape(facts, answers.len()),
        contents: (!raw).then(|| InferTensorContents {
            fp32_contents: protocol::numbers(facts, answers).collect(),
            ..InferTensorContents::default()
        }),
        ..InferOutputTensor::default()
    }
}
