//! One server: what it was found to serve, and one request to it.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use reqwest::Client;
use tonic::transport::Channel;

use super::{
    RemoteSettings,
    answer::{Expected, Row},
    described::{Described, InputForm},
    grpc, http,
    place::{Place, Protocol},
    rest, rpc, v2, v2_grpc,
};
use crate::{
    image::{self, RGB_BYTES},
    predict::{PredictError, ServerFault, Unusable},
    wire::{
        inference::grpc_inference_service_client::GrpcInferenceServiceClient,
        tensorflow::serving::prediction_service_client::PredictionServiceClient,
    },
};

/// The largest answer that is read.
pub(super) const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Characters of a server's words that are passed on.
const WORDS_CHARS_MAX: usize = 300;
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// One model at one server.
#[derive(Debug)]
pub(super) struct Endpoint {
    place: Place,
    wire: Wire,
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
enum Wire {
    Rest(Client),
    Grpc(PredictionServiceClient<Channel>),
    V2(Client),
    V2Grpc(GrpcInferenceServiceClient<Channel>),
}

/// What became of a request.
#[derive(Debug)]
pub(super) enum Reply {
    Rows(Vec<Row>),
    /// The server says that the images are at fault.
    BadBatch {
        reason: String,
    },
    /// The version that was asked for is not served any more.
    Gone {
        reason: String,
    },
    /// No server would say otherwise.
    Refused {
        reason: String,
    },
    /// Worth another try, later or elsewhere.
    Busy {
        reason: String,
        wait: Option<Duration>,
    },
    /// The server answered that it failed, or answered nonsense.
    Failed {
        reason: ServerFault,
    },
    /// Nothing came.
    Silent {
        reason: String,
    },
}

impl<E: Into<ServerFault>> From<Result<Vec<Row>, E>> for Reply {
    /// From an answer as it was read, or what is wrong with it.
    fn from(read: Result<Vec<Row>, E>) -> Self {
        match read {
            Ok(rows) => Self::Rows(rows),
            Err(reason) => Self::Failed {
                reason: reason.into(),
            },
        }
    }
}

/// Images on their way to a server.
#[derive(Clone, Copy, Debug)]
pub(super) enum Images<'a> {
    Encoded(&'a [Bytes]),
    /// [`RGB_BYTES`] each.
    Rgb8(&'a [u8]),
}

impl<'a> Images<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Encoded(images) => images.len(),
            Self::Rgb8(pixels) => pixels.len() / RGB_BYTES,
        }
    }

    /// The first half and the rest.
    pub(super) fn halves(self) -> (Self, Self) {
        let half = self.len() / 2;
        match self {
            Self::Encoded(images) => {
                let (left, right) = images.split_at(half);
                (Self::Encoded(left), Self::Encoded(right))
            }
            Self::Rgb8(pixels) => {
                let (left, right) = pixels.split_at(half * RGB_BYTES);
                (Self::Rgb8(left), Self::Rgb8(right))
            }
        }
    }

    /// Encoded images, without copying those that are.
    pub(super) fn encoded(&self) -> Cow<'a, [Bytes]> {
        match self {
            Self::Encoded(images) => Cow::Borrowed(images),
            Self::Rgb8(pixels) => pixels
                .chunks_exact(RGB_BYTES)
                .map(|tile| image::encode_png(tile).into())
                .collect(),
        }
    }

    /// All images' pixels, one after the other; the error names the image that has none.
    pub(super) fn pixels(&self) -> Result<Bytes, String> {
        match self {
            Self::Rgb8(pixels) => Ok(Bytes::copy_from_slice(pixels)),
            Self::Encoded(images) => {
                let mut pixels = vec![0; images.len() * RGB_BYTES];
                for (position, (payload, slot)) in images
                    .iter()
                    .zip(pixels.chunks_exact_mut(RGB_BYTES))
                    .enumerate()
                {
                    image::decode(payload, slot)
                        .map_err(|error| format!("image {position}: {}", error.reason()))?;
                }
                Ok(pixels.into())
            }
        }
    }
}

impl Endpoint {
    /// Finds out what is served at a URL. What it answers to the built-in tiles is not known yet.
    ///
    /// Has to be called inside a Tokio runtime.
    pub(super) async fn find(url: &str, settings: &RemoteSettings) -> Result<Self, PredictError> {
        let place = Place::parse(url)?;
        let unusable = |reason: String| place.server(reason);
        let wire = match place.protocol {
            Protocol::Rest => Wire::Rest(http::client(settings).map_err(unusable)?),
            Protocol::Grpc => Wire::Grpc(
                PredictionServiceClient::new(rpc::channel(&place, settings).map_err(unusable)?)
                    .max_decoding_message_size(ANSWER_BYTES_MAX),
            ),
            Protocol::V2 => Wire::V2(http::client(settings).map_err(unusable)?),
            Protocol::V2Grpc => Wire::V2Grpc(
                GrpcInferenceServiceClient::new(rpc::channel(&place, settings).map_err(unusable)?)
                    .max_decoding_message_size(ANSWER_BYTES_MAX),
            ),
        };
        let described = wire.describe(&place, settings).await?;
        Ok(Self {
            place,
            wire,
            known: Mutex::new(Arc::new(Known {
                described,
                answers: Vec::new(),
            })),
        })
    }

    /// For people.
    pub(super) fn url(&self) -> &str {
        &self.place.shown
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
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
        self.wire.describe(&self.place, settings).await
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
        match &self.wire {
            Wire::Rest(client) => {
                rest::predict(client, &self.place, described, images, expected).await
            }
            Wire::Grpc(client) => {
                grpc::predict(client.clone(), &self.place, described, images, expected).await
            }
            Wire::V2(client) => v2::predict(client, &self.place, described, images, expected).await,
            Wire::V2Grpc(client) => {
                v2_grpc::predict(client.clone(), &self.place, described, images, expected).await
            }
        }
    }
}

impl Wire {
    async fn describe(
        &self,
        place: &Place,
        settings: &RemoteSettings,
    ) -> Result<Described, PredictError> {
        match self {
            Self::Rest(client) => rest::describe(client, place, settings).await,
            Self::Grpc(client) => grpc::describe(client.clone(), place, settings).await,
            Self::V2(client) => v2::describe(client, place, settings).await,
            Self::V2Grpc(client) => v2_grpc::describe(client.clone(), place, settings).await,
        }
    }
}

impl Place {
    pub(super) fn server(&self, reason: impl Into<ServerFault>) -> PredictError {
        PredictError::Server {
            url: self.shown.clone(),
            reason: reason.into(),
        }
    }

    pub(super) fn unusable(&self, reason: Unusable) -> PredictError {
        PredictError::unusable(&*self.shown, reason)
    }
}

impl InputForm {
    /// Whether pixels would be sent as they are.
    pub(super) fn is_pixels(self) -> bool {
        self == Self::Pixels
    }
}

/// A server's words, of which some quote the whole request.
pub(super) fn clipped(words: &str) -> String {
    match words.char_indices().nth(WORDS_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_are_cut_between_characters() {
        assert_eq!(clipped("é"), "é");
        let long = clipped(&"é".repeat(WORDS_CHARS_MAX + 1));
        assert_eq!(long.chars().count(), WORDS_CHARS_MAX + 1);
        assert!(long.ends_with("é…"));
    }
}
