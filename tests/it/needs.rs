//! What some tests need and a machine may lack: other programs, libraries, rights.
//!
//! A test that lacks something ends early, and its name and the reason go into a folder of the
//! target folder, which `make test` shows at its end. With `HVMAP_REQUIRE_ALL=1`, as in CI, it fails
//! instead.

use std::{env, fs, path::Path, process::Command, thread};

/// Whether something is there; tells it where not.
///
/// # Panics
/// When it is not there and `HVMAP_REQUIRE_ALL` is set to anything but `0`.
pub fn at_hand(there: bool, lack: &str) -> bool {
    if !there {
        let all = env::var("HVMAP_REQUIRE_ALL").is_ok_and(|value| value != "0");
        assert!(!all, "HVMAP_REQUIRE_ALL is set, and {lack}");
        tell(lack);
    }
    there
}

/// Whether a program can be started.
pub fn program(name: &str) -> bool {
    let found = Command::new(name).arg("--version").output().is_ok();
    at_hand(found, &format!("{name} is not installed"))
}

fn tell(lack: &str) {
    // The test harness names each test's thread after it.
    let thread = thread::current();
    let test = thread.name().unwrap_or("a test");
    eprintln!("skipped: {lack}");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("skipped");
    fs::create_dir_all(&folder).unwrap();
    fs::write(
        folder.join(test.replace("::", "-")),
        format!("skipped: {test}: {lack}\n"),
    )
    .unwrap();
}
