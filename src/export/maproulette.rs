//! Tasks for MapRoulette, line by line
//! (<https://learn.maproulette.org/en-us/documentation/line-by-line-geojson/>).
//!
//! A record separator, a FeatureCollection of one hint, a line feed: one task. Neighbours follow
//! each other along the lines, what is mapped already is left out, and a challenge has so many
//! tasks at the most, so there may be several files.

use std::{
    fs,
    io::{self, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use serde_json::json;

use super::{
    ExportError, ExportRequest, IfExists,
    credits::attribution,
    geojson::{Degrees, RECORD_SEPARATOR},
    staged::StagedFile,
    table::Row,
};
use crate::detections::Detection;

/// Tasks in one file: more make a challenge slow.
pub(super) const TASKS_MAX: usize = 2_000;

/// What a person is asked to do, in Markdown.
const INSTRUCTIONS: &str = "Hint {{rank}} (band {{band}}): is there a power tower within \
    {{uncertainty_m}} m? If there is, map it where its legs stand, and the line if it is missing. \
    If not, choose *Not an issue*. These are machine-made hints to verify, not data to upload.";

/// Writes all tasks to one stream.
pub(super) fn stream(request: &ExportRequest<'_>, out: &mut dyn Write) -> Result<u64, ExportError> {
    let mut count = 0;
    for detection in request.to_map() {
        write_task(request, detection, out).map_err(ExportError::Stream)?;
        count += 1;
    }
    Ok(count)
}

/// Writes the tasks to a file, and what is beyond [`TASKS_MAX`] to `NAME-2`, `NAME-3` beside it.
pub(super) fn write(
    request: &ExportRequest<'_>,
    path: &Path,
    if_exists: IfExists,
) -> Result<u64, ExportError> {
    let tasks: Vec<_> = request.to_map().collect();
    let mut parts: Vec<&[&Detection]> = tasks.chunks(TASKS_MAX).collect();
    if parts.is_empty() {
        parts.push(&[]);
    }
    let surplus = surplus(path, parts.len());
    if let (IfExists::Refuse, Some(path)) = (if_exists, surplus.first()) {
        // Beside fewer tasks it would be taken for one of theirs.
        return Err(ExportError::Exists { path: path.clone() });
    }
    let mut written = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        let path = part_path(path, number + 1);
        if if_exists == IfExists::Refuse && path.exists() {
            return Err(ExportError::Exists { path });
        }
        let staged = StagedFile::create(&path)?;
        let mut out = BufWriter::with_capacity(1 << 16, staged.file());
        part.iter()
            .try_for_each(|detection| write_task(request, detection, &mut out))
            .and_then(|()| out.flush())
            .map_err(|source| staged.error(source))?;
        drop(out);
        written.push(staged);
    }
    written.into_iter().try_for_each(StagedFile::publish)?;
    for path in surplus {
        fs::remove_file(&path).map_err(|source| ExportError::Write { path, source })?;
    }
    Ok(tasks.len() as u64)
}

/// Files of tasks that an earlier export with more parts left.
fn surplus(path: &Path, parts: usize) -> Vec<PathBuf> {
    let holds_tasks = |path: &PathBuf| {
        let first = fs::File::open(path).and_then(|mut file| {
            let mut first = [0];
            file.read_exact(&mut first).map(|()| first[0])
        });
        first.is_ok_and(|first| first == RECORD_SEPARATOR)
    };
    (parts + 1..)
        .map(|number| part_path(path, number))
        .take_while(holds_tasks)
        .collect()
}

fn part_path(path: &Path, number: usize) -> PathBuf {
    if number == 1 {
        return path.to_owned();
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path
        .extension()
        .map(|extension| format!(".{}", extension.to_string_lossy()))
        .unwrap_or_default();
    path.with_file_name(format!("{stem}-{number}{extension}"))
}

fn write_task(
    request: &ExportRequest<'_>,
    detection: &Detection,
    out: &mut dyn Write,
) -> io::Result<()> {
    let id = detection.id();
    let mut properties = serde_json::to_value(Row::of(request, detection))?;
    properties["instructions"] = json!(INSTRUCTIONS);
    properties["priority"] = json!(match detection.rank {
        ..=1_000 => "high",
        1_001..=10_000 => "medium",
        _ => "low",
    });
    properties["attribution"] = json!(attribution(request));
    properties["model"] = json!(request.manifest().model.name);
    properties["manifest"] = json!(request.manifest().hash());
    out.write_all(&[RECORD_SEPARATOR])?;
    writeln!(
        out,
        "{{\"type\":\"FeatureCollection\",\"features\":[{{\"type\":\"Feature\",\"id\":\"{id}\",\
         \"geometry\":{{\"type\":\"Point\",\"coordinates\":[{},{}]}},\"properties\":{properties}}}]}}",
        Degrees(detection.at.lon),
        Degrees(detection.at.lat)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{detections::testing::TestRun, export::Format, tiles::TileCoord};

    #[test]
    fn a_challenge_is_split_and_no_task_is_lost() {
        let mut run = TestRun::default();
        for i in 0..2_001u32 {
            let tile = TileCoord {
                z: 18,
                x: 100_000 + 40 * (i % 50),
                y: 90_000 + 40 * (i / 50),
            };
            run.add(tile, 0.9, i.into());
        }
        let ledger = run.ledger();
        let request = ExportRequest::new(&ledger, 0.5).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tasks.geojsonl");
        let count = super::super::write(Format::Maproulette, &request, &path, IfExists::Refuse);
        assert_eq!(count.unwrap(), 2_001);
        let lines = |name: &str| {
            let text = std::fs::read_to_string(folder.path().join(name)).unwrap();
            let mut ids = Vec::new();
            for line in text.lines() {
                let task = line.strip_prefix('\u{1e}').unwrap();
                let task: geojson::FeatureCollection = task.parse().unwrap();
                assert_eq!(task.features.len(), 1);
                ids.push(task.features[0].property("id").unwrap().to_string());
            }
            ids
        };
        let mut ids = lines("tasks.geojsonl");
        assert_eq!(ids.len(), TASKS_MAX);
        ids.extend(lines("tasks-2.geojsonl"));
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 2_001);

        // With fewer tasks the second file is no longer one of theirs.
        let fewer = ExportRequest::new(&ledger, 0.5).unwrap().with_hints_max(9);
        let write = |if_exists| super::super::write(Format::Maproulette, &fewer, &path, if_exists);
        fs::remove_file(&path).unwrap();
        assert!(matches!(
            write(IfExists::Refuse),
            Err(ExportError::Exists { .. })
        ));
        assert_eq!(write(IfExists::Replace).unwrap(), 9);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
