//! What a model takes and gives, as its file or its server describes it.

use std::fmt;

/// A size that varies from run to run or, in most first places, is the number of images.
pub const OPEN: i64 = -1;

/// A model's inputs and outputs, in its own order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signature {
    pub inputs: Vec<Port>,
    pub outputs: Vec<Port>,
}

impl Signature {
    /// As a file has it that leaves the number of images open, where a session was opened for a
    /// certain number of them.
    #[must_use]
    pub fn with_open_batch(mut self) -> Self {
        for port in self.inputs.iter_mut().chain(&mut self.outputs) {
            if let Some(images) = port.shape.as_mut().and_then(|shape| shape.first_mut()) {
                *images = OPEN;
            }
        }
        self
    }
}

/// One input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    pub name: String,
    pub element: ElementType,
    /// Sizes, `OPEN` where any will do; `None` when even their number is unknown.
    pub shape: Option<Vec<i64>>,
}

/// What the elements of a tensor are, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ElementType {
    /// Strings of bytes: encoded images.
    Bytes,
    Uint8,
    Float32,
    /// In the words of the file or the protocol.
    Other(String),
}

impl Port {
    /// The sizes that are known.
    #[must_use]
    pub fn sizes(&self) -> &[i64] {
        self.shape.as_deref().unwrap_or_default()
    }

    /// Scores a tile, if this is an output of scores and it is said how many.
    #[must_use]
    pub fn columns(&self) -> Option<usize> {
        match *self.sizes() {
            [_] => Some(1),
            [_, columns] => usize::try_from(columns).ok(),
            _ => None,
        }
    }
}

/// Such as `image uint8 [N, 256, 256, 3]`.
impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: Vec<String> = self
            .sizes()
            .iter()
            .enumerate()
            .map(|(index, &size)| match (index, size) {
                (0, OPEN) => "N".into(),
                (_, OPEN) => "?".into(),
                (_, size) => size.to_string(),
            })
            .collect();
        write!(f, "{} {} [{}]", self.name, self.element, sizes.join(", "))
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes => "bytes",
            Self::Uint8 => "uint8",
            Self::Float32 => "float32",
            Self::Other(name) => name,
        })
    }
}
