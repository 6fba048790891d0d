//! What the Open Inference Protocol says of a model and how it lays out tensors, over HTTP or gRPC.

use bytes::Bytes;

use super::{
    answer,
    described::{Described, InputForm},
    exchange::{Images, Reply},
    facts::Facts,
    model_url::ModelUrl,
    settings::RemoteSettings,
};
use crate::{
    predict::{Signature, Unusable},
    wire::{byte_strings, element::Element},
};

/// A model's metadata.
pub(super) struct Metadata {
    pub signature: Signature,
    pub versions: Vec<String>,
    pub platform: String,
    pub facts: Option<Facts>,
}

impl Metadata {
    pub(super) fn described(
        self,
        at: &ModelUrl,
        settings: &RemoteSettings,
    ) -> Result<Described, Unusable> {
        // Which of several versions answers is known from the answers alone.
        let version = match (&at.version, self.versions.as_slice()) {
            (Some(version), _) => Some(version.clone()),
            (None, [version]) => Some(version.clone()),
            (None, _) => None,
        };
        let engine = match (&self.facts, self.platform.as_str()) {
            (Some(facts), _) => format!("served by {}", facts.engine),
            (None, "") => "served over KServe v2".into(),
            (None, platform) => format!("served over KServe v2 by {platform}"),
        };
        Ok(Described {
            version,
            input: self
                .signature
                .input(settings.input_key.as_deref(), self.facts.as_ref())?,
            outputs: self
                .signature
                .outputs(settings.adaptation.output.as_deref(), self.facts.as_ref())?,
            facts: self.facts,
            engine,
        })
    }
}

/// Whether another version answered than the one that was found.
pub(super) fn gone(described: &Described, answered: Option<&str>) -> Option<Reply> {
    let known = described.version.as_deref()?;
    let answered = answered.filter(|version| !version.is_empty())?;
    (known != answered).then(|| Reply::Gone {
        reason: format!("version {answered} answered instead of {known}"),
    })
}

/// Data type and bytes of the images' tensor.
pub(super) fn tensor(form: InputForm, images: Images<'_>) -> Result<(&'static str, Bytes), String> {
    let (element, tensor) = match form {
        InputForm::Pixels => (Element::Uint8, images.pixels()?),
        InputForm::Encoded { .. } => (Element::Bytes, byte_strings::write(&images.encoded())),
    };
    Ok((element.in_open_inference(), tensor))
}

/// Numbers out of a raw tensor.
pub(super) fn numbers(name: &str, datatype: &str, bytes: &[u8]) -> Result<Vec<f32>, String> {
    let numbers = match datatype {
        "FP32" => answer::floats(bytes),
        "FP64" => answer::doubles(bytes),
        other => {
            return Err(format!(
                "its output {name} is of {other}, expected FP32 or FP64"
            ));
        }
    };
    numbers.ok_or_else(|| format!("its output {name} ends inside a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_have_their_lengths_before_them() {
        let images = [Bytes::from_static(b"ab"), Bytes::from_static(b"c")];
        let form = InputForm::Encoded { column: false };
        let (datatype, tensor) = tensor(form, Images::Encoded(&images)).unwrap();
        assert_eq!(datatype, "BYTES");
        assert_eq!(&*tensor, b"\x02\0\0\0ab\x01\0\0\0c");
    }
}
