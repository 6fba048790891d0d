//! What serving costs over the bare session, protocol by protocol, over loopback.
//!
//! ```text
//! cargo run --release --example serving_speed -- data/models/demo.onnx tiles/*.jpg --seconds 10
//! ```
//!
//! `--only rest` (grpc, v2, v2-grpc, embedded) does one of them and answers a JSON object.
//!
//! The embedded session decodes and classifies the same files with the same number of workers. The
//! clients run in this process too, so on few cores they take some of what they measure.

use std::{
    env, fs,
    net::Ipv4Addr,
    path::PathBuf,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use hvmap::{
    image::{self, RGB_BYTES},
    predict::{
        Batch, Model, Predictions,
        onnx::{DeviceChoice, OnnxModel, Settings},
        remote::{RemoteModel, RemoteSettings},
    },
    serve::{ModelFolder, ServeSettings, Server},
};

/// Images in a client's request.
const REQUEST_IMAGES: usize = 64;
/// Requests that clients keep open, so that the server's batches are never short of images.
const CLIENTS: usize = 4;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]
fn main() -> ExitCode {
    match run() {
        Ok(table) => {
            println!("{table}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// What is asked for on the command line.
struct Asked {
    model: PathBuf,
    images: Vec<Bytes>,
    duration: Duration,
    /// One of [`PROTOCOLS`] or `embedded`, alone and as JSON.
    only: Option<String>,
}

/// How they are called, and by which URL with the addresses of REST and gRPC.
const PROTOCOLS: [(&str, &str, &str); 4] = [
    ("rest", "REST, b64", "http://{rest}/v1/models/m"),
    ("grpc", "gRPC", "grpc://{grpc}/m"),
    ("v2", "KServe v2, raw BYTES", "http://{rest}/v2/models/m"),
    ("v2-grpc", "KServe v2 over gRPC", "grpc+v2://{grpc}/m"),
];

fn asked() -> Result<Asked, Failure> {
    let mut seconds = 10;
    let mut only = None;
    let mut paths = Vec::new();
    let mut args = env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--seconds" => seconds = args.next().ok_or("--seconds lacks its number")?.parse()?,
            "--only" => only = Some(args.next().ok_or("--only lacks its protocol")?),
            _ => paths.push(PathBuf::from(arg)),
        }
    }
    let [model, tiles @ ..] = paths.as_slice() else {
        return Err("expected MODEL.onnx and tiles".into());
    };
    let tiles = tiles
        .iter()
        .map(|path| Ok(Bytes::from(fs::read(path)?)))
        .collect::<Result<Vec<_>, Failure>>()?;
    if tiles.is_empty() {
        return Err("expected at least one tile".into());
    }
    Ok(Asked {
        model: model.clone(),
        images: tiles.iter().cycle().take(REQUEST_IMAGES).cloned().collect(),
        duration: Duration::from_secs(seconds),
        only,
    })
}

fn run() -> Result<String, Failure> {
    let Asked {
        model,
        images,
        duration,
        only,
    } = asked()?;
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    let settings = Settings {
        device: DeviceChoice::Cpu,
        ..Settings::default()
    };
    let mut rows = Vec::new();
    if wanted("embedded") {
        let bare = OnnxModel::from_file(&model, &settings)?;
        rows.push((
            "embedded, one classifier a worker",
            throughput(bare.workers(), duration, || embedded(&bare, &images))?,
            latency(&mut *embedded(&bare, &images[..1])?, duration)?,
        ));
    }
    let folder = tempfile::tempdir()?;
    fs::create_dir(folder.path().join("1"))?;
    fs::copy(&model, folder.path().join("1/model.onnx"))?;
    let server = Server::start(&ServeSettings {
        rest: (Ipv4Addr::LOCALHOST, 0).into(),
        grpc: (Ipv4Addr::LOCALHOST, 0).into(),
        engine: settings,
        poll: Duration::from_secs(60),
        request_timeout: Duration::from_secs(60),
        ..ServeSettings::of(vec![ModelFolder::new("m", folder.path())])
    })?;
    let (rest, grpc) = (
        server.address().to_string(),
        server.grpc_address().to_string(),
    );
    for (_, title, url) in PROTOCOLS.into_iter().filter(|one| wanted(one.0)) {
        let url = url.replace("{rest}", &rest).replace("{grpc}", &grpc);
        let remote = RemoteModel::connect(&[url], &RemoteSettings::default())?;
        rows.push((
            title,
            throughput(CLIENTS, duration, || asking(&remote, &images))?,
            latency(&mut *asking(&remote, &images[..1])?, duration)?,
        ));
    }
    match (rows.as_slice(), only) {
        ([], only) => Err(format!("there is no protocol {}", only.unwrap_or_default()).into()),
        ([(_, rate, (half, most))], Some(_)) => Ok(format!(
            "{{\"tiles_per_s\": {rate:.2}, \"p50_ms\": {:.3}, \"p99_ms\": {:.3}}}",
            1e3 * half.as_secs_f64(),
            1e3 * most.as_secs_f64()
        )),
        _ => Ok(table(&rows)),
    }
}

fn table(rows: &[(&str, f64, (Duration, Duration))]) -> String {
    let full = rows[0].1;
    let mut table = String::from(
        "| how | tiles/s | of the embedded session | one tile, p50 ms | p99 ms |\n|---|---|---|---|---|\n",
    );
    for (name, rate, (half, most)) in rows {
        table.push_str(&format!(
            "| {name} | {rate:.1} | {:.0} % | {:.1} | {:.1} |\n",
            100.0 * rate / full,
            1e3 * half.as_secs_f64(),
            1e3 * most.as_secs_f64()
        ));
    }
    table
}

/// Something that is done over and over, and tells how many images it took.
type Work<'a> = Box<dyn FnMut() -> Result<usize, Failure> + Send + 'a>;

fn embedded<'a>(model: &OnnxModel, images: &'a [Bytes]) -> Result<Work<'a>, Failure> {
    let mut classifier = model.classifier()?;
    let mut pixels = vec![0; classifier.batch_size_max() * RGB_BYTES];
    let mut out = Predictions::default();
    Ok(Box::new(move || {
        for batch in images.chunks(classifier.batch_size_max()) {
            for (payload, slot) in batch.iter().zip(pixels.chunks_exact_mut(RGB_BYTES)) {
                image::decode(payload, slot)?;
            }
            let batch = Batch::Rgb8(&pixels[..batch.len() * RGB_BYTES]);
            classifier.classify(batch, &mut out)?;
        }
        Ok(images.len())
    }))
}

fn asking<'a>(model: &RemoteModel, images: &'a [Bytes]) -> Result<Work<'a>, Failure> {
    let mut classifier = model.classifier()?;
    let mut out = Predictions::default();
    Ok(Box::new(move || {
        for batch in images.chunks(classifier.batch_size_max()) {
            classifier.classify(Batch::Encoded(batch), &mut out)?;
            if out.scores.iter().any(|score| score.is_nan()) {
                return Err("an image has no score".into());
            }
        }
        Ok(images.len())
    }))
}

/// Images a second of so many threads together; one round each goes before the clock starts.
fn throughput<'a>(
    threads: usize,
    duration: Duration,
    work: impl Fn() -> Result<Work<'a>, Failure>,
) -> Result<f64, Failure> {
    let mut works = (0..threads)
        .map(|_| work())
        .collect::<Result<Vec<_>, _>>()?;
    for work in &mut works {
        work()?;
    }
    let start = Instant::now();
    let images = thread::scope(|scope| {
        let running: Vec<_> = works
            .iter_mut()
            .map(|work| {
                scope.spawn(move || {
                    let mut images = 0;
                    while start.elapsed() < duration {
                        images += work()?;
                    }
                    Ok(images)
                })
            })
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join().expect("no worker panics"))
            .sum::<Result<usize, Failure>>()
    })?;
    Ok(images as f64 / start.elapsed().as_secs_f64())
}

/// The time of one request after another: half of them took at most the first, 99 % the second.
fn latency(
    work: &mut (dyn FnMut() -> Result<usize, Failure> + Send),
    duration: Duration,
) -> Result<(Duration, Duration), Failure> {
    work()?;
    let start = Instant::now();
    let mut times = Vec::new();
    while start.elapsed() < duration {
        let before = Instant::now();
        work()?;
        times.push(before.elapsed());
    }
    times.sort_unstable();
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)];
    Ok((at(50), at(99)))
}
