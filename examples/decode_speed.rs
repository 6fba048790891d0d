//! How many tiles a second hvmap's own decoder does on one core.
//!
//! ```text
//! cargo run --release --example decode_speed -- FOLDER [PIXELS]
//! ```
//!
//! Takes every `.jpg` below the folder, in order of their paths, reads them all first, and decodes
//! them until three seconds are over. PIXELS is a file for their pixels, 196,608 bytes a tile, RGB,
//! to compare with other decoders'. Answers one JSON object.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use hvmap::image::{RGB_BYTES, decode};

const DURATION: Duration = Duration::from_secs(3);

type Failure = Box<dyn std::error::Error>;

#[allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]
fn main() -> ExitCode {
    match run() {
        Ok(rate) => {
            println!("{{\"tiles_per_s\": {rate:.1}}}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<f64, Failure> {
    let mut args = env::args().skip(1);
    let folder = args.next().ok_or("expected a folder of tiles")?;
    let mut paths = Vec::new();
    gather(Path::new(&folder), &mut paths)?;
    paths.sort();
    let payloads = paths.iter().map(fs::read).collect::<Result<Vec<_>, _>>()?;
    if payloads.is_empty() {
        return Err(format!("{folder} holds no .jpg").into());
    }
    let mut pixels = vec![0; RGB_BYTES];
    if let Some(file) = args.next() {
        let mut all = Vec::with_capacity(payloads.len() * RGB_BYTES);
        for payload in &payloads {
            decode(payload, &mut pixels)?;
            all.extend_from_slice(&pixels);
        }
        fs::write(file, all)?;
    }
    let start = Instant::now();
    let mut tiles = 0;
    while start.elapsed() < DURATION {
        for payload in &payloads {
            decode(payload, &mut pixels)?;
        }
        tiles += payloads.len();
    }
    Ok(tiles as f64 / start.elapsed().as_secs_f64())
}

fn gather(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            gather(&path, paths)?;
        } else if path.extension().is_some_and(|ending| ending == "jpg") {
            paths.push(path);
        }
    }
    Ok(())
}
