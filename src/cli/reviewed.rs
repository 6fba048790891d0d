//! Reviewed labels, read and told alike by the subcommands that take them.

use std::path::Path;

use super::{
    CliError, hints,
    terminal::{self, grouped},
};
use crate::evaluation::{Expected, ReviewCounts, Reviewed, read_reviewed};

/// Reads a file of labels.
///
/// # Errors
/// When it cannot be understood, with what to do about it.
pub fn read(path: &Path) -> Result<Reviewed, CliError> {
    read_reviewed(path).map_err(hints::evaluation::explain_reviewed)
}

/// Says what became of the labels.
pub fn tell(path: &Path, counts: &ReviewCounts) {
    if counts.decided() == 0 {
        terminal::warn(format_args!(
            "none of the {} labels in {} is of a hint of this run: are they of another one?",
            grouped(counts.elsewhere),
            path.display()
        ));
        return;
    }
    let more = [
        (counts.undecided, "undecided"),
        (counts.elsewhere, "of places without a hint here"),
    ];
    let more: Vec<String> = more
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!(", {} {what}", grouped(*count)))
        .collect();
    terminal::note(format_args!(
        "reviewed: {} accepted, {} rejected{}",
        grouped(counts.accepted),
        grouped(counts.rejected),
        more.concat()
    ));
}

/// The estimate as a sentence.
pub fn sentence(expected: &Expected) -> String {
    let whole = |towers: f64| grouped(towers.round() as u64);
    let mapped = match expected.mapped {
        0 => String::new(),
        mapped => format!(" and {} mapped ones", grouped(mapped)),
    };
    let unknown = match expected.unknown {
        0 => String::new(),
        unknown => format!(
            "; nothing is known of the {} others, which rank behind the last reviewed one",
            grouped(unknown)
        ),
    };
    format!(
        "of {} hints about {} are true towers (95 %: {} to {}), by {} reviewed{mapped}{unknown}",
        grouped(expected.hints - expected.unknown),
        whole(expected.towers),
        whole(expected.towers_min),
        whole(expected.towers_max),
        grouped(expected.accepted + expected.rejected),
    )
}
