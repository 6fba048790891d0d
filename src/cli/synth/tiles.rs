//! `hvmap synth tiles`: labelled tiles for training and tests.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Mutex,
    thread,
};

use crate::{
    cli::{CliError, terminal},
    image::{RgbTile, encode_jpeg},
    synthetic::{Label, World},
    tiles::{TileCoord, mercator},
};

/// Write labelled tiles of the synthetic world: DIR/tower, DIR/negative and DIR/labels.csv
///
/// Positives are the tiles of random towers, negatives random tiles all over the planet; hard
/// negatives are crossed by wires or hold a wind turbine, a mast, tanks, greenhouses or a
/// substation, but no tower. Tiles that show only part of a tower are left out.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hvmap synth tiles --seed 3 --positives 2000 --negatives 6000 --hard-negatives 1000 -o tiles
  hvmap synth tiles --seed 9 --style steppe-poles --positives 500 --negatives 5000 -o unseen")]
pub struct Args {
    /// The world's seed
    #[arg(long)]
    seed: u64,

    /// One style instead of the mosaic of all seen ones
    #[arg(long)]
    style: Option<String>,

    /// Tiles that hold a tower's base
    #[arg(long, value_name = "N", default_value_t = 0)]
    positives: usize,

    /// Random tiles without any tower
    #[arg(long, value_name = "N", default_value_t = 0)]
    negatives: usize,

    /// Tiles with wires or distractors, but no tower
    #[arg(long, value_name = "N", default_value_t = 0)]
    hard_negatives: usize,

    /// Zoom of the tiles, from 14, where towers begin to be drawn
    #[arg(long, value_name = "Z", default_value_t = 18, value_parser = clap::value_parser!(u8).range(14..=24))]
    zoom: u8,

    /// Seed of the choice of places, for another sample of the same world
    #[arg(long, value_name = "N", default_value_t = 0)]
    sample: u64,

    /// Folder to write; must not exist or be empty, unless --force
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,

    /// Write into a folder that holds files already
    #[arg(long)]
    force: bool,
}

/// A tile to draw.
struct Sample {
    tile: TileCoord,
    label: Label,
}

/// Runs `hvmap synth tiles`.
///
/// # Errors
/// An unknown style, a folder that is not empty, or what went wrong in writing.
pub fn run(args: &Args) -> Result<ExitCode, CliError> {
    let style = super::style(args.style.as_deref())?;
    let occupied = fs::read_dir(&args.output).is_ok_and(|mut entries| entries.next().is_some());
    if occupied && !args.force {
        return Err(
            CliError::new(format!("{} is not empty", args.output.display()))
                .hint("choose another folder, or give --force to write into it"),
        );
    }
    for folder in ["tower", "negative"] {
        fs::create_dir_all(args.output.join(folder))?;
    }
    let world = World::new(args.seed, style);
    let samples = choose(&world, args);
    let started = std::time::Instant::now();
    let mut lines = write_all(&world, &samples, &args.output)?;
    lines.sort();
    let mut csv = BufWriter::new(File::create(args.output.join("labels.csv"))?);
    writeln!(
        csv,
        "file,label,kind,style,z,x,y,base_px,base_py,bases,quality"
    )?;
    for (_, line) in &lines {
        writeln!(csv, "{line}")?;
    }
    csv.flush()?;
    terminal::note(format_args!(
        "SYNTHETIC: {} tiles in {:.1} s, labels in {}",
        samples.len(),
        started.elapsed().as_secs_f64(),
        args.output.join("labels.csv").display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// Draws and writes the samples on all cores; gives their lines of `labels.csv` by position.
fn write_all(
    world: &World,
    samples: &[Sample],
    folder: &Path,
) -> Result<Vec<(usize, String)>, CliError> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let lines = Mutex::new(Vec::with_capacity(samples.len()));
    let outcome: Result<(), std::io::Error> = thread::scope(|scope| {
        let workers: Vec<_> = (0..cores)
            .map(|core| {
                let lines = &lines;
                scope.spawn(move || {
                    let mut pixels = RgbTile::new();
                    let mut own = Vec::new();
                    for (i, sample) in samples.iter().enumerate().skip(core).step_by(cores) {
                        own.push((i, write_one(world, sample, &mut pixels, folder)?));
                    }
                    if let Ok(mut lines) = lines.lock() {
                        lines.extend(own);
                    }
                    Ok(())
                })
            })
            .collect();
        workers
            .into_iter()
            .try_for_each(|worker| match worker.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            })
    });
    outcome?;
    Ok(lines
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner))
}

fn write_one(
    world: &World,
    sample: &Sample,
    pixels: &mut RgbTile,
    folder: &Path,
) -> Result<String, std::io::Error> {
    let TileCoord { z, x, y } = sample.tile;
    let style = world.style_at(sample.tile);
    world.draw(sample.tile, pixels);
    let (class, kind, bases) = match &sample.label {
        Label::Positive(bases) => ("tower", "tower", bases.as_slice()),
        Label::Partial => ("negative", "partial", [].as_slice()),
        Label::Negative { wires, distractor } => (
            "negative",
            match (wires, distractor) {
                (true, _) => "wires",
                (false, true) => "distractor",
                (false, false) => "plain",
            },
            [].as_slice(),
        ),
    };
    let file = format!("{class}/{z}-{x}-{y}.jpg");
    fs::write(
        folder.join(&file),
        encode_jpeg(pixels.as_bytes(), style.jpeg_quality),
    )?;
    let (px, py) = bases
        .first()
        .map_or((String::new(), String::new()), |base| {
            (format!("{:.2}", base.x_px), format!("{:.2}", base.y_px))
        });
    let all: Vec<String> = bases
        .iter()
        .map(|base| format!("{:.2} {:.2}", base.x_px, base.y_px))
        .collect();
    Ok(format!(
        "{file},{class},{kind},{},{z},{x},{y},{px},{py},{},{}",
        style.name,
        all.join(";"),
        style.jpeg_quality
    ))
}

/// Chooses places from 56° south to 70° north: evenly on the map for negatives, tower by tower
/// for positives, beside towers and by chance for hard negatives.
fn choose(world: &World, args: &Args) -> Vec<Sample> {
    let mut chance = Chance::new(world.seed(), args.sample);
    let mut taken = HashSet::new();
    let mut samples = Vec::new();
    let towers_near = |chance: &mut Chance| loop {
        let towers = world.towers_in(chance.tile(11).bounds());
        if !towers.is_empty() {
            return towers;
        }
    };
    while samples.len() < args.positives {
        let towers = towers_near(&mut chance);
        for _ in 0..2 {
            let tower = &towers[chance.below(towers.len())];
            let tile = mercator::tile_at(tower.at, args.zoom);
            let label = world.label(tile);
            if samples.len() < args.positives
                && matches!(label, Label::Positive(_))
                && taken.insert(tile)
            {
                samples.push(Sample { tile, label });
            }
        }
    }
    let mut negatives = 0;
    while negatives < args.negatives {
        let tile = chance.tile(args.zoom);
        let label = world.label(tile);
        if matches!(label, Label::Negative { .. }) && taken.insert(tile) {
            samples.push(Sample { tile, label });
            negatives += 1;
        }
    }
    let mut hard = 0;
    while hard < args.hard_negatives {
        // Half of them along lines, half distractors wherever they stand.
        let tile = if hard % 2 == 0 {
            let towers = towers_near(&mut chance);
            let tower = &towers[chance.below(towers.len())];
            let middle = mercator::tile_at(tower.at, args.zoom);
            let step = |v: u32, by: usize| (v + by as u32).saturating_sub(2);
            let (dx, dy) = (chance.below(5), chance.below(5));
            TileCoord {
                z: args.zoom,
                x: step(middle.x, dx),
                y: step(middle.y, dy),
            }
        } else {
            chance.tile(args.zoom)
        };
        let label = world.label(tile);
        let wanted = if hard % 2 == 0 {
            matches!(label, Label::Negative { wires: true, .. })
        } else {
            matches!(
                label,
                Label::Negative {
                    distractor: true,
                    ..
                }
            )
        };
        if wanted && taken.insert(tile) {
            samples.push(Sample { tile, label });
            hard += 1;
        }
    }
    samples
}

/// A small generator of the choice of places (xorshift64*, Vigna 2016).
struct Chance(u64);

impl Chance {
    fn new(seed: u64, sample: u64) -> Self {
        // The generator needs a state that is not 0, so the lowest bit is set; the sample must
        // keep clear of it, or every two samples would be one.
        Self((seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x2545_F491 | 1) ^ (sample << 1))
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, count: usize) -> usize {
        (self.next() >> 11) as usize % count
    }

    /// A random tile between 56° south and 70° north.
    fn tile(&mut self, zoom: u8) -> TileCoord {
        let side = f64::from(mercator::tiles_per_side(zoom));
        let unit = |bits: u64| (bits >> 11) as f64 / 9_007_199_254_740_992.0;
        let (u, v) = (unit(self.next()), unit(self.next()));
        TileCoord {
            z: zoom,
            x: (u * side) as u32,
            y: ((0.224 + (0.689 - 0.224) * v) * side) as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sample_of_a_world_is_another_one() {
        let firsts: HashSet<u64> = (0..100)
            .map(|sample| Chance::new(7, sample).next())
            .collect();
        assert_eq!(firsts.len(), 100);
    }
}
