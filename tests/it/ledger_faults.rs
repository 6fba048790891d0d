//! What happens when the ledger cannot be written: a full disk, a read-only folder, a file that
//! another program holds.

use std::{
    path::Path,
    process::{Command, Output},
};

use crate::{
    needs,
    run_command::{AREA, SMALL_AREA, committed, exports, hvmap_run, stderr},
    tile_server::{TileServer, picture},
};

/// Runs a shell script that may mount, in namespaces of its own that vanish with it. `None`, and a
/// word about it, where the system does not let an ordinary process do that.
fn with_mounts(home: &Path, script: &str, command: &Command) -> Option<Output> {
    let isolated = || {
        let mut isolated = Command::new("unshare");
        isolated
            .args(["--map-root-user", "--mount", "sh", "-c"])
            .current_dir(home);
        isolated
    };
    let probe = isolated().arg("mount -t tmpfs none /mnt").output();
    let allowed = probe.is_ok_and(|output| output.status.success());
    if !needs::at_hand(
        allowed,
        "this system does not let a process mount for itself",
    ) {
        return None;
    }
    let mut isolated = isolated();
    isolated
        .arg(script)
        .arg("sh")
        .arg(command.get_program())
        .args(command.get_args())
        .env("XDG_CONFIG_HOME", home);
    Some(isolated.output().unwrap())
}

#[test]
fn a_full_disk_ends_the_run_with_what_was_committed_and_room_lets_it_go_on() {
    let server = TileServer::start(picture);
    let undisturbed = tempfile::tempdir().unwrap();
    let keep_all = |home: &Path| {
        let mut command = hvmap_run(home, AREA, &server.template());
        command.args(["--keep-threshold", "0"]);
        command
    };
    let whole = keep_all(undisturbed.path()).output().unwrap();
    assert_eq!(whole.status.code(), Some(0), "{}", stderr(&whole));

    let home = tempfile::tempdir().unwrap();
    let script = r#"
        mkdir run kept
        mount -t tmpfs -o size=600k none run || exit 99
        "$@" 2>first.txt; echo "exit $?" >>first.txt
        cp run/run.hvmap* kept/
        mount -o remount,size=64m run || exit 98
        "$@"; code=$?
        cp run/towers.* kept/
        exit $code"#;
    let Some(second) = with_mounts(home.path(), script, &keep_all(home.path())) else {
        return;
    };
    let first = std::fs::read_to_string(home.path().join("first.txt")).unwrap();
    assert!(first.ends_with("exit 2\n"), "{first}");
    assert!(
        first.contains("hint: the disk is full; make room"),
        "{first}"
    );
    assert_eq!(second.status.code(), Some(0), "{}", stderr(&second));

    let kept = home.path().join("kept");
    let before = committed(&kept);
    assert!(
        !before.is_empty(),
        "some units were committed before: {first}"
    );
    assert!(server.requests().len() > before.len());
    assert!(exports(&kept) == exports(&undisturbed.path().join("run")));
}

#[test]
fn a_read_only_folder_is_told_before_any_imagery_is_fetched() {
    let server = TileServer::start(picture);
    let home = tempfile::tempdir().unwrap();
    let command = hvmap_run(home.path(), SMALL_AREA, &server.template());
    let script = r#"
        mkdir run
        mount -t tmpfs -o ro none run || exit 99
        "$@""#;
    let Some(output) = with_mounts(home.path(), script, &command) else {
        return;
    };
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("hint: check that the folder can be written"),
        "{}",
        stderr(&output)
    );
    assert!(server.requests().is_empty());
}

#[test]
fn a_ledger_that_another_program_writes_to_is_told_and_left_alone() {
    let server = TileServer::start(picture);
    let home = tempfile::tempdir().unwrap();
    let run = || {
        hvmap_run(home.path(), SMALL_AREA, &server.template())
            .output()
            .unwrap()
    };
    assert_eq!(run().status.code(), Some(0));
    let before = committed(&home.path().join("run"));

    let other = rusqlite::Connection::open(home.path().join("run/run.hvmap")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = run();
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        stderr(&refused).contains("another program has run.hvmap open for writing"),
        "{}",
        stderr(&refused)
    );
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(run().status.code(), Some(0));
    assert_eq!(committed(&home.path().join("run")), before);
}
