//! `hvmap imagery`: a look at a source before a run.

mod probe;

use std::process::ExitCode;

use clap::Subcommand;

use super::CliError;

/// Look at an imagery source before a run
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Probe(Box<probe::Args>),
}

/// Runs `hvmap imagery`.
///
/// # Errors
/// What is wrong with the arguments, the area or the source.
pub fn run(args: Args) -> Result<ExitCode, CliError> {
    match args.command {
        Command::Probe(args) => probe::run(*args),
    }
}
