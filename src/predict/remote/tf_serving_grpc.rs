//! TF Serving's `PredictionService` over gRPC: images travel as the bytes they are.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message as _;
use tonic::transport::Channel;

use super::{
    answer::{self, Expected, Tensor},
    described::{Described, InputForm, element_named},
    exchange::{ANSWER_BYTES_MAX, Images, Reply},
    grpc::{facts, verdict, words},
    model_url::ModelUrl,
    settings::RemoteSettings,
    tf_serving::{Definition, Metadata, signature},
};
use crate::{
    predict::{Port, PredictError, Signature},
    wire::{
        names::SIGNATURES_FIELD,
        tensorflow::{
            DataType, SignatureDef, TensorInfo, TensorProto, TensorShapeProto,
            serving::{
                GetModelMetadataRequest, ModelSpec, PredictRequest, SignatureDefMap,
                model_spec::VersionChoice, prediction_service_client::PredictionServiceClient,
            },
            tensor_shape_proto::Dim,
        },
    },
};

pub(super) async fn describe(
    mut client: PredictionServiceClient<Channel>,
    at: &ModelUrl,
    settings: &RemoteSettings,
) -> Result<Described, PredictError> {
    let request = GetModelMetadataRequest {
        model_spec: Some(spec(at, None, "")),
        metadata_field: vec![SIGNATURES_FIELD.into()],
    };
    let response = client
        .get_model_metadata(request)
        .await
        .map_err(|status| at.server(words(&status)))?;
    let facts = facts(response.metadata()).map_err(|reason| at.server(reason))?;
    let answer = response.into_inner();
    let version = answer
        .model_spec
        .and_then(|spec| spec.version_choice)
        .and_then(|choice| match choice {
            VersionChoice::Version(version) => Some(version.to_string()),
            VersionChoice::VersionLabel(_) => None,
        });
    let signatures = answer
        .metadata
        .get(SIGNATURES_FIELD)
        .and_then(|any| SignatureDefMap::decode(any.value.as_slice()).ok())
        .ok_or_else(|| at.server("its metadata holds no signatures"))?;
    let metadata = Metadata {
        version,
        signatures: signatures
            .signature_def
            .into_iter()
            .map(|(name, definition)| (name, defined(definition)))
            .collect(),
        facts,
        interface: "gRPC",
    };
    metadata
        .described(settings)
        .map_err(|refusal| at.unusable(refusal))
}

fn defined(definition: SignatureDef) -> Definition {
    let ports = |ports: BTreeMap<String, TensorInfo>| {
        ports
            .into_iter()
            .map(|(name, port)| Port {
                element: element_named(port.dtype().as_str_name()),
                shape: shape(port.tensor_shape.as_ref()),
                name,
            })
            .collect()
    };
    Definition {
        method: definition.method_name,
        signature: Signature {
            inputs: ports(definition.inputs),
            outputs: ports(definition.outputs),
        },
    }
}

fn shape(shape: Option<&TensorShapeProto>) -> Option<Vec<i64>> {
    let shape = shape?;
    (!shape.unknown_rank).then(|| shape.dim.iter().map(|dim| dim.size).collect())
}

/// A version that was found comes before what the URL says.
fn spec(at: &ModelUrl, found: Option<&str>, signature: &str) -> ModelSpec {
    let version = found
        .or(at.version.as_deref())
        .and_then(|version| version.parse().ok())
        .map(VersionChoice::Version);
    ModelSpec {
        name: at.model.clone(),
        version_choice: version.or_else(|| at.label.clone().map(VersionChoice::VersionLabel)),
        signature_name: signature.to_owned(),
    }
}

pub(super) async fn predict(
    mut client: PredictionServiceClient<Channel>,
    at: &ModelUrl,
    described: &Described,
    images: Images<'_>,
    expected: Expected<'_>,
) -> Reply {
    let input = match tensor(described.input.form, images) {
        Ok(input) => input,
        Err(reason) => return Reply::BadBatch { reason },
    };
    let outputs = &described.outputs;
    let wanted = [&outputs.scores, &outputs.attribution];
    let request = PredictRequest {
        model_spec: Some(spec(at, described.version.as_deref(), signature(outputs))),
        inputs: [(described.input.key.clone(), input)].into(),
        output_filter: wanted.into_iter().flatten().cloned().collect(),
    };
    let answer = match client.predict(request).await {
        Ok(response) => response.into_inner(),
        Err(status) => return verdict(&status),
    };
    let tensors: Result<Vec<Tensor>, String> = answer
        .outputs
        .into_iter()
        .map(|(name, tensor)| read(name, &tensor))
        .collect();
    tensors
        .and_then(|tensors| answer::rows_of(&tensors, expected))
        .into()
}

fn tensor(form: InputForm, images: Images<'_>) -> Result<TensorProto, String> {
    let dims = form.shape(images.len()).into_iter().map(|size| Dim {
        size,
        name: String::new(),
    });
    let mut tensor = TensorProto {
        tensor_shape: Some(TensorShapeProto {
            dim: dims.collect(),
            unknown_rank: false,
        }),
        ..TensorProto::default()
    };
    match form {
        InputForm::Encoded { .. } => {
            tensor.set_dtype(DataType::DtString);
            tensor.string_val = images.encoded().into_owned();
        }
        InputForm::Pixels => {
            tensor.set_dtype(DataType::DtUint8);
            tensor.tensor_content = images.pixels()?;
        }
    }
    Ok(tensor)
}

/// Numbers out of a tensor: its content, or the list of its type, of which a short one repeats its
/// last number.
fn read(name: String, tensor: &TensorProto) -> Result<Tensor, String> {
    let shape = shape(tensor.tensor_shape.as_ref()).unwrap_or_default();
    let count = shape
        .iter()
        .try_fold(1_usize, |count, &size| {
            count.checked_mul(usize::try_from(size).ok()?)
        })
        .filter(|&count| count <= ANSWER_BYTES_MAX / 4)
        .ok_or_else(|| format!("its output {name} has the shape {shape:?}"))?;
    let content: &Bytes = &tensor.tensor_content;
    let listed: Vec<f32>;
    let (content, mut values) = match tensor.dtype() {
        DataType::DtFloat => (answer::floats(content), tensor.float_val.clone()),
        DataType::DtDouble => {
            listed = tensor
                .double_val
                .iter()
                .map(|&number| number as f32)
                .collect();
            (answer::doubles(content), listed)
        }
        other => {
            return Err(format!(
                "its output {name} is of {}, expected DT_FLOAT or DT_DOUBLE",
                other.as_str_name()
            ));
        }
    };
    match content {
        Some(content) if !content.is_empty() => values = content,
        Some(_) => {
            if let Some(&last) = values.last()
                && values.len() < count
            {
                values.resize(count, last);
            }
        }
        None => return Err(format!("its output {name} ends inside a number")),
    }
    Ok(Tensor {
        name,
        shape,
        values,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_shape(sizes: &[i64]) -> TensorProto {
        let dim = sizes.iter().map(|&size| Dim {
            size,
            name: String::new(),
        });
        let mut tensor = TensorProto {
            tensor_shape: Some(TensorShapeProto {
                dim: dim.collect(),
                unknown_rank: false,
            }),
            ..TensorProto::default()
        };
        tensor.set_dtype(DataType::DtFloat);
        tensor
    }

    #[test]
    fn numbers_lie_in_the_content_or_in_a_list_that_repeats_its_last() {
        let mut packed = of_shape(&[1, 2]);
        packed.tensor_content = Bytes::from_static(&[0, 0, 128, 62, 0, 0, 64, 63]);
        assert_eq!(read("y".into(), &packed).unwrap().values, [0.25, 0.75]);
        let mut listed = of_shape(&[2, 2]);
        listed.float_val = vec![0.25, 0.5];
        let values = read("y".into(), &listed).unwrap().values;
        assert_eq!(values, [0.25, 0.5, 0.5, 0.5]);
    }

    #[test]
    fn tensors_that_are_not_numbers_are_refused() {
        let mut cut = of_shape(&[1]);
        cut.tensor_content = Bytes::from_static(&[0, 0, 128]);
        assert!(read("y".into(), &cut).is_err());
        let mut texts = of_shape(&[1]);
        texts.set_dtype(DataType::DtString);
        assert!(read("y".into(), &texts).is_err());
        assert!(read("y".into(), &of_shape(&[i64::MAX, 8])).is_err());
        assert!(read("y".into(), &of_shape(&[-1])).is_err());
    }
}
