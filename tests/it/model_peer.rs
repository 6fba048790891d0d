//! A server that is not ours, of TF Serving's gRPC interface and of the Open Inference Protocol over
//! gRPC and HTTP: a model that runs inside the test, described as the test wants it.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response as HttpResponse},
};
use bytes::Bytes;
use hvmap::{
    image::{self, RGB_BYTES},
    predict::{Batch, Classifier, Model, ModelInfo, Predictions, onnx::OnnxModel},
    wire::{
        open_inference::{
            ModelInferRequest, ModelInferResponse, ModelMetadataRequest, ModelMetadataResponse,
            ModelReadyRequest, ModelReadyResponse, ServerLiveRequest, ServerLiveResponse,
            ServerMetadataRequest, ServerMetadataResponse, ServerReadyRequest, ServerReadyResponse,
            grpc_inference_service_server::{GrpcInferenceService, GrpcInferenceServiceServer},
            model_infer_response::InferOutputTensor,
            model_metadata_response::TensorMetadata,
        },
        tensorflow::{
            DataType, SignatureDef, TensorInfo, TensorProto, TensorShapeProto,
            serving::{
                ClassificationRequest, ClassificationResponse, GetModelMetadataRequest,
                GetModelMetadataResponse, ModelSpec, MultiInferenceRequest, MultiInferenceResponse,
                PredictRequest, PredictResponse, RegressionRequest, RegressionResponse,
                SignatureDefMap,
                model_spec::VersionChoice,
                prediction_service_server::{PredictionService, PredictionServiceServer},
            },
            tensor_shape_proto::Dim,
        },
    },
};
use prost::Message as _;
use serde_json::{Value, json};
use tonic::{
    Request, Response, Status,
    transport::{Identity, Server, ServerTlsConfig, server::TcpIncoming},
};

use crate::serving::{engine, fixture};

/// What the peer serves and how it misbehaves.
pub struct Behaviour {
    pub model: &'static str,
    pub input: &'static str,
    /// Takes uint8 pixels instead of encoded images.
    pub pixels: bool,
    pub version: i64,
    /// From this request on, counted from 0, `fault` is answered.
    pub faulty_from: usize,
    pub fault: Fault,
    /// INTERNAL for requests of so many images.
    pub fails_on_images: Option<usize>,
    /// INVALID_ARGUMENT for requests of more images.
    pub images_max: usize,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            model: "contract.onnx",
            input: "jpeg",
            pixels: false,
            version: 7,
            faulty_from: usize::MAX,
            fault: Fault::NoOutput,
            fails_on_images: None,
            images_max: usize::MAX,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub enum Fault {
    NoOutput,
    OneRowTooFew,
    NotANumber,
    /// UNAVAILABLE, which asks for another try.
    Busy,
    Internal,
    /// No answer, ever.
    Silence,
    /// INTERNAL once, and then answers that the built-in tiles do not tell from those before.
    Retrained,
}

/// A running peer; it stops when dropped, and its port refuses connections.
pub struct Peer {
    grpc: SocketAddr,
    http: SocketAddr,
    inner: Arc<Inner>,
    _runtime: tokio::runtime::Runtime,
}

struct Inner {
    behaviour: Behaviour,
    info: ModelInfo,
    classifier: Mutex<Box<dyn Classifier>>,
    asked: AtomicUsize,
}

impl Peer {
    pub fn start(behaviour: Behaviour) -> Self {
        Self::start_on(Server::builder(), behaviour)
    }

    /// Speaks TLS over gRPC.
    pub fn start_with_tls(behaviour: Behaviour, identity: Identity) -> Self {
        let tls = ServerTlsConfig::new().identity(identity);
        Self::start_on(Server::builder().tls_config(tls).unwrap(), behaviour)
    }

    fn start_on(mut server: Server, behaviour: Behaviour) -> Self {
        let model = OnnxModel::from_file(&fixture(behaviour.model), &engine()).unwrap();
        let inner = Arc::new(Inner {
            info: model.info().clone(),
            classifier: Mutex::new(model.classifier().unwrap()),
            asked: AtomicUsize::new(0),
            behaviour,
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (grpc, http) = {
            let _inside = runtime.enter();
            let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
            let grpc = incoming.local_addr().unwrap();
            let serving = PredictionServiceServer::from_arc(Arc::clone(&inner));
            let inference = GrpcInferenceServiceServer::from_arc(Arc::clone(&inner));
            runtime.spawn(
                server
                    .add_service(serving.max_decoding_message_size(64 << 20))
                    .add_service(inference.max_decoding_message_size(64 << 20))
                    .serve_with_incoming(incoming),
            );
            let router = Router::new()
                .fallback(over_http)
                .layer(axum::extract::DefaultBodyLimit::disable())
                .with_state(Arc::clone(&inner));
            let listener = runtime
                .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
                .unwrap();
            let http = listener.local_addr().unwrap();
            runtime.spawn(async move { axum::serve(listener, router).await });
            (grpc, http)
        };
        Self {
            grpc,
            http,
            inner,
            _runtime: runtime,
        }
    }

    /// Of TF Serving's gRPC interface.
    pub fn url(&self) -> String {
        format!("grpc://{}/tower", self.grpc)
    }

    /// Of both interfaces over gRPC with TLS.
    pub fn tls_urls(&self) -> [String; 2] {
        let port = self.grpc.port();
        [
            format!("grpcs://localhost:{port}/tower"),
            format!("grpcs+v2://localhost:{port}/tower"),
        ]
    }

    /// Of the Open Inference Protocol, over HTTP and gRPC.
    pub fn open_inference_urls(&self) -> [String; 2] {
        [
            format!("http://{}/v2/models/tower", self.http),
            format!("grpc+v2://{}/tower", self.grpc),
        ]
    }

    pub fn asked(&self) -> usize {
        self.inner.asked.load(Ordering::SeqCst)
    }
}

fn info(dtype: DataType, sizes: &[i64]) -> TensorInfo {
    let mut info = TensorInfo {
        tensor_shape: Some(shape(sizes)),
        ..TensorInfo::default()
    };
    info.set_dtype(dtype);
    info
}

fn shape(sizes: &[i64]) -> TensorShapeProto {
    let dim = sizes.iter().map(|&size| Dim {
        size,
        name: String::new(),
    });
    TensorShapeProto {
        dim: dim.collect(),
        unknown_rank: false,
    }
}

impl Inner {
    fn spec(&self) -> ModelSpec {
        ModelSpec {
            name: "tower".into(),
            version_choice: Some(VersionChoice::Version(self.behaviour.version)),
            signature_name: "serving_default".into(),
        }
    }

    #[allow(clippy::result_large_err, reason = "tonic's own error type")]
    fn known(&self, spec: Option<&ModelSpec>) -> Result<(), Status> {
        let spec = spec.ok_or_else(|| Status::invalid_argument("Missing ModelSpec"))?;
        let version = match &spec.version_choice {
            Some(VersionChoice::Version(version)) => *version,
            Some(VersionChoice::VersionLabel(_)) => {
                return Err(Status::invalid_argument(
                    "Unrecognized servable version label",
                ));
            }
            None => self.behaviour.version,
        };
        if spec.name == "tower" && version == self.behaviour.version {
            return Ok(());
        }
        Err(Status::not_found(format!(
            "Servable not found for request: Specific({}, {version})",
            spec.name
        )))
    }

    /// The outputs for encoded images or pixels, as many as `images`.
    #[allow(clippy::result_large_err, reason = "tonic's own error type")]
    fn outputs_of(&self, payloads: &[Bytes]) -> Result<Vec<f32>, Status> {
        let mut tensor = TensorProto::default();
        if self.behaviour.pixels {
            tensor.set_dtype(DataType::DtUint8);
            tensor.tensor_content = payloads[0].clone();
        } else {
            tensor.set_dtype(DataType::DtString);
            tensor.string_val = payloads.to_vec();
        }
        Ok(self.classify(&tensor)?.outputs)
    }

    /// A raw tensor's elements.
    fn payloads(&self, raw: &Bytes) -> Vec<Bytes> {
        if self.behaviour.pixels {
            return vec![raw.clone()];
        }
        let mut payloads = Vec::new();
        let mut rest = raw.clone();
        while !rest.is_empty() {
            let length = u32::from_le_bytes(rest.split_to(4)[..].try_into().unwrap());
            payloads.push(rest.split_to(length as usize));
        }
        payloads
    }

    /// Name, data type and shape of the input of the Open Inference Protocol.
    fn open_inference_input(&self) -> (String, &'static str, Vec<i64>) {
        let name = self.behaviour.input.to_owned();
        if self.behaviour.pixels {
            (name, "UINT8", vec![-1, 256, 256, 3])
        } else {
            // As Triton describes strings of a model that batches.
            (name, "BYTES", vec![-1, 1])
        }
    }

    #[allow(clippy::result_large_err, reason = "tonic's own error type")]
    fn classify(&self, tensor: &TensorProto) -> Result<Predictions, Status> {
        let pixels = if self.behaviour.pixels {
            assert_eq!(tensor.dtype(), DataType::DtUint8);
            tensor.tensor_content.to_vec()
        } else {
            assert_eq!(tensor.dtype(), DataType::DtString);
            let mut pixels = vec![0; tensor.string_val.len() * RGB_BYTES];
            for (payload, slot) in tensor
                .string_val
                .iter()
                .zip(pixels.chunks_exact_mut(RGB_BYTES))
            {
                image::decode(payload, slot)
                    .map_err(|_| Status::invalid_argument("Input is not a valid JPEG or PNG"))?;
            }
            pixels
        };
        let mut all = Predictions::default();
        let mut classifier = self.classifier.lock().unwrap();
        for tile in pixels.chunks(RGB_BYTES) {
            let mut one = Predictions::default();
            classifier.classify(Batch::Rgb8(tile), &mut one).unwrap();
            all.outputs.extend(one.outputs);
        }
        Ok(all)
    }
}

#[tonic::async_trait]
impl PredictionService for Inner {
    async fn predict(
        &self,
        request: Request<PredictRequest>,
    ) -> Result<Response<PredictResponse>, Status> {
        let request = request.into_inner();
        self.known(request.model_spec.as_ref())?;
        let nth = self.asked.fetch_add(1, Ordering::SeqCst);
        let input = request
            .inputs
            .get(self.behaviour.input)
            .ok_or_else(|| Status::invalid_argument("input tensor alias not found in signature"))?;
        let mut outputs = self.classify(input)?.outputs;
        let classes = self.info.classes.len();
        let mut map = BTreeMap::new();
        let mut rows = outputs.len() / classes;
        if rows > self.behaviour.images_max {
            return Err(Status::invalid_argument(
                "Task size is larger than maximum batch size",
            ));
        }
        if self.behaviour.fails_on_images == Some(rows) {
            return Err(Status::internal("out of luck"));
        }
        if nth >= self.behaviour.faulty_from {
            match self.behaviour.fault {
                Fault::NoOutput => return Ok(Response::new(PredictResponse::default())),
                Fault::OneRowTooFew => {
                    rows -= 1;
                    outputs.truncate(rows * classes);
                }
                Fault::NotANumber => outputs.fill(f32::NAN),
                Fault::Busy => return Err(Status::unavailable("try again")),
                Fault::Silence => std::future::pending().await,
                Fault::Internal => return Err(Status::internal("out of luck")),
                Fault::Retrained if nth == self.behaviour.faulty_from => {
                    return Err(Status::internal("being restarted"));
                }
                Fault::Retrained => {
                    for output in &mut outputs {
                        let logit = (*output / (1.0 - *output)).ln() + 0.2;
                        *output = 1.0 / (1.0 + (-logit).exp());
                    }
                }
            }
        }
        let mut tensor = TensorProto {
            tensor_shape: Some(shape(&[rows as i64, classes as i64])),
            float_val: outputs,
            ..TensorProto::default()
        };
        tensor.set_dtype(DataType::DtFloat);
        map.insert("probabilities".to_owned(), tensor);
        Ok(Response::new(PredictResponse {
            outputs: map,
            model_spec: Some(self.spec()),
        }))
    }

    async fn get_model_metadata(
        &self,
        request: Request<GetModelMetadataRequest>,
    ) -> Result<Response<GetModelMetadataResponse>, Status> {
        self.known(request.into_inner().model_spec.as_ref())?;
        let input = if self.behaviour.pixels {
            info(DataType::DtUint8, &[-1, 256, 256, 3])
        } else {
            info(DataType::DtString, &[-1])
        };
        let classes = self.info.classes.len() as i64;
        let signature = SignatureDef {
            inputs: [(self.behaviour.input.to_owned(), input)].into(),
            outputs: [(
                "probabilities".to_owned(),
                info(DataType::DtFloat, &[-1, classes]),
            )]
            .into(),
            method_name: "tensorflow/serving/predict".into(),
        };
        let map = SignatureDefMap {
            signature_def: [("serving_default".to_owned(), signature)].into(),
        };
        let any = prost_types::Any {
            type_url: "type.googleapis.com/tensorflow.serving.SignatureDefMap".into(),
            value: map.encode_to_vec(),
        };
        Ok(Response::new(GetModelMetadataResponse {
            model_spec: Some(self.spec()),
            metadata: [("signature_def".to_owned(), any)].into(),
        }))
    }

    async fn classify(
        &self,
        _request: Request<ClassificationRequest>,
    ) -> Result<Response<ClassificationResponse>, Status> {
        Err(Status::unimplemented("classify"))
    }

    async fn regress(
        &self,
        _request: Request<RegressionRequest>,
    ) -> Result<Response<RegressionResponse>, Status> {
        Err(Status::unimplemented("regress"))
    }

    async fn multi_inference(
        &self,
        _request: Request<MultiInferenceRequest>,
    ) -> Result<Response<MultiInferenceResponse>, Status> {
        Err(Status::unimplemented("multi_inference"))
    }
}

#[tonic::async_trait]
impl GrpcInferenceService for Inner {
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
        Ok(Response::new(ServerReadyResponse { ready: true }))
    }

    async fn model_ready(
        &self,
        _request: Request<ModelReadyRequest>,
    ) -> Result<Response<ModelReadyResponse>, Status> {
        Ok(Response::new(ModelReadyResponse { ready: true }))
    }

    async fn server_metadata(
        &self,
        _request: Request<ServerMetadataRequest>,
    ) -> Result<Response<ServerMetadataResponse>, Status> {
        Ok(Response::new(ServerMetadataResponse::default()))
    }

    async fn model_metadata(
        &self,
        request: Request<ModelMetadataRequest>,
    ) -> Result<Response<ModelMetadataResponse>, Status> {
        if request.into_inner().name != "tower" {
            return Err(Status::not_found("no such model"));
        }
        let (name, datatype, shape) = self.open_inference_input();
        Ok(Response::new(ModelMetadataResponse {
            name: "tower".into(),
            versions: vec![self.behaviour.version.to_string()],
            platform: "a test".into(),
            inputs: vec![TensorMetadata {
                name,
                datatype: datatype.into(),
                shape,
            }],
            outputs: vec![TensorMetadata {
                name: "probabilities".into(),
                datatype: "FP32".into(),
                shape: vec![-1, self.info.classes.len() as i64],
            }],
        }))
    }

    async fn model_infer(
        &self,
        request: Request<ModelInferRequest>,
    ) -> Result<Response<ModelInferResponse>, Status> {
        let request = request.into_inner();
        let input = &request.inputs[0];
        let raw = &request.raw_input_contents[0];
        let (name, datatype, _) = self.open_inference_input();
        assert_eq!((&input.name, input.datatype.as_str()), (&name, datatype));
        let images = input.shape[0];
        if !self.behaviour.pixels {
            assert_eq!(input.shape, [images, 1]);
        }
        self.asked.fetch_add(1, Ordering::SeqCst);
        let outputs = self.outputs_of(&self.payloads(raw))?;
        let raw: Vec<u8> = outputs.iter().flat_map(|x| x.to_le_bytes()).collect();
        Ok(Response::new(ModelInferResponse {
            model_name: "tower".into(),
            model_version: self.behaviour.version.to_string(),
            outputs: vec![InferOutputTensor {
                name: "probabilities".into(),
                datatype: "FP32".into(),
                shape: vec![images, self.info.classes.len() as i64],
                ..InferOutputTensor::default()
            }],
            raw_output_contents: vec![raw.into()],
            ..ModelInferResponse::default()
        }))
    }
}

/// The Open Inference Protocol over HTTP. It answers numbers in its JSON, whatever it was asked for, as
/// servers without binary outputs do.
async fn over_http(
    State(peer): State<Arc<Inner>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> HttpResponse {
    let classes = peer.info.classes.len();
    let (name, datatype, shape) = peer.open_inference_input();
    let version = peer.behaviour.version.to_string();
    let answer = match uri.path() {
        "/v2/models/tower" => json!({
            "name": "tower",
            "versions": [version],
            "platform": "a test",
            "inputs": [{"name": name, "datatype": datatype, "shape": shape}],
            "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, classes]}],
        }),
        "/v2/models/tower/infer" => {
            let length: usize = headers["inference-header-content-length"]
                .to_str()
                .unwrap()
                .parse()
                .unwrap();
            let json: Value = serde_json::from_slice(&body[..length]).unwrap();
            let input = &json["inputs"][0];
            assert_eq!(
                (&input["name"], &input["datatype"]),
                (&json!(name), &json!(datatype))
            );
            let raw = body.slice(length..);
            assert_eq!(input["parameters"]["binary_data_size"], json!(raw.len()));
            peer.asked.fetch_add(1, Ordering::SeqCst);
            match peer.outputs_of(&peer.payloads(&raw)) {
                Ok(outputs) => json!({
                    "model_name": "tower",
                    "model_version": version,
                    "outputs": [{
                        "name": "probabilities",
                        "datatype": "FP32",
                        "shape": [outputs.len() / classes, classes],
                        "data": outputs,
                    }],
                }),
                Err(status) => {
                    let error = json!({"error": status.message()}).to_string();
                    return (StatusCode::BAD_REQUEST, error).into_response();
                }
            }
        }
        _ => return (StatusCode::NOT_FOUND, r#"{"error":"no such model"}"#).into_response(),
    };
    answer.to_string().into_response()
}
