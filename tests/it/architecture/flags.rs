//! Flags and the crate that reads them are known to the command line alone.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Files below the command line that name a flag, in texts that are handed on to people as they are.
const NAMING_FLAGS: [&str; 1] = [
    // The page for people says how its chips come into it, whoever wrote it.
    "export/report.rs",
];

/// The files of `src` below `cli`, with their texts.
fn below_cli() -> Vec<(PathBuf, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![src.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let inside = path.strip_prefix(&src).unwrap().to_owned();
            if path.is_dir() {
                if inside != Path::new("cli") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push((inside, fs::read_to_string(path).unwrap()));
            }
        }
    }
    assert!(files.len() > 100, "got {} files", files.len());
    files
}

/// Whether a line names a flag such as `--zoom`.
fn names_flag(line: &str) -> bool {
    line.match_indices("--").any(|(at, dashes)| {
        let before = line[..at].chars().next_back();
        let after = line[at + dashes.len()..].chars().next();
        !before.is_some_and(|c| c == '-' || c.is_alphanumeric())
            && after.is_some_and(|c| c.is_ascii_lowercase())
    })
}

fn lines_with(is_wrong: impl Fn(&Path, &str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (file, text) in below_cli() {
        for (number, line) in text.lines().enumerate() {
            if is_wrong(&file, line) {
                found.push(format!(
                    "{}:{}: {}",
                    file.display(),
                    number + 1,
                    line.trim()
                ));
            }
        }
    }
    found
}

#[test]
fn no_flag_is_named_below_the_command_line() {
    let allowed = |file: &Path| NAMING_FLAGS.iter().any(|&name| file == Path::new(name));
    let found = lines_with(|file, line| !allowed(file) && names_flag(line));
    assert!(found.is_empty(), "{}", found.join("\n"));
    for name in NAMING_FLAGS {
        let named = lines_with(|file, line| file == Path::new(name) && names_flag(line));
        assert!(!named.is_empty(), "{name} names no flag any more");
    }
}

#[test]
fn no_argument_is_parsed_below_the_command_line() {
    let found = lines_with(|_, line| line.contains("clap"));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_flag_is_told_from_other_dashes() {
    for line in ["give --zoom 18", "`--out`", "(--rate)"] {
        assert!(names_flag(line), "{line}");
    }
    for line in ["// -----", "a -- b", "|---|", "i--j", "-- SQL"] {
        assert!(!names_flag(line), "{line}");
    }
}
