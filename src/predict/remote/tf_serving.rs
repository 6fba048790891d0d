//! What TF Serving says of a model in its metadata, whether in JSON or in protobuf.

use std::collections::BTreeMap;

use super::{
    described::{Described, Outputs},
    facts::Facts,
    settings::RemoteSettings,
};
use crate::{
    predict::{Signature, Unusable},
    wire::names::{DEFAULT_SIGNATURE, LOCALIZE_SIGNATURE, PREDICT_METHOD},
};

/// A signature as metadata defines it.
pub(super) struct Definition {
    /// Empty where nothing is said of it.
    pub method: String,
    pub signature: Signature,
}

/// A model's metadata.
pub(super) struct Metadata {
    pub version: Option<String>,
    pub signatures: BTreeMap<String, Definition>,
    pub facts: Option<Facts>,
    /// By what the metadata came, for people.
    pub interface: &'static str,
}

impl Metadata {
    /// The signature to ask, its input and its outputs.
    pub(super) fn described(mut self, settings: &RemoteSettings) -> Result<Described, Unusable> {
        let facts = self.facts;
        let localizes = facts
            .as_ref()
            .is_some_and(|facts| facts.attribution.is_some());
        let name = if localizes {
            LOCALIZE_SIGNATURE
        } else {
            DEFAULT_SIGNATURE
        };
        let Some(Definition { method, signature }) = self.signatures.remove(name) else {
            let names: Vec<String> = self.signatures.into_keys().collect();
            let names = match names.as_slice() {
                [] => "none".to_owned(),
                names => names.join(", "),
            };
            return Err(Unusable::Lasting(format!(
                "its metadata has no signature {name}, but {names}"
            )));
        };
        if !method.is_empty() && method != PREDICT_METHOD {
            return Err(Unusable::Lasting(format!(
                "its signature {name} is for {method}, expected {PREDICT_METHOD}"
            )));
        }
        let engine = match &facts {
            Some(facts) => format!("served by {}", facts.engine),
            None => format!("served over TF Serving's {} interface", self.interface),
        };
        Ok(Described {
            version: self.version,
            input: signature.input(settings.input_key.as_deref(), facts.as_ref())?,
            outputs: signature.outputs(settings.adaptation.output.as_deref(), facts.as_ref())?,
            facts,
            engine,
        })
    }
}

/// The signature that answers these outputs.
pub(super) fn signature(outputs: &Outputs) -> &'static str {
    if outputs.attribution.is_some() {
        LOCALIZE_SIGNATURE
    } else {
        DEFAULT_SIGNATURE
    }
}
