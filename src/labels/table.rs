//! `labels.csv`: a row for each tile that was written.

use std::{collections::BTreeMap, io, path::Path};

use super::{choice::Chosen, images::Written};
use crate::tiles::TileCoord;

/// The columns of the synthetic world's samples, and the side of the split in place of the quality.
const COLUMNS: [&str; 11] = [
    "file", "label", "kind", "style", "z", "x", "y", "base_px", "base_py", "bases", "split",
];

/// Writes `labels.csv`, in the order of the tiles.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write(
    folder: &Path,
    chosen: &BTreeMap<TileCoord, Chosen>,
    written: &Written,
) -> io::Result<()> {
    let mut table = csv::Writer::from_path(folder.join("labels.csv"))?;
    table.write_record(COLUMNS)?;
    for (tile, file) in written {
        table.write_record(row(*tile, file, &chosen[tile]))?;
    }
    table.flush()
}

fn row(tile: TileCoord, file: &str, label: &Chosen) -> [String; COLUMNS.len()] {
    let bases: Vec<String> = label
        .bases
        .iter()
        .map(|base| format!("{:.1} {:.1}", base.x_px, base.y_px))
        .collect();
    let (px, py) = label.bases.first().map_or_else(
        || (String::new(), String::new()),
        |base| (format!("{:.1}", base.x_px), format!("{:.1}", base.y_px)),
    );
    let split = if label.validation {
        "validation"
    } else {
        "training"
    };
    [
        file.to_owned(),
        label.folder().to_owned(),
        label.kind.name().to_owned(),
        String::new(),
        tile.z.to_string(),
        tile.x.to_string(),
        tile.y.to_string(),
        px,
        py,
        bases.join(";"),
        split.to_owned(),
    ]
}
