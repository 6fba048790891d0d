//! One server: what it was found to serve, and one request to it.

use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Client;
use tonic::transport::Channel;

use super::{
    answer::Expected,
    described::Described,
    exchange::{ANSWER_BYTES_MAX, Images, Reply},
    grpc, http,
    model_url::{ModelUrl, Protocol},
    open_inference_grpc, open_inference_rest,
    settings::RemoteSettings,
    tf_serving_grpc, tf_serving_rest,
};
use crate::{
    predict::PredictError,
    wire::{
        open_inference::grpc_inference_service_client::GrpcInferenceServiceClient,
        tensorflow::serving::prediction_service_client::PredictionServiceClient,
    },
};

/// One model at one server.
#[derive(Debug)]
pub(super) struct Endpoint {
    at: ModelUrl,
    connection: Connection,
    known: Mutex<Arc<Known>>,
}

/// What an endpoint has shown of its model.
#[derive(Debug)]
pub(super) struct Known {
    pub described: Described,
    /// Its outputs for the built-in tiles, one row after the other.
    pub answers: Vec<f32>,
}

/// The connection, by protocol.
#[derive(Clone, Debug)]
enum Connection {
    TfServingRest(Client),
    TfServingGrpc(PredictionServiceClient<Channel>),
    OpenInferenceRest(Client),
    OpenInferenceGrpc(GrpcInferenceServiceClient<Channel>),
}

impl Endpoint {
    /// Finds out what is served at a URL. What it answers to the built-in tiles is not known yet.
    ///
    /// Has to be called inside a Tokio runtime.
    pub(super) async fn find(url: &str, settings: &RemoteSettings) -> Result<Self, PredictError> {
        let at = ModelUrl::parse(url)?;
        let unusable = |reason: String| at.server(reason);
        let connection = match at.protocol {
            Protocol::TfServingRest => {
                Connection::TfServingRest(http::client(settings).map_err(unusable)?)
            }
            Protocol::TfServingGrpc => Connection::TfServingGrpc(
                PredictionServiceClient::new(grpc::channel(&at, settings).map_err(unusable)?)
                    .max_decoding_message_size(ANSWER_BYTES_MAX),
            ),
            Protocol::OpenInferenceRest => {
                Connection::OpenInferenceRest(http::client(settings).map_err(unusable)?)
            }
            Protocol::OpenInferenceGrpc => Connection::OpenInferenceGrpc(
                GrpcInferenceServiceClient::new(grpc::channel(&at, settings).map_err(unusable)?)
                    .max_decoding_message_size(ANSWER_BYTES_MAX),
            ),
        };
        let described = connection.describe(&at, settings).await?;
        Ok(Self {
            at,
            connection,
            known: Mutex::new(Arc::new(Known {
                described,
                answers: Vec::new(),
            })),
        })
    }

    /// For people.
    pub(super) fn url(&self) -> &str {
        &self.at.shown
    }

    pub(super) fn at(&self) -> &ModelUrl {
        &self.at
    }

    pub(super) fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Goes on with what was found.
    pub(super) fn adopt(&self, known: Known) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(known);
    }

    /// Asks again what is served.
    pub(super) async fn describe(
        &self,
        settings: &RemoteSettings,
    ) -> Result<Described, PredictError> {
        self.connection.describe(&self.at, settings).await
    }

    /// Asks for the images' predictions, of the model as described.
    pub(super) async fn predict(
        &self,
        described: &Described,
        images: Images<'_>,
        classes: Option<usize>,
        cells: usize,
    ) -> Reply {
        let expected = Expected {
            outputs: &described.outputs,
            images: images.len(),
            classes,
            cells,
        };
        match &self.connection {
            Connection::TfServingRest(client) => {
                tf_serving_rest::predict(client, &self.at, described, images, expected).await
            }
            Connection::TfServingGrpc(client) => {
                tf_serving_grpc::predict(client.clone(), &self.at, described, images, expected)
                    .await
            }
            Connection::OpenInferenceRest(client) => {
                open_inference_rest::predict(client, &self.at, described, images, expected).await
            }
            Connection::OpenInferenceGrpc(client) => {
                open_inference_grpc::predict(client.clone(), &self.at, described, images, expected)
                    .await
            }
        }
    }
}

impl Connection {
    async fn describe(
        &self,
        at: &ModelUrl,
        settings: &RemoteSettings,
    ) -> Result<Described, PredictError> {
        match self {
            Self::TfServingRest(client) => tf_serving_rest::describe(client, at, settings).await,
            Self::TfServingGrpc(client) => {
                tf_serving_grpc::describe(client.clone(), at, settings).await
            }
            Self::OpenInferenceRest(client) => {
                open_inference_rest::describe(client, at, settings).await
            }
            Self::OpenInferenceGrpc(client) => {
                open_inference_grpc::describe(client.clone(), at, settings).await
            }
        }
    }
}
