//! What a run or a status says at the end.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Serialize;

use crate::{
    cli::terminal::{grouped, spoken},
    telemetry::{StageReport, TroubleReport},
    tiles::{StateCounts, TileState},
};

/// The object of `run --json` and `status --json`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    pub planned: u64,
    #[serde(flatten)]
    pub counts: StateCounts,
    /// Likely towers, each once: as many as an export of what is committed holds.
    pub detections: u64,
    /// Seconds of this start; `null` in a status.
    pub elapsed_s: Option<f64>,
    /// Tiles answered a second in this start.
    pub tiles_per_s: Option<f64>,
    pub stages: Vec<StageReport>,
    /// Why tiles were not scored, in this start.
    pub trouble: Vec<TroubleReport>,
    pub out: PathBuf,
    /// SHA-256 of the manifest, which every export carries.
    pub manifest: String,
    pub synthetic: bool,
}

impl Report {
    /// The table for people.
    pub fn table(&self) -> String {
        let mut text = String::new();
        self.write(&mut text)
            .expect("writing to a string cannot fail");
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        writeln!(text, "{:<16}{:>14}", "tiles planned", grouped(self.planned))?;
        for state in TileState::ALL {
            let tiles = self.counts.get(state);
            if tiles > 0 {
                let share = 100.0 * tiles as f64 / self.planned as f64;
                let name = state.name();
                writeln!(text, "  {name:<14}{:>14}{share:>9.2} %", grouped(tiles))?;
            }
        }
        writeln!(
            text,
            "{:<16}{:>14}",
            "likely towers",
            grouped(self.detections)
        )?;
        if let (Some(elapsed_s), Some(tiles_per_s)) = (self.elapsed_s, self.tiles_per_s) {
            writeln!(
                text,
                "{:<16}{:>14}   {tiles_per_s:.0} tiles/s",
                "time",
                spoken(elapsed_s)
            )?;
        }
        if !self.stages.is_empty() {
            writeln!(
                text,
                "{:<16}{:>14}{:>10}{:>10}",
                "stage", "busy", "waiting", "blocked"
            )?;
        }
        for stage in &self.stages {
            writeln!(
                text,
                "  {:<14}{:>12.0} %{:>8.0} %{:>8.0} %",
                format!("{} ×{}", stage.name, stage.threads),
                100.0 * stage.busy,
                100.0 * stage.waiting,
                100.0 * stage.blocked
            )?;
        }
        for line in &self.trouble {
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

/// Tiles a second, without dividing by nothing.
pub fn rate(tiles: u64, elapsed: Duration) -> f64 {
    tiles as f64 / elapsed.as_secs_f64().max(1e-9)
}
