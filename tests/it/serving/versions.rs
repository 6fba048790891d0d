//! Versions that come, go, and cannot be used.

use std::{fs, path::Path};

use hvmap::serve::{ServeError, Server, VersionPolicy};
use serde_json::Value;

use super::{Serving, add_version, rows, settings, tiles};

#[test]
fn of_the_latest_two_the_oldest_goes_when_a_third_comes() {
    let serving = Serving::start_with(|settings| {
        settings.models[0].versions = VersionPolicy::Latest(2);
    });
    let state = |status: &Value, version: &str| {
        let versions = status["model_version_status"].as_array().unwrap();
        let found = versions.iter().find(|status| status["version"] == version);
        found.map_or(Value::Null, |status| status["state"].clone())
    };
    for version in ["2", "3"] {
        add_version(serving.folder.path(), version, "contract.onnx");
        serving.wait_for_status(|status| state(status, version) == "AVAILABLE");
    }
    let status = serving.wait_for_status(|status| state(status, "1") == "END");
    assert_eq!(state(&status, "2"), "AVAILABLE");
}

#[test]
fn a_new_version_takes_over_and_a_broken_one_does_not() {
    let serving = Serving::start();
    add_version(serving.folder.path(), "2", "bad_canaries.onnx");
    let failed = |status: &Value| {
        let newest = &status["model_version_status"][0];
        newest["version"] == "2" && newest["state"] == "END"
    };
    let status = serving.wait_for_status(failed);
    let newest = &status["model_version_status"][0]["status"];
    assert_eq!(newest["error_code"], "UNKNOWN");
    assert!(
        newest["error_message"]
            .as_str()
            .unwrap()
            .contains("canary tile")
    );
    assert_eq!(status["model_version_status"][1]["state"], "AVAILABLE");
    assert_eq!(serving.predict(&rows(&tiles())).status, 200);

    add_version(serving.folder.path(), "003", "contract.onnx");
    serving.wait_for_status(|status| {
        let versions = &status["model_version_status"];
        versions[0]["version"] == "3" && versions[2]["state"] == "END"
    });
    assert_eq!(serving.predict(&rows(&tiles())).status, 200);
    serving
        .post(
            "/v1/models/half/versions/1:predict",
            r#"{"instances":["a"]}"#,
        )
        .is_error(404, "half/3");
}

#[test]
fn a_server_does_not_start_with_a_model_that_it_could_not_answer_for() {
    let refusal = |fill: &dyn Fn(&Path)| {
        let folder = tempfile::tempdir().unwrap();
        fill(folder.path());
        Server::start(&settings(folder.path())).unwrap_err()
    };
    assert!(matches!(refusal(&|_| {}), ServeError::NoVersion { .. }));
    let wrong = refusal(&|folder| add_version(folder, "1", "bad_canaries.onnx"));
    assert!(matches!(wrong, ServeError::Model(_)), "{wrong}");
    let bare = refusal(&|folder| add_version(folder, "1", "nhwc_probabilities.onnx"));
    assert!(matches!(bare, ServeError::Unfit { .. }), "{bare}");
    let saved = refusal(&|folder| {
        fs::create_dir(folder.join("1")).unwrap();
        fs::write(folder.join("1/saved_model.pb"), "").unwrap();
    });
    assert!(matches!(saved, ServeError::SavedModel { .. }));
}
