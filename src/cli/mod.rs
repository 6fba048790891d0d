//! The command line: raw arguments become useful ones here, and only here is anything printed.
//!
//! stdout is data, stderr is for people. Each subcommand is one file with an `Args` struct and a
//! `run` function that answers the exit code.

#![expect(clippy::print_stderr, reason = "this is the one place that prints")]

// Its macros hold in the modules below it, so it comes first.
#[macro_use]
mod stdout;

pub mod area_args;
mod command_line;
mod config;
mod error;
mod eval;
mod export;
mod export_values;
pub mod hints;
mod imagery;
pub mod imagery_args;
mod labels;
mod model;
mod model_args;
mod notices;
mod osm_file;
mod reviewed;
mod run;
mod scan_args;
mod serve;
mod simulate;
mod status;
mod synth;
mod terminal;
mod tiles;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
pub use error::{CliError, EXIT_FAILED_TILES, EXIT_FATAL, EXIT_INTERRUPTED, OrHint};
pub use model_args::{AdaptationArgs, EngineArgs, ModelArgs, ServerArgs};

/// From a country's name to a map of likely high-voltage towers.
#[derive(Debug, Parser)]
#[command(name = "hvmap", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    verbosity: terminal::Verbosity,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Box<run::Args>),
    Status(status::Args),
    Export(export::Args),
    Eval(eval::Args),
    Tiles(tiles::Args),
    Imagery(imagery::Args),
    Labels(Box<labels::Args>),
    Model(model::Args),
    Serve(serve::Args),
    Simulate(simulate::Args),
    Synth(synth::Args),
}

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    // Two HTTP stacks could bring two TLS providers; the process has one, chosen here.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let outcome = config::apply(Cli::command()).and_then(|command| {
        // Usage errors and help end the process here, with clap's own words and exit code 2.
        let cli =
            Cli::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit());
        cli.verbosity.install();
        match cli.command {
            Command::Tiles(args) => tiles::run(args),
            Command::Imagery(args) => imagery::run(args),
            Command::Run(args) => run::run(*args),
            Command::Status(args) => status::run(args),
            Command::Labels(args) => labels::run(&args),
            Command::Model(args) => model::run(args),
            Command::Serve(args) => serve::run(args),
            Command::Simulate(args) => simulate::run(args),
            Command::Synth(args) => synth::run(args),
            Command::Export(args) => export::run(args),
            Command::Eval(args) => eval::run(args),
        }
    });
    outcome
        .and_then(|exit| stdout::finish().map(|()| exit))
        .unwrap_or_else(|error| error.report())
}
