//! `hvmap tiles` through the built binary.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use crate::program::{Folder, hvmap, hvmap_with_input};

const SMALL: &str = "--bbox=12.40,43.89,12.42,43.90";

#[test]
fn tiles_are_listed_in_every_form() {
    let mut told = String::new();
    for form in [
        &["--format", "json"][..],
        &["--format", "csv"],
        &["--format", "text"],
        &["--scheme", "tms"],
        &["--count"],
    ] {
        let out = hvmap([&["tiles", SMALL, "--zoom", "14"], form].concat());
        told += &format!("{}:\n{out}\n", form.join(" "));
    }
    insta::assert_snapshot!(told);
}

#[test]
fn a_listing_is_read_back_as_the_same_area() {
    let expected = hvmap(["tiles", "--country", "san marino", "--zoom", "15"]).stdout;
    for (write, read) in [
        (&["--format", "json"][..], &[][..]),
        (&["--format", "csv"], &[]),
        (&["--format", "text"], &[]),
        (&["--scheme", "tms"], &["--tiles-scheme", "tms"]),
    ] {
        let listed = hvmap([&["tiles", "--country", "san marino", "--zoom", "15"], write].concat());
        let again = hvmap_with_input([&["tiles", "--tiles", "-"], read].concat(), &listed.stdout);
        assert_eq!(again.code, 0, "{}", again.stderr);
        assert_eq!(again.stdout, expected, "{write:?}");
    }
}

#[test]
fn names_of_2018_are_read() {
    let out = hvmap_with_input(["tiles", "--tiles", "-"], "run/5-7-4.jpg\nrun/6-7-4.jpg\n");
    assert_eq!(out.stdout, "[5, 7, 4]\n[6, 7, 4]\n");
}

#[test]
fn a_wrong_list_is_refused_with_its_line() {
    let folder = Folder::new();
    let mut told = String::new();
    for (input, zoom) in [
        ("[5, 7, 4]\nnothing\n", "4"),
        ("[5, 7, 4]\n[5, 7, 5]\n", "4"),
        ("[16, 7, 4]\n", "4"),
        ("[5, 7, 4]\n", "6"),
        ("", "4"),
    ] {
        let out = hvmap_with_input(["tiles", "--tiles", "-", "--zoom", zoom], input);
        told += &format!("{out}\n");
    }
    let out = hvmap([
        "tiles",
        "--tiles",
        folder.path("none.csv").to_str().unwrap(),
    ]);
    told += &out.to_string();
    insta::assert_snapshot!(folder.filtered(&told));
}

#[test]
fn usage_errors_exit_2() {
    let mut told = String::new();
    for args in [
        &["tiles", "--zoom", "3"][..],
        &["tiles", SMALL],
        &["tiles", SMALL, "--zoom", "25"],
        &["tiles", "--bbox", "1,2,3", "--zoom", "3"],
        &["tiles", SMALL, "--zoom", "3", "--buffer", "2"],
        &["tiles", SMALL, "--country", "fiji", "--zoom", "3"],
    ] {
        told += &format!("{}\n", hvmap(args));
    }
    insta::assert_snapshot!(told);
}

#[test]
fn a_reader_that_has_had_enough_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hvmap"))
        .args(["tiles", "--country", "pakistan", "--zoom", "18"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    // The reader is gone from here on, with almost all of the 50 million lines still to come.
    assert!(first.starts_with('['), "{first}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
