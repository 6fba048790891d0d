//! What of a file's power features has no geometry, because the file lacks what they refer to.

use std::fmt;

/// Power features that a file names and does not wholly hold, as an extract that was cut without
/// completing its ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Features of which some nodes or members are missing; the rest of them is read.
    pub incomplete: u64,
    /// Features that have no place at all, and are left out.
    pub without_geometry: u64,
}

impl Losses {
    /// Whether anything is missing.
    #[must_use]
    pub fn any(self) -> bool {
        self != Self::default()
    }
}

impl fmt::Display for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let features = |count: u64| match count {
            1 => "1 power feature".to_owned(),
            count => format!("{count} power features"),
        };
        match (self.incomplete, self.without_geometry) {
            (0, without) => write!(f, "{} without any of the nodes named", features(without)),
            (incomplete, 0) => write!(
                f,
                "{} without some of the nodes named",
                features(incomplete)
            ),
            (incomplete, without) => write!(
                f,
                "{} without some of the nodes named, and {without} without any",
                features(incomplete)
            ),
        }
    }
}
