//! The command line: raw arguments become useful ones here, and only here is anything printed.
//!
//! stdout is data, stderr is for people. Each subcommand is one file with an `Args` struct and a
//! `run` function that answers the exit code.

mod error;
mod export;
mod model_args;
mod synth;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
pub use error::{CliError, EXIT_FAILED_TILES, EXIT_FATAL, EXIT_INTERRUPTED, OrHint};
pub use model_args::{AdaptationArgs, DEMO_MODEL, EngineArgs, ModelArgs};

/// From a country's name to a map of likely high-voltage towers.
#[derive(Debug, Parser)]
#[command(name = "hvmap", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Synth(synth::Args),
    Export(export::Args),
}

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome: Result<ExitCode, CliError> = match cli.command {
        Command::Synth(args) => synth::run(args),
        Command::Export(args) => export::run(args),
    };
    outcome.unwrap_or_else(|error| error.report())
}
