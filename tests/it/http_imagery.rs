//! HTTP imagery against a real local server that misbehaves in every way that servers do.

use std::{
    collections::BTreeMap,
    io::Write,
    ops::ControlFlow,
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

use hvmap::{
    image::{RgbTile, decode, encode_jpeg},
    imagery::{
        BodyHash, FetchFailure, Fetched, HttpOptions, ImageryError, ImagerySource, RetryClass,
        SourceOptions, http::Timing, open,
    },
    tiles::{BlockCoord, TileCoord, VisitReason, WorkUnit},
};

use crate::unruly_server::{Reply, Request, TileServer};

const PATH: &str = "{z}/{x}/{y}.jpg";

/// Waits so short that no test is slow.
fn hasty() -> Timing {
    Timing {
        connect: Duration::from_secs(5),
        first_byte: Duration::from_secs(5),
        stall: Duration::from_secs(5),
        backoff_first: Duration::from_millis(1),
        backoff_max: Duration::from_millis(5),
        outage_pause_first: Duration::from_millis(1),
        outage_pause_max: Duration::from_millis(4),
        outage_max: Duration::from_secs(60),
    }
}

fn options() -> SourceOptions {
    SourceOptions {
        http: HttpOptions {
            timing: hasty(),
            ..HttpOptions::default()
        },
        ..SourceOptions::default()
    }
}

/// The unit of the first tiles of a block at zoom 18, row by row.
fn unit(count: u16) -> WorkUnit {
    WorkUnit {
        sequence: 0,
        block: BlockCoord {
            z: 18,
            x: 100,
            y: 200,
        },
        wanted: (0..count).collect(),
        reason: VisitReason::Everything,
    }
}

type Found = BTreeMap<TileCoord, Fetched>;

fn fetch(source: &dyn ImagerySource, unit: &WorkUnit) -> Result<Found, ImageryError> {
    let mut found = Found::new();
    source.fetch(unit, &mut |tile, fetched| {
        assert!(found.insert(tile, fetched).is_none(), "{tile} came twice");
        ControlFlow::Continue(())
    })?;
    assert!(
        found.keys().copied().eq(unit.tiles()),
        "a wanted tile is missing"
    );
    Ok(found)
}

/// What one tile becomes under a handler and options, and the requests that were made.
fn one_tile(
    options: &SourceOptions,
    handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> (Fetched, Vec<Request>) {
    let server = TileServer::start(handler);
    let source = open(&server.template(PATH), options).unwrap();
    let (_, found) = fetch(&*source, &unit(1)).unwrap().pop_first().unwrap();
    (found, server.requests())
}

/// A photograph-like JPEG of the given side.
fn jpeg() -> Vec<u8> {
    let mut tile = RgbTile::new();
    for (i, byte) in tile.as_bytes_mut().iter_mut().enumerate() {
        *byte = (i * i / 977) as u8;
    }
    encode_jpeg(tile.as_bytes(), 80)
}

#[track_caller]
fn assert_payload(found: &Fetched, expected: &[u8]) {
    match found {
        Fetched::Payload(payload) => assert_eq!(payload, expected),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_tile_is_asked_for_once_under_its_own_address() {
    let server = TileServer::start(|request| Reply::ok(request.path.clone()));
    let mut options = options();
    options.http.contact = Some("https://example.org".to_owned());
    let source = open(&server.template(PATH), &options).unwrap();
    let unit = unit(130);
    for (tile, found) in fetch(&*source, &unit).unwrap() {
        assert_payload(&found, format!("/{tile}.jpg").as_bytes());
    }
    let requests = server.requests();
    assert_eq!(requests.len(), 130);
    let agent = requests[0].header("user-agent").unwrap();
    assert_eq!(
        agent,
        format!("hvmap/{} (+https://example.org)", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn a_status_an_empty_body_a_header_or_a_hash_can_mean_no_imagery() {
    let mut options = options();
    options.http.no_imagery_headers = vec![("ETag".to_owned(), "placeholder".to_owned())];
    let hash: BodyHash = "md5:0cc175b9c0f1b6a831c399e269772661".parse().unwrap();
    options.http.no_imagery_hashes = vec![hash];
    let replies: [fn(&Request) -> Reply; 7] = [
        |_| Reply::status(404),
        |_| Reply::status(410),
        |_| Reply::status(204),
        |_| Reply::ok(""),
        |_| Reply::Answer(200, vec![("X-VE-Tile-Info", "no-tile".to_owned())], jpeg()),
        |_| Reply::Answer(200, vec![("ETag", "\"placeholder\"".to_owned())], jpeg()),
        |_| Reply::ok("a"),
    ];
    for (index, reply) in replies.into_iter().enumerate() {
        let (found, requests) = one_tile(&options, reply);
        assert!(
            matches!(found, Fetched::NoImagery),
            "reply {index}: {found:?}"
        );
        assert_eq!(requests.len(), 1);
    }
}

#[test]
fn the_date_that_a_server_gives_is_that_of_the_image_fetched_last() {
    let server = TileServer::start(|request: &Request| {
        let date = (
            "X-VE-TILEMETA-CaptureDatesRange",
            "4/12/2021-6/30/2021".to_owned(),
        );
        let headers = if request.nth == 0 { vec![date] } else { vec![] };
        Reply::Answer(200, headers, jpeg())
    });
    let source = open(&server.template(PATH), &options()).unwrap();
    assert_eq!(source.captured(), None);
    for expected in [Some("4/12/2021-6/30/2021"), None] {
        fetch(&*source, &unit(1)).unwrap();
        assert_eq!(source.captured().as_deref(), expected);
    }
}

#[test]
fn limits_out_of_their_ranges_are_refused() {
    let refused = |connections, rate| {
        let mut options = options();
        options.http.connections = connections;
        options.http.rate = rate;
        open("http://127.0.0.1:1/{z}/{x}/{y}", &options).map(|_| ())
    };
    for (connections, rate) in [
        (Some(0), None),
        (Some(257), None),
        (None, Some(-1.0)),
        (None, Some(f64::NAN)),
        (None, Some(1e-20)),
    ] {
        assert!(matches!(
            refused(connections, rate),
            Err(ImageryError::OutOfRange { .. })
        ));
    }
    refused(Some(256), Some(0.0)).unwrap();
}

#[test]
fn a_server_error_is_tried_again() {
    let (found, requests) = one_tile(&options(), |request| match request.nth {
        0 | 1 => Reply::status(500),
        _ => Reply::ok("image"),
    });
    assert_payload(&found, b"image");
    assert_eq!(requests.len(), 3);
}

#[test]
fn a_server_error_that_stays_is_a_failure_that_may_be_tried_again_later() {
    let (found, requests) = one_tile(&options(), |_| Reply::status(502));
    let Fetched::Failed(FetchFailure { retry, reason }) = found else {
        panic!("{found:?}")
    };
    assert_eq!(retry, RetryClass::Transient);
    assert_eq!(reason, "status 502 (6 tries)");
    assert_eq!(requests.len(), 6);
}

#[test]
fn the_wait_that_a_busy_server_asks_for_is_kept() {
    let (found, requests) = one_tile(&options(), |request| match request.nth {
        0 => Reply::Answer(429, vec![("Retry-After", "1".to_owned())], vec![]),
        _ => Reply::ok("image"),
    });
    assert_payload(&found, b"image");
    assert!(requests[1].at - requests[0].at >= Duration::from_secs(1));
}

#[test]
fn requests_that_queue_behind_a_busy_answer_keep_its_wait_too() {
    let server = TileServer::start(|request| match request.nth {
        0 => Reply::Answer(429, vec![("Retry-After", "1".to_owned())], vec![]),
        _ => Reply::ok("image"),
    });
    let mut options = options();
    options.http.connections = Some(1);
    let source = open(&server.template(PATH), &options).unwrap();
    thread::scope(|scope| {
        for column in 0..4 {
            let source = &*source;
            scope.spawn(move || {
                let mut unit = unit(3);
                unit.block.x += column;
                fetch(source, &unit).unwrap();
            });
        }
    });
    let requests = server.requests();
    assert_eq!(requests.len(), 13);
    assert!(requests[1].at - requests[0].at >= Duration::from_secs(1));
}

#[test]
fn a_refusal_of_one_tile_alone_neither_stops_the_run_nor_hides_missing_imagery() {
    let server = TileServer::start(|_| Reply::status(400));
    let source = open(&server.template(PATH), &options()).unwrap();
    for found in fetch(&*source, &unit(60)).unwrap().into_values() {
        let Fetched::Failed(failure) = found else {
            panic!("{found:?}")
        };
        assert_eq!(failure.retry, RetryClass::Permanent);
        assert_eq!(failure.reason, "status 400");
    }
    let no_tile = |_: &Request| {
        let headers = vec![("X-VE-Tile-Info", "no-tile".to_owned())];
        Reply::Answer(403, headers, vec![])
    };
    assert!(matches!(
        one_tile(&options(), no_tile).0,
        Fetched::NoImagery
    ));
    let mut options = options();
    options.http.no_imagery_statuses = vec![403];
    let server = TileServer::start(|_| Reply::status(403));
    let source = open(&server.template(PATH), &options).unwrap();
    let found = fetch(&*source, &unit(60)).unwrap();
    assert!(found.values().all(|f| matches!(f, Fetched::NoImagery)));
}

#[test]
fn a_rule_given_later_holds_for_what_the_cache_holds() {
    let folder = tempfile::tempdir().unwrap();
    let server = TileServer::start(|_| Reply::ok(jpeg()));
    let mut options = options();
    options.http.cache = Some(folder.path().join("cache.mbtiles"));
    let template = server.template(PATH);
    fetch(&*open(&template, &options).unwrap(), &unit(5)).unwrap();
    options.http.no_imagery_hashes = vec![BodyHash::sha256_of(&jpeg())];
    let found = fetch(&*open(&template, &options).unwrap(), &unit(5)).unwrap();
    assert!(found.values().all(|f| matches!(f, Fetched::NoImagery)));
    assert_eq!(server.requests().len(), 5);
}

#[test]
fn a_truncated_jpeg_is_asked_for_again_and_then_left_to_the_decoder() {
    let torn = || jpeg()[..jpeg().len() * 3 / 10].to_vec();
    let (found, _) = one_tile(&options(), move |request| {
        Reply::ok(if request.nth < 2 { torn() } else { jpeg() })
    });
    assert_payload(&found, &jpeg());
    let (found, requests) = one_tile(&options(), move |_| Reply::ok(torn()));
    let Fetched::Payload(payload) = found else {
        panic!("{found:?}")
    };
    let error = decode(&payload, RgbTile::new().as_bytes_mut()).unwrap_err();
    assert_eq!(error.to_string(), "truncated JPEG: no end marker");
    assert_eq!(requests.len(), 6);
}

#[test]
fn an_answer_that_stalls_is_given_up_and_asked_for_again() {
    let mut options = options();
    options.http.timing.stall = Duration::from_millis(200);
    let (found, requests) = one_tile(&options, |request| match request.nth {
        0 => Reply::Stall(b"an image that never comes".to_vec()),
        _ => Reply::ok("image"),
    });
    assert_payload(&found, b"image");
    assert_eq!(requests.len(), 2);
}

#[test]
fn an_error_page_with_status_200_is_named_by_the_decoder() {
    let (found, _) = one_tile(&options(), |_| Reply::ok("<!doctype html><h1>Oops</h1>"));
    let Fetched::Payload(payload) = found else {
        panic!("{found:?}")
    };
    let error = decode(&payload, RgbTile::new().as_bytes_mut()).unwrap_err();
    assert_eq!(error.to_string(), "an HTML page, not an image");
}

#[test]
fn repeated_refusals_stop_the_run_and_name_no_key() {
    let server = TileServer::start(|_| Reply::status(401));
    let mut options = options();
    options.http.connections = Some(4);
    let template = server.template("{z}/{x}/{y}.jpg?api_key=sesame-open");
    let source = open(&template, &options).unwrap();
    let error = fetch(&*source, &unit(200)).unwrap_err();
    let message = error.to_string();
    assert!(
        message.ends_with("refused 20 requests in a row (status 401)"),
        "{message}"
    );
    assert!(!message.contains("sesame") && !source.description().name.contains("sesame"));
    assert!(matches!(error, ImageryError::Refused { .. }), "{error}");
    let requests = server.requests();
    assert!(requests[0].path.ends_with("?api_key=sesame-open"));
    assert!(requests.len() <= 20 + 4, "{} requests", requests.len());
}

#[test]
fn a_success_between_refusals_lets_the_run_go_on() {
    let server = TileServer::start(|request| match request.nth % 10 {
        9 => Reply::ok("image"),
        _ => Reply::status(403),
    });
    let mut options = options();
    options.http.connections = Some(1);
    let source = open(&server.template(PATH), &options).unwrap();
    let found = fetch(&*source, &unit(100)).unwrap();
    let refused = found
        .values()
        .filter(|f| matches!(f, Fetched::Failed(failure) if failure.reason == "status 403"))
        .count();
    assert_eq!(refused, 90);
}

#[test]
fn a_server_that_goes_away_and_comes_back_costs_no_tile() {
    let server = TileServer::start(|request| match request.nth {
        20..60 => Reply::Close,
        _ => Reply::ok("image"),
    });
    let source = open(&server.template(PATH), &options()).unwrap();
    for (tile, found) in fetch(&*source, &unit(100)).unwrap() {
        assert!(matches!(found, Fetched::Payload(_)), "{tile}: {found:?}");
    }
}

#[test]
fn a_server_that_stays_away_stops_the_run_and_leaves_the_tiles_unvisited() {
    let free_port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free_port.local_addr().unwrap();
    drop(free_port);
    let mut options = options();
    options.http.timing.outage_max = Duration::from_millis(20);
    let source = open(&format!("http://{address}/{PATH}"), &options).unwrap();
    let mut emitted = 0;
    let error = source
        .fetch(&unit(300), &mut |_, _| {
            emitted += 1;
            ControlFlow::Continue(())
        })
        .unwrap_err();
    assert!(matches!(error, ImageryError::Unreachable { .. }), "{error}");
    assert_eq!(emitted, 0);
}

#[test]
fn a_redirect_is_followed_but_takes_no_header_to_another_host() {
    let target = TileServer::start(|_| Reply::ok("image"));
    let location = format!("http://localhost:{}/elsewhere", target.address.port());
    let redirect =
        move |_: &Request| Reply::Answer(302, vec![("Location", location.clone())], vec![]);
    let (found, _) = one_tile(&options(), redirect.clone());
    assert_payload(&found, b"image");
    assert_eq!(target.requests()[0].header("referer"), None);
    let mut options = options();
    options.http.headers = vec![("X-Key".to_owned(), "sesame".to_owned())];
    let (found, requests) = one_tile(&options, redirect);
    assert_eq!(requests[0].header("x-key"), Some("sesame"));
    let Fetched::Failed(failure) = found else {
        panic!("{found:?}")
    };
    assert_eq!(failure.retry, RetryClass::Permanent);
    assert!(
        failure.reason.contains("another host"),
        "{}",
        failure.reason
    );
    assert_eq!(target.requests().len(), 1);
}

#[test]
fn a_gzipped_body_is_unpacked() {
    let (found, requests) = one_tile(&options(), |_| {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(b"image").unwrap();
        let headers = vec![("Content-Encoding", "gzip".to_owned())];
        Reply::Answer(200, headers, packer.finish().unwrap())
    });
    assert_payload(&found, b"image");
    assert!(
        requests[0]
            .header("accept-encoding")
            .unwrap()
            .contains("gzip")
    );
}

#[test]
fn no_more_connections_are_used_than_allowed_and_all_of_them_are() {
    let together = Arc::new(Barrier::new(3));
    let server = TileServer::start(move |_| {
        // Passes only when three requests are under way at once.
        together.wait();
        Reply::ok("image")
    });
    let mut options = options();
    options.http.connections = Some(3);
    let source = open(&server.template(PATH), &options).unwrap();
    fetch(&*source, &unit(30)).unwrap();
    assert_eq!(server.in_flight_max(), 3);
}

#[test]
fn no_more_requests_a_second_are_made_than_allowed() {
    let server = TileServer::start(|_| Reply::ok("image"));
    let mut options = options();
    options.http.rate = Some(40.0);
    let source = open(&server.template(PATH), &options).unwrap();
    fetch(&*source, &unit(13)).unwrap();
    let requests = server.requests();
    let span = requests[12].at - requests[0].at;
    // Twelve intervals of 25 ms, less what the first requests wait for their connections.
    assert!(span >= Duration::from_millis(250), "{span:?}");
}

#[test]
fn what_the_cache_holds_is_not_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let image = jpeg();
    let server = TileServer::start(move |request| {
        if request.path.ends_with("2.jpg") {
            Reply::status(404)
        } else {
            Reply::ok(image.clone())
        }
    });
    let mut options = options();
    options.http.cache = Some(folder.path().join("cache.mbtiles"));
    let template = server.template(PATH);
    let first = fetch(&*open(&template, &options).unwrap(), &unit(140)).unwrap();
    assert_eq!(server.requests().len(), 140);
    let again = fetch(&*open(&template, &options).unwrap(), &unit(140)).unwrap();
    assert_eq!(server.requests().len(), 140);
    for (tile, found) in &again {
        match (&first[tile], found) {
            (Fetched::Payload(a), Fetched::Payload(b)) => assert_eq!(a, b),
            (Fetched::NoImagery, Fetched::NoImagery) => {}
            other => panic!("{tile}: {other:?}"),
        }
    }
    // It is an MBTiles file that can be read like any other.
    let file = folder.path().join("cache.mbtiles");
    let stored = open(file.to_str().unwrap(), &SourceOptions::default()).unwrap();
    assert_eq!(fetch(&*stored, &unit(140)).unwrap().len(), 140);
}

#[test]
fn double_images_are_asked_for_once_for_their_four_tiles() {
    let double = double_jpeg();
    for path in ["{z}/{x}/{y}@2x.jpg", PATH] {
        let body = double.clone();
        let server = TileServer::start(move |_| Reply::ok(body.clone()));
        let mut options = options();
        options.http.connections = Some(1);
        let source = open(&server.template(path), &options).unwrap();
        // Two rows of 64 tiles: 32 double images.
        for (tile, found) in fetch(&*source, &unit(128)).unwrap() {
            assert!(matches!(found, Fetched::Pixels(_)), "{tile}: {found:?}");
        }
        let at_zoom_17 = server
            .requests()
            .iter()
            .filter(|request| request.path.starts_with("/17/"))
            .count();
        assert_eq!(at_zoom_17, 32);
        // Where the template does not say so, one request finds out.
        assert!(server.requests().len() <= 33);
    }
}

fn double_jpeg() -> Vec<u8> {
    let mut bytes = Vec::new();
    jpeg_encoder::Encoder::new(&mut bytes, 80)
        .encode(
            &vec![90; 512 * 512 * 3],
            512,
            512,
            jpeg_encoder::ColorType::Rgb,
        )
        .unwrap();
    bytes
}

#[test]
fn a_run_that_stops_does_not_wait_for_a_stalled_server() {
    let server = TileServer::start(|request| match request.nth {
        0 => Reply::ok("image"),
        _ => Reply::Stall(jpeg()),
    });
    let mut options = options();
    options.http.timing.stall = Duration::from_secs(3600);
    let source = open(&server.template(PATH), &options).unwrap();
    let mut emitted = 0;
    source
        .fetch(&unit(50), &mut |_, _| {
            emitted += 1;
            ControlFlow::Break(())
        })
        .unwrap();
    assert_eq!(emitted, 1);
}
