//! The demo of San Marino without a command line.
//!
//! ```sh
//! make library && cargo run --release --example run_as_library
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use hvmap::{
    imagery::SourceOptions,
    run::{
        AreaChoice, CoveredArea, DEMO_IMAGERY, Imagery, ModelChoice, Plan, Run, RunError,
        ScanSettings, ScoringSettings, StopHandle,
    },
};

fn main() -> Result<(), RunError> {
    let area = AreaChoice::Countries(vec!["San Marino".to_owned()]).resolve(None)?;
    let plan = Plan::new(
        CoveredArea::new(area, 18)?,
        Imagery::open(DEMO_IMAGERY, &SourceOptions::default())?,
        ModelChoice::demo().load(&mut ())?,
        &ScanSettings::Everything,
        &ScoringSettings::default(),
        &mut (),
    )?;
    let mut run = Run::open(&plan, &plan.default_out(), &mut ())?;
    let report = run.start(&StopHandle::default(), &mut ())?;
    println!("{:?}", report.counts);
    println!(
        "{} likely towers on {} SYNTHETIC tiles, in {}",
        report.detections,
        report.planned,
        report.out.display()
    );
    Ok(())
}
