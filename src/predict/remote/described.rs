//! What a server says of its model: the input to fill, the outputs to read and, from `hvmap serve`,
//! what the outputs mean.

use super::facts::Facts;
use crate::{
    image::RGB_BYTES,
    predict::{ElementType, Port, Signature, Unusable},
    tiles::TILE_SIZE_PX,
    wire::{
        element::Element,
        names::{ATTRIBUTION, ENCODED_IMAGES, SCORES},
    },
};

/// A type by the name that either protocol gives it.
pub(super) fn element_named(name: &str) -> ElementType {
    match Element::named(name) {
        Some(Element::Bytes) => ElementType::Bytes,
        Some(Element::Uint8) => ElementType::Uint8,
        Some(Element::Float) | None => ElementType::Other(name.to_owned()),
    }
}

/// The input that images are sent under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Input {
    pub key: String,
    pub form: InputForm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InputForm {
    /// Encoded images, `[n]` or, where the server wants it so, `[n, 1]`.
    Encoded { column: bool },
    /// `[n, 256, 256, 3]` bytes.
    Pixels,
}

impl InputForm {
    /// Whether pixels would be sent as they are.
    pub(super) fn is_pixels(self) -> bool {
        self == Self::Pixels
    }

    /// The tensor's shape for so many images.
    pub(super) fn shape(self, images: usize) -> Vec<i64> {
        let images = images as i64;
        let size = i64::from(TILE_SIZE_PX);
        match self {
            Self::Encoded { column: false } => vec![images],
            Self::Encoded { column: true } => vec![images, 1],
            Self::Pixels => vec![images, size, size, (RGB_BYTES as i64) / size / size],
        }
    }
}

/// The outputs that are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outputs {
    /// `None` where the server does not name its outputs: then it has to answer one.
    pub scores: Option<String>,
    pub attribution: Option<String>,
}

/// One server's model.
#[derive(Clone, Debug)]
pub(super) struct Described {
    /// The version that answers, where the server says so.
    pub version: Option<String>,
    pub input: Input,
    pub outputs: Outputs,
    pub facts: Option<Facts>,
    /// What runs it, as far as the server tells.
    pub engine: String,
}

impl Signature {
    /// The input to fill: the one named, else the only one. A guess among several would send
    /// images to whatever stands first; of `hvmap serve` it is known that either of its two will do.
    pub(super) fn input(
        &self,
        key: Option<&str>,
        facts: Option<&Facts>,
    ) -> Result<Input, Unusable> {
        let names = || list(&self.inputs);
        let key = key.or(facts.map(|_| ENCODED_IMAGES));
        let port = match (key, self.inputs.as_slice()) {
            // A server that names no inputs takes encoded images under the key that was told.
            (Some(key), []) => {
                return Ok(Input {
                    key: key.to_owned(),
                    form: InputForm::Encoded { column: false },
                });
            }
            (Some(key), inputs) => {
                inputs.iter().find(|port| port.name == key).ok_or_else(|| {
                    Unusable::NoSuchInput {
                        name: key.to_owned(),
                        inputs: names(),
                    }
                })?
            }
            (None, [port]) => port,
            (None, []) => {
                return Err(Unusable::InputUnnamed);
            }
            (None, _) => {
                return Err(Unusable::InputUntold { inputs: names() });
            }
        };
        let form = port.form().map_err(|reason| Unusable::InputOfOtherForm {
            input: port.name.clone(),
            reason,
        })?;
        Ok(Input {
            key: port.name.clone(),
            form,
        })
    }

    /// The outputs to read: the scores under the name given, or as the only one.
    pub(super) fn outputs(
        &self,
        named: Option<&str>,
        facts: Option<&Facts>,
    ) -> Result<Outputs, Unusable> {
        let names = || list(&self.outputs);
        let has = |name: &str| self.outputs.iter().any(|port| port.name == name);
        if let Some(facts) = facts {
            let attribution = facts.attribution.as_ref().map(|_| ATTRIBUTION.to_owned());
            if let Some(missing) = [Some(SCORES), attribution.as_deref()]
                .into_iter()
                .flatten()
                .find(|name| !has(name))
            {
                return Err(Unusable::Lasting(format!(
                    "it has no output {missing:?} but {}",
                    names()
                )));
            }
            return Ok(Outputs {
                scores: Some(SCORES.into()),
                attribution,
            });
        }
        let scores = match (named, self.outputs.as_slice()) {
            (Some(name), []) => Some(name.to_owned()),
            (Some(name), _) if has(name) => Some(name.to_owned()),
            (Some(name), _) => {
                return Err(Unusable::NoSuchOutput {
                    name: name.to_owned(),
                    outputs: names(),
                });
            }
            (None, []) => None,
            (None, [port]) => Some(port.name.clone()),
            (None, _) => {
                return Err(Unusable::ServedOutputUntold { outputs: names() });
            }
        };
        Ok(Outputs {
            scores,
            attribution: None,
        })
    }
}

impl Port {
    /// How images go into it, or why they do not.
    fn form(&self) -> Result<InputForm, String> {
        let shape = self.shape.as_deref();
        match (&self.element, shape) {
            (ElementType::Bytes, None | Some([-1])) => Ok(InputForm::Encoded { column: false }),
            (ElementType::Bytes, Some([-1, -1 | 1])) => Ok(InputForm::Encoded { column: true }),
            (ElementType::Bytes, Some(shape)) => {
                Err(format!("takes texts of shape {shape:?}, expected [-1]"))
            }
            (ElementType::Uint8, Some([-1, height, width, 3 | -1]))
                if [height, width]
                    .iter()
                    .all(|&&size| size == -1 || size == i64::from(TILE_SIZE_PX)) =>
            {
                Ok(InputForm::Pixels)
            }
            (ElementType::Uint8, shape) => Err(format!(
                "takes bytes of shape {}, expected [-1, 256, 256, 3]",
                shape.map_or("unknown".into(), |shape| format!("{shape:?}"))
            )),
            (other, _) => Err(format!("takes {other}")),
        }
    }
}

fn list(ports: &[Port]) -> String {
    match ports {
        [] => "none".into(),
        ports => ports
            .iter()
            .map(|port| port.name.as_str())
            .collect::<Vec<_>>()
            .join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(name: &str, element: &str, shape: &[i64]) -> Port {
        Port {
            name: name.into(),
            element: element_named(element),
            shape: Some(shape.to_vec()),
        }
    }

    fn input(ports: &[Port], key: Option<&str>) -> Result<Input, Unusable> {
        let signature = Signature {
            inputs: ports.to_vec(),
            outputs: Vec::new(),
        };
        signature.input(key, None)
    }

    #[test]
    fn the_only_input_is_taken_as_it_wants_to_be_filled() {
        for (element, shape, form) in [
            ("DT_STRING", &[-1][..], InputForm::Encoded { column: false }),
            ("BYTES", &[-1, 1], InputForm::Encoded { column: true }),
            ("UINT8", &[-1, 256, 256, 3], InputForm::Pixels),
            ("DT_UINT8", &[-1, -1, -1, 3], InputForm::Pixels),
        ] {
            let found = input(&[port("x", element, shape)], None).unwrap();
            assert_eq!((found.key.as_str(), found.form), ("x", form));
        }
    }

    #[test]
    fn inputs_that_take_something_else_are_refused_with_what_they_take() {
        for (element, shape, said) in [
            ("DT_FLOAT", &[-1, 256, 256, 3][..], "DT_FLOAT"),
            ("UINT8", &[-1, 3, 256, 256], "[-1, 3, 256, 256]"),
            ("UINT8", &[-1, 299, 299, 3], "[-1, 299, 299, 3]"),
            ("BYTES", &[], "[]"),
            ("BYTES", &[8], "[8]"),
        ] {
            let reason = input(&[port("x", element, shape)], None).unwrap_err();
            assert!(reason.to_string().contains(said), "{reason}");
        }
    }

    #[test]
    fn among_several_inputs_a_flag_decides_and_nobody_guesses() {
        let ports = [port("a", "BYTES", &[-1]), port("b", "BYTES", &[-1])];
        let inputs = "a, b".to_owned();
        assert_eq!(
            input(&ports, None).unwrap_err(),
            Unusable::InputUntold {
                inputs: inputs.clone()
            }
        );
        assert_eq!(input(&ports, Some("b")).unwrap().key, "b");
        assert_eq!(
            input(&ports, Some("c")).unwrap_err(),
            Unusable::NoSuchInput {
                name: "c".to_owned(),
                inputs
            }
        );
        assert_eq!(input(&[], None).unwrap_err(), Unusable::InputUnnamed);
    }

    #[test]
    fn among_several_outputs_a_flag_decides_and_nobody_guesses() {
        let signature = Signature {
            inputs: Vec::new(),
            outputs: vec![port("p", "FP32", &[-1, 2]), port("q", "FP32", &[-1, 9])],
        };
        assert_eq!(
            signature.outputs(None, None).unwrap_err(),
            Unusable::ServedOutputUntold {
                outputs: "p, q".to_owned()
            }
        );
        let outputs = signature.outputs(Some("q"), None).unwrap();
        assert_eq!(outputs.scores.as_deref(), Some("q"));
        assert!(signature.outputs(Some("r"), None).is_err());
    }
}
