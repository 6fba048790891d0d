//! The command line as it was given, for people to paste.

/// The arguments of this process, quoted for a POSIX shell, with each secret replaced.
///
/// `redacted` holds pairs of an argument as given and as it may be shown.
pub fn to_paste(redacted: &[(&str, &str)]) -> String {
    let program = "hvmap".to_owned();
    std::iter::once(program)
        .chain(std::env::args().skip(1).map(|argument| {
            let shown = redacted.iter().fold(argument, |argument, (given, shown)| {
                argument.replace(given, shown)
            });
            quoted(&shown)
        }))
        .collect::<Vec<_>>()
        .join(" ")
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
}
