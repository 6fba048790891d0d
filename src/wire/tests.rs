//! Messages that the PyPI clients wrote (`tests/fixtures/make_wire.py`), read and written here.
//!
//! A wrong number would lose a field silently; so every field is compared, and what is written
//! again has as many bytes as what was read.

use std::{fmt::Debug, fs};

use prost::Message;
use prost_types::Any;

use super::{
    open_inference::{
        self, infer_parameter::ParameterChoice, model_infer_request::InferInputTensor,
    },
    tensorflow::{
        BytesList, DataType, Example, FloatList, Int64List, TensorProto, TensorShapeProto,
        feature::Kind,
        serving::{
            self, Input, ModelSpec, file_system_storage_path_source_config as storage,
            model_spec::VersionChoice, model_version_status::State,
        },
        tensor_shape_proto::Dim,
    },
};

/// The message of a fixture; nothing of it may be passed over.
#[track_caller]
fn read<M: Message + Default + Debug>(name: &str) -> M {
    let path = format!(
        "{}/tests/fixtures/wire/{name}.bin",
        env!("CARGO_MANIFEST_DIR")
    );
    let bytes = fs::read(path).unwrap();
    let message = M::decode(bytes.as_slice()).unwrap();
    assert_eq!(message.encoded_len(), bytes.len(), "{message:?}");
    message
}

fn sizes(tensor: &TensorProto) -> Vec<i64> {
    let shape = tensor.tensor_shape.as_ref().unwrap();
    shape.dim.iter().map(|dim| dim.size).collect()
}

fn spec(name: &str, choice: Option<VersionChoice>, signature: &str) -> ModelSpec {
    ModelSpec {
        name: name.into(),
        version_choice: choice,
        signature_name: signature.into(),
    }
}

#[test]
fn tf_servings_predict_messages_lose_nothing() {
    let request: serving::PredictRequest = read("predict_request");
    assert_eq!(
        request.model_spec.unwrap(),
        spec("half", Some(VersionChoice::Version(3)), "localize")
    );
    assert_eq!(request.output_filter, ["scores"]);
    let strings = &request.inputs["image_bytes"];
    assert_eq!(strings.dtype(), DataType::DtString);
    assert_eq!(strings.string_val, ["a", "bc"]);
    assert_eq!(sizes(strings), [2]);
    let pixels = &request.inputs["pixels"];
    assert_eq!(pixels.dtype(), DataType::DtUint8);
    assert_eq!(sizes(pixels), [1, 2, 3]);
    assert_eq!(*pixels.tensor_content, [0, 1, 2, 3, 4, 5]);
    assert_eq!(request.inputs["one"].float_val, [1.5]);

    let answer: serving::PredictResponse = read("predict_response");
    let scores = &answer.outputs["scores"];
    assert_eq!(scores.dtype(), DataType::DtFloat);
    assert_eq!(*scores.tensor_content, [0, 0, 128, 62, 0, 0, 64, 63]);
    assert_eq!(
        answer.model_spec.unwrap().version_choice,
        Some(VersionChoice::Version(3))
    );
}

#[test]
fn tf_servings_examples_and_their_answers_lose_nothing() {
    let check = |input: Option<Input>| {
        let Some(serving::input::Kind::ExampleList(list)) = input.unwrap().kind else {
            panic!("not a list of examples");
        };
        let [Example { features }] = list.examples.as_slice() else {
            panic!("not one example");
        };
        let features = &features.as_ref().unwrap().feature;
        let kind = |name: &str| features[name].kind.clone().unwrap();
        let bytes = BytesList {
            value: vec!["tile".into()],
        };
        assert_eq!(kind("image_bytes"), Kind::BytesList(bytes));
        assert_eq!(kind("f"), Kind::FloatList(FloatList { value: vec![0.5] }));
        assert_eq!(kind("i"), Kind::Int64List(Int64List { value: vec![7] }));
    };
    let request: serving::ClassificationRequest = read("classify_request");
    check(request.input);
    let label = VersionChoice::VersionLabel("stable".into());
    assert_eq!(request.model_spec.unwrap(), spec("half", Some(label), ""));
    let request: serving::MultiInferenceRequest = read("multi_inference_request");
    check(request.input);
    assert_eq!(request.tasks[0].method_name, "tensorflow/serving/classify");
    assert_eq!(request.tasks[0].model_spec, Some(spec("half", None, "")));

    let answer: serving::ClassificationResponse = read("classify_response");
    let class = &answer.result.unwrap().classifications[0].classes[0];
    assert_eq!((class.label.as_str(), class.score), ("tower", 0.75));
    assert_eq!(answer.model_spec, Some(spec("half", None, "")));
    let answer: serving::RegressionResponse = read("regress_response");
    assert_eq!(answer.result.unwrap().regressions[0].value, 0.5);
    assert_eq!(answer.model_spec, Some(spec("half", None, "")));
}

#[test]
fn tf_servings_metadata_and_status_lose_nothing() {
    let answer: serving::GetModelMetadataResponse = read("metadata_response");
    let Any { type_url, value } = &answer.metadata["signature_def"];
    assert_eq!(
        type_url,
        "type.googleapis.com/tensorflow.serving.SignatureDefMap"
    );
    let map = serving::SignatureDefMap::decode(value.as_slice()).unwrap();
    assert_eq!(map.encoded_len(), value.len());
    let signature = &map.signature_def["serving_default"];
    assert_eq!(signature.method_name, "tensorflow/serving/predict");
    let input = &signature.inputs["image_bytes"];
    assert_eq!(input.dtype(), DataType::DtString);
    let any_number = Dim {
        size: -1,
        name: String::new(),
    };
    assert_eq!(
        input.tensor_shape,
        Some(TensorShapeProto {
            dim: vec![any_number],
            unknown_rank: false,
        })
    );
    assert_eq!(signature.outputs["scores"].dtype(), DataType::DtFloat);

    let answer: serving::GetModelStatusResponse = read("status_response");
    let version = &answer.model_version_status[0];
    assert_eq!((version.version, version.state()), (3, State::Available));
    let status = version.status.as_ref().unwrap();
    assert_eq!((status.error_code, &*status.error_message), (2, "broken"));

    let request: serving::ReloadConfigRequest = read("reload_request");
    let Some(serving::model_server_config::Config::ModelConfigList(list)) =
        request.config.unwrap().config
    else {
        panic!("not a list of models");
    };
    let model = &list.config[0];
    assert_eq!((&*model.name, &*model.base_path), ("half", "/models/half"));
    assert_eq!(model.model_platform, "tensorflow");
    assert_eq!(model.version_labels["stable"], 1);
    let policy = model.model_version_policy.clone().unwrap().policy_choice;
    let versions = storage::servable_version_policy::Specific {
        versions: vec![1, 2],
    };
    assert_eq!(
        policy,
        Some(storage::servable_version_policy::PolicyChoice::Specific(
            versions
        ))
    );
}

#[test]
fn open_inference_messages_lose_nothing() {
    let request: open_inference::ModelInferRequest = read("infer_request");
    assert_eq!(
        (
            &*request.model_name,
            &*request.model_version,
            &*request.id,
            &*request.outputs[0].name
        ),
        ("half", "3", "7", "scores")
    );
    let [
        InferInputTensor {
            name,
            datatype,
            shape,
            parameters,
            contents: None,
        },
        words,
    ] = request.inputs.as_slice()
    else {
        panic!("not two inputs, of which the first is raw");
    };
    assert_eq!((&**name, &**datatype), ("image", "UINT8"));
    assert_eq!(*shape, [1, 256, 256, 3]);
    assert_eq!(
        parameters["binary_data_size"].parameter_choice,
        Some(ParameterChoice::Int64Param(6))
    );
    assert_eq!(
        words.contents.as_ref().unwrap().bytes_contents,
        [&b"tile"[..]]
    );
    assert_eq!(
        request.parameters["deep"].parameter_choice,
        Some(ParameterChoice::BoolParam(true))
    );
    assert_eq!(request.raw_input_contents, [&b"raw"[..]]);

    let answer: open_inference::ModelInferResponse = read("infer_response");
    let scores = &answer.outputs[0];
    assert_eq!((&*scores.name, &*scores.datatype), ("scores", "FP32"));
    assert_eq!(
        scores.contents.as_ref().unwrap().fp32_contents,
        [0.25, 0.75]
    );
    assert_eq!(answer.raw_output_contents, [&b"raw"[..]]);

    let model: open_inference::ModelMetadataResponse = read("model_metadata_response");
    assert_eq!((&*model.name, &*model.platform), ("half", "onnx"));
    assert_eq!(model.versions, ["1", "3"]);
    assert_eq!(model.inputs[0].shape, [-1, 256, 256, 3]);
    assert_eq!(model.outputs[0].name, "scores");
}
