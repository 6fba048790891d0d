//! A run from its plan to its map: the door that every caller comes in by.
//!
//! In: a [`Plan`], which is an area covered with tiles, the imagery, the model, and how to scan and
//! score; a folder; a [`StopHandle`]; and an [`Observer`] that is told what happens. Out: a
//! [`Report`], the run's ledger, and at the end its map, in that folder. Never: a command line,
//! anything printed, or the name of a flag. What stops a run is a [`RunError`], what people should
//! know on the way a [`Notice`], and both are typed, so that each front door words them itself.
//!
//! The rules that protect people from a wrong map hold here and cannot be walked past: a model that
//! was trained on drawn imagery does not judge real imagery unless that is allowed, what counts as
//! a detection is kept, one process writes to a ledger, a folder that holds another run is refused
//! with the settings in which it differs, and a run whose tiles do not add up ends in an error.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use hvmap::{
//!     imagery::SourceOptions,
//!     run::{
//!         AreaChoice, CoveredArea, Imagery, ModelChoice, Plan, Run, RunError, ScanSettings,
//!         ScoringSettings, StopHandle,
//!     },
//! };
//!
//! # fn main() -> Result<(), RunError> {
//! let area = AreaChoice::Countries(vec!["San Marino".to_owned()]).resolve(None)?;
//! let plan = Plan::new(
//!     CoveredArea::new(area, 18)?,
//!     Imagery::open("synthetic:1", &SourceOptions::default())?,
//!     ModelChoice::demo().load(&mut ())?,
//!     &ScanSettings::Everything,
//!     &ScoringSettings::default(),
//!     &mut (),
//! )?;
//! // Another thread may stop the run by a clone of the handle; opened anew, it then goes on.
//! let stop = StopHandle::default();
//! let report = Run::open(&plan, Path::new("runs/san-marino"), &mut ())?.start(&stop, &mut ())?;
//! println!("{} likely towers in {} tiles", report.detections, report.planned);
//! # Ok(())
//! # }
//! ```

mod area;
mod chips;
mod clocks;
mod demo;
mod error;
mod estimate;
mod guided_range;
mod imagery;
mod manifest;
mod map;
mod model;
mod notice;
mod observer;
mod plan;
mod report;
mod resume;
mod scoring;
mod seeds;
pub mod simulation;
mod start;
mod strategy;

pub use area::{AreaChoice, CoveredArea};
pub use chips::fetch_chips;
pub use clocks::Clocks;
pub use demo::{DEMO_IMAGERY, DEMO_MODEL};
pub use error::RunError;
pub use estimate::{Estimate, TILE_BYTES_ASSUMED};
pub use guided_range::GuidedRange;
pub use imagery::Imagery;
pub use map::DrawnAudit;
pub use model::{LoadedModel, ModelChoice};
pub use notice::Notice;
pub use observer::{Observer, StopHandle};
pub use plan::Plan;
pub use report::{Report, visits};
pub use scoring::ScoringSettings;
pub use seeds::SeedFile;
pub use start::Run;
pub use strategy::{GuidedSettings, ScanSettings};
