//! `:predict`, `:classify` and `:regress`: what they take and what they answer.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use super::{Serving, ask, b64, bits, bits_of, embedded, rows, tiles};

/// The fixture's classes.
const CLASSES: [&str; 3] = ["none", "tower", "mast"];

#[test]
fn the_client_of_2018_gets_the_scores_of_the_embedded_session_bit_for_bit() {
    let serving = Serving::start();
    let tiles = tiles();
    let answer = serving.predict(&rows(&tiles));
    assert_eq!(answer.status, 200);
    let json = answer.json();
    let predictions = json["predictions"].as_array().unwrap();
    assert_eq!(predictions.len(), tiles.len());
    assert_eq!(bits(&json["predictions"]), bits_of(&embedded().outputs));
}

#[test]
fn bare_rows_and_columns_are_answered_in_their_form() {
    let serving = Serving::start();
    let tiles = tiles();
    let expected = serving.predict(&rows(&tiles)).json()["predictions"].clone();
    let bare: Vec<Value> = tiles.iter().map(|tile| b64(tile)).collect();
    let answer = serving.predict(&json!({"instances": bare}));
    assert_eq!(answer.json(), json!({"predictions": expected}));
    for inputs in [json!(bare), json!({"image_bytes": bare, "other": 1})] {
        let answer = serving.predict(&json!({"inputs": inputs}));
        assert_eq!(answer.json(), json!({"outputs": expected}));
    }
}

#[test]
fn localize_adds_the_attribution_under_its_name() {
    let serving = Serving::start();
    let mut body = rows(&tiles());
    body["signature_name"] = json!("localize");
    let json = serving.predict(&body).json();
    let mut cells = Vec::new();
    for row in json["predictions"].as_array().unwrap() {
        assert!(row["scores"].is_array());
        cells.extend(bits(&row["attribution"]));
    }
    assert_eq!(cells, bits_of(embedded().located.grids()));

    let bare: Vec<Value> = tiles().iter().map(|tile| b64(tile)).collect();
    let body = json!({"inputs": bare, "signature_name": "localize"});
    let outputs = serving.predict(&body).json()["outputs"].clone();
    assert_eq!(outputs.as_object().unwrap().len(), 2);
    assert_eq!(bits(&outputs["scores"]), bits_of(&embedded().outputs));
    assert_eq!(bits(&outputs["attribution"]), cells);
}

#[test]
fn any_content_type_and_what_follows_the_root_are_passed_over() {
    let serving = Serving::start();
    let body = format!("{} trailing", rows(&tiles()));
    for content_type in [
        "Content-Type: application/x-www-form-urlencoded",
        "Content-Type: nonsense",
    ] {
        let path = "/v1/models/half/versions/1:PREDICT";
        let answer = ask(
            serving.address(),
            "POST",
            path,
            &[content_type],
            body.as_bytes(),
        );
        assert_eq!(answer.status, 200);
    }
}

#[test]
fn a_gzipped_body_is_inflated_up_to_a_bound() {
    let serving = Serving::start();
    let zipped = |body: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    };
    let post = |body: &[u8]| {
        let headers = ["Content-Encoding: gzip"];
        let path = "/v1/models/half:predict";
        ask(serving.address(), "POST", path, &headers, body)
    };
    assert_eq!(
        post(&zipped(rows(&tiles()).to_string().as_bytes())).status,
        200
    );
    post(b"not gzip").is_error(400, "inflate");
    let bomb = zipped(&vec![b' '; (100 << 20) + 1]);
    post(&bomb).is_error(400, "inflates to more than 100 MiB");
}

#[test]
fn bodies_that_are_wrong_are_told_what_was_expected() {
    let serving = Serving::start();
    let long = format!("{{\"instances\":{}", "[".repeat(10_000));
    for (body, text) in [
        ("", "JSON Parse error: The document is empty"),
        ("{", "JSON Parse error"),
        ("[1]", "Is not object"),
        (long.as_str(), "JSON Parse error"),
        ("{}", "Missing 'inputs' or 'instances' key"),
        (
            r#"{"instances":[],"inputs":[]}"#,
            "expecting only one of 'inputs' or 'instances' keys",
        ),
        (r#"{"instances":[]}"#, "No values in 'instances' array"),
        (
            r#"{"instances":{"b64":""}}"#,
            "'instances' to be an list/array",
        ),
        (
            r#"{"instances":[{"image":{"b64":"aGk="}}]}"#,
            "Failed to process element: 0 of 'instances' list. JSON object: keys must be equal to: \
             image_bytes, got \"image\"",
        ),
        (
            r#"{"instances":[{"image_bytes":"a","x":1}]}"#,
            "keys must be equal to: image_bytes, got \"image_bytes\", \"x\"",
        ),
        (
            r#"{"instances":["a",{"image_bytes":"b"}]}"#,
            "Expecting value/list but got object at item 1",
        ),
        (
            r#"{"instances":[{"image_bytes":"b"},"a"]}"#,
            "Expecting object but got list at item 1",
        ),
        (
            r#"{"instances":["a",{"b64":"?"}]}"#,
            "Failed to process element: 1 key: image_bytes of 'instances' list. Error: Unable",
        ),
        (
            r#"{"instances":[1]}"#,
            "a number is not of expected type: string",
        ),
        (r#"{"instances":[{"b64":"?"}]}"#, "Unable to base64 decode"),
        (
            r#"{"inputs":{"x":["a"]}}"#,
            "Missing named input: image_bytes in 'inputs' object.",
        ),
        (
            r#"{"instances":["a"],"signature_name":1}"#,
            "'signature_name' key must be a string value.",
        ),
        (
            r#"{"instances":["a"],"signature_name":"s"}"#,
            "Serving signature name: \"s\" not found in signature def; expected serving_default or \
             localize",
        ),
        (
            r#"{"instances":["a"]}"#,
            "element 0 of 1 is not a usable image",
        ),
    ] {
        serving
            .post("/v1/models/half:predict", body)
            .is_error(400, text);
    }
}

#[test]
fn numbers_that_json_does_not_have_are_taken_where_they_do_not_matter() {
    let serving = Serving::start();
    let tile = b64(&tiles()[0]).to_string();
    let body = format!(r#"{{"inputs":{{"image_bytes":[{tile}],"other":[NaN,-Infinity]}}}}"#);
    assert_eq!(serving.post("/v1/models/half:predict", &body).status, 200);
    serving
        .post("/v1/models/half:predict", r#"{"instances":[NaN]}"#)
        .is_error(400, "is not of expected type: string");
}

#[test]
fn classify_and_regress_answer_under_results() {
    let serving = Serving::start();
    let tiles = tiles();
    let examples: Vec<Value> = tiles
        .iter()
        .map(|tile| json!({"image_bytes": b64(tile)}))
        .collect();
    let body = json!({"examples": examples}).to_string();
    let expected = embedded();

    let classified = serving.post("/v1/models/half:classify", &body).json();
    let results = classified["results"].as_array().unwrap();
    let mut scores = Vec::new();
    for image in results {
        let pairs = image.as_array().unwrap();
        let labels: Vec<_> = pairs.iter().map(|pair| &pair[0]).collect();
        assert_eq!(labels, CLASSES);
        scores.extend(pairs.iter().flat_map(|pair| bits(&pair[1])));
    }
    assert_eq!(scores, bits_of(&expected.outputs));

    let regressed = serving.post("/v1/models/half:regress", &body).json();
    assert_eq!(bits(&regressed["results"]), bits_of(&expected.scores));

    for (body, text) in [
        ("{}", "key 'examples' is expected"),
        (r#"{"examples":{}}"#, "to be an list/array"),
        (r#"{"examples":[]}"#, "is an empty array"),
        (r#"{"examples":[1]}"#, "Example must be JSON object"),
        (
            r#"{"examples":[{"x":1}]}"#,
            "Feature: image_bytes (data type: string) is required",
        ),
        (
            r#"{"examples":[{"image_bytes":"a"}],"signature_name":"s"}"#,
            "No signature was found with the name: s",
        ),
    ] {
        serving
            .post("/v1/models/half:classify", body)
            .is_error(400, text);
    }
}

#[test]
fn a_request_larger_than_batch_and_queue_is_split_and_answered_in_order() {
    let serving = Serving::start();
    let tiles = tiles();
    let many: Vec<Vec<u8>> = tiles.iter().cycle().take(100).cloned().collect();
    let one = bits(&serving.predict(&rows(&tiles)).json()["predictions"]);
    let answer = serving.predict(&rows(&many)).json();
    let got = bits(&answer["predictions"]);
    let classes = one.len() / tiles.len();
    let expected: Vec<u32> = one.iter().copied().cycle().take(100 * classes).collect();
    assert_eq!(got, expected);
}
