//! The classifier that asks servers: ours, and ones that misbehave.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{Method, Uri},
};
use hvmap::{
    predict::{Batch, Classifier, Model, PredictError, Predictions, remote::RemoteModel},
    serve::Server,
};

use crate::serving::{self, Serving, ask, bits_of, embedded, tiles};

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
    text: &'static str,
}

impl Unruly {
    fn start(real: std::net::SocketAddr, text: &'static str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let asked = Arc::<AtomicUsize>::default();
        let behind = Arc::new(Behind {
            real,
            asked: Arc::clone(&asked),
            text,
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
) -> Vec<u8> {
    if method == Method::POST && behind.asked.fetch_add(1, Ordering::SeqCst) > 0 {
        return behind.text.into();
    }
    let real = behind.real;
    tokio::task::spawn_blocking(move || ask(real, method.as_str(), uri.path(), &[], &body).body)
        .await
        .unwrap()
}

#[test]
fn a_served_model_scores_as_the_embedded_one_bit_for_bit() {
    let serving = Serving::start();
    let model = RemoteModel::connect(&[format!("{}:predict", url(serving.address()))]).unwrap();
    let got = classified(&mut *model.classifier().unwrap(), &images());
    let expected = embedded();
    assert_eq!(bits_of(&got.scores), bits_of(&expected.scores));
    assert_eq!(bits_of(&got.attribution), bits_of(&expected.attribution));
    assert!(model.info().trained_on_synthetic || model.info().adaptation.is_none());
}

#[test]
fn one_bad_image_costs_its_own_score_alone() {
    let serving = Serving::start();
    let model = RemoteModel::connect(&[url(serving.address())]).unwrap();
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
        let model = RemoteModel::connect(&urls).unwrap();
        let got = classified(&mut *model.classifier().unwrap(), &images());
        assert_eq!(bits_of(&got.scores), bits_of(&embedded().scores), "{text}");
        assert_eq!(unruly.asked.load(Ordering::SeqCst), 2, "{text}");
    }
}

#[test]
fn of_three_servers_one_may_die() {
    let [first, second, third] = [Serving::start(), Serving::start(), Serving::start()];
    let urls = [&first, &second, &third].map(|serving| url(serving.address()));
    let model = RemoteModel::connect(&urls).unwrap();
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
    let second = Server::start(&serving::config(folder.path())).unwrap();
    let error = RemoteModel::connect(&[url(first.address()), url(second.address())]).unwrap_err();
    assert!(
        error.to_string().contains("serves another model"),
        "{error}"
    );
}

#[test]
fn a_version_that_is_gone_is_an_error_and_not_another_versions_score() {
    let serving = Serving::start();
    let model = RemoteModel::connect(&[url(serving.address())]).unwrap();
    serving::add_version(serving.folder.path(), "2", "contract.onnx");
    let swapped = |text: String| text.contains("\"version\":\"2\",\"state\":\"AVAILABLE\"");
    while !swapped(
        String::from_utf8(ask(serving.address(), "GET", "/v1/models/half", &[], b"").body).unwrap(),
    ) {
        std::thread::yield_now();
    }
    let mut predictions = Predictions::default();
    let error = model
        .classifier()
        .unwrap()
        .classify(Batch::Encoded(&images()), &mut predictions)
        .unwrap_err();
    assert!(error.to_string().contains("Specific(half, 1)"), "{error}");
}

#[test]
fn a_url_that_serves_no_model_is_refused_at_the_start() {
    let serving = Serving::start();
    let address = serving.address();
    let missing = RemoteModel::connect(&[format!("http://{address}/v1/models/other")]);
    assert!(matches!(missing, Err(PredictError::Server { .. })));
    let elsewhere = RemoteModel::connect(&[format!("http://{address}/")]);
    assert!(matches!(elsewhere, Err(PredictError::Unusable { .. })));
}
