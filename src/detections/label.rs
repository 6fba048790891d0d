//! What a person said of a detection.

use serde::Serialize;

/// A person's verdict on a hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// A tower stands there.
    Accepted,
    /// None does.
    Rejected,
}

impl Label {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
        }
    }
}
