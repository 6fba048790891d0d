//! `hvmap synth`: the synthetic world's truth, and labelled tiles of it.

mod tiles;
mod truth;

use std::process::ExitCode;

use clap::Subcommand;

use super::CliError;

/// Write the synthetic world's truth, or labelled tiles of it for training
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Truth(truth::Args),
    Tiles(tiles::Args),
}

/// Runs `hvmap synth`.
///
/// # Errors
/// What is wrong with the arguments, or with writing.
pub fn run(args: Args) -> Result<ExitCode, CliError> {
    match args.command {
        Command::Truth(args) => truth::run(args),
        Command::Tiles(args) => tiles::run(&args),
    }
}
