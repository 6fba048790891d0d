//! The command line as it was given, for people to paste.

use crate::imagery;

/// What stands where a header's value stood.
const BLOT: &str = "***";

/// The arguments of this process, quoted for a POSIX shell, with keys blotted out.
pub fn to_paste() -> String {
    shown(std::env::args().skip(1))
}

fn shown(arguments: impl Iterator<Item = String>) -> String {
    let mut command = "hvmap".to_owned();
    let mut before = String::new();
    for argument in arguments {
        let shown = match (before.as_str(), argument.split_once('=')) {
            (flag @ ("--imagery" | "--header"), _) => redacted(flag, &argument),
            (_, Some((flag @ ("--imagery" | "--header"), value))) => {
                format!("{flag}={}", redacted(flag, value))
            }
            _ => argument.clone(),
        };
        command.push(' ');
        command.push_str(&quoted(&shown));
        before = argument;
    }
    command
}

/// A flag's value without its keys.
fn redacted(flag: &str, value: &str) -> String {
    match flag {
        "--header" => {
            let name = value.split([':', '=']).next().unwrap_or_default();
            format!("{name}: {BLOT}")
        }
        _ => imagery::redacted(value),
    }
}

fn quoted(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+./,:@%".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_survive_a_shell() {
        let arguments = ["plain-1.0", "two words", "it's", "", "https://a/{z}?k=$K"];
        let script = format!("printf '%s\\n' {}", arguments.map(quoted).join(" "));
        let output = std::process::Command::new("sh")
            .args(["-c", &script])
            .output()
            .unwrap();
        let lines = String::from_utf8(output.stdout).unwrap();
        assert_eq!(lines.lines().collect::<Vec<_>>(), arguments);
    }

    #[test]
    fn keys_are_blotted_out_and_nothing_else_changes() {
        let given = [
            "run",
            "--imagery",
            "https://tiles.example/{z}/{x}/{y}?key=hush-hush",
            "--header",
            "Authorization: Bearer hush-hush",
            "--header=X-Key=hush-hush",
            "--out",
            "tiles-run",
        ];
        let shown = shown(given.map(str::to_owned).into_iter());
        assert!(!shown.contains("hush"), "{shown}");
        assert!(shown.starts_with("hvmap run --imagery 'https://tiles.example/"));
        assert!(
            shown.ends_with("'--header=X-Key: ***' --out tiles-run"),
            "{shown}"
        );
        let local = ["run", "--imagery", "o.tif", "--out", "o.tif-run"].map(str::to_owned);
        assert_eq!(
            super::shown(local.into_iter()),
            "hvmap run --imagery o.tif --out o.tif-run"
        );
    }
}
