//! How to ask servers, and what to take their outputs for.

use std::time::Duration;

use super::reference::Reference;
use crate::predict::onnx::AdaptationFlags;

/// How to ask servers. The default suits `hvmap serve`.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteSettings {
    /// What the outputs mean, where the servers do not say it.
    pub adaptation: AdaptationFlags,
    /// The input that takes images, where the servers do not say it or have several.
    pub input_key: Option<String>,
    /// The packaged model that every server has to hold.
    pub reference: Option<Reference>,
    /// Go on with another model where a server swaps its own during a run.
    pub allow_model_change: bool,
    /// How long no server may answer before a run stops.
    pub patience: Duration,
    /// How long one request may take. Servers give up after 30 s; this leaves them time to say so.
    pub request_timeout: Duration,
}

impl Default for RemoteSettings {
    fn default() -> Self {
        Self {
            adaptation: AdaptationFlags::default(),
            input_key: None,
            reference: None,
            allow_model_change: false,
            patience: Duration::from_secs(60),
            request_timeout: Duration::from_secs(40),
        }
    }
}
