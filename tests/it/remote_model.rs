//! The classifier that asks servers: ours, and ones that misbehave.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{Method, StatusCode, Uri},
};
use hvmap::{
    cli::hints::predict::hint,
    predict::{
        Batch, Classifier, ImageForm, Model, PredictError, Predictions,
        onnx::{Activation, AdaptationFlags, Combine},
        remote::{Reference, RemoteModel, RemoteSettings},
    },
    serve::Server,
};

use crate::{
    model_peer::{Behaviour, Fault, Peer},
    serving::{self, Serving, ask, bits_of, embedded, fixture, tiles},
};

/// Servers whose metadata says what their outputs mean.
fn connect(urls: &[String]) -> Result<RemoteModel, PredictError> {
    RemoteModel::connect(urls, &RemoteSettings::default())
}

/// What flags say of the fixture's model, where its server does not.
fn told() -> RemoteSettings {
    RemoteSettings {
        adaptation: AdaptationFlags {
            positives: Some(vec!["1".into(), "2".into()]),
            activation: Some(Activation::None),
            combine: Some(Combine::Sum),
            ..AdaptationFlags::default()
        },
        ..RemoteSettings::default()
    }
}

fn url(address: std::net::SocketAddr) -> String {
    format!("http://{address}/v1/models/half")
}

fn images() -> Vec<Bytes> {
    tiles().into_iter().map(Bytes::from).collect()
}

fn classified(classifier: &mut dyn Classifier, images: &[Bytes]) -> Predictions {
    let mut predictions = Predictions::default();
    classifier
        .classify(Batch::Encoded(images), &mut predictions)
        .unwrap();
    predictions
}

/// A server that passes the metadata and the first request on to a real one, and then answers
/// every request with the same text and status 200.
struct Unruly {
    address: std::net::SocketAddr,
    asked: Arc<AtomicUsize>,
    _runtime: tokio::runtime::Runtime,
}

struct Behind {
    real: std::net::SocketAddr,
    asked: Arc<AtomicUsize>,
    answer: Option<(StatusCode, &'static str)>,
    metadata: bool,
}

impl Unruly {
    fn start(real: std::net::SocketAddr, text: &'static str) -> Self {
        Self::between(real, Some((StatusCode::OK, text)), true)
    }

    /// Answers a status instead of 200.
    fn of_status(real: std::net::SocketAddr, status: u16) -> Self {
        let status = StatusCode::from_u16(status).unwrap();
        Self::between(real, Some((status, r#"{"error":"no"}"#)), true)
    }

    /// Passes all on but the metadata, as KServe v1 has none.
    fn without_metadata(real: std::net::SocketAddr) -> Self {
        Self::between(real, None, false)
    }

    fn between(
        real: std::net::SocketAddr,
        answer: Option<(StatusCode, &'static str)>,
        metadata: bool,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let asked = Arc::<AtomicUsize>::default();
        let behind = Arc::new(Behind {
            real,
            asked: Arc::clone(&asked),
            answer,
            metadata,
        });
        let router = Router::new().fallback(misbehave).with_state(behind);
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self {
            address,
            asked,
            _runtime: runtime,
        }
    }
}

async fn misbehave(
    State(behind): State<Arc<Behind>>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> (StatusCode, Vec<u8>) {
    if method == Method::POST
        && behind.asked.fetch_add(1, Ordering::SeqCst) > 0
        && let Some((status, text)) = behind.answer
    {
        return (status, text.into());
    }
    if !behind.metadata && uri.path().ends_with("/metadata") {
        return (StatusCode::NOT_FOUND, Vec::new());
    }
    let real = behind.real;
    let answer =
        tokio::task::spawn_blocking(move || ask(real, method.as_str(), uri.path(), &[], &body));
    (StatusCode::OK, answer.await.unwrap().body)
}

#[test]
fn a_served_model_scores_as_the_embedded_one_bit_for_bit() {
    let serving = Serving::start();
    let model = connect(&[format!("{}:predict", url(serving.address()))]).unwrap();
    let got = classified(&mut *model.classifier().unwrap(), &images());
    let expected = embedded();
    assert_eq!(bits_of(&got.scores), bits_of(&expected.scores));
    assert_eq!(
        bits_of(got.located.grids()),
        bits_of(expected.located.grids())
    );
    assert!(model.info().trained_on_synthetic || model.info().adaptation.is_none());
}

#[test]
fn every_protocol_of_hvmap_serve_gives_the_scores_of_the_embedded_session() {
    let serving = Serving::start();
    let (rest, grpc) = (serving.address(), serving.server.grpc_address());
    let urls = [
        format!("http://{rest}/v1/models/half"),
        format!("grpc://{grpc}/half"),
        format!("http://{rest}/v2/models/half"),
        format!("grpc+v2://{grpc}/half"),
    ];
    let expected = embedded();
    for url in &urls {
        let model = connect(std::slice::from_ref(url)).unwrap();
        let got = classified(&mut *model.classifier().unwrap(), &images());
        assert_eq!(bits_of(&got.scores), bits_of(&expected.scores), "{url}");
        assert_eq!(
            bits_of(got.located.grids()),
            bits_of(expected.located.grids()),
            "{url}"
        );
        // Each tells that it is the same file, so one run may spread over all of them.
        assert_eq!(model.info().classes, ["none", "tower", "mast"], "{url}");
    }
    connect(&urls).unwrap();
}

#[test]
fn one_bad_image_costs_its_own_score_alone() {
    let serving = Serving::start();
    let model = connect(&[url(serving.address())]).unwrap();
    let good = images();
    let mut mixed: Vec<Bytes> = good.iter().cycle().take(20).cloned().collect();
    mixed[13] = Bytes::from_static(b"no image");
    let got = classified(&mut *model.classifier().unwrap(), &mixed);
    let expected = bits_of(&embedded().scores);
    assert_eq!(got.scores.len(), 20);
    for (position, score) in got.scores.iter().enumerate() {
        if position == 13 {
            assert!(score.is_nan());
        } else {
            assert_eq!(score.to_bits(), expected[position % good.len()]);
        }
    }
}

#[test]
fn servers_that_answer_nonsense_are_left_for_one_that_does_not() {
    let good = Serving::start();
    for text in [
        "<html>Welcome</html>",
        "",
        "{}",
        r#"{"predictions":[[0.5]]}"#,
        r#"{"predictions":[]}"#,
    ] {
        let unruly = Unruly::start(good.address(), text);
        let urls = [url(unruly.address), url(good.address())];
        let model = connect(&urls).unwrap();
        let got = classified(&mut *model.classifier().unwrap(), &images());
        assert_eq!(bits_of(&got.scores), bits_of(&embedded().scores), "{text}");
        assert_eq!(unruly.asked.load(Ordering::SeqCst), 2, "{text}");
    }
}

#[test]
fn servers_that_are_busy_or_broken_are_left_and_ones_that_refuse_stop_the_run() {
    let good = Serving::start();
    for status in [429, 500, 502, 503, 504] {
        let unruly = Unruly::of_status(good.address(), status);
        let model = connect(&[url(unruly.address), url(good.address())]).unwrap();
        let got = classified(&mut *model.classifier().unwrap(), &images());
        assert_eq!(
            bits_of(&got.scores),
            bits_of(&embedded().scores),
            "{status}"
        );
        assert_eq!(unruly.asked.load(Ordering::SeqCst), 2, "{status}");
    }
    for status in [401, 403] {
        let unruly = Unruly::of_status(good.address(), status);
        let model = connect(&[url(unruly.address)]).unwrap();
        let error = model
            .classifier()
            .unwrap()
            .classify(Batch::Encoded(&images()), &mut Predictions::default())
            .unwrap_err();
        assert!(error.is_lasting());
        let said = error.to_string();
        assert!(said.contains(&format!("status {status}: no")), "{said}");
    }
}

#[test]
fn of_three_servers_one_may_die() {
    let [first, second, third] = [Serving::start(), Serving::start(), Serving::start()];
    let urls = [&first, &second, &third].map(|serving| url(serving.address()));
    let model = connect(&urls).unwrap();
    let images = images();
    let expected = bits_of(&embedded().scores);
    drop(first);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let mut classifier = model.classifier().unwrap();
                for _ in 0..5 {
                    let got = classified(&mut *classifier, &images);
                    assert_eq!(bits_of(&got.scores), expected);
                }
            });
        }
    });
}

#[test]
fn servers_of_different_models_are_refused_together() {
    let first = Serving::start();
    let folder = tempfile::tempdir().unwrap();
    serving::add_version(folder.path(), "1", "contract_sigmoid.onnx");
    let second = Server::start(&serving::settings(folder.path())).unwrap();
    let error = connect(&[url(first.address()), url(second.address())]).unwrap_err();
    assert!(
        error.to_string().contains("serves another model than"),
        "{error}"
    );
}

/// Waits until the folder has been looked at.
fn swapped_in(serving: &Serving, version: &str) {
    let wanted = format!("\"version\":\"{version}\",\"state\":\"AVAILABLE\"");
    loop {
        let body = ask(serving.address(), "GET", "/v1/models/half", &[], b"").body;
        if String::from_utf8(body).unwrap().contains(&wanted) {
            return;
        }
        std::thread::yield_now();
    }
}

#[test]
fn the_same_file_under_another_version_goes_on() {
    let serving = Serving::start();
    let model = connect(&[url(serving.address())]).unwrap();
    serving::add_version(serving.folder.path(), "2", "contract.onnx");
    swapped_in(&serving, "2");
    let got = classified(&mut *model.classifier().unwrap(), &images());
    assert_eq!(bits_of(&got.scores), bits_of(&embedded().scores));
}

#[test]
fn another_model_under_the_same_name_stops_a_run_unless_allowed() {
    for allowed in [false, true] {
        let serving = Serving::start();
        let settings = RemoteSettings {
            allow_model_change: allowed,
            ..RemoteSettings::default()
        };
        let urls = [url(serving.address())];
        let model = RemoteModel::connect(&urls, &settings).unwrap();
        serving::add_version(serving.folder.path(), "2", "contract_int8.onnx");
        swapped_in(&serving, "2");
        let mut predictions = Predictions::default();
        let classified = model
            .classifier()
            .unwrap()
            .classify(Batch::Encoded(&images()), &mut predictions);
        if allowed {
            classified.unwrap();
            assert_eq!(predictions.scores.len(), images().len());
            assert_ne!(bits_of(&predictions.scores), bits_of(&embedded().scores));
        } else {
            let error = classified.unwrap_err();
            assert!(
                matches!(error, PredictError::ModelChanged { .. }),
                "{error}"
            );
            assert!(error.is_lasting());
            assert!(hint(&error).unwrap().contains("--allow-model-change"));
        }
    }
}

/// `settings` with the canaries of a fixture.
fn held_against(model: &str, settings: RemoteSettings) -> RemoteSettings {
    RemoteSettings {
        reference: Some(Reference::read(&fixture(model)).unwrap()),
        ..settings
    }
}

#[test]
fn servers_of_every_kind_are_held_against_a_packaged_model() {
    let (serving, peer) = (Serving::start(), Peer::start(Behaviour::default()));
    let bare = Unruly::without_metadata(serving.address());
    let with_key = RemoteSettings {
        input_key: Some("image_bytes".into()),
        ..told()
    };
    let mut servers = vec![
        (url(serving.address()), RemoteSettings::default()),
        (peer.url(), told()),
        (url(bare.address), with_key),
    ];
    servers.extend(peer.open_inference_urls().map(|url| (url, told())));
    for (url, settings) in servers {
        let urls = [url];
        let right = held_against("contract.onnx", settings.clone());
        RemoteModel::connect(&urls, &right).unwrap();
        let wrong = held_against("contract_int8.onnx", settings);
        let error = RemoteModel::connect(&urls, &wrong).unwrap_err();
        let said = error.to_string();
        assert!(
            said.contains(&urls[0]) && said.contains("canary tile"),
            "{said}"
        );
        assert!(said.contains("contract_int8.onnx"), "{said}");
    }
}

#[test]
fn a_packaged_model_of_other_classes_is_not_the_served_one() {
    let (serving, peer) = (Serving::start(), Peer::start(Behaviour::default()));
    // Its classes are two.
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/data/models/demo.onnx");
    let demo = Reference::read(demo.as_ref()).unwrap();
    for (url, settings, said) in [
        (
            url(serving.address()),
            RemoteSettings::default(),
            "its classes are none, tower, mast, expected negative, tower",
        ),
        (peer.url(), told(), "it answers 3 scores a tile, expected 2"),
    ] {
        let settings = RemoteSettings {
            reference: Some(demo.clone()),
            ..settings
        };
        let error = RemoteModel::connect(&[url], &settings).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[test]
fn a_server_that_comes_back_is_held_against_the_packaged_model_again() {
    let retrained = |faulty_from| {
        Peer::start(Behaviour {
            faulty_from,
            fault: Fault::Retrained,
            ..Behaviour::default()
        })
    };
    // Its answers to the built-in tiles are as good as those before.
    let peer = retrained(1);
    let model = RemoteModel::connect(&[peer.url()], &told()).unwrap();
    classified(&mut *model.classifier().unwrap(), &images());

    // Built-in tiles and canaries are two requests.
    let peer = retrained(2);
    let settings = held_against("contract.onnx", told());
    let model = RemoteModel::connect(&[peer.url()], &settings).unwrap();
    let mut classifier = model.classifier().unwrap();
    let error = classifier
        .classify(Batch::Encoded(&images()), &mut Predictions::default())
        .unwrap_err();
    assert!(matches!(error, PredictError::NotTheModel { .. }), "{error}");
    assert!(error.is_lasting());
}

#[test]
fn only_a_packaged_model_has_canaries() {
    for (file, said) in [
        ("nhwc_probabilities.onnx", "holds no canary tiles"),
        ("no_such_file.onnx", "cannot read"),
        ("expected.json", "no ONNX file"),
    ] {
        let error = Reference::read(&fixture(file)).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[test]
fn a_url_that_serves_no_model_is_refused_at_the_start() {
    let serving = Serving::start();
    let address = serving.address();
    let missing = connect(&[format!("http://{address}/v1/models/other")]);
    assert!(matches!(missing, Err(PredictError::Server { .. })));
    let elsewhere = connect(&[format!("http://{address}/")]);
    assert!(matches!(elsewhere, Err(PredictError::Unusable { .. })));
}

#[test]
fn over_grpc_a_model_scores_as_the_embedded_one_bit_for_bit() {
    for pixels in [false, true] {
        let peer = Peer::start(Behaviour {
            pixels,
            ..Behaviour::default()
        });
        let model = RemoteModel::connect(&[peer.url()], &told()).unwrap();
        let mut classifier = model.classifier().unwrap();
        let expected = bits_of(&embedded().scores);
        if pixels {
            assert_eq!(classifier.form(), ImageForm::Rgb8);
            let pixels: Vec<u8> = images()
                .iter()
                .flat_map(|tile| {
                    let mut pixels = vec![0; hvmap::image::RGB_BYTES];
                    hvmap::image::decode(tile, &mut pixels).unwrap();
                    pixels
                })
                .collect();
            let mut predictions = Predictions::default();
            classifier
                .classify(Batch::Rgb8(&pixels), &mut predictions)
                .unwrap();
            assert_eq!(bits_of(&predictions.scores), expected);
        }
        let got = classified(&mut *classifier, &images());
        assert_eq!(bits_of(&got.scores), expected);
    }
}

#[test]
fn a_server_that_does_not_say_what_its_outputs_mean_needs_flags() {
    let peer = Peer::start(Behaviour::default());
    let error = connect(&[peer.url()]).unwrap_err();
    assert!(
        hint(&error).unwrap().contains("--model-positives"),
        "{error}"
    );
    let mut settings = told();
    settings.adaptation.activation = None;
    let error = RemoteModel::connect(&[peer.url()], &settings).unwrap_err();
    assert!(
        hint(&error).unwrap().contains("--model-activation"),
        "{error}"
    );
    settings = told();
    settings.input_key = Some("image_bytes".into());
    let error = RemoteModel::connect(&[peer.url()], &settings).unwrap_err();
    assert!(hint(&error).unwrap().contains("jpeg"), "{error}");
}

#[test]
fn flags_that_say_what_a_server_says_are_refused() {
    let serving = Serving::start();
    let error = RemoteModel::connect(&[url(serving.address())], &told()).unwrap_err();
    assert!(error.to_string().contains("says itself"), "{error}");
}

#[test]
fn one_bad_image_costs_its_own_score_alone_over_grpc_too() {
    for pixels in [false, true] {
        let peer = Peer::start(Behaviour {
            pixels,
            ..Behaviour::default()
        });
        let model = RemoteModel::connect(&[peer.url()], &told()).unwrap();
        let mut mixed = images();
        mixed[3] = Bytes::from_static(b"no image");
        let got = classified(&mut *model.classifier().unwrap(), &mixed);
        let expected = bits_of(&embedded().scores);
        for (position, score) in got.scores.iter().enumerate() {
            if position == 3 {
                assert!(score.is_nan());
            } else {
                assert_eq!(score.to_bits(), expected[position]);
            }
        }
    }
}

#[test]
fn servers_of_different_kinds_share_a_run_if_their_answers_agree() {
    let peers = [
        Peer::start(Behaviour::default()),
        Peer::start(Behaviour {
            pixels: true,
            version: 1,
            ..Behaviour::default()
        }),
    ];
    let urls: Vec<String> = peers.iter().map(Peer::url).collect();
    let model = RemoteModel::connect(&urls, &told()).unwrap();
    let before: Vec<usize> = peers.iter().map(Peer::asked).collect();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut classifier = model.classifier().unwrap();
                for _ in 0..4 {
                    let got = classified(&mut *classifier, &images());
                    assert_eq!(bits_of(&got.scores), bits_of(&embedded().scores));
                }
            });
        }
    });
    for (peer, before) in peers.iter().zip(before) {
        assert!(peer.asked() > before);
    }
}

#[test]
fn servers_whose_answers_disagree_are_refused_together() {
    let first = Peer::start(Behaviour::default());
    let second = Peer::start(Behaviour {
        model: "contract_sigmoid.onnx",
        ..Behaviour::default()
    });
    let error = RemoteModel::connect(&[first.url(), second.url()], &told()).unwrap_err();
    assert!(
        error.to_string().contains("serves another model than"),
        "{error}"
    );
}

#[test]
fn grpc_servers_that_fail_are_left_for_one_that_does_not() {
    let good = Peer::start(Behaviour::default());
    for fault in [
        Fault::NoOutput,
        Fault::OneRowTooFew,
        Fault::Busy,
        Fault::Internal,
    ] {
        let bad = Peer::start(Behaviour {
            faulty_from: 1,
            fault,
            ..Behaviour::default()
        });
        let model = RemoteModel::connect(&[bad.url(), good.url()], &told()).unwrap();
        let got = classified(&mut *model.classifier().unwrap(), &images());
        assert_eq!(
            bits_of(&got.scores),
            bits_of(&embedded().scores),
            "{fault:?}"
        );
        assert!(bad.asked() >= 2, "{fault:?}");
    }
}

#[test]
fn scores_that_are_no_numbers_are_no_scores() {
    let peer = Peer::start(Behaviour {
        faulty_from: 1,
        fault: Fault::NotANumber,
        ..Behaviour::default()
    });
    let model = RemoteModel::connect(&[peer.url()], &told()).unwrap();
    let got = classified(&mut *model.classifier().unwrap(), &images());
    assert!(got.scores.iter().all(|score| score.is_nan()));
}

#[test]
fn images_on_which_a_working_server_fails_again_and_again_are_given_up() {
    let peer = Peer::start(Behaviour {
        fails_on_images: Some(1),
        ..Behaviour::default()
    });
    let model = RemoteModel::connect(&[peer.url()], &told()).unwrap();
    let mut predictions = Predictions::default();
    let mut classifier = model.classifier().unwrap();
    let error = classifier
        .classify(Batch::Encoded(&images()[..1]), &mut predictions)
        .unwrap_err();
    assert!(
        matches!(error, PredictError::ImagesFailed { .. }),
        "{error}"
    );
    assert!(!error.is_lasting());
    let got = classified(&mut *classifier, &images());
    assert_eq!(bits_of(&got.scores), bits_of(&embedded().scores));
}

#[test]
fn when_no_server_answers_any_more_all_of_them_are_named_with_their_reasons() {
    let peer = Peer::start(Behaviour::default());
    let serving = Peer::start(Behaviour::default());
    let urls = [peer.url(), serving.url()];
    let settings = RemoteSettings {
        patience: std::time::Duration::from_millis(100),
        ..told()
    };
    let model = RemoteModel::connect(&urls, &settings).unwrap();
    drop((peer, serving));
    let mut classifier = model.classifier().unwrap();
    for _ in 0..3 {
        let error = classifier
            .classify(Batch::Encoded(&images()), &mut Predictions::default())
            .unwrap_err();
        assert!(error.is_lasting());
        for url in &urls {
            assert!(error.to_string().contains(url), "{error}");
        }
    }
}

#[test]
fn urls_of_no_known_form_are_refused_with_the_forms_there_are() {
    let error = connect(&["ftp://localhost/half".into()]).unwrap_err();
    assert!(hint(&error).unwrap().contains("grpc://HOST:8500/NAME"));
}

#[test]
fn over_the_open_inference_protocol_a_model_scores_as_the_embedded_one_bit_for_bit() {
    for pixels in [false, true] {
        let peer = Peer::start(Behaviour {
            pixels,
            ..Behaviour::default()
        });
        for url in peer.open_inference_urls() {
            let model = RemoteModel::connect(std::slice::from_ref(&url), &told()).unwrap();
            let mut mixed = images();
            mixed.push(Bytes::from_static(b"no image"));
            let got = classified(&mut *model.classifier().unwrap(), &mixed);
            let (last, good) = got.scores.split_last().unwrap();
            assert_eq!(bits_of(good), bits_of(&embedded().scores), "{url}");
            assert!(last.is_nan(), "{url}");
        }
    }
}

#[test]
fn a_model_that_open_inference_servers_do_not_know_is_refused_at_the_start() {
    let peer = Peer::start(Behaviour::default());
    for url in peer.open_inference_urls() {
        let other = url.replace("tower", "mast");
        let error = RemoteModel::connect(&[other], &told()).unwrap_err();
        assert!(error.to_string().contains("no such model"), "{error}");
    }
}

/// A KServe v1 server: readiness, no metadata, and predictions under whatever key its code takes.
#[test]
fn a_server_without_metadata_needs_the_name_of_its_input() {
    let real = Serving::start();
    let peer = Unruly::without_metadata(real.address());
    let urls = [url(peer.address)];
    let error = RemoteModel::connect(&urls, &told()).unwrap_err();
    assert!(hint(&error).unwrap().contains("--input-key"), "{error}");
    let settings = RemoteSettings {
        input_key: Some("image_bytes".into()),
        ..told()
    };
    let model = RemoteModel::connect(&urls, &settings).unwrap();
    let got = classified(&mut *model.classifier().unwrap(), &images());
    assert_eq!(bits_of(&got.scores), bits_of(&embedded().scores));
}

#[test]
fn a_server_that_takes_fewer_images_at_once_is_asked_for_no_more() {
    let peer = Peer::start(Behaviour {
        images_max: 4,
        ..Behaviour::default()
    });
    let model = RemoteModel::connect(&[peer.url()], &told()).unwrap();
    let good = images();
    let many: Vec<Bytes> = good.iter().cycle().take(32).cloned().collect();
    let mut classifier = model.classifier().unwrap();
    // 32, 16 and 8 are refused; after the first 4s nothing larger is sent.
    for requests in [3 + 8, 8] {
        let before = peer.asked();
        let got = classified(&mut *classifier, &many);
        assert_eq!(got.scores.len(), 32);
        assert!(got.scores.iter().all(|score| score.is_finite()));
        assert_eq!(peer.asked() - before, requests);
    }
}

#[test]
fn a_server_that_never_answers_is_left_for_one_that_does() {
    let silent = Peer::start(Behaviour {
        faulty_from: 1,
        fault: Fault::Silence,
        ..Behaviour::default()
    });
    let good = Peer::start(Behaviour::default());
    let settings = RemoteSettings {
        request_timeout: std::time::Duration::from_secs(2),
        ..told()
    };
    let model = RemoteModel::connect(&[silent.url(), good.url()], &settings).unwrap();
    let got = classified(&mut *model.classifier().unwrap(), &images());
    assert_eq!(bits_of(&got.scores), bits_of(&embedded().scores));
    assert_eq!(silent.asked(), 2);
}
