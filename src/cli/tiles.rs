//! `hvmap tiles`: the tiles of an area, for other tools.

use std::{
    io::{self, BufWriter, Write},
    process::ExitCode,
};

use clap::ValueEnum;

use super::{
    CliError,
    area_args::{self, AreaArgs, Scheme},
    stdout,
};
use crate::{
    area::Shape,
    tiles::{Cover, Span, TileCoord},
};

/// Bytes collected before they are written.
const WRITE_BUFFER_BYTES: usize = 1 << 18;
/// A tile's line is never longer than this: three numbers of at most eight digits, and what stands
/// between them.
const LINE_BYTES_MAX: usize = 40;

/// List the tiles that touch an area, or count them
///
/// Writes a line for each tile to stdout, row by row from the north-west. Where the outline comes
/// from is told on stderr.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hvmap tiles --country pakistan --zoom 18 --count
  hvmap tiles --country fiji --zoom 12 | head
  hvmap tiles --area plant.gpkg --buffer 2km --zoom 18 --format csv > tiles.csv
  hvmap tiles --tiles tiles.csv --format text --scheme tms")]
pub struct Args {
    #[command(flatten)]
    area: AreaArgs,

    /// Zoom of the tiles, 0 to 24; with --tiles, the zoom of the list
    #[arg(long, value_name = "Z", value_parser = area_args::parse_zoom, required_unless_present = "tiles")]
    zoom: Option<u8>,

    /// Print the number of tiles and nothing else
    #[arg(long, conflicts_with_all = ["format", "scheme"])]
    count: bool,

    /// The form of a line
    #[arg(long, value_enum, default_value_t)]
    format: Format,

    /// How rows are counted: from the north (xyz) or from the south (tms)
    #[arg(long, value_enum, default_value_t)]
    scheme: Scheme,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// [x, y, z]
    #[default]
    Json,
    /// x,y,z under a header
    Csv,
    /// x y z
    Text,
}

/// Writes the tiles of an area to stdout.
///
/// # Errors
/// When there is no such area.
pub fn run(args: Args) -> Result<ExitCode, CliError> {
    let area = args.area.resolve()?;
    area_args::announce(&area);
    let zoom = match (&area.shape, args.zoom) {
        (_, Some(zoom)) => zoom,
        (Shape::Tiles(cover), None) => cover.zoom(),
        (Shape::Polygons(_), None) => return Err(CliError::new("--zoom is missing")),
    };
    let cover = area_args::cover(&area, zoom)?;
    if args.count {
        println!("{}", cover.count());
    } else {
        stdout::through(|out| write_tiles(&cover, args.format, args.scheme, out));
    }
    Ok(ExitCode::SUCCESS)
}

fn write_tiles(cover: &Cover, format: Format, scheme: Scheme, out: impl Write) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(WRITE_BUFFER_BYTES, out);
    if format == Format::Csv {
        out.write_all(b"x,y,z\n")?;
    }
    let (before, between, after): (&[u8], &[u8], &[u8]) = match format {
        Format::Json => (b"[", b", ", b"]\n"),
        Format::Csv => (b"", b",", b"\n"),
        Format::Text => (b"", b" ", b"\n"),
    };
    let z = cover.zoom();
    // Only x changes within a row, so what stands before and after it is put together once.
    let mut rest = Vec::with_capacity(LINE_BYTES_MAX);
    let mut line = Vec::with_capacity(LINE_BYTES_MAX);
    let mut row = None;
    for (y, Span { start, end }) in cover.iter_spans() {
        if row != Some(y) {
            row = Some(y);
            let tile = TileCoord { z, x: start, y };
            let y = match scheme {
                Scheme::Xyz => y,
                Scheme::Tms => tile.tms_y(),
            };
            rest.clear();
            rest.extend_from_slice(between);
            write!(rest, "{y}")?;
            rest.extend_from_slice(between);
            write!(rest, "{z}")?;
            rest.extend_from_slice(after);
        }
        for x in start..end {
            line.clear();
            line.extend_from_slice(before);
            push_number(&mut line, x);
            line.extend_from_slice(&rest);
            out.write_all(&line)?;
        }
    }
    out.flush()
}

/// Appends a number in decimal; the standard formatting would take most of the time here.
fn push_number(line: &mut Vec<u8>, mut number: u32) {
    let mut digits = [0; 10];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    line.extend_from_slice(&digits[first..]);
}
