//! How a command fails: one chain of causes, a hint, an exit code.

use std::{fmt, process::ExitCode};

/// Exit code of a run that finished with failed tiles.
pub const EXIT_FAILED_TILES: u8 = 1;
/// Exit code of a usage error or a fatal one.
pub const EXIT_FATAL: u8 = 2;
/// Exit code of an interrupted run.
pub const EXIT_INTERRUPTED: u8 = 130;

/// Why a command stopped.
#[derive(Debug)]
pub struct CliError {
    pub error: anyhow::Error,
    /// What to do about it: one or more lines to read or to paste.
    pub hint: Option<String>,
    pub exit: u8,
}

impl CliError {
    /// A fatal error from a message of our own.
    pub fn new(message: impl fmt::Display + fmt::Debug + Send + Sync + 'static) -> Self {
        Self {
            error: anyhow::Error::msg(message),
            hint: None,
            exit: EXIT_FATAL,
        }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says what was being done when it failed, in front of the chain of causes.
    #[must_use]
    pub fn context(mut self, doing: impl fmt::Display + Send + Sync + 'static) -> Self {
        self.error = self.error.context(doing);
        self
    }

    /// Prints the chain of causes and the hint to stderr and returns the exit code.
    pub fn report(&self) -> ExitCode {
        eprintln!("error: {:#}", self.error);
        if let Some(hint) = &self.hint {
            for line in hint.lines() {
                eprintln!("hint: {line}");
            }
        }
        ExitCode::from(self.exit)
    }
}

impl<E: Into<anyhow::Error>> From<E> for CliError {
    fn from(error: E) -> Self {
        Self {
            error: error.into(),
            hint: None,
            exit: EXIT_FATAL,
        }
    }
}

/// Adds a hint to whatever fails.
pub trait OrHint<T> {
    /// # Errors
    /// The error it was given, with the hint.
    fn or_hint(self, hint: impl FnOnce() -> String) -> Result<T, CliError>;
}

impl<T, E: Into<CliError>> OrHint<T> for Result<T, E> {
    fn or_hint(self, hint: impl FnOnce() -> String) -> Result<T, CliError> {
        self.map_err(|error| error.into().hint(hint()))
    }
}
