//! `hvmap synth`: the synthetic world's truth, labelled tiles and whole imagery of it.

mod imagery;
mod part;
mod tiles;
mod truth;

use std::process::ExitCode;

use clap::Subcommand;

use super::CliError;
use crate::synthetic::{StyleChoice, style_names};

/// Write the synthetic world's truth, labelled tiles of it for training, or all tiles of an area
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Truth(truth::Args),
    Tiles(tiles::Args),
    Imagery(imagery::Args),
}

/// Runs `hvmap synth`.
///
/// # Errors
/// What is wrong with the arguments, or with writing.
pub fn run(args: Args) -> Result<ExitCode, CliError> {
    match args.command {
        Command::Truth(args) => truth::run(args),
        Command::Tiles(args) => tiles::run(&args),
        Command::Imagery(args) => imagery::run(args),
    }
}

/// The style of a name, or the mosaic.
fn style(name: Option<&str>) -> Result<StyleChoice, CliError> {
    let Some(name) = name else {
        return Ok(StyleChoice::Mosaic);
    };
    StyleChoice::named(name).ok_or_else(|| {
        CliError::new(format!("unknown style {name:?}"))
            .hint(format!("the styles are {}", style_names()))
    })
}
