//! Pages of all labelled tiles, on which a person strikes out the wrong ones.
//!
//! A click strikes a tile out; the page then gives `strike.txt`, which `hvmap-model` leaves out when it
//! lies in the folder. One page a label, of plain HTML, so that any browser opens it from the disk.

use std::{fmt::Write as _, fs, io, path::Path};

use super::choice::Chosen;
use crate::imagery::SourceDescription;

const PAGE: &str = include_str!("sheet.html");

/// Writes `sheet-tower.html` and `sheet-negative.html`.
pub fn write<'a>(
    folder: &Path,
    tiles: impl Iterator<Item = (&'a str, &'a Chosen)> + Clone,
    source: &SourceDescription,
) -> io::Result<()> {
    for label in ["tower", "negative"] {
        let mut cells = String::new();
        for (file, chosen) in tiles.clone().filter(|(_, chosen)| chosen.folder() == label) {
            let _ = write!(
                cells,
                "<figure data-file=\"{file}\"><div><img loading=lazy src=\"{file}\" alt=\"\">"
            );
            for base in &chosen.bases {
                let (left, top) = (base.x_px / 2.56, base.y_px / 2.56);
                let _ = write!(cells, "<i style=\"left:{left:.1}%;top:{top:.1}%\"></i>");
            }
            let name = file.rsplit('/').next().unwrap_or(file);
            let _ = writeln!(
                cells,
                "</div><figcaption>{name} · {}</figcaption></figure>",
                chosen.kind.name()
            );
        }
        let synthetic = if source.synthetic {
            "SYNTHETIC · "
        } else {
            ""
        };
        let credit = escaped(&source.attribution);
        let page = PAGE
            .replace("{label}", label)
            .replace("{credit}", &format!("{synthetic}{credit}"))
            .replace("{cells}", &cells);
        fs::write(folder.join(format!("sheet-{label}.html")), page)?;
    }
    Ok(())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
