//! Runs the built program, away from any `hvmap.toml` of the machine's user.

use std::{
    ffi::OsStr,
    fmt,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What a run of the program left.
pub struct Output {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    fn of(output: std::process::Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "exit {}\n--- stdout\n{}--- stderr\n{}",
            self.code, self.stdout, self.stderr
        )
    }
}

/// `hvmap` with arguments, away from what the machine's user configured and measured.
pub fn command<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hvmap"));
    command
        .args(args)
        .env("XDG_CONFIG_HOME", "no-such-folder")
        // A relative folder would be ignored, and the user's be taken.
        .env("XDG_CACHE_HOME", "/no-such-folder");
    command
}

/// Runs `hvmap` with arguments to its end.
pub fn hvmap<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Output {
    hvmap_with_input(args, "")
}

/// Runs `hvmap` with arguments and a folder for what it measures.
pub fn hvmap_with_cache<S: AsRef<OsStr>>(
    args: impl IntoIterator<Item = S>,
    cache: &Path,
) -> Output {
    let output = command(args).env("XDG_CACHE_HOME", cache).output().unwrap();
    Output::of(output)
}

/// Runs `hvmap` with arguments and a text on standard input.
pub fn hvmap_with_input<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>, input: &str) -> Output {
    let mut child = command(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || {
        // A program that stops early does not read on; what it says is what the test looks at.
        let _ = stdin.write_all(input.as_bytes());
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Output::of(output)
}

/// A folder that goes when the test ends.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A text without the folder's own name, which differs from run to run.
    pub fn filtered(&self, text: &str) -> String {
        text.replace(self.0.path().to_str().unwrap(), "[folder]")
    }
}
