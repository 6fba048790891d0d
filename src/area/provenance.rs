//! Where an area comes from.

/// Where an area comes from, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// A data set, a file, or the command line.
    pub source: String,
    /// The data set's date, where it has one.
    pub date: Option<String>,
    /// How exact the outline is, where that is known.
    pub coarseness: Option<String>,
}

impl std::fmt::Display for Provenance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.source)?;
        if let Some(date) = &self.date {
            write!(f, " ({date})")?;
        }
        if let Some(coarseness) = &self.coarseness {
            write!(f, ", {coarseness}")?;
        }
        Ok(())
    }
}
