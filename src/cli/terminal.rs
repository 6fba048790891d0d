//! What people see on stderr: one place owns quiet, verbose and progress.

use std::{
    fmt,
    io::{IsTerminal, stderr},
    sync::atomic::{AtomicBool, Ordering},
};

use clap::Args;
use tracing_subscriber::EnvFilter;

static QUIET: AtomicBool = AtomicBool::new(false);

/// How much is said on stderr.
#[derive(Args, Clone, Debug)]
pub struct Verbosity {
    /// Say nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,

    /// Say more: -v what the program does, -vv also why each tile was not scored
    ///
    /// HVMAP_LOG takes a filter such as `hvmap::imagery=debug` instead.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,

    /// Form of what -v and warnings say: text, or json with one object a line
    #[arg(long, global = true, value_name = "FORM", default_value = "text")]
    log_format: LogFormat,
}

/// In which form lines of the log are.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum LogFormat {
    Text,
    Json,
}

impl Verbosity {
    /// Takes effect for the rest of the process.
    pub fn install(&self) {
        QUIET.store(self.quiet, Ordering::Relaxed);
        let level = match self.verbose {
            0 => "warn,ort=error",
            1 => "info,ort=warn",
            _ => "debug,ort=info,hyper=info,reqwest=info",
        };
        let filter = EnvFilter::try_from_env("HVMAP_LOG").unwrap_or_else(|_| level.into());
        let log = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(stderr)
            .with_ansi(is_fancy());
        match self.log_format {
            LogFormat::Text => log.init(),
            LogFormat::Json => log.json().flatten_event(true).init(),
        }
    }
}

/// Says something to a person, unless they asked for quiet.
pub fn note(message: impl fmt::Display) {
    if !QUIET.load(Ordering::Relaxed) {
        eprintln!("{message}");
    }
}

/// Says something to a person that they should not miss, unless they asked for quiet.
pub fn warn(message: impl fmt::Display) {
    note(format_args!("warning: {message}"));
}

/// Whether bars and colours are welcome: stderr is a terminal and nobody asked for less.
pub fn is_fancy() -> bool {
    stderr().is_terminal()
        && !QUIET.load(Ordering::Relaxed)
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A number with its thousands apart: 50,181,411.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A duration as a person says it: 45 s, 12 min, 3 h 20 min, 58 days.
pub fn spoken(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    if seconds < 10.0 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    match whole {
        0..120 => format!("{whole} s"),
        120..7_200 => format!("{} min", whole / 60),
        7_200..172_800 => format!("{} h {} min", whole / 3_600, whole % 3_600 / 60),
        _ => format!("{} days", grouped(whole / 86_400)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let grouped: Vec<_> = [0, 999, 1_000, 50_181_411].map(grouped).into();
        assert_eq!(grouped, ["0", "999", "1,000", "50,181,411"]);
    }

    #[test]
    fn durations_are_spoken_in_fitting_units() {
        let spoken: Vec<_> = [1.25, 45.0, 720.0, 12_000.0, 5_018_141.0]
            .map(spoken)
            .into();
        assert_eq!(spoken, ["1.2 s", "45 s", "12 min", "3 h 20 min", "58 days"]);
    }
}
