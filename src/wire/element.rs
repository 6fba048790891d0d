//! What the elements of a tensor are, by the name that each protocol gives them.

use super::tensorflow::DataType;

/// The types of the tensors that this program sends or answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// Strings: encoded images.
    Bytes,
    /// Pixels.
    Uint8,
    /// Scores and attribution, `f32`.
    Float,
}

impl Element {
    /// TensorFlow's type. Over REST it goes by its name, such as `DT_STRING`.
    #[must_use]
    pub fn in_tensorflow(self) -> DataType {
        match self {
            Self::Bytes => DataType::DtString,
            Self::Uint8 => DataType::DtUint8,
            Self::Float => DataType::DtFloat,
        }
    }

    /// The Open Inference Protocol's name.
    #[must_use]
    pub fn in_open_inference(self) -> &'static str {
        match self {
            Self::Bytes => "BYTES",
            Self::Uint8 => "UINT8",
            Self::Float => "FP32",
        }
    }

    /// The type of that name in either protocol, if it is one of these.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Bytes, Self::Uint8, Self::Float]
            .into_iter()
            .find(|element| {
                element.in_open_inference() == name || element.in_tensorflow().as_str_name() == name
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_found_by_its_name_in_either_protocol() {
        for (name, element) in [
            ("DT_STRING", Some(Element::Bytes)),
            ("BYTES", Some(Element::Bytes)),
            ("UINT8", Some(Element::Uint8)),
            ("DT_FLOAT", Some(Element::Float)),
            ("DT_HALF", None),
            ("", None),
        ] {
            assert_eq!(Element::named(name), element, "{name}");
        }
    }
}
