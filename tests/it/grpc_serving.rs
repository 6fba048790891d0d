//! TF Serving's gRPC services over a socket, asked by tonic's client.

use hvmap::wire::tensorflow::{
    BytesList, DataType, Example, Feature, Features, TensorProto, TensorShapeProto,
    feature::Kind,
    serving::{
        ClassificationRequest, ExampleList, GetModelMetadataRequest, GetModelStatusRequest,
        InferenceTask, Input, ModelSpec, MultiInferenceRequest, PredictRequest, RegressionRequest,
        ReloadConfigRequest, SignatureDefMap, inference_result, input,
        model_service_client::ModelServiceClient, model_spec::VersionChoice,
        model_version_status::State, prediction_service_client::PredictionServiceClient,
    },
    tensor_shape_proto::Dim,
};
use prost::Message as _;
use tokio::runtime::Runtime;
use tonic::{Code, Status, codec::CompressionEncoding, transport::Channel};

use crate::serving::{Serving, bits_of, embedded, tiles};

/// A client of a server of its own.
pub struct Asking {
    pub serving: Serving,
    pub runtime: Runtime,
    pub channel: Channel,
}

impl Asking {
    pub fn start() -> Self {
        Self::of(Serving::start())
    }

    pub fn of(serving: Serving) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let address = format!("http://{}", serving.server.grpc_address());
        let endpoint = Channel::from_shared(address).unwrap();
        let channel = runtime.block_on(endpoint.connect()).unwrap();
        Self {
            serving,
            runtime,
            channel,
        }
    }

    fn predict(
        &self,
        request: PredictRequest,
    ) -> Result<hvmap::wire::tensorflow::serving::PredictResponse, Status> {
        let mut client = PredictionServiceClient::new(self.channel.clone());
        let answer = self.runtime.block_on(client.predict(request))?;
        Ok(answer.into_inner())
    }
}

fn spec(signature: &str) -> ModelSpec {
    ModelSpec {
        name: "half".into(),
        version_choice: None,
        signature_name: signature.into(),
    }
}

fn strings(tiles: &[Vec<u8>]) -> TensorProto {
    TensorProto {
        dtype: DataType::DtString.into(),
        tensor_shape: Some(TensorShapeProto {
            dim: vec![Dim {
                size: tiles.len() as i64,
                name: String::new(),
            }],
            unknown_rank: false,
        }),
        string_val: tiles.iter().cloned().map(Into::into).collect(),
        ..TensorProto::default()
    }
}

fn request(signature: &str) -> PredictRequest {
    PredictRequest {
        model_spec: Some(spec(signature)),
        inputs: [("image_bytes".to_owned(), strings(&tiles()))].into(),
        output_filter: Vec::new(),
    }
}

fn shape(tensor: &TensorProto) -> Vec<i64> {
    let shape = tensor.tensor_shape.as_ref().unwrap();
    shape.dim.iter().map(|dim| dim.size).collect()
}

#[track_caller]
fn is_refused<T: std::fmt::Debug>(answer: Result<T, Status>, code: Code, text: &str) {
    let status = answer.unwrap_err();
    assert!(
        status.message().contains(text),
        "{:?} lacks {text:?}",
        status.message()
    );
    assert_eq!(status.code(), code, "{status}");
}

#[test]
fn predict_gives_the_scores_of_the_embedded_session_bit_for_bit() {
    let asking = Asking::start();
    let expected = embedded();
    let images = tiles().len() as i64;

    let answer = asking.predict(request("")).unwrap();
    let spec = answer.model_spec.unwrap();
    assert_eq!(spec.version_choice, Some(VersionChoice::Version(1)));
    assert_eq!(spec.signature_name, "serving_default");
    assert_eq!(answer.outputs.len(), 1);
    let scores = &answer.outputs["scores"];
    assert_eq!(scores.dtype(), DataType::DtFloat);
    assert_eq!(
        shape(scores),
        [images, expected.outputs.len() as i64 / images]
    );
    assert_eq!(bits_of(&scores.float_val), bits_of(&expected.outputs));

    let mut localize = request("localize");
    let answer = asking.predict(localize.clone()).unwrap();
    let cells = &answer.outputs["attribution"];
    assert_eq!(shape(cells).len(), 3);
    assert_eq!(bits_of(&cells.float_val), bits_of(expected.located.grids()));
    assert!(answer.outputs.contains_key("scores"));

    localize.output_filter = vec!["attribution".into()];
    let answer = asking.predict(localize).unwrap();
    assert_eq!(answer.outputs.keys().collect::<Vec<_>>(), ["attribution"]);
}

#[test]
fn what_is_wrong_with_a_request_is_told_in_tf_servings_codes() {
    let asking = Asking::start();
    let refused = |change: &dyn Fn(&mut PredictRequest), code, text| {
        let mut request = request("");
        change(&mut request);
        is_refused(asking.predict(request), code, text);
    };
    let name = |request: &mut PredictRequest, name: &str| {
        request.model_spec.as_mut().unwrap().name = name.into();
    };
    let version = |request: &mut PredictRequest, choice| {
        request.model_spec.as_mut().unwrap().version_choice = Some(choice);
    };
    refused(
        &|request| request.model_spec = None,
        Code::InvalidArgument,
        "Missing ModelSpec",
    );
    refused(
        &|request| name(request, "other"),
        Code::NotFound,
        "Servable not found for request: Latest(other)",
    );
    refused(
        &|request| version(request, VersionChoice::Version(9)),
        Code::NotFound,
        "Servable not found for request: Specific(half, 9)",
    );
    refused(
        &|request| version(request, VersionChoice::Version(-1)),
        Code::NotFound,
        "Specific(half, -1)",
    );
    refused(
        &|request| version(request, VersionChoice::VersionLabel("stable".into())),
        Code::InvalidArgument,
        "Unrecognized servable version label: stable",
    );
    refused(
        &|request| request.model_spec = Some(spec("s")),
        Code::FailedPrecondition,
        "Serving signature key \"s\" not found.; expected serving_default or localize",
    );
    refused(
        &|request| request.inputs = [("image".to_owned(), strings(&tiles()))].into(),
        Code::InvalidArgument,
        "input tensor alias not found in signature: image. Inputs expected to be in the set \
         {image_bytes}.",
    );
    refused(
        &|request| request.inputs.clear(),
        Code::InvalidArgument,
        "input size does not match signature: 0!=1",
    );
    refused(
        &|request| request.output_filter = vec!["logits".into()],
        Code::InvalidArgument,
        "output tensor alias not found in signature: logits Outputs expected to be in the set \
         {scores}.",
    );
    refused(
        &|request| request.output_filter = vec!["scores".into(), "scores".into()],
        Code::InvalidArgument,
        "duplicate output tensor alias: scores",
    );
    refused(
        &|request| {
            let tensor = request.inputs.get_mut("image_bytes").unwrap();
            tensor.dtype = DataType::DtFloat.into();
        },
        Code::InvalidArgument,
        "input image_bytes: expected DT_STRING",
    );
    refused(
        &|request| {
            let bad = strings(&[b"no image".to_vec()]);
            request.inputs = [("image_bytes".to_owned(), bad)].into();
        },
        Code::InvalidArgument,
        "element 0 of 1 is not a usable image",
    );
}

fn examples() -> Input {
    let example = |tile: Vec<u8>| {
        let list = BytesList {
            value: vec![tile.into()],
        };
        let feature = Feature {
            kind: Some(Kind::BytesList(list)),
        };
        Example {
            features: Some(Features {
                feature: [("image_bytes".to_owned(), feature)].into(),
            }),
        }
    };
    Input {
        kind: Some(input::Kind::ExampleList(ExampleList {
            examples: tiles().into_iter().map(example).collect(),
        })),
    }
}

#[test]
fn examples_are_classified_and_regressed() {
    let asking = Asking::start();
    let expected = embedded();
    let mut client = PredictionServiceClient::new(asking.channel.clone());
    let classified = asking
        .runtime
        .block_on(client.classify(ClassificationRequest {
            model_spec: Some(spec("")),
            input: Some(examples()),
        }));
    let result = classified.unwrap().into_inner().result.unwrap();
    let classes = result
        .classifications
        .iter()
        .flat_map(|image| &image.classes);
    let scores: Vec<f32> = classes.clone().map(|class| class.score).collect();
    assert_eq!(bits_of(&scores), bits_of(&expected.outputs));
    assert!(classes.clone().all(|class| !class.label.is_empty()));

    let regressed = asking.runtime.block_on(client.regress(RegressionRequest {
        model_spec: Some(spec("")),
        input: Some(examples()),
    }));
    let result = regressed.unwrap().into_inner().result.unwrap();
    let values: Vec<f32> = result.regressions.iter().map(|one| one.value).collect();
    assert_eq!(bits_of(&values), bits_of(&expected.scores));

    let empty = asking
        .runtime
        .block_on(client.classify(ClassificationRequest {
            model_spec: Some(spec("")),
            input: None,
        }));
    is_refused(empty, Code::InvalidArgument, "Input is empty.");
    let bare = ExampleList {
        examples: vec![Example::default()],
    };
    let bare = asking
        .runtime
        .block_on(client.classify(ClassificationRequest {
            model_spec: Some(spec("")),
            input: Some(Input {
                kind: Some(input::Kind::ExampleList(bare)),
            }),
        }));
    is_refused(
        bare,
        Code::InvalidArgument,
        "example 0: Feature: image_bytes (data type: string) is required",
    );
}

#[test]
fn metadata_and_status_are_those_of_rest() {
    let asking = Asking::start();
    let mut client = PredictionServiceClient::new(asking.channel.clone());
    let mut metadata = |field: &[&str]| {
        let request = GetModelMetadataRequest {
            model_spec: Some(spec("")),
            metadata_field: field.iter().map(|field| (*field).to_owned()).collect(),
        };
        let answer = asking.runtime.block_on(client.get_model_metadata(request));
        answer.map(tonic::Response::into_inner)
    };
    let answer = metadata(&["signature_def"]).unwrap();
    let any = &answer.metadata["signature_def"];
    assert_eq!(
        any.type_url,
        "type.googleapis.com/tensorflow.serving.SignatureDefMap"
    );
    let map = SignatureDefMap::decode(any.value.as_slice()).unwrap();
    assert_eq!(
        map.signature_def.keys().collect::<Vec<_>>(),
        ["localize", "serving_default"]
    );
    let signature = &map.signature_def["serving_default"];
    assert_eq!(signature.method_name, "tensorflow/serving/predict");
    assert_eq!(signature.inputs["image_bytes"].dtype(), DataType::DtString);
    assert_eq!(signature.outputs["scores"].dtype(), DataType::DtFloat);
    is_refused(
        metadata(&[]),
        Code::InvalidArgument,
        "must specify at least one metadata_field",
    );
    is_refused(
        metadata(&["other"]),
        Code::InvalidArgument,
        "Metadata field other is not supported",
    );

    let mut client = ModelServiceClient::new(asking.channel.clone());
    let mut status = |name: &str| {
        let request = GetModelStatusRequest {
            model_spec: Some(ModelSpec {
                name: name.into(),
                ..spec("")
            }),
        };
        let answer = asking.runtime.block_on(client.get_model_status(request));
        answer.map(tonic::Response::into_inner)
    };
    let answer = status("half").unwrap();
    let [version] = answer.model_version_status.as_slice() else {
        panic!("{answer:?}");
    };
    assert_eq!((version.version, version.state()), (1, State::Available));
    assert_eq!(version.status.as_ref().unwrap().error_code, 0);
    is_refused(
        status("other"),
        Code::NotFound,
        "Could not find any versions of model other",
    );
}

#[test]
fn a_clients_deadline_is_kept() {
    let asking = Asking::of(Serving::start_with(|settings| {
        settings.batching.queue_images_max = 1;
        settings.engine.workers = Some(1);
        settings.engine.batch_size = Some(1);
    }));
    let many: Vec<Vec<u8>> = tiles().iter().cycle().take(2000).cloned().collect();
    let mut bulk = tonic::Request::new(PredictRequest {
        inputs: [("image_bytes".to_owned(), strings(&many))].into(),
        ..request("")
    });
    bulk.set_timeout(std::time::Duration::from_millis(1));
    let mut client = PredictionServiceClient::new(asking.channel.clone());
    let status = asking.runtime.block_on(client.predict(bulk)).unwrap_err();
    // The client's own clock may be the first to notice.
    assert!(
        matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled),
        "{status}"
    );
    // What it left in the queue is dropped, and the next request is taken.
    assert!(asking.predict(request("")).is_ok());
}

#[test]
fn a_full_queue_is_unavailable_with_a_time_to_come_back() {
    let asking = Asking::of(Serving::start_with(|settings| {
        settings.batching.queue_images_max = 1;
        settings.engine.workers = Some(1);
        settings.engine.batch_size = Some(1);
    }));
    let many: Vec<Vec<u8>> = tiles().iter().cycle().take(400).cloned().collect();
    let bulk = PredictRequest {
        inputs: [("image_bytes".to_owned(), strings(&many))].into(),
        ..request("")
    };
    let mut client = PredictionServiceClient::new(asking.channel.clone());
    let bulk = asking
        .runtime
        .spawn(async move { client.predict(bulk).await });
    let metrics = || {
        let answer = asking.serving.get("/monitoring/prometheus/metrics");
        String::from_utf8(answer.body).unwrap()
    };
    while metrics().contains("hvmap_queued_images{model_name=\"half\"} 0") {
        std::thread::yield_now();
    }
    let status = asking.predict(request("")).unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("the queue of model half is full"));
    let pause = status.metadata().get("grpc-retry-pushback-ms").unwrap();
    assert_eq!(pause, "1000");
    let scores = asking.runtime.block_on(bulk).unwrap().unwrap();
    let scores = &scores.into_inner().outputs["scores"];
    assert_eq!(shape(scores)[0], 400);
}

#[test]
fn a_message_that_is_too_large_is_refused() {
    let asking = Asking::start();
    let huge = strings(&[vec![0; (64 << 20) + 1]]);
    let request = PredictRequest {
        inputs: [("image_bytes".to_owned(), huge)].into(),
        ..request("")
    };
    is_refused(
        asking.predict(request),
        Code::OutOfRange,
        "message length too large",
    );
}

#[test]
fn a_compressed_message_is_read_up_to_a_bound() {
    let asking = Asking::start();
    let mut client = PredictionServiceClient::new(asking.channel.clone())
        .send_compressed(CompressionEncoding::Gzip);
    let answer = asking.runtime.block_on(client.predict(request("")));
    let scores = &answer.unwrap().into_inner().outputs["scores"];
    assert_eq!(bits_of(&scores.float_val), bits_of(&embedded().outputs));

    let huge = strings(&[vec![0; (64 << 20) + 1]]);
    let bomb = PredictRequest {
        inputs: [("image_bytes".to_owned(), huge)].into(),
        ..request("")
    };
    let refused = asking.runtime.block_on(client.predict(bomb));
    is_refused(refused, Code::ResourceExhausted, "size limit");
    assert!(asking.predict(request("")).is_ok());
}

#[test]
fn several_questions_about_the_same_images_are_answered_together() {
    let asking = Asking::start();
    let mut client = PredictionServiceClient::new(asking.channel.clone());
    let mut ask = |tasks: &[(&str, &str)]| {
        let tasks = tasks.iter().map(|&(model, method)| InferenceTask {
            model_spec: Some(ModelSpec {
                name: model.into(),
                ..spec("")
            }),
            method_name: format!("tensorflow/serving/{method}"),
        });
        let request = MultiInferenceRequest {
            tasks: tasks.collect(),
            input: Some(examples()),
        };
        let answer = asking.runtime.block_on(client.multi_inference(request));
        answer.map(|answer| answer.into_inner().results)
    };
    let results = ask(&[("half", "classify"), ("half", "regress")]).unwrap();
    let expected = embedded();
    let [
        Some(inference_result::Result::ClassificationResult(classified)),
        Some(inference_result::Result::RegressionResult(regressed)),
    ] = [0, 1].map(|task| results[task].result.clone())
    else {
        panic!("{results:?}");
    };
    let classes = classified
        .classifications
        .iter()
        .flat_map(|one| &one.classes);
    let scores: Vec<f32> = classes.map(|class| class.score).collect();
    assert_eq!(bits_of(&scores), bits_of(&expected.outputs));
    let values: Vec<f32> = regressed.regressions.iter().map(|one| one.value).collect();
    assert_eq!(bits_of(&values), bits_of(&expected.scores));

    is_refused(ask(&[]), Code::InvalidArgument, "no tasks");
    is_refused(
        ask(&[("half", "classify"), ("other", "regress")]),
        Code::InvalidArgument,
        "must access the same model",
    );
    is_refused(
        ask(&[("half", "predict")]),
        Code::Unimplemented,
        "Unsupported signature method_name: tensorflow/serving/predict",
    );
}

#[test]
fn models_are_named_at_the_start_alone() {
    let asking = Asking::start();
    let mut models = ModelServiceClient::new(asking.channel.clone());
    let answer = asking
        .runtime
        .block_on(models.handle_reload_config_request(ReloadConfigRequest::default()));
    is_refused(answer, Code::Unimplemented, "named when it starts");
}
