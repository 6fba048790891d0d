//! The run's SQLite file: manifest, outcomes, candidates.
