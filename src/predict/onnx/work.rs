//! How much arithmetic a tile costs: counted over a model's convolutions and dense layers.
//!
//! A layer's weights say how many products each of its outputs takes, but files seldom say how large
//! its output is. So the model is run once with those outputs added to its own, and ONNX Runtime
//! tells their shapes.

use ort::{
    session::{Session, builder::GraphOptimizationLevel},
    value::{DynTensor, Shape, Tensor},
};
use prost::Message;

use super::{
    graph::{Layer, Layers},
    library::Library,
    proto::{GraphProto, ModelProto, ValueInfoProto},
};
use crate::{
    predict::{ElementType, Port, PredictError, Signature},
    tiles::TILE_SIZE_PX,
};

/// The arithmetic of one tile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    /// Billions of operations; a multiplication and an addition are two. Element by element
    /// operations, which are a small part, are not counted.
    pub gflop_per_tile: f64,
    /// Layers whose weights could not be found, which are missing in the figure.
    pub layers_uncounted: usize,
}

/// Counts a model's work, or `None` where it has no layers or its input's shape cannot be told.
///
/// `size_px` is the width and height of its images where the file leaves them open.
///
/// # Errors
/// When ONNX Runtime fails.
pub fn work(
    name: &str,
    file: &[u8],
    layers: &Layers,
    signature: &Signature,
    size_px: Option<u32>,
    library: &Library,
) -> Result<Option<Work>, PredictError> {
    let [input] = signature.inputs.as_slice() else {
        return Ok(None);
    };
    let Some((image, batch)) = blank(input, size_px.unwrap_or(TILE_SIZE_PX)) else {
        return Ok(None);
    };
    if layers.counted.is_empty() {
        return Ok(None);
    }
    let failed = |source| PredictError::Engine {
        model: name.to_owned(),
        doing: "count its work",
        source,
    };
    let known: Vec<&str> = signature
        .outputs
        .iter()
        .map(|port| port.name.as_str())
        .collect();
    let told = with_outputs(file, &layers.counted, &known);
    let mut session = Session::builder(&library.environment)
        .map_err(failed)?
        .with_intra_threads(1)
        .map_err(|error| failed(error.into()))?
        .with_optimization_level(GraphOptimizationLevel::Disable)
        .map_err(|error| failed(error.into()))?
        .commit_from_memory(&told)
        .map_err(failed)?;
    let outputs = session
        .run(ort::inputs![image.map_err(failed)?])
        .map_err(failed)?;
    let products: u64 = layers
        .counted
        .iter()
        .filter_map(|layer| {
            let shape = outputs.get(&layer.output)?.shape();
            let numbers: i64 = shape.iter().product();
            Some(layer.products * u64::try_from(numbers).ok()?)
        })
        .sum();
    Ok(Some(Work {
        gflop_per_tile: 2.0 * products as f64 / batch as f64 / 1e9,
        layers_uncounted: layers.uncounted,
    }))
}

/// A black image, or as many as the file fixes, and their number.
fn blank(input: &Port, size_px: u32) -> Option<(ort::Result<DynTensor>, i64)> {
    let batch = match input.sizes().first()? {
        open if *open < 0 => 1,
        &fixed => fixed,
    };
    let mut shape = vec![batch];
    shape.extend(
        input.sizes()[1..]
            .iter()
            .map(|&size| if size < 0 { i64::from(size_px) } else { size }),
    );
    let count = usize::try_from(shape.iter().product::<i64>()).ok()?;
    let shape = Shape::from(shape);
    let tensor = match input.element {
        ElementType::Uint8 => Tensor::from_array((shape, vec![0u8; count])).map(Tensor::upcast),
        ElementType::Float32 => Tensor::from_array((shape, vec![0f32; count])).map(Tensor::upcast),
        _ => return None,
    };
    Some((tensor, batch))
}

/// The model with the layers' outputs among its own.
///
/// The file's own bytes stay as they are, because what `proto/onnx.proto` leaves out would be lost in
/// writing it anew. In protocol buffers the parts of a message that comes twice are merged (the "Last
/// One Wins" part of protobuf's "Encoding" page), so a second graph behind the file that has outputs
/// alone adds them.
fn with_outputs(file: &[u8], layers: &[Layer], known: &[&str]) -> Vec<u8> {
    let output = layers
        .iter()
        .filter(|layer| !known.contains(&layer.output.as_str()))
        .map(|layer| ValueInfoProto {
            name: Some(layer.output.clone().into()),
            ..ValueInfoProto::default()
        })
        .collect();
    let added = ModelProto {
        graph: Some(GraphProto {
            output,
            ..GraphProto::default()
        }),
        ..ModelProto::default()
    };
    [file, &added.encode_to_vec()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict::onnx::{graph, proto::unknown_fields};

    #[test]
    fn outputs_are_added_and_no_byte_of_the_file_changes() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/fixtures/models/nhwc_probabilities.onnx"
        );
        let file = [std::fs::read(path).unwrap(), unknown_fields()].concat();
        let layers = graph::read(file.clone().into()).unwrap().layers.counted;
        let told = with_outputs(&file, &layers, &["scores"]);
        assert_eq!(told[..file.len()], file);
        let graph = ModelProto::decode(&told[..]).unwrap().graph.unwrap();
        let names: Vec<&[u8]> = graph.output.iter().map(ValueInfoProto::name).collect();
        let added = layers.iter().map(|layer| layer.output.as_bytes());
        let expected: Vec<&[u8]> = std::iter::once(&b"scores"[..]).chain(added).collect();
        assert_eq!(names, expected);
    }
}
