//! TF Serving's configuration files: protobuf in its text form.
//!
//! In: the files of models, of batching and of monitoring. Out: what of it this server does. Never: a
//! setting that is passed over in silence; a field that means nothing here is an error.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};

use super::{Batching, ModelFolder, ServeError, VersionPolicy};
use crate::wire::{
    DEFINITIONS,
    tensorflow::serving::{
        BatchingParameters, ModelConfig, ModelServerConfig, MonitoringConfig,
        file_system_storage_path_source_config::servable_version_policy::PolicyChoice,
        model_server_config::Config,
    },
};

/// The most images that a batch may be set to.
const BATCH_IMAGES_MAX: i64 = 1024;
/// The most images that a queue may be set to.
const QUEUE_IMAGES_MAX: i64 = 1_000_000;

/// What a batching file sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchingFile {
    /// Images in a batch.
    pub batch_size: Option<usize>,
    /// Classifiers at once.
    pub workers: Option<usize>,
    pub linger: Option<Duration>,
    pub queue_images_max: Option<usize>,
    pub request_images_max: Option<usize>,
}

impl BatchingFile {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, or says something that is impossible or not done here.
    pub fn read(path: &Path) -> Result<Self, ServeError> {
        let parameters: BatchingParameters = parse(path, "BatchingParameters")?;
        Self::of(&parameters).map_err(|reason| wrong(path, reason))
    }

    fn of(parameters: &BatchingParameters) -> Result<Self, String> {
        let within = |name: &str, value: Option<i64>, min: i64, max: i64| match value {
            Some(value) if !(min..=max).contains(&value) => {
                Err(format!("{name} is {value}, expected {min} to {max}"))
            }
            value => Ok(value),
        };
        let request = within(
            "max_batch_size",
            parameters.max_batch_size,
            1,
            i64::from(u32::MAX),
        )?;
        let execution = within(
            "max_execution_batch_size",
            parameters.max_execution_batch_size,
            1,
            BATCH_IMAGES_MAX,
        )?;
        let split = parameters.enable_large_batch_splitting;
        if execution.is_some() && split != Some(true) {
            return Err(
                "max_execution_batch_size is set, expected enable_large_batch_splitting \
                 { value: true } with it"
                    .into(),
            );
        }
        let (name, batch) = match execution {
            Some(_) => ("max_execution_batch_size", execution),
            None => (
                "max_batch_size",
                within("max_batch_size", request, 1, BATCH_IMAGES_MAX)?,
            ),
        };
        let allowed = &parameters.allowed_batch_sizes;
        if allowed.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(format!(
                "allowed_batch_sizes are {allowed:?}, expected numbers that rise"
            ));
        }
        if let Some(&last) = allowed.last()
            && Some(last) != batch
        {
            return Err(format!(
                "the last of allowed_batch_sizes is {last}, expected it to equal {name}"
            ));
        }
        let batches = within(
            "max_enqueued_batches",
            parameters.max_enqueued_batches,
            1,
            QUEUE_IMAGES_MAX,
        )?;
        let workers = within("num_batch_threads", parameters.num_batch_threads, 1, 1024)?;
        let linger = within(
            "batch_timeout_micros",
            parameters.batch_timeout_micros,
            0,
            10_000_000,
        )?;
        if parameters.pad_variable_length_inputs {
            return Err("pad_variable_length_inputs is set, but images have one size".into());
        }
        let queue = match (batches, batch) {
            (Some(batches), Some(batch)) => Some((batches * batch).min(QUEUE_IMAGES_MAX)),
            (Some(_), None) => {
                return Err("max_enqueued_batches is set, expected max_batch_size with it".into());
            }
            (None, _) => None,
        };
        let count = |number: Option<i64>| number.map(|number| number as usize);
        Ok(Self {
            batch_size: count(batch),
            workers: count(workers),
            linger: linger.map(|micros| Duration::from_micros(micros as u64)),
            queue_images_max: count(queue),
            request_images_max: count(request).filter(|_| split == Some(false)),
        })
    }

    /// Overrides what the file sets.
    pub fn apply(&self, batching: &mut Batching) {
        if let Some(linger) = self.linger {
            batching.linger = linger;
        }
        if let Some(images) = self.queue_images_max {
            batching.queue_images_max = images;
        }
        if self.request_images_max.is_some() {
            batching.request_images_max = self.request_images_max;
        }
    }
}

/// Reads a file of models (`ModelServerConfig`).
///
/// # Errors
/// As [`BatchingFile::read`].
pub fn read_models(path: &Path) -> Result<Vec<ModelFolder>, ServeError> {
    let config: ModelServerConfig = parse(path, "ModelServerConfig")?;
    let Some(Config::ModelConfigList(list)) = config.config else {
        return Err(wrong(path, "it holds no model_config_list".into()));
    };
    if list.config.is_empty() {
        return Err(wrong(path, "its model_config_list names no model".into()));
    }
    list.config
        .into_iter()
        .map(|model| model_folder(model).map_err(|reason| wrong(path, reason)))
        .collect()
}

fn model_folder(model: ModelConfig) -> Result<ModelFolder, String> {
    let name = model.name;
    if name.is_empty() {
        return Err("a model has no name".into());
    }
    if model.base_path.is_empty() {
        return Err(format!("the model {name} has no base_path"));
    }
    // Files written for TF Serving say tensorflow.
    if !matches!(&*model.model_platform, "" | "tensorflow" | "onnx") {
        return Err(format!(
            "the model_platform of {name} is {:?}, expected \"onnx\" (or \"tensorflow\", which \
             files written for TF Serving say)",
            model.model_platform
        ));
    }
    let number = |what: &str, number: i64| {
        u64::try_from(number)
            .map_err(|_| format!("{what} of {name} is {number}, expected 0 or more"))
    };
    let policy = model
        .model_version_policy
        .and_then(|policy| policy.policy_choice);
    let versions = match policy {
        None => VersionPolicy::Latest(1),
        Some(PolicyChoice::Latest(latest)) => {
            VersionPolicy::Latest(latest.num_versions.max(1) as usize)
        }
        Some(PolicyChoice::All(_)) => VersionPolicy::All,
        Some(PolicyChoice::Specific(specific)) if specific.versions.is_empty() => {
            return Err(format!("the specific policy of {name} names no versions"));
        }
        Some(PolicyChoice::Specific(specific)) => VersionPolicy::Specific(
            specific
                .versions
                .iter()
                .map(|&version| number("a version", version))
                .collect::<Result<_, _>>()?,
        ),
    };
    let labels = model
        .version_labels
        .iter()
        .map(|(label, &version)| Ok((label.clone(), number("a labelled version", version)?)))
        .collect::<Result<_, String>>()?;
    Ok(ModelFolder {
        path: PathBuf::from(model.base_path),
        versions,
        labels,
        name,
    })
}

/// Reads where a file of monitoring (`MonitoringConfig`) puts the metrics; `None` where it turns them off.
///
/// # Errors
/// As [`BatchingFile::read`].
pub fn read_metrics_path(path: &Path) -> Result<Option<String>, ServeError> {
    let config: MonitoringConfig = parse(path, "MonitoringConfig")?;
    let Some(prometheus) = config.prometheus_config.filter(|config| config.enable) else {
        return Ok(None);
    };
    if prometheus.path.is_empty() {
        return Ok(Some(super::METRICS_PATH.to_owned()));
    }
    if !prometheus.path.starts_with('/') {
        return Err(wrong(
            path,
            format!("the path {:?} does not begin with /", prometheus.path),
        ));
    }
    Ok(Some(prometheus.path))
}

fn parse<M: Message + Default>(path: &Path, name: &str) -> Result<M, ServeError> {
    let text = fs::read_to_string(path).map_err(|source| ServeError::ReadFile {
        path: path.to_owned(),
        source,
    })?;
    let pool = DescriptorPool::decode(DEFINITIONS).expect("the build compiled them");
    let descriptor = pool
        .get_message_by_name(&format!("tensorflow.serving.{name}"))
        .expect("the build compiled it");
    DynamicMessage::parse_text_format(descriptor, &text)
        .map_err(|error| wrong(path, error.to_string()))?
        .transcode_to()
        .map_err(|error| wrong(path, error.to_string()))
}

fn wrong(path: &Path, reason: String) -> ServeError {
    ServeError::WrongFile {
        path: path.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn models_are_read_as_tf_servings_own_example_has_them() {
        let file = written(
            r#"
            # Two models.
            model_config_list {
              config {
                name: 'first'
                base_path: '/models/first/'
                model_platform: 'tensorflow'
                model_version_policy { specific { versions: 42 versions: 43 } }
                version_labels { key: 'stable' value: 42 }
                version_labels { key: 'canary' value: 43 }
              }
              config: {
                name: "second",
                base_path: "/models/second",
                model_version_policy: { latest: { num_versions: 2 } }
              }
            }"#,
        );
        let models = read_models(file.path()).unwrap();
        assert_eq!(models[0].name, "first");
        assert_eq!(models[0].path, Path::new("/models/first/"));
        assert_eq!(models[0].versions, VersionPolicy::Specific([42, 43].into()));
        let labels = [("stable".to_owned(), 42), ("canary".to_owned(), 43)];
        assert_eq!(models[0].labels, labels.into());
        assert_eq!(models[1].versions, VersionPolicy::Latest(2));
    }

    #[test]
    fn a_batching_file_is_read_whole() {
        let file = written(
            "max_batch_size { value: 128 }\nbatch_timeout_micros { value: 500 }\n\
             max_enqueued_batches { value: 10 }\nnum_batch_threads { value: 3 }\n\
             allowed_batch_sizes: 16\nallowed_batch_sizes: 32\n\
             max_execution_batch_size { value: 32 }\nenable_large_batch_splitting { value: true }",
        );
        let read = BatchingFile::read(file.path()).unwrap();
        let expected = BatchingFile {
            batch_size: Some(32),
            workers: Some(3),
            linger: Some(Duration::from_micros(500)),
            queue_images_max: Some(320),
            request_images_max: None,
        };
        assert_eq!(read, expected);
        let strict =
            written("max_batch_size { value: 8 } enable_large_batch_splitting { value: false }");
        let read = BatchingFile::read(strict.path()).unwrap();
        assert_eq!(read.request_images_max, Some(8));
    }

    #[test]
    fn metrics_stand_where_the_file_puts_them() {
        for (text, expected) in [
            ("", None),
            ("prometheus_config { enable: false path: '/x' }", None),
            (
                "prometheus_config { enable: true }",
                Some(crate::serve::METRICS_PATH),
            ),
            (
                "prometheus_config { enable: true, path: \"/metrics\" }",
                Some("/metrics"),
            ),
        ] {
            let read = read_metrics_path(written(text).path()).unwrap();
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn what_a_file_cannot_mean_is_told() {
        let models = |text: &str| read_models(written(text).path()).unwrap_err().to_string();
        let batching = |text: &str| {
            let error = BatchingFile::read(written(text).path()).unwrap_err();
            error.to_string()
        };
        let config = |text: &str| models(&format!("model_config_list {{ config {{ {text} }} }}"));
        for (said, expected) in [
            (models(""), "no model_config_list"),
            (models("model_config_list {}"), "names no model"),
            (models("model_config_list { config { nme: 'a' } }"), "nme"),
            (models("model_config_list {"), "reached end of input"),
            (config("name: 'a'"), "no base_path"),
            (config("base_path: '/a'"), "no name"),
            (
                config("name: 'a' base_path: '/a' model_platform: 'caffe'"),
                "\"caffe\", expected \"onnx\"",
            ),
            (
                config("name: 'a' base_path: '/a' model_version_policy { specific {} }"),
                "names no versions",
            ),
            (
                config("name: 'a' base_path: '/a' version_labels { key: 'x' value: -1 }"),
                "is -1, expected 0 or more",
            ),
            (batching("max_batch_size { value: 0 }"), "is 0, expected 1"),
            (
                batching("max_batch_size { value: 8 } allowed_batch_sizes: 4"),
                "expected it to equal max_batch_size",
            ),
            (
                batching("max_batch_size { value: 8 } allowed_batch_sizes: [8, 8]"),
                "expected numbers that rise",
            ),
            (
                batching("max_execution_batch_size { value: 8 }"),
                "expected enable_large_batch_splitting",
            ),
            (
                batching("max_enqueued_batches { value: 8 }"),
                "max_batch_size with it",
            ),
        ] {
            assert!(said.contains(expected), "{said:?} lacks {expected:?}");
        }
    }
}
