//! How tiles go into a model and which of its outputs come back: decided before the first tile.

use super::{
    contract::Contract,
    pixels::PixelPlan,
    settings::{AdaptationFlags, Fit, Layout, NamedPreprocess, Preprocess},
};
use crate::{
    predict::{
        Unusable,
        tensor::{ElementType, OPEN, Port, Signature},
    },
    tiles::TILE_SIZE_PX,
};

/// The numbers that a model's input takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    U8,
    F32,
}

impl Element {
    fn of(input: &Port) -> Option<Self> {
        match input.element {
            ElementType::Uint8 => Some(Self::U8),
            ElementType::Float32 => Some(Self::F32),
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
    pub fn of_contract(signature: &Signature, contract: &Contract) -> Result<Self, Unusable> {
        let refuse = |got: &str, expected: &str| {
            Err(Unusable::Contract {
                got: got.to_owned(),
                expected: expected.to_owned(),
            })
        };
        let tile = i64::from(TILE_SIZE_PX);
        let [input] = signature.inputs.as_slice() else {
            return refuse(&listed(&signature.inputs), "one input");
        };
        if input.element != ElementType::Uint8
            || input.sizes().len() != 4
            || input.sizes()[1..] != [tile, tile, 3]
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
                let fits = output.element == ElementType::Float32
                    && output.sizes().len() == 3
                    && output.sizes()[1..]
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
            batch_fixed: fixed(input.sizes()[0]),
            scores,
            attribution,
        })
    }

    /// The plan of a model that was not packaged, by what flags say about it.
    ///
    /// # Errors
    /// When its shape cannot work, or when nothing says what the file leaves open: the error tells
    /// what that is.
    pub fn of_flags(signature: &Signature, flags: &AdaptationFlags) -> Result<Self, Unusable> {
        let [input] = signature.inputs.as_slice() else {
            return misshapen(
                &format!("the inputs {}", listed(&signature.inputs)),
                "one input that takes images",
            );
        };
        let &[batch, _, _, _] = input.sizes() else {
            return misshapen(
                &format!("the input {input}"),
                "four dimensions: batch, height, width, channels in some order",
            );
        };
        let Some(element) = Element::of(input) else {
            return misshapen(&format!("the input {input}"), "uint8 or float32 numbers");
        };
        let layout = layout(input, flags.layout)?;
        let size_px = size_px(input, layout, flags)?;
        let preprocess = preprocess(input, element, flags.preprocess)?;
        let scores = scores_output(signature, flags.output.as_deref())?;

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

/// All that a model still needs to be told and that [`Plan::of_flags`] would ask for one at a time;
/// empty where shapes and flags leave nothing open.
#[must_use]
pub fn left_open(signature: &Signature, flags: &AdaptationFlags) -> Vec<Unusable> {
    let mut open = Vec::new();
    if let [input] = signature.inputs.as_slice()
        && input.sizes().len() == 4
        && let Some(element) = Element::of(input)
    {
        let layout = layout(input, flags.layout).unwrap_or_else(|unusable| {
            open.push(unusable);
            Layout::Nhwc
        });
        open.extend(size_px(input, layout, flags).err());
        open.extend(preprocess(input, element, flags.preprocess).err());
    }
    open.extend(scores_output(signature, flags.output.as_deref()).err());
    open
}

/// The output that holds the scores, if flags and shapes agree on one.
#[must_use]
pub fn scores_port<'a>(signature: &'a Signature, flags: &AdaptationFlags) -> Option<&'a Port> {
    scores_output(signature, flags.output.as_deref())
        .ok()
        .map(|index| &signature.outputs[index])
}

fn misshapen<T>(got: &str, expected: &str) -> Result<T, Unusable> {
    Err(Unusable::Shape {
        got: got.to_owned(),
        expected: expected.to_owned(),
    })
}

fn layout(input: &Port, flag: Option<Layout>) -> Result<Layout, Unusable> {
    let may_be = |layout| matches!(channels(input, layout), 3 | OPEN);
    let only = |layout, other| channels(input, layout) == 3 && !may_be(other);
    match flag {
        Some(layout) if may_be(layout) => Ok(layout),
        Some(layout) => {
            let channels = channels(input, layout);
            let other = match layout {
                Layout::Nhwc => Layout::Nchw,
                Layout::Nchw => Layout::Nhwc,
            };
            if may_be(other) {
                Err(Unusable::WrongLayout {
                    layout,
                    other,
                    channels,
                    input: input.to_string(),
                })
            } else {
                let got = format!("{channels} channels in {input}");
                misshapen(&got, "3, red, green and blue")
            }
        }
        None if only(Layout::Nhwc, Layout::Nchw) => Ok(Layout::Nhwc),
        None if only(Layout::Nchw, Layout::Nhwc) => Ok(Layout::Nchw),
        None if may_be(Layout::Nhwc) || may_be(Layout::Nchw) => Err(Unusable::LayoutUntold {
            input: input.to_string(),
        }),
        None => misshapen(
            &format!("the input {input}"),
            "3 channels, red, green and blue",
        ),
    }
}

fn channels(input: &Port, layout: Layout) -> i64 {
    match layout {
        Layout::Nhwc => input.sizes()[3],
        Layout::Nchw => input.sizes()[1],
    }
}

fn size_px(input: &Port, layout: Layout, flags: &AdaptationFlags) -> Result<usize, Unusable> {
    let tile = TILE_SIZE_PX;
    let (height, width) = match layout {
        Layout::Nhwc => (input.sizes()[1], input.sizes()[2]),
        Layout::Nchw => (input.sizes()[2], input.sizes()[3]),
    };
    let size = match (height, width) {
        (OPEN, OPEN) => flags.size_px.unwrap_or(tile),
        (OPEN, size) | (size, OPEN) => u32::try_from(size).unwrap_or(0),
        (height, width) if height == width => u32::try_from(height).unwrap_or(0),
        _ => {
            return misshapen(
                &format!("images of {width} × {height} pixels in {input}"),
                "a square",
            );
        }
    };
    if let Some(wanted) = flags.size_px
        && wanted != size
    {
        return Err(Unusable::WrongSize {
            set_px: wanted,
            size_px: size,
            input: input.to_string(),
        });
    }
    if size == 0 {
        return misshapen(&format!("the input {input}"), "at least one pixel");
    }
    match flags.fit {
        None if size == tile => {}
        Some(Fit::Crop) if size <= tile => {}
        Some(Fit::Pad) if size >= tile => {}
        Some(Fit::Resize) => {}
        fit => {
            return Err(Unusable::SizeOfOtherImages {
                size_px: size,
                tile_px: tile,
                fit,
            });
        }
    }
    Ok(size as usize)
}

fn preprocess(
    input: &Port,
    element: Element,
    flag: Option<Preprocess>,
) -> Result<Preprocess, Unusable> {
    let none = Preprocess::Named(NamedPreprocess::None);
    match (element, flag) {
        (Element::F32, Some(preprocess)) => Ok(preprocess),
        (Element::F32, None) => Err(Unusable::PreprocessUntold {
            input: input.to_string(),
        }),
        (Element::U8, None) => Ok(none),
        (Element::U8, Some(preprocess)) if preprocess == none => Ok(none),
        (Element::U8, Some(preprocess)) => Err(Unusable::BytesScaled {
            input: input.to_string(),
            preprocess,
        }),
    }
}

fn scores_output(signature: &Signature, flag: Option<&str>) -> Result<usize, Unusable> {
    let outputs = &signature.outputs;
    let fits =
        |port: &Port| port.element == ElementType::Float32 && matches!(port.sizes().len(), 1 | 2);
    let expected = "float32 [N, classes]";
    if let Some(name) = flag {
        return match outputs.iter().position(|port| port.name == name) {
            Some(index) if fits(&outputs[index]) => Ok(index),
            Some(index) => misshapen(&format!("the output {}", outputs[index]), expected),
            None => Err(Unusable::NoSuchOutput {
                name: name.to_owned(),
                outputs: listed(outputs),
            }),
        };
    }
    let fitting: Vec<usize> = (0..outputs.len())
        .filter(|&index| fits(&outputs[index]))
        .collect();
    match fitting.as_slice() {
        [only] => Ok(*only),
        [] => misshapen(&format!("the outputs {}", listed(outputs)), expected),
        _ => Err(Unusable::OutputUntold {
            outputs: listed(outputs),
        }),
    }
}

fn is_float_matrix(port: &Port, columns: usize) -> bool {
    port.element == ElementType::Float32
        && port.sizes().len() == 2
        && (port.sizes()[1] == OPEN || port.sizes()[1] == columns as i64)
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

    fn port(name: &str, element: ElementType, shape: &[i64]) -> Port {
        Port {
            name: name.into(),
            element,
            shape: Some(shape.to_vec()),
        }
    }

    fn signature(element: ElementType, input: &[i64]) -> Signature {
        Signature {
            inputs: vec![port("x", element, input)],
            outputs: vec![port("y", ElementType::Float32, &[-1, 2])],
        }
    }

    fn float() -> AdaptationFlags {
        AdaptationFlags {
            preprocess: Some(Preprocess::Named(NamedPreprocess::Xception)),
            ..AdaptationFlags::default()
        }
    }

    fn plan(
        element: ElementType,
        input: &[i64],
        flags: &AdaptationFlags,
    ) -> Result<Plan, Unusable> {
        Plan::of_flags(&signature(element, input), flags)
    }

    const F32: ElementType = ElementType::Float32;
    const U8: ElementType = ElementType::Uint8;

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
    fn what_cannot_work_is_refused_with_what_would_help() {
        let flags = |change: fn(&mut AdaptationFlags)| {
            let mut flags = float();
            change(&mut flags);
            flags
        };
        type Case<'a> = (
            ElementType,
            &'a [i64],
            AdaptationFlags,
            &'a str,
            fn(&Unusable) -> bool,
        );
        let refused: [Case<'_>; 12] = [
            (
                F32,
                &[-1, 256, 256, 3],
                AdaptationFlags::default(),
                "the file does not say",
                |it| matches!(it, Unusable::PreprocessUntold { .. }),
            ),
            (
                F32,
                &[-1, 299, 299, 3],
                float(),
                "299 × 299 pixels, expected 256 × 256",
                |it| matches!(it, Unusable::SizeOfOtherImages { size_px: 299, .. }),
            ),
            (F32, &[-1, 3, 224, 224], float(), "224 × 224", |it| {
                matches!(it, Unusable::SizeOfOtherImages { size_px: 224, .. })
            }),
            (
                F32,
                &[-1, 224, 224, 3],
                flags(|f| f.fit = Some(Fit::Pad)),
                "nothing to pad",
                |it| matches!(it, Unusable::SizeOfOtherImages { size_px: 224, .. }),
            ),
            (
                F32,
                &[-1, 299, 299, 3],
                flags(|f| f.fit = Some(Fit::Crop)),
                "nothing to crop",
                |it| matches!(it, Unusable::SizeOfOtherImages { size_px: 299, .. }),
            ),
            (F32, &[-1, -1, -1, -1], float(), "cannot be told", |it| {
                matches!(it, Unusable::LayoutUntold { .. })
            }),
            (
                F32,
                &[-1, 256, 256, 3],
                flags(|f| f.layout = Some(Layout::Nchw)),
                "as nchw it has 256 channels",
                |it| {
                    let other = Layout::Nhwc;
                    matches!(it, Unusable::WrongLayout { other: told, .. } if *told == other)
                },
            ),
            (
                F32,
                &[-1, 256, 256, 3],
                flags(|f| f.size_px = Some(224)),
                "the size is set to 224",
                |it| matches!(it, Unusable::WrongSize { .. }),
            ),
            (U8, &[-1, 256, 256, 3], float(), "cannot be scaled", |it| {
                matches!(it, Unusable::BytesScaled { .. })
            }),
            (F32, &[-1, 256, 128, 3], float(), "128 × 256 pixels", |it| {
                matches!(it, Unusable::Shape { .. })
            }),
            (
                F32,
                &[-1, 256, 256, 4],
                float(),
                "expected 3 channels",
                |it| matches!(it, Unusable::Shape { .. }),
            ),
            (F32, &[-1, 768], float(), "four dimensions", |it| {
                matches!(it, Unusable::Shape { .. })
            }),
        ];
        for (element, input, flags, reason, expected) in refused {
            let error = plan(element, input, &flags).unwrap_err();
            assert!(error.to_string().contains(reason), "{input:?}: {error}");
            assert!(expected(&error), "{input:?}: {error:?}");
        }
    }

    #[test]
    fn several_possible_outputs_need_a_name() {
        let mut signature = signature(U8, &[-1, 256, 256, 3]);
        signature.outputs.push(port("features", F32, &[-1, 2048]));
        let mut flags = AdaptationFlags::default();
        let error = Plan::of_flags(&signature, &flags).unwrap_err();
        assert!(matches!(error, Unusable::OutputUntold { .. }), "{error}");
        flags.output = Some("y".into());
        assert_eq!(Plan::of_flags(&signature, &flags).unwrap().scores, 0);
        flags.output = Some("z".into());
        let error = Plan::of_flags(&signature, &flags).unwrap_err();
        let Unusable::NoSuchOutput { outputs, .. } = error else {
            panic!("{error}");
        };
        assert!(outputs.contains("features float32 [N, 2048]"), "{outputs}");
    }
}
