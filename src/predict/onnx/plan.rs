//! How tiles go into a model and which of its outputs come back: decided before the first tile.

use ort::value::{Outlet, TensorElementType, ValueType};

use super::{
    contract::Contract,
    pixels::PixelPlan,
    settings::{AdaptationFlags, Fit, Layout, NamedPreprocess, Preprocess},
};
use crate::{predict::PredictError, tiles::TILE_SIZE_PX};

/// A dimension that the file leaves open.
const OPEN: i64 = -1;

/// The names and types of a model's inputs and outputs.
#[derive(Clone, Debug)]
pub struct Signature {
    pub inputs: Vec<Port>,
    pub outputs: Vec<Port>,
}

impl Signature {
    /// As the file has it, which leaves the number of images open, where a session was opened for a
    /// certain number of them.
    #[must_use]
    pub fn with_open_batch(mut self) -> Self {
        for port in self.inputs.iter_mut().chain(&mut self.outputs) {
            if let Some(images) = port.shape.first_mut() {
                *images = OPEN;
            }
        }
        self
    }
}

/// One input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    pub name: String,
    /// `None` for what is no tensor.
    pub element: Option<TensorElementType>,
    /// Dimensions; −1 where the file leaves one open.
    pub shape: Vec<i64>,
}

impl Port {
    /// Scores a tile, if this is an output of scores and the file says how many.
    #[must_use]
    pub fn columns(&self) -> Option<usize> {
        match *self.shape.as_slice() {
            [_] => Some(1),
            [_, columns] => usize::try_from(columns).ok(),
            _ => None,
        }
    }

    #[must_use]
    pub fn of(outlet: &Outlet) -> Self {
        let (element, shape) = match outlet.dtype() {
            ValueType::Tensor { ty, shape, .. } => (Some(*ty), shape.to_vec()),
            _ => (None, Vec::new()),
        };
        Self {
            name: outlet.name().to_owned(),
            element,
            shape,
        }
    }

    /// The element's type in ONNX's words.
    #[must_use]
    pub fn element_name(&self) -> String {
        match self.element {
            None => "no tensor".into(),
            Some(TensorElementType::Float32) => "float32".into(),
            Some(TensorElementType::Float16) => "float16".into(),
            Some(TensorElementType::Uint8) => "uint8".into(),
            Some(other) => other.to_string(),
        }
    }
}

impl std::fmt::Display for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shape: Vec<String> = self
            .shape
            .iter()
            .enumerate()
            .map(|(index, &size)| match (index, size) {
                (0, OPEN) => "N".into(),
                (_, OPEN) => "?".into(),
                (_, size) => size.to_string(),
            })
            .collect();
        let element = self.element_name();
        write!(f, "{} {element} [{}]", self.name, shape.join(", "))
    }
}

/// The numbers that a model's input takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    U8,
    F32,
}

impl Element {
    fn of(input: &Port) -> Option<Self> {
        match input.element {
            Some(TensorElementType::Uint8) => Some(Self::U8),
            Some(TensorElementType::Float32) => Some(Self::F32),
            _ => None,
        }
    }
}

/// How tiles go in and which outputs come back.
#[derive(Clone, Debug)]
pub struct Plan {
    pub element: Element,
    /// What has to be done to a tile's bytes; `None` where the model takes them as they are.
    pub pixels: Option<PixelPlan>,
    /// The number of images that a run takes, where the file fixes it.
    pub batch_fixed: Option<usize>,
    /// Position of the scores among the outputs.
    pub scores: usize,
    /// Position of the attribution among the outputs.
    pub attribution: Option<usize>,
}

impl Plan {
    /// The plan of a packaged model.
    ///
    /// # Errors
    /// When its inputs and outputs are not those of the contract.
    pub fn of_contract(
        model: &str,
        signature: &Signature,
        contract: &Contract,
    ) -> Result<Self, PredictError> {
        let refuse = |got: &str, expected: &str| {
            Err(PredictError::Unusable {
                model: model.to_owned(),
                reason: format!(
                    "its metadata says that it is packaged, but got {got}, expected {expected}"
                ),
                hint: Some("package the model again".into()),
            })
        };
        let tile = i64::from(TILE_SIZE_PX);
        let [input] = signature.inputs.as_slice() else {
            return refuse(&listed(&signature.inputs), "one input");
        };
        if input.element != Some(TensorElementType::Uint8)
            || input.shape.len() != 4
            || input.shape[1..] != [tile, tile, 3]
        {
            return refuse(
                &input.to_string(),
                &format!("image uint8 [N, {tile}, {tile}, 3]"),
            );
        }
        let port = |name: &str| signature.outputs.iter().position(|port| port.name == name);
        let Some(scores) = port("scores") else {
            return refuse(
                &format!("the outputs {}", listed(&signature.outputs)),
                "an output named scores",
            );
        };
        let classes = contract.classes.len();
        let output = &signature.outputs[scores];
        if !is_float_matrix(output, classes) {
            return refuse(
                &output.to_string(),
                &format!("scores float32 [N, {classes}]"),
            );
        }
        let attribution = match (port("attribution"), &contract.attribution) {
            (Some(index), Some(map)) => {
                let output = &signature.outputs[index];
                let cells = [map.rows_px.len() as i64, map.columns_px.len() as i64];
                let fits = output.element == Some(TensorElementType::Float32)
                    && output.shape.len() == 3
                    && output.shape[1..]
                        .iter()
                        .zip(cells)
                        .all(|(&size, cells)| size == OPEN || size == cells);
                if !fits {
                    return refuse(
                        &output.to_string(),
                        &format!("attribution float32 [N, {}, {}]", cells[0], cells[1]),
                    );
                }
                Some(index)
            }
            (None, None) => None,
            (Some(_), None) => {
                return refuse(
                    "an output named attribution without its cells' pixels",
                    "hvmap.attribution_columns_px and hvmap.attribution_rows_px",
                );
            }
            (None, Some(_)) => {
                return refuse(
                    &format!("the outputs {}", listed(&signature.outputs)),
                    "an output named attribution",
                );
            }
        };
        Ok(Self {
            element: Element::U8,
            pixels: None,
            batch_fixed: fixed(input.shape[0]),
            scores,
            attribution,
        })
    }

    /// The plan of a model that was not packaged, by what flags say about it.
    ///
    /// # Errors
    /// When its shape cannot work, or when a flag is missing that nothing in the file answers: the
    /// hint names the flags that would make it run.
    pub fn of_flags(
        model: &str,
        signature: &Signature,
        flags: &AdaptationFlags,
    ) -> Result<Self, PredictError> {
        let refusal = Refusal { model };
        let [input] = signature.inputs.as_slice() else {
            return refusal.fatal(
                &format!("the inputs {}", listed(&signature.inputs)),
                "one input that takes images",
            );
        };
        let &[batch, _, _, _] = input.shape.as_slice() else {
            return refusal.fatal(
                &format!("the input {input}"),
                "four dimensions: batch, height, width, channels in some order",
            );
        };
        let Some(element) = Element::of(input) else {
            return refusal.fatal(&format!("the input {input}"), "uint8 or float32 numbers");
        };
        let layout = layout(refusal, input, flags.layout)?;
        let size_px = size_px(refusal, input, layout, flags)?;
        let preprocess = preprocess(refusal, input, element, flags.preprocess)?;
        let scores = scores_output(refusal, signature, flags.output.as_deref())?;

        let as_it_is =
            element == Element::U8 && layout == Layout::Nhwc && size_px == TILE_SIZE_PX as usize;
        Ok(Self {
            element,
            pixels: (!as_it_is).then(|| PixelPlan::new(layout, size_px, flags.fit, preprocess)),
            batch_fixed: fixed(batch),
            scores,
            attribution: None,
        })
    }
}

/// Every flag that a model still needs and that [`Plan::of_flags`] would ask for one at a time, as
/// hints; empty where shapes and flags leave nothing open.
#[must_use]
pub fn missing_flags(signature: &Signature, flags: &AdaptationFlags) -> Vec<String> {
    let refusal = Refusal { model: "" };
    let mut hints = Vec::new();
    let mut note = |error: PredictError| hints.extend(error.hint());
    if let [input] = signature.inputs.as_slice()
        && input.shape.len() == 4
        && let Some(element) = Element::of(input)
    {
        let layout = layout(refusal, input, flags.layout).unwrap_or_else(|error| {
            note(error);
            Layout::Nhwc
        });
        if let Err(error) = size_px(refusal, input, layout, flags) {
            note(error);
        }
        if let Err(error) = preprocess(refusal, input, element, flags.preprocess) {
            note(error);
        }
    }
    if let Err(error) = scores_output(refusal, signature, flags.output.as_deref()) {
        note(error);
    }
    hints.dedup();
    hints
}

/// The output that holds the scores, if flags and shapes agree on one.
#[must_use]
pub fn scores_port<'a>(signature: &'a Signature, flags: &AdaptationFlags) -> Option<&'a Port> {
    scores_output(Refusal { model: "" }, signature, flags.output.as_deref())
        .ok()
        .map(|index| &signature.outputs[index])
}

/// Says no to a model, with what was got and what is expected.
#[derive(Clone, Copy)]
struct Refusal<'a> {
    model: &'a str,
}

impl Refusal<'_> {
    /// No flag helps.
    fn fatal<T>(self, got: &str, expected: &str) -> Result<T, PredictError> {
        Err(PredictError::Unusable {
            model: self.model.to_owned(),
            reason: format!("got {got}, expected {expected}"),
            hint: Some(
                "the packager in python/ (hvmap-model) turns Keras models and SavedModels into \
                 ones that fit"
                    .into(),
            ),
        })
    }

    /// A flag helps.
    fn unless<T>(self, reason: String, flags: &str) -> Result<T, PredictError> {
        Err(PredictError::Unusable {
            model: self.model.to_owned(),
            reason,
            hint: Some(flags.to_owned()),
        })
    }
}

fn layout(
    refusal: Refusal<'_>,
    input: &Port,
    flag: Option<Layout>,
) -> Result<Layout, PredictError> {
    let may_be = |layout| matches!(channels(input, layout), 3 | OPEN);
    let only = |layout, other| channels(input, layout) == 3 && !may_be(other);
    match flag {
        Some(layout) if may_be(layout) => Ok(layout),
        Some(layout) => {
            let got = format!("{} channels in {input}", channels(input, layout));
            let other = match layout {
                Layout::Nhwc => Layout::Nchw,
                Layout::Nchw => Layout::Nhwc,
            };
            if may_be(other) {
                let reason = format!("as {layout} it has {got}, expected 3");
                refusal.unless(reason, &format!("--model-layout {other}"))
            } else {
                refusal.fatal(&got, "3, red, green and blue")
            }
        }
        None if only(Layout::Nhwc, Layout::Nchw) => Ok(Layout::Nhwc),
        None if only(Layout::Nchw, Layout::Nhwc) => Ok(Layout::Nchw),
        None if may_be(Layout::Nhwc) || may_be(Layout::Nchw) => refusal.unless(
            format!("the order of the dimensions of {input} cannot be told"),
            "--model-layout nhwc (TensorFlow, Keras) or --model-layout nchw (PyTorch)",
        ),
        None => refusal.fatal(
            &format!("the input {input}"),
            "3 channels, red, green and blue",
        ),
    }
}

fn channels(input: &Port, layout: Layout) -> i64 {
    match layout {
        Layout::Nhwc => input.shape[3],
        Layout::Nchw => input.shape[1],
    }
}

fn size_px(
    refusal: Refusal<'_>,
    input: &Port,
    layout: Layout,
    flags: &AdaptationFlags,
) -> Result<usize, PredictError> {
    let tile = TILE_SIZE_PX;
    let (height, width) = match layout {
        Layout::Nhwc => (input.shape[1], input.shape[2]),
        Layout::Nchw => (input.shape[2], input.shape[3]),
    };
    let size = match (height, width) {
        (OPEN, OPEN) => flags.size_px.unwrap_or(tile),
        (OPEN, size) | (size, OPEN) => u32::try_from(size).unwrap_or(0),
        (height, width) if height == width => u32::try_from(height).unwrap_or(0),
        _ => {
            return refusal.fatal(
                &format!("images of {width} × {height} pixels in {input}"),
                "a square",
            );
        }
    };
    if let Some(wanted) = flags.size_px
        && wanted != size
    {
        return refusal.unless(
            format!("--model-size is {wanted}, but {input} takes {size} × {size} pixels"),
            "leave --model-size out",
        );
    }
    if size == 0 {
        return refusal.fatal(&format!("the input {input}"), "at least one pixel");
    }
    let reason = format!("it takes images of {size} × {size} pixels, expected {tile} × {tile}");
    match flags.fit {
        None if size == tile => {}
        None if size < tile => {
            return refusal.unless(reason, "--model-fit resize or --model-fit crop");
        }
        None => return refusal.unless(reason, "--model-fit resize or --model-fit pad"),
        Some(Fit::Crop) if size > tile => {
            return refusal.unless(
                format!("{reason}: nothing to crop"),
                "--model-fit resize or --model-fit pad",
            );
        }
        Some(Fit::Pad) if size < tile => {
            return refusal.unless(
                format!("{reason}: nothing to pad"),
                "--model-fit resize or --model-fit crop",
            );
        }
        Some(_) => {}
    }
    Ok(size as usize)
}

fn preprocess(
    refusal: Refusal<'_>,
    input: &Port,
    element: Element,
    flag: Option<Preprocess>,
) -> Result<Preprocess, PredictError> {
    let none = Preprocess::Named(NamedPreprocess::None);
    match (element, flag) {
        (Element::F32, Some(preprocess)) => Ok(preprocess),
        (Element::F32, None) => refusal.unless(
            format!("{input} takes numbers, and the file does not say how bytes become them"),
            "--model-preprocess xception (x / 127.5 - 1), unit (x / 255), caffe, torch or none, or \
             --model-scale and --model-offset: as in training",
        ),
        (Element::U8, None) => Ok(none),
        (Element::U8, Some(preprocess)) if preprocess == none => Ok(none),
        (Element::U8, Some(preprocess)) => refusal.unless(
            format!("{input} takes bytes, which cannot be scaled ({preprocess})"),
            "leave --model-preprocess, --model-scale and --model-offset out",
        ),
    }
}

fn scores_output(
    refusal: Refusal<'_>,
    signature: &Signature,
    flag: Option<&str>,
) -> Result<usize, PredictError> {
    let outputs = &signature.outputs;
    let fits = |port: &Port| {
        port.element == Some(TensorElementType::Float32) && matches!(port.shape.len(), 1 | 2)
    };
    let expected = "float32 [N, classes]";
    if let Some(name) = flag {
        return match outputs.iter().position(|port| port.name == name) {
            Some(index) if fits(&outputs[index]) => Ok(index),
            Some(index) => refusal.fatal(&format!("the output {}", outputs[index]), expected),
            None => refusal.unless(
                format!("it has no output {name:?}"),
                &format!("--model-output with one of {}", listed(outputs)),
            ),
        };
    }
    let fitting: Vec<usize> = (0..outputs.len())
        .filter(|&index| fits(&outputs[index]))
        .collect();
    match fitting.as_slice() {
        [only] => Ok(*only),
        [] => refusal.fatal(&format!("the outputs {}", listed(outputs)), expected),
        _ => refusal.unless(
            format!("several outputs could hold the scores: {}", listed(outputs)),
            "--model-output NAME",
        ),
    }
}

fn is_float_matrix(port: &Port, columns: usize) -> bool {
    port.element == Some(TensorElementType::Float32)
        && port.shape.len() == 2
        && (port.shape[1] == OPEN || port.shape[1] == columns as i64)
}

fn fixed(batch: i64) -> Option<usize> {
    usize::try_from(batch).ok().filter(|&batch| batch > 0)
}

fn listed(ports: &[Port]) -> String {
    match ports {
        [] => "none".into(),
        _ => ports
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(name: &str, element: TensorElementType, shape: &[i64]) -> Port {
        Port {
            name: name.into(),
            element: Some(element),
            shape: shape.to_vec(),
        }
    }

    fn signature(element: TensorElementType, input: &[i64]) -> Signature {
        Signature {
            inputs: vec![port("x", element, input)],
            outputs: vec![port("y", TensorElementType::Float32, &[-1, 2])],
        }
    }

    fn float() -> AdaptationFlags {
        AdaptationFlags {
            preprocess: Some(Preprocess::Named(NamedPreprocess::Xception)),
            ..AdaptationFlags::default()
        }
    }

    fn plan(
        element: TensorElementType,
        input: &[i64],
        flags: &AdaptationFlags,
    ) -> Result<Plan, PredictError> {
        Plan::of_flags("m.onnx", &signature(element, input), flags)
    }

    const F32: TensorElementType = TensorElementType::Float32;
    const U8: TensorElementType = TensorElementType::Uint8;

    #[test]
    fn the_layout_is_read_from_the_shape_where_the_shape_tells() {
        let layout = |input: &[i64]| {
            let plan = plan(F32, input, &float()).unwrap();
            plan.pixels.unwrap().layout
        };
        assert_eq!(layout(&[-1, 256, 256, 3]), Layout::Nhwc);
        assert_eq!(layout(&[-1, 3, 256, 256]), Layout::Nchw);
        assert_eq!(layout(&[1, 256, -1, 3]), Layout::Nhwc);
    }

    #[test]
    fn bytes_of_the_contracts_shape_are_taken_as_they_are() {
        let plan = plan(U8, &[8, 256, 256, 3], &AdaptationFlags::default()).unwrap();
        assert!(plan.pixels.is_none());
        assert_eq!(plan.batch_fixed, Some(8));
    }

    #[test]
    fn what_cannot_work_is_refused_with_the_flag_that_would_help() {
        let flags = |change: fn(&mut AdaptationFlags)| {
            let mut flags = float();
            change(&mut flags);
            flags
        };
        let refused: [(TensorElementType, &[i64], AdaptationFlags, &str, &str); 12] = [
            (
                F32,
                &[-1, 256, 256, 3],
                AdaptationFlags::default(),
                "the file does not say",
                "--model-preprocess",
            ),
            (
                F32,
                &[-1, 299, 299, 3],
                float(),
                "299 × 299 pixels, expected 256 × 256",
                "--model-fit resize or --model-fit pad",
            ),
            (
                F32,
                &[-1, 3, 224, 224],
                float(),
                "224 × 224",
                "--model-fit resize or --model-fit crop",
            ),
            (
                F32,
                &[-1, 224, 224, 3],
                flags(|f| f.fit = Some(Fit::Pad)),
                "nothing to pad",
                "crop",
            ),
            (
                F32,
                &[-1, 299, 299, 3],
                flags(|f| f.fit = Some(Fit::Crop)),
                "nothing to crop",
                "pad",
            ),
            (
                F32,
                &[-1, -1, -1, -1],
                float(),
                "cannot be told",
                "--model-layout",
            ),
            (
                F32,
                &[-1, 256, 256, 3],
                flags(|f| f.layout = Some(Layout::Nchw)),
                "as nchw it has 256 channels",
                "--model-layout nhwc",
            ),
            (
                F32,
                &[-1, 256, 256, 3],
                flags(|f| f.size_px = Some(224)),
                "--model-size is 224",
                "leave --model-size out",
            ),
            (
                U8,
                &[-1, 256, 256, 3],
                float(),
                "cannot be scaled",
                "leave --model-preprocess",
            ),
            (
                F32,
                &[-1, 256, 128, 3],
                float(),
                "128 × 256 pixels",
                "hvmap-model",
            ),
            (
                F32,
                &[-1, 256, 256, 4],
                float(),
                "expected 3 channels",
                "hvmap-model",
            ),
            (F32, &[-1, 768], float(), "four dimensions", "hvmap-model"),
        ];
        for (element, input, flags, reason, hint) in refused {
            let error = plan(element, input, &flags).unwrap_err();
            assert!(error.to_string().contains(reason), "{input:?}: {error}");
            let given = error.hint().unwrap();
            assert!(given.contains(hint), "{input:?}: {given}");
        }
    }

    #[test]
    fn several_possible_outputs_need_a_name() {
        let mut signature = signature(U8, &[-1, 256, 256, 3]);
        signature.outputs.push(port("features", F32, &[-1, 2048]));
        let mut flags = AdaptationFlags::default();
        let error = Plan::of_flags("m.onnx", &signature, &flags).unwrap_err();
        assert!(error.hint().unwrap().contains("--model-output"));
        flags.output = Some("y".into());
        assert_eq!(
            Plan::of_flags("m.onnx", &signature, &flags).unwrap().scores,
            0
        );
        flags.output = Some("z".into());
        let error = Plan::of_flags("m.onnx", &signature, &flags).unwrap_err();
        assert!(error.hint().unwrap().contains("features float32 [N, 2048]"));
    }
}
