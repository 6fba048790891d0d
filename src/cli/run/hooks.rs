//! Commands that a person asked to be run at the end.

use std::{path::Path, process::Command};

use super::args::ProcessArgs;
use crate::cli::terminal;

/// Runs `--on-failure`, if the exit code is not 0, and then `--on-finish`. A hook that fails is
/// told, but does not change how the run ended.
pub fn run(args: &ProcessArgs, out: &Path, exit: u8) {
    let failure = args.on_failure.as_deref().filter(|_| exit != 0);
    for command in failure.into_iter().chain(args.on_finish.as_deref()) {
        let status = Command::new("sh")
            .args(["-c", command])
            .env("HVMAP_EXIT", exit.to_string())
            .env("HVMAP_OUT", out)
            .status();
        match status {
            Ok(status) if status.success() => {}
            Ok(status) => terminal::warn(format_args!("`{command}` ended with {status}")),
            Err(error) => terminal::warn(format_args!("cannot run `{command}`: {error}")),
        }
    }
}
