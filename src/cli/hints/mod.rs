//! What to do about trouble, by the flags of the command line: one file for each module's errors.

pub mod area;
pub mod evaluation;
pub mod export;
pub mod imagery;
pub mod labels;
pub mod ledger;
pub mod osm;
pub mod predict;
pub mod run;
pub mod serve;
