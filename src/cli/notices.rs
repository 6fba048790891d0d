//! What happens in a run, in words.

use super::{
    osm_file,
    terminal::{self, grouped},
};
use crate::{
    osm,
    run::{Notice, Observer},
};

/// Says notices on stderr.
pub struct Told;

impl Observer for Told {
    fn notice(&mut self, notice: &Notice) {
        say(notice);
    }
}

/// Says a notice on stderr.
pub fn say(notice: &Notice) {
    match notice {
        Notice::Arranged {
            arrangement,
            tiles_per_s,
        } => terminal::note(format_args!(
            "workers, threads and batch: {}, {} and {}, the fastest that `hvmap model bench` \
             measured here ({tiles_per_s:.1} tiles/s)",
            arrangement.workers, arrangement.threads, arrangement.batch_size
        )),
        Notice::ArrangementUnreadable { path, reason } => terminal::warn(format_args!(
            "what `hvmap model bench` found cannot be read from {}, so the usual setting is used: \
             {reason}",
            path.display()
        )),
        Notice::Seeded { tiles, file } => terminal::note(format_args!(
            "{} tiles to begin with from {} ({})",
            grouped(*tiles),
            file.display(),
            osm::ATTRIBUTION
        )),
        Notice::OsmLosses { losses, file } => osm_file::warn(file, *losses),
        Notice::GoingOn {
            dir,
            visited,
            planned,
        } => terminal::note(format_args!(
            "going on in {}: {} of {} tiles are committed",
            dir.display(),
            grouped(*visited),
            grouped(*planned)
        )),
        Notice::EngineChanged { before, now } => terminal::warn(format_args!(
            "this run was begun with {before}, and goes on with {now}: scores may differ in their \
             last digits"
        )),
        Notice::ModelMixed { dir, difference } => terminal::warn(format_args!(
            "the run in {} goes on with another model, and mixes the scores of both: {difference}",
            dir.display()
        )),
        Notice::EarlierScan => {
            terminal::note("what an earlier scan looked at is taken in and not looked at again")
        }
        Notice::ChipsOfOtherImagery { chips, run } => terminal::warn(format_args!(
            "the chips come from {chips}, not from the run's imagery, {run}"
        )),
        Notice::ChipsMissing { missing, wanted } => terminal::warn(format_args!(
            "{missing} of {wanted} chips could not be fetched"
        )),
        Notice::TowersOutside {
            outside,
            towers,
            file,
        } => terminal::warn(format_args!(
            "{} of {} towers in {} lie outside the area and are left out",
            grouped(*outside),
            grouped(*towers),
            file.display()
        )),
    }
}
