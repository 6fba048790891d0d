//! `hvmap synth tiles`: labelled tiles for training and tests.

use std::{fs, path::PathBuf, process::ExitCode, time::Instant};

use crate::{
    cli::{CliError, terminal},
    synthetic::{
        World,
        output::{Samples, write_samples},
    },
};

/// Write labelled tiles of the synthetic world: DIR/tower, DIR/negative and DIR/labels.csv
///
/// Positives are the tiles of random towers, negatives random tiles all over the planet; hard
/// negatives are crossed by wires or hold a wind turbine, a mast, tanks, greenhouses or a
/// substation, but no tower. Tiles that show only part of a tower are left out.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hvmap synth tiles --seed 3 --positives 2000 --negatives 6000 --hard-negatives 1000 -o tiles
  hvmap synth tiles --seed 9 --style steppe-poles --positives 500 --negatives 5000 -o unseen")]
pub struct Args {
    /// The world's seed
    #[arg(long)]
    seed: u64,

    /// One style instead of the mosaic of all seen ones
    #[arg(long)]
    style: Option<String>,

    /// Tiles that hold a tower's base
    #[arg(long, value_name = "N", default_value_t = 0)]
    positives: usize,

    /// Random tiles without any tower
    #[arg(long, value_name = "N", default_value_t = 0)]
    negatives: usize,

    /// Tiles with wires or distractors, but no tower
    #[arg(long, value_name = "N", default_value_t = 0)]
    hard_negatives: usize,

    /// Zoom of the tiles, from 14, where towers begin to be drawn
    #[arg(long, value_name = "Z", default_value_t = 18, value_parser = clap::value_parser!(u8).range(14..=24))]
    zoom: u8,

    /// Seed of the choice of places, for another sample of the same world
    #[arg(long, value_name = "N", default_value_t = 0)]
    sample: u64,

    /// Folder to write; must not exist or be empty, unless --force
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,

    /// Write into a folder that holds files already
    #[arg(long)]
    force: bool,
}

/// Runs `hvmap synth tiles`.
///
/// # Errors
/// An unknown style, a folder that is not empty, or what went wrong in writing.
pub fn run(args: &Args) -> Result<ExitCode, CliError> {
    let style = super::style(args.style.as_deref())?;
    let occupied = fs::read_dir(&args.output).is_ok_and(|mut entries| entries.next().is_some());
    if occupied && !args.force {
        return Err(
            CliError::new(format!("{} is not empty", args.output.display()))
                .hint("choose another folder, or give --force to write into it"),
        );
    }
    let world = World::new(args.seed, style);
    let started = Instant::now();
    let written = write_samples(
        &world,
        &Samples {
            positives: args.positives,
            negatives: args.negatives,
            hard_negatives: args.hard_negatives,
            zoom: args.zoom,
            sample: args.sample,
        },
        &args.output,
    )?;
    terminal::note(format_args!(
        "SYNTHETIC: {} tiles in {:.1} s, labels in {}",
        written,
        started.elapsed().as_secs_f64(),
        args.output.join("labels.csv").display()
    ));
    Ok(ExitCode::SUCCESS)
}
