//! What to do about a model that cannot be used, or stopped answering.

use crate::{
    cli::CliError,
    predict::{Columns, PredictError, Searched, ServerFault, Unusable, onnx::Setting},
};

/// What the URL of a model server may look like.
const SERVER_URLS: &str = "expected one of\n\
     http://HOST:8501/v1/models/NAME   (TF Serving, KServe v1)\n\
     grpc://HOST:8500/NAME             (TF Serving)\n\
     http://HOST:8000/v2/models/NAME   (KServe v2)\n\
     grpc+v2://HOST:8001/NAME          (KServe v2)\n\
     or, with TLS, https://, grpcs:// and grpcs+v2://";

/// A model's trouble in the words of the command line, with what to do about it.
pub fn explain(error: PredictError) -> CliError {
    let hint = hint(&error);
    let error = match in_flags(&error) {
        Some(message) => CliError::new(message),
        None => CliError::from(error),
    };
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// Why a model would not run, in one clause.
pub fn reason(error: &PredictError) -> String {
    match error {
        PredictError::Unusable { reason, .. } => {
            unusable_in_flags(reason).unwrap_or_else(|| reason.to_string())
        }
        error => in_flags(error).unwrap_or_else(|| error.to_string()),
    }
}

/// What would make a model run that does not: all that is `open`, and what its error asks for, which
/// may be none of these, such as a flag that contradicts the file.
pub fn remedies(error: &PredictError, open: &[Unusable]) -> Vec<String> {
    let mut hints: Vec<String> = Vec::new();
    for hint in open.iter().filter_map(remedy).chain(hint(error)) {
        if !hints.contains(&hint) {
            hints.push(hint);
        }
    }
    hints
}

/// The message of an error that names flags; `None` where its own will do.
fn in_flags(error: &PredictError) -> Option<String> {
    match error {
        PredictError::Unusable { model, reason } => {
            let reason = unusable_in_flags(reason)?;
            Some(format!("model {model} cannot be used: {reason}"))
        }
        PredictError::LibraryNotFound { file, searched } => {
            let [Searched::Named(path)] = searched.as_slice() else {
                return None;
            };
            Some(format!(
                "ONNX Runtime's shared library was not found (looked for {file} in {} \
                 (--ort-library))",
                path.display()
            ))
        }
        PredictError::Server {
            url,
            reason: ServerFault::OutputsUntold { outputs },
        } => Some(format!(
            "the model server {url} cannot be used: a prediction holds several outputs ({outputs}); \
             --model-output says which are the scores"
        )),
        _ => None,
    }
}

fn unusable_in_flags(unusable: &Unusable) -> Option<String> {
    Some(match unusable {
        Unusable::PackagedAndTold(setting) => format!(
            "it is packaged and says all of it itself, but got {}",
            flag(*setting)
        ),
        Unusable::ServedAndTold(setting) => {
            format!("it says itself what {} would", flag(*setting))
        }
        Unusable::WrongSize {
            set_px,
            size_px,
            input,
        } => format!("--model-size is {set_px}, but {input} takes {size_px} × {size_px} pixels"),
        Unusable::WrongClasses { columns, named } => {
            format!("it answers {columns} scores, but --model-classes names {named}")
        }
        Unusable::NoPositives { .. } => "--model-positives names no class".to_owned(),
        Unusable::ActivationTwice { activation, maker } => {
            format!("--model-activation is {activation}, but its outputs come out of a {maker}")
        }
        Unusable::NoProbability { output } => {
            format!("--model-activation is none, but it answers {output}, expected 0 to 1")
        }
        Unusable::SoftmaxOfOne => {
            "--model-activation is softmax, but it answers a single score, which would be 1 always"
                .to_owned()
        }
        Unusable::SoftmaxOfProbabilities => {
            "--model-activation is softmax, but its answers are probabilities already: each row \
             adds up to 1"
                .to_owned()
        }
        _ => return None,
    })
}

fn flag(setting: Setting) -> &'static str {
    match setting {
        Setting::Layout => "--model-layout",
        Setting::Size => "--model-size",
        Setting::Preprocess => "--model-preprocess",
        Setting::Fit => "--model-fit",
        Setting::Activation => "--model-activation",
        Setting::Combine => "--model-combine",
        Setting::Classes => "--model-classes",
        Setting::Positives => "--model-positives",
        Setting::Output => "--model-output",
    }
}

/// What makes a model run that cannot be used as it is.
fn remedy(unusable: &Unusable) -> Option<String> {
    let hint = match unusable {
        Unusable::NotOnnx => {
            "the packager in python/ (hvmap-model) turns Keras models and SavedModels into ONNX files"
        }
        Unusable::ExternalWeights => {
            "in Python: onnx.save(onnx.load(\"model.onnx\"), \"whole.onnx\")"
        }
        Unusable::Shape { .. } => {
            "the packager in python/ (hvmap-model) turns Keras models and SavedModels into ones that \
             fit"
        }
        Unusable::Contract { .. } => "package the model again",
        Unusable::PackagedAndTold(setting) | Unusable::ServedAndTold(setting) => {
            return Some(format!("leave {} out", flag(*setting)));
        }
        Unusable::LayoutUntold { .. } => {
            "--model-layout nhwc (TensorFlow, Keras) or --model-layout nchw (PyTorch)"
        }
        Unusable::WrongLayout { other, .. } => return Some(format!("--model-layout {other}")),
        Unusable::WrongSize { .. } => "leave --model-size out",
        Unusable::SizeOfOtherImages {
            size_px, tile_px, ..
        } => {
            if size_px < tile_px {
                "--model-fit resize or --model-fit crop"
            } else {
                "--model-fit resize or --model-fit pad"
            }
        }
        Unusable::PreprocessUntold { .. } => {
            "--model-preprocess xception (x / 127.5 - 1), unit (x / 255), caffe, torch or none, or \
             --model-scale and --model-offset: as in training"
        }
        Unusable::BytesScaled { .. } => {
            "leave --model-preprocess, --model-scale and --model-offset out"
        }
        Unusable::NoSuchOutput { outputs, .. } => {
            return Some(format!("--model-output with one of {outputs}"));
        }
        Unusable::OutputUntold { .. } => "--model-output NAME",
        Unusable::WrongClasses { columns, .. } => {
            return Some(format!("--model-classes with {columns} names"));
        }
        Unusable::PositivesUntold { columns }
        | Unusable::NoSuchClass { columns, .. }
        | Unusable::NoPositives { columns } => return Some(positives(columns)),
        Unusable::ActivationUntold { maker } => match maker.as_deref() {
            Some("Softmax") => "--model-activation none, since its outputs come out of a Softmax",
            Some("Sigmoid") => "--model-activation none, since its outputs come out of a Sigmoid",
            _ => {
                "--model-activation none if its outputs are probabilities, softmax or sigmoid if \
                 they are logits"
            }
        },
        Unusable::ActivationTwice { .. } | Unusable::SoftmaxOfProbabilities => {
            "--model-activation none"
        }
        Unusable::NoProbability { .. } => {
            "--model-activation softmax or --model-activation sigmoid"
        }
        Unusable::SoftmaxOfOne => "--model-activation sigmoid for a logit, none for a probability",
        Unusable::CombineUntold => {
            "--model-combine sum if classes exclude each other (softmax), largest if they may occur \
             together (sigmoid)"
        }
        Unusable::Url(_) => SERVER_URLS,
        Unusable::OtherModel { .. } => "servers of one run must serve the same model",
        Unusable::NoMetadata => {
            "--input-key KEY says it, as in {\"instances\": [{\"KEY\": {\"b64\": …}}]}; \
             --model-positives and --model-activation say what its outputs mean"
        }
        Unusable::NoSuchInput { inputs, .. } => {
            return Some(format!("--input-key with one of {inputs}"));
        }
        Unusable::InputUnnamed => "--input-key KEY says what its input is called",
        Unusable::InputUntold { .. } => "--input-key KEY says which of them takes images",
        Unusable::InputOfOtherForm { .. } => {
            "encoded images (DT_STRING or BYTES, [n]) and pixels (uint8, [n, 256, 256, 3]) can be \
             sent; `hvmap serve` takes any model that hvmap-model has packaged"
        }
        Unusable::PixelsOverRest { .. } => {
            "numbers in JSON are some 40 times larger than images; ask it over gRPC: \
             grpc://HOST:8500/NAME"
        }
        Unusable::ServedOutputUntold { .. } => {
            "--model-output NAME says which of them holds the scores"
        }
        Unusable::NoCanaries => "--canary with a file that hvmap-model has packaged",
        Unusable::Lasting(_) => return None,
    };
    Some(hint.to_owned())
}

fn positives(columns: &Columns) -> String {
    let last = match columns {
        Columns::Named(names) => {
            return format!("--model-positives with some of {}", names.join(", "));
        }
        Columns::Numbered(Some(number)) => number.saturating_sub(1).to_string(),
        Columns::Numbered(None) => "N".to_owned(),
    };
    format!("--model-positives with some of 0 to {last}, the columns that mean a tower")
}

/// What to do about it, in lines to read or to paste.
pub fn hint(error: &PredictError) -> Option<String> {
    match error {
        PredictError::Unusable { reason, .. } => remedy(reason),
        PredictError::Canary { engine, .. } if engine.contains("openvino") => Some(
            "OpenVINO rounds bytes otherwise than ONNX Runtime does: an int8 model has to be \
             packaged where the Python package openvino is installed, which notes the scores \
             it gives\n\
             --device cpu runs it as it is"
                .into(),
        ),
        PredictError::Canary { .. } => Some(
            "the file may be damaged, or this processor, ONNX Runtime version or device \
             computes differently from those the model was packaged for\n\
             compare `hvmap model inspect` with the machine where it worked, or package the \
             model again"
                .into(),
        ),
        PredictError::LibraryNotFound { .. } => Some(
            "get it with `make ort` in hvmap's source folder, or with\n\
             pip download --no-deps --only-binary=:all: onnxruntime==1.31.1 && \
             unzip -j onnxruntime-*.whl 'onnxruntime/capi/libonnxruntime*' -d \
             \"${XDG_DATA_HOME:-$HOME/.local/share}/hvmap\"\n\
             or name the file with --ort-library FILE or ORT_DYLIB_PATH"
                .into(),
        ),
        PredictError::LibraryTooOld { .. } | PredictError::LibraryUnusable { .. } => Some(
            "`make ort` in hvmap's source folder gets a fitting one; name another with \
             --ort-library FILE or ORT_DYLIB_PATH"
                .into(),
        ),
        PredictError::DeviceUnavailable { device, .. } if device.starts_with("openvino") => Some(
            "`make ort-openvino` gets the ONNX Runtime that knows OpenVINO, for x86-64; bf16 \
             wants a processor that has it\n\
             --device cpu runs without"
                .into(),
        ),
        PredictError::DeviceUnavailable { .. } => Some(
            "`make ort-gpu` gets the ONNX Runtime that knows CUDA; it needs a driver, CUDA 13 \
             and cuDNN 9 on the machine\n\
             --device cpu runs without, and --device auto takes CUDA where it works"
                .into(),
        ),
        PredictError::Server { .. } => Some(
            "is it running, and does it serve this name? its status is at \
             http://HOST:8501/v1/models/NAME"
                .into(),
        ),
        PredictError::Silence { .. } => {
            Some("--server-patience S waits longer for servers that are being restarted".into())
        }
        PredictError::ModelChanged { compatible, .. } => Some(
            if *compatible {
                "serve the model of the run's start again, or mix the scores of both with \
                 --allow-model-change"
            } else {
                "serve the model of the run's start again"
            }
            .into(),
        ),
        PredictError::NotTheModel { reference, .. } => Some(format!(
            "serve the model of {reference}, with its precision, or name another file with \
             --canary"
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict::onnx::{Activation, Fit, Layout};

    fn unusable(reason: Unusable) -> PredictError {
        PredictError::Unusable {
            model: "m.onnx".to_owned(),
            reason,
        }
    }

    #[test]
    fn what_cannot_work_is_refused_with_the_flag_that_would_help() {
        let input = || "x float32 [N, 224, 224, 3]".to_owned();
        let of_size = |size_px, fit| Unusable::SizeOfOtherImages {
            size_px,
            tile_px: 256,
            fit,
        };
        let contract = "packager in python/ (hvmap-model)";
        for (reason, told) in [
            (
                Unusable::PreprocessUntold { input: input() },
                "--model-preprocess xception (x / 127.5 - 1)",
            ),
            (of_size(299, None), "--model-fit resize or --model-fit pad"),
            (of_size(224, None), "--model-fit resize or --model-fit crop"),
            (of_size(224, Some(Fit::Pad)), "--model-fit crop"),
            (of_size(299, Some(Fit::Crop)), "--model-fit pad"),
            (Unusable::LayoutUntold { input: input() }, "--model-layout"),
            (
                Unusable::WrongLayout {
                    layout: Layout::Nchw,
                    other: Layout::Nhwc,
                    channels: 256,
                    input: input(),
                },
                "--model-layout nhwc",
            ),
            (
                Unusable::WrongSize {
                    set_px: 224,
                    size_px: 256,
                    input: input(),
                },
                "leave --model-size out",
            ),
            (
                Unusable::BytesScaled {
                    input: input(),
                    preprocess: crate::predict::onnx::Preprocess::Affine {
                        scale: 1.0,
                        offset: 0.0,
                    },
                },
                "leave --model-preprocess",
            ),
            (
                Unusable::Shape {
                    got: input(),
                    expected: "a square".to_owned(),
                },
                contract,
            ),
            (
                Unusable::OutputUntold {
                    outputs: "p; q".to_owned(),
                },
                "--model-output NAME",
            ),
            (
                Unusable::NoSuchOutput {
                    name: "z".to_owned(),
                    outputs: "features float32 [N, 2048]".to_owned(),
                },
                "--model-output with one of features float32 [N, 2048]",
            ),
            (
                Unusable::NoSuchInput {
                    name: "c".to_owned(),
                    inputs: "a, b".to_owned(),
                },
                "--input-key with one of a, b",
            ),
            (Unusable::InputUnnamed, "--input-key KEY"),
            (Unusable::Url("its scheme is ftp".to_owned()), "grpc+v2://"),
        ] {
            let given = hint(&unusable(reason.clone())).unwrap();
            assert!(given.contains(told), "{reason:?}: {given}");
        }
    }

    #[test]
    fn messages_name_flags_and_not_settings() {
        let columns = Columns::Numbered(Some(3));
        let maker = "Softmax".to_owned();
        for (reason, told) in [
            (
                Unusable::PackagedAndTold(Setting::Preprocess),
                "it is packaged and says all of it itself, but got --model-preprocess",
            ),
            (
                Unusable::ServedAndTold(Setting::Activation),
                "it says itself what --model-activation would",
            ),
            (
                Unusable::WrongSize {
                    set_px: 224,
                    size_px: 256,
                    input: "x".to_owned(),
                },
                "--model-size is 224, but x takes 256 × 256 pixels",
            ),
            (
                Unusable::WrongClasses {
                    columns: 3,
                    named: 2,
                },
                "it answers 3 scores, but --model-classes names 2",
            ),
            (
                Unusable::NoPositives { columns },
                "--model-positives names no class",
            ),
            (
                Unusable::ActivationTwice {
                    activation: Activation::Softmax,
                    maker,
                },
                "--model-activation is softmax, but its outputs come out of a Softmax",
            ),
            (
                Unusable::NoProbability { output: 1.5 },
                "--model-activation is none, but it answers 1.5, expected 0 to 1",
            ),
        ] {
            let said = explain(unusable(reason)).error.to_string();
            assert_eq!(said, format!("model m.onnx cannot be used: {told}"));
        }
        let error = explain(PredictError::LibraryNotFound {
            file: "libonnxruntime.so".to_owned(),
            searched: vec![Searched::Named("/nowhere".into())],
        });
        let said = error.error.to_string();
        assert!(
            said.ends_with("libonnxruntime.so in /nowhere (--ort-library))"),
            "{said}"
        );
        assert!(error.hint.unwrap().contains("pip download"));
    }

    #[test]
    fn what_is_open_and_what_is_wrong_are_told_once_each() {
        let maker = Some("Softmax".to_owned());
        let columns = Columns::Numbered(Some(2));
        let open = [
            Unusable::ActivationUntold { maker },
            Unusable::PositivesUntold { columns },
        ];
        assert_eq!(
            remedies(&unusable(open[0].clone()), &open),
            [
                "--model-activation none, since its outputs come out of a Softmax",
                "--model-positives with some of 0 to 1, the columns that mean a tower",
            ]
        );
        assert_eq!(remedies(&unusable(Unusable::CombineUntold), &open).len(), 3);
    }
}
