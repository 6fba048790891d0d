//! Where nothing drawn may go: what leads to OpenStreetMap, or judges a run by it.

use std::fmt;

use super::Format;

/// A use of a run that its imagery has to be real for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RealUse {
    /// A format that leads straight to OpenStreetMap ([`Format::is_for_mapping`]).
    Format(Format),
    /// A bundle, which holds such formats.
    Bundle,
    /// A comparison with OpenStreetMap.
    Comparison,
}

impl fmt::Display for RealUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format(format) => write!(f, "the format {format} is for mapping"),
            Self::Bundle => f.write_str("a bundle is for mapping"),
            Self::Comparison => f.write_str("a comparison with OpenStreetMap is for real imagery"),
        }
    }
}
