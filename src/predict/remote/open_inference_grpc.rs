//! The Open Inference Protocol over gRPC.

use bytes::Bytes;
use tonic::transport::Channel;

use super::{
    answer::{self, Expected, Tensor},
    described::{Described, element_named},
    exchange::{Images, Reply},
    grpc::{facts, verdict, words},
    model_url::ModelUrl,
    open_inference::{Metadata, gone, numbers, tensor},
    settings::RemoteSettings,
};
use crate::{
    predict::{Port, PredictError, Signature},
    wire::open_inference::{
        InferTensorContents, ModelInferRequest, ModelInferResponse, ModelMetadataRequest,
        grpc_inference_service_client::GrpcInferenceServiceClient,
        model_infer_request::{InferInputTensor, InferRequestedOutputTensor},
        model_metadata_response::TensorMetadata,
    },
};

pub(super) async fn describe(
    mut client: GrpcInferenceServiceClient<Channel>,
    at: &ModelUrl,
    settings: &RemoteSettings,
) -> Result<Described, PredictError> {
    let request = ModelMetadataRequest {
        name: at.model.clone(),
        version: at.version.clone().unwrap_or_default(),
    };
    let response = client
        .model_metadata(request)
        .await
        .map_err(|status| at.server(words(&status)))?;
    let facts = facts(response.metadata()).map_err(|reason| at.server(reason))?;
    let answer = response.into_inner();
    let ports = |ports: Vec<TensorMetadata>| {
        ports
            .into_iter()
            .map(|port| Port {
                name: port.name,
                element: element_named(&port.datatype),
                shape: Some(port.shape),
            })
            .collect()
    };
    let model = Metadata {
        signature: Signature {
            inputs: ports(answer.inputs),
            outputs: ports(answer.outputs),
        },
        versions: answer.versions,
        platform: answer.platform,
        facts,
    };
    model
        .described(at, settings)
        .map_err(|refusal| at.unusable(refusal))
}

pub(super) async fn predict(
    mut client: GrpcInferenceServiceClient<Channel>,
    at: &ModelUrl,
    described: &Described,
    images: Images<'_>,
    expected: Expected<'_>,
) -> Reply {
    let (datatype, raw) = match tensor(described.input.form, images) {
        Ok(tensor) => tensor,
        Err(reason) => return Reply::BadBatch { reason },
    };
    let outputs = &described.outputs;
    let wanted = [&outputs.scores, &outputs.attribution];
    let request = ModelInferRequest {
        model_name: at.model.clone(),
        model_version: at.version.clone().unwrap_or_default(),
        inputs: vec![InferInputTensor {
            name: described.input.key.clone(),
            datatype: datatype.into(),
            shape: described.input.form.shape(images.len()),
            ..InferInputTensor::default()
        }],
        outputs: wanted
            .into_iter()
            .flatten()
            .map(|name| InferRequestedOutputTensor {
                name: name.clone(),
                ..InferRequestedOutputTensor::default()
            })
            .collect(),
        raw_input_contents: vec![raw],
        ..ModelInferRequest::default()
    };
    let answer = match client.model_infer(request).await {
        Ok(response) => response.into_inner(),
        Err(status) => return verdict(&status),
    };
    if let Some(reply) = gone(described, Some(&answer.model_version)) {
        return reply;
    }
    read(answer)
        .and_then(|tensors| answer::rows_of(&tensors, expected))
        .into()
}

/// The outputs: all of them raw, in their order, or each with its own list.
fn read(answer: ModelInferResponse) -> Result<Vec<Tensor>, String> {
    let raw: Vec<Bytes> = answer.raw_output_contents;
    if !raw.is_empty() && raw.len() != answer.outputs.len() {
        return Err(format!(
            "it answered {} outputs with {} raw contents",
            answer.outputs.len(),
            raw.len()
        ));
    }
    answer
        .outputs
        .into_iter()
        .enumerate()
        .map(|(position, output)| {
            let values = match (raw.get(position), output.contents) {
                (Some(bytes), _) => numbers(&output.name, &output.datatype, bytes)?,
                (None, Some(contents)) => listed(&output.name, &output.datatype, contents)?,
                (None, None) => Vec::new(),
            };
            Ok(Tensor {
                name: output.name,
                shape: output.shape,
                values,
            })
        })
        .collect()
}

fn listed(name: &str, datatype: &str, contents: InferTensorContents) -> Result<Vec<f32>, String> {
    match datatype {
        "FP32" => Ok(contents.fp32_contents),
        "FP64" => Ok(contents
            .fp64_contents
            .iter()
            .map(|&number| number as f32)
            .collect()),
        other => Err(format!(
            "its output {name} is of {other}, expected FP32 or FP64"
        )),
    }
}
