//! The one writer of standard output.
//!
//! The standard library's `println!` panics when nobody reads any more, as in
//! `hvmap model inspect FILE | head -1`. Inside `cli` the macros of this name stand in its place: a
//! reader that has had enough is no error and ends nothing, and any other failure, such as a full
//! disk, becomes the command's error when it is done.

use std::{
    fmt,
    io::{self, ErrorKind, StdoutLock, Write},
    sync::{Mutex, PoisonError},
};

use super::CliError;

/// The first failure that was not a reader's going away.
static FAILURE: Mutex<Option<io::Error>> = Mutex::new(None);

/// Writes text; what goes wrong is told by [`finish`].
pub fn text(text: fmt::Arguments<'_>) {
    keep(io::stdout().lock().write_fmt(text));
}

/// Writes text and a line's end; what goes wrong is told by [`finish`].
pub fn line(text: fmt::Arguments<'_>) {
    keep(writeln!(io::stdout().lock(), "{text}"));
}

/// Lets `write` fill standard output; what goes wrong is told by [`finish`].
pub fn through(write: impl FnOnce(&mut StdoutLock<'static>) -> io::Result<()>) {
    let mut out = io::stdout().lock();
    keep(write(&mut out).and_then(|()| out.flush()));
}

/// Everything written is on its way.
///
/// # Errors
/// When something could not be written though somebody was reading.
pub fn finish() -> Result<(), CliError> {
    keep(io::stdout().flush());
    let failure = FAILURE
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    match failure {
        None => Ok(()),
        Some(error) => Err(CliError::from(error)
            .context("cannot write to standard output")
            .hint("is the disk that it goes to full?")),
    }
}

fn keep(written: io::Result<()>) {
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        FAILURE
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(error);
    }
}

/// As the standard library's, but never a panic.
macro_rules! print {
    ($($argument:tt)*) => { $crate::cli::stdout::text(::std::format_args!($($argument)*)) };
}

/// As the standard library's, but never a panic.
macro_rules! println {
    ($($argument:tt)*) => { $crate::cli::stdout::line(::std::format_args!($($argument)*)) };
}
