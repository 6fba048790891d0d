//! Which part of which synthetic world.

use std::path::Path;

use crate::{
    area::Shape,
    cli::{
        CliError,
        area_args::{self, AreaArgs},
    },
    synthetic::World,
    tiles::Cover,
};

/// The flags that say it.
#[derive(Debug, clap::Args)]
pub struct WorldPart {
    #[command(flatten)]
    area: AreaArgs,

    /// The world's seed
    #[arg(long)]
    seed: u64,

    /// One style instead of the mosaic of all seen ones: it decides how towers are built, too
    #[arg(long)]
    style: Option<String>,

    /// Zoom of the tiles
    #[arg(long, value_name = "Z", default_value = "18", value_parser = area_args::parse_zoom)]
    zoom: u8,
}

impl WorldPart {
    /// The world, and the tiles of the area; says what the area is.
    pub(super) fn resolve(&self) -> Result<(World, Cover), CliError> {
        let style = super::style(self.style.as_deref())?;
        let area = self.area.resolve()?;
        area_args::announce(&area);
        let zoom = match &area.shape {
            Shape::Tiles(cover) => cover.zoom(),
            Shape::Polygons(_) => self.zoom,
        };
        let cover = area_args::cover(&area, zoom)?;
        Ok((World::new(self.seed, style), cover))
    }
}

/// Refuses to write over a file unless that is wanted.
pub(super) fn refuse_existing(path: &Path, force: bool) -> Result<(), CliError> {
    if path.exists() && !force {
        return Err(CliError::new(format!("{} exists", path.display()))
            .hint("choose another file, or give --force to replace it"));
    }
    Ok(())
}
