//! Defaults from `hvmap.toml`.
//!
//! Each table is a subcommand and each key one of its flags, without the dashes:
//!
//! ```toml
//! [run]
//! imagery = "imagery/pakistan.mbtiles"
//! model = "models/hv_grid/1/model.onnx"
//! ```
//!
//! The file in the current folder goes before the one in the user's configuration folder
//! (`$XDG_CONFIG_HOME/hvmap/hvmap.toml`), and the command line before both.

use std::path::{Path, PathBuf};

use clap::Command;
use toml::{Table, Value};

use super::CliError;

const FILE_NAME: &str = "hvmap.toml";
/// The flags that name an area exclude each other, which defaults could not.
const AREA_FLAGS: [&str; 4] = ["country", "area", "bbox", "tiles"];

/// Puts the files' values into the command as defaults.
pub fn apply(mut command: Command) -> Result<Command, CliError> {
    // The project's file last, so that its defaults replace the user's.
    for path in [user_file(), Some(PathBuf::from(FILE_NAME))]
        .into_iter()
        .flatten()
    {
        if let Some(table) = read(&path)? {
            command = apply_table(command, &table, &path)?;
        }
    }
    Ok(command)
}

fn user_file() -> Option<PathBuf> {
    let folder = std::env::var_os("XDG_CONFIG_HOME")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".config")))?;
    Some(folder.join("hvmap").join(FILE_NAME))
}

fn read(path: &Path) -> Result<Option<Table>, CliError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(CliError::from(error).context(format!("cannot read {}", path.display())));
        }
    };
    text.parse::<Table>()
        .map(Some)
        .map_err(|error| CliError::from(error).context(format!("cannot read {}", path.display())))
}

fn apply_table(mut command: Command, table: &Table, path: &Path) -> Result<Command, CliError> {
    for (section, flags) in table {
        let known = command
            .get_subcommands()
            .any(|subcommand| subcommand.get_name() == section);
        let (true, Value::Table(flags)) = (known, flags) else {
            let sections: Vec<_> = command.get_subcommands().map(Command::get_name).collect();
            return Err(CliError::new(format!(
                "{}: `{section}` is not a section (expected one of {})",
                path.display(),
                sections.join(", ")
            ))
            .hint("write `[run]` above the flags of `hvmap run`"));
        };
        command = command.try_mut_subcommand(section, path, flags)?;
    }
    Ok(command)
}

trait TryMutSubcommand: Sized {
    fn try_mut_subcommand(self, name: &str, path: &Path, flags: &Table) -> Result<Self, CliError>;
}

impl TryMutSubcommand for Command {
    fn try_mut_subcommand(self, name: &str, path: &Path, flags: &Table) -> Result<Self, CliError> {
        let mut failure = None;
        let command = self.mut_subcommand(name, |mut subcommand| {
            for (flag, value) in flags {
                let id = subcommand
                    .get_arguments()
                    .find(|argument| argument.get_long() == Some(flag))
                    .map(|argument| argument.get_id().clone());
                match (id, texts(value)) {
                    (Some(id), _) if AREA_FLAGS.contains(&id.as_str()) => {
                        failure.get_or_insert(format!(
                            "{}: --{flag} belongs on the command line, since it says what is \
                             wanted this time",
                            path.display()
                        ));
                    }
                    (Some(id), Some(values)) => {
                        subcommand =
                            subcommand.mut_arg(id, |argument| argument.default_values(values));
                    }
                    (None, _) => {
                        failure.get_or_insert(format!(
                            "{}: `hvmap {name}` has no flag --{flag}",
                            path.display()
                        ));
                    }
                    (_, None) => {
                        failure.get_or_insert(format!(
                            "{}: the value of `{flag}` in [{name}] is not a string, a number, a \
                             boolean or a list of these",
                            path.display()
                        ));
                    }
                }
            }
            subcommand
        });
        match failure {
            None => Ok(command),
            Some(message) => {
                Err(CliError::new(message).hint(format!("`hvmap {name} --help` lists the flags")))
            }
        }
    }
}

/// The values of a flag as they would stand on the command line.
fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Integer(number) => Some(vec![number.to_string()]),
        Value::Float(number) => Some(vec![number.to_string()]),
        Value::Boolean(flag) => Some(vec![flag.to_string()]),
        Value::Array(values) => values
            .iter()
            .map(|value| texts(value).and_then(|mut one| (one.len() == 1).then(|| one.remove(0))))
            .collect(),
        Value::Datetime(_) | Value::Table(_) => None,
    }
}
