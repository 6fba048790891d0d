//! What a run or a status says at the end.

use std::{fmt::Write, path::Path};

use crate::{
    cli::terminal::{grouped, spoken},
    run::Report,
    tiles::TileState,
};

/// The table for people.
pub fn table(report: &Report) -> String {
    let mut text = String::new();
    write(report, &mut text).expect("writing to a string cannot fail");
    text
}

fn write(report: &Report, text: &mut String) -> std::fmt::Result {
    writeln!(
        text,
        "{:<16}{:>14}",
        "tiles planned",
        grouped(report.planned)
    )?;
    for &state in TileState::ALL {
        let tiles = report.counts.get(state);
        if tiles > 0 {
            let share = 100.0 * tiles as f64 / report.planned as f64;
            let name = state.name();
            writeln!(text, "  {name:<14}{:>14}{share:>9.2} %", grouped(tiles))?;
        }
    }
    writeln!(
        text,
        "{:<16}{:>14}",
        "likely towers",
        grouped(report.detections)
    )?;
    if let (Some(elapsed_s), Some(tiles_per_s)) = (report.elapsed_s, report.tiles_per_s) {
        writeln!(
            text,
            "{:<16}{:>14}   {tiles_per_s:.0} tiles/s",
            "time",
            spoken(elapsed_s)
        )?;
    }
    if !report.stages.is_empty() {
        writeln!(
            text,
            "{:<16}{:>14}{:>10}{:>10}",
            "stage", "busy", "waiting", "blocked"
        )?;
    }
    for stage in &report.stages {
        writeln!(
            text,
            "  {:<14}{:>12.0} %{:>8.0} %{:>8.0} %",
            format!("{} ×{}", stage.name, stage.threads),
            100.0 * stage.busy,
            100.0 * stage.waiting,
            100.0 * stage.blocked
        )?;
    }
    for line in &report.trouble {
        writeln!(
            text,
            "{} {}: {} (first: tile {})",
            grouped(line.tiles),
            line.state.name(),
            line.reason,
            line.example
        )?;
    }
    Ok(())
}

/// What to open next, for people.
pub fn what_to_open(out: &Path, synthetic: bool) -> String {
    let mut text = format!(
        "open {} in QGIS or JOSM (hints to verify, not data to upload)\n     {} holds the same as \
         vector tiles, with the scanned area",
        out.join("towers.geojson").display(),
        out.join("towers.mbtiles").display()
    );
    if synthetic {
        text.push_str("\n     SYNTHETIC: the imagery was drawn; none of these towers exists");
    }
    text
}
