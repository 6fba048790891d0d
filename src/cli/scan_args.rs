//! Which tiles are looked at, and in which order: flags that `run` and `simulate` share.

use std::path::PathBuf;

use clap::ValueEnum;

use super::CliError;
use crate::run::{GuidedSettings, ScanSettings, SeedFile};

/// The names of the strategies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ScanName {
    /// Every tile, block by block
    Everything,
    /// A sparse net, and then the lines that it caught: a few per cent of the tiles
    Follow,
}

#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Scan")]
pub struct ScanArgs {
    /// Which tiles are looked at, and in which order
    ///
    /// A run that was scanned one way can be gone on with in another: no tile is taken twice.
    #[arg(long, value_enum, default_value_t = ScanName::Everything)]
    pub scan: ScanName,

    /// A guided scan ends when no tile is expected to lead to this many towers [default: 0.001 for
    /// countries, up to 0.005 for small areas]
    ///
    /// Half of it looks at some more tiles for some more towers. See docs/GUIDED-SCAN.md.
    #[arg(long, value_name = "TOWERS", value_parser = fraction)]
    pub scan_stop: Option<f32>,

    /// The most tiles that a guided scan looks at
    #[arg(long, value_name = "TILES", value_parser = clap::value_parser!(u64).range(1..))]
    pub budget: Option<u64>,

    /// Begin a guided scan where OpenStreetMap knows of the grid: at loose ends of lines, substations
    /// and towers on no line
    ///
    /// GeoJSON, .osm or .osm.pbf, gzip allowed.
    #[arg(long, value_name = "FILE")]
    pub osm: Option<PathBuf>,

    /// Look along the mapped lines too
    #[arg(long, requires = "osm")]
    pub osm_lines: bool,

    /// What a guided scan believes of the detector: the chance that it sees a tower [default: 0.9]
    #[arg(long, value_name = "R", value_parser = fraction)]
    pub scan_recall: Option<f32>,

    /// Choose a unit by the outcomes of those that came at least so many before it [default: 64]
    ///
    /// A measure of what waiting costs: 1 chooses by all that is known.
    #[arg(long, value_name = "UNITS", hide = true, value_parser = clap::value_parser!(u64).range(1..=4096))]
    pub scan_window: Option<u64>,
}

impl ScanArgs {
    /// Refuses the flags of a guided scan where another one is asked for.
    fn check(&self) -> Result<(), CliError> {
        let given = [
            ("--scan-stop", self.scan_stop.is_some()),
            ("--budget", self.budget.is_some()),
            ("--scan-recall", self.scan_recall.is_some()),
            ("--osm", self.osm.is_some()),
            ("--scan-window", self.scan_window.is_some()),
        ];
        match given.iter().find(|(_, given)| *given) {
            Some((flag, _)) if self.scan != ScanName::Follow => Err(CliError::new(format!(
                "{flag} is for a guided scan, and this one takes every tile"
            ))
            .hint("add --scan follow")),
            _ => Ok(()),
        }
    }

    /// The flags as settings.
    ///
    /// # Errors
    /// As [`ScanArgs::check`].
    pub fn settings(&self) -> Result<ScanSettings, CliError> {
        self.check()?;
        Ok(match self.scan {
            ScanName::Everything => ScanSettings::Everything,
            ScanName::Follow => ScanSettings::Guided(GuidedSettings {
                stop: self.scan_stop,
                budget: self.budget,
                recall: self.scan_recall,
                window_units: self.scan_window,
                seeds: self.osm.clone().map(|path| SeedFile {
                    path,
                    along_lines: self.osm_lines,
                }),
            }),
        })
    }
}

fn fraction(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(value) if value > 0.0 && value < 1.0 => Ok(value),
        _ => Err("a number above 0 and below 1".to_owned()),
    }
}
