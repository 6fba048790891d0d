//! The table of modules in ARCHITECTURE.md is what the source does.

mod flags;
mod imports;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use imports::Source;

/// The heading above the table.
const HEADING: &str = "## Module dependencies";
/// What a row says of a module that may import whatever it likes.
const EVERYTHING: &str = "everything";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The rows of the table: each module with those that it may import.
fn table() -> BTreeMap<String, BTreeSet<String>> {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let (_, below) = page.split_once(HEADING).expect("the table has its heading");
    let rows = below
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .skip(2);
    let mut table = BTreeMap::new();
    for row in rows {
        let mut cells = row.trim_matches('|').split('|');
        let modules = quoted(cells.next().unwrap_or_default());
        let imported = match cells.next().unwrap_or_default() {
            cell if cell.trim() == EVERYTHING => BTreeSet::from([EVERYTHING.to_owned()]),
            cell => quoted(cell),
        };
        for module in modules {
            table.insert(module, imported.clone());
        }
    }
    table
}

/// The words of a cell that are set as code.
fn quoted(cell: &str) -> BTreeSet<String> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_table_of_modules_names_each_folder_and_every_import_between_them() {
    let source = Source::read(&root().join("src"));
    let table = table();
    let rooms: BTreeSet<&str> = source.rooms();
    let named: BTreeSet<&str> = table.keys().map(String::as_str).collect();
    assert_eq!(
        rooms, named,
        "modules of src, and those of ARCHITECTURE.md's table"
    );
    let mut wrong = Vec::new();
    for (room, imported) in source.rooms_imported() {
        let allowed = &table[room];
        if allowed.contains(EVERYTHING) {
            continue;
        }
        for (other, file) in &imported {
            if !allowed.contains(*other) {
                wrong.push(format!("{} imports {other}", file.display()));
            }
        }
        for other in allowed {
            if !imported.contains_key(other.as_str()) {
                wrong.push(format!(
                    "the table lets {room} import {other}, which it does not"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_module_leads_back_to_itself() {
    let table = table();
    let mut done: BTreeSet<&str> = BTreeSet::new();
    // Whatever imports nothing that is left can be taken away, until nothing is left.
    while done.len() < table.len() {
        let next = table.iter().find(|(module, imported)| {
            !done.contains(module.as_str())
                && imported
                    .iter()
                    .all(|other| done.contains(other.as_str()) || other == EVERYTHING)
        });
        match next {
            Some((module, _)) => done.insert(module),
            None => panic!(
                "a circle among {:?}",
                table
                    .keys()
                    .filter(|m| !done.contains(m.as_str()))
                    .collect::<Vec<_>>()
            ),
        };
    }
}

#[test]
fn no_two_files_import_each_other() {
    let src = root().join("src");
    let source = Source::read(&src);
    let inside = |file: &Path| file.strip_prefix(&src).unwrap().display().to_string();
    let pairs: BTreeSet<String> = source
        .mutual()
        .into_iter()
        .map(|(a, b)| format!("{} and {}", inside(a), inside(b)))
        .collect();
    assert_eq!(pairs, BTreeSet::new());
}
